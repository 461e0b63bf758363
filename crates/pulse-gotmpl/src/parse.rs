//! From tokens to a tree. What a template uses must exist: functions and variables are checked here.

use std::collections::BTreeMap;

use crate::{
    ast::{Branch, Command, Node, Operand, Pipe, Tree},
    funcs::Function,
    lex::{self, Kind, Token},
    value::Value,
};

/// A template longer than this is none that a person wrote.
const MOST_BYTES: usize = 256 * 1024;
/// Blocks and parentheses in each other.
const MOST_DEPTH: usize = 100;

/// A template does not parse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("template line {line}: {message}")]
pub struct ParseError {
    /// Line, counted from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

pub(crate) fn parse(source: &str) -> Result<Tree, ParseError> {
    if source.len() > MOST_BYTES {
        let message = format!("the template is longer than {MOST_BYTES} bytes");
        return Err(ParseError { line: 1, message });
    }
    let mut parser = Parser {
        tokens: lex::lex(source)?,
        at: 0,
        variables: vec!["$".to_owned()],
        defined: BTreeMap::new(),
        depth: 0,
        ranges: 0,
    };
    let (body, end) = parser.list(true)?;
    debug_assert_eq!(end, End::Source);
    Ok(Tree { body, defined: parser.defined })
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    /// Those that can be seen here.
    variables: Vec<String>,
    defined: BTreeMap<String, Vec<Node>>,
    depth: usize,
    /// `range` blocks around this place.
    ranges: usize,
}

/// What ended a list of nodes.
#[derive(Debug, PartialEq)]
enum End {
    Source,
    Whole,
    /// `else`; the word behind it, if any, is next.
    Else,
}

#[derive(Clone, Copy, PartialEq)]
enum Block {
    If,
    With,
    Range,
}

type Parsed<T> = Result<T, ParseError>;

impl Parser {
    fn peek(&self) -> Option<&Kind> {
        self.tokens.get(self.at).map(|token| &token.kind)
    }

    fn next(&mut self) -> Option<Kind> {
        let token = self.tokens.get(self.at)?;
        self.at += 1;
        Some(token.kind.clone())
    }

    fn line(&self) -> usize {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(1, |token| token.line)
    }

    fn error<T>(&self, message: impl Into<String>) -> Parsed<T> {
        Err(ParseError { line: self.line(), message: message.into() })
    }

    fn skip_spaces(&mut self) {
        while self.peek() == Some(&Kind::Space) {
            self.at += 1;
        }
    }

    /// Expects the end of an action.
    fn close(&mut self, of: &str) -> Parsed<()> {
        self.skip_spaces();
        if self.peek() == Some(&Kind::Close) {
            self.at += 1;
            return Ok(());
        }
        self.error(format!("there is something behind {{{{{of}}}}} that makes no sense"))
    }

    fn deeper<T>(&mut self, work: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MOST_DEPTH {
            return self.error(format!("more than {MOST_DEPTH} blocks or parentheses in each other"));
        }
        self.depth += 1;
        let result = work(self);
        self.depth -= 1;
        result
    }

    /// Nodes up to `end`, `else`, or the end of the source.
    fn list(&mut self, is_top: bool) -> Parsed<(Vec<Node>, End)> {
        let mut nodes = vec![];
        loop {
            match self.next() {
                None if is_top => return Ok((nodes, End::Source)),
                None => return self.error("a block has no {{end}}"),
                Some(Kind::Text(text)) => nodes.push(Node::Text(text)),
                Some(_) => {
                    // An action: the lexer opens each one.
                    self.skip_spaces();
                    let word = match self.peek() {
                        Some(Kind::Word(word)) => word.clone(),
                        _ => String::new(),
                    };
                    match word.as_str() {
                        "end" | "else" if is_top => {
                            return self.error(format!("{{{{{word}}}}} without a block"));
                        }
                        "end" => {
                            self.at += 1;
                            self.close("end")?;
                            return Ok((nodes, End::Whole));
                        }
                        "else" => {
                            self.at += 1;
                            return Ok((nodes, End::Else));
                        }
                        "define" if is_top && self.depth == 0 => self.define()?,
                        "define" => return self.error("{{define}} is allowed only outside of blocks"),
                        _ => nodes.push(self.action(&word)?),
                    }
                }
            }
        }
    }

    fn action(&mut self, word: &str) -> Parsed<Node> {
        match word {
            "if" => self.branch(Block::If).map(Node::If),
            "with" => self.branch(Block::With).map(Node::With),
            "range" => self.branch(Block::Range).map(Node::Range),
            "template" => {
                self.at += 1;
                let name = self.name("template")?;
                let pipe = self.optional_pipe()?;
                Ok(Node::Template { name, pipe })
            }
            "block" => self.block(),
            "break" | "continue" => {
                if self.ranges == 0 {
                    return self.error(format!("{{{{{word}}}}} outside of {{{{range}}}}"));
                }
                self.at += 1;
                self.close(word)?;
                Ok(if word == "break" { Node::Break } else { Node::Continue })
            }
            _ => Ok(Node::Action(self.pipe(&Kind::Close, false)?)),
        }
    }

