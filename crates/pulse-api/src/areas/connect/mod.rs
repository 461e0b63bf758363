//! Getting connected (contract A-10): setup scripts with one-time tokens, instances that register themselves, the
//! agent's installation, looking for servers in the network.

mod agent_command;
mod base;
mod discover;
mod register;
mod script;
mod script_url;
mod ssh;

use http::HeaderMap;

use crate::routing::{ApiRouter, routes};

/// Routes of this area.
pub fn router() -> ApiRouter {
    ApiRouter::new()
        .routes(routes!(script::get_setup_script))
        .routes(routes!(script_url::make_setup_script_url))
        .routes(routes!(register::auto_register))
        .routes(routes!(agent_command::make_agent_command))
        .routes(routes!(ssh::put_ssh_config))
        .routes(routes!(ssh::verify_temperature_ssh))
        .routes(routes!(discover::get_discovered, discover::discover))
}

/// A text header without blanks around it.
fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim).filter(|text| !text.is_empty())
}

/// A text as one word of a POSIX shell.
fn shell_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out_of_a_quoted_word() {
        assert_eq!(shell_quoted("https://a b"), "'https://a b'");
        assert_eq!(shell_quoted("'; rm -rf / #$(x)`y`"), r"''\''; rm -rf / #$(x)`y`'");
    }
}
