//! The rules a reviewer would otherwise repeat: every Rust file says what it is for, none grows past what a
//! person reads in one sitting, no test is switched off, nothing is left "to do", and no secret can be printed by mistake.

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

/// How the names of fields end that hold what must never be printed. What is kept in a `Secret` may be: it shows asterisks.
const SECRETS: &[&str] = &[
    "password",
    "passphrase",
    "secret",
    "token",
    "token_value",
    "api_key",
    "private_key",
    "verifier",
    "cookie",
    "csrf",
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
    problems.extend(printable_secrets(name, text));
    let is_test =
        name.split('/').any(|part| part == "tests" || part == "benches") && !name.starts_with("tests/src");
    let may_be_longer = MAY_BE_LONGER.iter().any(|(longer, _)| *longer == name);
    let lines = lines_without_tests(text);
    if !is_test && !may_be_longer && lines > MOST_LINES {
        problems.push(format!("has {lines} lines without its tests, {MOST_LINES} at most: split it"));
    }
    problems
}

/// Fields of structs with a derived `Debug` that hold a secret as plain text.
fn printable_secrets(name: &str, text: &str) -> Vec<String> {
    // What the simulator and the tests know of are inventions.
    let is_product = (name.starts_with("crates/") || name.starts_with("bins/"))
        && name.contains("/src/")
        && !name.starts_with("crates/pulse-sim/");
    let mut problems = Vec::new();
    let (mut derives_debug, mut of) = (false, None);
    for line in text.lines().take_while(|line| line.trim() != "#[cfg(test)]").filter(|_| is_product) {
        let code = line.trim_start();
        if let Some(derived) = code.strip_prefix("#[derive(") {
            derives_debug = derived.contains("Debug");
        } else if let Some((_, rest)) = code.split_once("struct ").filter(|(before, _)| is_visibility(before))
        {
            of =
                std::mem::take(&mut derives_debug).then(|| rest.split(|c: char| !c.is_alphanumeric()).next());
        } else if line == "}" {
            (of, derives_debug) = (None, false);
        } else if let (Some(of), Some((field, kind))) = (of, code.split_once(": ")) {
            let field = field.rsplit(' ').next().unwrap_or(field);
            let is_secret = SECRETS.iter().any(|end| {
                field.strip_suffix(end).is_some_and(|before| before.is_empty() || before.ends_with('_'))
            });
            let is_text = ["String", "&str", "&'a str", "Option<&'a str", "Zeroizing<String", "Vec<u8"];
            if is_secret && is_text.iter().any(|text| kind.trim_start_matches("Option<").starts_with(text)) {
                let of = of.unwrap_or_default();
                problems
                    .push(format!("{of}.{field} could be printed: keep it in a Secret, or derive no Debug"));
            }
        }
    }
    problems
}

fn is_visibility(text: &str) -> bool {
    text.is_empty() || (text.starts_with("pub") && text.ends_with(' '))
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
    fn secrets_that_could_be_printed_are_found() {
        let text = |derive: &str, field: &str| {
            format!("//! Doc.\n#[derive({derive})]\npub(super) struct A {{\n    pub {field},\n}}\n")
        };
        let judge = |text: &str| judge("crates/a/src/b.rs", text).len();
        assert_eq!(judge(&text("Clone, Debug", "auth_token: Option<String>")), 1);
        assert_eq!(judge(&text("Debug", "password: String")), 1);
        assert_eq!(judge(&text("Debug", "password: Secret")), 0);
        assert_eq!(judge(&text("Clone", "password: String")), 0);
        assert_eq!(judge(&text("Debug", "token_id: String")), 0);
        // What was derived for one is not derived for the next.
        let two = format!("//! Doc.\n#[derive(Debug)]\nenum E {{\n}}\n{}", text("Clone", "token: String"));
        assert_eq!(judge(&two), 0);
        assert_eq!(judge(&format!("{}fn f(token: &str) {{}}\n", text("Debug", "a: u8"))), 0);
    }

    #[test]
    fn unfinished_work_is_found() {
        assert_eq!(judge("a.rs", &format!("//! Doc.\n{}]\n", UNFINISHED[0])).len(), 1);
        assert_eq!(judge("a.test.ts", &format!("{}'x')", UNFINISHED_PAGE[0])).len(), 1);
    }
}
