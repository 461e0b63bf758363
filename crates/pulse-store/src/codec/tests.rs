//! The codec against properties and against hostile bytes.

use proptest::prelude::*;

use super::*;

/// Compares bits, because NaN is not equal to itself and 0.0 is equal to −0.0.
fn bits(points: &[RawPoint]) -> Vec<(i64, u64)> {
    points.iter().map(|p| (p.at, p.value.to_bits())).collect()
}

fn bits_of_aggregates(points: &[Aggregate]) -> Vec<(i64, u64, u64, u64, u64)> {
    points.iter().map(|p| (p.at, p.count, p.min.to_bits(), p.max.to_bits(), p.sum.to_bits())).collect()
}

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (0..10_000_i64).prop_map(|v| v as f64 / 100.0),
        2 => (0..1_000_000_000_i64).prop_map(|v| v as f64),
        2 => Just(0.0),
        1 => any::<u64>().prop_map(f64::from_bits),
        1 => prop_oneof![Just(-0.0), Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY)],
    ]
}

fn any_time() -> impl Strategy<Value = i64> {
    prop_oneof![
        3 => (0..3600_i64).prop_map(|s| 1_795_420_800_000 + s * 1000),
        2 => (0..3_600_000_i64).prop_map(|ms| 1_795_420_800_000 + ms),
        1 => any::<i64>(),
    ]
}

const BASE: i64 = 1_795_420_800_000;

proptest! {
    #[test]
    fn samples_come_back_bit_for_bit(
        points in prop::collection::vec((any_time(), any_value()), 1..300),
        base in prop_oneof![Just(BASE), any::<i64>()],
    ) {
        let points: Vec<RawPoint> = points.into_iter().map(|(at, value)| RawPoint { at, value }).collect();
        let mut chunk = vec![];
        encode_samples(base, &points, &mut chunk);
        let mut back = vec![];
        prop_assert_eq!(decode_samples(base, &chunk, &mut back), Ok(()));
        prop_assert_eq!(bits(&back), bits(&points));
        prop_assert_eq!(count(&chunk), Ok(points.len()));
    }

    #[test]
    fn steady_decimals_come_back_bit_for_bit(
        start in 0..3600_i64,
        step in 0..60_i64,
        values in prop::collection::vec(0..10_000_i64, 1..400),
    ) {
        let points: Vec<RawPoint> = (start..)
            .zip(values)
            .map(|(i, v)| RawPoint { at: BASE + i * step * 1000, value: v as f64 / 100.0 })
            .collect();
        let mut chunk = vec![];
        encode_samples(BASE, &points, &mut chunk);
        let mut back = vec![];
        prop_assert_eq!(decode_samples(BASE, &chunk, &mut back), Ok(()));
        prop_assert_eq!(bits(&back), bits(&points));
    }

    #[test]
    fn aggregates_come_back_bit_for_bit(
        points in prop::collection::vec((any_time(), any::<u64>(), any_value(), any_value(), any_value()), 1..200),
    ) {
        let points: Vec<Aggregate> = points
            .into_iter()
            .map(|(at, count, min, max, sum)| Aggregate { at, count, min, max, sum })
            .collect();
        let mut chunk = vec![];
        encode_aggregates(BASE, &points, &mut chunk);
        let mut back = vec![];
        prop_assert_eq!(decode_aggregates(BASE, &chunk, &mut back), Ok(()));
        prop_assert_eq!(bits_of_aggregates(&back), bits_of_aggregates(&points));
    }

    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let (mut samples, mut aggregates) = (vec![], vec![]);
        if decode_samples(BASE, &bytes, &mut samples).is_err() {
            prop_assert!(samples.is_empty());
        }
        if decode_aggregates(BASE, &bytes, &mut aggregates).is_err() {
            prop_assert!(aggregates.is_empty());
        }
        let _ = count(&bytes);
    }

    #[test]
    fn a_damaged_chunk_never_panics(
        values in prop::collection::vec(any_value(), 1..200),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0..8_u8), 1..5),
        cut in any::<prop::sample::Index>(),
    ) {
        let points: Vec<RawPoint> =
            (0..).zip(values).map(|(i, value)| RawPoint { at: BASE + i * 10_000, value }).collect();
        let mut chunk = vec![];
        encode_samples(BASE, &points, &mut chunk);
        for (index, bit) in flips {
            let index = index.index(chunk.len());
            chunk[index] ^= 1 << bit;
        }
        chunk.truncate(cut.index(chunk.len()));
        let _ = decode_samples(BASE, &chunk, &mut vec![]);
    }

    #[test]
    fn varints_come_back(value in any::<u64>()) {
        let mut bytes = vec![];
        put_varint(value, &mut bytes);
        let mut rest = bytes.as_slice();
        prop_assert_eq!(take_varint(&mut rest), Some(value));
        prop_assert!(rest.is_empty());
    }
}

/// One hour of samples, ten seconds apart.
fn hour(value: impl Fn(f64) -> f64) -> Vec<RawPoint> {
    (0..360).map(|i| RawPoint { at: BASE + i * 10_000, value: value(i as f64) }).collect()
}

#[track_caller]
fn check_size(points: &[RawPoint], most: usize) {
    let mut chunk = vec![];
    encode_samples(BASE, points, &mut chunk);
    assert!(chunk.len() <= most, "{} bytes, wanted at most {most}", chunk.len());
}

#[test]
fn a_still_series_takes_a_few_bytes_an_hour() {
    check_size(&hour(|_| 42.37), 17);
}

#[test]
fn a_drifting_percentage_takes_less_than_a_byte_a_sample() {
    check_size(&hour(|i| ((40.0 + i / 50.0 + (i * 0.7).sin() * 0.2) * 100.0).round() / 100.0), 300);
}

#[test]
fn floats_of_many_digits_cost_no_more_than_themselves() {
    check_size(&hour(|i| (i * 0.1).sin() * 50.0), 360 * 9);
}

#[test]
fn the_layout_on_disk_does_not_change_unseen() {
    let mut chunk = vec![];
    encode_samples(BASE, &hour(|i| if i < 3.0 { i } else { 7.25 })[..5], &mut chunk);
    assert_eq!(hex(&chunk), "0a05803ffc49b201ffe3e3fff8f91ffe541a00", "stored chunks must stay readable");
    chunk.clear();
    let aggregates = [
        Aggregate { at: BASE, count: 6, min: 1.0, max: 4.0, sum: 15.5 },
        Aggregate { at: BASE + 60_000, count: 6, min: 1.0, max: 5.0, sum: 16.0 },
    ];
    encode_aggregates(BASE, &aggregates, &mut chunk);
    assert_eq!(hex(&chunk), "4602803ffc6ee84c90b490de3ffc49a168fff1b100", "stored chunks must stay readable");
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
