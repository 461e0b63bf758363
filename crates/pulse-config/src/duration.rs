//! Durations as people write them in the environment: `90s`, `1h30m`, `1.5h`, or plain seconds.

use std::time::Duration;

/// Longest first, so that `ms` is not read as `m`.
const UNITS: [(&str, f64); 7] =
    [("ms", 1e-3), ("us", 1e-6), ("µs", 1e-6), ("ns", 1e-9), ("h", 3600.0), ("m", 60.0), ("s", 1.0)];

/// The duration a text means; `None` where it means none. Negative ones mean none.
pub fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok().map(Duration::from_secs);
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest.is_empty() {
        return None;
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(end);
        let (unit, seconds) = UNITS.into_iter().find(|(unit, _)| tail.starts_with(unit))?;
        let part = match number.parse::<u64>() {
            // Whole numbers of whole seconds stay exact.
            Ok(whole) if seconds >= 1.0 => Duration::from_secs(whole.checked_mul(seconds as u64)?),
            _ => Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()?,
        };
        total = total.checked_add(part)?;
        rest = &tail[unit.len()..];
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_mean_what_they_say() {
        let check = |text: &str, millis: Option<u64>| {
            assert_eq!(parse(text), millis.map(Duration::from_millis), "{text}");
        };
        check("30", Some(30_000));
        check("30s", Some(30_000));
        check("1h30m", Some(5_400_000));
        check("1.5h", Some(5_400_000));
        check("250ms", Some(250));
        check("1s500ms", Some(1_500));
        check("500000us", Some(500));
        check("500000µs", Some(500));
        check(" +5m ", Some(300_000));
        check("0", Some(0));
        for broken in
            ["", "+", "soon", "5 m", "-5s", "s", ".s", "1.2.3s", "5d", "1e3s", "99999999999999999999s", "5m5"]
        {
            check(broken, None);
        }
    }
}
