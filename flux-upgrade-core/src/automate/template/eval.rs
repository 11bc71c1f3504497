//! A tree and its data to text. Source: Go `text/template/exec.go`.

use super::functions;
use super::parser::{Node, Pipe, Templates, Term, What};
use super::print::{Writer, shown};
use super::value::Value;
use super::{Problem, TemplateError, Trouble};

/// Nodes, commands and turns of loops.
const STEPS: usize = 200_000;
/// Bytes of texts and values of lists that functions and loops go through.
const WORK: usize = 32 << 20;
/// Named templates within each other.
const DEPTH: usize = 10;

pub(super) fn render(text: &str, templates: &Templates, data: Value) -> Result<String, TemplateError> {
    let mut run = Run {
        text,
        templates,
        variables: vec![("$".to_owned(), data.clone())],
        out: Writer::default(),
        steps: 0,
        work: 0,
        depth: 0,
    };
    run.all(&templates[""], &data)?;
    Ok(run.out.text)
}

#[derive(PartialEq)]
enum Flow {
    On,
    Break,
    Continue,
}

struct Run<'a> {
    text: &'a str,
    templates: &'a Templates,
    variables: Vec<(String, Value)>,
    out: Writer,
    steps: usize,
    work: usize,
    depth: usize,
}

impl Run<'_> {
    fn fail(&self, at: usize, trouble: Trouble) -> TemplateError {
        TemplateError::new(self.text, at, trouble.0)
    }

    fn failed(&self, at: usize, detail: impl Into<String>) -> TemplateError {
        self.fail(at, Trouble::failed(detail))
    }

    fn step(&mut self, at: usize) -> Result<(), TemplateError> {
        self.steps += 1;
        if self.steps > STEPS {
            return Err(self.fail(at, Trouble::limit(format!("it takes more than {STEPS} steps"))));
        }
        Ok(())
    }

    fn work(&mut self, at: usize, cost: usize) -> Result<(), TemplateError> {
        self.work = self.work.saturating_add(cost);
        if self.work > WORK {
            return Err(self.fail(at, Trouble::limit("it goes through too much text")));
        }
        Ok(())
    }

    fn all(&mut self, nodes: &[Node], dot: &Value) -> Result<Flow, TemplateError> {
        for node in nodes {
            let flow = self.node(node, dot)?;
            if flow != Flow::On {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    /// The same with variables of its own.
    fn scoped(&mut self, nodes: &[Node], dot: &Value) -> Result<Flow, TemplateError> {
        let known = self.variables.len();
        let flow = self.all(nodes, dot);
        self.variables.truncate(known);
        flow
    }

    fn node(&mut self, node: &Node, dot: &Value) -> Result<Flow, TemplateError> {
        match node {
            Node::Plain(text) => self.out.push(text).map_err(|trouble| self.fail(0, trouble))?,
            Node::Action(pipe) => {
                let value = self.pipe(pipe, dot)?;
                if pipe.variables.is_empty() {
                    let text = shown(&value).map_err(|trouble| self.fail(pipe.at, trouble))?;
                    self.out.push(&text).map_err(|trouble| self.fail(pipe.at, trouble))?;
                }
            }
            Node::If(pipe, body, otherwise) | Node::With(pipe, body, otherwise) => {
                let known = self.variables.len();
                let value = self.pipe(pipe, dot)?;
                let flow = match (value.truth(), node) {
                    (true, Node::With(..)) => self.scoped(body, &value),
                    (true, _) => self.scoped(body, dot),
                    (false, _) => self.scoped(otherwise, dot),
                };
                self.variables.truncate(known);
                return flow;
            }
            Node::Range(pipe, body, otherwise) => {
                let known = self.variables.len();
                let flow = self.range(pipe, body, otherwise, dot);
                self.variables.truncate(known);
                return flow;
            }
            Node::Template(at, name, pipe) => self.template(*at, name, pipe.as_ref(), dot)?,
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::On)
    }

    fn template(
        &mut self,
        at: usize,
        name: &str,
        pipe: Option<&Pipe>,
        dot: &Value,
    ) -> Result<(), TemplateError> {
        self.step(at)?;
        let templates = self.templates;
        let found = templates.get(name).filter(|_| !name.is_empty());
        let Some(nodes) = found else {
            return Err(self.failed(at, format!("no template `{name}` is defined")));
        };
        if self.depth >= DEPTH {
            let detail = format!("templates call each other deeper than {DEPTH} levels");
            return Err(self.fail(at, Trouble::limit(detail)));
        }
        let data = pipe.map_or(Ok(Value::Missing), |pipe| self.pipe(pipe, dot))?;
        let variables = std::mem::replace(&mut self.variables, vec![("$".to_owned(), data.clone())]);
        self.depth += 1;
        self.all(nodes, &data)?;
        self.depth -= 1;
        self.variables = variables;
        Ok(())
    }

    fn range(
        &mut self,
        pipe: &Pipe,
        body: &[Node],
        otherwise: &[Node],
        dot: &Value,
    ) -> Result<Flow, TemplateError> {
        let over = self.pipe_value(pipe, dot)?;
        self.work(pipe.at, over.cost())?;
        let turns: Vec<(Value, Value)> = match &over {
            Value::List(list) => (0..).map(Value::Int).zip(list.inner.iter().cloned()).collect(),
            Value::Map(map) => map.inner.entries.clone(),
            Value::Int(count) | Value::Long(count) => {
                if pipe.variables.len() > 1 {
                    return Err(self.failed(pipe.at, "a number gives one variable to `range`"));
                }
                let wide = matches!(over, Value::Long(_));
                let most = i64::try_from(STEPS).unwrap_or(i64::MAX) + 1;
                let turn = |at| if wide { Value::Long(at) } else { Value::Int(at) };
                (0..(*count).clamp(0, most)).map(|at| (turn(at), turn(at))).collect()
            }
            Value::Missing => Vec::new(),
            other => {
                return Err(
                    self.failed(pipe.at, format!("`range` wants a list or a map, and not {}", other.kind()))
                );
            }
        };
        if turns.is_empty() {
            return self.scoped(otherwise, dot);
        }
        let mark = self.variables.len();
        for (key, item) in turns {
            self.step(pipe.at)?;
            let values = if pipe.variables.len() == 2 { vec![key, item.clone()] } else { vec![item.clone()] };
            for (name, value) in pipe.variables.iter().zip(values) {
                self.bind(name, value, pipe.assigns);
            }
            let flow = self.scoped(body, &item)?;
            self.variables.truncate(mark);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(Flow::On)
    }

    fn bind(&mut self, name: &str, value: Value, assigns: bool) {
        if assigns && let Some(known) = self.variables.iter_mut().rev().find(|known| known.0 == name) {
            known.1 = value;
        } else {
            self.variables.push((name.to_owned(), value));
        }
    }

    fn pipe(&mut self, pipe: &Pipe, dot: &Value) -> Result<Value, TemplateError> {
        let value = self.pipe_value(pipe, dot)?;
        for name in &pipe.variables {
            self.bind(name, value.clone(), pipe.assigns);
        }
        Ok(value)
    }

    fn pipe_value(&mut self, pipe: &Pipe, dot: &Value) -> Result<Value, TemplateError> {
        let mut last = None;
        for command in &pipe.commands {
            last = Some(self.command(command, dot, last)?);
        }
        Ok(last.unwrap_or(Value::Missing))
    }

    fn command(&mut self, terms: &[Term], dot: &Value, last: Option<Value>) -> Result<Value, TemplateError> {
        let first = &terms[0];
        self.step(first.at)?;
        if let (What::Function(name), true) = (&first.what, first.fields.is_empty()) {
            return self.call(first.at, name, &terms[1..], dot, last);
        }
        if terms.len() > 1 || last.is_some() {
            return Err(self.failed(first.at, "arguments follow what is no function"));
        }
        if matches!(first.what, What::Nil) {
            return Err(self.failed(first.at, "`nil` is no command"));
        }
        self.term(first, dot)
    }

    fn call(
        &mut self,
        at: usize,
        name: &str,
        terms: &[Term],
        dot: &Value,
        last: Option<Value>,
    ) -> Result<Value, TemplateError> {
        let mut given = Vec::new();
        if matches!(name, "and" | "or") {
            let mut value = None;
            for term in terms {
                let found = self.term(term, dot)?;
                if found.truth() == (name == "or") {
                    return Ok(found);
                }
                value = Some(found);
            }
            return last.or(value).ok_or_else(|| self.failed(at, format!("`{name}` wants a value")));
        }
        for term in terms {
            given.push(self.term(term, dot)?);
        }
        given.extend(last);
        if matches!(name, "index" | "len" | "get" | "hasKey" | "empty" | "default" | "coalesce" | "ternary") {
            // They make nothing.
            return functions::call(name, &given).map_err(|trouble| self.fail(at, trouble.of(name)));
        }
        let cost = given.iter().map(Value::cost).sum::<usize>();
        self.work(at, if matches!(name, "uniq" | "without") { cost.saturating_mul(cost) } else { cost })?;
        let found = functions::call(name, &given).map_err(|trouble| self.fail(at, trouble.of(name)))?;
        // A value takes more room than a byte.
        let room = if matches!(found, Value::Text(_)) { 1 } else { 4 };
        self.work(at, found.cost().saturating_mul(room))?;
        Ok(found)
    }

    fn term(&mut self, term: &Term, dot: &Value) -> Result<Value, TemplateError> {
        let mut value = match &term.what {
            What::Dot => dot.clone(),
            What::Nil => Value::Nil,
            What::Bool(value) => Value::Bool(*value),
            What::Int(value) => Value::Int(*value),
            What::Float(value) => Value::Float(*value),
            What::Text(text) => Value::text(text.as_str()),
            What::Variable(name) => {
                let found = self.variables.iter().rev().find(|known| known.0 == *name);
                found.map(|known| known.1.clone()).unwrap_or(Value::Missing)
            }
            What::Function(name) => self.call(term.at, name, &[], dot, None)?,
            What::Pipe(pipe) => self.pipe(pipe, dot)?,
        };
        for field in &term.fields {
            value = self.field(term.at, &value, field)?;
        }
        Ok(value)
    }

    fn field(&self, at: usize, value: &Value, name: &str) -> Result<Value, TemplateError> {
        match value {
            Value::Struct(found) => match found.get(name) {
                Some(value) => Ok(value.clone()),
                None => Err(TemplateError::new(self.text, at, missing(found.kind, name))),
            },
            Value::Map(map) if map.inner.entries.iter().all(|(key, _)| matches!(key, Value::Text(_))) => {
                Ok(map.inner.named(name).cloned().unwrap_or(Value::Missing))
            }
            Value::Missing => Ok(Value::Missing),
            Value::Nil => Err(self.failed(at, format!("`.{name}` of nothing"))),
            other => Err(self.failed(at, format!("`.{name}` of {}, which has no fields", other.kind()))),
        }
    }
}

/// Source: image-automation-controller `internal/source`, `checkRemovedTemplateField`.
fn missing(kind: &'static str, name: &str) -> Problem {
    match (kind, name) {
        ("the data", "Updated") => Problem::Removed { field: ".Updated", instead: "`.Changed`" },
        ("`.Changed`", "ImageResult") => Problem::Removed {
            field: ".Changed.ImageResult",
            instead: "`.Changed.FileChanges` or `.Changed.Objects`",
        },
        _ => Problem::Failed { detail: format!("{kind} has no field `.{name}`") },
    }
}
