//! Which commands are run on other machines: those that begin with an allowed phrase and hold nothing a shell would act
//! on. The server judges before it sends, by its own list; the agent before it runs, by that of its machine's owner.

use std::fmt;

/// A phrase of words that a command may begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    words: Vec<String>,
    /// Whether more words may follow.
    is_open: bool,
}

/// What may be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandPolicy {
    /// `None`: everything, through a shell.
    rules: Option<Vec<Rule>>,
}

/// How an allowed command is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedCommand {
    /// These words, without a shell.
    Words(Vec<String>),
    /// Through a shell, as the list allows everything.
    Shell(String),
}

/// Why a command is not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefusedCommand {
    /// There is nothing to run.
    Empty,
    /// It is longer than any that makes sense.
    TooLong,
    /// No phrase of the list begins it.
    NotListed,
    /// It begins well, and goes on with an option that does something else.
    Option(String),
    /// It holds a character that a shell would act on.
    Character(char),
    /// A quote is not closed.
    OpenQuote,
}

impl fmt::Display for RefusedCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the command is empty"),
            Self::TooLong => write!(f, "the command is longer than {LONGEST_COMMAND} bytes"),
            Self::NotListed => f.write_str("the command is not on the list of allowed ones"),
            Self::Option(option) => write!(f, "the option {option} is not allowed"),
            Self::Character(c) => {
                write!(f, "the character {c:?} is not allowed: commands run without a shell here")
            }
            Self::OpenQuote => f.write_str("a quote is not closed"),
        }
    }
}

impl std::error::Error for RefusedCommand {}

/// Longer is no command that a person would type; none that is gets run.
pub const LONGEST_COMMAND: usize = 4 * 1024;

/// Reading what an administrator would look at first. `…` stands for more words.
const HARMLESS: &[&str] = &[
    "ps aux",
    "ps -ef",
    "top -bn1",
    "free …",
    "df …",
    "uptime …",
    "uname …",
    "hostname",
    "lsblk …",
    "ss -tulpn",
    "ss -s",
    "netstat -tulpn",
    "ip addr",
    "ip a",
    "ip route",
    "ip link",
    "vmstat …",
    "iostat …",
    "mpstat …",
    "sensors",
    "cat /etc/os-release",
    "cat /proc/meminfo",
    "cat /proc/cpuinfo",
    "cat /proc/loadavg",
    "cat /proc/mdstat",
    "cat /proc/mounts",
    "cat /proc/net/dev",
    "cat /proc/uptime",
    "systemctl status …",
    "systemctl is-active …",
    "systemctl is-enabled …",
    "systemctl list-units …",
    "systemctl list-timers …",
    "journalctl …",
    "docker ps …",
    "docker logs …",
    "docker stats --no-stream",
    "docker images …",
    "docker system df",
    "docker network ls",
    "docker volume ls",
    "pct list",
    "pct status …",
    "pct config …",
    "qm list",
    "qm status …",
    "qm config …",
    "zpool status …",
    "zpool list …",
    "zfs list …",
    "ceph status",
    // No more words: all of Ceph's programs take `--out-file` and every setting, `--log-file` too, anywhere.
    "ceph health",
    "ceph health detail",
    "ceph df",
];

/// Long options that turn a harmless program into another one. Programs take any beginning of an option that is clear to
/// them, so every beginning of these is refused, and everything that begins with them.
const HARMFUL: &[&str] = &[
    "--vacuum",
    "--rotate",
    "--flush",
    "--relinquish",
    "--smart-relinquish",
    "--setup-keys",
    "--update-catalog",
    "--sync",
    "--cursor-file",
    "--host",
    "--machine",
    "--capsule",
    "--root",
    "--image",
    "--kill",
];

/// Letters that do the same to one program, alone, among others, or with their value behind them. In other programs
/// they are harmless (`df -H`).
const HARMFUL_LETTERS: &[(&str, &[char])] =
    &[("systemctl", &['H', 'M', 'C']), ("journalctl", &['M']), ("zpool", &['c'])];

