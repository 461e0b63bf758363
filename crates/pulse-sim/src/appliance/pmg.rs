//! Proxmox Mail Gateway: paths, parameters and shapes of its API, written against the vendor's schema and recorded
//! answers.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, header};
use pulse_core::Clock;
use serde_json::{Map, Value, json};

use super::{
    MailGatewayOptions, PmgNodeTruth, PmgTruth,
    accounts::{Accounts, Dialect},
    mail::{DOMAINS, HOUR, MailTruth, Traffic, hours},
    routes::{Found, Known, find, parameter},
};
use crate::{
    faults::{Faults, Reach},
    figures::{SLOT_SECONDS, derive, derive_text, noise, wander},
    net::{Asked, Product, Reply, form_pairs},
};

pub(super) const DIALECT: Dialect =
    Dialect { ticket: "PMG", cookies: &["PMGAuthCookie"], token: None, realm: "pmg" };

const JSON: &str = "application/json;charset=UTF-8";
const DAEMON: &str = "pve-api-daemon/3.0";
const GIB: u64 = 1 << 30;
/// The real daemon holds every 401 back this long.
const UNAUTHORIZED_DELAY: Duration = Duration::from_secs(3);
const UNKNOWN_PARAMETER: &str =
    "property is not defined in schema and the schema does not allow additional properties";

#[derive(Debug, Clone, Copy)]
enum Call {
    Version,
    Nodes,
    ClusterStatus,
    NodeStatus,
    Queues,
    Shape,
    Backups,
    Mail,
    MailCount,
    SpamScores,
    Domains,
    SpamQuarantine,
    VirusQuarantine,
}

const SPAN: &[&str] = &["day", "month", "year", "starttime", "endtime"];

const CALLS: &[Known<Call>] = &[
    Known { pattern: "/version", parameters: &[], call: Call::Version },
    Known { pattern: "/nodes", parameters: &[], call: Call::Nodes },
    Known { pattern: "/config/cluster/status", parameters: &["list_single_node"], call: Call::ClusterStatus },
    Known { pattern: "/nodes/{node}/status", parameters: &[], call: Call::NodeStatus },
    Known { pattern: "/nodes/{node}/postfix/queue", parameters: &[], call: Call::Queues },
    Known { pattern: "/nodes/{node}/postfix/qshape", parameters: &["queue"], call: Call::Shape },
    Known { pattern: "/nodes/{node}/backup", parameters: &[], call: Call::Backups },
    Known { pattern: "/statistics/mail", parameters: SPAN, call: Call::Mail },
    Known {
        pattern: "/statistics/mailcount",
        parameters: &["day", "month", "year", "starttime", "endtime", "timespan"],
        call: Call::MailCount,
    },
    Known { pattern: "/statistics/spamscores", parameters: SPAN, call: Call::SpamScores },
    Known { pattern: "/statistics/domains", parameters: SPAN, call: Call::Domains },
    Known { pattern: "/quarantine/spamstatus", parameters: &[], call: Call::SpamQuarantine },
    Known { pattern: "/quarantine/virusstatus", parameters: &[], call: Call::VirusQuarantine },
];

/// A simulated mail gateway behind its listener.
pub(super) struct Pmg {
    options: MailGatewayOptions,
    key: u64,
    traffic: Traffic,
    accounts: Arc<Accounts>,
    faults: Arc<Faults>,
    clock: Arc<dyn Clock>,
}

/// The gateway as a product.
pub(super) struct Served(pub(super) Arc<Pmg>);

impl Pmg {
    pub(super) fn new(
        options: MailGatewayOptions,
        accounts: Arc<Accounts>,
        faults: Arc<Faults>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let key = derive_text(options.seed, &options.name);
        let traffic = Traffic::new(key, options.peak_per_hour);
        Self { options, key, traffic, accounts, faults, clock }
    }

    fn now(&self) -> u64 {
        self.clock.now().as_second().max(0).unsigned_abs()
    }

    fn slot(&self) -> u64 {
        self.now() / SLOT_SECONDS * SLOT_SECONDS
    }

    fn cpu(&self, index: usize) -> f64 {
        let key = derive(self.key, index as u64);
        (0.05 + 0.2 * wander(key, self.slot(), 300) + 0.03 * noise(key, self.slot())).clamp(0.0, 1.0)
    }

