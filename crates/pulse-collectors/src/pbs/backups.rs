//! Reading the backups. A listing of groups per namespace says where something happened; only those groups are read,
//! and a share of the others, because verification, notes and protection of old backups change without a trace there.

use std::{
    collections::{HashMap, HashSet, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    sync::Arc,
};

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use pulse_core::model::{PbsBackupGroup, PbsBackupType, PbsGroupKey, PbsSnapshot, SourceIssue};

use super::{
    PbsConnection,
    poll::{USAGE, time},
    wire,
};
use crate::{
    PbsBackups, PollError,
    envelope::list,
    issues::Issues,
    lenient::{seen_name, seen_note},
    link::{encoded, is_plain},
    once::each_once,
};

/// Each group is read again after so many rounds, whether something seems to have happened in it or not.
const ROUNDS: u32 = 12;
/// Groups read at once.
const GROUPS_AT_ONCE: usize = 4;
/// Backups of one server that are kept. Ten times what is promised to be light.
const SNAPSHOTS_CAP: usize = 500_000;

/// A group as the listing has it.
struct Listed {
    key: PbsGroupKey,
    owner: Option<Arc<str>>,
    comment: Option<Arc<str>>,
    count: usize,
    last: Option<Timestamp>,
}

type Known = HashMap<PbsGroupKey, Arc<PbsBackupGroup>>;

impl PbsConnection {
    pub(super) async fn read_backups(
        &self,
        previous: &[Arc<PbsBackupGroup>],
        round: u32,
        now: Timestamp,
    ) -> Result<PbsBackups, PollError> {
        self.link.prepare().await?;
        let body = self.link.get(USAGE).await?;
        let rows = list::<wire::Usage<'_>>(&body).map_err(|detail| self.link.unreadable(USAGE, detail))?;
        let mut known: Known = previous.iter().map(|group| (group.key.clone(), group.clone())).collect();
        let mut texts = Texts::seeded(previous);
        let mut issues = Issues::new(now);
        let mut out = PbsBackups::default();
        let mut snapshots = 0;
        let mut read_stores = HashSet::new();
        for row in &rows {
            let Some(store) = row.store.as_str().filter(|name| is_plain(name) && !self.is_excluded(name))
            else {
                continue;
            };
            if !read_stores.insert(store) {
                continue;
            }
            if row.error.as_str().is_some() || row.mount_status.is("notmounted") {
                // The poll says so; its backups are not gone.
                keep(&mut known, |key| &*key.datastore == store, &mut out);
                continue;
            }
            let namespaces = match self.namespaces(store).await {
                Ok(namespaces) => namespaces,
                Err(error) => {
                    issues.add(&error, None, &format!("the backups on {store} are shown as they were"));
                    keep(&mut known, |key| &*key.datastore == store, &mut out);
                    continue;
                }
            };
            for namespace in namespaces {
                let listed = match self.groups(store, &namespace, &mut texts).await {
                    Ok(listed) => listed,
                    Err(error) => {
                        let what = format!(
                            "the backups on {store}, namespace {namespace:?}, are shown as they were"
                        );
                        issues.add(&error, None, &what);
                        let is_it =
                            |key: &PbsGroupKey| &*key.datastore == store && *key.namespace == namespace;
                        keep(&mut known, is_it, &mut out);
                        continue;
                    }
                };
                let wanted = listed.into_iter().map(|group| {
                    let before = known.remove(&group.key);
                    self.group(group, before, round)
                });
                let mut answers = stream::iter(wanted).buffer_unordered(GROUPS_AT_ONCE);
                while let Some(answer) = answers.next().await {
                    let group = answer.finish(&mut texts, &mut issues, &mut out.read_groups);
                    let Some(group) = group else { continue };
                    if snapshots + group.snapshots.len() > SNAPSHOTS_CAP {
                        issues.push(too_many(now));
                        continue;
                    }
                    snapshots += group.snapshots.len();
                    out.groups.push(group);
                }
            }
        }
        out.groups.sort_by(|a, b| a.key.cmp(&b.key));
        out.issues = issues.finish();
        Ok(out)
    }

    async fn groups(
        &self,
        store: &str,
        namespace: &str,
        texts: &mut Texts,
    ) -> Result<Vec<Listed>, PollError> {
        let path = format!("/admin/datastore/{}/groups{}", encoded(store), in_namespace('?', namespace));
        let body = self.link.get(&path).await?;
        let rows = list::<wire::Group<'_>>(&body).map_err(|detail| self.link.unreadable(&path, detail))?;
        let (datastore, namespace) = (texts.of(store), texts.of(namespace));
        let read = |row: &wire::Group<'_>, texts: &mut Texts| {
            Some(Listed {
                key: PbsGroupKey {
                    instance: self.instance.clone(),
                    datastore: datastore.clone(),
                    namespace: namespace.clone(),
                    backup_type: PbsBackupType::from_name(row.backup_type.as_str()?)?,
                    backup_id: texts.of(&seen_name(row.backup_id.as_str()?)),
                },
                owner: row.owner.as_str().map(|text| texts.of(&seen_name(text))),
                comment: row.comment.as_str().map(|text| texts.of(&seen_note(text))),
                count: row.backup_count.0.and_then(|count| usize::try_from(count).ok()).unwrap_or(0),
                last: row.last_backup.0.and_then(time),
            })
        };
        let mut listed: Vec<Listed> =
            rows.iter().take(SNAPSHOTS_CAP).filter_map(|row| read(row, texts)).collect();
        each_once(&mut listed, |group| &group.key);
        Ok(listed)
    }

    /// A group as it was where nothing happened, else the answer to the question for its backups.
    async fn group(&self, listed: Listed, before: Option<Arc<PbsBackupGroup>>, round: u32) -> Answer<'_> {
        if let Some(before) = &before
            && is_as_listed(before, &listed)
            && turn_of(&listed.key) != round % ROUNDS
        {
            return Answer { connection: self, listed, before: Some(before.clone()), body: None };
        }
        let key = &listed.key;
        let path = format!(
            "/admin/datastore/{}/snapshots?backup-type={}&backup-id={}{}",
            encoded(&key.datastore),
            key.backup_type,
            encoded(&key.backup_id),
            in_namespace('&', &key.namespace),
        );
        let body = self.link.get(&path).await;
        Answer { connection: self, listed, before, body: Some((path, body)) }
    }
}

