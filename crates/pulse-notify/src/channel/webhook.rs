//! Webhooks: what is sent where, for each service.

use std::{collections::BTreeMap, time::Duration};

use pulse_config::{Secret, schema::notify::WebhookConfig};
use pulse_gotmpl::{Limits, Template};
use serde_json::json;

use crate::{
    catalog,
    data::{Escape, Extra, variables},
    egress::Outgoing,
    error::SendError,
    message::{Event, Message},
};

/// How long a delivery may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long a test may take: somebody waits for it.
const TEST_TIMEOUT: Duration = Duration::from_secs(10);

/// What to send for a message.
pub fn request(webhook: &WebhookConfig, message: &Message) -> Result<Outgoing, SendError> {
    let service = webhook.service.trim().to_ascii_lowercase();
    let mut extra = Extra {
        custom_fields: exposed(&webhook.custom_fields),
        chat_id: String::new(),
        mention: webhook.mention.clone(),
    };
    let mut headers = exposed(&webhook.headers);
    let fields = &mut extra.custom_fields;
    match service.as_str() {
        "pagerduty" => {
            if let Some(key) = take_header(&mut headers, "routing_key")
                && fields.get("routing_key").is_none_or(String::is_empty)
            {
                fields.insert("routing_key".into(), key);
            }
        }
        // Pulse v5 knows both spellings, each in one place only.
        "pushover" => {
            for (name, alias) in [("app_token", "token"), ("user_token", "user")] {
                let value = fields.get(name).filter(|value| !value.is_empty()).or_else(|| fields.get(alias));
                if let Some(value) = value.cloned() {
                    fields.insert(name.into(), value.clone());
                    fields.insert(alias.into(), value);
                }
            }
        }
        _ => {}
    }
    // Pulse v5 rendered the URL for firing alerts only, so that clears of templated URLs went nowhere.
    let rendered = render(webhook.url.expose(), message, &service, &extra, Escape::None)
        .map_err(|why| SendError::permanent(format!("the template of the URL: {why}")))?;
    let url = if service == "telegram" { without_chat(&rendered, &mut extra.chat_id)? } else { rendered };
    let body = body(webhook, &service, message, &extra)?;
    headers.retain(|_, value| !value.contains("{{"));
    headers.retain(|name, _| !name.eq_ignore_ascii_case("content-type"));
    headers.entry("Idempotency-Key".into()).or_insert_with(|| message.key.clone());
    if service == "ntfy" {
        ntfy_headers(&mut headers, message);
    }
    let is_test = message.event == Event::Test;
    Ok(Outgoing {
        method: if webhook.method.trim().is_empty() {
            "POST".into()
        } else {
            webhook.method.trim().to_owned()
        },
        url,
        content_type: catalog::content_type(&service),
        headers,
        body,
        timeout: if is_test { TEST_TIMEOUT } else { TIMEOUT },
        accepts_any_certificate: false,
        agent_suffix: if is_test { " (Test)" } else { "" },
        secrets: secrets(webhook),
    })
}

/// Everything of a webhook that may be a secret: headers, fields, and the parts of its URL that look like one.
fn secrets(webhook: &WebhookConfig) -> Vec<Secret> {
    let of_url = secrets_of_url(webhook.url.expose());
    webhook.headers.values().chain(webhook.custom_fields.values()).cloned().chain(of_url).collect()
}

/// The parts of a URL that look like a secret; a receiver may quote them in its answer.
pub fn secrets_of_url(url: &str) -> impl Iterator<Item = Secret> {
    let path_and_query =
        url.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map_or("", |it| it.1);
    path_and_query.split(['/', '?', '&', '=']).filter(|part| part.len() >= 12).map(Secret::new)
}

fn exposed(map: &BTreeMap<String, Secret>) -> BTreeMap<String, String> {
    map.iter().map(|(key, value)| (key.clone(), value.expose().to_owned())).collect()
}

