//! The size of the page's first view: what `index.html` names, compressed.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use flate2::{Compression, write::GzEncoder};

use super::table::Table;
use crate::workspace;

/// Adds the compressed size of the scripts and styles that the first view loads.
pub fn size(table: &mut Table) -> Result<()> {
    let dist = workspace::app().join("dist");
    let Ok(index) = std::fs::read_to_string(dist.join("index.html")) else {
        return Ok(()); // built without Node: there is no page to measure
    };
    let mut bytes = 0;
    for name in named(&index) {
        let file = dist.join(name.trim_start_matches('/'));
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(&std::fs::read(&file).with_context(|| format!("read {}", file.display()))?)?;
        bytes += gzip.finish()?.len();
    }
    table.add(
        "page: script and style of the first view, gzip",
        format!("{:.1} kB", bytes as f64 / 1e3),
        "120 kB",
    );
    Ok(())
}

/// Scripts, preloaded modules and styles that a page names.
fn named(index: &str) -> Vec<&str> {
    index
        .split(['"', '\''])
        .filter(|part| Path::new(part).extension().is_some_and(|kind| kind == "js" || kind == "css"))
        .map(|part| part.trim_start_matches("./"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_and_styles_are_found() {
        let index = r#"<link rel="stylesheet" href="/assets/a.css"><script type="module" src="./assets/b.js">
            </script><link rel="icon" href="/icon.svg">"#;
        assert_eq!(named(index), ["/assets/a.css", "assets/b.js"]);
    }
}
