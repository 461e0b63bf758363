//! What is decided about the machines that agents report, beside what they report.

pub mod config;
