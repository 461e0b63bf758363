//! Every route that Pulse v5 has, whether this server serves it or not, tried by everybody who must not get through.
//! `routes.tsv` is the contract's list: methods, path, who may, scopes. What the document of this server has beside it,
//! `gate.rs` and `rights.rs` try.

use axum::body::Body;
use http::Method;
use pulse_core::credential::ScopeSet;

use crate::{
    harness::{Answer, TestServer},
    rights::behind_proxy,
};

const ROUTES: &str = include_str!("routes.tsv");

/// Routes that anybody may call, beside those the contract calls public.
const ALSO_PUBLIC: &[&str] = &[
    // They look at what is sent by themselves.
    "/api/security/quick-setup",
    "/api/auto-register",
    // The page, which holds nothing.
    "/",
];

/// Changes that need no CSRF token (contract A-01 §6): they precede every session, or prove something stronger.
const NO_CSRF: &[&str] = &[
    "/api/login",
    "/api/oidc/login",
    "/api/security/quick-setup",
    "/api/security/apply-restart",
    "/api/security/validate-bootstrap-token",
];

struct Route {
    methods: Vec<Method>,
    path: String,
    access: &'static str,
    scopes: &'static str,
}

impl Route {
    fn is_public(&self) -> bool {
        self.access.starts_with("public") || ALSO_PUBLIC.contains(&self.path.as_str())
    }

    /// What changes nothing is not asked for proof.
    fn changes(&self) -> impl Iterator<Item = &Method> {
        self.methods.iter().filter(|method| !matches!(**method, Method::GET | Method::HEAD | Method::OPTIONS))
    }
}

/// Placeholders filled with what exists nowhere; what is in square brackets may be left out, and is.
fn concrete(path: &str) -> String {
    let path = path.split('[').next().unwrap_or_default();
    path.split('/')
        .map(|part| if part.contains('{') || part.contains('*') { "no-such-thing" } else { part })
        .collect::<Vec<_>>()
        .join("/")
}

fn routes() -> Vec<Route> {
    let routes: Vec<Route> = ROUTES
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut columns = line.split('\t');
            let (methods, path) = (columns.next()?, columns.next()?);
            let (access, scopes) = (columns.next()?, columns.next()?);
            let methods = if methods == "any" { "GET,POST,PUT,DELETE" } else { methods };
            let methods = methods.split(',').map(|method| method.parse().unwrap()).collect();
            path.starts_with('/').then(|| Route { methods, path: concrete(path), access, scopes })
        })
        .collect();
    assert!(routes.len() > 300, "{} routes", routes.len());
    routes
}

/// Not let through: refused, or there is nothing there. A 400 would mean that the body was looked at.
fn is_refused(answer: &Answer) -> bool {
    matches!(answer.status.as_u16(), 401..=405)
}

#[tokio::test]
async fn no_route_of_the_original_answers_a_stranger() {
    let server = TestServer::set_up();
    for route in routes().iter().filter(|route| !route.is_public()) {
        for method in &route.methods {
            if method == Method::OPTIONS {
                continue;
            }
            for body in ["", "{}"] {
                let answer = server.call(method.clone(), &route.path, None, body).await;
                assert_eq!(answer.status, 401, "{method} {}: {}", route.path, answer.text());
            }
        }
    }
}

#[tokio::test]
async fn no_route_of_the_original_takes_a_token_that_lacks_its_scope() {
    let server = TestServer::over(tempfile::tempdir().unwrap(), |settings| settings.is_development = true);
    let narrow = server.token_with(ScopeSet::from_names(["nothing:at-all"]));
    for route in routes().iter().filter(|route| !route.is_public() && route.scopes != "-") {
        for method in &route.methods {
            let answer = server.call(method.clone(), &route.path, Some(&narrow), "{}").await;
            assert!(
                is_refused(&answer) && answer.status != 401,
                "{method} {} answers {}: {}",
                route.path,
                answer.status,
                answer.text()
            );
        }
    }
}

#[tokio::test]
async fn no_change_of_the_original_rides_on_a_session_without_its_csrf_token() {
    let server = TestServer::set_up();
    let session = server.session().await.from("127.0.0.1").with("x-csrf-token", "Zm9yZ2Vk");
    let mut tried = 0;
    for route in routes().iter().filter(|route| {
        route.path.starts_with("/api/") && !route.is_public() && !NO_CSRF.contains(&route.path.as_str())
    }) {
        for method in route.changes() {
            let answer = session.send(method.clone(), &route.path, Body::from("{}")).await;
            let is_csrf = answer.plain() == (403, "CSRF token validation failed".to_owned());
            let is_nothing = matches!(answer.status.as_u16(), 404 | 405);
            assert!(is_csrf || is_nothing, "{method} {}: {}", route.path, answer.text());
            tried += usize::from(is_csrf);
        }
    }
    assert!(tried > 80, "{tried}");
}

#[tokio::test]
async fn no_route_for_administrators_of_the_original_takes_a_user_of_the_proxy_without_that_role() {
    let server = behind_proxy();
    let user = server
        .anybody()
        .from("127.0.0.1")
        .with("x-proxy-secret", "between-us")
        .with("x-user", "kim")
        .with("x-roles", "viewer|operator");
    let mut tried = 0;
    for route in routes() {
        let is_for_admins = route.access == "admin"
            || route.access.starts_with("perm(admin users")
            || route.access.contains("settings)")
            || route.scopes.starts_with("settings:");
        // The role operator reads the audit log, and the history that reports are made of (contract A-05).
        let is_read = matches!(route.access, "perm(read audit_logs)" | "perm(read nodes)");
        if !is_for_admins || route.is_public() || is_read {
            continue;
        }
        for method in &route.methods {
            let answer = user.send(method.clone(), &route.path, Body::from("{}")).await;
            assert!(
                is_refused(&answer) && answer.status != 401,
                "{method} {} ({}) answers {}: {}",
                route.path,
                route.access,
                answer.status,
                answer.text()
            );
            tried += 1;
        }
    }
    assert!(tried > 100, "{tried}");
}
