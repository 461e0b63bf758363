//! Answers against the vendor's own schemas, where those are at hand. They are not part of the repository (their licence
//! is the vendor's): the folder `PULSE_SCHEMAS` names, or `../shared/collectors/schemas` beside the repository.

use std::{
    io::{Read, Write},
    path::PathBuf,
};

use flate2::read::GzDecoder;
use serde_json::Value;

/// The schema of a product, or `None` with a word on standard error.
pub fn load(file: &str) -> Option<Value> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/collectors/schemas");
    let folder = std::env::var_os("PULSE_SCHEMAS").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let path = folder.join(file);
    let Ok(packed) = std::fs::read(&path) else {
        // Past the test's own output, which nobody sees of one that passes.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: no schema at {}; set PULSE_SCHEMAS to a folder that has it",
            path.display()
        );
        return None;
    };
    let mut text = String::new();
    GzDecoder::new(&*packed).read_to_string(&mut text).unwrap();
    Some(serde_json::from_str(&text).unwrap())
}

/// What is wrong with an answer of `GET path`, as far as the schema says.
pub fn problems(schema: &Value, path: &str, data: &Value, allowed: &[&str]) -> Vec<String> {
    let returns = &schema[path]["GET"]["returns"];
    assert!(!returns.is_null(), "{path} is not in the schema");
    let mut out = Vec::new();
    check(returns, data, path, &mut out);
    out.retain(|problem| !allowed.iter().any(|part| problem.contains(part)));
    out
}

fn is_optional(schema: &Value) -> bool {
    matches!(&schema["optional"], Value::Bool(true)) || schema["optional"] == 1
}

fn check(schema: &Value, value: &Value, at: &str, out: &mut Vec<String>) {
    let fits = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_u64() || value.is_i64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean() || *value == 0 || *value == 1,
        Some("null") => value.is_null(),
        _ => true,
    };
    if !fits {
        out.push(format!("{at}: {value} is no {}", schema["type"]));
        return;
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        out.push(format!("{at}: {value} is none of {words:?}"));
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        match value.get(name) {
            Some(value) => check(property, value, &format!("{at}.{name}"), out),
            None if is_optional(property) => {}
            None => out.push(format!("{at}.{name} is missing")),
        }
    }
    if schema["additionalProperties"] == false {
        let known = schema["properties"].as_object();
        for name in value.as_object().into_iter().flat_map(|object| object.keys()) {
            if known.is_some_and(|known| !known.contains_key(name)) {
                out.push(format!("{at}.{name} is unknown"));
            }
        }
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate().take(20) {
        check(&schema["items"], item, &format!("{at}[{index}]"), out);
    }
}
