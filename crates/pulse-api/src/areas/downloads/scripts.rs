//! The install scripts, part of the program. Service files stand once in the repository and are put in here.

use std::sync::LazyLock;

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{HeaderValue, header};

static INSTALL: LazyLock<String> = LazyLock::new(|| {
    let put = |text: String, mark: &str, file: &str| text.replace(mark, file.trim_end());
    let text = include_str!("../../../scripts/install.sh").to_owned();
    let text = put(text, "@SYSTEMD_UNIT@", include_str!("../../../../../deploy/agent/pulse-agent.service"));
    let text = put(text, "@OPENRC_SERVICE@", include_str!("../../../../../deploy/agent/pulse-agent.openrc"));
    let text = put(text, "@RCD_SERVICE@", include_str!("../../../../../deploy/agent/pulse_agent.rcd"));
    put(text, "@LAUNCHD_SERVICE@", include_str!("../../../../../deploy/agent/com.pulse.agent.plist"))
});

static HOST: LazyLock<Bytes> = LazyLock::new(|| INSTALL.clone().into());
static CONTAINERS: LazyLock<Bytes> = LazyLock::new(|| {
    INSTALL
        .replace("\nENABLE_HOST=\"\"\n", "\nENABLE_HOST=\"false\"\n")
        .replace("\nENABLE_DOCKER=\"\"\n", "\nENABLE_DOCKER=\"true\"\n")
        .into()
});
static UNINSTALL: LazyLock<Bytes> =
    LazyLock::new(|| INSTALL.replace("\nACTION=\"install\"\n", "\nACTION=\"uninstall\"\n").into());
static WINDOWS: LazyLock<Bytes> =
    LazyLock::new(|| Bytes::from_static(include_bytes!("../../../scripts/install.ps1")));
static WINDOWS_UNINSTALL: LazyLock<Bytes> = LazyLock::new(|| {
    include_str!("../../../scripts/install.ps1").replace("$Remove = $false", "$Remove = $true").into()
});

const SHELL: &str = "text/x-shellscript";
const TEXT: &str = "text/plain; charset=utf-8";

/// A script and where it is served.
pub(super) struct Script {
    pub path: &'static str,
    pub is_limited: bool,
    content_type: &'static str,
    disposition: &'static str,
    text: &'static LazyLock<Bytes>,
}

macro_rules! script {
    ($path:literal, $limited:literal, $kind:ident, $disposition:literal, $text:ident) => {
        Script {
            path: $path,
            is_limited: $limited,
            content_type: $kind,
            disposition: $disposition,
            text: &$text,
        }
    };
}

/// All scripts.
pub(super) static SCRIPTS: [Script; 11] = [
    script!("/install.sh", true, SHELL, "inline; filename=\"install.sh\"", HOST),
    script!("/install.ps1", true, TEXT, "inline; filename=\"install.ps1\"", WINDOWS),
    script!("/api/install/install.sh", false, SHELL, "inline; filename=\"install.sh\"", HOST),
    script!("/api/install/install.ps1", false, TEXT, "inline; filename=\"install.ps1\"", WINDOWS),
    script!(
        "/api/install/install-docker.sh",
        false,
        SHELL,
        "attachment; filename=install-docker.sh",
        CONTAINERS
    ),
    script!("/install-host-agent.sh", true, SHELL, "inline", HOST),
    script!("/install-docker-agent.sh", true, SHELL, "inline", CONTAINERS),
    script!("/install-container-agent.sh", true, SHELL, "inline", CONTAINERS),
    script!("/install-host-agent.ps1", true, TEXT, "inline", WINDOWS),
    script!("/uninstall-host-agent.sh", true, SHELL, "inline", UNINSTALL),
    script!("/uninstall-host-agent.ps1", true, TEXT, "inline", WINDOWS_UNINSTALL),
];

impl Script {
    /// The script as an answer.
    pub(super) fn answer(&self) -> Response {
        let mut response = Response::new(Body::from((**self.text).clone()));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(self.disposition));
        response
    }
}