/// Characters that a shell acts on; a command that holds one is no plain command.
const SHELL: &[char] =
    &[';', '|', '&', '$', '`', '<', '>', '(', ')', '{', '}', '\n', '\r', '\0', '*', '?', '~', '!', '#'];

impl CommandPolicy {
    /// The owner's own phrases, or the harmless ones where there are none. A single `*` allows everything.
    pub fn new(allow: &[String]) -> Self {
        if allow.iter().any(|phrase| phrase.trim() == "*") {
            return Self { rules: None };
        }
        let own = allow.iter().map(|phrase| rule(phrase));
        let rules = if allow.is_empty() {
            HARMLESS.iter().map(|phrase| rule(phrase)).collect()
        } else {
            own.collect()
        };
        Self { rules: Some(rules) }
    }

    /// How a command is run; the error says why it is not.
    pub fn judge(&self, command: &str) -> Result<AllowedCommand, RefusedCommand> {
        let command = command.trim();
        if command.is_empty() {
            return Err(RefusedCommand::Empty);
        }
        if command.len() > LONGEST_COMMAND {
            return Err(RefusedCommand::TooLong);
        }
        let Some(rules) = &self.rules else { return Ok(AllowedCommand::Shell(command.to_owned())) };
        let words = split(command)?;
        let fits = |rule: &Rule| {
            let is_long_enough =
                if rule.is_open { words.len() >= rule.words.len() } else { words.len() == rule.words.len() };
            // A phrase without a word would begin everything; only `*` does.
            let is_phrase = !rule.words.is_empty();
            is_phrase && is_long_enough && rule.words.iter().zip(&words).all(|(wanted, word)| wanted == word)
        };
        let Some(rule) = rules.iter().find(|rule| fits(rule)) else {
            return Err(RefusedCommand::NotListed);
        };
        let added = &words[rule.words.len()..];
        if let Some(word) = added.iter().find(|word| is_harmful(&words[0], word)) {
            return Err(RefusedCommand::Option(word.clone()));
        }
        Ok(AllowedCommand::Words(words))
    }
}

/// Whether a word is an option that turns the program into another one. Programs take a long option as soon as its
/// beginning tells it from all others (`--rot` for `--rotate`), so a beginning is refused as the whole is.
fn is_harmful(program: &str, word: &str) -> bool {
    if let Some(name) = word.strip_prefix("--") {
        let name = name.split('=').next().unwrap_or_default();
        // Two dashes alone end the options.
        return !name.is_empty()
            && HARMFUL.iter().any(|harmful| {
                let harmful = harmful.trim_start_matches('-');
                name.starts_with(harmful) || harmful.starts_with(name)
            });
    }
    let Some(letters) = word.strip_prefix('-') else { return false };
    HARMFUL_LETTERS
        .iter()
        .any(|(of, harmful)| *of == program && letters.chars().any(|letter| harmful.contains(&letter)))
}

fn rule(phrase: &str) -> Rule {
    let mut words: Vec<String> = phrase.split_whitespace().map(str::to_owned).collect();
    let is_open = words.last().is_some_and(|word| word == "…" || word == "...");
    if is_open {
        words.pop();
    }
    Rule { words, is_open }
}

