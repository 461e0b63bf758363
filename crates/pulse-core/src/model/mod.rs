//! The state of the monitored world, product by product. Units stand in the names; a value that was not
//! measured is a [`crate::Reading::Unknown`] or `None`, never 0.

mod alert;
mod backup;
mod ceph;
mod disk;
mod docker;
mod guest;
mod host;
mod instance;
mod kubernetes;
mod node;
mod pbs;
mod pmg;
mod replication;
mod storage;
mod usage;

pub use alert::*;
pub use backup::*;
pub use ceph::*;
pub use disk::*;
pub use docker::*;
pub use guest::*;
pub use host::*;
pub use instance::*;
pub use kubernetes::*;
pub use node::*;
pub use pbs::*;
pub use pmg::*;
pub use replication::*;
pub use storage::*;
pub use usage::*;
