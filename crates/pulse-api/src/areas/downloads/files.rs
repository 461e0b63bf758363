//! Agent programs on disk: found, summed once, sent in pieces.

use std::{
    collections::HashMap,
    io::{Read, SeekFrom},
    path::{Path, PathBuf},
    sync::{LazyLock, Mutex, PoisonError},
    time::SystemTime,
};

use axum::{body::Body, response::Response};
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use crate::error::{ApiError, plain};

const PIECE_BYTES: u64 = 64 * 1024;

/// Sums remembered; there are about forty names.
const MAX_SUMS: usize = 64;

/// Longer is no signature: 64 bytes are 88 letters.
const MAX_SIGNATURE_BYTES: u64 = 256;

static SIGNATURE: HeaderName = HeaderName::from_static("x-signature-ed25519");
static CHECKSUM: HeaderName = HeaderName::from_static("x-checksum-sha256");

/// A program that is there.
pub(super) struct Found {
    path: PathBuf,
    size_bytes: u64,
    modified: SystemTime,
}

/// Where programs lie: the folder of the settings, and the one of the running server.
pub(super) fn folders(bin_dir: &Path) -> Vec<PathBuf> {
    let mut folders = vec![bin_dir.to_owned()];
    let beside = std::env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_owned));
    folders.extend(beside.filter(|beside| beside != bin_dir));
    folders
}

/// The first of the names in the first folder that has one.
pub(super) async fn find(folders: &[PathBuf], names: &[String]) -> Option<Found> {
    let mut paths = Vec::new();
    for folder in folders {
        paths.extend(names.iter().map(|name| folder.join(name)));
    }
    for path in paths {
        if let Ok(about) = tokio::fs::metadata(&path).await
            && about.is_file()
        {
            let modified = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            return Some(Found { path, size_bytes: about.len(), modified });
        }
    }
    None
}

/// What to tell somebody whose program is not there.
pub(super) fn missing(folders: &[PathBuf], names: &[String]) -> String {
    let name = names.first().map_or("pulse-agent", String::as_str);
    let folders: Vec<_> = folders.iter().map(|folder| folder.display().to_string()).collect();
    let hint =
        if name == "pulse-agent" { " Specify ?arch=linux-amd64 (or your architecture), or" } else { "" };
    format!(
        "Agent binary not found: this server has no file {name}.{hint} Put it into {} (PULSE_BIN_DIR sets the first).",
        folders.join(" or ")
    )
}

type Sums = HashMap<PathBuf, (u64, SystemTime, String)>;

/// The SHA-256 of a program, in lower-case hex.
pub(super) async fn checksum(found: &Found) -> Result<String, ApiError> {
    static SUMS: LazyLock<Mutex<Sums>> = LazyLock::new(Mutex::default);
    let known = SUMS.lock().unwrap_or_else(PoisonError::into_inner).get(&found.path).cloned();
    if let Some((size_bytes, modified, sum)) = known
        && (size_bytes, modified) == (found.size_bytes, found.modified)
    {
        return Ok(sum);
    }
    let path = found.path.clone();
    let failed = |error: &dyn std::fmt::Display| ApiError::internal("read an agent program", error);
    let sum = tokio::task::spawn_blocking(move || sum_of(&path)).await.map_err(|error| failed(&error))?;
    let sum = sum.map_err(|error| failed(&error))?;
    let mut sums = SUMS.lock().unwrap_or_else(PoisonError::into_inner);
    if sums.len() >= MAX_SUMS {
        sums.clear();
    }
    sums.insert(found.path.clone(), (found.size_bytes, found.modified, sum.clone()));
    Ok(sum)
}

