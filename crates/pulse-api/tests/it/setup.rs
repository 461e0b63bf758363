//! The first run, and the status that leads to it.

use serde_json::{Value, json};

use crate::{
    clients::Client,
    harness::{PASSWORD, TOKEN, TestServer, USER},
};

const PATH: &str = "/api/security/quick-setup";

fn wanted() -> Value {
    json!({"username": USER, "password": PASSWORD, "apiToken": TOKEN})
}

fn with(changes: Value) -> Value {
    let mut body = wanted();
    body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    body
}

fn bootstrap(server: &TestServer) -> String {
    server.state.access.bootstrap.current().unwrap().expose().to_owned()
}

fn installer(server: &TestServer) -> Client<'_> {
    server.anybody().with("x-setup-token", &bootstrap(server))
}

#[tokio::test]
async fn the_first_run_sets_login_and_token_at_once_and_for_good() {
    let server = TestServer::fresh();
    let done = installer(&server).post(PATH, wanted()).await.expect(200).json();
    assert_eq!(
        (&done["success"], &done["method"], &done["requiresManualRestart"]),
        (&json!(true), &json!("manual"), &json!(false))
    );
    assert_eq!(done["envFile"], server.data.path().join(".env").display().to_string());
    assert!(done.get("skipped").is_none());
    assert!(!server.data.path().join(".bootstrap_token").exists());
    server.admin().get("/api/state").await.expect(200);
    server.session().await.get("/api/state").await.expect(200);

    let server = server.restarted();
    assert!(server.state.access.bootstrap.current().is_none());
    server.admin().get("/api/state").await.expect(200);
    server.log_in(PASSWORD).await.expect(200);
    for entry in std::fs::read_dir(server.data.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(PASSWORD) && !text.contains(TOKEN), "{text}");
    }
}

#[tokio::test]
async fn without_the_bootstrap_token_nobody_gets_further() {
    let server = TestServer::fresh();
    let (status, text) = server.anybody().post(PATH, wanted()).await.plain();
    assert_eq!((status, text.lines().count()), (401, 5));
    assert!(text.starts_with("Bootstrap setup token required. Retrieve it from the host:\n"), "{text}");
    let wrong = server.anybody().with("x-setup-token", &"0".repeat(48));
    let (status, text) = wrong.post(PATH, wanted()).await.plain();
    assert_eq!(status, 401);
    assert!(
        text.starts_with("Invalid bootstrap setup token. Retrieve the correct token from the host:"),
        "{text}"
    );
    assert!(!text.contains(&bootstrap(&server)));
    server.anybody().post(PATH, with(json!({"setupToken": bootstrap(&server)}))).await.expect(200);
}

#[tokio::test]
async fn an_incomplete_setup_changes_nothing_and_can_be_tried_again() {
    let server = TestServer::fresh();
    let all = "Username, password, and API token are required";
    for (changes, expect) in [
        (json!({"username": " "}), all),
        (json!({"password": ""}), all),
        (json!({"apiToken": null}), ""),
        (json!({"password": "elevenchars"}), "password must be at least 12 characters long"),
        (json!({"username": "a'b"}), "Username must"),
        (json!({"username": "a\nb"}), "Username must"),
        (json!({"username": 5}), "Invalid request body: field username"),
    ] {
        let (status, text) = installer(&server).post(PATH, with(changes)).await.plain();
        assert_eq!(status, 400, "{text}");
        assert!(text.starts_with(expect), "{text}");
    }
    assert!(!server.state.access.is_configured());
    installer(&server).post(PATH, wanted()).await.expect(200);
}

#[tokio::test]
async fn it_can_be_done_once() {
    let server = TestServer::fresh();
    let installer = installer(&server);
    installer.post(PATH, wanted()).await.expect(200);
    let again = installer.post(PATH, with(json!({"force": true, "password": "somebody else's"}))).await;
    assert_eq!(
        again.plain(),
        (401, "Authentication required to modify existing security settings".to_owned())
    );
    server.log_in(PASSWORD).await.expect(200);
}

