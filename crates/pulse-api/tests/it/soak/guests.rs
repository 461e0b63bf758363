//! Guests: what every poll reads, and what guest agents told lately.

use pulse_sim::{AgentState, GuestKind, GuestStatus, GuestTruth};
use serde_json::Value;

use super::figures::{Look, Row};

/// What guest agents told may be so old, in seconds: memory, and file systems while nobody asks; a poll more.
const MEMORY_SECONDS: i64 = 11 * 60 + 300;
const LOCKED_SECONDS: i64 = 24 * 3_600;

/// What was read with this poll.
pub fn fresh(row: &mut Row<'_>, truth: &GuestTruth, look: &Look<'_>) {
    let plan = &truth.plan;
    let status = match truth.status {
        GuestStatus::Running => "running",
        GuestStatus::Paused => "paused",
        GuestStatus::Stopped => "stopped",
        GuestStatus::Unknown => "unknown",
    };
    // Only the node itself tells that a guest is halted.
    if truth.status != GuestStatus::Paused || look.is_clean {
        row.same("status", status);
    }
    if row.row["status"] == "unknown" {
        return;
    }
    row.same("node", &*truth.node);
    row.same("cpus", plan.cpus);
    let lock = row.row.get("lock").and_then(Value::as_str);
    row.holds("lock", lock == truth.lock);
    row.holds("haState", row.row.get("haState").is_some() == plan.is_ha);
    if !truth.has_process() {
        for field in ["cpu", "networkIn", "networkOut", "diskRead", "diskWrite"] {
            row.near(field, 0.0, 0.0);
        }
        row.same("uptime", 0);
        return;
    }
    if !row.is_missing("cpu") {
        row.near("cpu", truth.cpu, 0.000_051);
    }
    if !row.is_missing("uptime") && truth.status == GuestStatus::Running {
        row.same("uptime", truth.uptime);
    }
    for field in ["networkIn", "networkOut", "diskRead", "diskWrite"] {
        // How much it is, is compared with the polls before: see `rates`.
        row.holds(field, row.get(field).is_u64());
    }
    if row.is_missing("memory") {
        assert!(!look.is_clean, "{}", row.row);
    } else {
        memory(row, truth, look);
    }
    if plan.kind == GuestKind::Lxc && !row.is_missing("disk") && row.row.get("disk").is_some() {
        row.amount("disk", plan.disk, truth.disk_used);
    }
}

fn memory(row: &mut Row<'_>, truth: &GuestTruth, look: &Look<'_>) {
    let plan = &truth.plan;
    let source = row.get("memorySource").as_str().unwrap_or_default().to_owned();
    let used = row.get("mem").as_u64().unwrap();
    row.same("maxmem", plan.memory);
    row.amount("memory", plan.memory, used);
    if source == "guest-agent" {
        let was_so = look.past.lately(MEMORY_SECONDS, |then| {
            then.guest_on(plan.vmid, &truth.node).is_some_and(|guest| guest.memory_inside == used)
        });
        row.holds("mem", was_so && plan.kind == GuestKind::Qemu && truth.agent != AgentState::Off);
        row.same("memory.swapTotal", 512_u64 << 20);
        row.same("memory.swapUsed", 0);
    } else {
        row.same("mem", truth.memory_used);
    }
    if row.row["memory"].get("balloon").is_some() {
        row.same("memory.balloon", plan.memory);
    }
    let is_known = match (source.as_str(), plan.kind) {
        ("listing", _) => plan.kind == GuestKind::Lxc || !look.is_clean,
        ("balloon", GuestKind::Qemu) => plan.has_balloon,
        ("status-current", GuestKind::Qemu) => !plan.has_balloon,
        ("guest-agent", GuestKind::Qemu) => true,
        _ => false,
    };
    row.holds("memorySource", is_known);
}

