//! The `.env` file: reading it, and changing single variables without touching the other lines.

use std::{collections::HashMap, path::Path};

use crate::{ConfigError, atomic_file, settings::Vars};

/// The variable of the user name.
pub(crate) const USER: &str = "PULSE_AUTH_USER";
/// The variable of the password or its hash.
pub(crate) const PASS: &str = "PULSE_AUTH_PASS";

/// The variables of a `.env` file.
#[derive(Clone, Default)]
pub struct DotEnv(HashMap<String, String>);

impl DotEnv {
    /// Reads the file; without one there are no variables.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let Some(bytes) = atomic_file::read(path)? else { return Ok(Self::default()) };
        let (variables, broken) = Self::parse(&String::from_utf8_lossy(&bytes));
        for number in broken {
            // The line itself may be half a password: only its number is told.
            tracing::warn!(
                file.path = %path.display(), line = number, "a line is ignored because it is not NAME=value"
            );
        }
        Ok(variables)
    }

    /// The variables of a text, and the numbers of the lines that are none.
    pub fn parse(text: &str) -> (Self, Vec<usize>) {
        let (mut variables, mut broken) = (HashMap::new(), Vec::new());
        for (number, line) in text.lines().enumerate() {
            match parse_line(line) {
                Line::Variable(key, value) => {
                    variables.insert(key.to_owned(), value);
                }
                Line::Nothing => {}
                Line::Broken => broken.push(number + 1),
            }
        }
        (Self(variables), broken)
    }
}

impl std::fmt::Debug for DotEnv {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Vars for DotEnv {
    fn get(&self, key: &str) -> Option<String> {
        self.0.get(key).cloned()
    }
}

enum Line<'a> {
    Variable(&'a str, String),
    Nothing,
    Broken,
}

fn parse_line(line: &str) -> Line<'_> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Line::Nothing;
    }
    let line = line.strip_prefix("export ").unwrap_or(line);
    let Some((key, value)) = line.split_once('=') else { return Line::Broken };
    let key = key.trim();
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Line::Broken;
    }
    match unquote(value.trim()) {
        Some(value) => Line::Variable(key, value),
        None => Line::Broken,
    }
}

fn unquote(value: &str) -> Option<String> {
    if let Some(rest) = value.strip_prefix('\'') {
        return rest.split_once('\'').map(|(text, _)| text.to_owned());
    }
    if let Some(rest) = value.strip_prefix('"') {
        let mut text = String::new();
        let mut characters = rest.chars();
        while let Some(character) = characters.next() {
            match character {
                '"' => return Some(text),
                '\\' => match characters.next()? {
                    'n' => text.push('\n'),
                    'r' => text.push('\r'),
                    't' => text.push('\t'),
                    other => text.push(other),
                },
                other => text.push(other),
            }
        }
        return None;
    }
    // A comment needs a space before it: `#` may stand in a password.
    Some(value.split(" #").next().unwrap_or_default().trim_end().to_owned())
}

/// `text` with every `key` set to its value in single quotes: an existing line is replaced where it stands, a
/// missing one is appended.
pub(crate) fn with_variables(text: &str, variables: &[(&'static str, &str)]) -> Result<String, ConfigError> {
    for (key, value) in variables {
        if value.contains(['\'', '\n', '\r', '\0']) {
            return Err(ConfigError::Unquotable { key });
        }
    }
    let mut written = vec![false; variables.len()];
    let mut result = String::new();
    for line in text.lines() {
        let variable = match parse_line(line) {
            Line::Variable(key, _) => variables.iter().position(|(wanted, _)| *wanted == key),
            Line::Nothing | Line::Broken => None,
        };
        match variable {
            // A second line of the same name would win over the first: it goes.
            Some(place) if written[place] => {}
            Some(place) => {
                written[place] = true;
                push_variable(&mut result, variables[place]);
            }
            None => {
                result.push_str(line);
                result.push('\n');
            }
        }
    }
    for (place, variable) in variables.iter().enumerate() {
        if !written[place] {
            push_variable(&mut result, *variable);
        }
    }
    Ok(result)
}

fn push_variable(text: &mut String, (key, value): (&str, &str)) {
    text.push_str(key);
    text.push_str("='");
    text.push_str(value);
    text.push_str("'\n");
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn read(text: &str) -> DotEnv {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(".env"), text).unwrap();
        DotEnv::read(&dir.path().join(".env")).unwrap()
    }

    #[test]
    fn values_are_read_as_they_are_written_there() {
        let check = |line: &str, expect: Option<&str>| {
            assert_eq!(read(line).get("K").as_deref(), expect, "{line}");
        };
        check("K=plain", Some("plain"));
        check("  export K = spaced  ", Some("spaced"));
        check("K='$2b$12$a#b c'", Some("$2b$12$a#b c"));
        check(r#"K="say \"hi\"\n" # comment"#, Some("say \"hi\"\n"));
        check("K=a#b # comment", Some("a#b"));
        check("K=", Some(""));
        check("#K=1", None);
        check("K='open", None);
        check("K", None);
        check("K=1\nK=2", Some("2"));
        check("K=a=b", Some("a=b"));
    }

    #[test]
    fn no_file_means_no_variables() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(DotEnv::read(&dir.path().join(".env")).unwrap().get("K"), None);
    }

    #[test]
    fn other_lines_stay_as_they_are() {
        let text = "# mine\nA=1\nexport K=old\nbroken line\nK=older\nB='x'\n";
        let new = with_variables(text, &[("K", "n$w"), ("L", "2")]).unwrap();
        assert_eq!(new, "# mine\nA=1\nK='n$w'\nbroken line\nB='x'\nL='2'\n");
        assert_eq!(with_variables(&new, &[("K", "n$w"), ("L", "2")]).unwrap(), new);
    }

    #[test]
    fn a_value_that_would_break_out_of_its_quotes_is_refused() {
        for value in ["a'b", "a\nPULSE_AUTH_USER=me", "a\r", "\0"] {
            assert!(with_variables("", &[("K", value)]).is_err(), "{value:?}");
        }
    }
}
