//! Login by a provider that lies, breaks off or takes back its word. A provider that behaves is in the black-box tests.

use std::sync::{Arc, Mutex};

use axum::{Json, Router, extract::State, response::IntoResponse, routing};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::StatusCode;
use jiff::SignedDuration;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use crate::{clients::Client, harness::TestServer};

/// What the provider is to say next.
#[derive(Clone, Default)]
struct Script {
    /// Over what it would say of itself.
    metadata: Map<String, Value>,
    /// The header of its tokens.
    header: Option<Value>,
    /// Over the claims of a right token; null takes one away.
    claims: Map<String, Value>,
    /// Whether somebody else signs.
    is_forged: bool,
    /// An answer to whoever asks for tokens, instead of tokens.
    answer: Option<(u16, String)>,
}

struct Provider {
    issuer: String,
    script: Mutex<Script>,
    asked: Mutex<Vec<String>>,
    key: EcdsaKeyPair,
    other_key: EcdsaKeyPair,
    now: Mutex<i64>,
    nonce: Mutex<String>,
    /// What the last login said it would prove.
    challenge: Mutex<String>,
}

fn new_key() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let bytes = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, bytes.as_ref(), &random).unwrap()
}

fn over(mut base: Value, changes: &Map<String, Value>) -> Value {
    for (key, value) in changes {
        base[key] = value.clone();
    }
    base
}

impl Provider {
    async fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let provider = Arc::new(Self {
            issuer: format!("http://{}", listener.local_addr().unwrap()),
            script: Mutex::default(),
            asked: Mutex::default(),
            key: new_key(),
            other_key: new_key(),
            now: Mutex::default(),
            nonce: Mutex::default(),
            challenge: Mutex::default(),
        });
        let app = Router::new()
            .route("/.well-known/openid-configuration", routing::get(metadata))
            .route("/keys", routing::get(keys))
            .route("/token", routing::post(tokens))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        provider
    }

    fn says(&self, change: impl FnOnce(&mut Script)) {
        let mut script = Script::default();
        change(&mut script);
        *self.script.lock().unwrap() = script;
    }

    fn id_token(&self, script: &Script) -> String {
        let now = *self.now.lock().unwrap();
        let right = json!({
            "iss": self.issuer, "aud": "pulse", "sub": "u1", "preferred_username": "kim", "groups": ["ops"],
            "iat": now, "exp": now + 300, "nonce": *self.nonce.lock().unwrap(),
        });
        let claims = over(right, &script.claims);
        let header = script.header.clone().unwrap_or(json!({"alg": "ES256", "kid": "k1"}));
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let key = if script.is_forged { &self.other_key } else { &self.key };
        let signature = key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

async fn metadata(State(provider): State<Arc<Provider>>) -> Json<Value> {
    let issuer = &provider.issuer;
    let right = json!({
        "issuer": issuer, "authorization_endpoint": format!("{issuer}/auth"),
        "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/keys"),
    });
    Json(over(right, &provider.script.lock().unwrap().metadata))
}

async fn keys(State(provider): State<Arc<Provider>>) -> Json<Value> {
    let point = provider.key.public_key().as_ref().to_vec();
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    Json(json!({"keys": [
        {"kty": "EC", "crv": "P-256", "kid": "k1", "x": text(&point[1..33]), "y": text(&point[33..])},
    ]}))
}

async fn tokens(State(provider): State<Arc<Provider>>, body: String) -> axum::response::Response {
    provider.asked.lock().unwrap().push(body.clone());
    let script = provider.script.lock().unwrap().clone();
    if let Some((status, text)) = script.answer {
        return (StatusCode::from_u16(status).unwrap(), text).into_response();
    }
    Json(json!({
        "access_token": "a", "token_type": "Bearer", "expires_in": 600,
        "refresh_token": format!("refresh-{}", provider.asked.lock().unwrap().len()),
        "id_token": provider.id_token(&script),
    }))
    .into_response()
}

async fn set_up() -> (TestServer, Arc<Provider>) {
    let (server, provider) = (TestServer::set_up(), Provider::start().await);
    let config = json!({
        "enabled": true, "issuerUrl": provider.issuer, "clientId": "pulse", "clientSecret": "s",
        "redirectUrl": "https://pulse.example/api/oidc/callback", "groupsClaim": "groups", "allowedGroups": ["ops"],
    });
    server.admin().put("/api/security/oidc", config).await.expect(200);
    (server, provider)
}