    pub(super) fn truth(&self) -> PmgTruth {
        let nodes = self.options.node_names().into_iter().enumerate().map(|(index, name)| PmgNodeTruth {
            is_online: self.faults.reach(&name) == Reach::Here,
            cpu: self.cpu(index),
            queues: self.traffic.queues(index as u64, self.slot()),
            name,
        });
        PmgTruth {
            nodes: nodes.collect(),
            day: self.traffic.day(self.now()),
            quarantine: self.traffic.quarantine(self.now()),
        }
    }

    fn login(&self, asked: &Asked) -> Reply {
        let fields = form_pairs(&String::from_utf8_lossy(&asked.body));
        let (Some(user), Some(password)) = (parameter(&fields, "username"), parameter(&fields, "password"))
        else {
            return bad_parameter("password", "property is missing and it is not optional");
        };
        let now = self.now();
        if !self.accounts.login(user, password, now) {
            return Reply { delay: UNAUTHORIZED_DELAY, ..failed(401, "authentication failure\n") };
        }
        let (ticket, csrf) = self.accounts.ticket(user, now);
        data(&json!({ "CSRFPreventionToken": csrf, "role": "audit", "ticket": ticket, "username": user }))
    }

    fn answer_call(&self, found: &Found<Call>, asked: &Asked) -> Reply {
        if let Some(name) = found.unknown_parameter(&asked.query) {
            return bad_parameter(name, UNKNOWN_PARAMETER);
        }
        let names = self.options.node_names();
        let node = match found.part("node") {
            "" => 0,
            name => match names.iter().position(|known| known == name) {
                Some(index) => index,
                None => return failed(500, &format!("hostname lookup '{name}' failed - no such node\n")),
            },
        };
        match self.faults.reach(&names[node]) {
            Reach::Here => {}
            Reach::Offline => return silent(595, "No route to host"),
            Reach::Blackhole => {
                return Reply { delay: Duration::from_secs(30), ..silent(596, "Connection timed out") };
            }
        }
        let now = self.now();
        let value = match found.call {
            Call::Version => {
                json!({ "release": self.options.version, "repoid": "simulated", "version": self.options.version })
            }
            Call::Nodes => names.iter().map(|name| json!({ "node": name })).collect(),
            Call::ClusterStatus => self.cluster_status(&names, asked),
            Call::NodeStatus => self.figures(node),
            Call::Queues => ["deferred", "active", "incoming", "hold"]
                .iter()
                .map(|name| json!({ "name": name }))
                .collect(),
            Call::Shape => return self.shape(node, &asked.query),
            Call::Backups => self.backups(),
            Call::Mail => mail(self.traffic.day(now)),
            Call::MailCount => match parameter(&asked.query, "timespan").unwrap_or("3600").parse::<u64>() {
                Ok(width) if (HOUR..=31_622_400).contains(&width) => self.mail_count(now, width),
                _ => return bad_parameter("timespan", "value must have a minimum value of 3600"),
            },
            Call::SpamScores => self.spam_scores(now),
            Call::Domains => self.domains(now),
            Call::SpamQuarantine => {
                let [count, _] = self.traffic.quarantine(now);
                json!({ "avgbytes": 48_000, "avgspam": 7.4, "count": count, "mbytes": count as f64 * 0.046 })
            }
            Call::VirusQuarantine => {
                let [_, count] = self.traffic.quarantine(now);
                json!({ "avgbytes": 92_000, "count": count, "mbytes": count as f64 * 0.088 })
            }
        };
        data(&value)
    }

    fn cluster_status(&self, names: &[String], asked: &Asked) -> Value {
        if let [name] = names {
            if parameter(&asked.query, "list_single_node") != Some("1") {
                return json!([]);
            }
            // A gateway on its own numbers itself with a text.
            let mut entry = self.figures(0);
            entry["cid"] = "0".into();
            entry["name"] = name.as_str().into();
            entry["type"] = "-".into();
            (entry["ip"], entry["fingerprint"]) = ("192.0.2.60".into(), "-".into());
            (entry["hostrsapubkey"], entry["rootrsapubkey"]) = ("-".into(), "-".into());
            return json!([entry]);
        }
        let entry = |(index, name): (usize, &String)| {
            let is_here = self.faults.reach(name) == Reach::Here;
            let mut entry = if is_here { self.figures(index) } else { json!({}) };
            if !is_here {
                entry["conn_error"] = "500 Can't connect to the node (No route to host)".into();
            }
            entry["cid"] = (index + 1).into();
            entry["name"] = name.as_str().into();
            entry["type"] = if index == 0 { "master" } else { "node" }.into();
            entry["ip"] = format!("192.0.2.{}", 60 + index).into();
            entry["fingerprint"] = "4D:90:93:3E:44:4B:EB:70:F5:2C:46:C8:D0:2B:12:1A:B2:1F:F6:91:10:69:08:18:5A:24:26:FC:A8:D0:0F:04".into();
            (entry["hostrsapubkey"], entry["rootrsapubkey"]) = ("simulated".into(), "simulated".into());
            entry
        };
        names.iter().enumerate().map(entry).collect()
    }

