//! How a cluster is reached: from inside by the pod's service account, from outside by a kubeconfig.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;

use super::KubernetesError;
use crate::{
    command::{Call, RunCommand},
    settings::KubeSettings,
};

const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// A program that gives credentials may ask a cloud for them.
const PLUGIN_LIMIT: Duration = Duration::from_secs(30);
/// A kubeconfig of hundreds of clusters stays below.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// A cluster and how to reach it.
#[derive(Clone)]
pub(super) struct Access {
    /// `https://10.0.0.1:6443`
    pub(super) server: String,
    /// Name of the cluster in the kubeconfig.
    pub(super) name: String,
    pub(super) context: String,
    pub(super) namespace: Option<String>,
    /// Certificates of the issuer, PEM; without them the machine's own roots.
    pub(super) authority: Option<Vec<u8>>,
    pub(super) is_insecure: bool,
    /// Name that the certificate is for, where it is not the address.
    pub(super) server_name: Option<String>,
    /// Our certificate and key, PEM.
    pub(super) identity: Option<(Vec<u8>, Vec<u8>)>,
    pub(super) credential: Credential,
}

/// What a request is authorized by.
#[derive(Clone)]
pub(super) enum Credential {
    /// Nothing, or the certificate.
    None,
    /// A token.
    Token(String),
    /// A token in a file that is renewed.
    TokenFile(PathBuf),
    /// Name and password.
    Basic(String, String),
    /// A program that gives a token.
    Plugin(Call),
}

