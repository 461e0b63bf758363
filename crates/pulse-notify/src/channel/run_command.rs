//! Running a program with limits: what it says is cut, and it is killed when it takes too long.

use std::{process::Stdio, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::Command,
};

/// What a program says is kept up to this.
const MOST_OUTPUT_BYTES: u64 = 16 * 1024;

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Whether it says that it succeeded.
    pub is_success: bool,
    /// What it said, both ways.
    pub output: String,
}

/// Runs programs.
#[async_trait::async_trait]
pub trait RunCommand: Send + Sync {
    /// Runs `program` without a shell and without input. The error says why it could not run, or did not end.
    async fn run(&self, program: &str, arguments: &[String], timeout: Duration) -> Result<Ended, String>;
}

/// Runs programs of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemCommands;

#[async_trait::async_trait]
impl RunCommand for SystemCommands {
    async fn run(&self, program: &str, arguments: &[String], timeout: Duration) -> Result<Ended, String> {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("{program} cannot be started: {error}"))?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let all = async { tokio::join!(read(out), read(err), child.wait()) };
        match tokio::time::timeout(timeout, all).await {
            Ok((out, err, Ok(status))) => {
                Ok(Ended { is_success: status.success(), output: format!("{out}{err}").trim().to_owned() })
            }
            Ok((_, _, Err(error))) => Err(format!("{program}: {error}")),
            Err(_) => {
                Err(format!("{program} did not end within {} seconds and was killed", timeout.as_secs()))
            }
        }
    }
}

async fn read(source: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut source) = source else { return String::new() };
    let mut bytes = vec![];
    // An error ends the reading; the exit status says how it went.
    let _ = (&mut source).take(MOST_OUTPUT_BYTES).read_to_end(&mut bytes).await;
    // The rest is read too, or the program would wait for ever.
    let _ = tokio::io::copy(&mut source, &mut tokio::io::sink()).await;
    String::from_utf8_lossy(&bytes).into_owned()
}
