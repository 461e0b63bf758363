//! What the product knows of services and providers: their templates, their addresses, and what to fill in.

use std::collections::BTreeMap;

use serde::Serialize;

/// A mail provider.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EmailProvider {
    /// Name.
    pub name: &'static str,
    /// SMTP server.
    pub smtp_host: &'static str,
    /// Its port.
    pub smtp_port: u16,
    /// TLS from the first byte.
    pub tls: bool,
    /// TLS after a greeting.
    #[serde(rename = "startTLS")]
    pub start_tls: bool,
    /// Whether it wants a login.
    pub auth_required: bool,
    /// What to fill in.
    pub instructions: &'static str,
}

const fn provider(name: &'static str, smtp_host: &'static str, instructions: &'static str) -> EmailProvider {
    EmailProvider {
        name,
        smtp_host,
        smtp_port: 587,
        tls: false,
        start_tls: true,
        auth_required: true,
        instructions,
    }
}

/// The providers, in the order of the page.
pub const EMAIL_PROVIDERS: [EmailProvider; 11] = [
    provider(
        "Gmail / Google Workspace",
        "smtp.gmail.com",
        "Switch on two-step verification and make an app password; it is the password here.",
    ),
    provider(
        "SendGrid",
        "smtp.sendgrid.net",
        "The user name is `apikey`, the password an API key that may send mail.",
    ),
    provider(
        "Mailgun",
        "smtp.mailgun.org",
        "Use the SMTP login and password of your domain; in the EU the server is smtp.eu.mailgun.org.",
    ),
    provider(
        "Amazon SES (US East)",
        "email-smtp.us-east-1.amazonaws.com",
        "Make SMTP credentials in the SES console; the sender must be verified. Other regions have other servers.",
    ),
    provider(
        "Microsoft 365 / Outlook",
        "smtp.office365.com",
        "The mailbox must allow authenticated SMTP; with two-step verification use an app password.",
    ),
    provider(
        "Brevo (formerly Sendinblue)",
        "smtp-relay.brevo.com",
        "Use the SMTP login and an SMTP key of your account.",
    ),
    provider("Postmark", "smtp.postmarkapp.com", "The server's API token is both user name and password."),
    provider(
        "SparkPost",
        "smtp.sparkpostmail.com",
        "The user name is `SMTP_Injection`, the password an API key that may send over SMTP.",
    ),
    provider("Resend", "smtp.resend.com", "The user name is `resend`, the password an API key."),
    provider("SMTP2GO", "mail.smtp2go.com", "Use a user of the SMTP users of your account."),
    provider("Custom SMTP Server", "", "Any server: port 465 mostly has TLS, 587 STARTTLS, 25 neither."),
];

/// A service that webhooks are made for.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookTemplate {
    /// Its name in configurations.
    pub service: &'static str,
    /// Its name for people.
    pub name: &'static str,
    /// What its URLs look like.
    pub url_pattern: &'static str,
    /// Method.
    pub method: &'static str,
    /// Headers.
    pub headers: BTreeMap<&'static str, &'static str>,
    /// The template, in Go's syntax.
    pub payload_template: &'static str,
    /// What to fill in.
    pub instructions: &'static str,
}

/// `(service, name, URL pattern, template, instructions)`
type Row = (&'static str, &'static str, &'static str, &'static str, &'static str);

const SERVICES: [Row; 11] = [
    (
        "discord",
        "Discord",
        "https://discord.com/api/webhooks/{webhook_id}/{webhook_token}",
        include_str!("../templates/discord.tmpl"),
        "In Discord: channel settings, Integrations, Webhooks, New Webhook, Copy Webhook URL. A mention is written as <@user id> or @everyone.",
    ),
    (
        "telegram",
        "Telegram Bot",
        "https://api.telegram.org/bot{bot_token}/sendMessage?chat_id={chat_id}",
        include_str!("../templates/telegram.tmpl"),
        "Make a bot with @BotFather, write to it once, and put its token and your chat's id into the URL; ids of groups begin with a minus.",
    ),
    (
        "slack",
        "Slack",
        "https://hooks.slack.com/services/{webhook_path}",
        include_str!("../templates/slack.tmpl"),
        "Make a Slack app with an incoming webhook and copy its URL. A mention is written as <@user id> or <!channel>.",
    ),
    (
        "teams",
        "Microsoft Teams",
        "https://{tenant}.webhook.office.com/webhookb2/{webhook_path}",
        include_str!("../templates/teams.tmpl"),
        "In Teams: connectors of the channel, Incoming Webhook, copy its URL.",
    ),
    (
        "pagerduty",
        "PagerDuty",
        "https://events.pagerduty.com/v2/enqueue",
        include_str!("../templates/pagerduty.tmpl"),
        "Add an Events API v2 integration to a service and put its key into the custom field routing_key.",
    ),
    (
        "teams-adaptive",
        "Microsoft Teams (Adaptive Card)",
        "https://{tenant}.logic.azure.com/workflows/{workflow_path}",
        include_str!("../templates/teams-adaptive.tmpl"),
        "Make a workflow that posts to a channel when a webhook request is received, and copy its URL.",
    ),
    (
        "pushover",
        "Pushover",
        "https://api.pushover.net/1/messages.json",
        include_str!("../templates/pushover.tmpl"),
        "Put the token of your application into the custom field app_token and your user key into user_token; priority, sound and device are optional.",
    ),
    (
        "gotify",
        "Gotify",
        "https://{server}/message?token={app_token}",
        include_str!("../templates/gotify.tmpl"),
        "Make an application in Gotify and put its token into the URL.",
    ),
    (
        "ntfy",
        "ntfy",
        "https://ntfy.sh/{topic}",
        include_str!("../templates/ntfy.tmpl"),
        "Choose a topic that nobody guesses; a protected one needs a header Authorization.",
    ),
    (
        "mattermost",
        "Mattermost",
        "https://{server}/hooks/{webhook_id}",
        include_str!("../templates/mattermost.tmpl"),
        "Make an incoming webhook in Mattermost's integrations and copy its URL.",
    ),
    (
        "generic",
        "Generic JSON Webhook",
        "",
        include_str!("../templates/generic.tmpl"),
        "Any URL that takes JSON. Live messages carry the list of alerts; a template of your own replaces them.",
    ),
];

/// The services, in the order of the page.
pub fn webhook_templates() -> Vec<WebhookTemplate> {
    SERVICES
        .iter()
        .map(|(service, name, url_pattern, template, instructions)| WebhookTemplate {
            service,
            name,
            url_pattern,
            method: "POST",
            headers: BTreeMap::from([("Content-Type", content_type(service))]),
            payload_template: template.trim_end(),
            instructions,
        })
        .collect()
}

/// The template of a service that is known and is not the generic one.
pub fn service_template(service: &str) -> Option<&'static str> {
    SERVICES.iter().find(|row| row.0 == service && service != "generic").map(|row| row.3.trim_end())
}

/// The template of tests of generic webhooks.
pub fn generic_template() -> &'static str {
    include_str!("../templates/generic.tmpl").trim_end()
}

/// What a service takes.
pub fn content_type(service: &str) -> &'static str {
    if service == "ntfy" { "text/plain" } else { "application/json" }
}
