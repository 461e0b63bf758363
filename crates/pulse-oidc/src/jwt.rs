//! ID tokens: a signature by one of the provider's keys, and claims that say the token is for us, now, and for the login
//! that was begun.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm};
use serde::Deserialize;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq;

/// Clocks may differ by this much.
const LEEWAY: SignedDuration = SignedDuration::from_secs(60);
/// No token is larger.
const MAX_TOKEN_BYTES: usize = 256 * 1024;
/// A provider has no more keys than this.
const MAX_KEYS: usize = 64;

/// Why an ID token is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is no token.
    #[error("the ID token is malformed")]
    Malformed,
    /// An algorithm that anybody could have signed with, or that this server does not know.
    #[error(
        "the ID token is signed with {0:?}, which is not accepted; the provider must use an asymmetric algorithm such as RS256"
    )]
    Algorithm(String),
    /// It demands that something is understood which is not.
    #[error("the ID token's header names critical extensions, and none is known here")]
    Critical,
    /// None of the provider's keys fits.
    #[error("the ID token's signature does not fit any key of the provider")]
    Signature,
    /// A claim is not what it must be.
    #[error("the ID token's claim {claim} is {found:?}, expected {expected:?}")]
    Claim {
        /// Which.
        claim: &'static str,
        /// What it is.
        found: String,
        /// What it must be.
        expected: String,
    },
    /// It is not valid at this time.
    #[error("the ID token is {0}; compare the clocks of this machine and of the provider")]
    Time(&'static str),
    /// It belongs to another login.
    #[error("the ID token's nonce is not the one of this login")]
    Nonce,
}

/// The algorithms that are accepted, by name: asymmetric ones only.
fn is_accepted(algorithm: &str) -> bool {
    matches!(
        algorithm,
        "RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512" | "ES256" | "ES384" | "EdDSA"
    )
}

/// The public keys of a provider.
#[derive(Debug, Clone, Default)]
pub struct KeySet(Vec<Key>);

#[derive(Debug, Clone)]
struct Key {
    id: Option<String>,
    algorithm: Option<String>,
    material: Material,
}

#[derive(Debug, Clone)]
enum Material {
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    alg: Option<String>,
    #[serde(default, rename = "use")]
    usage: Option<String>,
    #[serde(default)]
    crv: String,
    #[serde(default)]
    n: String,
    #[serde(default)]
    e: String,
    #[serde(default)]
    x: String,
    #[serde(default)]
    y: String,
}

