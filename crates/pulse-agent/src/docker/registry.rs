//! What a registry has under a name, through its HTTP API: the digests of this machine's platform.
//!
//! A question that changes nothing costs no allowance at Docker Hub (HEAD); only when something changed is the list of
//! platforms read. Redirects are not followed, and credentials go to nobody but the registry and its token server.

use std::{collections::BTreeSet, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, Method, StatusCode, header};
use reqwest::{Client, Url};
use serde::Deserialize;

use super::image::{ImageName, is_loopback};

const REQUEST_LIMIT: Duration = Duration::from_secs(20);
/// Where a registry says "too many" and not for how long, and what is believed at most.
const BUSY_WAIT: Duration = Duration::from_hours(1);
const LONGEST_BUSY_WAIT: Duration = Duration::from_hours(24);
/// The registry API's own bound for a manifest.
const MAX_MANIFEST_BYTES: usize = 4 * 1024 * 1024;
const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";

/// The platform an image was made for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Platform {
    pub(super) os: String,
    pub(super) architecture: String,
    pub(super) variant: Option<String>,
}

/// What the registry has now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Latest {
    /// The digest to show: of the platform where it is known, else of the whole.
    pub(super) digest: String,
    /// Every digest by which this content may be known on this machine: of the list, of the manifest, of the
    /// configuration.
    pub(super) known_as: BTreeSet<String>,
}

