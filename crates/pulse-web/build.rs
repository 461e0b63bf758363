//! Tells cargo when the built page changed, so that a release build embeds the new one.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // A debug build reads the page from disk while it runs: rebuilding this crate, and everything
    // above it, each time the page is built would be for nothing.
    if std::env::var_os("CARGO_CFG_DEBUG_ASSERTIONS").is_none() {
        println!("cargo::rerun-if-changed=app/dist");
    }
}
