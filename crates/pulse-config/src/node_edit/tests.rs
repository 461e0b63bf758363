//! The rules of the contract, one by one.

use pulse_core::{ids::InstanceName, model::InstanceKind};

use super::{AnyInstance, NodeEdit, NodeError};
use crate::{ClusterEndpointConfig, HostError, NodeConfig, PveInstance, Secret};

#[expect(clippy::unnecessary_wraps, reason = "every field of an edit is optional")]
fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[expect(clippy::unnecessary_wraps, reason = "every field of an edit is optional")]
fn secret(text: &str) -> Option<Secret> {
    Some(Secret::new(text))
}

fn with_token(kind: &str, name: &str, host: &str) -> NodeEdit {
    NodeEdit {
        kind: text(kind),
        name: text(name),
        host: text(host),
        token_name: text("m@pve!t"),
        token_value: secret("v"),
        ..NodeEdit::default()
    }
}

fn with_password(kind: &str, name: &str, host: &str) -> NodeEdit {
    NodeEdit {
        user: text("root"),
        password: secret("p"),
        token_name: None,
        token_value: None,
        ..with_token(kind, name, host)
    }
}

fn config(edits: &[NodeEdit]) -> NodeConfig {
    let mut config = NodeConfig::default();
    for edit in edits {
        config.add(AnyInstance::new(edit).unwrap()).unwrap();
    }
    config
}

/// Credentials of the first instance: user, password, token name, token value.
fn auth(config: &NodeConfig, kind: InstanceKind) -> [Option<String>; 4] {
    let auth = config.get(kind, 0).unwrap().take_auth();
    let show = |secret: Option<Secret>| secret.map(|secret| secret.expose().to_owned());
    [auth.user, show(auth.password), auth.token_name, show(auth.token_value)]
}

#[test]
fn what_is_missing_is_said_in_the_contracts_words_and_order() {
    let whole = with_token("pve", "a", "h");
    let check = |edit: NodeEdit, expect: &str| {
        assert_eq!(AnyInstance::new(&edit).unwrap_err().to_string(), expect);
    };
    check(NodeEdit::default(), "Name is required");
    check(NodeEdit { name: text("  "), ..whole.clone() }, "Name is required");
    check(NodeEdit { kind: None, ..whole.clone() }, "Type is required");
    check(NodeEdit { host: None, ..whole.clone() }, "Host is required");
    check(NodeEdit { kind: text("esx"), ..whole.clone() }, "Invalid node type");
    check(NodeEdit { host: text("h:0"), ..whole.clone() }, "Invalid port number");
    check(NodeEdit { token_value: None, ..whole.clone() }, "Authentication credentials required");
    check(
        NodeEdit { token_value: secret(""), user: text("u"), ..whole.clone() },
        "Authentication credentials required",
    );
    check(NodeEdit { name: text(&"x".repeat(129)), ..whole.clone() }, "Name is too long");
    assert!(AnyInstance::for_test(&NodeEdit { name: None, ..whole }).is_ok());
}

#[test]
fn defaults_are_the_contracts() {
    let config =
        config(&[with_token("pve", "a", "h"), with_token("pbs", "a", "h"), with_token("pmg", "a", "h")]);
    let (pve, pbs, pmg) = (&config.pve[0], &config.pbs[0], &config.pmg[0]);
    assert!(pve.monitor_vms && pve.monitor_containers && pve.monitor_storage && pve.monitor_backups);
    assert_eq!((pve.verify_ssl, pve.monitor_physical_disks), (false, None));
    assert!(pbs.monitor_backups && !pbs.monitor_datastores && !pbs.monitor_garbage_jobs);
    assert!(pmg.monitor_mail_stats && !pmg.monitor_queues);
    assert_eq!([&pve.host, &pbs.host, &pmg.host], ["https://h:8006", "https://h:8007", "https://h:8006"]);
    let queues = NodeEdit { monitor_queues: Some(true), ..with_token("pmg", "b", "i") };
    let AnyInstance::Pmg(pmg) = AnyInstance::new(&queues).unwrap() else { panic!() };
    assert!(pmg.monitor_queues && !pmg.monitor_mail_stats);
}

