//! `/api/agents/*`: removing, hiding, naming and linking what agents report, their configuration and their commands.

use http::{Method, StatusCode};
use pulse_core::{
    Reading,
    ids::{InstanceName, NodeId},
    model::{ConnectionHealth, InstanceKey, InstanceKind, InstanceView, Node, NodeStatus},
    scope::Scope,
};
use serde_json::{Value, json};

use crate::harness::{Answer, TOKEN, TestServer};

fn host(id: &str, hostname: &str) -> String {
    json!({"agent": {"id": id, "version": "5.0.17", "type": "unified", "intervalSeconds": 10},
        "host": {"id": id, "hostname": hostname, "platform": "linux"},
        "metrics": {"cpuUsagePercent": 3.5}})
    .to_string()
}

fn docker(id: &str) -> String {
    json!({"agent": {"id": id, "version": "5.0.17", "type": "unified", "intervalSeconds": 10},
        "host": {"hostname": id, "runtime": "docker"},
        "containers": [{"id": "abcdef0123456789", "name": "web", "image": "nginx:1", "state": "running", "status": "Up",
            "oomKilled": true}]})
    .to_string()
}

fn cluster(id: &str) -> String {
    json!({"agent": {"id": "k", "version": "5.0.17", "intervalSeconds": 10}, "cluster": {"id": id, "name": "lab"},
        "nodes": [{"uid": "n", "name": "n1", "ready": true, "usage": {"cpuMillicores": 250, "memoryBytes": 1024}}],
        "workloads": [{"kind": "DaemonSet", "uid": "d", "name": "proxy", "namespace": "kube-system", "desired": 3, "ready": 2}]})
    .to_string()
}

impl TestServer {
    async fn post(&self, path: &str, token: &str, body: &str) -> Answer {
        self.call(Method::POST, path, Some(token), body).await
    }

    async fn put(&self, path: &str, token: &str, body: &str) -> Answer {
        self.call(Method::PUT, path, Some(token), body).await
    }

    async fn delete(&self, path: &str, token: &str) -> Answer {
        self.call(Method::DELETE, path, Some(token), "").await
    }

    async fn state_of(&self, list: &str) -> Vec<Value> {
        // Fresh: a busy machine may serve the rendering before it for a moment.
        let rendered = self.state.published.get_fresh(self.state.keeper.snapshot()).await.unwrap();
        let state: Value =
            serde_json::from_slice(&pulse_api::published::gunzip(&rendered.gzip).unwrap()).unwrap();
        state[list].as_array().unwrap().clone()
    }

