//! Settings from the environment, read once at start. A value that makes no sense is an error that names its key.

use std::{
    collections::HashMap,
    fmt,
    io::Read,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
    str::FromStr,
};

use crate::{Cidr, HistorySettings, Secret};

/// Where variables come from: the process, a `.env` file, a test.
pub trait Vars {
    /// The value of a variable, where it is set.
    fn get(&self, key: &str) -> Option<String>;
}

impl<S: std::hash::BuildHasher> Vars for HashMap<String, String, S> {
    fn get(&self, key: &str) -> Option<String> {
        Self::get(self, key).cloned()
    }
}

/// The variables of this process, and under their names what systemd hands it as credentials (`LoadCredential=`), so
/// that a secret need not stand in the environment.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessEnv;

/// No credential is larger.
const MOST_CREDENTIAL_BYTES: u64 = 64 * 1024;

/// The credential of that name in a directory that systemd made.
fn credential(directory: &Path, key: &str) -> Option<String> {
    let is_name = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let file = is_name.then(|| std::fs::File::open(directory.join(key)).ok())??;
    let mut text = String::new();
    file.take(MOST_CREDENTIAL_BYTES).read_to_string(&mut text).ok()?;
    Some(text.trim_end_matches(['\r', '\n']).to_owned())
}

impl Vars for ProcessEnv {
    fn get(&self, key: &str) -> Option<String> {
        let value = std::env::var(key).ok();
        value.or_else(|| credential(Path::new(&std::env::var_os("CREDENTIALS_DIRECTORY")?), key))
    }
}

/// Two sources: what the first does not set, the second may.
#[derive(Debug, Clone, Copy)]
pub struct Layered<A, B>(
    /// Asked first.
    pub A,
    /// Asked for what the first does not set.
    pub B,
);

impl<A: Vars, B: Vars> Vars for Layered<A, B> {
    fn get(&self, key: &str) -> Option<String> {
        self.0.get(key).or_else(|| self.1.get(key))
    }
}

impl<V: Vars + ?Sized> Vars for &V {
    fn get(&self, key: &str) -> Option<String> {
        (**self).get(key)
    }
}

/// A variable whose value makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}={value:?}: {problem}")]
pub struct BadSetting {
    /// The variable.
    pub key: &'static str,
    /// Its value; no secret is ever read with a rule that can fail.
    pub value: String,
    /// What it must be.
    pub problem: String,
}

/// The file that log lines go to besides standard error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFileSettings {
    /// Where it is.
    pub path: PathBuf,
    /// Larger than this it is put aside.
    pub max_bytes: u64,
    /// What was put aside is kept so long; 0 is for ever.
    pub max_age_days: u32,
    /// Whether what was put aside is packed.
    pub is_compressed: bool,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people on a terminal, else JSON.
    #[default]
    Auto,
    /// For people.
    Console,
    /// One JSON object per line.
    Json,
}

/// How detailed the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum LogLevel {
    /// Everything, also of single requests.
    Trace,
    /// What helps to find a fault.
    Debug,
    /// What happens.
    #[default]
    Info,
    /// What a person should look at.
    Warn,
    /// What went wrong.
    Error,
}

impl LogLevel {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }

    /// The level of that name, however it is written; `warning` counts too.
    pub fn from_name(name: &str) -> Option<Self> {
        let levels = [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error];
        levels
            .into_iter()
            .find(|level| level.name().eq_ignore_ascii_case(name))
            .or_else(|| name.eq_ignore_ascii_case("warning").then_some(Self::Warn))
    }
}

/// How a reverse proxy tells who the user is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyAuth {
    /// What `X-Proxy-Secret` must be.
    pub secret: Secret,
    /// The header that holds the user name.
    pub user_header: Option<String>,
    /// The header that holds the roles.
    pub role_header: Option<String>,
    /// What separates the roles.
    pub role_separator: String,
    /// The role that makes an administrator.
    pub admin_role: Option<String>,
    /// Where the page goes to log out.
    pub logout_url: Option<String>,
}

