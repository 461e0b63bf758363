//! Asks the server for its agent and fetches it beside the program, checked.

use std::path::{Path, PathBuf};

use http::{HeaderMap, StatusCode};
use reqwest::{Client, Response, Url};
use serde::Deserialize;
use tokio::io::AsyncWriteExt;

use crate::{
    link::{MAX_ANSWER_BYTES, body_within, reason},
    signature::TrustedKeys,
};

/// Larger is no agent (contract B-10 §4).
const MAX_BYTES: u64 = 100 * 1024 * 1024;
const DOWNLOAD_LIMIT: std::time::Duration = std::time::Duration::from_mins(5);

/// Why there is no update.
#[derive(Debug, thiserror::Error)]
pub(super) enum UpgradeError {
    #[error("the server cannot be asked for its agent: {0}")]
    Unreachable(String),
    #[error("the server answered {0} when asked for its agent")]
    Status(StatusCode),
    #[error("the server's agent is not taken: {0}")]
    Odd(&'static str),
    #[error("the server's agent is not taken: its checksum is wrong, it may have been damaged on its way")]
    Damaged,
    #[error("the server's agent does not work on this machine: {0}")]
    NotWorking(String),
    #[error(
        "the agent cannot be replaced: {0}; give it a folder that it may write to, or --disable-auto-update"
    )]
    Io(#[from] std::io::Error),
}

fn unreachable(error: reqwest::Error) -> UpgradeError {
    UpgradeError::Unreachable(reason(&error))
}

/// The version that the server has.
pub(super) async fn offered(
    client: &Client,
    base: &Url,
    headers: &HeaderMap,
) -> Result<String, UpgradeError> {
    #[derive(Deserialize)]
    struct Offer {
        version: String,
    }
    let url = base.join("api/agent/version").map_err(|_| UpgradeError::Odd("its address is none"))?;
    let response = client.get(url).headers(headers.clone()).send().await.map_err(unreachable)?;
    if !response.status().is_success() {
        return Err(UpgradeError::Status(response.status()));
    }
    let body = body_within(response, MAX_ANSWER_BYTES).await.map_err(UpgradeError::Unreachable)?;
    let offer: Offer =
        serde_json::from_slice(&body).map_err(|_| UpgradeError::Odd("its version is not told"))?;
    Ok(offer.version)
}

/// What downloads call this machine.
fn arch() -> String {
    download_name(std::env::consts::OS, std::env::consts::ARCH, machine().as_deref())
}

/// What the kernel calls the processor; only it knows which of the ARM processors of 32 bits this is.
#[cfg(unix)]
fn machine() -> Option<String> {
    nix::sys::utsname::uname().ok()?.machine().to_str().map(str::to_owned)
}

#[cfg(not(unix))]
fn machine() -> Option<String> {
    None
}

fn download_name(os: &str, arch: &str, machine: Option<&str>) -> String {
    let os = if os == "macos" { "darwin" } else { os };
    let cpu = match arch {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "arm" if machine.is_some_and(|machine| machine.starts_with("armv6")) => "armv6",
        "arm" => "armv7",
        "x86" => "386",
        other => other,
    };
    format!("{os}-{cpu}")
}

/// Fetches the server's agent for this machine; gives the file it lies in.
pub(super) async fn download(
    client: &Client,
    base: &Url,
    headers: &HeaderMap,
    keys: &TrustedKeys,
    binary: &Path,
) -> Result<PathBuf, UpgradeError> {
    let mut url = base.join("download/pulse-agent").map_err(|_| UpgradeError::Odd("its address is none"))?;
    let plain = url.clone();
    url.query_pairs_mut().append_pair("arch", &arch());
    let mut response = get(client, url, headers).await?;
    if response.status() == StatusCode::NOT_FOUND {
        response = get(client, plain, headers).await?;
    }
    if response.status() != StatusCode::OK {
        return Err(UpgradeError::Status(response.status()));
    }
    let header = |name: &str| {
        response.headers().get(name).and_then(|value| value.to_str().ok()).map(|text| text.trim().to_owned())
    };
    let wanted = header("x-checksum-sha256").ok_or(UpgradeError::Odd("it has no checksum"))?;
    let signature = header("x-signature-ed25519");
    if !keys.is_empty() && signature.is_none() {
        return Err(UpgradeError::Odd("it is not signed, and PULSE_AGENT_UPDATE_PUBLIC_KEYS demands that"));
    }
    let fresh = beside(binary, "new");
    let outcome = receive(response, &fresh, &wanted).await;
    let outcome = match (outcome, signature) {
        (Ok(()), Some(signature)) if !keys.is_empty() => check_signature(keys, &fresh, signature).await,
        (outcome, _) => outcome,
    };
    if let Err(error) = outcome {
        tokio::fs::remove_file(&fresh).await.ok();
        return Err(error);
    }
    Ok(fresh)
}

