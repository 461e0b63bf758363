//! Commands that work on a data directory without a server: export, import, takeover, checking.

use std::{
    fs,
    io::{BufRead, IsTerminal, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, Subcommand};
use pulse_config::{
    DataDir, DotEnv, Layered, LeftToken, ProcessEnv, RecoveryFile, Secret, TokenStore, Vars,
    takeover::{self, Finding, Item},
    transfer::{
        BundleError, Transfer,
        bundle::{self, MAX_BUNDLE_BYTES},
        check_passphrase, may_hold_everything,
    },
};
use pulse_core::{Clock, SystemClock};

use crate::{bundle::Stores, cli::say, history_cli};

/// No line that is read from standard input is longer.
const MOST_LINE_BYTES: u64 = 64 * 1024;

/// `pulse-server config …`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Seal the whole configuration with a passphrase.
    Export(Export),
    /// Take over a bundle that `export` made, here or in Pulse v5.
    Import(Import),
}

/// Options of the export.
#[derive(Debug, Args)]
pub struct Export {
    /// File to write; standard output where it is missing.
    #[arg(short, long)]
    output: Option<PathBuf>,
    /// The passphrase; PULSE_PASSPHRASE or the first line of standard input where it is missing.
    #[arg(short, long, value_parser = secret)]
    passphrase: Option<Secret>,
}

/// Options of the import.
#[derive(Debug, Args)]
pub struct Import {
    /// File with the bundle.
    #[arg(short, long)]
    input: PathBuf,
    /// The passphrase; PULSE_PASSPHRASE or the first line of standard input where it is missing.
    #[arg(short, long, value_parser = secret)]
    passphrase: Option<Secret>,
    /// Do not ask.
    #[arg(short, long)]
    force: bool,
}

/// Does what `config` says. The server must not run: it would not see what changes.
pub fn config(command: ConfigCommand, data_dir: &Path) -> Result<()> {
    match command {
        ConfigCommand::Export(options) => export(options, data_dir),
        ConfigCommand::Import(options) => import(options, data_dir),
    }
}

fn export(options: Export, data_dir: &Path) -> Result<()> {
    // A wrong directory would be exported as an empty configuration, a damaged file as one without what is in it.
    let items = look_at(data_dir)?;
    if items.is_empty() {
        bail!(
            "{} holds nothing of Pulse; name the data directory with --data-dir or PULSE_DATA_DIR",
            data_dir.display()
        );
    }
    refuse_damaged(&items)?;
    let directory = DataDir::open(data_dir)?;
    let passphrase = passphrase(options.passphrase)?;
    check_passphrase(&passphrase)?;
    let text = open(directory.path())?.export(&passphrase, SystemClock.now())?;
    match options.output {
        Some(path) => pulse_config::atomic_file::write(&path, text.as_bytes())?,
        None => say(&text),
    }
    Ok(())
}

fn import(options: Import, data_dir: &Path) -> Result<()> {
    let bytes = read_bundle(&options.input)?;
    let passphrase = passphrase(options.passphrase)?;
    // Before anything is made or asked.
    bundle::open_any(&bytes, &passphrase).map_err(|error| match error {
        BundleError::NotOpened => anyhow!(
            "{} does not open: the passphrase is wrong, or the file is damaged or no bundle",
            options.input.display()
        ),
        other => anyhow!(other).context(format!("{} is no bundle", options.input.display())),
    })?;
    let directory = DataDir::open(data_dir)?;
    let items = takeover::inspect_own(directory.path())?;
    refuse_damaged(&items)?;
    if !options.force && !confirmed("Replace the configuration with the one of the bundle?")? {
        bail!("nothing was imported; answer with y, or give --force");
    }
    let imported = open(directory.path())?.import(&bytes, &passphrase, may_hold_everything)?;
    say(&format!("imported: {}", imported.taken.join(", ")));
    if !imported.left.is_empty() {
        say(&format!("not used by this version: {}", imported.left.join(", ")));
    }
    Ok(())
}

