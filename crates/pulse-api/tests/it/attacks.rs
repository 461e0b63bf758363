//! Attacks on the whole, each named for what it tries.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::body::{Body, Bytes};
use http::{Method, Request, StatusCode};
use jiff::SignedDuration;
use pulse_api::auth::Peer;
use pulse_core::scope::Scope;
use serde_json::json;

use crate::{
    gate::operations,
    harness::{PASSWORD, TOKEN, TestServer, USER},
};

/// No body that is read is larger than this, an import of everything included.
const LARGEST_BODY_BYTES: usize = 64 * 1024 * 1024;

#[tokio::test]
async fn odd_spellings_of_a_path_open_nothing() {
    let server = TestServer::set_up();
    for path in [
        "/api/state/",
        "/API/state",
        "/Api/State",
        "/api//state",
        "//api/state",
        "/./api/state",
        "/api/./state",
        "/api/../api/state",
        "/api/health/../state",
        "/api/health/%2e%2e/state",
        "/api/health%2f..%2fstate",
        "/assets/..%2f..%2fapi/state",
        "/%61pi/state",
        "/api/%73tate",
        "/api%2fstate",
        "/api/state;x=.js",
        "/api/state%00.js",
        "/api/state.js",
        "/api/state?x=.css",
        "/api/state.map",
        "/api/security/tokens.tsx",
        "/api/login/../security/tokens",
        "/ws/x.js",
        "/ws?x=/api/health",
        "/socket.io/x.js?transport=websocket",
        "/socket.io/?EIO=4&transport=polling",
        "/simple-stats",
        "/download/..%2f..%2fetc/passwd",
        "/download/pulse-agent/../../api/state",
        "/api\\state",
        "/\\api/state",
    ] {
        let Ok(request) = Request::builder().uri(path).body(Body::empty()) else { continue };
        let answer = server.send(request).await;
        let text = answer.text();
        // A path that is none of ours is the page, which loads without credentials and holds nothing.
        let is_page = answer.status == StatusCode::OK && text == "the page";
        assert!(is_page || answer.status.is_client_error(), "{path}: {} {text}", answer.status);
        assert!(
            !text.contains("\"nodes\"") && !text.contains("root:") && !text.contains("prefix"),
            "{path}: {text}"
        );
    }
}

#[tokio::test]
async fn a_method_that_is_none_of_the_routes_changes_nothing() {
    let server = TestServer::set_up();
    for method in ["TRACE", "CONNECT", "HEAD", "PROPFIND", "get", "X"] {
        let method: Method = method.parse().unwrap();
        let answer = server.anybody().send(method.clone(), "/api/security/tokens", Body::empty()).await;
        assert!(matches!(answer.status.as_u16(), 401 | 405), "{method}: {}", answer.status);
    }
    // What asks for another method is asked as what it came as.
    for header in ["x-http-method-override", "x-method-override", "x-http-method"] {
        let client = server.admin().with(header, "DELETE");
        let id = server.state.access.tokens.current().newest_first()[0].record().id.clone();
        client.get(&format!("/api/security/tokens/{}", id.as_str())).await;
        assert_eq!(server.state.access.tokens.current().len(), 1, "{header}");
    }
}

#[tokio::test]
async fn forwarded_addresses_of_a_stranger_neither_count_nor_escape_the_count() {
    let server = TestServer::set_up();
    let statuses: Vec<u16> = {
        let mut statuses = Vec::new();
        for n in 0..12 {
            let address = format!("198.51.100.{n}");
            let client = server
                .anybody()
                .with("x-forwarded-for", &address)
                .with("x-real-ip", &address)
                .with("cf-connecting-ip", &address)
                .with("true-client-ip", &address)
                .with("forwarded", &format!("for={address}"));
            let body = json!({"username": format!("user-{n}"), "password": "wrong horse battery"});
            statuses.push(client.post("/api/login", body).await.status.as_u16());
        }
        statuses
    };
    // Locked after five by the address that really sends, limited after ten.
    assert_eq!(statuses[..5], [401; 5]);
    assert_eq!(statuses[5..], [403, 403, 403, 403, 403, 429, 429]);
    // Who is told to come from this machine comes from where they come.
    for (n, header) in
        ["x-forwarded-for", "x-real-ip", "forwarded", "cf-connecting-ip"].into_iter().enumerate()
    {
        let local = server.admin().from(&format!("203.0.113.{n}")).with(header, "127.0.0.1");
        let refused = local.post("/api/security/recovery", json!({"action": "generate_token"})).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{header}: {}", refused.text());
        // Nor does a stranger become local by coming through a proxy on this machine.
        let proxied = server.admin().from("127.0.0.1").with(header, "127.0.0.1");
        let refused = proxied.post("/api/security/recovery", json!({"action": "generate_token"})).await;
        assert!(matches!(refused.status.as_u16(), 403 | 429), "{header}: {}", refused.text());
    }
}

