//! Commit messages of an ImageUpdateAutomation against those of Go's `text/template` and sprig: `messages/table.json`.

use std::collections::BTreeMap;

use flux_upgrade_core::automate::{ChangedField, MessageData, ObjectName, message};
use serde::Deserialize;

#[derive(Deserialize)]
struct Table {
    data: BTreeMap<String, Given>,
    functions: Vec<String>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Given {
    namespace: String,
    name: String,
    values: BTreeMap<String, String>,
    changes: Vec<Field>,
}

#[derive(Deserialize)]
struct Field {
    file: String,
    object: [String; 4],
    old: String,
    new: String,
    setter: String,
}

#[derive(Deserialize)]
struct Case {
    template: String,
    data: String,
    message: Option<String>,
    #[serde(default)]
    unsupported: bool,
}

fn table() -> Table {
    serde_json::from_str(include_str!("messages/table.json")).expect("a table")
}

impl Given {
    fn data(&self) -> MessageData {
        let change = |field: &Field| {
            let [api_version, kind, name, namespace] = field.object.clone();
            ChangedField {
                file: field.file.clone(),
                object: ObjectName { api_version, kind, name, namespace },
                old: field.old.clone(),
                new: field.new.clone(),
                setter: field.setter.clone(),
            }
        };
        MessageData {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            values: self.values.clone(),
            changes: self.changes.iter().map(change).collect(),
        }
    }
}

#[test]
fn messages_are_those_of_go() {
    let table = table();
    let mut wrong = Vec::new();
    for case in &table.cases {
        let found = message(&case.template, &table.data[&case.data].data());
        let is_right = match (&found, &case.message) {
            (Ok(found), Some(wanted)) => found == wanted && !case.unsupported,
            (Err(error), Some(_)) => case.unsupported && error.code() == "template.unsupported",
            (Err(_), None) => true,
            (Ok(_), None) => false,
        };
        if !is_right {
            let wanted = case.message.as_deref().unwrap_or("an error");
            wrong.push(format!("{:?}\n  is {found:?}\n  Go {wanted:?}", case.template));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), table.cases.len(), wrong.join("\n"));
}

#[test]
fn every_function_of_flux_is_known() {
    for name in table().functions {
        if let Err(error) = message(&format!("{{{{ {name} }}}}"), &MessageData::default()) {
            assert_ne!(error.code(), "template.unknown-function", "{name}");
        }
    }
}

#[test]
fn an_error_says_its_code_and_its_place() {
    let data = table().data["many"].data();
    for (template, wanted) in [
        (
            "a\n{{ range .Updated.Images }}{{ end }}",
            "2:10: `.Updated` is gone from Flux 2.7 on; write `.Changed` [template.removed-field]",
        ),
        (
            "{{ .Changed.ImageResult }}",
            "1:4: `.Changed.ImageResult` is gone from Flux 2.7 on; write `.Changed.FileChanges` or `.Changed.Objects` [template.removed-field]",
        ),
        ("é {{ if true }}", "1:6: `if` without its `end` [template.syntax]"),
        ("{{ now }}", "1:4: Flux offers no function `now` to a message [template.unknown-function]"),
        (
            "{{ toJson . }}",
            "1:4: the function `toJson` is not supported here, though Flux takes it [template.unsupported]",
        ),
        (
            "\n{{ index .Changed.Changes 9 }}",
            "2:4: `index`: 9 is out of range: there are 4 [template.failed]",
        ),
        ("{{ .Changed.Images }}", "1:4: `.Changed` has no field `.Images` [template.failed]"),
    ] {
        assert_eq!(message(template, &data).unwrap_err().to_string(), wanted);
    }
}

/// Templates that would take all of a machine end with an error.
#[test]
fn a_template_has_bounds() {
    let data = table().data["many"].data();
    let nested = |word: &str, times: usize| word.repeat(times) + &"{{ end }}".repeat(times);
    let doubled = |first: &str, step: &str| format!("{{{{ $x := {first} }}}}{}", step.repeat(40));
    for template in [
        "a".repeat(1 << 17),
        nested("{{ if true }}", 5_000),
        "(".repeat(60_000),
        format!("{{{{ {}1 }}}}", "(".repeat(60_000)),
        "{{ define \"a\" }}{{ template \"a\" . }}{{ end }}{{ template \"a\" . }}".to_owned(),
        format!(
            "{{{{ define \"a\" }}}}{}{{{{ template \"a\" . }}}}{}{{{{ end }}}}{{{{ template \"a\" . }}}}",
            "{{ if true }}".repeat(25),
            "{{ end }}".repeat(25)
        ),
        "{{ range 1000000000000 }}{{ end }}".to_owned(),
        nested("{{ range until 10000 }}", 3),
        "{{ range until 10000 }}{{ range until 10000 }}{{ break }}{{ end }}{{ end }}".to_owned(),
        "{{ until 1000000000 }}".to_owned(),
        "{{ repeat 1000000000 \"ab\" }}".to_owned(),
        "{{ printf \"%1000000000d\" 1 }}".to_owned(),
        "{{ indent 1000000000 \"a\" }}".to_owned(),
        "{{ $x := repeat 1000000 \"a\" }}{{ replace \"a\" $x $x }}".to_owned(),
        "{{ $x := repeat 1000000 \"a\" }}{{ regexReplaceAll \"a\" $x $x }}".to_owned(),
        "{{ range until 10000 }}{{ $x := repeat 1000000 \"a\" }}{{ end }}".to_owned(),
        "{{ $l := list }}{{ range until 10000 }}{{ $l = append $l (repeat 1000000 \"a\") }}{{ end }}".to_owned(),
        "{{ $x := repeat 1000000 \"a\" }}{{ range until 10000 }}{{ $y := sha256sum $x }}{{ end }}".to_owned(),
        "{{ $x := list (repeat 1000 \"a\") }}{{ range until 16 }}{{ $x = concat $x $x }}{{ end }}{{ $y := toStrings $x }}".to_owned(),
        "{{ $x := until 10000 }}{{ range until 10000 }}{{ $y := uniq $x }}{{ end }}".to_owned(),
        doubled("list 1", "{{ $x = concat $x $x }}"),
        doubled("\"a\"", "{{ $x = print $x $x }}"),
        doubled("dict", "{{ $x = dict \"a\" $x \"b\" $x }}"),
        "{{ $x := list }}{{ range until 200 }}{{ $x = list $x }}{{ end }}{{ $x }}".to_owned(),
        "{{ range until 10000 }}{{ repeat 1000 \"a\" }}{{ end }}".to_owned(),
        "{{ splitList \"\" (repeat 1000000 \"a\") | len }}".to_owned(),
    ] {
        let start: String = template.chars().take(80).collect();
        match message(&template, &data) {
            Err(error) => assert!(matches!(error.code(), "template.limit" | "template.syntax"), "{start}: {error}"),
            Ok(text) if text.len() == template.len() => {}
            Ok(text) => panic!("{start}: {} bytes", text.len()),
        }
    }
}

/// As deep as the bounds let it be, on the smallest stack that a thread of ours has.
#[test]
fn the_deepest_template_is_rendered() {
    let data = table().data["many"].data();
    let inner = format!("{}{{{{ template \"t8\" . }}}}{}", "{{ with . }}".repeat(28), "{{ end }}".repeat(28));
    let mut template = format!(
        "{{{{ define \"t9\" }}}}{}1{}{{{{ end }}}}",
        "{{ print ".to_owned() + &"(print ".repeat(25),
        ")".repeat(25) + " }}"
    );
    for at in 0..9 {
        let body = inner.replace("t8", &format!("t{}", at + 1));
        template += &format!("{{{{ define \"t{at}\" }}}}{body}{{{{ end }}}}");
    }
    template += "{{ template \"t0\" . }}";
    let run = move || message(&template, &data);
    let run = std::thread::Builder::new().stack_size(1 << 20).spawn(run).expect("a thread");
    assert_eq!(run.join().expect("no panic").as_deref(), Ok("1"));
}
