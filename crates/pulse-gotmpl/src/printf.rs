//! `print`, `println`, `printf`, and how values look in text.

use crate::{
    escape::{is_printable, quoted},
    float,
    value::Value,
};

/// A wider field or a finer precision is refused: it would be an easy way to fill the memory.
const MOST_WIDTH: usize = 10_000;
/// Values in values; what is deeper is left out.
const MOST_DEPTH: usize = 32;

/// How `%v` shows a value.
pub(crate) fn value_text(value: &Value) -> String {
    let mut out = String::new();
    write_value(&mut out, value, Style::Plain, 0);
    out
}

#[derive(Clone, Copy, PartialEq)]
enum Style {
    /// `%v`
    Plain,
    /// `%+v`: with names of fields.
    Named,
}

fn write_value(out: &mut String, value: &Value, style: Style, depth: usize) {
    if depth > MOST_DEPTH {
        return out.push_str("...");
    }
    match value {
        Value::Missing | Value::Nil => out.push_str("<nil>"),
        Value::Bool(value) => put!(out, "{value}"),
        Value::Int(value) => put!(out, "{value}"),
        Value::Byte(value) => put!(out, "{value}"),
        Value::Float(value) => out.push_str(&float::format(*value, 'g', None)),
        Value::Text(text) => out.push_str(text),
        Value::List(list) => {
            out.push('[');
            for (at, value) in list.iter().enumerate() {
                if at > 0 {
                    out.push(' ');
                }
                write_value(out, value, style, depth + 1);
            }
            out.push(']');
        }
        Value::Map(map) => {
            out.push_str("map[");
            for (at, (key, value)) in map.entries.iter().enumerate() {
                if at > 0 {
                    out.push(' ');
                }
                out.push_str(key);
                out.push(':');
                write_value(out, value, style, depth + 1);
            }
            out.push(']');
        }
        Value::Struct(it) => {
            out.push('{');
            for (at, (name, value)) in it.fields.iter().enumerate() {
                if at > 0 {
                    out.push(' ');
                }
                if style == Style::Named {
                    put!(out, "{name}:");
                }
                write_value(out, value, style, depth + 1);
            }
            out.push('}');
        }
        Value::Object(it) => out.push_str(&it.text()),
    }
}

/// Go's `Sprint`: a space between two values of which neither is text.
pub(crate) fn print(values: &[Value]) -> String {
    let mut out = String::new();
    let mut was_text = true;
    for (at, value) in values.iter().enumerate() {
        let is_text = matches!(value, Value::Text(_));
        if at > 0 && !is_text && !was_text {
            out.push(' ');
        }
        write_value(&mut out, value, Style::Plain, 0);
        was_text = is_text;
    }
    out
}

/// Go's `Sprintln`.
pub(crate) fn print_line(values: &[Value]) -> String {
    let mut out = values.iter().map(value_text).collect::<Vec<_>>().join(" ");
    out.push('\n');
    out
}

#[derive(Default, Clone)]
struct Flags {
    plus: bool,
    minus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// Go's `Sprintf`.
pub(crate) fn print_formatted(format: &str, arguments: &[Value]) -> Result<String, String> {
    let mut out = String::new();
    let mut next = 0;
    let mut characters = format.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '%' {
            out.push(character);
            continue;
        }
        let mut flags = Flags::default();
        while let Some(flag) = characters.next_if(|c| "+-# 0".contains(*c)) {
            match flag {
                '+' => flags.plus = true,
                '-' => (flags.minus, flags.zero) = (true, false),
                '#' => flags.sharp = true,
                ' ' => flags.space = true,
                _ => flags.zero = !flags.minus,
            }
        }
        flags.width = amount(&mut characters, arguments, &mut next, &mut out)?;
        if characters.next_if_eq(&'.').is_some() {
            flags.precision = Some(amount(&mut characters, arguments, &mut next, &mut out)?.unwrap_or(0));
        }
        let Some(verb) = characters.next() else {
            out.push_str("%!(NOVERB)");
            break;
        };
        if verb == '%' {
            out.push('%');
            continue;
        }
        let Some(argument) = arguments.get(next) else {
            put!(out, "%!{verb}(MISSING)");
            continue;
        };
        next += 1;
        out.push_str(&formatted(argument, verb, &flags));
    }
    if next < arguments.len() {
        let rest: Vec<String> = arguments[next..]
            .iter()
            .map(|value| match value {
                Value::Missing | Value::Nil => "<nil>".to_owned(),
                value => format!("{}={}", value.type_name(), value_text(value)),
            })
            .collect();
        put!(out, "%!(EXTRA {})", rest.join(", "));
    }
    Ok(out)
}

