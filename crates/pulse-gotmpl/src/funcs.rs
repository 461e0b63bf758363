//! The functions of templates.

use std::cmp::Ordering;

use crate::{
    compare::{equal, order},
    escape,
    printf::{print, print_formatted, print_line},
    value::Value,
};

/// A function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    And,
    Or,
    Not,
    Len,
    Index,
    Slice,
    Print,
    Printf,
    Println,
    Html,
    Js,
    UrlQuery,
    UrlPath,
    Title,
    Upper,
    Lower,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl Function {
    /// The function of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "and" => Self::And,
            "or" => Self::Or,
            "not" => Self::Not,
            "len" => Self::Len,
            "index" => Self::Index,
            "slice" => Self::Slice,
            "print" => Self::Print,
            "printf" => Self::Printf,
            "println" => Self::Println,
            "html" => Self::Html,
            "js" => Self::Js,
            "urlquery" | "urlencode" => Self::UrlQuery,
            "urlpath" | "pathescape" => Self::UrlPath,
            "title" => Self::Title,
            "upper" => Self::Upper,
            "lower" => Self::Lower,
            "eq" => Self::Eq,
            "ne" => Self::Ne,
            "lt" => Self::Lt,
            "le" => Self::Le,
            "gt" => Self::Gt,
            "ge" => Self::Ge,
            _ => return None,
        })
    }

    /// Calls it.
    pub(crate) fn call(self, arguments: &[Value]) -> Result<Value, String> {
        match self {
            // Those two see values one by one where they are evaluated; here they end a pipeline.
            Self::And | Self::Or => match arguments.last() {
                Some(value) => Ok(value.clone()),
                None => Err(format!("{self:?} needs an argument")),
            },
            Self::Not => Ok(Value::Bool(!one(self, arguments)?.is_true())),
            Self::Len => length(one(self, arguments)?),
            Self::Index => index(arguments),
            Self::Slice => slice(arguments),
            Self::Print => Ok(print(arguments).into()),
            Self::Println => Ok(print_line(arguments).into()),
            Self::Printf => match arguments.split_first() {
                Some((Value::Text(format), rest)) => Ok(print_formatted(format, rest)?.into()),
                _ => Err("printf needs a text with the format first".to_owned()),
            },
            Self::Html => Ok(escape::html(&joined(arguments)).into()),
            Self::Js => Ok(escape::javascript(&joined(arguments)).into()),
            // Pulse v5: its urlencode and urlpath take one text; more is joined as urlquery does.
            Self::UrlQuery => Ok(escape::query(&joined(arguments)).into()),
            Self::UrlPath => Ok(escape::path(text(self, arguments)?).into()),
            Self::Title => Ok(title(text(self, arguments)?).into()),
            Self::Upper => Ok(text(self, arguments)?.to_uppercase().into()),
            Self::Lower => Ok(text(self, arguments)?.to_lowercase().into()),
            Self::Eq => match arguments {
                [_] | [] => Err("eq needs two arguments".to_owned()),
                [first, others @ ..] => {
                    for other in others {
                        if equal(first, other)? {
                            return Ok(Value::Bool(true));
                        }
                    }
                    Ok(Value::Bool(false))
                }
            },
            Self::Ne => {
                let (left, right) = two(self, arguments)?;
                Ok(Value::Bool(!equal(left, right)?))
            }
            Self::Lt | Self::Le | Self::Gt | Self::Ge => {
                let (left, right) = two(self, arguments)?;
                let ordering = order(left, right)?;
                Ok(Value::Bool(match self {
                    Self::Lt => ordering == Some(Ordering::Less),
                    Self::Le => ordering.is_some_and(Ordering::is_le),
                    Self::Gt => ordering == Some(Ordering::Greater),
                    _ => ordering.is_some_and(Ordering::is_ge),
                }))
            }
        }
    }
}

fn one(function: Function, arguments: &[Value]) -> Result<&Value, String> {
    match arguments {
        [value] => Ok(value),
        _ => Err(format!("{function:?} takes one argument, not {}", arguments.len())),
    }
}

