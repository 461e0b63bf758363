//! The agent replaces itself by a newer version that its server offers (contract B-10 §4).
//!
//! A new version must be what the server says it is (checksum), be signed where keys are configured, start and answer
//! on this machine, and then deliver a report; otherwise the old one comes back by itself.

mod fetch;
mod record;
mod version;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use http::HeaderMap;
use reqwest::{Client, Url};
use tokio::time::{Instant, sleep, timeout};

use crate::{
    agent::Shared,
    command::{Call, RunCommand, SystemCommands},
    link::{headers, server_url},
    settings::AgentSettings,
    signature::{BadKey, TrustedKeys},
};
use fetch::UpgradeError;
pub use record::{Start, on_start};
use version::Version;

const FIRST_LOOK: Duration = Duration::from_secs(5);
const PERIOD: Duration = Duration::from_hours(1);
/// A version that turned out to be no good is fetched again after so long: whoever runs the server may have put it right.
const PERIOD_AFTER_REFUSAL: Duration = Duration::from_hours(24);
/// What a new version has to deliver its first report.
const PROBATION: Duration = Duration::from_mins(10);
const SELF_TEST_LIMIT: Duration = Duration::from_secs(60);

/// Replaces the program.
pub(crate) struct Upgrader {
    binary: Option<PathBuf>,
    client: Client,
    base: Option<Url>,
    headers: HeaderMap,
    keys: TrustedKeys,
    own: String,
    updated_from: Option<String>,
    runner: Arc<dyn RunCommand>,
}

impl Upgrader {
    pub(crate) fn new(
        settings: &AgentSettings,
        client: Client,
        binary: Option<PathBuf>,
    ) -> Result<Self, BadKey> {
        let own = settings.identity.version.clone();
        let updated_from = binary.as_deref().and_then(|binary| record::unconfirmed_from(binary, &own));
        Ok(Self {
            binary,
            client,
            base: server_url(&settings.url).ok(),
            headers: headers(&settings.token, &format!("pulse-agent/{own}")).unwrap_or_default(),
            keys: TrustedKeys::parse(settings.update_public_keys.as_deref().unwrap_or_default())?,
            own,
            updated_from,
            runner: Arc::new(SystemCommands),
        })
    }

    /// The version before this one, where this one has not proved itself yet.
    pub(crate) fn updated_from(&self) -> Option<String> {
        self.updated_from.clone()
    }

