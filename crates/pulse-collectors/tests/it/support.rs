//! What the tests share.

use std::time::Duration;

use pulse_collectors::Timeouts;
use pulse_config::{PveInstance, Secret};
use pulse_core::ids::InstanceName;

/// The secret that must never be seen in an error.
pub const SECRET: &str = "5ec4e7aa-7aa7-4aa7-8aa7-5ec4e75ec4e7";

/// Long enough for a busy machine, short enough for a test of a hang.
pub const TIMEOUTS: Timeouts = Timeouts { connect: Duration::from_secs(5), request: Duration::from_secs(10) };

/// An instance with a token and without any check of certificates.
pub fn instance(host: &str) -> PveInstance {
    PveInstance {
        token_name: Some("mon@pve!pulse".into()),
        token_value: Some(Secret::new(SECRET)),
        ..PveInstance::new(InstanceName::from("lab"), host.to_owned())
    }
}

pub fn fixture(name: &str) -> String {
    let path = format!("{}/tests/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}