fn two(function: Function, arguments: &[Value]) -> Result<(&Value, &Value), String> {
    match arguments {
        [left, right] => Ok((left, right)),
        _ => Err(format!("{function:?} takes two arguments, not {}", arguments.len())),
    }
}

fn text(function: Function, arguments: &[Value]) -> Result<&str, String> {
    match one(function, arguments)? {
        Value::Text(text) => Ok(text),
        other => Err(format!("{function:?} takes a text, not {}", other.type_name())),
    }
}

fn joined(arguments: &[Value]) -> String {
    if let [Value::Text(text)] = arguments {
        return text.to_string();
    }
    // `html .Missing` shows what an action would.
    let shown = arguments.iter().map(|value| match value {
        Value::Missing | Value::Nil => "<no value>".into(),
        value => value.clone(),
    });
    print(&shown.collect::<Vec<Value>>())
}

/// First letter upper, the rest lower.
fn title(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters.flat_map(char::to_lowercase)).collect(),
        None => String::new(),
    }
}

fn length(value: &Value) -> Result<Value, String> {
    let length = match value {
        Value::Text(text) => text.len(),
        Value::List(list) => list.len(),
        Value::Map(map) => map.entries.len(),
        other => return Err(format!("len of {}", other.type_name())),
    };
    Ok(Value::Int(i64::try_from(length).unwrap_or(i64::MAX)))
}

fn position(value: &Value, most: usize) -> Result<usize, String> {
    let position = match value {
        Value::Int(position) => *position,
        Value::Byte(position) => i64::from(*position),
        other => return Err(format!("cannot index with {}", other.type_name())),
    };
    match usize::try_from(position) {
        Ok(position) if position <= most => Ok(position),
        _ => Err(format!("index {position} is out of range")),
    }
}

fn index(arguments: &[Value]) -> Result<Value, String> {
    let Some((first, keys)) = arguments.split_first() else {
        return Err("index needs a list, a map or a text".to_owned());
    };
    if matches!(first, Value::Missing | Value::Nil) {
        return Err("index of nothing".to_owned());
    }
    let mut value = first.clone();
    for key in keys {
        let out_of_range = || format!("index {} is out of range", key.printed());
        value = match &value {
            Value::List(list) => list.get(position(key, list.len())?).cloned().ok_or_else(out_of_range)?,
            Value::Text(text) => {
                let byte = text.as_bytes().get(position(key, text.len())?).ok_or_else(out_of_range)?;
                Value::Byte(*byte)
            }
            Value::Map(map) => match key {
                Value::Text(key) => match map.entries.get(key) {
                    Some(value) => value.clone(),
                    None if map.is_of_texts => "".into(),
                    None => Value::Missing,
                },
                other => return Err(format!("the keys of a map are texts, not {}", other.type_name())),
            },
            Value::Missing | Value::Nil => return Err("index of nothing".to_owned()),
            other => return Err(format!("cannot index {}", other.type_name())),
        };
    }
    Ok(value)
}

fn slice(arguments: &[Value]) -> Result<Value, String> {
    let Some((value, bounds)) = arguments.split_first() else {
        return Err("slice needs a list or a text".to_owned());
    };
    if bounds.len() > 3 {
        return Err("slice takes three bounds at most".to_owned());
    }
    let length = match value {
        Value::Text(_) if bounds.len() == 3 => {
            return Err("slice of a text takes two bounds at most".to_owned());
        }
        Value::Text(text) => text.len(),
        Value::List(list) => list.len(),
        other => return Err(format!("cannot slice {}", other.type_name())),
    };
    let bounds = bounds.iter().map(|bound| position(bound, length)).collect::<Result<Vec<_>, _>>()?;
    let from = bounds.first().copied().unwrap_or(0);
    let to = bounds.get(1).copied().unwrap_or(length);
    if from > to || bounds.get(2).is_some_and(|most| *most < to) {
        return Err(format!("slice bounds {from} and {to} are out of order"));
    }
    Ok(match value {
        // Go may cut a character in two; here its half is shown as a replacement character.
        Value::Text(text) => String::from_utf8_lossy(&text.as_bytes()[from..to]).into_owned().into(),
        Value::List(list) => Value::List(list[from..to].into()),
        _ => Value::Missing,
    })
}
