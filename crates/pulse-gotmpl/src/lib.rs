//! Templates in the syntax of Go's `text/template`: people have them in their webhooks, and they must keep rendering.
//!
//! ```
//! use pulse_gotmpl::{Limits, Template, Value};
//!
//! let template = Template::parse(r#"{"text":"{{.Name | upper}} is at {{printf "%.1f" .Value}}"}"#).unwrap();
//! let data = Value::structure("Data", [("Name", "db1".into()), ("Value", 91.25.into())]);
//! assert_eq!(template.render(&data, Limits::default()).unwrap(), r#"{"text":"DB1 is at 91.2"}"#);
//! ```
//!
//! Known: text and trimming (`{{-`, `-}}`), comments, fields and chains, variables, pipelines, parentheses, constants, `if`,
//! `else if`, `with`, `range` (lists, maps in key order, numbers), `break`, `continue`, `define`, `template`, `block`; the functions
//! of Go (`and`, `or` and `not` stop early; comparisons; `index`, `slice`, `len`, `print…`, `printf`, `html`, `js`, `urlquery`) and those of
//! Pulse v5 (`title`, `upper`, `lower`, `urlencode`, `urlpath`, `pathescape`). Not known: complex numbers, functions as values.
//! `tests/golden` holds what real Go makes of each of these.
//!
//! Invariants: no input panics; whatever a template does, it ends, and soon: [`Limits`] bounds its output, its depth and its
//! steps. Nothing here does I/O.

/// Appends formatted text.
macro_rules! put {
    ($out:expr, $($format:tt)*) => {
        $out.push_str(&format!($($format)*))
    };
}

mod ast;
mod compare;
mod escape;
mod exec;
mod float;
mod funcs;
mod lex;
mod parse;
mod printf;
mod value;

pub use exec::{Limits, RenderError};
pub use parse::ParseError;
pub use value::{Map, Object, Struct, Value};

/// A template that was parsed.
#[derive(Debug, Clone)]
pub struct Template {
    tree: ast::Tree,
}

impl Template {
    /// Parses a template.
    pub fn parse(source: &str) -> Result<Self, ParseError> {
        parse::parse(source).map(|tree| Self { tree })
    }

    /// Renders it over `data`, which is what `.` and `$` are at the beginning.
    pub fn render(&self, data: &Value, limits: Limits) -> Result<String, RenderError> {
        exec::render(&self.tree, data, limits)
    }
}