/// What is known of a group after it was asked for, or not.
struct Answer<'a> {
    connection: &'a PbsConnection,
    listed: Listed,
    before: Option<Arc<PbsBackupGroup>>,
    body: Option<(String, Result<String, PollError>)>,
}

impl Answer<'_> {
    fn finish(
        self,
        texts: &mut Texts,
        issues: &mut Issues,
        read_groups: &mut usize,
    ) -> Option<Arc<PbsBackupGroup>> {
        let Some((path, body)) = self.body else { return self.before };
        let snapshots = body.and_then(|body| {
            let rows = list::<wire::Snapshot<'_>>(&body)
                .map_err(|detail| self.connection.link.unreadable(&path, detail))?;
            Ok(rows.iter().filter_map(|row| snapshot(row, texts)).collect::<Vec<_>>())
        });
        let mut snapshots = match snapshots {
            Ok(snapshots) => snapshots,
            Err(error) => {
                issues.add(&error, None, "some backups are shown as they were");
                return self.before;
            }
        };
        *read_groups += 1;
        snapshots.sort_by_key(|snapshot| std::cmp::Reverse(snapshot.made_at));
        snapshots.dedup_by(|a, b| a.made_at == b.made_at);
        snapshots.shrink_to_fit();
        let Listed { key, owner, comment, .. } = self.listed;
        let group = PbsBackupGroup { key, owner, comment, snapshots };
        // The same `Arc` tells everybody behind us that nothing happened.
        match self.before {
            Some(before) if *before == group => Some(before),
            Some(_) | None => Some(Arc::new(group)),
        }
    }
}

fn is_as_listed(before: &PbsBackupGroup, listed: &Listed) -> bool {
    before.snapshots.len() == listed.count
        && before.newest().map(|newest| newest.made_at) == listed.last
        && before.owner == listed.owner
        && before.comment == listed.comment
}

/// In which round of [`ROUNDS`] a group is read whatever happens.
fn turn_of(key: &PbsGroupKey) -> u32 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    (hasher.finish() % u64::from(ROUNDS)) as u32
}

/// The root is left out: servers before 2.2 refuse the parameter.
fn in_namespace(separator: char, namespace: &str) -> String {
    if namespace.is_empty() { String::new() } else { format!("{separator}ns={}", encoded(namespace)) }
}

fn keep(known: &mut Known, is_it: impl Fn(&PbsGroupKey) -> bool, out: &mut PbsBackups) {
    let kept: Vec<_> = known.extract_if(|key, _| is_it(key)).map(|(_, group)| group).collect();
    out.groups.extend(kept);
}

fn too_many(now: Timestamp) -> SourceIssue {
    SourceIssue {
        at: now,
        class: pulse_core::model::FailureClass::Decode,
        message: format!(
            "there are more than {SNAPSHOTS_CAP} backups; the rest is not shown: leave datastores out in the \
             settings of this server"
        ),
        node: None,
    }
}

fn snapshot(row: &wire::Snapshot<'_>, texts: &mut Texts) -> Option<PbsSnapshot> {
    let state = row.verification.0.as_ref().and_then(|verification| verification.state.as_str());
    Some(PbsSnapshot {
        made_at: row.backup_time.0.and_then(time)?,
        size_bytes: row.size.0,
        is_protected: row.protected.is_set(),
        is_verified: state.map(|state| state == "ok"),
        is_encrypted: row.fingerprint.as_str().is_some() || row.files.0.iter().any(|file| file.is_encrypted),
        comment: row.comment.as_str().map(|text| texts.of(&seen_note(text))),
        files: texts.files(row.files.0.iter().map(|file| &*file.name)),
    })
}

/// Texts that occur many times, each kept once.
#[derive(Default)]
struct Texts {
    texts: HashSet<Arc<str>>,
    lists: HashSet<Arc<[Arc<str>]>>,
}

impl Texts {
    /// With the texts of what is known already, so that what is read again shares them.
    fn seeded(groups: &[Arc<PbsBackupGroup>]) -> Self {
        let mut this = Self::default();
        for group in groups {
            this.texts
                .extend([&group.key.datastore, &group.key.namespace, &group.key.backup_id].map(Arc::clone));
            this.texts.extend(group.owner.iter().chain(&group.comment).cloned());
            for snapshot in &group.snapshots {
                this.texts.extend(snapshot.comment.iter().cloned());
                if this.lists.insert(snapshot.files.clone()) {
                    this.texts.extend(snapshot.files.iter().cloned());
                }
            }
        }
        this
    }

    fn of(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return known.clone();
        }
        let text: Arc<str> = text.into();
        self.texts.insert(text.clone());
        text
    }

    fn files<'a>(&mut self, names: impl Iterator<Item = &'a str>) -> Arc<[Arc<str>]> {
        let list: Vec<Arc<str>> = names.map(|name| self.of(&seen_name(name))).collect();
        if let Some(known) = self.lists.get(&list[..]) {
            return known.clone();
        }
        let list: Arc<[Arc<str>]> = list.into();
        self.lists.insert(list.clone());
        list
    }
}
