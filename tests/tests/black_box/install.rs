//! The install line, run as root in a root file system of its own: one of busybox and nothing else, and a Debian one
//! where `PULSE_TEST_DEBIAN_ROOT` names it (made by `debootstrap --include=curl,ca-certificates`).

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use pulse_e2e::binaries;
use pulse_e2e::process::{Process, scratch};
use pulse_e2e::programs::{Server, ServerOptions};
use serde_json::json;

use crate::PATIENCE;

/// Why the root file system cannot be made here; `None` where it can.
pub fn reason_to_skip() -> Option<&'static str> {
    let ran = Command::new("unshare").args(["--mount", "--pid", "--fork", "true"]).output();
    match ran {
        Ok(ran) if ran.status.success() => None,
        Ok(_) | Err(_) => Some("a mount namespace cannot be made here (not root, or a container)"),
    }
}

/// Says what was left out; in CI, which has all that is needed, nothing may be.
#[expect(clippy::print_stderr, reason = "whoever runs the tests must hear of it")]
pub fn skip(reason: &str) {
    assert!(std::env::var_os("CI").is_none(), "skipped in CI: {reason}");
    eprintln!("skipped: {reason}");
}

/// `systemctl` that writes down how it was called.
const SYSTEMCTL: &str = "#!/bin/sh\necho \"$*\" >> /systemctl.log\n";

/// A root file system of one program; `None` where there is no busybox that runs by itself.
pub fn busybox_root(at: &Path) -> Result<Option<PathBuf>> {
    let busybox = Path::new("/usr/bin/busybox");
    let is_static = Command::new("ldd").arg(busybox).output().is_ok_and(|ran| !ran.status.success());
    if !busybox.exists() || !is_static {
        return Ok(None);
    }
    let root = at.join("root");
    for folder in ["bin", "usr/bin", "sbin", "usr/sbin", "dev", "tmp", "etc"] {
        std::fs::create_dir_all(root.join(folder))?;
    }
    std::fs::copy(busybox, root.join("bin/busybox"))?;
    let made = Command::new("chroot").arg(&root).args(["/bin/busybox", "--install", "/bin"]).output()?;
    ensure!(made.status.success(), "busybox: {}", String::from_utf8_lossy(&made.stderr));
    Ok(Some(root))
}

pub fn inside(root: &Path, line: &str) -> Command {
    /// With the devices of this machine, in a namespace that ends with the line.
    const ENTER: &str = r#"mount --bind /dev "$1/dev" && exec chroot "$1" /bin/sh -c "$2""#;
    let mut command = Command::new("unshare");
    command.args(["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", ENTER, "sh"]).arg(root).arg(line);
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("PULSE_SERVICE_MANAGER", "systemd");
    command
}

fn run(root: &Path, line: &str) -> Result<Output> {
    inside(root, line).output().context("run the install line")
}

fn succeeds(root: &Path, line: &str) -> Result<String> {
    let ran = run(root, line)?;
    let said = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    ensure!(ran.status.success(), "{line}: {said}");
    Ok(said)
}

pub fn mode(path: &Path) -> Result<u32> {
    Ok(std::fs::metadata(path).with_context(|| path.display().to_string())?.permissions().mode() & 0o777)
}

