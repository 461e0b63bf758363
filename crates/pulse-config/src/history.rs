//! Where history is kept and who may read current figures: the variables that begin with `PULSE_METRICS_`.

use std::{net::SocketAddr, time::Duration};

use crate::{
    Secret, duration,
    settings::{BadSetting, bad, parsed, url},
};

/// More than this at risk would be no history.
const LONGEST_FLUSH: Duration = Duration::from_mins(10);

/// Settings of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistorySettings {
    /// Whether nothing is written to disk. `PULSE_METRICS_MEMORY_ONLY`
    pub is_memory_only: bool,
    /// How often what is new goes to disk: what a power cut costs at most; zero for every write.
    /// `PULSE_METRICS_FLUSH_INTERVAL`
    pub flush_interval: Duration,
    /// A second address that serves `/metrics` and asks nobody for credentials. `PULSE_METRICS_LISTEN`
    pub listen: Option<SocketAddr>,
    /// Another engine that keeps the history instead of the own file.
    pub remote: Option<RemoteHistory>,
}

/// An engine that takes Prometheus remote write and answers PromQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteHistory {
    /// Where samples are sent. `PULSE_METRICS_WRITE_URL`, else `PULSE_METRICS_URL` with `/api/v1/write`
    pub write_url: String,
    /// What `/api/v1/query` is appended to. `PULSE_METRICS_READ_URL`, else `PULSE_METRICS_URL`
    pub read_url: String,
    /// Sent as a bearer token. `PULSE_METRICS_TOKEN`
    pub token: Option<Secret>,
}

impl HistorySettings {
    pub(crate) fn load(get: &impl Fn(&str) -> Option<String>) -> Result<Self, BadSetting> {
        Ok(Self {
            is_memory_only: get("PULSE_METRICS_MEMORY_ONLY")
                .is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true")),
            flush_interval: parsed(
                get,
                "PULSE_METRICS_FLUSH_INTERVAL",
                |text| duration::parse(text).filter(|interval| *interval <= LONGEST_FLUSH),
                "must be a duration such as 30s, at most 10m; 0 for every write",
            )?
            .unwrap_or(Duration::from_secs(30)),
            listen: parsed(
                get,
                "PULSE_METRICS_LISTEN",
                |text| text.parse().ok(),
                "must be an address and a port such as 127.0.0.1:9091",
            )?,
            remote: RemoteHistory::load(get)?,
        })
    }
}

impl RemoteHistory {
    fn load(get: &impl Fn(&str) -> Option<String>) -> Result<Option<Self>, BadSetting> {
        let whole = url(get, "PULSE_METRICS_URL")?;
        let write = url(get, "PULSE_METRICS_WRITE_URL")?;
        let read = url(get, "PULSE_METRICS_READ_URL")?;
        let write_url = write.or_else(|| whole.as_ref().map(|url| format!("{url}/api/v1/write")));
        let token = get("PULSE_METRICS_TOKEN").map(Secret::new);
        match (write_url, read.or(whole)) {
            (None, None) => Ok(None),
            (Some(write_url), Some(read_url)) => Ok(Some(Self { write_url, read_url, token })),
            (Some(url), None) => {
                Err(bad("PULSE_METRICS_WRITE_URL", url, "needs PULSE_METRICS_READ_URL beside it"))
            }
            (None, Some(url)) => {
                Err(bad("PULSE_METRICS_READ_URL", url, "needs PULSE_METRICS_WRITE_URL beside it"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn load(vars: &[(&str, &str)]) -> Result<HistorySettings, BadSetting> {
        let vars: HashMap<String, String> = vars.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        HistorySettings::load(&|key| vars.get(key).cloned())
    }

    #[test]
    fn history_is_kept_in_the_own_file_unless_told_otherwise() {
        let plain = load(&[]).unwrap();
        assert_eq!((plain.is_memory_only, plain.flush_interval.as_secs()), (false, 30));
        assert_eq!((plain.listen, plain.remote), (None, None));
        let every =
            load(&[("PULSE_METRICS_FLUSH_INTERVAL", "0"), ("PULSE_METRICS_LISTEN", "[::1]:9091")]).unwrap();
        assert_eq!(every.flush_interval, Duration::ZERO);
        assert_eq!(every.listen.map(|address| address.port()), Some(9091));
    }

    #[test]
    fn another_engine_has_one_address_or_two() {
        let single = load(&[("PULSE_METRICS_URL", "http://vm:8428/")]).unwrap().remote.unwrap();
        assert_eq!(single.write_url, "http://vm:8428/api/v1/write");
        assert_eq!(single.read_url, "http://vm:8428");
        let cluster = load(&[
            ("PULSE_METRICS_WRITE_URL", "http://insert:8480/insert/0/prometheus/api/v1/write"),
            ("PULSE_METRICS_READ_URL", "http://select:8481/select/0/prometheus"),
        ]);
        assert_eq!(cluster.unwrap().remote.unwrap().read_url, "http://select:8481/select/0/prometheus");
        let half = load(&[("PULSE_METRICS_READ_URL", "http://select:8481")]).unwrap_err();
        assert!(half.to_string().contains("PULSE_METRICS_WRITE_URL"), "{half}");
    }
}
