//! `pulse-sim kubernetes`: a small cluster with its troubles, for an agent to report.

use std::{net::SocketAddr, path::PathBuf};

use anyhow::Context;
use clap::Args;
use pulse_sim::kubernetes::{
    KubernetesApi, Resource, daemon_set, deployment, failed_job, node, pod, stateful_set, waiting_pod,
};
use serde::Serialize;

use super::{announce, interrupted};

#[derive(Debug, Args)]
pub(super) struct Kubernetes {
    /// Where the API server listens.
    #[arg(long, default_value = "127.0.0.1:16443")]
    listen: SocketAddr,
    /// Where the kubeconfig for it is written.
    #[arg(long)]
    kubeconfig: PathBuf,
    /// Nodes of the cluster.
    #[arg(long, default_value_t = 2)]
    nodes: usize,
}

/// What a reader needs to know of it.
#[derive(Serialize)]
struct Access {
    url: String,
    kubeconfig: PathBuf,
}

impl Kubernetes {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let api = KubernetesApi::start(self.listen).await?;
        for number in 1..=self.nodes {
            api.put(Resource::Nodes, node(&format!("node-{number}")));
        }
        api.put(Resource::Pods, pod("default", "web-1"));
        api.put(Resource::Pods, waiting_pod("default", "web-2", "CrashLoopBackOff", 7));
        api.put(Resource::Deployments, deployment("default", "web", 2, 1));
        api.put(Resource::StatefulSets, stateful_set("data", "postgres", 3, 2));
        api.put(Resource::DaemonSets, daemon_set("kube-system", "proxy", 2, 1));
        api.put(Resource::Jobs, failed_job("data", "backup"));
        api.set_metrics(true);
        tokio::fs::write(&self.kubeconfig, api.kubeconfig())
            .await
            .with_context(|| format!("write {}", self.kubeconfig.display()))?;
        announce(&Access { url: format!("https://{}", api.address()), kubeconfig: self.kubeconfig })?;
        interrupted().await
    }
}
