//! Scalars as Perl sends them: a number may come as text, a truth value as 0, "1" or "", anything may be `null` or
//! of a wrong type. A field that makes no sense is absent; it never fails the object it is in.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

/// No note is longer that anybody reads.
const LONGEST_TEXT: usize = 4_096;
/// No product allows longer names.
const LONGEST_NAME: usize = 256;

/// A text as it is kept: at most so long, and without characters that are not seen but act on what stands around them.
fn kept(text: &str, most: usize, acts: fn(char) -> bool) -> Cow<'_, str> {
    let text = text.char_indices().nth(most).map_or(text, |(end, _)| &text[..end]);
    if !text.contains(acts) {
        return text.into();
    }
    text.chars().map(|each| if acts(each) { char::REPLACEMENT_CHARACTER } else { each }).collect()
}

/// A name to keep that came within another text.
pub(crate) fn name(text: &str) -> String {
    seen_name(text).into_owned()
}

/// The same for who keeps it in a form of their own.
pub(crate) fn seen_name(text: &str) -> Cow<'_, str> {
    kept(text, LONGEST_NAME, acts_in_name)
}

/// A note to keep, for who keeps it in a form of their own.
pub(crate) fn seen_note(text: &str) -> Cow<'_, str> {
    kept(text, LONGEST_TEXT, acts_in_note)
}

/// Characters that act in a name: they turn the direction of the words behind it, as in `invoice\u{202e}gpj.exe`, begin a
/// new line of a log, or steer a terminal. Letters of languages that are written from right to left are not among them.
fn acts_in_name(each: char) -> bool {
    matches!(each, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') || each.is_control()
}

/// The same in a note, which may have several lines.
fn acts_in_note(each: char) -> bool {
    acts_in_name(each) && !matches!(each, '\n' | '\r' | '\t')
}

enum Scalar<'de> {
    Nothing,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(Cow<'de, str>),
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Scalar<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Scalar::Nothing)
            }
            fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
                Ok(Scalar::Bool(value))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
                Ok(Scalar::Integer(value.into()))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
                Ok(Scalar::Integer(value.into()))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
                Ok(Scalar::Float(value))
            }
            fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
                Ok(Scalar::Text(Cow::Borrowed(value)))
            }
            fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
                Ok(Scalar::Text(Cow::Owned(value.to_owned())))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Scalar::Nothing)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Scalar::Nothing)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// Text; a number becomes its digits, an empty text is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Text<'a>(pub(crate) Option<Cow<'a, str>>);

impl Text<'_> {
    pub(crate) fn as_str(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// The text to keep, cut where nobody reads on.
    pub(crate) fn to_owned(&self) -> Option<String> {
        self.0.as_deref().map(|text| seen_note(text).into_owned())
    }

    /// A name to keep: cut shorter, because it becomes part of ids and stands in every table.
    pub(crate) fn to_name(&self) -> Option<String> {
        self.0.as_deref().map(name)
    }

    pub(crate) fn is(&self, word: &str) -> bool {
        self.0.as_deref() == Some(word)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match Scalar::deserialize(deserializer)? {
            Scalar::Text(text) if text.is_empty() => None,
            Scalar::Text(text) => Some(text),
            Scalar::Integer(number) => Some(number.to_string().into()),
            Scalar::Float(number) => Some(number.to_string().into()),
            Scalar::Nothing | Scalar::Bool(_) => None,
        }))
    }
}

/// A whole number that is not negative: bytes, seconds, counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Int(pub(crate) Option<u64>);

impl Int {
    /// The number, where it fits.
    pub(crate) fn u32(self) -> Option<u32> {
        self.0.and_then(|number| u32::try_from(number).ok())
    }

    /// The number unless it is 0, for amounts where 0 means "not measured".
    pub(crate) fn positive(self) -> Option<u64> {
        self.0.filter(|number| *number > 0)
    }
}

impl<'de> Deserialize<'de> for Int {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match Scalar::deserialize(deserializer)? {
            Scalar::Integer(number) => u64::try_from(number).ok(),
            Scalar::Float(number) => whole(number),
            Scalar::Text(text) => {
                let text = text.trim();
                text.parse().ok().or_else(|| text.parse().ok().and_then(whole))
            }
            Scalar::Nothing | Scalar::Bool(_) => None,
        }))
    }
}

fn whole(number: f64) -> Option<u64> {
    (number.is_finite() && number >= 0.0 && number <= u64::MAX as f64).then_some(number as u64)
}

/// A number that is finite.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Float(pub(crate) Option<f64>);

impl Float {
    /// A share of a whole: not negative.
    pub(crate) fn fraction(self) -> Option<f64> {
        self.0.filter(|number| *number >= 0.0)
    }
}

impl<'de> Deserialize<'de> for Float {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = match Scalar::deserialize(deserializer)? {
            Scalar::Integer(number) => Some(number as f64),
            Scalar::Float(number) => Some(number),
            Scalar::Text(text) => text.trim().parse().ok(),
            Scalar::Nothing | Scalar::Bool(_) => None,
        };
        Ok(Self(number.filter(|number: &f64| number.is_finite())))
    }
}

