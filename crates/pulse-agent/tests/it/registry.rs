//! Images, their registry and updates for real: a registry on loopback, a real `dockerd` that pulls from it, containers
//! that move to a newer image, and back when that one does not work.

use std::{
    collections::HashMap,
    fmt::Write as _,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use pulse_agent::{
    DockerCollector, DockerOptions,
    docker::{Probation, UpdateError, Updated},
};
use pulse_core::report::docker::{Container, DockerReport};
use serde_json::json;
use tokio::net::TcpListener;

use crate::docker::{named, options, ready};

/// A manifest with its media type.
type Manifest = (String, Vec<u8>);

/// A registry that hands out images to whoever fetched a token.
#[derive(Clone, Default)]
pub struct Registry {
    manifests: Arc<Mutex<HashMap<String, Manifest>>>,
    blobs: Arc<Mutex<HashMap<String, Vec<u8>>>>,
    asked: Arc<Mutex<Vec<String>>>,
    limited: Arc<Mutex<bool>>,
    address: String,
}

fn digest(bytes: &[u8]) -> String {
    let hash = ring::digest::digest(&ring::digest::SHA256, bytes);
    hash.as_ref().iter().fold("sha256:".to_owned(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

async fn answer(State(registry): State<Registry>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().to_owned();
    registry.asked.lock().unwrap().push(format!("{method} {path}"));
    if path == "/token" {
        assert!(uri.query().unwrap_or_default().contains("scope=repository"), "{uri}");
        return r#"{"token":"pull-token"}"#.into_response();
    }
    if *registry.limited.lock().unwrap() {
        return (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "3600")]).into_response();
    }
    if headers.get(header::AUTHORIZATION).is_none_or(|value| value != "Bearer pull-token") {
        let challenge = format!(
            "Bearer realm=\"http://{}/token\",service=\"test\",scope=\"repository:app:pull\"",
            registry.address
        );
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)]).into_response();
    }
    if path == "/v2/" {
        return StatusCode::OK.into_response();
    }
    let reference = path.rsplit('/').next().unwrap_or_default();
    if path.contains("/blobs/") {
        return match registry.blobs.lock().unwrap().get(reference) {
            Some(blob) => Bytes::from(blob.clone()).into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        };
    }
    match registry.manifests.lock().unwrap().get(reference) {
        Some((kind, body)) => {
            let head = [
                (header::CONTENT_TYPE, kind.clone()),
                (header::HeaderName::from_static("docker-content-digest"), digest(body)),
            ];
            (head, Bytes::from(body.clone())).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

impl Registry {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let registry = Self { address: listener.local_addr().unwrap().to_string(), ..Self::default() };
        let router = Router::new().fallback(answer).with_state(registry.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        registry
    }

    fn blob(&self, bytes: Vec<u8>) -> serde_json::Value {
        let size = bytes.len();
        let digest = digest(&bytes);
        self.blobs.lock().unwrap().insert(digest.clone(), bytes);
        json!({"digest": digest, "size": size})
    }

    /// Puts an image under a tag: busybox that does what `command` says. `note` only changes the list around it.
    pub fn push(&self, tag: &str, layer: &[u8], command: &[&str], note: &str) {
        let mut unpacked = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(layer), &mut unpacked).unwrap();
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
        let config = json!({"architecture": architecture, "os": "linux", "config": {"Cmd": command, "Env": ["FROM_IMAGE=1"]},
            "rootfs": {"type": "layers", "diff_ids": [digest(&unpacked)]}});
        let mut config = self.blob(config.to_string().into_bytes());
        config["mediaType"] = "application/vnd.oci.image.config.v1+json".into();
        let mut layer = self.blob(layer.to_vec());
        layer["mediaType"] = "application/vnd.oci.image.layer.v1.tar+gzip".into();
        let manifest =
            json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]});
        let manifest = manifest.to_string().into_bytes();
        let own = digest(&manifest);
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "annotations": {"note": note}, "manifests": [
            {"mediaType": MANIFEST, "digest": "sha256:0000", "size": 1, "platform": {"os": "plan9", "architecture": "mips"}},
            {"mediaType": MANIFEST, "digest": own, "size": manifest.len(), "platform": {"os": "linux", "architecture": architecture}}]});
        let mut manifests = self.manifests.lock().unwrap();
        manifests.insert(own, (MANIFEST.to_owned(), manifest));
        let index = index.to_string().into_bytes();
        manifests.insert(digest(&index), (INDEX.to_owned(), index.clone()));
        manifests.insert(tag.to_owned(), (INDEX.to_owned(), index));
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

