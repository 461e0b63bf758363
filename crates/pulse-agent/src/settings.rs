//! The agent's settings: flags before environment before defaults (contract B-10 §1).
//!
//! Nothing here reads the environment or a file by itself; both come in, so that every rule can be tested.

use std::{fmt, path::Path, time::Duration};

use crate::{AgentIdentity, docker::Runtime, go_duration};

/// Where a token is looked for when nothing else names one.
pub const DEFAULT_TOKEN_FILE: &str = "/var/lib/pulse-agent/token";
/// Where the health port listens when nothing else is said.
pub const DEFAULT_HEALTH_ADDR: &str = ":9191";
const DEFAULT_URL: &str = "http://localhost:7655";
const DEFAULT_INTERVAL: Duration = Duration::from_secs(30);
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);
const LONGEST_INTERVAL: Duration = Duration::from_hours(24);

/// An API token; it shows itself to nobody but [`Token::expose`].
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A token.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The token itself, to be sent.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// What stood on the command line; `None` and empty lists stand for "not there".
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--url`
    pub url: Option<String>,
    /// `--token`
    pub token: Option<Token>,
    /// `--token-file`
    pub token_file: Option<String>,
    /// `--interval`
    pub interval: Option<String>,
    /// `--hostname`
    pub hostname: Option<String>,
    /// `--agent-id`
    pub agent_id: Option<String>,
    /// `--tag`
    pub tags: Vec<String>,
    /// `--insecure`
    pub is_insecure: Option<bool>,
    /// `--log-level`
    pub log_level: Option<String>,
    /// `--enable-host`
    pub enable_host: Option<bool>,
    /// `--enable-docker`
    pub enable_docker: Option<bool>,
    /// `--docker-runtime`
    pub docker_runtime: Option<String>,
    /// `--health-addr`
    pub health_addr: Option<String>,
    /// `--disk-exclude`
    pub disk_exclude: Vec<String>,
    /// `--report-ip`
    pub report_ip: Option<String>,
}

/// What the agent does.
#[derive(Debug, Clone)]
pub struct AgentSettings {
    /// The server's address.
    pub url: String,
    /// The API token.
    pub token: Token,
    /// Who reports, and how often.
    pub identity: AgentIdentity,
    /// Tags of the host.
    pub tags: Vec<String>,
    /// Whether any certificate is taken.
    pub is_insecure: bool,
    /// Whether the host module runs.
    pub is_host_enabled: bool,
    /// Whether the Docker module runs; `None`: if an engine seems to be here.
    pub is_docker_enabled: Option<bool>,
    /// Engine wanted.
    pub docker_runtime: Runtime,
    /// Address of the engine; `None`: `DOCKER_HOST` and its kin, then the usual sockets.
    pub docker_host: Option<String>,
    /// Address of the health port; `None`: off.
    pub health_addr: Option<String>,
    /// Mount points to leave out.
    pub disk_exclude: Vec<String>,
    /// Address to register with.
    pub report_ip: Option<String>,
}

/// A setting that cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// No token anywhere.
    #[error(
        "no API token: make one in the server's settings and give it with --token, PULSE_TOKEN, --token-file or in {DEFAULT_TOKEN_FILE}"
    )]
    NoToken,
    /// The token's file is of no use.
    #[error("the token file {path} cannot be used: {reason}")]
    TokenFile {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// A value that is none.
    #[error("{key} is {value:?}; it must be {expected}")]
    Value {
        /// The flag and the variable.
        key: &'static str,
        /// What stood there.
        value: String,
        /// What should.
        expected: &'static str,
    },
}

/// The world outside that settings come from.
pub struct Sources<'a> {
    /// A variable of the environment.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// The text of a file.
    pub read_file: &'a dyn Fn(&Path) -> std::io::Result<String>,
}

impl Sources<'_> {
    /// A variable that is set to something.
    fn variable(&self, name: &str) -> Option<String> {
        (self.env)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    fn list(&self, name: &str) -> Vec<String> {
        let text = self.variable(name).unwrap_or_default();
        text.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
    }

    fn switch(&self, key: &'static str, name: &str) -> Result<Option<bool>, SettingsError> {
        let Some(value) = self.variable(name) else { return Ok(None) };
        match parse_switch(&value) {
            Some(is_on) => Ok(Some(is_on)),
            None => Err(SettingsError::Value { key, value, expected: "true or false" }),
        }
    }

    fn token(&self, flags: &Flags) -> Result<Token, SettingsError> {
        let given = flags.token.clone().map(|token| token.0.trim().to_owned());
        if let Some(token) = given.filter(|token| !token.is_empty()).or_else(|| self.variable("PULSE_TOKEN"))
        {
            return Ok(Token(token));
        }
        if let Some(path) = &flags.token_file {
            let unusable = |reason: String| SettingsError::TokenFile { path: path.clone(), reason };
            let text = (self.read_file)(Path::new(path)).map_err(|error| unusable(error.to_string()))?;
            return first_word(&text).ok_or_else(|| unusable("it is empty".to_owned()));
        }
        let text = (self.read_file)(Path::new(DEFAULT_TOKEN_FILE)).ok();
        text.as_deref().and_then(first_word).ok_or(SettingsError::NoToken)
    }
}

fn first_word(text: &str) -> Option<Token> {
    text.split_whitespace().next().map(|word| Token(word.to_owned()))
}

/// Switches as Go reads them, and as people write them.
pub fn parse_switch(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "t" | "true" | "yes" | "on" => Some(true),
        "0" | "f" | "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

impl AgentSettings {
    /// Settings from flags, environment and token files.
    pub fn resolve(flags: Flags, sources: &Sources<'_>) -> Result<Self, SettingsError> {
        let text = |flag: Option<String>, name: &str| {
            flag.map(|value| value.trim().to_owned())
                .filter(|value| !value.is_empty())
                .or_else(|| sources.variable(name))
        };
        let token = sources.token(&flags)?;
        let mut tags = sources.list("PULSE_TAGS");
        tags.extend(flags.tags.iter().map(|tag| tag.trim().to_owned()).filter(|tag| !tag.is_empty()));
        let mut disk_exclude = sources.list("PULSE_DISK_EXCLUDE");
        disk_exclude.extend(flags.disk_exclude);
        let is_insecure = match flags.is_insecure {
            Some(is_on) => is_on,
            None => {
                sources.switch("PULSE_INSECURE_SKIP_VERIFY", "PULSE_INSECURE_SKIP_VERIFY")?.unwrap_or(false)
            }
        };
        let is_host_enabled = match flags.enable_host {
            Some(is_on) => is_on,
            None => sources.switch("PULSE_ENABLE_HOST", "PULSE_ENABLE_HOST")?.unwrap_or(true),
        };
        let is_docker_enabled = match flags.enable_docker {
            Some(is_on) => Some(is_on),
            None => sources.switch("PULSE_ENABLE_DOCKER", "PULSE_ENABLE_DOCKER")?,
        };
        // An empty flag switches the port off; an empty variable is one that is not set.
        let health_addr = match flags.health_addr {
            Some(flag) => Some(flag.trim().to_owned()).filter(|addr| !addr.is_empty()),
            None => {
                Some(sources.variable("PULSE_HEALTH_ADDR").unwrap_or_else(|| DEFAULT_HEALTH_ADDR.to_owned()))
            }
        };
        Ok(Self {
            url: text(flags.url, "PULSE_URL").unwrap_or_else(|| DEFAULT_URL.to_owned()),
            token,
            identity: AgentIdentity {
                agent_id: text(flags.agent_id, "PULSE_AGENT_ID"),
                hostname: text(flags.hostname, "PULSE_HOSTNAME"),
                interval: interval(text(flags.interval, "PULSE_INTERVAL"))?,
                ..AgentIdentity::default()
            },
            tags,
            is_insecure,
            is_host_enabled,
            is_docker_enabled,
            docker_runtime: runtime(text(flags.docker_runtime, "PULSE_DOCKER_RUNTIME"))?,
            docker_host: None,
            health_addr,
            disk_exclude,
            report_ip: text(flags.report_ip, "PULSE_REPORT_IP"),
        })
    }
}

fn interval(text: Option<String>) -> Result<Duration, SettingsError> {
    let Some(text) = text else { return Ok(DEFAULT_INTERVAL) };
    go_duration::parse(&text)
        .filter(|interval| (SHORTEST_INTERVAL..=LONGEST_INTERVAL).contains(interval))
        .ok_or(SettingsError::Value {
            key: "--interval (PULSE_INTERVAL)",
            value: text,
            expected: "a time from 1s to 24h, such as 30s or 1m30s",
        })
}

fn runtime(text: Option<String>) -> Result<Runtime, SettingsError> {
    let Some(text) = text else { return Ok(Runtime::Auto) };
    match text.to_ascii_lowercase().as_str() {
        "auto" => Ok(Runtime::Auto),
        "docker" => Ok(Runtime::Docker),
        "podman" => Ok(Runtime::Podman),
        _ => Err(SettingsError::Value {
            key: "--docker-runtime (PULSE_DOCKER_RUNTIME)",
            value: text,
            expected: "auto, docker or podman",
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, io};

    use super::*;

    fn resolve(
        flags: Flags,
        env: &[(&str, &str)],
        files: &[(&str, &str)],
    ) -> Result<AgentSettings, SettingsError> {
        let env: HashMap<String, String> = env.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        let files: HashMap<String, String> = files.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        AgentSettings::resolve(
            flags,
            &Sources {
                env: &|name| env.get(name).cloned(),
                read_file: &|path| {
                    files.get(path.to_str().unwrap()).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
                },
            },
        )
    }

    fn with_token() -> Flags {
        Flags { token: Some(Token::new("flag".into())), ..Flags::default() }
    }

    #[test]
    fn defaults_are_those_of_the_contract() {
        let settings = resolve(with_token(), &[], &[]).unwrap();
        assert_eq!(settings.url, "http://localhost:7655");
        assert_eq!(settings.identity.interval, Duration::from_secs(30));
        assert_eq!(settings.health_addr.as_deref(), Some(":9191"));
        assert!(settings.is_host_enabled && !settings.is_insecure);
        assert_eq!(settings.is_docker_enabled, None);
    }

    #[test]
    fn a_flag_beats_the_environment() {
        let flags = Flags {
            url: Some("http://flag".into()),
            interval: Some("10s".into()),
            enable_host: Some(true),
            enable_docker: Some(false),
            ..with_token()
        };
        let env = [
            ("PULSE_URL", "http://env"),
            ("PULSE_INTERVAL", "1m"),
            ("PULSE_ENABLE_HOST", "false"),
            ("PULSE_ENABLE_DOCKER", "true"),
            ("PULSE_TOKEN", "env"),
        ];
        let settings = resolve(flags, &env, &[]).unwrap();
        assert_eq!(settings.url, "http://flag");
        assert_eq!(settings.identity.interval, Duration::from_secs(10));
        assert_eq!((settings.is_host_enabled, settings.is_docker_enabled), (true, Some(false)));
        assert_eq!(settings.token.expose(), "flag");
        let settings = resolve(Flags::default(), &env, &[]).unwrap();
        assert_eq!(settings.url, "http://env");
        assert_eq!(settings.identity.interval, Duration::from_mins(1));
        assert_eq!((settings.is_host_enabled, settings.is_docker_enabled), (false, Some(true)));
    }

    #[test]
    fn the_token_comes_from_flag_variable_file_and_default_file_in_this_order() {
        let file = Flags { token_file: Some("/t".into()), ..Flags::default() };
        let files = [("/t", "from-file\n"), (DEFAULT_TOKEN_FILE, "from-default")];
        let token = |flags, env: &[(&str, &str)]| resolve(flags, env, &files).unwrap().token;
        assert_eq!(token(file.clone(), &[("PULSE_TOKEN", "env")]).expose(), "env");
        assert_eq!(token(file.clone(), &[("PULSE_TOKEN", " ")]).expose(), "from-file");
        assert_eq!(token(Flags::default(), &[]).expose(), "from-default");
        assert_eq!(resolve(Flags::default(), &[], &[]).unwrap_err(), SettingsError::NoToken);
        let error = resolve(file.clone(), &[], &[]).unwrap_err().to_string();
        assert!(error.contains("/t"), "{error}");
        let error = resolve(file, &[], &[("/t", " \n")]).unwrap_err().to_string();
        assert!(error.contains("empty"), "{error}");
    }

    #[test]
    fn lists_of_the_environment_come_first() {
        let flags = Flags { tags: vec!["b".into()], disk_exclude: vec!["/y".into()], ..with_token() };
        let env = [("PULSE_TAGS", "a, ,c"), ("PULSE_DISK_EXCLUDE", "/x")];
        let settings = resolve(flags, &env, &[]).unwrap();
        assert_eq!(settings.tags, ["a", "c", "b"]);
        assert_eq!(settings.disk_exclude, ["/x", "/y"]);
    }

    #[test]
    fn an_empty_health_flag_switches_the_port_off_an_empty_variable_does_not() {
        let env = [("PULSE_HEALTH_ADDR", "")];
        assert_eq!(resolve(with_token(), &env, &[]).unwrap().health_addr.as_deref(), Some(":9191"));
        let flags = Flags { health_addr: Some(String::new()), ..with_token() };
        assert_eq!(resolve(flags, &[("PULSE_HEALTH_ADDR", ":1")], &[]).unwrap().health_addr, None);
    }

    #[test]
    fn bad_values_name_their_key_and_what_they_should_be() {
        let flags = |text: &str| Flags { interval: Some(text.into()), ..with_token() };
        for text in ["soon", "0s", "500ms", "48h"] {
            let error = resolve(flags(text), &[], &[]).unwrap_err().to_string();
            assert!(error.contains("PULSE_INTERVAL") && error.contains("30s"), "{error}");
        }
        let error = resolve(with_token(), &[("PULSE_ENABLE_HOST", "maybe")], &[]).unwrap_err();
        assert!(error.to_string().contains("PULSE_ENABLE_HOST"), "{error}");
        let error = resolve(with_token(), &[("PULSE_DOCKER_RUNTIME", "lxc")], &[]).unwrap_err();
        assert!(error.to_string().contains("podman"), "{error}");
    }

    #[test]
    fn the_token_is_not_shown() {
        let settings = resolve(with_token(), &[], &[]).unwrap();
        assert!(!format!("{settings:?}").contains("flag"));
    }
}
