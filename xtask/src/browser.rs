//! The browser for the page's tests: found on the PATH, or installed from Debian's packages where that is allowed.

use anyhow::Result;

use crate::shell;

const NAMES: &[&str] = &["chromium", "chromium-browser", "google-chrome"];

/// The name of a browser that can be started, installing Chromium where this is root on a Debian.
pub fn find_or_install() -> Result<Option<&'static str>> {
    if let Some(found) = find() {
        return Ok(Some(found));
    }
    if shell::is_debian() && shell::is_root() {
        let apt = || {
            let mut apt = shell::program("apt-get");
            apt.env("DEBIAN_FRONTEND", "noninteractive");
            apt
        };
        shell::run(apt().args(["update", "-q"]))?;
        shell::run(apt().args(["install", "-y", "-q", "--no-install-recommends", "chromium"]))?;
    }
    Ok(find())
}

fn find() -> Option<&'static str> {
    NAMES.iter().copied().find(|name| shell::is_on_path(name))
}