/// What guest agents told, and what is read of containers now and then.
pub fn slow(row: &mut Row<'_>, truth: &GuestTruth, look: &Look<'_>) {
    let plan = &truth.plan;
    if let Some(at) = row.row.get("lastBackup").and_then(Value::as_i64) {
        let at = at / 1_000;
        // A backup that is dated into the future by a wrong clock was made at the last poll at the latest.
        let is_as_late_as_may_be = look.now.as_second() - at <= look.since_polled();
        let is_it = |newest: Option<i64>| {
            newest == Some(at) || (is_as_late_as_may_be && newest.is_some_and(|newest| newest > at))
        };
        // The cluster tells of it, or the backup server does, whose clock is another one.
        let kind = if plan.kind == GuestKind::Qemu { "vm" } else { "ct" };
        let was_newest = look.past.lists_lately(look.slow(), |then| {
            let of_guest = then.backups.iter().filter(|backup| backup.vmid == plan.vmid);
            let groups = then.groups.iter().filter(|group| {
                group.kind == kind && group.id == plan.vmid.to_string() && group.namespace.is_empty()
            });
            is_it(of_guest.map(|backup| backup.at as i64).max())
                || is_it(groups.flat_map(|group| &group.backups).map(|backup| backup.at as i64).max())
        });
        row.holds("lastBackup", was_newest);
    }
    let addresses: Vec<&str> = row
        .row
        .get("ipAddresses")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if !addresses.is_empty() {
        row.holds("ipAddresses[]", addresses == [plan.address()]);
    }
    interfaces(row, truth, look);
    if plan.kind == GuestKind::Lxc {
        return;
    }
    // Nobody visits a guest that is locked, or whose node works on many or cannot be asked.
    let held = if look.is_calm { look.slow() } else { LOCKED_SECONDS };
    let reason = row.row.get("diskStatusReason").and_then(Value::as_str);
    if let Some(reason) = reason {
        let is_known = matches!(
            reason,
            "vm-stopped"
                | "agent-disabled"
                | "agent-not-running"
                | "agent-timeout"
                | "agent-error"
                | "no-status"
                | "permission-denied"
        );
        row.holds("diskStatusReason", is_known);
        if look.is_calm && truth.status == GuestStatus::Running {
            let expect = match truth.agent {
                AgentState::Off => "agent-disabled",
                AgentState::Dead => "agent-not-running",
                AgentState::Slow => "agent-timeout",
                AgentState::Running => "",
            };
            row.same("diskStatusReason", expect);
        }
        // The size of the disk is known all the same.
        if row.row.get("disk").is_some() {
            row.same("disk.total", plan.disk);
            row.same("disk.usage", -1.0);
        }
        return;
    }
    if row.row.get("disk").is_none() {
        return;
    }
    let used = row.get("disk.used").as_u64().unwrap();
    let was_so = look.past.lately(held, |then| {
        then.guest_on(plan.vmid, &truth.node).is_some_and(|guest| guest.disk_used == used)
    });
    row.holds("disk.used", was_so);
    row.amount("disk", plan.disk, used);
    let mut sum = [0_u64; 2];
    for disk in row.row.get("disks").and_then(Value::as_array).into_iter().flatten() {
        let of = |field: &str| disk[field].as_u64().unwrap();
        assert!(of("used") <= of("total") && of("free") <= of("total"), "{disk}");
        let usage = of("used") as f64 / of("total") as f64 * 100.0;
        assert!((disk["usage"].as_f64().unwrap() - usage).abs() < 0.006, "{disk}");
        sum[0] += of("used");
        sum[1] = sum[1].max(of("total"));
    }
    // Subvolumes of one file system show the same figure each, so that their sum may be more.
    row.holds("disks[].used", sum[0] >= used && sum[1] <= plan.disk);
    for field in ["disks[].total", "disks[].free", "disks[].usage"] {
        row.mark(field);
    }
}

fn interfaces(row: &mut Row<'_>, truth: &GuestTruth, look: &Look<'_>) {
    let plan = &truth.plan;
    for interface in row.row.get("networkInterfaces").and_then(Value::as_array).into_iter().flatten() {
        let mac = interface["mac"].as_str().unwrap_or_default();
        assert_eq!(mac.to_lowercase(), plan.mac().to_lowercase(), "{interface}");
        let addresses: Vec<&str> =
            interface["addresses"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        assert!(
            addresses.iter().all(|address| address.split('/').next() == Some(&*plan.address())),
            "{interface}"
        );
        for field in ["networkInterfaces[].mac", "networkInterfaces[].addresses[]"] {
            row.mark(field);
        }
        let counted = interface["rxBytes"].as_u64().zip(interface["txBytes"].as_u64());
        if let Some((received, sent)) = counted {
            let was_so = look.past.lately(look.slow().max(LOCKED_SECONDS), |then| {
                // The agent that was asked may be that of the other one, where two nodes list the guest.
                let both = [then.truth.guest(plan.vmid), then.guest_on(plan.vmid, &truth.node)];
                both.into_iter().flatten().any(|guest| (guest.net_in, guest.net_out) == (received, sent))
            });
            row.holds("networkInterfaces[].rxBytes", was_so);
            row.mark("networkInterfaces[].txBytes");
        }
    }
}
