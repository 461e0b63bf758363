//! Services and tasks of a swarm, as its managers tell them.

use std::collections::HashMap;

use pulse_core::report::docker::{ServicePort, ServiceUpdate, Swarm, SwarmService, SwarmTask};
use serde::de::DeserializeOwned;

use super::{
    api::{self, Service, SwarmNode, Task},
    container::{timestamp, word},
    engine::{Engine, EngineError},
};

/// Rows told at most; the newest tasks of a busy swarm are the interesting ones.
const MAX_SERVICES: usize = 1000;
const MAX_TASKS: usize = 2000;

/// The engine's place in a swarm; `None` where it is in none.
pub(super) fn place(info: api::SwarmInfo) -> Option<Swarm> {
    let state = word(info.local_state).filter(|state| state != "inactive")?;
    let cluster = info.cluster.unwrap_or_default();
    Some(Swarm {
        node_id: word(info.node_id),
        node_role: info.is_manager.map(|is| if is { "manager" } else { "worker" }.to_owned()),
        local_state: Some(state),
        control_available: info.is_manager,
        cluster_id: word(cluster.id),
        cluster_name: word(cluster.spec.unwrap_or_default().name),
        // A manager tells the whole swarm, a worker itself only.
        scope: Some(if info.is_manager == Some(true) { "cluster" } else { "node" }.to_owned()),
        error: word(info.error),
    })
}

/// All services and tasks; only a manager answers this.
pub(super) async fn read(engine: &mut Engine) -> Result<(Vec<SwarmService>, Vec<SwarmTask>), EngineError> {
    let services: Vec<Service> = each(engine.get("/services?status=true").await?);
    let tasks: Vec<Task> = each(engine.get("/tasks").await?);
    let nodes: Vec<SwarmNode> = each(engine.get("/nodes").await.unwrap_or_default());
    let node_names: HashMap<String, String> =
        nodes.into_iter().filter_map(|node| Some((node.id, word(node.description.hostname)?))).collect();
    let names: HashMap<String, String> =
        services.iter().map(|service| (service.id.clone(), service.spec.name.clone())).collect();
    let services = services.into_iter().take(MAX_SERVICES).map(|given| service(given, &tasks)).collect();
    let mut tasks = tasks;
    // Old runs are kept by the engine for its history; the newest come first here.
    tasks.sort_by(|a, b| b.updated_at.cmp(&a.updated_at));
    tasks.truncate(MAX_TASKS);
    Ok((services, tasks.into_iter().map(|given| task(given, &names, &node_names)).collect()))
}

/// One entry at a time, so that an odd one does not hide the others.
fn each<T: DeserializeOwned>(values: Vec<serde_json::Value>) -> Vec<T> {
    values.into_iter().filter_map(|value| serde_json::from_value(value).ok()).collect()
}

fn service(given: Service, tasks: &[Task]) -> SwarmService {
    let of_it = |state: &str, desired: Option<&str>| {
        let count = tasks.iter().filter(|task| {
            task.service_id.as_deref() == Some(given.id.as_str())
                && task.status.state.as_deref() == Some(state)
                && desired.is_none_or(|desired| task.desired_state.as_deref() == Some(desired))
        });
        count.count() as u32
    };
    let status = given.status.clone().unwrap_or_default();
    let mode = given.spec.mode.keys().next().map(|mode| mode.to_ascii_lowercase());
    let replicas = given
        .spec
        .mode
        .get("Replicated")
        .and_then(|mode| mode["Replicas"].as_u64())
        .and_then(|count| u32::try_from(count).ok());
    SwarmService {
        stack: word(given.spec.labels.get("com.docker.stack.namespace").cloned()),
        // The digest behind the name is noise to a reader.
        image: word(given.spec.template.container.image)
            .map(|image| image.split('@').next().unwrap_or_default().to_owned()),
        mode,
        // Engines before 20.10 send no counts.
        desired_tasks: status.desired.or(replicas),
        running_tasks: status.running.or_else(|| Some(of_it("running", Some("running")))),
        completed_tasks: status.completed.or_else(|| Some(of_it("complete", None))),
        endpoint_ports: given
            .endpoint
            .ports
            .into_iter()
            .map(|port| ServicePort {
                name: word(port.name),
                protocol: word(port.protocol),
                target_port: port.target,
                published_port: port.published,
                publish_mode: word(port.mode),
            })
            .collect(),
        update_status: given.update.and_then(|update| {
            Some(ServiceUpdate {
                state: Some(word(update.state)?),
                message: word(update.message),
                completed_at: update.completed_at.as_deref().and_then(timestamp),
            })
        }),
        created_at: given.created_at.as_deref().and_then(timestamp),
        updated_at: given.updated_at.as_deref().and_then(timestamp),
        labels: given.spec.labels,
        name: given.spec.name,
        id: given.id,
    }
}

