//! JSON5 with places: JSON, and what people add to it — comments, trailing commas, single quotes, bare keys.
//!
//! Source: JSON5 1.0.0, <https://spec.json5.org>. Escapes in bare keys are not read.

use crate::text::Span;

/// How deep values may stand in each other.
const DEPTH: usize = 64;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item {
    pub(super) value: Value,
    pub(super) span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    /// As it is written.
    Number(String),
    Text(String),
    List(Vec<Item>),
    /// In the order of the file; of a key that stands twice the last counts.
    Object(Vec<Entry>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) at: Span,
    pub(super) item: Item,
}

impl Item {
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The texts of a list of texts, or of one text.
    pub(super) fn texts(&self) -> Option<Vec<&str>> {
        match &self.value {
            Value::List(items) => items.iter().map(Item::text).collect(),
            _ => self.text().map(|text| vec![text]),
        }
    }

    pub(super) fn items(&self) -> Option<&[Self]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// The entries that count, in the order of the file.
    pub(super) fn entries(&self) -> Option<Vec<&Entry>> {
        let Value::Object(entries) = &self.value else { return None };
        let last = |at: usize, key: &str| !entries[at + 1..].iter().any(|later| later.key == key);
        Some(
            entries
                .iter()
                .enumerate()
                .filter(|(at, entry)| last(*at, &entry.key))
                .map(|(_, entry)| entry)
                .collect(),
        )
    }
}

