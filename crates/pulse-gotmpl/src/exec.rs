//! Walking the tree. Everything that takes time or memory is counted, so that whatever a template does ends soon.

use crate::{
    ast::{Branch, Command, Node, Operand, Pipe, Tree},
    funcs::Function,
    value::Value,
};

/// How much a template may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of output.
    pub output_bytes: usize,
    /// Templates that call each other.
    pub depth: usize,
    /// Things done: nodes, commands, rounds of a `range`, and a step for every 64 bytes that a function returns.
    pub steps: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { output_bytes: 256 * 1024, depth: 50, steps: 200_000 }
    }
}

/// A template does not render.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// It does something that makes no sense with this data.
    #[error("template line {line}: {message}")]
    Failed {
        /// Line, counted from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// Its output is too long.
    #[error("the template writes more than {0} bytes")]
    TooLong(usize),
    /// It calls itself too often.
    #[error("templates call each other more than {0} deep")]
    TooDeep(usize),
    /// It does too much.
    #[error("the template does not end within {0} steps")]
    TooSlow(usize),
}

pub(crate) fn render(tree: &Tree, data: &Value, limits: Limits) -> Result<String, RenderError> {
    let mut run = Run {
        tree,
        limits,
        out: String::new(),
        steps: 0,
        depth: 0,
        line: 1,
        variables: vec![("$".to_owned(), data.clone())],
    };
    run.walk(&tree.body, data)?;
    Ok(run.out)
}

/// Whether a `range` goes on.
#[derive(Clone, Copy, PartialEq)]
enum Flow {
    On,
    Break,
    Continue,
}

struct Run<'t> {
    tree: &'t Tree,
    limits: Limits,
    out: String,
    steps: usize,
    depth: usize,
    line: usize,
    variables: Vec<(String, Value)>,
}

type Done<T> = Result<T, RenderError>;

impl<'t> Run<'t> {
    fn fail<T>(&self, message: impl Into<String>) -> Done<T> {
        Err(RenderError::Failed { line: self.line, message: message.into() })
    }

    fn step(&mut self, weight: usize) -> Done<()> {
        self.steps = self.steps.saturating_add(weight);
        if self.steps > self.limits.steps { Err(RenderError::TooSlow(self.limits.steps)) } else { Ok(()) }
    }

    fn write(&mut self, text: &str) -> Done<()> {
        if self.out.len() + text.len() > self.limits.output_bytes {
            return Err(RenderError::TooLong(self.limits.output_bytes));
        }
        self.out.push_str(text);
        Ok(())
    }

