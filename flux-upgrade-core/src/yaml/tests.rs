use super::*;
use crate::text::Span;

fn document(text: &str) -> Document<'_> {
    let (mut documents, error) = parse(text, Span::new(0, text.len()), Comments::Keep);
    assert_eq!(error, None, "{text}");
    documents.remove(0)
}

fn raw<'t>(text: &'t str, path: &[&str]) -> &'t str {
    document(text).root().expect("a root").at(path).expect("the path").span().of(text)
}

#[test]
fn spans_cover_the_scalar_and_nothing_else() {
    for (text, expected) in [
        ("a: 1.2.3 # note\n", "1.2.3"),
        ("a:   \"1.2.3\"   # ü\n", "\"1.2.3\""),
        ("a: '1.2.3'\r\nb: 2\r\n", "'1.2.3'"),
        ("a: &v 1.2.3\n", "1.2.3"),
        ("a: !!str 1.2.3\n", "1.2.3"),
        ("{a: 1.2.3, b: 2}", "1.2.3"),
        ("a: 1.2.3", "1.2.3"),
        ("é: x\n\"a\": 1.2.3\n", "1.2.3"),
        ("a: 1.2.3\rb: 2\r", "1.2.3"),
        ("---\n? a\n: 1.2.3\n", "1.2.3"),
        ("a:\n  1.2.3\n", "1.2.3"),
    ] {
        assert_eq!(raw(text, &["a"]), expected, "{text:?}");
    }
}

#[test]
fn lookups_follow_aliases_merges_and_the_last_duplicate() {
    let text =
        "base: &b {v: 1, w: 2}\none: {<<: *b, w: 3}\ntwo: *b\nlist: {<<: [*b, {x: 9}]}\ndup: 1\ndup: 2\n";
    let document = document(text);
    let root = document.root().expect("a root");
    let get = |path: &[&str]| root.text_at(path);
    assert_eq!(get(&["one", "v"]), Some("1"));
    assert_eq!(get(&["one", "w"]), Some("3"));
    assert_eq!(get(&["two", "v"]), Some("1"));
    assert_eq!(get(&["list", "x"]), Some("9"));
    assert_eq!(get(&["dup"]), Some("2"));
    assert_eq!(get(&["base", "none"]), None);
}

#[test]
fn an_anchor_name_used_twice_means_the_nearest_above() {
    let text = "a: &v 1\nb: *v\nc: &v 2\nd: *v\n";
    let document = document(text);
    let root = document.root().expect("a root");
    assert_eq!((root.text_at(&["b"]), root.text_at(&["d"])), (Some("1"), Some("2")));
}

#[test]
fn a_merge_of_itself_ends() {
    assert_eq!(document("a: &a\n  <<: *a\n").root().and_then(|r| r.text_at(&["a", "x"])), None);
}

#[test]
fn nulls_have_no_text() {
    for text in ["a:\n", "a: ~\n", "a: null\n", "{a: }", "a: # c\n"] {
        let document = document(text);
        let value = document.root().and_then(|r| r.get("a")).expect("an entry");
        assert_eq!(value.text(), None, "{text:?}");
    }
    assert_eq!(document("a: \"\"\n").root().and_then(|r| r.text_at(&["a"])), Some(""));
}

#[test]
fn comments_on_the_line_and_above() {
    let text = "a: 1\n# far\n\n# two\n# one\nb: 2 # here\nc: 3\n";
    let document = document(text);
    let b = document.root().and_then(|r| r.get("b")).expect("b").span();
    let here = document.line_comment(b.end).map(|c| document.comment_text(c));
    assert_eq!(here, Some("here"));
    let above: Vec<_> = document.comments_above(b.start).map(|c| document.comment_text(c)).collect();
    assert_eq!(above, ["one", "two"]);
    let c = document.root().and_then(|r| r.get("c")).expect("c").span();
    assert_eq!(document.line_comment(c.end), None);
    assert_eq!(document.comments_above(c.start).count(), 0);
}

