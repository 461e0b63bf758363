//! Who gets in: token, password, ticket; and where it listens.

use pulse_sim::{Cluster, EstateOptions, SimError};
use reqwest::Method;
use serde_json::json;

use crate::client::{Answer, Client, Scene, read};

async fn login(client: &Client, user: &str, password: &str) -> Answer {
    let body = format!("username={}&password={}", user.replace('@', "%40"), escape(password));
    let request = client.anonymous().request(Method::POST, "/access/ticket");
    let request = request.header("Content-Type", "application/x-www-form-urlencoded").body(body);
    read(request.send().await.unwrap()).await.unwrap()
}

fn escape(text: &str) -> String {
    text.replace('%', "%25").replace('+', "%2B").replace('=', "%3D").replace(':', "%3A").replace('/', "%2F")
}

#[tokio::test]
async fn the_token_lets_in_and_everything_else_does_not() {
    let scene = Scene::new(EstateOptions::default()).await;
    assert_eq!(scene.client.data("/version").await["release"], "9.1");
    let nobody = scene.client.anonymous();
    let refused = nobody.get("/version").await;
    assert_eq!((refused.status, refused.reason.as_str(), refused.text.as_str()), (401, "No ticket", ""));
    let request = nobody.request(Method::GET, "/nope");
    let token = format!("PVEAPIToken={}=wrong", scene.cluster.token_name());
    let refused = read(request.header("Authorization", token).send().await.unwrap()).await.unwrap();
    assert_eq!((refused.status, refused.reason.as_str()), (401, "Authentication failed!"));
}

#[tokio::test]
async fn a_password_gives_a_ticket_which_is_renewed_with_itself_and_ends_after_two_hours() {
    let scene = Scene::new(EstateOptions::default()).await;
    let (user, password) = (scene.cluster.user(), scene.cluster.password());
    let ticket = login(&scene.client, user, password).await.data();
    assert_eq!(ticket["username"], user);
    let ticket = ticket["ticket"].as_str().unwrap().to_owned();
    let with = async |ticket: &str| {
        let request = scene.client.anonymous().request(Method::GET, "/nodes");
        let request = request.header("Cookie", format!("PVEAuthCookie={ticket}"));
        read(request.send().await.unwrap()).await.unwrap()
    };
    assert_eq!(with(&ticket).await.data().as_array().unwrap().len(), 3);
    assert_eq!(with(&escape(&ticket)).await.status, 200);
    scene.advance(7_000);
    let renewed = login(&scene.client, user, &ticket).await.data()["ticket"].as_str().unwrap().to_owned();
    scene.advance(300);
    let refused = with(&ticket).await;
    assert_eq!((refused.status, refused.text.as_str()), (401, ""));
    assert_eq!(with(&renewed).await.status, 200);
    scene.cluster.expire_tickets();
    assert_eq!(with(&renewed).await.status, 401);
}

#[tokio::test]
async fn a_login_may_be_json_and_a_bad_one_is_told_why() {
    let scene = Scene::new(EstateOptions::default()).await;
    let post = async |body: serde_json::Value| {
        let request = scene.client.anonymous().request(Method::POST, "/access/ticket").json(&body);
        read(request.send().await.unwrap()).await.unwrap()
    };
    let (user, password) = (scene.cluster.user(), scene.cluster.password());
    assert_eq!(post(json!({ "username": user, "password": password })).await.status, 200);
    let short = user.split('@').next().unwrap();
    let with_realm = json!({ "username": short, "realm": "pve", "password": password });
    assert_eq!(post(with_realm).await.status, 200);
    let wrong = post(json!({ "username": user, "password": "x" })).await;
    assert_eq!((wrong.status, wrong.reason.as_str()), (401, "authentication failure"));
    assert_eq!(wrong.json()["message"], "authentication failure\n");
    let missing = post(json!({ "username": user })).await;
    assert_eq!(missing.status, 400);
    assert_eq!(missing.json()["errors"]["password"], "property is missing and it is not optional");
}

#[tokio::test]
async fn only_loopback_is_listened_on() {
    let listen = "0.0.0.0:0".parse().unwrap();
    let refused = Cluster::start(EstateOptions { listen, ..EstateOptions::default() }).await;
    assert!(matches!(refused, Err(SimError::NotLoopback(_))), "{refused:?}");
    let cluster = Cluster::start(EstateOptions::default()).await.unwrap();
    let refused = cluster.open_control("192.0.2.1:0".parse().unwrap()).await;
    assert!(matches!(refused, Err(SimError::NotLoopback(_))), "{refused:?}");
}

#[tokio::test]
async fn every_node_listens_on_the_same_port_with_a_certificate_of_its_own() {
    let scene = Scene::new(EstateOptions { nodes: 4, ..EstateOptions::default() }).await;
    let endpoints = scene.cluster.endpoints();
    assert_eq!(endpoints.len(), 4);
    let published = scene.client.data("/nodes").await;
    for (index, endpoint) in endpoints.iter().enumerate() {
        assert_eq!(endpoint.address.port(), endpoints[0].address.port());
        assert_eq!(published[index]["ssl_fingerprint"], endpoint.fingerprint.as_str());
        let status = Client::of(&scene.cluster, index).data("/cluster/status").await;
        let own: Vec<_> = status.as_array().unwrap().iter().filter(|entry| entry["local"] == 1).collect();
        assert_eq!(own.len(), 1);
        assert_eq!(own[0]["name"], endpoint.node.as_str());
        assert_eq!(own[0]["ip"], endpoint.address.ip().to_string());
    }
}

#[tokio::test]
async fn credentials_and_certificates_survive_a_restart() {
    let first = Cluster::start(EstateOptions::default()).await.unwrap();
    let second = Cluster::start(EstateOptions::default()).await.unwrap();
    let other = Cluster::start(EstateOptions { seed: 2, ..EstateOptions::default() }).await.unwrap();
    assert_eq!(first.fingerprint(), second.fingerprint());
    assert_eq!(first.token_value(), second.token_value());
    assert_ne!(first.fingerprint(), other.fingerprint());
    assert_ne!(first.token_value(), other.token_value());
    assert!(first.authority_pem().starts_with("-----BEGIN CERTIFICATE-----"));
}

#[tokio::test]
async fn one_address_answers_for_all_nodes_when_asked_to() {
    let options = EstateOptions { single_address: true, ..EstateOptions::default() };
    let scene = Scene::new(options).await;
    assert_eq!(scene.cluster.endpoints().len(), 1);
    assert_eq!(scene.client.data("/nodes/pve3/status").await["pveversion"], "pve-manager/9.1.4/5ac30304");
}
