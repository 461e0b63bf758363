//! API tokens.

use http::Method;
use serde_json::{Value, json};

use crate::harness::{TOKEN, TestServer};

const PATH: &str = "/api/security/tokens";

#[tokio::test]
async fn a_token_is_shown_once_works_and_is_deleted() {
    let server = TestServer::set_up();
    let body = json!({"name": "ci", "scopes": ["settings:read", "docker:report", "settings:read"]});
    let made = server.admin().post(PATH, body).await.expect(200).json();
    let (value, record) = (made["token"].as_str().unwrap(), &made["record"]);
    assert_eq!(value.len(), 64);
    assert_eq!((&record["prefix"], &record["suffix"]), (&json!(value[..6]), &json!(value[60..])));
    assert_eq!(record["scopes"], json!(["docker:report", "settings:read"]));
    assert!(record.get("lastUsedAt").is_none());

    let client = server.anybody().with("x-api-token", value);
    let listed = client.get(PATH).await.expect(200);
    assert!(!listed.text().contains(value) && !listed.text().contains("hash"));
    let listed = listed.json();
    assert_eq!(
        (&listed["tokens"][0]["name"], &listed["tokens"][1]["name"]),
        (&json!("ci"), &json!("Primary token"))
    );
    assert_eq!(listed["tokens"][0]["lastUsedAt"], "2026-03-04T05:06:07Z");
    client.post(PATH, json!({})).await.expect(403);

    let id = record["id"].as_str().unwrap();
    server.admin().delete(&format!("{PATH}/{id}")).await.expect(204);
    client.get(PATH).await.expect(401);
    let again = server.admin().delete(&format!("{PATH}/{id}")).await;
    assert_eq!(again.plain(), (404, "Token not found".to_owned()));
    server.restarted().anybody().with("x-api-token", value).get(PATH).await.expect(401);
}

#[tokio::test]
async fn tokens_made_survive_a_restart() {
    let server = TestServer::set_up();
    let made = server.admin().send(Method::POST, PATH, axum::body::Body::empty()).await.expect(200).json();
    assert_eq!((&made["record"]["name"], &made["record"]["scopes"]), (&json!("API token"), &json!(["*"])));
    let server = server.restarted();
    server
        .anybody()
        .with("authorization", &format!("bearer {}", made["token"].as_str().unwrap()))
        .get(PATH)
        .await
        .expect(200);
}

#[tokio::test]
async fn lists_of_scopes_are_checked() {
    let server = TestServer::set_up();
    for (scopes, expect) in [
        (json!([]), "select at least one scope or omit the field for full access"),
        (json!([" "]), "scope identifiers cannot be blank"),
        (json!(["x"]), "unknown scope \"x\""),
        (json!(["*", "docker:report"]), "wildcard '*' cannot be combined with other scopes"),
    ] {
        let refused = server.admin().post(PATH, json!({"name": "x", "scopes": scopes})).await;
        assert_eq!(refused.plain(), (400, expect.to_owned()));
    }
    for body in [json!([]), json!({"scopes": "all"}), json!({"name": {}})] {
        let (status, text) = server.admin().post(PATH, body).await.plain();
        assert!(status == 400 && text.starts_with("Invalid request body"), "{text}");
    }
    assert_eq!(server.state.access.tokens.current().len(), 1);
}

#[tokio::test]
async fn a_token_cannot_make_one_that_may_more() {
    let server = TestServer::set_up();
    let narrow = server.may(&["settings:write", "docker:report"]);
    narrow.post(PATH, json!({"scopes": ["docker:report"]})).await.expect(200);
    for scopes in [json!(["settings:read"]), json!(["*"]), Value::Null] {
        let refused = narrow.post(PATH, json!({"scopes": scopes})).await.expect(403).json();
        assert_eq!(refused["error"], "missing_scope");
    }
}

#[tokio::test]
async fn a_value_can_be_asked_about() {
    let server = TestServer::set_up();
    let ask = async |token: &str| {
        let answer = server.admin().post("/api/security/validate-token", json!({"token": token})).await;
        (answer.status.as_u16(), answer.json())
    };
    assert_eq!(ask(TOKEN).await, (200, json!({"valid": true, "message": "Token is valid"})));
    assert_eq!(ask("x").await, (200, json!({"valid": false, "message": "Token is invalid"})));
    assert_eq!(ask("").await, (400, json!({"valid": false, "message": "Token is required"})));
}

#[tokio::test]
async fn regenerating_replaces_them_all() {
    let server = TestServer::set_up();
    let narrow = server.may(&["monitoring:read"]);
    narrow.post("/api/security/regenerate-token", json!({})).await.expect(403);
    let new = server.admin().post("/api/security/regenerate-token", json!({})).await.expect(200).json();
    assert_eq!((&new["success"], &new["requiresRestart"]), (&json!(true), &json!(false)));
    server.admin().get(PATH).await.expect(401);
    narrow.get("/api/state").await.expect(401);
    let server = server.restarted();
    server.anybody().with("x-api-token", new["token"].as_str().unwrap()).get(PATH).await.expect(200);
}

