//! The Kubernetes module against a simulated API server over HTTPS: lists, watches, and all that goes wrong with them.

use std::time::{Duration, Instant};

use pulse_agent::{AgentIdentity, KubernetesCollector, KubernetesError, settings::KubeSettings};
use pulse_core::report::kubernetes::KubernetesReport;
use pulse_sim::kubernetes::{
    KubernetesApi, Resource, daemon_set, deployment, failed_job, node, pod, stateful_set, waiting_pod,
};

struct Lab {
    api: KubernetesApi,
    dir: tempfile::TempDir,
}

impl Lab {
    async fn start() -> Self {
        let api = KubernetesApi::start("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("config"), api.kubeconfig()).unwrap();
        api.put(Resource::Nodes, node("node-1"));
        Self { api, dir }
    }

    fn settings(&self) -> KubeSettings {
        KubeSettings {
            kubeconfig: Some(self.dir.path().join("config")),
            max_pods: 200,
            ..KubeSettings::default()
        }
    }

    async fn connect(&self, settings: KubeSettings) -> Result<KubernetesCollector, KubernetesError> {
        KubernetesCollector::connect(&settings, AgentIdentity::default()).await
    }
}

/// Collects until the report is as wanted.
async fn until(
    collector: &mut KubernetesCollector,
    what: &str,
    is_wanted: impl Fn(&KubernetesReport) -> bool,
) -> KubernetesReport {
    let begin = Instant::now();
    loop {
        let report = collector.collect().await.unwrap();
        if is_wanted(&report) {
            return report;
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "{what} never came to be: {report:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn names(report: &KubernetesReport) -> Vec<&str> {
    report.pods.iter().map(|pod| pod.name.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_is_reported_and_its_changes_come_by_watch() {
    let lab = Lab::start().await;
    let api = &lab.api;
    api.put(Resource::Pods, pod("apps", "healthy"));
    api.put(Resource::Pods, waiting_pod("apps", "crashing", "CrashLoopBackOff", 7));
    api.put(Resource::Deployments, deployment("apps", "web", 3, 1));
    api.put(Resource::Deployments, deployment("apps", "fine", 2, 2));
    api.put(Resource::StatefulSets, stateful_set("apps", "db", 2, 0));
    api.put(Resource::DaemonSets, daemon_set("kube-system", "proxy", 3, 2));
    api.put(Resource::Jobs, failed_job("apps", "backup"));
    let mut collector = lab.connect(lab.settings()).await.unwrap();
    let report = collector.collect().await.unwrap();
    assert_eq!(report.cluster.version.as_deref(), Some("v1.30.1+k3s1"));
    assert_eq!(
        (report.cluster.provider.as_deref(), report.cluster.name.as_deref()),
        (Some("k3s"), Some("sim-cluster"))
    );
    assert_eq!(report.cluster.id.as_ref().unwrap(), &report.agent.id);
    assert_eq!((report.nodes[0].name.as_str(), report.nodes[0].ready), ("node-1", true));
    assert_eq!(names(&report), ["crashing"], "healthy pods are left out");
    assert_eq!(report.pods[0].restarts, Some(7));
    assert_eq!(report.deployments.len(), 1);
    let kinds: Vec<&str> = report.workloads.iter().map(|workload| workload.kind.as_str()).collect();
    assert_eq!(kinds, ["DaemonSet", "Job", "StatefulSet"]);
    assert_eq!(report.nodes[0].usage, None, "there is no metrics server");

    api.asked();
    api.put(Resource::Pods, waiting_pod("apps", "second", "ImagePullBackOff", 0));
    until(&mut collector, "a new pod", |report| names(report) == ["crashing", "second"]).await;
    api.put(Resource::Pods, pod("apps", "crashing"));
    until(&mut collector, "the recovery", |report| names(report) == ["second"]).await;
    api.remove(Resource::Pods, "apps", "second");
    until(&mut collector, "the removal", |report| report.pods.is_empty()).await;
    let lists: Vec<String> = api.asked().into_iter().filter(|path| path.contains("limit=")).collect();
    assert!(lists.is_empty(), "changes come without lists: {lists:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watches_are_taken_up_where_they_ended_and_expired_ones_list_anew() {
    let lab = Lab::start().await;
    let api = &lab.api;
    let mut collector = lab.connect(lab.settings()).await.unwrap();
    // Let every watch begin before it is ended.
    let begin = Instant::now();
    let mut asked = Vec::new();
    while asked.iter().filter(|path: &&String| path.contains("watch=true")).count() < 6 {
        assert!(begin.elapsed() < Duration::from_secs(20), "{asked:?}");
        asked.extend(api.asked());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(
        asked
            .iter()
            .filter(|path| path.contains("watch=true"))
            .all(|path| path.contains("allowWatchBookmarks=true"))
    );
    // Ended with a bookmark: another kind's changes moved the version on meanwhile, and are not missed either.
    let version = api.put(Resource::Nodes, node("node-2"));
    until(&mut collector, "the second node", |report| report.nodes.len() == 2).await;
    api.end_watches();
    api.put(Resource::Pods, waiting_pod("apps", "late", "CrashLoopBackOff", 1));
    until(&mut collector, "a pod after the watches ended", |report| names(report) == ["late"]).await;
    let again: Vec<String> = api.asked();
    let taken_up = |path: &&String| {
        let from = path.split("resourceVersion=").nth(1).and_then(|from| from.parse::<u64>().ok());
        path.starts_with("/api/v1/pods?watch") && from.is_some_and(|from| from >= version)
    };
    assert!(again.iter().any(|path| taken_up(&path)), "the bookmark moved the place on: {again:?}");
    assert!(!again.iter().any(|path| path.contains("limit=")), "no list was needed: {again:?}");

    // The past is forgotten before the watches heard of it: 410, and a list.
    api.asked();
    api.put(Resource::Pods, waiting_pod("apps", "later", "CrashLoopBackOff", 1));
    api.remove(Resource::Pods, "apps", "late");
    api.compact();
    until(&mut collector, "the world after a compaction", |report| names(report) == ["later"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_lists_come_page_by_page() {
    let lab = Lab::start().await;
    for number in 0..620 {
        lab.api.put(Resource::Pods, waiting_pod("apps", &format!("pod-{number:04}"), "CrashLoopBackOff", 1));
    }
    let settings = KubeSettings { max_pods: 1000, ..lab.settings() };
    let mut collector = lab.connect(settings).await.unwrap();
    let report = collector.collect().await.unwrap();
    assert_eq!(report.pods.len(), 620);
    let pages = lab.api.asked().into_iter().filter(|path| path.starts_with("/api/v1/pods?limit=250")).count();
    assert_eq!(pages, 3);
    let few = KubeSettings { max_pods: 5, ..lab.settings() };
    assert_eq!(lab.connect(few).await.unwrap().collect().await.unwrap().pods.len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn usage_comes_from_a_metrics_server() {
    let lab = Lab::start().await;
    lab.api.set_metrics(true);
    lab.api.put(Resource::Pods, pod("apps", "healthy"));
    let settings = KubeSettings { include_all_pods: true, ..lab.settings() };
    let report = lab.connect(settings).await.unwrap().collect().await.unwrap();
    let node = report.nodes[0].usage.unwrap();
    assert_eq!((node.cpu_millicores, node.memory_bytes), (Some(250), Some(512 * 1024 * 1024)));
    assert_eq!(report.pods[0].usage.unwrap().cpu_millicores, Some(250));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_role_does_not_show_is_left_out_or_said() {
    let lab = Lab::start().await;
    lab.api.put(Resource::Deployments, deployment("apps", "web", 3, 1));
    lab.api.forbid(Resource::Jobs, true);
    let report = lab.connect(lab.settings()).await.unwrap().collect().await.unwrap();
    assert_eq!(report.deployments.len(), 1, "jobs are missed by nobody");
    lab.api.forbid(Resource::Pods, true);
    let error = lab.connect(lab.settings()).await.unwrap_err().to_string();
    assert!(
        error.contains("/api/v1/pods") && error.contains("403") && error.contains("ClusterRole"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn namespaces_are_watched_one_by_one_where_only_some_are_wanted() {
    let lab = Lab::start().await;
    for namespace in ["a", "b", "c"] {
        lab.api.put(Resource::Pods, waiting_pod(namespace, "x", "CrashLoopBackOff", 1));
    }
    lab.api.set_metrics(true);
    let settings = KubeSettings { include_namespaces: vec!["a".into(), "b".into()], ..lab.settings() };
    let report = lab.connect(settings).await.unwrap().collect().await.unwrap();
    let found: Vec<&str> = report.pods.iter().map(|pod| pod.namespace.as_str()).collect();
    assert_eq!(found, ["a", "b"]);
    assert!(report.pods.iter().all(|pod| pod.usage.is_some()), "{:?}", report.pods);
    let everywhere = ["/api/v1/pods", "/apis/metrics.k8s.io/v1beta1/pods"];
    assert!(
        !lab.api.asked().iter().any(|path| everywhere.iter().any(|all| path.starts_with(all))),
        "a Role in each is right enough"
    );
    let settings = KubeSettings { exclude_namespaces: vec!["b".into()], ..lab.settings() };
    let report = lab.connect(settings).await.unwrap().collect().await.unwrap();
    assert_eq!(report.pods.len(), 2);
}

#[tokio::test]
async fn a_wrong_token_an_unknown_issuer_and_no_server_are_told_apart() {
    let lab = Lab::start().await;
    let config = lab.dir.path().join("config");
    let good = lab.api.kubeconfig();
    std::fs::write(&config, good.replace("sim-token", "other-token")).unwrap();
    let error = lab.connect(lab.settings()).await.unwrap_err();
    assert!(matches!(error, KubernetesError::Unauthorized), "{error}");
    assert!(!error.to_string().contains("other-token"));
    let lines: Vec<&str> = good.lines().filter(|line| !line.contains("certificate-authority")).collect();
    std::fs::write(&config, lines.join("\n")).unwrap();
    let error = lab.connect(lab.settings()).await.unwrap_err().to_string();
    assert!(error.contains("certificate"), "{error}");
    std::fs::write(&config, good).unwrap();
    let settings = lab.settings();
    let mut collector = lab.connect(settings.clone()).await.unwrap();
    drop(lab.api);
    // What was seen stays for the moment; a new connection fails with a reason.
    collector.collect().await.unwrap();
    let error = KubernetesCollector::connect(&settings, AgentIdentity::default()).await.unwrap_err();
    assert!(matches!(error, KubernetesError::Unreachable { .. }), "{error}");
}
