//! A real mail server: STARTTLS or TLS, a login, and what it got. Other crates' tests include this file.

use std::process::Stdio;

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

use crate::python;

pub struct MailServer {
    pub port: u16,
    pub root: Vec<u8>,
    said: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

impl MailServer {
    pub async fn start(dir: &std::path::Path, mode: &str) -> Option<Self> {
        let programs = python::programs()?;
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let root = made.cert.pem();
        let (certificate, key) = (dir.join("cert.pem"), dir.join("key.pem"));
        std::fs::write(&certificate, &root).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        let mut child = Command::new(programs.join("python"))
            .arg("-c")
            .arg(include_str!("smtp_server.py"))
            .args([certificate.as_os_str(), key.as_os_str(), mode.as_ref()])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut server = Self { port: 0, root: root.into_bytes(), said, _child: child };
        server.port = u16::try_from(server.next().await["port"].as_u64().unwrap()).unwrap();
        Some(server)
    }

    pub async fn next(&mut self) -> Value {
        let line = self.said.next_line().await.unwrap().expect("the mail server ended");
        serde_json::from_str(&line).unwrap()
    }
}
