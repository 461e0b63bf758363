//! `Authorization`, `?token=`, lists of scopes, tokens of the environment, licences.
#![no_main]

#[path = "../targets/token.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| target::run(bytes));
