//! Running other programs: each call has a time limit and an output limit, and is behind a trait.
//!
//! A program that hangs (a disk that is dying, a cluster without quorum) must never hold a report up; one that
//! prints without end must never fill the memory. Nothing here runs a shell by itself.

use std::{
    collections::BTreeSet,
    fmt,
    future::Future,
    io,
    path::PathBuf,
    pin::Pin,
    process::Stdio,
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::Command,
    time::timeout,
};

/// Output kept of a program unless a call says otherwise.
const DEFAULT_MAX_BYTES: usize = 1024 * 1024;
const DEFAULT_LIMIT: Duration = Duration::from_secs(10);
/// A program that was killed is gone after this time, unless the kernel holds it.
const DEATH_LIMIT: Duration = Duration::from_secs(1);
/// With so many programs that cannot be ended, none is started any more.
const MAX_UNDEAD: usize = 32;

/// Variables of the agent in which tokens stand: no program that it runs needs them, and what a server has run here may tell
/// it what its environment holds.
const SECRETS: &[&str] = &["PULSE_TOKEN", "PULSE_TARGETS"];

/// Administration programs often live in folders that a service's PATH lacks.
const MORE_PATH: &[&str] =
    &["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/opt/bin"];

/// One call of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The program's name or path.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables that it gets besides those of the agent.
    pub env: Vec<(String, String)>,
    /// How long it may run.
    pub limit: Duration,
    /// How much of each of its two outputs is kept.
    pub max_bytes: usize,
}

impl Call {
    /// A call with the usual limits.
    pub fn new<S: Into<String>>(program: &str, args: impl IntoIterator<Item = S>) -> Self {
        Self {
            program: program.to_owned(),
            args: args.into_iter().map(Into::into).collect(),
            env: Vec::new(),
            limit: DEFAULT_LIMIT,
            max_bytes: DEFAULT_MAX_BYTES,
        }
    }

    /// The same call with another time limit.
    #[must_use]
    pub fn within(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }
}

impl fmt::Display for Call {
    /// The program without its arguments: these may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.program)
    }
}

/// What a program left behind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Finished {
    /// Exit status; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output, cut at the limit.
    pub stdout: Vec<u8>,
    /// Standard error, cut at the limit.
    pub stderr: Vec<u8>,
    /// Whether either was cut.
    pub is_cut: bool,
}

impl Finished {
    /// Whether the program says that it did what it should.
    pub fn is_success(&self) -> bool {
        self.code == Some(0)
    }

    /// Standard output as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// The first line of what it complained of, short enough for a log.
    pub fn complaint(&self) -> String {
        let text = String::from_utf8_lossy(if self.stderr.is_empty() { &self.stdout } else { &self.stderr });
        let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("no reason given");
        line.chars().filter(|c| !c.is_control()).take(200).collect()
    }
}

/// Why a program did not run to its end.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It is not installed.
    #[error("{program} is not installed")]
    Missing {
        /// The program.
        program: String,
    },
    /// It could not be started or read.
    #[error("{program} cannot be run: {source}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// It took too long and was ended.
    #[error("{program} did not end within {} s and was stopped", limit.as_secs())]
    Timeout {
        /// The program.
        program: String,
        /// How long it had.
        limit: Duration,
    },
    /// An earlier one cannot be ended: the kernel waits for something on its behalf, a dead disk most likely.
    #[error(
        "{program} hangs since an earlier call and cannot be ended; it is not started again until it is gone"
    )]
    Undead {
        /// The program.
        program: String,
    },
}

/// The future that [`RunCommand::run`] gives.
pub type Running<'a> = Pin<Box<dyn Future<Output = Result<Finished, CommandError>> + Send + 'a>>;

/// Runs programs; tests put their own answers in its place.
pub trait RunCommand: Send + Sync + 'static {
    /// Runs a program to its end or to its limit.
    fn run(&self, call: Call) -> Running<'_>;

    /// Whether a program is installed.
    fn has(&self, program: &str) -> bool;
}

/// The programs of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemCommands;

fn folders() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    for more in MORE_PATH {
        let more = PathBuf::from(more);
        if !folders.contains(&more) {
            folders.push(more);
        }
    }
    folders
}

impl RunCommand for SystemCommands {
    fn run(&self, call: Call) -> Running<'_> {
        Box::pin(run(call))
    }

    fn has(&self, program: &str) -> bool {
        folders().iter().any(|folder| folder.join(program).is_file())
    }
}

/// Calls whose programs took their kill and did not die of it: not even the kernel can end who waits for a dead disk. Asked
/// again and again, they would fill the machine.
#[derive(Default)]
struct Undead(Mutex<BTreeSet<String>>);

static UNDEAD: LazyLock<Undead> = LazyLock::new(Undead::default);

