//! Counts what the live channel sends to one client: a handshake and a frame reader, nothing else.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// What arrived.
#[derive(Debug, Default)]
pub struct Received {
    pub frames: u64,
    pub bytes: u64,
}

/// Connects to `path` and counts the bytes of frames that arrive after `settle`, for `length`.
pub fn count(
    address: SocketAddr,
    path: &str,
    token: &str,
    settle: Duration,
    length: Duration,
) -> Result<Received> {
    let stream = TcpStream::connect(address)?;
    let mut reader = BufReader::with_capacity(256 << 10, stream);
    write!(
        reader.get_mut(),
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nX-API-Token: {token}\r\n\r\n"
    )?;
    let mut line = String::new();
    reader.read_line(&mut line)?;
    ensure!(line.starts_with("HTTP/1.1 101"), "{path} answered {line:?}");
    while line != "\r\n" {
        line.clear();
        reader.read_line(&mut line)?;
    }
    let start = Instant::now() + settle;
    let end = start + length;
    let mut received = Received::default();
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(received);
        }
        reader.get_ref().set_read_timeout(Some(left))?;
        let Some(bytes) = frame(&mut reader)? else { return Ok(received) };
        if Instant::now() >= start {
            received.frames += 1;
            received.bytes += bytes;
        }
    }
}

/// Reads one frame and gives its size with its head; nothing when the time is up.
fn frame(reader: &mut impl Read) -> Result<Option<u64>> {
    let mut head = [0; 2];
    match reader.read_exact(&mut head) {
        Err(error)
            if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) =>
        {
            return Ok(None);
        }
        read => read.context("read a frame")?,
    }
    let (extra, length) = match head[1] & 0x7f {
        126 => {
            let mut length = [0; 2];
            reader.read_exact(&mut length)?;
            (2, u64::from(u16::from_be_bytes(length)))
        }
        127 => {
            let mut length = [0; 8];
            reader.read_exact(&mut length)?;
            (8, u64::from_be_bytes(length))
        }
        short => (0, u64::from(short)),
    };
    std::io::copy(&mut reader.take(length), &mut std::io::sink())?;
    Ok(Some(2 + extra + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_length_form_are_counted() {
        let short = [&[0x81, 5][..], &[0; 5]].concat();
        assert_eq!(frame(&mut short.as_slice()).unwrap(), Some(7));
        let middle = [&[0x81, 126, 1, 0][..], &[0; 256]].concat();
        assert_eq!(frame(&mut middle.as_slice()).unwrap(), Some(260));
        let long = [&[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0][..], &vec![0; 65536]].concat();
        assert_eq!(frame(&mut long.as_slice()).unwrap(), Some(65546));
    }
}
