//! Tokens to a tree. Source: Go `text/template/parse/parse.go`.

use std::collections::BTreeMap;

use super::functions;
use super::lexer::{Kind, Token, lex};
use super::{Problem, TemplateError};

/// Blocks and parentheses nest no deeper.
const DEPTH: usize = 30;
/// A template is no longer, in bytes.
const LENGTH: usize = 64 << 10;

/// Named templates; the main one has the empty name.
pub(super) type Templates = BTreeMap<String, Vec<Node>>;

#[derive(Debug)]
pub(super) enum Node {
    Plain(String),
    Action(Pipe),
    If(Pipe, Vec<Node>, Vec<Node>),
    With(Pipe, Vec<Node>, Vec<Node>),
    Range(Pipe, Vec<Node>, Vec<Node>),
    Template(usize, String, Option<Pipe>),
    Break,
    Continue,
}

#[derive(Debug)]
pub(super) struct Pipe {
    pub(super) at: usize,
    pub(super) variables: Vec<String>,
    pub(super) assigns: bool,
    /// Each with its arguments; the first of them is what is called.
    pub(super) commands: Vec<Vec<Term>>,
}

#[derive(Debug)]
pub(super) struct Term {
    pub(super) at: usize,
    pub(super) what: What,
    /// Fields that follow at once.
    pub(super) fields: Vec<String>,
}

#[derive(Debug)]
pub(super) enum What {
    Dot,
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Variable(String),
    Function(String),
    Pipe(Pipe),
}

pub(super) fn parse(text: &str) -> Result<Templates, TemplateError> {
    if text.len() > LENGTH {
        let detail = format!("it is longer than {LENGTH} bytes");
        return Err(TemplateError::new(text, 0, Problem::Limit { detail }));
    }
    let tokens = lex(text)?;
    let mut parser = Parser {
        text,
        tokens,
        next: 0,
        variables: vec!["$".to_owned()],
        templates: Templates::new(),
        depth: 0,
        loops: 0,
    };
    let (main, end) = parser.list()?;
    if let Some((at, word)) = end {
        return Err(parser.fail(at, format!("`{word}` closes nothing")));
    }
    parser.templates.insert(String::new(), main);
    Ok(parser.templates)
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token<'a>>,
    next: usize,
    variables: Vec<String>,
    templates: Templates,
    depth: usize,
    loops: usize,
}

/// What ended a list: `end` or `else` with its place.
type End<'a> = Option<(usize, &'a str)>;

impl<'a> Parser<'a> {
    fn fail(&self, at: usize, detail: impl Into<String>) -> TemplateError {
        TemplateError::new(self.text, at, Problem::Syntax { detail: detail.into() })
    }

