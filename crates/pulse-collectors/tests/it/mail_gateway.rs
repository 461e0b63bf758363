//! Mail gateways: the simulated one, whose truth is known, and hand-made ones.

use std::sync::Arc;

use jiff::Timestamp;
use pulse_collectors::{PmgApi, PmgConnection, PollError, Polled};
use pulse_config::{PmgInstance, Secret};
use pulse_core::{
    ManualClock, Missing, Reading,
    model::{ConnectionHealth, FailureClass},
};
use pulse_sim::{Effect, Fault, MailGateway, MailGatewayOptions};

use crate::{
    server::{Reply, Server},
    support::{SECRET, TIMEOUTS},
};

const NOON: i64 = 1_790_683_200;

fn noon() -> Timestamp {
    Timestamp::from_second(NOON).unwrap()
}

pub async fn gateway(nodes: usize) -> MailGateway {
    let clock = Arc::new(ManualClock::new(noon()));
    MailGateway::start_with(MailGatewayOptions { nodes, ..MailGatewayOptions::default() }, clock)
        .await
        .unwrap()
}

pub fn instance(gateway: &MailGateway) -> PmgInstance {
    let access = gateway.machine().access();
    PmgInstance {
        user: Some(access.user),
        password: Some(Secret::new(access.password)),
        fingerprint: Some(access.fingerprint),
        monitor_queues: true,
        monitor_quarantine: true,
        monitor_domain_stats: true,
        ..PmgInstance::new("mx".into(), access.url)
    }
}

fn connect(gateway: &MailGateway) -> PmgConnection {
    PmgConnection::new(&instance(gateway), TIMEOUTS).unwrap()
}

#[tokio::test]
async fn a_poll_brings_what_is_true() {
    for count in [1, 3] {
        let gateway = gateway(count).await;
        let truth = gateway.truth();
        let cycle = connect(&gateway).poll(noon()).await.unwrap();
        assert!(cycle.issues.is_empty(), "{:?}", cycle.issues);
        assert_eq!((cycle.health, cycle.version.as_deref()), (ConnectionHealth::Healthy, Some("9.1")));
        let nodes = cycle.nodes.read().unwrap();
        assert_eq!(nodes.len(), count);
        for (node, expect) in nodes.iter().zip(&truth.nodes) {
            assert_eq!((node.name.as_str(), node.is_online), (expect.name.as_str(), true));
            // The last digit of a float is the reader's.
            assert!((node.cpu_fraction.known().unwrap() - expect.cpu).abs() < 1e-9);
            let queue = node.queue.as_ref().unwrap();
            assert_eq!([queue.active, queue.deferred, queue.hold, queue.incoming], expect.queues);
            if expect.queues[1] >= 3 {
                assert_eq!(queue.oldest_age_seconds, Some(80 * 60));
            }
        }
        assert_eq!(nodes[0].role.as_deref(), (count > 1).then_some("master"));
        let mail = cycle.mail.read().unwrap();
        assert_eq!(mail.count_in as u64, truth.day.count_in);
        assert_eq!((mail.spam_in as u64, mail.greylisted as u64), (truth.day.spam_in, truth.day.greylisted));
        assert_eq!(mail.mean_process_milliseconds, 420.0);
        let hours = cycle.mail_by_hour.read().unwrap();
        assert_eq!(hours.len(), 24);
        assert_eq!(hours.iter().map(|hour| hour.totals.count_in as u64).sum::<u64>(), truth.day.count_in);
        assert_eq!(hours[0].to, hours[1].from);
        assert_eq!(cycle.spam_scores.read().unwrap().len(), 11);
        let domains = cycle.domains.read().unwrap();
        assert_eq!(domains[0].name, "example.org");
        assert!(domains.windows(2).all(|pair| pair[0].count_in >= pair[1].count_in));
        let quarantine = cycle.quarantine.read().unwrap();
        assert_eq!([quarantine.spam, quarantine.virus].map(Option::unwrap), truth.quarantine);
    }
}

#[tokio::test]
async fn what_is_not_wanted_is_not_asked() {
    let gateway = gateway(1).await;
    let instance = PmgInstance {
        monitor_mail_stats: false,
        monitor_queues: false,
        monitor_quarantine: false,
        monitor_domain_stats: false,
        ..instance(&gateway)
    };
    let cycle = PmgConnection::new(&instance, TIMEOUTS).unwrap().poll(noon()).await.unwrap();
    assert_eq!((cycle.mail, cycle.quarantine, cycle.domains), (Polled::Off, Polled::Off, Polled::Off));
    let paths: Vec<_> = gateway.machine().counters().into_keys().collect();
    assert_eq!(paths, ["GET /config/cluster/status", "GET /version", "POST /access/ticket"]);
}

