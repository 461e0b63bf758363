//! What the guest agent of a virtual machine answers, passed on by its node.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Context,
    reply::{Outcome, Refusal, denied, failed},
};
use crate::{
    PveVersion,
    estate::{
        AgentState, FileSystemLayout, GuestKind, GuestStatus, GuestTruth, plan::MIB, stored::memory_visible,
    },
    net::Reply,
    options::Rights,
};

/// A dead agent is waited for this long.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The guest, if its agent answers.
fn answering<'a>(context: &'a Context<'_>, privilege: [&str; 2]) -> Result<&'a GuestTruth, Refusal> {
    let guest = context.guest(GuestKind::Qemu)?;
    let vmid = guest.plan.vmid;
    let is_new = context.version >= PveVersion::V9_1;
    let is_allowed = match context.rights() {
        Rights::Full => true,
        Rights::Auditor => !is_new || privilege[1] == "VM.GuestAgent.Audit",
        Rights::NoAgent => false,
    };
    if !is_allowed {
        return Err(denied(&format!("/vms/{vmid}"), privilege[usize::from(is_new)]).into());
    }
    match guest.status {
        GuestStatus::Running => {}
        GuestStatus::Paused => {
            return Err(failed(&format!("VM {vmid} qmp command 'guest-ping' failed - got timeout")).into());
        }
        GuestStatus::Stopped | GuestStatus::Unknown => {
            return Err(failed(&format!("VM {vmid} is not running")).into());
        }
    }
    if context.pve.estate.disturbs(guest) {
        let text = format!("VM {vmid} qmp command 'guest-ping' failed - got timeout");
        return Err(Refusal::from(Reply { delay: TIMEOUT, ..failed(&text) }));
    }
    match guest.agent {
        AgentState::Running => Ok(guest),
        AgentState::Off => Err(failed("No QEMU guest agent configured").into()),
        AgentState::Dead => {
            Err(Refusal::from(Reply { delay: TIMEOUT, ..failed("QEMU guest agent is not running") }))
        }
        AgentState::Slow => {
            let text = format!("VM {vmid} qmp command 'guest-ping' failed - got timeout");
            Err(Refusal::from(Reply { delay: TIMEOUT * 2, ..failed(&text) }))
        }
    }
}

const AUDIT: [&str; 2] = ["VM.Monitor", "VM.GuestAgent.Audit"];
const FILES: [&str; 2] = ["VM.Monitor", "VM.GuestAgent.FileRead"];

fn is_windows(guest: &GuestTruth) -> bool {
    guest.plan.file_system == FileSystemLayout::Windows
}

fn result(value: Value) -> Value {
    json!({ "result": value })
}

pub(super) fn filesystems(context: &Context<'_>) -> Outcome {
    let guest = answering(context, AUDIT)?;
    let (size, used) = (guest.plan.disk, guest.disk_used);
    let disk = |device: &str| {
        json!([{
            "bus": 0, "bus-type": "scsi", "dev": device, "target": 0, "unit": 0,
            "pci-controller": { "bus": 9, "domain": 0, "function": 0, "slot": 1 },
        }])
    };
    let one = |name: &str, device: &str, place: &str, kind: &str, size: u64, used: u64| {
        json!({ "disk": disk(device), "mountpoint": place, "name": name, "total-bytes": size, "type": kind,
                "used-bytes": used })
    };
    let mut list = match guest.plan.file_system {
        FileSystemLayout::Windows => vec![
            one("\\\\?\\Volume{c}\\", "\\\\.\\PhysicalDrive0", "C:\\", "NTFS", size, used),
            one(
                "\\\\?\\Volume{r}\\",
                "\\\\.\\PhysicalDrive0",
                "System Reserved",
                "NTFS",
                100 * MIB,
                30 * MIB,
            ),
        ],
        FileSystemLayout::Plain => vec![one("sda1", "/dev/sda1", "/", "ext4", size, used)],
        // Two volumes on one partition: together they are the disk.
        FileSystemLayout::Lvm => vec![
            one("dm-0", "/dev/sda3", "/", "ext4", size / 2, used / 2),
            one("dm-1", "/dev/sda3", "/home", "xfs", size - size / 2, used - used / 2),
        ],
        FileSystemLayout::Btrfs => vec![
            one("sda2", "/dev/sda2", "/", "btrfs", size, used),
            one("sda2", "/dev/sda2", "/home", "btrfs", size, used),
            one("sda2", "/dev/sda2", "/var/lib", "btrfs", size, used),
        ],
        FileSystemLayout::Zfs => {
            let free = size - used;
            let (a, b) = (used / 3, used - used / 3);
            vec![
                one("rpool/ROOT/debian", "/dev/sda3", "/", "zfs", free + a, a),
                one("rpool/data", "/dev/sda3", "/srv", "zfs", free + b, b),
            ]
        }
    };
    if !is_windows(guest) {
        list.push(one("sda15", "/dev/sda15", "/boot/efi", "vfat", 124 * MIB, 6 * MIB));
        list.push(json!({ "disk": [], "mountpoint": "/snap/core20/1587", "name": "loop0",
                          "total-bytes": 62 * MIB, "type": "squashfs", "used-bytes": 62 * MIB }));
    }
    Ok(result(Value::Array(list)))
}

/// A file of the guest: only what tells its memory.
pub(super) fn file(context: &Context<'_>) -> Outcome {
    let guest = answering(context, FILES)?;
    if context.parameter("file") != Some("/proc/meminfo") || is_windows(guest) {
        let text = format!(
            "VM {} qmp command 'guest-file-open' failed - failed to open file '{}' (mode: 'r'): No such file or directory",
            guest.plan.vmid,
            context.parameter("file").unwrap_or_default()
        );
        return Err(failed(&text).into());
    }
    let total = memory_visible(guest.plan.memory);
    let available = total - guest.memory_inside.min(total);
    let content = format!(
        "MemTotal:       {:>8} kB\nMemFree:        {:>8} kB\nMemAvailable:   {:>8} kB\nBuffers:           20480 kB\n\
         SwapTotal:        524288 kB\nSwapFree:         524288 kB\n",
        total / 1024,
        available / 4 / 1024,
        available / 1024
    );
    Ok(json!({ "content": content }))
}

pub(super) fn interfaces(context: &Context<'_>) -> Outcome {
    let guest = answering(context, AUDIT)?;
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
    let guest = answering(context, AUDIT)?;
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
    answering(context, AUDIT)?;
    let commands =
        ["guest-ping", "guest-info", "guest-get-fsinfo", "guest-get-osinfo", "guest-network-get-interfaces"];
    let list: Vec<_> = commands
        .into_iter()
        .map(|name| json!({ "enabled": true, "name": name, "success-response": true }))
        .collect();
    Ok(result(json!({ "supported_commands": list, "version": "9.2.0" })))
}