/// Takes over the data directory of Pulse v5.
pub fn import_pulse(from: &Path, data_dir: &Path) -> Result<()> {
    // Before anything is made.
    if !from.is_dir() || takeover::inspect(from)?.is_empty() {
        bail!(
            "{} is no data directory of Pulse; name the one of the old server, mostly /etc/pulse or /data",
            from.display()
        );
    }
    if is_same(from, data_dir) {
        bail!(
            "{} is both the old and the new data directory; name an empty one with --data-dir",
            from.display()
        );
    }
    let into = DataDir::open(data_dir)?;
    let items = takeover::take_over(from, &into)?;
    say(&format!("from {} into {}:", from.display(), into.path().display()));
    report(&items, "taken over");
    let history = from.join("metrics.db");
    if history.is_file() {
        // The lock is taken anew by the import.
        drop(into);
        match history_cli::import(data_dir, &history) {
            Ok(()) => say("  The history was taken in as well."),
            Err(error) => say(&format!(
                "  The history was not taken in: {error:#}. Try again with `pulse-server history import`."
            )),
        }
    }
    say(
        "The old directory is as it was. Stop the old server before you start this one: both poll the same hosts.",
    );
    Ok(())
}

/// Says of every file of a data directory whether it can be read.
pub fn check(data_dir: &Path) -> Result<()> {
    let items = look_at(data_dir)?;
    if items.is_empty() {
        say(&format!("{} holds nothing of Pulse yet", data_dir.display()));
    }
    report(&items, "good");
    let vars = Layered(ProcessEnv, DotEnv::read(&data_dir.join(".env"))?);
    pulse_config::Settings::load(&vars)?;
    pulse_config::schema::system::environment::Overrides::load(&vars)?;
    refuse_damaged(&items)
}

/// What is in a data directory that must be there.
fn look_at(data_dir: &Path) -> Result<Vec<Item>> {
    if !data_dir.is_dir() {
        bail!(
            "{} is no directory; name the data directory with --data-dir or PULSE_DATA_DIR",
            data_dir.display()
        );
    }
    Ok(takeover::inspect_own(data_dir)?)
}

fn refuse_damaged(items: &[Item]) -> Result<()> {
    let damaged: Vec<&str> = items
        .iter()
        .filter(|item| matches!(item.finding, Finding::Damaged(_)))
        .map(|item| item.name.as_str())
        .collect();
    if damaged.is_empty() {
        return Ok(());
    }
    bail!(
        "cannot be read: {}; put back what a backup has of it, or move it away: the server starts without it",
        damaged.join(", ")
    )
}

