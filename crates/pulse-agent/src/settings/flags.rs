//! What stood on the command line.

use super::Token;

/// The flags of contract B-10 and ours; `None` and empty lists stand for "not there".
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--url`
    pub url: Option<String>,
    /// `--token`
    pub token: Option<Token>,
    /// `--token-file`
    pub token_file: Option<String>,
    /// `--target`
    pub targets: Vec<String>,
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
    /// `--enable-kubernetes`
    pub enable_kubernetes: Option<bool>,
    /// `--enable-proxmox`
    pub enable_proxmox: Option<bool>,
    /// `--proxmox-type`
    pub proxmox_type: Option<String>,
    /// `--disable-auto-update`
    pub disable_auto_update: Option<bool>,
    /// `--disable-docker-update-checks`
    pub disable_docker_update_checks: Option<bool>,
    /// `--docker-runtime`
    pub docker_runtime: Option<String>,
    /// `--enable-commands`
    pub enable_commands: Option<bool>,
    /// `--disable-commands`
    pub disable_commands: Option<bool>,
    /// `--command-allow`
    pub command_allow: Vec<String>,
    /// `--health-addr`
    pub health_addr: Option<String>,
    /// `--kubeconfig`
    pub kubeconfig: Option<String>,
    /// `--kube-context`
    pub kube_context: Option<String>,
    /// `--kube-include-namespace`
    pub kube_include_namespaces: Vec<String>,
    /// `--kube-exclude-namespace`
    pub kube_exclude_namespaces: Vec<String>,
    /// `--kube-include-all-pods`
    pub kube_include_all_pods: Option<bool>,
    /// `--kube-include-all-deployments`
    pub kube_include_all_deployments: Option<bool>,
    /// `--kube-max-pods`
    pub kube_max_pods: Option<u32>,
    /// `--disk-exclude`
    pub disk_exclude: Vec<String>,
    /// `--report-ip`
    pub report_ip: Option<String>,
    /// `--disable-ceph`
    pub disable_ceph: Option<bool>,
    /// `--buffer-dir`
    pub buffer_dir: Option<String>,
}
