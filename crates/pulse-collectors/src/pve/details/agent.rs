//! The guest agent's answers, passed on by the node.

use pulse_core::{
    Missing,
    model::{FailureClass, MemoryUse, NetworkInterface},
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    super::wire::{Unreadable, object},
    file_systems,
    wire::{
        Address, AgentError, AgentInterface, AgentResult, AgentVersion, FileContent, MountedFileSystem,
        OsInfo,
    },
};
use crate::{
    details::{AgentAnswer, AgentQuestion, AgentRefusal},
    error::PollError,
    lenient,
};

/// What cannot be told more precisely: the agent's own words may hold anything.
const FAILED: &str = "the guest agent answered with an error";
/// No machine has more interfaces that anybody looks at.
const MOST_INTERFACES: usize = 128;

/// The call behind a question.
pub(super) fn command(question: AgentQuestion) -> &'static str {
    match question {
        AgentQuestion::FileSystems => "get-fsinfo",
        AgentQuestion::Memory => "file-read?file=/proc/meminfo",
        AgentQuestion::Network => "network-get-interfaces",
        AgentQuestion::OperatingSystem => "get-osinfo",
        AgentQuestion::Version => "info",
    }
}

/// Reads the answer to a question.
pub(super) fn answer(question: AgentQuestion, body: &str) -> Result<AgentAnswer, Unreadable> {
    match question {
        AgentQuestion::FileSystems => {
            let (space, list) = file_systems::real(&results::<MountedFileSystem<'_>>(body)?);
            Ok(AgentAnswer::FileSystems { space, list })
        }
        AgentQuestion::Memory => {
            let file: FileContent<'_> = object(body)?;
            file.content
                .as_str()
                .and_then(available)
                .map(AgentAnswer::Memory)
                .ok_or_else(|| "the guest's /proc/meminfo has no MemTotal and MemAvailable".to_owned())
        }
        AgentQuestion::Network => {
            let rows: Vec<AgentInterface<'_>> = results(body)?;
            Ok(AgentAnswer::Network(rows.iter().take(MOST_INTERFACES).filter_map(interface).collect()))
        }
        AgentQuestion::OperatingSystem => {
            let os: OsInfo<'_> = result(body)?;
            let name = os.name.to_name().or_else(|| os.pretty_name.to_name());
            // Windows repeats its name in the version; the pretty name has the edition.
            let version = match (os.version.as_str(), os.pretty_name.as_str()) {
                (Some(version), Some(pretty)) if version.starts_with("Microsoft Windows") => Some(pretty),
                (version, _) => version.or(os.version_id.as_str()),
            };
            Ok(AgentAnswer::OperatingSystem { name, version: version.map(lenient::name) })
        }
        AgentQuestion::Version => {
            let info: AgentVersion<'_> = result(body)?;
            Ok(AgentAnswer::Version(info.version.to_name()))
        }
    }
}

/// The agent's own answer is one level deeper. Where it is an error, the agent could not do it.
fn result<'a, T: Deserialize<'a>>(body: &'a str) -> Result<T, Unreadable> {
    let outer: AgentResult<'a> = object(body)?;
    let raw = outer.result.0.ok_or_else(|| "the guest agent's answer is empty".to_owned())?;
    // A list of one would pass for a structure of one field.
    let is_error = raw.get().starts_with('{')
        && serde_json::from_str::<AgentError<'_>>(raw.get()).is_ok_and(|error| error.error.0.is_some());
    if is_error {
        return Err(FAILED.to_owned());
    }
    serde_json::from_str(raw.get()).map_err(|_| FAILED.to_owned())
}

/// The same for a list; an item of another shape is left out.
fn results<'a, T: Deserialize<'a>>(body: &'a str) -> Result<Vec<T>, Unreadable> {
    let items: Vec<&'a RawValue> = result(body)?;
    Ok(items.into_iter().filter_map(|item| serde_json::from_str(item.get()).ok()).collect())
}

/// `MemTotal` and `MemAvailable`, which only Linux writes. Swap where it is there.
fn available(meminfo: &str) -> Option<MemoryUse> {
    let field = |name: &str| -> Option<u64> {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
    };
    let (total, available) = (field("MemTotal")?, field("MemAvailable")?);
    let mut memory = MemoryUse::new(total, total.saturating_sub(available))?;
    if let (Some(total), Some(free)) = (field("SwapTotal"), field("SwapFree")) {
        memory.swap_total_bytes = Some(total);
        memory.swap_used_bytes = Some(total.saturating_sub(free));
    }
    Some(memory)
}

fn interface(row: &AgentInterface<'_>) -> Option<NetworkInterface> {
    let statistics = row.statistics.0.unwrap_or_default();
    let interface = NetworkInterface {
        name: row.name.to_name()?,
        mac: mac(row.hardware_address.as_str()),
        addresses: row.ip_addresses.0.iter().filter_map(address).collect(),
        received_bytes: statistics.received.0,
        sent_bytes: statistics.sent.0,
        speed_mbps: None,
    };
    let is_used = !interface.addresses.is_empty() || interface.received_bytes.unwrap_or(0) > 0;
    (is_used && !interface.name.starts_with("lo") && !interface.name.starts_with("Loopback"))
        .then_some(interface)
}

/// A hardware address that means something.
pub(super) fn mac(text: Option<&str>) -> Option<String> {
    text.filter(|mac| mac.chars().any(|c| c.is_ascii_hexdigit() && c != '0')).map(str::to_lowercase)
}

/// An address that others can use, with its prefix length.
pub(super) fn address(row: &Address<'_>) -> Option<String> {
    let ip = row.address.as_str()?;
    is_reachable(ip).then(|| match row.prefix.as_str() {
        Some(prefix) => format!("{ip}/{prefix}"),
        None => ip.to_owned(),
    })
}

/// Neither the machine itself nor the local link.
pub(super) fn is_reachable(ip: &str) -> bool {
    match ip.split('%').next().unwrap_or(ip).parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(ip)) => !ip.is_loopback() && !ip.is_link_local() && !ip.is_unspecified(),
        Ok(std::net::IpAddr::V6(ip)) => {
            !ip.is_loopback() && !ip.is_unspecified() && (ip.segments()[0] & 0xffc0) != 0xfe80
        }
        Err(_) => false,
    }
}

