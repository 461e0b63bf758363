//! The OpenAPI document is complete for what is served.

use std::path::Path;

/// Routes that are registered without a document, each for a reason: answers to wrong paths, files of a page, the one of
/// the second listener, which is documented as that of the first, and the install scripts (`script.path` is the place that
/// registers them all), which a shell fetches and no generated client.
const UNDOCUMENTED: &[&str] = &[
    "/api",
    "/api/",
    "/api/{*path}",
    "/api/admin/profiles",
    "/api/admin/roles/",
    "/api/backups/{anything}",
    "/api/storage/",
    "/docs-page/docs.js",
    "/docs-page/docs.css",
    "/metrics",
    "script.path",
];

fn sources(folder: &Path, out: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            out.push(std::fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn no_route_is_registered_without_its_document() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let mut found = 0;
    for text in files {
        for (at, _) in text.match_indices(".route(") {
            let rest = text[at + ".route(".len()..].trim_start();
            let literal = rest.strip_prefix('"').and_then(|rest| rest.split('"').next());
            let path = literal.or_else(|| rest.split(',').next()).unwrap_or(rest);
            assert!(
                UNDOCUMENTED.contains(&path),
                "register {path} with routes!(..), so that it is documented"
            );
            found += 1;
        }
    }
    assert_eq!(found, UNDOCUMENTED.len(), "the list of undocumented routes is out of date");
}

#[test]
fn every_operation_has_words_an_area_and_a_name_of_its_own() {
    let document: serde_json::Value = serde_json::from_str(&pulse_api::document_json()).unwrap();
    let mut names = std::collections::BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap_or_default();
            assert!(!name.is_empty() && names.insert(name.to_owned()), "{method} {path}: {name}");
            assert!(operation["summary"].is_string(), "{method} {path} has no words");
            assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{method} {path}");
        }
    }
}

/// What a table says a test proves is worth as much as the test is there.
#[test]
fn every_test_that_the_pages_about_security_name_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |name: &str| std::fs::read_to_string(root.join("docs").join(name)).unwrap();
    let page = read("security.md");
    let mut files = Vec::new();
    sources(&root.join("crates"), &mut files);
    sources(&root.join("tests/tests"), &mut files);
    let table = page.split("and the tests that try them").nth(1).unwrap();
    let surprises = read("surprises.md");
    let is_name = |text: &&str| {
        text.matches('_').count() >= 2
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    let quoted = |text| str::split(text, '`').skip(1).step_by(2).filter(is_name);
    let named: Vec<&str> = quoted(table).chain(quoted(&surprises)).collect();
    assert!(named.len() > 150, "{named:?}");
    // Each entry of both lists, single or in a span, once and in order.
    for (part, last) in [("## A:", 59), ("## B:", 86)] {
        let rows = surprises.split(part).nth(1).unwrap().split("\n## ").next().unwrap();
        let mut numbers = Vec::new();
        for cell in rows.lines().filter_map(|row| row.strip_prefix("| ")?.split(" |").next()) {
            for span in cell.split(", ") {
                let mut ends = span.split(" to ").filter_map(|number| number.parse::<u32>().ok());
                let Some(first) = ends.next() else { continue };
                numbers.extend(first..=ends.next().unwrap_or(first));
            }
        }
        assert_eq!(numbers, (1..=last).collect::<Vec<_>>(), "{part}");
    }
    for name in named {
        let is_there = files.iter().any(|text| text.contains(&format!("fn {name}(")));
        assert!(is_there, "the pages about security name the test {name}, which is not there");
    }
}
