//! The install line where there is no systemd: macOS, FreeBSD, Alpine. The machine is a root of busybox whose `uname` says
//! so, and whose service manager is a script that writes down how it was called.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use pulse_e2e::binaries;
use pulse_e2e::process::scratch;
use pulse_e2e::programs::Server;

use crate::install::{busybox_root, inside, mode, reason_to_skip, server_with_agent, skip};

/// What a system is made of besides busybox.
struct System {
    /// What `uname -s` and `uname -m` say.
    names: [&'static str; 2],
    /// The name of its download.
    download: &'static str,
    /// Programs of the service manager.
    programs: &'static [(&'static str, &'static str)],
    env_file: &'static str,
    service_file: &'static str,
    service_mode: u32,
    /// The calls that a first install makes, and those of a second.
    first: &'static str,
    second: &'static str,
    /// What must be called to remove it.
    removal: &'static str,
}

const MACOS: System = System {
    names: ["Darwin", "arm64"],
    download: "pulse-agent-darwin-arm64",
    // The first two tries after a start are refused, as they are while what ran before goes.
    programs: &[(
        "launchctl",
        r#"#!/bin/sh
echo "launchctl $*" >> /calls.log
case $1 in
print) [ -e /loaded ] ;;
bootstrap)
	[ "$(grep -c bootstrap /calls.log)" -gt 2 ] || exit 5
	cp "$3" /loaded ;;
bootout) [ -e /loaded ] && rm /loaded ;;
esac
"#,
    )],
    env_file: "etc/pulse-agent.env",
    service_file: "Library/LaunchDaemons/com.pulse.agent.plist",
    service_mode: 0o644,
    first: "launchctl print system/com.pulse.agent\nlaunchctl bootout system/com.pulse.agent\n\
        launchctl enable system/com.pulse.agent\n\
        launchctl bootstrap system /Library/LaunchDaemons/com.pulse.agent.plist\n\
        launchctl bootstrap system /Library/LaunchDaemons/com.pulse.agent.plist\n\
        launchctl bootstrap system /Library/LaunchDaemons/com.pulse.agent.plist\n",
    second: "launchctl print system/com.pulse.agent\nlaunchctl kickstart -k system/com.pulse.agent\n",
    removal: "launchctl bootout system/com.pulse.agent\n",
};

const FREEBSD: System = System {
    names: ["FreeBSD", "amd64"],
    download: "pulse-agent-freebsd-amd64",
    programs: &[
        ("sysrc", "#!/bin/sh\necho \"sysrc $*\" >> /calls.log\n"),
        ("service", "#!/bin/sh\necho \"service $*\" >> /calls.log\n"),
    ],
    env_file: "usr/local/etc/pulse-agent.env",
    service_file: "usr/local/etc/rc.d/pulse_agent",
    service_mode: 0o755,
    first: "sysrc pulse_agent_enable=YES\nservice pulse_agent restart\n",
    second: "sysrc pulse_agent_enable=YES\nservice pulse_agent restart\n",
    removal: "service pulse_agent onestop\nsysrc -x pulse_agent_enable\n",
};

const ALPINE: System = System {
    names: ["Linux", "x86_64"],
    download: "pulse-agent-linux-amd64",
    programs: &[
        ("rc-update", "#!/bin/sh\necho \"rc-update $*\" >> /calls.log\n"),
        ("rc-service", "#!/bin/sh\necho \"rc-service $*\" >> /calls.log\n"),
    ],
    env_file: "etc/conf.d/pulse-agent",
    service_file: "etc/init.d/pulse-agent",
    service_mode: 0o755,
    first: "rc-update add pulse-agent default\nrc-service pulse-agent restart\n",
    second: "rc-update add pulse-agent default\nrc-service pulse-agent restart\n",
    removal: "rc-service pulse-agent stop\nrc-update del pulse-agent default\n",
};

fn program(root: &Path, name: &str, text: &str) -> Result<()> {
    let path = root.join("usr/sbin").join(name);
    std::fs::write(&path, text)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
    Ok(())
}

fn succeeds(root: &Path, line: &str) -> Result<String> {
    // The script finds the service manager by itself here.
    let ran = inside(root, line).env_remove("PULSE_SERVICE_MANAGER").output()?;
    let said = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    ensure!(ran.status.success(), "{line}: {said}");
    Ok(said)
}