    fn optional_pipe(&mut self) -> Parsed<Option<Pipe>> {
        self.skip_spaces();
        if self.peek() == Some(&Kind::Close) {
            self.at += 1;
            return Ok(None);
        }
        self.pipe(&Kind::Close, false).map(Some)
    }

    fn name(&mut self, of: &str) -> Parsed<String> {
        self.skip_spaces();
        match self.next() {
            Some(Kind::Quoted(name)) => Ok(name),
            _ => self.error(format!("{{{{{of}}}}} needs a name in quotes")),
        }
    }

    fn define(&mut self) -> Parsed<()> {
        self.at += 1;
        let name = self.name("define")?;
        self.close("define")?;
        let body = self.template_body()?;
        self.keep(name, body)
    }

    fn block(&mut self) -> Parsed<Node> {
        self.at += 1;
        let name = self.name("block")?;
        self.skip_spaces();
        if self.peek() == Some(&Kind::Close) {
            return self.error("{{block}} needs a value");
        }
        let pipe = self.pipe(&Kind::Close, false)?;
        let body = self.template_body()?;
        self.keep(name.clone(), body)?;
        Ok(Node::Template { name, pipe: Some(pipe) })
    }

    /// The body of a template of its own: nothing of the one around it is seen.
    fn template_body(&mut self) -> Parsed<Vec<Node>> {
        let variables = std::mem::replace(&mut self.variables, vec!["$".to_owned()]);
        let ranges = std::mem::take(&mut self.ranges);
        let (body, end) = self.deeper(|parser| parser.list(false))?;
        (self.variables, self.ranges) = (variables, ranges);
        if end == End::Whole { Ok(body) } else { self.error("{{else}} in a {{define}} or {{block}}") }
    }

    /// An empty definition replaces none that has something in it, and is replaced by one.
    fn keep(&mut self, name: String, body: Vec<Node>) -> Parsed<()> {
        let is_empty = |nodes: &[Node]| {
            nodes.iter().all(|node| matches!(node, Node::Text(text) if text.trim().is_empty()))
        };
        match self.defined.get(&name) {
            Some(before) if !is_empty(before) && is_empty(&body) => {}
            Some(before) if !is_empty(before) => {
                return self.error(format!("there are two templates with the name {name:?}"));
            }
            _ => {
                self.defined.insert(name, body);
            }
        }
        Ok(())
    }

    fn branch(&mut self, block: Block) -> Parsed<Branch> {
        self.at += 1;
        self.deeper(|parser| {
            let seen = parser.variables.len();
            let branch = parser.branch_inside(block);
            parser.variables.truncate(seen);
            branch
        })
    }

    fn branch_inside(&mut self, block: Block) -> Parsed<Branch> {
        let pipe = self.pipe(&Kind::Close, block == Block::Range)?;
        let around = self.ranges;
        self.ranges += usize::from(block == Block::Range);
        let (body, end) = self.list(false)?;
        self.ranges = around;
        let otherwise = match end {
            End::Source | End::Whole => vec![],
            End::Else => self.otherwise(block)?,
        };
        Ok(Branch { pipe, body, otherwise })
    }

    fn otherwise(&mut self, block: Block) -> Parsed<Vec<Node>> {
        self.skip_spaces();
        match self.peek() {
            // `else if` is an `if` in the `else`; both end with the same `end`.
            Some(Kind::Word(word)) if word == "if" && block == Block::If => {
                Ok(vec![Node::If(self.branch(Block::If)?)])
            }
            Some(Kind::Word(word)) if word == "with" && block == Block::With => {
                Ok(vec![Node::With(self.branch(Block::With)?)])
            }
            _ => {
                self.close("else")?;
                let (nodes, end) = self.list(false)?;
                if end == End::Whole { Ok(nodes) } else { self.error("a block has two {{else}}") }
            }
        }
    }

    /// A pipeline up to `end`, which is taken too.
    fn pipe(&mut self, end: &Kind, is_range: bool) -> Parsed<Pipe> {
        let line = self.line();
        self.skip_spaces();
        let (variables, is_assignment) = self.declaration(is_range)?;
        let mut commands = vec![];
        loop {
            self.skip_spaces();
            if self.peek() == Some(end) {
                self.at += 1;
                break;
            }
            let is_first = commands.is_empty();
            let command = self.command()?;
            if command.operands.is_empty() {
                return self.error("a value is missing");
            }
            let is_value =
                matches!(command.operands.first(), Some(Operand::Dot | Operand::Nil | Operand::Constant(_)));
            if !is_first && is_value {
                return self.error("something that is no function stands behind a |");
            }
            commands.push(command);
            self.skip_spaces();
            match self.next() {
                // Go lets a | at the end pass.
                Some(Kind::Pipe) => {}
                Some(other) if other == *end => break,
                _ => return self.error("something stands in an action where it makes no sense"),
            }
        }
        if commands.is_empty() {
            return self.error("a value is missing");
        }
        // Only what follows the pipeline sees what it declares.
        if !is_assignment {
            self.variables.extend(variables.iter().cloned());
        }
        Ok(Pipe { variables, is_assignment, commands, line })
    }

