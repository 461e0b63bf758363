//! From text to tokens.

use crate::parse::ParseError;

/// A token and the line it begins in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) line: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    /// Outside of actions.
    Text(String),
    Open,
    Close,
    Space,
    /// A keyword, a function, or a constant with a name.
    Word(String),
    /// `.name`
    Field(String),
    Dot,
    /// `$name`, with the dollar sign.
    Variable(String),
    /// As it is written.
    Number(String),
    /// A quoted text, unquoted.
    Quoted(String),
    /// A character constant.
    Char(char),
    Declare,
    Assign,
    Pipe,
    Comma,
    LeftParen,
    RightParen,
}

const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

pub(crate) fn lex(source: &str) -> Result<Vec<Token>, ParseError> {
    let mut lexer = Lexer { rest: source, line: 1, tokens: vec![] };
    lexer.run()?;
    Ok(lexer.tokens)
}

struct Lexer<'s> {
    rest: &'s str,
    line: usize,
    tokens: Vec<Token>,
}

impl<'s> Lexer<'s> {
    fn error<T>(&self, message: impl Into<String>) -> Result<T, ParseError> {
        Err(ParseError { line: self.line, message: message.into() })
    }

    /// Takes `bytes` bytes, which end at a character's end.
    fn take(&mut self, bytes: usize) -> &'s str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }

    fn push(&mut self, kind: Kind) {
        self.tokens.push(Token { kind, line: self.line });
    }

    fn run(&mut self) -> Result<(), ParseError> {
        let mut is_trimmed_before = false;
        loop {
            let open = self.rest.find("{{");
            let text = self.take(open.unwrap_or(self.rest.len()));
            let trims = open.is_some() && trims_left(&self.rest[2..]);
            let mut kept = if is_trimmed_before { text.trim_start_matches(SPACES) } else { text };
            if trims {
                kept = kept.trim_end_matches(SPACES);
            }
            if !kept.is_empty() {
                self.push(Kind::Text(kept.to_owned()));
            }
            if open.is_none() {
                return Ok(());
            }
            self.take(if trims { 3 } else { 2 });
            let comment = if trims { self.rest.trim_start_matches(SPACES) } else { self.rest };
            is_trimmed_before = if comment.starts_with("/*") {
                self.take(self.rest.len() - comment.len());
                self.comment()?
            } else {
                self.push(Kind::Open);
                self.action()?
            };
        }
    }

    /// Passes over a comment; whether it trims what follows.
    fn comment(&mut self) -> Result<bool, ParseError> {
        let Some(end) = self.rest.find("*/") else { return self.error("a comment does not end") };
        self.take(end + 2);
        if self.rest.starts_with("}}") {
            self.take(2);
            return Ok(false);
        }
        let after = self.rest.trim_start_matches(SPACES);
        if after.len() < self.rest.len() && after.starts_with("-}}") {
            self.take(self.rest.len() - after.len() + 3);
            return Ok(true);
        }
        self.error("a comment must end right before the closing braces")
    }

    /// Reads an action up to its closing braces; whether it trims what follows.
    fn action(&mut self) -> Result<bool, ParseError> {
        loop {
            let spaces = self.rest.len() - self.rest.trim_start_matches(SPACES).len();
            if self.rest[spaces..].starts_with("-}}") && spaces > 0 {
                self.take(spaces + 3);
                self.push(Kind::Close);
                return Ok(true);
            }
            if self.rest.starts_with("}}") {
                self.take(2);
                self.push(Kind::Close);
                return Ok(false);
            }
            let Some(first) = self.rest.chars().next() else { return self.error("an action does not end") };
            match first {
                _ if spaces > 0 => {
                    self.push(Kind::Space);
                    self.take(spaces);
                }
                ':' if self.rest.starts_with(":=") => self.simple(2, Kind::Declare),
                '=' => self.simple(1, Kind::Assign),
                '|' => self.simple(1, Kind::Pipe),
                ',' => self.simple(1, Kind::Comma),
                '(' => self.simple(1, Kind::LeftParen),
                ')' => self.simple(1, Kind::RightParen),
                '"' => self.quoted()?,
                '`' => self.raw()?,
                '\'' => self.character()?,
                '$' => {
                    let name = self.take(1 + word_length(&self.rest[1..]));
                    self.push(Kind::Variable(name.to_owned()));
                    self.end_of_word()?;
                }
                '.' if !self.rest[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                    let name = self.take(1 + word_length(&self.rest[1..]));
                    let kind = if name.len() == 1 { Kind::Dot } else { Kind::Field(name[1..].to_owned()) };
                    self.push(kind);
                    self.end_of_word()?;
                }
                '+' | '-' | '.' | '0'..='9' => self.number(),
                _ if is_word(first) => {
                    let word = self.take(word_length(self.rest));
                    self.push(Kind::Word(word.to_owned()));
                    self.end_of_word()?;
                }
                _ => return self.error(format!("{first:?} makes no sense in an action")),
            }
        }
    }

