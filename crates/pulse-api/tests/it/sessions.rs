//! Sessions: who is logged in, ending that, and what somebody tries with a cookie.

use http::StatusCode;
use jiff::SignedDuration;
use serde_json::json;

use crate::harness::{PASSWORD, TestServer, USER};

const PATH: &str = "/api/security/sessions";

#[tokio::test]
async fn sessions_are_listed_without_what_opens_them_and_one_is_ended() {
    let server = TestServer::set_up();
    let mine = server.session().await;
    server.clock.advance(SignedDuration::from_secs(5));
    let other = server.session().await;
    let listed = mine.with("user-agent", "Firefox").get(PATH).await.expect(200);
    assert!(!listed.text().contains("hash") && !listed.text().contains("csrf"), "{}", listed.text());
    let listed = listed.json();
    let sessions = listed["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 2);
    assert_eq!((&sessions[0]["isCurrent"], &sessions[1]["isCurrent"]), (&json!(true), &json!(false)));
    assert_eq!(
        (&sessions[0]["username"], &sessions[0]["method"], &sessions[0]["ip"]),
        (&json!(USER), &json!("password"), &json!("192.0.2.7"))
    );
    // The id is no cookie.
    let id = sessions[1]["id"].as_str().unwrap();
    let cookie = format!("pulse_session={id}");
    server.anybody().with("cookie", &cookie).get("/api/state").await.expect(401);

    other.get("/api/state").await.expect(200);
    server.admin().delete(&format!("{PATH}/{id}")).await.expect(204);
    other.get("/api/state").await.expect(401);
    server.admin().delete(&format!("{PATH}/{id}")).await.expect(404);
    for odd in ["", "x", &id[..5], "%2e%2e", &"a".repeat(3000)] {
        let answer = server.admin().delete(&format!("{PATH}/{odd}")).await;
        assert!(answer.status.is_client_error(), "{odd}: {}", answer.status);
    }
    assert_eq!(server.admin().get(PATH).await.json()["sessions"].as_array().unwrap().len(), 1);
    // Ended is ended, after a restart too.
    let server = server.restarted();
    assert_eq!(server.admin().get(PATH).await.json()["sessions"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn whoever_may_not_manage_users_neither_sees_nor_ends_sessions() {
    let server = TestServer::set_up();
    let session = server.session().await;
    let id = session.get(PATH).await.json()["sessions"][0]["id"].as_str().unwrap().to_owned();
    let narrow = server.may(&["monitoring:read", "settings:read"]);
    narrow.delete(&format!("{PATH}/{id}")).await.expect(403);
    server.may(&["monitoring:write"]).get(PATH).await.expect(403);
    server.anybody().get(PATH).await.expect(401);
    session.get("/api/state").await.expect(200);
}

#[tokio::test]
async fn a_cookie_that_was_put_there_before_the_login_opens_nothing_after_it() {
    let server = TestServer::set_up();
    let planted = "0123456789abcdef".repeat(4);
    let cookie = format!("pulse_session={planted}");
    let victim = server.anybody().with("cookie", &cookie);
    let body = json!({"username": USER, "password": PASSWORD});
    let answer = victim.post("/api/login", body.clone()).await.expect(200);
    assert_ne!(answer.cookie("pulse_session"), planted);
    victim.get("/api/state").await.expect(401);
    // Nor does a login with somebody's live session hand that one to the victim.
    let attacker = server.log_in(PASSWORD).await.cookie("pulse_session");
    let victim = server.anybody().with("cookie", &format!("pulse_session={attacker}"));
    let fresh = victim.post("/api/login", body).await.expect(200).cookie("pulse_session");
    assert_ne!(fresh, attacker);
}

#[tokio::test]
async fn cookies_that_are_none_are_nobody() {
    let server = TestServer::set_up();
    server.session().await;
    for value in [
        "",
        "x",
        &"0".repeat(64),
        &"0".repeat(63),
        &"g".repeat(64),
        "../../sessions.json",
        "' OR 1=1 --",
        &"a".repeat(60_000),
        "\"\"",
    ] {
        let client = server.anybody().with("cookie", &format!("pulse_session={value}"));
        assert_eq!(client.get("/api/state").await.status, StatusCode::UNAUTHORIZED, "{value:.20}");
    }
}

#[tokio::test]
async fn logging_out_ends_the_session_on_the_server_too() {
    let server = TestServer::set_up();
    let session = server.session().await;
    let answer = session.post("/api/logout", json!({})).await.expect(200);
    assert_eq!((answer.cookie("pulse_session"), answer.cookie("pulse_csrf")), (String::new(), String::new()));
    session.get("/api/state").await.expect(401);
    server.restarted().admin().get(PATH).await.expect(200);
}
