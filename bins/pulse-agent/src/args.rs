//! The command line: the flags of contract B-10, handed on to the library's settings.

use std::ffi::OsString;

use clap::{CommandFactory, Parser};
use pulse_agent::settings::{Flags, Token, parse_switch};

fn switch(text: &str) -> Result<bool, String> {
    parse_switch(text).ok_or_else(|| "must be true or false".to_owned())
}

/// The arguments with two dashes where the original takes one as well: `-url`, `-enable-host=false`. No flag of ours is
/// a single letter but `-h`.
pub fn go_flags(args: impl IntoIterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    args.into_iter().map(|arg| {
        let is_one_dash = arg.to_str().and_then(|text| text.strip_prefix('-')).is_some_and(|rest| {
            let name = rest.split('=').next().unwrap_or_default();
            name.len() > 1 && Args::is_flag(name)
        });
        if is_one_dash {
            let mut two_dashes = OsString::from("-");
            two_dashes.push(arg);
            two_dashes
        } else {
            arg
        }
    })
}

/// Measures this machine and its containers and reports them to a Pulse server.
///
/// Every flag can be given as an environment variable instead (PULSE_URL, PULSE_TOKEN, PULSE_INTERVAL ...);
/// a flag wins over its variable.
#[derive(Parser)]
#[command(name = "pulse-agent", disable_version_flag = true)]
pub struct Args {
    /// The server's address (PULSE_URL) [default: http://localhost:7655]
    #[arg(long)]
    url: Option<String>,
    /// API token (PULSE_TOKEN); others on this machine can see it, a file is safer
    #[arg(long)]
    token: Option<String>,
    /// File with the API token [default: /var/lib/pulse-agent/token]
    #[arg(long)]
    token_file: Option<String>,
    /// Time between two reports, such as 30s or 1m30s (PULSE_INTERVAL) [default: 30s]
    #[arg(long)]
    interval: Option<String>,
    /// Host name to report instead of the system's (PULSE_HOSTNAME)
    #[arg(long)]
    hostname: Option<String>,
    /// Agent id to report instead of the machine id (PULSE_AGENT_ID)
    #[arg(long)]
    agent_id: Option<String>,
    /// Tag of this host, may be repeated (PULSE_TAGS, with commas)
    #[arg(long = "tag")]
    tags: Vec<String>,
    /// Do not check the server's certificate (PULSE_INSECURE_SKIP_VERIFY)
    #[arg(long, value_name = "BOOL", value_parser = switch, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    insecure: Option<bool>,
    /// error, warn, info, debug or trace (LOG_LEVEL) [default: info]
    #[arg(long)]
    log_level: Option<String>,
    /// Report the host (PULSE_ENABLE_HOST) [default: true]
    #[arg(long, value_name = "BOOL", value_parser = switch, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    enable_host: Option<bool>,
    /// Report containers (PULSE_ENABLE_DOCKER) [default: when Docker or Podman is found]
    #[arg(long, value_name = "BOOL", value_parser = switch, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    enable_docker: Option<bool>,
    /// auto, docker or podman (PULSE_DOCKER_RUNTIME) [default: auto]
    #[arg(long)]
    docker_runtime: Option<String>,
    /// Address of the health port, empty for none (PULSE_HEALTH_ADDR) [default: :9191]
    #[arg(long)]
    health_addr: Option<String>,
    /// Mount point to leave out with all below it, may be repeated (PULSE_DISK_EXCLUDE, with commas)
    #[arg(long)]
    disk_exclude: Vec<String>,
    /// Address of this host to report (PULSE_REPORT_IP)
    #[arg(long)]
    report_ip: Option<String>,
    /// A further server, as URL|TOKEN, may be repeated (PULSE_TARGETS, with semicolons)
    #[arg(long = "target", value_name = "URL|TOKEN")]
    targets: Vec<String>,
    /// Report a Kubernetes cluster (PULSE_ENABLE_KUBERNETES) [default: false]
    #[arg(long, value_name = "BOOL", value_parser = switch, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    enable_kubernetes: Option<bool>,
    /// Kubeconfig to use (PULSE_KUBECONFIG) [default: in-cluster, then the usual places]
    #[arg(long)]
    kubeconfig: Option<String>,
    /// Context in the kubeconfig (PULSE_KUBE_CONTEXT) [default: its current one]
    #[arg(long)]
    kube_context: Option<String>,
    /// Namespace to report, may be repeated (PULSE_KUBE_INCLUDE_NAMESPACES) [default: all]
    #[arg(long = "kube-include-namespace")]
    kube_include_namespaces: Vec<String>,
    /// Namespace to leave out, may be repeated (PULSE_KUBE_EXCLUDE_NAMESPACES)
    #[arg(long = "kube-exclude-namespace")]
    kube_exclude_namespaces: Vec<String>,
    /// Report healthy pods too (PULSE_KUBE_INCLUDE_ALL_PODS) [default: false]
    #[arg(long, value_name = "BOOL", value_parser = switch, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    kube_include_all_pods: Option<bool>,
    /// Report complete workloads too (PULSE_KUBE_INCLUDE_ALL_DEPLOYMENTS) [default: false]
    #[arg(long, value_name = "BOOL", value_parser = switch, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    kube_include_all_deployments: Option<bool>,
    /// Pods reported at most (PULSE_KUBE_MAX_PODS) [default: 200]
    #[arg(long)]
    kube_max_pods: Option<u32>,
    /// Register this Proxmox machine with the server (PULSE_ENABLE_PROXMOX) [default: false]
    #[arg(long, value_name = "BOOL", value_parser = switch, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    enable_proxmox: Option<bool>,
    /// auto, pve or pbs (PULSE_PROXMOX_TYPE) [default: auto]
    #[arg(long)]
    proxmox_type: Option<String>,
    /// Let the server run commands on the allow list (PULSE_ENABLE_COMMANDS) [default: false]
    #[arg(long, value_name = "BOOL", value_parser = switch, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    enable_commands: Option<bool>,
    #[arg(long, hide = true, value_parser = switch, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    disable_commands: Option<bool>,
    /// What a command may begin with, "..." for more words, may be repeated (PULSE_COMMAND_ALLOW) [default: reading only]
    #[arg(long, value_name = "PHRASE")]
    command_allow: Vec<String>,
    /// Do not replace the agent by newer versions (PULSE_DISABLE_AUTO_UPDATE) [default: false]
    #[arg(long, value_name = "BOOL", value_parser = switch, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    disable_auto_update: Option<bool>,
    /// Do not ask registries for newer images (PULSE_DISABLE_DOCKER_UPDATE_CHECKS) [default: false]
    #[arg(long, value_name = "BOOL", value_parser = switch, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    disable_docker_update_checks: Option<bool>,
    /// Do not ask Ceph (PULSE_DISABLE_CEPH) [default: false]
    #[arg(long, value_name = "BOOL", value_parser = switch, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    disable_ceph: Option<bool>,
    /// Folder in which reports wait while the server is away (PULSE_BUFFER_DIR) [default: in memory only]
    #[arg(long)]
    buffer_dir: Option<String>,
    /// Print the version and exit
    #[arg(long)]
    pub version: bool,
    /// Measure once, print what would be reported in short, and exit
    #[arg(long)]
    pub self_test: bool,
}

