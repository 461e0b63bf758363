//! One poll of a mail gateway. The cluster's status carries the figures of all its nodes, so that only queues cost
//! calls per node.

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use pulse_core::{
    Missing, Reading,
    model::{
        ConnectionHealth, DiskUse, FailureClass, MailBucket, MailDomain, MailQueue, MailTotals, MemoryUse,
        PmgBackup, PmgNode, Quarantine,
    },
};
use tokio::time::Instant;

use super::{PmgConnection, wire};
use crate::{
    PmgBackups, PmgCycle, PmgTest, PollError, Polled,
    envelope::{list, object},
    issues::Issues,
    link::{encoded, is_plain},
    once::each_once,
};

const VERSION: &str = "/version";
const MEMBERS: &str = "/config/cluster/status?list_single_node=1";
const NODES: &str = "/nodes";
const MAIL: &str = "/statistics/mail";
/// The width of a bucket, not the time the list is about: that is always a day.
const MAIL_BY_HOUR: &str = "/statistics/mailcount?timespan=3600";
const SPAM_SCORES: &str = "/statistics/spamscores";
const DOMAINS: &str = "/statistics/domains";
const SPAM_QUARANTINE: &str = "/quarantine/spamstatus";
const VIRUS_QUARANTINE: &str = "/quarantine/virusstatus";
const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// Domains that are kept; the others are the least busy ones.
const DOMAINS_CAP: usize = 100;
/// Everything else there is a list of.
const LIST_CAP: usize = 1_000;

impl PmgConnection {
    pub(super) async fn poll_once(&self, now: Timestamp) -> Result<PmgCycle, PollError> {
        self.link.prepare().await?;
        // This one decides whether the gateway answers at all.
        let (version, _) = self.version().await?;
        let mut issues = Issues::new(now);
        let (nodes, mail, hours, scores, domains, quarantine) = tokio::join!(
            self.nodes(),
            self.mail(),
            self.mail_by_hour(),
            self.spam_scores(),
            self.domains(),
            self.quarantine(),
        );
        let mut cycle = PmgCycle {
            host_url: self.link.origin(),
            version,
            health: ConnectionHealth::Healthy,
            mail: settle(mail, &mut issues, "the mail statistics"),
            mail_by_hour: settle(hours, &mut issues, "the mail statistics by hour"),
            spam_scores: settle(scores, &mut issues, "the spam scores"),
            domains: settle(domains, &mut issues, "the statistics by domain"),
            ..PmgCycle::default()
        };
        cycle.quarantine = match quarantine {
            Polled::Read((found, errors)) => {
                for error in &errors {
                    issues.add(error, None, "the quarantine is not counted");
                }
                // Half of it is better than nothing.
                if errors.len() == 2 { Polled::Failed } else { Polled::Read(found) }
            }
            Polled::Off | Polled::Failed => Polled::Off,
        };
        cycle.nodes = match nodes {
            Ok(mut nodes) => {
                for node in nodes.iter().filter(|node| !node.is_online) {
                    let why = node.error.as_deref().unwrap_or("it does not answer the others of its cluster");
                    issues.note(FailureClass::Connection, format!("node {}: {why}", node.name));
                }
                self.add_queues(&mut nodes, &mut issues, now).await;
                Polled::Read(nodes)
            }
            Err(error) => {
                issues.add(&error, None, "the nodes are shown as they were");
                Polled::Failed
            }
        };
        cycle.issues = issues.finish();
        if !cycle.issues.is_empty() {
            cycle.health = ConnectionHealth::Degraded;
        }
        Ok(cycle)
    }

    /// Version and release.
    async fn version(&self) -> Result<(Option<String>, Option<String>), PollError> {
        let body = self.link.get(VERSION).await?;
        let answer: wire::Version<'_> =
            object(&body).map_err(|detail| self.link.unreadable(VERSION, detail))?;
        Ok((answer.version.to_owned(), answer.release.to_owned()))
    }

    async fn nodes(&self) -> Result<Vec<PmgNode>, PollError> {
        let body = self.link.get(MEMBERS).await?;
        let rows = list::<wire::Member<'_>>(&body).map_err(|detail| self.link.unreadable(MEMBERS, detail))?;
        let mut nodes: Vec<PmgNode> = rows.iter().take(LIST_CAP).filter_map(member).collect();
        if nodes.is_empty() {
            // Versions that do not list a single node.
            let body = self.link.get(NODES).await?;
            let rows =
                list::<wire::Listed<'_>>(&body).map_err(|detail| self.link.unreadable(NODES, detail))?;
            nodes.extend(rows.iter().take(LIST_CAP).filter_map(|row| Some(blank(row.node.to_name()?))));
        }
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        nodes.dedup_by(|a, b| a.name == b.name);
        Ok(nodes)
    }

