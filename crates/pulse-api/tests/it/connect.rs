//! Getting connected: setup scripts and their tokens, hosts that register themselves, the agent's command, discovery.

use std::{
    collections::BTreeMap,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};

use axum::body::Body;
use http::{Method, StatusCode};
use jiff::SignedDuration;
use pulse_core::scope::Scope;
use pulse_sim::{BackupServer, BackupServerOptions};
use serde_json::{Value, json};

use crate::{harness::TestServer, nodes::cluster};

const REGISTER: &str = "/api/auto-register";
const NODES: &str = "/api/config/nodes";

async fn setup_token(server: &TestServer, kind: &str) -> String {
    let made = server.admin().post("/api/setup-script-url", json!({"type": kind})).await.expect(200).json();
    made["setupToken"].as_str().unwrap().to_owned()
}

fn registration(kind: &str, host: &str, token: &str) -> Value {
    json!({
        "type": kind, "host": host, "serverName": "lab", "tokenId": "pulse-monitor@pam!pulse-1",
        "tokenValue": "5ec4e7", "authToken": token, "source": "script",
    })
}

async fn script(server: &TestServer, query: &str) -> String {
    server.anybody().get(&format!("/api/setup-script?{query}")).await.expect(200).text()
}

#[tokio::test]
async fn the_command_has_a_token_that_is_good_once() {
    let server = TestServer::set_up();
    let wish = json!({"type": "pve", "host": "https://192.0.2.4:8006", "backupPerms": true});
    let made = server.admin().post("/api/setup-script-url", wish).await.expect(200).json();
    let url = made["url"].as_str().unwrap();
    assert!(
        url.contains("/api/setup-script?type=pve&host=https%3A%2F%2F192.0.2.4%3A8006&pulse_url="),
        "{url}"
    );
    assert!(url.ends_with("&backup_perms=true"), "{url}");
    let token = made["setupToken"].as_str().unwrap();
    assert_eq!(token.len(), 32);
    assert_eq!(made["command"], format!("curl -sSL \"{url}\" | PULSE_SETUP_TOKEN={token} bash"));
    assert_eq!(made["commandWithEnv"], made["command"]);
    assert_eq!(made["commandWithoutEnv"], format!("curl -sSL \"{url}\" | bash"));
    assert!(made["tokenHint"].as_str().unwrap().starts_with(&token[..3]));
    server.anybody().post("/api/setup-script-url", json!({"type": "pve"})).await.expect(401);

    // What is wrong with the request does not burn the token.
    let host = "https://127.0.0.1:9";
    let mut wrong = registration("pve", host, token);
    wrong["tokenValue"] = json!("");
    let text = server.anybody().post(REGISTER, wrong).await.expect(400).text();
    assert_eq!(text.trim_end(), "Missing required fields");
    server.anybody().post(REGISTER, registration("pbs", host, token)).await.expect(401);
    let done = server.anybody().post(REGISTER, registration("pve", host, token)).await.expect(200).json();
    assert_eq!(
        done,
        json!({"status": "success", "message": "Node 127.0.0.1 auto-registered successfully", "nodeId": host})
    );
    let text = server.anybody().post(REGISTER, registration("pve", host, token)).await.expect(401).text();
    assert_eq!(text.trim_end(), "Invalid or expired setup code");
    let listed = server.admin().get(NODES).await.expect(200).json();
    assert_eq!((&listed[0]["name"], &listed[0]["source"]), (&json!("lab"), &json!("script")), "{listed}");
    assert_eq!(listed[0]["hasToken"], true);
}

#[tokio::test]
async fn a_setup_token_is_too_old_after_five_minutes() {
    let server = TestServer::set_up();
    let token = setup_token(&server, "pve").await;
    server.clock.advance(SignedDuration::from_secs(301));
    server.anybody().post(REGISTER, registration("pve", "https://127.0.0.1:9", &token)).await.expect(401);
}

