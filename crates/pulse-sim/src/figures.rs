//! Figures that look measured, computed from (key, time) and stored nowhere.
//!
//! Everything here is a pure function: the same seed, thing and instant give the same number on every machine and
//! after every restart. Must never read a clock or keep state.

/// Statistics of the real daemons are refreshed this often; between two refreshes they stand still.
pub(crate) const SLOT_SECONDS: u64 = 10;

/// Scrambles a number so that neighbours have nothing in common.
pub(crate) const fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Derives a key from another one and a number.
pub(crate) const fn derive(key: u64, part: u64) -> u64 {
    mix(key ^ mix(part))
}

/// Derives a key from another one and a name.
pub(crate) fn derive_text(key: u64, part: &str) -> u64 {
    let folded = part.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    });
    derive(key, folded)
}

/// Maps a key to 0 (included) … 1 (excluded).
pub(crate) fn unit(key: u64) -> f64 {
    (key >> 11) as f64 / (1_u64 << 53) as f64
}

/// Picks one of `items`, which must not be empty.
pub(crate) fn pick<T: Copy>(key: u64, items: &[T]) -> T {
    items[(key % items.len() as u64) as usize]
}

/// A value between 0 and 1 that wanders, with a new direction every `period` seconds.
pub(crate) fn wander(key: u64, at: u64, period: u64) -> f64 {
    let knot = at / period;
    let part = (at % period) as f64 / period as f64;
    let eased = part * part * (3.0 - 2.0 * part);
    let from = unit(derive(key, knot));
    let to = unit(derive(key, knot + 1));
    from + (to - from) * eased
}

/// The time of day as −1 (night) … 1 (the busy hour).
pub(crate) fn time_of_day(at: u64, busy_hour: f64) -> f64 {
    let hour = (at % 86_400) as f64 / 3600.0;
    ((hour - busy_hour) / 24.0 * std::f64::consts::TAU).cos()
}

/// Noise that changes with every statistics slot.
pub(crate) fn noise(key: u64, at: u64) -> f64 {
    unit(derive(key, at / SLOT_SECONDS))
}

/// Rounds down to full units, so that a value stands still between two steps.
pub(crate) fn quantize(value: f64, step: u64) -> u64 {
    (value.max(0.0) as u64) / step * step
}

/// Number of windows after which a counter's pattern repeats.
const WINDOWS: u64 = 128;

/// A cumulative byte counter: idle most of the time, now and then a burst.
///
/// Time is cut into windows; a pattern of [`WINDOWS`] of them repeats for ever, which is what makes the sum since any
/// instant cheap to compute.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counter {
    key: u64,
    window: u64,
    peak: u64,
    trickle: u64,
}

impl Counter {
    /// A counter with bursts of at most `peak` bytes per second and `trickle` bytes per second in between.
    pub(crate) fn new(key: u64, peak: u64, trickle: u64) -> Self {
        Self { key, window: 60 + 10 * (mix(key) % 19), peak: peak.max(1), trickle }
    }

    /// Bytes per second in one window.
    fn rate(&self, window: u64) -> u64 {
        let key = derive(self.key, window % WINDOWS);
        if unit(key) < 0.15 {
            // Squared: small bursts are common, big ones rare.
            let share = unit(mix(key));
            self.trickle + (self.peak as f64 * share * share) as u64
        } else {
            self.trickle
        }
    }

    /// Bytes since the beginning of time, without jitter.
    fn base(&self, at: u64) -> u64 {
        let window = at / self.window;
        let (cycles, place) = (window / WINDOWS, window % WINDOWS);
        let mut before = 0;
        let mut cycle = 0;
        for index in 0..WINDOWS {
            let bytes = self.rate(index) * self.window;
            cycle += bytes;
            if index < place {
                before += bytes;
            }
        }
        cycles * cycle + before + self.rate(window) * (at % self.window)
    }

    /// Bytes counted between `from` and `to`; never falls as `to` grows.
    pub(crate) fn between(&self, from: u64, to: u64) -> u64 {
        if to <= from {
            return 0;
        }
        let window = to / self.window;
        let rate = self.rate(window);
        // The jitter stays below one slot's worth and never reaches over the end of the window: so the
        // next value is never smaller.
        let left = rate * (self.window - to % self.window);
        let jitter = (noise(self.key, to) * 0.4 * (rate * SLOT_SECONDS) as f64) as u64;
        let extra = if rate > self.trickle { jitter.min(left) } else { 0 };
        self.base(to) + extra - self.base(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_never_falls_and_is_idle_most_of_the_time() {
        for key in 0..20 {
            let counter = Counter::new(mix(key), 20_000_000, 0);
            let (start, mut last, mut moved, mut seen) = (1_700_000_003, 0, 0, 0);
            for step in 0..6_000 {
                let now = counter.between(start, start + step * SLOT_SECONDS);
                assert!(now >= last, "key {key} step {step}: {now} < {last}");
                moved += u32::from(now > last);
                seen += 1;
                last = now;
            }
            assert!(moved > 0 && moved * 2 < seen, "key {key}: moved {moved} of {seen}");
        }
    }

    #[test]
    fn wandering_is_continuous_and_bounded() {
        for at in 0..5_000 {
            let (now, next) = (wander(7, at, 300), wander(7, at + 1, 300));
            assert!((0.0..1.0).contains(&now));
            assert!((now - next).abs() < 0.01);
        }
    }

    #[test]
    fn the_busy_hour_is_the_top_of_the_day() {
        assert!(time_of_day(14 * 3600, 14.0) > 0.999);
        assert!(time_of_day(2 * 3600, 14.0) < -0.999);
    }
}