    async fn add_queues(&self, nodes: &mut [PmgNode], issues: &mut Issues, now: Timestamp) {
        if !self.wants.queues {
            return;
        }
        let asked: Vec<usize> = nodes
            .iter()
            .enumerate()
            .filter(|(_, node)| node.is_online && is_plain(&node.name))
            .map(|(place, _)| place)
            .collect();
        let answers = join_all(asked.iter().map(|place| self.queue(&nodes[*place].name, now))).await;
        for (place, answer) in asked.into_iter().zip(answers) {
            match answer {
                Ok(queue) => nodes[place].queue = Some(queue),
                Err(error) => issues.add(&error, Some(&nodes[place].name), "its mail queues are unknown"),
            }
        }
    }

    async fn queue(&self, node: &str, now: Timestamp) -> Result<MailQueue, PollError> {
        let (active, deferred, hold, incoming) = tokio::try_join!(
            self.shape(node, "active"),
            self.shape(node, "deferred"),
            self.shape(node, "hold"),
            self.shape(node, "incoming"),
        )?;
        Ok(MailQueue {
            oldest_age_seconds: [active.1, deferred.1, hold.1, incoming.1].into_iter().flatten().max(),
            active: active.0,
            deferred: deferred.0,
            hold: hold.0,
            incoming: incoming.0,
            updated_at: now,
        })
    }

    /// How many mails are in a queue, and how old the oldest is at least.
    async fn shape(&self, node: &str, queue: &str) -> Result<(u64, Option<u64>), PollError> {
        let path = format!("/nodes/{}/postfix/qshape?queue={queue}", encoded(node));
        let body = self.link.get(&path).await?;
        let rows = list::<wire::Shape<'_>>(&body).map_err(|detail| self.link.unreadable(&path, detail))?;
        // An empty queue has no rows at all.
        let total = rows.iter().find(|row| row.domain.is("TOTAL"));
        Ok(total.map_or((0, None), |row| (row.total.0.unwrap_or(0), row.oldest_age_seconds())))
    }

    async fn mail(&self) -> Result<Polled<MailTotals>, PollError> {
        if !self.wants.mail {
            return Ok(Polled::Off);
        }
        let body = self.link.get(MAIL).await?;
        let mail: wire::Mail = object(&body).map_err(|detail| self.link.unreadable(MAIL, detail))?;
        Ok(Polled::Read(totals(&mail)))
    }

    async fn mail_by_hour(&self) -> Result<Polled<Vec<MailBucket>>, PollError> {
        if !self.wants.mail {
            return Ok(Polled::Off);
        }
        let body = self.link.get(MAIL_BY_HOUR).await?;
        let rows = list::<wire::Mail>(&body).map_err(|detail| self.link.unreadable(MAIL_BY_HOUR, detail))?;
        let bucket = |row: &wire::Mail| {
            let from = row.time.0.and_then(time)?;
            Some(MailBucket { from, to: from.checked_add(HOUR).ok()?, totals: totals(row) })
        };
        let mut buckets: Vec<MailBucket> = rows.iter().take(LIST_CAP).filter_map(bucket).collect();
        buckets.sort_by_key(|bucket| bucket.from);
        buckets.dedup_by_key(|bucket| bucket.from);
        Ok(Polled::Read(buckets))
    }

    async fn spam_scores(&self) -> Result<Polled<Vec<(String, u64)>>, PollError> {
        if !self.wants.mail {
            return Ok(Polled::Off);
        }
        let body = self.link.get(SPAM_SCORES).await?;
        let rows =
            list::<wire::SpamScore<'_>>(&body).map_err(|detail| self.link.unreadable(SPAM_SCORES, detail))?;
        let score = |row: &wire::SpamScore<'_>| Some((row.level.to_name()?, row.count.0?));
        let mut scores: Vec<(String, u64)> = rows.iter().take(LIST_CAP).filter_map(score).collect();
        each_once(&mut scores, |(level, _)| level.as_str());
        Ok(Polled::Read(scores))
    }