impl Undead {
    fn all(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a call must wait until an earlier one is gone.
    fn bars(&self, key: &str) -> bool {
        let all = self.all();
        all.contains(key) || all.len() >= MAX_UNDEAD
    }

    /// Waits for the end of a program that was killed, and bars the same call for as long as it does not come.
    async fn bury(&'static self, key: String, death: impl Future<Output = ()> + Send + 'static) {
        let mut death = Box::pin(death);
        if timeout(DEATH_LIMIT, &mut death).await.is_ok() {
            return;
        }
        self.all().insert(key.clone());
        tokio::spawn(async move {
            death.await;
            self.all().remove(&key);
        });
    }
}

/// What tells a call from others.
fn key(call: &Call) -> String {
    format!("{} {}", call.program, call.args.join(" "))
}

async fn run(call: Call) -> Result<Finished, CommandError> {
    let key = key(&call);
    let program = || call.program.clone();
    if UNDEAD.bars(&key) {
        return Err(CommandError::Undead { program: program() });
    }
    let mut child = prepare(&call).spawn().map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => CommandError::Missing { program: program() },
        _ => CommandError::Start { program: program(), source },
    })?;
    let mut group = Group(child.id());
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let work = async {
        let (stdout, stderr) = tokio::join!(read(out, call.max_bytes), read(err, call.max_bytes));
        Ok::<_, io::Error>((child.wait().await?, stdout?, stderr?))
    };
    let ended = timeout(call.limit, work).await;
    if let Ok(Ok((status, (stdout, out_cut), (stderr, err_cut)))) = ended {
        group.0 = None;
        return Ok(Finished { code: status.code(), stdout, stderr, is_cut: out_cut || err_cut });
    }
    drop(group);
    // Where there are no groups, the program alone; it may have ended meanwhile, which is as good.
    child.start_kill().ok();
    UNDEAD.bury(key, async move { drop(child.wait().await) }).await;
    match ended {
        Ok(Err(source)) => Err(CommandError::Start { program: call.program, source }),
        _ => Err(CommandError::Timeout { program: call.program, limit: call.limit }),
    }
}

fn prepare(call: &Call) -> Command {
    let mut command = Command::new(&call.program);
    for secret in SECRETS {
        command.env_remove(secret);
    }
    command
        .args(&call.args)
        .env("LC_ALL", "C")
        .envs(call.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    if let Ok(path) = std::env::join_paths(folders()) {
        command.env("PATH", path);
    }
    // A group of its own, so that what it starts can be ended with it.
    #[cfg(unix)]
    command.process_group(0);
    command
}

/// A program with all that it started. Whoever stops waiting for it ends it: the server that wanted it may be gone.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        end_group(self.0.take());
    }
}

/// Reads to the end and keeps the beginning: a program whose output is not read would wait for ever.
async fn read<R: AsyncRead + Unpin>(source: Option<R>, max_bytes: usize) -> io::Result<(Vec<u8>, bool)> {
    let Some(mut source) = source else { return Ok((Vec::new(), false)) };
    let mut kept = Vec::new();
    (&mut source).take(max_bytes as u64).read_to_end(&mut kept).await?;
    let mut rest = [0u8; 4096];
    let mut is_cut = false;
    while source.read(&mut rest).await? > 0 {
        is_cut = true;
    }
    Ok((kept, is_cut))
}

#[cfg(unix)]
fn end_group(leader: Option<u32>) {
    use nix::{sys::signal, unistd::Pid};
    if let Some(pid) = leader.and_then(|pid| i32::try_from(pid).ok()) {
        // It may have ended meanwhile, which is as good.
        signal::killpg(Pid::from_raw(pid), signal::Signal::SIGKILL).ok();
    }
}

#[cfg(not(unix))]
fn end_group(_: Option<u32>) {}

/// Answers for tests: by the call's words, or "not installed".
#[cfg(test)]
pub(crate) mod fake {
    use std::sync::Mutex;

    use super::{Call, CommandError, Finished, RunCommand, Running};

    type Answer = Box<dyn Fn(&Call) -> Option<Finished> + Send + Sync>;

    /// Programs that are only answers.
    pub(crate) struct FakeCommands {
        answer: Answer,
        calls: Mutex<Vec<String>>,
    }

    impl FakeCommands {
        /// Answers each call with what `answer` says; `None` is "not installed".
        pub(crate) fn new(answer: impl Fn(&Call) -> Option<Finished> + Send + Sync + 'static) -> Self {
            Self { answer: Box::new(answer), calls: Mutex::new(Vec::new()) }
        }

        /// The calls so far, as words.
        pub(crate) fn calls(&self) -> Vec<String> {
            self.calls.lock().unwrap().clone()
        }
    }

    /// A good end with this output.
    pub(crate) fn printed(text: &str) -> Finished {
        Finished { code: Some(0), stdout: text.as_bytes().to_vec(), ..Finished::default() }
    }

