//! Profiles of agents: sets of values, which agent follows which, what they were before, and who changed them.
//!
//! Five files, as Pulse v5 has them. A change writes the new versions first and the profile last, so that a crash
//! between two files leaves an entry of the history too many, never a profile without its history.

pub mod records;
pub mod schema;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;
use serde_json::{Map, Value};

use self::{
    records::{
        AgentProfile, DeploymentStatus, ProfileAction, ProfileAssignment, ProfileChange, ProfileDeployment,
        ProfileVersion,
    },
    schema::{Validation, validate},
};
use crate::{ConfigError, UpdateError, store::document::DocumentStore};

/// More profiles than a person can tell apart.
pub const MOST_PROFILES: usize = 500;
/// Agents that can be told to follow one.
pub const MOST_ASSIGNMENTS: usize = 20_000;
/// Versions kept of one profile; the oldest go.
const MOST_VERSIONS: usize = 50;
/// Versions kept of all profiles, deleted ones included.
const MOST_VERSIONS_OF_ALL: usize = 5_000;
/// Entries kept of the log; the oldest go (contract B-11).
const MOST_CHANGES: usize = 1_000;
/// The longest id, name or note.
const LONGEST_TEXT: usize = 512;

/// Why a change of profiles is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// A profile needs a name.
    #[error("Name is required")]
    Nameless,
    /// There is no such profile.
    #[error("Profile not found")]
    Unknown,
    /// The profile never had that version, or it is too long ago.
    #[error("Version not found")]
    UnknownVersion,
    /// An assignment names two.
    #[error("agent_id and profile_id are required")]
    MissingId,
    /// Longer than any name.
    #[error("ids, names and notes have at most {LONGEST_TEXT} bytes")]
    TooLong,
    /// There are too many.
    #[error("there are too many of them already; delete some that are no longer needed")]
    TooMany,
    /// Agents could not follow it.
    #[error("Configuration validation failed")]
    Invalid(Validation),
}

/// What a person sets; `None` leaves what was there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProfileEdit {
    /// The name.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Its values.
    pub config: Option<Map<String, Value>>,
    /// The profile it was made from.
    pub parent_id: Option<String>,
    /// Why.
    pub change_note: String,
}

/// The last version that an agent fetched.
#[derive(Debug, Clone)]
struct Fetched {
    profile_id: String,
    version: u64,
    at: Timestamp,
}

type Update<T> = Result<T, UpdateError<ProfileError>>;

/// All that is kept of profiles. Changes block for the disk; reading never does.
#[derive(Debug)]
pub struct ProfileStore {
    profiles: DocumentStore<Vec<AgentProfile>>,
    /// Sorted by agent, one each.
    assignments: DocumentStore<Vec<ProfileAssignment>>,
    versions: DocumentStore<Vec<ProfileVersion>>,
    deployments: DocumentStore<Vec<ProfileDeployment>>,
    changes: DocumentStore<Vec<ProfileChange>>,
    /// One change at a time: it reads several files and writes them.
    changing: Mutex<()>,
    /// What agents fetched since the start; bounded by the assignments.
    fetched: Mutex<BTreeMap<String, Fetched>>,
}

impl ProfileStore {
    /// Reads the files of a data directory; damaged ones are set aside. Blocks for the disk.
    pub fn open(data_dir: &Path) -> Result<Self, ConfigError> {
        Ok(Self {
            profiles: DocumentStore::open(data_dir, "agent_profiles.json", "the profiles", |all| all)?,
            assignments: DocumentStore::open(
                data_dir,
                "agent_profile_assignments.json",
                "the assignments of profiles",
                sorted,
            )?,
            versions: DocumentStore::open(
                data_dir,
                "agent_profile_versions.json",
                "versions of profiles",
                |all| all,
            )?,
            deployments: DocumentStore::open(
                data_dir,
                "agent_profile_deployments.json",
                "the deployments of profiles",
                |all| all,
            )?,
            changes: DocumentStore::open(
                data_dir,
                "agent_profile_changelog.json",
                "changes of profiles",
                |all| all,
            )?,
            changing: Mutex::default(),
            fetched: Mutex::default(),
        })
    }

    /// All profiles, in the order they were made.
    pub fn profiles(&self) -> Arc<Vec<AgentProfile>> {
        self.profiles.current()
    }

    /// One profile.
    pub fn profile(&self, id: &str) -> Option<AgentProfile> {
        self.profiles.current().iter().find(|profile| profile.id == id).cloned()
    }