    fn peek(&self) -> &Token<'a> {
        &self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    fn take(&mut self) -> Token<'a> {
        let token = self.peek().clone();
        self.next += 1;
        token
    }

    fn close(&mut self, after: &str) -> Result<(), TemplateError> {
        let token = self.take();
        if token.kind == Kind::Close {
            return Ok(());
        }
        Err(self.fail(token.at, format!("`}}}}` is wanted after {after}")))
    }

    fn deeper(&mut self, at: usize) -> Result<(), TemplateError> {
        self.depth += 1;
        if self.depth > DEPTH {
            let detail = format!("blocks or parentheses nest deeper than {DEPTH} levels");
            return Err(TemplateError::new(self.text, at, Problem::Limit { detail }));
        }
        Ok(())
    }

    fn list(&mut self) -> Result<(Vec<Node>, End<'a>), TemplateError> {
        let mut nodes = Vec::new();
        loop {
            let token = self.peek().clone();
            match token.kind {
                Kind::End => return Ok((nodes, None)),
                Kind::Plain(text) => {
                    self.next += 1;
                    nodes.push(Node::Plain(text.to_owned()));
                }
                Kind::Word(word @ ("end" | "else")) => {
                    self.next += 1;
                    return Ok((nodes, Some((token.at, word))));
                }
                Kind::Word(word @ ("if" | "with" | "range")) => {
                    self.next += 1;
                    nodes.push(self.block(word, token.at)?);
                }
                Kind::Word("define") => {
                    self.next += 1;
                    let name = self.name()?;
                    self.close("the name")?;
                    if self.depth > 0 {
                        return Err(self.fail(token.at, "`define` stands at the top alone"));
                    }
                    self.body(name, token.at)?;
                }
                Kind::Word(word @ ("template" | "block")) => {
                    self.next += 1;
                    let name = self.name()?;
                    let pipe = match self.peek().kind {
                        Kind::Close if word == "template" => None,
                        _ => Some(self.pipe("the pipeline")?),
                    };
                    self.close("the pipeline")?;
                    if word == "block" {
                        self.body(name.clone(), token.at)?;
                    }
                    nodes.push(Node::Template(token.at, name, pipe));
                }
                Kind::Word(word @ ("break" | "continue")) => {
                    self.next += 1;
                    self.close(word)?;
                    if self.loops == 0 {
                        return Err(self.fail(token.at, format!("`{word}` stands outside of `range`")));
                    }
                    nodes.push(if word == "break" { Node::Break } else { Node::Continue });
                }
                _ => {
                    let pipe = self.pipe("the pipeline")?;
                    self.close("the pipeline")?;
                    nodes.push(Node::Action(pipe));
                }
            }
        }
    }

    fn name(&mut self) -> Result<String, TemplateError> {
        let token = self.take();
        match token.kind {
            Kind::Text(name) => Ok(name),
            _ => Err(self.fail(token.at, "the name of a template is wanted, in quotes")),
        }
    }

    /// The body of a named template up to its `end`.
    fn body(&mut self, name: String, at: usize) -> Result<(), TemplateError> {
        let variables = std::mem::replace(&mut self.variables, vec!["$".to_owned()]);
        let loops = std::mem::take(&mut self.loops);
        self.deeper(at)?;
        let (nodes, end) = self.list()?;
        self.depth -= 1;
        self.loops = loops;
        self.variables = variables;
        match end {
            Some((_, "end")) => self.close("`end`")?,
            _ => return Err(self.fail(at, "a template without its `end`")),
        }
        let is_empty = nodes.iter().all(|node| matches!(node, Node::Plain(text) if text.trim().is_empty()));
        if !is_empty || !self.templates.contains_key(&name) {
            self.templates.insert(name, nodes);
        }
        Ok(())
    }

    fn block(&mut self, word: &str, at: usize) -> Result<Node, TemplateError> {
        self.deeper(at)?;
        let known = self.variables.len();
        let pipe = self.pipe(word)?;
        self.close("the pipeline")?;
        self.loops += usize::from(word == "range");
        let (body, end) = self.list()?;
        self.loops -= usize::from(word == "range");
        let mut otherwise = Vec::new();
        match end {
            Some((_, "else")) => match self.peek().kind {
                Kind::Word(inner) if inner == word && word != "range" => {
                    let token = self.take();
                    otherwise.push(self.block(inner, token.at)?);
                }
                _ => {
                    self.close("`else`")?;
                    let end;
                    (otherwise, end) = self.list()?;
                    let Some((_, "end")) = end else {
                        return Err(self.fail(at, format!("`{word}` without its `end`")));
                    };
                    self.close("`end`")?;
                }
            },
            Some(_) => self.close("`end`")?,
            None => return Err(self.fail(at, format!("`{word}` without its `end`"))),
        }
        self.variables.truncate(known);
        self.depth -= 1;
        Ok(match word {
            "if" => Node::If(pipe, body, otherwise),
            "with" => Node::With(pipe, body, otherwise),
            _ => Node::Range(pipe, body, otherwise),
        })
    }

    fn pipe(&mut self, context: &str) -> Result<Pipe, TemplateError> {
        let at = self.peek().at;
        let (variables, assigns) = self.declared(context)?;
        let mut commands = vec![self.command()?];
        while self.peek().kind == Kind::Mark('|') {
            self.next += 1;
            // Go takes a `|` with nothing behind it.
            if self.peek().kind != Kind::Close {
                commands.push(self.command()?);
            }
        }
        for command in &commands[1..] {
            let first = &command[0];
            if matches!(
                first.what,
                What::Bool(_) | What::Int(_) | What::Float(_) | What::Text(_) | What::Nil | What::Dot
            ) && first.fields.is_empty()
            {
                return Err(self.fail(first.at, "a pipeline goes on with a function"));
            }
        }
        if !assigns {
            self.variables.extend(variables.iter().cloned());
        }
        Ok(Pipe { at, variables, assigns, commands })
    }

    fn declared(&mut self, context: &str) -> Result<(Vec<String>, bool), TemplateError> {
        let kind = |ahead: usize| self.tokens.get(self.next + ahead).map(|token| &token.kind);
        let variable = |ahead: usize| match kind(ahead) {
            Some(Kind::Variable(name)) => Some((*name).to_owned()),
            _ => None,
        };
        let Some(first) = variable(0) else { return Ok((Vec::new(), false)) };
        let mut names = vec![first];
        let mut ahead = 1;
        if context == "range"
            && kind(1) == Some(&Kind::Mark(','))
            && let Some(second) = variable(2)
        {
            names.push(second);
            ahead = 3;
        }
        let assigns = match kind(ahead) {
            Some(Kind::Declare) => false,
            Some(Kind::Mark('=')) => true,
            _ => return Ok((Vec::new(), false)),
        };
        if assigns && let Some(name) = names.iter().find(|name| !self.variables.contains(name)) {
            return Err(self.fail(self.peek().at, format!("the variable `{name}` is not declared")));
        }
        self.next += ahead + 1;
        Ok((names, assigns))
    }

    fn command(&mut self) -> Result<Vec<Term>, TemplateError> {
        let mut terms = Vec::new();
        while let Some(term) = self.term(!terms.is_empty())? {
            terms.push(term);
        }
        if terms.is_empty() {
            return Err(self.fail(self.peek().at, "a value is wanted"));
        }
        Ok(terms)
    }

    fn term(&mut self, wants_space: bool) -> Result<Option<Term>, TemplateError> {
        let token = self.peek().clone();
        let is_dot = token.kind == Kind::Dot;
        let mut fields = Vec::new();
        let what = match token.kind {
            Kind::Close | Kind::Mark('|' | ')') => return Ok(None),
            Kind::End => return Err(self.fail(token.at, "the template ends inside an action")),
            _ if wants_space && token.is_glued => {
                return Err(self.fail(token.at, "a space is wanted between two values"));
            }
            Kind::Dot => What::Dot,
            Kind::Field(name) => {
                fields.push(name.to_owned());
                What::Dot
            }
            Kind::Word("nil") => What::Nil,
            Kind::Word("true") => What::Bool(true),
            Kind::Word("false") => What::Bool(false),
            Kind::Word(name) => {
                functions::check(name).map_err(|problem| TemplateError::new(self.text, token.at, problem))?;
                What::Function(name.to_owned())
            }
            Kind::Variable(name) => {
                if !self.variables.iter().any(|known| known == name) {
                    return Err(self.fail(token.at, format!("the variable `{name}` is not declared")));
                }
                What::Variable(name.to_owned())
            }
            Kind::Text(text) => What::Text(text),
            Kind::Int(value) => What::Int(value),
            Kind::Float(value) => What::Float(value),
            Kind::Mark('(') => {
                self.next += 1;
                self.deeper(token.at)?;
                let pipe = self.pipe("parentheses")?;
                self.depth -= 1;
                if self.peek().kind != Kind::Mark(')') {
                    return Err(self.fail(self.peek().at, "`)` is wanted"));
                }
                What::Pipe(pipe)
            }
            _ => return Err(self.fail(token.at, "a value is wanted")),
        };
        self.next += 1;
        while let Token { kind: Kind::Field(name), is_glued: true, at } = *self.peek() {
            if matches!(what, What::Bool(_) | What::Int(_) | What::Float(_) | What::Text(_) | What::Nil)
                || is_dot
            {
                return Err(self.fail(at, format!("`.{name}` follows what has no fields")));
            }
            fields.push(name.to_owned());
            self.next += 1;
        }
        Ok(Some(Term { at: token.at, what, fields }))
    }
}
