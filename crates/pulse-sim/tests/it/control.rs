//! The control API.

use pulse_sim::EstateOptions;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Answer, Scene, read};

struct Control {
    http: reqwest::Client,
    base: String,
}

impl Control {
    async fn of(scene: &Scene) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let address = scene.cluster.open_control("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { http, base: format!("http://{address}") }
    }

    async fn send(&self, method: Method, path: &str, body: Value) -> Answer {
        let request = self.http.request(method, format!("{}{path}", self.base));
        let request = if body.is_null() { request } else { request.json(&body) };
        read(request.send().await.unwrap()).await.unwrap()
    }
}

#[tokio::test]
async fn faults_are_added_listed_and_removed() {
    let scene = Scene::new(EstateOptions::default()).await;
    let control = Control::of(&scene).await;
    let fault = json!({ "node": "pve1", "effect": { "kind": "refuse" } });
    let added = control.send(Method::POST, "/faults", fault).await;
    assert_eq!(added.status, 201);
    let id = added.json()["id"].as_u64().unwrap();
    assert!(scene.client.try_get("/nodes").await.is_err());
    let listed = control.send(Method::GET, "/faults", Value::Null).await.json();
    assert_eq!((&listed[0]["id"], &listed[0]["effect"]["kind"]), (&id.into(), &"refuse".into()));
    assert_eq!(control.send(Method::DELETE, &format!("/faults/{id}"), Value::Null).await.status, 204);
    assert_eq!(scene.client.get("/nodes").await.status, 200);
    assert_eq!(control.send(Method::DELETE, &format!("/faults/{id}"), Value::Null).await.status, 404);
    let wrong = control.send(Method::POST, "/faults", json!({ "effect": { "kind": "explode" } })).await;
    assert!((400..500).contains(&wrong.status));
    assert!(wrong.text.contains("explode"), "{wrong:?}");
}

#[tokio::test]
async fn guests_are_steered_and_the_truth_told() {
    let scene = Scene::new(EstateOptions::default()).await;
    let control = Control::of(&scene).await;
    let truth = control.send(Method::GET, "/truth", Value::Null).await.json();
    let guest =
        truth["guests"].as_array().unwrap().iter().find(|guest| guest["status"] == "running").unwrap();
    let vmid = guest["plan"]["vmid"].as_u64().unwrap();
    let target = if guest["node"] == "pve1" { "pve2" } else { "pve1" };
    let stop = format!("/guests/{vmid}/stop");
    assert_eq!(control.send(Method::POST, &stop, Value::Null).await.status, 204);
    assert_eq!(control.send(Method::POST, &stop, Value::Null).await.status, 409);
    let migrate = format!("/guests/{vmid}/migrate");
    assert_eq!(control.send(Method::POST, &migrate, json!({ "node": target })).await.status, 204);
    assert_eq!(control.send(Method::POST, &migrate, json!({ "node": "x" })).await.status, 404);
    assert_eq!(control.send(Method::POST, &format!("/guests/{vmid}/start"), Value::Null).await.status, 204);
    let truth = control.send(Method::GET, "/truth", Value::Null).await.json();
    let guest = truth["guests"].as_array().unwrap().iter().find(|g| g["plan"]["vmid"] == vmid).unwrap();
    assert_eq!((&guest["node"], &guest["status"]), (&target.into(), &"running".into()));
}

#[tokio::test]
async fn requests_are_counted_and_access_is_told() {
    let scene = Scene::new(EstateOptions::default()).await;
    let control = Control::of(&scene).await;
    scene.client.get("/nodes/pve2/status").await;
    let counters = control.send(Method::GET, "/counters", Value::Null).await.json();
    assert_eq!(counters["paths"]["GET /nodes/{node}/status"], 1);
    assert_eq!(
        control.send(Method::GET, "/requests", Value::Null).await.json()[0]["path"],
        "/nodes/pve2/status"
    );
    assert_eq!(control.send(Method::DELETE, "/requests", Value::Null).await.status, 204);
    assert_eq!(control.send(Method::GET, "/requests", Value::Null).await.json(), json!([]));
    let access = control.send(Method::GET, "/access", Value::Null).await.json();
    assert_eq!(access["fingerprint"], scene.cluster.fingerprint());
    assert_eq!(access["control"], control.base);
    assert_eq!(control.send(Method::POST, "/nodes/pve1/rotate-certificate", Value::Null).await.status, 204);
    assert_ne!(access["fingerprint"], scene.cluster.fingerprint());
}

#[tokio::test]
async fn a_bad_day_is_played_by_its_name_and_a_node_restarts() {
    let scene = Scene::new(EstateOptions::default()).await;
    let control = Control::of(&scene).await;
    assert_eq!(control.send(Method::POST, "/presets/token-revoked", Value::Null).await.status, 204);
    assert_eq!(scene.client.get("/version").await.status, 401);
    assert_eq!(control.send(Method::DELETE, "/faults", Value::Null).await.status, 204);
    assert_eq!(scene.client.get("/version").await.status, 200);
    let unknown = control.send(Method::POST, "/presets/sunny-day", Value::Null).await;
    assert_eq!(unknown.status, 404);
    assert!(unknown.text.contains("rolling-reboot"), "{unknown:?}");
    assert_eq!(control.send(Method::POST, "/nodes/pve2/restart", Value::Null).await.status, 204);
    assert!(scene.cluster.truth().nodes[1].uptime < 20);
    assert_eq!(control.send(Method::POST, "/nodes/pve9/restart", Value::Null).await.status, 404);
}
