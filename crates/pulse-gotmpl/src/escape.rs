//! Text for HTML, JavaScript and URLs.

/// For HTML.
pub(crate) fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\0' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

/// For a string of JavaScript.
pub(crate) fn javascript(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' | '>' | '&' | '=' => put!(out, "\\u{:04X}", u32::from(character)),
            _ if is_printable(character) => out.push(character),
            _ => put!(out, "\\u{:04X}", u32::from(character)),
        }
    }
    out
}

/// Whether a character shows: no control characters, no spaces but the usual one.
pub(crate) fn is_printable(character: char) -> bool {
    let is_odd = matches!(u32::from(character),
        0xad | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f | 0xe000..=0xf8ff | 0xfeff | 0xfff0..=0xfffb);
    character == ' ' || !(character.is_control() || character.is_whitespace() || is_odd)
}

/// For the query of a URL.
pub(crate) fn query(text: &str) -> String {
    percent(text, "", true)
}

/// For one segment of the path of a URL.
pub(crate) fn path(text: &str) -> String {
    percent(text, "$&+=:@", false)
}

fn percent(text: &str, also_kept: &str, is_space_plus: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let character = char::from(byte);
        if byte.is_ascii_alphanumeric() || "-_.~".contains(character) || also_kept.contains(character) {
            out.push(character);
        } else if byte == b' ' && is_space_plus {
            out.push('+');
        } else {
            put!(out, "%{byte:02X}");
        }
    }
    out
}

/// In double quotes, as Go would write it in its source.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x0b' => out.push_str("\\v"),
            _ if is_printable(character) => out.push(character),
            _ if u32::from(character) < 0x80 => put!(out, "\\x{:02x}", u32::from(character)),
            _ if u32::from(character) < 0x1_0000 => put!(out, "\\u{:04x}", u32::from(character)),
            _ => put!(out, "\\U{:08x}", u32::from(character)),
        }
    }
    out.push('"');
    out
}