/// Whether two paths are one directory, whatever they are called.
fn is_same(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

fn report(items: &[Item], good: &str) {
    for item in items {
        let (word, text) = match &item.finding {
            Finding::Good(text) => (good, text.as_str()),
            Finding::Unused(text) => ("not used", *text),
            Finding::Damaged(text) => ("DAMAGED", text.as_str()),
        };
        say(&format!("  {word:<10}  {:<32} {text}", item.name));
    }
}

/// Leaves a recovery token for the server, which may run, and prints it.
pub fn recovery_token(data_dir: &Path, minutes: i64) -> Result<()> {
    if !data_dir.join(".env").exists() && !data_dir.join("api_tokens.json").exists() {
        bail!(
            "{} holds no login: the first run is not over, see `pulse-server bootstrap-token`",
            data_dir.display()
        );
    }
    let token = pulse_auth::generate_token()?;
    let expires_at = SystemClock.now().saturating_add(jiff::SignedDuration::from_mins(minutes))?;
    let file = RecoveryFile::new(data_dir);
    file.leave(&LeftToken { hash: pulse_auth::hash_token(&token), expires_at })?;
    give_to_owner_of(data_dir, file.path())?;
    say(&token);
    Ok(())
}

/// A file that root made belongs to whom the directory belongs to: the server may run as somebody else.
fn give_to_owner_of(directory: &Path, file: &Path) -> Result<()> {
    use std::os::unix::fs::{MetadataExt, chown};
    let owner = fs::metadata(directory).with_context(|| format!("look at {}", directory.display()))?;
    let made = fs::metadata(file).with_context(|| format!("look at {}", file.display()))?;
    if (owner.uid(), owner.gid()) != (made.uid(), made.gid()) {
        chown(file, Some(owner.uid()), Some(owner.gid()))
            .with_context(|| format!("give {} to the owner of the directory", file.display()))?;
    }
    Ok(())
}

/// Prints the hash of a password from standard input.
pub fn hash_password() -> Result<()> {
    let password = first_line()?;
    if password.is_empty() {
        bail!("there is no password on standard input; type it, or pipe it in");
    }
    pulse_auth::password::check(password.expose())?;
    say(&pulse_auth::password::hash(password.expose())?);
    Ok(())
}

/// The bundle that `PULSE_INIT_CONFIG_FILE` or `PULSE_INIT_CONFIG_DATA` name, taken over at the first start.
pub fn import_from_environment(
    vars: &impl Vars,
    data_dir: &Path,
    transfer: &Transfer,
    is_first_start: bool,
) -> Result<()> {
    let get = |key: &str| vars.get(key).filter(|value| !value.trim().is_empty());
    let file = get("PULSE_INIT_CONFIG_FILE");
    let Some(bytes) = (match (&file, get("PULSE_INIT_CONFIG_DATA")) {
        (Some(path), _) => Some(read_bundle(Path::new(path.trim()))?),
        (None, Some(data)) => Some(data.into_bytes()),
        (None, None) => None,
    }) else {
        return Ok(());
    };
    if !is_first_start {
        tracing::info!(
            "PULSE_INIT_CONFIG is set but {} is configured already: it is not imported",
            data_dir.display()
        );
        return Ok(());
    }
    let passphrase = get("PULSE_INIT_CONFIG_PASSPHRASE")
        .map(Secret::new)
        .ok_or_else(|| anyhow!("PULSE_INIT_CONFIG_PASSPHRASE is missing: the bundle of PULSE_INIT_CONFIG_FILE or _DATA cannot be opened without it"))?;
    let imported = transfer
        .import(&bytes, &passphrase, may_hold_everything)
        .context("import the bundle of PULSE_INIT_CONFIG_FILE or PULSE_INIT_CONFIG_DATA")?;
    tracing::info!(taken = ?imported.taken, left = ?imported.left, "the configuration of the environment was imported");
    Ok(())
}

fn open(directory: &Path) -> Result<Transfer> {
    let vars = Layered(ProcessEnv, DotEnv::read(&directory.join(".env"))?);
    let stores = Stores::open(directory, &vars)?;
    Ok(stores.transfer(Arc::new(TokenStore::open(directory)?)))
}

fn read_bundle(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if path.is_dir() {
        bail!("{} is a directory; name the file that an export wrote", path.display());
    }
    let file = fs::File::open(path).with_context(|| format!("open {}", path.display()))?;
    file.take(MAX_BUNDLE_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("read {}", path.display()))?;
    Ok(bytes)
}

#[expect(clippy::unnecessary_wraps, reason = "what clap calls may fail")]
fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

fn passphrase(given: Option<Secret>) -> Result<Secret> {
    match given.or_else(|| ProcessEnv.get("PULSE_PASSPHRASE").map(Secret::new)) {
        Some(text) if !text.is_empty() => Ok(text),
        _ => first_line(),
    }
}

/// The first line of standard input, without its end.
fn first_line() -> Result<Secret> {
    let mut line = String::new();
    if std::io::stdin().is_terminal() {
        prompt("Password (it is shown as you type; pipe it in to avoid that): ")?;
    }
    let mut input = std::io::stdin().lock().take(MOST_LINE_BYTES);
    input.read_line(&mut line).context("read standard input")?;
    Ok(Secret::new(line.trim_end_matches(['\r', '\n'])))
}

fn confirmed(question: &str) -> Result<bool> {
    prompt(&format!("{question} [y/N] "))?;
    let mut line = String::new();
    std::io::stdin().lock().take(MOST_LINE_BYTES).read_line(&mut line).context("read standard input")?;
    Ok(matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

fn prompt(text: &str) -> Result<()> {
    let mut terminal = std::io::stderr();
    terminal.write_all(text.as_bytes()).and_then(|()| terminal.flush()).context("write to the terminal")
}
