//! The envelope every product puts its answers into: `{"data": …}`.

use serde::Deserialize;
use serde_json::{error::Category, value::RawValue};

use crate::lenient::Part;

/// Why a body is not what it should be, in words; nothing of the body in it.
pub(crate) type Unreadable = String;

#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
struct Envelope<T> {
    data: Option<T>,
}

/// Reads `{"data": [ … ]}` and leaves out items that are no objects of that kind.
pub(crate) fn list<'a, T: Deserialize<'a>>(body: &'a str) -> Result<Vec<T>, Unreadable> {
    match serde_json::from_str::<Envelope<Vec<Part<T>>>>(body) {
        Ok(Envelope { data: Some(items) }) => Ok(items.into_iter().filter_map(|item| item.0).collect()),
        Ok(Envelope { data: None }) => Err(no_data()),
        // Well-formed but odd: take it apart item by item.
        Err(error) if error.classify() == Category::Data => {
            let Envelope { data: Some(items) } =
                serde_json::from_str::<Envelope<Vec<&'a RawValue>>>(body).map_err(|error| explain(&error))?
            else {
                return Err(no_data());
            };
            let read = |item: &'a RawValue| serde_json::from_str::<Part<T>>(item.get()).ok()?.0;
            Ok(items.into_iter().filter_map(read).collect())
        }
        Err(error) => Err(explain(&error)),
    }
}

/// Reads `{"data": { … }}`.
pub(crate) fn object<'a, T: Deserialize<'a>>(body: &'a str) -> Result<T, Unreadable> {
    match serde_json::from_str::<Envelope<Part<T>>>(body) {
        Ok(Envelope { data: Some(Part(Some(object))) }) => Ok(object),
        Ok(_) => Err(no_data()),
        Err(error) => Err(explain(&error)),
    }
}

fn no_data() -> Unreadable {
    "it has no data of the expected shape; the host may be another product, or of a version not known yet"
        .into()
}

fn explain(error: &serde_json::Error) -> Unreadable {
    match error.classify() {
        Category::Eof if error.column() == 0 => {
            "it is empty; if it stays so, restart the API service there and look at its log".into()
        }
        Category::Eof => {
            "it ends in the middle of the JSON document; the API service there may have been restarted, \
                          or something in between cuts answers off"
                .into()
        }
        Category::Syntax => format!(
            "it is not JSON (line {}, column {}); check that a Proxmox API listens at this address",
            error.line(),
            error.column()
        ),
        Category::Data | Category::Io => no_data(),
    }
}