#[test]
fn the_same_host_is_refused_and_the_same_name_told_apart() {
    let mut config = config(&[with_token("pve", "lab", "h1"), with_token("pve", "LAB", "h2")]);
    assert_eq!(config.pve[1].name.as_str(), "LAB (h2)");
    let again = AnyInstance::new(&with_token("pve", "x", "https://H1/")).unwrap();
    assert_eq!(config.add(again), Err(NodeError::Duplicate));
    for (host, name) in [("h2:1", "lab (https://h2:1)"), ("h3", "lab (h3)")] {
        config.add(AnyInstance::new(&with_token("pve", "lab", host)).unwrap()).unwrap();
        assert_eq!(config.pve.last().unwrap().name.as_str(), name);
    }
    assert!(config.add(AnyInstance::new(&with_token("pbs", "lab", "h1")).unwrap()).is_ok(), "per product");
}

#[test]
fn a_password_login_gets_its_realm() {
    for (kind, of, user) in [
        ("pve", InstanceKind::Pve, "root@pam"),
        ("pbs", InstanceKind::Pbs, "root@pbs"),
        ("pmg", InstanceKind::Pmg, "root@pmg"),
    ] {
        let config = config(&[with_password(kind, "a", "h")]);
        assert_eq!(auth(&config, of), [text(user), text("p"), None, None]);
    }
    let own = NodeEdit { user: text("root@ldap"), ..with_password("pve", "a", "h") };
    assert_eq!(auth(&config(&[own]), InstanceKind::Pve)[0], text("root@ldap"));
    let both = NodeEdit { user: text("u"), ..with_token("pbs", "a", "h") };
    assert_eq!(auth(&config(&[both]), InstanceKind::Pbs), [None, None, text("m@pve!t"), text("v")]);
}

#[test]
fn credentials_change_as_the_table_says() {
    use InstanceKind::{Pbs, Pmg, Pve};
    let check =
        |kind: InstanceKind, first: fn(&str, &str, &str) -> NodeEdit, edit: NodeEdit, expect: [&str; 4]| {
            let mut config = config(&[first(kind.name(), "a", "h")]);
            config.change(kind, 0, &edit).unwrap();
            let expect = expect.map(|part| Some(part.to_owned()).filter(|part| !part.is_empty()));
            assert_eq!(auth(&config, kind), expect, "{kind} {edit:?}");
        };
    let none = NodeEdit::default;
    let token = || NodeEdit { token_name: text("n"), token_value: secret("w"), ..none() };
    let name = || NodeEdit { token_name: text("n"), ..none() };
    let value = || NodeEdit { token_value: secret("w"), ..none() };
    let password = || NodeEdit { password: secret("q"), ..none() };
    let login = || NodeEdit { user: text("u"), password: secret("q"), ..none() };
    let user = || NodeEdit { user: text("u"), ..none() };
    for kind in [Pve, Pbs, Pmg] {
        check(kind, with_token, none(), ["", "", "m@pve!t", "v"]);
        check(kind, with_token, token(), ["", "", "n", "w"]);
        check(kind, with_token, name(), ["", "", "n", "v"]);
        check(kind, with_token, value(), ["", "", "m@pve!t", "w"]);
    }
    check(Pve, with_password, none(), ["root@pam", "p", "", ""]);
    check(Pve, with_password, token(), ["root@pam", "", "n", "w"]);
    check(Pbs, with_password, token(), ["", "", "n", "w"]);
    check(Pve, with_token, login(), ["u@pam", "q", "", ""]);
    check(Pbs, with_token, login(), ["u@pbs", "q", "", ""]);
    check(Pve, with_password, password(), ["root@pam", "q", "", ""]);
    check(Pmg, with_password, user(), ["u@pmg", "p", "", ""]);
    check(Pbs, with_token, user(), ["", "", "m@pve!t", "v"]);
    check(Pve, with_token, user(), ["u@pam", "", "m@pve!t", "v"]);
}

