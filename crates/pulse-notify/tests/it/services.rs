//! What each service gets over HTTP, against what its documentation says of it: fields, types, and limits, however many
//! alerts there are and whatever they are called.
//!
//! Discord "Execute Webhook" and "Embed Limits"; Telegram "sendMessage"; Slack "Block Kit" and "Escaping text"; Microsoft
//! "MessageCard reference" and "Adaptive Cards"; PagerDuty "Events API v2"; Pushover "Message API"; Gotify "push messages" and
//! "message extras"; ntfy "Publishing"; Mattermost "Incoming webhooks".

use jiff::Timestamp;
use pulse_config::{Secret, schema::notify::WebhookConfig};
use pulse_notify::{Event, Message, alert::AlertRecord};
use serde_json::{Map, Value};

use crate::support::{Got, UNGROUPED, open, receiver, webhook};

/// What a service's documentation says of a message.
type Check = fn(&Got);

#[track_caller]
fn text<'a>(fields: &'a Value, name: &str, most: usize) -> &'a str {
    let text = fields[name].as_str().unwrap_or_else(|| panic!("{name} is no text in {fields}"));
    assert!((1..=most).contains(&text.chars().count()), "{name} has {} characters", text.chars().count());
    text
}

#[track_caller]
fn list<'a>(fields: &'a Value, name: &str, most: usize) -> &'a Vec<Value> {
    let list = fields[name].as_array().unwrap_or_else(|| panic!("{name} is no list in {fields}"));
    assert!((1..=most).contains(&list.len()), "{name} has {} entries", list.len());
    list
}

#[track_caller]
fn object(fields: &Value) -> &Map<String, Value> {
    fields.as_object().unwrap_or_else(|| panic!("no object: {fields}"))
}

fn time(text: &str) {
    text.parse::<Timestamp>().unwrap_or_else(|error| panic!("{text}: {error}"));
}

fn discord(got: &Got) {
    let name = text(&got.body, "username", 80).to_lowercase();
    assert!(!name.contains("clyde") && !name.contains("discord"));
    assert_eq!(text(&got.body, "content", 2_000), "<@1>");
    let embed = &list(&got.body, "embeds", 10)[0];
    let mut all =
        text(embed, "title", 256).chars().count() + text(embed, "description", 4_096).chars().count();
    for field in list(embed, "fields", 25) {
        all += text(field, "name", 256).chars().count() + text(field, "value", 1_024).chars().count();
        assert!(field["inline"].is_boolean());
    }
    all += text(&embed["footer"], "text", 2_048).chars().count();
    assert!(all <= 6_000, "{all} characters in an embed");
    assert!(embed["color"].as_u64().unwrap() <= 0xff_ffff);
    time(text(embed, "timestamp", 40));
}

fn telegram(got: &Got) {
    assert_eq!(got.path, "/bot1:abc/sendMessage");
    assert_eq!((&got.body["chat_id"], &got.body["parse_mode"]), (&"-100200".into(), &"Markdown".into()));
    let text = text(&got.body, "text", 4_096);
    // An entity that is opened must be closed, or the message is refused.
    let mut marks = std::collections::BTreeMap::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character == '\\' {
            characters.next();
        } else if "_*`[]".contains(character) {
            *marks.entry(character).or_insert(0_u32) += 1;
        }
    }
    for mark in "_*`".chars() {
        assert!(marks.get(&mark).is_none_or(|count| count.is_multiple_of(2)), "{mark} in {text}");
    }
    assert_eq!(marks.get(&'['), Some(&1), "one link: {text}");
}

