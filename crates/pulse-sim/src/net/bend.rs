//! What faults make of requests and answers: documents that are too large, of the wrong type, from a wrong clock, or
//! of a node that has another name now.

use bytes::Bytes;
use serde_json::Value;

/// Fields that hold an instant in Unix seconds.
const INSTANTS: [&str; 13] = [
    "backup-time",
    "ctime",
    "endtime",
    "estimated-full-date",
    "last-backup",
    "last-run-endtime",
    "last_sync",
    "last_try",
    "last_update",
    "next-run",
    "next_sync",
    "snaptime",
    "starttime",
];

/// A document of that size that is well-formed to its end.
pub(super) fn huge(mebibytes: u32) -> Bytes {
    let mut body = b"{\"data\":[".to_vec();
    let item = [b'"'].into_iter().chain([b'x'; 4094]).chain([b'"']).collect::<Vec<u8>>();
    for number in 0..mebibytes as usize * 256 {
        if number > 0 {
            body.push(b',');
        }
        body.extend_from_slice(&item);
    }
    body.extend_from_slice(b"]}");
    body.into()
}

/// The document with the entries of its list again and again, until there are so many.
pub(super) fn repeated(body: &Bytes, entries: usize) -> Bytes {
    let Ok(mut document) = serde_json::from_slice::<Value>(body) else { return body.clone() };
    let Some(list) = document["data"].as_array_mut().filter(|list| !list.is_empty()) else {
        return body.clone();
    };
    let more: Vec<Value> =
        list.iter().cycle().skip(list.len()).take(entries.saturating_sub(list.len())).cloned().collect();
    list.extend(more);
    document.to_string().into()
}

/// The document with another value in every field of that name.
pub(super) fn wrong(body: &Bytes, field: &str, value: &Value) -> Bytes {
    changed(body, &|name, inside| {
        if name == field {
            inside.clone_from(value);
        }
        name == field
    })
}

/// The document as a node with a wrong clock would have written it.
pub(super) fn skewed(body: &Bytes, seconds: i64) -> Bytes {
    changed(body, &|name, inside| {
        let is_instant = INSTANTS.contains(&name);
        if is_instant && let Some(at) = inside.as_i64() {
            *inside = at.saturating_add(seconds).max(0).into();
        }
        is_instant
    })
}

/// Every field is shown to `change`, which says whether it was meant; the others are gone into.
fn changed(body: &Bytes, change: &dyn Fn(&str, &mut Value) -> bool) -> Bytes {
    fn walk(place: &mut Value, change: &dyn Fn(&str, &mut Value) -> bool) {
        match place {
            Value::Object(map) => {
                for (name, inside) in map {
                    if !change(name, inside) {
                        walk(inside, change);
                    }
                }
            }
            Value::Array(list) => list.iter_mut().for_each(|inside| walk(inside, change)),
            _ => {}
        }
    }
    let Ok(mut document) = serde_json::from_slice::<Value>(body) else { return body.clone() };
    walk(&mut document, change);
    document.to_string().into()
}

/// The node a path is about.
pub(super) fn target(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/api2/json").unwrap_or(path).strip_prefix("/nodes/")?;
    rest.split('/').next().filter(|name| !name.is_empty())
}

/// The path with the name that the node began with, and the name that was asked for where nobody has it any more.
pub(super) fn renamed_path(path: String, renames: &[(String, String)]) -> (String, Option<String>) {
    let Some(name) = target(&path) else { return (path, None) };
    if let Some((from, to)) = renames.iter().find(|(_, to)| to == name) {
        let renamed = path.replacen(&format!("/nodes/{to}"), &format!("/nodes/{from}"), 1);
        return (renamed, None);
    }
    let gone = renames.iter().any(|(from, _)| from == name).then(|| name.to_owned());
    (path, gone)
}

/// The document with the nodes' new names wherever the old ones stand as a word of their own.
pub(super) fn renamed(body: &Bytes, renames: &[(String, String)]) -> Bytes {
    let Ok(text) = std::str::from_utf8(body) else { return body.clone() };
    let mut text = text.to_owned();
    for (from, to) in renames.iter().filter(|(from, _)| !from.is_empty()) {
        text = replaced(&text, from, to);
    }
    text.into()
}

fn replaced(text: &str, from: &str, to: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(from) {
        let (before, behind) = (&rest[..at], &rest[at + from.len()..]);
        let is_word = !before.ends_with(is_part) && !behind.starts_with(is_part);
        result.push_str(before);
        result.push_str(if is_word { to } else { from });
        rest = behind;
    }
    result.push_str(rest);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_repeats_itself() {
        let list = |entries| repeated(&Bytes::from_static(br#"{"data":[1,2,3]}"#), entries);
        assert_eq!(list(7), r#"{"data":[1,2,3,1,2,3,1]}"#.as_bytes());
        assert_eq!(list(2), r#"{"data":[1,2,3]}"#.as_bytes());
        let other = Bytes::from_static(br#"{"data":{"a":1}}"#);
        assert_eq!(repeated(&other, 9), other);
    }

    #[test]
    fn only_whole_names_are_replaced() {
        let renames = [("pve1".to_owned(), "alpha".to_owned())];
        let body = Bytes::from_static(br#"["pve1","pve10","UPID:pve1:0","x-pve1","node/pve1"]"#);
        assert_eq!(
            renamed(&body, &renames),
            r#"["alpha","pve10","UPID:alpha:0","x-pve1","node/alpha"]"#.as_bytes()
        );
    }

    #[test]
    fn the_old_name_leads_nowhere_and_the_new_one_to_the_node() {
        let renames = [("pve1".to_owned(), "alpha".to_owned())];
        let path = |path: &str| renamed_path(path.to_owned(), &renames);
        assert_eq!(path("/api2/json/nodes/alpha/status"), ("/api2/json/nodes/pve1/status".to_owned(), None));
        assert_eq!(path("/nodes/pve1/status"), ("/nodes/pve1/status".to_owned(), Some("pve1".to_owned())));
        assert_eq!(path("/nodes/pve2").1, None);
        assert_eq!(path("/version").1, None);
    }

    #[test]
    fn a_wrong_clock_moves_instants_and_nothing_else() {
        let body = Bytes::from_static(br#"{"data":[{"starttime":100,"uptime":100,"endtime":"soon"}]}"#);
        let bent: Value = serde_json::from_slice(&skewed(&body, 3_600)).unwrap();
        assert_eq!(bent["data"][0]["starttime"], 3_700);
        assert_eq!(bent["data"][0]["uptime"], 100);
        assert_eq!(bent["data"][0]["endtime"], "soon");
        assert_eq!(serde_json::from_slice::<Value>(&skewed(&body, -200)).unwrap()["data"][0]["starttime"], 0);
    }
}
