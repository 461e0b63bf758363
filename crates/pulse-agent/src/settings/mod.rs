//! The agent's settings: flags before environment before defaults (contract B-10 §1).
//!
//! Nothing here reads the environment or a file by itself; both come in, so that every rule can be tested.

mod flags;
mod remote;
mod sources;

use std::{collections::BTreeSet, fmt, path::PathBuf, time::Duration};

pub use flags::Flags;
pub use remote::RemoteConfig;
pub(crate) use sources::first_word;
pub use sources::{Sources, parse_switch};

use crate::{AgentIdentity, docker::Runtime, go_duration};

/// Where a token is looked for when nothing else names one.
pub const DEFAULT_TOKEN_FILE: &str =
    if cfg!(windows) { r"C:\ProgramData\pulse-agent\token" } else { "/var/lib/pulse-agent/token" };
/// Where the agent keeps what it must remember.
pub const DEFAULT_STATE_DIR: &str =
    if cfg!(windows) { r"C:\ProgramData\pulse-agent" } else { "/var/lib/pulse-agent" };
/// Where the health port listens when nothing else is said.
pub const DEFAULT_HEALTH_ADDR: &str = ":9191";
const DEFAULT_URL: &str = "http://localhost:7655";
const DEFAULT_INTERVAL: Duration = Duration::from_secs(30);
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);
const DEFAULT_CONFIG_PERIOD: Duration = Duration::from_mins(5);
const LONGEST_INTERVAL: Duration = Duration::from_hours(24);
const DEFAULT_MAX_PODS: u32 = 200;
/// Further servers; each keeps a connection and reports of its own.
const MAX_TARGETS: usize = 8;

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

/// A further server that gets the same reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its address.
    pub url: String,
    /// Its token.
    pub token: Token,
    /// Whether any certificate is taken.
    pub is_insecure: bool,
}

/// Which of Proxmox's products runs on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProxmoxType {
    /// Whichever is found; both, where both are.
    #[default]
    Auto,
    /// Virtual Environment.
    Pve,
    /// Backup Server.
    Pbs,
}

impl ProxmoxType {
    fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "auto" | "" => Some(Self::Auto),
            "pve" => Some(Self::Pve),
            "pbs" => Some(Self::Pbs),
            _ => None,
        }
    }
}

/// What of a Kubernetes cluster is reported, and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KubeSettings {
    /// The kubeconfig; `None`: in-cluster, then the usual places.
    pub kubeconfig: Option<PathBuf>,
    /// The context in it; `None`: its current one.
    pub context: Option<String>,
    /// Namespaces to report; empty for all.
    pub include_namespaces: Vec<String>,
    /// Namespaces to leave out.
    pub exclude_namespaces: Vec<String>,
    /// Whether healthy pods are reported too.
    pub include_all_pods: bool,
    /// Whether healthy deployments are reported too.
    pub include_all_deployments: bool,
    /// Pods reported at most.
    pub max_pods: u32,
}

