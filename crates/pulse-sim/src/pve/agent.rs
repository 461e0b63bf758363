//! What the guest agent of a virtual machine answers, passed on by its node.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Context,
    reply::{Outcome, Refusal, failed},
};
use crate::{
    estate::{AgentState, GuestKind, GuestTruth, plan::MIB},
    net::Reply,
};

/// A dead agent is waited for this long.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The guest, if its agent answers.
fn answering<'a>(context: &'a Context<'_>) -> Result<&'a GuestTruth, Refusal> {
    let guest = context.guest(GuestKind::Qemu)?;
    if !guest.is_running() {
        return Err(failed(&format!("VM {} is not running", guest.plan.vmid)).into());
    }
    match guest.plan.agent {
        AgentState::Running => Ok(guest),
        AgentState::Off => Err(failed("No QEMU guest agent configured").into()),
        AgentState::Dead => {
            Err(Refusal::from(Reply { delay: TIMEOUT, ..failed("QEMU guest agent is not running") }))
        }
    }
}

fn is_windows(guest: &GuestTruth) -> bool {
    guest.plan.os_type.starts_with("win")
}

fn result(value: Value) -> Value {
    json!({ "result": value })
}

pub(super) fn filesystems(context: &Context<'_>) -> Outcome {
    let guest = answering(context)?;
    let plan = &*guest.plan;
    let disk = |device: &str| {
        json!([{
            "bus": 0, "bus-type": "scsi", "dev": device, "target": 0, "unit": 0,
            "pci-controller": { "bus": 9, "domain": 0, "function": 0, "slot": 1 },
        }])
    };
    Ok(result(if is_windows(guest) {
        json!([
            { "disk": disk("\\\\.\\PhysicalDrive0"), "mountpoint": "C:\\", "name": "\\\\?\\Volume{c}\\",
              "total-bytes": plan.disk, "type": "NTFS", "used-bytes": guest.disk_used },
            { "disk": disk("\\\\.\\PhysicalDrive0"), "mountpoint": "System Reserved", "name": "\\\\?\\Volume{r}\\",
              "total-bytes": 100 * MIB, "type": "NTFS", "used-bytes": 30 * MIB },
        ])
    } else {
        json!([
            { "disk": disk("/dev/sda1"), "mountpoint": "/", "name": "sda1",
              "total-bytes": plan.disk, "type": "ext4", "used-bytes": guest.disk_used },
            { "disk": disk("/dev/sda15"), "mountpoint": "/boot/efi", "name": "sda15",
              "total-bytes": 124 * MIB, "type": "vfat", "used-bytes": 6 * MIB },
            { "disk": [], "mountpoint": "/snap/core20/1587", "name": "loop0",
              "total-bytes": 62 * MIB, "type": "squashfs", "used-bytes": 62 * MIB },
        ])
    }))
}

pub(super) fn interfaces(context: &Context<'_>) -> Outcome {
    let guest = answering(context)?;
    let statistics = |received: u64, sent: u64| {
        json!({
            "rx-bytes": received, "rx-dropped": 0, "rx-errs": 0, "rx-packets": received / 800,
            "tx-bytes": sent, "tx-dropped": 0, "tx-errs": 0, "tx-packets": sent / 800,
        })
    };
    let names = if is_windows(guest) { ["Loopback Pseudo-Interface 1", "Ethernet"] } else { ["lo", "eth0"] };
    Ok(result(json!([
        { "hardware-address": "00:00:00:00:00:00", "name": names[0], "statistics": statistics(4_000, 4_000),
          "ip-addresses": [
            { "ip-address": "127.0.0.1", "ip-address-type": "ipv4", "prefix": 8 },
            { "ip-address": "::1", "ip-address-type": "ipv6", "prefix": 128 } ] },
        { "hardware-address": guest.plan.mac().to_lowercase(), "name": names[1],
          "statistics": statistics(guest.net_in, guest.net_out),
          "ip-addresses": [
            { "ip-address": guest.plan.address(), "ip-address-type": "ipv4", "prefix": 8 },
            { "ip-address": "fe80::be24:11ff:fe00:1", "ip-address-type": "ipv6", "prefix": 64 } ] },
    ])))
}

pub(super) fn os(context: &Context<'_>) -> Outcome {
    let guest = answering(context)?;
    Ok(result(if is_windows(guest) {
        json!({
            "id": "mswindows", "kernel-release": "22631", "kernel-version": "10.0", "machine": "x86_64",
            "name": "Microsoft Windows", "pretty-name": "Windows 11 Pro", "variant": "client", "version": "Microsoft Windows 11",
            "version-id": "11",
        })
    } else {
        json!({
            "id": "debian", "kernel-release": "6.12.48+deb13-amd64", "kernel-version": "#1 SMP PREEMPT_DYNAMIC",
            "machine": "x86_64", "name": "Debian GNU/Linux", "pretty-name": "Debian GNU/Linux 13 (trixie)",
            "version": "13 (trixie)", "version-id": "13",
        })
    }))
}

pub(super) fn info(context: &Context<'_>) -> Outcome {
    answering(context)?;
    let commands =
        ["guest-ping", "guest-info", "guest-get-fsinfo", "guest-get-osinfo", "guest-network-get-interfaces"];
    let list: Vec<_> = commands
        .into_iter()
        .map(|name| json!({ "enabled": true, "name": name, "success-response": true }))
        .collect();
    Ok(result(json!({ "supported_commands": list, "version": "9.2.0" })))
}
