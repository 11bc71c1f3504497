//! The lines of some charts, cut out of an index by their indentation.

use std::collections::BTreeSet;

use memchr::{memchr, memchr_iter, memmem};

use super::Charts;

/// An index with the wanted charts alone: what stands before `entries:`, the lines of the charts, what stands after.
///
/// `None` where indentation alone does not tell what a line is. It tells where every line at the depth of the charts is a
/// plain key with nothing behind it, and everything that is deeper belongs to the key above: block scalars and texts of
/// several lines are always deeper than their key. Linear: one pass over the lines.
pub(super) fn cut(text: &str, wanted: &BTreeSet<String>) -> Option<String> {
    let bytes = text.as_bytes();
    if bytes.starts_with(b"\xef\xbb\xbf") || lone_carriage_return(bytes) {
        return None;
    }
    let mut out = String::new();
    let mut state = State::Before;
    let mut depth = 0;
    // Where the part begins that is being copied.
    let mut copied = Some(0);
    let mut has_entries = false;
    let mut line = 0;
    for end in memchr_iter(b'\n', bytes).chain([bytes.len()]) {
        let start = std::mem::replace(&mut line, end + 1);
        if start >= end {
            continue;
        }
        let first = bytes[start];
        match first {
            // The usual line: deeper than a key of the index.
            b' ' => {}
            b'\t' => return None,
            b'#' | b'\r' => continue,
            b'-' if bytes[start..end].starts_with(b"---") || state != State::After => {
                // A marker may stand at the top; an item at column 1 is the value of a key after the entries.
                if start > 0 || !bytes[start..end].trim_ascii_end().eq(b"---") {
                    return None;
                }
                continue;
            }
            b'-' => continue,
            b'.' | b'%' => return None,
            _ => {
                if state == State::Inside {
                    state = State::After;
                    copied.get_or_insert(start);
                }
                if bytes[start..end].trim_ascii_end() == b"entries:" {
                    if has_entries {
                        return None;
                    }
                    has_entries = true;
                    state = State::Inside;
                    out.push_str(&text[copied.unwrap_or(start)..(end + 1).min(text.len())]);
                    copied = None;
                } else if bytes[start..end].starts_with(b"entries") {
                    return None;
                }
                continue;
            }
        }
        if state != State::Inside {
            continue;
        }
        // Depth of the line, as far as it matters.
        let indentation =
            if depth > 0 && bytes.get(start + depth) == Some(&b' ') && is_deep(&bytes[start..end], depth) {
                continue;
            } else {
                bytes[start..end].iter().position(|byte| *byte != b' ').unwrap_or(end - start)
            };
        let content = bytes[start + indentation..end].trim_ascii_end();
        match content.first() {
            None | Some(b'#') => continue,
            Some(b'\t') => return None,
            Some(_) => {}
        }
        if depth == 0 {
            depth = indentation;
        }
        if indentation > depth {
            continue;
        }
        if indentation < depth {
            return None;
        }
        if content.starts_with(b"- ") || content == b"-" {
            continue;
        }
        let name = content.strip_suffix(b":").filter(|name| is_plain_key(name))?;
        let name = std::str::from_utf8(name).ok()?;
        let is_wanted = wanted.contains(name);
        match (is_wanted, copied) {
            (true, None) => copied = Some(start),
            (false, Some(from)) => {
                out.push_str(&text[from..start]);
                copied = None;
            }
            _ => {}
        }
    }
    if !has_entries {
        return None;
    }
    if let Some(from) = copied {
        out.push_str(text.get(from..).unwrap_or(""));
    }
    let is_safe = !has_alias(out.as_bytes()) || !has_anchor(bytes);
    is_safe.then_some(out)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Before,
    Inside,
    After,
}

/// Whether the entries of each chart say that they are its.
pub(super) fn is_own(charts: &Charts) -> bool {
    charts.iter().all(|(name, entries)| entries.iter().all(|entry| entry.name == *name))
}

/// Whether a line is deeper than `depth`, and no comment or blank.
fn is_deep(line: &[u8], depth: usize) -> bool {
    line[..depth].iter().all(|byte| *byte == b' ')
}

/// A key that means its own text, without quotes or a type of its own.
fn is_plain_key(name: &[u8]) -> bool {
    let starts = name.first().is_some_and(|byte| byte.is_ascii_alphabetic());
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/');
    let word = |word: &[u8]| name.eq_ignore_ascii_case(word);
    starts
        && name.iter().all(fits)
        && ![&b"null"[..], b"true", b"false", b"yes", b"no", b"on", b"off", b"y", b"n"].into_iter().any(word)
}

/// A carriage return alone ends a line, too.
fn lone_carriage_return(bytes: &[u8]) -> bool {
    memchr(b'\r', bytes).is_some_and(|first| {
        memchr_iter(b'\r', &bytes[first..]).any(|at| bytes.get(first + at + 1) != Some(&b'\n'))
    })
}

/// Whether something could be an alias: `*name` where a value begins.
fn has_alias(bytes: &[u8]) -> bool {
    begins_value(bytes, b'*')
}

