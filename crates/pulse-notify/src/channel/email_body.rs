//! What mails say: a subject, plain text, and the same as HTML.

use std::fmt::Write;

use crate::message::{Event, Message};

/// The subject.
pub fn subject(message: &Message) -> String {
    let critical = message.critical();
    let warning = message.alerts.len() - critical
        + if critical < message.alerts.len() || critical == 0 { message.unlisted() } else { 0 };
    let plural = |count: usize| if count == 1 { "alert" } else { "alerts" };
    let text = match (message.event, message.alerts.first()) {
        (Event::Test, Some(alert)) => {
            let (first, rest) = alert.level.split_at(alert.level.len().min(1));
            format!(
                "[Pulse Alert] {}{rest}: {} on {}",
                first.to_uppercase(),
                alert.kind.to_uppercase(),
                alert.resource_name
            )
        }
        (Event::Digest, _) => format!("[Pulse Alert] {} more notifications", message.total),
        (Event::Resolved, _) => message.title(),
        // Pulse v5: `1 Critical alert`, which tells nobody whether to get up.
        (Event::Firing, Some(alert)) if message.total == 1 => {
            let level = if alert.is_critical() { "Critical" } else { "Warning" };
            let mut words = alert.message.clone();
            if !words.contains(&alert.resource_name) {
                words = format!("{}: {words}", alert.resource_name);
            }
            let words: String = words.chars().take(150).collect();
            format!("[Pulse Alert] {level}: {words}")
        }
        (Event::Firing | Event::Test, _) if warning == 0 => {
            format!("[Pulse Alert] {critical} Critical {}", plural(critical))
        }
        (Event::Firing | Event::Test, _) if critical == 0 => {
            format!("[Pulse Alert] {warning} Warning {}", plural(warning))
        }
        (Event::Firing | Event::Test, _) => {
            format!("[Pulse Alert] {critical} Critical, {warning} Warning {}", plural(critical + warning))
        }
    };
    // A subject is one line, whatever a resource is called.
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// Plain text.
pub fn plain(message: &Message) -> String {
    let mut out = String::new();
    for alert in &message.alerts {
        let level =
            if message.event == Event::Resolved { "RESOLVED".into() } else { alert.level.to_uppercase() };
        let _ = write!(out, "{level}: {}\n{}\n", alert.resource_name, alert.message);
        if message.event == Event::Resolved {
            let _ = write!(
                out,
                "Resolved: {}\nStarted: {}\nLasted: {}\n",
                time(message.now),
                time(alert.start_time),
                alert.duration_text(message.now)
            );
        } else {
            if alert.has_value() {
                let _ = writeln!(out, "Value: {} (threshold {})", alert.value_text(), alert.threshold_text());
            }
            let _ = writeln!(out, "Since: {} ({})", time(alert.start_time), alert.duration_text(message.now));
        }
        if !alert.node.is_empty() {
            let _ = writeln!(out, "Node: {}", alert.node);
        }
        if message.event == Event::Resolved && alert.has_value() {
            let _ = writeln!(out, "Last value: {}", alert.value_text());
        }
        out.push('\n');
    }
    if message.unlisted() > 0 {
        let _ = writeln!(out, "… and {} more\n", message.unlisted());
    }
    if message.event == Event::Digest {
        out.insert_str(
            0,
            "There were more notifications than this address takes in an hour. What was held back:\n\n",
        );
    }
    if !message.public_url.is_empty() {
        let _ = writeln!(out, "Dashboard: {}", message.public_url);
    }
    out
}

fn time(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// HTML without anything that would be loaded from elsewhere.
pub fn html(message: &Message) -> String {
    let mut rows = String::new();
    for alert in &message.alerts {
        let color = match (message.event, alert.is_critical()) {
            (Event::Resolved, _) => "#15803d",
            (_, true) => "#b91c1c",
            _ => "#b45309",
        };
        let level = if message.event == Event::Resolved { "resolved" } else { alert.level.as_str() };
        let value = if alert.has_value() {
            format!("{} (threshold {}) · ", alert.value_text(), alert.threshold_text())
        } else {
            String::new()
        };
        let _ = write!(
            rows,
            "<tr><td style=\"padding:8px;border-left:4px solid {color}\"><b>{}</b> <span style=\"color:{color}\">{}</span><br>{}\
             <br><small>{}{} · {}{}</small></td></tr>",
            escape(&alert.resource_name),
            escape(level),
            escape(&alert.message),
            escape(&value),
            escape(&alert.node),
            escape(&time(alert.start_time)),
            escape(&format!(" · {}", alert.duration_text(message.now))),
        );
    }
    if message.unlisted() > 0 {
        let _ = write!(rows, "<tr><td style=\"padding:8px\">… and {} more</td></tr>", message.unlisted());
    }
    let link = if message.public_url.is_empty() {
        String::new()
    } else {
        format!("<p><a href=\"{0}\">{0}</a></p>", escape(&message.public_url))
    };
    format!(
        "<!doctype html><html><body style=\"font-family:sans-serif\"><h2>{}</h2><table cellspacing=\"8\">{rows}</table>{link}\
         </body></html>",
        escape(&subject(message))
    )
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::AlertRecord;

    #[test]
    fn subjects_count_and_bodies_escape() {
        let now = "2026-03-02T08:57:05Z".parse().unwrap();
        let mut warning = AlertRecord::example(now, 91.0, 80.0);
        warning.resource_name = "<b>\r\nBcc: x".into();
        let critical = AlertRecord { level: "critical".into(), ..warning.clone() };
        let message = |event, alerts: Vec<AlertRecord>, total| Message {
            event,
            key: "k".into(),
            alerts,
            total,
            now,
            public_url: String::new(),
        };
        let fired = |alerts: Vec<AlertRecord>| {
            let total = alerts.len();
            subject(&message(Event::Firing, alerts, total))
        };
        let one = AlertRecord {
            message: "node 'n1' is offline".into(),
            resource_name: "n1".into(),
            ..critical.clone()
        };
        assert_eq!(fired(vec![one]), "[Pulse Alert] Critical: node 'n1' is offline");
        assert!(
            fired(vec![warning.clone()]).starts_with("[Pulse Alert] Warning: <b>  Bcc: x: This is a test")
        );
        assert_eq!(fired(vec![warning.clone(), warning.clone()]), "[Pulse Alert] 2 Warning alerts");
        assert_eq!(
            fired(vec![critical.clone(), warning.clone(), warning.clone()]),
            "[Pulse Alert] 1 Critical, 2 Warning alerts"
        );
        let over = message(Event::Resolved, vec![critical], 1);
        assert!(!subject(&over).contains(['\r', '\n']));
        assert!(!html(&over).contains("<b>\r\n") && html(&over).contains("&lt;b&gt;"));
        assert!(plain(&over).contains("Resolved: 2026-03-02 08:57:05 UTC"));
    }
}
