//! Holes of Pulse v5 that are none here, each by the way somebody would use it. The numbers are those of the contract's
//! lists of surprises.

use std::path::Path;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{Method, StatusCode};
use jiff::SignedDuration;
use pulse_api::mock::MockRunning;
use pulse_config::{LeftToken, RecoveryFile};
use pulse_core::{Clock, scope::Scope};
use serde_json::{Value, json};

use crate::{
    gate::operations,
    harness::{PASSWORD, TOKEN, TestServer, USER},
};

const SETUP: &str = "/api/security/quick-setup";
const NEW_PASSWORD: &str = "another horse battery";

/// A5: the list of tokens was written from a copy that was made at the start.
#[tokio::test]
async fn asking_for_the_agents_command_costs_nobody_their_token() {
    let server = TestServer::set_up();
    let made_since = server.token([Scope::MonitoringRead]);
    let answer =
        server.admin().post("/api/agent-install-command", json!({"type": "pve"})).await.expect(200).json();
    let of_agent = answer["token"].as_str().unwrap().to_owned();
    let server = server.restarted();
    server.get("/api/state", &made_since).await.expect(200);
    server.admin().get("/api/state").await.expect(200);
    assert!(server.state.access.tokens.current().len() == 3 && of_agent.len() == 64);
}