async fn until(
    collector: &mut DockerCollector,
    what: &str,
    is_wanted: impl Fn(&DockerReport) -> bool,
) -> DockerReport {
    let begin = Instant::now();
    loop {
        let report = collector.collect().await.unwrap();
        if is_wanted(&report) {
            return report;
        }
        assert!(begin.elapsed() < Duration::from_secs(30), "{what}: {report:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn update_of(container: &Container) -> Option<bool> {
    container
        .update_status
        .as_ref()
        .filter(|status| status.error.is_none())
        .map(|status| status.update_available)
}

const QUICK: Probation = Probation {
    settle: Duration::from_secs(2),
    healthy: Duration::from_secs(20),
    step: Duration::from_millis(100),
};

#[tokio::test(flavor = "multi_thread")]
async fn newer_images_are_noticed_taken_and_taken_back() {
    let Some((mut engine, layer)) = ready(true) else { return };
    let registry = Registry::start().await;
    let sleeps = ["/bin/busybox", "sleep", "86400"];
    registry.push("1", &layer, &sleeps, "first");
    let image = format!("{}/app:1", registry.address);
    engine.must(&["pull", &image]);
    engine.must(&[
        "run",
        "-d",
        "--name",
        "app",
        "--network",
        "none",
        "--restart",
        "unless-stopped",
        "-e",
        "MINE=1",
        "-v",
        "/cache",
        "--label",
        "mine=yes",
        &image,
    ]);
    engine.must(&[
        "run",
        "-d",
        "--name",
        "quiet",
        "--network",
        "none",
        "--label",
        "io.pulse.update-check=false",
        &image,
    ]);
    let mut collector = DockerCollector::discover(options(&engine.socket())).await.unwrap();
    let report = until(&mut collector, "the check", |report| update_of(named(report, "app")).is_some()).await;
    assert_eq!(update_of(named(&report, "app")), Some(false));
    assert_eq!(named(&report, "quiet").update_status, None, "it opted out");
    let environment = &named(&report, "app").env;
    assert!(environment.contains(&"MINE=1".to_owned()), "{environment:?}");
    registry.asked();
    collector.collect().await.unwrap();
    assert!(registry.asked().is_empty(), "an answer holds for hours");

    // The list is new, this machine's image in it is not.
    registry.push("1", &layer, &sleeps, "a list with another note");
    let control = collector.control();
    control.forget_checks();
    let report =
        until(&mut collector, "the second check", |report| update_of(named(report, "app")).is_some()).await;
    assert_eq!(update_of(named(&report, "app")), Some(false), "the platform's image is what counts");

    // A newer image that works.
    registry.push("1", &layer, &["/bin/busybox", "sleep", "86401"], "second");
    control.forget_checks();
    until(&mut collector, "the update", |report| update_of(named(report, "app")) == Some(true)).await;
    let before = named(&collector.collect().await.unwrap(), "app").clone();
    let steps = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&steps);
    let outcome =
        control.update(&before.id, QUICK, move |step| heard.lock().unwrap().push(step)).await.unwrap();
    let Updated::Replaced { id } = outcome else { panic!("{outcome:?}") };
    assert_eq!(steps.lock().unwrap().first(), Some(&"pulling the image"));
    let report =
        until(&mut collector, "no more update", |report| update_of(named(report, "app")) == Some(false))
            .await;
    let after = named(&report, "app");
    assert_eq!((after.id.as_str(), after.state.as_str()), (id.as_str(), "running"));
    assert_ne!(after.image_digest, before.image_digest);
    assert_eq!(after.labels["mine"], "yes");
    let volume = |container: &Container| container.mounts.iter().find_map(|mount| mount.name.clone());
    assert_eq!(volume(after), volume(&before), "what lies in its volume stays");
    assert!(
        engine
            .must(&["inspect", "-f", "{{.HostConfig.RestartPolicy.Name}} {{.Config.Cmd}}", "app"])
            .contains("unless-stopped [/bin/busybox sleep 86401]")
    );
    assert!(report.containers.iter().all(|container| !container.name.contains("backup")));
    assert_eq!(control.update(&id, QUICK, |_| {}).await.unwrap(), Updated::AlreadyNewest);

    // A newer image that does not work.
    registry.push("1", &layer, &["/bin/busybox", "false"], "third");
    let error = control.update(&id, QUICK, |_| {}).await.unwrap_err();
    assert!(matches!(error, UpdateError::RolledBack(_)), "{error}");
    let report = collector.collect().await.unwrap();
    let back = named(&report, "app");
    assert_eq!((back.id.as_str(), back.state.as_str()), (id.as_str(), "running"));
    assert_eq!(report.containers.len(), 2, "nothing is left of the new one");

    // An agent that died halfway: the old one waits under its backup's name.
    engine.must(&["stop", "-t", "0", "app"]);
    engine.must(&["rename", "app", "app_pulse_backup_20260302_101530"]);
    control.recover().await.unwrap();
    let report = collector.collect().await.unwrap();
    assert_eq!(named(&report, "app").state, "running");

    // What must not be touched is not.
    engine.must(&[
        "run",
        "-d",
        "--rm",
        "--name",
        "passing",
        "--network",
        "none",
        &image,
        "/bin/busybox",
        "sleep",
        "99",
    ]);
    let report = collector.collect().await.unwrap();
    let error = control.update(&named(&report, "passing").id, QUICK, |_| {}).await.unwrap_err();
    assert!(matches!(error, UpdateError::Refused(_)), "{error}");

    // A registry that has enough is left alone.
    *registry.limited.lock().unwrap() = true;
    control.forget_checks();
    registry.asked();
    let said = |report: &DockerReport| {
        let mut states = report.containers.iter().filter_map(|container| container.update_status.clone());
        states.find_map(|status| status.error)
    };
    let report = until(&mut collector, "the limit", |report| said(report).is_some()).await;
    assert!(said(&report).unwrap().contains("rate limit"));
    let is_limited = |container: &&Container| {
        container.update_status.as_ref().is_some_and(|status| status.error.is_some())
    };
    assert!(
        report.containers.iter().filter(is_limited).all(|container| update_of(container) != Some(true)),
        "what could not be asked is not told as an update"
    );
    assert_eq!(registry.asked().len(), 1, "one question was enough");
    engine.must(&["rm", "-f", "app", "quiet", "passing"]);
    engine.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_swarm_is_told_with_its_services_and_tasks() {
    let Some((mut engine, _)) = ready(false) else { return };
    if !engine.docker(&["swarm", "init", "--advertise-addr", "127.0.0.1"]).status.success() {
        // Without a network of its own a swarm cannot begin everywhere.
        engine.stop();
        return;
    }
    engine.must(&[
        "service",
        "create",
        "--detach",
        "--name",
        "web",
        "--replicas",
        "1",
        "--network",
        "host",
        "--no-resolve-image",
        "--label",
        "com.docker.stack.namespace=shop",
        "pulse-test:1",
        "/bin/sleep",
        "86400",
    ]);
    let mut collector = DockerCollector::discover(DockerOptions {
        are_update_checks_disabled: true,
        ..options(&engine.socket())
    })
    .await
    .unwrap();
    let running =
        |report: &DockerReport| report.services.first().and_then(|service| service.running_tasks) == Some(1);
    let report = until(&mut collector, "the service", running).await;
    let service = &report.services[0];
    assert_eq!(
        (service.name.as_str(), service.desired_tasks, service.stack.as_deref()),
        ("web", Some(1), Some("shop"))
    );
    let task = report.tasks.iter().find(|task| task.current_state.as_deref() == Some("running")).unwrap();
    assert_eq!(task.service_name.as_deref(), Some("web"));
    assert!(report.containers.iter().any(|container| Some(&container.id) == task.container_id.as_ref()));
    assert_eq!(report.host.swarm.as_ref().unwrap().node_role.as_deref(), Some("manager"));
    engine.docker(&["swarm", "leave", "--force"]);
    engine.stop();
}
