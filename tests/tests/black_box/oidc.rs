//! Login by a real OpenID Connect provider: the whole flow, and what somebody tries on its way.

use std::io::Write;

use anyhow::{Context, Result};
use pulse_e2e::http::Response;
use pulse_e2e::oidc::{Browser, CLIENT_ID, CLIENT_SECRET, OidcProvider, path_of};
use pulse_e2e::process::scratch;
use pulse_e2e::programs::{Server, ServerOptions};
use serde_json::{Value, json};

struct World {
    server: Server,
    provider: OidcProvider,
    _data: tempfile::TempDir,
}

/// A server that is set up for a provider of its own; `None` where none can be started.
fn world() -> Result<Option<World>> {
    if let Some(why) = OidcProvider::missing() {
        assert!(std::env::var_os("CI").is_none(), "no provider in CI: {why}");
        // Tests may print themselves, what they call may not.
        writeln!(std::io::stderr(), "not run: {why}")?;
        return Ok(None);
    }
    let data = scratch()?;
    let mut server = ServerOptions::new(data.path())?.argument("--no-local-host").start()?;
    server.set_up()?;
    let provider = OidcProvider::start(&format!("http://{}/api/oidc/callback", server.address))?;
    let world = World { server, provider, _data: data };
    let shown = world.configure(json!({}))?;
    assert!(!shown.to_string().contains(CLIENT_SECRET) && shown["clientSecretSet"] == true, "{shown}");
    Ok(Some(world))
}

impl World {
    fn config(&self, changes: &Value) -> Value {
        let mut config = json!({
            "enabled": true,
            "issuerUrl": self.provider.issuer(),
            "clientId": CLIENT_ID,
            "clientSecret": CLIENT_SECRET,
            "scopes": ["openid", "profile", "email", "groups"],
            "groupsClaim": "groups",
        });
        for (key, value) in changes.as_object().into_iter().flatten() {
            config[key] = value.clone();
        }
        config
    }

    fn configure(&self, changes: Value) -> Result<Value> {
        let config = self.config(&changes);
        self.server.admin().send_json("PUT", "/api/security/oidc", &config)?.expect_status(200)?.json()
    }

    fn browser(&self) -> Browser {
        Browser::at(self.server.address)
    }

    /// Begins a login: where the browser is sent.
    fn begin(browser: &mut Browser, return_to: &str) -> Result<String> {
        let answer = browser.get(&format!("/api/oidc/login?returnTo={return_to}"))?.expect_status(302)?;
        Ok(answer.header("location").context("no address")?.to_owned())
    }

    /// The path of the callback that the provider sends the browser to after `user` logged in there.
    fn at_provider(&self, url: &str, user: &str) -> Result<String> {
        let back = self.provider.log_in(url, user)?;
        Ok(path_of(&back, self.server.address)?.to_owned())
    }

    /// The whole login: the browser, and where it ends up.
    fn log_in(&self, user: &str) -> Result<(Browser, String)> {
        let mut browser = self.browser();
        let url = Self::begin(&mut browser, "/")?;
        let callback = self.at_provider(&url, user)?;
        let end = location(&browser.get(&callback)?);
        Ok((browser, end))
    }
}

fn location(answer: &Response) -> String {
    answer.header("location").unwrap_or_default().to_owned()
}

/// A parameter of an address.
fn parameter<'a>(url: &'a str, name: &str) -> Option<&'a str> {
    let pairs = url.split_once('?')?.1.split('&');
    pairs.filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value)
}

fn replaced(url: &str, name: &str, value: &str) -> String {
    let old = parameter(url, name).unwrap_or_default();
    url.replace(&format!("{name}={old}"), &format!("{name}={value}"))
}

#[test]
fn a_person_logs_in_by_the_provider_and_lands_where_they_wanted() -> Result<()> {
    let Some(world) = world()? else { return Ok(()) };
    let mut browser = world.browser();
    let url = World::begin(&mut browser, "/settings?tab=security")?;
    for (name, value) in
        [("response_type", "code"), ("code_challenge_method", "S256"), ("client_id", "pulse")]
    {
        assert_eq!(parameter(&url, name), Some(value), "{url}");
    }
    let callback = world.at_provider(&url, "kim")?;
    let answer = browser.get(&callback)?.expect_status(302)?;
    assert_eq!(location(&answer), "/settings?oidc=success&tab=security");
    assert!(answer.headers.iter().any(|(name, value)| name == "set-cookie"
        && value.starts_with("pulse_session=")
        && value.contains("HttpOnly")));

    let status = browser.get("/api/security/status")?.json()?;
    assert_eq!((&status["oidcUsername"], &status["oidcEnabled"]), (&json!("kim"), &json!(true)));
    browser.get("/api/state")?.expect_status(200)?;
    let sessions = browser.get("/api/security/sessions")?.expect_status(200)?.json()?;
    let mine = &sessions["sessions"][0];
    assert_eq!(
        (&mine["username"], &mine["method"], &mine["isCurrent"]),
        (&json!("kim"), &json!("oidc"), &json!(true))
    );
    // A session of this kind needs its CSRF token as any other.
    browser.send("POST", "/api/logout", &[], "")?.expect_status(403)?;
    let csrf = browser.cookie("pulse_csrf").context("no CSRF token")?.to_owned();
    browser.send("POST", "/api/logout", &[("X-CSRF-Token", &csrf)], "")?.expect_status(200)?;
    browser.get("/api/state")?.expect_status(401)?;
    Ok(())
}