/// A6, A7: the old password came back with the next reload, or with the next start where `.env` had no line of it.
#[tokio::test]
async fn an_old_password_comes_back_neither_by_a_change_of_nodes_nor_by_a_restart() {
    let server = TestServer::set_up();
    // Somebody edits the file while the server runs.
    std::fs::write(server.data.path().join(".env"), "LOG_LEVEL=warn\n").unwrap();
    let body = json!({"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD});
    server.admin().post("/api/security/change-password", body).await.expect(200);
    server.admin().post("/api/system/settings/update", json!({"pvePollingInterval": 30})).await.expect(200);
    let node =
        json!({"type": "pve", "name": "lab", "host": "192.0.2.1", "tokenName": "m@pve!t", "tokenValue": "x"});
    server.admin().post("/api/config/nodes", node).await.expect(201);
    let server = {
        server.log_in(PASSWORD).await.expect(401);
        server.restarted()
    };
    server.log_in(PASSWORD).await.expect(401);
    server.log_in(NEW_PASSWORD).await.expect(200);
    let kept = std::fs::read_to_string(server.data.path().join(".env")).unwrap();
    assert!(kept.starts_with("LOG_LEVEL=warn\n"), "what somebody wrote stays: {kept}");
}

/// A16: a file in the data directory switched the gate off for this machine, and two routes answered an empty 200.
#[tokio::test]
async fn the_file_of_the_recovery_mode_opens_nothing() {
    let server = TestServer::set_up();
    std::fs::write(server.data.path().join(".auth_recovery"), "recovery").unwrap();
    let local = server.anybody().from("127.0.0.1");
    for (method, path, _) in operations().into_iter().filter(|(_, path, _)| {
        ["/api/security/recovery", "validate-token", "regenerate-token", "/api/state", "/api/logout"]
            .iter()
            .any(|part| path.contains(part))
    }) {
        let answer = local.send(method, &path, axum::body::Body::from("{}")).await.expect(401);
        assert!(!answer.headers.contains_key("x-auth-recovery"), "{path}");
        assert_eq!(answer.json()["error"], "Authentication required", "{path}");
    }
    let mut setup = json!({"username": USER, "password": NEW_PASSWORD, "apiToken": "another-token"});
    setup["force"] = json!(true);
    local.post(SETUP, setup).await.expect(401);
}

/// A17, A18: nobody who is locked out could ask for a token, and any request used one up.
#[tokio::test]
async fn a_recovery_token_of_the_command_line_sets_a_login_once_and_opens_nothing_else() {
    let server = TestServer::set_up();
    let agent = server.token([Scope::HostAgentReport]);
    let value = pulse_auth::generate_token().unwrap();
    let leave = |minutes: i64| {
        let expires_at = server.clock.now() + SignedDuration::from_mins(minutes);
        let left = LeftToken { hash: pulse_auth::hash_token(&value), expires_at };
        RecoveryFile::new(server.data.path()).leave(&left).unwrap();
    };
    let new = json!({"username": USER, "password": NEW_PASSWORD, "force": true});
    let holder = server.anybody().with("x-recovery-token", &value);

    leave(-1);
    holder.post(SETUP, new.clone()).await.expect(401);
    leave(15);
    // The hash that is on the disk opens nothing, nor does anything like the token.
    for wrong in
        [pulse_auth::hash_token(&value), value.to_uppercase(), value[..63].to_owned(), "a".repeat(9_000)]
    {
        server.anybody().with("x-recovery-token", &wrong).post(SETUP, new.clone()).await.expect(401);
    }
    for _ in 0..3 {
        holder.get("/api/state").await.expect(401);
        holder.get("/api/security/recovery").await.expect(401);
        holder.post("/api/config/export", json!({"passphrase": "correct horse battery"})).await.expect(401);
    }
    // Who was locked out by somebody who guesses is let in again.
    for _ in 0..5 {
        server
            .anybody()
            .from("203.0.113.66")
            .post("/api/login", json!({"username": USER, "password": "x"}))
            .await;
    }
    server.log_in(PASSWORD).await.expect(403);
    holder.post(SETUP, new.clone()).await.expect(200);
    assert!(!server.data.path().join(".recovery_token").exists());
    let again = json!({"username": USER, "password": "a third horse battery", "force": true});
    holder.clone().from("192.0.2.8").post(SETUP, again).await.expect(401);
    server.clock.advance(SignedDuration::from_mins(2));
    server.log_in(PASSWORD).await.expect(401);
    server.log_in(NEW_PASSWORD).await.expect(200);
    server.admin().get("/api/state").await.expect(200);
    assert!(server.state.access.tokens.current().len() == 2 && !agent.is_empty(), "agents go on");
}

/// A24: two answers stood in one body.
#[tokio::test]
async fn a_refusal_is_one_answer() {
    let server = TestServer::fresh();
    server.token([Scope::All]);
    for header in ["x-api-token", "authorization"] {
        let answer = server.anybody().with(header, "Bearer wrong").get("/api/state").await.expect(401);
        assert_eq!(answer.json(), json!({"error": "Authentication required"}));
        assert!(answer.headers["content-type"].to_str().unwrap().starts_with("application/json"));
    }
    let server = TestServer::set_up();
    let credentials = STANDARD.encode(format!("{USER}:wrong horse battery"));
    let client = server.anybody().with("authorization", &format!("Basic {credentials}"));
    for _ in 0..7 {
        assert_eq!(
            client.get("/api/state").await.expect(401).json(),
            json!({"error": "Authentication required"})
        );
    }
}

/// A23: of four ways to show who one is, the status knew two.
#[tokio::test]
async fn the_status_knows_a_caller_by_every_credential_and_nobody_by_a_wrong_one() {
    let server = TestServer::set_up();
    let basic = format!("Basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}")));
    let bearer = format!("Bearer {TOKEN}");
    let user = async |name: &'static str, value: &str| {
        server.anybody().with(name, value).get("/api/security/status").await.json()["authUsername"].clone()
    };
    for (name, value) in
        [("authorization", basic.as_str()), ("authorization", &bearer), ("x-api-token", TOKEN)]
    {
        assert_eq!(user(name, value).await, USER, "{name}: {value}");
    }
    for (name, value) in [
        ("authorization", "Basic YTpi"),
        ("authorization", "Bearer x"),
        ("x-api-token", "x"),
        ("cookie", "pulse_session=x"),
    ] {
        assert_eq!(user(name, value).await, "", "{name}: {value}");
    }
}