impl KeySet {
    /// The keys of a JWK set; what is of no use for signatures is left out.
    pub fn parse(set: &Value) -> Option<Self> {
        let keys = set.get("keys")?.as_array()?;
        let parsed = keys.iter().take(MAX_KEYS).filter_map(|value| {
            let jwk: Jwk = serde_json::from_value(value.clone()).ok()?;
            let is_for_signing = jwk.usage.as_deref().is_none_or(|usage| usage == "sig");
            is_for_signing.then(|| Key::new(jwk)).flatten()
        });
        Some(Self(parsed.collect()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a key of that id is among them.
    fn has(&self, id: &str) -> bool {
        self.0.iter().any(|key| key.id.as_deref() == Some(id))
    }

    fn verify(&self, header: &Header, signed: &[u8], signature: &[u8]) -> bool {
        let wanted = header.kid.as_deref();
        self.0.iter().any(|key| {
            let may_fit = match (wanted, key.id.as_deref()) {
                (Some(wanted), Some(id)) => wanted == id,
                _ => true,
            };
            let same = key.algorithm.as_deref().is_none_or(|algorithm| algorithm == header.alg);
            may_fit && same && key.fits(&header.alg, signed, signature)
        })
    }
}

impl Key {
    fn new(jwk: Jwk) -> Option<Self> {
        let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok();
        let point = |size: usize| {
            let (x, y) = (bytes(&jwk.x)?, bytes(&jwk.y)?);
            (x.len() <= size && y.len() <= size).then(|| {
                let mut point = vec![0; 1 + 2 * size];
                point[0] = 4;
                point[1 + size - x.len()..=size].copy_from_slice(&x);
                point[1 + 2 * size - y.len()..].copy_from_slice(&y);
                point
            })
        };
        let material = match (jwk.kty.as_str(), jwk.crv.as_str()) {
            ("RSA", _) => Material::Rsa { modulus: bytes(&jwk.n)?, exponent: bytes(&jwk.e)? },
            ("EC", "P-256") => Material::P256(point(32)?),
            ("EC", "P-384") => Material::P384(point(48)?),
            ("OKP", "Ed25519") => Material::Ed25519(bytes(&jwk.x)?),
            _ => return None,
        };
        Some(Self { id: jwk.kid, algorithm: jwk.alg, material })
    }

    fn fits(&self, algorithm: &str, signed: &[u8], given: &[u8]) -> bool {
        let with = |rule: &'static dyn VerificationAlgorithm, key: &[u8]| {
            UnparsedPublicKey::new(rule, key).verify(signed, given).is_ok()
        };
        match (&self.material, algorithm) {
            (Material::Rsa { modulus, exponent }, _) => {
                let rule = match algorithm {
                    "RS256" => &signature::RSA_PKCS1_2048_8192_SHA256,
                    "RS384" => &signature::RSA_PKCS1_2048_8192_SHA384,
                    "RS512" => &signature::RSA_PKCS1_2048_8192_SHA512,
                    "PS256" => &signature::RSA_PSS_2048_8192_SHA256,
                    "PS384" => &signature::RSA_PSS_2048_8192_SHA384,
                    "PS512" => &signature::RSA_PSS_2048_8192_SHA512,
                    _ => return false,
                };
                // ring takes no leading zeros.
                let modulus = &modulus[modulus.iter().take_while(|byte| **byte == 0).count()..];
                RsaPublicKeyComponents { n: modulus, e: exponent }.verify(rule, signed, given).is_ok()
            }
            (Material::P256(key), "ES256") => with(&signature::ECDSA_P256_SHA256_FIXED, key),
            (Material::P384(key), "ES384") => with(&signature::ECDSA_P384_SHA384_FIXED, key),
            (Material::Ed25519(key), "EdDSA") => with(&signature::ED25519, key),
            _ => false,
        }
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    /// Extensions that must be understood (RFC 7515). Keys that a token brings along (`jwk`, `jku`, `x5c`) are not even
    /// read: only the provider's own count.
    #[serde(default)]
    crit: Option<Value>,
}

/// What a token must say.
#[derive(Clone, Copy)]
pub struct Expected<'a> {
    /// Who issues it.
    pub issuer: &'a str,
    /// For whom.
    pub client_id: &'a str,
    /// For which login; `None` for a token of a refresh, which has none.
    pub nonce: Option<&'a str>,
    /// About whom; `None` at a login, which tells.
    pub subject: Option<&'a str>,
}

/// Whether the keys lack the one the token names: the provider may have changed its keys.
pub fn needs_newer_keys(token: &str, keys: &KeySet) -> bool {
    let header = token.split('.').next().and_then(decode::<Header>);
    header.and_then(|header| header.kid).is_some_and(|id| !keys.has(&id))
}

/// The claims of a token that is believed.
pub fn verify(
    token: &str,
    keys: &KeySet,
    expected: Expected<'_>,
    now: Timestamp,
) -> Result<Map<String, Value>, TokenError> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(TokenError::Malformed);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
    let (header, payload) = signed.split_once('.').ok_or(TokenError::Malformed)?;
    let header: Header = decode(header).ok_or(TokenError::Malformed)?;
    if !is_accepted(&header.alg) {
        return Err(TokenError::Algorithm(header.alg.chars().take(32).collect()));
    }
    if header.crit.is_some() {
        return Err(TokenError::Critical);
    }
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenError::Malformed)?;
    if !keys.verify(&header, signed.as_bytes(), &signature) {
        return Err(TokenError::Signature);
    }
    let claims: Map<String, Value> = decode(payload).ok_or(TokenError::Malformed)?;
    check(&claims, expected, now)?;
    Ok(claims)
}

