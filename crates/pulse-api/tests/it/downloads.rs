//! Programs and scripts as machines fetch them.

use http::{Method, StatusCode};

use crate::harness::{TOKEN, TestServer};

fn server() -> TestServer {
    let data = tempfile::tempdir().unwrap();
    let bin = data.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    std::fs::write(bin.join("pulse-agent-linux-amd64"), "abc").unwrap();
    std::fs::write(bin.join("pulse-host-agent-linux-amd64"), "abc").unwrap();
    let server = TestServer::over(data, |settings| settings.bin_dir = bin);
    let record = pulse_auth::token::record(
        TOKEN,
        "t",
        pulse_auth::ScopeSet::all(),
        "2026-01-01T00:00:00Z".parse().unwrap(),
    );
    server.state.access.tokens.add(record).unwrap();
    server
}

const SUM: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

#[tokio::test]
async fn an_agent_is_served_under_each_word_for_its_processor_with_its_checksum() {
    let server = server();
    for arch in ["linux-amd64", "amd64", "x86_64", "X86_64"] {
        let answer = server.call(Method::GET, &format!("/download/pulse-agent?arch={arch}"), None, "").await;
        assert_eq!((answer.status, answer.text().as_str()), (StatusCode::OK, "abc"), "{arch}");
        assert_eq!(answer.headers["x-checksum-sha256"], SUM);
        assert_eq!(answer.headers["cache-control"], "no-cache, no-store, must-revalidate");
    }
    let head = server.call(Method::HEAD, "/download/pulse-agent?arch=amd64", None, "").await;
    assert_eq!((head.status, head.bytes.len()), (StatusCode::OK, 0));
    assert_eq!(head.headers["content-length"], "3");
}

/// The targets, with the words that machines and people have for them (contract B-09 §7).
const TARGETS: [(&str, &[&str]); 12] = [
    ("linux-amd64", &["amd64", "x86_64"]),
    ("linux-arm64", &["arm64", "aarch64"]),
    ("linux-armv7", &["armv7", "armv7l", "armhf"]),
    ("linux-armv6", &["armv6"]),
    ("linux-386", &["386", "i386", "i686"]),
    ("darwin-amd64", &["macos-amd64"]),
    ("darwin-arm64", &["macos-arm64", "DARWIN-ARM64"]),
    ("freebsd-amd64", &[]),
    ("freebsd-arm64", &[]),
    ("windows-amd64", &[]),
    ("windows-arm64", &[]),
    ("windows-386", &[]),
];