#[tokio::test]
async fn a_node_that_is_down_is_named_and_costs_nothing_else() {
    let gateway = gateway(3).await;
    gateway.machine().add_fault(Fault::new(Effect::NodeOffline).on_node("mail2"));
    let cycle = connect(&gateway).poll(noon()).await.unwrap();
    let nodes = cycle.nodes.read().unwrap();
    assert_eq!(nodes.iter().map(|node| node.is_online).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(nodes[1].cpu_fraction, Reading::Unknown(Missing::Offline));
    assert!(nodes[1].queue.is_none() && nodes[2].queue.is_some());
    assert_eq!(cycle.health, ConnectionHealth::Degraded);
    assert!(cycle.issues[0].message.contains("mail2"), "{:?}", cycle.issues);
    let backups = connect(&gateway).backups(noon()).await.unwrap();
    assert_eq!((backups.backups.len(), backups.silent_nodes), (8, vec!["mail2".to_owned()]));
    assert!(backups.backups[0].id.starts_with("pmg-mx-mail1-pmg-backup_"));
}

#[tokio::test]
async fn a_token_is_refused_before_anything_is_sent() {
    let gateway = gateway(1).await;
    let instance = PmgInstance {
        user: None,
        password: None,
        token_name: Some("mon@pmg!pulse".into()),
        token_value: Some(Secret::new(SECRET)),
        ..instance(&gateway)
    };
    let error = PmgConnection::new(&instance, TIMEOUTS).err().unwrap();
    assert!(matches!(error, PollError::NoTokens { .. }));
    assert!(error.to_string().contains("no API tokens") && !error.to_string().contains(SECRET), "{error}");
    assert_eq!(error.class(), FailureClass::Authentication);
}

#[tokio::test]
async fn tickets_are_renewed_and_wrong_passwords_told() {
    let gateway = gateway(1).await;
    let connection = connect(&gateway);
    connection.poll(noon()).await.unwrap();
    gateway.machine().expire_tickets();
    connection.poll(noon()).await.unwrap();
    assert_eq!(gateway.machine().counters()["POST /access/ticket"], 2);
    let wrong = PmgInstance { password: Some(Secret::new(SECRET)), ..instance(&gateway) };
    let error = PmgConnection::new(&wrong, TIMEOUTS).unwrap().poll(noon()).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("the password of pulse-monitor@pmg") && !text.contains(SECRET), "{text}");
}

#[tokio::test]
async fn a_part_that_fails_costs_only_that_part() {
    let gateway = gateway(1).await;
    let machine = gateway.machine();
    let broken =
        |path: &str| Fault::new(Effect::Status { code: 500, text: "no database".into() }).on_path(path);
    machine.add_fault(broken("/quarantine/spamstatus"));
    machine.add_fault(broken("/statistics/mailcount"));
    machine.add_fault(broken("*/qshape"));
    let cycle = connect(&gateway).poll(noon()).await.unwrap();
    let quarantine = cycle.quarantine.read().unwrap();
    assert!(quarantine.spam.is_none() && quarantine.virus.is_some());
    assert_eq!(cycle.mail_by_hour, Polled::Failed);
    assert!(matches!(cycle.mail, Polled::Read(_)));
    assert!(cycle.nodes.read().unwrap()[0].queue.is_none());
    assert_eq!(cycle.issues.len(), 3, "{:?}", cycle.issues);
}

#[tokio::test]
async fn a_test_names_what_the_credentials_cannot_read() {
    let gateway = gateway(1).await;
    let test = connect(&gateway).test().await.unwrap();
    assert_eq!((test.version.as_deref(), test.release.as_deref()), (Some("9.1"), Some("9.1")));
    assert!(test.warnings.is_empty());
    gateway.machine().add_fault(
        Fault::new(Effect::Status { code: 403, text: "Permission check failed".into() })
            .on_path("/statistics/*"),
    );
    let test = connect(&gateway).test().await.unwrap();
    assert!(test.warnings.len() == 1 && test.warnings[0].contains("role Auditor"), "{:?}", test.warnings);
}

#[tokio::test]
async fn an_old_gateway_that_lists_no_single_node_still_has_one() {
    let server = Server::start(|request| match request.path.as_str() {
        "/access/ticket" => {
            Reply::json(r#"{"data":{"ticket":"PMG:a@pmg:1::x","CSRFPreventionToken":"1:y"}}"#)
        }
        "/version" => Reply::json(r#"{"data":{"version":"7.3","release":"1"}}"#),
        "/nodes" => Reply::json(r#"{"data":[{"node":"mx1"},{"node":null},7]}"#),
        path if path.starts_with("/nodes/mx1/postfix/qshape") => Reply::json(r#"{"data":[]}"#),
        _ => Reply::json(r#"{"data":[]}"#),
    })
    .await;
    let instance = PmgInstance {
        user: Some("a@pmg".into()),
        password: Some(Secret::new(SECRET)),
        monitor_mail_stats: false,
        monitor_queues: true,
        ..PmgInstance::new("mx".into(), server.url())
    };
    let cycle = PmgConnection::new(&instance, TIMEOUTS).unwrap().poll(noon()).await.unwrap();
    let nodes = cycle.nodes.read().unwrap();
    assert_eq!((nodes.len(), nodes[0].name.as_str()), (1, "mx1"));
    let queue = nodes[0].queue.as_ref().unwrap();
    assert_eq!((queue.deferred, queue.oldest_age_seconds), (0, None));
}
