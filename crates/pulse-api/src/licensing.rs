//! What the licence includes right now: the one place that routes and services ask.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use jiff::Timestamp;
use pulse_auth::{
    FeatureSet, License, LicenseError,
    license::{PublicKey, Standing},
};
use pulse_config::{ConfigError, Secret, Settings, store::license::LicenseFile};

/// The licence of this server.
#[derive(Debug)]
pub struct Licensing {
    file: LicenseFile,
    public_key: Option<PublicKey>,
    /// Developers have everything.
    has_everything: bool,
    current: ArcSwapOption<License>,
}

/// Why a licence was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ActivateError {
    /// The key is refused.
    #[error(transparent)]
    Refused(#[from] LicenseError),
    /// It could not be kept.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

impl Licensing {
    /// Reads the licence of a data directory; a key that no longer verifies counts as none.
    pub fn open(settings: &Settings) -> Result<Self, ConfigError> {
        let file = LicenseFile::new(&settings.data_dir);
        let public_key = settings.license_public_key.as_deref().and_then(PublicKey::from_base64);
        let license = file.load()?.and_then(|key| match License::verify(key.expose(), public_key.as_ref()) {
            Ok(license) => Some(Arc::new(license)),
            Err(error) => {
                tracing::warn!(%error, "the licence that is kept does not count");
                None
            }
        });
        let has_everything = settings.is_development;
        Ok(Self { file, public_key, has_everything, current: ArcSwapOption::new(license) })
    }

    /// The features at `now`. Never waits.
    pub fn features(&self, now: Timestamp) -> FeatureSet {
        if self.has_everything {
            return FeatureSet::everything();
        }
        self.current.load().as_ref().map_or_else(FeatureSet::default, |license| license.features(now))
    }

    /// The licence, where there is one.
    pub fn current(&self) -> Option<Arc<License>> {
        self.current.load_full()
    }

    /// `none`, `active`, `grace_period` or `expired`.
    pub fn status(&self, now: Timestamp) -> &'static str {
        match self.current.load().as_ref().map(|license| license.standing(now)) {
            None => "none",
            Some(Standing::Active) => "active",
            Some(Standing::Grace { .. }) => "grace_period",
            Some(Standing::Expired) => "expired",
        }
    }

    /// Verifies a key and keeps it. Blocks for the disk.
    pub fn activate(&self, key: &Secret, now: Timestamp) -> Result<Arc<License>, ActivateError> {
        let license = License::verify(key.expose(), self.public_key.as_ref())?;
        license.require_valid(now)?;
        self.file.save(key)?;
        let license = Arc::new(license);
        self.current.store(Some(Arc::clone(&license)));
        Ok(license)
    }

    /// Forgets the licence. Blocks for the disk.
    pub fn clear(&self) -> Result<(), ConfigError> {
        self.file.clear()?;
        self.current.store(None);
        Ok(())
    }
}
