//! Mock mode through the API, with a stand-in for whoever starts the simulator.

use http::{Method, StatusCode};
use pulse_api::mock::MockRunning;
use pulse_core::scope::Scope;

use crate::harness::{TOKEN, TestServer};

const PATH: &str = "/api/system/mock-mode";

/// Does what is asked for, or says why not.
fn obey(server: &TestServer, problem: Option<&'static str>) {
    let mock = server.state.mock.clone();
    let mut wanted = mock.wanted();
    tokio::spawn(async move {
        while wanted.changed().await.is_ok() {
            let (is_on, request) = {
                let wanted = wanted.borrow_and_update();
                (wanted.is_on, wanted.request)
            };
            mock.report(MockRunning {
                is_on: is_on && problem.is_none(),
                request,
                problem: problem.map(str::to_owned),
            });
        }
    });
}

#[tokio::test]
async fn it_is_off_and_has_the_shape_of_v5() {
    let server = TestServer::set_up();
    insta::assert_json_snapshot!("mock_mode", server.get(PATH, TOKEN).await.json());
}

#[tokio::test]
async fn turning_it_on_keeps_the_config_that_is_sent_along() {
    let server = TestServer::set_up();
    obey(&server, None);
    for method in [Method::POST, Method::PUT] {
        let body = r#"{"enabled":true,"config":{"nodeCount":2,"stoppedPercent":0.5}}"#;
        let answer = server.call(method, PATH, Some(TOKEN), body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let json = answer.json();
        assert_eq!((&json["enabled"], &json["config"]["NodeCount"]), (&true.into(), &2.into()));
        assert_eq!(json["config"]["StoppedPercent"], 0.5);
    }
    let off = server.call(Method::POST, PATH, Some(TOKEN), r#"{"enabled":false}"#).await.json();
    assert_eq!((&off["enabled"], &off["config"]["NodeCount"]), (&false.into(), &2.into()));
}

#[tokio::test]
async fn nonsense_is_refused() {
    let server = TestServer::set_up();
    obey(&server, None);
    for (body, text) in [
        ("[]", "Invalid request body"),
        (r#"{"enabled":"yes"}"#, "Invalid request body"),
        (r#"{"enabled":true,"config":{"nodeCount":0}}"#, "nodeCount must be greater than zero"),
        (r#"{"config":{"stoppedPercent":2}}"#, "stoppedPercent must be between 0 and 1"),
    ] {
        let answer = server.call(Method::POST, PATH, Some(TOKEN), body).await;
        assert_eq!((answer.status, answer.text().trim_end()), (StatusCode::BAD_REQUEST, text));
    }
    assert_eq!(server.get(PATH, TOKEN).await.json()["enabled"], false);
    let reader = server.token([Scope::SettingsRead]);
    let refused = server.call(Method::POST, PATH, Some(&reader), "{}").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn what_cannot_be_started_is_said() {
    let server = TestServer::set_up();
    let nobody = server.call(Method::POST, PATH, Some(TOKEN), r#"{"enabled":true}"#).await;
    assert_eq!(nobody.status, StatusCode::SERVICE_UNAVAILABLE, "{}", nobody.text());
    obey(&server, Some("no port is free"));
    let failed = server.call(Method::POST, PATH, Some(TOKEN), r#"{"enabled":true}"#).await;
    assert_eq!(failed.text().trim_end(), "Mock mode: no port is free");
    assert_eq!(server.get(PATH, TOKEN).await.json()["enabled"], false);
}