/// A width or a precision: digits, or `*` for the next argument.
fn amount(
    characters: &mut std::iter::Peekable<std::str::Chars<'_>>,
    arguments: &[Value],
    next: &mut usize,
    out: &mut String,
) -> Result<Option<usize>, String> {
    if characters.next_if_eq(&'*').is_some() {
        let argument = arguments.get(*next);
        *next += 1;
        let Some(Value::Int(value)) = argument else {
            out.push_str("%!(BADWIDTH)");
            return Ok(None);
        };
        return match usize::try_from(*value) {
            Ok(value) if value <= MOST_WIDTH => Ok(Some(value)),
            _ => Err(format!("printf: a width of {value} is out of bounds")),
        };
    }
    let mut digits = String::new();
    while let Some(digit) = characters.next_if(char::is_ascii_digit) {
        digits.push(digit);
    }
    if digits.is_empty() {
        return Ok(None);
    }
    match digits.parse() {
        Ok(value) if value <= MOST_WIDTH => Ok(Some(value)),
        _ => Err(format!("printf: a width of {digits} is out of bounds")),
    }
}

fn formatted(value: &Value, verb: char, flags: &Flags) -> String {
    match (verb, value) {
        ('T', value) => padded(value.type_name().to_owned(), flags, false),
        ('v', Value::Missing | Value::Nil) => padded("<nil>".to_owned(), flags, false),
        ('v', Value::Struct(_) | Value::Map(_) | Value::List(_) | Value::Object(_)) => {
            let mut out = String::new();
            write_value(&mut out, value, if flags.plus { Style::Named } else { Style::Plain }, 0);
            out
        }
        ('v' | 't', Value::Bool(value)) => padded(value.to_string(), flags, false),
        ('v', Value::Text(text)) if flags.sharp => padded(quoted(text), flags, false),
        ('v' | 's', Value::Text(text)) => padded(cut(text, flags), flags, false),
        ('q', Value::Text(text)) => padded(quoted(&cut(text, flags)), flags, false),
        ('x' | 'X', Value::Text(text)) => {
            let hex: String = text.bytes().fold(String::new(), |mut hex, byte| {
                put!(hex, "{byte:02x}");
                hex
            });
            padded(if verb == 'X' { hex.to_uppercase() } else { hex }, flags, false)
        }
        ('s', Value::Object(it)) => padded(it.text(), flags, false),
        (_, Value::Int(number)) => {
            integer(i128::from(*number), verb, flags).unwrap_or_else(|| bad(verb, value))
        }
        (_, Value::Byte(number)) => {
            integer(i128::from(*number), verb, flags).unwrap_or_else(|| bad(verb, value))
        }
        ('v' | 'g' | 'G' | 'e' | 'E' | 'f' | 'F', Value::Float(number)) => real(*number, verb, flags),
        (_, Value::List(list)) if "sdfgeqxXtcbo".contains(verb) => {
            let parts: Vec<String> = list.iter().map(|value| formatted(value, verb, flags)).collect();
            format!("[{}]", parts.join(" "))
        }
        (_, Value::Map(map)) if "sq".contains(verb) => {
            let parts: Vec<String> = map
                .entries
                .iter()
                .map(|(key, value)| {
                    let key = formatted(&Value::Text(key.clone()), verb, flags);
                    format!("{key}:{}", formatted(value, verb, flags))
                })
                .collect();
            format!("map[{}]", parts.join(" "))
        }
        _ => bad(verb, value),
    }
}

