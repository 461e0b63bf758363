//! Statistics over time, computed again for each instant that is asked for.

use serde_json::{Value, json};

use super::{Context, reply::Outcome};
use crate::{PveVersion, estate::GuestKind};

/// Seconds between two points, and how many there are.
fn frame(name: Option<&str>) -> (u64, u64) {
    match name {
        Some("day") => (1_800, 48),
        Some("week") => (10_800, 56),
        Some("month") => (43_200, 60),
        Some("year" | "decade") => (604_800, 52),
        _ => (60, 60),
    }
}

/// The instants that are asked for; the last one is complete.
fn instants(context: &Context<'_>) -> impl Iterator<Item = (u64, u64)> {
    let (step, count) = frame(context.parameter("timeframe"));
    let last = context.truth.at / step * step;
    (0..count).map(move |index| (last - (count - 1 - index) * step, step))
}

pub(super) fn guest(context: &Context<'_>, kind: GuestKind) -> Outcome {
    let guest = context.guest(kind)?;
    let vmid = guest.plan.vmid;
    let is_new = context.version >= PveVersion::V9_1;
    let points = instants(context).map(|(at, step)| {
        let (Some(now), Some(before)) =
            (context.pve.estate.guest_at(vmid, at), context.pve.estate.guest_at(vmid, at - step))
        else {
            return json!({ "time": at });
        };
        if !now.has_process() {
            return json!({ "time": at });
        }
        let rates: Vec<f64> = now
            .counters()
            .iter()
            .zip(before.counters())
            .map(|(now, before)| now.saturating_sub(before) as f64 / step as f64)
            .collect();
        let mut point = json!({
            "cpu": now.cpu,
            "disk": if kind == GuestKind::Lxc { now.disk_used } else { 0 },
            "diskread": rates[2],
            "diskwrite": rates[3],
            "maxcpu": now.plan.cpus,
            "maxdisk": now.plan.disk,
            "maxmem": now.plan.memory,
            "mem": now.memory_used,
            "netin": rates[0],
            "netout": rates[1],
            "time": at,
        });
        if is_new {
            if kind == GuestKind::Qemu {
                point["memhost"] = now.memory_host.into();
            }
            pressures(&mut point);
            point["pressurecpufull"] = 0.0.into();
        }
        point
    });
    Ok(Value::Array(points.collect()))
}

pub(super) fn node(context: &Context<'_>) -> Outcome {
    let (index, _) = context.node()?;
    let is_new = context.version >= PveVersion::V9_1;
    let points = instants(context).map(|(at, step)| {
        let (now, traffic) = context.pve.estate.node_at(index, at);
        let (_, before) = context.pve.estate.node_at(index, at - step);
        let rate = |which: usize| traffic[which].saturating_sub(before[which]) as f64 / step as f64;
        let mut point = json!({
            "cpu": now.cpu,
            "iowait": now.io_wait,
            "loadavg": now.load[0],
            "maxcpu": now.cpus,
            "memtotal": now.memory_total,
            "memused": now.memory_used,
            "netin": rate(0),
            "netout": rate(1),
            "roottotal": now.root_total,
            "rootused": now.root_used,
            "swaptotal": now.swap_total,
            "swapused": now.swap_used,
            "time": at,
        });
        if is_new {
            point["arcsize"] = 0.into();
            point["memavailable"] = (now.memory_total - now.memory_used).into();
            pressures(&mut point);
        }
        point
    });
    Ok(Value::Array(points.collect()))
}

fn pressures(point: &mut Value) {
    for name in
        ["pressurecpusome", "pressureiosome", "pressureiofull", "pressurememorysome", "pressurememoryfull"]
    {
        point[name] = 0.0.into();
    }
}