    /// Which agent follows which profile, sorted by agent.
    pub fn assignments(&self) -> Arc<Vec<ProfileAssignment>> {
        self.assignments.current()
    }

    /// What a profile was, oldest first.
    pub fn versions(&self, id: &str) -> Vec<ProfileVersion> {
        self.versions.current().iter().filter(|version| version.profile_id == id).cloned().collect()
    }

    /// What was changed, oldest first.
    pub fn changes(&self) -> Arc<Vec<ProfileChange>> {
        self.changes.current()
    }

    /// The profile an agent follows.
    fn followed(&self, agent: &str) -> Option<AgentProfile> {
        let assignments = self.assignments.current();
        let at = assignments.binary_search_by(|it| it.agent_id.as_str().cmp(agent)).ok()?;
        self.profile(&assignments[at].profile_id)
    }

    /// The values of the profile an agent follows; empty for none.
    pub fn settings_for(&self, agent: &str) -> Map<String, Value> {
        self.followed(agent).and_then(|profile| profile.config).unwrap_or_default()
    }

    /// An agent fetched the values of its profile.
    pub fn note_fetched(&self, agent: &str, now: Timestamp) {
        let Some(profile) = self.followed(agent) else { return };
        let mut fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
        if fetched.len() < MOST_ASSIGNMENTS || fetched.contains_key(agent) {
            let entry = Fetched { profile_id: profile.id, version: profile.version, at: now };
            fetched.insert(agent.to_owned(), entry);
        }
    }

    /// How far profiles got: what was written down, and what agents fetched since.
    pub fn deployments(&self) -> Vec<ProfileDeployment> {
        let mut all: Vec<ProfileDeployment> = self.deployments.current().to_vec();
        let fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
        for deployment in &mut all {
            let seen = fetched.get(&deployment.agent_id).filter(|seen| {
                seen.profile_id == deployment.profile_id && seen.at > deployment.last_deployed_at
            });
            if let Some(seen) = seen {
                deployment.deployed_version = seen.version;
                deployment.last_deployed_at = seen.at;
                deployment.deployment_status = DeploymentStatus::Deployed;
                deployment.error_message.clear();
            }
        }
        all
    }

    /// Makes a profile.
    pub fn create(&self, id: String, edit: ProfileEdit, by: &str, now: Timestamp) -> Update<AgentProfile> {
        let _one = self.one_at_a_time();
        if self.profiles.current().len() >= MOST_PROFILES {
            return Err(UpdateError::Refused(ProfileError::TooMany));
        }
        let fresh =
            AgentProfile { id, created_at: now, created_by: by.to_owned(), ..AgentProfile::default() };
        self.keep(fresh, edit, ProfileAction::Create, by, now)
    }

    /// Changes a profile.
    pub fn change(&self, id: &str, edit: ProfileEdit, by: &str, now: Timestamp) -> Update<AgentProfile> {
        let _one = self.one_at_a_time();
        let profile = self.known(id)?;
        self.keep(profile, edit, ProfileAction::Update, by, now)
    }

    /// Makes a profile what it was, as a new version.
    pub fn roll_back(&self, id: &str, to: u64, by: &str, now: Timestamp) -> Update<AgentProfile> {
        let _one = self.one_at_a_time();
        let profile = self.known(id)?;
        let versions = self.versions.current();
        let old = versions
            .iter()
            .find(|version| version.profile_id == id && version.version == to)
            .ok_or(UpdateError::Refused(ProfileError::UnknownVersion))?;
        let edit = ProfileEdit {
            name: Some(old.name.clone()),
            description: Some(old.description.clone()),
            config: None,
            parent_id: Some(old.parent_id.clone()),
            change_note: format!("Rolled back to version {to}"),
        };
        let profile = AgentProfile { config: old.config.clone(), ..profile };
        self.keep(profile, edit, ProfileAction::Rollback, by, now)
    }

    /// Deletes a profile and who follows it; what it was stays readable.
    pub fn delete(&self, id: &str, by: &str, now: Timestamp) -> Update<()> {
        let _one = self.one_at_a_time();
        let profile = self.known(id)?;
        self.assignments.update(|all| all.iter().filter(|it| it.profile_id != id).cloned().collect())?;
        self.deployments.update(|all| all.iter().filter(|it| it.profile_id != id).cloned().collect())?;
        self.profiles.update(|all| all.iter().filter(|it| it.id != id).cloned().collect())?;
        let change = ProfileChange { old_version: Some(profile.version), ..ProfileChange::default() };
        self.log(&profile, ProfileAction::Delete, change, by, now)
    }

