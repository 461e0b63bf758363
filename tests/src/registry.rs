//! A registry of images on loopback: what a Docker engine needs to pull from it, and no more.
//!
//! Its images hold busybox and nothing else; what a tag means can be changed while it runs.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// By tag or digest: media type and bytes.
type Content = Arc<Mutex<HashMap<String, (String, Vec<u8>)>>>;

/// A registry that runs until the test ends.
#[derive(Debug)]
pub struct Registry {
    address: SocketAddr,
    content: Content,
}

impl Registry {
    /// Starts an empty one.
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let registry = Self { address: listener.local_addr()?, content: Content::default() };
        let content = Arc::clone(&registry.content);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let content = Arc::clone(&content);
                // Whoever breaks off the connection is not answered.
                thread::spawn(move || answer(stream, &content).ok());
            }
        });
        Ok(registry)
    }

    /// The name of an image under a tag.
    pub fn image(&self, tag: &str) -> String {
        format!("{}/app:{tag}", self.address)
    }

    /// Lets a tag mean an image of busybox that runs `command` and has the label `release`.
    pub fn put(&self, tag: &str, release: &str, command: &[&str]) -> Result<()> {
        let layer = Command::new("tar").args(["--directory", "/", "--create", "bin/busybox"]).output()?;
        ensure!(layer.status.success(), "tar: {}", String::from_utf8_lossy(&layer.stderr));
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
        let config = json!({"architecture": architecture, "os": "linux",
            "config": {"Cmd": command, "Labels": {"release": release}},
            "rootfs": {"type": "layers", "diff_ids": [digest(&layer.stdout)?]}});
        let config = self.keep(CONFIG, config.to_string().into_bytes())?;
        let layer = self.keep(LAYER, layer.stdout)?;
        let manifest =
            json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]});
        let manifest = manifest.to_string().into_bytes();
        self.keep(MANIFEST, manifest.clone())?;
        let mut content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        content.insert(tag.to_owned(), (MANIFEST.to_owned(), manifest));
        Ok(())
    }

    /// Keeps bytes under their digest, and describes them.
    fn keep(&self, kind: &str, bytes: Vec<u8>) -> Result<Value> {
        let (digest, size) = (digest(&bytes)?, bytes.len());
        let mut content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        content.insert(digest.clone(), (kind.to_owned(), bytes));
        Ok(json!({"mediaType": kind, "digest": digest, "size": size}))
    }
}

fn digest(bytes: &[u8]) -> Result<String> {
    let mut sum = Command::new("sha256sum").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    sum.stdin.take().context("no input of sha256sum")?.write_all(bytes)?;
    let output = sum.wait_with_output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(format!("sha256:{}", text.split_whitespace().next().context("sha256sum printed nothing")?))
}

/// Answers requests until the other side has no more.
fn answer(mut stream: TcpStream, content: &Content) -> Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    while let Some(request) = lines.next().transpose()? {
        let mut words = request.split_whitespace();
        let (method, path) = (words.next().context("no method")?, words.next().context("no path")?);
        while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
        let reference = path.rsplit('/').next().unwrap_or_default();
        let found = content.lock().unwrap_or_else(PoisonError::into_inner).get(reference).cloned();
        let mut head = String::new();
        let body = match found {
            _ if path == "/v2/" => {
                write!(head, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")?;
                b"{}".to_vec()
            }
            Some((kind, bytes)) => {
                let (length, digest) = (bytes.len(), digest(&bytes)?);
                write!(head, "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n")?;
                write!(head, "Docker-Content-Digest: {digest}\r\n\r\n")?;
                bytes
            }
            None => {
                write!(head, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")?;
                Vec::new()
            }
        };
        stream.write_all(head.as_bytes())?;
        if method != "HEAD" {
            stream.write_all(&body)?;
        }
    }
    Ok(())
}