    fn walk(&mut self, nodes: &'t [Node], dot: &Value) -> Done<Flow> {
        for node in nodes {
            self.step(1)?;
            let flow = match node {
                Node::Text(text) => {
                    self.write(text)?;
                    Flow::On
                }
                Node::Action(pipe) => {
                    let value = self.pipe(pipe, dot)?;
                    if pipe.variables.is_empty() {
                        self.write(&value.printed())?;
                    }
                    Flow::On
                }
                Node::If(branch) => self.scoped(|run| {
                    let is_true = run.pipe(&branch.pipe, dot)?.is_true();
                    run.walk(if is_true { &branch.body } else { &branch.otherwise }, dot)
                })?,
                Node::With(branch) => self.scoped(|run| {
                    let value = run.pipe(&branch.pipe, dot)?;
                    if value.is_true() {
                        run.walk(&branch.body, &value)
                    } else {
                        run.walk(&branch.otherwise, dot)
                    }
                })?,
                Node::Range(branch) => self.scoped(|run| run.range(branch, dot))?,
                Node::Template { name, pipe } => {
                    self.template(name, pipe.as_ref(), dot)?;
                    Flow::On
                }
                Node::Break => Flow::Break,
                Node::Continue => Flow::Continue,
            };
            if flow != Flow::On {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    /// What is declared inside ends with it.
    fn scoped<T>(&mut self, work: impl FnOnce(&mut Self) -> Done<T>) -> Done<T> {
        let before = self.variables.len();
        let result = work(self);
        self.variables.truncate(before);
        result
    }

    fn template(&mut self, name: &str, pipe: Option<&'t Pipe>, dot: &Value) -> Done<()> {
        let Some(body) = self.tree.defined.get(name) else {
            return self.fail(format!("there is no template {name:?}"));
        };
        let value = match pipe {
            Some(pipe) => self.pipe(pipe, dot)?,
            None => Value::Missing,
        };
        if self.depth >= self.limits.depth {
            return Err(RenderError::TooDeep(self.limits.depth));
        }
        self.depth += 1;
        let variables = std::mem::replace(&mut self.variables, vec![("$".to_owned(), value.clone())]);
        let result = self.walk(body, &value);
        self.variables = variables;
        self.depth -= 1;
        result.map(drop)
    }

    fn range(&mut self, branch: &'t Branch, dot: &Value) -> Done<Flow> {
        let over = self.values(&branch.pipe, dot)?;
        let pipe = &branch.pipe;
        let is_number = matches!(over, Value::Int(_));
        if is_number && pipe.variables.len() > 1 {
            return self.fail("{{range}} over a number has one variable");
        }
        let (mut is_empty, before) = (true, self.variables.len());
        let mut round = |run: &mut Self, key: Value, value: Value| {
            is_empty = false;
            run.step(1)?;
            if pipe.is_assignment {
                match pipe.variables.as_slice() {
                    [one] => run.assign(one, value.clone()),
                    [first, second] => {
                        run.assign(first, key);
                        run.assign(second, value.clone());
                    }
                    _ => {}
                }
            } else {
                run.variables.truncate(before);
                match pipe.variables.as_slice() {
                    [one] => run.variables.push((one.clone(), value.clone())),
                    [first, second] => {
                        run.variables.push((first.clone(), key));
                        run.variables.push((second.clone(), value.clone()));
                    }
                    _ => {}
                }
            }
            Ok(run.walk(&branch.body, &value)? != Flow::Break)
        };
        match over {
            Value::List(list) => {
                for (at, value) in list.iter().enumerate() {
                    if !round(self, Value::Int(at as i64), value.clone())? {
                        break;
                    }
                }
            }
            Value::Map(map) => {
                for (key, value) in &map.entries {
                    if !round(self, Value::Text(key.clone()), value.clone())? {
                        break;
                    }
                }
            }
            Value::Int(count) => {
                for at in 0..count {
                    if !round(self, Value::Int(at), Value::Int(at))? {
                        break;
                    }
                }
            }
            Value::Missing | Value::Nil => {}
            other => return self.fail(format!("{{{{range}}}} cannot go over {}", other.type_name())),
        }
        if is_empty { self.walk(&branch.otherwise, dot) } else { Ok(Flow::On) }
    }

    /// The value of a pipeline, which then gets its variables.
    fn pipe(&mut self, pipe: &'t Pipe, dot: &Value) -> Done<Value> {
        let value = self.values(pipe, dot)?;
        for name in &pipe.variables {
            if pipe.is_assignment {
                self.assign(name, value.clone());
            } else {
                self.variables.push((name.clone(), value.clone()));
            }
        }
        Ok(value)
    }

    fn values(&mut self, pipe: &'t Pipe, dot: &Value) -> Done<Value> {
        self.line = pipe.line;
        let mut last = None;
        for command in &pipe.commands {
            self.step(1)?;
            last = Some(self.command(command, dot, last)?);
        }
        Ok(last.unwrap_or_default())
    }

    fn assign(&mut self, name: &str, value: Value) {
        if let Some((_, kept)) = self.variables.iter_mut().rev().find(|(known, _)| known == name) {
            *kept = value;
        }
    }

    fn variable(&self, name: &str) -> Done<Value> {
        match self.variables.iter().rev().find(|(known, _)| known == name) {
            Some((_, value)) => Ok(value.clone()),
            None => self.fail(format!("there is no variable {name}")),
        }
    }

    fn command(&mut self, command: &'t Command, dot: &Value, last: Option<Value>) -> Done<Value> {
        let Some((first, rest)) = command.operands.split_first() else {
            return self.fail("an empty command");
        };
        match first {
            Operand::Function(function) => self.call(*function, rest, dot, last),
            Operand::Field(names) => {
                let (receiver, method) = self.receiver(dot.clone(), names)?;
                self.invoke(&receiver, method, rest, dot, last)
            }
            Operand::Variable(name, names) => {
                let value = self.variable(name)?;
                if names.is_empty() {
                    self.only_a_value(rest, last.as_ref())?;
                    return Ok(value);
                }
                let (receiver, method) = self.receiver(value, names)?;
                self.invoke(&receiver, method, rest, dot, last)
            }
            Operand::Pipe(pipe, names) => {
                if names.is_empty() {
                    self.only_a_value(rest, last.as_ref())?;
                    return self.inner_pipe(pipe, dot);
                }
                let value = self.inner_pipe(pipe, dot)?;
                let (receiver, method) = self.receiver(value, names)?;
                self.invoke(&receiver, method, rest, dot, last)
            }
            Operand::Nil => self.fail("nil is no command"),
            Operand::Dot | Operand::Constant(_) => {
                self.only_a_value(rest, last.as_ref())?;
                self.operand(first, dot)
            }
        }
    }

    fn inner_pipe(&mut self, pipe: &'t Pipe, dot: &Value) -> Done<Value> {
        let line = self.line;
        let value = self.pipe(pipe, dot);
        if value.is_ok() {
            self.line = line;
        }
        value
    }

    fn only_a_value(&self, rest: &[Operand], last: Option<&Value>) -> Done<()> {
        if rest.is_empty() && last.is_none() {
            return Ok(());
        }
        self.fail("something that is no function has arguments")
    }

    fn operand(&mut self, operand: &'t Operand, dot: &Value) -> Done<Value> {
        match operand {
            Operand::Dot => Ok(dot.clone()),
            Operand::Nil => Ok(Value::Nil),
            Operand::Constant(value) => Ok(value.clone()),
            Operand::Function(function) => self.call(*function, &[], dot, None),
            Operand::Field(names) => self.fields(dot.clone(), names),
            Operand::Variable(name, names) => {
                let value = self.variable(name)?;
                self.fields(value, names)
            }
            Operand::Pipe(pipe, names) => {
                let value = self.inner_pipe(pipe, dot)?;
                self.fields(value, names)
            }
        }
    }

    /// All but the last of a chain of names, which may be a method.
    fn receiver<'n>(&self, value: Value, names: &'n [String]) -> Done<(Value, &'n str)> {
        match names.split_last() {
            Some((last, before)) => Ok((self.fields(value, before)?, last)),
            None => Ok((value, "")),
        }
    }

    fn fields(&self, mut value: Value, names: &[String]) -> Done<Value> {
        for name in names {
            value = match &value {
                Value::Object(object) => match object.call(name, &[]) {
                    Some(result) => result.or_else(|message| self.fail(message))?,
                    None => return self.no_field(&value, name),
                },
                value => self.field(value, name)?,
            };
        }
        Ok(value)
    }

    fn no_field<T>(&self, value: &Value, name: &str) -> Done<T> {
        self.fail(format!("{} has no field {name}", value.type_name()))
    }

    fn field(&self, value: &Value, name: &str) -> Done<Value> {
        match value {
            Value::Missing => Ok(Value::Missing),
            Value::Map(map) => Ok(map.entries.get(name).cloned().unwrap_or_default()),
            Value::Struct(it) => match it.field(name) {
                Some(value) => Ok(value.clone()),
                None => self.no_field(value, name),
            },
            other => self.no_field(other, name),
        }
    }

    /// The last name of a chain, with arguments where it is a method.
    fn invoke(
        &mut self,
        receiver: &Value,
        name: &str,
        rest: &'t [Operand],
        dot: &Value,
        last: Option<Value>,
    ) -> Done<Value> {
        let Value::Object(object) = receiver else {
            self.only_a_value(rest, last.as_ref())?;
            return self.field(receiver, name);
        };
        let mut arguments = vec![];
        for operand in rest {
            arguments.push(self.operand(operand, dot)?);
        }
        arguments.extend(last);
        match object.call(name, &arguments) {
            Some(result) => result.or_else(|message| self.fail(message)),
            None => self.no_field(receiver, name),
        }
    }

    fn call(
        &mut self,
        function: Function,
        rest: &'t [Operand],
        dot: &Value,
        last: Option<Value>,
    ) -> Done<Value> {
        let stops_at = match function {
            Function::And => Some(false),
            Function::Or => Some(true),
            _ => None,
        };
        let mut arguments = vec![];
        for operand in rest {
            let value = self.operand(operand, dot)?;
            if stops_at == Some(value.is_true()) {
                return Ok(value);
            }
            arguments.push(value);
        }
        arguments.extend(last);
        let value = function.call(&arguments).or_else(|message| self.fail(message))?;
        let weight = match &value {
            Value::Text(text) => text.len() / 64,
            _ => 0,
        };
        self.step(weight)?;
        Ok(value)
    }
}
