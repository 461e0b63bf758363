//! `Cookie` headers, and cookies of sessions.
#![no_main]

#[path = "../targets/cookie.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| target::run(bytes));
