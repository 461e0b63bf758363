//! Which file a request means. Names are put together from fixed words only, so no request leaves the folder.

/// The target an `arch` means, in any of the words people and kernels use for it.
fn target(arch: &str) -> Option<&'static str> {
    Some(match arch.trim().to_ascii_lowercase().as_str() {
        "linux-amd64" | "amd64" | "x86_64" | "x86-64" => "linux-amd64",
        "linux-arm64" | "arm64" | "aarch64" => "linux-arm64",
        "linux-armv7" | "armv7" | "armv7l" | "armhf" => "linux-armv7",
        "linux-armv6" | "armv6" | "armv6l" => "linux-armv6",
        "linux-386" | "386" | "i386" | "i686" => "linux-386",
        "darwin-amd64" | "macos-amd64" => "darwin-amd64",
        "darwin-arm64" | "macos-arm64" => "darwin-arm64",
        "freebsd-amd64" => "freebsd-amd64",
        "freebsd-arm64" => "freebsd-arm64",
        "windows-amd64" => "windows-amd64",
        "windows-arm64" => "windows-arm64",
        "windows-386" => "windows-386",
        _ => return None,
    })
}

/// Names under which an agent may lie.
pub(super) fn agent(arch: &str) -> Vec<String> {
    match target(arch) {
        Some(target) => with_suffix(format!("pulse-agent-{target}")),
        None => vec!["pulse-agent".to_owned()],
    }
}

/// Names under which the former agent for containers may lie.
///
/// Pulse v5: served the generic file when the one asked for was missing, also for another processor.
pub(super) fn docker_agent(arch: &str) -> Vec<String> {
    match target(arch).filter(|target| target.starts_with("linux-")) {
        Some(target) => vec![format!("pulse-docker-agent-{target}")],
        None => vec!["pulse-docker-agent".to_owned()],
    }
}

/// Names under which the former agent for hosts may lie.
pub(super) fn host_agent(platform: &str, arch: &str) -> Result<Vec<String>, &'static str> {
    let is_word = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !is_word(platform) || platform.len() > 32 {
        return Err("Invalid platform parameter");
    }
    if !is_word(arch) || arch.len() > 32 {
        return Err("Invalid arch parameter");
    }
    Ok(match (platform, arch) {
        ("", _) => vec!["pulse-host-agent".to_owned()],
        (platform, "") => with_suffix(format!("pulse-host-agent-{platform}")),
        (platform, arch) => with_suffix(format!("pulse-host-agent-{platform}-{arch}")),
    })
}

fn with_suffix(name: String) -> Vec<String> {
    if name.contains("windows") { vec![format!("{name}.exe"), name] } else { vec![name] }
}
