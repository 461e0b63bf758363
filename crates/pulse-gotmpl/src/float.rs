//! Numbers as Go prints them.

/// Digits of a number and where its point is: 0.`digits` × 10^`point`.
struct Decimal {
    digits: String,
    point: i32,
}

/// Reads what Rust writes with `{:e}`.
fn decimal(text: &str) -> Decimal {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let point = exponent.parse::<i32>().unwrap_or(0) + 1;
    let trimmed = digits.trim_end_matches('0');
    Decimal { digits: if trimmed.is_empty() { "0".to_owned() } else { trimmed.to_owned() }, point }
}

/// Prints `value` as the verb (`e`, `f`, `g`; upper case for an upper-case exponent) says; no precision means as many digits as it needs.
pub(crate) fn format(value: f64, verb: char, precision: Option<usize>) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let sign = if value.is_sign_negative() { "-" } else { "" };
    let magnitude = value.abs();
    let text = match verb {
        'f' | 'F' => match precision {
            Some(precision) => format!("{magnitude:.precision$}"),
            None => format!("{magnitude}"),
        },
        'e' | 'E' => {
            let text = match precision {
                Some(precision) => format!("{magnitude:.precision$e}"),
                None => format!("{magnitude:e}"),
            };
            with_exponent(&text)
        }
        _ => general(magnitude, precision),
    };
    let text = format!("{sign}{text}");
    if verb.is_ascii_uppercase() { text.to_uppercase() } else { text }
}

/// Rust writes `1e5`, Go `1e+05`.
fn with_exponent(text: &str) -> String {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

fn general(value: f64, precision: Option<usize>) -> String {
    let precision = precision.map(|precision| precision.max(1));
    let Decimal { digits, point } = match precision {
        Some(precision) => decimal(&format!("{value:.*e}", precision - 1)),
        None => decimal(&format!("{value:e}")),
    };
    let count = digits.len() as i32;
    let from = match precision {
        None => 6,
        Some(precision) if precision as i32 > count && count >= point => count,
        Some(precision) => precision as i32,
    };
    let exponent = if value == 0.0 { 0 } else { point - 1 };
    if exponent < -4 || exponent >= from {
        let (first, rest) = digits.split_at(1);
        let dot = if rest.is_empty() { "" } else { "." };
        return with_exponent(&format!("{first}{dot}{rest}e{exponent}"));
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    if point <= 0 {
        return format!("0.{}{digits}", "0".repeat((-point) as usize));
    }
    let point = point as usize;
    if point >= digits.len() {
        return format!("{digits}{}", "0".repeat(point - digits.len()));
    }
    format!("{}.{}", &digits[..point], &digits[point..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_go_prints_them() {
        let check = |value: f64, verb: char, precision: Option<usize>, expect: &str| {
            assert_eq!(format(value, verb, precision), expect, "{value} {verb} {precision:?}");
        };
        check(91.5, 'g', None, "91.5");
        check(1e6, 'g', None, "1e+06");
        check(100000.0, 'g', None, "100000");
        check(123456789.0, 'g', None, "1.23456789e+08");
        check(0.00001, 'g', None, "1e-05");
        check(0.0001, 'g', None, "0.0001");
        check(0.0, 'g', None, "0");
        check(-0.0, 'g', None, "-0");
        check(91.0, 'f', Some(0), "91");
        check(0.5, 'f', Some(0), "0");
        check(1.5, 'f', Some(0), "2");
        check(91.25, 'f', Some(1), "91.2");
        check(1234.5678, 'e', Some(2), "1.23e+03");
        check(1234.5678, 'g', Some(2), "1.2e+03");
        check(1234.5678, 'g', Some(6), "1234.57");
        check(100.0, 'g', Some(3), "100");
        check(f64::INFINITY, 'f', Some(1), "+Inf");
        check(f64::NAN, 'g', None, "NaN");
        check(1e300, 'E', Some(1), "1.0E+300");
    }
}
