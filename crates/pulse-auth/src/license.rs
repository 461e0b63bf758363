//! Licence keys: `base64url(header).base64url(payload).base64url(signature)`, signed with Ed25519 (contract A-04).

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jiff::{SignedDuration, Timestamp};
use ring::signature::{ED25519, UnparsedPublicKey};
use serde::Deserialize;

use crate::{Feature, FeatureSet};

/// A licence goes on working this long after its end.
pub const GRACE: SignedDuration = SignedDuration::from_hours(7 * 24);
/// No key is longer.
const MAX_KEY_BYTES: usize = 16 * 1024;

/// Why a key is refused. The texts are those of Pulse v5.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LicenseError {
    /// It is no key.
    #[error("malformed license key")]
    Malformed,
    /// This server has nothing to check it against.
    #[error("no public key configured for validation: signature verification required")]
    NoPublicKey,
    /// Somebody else signed it, or it was changed.
    #[error("license signature invalid")]
    BadSignature,
    /// It ended, and the time of grace as well.
    #[error("license has expired: expired on {} (grace period ended {})", day(.expired_at), day(.grace_ended_at))]
    Expired {
        /// When it ended.
        expired_at: Timestamp,
        /// When the time of grace ended.
        grace_ended_at: Timestamp,
    },
}

fn day(at: &Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

/// The public key of whoever sells licences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// From base64 of its 32 bytes.
    pub fn from_base64(text: &str) -> Option<Self> {
        STANDARD.decode(text.trim()).ok()?.try_into().ok().map(Self)
    }
}

/// Whether a licence counts at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It does.
    Active,
    /// It has ended but goes on until then.
    Grace {
        /// The end of the time of grace.
        until: Timestamp,
    },
    /// It does not.
    Expired,
}

/// What a verified key says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct License {
    /// Whose it is.
    pub email: String,
    /// What was bought.
    pub tier: String,
    /// When it ends; `None` for never.
    pub expires_at: Option<Timestamp>,
    /// Nodes it is meant for; 0 for any number. Nobody counts.
    pub max_nodes: u64,
    /// Guests it is meant for; 0 for any number. Nobody counts.
    pub max_guests: u64,
    features: FeatureSet,
}

#[derive(Deserialize)]
struct Payload {
    lid: String,
    email: String,
    tier: String,
    #[serde(default)]
    exp: i64,
    #[serde(default)]
    features: Option<Vec<String>>,
    #[serde(default)]
    max_nodes: u64,
    #[serde(default)]
    max_guests: u64,
}

impl License {
    /// Checks a key and reads what it says. One that has ended is read as well; [`License::standing`] tells.
    pub fn verify(key: &str, public_key: Option<&PublicKey>) -> Result<Self, LicenseError> {
        let key = key.trim();
        if key.len() > MAX_KEY_BYTES {
            return Err(LicenseError::Malformed);
        }
        let (signed, signature) = key.rsplit_once('.').ok_or(LicenseError::Malformed)?;
        let (_, payload) = signed.split_once('.').ok_or(LicenseError::Malformed)?;
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| LicenseError::Malformed);
        let (payload, signature) = (decode(payload)?, decode(signature)?);
        let public_key = public_key.ok_or(LicenseError::NoPublicKey)?;
        UnparsedPublicKey::new(&ED25519, public_key.0)
            .verify(signed.as_bytes(), &signature)
            .map_err(|_| LicenseError::BadSignature)?;
        let payload: Payload = serde_json::from_slice(&payload).map_err(|_| LicenseError::Malformed)?;
        if payload.lid.is_empty() || payload.email.is_empty() || payload.tier.is_empty() {
            return Err(LicenseError::Malformed);
        }
        let explicit = payload.features.unwrap_or_default();
        let explicit =
            Feature::EVERY.into_iter().filter(|feature| explicit.iter().any(|key| key == feature.key()));
        Ok(Self {
            features: explicit.chain(of_tier(&payload.tier)).collect(),
            email: payload.email,
            tier: payload.tier,
            expires_at: match payload.exp {
                0 => None,
                at => Some(Timestamp::from_second(at).map_err(|_| LicenseError::Malformed)?),
            },
            max_nodes: payload.max_nodes,
            max_guests: payload.max_guests,
        })
    }

    /// Whether it counts at `now`.
    pub fn standing(&self, now: Timestamp) -> Standing {
        match self.expires_at {
            Some(end) if end <= now => {
                let until = end.saturating_add(GRACE).unwrap_or(Timestamp::MAX);
                if now < until { Standing::Grace { until } } else { Standing::Expired }
            }
            Some(_) | None => Standing::Active,
        }
    }

    /// Fails where it counts no more.
    pub fn require_valid(&self, now: Timestamp) -> Result<(), LicenseError> {
        match (self.standing(now), self.expires_at) {
            (Standing::Expired, Some(expired_at)) => Err(LicenseError::Expired {
                expired_at,
                grace_ended_at: expired_at.saturating_add(GRACE).unwrap_or(Timestamp::MAX),
            }),
            _ => Ok(()),
        }
    }

    /// The features at `now`: those of the licence, or those that everybody has.
    pub fn features(&self, now: Timestamp) -> FeatureSet {
        match self.standing(now) {
            Standing::Active | Standing::Grace { .. } => self.features,
            Standing::Expired => FeatureSet::default(),
        }
    }
}

