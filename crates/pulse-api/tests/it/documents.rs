//! Reports over the whole application: what was measured, as PDF and as CSV, for those who may read it.

use pulse_core::{
    metric::{Metric, ResourceType, Sample, SeriesKey},
    scope::Scope,
};

use crate::{
    harness::{TOKEN, TestServer},
    rights::behind_proxy,
};

const PATH: &str = "/api/admin/reports/generate";

async fn measured(server: &TestServer) {
    let at = |minutes: i64| server.state.now() - jiff::SignedDuration::from_mins(minutes);
    let sample = |minutes: i64, value: f64| Sample {
        series: SeriesKey {
            resource_type: ResourceType::Vm,
            resource_id: "lab:101".into(),
            metric: Metric::Cpu,
        },
        at: at(minutes),
        value,
    };
    server.state.store.append(vec![sample(30, 10.0), sample(20, 20.0), sample(10, 60.0)]);
    server.state.store.flush().await.unwrap();
}

#[tokio::test]
async fn a_report_is_made_of_what_was_measured_for_those_who_may_read_it() {
    let server = TestServer::set_up_with(|settings| settings.is_development = true);
    measured(&server).await;
    let start = "2026-03-04T04:06:07Z";
    let query = format!("{PATH}?resourceType=vm&resourceId=lab:n1:101&start={start}");
    let csv = server.get(&format!("{query}&format=csv&title=%3D1%2B1"), TOKEN).await.expect(200);
    let header = |name: &str| csv.headers[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(header("content-disposition"), "attachment; filename=\"report-lab-n1-101-20260304.csv\"");
    let text = csv.text();
    assert!(text.contains("# Title:,'=1+1\n"), "{text}");
    assert!(text.contains("CPU Usage,3,10.00,60.00,30.00,60.00,%\n"), "{text}");
    assert!(text.contains("2026-03-04T04:56:07Z,60.00\n"), "{text}");
    let pdf = server.get(&query, TOKEN).await.expect(200);
    assert!(pdf.text().starts_with("%PDF-1.4"));
    // What has no history is a report without data, not an error.
    let none = server.get(&format!("{PATH}?resourceType=moon&resourceId=x&format=csv"), TOKEN).await;
    assert!(none.expect(200).text().contains("# Total Data Points:,0"));

    let narrow = server.token([Scope::MonitoringRead]);
    assert_eq!(server.get(&query, &narrow).await.expect(403).json()["requiredScope"], "settings:read");
    server.anybody().get(&query).await.expect(401);
    let free = TestServer::set_up();
    assert_eq!(free.get(&query, TOKEN).await.expect(402).json()["feature"], "advanced_reporting");
}

#[tokio::test]
async fn who_may_not_look_at_nodes_gets_no_report() {
    let server = behind_proxy();
    let kim = server.anybody().from("127.0.0.1").with("x-proxy-secret", "between-us").with("x-user", "kim");
    let query = format!("{PATH}?resourceType=vm&resourceId=lab:n1:101");
    for (roles, status) in [(r#"["viewer"]"#, 200), ("[]", 403)] {
        let body = format!("{{\"roleIds\":{roles}}}");
        let path = "/api/admin/users/kim/roles";
        server.call(http::Method::PUT, path, Some(TOKEN), &body).await.expect(204);
        kim.get(&query).await.expect(status);
    }
}

#[tokio::test]
async fn odd_wishes_are_refused_and_cost_nothing() {
    let server = TestServer::set_up_with(|settings| settings.is_development = true);
    let long = "x".repeat(10_000);
    for (query, code) in [
        ("", "missing_params"),
        ("?resourceType=vm", "missing_params"),
        ("?resourceType=vm&resourceId=a%0d%0ab", "invalid_resource_id"),
        ("?resourceType=..%2f&resourceId=a", "invalid_resource_type"),
        ("?resourceType=vm&resourceId=a&format=exe", "invalid_format"),
        ("?resourceType=vm&resourceId=a&metricType=luck", "invalid_metric"),
        ("?resourceType=vm&resourceId=a&start=2999-01-01T00:00:00Z", "invalid_range"),
        (format!("?resourceType=vm&resourceId={long}").as_str(), "invalid_resource_id"),
    ] {
        let refused = server.get(&format!("{PATH}{query}"), TOKEN).await.expect(400).json();
        assert_eq!(refused["code"], code, "{query:.60}");
    }
    let all =
        format!("{PATH}?resourceType=vm&resourceId=a&format=csv&start=0001-01-01T00:00:00Z&title={long}");
    server.get(&all, TOKEN).await.expect(200);
}
