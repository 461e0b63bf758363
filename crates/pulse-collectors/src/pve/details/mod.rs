//! The questions beside the polls: see [`PveDetails`].

mod agent;
mod backups;
mod ceph;
mod container;
mod disks;
mod file_systems;
mod wire;
mod work;
mod zfs;

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use jiff::Timestamp;
use pulse_core::model::{
    BackupTask, CephCluster, GuestKind, GuestSnapshot, PhysicalDisk, ReplicationJob, Storage, StorageBackup,
    ZfsPool,
};

use super::{
    client::{PveClient, is_plain_name},
    guest, node,
    wire::{list, object},
};
use crate::{
    details::{AgentAnswer, AgentQuestion, AgentRefusal, ContainerFacts, Glimpse, PveDetails, VmState, Work},
    error::PollError,
    http::HttpClient,
    rights::{PERMISSIONS, granted},
};

/// At most so many tasks that made backups are asked of a node.
const MOST_TASKS: usize = 200;

#[async_trait]
impl PveDetails for PveClient {
    async fn vm_state(&self, node: &str, vmid: u32) -> Result<VmState, PollError> {
        let path = format!("/nodes/{node}/qemu/{vmid}/status/current");
        let (http, body) = self.look(node, &path).await?;
        let status: wire::VmStatus<'_> = read(&http, &path, object(&body))?;
        Ok(work::vm_state(&status))
    }

    async fn guest_now(&self, node: &str, kind: GuestKind, vmid: u32) -> Result<Option<Glimpse>, PollError> {
        let sort = match kind {
            GuestKind::Vm => "qemu",
            GuestKind::Container | GuestKind::OciContainer => "lxc",
        };
        let path = format!("/nodes/{node}/{sort}/{vmid}/status/current");
        let (http, body) = self.look(node, &path).await?;
        let status: super::wire::Vm<'_> = read(&http, &path, object(&body))?;
        Ok(guest::glimpse(&status, kind))
    }

    async fn node_now(&self, node: &str) -> Result<Glimpse, PollError> {
        let path = format!("/nodes/{node}/status");
        let (http, body) = self.look(node, &path).await?;
        let status: super::wire::NodeStatus<'_> = read(&http, &path, object(&body))?;
        Ok(node::glimpse(&status))
    }

    async fn work_on(&self, node: &str) -> Result<Work, PollError> {
        let path = format!("/nodes/{node}/tasks?source=active");
        let (http, body) = self.look(node, &path).await?;
        let rows: Vec<wire::Task<'_>> = read(&http, &path, list(&body))?;
        Ok(work::from_tasks(&rows))
    }

    async fn ask_agent(
        &self,
        node: &str,
        vmid: u32,
        question: AgentQuestion,
    ) -> Result<AgentAnswer, AgentRefusal> {
        let path = format!("/nodes/{node}/qemu/{vmid}/agent/{}", agent::command(question));
        let outcome = async {
            let (http, body) = self.look(node, &path).await?;
            read(&http, &path, agent::answer(question, &body))
        };
        outcome.await.map_err(agent::refusal)
    }

    async fn vm_addresses(&self, node: &str, vmid: u32) -> Result<Vec<String>, PollError> {
        let path = format!("/nodes/{node}/qemu/{vmid}/config");
        let (http, body) = self.look(node, &path).await?;
        let config = read(&http, &path, container::config(&body))?;
        Ok(container::vm_addresses(&config))
    }

