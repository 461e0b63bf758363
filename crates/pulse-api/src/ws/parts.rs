//! Fields of a difference that are told in parts: of a memory, a disk or a container's block I/O only the parts that
//! changed, and none that the page works out by itself.
//!
//! What the page does with it (`derived.ts` of the app): a part that is `null` went. Where it is told a new `used` or
//! `total` and not `free` and `usage`, it works out those of the two that it had, and `mem`, where the row has that.
//! So all of them are told whenever they are anything else, and a part that was unknown before is always told.

use serde_json::{Map, Value};

use super::delta::COUNTERS;
use crate::wire::usage::hundredths;

/// Fields whose parts are told one by one.
const PARTED: [&str; 3] = ["memory", "disk", "blockIo"];

/// What is told of a field that was `old` and is `new`, where it is one of those told in parts.
pub(super) fn change(field: &str, old: &Value, new: &Value) -> Option<Map<String, Value>> {
    let (Value::Object(old), Value::Object(new)) = (old, new) else { return None };
    if !PARTED.contains(&field) {
        return None;
    }
    let mut told: Map<String, Value> = new
        .iter()
        .filter(|(part, value)| match old.get(*part) {
            // The page shows their rates.
            Some(Value::Number(_)) if COUNTERS.contains(&part.as_str()) => false,
            before => before != Some(*value),
        })
        .map(|(part, value)| (part.clone(), value.clone()))
        .collect();
    told.extend(old.keys().filter(|part| !new.contains_key(*part)).map(|part| (part.clone(), Value::Null)));
    if told.contains_key("used") || told.contains_key("total") {
        for (part, follows) in [("free", free(new)), ("usage", usage(new))] {
            if let (true, Some(value)) = (old.contains_key(part), new.get(part)) {
                tell_unless(&mut told, part, value, follows.as_ref() == Some(value));
            }
        }
    }
    Some(told)
}

/// `mem` repeats the used bytes of `memory`: told only where it does not.
pub(super) fn leave_out_repetition(
    told: &mut Map<String, Value>,
    row: &Map<String, Value>,
    mem: Option<&Value>,
) {
    let Some(mem) = mem else { return };
    if told.get("memory").and_then(|memory| memory.get("used")).is_some() {
        let follows = row.get("mem").is_some() && memory_used(told) == Some(mem);
        let mem = mem.clone();
        tell_unless(told, "mem", &mem, follows);
    }
}

fn memory_used(told: &Map<String, Value>) -> Option<&Value> {
    told.get("memory")?.get("used")
}

/// The page would work out something: told even where it did not change, unless that is right.
fn tell_unless(told: &mut Map<String, Value>, part: &str, value: &Value, follows: bool) {
    if follows {
        told.remove(part);
    } else {
        told.insert(part.to_owned(), value.clone());
    }
}

fn free(of: &Map<String, Value>) -> Option<Value> {
    let (used, total) = (of.get("used")?.as_u64()?, of.get("total")?.as_u64()?);
    Some(total.saturating_sub(used).into())
}

#[expect(clippy::cast_precision_loss, reason = "as the page does it, whose numbers are all floating")]
fn usage(of: &Map<String, Value>) -> Option<Value> {
    let (used, total) = (of.get("used")?.as_u64()?, of.get("total")?.as_u64()?);
    (total > 0).then(|| hundredths(used as f64 / total as f64 * 100.0).into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn memory(used: u64, total: u64, free: u64, usage: f64) -> Value {
        json!({"used": used, "total": total, "free": free, "usage": usage})
    }

    fn check(field: &str, old: &Value, new: &Value, expect: &Value) {
        assert_eq!(change(field, old, new).map(Value::Object).as_ref(), Some(expect), "{old} to {new}");
    }

    #[test]
    fn of_a_memory_only_the_used_bytes_are_told() {
        check("memory", &memory(25, 100, 75, 25.0), &memory(33, 100, 67, 33.0), &json!({"used": 33}));
        check("memory", &memory(25, 100, 75, 25.0), &memory(1, 3, 2, 33.33), &json!({"used": 1, "total": 3}));
    }

    #[test]
    fn what_does_not_follow_is_told_even_where_it_did_not_change() {
        // Some of it is neither used nor free.
        check(
            "disk",
            &memory(25, 100, 70, 25.0),
            &memory(30, 100, 60, 30.0),
            &json!({"used": 30, "free": 60}),
        );
        // Only the allocated size is known.
        check(
            "disk",
            &memory(0, 100, 0, -1.0),
            &memory(0, 120, 0, -1.0),
            &json!({"total": 120, "free": 0, "usage": -1.0}),
        );
        check("memory", &memory(0, 0, 0, 0.0), &memory(1, 0, 0, 0.0), &json!({"used": 1, "usage": 0.0}));
    }

    #[test]
    fn a_part_that_came_is_told_and_one_that_went_is_null() {
        let bare = json!({"used": 5, "total": 10});
        check("memory", &bare, &memory(6, 10, 4, 60.0), &json!({"used": 6, "free": 4, "usage": 60.0}));
        check("memory", &memory(6, 10, 4, 60.0), &bare, &json!({"used": 5, "free": null, "usage": null}));
        check("memory", &memory(5, 10, 5, 50.0), &memory(5, 10, 5, 51.0), &json!({"usage": 51.0}));
    }

    #[test]
    fn counters_are_told_once() {
        check(
            "blockIo",
            &json!({"readBytes": 1, "readRateBytesPerSecond": 0.0}),
            &json!({"readBytes": 2, "writeBytes": 3, "readRateBytesPerSecond": 5.0}),
            &json!({"writeBytes": 3, "readRateBytesPerSecond": 5.0}),
        );
    }

    #[test]
    fn other_fields_and_such_as_come_or_go_are_told_whole() {
        assert_eq!(change("sensors", &json!({"a": 1}), &json!({"a": 2})), None);
        assert_eq!(change("memory", &Value::Null, &memory(1, 2, 1, 50.0)), None);
    }
}
