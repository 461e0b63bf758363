//! Looking for servers, on loopback only.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use pulse_collectors::discover::{ScanLimits, scan, shown_fingerprint};
use pulse_config::Cidr;
use pulse_core::model::InstanceKind;
use pulse_sim::{BackupServer, BackupServerOptions, Cluster, EstateOptions, MailGateway, MailGatewayOptions};
use tokio::net::TcpListener;

use crate::server::{Reply, Server};

fn networks(text: &[&str]) -> Vec<Cidr> {
    text.iter().map(|text| text.parse().unwrap()).collect()
}

fn limits(ports: Vec<u16>) -> ScanLimits {
    ScanLimits {
        ports,
        connect: Duration::from_secs(5),
        page: Duration::from_secs(5),
        ..ScanLimits::default()
    }
}

#[tokio::test]
async fn servers_are_found_and_told_apart_by_their_certificates() {
    let at = |host: &str| SocketAddr::new(host.parse().unwrap(), 0);
    let options =
        EstateOptions { nodes: 1, single_address: true, listen: at("127.0.9.1"), ..EstateOptions::default() };
    let cluster = Cluster::start(options).await.unwrap();
    let vault = BackupServer::start(BackupServerOptions {
        listen: at("127.0.9.2"),
        ..BackupServerOptions::default()
    });
    let vault = vault.await.unwrap();
    let mx =
        MailGateway::start(MailGatewayOptions { listen: at("127.0.9.3"), ..MailGatewayOptions::default() });
    let mx = mx.await.unwrap();
    // Nobody of Proxmox; one says it on its page only.
    let other = Server::start_at("127.0.9.4", |_| Reply::json("{}")).await;
    let page = Server::start_at("127.0.9.5", |_| {
        let body = "<html><title>pbs2 - Proxmox Backup Server</title></html>".to_owned();
        Reply::Full { status: 200, reason: "OK", content_type: "text/html", body }
    })
    .await;
    let port = |url: &str| url.rsplit(':').next().unwrap().parse::<u16>().unwrap();
    let ports = vec![
        port(&cluster.url()),
        port(&vault.machine().url()),
        port(&mx.machine().url()),
        other.address.port(),
        page.address.port(),
    ];
    let found = scan(&networks(&["127.0.9.0/29"]), &[], &BTreeSet::new(), &limits(ports.clone())).await;
    assert_eq!((found.hosts, found.errors.len()), (6, 0));
    let kinds: Vec<_> =
        found.servers.iter().map(|server| (server.address.ip().to_string(), server.kind)).collect();
    assert_eq!(
        kinds,
        [
            ("127.0.9.1".to_owned(), InstanceKind::Pve),
            ("127.0.9.2".to_owned(), InstanceKind::Pbs),
            ("127.0.9.3".to_owned(), InstanceKind::Pmg),
            ("127.0.9.5".to_owned(), InstanceKind::Pbs),
        ]
    );
    assert_eq!(found.servers[1].hostname.as_deref(), Some("vault.example.net"));
    assert_eq!(found.servers[3].hostname.as_deref(), Some("pbs2"));
    assert_eq!(found.servers[1].fingerprint, vault.machine().fingerprint());
    // What is configured already or blocked is not touched.
    let known = BTreeSet::from([found.servers[0].address]);
    let blocked = networks(&["127.0.9.2/32", "127.0.9.5/32"]);
    let rest = scan(&networks(&["127.0.9.0/29"]), &blocked, &known, &limits(ports)).await;
    assert_eq!(rest.servers.iter().map(|server| server.kind).collect::<Vec<_>>(), [InstanceKind::Pmg]);
    let shown = shown_fingerprint("127.0.9.2", port(&vault.machine().url()), Duration::from_secs(5)).await;
    assert_eq!(shown, Some(vault.machine().fingerprint()));
}

#[tokio::test]
async fn nothing_outside_of_the_named_network_is_touched() {
    let knocks = Arc::new(AtomicUsize::new(0));
    let mut listeners = Vec::new();
    let inside = TcpListener::bind("127.0.8.6:0").await.unwrap();
    let port = inside.local_addr().unwrap().port();
    for host in ["127.0.8.3", "127.0.8.8", "127.0.8.9"] {
        listeners.push(TcpListener::bind((host, port)).await.unwrap());
    }
    for listener in listeners {
        let knocks = knocks.clone();
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                knocks.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    let seen = tokio::spawn(async move { inside.accept().await.is_ok() });
    let limits = ScanLimits { connect: Duration::from_millis(300), ..limits(vec![port]) };
    let found = scan(&networks(&["127.0.8.4/30"]), &[], &BTreeSet::new(), &limits).await;
    assert!(seen.await.unwrap() && found.servers.is_empty());
    assert_eq!((found.hosts, knocks.load(Ordering::SeqCst)), (2, 0));
}

#[tokio::test]
async fn networks_that_are_too_large_are_refused_and_a_search_ends_in_time() {
    let found = scan(&networks(&["10.0.0.0/8"]), &[], &BTreeSet::new(), &limits(vec![1])).await;
    assert!(
        found.hosts == 0 && found.errors[0].starts_with("10.0.0.0/8: it has 16777214 addresses"),
        "{found:?}"
    );
    let silent = TcpListener::bind("127.0.7.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let limits = ScanLimits { whole: Duration::from_millis(100), ..limits(vec![port]) };
    let found = scan(&networks(&["127.0.7.1/32"]), &[], &BTreeSet::new(), &limits).await;
    assert!(found.errors[0].contains("was ended"), "{found:?}");
}