    async fn domains(&self) -> Result<Polled<Vec<MailDomain>>, PollError> {
        if !self.wants.domains {
            return Ok(Polled::Off);
        }
        let body = self.link.get(DOMAINS).await?;
        let rows = list::<wire::Domain<'_>>(&body).map_err(|detail| self.link.unreadable(DOMAINS, detail))?;
        let mut domains: Vec<MailDomain> = rows.iter().filter_map(domain).collect();
        each_once(&mut domains, |domain| domain.name.as_str());
        let mails = |domain: &MailDomain| domain.count_in + domain.count_out;
        domains.sort_by(|a, b| mails(b).total_cmp(&mails(a)).then_with(|| a.name.cmp(&b.name)));
        domains.truncate(DOMAINS_CAP);
        Ok(Polled::Read(domains))
    }

    async fn quarantine(&self) -> Polled<(Quarantine, Vec<PollError>)> {
        if !self.wants.quarantine {
            return Polled::Off;
        }
        let (spam, virus) =
            tokio::join!(self.quarantined(SPAM_QUARANTINE), self.quarantined(VIRUS_QUARANTINE));
        let mut errors = Vec::new();
        let mut take = |count: Result<Option<u64>, PollError>| {
            count.unwrap_or_else(|error| {
                errors.push(error);
                None
            })
        };
        let quarantine = Quarantine { spam: take(spam), virus: take(virus) };
        Polled::Read((quarantine, errors))
    }

    async fn quarantined(&self, path: &str) -> Result<Option<u64>, PollError> {
        let body = self.link.get(path).await?;
        let status: wire::QuarantineStatus =
            object(&body).map_err(|detail| self.link.unreadable(path, detail))?;
        Ok(status.count.0)
    }

    pub(super) async fn read_backups(&self, now: Timestamp) -> Result<PmgBackups, PollError> {
        let mut issues = Issues::new(now);
        let mut out = PmgBackups::default();
        for node in self.nodes().await? {
            if !node.is_online || !is_plain(&node.name) {
                out.silent_nodes.push(node.name);
                continue;
            }
            let path = format!("/nodes/{}/backup", encoded(&node.name));
            let backups = self.link.get(&path).await.and_then(|body| {
                let rows =
                    list::<wire::Backup<'_>>(&body).map_err(|detail| self.link.unreadable(&path, detail))?;
                let read = |row: &wire::Backup<'_>| self.backup(&node.name, row);
                Ok(rows.iter().take(LIST_CAP).filter_map(read).collect::<Vec<_>>())
            });
            match backups {
                Ok(backups) => out.backups.extend(backups),
                Err(error) => {
                    issues.add(&error, Some(&node.name), "its configuration backups are shown as they were");
                    out.silent_nodes.push(node.name);
                }
            }
        }
        out.backups.sort_by(|a, b| (&a.node, &a.file_name).cmp(&(&b.node, &b.file_name)));
        out.issues = issues.finish();
        Ok(out)
    }

    fn backup(&self, node: &str, row: &wire::Backup<'_>) -> Option<PmgBackup> {
        let file_name = row.filename.to_name()?;
        Some(PmgBackup {
            id: format!("pmg-{}-{node}-{file_name}", self.instance),
            instance: self.instance.clone(),
            node: node.to_owned(),
            made_at: row.timestamp.0.and_then(time)?,
            size_bytes: row.size.0.unwrap_or(0),
            file_name,
        })
    }

    pub(super) async fn try_out(&self) -> Result<PmgTest, PollError> {
        self.link.prepare().await?;
        let started = Instant::now();
        let (version, release) = self.version().await?;
        let latency = started.elapsed();
        let (mail, nodes) = tokio::join!(self.link.get(MAIL), self.link.get(MEMBERS));
        let refused = [mail.err(), nodes.err()].into_iter().flatten();
        Ok(PmgTest { version, release, warnings: refused.map(|error| error.to_string()).collect(), latency })
    }
}

/// What a part of the poll became; a failure is noted.
fn settle<T>(part: Result<Polled<T>, PollError>, issues: &mut Issues, what: &str) -> Polled<T> {
    match part {
        Ok(polled) => polled,
        Err(error) => {
            issues.add(&error, None, &format!("{what} are shown as they were"));
            Polled::Failed
        }
    }
}

fn blank(name: String) -> PmgNode {
    PmgNode {
        name,
        is_online: true,
        role: None,
        uptime_seconds: None,
        load_average: None,
        error: None,
        cpu_fraction: Reading::default(),
        memory: Reading::default(),
        root_disk: Reading::default(),
        queue: None,
    }
}

