//! The text of a template to its tokens.

use super::{Problem, TemplateError};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind<'a> {
    /// Text outside of actions.
    Plain(&'a str),
    /// The end of an action.
    Close,
    Word(&'a str),
    /// `.Name`, without its dot.
    Field(&'a str),
    Dot,
    /// `$name`, with its sign.
    Variable(&'a str),
    Text(String),
    Int(i64),
    Float(f64),
    /// `|`, `(`, `)`, `,`, `=`.
    Mark(char),
    Declare,
    End,
}

#[derive(Debug, Clone)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind<'a>,
    /// Byte in the template.
    pub(super) at: usize,
    /// Whether nothing stands between it and the token before.
    pub(super) is_glued: bool,
}

const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

/// Source: Go `text/template/parse/lex.go`.
pub(super) fn lex(text: &str) -> Result<Vec<Token<'_>>, TemplateError> {
    let mut out = Vec::new();
    let mut at = 0;
    let mut trims = false;
    loop {
        let rest = &text[at..];
        let open = rest.find("{{");
        let mut plain = &rest[..open.unwrap_or(rest.len())];
        let inside = open.map(|open| at + open + 2);
        let trims_left = inside.is_some_and(|inside| {
            let mut found = text[inside..].chars();
            found.next() == Some('-') && found.next().is_some_and(|next| SPACE.contains(&next))
        });
        if trims {
            plain = plain.trim_start_matches(SPACE);
        }
        if trims_left {
            plain = plain.trim_end_matches(SPACE);
        }
        if !plain.is_empty() {
            out.push(Token { kind: Kind::Plain(plain), at, is_glued: false });
        }
        let Some(inside) = inside else { break };
        let lexer = Lexer { text, at: inside + if trims_left { 2 } else { 0 }, open: inside - 2 };
        (at, trims) = lexer.action(&mut out)?;
    }
    out.push(Token { kind: Kind::End, at: text.len(), is_glued: false });
    Ok(out)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    open: usize,
}

impl<'a> Lexer<'a> {
    fn fail(&self, at: usize, detail: impl Into<String>) -> TemplateError {
        TemplateError::new(self.text, at, Problem::Syntax { detail: detail.into() })
    }

    /// One action: where it ends, and whether it trims what follows.
    fn action(mut self, out: &mut Vec<Token<'a>>) -> Result<(usize, bool), TemplateError> {
        if self.text[self.at..].starts_with("/*") {
            return self.comment();
        }
        let mut is_glued = false;
        loop {
            let rest = &self.text[self.at..];
            let after = rest.trim_start_matches(SPACE);
            let start = self.at + rest.len() - after.len();
            is_glued &= start == self.at;
            let trims = start > self.at && after.starts_with("-}}");
            if trims || after.starts_with("}}") {
                out.push(Token { kind: Kind::Close, at: start, is_glued });
                return Ok((start + if trims { 3 } else { 2 }, trims));
            }
            if after.is_empty() {
                return Err(self.fail(self.open, "an action that is not closed: `}}` is missing"));
            }
            self.at = start;
            let kind = self.token(after)?;
            out.push(Token { kind, at: start, is_glued });
            is_glued = true;
        }
    }

    fn comment(&self) -> Result<(usize, bool), TemplateError> {
        let Some(end) = self.text[self.at..].find("*/") else {
            return Err(self.fail(self.open, "a comment that is not closed: `*/` is missing"));
        };
        let end = self.at + end + 2;
        let rest = &self.text[end..];
        if rest.starts_with("}}") {
            return Ok((end + 2, false));
        }
        if rest.starts_with(SPACE) && rest[1..].starts_with("-}}") {
            return Ok((end + 4, true));
        }
        Err(self.fail(end, "a comment ends before its action: `}}` is wanted after `*/`"))
    }

    fn token(&mut self, rest: &'a str) -> Result<Kind<'a>, TemplateError> {
        let mut chars = rest.chars();
        let first = chars.next().unwrap_or_default();
        let second = chars.next().unwrap_or_default();
        let (kind, length) = match first {
            ':' if second == '=' => (Kind::Declare, 2),
            '|' | '(' | ')' | ',' | '=' => (Kind::Mark(first), 1),
            '"' | '\'' => self.quoted(rest, first)?,
            '`' => {
                let end =
                    rest[1..].find('`').ok_or_else(|| self.fail(self.at, "a text that is not closed"))?;
                (Kind::Text(rest[1..=end].to_owned()), end + 2)
            }
            '.' if !second.is_ascii_digit() => {
                let name = word(&rest[1..]);
                (if name.is_empty() { Kind::Dot } else { Kind::Field(name) }, 1 + name.len())
            }
            '$' => {
                let length = 1 + word(&rest[1..]).len();
                (Kind::Variable(&rest[..length]), length)
            }
            '+' | '-' | '.' | '0'..='9' => {
                let length = rest[1..]
                    .char_indices()
                    .find(|(at, c)| {
                        let signed = matches!(c, '+' | '-') && rest[..=*at].ends_with(['e', 'E', 'p', 'P']);
                        !(c.is_alphanumeric() || matches!(c, '.' | '_') || signed)
                    })
                    .map_or(rest.len(), |(at, _)| at + 1);
                (self.number(&rest[..length])?, length)
            }
            c if c.is_alphabetic() || c == '_' => {
                let name = word(rest);
                (Kind::Word(name), name.len())
            }
            c => return Err(self.fail(self.at, format!("`{c}` has no meaning here"))),
        };
        let after = rest[length..].chars().next();
        if matches!(kind, Kind::Word(_) | Kind::Field(_) | Kind::Variable(_))
            && !after
                .is_none_or(|c| SPACE.contains(&c) || matches!(c, '.' | ',' | '|' | ':' | ')' | '(' | '}'))
        {
            return Err(
                self.fail(self.at + length, format!("`{}` has no meaning here", after.unwrap_or(' ')))
            );
        }
        self.at += length;
        Ok(kind)
    }

    fn number(&self, text: &str) -> Result<Kind<'a>, TemplateError> {
        let bad = || self.fail(self.at, format!("`{text}` is no number"));
        let (sign, digits) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text.strip_prefix('+').unwrap_or(text)),
        };
        let lower = digits.replace('_', "").to_ascii_lowercase();
        for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
            if let Some(rest) = lower.strip_prefix(prefix) {
                return i64::from_str_radix(rest, radix)
                    .map(|found| Kind::Int(sign * found))
                    .map_err(|_| bad());
            }
        }
        if lower.len() > 1 && lower.starts_with('0') && lower.bytes().all(|byte| byte.is_ascii_digit()) {
            return i64::from_str_radix(&lower, 8).map(|found| Kind::Int(sign * found)).map_err(|_| bad());
        }
        if let Ok(found) = lower.parse::<i64>() {
            return Ok(Kind::Int(sign * found));
        }
        if lower.ends_with('i') && lower.starts_with(|c: char| c.is_ascii_digit()) {
            let what = format!("the complex number `{text}`");
            return Err(TemplateError::new(self.text, self.at, Problem::Unsupported { what }));
        }
        let is_whole = lower.bytes().all(|byte| byte.is_ascii_digit());
        if is_whole || !lower.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            return Err(bad());
        }
        let found: f64 = lower.parse().ok().filter(|found: &f64| found.is_finite()).ok_or_else(bad)?;
        let found = found * f64::from(i32::try_from(sign).unwrap_or(1));
        // A constant such as 1e3 is an integer as well, and Go takes it so.
        #[expect(clippy::cast_possible_truncation, clippy::float_cmp)]
        if found.abs() < 9e15 && found.trunc() == found && !lower.contains('.') {
            return Ok(Kind::Int(found as i64));
        }
        Ok(Kind::Float(found))
    }

    /// A text in double quotes, or a character in single ones.
    fn quoted(&self, rest: &str, quote: char) -> Result<(Kind<'a>, usize), TemplateError> {
        let mut text = String::new();
        let mut chars = rest.char_indices().skip(1);
        let open = || self.fail(self.at, "a text that is not closed");
        while let Some((at, c)) = chars.next() {
            if c == quote {
                let mut only = text.chars();
                return match (quote, only.next(), only.next()) {
                    ('"', ..) => Ok((Kind::Text(text), at + 1)),
                    (_, Some(one), None) => Ok((Kind::Int(i64::from(u32::from(one))), at + 1)),
                    _ => {
                        Err(self
                            .fail(self.at, "single quotes hold one character; write a text in double quotes"))
                    }
                };
            }
            if c == '\n' {
                return Err(open());
            }
            if c != '\\' {
                text.push(c);
                continue;
            }
            let (_, escape) = chars.next().ok_or_else(open)?;
            let digits = match escape {
                'x' => 2,
                'u' => 4,
                'U' => 8,
                _ => 0,
            };
            if digits > 0 {
                let found: String = chars.by_ref().take(digits).map(|(_, c)| c).collect();
                let value = u32::from_str_radix(&found, 16).ok().filter(|value| digits > 2 || *value < 0x80);
                let bad = || self.fail(self.at + at, format!("`\\{escape}{found}` is no character"));
                text.push(value.and_then(char::from_u32).ok_or_else(bad)?);
                continue;
            }
            text.push(match escape {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                'a' => '\x07',
                'b' => '\x08',
                'f' => '\x0c',
                'v' => '\x0b',
                '\\' => '\\',
                c if c == quote => c,
                c => return Err(self.fail(self.at + at, format!("`\\{c}` is no escape"))),
            });
        }
        Err(open())
    }
}

fn word(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    &text[..end]
}
