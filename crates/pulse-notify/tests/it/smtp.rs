//! A real mail server.

use pulse_config::{Secret, schema::notify::EmailConfig};
use pulse_core::notice::NoticeKind;

use crate::{
    mail_server::MailServer,
    support::{UNGROUPED, World, alert, open},
};

impl MailServer {
    fn config(&self) -> EmailConfig {
        EmailConfig {
            enabled: true,
            server: "localhost".into(),
            port: self.port,
            username: "pulse".into(),
            password: Secret::new("hunter2"),
            from: "Pulse <pulse@example.com>".into(),
            to: vec!["ops@example.com".into(), "night@example.com".into()],
            tls: false,
            start_tls: true,
            ..EmailConfig::default()
        }
    }

    fn world(&self, dir: &std::path::Path) -> World {
        open(dir, UNGROUPED, vec![self.root.clone()])
    }
}

#[tokio::test]
async fn mails_go_out_over_starttls_with_a_login_in_both_forms() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut server) = MailServer::start(dir.path(), "starttls").await else { return };
    let world = server.world(dir.path());
    let config = server.config();
    world.configure(|all| all.email = config);
    world.start();
    world.take(NoticeKind::Firing, &[alert(2)]).await;
    let mail = server.next().await;
    assert_eq!((&mail["from"], &mail["login"]), (&"pulse@example.com".into(), &"pulse".into()));
    assert_eq!(mail["to"], serde_json::json!(["ops@example.com", "night@example.com"]));
    assert_eq!(mail["tls"], true);
    let text = mail["text"].as_str().unwrap();
    for part in [
        "Subject: [Pulse Alert] Critical: guest 2: VM cpu at 2%",
        "X-Mailer: Pulse Monitoring",
        "Message-ID: <email-",
        "@example.com>",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "guest 2",
    ] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    world.until("sent", 1).await;
    world.take(NoticeKind::Resolved, &[alert(2)]).await;
    assert!(server.next().await["text"].as_str().unwrap().contains("Subject: Pulse alert resolved: guest 2"));
    world.close().await;
}

#[tokio::test]
async fn mails_go_out_over_tls_from_the_first_byte() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut server) = MailServer::start(dir.path(), "tls").await else { return };
    let world = server.world(dir.path());
    let config = EmailConfig { tls: true, to: vec![], ..server.config() };
    world.notifier.send_email(&config, &world.notifier.test_message(95.5, 90.0)).await.unwrap();
    let mail = server.next().await;
    assert_eq!(mail["to"], serde_json::json!(["pulse@example.com"]), "to the sender where nobody is named");
    assert!(mail["text"].as_str().unwrap().contains("Subject: [Pulse Alert] Warning: CPU on Test Resource"));
}

#[tokio::test]
async fn what_stays_wrong_is_told_apart_from_what_may_work_later() {
    let dir = tempfile::tempdir().unwrap();
    let Some(server) = MailServer::start(dir.path(), "starttls").await else { return };
    let world = server.world(dir.path());
    let error = async |config: EmailConfig| {
        world.notifier.send_email(&config, &world.notifier.test_message(1.0, 1.0)).await.unwrap_err()
    };
    let wrong = error(EmailConfig { password: Secret::new("no-such-password"), ..server.config() }).await;
    assert!(!wrong.is_transient && wrong.message.contains("535"), "{wrong}");
    assert!(!wrong.message.contains("no-such-password"));
    let later = error(EmailConfig { to: vec!["later@example.com".into()], ..server.config() }).await;
    assert!(later.is_transient && later.message.contains("451"), "{later}");
    let nobody = error(EmailConfig { port: 1, ..server.config() }).await;
    assert!(nobody.is_transient, "{nobody}");
    let no_address = error(EmailConfig { from: "nobody".into(), ..server.config() }).await;
    assert!(!no_address.is_transient && no_address.message.contains("no mail address"), "{no_address}");
    // A server whose certificate nobody vouches for.
    let strict = open(&tempfile::tempdir().unwrap().keep(), UNGROUPED, vec![]);
    let message = strict.notifier.test_message(1.0, 1.0);
    assert!(strict.notifier.send_email(&server.config(), &message).await.is_err());
}
