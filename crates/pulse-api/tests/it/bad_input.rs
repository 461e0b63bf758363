//! Proxmox hosts gone mad, over real HTTPS: each is named in every place where an administrator looks, with what to do,
//! and none of them takes a good one down with it.

use pulse_sim::{
    BackupServer, BackupServerOptions, Cluster, Effect, EstateOptions, Fault, MailGateway, MailGatewayOptions,
};
use serde_json::{Value, json};

use crate::{
    clients::Client,
    harness::{PATIENCE, TestServer},
};

const PATH: &str = "/api/config/nodes";

/// A simulated machine of one of the products.
enum Machine {
    Pve(Cluster),
    Pbs(BackupServer),
    Pmg(MailGateway),
}

impl Machine {
    async fn start(kind: &str) -> Self {
        match kind {
            "pve" => {
                let options = EstateOptions { nodes: 2, guests: 6, ..EstateOptions::default() };
                Self::Pve(Cluster::start(options).await.unwrap())
            }
            "pbs" => Self::Pbs(BackupServer::start(BackupServerOptions::default()).await.unwrap()),
            _ => Self::Pmg(MailGateway::start(MailGatewayOptions::default()).await.unwrap()),
        }
    }

    async fn breaks(&self, fault: Fault) {
        match self {
            Self::Pve(cluster) => {
                cluster.add_fault(fault);
                cluster.settled().await;
            }
            Self::Pbs(server) => {
                server.machine().add_fault(fault);
                server.machine().settled().await;
            }
            Self::Pmg(gateway) => {
                gateway.machine().add_fault(fault);
                gateway.machine().settled().await;
            }
        }
    }

    /// The body that adds it, with its token where it knows tokens.
    fn described(&self, name: &str) -> Value {
        let (kind, access) = match self {
            Self::Pve(cluster) => ("pve", cluster.access()),
            Self::Pbs(server) => ("pbs", server.machine().access()),
            Self::Pmg(gateway) => ("pmg", gateway.machine().access()),
        };
        let mut body = json!({
            "type": kind, "name": name, "host": access.url, "fingerprint": access.fingerprint,
            "monitorDatastores": true, "monitorMailStats": true,
        });
        if kind == "pmg" {
            (body["user"], body["password"]) = (json!(access.user), json!(access.password));
        } else {
            (body["tokenName"], body["tokenValue"]) = (json!(access.token_name), json!(access.token_value));
        }
        body
    }

    /// The same with a password instead.
    fn with_password(&self, name: &str, password: &str) -> Value {
        let mut body = self.described(name);
        let user = match body["type"].as_str() {
            Some("pve") => "pulse-monitor@pve",
            Some("pbs") => "pulse-monitor@pbs",
            _ => "pulse-monitor@pmg",
        };
        let fields = body.as_object_mut().unwrap();
        fields.remove("tokenName");
        fields.remove("tokenValue");
        (body["user"], body["password"]) = (json!(user), json!(password));
        body
    }
}

/// What an administrator must be able to read.
struct Expected {
    name: String,
    kind: &'static str,
    class: &'static str,
    is_permanent: bool,
    parts: Vec<&'static str>,
}