fn take_header(headers: &mut BTreeMap<String, String>, name: &str) -> Option<String> {
    let key = headers.keys().find(|key| key.eq_ignore_ascii_case(name)).cloned()?;
    headers.remove(&key)
}

/// ntfy shows these as the title, the urgency and the icon.
fn ntfy_headers(headers: &mut BTreeMap<String, String>, message: &Message) {
    let (priority, tags) = match (message.event, message.critical() > 0) {
        (Event::Resolved, _) => ("default", "white_check_mark"),
        (_, true) => ("urgent", "rotating_light"),
        _ => ("high", "warning"),
    };
    // Headers are ASCII; a name of a resource need not be.
    let title: String =
        message.title().chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect();
    for (name, value) in [("Title", title.as_str()), ("Priority", priority), ("Tags", tags)] {
        if !headers.keys().any(|key| key.eq_ignore_ascii_case(name)) {
            headers.insert(name.into(), value.into());
        }
    }
}

/// Takes `chat_id` out of Telegram's URL: it belongs into the body.
fn without_chat(url: &str, chat_id: &mut String) -> Result<String, SendError> {
    let mut url = reqwest::Url::parse(url).map_err(|error| SendError::permanent(format!("URL: {error}")))?;
    let (found, kept): (Vec<_>, Vec<_>) =
        url.query_pairs().into_owned().partition(|(key, _)| key == "chat_id");
    let Some((_, id)) = found.into_iter().next() else {
        return Err(SendError::permanent(
            "the URL of a Telegram bot needs ?chat_id= with the id of the chat",
        ));
    };
    let digits = id.strip_prefix('-').unwrap_or(&id);
    // A channel may also be named.
    let is_name = id.strip_prefix('@').is_some_and(|name| !name.is_empty());
    if !is_name && (digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit())) {
        return Err(SendError::permanent("the chat_id of Telegram is a number, with a minus for groups"));
    }
    *chat_id = id;
    url.set_query(None);
    if !kept.is_empty() {
        url.query_pairs_mut().extend_pairs(kept);
    }
    Ok(url.into())
}

fn body(
    webhook: &WebhookConfig,
    service: &str,
    message: &Message,
    extra: &Extra,
) -> Result<String, SendError> {
    let own = Some(webhook.template.as_str()).filter(|template| !template.trim().is_empty());
    // Old templates know nothing of recoveries and would tell them as alarms: what came of the service tells them.
    let own = own.filter(|template| message.event != Event::Resolved || template.contains(".Event"));
    match (own, catalog::service_template(service)) {
        (Some(template), _) => rendered(template, message, service, extra, false),
        (None, Some(template)) => rendered(template, message, service, extra, true),
        (None, None) if message.event == Event::Test => {
            rendered(catalog::generic_template(), message, service, extra, true)
        }
        (None, None) => Ok(generic(message)),
    }
}

/// The batch of generic webhooks.
fn generic(message: &Message) -> String {
    let now = message.now.as_second();
    let mut body = json!({"alerts": message.alerts, "count": message.total, "source": "pulse-monitoring"});
    if message.event == Event::Resolved {
        let iso = message.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        body["event"] = "resolved".into();
        body["resolvedAt"] = now.into();
        body["resolvedAtIso"] = iso.into();
        if let [one] = message.alerts.as_slice() {
            body["alertId"] = one.id.clone().into();
        }
    } else {
        body["grouped"] = true.into();
        body["timestamp"] = now.into();
        if message.event == Event::Digest {
            body["event"] = "digest".into();
        }
    }
    if !message.public_url.is_empty() {
        body["dashboard"] = message.public_url.clone().into();
    }
    body.to_string()
}