fn slack(got: &Got) {
    text(&got.body, "text", 40_000);
    for block in list(&got.body, "blocks", 50) {
        let mrkdwn = |text: &str| {
            // Only our own mention and link begin with `<`.
            let rest = text.replace("<!channel>", "").replace("<https://pulse.example|Open Pulse>", "");
            assert!(!rest.contains(['<', '>']), "{rest}");
        };
        match block["type"].as_str().unwrap() {
            "header" => {
                assert_eq!(block["text"]["type"], "plain_text");
                text(&block["text"], "text", 150);
            }
            "section" if block.get("text").is_some() => mrkdwn(text(&block["text"], "text", 3_000)),
            "section" => {
                for field in list(block, "fields", 10) {
                    assert_eq!(field["type"], "mrkdwn");
                    mrkdwn(text(field, "text", 2_000));
                }
            }
            "context" => mrkdwn(text(&list(block, "elements", 10)[0], "text", 2_000)),
            other => panic!("{other}"),
        }
    }
}

fn teams(got: &Got) {
    assert!(got.body.to_string().len() <= 28_000);
    assert_eq!(
        (&got.body["@type"], &got.body["@context"]),
        (&"MessageCard".into(), &"https://schema.org/extensions".into())
    );
    text(&got.body, "summary", 500);
    let color = text(&got.body, "themeColor", 6);
    assert!(color.len() == 6 && u32::from_str_radix(color, 16).is_ok());
    for section in list(&got.body, "sections", 10) {
        text(section, "activityTitle", 500);
        for fact in list(section, "facts", 20) {
            text(fact, "name", 100);
            text(fact, "value", 1_000);
        }
    }
    let action = &list(&got.body, "potentialAction", 4)[0];
    assert_eq!((&action["@type"], &action["targets"][0]["os"]), (&"OpenUri".into(), &"default".into()));
    assert_eq!(action["targets"][0]["uri"], "https://pulse.example");
}

fn teams_adaptive(got: &Got) {
    assert!(got.body.to_string().len() <= 28_000);
    assert_eq!(got.body["type"], "message");
    let attachment = &list(&got.body, "attachments", 1)[0];
    assert_eq!(attachment["contentType"], "application/vnd.microsoft.card.adaptive");
    let card = &attachment["content"];
    assert_eq!((&card["type"], &card["version"]), (&"AdaptiveCard".into(), &"1.4".into()));
    for part in list(card, "body", 20) {
        match part["type"].as_str().unwrap() {
            "TextBlock" => drop(text(part, "text", 20_000)),
            "FactSet" => {
                for fact in list(part, "facts", 20) {
                    text(fact, "title", 100);
                    text(fact, "value", 1_000);
                }
            }
            other => panic!("{other}"),
        }
    }
    assert_eq!(list(card, "actions", 6)[0]["type"], "Action.OpenUrl");
}

fn pagerduty(got: &Got) {
    text(&got.body, "routing_key", 32);
    let action = text(&got.body, "event_action", 11);
    assert!(["trigger", "resolve"].contains(&action));
    text(&got.body, "dedup_key", 255);
    let payload = &got.body["payload"];
    text(payload, "summary", 1_024);
    text(payload, "source", 255);
    assert!(["critical", "error", "warning", "info"].contains(&text(payload, "severity", 8)));
    time(text(payload, "timestamp", 40));
    assert!(payload["custom_details"].is_object());
    assert_eq!(list(&got.body, "links", 10)[0]["href"], "https://pulse.example");
}

fn pushover(got: &Got) {
    text(&got.body, "token", 30);
    text(&got.body, "user", 30);
    text(&got.body, "title", 250);
    text(&got.body, "message", 1_024);
    assert!((-2..=2).contains(&got.body["priority"].as_i64().unwrap()));
    // An emergency would need `retry` and `expire`.
    assert!(got.body["priority"].as_i64().unwrap() < 2);
    assert!(["siren", "tugboat", "pushover"].contains(&text(&got.body, "sound", 20)));
    assert!(got.body["timestamp"].as_i64().unwrap() > 1_700_000_000);
}

fn gotify(got: &Got) {
    assert_eq!(got.path, "/message?token=abc");
    text(&got.body, "title", 1_000);
    text(&got.body, "message", 100_000);
    assert!((0..=10).contains(&got.body["priority"].as_i64().unwrap()));
    let extras = object(&got.body["extras"]);
    assert!(extras.keys().all(|key| key.contains("::")), "{extras:?}");
    assert_eq!(extras["client::display"]["contentType"], "text/markdown");
}

