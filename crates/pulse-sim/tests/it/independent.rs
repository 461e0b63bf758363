//! Clients that are not ours work without change: curl with token and ticket, and a well-known Python library where it is
//! installed (`pip install proxmoxer requests`).

use pulse_sim::{
    Access, BackupServer, BackupServerOptions, Cluster, EstateOptions, MailGateway, MailGatewayOptions,
};
use serde_json::Value;
use tokio::process::Command;

async fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).kill_on_drop(true).output().await.ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{program}: {text}{}", String::from_utf8_lossy(&output.stderr));
    Some(text)
}

/// One of each product.
async fn products() -> (Cluster, BackupServer, MailGateway) {
    let cluster = Cluster::start(EstateOptions { nodes: 2, guests: 12, ..EstateOptions::default() });
    let server = BackupServer::start(BackupServerOptions::default());
    let gateway = MailGateway::start(MailGatewayOptions::default());
    (cluster.await.unwrap(), server.await.unwrap(), gateway.await.unwrap())
}

async fn curl(arguments: &[&str]) -> Value {
    let all: Vec<&str> =
        ["--silent", "--show-error", "--insecure"].iter().chain(arguments).copied().collect();
    let text = output("curl", &all).await.unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[tokio::test]
async fn curl_gets_in_with_a_token_and_with_a_ticket() {
    if Command::new("curl").arg("--version").output().await.is_err() {
        assert!(std::env::var_os("CI").is_none(), "curl is missing: install the package curl");
        eprintln!("skipped: curl is not installed");
        return;
    }
    let (cluster, server, gateway) = products().await;
    let (pve, pbs, pmg) = (cluster.access(), server.machine().access(), gateway.machine().access());
    for (access, scheme, between, cookie) in [
        (&pve, "PVEAPIToken", "=", "PVEAuthCookie"),
        (&pbs, "PBSAPIToken", ":", "PBSAuthCookie"),
        (&pmg, "", "", "PMGAuthCookie"),
    ] {
        let version = format!("{}/api2/json/version", access.url);
        if !scheme.is_empty() {
            let token = format!("{scheme}={}{between}{}", access.token_name, access.token_value);
            let answer = curl(&["--header", &format!("Authorization: {token}"), &version]).await;
            assert!(answer["data"]["version"].is_string(), "{}: {answer}", access.kind);
        }
        let ticket = curl(&[
            "--data-urlencode",
            &format!("username={}", access.user),
            "--data-urlencode",
            &format!("password={}", access.password),
            &format!("{}/api2/json/access/ticket", access.url),
        ])
        .await;
        let ticket = ticket["data"]["ticket"].as_str().unwrap().to_owned();
        // As it is, and as the vendor's own client sends it.
        let encoded = ticket.replace(':', "%3A").replace('=', "%3D").replace('+', "%2B").replace('/', "%2F");
        for ticket in [ticket, encoded] {
            let answer = curl(&["--cookie", &format!("{cookie}={ticket}"), &version]).await;
            assert!(answer["data"]["version"].is_string(), "{}: {answer}", access.kind);
        }
    }
}

const SCRIPT: &str = r#"
import json, sys, warnings
warnings.simplefilter("ignore")
from proxmoxer import ProxmoxAPI
out = []
for access in json.loads(sys.argv[1]):
    host, port = access["url"][8:].split(":")
    common = {"port": int(port), "verify_ssl": False, "service": access["kind"].upper()}
    api = ProxmoxAPI(host, user=access["user"], password=access["password"], **common)
    out.append(api.version.get()["version"])
    if access["kind"] != "pmg":
        user, name = access["tokenName"].split("!")
        api = ProxmoxAPI(host, user=user, token_name=name, token_value=access["tokenValue"], **common)
        out.append(api.version.get()["version"])
    if access["kind"] == "pve":
        out.append(len(api.cluster.resources.get(type="vm")))
        try:
            api.nodes("nowhere").status.get()
        except Exception as error:
            out.append(str(error))
    if access["kind"] == "pbs":
        out.append(len(api.admin.datastore("main").snapshots.get()) > 0)
    if access["kind"] == "pmg":
        out.append(api.statistics.mail.get()["count_in"])
print(json.dumps(out))
"#;

#[tokio::test]
async fn a_python_client_library_reads_all_three_products() {
    let has_library = Command::new("python3").args(["-c", "import proxmoxer, requests"]).output().await;
    if !has_library.is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "proxmoxer is missing: pip install proxmoxer requests");
        eprintln!("skipped: proxmoxer is not installed");
        return;
    }
    let (cluster, server, gateway) = products().await;
    let access: Vec<Access> = vec![cluster.access(), server.machine().access(), gateway.machine().access()];
    let text = output("python3", &["-c", SCRIPT, &serde_json::to_string(&access).unwrap()]).await.unwrap();
    let said: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert_eq!((&said[0], &said[1], &said[2]), (&"9.1.4".into(), &"9.1.4".into(), &12.into()));
    assert!(said[3].as_str().unwrap().contains("hostname lookup 'nowhere' failed"), "{text}");
    assert_eq!(said[6], true);
    assert_eq!(said[8], gateway.truth().day.count_in);
}