    /// Has an agent follow a profile, in the place of what it followed.
    pub fn assign(
        &self,
        agent: &str,
        profile_id: &str,
        version: u64,
        by: &str,
        now: Timestamp,
    ) -> Update<ProfileAssignment> {
        let _one = self.one_at_a_time();
        if agent.is_empty() || profile_id.is_empty() {
            return Err(UpdateError::Refused(ProfileError::MissingId));
        }
        let profile = self.known(profile_id)?;
        let version = if version == 0 { profile.version } else { version };
        let assignment = ProfileAssignment {
            agent_id: short(agent)?,
            profile_id: profile_id.to_owned(),
            profile_version: version,
            updated_at: now,
            assigned_by: by.to_owned(),
        };
        let others: Vec<_> =
            self.assignments.current().iter().filter(|it| it.agent_id != agent).cloned().collect();
        if others.len() >= MOST_ASSIGNMENTS {
            return Err(UpdateError::Refused(ProfileError::TooMany));
        }
        self.assignments.update(|_| sorted([others, vec![assignment.clone()]].concat()))?;
        self.deployments.update(|all| {
            let mut next: Vec<_> = all.iter().filter(|it| it.agent_id != agent).cloned().collect();
            next.push(ProfileDeployment {
                agent_id: agent.to_owned(),
                profile_id: profile_id.to_owned(),
                assigned_version: version,
                ..ProfileDeployment::default()
            });
            next
        })?;
        let change = ProfileChange { new_version: Some(version), ..agent_change(agent) };
        self.log(&profile, ProfileAction::Assign, change, by, now)?;
        Ok(assignment)
    }

    /// Has an agent follow no profile; it is no error when it follows none.
    pub fn unassign(&self, agent: &str, by: &str, now: Timestamp) -> Update<()> {
        let _one = self.one_at_a_time();
        let before = self.assignments.current();
        let Some(old) = before.iter().find(|it| it.agent_id == agent) else { return Ok(()) };
        self.assignments.update(|all| all.iter().filter(|it| it.agent_id != agent).cloned().collect())?;
        self.deployments.update(|all| all.iter().filter(|it| it.agent_id != agent).cloned().collect())?;
        let gone = || AgentProfile { id: old.profile_id.clone(), ..AgentProfile::default() };
        let profile = self.profile(&old.profile_id).unwrap_or_else(gone);
        self.log(&profile, ProfileAction::Unassign, agent_change(agent), by, now)
    }

    /// Writes down how far a profile got to an agent.
    pub fn put_deployment(&self, deployment: ProfileDeployment) -> Update<()> {
        let _one = self.one_at_a_time();
        if deployment.agent_id.is_empty() || deployment.profile_id.is_empty() {
            return Err(UpdateError::Refused(ProfileError::MissingId));
        }
        short(&deployment.agent_id)?;
        short(&deployment.profile_id)?;
        short(&deployment.error_message)?;
        let is_same = |it: &ProfileDeployment| {
            (&it.agent_id, &it.profile_id) == (&deployment.agent_id, &deployment.profile_id)
        };
        let before = self.deployments.current();
        if before.len() >= MOST_ASSIGNMENTS && !before.iter().any(is_same) {
            return Err(UpdateError::Refused(ProfileError::TooMany));
        }
        self.deployments.update(|all| {
            let mut next = all.clone();
            match next.iter_mut().find(|it| is_same(it)) {
                Some(known) => {
                    *known =
                        ProfileDeployment { assigned_version: known.assigned_version, ..deployment.clone() };
                }
                None => next.push(deployment.clone()),
            }
            next
        })?;
        Ok(())
    }