#[tokio::test]
async fn only_tokens_that_may_report_or_change_settings_register_a_host() {
    let server = TestServer::set_up();
    for (scope, status) in [
        (Scope::HostAgentReport, 200),
        (Scope::HostAgentManage, 200),
        (Scope::SettingsWrite, 200),
        (Scope::DockerReport, 401),
        (Scope::MonitoringRead, 401),
    ] {
        let token = server.token([scope]);
        // Each a host of its own: what is configured already is not theirs to change.
        let mut body = registration("pve", &format!("https://127.0.0.1:{}", 9 + scope as u16), &token);
        body["serverName"] = json!(format!("{scope:?}"));
        server.anybody().post(REGISTER, body).await.expect(status);
    }
    let nobody = registration("pve", "https://127.0.0.1:9", "");
    let text = server.anybody().post(REGISTER, nobody).await.expect(401).text();
    assert_eq!(text.trim_end(), "Pulse requires authentication");
    server.anybody().post(REGISTER, json!([])).await.expect(400);
    assert_eq!(server.admin().get(NODES).await.expect(200).json().as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_token_that_may_only_report_replaces_no_credentials_of_a_configured_node() {
    let server = TestServer::set_up();
    let host = "https://127.0.0.1:9";
    let lab =
        json!({"type": "pve", "name": "lab", "host": host, "tokenName": "m@pve!mine", "tokenValue": "x"});
    server.admin().post(NODES, lab).await.expect(201);
    let kept = || {
        let nodes = server.state.nodes.current();
        let lab = nodes.pve.iter().find(|pve| pve.name.as_str() == "lab").unwrap();
        (
            lab.host.clone(),
            lab.token_name.clone().unwrap(),
            lab.token_value.clone().unwrap().expose().to_owned(),
        )
    };
    let before = kept();
    for scope in [Scope::HostAgentReport, Scope::HostAgentManage] {
        let token = server.token([scope]);
        let mut body = registration("pve", host, &token);
        let text = server.anybody().post(REGISTER, body.clone()).await.expect(403).text();
        assert!(text.contains("lab is configured with other credentials"), "{text}");
        assert!(text.contains("settings:write") && !text.contains("5ec4e7"), "{text}");
        // Nor by asking for a token, nor to another address under its name and token.
        body["requestToken"] = json!(true);
        (body["username"], body["password"]) = (json!("root@pam"), json!("guess"));
        server.anybody().post(REGISTER, body).await.expect(403);
        let mut moved = registration("pve", "https://127.0.0.1:10", &token);
        (moved["serverName"], moved["tokenId"]) = (json!("lab"), json!("m@pve!mine"));
        server.anybody().post(REGISTER, moved).await.expect(403);
        assert_eq!(kept(), before);
    }
    // Who may change settings may change these, and so may whoever was given a setup token.
    let token = server.token([Scope::SettingsWrite]);
    server.anybody().post(REGISTER, registration("pve", host, &token)).await.expect(200);
    assert_ne!(kept(), before);
    let token = setup_token(&server, "pve").await;
    server.anybody().post(REGISTER, registration("pve", host, &token)).await.expect(200);
}

#[tokio::test]
async fn a_host_gets_the_credentials_of_a_cluster_only_if_the_cluster_itself_has_it() {
    let server = TestServer::set_up();
    let (n1, n2, n3) = (("n1", "192.0.2.1"), ("n2", "192.0.2.2"), ("n3", "192.0.2.3"));
    server.proxmox.host_answers("https://192.0.2.1:8006", cluster("prod", &[n1, n2]));
    let prod = json!({"type": "pve", "name": "prod", "host": "192.0.2.1", "tokenName": "m@pve!t", "tokenValue": "x"});
    server.admin().post(NODES, prod).await.expect(201);
    let endpoints =
        async || server.admin().get(NODES).await.expect(200).json()[0]["clusterEndpoints"].clone();
    let before = endpoints().await;

    // It says it is a third member, and that another one has moved to its address.
    let evil = [n1, ("n2", "203.0.113.9"), ("n9", "203.0.113.9")];
    server.proxmox.host_answers("https://203.0.113.9:8006", cluster("prod", &evil));
    let token = server.token([Scope::HostAgentReport]);
    let done = server.anybody().post(REGISTER, registration("pve", "203.0.113.9", &token)).await;
    assert_eq!(done.expect(200).json()["merged"], Value::Null);
    assert_eq!(endpoints().await, before);
    assert_eq!(server.admin().get(NODES).await.expect(200).json().as_array().unwrap().len(), 2, "its own");

    // A real third member: the cluster has it.
    server.proxmox.host_answers("https://192.0.2.1:8006", cluster("prod", &[n1, n2, n3]));
    server.proxmox.host_answers("https://192.0.2.3:8006", cluster("prod", &[n1, n2, n3]));
    let done =
        server.anybody().post(REGISTER, registration("pve", "192.0.2.3", &token)).await.expect(200).json();
    assert_eq!((&done["merged"], &done["totalEndpoints"]), (&json!(true), &json!(3)), "{done}");
    assert_eq!(endpoints().await.as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_script_has_nothing_in_it_that_the_caller_could_run() {
    let server = TestServer::set_up();
    for query in [
        "type=pve&pulse_url=https://@HOST_URL@&host=https://x;touch;",
        "type=pve&host=https://x%27;id;%27",
        "type=pbs&pulse_url=https://x%0aid",
        "type=pve&pulse_url=https://x|id",
        "type=pve&auth_token=%27;id",
    ] {
        server.anybody().get(&format!("/api/setup-script?{query}")).await.expect(400);
    }
    let nested = script(&server, "type=pve&pulse_url=https://@HOST_URL@&host=https://@AUTH_TOKEN@").await;
    assert!(
        nested.contains("\nPULSE_URL='https://@HOST_URL@'\nHOST_URL='https://@AUTH_TOKEN@'\n"),
        "{nested}"
    );
    // The address that requests come to, and the configured one, get no further.
    let spoofed = server.anybody().with("host", "a';id;'").get("/api/setup-script?type=pve").await;
    assert!(!spoofed.expect(200).text().contains("id;"));
}

#[tokio::test]
async fn a_backup_server_registers_with_its_certificate_pinned_and_again_with_a_new_token() {
    let server = TestServer::set_up();
    let vault = BackupServer::start(BackupServerOptions::default()).await.unwrap();
    let access = vault.machine().access();
    let body = |token: String| {
        json!({
            "type": "pbs", "host": access.url, "serverName": "vault", "tokenId": access.token_name,
            "tokenValue": access.token_value, "authToken": token,
        })
    };
    server.anybody().post(REGISTER, body(setup_token(&server, "pbs").await)).await.expect(200);
    server.anybody().post(REGISTER, body(setup_token(&server, "pbs").await)).await.expect(200);
    let listed = server.admin().get(NODES).await.expect(200).json();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(listed[0]["fingerprint"], access.fingerprint);
    assert!(listed[0]["monitorDatastores"] == true && listed[0]["monitorSyncJobs"] == true, "{listed}");
    server.admin().post(&format!("{NODES}/pbs-0/test"), json!({})).await.expect(200);
}

#[tokio::test]
async fn a_token_is_made_over_there_for_an_administrator() {
    let server = TestServer::set_up();
    let vault = BackupServer::start(BackupServerOptions::default()).await.unwrap();
    let access = vault.machine().access();
    let (user, password) = vault.machine().administrator();
    let mut body = json!({
        "type": "pbs", "host": access.url, "serverName": "vault", "requestToken": true, "username": user,
        "password": password, "authToken": setup_token(&server, "pbs").await,
    });
    let done = server.anybody().post(REGISTER, body.clone()).await.expect(200).json();
    assert_eq!((&done["action"], &done["nodeId"]), (&json!("create_token"), &json!("vault")), "{done}");
    assert!(done["tokenId"].as_str().unwrap().starts_with("pulse-monitor@pbs!pulse-"));
    server.admin().post(&format!("{NODES}/pbs-0/test"), json!({})).await.expect(200);
    body["authToken"] = json!(setup_token(&server, "pbs").await);
    body["password"] = json!("wrong");
    let text = server.anybody().post(REGISTER, body).await.expect(500).text();
    assert!(text.starts_with("Failed to create token: ") && !text.contains("wrong"), "{text}");
}

#[tokio::test]
async fn what_goes_into_the_script_cannot_get_out_of_it() {
    let server = TestServer::set_up();
    let bad = async |query: &str| {
        server.anybody().get(&format!("/api/setup-script?{query}")).await.expect(400).text()
    };
    assert!(bad("").await.starts_with("Missing required parameter: type"));
    assert!(bad("type=pve&host=ftp://x").await.starts_with("Invalid host parameter: "));
    assert!(bad("type=pve&host=https://a%27%3Bid").await.starts_with("Invalid host parameter: "));
    assert!(bad("type=pve&pulse_url=http://a%0Ab").await.starts_with("Invalid pulse_url parameter: "));
    assert!(bad("type=pve&auth_token=xyz").await.contains("token must be hexadecimal"));
    let answer = server.anybody().get("/api/setup-script?type=pbs%0d%0aX:y").await.expect(200);
    assert_eq!(answer.headers["content-disposition"], "inline; filename=pulse-setup-pbs.sh");
    assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");
    let text =
        script(&server, "type=pve&host=https://192.0.2.4:8006&pulse_url=https://pulse.lan/&auth_token=")
            .await;
    assert!(text.contains("\nPULSE_URL='https://pulse.lan'\nHOST_URL='https://192.0.2.4:8006'\n"), "{text}");
}

/// Stand-ins for the commands of a Proxmox host, which write down how they are called and remember tokens.
fn stand_ins(folder: &Path, version: &str) {
    let log = folder.join("log");
    let put = |name: &str, body: String| {
        let file = folder.join(name);
        std::fs::write(
            &file,
            format!("#!/bin/sh\nLOG='{}'\nSTATE='{}'\n{body}", log.display(), folder.display()),
        )
        .unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    put("id", "echo 0\n".into());
    put("hostname", "if [ \"${1:-}\" = -I ]; then echo '192.0.2.9 fe80::1'; else echo pve1; fi\n".into());
    put("pveversion", format!("echo 'pve-manager/{version}/abc (running kernel: 6.8)'\n"));
    put("date", "cat \"$STATE/now\"\n".into());
    put("curl", "cat >> \"$LOG.body\"; echo >> \"$LOG.body\"; echo \"curl $*\" >> \"$LOG\"; printf '{\"status\":\"success\"}\\n%s' \"$(cat \"$STATE/code\")\"\n".into());
    let tokens = r#"
list() { printf '['; for f in "$STATE"/token-*; do [ -e "$f" ] && printf '{"expire":0,"tokenid":"%s%s","comment":""},' "$PREFIX" "${f##*token-}"; done; printf ']\n'; }
made() { touch "$STATE/token-$1"; }
gone() { rm -f "$STATE/token-$1"; }
"#;
    put(
        "pveum",
        format!(
            "PREFIX=''\n{tokens}
echo \"pveum $*\" >> \"$LOG\"
case \"$1 $2 ${{3:-}}\" in
'user list '*) [ -e \"$STATE/user\" ] && echo '[{{\"enable\":1,\"userid\":\"pulse-monitor@pam\"}}]' ;;
'role list '*) [ -e \"$STATE/role\" ] && echo '[{{\"privs\":\"\",\"roleid\":\"PulseMonitor\"}}]' ;;
'user add '*) touch \"$STATE/user\" ;;
'user delete '*) rm -f \"$STATE/user\" \"$STATE\"/token-* ;;
'role add '*) touch \"$STATE/role\" ;;
'role delete '*) rm -f \"$STATE/role\" ;;
'user token list') list ;;
'user token add') made \"$5\"; printf '{{\"full-tokenid\":\"%s!%s\",\"info\":{{\"privsep\":\"0\"}},\"value\":\"secret-of-%s\"}}\\n' \"$4\" \"$5\" \"$5\" ;;
'user token remove') gone \"$5\" ;;
esac
true
"
        ),
    );
    put(
        "proxmox-backup-manager",
        format!(
            "PREFIX='pulse-monitor@pbs!'\n{tokens}
echo \"pbm $*\" >> \"$LOG\"
case \"$1 $2\" in
'user list') [ -e \"$STATE/user\" ] && echo '[{{\"userid\":\"pulse-monitor@pbs\"}}]' ;;
'user create') touch \"$STATE/user\" ;;
'user remove') rm -f \"$STATE/user\" \"$STATE\"/token-* ;;
'user list-tokens') list ;;
'user generate-token') made \"$4\"; printf 'Result: {{\\n  \"tokenid\": \"%s!%s\",\\n  \"value\": \"secret-of-%s\"\\n}}\\n' \"$3\" \"$4\" \"$4\" ;;
'user delete-token') gone \"$4\" ;;
esac
true
"
        ),
    );
}

