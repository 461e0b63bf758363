//! Physical disks of a node.

use jiff::Timestamp;
use pulse_core::{
    Missing, Reading,
    ids::{DiskId, InstanceName},
    model::PhysicalDisk,
};

use super::wire::Disk;

/// No node has more.
const MOST_DISKS: usize = 1_000;

/// The disks of a node; partitions are left out.
pub(super) fn disks(
    rows: &[Disk<'_>],
    instance: &InstanceName,
    node: &str,
    now: Timestamp,
) -> Vec<PhysicalDisk> {
    let mut disks: Vec<PhysicalDisk> = rows
        .iter()
        .filter(|row| row.parent.as_str().is_none())
        .take(MOST_DISKS)
        .filter_map(|row| disk(row, instance, node, now))
        .collect();
    disks.sort_by(|a, b| a.device_path.cmp(&b.device_path));
    disks.dedup_by(|a, b| a.device_path == b.device_path);
    disks
}

fn disk(row: &Disk<'_>, instance: &InstanceName, node: &str, now: Timestamp) -> Option<PhysicalDisk> {
    let path = row.devpath.as_str()?;
    let known = |text: Option<&str>| {
        text.map(str::trim).filter(|text| *text != "unknown").unwrap_or_default().to_owned()
    };
    let rpm = row.rpm.0.filter(|rpm| *rpm >= 0.0).map(|rpm| rpm as u32);
    Some(PhysicalDisk {
        id: DiskId::of(instance, node, path),
        node: node.to_owned(),
        instance: instance.clone(),
        device_path: path.to_owned(),
        model: known(row.model.as_str()),
        serial: known(row.serial.as_str()),
        wwn: known(row.wwn.as_str()),
        kind: match row.kind.as_str() {
            Some("nvme") => "nvme".to_owned(),
            // Proxmox tells what a disk is made of, not how it is attached; SATA is what nearly all of them are.
            Some("ssd" | "hdd") => "sata".to_owned(),
            Some(other) if other != "unknown" => other.to_owned(),
            _ if path.contains("nvme") => "nvme".to_owned(),
            _ => String::new(),
        },
        size_bytes: row.size.0.unwrap_or_default(),
        health: row.health.as_str().map_or_else(|| "UNKNOWN".to_owned(), str::to_uppercase),
        // Despite its name: what is left, 100 for a new disk. "N/A" for disks without moving charge.
        life_left_percent: Reading::from_option(
            row.wearout.0.filter(|left| (0.0..=100.0).contains(left)).map(|left| left.round() as u8),
            Missing::NotReported,
        ),
        temperature_celsius: Reading::Unknown(Missing::NotReported),
        rotations_per_minute: rpm,
        used_as: known(row.used.as_str()),
        checked_at: now,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pve::wire::list;

    #[test]
    fn odd_figures_are_unknown_and_never_0() {
        let rows = r#"{"data":[
            {"devpath":"/dev/sdb","type":"hdd","wearout":"N/A","rpm":"7200","size":"2000","health":"passed","serial":"S2"},
            {"devpath":"/dev/nvme0n1","type":"nvme","wearout":"97","rpm":0,"size":1000,"health":"PASSED","model":"X","used":"LVM"},
            {"devpath":"/dev/vda","type":"unknown","wearout":"N/A","rpm":-1,"size":5,"serial":"unknown","wwn":"unknown"},
            {"devpath":"/dev/sdb1","parent":"/dev/sdb"}, {"model":"no path"}, 7]}"#;
        let disks = disks(&list(rows).unwrap(), &"lab".into(), "n1", Timestamp::UNIX_EPOCH);
        let [nvme, hdd, virt] = disks.as_slice() else { panic!("{disks:?}") };
        assert_eq!((nvme.kind.as_str(), nvme.life_left_percent), ("nvme", Reading::Known(97)));
        assert_eq!(
            (hdd.kind.as_str(), hdd.rotations_per_minute, hdd.health.as_str()),
            ("sata", Some(7200), "PASSED")
        );
        assert_eq!(hdd.life_left_percent, Reading::Unknown(Missing::NotReported));
        assert_eq!(
            (virt.rotations_per_minute, virt.serial.as_str(), virt.health.as_str()),
            (None, "", "UNKNOWN")
        );
        assert_eq!(hdd.id.as_str(), "lab-n1--dev-sdb");
    }
}
