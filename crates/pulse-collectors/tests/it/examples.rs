//! The examples do what they say, against simulated machines.

use pulse_config::PveInstance;
use pulse_sim::EstateOptions;

use crate::{backup_server::Scene, mail_gateway, simulated::Lab};

#[path = "../../examples/backup_server.rs"]
#[expect(dead_code, reason = "its main is not called here")]
mod of_backup_server;
#[path = "../../examples/mail_gateway.rs"]
#[expect(dead_code, reason = "its main is not called here")]
mod of_mail_gateway;
#[path = "../../examples/poll.rs"]
#[expect(dead_code, reason = "its main is not called here")]
mod of_poll;

#[tokio::test]
async fn each_example_shows_its_product() {
    let lab = Lab::start(EstateOptions { nodes: 2, guests: 6, ..EstateOptions::default() }).await;
    let shown = of_poll::show(&lab.instance(), 2).await.unwrap();
    assert!(shown.contains("pve2") && shown.contains("memory") && shown.contains("polled in"), "{shown}");

    let scene = Scene::new().await;
    let shown = of_backup_server::show(&scene.instance()).await.unwrap();
    assert!(
        shown.contains("vm/101: ") && shown.contains("job ") && shown.contains("deduplication"),
        "{shown}"
    );

    let gateway = mail_gateway::gateway(2).await;
    let shown = of_mail_gateway::show(&mail_gateway::instance(&gateway)).await.unwrap();
    assert!(shown.contains("deferred") && shown.contains("last day: "), "{shown}");
}

#[tokio::test]
async fn an_example_that_fails_says_what_to_do() {
    let lab = Lab::start(EstateOptions { nodes: 1, guests: 2, ..EstateOptions::default() }).await;
    let wrong = PveInstance { token_name: Some("nobody@pve!x".into()), ..lab.instance() };
    let error = of_poll::show(&wrong, 1).await.unwrap_err().to_string();
    assert!(error.contains("check its name and secret"), "{error}");
}