fn decode<T: serde::de::DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn check(claims: &Map<String, Value>, expected: Expected<'_>, now: Timestamp) -> Result<(), TokenError> {
    let text = |claim: &str| claims.get(claim).and_then(Value::as_str);
    let wrong = |claim, found: &str, expected: &str| TokenError::Claim {
        claim,
        found: found.chars().take(256).collect(),
        expected: expected.to_owned(),
    };
    let issuer = text("iss").unwrap_or_default();
    if issuer != expected.issuer {
        return Err(wrong("iss", issuer, expected.issuer));
    }
    let audience: Vec<&str> = match claims.get("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !audience.contains(&expected.client_id) {
        return Err(wrong("aud", &audience.join(" "), expected.client_id));
    }
    // Several audiences: the token must say that it was given to us.
    match text("azp") {
        Some(party) if party != expected.client_id => return Err(wrong("azp", party, expected.client_id)),
        None if audience.len() > 1 => return Err(wrong("azp", "", expected.client_id)),
        _ => {}
    }
    let at = |claim: &str| {
        let number = claims.get(claim)?;
        let seconds = number.as_i64().or_else(|| number.as_f64().map(|seconds| seconds as i64))?;
        Timestamp::from_second(seconds).ok()
    };
    let end = at("exp").ok_or(TokenError::Time("without an end"))?;
    if end.saturating_add(LEEWAY).unwrap_or(Timestamp::MAX) <= now {
        return Err(TokenError::Time("expired"));
    }
    let latest = now.saturating_add(LEEWAY).unwrap_or(Timestamp::MAX);
    if at("nbf").is_some_and(|begin| begin > latest) || at("iat").is_some_and(|issued| issued > latest) {
        return Err(TokenError::Time("not valid yet"));
    }
    let subject = text("sub").unwrap_or_default();
    if subject.is_empty() {
        return Err(wrong("sub", "", "the user's id"));
    }
    if let Some(before) = expected.subject
        && subject != before
    {
        return Err(wrong("sub", subject, before));
    }
    let Some(nonce) = expected.nonce else { return Ok(()) };
    let given = text("nonce").unwrap_or_default();
    if bool::from(given.as_bytes().ct_eq(nonce.as_bytes())) { Ok(()) } else { Err(TokenError::Nonce) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ring::{
        rand::SystemRandom,
        signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
    };
    use serde_json::json;

    use super::*;

    const EXPECTED: Expected<'_> =
        Expected { issuer: "https://id.example.org", client_id: "pulse", nonce: Some("n-1"), subject: None };

    struct Signer {
        pair: EcdsaKeyPair,
        keys: KeySet,
    }

    fn signer() -> Signer {
        let random = SystemRandom::new();
        let bytes = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, bytes.as_ref(), &random).unwrap();
        let point = pair.public_key().as_ref();
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let set = json!({"keys": [
            {"kty": "oct", "k": "c2VjcmV0", "kid": "k1"},
            {"kty": "EC", "crv": "P-256", "kid": "k1", "use": "sig", "x": text(&point[1..33]), "y": text(&point[33..])},
        ]});
        Signer { keys: KeySet::parse(&set).unwrap(), pair }
    }

    impl Signer {
        fn token(&self, header: &Value, claims: &Value) -> String {
            let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
            let signed = format!("{}.{}", part(header), part(claims));
            let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
            format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
        }
    }

    fn now() -> Timestamp {
        Timestamp::from_second(1_770_000_000).unwrap()
    }

    fn claims() -> Value {
        json!({"iss": "https://id.example.org", "aud": "pulse", "sub": "u1", "nonce": "n-1", "iat": 1_770_000_000,
               "exp": 1_770_000_300})
    }

    #[test]
    fn a_right_token_is_believed() {
        let signer = signer();
        let token = signer.token(&json!({"alg": "ES256", "kid": "k1"}), &claims());
        assert_eq!(verify(&token, &signer.keys, EXPECTED, now()).unwrap()["sub"], "u1");
        assert!(!needs_newer_keys(&token, &signer.keys));
        let unknown = signer.token(&json!({"alg": "ES256", "kid": "k2"}), &claims());
        assert!(needs_newer_keys(&unknown, &signer.keys));
    }

    #[test]
    fn no_forgery_is_believed() {
        let signer = signer();
        let header = json!({"alg": "ES256", "kid": "k1"});
        let token = signer.token(&header, &claims());
        let check = |token: &str| verify(token, &signer.keys, EXPECTED, now()).unwrap_err();
        for algorithm in ["none", "HS256", "ES512", "", "rs256"] {
            let token = signer.token(&json!({"alg": algorithm}), &claims());
            assert_eq!(check(&token), TokenError::Algorithm(algorithm.to_owned()));
        }
        let other = self::signer().token(&header, &claims());
        assert_eq!(check(&other), TokenError::Signature);
        let (signed, _) = token.rsplit_once('.').unwrap();
        assert_eq!(check(&format!("{signed}.")), TokenError::Signature);
        let confused = token.replacen(
            &URL_SAFE_NO_PAD.encode(header.to_string()),
            &URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","kid":"k1"}"#),
            1,
        );
        assert_eq!(check(&confused), TokenError::Signature);
    }

    #[test]
    fn every_claim_is_compared() {
        let signer = signer();
        let with = |key: &str, value: Value| {
            let mut claims = claims();
            claims[key] = value;
            let token = signer.token(&json!({"alg": "ES256"}), &claims);
            verify(&token, &signer.keys, EXPECTED, now()).map_err(|error| error.to_string())
        };
        for (key, value, part) in [
            ("iss", json!("https://id.example.org/"), "claim iss is \"https://id.example.org/\""),
            ("aud", json!("other"), "claim aud"),
            ("aud", json!(["pulse", "other"]), "claim azp"),
            ("azp", json!("other"), "claim azp"),
            ("exp", json!(1_769_999_000), "expired"),
            ("exp", json!(null), "without an end"),
            ("nbf", json!(1_770_000_900), "not valid yet"),
            ("iat", json!(1_770_000_900), "not valid yet"),
            ("nonce", json!("n-2"), "nonce"),
            ("nonce", json!(null), "nonce"),
            ("sub", json!(""), "claim sub"),
        ] {
            let error = with(key, value.clone()).unwrap_err();
            assert!(error.contains(part), "{key}={value}: {error}");
        }
        assert!(with("aud", json!(["pulse"])).is_ok());
        assert!(with("exp", json!(1_769_999_990)).is_ok(), "clocks differ");
    }

    proptest! {
        #[test]
        fn no_text_is_believed(text in "[A-Za-z0-9._=-]{0,300}") {
            prop_assert!(verify(&text, &signer().keys, EXPECTED, now()).is_err());
        }
    }
}
