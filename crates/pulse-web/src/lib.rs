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

/// The page's first file for a server that a browser sees under the path `base`, such as `/pulse`: every address in it
/// begins with that path, and a `meta` element tells it to the page's scripts. Uncompressed.
///
/// `base` must be plain: letters, digits and `-_.~` between slashes.
pub fn index_under(base: &str) -> Asset {
    let mut asset = index();
    let text = String::from_utf8_lossy(&asset.body);
    let moved = text.replace("=\"/", &format!("=\"{base}/")).replacen(
        "<head>",
        &format!("<head><meta name=\"pulse-base\" content=\"{base}\">"),
        1,
    );
    asset.etag =
        format!("\"{}-{}\"", asset.etag.trim_matches('"'), base.trim_start_matches('/').replace('/', "-"));
    asset.body = Cow::Owned(moved.into_bytes());
    asset
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
    fn under_a_path_every_address_begins_with_it() {
        let text = String::from_utf8(index_under("/apps/pulse").body.into_owned()).unwrap();
        assert!(text.contains("<head><meta name=\"pulse-base\" content=\"/apps/pulse\">"), "{text}");
        for attribute in ["src=\"/", "href=\"/"] {
            for (at, _) in text.match_indices(attribute) {
                assert!(text[at..].starts_with(&format!("{attribute}apps/pulse/")), "{}", &text[at..]);
            }
        }
        assert_ne!(index_under("/a").etag, index().etag);
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
