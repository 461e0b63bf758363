//! `pulse-server history`: the past of a Pulse v5 into this one, and the past of this one out to other programs.

use std::{
    fs::File,
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use jiff::{SignedDuration, Timestamp};
use pulse_config::{DataDir, Settings};
use pulse_core::{
    Clock, SystemClock,
    ids::GuestId,
    metric::{Metric, ResourceType},
};
use pulse_monitor::pipeline::guest_series_id_of;
use pulse_store::{
    MetricStore, SqliteStore, StoreOptions, Tier,
    export::{ExportFormat, ExportRequest, export},
    original::OriginalDatabase,
};

use crate::history::FILE;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum HistoryCommand {
    /// Take in the metrics.db of a Pulse v5. The server must be stopped; may be run again.
    Import(ImportArgs),
    /// Write history as CSV or Parquet. The server may run.
    Export(ExportArgs),
}

/// What to take in.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The metrics.db of a Pulse v5; it is only read.
    file: PathBuf,
}

/// What to write.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// In which form.
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
    /// Where to: a file that is not there yet, or - for the terminal or a pipe.
    #[arg(long, short, default_value = "-")]
    output: PathBuf,
    /// How fine the points are.
    #[arg(long, value_enum, default_value_t = Resolution::Raw)]
    resolution: Resolution,
    /// From when on, such as 2026-11-01T00:00:00Z; all there is by default.
    #[arg(long)]
    from: Option<Timestamp>,
    /// Until when; now by default.
    #[arg(long)]
    to: Option<Timestamp>,
    /// Only this kind of resource, such as vm, node, storage; may be given more than once.
    #[arg(long = "type", value_name = "TYPE", value_parser = resource_type)]
    types: Vec<ResourceType>,
    /// Only this resource, by the id under which its history is kept (guests: instance:vmid).
    #[arg(long)]
    id: Option<String>,
    /// Only this metric, such as cpu; may be given more than once.
    #[arg(long = "metric", value_name = "METRIC", value_parser = metric)]
    metrics: Vec<Metric>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Csv,
    Parquet,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Resolution {
    Raw,
    Minute,
    Hour,
    Day,
}

fn resource_type(text: &str) -> Result<ResourceType, String> {
    let names = || ResourceType::EVERY.map(ResourceType::name).join(", ");
    ResourceType::from_name(text).ok_or_else(|| format!("there is {}", names()))
}

fn metric(text: &str) -> Result<Metric, String> {
    Metric::from_name(text).ok_or_else(|| format!("there is {}", Metric::EVERY.map(Metric::name).join(", ")))
}

/// Does it.
pub fn run(settings: &Settings, command: HistoryCommand) -> Result<()> {
    match command {
        HistoryCommand::Import(arguments) => import(&settings.data_dir, &arguments.file),
        HistoryCommand::Export(arguments) => write(&settings.data_dir, &arguments),
    }
}

fn open(path: &Path) -> Result<SqliteStore> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    SqliteStore::open(path, StoreOptions::default(), clock).context("open the history")
}

fn close(store: &SqliteStore) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().context("start the runtime")?;
    runtime.block_on(async {
        // With what is due: days are rolled up.
        let flushed = store.flush().await;
        store.close().await;
        flushed.context("write the history")
    })
}

/// Takes in the `metrics.db` of a Pulse v5.
pub fn import(data_dir: &Path, file: &Path) -> Result<()> {
    if !file.is_file() {
        bail!("{} is no file; name the metrics.db of Pulse v5", file.display());
    }
    let hold = || DataDir::open(data_dir).context("the server must be stopped for an import");
    // A directory that is not there is not made for a file that cannot be taken in.
    let held = data_dir.is_dir().then(hold).transpose()?;
    let database = OriginalDatabase::open(file)?;
    let held = held.map_or_else(hold, Ok)?;
    let store = open(&held.file(FILE))?;
    // Guests are kept without their node, so that one that moves keeps its history.
    let name_of = |kind: ResourceType, id: &str| {
        let is_guest = matches!(kind, ResourceType::Vm | ResourceType::Container);
        is_guest.then(|| guest_series_id_of(&GuestId::from(id))).flatten().unwrap_or_else(|| id.to_owned())
    };
    let mut bar = Bar::new();
    let result = database.import_into(&store, name_of, |progress| {
        let share = progress.row as f64 / progress.last_row.max(1) as f64;
        bar.show(Some(share), progress.outcome.taken);
    });
    bar.end();
    let closed = close(&store);
    let progress = result?;
    closed?;
    let outcome = progress.outcome;
    tell(&format!(
        "{} points taken in; {} were there already; {} were too old or made no sense; {} of unknown kinds",
        outcome.taken, outcome.known, outcome.refused, progress.unknown
    ));
    Ok(())
}