/// Why the agent did not answer. Proxmox tells the reasons apart in words only.
pub(super) fn refusal(error: PollError) -> AgentRefusal {
    let says = |words: &[&str]| match &error {
        PollError::Status { text, .. } => words.iter().any(|word| text.contains(word)),
        _ => false,
    };
    let why = match error.class() {
        FailureClass::Permission => Missing::PermissionDenied,
        FailureClass::Timeout => Missing::AgentTimeout,
        _ if says(&["got timeout", "timed out"]) => Missing::AgentTimeout,
        _ if says(&["No QEMU guest agent configured"]) => Missing::AgentDisabled,
        _ if says(&["guest agent is not running", "guest agent not running"]) => Missing::AgentNotRunning,
        _ if says(&["is not running"]) => Missing::Stopped,
        FailureClass::Connection => Missing::Offline,
        _ => Missing::AgentError,
    };
    AgentRefusal { why, error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn available_memory_is_what_the_guest_says_is_available() {
        let file = "MemTotal:        8000 kB\nMemFree:          500 kB\nMemAvailable:    6000 kB\nCached: 5500 kB\nSwapTotal: 100 kB\nSwapFree: 40 kB\n";
        let memory = available(file).unwrap();
        assert_eq!((memory.total_bytes, memory.used_bytes), (8000 << 10, 2000 << 10));
        assert_eq!((memory.swap_total_bytes, memory.swap_used_bytes), (Some(100 << 10), Some(60 << 10)));
        for odd in [
            "",
            "MemTotal: 8000 kB",
            "MemTotal: x kB\nMemAvailable: 1 kB",
            "MemTotal: 0 kB\nMemAvailable: 0 kB",
        ] {
            assert_eq!(available(odd), None, "{odd}");
        }
        // More available than there is: nothing is used.
        assert_eq!(available("MemTotal: 1 kB\nMemAvailable: 9 kB").unwrap().used_bytes, 0);
    }

    #[test]
    fn refusals_get_their_reason() {
        let status = |text: &str| PollError::Status {
            host: "h".into(),
            call: "c".into(),
            status: 500,
            text: text.into(),
        };
        for (text, why) in [
            ("No QEMU guest agent configured", Missing::AgentDisabled),
            ("QEMU guest agent is not running", Missing::AgentNotRunning),
            ("VM 100 qmp command 'guest-get-fsinfo' failed - got timeout", Missing::AgentTimeout),
            ("VM 100 is not running", Missing::Stopped),
            ("VM 100 qmp command 'guest-get-fsinfo' failed - unable to read", Missing::AgentError),
        ] {
            assert_eq!(refusal(status(text)).why, why, "{text}");
        }
        let denied =
            PollError::Permission { host: "h".into(), call: "c".into(), detail: "VM.Monitor".into() };
        assert_eq!(refusal(denied).why, Missing::PermissionDenied);
    }

    #[test]
    fn loopback_link_local_and_silent_interfaces_are_left_out() {
        let body = r#"{"data":{"result":[
            {"name":"lo","ip-addresses":[{"ip-address":"127.0.0.1","prefix":8}]},
            {"name":"eth0","hardware-address":"BC:24:11:00:00:0A","statistics":{"rx-bytes":5,"tx-bytes":"6"},
             "ip-addresses":[{"ip-address":"192.0.2.7","prefix":24},{"ip-address":"fe80::1","prefix":64}]},
            {"name":"dummy0","hardware-address":"00:00:00:00:00:00"}, 7, null]}}"#;
        let AgentAnswer::Network(list) = answer(AgentQuestion::Network, body).unwrap() else { panic!() };
        let [eth] = list.as_slice() else { panic!("{list:?}") };
        assert_eq!((eth.name.as_str(), eth.mac.as_deref()), ("eth0", Some("bc:24:11:00:00:0a")));
        assert_eq!((eth.addresses.as_slice(), eth.sent_bytes), (&["192.0.2.7/24".to_owned()][..], Some(6)));
    }

    #[test]
    fn a_list_of_one_is_no_error() {
        let body = r#"{"data":{"result":[{"name":"sda1","mountpoint":"/","type":"ext4","total-bytes":9,"used-bytes":4}]}}"#;
        let AgentAnswer::FileSystems { list, .. } = answer(AgentQuestion::FileSystems, body).unwrap() else {
            panic!()
        };
        assert_eq!(list.len(), 1);
    }

    #[test]
    fn an_error_inside_the_answer_is_no_empty_answer() {
        let body = r#"{"data":{"result":{"error":{"class":"GenericError","desc":"no"}}}}"#;
        for question in [AgentQuestion::FileSystems, AgentQuestion::Network, AgentQuestion::OperatingSystem] {
            assert!(answer(question, body).is_err());
        }
        assert!(answer(AgentQuestion::OperatingSystem, r#"{"data":{}}"#).is_err());
    }
}