/// Installs, installs again, updates without a token, refuses what is wrong, and removes.
fn lives_through_its_life(root: &Path, server: &Server, token: &str) -> Result<()> {
    let systemctl = root.join("usr/bin/systemctl");
    std::fs::remove_file(&systemctl).ok();
    std::fs::write(&systemctl, SYSTEMCTL)?;
    std::fs::set_permissions(&systemctl, std::fs::Permissions::from_mode(0o755))?;
    let running = root.join("run/systemd/system");
    std::fs::create_dir_all(&running)?;
    std::fs::remove_file(root.join("systemctl.log")).ok();
    let url = format!("http://{}", server.address);
    let fetch = if root.join("usr/bin/curl").exists() { "curl -fsSL" } else { "wget -q -O -" };
    let line = |options: &str| format!("{fetch} {url}/install.sh | sh -s -- {options}");
    let install = line(&format!("--url {url} --token {token} --interval 45s"));
    let said = succeeds(root, &install)?;
    ensure!(said.contains("checksum verified"), "{said}");
    ensure!(!said.contains(token), "the token is shown: {said}");
    let (binary, unit) =
        (root.join("usr/local/bin/pulse-agent"), root.join("etc/systemd/system/pulse-agent.service"));
    let (env, kept) = (root.join("etc/pulse-agent.env"), root.join("var/lib/pulse-agent/token"));
    let built = std::fs::read(binaries::folder()?.join("pulse-agent"))?;
    ensure!(std::fs::read(&binary)? == built, "another program was installed");
    ensure!((mode(&binary)?, mode(&env)?, mode(&kept)?) == (0o755, 0o600, 0o600), "modes");
    ensure!(std::fs::read_to_string(&kept)?.trim() == token);
    let settings = std::fs::read_to_string(&env)?;
    ensure!(
        settings.contains(&format!("PULSE_URL=\"{url}\"")) && settings.contains("PULSE_INTERVAL=\"45s\"")
    );
    ensure!(!settings.contains(token), "the token belongs into its own file");
    let text = std::fs::read_to_string(&unit)?;
    ensure!(
        text.contains("ExecStart=/usr/local/bin/pulse-agent") && !text.contains("@SYSTEMD_UNIT@"),
        "{text}"
    );
    let calls = || std::fs::read_to_string(root.join("systemctl.log"));
    let once = "enable pulse-agent.service\ndaemon-reload\nrestart pulse-agent.service\n";
    ensure!(calls()? == once, "{}", calls()?);

    // The same line again: the same files.
    succeeds(root, &install)?;
    ensure!(std::fs::read_to_string(&unit)? == text && std::fs::read_to_string(&env)? == settings);
    ensure!(calls()? == once.repeat(2));
    // An update needs neither token nor address, and keeps what was given before and what a person added.
    let by_hand = format!("{settings}PULSE_TAGS=\"rack-4, spare\"\n");
    std::fs::write(&env, &by_hand)?;
    succeeds(root, &line(""))?;
    ensure!(std::fs::read_to_string(&kept)?.trim() == token);
    ensure!(std::fs::read_to_string(&env)? == by_hand, "{}", std::fs::read_to_string(&env)?);
    ensure!(mode(&env)? == 0o600);
    succeeds(root, &line("--interval 20s --hostname nas-one"))?;
    let changed = std::fs::read_to_string(&env)?;
    for kept in [&format!("PULSE_URL=\"{url}\""), "PULSE_INTERVAL=\"20s\"", "PULSE_TAGS=\"rack-4, spare\""] {
        ensure!(changed.lines().filter(|line| line == &kept).count() == 1, "{kept} is not once in {changed}");
    }
    ensure!(changed.contains("PULSE_HOSTNAME=\"nas-one\"") && changed.lines().count() == 4, "{changed}");
    // The older one-line command for containers adds them, and does not stop the machine's own report.
    succeeds(root, &format!("{fetch} {url}/install-docker-agent.sh | sh -s -- --url {url}"))?;
    let with_containers = std::fs::read_to_string(&env)?;
    ensure!(with_containers.contains("PULSE_ENABLE_DOCKER=\"true\""), "{with_containers}");
    ensure!(!with_containers.contains("PULSE_ENABLE_HOST"), "{with_containers}");
    succeeds(root, &line(&format!("--reset --url {url} --interval 45s")))?;
    ensure!(std::fs::read_to_string(&env)? == settings, "{}", std::fs::read_to_string(&env)?);
    ensure!(std::fs::read_to_string(&kept)?.trim() == token);

    for wrong in [
        "--url ftp://x --token t",
        "--url http://x --token 'a\"b'",
        "--bogus",
        "--url http://127.0.0.1:1 --token t",
    ] {
        ensure!(!run(root, &line(wrong))?.status.success(), "{wrong} was taken");
    }
    ensure!(std::fs::read(&binary)? == built, "a refused line changed the program");

    // What the agent notes about its own updates is over with a program that a person installed, and goes with it.
    let notes = [".pulse-update-info", ".pulse-agent.backup", ".pulse-agent.new"]
        .map(|name| binary.with_file_name(name));
    for note in &notes {
        std::fs::write(note, "{}")?;
    }
    // A new token goes before one that a person wrote among the settings.
    std::fs::write(&env, format!("{settings}PULSE_TOKEN='old'\n"))?;
    succeeds(root, &line(&format!("--token {token}")))?;
    ensure!(std::fs::read_to_string(&env)? == settings, "{}", std::fs::read_to_string(&env)?);
    ensure!(notes.iter().all(|note| !note.exists()), "notes of an earlier update stay");
    for note in &notes {
        std::fs::write(note, "{}")?;
    }

    let removed = succeeds(root, &line("--uninstall"))?;
    for gone in [&binary, &unit, &env, &kept].into_iter().chain(&notes) {
        ensure!(!gone.exists(), "{} is still there: {removed}", gone.display());
    }
    let again = succeeds(root, &line("--uninstall"))?;
    ensure!(again.contains("there was nothing to remove"), "{again}");
    ensure!(calls()?.contains("disable --now pulse-agent.service"));

    // In an image that is being made, systemd does not run: nothing is started, and nothing fails.
    std::fs::remove_dir(&running)?;
    std::fs::remove_file(root.join("systemctl.log"))?;
    let said = succeeds(root, &install)?;
    ensure!(said.contains("systemd does not run here"), "{said}");
    ensure!(calls()? == "enable pulse-agent.service\n", "{}", calls()?);
    // Alone, the older command for containers reports nothing else; and the older way to remove it removes it.
    succeeds(root, &format!("{fetch} {url}/uninstall-host-agent.sh | sh"))?;
    ensure!(!binary.exists() && !env.exists() && !calls()?.contains("daemon-reload"));
    succeeds(root, &format!("{fetch} {url}/install-docker-agent.sh | sh -s -- --url {url} --token {token}"))?;
    let alone = std::fs::read_to_string(&env)?;
    ensure!(alone.contains("PULSE_ENABLE_HOST=\"false\"") && alone.contains("PULSE_ENABLE_DOCKER=\"true\""));
    succeeds(root, &line("--uninstall"))?;
    ensure!(!binary.exists() && !kept.exists());
    Ok(())
}

