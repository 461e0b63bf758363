//! What is written at the level of everything: enough to find a mistake by, and no secret of anybody.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use pulse_e2e::binaries;
use pulse_e2e::process::scratch;
use pulse_e2e::programs::{PASSWORD, ServerOptions, TOKEN, USER, command};
use serde_json::json;

use crate::PATIENCE;

/// Each of them is sent in the place where it belongs, and in some where it does not.
const SECRETS: [&str; 11] = [
    "secret-of-the-node-token",
    "secret-of-the-node-password",
    "secret-of-the-provider",
    "secret-of-the-mail-server",
    "secret-of-the-webhook-header",
    "secret-in-the-webhook-address",
    "secret-of-apprise",
    "a-guessed-password-of-somebody",
    "a-passphrase-of-an-export",
    "a-made-up-token-in-a-query",
    "a-made-up-token-in-a-header",
];

#[test]
fn no_secret_is_logged_when_everything_else_is() -> Result<()> {
    let data = scratch()?;
    let options = ServerOptions::new(data.path())?
        .argument("--no-local-host")
        .variable("LOG_LEVEL", "debug")
        .variable("LOG_FORMAT", "json")
        .variable("PROXY_AUTH_SECRET", "secret-between-the-proxy-and-us");
    // Where a proxy says who somebody is, there is no first run: it is done before.
    let mut first = ServerOptions::new(data.path())?.argument("--no-local-host").start()?;
    first.set_up()?;
    first.process.terminate(PATIENCE)?;
    let mut server = options.start()?;
    let session = server.log_in()?;
    let mut admin = server.admin();
    let [node, node_password, provider, mail, header, address, apprise, guess, passphrase, query, in_header] =
        SECRETS;

    // What is configured, and fails wherever it is used: nobody listens on port 9.
    for body in [
        json!({"type": "pve", "name": "lab", "host": "https://127.0.0.1:9", "tokenName": "m@pve!t", "tokenValue": node}),
        json!({"type": "pbs", "name": "vault", "host": "https://127.0.0.1:9", "user": "root@pam", "password": node_password}),
    ] {
        admin.post("/api/config/nodes", &body)?.expect_status(201)?;
        admin.post("/api/config/nodes/test-connection", &body)?;
    }
    let oidc = json!({"enabled": true, "issuerUrl": "http://127.0.0.1:9", "clientId": "pulse", "clientSecret": provider,
        "redirectUrl": "http://127.0.0.1/api/oidc/callback"});
    admin.post("/api/security/oidc", &oidc)?.expect_status(200)?;
    admin.post("/api/security/oidc/test", &oidc)?;
    let networks = json!({"webhookAllowedPrivateCIDRs": "127.0.0.0/8"});
    admin.post("/api/system/settings/update", &networks)?.expect_status(200)?;
    let email = json!({"enabled": true, "server": "127.0.0.1", "port": 9, "from": "a@example.org", "to": ["b@example.org"],
        "username": "u", "password": mail});
    admin.send_json("PUT", "/api/notifications/email", &email)?.expect_status(200)?;
    let webhook = json!({"name": "ops", "url": format!("http://127.0.0.1:9/hook?token={address}"), "enabled": true,
        "service": "generic", "headers": {"Authorization": header}});
    admin.post("/api/notifications/webhooks", &webhook)?.expect_status(200)?;
    admin.post("/api/notifications/webhooks/test", &webhook)?;
    let told = json!({"enabled": true, "mode": "http", "serverUrl": "http://127.0.0.1:9", "apiKey": apprise,
        "targets": [format!("mailto://u:{apprise}@example.org")]});
    admin.send_json("PUT", "/api/notifications/apprise", &told)?.expect_status(200)?;
    for method in ["email", "webhook", "apprise", "all"] {
        admin.post("/api/notifications/test", &json!({"method": method}))?;
    }
    // What comes in with requests, in right and in wrong places.
    let mut anybody = server.anonymous();
    anybody.post("/api/login", &json!({"username": USER, "password": guess}))?.expect_status(401)?;
    anybody.post("/api/login", &json!({"username": guess, "password": {"nested": guess}}))?;
    anybody.send("POST", "/api/login", &[], format!("{{\"password\": \"{guess}").as_bytes())?;
    anybody.get(&format!("/api/state?token={query}"))?.expect_status(401)?;
    anybody.get(&format!("/nowhere/at/all?token={query}"))?;
    anybody.get(&format!("/api/oidc/callback?code={query}&state={query}"))?;
    anybody.get("/api/oidc/login")?;
    for name in
        ["X-API-Token", "X-Setup-Token", "X-Recovery-Token", "X-Proxy-Secret", "X-CSRF-Token", "Cookie"]
    {
        anybody.with(name, in_header).get("/api/state")?.expect_status(401)?;
        anybody.with(name, in_header).post("/api/security/quick-setup", &json!({"password": guess}))?;
    }
    anybody.with("Authorization", &format!("Bearer {in_header}")).get("/api/state")?.expect_status(401)?;
    session.with("X-CSRF-Token", in_header).post("/api/config/nodes", &json!({}))?;
    let exported =
        admin.post("/api/config/export", &json!({"passphrase": passphrase}))?.expect_status(200)?;
    let bundle = exported.json()?["data"].as_str().context("no bundle")?.to_owned();
    admin.post("/api/config/import", &json!({"passphrase": guess, "data": bundle}))?.expect_status(400)?;
    admin
        .post("/api/config/import", &json!({"passphrase": passphrase, "data": bundle}))?
        .expect_status(200)?;
    let made =
        admin.post("/api/security/tokens", &json!({"name": "a script"}))?.expect_status(200)?.json()?;
    let made_token = made["token"].as_str().context("no token")?.to_owned();
    let setup = admin.post("/api/setup-script-url", &json!({"type": "pve"}))?.expect_status(200)?.json()?;
    let setup_token = setup["setupToken"].as_str().context("no setup token")?.to_owned();
    let mut recovery = command(binaries::folder()?, "pulse-server");
    recovery.args(["recovery-token", "--data-dir"]).arg(data.path()).stderr(Stdio::inherit());
    let recovery_token = String::from_utf8(recovery.output()?.stdout)?.trim().to_owned();
    ensure!(recovery_token.len() == 64, "{recovery_token}");
    anybody.with("X-Recovery-Token", &recovery_token).get("/api/state")?.expect_status(401)?;

    let tail = admin.get("/api/logs/download")?.expect_status(200)?;
    assert!(server.process.terminate(PATIENCE)?.success());
    let log = server.process.error_text();
    // Everything is written: otherwise this would prove nothing.
    ensure!(log.contains("127.0.0.1:9") && log.lines().count() > 10, "{log}");
    let of_memory = String::from_utf8_lossy(&tail.body).into_owned();
    let others =
        [PASSWORD, TOKEN, "secret-between-the-proxy-and-us", &made_token, &setup_token, &recovery_token];
    for secret in SECRETS.iter().chain(&others) {
        let line = log.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{secret} is in the log: {line:?}");
        assert!(!of_memory.contains(secret), "{secret} is in the support bundle");
    }
    Ok(())
}
