//! What templates see: the variables of Pulse v5's webhooks, and `Event`, which is ours.

use std::{collections::BTreeMap, fmt::Write, sync::Arc};

use jiff::{Timestamp, tz::TimeZone};
use pulse_gotmpl::{Object, Value};

use crate::{
    alert::AlertRecord,
    message::{Event, Message},
};

/// How texts are put into a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escape {
    /// As they are.
    None,
    /// So that they fit between the quotes of a JSON string.
    Json,
    /// The same, and without meaning for Telegram's Markdown.
    JsonMarkdown,
    /// The same, and without meaning for Slack, where `<` begins links and mentions.
    JsonSlack,
}

impl Escape {
    fn text(self, text: &str) -> String {
        match self {
            Self::None => text.to_owned(),
            Self::Json => json(text),
            Self::JsonSlack => json(&text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")),
            Self::JsonMarkdown => {
                let mut marked = String::with_capacity(text.len());
                for character in text.chars() {
                    if "_*`[".contains(character) {
                        marked.push('\\');
                    }
                    marked.push(character);
                }
                json(&marked)
            }
        }
    }
}

fn json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned()
}

/// What a webhook adds.
#[derive(Debug, Clone, Default)]
pub struct Extra {
    /// Its custom fields.
    pub custom_fields: BTreeMap<String, String>,
    /// Telegram's chat.
    pub chat_id: String,
    /// Whom to mention.
    pub mention: String,
}

/// The variables of a message.
pub fn variables(message: &Message, service: &str, extra: &Extra, escape: Escape) -> Value {
    let unknown = AlertRecord::example(message.now, 0.0, 0.0);
    let alert = message.alerts.first().unwrap_or(&unknown);
    let text = |text: &str| Value::from(escape.text(text));
    let instance = if !message.public_url.is_empty() {
        message.public_url.clone()
    } else if alert.instance.starts_with("http://") || alert.instance.starts_with("https://") {
        alert.instance.trim_end_matches('/').to_owned()
    } else {
        String::new()
    };
    let round = |value: f64| Value::Float((value * 10.0).round() / 10.0);
    let optional = |at: Option<Timestamp>| at.map(seconds).unwrap_or_default();
    Value::structure(
        "WebhookPayloadData",
        [
            ("ID", text(&alert.id)),
            ("Level", text(&alert.level)),
            ("Type", text(&alert.kind)),
            ("ResourceName", text(clip(&alert.resource_name, MOST_OF_A_NAME))),
            ("ResourceID", text(&alert.resource_id)),
            ("Node", text(clip(&alert.node, MOST_OF_A_NAME))),
            // An address is not written in Markdown.
            ("Instance", if escape == Escape::None { instance.into() } else { json(&instance).into() }),
            ("HasValue", alert.has_value().into()),
            // A digest is no alert: nothing will resolve it, so it must not be taken for one that something will.
            (
                "DedupKey",
                text(&dedup_key(if message.event == Event::Digest { &message.key } else { &alert.id })),
            ),
            ("Message", text(&summary(message, service))),
            ("Value", round(alert.value)),
            ("Threshold", round(alert.threshold)),
            ("ValueFormatted", text(&alert.value_text())),
            ("ThresholdFormatted", text(&alert.threshold_text())),
            ("StartTime", seconds(alert.start_time).into()),
            ("Duration", alert.duration_text(message.now).into()),
            ("Timestamp", seconds(message.now).into()),
            ("TimestampUnix", Value::Int(message.now.as_second())),
            ("ResourceType", text(alert.metadata_text("resourceType"))),
            ("Acknowledged", alert.acknowledged.into()),
            ("AckTime", optional(alert.ack_time).into()),
            ("AckUser", text(alert.ack_user.as_deref().unwrap_or_default())),
            ("Metadata", metadata(&alert.metadata, escape)),
            (
                "CustomFields",
                Value::texts(extra.custom_fields.iter().map(|(key, value)| (&**key, escape.text(value)))),
            ),
            ("AlertCount", Value::Int(i64::try_from(message.total).unwrap_or(i64::MAX))),
            ("Alerts", Value::list(message.alerts.iter().map(|alert| alert_value(alert, escape)))),
            ("ChatID", text(&extra.chat_id)),
            (
                "Mention",
                Value::from(if escape == Escape::None {
                    extra.mention.clone()
                } else {
                    json(&extra.mention)
                }),
            ),
            ("Event", message.event.name().into()),
        ],
    )
}

