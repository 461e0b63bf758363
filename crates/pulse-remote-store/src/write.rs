//! Prometheus remote write 1.0: a protocol buffer of series with their labels and samples, packed with snappy.
//!
//! The four messages have nine fields; writing them by hand is shorter than describing them to a generator.

use std::collections::HashMap;

use pulse_core::metric::{Sample, SeriesKey};

use crate::series_name;

/// The body of a request that sends these samples, before it is packed.
pub fn encode(samples: &[Sample]) -> Vec<u8> {
    let mut places: HashMap<&SeriesKey, usize> = HashMap::new();
    let mut series: Vec<(&SeriesKey, Vec<&Sample>)> = vec![];
    for sample in samples {
        let place = *places.entry(&sample.series).or_insert_with(|| {
            series.push((&sample.series, vec![]));
            series.len() - 1
        });
        if let Some((_, of_series)) = series.get_mut(place) {
            of_series.push(sample);
        }
    }
    let mut out = vec![];
    for (key, mut samples) in series {
        // An engine may refuse samples that go back in time.
        samples.sort_by_key(|sample| sample.at);
        let mut body = vec![];
        // Sorted by name, as the protocol asks.
        for (name, value) in [
            ("__name__", series_name(key.metric).as_str()),
            ("resource_id", &key.resource_id),
            ("resource_type", key.resource_type.name()),
        ] {
            let mut label = vec![];
            bytes(1, name.as_bytes(), &mut label);
            bytes(2, value.as_bytes(), &mut label);
            bytes(1, &label, &mut body);
        }
        for sample in samples {
            let mut one = vec![];
            // Field 1, eight bytes; field 2, a varint.
            one.push(1 << 3 | 1);
            one.extend(sample.value.to_le_bytes());
            one.push(2 << 3);
            varint(sample.at.as_millisecond() as u64, &mut one);
            bytes(2, &one, &mut body);
        }
        bytes(1, &body, &mut out);
    }
    out
}

fn bytes(field: u8, value: &[u8], out: &mut Vec<u8>) {
    out.push(field << 3 | 2);
    varint(value.len() as u64, out);
    out.extend(value);
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use pulse_core::metric::{Metric, ResourceType};

    use super::*;

    #[test]
    fn the_wire_format_is_that_of_the_protocol() {
        let series =
            SeriesKey { resource_type: ResourceType::Vm, resource_id: "a".into(), metric: Metric::Cpu };
        let sample = |ms, value| Sample {
            series: series.clone(),
            at: Timestamp::from_millisecond(ms).unwrap(),
            value,
        };
        let body = encode(&[sample(300, 2.0), sample(1, 1.0)]);
        let label = |name: &str, value: &str| {
            let mut out = vec![0x0a, (name.len() + value.len() + 4) as u8, 0x0a, name.len() as u8];
            out.extend(name.bytes());
            out.extend([0x12, value.len() as u8]);
            out.extend(value.bytes());
            out
        };
        let mut expect = vec![];
        expect.extend(label("__name__", "pulse_cpu_percent"));
        expect.extend(label("resource_id", "a"));
        expect.extend(label("resource_type", "vm"));
        expect.extend([0x12, 11, 0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x10, 1]);
        expect.extend([0x12, 12, 0x09, 0, 0, 0, 0, 0, 0, 0, 0x40, 0x10, 0xac, 0x02]);
        assert_eq!(body[..2], [0x0a, expect.len() as u8]);
        assert_eq!(body[2..], expect);
    }
}
