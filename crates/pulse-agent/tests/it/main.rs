//! The agent against real parts: an HTTP server on loopback, and a container engine where one can be had.

#[cfg(test)]
mod cluster;
#[cfg(test)]
mod day;
#[cfg(test)]
mod dead_mount;
#[cfg(test)]
mod docker;
#[cfg(test)]
mod fake_engine;
#[cfg(test)]
mod manifests;
#[cfg(test)]
mod program;
#[cfg(test)]
mod registry;
#[cfg(test)]
mod reports;
#[cfg(test)]
mod server;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod weather;
