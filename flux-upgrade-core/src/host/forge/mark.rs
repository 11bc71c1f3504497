//! The mark at the end of a body by which a text of ours is known again.

use sha2::{Digest as _, Sha256};

/// Characters that a body may have at the forge that takes least.
const MOST: usize = 65_536;

/// The body with its mark: a comment that is not shown, with a digest of title and body.
pub(super) fn marked(title: &str, body: &str) -> String {
    let body = body.trim_end();
    let mark = format!("\n\n<!-- flux-upgrade: {} -->\n", digest(title, body));
    let room = MOST - mark.chars().count();
    if body.chars().count() <= room {
        return format!("{body}{mark}");
    }
    let cut: String = body.chars().take(room).collect();
    let cut = cut.rsplit_once('\n').map_or(cut.as_str(), |(whole, _)| whole).trim_end().to_owned();
    format!("{cut}\n\n<!-- flux-upgrade: {} -->\n", digest(title, &cut))
}

/// What a text says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// It is as we wrote it.
    Ours,
    /// We wrote it, and somebody has changed title or body.
    Edited,
    /// It has no mark.
    None,
}

/// Whether title and body are as we wrote them.
pub(super) fn mark(title: &str, body: &str) -> Mark {
    let body = body.replace("\r\n", "\n");
    let Some((before, after)) = body.rsplit_once("<!-- flux-upgrade: ") else { return Mark::None };
    let Some((found, rest)) = after.split_once(" -->") else { return Mark::None };
    let same = found == digest(title, before.trim_end()) && rest.trim().is_empty();
    if same { Mark::Ours } else { Mark::Edited }
}

fn digest(title: &str, body: &str) -> String {
    let text = format!("flux-upgrade/text/v1\n{}\n{body}", title.trim());
    Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_known_again_until_somebody_changes_it() {
        let body = marked("Title", "One\n\nTwo\n");
        assert_eq!(mark("Title", &body), Mark::Ours);
        assert_eq!(mark("Title", &body.replace('\n', "\r\n")), Mark::Ours, "as a web page sends it");
        assert_eq!(mark("Title", body.trim_end()), Mark::Ours, "as a forge may trim it");
        assert_eq!(mark("Other", &body), Mark::Edited);
        assert_eq!(mark("Title", &body.replace("One", "1")), Mark::Edited);
        assert_eq!(mark("Title", &format!("{body}And this.")), Mark::Edited);
        assert_eq!(mark("Title", "One"), Mark::None);
    }

    #[test]
    fn a_long_body_is_cut_at_a_line() {
        let body = marked("Title", &"äöü line\n".repeat(20_000));
        assert!(body.chars().count() <= MOST);
        assert_eq!(mark("Title", &body), Mark::Ours);
        assert!(body.contains("line\n\n<!-- flux-upgrade: "));
    }
}
