//! Ceph as this host sees it, through `ceph status` and `ceph df`. A cluster without quorum answers nobody: the
//! calls have a limit, and then there is no Ceph in the report.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use pulse_core::report::host::{
    CephCheck, CephHealth, CephMgrMap, CephMonMap, CephMonitor, CephOsdMap, CephPgMap, CephReport,
    CephReportPool, CephReportService, CephSummary,
};
use serde_json::Value;

use crate::command::{Call, RunCommand};

const LIMIT: Duration = Duration::from_secs(8);
/// Complaints, monitors and pools told at most.
const MAX_ROWS: usize = 256;
const MAX_DETAILS: usize = 20;

/// The cluster; `None` where there is none, or no right to ask it.
pub(super) async fn read(runner: Arc<dyn RunCommand>, now: Timestamp) -> Option<CephReport> {
    if !runner.has("ceph") {
        return None;
    }
    let status = ask(runner.as_ref(), "status").await?;
    let df = ask(runner.as_ref(), "df").await;
    Some(report(&status, df.as_ref(), now))
}

async fn ask(runner: &dyn RunCommand, what: &str) -> Option<Value> {
    let call = Call::new("ceph", [what, "--format", "json", "--connect-timeout", "5"]).within(LIMIT);
    match runner.run(call).await {
        Ok(done) if done.is_success() => serde_json::from_slice(&done.stdout).ok(),
        Ok(done) => {
            tracing::debug!(reason = %done.complaint(), "ceph {what} failed");
            None
        }
        Err(error) => {
            tracing::debug!(%error, "ceph {what} failed");
            None
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn count(value: &Value) -> u32 {
    u32::try_from(number(value)).unwrap_or(u32::MAX)
}

fn report(status: &Value, df: Option<&Value>, now: Timestamp) -> CephReport {
    CephReport {
        fsid: text(&status["fsid"]),
        health: health(&status["health"]),
        mon_map: mon_map(status),
        mgr_map: mgr_map(&status["mgrmap"]),
        osd_map: osd_map(&status["osdmap"]),
        pg_map: pg_map(&status["pgmap"]),
        pools: df.map(pools).unwrap_or_default(),
        services: services(status),
        collected_at: Some(now),
    }
}

fn health(value: &Value) -> CephHealth {
    let checks = value["checks"].as_object();
    let checks: BTreeMap<String, CephCheck> = checks
        .into_iter()
        .flatten()
        .take(MAX_ROWS)
        .map(|(name, check)| {
            let detail = check["detail"].as_array().map(Vec::as_slice).unwrap_or_default();
            let check = CephCheck {
                severity: text(&check["severity"]),
                message: text(&check["summary"]["message"]),
                detail: detail.iter().take(MAX_DETAILS).map(|line| text(&line["message"])).collect(),
            };
            (name.clone(), check)
        })
        .collect();
    let summary = value["summary"].as_array().map(Vec::as_slice).unwrap_or_default();
    CephHealth {
        status: text(&value["status"]),
        checks,
        summary: summary
            .iter()
            .take(MAX_ROWS)
            .map(|line| CephSummary { severity: text(&line["severity"]), message: text(&line["summary"]) })
            .collect(),
    }
}

fn mon_map(status: &Value) -> CephMonMap {
    let map = &status["monmap"];
    let quorum = status["quorum_names"].as_array().map(Vec::as_slice).unwrap_or_default();
    let monitors: Vec<CephMonitor> = map["mons"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
        .iter()
        .take(MAX_ROWS)
        .map(|monitor| CephMonitor {
            name: text(&monitor["name"]),
            rank: count(&monitor["rank"]),
            addr: monitor["public_addr"].as_str().or_else(|| monitor["addr"].as_str()).map(str::to_owned),
            status: Some(if quorum.contains(&monitor["name"]) { "up" } else { "down" }.to_owned()),
        })
        .collect();
    // Newer versions give the number and no list.
    let number = map["num_mons"].as_u64().unwrap_or(monitors.len().max(quorum.len()) as u64);
    CephMonMap { num_mons: u32::try_from(number).unwrap_or(u32::MAX), epoch: map["epoch"].as_u64(), monitors }
}

fn mgr_map(map: &Value) -> CephMgrMap {
    let standbys = map["num_standbys"]
        .as_u64()
        .or_else(|| map["standbys"].as_array().map(|all| all.len() as u64))
        .and_then(|count| u32::try_from(count).ok());
    let available = map["available"].as_bool().unwrap_or(false);
    CephMgrMap {
        available,
        num_mgrs: u32::from(available) + standbys.unwrap_or(0),
        active_mgr: map["active_name"].as_str().filter(|name| !name.is_empty()).map(str::to_owned),
        standbys,
    }
}

fn osd_map(map: &Value) -> CephOsdMap {
    // Before version 15 the map stood one level deeper.
    let map = if map["osdmap"].is_object() { &map["osdmap"] } else { map };
    let (all, up, is_in) = (count(&map["num_osds"]), count(&map["num_up_osds"]), count(&map["num_in_osds"]));
    CephOsdMap {
        num_osds: all,
        num_up: up,
        num_in: is_in,
        num_down: Some(all.saturating_sub(up)),
        num_out: Some(all.saturating_sub(is_in)),
        epoch: map["epoch"].as_u64(),
    }
}

fn pg_map(map: &Value) -> CephPgMap {
    let (total, used) = (number(&map["bytes_total"]), number(&map["bytes_used"]));
    CephPgMap {
        num_pgs: count(&map["num_pgs"]),
        bytes_total: total,
        bytes_used: used,
        bytes_available: number(&map["bytes_avail"]),
        usage_percent: if total == 0 { 0.0 } else { used as f64 / total as f64 * 100.0 },
        data_bytes: map["data_bytes"].as_u64(),
        degraded_ratio: map["degraded_ratio"].as_f64(),
        misplaced_ratio: map["misplaced_ratio"].as_f64(),
        read_bytes_per_sec: map["read_bytes_sec"].as_u64(),
        write_bytes_per_sec: map["write_bytes_sec"].as_u64(),
        read_ops_per_sec: map["read_op_per_sec"].as_u64(),
        write_ops_per_sec: map["write_op_per_sec"].as_u64(),
    }
}

fn pools(df: &Value) -> Vec<CephReportPool> {
    let pools = df["pools"].as_array().map(Vec::as_slice).unwrap_or_default();
    pools
        .iter()
        .take(MAX_ROWS)
        .map(|pool| {
            let stats = &pool["stats"];
            CephReportPool {
                id: count(&pool["id"]),
                name: text(&pool["name"]),
                bytes_used: number(&stats["bytes_used"]),
                bytes_available: number(&stats["max_avail"]),
                objects: number(&stats["objects"]),
                // Ceph gives a share of one.
                percent_used: stats["percent_used"].as_f64().unwrap_or(0.0) * 100.0,
            }
        })
        .collect()
}

fn services(status: &Value) -> Vec<CephReportService> {
    let mut rows = Vec::new();
    let quorum = status["quorum_names"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mons = mon_map(status).num_mons;
    if mons > 0 {
        let names = quorum.iter().map(text).collect();
        rows.push(CephReportService {
            kind: "mon".to_owned(),
            running: quorum.len() as u32,
            total: mons,
            daemons: names,
        });
    }
    let mgr = mgr_map(&status["mgrmap"]);
    if mgr.num_mgrs > 0 {
        let daemons = mgr.active_mgr.into_iter().collect();
        rows.push(CephReportService {
            kind: "mgr".to_owned(),
            running: mgr.num_mgrs,
            total: mgr.num_mgrs,
            daemons,
        });
    }
    let osd = osd_map(&status["osdmap"]);
    if osd.num_osds > 0 {
        rows.push(CephReportService {
            kind: "osd".to_owned(),
            running: osd.num_up,
            total: osd.num_osds,
            daemons: Vec::new(),
        });
    }
    let ranks = status["fsmap"]["by_rank"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !ranks.is_empty() {
        let running = ranks.iter().filter(|rank| text(&rank["status"]).contains("active")).count() as u32;
        rows.push(CephReportService {
            kind: "mds".to_owned(),
            running,
            total: ranks.len() as u32,
            daemons: ranks.iter().take(MAX_ROWS).map(|rank| text(&rank["name"])).collect(),
        });
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::fake::{FakeCommands, failed, printed};

    const STATUS: &str = r#"{"fsid":"f-1","health":{"status":"HEALTH_WARN","checks":{"OSD_DOWN":{"severity":"HEALTH_WARN",
        "summary":{"message":"1 osds down","count":1},"detail":[{"message":"osd.2 is down"}]}}},
        "quorum_names":["a","b"],"monmap":{"epoch":3,"num_mons":3,"mons":[{"name":"a","rank":0,"public_addr":"10.0.0.1:6789/0"},
        {"name":"b","rank":1},{"name":"c","rank":2}]},"mgrmap":{"available":true,"num_standbys":1,"active_name":"a"},
        "osdmap":{"epoch":40,"num_osds":3,"num_up_osds":2,"num_in_osds":3},
        "pgmap":{"num_pgs":128,"bytes_total":1000,"bytes_used":250,"bytes_avail":750,"data_bytes":80,"degraded_ratio":0.1,
        "read_bytes_sec":5},"fsmap":{"by_rank":[{"name":"m1","status":"up:active"}]}}"#;
    const DF: &str = r#"{"pools":[{"id":2,"name":"rbd","stats":{"bytes_used":30,"max_avail":70,"objects":4,"percent_used":0.3}}]}"#;

    fn ceph(call: &Call) -> Option<crate::command::Finished> {
        (call.program == "ceph").then(|| match call.args.first().map(String::as_str) {
            Some("status") => printed(STATUS),
            Some("df") => printed(DF),
            _ => failed(22, "invalid command"),
        })
    }

    #[tokio::test]
    async fn a_cluster_is_told_in_the_shape_of_the_contract() {
        let now = Timestamp::UNIX_EPOCH;
        let report = read(Arc::new(FakeCommands::new(ceph)), now).await.unwrap();
        assert_eq!((report.fsid.as_str(), report.health.status.as_str()), ("f-1", "HEALTH_WARN"));
        assert_eq!(report.health.checks["OSD_DOWN"].message, "1 osds down");
        assert_eq!(report.health.checks["OSD_DOWN"].detail, ["osd.2 is down"]);
        assert_eq!(
            (report.mon_map.num_mons, report.mon_map.monitors[2].status.as_deref()),
            (3, Some("down"))
        );
        assert_eq!((report.osd_map.num_up, report.osd_map.num_down), (2, Some(1)));
        assert_eq!((report.pg_map.usage_percent, report.pg_map.read_bytes_per_sec), (25.0, Some(5)));
        assert_eq!(report.pg_map.write_bytes_per_sec, None, "an idle cluster leaves it out");
        assert_eq!((report.pools[0].percent_used, report.pools[0].objects), (30.0, 4));
        let kinds: Vec<&str> = report.services.iter().map(|service| service.kind.as_str()).collect();
        assert_eq!(kinds, ["mon", "mgr", "osd", "mds"]);
    }

    #[tokio::test]
    async fn no_ceph_no_right_and_garbage_are_all_no_cluster() {
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(read(Arc::new(FakeCommands::new(|_| None)), now).await, None);
        let refused = FakeCommands::new(|_| Some(failed(13, "access denied")));
        assert_eq!(read(Arc::new(refused), now).await, None);
        assert_eq!(read(Arc::new(FakeCommands::new(|_| Some(printed("[")))), now).await, None);
        // A status that says nothing makes a report that says nothing, not a panic.
        let empty = read(Arc::new(FakeCommands::new(|_| Some(printed("{}")))), now).await.unwrap();
        assert_eq!((empty.osd_map.num_osds, empty.services.len()), (0, 0));
    }
}
