//! Mail over SMTP.

use std::time::Duration;

use lettre::{
    AsyncSmtpTransport, AsyncTransport, Tokio1Executor,
    message::{Mailbox, MultiPart, header::HeaderName, header::HeaderValue},
    transport::smtp::{
        authentication::{Credentials, Mechanism},
        client::{Certificate, Tls, TlsParameters},
    },
};
use pulse_config::schema::notify::EmailConfig;

use super::email_body::{html, plain, subject};
use crate::{
    error::{SendError, Sent},
    message::Message,
};

/// How long a whole delivery may take.
const TIMEOUT: Duration = Duration::from_secs(45);
/// How long the server may take for each answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// Sends a message. `extra_roots` are certificates that are trusted beside the system's, in PEM.
pub async fn send(
    config: &EmailConfig,
    message: &Message,
    extra_roots: &[Vec<u8>],
) -> Result<Sent, SendError> {
    let mail = mail(config, message)?;
    let transport = transport(config, extra_roots)?;
    let payload_bytes = mail.formatted().len();
    match tokio::time::timeout(TIMEOUT, transport.send(mail)).await {
        Ok(Ok(answer)) => {
            let said = answer.message().collect::<Vec<_>>().join(" ").chars().take(300).collect();
            Ok(Sent { status: None, response: said, payload_bytes })
        }
        Ok(Err(error)) => {
            let message = format!("{}:{}: {}", config.server, config.port, chain(&error));
            // Wrong credentials and unknown receivers stay wrong; everything else may be better later.
            Err(if error.is_permanent() {
                SendError::permanent(message)
            } else {
                SendError::transient(message)
            })
        }
        Err(_) => Err(SendError::transient(format!(
            "{}:{} did not take the mail within {} seconds",
            config.server,
            config.port,
            TIMEOUT.as_secs()
        ))),
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text
}

fn mailbox(text: &str) -> Result<Mailbox, SendError> {
    text.trim().parse().map_err(|error| SendError::permanent(format!("{text:?} is no mail address: {error}")))
}

fn mail(config: &EmailConfig, message: &Message) -> Result<lettre::Message, SendError> {
    let from = mailbox(&config.from)?;
    // The same for every attempt: a server or a reader that sees it twice knows it for one.
    let id = format!("<{}@{}>", message.key, from.email.domain());
    let mut mail = lettre::Message::builder()
        .from(from.clone())
        .message_id(Some(id))
        .date(std::time::SystemTime::from(message.now))
        .subject(subject(message))
        .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("X-Mailer"), "Pulse Monitoring".into()))
        .raw_header(HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".into(),
        ));
    let receivers: Vec<&String> = config.to.iter().filter(|to| !to.trim().is_empty()).collect();
    if receivers.is_empty() {
        mail = mail.to(from);
    }
    for receiver in receivers {
        mail = mail.to(mailbox(receiver)?);
    }
    mail.multipart(MultiPart::alternative_plain_html(plain(message), html(message)))
        .map_err(|error| SendError::permanent(format!("the mail cannot be put together: {error}")))
}

fn transport(
    config: &EmailConfig,
    extra_roots: &[Vec<u8>],
) -> Result<AsyncSmtpTransport<Tokio1Executor>, SendError> {
    let server = config.server.trim();
    if server.is_empty() {
        return Err(SendError::permanent("no SMTP server is configured"));
    }
    let parameters = || {
        let mut builder = TlsParameters::builder(server.to_owned());
        for root in extra_roots {
            let root =
                Certificate::from_pem(root).map_err(|error| SendError::permanent(error.to_string()))?;
            builder = builder.add_root_certificate(root);
        }
        builder.build_rustls().map_err(|error| SendError::permanent(format!("TLS: {error}")))
    };
    // Pulse v5: TLS from the first byte comes before STARTTLS, and port 465 always has it.
    let tls = if config.tls || config.port == 465 {
        Tls::Wrapper(parameters()?)
    } else if config.start_tls {
        Tls::Required(parameters()?)
    } else {
        Tls::None
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(server)
        .port(config.port)
        .tls(tls)
        .timeout(Some(ANSWER_TIMEOUT));
    if !config.username.is_empty() && !config.password.is_empty() {
        builder = builder
            .credentials(Credentials::new(config.username.clone(), config.password.expose().to_owned()))
            .authentication(vec![Mechanism::Plain, Mechanism::Login]);
    }
    Ok(builder.build())
}