/// Yes, no, or nothing said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Flag(pub(crate) Option<bool>);

impl Flag {
    /// Whether it says yes.
    pub(crate) fn is_set(self) -> bool {
        self.0 == Some(true)
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match Scalar::deserialize(deserializer)? {
            Scalar::Bool(value) => Some(value),
            Scalar::Integer(number) => Some(number != 0),
            Scalar::Float(number) => Some(number != 0.0),
            Scalar::Text(text) => match text.trim() {
                "1" | "true" | "yes" | "on" => Some(true),
                "0" | "" | "false" | "no" | "off" => Some(false),
                _ => None,
            },
            Scalar::Nothing => None,
        }))
    }
}

/// A part of an object; of another shape than expected it is absent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Part<T>(pub(crate) Option<T>);

impl<T> Default for Part<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Part<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Any<T> {
            type Value = Part<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Part(None))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Part(None))
            }
            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Part(None))
            }
            fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
                Ok(Part(None))
            }
            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Part(None))
            }
            fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
                Ok(Part(None))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Part(None))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(|part| Part(Some(part)))
            }
        }
        deserializer.deserialize_any(Any(std::marker::PhantomData))
    }
}

/// The items of a list, at most [`ITEMS_CAP`] of them; what is no list is empty.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Items<T>(pub(crate) Vec<T>);

/// No short list of a real answer has more items.
const ITEMS_CAP: usize = 64;

impl<T> Default for Items<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Items<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Any<T> {
            type Value = Items<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Items::default())
            }
            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Items::default())
            }
            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Items::default())
            }
            fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
                Ok(Items::default())
            }
            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Items::default())
            }
            fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
                Ok(Items::default())
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    if items.len() < ITEMS_CAP {
                        items.push(item);
                    }
                }
                Ok(Items(items))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Items::default())
            }
        }
        deserializer.deserialize_any(Any(std::marker::PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn int(json: &str, expect: Option<u64>) {
        assert_eq!(serde_json::from_str::<Int>(json).unwrap().0, expect, "{json}");
    }

    #[test]
    fn whole_numbers_come_in_every_dress() {
        for json in ["5", "5.0", "\"5\"", "\" 5 \"", "\"5.9\"", "5.9"] {
            int(json, Some(5));
        }
        int("18446744073709551615", Some(u64::MAX));
        for json in
            ["null", "-1", "\"-1\"", "\"\"", "\"N/A\"", "[1]", "{\"a\":[1]}", "true", "\"nan\"", "\"1e400\""]
        {
            int(json, None);
        }
    }

    #[test]
    fn numbers_are_finite_or_absent() {
        for (json, expect) in [
            ("0.25", Some(0.25)),
            ("\"0.25\"", Some(0.25)),
            ("1", Some(1.0)),
            ("\"nan\"", None),
            ("\"inf\"", None),
            ("null", None),
            ("[]", None),
        ] {
            assert_eq!(serde_json::from_str::<Float>(json).unwrap().0, expect, "{json}");
        }
    }

    #[test]
    fn flags_and_texts() {
        for (json, expect) in [
            ("1", Some(true)),
            ("\"1\"", Some(true)),
            ("true", Some(true)),
            ("0", Some(false)),
            ("\"\"", Some(false)),
            ("false", Some(false)),
            ("null", None),
            ("\"maybe\"", None),
            ("{}", None),
        ] {
            assert_eq!(serde_json::from_str::<Flag>(json).unwrap().0, expect, "{json}");
        }
        for (json, expect) in
            [("\"a\"", Some("a")), ("7", Some("7")), ("\"\"", None), ("null", None), ("[]", None)]
        {
            assert_eq!(serde_json::from_str::<Text<'_>>(json).unwrap().as_str(), expect, "{json}");
        }
        assert_eq!(serde_json::from_str::<Text<'_>>(r#""a\n\u00e9""#).unwrap().as_str(), Some("a\né"));
    }

    #[test]
    fn what_is_kept_of_a_text_acts_on_nothing_around_it() {
        let text = |text: &str| Text(Some(text.to_owned().into()));
        let check = |given: &str, name: &str, note: &str| {
            let text = text(given);
            assert_eq!((text.to_name().as_deref(), text.to_owned().as_deref()), (Some(name), Some(note)));
        };
        check("web-1 \u{1f600} <b> é", "web-1 \u{1f600} <b> é", "web-1 \u{1f600} <b> é");
        check("שלום 1", "שלום 1", "שלום 1");
        check("a\u{202e}gpj.exe\u{2066}", "a\u{fffd}gpj.exe\u{fffd}", "a\u{fffd}gpj.exe\u{fffd}");
        check(
            "a\r\n\tb\u{1b}[31m\u{0}",
            "a\u{fffd}\u{fffd}\u{fffd}b\u{fffd}[31m\u{fffd}",
            "a\r\n\tb\u{fffd}[31m\u{fffd}",
        );
        let long = "\u{202e}".repeat(10_000);
        assert_eq!(text(&long).to_name().unwrap(), "\u{fffd}".repeat(LONGEST_NAME));
        assert_eq!(text(&long).to_owned().unwrap().chars().count(), LONGEST_TEXT);
    }
}
