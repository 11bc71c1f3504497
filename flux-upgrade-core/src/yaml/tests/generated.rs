//! Documents of every style, with what each scalar is written as and says.

use proptest::prelude::*;

use super::super::Quote;

/// A scalar as it is written, and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) raw: String,
    pub(crate) value: String,
    pub(crate) quote: Quote,
}

/// A scalar that fits on one line, in each style that can be in block and flow collections.
fn one_line() -> impl Strategy<Value = Written> {
    let word = "[a-zA-Z0-9éß名😀._/-]{1,8}";
    prop_oneof![
        (word, proptest::option::of(word)).prop_map(|(first, second)| {
            let raw = format!("x{first}{}", second.map(|word| format!(" {word}")).unwrap_or_default());
            let raw = raw.trim_end_matches(['-', ' ']).to_owned();
            Written { value: raw.clone(), raw, quote: Quote::Plain }
        }),
        "[a-zé名😀 '\"#:,{}\\[\\]&*!|>%@-]{0,10}".prop_map(|value: String| Written {
            raw: format!("'{}'", value.replace('\'', "''")),
            value,
            quote: Quote::Single,
        }),
        "[a-zé名😀 '\"\\\\\t\n\r\u{0}\u{85}\u{2028}#:,]{0,10}".prop_map(|value: String| {
            let escaped: String = value
                .chars()
                .map(|c| match c {
                    '"' => "\\\"".to_owned(),
                    '\\' => "\\\\".to_owned(),
                    '\n' => "\\n".to_owned(),
                    '\r' => "\\r".to_owned(),
                    '\0' => "\\0".to_owned(),
                    '\t' => "\\t".to_owned(),
                    '\u{85}' => "\\N".to_owned(),
                    '\u{2028}' => "\\u2028".to_owned(),
                    '😀' => "\\U0001F600".to_owned(),
                    other => other.to_string(),
                })
                .collect();
            Written { raw: format!("\"{escaped}\""), value, quote: Quote::Double }
        }),
    ]
}

/// A scalar over several lines: words, with one blank line before the last.
fn many_lines() -> impl Strategy<Value = Written> {
    (proptest::collection::vec("[a-zé名]{1,6}", 3..5), 0u8..5).prop_map(|(words, style)| {
        let (last, first) = words.split_last().expect("three words");
        let folded = format!("{}\n{last}", first.join(" "));
        let lines = format!("{}\n\n    {last}", first.join("\n    "));
        let kept = format!("{}\n\n{last}\n", first.join("\n"));
        match style {
            0 => Written { raw: lines, value: folded, quote: Quote::Plain },
            1 => Written { raw: format!("'{lines}'"), value: folded, quote: Quote::Single },
            2 => Written { raw: format!("\"{lines}\""), value: folded, quote: Quote::Double },
            3 => Written { raw: format!("|\n    {lines}"), value: kept, quote: Quote::Literal },
            _ => Written { raw: format!(">-\n    {lines}"), value: folded, quote: Quote::Folded },
        }
    })
}

/// A line of a document: a key with a value in one of many settings, and all scalars in order.
fn entry() -> impl Strategy<Value = (String, Vec<Written>)> {
    let note = prop_oneof![Just(""), Just(" # c: é"), Just("\t# \"c\""), Just("   ")];
    let block = (many_lines(), Just("")).prop_map(|(value, _)| (format!("{}\n", value.raw), vec![value]));
    let single = (one_line(), note.clone(), 0u8..4).prop_map(|(value, note, before)| {
        let before = ["", "&a1 ", "!!str ", "!t &名 "][before as usize];
        (format!("{before}{}{note}\n", value.raw), vec![value])
    });
    let flow = (proptest::collection::vec(one_line(), 0..4), note.clone(), any::<bool>()).prop_map(
        |(items, note, lines)| {
            let between = if lines { ",\n    " } else { " , " };
            let raw: Vec<&str> = items.iter().map(|item| item.raw.as_str()).collect();
            (format!("[ {} ]{note}\n", raw.join(between)), items)
        },
    );
    let pairs =
        (proptest::collection::vec((one_line(), one_line()), 0..3), note).prop_map(|(items, note)| {
            let raw: Vec<String> =
                items.iter().map(|(key, value)| format!("{} : {}", key.raw, value.raw)).collect();
            (
                format!("{{{}}}{note}\n", raw.join(", ")),
                items.into_iter().flat_map(|(key, value)| [key, value]).collect(),
            )
        });
    let list = proptest::collection::vec(one_line(), 1..4).prop_map(|items| {
        let raw: Vec<String> = items.iter().map(|item| format!("  -   {}\n", item.raw)).collect();
        (format!("\n{}", raw.concat()), items)
    });
    prop_oneof![3 => single, 2 => block, 2 => flow, 2 => pairs, 2 => list]
}

/// A document of many styles with its scalars in order, keys included.
pub(crate) fn generated() -> impl Strategy<Value = (String, Vec<Written>)> {
    let head =
        prop_oneof![Just(""), Just("---\n"), Just("%YAML 1.2\n---\n"), Just("# head\n\n"), Just("--- # c\n")];
    (proptest::collection::vec(entry(), 1..6), head, any::<bool>(), any::<bool>()).prop_map(
        |(entries, head, mark, newline)| {
            let (mut text, mut scalars) = (String::new(), Vec::new());
            if mark {
                text.push('\u{feff}');
            }
            text.push_str(head);
            for (at, (value, found)) in entries.into_iter().enumerate() {
                let key = format!("k{at}");
                text.push_str(&format!("{key}: {value}"));
                scalars.push(Written { raw: key.clone(), value: key, quote: Quote::Plain });
                scalars.extend(found);
            }
            if !newline && !matches!(scalars.last().map(|last| last.quote), Some(Quote::Literal)) {
                text.pop();
            }
            (text, scalars)
        },
    )
}