#[test]
fn half_a_pair_is_refused_and_nothing_changes() {
    let mut config = config(&[with_password("pve", "a", "h"), with_token("pbs", "b", "h")]);
    let before = config.clone();
    let name = NodeEdit { name: text("new"), token_name: text("n"), ..NodeEdit::default() };
    assert_eq!(config.change(InstanceKind::Pve, 0, &name), Err(NodeError::CredentialsMissing));
    let password = NodeEdit { password: secret("q"), ..NodeEdit::default() };
    assert_eq!(config.change(InstanceKind::Pbs, 0, &password), Err(NodeError::CredentialsMissing));
    let host = NodeEdit { name: text("new"), host: text("1.2"), ..NodeEdit::default() };
    assert_eq!(config.change(InstanceKind::Pve, 0, &host), Err(NodeError::Host(HostError::Ipv4)));
    assert_eq!(config.change(InstanceKind::Pmg, 0, &name), Err(NodeError::NotFound));
    assert_eq!(config, before);
}

#[test]
fn a_change_is_partial_but_for_link_and_fingerprint() {
    let first = NodeEdit {
        guest_url: text("https://g"),
        fingerprint: text("AA"),
        verify_ssl: Some(true),
        monitor_vms: Some(false),
        ..with_token("pve", "a", "h")
    };
    let mut config = config(&[first, with_token("pve", "b", "i")]);
    config.pve[0].cluster_name = text("c");
    config
        .change(InstanceKind::Pve, 0, &NodeEdit { monitor_backups: Some(false), ..NodeEdit::default() })
        .unwrap();
    let pve = &config.pve[0];
    assert!(pve.verify_ssl && !pve.monitor_vms && !pve.monitor_backups && pve.monitor_storage);
    assert_eq!(
        (pve.guest_url.clone(), pve.fingerprint.clone(), pve.cluster_name.clone()),
        (None, None, text("c"))
    );
    let moved = NodeEdit { host: text("j"), name: text("b"), ..NodeEdit::default() };
    config.change(InstanceKind::Pve, 0, &moved).unwrap();
    assert_eq!((config.pve[0].host.as_str(), config.pve[0].name.as_str()), ("https://j:8006", "b (j)"));
    assert_eq!(config.pve[0].cluster_name, None);
    let onto = NodeEdit { host: text("i"), ..NodeEdit::default() };
    assert_eq!(config.change(InstanceKind::Pve, 0, &onto), Err(NodeError::Duplicate));
}

#[test]
fn removing_moves_the_others_up() {
    let mut config = config(&[with_token("pve", "a", "h"), with_token("pve", "b", "i")]);
    assert_eq!(config.remove(InstanceKind::Pve, 0).unwrap().name().as_str(), "a");
    assert_eq!(config.pve[0].name.as_str(), "b");
    assert_eq!(config.remove(InstanceKind::Pve, 1), Err(NodeError::NotFound));
}

#[test]
fn members_of_a_cluster_are_merged_by_name() {
    let member = |name: &str, ip: &str, fingerprint: Option<&str>| ClusterEndpointConfig {
        node_name: name.to_owned(),
        ip: ip.to_owned(),
        fingerprint: fingerprint.map(str::to_owned),
        ..ClusterEndpointConfig::default()
    };
    let mut pve = PveInstance::new(InstanceName::from("a"), "https://h:8006".to_owned());
    assert_eq!(pve.merge_endpoints(vec![member("n1", "1", Some("AA")), member("n2", "2", None)]), 2);
    assert_eq!(pve.merge_endpoints(vec![member("n1", "9", None), member("n3", "3", None)]), 1);
    assert_eq!(pve.cluster_endpoints.len(), 3);
    assert_eq!(pve.cluster_endpoints[0], member("n1", "9", Some("AA")));
    pve.cluster_name = text("lab");
    let config = NodeConfig { pve: vec![pve], ..NodeConfig::default() };
    assert_eq!(config.same_cluster("lab", &[member("n0", "0", None), member("n1", "9", None)]), Some(0));
    assert_eq!(config.same_cluster("lab", &[member("n1", "8", None)]), None, "another cluster of that name");
    assert_eq!(config.same_cluster("lab", &[member("n1", "", None)]), Some(0));
    assert_eq!(config.same_cluster("other", &[member("n1", "9", None)]), None);
}
