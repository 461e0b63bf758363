//! One line as it is kept and shown: a JSON object that begins as those of Pulse v5 do.

use jiff::Timestamp;
use serde_json::Value;

use crate::scrub;

/// The longest text of one field, in bytes.
const MOST_TEXT: usize = 2 * 1024;

/// Beyond this many bytes a line takes no more fields.
const MOST_LINE: usize = 6 * 1024;

/// A line that is being written.
pub(crate) struct Line {
    head: String,
    message: Option<String>,
    fields: String,
}

impl Line {
    pub(crate) fn new(level: &str, time: Timestamp, target: &str) -> Self {
        let head = format!(r#"{{"level":"{level}","time":"{time:.3}","target":{}"#, Value::from(target));
        Self { head, message: None, fields: String::new() }
    }

    /// Adds a number or the like.
    pub(crate) fn value(&mut self, name: &str, value: Value) {
        if self.fields.len() > MOST_LINE {
            return;
        }
        self.fields.push(',');
        let is_taken = matches!(name, "level" | "time" | "target" | "message");
        let name = if is_taken { format!("field.{name}") } else { name.to_owned() };
        self.fields.push_str(&Value::from(name).to_string());
        self.fields.push(':');
        self.fields.push_str(&value.to_string());
    }

    /// Adds a text, without what looks like a credential.
    pub(crate) fn text(&mut self, name: &str, text: &str) {
        let text = cut(text);
        if name == "message" {
            self.message = Some(scrub::text(text).into_owned());
        } else if scrub::is_secret_name(name) {
            self.value(name, scrub::REDACTED.into());
        } else {
            self.value(name, scrub::text(text).into());
        }
    }

    pub(crate) fn finish(self) -> String {
        let message = Value::from(self.message.unwrap_or_default());
        format!("{},\"message\":{message}{}}}", self.head, self.fields)
    }
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(MOST_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line() -> Line {
        Line::new("info", "2026-03-04T05:06:07.5Z".parse().unwrap(), "pulse_api")
    }

    #[test]
    fn a_line_reads_like_one_of_v5() {
        let mut line = line();
        line.text("message", "a node was added");
        line.text("instance.name", "pve \"one\"");
        line.value("duration_ms", 7.into());
        line.text("api_token", "hush");
        line.text("level", "odd");
        assert_eq!(
            line.finish(),
            r#"{"level":"info","time":"2026-03-04T05:06:07.500Z","target":"pulse_api","message":"a node was added","instance.name":"pve \"one\"","duration_ms":7,"api_token":"[REDACTED]","field.level":"odd"}"#
        );
    }

    proptest! {
        #[test]
        fn whatever_is_logged_is_one_bounded_line_of_json(
            texts in proptest::collection::vec(("\\PC{0,20}", any::<String>()), 0..20),
            long in 0_usize..100_000,
        ) {
            let mut line = line();
            line.text("message", &"ü".repeat(long));
            for (name, text) in &texts {
                line.text(name, text);
            }
            let text = line.finish();
            prop_assert!(!text.contains('\n') && text.len() < 64 * 1024);
            prop_assert!(serde_json::from_str::<Value>(&text).is_ok(), "{}", text);
        }
    }
}
