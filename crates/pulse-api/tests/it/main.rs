//! The API through its router, with real files and a real history; only Proxmox is a stand-in.

#[cfg(test)]
mod alerts;
#[cfg(test)]
mod appliances;
#[cfg(test)]
mod attacks;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod backups;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod clients;
#[cfg(test)]
mod connect;
#[cfg(test)]
mod contract_routes;
#[cfg(test)]
mod document;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod downloads;
#[cfg(test)]
mod fleet;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod gate;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod holes;
#[cfg(test)]
mod https;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod live;
#[cfg(test)]
mod login;
#[cfg(test)]
mod logs;
#[cfg(test)]
#[path = "../../../pulse-notify/tests/it/mail_server.rs"]
mod mail_server;
#[cfg(test)]
mod metadata;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod mock_mode;
#[cfg(test)]
mod night;
#[cfg(test)]
mod nodes;
#[cfg(test)]
mod notifications;
#[cfg(test)]
mod oidc;
#[cfg(test)]
mod perimeter;
#[cfg(test)]
mod profiles;
#[cfg(test)]
#[path = "../../../pulse-notify/tests/it/python.rs"]
mod python;
#[cfg(test)]
mod reinstall;
#[cfg(test)]
mod remote_exec;
#[cfg(test)]
mod reports;
#[cfg(test)]
mod rights;
#[cfg(test)]
mod roles;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod setup;
#[cfg(test)]
mod soak;
#[cfg(test)]
mod state;
#[cfg(test)]
mod subpath;
#[cfg(test)]
mod system;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod transfer;
