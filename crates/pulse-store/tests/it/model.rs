//! The store against a list: whatever is appended, in whatever order, with whatever in between, the answers are what
//! a plain list of all samples gives.

use proptest::prelude::*;
use pulse_core::metric::Metric;
use pulse_store::MetricStore;

use crate::support::{Fixture, START, guest};

#[derive(Debug, Clone)]
enum Step {
    /// So many samples ten seconds apart, for one guest, beginning so many seconds before now.
    Samples {
        guest: usize,
        seconds_ago: i64,
        values: Vec<i32>,
    },
    Advance {
        seconds: i64,
    },
    Flush,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let values = prop::collection::vec(prop_oneof![2 => Just(0), 3 => 0..10_000_i32], 1..40);
    let ago = prop_oneof![3 => 0..300_i64, 1 => 0..40_000_i64];
    prop_oneof![
        6 => (0..3_usize, ago, values)
            .prop_map(|(guest, seconds_ago, values)| Step::Samples { guest, seconds_ago, values }),
        4 => (1..4000_i64).prop_map(|seconds| Step::Advance { seconds }),
        2 => Just(Step::Flush),
        1 => Just(Step::Restart),
    ]
}

/// When, and the value in hundredths.
type Model = [Vec<(i64, i32)>; 3];

async fn play(f: &mut Fixture, steps: Vec<Step>) -> Model {
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::Samples { guest: number, seconds_ago, values } => {
                let now = pulse_core::Clock::now(&*f.clock).as_second();
                for (second, value) in (now - seconds_ago..).step_by(10).zip(values) {
                    if second <= now + 300 {
                        f.put(&guest(number), Metric::Cpu, second, f64::from(value) / 100.0);
                        model[number].push((second, value));
                    }
                }
            }
            Step::Advance { seconds } => f.advance(seconds),
            Step::Flush => f.store.flush().await.unwrap(),
            Step::Restart => f.restart().await,
        }
    }
    for line in &mut model {
        line.sort_unstable();
    }
    model
}

async fn compare(f: &Fixture, model: &Model, max_points: u32) {
    let end = pulse_core::Clock::now(&*f.clock).as_second() + 300;
    for (number, line) in model.iter().enumerate() {
        // Samples, two hours at a time.
        let mut samples = vec![];
        for from in (START - 43_200..=end).step_by(7200) {
            let points = f.points(&guest(number), from, from + 7199, None).await;
            assert!(points.is_sorted_by_key(|p| p.at));
            samples.extend(points.iter().map(|p| (p.at / 1000, (p.value * 100.0).round() as i32)));
        }
        samples.sort_unstable();
        assert_eq!(&samples, line, "guest {number}");

        // The whole range, drawn together. It begins at a whole day, so that no tier reaches over its edge.
        let from = (START - 86_400) / 86_400 * 86_400;
        let points = f.points(&guest(number), from, end, Some(max_points)).await;
        let mut counted = 0;
        let step = (end - from + i64::from(max_points) - 1) / i64::from(max_points);
        // Spans are whole points of the tier.
        let tier = match step {
            ..60 => 1,
            60..3600 => 60,
            3600..86_400 => 3600,
            _ => 86_400,
        };
        let step = (step + tier - 1) / tier * tier;
        for p in &points {
            let start = p.at / 1000 - step / 2;
            let inside: Vec<f64> = line
                .iter()
                .filter(|(second, _)| (start..start + step).contains(second))
                .map(|(_, value)| f64::from(*value) / 100.0)
                .collect();
            assert!(!inside.is_empty(), "guest {number}: a point out of nothing at {start}");
            counted += inside.len();
            assert_eq!(p.min, inside.iter().copied().fold(f64::MAX, f64::min), "guest {number} at {start}");
            assert_eq!(p.max, inside.iter().copied().fold(f64::MIN, f64::max), "guest {number} at {start}");
            let mean = inside.iter().sum::<f64>() / inside.len() as f64;
            assert!((p.value - mean).abs() < 1e-6, "guest {number} at {start}: {} is not {mean}", p.value);
        }
        assert_eq!(counted, line.len(), "guest {number}: every sample is in one point");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(40) })]

    #[test]
    fn answers_are_those_of_a_plain_list(
        steps in prop::collection::vec(step(), 1..60),
        max_points in prop_oneof![Just(7_u32), Just(100), Just(900), Just(20_000)],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut f = Fixture::new();
            let model = play(&mut f, steps).await;
            f.store.flush().await.unwrap();
            compare(&f, &model, max_points).await;
            f.restart().await;
            compare(&f, &model, max_points).await;
        });
    }
}

/// Found by the property: an hour was sealed while nothing waited to be written, and the record that was written next
/// was taken for sealed with it.
#[tokio::test]
async fn samples_that_come_for_a_sealed_hour_survive_a_restart() {
    let mut f = Fixture::new();
    let steps = vec![
        Step::Samples { guest: 0, seconds_ago: 1, values: vec![0, 0] },
        Step::Advance { seconds: 437 },
        Step::Restart,
        Step::Flush,
        Step::Advance { seconds: 2984 },
        Step::Advance { seconds: 3326 },
        Step::Samples { guest: 0, seconds_ago: 6748, values: vec![7] },
        Step::Restart,
    ];
    let model = play(&mut f, steps).await;
    compare(&f, &model, 7).await;
}