impl Args {
    fn is_flag(name: &str) -> bool {
        Self::command().get_arguments().any(|argument| argument.get_long() == Some(name))
    }

    /// The flags as the library takes them.
    pub fn into_flags(self) -> Flags {
        Flags {
            url: self.url,
            token: self.token.map(Token::new),
            token_file: self.token_file,
            targets: self.targets,
            interval: self.interval,
            hostname: self.hostname,
            agent_id: self.agent_id,
            tags: self.tags,
            is_insecure: self.insecure,
            log_level: self.log_level,
            enable_host: self.enable_host,
            enable_docker: self.enable_docker,
            enable_kubernetes: self.enable_kubernetes,
            enable_proxmox: self.enable_proxmox,
            proxmox_type: self.proxmox_type,
            disable_auto_update: self.disable_auto_update,
            disable_docker_update_checks: self.disable_docker_update_checks,
            docker_runtime: self.docker_runtime,
            enable_commands: self.enable_commands,
            disable_commands: self.disable_commands,
            command_allow: self.command_allow,
            health_addr: self.health_addr,
            kubeconfig: self.kubeconfig,
            kube_context: self.kube_context,
            kube_include_namespaces: self.kube_include_namespaces,
            kube_exclude_namespaces: self.kube_exclude_namespaces,
            kube_include_all_pods: self.kube_include_all_pods,
            kube_include_all_deployments: self.kube_include_all_deployments,
            kube_max_pods: self.kube_max_pods,
            disk_exclude: self.disk_exclude,
            report_ip: self.report_ip,
            disable_ceph: self.disable_ceph,
            buffer_dir: self.buffer_dir,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Flags {
        Args::try_parse_from([&["pulse-agent"], args].concat()).unwrap().into_flags()
    }

    #[test]
    fn switches_may_stand_alone_or_have_a_value() {
        let flags = parse(&["--enable-docker", "--enable-host=false", "--insecure", "--tag", "a", "--tag=b"]);
        assert_eq!((flags.enable_docker, flags.enable_host), (Some(true), Some(false)));
        assert_eq!(flags.is_insecure, Some(true));
        assert_eq!(flags.tags, ["a", "b"]);
        assert_eq!(parse(&[]).enable_host, None);
    }

    #[test]
    fn the_flags_of_an_existing_unit_file_are_all_taken() {
        let flags = parse(&[
            "--enable-proxmox",
            "--proxmox-type",
            "pve",
            "--disable-auto-update",
            "--enable-commands=false",
            "--disable-commands",
            "--enable-kubernetes",
            "--kubeconfig=/k",
            "--kube-context",
            "lab",
            "--kube-include-namespace=a",
            "--kube-exclude-namespace",
            "b",
            "--kube-include-all-pods",
            "--kube-include-all-deployments=true",
            "--kube-max-pods=7",
            "--disable-docker-update-checks",
            "--disable-ceph",
        ]);
        assert_eq!((flags.enable_proxmox, flags.proxmox_type.as_deref()), (Some(true), Some("pve")));
        assert_eq!((flags.enable_commands, flags.disable_commands), (Some(false), Some(true)));
        assert_eq!((flags.kube_max_pods, flags.kube_context.as_deref()), (Some(7), Some("lab")));
        assert_eq!(flags.kube_include_namespaces, ["a"]);
    }
}
