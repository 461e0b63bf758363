//! Requests as fast as they are answered, over kept connections, one thread each.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use pulse_e2e::http::Client;

use super::table::quantile;

/// What a load did.
pub struct Outcome {
    pub per_second: f64,
    pub median: Duration,
    pub p99: Duration,
    /// Size of one answer as it came over the wire.
    pub bytes: usize,
}

/// Asks `path` with `clients` connections for `length`.
pub fn press(client: &Client, clients: usize, path: &str, length: Duration) -> Result<Outcome> {
    let started = Instant::now();
    let workers: Vec<_> = (0..clients)
        .map(|_| {
            let client = client.with("Accept-Encoding", "gzip");
            let path = path.to_owned();
            thread::spawn(move || repeat(client, &path, length))
        })
        .collect();
    let mut times = Vec::new();
    let mut bytes = 0;
    for worker in workers {
        let (part, size) = worker.join().map_err(|_| anyhow!("a load thread ended early"))??;
        times.extend(part);
        bytes = size;
    }
    let elapsed = started.elapsed();
    times.sort_unstable();
    Ok(Outcome {
        per_second: times.len() as f64 / elapsed.as_secs_f64(),
        median: quantile(&times, 0.5),
        p99: quantile(&times, 0.99),
        bytes,
    })
}

fn repeat(mut client: Client, path: &str, length: Duration) -> Result<(Vec<Duration>, usize)> {
    let mut times = Vec::new();
    let mut bytes = 0;
    let deadline = Instant::now() + length;
    while Instant::now() < deadline {
        let asked = Instant::now();
        let answer = client.get(path)?;
        times.push(asked.elapsed());
        ensure!(answer.status == 200, "{path} answered {}: {:.200}", answer.status, answer.text());
        bytes = answer.body.len();
    }
    Ok((times, bytes))
}
