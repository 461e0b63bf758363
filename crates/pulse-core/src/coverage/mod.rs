//! Whose backup is it, and who has none.
//!
//! A backup knows the number of its guest and nothing else that is certain. Two clusters that share a backup server
//! both have a VM 100, and a number is used again after its guest was removed. So a backup is given to a guest only
//! where something besides the number says so, or where nobody else could have it; what remains is *ambiguous*, with its
//! candidates, and is never counted for anybody.
//!
//! * [`attribute`]: each group of a backup server, with the evidence that decided.
//! * [`Coverage`]: each guest with its backups, and what belongs to nobody.
//!
//! See docs/backups.md for the rules in words. Pure: a snapshot in, an answer out.

mod attribution;
mod guests;

pub use attribution::{Attribution, Candidate, Evidence, attribute};
pub use guests::{Coverage, GuestCoverage, Source, SourceKind, State, Stray, StrayKind};

#[cfg(test)]
mod tests;
