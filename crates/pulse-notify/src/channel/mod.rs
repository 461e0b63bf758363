//! One module per kind of destination: each turns a message into what its receiver documents, and sends it.

pub mod apprise;
pub mod email;
pub mod email_body;
pub mod run_command;
pub mod webhook;