    /// An end with this status and complaint.
    pub(crate) fn failed(code: i32, text: &str) -> Finished {
        Finished { code: Some(code), stderr: text.as_bytes().to_vec(), ..Finished::default() }
    }

    impl RunCommand for FakeCommands {
        fn run(&self, call: Call) -> Running<'_> {
            let words = format!("{} {}", call.program, call.args.join(" "));
            self.calls.lock().unwrap().push(words);
            let answer = (self.answer)(&call);
            Box::pin(async move { answer.ok_or(CommandError::Missing { program: call.program }) })
        }

        fn has(&self, program: &str) -> bool {
            let none: [&str; 0] = [];
            (self.answer)(&Call::new(program, none)).is_some()
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::time::Instant;

    use super::*;

    fn shell(script: &str) -> Call {
        Call::new("sh", ["-c", script])
    }

    #[tokio::test]
    async fn output_and_status_come_back() {
        let done = SystemCommands.run(shell("echo out; echo err >&2; exit 3")).await.unwrap();
        assert_eq!((done.text().as_str(), done.complaint().as_str()), ("out\n", "err"));
        assert_eq!((done.code, done.is_success(), done.is_cut), (Some(3), false, false));
    }

    #[tokio::test]
    async fn a_program_that_prints_without_end_is_cut_and_still_ends() {
        let call = Call { max_bytes: 10, ..shell("head -c 100000 /dev/zero | tr '\\0' x") };
        let done = SystemCommands.run(call).await.unwrap();
        assert_eq!(done.text(), "x".repeat(10));
        assert!(done.is_cut && done.is_success());
    }

    /// A program that starts another one, which writes its id into the file and lives on for a minute.
    fn with_child(file: &std::path::Path) -> Call {
        shell(&format!("sleep 60 & echo $! > {}; wait", file.display()))
    }

    async fn wait_for_death(pid: &str) {
        let begin = Instant::now();
        let is_alive = || {
            std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()))
                .is_ok_and(|stat| !stat.contains(") Z"))
        };
        while is_alive() {
            assert!(begin.elapsed() < Duration::from_secs(20), "the program's child was left behind");
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_program_that_hangs_is_ended_with_all_it_started() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let begin = Instant::now();
        let call = with_child(file.path()).within(Duration::from_millis(300));
        let error = SystemCommands.run(call.clone()).await.unwrap_err();
        assert!(matches!(error, CommandError::Timeout { .. }), "{error}");
        assert!(begin.elapsed() < Duration::from_secs(10));
        wait_for_death(&std::fs::read_to_string(file.path()).unwrap()).await;
        assert!(!UNDEAD.bars(&key(&call)), "it died of it");
    }

    #[tokio::test]
    async fn a_program_that_nobody_waits_for_any_more_is_ended_with_all_it_started() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let running =
            tokio::spawn(SystemCommands.run(with_child(file.path()).within(Duration::from_mins(1))));
        let begin = Instant::now();
        let pid = loop {
            let text = std::fs::read_to_string(file.path()).unwrap();
            if text.ends_with('\n') {
                break text;
            }
            assert!(begin.elapsed() < Duration::from_secs(20), "it did not start");
            tokio::task::yield_now().await;
        };
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
        wait_for_death(&pid).await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_ended_is_not_started_again_until_it_is_gone() {
        static MANY: LazyLock<Undead> = LazyLock::new(Undead::default);
        let (dies, death) = tokio::sync::oneshot::channel::<()>();
        MANY.bury("smartctl /dev/sda".to_owned(), async move { drop(death.await) }).await;
        assert!(MANY.bars("smartctl /dev/sda") && !MANY.bars("smartctl /dev/sdb"));
        MANY.bury("quick".to_owned(), async {}).await;
        assert!(!MANY.bars("quick"));
        dies.send(()).unwrap();
        while MANY.bars("smartctl /dev/sda") {
            tokio::task::yield_now().await;
        }
        for number in 0..MAX_UNDEAD {
            MANY.bury(format!("disk {number}"), std::future::pending()).await;
        }
        assert!(MANY.bars("anything"), "enough is enough");
    }

    #[test]
    fn no_program_gets_the_tokens_of_the_agent() {
        let command = prepare(&shell("env"));
        let removed: Vec<_> = command.as_std().get_envs().filter(|(_, value)| value.is_none()).collect();
        let names: Vec<_> = removed.iter().filter_map(|(name, _)| name.to_str()).collect();
        assert_eq!(names, ["PULSE_TARGETS", "PULSE_TOKEN"]);
    }

    #[tokio::test]
    async fn a_missing_program_is_told_apart() {
        let none: [&str; 0] = [];
        let error = SystemCommands.run(Call::new("no-such-program-here", none)).await.unwrap_err();
        assert!(matches!(error, CommandError::Missing { .. }), "{error}");
        assert!(SystemCommands.has("sh") && !SystemCommands.has("no-such-program-here"));
    }
}