    fn one_at_a_time(&self) -> std::sync::MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self, id: &str) -> Update<AgentProfile> {
        self.profile(id).ok_or(UpdateError::Refused(ProfileError::Unknown))
    }

    /// Puts an edit over a profile and keeps what comes out as its next version.
    fn keep(
        &self,
        mut profile: AgentProfile,
        edit: ProfileEdit,
        action: ProfileAction,
        by: &str,
        now: Timestamp,
    ) -> Update<AgentProfile> {
        let note = short(&edit.change_note)?;
        // Pulse v5: what a change does not name becomes empty, the name included.
        if let Some(name) = edit.name {
            name.trim().clone_into(&mut profile.name);
        }
        profile.description = edit.description.unwrap_or(profile.description);
        profile.config = edit.config.or(profile.config);
        profile.parent_id = edit.parent_id.unwrap_or(profile.parent_id);
        if profile.name.is_empty() {
            return Err(UpdateError::Refused(ProfileError::Nameless));
        }
        for text in [&profile.name, &profile.parent_id] {
            short(text)?;
        }
        let found = validate(profile.config.as_ref().unwrap_or(&Map::new()));
        if !found.is_valid() {
            return Err(UpdateError::Refused(ProfileError::Invalid(found)));
        }
        let before = profile.version;
        profile.version = before + 1;
        profile.updated_at = now;
        by.clone_into(&mut profile.updated_by);
        self.add_version(&profile, &note)?;
        self.profiles.update(|all| {
            let mut next = all.clone();
            match next.iter_mut().find(|it| it.id == profile.id) {
                Some(known) => *known = profile.clone(),
                None => next.push(profile.clone()),
            }
            next
        })?;
        let change = ProfileChange {
            old_version: Some(before).filter(|before| *before > 0),
            new_version: Some(profile.version),
            details: note,
            ..ProfileChange::default()
        };
        self.log(&profile, action, change, by, now)?;
        Ok(profile)
    }

    fn add_version(&self, profile: &AgentProfile, note: &str) -> Result<(), ConfigError> {
        let fresh = ProfileVersion {
            profile_id: profile.id.clone(),
            version: profile.version,
            name: profile.name.clone(),
            description: profile.description.clone(),
            config: profile.config.clone(),
            parent_id: profile.parent_id.clone(),
            created_at: profile.updated_at,
            created_by: profile.updated_by.clone(),
            change_note: note.to_owned(),
        };
        self.versions.update(|all| {
            let is_of = |it: &ProfileVersion| it.profile_id == profile.id;
            // The same number can be there already: from a change whose profile could not be written.
            let mut next: Vec<_> =
                all.iter().filter(|it| !(is_of(it) && it.version >= profile.version)).cloned().collect();
            let mut surplus = (next.iter().filter(|it| is_of(it)).count() + 1).saturating_sub(MOST_VERSIONS);
            next.retain(|it| {
                let goes = is_of(it) && surplus > 0;
                surplus -= usize::from(goes);
                !goes
            });
            next.push(fresh);
            let excess = next.len().saturating_sub(MOST_VERSIONS_OF_ALL);
            next.drain(..excess);
            next
        })?;
        Ok(())
    }

    fn log(
        &self,
        profile: &AgentProfile,
        action: ProfileAction,
        change: ProfileChange,
        by: &str,
        now: Timestamp,
    ) -> Update<()> {
        let entry = ProfileChange {
            profile_id: profile.id.clone(),
            profile_name: profile.name.clone(),
            action,
            user: by.to_owned(),
            timestamp: now,
            ..change
        };
        self.changes.update(|all| {
            let mut next = all.clone();
            let last = next.last().and_then(|last| last.id.parse::<u64>().ok()).unwrap_or_default();
            next.push(ProfileChange { id: (last + 1).to_string(), ..entry });
            let excess = next.len().saturating_sub(MOST_CHANGES);
            next.drain(..excess);
            next
        })?;
        Ok(())
    }
}

fn agent_change(agent: &str) -> ProfileChange {
    ProfileChange { agent_id: agent.to_owned(), ..ProfileChange::default() }
}

/// One for each agent, sorted by agent: the last of several counts.
fn sorted(all: Vec<ProfileAssignment>) -> Vec<ProfileAssignment> {
    let by_agent: BTreeMap<String, ProfileAssignment> =
        all.into_iter().map(|it| (it.agent_id.clone(), it)).collect();
    by_agent.into_values().collect()
}