fn write(data_dir: &Path, arguments: &ExportArgs) -> Result<()> {
    let path = data_dir.join(FILE);
    if !path.try_exists().with_context(|| format!("look for {}", path.display()))? {
        bail!(
            "there is no history in {}; name the data directory with --data-dir or PULSE_DATA_DIR",
            data_dir.display()
        );
    }
    let now = SystemClock.now();
    let request = ExportRequest {
        tier: match arguments.resolution {
            Resolution::Raw => Tier::Raw,
            Resolution::Minute => Tier::Minute,
            Resolution::Hour => Tier::Hour,
            Resolution::Day => Tier::Day,
        },
        from: arguments.from.unwrap_or(Timestamp::UNIX_EPOCH),
        to: arguments.to.unwrap_or(now.saturating_add(SignedDuration::from_hours(1)).unwrap_or(now)),
        resource_types: arguments.types.clone(),
        resource_id: arguments.id.as_deref().map(Arc::from),
        metrics: arguments.metrics.clone(),
    };
    // A copy of one moment: the server may run, and goes on writing its own file.
    let copy = Copy::of(&path)?;
    let store = open(&copy.0)?;
    let written = to_output(&store, &request, arguments);
    close(&store)?;
    written
}

fn to_output(store: &SqliteStore, request: &ExportRequest, arguments: &ExportArgs) -> Result<()> {
    let format = match arguments.format {
        Format::Csv => ExportFormat::Csv,
        Format::Parquet => ExportFormat::Parquet,
    };
    if arguments.output.as_os_str() == "-" {
        let mut out = io::stdout().lock();
        if matches!(format, ExportFormat::Parquet) && out.is_terminal() {
            bail!("Parquet is not for terminals; name a file with --output");
        }
        return match export(store, request, format, &mut out, |_| {}) {
            // Whoever reads has read enough.
            Err(pulse_store::export::ExportError::Write(error))
                if error.kind() == io::ErrorKind::BrokenPipe =>
            {
                Ok(())
            }
            result => result.map(drop).map_err(Into::into),
        };
    }
    let name = arguments.output.display();
    let mut file = File::create_new(&arguments.output).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            anyhow::anyhow!("{name} is there already; name another file, or move that one away")
        }
        _ => anyhow::anyhow!("make {name}: {error}"),
    })?;
    let mut bar = Bar::new();
    let result = export(store, request, format, &mut file, |summary| bar.show(None, summary.rows));
    bar.end();
    let summary = result.with_context(|| format!("write {name}; what is there is not whole"))?;
    file.sync_all().with_context(|| format!("write {name}"))?;
    tell(&format!("{} points of {} series in {name}", summary.rows, summary.series));
    Ok(())
}

/// A copy of the history that goes away with it.
struct Copy(PathBuf);

impl Copy {
    fn of(path: &Path) -> Result<Self> {
        let copy = Self(path.with_file_name(format!(".{FILE}.export-{}", std::process::id())));
        copy.remove();
        SqliteStore::copy(path, &copy.0).with_context(|| format!("copy {}", path.display()))?;
        Ok(copy)
    }

    fn remove(&self) {
        for suffix in ["", "-wal", "-shm"] {
            let mut name = self.0.clone().into_os_string();
            name.push(suffix);
            // Mostly there is none.
            drop(std::fs::remove_file(name));
        }
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        self.remove();
    }
}

/// How far it is: one line that is written over on a terminal, now and then a line elsewhere.
struct Bar {
    is_terminal: bool,
    shown: u64,
}

impl Bar {
    fn new() -> Self {
        Self { is_terminal: io::stderr().is_terminal(), shown: u64::MAX }
    }

    fn show(&mut self, share: Option<f64>, points: u64) {
        let step = match share {
            Some(share) => (share * if self.is_terminal { 200.0 } else { 10.0 }) as u64,
            None => points / 1_000_000,
        };
        if step == self.shown || (share.is_none() && step == 0) {
            return;
        }
        self.shown = step;
        let text = match share {
            Some(share) => {
                let filled = (share * 30.0) as usize;
                let bar: String = (0..30).map(|i| if i < filled { '#' } else { '.' }).collect();
                format!("[{bar}] {:3.0} %  {points} points", share * 100.0)
            }
            None => format!("{points} points"),
        };
        let mut out = io::stderr().lock();
        // Nobody may be looking.
        let _ = if self.is_terminal { write!(out, "\r{text}") } else { writeln!(out, "{text}") };
    }

    fn end(&self) {
        if self.is_terminal && self.shown != u64::MAX {
            let _ = writeln!(io::stderr().lock());
        }
    }
}

/// A line for the person at the terminal, beside what goes to the output.
fn tell(line: &str) {
    // Nobody may be looking.
    let _ = writeln!(io::stderr().lock(), "{line}");
}