fn rendered(
    template: &str,
    message: &Message,
    service: &str,
    extra: &Extra,
    is_built_in: bool,
) -> Result<String, SendError> {
    let wrong = |why: String| SendError::permanent(format!("the template of the webhook: {why}"));
    if service == "ntfy" {
        return render(template, message, service, extra, Escape::None).map_err(wrong);
    }
    // Pulse v5: texts go in raw, and one quote in a message breaks the whole body. They are escaped here, unless the
    // template does it itself.
    let escapes_itself = ["| js", "|js", "(js ", "{{js ", "%q"].iter().any(|mark| template.contains(mark));
    let escape = match (service, is_built_in) {
        ("telegram", true) => Escape::JsonMarkdown,
        ("slack", true) => Escape::JsonSlack,
        _ if escapes_itself => Escape::None,
        _ => Escape::Json,
    };
    let body = render(template, message, service, extra, escape).map_err(wrong)?;
    match serde_json::from_str::<serde::de::IgnoredAny>(&body) {
        Ok(_) => Ok(body),
        Err(error) => Err(wrong(format!("what it makes is no JSON: {error}"))),
    }
}

fn render(
    template: &str,
    message: &Message,
    service: &str,
    extra: &Extra,
    escape: Escape,
) -> Result<String, String> {
    if !template.contains("{{") {
        return Ok(template.to_owned());
    }
    let template = Template::parse(template).map_err(|error| error.to_string())?;
    let variables = variables(message, service, extra, escape);
    template.render(&variables, Limits::default()).map_err(|error| error.to_string())
}

