//! The tables of the ledger. `PRAGMA user_version` counts how many of these steps a file has been through; opening it takes
//! the missing ones, all in one transaction.
//!
//! To add tables, or to change yours: append a step, with your SQL in `crates/pulse-store/migrations`. A step that has been
//! released is never changed and never moved. Table names begin with their owner's word (`alert_`, `notify_`,
//! `agent_`, `audit_`). Times are Unix milliseconds in INTEGER columns ending in `_ms`.

/// One step.
#[derive(Debug)]
pub struct Migration {
    /// Whose tables these are.
    pub owner: &'static str,
    /// What makes the file of the step before into one of this step.
    pub sql: &'static str,
}

/// All steps, in order.
pub const MIGRATIONS: &[Migration] = &[
    Migration { owner: "notifications", sql: include_str!("../../migrations/0002_notify.sql") },
    Migration { owner: "alerts", sql: include_str!("../../migrations/0003_alerts.sql") },
    Migration { owner: "agent commands", sql: include_str!("../../migrations/0004_agent_commands.sql") },
    Migration { owner: "audit", sql: include_str!("../../migrations/0005_audit.sql") },
];

/// The format that a file has after all steps.
pub(super) fn newest() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}