#[test]
fn hostile_texts_end() {
    let deep = [
        "- ".repeat(100_000),
        "[".repeat(100_000),
        "{a: ".repeat(100_000),
        "? ".repeat(100_000),
        (0..2_000).map(|i| format!("{}a:\n", " ".repeat(i))).collect::<String>(),
    ];
    for text in deep {
        let (_, error) = parse(&text, Span::new(0, text.len()), Comments::Keep);
        assert!(error.is_some());
    }
    let mut laughs = String::from("a0: &a0 [x]\n");
    for i in 1..200 {
        let before = format!("*a{},", i - 1).repeat(9);
        laughs.push_str(&format!("a{i}: &a{i} [{before}]\n"));
    }
    let (documents, error) = parse(&laughs, Span::new(0, laughs.len()), Comments::Keep);
    assert_eq!((documents.len(), error), (1, None));
}

#[test]
fn a_text_inside_a_block_is_read_where_it_stands() {
    for text in [
        "p: |\n    a:\n      b: 1.2.3 # é\n    c: \"x\"\n",
        "é: 1\np: |-\r\n  a:\r\n    b: 1.2.3\r\n  c: \"x\"\r\n",
        "l:\n- p: |2+\n\n    a:\n      b: 1.2.3\n    c: \"x\"\n\nq: 1\n",
    ] {
        let outer = document(text);
        let node = outer.nodes().find(|node| node.quote() == Some(Quote::Literal)).expect("a block");
        let (inner, error) = parse(text, node.block().expect("a literal"), Comments::Skip);
        assert_eq!(error, None, "{text:?}");
        let root = inner[0].root().expect("a root");
        for (path, expected) in [(&["a", "b"][..], "1.2.3"), (&["c"], "\"x\"")] {
            assert_eq!(root.at(path).expect("the path").span().of(text), expected, "{text:?}");
        }
    }
}

pub(crate) mod generated;

use generated::generated;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_span_of_a_scalar_is_what_was_written_and_decodes_to_its_value(
        (text, scalars) in generated(),
        end in 0usize..3,
    ) {
        let end = ["\n", "\r\n", "\r"][end];
        let text = text.replace('\n', end);
        let mut found = Vec::new();
        for part in split(&text) {
            let (documents, error) = parse(&text, part, Comments::Keep);
            prop_assert_eq!(error, None, "{:?}", text);
            for document in documents {
                for node in document.nodes().filter(|node| node.quote().is_some()) {
                    let Body::Scalar { value, quote } = &node.slot().body else { continue };
                    found.push((node.span().of(&text).to_owned(), value.to_string(), *quote));
                }
            }
        }
        prop_assert_eq!(found.len(), scalars.len(), "{:?}", text);
        for ((raw, value, quote), wanted) in found.into_iter().zip(scalars) {
            prop_assert_eq!(&value, &wanted.value, "{:?}", text);
            prop_assert_eq!(quote, wanted.quote);
            let written = wanted.raw.replace('\n', end);
            if matches!(quote, Quote::Literal | Quote::Folded) {
                // The header is not in the span, and the blanks before the first line may be.
                let body = written.split_once(end).map_or("", |(_, body)| body).trim_start();
                prop_assert_eq!(raw.trim(), body, "{:?}", text);
            } else {
                prop_assert_eq!(raw, written, "{:?}", text);
            }
        }
    }
}

#[test]
fn a_merge_of_many_in_many_layers_is_looked_up_in_the_order_of_the_text() {
    let mut text = String::from("a0: &a0 {x: first}\nb: &b {x: other, y: found}\n");
    for i in 1..60 {
        text.push_str(&format!("a{i}: &a{i} {{<<: [*a{0}, *a{0}, *a{0}, *b]}}\n", i - 1));
    }
    text.push_str("c: {<<: *a59}\nd: {<<: [*b, *a59]}\ne: {<<: *a59, <<: *b}\n");
    let document = document(&text);
    let root = document.root().expect("a root");
    for (path, expected) in
        [(["c", "x"], "first"), (["c", "y"], "found"), (["d", "x"], "other"), (["e", "x"], "first")]
    {
        assert_eq!(root.text_at(&path), Some(expected), "{path:?}");
    }
    assert_eq!(root.text_at(&["c", "z"]), None);
}
