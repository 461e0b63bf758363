//! Sets of keys, ID tokens, and the claims in them.
#![no_main]

#[path = "../targets/id_token.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| target::run(bytes));
