//! Roles and who has which, over the whole application: kept, enforced at once, and no way to more rights.

use axum::body::Body;
use http::{Method, StatusCode};
use pulse_core::scope::Scope;
use serde_json::{Value, json};

use crate::{
    harness::{TOKEN, TestServer},
    rights::behind_proxy,
};

fn licensed() -> TestServer {
    TestServer::set_up_with(|settings| settings.is_development = true)
}

async fn call(server: &TestServer, method: Method, path: &str, body: Value) -> (u16, Value) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let answer = server.call(method, &format!("/api/admin{path}"), Some(TOKEN), &body).await;
    let text = answer.text();
    (answer.status.as_u16(), serde_json::from_str(&text).unwrap_or(Value::Null))
}

#[tokio::test]
async fn a_role_is_made_changed_given_taken_and_deleted() {
    let server = licensed();
    let (status, roles) = call(&server, Method::GET, "/roles", Value::Null).await;
    let ids = |roles: &Value| -> Vec<String> {
        roles.as_array().unwrap().iter().map(|role| role["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        (status, ids(&roles)),
        (200, ["admin", "operator", "viewer", "auditor"].map(str::to_owned).to_vec())
    );
    assert_eq!(
        (&roles[0]["isBuiltIn"], &roles[0]["createdAt"]),
        (&json!(true), &json!("2026-03-04T05:06:07Z"))
    );

    let wish = json!({"id": "night", "name": "Night <b>shift</b>", "description": "", "parentId": "viewer",
        "permissions": [{"action": "write", "resource": "alerts", "effect": "allow"}], "isBuiltIn": true});
    let (status, made) = call(&server, Method::POST, "/roles", wish.clone()).await;
    // What the request says of being built in does not count.
    assert_eq!((status, &made["isBuiltIn"], &made["parentId"]), (200, &json!(false), &json!("viewer")));
    assert_eq!((&made["createdAt"], &made["name"]), (&json!("2026-03-04T05:06:07Z"), &wish["name"]));
    assert_eq!(call(&server, Method::GET, "/roles/night", Value::Null).await, (200, made.clone()));

    assert_eq!(call(&server, Method::PUT, "/users/kim/roles", json!({"roleIds": ["night"]})).await.0, 204);
    // The reference's form adds one; the original's would have cleared them.
    assert_eq!(call(&server, Method::POST, "/users/kim/roles", json!({"role_id": "auditor"})).await.0, 204);
    let (_, kim) = call(&server, Method::GET, "/users/kim", Value::Null).await;
    assert_eq!((&kim["username"], &kim["roleIds"]), (&json!("kim"), &json!(["auditor", "night"])));
    assert_eq!(call(&server, Method::GET, "/users/kim/roles", Value::Null).await.1, kim);
    assert_eq!(call(&server, Method::GET, "/users", Value::Null).await.1, json!([kim]));
    let (_, may) = call(&server, Method::GET, "/users/kim/permissions", Value::Null).await;
    let may: Vec<String> = may
        .as_array()
        .unwrap()
        .iter()
        .map(|each| format!("{} {}", each["action"].as_str().unwrap(), each["resource"].as_str().unwrap()))
        .collect();
    assert_eq!(
        may,
        ["read *", "read alerts", "read audit_logs", "read compliance", "read nodes", "write alerts"]
    );
    assert_eq!(call(&server, Method::GET, "/users/pat/permissions", Value::Null).await, (200, Value::Null));

    assert_eq!(call(&server, Method::DELETE, "/users/kim/roles/auditor", Value::Null).await.0, 204);
    let server = TestServer::over_data_of(server, |settings| settings.is_development = true);
    assert_eq!(call(&server, Method::GET, "/users/kim", Value::Null).await.1["roleIds"], json!(["night"]));
    assert_eq!(call(&server, Method::DELETE, "/roles/night", Value::Null).await.0, 204);
    assert_eq!(call(&server, Method::DELETE, "/roles/night", Value::Null).await.0, 204);
    // Nobody has it any more, whoever makes one of that name next.
    assert_eq!(call(&server, Method::GET, "/users/kim", Value::Null).await.1["roleIds"], json!([]));
    assert_eq!(call(&server, Method::DELETE, "/users/kim", Value::Null).await.0, 204);
    assert_eq!(call(&server, Method::GET, "/users/kim", Value::Null).await.0, 404);
}

#[tokio::test]
async fn what_no_server_could_enforce_is_refused_and_built_in_roles_stay() {
    let server = licensed();
    let role = |more: Value| {
        let mut role = json!({"id": "x", "name": "X", "permissions": []});
        role.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        role
    };
    let permission = |permission: Value| role(json!({"permissions": [permission]}));
    for (body, status, code) in [
        (role(json!({"id": ""})), 400, "invalid_role_id"),
        (role(json!({"id": "../x"})), 400, "invalid_role_id"),
        (role(json!({"id": "admin"})), 409, "save_failed"),
        (role(json!({"parentId": "x"})), 400, "save_failed"),
        (role(json!({"name": "n".repeat(10_000)})), 400, "save_failed"),
        (permission(json!({"action": "fly", "resource": "nodes"})), 400, "invalid_permission"),
        (permission(json!({"action": "read", "resource": "moon"})), 400, "invalid_permission"),
        (
            permission(json!({"action": "read", "resource": "nodes", "conditions": {"tag": "a"}})),
            400,
            "invalid_permission",
        ),
        (json!([]), 400, "invalid_json"),
    ] {
        let (got, answer) = call(&server, Method::POST, "/roles", body.clone()).await;
        assert_eq!((got, &answer["code"]), (status, &json!(code)), "{body}");
    }
    assert_eq!(call(&server, Method::DELETE, "/roles/viewer", Value::Null).await.1["code"], "delete_failed");
    call(&server, Method::POST, "/roles", role(json!({"id": "a"}))).await;
    call(&server, Method::POST, "/roles", role(json!({"id": "b", "parentId": "a"}))).await;
    assert_eq!(call(&server, Method::DELETE, "/roles/a", Value::Null).await.0, 409);
    let give = async |user: &str, body: Value| {
        let (status, answer) = call(&server, Method::PUT, &format!("/users/{user}/roles"), body).await;
        (status, answer["code"].clone())
    };
    assert_eq!(give("kim", json!({"roleIds": ["gone"]})).await, (400, json!("update_failed")));
    assert_eq!(give("kim", json!({"roleIds": ["<b>"]})).await, (400, json!("invalid_role_id")));
    assert_eq!(give("k%20m", json!({"roleIds": []})).await, (400, json!("invalid_username")));
    assert_eq!(give("%E2%80%AEmik", json!({"roleIds": []})).await, (400, json!("invalid_username")));
    assert_eq!(give("kim", json!({})).await, (400, json!("invalid_json")));
    assert_eq!(call(&server, Method::GET, "/users", Value::Null).await.1, json!([]));
}

#[tokio::test]
async fn a_token_without_every_right_neither_makes_roles_nor_gives_them() {
    let server = licensed();
    let narrow = server.token([Scope::SettingsRead, Scope::SettingsWrite]);
    let role = r#"{"id":"x","name":"X","permissions":[{"action":"admin","resource":"*"}]}"#;
    for (method, path, body) in [
        (Method::POST, "/api/admin/roles", role),
        (Method::POST, "/api/admin/roles/", role),
        (Method::PUT, "/api/admin/roles/x", role),
        (Method::DELETE, "/api/admin/roles/x", ""),
        (Method::PUT, "/api/admin/users/kim/roles", r#"{"roleIds":["admin"]}"#),
        (Method::POST, "/api/admin/users/kim/roles", r#"{"role_id":"admin"}"#),
        (Method::DELETE, "/api/admin/users/kim/roles/viewer", ""),
        (Method::DELETE, "/api/admin/users/kim", ""),
    ] {
        let answer = server.call(method.clone(), path, Some(&narrow), body).await;
        assert_eq!(answer.expect(403).json()["requiredScope"], "*", "{method} {path}");
    }
    server.get("/api/admin/roles", &narrow).await.expect(200);
    let reader = server.token([Scope::MonitoringRead]);
    assert_eq!(
        server.get("/api/admin/users", &reader).await.expect(403).json()["requiredScope"],
        "settings:read"
    );
}

#[tokio::test]
async fn roles_given_to_somebody_hold_at_once_and_only_for_them() {
    let server = behind_proxy();
    let user = |name: &str| {
        server.anybody().from("127.0.0.1").with("x-proxy-secret", "between-us").with("x-user", name)
    };
    let kim = user("kim");
    // Nobody said anything of kim's rights: an administrator, as the contract has it.
    kim.get("/api/security/tokens").await.expect(200);
    let give = async |roles: Value| {
        let body = json!({"roleIds": roles}).to_string();
        let path = "/api/admin/users/kim/roles";
        server.call(Method::PUT, path, Some(TOKEN), &body).await.expect(204);
    };
    give(json!(["viewer"])).await;
    kim.get("/api/security/tokens").await.expect(403);
    kim.get("/api/state").await.expect(200);
    for (method, path) in [
        (Method::POST, "/api/alerts/acknowledge"),
        (Method::POST, "/api/admin/roles"),
        (Method::PUT, "/api/admin/users/kim/roles"),
        (Method::DELETE, "/api/admin/users/kim"),
        (Method::POST, "/api/system/settings/update"),
    ] {
        let body = Body::from(r#"{"roleIds":["admin"]}"#);
        let answer = kim.clone().send(method.clone(), path, body).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{method} {path}");
    }
    user("KIM").get("/api/security/tokens").await.expect(403);
    user("pat").get("/api/security/tokens").await.expect(200);
    // An auditor reads the audit log and no settings.
    give(json!(["auditor"])).await;
    kim.get("/api/audit").await.expect(200);
    kim.get("/api/system/settings").await.expect(403);
    kim.get("/api/admin/webhooks/audit").await.expect(403);
    give(json!([])).await;
    kim.get("/api/state").await.expect(403);
    kim.get("/api/audit").await.expect(403);
    // What the proxy itself says of its administrators stays.
    kim.clone().with("x-roles", "admin").get("/api/security/tokens").await.expect(200);
    kim.clone().with("x-roles", "other").get("/api/state").await.expect(403);
}

#[tokio::test]
async fn the_password_of_this_server_is_its_owners_whatever_roles_its_name_has() {
    let server = licensed();
    let path = "/api/admin/users/admin/roles";
    server.call(Method::PUT, path, Some(TOKEN), r#"{"roleIds":["viewer"]}"#).await.expect(204);
    server.session().await.get("/api/admin/roles").await.expect(200);
    server.get("/api/admin/roles", TOKEN).await.expect(200);
}
