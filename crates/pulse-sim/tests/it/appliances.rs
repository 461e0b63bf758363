//! The backup server and the mail gateway: shapes against the vendor's schemas, rights, words of errors, and what they
//! say against what is true.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use pulse_core::ManualClock;
use pulse_sim::{
    BackedUpGuest, BackupServer, BackupServerOptions, Effect, EstateOptions, Fault, MailGateway,
    MailGatewayOptions, NamespaceOptions,
};
use reqwest::Method;
use serde_json::json;

use crate::{
    client::{Client, NOON, Scene, read},
    schema,
};

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::from_second(NOON).unwrap()))
}

fn options() -> BackupServerOptions {
    let guest = |id: &str| BackedUpGuest {
        kind: "vm".into(),
        id: id.into(),
        name: format!("web{id}"),
        disk: 32 << 30,
        second_of_day: None,
    };
    BackupServerOptions {
        namespaces: vec![
            NamespaceOptions {
                owner: "pve@pbs!a".into(),
                guests: vec![guest("100"), guest("101")],
                extra_groups: 30,
                ..NamespaceOptions::default()
            },
            NamespaceOptions {
                path: "site-b/prod".into(),
                owner: "pve@pbs!b".into(),
                guests: vec![guest("100")],
                extra_groups: 0,
            },
        ],
        ..BackupServerOptions::default()
    }
}

async fn backup_server() -> (BackupServer, Client, Arc<ManualClock>) {
    let clock = clock();
    let server = BackupServer::start_with(options(), clock.clone()).await.unwrap();
    let access = server.machine().access();
    let token = format!("PBSAPIToken={}:{}", access.token_name, access.token_value);
    let client = Client::of_machine(server.machine(), Some(token));
    (server, client, clock)
}

/// A client with a ticket in its cookie: a mail gateway knows no tokens.
async fn mail_client(gateway: &MailGateway) -> (String, String) {
    let access = gateway.machine().access();
    let client = Client::of_machine(gateway.machine(), None);
    let form = format!("username={}&password={}", access.user, access.password);
    let request = client.request(Method::POST, "/access/ticket").body(form);
    let answer = read(request.send().await.unwrap());
    let data = answer.await.unwrap().data();
    (format!("PMGAuthCookie={}", data["ticket"].as_str().unwrap()), data["role"].to_string())
}

