//! What Proxmox VE sends, versions 7 to 9, as far as it is used. No field fails; no item fails its list.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::lenient::{Flag, Float, Int, Part, Text};

pub(crate) use crate::envelope::{Unreadable, list, object};

/// One entry of `GET /cluster/resources`: a node, a guest, a storage or something of no interest.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Resource<'a> {
    #[serde(borrow, rename = "type")]
    pub(crate) kind: Text<'a>,
    #[serde(borrow)]
    pub(crate) id: Text<'a>,
    #[serde(borrow)]
    pub(crate) node: Text<'a>,
    #[serde(borrow)]
    pub(crate) name: Text<'a>,
    #[serde(borrow)]
    pub(crate) status: Text<'a>,
    #[serde(borrow)]
    pub(crate) storage: Text<'a>,
    #[serde(borrow)]
    pub(crate) plugintype: Text<'a>,
    #[serde(borrow)]
    pub(crate) content: Text<'a>,
    #[serde(borrow)]
    pub(crate) tags: Text<'a>,
    #[serde(borrow)]
    pub(crate) lock: Text<'a>,
    #[serde(borrow)]
    pub(crate) pool: Text<'a>,
    #[serde(borrow)]
    pub(crate) hastate: Text<'a>,
    pub(crate) vmid: Int,
    pub(crate) template: Flag,
    pub(crate) shared: Flag,
    pub(crate) cpu: Float,
    pub(crate) maxcpu: Float,
    pub(crate) mem: Int,
    pub(crate) maxmem: Int,
    pub(crate) disk: Int,
    pub(crate) maxdisk: Int,
    pub(crate) netin: Int,
    pub(crate) netout: Int,
    pub(crate) diskread: Int,
    pub(crate) diskwrite: Int,
    pub(crate) uptime: Int,
}

/// One entry of `GET /cluster/status`: the cluster or a node.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Member<'a> {
    #[serde(borrow, rename = "type")]
    pub(crate) kind: Text<'a>,
    #[serde(borrow)]
    pub(crate) id: Text<'a>,
    #[serde(borrow)]
    pub(crate) name: Text<'a>,
    #[serde(borrow)]
    pub(crate) ip: Text<'a>,
    pub(crate) online: Flag,
    pub(crate) local: Flag,
    pub(crate) quorate: Flag,
}

/// One entry of `GET /nodes`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NodeEntry<'a> {
    #[serde(borrow)]
    pub(crate) node: Text<'a>,
    #[serde(borrow)]
    pub(crate) ssl_fingerprint: Text<'a>,
}

/// `GET /nodes/{node}/status`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NodeStatus<'a> {
    pub(crate) cpu: Float,
    pub(crate) uptime: Int,
    #[serde(borrow)]
    pub(crate) kversion: Text<'a>,
    #[serde(borrow)]
    pub(crate) pveversion: Text<'a>,
    #[serde(borrow)]
    pub(crate) cpuinfo: Part<CpuInfo<'a>>,
    #[serde(borrow, rename = "current-kernel")]
    pub(crate) current_kernel: Part<Kernel<'a>>,
    pub(crate) memory: Part<Amount>,
    pub(crate) swap: Part<Amount>,
    pub(crate) rootfs: Part<Amount>,
    pub(crate) loadavg: LoadAverage,
}

/// Memory, swap or a file system of a node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Amount {
    pub(crate) total: Int,
    pub(crate) used: Int,
    pub(crate) free: Int,
    /// Only file systems have it.
    pub(crate) avail: Int,
}

/// Processors of a node.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CpuInfo<'a> {
    #[serde(borrow)]
    pub(crate) model: Text<'a>,
    #[serde(borrow)]
    pub(crate) mhz: Text<'a>,
    pub(crate) cores: Int,
    pub(crate) sockets: Int,
    pub(crate) cpus: Int,
}