/// A certificate and its key, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, then those that signed it.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// Whether people may have commands run by agents, and which.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AgentCommandSettings {
    /// Off unless whoever runs the server switches it on; nothing over the network can.
    pub is_enabled: bool,
    /// Phrases that a command may begin with; without any, those that only read. One `*` allows everything.
    pub allow: Vec<String>,
}

/// All settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The directory that holds everything.
    pub data_dir: PathBuf,
    /// Where agent programs lie that the server hands out.
    pub bin_dir: PathBuf,
    /// The address to listen on.
    pub bind_address: IpAddr,
    /// The port to listen on.
    pub port: u16,
    /// How detailed the log is.
    pub log_level: LogLevel,
    /// How log lines look.
    pub log_format: LogFormat,
    /// The file they also go to.
    pub log_file: Option<LogFileSettings>,
    /// Tokens from `API_TOKENS` and `API_TOKEN`: values, or hashes where they are 64 hexadecimal digits.
    pub api_tokens: Vec<Secret>,
    /// The address agents are told.
    pub agent_connect_url: Option<String>,
    /// Commands that agents run for people.
    pub agent_commands: AgentCommandSettings,
    /// Peers whose forwarding headers count.
    pub trusted_proxies: Vec<Cidr>,
    /// Networks that count as trusted in the security status.
    pub trusted_networks: Vec<Cidr>,
    /// Login by a reverse proxy.
    pub proxy_auth: Option<ProxyAuth>,
    /// The certificate to serve HTTPS with; without it, HTTP is served.
    pub tls: Option<TlsFiles>,
    /// The path under which a reverse proxy serves everything, such as `/pulse`; empty for a host of its own.
    pub base_path: String,
    /// Where history is kept.
    pub history: HistorySettings,
    /// Whether nothing may be changed.
    pub demo_mode: bool,
    /// Whether the server runs in a container of ours.
    pub is_docker: bool,
    /// Whether systemd started the server.
    pub is_systemd: bool,
    /// The key licences are verified with, base64.
    pub license_public_key: Option<String>,
    /// Whether developers' exceptions hold: the dashboard's own server as an origin, all licensed features.
    pub is_development: bool,
    /// Whether `DISABLE_AUTH` is set, which has no effect any more.
    pub has_disable_auth: bool,
}