fn ntfy(got: &Got) {
    let body = got.body.as_str().expect("plain text");
    assert!((1..=4_096).contains(&body.len()), "{} bytes: a file for ntfy", body.len());
    let header = |name: &str| got.headers[name].to_str().unwrap();
    assert!(!header("title").is_empty());
    assert!(
        ["min", "low", "default", "high", "urgent", "max", "1", "2", "3", "4", "5"]
            .contains(&header("priority"))
    );
    assert!(["warning", "rotating_light", "white_check_mark"].contains(&header("tags")));
}

fn mattermost(got: &Got) {
    assert_eq!(text(&got.body, "username", 64), "Pulse Monitoring");
    text(&got.body, "text", 16_383);
}

/// Alerts with everything in their names that means something somewhere.
fn message(event: Event, count: usize, has_value: bool) -> Message {
    let now: Timestamp = "2026-03-02T08:57:05Z".parse().unwrap();
    let alert = |number: usize| {
        let mut alert = AlertRecord::example(now, 91.25, if has_value { 80.0 } else { 0.0 });
        alert.id = format!("{}-{number}", "lab:n1:101-disk-".repeat(if number == 0 { 25 } else { 1 }));
        alert.resource_name = format!("db \"{number}\" *_`[x]`_* <!here> & | \\ é 数据 {}", "n".repeat(200));
        alert.message = format!("VM \"{number}\" is <b>_full_</b> | `x` [y](z) {}", "m".repeat(150));
        alert.level = if number.is_multiple_of(3) { "critical".into() } else { "warning".into() };
        alert
    };
    Message {
        event,
        key: "webhook-1".into(),
        alerts: (0..count.min(50)).map(alert).collect(),
        total: count,
        now,
        public_url: "https://pulse.example".into(),
    }
}

#[tokio::test]
async fn each_service_gets_what_its_documentation_says() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path(), UNGROUPED, vec![]);
    let (url, mut got, _) = receiver().await;
    let services: [(&str, &str, Check); 10] = [
        ("discord", "/api/webhooks/1/abc", discord),
        ("telegram", "/bot1:abc/sendMessage?chat_id=-100200", telegram),
        ("slack", "/services/T/B/x", slack),
        ("teams", "/webhookb2/x", teams),
        ("teams-adaptive", "/workflows/x", teams_adaptive),
        ("pagerduty", "/v2/enqueue", pagerduty),
        ("pushover", "/1/messages.json", pushover),
        ("gotify", "/message?token=abc", gotify),
        ("ntfy", "/topic", ntfy),
        ("mattermost", "/hooks/x", mattermost),
    ];
    for (service, path, check) in services {
        let mention = match service {
            "discord" => "<@1>",
            "slack" => "<!channel>",
            _ => "",
        };
        let fields =
            [("routing_key", "r".repeat(32)), ("app_token", "a".repeat(30)), ("user_token", "u".repeat(30))];
        let config = WebhookConfig {
            custom_fields: fields.map(|(name, value)| (name.to_owned(), Secret::new(value))).into(),
            mention: mention.into(),
            ..webhook("w", &format!("{url}{path}"), service)
        };
        for event in [Event::Firing, Event::Resolved, Event::Digest, Event::Test] {
            for (count, has_value) in [(1, true), (1, false), (3, true), (5_000, false)] {
                let sent = world.notifier.send_webhook(&config, &message(event, count, has_value)).await;
                assert_eq!(sent.unwrap().status, Some(200));
                let call = got.recv().await.unwrap();
                let kind = if service == "ntfy" { "text/plain" } else { "application/json" };
                assert_eq!(call.headers["content-type"], kind);
                println!("{service} {event:?} {count}");
                check(&call);
                let body = call.body.to_string();
                let says_value = body.contains("Threshold") || body.contains("threshold\":\"");
                assert_eq!(says_value, has_value, "{service}: a value only where there is one: {body}");
            }
        }
    }
}
