//! The command line.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, bail};
use clap::{Args, CommandFactory, Parser, Subcommand};
use pulse_config::{
    DotEnv, Layered, LogFormat, ProcessEnv, Settings, TlsFiles, Vars, settings::base_path,
    store::bootstrap::BootstrapToken,
};
use pulse_core::SystemClock;
use pulse_log::{LogFile, Logs, Look};

use crate::{
    history_cli,
    operate::{self, ConfigCommand},
    wiring,
};

/// Watches Proxmox, hosts, Docker and Kubernetes, and shows it live in a browser.
#[derive(Debug, Parser)]
#[command(name = "pulse-server", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// Directory that holds everything (default: PULSE_DATA_DIR, else /etc/pulse).
    #[arg(long, global = true)]
    data_dir: Option<PathBuf>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server (the default).
    Serve(Serve),
    /// Print the token with which the first password is set.
    BootstrapToken,
    /// Print a token with which a new login can be set on the page, for whoever is locked out. The server may run.
    RecoveryToken {
        /// For how many minutes it counts, 60 at most.
        #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(i64).range(1..=60))]
        minutes: i64,
    },
    /// Take history in, or hand it out.
    History {
        #[command(subcommand)]
        command: history_cli::HistoryCommand,
    },
    /// Export or import the whole configuration, while no server runs on it.
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Take over the data directory of Pulse v5 and say what was taken.
    ImportPulse {
        /// The old data directory; it stays as it is.
        from: PathBuf,
    },
    /// Say of every file of the data directory whether it can be read.
    Check,
    /// Print the hash of a password that is read from standard input.
    HashPassword,
    /// Print completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the OpenAPI document.
    Openapi,
    /// Print the version.
    Version,
}

/// Options of the server; each beats its environment variable.
#[derive(Debug, Default, PartialEq, Eq, Args)]
pub struct Serve {
    /// Address and port to listen on (default: BACKEND_HOST and FRONTEND_PORT, else 0.0.0.0:7655).
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// Serve HTTPS with this certificate, PEM (default: TLS_CERT_FILE, where HTTPS_ENABLED is true).
    #[arg(long, requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's key, PEM (default: TLS_KEY_FILE).
    #[arg(long, requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// The path under which a reverse proxy serves Pulse, such as /pulse (default: PULSE_BASE_PATH).
    #[arg(long, value_parser = |text: &str| base_path(text).ok_or("must be a path such as /pulse"))]
    base_path: Option<String>,
    /// Do not monitor the machine the server runs on (also PULSE_MONITOR_LOCAL=false).
    #[arg(long)]
    no_local_host: bool,
}

impl Serve {
    /// These options, and where one is not given, that of `before`.
    fn over(self, before: Self) -> Self {
        Self {
            listen: self.listen.or(before.listen),
            tls_cert: self.tls_cert.or(before.tls_cert),
            tls_key: self.tls_key.or(before.tls_key),
            base_path: self.base_path.or(before.base_path),
            no_local_host: self.no_local_host || before.no_local_host,
        }
    }
}

/// Does what the command line says.
pub fn run(cli: Cli) -> Result<()> {
    let Cli { command, data_dir, serve: options } = cli;
    let is_server = matches!(command, None | Some(Command::Serve(_)));
    if !is_server && options != Serve::default() {
        bail!(
            "--listen, --tls-cert, --tls-key, --base-path and --no-local-host are options of the server alone"
        );
    }
    let directory = || match data_dir.clone() {
        Some(directory) => Ok(directory),
        None => load(None).map(|(settings, _)| settings.data_dir),
    };
    match command {
        None => serve(options, data_dir.as_deref()),
        // An option counts on either side of the word.
        Some(Command::Serve(own)) => serve(own.over(options), data_dir.as_deref()),
        Some(Command::BootstrapToken) => bootstrap_token(&directory()?),
        Some(Command::RecoveryToken { minutes }) => operate::recovery_token(&directory()?, minutes),
        Some(Command::History { command }) => history_cli::run(&load(data_dir.as_deref())?.0, command),
        Some(Command::Config { command }) => operate::config(command, &directory()?),
        Some(Command::ImportPulse { from }) => operate::import_pulse(&from, &directory()?),
        Some(Command::Check) => operate::check(&directory()?),
        Some(Command::HashPassword) => operate::hash_password(),
        Some(Command::Completions { shell }) => {
            clap_complete::generate(shell, &mut Cli::command(), "pulse-server", &mut std::io::stdout());
            Ok(())
        }
        Some(Command::Openapi) => {
            say(&pulse_api::document_json());
            Ok(())
        }
        Some(Command::Version) => {
            say(env!("CARGO_PKG_VERSION"));
            Ok(())
        }
    }
}