impl Settings {
    /// Reads the settings. Empty variables count as not set.
    pub fn load(vars: &impl Vars) -> Result<Self, BadSetting> {
        let get =
            |key: &str| vars.get(key).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let flag =
            |key: &str| get(key).is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"));
        let tls = match (flag("HTTPS_ENABLED"), get("TLS_CERT_FILE"), get("TLS_KEY_FILE")) {
            (false, _, _) => None,
            (true, Some(certificate), Some(key)) => {
                Some(TlsFiles { certificate: certificate.into(), key: key.into() })
            }
            // Serving plain HTTP where somebody asked for HTTPS would be worse than not starting.
            (true, _, _) => {
                return Err(bad(
                    "HTTPS_ENABLED",
                    get("HTTPS_ENABLED").unwrap_or_default(),
                    "needs TLS_CERT_FILE and TLS_KEY_FILE, the files of the certificate and its key",
                ));
            }
        };
        let port_key = if get("FRONTEND_PORT").is_some() { "FRONTEND_PORT" } else { "PORT" };
        let is_development = flag("PULSE_DEV")
            || get("NODE_ENV").is_some_and(|value| value.eq_ignore_ascii_case("development"));
        Ok(Self {
            bin_dir: get("PULSE_BIN_DIR").unwrap_or_else(|| "/opt/pulse/bin".to_owned()).into(),
            data_dir: get("PULSE_DATA_DIR").unwrap_or_else(|| "/etc/pulse".to_owned()).into(),
            bind_address: parsed(&get, "BACKEND_HOST", address, "must be an IP address or localhost")?
                .unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            port: parsed(
                &get,
                port_key,
                |text| text.parse().ok().filter(|port| *port != 0),
                "must be a port number from 1 to 65535",
            )?
            .unwrap_or(7655),
            log_level: parsed(
                &get,
                "LOG_LEVEL",
                LogLevel::from_name,
                "must be trace, debug, info, warn or error",
            )?
            .unwrap_or_default(),
            log_format: parsed(&get, "LOG_FORMAT", log_format, "must be json, console or auto")?
                .unwrap_or_default(),
            log_file: log_file(&get)?,
            api_tokens: [get("API_TOKENS"), get("API_TOKEN")]
                .into_iter()
                .flatten()
                .flat_map(|text| list(&text))
                .map(Secret::new)
                .collect(),
            agent_connect_url: match url(&get, "PULSE_AGENT_CONNECT_URL")? {
                Some(url) => Some(url),
                None => url(&get, "PULSE_AGENT_URL")?,
            },
            agent_commands: AgentCommandSettings {
                is_enabled: flag("PULSE_ENABLE_AGENT_COMMANDS"),
                allow: get("PULSE_AGENT_COMMAND_ALLOW").map(|text| list(&text)).unwrap_or_default(),
            },
            trusted_proxies: networks(&get, "PULSE_TRUSTED_PROXY_CIDRS")?,
            trusted_networks: networks(&get, "PULSE_TRUSTED_NETWORKS")?,
            proxy_auth: get("PROXY_AUTH_SECRET").map(|secret| ProxyAuth {
                secret: Secret::new(secret),
                user_header: get("PROXY_AUTH_USER_HEADER"),
                role_header: get("PROXY_AUTH_ROLE_HEADER"),
                role_separator: get("PROXY_AUTH_ROLE_SEPARATOR").unwrap_or_else(|| "|".to_owned()),
                admin_role: get("PROXY_AUTH_ADMIN_ROLE"),
                logout_url: get("PROXY_AUTH_LOGOUT_URL"),
            }),
            tls,
            base_path: parsed(
                &get,
                "PULSE_BASE_PATH",
                base_path,
                "must be a path such as /pulse, of letters, digits and - _ . ~",
            )?
            .unwrap_or_default(),
            history: HistorySettings::load(&get)?,
            demo_mode: flag("DEMO_MODE"),
            is_docker: flag("PULSE_DOCKER"),
            is_systemd: get("INVOCATION_ID").is_some(),
            license_public_key: get("PULSE_LICENSE_PUBLIC_KEY"),
            is_development,
            has_disable_auth: get("DISABLE_AUTH").is_some(),
        })
    }
}

pub(crate) fn bad(key: &'static str, value: impl Into<String>, problem: impl fmt::Display) -> BadSetting {
    BadSetting { key, value: value.into(), problem: problem.to_string() }
}

pub(crate) fn parsed<T>(
    get: &impl Fn(&str) -> Option<String>,
    key: &'static str,
    parse: impl Fn(&str) -> Option<T>,
    problem: &str,
) -> Result<Option<T>, BadSetting> {
    let Some(text) = get(key) else { return Ok(None) };
    parse(&text).map(Some).ok_or_else(|| bad(key, text, problem))
}

pub(crate) fn url(
    get: &impl Fn(&str) -> Option<String>,
    key: &'static str,
) -> Result<Option<String>, BadSetting> {
    parsed(get, key, whole_url, "must be an address such as https://pulse.example.org")
}

/// An address that begins with `http://` or `https://`, without a slash at its end.
fn whole_url(text: &str) -> Option<String> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"))?;
    let is_whole = !rest.is_empty() && !rest.starts_with('/') && !rest.contains(char::is_whitespace);
    is_whole.then(|| text.trim_end_matches('/').to_owned())
}

/// The same, or nothing at all.
pub(crate) fn public_url(text: &str) -> Option<String> {
    if text.is_empty() { Some(String::new()) } else { whole_url(text) }
}

