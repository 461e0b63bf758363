//! The client against real sockets: hand-made servers for every way to fail, and the simulated cluster for figures.

#[cfg(test)]
mod authority;
#[cfg(test)]
mod backup_server;
#[cfg(test)]
mod details;
#[cfg(test)]
mod discovery;
#[cfg(test)]
mod examples;
#[cfg(test)]
mod failures;
#[cfg(test)]
mod mail_gateway;
mod mutated;
#[cfg(test)]
mod polling;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod server;
#[cfg(test)]
mod simulated;
#[cfg(test)]
mod soak;
#[cfg(test)]
mod support;
