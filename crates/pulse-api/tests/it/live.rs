//! The live channel over a real socket: as a client of the original sees it, and as our page does.

use std::{io::Read, time::Duration};

use futures_util::{SinkExt, StreamExt};
use http::Method;
use jiff::SignedDuration;
use pulse_core::{
    report::host::{HostInfo, HostMetrics, HostReport},
    scope::Scope,
};
use pulse_monitor::Reporter;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{Message, client::IntoClientRequest},
};
use tokio_util::sync::CancellationToken;

use crate::harness::{PATIENCE, TestServer};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn serve(server: &TestServer) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(pulse_api::serve::serve(
        listener,
        None,
        server.router(),
        CancellationToken::new(),
        Duration::from_secs(1),
    ));
    address
}

async fn connect(address: std::net::SocketAddr, query: &str, token: &str) -> Result<Socket, u16> {
    let mut request = format!("ws://{address}/ws{query}").into_client_request().unwrap();
    request.headers_mut().insert("X-API-Token", token.parse().unwrap());
    match tokio_tungstenite::connect_async(request).await {
        Ok((socket, _)) => Ok(socket),
        Err(tokio_tungstenite::tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

/// The next message of one of the types, whatever comes between.
async fn next(socket: &mut Socket, kinds: &[&str]) -> Value {
    loop {
        let message = tokio::time::timeout(PATIENCE, socket.next()).await.expect("a message in time");
        let text = match message.unwrap().unwrap() {
            Message::Text(text) => text.to_string(),
            Message::Binary(bytes) => {
                let mut text = String::new();
                flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
                text
            }
            _ => continue,
        };
        let value: Value = serde_json::from_str(&text).unwrap();
        if kinds.contains(&value["type"].as_str().unwrap()) {
            return value;
        }
    }
}

fn report(hostname: &str, cpu: f64) -> HostReport {
    let host = HostInfo { hostname: hostname.into(), id: Some(hostname.into()), ..HostInfo::default() };
    let mut report = HostReport { host, ..HostReport::default() };
    report.metrics.cpu_usage_percent = Some(cpu);
    report
}

async fn take(server: &TestServer, hostname: &str, cpu: f64) {
    server.clock.advance(SignedDuration::from_secs(1));
    server.state.keeper.report_host(report(hostname, cpu), Reporter::Local).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_client_of_the_original_gets_welcome_initial_state_and_raw_data() {
    let server = TestServer::fresh();
    let token = server.token([Scope::MonitoringRead]);
    let address = serve(&server).await;
    take(&server, "nas1", 5.0).await;
    let mut socket = connect(address, "", &token).await.unwrap();
    let welcome = next(&mut socket, &["welcome"]).await;
    assert_eq!(welcome["data"], json!({"message": "Connected to Pulse WebSocket", "orgId": "default"}));
    let initial = next(&mut socket, &["initialState"]).await;
    assert_eq!(initial["data"]["hosts"][0]["id"], "nas1");
    assert!(initial["data"].get("resources").is_none());

    take(&server, "nas2", 7.0).await;
    let mut raw = next(&mut socket, &["rawData"]).await;
    while raw["data"]["hosts"].as_array().unwrap().len() < 2 {
        // The change before this one may still be on its way; `next` ends the wait.
        raw = next(&mut socket, &["rawData"]).await;
    }
    assert_eq!(raw["data"]["resources"].as_array().unwrap().len(), 2);
    assert!(raw["data"]["resources"][0]["lastSeen"].is_i64());

    socket.send(Message::Text(r#"{"type":"ping"}"#.into())).await.unwrap();
    assert!(next(&mut socket, &["pong"]).await["data"]["timestamp"].is_i64());
    socket.send(Message::Text("no json".into())).await.unwrap();
    socket.send(Message::Text(r#"{"type":"requestData"}"#.into())).await.unwrap();
    assert!(next(&mut socket, &["rawData"]).await["data"].get("resources").is_none());
}

#[tokio::test]
async fn our_page_gets_a_snapshot_and_then_only_what_changed() {
    let server = TestServer::fresh();
    let token = server.token([Scope::MonitoringRead]);
    let address = serve(&server).await;
    take(&server, "nas1", 5.0).await;
    take(&server, "nas2", 6.0).await;
    let mut socket = connect(address, "?stream=delta", &token).await.unwrap();
    assert_eq!(next(&mut socket, &["welcome"]).await["data"]["stream"], "delta");
    let snapshot = next(&mut socket, &["snapshot"]).await;
    assert_eq!(snapshot["data"]["state"]["hosts"].as_array().unwrap().len(), 2);

    take(&server, "nas2", 9.0).await;
    let delta = next(&mut socket, &["delta"]).await;
    assert_eq!(delta["data"]["base"], snapshot["data"]["version"]);
    assert_eq!(delta["data"]["collections"], json!({"hosts": {"set": {"nas2": {"cpuUsage": 9.0}}}}));

    // A host that goes is named once, a new one comes whole.
    server.state.keeper.change(|world, _| world.remove_host(&"nas1".into())).await.unwrap();
    take(&server, "nas3", 1.0).await;
    let delta = next(&mut socket, &["delta"]).await;
    let hosts = &delta["data"]["collections"]["hosts"];
    assert_eq!(hosts["remove"], json!(["nas1"]));
    assert_eq!(hosts["set"]["nas3"]["hostname"], "nas3");
    assert_eq!(delta["data"]["fields"]["connectionHealth"], json!({"host-nas2": true, "host-nas3": true}));

    socket.send(Message::Text(r#"{"type":"resync"}"#.into())).await.unwrap();
    let again = next(&mut socket, &["snapshot"]).await;
    assert_eq!(again["data"]["version"], delta["data"]["version"]);
}

/// What the answer to a report of a machine says about the next one.
async fn wanted(server: &TestServer, kind: &str, token: &str) -> Value {
    let body = match kind {
        "host" => serde_json::to_value(report("nas", 1.0)).unwrap(),
        _ => json!({"agent": {"id": "dock", "version": "5.1.0", "type": "unified", "intervalSeconds": 30},
                    "host": {"hostname": "dock", "runtime": "docker"}, "containers": []}),
    };
    let path = format!("/api/agents/{kind}/report");
    let answer = server.call(Method::POST, &path, Some(token), &body.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["nextReportSeconds"].clone()
}

/// Looks at these from now on; done when the server has taken it.
async fn look_at(socket: &mut Socket, ids: &[&str]) {
    let message = json!({"type": "watch", "data": {"ids": ids}}).to_string();
    socket.send(Message::Text(message.into())).await.unwrap();
    socket.send(Message::Text(r#"{"type":"ping"}"#.into())).await.unwrap();
    next(socket, &["pong"]).await;
}

#[tokio::test]
async fn the_reports_of_a_machine_are_wanted_every_second_while_somebody_looks_at_it_and_only_then() {
    let server = TestServer::fresh();
    let token = server.token([Scope::MonitoringRead]);
    let address = serve(&server).await;
    for (kind, scope, id) in
        [("host", Scope::HostAgentReport, "host:nas"), ("docker", Scope::DockerReport, "docker:dock")]
    {
        let agent = server.token([scope]);
        assert_eq!(wanted(&server, kind, &agent).await, Value::Null);
        let mut socket = connect(address, "?stream=delta", &token).await.unwrap();
        // What is not there, or of another kind, is no reason to hurry.
        look_at(&mut socket, &["host:other", "docker:nas", "host:dock", "nas"]).await;
        assert_eq!(wanted(&server, kind, &agent).await, Value::Null, "{kind}");
        look_at(&mut socket, &[id]).await;
        assert_eq!(wanted(&server, kind, &agent).await, json!(1), "{kind}");
        look_at(&mut socket, &[]).await;
        assert_eq!(wanted(&server, kind, &agent).await, Value::Null, "{kind}");
        // A page that is closed looks at nothing any more.
        look_at(&mut socket, &[id]).await;
        drop(socket);
        tokio::time::timeout(PATIENCE, async {
            while wanted(&server, kind, &agent).await != Value::Null {
                tokio::task::yield_now().await;
            }
        })
        .await
        .expect("nobody looks any more");
    }
}

#[tokio::test]
async fn whoever_may_not_read_the_state_gets_no_socket() {
    let server = TestServer::fresh();
    let narrow = server.token([Scope::DockerReport]);
    let address = serve(&server).await;
    assert_eq!(connect(address, "", &narrow).await.err(), Some(403));
    assert_eq!(connect(address, "", "wrong").await.err(), Some(401));
}

#[tokio::test]
async fn a_page_of_another_origin_gets_no_socket_with_somebodys_session() {
    let server = TestServer::set_up();
    let address = serve(&server).await;
    let answer = server.log_in(crate::harness::PASSWORD).await;
    let cookie = format!("pulse_session={}", answer.cookie("pulse_session"));
    let token = server.token([Scope::MonitoringRead]);
    let knock = async |origin: Option<&str>, header: &'static str, value: &str| {
        let mut request = format!("ws://{address}/ws").into_client_request().unwrap();
        request.headers_mut().insert(header, value.parse().unwrap());
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", origin.parse().unwrap());
        }
        match tokio_tungstenite::connect_async(request).await {
            Ok(_) => 101,
            Err(tokio_tungstenite::tungstenite::Error::Http(response)) => response.status().as_u16(),
            Err(error) => panic!("{error}"),
        }
    };
    let own = format!("http://{address}");
    assert_eq!(knock(Some(&own), "cookie", &cookie).await, 101);
    assert_eq!(knock(None, "cookie", &cookie).await, 101);
    let evil =
        ["http://evil.example", "null", "file://", "http://127.0.0.1:1", "http://127.0.0.1.evil.example"];
    for origin in evil {
        assert_eq!(knock(Some(origin), "cookie", &cookie).await, 403, "{origin}");
    }
    let open = json!({"allowedOrigins": "*"});
    server.admin().post("/api/system/settings/update", open).await.expect(200);
    assert_eq!(knock(Some("http://evil.example"), "cookie", &cookie).await, 403, "a star opens no session");
    assert_eq!(knock(Some("http://evil.example"), "x-api-token", &token).await, 101);
    let listed = json!({"allowedOrigins": "http://dash.example"});
    server.admin().post("/api/system/settings/update", listed).await.expect(200);
    assert_eq!(knock(Some("http://dash.example"), "cookie", &cookie).await, 101);
    assert_eq!(knock(Some("http://evil.example"), "x-api-token", &token).await, 403);
}

#[tokio::test]
async fn whoever_loses_a_role_loses_the_live_channel_too() {
    let server = crate::rights::behind_proxy();
    let address = serve(&server).await;
    let knock = async || {
        let mut request = format!("ws://{address}/ws").into_client_request().unwrap();
        request.headers_mut().insert("x-proxy-secret", "between-us".parse().unwrap());
        request.headers_mut().insert("x-user", "kim".parse().unwrap());
        match tokio_tungstenite::connect_async(request).await {
            Ok((socket, _)) => Ok(socket),
            Err(tokio_tungstenite::tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    };
    let give = async |roles: &str| {
        let body = format!(r#"{{"roleIds":{roles}}}"#);
        let path = "/api/admin/users/kim/roles";
        server.call(Method::PUT, path, Some(crate::harness::TOKEN), &body).await.expect(204);
    };
    give(r#"["viewer"]"#).await;
    let mut socket = knock().await.unwrap();
    next(&mut socket, &["initialState"]).await;
    give("[]").await;
    take(&server, "late-machine", 1.0).await;
    let ended = async {
        while let Some(Ok(message)) = socket.next().await {
            let is_news = matches!(&message, Message::Text(text) if text.contains("late-machine"));
            assert!(!is_news, "told what may not be read any more");
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.expect("the channel ends");
    assert_eq!(knock().await.err(), Some(403));
}

#[tokio::test]
async fn people_are_told_of_an_alert_and_of_its_end() {
    let server = TestServer::set_up();
    let at_once = json!({
        "activationState": "active",
        "hostDefaults": {"cpu": {"trigger": 80, "clear": 75, "delaySeconds": 0}},
    });
    server.admin().put("/api/alerts/config", at_once).await.expect(200);
    let token = server.token([Scope::MonitoringRead]);
    let mut socket = connect(serve(&server).await, "", &token).await.unwrap();
    next(&mut socket, &["initialState"]).await;
    let report = |cpu: f64| HostReport {
        host: HostInfo { hostname: "nas1".into(), id: Some("m-1".into()), ..HostInfo::default() },
        metrics: HostMetrics { cpu_usage_percent: Some(cpu), memory: None },
        ..HostReport::default()
    };
    server.state.keeper.report_host(report(96.0), Reporter::Local).await.unwrap().unwrap();
    let told = next(&mut socket, &["alert"]).await;
    assert_eq!((&told["data"]["id"], &told["data"]["level"]), (&json!("host:m-1-cpu"), &json!("critical")));
    assert!(told["data"]["lastNotified"].is_string() && told["timestamp"].is_string());
    server.state.keeper.report_host(report(5.0), Reporter::Local).await.unwrap().unwrap();
    let told = next(&mut socket, &["alertResolved"]).await;
    assert_eq!(told["data"], json!({"alertId": "host:m-1-cpu"}));
}