fn networks(get: &impl Fn(&str) -> Option<String>, key: &'static str) -> Result<Vec<Cidr>, BadSetting> {
    let text = get(key).unwrap_or_default();
    list(&text)
        .into_iter()
        .map(|part| {
            Cidr::from_str(&part)
                .map_err(|_| bad(key, part, "must be a list of networks such as 10.0.0.0/8,192.0.2.1"))
        })
        .collect()
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn address(text: &str) -> Option<IpAddr> {
    if text.eq_ignore_ascii_case("localhost") {
        return Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    match bare {
        Some(text) => text.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => text.parse().ok(),
    }
}

/// A path without a slash at its end, of characters that need no escaping anywhere; `/` is the empty one.
pub fn base_path(text: &str) -> Option<String> {
    let inner = text.trim().trim_end_matches('/');
    if inner.is_empty() {
        return Some(String::new());
    }
    let is_part = |part: &str| {
        !part.is_empty()
            && part.chars().any(|c| c != '.')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte))
    };
    let is_good = inner.len() <= 256 && inner.strip_prefix('/')?.split('/').all(is_part);
    is_good.then(|| inner.to_owned())
}

fn log_file(get: &impl Fn(&str) -> Option<String>) -> Result<Option<LogFileSettings>, BadSetting> {
    let number = |key, most: u32, problem| {
        parsed(get, key, move |text| text.parse::<u32>().ok().filter(|number| *number <= most), problem)
    };
    let size = number("LOG_MAX_SIZE", 10_000, "must be a number of megabytes, at most 10000")?.unwrap_or(100);
    let max_age_days =
        number("LOG_MAX_AGE", 3_650, "must be a number of days, at most 3650; 0 is for ever")?.unwrap_or(30);
    let word = |text: &str| match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Some(true),
        "0" | "false" | "no" | "off" => Some(false),
        _ => None,
    };
    let is_compressed = parsed(get, "LOG_COMPRESS", word, "must be true or false")?.unwrap_or(true);
    Ok(get("LOG_FILE").map(|path| LogFileSettings {
        path: PathBuf::from(path),
        max_bytes: u64::from(size.max(1)) * 1024 * 1024,
        max_age_days,
        is_compressed,
    }))
}