/// The running kernel, from version 8 on.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Kernel<'a> {
    #[serde(borrow)]
    pub(crate) release: Text<'a>,
}

/// Three numbers, usually as texts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LoadAverage(pub(crate) Option<[f64; 3]>);

impl<'de> Deserialize<'de> for LoadAverage {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        let numbers: Vec<Float> = serde_json::from_str(raw.get()).unwrap_or_default();
        Ok(Self(match numbers.as_slice() {
            [Float(Some(one)), Float(Some(five)), Float(Some(fifteen)), ..] => Some([*one, *five, *fifteen]),
            _ => None,
        }))
    }
}

/// One entry of `GET /nodes/{node}/storage`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NodeStorage<'a> {
    #[serde(borrow)]
    pub(crate) storage: Text<'a>,
    #[serde(borrow, rename = "type")]
    pub(crate) kind: Text<'a>,
    #[serde(borrow)]
    pub(crate) content: Text<'a>,
    pub(crate) active: Flag,
    pub(crate) enabled: Flag,
    pub(crate) shared: Flag,
    pub(crate) total: Int,
    pub(crate) used: Int,
    pub(crate) avail: Int,
}

/// One entry of `GET /storage`, the configuration.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct StorageConfig<'a> {
    #[serde(borrow)]
    pub(crate) storage: Text<'a>,
    #[serde(borrow)]
    pub(crate) path: Text<'a>,
    #[serde(borrow)]
    pub(crate) pool: Text<'a>,
    #[serde(borrow)]
    pub(crate) nodes: Text<'a>,
}

/// One entry of `GET /nodes/{node}/qemu?full=1`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Vm<'a> {
    pub(crate) vmid: Int,
    #[serde(borrow)]
    pub(crate) status: Text<'a>,
    #[serde(borrow)]
    pub(crate) qmpstatus: Text<'a>,
    #[serde(borrow)]
    pub(crate) lock: Text<'a>,
    pub(crate) cpu: Float,
    pub(crate) mem: Int,
    pub(crate) maxmem: Int,
    pub(crate) balloon: Int,
    pub(crate) ballooninfo: Part<BalloonInfo>,
    pub(crate) meminfo: Part<MemInfo>,
    pub(crate) uptime: Int,
    pub(crate) netin: Int,
    pub(crate) netout: Int,
    pub(crate) diskread: Int,
    pub(crate) diskwrite: Int,
}

/// What the VM itself says of its memory. No release known to us sends it; one that does is believed before the
/// balloon driver, which counts page cache as used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct MemInfo {
    pub(crate) total: Int,
    pub(crate) available: Int,
    pub(crate) free: Int,
    pub(crate) buffers: Int,
    pub(crate) cached: Int,
}

/// What the balloon driver in the VM reports.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct BalloonInfo {
    pub(crate) total_mem: Int,
    pub(crate) free_mem: Int,
    pub(crate) actual: Int,
}

