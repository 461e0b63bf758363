//! Apprise: the program, or its HTTP service.

use std::{collections::BTreeMap, fmt::Write, path::Path, time::Duration};

use pulse_config::{Secret, schema::notify::AppriseConfig};
use serde_json::json;

use super::run_command::RunCommand;
use crate::{
    egress::{Egress, Outgoing},
    error::{SendError, Sent},
    message::{Event, Message},
};

/// Sends a message.
pub async fn send(
    config: &AppriseConfig,
    message: &Message,
    egress: &Egress,
    commands: &dyn RunCommand,
) -> Result<Sent, SendError> {
    let timeout = Duration::from_secs(u64::try_from(config.timeout_seconds).unwrap_or(15).clamp(5, 120));
    if config.is_http() {
        let answer = egress.send(&request(config, message, timeout)).await.map_err(|mut error| {
            error.message = error.message.replace("webhook returned", "Apprise returned");
            // One of its targets did not take it, which another attempt may change.
            error.is_transient |= error.status == Some(424);
            error
        });
        return match answer {
            // So it says that it has nobody to tell: no error for Apprise, but nobody was told.
            Ok(Sent { status: Some(204), .. }) => {
                let mut error = SendError::permanent(
                    "Apprise has nothing to send to: its configuration of that key is empty or missing",
                );
                error.status = Some(204);
                Err(error)
            }
            other => other,
        };
    }
    let arguments = arguments(config, message)?;
    let ended = commands.run(&config.cli_path, &arguments, timeout).await.map_err(SendError::transient)?;
    if ended.is_success {
        return Ok(Sent { status: None, response: cut(&ended.output), payload_bytes: message.text().len() });
    }
    // The program may quote its targets, which hold secrets.
    let mut said = cut(&ended.output);
    for target in &config.targets {
        said = said.replace(target.as_str(), "REDACTED");
    }
    Err(SendError::transient(format!("apprise failed: {said}")))
}

fn cut(text: &str) -> String {
    text.chars().take(300).collect()
}

fn arguments(config: &AppriseConfig, message: &Message) -> Result<Vec<String>, SendError> {
    // Pulse v5 runs whatever program the setting names.
    let is_apprise = Path::new(&config.cli_path)
        .file_stem()
        .is_some_and(|name| name.to_string_lossy().starts_with("apprise"));
    if !is_apprise {
        return Err(SendError::permanent("the program of Apprise must be called apprise"));
    }
    if config.targets.iter().any(|target| target.starts_with('-')) {
        return Err(SendError::permanent("a target of Apprise is a URL; it does not begin with a minus"));
    }
    if config.targets.is_empty() {
        return Err(SendError::permanent("Apprise has no targets"));
    }
    let mut arguments = vec!["-t".to_owned(), message.title(), "-b".to_owned(), message.text()];
    arguments.extend(config.targets.iter().cloned());
    Ok(arguments)
}

fn request(config: &AppriseConfig, message: &Message, timeout: Duration) -> Outgoing {
    let kind = match message.event {
        Event::Resolved => "info",
        _ if message.critical() > 0 => "failure",
        _ if message.alerts.iter().any(|alert| alert.level == "warning") => "warning",
        _ => "info",
    };
    let mut body = json!({"title": message.title(), "body": message.text(), "type": kind});
    if !config.targets.is_empty() {
        body["urls"] = config.targets.join(",").into();
    }
    let mut url = format!("{}/notify", config.server_url.trim_end_matches('/'));
    if !config.config_key.is_empty() {
        url.push('/');
        for byte in config.config_key.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                    url.push(char::from(byte));
                }
                _ => {
                    let _ = write!(url, "%{byte:02X}");
                }
            }
        }
    }
    let mut headers = BTreeMap::from([
        ("Accept".to_owned(), "application/json".to_owned()),
        ("Idempotency-Key".to_owned(), message.key.clone()),
    ]);
    if !config.api_key.is_empty() {
        headers.insert(config.api_key_header.clone(), config.api_key.expose().to_owned());
    }
    Outgoing {
        method: "POST".into(),
        accepts_any_certificate: config.skip_tls_verify && url.starts_with("https://"),
        url,
        content_type: "application/json",
        headers,
        body: body.to_string(),
        timeout,
        agent_suffix: "",
        secrets: config.targets.iter().map(Secret::new).chain([config.api_key.clone()]).collect(),
    }
}
