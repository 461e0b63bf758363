//! An agent that is installed on a Proxmox host once more: its new token takes the place of the old one if that very host
//! vouches for it, and nobody else's token ever does. All over real HTTPS.

use pulse_core::scope::Scope;
use pulse_sim::{BackupServer, BackupServerOptions, Cluster, Effect, EstateOptions, Fault};
use serde_json::{Value, json};

use crate::harness::TestServer;

const REGISTER: &str = "/api/auto-register";
const NODES: &str = "/api/config/nodes";

async fn cluster() -> Cluster {
    Cluster::start(EstateOptions { nodes: 2, guests: 4, ..EstateOptions::default() }).await.unwrap()
}

/// The node as the agent's first installation left it: its token is gone by now.
async fn left_behind(server: &TestServer, cluster: &Cluster, token: &str) {
    let access = cluster.access();
    let node = json!({
        "type": "pve", "name": "lab", "host": access.url, "fingerprint": access.fingerprint,
        "tokenName": token, "tokenValue": "of-the-first-installation", "monitorBackups": false,
    });
    server.admin().post(NODES, node).await.expect(201);
}

/// What an agent sends that has just made itself a token.
fn agent(cluster: &Cluster, address: &str, value: &str) -> Value {
    json!({
        "type": "pve", "host": address, "serverName": "pve1", "tokenId": cluster.token_name(), "tokenValue": value,
        "source": "agent",
    })
}

fn kept(server: &TestServer) -> (String, String) {
    let nodes = server.state.nodes.current();
    let lab = nodes.pve.iter().find(|pve| pve.name.as_str() == "lab").unwrap();
    (lab.token_name.clone().unwrap(), lab.token_value.clone().unwrap().expose().to_owned())
}

#[tokio::test]
async fn the_token_of_a_reinstalled_agent_takes_the_place_of_its_old_one() {
    let (server, cluster) = (TestServer::set_up().asking(), cluster().await);
    left_behind(&server, &cluster, "pulse-monitor@pve!pulse-1").await;
    for scope in [Scope::HostAgentReport, Scope::HostAgentManage] {
        let may_report = server.token([scope]);
        let body = agent(&cluster, &cluster.url(), cluster.token_value());
        let client = server.anybody().with("x-api-token", &may_report);
        let done = client.post(REGISTER, body).await.expect(200).json();
        assert_eq!(done["status"], "success", "{done}");
        assert_eq!(kept(&server), (cluster.token_name().to_owned(), cluster.token_value().to_owned()));
    }
    let listed = server.admin().get(NODES).await.expect(200).json();
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    // The same node with its settings, and it answers.
    assert_eq!((&listed[0]["name"], &listed[0]["monitorBackups"]), (&json!("lab"), &Value::Null));
    assert_eq!(listed[0]["fingerprint"], json!(cluster.fingerprint()));
    server.admin().post(&format!("{NODES}/pve-0/test"), json!({})).await.expect(200);
}

#[tokio::test]
async fn a_token_that_the_node_does_not_vouch_for_takes_nobodys_place() {
    let (server, cluster) = (TestServer::set_up().asking(), cluster().await);
    left_behind(&server, &cluster, "pulse-monitor@pve!pulse-1").await;
    let before = kept(&server);
    let token = server.token([Scope::HostAgentReport, Scope::HostAgentManage]);
    let refused = async |body: Value, why: &str| {
        let client = server.anybody().with("x-api-token", &token);
        let text = client.post(REGISTER, body).await.expect(403).text();
        assert!(text.starts_with("lab is configured with other credentials") && text.contains(why), "{text}");
        assert!(!text.contains(cluster.token_value()) && !text.contains("made-up"), "{text}");
        assert_eq!(kept(&server), before);
    };
    // Made up by somebody who has a token of this server and none of the node.
    refused(agent(&cluster, &cluster.url(), "made-up"), "refuses the API token").await;
    // Of another user of the node, who may see less.
    let mut other = agent(&cluster, &cluster.url(), cluster.token_value());
    other["tokenId"] = json!("guest@pve!pulse");
    refused(other, "of another user").await;
    // Under its name and token to another address, where anybody may stand.
    let mut moved = agent(&cluster, "https://127.0.0.1:9", "made-up");
    (moved["serverName"], moved["tokenId"]) = (json!("lab"), json!("pulse-monitor@pve!pulse-1"));
    refused(moved, "the address is another one").await;
    // A machine that took its address shows another certificate.
    cluster.add_fault(Fault::new(Effect::WrongCert));
    cluster.settled().await;
    refused(agent(&cluster, &cluster.url(), cluster.token_value()), "shows another certificate").await;
    cluster.clear_faults();
    cluster.settled().await;
    // And one that is away vouches for nothing.
    cluster.add_fault(Fault::new(Effect::Refuse));
    cluster.settled().await;
    refused(agent(&cluster, &cluster.url(), cluster.token_value()), "cannot reach").await;
}

