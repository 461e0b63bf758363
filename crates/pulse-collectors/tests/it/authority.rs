//! Authorities of a node's own, over real TLS: what they signed is believed, nothing else is, and the reason is said.

use jiff::Timestamp;
use pulse_collectors::{
    Connect, HttpConnect, PollError,
    http::{Authority, Fingerprint},
};
use pulse_config::{PbsInstance, PmgInstance, PveInstance};
use pulse_core::model::FailureClass;
use pulse_sim::EstateOptions;

use crate::{
    backup_server::Scene,
    mail_gateway,
    server::{Reply, Server, TestAuthority},
    simulated::Lab,
    support::{TIMEOUTS, instance},
};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// An instance that believes these authorities and has no fingerprint.
fn trusting(instance: PveInstance, pem: &str) -> PveInstance {
    PveInstance { fingerprint: None, ca_certificate: Some(pem.to_owned()), ..instance }
}

/// What a poll says of the certificate.
async fn refusal(instance: &PveInstance) -> String {
    let error = HttpConnect.pve(instance, TIMEOUTS).unwrap().poll(NOW).await.unwrap_err();
    assert_eq!(error.class(), FailureClass::Certificate, "{error}");
    error.to_string()
}

async fn signed(authority: &TestAuthority, names: &[&str]) -> Server {
    Server::start_signed(authority, names, |_| Reply::status(401, "No ticket", "")).await
}

#[tokio::test]
async fn each_product_is_believed_by_its_authority_also_after_its_certificate_was_renewed() {
    let lab = Lab::start(EstateOptions { nodes: 2, guests: 4, ..EstateOptions::default() }).await;
    let pve = trusting(lab.instance(), lab.cluster.authority_pem());
    let api = HttpConnect.pve(&pve, TIMEOUTS).unwrap();
    assert_eq!(api.poll(NOW).await.unwrap().nodes.len(), 2);
    lab.cluster.rotate_certificate("pve1").unwrap();
    assert_eq!(HttpConnect.pve(&pve, TIMEOUTS).unwrap().poll(NOW).await.unwrap().nodes.len(), 2);

    let scene = Scene::new().await;
    let machine = scene.server.machine();
    let pbs = PbsInstance {
        fingerprint: None,
        ca_certificate: Some(machine.authority_pem().to_owned()),
        ..scene.instance()
    };
    HttpConnect.pbs(&pbs, TIMEOUTS).unwrap().poll(NOW).await.unwrap();
    let wrong = PbsInstance { ca_certificate: Some(lab.cluster.authority_pem().to_owned()), ..pbs };
    let error = HttpConnect.pbs(&wrong, TIMEOUTS).unwrap().poll(NOW).await.unwrap_err();
    assert!(error.to_string().contains("but the authority set for this node is"), "{error}");

    let gateway = mail_gateway::gateway(1).await;
    let pmg = PmgInstance {
        fingerprint: None,
        ca_certificate: Some(gateway.machine().authority_pem().to_owned()),
        ..mail_gateway::instance(&gateway)
    };
    HttpConnect.pmg(&pmg, TIMEOUTS).unwrap().poll(NOW).await.unwrap();
    let wrong = PmgInstance { ca_certificate: Some(lab.cluster.authority_pem().to_owned()), ..pmg };
    let error = HttpConnect.pmg(&wrong, TIMEOUTS).unwrap().poll(NOW).await.unwrap_err();
    assert!(error.to_string().contains("but the authority set for this node is"), "{error}");
}

