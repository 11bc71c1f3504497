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

/// Twenty aliases in each of eight levels: 20⁸ ways through a text of some hundred bytes.
#[test]
fn lists_of_merges_in_lists_of_merges_end() {
    let mut text = "l0: &l0 {a: 1}\n".to_owned();
    for level in 1..=8 {
        let below = vec![format!("*l{}", level - 1); 20].join(", ");
        text.push_str(&format!("l{level}: &l{level} {{<<: [{below}]}}\n"));
    }
    let document = document(&text);
    assert_eq!(document.root().and_then(|root| root.text_at(&["l8", "none"])), None);
    assert_eq!(document.root().and_then(|root| root.text_at(&["l8", "a"])), Some("1"));
}