fn member(row: &wire::Member<'_>) -> Option<PmgNode> {
    let error = row.conn_error.to_owned();
    let why = if error.is_some() { Missing::Offline } else { Missing::NotReported };
    let memory = row.memory.0.unwrap_or_default();
    let root = row.rootfs.0.unwrap_or_default();
    let used = |total: Option<u64>, used: Option<u64>| total.zip(used);
    let loads: Vec<&str> = row.loadavg.0.iter().filter_map(|load| load.as_str()).take(3).collect();
    Some(PmgNode {
        is_online: error.is_none(),
        // A gateway on its own has no role.
        role: row.kind.to_owned().filter(|kind| kind != "-"),
        uptime_seconds: row.uptime.0,
        load_average: (!loads.is_empty()).then(|| loads.join(" ")),
        cpu_fraction: Reading::from_option(row.cpu.fraction().map(|cpu| cpu.min(1.0)), why),
        memory: Reading::from_option(
            used(memory.total.0, memory.used.0).and_then(|(total, used)| MemoryUse::new(total, used)),
            why,
        ),
        root_disk: Reading::from_option(
            used(root.total.0, root.used.0).and_then(|(total, used)| {
                let space = DiskUse::new(total, used)?;
                Some(DiskUse { free_bytes: root.avail.0.unwrap_or(space.free_bytes).min(total), ..space })
            }),
            why,
        ),
        error,
        ..blank(row.name.to_name()?)
    })
}

fn totals(row: &wire::Mail) -> MailTotals {
    let of = |number: crate::lenient::Float| number.fraction().unwrap_or(0.0);
    MailTotals {
        count: of(row.count),
        count_in: of(row.count_in),
        count_out: of(row.count_out),
        spam_in: of(row.spamcount_in),
        spam_out: of(row.spamcount_out),
        virus_in: of(row.viruscount_in),
        virus_out: of(row.viruscount_out),
        bounces_in: of(row.bounces_in),
        bounces_out: of(row.bounces_out),
        bytes_in: of(row.bytes_in),
        bytes_out: of(row.bytes_out),
        greylisted: of(row.glcount),
        junk_in: of(row.junk_in),
        // The gateway counts seconds.
        mean_process_milliseconds: of(row.avptime) * 1000.0,
        rbl_rejects: of(row.rbl_rejects),
        pregreet_rejects: of(row.pregreet_rejects),
    }
}

fn domain(row: &wire::Domain<'_>) -> Option<MailDomain> {
    let of = |number: crate::lenient::Float| number.fraction().unwrap_or(0.0);
    Some(MailDomain {
        name: row.domain.to_name()?,
        count_in: of(row.count_in),
        count_out: of(row.count_out),
        spam_in: of(row.spamcount_in),
        spam_out: of(row.spamcount_out),
        virus_in: of(row.viruscount_in),
        virus_out: of(row.viruscount_out),
        bytes_in: of(row.bytes_in),
        bytes_out: of(row.bytes_out),
    })
}

fn time(seconds: u64) -> Option<Timestamp> {
    i64::try_from(seconds).ok().filter(|seconds| *seconds > 0).and_then(|s| Timestamp::from_second(s).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_the_others_do_not_reach_is_offline_whatever_its_type() {
        let of = |json: &str| member(&serde_json::from_str(json).unwrap()).unwrap();
        let down = of(r#"{"cid":"2","name":"pmg2","type":"node","conn_error":"500 timeout"}"#);
        assert!(!down.is_online && down.cpu_fraction == Reading::Unknown(Missing::Offline));
        assert_eq!((down.role.as_deref(), down.error.as_deref()), (Some("node"), Some("500 timeout")));
        let alone = of(
            r#"{"cid":"0","name":"pmg1","type":"-","cpu":0.25,"uptime":3115,"loadavg":["2.67","2.89","3.48"],
                "memory":{"total":100,"used":20,"free":80},"rootfs":{"total":50,"used":10,"avail":35}}"#,
        );
        assert!(alone.is_online);
        assert_eq!((alone.role, alone.load_average.as_deref()), (None, Some("2.67 2.89 3.48")));
        assert_eq!(alone.cpu_fraction, Reading::Known(0.25));
        assert_eq!(alone.root_disk.known().map(|disk| disk.free_bytes), Some(35));
    }

    #[test]
    fn the_oldest_mail_is_as_old_as_its_bucket_at_least() {
        let row: wire::Shape<'_> =
            serde_json::from_str(r#"{"domain":"TOTAL","total":"7","5m":"4","40m":"3","1280m+":"0"}"#)
                .unwrap();
        assert_eq!((row.total.0, row.oldest_age_seconds()), (Some(7), Some(1200)));
        let row: wire::Shape<'_> = serde_json::from_str(r#"{"domain":"TOTAL","total":"0"}"#).unwrap();
        assert_eq!(row.oldest_age_seconds(), None);
    }
}
