//! What every `Cargo.toml` of a crate must say: the workspace's lints, and no version of its own.

use std::path::Path;

use anyhow::{Context, Result};

use crate::workspace;

/// What is wrong with the manifest at `path`.
pub fn problems(path: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    let name = path.strip_prefix(workspace::root()).unwrap_or(path).display().to_string();
    Ok(judge(&text).into_iter().map(|problem| format!("{name}: {problem}")).collect())
}

fn judge(text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let mut section = "";
    let mut inherits_lints = false;
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_end_matches(']');
            continue;
        }
        if section == "lints" && line.replace(' ', "") == "workspace=true" {
            inherits_lints = true;
        }
        let lists_dependencies = section.ends_with("dependencies");
        if lists_dependencies && !line.replace(' ', "").contains("workspace=true") {
            problems.push(format!("`{line}`: versions stand in the root Cargo.toml, say `workspace = true`"));
        }
    }
    if !inherits_lints {
        problems.push("does not inherit the lints: add `[lints]` with `workspace = true`".to_owned());
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_that_inherits_everything_passes() {
        let text = "[lints]\nworkspace = true\n[dependencies]\nserde.workspace = true\n\
                    tokio = { workspace = true, features = [\"net\"] }\n# a comment\n[dev-dependencies]\n";
        assert!(judge(text).is_empty());
    }

    #[test]
    fn a_version_of_its_own_fails() {
        let text = "[lints]\nworkspace = true\n[dev-dependencies]\nserde = \"1\"\n";
        assert_eq!(judge(text).len(), 1);
    }

    #[test]
    fn missing_lints_fail() {
        assert_eq!(judge("[package]\nname = \"x\"\n[lints.clippy]\nworkspace = true\n").len(), 1);
    }
}
