//! Login, logout, lockout, CSRF, and the password.

use jiff::SignedDuration;
use pulse_api::auth::SESSION_COOKIE;
use serde_json::json;

use crate::harness::{PASSWORD, TestServer, USER};

const NEW: &str = "another horse battery";

#[tokio::test]
async fn the_right_password_opens_a_session_and_logout_ends_it() {
    let server = TestServer::set_up();
    let answer = server.log_in(PASSWORD).await.expect(200);
    assert_eq!(answer.json(), json!({"success": true, "message": "Successfully logged in"}));
    let cookies = answer.set_cookies();
    assert!(cookies[0].starts_with("pulse_session="), "{cookies:?}");
    assert!(cookies[0].ends_with("; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax"), "{cookies:?}");
    assert!(cookies[1].ends_with("; Path=/; Max-Age=86400; SameSite=Lax"), "{cookies:?}");

    let session = server.session().await;
    let state = session.get("/api/state").await.expect(200);
    assert_eq!(
        (&state.headers["x-authenticated-user"], &state.headers["x-auth-method"]),
        (&USER.parse().unwrap(), &"session".parse().unwrap())
    );
    let out = session.post("/api/logout", json!({})).await.expect(200);
    assert!(out.set_cookies()[0].starts_with("pulse_session=; Path=/; Max-Age=0"), "{out:?}");
    session.get("/api/state").await.expect(401);
    session.post("/api/logout", json!({})).await.expect(401);
}

#[tokio::test]
async fn a_remembered_session_lasts_thirty_days_and_slides_and_survives_a_restart() {
    let server = TestServer::set_up();
    let body = json!({"username": USER, "password": PASSWORD, "rememberMe": true});
    let answer = server.anybody().post("/api/login", body).await.expect(200);
    assert!(answer.set_cookies()[0].contains("Max-Age=2592000"));
    let cookie = format!("{SESSION_COOKIE}={}", answer.cookie(SESSION_COOKIE));
    let text = std::fs::read_to_string(server.data.path().join("sessions.json")).unwrap();
    assert!(!text.contains(&answer.cookie(SESSION_COOKIE)), "the cookie itself is not kept");

    let server = server.restarted();
    let session = server.anybody().with("cookie", &cookie);
    for _ in 0..3 {
        server.clock.advance(SignedDuration::from_hours(29 * 24));
        session.get("/api/state").await.expect(200);
    }
    server.clock.advance(SignedDuration::from_hours(31 * 24));
    session.get("/api/state").await.expect(401);
}

#[tokio::test]
async fn behind_a_proxy_with_https_cookies_are_secure() {
    let server = TestServer::set_up();
    let body = json!({"username": USER, "password": PASSWORD});
    let answer =
        server.anybody().with("x-forwarded-proto", "https").post("/api/login", body).await.expect(200);
    assert!(
        answer.set_cookies().iter().all(|cookie| cookie.ends_with("; Secure; SameSite=None")),
        "{answer:?}"
    );
}

#[tokio::test]
async fn five_failures_lock_and_the_right_password_is_refused_meanwhile() {
    let server = TestServer::set_up();
    for n in 1..=4 {
        let wrong = server.log_in("wrong").await.expect(401).json();
        assert_eq!((&wrong["error"], &wrong["attempts"]), (&json!("invalid_credentials"), &json!(n)));
        assert_eq!((&wrong["remaining"], &wrong["maxAttempts"]), (&json!(5 - n), &json!(5)));
    }
    let last = server.log_in("wrong").await.expect(401).json();
    assert_eq!((&last["locked"], &last["lockoutDuration"]), (&json!(true), &json!("15 minutes")));
    let locked = server.log_in(PASSWORD).await.expect(403).json();
    assert_eq!((&locked["error"], &locked["remainingMinutes"]), (&json!("account_locked"), &json!(15)));
    assert_eq!(locked["lockedUntil"], "2026-03-04T05:21:07Z");
    // Another address is locked out by the name; an administrator ends that.
    let body = json!({"username": USER, "password": PASSWORD});
    let elsewhere = server.anybody().from("198.51.100.1");
    elsewhere.post("/api/login", body.clone()).await.expect(403);
    let reset =
        server.admin().post("/api/security/reset-lockout", json!({"identifier": USER})).await.expect(200);
    assert_eq!(reset.json(), json!({"success": true, "message": format!("Lockout reset for {USER}")}));
    elsewhere.post("/api/login", body).await.expect(200);
    server.log_in(PASSWORD).await.expect(403);
    server.clock.advance(SignedDuration::from_mins(15));
    server.log_in(PASSWORD).await.expect(200);
}