    async fn container(&self, node: &str, vmid: u32, is_running: bool) -> Result<ContainerFacts, PollError> {
        let path = format!("/nodes/{node}/lxc/{vmid}/config");
        let (http, body) = self.look(node, &path).await?;
        let mut facts = container::facts(&read(&http, &path, container::config(&body))?);
        if is_running {
            let path = format!("/nodes/{node}/lxc/{vmid}/interfaces");
            // Before 8.1 there is no such call, and then the configuration has to do.
            match self.look(node, &path).await {
                Ok((_, body)) => container::add_addresses(&mut facts, &list(&body).unwrap_or_default()),
                Err(PollError::Status { status: 501, .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(facts)
    }

    async fn disks(&self, node: &str, now: Timestamp) -> Result<Vec<PhysicalDisk>, PollError> {
        let path = format!("/nodes/{node}/disks/list");
        let (http, body) = self.look(node, &path).await?;
        let rows: Vec<wire::Disk<'_>> = read(&http, &path, list(&body))?;
        Ok(disks::disks(&rows, &self.instance, node, now))
    }

    async fn pools(&self, node: &str) -> Result<Vec<ZfsPool>, PollError> {
        let path = format!("/nodes/{node}/disks/zfs");
        let (http, body) = match self.look(node, &path).await {
            Err(error) if is_not_installed(&error) => return Ok(Vec::new()),
            other => other?,
        };
        let rows: Vec<wire::Pool<'_>> = read(&http, &path, list(&body))?;
        let mut pools = Vec::new();
        for row in rows.iter().take(zfs::MOST_POOLS) {
            let Some(name) = row.name.as_str() else { continue };
            if pools.iter().any(|pool: &ZfsPool| pool.name == name) {
                continue;
            }
            let mut pool = zfs::from_listing(row, name);
            if is_plain_name(name) {
                let path = format!("/nodes/{node}/disks/zfs/{name}");
                let (http, body) = self.look(node, &path).await?;
                zfs::add_detail(&mut pool, &read(&http, &path, object(&body))?);
            }
            pools.push(pool);
        }
        Ok(pools)
    }

    async fn updates(&self, node: &str) -> Result<u32, PollError> {
        let path = format!("/nodes/{node}/apt/update");
        let (http, body) = self.look(node, &path).await?;
        let rows: Vec<wire::Package<'_>> = read(&http, &path, list(&body))?;
        Ok(rows.iter().filter(|row| row.package.as_str().is_some()).count() as u32)
    }

    async fn replication(&self, node: &str, now: Timestamp) -> Result<Vec<ReplicationJob>, PollError> {
        let path = format!("/nodes/{node}/replication");
        let (http, body) = self.look(node, &path).await?;
        let rows: Vec<wire::Replication<'_>> = read(&http, &path, list(&body))?;
        Ok(backups::replication(&rows, &self.instance, node, now))
    }

    async fn backup_tasks(&self, node: &str, since: Timestamp) -> Result<Vec<BackupTask>, PollError> {
        let since = since.as_second().max(0);
        let path =
            format!("/nodes/{node}/tasks?typefilter=vzdump&source=all&limit={MOST_TASKS}&since={since}");
        let (http, body) = self.look(node, &path).await?;
        let rows: Vec<wire::Task<'_>> = read(&http, &path, list(&body))?;
        Ok(backups::tasks(&rows, &self.instance, node))
    }

    async fn privileges(&self, node: &str) -> Result<BTreeSet<String>, PollError> {
        let (http, body) = self.look(node, PERMISSIONS).await?;
        read(&http, PERMISSIONS, granted(&body))
    }

    async fn backups_on(&self, node: &str, storage: &Storage) -> Result<Vec<StorageBackup>, PollError> {
        if !is_plain_name(&storage.name) {
            return Ok(Vec::new());
        }
        let path = format!("/nodes/{node}/storage/{}/content?content=backup", storage.name);
        let (http, body) = self.look(node, &path).await?;
        let rows: Vec<wire::Volume<'_>> = read(&http, &path, list(&body))?;
        Ok(backups::backups(&rows, &self.instance, node, storage))
    }

    async fn snapshots(
        &self,
        node: &str,
        kind: GuestKind,
        vmid: u32,
    ) -> Result<Vec<GuestSnapshot>, PollError> {
        let kind = if kind.is_vm() { "qemu" } else { "lxc" };
        let path = format!("/nodes/{node}/{kind}/{vmid}/snapshot");
        let (http, body) = self.look(node, &path).await?;
        let rows: Vec<wire::Snapshot<'_>> = read(&http, &path, list(&body))?;
        Ok(backups::snapshots(&rows, &self.instance, node, kind, vmid))
    }

    async fn ceph(&self, node: &str, now: Timestamp) -> Result<Option<CephCluster>, PollError> {
        let path = "/cluster/ceph/status";
        let (http, body) = match self.look(node, path).await {
            Err(error) if is_not_installed(&error) => return Ok(None),
            other => other?,
        };
        let status = read(&http, path, object(&body))?;
        let path = format!("/nodes/{node}/ceph/pool");
        // Pools are welcome and not needed: the health of the cluster is what people look for.
        let pools = self.look(node, &path).await.map(|(_, body)| body).unwrap_or_default();
        let pools: Vec<wire::CephPoolRow<'_>> = list(&pools).unwrap_or_default();
        Ok(Some(ceph::cluster(&status, &pools, &self.instance, now)))
    }
}

impl PveClient {
    /// The body of a question, through whatever endpoint answered last. One at a time per node: a slow answer must
    /// not keep more than one of its few workers busy.
    async fn look(&self, node: &str, path: &str) -> Result<(Arc<HttpClient>, String), PollError> {
        let http = self.endpoints.current();
        if !is_plain_name(node) {
            return Err(PollError::Status {
                host: http.name().to_owned(),
                call: "a node".into(),
                status: 400,
                text: "the node's name cannot stand in a path".into(),
            });
        }
        let lane = self.lanes.slow(node);
        // Never closed; without a permit the call would merely be one too many.
        let _permit = lane.acquire().await.ok();
        let body = self.get_beside(&http, path).await?;
        Ok((http, body))
    }
}

/// Puts the call's name to what cannot be read.
fn read<T>(
    http: &HttpClient,
    path: &str,
    outcome: Result<T, super::wire::Unreadable>,
) -> Result<T, PollError> {
    outcome.map_err(|detail| PveClient::unreadable(http, path, detail))
}

/// Proxmox says in words only that a feature is not there.
fn is_not_installed(error: &PollError) -> bool {
    match error {
        PollError::Status { status: 501, .. } => true,
        PollError::Status { status: 500, text, .. } => {
            ["not installed", "not initialized", "no such file"].iter().any(|words| text.contains(words))
        }
        _ => false,
    }
}
