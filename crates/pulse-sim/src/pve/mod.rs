//! Proxmox VE: paths, parameters, rights and shapes of its API.
//!
//! Written against the vendor's schemas and recorded answers; must never share a type with the collectors that are
//! tested against it.

mod agent;
mod auth;
mod cluster;
mod guest;
mod kept;
mod node;
mod reply;
mod routes;
mod rrd;
mod storage;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::Method;
use serde_json::{Map, Value, json};

pub(crate) use self::{auth::Accounts, kept::update_count};
use self::{
    reply::{
        Refusal, bad_parameters, bytes, data, error_reply, failed, not_implemented, silent, unauthorized,
        wrong_password,
    },
    routes::{Call, Route},
};
use crate::{
    PveVersion,
    estate::{Estate, Eye, GuestKind, GuestTruth, Moment, NodeTruth, Truth},
    faults::{Faults, Reach},
    net::{Asked, Product, Reply, form_pairs, tls::Identity},
    options::Rights,
};

/// How long a node waits for one that swallows packets.
const PROXY_TIMEOUT: Duration = Duration::from_secs(30);
/// Serialised cluster lists that are kept: one per type of resource.
const MOST_CACHED: usize = 8;

/// A simulated PVE cluster behind its listeners.
pub(crate) struct Pve {
    pub(crate) estate: Arc<Estate>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) accounts: Arc<Accounts>,
    /// What every node publishes about the others.
    pub(crate) members: Vec<Member>,
    lists: Mutex<Vec<CachedList>>,
}

/// A node as the others know it.
pub(crate) struct Member {
    pub(crate) address: std::net::IpAddr,
    pub(crate) identity: Arc<Identity>,
}

struct CachedList {
    at: u64,
    generation: u64,
    eye: Eye,
    version: PveVersion,
    /// Guests that two nodes list.
    duplicates: BTreeSet<u32>,
    kind: Option<String>,
    body: Bytes,
}

/// What a call may look at.
struct Context<'a> {
    pve: &'a Pve,
    truth: &'a Truth,
    version: PveVersion,
    /// The node that answers.
    host: usize,
    /// Named parts of the path.
    parts: Vec<(&'static str, String)>,
    query: &'a [(String, String)],
}

impl Context<'_> {
    fn part(&self, name: &str) -> &str {
        self.parts.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value)
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Guests that a fault has listed a second time, by the node after their own: with counters of their own.
    fn doubles(&self) -> Vec<GuestTruth> {
        self.truth.doubles(&self.pve.faults.duplicates())
    }

    fn flag(&self, name: &str) -> bool {
        matches!(self.parameter(name), Some("1" | "on" | "yes" | "true"))
    }

    /// What the account may do now.
    fn rights(&self) -> Rights {
        if self.pve.faults.is_downgraded() { Rights::NoAgent } else { self.pve.estate.options.rights }
    }

    /// The node the path names. Routing made sure that it exists.
    fn node(&self) -> Result<(usize, &NodeTruth), Refusal> {
        let name = self.part("node");
        let index = self.pve.estate.node_index(name).ok_or_else(|| unknown_node(name))?;
        Ok((index, &self.truth.nodes[index]))
    }

    /// The guest the path names, if it is on that node.
    fn guest(&self, kind: GuestKind) -> Result<&GuestTruth, Refusal> {
        let (node, vmid) = (self.part("node"), self.part("vmid"));
        let found = vmid.parse::<u32>().ok().and_then(|vmid| self.truth.guest(vmid));
        let found = found.filter(|guest| guest.plan.kind == kind);
        found.filter(|guest| &*guest.node == node).ok_or_else(|| {
            let folder = match kind {
                GuestKind::Qemu => "qemu-server",
                GuestKind::Lxc => "lxc",
            };
            failed(&format!("Configuration file 'nodes/{node}/{folder}/{vmid}.conf' does not exist")).into()
        })
    }
}

fn unknown_node(name: &str) -> Reply {
    failed(&format!(
        "hostname lookup '{name}' failed - failed to get address info for: {name}: Temporary failure in name resolution"
    ))
}

impl Pve {
    pub(crate) fn new(
        estate: Arc<Estate>,
        faults: Arc<Faults>,
        accounts: Arc<Accounts>,
        members: Vec<Member>,
    ) -> Self {
        Self { estate, faults, accounts, members, lists: Mutex::default() }
    }

    fn login(&self, asked: &Asked) -> Reply {
        let is_json = asked
            .headers
            .get(http::header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|kind| kind.starts_with("application/json"));
        let fields = if is_json {
            match serde_json::from_slice::<Map<String, Value>>(&asked.body) {
                Ok(map) => map
                    .into_iter()
                    .map(|(name, value)| match value {
                        Value::String(text) => (name, text),
                        other => (name, other.to_string()),
                    })
                    .collect(),
                Err(error) => return error_reply(400, &format!("unable to decode JSON body: {error}\n")),
            }
        } else {
            form_pairs(&String::from_utf8_lossy(&asked.body))
        };
        const KNOWN: [&str; 8] =
            ["username", "password", "realm", "otp", "path", "privs", "new-format", "tfa-challenge"];
        let field =
            |wanted: &str| fields.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
        let mut errors = Map::new();
        for (name, _) in fields.iter().filter(|(name, _)| !KNOWN.contains(&name.as_str())) {
            errors.insert(name.clone(), routes::UNKNOWN_PARAMETER.into());
        }
        for name in ["username", "password"].into_iter().filter(|name| field(name).is_none()) {
            errors.insert(name.into(), routes::MISSING_PARAMETER.into());
        }
        let (Some(user), Some(password), true) = (field("username"), field("password"), errors.is_empty())
        else {
            return bad_parameters(errors);
        };
        let user = match field("realm") {
            Some(realm) if !user.contains('@') => format!("{user}@{realm}"),
            _ => user.to_owned(),
        };
        let now = self.estate.now();
        if !self.accounts.login(&user, password, now) {
            return wrong_password();
        }
        let (ticket, csrf) = self.accounts.ticket(now);
        let mut answer = json!({
            "CSRFPreventionToken": csrf,
            "cap": cluster::capabilities(self.estate.options.version),
            "ticket": ticket,
            "username": user,
        });
        if self.estate.options.nodes > 1 {
            answer["clustername"] = self.estate.options.name.clone().into();
        }
        data(&answer)
    }

