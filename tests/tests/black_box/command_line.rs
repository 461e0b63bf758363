//! The commands of pulse-server, with good and with bad input: each says what it did, or what is wrong and what to do.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use pulse_e2e::binaries;
use pulse_e2e::process::scratch;
use pulse_e2e::programs::{PASSWORD, ServerOptions, TOKEN, USER, command};
use serde_json::json;

const PASSPHRASE: &str = "a passphrase of this test";

/// What came of a command.
#[derive(Debug)]
struct Outcome {
    is_success: bool,
    out: String,
    error: String,
}

impl Outcome {
    fn good(self) -> Result<String> {
        ensure!(self.is_success, "{}", self.error);
        Ok(self.out)
    }

    /// Refused, in one sentence that holds all of these.
    #[track_caller]
    fn refused(self, parts: &[&str]) {
        assert!(!self.is_success, "it was done: {}", self.out);
        for part in parts {
            assert!(self.error.contains(part), "{part:?} is not in {:?}", self.error);
        }
        assert!(self.error.starts_with("pulse-server: "), "{}", self.error);
        assert_eq!(self.error.trim_end().lines().count(), 1, "more than a sentence: {}", self.error);
        assert!(!self.error.contains("panicked") && !self.error.contains("RUST_BACKTRACE"));
    }
}

/// Runs a command with a text on its standard input.
fn run(arguments: &[&str], input: &str) -> Result<Outcome> {
    let mut program = command(binaries::folder()?, "pulse-server");
    program.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = program.spawn().context("start pulse-server")?;
    // Who refuses at once does not read.
    let _ = child.stdin.take().context("no standard input")?.write_all(input.as_bytes());
    let output = child.wait_with_output()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Outcome {
        is_success: output.status.success(),
        out: text(&output.stdout),
        error: text(&output.stderr),
    })
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}

/// Every file of a directory with its content.
fn content(directory: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            files.insert(entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path())?);
        }
    }
    Ok(files)
}

/// A data directory with something of everything that a bundle holds, and no server on it any more.
fn configured(directory: &Path) -> Result<()> {
    let mut server = ServerOptions::new(directory)?.argument("--no-local-host").start()?;
    server.set_up()?;
    let mut admin = server.admin();
    let node = json!({"type": "pve", "name": "lab", "host": "https://127.0.0.1:9", "tokenName": "m@pve!t",
        "tokenValue": "secret-of-lab"});
    admin.post("/api/config/nodes", &node)?.expect_status(201)?;
    admin.post("/api/system/settings/update", &json!({"pvePollingInterval": 45}))?.expect_status(200)?;
    let oidc =
        json!({"issuerUrl": "https://id.example.org", "clientId": "pulse", "clientSecret": "secret-of-oidc"});
    admin.post("/api/security/oidc", &oidc)?.expect_status(200)?;
    let mail = json!({"enabled": true, "server": "mail.example.org", "from": "a@example.org", "to": ["b@example.org"],
        "username": "u", "password": "secret-of-mail"});
    admin.send_json("PUT", "/api/notifications/email", &mail)?.expect_status(200)?;
    let note = json!({"customUrl": "https://wiki.example.org/100"});
    admin.send_json("PUT", "/api/guests/metadata/lab:n1:100", &note)?.expect_status(200)?;
    server.process.terminate(crate::PATIENCE)?;
    Ok(())
}

#[test]
fn the_bootstrap_token_is_printed_until_the_first_run_is_over() -> Result<()> {
    let data = scratch()?;
    let at = text(data.path());
    run(&["bootstrap-token", "--data-dir", at], "")?.refused(&[
        "no bootstrap token in",
        at,
        "has not run yet",
    ]);
    let mut server = ServerOptions::new(data.path())?.start()?;
    let announced = server.bootstrap_token()?;
    assert_eq!(run(&["bootstrap-token", "--data-dir", at], "")?.good()?.trim(), announced);
    server.anonymous().with("X-Setup-Token", &announced).post(
        "/api/security/quick-setup",
        &json!({"username": USER, "password": PASSWORD, "apiToken": TOKEN}),
    )?;
    run(&["bootstrap-token", "--data-dir", at], "")?.refused(&["the password is set already"]);
    Ok(())
}

