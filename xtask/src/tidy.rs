//! The rules a reviewer would otherwise repeat: every Rust file says what it is for, none grows past what a
//! person reads in one sitting, no test is switched off, nothing is left "to do".

use std::path::Path;

use anyhow::{Result, bail};

use crate::{shell, workspace};

/// Lines of a file without its tests.
const MOST_LINES: usize = 600;

/// The one list of files that may be longer, each with its reason.
const MAY_BE_LONGER: &[(&str, &str)] = &[];

/// Marks of unfinished work, put together here so that this file does not find itself.
const UNFINISHED: &[&str] = &[
    concat!("#[", "ignore"),
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("FIX", "ME"),
    concat!("TO", "DO:"),
];
/// What lets unsafe code in, put together here so that this file does not find itself.
const UNSAFE: &str = concat!("expect(unsafe", "_code");

/// The one folder whose files may.
const MAY_BE_UNSAFE: &str = "crates/pulse-memory/src/";

/// Marks of tests switched off or run alone, in the page's sources.
const UNFINISHED_PAGE: &[&str] = &[
    concat!("test", ".only("),
    concat!("it", ".only("),
    concat!("describe", ".only("),
    concat!("it", ".skip("),
    concat!("describe", ".skip("),
];

/// Fails with every departure, not only the first.
pub fn run() -> Result<()> {
    let files = files()?;
    let mut problems = Vec::new();
    for name in &files {
        let Ok(text) = std::fs::read_to_string(workspace::root().join(name)) else {
            continue; // listed by git, deleted in the work tree
        };
        problems.extend(judge(name, &text).into_iter().map(|problem| format!("{name}: {problem}")));
    }
    for (name, _) in MAY_BE_LONGER {
        if !files.iter().any(|file| file == name) {
            problems.push(format!("{name}: is on the list of longer files and does not exist"));
        }
    }
    if problems.is_empty() {
        println!("tidy: {} files", files.len());
        return Ok(());
    }
    for problem in &problems {
        eprintln!("tidy: {problem}");
    }
    bail!("{} files to tidy up", problems.len());
}

/// Source files that git knows, and new ones that it does not ignore.
fn files() -> Result<Vec<String>> {
    let mut git = shell::program("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.rs", "*.ts", "*.tsx"]);
    let listed = shell::output(&mut git)?;
    Ok(String::from_utf8_lossy(&listed)
        .split('\0')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect())
}

fn judge(name: &str, text: &str) -> Vec<String> {
    if Path::new(name).extension().is_none_or(|extension| extension != "rs") {
        return marks(text, UNFINISHED_PAGE);
    }
    let mut problems = marks(text, UNFINISHED);
    if text.contains(UNSAFE) && !name.starts_with(MAY_BE_UNSAFE) {
        problems.push(format!("lets unsafe code in; only {MAY_BE_UNSAFE} may"));
    }
    if !has_module_doc(text) {
        problems.push("has no module doc: say in `//!` what it is for and what it must never do".to_owned());
    }
    let is_test =
        name.split('/').any(|part| part == "tests" || part == "benches") && !name.starts_with("tests/src");
    let may_be_longer = MAY_BE_LONGER.iter().any(|(longer, _)| *longer == name);
    let lines = lines_without_tests(text);
    if !is_test && !may_be_longer && lines > MOST_LINES {
        problems.push(format!("has {lines} lines without its tests, {MOST_LINES} at most: split it"));
    }
    problems
}

fn marks(text: &str, marks: &[&str]) -> Vec<String> {
    marks.iter().filter(|mark| text.contains(**mark)).map(|mark| format!("contains `{mark}`")).collect()
}

fn has_module_doc(text: &str) -> bool {
    text.lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with("#!["))
        .is_some_and(|line| line.strip_prefix("//!").is_some_and(|doc| !doc.trim().is_empty()))
}

/// Counts up to the test module, which stands last.
fn lines_without_tests(text: &str) -> usize {
    text.lines().take_while(|line| line.trim() != "#[cfg(test)]").count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_what_it_is_for() {
        assert!(judge("a.rs", "//! Keeps things.\nfn main() {}\n").is_empty());
        assert!(judge("a.rs", "#![no_std]\n//! Keeps things.\n").is_empty());
        assert_eq!(judge("a.rs", "fn main() {}\n").len(), 1);
        assert_eq!(judge("a.rs", "//!\nfn main() {}\n").len(), 1);
    }

    #[test]
    fn length_is_counted_without_the_tests() {
        let code = "fn f() {}\n".repeat(MOST_LINES - 1);
        assert!(judge("a.rs", &format!("//! Doc.\n{code}#[cfg(test)]\n{code}")).is_empty());
        assert_eq!(judge("a.rs", &format!("//! Doc.\n{code}fn one_more() {{}}\n")).len(), 1);
        assert!(judge("x/tests/it.rs", &format!("//! Doc.\n{code}{code}")).is_empty());
    }

    #[test]
    fn unsafe_code_stands_in_one_crate() {
        let text = format!("//! Doc.\n#[{UNSAFE})]\n");
        assert!(judge("crates/pulse-memory/src/lib.rs", &text).is_empty());
        assert_eq!(judge("crates/pulse-core/src/lib.rs", &text).len(), 1);
    }

    #[test]
    fn unfinished_work_is_found() {
        assert_eq!(judge("a.rs", &format!("//! Doc.\n{}]\n", UNFINISHED[0])).len(), 1);
        assert_eq!(judge("a.test.ts", &format!("{}'x')", UNFINISHED_PAGE[0])).len(), 1);
    }
}
