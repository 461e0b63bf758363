//! What the licence includes. Verifying a licence is elsewhere; this is the list and the refusal.

/// Something that can be licensed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Feature {
    /// Background health checks.
    AiPatrol,
    /// Analysis of alerts.
    AiAlerts,
    /// Fixes by the patrol.
    AiAutofix,
    /// Analysis of Kubernetes.
    KubernetesAi,
    /// Alerts about updates.
    UpdateAlerts,
    /// Roles.
    Rbac,
    /// Several users.
    MultiUser,
    /// Own branding.
    WhiteLabel,
    /// Organisations.
    MultiTenant,
    /// Any number of instances.
    Unlimited,
    /// Profiles for agents.
    AgentProfiles,
    /// The audit log.
    AuditLogging,
    /// Login by OIDC.
    Sso,
    /// Login by several providers.
    AdvancedSso,
    /// Reports as PDF and CSV.
    AdvancedReporting,
    /// History beyond seven days.
    LongTermMetrics,
}

impl Feature {
    /// All of them.
    pub const EVERY: [Self; 16] = [
        Self::AiPatrol,
        Self::AiAlerts,
        Self::AiAutofix,
        Self::KubernetesAi,
        Self::UpdateAlerts,
        Self::Rbac,
        Self::MultiUser,
        Self::WhiteLabel,
        Self::MultiTenant,
        Self::Unlimited,
        Self::AgentProfiles,
        Self::AuditLogging,
        Self::Sso,
        Self::AdvancedSso,
        Self::AdvancedReporting,
        Self::LongTermMetrics,
    ];

    /// Its name on the wire.
    pub fn key(self) -> &'static str {
        match self {
            Self::AiPatrol => "ai_patrol",
            Self::AiAlerts => "ai_alerts",
            Self::AiAutofix => "ai_autofix",
            Self::KubernetesAi => "kubernetes_ai",
            Self::UpdateAlerts => "update_alerts",
            Self::Rbac => "rbac",
            Self::MultiUser => "multi_user",
            Self::WhiteLabel => "white_label",
            Self::MultiTenant => "multi_tenant",
            Self::Unlimited => "unlimited",
            Self::AgentProfiles => "agent_profiles",
            Self::AuditLogging => "audit_logging",
            Self::Sso => "sso",
            Self::AdvancedSso => "advanced_sso",
            Self::AdvancedReporting => "advanced_reporting",
            Self::LongTermMetrics => "long_term_metrics",
        }
    }

    /// Its name for people.
    pub fn display_name(self) -> &'static str {
        match self {
            Self::AiPatrol => "Pulse Patrol (Background Health Checks)",
            Self::AiAlerts => "Alert Analysis",
            Self::AiAutofix => "Pulse Patrol Auto-Fix",
            Self::KubernetesAi => "Kubernetes Analysis",
            Self::UpdateAlerts => "Update Alerts (Container/Package Updates)",
            Self::Rbac => "Role-Based Access Control (RBAC)",
            Self::MultiUser => "Multi-User Mode",
            Self::WhiteLabel => "White-Label Branding",
            Self::MultiTenant => "Multi-Tenant Mode",
            Self::Unlimited => "Unlimited Instances",
            Self::AgentProfiles => "Centralized Agent Profiles",
            Self::AuditLogging => "Enterprise Audit Logging",
            Self::Sso => "Basic SSO (OIDC)",
            Self::AdvancedSso => "Advanced SSO (SAML/Multi-Provider)",
            Self::AdvancedReporting => "Advanced Infrastructure Reporting (PDF/CSV)",
            Self::LongTermMetrics => "90-Day Metric History",
        }
    }
}

/// The features somebody has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeatureSet(u32);

impl Default for FeatureSet {
    /// What there is without a licence.
    fn default() -> Self {
        [Feature::AiPatrol, Feature::UpdateAlerts, Feature::Sso].into_iter().collect()
    }
}

impl FromIterator<Feature> for FeatureSet {
    fn from_iter<I: IntoIterator<Item = Feature>>(features: I) -> Self {
        Self(features.into_iter().fold(0, |bits, feature| bits | 1 << feature as u32))
    }
}

impl FeatureSet {
    /// Everything, as developers have it.
    pub fn everything() -> Self {
        Feature::EVERY.into_iter().collect()
    }

    /// Whether the feature is in it.
    pub fn has(self, feature: Feature) -> bool {
        self.0 & 1 << feature as u32 != 0
    }

    /// Fails where the feature is not in it.
    pub fn require(self, feature: Feature) -> Result<(), LicenseRequired> {
        if self.has(feature) { Ok(()) } else { Err(LicenseRequired { feature }) }
    }
}

/// The licence does not include it: status 402.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("feature not included in license: {} requires Pulse Pro", feature.display_name())]
pub struct LicenseRequired {
    /// What was asked for.
    pub feature: Feature,
}

impl LicenseRequired {
    /// Where a licence can be had.
    pub const UPGRADE_URL: &str = "https://pulserelay.pro/";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_licence_there_are_three_features() {
        let free: Vec<_> =
            Feature::EVERY.into_iter().filter(|f| FeatureSet::default().has(*f)).map(Feature::key).collect();
        assert_eq!(free, ["ai_patrol", "update_alerts", "sso"]);
        assert!(Feature::EVERY.into_iter().all(|feature| FeatureSet::everything().has(feature)));
    }

    #[test]
    fn a_refusal_says_what_it_would_take() {
        let error = FeatureSet::default().require(Feature::Rbac).unwrap_err();
        let expect = "feature not included in license: Role-Based Access Control (RBAC) requires Pulse Pro";
        assert_eq!(error.to_string(), expect);
        assert_eq!(FeatureSet::default().require(Feature::Sso), Ok(()));
    }

    #[test]
    fn keys_are_unique() {
        let keys: std::collections::BTreeSet<_> = Feature::EVERY.into_iter().map(Feature::key).collect();
        assert_eq!(keys.len(), Feature::EVERY.len());
    }
}
