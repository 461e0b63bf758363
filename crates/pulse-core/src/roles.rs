//! Records of roles and of who has which, as they are kept and as they are on the wire (contract A-05).
//!
//! They stand here because one crate decides about them and another one stores them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct RoleRecord {
    /// Its id: letters, digits, `_` and `-`, at most 64.
    pub id: String,
    /// Its name for people.
    #[serde(default)]
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// The role that it builds on: it has that one's permissions too.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub parent_id: String,
    /// What it allows and denies.
    #[serde(default)]
    pub permissions: Vec<PermissionRecord>,
    /// Whether every server has it; such a role cannot be changed.
    #[serde(default)]
    pub is_built_in: bool,
    /// For the order in lists; the rights do not depend on it.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub priority: i64,
    /// When it was made.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
    /// When it was last changed.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub updated_at: Timestamp,
}

/// An action on a kind of things, allowed or denied.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PermissionRecord {
    /// `read`, `write`, `delete` or `admin`.
    pub action: String,
    /// `nodes`, `vms`, `containers`, `alerts`, `settings`, `users`, `audit_logs`, `compliance` or `*`.
    pub resource: String,
    /// `allow`, which is what absence means, or `deny`, which wins.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub effect: String,
    /// When it holds. No route of this server has anything to compare them with: what is allowed on conditions is not
    /// allowed, and what is denied on conditions is denied.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub conditions: BTreeMap<String, String>,
}

/// Which roles somebody has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct UserRoles {
    /// The user, as the provider or the proxy names them.
    pub username: String,
    /// Ids of roles; none means: no rights at all.
    #[serde(default, deserialize_with = "null_is_none")]
    pub role_ids: Vec<String>,
    /// When that was last changed.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub updated_at: Timestamp,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(value: &i64) -> bool {
    *value == 0
}

/// Pulse v5 writes `null` for a list that was never filled.
fn null_is_none<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_pulse_v5_are_read() {
        let text = r#"{"id":"op-lite","name":"Op Lite","description":"","parentId":"viewer",
            "permissions":[{"action":"read","resource":"alerts","effect":"allow","conditions":{"tag":"prod"}}],
            "isBuiltIn":false,"priority":0,"createdAt":"2026-02-01T10:00:00Z","updatedAt":"0001-01-01T00:00:00Z"}"#;
        let role: RoleRecord = serde_json::from_str(text).unwrap();
        assert_eq!((role.parent_id.as_str(), role.permissions[0].effect.as_str()), ("viewer", "allow"));
        assert_eq!(serde_json::from_str::<RoleRecord>(&serde_json::to_string(&role).unwrap()).unwrap(), role);
        let user: UserRoles = serde_json::from_str(r#"{"username":"kim","roleIds":null}"#).unwrap();
        assert!(user.role_ids.is_empty());
    }
}
