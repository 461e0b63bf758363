//! What Proxmox Backup Server sends, versions 2 to 4, as far as it is used. No field fails; no item fails its list.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::lenient::{Flag, Float, Int, Items, Part, Text};

/// `GET /version`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Version<'a> {
    #[serde(borrow)]
    pub(super) version: Text<'a>,
    #[serde(borrow)]
    pub(super) release: Text<'a>,
}

/// `GET /nodes/localhost/status`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct NodeStatus {
    pub(super) cpu: Float,
    pub(super) memory: Part<Amount>,
    pub(super) root: Part<Amount>,
    pub(super) swap: Part<Amount>,
    pub(super) uptime: Int,
    pub(super) loadavg: Numbers,
}

/// Something of which there is a total and a part in use.
#[derive(Debug, Default, Clone, Copy, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Amount {
    pub(super) total: Int,
    pub(super) used: Int,
    pub(super) avail: Int,
}

/// One entry of `GET /status/datastore-usage`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct Usage<'a> {
    #[serde(borrow)]
    pub(super) store: Text<'a>,
    #[serde(borrow)]
    pub(super) error: Text<'a>,
    #[serde(borrow)]
    pub(super) mount_status: Text<'a>,
    #[serde(borrow)]
    pub(super) backend_type: Text<'a>,
    pub(super) total: Int,
    pub(super) used: Int,
    pub(super) avail: Int,
    pub(super) estimated_full_date: Int,
    pub(super) gc_status: Part<Garbage>,
}

/// What the last garbage collection found.
#[derive(Debug, Default, Clone, Copy, PartialEq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct Garbage {
    pub(super) disk_bytes: Int,
    pub(super) index_data_bytes: Int,
}

/// One entry of `GET /admin/datastore`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct Store<'a> {
    #[serde(borrow)]
    pub(super) store: Text<'a>,
    #[serde(borrow)]
    pub(super) comment: Text<'a>,
    #[serde(borrow)]
    pub(super) maintenance: Text<'a>,
    #[serde(borrow)]
    pub(super) mount_status: Text<'a>,
}

/// One entry of `GET /admin/datastore/{store}/namespace`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Namespace<'a> {
    #[serde(borrow)]
    pub(super) ns: Text<'a>,
}

/// One entry of `GET /admin/{sync,verify,prune,gc}`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct Job<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) store: Text<'a>,
    #[serde(borrow)]
    pub(super) ns: Text<'a>,
    #[serde(borrow)]
    pub(super) remote: Text<'a>,
    #[serde(borrow)]
    pub(super) remote_store: Text<'a>,
    #[serde(borrow)]
    pub(super) schedule: Text<'a>,
    #[serde(borrow)]
    pub(super) comment: Text<'a>,
    #[serde(borrow)]
    pub(super) last_run_state: Text<'a>,
    pub(super) last_run_endtime: Int,
    pub(super) next_run: Int,
    pub(super) disable: Flag,
    pub(super) duration: Int,
    pub(super) removed_bytes: Int,
}

/// One entry of `GET /admin/datastore/{store}/groups`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct Group<'a> {
    #[serde(borrow)]
    pub(super) backup_type: Text<'a>,
    #[serde(borrow)]
    pub(super) backup_id: Text<'a>,
    #[serde(borrow)]
    pub(super) owner: Text<'a>,
    #[serde(borrow)]
    pub(super) comment: Text<'a>,
    pub(super) last_backup: Int,
    pub(super) backup_count: Int,
}

/// One entry of `GET /admin/datastore/{store}/snapshots`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct Snapshot<'a> {
    pub(super) backup_time: Int,
    pub(super) size: Int,
    pub(super) protected: Flag,
    #[serde(borrow)]
    pub(super) comment: Text<'a>,
    #[serde(borrow)]
    pub(super) fingerprint: Text<'a>,
    #[serde(borrow)]
    pub(super) verification: Part<Verification<'a>>,
    #[serde(borrow)]
    pub(super) files: Files<'a>,
}

/// How a backup's verification ended.
#[derive(Debug, Default, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Verification<'a> {
    #[serde(borrow)]
    pub(super) state: Text<'a>,
}

/// A token that was made.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Token<'a> {
    #[serde(borrow)]
    pub(super) tokenid: Text<'a>,
    #[serde(borrow)]
    pub(super) value: Text<'a>,
}

/// Numbers in a list; what is no number is left out, and what is no list is empty.
#[derive(Debug, Default)]
pub(super) struct Numbers(Vec<f64>);

impl Numbers {
    /// The first three.
    pub(super) fn three(&self) -> Option<[f64; 3]> {
        self.0.get(..3)?.try_into().ok()
    }
}

impl<'de> Deserialize<'de> for Numbers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let numbers = Items::<Float>::deserialize(deserializer)?.0;
        Ok(Self(numbers.into_iter().filter_map(|number| number.0).collect()))
    }
}

/// The archives of a backup: objects on real servers, plain names in the schema.
#[derive(Debug, Default)]
pub(super) struct Files<'a>(pub(super) Vec<File<'a>>);

/// An archive.
#[derive(Debug)]
pub(super) struct File<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) is_encrypted: bool,
}

impl<'de: 'a, 'a> Deserialize<'de> for Files<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Default, Deserialize)]
        #[serde(default, rename_all = "kebab-case")]
        struct Object<'a> {
            #[serde(borrow)]
            filename: Text<'a>,
            #[serde(borrow)]
            crypt_mode: Text<'a>,
        }
        let items = Items::<&RawValue>::deserialize(deserializer)?.0;
        let file = |item: &'de RawValue| {
            if let Ok(Part(Some(object))) = serde_json::from_str::<Part<Object<'de>>>(item.get()) {
                let is_encrypted = object.crypt_mode.is("encrypt");
                return object.filename.0.map(|name| File { name, is_encrypted });
            }
            let name = serde_json::from_str::<Text<'de>>(item.get()).ok()?.0?;
            Some(File { name, is_encrypted: false })
        };
        Ok(Self(items.into_iter().filter_map(file).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(json: &str) -> Vec<(String, bool)> {
        let files: Files<'_> = serde_json::from_str(json).unwrap();
        files.0.into_iter().map(|file| (file.name.into_owned(), file.is_encrypted)).collect()
    }

    #[test]
    fn archives_come_as_objects_or_as_names() {
        let both =
            r#"[{"filename":"a.fidx","crypt-mode":"encrypt","size":1},"b.blob",{"size":2},7,null,[],true]"#;
        assert_eq!(files(both), [("a.fidx".into(), true), ("b.blob".into(), false), ("7".into(), false)]);
        for nothing in ["null", "{}", "3", "\"x\"", "[]"] {
            assert!(files(nothing).is_empty(), "{nothing}");
        }
    }

    #[test]
    fn loads_are_three_numbers_or_nothing() {
        let load = |json: &str| serde_json::from_str::<Numbers>(json).unwrap().three();
        assert_eq!(load("[1, \"2.5\", 3, 4]"), Some([1.0, 2.5, 3.0]));
        assert_eq!(load("[1, null, 3]"), None);
        assert_eq!(load("\"1 2 3\""), None);
    }
}
