//! Each test is an attack on the login by what an attacker can send in place of a right ID token.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use pulse_oidc::{
    TokenError,
    jwt::{Expected, KeySet, verify},
};
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512,
        RSA_PSS_SHA256, RsaEncoding, RsaKeyPair, RsaPublicKeyComponents,
    },
};
use serde_json::{Value, json};

/// A key that was made for this file and is used nowhere else.
const RSA_KEY: &[u8] = include_bytes!("made-up-rsa-key.der");

const EXPECTED: Expected<'_> =
    Expected { issuer: "https://id.example.org", client_id: "pulse", nonce: Some("n-1"), subject: None };

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn rsa() -> RsaKeyPair {
    RsaKeyPair::from_der(RSA_KEY).unwrap()
}

fn elliptic() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let bytes = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, bytes.as_ref(), &random).unwrap()
}

fn rsa_jwk(id: &str) -> Value {
    let public = RsaPublicKeyComponents::<Vec<u8>>::from(rsa().public());
    json!({"kty": "RSA", "kid": id, "use": "sig", "n": encoded(public.n), "e": encoded(public.e)})
}

fn elliptic_jwk(id: &str, key: &EcdsaKeyPair) -> Value {
    let point = key.public_key().as_ref();
    json!({"kty": "EC", "crv": "P-256", "kid": id, "x": encoded(&point[1..33]), "y": encoded(&point[33..])})
}

fn keys(list: &[Value]) -> KeySet {
    KeySet::parse(&json!({ "keys": list })).unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_second(1_770_000_000).unwrap()
}

fn claims() -> Value {
    json!({"iss": "https://id.example.org", "aud": "pulse", "sub": "u1", "nonce": "n-1", "iat": 1_770_000_000,
           "exp": 1_770_000_300})
}

fn with(claim: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[claim] = value;
    claims
}

fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}", encoded(header.to_string()), encoded(claims.to_string()))
}

