//! The engine through its public face: its laws as properties, and stories as lists of notices.

#[cfg(test)]
mod laws;
#[cfg(test)]
mod stories;
#[cfg(test)]
mod types;
#[cfg(test)]
mod world;
