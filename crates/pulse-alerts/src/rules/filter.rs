//! The conditions of custom rules.

use pulse_core::model::Guest;
use serde_json::Value;

use crate::config::{FilterCondition, FilterStack};

const MEBIBYTE: f64 = 1024.0 * 1024.0;

/// Whether a guest is meant.
pub(super) fn matches(stack: &FilterStack, guest: &Guest) -> bool {
    if stack.filters.is_empty() {
        return true;
    }
    if stack.logical_operator.eq_ignore_ascii_case("and") {
        stack.filters.iter().all(|condition| holds(condition, guest))
    } else {
        stack.filters.iter().any(|condition| holds(condition, guest))
    }
}

fn holds(condition: &FilterCondition, guest: &Guest) -> bool {
    let field = condition.field.as_deref().unwrap_or_default().to_lowercase();
    let text = match &condition.value {
        Value::String(text) => text.to_lowercase(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    };
    let has = |value: &str, part: &str| !part.is_empty() && value.to_lowercase().contains(part);
    match condition.kind.as_str() {
        "metric" => {
            let wanted = match &condition.value {
                Value::Number(number) => number.as_f64(),
                Value::String(text) => text.trim().parse().ok(),
                _ => None,
            };
            match (metric(&field, guest), wanted) {
                (Some(value), Some(wanted)) => compare(value, condition.operator.as_deref(), wanted),
                _ => false,
            }
        }
        "text" => match field.as_str() {
            "name" => has(&guest.name, &text),
            "node" => has(&guest.node, &text),
            "vmid" => has(&guest.vmid.to_string(), &text),
            // Ours, beside the contract.
            "instance" => has(guest.instance.as_str(), &text),
            "pool" => guest.pool.as_deref().is_some_and(|pool| has(pool, &text)),
            "type" => has(guest.kind.name(), &text),
            "tag" | "tags" => guest.tags.iter().any(|tag| tag.to_lowercase() == text),
            _ => false,
        },
        "raw" => {
            let part = condition.raw_text.as_deref().map_or(text, str::to_lowercase);
            [guest.name.as_str(), guest.id.as_str(), guest.node.as_str(), guest.status.name()]
                .iter()
                .any(|value| has(value, &part))
        }
        _ => false,
    }
}

fn metric(field: &str, guest: &Guest) -> Option<f64> {
    let rate = |rate: pulse_core::Reading<u64>| rate.known().map(|bytes| bytes as f64 / MEBIBYTE);
    match field {
        "cpu" => guest.cpu_fraction.known().map(|cpu| cpu * 100.0),
        "memory" => guest.memory.known().map(|memory| memory.used_percent()),
        "disk" => guest.disk.known().map(|disk| disk.used_percent()),
        "diskread" => rate(guest.rates.disk_read_bytes_per_second),
        "diskwrite" => rate(guest.rates.disk_write_bytes_per_second),
        "networkin" => rate(guest.rates.network_in_bytes_per_second),
        "networkout" => rate(guest.rates.network_out_bytes_per_second),
        _ => None,
    }
}

fn compare(value: f64, operator: Option<&str>, wanted: f64) -> bool {
    match operator.unwrap_or_default() {
        ">" => value > wanted,
        "<" => value < wanted,
        ">=" => value >= wanted,
        "<=" => value <= wanted,
        "=" | "==" => (value - wanted).abs() <= 0.5,
        _ => false,
    }
}