/// What the agent does.
#[derive(Debug, Clone)]
pub struct AgentSettings {
    /// The server's address.
    pub url: String,
    /// The API token.
    pub token: Token,
    /// The file the token came from, to be read again when the server refuses the token.
    pub token_file: Option<PathBuf>,
    /// Further servers that get the same reports.
    pub more_targets: Vec<Target>,
    /// Who reports, and how often.
    pub identity: AgentIdentity,
    /// Tags of the host.
    pub tags: Vec<String>,
    /// Whether any certificate is taken.
    pub is_insecure: bool,
    /// How much is logged.
    pub log_level: Option<String>,
    /// Whether the host module runs.
    pub is_host_enabled: bool,
    /// Whether the Docker module runs; `None`: if an engine seems to be here.
    pub is_docker_enabled: Option<bool>,
    /// Whether the Kubernetes module runs.
    pub is_kubernetes_enabled: bool,
    /// How Kubernetes is watched.
    pub kube: KubeSettings,
    /// Whether this Proxmox machine is registered with the server.
    pub is_proxmox_enabled: bool,
    /// Which product is registered.
    pub proxmox_type: ProxmoxType,
    /// Whether the agent stays at its version.
    pub is_auto_update_disabled: bool,
    /// Whether no registry is asked for newer images.
    pub are_update_checks_disabled: bool,
    /// Engine wanted.
    pub docker_runtime: Runtime,
    /// Address of the engine; `None`: `DOCKER_HOST` and its kin, then the usual sockets.
    pub docker_host: Option<String>,
    /// Whether commands of the server may be run at all. Only this machine's owner can say yes.
    pub are_commands_allowed: bool,
    /// What commands may begin with; empty for the built-in list of harmless ones.
    pub command_allow: Vec<String>,
    /// Address of the health port; `None`: off.
    pub health_addr: Option<String>,
    /// Mount points to leave out.
    pub disk_exclude: Vec<String>,
    /// Address to register with.
    pub report_ip: Option<String>,
    /// Whether Ceph is left alone.
    pub is_ceph_disabled: bool,
    /// Where reports wait over a restart of the agent; `None`: in memory only.
    pub buffer_dir: Option<PathBuf>,
    /// Where the agent keeps what it must remember.
    pub state_dir: PathBuf,
    /// Between two looks at the server's configuration.
    pub config_period: Duration,
    /// Keys that may sign the server's configuration, as they stand in the environment.
    pub config_public_keys: Option<String>,
    /// Whether an unsigned configuration is refused.
    pub is_config_signature_required: bool,
    /// Keys that must have signed an update, as they stand in the environment.
    pub update_public_keys: Option<String>,
    /// What the owner of the machine switched off, by the names that profiles use.
    pub switched_off: BTreeSet<&'static str>,
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
    /// A further server that is none.
    #[error(
        "--target (PULSE_TARGETS) number {number} cannot be used: {reason}; write it as https://server:7655|TOKEN"
    )]
    Target {
        /// Which of them, from 1. The text itself holds a token.
        number: usize,
        /// Why.
        reason: &'static str,
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

impl AgentSettings {
    /// Settings from flags, environment and token files.
    pub fn resolve(flags: Flags, sources: &Sources<'_>) -> Result<Self, SettingsError> {
        let more_targets = targets(&flags, sources)?;
        let (url, token, token_file, more_targets) = first_target(&flags, sources, more_targets)?;
        let mut off = BTreeSet::new();
        let mut enable = |flag, name, key| -> Result<Option<bool>, SettingsError> {
            let value = sources.switch(flag, name)?;
            if value == Some(false) {
                off.insert(key);
            }
            Ok(value)
        };
        let is_host_enabled = enable(flags.enable_host, "PULSE_ENABLE_HOST", "enable_host")?.unwrap_or(true);
        let is_docker_enabled = enable(flags.enable_docker, "PULSE_ENABLE_DOCKER", "enable_docker")?;
        let is_kubernetes_enabled =
            enable(flags.enable_kubernetes, "PULSE_ENABLE_KUBERNETES", "enable_kubernetes")?.unwrap_or(false);
        let is_proxmox_enabled =
            enable(flags.enable_proxmox, "PULSE_ENABLE_PROXMOX", "enable_proxmox")?.unwrap_or(false);
        let mut disable = |flag, name, key| -> Result<bool, SettingsError> {
            let is_off = sources.switch(flag, name)? == Some(true);
            if is_off {
                off.insert(key);
            }
            Ok(is_off)
        };
        let is_auto_update_disabled =
            disable(flags.disable_auto_update, "PULSE_DISABLE_AUTO_UPDATE", "disable_auto_update")?;
        let are_update_checks_disabled = disable(
            flags.disable_docker_update_checks,
            "PULSE_DISABLE_DOCKER_UPDATE_CHECKS",
            "disable_docker_update_checks",
        )?;
        let is_ceph_disabled = disable(flags.disable_ceph, "PULSE_DISABLE_CEPH", "disable_ceph")?;
        let are_commands_allowed = sources.switch(flags.enable_commands, "PULSE_ENABLE_COMMANDS")?
            == Some(true)
            && sources.switch(flags.disable_commands, "PULSE_DISABLE_COMMANDS")? != Some(true);
        let is_insecure = sources.switch(flags.is_insecure, "PULSE_INSECURE_SKIP_VERIFY")?.unwrap_or(false);
        // An empty flag switches the port off; an empty variable is one that is not set.
        let health_addr = match flags.health_addr {
            Some(flag) => Some(flag.trim().to_owned()).filter(|addr| !addr.is_empty()),
            None => {
                Some(sources.variable("PULSE_HEALTH_ADDR").unwrap_or_else(|| DEFAULT_HEALTH_ADDR.to_owned()))
            }
        };
        let all_pods = sources.switch(flags.kube_include_all_pods, "PULSE_KUBE_INCLUDE_ALL_PODS")?;
        let all_pods = match all_pods {
            None => sources.switch(None, "PULSE_KUBE_INCLUDE_ALL_POD_FILES")?,
            given => given,
        };
        let kube = KubeSettings {
            kubeconfig: sources.text(flags.kubeconfig, "PULSE_KUBECONFIG").map(PathBuf::from),
            context: sources.text(flags.kube_context, "PULSE_KUBE_CONTEXT"),
            include_namespaces: sources.list(flags.kube_include_namespaces, "PULSE_KUBE_INCLUDE_NAMESPACES"),
            exclude_namespaces: sources.list(flags.kube_exclude_namespaces, "PULSE_KUBE_EXCLUDE_NAMESPACES"),
            include_all_pods: all_pods.unwrap_or(false),
            include_all_deployments: sources
                .switch(flags.kube_include_all_deployments, "PULSE_KUBE_INCLUDE_ALL_DEPLOYMENTS")?
                .unwrap_or(false),
            max_pods: max_pods(flags.kube_max_pods, sources)?,
        };
        let required = sources.switch(None, "PULSE_AGENT_CONFIG_SIGNATURE_REQUIRED")?.unwrap_or(false);
        Ok(Self {
            url,
            token,
            token_file: token_file.map(PathBuf::from),
            more_targets,
            identity: AgentIdentity {
                agent_id: sources.text(flags.agent_id, "PULSE_AGENT_ID"),
                hostname: sources.text(flags.hostname, "PULSE_HOSTNAME"),
                interval: interval(sources.text(flags.interval, "PULSE_INTERVAL"))?,
                are_commands_enabled: are_commands_allowed,
                ..AgentIdentity::default()
            },
            tags: sources.list(flags.tags, "PULSE_TAGS"),
            is_insecure,
            log_level: sources.text(flags.log_level, "LOG_LEVEL"),
            is_host_enabled,
            is_docker_enabled,
            is_kubernetes_enabled,
            kube,
            is_proxmox_enabled,
            proxmox_type: proxmox_type(sources.text(flags.proxmox_type, "PULSE_PROXMOX_TYPE"))?,
            is_auto_update_disabled,
            are_update_checks_disabled,
            docker_runtime: runtime(sources.text(flags.docker_runtime, "PULSE_DOCKER_RUNTIME"))?,
            docker_host: None,
            are_commands_allowed,
            command_allow: sources.list(flags.command_allow, "PULSE_COMMAND_ALLOW"),
            health_addr,
            disk_exclude: sources.list(flags.disk_exclude, "PULSE_DISK_EXCLUDE"),
            report_ip: sources.text(flags.report_ip, "PULSE_REPORT_IP"),
            is_ceph_disabled,
            buffer_dir: sources.text(flags.buffer_dir, "PULSE_BUFFER_DIR").map(PathBuf::from),
            state_dir: sources
                .variable("PULSE_STATE_DIR")
                .unwrap_or_else(|| DEFAULT_STATE_DIR.to_owned())
                .into(),
            config_period: config_period(sources.variable("PULSE_AGENT_CONFIG_INTERVAL"))?,
            config_public_keys: sources.variable("PULSE_AGENT_CONFIG_PUBLIC_KEYS"),
            is_config_signature_required: required,
            update_public_keys: sources.variable("PULSE_AGENT_UPDATE_PUBLIC_KEYS"),
            switched_off: off,
        })
    }
}

type FirstTarget = (String, Token, Option<String>, Vec<Target>);

/// The server that configures this agent: `--url`, or the first target where only targets are given.
fn first_target(
    flags: &Flags,
    sources: &Sources<'_>,
    mut targets: Vec<Target>,
) -> Result<FirstTarget, SettingsError> {
    let url = sources.text(flags.url.clone(), "PULSE_URL");
    match sources.token(flags) {
        Err(SettingsError::NoToken) if url.is_none() && !targets.is_empty() => {
            let first = targets.remove(0);
            Ok((first.url, first.token, None, targets))
        }
        Err(error) => Err(error),
        Ok((token, file)) => Ok((url.unwrap_or_else(|| DEFAULT_URL.to_owned()), token, file, targets)),
    }
}

/// `url|token`, and `|true` behind it for a server whose certificate is not checked; several with semicolons.
fn targets(flags: &Flags, sources: &Sources<'_>) -> Result<Vec<Target>, SettingsError> {
    let text = sources.variable("PULSE_TARGETS").unwrap_or_default();
    let parts = text.split(';').chain(flags.targets.iter().flat_map(|flag| flag.split(';')));
    let mut targets: Vec<Target> = Vec::new();
    for part in parts.map(str::trim).filter(|part| !part.is_empty()) {
        let number = targets.len() + 1;
        let wrong = |reason| SettingsError::Target { number, reason };
        let mut fields = part.split('|').map(str::trim);
        let url = fields.next().filter(|url| !url.is_empty()).ok_or(wrong("it has no address"))?;
        let token = fields.next().filter(|token| !token.is_empty()).ok_or(wrong("it has no token"))?;
        let is_insecure = match fields.next().filter(|text| !text.is_empty()) {
            Some(text) => parse_switch(text).ok_or(wrong("its third part must be true or false"))?,
            None => false,
        };
        if number > MAX_TARGETS {
            return Err(wrong("there are too many"));
        }
        targets.push(Target { url: url.to_owned(), token: Token::new(token.to_owned()), is_insecure });
    }
    Ok(targets)
}

fn max_pods(flag: Option<u32>, sources: &Sources<'_>) -> Result<u32, SettingsError> {
    let text = match flag {
        Some(number) => number.to_string(),
        None => sources.variable("PULSE_KUBE_MAX_PODS").unwrap_or_else(|| DEFAULT_MAX_PODS.to_string()),
    };
    text.parse().ok().filter(|count| (1..=10_000).contains(count)).ok_or(SettingsError::Value {
        key: "--kube-max-pods (PULSE_KUBE_MAX_PODS)",
        value: text,
        expected: "a number from 1 to 10000",
    })
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

fn config_period(text: Option<String>) -> Result<Duration, SettingsError> {
    let Some(text) = text else { return Ok(DEFAULT_CONFIG_PERIOD) };
    go_duration::parse(&text).filter(|period| (SHORTEST_INTERVAL..=LONGEST_INTERVAL).contains(period)).ok_or(
        SettingsError::Value {
            key: "PULSE_AGENT_CONFIG_INTERVAL",
            value: text,
            expected: "a time from 1s to 24h, such as 5m",
        },
    )
}

fn parse_runtime(text: &str) -> Option<Runtime> {
    match text.to_ascii_lowercase().as_str() {
        "auto" => Some(Runtime::Auto),
        "docker" => Some(Runtime::Docker),
        "podman" => Some(Runtime::Podman),
        _ => None,
    }
}

fn runtime(text: Option<String>) -> Result<Runtime, SettingsError> {
    let Some(text) = text else { return Ok(Runtime::Auto) };
    parse_runtime(&text).ok_or(SettingsError::Value {
        key: "--docker-runtime (PULSE_DOCKER_RUNTIME)",
        value: text,
        expected: "auto, docker or podman",
    })
}

fn proxmox_type(text: Option<String>) -> Result<ProxmoxType, SettingsError> {
    let Some(text) = text else { return Ok(ProxmoxType::Auto) };
    ProxmoxType::parse(&text).ok_or(SettingsError::Value {
        key: "--proxmox-type (PULSE_PROXMOX_TYPE)",
        value: text,
        expected: "auto, pve or pbs",
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{collections::HashMap, io};

    use super::*;

    pub(crate) fn resolve(
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

    pub(crate) fn with_token() -> Flags {
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

    #[test]
    fn further_servers_have_their_own_tokens() {
        let flags = Flags { targets: vec!["https://b|tb|true".into()], ..with_token() };
        let settings = resolve(flags, &[("PULSE_TARGETS", "http://a | ta ; ")], &[]).unwrap();
        let urls: Vec<&str> = settings.more_targets.iter().map(|target| target.url.as_str()).collect();
        assert_eq!(urls, ["http://a", "https://b"]);
        assert_eq!(settings.more_targets[0].token.expose(), "ta");
        assert!(!settings.more_targets[0].is_insecure && settings.more_targets[1].is_insecure);
        // Without --url and a token of its own, the first target is the server.
        let alone = resolve(Flags::default(), &[("PULSE_TARGETS", "http://a|ta;http://b|tb")], &[]).unwrap();
        assert_eq!(
            (alone.url.as_str(), alone.token.expose(), alone.more_targets.len()),
            ("http://a", "ta", 1)
        );
        let error = resolve(with_token(), &[("PULSE_TARGETS", "http://a|secret|perhaps")], &[]).unwrap_err();
        assert!(!error.to_string().contains("secret") && error.to_string().contains('1'), "{error}");
        assert!(resolve(with_token(), &[("PULSE_TARGETS", "http://a")], &[]).is_err());
    }

    #[test]
    fn commands_are_off_unless_switched_on_here_and_the_old_flag_still_forbids_them() {
        let on = |env: &[(&str, &str)]| resolve(with_token(), env, &[]).unwrap().are_commands_allowed;
        assert!(!on(&[]));
        assert!(on(&[("PULSE_ENABLE_COMMANDS", "true")]));
        assert!(!on(&[("PULSE_ENABLE_COMMANDS", "true"), ("PULSE_DISABLE_COMMANDS", "true")]));
    }

    #[test]
    fn kubernetes_is_configured_by_its_own_names_and_the_old_misspelt_one() {
        let env = [
            ("PULSE_KUBE_INCLUDE_ALL_POD_FILES", "true"),
            ("PULSE_KUBE_INCLUDE_NAMESPACES", "a,b"),
            ("PULSE_KUBE_MAX_PODS", "5"),
            ("PULSE_KUBECONFIG", "/k"),
        ];
        let flags = Flags { kube_include_namespaces: vec!["c".into()], ..with_token() };
        let kube = resolve(flags, &env, &[]).unwrap().kube;
        assert_eq!((kube.include_all_pods, kube.max_pods), (true, 5));
        assert_eq!(kube.include_namespaces, ["a", "b", "c"]);
        assert!(resolve(with_token(), &[("PULSE_KUBE_MAX_PODS", "0")], &[]).is_err());
    }
}