/// A44: a setup put all settings back to their defaults.
#[tokio::test]
async fn a_setup_that_is_done_again_leaves_the_settings_as_they_are() {
    let server = TestServer::set_up();
    let wish = json!({"pvePollingInterval": 45, "theme": "dark", "allowedEmbedOrigins": "https://wall.lan"});
    server.admin().post("/api/system/settings/update", wish).await.expect(200);
    let before = server.admin().get("/api/system/settings").await.json();
    let setup = json!({"username": USER, "password": NEW_PASSWORD, "apiToken": TOKEN, "force": true});
    server.admin().post(SETUP, setup).await.expect(200);
    assert_eq!(server.admin().get("/api/system/settings").await.json(), before);
}

/// A46: with `DISABLE_AUTH` in its environment a server took a setup as forced.
#[tokio::test]
async fn a_wish_to_have_no_authentication_switches_nothing_off() {
    let server = TestServer::set_up_with(|settings| settings.has_disable_auth = true);
    server.anybody().from("127.0.0.1").get("/api/state").await.expect(401);
    let setup = json!({"username": USER, "password": NEW_PASSWORD, "apiToken": "x"});
    server.anybody().post(SETUP, setup.clone()).await.expect(401);
    assert_eq!(server.admin().post(SETUP, setup).await.expect(200).json()["skipped"], true);
    server.log_in(PASSWORD).await.expect(200);
    let status = server.anybody().get("/api/security/status").await.json();
    assert_eq!(
        (&status["deprecatedDisableAuth"], &status["hasAuthentication"]),
        (&json!(true), &json!(true))
    );
}

