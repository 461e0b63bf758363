//! A program that runs beside the test and ends with it.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// The most that is kept of what a program prints on standard error.
const KEPT_BYTES: usize = 256 << 10;

/// A started program. Dropping it kills it: no test leaves one behind.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
    errors: Arc<Mutex<Vec<u8>>>,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    /// Starts `command`, reading what it prints so that it never blocks on a full pipe.
    pub fn start(command: &mut Command) -> Result<Self> {
        let name =
            Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("start {}", command.get_program().display()))?;
        let mut readers = Vec::new();
        let (sender, lines) = channel();
        if let Some(stdout) = child.stdout.take() {
            readers.push(thread::spawn(move || {
                for line in BufReader::new(stdout).lines() {
                    let Ok(line) = line else { return };
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            }));
        }
        let errors = Arc::new(Mutex::new(Vec::new()));
        if let Some(mut stderr) = child.stderr.take() {
            let errors = Arc::clone(&errors);
            readers.push(thread::spawn(move || {
                let mut part = [0; 4096];
                while let Ok(count @ 1..) = stderr.read(&mut part) {
                    let Ok(mut kept) = errors.lock() else { return };
                    kept.extend_from_slice(&part[..count]);
                    let excess = kept.len().saturating_sub(KEPT_BYTES);
                    kept.drain(..excess);
                }
            }));
        }
        Ok(Self { name, child, lines, seen: Vec::new(), errors, readers })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line of standard output for which `wanted` gives a value.
    pub fn line<T>(&mut self, patience: Duration, wanted: impl Fn(&str) -> Option<T>) -> Result<T> {
        let deadline = Instant::now() + patience;
        if let Some(found) = self.seen.iter().find_map(|line| wanted(line)) {
            return Ok(found);
        }
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    let found = wanted(&line);
                    self.seen.push(line);
                    if let Some(found) = found {
                        return Ok(found);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    bail!("nothing that was waited for within {patience:?} from {}", self.printed())
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let status = self.child.wait()?;
                    bail!("it ended with {status}: {}", self.printed())
                }
            }
        }
    }

    /// Everything it printed so far, for messages of failed tests.
    pub fn printed(&mut self) -> String {
        self.seen.extend(self.lines.try_iter());
        format!("{}\nstdout:\n{}\nstderr:\n{}", self.name, self.seen.join("\n"), self.error_text())
    }

    /// What it printed on standard error so far.
    pub fn error_text(&self) -> String {
        self.errors.lock().map(|kept| String::from_utf8_lossy(&kept).into_owned()).unwrap_or_default()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for its end; an error if it does not end in time.
    pub fn wait(&mut self, patience: Duration) -> Result<ExitStatus> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait()? {
                self.read_to_end();
                return Ok(status);
            }
            if Instant::now() >= deadline {
                bail!("still running after {patience:?}: {}", self.printed());
            }
            // The end of a child can only be asked for, not awaited with a limit, without unsafe code.
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Lets the readers take what it printed last. A child of its own may hold the pipes open: that is not awaited.
    fn read_to_end(&self) {
        let deadline = Instant::now() + Duration::from_secs(1);
        while self.readers.iter().any(|reader| !reader.is_finished()) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Asks it to end, as a service manager would, and waits for that.
    pub fn terminate(&mut self, patience: Duration) -> Result<ExitStatus> {
        Command::new("kill").args(["-TERM", &self.id().to_string()]).status().context("run kill")?;
        self.wait(patience)
    }

    /// Ends it at once, as a power cut would.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Bytes of memory that are resident and its alone or shared (VmRSS).
    pub fn resident_bytes(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let kib = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok())
            .context("no VmRSS in /proc/PID/status")?;
        Ok(kib * 1024)
    }

    /// Processor time that it has taken since it started, of itself and of the kernel for it.
    pub fn processor_seconds(&self) -> Result<f64> {
        /// Linux counts in this unit on every machine (`USER_HZ`).
        const TICKS_PER_SECOND: f64 = 100.0;
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id()))?;
        // The name in brackets may hold anything; the 14th and 15th field are the 12th and 13th behind it.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok());
        let both = ticks(11).zip(ticks(12)).context("no processor time in /proc/PID/stat")?;
        Ok((both.0 + both.1) / TICKS_PER_SECOND)
    }

    /// Bytes that it caused to be written to disk since it started.
    pub fn written_bytes(&self) -> Result<u64> {
        let io = std::fs::read_to_string(format!("/proc/{}/io", self.id()))?;
        io.lines()
            .find_map(|line| line.strip_prefix("write_bytes: ")?.parse().ok())
            .context("no write_bytes in /proc/PID/io")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port of loopback that was free a moment ago. Another program may have taken it since: only for a single server
/// on an otherwise quiet machine, never in a test.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A folder for one test, removed with it.
pub fn scratch() -> Result<tempfile::TempDir> {
    tempfile::Builder::new().prefix("pulse-e2e-").tempdir().context("make a temporary folder")
}

/// Asks `check` again until it has an answer; what it said last is part of the error.
pub fn eventually<T>(patience: Duration, mut check: impl FnMut() -> Result<T>) -> Result<T> {
    let deadline = Instant::now() + patience;
    loop {
        match check() {
            Ok(found) => return Ok(found),
            Err(error) if Instant::now() >= deadline => {
                return Err(error.context(format!("after {patience:?}")));
            }
            // Another process is watched from outside: there is nothing to await but its next answer.
            Err(_) => thread::sleep(Duration::from_millis(25)),
        }
    }
}

/// The path of `name` on the PATH, if it is there.
pub fn on_path(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}