    async fn reports_docker(&self, token: &str, id: &str) -> Value {
        let answer = self.post("/api/agents/docker/report", token, &docker(id)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        answer.json()
    }
}

fn code(answer: &Answer) -> (u16, String) {
    let body = answer.json();
    (answer.status.as_u16(), body["code"].as_str().or(body["error"].as_str()).unwrap_or_default().to_owned())
}

#[tokio::test]
async fn an_update_is_given_once_and_its_way_shows_also_across_a_restart() {
    let server = TestServer::set_up();
    let agent = server.token([Scope::DockerReport]);
    let other = server.token([Scope::DockerReport]);
    server.reports_docker(&agent, "dock").await;

    let wish = r#"{"hostId":"dock","containerId":"abcdef012345","containerName":"web"}"#;
    let queued = server.post("/api/agents/docker/containers/update", TOKEN, wish).await.json();
    let command = queued["commandId"].as_str().unwrap().to_owned();
    assert!(command.ends_with(":abcdef0123456789"), "the whole id: {command}");
    assert_eq!(queued["container"], json!({"id": "abcdef0123456789", "name": "web"}));
    let twice = server.post("/api/agents/docker/hosts/dock/check-updates", TOKEN, "{}").await;
    assert_eq!(code(&twice), (400, "check_updates_command_failed".into()));
    assert!(twice.text().contains("already has a command in progress"), "{}", twice.text());

    let server = server.restarted();
    let given = server.reports_docker(&agent, "dock").await;
    let expected = json!([{"id": command, "type": "update_container",
        "payload": {"containerId": "abcdef0123456789", "containerName": "web"}}]);
    assert_eq!(given["commands"], expected);
    assert_eq!(server.reports_docker(&agent, "dock").await.get("commands"), None, "only once");
    let server = server.restarted();
    assert_eq!(server.reports_docker(&agent, "dock").await.get("commands"), None, "also after a restart");

    let ack = format!("/api/agents/docker/commands/{command}/ack");
    let foreign = server.post(&ack, &other, r#"{"status":"completed"}"#).await;
    assert_eq!(code(&foreign), (400, "docker_command_ack_failed".into()));
    let words = server.post(&ack, &agent, r#"{"status":"dancing"}"#).await;
    assert_eq!(code(&words), (400, "invalid_status".into()));
    let unknown = server.post("/api/agents/docker/commands/x/ack", &agent, r#"{"status":"ack"}"#).await;
    assert_eq!(code(&unknown), (400, "docker_command_ack_failed".into()));
    for (word, status) in [("", "acknowledged"), ("progress", "in_progress"), ("success", "completed")] {
        let body = json!({"hostId": "dock", "status": word, "message": "pulling"}).to_string();
        let said = server.post(&ack, &agent, &body).await.json();
        assert_eq!((&said["hostId"], &said["command"]["status"]), (&json!("dock"), &json!(status)));
    }
    let command = &server.state_of("dockerHosts").await[0]["command"];
    insta::assert_json_snapshot!("a_finished_command_in_the_state", command, {".id" => "[id]"});
    assert_eq!(server.post("/api/agents/docker/hosts/dock/check-updates", TOKEN, "").await.status, 200);
}

#[tokio::test]
async fn a_wish_that_makes_no_sense_is_refused_with_its_reason() {
    let server = TestServer::set_up();
    let agent = server.token([Scope::DockerReport]);
    server.reports_docker(&agent, "dock").await;
    let update = "/api/agents/docker/containers/update";
    for (body, expected) in [
        ("{", "invalid_json"),
        ("[]", "invalid_json"),
        ("{}", "missing_host_id"),
        (r#"{"hostId":"dock"}"#, "missing_container_id"),
        (r#"{"hostId":"dock","containerId":"nothing"}"#, "update_command_failed"),
        (r#"{"hostId":"nowhere","containerId":"abcdef0123456789"}"#, "update_command_failed"),
    ] {
        assert_eq!(code(&server.post(update, TOKEN, body).await), (400, expected.into()), "{body}");
    }
    let large = format!(r#"{{"hostId":"dock","containerName":"{}"}}"#, "x".repeat(9_000));
    assert_eq!(code(&server.post(update, TOKEN, &large).await), (400, "invalid_json".into()));
    let off = r#"{"disableDockerUpdateActions":true}"#;
    server.post("/api/system/settings/update", TOKEN, off).await;
    let refused = server.post(update, TOKEN, r#"{"hostId":"dock","containerId":"abcdef0123456789"}"#).await;
    assert_eq!(code(&refused), (403, "docker_updates_disabled".into()));
}

#[tokio::test]
async fn a_docker_host_that_reports_is_asked_to_stop_and_goes_when_it_has() {
    let server = TestServer::set_up();
    let agent = server.token([Scope::DockerReport]);
    server.reports_docker(&agent, "dock").await;
    let asked = server.delete("/api/agents/docker/hosts/dock", TOKEN).await.json();
    assert_eq!(
        (&asked["message"], &asked["command"]["type"]),
        (&json!("Stop command queued"), &json!("stop"))
    );
    assert_eq!(server.state_of("dockerHosts").await[0]["pendingUninstall"], true);
    let again = server.delete("/api/agents/docker/hosts/dock", TOKEN).await;
    assert_eq!(code(&again), (400, "docker_command_failed".into()));

    let given = server.reports_docker(&agent, "dock").await;
    let id = given["commands"][0]["id"].as_str().unwrap();
    let ack = format!("/api/agents/docker/commands/{id}/ack");
    server.post(&ack, &agent, r#"{"status":"completed"}"#).await;
    assert!(server.state_of("dockerHosts").await.is_empty());
    assert!(server.state_of("removedDockerHosts").await.is_empty(), "it may come back");
    let refused = server.post("/api/agents/docker/report", &agent, &docker("dock")).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "its token went with it");
    let again = server.token([Scope::DockerReport]);
    server.reports_docker(&again, "dock").await;
}

#[tokio::test]
async fn what_is_removed_stays_away_until_it_is_enrolled_again() {
    let server = TestServer::set_up();
    let shared = server.token([Scope::DockerReport, Scope::HostAgentReport]);
    server.reports_docker(&shared, "dock").await;
    server.reports_docker(&shared, "other").await;
    let gone = server.delete("/api/agents/docker/hosts/dock?force=true", TOKEN).await.json();
    assert_eq!(gone["message"], "Docker host removed");
    let removed = server.state_of("removedDockerHosts").await;
    assert_eq!((&removed[0]["id"], &removed[0]["displayName"]), (&json!("dock"), &json!("dock")));

    let server = server.restarted();
    let refused = server.post("/api/agents/docker/report", &shared, &docker("dock")).await;
    assert_eq!(code(&refused), (400, "invalid_report".into()));
    let text = refused.json()["error"].as_str().unwrap().to_owned();
    assert!(text.contains("was removed at") && text.contains("cannot report again"), "{text}");
    server.reports_docker(&shared, "other").await;
    let decisions = server.get("/api/agents/decisions", TOKEN).await.json();
    assert_eq!(
        (&decisions["removed"][0]["kind"], &decisions["removed"][0]["id"]),
        (&json!("docker"), &json!("dock"))
    );

    let allowed = server.post("/api/agents/docker/hosts/dock/allow-reenroll", TOKEN, "").await;
    assert_eq!(allowed.json(), json!({"success": true, "hostId": "dock"}));
    server.reports_docker(&shared, "dock").await;
    assert_eq!(
        code(&server.delete("/api/agents/docker/hosts/x", TOKEN).await),
        (404, "docker_host_not_found".into())
    );
    let forced = server.delete("/api/agents/docker/hosts/x?mode=force", TOKEN).await;
    assert_eq!(forced.json()["message"], "Docker host already removed");
}

#[tokio::test]
async fn the_token_of_a_removed_host_goes_only_where_nothing_else_needs_it() {
    let server = TestServer::set_up();
    let own = server.token([Scope::HostAgentReport]);
    server.post("/api/agents/host/report", &own, &host("nas", "nas")).await;
    server.post("/api/agents/host/report", TOKEN, &host("admin", "admin")).await;
    for id in ["nas", "admin", "never-there"] {
        let path = format!("/api/agents/host/{id}");
        assert_eq!(server.delete(&path, TOKEN).await.json()["message"], "Host removed", "{id}");
    }
    assert!(server.state_of("hosts").await.is_empty(), "and the administrator's token still works");
    let refused = server.post("/api/agents/host/report", &own, &host("nas", "nas")).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    let refused = server.post("/api/agents/host/report", TOKEN, &host("admin", "admin")).await;
    assert_eq!(code(&refused), (400, "invalid_report".into()), "a token that stays must not bring it back");
    let new = server.token([Scope::HostAgentReport]);
    let again = server.post("/api/agents/host/report", &new, &host("admin", "admin")).await;
    assert_eq!(again.json()["hostId"], "admin", "a new token is a new enrolment");
}

#[tokio::test]
async fn one_hosts_token_neither_reports_as_nor_reads_nor_removes_another() {
    let server = TestServer::set_up();
    let [mine, theirs] = [(); 2].map(|()| server.token([Scope::HostAgentReport, Scope::HostAgentConfigRead]));
    server.post("/api/agents/host/report", &mine, &host("nas", "nas.lan")).await;
    let server = server.restarted();
    let foreign = server.post("/api/agents/host/report", &theirs, &host("nas", "nas.lan")).await.json();
    let given = foreign["hostId"].as_str().unwrap().to_owned();
    assert!(given.starts_with("nas-"), "not the other's id, also after a restart: {given}");
    server.post("/api/agents/host/report", &mine, &host("nas", "nas.lan")).await;

    let lookup = |query: &str| format!("/api/agents/host/lookup?{query}");
    let forbidden = server.get(&lookup("id=nas"), &theirs).await;
    assert_eq!(code(&forbidden), (403, "host_lookup_forbidden".into()));
    for (query, token, id) in [
        ("hostname=NAS", &theirs, given.as_str()),
        ("hostname=nas.lan", &mine, "nas"),
        ("id=nas", &TOKEN.to_owned(), "nas"),
    ] {
        let found = server.get(&lookup(query), token).await.json();
        assert_eq!(
            (&found["host"]["id"], &found["host"]["connected"]),
            (&json!(id), &json!(true)),
            "{query}"
        );
    }
    assert_eq!(code(&server.get(&lookup(""), &mine).await), (400, "missing_lookup_param".into()));
    assert_eq!(code(&server.get(&lookup("id=x"), &mine).await), (404, "host_not_found".into()));

    let config = server.get("/api/agents/host/nas/config", &theirs).await.json();
    assert_eq!(config["hostId"], json!(given), "its own, whatever it asks for");
    let uninstall = |id: &str| json!({"hostId": id}).to_string();
    let refused = server.post("/api/agents/host/uninstall", &theirs, &uninstall("nas")).await;
    assert_eq!(code(&refused), (403, "host_uninstall_forbidden".into()));
    assert_eq!(
        code(&server.post("/api/agents/host/uninstall", &theirs, "{}").await),
        (400, "missing_host_id".into())
    );
    let gone = server.post("/api/agents/host/uninstall", &mine, &uninstall("nas")).await.json();
    assert_eq!(gone, json!({"success": true, "hostId": "nas", "message": "Host unregistered successfully"}));
    assert_eq!(server.get("/api/agents/host/nas/config", &mine).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_switch_for_commands_is_kept_sent_and_shown() {
    let server = TestServer::set_up();
    let agent = server.token([Scope::HostAgentReport, Scope::HostAgentConfigRead]);
    let report = async |server: &TestServer| {
        server.post("/api/agents/host/report", &agent, &host("nas", "nas")).await.json()
    };
    assert_eq!(report(&server).await.get("config"), None);
    let path = "/api/agents/host/nas/config";
    let empty = json!({"success": true, "hostId": "nas", "config": {}});
    assert_eq!(server.get(path, &agent).await.json(), empty);
    let patch = async |server: &TestServer, token: &str, body: &str| {
        server.call(Method::PATCH, path, Some(token), body).await
    };
    assert_eq!(patch(&server, &agent, r#"{"commandsEnabled":true}"#).await.status, StatusCode::FORBIDDEN);
    let on = patch(&server, TOKEN, r#"{"commandsEnabled":true}"#).await.json();
    assert_eq!(on, json!({"success": true, "hostId": "nas", "config": {"commandsEnabled": true}}));
    assert_eq!(server.state_of("hosts").await[0]["commandsEnabled"], true);

    let server = server.restarted();
    assert_eq!(report(&server).await["config"], json!({"commandsEnabled": true}));
    assert_eq!(server.get(path, &agent).await.json()["config"], json!({"commandsEnabled": true}));
    assert_eq!(server.state_of("hosts").await[0]["commandsEnabled"], true);
    // A note about the host changes nothing of it.
    server.put("/api/hosts/metadata/nas", TOKEN, r#"{"description":"x"}"#).await;
    assert_eq!(report(&server).await["config"], json!({"commandsEnabled": true}));
    patch(&server, TOKEN, r#"{"commandsEnabled":null}"#).await;
    assert_eq!(report(&server).await.get("config"), None);
    assert_eq!(server.state_of("hosts").await[0].get("commandsEnabled"), None);
    assert_eq!(
        code(&server.get("/api/agents/host/nowhere/config", TOKEN).await),
        (404, "host_not_found".into())
    );
    assert_eq!(code(&patch(&server, TOKEN, "[]").await), (400, "invalid_json".into()));
}

#[tokio::test]
async fn names_and_hiding_show_at_once_and_after_a_restart() {
    let server = TestServer::set_up();
    let agent = server.token([Scope::DockerReport, Scope::KubernetesReport]);
    server.reports_docker(&agent, "dock").await;
    server.post("/api/agents/kubernetes/report", &agent, &cluster("c1")).await;
    let name = r#"{"displayName":" B\u00fcro\u202e "}"#;
    for path in ["docker/hosts/dock", "kubernetes/clusters/c1"] {
        let path = format!("/api/agents/{path}");
        assert_eq!(server.put(&format!("{path}/display-name"), TOKEN, name).await.status, StatusCode::OK);
        assert_eq!(server.delete(&format!("{path}?hide=true"), TOKEN).await.status, StatusCode::OK);
        assert_eq!(server.put(&format!("{path}/pending-uninstall"), TOKEN, "").await.status, StatusCode::OK);
    }
    let server = server.restarted();
    server.reports_docker(&agent, "dock").await;
    server.post("/api/agents/kubernetes/report", &agent, &cluster("c1")).await;
    for list in ["dockerHosts", "kubernetesClusters"] {
        let shown = &server.state_of(list).await[0];
        let names = (&shown["displayName"], &shown["customDisplayName"]);
        assert_eq!(names, (&json!("Büro"), &json!("Büro")), "{list}");
        assert_eq!((&shown["hidden"], &shown["pendingUninstall"]), (&json!(true), &json!(true)), "{list}");
    }
    for (path, list) in
        [("docker/hosts/dock", "dockerHosts"), ("kubernetes/clusters/c1", "kubernetesClusters")]
    {
        let path = format!("/api/agents/{path}");
        server.put(&format!("{path}/unhide"), TOKEN, "").await;
        server.put(&format!("{path}/display-name"), TOKEN, r#"{"displayName":""}"#).await;
        let shown = &server.state_of(list).await[0];
        assert_eq!(shown.get("customDisplayName"), None);
        assert!(shown["hidden"] != json!(true));
    }
    for (path, expected) in [
        ("docker/hosts/x", "docker_host_not_found"),
        ("kubernetes/clusters/x", "kubernetes_cluster_not_found"),
    ] {
        for action in ["unhide", "pending-uninstall", "display-name"] {
            let answer = server.put(&format!("/api/agents/{path}/{action}"), TOKEN, "{}").await;
            assert_eq!(code(&answer), (404, expected.into()), "{path} {action}");
        }
    }
}

#[tokio::test]
async fn a_removed_cluster_stays_away_and_so_does_one_that_was_never_there() {
    let server = TestServer::set_up();
    let agent = server.token([Scope::KubernetesReport]);
    let report = async |id: &str| server.post("/api/agents/kubernetes/report", &agent, &cluster(id)).await;
    report("c1").await;
    report("c2").await;
    for id in ["c1", "unheard-of"] {
        let gone = server.delete(&format!("/api/agents/kubernetes/clusters/{id}"), TOKEN).await.json();
        assert_eq!(gone, json!({"success": true, "clusterId": id, "message": "Kubernetes cluster removed"}));
        assert_eq!(code(&report(id).await), (400, "invalid_report".into()), "{id}");
    }
    assert_eq!(server.state_of("removedKubernetesClusters").await.len(), 2);
    server.post("/api/agents/kubernetes/clusters/c1/allow-reenroll", TOKEN, "").await;
    assert_eq!(report("c1").await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_agents_of_ours_report_beyond_the_contract_shows() {
    let server = TestServer::set_up();
    server.reports_docker(TOKEN, "dock").await;
    server.post("/api/agents/kubernetes/report", TOKEN, &cluster("c1")).await;
    assert_eq!(server.state_of("dockerHosts").await[0]["containers"][0]["oomKilled"], true);
    let cluster = &server.state_of("kubernetesClusters").await[0];
    assert_eq!(cluster["workloads"][0]["kind"], "DaemonSet");
    assert_eq!(cluster["nodes"][0]["usage"], json!({"cpuMillicores": 250, "memoryBytes": 1024}));
}

fn node(name: &str) -> Node {
    Node {
        id: NodeId::of(&"lab".into(), None, name),
        instance: InstanceName::from("lab"),
        name: name.into(),
        host_url: None,
        guest_url: None,
        status: NodeStatus::Online,
        health: ConnectionHealth::Healthy,
        cpu_fraction: Reading::default(),
        cpu_count: None,
        memory: Reading::default(),
        root_disk: Reading::default(),
        uptime_seconds: Reading::default(),
        load_average: None,
        kernel_version: None,
        pve_version: None,
        cpu_info: None,
        temperature: None,
        cluster_name: None,
        pending_updates: None,
        certificate_fingerprint: None,
        linked_host: None,
        last_seen: jiff::Timestamp::UNIX_EPOCH,
    }
}

#[tokio::test]
async fn links_that_people_make_and_undo_win_over_names_and_leave_a_trail() {
    let server = TestServer::set_up();
    let mut view = InstanceView::unknown(InstanceKey { kind: InstanceKind::Pve, name: "lab".into() });
    view.nodes = std::sync::Arc::new(vec![node("pve1"), node("pve2")]);
    server.state.keeper.change(move |world, _| world.set_instance(view)).await.unwrap();
    let report = async |id: &str, hostname: &str| {
        server.post("/api/agents/host/report", TOKEN, &host(id, hostname)).await;
    };
    report("a", "pve1.lan").await;
    report("b", "pve1").await;
    let links = async || {
        let hosts = server.state_of("hosts").await;
        let nodes = server.state_of("nodes").await;
        let of = |list: &[Value], key: &str| {
            list.iter().map(|it| it[key].as_str().unwrap_or("-").to_owned()).collect::<Vec<_>>()
        };
        (of(&hosts, "linkedNodeId").join(" "), of(&nodes, "linkedHostAgentId").join(" "))
    };
    assert_eq!(links().await, ("lab-pve1 -".into(), "a -".into()), "a name links one host only");
    let link = |host: &str, node: &str| json!({"hostId": host, "nodeId": node}).to_string();
    let done = server.post("/api/agents/host/link", TOKEN, &link("b", "lab-pve2")).await.json();
    assert_eq!((&done["hostId"], &done["nodeId"]), (&json!("b"), &json!("lab-pve2")));
    server.post("/api/agents/host/unlink", TOKEN, r#"{"hostId":"a"}"#).await;
    report("a", "pve1.lan").await;
    report("b", "pve1").await;
    assert_eq!(links().await, ("- lab-pve2".into(), "- b".into()), "reports do not undo that");

    let trail = server.get("/api/agents/decisions", TOKEN).await.json();
    let trail: Vec<_> = trail["linkEvents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| (event["action"].clone(), event["nodeId"].clone()))
        .collect();
    assert_eq!(trail, [(json!("unlinked"), json!("lab-pve1")), (json!("linked"), json!("lab-pve2"))]);
    for (path, body, expected) in [
        ("link", "{}".to_owned(), (400, "missing_host_id")),
        ("link", r#"{"hostId":"a"}"#.to_owned(), (400, "missing_node_id")),
        ("link", link("a", "nowhere"), (400, "link_failed")),
        ("link", link("nobody", "lab-pve1"), (400, "link_failed")),
        ("link", link("a", "lab-pve2"), (400, "link_failed")),
        ("unlink", "{}".to_owned(), (400, "missing_host_id")),
        ("unlink", r#"{"hostId":"a"}"#.to_owned(), (404, "unlink_failed")),
    ] {
        let answer = server.post(&format!("/api/agents/host/{path}"), TOKEN, &body).await;
        assert_eq!(code(&answer), (expected.0, expected.1.to_owned()), "{path} {body}");
    }
    server.delete("/api/agents/host/b", TOKEN).await;
    assert_eq!(links().await, ("-".into(), "- -".into()), "a host that is gone is on no node");
}

#[tokio::test]
async fn every_action_asks_for_its_scope() {
    let server = TestServer::set_up();
    let reader = server.token([Scope::MonitoringRead]);
    let rows = [
        (Method::GET, "host/lookup", "host-agent:report"),
        (Method::POST, "host/uninstall", "host-agent:report"),
        (Method::POST, "host/link", "host-agent:manage"),
        (Method::POST, "host/unlink", "host-agent:manage"),
        (Method::GET, "host/x/config", "host-agent:config:read"),
        (Method::PATCH, "host/x/config", "host-agent:manage"),
        (Method::DELETE, "host/x", "host-agent:manage"),
        (Method::POST, "host/x/allow-reenroll", "host-agent:manage"),
        (Method::POST, "docker/commands/x/ack", "docker:report"),
        (Method::DELETE, "docker/hosts/x", "docker:manage"),
        (Method::POST, "docker/hosts/x/allow-reenroll", "docker:manage"),
        (Method::PUT, "docker/hosts/x/unhide", "docker:manage"),
        (Method::PUT, "docker/hosts/x/pending-uninstall", "docker:manage"),
        (Method::PUT, "docker/hosts/x/display-name", "docker:manage"),
        (Method::POST, "docker/hosts/x/check-updates", "docker:manage"),
        (Method::POST, "docker/containers/update", "docker:manage"),
        (Method::DELETE, "kubernetes/clusters/x", "kubernetes:manage"),
        (Method::POST, "kubernetes/clusters/x/allow-reenroll", "kubernetes:manage"),
        (Method::PUT, "kubernetes/clusters/x/unhide", "kubernetes:manage"),
        (Method::PUT, "kubernetes/clusters/x/pending-uninstall", "kubernetes:manage"),
        (Method::PUT, "kubernetes/clusters/x/display-name", "kubernetes:manage"),
    ];
    for (method, path, scope) in rows {
        let path = format!("/api/agents/{path}");
        let nobody = server.call(method.clone(), &path, None, "{}").await;
        assert_eq!(nobody.status, StatusCode::UNAUTHORIZED, "{method} {path}");
        let refused = server.call(method.clone(), &path, Some(&reader), "{}").await;
        assert_eq!(
            refused.json(),
            json!({"error": "missing_scope", "requiredScope": scope}),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn hostile_reports_are_refused_or_made_harmless() {
    let server = TestServer::set_up();
    let path = "/api/agents/host/report";
    let large = host(&"x".repeat(300 * 1024), "nas");
    assert_eq!(code(&server.post(path, TOKEN, &large).await), (400, "invalid_json".into()));
    let name = "<script>\u{202e}alert(1)</script>\u{0}\r\nnas";
    let answer = server.post(path, TOKEN, &host("../../etc/passwd\u{0}", name)).await.json();
    assert_eq!(answer["hostId"], "..-..-etc-passwd");
    assert_eq!(server.state_of("hosts").await[0]["hostname"], "<script>alert(1)</script>nas");
    let future =
        json!({"host": {"id": "f", "hostname": "f"}, "timestamp": "2999-01-01T00:00:00Z"}).to_string();
    let seen = server.post(path, TOKEN, &future).await.json()["lastSeen"].as_str().unwrap().to_owned();
    assert!(seen.starts_with("2026-"), "the server's clock counts: {seen}");
    // What was measured before the newest report does not take its place.
    let at = |second: i64, cpu: f64| {
        json!({"host": {"id": "old", "hostname": "old"}, "metrics": {"cpuUsagePercent": cpu},
            "timestamp": format!("2026-03-04T05:06:{second:02}Z")})
        .to_string()
    };
    for (second, cpu) in [(50, 50.0), (10, 10.0), (20, 20.0)] {
        assert_eq!(server.post(path, TOKEN, &at(second, cpu)).await.status, StatusCode::OK);
    }
    let hosts = server.state_of("hosts").await;
    let old = hosts.iter().find(|host| host["id"] == "old").unwrap();
    assert_eq!(old["cpuUsage"], 50.0);
}
