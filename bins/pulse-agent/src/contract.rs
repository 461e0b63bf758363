//! Every flag and every variable of contract B-10, row by row: that it is taken, and that the flag wins.

use std::io;

use clap::{CommandFactory, Parser};
use pulse_agent::{
    AgentSettings,
    settings::{Flags, Sources},
};

use crate::args::{Args, go_flags};

/// What a row is about.
struct Row {
    /// The flag as it is given, and what the settings then say.
    flag: (&'static [&'static str], &'static str),
    /// The variable, its value, and what the settings then say; without one, an empty name.
    variable: (&'static str, &'static str, &'static str),
    /// Without either.
    default: &'static str,
    show: fn(&AgentSettings) -> String,
}

fn row(
    flag: (&'static [&'static str], &'static str),
    variable: (&'static str, &'static str, &'static str),
    default: &'static str,
    show: fn(&AgentSettings) -> String,
) -> Row {
    Row { flag, variable, default, show }
}

fn text(value: Option<&str>) -> String {
    value.unwrap_or("-").to_owned()
}

fn path(value: Option<&std::path::PathBuf>) -> String {
    value.map_or_else(|| "-".to_owned(), |path| path.display().to_string())
}

#[rustfmt::skip]
fn rows() -> Vec<Row> {
    vec![
        row((&["--url", "http://f"], "http://f"), ("PULSE_URL", "http://v", "http://v"), "http://localhost:7655", |s| s.url.clone()),
        row((&["--token", "f"], "f"), ("PULSE_TOKEN", "v", "v"), "from-default-file", |s| s.token.expose().to_owned()),
        row((&["--token-file", "/token"], "from-file"), ("", "", ""), "from-default-file", |s| s.token.expose().to_owned()),
        row((&["--interval", "1m30s"], "90"), ("PULSE_INTERVAL", "10s", "10"), "30", |s| s.identity.interval.as_secs().to_string()),
        row((&["--hostname", "f"], "f"), ("PULSE_HOSTNAME", "v", "v"), "-", |s| text(s.identity.hostname.as_deref())),
        row((&["--agent-id", "f"], "f"), ("PULSE_AGENT_ID", "v", "v"), "-", |s| text(s.identity.agent_id.as_deref())),
        row((&["--insecure"], "true"), ("PULSE_INSECURE_SKIP_VERIFY", "1", "true"), "false", |s| s.is_insecure.to_string()),
        row((&["--log-level", "debug"], "debug"), ("LOG_LEVEL", "warn", "warn"), "-", |s| text(s.log_level.as_deref())),
        row((&["--enable-host=true"], "true"), ("PULSE_ENABLE_HOST", "false", "false"), "true", |s| s.is_host_enabled.to_string()),
        row((&["--enable-docker"], "Some(true)"), ("PULSE_ENABLE_DOCKER", "false", "Some(false)"), "None", |s| format!("{:?}", s.is_docker_enabled)),
        row((&["--enable-kubernetes=false"], "false"), ("PULSE_ENABLE_KUBERNETES", "true", "true"), "false", |s| s.is_kubernetes_enabled.to_string()),
        row((&["--enable-proxmox=false"], "false"), ("PULSE_ENABLE_PROXMOX", "true", "true"), "false", |s| s.is_proxmox_enabled.to_string()),
        row((&["--proxmox-type", "pve"], "Pve"), ("PULSE_PROXMOX_TYPE", "pbs", "Pbs"), "Auto", |s| format!("{:?}", s.proxmox_type)),
        row((&["--disable-auto-update=false"], "false"), ("PULSE_DISABLE_AUTO_UPDATE", "true", "true"), "false", |s| s.is_auto_update_disabled.to_string()),
        row((&["--disable-docker-update-checks=false"], "false"), ("PULSE_DISABLE_DOCKER_UPDATE_CHECKS", "yes", "true"), "false", |s| s.are_update_checks_disabled.to_string()),
        row((&["--docker-runtime", "podman"], "Podman"), ("PULSE_DOCKER_RUNTIME", "docker", "Docker"), "Auto", |s| format!("{:?}", s.docker_runtime)),
        row((&["--enable-commands=false"], "false"), ("PULSE_ENABLE_COMMANDS", "true", "true"), "false", |s| s.are_commands_allowed.to_string()),
        row((&["--enable-commands", "--disable-commands"], "false"), ("PULSE_DISABLE_COMMANDS", "false", "false"), "false", |s| s.are_commands_allowed.to_string()),
        row((&["--health-addr", "127.0.0.1:1"], "127.0.0.1:1"), ("PULSE_HEALTH_ADDR", ":2", ":2"), ":9191", |s| text(s.health_addr.as_deref())),
        row((&["--health-addr", ""], "-"), ("PULSE_HEALTH_ADDR", "", ":9191"), ":9191", |s| text(s.health_addr.as_deref())),
        row((&["--kubeconfig", "/f"], "/f"), ("PULSE_KUBECONFIG", "/v", "/v"), "-", |s| path(s.kube.kubeconfig.as_ref())),
        row((&["--kube-context", "f"], "f"), ("PULSE_KUBE_CONTEXT", "v", "v"), "-", |s| text(s.kube.context.as_deref())),
        row((&["--kube-include-all-pods=false"], "false"), ("PULSE_KUBE_INCLUDE_ALL_PODS", "true", "true"), "false", |s| s.kube.include_all_pods.to_string()),
        row((&["--kube-include-all-pods=false"], "false"), ("PULSE_KUBE_INCLUDE_ALL_POD_FILES", "true", "true"), "false", |s| s.kube.include_all_pods.to_string()),
        row((&["--kube-include-all-deployments=false"], "false"), ("PULSE_KUBE_INCLUDE_ALL_DEPLOYMENTS", "true", "true"), "false", |s| s.kube.include_all_deployments.to_string()),
        row((&["--kube-max-pods", "7"], "7"), ("PULSE_KUBE_MAX_PODS", "9", "9"), "200", |s| s.kube.max_pods.to_string()),
        row((&["--report-ip", "10.0.0.1"], "10.0.0.1"), ("PULSE_REPORT_IP", "10.0.0.2", "10.0.0.2"), "-", |s| text(s.report_ip.as_deref())),
        row((&["--disable-ceph=false"], "false"), ("PULSE_DISABLE_CEPH", "true", "true"), "false", |s| s.is_ceph_disabled.to_string()),
        // Ours.
        row((&["--buffer-dir", "/f"], "/f"), ("PULSE_BUFFER_DIR", "/v", "/v"), "-", |s| path(s.buffer_dir.as_ref())),
        row((&[], ""), ("PULSE_STATE_DIR", "/v", "/v"), "/var/lib/pulse-agent", |s| path(Some(&s.state_dir))),
        row((&[], ""), ("PULSE_AGENT_CONFIG_PUBLIC_KEYS", "k", "k"), "-", |s| text(s.config_public_keys.as_deref())),
        row((&[], ""), ("PULSE_AGENT_CONFIG_SIGNATURE_REQUIRED", "true", "true"), "false", |s| s.is_config_signature_required.to_string()),
        row((&[], ""), ("PULSE_AGENT_CONFIG_INTERVAL", "1m", "60"), "300", |s| s.config_period.as_secs().to_string()),
        row((&[], ""), ("PULSE_AGENT_UPDATE_PUBLIC_KEYS", "k", "k"), "-", |s| text(s.update_public_keys.as_deref())),
    ]
}

/// Lists: those of the variable first, then the flags'.
type ListRow = (&'static str, &'static str, fn(&AgentSettings) -> String);
#[rustfmt::skip]
fn lists() -> Vec<ListRow> {
    vec![
        ("--tag", "PULSE_TAGS", |s| s.tags.join(" ")),
        ("--disk-exclude", "PULSE_DISK_EXCLUDE", |s| s.disk_exclude.join(" ")),
        ("--kube-include-namespace", "PULSE_KUBE_INCLUDE_NAMESPACES", |s| s.kube.include_namespaces.join(" ")),
        ("--kube-exclude-namespace", "PULSE_KUBE_EXCLUDE_NAMESPACES", |s| s.kube.exclude_namespaces.join(" ")),
        ("--command-allow", "PULSE_COMMAND_ALLOW", |s| s.command_allow.join(" ")),
    ]
}

fn flags(args: &[&str]) -> Flags {
    let args = ["pulse-agent"].iter().chain(args).map(Into::into);
    Args::try_parse_from(go_flags(args)).unwrap().into_flags()
}

fn settings(args: &[&str], variables: &[(&str, &str)]) -> AgentSettings {
    let env =
        |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    let read_file = |file: &std::path::Path| match file.to_str() {
        Some("/token") => Ok("from-file\n".to_owned()),
        Some("/var/lib/pulse-agent/token") => Ok("from-default-file\n".to_owned()),
        _ => Err(io::ErrorKind::NotFound.into()),
    };
    AgentSettings::resolve(flags(args), &Sources { env: &env, read_file: &read_file }).unwrap()
}

#[test]
fn each_flag_and_each_variable_of_the_contract_does_what_it_says_and_the_flag_wins() {
    for Row { flag: (args, by_flag), variable: (name, value, by_variable), default, show } in rows() {
        let variables: &[(&str, &str)] = if name.is_empty() { &[] } else { &[(name, value)] };
        assert_eq!(show(&settings(&[], &[])), default, "default of {args:?} {name}");
        if !name.is_empty() {
            assert_eq!(show(&settings(&[], variables)), by_variable, "{name}");
        }
        if !args.is_empty() {
            assert_eq!(show(&settings(args, variables)), by_flag, "{args:?} against {name}={value}");
            // Units written for the original, whose flags may have one dash.
            let one_dash: Vec<String> = args.iter().map(|arg| arg.replacen("--", "-", 1)).collect();
            let one_dash: Vec<&str> = one_dash.iter().map(String::as_str).collect();
            assert_eq!(show(&settings(&one_dash, variables)), by_flag, "{one_dash:?}");
        }
    }
    for (flag, name, show) in lists() {
        let all = settings(&[flag, "c", flag, "d"], &[(name, "a, b")]);
        assert_eq!(show(&all), "a b c d", "{flag} {name}");
    }
}

/// A flag that no row tries would be one that nobody knows to work.
#[test]
fn no_flag_is_left_out_of_the_table() {
    let tried: Vec<String> = rows()
        .iter()
        .flat_map(|row| row.flag.0)
        .copied()
        .chain(lists().iter().map(|(flag, ..)| *flag))
        .filter_map(|arg| arg.strip_prefix("--")?.split('=').next().map(str::to_owned))
        .collect();
    let elsewhere = ["version", "self-test", "target", "help"];
    for argument in Args::command().get_arguments() {
        let Some(name) = argument.get_long() else { continue };
        assert!(tried.iter().any(|known| known == name) || elsewhere.contains(&name), "--{name}");
    }
}

#[test]
fn switches_are_written_as_go_takes_them() {
    for (text, expected) in [
        ("true", true),
        ("TRUE", true),
        ("T", true),
        ("1", true),
        ("false", false),
        ("F", false),
        ("0", false),
    ] {
        let arg = format!("--enable-host={text}");
        assert_eq!(flags(&[&arg]).enable_host, Some(expected), "{arg}");
    }
    assert!(Args::try_parse_from(["pulse-agent", "--enable-host=maybe"]).is_err());
    assert!(Args::try_parse_from(["pulse-agent", "--no-such-flag"]).is_err());
}

#[test]
fn a_value_that_looks_like_a_flag_stays_a_value() {
    assert_eq!(flags(&["-hostname=-x"]).hostname.as_deref(), Some("-x"));
    assert_eq!(flags(&["--hostname=-url"]).hostname.as_deref(), Some("-url"));
}