/// A49, B80: mock mode unlocked every feature of the licence and threw away what was sent along.
#[tokio::test]
async fn mock_mode_unlocks_no_feature_and_opens_no_door() {
    let server = TestServer::set_up();
    let mock = server.state.mock.clone();
    let request = mock.want(true, mock.current().1);
    mock.report(MockRunning { is_on: true, request, problem: None });
    assert!(mock.current().0);
    server.anybody().get("/api/state").await.expect(401);
    for path in ["/api/admin/roles", "/api/audit", "/api/admin/profiles/"] {
        assert_eq!(server.get(path, TOKEN).await.status, StatusCode::PAYMENT_REQUIRED, "{path}");
    }
    assert_eq!(server.get("/api/license/status", TOKEN).await.json()["tier"], "free");
    let narrow = server.token([Scope::SettingsRead]);
    let refused =
        server.call(Method::POST, "/api/system/mock-mode", Some(&narrow), r#"{"enabled":false}"#).await;
    assert_eq!(refused.expect(403).json()["requiredScope"], "settings:write");
}

/// B59, B69, B76, A27, A58: a socket for commands, an assistant and its stream that took any token and any origin; updates
/// that took any address, and a status that was kept by the address somebody claimed to have.
#[tokio::test]
async fn what_is_not_served_is_no_way_in_either() {
    let server = TestServer::set_up();
    for path in [
        "/api/ai/chat",
        "/api/ai/execute/stream",
        "/api/ai/oauth/callback",
        "/api/discovery/host/a/b",
        "/api/updates/apply",
        "/api/diagnostics",
        "/api/updates/status",
        "/api/updates/stream",
        "/api/updates/history",
    ] {
        for method in [Method::GET, Method::POST] {
            let stranger = server.anybody().with("origin", "https://evil.example");
            let answer = stranger.send(method.clone(), path, axum::body::Body::from("{}")).await.expect(401);
            assert!(!answer.headers.contains_key("access-control-allow-origin"), "{path}");
            let answer = server.call(method, path, Some(TOKEN), "{}").await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        }
    }
}

/// A41: an id is a place in a list, and who removed a node moved all behind it: the next change of somebody else hit another.
#[tokio::test]
async fn a_change_that_was_meant_for_another_node_does_not_hit_the_one_that_moved_to_its_place() {
    let server = TestServer::set_up();
    for (name, host) in [("one", "192.0.2.1"), ("two", "192.0.2.2"), ("three", "192.0.2.3")] {
        let node =
            json!({"type": "pve", "name": name, "host": host, "tokenName": "m@pve!t", "tokenValue": "x"});
        server.admin().post("/api/config/nodes", node).await.expect(201);
    }
    // Two people have the same list before them. One removes the first node, the other changes the second.
    server.admin().delete("/api/config/nodes/pve-0?name=one").await.expect(200);
    let stolen = json!({"tokenName": "m@pve!t", "tokenValue": "of-two"});
    let late = server.admin().put("/api/config/nodes/pve-1?name=two", stolen.clone()).await;
    let text = "three is at this place now, not two; load the list of nodes again".to_owned();
    assert_eq!(late.plain(), (409, text));
    server.admin().delete("/api/config/nodes/pve-0?name=one").await.expect(409);
    let kept = server.state.nodes.current();
    let kept: Vec<_> = kept
        .pve
        .iter()
        .map(|node| (node.name.as_str(), node.token_value.as_ref().unwrap().expose()))
        .collect();
    assert_eq!(kept, [("two", "x"), ("three", "x")]);
    // Scripts of the original name no name: what is at the place is meant.
    server.admin().put("/api/config/nodes/pve-0", stolen).await.expect(200);
    server.admin().delete("/api/config/nodes/pve-9?name=two").await.expect(404);
}

/// A52: a server that people enter by OIDC alone counted as one without authentication when it came to exports.
#[tokio::test]
async fn a_server_that_people_enter_by_a_provider_alone_hands_out_and_takes_in_nothing() {
    let server = TestServer::set_up();
    let config = json!({"enabled": true, "issuerUrl": "http://127.0.0.1:9", "clientId": "pulse",
        "redirectUrl": "https://pulse.example/api/oidc/callback"});
    server.admin().put("/api/security/oidc", config).await.expect(200);
    for file in [".env", "api_tokens.json"] {
        std::fs::remove_file(server.data.path().join(file)).unwrap();
    }
    let server = server.restarted();
    assert!(server.state.access.credentials.current().is_none());
    for client in [server.anybody(), server.anybody().from("127.0.0.1"), server.anybody().from("10.0.0.1")] {
        let export = json!({"passphrase": "correct horse battery"});
        client.post("/api/config/export", export).await.expect(401);
        client.post("/api/config/import", json!({"data": "x", "passphrase": "x"})).await.expect(401);
        client.get("/api/state").await.expect(401);
    }
}

/// B42: a test of mail with a server that was not saved yet went to the saved one. The mistake that lies near it is worse:
/// to send the saved password to whatever server is named.
#[tokio::test]
async fn a_test_of_mail_goes_to_the_server_it_names_and_never_with_a_password_of_another() {
    let server = TestServer::set_up();
    let saved = json!({"enabled": true, "server": "127.0.0.1", "port": 9, "from": "a@example.com", "to": ["b@example.com"],
        "username": "u", "password": "the-saved-password"});
    server.admin().put("/api/notifications/email", saved.clone()).await.expect(200);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = async |change: Value| {
        let mut config = saved.clone();
        config.as_object_mut().unwrap().remove("password");
        for (key, value) in change.as_object().unwrap() {
            config[key] = value.clone();
        }
        server
            .admin()
            .post("/api/notifications/test", json!({"method": "email", "config": config}))
            .await
            .plain()
    };
    let text = "the server or the login is another one: enter its password to test it".to_owned();
    for change in [
        json!({"port": port}),
        json!({"server": "localhost"}),
        json!({"username": "root"}),
        json!({"server": "evil.example", "password": ""}),
        json!({"port": port, "password": "***REDACTED***"}),
    ] {
        assert_eq!(asked(change.clone()).await, (400, text.clone()), "{change}");
    }
    // With a password of its own the server that is named is the one that is asked.
    let connected = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"554 not here\r\n").await.unwrap();
    };
    let ((), (status, text)) =
        tokio::join!(connected, asked(json!({"port": port, "password": "another", "tls": false})));
    assert!(status == 400 && text.starts_with("Failed to send") && !text.contains("another"), "{text}");
    // Without settings, and with settings that say no, it is no success either.
    let off = json!({"method": "email", "config": {"enabled": false}});
    server.admin().post("/api/notifications/test", off).await.expect(400);
}