#[tokio::test]
async fn of_a_chain_of_proxies_only_what_trusted_ones_added_counts() {
    let server = TestServer::set_up_with(|settings| {
        settings.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
    });
    let seen = async |peer: &str, chain: &str| {
        let client = server.admin().from(peer).with("x-forwarded-for", chain);
        client.get("/api/security/status").await.expect(200).json()["clientIP"].as_str().unwrap().to_owned()
    };
    assert_eq!(seen("10.0.0.2", "127.0.0.1, 203.0.113.9").await, "203.0.113.9");
    assert_eq!(seen("10.0.0.2", "127.0.0.1, 203.0.113.9, 10.0.0.3").await, "203.0.113.9");
    assert_eq!(seen("10.0.0.2", "nonsense").await, "10.0.0.2");
    assert_eq!(seen("203.0.113.7", "127.0.0.1").await, "203.0.113.7");
    assert_eq!(seen("::ffff:10.0.0.2", "::ffff:203.0.113.9").await, "203.0.113.9");
}

#[tokio::test]
async fn a_claim_of_encryption_is_not_believed() {
    let server = TestServer::set_up();
    for (name, value) in [
        ("x-pulse-tls", "1"),
        ("x-pulse-tls", "true"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-scheme", "https"),
        ("forwarded", "proto=https"),
        ("x-forwarded-ssl", "on"),
        ("front-end-https", "on"),
    ] {
        let status = server.anybody().with(name, value).get("/api/security/status").await.expect(200).json();
        assert_eq!(status["hasHTTPS"], false, "{name}: {value}");
    }
    let mut request = Request::builder().uri("/api/security/status").body(Body::empty()).unwrap();
    request.extensions_mut().insert(pulse_api::auth::SecureTransport);
    request.extensions_mut().insert(Peer(([203, 0, 113, 9], 1).into()));
    assert_eq!(server.send(request).await.json()["hasHTTPS"], true, "the listener itself is believed");
}

#[tokio::test]
async fn a_host_header_does_not_steer_where_a_login_comes_back() {
    let server = TestServer::set_up();
    let config = json!({"enabled": true, "issuerUrl": "http://127.0.0.1:9", "clientId": "pulse"});
    // Who configures it is an administrator: their address of this server is kept, and shown to them.
    let kept =
        server.admin().with("host", "pulse.lan:7655").put("/api/security/oidc", config).await.expect(200);
    assert_eq!(kept.json()["redirectUrl"], "http://pulse.lan:7655/api/oidc/callback");
    let evil = server.admin().with("host", "evil.example").with("x-forwarded-host", "evil.example");
    let seen = evil.get("/api/security/oidc").await.expect(200).json();
    assert_eq!(seen["redirectUrl"], "http://pulse.lan:7655/api/oidc/callback");
}

#[tokio::test]
async fn a_body_without_an_end_is_not_read_without_an_end() {
    let server = TestServer::set_up();
    let part = Bytes::from(vec![b' '; 1024 * 1024]);
    for (method, path, name) in operations() {
        if method == Method::GET || method == Method::DELETE {
            continue;
        }
        let sent = Arc::new(AtomicUsize::new(0));
        let stream = {
            let (sent, part) = (sent.clone(), part.clone());
            futures_util::stream::repeat_with(move || {
                sent.fetch_add(part.len(), Ordering::Relaxed);
                Ok::<_, std::io::Error>(part.clone())
            })
        };
        let token = server.token([Scope::All]);
        let mut request = Request::builder().method(method).uri(&path).header("x-api-token", token);
        request = request.extension(Peer(([127, 0, 0, 1], 1).into()));
        let answering = server.send(request.body(Body::from_stream(stream)).unwrap());
        let answer = tokio::time::timeout(Duration::from_secs(20), answering).await;
        let Ok(answer) = answer else { panic!("{name} never answers") };
        let sent = sent.load(Ordering::Relaxed);
        assert!(sent <= LARGEST_BODY_BYTES, "{name} read {sent} bytes and answered {}", answer.status);
        assert_ne!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{name}: {}", answer.text());
    }
}

#[tokio::test]
async fn deeply_nested_and_odd_json_breaks_nothing() {
    let server = TestServer::set_up();
    let deep_list = "[".repeat(100_000);
    let deep_object = r#"{"a":"#.repeat(20_000);
    let bodies = [
        deep_list.as_str(),
        deep_object.as_str(),
        r#"{"__proto__":{"isAdmin":true},"constructor":{"prototype":{}}}"#,
        r#"{"name":"\ud800"}"#,
        r#"{"name":1e999999}"#,
        "\u{feff}{}",
        "null",
        "[]",
        "\"\"",
        "{\"a\":1,\"a\":2}",
        "\0\0\0\0",
    ];
    for (method, path, name) in operations() {
        if method == Method::GET {
            continue;
        }
        let token = server.token([Scope::All]);
        for body in bodies {
            let answer = server.call(method.clone(), &path, Some(&token), body).await;
            let start: String = body.chars().take(12).collect();
            assert_ne!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{name} {start}: {}", answer.text());
        }
    }
    server.anybody().get("/api/health").await.expect(200);
}

#[tokio::test]
async fn a_token_only_server_takes_its_token_in_every_place_and_a_wrong_one_in_none() {
    let server = TestServer::fresh();
    let value = server.token([Scope::MonitoringRead]);
    let bearer = format!("Bearer {value}");
    server.anybody().with("x-api-token", &value).get("/api/state").await.expect(200);
    server.anybody().with("authorization", &bearer).get("/api/state").await.expect(200);
    server.anybody().get(&format!("/api/state?token={value}")).await.expect(200);
    for wrong in
        [&value[..63], &value.to_uppercase(), &format!("{value}0"), "", " ", "%00", &"a".repeat(100_000)]
    {
        server.anybody().with("x-api-token", wrong).get("/api/state").await.expect(401);
        server
            .anybody()
            .with("authorization", &format!("Bearer {wrong}"))
            .get("/api/state")
            .await
            .expect(401);
    }
    // The hash that is on the disk opens nothing.
    server.anybody().with("x-api-token", &pulse_auth::hash_token(&value)).get("/api/state").await.expect(401);
}

#[tokio::test]
async fn a_login_file_that_vanishes_opens_nothing() {
    let server = TestServer::set_up();
    for content in [Some(""), Some("PULSE_AUTH_USER='admin'\n"), Some("\0\0"), None] {
        let path = server.data.path().join(".env");
        match content {
            Some(text) => std::fs::write(&path, text).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        server.anybody().get("/api/state").await.expect(401);
        server.log_in(PASSWORD).await.expect(200);
    }
    // After a restart the token is left, and the setup asks for what only stands on this machine.
    let server = server.restarted();
    server.anybody().get("/api/state").await.expect(401);
    server.anybody().post("/api/security/quick-setup", json!({})).await.expect(401);
    server.admin().get("/api/state").await.expect(200);
}

#[tokio::test]
async fn basic_opens_no_session_that_anybody_could_steal() {
    let server = TestServer::set_up();
    let credentials =
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("{USER}:{PASSWORD}"));
    let client = server.anybody().with("authorization", &format!("Basic {credentials}"));
    let answer = client.get("/api/state").await.expect(200);
    assert!(answer.set_cookies().is_empty());
    assert_eq!(server.state.access.sessions.export(server.state.now()).1.len(), 0);
}

#[tokio::test]
async fn a_lock_that_is_over_leaves_nothing_behind() {
    let server = TestServer::set_up();
    let wrong = async || {
        let body = json!({"username": USER, "password": "wrong horse battery"});
        server.anybody().from("127.0.0.1").post("/api/login", body).await
    };
    for _ in 0..5 {
        wrong().await.expect(401);
    }
    wrong().await.expect(403);
    server.clock.advance(SignedDuration::from_mins(16));
    // Pulse v5 locks again at the first failure.
    assert_eq!(wrong().await.expect(401).json()["remaining"], 4);
}

#[tokio::test]
async fn no_error_tells_a_secret_or_a_path_of_this_machine() {
    let server = TestServer::set_up();
    let folder = server.data.path().display().to_string();
    for (method, path, name) in operations() {
        for body in ["{}", "{", r#"{"password":"hush-hush-hush"}"#] {
            let answer = server.call(method.clone(), &path, Some("wrong-token-value"), body).await;
            let text = answer.text();
            assert!(
                !text.contains("hush-hush-hush") && !text.contains("wrong-token-value"),
                "{name}: {text}"
            );
            assert!(!text.contains(&folder) || name.contains("security/status"), "{name}: {text}");
            assert!(!text.contains(TOKEN) && !text.contains("$argon2"), "{name}: {text}");
        }
    }
}