fn log_format(text: &str) -> Option<LogFormat> {
    match text.to_ascii_lowercase().as_str() {
        "auto" => Some(LogFormat::Auto),
        "console" => Some(LogFormat::Console),
        "json" => Some(LogFormat::Json),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(vars: &[(&str, &str)]) -> Result<Settings, BadSetting> {
        let vars: HashMap<String, String> =
            vars.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Settings::load(&vars)
    }

    #[test]
    fn nothing_set_means_the_defaults() {
        let settings = load(&[]).unwrap();
        assert_eq!(settings.data_dir, PathBuf::from("/etc/pulse"));
        assert_eq!((settings.bind_address.to_string().as_str(), settings.port), ("0.0.0.0", 7655));
        assert_eq!((settings.log_level, settings.log_format), (LogLevel::Info, LogFormat::Auto));
        assert!(settings.api_tokens.is_empty());
        assert!(settings.proxy_auth.is_none() && !settings.demo_mode && !settings.is_development);
        assert_eq!(settings.agent_commands, AgentCommandSettings::default());
        assert_eq!(load(&[("FRONTEND_PORT", " "), ("LOG_LEVEL", "")]).unwrap(), settings);
    }

    #[test]
    fn what_is_set_counts() {
        let settings = load(&[
            ("PULSE_DATA_DIR", "/data"),
            ("PORT", "80"),
            ("FRONTEND_PORT", "8080"),
            ("BACKEND_HOST", "localhost"),
            ("LOG_LEVEL", "WARNING"),
            ("LOG_FORMAT", "json"),
            ("API_TOKENS", "one,two"),
            ("API_TOKEN", "three"),
            ("PULSE_AGENT_URL", "http://10.0.0.1:7655"),
            ("PULSE_TRUSTED_PROXY_CIDRS", "10.0.0.0/8,::1"),
            ("DEMO_MODE", "TRUE"),
            ("PULSE_ENABLE_AGENT_COMMANDS", "true"),
            ("PULSE_AGENT_COMMAND_ALLOW", "df ..., uptime"),
            ("PROXY_AUTH_SECRET", "s"),
        ])
        .unwrap();
        assert_eq!(settings.data_dir, PathBuf::from("/data"));
        assert_eq!((settings.bind_address.to_string().as_str(), settings.port), ("127.0.0.1", 8080));
        assert_eq!((settings.log_level, settings.log_format), (LogLevel::Warn, LogFormat::Json));
        assert!(settings.agent_commands.is_enabled);
        assert_eq!(settings.agent_commands.allow, ["df ...", "uptime"]);
        assert_eq!(
            settings.api_tokens.iter().map(Secret::expose).collect::<Vec<_>>(),
            ["one", "two", "three"]
        );
        assert_eq!(settings.agent_connect_url.as_deref(), Some("http://10.0.0.1:7655"));
        assert_eq!(settings.trusted_proxies.len(), 2);
        assert!(settings.demo_mode);
        assert_eq!(settings.proxy_auth.unwrap().role_separator, "|");
        assert_eq!(load(&[("PULSE_BASE_PATH", "/apps/pulse/")]).unwrap().base_path, "/apps/pulse");
        assert_eq!(load(&[("PULSE_BASE_PATH", "/")]).unwrap().base_path, "");
        let files = [("TLS_CERT_FILE", "/c"), ("TLS_KEY_FILE", "/k")];
        assert_eq!(load(&files).unwrap().tls, None);
        let tls = load(&[&files[..], &[("HTTPS_ENABLED", "true")]].concat()).unwrap().tls.unwrap();
        assert_eq!((tls.certificate, tls.key), ("/c".into(), "/k".into()));
        assert_eq!(load(&[("PORT", "80")]).unwrap().port, 80);
        assert_eq!(load(&[("BACKEND_HOST", "[::1]")]).unwrap().bind_address.to_string(), "::1");
    }

    #[test]
    fn every_bad_value_names_its_key() {
        for (key, value) in [
            ("FRONTEND_PORT", "soon"),
            ("PORT", "0"),
            ("PORT", "65536"),
            ("BACKEND_HOST", "example.org"),
            ("BACKEND_HOST", "[127.0.0.1]"),
            ("LOG_LEVEL", "loud"),
            ("LOG_FORMAT", "xml"),
            ("PULSE_AGENT_CONNECT_URL", "pulse.example.org"),
            ("PULSE_AGENT_CONNECT_URL", "https:///x"),
            ("PULSE_AGENT_CONNECT_URL", "ftp://x"),
            ("PULSE_TRUSTED_PROXY_CIDRS", "10.0.0.0/33"),
            ("PULSE_TRUSTED_NETWORKS", "home"),
            ("HTTPS_ENABLED", "true"),
            ("PULSE_BASE_PATH", "pulse"),
            ("PULSE_BASE_PATH", "/a//b"),
            ("PULSE_BASE_PATH", "/a/../b"),
            ("PULSE_BASE_PATH", "/a\"b"),
        ] {
            let error = load(&[(key, value)]).unwrap_err();
            assert_eq!((error.key, error.value.as_str()), (key, value));
            assert!(error.to_string().starts_with(&format!("{key}={value:?}: ")), "{error}");
        }
    }

    #[test]
    fn a_credential_of_systemd_counts_under_its_name() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("PROXY_AUTH_SECRET"), "hush\n").unwrap();
        assert_eq!(credential(dir.path(), "PROXY_AUTH_SECRET").as_deref(), Some("hush"));
        assert_eq!(credential(dir.path(), "API_TOKEN"), None);
        assert_eq!(credential(&dir.path().join("x"), "../PROXY_AUTH_SECRET"), None);
    }

    #[test]
    fn secrets_are_not_shown() {
        let settings = load(&[("API_TOKEN", "hush"), ("PROXY_AUTH_SECRET", "hush")]).unwrap();
        assert!(!format!("{settings:?}").contains("hush"));
    }

    #[test]
    fn the_first_layer_wins() {
        let layer = |value: &str| HashMap::from([("K".to_owned(), value.to_owned())]);
        assert_eq!(Layered(layer("1"), layer("2")).get("K").as_deref(), Some("1"));
        assert_eq!(Layered(HashMap::new(), layer("2")).get("K").as_deref(), Some("2"));
    }
}
