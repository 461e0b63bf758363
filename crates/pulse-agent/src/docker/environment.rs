//! The environment of containers with its secrets masked.

/// Parts of names whose values are nobody's business (contract B-10 §3).
const SECRET_WORDS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "key",
    "token",
    "credential",
    "auth",
    "private",
    "database_url",
    "connection_string",
    "dsn",
    "encryption",
    "cert",
    "salt",
    "cookie",
    "session",
];

/// Longer values are files in disguise.
const MAX_VALUE_CHARS: usize = 512;
const MAX_VARIABLES: usize = 256;

/// `NAME=value` lines; the value is `***` where the name or the value itself tells of a secret.
pub(super) fn mask(variables: &[String]) -> Vec<String> {
    variables
        .iter()
        .take(MAX_VARIABLES)
        .map(|variable| {
            let Some((name, value)) = variable.split_once('=') else { return variable.clone() };
            let lower = name.to_ascii_lowercase();
            let is_secret = SECRET_WORDS.iter().any(|word| lower.contains(word)) || holds_password(value);
            if is_secret && !value.is_empty() {
                return format!("{name}=***");
            }
            let value: String = value.chars().take(MAX_VALUE_CHARS).collect();
            format!("{name}={value}")
        })
        .collect()
}

/// Whether a value is an address with a name and a password before the host (`scheme://name:password@host`).
fn holds_password(value: &str) -> bool {
    value
        .split_once("://")
        .and_then(|(_, rest)| rest.split('/').next()?.rsplit_once('@'))
        .is_some_and(|(user, _)| user.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_by_name_and_by_value() {
        let given = [
            "PATH=/usr/bin",
            "DB_PASSWORD=hunter2",
            "api_Key=abc",
            "DATABASE_URL=x",
            "UPSTREAM=postgres://me:hunter2@db/x",
            "HOME_PAGE=https://example.org/a@b:c",
            "EMPTY_TOKEN=",
            "ODD",
        ]
        .map(str::to_owned);
        let masked = mask(&given);
        assert_eq!(
            masked,
            [
                "PATH=/usr/bin",
                "DB_PASSWORD=***",
                "api_Key=***",
                "DATABASE_URL=***",
                "UPSTREAM=***",
                "HOME_PAGE=https://example.org/a@b:c",
                "EMPTY_TOKEN=",
                "ODD"
            ]
        );
        let long = [format!("A={}", "x".repeat(9000))];
        assert!(mask(&long)[0].len() < 600);
    }
}