fn of_tier(tier: &str) -> Vec<Feature> {
    const FREE: [Feature; 3] = [Feature::AiPatrol, Feature::UpdateAlerts, Feature::Sso];
    const PRO: [Feature; 9] = [
        Feature::AiAlerts,
        Feature::AiAutofix,
        Feature::KubernetesAi,
        Feature::AgentProfiles,
        Feature::AdvancedSso,
        Feature::Rbac,
        Feature::AuditLogging,
        Feature::AdvancedReporting,
        Feature::LongTermMetrics,
    ];
    let mut features = Vec::new();
    if matches!(tier, "free" | "pro" | "pro_annual" | "lifetime" | "msp" | "enterprise") {
        features.extend(FREE);
    }
    if matches!(tier, "pro" | "pro_annual" | "lifetime" | "msp" | "enterprise") {
        features.extend(PRO);
    }
    if matches!(tier, "msp" | "enterprise") {
        features.push(Feature::Unlimited);
    }
    if tier == "enterprise" {
        features.extend([Feature::MultiUser, Feature::WhiteLabel, Feature::MultiTenant]);
    }
    features
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ring::signature::{Ed25519KeyPair, KeyPair};

    use super::*;

    const PAYLOAD: &str = r#"{"lid":"l-1","email":"ops@example.org","tier":"pro","exp":1767225600}"#;

    fn pair() -> (Ed25519KeyPair, PublicKey) {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let public = PublicKey(pair.public_key().as_ref().try_into().unwrap());
        (pair, public)
    }

    fn key(payload: &str) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode("{}"), URL_SAFE_NO_PAD.encode(payload));
        let signature = pair().0.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_licence_counts_until_the_end_of_its_grace() {
        let license = License::verify(&key(PAYLOAD), Some(&pair().1)).unwrap();
        let before = at("2025-12-31T00:00:00Z");
        assert_eq!(license.standing(before), Standing::Active);
        assert!(
            license.features(before).has(Feature::Rbac)
                && !license.features(before).has(Feature::MultiTenant)
        );
        let until = at("2026-01-08T00:00:00Z");
        assert_eq!(license.standing(at("2026-01-01T00:00:00Z")), Standing::Grace { until });
        assert_eq!(license.standing(until), Standing::Expired);
        assert_eq!(license.features(until), FeatureSet::default());
        assert_eq!(
            license.require_valid(until).unwrap_err().to_string(),
            "license has expired: expired on 2026-01-01 (grace period ended 2026-01-08)"
        );
    }

    #[test]
    fn nothing_is_taken_on_somebodys_word() {
        let whole = key(PAYLOAD);
        assert_eq!(License::verify(&whole, None).unwrap_err(), LicenseError::NoPublicKey);
        let other = PublicKey([9; 32]);
        assert_eq!(License::verify(&whole, Some(&other)).unwrap_err(), LicenseError::BadSignature);
        let forged = PAYLOAD.replace("pro", "enterprise");
        let mut parts: Vec<&str> = whole.split('.').collect();
        let payload = URL_SAFE_NO_PAD.encode(forged);
        parts[1] = &payload;
        let forged = License::verify(&parts.join("."), Some(&pair().1));
        assert_eq!(forged.unwrap_err(), LicenseError::BadSignature);
        let nameless = License::verify(&key(r#"{"lid":"","email":"a","tier":"pro"}"#), Some(&pair().1));
        assert_eq!(nameless.unwrap_err(), LicenseError::Malformed);
    }

    proptest! {
        #[test]
        fn no_text_is_taken_for_a_key(text in "[A-Za-z0-9._-]{0,200}") {
            prop_assert!(License::verify(&text, Some(&pair().1)).is_err());
        }
    }
}
