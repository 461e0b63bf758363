//! ZFS pools of a node.

use pulse_core::model::{ZfsDevice, ZfsPool};

use super::wire::{Device, Pool, PoolDetail};
use crate::lenient::Text;

/// No node has more.
pub(super) const MOST_POOLS: usize = 64;
/// At most so many devices of a pool are kept.
const MOST_DEVICES: usize = 512;
/// Devices are not nested deeper.
const DEEPEST: usize = 8;

/// A pool as the listing has it.
pub(super) fn from_listing(row: &Pool<'_>, name: &str) -> ZfsPool {
    ZfsPool {
        name: name.to_owned(),
        state: row.health.as_str().unwrap_or("UNKNOWN").to_owned(),
        status: String::new(),
        scan: String::new(),
        read_errors: 0,
        write_errors: 0,
        checksum_errors: 0,
        devices: Vec::new(),
    }
}

/// What the pool itself says.
pub(super) fn add_detail(pool: &mut ZfsPool, detail: &PoolDetail<'_>) {
    if let Some(state) = detail.state.as_str() {
        state.clone_into(&mut pool.state);
    }
    // What the file system complains of goes before the state in words.
    let errors = detail.errors.as_str().filter(|text| !text.starts_with("No known data errors"));
    detail.status.as_str().or(errors).unwrap_or_default().clone_into(&mut pool.status);
    pool.scan = detail.scan.to_owned().unwrap_or_default();
    for device in &detail.children.0 {
        // The first level may be the pool itself.
        if device.name.is(&pool.name) {
            for device in &device.children.0 {
                add_device(pool, device, 0);
            }
        } else {
            add_device(pool, device, 0);
        }
    }
}

fn add_device(pool: &mut ZfsPool, row: &Device<'_>, depth: usize) {
    let Some(name) = row.name.as_str() else { return };
    if pool.devices.len() >= MOST_DEVICES || depth > DEEPEST {
        return;
    }
    let is_disk = row.leaf.is_set() || row.children.0.is_empty();
    let (read_errors, write_errors, checksum_errors) =
        (count(&row.read), count(&row.write), count(&row.cksum));
    if is_disk {
        pool.read_errors = pool.read_errors.saturating_add(read_errors);
        pool.write_errors = pool.write_errors.saturating_add(write_errors);
        pool.checksum_errors = pool.checksum_errors.saturating_add(checksum_errors);
    }
    // A heading such as `spares` has no state and is no device.
    if let Some(state) = row.state.as_str() {
        pool.devices.push(ZfsDevice {
            name: name.to_owned(),
            kind: if is_disk { "disk".to_owned() } else { kind(name).to_owned() },
            state: state.to_owned(),
            read_errors,
            write_errors,
            checksum_errors,
            message: row.msg.to_owned(),
        });
    }
    for device in &row.children.0 {
        add_device(pool, device, depth + 1);
    }
}

/// `mirror-0` → `mirror`.
fn kind(name: &str) -> &str {
    name.rsplit_once('-').map_or(name, |(kind, number)| {
        if number.bytes().all(|byte| byte.is_ascii_digit()) { kind } else { name }
    })
}

/// A counter: a number, or `1.2K` as the command prints it.
fn count(text: &Text<'_>) -> u64 {
    let text = text.as_str().unwrap_or_default().trim();
    let (number, factor) = match text.bytes().last() {
        Some(b'K') => (&text[..text.len() - 1], 1e3),
        Some(b'M') => (&text[..text.len() - 1], 1e6),
        Some(b'G') => (&text[..text.len() - 1], 1e9),
        Some(b'T') => (&text[..text.len() - 1], 1e12),
        _ => (text, 1.0),
    };
    let value = number.parse::<f64>().unwrap_or(0.0) * factor;
    // A count that is not whole still means that there is an error.
    if value.is_finite() && value > 0.0 { value.ceil() as u64 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pve::wire::object;

    #[test]
    fn a_degraded_pool_shows_which_disk_and_counts_errors_once() {
        let body = r#"{"data":{"name":"tank","state":"DEGRADED","status":"One or more devices has failed.",
            "scan":"scrub in progress","errors":"No known data errors","children":[{"name":"tank","state":"DEGRADED",
              "read":3,"write":0,"cksum":0,"children":[
                {"name":"mirror-0","state":"DEGRADED","read":3,"children":[
                  {"name":"sda","leaf":1,"state":"ONLINE","read":0,"write":"0","cksum":"1.2K"},
                  {"name":"sdb","leaf":1,"state":"FAULTED","read":3,"write":2.0,"cksum":0,"msg":"too many errors"}]}]},
              {"name":"spares","children":[{"name":"sdc","leaf":1,"state":"AVAIL"}]}]}}"#;
        let mut pool = from_listing(&Pool::default(), "tank");
        add_detail(&mut pool, &object(body).unwrap());
        assert_eq!((pool.state.as_str(), pool.scan.as_str()), ("DEGRADED", "scrub in progress"));
        assert_eq!((pool.read_errors, pool.write_errors, pool.checksum_errors), (3, 2, 1200));
        let names: Vec<_> =
            pool.devices.iter().map(|device| (device.name.as_str(), device.kind.as_str())).collect();
        assert_eq!(names, [("mirror-0", "mirror"), ("sda", "disk"), ("sdb", "disk"), ("sdc", "disk")]);
        assert_eq!(pool.devices[2].message.as_deref(), Some("too many errors"));
    }
}
