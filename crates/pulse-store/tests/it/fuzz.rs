//! Damaged chunks by the million: mutations of real ones, as a fuzzer makes them, but repeatable and on stable Rust.
//!
//! A second of it runs with the other tests; `PULSE_FUZZ_SECONDS=600 cargo test --release -p pulse-store fuzz` takes its
//! time. What is checked: nothing panics, nothing runs away, and whatever a decoder accepts is encoded and decoded
//! again to the same bits.

use std::time::{Duration, Instant};

use pulse_store::codec::{
    Aggregate, MOST_POINTS, RawPoint, count, decode_aggregates, decode_samples, encode_aggregates,
    encode_samples,
};

/// xorshift64: the same damage on each run.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// Chunks as they are on disk: still, drifting, noisy, bursting, odd floats; of samples and of aggregates.
fn seeds() -> Vec<Vec<u8>> {
    let values: [fn(i64) -> f64; 6] = [
        |_| 12.5,
        |i| 40.0 + (i / 30) as f64 / 100.0,
        |i| ((i * 7919) % 10_000) as f64 / 100.0,
        |i| if i % 40 < 5 { (i * i * 1009) as f64 } else { 0.0 },
        |i| (i as f64).sin(),
        |i| if i % 3 == 0 { f64::NAN } else { f64::from_bits(i as u64) },
    ];
    let mut seeds = vec![];
    for value in values {
        for length in [1, 2, 59, 360] {
            let samples: Vec<RawPoint> =
                (0..length).map(|i| RawPoint { at: i * 10_000 + i % 7, value: value(i) }).collect();
            let mut chunk = vec![];
            encode_samples(0, &samples, &mut chunk);
            seeds.push(chunk);
            let aggregates: Vec<Aggregate> = (0..length)
                .map(|i| {
                    let (min, max) = (value(i), value(i + 1));
                    Aggregate { at: i * 60_000, count: 6, min, max, sum: min * 3.0 + max * 3.0 }
                })
                .collect();
            let mut chunk = vec![];
            encode_aggregates(0, &aggregates, &mut chunk);
            seeds.push(chunk);
        }
    }
    seeds
}

fn damage(noise: &mut Noise, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut chunk = seeds[noise.below(seeds.len())].clone();
    for _ in 0..=noise.below(4) {
        let place = noise.below(chunk.len());
        match noise.below(6) {
            0 => chunk[place] ^= 1 << noise.below(8),
            1 => chunk[place] = noise.next() as u8,
            2 => chunk.truncate(place.max(1)),
            3 => chunk.insert(place, noise.next() as u8),
            4 => {
                let other = &seeds[noise.below(seeds.len())];
                chunk.splice(place.., other[noise.below(other.len())..].iter().copied());
            }
            _ => chunk.extend((0..noise.below(16)).map(|_| noise.next() as u8)),
        }
        if chunk.is_empty() {
            chunk.push(0);
        }
    }
    chunk
}

fn bits_of_samples(points: &[RawPoint]) -> Vec<(i64, u64)> {
    points.iter().map(|p| (p.at, p.value.to_bits())).collect()
}

fn bits_of_aggregates(points: &[Aggregate]) -> Vec<(i64, u64, u64, u64)> {
    points.iter().map(|p| (p.at, p.count, p.min.to_bits(), p.max.to_bits())).collect()
}

fn check(chunk: &[u8]) {
    let base = 1_795_420_800_000;
    let mut samples = vec![];
    if decode_samples(base, chunk, &mut samples).is_ok() {
        assert_eq!(count(chunk).ok(), Some(samples.len()));
        assert!(samples.len() <= MOST_POINTS);
        let (mut again, mut back) = (vec![], vec![]);
        encode_samples(base, &samples, &mut again);
        decode_samples(base, &again, &mut back).unwrap();
        assert_eq!(bits_of_samples(&back), bits_of_samples(&samples), "{chunk:02x?}");
    } else {
        assert!(samples.is_empty());
    }
    let mut aggregates = vec![];
    if decode_aggregates(base, chunk, &mut aggregates).is_ok() {
        let (mut again, mut back) = (vec![], vec![]);
        encode_aggregates(base, &aggregates, &mut again);
        decode_aggregates(base, &again, &mut back).unwrap();
        assert_eq!(bits_of_aggregates(&back), bits_of_aggregates(&aggregates), "{chunk:02x?}");
    } else {
        assert!(aggregates.is_empty());
    }
}

#[test]
fn damaged_chunks_are_refused_or_read_never_worse() {
    let seconds = std::env::var("PULSE_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let seeds = seeds();
    let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut rounds = 0_u64;
    while rounds < 500 || Instant::now() < end {
        check(&damage(&mut noise, &seeds));
        rounds += 1;
    }
    println!("{rounds} damaged chunks");
}