impl Credential {
    /// The header that goes with a request, read anew where it can change.
    pub(super) async fn header(
        &self,
        runner: &Arc<dyn RunCommand>,
    ) -> Result<Option<String>, KubernetesError> {
        Ok(match self {
            Self::None => None,
            Self::Token(token) => Some(format!("Bearer {token}")),
            Self::TokenFile(path) => {
                let text = tokio::fs::read_to_string(path)
                    .await
                    .map_err(|error| KubernetesError::config(path, &error.to_string()))?;
                Some(format!("Bearer {}", text.trim()))
            }
            Self::Basic(user, password) => {
                Some(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
            }
            Self::Plugin(call) => Some(format!("Bearer {}", ask_plugin(call, runner).await?)),
        })
    }
}

async fn ask_plugin(call: &Call, runner: &Arc<dyn RunCommand>) -> Result<String, KubernetesError> {
    #[derive(Deserialize)]
    struct ExecCredential {
        status: Status,
    }
    #[derive(Deserialize)]
    struct Status {
        token: Option<String>,
    }
    let failed = |reason: String| KubernetesError::Plugin { program: call.program.clone(), reason };
    let done = runner.run(call.clone()).await.map_err(|error| failed(error.to_string()))?;
    if !done.is_success() {
        return Err(failed(done.complaint()));
    }
    let given: ExecCredential =
        serde_json::from_slice(&done.stdout).map_err(|_| failed("it printed no credential".to_owned()))?;
    given.status.token.ok_or_else(|| failed("its credential holds no token".to_owned()))
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Kubeconfig {
    current_context: String,
    clusters: Vec<NamedCluster>,
    contexts: Vec<NamedContext>,
    users: Vec<NamedUser>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NamedCluster {
    name: String,
    cluster: Cluster,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Cluster {
    server: String,
    certificate_authority: Option<String>,
    certificate_authority_data: Option<String>,
    insecure_skip_tls_verify: bool,
    tls_server_name: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NamedContext {
    name: String,
    context: Context,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Context {
    cluster: String,
    user: String,
    namespace: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NamedUser {
    name: String,
    user: User,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct User {
    token: Option<String>,
    #[serde(rename = "tokenFile")]
    token_file: Option<String>,
    username: Option<String>,
    password: Option<String>,
    #[serde(rename = "client-certificate")]
    client_certificate: Option<String>,
    #[serde(rename = "client-certificate-data")]
    client_certificate_data: Option<String>,
    #[serde(rename = "client-key")]
    client_key: Option<String>,
    #[serde(rename = "client-key-data")]
    client_key_data: Option<String>,
    exec: Option<Exec>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Exec {
    command: String,
    args: Option<Vec<String>>,
    env: Option<Vec<ExecVariable>>,
    #[serde(rename = "apiVersion")]
    api_version: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ExecVariable {
    name: String,
    value: String,
}

/// The cluster that the settings mean. Reads files.
pub(super) fn find(settings: &KubeSettings) -> Result<Access, KubernetesError> {
    if let Some(path) = &settings.kubeconfig {
        return from_file(path, settings.context.as_deref());
    }
    if let Some(access) = in_cluster(Path::new(ACCOUNT), &|name| std::env::var(name).ok()) {
        return Ok(access);
    }
    let listed = std::env::var_os("KUBECONFIG").unwrap_or_default();
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".kube/config"));
    let usual = ["/etc/kubernetes/admin.conf", "/etc/rancher/k3s/k3s.yaml"].map(PathBuf::from);
    let places: Vec<PathBuf> = std::env::split_paths(&listed)
        .filter(|path| !path.as_os_str().is_empty())
        .chain(home)
        .chain(usual)
        .collect();
    match places.iter().find(|path| path.is_file()) {
        Some(path) => from_file(path, settings.context.as_deref()),
        None => Err(KubernetesError::NoCluster {
            tried: places.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", "),
        }),
    }
}

/// The cluster that this pod runs in.
fn in_cluster(account: &Path, variable: &dyn Fn(&str) -> Option<String>) -> Option<Access> {
    let host = variable("KUBERNETES_SERVICE_HOST").filter(|host| !host.is_empty())?;
    let port = variable("KUBERNETES_SERVICE_PORT").unwrap_or_else(|| "443".to_owned());
    let token = account.join("token");
    if !token.is_file() {
        return None;
    }
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    let namespace = std::fs::read_to_string(account.join("namespace")).ok();
    Some(Access {
        server: format!("https://{host}:{port}"),
        name: "in-cluster".to_owned(),
        context: "in-cluster".to_owned(),
        namespace: namespace.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()),
        authority: std::fs::read(account.join("ca.crt")).ok(),
        is_insecure: false,
        server_name: None,
        identity: None,
        credential: Credential::TokenFile(token),
    })
}

fn from_file(path: &Path, context: Option<&str>) -> Result<Access, KubernetesError> {
    let wrong = |reason: &str| KubernetesError::config(path, reason);
    let size = path.metadata().map_err(|error| wrong(&error.to_string()))?.len();
    if size > MAX_BYTES {
        return Err(wrong("it is too long to be a kubeconfig"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| wrong(&error.to_string()))?;
    let config: Kubeconfig = serde_yaml_ng::from_str(&text).map_err(|error| wrong(&error.to_string()))?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    choose(config, context, folder).map_err(|reason| wrong(&reason))
}

fn choose(config: Kubeconfig, context: Option<&str>, folder: &Path) -> Result<Access, String> {
    let wanted = context.unwrap_or(&config.current_context);
    if wanted.is_empty() {
        return Err("it names no current context; choose one with --kube-context".to_owned());
    }
    let context = config
        .contexts
        .into_iter()
        .find(|context| context.name == wanted)
        .ok_or_else(|| format!("it has no context {wanted:?}"))?
        .context;
    let cluster = config
        .clusters
        .into_iter()
        .find(|cluster| cluster.name == context.cluster)
        .ok_or_else(|| format!("it has no cluster {:?}", context.cluster))?
        .cluster;
    if cluster.server.is_empty() {
        return Err(format!("its cluster {:?} has no server", context.cluster));
    }
    let user = config.users.into_iter().find(|user| user.name == context.user).unwrap_or_default().user;
    let bytes = |data: Option<String>, file: Option<String>, what: &str| match (data, file) {
        (Some(data), _) => {
            STANDARD.decode(data.trim()).map(Some).map_err(|_| format!("its {what} is no base64"))
        }
        (None, Some(file)) => std::fs::read(folder.join(&file))
            .map(Some)
            .map_err(|error| format!("its {what} {file} cannot be read: {error}")),
        (None, None) => Ok(None),
    };
    let authority =
        bytes(cluster.certificate_authority_data, cluster.certificate_authority, "certificate authority")?;
    let certificate = bytes(user.client_certificate_data, user.client_certificate, "client certificate")?;
    let key = bytes(user.client_key_data, user.client_key, "client key")?;
    let credential = match (user.exec, user.token, user.token_file, user.username, user.password) {
        (Some(exec), ..) => Credential::Plugin(plugin(exec)),
        (_, Some(token), ..) => Credential::Token(token),
        (_, _, Some(file), ..) => Credential::TokenFile(folder.join(file)),
        (_, _, _, Some(name), Some(password)) => Credential::Basic(name, password),
        _ => Credential::None,
    };
    Ok(Access {
        server: cluster.server.trim_end_matches('/').to_owned(),
        name: context.cluster,
        context: wanted.to_owned(),
        namespace: context.namespace,
        authority,
        is_insecure: cluster.insecure_skip_tls_verify,
        server_name: cluster.tls_server_name,
        identity: certificate.zip(key),
        credential,
    })
}

fn plugin(exec: Exec) -> Call {
    let mut call = Call::new(&exec.command, exec.args.unwrap_or_default()).within(PLUGIN_LIMIT);
    let variables = exec.env.unwrap_or_default();
    call.env = variables.into_iter().map(|variable| (variable.name, variable.value)).collect();
    let info = serde_json::json!({"apiVersion": exec.api_version, "kind": "ExecCredential",
        "spec": {"interactive": false}});
    call.env.push(("KUBERNETES_EXEC_INFO".to_owned(), info.to_string()));
    call
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::fake::{FakeCommands, failed, printed};

    const CONFIG: &str = "apiVersion: v1
kind: Config
current-context: lab
clusters:
- name: lab-cluster
  cluster: {server: 'https://10.0.0.1:6443/', certificate-authority-data: Q0E=}
- cluster:
    server: https://other
    insecure-skip-tls-verify: true
  name: other
contexts:
- context: {cluster: lab-cluster, user: me, namespace: apps}
  name: lab
- context: {cluster: other, user: cloud}
  name: other
- context: {cluster: gone, user: me}
  name: broken
users:
- name: me
  user:
    client-certificate-data: Q0VSVA==
    client-key: key.pem
- name: cloud
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: get-token
      args: [--cluster, x]
      env: null
";

    #[test]
    fn the_current_context_or_the_one_asked_for_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        std::fs::write(&path, CONFIG).unwrap();
        std::fs::write(dir.path().join("key.pem"), "KEY").unwrap();
        let lab = from_file(&path, None).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((lab.server.as_str(), lab.name.as_str()), ("https://10.0.0.1:6443", "lab-cluster"));
        assert_eq!((lab.namespace.as_deref(), lab.authority.as_deref()), (Some("apps"), Some(&b"CA"[..])));
        assert_eq!(
            lab.identity,
            Some((b"CERT".to_vec(), b"KEY".to_vec())),
            "files lie beside the kubeconfig"
        );
        let other = from_file(&path, Some("other")).unwrap_or_else(|error| panic!("{error}"));
        assert!(
            other.is_insecure
                && matches!(&other.credential, Credential::Plugin(call) if call.program == "get-token")
        );
        for (context, word) in [("broken", "gone"), ("none", "none")] {
            let error = from_file(&path, Some(context)).err().unwrap().to_string();
            assert!(error.contains(word), "{error}");
        }
        std::fs::write(&path, "just: [text").unwrap();
        assert!(from_file(&path, None).is_err());
    }

    #[tokio::test]
    async fn a_program_gives_the_token() {
        let credential = Credential::Plugin(Call::new("get-token", ["x"]));
        let runner: Arc<dyn RunCommand> = Arc::new(FakeCommands::new(|_| {
            Some(printed(r#"{"kind":"ExecCredential","status":{"token":"abc"}}"#))
        }));
        assert_eq!(credential.header(&runner).await.unwrap().as_deref(), Some("Bearer abc"));
        let runner: Arc<dyn RunCommand> = Arc::new(FakeCommands::new(|_| Some(failed(1, "not logged in"))));
        let error = credential.header(&runner).await.unwrap_err().to_string();
        assert!(error.contains("not logged in"), "{error}");
    }

    #[test]
    fn a_pod_finds_its_own_cluster() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("token"), "abc").unwrap();
        std::fs::write(dir.path().join("namespace"), "pulse").unwrap();
        let env = |name: &str| match name {
            "KUBERNETES_SERVICE_HOST" => Some("fd00::1".to_owned()),
            "KUBERNETES_SERVICE_PORT" => Some("6443".to_owned()),
            _ => None,
        };
        let access = in_cluster(dir.path(), &env).unwrap();
        assert_eq!(
            (access.server.as_str(), access.namespace.as_deref()),
            ("https://[fd00::1]:6443", Some("pulse"))
        );
        assert!(in_cluster(dir.path(), &|_| None).is_none());
    }
}