#[tokio::test]
async fn an_authority_that_did_not_sign_it_is_named_with_the_one_that_did() {
    let (ours, theirs) = (TestAuthority::new("Our Root", 2099), TestAuthority::new("Their Root", 2099));
    let server = signed(&theirs, &["127.0.0.1"]).await;
    // Switching verification off does not switch an authority off.
    let pve = PveInstance { verify_ssl: false, ..trusting(instance(&server.url()), &ours.pem) };
    let text = refusal(&pve).await;
    for part in [
        "it was signed by \"CN=Their Root\", but the authority set for this node is \"CN=Our Root\"",
        &server.fingerprint.to_string(),
        "into the node's settings",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    // The same name with another key is another authority.
    let namesake = TestAuthority::new("Their Root", 2099);
    let text = refusal(&trusting(instance(&server.url()), &namesake.pem)).await;
    assert!(text.contains("but the authority set for this node is"), "{text}");
    assert!(server.paths().is_empty(), "credentials were sent to a server that is not believed");
}

#[tokio::test]
async fn what_else_may_be_wrong_with_the_certificate_is_said() {
    let ours = TestAuthority::new("Our Root", 2099);
    let elsewhere = signed(&ours, &["pve1.lan", "192.0.2.4"]).await;
    let text = refusal(&trusting(instance(&elsewhere.url()), &ours.pem)).await;
    assert!(
        text.contains("made for pve1.lan, 192.0.2.4 and not for 127.0.0.1; use one of those names"),
        "{text}"
    );

    let old = TestAuthority::new("Old Root", 2024);
    let server = signed(&old, &["127.0.0.1"]).await;
    let text = refusal(&trusting(instance(&server.url()), &old.pem)).await;
    assert!(text.contains("\"CN=Old Root\", has expired"), "{text}");
    // One that has not expired, beside it, decides.
    let text = refusal(&trusting(instance(&server.url()), &format!("{}{}", old.pem, ours.pem))).await;
    assert!(text.contains("signed by \"CN=Old Root\""), "{text}");

    let own = Server::start(|_| Reply::Hang).await;
    let text = refusal(&trusting(instance(&own.url()), &ours.pem)).await;
    assert!(text.contains("it is self-signed as"), "{text}");
}

#[tokio::test]
async fn any_of_several_authorities_will_do_and_a_fingerprint_goes_before_them() {
    let (ours, theirs) = (TestAuthority::new("Our Root", 2099), TestAuthority::new("Their Root", 2099));
    let server = signed(&theirs, &["127.0.0.1"]).await;
    let both = trusting(instance(&server.url()), &format!("{}{}", ours.pem, theirs.pem));
    let error = HttpConnect.pve(&both, TIMEOUTS).unwrap().poll(NOW).await.unwrap_err();
    assert_eq!(error.class(), FailureClass::Authentication, "it got as far as the credentials: {error}");

    let pinned = PveInstance {
        fingerprint: Some(server.fingerprint.to_string()),
        ..trusting(instance(&server.url()), &ours.pem)
    };
    let error = HttpConnect.pve(&pinned, TIMEOUTS).unwrap().poll(NOW).await.unwrap_err();
    assert_eq!(error.class(), FailureClass::Authentication, "{error}");
    let other = PveInstance {
        fingerprint: Some(Fingerprint::of(b"another").to_string()),
        ..trusting(instance(&server.url()), &theirs.pem)
    };
    let error = HttpConnect.pve(&other, TIMEOUTS).unwrap().poll(NOW).await.unwrap_err();
    assert!(matches!(error, PollError::OtherCertificate { .. }), "{error}");
}

#[tokio::test]
async fn an_authority_that_cannot_be_read_is_said_before_anything_is_sent() {
    let pve = trusting(instance("https://192.0.2.1:8006"), "not a certificate");
    let Err(error) = HttpConnect.pve(&pve, TIMEOUTS) else { panic!("it was taken") };
    assert!(matches!(error, PollError::BadAuthority { .. }), "{error}");
    assert!(
        error.to_string().contains("192.0.2.1") && error.to_string().contains("BEGIN CERTIFICATE"),
        "{error}"
    );
    let authority = Authority::from_pem(&TestAuthority::new("Our Root", 2099).pem).unwrap();
    assert_eq!(authority.certificates()[0].subject, "CN=Our Root");
}