/// Why a registry could not be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum RegistryError {
    /// Too many questions.
    #[error("the registry's rate limit is reached")]
    RateLimited {
        /// When to ask again.
        after: Duration,
    },
    /// No right to read.
    #[error("the registry asks for credentials; log in with docker login as the user of the agent")]
    Unauthorized,
    /// No such name.
    #[error("the registry does not know this name")]
    NotFound,
    /// No connection.
    #[error("the registry cannot be reached: {0}")]
    Unreachable(String),
    /// Another status.
    #[error("the registry answered {0}")]
    Status(u16),
    /// Not the answer that the API promises.
    #[error("the registry's answer is not understood: {0}")]
    Odd(&'static str),
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Manifest {
    manifests: Vec<Listed>,
    config: Option<Descriptor>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Descriptor {
    digest: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Listed {
    digest: String,
    platform: ListedPlatform,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ListedPlatform {
    os: String,
    architecture: String,
    variant: Option<String>,
}

/// Asks registries; keeps the token of the last one.
pub(super) struct Registry<'a> {
    client: &'a Client,
    /// Name and password for a registry.
    credentials: &'a (dyn Fn(&str) -> Option<(String, String)> + Sync),
    token: Option<(String, String)>,
}

struct Answer {
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn digest(&self) -> Option<String> {
        let named = self.headers.get("docker-content-digest").and_then(|value| value.to_str().ok());
        let named = named.filter(|digest| digest.starts_with("sha256:")).map(str::to_owned);
        // A registry need not name it: it is the hash of what it sent.
        named.or_else(|| (!self.body.is_empty()).then(|| digest_of(&self.body)))
    }
}

/// `sha256:…` of some bytes.
pub(super) fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", crate::text::sha256_hex(bytes))
}

impl<'a> Registry<'a> {
    /// Nothing is asked yet.
    pub(super) fn new(
        client: &'a Client,
        credentials: &'a (dyn Fn(&str) -> Option<(String, String)> + Sync),
    ) -> Self {
        Self { client, credentials, token: None }
    }

    /// What is under the name for this platform. Where it still has one of the `current` digests, nothing more is asked.
    pub(super) async fn latest(
        &mut self,
        name: &ImageName,
        platform: &Platform,
        current: &BTreeSet<String>,
    ) -> Result<Latest, RegistryError> {
        let head = self.fetch(Method::HEAD, name, &name.tag).await?;
        if let Some(digest) = head.digest().filter(|digest| current.contains(digest)) {
            return Ok(Latest { known_as: BTreeSet::from([digest.clone()]), digest });
        }
        let top = self.fetch(Method::GET, name, &name.tag).await?;
        let top_digest = top.digest().ok_or(RegistryError::Odd("no digest"))?;
        let manifest = decode(&top.body)?;
        let mut latest = Latest { digest: top_digest.clone(), known_as: BTreeSet::from([top_digest]) };
        if manifest.manifests.is_empty() {
            latest.known_as.extend(manifest.config.map(|config| config.digest));
            return Ok(latest);
        }
        let listed =
            choose(&manifest.manifests, platform).ok_or(RegistryError::Odd("no image for this platform"))?;
        latest.digest.clone_from(&listed.digest);
        latest.known_as.insert(listed.digest.clone());
        if current.contains(&listed.digest) {
            return Ok(latest);
        }
        // The list is new; what it says of this platform may be the same image all the same.
        let own = self.fetch(Method::GET, name, &listed.digest).await?;
        latest.known_as.extend(decode(&own.body)?.config.map(|config| config.digest));
        Ok(latest)
    }

    async fn fetch(
        &mut self,
        method: Method,
        name: &ImageName,
        reference: &str,
    ) -> Result<Answer, RegistryError> {
        let scope = format!("{} {}", name.registry, name.repository);
        let url = format!("{}/v2/{}/manifests/{reference}", name.base(), name.repository);
        let known = self.token.as_ref().filter(|(of, _)| *of == scope).map(|(_, header)| header.clone());
        let (status, answer) = self.send(method.clone(), &url, known.as_deref()).await?;
        if status != StatusCode::UNAUTHORIZED {
            return sort_out(status, answer);
        }
        let header = self.authorize(name, &answer.headers).await?;
        let (status, answer) = self.send(method, &url, Some(&header)).await?;
        if status == StatusCode::UNAUTHORIZED {
            return Err(RegistryError::Unauthorized);
        }
        self.token = Some((scope, header));
        sort_out(status, answer)
    }

    /// The header that the registry wants, by its own description.
    async fn authorize(&self, name: &ImageName, headers: &HeaderMap) -> Result<String, RegistryError> {
        let credentials = (self.credentials)(&name.registry);
        let basic = credentials
            .map(|(user, password)| format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))));
        let challenge = headers.get(header::WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
        let challenge = challenge.ok_or(RegistryError::Unauthorized)?;
        let Some(fields) = challenge.strip_prefix("Bearer ").or_else(|| challenge.strip_prefix("bearer "))
        else {
            return basic.ok_or(RegistryError::Unauthorized);
        };
        let field = |wanted: &str| challenge_field(fields, wanted);
        let realm = field("realm").ok_or(RegistryError::Odd("no token server"))?;
        let mut url: Url = realm.parse().map_err(|_| RegistryError::Odd("no token server"))?;
        let is_safe = url.scheme() == "https" || url.host_str().is_some_and(is_loopback);
        if !is_safe {
            return Err(RegistryError::Odd("its token server has no TLS"));
        }
        {
            let mut query = url.query_pairs_mut();
            if let Some(service) = field("service") {
                query.append_pair("service", &service);
            }
            query.append_pair("scope", &format!("repository:{}:pull", name.repository));
        }
        let (status, answer) = self.send(Method::GET, url.as_str(), basic.as_deref()).await?;
        if status == StatusCode::UNAUTHORIZED {
            return Err(RegistryError::Unauthorized);
        }
        #[derive(Deserialize)]
        struct TokenAnswer {
            token: Option<String>,
            access_token: Option<String>,
        }
        let answer = sort_out(status, answer)?;
        let token: TokenAnswer =
            serde_json::from_slice(&answer.body).map_err(|_| RegistryError::Odd("no token"))?;
        let token = token.token.or(token.access_token).ok_or(RegistryError::Odd("no token"))?;
        Ok(format!("Bearer {token}"))
    }

    async fn send(
        &self,
        method: Method,
        url: &str,
        authorization: Option<&str>,
    ) -> Result<(StatusCode, Answer), RegistryError> {
        let mut request =
            self.client.request(method, url).timeout(REQUEST_LIMIT).header(header::ACCEPT, ACCEPT);
        if let Some(value) = authorization {
            request = request.header(header::AUTHORIZATION, value);
        }
        let unreachable = |error: reqwest::Error| RegistryError::Unreachable(crate::link::reason(&error));
        let mut response = request.send().await.map_err(unreachable)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > MAX_MANIFEST_BYTES {
                return Err(RegistryError::Odd("it is too long"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((status, Answer { headers, body }))
    }
}

fn sort_out(status: StatusCode, answer: Answer) -> Result<Answer, RegistryError> {
    match status.as_u16() {
        200 => Ok(answer),
        401 | 403 => Err(RegistryError::Unauthorized),
        404 => Err(RegistryError::NotFound),
        429 => Err(RegistryError::RateLimited {
            after: crate::link::retry_after(&answer.headers, BUSY_WAIT, LONGEST_BUSY_WAIT),
        }),
        other => Err(RegistryError::Status(other)),
    }
}

fn decode(body: &[u8]) -> Result<Manifest, RegistryError> {
    serde_json::from_slice(body).map_err(|_| RegistryError::Odd("no manifest"))
}

fn choose<'a>(listed: &'a [Listed], platform: &Platform) -> Option<&'a Listed> {
    let fits = |entry: &&Listed| {
        entry.platform.os == platform.os && entry.platform.architecture == platform.architecture
    };
    let exact = |entry: &&Listed| {
        fits(entry)
            && entry.platform.variant.as_deref().unwrap_or("v8")
                == platform.variant.as_deref().unwrap_or("v8")
    };
    listed.iter().find(exact).or_else(|| listed.iter().find(fits))
}

/// A value of `realm="…",service="…"`.
fn challenge_field(fields: &str, wanted: &str) -> Option<String> {
    let mut rest = fields;
    while let Some((key, after)) = rest.split_once('=') {
        let key = key.trim_start_matches([',', ' ']).trim();
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_once(',').unwrap_or((after, "")),
        };
        if key.eq_ignore_ascii_case(wanted) {
            return Some(value.to_owned());
        }
        rest = next;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn challenges_are_taken_apart() {
        let fields = r#"realm="https://auth.example/token",service="reg, istry",scope="repository:a/b:pull""#;
        assert_eq!(challenge_field(fields, "realm").as_deref(), Some("https://auth.example/token"));
        assert_eq!(challenge_field(fields, "service").as_deref(), Some("reg, istry"));
        assert_eq!(challenge_field(fields, "none"), None);
        assert_eq!(challenge_field("realm=x, service=y", "service").as_deref(), Some("y"));
    }

    #[test]
    fn the_platform_is_chosen_by_variant_where_there_are_several() {
        let listed: Vec<Listed> = serde_json::from_str(
            r#"[{"digest":"a","platform":{"os":"linux","architecture":"amd64"}},
                {"digest":"v6","platform":{"os":"linux","architecture":"arm","variant":"v6"}},
                {"digest":"v7","platform":{"os":"linux","architecture":"arm","variant":"v7"}},
                {"digest":"8","platform":{"os":"linux","architecture":"arm64","variant":"v8"}},
                {"digest":"x","platform":{"os":"unknown","architecture":"unknown"}}]"#,
        )
        .unwrap();
        let pick = |architecture: &str, variant: Option<&str>| {
            let platform = Platform {
                os: "linux".into(),
                architecture: architecture.into(),
                variant: variant.map(str::to_owned),
            };
            choose(&listed, &platform).map(|listed| listed.digest.clone())
        };
        assert_eq!(pick("amd64", None).as_deref(), Some("a"));
        assert_eq!(pick("arm", Some("v7")).as_deref(), Some("v7"));
        assert_eq!(pick("arm64", None).as_deref(), Some("8"));
        assert_eq!(pick("s390x", None), None);
    }

    proptest! {
        #[test]
        fn garbage_never_panics(text in any::<String>(), near in "[a-z]{0,4}=?\"?[a-z,=\"]{0,20}") {
            challenge_field(&text, "realm");
            challenge_field(&near, "a");
        }
    }
}