/// A4, A9: what stands in the environment or in `.env` is never kept or compared as it is.
#[tokio::test]
async fn a_password_in_the_clear_in_the_login_file_logs_in_and_is_in_memory_as_a_hash() {
    let server = TestServer::set_up();
    let text = format!("PULSE_AUTH_USER='{USER}'\nPULSE_AUTH_PASS='{NEW_PASSWORD}'\n");
    std::fs::write(server.data.path().join(".env"), text).unwrap();
    // While it runs, a change of the file changes nothing.
    server.log_in(PASSWORD).await.expect(200);
    let server = server.restarted();
    let kept = server.state.access.credentials.current().unwrap().password_hash.clone();
    assert!(kept.starts_with("$argon2id$"), "{kept}");
    server.log_in(PASSWORD).await.expect(401);
    server.log_in(NEW_PASSWORD).await.expect(200);
}

/// A37, A38: what is made up, too old, for somebody else or used before registers nothing; a wrong request costs no token.
#[tokio::test]
async fn forged_and_replayed_setup_tokens_register_nothing() {
    const REGISTER: &str = "/api/auto-register";
    let server = TestServer::set_up();
    let made = server.admin().post("/api/setup-script-url", json!({"type": "pve"})).await.expect(200).json();
    let token = made["setupToken"].as_str().unwrap().to_owned();
    let wish = |kind: &str, token: &str| {
        json!({"type": kind, "host": "https://127.0.0.1:9", "serverName": "lab", "tokenId": "m@pam!t",
            "tokenValue": "x", "authToken": token})
    };
    let forged = [
        "0".repeat(32),
        token.to_uppercase(),
        token[..31].to_owned(),
        format!("{token}0"),
        format!("{token}\u{0}"),
        pulse_auth::hash_token(&token),
        "a".repeat(10_000),
        String::new(),
    ];
    let is_digits_only = token.bytes().all(|byte| byte.is_ascii_digit());
    for forged in forged.iter().filter(|forged| !is_digits_only || **forged != token) {
        server.anybody().post(REGISTER, wish("pve", forged)).await.expect(401);
        let header = server.anybody().with("x-setup-token", "0");
        header.post(REGISTER, wish("pve", forged)).await.expect(401);
    }
    server.anybody().post(REGISTER, wish("pbs", &token)).await.expect(401);
    // A request that is wrong costs no token.
    let mut wrong = wish("pve", &token);
    wrong["host"] = json!("ftp://x");
    server.anybody().post(REGISTER, wrong).await.expect(400);
    server.anybody().post(REGISTER, wish("pve", &token)).await.expect(200);
    for _ in 0..2 {
        server.anybody().post(REGISTER, wish("pve", &token)).await.expect(401);
    }
    // A setup token is none of the API's.
    let made = server.admin().post("/api/setup-script-url", json!({"type": "pve"})).await.expect(200).json();
    let token = made["setupToken"].as_str().unwrap();
    for (name, value) in [("x-api-token", token.to_owned()), ("authorization", format!("Bearer {token}"))] {
        server.anybody().with(name, &value).get("/api/state").await.expect(401);
    }
    server.anybody().with("x-setup-token", token).post(SETUP, json!({"force": true})).await.expect(401);
    assert_eq!(server.admin().get("/api/config/nodes").await.json().as_array().unwrap().len(), 1);
}