/// Where `/usr` cannot be written to, the program lies in the agent's own folder, and the service knows it.
fn lives_beside_a_read_only_usr(root: &Path, server: &Server, token: &str) -> Result<()> {
    let url = format!("http://{}", server.address);
    std::fs::create_dir_all(root.join("usr/local"))?;
    let line = |options: &str| {
        format!(
            "mount -t tmpfs -o ro none /usr/local && (wget -q -O - {url}/install.sh | sh -s -- {options})"
        )
    };
    let binary = root.join("var/lib/pulse-agent/bin/pulse-agent");
    let unit = root.join("etc/systemd/system/pulse-agent.service");
    let said = succeeds(root, &line(&format!("--url {url} --token {token}")))?;
    ensure!(mode(&binary)? == 0o755 && !root.join("usr/local/bin/pulse-agent").exists(), "{said}");
    let text = std::fs::read_to_string(&unit)?;
    ensure!(text.contains("ExecStart=/var/lib/pulse-agent/bin/pulse-agent\n"), "{text}");
    ensure!(!text.contains("/usr/local/bin"), "{text}");
    // As soon as it can be written to, the program lies where it usually does.
    succeeds(root, &format!("wget -q -O - {url}/install.sh | sh -s --"))?;
    ensure!(!binary.exists() && root.join("usr/local/bin/pulse-agent").exists());
    ensure!(std::fs::read_to_string(&unit)?.contains("ExecStart=/usr/local/bin/pulse-agent\n"));
    succeeds(root, &line(""))?;
    succeeds(root, &line("--uninstall"))?;
    ensure!(!unit.exists() && !root.join("var/lib/pulse-agent").exists());
    Ok(())
}