#[tokio::test]
async fn a_backup_servers_answers_fit_the_vendors_schema() {
    let Some(schema) = schema::load("pbs/pbs-4.2.1.apischema.json.gz") else { return };
    let (_server, client, _) = backup_server().await;
    let mut problems = Vec::new();
    for (path, pattern) in [
        ("/version", "/version"),
        ("/nodes/localhost/status", "/nodes/{node}/status"),
        ("/nodes/localhost/tasks?limit=0", "/nodes/{node}/tasks"),
        ("/status/datastore-usage", "/status/datastore-usage"),
        ("/admin/datastore", "/admin/datastore"),
        ("/admin/datastore/main/status", "/admin/datastore/{store}/status"),
        ("/admin/datastore/cloud/status", "/admin/datastore/{store}/status"),
        ("/admin/datastore/main/gc", "/admin/datastore/{store}/gc"),
        ("/admin/datastore/main/namespace", "/admin/datastore/{store}/namespace"),
        ("/admin/datastore/main/groups", "/admin/datastore/{store}/groups"),
        ("/admin/datastore/main/snapshots?ns=site-b/prod", "/admin/datastore/{store}/snapshots"),
        ("/admin/datastore/main/snapshots", "/admin/datastore/{store}/snapshots"),
        ("/admin/sync", "/admin/sync"),
        ("/admin/verify", "/admin/verify"),
        ("/admin/prune", "/admin/prune"),
        ("/admin/gc", "/admin/gc"),
    ] {
        // Archives are objects on real servers although the schema says text; what is not there has -1 bytes.
        let allowed = [".files[", "avail"];
        problems.extend(schema::problems(&schema, pattern, &client.data(path).await, &allowed));
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

#[tokio::test]
async fn a_mail_gateways_answers_fit_the_vendors_schema() {
    let Some(schema) = schema::load("pmg/pmg-9-2026-06.apischema.json.gz") else { return };
    for nodes in [1, 3] {
        let options = MailGatewayOptions { nodes, ..MailGatewayOptions::default() };
        let gateway = MailGateway::start_with(options, clock()).await.unwrap();
        let (cookie, _) = mail_client(&gateway).await;
        let client = Client::of_machine(gateway.machine(), None);
        let mut problems = Vec::new();
        for (path, pattern) in [
            ("/version", "/version"),
            ("/nodes", "/nodes"),
            ("/config/cluster/status?list_single_node=1", "/config/cluster/status"),
            ("/nodes/mail1/status", "/nodes/{node}/status"),
            ("/nodes/mail1/postfix/queue", "/nodes/{node}/postfix/queue"),
            ("/nodes/mail1/postfix/qshape?queue=deferred", "/nodes/{node}/postfix/qshape"),
            ("/nodes/mail1/backup", "/nodes/{node}/backup"),
            ("/statistics/mail", "/statistics/mail"),
            ("/statistics/mailcount?timespan=3600", "/statistics/mailcount"),
            ("/statistics/spamscores", "/statistics/spamscores"),
            ("/statistics/domains", "/statistics/domains"),
            ("/quarantine/spamstatus", "/quarantine/spamstatus"),
            ("/quarantine/virusstatus", "/quarantine/virusstatus"),
        ] {
            let request = client.request(Method::GET, path).header("Cookie", &cookie);
            let data = read(request.send().await.unwrap()).await.unwrap().data();
            // A gateway on its own numbers itself with a text.
            problems.extend(schema::problems(&schema, pattern, &data, &[".cid"]));
        }
        assert!(problems.is_empty(), "{nodes} nodes: {problems:#?}");
    }
}

#[tokio::test]
async fn what_a_backup_server_says_is_what_is_true() {
    let (server, client, clock) = backup_server().await;
    for _ in 0..3 {
        let truth = server.truth();
        let usage = client.data("/status/datastore-usage").await;
        for store in &truth.stores {
            let entry =
                usage.as_array().unwrap().iter().find(|entry| entry["store"] == *store.name).unwrap().clone();
            assert_eq!(entry["total"].as_u64(), store.total, "{entry}");
        }
        let site_b = client.data("/admin/datastore/main/snapshots?ns=site-b/prod&backup-type=vm").await;
        let group = truth.groups.iter().find(|group| group.namespace == "site-b/prod").unwrap();
        assert_eq!(site_b.as_array().unwrap().len(), group.backups.len());
        assert_eq!(site_b[0]["backup-time"], group.backups[0].at);
        assert_eq!(site_b[0]["owner"], "pve@pbs!b");
        let files = site_b[0]["files"].as_array().unwrap();
        let sum: u64 = files.iter().map(|file| file["size"].as_u64().unwrap()).sum();
        assert_eq!(site_b[0]["size"], sum);
        clock.advance(SignedDuration::from_hours(24));
    }
    let namespaces = client.data("/admin/datastore/main/namespace").await;
    assert_eq!(namespaces, json!([{ "ns": "" }, { "ns": "site-b" }, { "ns": "site-b/prod" }]));
}

#[tokio::test]
async fn a_backup_servers_tasks_are_those_of_its_jobs_and_backups() {
    let (server, client, clock) = backup_server().await;
    let tasks = async |query: &str| {
        let data = client.data(&format!("/nodes/localhost/tasks{query}")).await;
        data.as_array().unwrap().clone()
    };
    let all = tasks("?limit=0").await;
    let mut upids: Vec<_> = all.iter().map(|task| task["upid"].as_str().unwrap()).collect();
    // The form that the schema gives them, which the check of the answers does not look at.
    for upid in &upids {
        let parts: Vec<_> = upid.split(':').collect();
        assert!(parts.len() == 10 && parts[0] == "UPID" && parts[9].is_empty(), "{upid}");
        assert!(parts[2..6].iter().all(|part| u64::from_str_radix(part, 16).is_ok()), "{upid}");
    }
    upids.sort_unstable();
    let count = upids.len();
    upids.dedup();
    assert_eq!(upids.len(), count);
    assert!(all.is_sorted_by(|a, b| a["starttime"].as_u64() >= b["starttime"].as_u64()));
    for (list, field) in
        [("sync", "last-run-upid"), ("verify", "last-run-upid"), ("prune", "last-run-upid"), ("gc", "upid")]
    {
        for job in client.data(&format!("/admin/{list}")).await.as_array().unwrap() {
            let task = all.iter().find(|task| task["upid"] == job[field]).unwrap_or_else(|| panic!("{job}"));
            assert_eq!(
                (&task["endtime"], &task["status"]),
                (&job["last-run-endtime"], &job["last-run-state"])
            );
        }
    }
    let group = &server.truth().groups[0];
    let of_group = tasks("?limit=0&typefilter=backup&store=main&userfilter=pve@pbs!a").await;
    let newest = of_group.iter().find(|task| task["worker_id"] == "main:vm/100").unwrap();
    assert_eq!((&newest["starttime"], group.id.as_str()), (&group.backups[0].at.into(), "100"));
    assert_eq!(tasks("").await, all[..50]);
    assert_eq!(tasks("?start=10&limit=5").await, all[10..15]);
    let failed = tasks("?limit=0&errors=1").await;
    assert!(!failed.is_empty() && failed.iter().all(|task| task["worker_type"] == "syncjob"), "{failed:?}");
    assert_eq!(tasks("?limit=0&statusfilter=error").await, failed);
    // One is seen while it runs, and has no end until it has ended.
    clock.advance(SignedDuration::from_hours(12));
    let running = tasks("?running=1").await;
    assert_eq!(running.len(), 3, "{running:?}");
    assert!(
        running.iter().all(|task| task["worker_type"] == "garbage_collection" && task["endtime"].is_null())
    );
    clock.advance(SignedDuration::from_secs(120));
    assert!(tasks("?running=1").await.is_empty());
    assert_eq!(client.get("/nodes/localhost/tasks?limit=many").await.status, 400);
}

#[tokio::test]
async fn a_backup_server_words_its_errors_in_plain_text() {
    let (server, client, _) = backup_server().await;
    for (path, status, text) in [
        ("/admin/datastore/nope/status", 400, "no such datastore 'nope'"),
        (
            "/admin/datastore/main/status?foo=1",
            400,
            "parameter verification failed - 'foo': schema does not allow additional properties.",
        ),
        ("/nope", 404, "Path '/api2/json/nope' not found."),
        ("/nodes", 403, "permission check failed"),
        ("/admin/datastore/removable/namespace", 400, "datastore 'removable' is not mounted"),
    ] {
        let answer = client.get(path).await;
        assert_eq!((answer.status, answer.text.as_str()), (status, text), "{path}");
    }
    let answer = client.anonymous().get("/version").await;
    assert_eq!((answer.status, answer.text.as_str()), (401, "authentication failed"));
    assert!(answer.headers["set-cookie"].to_str().unwrap().starts_with("__Host-PBSAuthCookie=;"));
    // The secret comes behind a colon and nothing else.
    let access = server.machine().access();
    let wrong = format!("PBSAPIToken={}={}", access.token_name, access.token_value);
    assert_eq!(Client::of_machine(server.machine(), Some(wrong)).get("/version").await.status, 401);
    server.machine().add_fault(Fault::new(Effect::RevokeToken));
    assert_eq!(client.get("/version").await.status, 401);
}

#[tokio::test]
async fn a_mail_gateway_refuses_every_token_and_passes_on_what_concerns_others() {
    let gateway = MailGateway::start_with(MailGatewayOptions::default(), clock()).await.unwrap();
    let with_token = Client::of_machine(gateway.machine(), Some("PMGAPIToken=a@pmg!b=c".into()));
    let answer = with_token.get("/version").await;
    assert_eq!((answer.status, answer.reason.as_str(), answer.text.as_str()), (401, "No ticket", ""));
    let (cookie, _) = mail_client(&gateway).await;
    let client = Client::of_machine(gateway.machine(), None);
    let get = async |path: &str| {
        let request = client.request(Method::GET, path).header("Cookie", &cookie);
        read(request.send().await.unwrap()).await.unwrap()
    };
    gateway.machine().add_fault(Fault::new(Effect::NodeOffline).on_node("mail2"));
    assert_eq!(get("/nodes/mail2/postfix/qshape?queue=hold").await.status, 595);
    let members = get("/config/cluster/status").await.data();
    assert!(members[0]["conn_error"].is_null() && members[1]["conn_error"].is_string(), "{members}");
    assert_eq!(get("/statistics/mail?timeframe=day").await.status, 400);
    assert_eq!(get("/quarantine/attachmentstatus").await.status, 501);
    assert_eq!(get("/statistics/mailcount?timespan=86400").await.data().as_array().unwrap().len(), 2);
    let hours = get("/statistics/mailcount?timespan=3600").await.data();
    let sum: u64 = hours.as_array().unwrap().iter().map(|hour| hour["count"].as_u64().unwrap()).sum();
    assert_eq!(sum, get("/statistics/mail").await.data()["count"]);
}

#[tokio::test]
async fn a_clusters_backups_are_on_the_server_at_the_same_times_as_on_its_storage() {
    let scene = Scene::new(EstateOptions { guests: 60, ..EstateOptions::default() }).await;
    let guests = scene.cluster.backed_up_guests();
    let all = scene.cluster.truth().guests.iter().filter(|guest| !guest.plan.is_template).count();
    assert!(guests.len() < all && guests.len() > all / 5, "{} of {all}", guests.len());
    let namespaces = vec![NamespaceOptions { guests, ..NamespaceOptions::default() }];
    let options = BackupServerOptions { namespaces, has_archive: false, ..BackupServerOptions::default() };
    let server = BackupServer::start_with(options, scene.clock.clone()).await.unwrap();
    let truth = server.truth();
    let node = &scene.cluster.truth().nodes[0].name;
    let content = scene.client.data(&format!("/nodes/{node}/storage/pbs-main/content")).await;
    let content = content.as_array().unwrap();
    assert!(!content.is_empty());
    for entry in content {
        let (vmid, ctime) = (entry["vmid"].as_u64().unwrap(), entry["ctime"].as_u64().unwrap());
        let group = truth.groups.iter().find(|group| group.id == vmid.to_string()).unwrap();
        assert!(group.backups.iter().any(|backup| backup.at == ctime), "{entry} {:?}", group.backups);
    }
}
