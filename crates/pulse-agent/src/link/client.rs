//! HTTP clients and what all requests to a server share.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use jiff::Timestamp;
use reqwest::{Client, Response, Url, redirect::Policy};

use super::{LinkError, reason, tls};
use crate::settings::Token;

/// For one report, answer included (contract B-10 §3).
const REQUEST_LIMIT: Duration = Duration::from_secs(15);
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// A client for a server. It never follows a redirect: a POST would turn into a GET, and the token would travel.
pub fn client(url: &str, is_insecure: bool) -> Result<Client, LinkError> {
    let url = server_url(url)?;
    build(tls::config(Some(&url), is_insecure)?)
}

/// A client for servers that are not ours: always with TLS checks, never with a token of ours.
pub(crate) fn outside_client(user_agent: &'static str) -> Result<Client, LinkError> {
    Client::builder()
        .tls_backend_preconfigured(tls::config(None, false)?)
        .redirect(Policy::none())
        .user_agent(user_agent)
        .timeout(REQUEST_LIMIT)
        .connect_timeout(CONNECT_LIMIT)
        .http1_only()
        .build()
        .map_err(LinkError::Client)
}

fn build(tls: rustls::ClientConfig) -> Result<Client, LinkError> {
    Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(Policy::none())
        .timeout(REQUEST_LIMIT)
        .connect_timeout(CONNECT_LIMIT)
        .pool_max_idle_per_host(1)
        .http1_only()
        .build()
        .map_err(LinkError::Client)
}

pub(crate) fn server_url(text: &str) -> Result<Url, LinkError> {
    let wrong = |reason: String| LinkError::Url { url: text.to_owned(), reason };
    let mut url: Url = text.trim().parse().map_err(|error| wrong(format!("{error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("it must begin with http:// or https://".to_owned()));
    }
    url.set_query(None);
    url.set_fragment(None);
    // A server may live below a path of a reverse proxy; without the slash `join` would cut its last part.
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

/// The headers that tell a server who asks.
pub(crate) fn headers(token: &Token, user_agent: &str) -> Result<HeaderMap, LinkError> {
    let secret = |text: &str| {
        let mut value = HeaderValue::from_str(text).map_err(|_| LinkError::Token)?;
        value.set_sensitive(true);
        Ok::<_, LinkError>(value)
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::AUTHORIZATION, secret(&format!("Bearer {}", token.expose()))?);
    headers.insert(HeaderName::from_static("x-api-token"), secret(token.expose())?);
    if let Ok(agent) = HeaderValue::from_str(user_agent) {
        headers.insert(header::USER_AGENT, agent);
    }
    Ok(headers)
}

/// The body of an answer; one that is longer than `max_bytes` is not read to its end.
pub(crate) async fn body_within(mut response: Response, max_bytes: usize) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| reason(&error))? {
        if body.len() + chunk.len() > max_bytes {
            return Err("the answer is too long".to_owned());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// How long a server asks to be left alone: seconds, or the moment when that is over (RFC 9110 §10.2.3). Nobody is believed
/// who asks for more than the longest.
pub(crate) fn retry_after(headers: &HeaderMap, otherwise: Duration, longest: Duration) -> Duration {
    let text = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let wait = match text.trim().parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => until(text.trim(), Timestamp::now()),
    };
    wait.unwrap_or(otherwise).clamp(Duration::from_secs(1), longest)
}

/// The time from now to a date as HTTP writes it.
fn until(date: &str, now: Timestamp) -> Option<Duration> {
    let then = jiff::fmt::rfc2822::parse(date).ok()?.timestamp();
    Some(Duration::try_from(then.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::ReportKind;

    #[test]
    fn addresses_below_a_path_keep_it() {
        let join = |text: &str| server_url(text).unwrap().join(ReportKind::Host.path()).unwrap().to_string();
        assert_eq!(join("http://localhost:7655"), "http://localhost:7655/api/agents/host/report");
        assert_eq!(join("https://x.example/pulse"), "https://x.example/pulse/api/agents/host/report");
        assert_eq!(
            join(" https://x.example/pulse/?a=1#b "),
            "https://x.example/pulse/api/agents/host/report"
        );
    }

    #[test]
    fn addresses_that_are_none_are_refused_with_the_way_out() {
        for text in ["", "pulse.example:7655", "ftp://x", "//x"] {
            let error = server_url(text).unwrap_err().to_string();
            assert!(error.contains("--url"), "{text}: {error}");
        }
    }

    #[test]
    fn the_token_is_marked_as_a_secret_and_a_broken_one_refused() {
        let headers = headers(&Token::new("abc".into()), "pulse-docker-agent/5.1.0").unwrap();
        assert!(headers[header::AUTHORIZATION].is_sensitive());
        assert_eq!(headers[header::USER_AGENT], "pulse-docker-agent/5.1.0");
        assert!(!format!("{headers:?}").contains("abc"));
        let error = super::headers(&Token::new("a\nb".into()), "x").unwrap_err();
        assert!(matches!(error, LinkError::Token));
    }

    #[test]
    fn waiting_times_are_read_and_bounded() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, HeaderValue::from_str(text).unwrap());
            retry_after(&headers, Duration::from_secs(7), Duration::from_mins(5)).as_secs()
        };
        assert_eq!((of("30"), of("0"), of("999999"), of("tomorrow")), (30, 1, 300, 7));
        assert_eq!((of("-1"), of("18446744073709551616"), of("1e12")), (7, 7, 7));
        assert_eq!(of("Wed, 21 Oct 2015 07:28:00 GMT"), 1, "it is over");
        let now: Timestamp = "2026-11-06T08:49:00Z".parse().unwrap();
        assert_eq!(until("Fri, 06 Nov 2026 08:49:37 GMT", now), Some(Duration::from_secs(37)));
    }
}