#[test]
fn a_hashed_password_logs_in_and_what_is_none_is_refused() -> Result<()> {
    let hash = run(&["hash-password"], &format!("{PASSWORD}\n"))?.good()?;
    ensure!(hash.starts_with("$argon2id$") && !hash.contains(PASSWORD), "{hash}");
    run(&["hash-password"], "short\n")?.refused(&["at least 12 characters"]);
    run(&["hash-password"], "")?.refused(&["no password on standard input", "pipe it in"]);
    run(&["hash-password"], &"x".repeat(100_000))?.refused(&["password must"]);
    let data = scratch()?;
    fs::write(
        data.path().join(".env"),
        format!("PULSE_AUTH_USER='{USER}'\nPULSE_AUTH_PASS='{}'\n", hash.trim()),
    )?;
    let server = ServerOptions::new(data.path())?.start()?;
    server.log_in()?.get("/api/state")?.expect_status(200)?;
    Ok(())
}

#[test]
fn a_configuration_is_taken_elsewhere_whole_and_only_with_its_passphrase() -> Result<()> {
    let (one, two, files) = (scratch()?, scratch()?, scratch()?);
    configured(one.path())?;
    let (from, bundle) = (text(one.path()), files.path().join("pulse.bundle"));
    let file = text(&bundle);

    run(&["config", "export", "--data-dir", from, "-o", file], "short\n")?
        .refused(&["at least 12 characters"]);
    run(&["config", "export", "--data-dir", from, "-o", file], "")?.refused(&["Passphrase is required"]);
    assert!(!bundle.exists());
    run(&["config", "export", "--data-dir", from, "-o", file], &format!("{PASSPHRASE}\n"))?.good()?;
    assert_eq!(fs::metadata(&bundle)?.permissions().mode() & 0o777, 0o600, "others may read the bundle");
    let sealed = fs::read_to_string(&bundle)?;
    ensure!(!sealed.contains("secret-of") && sealed.len() > 500, "{sealed}");

    // Refused, and nothing is made of the directory that is not there yet.
    let nowhere = two.path().join("new");
    let import = |file: &str, arguments: &[&str], input: &str| {
        run(&[&["config", "import", "--data-dir", text(&nowhere), "-i", file], arguments].concat(), input)
    };
    import(file, &["--force"], "another passphrase\n")?.refused(&["does not open", "passphrase is wrong"]);
    import("/nowhere", &["--force", "-p", PASSPHRASE], "")?.refused(&["open /nowhere", "No such file"]);
    import(text(files.path()), &["--force", "-p", PASSPHRASE], "")?
        .refused(&["is a directory", "name the file"]);
    let half = files.path().join("half.bundle");
    fs::write(&half, &sealed[..sealed.len() / 2])?;
    import(text(&half), &["--force", "-p", PASSPHRASE], "")?.refused(&["half.bundle"]);
    fs::write(&half, "{\"no\": \"bundle\"}")?;
    import(text(&half), &["--force", "-p", PASSPHRASE], "")?.refused(&["half.bundle"]);
    assert!(!nowhere.exists(), "a refused import made a directory");

    let unsure = import(file, &["-p", PASSPHRASE], "n\n")?;
    ensure!(
        !unsure.is_success && unsure.error.contains("[y/N]") && unsure.error.contains("--force"),
        "{unsure:?}"
    );
    let done = import(file, &["-p", PASSPHRASE], "y\n")?.good()?;
    for part in
        ["nodes", "system", "oidc", "email", "webhooks", "apprise", "alerts", "guestMetadata", "apiTokens"]
    {
        ensure!(done.contains(part), "{part} is not in {done}");
    }
    let server = ServerOptions::new(&nowhere)?.argument("--no-local-host").start()?;
    let mut admin = server.admin();
    let mut get = |path: &str| admin.get(path)?.expect_status(200)?.json();
    let nodes = get("/api/config/nodes")?;
    assert_eq!((&nodes[0]["name"], &nodes[0]["hasToken"]), (&json!("lab"), &json!(true)));
    assert_eq!(get("/api/system/settings")?["pvePollingInterval"], 45);
    assert_eq!(get("/api/security/oidc")?["clientSecretSet"], true);
    assert_eq!(get("/api/notifications/email")?["server"], "mail.example.org");
    assert_eq!(get("/api/guests/metadata/lab:n1:100")?["customUrl"], "https://wiki.example.org/100");

    // While a server runs there, neither; and the sentence says who is in the way.
    let process = format!("(process {})", server.process.id());
    run(&["config", "export", "--data-dir", text(&nowhere), "-p", PASSPHRASE], "")?
        .refused(&["already uses the data directory", &process]);
    import(file, &["--force", "-p", PASSPHRASE], "")?.refused(&["already uses the data directory"]);
    Ok(())
}