fn by_rsa(header: &Value, claims: &Value, how: &'static dyn RsaEncoding) -> String {
    let (signed, key) = (unsigned(header, claims), rsa());
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(how, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
    format!("{signed}.{}", encoded(signature))
}

fn by_elliptic(header: &Value, claims: &Value, key: &EcdsaKeyPair) -> String {
    let signed = unsigned(header, claims);
    let signature = key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
    format!("{signed}.{}", encoded(signature.as_ref()))
}

fn refused(token: &str, keys: &KeySet) -> TokenError {
    verify(token, keys, EXPECTED, now()).expect_err("it was believed")
}

/// A right token with one claim changed, rightly signed.
fn refused_with(claim: &str, value: Value) -> TokenError {
    let token = by_rsa(&json!({"alg": "RS256", "kid": "r"}), &with(claim, value), &RSA_PKCS1_SHA256);
    refused(&token, &keys(&[rsa_jwk("r")]))
}

#[test]
fn what_is_right_is_believed_or_the_attacks_prove_nothing() {
    let set = keys(&[rsa_jwk("r")]);
    for (algorithm, how) in [
        ("RS256", &RSA_PKCS1_SHA256 as &'static dyn RsaEncoding),
        ("RS512", &RSA_PKCS1_SHA512),
        ("PS256", &RSA_PSS_SHA256),
    ] {
        let token = by_rsa(&json!({"alg": algorithm, "kid": "r"}), &claims(), how);
        assert_eq!(verify(&token, &set, EXPECTED, now()).unwrap()["sub"], "u1", "{algorithm}");
    }
    let key = elliptic();
    let token = by_elliptic(&json!({"alg": "ES256"}), &claims(), &key);
    assert!(verify(&token, &keys(&[elliptic_jwk("e", &key)]), EXPECTED, now()).is_ok());
}

#[test]
fn a_token_that_says_it_needs_no_signature() {
    let set = keys(&[rsa_jwk("r")]);
    for algorithm in ["none", "None", "NONE", "nOnE", "", " none", "null"] {
        for signature in ["", "AA", "e30"] {
            let token =
                format!("{}.{signature}", unsigned(&json!({"alg": algorithm, "kid": "r"}), &claims()));
            assert_eq!(refused(&token, &set), TokenError::Algorithm(algorithm.to_owned()));
        }
    }
    for header in [json!({}), json!({"alg": null}), json!({"alg": ["RS256"]}), json!({"alg": {"RS256": 1}})] {
        assert_eq!(refused(&format!("{}.", unsigned(&header, &claims())), &set), TokenError::Malformed);
    }
    let stripped = unsigned(&json!({"alg": "RS256", "kid": "r"}), &claims());
    assert_eq!(refused(&format!("{stripped}."), &set), TokenError::Signature);
    assert_eq!(refused(&stripped, &set), TokenError::Malformed);
}

#[test]
fn a_token_sealed_with_the_public_key_as_if_it_were_a_shared_secret() {
    let key = rsa();
    let jwk = rsa_jwk("r");
    let set = keys(&[jwk.clone(), json!({"kty": "oct", "kid": "o", "k": encoded("shared")})]);
    let public_der = key.public().as_ref().to_vec();
    let pem = format!(
        "-----BEGIN RSA PUBLIC KEY-----\n{}\n-----END RSA PUBLIC KEY-----\n",
        base64::engine::general_purpose::STANDARD.encode(&public_der)
    );
    let modulus = RsaPublicKeyComponents::<Vec<u8>>::from(key.public()).n;
    for secret in
        [public_der, pem.into_bytes(), modulus, jwk.to_string().into_bytes(), b"shared".to_vec(), vec![]]
    {
        for (name, algorithm) in
            [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)]
        {
            for id in ["r", "o"] {
                let signed = unsigned(&json!({"alg": name, "kid": id}), &claims());
                let tag = hmac::sign(&hmac::Key::new(algorithm, &secret), signed.as_bytes());
                let token = format!("{signed}.{}", encoded(tag.as_ref()));
                assert_eq!(refused(&token, &set), TokenError::Algorithm(name.to_owned()));
            }
        }
    }
}

#[test]
fn a_token_that_brings_its_own_key() {
    let (provider, attacker) = (elliptic(), elliptic());
    let set = keys(&[elliptic_jwk("e", &provider)]);
    let own = elliptic_jwk("e", &attacker);
    for header in [
        json!({"alg": "ES256", "jwk": own}),
        json!({"alg": "ES256", "kid": "e", "jwk": own}),
        json!({"alg": "ES256", "jku": "https://evil.example/keys"}),
        json!({"alg": "ES256", "x5u": "https://evil.example/chain.pem"}),
        json!({"alg": "ES256", "x5c": [encoded("certificate")]}),
    ] {
        assert_eq!(
            refused(&by_elliptic(&header, &claims(), &attacker), &set),
            TokenError::Signature,
            "{header}"
        );
    }
}

#[test]
fn a_token_that_names_another_key_than_the_one_that_signed() {
    let (one, two) = (elliptic(), elliptic());
    let mut for_encryption = elliptic_jwk("for-encryption", &two);
    for_encryption["use"] = json!("enc");
    let set = keys(&[elliptic_jwk("one", &one), rsa_jwk("r"), for_encryption]);
    // One's id over another's signature, a key that is not for signatures, and ids that are none.
    for (id, signer) in
        [("one", &two), ("for-encryption", &two), ("r", &one), ("../../one", &one), ("one' OR '1'='1", &one)]
    {
        let token = by_elliptic(&json!({"alg": "ES256", "kid": id}), &claims(), signer);
        assert_eq!(refused(&token, &set), TokenError::Signature, "{id}");
    }
    // No id at all does not make a stranger's key one of the provider's.
    assert_eq!(refused(&by_elliptic(&json!({"alg": "ES256"}), &claims(), &two), &set), TokenError::Signature);
    // Ids of a wrong kind.
    for id in [json!(1), json!(["one"]), json!({"one": 1})] {
        let token = by_elliptic(&json!({"alg": "ES256", "kid": id}), &claims(), &one);
        assert_eq!(refused(&token, &set), TokenError::Malformed);
    }
}

#[test]
fn a_signature_of_one_kind_read_as_another() {
    // The provider says what its key is for.
    let mut jwk = rsa_jwk("r");
    jwk["alg"] = json!("RS256");
    let token = by_rsa(&json!({"alg": "PS256", "kid": "r"}), &claims(), &RSA_PSS_SHA256);
    assert_eq!(refused(&token, &keys(&[jwk])), TokenError::Signature);
    let set = keys(&[rsa_jwk("r")]);
    for wrong in ["RS384", "RS512", "PS256", "PS512", "ES256", "EdDSA"] {
        let token = by_rsa(&json!({"alg": wrong, "kid": "r"}), &claims(), &RSA_PKCS1_SHA256);
        assert_eq!(refused(&token, &set), TokenError::Signature, "{wrong}");
    }
}

#[test]
fn claims_changed_after_they_were_signed() {
    let set = keys(&[rsa_jwk("r")]);
    let token = by_rsa(&json!({"alg": "RS256", "kid": "r"}), &claims(), &RSA_PKCS1_SHA256);
    let parts: Vec<&str> = token.split('.').collect();
    let other = encoded(with("sub", json!("somebody-else")).to_string());
    assert_eq!(refused(&format!("{}.{other}.{}", parts[0], parts[2]), &set), TokenError::Signature);
    // Nor may anything be added around it.
    for odd in [
        format!("{token}."),
        format!("{token}.e30"),
        format!(".{token}"),
        format!(" {token}"),
        format!("{token}\n"),
        format!("{token}="),
        format!("{}.{}.{}.{}.{}", parts[0], parts[1], parts[2], parts[1], parts[2]),
        "..".to_owned(),
        String::new(),
        "a".repeat(1_000_000),
    ] {
        assert!(verify(&odd, &set, EXPECTED, now()).is_err(), "{odd:.40}");
    }
}

#[test]
fn an_extension_that_must_be_understood() {
    let set = keys(&[rsa_jwk("r")]);
    for critical in [json!(["b64"]), json!(["exp"]), json!([]), json!("b64")] {
        let header = json!({"alg": "RS256", "kid": "r", "crit": critical, "b64": false});
        let token = by_rsa(&header, &claims(), &RSA_PKCS1_SHA256);
        assert_eq!(refused(&token, &set), TokenError::Critical, "{critical}");
    }
}

#[test]
fn a_token_of_another_issuer() {
    for issuer in [
        json!("https://evil.example"),
        json!("https://id.example.org/"),
        json!("https://ID.example.org"),
        json!("http://id.example.org"),
        json!("https://id.example.org\0"),
        json!(["https://id.example.org"]),
        Value::Null,
    ] {
        assert!(matches!(refused_with("iss", issuer), TokenError::Claim { claim: "iss", .. }));
    }
}

#[test]
fn a_token_for_another_client() {
    for audience in
        [json!("other"), json!("Pulse"), json!([]), json!(["other"]), json!({"pulse": 1}), Value::Null]
    {
        assert!(matches!(refused_with("aud", audience), TokenError::Claim { claim: "aud", .. }));
    }
    // For us and others, and nobody says it was given to us.
    assert!(matches!(refused_with("aud", json!(["pulse", "other"])), TokenError::Claim { claim: "azp", .. }));
    assert!(matches!(refused_with("azp", json!("other")), TokenError::Claim { claim: "azp", .. }));
}

#[test]
fn a_token_of_another_login() {
    for nonce in [json!("n-2"), json!(""), json!("n-1 "), json!("N-1"), json!(["n-1"]), Value::Null] {
        assert_eq!(refused_with("nonce", nonce), TokenError::Nonce);
    }
}

#[test]
fn a_refreshed_token_about_somebody_else() {
    let set = keys(&[rsa_jwk("r")]);
    let token = by_rsa(&json!({"alg": "RS256", "kid": "r"}), &claims(), &RSA_PKCS1_SHA256);
    let of = |subject| {
        let expected = Expected { nonce: None, subject: Some(subject), ..EXPECTED };
        verify(&token, &set, expected, now())
    };
    assert!(of("u1").is_ok());
    assert!(matches!(of("u2"), Err(TokenError::Claim { claim: "sub", .. })));
}

#[test]
fn a_token_whose_time_is_over_or_has_not_come() {
    for end in [
        json!(1_769_999_000),
        json!(0),
        json!(-1),
        json!(1_769_999_000.5),
        json!("1770000300"),
        json!(1e300),
        json!(true),
        Value::Null,
    ] {
        assert!(matches!(refused_with("exp", end.clone()), TokenError::Time(_)), "{end}");
    }
    for (claim, begin) in [("iat", 1_770_000_900), ("nbf", 1_770_000_900), ("iat", 99_999_999_999_i64)] {
        assert_eq!(refused_with(claim, json!(begin)), TokenError::Time("not valid yet"), "{claim}");
    }
}

#[test]
fn a_token_about_nobody() {
    for subject in [json!(""), Value::Null, json!(1), json!(["u1"])] {
        assert!(matches!(refused_with("sub", subject), TokenError::Claim { claim: "sub", .. }));
    }
}

#[test]
fn keys_that_are_too_weak_or_none_at_all() {
    let weak = json!({"kty": "RSA", "kid": "r", "n": encoded([0xff; 128]), "e": "AQAB"});
    let token = by_rsa(&json!({"alg": "RS256", "kid": "r"}), &claims(), &RSA_PKCS1_SHA256);
    assert_eq!(refused(&token, &keys(&[weak])), TokenError::Signature);
    // A point that is not on the curve, and one that is nowhere.
    for (x, y) in [(encoded([1; 32]), encoded([1; 32])), (encoded([0; 32]), encoded([0; 32]))] {
        let set = keys(&[json!({"kty": "EC", "crv": "P-256", "kid": "e", "x": x, "y": y})]);
        // The signature of all zeros verifies everywhere that forgets to look.
        let signed = unsigned(&json!({"alg": "ES256", "kid": "e"}), &claims());
        assert_eq!(refused(&format!("{signed}.{}", encoded([0; 64])), &set), TokenError::Signature);
    }
    let key = elliptic();
    let signed = unsigned(&json!({"alg": "ES256"}), &claims());
    let set = keys(&[elliptic_jwk("e", &key)]);
    assert_eq!(refused(&format!("{signed}.{}", encoded([0; 64])), &set), TokenError::Signature);
    assert_eq!(refused(&token, &KeySet::default()), TokenError::Signature);
}
