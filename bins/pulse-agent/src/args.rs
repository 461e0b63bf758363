//! The command line: the flags of contract B-10, handed on to the library's settings.

use clap::Parser;
use pulse_agent::settings::{Flags, Token, parse_switch};

fn switch(text: &str) -> Result<bool, String> {
    parse_switch(text).ok_or_else(|| "must be true or false".to_owned())
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
    /// Print the version and exit
    #[arg(long)]
    pub version: bool,
    /// Measure once, print what would be reported in short, and exit
    #[arg(long)]
    pub self_test: bool,
    #[command(flatten)]
    later: Later,
}

/// Flags of existing unit files whose modules are not in this version: taken, so that the agent starts.
#[derive(clap::Args)]
struct Later {
    #[arg(long, hide = true, value_parser = switch, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    enable_kubernetes: Option<bool>,
    #[arg(long, hide = true, value_parser = switch, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    enable_proxmox: Option<bool>,
    #[arg(long, hide = true)]
    proxmox_type: Option<String>,
    #[arg(long, hide = true, value_parser = switch, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    enable_commands: Option<bool>,
    #[arg(long, hide = true, value_parser = switch, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    disable_commands: Option<bool>,
    #[arg(long, hide = true, value_parser = switch, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    disable_auto_update: Option<bool>,
    #[arg(long, hide = true, value_parser = switch, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    disable_docker_update_checks: Option<bool>,
    #[arg(long, hide = true, value_parser = switch, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    disable_ceph: Option<bool>,
}

impl Args {
    /// The flags, and the modules that were asked for and are not in this version.
    pub fn into_flags(self) -> (Flags, Vec<&'static str>) {
        let later = self.later;
        let asked_for = [
            ("--enable-kubernetes", later.enable_kubernetes == Some(true)),
            ("--enable-proxmox", later.enable_proxmox == Some(true)),
            ("--enable-commands", later.enable_commands == Some(true)),
        ];
        let flags = Flags {
            url: self.url,
            token: self.token.map(Token::new),
            token_file: self.token_file,
            interval: self.interval,
            hostname: self.hostname,
            agent_id: self.agent_id,
            tags: self.tags,
            is_insecure: self.insecure,
            log_level: self.log_level,
            enable_host: self.enable_host,
            enable_docker: self.enable_docker,
            docker_runtime: self.docker_runtime,
            health_addr: self.health_addr,
            disk_exclude: self.disk_exclude,
            report_ip: self.report_ip,
        };
        let missing = asked_for.into_iter().filter(|(_, is_on)| *is_on).map(|(name, _)| name).collect();
        (flags, missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> (Flags, Vec<&'static str>) {
        Args::try_parse_from([&["pulse-agent"], args].concat()).unwrap().into_flags()
    }

    #[test]
    fn switches_may_stand_alone_or_have_a_value() {
        let (flags, _) =
            parse(&["--enable-docker", "--enable-host=false", "--insecure", "--tag", "a", "--tag=b"]);
        assert_eq!((flags.enable_docker, flags.enable_host), (Some(true), Some(false)));
        assert_eq!(flags.is_insecure, Some(true));
        assert_eq!(flags.tags, ["a", "b"]);
        assert_eq!(parse(&[]).0.enable_host, None);
    }

    #[test]
    fn flags_of_an_existing_unit_file_do_not_stop_the_agent() {
        let (_, missing) = parse(&[
            "--enable-proxmox",
            "--proxmox-type",
            "pve",
            "--disable-auto-update",
            "--enable-commands=false",
        ]);
        assert_eq!(missing, ["--enable-proxmox"]);
    }
}