/// `systemctl` that starts the program of the unit with its settings, as systemd would.
const STARTING_SYSTEMCTL: &str = r#"#!/bin/sh
[ "$1" = restart ] || exit 0
unit=/etc/systemd/system/$2
set -a
. "$(sed -n 's/^EnvironmentFile=-//p' "$unit")"
set +a
$(sed -n 's/^ExecStart=//p' "$unit") >/agent.log 2>&1 &
"#;

/// The install line in a Debian root, and what an operator sees then.
fn shows_the_host_within_seconds(root: &Path, server: &Server, token: &str) -> Result<()> {
    let systemctl = root.join("usr/bin/systemctl");
    std::fs::write(&systemctl, STARTING_SYSTEMCTL)?;
    std::fs::set_permissions(&systemctl, std::fs::Permissions::from_mode(0o755))?;
    std::fs::create_dir_all(root.join("run/systemd/system"))?;
    let url = format!("http://{}", server.address);
    let options = "--hostname fresh-debian --disable-docker";
    // The namespace ends with its first process, and the agent with it.
    let line = format!(
        "curl -fsSL {url}/install.sh | sh -s -- --url {url} --token {token} {options} && exec sleep 600"
    );
    let mut installed = Process::start(&mut inside(root, &line))?;
    let host = server
        .state_with(PATIENCE, |state| {
            let hosts = state["hosts"].as_array()?;
            hosts.iter().find(|host| host["hostname"] == "fresh-debian").cloned()
        })
        .with_context(|| {
            let log = std::fs::read_to_string(root.join("agent.log")).unwrap_or_default();
            format!("{}\n{log}", installed.printed())
        })?;
    ensure!(host["status"] == "online" && host["osName"].as_str().is_some_and(|os| os.contains("Debian")));
    installed.kill()?;
    succeeds(root, &format!("curl -fsSL {url}/install.sh | sh -s -- --uninstall"))?;
    Ok(())
}

pub fn server_with_agent(data: &Path) -> Result<(Server, String)> {
    let bin = data.join("bin");
    std::fs::create_dir(&bin)?;
    let name = match std::env::consts::ARCH {
        "x86_64" => "pulse-agent-linux-amd64",
        "aarch64" => "pulse-agent-linux-arm64",
        other => anyhow::bail!("no download name is known for {other}"),
    };
    std::fs::copy(binaries::folder()?.join("pulse-agent"), bin.join(name))?;
    let options = ServerOptions::new(&data.join("data"))?.argument("--no-local-host");
    let mut server = options.variable("PULSE_BIN_DIR", &bin.display().to_string()).start()?;
    server.set_up()?;
    let body = json!({"name": "agent", "scopes": ["host-agent:report"]});
    let made = server.admin().post("/api/security/tokens", &body)?.expect_status(200)?.json()?;
    let token = made["token"].as_str().context("no token")?.to_owned();
    Ok((server, token))
}

#[test]
fn the_install_line_installs_updates_and_removes() -> Result<()> {
    if let Some(reason) = reason_to_skip() {
        skip(reason);
        return Ok(());
    }
    let data = scratch()?;
    let (server, token) = server_with_agent(data.path())?;
    match busybox_root(data.path())? {
        Some(root) => {
            lives_through_its_life(&root, &server, &token).context("in a root of busybox")?;
            lives_beside_a_read_only_usr(&root, &server, &token).context("with a /usr that is read-only")?;
        }
        None => skip("/usr/bin/busybox is missing or needs libraries"),
    }
    if let Some(root) = std::env::var_os("PULSE_TEST_DEBIAN_ROOT").filter(|root| !root.is_empty()) {
        let root = Path::new(&root);
        // Another one: an address may fetch sixty files a minute.
        let data = scratch()?;
        let (server, token) = server_with_agent(data.path())?;
        lives_through_its_life(root, &server, &token).context("in a Debian root")?;
        shows_the_host_within_seconds(root, &server, &token).context("in a Debian root")?;
    }
    Ok(())
}
