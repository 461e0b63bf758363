//! SHA-256 fingerprints of certificates: how people write them, how they are compared.

use std::fmt;

/// The SHA-256 of a certificate in DER form.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Reads 64 hexadecimal digits; letter case, colons, dashes and blanks between them do not matter.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0u8; 32];
        let mut digits = text
            .trim()
            .bytes()
            .filter(|byte| !matches!(byte, b':' | b'-' | b' ' | b'\t'))
            .map(|byte| char::from(byte).to_digit(16));
        for byte in &mut bytes {
            let high = digits.next()??;
            let low = digits.next()??;
            *byte = (high * 16 + low) as u8;
        }
        digits.next().is_none().then_some(Self(bytes))
    }

    /// The fingerprint of a certificate.
    pub fn of(der: &[u8]) -> Self {
        let mut bytes = [0u8; 32];
        bytes.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, der).as_ref());
        Self(bytes)
    }
}

/// Upper case with colons, as Proxmox shows it.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, byte) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str(":")?;
            }
            write!(f, "{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_common_spelling_is_the_same_fingerprint() {
        let shown = Fingerprint::of(b"a certificate").to_string();
        assert_eq!(shown.len(), 95);
        let known = Fingerprint::parse(&shown).unwrap();
        for text in [
            shown.to_lowercase(),
            shown.replace(':', ""),
            shown.replace(':', "-"),
            shown.replace(':', " "),
            format!("  {shown}\n"),
        ] {
            assert_eq!(Fingerprint::parse(&text), Some(known), "{text}");
        }
    }

    #[test]
    fn what_is_not_sixty_four_digits_is_refused() {
        let good = "ab".repeat(32);
        for text in ["", "ab", &good[1..], &format!("{good}0"), &format!("{}g", &good[1..]), "zz:zz"] {
            assert_eq!(Fingerprint::parse(text), None, "{text}");
        }
    }
}