async fn get(client: &Client, url: Url, headers: &HeaderMap) -> Result<Response, UpgradeError> {
    client.get(url).headers(headers.clone()).timeout(DOWNLOAD_LIMIT).send().await.map_err(unreachable)
}

/// `/usr/local/bin/.pulse-agent.new` for `/usr/local/bin/pulse-agent`.
pub(super) fn beside(binary: &Path, what: &str) -> PathBuf {
    let name = binary.file_name().unwrap_or_default().to_string_lossy().into_owned();
    binary.with_file_name(format!(".{name}.{what}"))
}

async fn receive(mut response: Response, fresh: &Path, wanted: &str) -> Result<(), UpgradeError> {
    let mut options = tokio::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    options.mode(0o755);
    let mut file = options.open(fresh).await?;
    let mut hash = ring::digest::Context::new(&ring::digest::SHA256);
    let mut length = 0u64;
    let mut head = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        length += chunk.len() as u64;
        if length > MAX_BYTES {
            return Err(UpgradeError::Odd("it is too large"));
        }
        if head.len() < 4 {
            head.extend(chunk.iter().take(4 - head.len()));
            if head.len() == 4 && !is_program(&head) {
                return Err(UpgradeError::Odd("it is no program"));
            }
        }
        hash.update(&chunk);
        file.write_all(&chunk).await?;
    }
    if head.len() < 4 {
        return Err(UpgradeError::Odd("it is empty"));
    }
    // On the disk before it takes the place of what works.
    file.sync_all().await?;
    let hex = crate::text::hex(hash.finish().as_ref());
    if hex.eq_ignore_ascii_case(wanted) { Ok(()) } else { Err(UpgradeError::Damaged) }
}

/// ELF, Mach-O and PE.
fn is_program(head: &[u8]) -> bool {
    matches!(
        head,
        [0x7f, b'E', b'L', b'F']
            | [0xcf | 0xce, 0xfa, 0xed, 0xfe]
            | [0xfe, 0xed, 0xfa, 0xcf | 0xce]
            | [0xca, 0xfe, 0xba, 0xbe]
            | [b'M', b'Z', ..]
    )
}

async fn check_signature(keys: &TrustedKeys, fresh: &Path, signature: String) -> Result<(), UpgradeError> {
    let bytes = tokio::fs::read(fresh).await?;
    let keys = keys.clone();
    let is_good = tokio::task::spawn_blocking(move || keys.verify(&bytes, &signature)).await.unwrap_or(false);
    if is_good { Ok(()) } else { Err(UpgradeError::Odd("none of the trusted keys signed it")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn downloads_are_named_as_the_server_names_them() {
        let names = [
            ("linux", "x86_64", Some("x86_64"), "linux-amd64"),
            ("macos", "aarch64", Some("arm64"), "darwin-arm64"),
            ("linux", "arm", Some("armv6l"), "linux-armv6"),
            ("linux", "arm", Some("armv7l"), "linux-armv7"),
            // A system of 32 bits on a kernel of 64.
            ("linux", "arm", Some("aarch64"), "linux-armv7"),
            ("windows", "x86", None, "windows-386"),
        ];
        for (os, arch, machine, expected) in names {
            assert_eq!(download_name(os, arch, machine), expected);
        }
    }

    #[test]
    fn programs_tell_themselves_by_their_first_bytes() {
        for head in [b"\x7fELF", b"\xcf\xfa\xed\xfe", b"MZ\x90\x00"] {
            assert!(is_program(head));
        }
        for head in [b"<htm", b"#!/b", b"\x1f\x8b\x08\x00"] {
            assert!(!is_program(head));
        }
    }
}