/// Installs, installs again, updates with what a person added, and removes.
fn lives_through_its_life(system: &System, root: &Path, server: &Server, token: &str) -> Result<()> {
    let [kernel, machine] = system.names;
    for (name, text) in system.programs {
        program(root, name, text)?;
    }
    let log = root.join("calls.log");
    let calls = || -> Result<String> {
        let text = std::fs::read_to_string(&log)?;
        std::fs::remove_file(&log)?;
        Ok(text)
    };
    let url = format!("http://{}", server.address);
    // A function goes before busybox's own program of that name.
    let uname = format!("uname() {{ case $1 in -s) echo {kernel} ;; -m) echo {machine} ;; esac; }}");
    let line =
        |options: &str| format!("(echo '{uname}'; wget -q -O - {url}/install.sh) | sh -s -- {options}");
    let (binary, token_file) =
        (root.join("usr/local/bin/pulse-agent"), root.join("var/lib/pulse-agent/token"));
    let (env, service) = (root.join(system.env_file), root.join(system.service_file));

    let install = line(&format!("--url {url} --token {token} --interval 45s"));
    let said = succeeds(root, &install)?;
    ensure!(said.contains(&format!("for {}", &system.download["pulse-agent-".len()..])), "{said}");
    ensure!(!said.contains(token), "the token is shown: {said}");
    ensure!(calls()? == system.first);
    ensure!(std::fs::read(&binary)? == std::fs::read(binaries::folder()?.join("pulse-agent"))?);
    ensure!(std::fs::read_to_string(&token_file)?.trim() == token);
    ensure!((mode(&token_file)?, mode(&env)?, mode(&service)?) == (0o600, 0o600, system.service_mode));
    let settings = std::fs::read_to_string(&env)?;
    ensure!(
        settings.contains(&format!("PULSE_URL=\"{url}\"")) && settings.contains("PULSE_INTERVAL=\"45s\"")
    );
    ensure!(!settings.contains(token), "the token belongs into its own file");
    let described = std::fs::read_to_string(&service)?;
    ensure!(described.contains("/usr/local/bin/pulse-agent") && !described.contains('@'), "{described}");

    // The same line again, then without anything: the same files, and what a person added stays.
    succeeds(root, &install)?;
    ensure!(calls()? == system.second);
    ensure!(std::fs::read_to_string(&env)? == settings && std::fs::read_to_string(&service)? == described);
    let export = if settings.starts_with("export ") { "export " } else { "" };
    let by_hand = format!("{settings}{export}PULSE_TAGS=\"rack-4, spare\"\n");
    std::fs::write(&env, &by_hand)?;
    succeeds(root, &line(""))?;
    ensure!(std::fs::read_to_string(&env)? == by_hand && mode(&env)? == 0o600);
    // A shell reads the settings as they were meant, spaces and all.
    let read = format!("set -a; . /{}; exec env", system.env_file);
    let variables = succeeds(root, &read)?;
    ensure!(variables.lines().any(|line| line == "PULSE_TAGS=rack-4, spare"), "{variables}");
    ensure!(calls()? == system.second);

    let removed = succeeds(root, &line("--uninstall"))?;
    for gone in [&binary, &service, &env, &token_file] {
        ensure!(!gone.exists(), "{} is still there: {removed}", gone.display());
    }
    ensure!(calls()? == system.removal);
    ensure!(succeeds(root, &line("--uninstall"))?.contains("there was nothing to remove"));
    Ok(())
}

/// Tries it where that can be done; the reason where it cannot.
fn tried(system: &System) -> Result<Option<&'static str>> {
    if let Some(reason) = reason_to_skip() {
        return Ok(Some(reason));
    }
    let data = scratch()?;
    let Some(root) = busybox_root(data.path())? else {
        return Ok(Some("/usr/bin/busybox is missing or needs libraries"));
    };
    let (server, token) = server_with_agent(data.path())?;
    let built = binaries::folder()?.join("pulse-agent");
    std::fs::copy(built, data.path().join("bin").join(system.download)).context("offer the agent")?;
    lives_through_its_life(system, &root, &server, &token)?;
    Ok(None)
}

#[test]
fn a_mac_has_the_agent_as_a_launchd_service() -> Result<()> {
    if let Some(reason) = tried(&MACOS)? {
        skip(reason);
    }
    Ok(())
}

#[test]
fn freebsd_has_the_agent_as_an_rc_service() -> Result<()> {
    if let Some(reason) = tried(&FREEBSD)? {
        skip(reason);
    }
    Ok(())
}

#[test]
fn alpine_has_the_agent_as_an_openrc_service() -> Result<()> {
    if let Some(reason) = tried(&ALPINE)? {
        skip(reason);
    }
    Ok(())
}