    fn figures(&self, index: usize) -> Value {
        let cpu = self.cpu(index);
        let load = |part: f64| format!("{:.2}", cpu * part);
        let used = (2 + index as u64) * GIB;
        json!({
            "boot-info": { "mode": "efi", "secureboot": 0 },
            "cpu": cpu,
            "cpuinfo": {
                "cores": 4, "cpus": 4, "flags": "fpu", "hvm": "1", "mhz": "2596.128", "model": "AMD EPYC",
                "sockets": 1, "user_hz": 100,
            },
            "current-kernel": {
                "machine": "x86_64", "release": "6.14.11-4-pve", "sysname": "Linux", "version": "#1 SMP",
            },
            "insync": 1,
            "kversion": "Linux 6.14.11-4-pve #1 SMP",
            "loadavg": [load(4.0), load(3.8), load(3.6)],
            "memory": { "free": 8 * GIB - used, "total": 8 * GIB, "used": used },
            "pmgversion": format!("pmg-api/{}/simulated", self.options.version),
            "rootfs": { "avail": 24 * GIB, "free": 26 * GIB, "total": 32 * GIB, "used": 6 * GIB },
            "swap": { "free": 0, "total": 0, "used": 0 },
            "time": self.now(),
            "uptime": self.now().saturating_sub(1_780_000_000 + self.key % 1_000_000),
            "wait": 0.002,
        })
    }

    /// How many mails are how old, as text, as the tool of the mail server prints it.
    fn shape(&self, node: usize, query: &[(String, String)]) -> Reply {
        let queue = parameter(query, "queue").unwrap_or("deferred");
        let [active, deferred, hold, incoming] = self.traffic.queues(node as u64, self.slot());
        let count = match queue {
            "active" => active,
            "deferred" => deferred,
            "hold" => hold,
            "incoming" => incoming,
            _ => return bad_parameter("queue", "value is not one of: deferred, active, incoming, hold"),
        };
        const AGES: [&str; 10] =
            ["5m", "10m", "20m", "40m", "80m", "160m", "320m", "640m", "1280m", "1280m+"];
        let row = |domain: &str, count: u64| {
            let mut row = Map::from_iter([
                ("domain".into(), json!(domain)),
                ("total".into(), json!(count.to_string())),
            ]);
            // What waits in the queues that move is fresh; the others have some old ones.
            let old = if queue == "deferred" { count / 3 } else { 0 };
            for (place, age) in AGES.into_iter().enumerate() {
                let here = match place {
                    0 => count - old,
                    5 => old,
                    _ => 0,
                };
                row.insert(age.into(), here.to_string().into());
            }
            Value::Object(row)
        };
        if count == 0 {
            return data(&json!([row("TOTAL", 0)]));
        }
        data(&json!([row("TOTAL", count), row("example.org", count)]))
    }

    fn backups(&self) -> Value {
        let last = self.now() / (7 * 86_400) * (7 * 86_400);
        (0..4)
            .map(|weeks| {
                let at = last - weeks * 7 * 86_400;
                json!({ "filename": format!("pmg-backup_{at:08X}.tgz"), "size": 180_000 + at % 9_000, "timestamp": at })
            })
            .collect()
    }

    fn mail_count(&self, now: u64, width: u64) -> Value {
        let first = hours(now).next().unwrap_or(0) / width * width;
        let end = now / HOUR * HOUR;
        let starts = (0..).map(|place| first + place * width).take_while(|from| *from < end);
        starts
            .enumerate()
            .map(|(index, from)| {
                let mail = self.traffic.bucket(from, width.min(end - from));
                json!({
                    "bounces_in": mail.bounces_in, "bounces_out": mail.bounces_out,
                    "count": mail.count_in + mail.count_out, "count_in": mail.count_in,
                    "count_out": mail.count_out, "index": index, "pregreet_rejects": mail.pregreet_rejects,
                    "rbl_rejects": mail.rbl_rejects, "spamcount_in": mail.spam_in,
                    "spamcount_out": mail.spam_out, "time": from, "viruscount_in": mail.virus_in,
                    "viruscount_out": 0,
                })
            })
            .collect()
    }

