//! Ceph as a node sees it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use pulse_core::{
    ids::InstanceName,
    model::{CephCluster, CephPool, CephService},
};

use super::wire::{CephCheck, CephPoolRow, CephStatus};
use crate::once::each_once;

/// No cluster has more pools that anybody looks at.
const MOST_POOLS: usize = 512;
/// At most so many of Ceph's complaints are put into one text.
const MOST_CHECKS: usize = 10;

pub(super) fn cluster(
    status: &CephStatus<'_>,
    pools: &[CephPoolRow<'_>],
    instance: &InstanceName,
    now: Timestamp,
) -> CephCluster {
    let fsid = status.fsid.to_owned();
    let osds = status.osdmap.0.unwrap_or_default();
    let inner = osds.osdmap.0.unwrap_or_default();
    let count = |outer: Option<u32>, inner: Option<u32>| outer.or(inner).unwrap_or(0);
    let (total, up, inside) = (
        count(osds.num_osds.u32(), inner.num_osds.u32()),
        count(osds.num_up_osds.u32(), inner.num_up_osds.u32()),
        count(osds.num_in_osds.u32(), inner.num_in_osds.u32()),
    );
    let space = status.pgmap.0.unwrap_or_default();
    let monitors = status.monmap.0.as_ref().map_or(0, |map| map.mons.0.len()) as u32;
    // What the service map lists is something else: it is empty on real clusters.
    let managers = status.mgrmap.0.as_ref().map_or((0, 0), |map| {
        let active = u32::from(map.active_name.as_str().is_some());
        (active, active + map.standbys.0.len() as u32)
    });
    let health = status.health.0.as_ref();
    let mut services = vec![
        service("mon", (status.quorum_names.0.len() as u32).min(monitors), monitors),
        service("mgr", managers.1, managers.1),
        service("osd", up, total),
    ];
    if let Some(fs) = status.fsmap.0.map(|fs| (fs.up.u32().unwrap_or(0), fs.standby.u32().unwrap_or(0)))
        && fs.0 + fs.1 > 0
    {
        services.push(service("mds", fs.0 + fs.1, fs.0 + fs.1));
    }
    services.retain(|service| service.total > 0);
    CephCluster {
        id: fsid.as_ref().map_or_else(|| instance.to_string(), |fsid| format!("{instance}-{fsid}")),
        instance: instance.clone(),
        fsid,
        health: health.and_then(|health| health.status.to_owned()).unwrap_or_else(|| "HEALTH_UNKNOWN".into()),
        health_message: health.and_then(|health| complaints(health.checks.0?.get())),
        total_bytes: space.bytes_total.0.unwrap_or_default(),
        used_bytes: space.bytes_used.0.unwrap_or_default(),
        available_bytes: space.bytes_avail.0.unwrap_or_default(),
        monitors,
        managers: managers.1,
        osds: total,
        osds_up: up,
        osds_in: inside,
        placement_groups: space.num_pgs.u32().unwrap_or(0),
        pools: {
            let mut pools: Vec<CephPool> = pools.iter().take(MOST_POOLS).filter_map(pool).collect();
            each_once(&mut pools, |pool| &pool.id);
            pools
        },
        services,
        updated_at: now,
    }
}

fn service(kind: &str, running: u32, total: u32) -> CephService {
    let message = (running < total).then(|| format!("{} of {total} are down", total - running));
    CephService { kind: kind.to_owned(), running, total, message }
}

/// Everything Ceph complains of, one sentence each.
fn complaints(checks: &str) -> Option<String> {
    let checks: BTreeMap<String, CephCheck<'_>> = serde_json::from_str(checks).ok()?;
    let says = |(name, check): (&String, &CephCheck<'_>)| {
        let summary = check.summary.0.as_ref().and_then(|summary| summary.message.to_owned());
        (!check.muted.is_set()).then(|| summary.unwrap_or_else(|| name.clone()))
    };
    let texts: Vec<String> = checks.iter().filter_map(says).take(MOST_CHECKS).collect();
    (!texts.is_empty()).then(|| texts.join("; "))
}

fn pool(row: &CephPoolRow<'_>) -> Option<CephPool> {
    let stored = row.bytes_used.0.unwrap_or_default();
    // A share of what the pool could hold; from it follows what is left.
    let share = row.percent_used.fraction().filter(|share| *share <= 1.0);
    let available =
        share.filter(|share| *share > 0.0).map(|share| (stored as f64 * (1.0 - share) / share) as u64);
    Some(CephPool {
        id: row.pool.u32()?,
        name: row.pool_name.to_owned()?,
        stored_bytes: stored,
        available_bytes: available.unwrap_or_default(),
        objects: 0,
        used_percent: share.unwrap_or_default() * 100.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pve::wire::{list, object};

    #[test]
    fn monitors_and_managers_come_from_their_maps_and_complaints_are_sentences() {
        let body = r#"{"data":{"fsid":"f","health":{"status":"HEALTH_WARN","checks":{
              "OSD_DOWN":{"summary":{"count":1,"message":"1 osds down"},"muted":false},
              "QUIET":{"summary":{"message":"x"},"muted":true}}},
            "monmap":{"mons":[{"name":"a"},{"name":"b"},{"name":"c"}]},"quorum_names":["a","b"],
            "mgrmap":{"active_name":"a","standbys":[{"name":"b"}]},"servicemap":{"services":{}},
            "osdmap":{"num_osds":4,"num_up_osds":3,"num_in_osds":4},
            "pgmap":{"bytes_total":100,"bytes_used":40,"bytes_avail":60,"num_pgs":129},"fsmap":{"up":0,"up:standby":0}}}"#;
        let pools = r#"{"data":[{"pool":1,"pool_name":"rbd","bytes_used":40,"percent_used":0.4},{"pool":2,"pool_name":"new"}]}"#;
        let ceph = cluster(
            &object(body).unwrap(),
            &list::<CephPoolRow<'_>>(pools).unwrap(),
            &"lab".into(),
            Timestamp::UNIX_EPOCH,
        );
        assert_eq!((ceph.id.as_str(), ceph.health_message.as_deref()), ("lab-f", Some("1 osds down")));
        assert_eq!((ceph.monitors, ceph.managers, ceph.osds_up, ceph.osds), (3, 2, 3, 4));
        assert_eq!((ceph.pools[0].available_bytes, ceph.pools[0].used_percent), (60, 40.0));
        let services: Vec<_> = ceph.services.iter().map(|s| (s.kind.as_str(), s.running, s.total)).collect();
        assert_eq!(services, [("mon", 2, 3), ("mgr", 2, 2), ("osd", 3, 4)]);
    }

    #[test]
    fn an_empty_answer_is_an_unknown_health_and_no_panic() {
        let ceph = cluster(&CephStatus::default(), &[], &"lab".into(), Timestamp::UNIX_EPOCH);
        assert_eq!((ceph.health.as_str(), ceph.id.as_str()), ("HEALTH_UNKNOWN", "lab"));
    }
}