fn short(text: &str) -> Result<String, UpdateError<ProfileError>> {
    if text.len() > LONGEST_TEXT {
        Err(UpdateError::Refused(ProfileError::TooLong))
    } else {
        Ok(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-03-04T05:06:07Z".parse().unwrap()
    }

    fn edit(name: &str, config: &str) -> ProfileEdit {
        let config = serde_json::from_str(config).unwrap();
        ProfileEdit { name: Some(name.into()), config: Some(config), ..ProfileEdit::default() }
    }

    fn refused<T: std::fmt::Debug>(result: Update<T>) -> ProfileError {
        match result {
            Err(UpdateError::Refused(error)) => error,
            other => panic!("not refused: {other:?}"),
        }
    }

    #[test]
    fn a_profile_lives_through_changes_a_rollback_and_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let store = ProfileStore::open(dir.path()).unwrap();
        store.create("p".into(), edit(" lab ", r#"{"interval":"10s"}"#), "kim", now()).unwrap();
        store.assign("host-1", "p", 0, "kim", now()).unwrap();
        let slower =
            ProfileEdit { config: edit("", r#"{"interval":"1m"}"#).config, ..ProfileEdit::default() };
        let changed = store.change("p", slower, "kim", now()).unwrap();
        assert_eq!((changed.name.as_str(), changed.version), ("lab", 2), "a name that is not sent stays");
        assert_eq!(store.settings_for("host-1")["interval"], "1m");
        assert!(store.settings_for("host-2").is_empty());
        store.roll_back("p", 1, "kim", now()).unwrap();
        let again = ProfileStore::open(dir.path()).unwrap();
        assert_eq!(again.settings_for("host-1")["interval"], "10s");
        let versions = again.versions("p");
        assert_eq!(versions.iter().map(|it| it.version).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(versions[2].change_note, "Rolled back to version 1");
        again.delete("p", "kim", now()).unwrap();
        assert!(again.settings_for("host-1").is_empty() && again.assignments().is_empty());
        assert_eq!(again.versions("p").len(), 3, "what it was stays readable");
        let actions: Vec<_> = again.changes().iter().map(|it| it.action).collect();
        use ProfileAction::{Assign, Create, Delete, Rollback, Update};
        assert_eq!(actions, [Create, Assign, Update, Rollback, Delete]);
    }

    #[test]
    fn what_makes_no_sense_is_refused_and_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let store = ProfileStore::open(dir.path()).unwrap();
        assert_eq!(refused(store.create("p".into(), edit(" ", "{}"), "", now())), ProfileError::Nameless);
        let invalid = refused(store.create("p".into(), edit("x", r#"{"interval":1}"#), "", now()));
        assert!(matches!(invalid, ProfileError::Invalid(_)));
        assert_eq!(refused(store.change("p", ProfileEdit::default(), "", now())), ProfileError::Unknown);
        assert_eq!(refused(store.assign("a", "p", 0, "", now())), ProfileError::Unknown);
        assert_eq!(refused(store.assign("", "p", 0, "", now())), ProfileError::MissingId);
        let long = "x".repeat(LONGEST_TEXT + 1);
        assert_eq!(refused(store.create("p".into(), edit(&long, "{}"), "", now())), ProfileError::TooLong);
        assert!(store.profiles().is_empty() && store.changes().is_empty());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing was written");
    }

    #[test]
    fn versions_and_the_log_do_not_grow_without_end() {
        let dir = tempfile::tempdir().unwrap();
        let store = ProfileStore::open(dir.path()).unwrap();
        store.create("p".into(), edit("x", "{}"), "", now()).unwrap();
        for _ in 0..MOST_VERSIONS + 3 {
            store.change("p", ProfileEdit::default(), "", now()).unwrap();
        }
        let versions = store.versions("p");
        assert_eq!((versions.len(), versions.last().unwrap().version), (MOST_VERSIONS, 54));
        assert_eq!(refused(store.roll_back("p", 1, "", now())), ProfileError::UnknownVersion);
    }

    #[test]
    fn a_deployment_is_done_when_the_agent_fetched_it() {
        let dir = tempfile::tempdir().unwrap();
        let store = ProfileStore::open(dir.path()).unwrap();
        store.create("p".into(), edit("x", r#"{"interval":"10s"}"#), "", now()).unwrap();
        store.assign("a", "p", 0, "", now()).unwrap();
        assert_eq!(store.deployments()[0].deployment_status, DeploymentStatus::Pending);
        store.note_fetched("a", now());
        store.note_fetched("stranger", now());
        let all = store.deployments();
        assert_eq!((all.len(), all[0].deployed_version), (1, 1));
        assert_eq!(all[0].deployment_status, DeploymentStatus::Deployed);
        store.unassign("a", "", now()).unwrap();
        assert!(store.deployments().is_empty());
    }

    #[test]
    fn a_damaged_file_is_set_aside_and_the_rest_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let store = ProfileStore::open(dir.path()).unwrap();
        store.create("p".into(), edit("x", "{}"), "", now()).unwrap();
        std::fs::write(dir.path().join("agent_profile_versions.json"), "{").unwrap();
        let again = ProfileStore::open(dir.path()).unwrap();
        assert_eq!((again.profiles().len(), again.versions("p").len()), (1, 0));
    }
}