    fn spam_scores(&self, now: u64) -> Value {
        let scores = self.traffic.scores(now);
        let total: u64 = scores.iter().sum::<u64>().max(1);
        scores
            .iter()
            .enumerate()
            .map(|(level, count)| {
                json!({ "count": count, "level": level.to_string(), "ratio": *count as f64 / total as f64 })
            })
            .collect()
    }

    fn domains(&self, now: u64) -> Value {
        let day = self.traffic.day(now);
        DOMAINS
            .iter()
            .map(|(domain, share)| {
                let of = |count: u64| (count as f64 * share) as u64;
                json!({
                    "bytes_in": of(day.bytes_in), "bytes_out": of(day.bytes_out), "count_in": of(day.count_in),
                    "count_out": of(day.count_out), "domain": domain, "spamcount_in": of(day.spam_in),
                    "spamcount_out": of(day.spam_out), "viruscount_in": of(day.virus_in), "viruscount_out": 0,
                })
            })
            .collect()
    }
}

fn mail(day: MailTruth) -> Value {
    json!({
        "avptime": 0.42, "bounces_in": day.bounces_in, "bounces_out": day.bounces_out, "bytes_in": day.bytes_in,
        "bytes_out": day.bytes_out, "count": day.count_in + day.count_out, "count_in": day.count_in,
        "count_out": day.count_out, "glcount": day.greylisted, "junk_in": day.spam_in + day.virus_in,
        "junk_out": day.spam_out, "pregreet_rejects": day.pregreet_rejects, "rbl_rejects": day.rbl_rejects,
        "spamcount_in": day.spam_in, "spamcount_out": day.spam_out, "spfcount": 0,
        "viruscount_in": day.virus_in, "viruscount_out": 0,
    })
}

fn head(reply: Reply) -> Reply {
    reply.with(header::SERVER, DAEMON).with(header::CACHE_CONTROL, "max-age=0")
}

fn data(value: &impl serde::Serialize) -> Reply {
    match serde_json::to_vec(&json!({ "data": value })) {
        Ok(body) => head(Reply::new(200, body.into())).with(header::CONTENT_TYPE, JSON),
        Err(error) => failed(500, &format!("{error}\n")),
    }
}

fn failed(status: u16, message: &str) -> Reply {
    with_body(status, message, &json!({ "data": null, "message": message }))
}

fn bad_parameter(name: &str, why: &str) -> Reply {
    let message = "Parameter verification failed.\n";
    with_body(400, message, &json!({ "data": null, "errors": { name: why }, "message": message }))
}

fn with_body(status: u16, message: &str, body: &Value) -> Reply {
    let reply = Reply {
        reason: Some(message.to_owned()),
        closes: true,
        ..Reply::new(status, body.to_string().into())
    };
    head(reply).with(header::CONTENT_TYPE, JSON)
}

/// An error with an empty body, as 401, 595 and 596 have.
fn silent(status: u16, reason: &str) -> Reply {
    Reply { reason: Some(reason.to_owned()), closes: true, ..head(Reply::new(status, Bytes::new())) }
}

impl Product for Served {
    fn answer(&self, asked: &Asked) -> Reply {
        let pmg = &self.0;
        let Some(path) = asked.path.strip_prefix("/api2/json") else {
            return Reply::new(
                200,
                Bytes::from_static(b"<!DOCTYPE html>\n<title>simulated Proxmox Mail Gateway</title>\n"),
            )
            .with(header::CONTENT_TYPE, "text/html; charset=UTF-8");
        };
        let path = path.strip_suffix('/').unwrap_or(path);
        if asked.method == Method::POST && path == "/access/ticket" {
            return pmg.login(asked);
        }
        let caller = match pmg.accounts.identify(&asked.method, &asked.headers, pmg.now(), false) {
            Ok(caller) => caller,
            Err(refused) => return Reply { delay: UNAUTHORIZED_DELAY, ..silent(401, refused.0) },
        };
        let found = (asked.method == Method::GET).then(|| find(CALLS, path)).flatten();
        let reply = match found {
            Some(found) => pmg.answer_call(&found, asked),
            None => failed(501, &format!("Method '{} {path}' not implemented", asked.method)),
        };
        Reply { identity: Some(caller.identity), ..reply }
    }

    fn clock_skew(&self, node: &str) -> i64 {
        self.0.faults.skew(node)
    }

    fn refusal(&self, code: u16, text: &str) -> Reply {
        match code {
            401 | 595..=599 => silent(code, text),
            _ => failed(code, &format!("{text}\n")),
        }
    }
}
