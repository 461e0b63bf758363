//! Small forms of text that several modules need.

use std::fmt::Write as _;

/// Bytes in hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        // Writing to a string does not fail.
        write!(out, "{byte:02x}").ok();
        out
    })
}

/// SHA-256 in hexadecimal digits.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref())
}

/// Text as a part of an address; the bytes of `kept` stay as they are, besides letters, digits and `-_.~`.
pub(crate) fn escape(text: &str, kept: &[u8]) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) || kept.contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").ok();
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_place() {
        assert_eq!(escape("a/b:1?x=y&z #", b"/"), "a/b%3A1%3Fx%3Dy%26z%20%23");
        assert_eq!(escape("a/b", b""), "a%2Fb");
        assert_eq!(hex(&[0, 255]), "00ff");
    }
}