#[test]
fn a_login_is_for_once_and_for_the_browser_that_began_it() -> Result<()> {
    let Some(world) = world()? else { return Ok(()) };
    let mut browser = world.browser();
    let url = World::begin(&mut browser, "/")?;
    let callback = world.at_provider(&url, "kim")?;
    // Somebody else opens the address: a link that logs its reader in as the sender.
    let stranger = location(&world.browser().get(&callback)?);
    assert_eq!(stranger, "/?oidc=error&oidc_error=invalid_state");
    let state = parameter(&callback, "state").context("no state")?.to_owned();
    let forged = location(&browser.get(&callback.replace(&state, "forged"))?);
    assert_eq!(forged, "/?oidc=error&oidc_error=invalid_state");
    assert_eq!(location(&browser.get(&callback)?), "/?oidc=success");
    let replayed = location(&browser.get(&callback)?);
    assert_eq!(replayed, "/?oidc=error&oidc_error=invalid_state");
    assert_eq!(location(&browser.get("/api/oidc/callback?code=x")?), "/?oidc=error&oidc_error=missing_state");
    let refused = browser.get("/api/oidc/callback?error=access_denied&state=x")?;
    assert_eq!(location(&refused), "/?oidc=error&oidc_error=access_denied");
    Ok(())
}

#[test]
fn a_token_for_another_login_is_not_believed() -> Result<()> {
    let Some(world) = world()? else { return Ok(()) };
    let refused = |change: &dyn Fn(&str) -> String| -> Result<String> {
        let mut browser = world.browser();
        let url = World::begin(&mut browser, "/")?;
        let callback = world.at_provider(&change(&url), "kim")?;
        let end = location(&browser.get(&callback)?);
        browser.get("/api/state")?.expect_status(401)?;
        Ok(end)
    };
    // The provider is asked with another nonce, as if the token came from a login of somebody else.
    let end = refused(&|url| replaced(url, "nonce", "of-another-login"))?;
    assert_eq!(end, "/?oidc=error&oidc_error=invalid_id_token");
    // With another challenge: the code was not asked for by this server.
    let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let end = refused(&|url| replaced(url, "code_challenge", challenge))?;
    assert_eq!(end, "/?oidc=error&oidc_error=exchange_failed");
    // A code of one login under the state of another.
    let (mut mine, mut other) = (world.browser(), world.browser());
    let (my_url, other_url) = (World::begin(&mut mine, "/")?, World::begin(&mut other, "/")?);
    let stolen = world.at_provider(&other_url, "kim")?;
    let state = parameter(&my_url, "state").context("no state")?;
    assert_eq!(
        location(&mine.get(&replaced(&stolen, "state", state))?),
        "/?oidc=error&oidc_error=exchange_failed"
    );
    Ok(())
}

#[test]
fn only_who_is_named_gets_in() -> Result<()> {
    let Some(world) = world()? else { return Ok(()) };
    let (success, error) =
        ("/?oidc=success".to_owned(), |code: &str| format!("/?oidc=error&oidc_error={code}"));
    for (list, value, code) in [
        ("allowedEmails", "kim@example.org", "email_restricted"),
        ("allowedDomains", "example.org", "domain_restricted"),
        ("allowedGroups", "staff", "group_restricted"),
    ] {
        world.configure(json!({list: [value]}))?;
        assert_eq!(world.log_in("kim")?.1, success, "{list}");
        let (mut eve, end) = world.log_in("eve")?;
        assert_eq!(end, error(code));
        eve.get("/api/state")?.expect_status(401)?;
    }
    // An address that the provider does not vouch for is no address.
    world.configure(json!({"allowedEmails": ["kim@example.org"]}))?;
    assert_eq!(world.log_in("mallory")?.1, error("email_restricted"));
    Ok(())
}

