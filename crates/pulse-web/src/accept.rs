//! Which encodings a client takes.

/// An encoding that the page's files come in beside the plain one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Brotli.
    Br,
    /// gzip.
    Gzip,
}

impl Encoding {
    /// The value of the `Content-Encoding` header.
    pub fn token(self) -> &'static str {
        match self {
            Self::Br => "br",
            Self::Gzip => "gzip",
        }
    }

    /// What the build appends to the file name.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Br => ".br",
            Self::Gzip => ".gz",
        }
    }
}

/// The encodings that a client takes; by default none but the plain one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Accept {
    /// Brotli may be sent.
    pub br: bool,
    /// gzip may be sent.
    pub gzip: bool,
}

impl Accept {
    /// Reads an `Accept-Encoding` header. A weight only matters where it is 0, which forbids; the
    /// server's own order (smallest first) decides the rest.
    pub fn parse(header: &str) -> Self {
        let mut br = None;
        let mut gzip = None;
        let mut any = false;
        for part in header.split(',') {
            let mut pieces = part.split(';');
            let name = pieces.next().unwrap_or_default().trim();
            let is_allowed = !pieces.any(is_zero_weight);
            if name.eq_ignore_ascii_case("br") {
                br = Some(is_allowed);
            } else if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") {
                gzip = Some(is_allowed);
            } else if name == "*" {
                any = is_allowed;
            }
        }
        Self { br: br.unwrap_or(any), gzip: gzip.unwrap_or(any) }
    }

    /// What to try, smallest first.
    pub(crate) fn in_order(self) -> impl Iterator<Item = Encoding> {
        let br = self.br.then_some(Encoding::Br);
        let gzip = self.gzip.then_some(Encoding::Gzip);
        br.into_iter().chain(gzip)
    }
}

fn is_zero_weight(parameter: &str) -> bool {
    parameter
        .trim()
        .strip_prefix("q=")
        .and_then(|weight| weight.trim().parse::<f32>().ok())
        .is_some_and(|weight| weight <= 0.0)
}

#[cfg(test)]
mod tests {
    use super::Accept;

    #[test]
    fn headers_of_browsers_and_odd_ones() {
        let cases = [
            ("", false, false),
            ("gzip, deflate, br, zstd", true, true),
            ("gzip", false, true),
            ("GZIP;q=0.5, Br ; q=1", true, true),
            ("br;q=0, gzip", false, true),
            ("br; q=0.000, *", false, true),
            ("*;q=0", false, false),
            ("identity", false, false),
            ("gzip;q=nonsense", false, true),
            (",,;;=", false, false),
        ];
        for (header, br, gzip) in cases {
            assert_eq!(Accept::parse(header), Accept { br, gzip }, "{header:?}");
        }
    }
}