#[tokio::test]
async fn ten_logins_a_minute_are_enough() {
    let server = TestServer::set_up();
    let log_in = async |from: &str| {
        let body = json!({"username": USER, "password": PASSWORD});
        server.anybody().from(from).post("/api/login", body).await
    };
    for _ in 0..10 {
        log_in("192.0.2.7").await.expect(200);
        log_in("127.0.0.1").await.expect(200);
    }
    // Strangers are stopped by the limit of all requests, in front of everything else; this machine by the login's own.
    assert!(log_in("192.0.2.7").await.expect(429).text().starts_with("Rate limit exceeded"));
    assert_eq!(log_in("127.0.0.1").await.expect(429).json()["error"], "rate_limit");
    server.clock.advance(SignedDuration::from_secs(65));
    log_in("192.0.2.7").await.expect(200);
}

#[tokio::test]
async fn an_unknown_user_is_told_the_same_as_a_wrong_password() {
    let server = TestServer::set_up();
    let log_in = async |user: &str, password: &str, from: &str| {
        let body = json!({"username": user, "password": password});
        server.anybody().from(from).post("/api/login", body).await.expect(401).json()
    };
    let unknown = log_in("nobody", PASSWORD, "192.0.2.1").await;
    assert_eq!(unknown, log_in(USER, "wrong", "192.0.2.2").await);
    // A server without a login says the same.
    let fresh = TestServer::fresh();
    let none = fresh.log_in(PASSWORD).await.expect(401).json();
    assert_eq!(none, unknown);
}

#[tokio::test]
async fn what_is_no_login_is_told_which_field_is_wrong() {
    let server = TestServer::set_up();
    for (body, field) in [
        (json!([]), "a JSON object"),
        (json!({"username": USER}), "password"),
        (json!({"username": 5, "password": "x"}), "username"),
    ] {
        let answer = server.anybody().post("/api/login", body).await.expect(400).json();
        assert_eq!(answer["code"], "invalid_request");
        let error = answer["details"]["error"].as_str().unwrap();
        assert!(error.contains(field), "{error}");
    }
    let long = json!({"username": "x".repeat(20_000), "password": "x"});
    server.anybody().post("/api/login", long).await.expect(413);
    server.anybody().get("/api/login").await.expect(405);
}

#[tokio::test]
async fn an_old_hash_becomes_one_of_ours_at_login() {
    // bcrypt, as Pulse v5 writes it.
    let server = TestServer::set_up_with_hash("$2b$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS");
    server.log_in("wrong").await.expect(401);
    server.log_in(PASSWORD).await.expect(200);
    let text = std::fs::read_to_string(server.data.path().join(".env")).unwrap();
    assert!(text.contains("PULSE_AUTH_PASS='$argon2id$"), "{text}");
    server.restarted().log_in(PASSWORD).await.expect(200);
}

#[tokio::test]
async fn a_session_changes_nothing_without_its_csrf_token() {
    let server = TestServer::set_up();
    let session = server.session().await;
    session.post("/api/security/tokens", json!({})).await.expect(200);
    let forged = session.clone().with("x-csrf-token", "forged");
    let refused = forged.post("/api/security/tokens", json!({})).await;
    assert_eq!(refused.plain(), (403, "CSRF token validation failed".to_owned()));
    // The refusal brings a new token for one more try.
    let new = refused.headers["x-csrf-token"].to_str().unwrap().to_owned();
    session.clone().with("x-csrf-token", &new).post("/api/security/tokens", json!({})).await.expect(200);
    session.post("/api/security/tokens", json!({})).await.expect(403);
}

#[tokio::test]
async fn a_new_password_counts_at_once_and_after_a_restart_and_ends_all_sessions() {
    let server = TestServer::set_up();
    let (session, other) = (server.session().await, server.session().await);
    let change = |current: &str, new: &str| json!({"currentPassword": current, "newPassword": new});
    for (body, status, code) in [
        (change(PASSWORD, "short"), 400, "invalid_password"),
        (change("", NEW), 401, "unauthorized"),
        (change("wrong", NEW), 401, "unauthorized"),
    ] {
        let refused = session.post("/api/security/change-password", body).await.expect(status);
        assert_eq!(refused.json()["code"], code);
    }
    let narrow = server.may(&["monitoring:read"]);
    narrow.post("/api/security/change-password", change(PASSWORD, NEW)).await.expect(403);
    let done = session.post("/api/security/change-password", change(PASSWORD, NEW)).await.expect(200).json();
    assert_eq!((&done["success"], &done["requiresRestart"]), (&json!(true), &json!(false)));
    session.get("/api/state").await.expect(401);
    other.get("/api/state").await.expect(401);
    server.admin().get("/api/state").await.expect(200);
    server.log_in(PASSWORD).await.expect(401);
    server.restarted().log_in(NEW).await.expect(200);
}

#[tokio::test]
async fn basic_works_and_fails_into_the_lockout() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let server = TestServer::set_up();
    let basic = |password: &str| {
        server
            .anybody()
            .with("authorization", &format!("Basic {}", STANDARD.encode(format!("{USER}:{password}"))))
    };
    let answer = basic(PASSWORD).get("/api/state").await.expect(200);
    assert!(answer.set_cookies().is_empty(), "no session is made for every request");
    for _ in 0..5 {
        basic("wrong").get("/api/state").await.expect(401);
    }
    basic(PASSWORD).get("/api/state").await.expect(401);
}