#[test]
fn a_group_gives_its_role_and_no_other() -> Result<()> {
    let Some(world) = world()? else { return Ok(()) };
    world.configure(json!({"groupRoleMappings": {"ops": "viewer"}}))?;
    let (mut kim, end) = world.log_in("kim")?;
    assert_eq!(end, "/?oidc=success");
    kim.get("/api/state")?.expect_status(200)?;
    for path in
        ["/api/security/tokens", "/api/security/oidc", "/api/system/settings", "/api/security/sessions"]
    {
        let answer = kim.get(path)?;
        assert_eq!(answer.status, 403, "{path}: {}", answer.text());
    }
    // Whose groups have no role may nothing.
    let (mut eve, _) = world.log_in("eve")?;
    assert_eq!(eve.get("/api/state")?.status, 403);
    let unknown = world.config(&json!({"groupRoleMappings": {"ops": "emperor"}}));
    world.server.admin().send_json("PUT", "/api/security/oidc", &unknown)?.expect_status(400)?;
    Ok(())
}

#[test]
fn a_session_ends_with_the_provider_that_vouched_for_it() -> Result<()> {
    let Some(world) = world()? else { return Ok(()) };
    let (mut kim, _) = world.log_in("kim")?;
    kim.get("/api/state")?.expect_status(200)?;
    let logout = format!("{}/session/end", world.provider.issuer());
    world.configure(json!({"logoutUrl": logout}))?;
    let status = kim.get("/api/security/status")?.json()?;
    assert_eq!(status["oidcLogoutURL"], logout.as_str());
    world.configure(json!({"enabled": false}))?;
    kim.get("/api/state")?.expect_status(401)?;
    let begun = world.browser().get("/api/oidc/login")?;
    assert_eq!(location(&begun), "/?oidc=error&oidc_error=oidc_disabled");
    world.browser().get("/api/oidc/callback?code=x&state=y")?.expect_status(404)?;
    Ok(())
}

#[test]
fn a_trial_names_the_exact_mismatch() -> Result<()> {
    let Some(world) = world()? else { return Ok(()) };
    let issuer = world.provider.issuer();
    let trial = |changes: Value| -> Result<(bool, String, String)> {
        let config = world.config(&changes);
        let answer = world.server.admin().post("/api/security/oidc/test", &config)?.expect_status(200)?;
        let answer = answer.json()?;
        let checks = answer["checks"].as_array().context("no checks")?.clone();
        let wrong = checks.iter().find(|check| check["ok"] == false);
        let shown = wrong.or(checks.last()).context("no check")?;
        let text = |key: &str| shown[key].as_str().unwrap_or_default().to_owned();
        Ok((answer["success"] == true, text("name"), text("detail")))
    };
    let (is_right, name, detail) = trial(json!({}))?;
    assert!(is_right && name == "redirect", "{name}: {detail}");
    assert!(detail.contains(&format!("http://{}/api/oidc/callback", world.server.address)), "{detail}");

    let slash = format!("{issuer}/");
    for (changes, name, parts) in [
        (
            json!({"issuerUrl": slash}),
            "issuer",
            vec![slash.as_str(), issuer.as_str(), "configure exactly that"],
        ),
        (
            json!({"issuerUrl": "http://127.0.0.1:9"}),
            "discovery",
            vec!["http://127.0.0.1:9/.well-known/", "refused"],
        ),
        (
            json!({"issuerUrl": format!("{issuer}/realms/x")}),
            "discovery",
            vec!["/realms/x/.well-known/", "404"],
        ),
        (json!({"issuerUrl": "http://169.254.169.254"}), "discovery", vec!["cloud metadata"]),
        (json!({"issuerUrl": format!("https://{}", world.provider.address)}), "discovery", vec!["failed"]),
        (json!({"issuerUrl": "id.example.org"}), "settings", vec!["absolute address"]),
        (json!({"scopes": ["openid", "grups"]}), "scopes", vec!["does not list grups"]),
        (json!({"scopes": ["profile"]}), "scopes", vec!["openid is missing"]),
        (json!({"caBundle": "/nowhere/ca.pem"}), "certificates", vec!["/nowhere/ca.pem"]),
    ] {
        let (is_right, found, detail) = trial(changes.clone())?;
        assert!(!is_right && found == name, "{changes}: {found}: {detail}");
        for part in parts {
            assert!(detail.contains(part), "{changes}: {detail}");
        }
        assert!(!detail.contains(CLIENT_SECRET));
    }
    // Trying kept nothing.
    let kept = world.server.admin().get("/api/security/oidc")?.json()?;
    assert_eq!(kept["issuerUrl"], issuer.as_str());
    Ok(())
}