/// The comparison of a secret tells nothing by its time: what a client sends is hashed first and then looked up by its hash,
/// or compared by a function that takes the same time wherever two differ. How long it really takes, `cargo bench` tells.
#[test]
fn no_secret_is_compared_in_a_time_that_tells_where_it_differs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    // Who compares, and the words of how.
    let compared: &[(&str, &str)] = &[
        ("pulse-auth/src/bootstrap.rs", "compare::equal(expected, given)"),
        ("pulse-auth/src/proxy.rs", "compare::equal(rules.secret, given)"),
        ("pulse-auth/src/recovery.rs", "compare::equal(&open.hash, &hash)"),
        ("pulse-auth/src/setup_tokens.rs", "compare::equal(&self.hash, hash)"),
        ("pulse-auth/src/csrf.rs", "issued.hash.ct_eq(&hash(token))"),
        ("pulse-auth/src/session.rs", "by_key.get_mut(&key)"),
        ("pulse-config/src/store/tokens.rs", "self.current.load().find(hash)"),
        ("pulse-api/src/auth/identify.rs", "tokens.authenticate(&hash_token(value), now)"),
        ("pulse-api/src/auth/basic.rs", "compare::equal(is, &digest)"),
        ("pulse-api/src/areas/security/setup.rs", "compare::equal(&left.hash, &hash)"),
        ("pulse-oidc/src/jwt.rs", "given.as_bytes().ct_eq(nonce.as_bytes())"),
    ];
    // Names of what is secret or its hash, beside a comparison that stops at the first difference.
    let words = ["secret", "token", "password", "hash", "nonce", "cookie", "given", "digest", "csrf"];
    let tells = |line: &str| {
        let code = line.split("//").next().unwrap_or_default();
        if code.contains(".len()") || code.contains("token_id") || code.contains("kind") {
            return false;
        }
        code.match_indices("==").any(|(at, _)| {
            let is_part = |text: &str| words.iter().any(|word| text.to_lowercase().ends_with(word));
            let left = code[..at].trim_end().trim_end_matches(['(', ')', '&', '*']);
            let right = code[at + 2..].trim_start().trim_start_matches(['&', '*']);
            let right: String =
                right.chars().take_while(|c| c.is_alphanumeric() || *c == '_' || *c == '.').collect();
            is_part(left) && is_part(&right)
        })
    };
    for (file, words) in compared {
        let text = std::fs::read_to_string(root.join(file)).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        assert!(code.contains(words), "{file} compares its secret in another way than by {words}");
        let telling: Vec<&str> = code.lines().filter(|line| tells(line)).collect();
        assert!(telling.is_empty(), "{file}: {telling:#?}");
    }
    assert!(tells("if given == secret {") && tells("*hash == hash,") && !tells("a == b"));
}

/// What an import of a "billion laughs" would be here: text that grows by being read. Nothing that this server reads has
/// references, so what remains is nesting, repetition and compression.
#[tokio::test]
async fn an_import_that_would_grow_when_it_is_read_is_refused_and_costs_little() {
    let server = TestServer::set_up();
    let passphrase = pulse_config::Secret::new(PASSWORD);
    let laughs = r#"<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><x>&b;</x>"#;
    let yaml = "a: &a [x,x,x]\nb: &b [*a,*a,*a]\nc: [*b,*b,*b]\n";
    let many =
        format!(r#"{{"version":"4.1","nodes":{{"pveInstances":[{}]}}}}"#, vec!["{}"; 120_000].join(","));
    let deep = format!(r#"{{"version":"4.1","system":{}1{}}}"#, "[".repeat(60_000), "]".repeat(60_000));
    let keys = (0..40_000).map(|n| format!(r#""k{n}":{{}}"#)).collect::<Vec<_>>().join(",");
    let wide = format!(r#"{{"version":"4.1","guestMetadata":{{{keys}}}}}"#);
    for (n, plain) in [laughs, yaml, &many, &deep, &wide].into_iter().enumerate() {
        let data = pulse_config::transfer::bundle::seal(plain.as_bytes(), &passphrase).unwrap();
        let body = json!({"data": data, "passphrase": PASSWORD}).to_string();
        // A minute apart: five exports and imports are allowed in one.
        server.clock.advance(SignedDuration::from_mins(2));
        let answer = server.call(Method::POST, "/api/config/import", Some(TOKEN), &body).await;
        let is_refused = answer.status == StatusCode::BAD_REQUEST;
        // Forty thousand empty notes are odd and small: they may stand.
        assert!(is_refused || n == 4, "{n}: {} {}", answer.status, answer.text());
    }
    assert!(server.state.nodes.current().is_empty());
    let status: Value = server.admin().get("/api/security/status").await.expect(200).json();
    assert_eq!(status["authUsername"], USER);
}
