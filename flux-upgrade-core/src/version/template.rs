//! Go's replacement templates: `$name`, `${name}`, `$1`, `$$`.

use std::fmt;

/// The text that a tag filter makes of a match.
///
/// A name is the longest run of letters, digits and underscores, so `$1x` is the group named `1x`; a group that does
/// not exist or took no part expands to nothing; a malformed `$` stays. Source: Go `regexp.Expand`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
}

impl fmt::Display for Template {
    /// The template as it can be written: `$name`, `$1`, `$$`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces.iter().enumerate().try_for_each(|(place, piece)| {
            // A name goes on as far as it can, so what follows it decides whether it needs braces.
            let goes_on = matches!(self.pieces.get(place + 1), Some(Piece::Text(text))
                if text.starts_with(|c: char| c == '_' || c.is_alphanumeric()));
            match piece {
                Piece::Text(text) => f.write_str(&text.replace('$', "$$")),
                Piece::Number(number) if goes_on => write!(f, "${{{number}}}"),
                Piece::Number(number) => write!(f, "${number}"),
                Piece::Name(name) if goes_on => write!(f, "${{{name}}}"),
                Piece::Name(name) => write!(f, "${name}"),
            }
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Number(usize),
    Name(String),
}

impl Template {
    /// Reads a template; every text is one.
    pub fn parse(text: &str) -> Template {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            literal.push_str(before);
            rest = after;
            if let Some(after) = rest.strip_prefix('$') {
                literal.push('$');
                rest = after;
                continue;
            }
            match group_name(rest) {
                Some((name, after)) => {
                    if !literal.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut literal)));
                    }
                    pieces
                        .push(group_number(name).map_or_else(|| Piece::Name(name.to_owned()), Piece::Number));
                    rest = after;
                }
                None => literal.push('$'),
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        Template { pieces }
    }

    /// The template filled from groups: `groups[0]` is the whole match, names stand beside their groups.
    pub(super) fn expand(&self, groups: &[(Option<&str>, Option<&str>)]) -> String {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(literal) => text.push_str(literal),
                Piece::Number(number) => {
                    text.push_str(groups.get(*number).and_then(|(_, value)| *value).unwrap_or(""));
                }
                Piece::Name(wanted) => {
                    let named = groups.iter().filter(|(name, _)| *name == Some(wanted));
                    text.push_str(named.filter_map(|(_, value)| *value).next().unwrap_or(""));
                }
            }
        }
        text
    }
}

/// The name at the start of the text after a `$`, and what follows it.
fn group_name(text: &str) -> Option<(&str, &str)> {
    let (inner, braced) = text.strip_prefix('{').map_or((text, false), |inner| (inner, true));
    let end = inner.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(inner.len());
    let (name, rest) = inner.split_at(end);
    if name.is_empty() {
        return None;
    }
    if braced { rest.strip_prefix('}').map(|rest| (name, rest)) } else { Some((name, rest)) }
}

/// A name of digits without a leading zero is a number.
fn group_number(name: &str) -> Option<usize> {
    let numeric = name.bytes().all(|byte| byte.is_ascii_digit());
    let leading_zero = name.len() > 1 && name.starts_with('0');
    if numeric && !leading_zero && name.len() <= 9 { name.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_template_rules() {
        let groups = [(None, Some("ab")), (Some("n"), Some("a")), (Some("m"), None), (Some("1x"), Some("q"))];
        let table = [
            ("$0-$1", "ab-a"),
            ("${1}0", "a0"),
            ("$1x", "q"),
            ("$n", "a"),
            ("$nn|$m|$9", "||"),
            ("$$1", "$1"),
            ("a$", "a$"),
            ("${n", "${n"),
            ("${}", "${}"),
            ("$-", "$-"),
            ("${na-me}", "${na-me}"),
            ("$é", ""),
            ("$01", ""),
        ];
        for (template, expected) in table {
            assert_eq!(Template::parse(template).expand(&groups), expected, "{template}");
        }
    }
}
