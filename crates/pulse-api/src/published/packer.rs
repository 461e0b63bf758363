//! A JSON body that is compressed while it is written, where the reader takes it so.

use std::io::Write;

use flate2::write::GzEncoder;
use serde::Serialize;

use super::segment;

/// Writes a long body piece by piece.
pub struct Packer(Sink);

enum Sink {
    Plain(Vec<u8>),
    Packed(Box<GzEncoder<Vec<u8>>>),
}

impl Packer {
    /// An empty body.
    pub fn new(is_packed: bool) -> Self {
        Self(if is_packed {
            Sink::Packed(Box::new(GzEncoder::new(Vec::new(), segment::LEVEL)))
        } else {
            Sink::Plain(Vec::new())
        })
    }

    /// Adds some text.
    pub fn text(&mut self, text: &[u8]) -> std::io::Result<()> {
        match &mut self.0 {
            Sink::Plain(out) => out.write_all(text),
            Sink::Packed(out) => out.write_all(text),
        }
    }

    /// Adds a list, item by item.
    pub fn list<T: Serialize>(&mut self, items: impl Iterator<Item = T>) -> std::io::Result<()> {
        self.text(b"[")?;
        for (place, item) in items.enumerate() {
            if place > 0 {
                self.text(b",")?;
            }
            match &mut self.0 {
                Sink::Plain(out) => serde_json::to_writer(out, &item)?,
                Sink::Packed(out) => serde_json::to_writer(out, &item)?,
            }
        }
        self.text(b"]")
    }

    /// The body.
    pub fn finish(self) -> std::io::Result<Vec<u8>> {
        match self.0 {
            Sink::Plain(out) => Ok(out),
            Sink::Packed(out) => out.finish(),
        }
    }
}