/// `GET /version`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Version<'a> {
    #[serde(borrow)]
    pub(crate) version: Text<'a>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RESOURCES: &str = include_str!("../../tests/fixtures/pve9_cluster_resources.json");
    const NODE_STATUS: &str = include_str!("../../tests/fixtures/pve9_node_status.json");

    #[test]
    fn bad_items_are_left_out_and_the_others_stay() {
        let body = r#"{"data":[{"type":"qemu","vmid":1},null,3,"x",[1],{"vmid":2,"vmid":3},{"vmid":"4"},{}],"total":8}"#;
        let vmids: Vec<_> = list::<Resource<'_>>(body).unwrap().iter().map(|row| row.vmid.0).collect();
        assert_eq!(vmids, [Some(1), Some(4), None]);
    }

    #[test]
    fn a_field_of_a_wrong_type_is_absent() {
        let body = r#"{"data":[{"type":"qemu","vmid":[1],"mem":{"x":1},"name":null,"cpu":"fast","maxmem":"5","tags":7}]}"#;
        let rows = list::<Resource<'_>>(body).unwrap();
        let [row] = rows.as_slice() else { panic!() };
        assert_eq!((row.vmid.0, row.mem.0, row.name.as_str(), row.cpu.0), (None, None, None, None));
        assert_eq!((row.maxmem.0, row.tags.as_str()), (Some(5), Some("7")));
    }

    #[test]
    fn parts_of_a_wrong_shape_are_absent() {
        let body =
            r#"{"data":{"cpu":0.5,"memory":[],"swap":null,"rootfs":"x","cpuinfo":7,"loadavg":{"a":1}}}"#;
        let status = object::<NodeStatus<'_>>(body).unwrap();
        assert_eq!((status.cpu.0, status.memory, status.rootfs), (Some(0.5), Part(None), Part(None)));
        assert!(status.cpuinfo.0.is_none() && status.loadavg.0.is_none());
        for (load, expect) in [
            (r#"["0.1","2",3]"#, Some([0.1, 2.0, 3.0])),
            (r#"["0.1","2"]"#, None),
            (r#"["a","2","3"]"#, None),
            ("null", None),
        ] {
            let body = format!(r#"{{"data":{{"loadavg":{load}}}}}"#);
            assert_eq!(object::<NodeStatus<'_>>(&body).unwrap().loadavg.0, expect, "{load}");
        }
    }

    #[test]
    fn no_data_is_an_error_and_an_empty_list_is_not() {
        assert!(list::<Resource<'_>>(r#"{"data":[]}"#).unwrap().is_empty());
        for body in [r#"{"data":null}"#, "{}", r#"{"data":{}}"#, r#"{"data":3}"#, "[]", "null", "7"] {
            assert!(list::<Resource<'_>>(body).is_err(), "{body}");
        }
        for body in [r#"{"data":null}"#, "{}", r#"{"data":[]}"#, "3"] {
            assert!(object::<NodeStatus<'_>>(body).is_err(), "{body}");
        }
    }

    /// Any JSON value, the odd ones often.
    fn value() -> impl Strategy<Value = serde_json::Value> {
        use serde_json::json;
        prop_oneof![
            Just(json!(null)),
            any::<bool>().prop_map(|value| json!(value)),
            any::<i64>().prop_map(|value| json!(value)),
            any::<f64>().prop_map(|value| json!(value)),
            any::<String>().prop_map(|value| json!(value)),
            any::<i64>().prop_map(|value| json!(value.to_string())),
            Just(json!([1, [2]])),
            Just(json!({"a": {"b": []}})),
        ]
    }

    proptest! {
        #[test]
        fn no_field_fails_its_item(place in 0usize..20, field in 0usize..30, value in value()) {
            let mut document: serde_json::Value = serde_json::from_str(RESOURCES).unwrap();
            let items = document["data"].as_array_mut().unwrap();
            let count = items.len();
            let item = items[place % count].as_object_mut().unwrap();
            let name = item.keys().nth(field % item.len()).unwrap().clone();
            item.insert(name, value);
            let body = document.to_string();
            prop_assert_eq!(list::<Resource<'_>>(&body).unwrap().len(), count);
        }

        #[test]
        fn a_document_that_was_cut_is_never_taken_for_a_whole_one(cut in 0usize..4000) {
            for body in [RESOURCES, NODE_STATUS] {
                let whole = body.trim_end();
                let cut = cut % whole.len();
                prop_assert!(list::<Resource<'_>>(&whole[..cut]).is_err());
                prop_assert!(object::<NodeStatus<'_>>(&whole[..cut]).is_err());
            }
        }

        #[test]
        fn nothing_panics(body in ".{0,200}") {
            let _ = list::<Resource<'_>>(&body);
            let _ = object::<NodeStatus<'_>>(&body);
            let _ = list::<Vm<'_>>(&format!(r#"{{"data":[{body}]}}"#));
        }
    }
}