#[tokio::test]
async fn a_node_with_a_login_of_its_own_keeps_it() {
    let (server, cluster) = (TestServer::set_up().asking(), cluster().await);
    left_behind(&server, &cluster, "pulse@pve!monitor").await;
    let before = kept(&server);
    let token = server.token([Scope::HostAgentReport]);
    let client = server.anybody().with("x-api-token", &token);
    let body = agent(&cluster, &cluster.url(), cluster.token_value());
    client.post(REGISTER, body.clone()).await.expect(403);
    assert_eq!(kept(&server), before);
    // A setup token is an administrator's word, and good once.
    let made = server.admin().post("/api/setup-script-url", json!({"type": "pve"})).await.expect(200).json();
    let mut with_word = body;
    with_word["authToken"] = made["setupToken"].clone();
    server.anybody().post(REGISTER, with_word.clone()).await.expect(200);
    assert_eq!(kept(&server).0, cluster.token_name());
    server.anybody().post(REGISTER, with_word).await.expect(401);
}

#[tokio::test]
async fn a_cluster_whose_token_went_with_an_agent_takes_that_of_another_member() {
    let (server, cluster) = (TestServer::set_up().asking(), cluster().await);
    let access = cluster.access();
    let node = json!({
        "type": "pve", "name": "lab", "host": access.url, "fingerprint": access.fingerprint,
        "tokenName": access.token_name, "tokenValue": access.token_value,
    });
    server.admin().post(NODES, node).await.expect(201);
    let second = cluster.endpoints()[1].url.clone();
    let token = server.token([Scope::HostAgentReport]);
    let register = async |value: &str| {
        let client = server.anybody().with("x-api-token", &token);
        client.post(REGISTER, agent(&cluster, &second, value)).await.expect(200).json()
    };
    // While the kept token is good it stays.
    let done = register(cluster.token_value()).await;
    assert_eq!((&done["merged"], &done["totalEndpoints"]), (&json!(true), &json!(2)), "{done}");
    for (user, is_taken) in [("pulse-monitor@pve!pulse-1", true), ("guest@pve!pulse-1", false)] {
        let gone = json!({"tokenName": user, "tokenValue": "gone", "fingerprint": access.fingerprint});
        server.admin().put(&format!("{NODES}/pve-0"), gone).await.expect(200);
        let done = register(cluster.token_value()).await;
        assert_eq!(done["merged"], json!(true), "{done}");
        assert_eq!(kept(&server).1 == cluster.token_value(), is_taken, "{user}");
    }
    assert_eq!(server.admin().get(NODES).await.json().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_agent_of_a_backup_server_comes_back_the_same_way() {
    let server = TestServer::set_up().asking();
    let vault = BackupServer::start(BackupServerOptions::default()).await.unwrap();
    let access = vault.machine().access();
    let node = json!({
        "type": "pbs", "name": "vault", "host": access.url, "fingerprint": access.fingerprint,
        "tokenName": "pulse-monitor@pbs!pulse-1", "tokenValue": "gone", "monitorDatastores": true,
    });
    server.admin().post(NODES, node).await.expect(201);
    let token = server.token([Scope::HostAgentReport]);
    let register = async |value: &str| {
        let body = json!({
            "type": "pbs", "host": access.url, "serverName": "vault", "tokenId": access.token_name,
            "tokenValue": value, "source": "agent",
        });
        server.anybody().with("x-api-token", &token).post(REGISTER, body).await
    };
    let text = register("made-up").await.expect(403).text();
    assert!(text.contains("does not accept the new token"), "{text}");
    register(&access.token_value).await.expect(200);
    server.admin().post(&format!("{NODES}/pbs-0/test"), json!({})).await.expect(200);
    assert_eq!(server.admin().get(NODES).await.json()[0]["monitorDatastores"], json!(true));
}

#[tokio::test]
async fn the_certificate_that_an_address_shows_now_can_be_looked_at_and_taken() {
    let (server, cluster) = (TestServer::set_up().asking(), cluster().await);
    let look = async |host: &str| {
        server.admin().post(&format!("{NODES}/certificate"), json!({"type": "pve", "host": host})).await
    };
    let shown = look(&cluster.url()).await.expect(200).json();
    assert_eq!(shown, json!({"host": cluster.url(), "fingerprint": cluster.fingerprint()}));
    cluster.rotate_certificate("pve1").unwrap();
    cluster.settled().await;
    let renewed = look(&cluster.url()).await.expect(200).json();
    assert_eq!(renewed["fingerprint"], json!(cluster.fingerprint()));
    assert_ne!(renewed["fingerprint"], shown["fingerprint"]);
    let text = look("127.0.0.1:9").await.expect(400).text();
    assert!(text.contains("shows no certificate") && text.contains("check address and port"), "{text}");
    for (body, why) in [
        (json!({"type": "esx", "host": "x"}), "Invalid node type"),
        (json!({"type": "pve"}), "Host is required"),
        (json!({"type": "pve", "host": "1.2"}), "Invalid IP address"),
    ] {
        let text = server.admin().post(&format!("{NODES}/certificate"), body).await.expect(400).text();
        assert_eq!(text.trim_end(), why);
    }
}
