//! Amounts as Kubernetes writes them: `250m`, `128Mi`, `1.5`, `1e3`.

/// The amount in its base unit (processors, bytes, pieces).
pub(super) fn parse(text: &str) -> Option<f64> {
    let text = text.trim();
    let end = text.find(|c: char| c.is_ascii_alphabetic() && c != 'e' && c != 'E').unwrap_or(text.len());
    let (number, suffix) = if let Ok(number) = text[..end].parse::<f64>() {
        (number, &text[end..])
    } else {
        // `1E` is an exa, `1e3` is a thousand: an exponent without digits is a suffix.
        let at = text.find(['e', 'E'])?;
        (text[..at].parse::<f64>().ok()?, &text[at..])
    };
    let factor = match suffix {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1024.0 * 1024.0,
        "Gi" => 1024.0 * 1024.0 * 1024.0,
        "Ti" => 1024f64.powi(4),
        "Pi" => 1024f64.powi(5),
        "Ei" => 1024f64.powi(6),
        _ => return None,
    };
    let amount = number * factor;
    (amount.is_finite() && amount >= 0.0).then_some(amount)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_are_read_as_kubernetes_writes_them() {
        for (text, expected) in [
            ("2", 2.0),
            ("250m", 0.25),
            ("1500000n", 0.0015),
            ("128Mi", 134_217_728.0),
            ("1Gi", 1_073_741_824.0),
            ("100k", 100_000.0),
            ("1.5", 1.5),
            ("1e3", 1000.0),
            ("1E", 1e18),
        ] {
            let amount = parse(text).unwrap();
            assert!((amount - expected).abs() <= expected * 1e-9, "{text}: {amount}");
        }
        for wrong in ["", "m", "1x", "-1", "1 Gi", "NaN", "inf"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn garbage_never_panics(text in any::<String>(), near in "[0-9.eE+-]{0,6}[a-zA-Z]{0,3}") {
            parse(&text);
            parse(&near);
        }
    }
}