#[tokio::test]
async fn of_two_at_once_one_wins() {
    let server = TestServer::fresh();
    let installer = installer(&server);
    let body = |user: &str| with(json!({"username": user}));
    let (a, b) = tokio::join!(installer.post(PATH, body("a")), installer.post(PATH, body("b")));
    let mut statuses = [a.status.as_u16(), b.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
}

#[tokio::test]
async fn a_configured_server_needs_credentials_and_force() {
    let server = TestServer::set_up();
    let new =
        with(json!({"username": "root", "password": "another horse battery", "apiToken": "second-token"}));
    server.anybody().post(PATH, new.clone()).await.expect(401);
    let narrow = server.may(&["settings:read"]).post(PATH, new.clone()).await.expect(403);
    assert_eq!(narrow.json()["requiredScope"], "settings:write");
    let skipped = server.admin().post(PATH, new.clone()).await.expect(200).json();
    assert_eq!((&skipped["skipped"], &skipped["success"]), (&json!(true), &json!(true)));
    let session = server.session().await;
    let mut forced = new;
    forced["force"] = json!(true);
    // This path needs no CSRF token for the first run: who rides on a session needs it all the same.
    let refused = session.clone().with("x-csrf-token", "forged").post(PATH, forced.clone()).await;
    assert_eq!(refused.plain(), (403, "CSRF token validation failed".to_owned()));
    session.post(PATH, forced).await.expect(200);
    session.get("/api/state").await.expect(401);
    server.admin().get("/api/state").await.expect(401);
    server.anybody().with("x-api-token", "second-token").get("/api/state").await.expect(200);
    server.log_in(PASSWORD).await.expect(401);
}

#[tokio::test]
async fn a_server_with_a_token_only_can_be_given_a_password_with_it() {
    let server = TestServer::fresh();
    let token = server.token([pulse_core::scope::Scope::All]);
    server.state.access.bootstrap.consume().unwrap();
    server.anybody().post(PATH, wanted()).await.expect(503);
    server.anybody().with("x-api-token", &token).post(PATH, wanted()).await.expect(200);
    server.log_in(PASSWORD).await.expect(200);
}

#[tokio::test]
async fn the_bootstrap_token_can_be_asked_about() {
    const PATH: &str = "/api/security/validate-bootstrap-token";
    let server = TestServer::fresh();
    let right = bootstrap(&server);
    let ask = async |body: Value| server.anybody().post(PATH, body).await.plain();
    assert_eq!(ask(json!({"token": right})).await, (204, String::new()));
    assert_eq!(ask(json!({"token": "0"})).await, (401, "Invalid bootstrap setup token".to_owned()));
    assert_eq!(ask(json!({})).await, (400, "Bootstrap token is required".to_owned()));
    assert_eq!(ask(json!([])).await.0, 400);
    let header = server.anybody().with("x-setup-token", &right);
    header.send(http::Method::POST, PATH, axum::body::Body::empty()).await.expect(204);
    installer(&server).post(super::setup::PATH, wanted()).await.expect(200);
    let gone = "Bootstrap token unavailable. Reload the page or restart Pulse.".to_owned();
    assert_eq!(ask(json!({"token": right})).await, (409, gone));
}

#[tokio::test]
async fn the_status_tells_strangers_little_and_callers_more() {
    let server = TestServer::fresh();
    let fresh = server.anybody().get("/api/security/status").await.expect(200).json();
    assert_eq!((&fresh["hasAuthentication"], &fresh["requiresAuth"]), (&json!(false), &json!(false)));
    let path = server.data.path().join(".bootstrap_token").display().to_string();
    assert_eq!(fresh["bootstrapTokenPath"], path);
    assert!(!fresh.to_string().contains(&bootstrap(&server)));

    let server = TestServer::set_up();
    let stranger = server.anybody().from("203.0.113.5").get("/api/security/status").await.expect(200).json();
    assert_eq!(
        (&stranger["hasAuthentication"], &stranger["apiTokenConfigured"]),
        (&json!(true), &json!(true))
    );
    assert_eq!((&stranger["clientIP"], &stranger["publicAccess"]), (&json!("203.0.113.5"), &json!(true)));
    assert_eq!((&stranger["apiTokenHint"], &stranger["authUsername"]), (&json!(""), &json!("")));
    assert!(stranger.get("bootstrapTokenPath").is_none() && stranger.get("tokenScopes").is_none());
    let known = server.admin().with("host", "pulse.lan:7655").get("/api/security/status").await.json();
    assert_eq!((&known["apiTokenHint"], &known["authUsername"]), (&json!("the-fi...rver"), &json!(USER)));
    assert_eq!((&known["tokenScopes"], &known["agentUrl"]), (&json!(["*"]), &json!("http://pulse.lan:7655")));
    assert!(known["authLastModified"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn a_recovery_token_made_on_the_machine_sets_a_new_login_once() {
    const RECOVERY: &str = "/api/security/recovery";
    let server = TestServer::set_up();
    let ask = json!({"action": "generate_token", "duration": 30});
    server.admin().post(RECOVERY, ask.clone()).await.expect(403);
    let here = server.admin().from("127.0.0.1");
    here.clone().with("x-forwarded-for", "203.0.113.5").post(RECOVERY, ask.clone()).await.expect(403);
    server.anybody().from("127.0.0.1").post(RECOVERY, ask.clone()).await.expect(401);
    here.get(RECOVERY).await.expect(200);
    let off = here.post(RECOVERY, json!({"action": "disable_auth"})).await.expect(200).json();
    assert_eq!(off["success"], false);
    let made = here.post(RECOVERY, ask).await.expect(200).json();
    assert_eq!((&made["expires_in_minutes"], &made["success"]), (&json!(30), &json!(true)));

    let holder = server.anybody().with("x-recovery-token", made["token"].as_str().unwrap());
    let new = with(json!({"password": "another horse battery", "force": true}));
    holder.post(PATH, with(json!({"password": "short", "force": true}))).await.expect(400);
    holder.post(PATH, new.clone()).await.expect(200);
    holder.post(PATH, new).await.expect(401);
    server.log_in("another horse battery").await.expect(200);
}
