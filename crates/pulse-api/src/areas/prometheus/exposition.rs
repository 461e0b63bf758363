//! The text format that Prometheus reads (version 0.0.4): samples gathered by family, labels escaped.

use std::{collections::HashMap, fmt::Write};

/// What a family's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A value that goes up and down.
    Gauge,
    /// A count since some start.
    Counter,
}

/// A metric's name, and what it means.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) help: &'static str,
}

impl Family {
    pub(super) const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: Kind::Gauge, help }
    }

    pub(super) const fn counter(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: Kind::Counter, help }
    }
}

/// Samples so far. Families come in the order in which each was first used.
#[derive(Debug, Default)]
pub(super) struct Exposition {
    families: Vec<(&'static Family, String)>,
    places: HashMap<&'static str, usize>,
}

impl Exposition {
    /// Adds a sample; one without a value is left out, because 0 would be a measurement.
    pub(super) fn put(
        &mut self,
        family: &'static Family,
        labels: &[(&str, &str)],
        value: impl Into<Option<f64>>,
    ) {
        let Some(value) = value.into().filter(|value| value.is_finite()) else { return };
        let place = *self.places.entry(family.name).or_insert_with(|| {
            self.families.push((family, String::new()));
            self.families.len() - 1
        });
        let Some((_, text)) = self.families.get_mut(place) else { return };
        text.push_str(family.name);
        for (i, (name, value)) in labels.iter().enumerate() {
            text.push(if i == 0 { '{' } else { ',' });
            text.push_str(name);
            text.push_str("=\"");
            escape(value, text);
            text.push('"');
        }
        if !labels.is_empty() {
            text.push('}');
        }
        // Writing into a string does not fail.
        let _ = writeln!(text, " {value}");
    }

    /// Adds a truth as 1 or 0.
    pub(super) fn put_flag(&mut self, family: &'static Family, labels: &[(&str, &str)], is_so: bool) {
        self.put(family, labels, f64::from(u8::from(is_so)));
    }

    /// The whole text.
    pub(super) fn finish(self) -> String {
        let mut out = String::with_capacity(self.families.iter().map(|(_, text)| text.len() + 256).sum());
        for (family, text) in self.families {
            let kind = match family.kind {
                Kind::Gauge => "gauge",
                Kind::Counter => "counter",
            };
            let _ = writeln!(out, "# HELP {} {}\n# TYPE {} {kind}", family.name, family.help, family.name);
            out.push_str(&text);
        }
        out
    }
}

fn escape(value: &str, out: &mut String) {
    for c in value.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_stand_with_their_family_and_unknown_ones_nowhere() {
        const UP: Family = Family::gauge("up", "Whether it is up.");
        const SENT: Family = Family::counter("sent_bytes_total", "Bytes sent.");
        let mut text = Exposition::default();
        text.put_flag(&UP, &[("id", "a\"b\\c\nd")], true);
        text.put(&SENT, &[], 1.5e10);
        text.put(&UP, &[("id", "e"), ("name", "f")], 0.25);
        text.put(&UP, &[("id", "unknown")], None);
        text.put(&UP, &[("id", "odd")], f64::NAN);
        assert_eq!(
            text.finish(),
            "# HELP up Whether it is up.\n# TYPE up gauge\nup{id=\"a\\\"b\\\\c\\nd\"} 1\nup{id=\"e\",name=\"f\"} 0.25\n\
             # HELP sent_bytes_total Bytes sent.\n# TYPE sent_bytes_total counter\nsent_bytes_total 15000000000\n"
        );
    }
}
