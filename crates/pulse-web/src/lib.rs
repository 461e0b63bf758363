//! pulse-web: the dashboard's built files, and how a browser should keep each of them.
//!
//! The page itself lives in `app/` and is built by `npm run build` into `app/dist`; this crate only
//! hands out what stands there. A release build carries the files inside the binary. A debug build
//! reads them from `app/dist` while it runs, so that a new build of the page shows without a new
//! build of the server. Without a built page everything still compiles: [`index`] is then a
//! placeholder that says how to add the page.
//!
//! The page's build writes a `.br` and a `.gz` beside each file that gains from it; here the best
//! one that the client accepts is chosen, and nothing is ever compressed at run time.
//!
//! This crate must never know HTTP routing, talk to the network, or run npm.

mod accept;
mod kind;
mod lookup;

pub use accept::{Accept, Encoding};
pub use lookup::Asset;

use rust_embed::RustEmbed;
use std::borrow::Cow;

/// The first file of the page.
const INDEX: &str = "index.html";

/// What `/` shows where no page was built.
const PLACEHOLDER: &str = include_str!("placeholder.html");

#[derive(RustEmbed)]
#[folder = "app/dist"]
#[allow_missing = true]
struct Dist;

fn read(path: &str) -> Option<lookup::File> {
    Dist::get(path).map(|file| lookup::File { body: file.data, sha256: file.metadata.sha256_hash() })
}

/// The file at `path` (as in the URL, with or without the leading `/`), in the best encoding that
/// the client accepts, or `None` where the page has no such file.
pub fn asset(path: &str, accept: Accept) -> Option<Asset> {
    lookup::find(read, path, accept)
}

/// The page's first file, uncompressed, or the placeholder where no page was built.
///
/// Every address that belongs to the page, such as `/docker`, answers with this.
pub fn index() -> Asset {
    index_for(Accept::default())
}

/// As [`index`], in the best encoding that the client accepts.
pub fn index_for(accept: Accept) -> Asset {
    asset(INDEX, accept).unwrap_or_else(|| Asset {
        body: Cow::Borrowed(PLACEHOLDER.as_bytes()),
        content_type: kind::HTML,
        encoding: None,
        etag: "\"no-page\"".to_owned(),
        is_immutable: false,
    })
}

/// Whether a built page is there to be served.
pub fn is_built() -> bool {
    Dist::get(INDEX).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_is_always_html() {
        // Holds with and without a built page.
        let page = index();
        assert_eq!(page.content_type, "text/html; charset=utf-8");
        assert!(!page.is_immutable);
        assert!(page.encoding.is_none());
        assert!(!page.body.is_empty());
    }

    #[test]
    fn placeholder_says_what_to_do_and_needs_nothing_that_the_policy_forbids() {
        assert!(PLACEHOLDER.contains("cargo xtask"));
        for forbidden in ["<script", "<style", "style=", "http://", "https://"] {
            assert!(!PLACEHOLDER.contains(forbidden), "{forbidden}");
        }
    }

    #[test]
    fn files_that_are_not_the_page_are_not_served() {
        assert!(asset(".gitkeep", Accept::default()).is_none());
        assert!(asset("../package.json", Accept::default()).is_none());
    }
}
