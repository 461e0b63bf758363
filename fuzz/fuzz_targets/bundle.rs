//! A bundle in each of its forms, and the document in it.
#![no_main]

#[path = "../targets/bundle.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| target::run(bytes));