#[test]
fn a_wrong_or_damaged_directory_is_not_exported_as_an_empty_one() -> Result<()> {
    let data = scratch()?;
    let export = |at: &Path| run(&["config", "export", "--data-dir", text(at), "-p", PASSPHRASE], "");
    let missing = data.path().join("missing");
    export(&missing)?.refused(&["is no directory", "--data-dir"]);
    assert!(!missing.exists());
    export(data.path())?.refused(&["holds nothing of Pulse", "--data-dir"]);
    let own = data.path().join("own");
    configured(&own)?;
    fs::write(own.join("nodes.enc"), b"what a broken disk left")?;
    let before = content(&own)?;
    export(&own)?.refused(&["cannot be read: nodes.enc", "backup"]);
    assert_eq!(content(&own)?, before, "looking changed something");
    Ok(())
}

#[test]
fn a_check_names_every_file_and_what_is_wrong_with_it_and_changes_nothing() -> Result<()> {
    let data = scratch()?;
    let check = || run(&["check", "--data-dir", text(data.path())], "");
    run(&["check", "--data-dir", "/nowhere/at/all"], "")?.refused(&["is no directory", "--data-dir"]);
    ensure!(check()?.good()?.contains("holds nothing of Pulse yet"));
    configured(data.path())?;
    let before = content(data.path())?;
    let told = check()?.good()?;
    for part in
        ["nodes.enc", "1 of Proxmox VE", ".env", "user admin", "api_tokens.json", "oidc.enc", "metrics.db"]
    {
        ensure!(told.contains(part), "{part} is not in {told}");
    }
    ensure!(!told.contains("secret-of") && !told.contains("$argon2"), "{told}");
    fs::write(data.path().join("system.json"), "{ half")?;
    fs::write(data.path().join(".encryption.key"), "no key")?;
    let outcome = check()?;
    ensure!(
        outcome.out.contains("DAMAGED") && outcome.out.contains("no .encryption.key that opens it"),
        "{outcome:?}"
    );
    outcome.refused(&["cannot be read: ", "system.json", "nodes.enc", "backup"]);
    let after = content(data.path())?;
    assert_eq!(after.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
    Ok(())
}

#[test]
fn the_directory_of_the_original_is_taken_over_once_and_stays_as_it_is() -> Result<()> {
    let (old, new) = (scratch()?, scratch()?);
    configured(old.path())?;
    // The history has another form there.
    for name in ["metrics.db", "metrics.db-wal", "metrics.db-shm", "pulse.db"] {
        let _ = fs::remove_file(old.path().join(name));
    }
    fs::write(old.path().join("ai.enc"), "of the assistant")?;
    let before = content(old.path())?;
    let into = new.path().join("data");
    let take = |from: &Path, into: &Path| run(&["import-pulse", text(from), "--data-dir", text(into)], "");
    take(Path::new("/nowhere"), &into)?.refused(&["/nowhere is no data directory of Pulse", "/etc/pulse"]);
    take(new.path(), &into)?.refused(&["is no data directory of Pulse"]);
    take(&old.path().join(".env"), &into)?.refused(&["is no data directory of Pulse"]);
    take(old.path(), old.path())?.refused(&["both the old and the new", "--data-dir"]);
    assert!(!into.exists(), "a refused takeover made a directory");

    let told = take(old.path(), &into)?.good()?;
    for part in
        ["nodes.enc", "taken over", "ai.enc", "not used", "user admin", "The old directory is as it was"]
    {
        ensure!(told.contains(part), "{part} is not in {told}");
    }
    take(old.path(), &into)?.refused(&["already holds", "empty data directory"]);
    let server = ServerOptions::new(&into)?.argument("--no-local-host").start()?;
    assert_eq!(server.admin().get("/api/config/nodes")?.expect_status(200)?.json()?[0]["name"], "lab");
    server.log_in()?.get("/api/state")?.expect_status(200)?;
    assert_eq!(content(old.path())?, before);
    Ok(())
}

/// A56: a server that was started with another data directory took the key out of `/etc/pulse`.
#[test]
fn the_key_of_another_data_directory_is_left_alone() -> Result<()> {
    let (other, own) = (scratch()?, scratch()?);
    configured(other.path())?;
    let before = content(other.path())?;
    let of_system = Path::new("/etc/pulse").is_dir().then(|| content(Path::new("/etc/pulse"))).transpose()?;
    // The default of the environment is another one than the one that is asked for.
    let options = ServerOptions::new(own.path())?.variable("PULSE_DATA_DIR", text(other.path()));
    let mut server = options.argument("--no-local-host").start()?;
    server.set_up()?;
    drop(server);
    assert_eq!(content(other.path())?, before);
    assert_ne!(fs::read(own.path().join(".encryption.key"))?, before[".encryption.key"]);
    if let Some(before) = of_system {
        assert_eq!(content(Path::new("/etc/pulse"))?, before);
    }
    Ok(())
}

#[test]
fn history_is_refused_where_there_is_none_to_take_or_to_give() -> Result<()> {
    let data = scratch()?;
    let missing = data.path().join("missing");
    let history =
        |arguments: &[&str]| run(&[&["history", "--data-dir", text(&missing)], arguments].concat(), "");
    history(&["export", "-o", "/nowhere/x.csv"])?.refused(&["there is no history in", "--data-dir"]);
    history(&["import", "/nowhere/metrics.db"])?.refused(&["is no file", "metrics.db of Pulse v5"]);
    let odd = data.path().join("odd.db");
    fs::write(&odd, "no database")?;
    history(&["import", text(&odd)])?.refused(&["cannot read", "odd.db", "not a database"]);
    assert!(!missing.exists());
    for wrong in [
        &["export", "--metric", "nonsense", "-o", "-"][..],
        &["export", "--type", "x", "-o", "-"],
        &["import"],
    ] {
        let outcome = history(wrong)?;
        ensure!(!outcome.is_success && outcome.error.starts_with("error: "), "{outcome:?}");
    }
    Ok(())
}

#[test]
fn completions_know_the_commands_of_every_shell() -> Result<()> {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = run(&["completions", shell], "")?.good()?;
        for word in ["bootstrap-token", "import-pulse", "hash-password", "recovery-token"] {
            ensure!(script.contains(word), "{shell} does not know {word}");
        }
    }
    let outcome = run(&["completions", "klingon"], "")?;
    ensure!(!outcome.is_success && outcome.error.contains("possible values: bash"), "{outcome:?}");
    Ok(())
}

#[test]
fn a_recovery_token_is_for_whoever_has_the_machine() -> Result<()> {
    let data = scratch()?;
    let at = text(data.path());
    run(&["recovery-token", "--data-dir", at], "")?.refused(&["holds no login", "bootstrap-token"]);
    let mut server = ServerOptions::new(data.path())?.start()?;
    server.set_up()?;
    let old_session = server.log_in()?;
    let outcome = run(&["recovery-token", "--data-dir", at, "--minutes", "61"], "")?;
    ensure!(!outcome.is_success && outcome.error.contains("1..=60"), "{outcome:?}");
    let token = run(&["recovery-token", "--data-dir", at], "")?.good()?;
    let new = json!({"username": USER, "password": "another horse battery", "force": true});
    let holder = || server.anonymous().with("X-Recovery-Token", token.trim());
    holder().post("/api/security/quick-setup", &new)?.expect_status(200)?;
    holder().post("/api/security/quick-setup", &new)?.expect_status(401)?;
    let mut old_session = old_session;
    old_session.get("/api/state")?.expect_status(401)?;
    assert!(!data.path().join(".recovery_token").exists());
    Ok(())
}