    /// `$x :=`, `$x =`, and in a `range` also `$i, $x :=`.
    fn declaration(&mut self, is_range: bool) -> Parsed<(Vec<String>, bool)> {
        let begin = self.at;
        let mut names = vec![];
        while let Some(Kind::Variable(name)) = self.peek() {
            names.push(name.clone());
            self.at += 1;
            self.skip_spaces();
            match self.peek() {
                Some(Kind::Declare) => {
                    self.at += 1;
                    return Ok((names, false));
                }
                Some(Kind::Assign) => {
                    self.at += 1;
                    if let Some(unknown) = names.iter().find(|name| !self.variables.contains(name)) {
                        return self.error(format!("there is no variable {unknown}"));
                    }
                    return Ok((names, true));
                }
                Some(Kind::Comma) if is_range && names.len() == 1 => {
                    self.at += 1;
                    self.skip_spaces();
                }
                _ => break,
            }
        }
        if names.len() > 1 {
            return self.error("{{range}} can have two variables, with := behind them");
        }
        self.at = begin;
        Ok((vec![], false))
    }

    fn command(&mut self) -> Parsed<Command> {
        let mut operands = vec![];
        loop {
            self.skip_spaces();
            let Some(operand) = self.operand()? else { break };
            operands.push(operand);
            match self.peek() {
                Some(Kind::Space) => {}
                _ => break,
            }
        }
        Ok(Command { operands })
    }

    /// A value and the fields behind it.
    fn operand(&mut self) -> Parsed<Option<Operand>> {
        let Some(kind) = self.peek().cloned() else { return Ok(None) };
        let operand = match kind {
            Kind::Word(word) => match word.as_str() {
                "true" => Operand::Constant(Value::Bool(true)),
                "false" => Operand::Constant(Value::Bool(false)),
                "nil" => Operand::Nil,
                name => match Function::named(name) {
                    Some(function) => Operand::Function(function),
                    None => return self.error(format!("there is no function {name:?}")),
                },
            },
            Kind::Field(name) => {
                self.at += 1;
                let mut names = vec![name];
                names.extend(self.fields());
                return Ok(Some(Operand::Field(names)));
            }
            Kind::Variable(name) => {
                if !self.variables.contains(&name) {
                    return self.error(format!("there is no variable {name}"));
                }
                self.at += 1;
                return Ok(Some(Operand::Variable(name, self.fields())));
            }
            Kind::LeftParen => {
                self.at += 1;
                let pipe = self.deeper(|parser| parser.pipe(&Kind::RightParen, false))?;
                return Ok(Some(Operand::Pipe(Box::new(pipe), self.fields())));
            }
            Kind::Dot => Operand::Dot,
            Kind::Number(text) => match number(&text) {
                Some(value) => Operand::Constant(value),
                None => return self.error(format!("{text} is no number")),
            },
            Kind::Quoted(text) => Operand::Constant(text.into()),
            Kind::Char(character) => Operand::Constant(Value::Int(i64::from(u32::from(character)))),
            Kind::Text(_)
            | Kind::Open
            | Kind::Close
            | Kind::Space
            | Kind::Declare
            | Kind::Assign
            | Kind::Pipe
            | Kind::Comma
            | Kind::RightParen => return Ok(None),
        };
        self.at += 1;
        if matches!(self.peek(), Some(Kind::Field(_))) {
            return self.error("a constant, a function or . has no fields");
        }
        Ok(Some(operand))
    }

    fn fields(&mut self) -> Vec<String> {
        let mut names = vec![];
        while let Some(Kind::Field(name)) = self.peek() {
            names.push(name.clone());
            self.at += 1;
        }
        names
    }
}

/// A number as Go writes them.
fn number(text: &str) -> Option<Value> {
    let (sign, digits) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (if text.starts_with('-') { "-" } else { "" }, rest),
        None => ("", text),
    };
    let (radix, body) = match digits.get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("0x") => (16, &digits[2..]),
        Some("0o") => (8, &digits[2..]),
        Some("0b") => (2, &digits[2..]),
        _ if digits.len() > 1
            && digits.starts_with('0')
            && digits.bytes().all(|b| b.is_ascii_digit() || b == b'_') =>
        {
            (8, &digits[1..])
        }
        _ => (10, digits),
    };
    let is_well_separated =
        !body.ends_with('_') && !body.contains("__") && (radix != 10 || !body.starts_with('_'));
    if !is_well_separated || body.is_empty() {
        return None;
    }
    let body = body.replace('_', "");
    if let Ok(value) = i64::from_str_radix(&format!("{sign}{body}"), radix) {
        return Some(Value::Int(value));
    }
    let is_decimal = radix == 10 && body.bytes().all(|b| b.is_ascii_digit() || b".eE+-".contains(&b));
    // Whole numbers that do not fit are an error in Go too.
    if !is_decimal || body.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value: f64 = format!("{sign}{body}").parse().ok()?;
    value.is_finite().then_some(Value::Float(value))
}
