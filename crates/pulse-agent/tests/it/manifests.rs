//! What is handed to operators of clusters: the manifest and the chart. Their role lets the agent do what it does, and
//! nothing else, and what they set is known to the agent.

use std::collections::BTreeSet;

use pulse_agent::{AgentIdentity, KubernetesCollector, settings::KubeSettings};
use pulse_sim::kubernetes::{KubernetesApi, Resource, deployment, node, waiting_pod};
use serde::Deserialize as _;
use serde_yaml_ng::Value;

const MANIFEST: &str = include_str!("../../../../deploy/kubernetes/pulse-agent.yaml");
const CHART: &str = include_str!("../../../../deploy/helm/pulse-agent/Chart.yaml");
const VALUES: &str = include_str!("../../../../deploy/helm/pulse-agent/values.yaml");
const RBAC: &str = include_str!("../../../../deploy/helm/pulse-agent/templates/rbac.yaml");
const DEPLOYMENT: &str = include_str!("../../../../deploy/helm/pulse-agent/templates/deployment.yaml");

/// API group, resource, verb.
type Right = (String, String, String);

fn documents(text: &str) -> Vec<Value> {
    let all = serde_yaml_ng::Deserializer::from_str(text).map(|one| Value::deserialize(one).unwrap());
    all.filter(|one| !one.is_null()).collect()
}

/// A template of the chart as YAML: lines of control are left out, and a value is a word.
fn documents_of_template(text: &str) -> Vec<Value> {
    let is_control = |line: &&str| !(line.starts_with("{{") && line.ends_with("}}"));
    let lines = text.lines().filter(|line| is_control(&line.trim()));
    let plain = lines.map(|line| {
        let mut plain = String::new();
        let mut rest = line;
        while let Some((before, after)) = rest.split_once("{{") {
            let (tag, after) = after.split_once("}}").unwrap();
            let is_value = !["if", "end", "range", "with"]
                .contains(&tag.trim_matches(['-', ' ']).split(' ').next().unwrap());
            plain.push_str(before);
            plain.push_str(if is_value { "word" } else { "" });
            rest = after;
        }
        plain + rest + "\n"
    });
    documents(&plain.collect::<String>())
}

fn of_kind<'a>(documents: &'a [Value], kind: &str) -> &'a Value {
    documents.iter().find(|one| one["kind"] == kind).unwrap_or_else(|| panic!("no {kind}"))
}