/// Longer names are cut: titles have limits.
const MOST_OF_A_NAME: usize = 120;

/// The first characters of a text.
fn clip(text: &str, most: usize) -> &str {
    text.char_indices().nth(most).map_or(text, |(end, _)| &text[..end])
}

/// PagerDuty takes 255 characters; of longer ids the end is put into a number.
fn dedup_key(id: &str) -> String {
    if id.len() <= 255 {
        return id.to_owned();
    }
    // FNV-1a: the same in every run and version, which a recovery needs.
    let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut end = 230;
    while !id.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}-{hash:016x}", &id[..end])
}

/// Bytes that the text of the alerts may take at most, so that the whole message stays within what the service documents.
fn most_bytes(service: &str) -> usize {
    match service {
        // 4096 characters of a description, 6000 in all.
        "discord" => 3_800,
        // 3000 characters of a section, in which `<` takes four.
        "slack" => 2_000,
        // 1024 characters with the rest of the message.
        "pushover" => 600,
        // 1024 characters of a summary.
        "pagerduty" => 1_000,
        // 4096 characters, Markdown counted; for ntfy what is longer than 4096 bytes becomes a file.
        "telegram" | "ntfy" => 3_000,
        // 28 kB with the rest of the card.
        "teams" | "teams-adaptive" => 10_000,
        // 16,383 characters.
        "mattermost" => 12_000,
        _ => 50_000,
    }
}

/// What to say of the alerts in one text. What does not fit is counted.
fn summary(message: &Message, service: &str) -> String {
    let most = most_bytes(service);
    let first = message.alerts.first().map_or("", |alert| alert.message.as_str());
    // A character takes up to four bytes.
    let first = if first.len() > most { clip(first, most / 4) } else { first };
    if message.total <= 1 && message.event != Event::Digest {
        return first.to_owned();
    }
    let head = match message.event {
        Event::Digest => format!("{} more notifications were held back", message.total),
        Event::Resolved => format!("{} alerts are over", message.total),
        Event::Firing | Event::Test => clip(first, most / 8).to_owned(),
    };
    let (mut text, between, last) = if service == "discord" {
        (format!("{head} | {} alerts: ", message.total), ", ", ", and")
    } else {
        (format!("{head}\n\nAll {} alerts:\n", message.total), "\n", "\n… and")
    };
    let mut shown = 0;
    for alert in &message.alerts {
        let name = clip(&alert.resource_name, MOST_OF_A_NAME);
        // Pulse v5: a % behind every value, and the first alert is left out though it is counted.
        let line = match message.event {
            Event::Resolved => format!("• {name}"),
            _ if alert.has_value() => format!("• {name}: {}", alert.value_text()),
            _ => format!("• {}", clip(&alert.message, MOST_OF_A_NAME)),
        };
        if text.len() + between.len() + line.len() > most {
            break;
        }
        if shown > 0 {
            text.push_str(between);
        }
        text.push_str(&line);
        shown += 1;
    }
    let more = message.total.saturating_sub(shown);
    if more > 0 {
        let _ = write!(text, "{last} {more} more");
    }
    text
}

fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn metadata(fields: &BTreeMap<String, serde_json::Value>, escape: Escape) -> Value {
    Value::map(fields.iter().map(|(key, value)| (&**key, from_json(value, escape))))
}

fn from_json(value: &serde_json::Value, escape: Escape) -> Value {
    match value {
        serde_json::Value::Null => Value::Nil,
        serde_json::Value::Bool(value) => Value::Bool(*value),
        // As Go reads JSON: every number is one with a point.
        serde_json::Value::Number(number) => Value::Float(number.as_f64().unwrap_or_default()),
        serde_json::Value::String(text) => escape.text(text).into(),
        serde_json::Value::Array(list) => Value::list(list.iter().map(|value| from_json(value, escape))),
        serde_json::Value::Object(fields) => {
            Value::map(fields.iter().map(|(key, value)| (&**key, from_json(value, escape))))
        }
    }
}