/// A URL as it may be shown: without what is secret in it.
pub fn shown_url(url: &str) -> String {
    let (path, query) = url.split_once('?').map_or((url, None), |(path, query)| (path, Some(query)));
    let path = match path.find("/bot") {
        Some(at) if path.contains("api.telegram.org") => {
            let rest = &path[at + 4..];
            let end = rest.find('/').unwrap_or(rest.len());
            format!("{}/botREDACTED{}", &path[..at], &rest[end..])
        }
        _ => path.to_owned(),
    };
    let Some(query) = query else { return path };
    let secret = ["token", "apikey", "api_key", "key", "secret", "password"];
    let shown: Vec<String> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((key, _)) if secret.contains(&key.to_ascii_lowercase().as_str()) => {
                format!("{key}=REDACTED")
            }
            _ => pair.to_owned(),
        })
        .collect();
    format!("{path}?{}", shown.join("&"))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::Value;

    use super::*;
    use crate::alert::AlertRecord;

    fn message(event: Event, count: usize) -> Message {
        let now: Timestamp = "2026-03-02T08:57:05Z".parse().unwrap();
        let mut alert = AlertRecord::example(now, 91.25, 80.0);
        alert.resource_name = "db \"one\"\n_x_".into();
        alert.message = "it's \"bad\" \\ <é>".into();
        let alerts = vec![alert; count];
        Message {
            event,
            key: "webhook-1".into(),
            alerts,
            total: count,
            now,
            public_url: "https://pulse.example".into(),
        }
    }

    fn webhook(service: &str) -> WebhookConfig {
        let url = if service == "telegram" {
            "https://api.telegram.org/bot1:x/sendMessage?chat_id=-5"
        } else {
            "https://h.example/x"
        };
        WebhookConfig {
            id: "w".into(),
            url: Secret::new(url),
            service: service.into(),
            custom_fields: BTreeMap::from([
                ("routing_key".into(), Secret::new("k")),
                ("app_token".into(), Secret::new("a")),
            ]),
            mention: "@me".into(),
            ..WebhookConfig::default()
        }
    }

    fn json(service: &str, event: Event, count: usize) -> Value {
        let made = request(&webhook(service), &message(event, count)).unwrap();
        serde_json::from_str(&made.body).unwrap()
    }

    #[test]
    fn every_service_gets_json_whatever_the_names_are() {
        for template in catalog::webhook_templates().iter().filter(|template| template.service != "ntfy") {
            for event in [Event::Firing, Event::Resolved, Event::Digest, Event::Test] {
                for count in [1, 3] {
                    json(template.service, event, count);
                }
            }
        }
    }

    #[test]
    fn services_get_what_they_document() {
        let discord = json("discord", Event::Firing, 1);
        assert_eq!(discord["embeds"][0]["description"], "it's \"bad\" \\ <é>");
        assert_eq!(
            (&discord["embeds"][0]["color"], &discord["content"]),
            (&Value::from(15_105_570), &Value::from("@me"))
        );
        let telegram = json("telegram", Event::Firing, 1);
        assert_eq!(
            (&telegram["chat_id"], &telegram["parse_mode"]),
            (&Value::from("-5"), &Value::from("Markdown"))
        );
        assert!(telegram["text"].as_str().unwrap().contains("db \"one\"\n\\_x\\_"));
        let pagerduty = json("pagerduty", Event::Resolved, 1);
        assert_eq!(
            (&pagerduty["event_action"], &pagerduty["routing_key"]),
            (&Value::from("resolve"), &Value::from("k"))
        );
        let pushover = json("pushover", Event::Firing, 1);
        assert_eq!((&pushover["token"], &pushover["priority"]), (&Value::from("a"), &Value::from(0)));
        let batch = json("generic", Event::Firing, 2);
        assert_eq!((&batch["count"], &batch["grouped"]), (&Value::from(2), &Value::from(true)));
        let resolved = json("generic", Event::Resolved, 1);
        assert_eq!(
            (&resolved["event"], &resolved["alertId"]),
            (&Value::from("resolved"), &Value::from("test-alert"))
        );
        let ntfy = request(&webhook("ntfy"), &message(Event::Firing, 1)).unwrap();
        assert!(ntfy.body.starts_with("WARNING: db \"one\""), "{}", ntfy.body);
        assert_eq!((ntfy.content_type, &*ntfy.headers["Priority"]), ("text/plain", "high"));
        let made = request(&webhook("telegram"), &message(Event::Firing, 1)).unwrap();
        assert_eq!(made.url, "https://api.telegram.org/bot1:x/sendMessage");
    }

    #[test]
    fn templates_of_users_go_on_rendering_and_bad_ones_are_named() {
        let with = |template: &str, event: Event| {
            let webhook = WebhookConfig { template: template.into(), ..webhook("generic") };
            request(&webhook, &message(event, 1)).map(|made| made.body).map_err(|error| error.message)
        };
        assert_eq!(
            with(r#"{"t":"{{.Message}}","v":{{printf "%.0f" .Value}}}"#, Event::Firing).unwrap(),
            r#"{"t":"it's \"bad\" \\ <é>","v":91}"#
        );
        assert!(with("{{.Nope}}", Event::Firing).unwrap_err().contains("has no field Nope"));
        assert!(with("{{if}}", Event::Firing).unwrap_err().contains("template of the webhook"));
        assert!(with("{{.Level}}", Event::Firing).unwrap_err().contains("no JSON"));
        assert!(with(r#"{"a":"{{.Level}}"}"#, Event::Resolved).unwrap().contains("\"event\":\"resolved\""));
        assert_eq!(with(r#"{"a":"{{.Event}}"}"#, Event::Resolved).unwrap(), r#"{"a":"resolved"}"#);
        let bad = WebhookConfig {
            url: Secret::new("https://api.telegram.org/bot1:x/sendMessage"),
            ..webhook("telegram")
        };
        assert!(request(&bad, &message(Event::Firing, 1)).unwrap_err().message.contains("chat_id"));
    }

    #[test]
    fn urls_are_shown_without_their_secrets() {
        assert_eq!(
            shown_url("https://api.telegram.org/bot12:ab/sendMessage?chat_id=5"),
            "https://api.telegram.org/botREDACTED/sendMessage?chat_id=5"
        );
        assert_eq!(
            shown_url("https://g.example/message?token=abc&x=1"),
            "https://g.example/message?token=REDACTED&x=1"
        );
    }
}
