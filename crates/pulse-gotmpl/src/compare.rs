//! `eq`, `ne`, `lt` and their kin, with Go's rules: what is of different kinds is no false, it is an error.

use std::cmp::Ordering;

use crate::value::Value;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Bool,
    Whole,
    Float,
    Text,
    Other,
}

fn kind(value: &Value) -> Kind {
    match value {
        Value::Bool(_) => Kind::Bool,
        Value::Int(_) | Value::Byte(_) => Kind::Whole,
        Value::Float(_) => Kind::Float,
        Value::Text(_) => Kind::Text,
        Value::Missing
        | Value::Nil
        | Value::List(_)
        | Value::Map(_)
        | Value::Struct(_)
        | Value::Object(_) => Kind::Other,
    }
}

fn is_nil(value: &Value) -> bool {
    matches!(value, Value::Missing | Value::Nil)
}

fn whole(value: &Value) -> i64 {
    match value {
        Value::Int(value) => *value,
        Value::Byte(value) => i64::from(*value),
        _ => 0,
    }
}

const INCOMPATIBLE: &str = "values of different kinds cannot be compared (a number with a decimal point and a whole \
                            number are different kinds: write 80.0)";

/// Whether two values are equal.
pub(crate) fn equal(left: &Value, right: &Value) -> Result<bool, String> {
    let same = |equal: bool| Ok(equal);
    match (left, right) {
        _ if is_nil(left) && is_nil(right) => Ok(true),
        _ if is_nil(left) || is_nil(right) => Ok(false),
        _ if kind(left) != kind(right) => Err(INCOMPATIBLE.to_owned()),
        (Value::Bool(left), Value::Bool(right)) => same(left == right),
        (Value::Float(left), Value::Float(right)) => same(left == right),
        (Value::Text(left), Value::Text(right)) => same(left == right),
        (Value::Object(left), Value::Object(right)) => same(left.text() == right.text()),
        _ if kind(left) == Kind::Whole => same(whole(left) == whole(right)),
        _ => Err("lists, maps and structures cannot be compared".to_owned()),
    }
}

/// How two values are ordered; `None` with a NaN.
pub(crate) fn order(left: &Value, right: &Value) -> Result<Option<Ordering>, String> {
    match (left, right) {
        _ if kind(left) != kind(right) => Err(INCOMPATIBLE.to_owned()),
        (Value::Float(left), Value::Float(right)) => Ok(left.partial_cmp(right)),
        (Value::Text(left), Value::Text(right)) => Ok(Some(left.as_bytes().cmp(right.as_bytes()))),
        _ if kind(left) == Kind::Whole => Ok(Some(whole(left).cmp(&whole(right)))),
        _ => Err("only numbers and texts have an order".to_owned()),
    }
}