/// One of `.Alerts`, with Go's names of its fields.
fn alert_value(alert: &AlertRecord, escape: Escape) -> Value {
    let text = |text: &str| Value::from(escape.text(text));
    Value::structure(
        "Alert",
        [
            ("ID", text(&alert.id)),
            ("Type", text(&alert.kind)),
            ("Level", text(&alert.level)),
            ("ResourceID", text(&alert.resource_id)),
            ("ResourceName", text(&alert.resource_name)),
            ("Node", text(&alert.node)),
            ("Instance", text(&alert.instance)),
            ("Message", text(&alert.message)),
            ("Value", alert.value.into()),
            ("Threshold", alert.threshold.into()),
            ("StartTime", Value::Object(Arc::new(Time(alert.start_time)))),
            ("LastSeen", Value::Object(Arc::new(Time(alert.last_seen)))),
            ("Acknowledged", alert.acknowledged.into()),
            ("AckUser", text(alert.ack_user.as_deref().unwrap_or_default())),
            ("Metadata", metadata(&alert.metadata, escape)),
        ],
    )
}

/// A time with the methods that templates use.
#[derive(Debug)]
struct Time(Timestamp);

impl Object for Time {
    fn type_name(&self) -> &'static str {
        "time.Time"
    }

    fn text(&self) -> String {
        self.0.strftime("%Y-%m-%d %H:%M:%S +0000 UTC").to_string()
    }

    fn call(&self, method: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
        match (method, arguments) {
            ("Unix", []) => Some(Ok(Value::Int(self.0.as_second()))),
            ("UnixMilli", []) => Some(Ok(Value::Int(self.0.as_millisecond()))),
            ("String", []) => Some(Ok(self.text().into())),
            ("UTC" | "Local", []) => Some(Ok(Value::Object(Arc::new(Time(self.0))))),
            ("Format", [Value::Text(layout)]) => Some(Ok(self.format(layout).into())),
            ("Format" | "Unix" | "UnixMilli" | "String", _) => {
                Some(Err(format!("wrong arguments for {method}")))
            }
            _ => None,
        }
    }
}

/// Go's layouts are an example date; each part of it stands for a directive. Longer parts come first.
const LAYOUT: [(&str, &str); 25] = [
    ("Monday", "%A"),
    ("Mon", "%a"),
    ("January", "%B"),
    ("Jan", "%b"),
    ("2006", "%Y"),
    ("MST", "%Z"),
    ("Z07:00", "Z"),
    ("-07:00", "%:z"),
    ("-0700", "%z"),
    (".000000000", ".%9f"),
    (".000000", ".%6f"),
    (".000", ".%3f"),
    ("15", "%H"),
    ("06", "%y"),
    ("05", "%S"),
    ("04", "%M"),
    ("03", "%I"),
    ("02", "%d"),
    ("01", "%m"),
    ("PM", "%p"),
    ("pm", "%P"),
    ("_2", "%e"),
    ("1", "%-m"),
    ("2", "%-d"),
    ("3", "%-I"),
];

impl Time {
    fn format(&self, layout: &str) -> String {
        let mut directives = String::new();
        let mut rest = layout;
        while let Some(first) = rest.chars().next() {
            if let Some((part, directive)) = LAYOUT.iter().find(|(part, _)| rest.starts_with(part)) {
                directives.push_str(directive);
                rest = &rest[part.len()..];
            } else {
                if first == '%' {
                    directives.push('%');
                }
                directives.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
        self.0.to_zoned(TimeZone::UTC).strftime(&directives).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_formatted_by_layouts() {
        let time = Time("2026-03-02T08:57:05Z".parse().unwrap());
        assert_eq!(time.format("2006-01-02T15:04:05Z07:00"), "2026-03-02T08:57:05Z");
        assert_eq!(time.format("Mon, 02 Jan 2006 15:04:05 MST"), "Mon, 02 Mar 2026 08:57:05 UTC");
        assert_eq!(time.format("at 3:04 PM, 1/2"), "at 8:57 AM, 3/2");
    }
}