/// The words of a command. Quotes keep spaces; everything else that a shell acts on is refused, and every space that is
/// one to some programs only: the original's agents give the command to a shell, which must see the same words.
fn split(command: &str) -> Result<Vec<String>, RefusedCommand> {
    let is_odd_space = |c: char| c.is_whitespace() && c != ' ' && c != '\t';
    if let Some(c) = command.chars().find(|c| SHELL.contains(c) || is_odd_space(*c)) {
        return Err(RefusedCommand::Character(c));
    }
    let mut words = Vec::new();
    let mut word = String::new();
    let mut is_word = false;
    let mut quote: Option<char> = None;
    for c in command.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => word.push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                is_word = true;
            }
            (None, '\\') => return Err(RefusedCommand::Character('\\')),
            (None, c) if c.is_whitespace() => {
                if is_word {
                    words.push(std::mem::take(&mut word));
                    is_word = false;
                }
            }
            (None, c) => {
                word.push(c);
                is_word = true;
            }
        }
    }
    if quote.is_some() {
        return Err(RefusedCommand::OpenQuote);
    }
    if is_word {
        words.push(word);
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(command: &str) -> Result<Vec<String>, RefusedCommand> {
        match CommandPolicy::new(&[]).judge(command)? {
            AllowedCommand::Words(words) => Ok(words),
            AllowedCommand::Shell(_) => panic!("a shell without being asked"),
        }
    }

    #[test]
    fn harmless_commands_run_without_a_shell() {
        assert_eq!(words("df -h").unwrap(), ["df", "-h"]);
        assert_eq!(
            words(" journalctl -u 'my unit' -n 50 ").unwrap(),
            ["journalctl", "-u", "my unit", "-n", "50"]
        );
        assert_eq!(words("hostname").unwrap(), ["hostname"]);
        for command in ["df -H", "journalctl --since today --unit ssh -n50", "systemctl status -- ssh"] {
            assert!(words(command).is_ok(), "{command}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for command in [
            "",
            "rm -rf /",
            "df; reboot",
            "df -h | sh",
            "df $(reboot)",
            "df `reboot`",
            "df > /etc/passwd",
            "hostname evil",
            "cat /etc/shadow",
            "cat /proc/1/environ",
            "cat /proc/meminfo /etc/shadow",
            "journalctl --vacuum-size=1",
            "journalctl --rotate",
            "systemctl status -H root@elsewhere",
            "systemctl status -Hroot@elsewhere",
            "systemctl status -lHroot@elsewhere",
            "systemctl status --hos=root@elsewhere",
            "systemctl status --m guest",
            "journalctl --rot",
            "journalctl --vac=1",
            "journalctl -M guest",
            "zpool status -vc upath",
            "journalctl -nMbox",
            "df\nreboot",
            "df 'x",
            "sudo df",
            "/tmp/df",
            "df \\; x",
            "docker exec x sh",
            "top -b",
            "ceph health -o /etc/cron.d/x",
            "ceph health detail --log-file=/etc/passwd",
            "systemctl status --capsule=x",
            "systemctl status -Cx",
            "df\u{a0}-h",
            "journalctl -n5\u{2003}x",
            "df \u{b}x",
        ] {
            assert!(words(command).is_err(), "{command}");
        }
    }

    #[test]
    fn the_owner_may_allow_other_phrases_and_everything() {
        let own = CommandPolicy::new(&["apt list --upgradable".to_owned(), "echo ...".to_owned()]);
        assert!(own.judge("apt list --upgradable").is_ok() && own.judge("echo a b").is_ok());
        assert!(own.judge("apt list").is_err() && own.judge("df -h").is_err());
        for nothing in ["...", "…", ""] {
            let none = CommandPolicy::new(&[nothing.to_owned()]);
            assert!(none.judge("df -h").is_err() && none.judge("''").is_err(), "{nothing:?}");
        }
        let all = CommandPolicy::new(&["*".to_owned()]);
        assert_eq!(all.judge("a | b").unwrap(), AllowedCommand::Shell("a | b".into()));
    }

    proptest! {
        #[test]
        fn nothing_that_a_shell_acts_on_gets_through(command in "[a-z;|&$`<> ()'\"\\\\\n-]{0,30}") {
            if let Ok(AllowedCommand::Words(words)) = CommandPolicy::new(&["df ...".to_owned()]).judge(&command) {
                prop_assert_eq!(words[0].as_str(), "df");
                prop_assert!(words.iter().all(|word| !word.contains(SHELL)));
            }
        }
    }
}