#[tokio::test]
async fn each_of_the_twelve_targets_is_served_as_itself_and_never_by_another_ones_program() {
    let data = tempfile::tempdir().unwrap();
    let bin = data.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    let server = TestServer::over(data, |settings| settings.bin_dir.clone_from(&bin));
    std::fs::write(bin.join("pulse-agent"), "generic").unwrap();
    let get = async |arch: &str| {
        server.call(Method::GET, &format!("/download/pulse-agent?arch={arch}"), None, "").await
    };
    for (target, words) in TARGETS {
        for arch in words.iter().chain([&target]) {
            assert_eq!(get(arch).await.status, StatusCode::NOT_FOUND, "{arch} is not the generic one");
        }
        let suffix = if target.starts_with("windows") { ".exe" } else { "" };
        std::fs::write(bin.join(format!("pulse-agent-{target}{suffix}")), target).unwrap();
    }
    for (target, words) in TARGETS {
        let digest = ring::digest::digest(&ring::digest::SHA256, target.as_bytes());
        let sum = digest.as_ref().iter().fold(String::new(), |sum, byte| sum + &format!("{byte:02x}"));
        for arch in words.iter().chain([&target]) {
            let answer = get(arch).await;
            assert_eq!((answer.status, answer.text().as_str()), (StatusCode::OK, target), "{arch}");
            assert_eq!(answer.headers["x-checksum-sha256"], sum.as_str(), "{arch}");
        }
    }
    for arch in ["", "riscv64"] {
        assert_eq!(get(arch).await.text(), "generic", "a word that nobody knows counts as none: {arch}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_said_and_nothing_else_is_served() {
    let server = server();
    for query in ["arch=arm64", "arch=../../etc/passwd", "arch=%2e%2e%2fbin", ""] {
        let answer = server.call(Method::GET, &format!("/download/pulse-agent?{query}"), None, "").await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{query}");
        assert!(answer.text().contains("Agent binary not found"), "{}", answer.text());
    }
    let bad = server.call(Method::GET, "/download/pulse-host-agent?platform=../x", None, "").await;
    assert_eq!((bad.status, bad.text().as_str()), (StatusCode::BAD_REQUEST, "Invalid platform parameter\n"));
}

#[tokio::test]
async fn a_changed_file_has_a_new_checksum_and_a_range_is_a_part() {
    let server = server();
    let path = "/download/pulse-agent?arch=amd64";
    server.call(Method::GET, path, None, "").await;
    let request = http::Request::get(path).header("range", "bytes=1-").body(axum::body::Body::empty());
    let part = server.send(request.unwrap()).await;
    assert_eq!((part.status, part.text().as_str()), (StatusCode::PARTIAL_CONTENT, "bc"));
    assert_eq!(part.headers["content-range"], "bytes 1-2/3");
    std::fs::write(server.state.settings.bin_dir.join("pulse-agent-linux-amd64"), "abcd").unwrap();
    let answer = server.call(Method::GET, path, None, "").await;
    assert_ne!(answer.headers["x-checksum-sha256"], SUM);
}

#[tokio::test]
async fn a_signature_beside_the_program_goes_with_it_and_who_has_it_is_told_so() {
    let server = server();
    let path = "/download/pulse-agent?arch=amd64";
    let plain = server.call(Method::GET, path, None, "").await;
    assert!(!plain.headers.contains_key("x-signature-ed25519"));
    let beside = server.state.settings.bin_dir.join("pulse-agent-linux-amd64.sig");
    std::fs::write(beside, "c2lnbmF0dXJl\n").unwrap();
    let signed = server.call(Method::GET, path, None, "").await;
    assert_eq!(signed.headers["x-signature-ed25519"], "c2lnbmF0dXJl");
    let date = signed.headers["last-modified"].to_str().unwrap();
    let tag = signed.headers["etag"].to_str().unwrap();
    let ask = async |pairs: &[(&str, &str)]| {
        let mut request = http::Request::get(path);
        for (name, value) in pairs {
            request = request.header(*name, *value);
        }
        server.send(request.body(axum::body::Body::empty()).unwrap()).await
    };
    assert_eq!(ask(&[("if-modified-since", date)]).await.status, StatusCode::NOT_MODIFIED);
    assert_eq!(ask(&[("if-none-match", tag)]).await.status, StatusCode::NOT_MODIFIED);
    for other in [
        &[("if-modified-since", "Thu, 01 Jan 1998 00:00:00 GMT")][..],
        &[("if-modified-since", "yesterday")],
        &[("if-none-match", "\"other\""), ("if-modified-since", date)],
    ] {
        assert_eq!(ask(other).await.status, StatusCode::OK, "{other:?}");
    }
}

#[tokio::test]
async fn scripts_are_public_but_the_aliases_and_the_checksum() {
    let server = server();
    for path in [
        "/install.sh",
        "/install-docker-agent.sh",
        "/api/install/install-docker.sh",
        "/uninstall-host-agent.sh",
    ] {
        let answer = server.call(Method::GET, path, None, "").await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert!(answer.text().starts_with("#!/bin/sh"));
        assert!(!answer.text().contains("@SYSTEMD_UNIT@"));
    }
    let docker = server.call(Method::GET, "/install-docker-agent.sh", None, "").await.text();
    assert!(docker.contains("\nENABLE_DOCKER=\"true\"\n"));
    let uninstall = server.call(Method::GET, "/uninstall-host-agent.sh", None, "").await.text();
    assert!(uninstall.contains("\nACTION=\"uninstall\"\n"));
    for path in ["/api/install/install.sh", "/download/pulse-host-agent.sha256?platform=linux&arch=amd64"] {
        assert_eq!(server.call(Method::GET, path, None, "").await.status, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(server.get(path, TOKEN).await.status, StatusCode::OK, "{path}");
    }
    let post = server.call(Method::POST, "/install.sh", None, "").await;
    assert_eq!((post.status, post.text().as_str()), (StatusCode::METHOD_NOT_ALLOWED, "Method not allowed\n"));
}

#[tokio::test]
async fn sixty_a_minute() {
    let server = server();
    for _ in 0..60 {
        assert_eq!(server.call(Method::GET, "/install.sh", None, "").await.status, StatusCode::OK);
    }
    let limited = server.call(Method::GET, "/install.sh", None, "").await;
    assert_eq!(limited.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_large_program_arrives_whole() {
    let server = server();
    let program: Vec<u8> = (0..300_000_u32).map(|number| (number % 251) as u8).collect();
    std::fs::write(server.state.settings.bin_dir.join("pulse-agent-linux-arm64"), &program).unwrap();
    let answer = server.call(Method::GET, "/download/pulse-agent?arch=aarch64", None, "").await;
    assert!(answer.bytes == program, "{} bytes came", answer.bytes.len());
}

#[tokio::test]
async fn shellcheck_finds_nothing_in_the_scripts() {
    let server = server();
    if std::process::Command::new("shellcheck").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "shellcheck is missing: install the package shellcheck");
        eprintln!("skipped: shellcheck is not installed");
        return;
    }
    for path in ["/install.sh", "/install-docker-agent.sh", "/uninstall-host-agent.sh"] {
        let file = server.data.path().join("script.sh");
        std::fs::write(&file, server.call(Method::GET, path, None, "").await.bytes).unwrap();
        let found = std::process::Command::new("shellcheck").arg(&file).output().unwrap();
        assert!(found.status.success(), "{path}: {}", String::from_utf8_lossy(&found.stdout));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_script_that_is_cut_off_on_its_way_does_nothing() {
    use std::{
        io::Write,
        process::{Command, Stdio},
    };
    let server = server();
    let root = server.data.path().join("root");
    let program = root.join("usr/local/bin/pulse-agent");
    std::fs::create_dir_all(program.parent().unwrap()).unwrap();
    std::fs::write(&program, "old").unwrap();
    let run = |text: &[u8]| {
        let mut child = Command::new("sh")
            .env("PULSE_INSTALL_ROOT", &root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // One that is a wrong text is left by the shell before its end.
        child.stdin.take().unwrap().write_all(text).ok();
        let ran = child.wait_with_output().unwrap();
        String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr)
    };
    let script = server.call(Method::GET, "/uninstall-host-agent.sh", None, "").await.bytes;
    let near_the_end = script.len() - 40..script.len() - 1;
    for end in (0..script.len()).step_by(257).chain(near_the_end) {
        let said = run(&script[..end]);
        assert!(program.exists() && !said.contains("pulse-agent: "), "cut after {end} bytes: {said}");
    }
    assert!(run(&script).contains("not installed any more") && !program.exists());
}