/// Goes through a login: a client with the cookies of what came of it, and where it ended.
async fn log_in<'a>(server: &'a TestServer, provider: &Provider) -> (Client<'a>, String) {
    log_in_answered(server, provider, "").await
}

/// The same with something more in the address that the browser comes back with.
async fn log_in_answered<'a>(
    server: &'a TestServer,
    provider: &Provider,
    more: &str,
) -> (Client<'a>, String) {
    let browser = server.anybody().from("127.0.0.1");
    let begun = browser.get("/api/oidc/login").await.expect(302);
    let url = begun.headers["location"].to_str().unwrap().to_owned();
    let Some((_, query)) = url.split_once("/auth?") else { return (browser, url) };
    let parameter = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).unwrap().1.to_owned()
    };
    *provider.nonce.lock().unwrap() = parameter("nonce");
    assert_eq!(parameter("code_challenge_method"), "S256");
    *provider.challenge.lock().unwrap() = parameter("code_challenge");
    *provider.now.lock().unwrap() = server.state.now().as_second();
    let cookie = format!("pulse_oidc={}", begun.cookie("pulse_oidc"));
    let path = format!("/api/oidc/callback?code=c&state={}{more}", parameter("state"));
    let answer = browser.clone().with("cookie", &cookie).get(&path).await.expect(302);
    let end = answer.headers["location"].to_str().unwrap().to_owned();
    let session = answer.set_cookies().iter().any(|cookie| cookie.starts_with("pulse_session="));
    if !session {
        return (browser, end);
    }
    let cookie = format!("pulse_session={}", answer.cookie("pulse_session"));
    (browser.with("cookie", &cookie), end)
}

