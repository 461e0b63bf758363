//! What a parsed template is.

use std::collections::BTreeMap;

use crate::{funcs::Function, value::Value};

/// A template and those that it defines.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    pub(crate) body: Vec<Node>,
    pub(crate) defined: BTreeMap<String, Vec<Node>>,
}

/// One piece.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    Text(String),
    Action(Pipe),
    If(Branch),
    With(Branch),
    Range(Branch),
    Template { name: String, pipe: Option<Pipe> },
    Break,
    Continue,
}

/// `if`, `with` and `range`.
#[derive(Debug, Clone)]
pub(crate) struct Branch {
    pub(crate) pipe: Pipe,
    pub(crate) body: Vec<Node>,
    pub(crate) otherwise: Vec<Node>,
}

/// Commands, each of which gets the result of the one before as its last argument.
#[derive(Debug, Clone)]
pub(crate) struct Pipe {
    /// Variables that get the result.
    pub(crate) variables: Vec<String>,
    /// Whether they exist already (`=`) or are made (`:=`).
    pub(crate) is_assignment: bool,
    pub(crate) commands: Vec<Command>,
    pub(crate) line: usize,
}

/// What is called, or just a value, and its arguments.
#[derive(Debug, Clone)]
pub(crate) struct Command {
    pub(crate) operands: Vec<Operand>,
}

#[derive(Debug, Clone)]
pub(crate) enum Operand {
    Dot,
    Nil,
    Constant(Value),
    /// `.a.b`
    Field(Vec<String>),
    /// `$x.a.b`
    Variable(String, Vec<String>),
    Function(Function),
    /// `(…).a.b`; without names a pipeline in parentheses.
    Pipe(Box<Pipe>, Vec<String>),
}