fn task(given: Task, services: &HashMap<String, String>, nodes: &HashMap<String, String>) -> SwarmTask {
    let at = given.status.timestamp.as_deref().and_then(timestamp);
    let state = word(given.status.state);
    let is = |states: &[&str]| state.as_deref().is_some_and(|state| states.contains(&state));
    let service_name = given.service_id.as_ref().and_then(|id| services.get(id)).cloned();
    let slot = given.slot.filter(|slot| *slot > 0);
    SwarmTask {
        // As the engine names it; it says so only in the container's own labels.
        container_name: service_name.as_ref().map(|name| match slot {
            Some(slot) => format!("{name}.{slot}.{}", given.id),
            None => format!("{name}.{}.{}", given.node_id.as_deref().unwrap_or_default(), given.id),
        }),
        service_name,
        slot,
        node_name: given.node_id.as_ref().and_then(|id| nodes.get(id)).cloned(),
        node_id: word(given.node_id),
        service_id: word(given.service_id),
        desired_state: word(given.desired_state),
        started_at: at.filter(|_| is(&["running"])),
        completed_at: at
            .filter(|_| is(&["complete", "failed", "shutdown", "rejected", "orphaned", "remove"])),
        current_state: state,
        error: word(given.status.error),
        message: word(given.status.message),
        container_id: given.status.container.and_then(|container| word(container.id)),
        created_at: given.created_at.as_deref().and_then(timestamp),
        updated_at: given.updated_at.as_deref().and_then(timestamp),
        id: given.id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swarm_is_reported_only_where_there_is_one() {
        let info = |json| serde_json::from_str::<api::Info>(json).unwrap().swarm.and_then(place);
        assert_eq!(info(r#"{"Swarm":{"LocalNodeState":"inactive","NodeID":""}}"#), None);
        assert_eq!(info("{}"), None);
        let active = info(
            r#"{"Swarm":{"LocalNodeState":"active","NodeID":"n1","ControlAvailable":true,"Cluster":{"ID":"c1"}}}"#,
        )
        .unwrap();
        assert_eq!(active.node_role.as_deref(), Some("manager"));
        assert_eq!(active.cluster_id.as_deref(), Some("c1"));
        assert_eq!(active.scope.as_deref(), Some("cluster"));
    }

    #[test]
    fn counts_come_from_the_engine_or_from_the_tasks() {
        let tasks: Vec<Task> = serde_json::from_str(
            r#"[{"ID":"t1","ServiceID":"s1","Slot":1,"NodeID":"n1","DesiredState":"running","UpdatedAt":"2026-03-02T10:00:00Z",
                "Status":{"State":"running","Timestamp":"2026-03-02T10:00:00Z","ContainerStatus":{"ContainerID":"c1"}}},
                {"ID":"t2","ServiceID":"s1","DesiredState":"shutdown","Status":{"State":"failed","Err":"exit 1",
                "Timestamp":"2026-03-02T09:00:00Z"}}]"#,
        )
        .unwrap();
        let given: Service = serde_json::from_str(
            r#"{"ID":"s1","Spec":{"Name":"web","Labels":{"com.docker.stack.namespace":"shop"},"Mode":{"Replicated":{"Replicas":2}},
                "TaskTemplate":{"ContainerSpec":{"Image":"nginx:1@sha256:aa"}}},
                "Endpoint":{"Ports":[{"Protocol":"tcp","TargetPort":80,"PublishedPort":8080,"PublishMode":"ingress"}]},
                "UpdateStatus":{"State":"completed","CompletedAt":"2026-03-02T10:00:00Z"}}"#,
        )
        .unwrap();
        let seen = service(given, &tasks);
        assert_eq!(
            (seen.desired_tasks, seen.running_tasks, seen.completed_tasks),
            (Some(2), Some(1), Some(0))
        );
        assert_eq!((seen.mode.as_deref(), seen.image.as_deref()), (Some("replicated"), Some("nginx:1")));
        assert_eq!(
            (seen.stack.as_deref(), seen.endpoint_ports[0].published_port),
            (Some("shop"), Some(8080))
        );
        let names = HashMap::from([("s1".to_owned(), "web".to_owned())]);
        let nodes = HashMap::from([("n1".to_owned(), "dock1".to_owned())]);
        let rows: Vec<SwarmTask> = tasks.into_iter().map(|given| task(given, &names, &nodes)).collect();
        assert_eq!(rows[0].container_name.as_deref(), Some("web.1.t1"));
        assert_eq!(
            (rows[0].node_name.as_deref(), rows[0].container_id.as_deref()),
            (Some("dock1"), Some("c1"))
        );
        assert!(rows[0].started_at.is_some() && rows[0].completed_at.is_none());
        assert_eq!((rows[1].error.as_deref(), rows[1].started_at), (Some("exit 1"), None));
    }
}