#[tokio::test]
async fn a_provider_that_lies_logs_nobody_in() {
    let (server, provider) = set_up().await;
    let check = async |what: &str, code: &str| {
        let (browser, end) = log_in(&server, &provider).await;
        assert_eq!(end, format!("/?oidc=error&oidc_error={code}"), "{what}");
        browser.get("/api/state").await.expect(401);
    };
    for algorithm in ["none", "HS256", "None", ""] {
        provider.says(|script| script.header = Some(json!({"alg": algorithm, "kid": "k1"})));
        check(&format!("alg {algorithm}"), "invalid_signature_alg").await;
    }
    provider.says(|script| script.is_forged = true);
    check("signed by somebody else", "invalid_id_token").await;
    provider.says(|script| script.header = Some(json!({"alg": "RS256", "kid": "k1"})));
    check("a key of another kind", "invalid_id_token").await;
    for (claim, value) in [
        ("iss", json!("http://evil.example")),
        ("aud", json!("another")),
        ("aud", json!(["pulse", "another"])),
        ("azp", json!("another")),
        ("exp", json!(0)),
        ("exp", Value::Null),
        ("iat", json!(9_999_999_999_i64)),
        ("nonce", json!("of another login")),
        ("nonce", Value::Null),
        ("sub", json!("")),
    ] {
        provider.says(|script| _ = script.claims.insert(claim.to_owned(), value.clone()));
        check(&format!("{claim}: {value}"), "invalid_id_token").await;
    }
    for (groups, what) in [(json!([]), "none"), (json!("staff"), "another"), (json!([["ops"]]), "nested")] {
        provider.says(|script| _ = script.claims.insert("groups".to_owned(), groups));
        check(what, "group_restricted").await;
    }
    for (status, text, code) in [
        (200, "{}".to_owned(), "missing_id_token"),
        (200, "no json".to_owned(), "exchange_failed"),
        (400, r#"{"error":"invalid_grant"}"#.to_owned(), "exchange_failed"),
        (500, String::new(), "exchange_failed"),
        (302, String::new(), "exchange_failed"),
        (200, " ".repeat(3 * 1024 * 1024), "exchange_failed"),
        (200, r#"{"id_token":"a.b.c"}"#.to_owned(), "invalid_id_token"),
        (200, r#"{"id_token":7}"#.to_owned(), "oidc_init_failed"),
    ] {
        let what = format!("{status} {text:.20}");
        provider.says(|script| script.answer = Some((status, text)));
        check(&what, code).await;
    }
    provider.says(|_| {});
    let (browser, end) = log_in(&server, &provider).await;
    assert_eq!(end, "/?oidc=success");
    browser.get("/api/state").await.expect(200);
}

#[tokio::test]
async fn a_provider_does_not_lead_the_server_where_it_must_not_go() {
    let (server, provider) = set_up().await;
    for (key, value) in [
        ("jwks_uri", "http://169.254.169.254/latest/meta-data/iam"),
        ("jwks_uri", "http://[::ffff:169.254.169.254]/"),
        ("jwks_uri", "file:///etc/passwd"),
        ("token_endpoint", "ftp://127.0.0.1/"),
        ("authorization_endpoint", "javascript:alert(1)"),
        ("issuer", "http://somebody.else"),
    ] {
        provider.says(|script| _ = script.metadata.insert(key.to_owned(), value.into()));
        let (_, end) = log_in(&server, &provider).await;
        assert_eq!(end, "/?oidc=error&oidc_error=oidc_init_failed", "{key}: {value}");
    }
    // The keys are right and the place for tokens is not: nothing is sent there.
    provider
        .says(|script| _ = script.metadata.insert("token_endpoint".into(), "http://169.254.169.254/".into()));
    assert_eq!(log_in(&server, &provider).await.1, "/?oidc=error&oidc_error=exchange_failed");
    assert!(provider.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_session_lasts_as_long_as_the_provider_vouches_for_it() {
    let (server, provider) = set_up().await;
    let refresh = async || {
        server.clock.advance(SignedDuration::from_mins(6));
        *provider.now.lock().unwrap() = server.state.now().as_second();
        let before = provider.asked.lock().unwrap().len();
        server.state.oidc.refresh_due(&server.state.access, server.state.now()).await;
        provider.asked.lock().unwrap()[before..].join(" ")
    };
    let (kim, _) = log_in(&server, &provider).await;
    let asked = refresh().await;
    assert!(
        asked.contains("grant_type=refresh_token") && asked.contains("refresh_token=refresh-1"),
        "{asked}"
    );
    kim.get("/api/state").await.expect(200);
    // The new refresh token counts from now on.
    assert!(refresh().await.contains("refresh_token=refresh-2"));
    // A provider that is away for a while throws nobody out.
    provider.says(|script| script.answer = Some((503, String::new())));
    assert!(!refresh().await.is_empty());
    kim.get("/api/state").await.expect(200);
    // One that says no ends the session.
    provider.says(|script| script.answer = Some((400, r#"{"error":"invalid_grant"}"#.to_owned())));
    assert!(!refresh().await.is_empty());
    kim.get("/api/state").await.expect(401);
    assert_eq!(refresh().await, "", "what has ended is not asked for again");

    // So does one that says meanwhile that the person is in no allowed group.
    provider.says(|_| {});
    let (kim, _) = log_in(&server, &provider).await;
    provider.says(|script| _ = script.claims.insert("groups".to_owned(), json!(["staff"])));
    refresh().await;
    kim.get("/api/state").await.expect(401);
}

#[tokio::test]
async fn a_code_goes_with_the_secret_of_the_login_that_asked_for_it() {
    let (server, provider) = set_up().await;
    let mut verifiers = Vec::new();
    for _ in 0..2 {
        log_in(&server, &provider).await;
        let asked = provider.asked.lock().unwrap().last().unwrap().clone();
        let verifier = asked.split("code_verifier=").nth(1).unwrap().split('&').next().unwrap().to_owned();
        let digest = ring::digest::digest(&ring::digest::SHA256, verifier.as_bytes());
        assert_eq!(URL_SAFE_NO_PAD.encode(digest), *provider.challenge.lock().unwrap());
        assert!(verifier.len() >= 43 && !asked.contains("code_challenge="));
        verifiers.push(verifier);
    }
    assert_ne!(verifiers[0], verifiers[1]);
}

/// The mix-up attack: an answer of one provider, or its code, comes back as if another had sent it.
#[tokio::test]
async fn an_answer_of_another_provider_than_the_one_that_was_asked_is_not_taken() {
    let (server, provider) = set_up().await;
    let asked = || provider.asked.lock().unwrap().len();
    let refused = "/?oidc=error&oidc_error=invalid_state";
    for sender in ["http%3A%2F%2Fevil.example", "", &provider.issuer.replace("127", "128"), "%00"] {
        let (browser, end) = log_in_answered(&server, &provider, &format!("&iss={sender}")).await;
        assert_eq!(end, refused, "{sender}");
        browser.get("/api/state").await.expect(401);
    }
    assert_eq!(asked(), 0, "no code was sent anywhere");
    let own = format!("&iss={}", provider.issuer.replace(':', "%3A").replace('/', "%2F"));
    assert_eq!(log_in_answered(&server, &provider, &own).await.1, "/?oidc=success");
    // A provider that names itself always may not leave it out.
    let config = json!({"enabled": true, "issuerUrl": provider.issuer, "clientId": "pulse", "clientSecret": "s",
        "redirectUrl": "https://pulse.example/api/oidc/callback"});
    provider.says(|script| {
        let key = "authorization_response_iss_parameter_supported";
        script.metadata.insert(key.to_owned(), json!(true));
    });
    // Saved anew, it is asked anew what it is.
    server.admin().put("/api/security/oidc", config).await.expect(200);
    assert_eq!(log_in(&server, &provider).await.1, refused);
    assert_eq!(log_in_answered(&server, &provider, &own).await.1, "/?oidc=success");
}

/// The same by a change of the configuration between the two halves of a login.
#[tokio::test]
async fn a_login_that_one_provider_began_is_not_ended_by_another() {
    let (server, one) = set_up().await;
    let two = Provider::start().await;
    let browser = server.anybody();
    let begun = browser.get("/api/oidc/login").await.expect(302);
    let url = begun.headers["location"].to_str().unwrap().to_owned();
    let state = url.split("state=").nth(1).unwrap().split('&').next().unwrap();
    let config = json!({"enabled": true, "issuerUrl": two.issuer, "clientId": "pulse", "clientSecret": "s",
        "redirectUrl": "https://pulse.example/api/oidc/callback"});
    server.admin().put("/api/security/oidc", config).await.expect(200);
    let cookie = format!("pulse_oidc={}", begun.cookie("pulse_oidc"));
    let path = format!("/api/oidc/callback?code=of-one&state={state}");
    let end = browser.with("cookie", &cookie).get(&path).await.expect(302);
    assert_eq!(end.headers["location"], "/?oidc=error&oidc_error=invalid_state");
    assert!(one.asked.lock().unwrap().is_empty() && two.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_a_provider_says_at_a_refresh_changes_the_roles_and_never_the_person() {
    let (server, provider) = set_up().await;
    let config = json!({
        "enabled": true, "issuerUrl": provider.issuer, "clientId": "pulse", "clientSecret": "s",
        "redirectUrl": "https://pulse.example/api/oidc/callback", "groupsClaim": "groups",
        "groupRoleMappings": {"ops": "admin", "staff": "viewer"},
    });
    server.admin().put("/api/security/oidc", config).await.expect(200);
    let refresh = async || {
        server.clock.advance(SignedDuration::from_mins(6));
        *provider.now.lock().unwrap() = server.state.now().as_second();
        server.state.oidc.refresh_due(&server.state.access, server.state.now()).await;
    };
    let (kim, _) = log_in(&server, &provider).await;
    kim.get("/api/config/nodes").await.expect(200);
    // From an administrator to somebody who only looks.
    provider.says(|script| _ = script.claims.insert("groups".to_owned(), json!(["staff"])));
    refresh().await;
    kim.get("/api/state").await.expect(200);
    kim.get("/api/config/nodes").await.expect(403);
    provider.says(|script| _ = script.claims.insert("sub".to_owned(), json!("somebody-else")));
    refresh().await;
    kim.get("/api/state").await.expect(401);
}

#[tokio::test]
async fn a_session_of_another_provider_is_nobody() {
    let (server, provider) = set_up().await;
    let (kim, _) = log_in(&server, &provider).await;
    kim.get("/api/state").await.expect(200);
    let other = json!({"enabled": true, "issuerUrl": "http://127.0.0.1:9", "clientId": "pulse"});
    server.admin().put("/api/security/oidc", other).await.expect(200);
    kim.get("/api/state").await.expect(401);
}

#[tokio::test]
async fn a_login_leads_nowhere_but_here() {
    let (server, provider) = set_up().await;
    for target in
        ["//evil.example", "https://evil.example", "/%5Cevil.example", "/\\evil.example", "javascript:x"]
    {
        let begun = server.anybody().get(&format!("/api/oidc/login?returnTo={target}")).await.expect(302);
        let url = begun.headers["location"].to_str().unwrap();
        let state = url.split("state=").nth(1).unwrap().split('&').next().unwrap();
        let cookie = format!("pulse_oidc={}", begun.cookie("pulse_oidc"));
        provider.says(|script| script.answer = Some((500, String::new())));
        let callback = format!("/api/oidc/callback?code=c&state={state}");
        let end = server.anybody().with("cookie", &cookie).get(&callback).await.expect(302);
        assert_eq!(end.headers["location"], "/?oidc=error&oidc_error=exchange_failed", "{target}");
    }
}
