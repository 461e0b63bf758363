//! What is kept of profiles, in the shapes of Pulse v5: its files go on being read.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A set of values for agents.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AgentProfile {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it is for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Its values by key.
    pub config: Option<Map<String, Value>>,
    /// Grows by one with every change.
    pub version: u64,
    /// The profile it was made from; its values are not merged.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub parent_id: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Who made it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub created_by: String,
    /// Who changed it last.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub updated_by: String,
}

/// Which profile an agent follows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProfileAssignment {
    /// The agent: the id of the host it reports.
    pub agent_id: String,
    /// The profile.
    pub profile_id: String,
    /// The version of the profile when it was assigned.
    pub profile_version: u64,
    /// When.
    pub updated_at: Timestamp,
    /// By whom.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub assigned_by: String,
}

/// A profile as it was.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProfileVersion {
    /// The profile.
    pub profile_id: String,
    /// Which version.
    pub version: u64,
    /// Its name then.
    pub name: String,
    /// What it was for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Its values then.
    pub config: Option<Map<String, Value>>,
    /// The profile it was made from.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub parent_id: String,
    /// When.
    pub created_at: Timestamp,
    /// By whom.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub created_by: String,
    /// Why.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub change_note: String,
}

/// How far a profile got to an agent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeploymentStatus {
    /// The agent has not fetched it yet.
    #[default]
    Pending,
    /// The agent fetched it.
    Deployed,
    /// The agent could not follow it.
    Failed,
}

/// A profile on its way to an agent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProfileDeployment {
    /// The agent.
    pub agent_id: String,
    /// The profile.
    pub profile_id: String,
    /// The version that was assigned.
    pub assigned_version: u64,
    /// The version the agent has; 0 for none.
    pub deployed_version: u64,
    /// When it got it; the epoch for never.
    pub last_deployed_at: Timestamp,
    /// How far it is.
    pub deployment_status: DeploymentStatus,
    /// What went wrong.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error_message: String,
}

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProfileAction {
    /// A profile was made.
    #[default]
    Create,
    /// It was changed.
    Update,
    /// It was deleted.
    Delete,
    /// An agent was told to follow it.
    Assign,
    /// An agent was told to follow none.
    Unassign,
    /// It was made what it had been.
    Rollback,
}

/// An entry of the log of changes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProfileChange {
    /// Its id.
    pub id: String,
    /// The profile.
    pub profile_id: String,
    /// Its name at that time.
    pub profile_name: String,
    /// What was done.
    pub action: ProfileAction,
    /// The version before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_version: Option<u64>,
    /// The version after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_version: Option<u64>,
    /// The agent.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub agent_id: String,
    /// Who did it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// When.
    pub timestamp: Timestamp,
    /// More, for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub details: String,
}