    fn simple(&mut self, bytes: usize, kind: Kind) {
        self.push(kind);
        self.take(bytes);
    }

    /// What may follow a name.
    fn end_of_word(&self) -> Result<(), ParseError> {
        let is_end = match self.rest.chars().next() {
            None => true,
            Some(next) => SPACES.contains(&next) || ".,|:=)(".contains(next) || self.rest.starts_with("}}"),
        };
        if is_end { Ok(()) } else { self.error("a name is followed by something that makes no sense there") }
    }

    fn number(&mut self) {
        let mut end = 0;
        let mut before = ' ';
        for (at, next) in self.rest.char_indices() {
            let is_sign = matches!(next, '+' | '-') && (at == 0 || matches!(before, 'e' | 'E' | 'p' | 'P'));
            if !(next.is_ascii_alphanumeric() || next == '.' || next == '_' || is_sign) {
                break;
            }
            (before, end) = (next, at + 1);
        }
        let number = self.take(end);
        self.push(Kind::Number(number.to_owned()));
    }

    fn raw(&mut self) -> Result<(), ParseError> {
        let Some(end) = self.rest[1..].find('`') else { return self.error("a raw string does not end") };
        // Go drops carriage returns in raw strings.
        let text = self.rest[1..=end].replace('\r', "");
        self.push(Kind::Quoted(text));
        self.take(end + 2);
        Ok(())
    }

    fn quoted(&mut self) -> Result<(), ParseError> {
        let mut text: Vec<u8> = vec![];
        let mut at = 1;
        loop {
            let Some(next) = self.rest[at..].chars().next() else {
                return self.error("a string does not end");
            };
            at += next.len_utf8();
            match next {
                '"' => break,
                '\n' => return self.error("a string does not end in its line"),
                '\\' => {
                    let Some((escaped, length)) = escape(&self.rest[at..], '"') else {
                        return self.error("a string has an escape that is none");
                    };
                    text.extend(escaped);
                    at += length;
                }
                other => text.extend(other.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        self.push(Kind::Quoted(String::from_utf8_lossy(&text).into_owned()));
        self.take(at);
        Ok(())
    }

    fn character(&mut self) -> Result<(), ParseError> {
        let inside = &self.rest[1..];
        let found = match inside.chars().next() {
            None | Some('\'' | '\n') => None,
            Some('\\') => escape(&inside[1..], '\'').and_then(|(bytes, length)| {
                let text = String::from_utf8(bytes.clone()).ok();
                let of_text = text.and_then(|text| text.chars().next());
                Some((of_text.or_else(|| bytes.first().map(|byte| char::from(*byte)))?, length + 1))
            }),
            Some(other) => Some((other, other.len_utf8())),
        };
        match found {
            Some((character, length)) if inside[length..].starts_with('\'') => {
                self.push(Kind::Char(character));
                self.take(length + 2);
                Ok(())
            }
            _ => self.error("a character constant is one character in single quotes"),
        }
    }
}

/// What an escape stands for and how long it is, behind its backslash.
fn escape(text: &str, quote: char) -> Option<(Vec<u8>, usize)> {
    let first = text.chars().next()?;
    let simple = |byte: u8| Some((vec![byte], 1));
    let number = |digits: usize, radix: u32, from: usize| {
        let digits = text.get(from..from + digits)?;
        digits.chars().all(|c| c.is_digit(radix)).then(|| u32::from_str_radix(digits, radix).ok())?
    };
    let rune = |code: u32| {
        char::from_u32(code).map(|character| character.encode_utf8(&mut [0; 4]).as_bytes().to_vec())
    };
    match first {
        'a' => simple(7),
        'b' => simple(8),
        'f' => simple(12),
        'n' => simple(b'\n'),
        'r' => simple(b'\r'),
        't' => simple(b'\t'),
        'v' => simple(11),
        '\\' => simple(b'\\'),
        'x' => Some((vec![u8::try_from(number(2, 16, 1)?).ok()?], 3)),
        'u' => Some((rune(number(4, 16, 1)?)?, 5)),
        'U' => Some((rune(number(8, 16, 1)?)?, 9)),
        '0'..='7' => Some((vec![u8::try_from(number(3, 8, 0)?).ok()?], 3)),
        other if other == quote => simple(quote as u8),
        _ => None,
    }
}

/// Whether the text behind opening braces asks to trim what is before them.
fn trims_left(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next() == Some('-') && characters.next().is_some_and(|c| SPACES.contains(&c))
}

fn is_word(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}

fn word_length(text: &str) -> usize {
    text.find(|c: char| !is_word(c)).unwrap_or(text.len())
}
