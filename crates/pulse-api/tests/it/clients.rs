//! Clients of each kind: nobody, a token, a session of the page.

use std::net::SocketAddr;

use axum::body::Body;
use http::{HeaderMap, Method, Request, StatusCode, header};
use pulse_api::auth::Peer;
use pulse_auth::{ScopeSet, token};
use pulse_core::Clock;
use serde_json::Value;

use crate::harness::{Answer, PASSWORD, TOKEN, TestServer, USER};

impl TestServer {
    /// A client without credentials.
    pub fn anybody(&self) -> Client<'_> {
        Client { server: self, headers: HeaderMap::new(), peer: ([192, 0, 2, 7], 4711).into() }
    }

    /// A client with the first token, which may do everything.
    pub fn admin(&self) -> Client<'_> {
        self.anybody().with("x-api-token", TOKEN)
    }

    /// A client whose token may do just that.
    pub fn may(&self, scopes: &[&str]) -> Client<'_> {
        let value = format!("token-that-may-{}", scopes.join("-"));
        let scopes = ScopeSet::from_names(scopes);
        let record = token::record(&value, "narrow", scopes, self.clock.now());
        self.state.access.tokens.add(record).unwrap();
        self.anybody().with("x-api-token", &value)
    }

    /// A client that has logged in, with its CSRF token.
    pub async fn session(&self) -> Client<'_> {
        let answer = self.log_in(PASSWORD).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let (session, csrf) = (answer.cookie("pulse_session"), answer.cookie("pulse_csrf"));
        let cookies = format!("pulse_session={session}; pulse_csrf={csrf}");
        self.anybody().with("cookie", &cookies).with("x-csrf-token", &csrf)
    }

    pub async fn log_in(&self, password: &str) -> Answer {
        let body = serde_json::json!({"username": USER, "password": password});
        self.anybody().post("/api/login", body).await
    }
}

/// A client with its headers.
#[derive(Clone)]
pub struct Client<'a> {
    server: &'a TestServer,
    headers: HeaderMap,
    peer: SocketAddr,
}

impl Client<'_> {
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(name, value.parse().unwrap());
        self
    }

    pub fn from(mut self, address: &str) -> Self {
        self.peer = SocketAddr::new(address.parse().unwrap(), 4711);
        self
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, Body::empty()).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, Body::empty()).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Body::from(body.to_string())).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, Body::from(body.to_string())).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, Body::from(body.to_string())).await
    }

    pub async fn send(&self, method: Method, path: &str, body: Body) -> Answer {
        let mut request = Request::builder().method(method).uri(path).body(body).unwrap();
        *request.headers_mut() = self.headers.clone();
        request.extensions_mut().insert(Peer(self.peer));
        self.server.send(request).await
    }
}

impl Answer {
    /// Status and text without the line's end.
    pub fn plain(&self) -> (u16, String) {
        (self.status.as_u16(), self.text().trim_end().to_owned())
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self
    }

    pub fn set_cookies(&self) -> Vec<&str> {
        self.headers.get_all(header::SET_COOKIE).iter().map(|value| value.to_str().unwrap()).collect()
    }

    /// The value of a cookie that was set.
    pub fn cookie(&self, name: &str) -> String {
        let start = format!("{name}=");
        let cookies = self.set_cookies();
        let cookie = cookies.iter().find_map(|cookie| cookie.strip_prefix(&start));
        cookie.unwrap_or_else(|| panic!("no {name} in {cookies:?}")).split(';').next().unwrap().to_owned()
    }
}