/// A Proxmox host on which the script runs, at one second after the other.
struct Host {
    folder: tempfile::TempDir,
    script: String,
}

impl Host {
    fn new(script: String, version: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        stand_ins(folder.path(), version);
        std::fs::write(folder.path().join("code"), "200").unwrap();
        Self { folder, script }
    }

    fn run(&self, second: u64, word: &str) -> Output {
        std::fs::write(self.folder.path().join("now"), second.to_string()).unwrap();
        std::fs::write(self.folder.path().join("script"), &self.script).unwrap();
        Command::new("sh")
            .arg(self.folder.path().join("script"))
            .arg(word)
            .env("PATH", format!("{}:/usr/bin:/bin", self.folder.path().display()))
            .env("PULSE_SETUP_TOKEN", "0123456789abcdef0123456789abcdef")
            .output()
            .unwrap()
    }

    fn answers(&self, code: u16) {
        std::fs::write(self.folder.path().join("code"), code.to_string()).unwrap();
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// What is left on the host: user, role, tokens.
    fn left(&self) -> Vec<String> {
        let mut names: Vec<_> = std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name == "user" || name == "role" || name.starts_with("token-"))
            .collect();
        names.sort();
        names
    }
}

#[track_caller]
fn succeeded(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[tokio::test]
async fn the_script_for_proxmox_ve_may_run_again_and_takes_everything_away() {
    let server = TestServer::set_up();
    let text = script(&server, "type=pve&pulse_url=https://pulse.lan:7655").await;
    let host = Host::new(text, "8.4.1");
    let said = succeeded(&host.run(100, "install"));
    assert!(said.contains("Role PulseMonitor: Sys.Audit VM.Monitor (made)"), "{said}");
    assert_eq!(host.left(), ["role", "token-pulse-pulse-lan-100", "user"]);
    let body = std::fs::read_to_string(host.folder.path().join("log.body")).unwrap();
    let sent: Value = serde_json::from_str(body.trim()).unwrap();
    assert_eq!(
        sent,
        json!({
            "type": "pve", "host": "https://192.0.2.9:8006", "serverName": "pve1",
            "tokenId": "pulse-monitor@pam!pulse-pulse-lan-100", "tokenValue": "secret-of-pulse-pulse-lan-100",
            "authToken": "0123456789abcdef0123456789abcdef", "source": "script",
        })
    );
    assert!(!host.log().contains("PVEDatastoreAdmin"), "least privileges: {}", host.log());
    // Again: one user, one role, one token, which is a new one.
    let said = succeeded(&host.run(200, "install"));
    assert!(said.contains("is there already") && said.contains("was replaced"), "{said}");
    assert_eq!(host.left(), ["role", "token-pulse-pulse-lan-200", "user"]);
    // Refused: what was there stays, the new token goes.
    host.answers(401);
    let refused = host.run(300, "install");
    assert!(!refused.status.success());
    assert_eq!(host.left(), ["role", "token-pulse-pulse-lan-200", "user"]);
    let said = succeeded(&host.run(400, "remove"));
    assert!(said.contains("removed") && host.left().is_empty(), "{said} {:?}", host.left());
    succeeded(&host.run(500, "remove"));
}

#[tokio::test]
async fn the_rights_are_those_of_the_version() {
    let server = TestServer::set_up();
    let text = script(&server, "type=pve&pulse_url=https://pulse.lan&backup_perms=true").await;
    for (version, privilege, other) in [
        ("9.1.2", "VM.GuestAgent.Audit", "VM.Monitor"),
        ("8.4.1", "VM.Monitor", "VM.GuestAgent"),
        ("7.4-3", "VM.Monitor", "VM.GuestAgent"),
    ] {
        let host = Host::new(text.clone(), version);
        succeeded(&host.run(1, "install"));
        let log = host.log();
        assert!(
            log.contains(&format!("pveum role add PulseMonitor --privs Sys.Audit {privilege}\n")),
            "{log}"
        );
        assert!(
            !log.contains(other)
                && log.contains("/storage --users pulse-monitor@pam --roles PVEDatastoreAdmin"),
            "{log}"
        );
    }
}

#[tokio::test]
async fn the_script_for_backup_servers_gives_user_and_token_the_right_to_read() {
    let server = TestServer::set_up();
    let text = script(&server, "type=pbs&host=https://vault.lan:8007&pulse_url=https://pulse.lan").await;
    let host = Host::new(text, "8.4.1");
    succeeded(&host.run(100, "install"));
    succeeded(&host.run(200, "install"));
    assert_eq!(host.left(), ["token-pulse-pulse-lan-200", "user"]);
    let log = host.log();
    for who in ["pulse-monitor@pbs", "pulse-monitor@pbs!pulse-pulse-lan-200"] {
        assert!(log.contains(&format!("pbm acl update / Audit --auth-id {who}\n")), "{log}");
    }
    let body = std::fs::read_to_string(host.folder.path().join("log.body")).unwrap();
    let sent: Value = serde_json::from_str(body.trim().lines().last().unwrap()).unwrap();
    assert_eq!(
        (&sent["host"], &sent["tokenValue"]),
        (&json!("https://vault.lan:8007"), &json!("secret-of-pulse-pulse-lan-200"))
    );
    succeeded(&host.run(300, "remove"));
    assert!(host.left().is_empty());
}

#[tokio::test]
async fn the_scripts_pass_shellcheck() {
    if Command::new("shellcheck").arg("--version").output().is_err() {
        // A machine without it checks the grammar only.
        assert!(std::env::var_os("CI").is_none(), "shellcheck is missing: install the package shellcheck");
        eprintln!("skipped: shellcheck is not installed");
        return;
    }
    let server = TestServer::set_up();
    for kind in ["pve", "pbs"] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("script.sh");
        std::fs::write(&file, script(&server, &format!("type={kind}&pulse_url=https://p")).await).unwrap();
        let output = Command::new("shellcheck").args(["-s", "sh"]).arg(&file).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

#[tokio::test]
async fn the_agents_command_has_a_token_of_its_own() {
    let server = TestServer::set_up();
    let path = "/api/agent-install-command";
    let made = server.admin().post(path, json!({"type": "pve"})).await.expect(200).json();
    let token = made["token"].as_str().unwrap();
    assert_eq!(token.len(), 64);
    let command = made["command"].as_str().unwrap();
    assert!(
        command.starts_with("curl -fsSL http") && command.contains("/install.sh | bash -s -- \\\n  --url ")
    );
    assert!(command.ends_with(&format!("--token {token} \\\n  --enable-proxmox")), "{command}");
    server.anybody().post(REGISTER, registration("pve", "https://127.0.0.1:9", token)).await.expect(200);
    server.admin().post(path, json!({"type": "x"})).await.expect(400);
    let weak = server.token([Scope::MonitoringRead]);
    server.anybody().with("x-api-token", &weak).post(path, json!({"type": "pve"})).await.expect(403);
}

#[tokio::test]
async fn ssh_is_for_whoever_has_a_setup_token_or_the_right() {
    let server = TestServer::set_up();
    let path = "/api/system/verify-temperature-ssh";
    server.anybody().post(path, json!({"nodes": ""})).await.expect(401);
    let weak = server.token([Scope::MonitoringRead]);
    server.anybody().with("x-api-token", &weak).post(path, json!({"nodes": ""})).await.expect(401);
    assert_eq!(
        server.admin().post(path, json!({"nodes": ""})).await.expect(200).text(),
        "✓ No nodes to verify"
    );
    let token = setup_token(&server, "pve").await;
    let answer = server.anybody().post(&format!("{path}?auth_token={token}"), json!({"nodes": "a b"})).await;
    let text = answer.expect(200).text();
    assert!(text.contains("Not reached over SSH: a, b"), "{text}");
    let refused = server
        .admin()
        .send(Method::POST, "/api/system/ssh-config", Body::from("Host a\nProxyCommand x"))
        .await
        .expect(400);
    assert_eq!(refused.text().trim_end(), "SSH config contains forbidden directive: ProxyCommand");
    server.admin().send(Method::POST, "/api/system/ssh-config", Body::from(" ")).await.expect(400);
}

#[tokio::test]
async fn nothing_is_searched_until_somebody_asks_and_then_only_what_is_named() {
    let server = TestServer::set_up();
    let path = "/api/discover";
    let before = server.admin().get(path).await.expect(200).json();
    assert_eq!(
        before,
        json!({"cached": false, "servers": [], "errors": [], "environment": null, "age": 0.0, "updated": 0})
    );
    let found = server.admin().post(path, json!({"subnet": "127.0.6.0/30"})).await.expect(200).json();
    assert_eq!((&found["cached"], &found["scanning"]), (&json!(false), &json!(false)));
    assert_eq!(found["environment"]["phases"][0]["subnets"], json!(["127.0.6.0/30"]));
    for (subnet, part) in [
        ("nonsense", "no IPv4 network"),
        ("10.0.0.0/99", "no IPv4 network"),
        ("8.8.8.0/30", "no private network"),
        ("127.0.6.0/30,192.0.2.1", "192.0.2.1/32 is no private network"),
    ] {
        let text = server.admin().post(path, json!({"subnet": subnet})).await.expect(400).text();
        assert!(text.contains(part), "{text}");
    }
    let large = server.admin().post(path, json!({"subnet": "10.0.0.0/8"})).await.expect(200).json();
    assert!(large["errors"][0].as_str().unwrap().contains("smaller"), "{large}");
    let weak = server.token([Scope::MonitoringRead]);
    let refused: BTreeMap<_, _> = [
        ("get", server.anybody().with("x-api-token", &weak).get(path).await.status),
        (
            "post",
            server
                .anybody()
                .with("x-api-token", &weak)
                .post(path, json!({"subnet": "127.0.6.0/30"}))
                .await
                .status,
        ),
    ]
    .into();
    assert!(refused.values().all(|status| *status == StatusCode::FORBIDDEN), "{refused:?}");
}
