//! What templates work on: the few kinds of Go values that data for them consists of.

use std::{collections::BTreeMap, fmt, sync::Arc};

use crate::printf;

/// A value.
#[derive(Debug, Clone, Default)]
pub enum Value {
    /// Nothing at all, as a key gives that a map does not have. Printed as `<no value>`.
    #[default]
    Missing,
    /// Go's `nil` in a place that may hold anything.
    Nil,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A byte, as indexing a string gives.
    Byte(u8),
    /// A number.
    Float(f64),
    /// Text.
    Text(Arc<str>),
    /// A list.
    List(Arc<[Value]>),
    /// Values by name; a name that is not there gives [`Value::Missing`].
    Map(Arc<Map>),
    /// Named fields; a field that is not there is an error.
    Struct(Arc<Struct>),
    /// Something with methods.
    Object(Arc<dyn Object>),
}

/// A map. Its keys are texts.
#[derive(Debug, Clone, Default)]
pub struct Map {
    /// What is in it.
    pub entries: BTreeMap<Arc<str>, Value>,
    /// Whether all values are texts: `index` then gives `""` for a missing key.
    pub is_of_texts: bool,
}

/// A structure.
#[derive(Debug, Clone)]
pub struct Struct {
    /// The name of its type, for messages.
    pub name: &'static str,
    /// Its fields, in order.
    pub fields: Vec<(&'static str, Value)>,
}

impl Struct {
    /// A field's value.
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|(field, _)| *field == name).map(|(_, value)| value)
    }
}

/// Something with methods, such as a time.
pub trait Object: fmt::Debug + Send + Sync {
    /// The name of its type, for messages.
    fn type_name(&self) -> &'static str;

    /// How it is printed.
    fn text(&self) -> String;

    /// Calls a method; `None` where it has none of that name.
    fn call(&self, method: &str, arguments: &[Value]) -> Option<Result<Value, String>>;
}

impl Value {
    /// A structure.
    pub fn structure(name: &'static str, fields: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        Self::Struct(Arc::new(Struct { name, fields: fields.into_iter().collect() }))
    }

    /// A map of anything.
    pub fn map<K: Into<Arc<str>>>(entries: impl IntoIterator<Item = (K, Value)>) -> Self {
        let entries = entries.into_iter().map(|(key, value)| (key.into(), value)).collect();
        Self::Map(Arc::new(Map { entries, is_of_texts: false }))
    }

    /// A map of texts.
    pub fn texts<K: Into<Arc<str>>, V: Into<Arc<str>>>(entries: impl IntoIterator<Item = (K, V)>) -> Self {
        let entries =
            entries.into_iter().map(|(key, value)| (key.into(), Self::Text(value.into()))).collect();
        Self::Map(Arc::new(Map { entries, is_of_texts: true }))
    }

    /// A list.
    pub fn list(values: impl IntoIterator<Item = Value>) -> Self {
        Self::List(values.into_iter().collect())
    }

    /// Whether `if` takes it for true: what is not empty and not zero.
    pub fn is_true(&self) -> bool {
        match self {
            Self::Missing | Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::Byte(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(list) => !list.is_empty(),
            Self::Map(map) => !map.entries.is_empty(),
            Self::Struct(_) | Self::Object(_) => true,
        }
    }

    /// The name of its type in Go.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Missing | Self::Nil => "<nil>",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Byte(_) => "uint8",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::List(_) => "[]interface {}",
            Self::Map(map) if map.is_of_texts => "map[string]string",
            Self::Map(_) => "map[string]interface {}",
            Self::Struct(it) => it.name,
            Self::Object(it) => it.type_name(),
        }
    }

    /// How an action prints it.
    pub(crate) fn printed(&self) -> String {
        match self {
            Self::Missing | Self::Nil => "<no value>".to_owned(),
            value => printf::value_text(value),
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.into())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value.into())
    }
}