fn sum_of(path: &Path) -> std::io::Result<String> {
    use std::fmt::Write as _;
    let mut file = std::fs::File::open(path)?;
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    let mut piece = vec![0; PIECE_BYTES as usize];
    loop {
        let length = file.read(&mut piece)?;
        if length == 0 {
            break;
        }
        context.update(&piece[..length]);
    }
    Ok(context.finish().as_ref().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// What `cargo xtask dist` wrote beside the program with the key of whoever built it, where it did.
async fn signature(found: &Found) -> Option<String> {
    let mut path = found.path.clone().into_os_string();
    path.push(".sig");
    let mut text = String::new();
    let file = tokio::fs::File::open(path).await.ok()?;
    file.take(MAX_SIGNATURE_BYTES).read_to_string(&mut text).await.ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// Whether the caller has the program of that time already. Dates have whole seconds.
fn is_unmodified(since: &str, modified: Timestamp) -> bool {
    let since = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(since);
    since.is_ok_and(|since| modified.as_second() <= since.as_second())
}

/// The program, a range of it, or that the caller has it already.
pub(super) async fn answer(found: Found, request: &HeaderMap) -> Result<Response, ApiError> {
    let sum = checksum(&found).await?;
    let tag = format!("\"{sum}\"");
    let text = |name| request.get(name).and_then(|value| value.to_str().ok());
    let modified = Timestamp::try_from(found.modified).ok();
    // A tag that is sent decides alone (RFC 9110 §13.1.3).
    let is_known = match (text(header::IF_NONE_MATCH), text(header::IF_MODIFIED_SINCE)) {
        (Some(tags), _) => tags.split(',').any(|one| one.trim().trim_start_matches("W/") == tag),
        (None, Some(since)) => modified.is_some_and(|modified| is_unmodified(since, modified)),
        (None, None) => false,
    };
    let size_bytes = found.size_bytes;
    let mut response = Response::new(Body::empty());
    let mut range = 0..size_bytes;
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        range = 0..0;
    } else if let Some(asked) =
        text(header::RANGE).filter(|_| text(header::IF_RANGE).is_none_or(|t| t == tag))
    {
        match parse_range(asked, size_bytes) {
            Some(Ok(asked)) => {
                let value = format!("bytes {}-{}/{size_bytes}", asked.start, asked.end - 1);
                insert(&mut response, header::CONTENT_RANGE, &value);
                *response.status_mut() = StatusCode::PARTIAL_CONTENT;
                range = asked;
            }
            Some(Err(())) => {
                let mut response =
                    plain(StatusCode::RANGE_NOT_SATISFIABLE, "The range is outside of the file");
                insert(&mut response, header::CONTENT_RANGE, &format!("bytes */{size_bytes}"));
                return Ok(response);
            }
            None => {}
        }
    }
    if !is_known {
        let doing = "read an agent program";
        let mut file =
            tokio::fs::File::open(&found.path).await.map_err(|error| ApiError::internal(doing, error))?;
        file.seek(SeekFrom::Start(range.start)).await.map_err(|error| ApiError::internal(doing, error))?;
        insert(&mut response, header::CONTENT_LENGTH, &(range.end - range.start).to_string());
        let pieces = stream::try_unfold(file.take(range.end - range.start), |mut file| async move {
            let mut piece = Vec::new();
            (&mut file).take(PIECE_BYTES).read_to_end(&mut piece).await?;
            Ok::<_, std::io::Error>((!piece.is_empty()).then_some((piece, file)))
        });
        *response.body_mut() = Body::from_stream(pieces);
    }
    insert(&mut response, header::CONTENT_TYPE, "application/octet-stream");
    insert(&mut response, header::ACCEPT_RANGES, "bytes");
    insert(&mut response, header::ETAG, &tag);
    insert(&mut response, CHECKSUM.clone(), &sum);
    if let Some(signature) = signature(&found).await {
        insert(&mut response, SIGNATURE.clone(), &signature);
    }
    let date = modified.and_then(|modified| {
        jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&modified).ok()
    });
    if let Some(date) = date {
        insert(&mut response, header::LAST_MODIFIED, &date);
    }
    Ok(response)
}

fn insert(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// One range of bytes; `None` for what is not understood and so ignored, an error for one outside of the file.
fn parse_range(text: &str, size_bytes: u64) -> Option<Result<std::ops::Range<u64>, ()>> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let range = match (first.trim(), last.trim()) {
        ("", last) => size_bytes.saturating_sub(last.parse().ok()?)..size_bytes,
        (first, "") => first.parse().ok()?..size_bytes,
        (first, last) => first.parse().ok()?..last.parse::<u64>().ok()?.saturating_add(1).min(size_bytes),
    };
    Some(if range.start < range.end { Ok(range) } else { Err(()) })
}
