//! From a path and what the client accepts to one file with its headers.

use crate::accept::{Accept, Encoding};
use crate::kind;
use std::borrow::Cow;

/// Vite puts everything whose name carries a hash of its content here.
const HASHED: &str = "assets/";

/// A file of the page, with what its HTTP headers need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// The bytes to send, already in `encoding`.
    pub body: Cow<'static, [u8]>,
    /// For `Content-Type`.
    pub content_type: &'static str,
    /// For `Content-Encoding`; `None` sends no such header.
    pub encoding: Option<Encoding>,
    /// For `ETag`, with its quotes; made from the bytes, so each encoding has its own.
    pub etag: String,
    /// The name changes when the content does: `Cache-Control: public, max-age=31536000, immutable`.
    /// Everything else is `no-cache`, that is, asked for again with `If-None-Match`.
    pub is_immutable: bool,
}

/// What stands in the folder under one name.
pub(crate) struct File {
    pub(crate) body: Cow<'static, [u8]>,
    pub(crate) sha256: [u8; 32],
}

/// Finds `path` with `read`, in the first encoding of `accept` that the folder has.
pub(crate) fn find(read: impl Fn(&str) -> Option<File>, path: &str, accept: Accept) -> Option<Asset> {
    let path = path.strip_prefix('/').unwrap_or(path);
    if !is_plain(path) {
        return None;
    }
    let (file, encoding) = accept
        .in_order()
        .find_map(|encoding| {
            let file = read(&format!("{path}{}", encoding.suffix()))?;
            Some((file, Some(encoding)))
        })
        .or_else(|| Some((read(path)?, None)))?;
    Some(Asset {
        body: file.body,
        content_type: kind::content_type(path),
        encoding,
        etag: etag(&file.sha256),
        is_immutable: path.starts_with(HASHED),
    })
}

/// A relative path without tricks, and not one of the precompressed copies by its own name: those
/// would go out with the wrong content type.
fn is_plain(path: &str) -> bool {
    let is_copy = [Encoding::Br, Encoding::Gzip].iter().any(|encoding| path.ends_with(encoding.suffix()));
    !is_copy
        && !path.contains(['\\', '\0', ':'])
        && path.split('/').all(|part| !part.is_empty() && !part.starts_with('.'))
}

/// 128 of the hash's bits are plenty for telling two builds apart.
fn etag(sha256: &[u8; 32]) -> String {
    use std::fmt::Write as _;
    let mut tag = String::with_capacity(34);
    tag.push('"');
    for byte in sha256.iter().take(16) {
        // Writing to a string cannot fail.
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(path: &str) -> Option<File> {
        let (body, mark): (&'static [u8], u8) = match path {
            "index.html" => (b"<html>", 1),
            "index.html.gz" => (b"gz-html", 2),
            "assets/app-1a2b.js" => (b"let a", 3),
            "assets/app-1a2b.js.br" => (b"br-js", 4),
            "assets/app-1a2b.js.gz" => (b"gz-js", 5),
            "icon.svg" => (b"<svg>", 6),
            _ => return None,
        };
        Some(File { body: Cow::Borrowed(body), sha256: [mark; 32] })
    }

    const BOTH: Accept = Accept { br: true, gzip: true };

    #[test]
    fn best_accepted_encoding_wins_and_keeps_the_files_own_type() {
        let found = find(folder, "/assets/app-1a2b.js", BOTH).unwrap();
        assert_eq!(found.encoding, Some(Encoding::Br));
        assert_eq!(&*found.body, b"br-js");
        assert_eq!(found.content_type, "text/javascript; charset=utf-8");
        assert!(found.is_immutable);
    }

    #[test]
    fn falls_back_to_what_is_there() {
        let page = find(folder, "index.html", BOTH).unwrap();
        assert_eq!(page.encoding, Some(Encoding::Gzip));
        assert!(!page.is_immutable);
        let icon = find(folder, "/icon.svg", BOTH).unwrap();
        assert_eq!(icon.encoding, None);
        let plain = find(folder, "/assets/app-1a2b.js", Accept::default()).unwrap();
        assert_eq!(&*plain.body, b"let a");
    }

    #[test]
    fn each_encoding_has_its_own_quoted_etag() {
        let br = find(folder, "assets/app-1a2b.js", BOTH).unwrap().etag;
        let plain = find(folder, "assets/app-1a2b.js", Accept::default()).unwrap().etag;
        assert_eq!(br, format!("\"{}\"", "04".repeat(16)));
        assert_ne!(br, plain);
    }

    #[test]
    fn paths_that_are_not_files_of_the_page_find_nothing() {
        let paths = [
            "",
            "/",
            "//index.html",
            "../index.html",
            "assets/../index.html",
            "a\\b",
            "C:/x",
            ".env",
            "assets/.hidden",
            "index.html.gz",
            "assets/app-1a2b.js.br",
            "missing.js",
            "index.html\0",
        ];
        for path in paths {
            assert!(find(folder, path, BOTH).is_none(), "{path:?}");
        }
    }
}
