//! Just enough of X.509 to say whose certificate it is, who signed it and until when it holds. It decides nothing about
//! trust: that the TLS library does. Every length is checked; what is not understood is an absent value.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// The longest name that is shown, in characters. Names come from the network.
const LONGEST_NAME: usize = 200;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_ID: u8 = 0x06;
const BOOLEAN: u8 = 0x01;
const OCTETS: u8 = 0x04;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const BMP_STRING: u8 = 0x1E;
const VERSION: u8 = 0xA0;
const EXTENSIONS: u8 = 0xA3;

/// `basicConstraints`, 2.5.29.19.
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1D, 0x13];

/// What is read of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) subject: String,
    pub(super) issuer: String,
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
    pub(super) is_authority: bool,
    pub(super) is_self_issued: bool,
}

/// Reads a certificate; `None` where it is none.
pub(super) fn read(der: &[u8]) -> Option<Facts> {
    let mut outer = Reader(der);
    let mut certificate = Reader(outer.take(SEQUENCE)?);
    if !outer.0.is_empty() {
        return None;
    }
    let mut body = Reader(certificate.take(SEQUENCE)?);
    if body.tag() == Some(VERSION) {
        body.any()?;
    }
    // Serial number and algorithm.
    body.any()?;
    body.any()?;
    let issuer = body.take(SEQUENCE)?;
    let mut validity = Reader(body.take(SEQUENCE)?);
    let (not_before, not_after) = (time(validity.any()?)?, time(validity.any()?)?);
    let subject = body.take(SEQUENCE)?;
    // The key.
    body.take(SEQUENCE)?;
    let mut is_authority = false;
    while let Some((tag, content)) = body.any() {
        if tag == EXTENSIONS {
            is_authority = basic_constraints(content).unwrap_or(false);
        }
    }
    Some(Facts {
        is_self_issued: subject == issuer,
        subject: name(subject),
        issuer: name(issuer),
        not_before,
        not_after,
        is_authority,
    })
}

/// Elements one behind the other.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn tag(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The next element's tag and content.
    fn any(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, mut rest) = rest.split_first()?;
        let mut length = usize::from(first);
        if first >= 0x80 {
            // No certificate needs more than three bytes of length.
            let digits = usize::from(first & 0x7F);
            if !(1..=3).contains(&digits) || rest.len() < digits {
                return None;
            }
            let (head, tail) = rest.split_at(digits);
            length = head.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
            rest = tail;
        }
        if rest.len() < length {
            return None;
        }
        let (content, rest) = rest.split_at(length);
        self.0 = rest;
        Some((tag, content))
    }

    /// The content of the next element, which must have this tag.
    fn take(&mut self, wanted: u8) -> Option<&'a [u8]> {
        self.any().and_then(|(tag, content)| (tag == wanted).then_some(content))
    }
}

/// Whether the extensions say that it is an authority's.
fn basic_constraints(extensions: &[u8]) -> Option<bool> {
    let mut list = Reader(Reader(extensions).take(SEQUENCE)?);
    while let Some(extension) = list.take(SEQUENCE) {
        let mut extension = Reader(extension);
        if extension.take(OBJECT_ID)? != BASIC_CONSTRAINTS {
            continue;
        }
        let (mut tag, mut content) = extension.any()?;
        if tag == BOOLEAN {
            // Whether it is critical.
            (tag, content) = extension.any()?;
        }
        if tag != OCTETS {
            return None;
        }
        let mut constraints = Reader(Reader(content).take(SEQUENCE)?);
        return Some(constraints.tag() == Some(BOOLEAN) && constraints.take(BOOLEAN)?.first() != Some(&0));
    }
    None
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`, the only forms a certificate may have.
fn time((tag, content): (u8, &[u8])) -> Option<Timestamp> {
    let text = std::str::from_utf8(content).ok()?.strip_suffix('Z')?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, rest): (i16, &str) = match tag {
        UTC_TIME if text.len() == 12 => {
            let year: i16 = text[..2].parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, &text[2..])
        }
        GENERALIZED_TIME if text.len() == 14 => (text[..4].parse().ok()?, &text[4..]),
        _ => return None,
    };
    let part = |at: usize| rest[at..at + 2].parse::<i8>().ok();
    let time = DateTime::new(year, part(0)?, part(2)?, part(4)?, part(6)?, part(8)?, 0).ok()?;
    time.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// `CN=…, OU=…, O=…` with the common name in front, as people look for it.
fn name(content: &[u8]) -> String {
    let mut parts: Vec<(usize, String)> = Vec::new();
    let mut sets = Reader(content);
    while let Some(set) = sets.take(SET) {
        let mut set = Reader(set);
        while let Some(pair) = set.take(SEQUENCE) {
            let mut pair = Reader(pair);
            let (Some(id), Some((tag, value))) = (pair.take(OBJECT_ID), pair.any()) else { continue };
            let (place, label) = match id {
                [0x55, 0x04, 0x03] => (0, "CN"),
                [0x55, 0x04, 0x0B] => (1, "OU"),
                [0x55, 0x04, 0x0A] => (2, "O"),
                [0x55, 0x04, 0x07] => (3, "L"),
                [0x55, 0x04, 0x08] => (4, "ST"),
                [0x55, 0x04, 0x06] => (5, "C"),
                _ => continue,
            };
            parts.push((place, format!("{label}={}", text(tag, value))));
        }
    }
    parts.sort_by_key(|(place, _)| *place);
    let joined = parts.into_iter().map(|(_, part)| part).collect::<Vec<_>>().join(", ");
    if joined.is_empty() { "without a name".to_owned() } else { joined.chars().take(LONGEST_NAME).collect() }
}

fn text(tag: u8, value: &[u8]) -> String {
    let text = if tag == BMP_STRING {
        let units = value.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
        char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    } else {
        String::from_utf8_lossy(value).into_owned()
    };
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_NAME).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_read_in_both_forms() {
        for (tag, text, expect) in [
            (UTC_TIME, "261125120000Z", Some("2026-11-25T12:00:00Z")),
            (UTC_TIME, "991231235959Z", Some("1999-12-31T23:59:59Z")),
            (GENERALIZED_TIME, "20520101000000Z", Some("2052-01-01T00:00:00Z")),
            (UTC_TIME, "261325120000Z", None),
            (UTC_TIME, "26112512000Z", None),
            (GENERALIZED_TIME, "2052010100000\u{661}Z", None),
            (OCTETS, "261125120000Z", None),
        ] {
            let read = time((tag, text.as_bytes())).map(|time| time.to_string());
            assert_eq!(read.as_deref(), expect, "{text}");
        }
    }

    #[test]
    fn a_common_name_stands_in_front_and_control_characters_do_not_get_out() {
        let set = |id: u8, value: &[u8]| {
            let mut pair = vec![OBJECT_ID, 3, 0x55, 0x04, id, 0x0C, value.len() as u8];
            pair.extend(value);
            let mut out = vec![SET, pair.len() as u8 + 2, SEQUENCE, pair.len() as u8];
            out.extend(pair);
            out
        };
        let both = [set(0x0A, b"Example"), set(0x03, b"Our\nCA")].concat();
        assert_eq!(name(&both), "CN=Our CA, O=Example");
        assert_eq!(name(&[]), "without a name");
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes);
            let _ = name(&bytes);
            let _ = basic_constraints(&bytes);
        }
    }
}