/// A line for the person or program that started us.
#[expect(clippy::print_stdout, reason = "this is what the command was asked to print")]
pub fn say(line: &str) {
    println!("{line}");
}

fn serve(options: Serve, data_dir: Option<&Path>) -> Result<()> {
    let (mut settings, is_local_wanted) = load(data_dir)?;
    if let Some(listen) = options.listen {
        settings.bind_address = listen.ip();
        settings.port = listen.port();
    }
    if let (Some(certificate), Some(key)) = (options.tls_cert, options.tls_key) {
        settings.tls = Some(TlsFiles { certificate, key });
    }
    if let Some(path) = options.base_path {
        settings.base_path = path;
    }
    let logs = start_log(&settings)?;
    let monitors_local = is_local_wanted && !options.no_local_host;
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(std::thread::available_parallelism().map_or(2, std::num::NonZero::get).clamp(2, 4))
        // Each thread keeps memory of its own; history queries, renderings and password hashes are bounded apart.
        .max_blocking_threads(6)
        .thread_keep_alive(std::time::Duration::from_secs(5))
        .enable_all()
        .build()
        .context("start the runtime")?
        .block_on(wiring::serve(settings, logs, monitors_local))
}

/// Settings of the environment, of `.env` in the data directory, and whether the own machine is wanted.
fn load(data_dir: Option<&Path>) -> Result<(Settings, bool)> {
    let from_process = Settings::load(&ProcessEnv).context("read the settings from the environment")?;
    let directory = data_dir.unwrap_or(&from_process.data_dir).to_owned();
    // The login in `.env` is read by its owner; here only settings are.
    let file = DotEnv::read(&directory.join(".env"))?;
    let vars = Layered(ProcessEnv, file);
    let mut settings = Settings::load(&vars).with_context(|| {
        format!("read the settings from the environment and {}", directory.join(".env").display())
    })?;
    settings.data_dir = directory;
    let local = vars.get("PULSE_MONITOR_LOCAL").unwrap_or_default();
    Ok((settings, !matches!(local.trim().to_ascii_lowercase().as_str(), "0" | "false" | "no" | "off")))
}

fn bootstrap_token(data_dir: &Path) -> Result<()> {
    let path = BootstrapToken::path_in(data_dir);
    match std::fs::read_to_string(&path) {
        Ok(token) => {
            say(token.trim());
            Ok(())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => bail!(
            "there is no bootstrap token in {}: the password is set already, or the server has not run yet",
            data_dir.display()
        ),
        Err(error) => Err(error).with_context(|| format!("read {}", path.display())),
    }
}

fn start_log(settings: &Settings) -> Result<Logs> {
    let logs = Logs::new(settings.log_level);
    let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let look = match (settings.log_format, is_terminal) {
        (LogFormat::Json, _) | (LogFormat::Auto, false) => Look::Json,
        (LogFormat::Console | LogFormat::Auto, true) => Look::Terminal,
        (LogFormat::Console, false) => Look::Plain,
    };
    let file = match &settings.log_file {
        Some(file) => Some(LogFile::open(file.clone(), Arc::new(SystemClock)).with_context(|| {
            format!(
                "open the log file {} (LOG_FILE); give this user the right to write there",
                file.path.display()
            )
        })?),
        None => None,
    };
    logs.install(look, file, Arc::new(SystemClock));
    Ok(logs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_definition_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_data_directory_counts_on_either_side_of_the_command() {
        for line in [
            "pulse-server --data-dir /x bootstrap-token",
            "pulse-server bootstrap-token --data-dir /x",
            "pulse-server --data-dir /x check",
            "pulse-server config --data-dir /x export",
            "pulse-server config export --data-dir /x",
            "pulse-server history export --data-dir /x",
            "pulse-server serve --data-dir /x",
            "pulse-server --data-dir /x",
        ] {
            let cli = parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
            assert_eq!(cli.data_dir.as_deref(), Some(Path::new("/x")), "{line}");
        }
    }

    #[test]
    fn options_of_the_server_count_on_either_side_and_nowhere_else() {
        let cli = parse("pulse-server --listen 127.0.0.1:1 --no-local-host serve --base-path /p").unwrap();
        let Some(Command::Serve(own)) = cli.command else { panic!("no server") };
        let both = own.over(cli.serve);
        assert_eq!((both.listen, both.base_path.as_deref()), (Some(([127, 0, 0, 1], 1).into()), Some("/p")));
        assert!(both.no_local_host);
        let error = run(parse("pulse-server --listen 127.0.0.1:1 version").unwrap()).unwrap_err();
        assert!(error.to_string().contains("options of the server alone"), "{error}");
    }
}
