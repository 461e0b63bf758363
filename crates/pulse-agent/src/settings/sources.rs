//! The world outside that settings come from, and how single values are read from it.

use std::path::Path;

use super::{DEFAULT_TOKEN_FILE, Flags, SettingsError, Token};

/// The environment and files, handed in so that every rule can be tested.
pub struct Sources<'a> {
    /// A variable of the environment.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// The text of a file.
    pub read_file: &'a dyn Fn(&Path) -> std::io::Result<String>,
}

impl Sources<'_> {
    /// A variable that is set to something.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        (self.env)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// A flag that is set to something, or else the variable.
    pub(super) fn text(&self, flag: Option<String>, name: &str) -> Option<String> {
        flag.map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
            .or_else(|| self.variable(name))
    }

    /// The variable's parts between commas, then the flags.
    pub(super) fn list(&self, flags: Vec<String>, name: &str) -> Vec<String> {
        let text = self.variable(name).unwrap_or_default();
        let parts = text.split(',').map(str::to_owned).chain(flags);
        parts.map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
    }

    /// The flag, or else the variable as a switch.
    pub(super) fn switch(
        &self,
        flag: Option<bool>,
        name: &'static str,
    ) -> Result<Option<bool>, SettingsError> {
        if flag.is_some() {
            return Ok(flag);
        }
        let Some(value) = self.variable(name) else { return Ok(None) };
        match parse_switch(&value) {
            Some(is_on) => Ok(Some(is_on)),
            None => Err(SettingsError::Value { key: name, value, expected: "true or false" }),
        }
    }

    /// The token, and the file it came from.
    pub(super) fn token(&self, flags: &Flags) -> Result<(Token, Option<String>), SettingsError> {
        let given = flags.token.clone().map(|token| token.0.trim().to_owned());
        if let Some(token) = given.filter(|token| !token.is_empty()).or_else(|| self.variable("PULSE_TOKEN"))
        {
            return Ok((Token(token), None));
        }
        if let Some(path) = &flags.token_file {
            let unusable = |reason: String| SettingsError::TokenFile { path: path.clone(), reason };
            let text = (self.read_file)(Path::new(path)).map_err(|error| unusable(error.to_string()))?;
            let token = first_word(&text).ok_or_else(|| unusable("it is empty".to_owned()))?;
            return Ok((token, Some(path.clone())));
        }
        let text = (self.read_file)(Path::new(DEFAULT_TOKEN_FILE)).ok();
        let token = text.as_deref().and_then(first_word).ok_or(SettingsError::NoToken)?;
        Ok((token, Some(DEFAULT_TOKEN_FILE.to_owned())))
    }
}

/// The token in the text of a token file.
pub(crate) fn first_word(text: &str) -> Option<Token> {
    text.split_whitespace().next().map(|word| Token(word.to_owned()))
}

/// Switches as Go reads them, and as people write them.
pub fn parse_switch(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "t" | "true" | "yes" | "on" => Some(true),
        "0" | "f" | "false" | "no" | "off" => Some(false),
        _ => None,
    }
}
