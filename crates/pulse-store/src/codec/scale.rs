//! Decimal scales: measured values are mostly decimal numbers of few digits, which are cheaper as integers.
//! A scale is used only where every value comes back bit for bit, so nothing is ever rounded here.

/// The powers of ten that values are tried with.
const POWERS: [f64; 5] = [1.0, 10.0, 100.0, 1000.0, 10_000.0];
/// Integers up to this size are exact in a float.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// `value` as an integer number of 10^-`scale`, where that is exact.
#[inline]
pub(crate) fn to_integer(value: f64, scale: u8) -> Option<i64> {
    let power = POWERS.get(usize::from(scale)).copied()?;
    let scaled = value * power;
    if scaled.is_nan() || scaled.abs() >= EXACT {
        return None;
    }
    let integer = (scaled + f64::copysign(0.5, scaled)) as i64;
    (from_integer(integer, scale).to_bits() == value.to_bits()).then_some(integer)
}

/// The value that [`to_integer`] was given.
#[inline]
pub(crate) fn from_integer(integer: i64, scale: u8) -> f64 {
    match scale {
        0 => integer as f64,
        _ => integer as f64 / POWERS.get(usize::from(scale)).copied().unwrap_or(1.0),
    }
}

/// The smallest scale from `from` on at which `value` is exact.
#[inline]
pub(crate) fn smallest(value: f64, from: u8) -> Option<(u8, i64)> {
    (from..POWERS.len() as u8).find_map(|scale| Some((scale, to_integer(value, scale)?)))
}

/// The smallest scale at which all values are exact, and the integers.
pub(crate) fn of_all(values: impl Iterator<Item = f64> + Clone, integers: &mut Vec<i64>) -> Option<u8> {
    let mut scale = 0;
    integers.clear();
    'scales: loop {
        for value in values.clone().skip(integers.len()) {
            let (needed, integer) = smallest(value, scale)?;
            if needed > scale {
                scale = needed;
                integers.clear();
                continue 'scales;
            }
            integers.push(integer);
        }
        return Some(scale);
    }
}

/// 10^`by`, for taking an integer to a finer scale.
#[inline]
pub(crate) fn factor(by: u8) -> i64 {
    10_i64.wrapping_pow(u32::from(by.min(18)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact_and_the_rest_is_refused() {
        let scale_of = |value: f64| smallest(value, 0).map(|(scale, _)| scale);
        assert_eq!(scale_of(0.0), Some(0));
        assert_eq!(scale_of(12.3), Some(1));
        assert_eq!(scale_of(-99.99), Some(2));
        assert_eq!(scale_of(123_456_789_012.0), Some(0));
        for odd in [-0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MIN_POSITIVE, 1e300, 1.0 / 3.0] {
            assert_eq!(scale_of(odd), None, "{odd}");
        }
    }

    #[test]
    fn all_values_share_the_finest_scale() {
        let mut integers = Vec::new();
        assert_eq!(of_all([1.0, 2.5, 3.25].into_iter(), &mut integers), Some(2));
        assert_eq!(integers, [100, 250, 325]);
        assert_eq!(of_all([1.0, f64::NAN].into_iter(), &mut integers), None);
    }
}