    fn call(&self, asked: &Asked, path: &str, route: Route) -> Reply {
        let moment = &*self.estate.moment_at(asked.host);
        if let Some((_, node)) = route.parts.iter().find(|(name, _)| *name == "node") {
            let Some(index) = self.estate.node_index(node) else { return unknown_node(node) };
            if self.estate.is_cut(asked.host, index) {
                return silent(595, "No route to host");
            }
            match self.faults.reach(node) {
                Reach::Here => {}
                Reach::Offline => return silent(595, "No route to host"),
                Reach::Blackhole => {
                    return Reply { delay: PROXY_TIMEOUT, ..silent(596, "Connection timed out") };
                }
            }
            let mut reply = self.checked(asked, moment, self.version_of(index), route);
            if index != asked.host {
                let jitter = crate::figures::unit(crate::figures::derive_text(moment.truth.at, path));
                reply.delay += Duration::from_micros(3_000 + (jitter * 5_000.0) as u64);
            }
            return reply;
        }
        self.checked(asked, moment, self.version_of(asked.host), route)
    }

    /// The release a node runs.
    fn version_of(&self, node: usize) -> PveVersion {
        self.faults.release(&self.estate.plan.nodes[node].name).unwrap_or(self.estate.options.version)
    }

    fn checked(&self, asked: &Asked, moment: &Moment, version: PveVersion, route: Route) -> Reply {
        let errors = routes::check_parameters(route.call, version, &asked.query);
        if !errors.is_empty() {
            return bad_parameters(errors);
        }
        let context = Context {
            pve: self,
            truth: &moment.truth,
            version,
            host: asked.host,
            parts: route.parts,
            query: &asked.query,
        };
        if route.call == Call::ClusterResources {
            return self.resources(&context, moment);
        }
        match routes::run(route.call, &context) {
            Ok(value) => data(&value),
            Err(refusal) => *refusal.0,
        }
    }

    /// The cluster's list, serialised once per slot, change and type.
    fn resources(&self, context: &Context<'_>, moment: &Moment) -> Reply {
        let kind = context.parameter("type");
        let (at, generation, eye, version) =
            (moment.truth.at, moment.generation, moment.eye, context.version);
        let duplicates = self.faults.duplicates();
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        lists.retain(|list| list.at == at && list.generation == generation && list.duplicates == duplicates);
        let is_it =
            |list: &&CachedList| list.kind.as_deref() == kind && list.eye == eye && list.version == version;
        if let Some(list) = lists.iter().find(is_it) {
            return bytes(list.body.clone());
        }
        let reply = data(&cluster::resources(context, &context.doubles(), kind));
        if lists.len() < MOST_CACHED {
            lists.push(CachedList {
                at,
                generation,
                eye,
                version,
                duplicates,
                kind: kind.map(str::to_owned),
                body: reply.body.clone(),
            });
        }
        reply
    }
}

impl Product for Pve {
    fn answer(&self, asked: &Asked) -> Reply {
        let Some(path) = asked.path.strip_prefix("/api2/json") else {
            return match asked.path.as_str() {
                "/" => Reply::new(
                    200,
                    Bytes::from_static(b"<!DOCTYPE html>\n<title>simulated Proxmox VE</title>\n"),
                )
                .with(http::header::CONTENT_TYPE, "text/html; charset=UTF-8"),
                _ => error_reply(404, &format!("no such file '{}'", asked.path)),
            };
        };
        let path = path.strip_suffix('/').unwrap_or(path);
        if asked.method == Method::POST && path == "/access/ticket" {
            return self.login(asked);
        }
        let revoked = self.faults.is_token_revoked();
        let identity = match self.accounts.identify(&asked.method, &asked.headers, self.estate.now(), revoked)
        {
            Ok(identity) => identity,
            Err(refused) => return unauthorized(refused.0),
        };
        let route =
            (asked.method == Method::GET).then(|| routes::find(path, self.version_of(asked.host))).flatten();
        let reply = match route {
            Some(route) => self.call(asked, path, route),
            None => not_implemented(asked.method.as_str(), path),
        };
        Reply { identity: Some(identity), ..reply }
    }

    fn clock_skew(&self, _: &str) -> i64 {
        // The estate knows of it: it is in the times themselves.
        0
    }

    fn refusal(&self, code: u16, text: &str) -> Reply {
        match code {
            401 | 595..=599 => silent(code, text),
            _ => error_reply(code, &format!("{text}\n")),
        }
    }
}
