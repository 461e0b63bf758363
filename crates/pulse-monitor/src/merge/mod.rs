//! How an update becomes part of the world, one module per source. Pure functions.

pub(crate) mod arrival;
pub(crate) mod details;
pub(crate) mod docker;
pub(crate) mod host;
pub(crate) mod kubernetes;
pub(crate) mod pbs;
pub(crate) mod pmg;
pub(crate) mod pve;