#[tokio::test]
async fn a_user_of_the_proxy_who_is_no_administrator_sees_no_tokens() {
    let data = tempfile::tempdir().unwrap();
    let server = TestServer::over(data, |settings| {
        settings.proxy_auth = Some(pulse_config::ProxyAuth {
            secret: pulse_config::Secret::new("s"),
            user_header: Some("X-User".into()),
            role_header: Some("X-Roles".into()),
            role_separator: "|".into(),
            admin_role: Some("admin".into()),
            logout_url: None,
        });
    });
    let user =
        |roles: &str| server.anybody().with("x-proxy-secret", "s").with("x-user", "u").with("x-roles", roles);
    let refused = user("viewer").get(PATH).await.expect(403).json();
    assert_eq!(refused, json!({"error": "Admin privileges required"}));
    user("viewer").get("/api/state").await.expect(200);
    user("viewer|admin").get(PATH).await.expect(200);
}

#[tokio::test]
async fn a_token_whose_time_is_over_is_nobody_and_can_be_given_more() {
    let server = TestServer::set_up();
    let body = json!({"name": "guest", "scopes": ["monitoring:read"], "expiresAt": "2026-03-04T06:00:00Z"});
    let made = server.admin().post(PATH, body).await.expect(200).json();
    assert_eq!(made["record"]["expiresAt"], "2026-03-04T06:00:00Z");
    let guest = server.anybody().with("x-api-token", made["token"].as_str().unwrap());
    guest.get("/api/state").await.expect(200);
    server.clock.advance(jiff::SignedDuration::from_hours(1));
    guest.get("/api/state").await.expect(401);
    let asked = json!({"token": made["token"]});
    let told = server.admin().post("/api/security/validate-token", asked).await.expect(200).json();
    assert_eq!(told["valid"], false);

    let path = format!("{PATH}/{}", made["record"]["id"].as_str().unwrap());
    let past = server.admin().patch(&path, json!({"expiresAt": "2026-03-04T05:30:00Z"})).await;
    assert_eq!(past.status.as_u16(), 400, "{}", past.text());
    let longer = server.admin().patch(&path, json!({"expiresAt": "2026-03-05T00:00:00Z"})).await.expect(200);
    assert_eq!(longer.json()["expiresAt"], "2026-03-05T00:00:00Z");
    guest.get("/api/state").await.expect(200);
    let for_ever = server.admin().patch(&path, json!({"expiresAt": null})).await.expect(200).json();
    assert!(for_ever.get("expiresAt").is_none());
    for nonsense in [json!("soon"), json!(0), json!({}), json!("2026-13-45T00:00:00Z")] {
        server.admin().patch(&path, json!({"expiresAt": nonsense})).await.expect(400);
    }
    server.admin().post(PATH, json!({"expiresAt": "2020-01-01T00:00:00Z"})).await.expect(400);
}

#[tokio::test]
async fn a_token_is_renamed_and_narrowed_at_once_and_for_good() {
    let server = TestServer::set_up();
    let made = server.admin().post(PATH, json!({"name": "ci"})).await.expect(200).json();
    let (value, path) =
        (made["token"].as_str().unwrap(), format!("{PATH}/{}", made["record"]["id"].as_str().unwrap()));
    let ci = server.anybody().with("x-api-token", value);
    ci.get(PATH).await.expect(200);
    let change = json!({"name": "  build ", "scopes": ["monitoring:read"]});
    let edited = server.admin().patch(&path, change).await.expect(200).json();
    assert_eq!((&edited["name"], &edited["scopes"]), (&json!("build"), &json!(["monitoring:read"])));
    assert!(!edited.to_string().contains("hash") && edited.get("token").is_none());
    ci.get(PATH).await.expect(403);
    ci.get("/api/state").await.expect(200);
    server.admin().patch(&path, json!({})).await.expect(200);
    server.admin().patch(&format!("{PATH}/no-such-id"), json!({"name": "x"})).await.expect(404);
    for nonsense in [json!({"scopes": []}), json!({"scopes": ["x"]}), json!([]), json!({"name": 5})] {
        server.admin().patch(&path, nonsense).await.expect(400);
    }
    let server = server.restarted();
    let ci = server.anybody().with("x-api-token", value);
    ci.get("/api/state").await.expect(200);
    ci.get(PATH).await.expect(403);
}

#[tokio::test]
async fn a_token_neither_widens_itself_nor_takes_over_a_mightier_one() {
    let server = TestServer::set_up();
    let narrow = server.may(&["settings:write", "settings:read"]);
    let tokens = server.admin().get(PATH).await.json();
    let id_of = |name: &str| {
        let all = tokens["tokens"].as_array().unwrap();
        all.iter().find(|token| token["name"] == name).unwrap()["id"].as_str().unwrap().to_owned()
    };
    let own = format!("{PATH}/{}", id_of("narrow"));
    for scopes in [json!(["*"]), json!(["settings:write", "monitoring:write"])] {
        assert_eq!(
            narrow.patch(&own, json!({"scopes": scopes})).await.expect(403).json()["error"],
            "missing_scope"
        );
    }
    // Neither is a mightier one narrowed, renamed or cut short by it.
    let mighty = format!("{PATH}/{}", id_of("Primary token"));
    for change in [
        json!({"scopes": ["settings:read"]}),
        json!({"name": "mine"}),
        json!({"expiresAt": "2026-03-04T06:00:00Z"}),
    ] {
        narrow.patch(&mighty, change).await.expect(403);
    }
    server.may(&["settings:read"]).patch(&own, json!({"name": "x"})).await.expect(403);
}