fn bad(verb: char, value: &Value) -> String {
    match value {
        Value::Missing | Value::Nil => format!("%!{verb}(<nil>)"),
        value => format!("%!{verb}({}={})", value.type_name(), value_text(value)),
    }
}

/// Text cut to the precision, in characters.
fn cut(text: &str, flags: &Flags) -> String {
    match flags.precision {
        Some(most) => text.chars().take(most).collect(),
        None => text.to_owned(),
    }
}

fn integer(number: i128, verb: char, flags: &Flags) -> Option<String> {
    let magnitude = number.unsigned_abs();
    let digits = match verb {
        'd' | 'v' => magnitude.to_string(),
        'b' => format!("{magnitude:b}"),
        'o' if flags.sharp => format!("0{magnitude:o}"),
        'o' => format!("{magnitude:o}"),
        'O' => format!("0o{magnitude:o}"),
        'x' if flags.sharp => format!("0x{magnitude:x}"),
        'x' => format!("{magnitude:x}"),
        'X' if flags.sharp => format!("0X{magnitude:X}"),
        'X' => format!("{magnitude:X}"),
        'U' => return Some(padded(format!("U+{magnitude:04X}"), flags, false)),
        'c' | 'q' => {
            let character = u32::try_from(number).ok().and_then(char::from_u32).unwrap_or('\u{fffd}');
            let text = match (verb, character) {
                ('c', character) => character.to_string(),
                (_, '\'') => "'\\''".to_owned(),
                (_, '"') => "'\"'".to_owned(),
                (_, character) if is_printable(character) && character != '\\' => format!("'{character}'"),
                (_, character) => {
                    let inside = quoted(&character.to_string());
                    format!("'{}'", &inside[1..inside.len() - 1])
                }
            };
            return Some(padded(text, flags, false));
        }
        _ => return None,
    };
    let mut digits = digits;
    if let Some(least) = flags.precision {
        if least == 0 && number == 0 {
            digits.clear();
        }
        digits = format!("{}{digits}", "0".repeat(least.saturating_sub(digits.len())));
    }
    let sign = sign_of(number < 0, flags);
    let mut flags = flags.clone();
    // A precision says how many digits there are; zeros are no padding then.
    flags.zero &= flags.precision.is_none();
    Some(padded_number(sign, &digits, &flags))
}

fn real(number: f64, verb: char, flags: &Flags) -> String {
    let precision = match verb {
        'v' | 'g' | 'G' => flags.precision,
        _ => Some(flags.precision.unwrap_or(6)),
    };
    let verb = if verb == 'v' { 'g' } else { verb };
    let text = float::format(number, verb, precision);
    let is_finite = number.is_finite();
    let (is_negative, digits) = match text.strip_prefix(['-', '+']) {
        Some(digits) => (text.starts_with('-'), digits.to_owned()),
        None => (false, text),
    };
    let sign =
        if number.is_infinite() && !is_negative && !flags.space { "+" } else { sign_of(is_negative, flags) };
    let mut flags = flags.clone();
    flags.zero &= is_finite;
    padded_number(sign, &digits, &flags)
}

fn sign_of(is_negative: bool, flags: &Flags) -> &'static str {
    if is_negative {
        "-"
    } else if flags.plus {
        "+"
    } else if flags.space {
        " "
    } else {
        ""
    }
}

/// Padding with zeros goes between sign and digits.
fn padded_number(sign: &str, digits: &str, flags: &Flags) -> String {
    let width = flags.width.unwrap_or(0);
    if flags.zero && !flags.minus {
        let zeros = width.saturating_sub(sign.len() + digits.chars().count());
        return format!("{sign}{}{digits}", "0".repeat(zeros));
    }
    padded(format!("{sign}{digits}"), flags, true)
}

fn padded(text: String, flags: &Flags, is_number: bool) -> String {
    let missing = flags.width.unwrap_or(0).saturating_sub(text.chars().count());
    if missing == 0 {
        text
    } else if flags.minus {
        format!("{text}{}", " ".repeat(missing))
    } else {
        let filler = if flags.zero && !is_number { "0" } else { " " };
        format!("{}{text}", filler.repeat(missing))
    }
}