/// What is wrong, and the byte where.
pub(super) type Wrong = (usize, &'static str);

/// Reads one value and nothing behind it.
pub(super) fn parse(text: &str) -> Result<Item, Wrong> {
    let mut reader = Reader { text, at: 0 };
    let item = reader.item(DEPTH)?;
    reader.blanks()?;
    if reader.at < text.len() { Err((reader.at, "something stands behind the value")) } else { Ok(item) }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn takes(&mut self, wanted: char) -> bool {
        let fits = self.peek() == Some(wanted);
        if fits {
            self.at += wanted.len_utf8();
        }
        fits
    }

    fn blanks(&mut self) -> Result<(), Wrong> {
        loop {
            let rest = &self.text[self.at..];
            if let Some(comment) = rest.strip_prefix("//") {
                self.at += 2 + comment.find(is_line_end).unwrap_or(comment.len());
            } else if let Some(comment) = rest.strip_prefix("/*") {
                self.at += 4 + comment.find("*/").ok_or((self.at, "this comment is not closed"))?;
            } else if self.peek().is_some_and(|c| c.is_whitespace() || c == '\u{feff}') {
                self.take();
            } else {
                return Ok(());
            }
        }
    }

    fn item(&mut self, depth: usize) -> Result<Item, Wrong> {
        self.blanks()?;
        let start = self.at;
        let value = match self.peek() {
            None => return Err((start, "a value is wanted, and the file ends")),
            Some('{' | '[') if depth == 0 => return Err((start, "values stand too deep in each other")),
            Some('{') => self.object(depth)?,
            Some('[') => self.list(depth)?,
            Some('"' | '\'') => Value::Text(self.string()?),
            Some(_) => self.word()?,
        };
        Ok(Item { value, span: Span::new(start, self.at) })
    }

    fn object(&mut self, depth: usize) -> Result<Value, Wrong> {
        self.take();
        let mut entries = Vec::new();
        loop {
            self.blanks()?;
            if self.takes('}') {
                return Ok(Value::Object(entries));
            }
            let start = self.at;
            let key = match self.peek() {
                Some('"' | '\'') => self.string()?,
                _ => self.name().ok_or((start, "a key or `}` is wanted"))?,
            };
            let at = Span::new(start, self.at);
            self.blanks()?;
            if !self.takes(':') {
                return Err((self.at, "`:` is wanted behind the key"));
            }
            entries.push(Entry { key, at, item: self.item(depth - 1)? });
            self.blanks()?;
            if !self.takes(',') && self.peek() != Some('}') {
                return Err((self.at, "`,` or `}` is wanted"));
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, Wrong> {
        self.take();
        let mut items = Vec::new();
        loop {
            self.blanks()?;
            if self.takes(']') {
                return Ok(Value::List(items));
            }
            items.push(self.item(depth - 1)?);
            self.blanks()?;
            if !self.takes(',') && self.peek() != Some(']') {
                return Err((self.at, "`,` or `]` is wanted"));
            }
        }
    }

    /// A bare key.
    fn name(&mut self) -> Option<String> {
        let rest = &self.text[self.at..];
        let starts = |c: char| c.is_alphabetic() || matches!(c, '$' | '_');
        rest.starts_with(starts).then_some(())?;
        let goes_on = |c: char| starts(c) || c.is_numeric() || matches!(c, '\u{200c}' | '\u{200d}');
        let name = rest.split(|c| !goes_on(c)).next().unwrap_or_default();
        self.at += name.len();
        Some(name.to_owned())
    }

    /// `true`, `false`, `null` or a number.
    fn word(&mut self) -> Result<Value, Wrong> {
        let rest = &self.text[self.at..];
        let goes_on = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_' | '$');
        let word = rest.split(|c| !goes_on(c)).next().unwrap_or_default();
        let value = match word {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "null" => Value::Null,
            word if is_number(word) => Value::Number(word.to_owned()),
            _ => return Err((self.at, "a value is wanted")),
        };
        self.at += word.len();
        Ok(value)
    }

    fn string(&mut self) -> Result<String, Wrong> {
        let start = self.at;
        let quote = self.take();
        let mut out = String::new();
        loop {
            let at = self.at;
            match self.take() {
                None => return Err((start, "this text is not closed")),
                c if c == quote => return Ok(out),
                Some('\n' | '\r') => return Err((start, "this text is not closed on its line")),
                Some('\\') => self.escape(at, &mut out)?,
                Some(c) => out.push(c),
            }
        }
    }

    fn escape(&mut self, at: usize, out: &mut String) -> Result<(), Wrong> {
        let wrong = (at, "this is no escape");
        let c = match self.take().ok_or(wrong)? {
            '\r' => {
                self.takes('\n');
                return Ok(());
            }
            c if is_line_end(c) => return Ok(()),
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            '0' if !self.peek().is_some_and(|c| c.is_ascii_digit()) => '\0',
            'x' => char::from_u32(self.hex(2).ok_or(wrong)?).ok_or(wrong)?,
            'u' => {
                let high = self.hex(4).ok_or(wrong)?;
                let code = match high {
                    0xd800..=0xdbff if self.takes('\\') && self.takes('u') => {
                        let low = self.hex(4).filter(|low| (0xdc00..=0xdfff).contains(low)).ok_or(wrong)?;
                        0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)
                    }
                    code => code,
                };
                char::from_u32(code).ok_or(wrong)?
            }
            '0'..='9' => return Err(wrong),
            c => c,
        };
        out.push(c);
        Ok(())
    }

    fn hex(&mut self, digits: usize) -> Option<u32> {
        let text = self.text.get(self.at..self.at + digits)?;
        let fine = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        self.at += digits;
        fine.then(|| u32::from_str_radix(text, 16).ok())?
    }
}

fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

fn is_number(word: &str) -> bool {
    let bare = word.strip_prefix(['+', '-']).unwrap_or(word);
    if matches!(bare, "Infinity" | "NaN") {
        return true;
    }
    if let Some(hex) = bare.strip_prefix("0x").or_else(|| bare.strip_prefix("0X")) {
        return !hex.is_empty() && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    }
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = bare.split_once(['e', 'E']).unwrap_or((bare, "0"));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let padded = whole.len() > 1 && whole.starts_with('0');
    !exponent.is_empty()
        && digits(exponent)
        && digits(whole)
        && digits(fraction)
        && !padded
        && !(whole.is_empty() && fraction.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn plain(item: &Item) -> serde_json::Value {
        match &item.value {
            Value::Null => json!(null),
            Value::Bool(value) => json!(value),
            Value::Number(text) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
            Value::Text(text) => json!(text),
            Value::List(items) => items.iter().map(plain).collect(),
            Value::Object(_) => item
                .entries()
                .into_iter()
                .flatten()
                .map(|entry| (entry.key.clone(), plain(&entry.item)))
                .collect(),
        }
    }

    fn values() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(json!(null)),
            any::<bool>().prop_map(|value| json!(value)),
            any::<i64>().prop_map(|value| json!(value)),
            "\\PC{0,8}|[\\x00-\\x1f\\\\\"'/]{0,4}".prop_map(|text| json!(text)),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(|items| json!(items)),
                proptest::collection::btree_map("\\PC{0,4}", inner, 0..4).prop_map(|map| json!(map)),
            ]
        })
    }

    proptest! {
        #[test]
        fn json_is_json5(value in values()) {
            for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
                prop_assert_eq!(plain(&parse(&text).unwrap()), value.clone());
            }
        }

        #[test]
        fn any_text_is_read_or_refused_at_a_place(text in "\\PC{0,40}|[\\[\\]{}:,/*'\"\\\\a0-9 \n.+-]{0,40}") {
            match parse(&text) {
                Ok(item) => prop_assert!(text.get(item.span.start..item.span.end).is_some()),
                Err((at, _)) => prop_assert!(text.is_char_boundary(at)),
            }
            if let Ok(value) = serde_json::from_str::<serde_json::Value>(&text) {
                let found = parse(&text).map(|item| plain(&item));
                prop_assert_eq!(found, Ok(value));
            }
        }
    }

    #[test]
    fn what_people_add_to_json() {
        let text = "\u{feff}// first\n{ /* a */ unquoted: 'it\\'s', $x_1: .5, \"hex\": 0xFF, plus: +1., \
            line: 'a\\\nb', esc: '\\x41\\u00e9\\ud83d\\ude00\\q', big: Infinity, list: [1, 2,], twice: 1, twice: 2, }\n";
        let item = parse(text).unwrap();
        assert_eq!(
            plain(&item),
            json!({"unquoted": "it's", "$x_1": ".5", "hex": "0xFF", "plus": "+1.", "line": "ab", "esc": "Aé😀q",
                   "big": "Infinity", "list": [1, 2], "twice": 2})
        );
        let list = &item.entries().unwrap()[7];
        assert_eq!((list.at.of(text), list.item.span.of(text)), ("list", "[1, 2,]"));
    }

    #[test]
    fn what_is_wrong_has_a_place() {
        for (text, at, wrong) in [
            ("", 0, "a value is wanted, and the file ends"),
            ("{a 1}", 3, "`:` is wanted behind the key"),
            ("{a: 1 b: 2}", 6, "`,` or `}` is wanted"),
            ("[1 2]", 3, "`,` or `]` is wanted"),
            ("[1,,2]", 3, "a value is wanted"),
            ("{,}", 1, "a key or `}` is wanted"),
            ("{a: yes}", 4, "a value is wanted"),
            ("{a: 'x}", 4, "this text is not closed"),
            ("{a: 'x\n'}", 4, "this text is not closed on its line"),
            ("{a: '\\1'}", 5, "this is no escape"),
            ("{a: '\\ud800'}", 5, "this is no escape"),
            ("{} /* x", 3, "this comment is not closed"),
            ("{} {}", 3, "something stands behind the value"),
            ("01", 0, "a value is wanted"),
        ] {
            assert_eq!(parse(text), Err((at, wrong)), "{text}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(parse(&deep), Err((DEPTH, "values stand too deep in each other")));
    }
}