/// Waits until the world is as it should be; looks again with each change of it.
async fn until<T>(server: &TestServer, what: &str, mut look: impl AsyncFnMut(&Client<'_>) -> Option<T>) -> T {
    let mut world = server.state.keeper.subscribe();
    let wait = async {
        loop {
            world.borrow_and_update();
            if let Some(found) = look(&server.admin()).await {
                return found;
            }
            world.changed().await.unwrap();
        }
    };
    if let Ok(found) = tokio::time::timeout(PATIENCE, wait).await {
        return found;
    }
    panic!("{what} did not come: {}", server.admin().get(PATH).await.text())
}

async fn entry(client: &Client<'_>, kind: &str, name: &str) -> Value {
    let list = client.get(PATH).await.expect(200).json();
    let is_it = |node: &&Value| node["name"] == name && node["type"] == kind;
    list.as_array().unwrap().iter().find(is_it).unwrap().clone()
}

#[track_caller]
fn check(text: &str, expected: &Expected) {
    for part in &expected.parts {
        assert!(text.contains(part), "{} {}: {part:?} is not in {text:?}", expected.kind, expected.name);
    }
}

/// The test of the connection, the list of nodes, the state and the scheduler, all about one instance.
async fn is_named_everywhere(server: &TestServer, described: Value, expected: &Expected) {
    let Expected { name, kind, class, .. } = expected;
    let tried = server.admin().post(&format!("{PATH}/test-connection"), described.clone()).await;
    let (status, text) = tried.plain();
    assert_eq!(status, 400, "{kind} {name}: {text}");
    check(&text, expected);

    server.admin().post(PATH, described.clone()).await.expect(201);
    let node = until(server, &format!("the message of {kind} {name}"), async |client| {
        Some(entry(client, kind, name).await).filter(|node| node["lastError"].is_string())
    })
    .await;
    check(node["lastError"].as_str().unwrap(), expected);
    assert_eq!(
        (&node["status"], &node["issues"][0]["class"], &node["issues"][0]["message"]),
        (&json!("disconnected"), &json!(class), &node["lastError"]),
        "{node}"
    );

    let health = server.admin().get("/api/monitoring/scheduler/health").await.expect(200).json();
    let key = format!("{kind}::{name}");
    let source = health["instances"].as_array().unwrap().iter().find(|it| it["key"] == *key).unwrap();
    check(source["pollStatus"]["lastError"]["message"].as_str().unwrap(), expected);
    let category = if expected.is_permanent { "permanent" } else { "transient" };
    assert_eq!(source["pollStatus"]["lastError"]["category"], category, "{source}");

    // The state is published a moment after the world has changed.
    let key = if *kind == "pve" { name.clone() } else { format!("{kind}-{name}") };
    until(server, &format!("the state of {key}"), async |client| {
        let state = client.get("/api/state").await.expect(200).json();
        (state["connectionHealth"][&key] == json!(false)).then_some(())
    })
    .await;

    // No secret, wherever it is said.
    for secret in ["tokenValue", "password"] {
        if let Some(secret) = described[secret].as_str() {
            assert!(
                !node.to_string().contains(secret)
                    && !health.to_string().contains(secret)
                    && !text.contains(secret)
            );
        }
    }
}

/// A good cluster beside the bad host is asked again since now, and all of it is there.
async fn the_good_one_goes_on(server: &TestServer) {
    server.clock.advance(jiff::SignedDuration::from_secs(1));
    let now = server.state.clock.now();
    until(server, "a new poll of the good one", async |_| {
        let world = server.state.keeper.snapshot();
        let good = world.instances.values().find(|view| view.nodes.len() == 2)?;
        good.last_success.filter(|at| *at >= now)
    })
    .await;
    assert_eq!(entry(&server.admin(), "pve", "good").await["status"], "connected");
}

async fn scene() -> (TestServer, Machine) {
    scene_with(2).await
}

async fn scene_with(seconds: u32) -> (TestServer, Machine) {
    let (server, good) = (TestServer::set_up().asking_for(seconds), Machine::start("pve").await);
    server.admin().post(PATH, good.described("good")).await.expect(201);
    until(&server, "the good one", async |client| {
        Some(entry(client, "pve", "good").await).filter(|node| node["status"] == "connected")
    })
    .await;
    (server, good)
}

/// The effect strikes one machine of each of these products.
async fn each(
    kinds: &[&'static str],
    effect: Effect,
    class: &'static str,
    is_permanent: bool,
    parts: &[&'static str],
) {
    // What is large takes its time on a busy machine.
    let is_large = matches!(effect, Effect::HugeBody { .. });
    let (server, _good) = scene_with(if is_large { 30 } else { 2 }).await;
    for kind in kinds {
        let machine = Machine::start(kind).await;
        machine.breaks(Fault::new(effect.clone())).await;
        let expected = Expected {
            name: "bad".into(),
            kind,
            class,
            is_permanent,
            parts: [parts, &["127.0.0.1:"]].concat(),
        };
        is_named_everywhere(&server, machine.described("bad"), &expected).await;
        the_good_one_goes_on(&server).await;
    }
}

const ALL: [&str; 3] = ["pve", "pbs", "pmg"];

#[tokio::test]
async fn a_wrong_password() {
    let (server, _good) = scene().await;
    for kind in ALL {
        let machine = Machine::start(kind).await;
        let parts = vec!["refuses the password of pulse-monitor@", "check user, realm and password"];
        let expected =
            Expected { name: "bad".into(), kind, class: "authentication", is_permanent: true, parts };
        is_named_everywhere(&server, machine.with_password("bad", "not-the-password"), &expected).await;
    }
    the_good_one_goes_on(&server).await;
}

#[tokio::test]
async fn a_revoked_token() {
    let parts = ["refuses the API token pulse-monitor@", "check its name and secret"];
    each(&["pve", "pbs"], Effect::RevokeToken, "authentication", true, &parts).await;
}

#[tokio::test]
async fn a_call_that_the_credentials_may_not_make() {
    let text = "Permission check failed (/, Sys.Audit)".to_owned();
    let parts = ["the credentials lack Sys.Audit on /", "role", "Audit"];
    each(&ALL, Effect::Status { code: 403, text }, "permission", true, &parts).await;
}

#[tokio::test]
async fn another_certificate_with_both_fingerprints() {
    let (server, _good) = scene().await;
    for kind in ALL {
        let machine = Machine::start(kind).await;
        machine.breaks(Fault::new(Effect::WrongCert)).await;
        let described = machine.described("bad");
        let parts = vec!["shows another certificate", "put the new fingerprint into the node's settings"];
        let expected = Expected { name: "bad".into(), kind, class: "certificate", is_permanent: true, parts };
        is_named_everywhere(&server, described.clone(), &expected).await;
        let text = entry(&server.admin(), kind, "bad").await["lastError"].as_str().unwrap().to_owned();
        let shown: Vec<&str> =
            text.split([' ', ',', ';']).filter(|word| word.len() == 95 && word.contains(':')).collect();
        assert!(shown.len() == 2 && shown[0] == described["fingerprint"] && shown[1] != shown[0], "{text}");
    }
    the_good_one_goes_on(&server).await;
}

#[tokio::test]
async fn a_web_page() {
    each(&ALL, Effect::HtmlPage, "decode", false, &["a web page instead of the Proxmox API", "wrong port"])
        .await;
}

#[tokio::test]
async fn a_service_that_is_not_reached() {
    for code in [595, 596] {
        let text = "No route to host".to_owned();
        let parts = ["No route to host", "look at its services and at the cluster's network"];
        each(&ALL, Effect::Status { code, text }, "server", false, &parts).await;
    }
}

#[tokio::test]
async fn half_a_document() {
    let half = Effect::HalfJson { percent: 50, honest_length: true };
    each(&ALL, half, "decode", false, &["ends in the middle", "may have been restarted"]).await;
    let broken = Effect::HalfJson { percent: 50, honest_length: false };
    each(&ALL, broken, "connection", false, &["broke off", "may be restarting"]).await;
}

#[tokio::test]
async fn a_document_of_a_hundred_megabytes() {
    let parts = ["more than 64 MiB", "nothing of it is used", "check the address"];
    each(&ALL, Effect::HugeBody { mebibytes: 100 }, "decode", false, &parts).await;
}

#[tokio::test]
async fn an_answer_without_end() {
    let slow = Effect::SlowBody { bytes_per_second: 1 };
    each(&ALL, slow, "timeout", false, &["sent only", "bytes of its answer", "within 2 s", "overloaded"])
        .await;
    each(&ALL, Effect::Hang, "timeout", false, &["did not answer", "within 2 s", "overloaded"]).await;
}

#[tokio::test]
async fn a_node_that_the_others_do_not_reach_is_named_and_its_cluster_goes_on() {
    let (server, good) = scene().await;
    for code in [595, 596] {
        let fault =
            Fault::new(Effect::Status { code, text: "No route to host".into() }).on_path("/nodes/pve2/*");
        good.breaks(fault).await;
        let node = until(&server, "the issue of pve2", async |client| {
            Some(entry(client, "pve", "good").await).filter(|node| node["issues"].is_array())
        })
        .await;
        let issue = &node["issues"][0];
        assert_eq!((&issue["node"], &issue["class"]), (&json!("pve2"), &json!("connection")), "{node}");
        let text = issue["message"].as_str().unwrap();
        assert!(
            text.contains("cannot reach node pve2: No route to host") && text.contains("look at that node"),
            "{text}"
        );
        assert_eq!(node["status"], "connected");
        let member = &node["clusterEndpoints"][1];
        assert_eq!(member["PulseReachable"], json!(false), "{member}");
        let state = until(&server, "the problem in the state", async |client| {
            let state = client.get("/api/state").await.expect(200).json();
            state["nodes"].to_string().contains("cannot reach node pve2").then_some(state)
        })
        .await;
        let nodes = state["nodes"].as_array().unwrap();
        let problems =
            |name: &str| nodes.iter().find(|node| node["name"] == name).unwrap()["problems"].clone();
        assert!(!problems("pve1").to_string().contains("cannot reach"), "{}", problems("pve1"));
        assert_eq!(state["connectionHealth"]["good"], json!(true));
        // What hangs is left out for a minute; that must not hide what is wrong with it.
        the_good_one_goes_on(&server).await;
        let again = entry(&server.admin(), "pve", "good").await;
        assert!(again["lastError"].as_str().unwrap().contains("cannot reach node pve2"), "{again}");
        let Machine::Pve(cluster) = &good else { unreachable!() };
        cluster.clear_faults();
        if code == 595 {
            until(&server, "an end of the issue", async |client| {
                entry(client, "pve", "good").await["issues"].is_null().then_some(())
            })
            .await;
        }
    }
}

/// Names that would do harm where somebody forgot to quote.
fn hostile() -> Vec<String> {
    let long = "n".repeat(10_000);
    let names = [
        "\u{1f600}\u{202e}gpj",
        "\"'`; DROP TABLE guests;--",
        "<img src=x onerror=alert(1)>",
        "a/../b%2F?#",
        &long,
    ];
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn hostile_names_are_only_text() {
    for name in hostile() {
        let server = TestServer::set_up().asking();
        let (pve, pbs, pmg) =
            (Machine::start("pve").await, Machine::start("pbs").await, Machine::start("pmg").await);
        for (machine, fields) in
            [(&pve, ["name", "storage"]), (&pbs, ["store", "comment"]), (&pmg, ["domain", "name"])]
        {
            for field in fields {
                machine
                    .breaks(Fault::new(Effect::WrongType { field: field.into(), value: json!(name) }))
                    .await;
            }
        }
        for (machine, as_name) in [(&pve, "lab"), (&pbs, "vault"), (&pmg, "mx")] {
            server.admin().post(PATH, machine.described(as_name)).await.expect(201);
        }
        let state = until(&server, "guests, datastores and mail", async |client| {
            let state = client.get("/api/state").await.expect(200).json();
            let is_there = |kind: &str| state[kind].as_array().is_some_and(|list| !list.is_empty());
            (is_there("vms")
                && is_there("containers")
                && is_there("storage")
                && is_there("pbs")
                && is_there("pmg"))
            .then_some(state)
        })
        .await;
        // What would turn the words behind it around is replaced, the rest stays as it is.
        let kept: String = name.chars().take(256).collect::<String>().replace('\u{202e}', "\u{fffd}");
        let vm = &state["vms"][0];
        assert_eq!(vm["name"], json!(kept));
        let id = vm["id"].as_str().unwrap();
        assert!(!id.contains(&kept), "a guest's id is made of its number, not of {id}");
        let longest = longest_text(&state);
        assert!(longest <= 4_096, "a text of {longest} characters got in");
        // History and charts find the guest; nothing there answers with an error of the server.
        for path in [
            format!("/api/metrics-store/history?resourceType=vm&resourceId={id}&metric=cpu&range=1h"),
            "/api/charts?range=1h".to_owned(),
            "/api/resources".to_owned(),
            "/api/backups/coverage".to_owned(),
            "/api/alerts/active".to_owned(),
        ] {
            let (status, text) = server.admin().get(&path).await.plain();
            assert_eq!(status, 200, "{path}: {text}");
        }
    }
}

fn longest_text(value: &Value) -> usize {
    match value {
        Value::String(text) => text.chars().count(),
        Value::Array(list) => list.iter().map(longest_text).max().unwrap_or(0),
        Value::Object(map) => {
            map.iter().map(|(key, value)| key.chars().count().max(longest_text(value))).max().unwrap_or(0)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

#[tokio::test]
async fn a_test_of_the_connection_names_what_the_privileges_hide() {
    let server = TestServer::set_up().asking();
    let machine = Machine::start("pve").await;
    let Machine::Pve(cluster) = &machine else { unreachable!() };
    let try_it = async || {
        let answer = server.admin().post(&format!("{PATH}/test-connection"), machine.described("lab")).await;
        answer.expect(200).json()["warnings"].clone()
    };
    assert_eq!(try_it().await, Value::Null);
    cluster.add_fault(Fault::new(Effect::Downgrade));
    cluster.settled().await;
    let warnings = try_it().await.to_string();
    for part in ["file systems and addresses of VMs are not shown", "lack VM.GuestAgent.Audit", "Sys.Modify"]
    {
        assert!(warnings.contains(part), "{part} is not in {warnings}");
    }
    assert!(!warnings.contains("VM.Audit;"), "{warnings}");
}

#[tokio::test]
async fn a_right_that_was_given_is_no_longer_named_once_the_node_is_saved() {
    let server = TestServer::set_up().asking();
    let options = EstateOptions { nodes: 1, guests: 20, ..EstateOptions::default() };
    let machine = Machine::Pve(Cluster::start(options).await.unwrap());
    machine.breaks(Fault::new(Effect::Downgrade)).await;
    server.admin().post(PATH, machine.described("lab")).await.expect(201);
    let is_named = |node: &Value| node["hidden"].to_string().contains("VM.GuestAgent.Audit");
    until(&server, "what is hidden", async |client| Some(entry(client, "pve", "lab").await).filter(is_named))
        .await;
    let Machine::Pve(cluster) = &machine else { unreachable!() };
    cluster.clear_faults();
    let mut changed = machine.described("lab");
    changed["guestURL"] = json!("https://lab.example.org");
    server.admin().put(&format!("{PATH}/pve-0"), changed).await.expect(200);
    until(&server, "an end of it", async |client| {
        Some(entry(client, "pve", "lab").await).filter(|node| !is_named(node))
    })
    .await;
}