fn words(list: &Value) -> Vec<String> {
    list.as_sequence().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

fn rights(role: &Value) -> BTreeSet<Right> {
    let mut rights = BTreeSet::new();
    for rule in role["rules"].as_sequence().unwrap() {
        for group in words(&rule["apiGroups"]) {
            for resource in words(&rule["resources"]) {
                let verbs = words(&rule["verbs"]).into_iter();
                rights.extend(verbs.map(|verb| (group.clone(), resource.clone(), verb)));
            }
        }
    }
    rights
}

/// The right that a request needs; none for what everybody may ask (`/version`).
fn needed(uri: &str) -> Option<Right> {
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    let mut parts = path.trim_start_matches('/').split('/');
    let group = match parts.next()? {
        "api" => "",
        "apis" => parts.next()?,
        _ => return None,
    };
    let verb = if query.contains("watch=true") { "watch" } else { "list" };
    Some((group.to_owned(), parts.next_back()?.to_owned(), verb.to_owned()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_role_allows_what_the_agent_asks_and_nothing_more() {
    let api = KubernetesApi::start("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let kubeconfig = dir.path().join("config");
    std::fs::write(&kubeconfig, api.kubeconfig()).unwrap();
    api.set_metrics(true);
    api.put(Resource::Nodes, node("node-1"));
    api.put(Resource::Pods, waiting_pod("apps", "web", "CrashLoopBackOff", 3));
    api.put(Resource::Deployments, deployment("apps", "web", 3, 1));
    let settings = KubeSettings { kubeconfig: Some(kubeconfig), max_pods: 200, ..KubeSettings::default() };
    let mut collector = KubernetesCollector::connect(&settings, AgentIdentity::default()).await.unwrap();
    collector.collect().await.unwrap();

    let granted = rights(of_kind(&documents(MANIFEST), "ClusterRole"));
    let mut asked = BTreeSet::new();
    // Watches begin beside the reports.
    let begin = std::time::Instant::now();
    while asked != granted && begin.elapsed().as_secs() < 20 {
        asked.extend(api.asked().iter().filter_map(|uri| needed(uri)));
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(asked, granted, "what is asked, and what is granted");
}

#[test]
fn the_chart_grants_what_the_manifest_grants_and_its_pod_is_locked_as_tight() {
    let (manifest, rbac) = (documents(MANIFEST), documents_of_template(RBAC));
    let granted = rights(of_kind(&manifest, "ClusterRole"));
    assert!(granted.iter().all(|(_, _, verb)| verb == "list" || verb == "watch"), "{granted:?}");
    assert_eq!(rights(of_kind(&rbac, "ClusterRole")), granted);
    // A namespace's own role is a part of it.
    let of_namespace = rights(of_kind(&rbac, "Role"));
    assert!(of_namespace.is_subset(&granted) && !of_namespace.is_empty(), "{of_namespace:?}");
    for role in ["ClusterRole", "Role"] {
        let binding = of_kind(&rbac, &format!("{role}Binding"));
        assert_eq!(
            (&binding["roleRef"]["kind"], &binding["subjects"][0]["kind"]),
            (&role.into(), &"ServiceAccount".into())
        );
    }

    let chart = documents_of_template(DEPLOYMENT);
    for documents in [&manifest, &chart] {
        let pod = &of_kind(documents, "Deployment")["spec"]["template"]["spec"];
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        assert!(pod["hostNetwork"].is_null() && pod["hostPID"].is_null(), "{pod:?}");
        let agent = &pod["containers"][0];
        let locks = &agent["securityContext"];
        assert_eq!(
            (&locks["readOnlyRootFilesystem"], &locks["allowPrivilegeEscalation"]),
            (&true.into(), &false.into())
        );
        assert_eq!(words(&locks["capabilities"]["drop"]), ["ALL"]);
        assert_eq!(words(&agent["args"]), ["--token-file=/etc/pulse-agent/token"]);
        let volumes = pod["volumes"].as_sequence().unwrap();
        assert!(
            volumes.iter().all(|volume| volume["secret"].is_mapping()),
            "nothing of the node: {volumes:?}"
        );
        let variables = agent["env"].as_sequence().unwrap();
        let names: Vec<&str> = variables.iter().map(|one| one["name"].as_str().unwrap()).collect();
        for needed in
            ["PULSE_URL", "PULSE_ENABLE_KUBERNETES", "PULSE_ENABLE_HOST", "PULSE_DISABLE_AUTO_UPDATE"]
        {
            assert!(names.contains(&needed), "{needed} is not set");
        }
        let source = include_str!("../../src/settings/mod.rs");
        let unknown: Vec<_> = names.iter().filter(|name| !source.contains(&format!("\"{name}\""))).collect();
        assert!(unknown.is_empty(), "the agent knows no {unknown:?}");
    }
}

#[test]
fn versions_and_values_are_those_that_there_are() {
    let version = env!("CARGO_PKG_VERSION");
    let (chart, values) = (&documents(CHART)[0], &documents(VALUES)[0]);
    assert_eq!(chart["appVersion"].as_str(), Some(version));
    let manifest = documents(MANIFEST);
    let image = &of_kind(&manifest, "Deployment")["spec"]["template"]["spec"]["containers"][0]["image"];
    assert_eq!(image.as_str(), Some(format!("pulse-agent:{version}").as_str()));
    // Each value that a template asks for has a default, and none stands there for nothing.
    let templates = format!("{RBAC}{DEPLOYMENT}");
    let used: BTreeSet<&str> = templates
        .split(".Values.")
        .skip(1)
        .map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap())
        .collect();
    let known: BTreeSet<&str> =
        values.as_mapping().unwrap().keys().map(|key| key.as_str().unwrap()).collect();
    assert_eq!(used, known);
}