    /// Looks for newer versions. Ends when the program was replaced, by a newer or by its former version.
    pub(crate) async fn watch(&self, plan: &AgentSettings, shared: &Shared) {
        let Some(binary) = self.binary.clone() else { return std::future::pending().await };
        if self.updated_from.is_some() && self.is_failure(shared).await {
            tracing::error!("this version delivers no reports; going back to the one before");
            match record::roll_back(&binary, &self.own) {
                Ok(()) => return,
                Err(error) => tracing::error!(%error, "the version before cannot be brought back"),
            }
        }
        record::confirm(&binary, &self.own);
        if plan.is_auto_update_disabled {
            return std::future::pending().await;
        }
        sleep(FIRST_LOOK).await;
        let mut last = String::new();
        let mut refused: Option<Refused> = None;
        loop {
            match self.look(&binary, &mut refused).await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => {
                    let text = error.to_string();
                    // Said once, not every hour.
                    if text == last {
                        tracing::debug!(error = %text, "no update");
                    } else {
                        tracing::warn!(error = %text, "the agent cannot be updated");
                        last = text;
                    }
                }
            }
            sleep(PERIOD).await;
        }
    }

    /// Whether this new version fails: no report gets through, though the server answers.
    async fn is_failure(&self, shared: &Shared) -> bool {
        let mut delivered = shared.delivered();
        loop {
            let has_delivered = timeout(PROBATION, delivered.wait_for(|is| *is)).await.is_ok();
            if has_delivered {
                return false;
            }
            // While the server is away, nothing is proved.
            if self.offered().await.is_ok() {
                return true;
            }
        }
    }

    async fn offered(&self) -> Result<String, UpgradeError> {
        let base = self.base.as_ref().ok_or(UpgradeError::Odd("the server's address is none"))?;
        fetch::offered(&self.client, base, &self.headers).await
    }

    /// One look; whether the program was replaced.
    async fn look(&self, binary: &Path, refused: &mut Option<Refused>) -> Result<bool, UpgradeError> {
        let offered = self.offered().await?;
        let (Some(own), Some(new)) = (Version::parse(&self.own), Version::parse(&offered)) else {
            return Ok(false);
        };
        let is_refused = refused.as_ref().is_some_and(|refused| refused.holds(&new));
        if new <= own || is_refused || record::is_rejected(binary, &new) {
            return Ok(false);
        }
        tracing::info!(from = %self.own, to = %offered, "the server offers a newer agent");
        let base = self.base.as_ref().ok_or(UpgradeError::Odd("the server's address is none"))?;
        let tried = async {
            let fresh = fetch::download(&self.client, base, &self.headers, &self.keys, binary).await?;
            let tried = self.try_out(&fresh, &own).await;
            if tried.is_err() {
                tokio::fs::remove_file(&fresh).await.ok();
            }
            Ok((fresh, tried?))
        };
        let (fresh, to) = tried.await.inspect_err(|error| {
            if matches!(error, UpgradeError::Odd(_) | UpgradeError::NotWorking(_)) {
                *refused = Some(Refused { version: new, at: Instant::now() });
            }
        })?;
        let (binary, from, told) = (binary.to_owned(), self.own.clone(), to.clone());
        tokio::task::spawn_blocking(move || record::replace(&binary, &fresh, &from, &told))
            .await
            .map_err(|error| UpgradeError::Io(std::io::Error::other(error)))?
            .map_err(UpgradeError::Io)?;
        tracing::info!(%to, "the agent was replaced and starts anew");
        Ok(true)
    }

    /// The new program must run here and be newer than this one. Gives its version in its own words: by them it is known
    /// again when it starts.
    async fn try_out(&self, fresh: &Path, own: &Version) -> Result<String, UpgradeError> {
        let program = fresh.to_string_lossy().into_owned();
        let run =
            |argument: &'static str| self.runner.run(Call::new(&program, [argument]).within(SELF_TEST_LIMIT));
        let told = run("--version").await.map_err(|error| UpgradeError::NotWorking(error.to_string()))?;
        let text = told.text();
        let words = text.split_whitespace().last().unwrap_or_default();
        let is_newer = Version::parse(words).is_some_and(|version| version > *own);
        if !told.is_success() || !is_newer {
            return Err(UpgradeError::NotWorking("it is not newer than this one".to_owned()));
        }
        let tested = run("--self-test").await.map_err(|error| UpgradeError::NotWorking(error.to_string()))?;
        if !tested.is_success() {
            return Err(UpgradeError::NotWorking(tested.complaint()));
        }
        Ok(words.to_owned())
    }
}

/// A version that was fetched and not taken.
struct Refused {
    version: Version,
    at: Instant,
}

impl Refused {
    /// Whether it is too early to fetch this version again.
    fn holds(&self, offered: &Version) -> bool {
        self.version == *offered && self.at.elapsed() < PERIOD_AFTER_REFUSAL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_version_that_is_no_good_is_left_alone_for_a_day() {
        let version = |text| Version::parse(text).unwrap();
        let refused = Refused { version: version("5.3.0"), at: Instant::now() };
        tokio::time::advance(Duration::from_hours(23)).await;
        assert!(refused.holds(&version("v5.3.0")) && !refused.holds(&version("5.3.1")));
        tokio::time::advance(Duration::from_hours(1)).await;
        assert!(!refused.holds(&version("5.3.0")));
    }
}