/// Whether something could be an anchor.
fn has_anchor(bytes: &[u8]) -> bool {
    begins_value(bytes, b'&')
}

fn begins_value(bytes: &[u8], mark: u8) -> bool {
    memmem::find_iter(bytes, &[mark]).any(|at| {
        let before = at.checked_sub(1).map(|at| bytes[at]);
        let after = bytes.get(at + 1);
        matches!(before, None | Some(b' ' | b'\n' | b'\t' | b'[' | b'{' | b',' | b':'))
            && after.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
    })
}

#[cfg(test)]
mod tests {
    use super::super::{load, load_some};
    use super::*;

    const BLOCK: &str = "\
# made by hand
apiVersion: v1
entries:
  app:
  # older ones are gone
  - name: app
    version: 1.0.0
    description: |
      entries:
        other:
      - not an item
  - name: app
    version: 1.1.0
    description: \"over
      lines\"

  other:
  - {name: other, version: 2.0.0}
  zoo:
    - name: zoo
      version: 3.0.0
generated: \"2026-01-01T00:00:00Z\"
serverInfo: {}
";

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_lines_of_a_chart_are_cut_out() {
        let part = cut(BLOCK, &names(&["other", "none"])).unwrap();
        let expected = "# made by hand\napiVersion: v1\nentries:\n  other:\n  - {name: other, version: 2.0.0}\n\
            generated: \"2026-01-01T00:00:00Z\"\nserverInfo: {}\n";
        assert_eq!(part, expected);
        assert_eq!(cut(BLOCK, &names(&["app", "other", "zoo"])).unwrap(), BLOCK);
    }

    /// Whatever the form, what is cut out and what is read as a whole are the same.
    #[test]
    fn the_slice_gives_what_the_whole_gives() {
        let crlf = BLOCK.replace('\n', "\r\n");
        let old_mac = BLOCK.replace('\n', "\r");
        let marked = format!("---\n{BLOCK}");
        let two = format!("{BLOCK}---\n{BLOCK}");
        let bom = format!("\u{feff}{BLOCK}");
        let deep = BLOCK.replace("\n  ", "\n      ");
        let flow = "apiVersion: v1\nentries: {app: [{name: app, version: 1.0.0}], other: []}\n";
        let quoted = BLOCK.replace("  other:\n", "  \"other\":\n");
        let anchored = BLOCK
            .replace("app:\n", "app: &all\n")
            .replace("  other:\n  - {name: other, version: 2.0.0}\n", "  other: *all\n");
        let merged = BLOCK
            .replace("  - name: app\n    version: 1.0.0", "  - &one\n    name: app\n    version: 1.0.0")
            .replace("{name: other, version: 2.0.0}", "{<<: *one, name: other}");
        let tabs = BLOCK.replace("  zoo:", "\tzoo:");
        let open = BLOCK.trim_end();
        let first = "entries:\n  other:\n  - {name: other, version: 2.0.0}\napiVersion: v1\n";
        let foreign = BLOCK.replace("{name: other,", "{name: app,");
        let doubled = BLOCK.replace("  zoo:", "  other:");
        let twice = BLOCK.replace("generated:", "entries:\n  app: []\ngenerated:");
        let listed = format!("{BLOCK}publicKeys:\n- a\n- b\n");
        let texts = [
            BLOCK,
            &crlf,
            &old_mac,
            &marked,
            &two,
            &bom,
            &deep,
            flow,
            &quoted,
            &anchored,
            &merged,
            &tabs,
            open,
            first,
            &foreign,
            &doubled,
            &twice,
            &listed,
            "",
            "entries:\n",
            "apiVersion: v1\nentries:\n",
            "apiVersion: v1\nentries:\n  other:\n",
        ];
        for text in texts {
            for wanted in [&["app"][..], &["other"], &["zoo", "app"], &["none"], &[]] {
                let wanted = names(wanted);
                let whole = load(text, Some(&wanted));
                assert_eq!(load_some(text, &wanted), whole, "{wanted:?} of {text}");
            }
        }
    }

    #[test]
    fn forms_that_indentation_does_not_tell() {
        for (text, expected) in [
            (BLOCK.to_owned(), true),
            (BLOCK.replace('\n', "\r\n"), true),
            (BLOCK.replace("\n  ", "\n      "), true),
            (format!("---\n{BLOCK}"), true),
            (BLOCK.replace("{name: other", "{name: '*other'"), true),
            (BLOCK.replace('\n', "\r"), false),
            (format!("{BLOCK}---\n"), false),
            (BLOCK.replace("entries:", "entries: # all"), false),
            (BLOCK.replace("  other:", "  'other':"), false),
            (BLOCK.replace("  other:", "  yes:"), false),
            (BLOCK.replace("  other:", " other:"), false),
            (BLOCK.replace("  other:\n  -", "  other: [] #\n  -"), false),
        ] {
            assert_eq!(cut(&text, &names(&["other", "app"])).is_some(), expected, "{text}");
        }
    }
}
