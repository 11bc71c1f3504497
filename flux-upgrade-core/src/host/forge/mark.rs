//! The mark at the end of a body by which a text of ours is known again, and what it offers.
//!
//! `<!-- flux-upgrade: TEXT OFFER BASE -->`, each a digest: of title and body, of what is offered, of the branch that it is for.
//! Earlier ones have the first alone.

use sha2::{Digest as _, Sha256};

use super::{Found, Proposal};

/// Characters that a body may have at the forge that takes least.
const MOST: usize = 65_536;
const BEGIN: &str = "<!-- flux-upgrade: ";
const END: &str = " -->";

/// The body with its mark: a comment that is not shown.
pub(super) fn marked(proposal: &Proposal) -> String {
    let body = proposal.body.trim_end();
    let mark = |body: &str| {
        let text = text_digest(&proposal.title, body);
        let offer = digest("offer", &[&proposal.offer]);
        format!("\n\n{BEGIN}{text} {offer} {}{END}\n", digest("base", &[&proposal.base]))
    };
    let room = MOST - mark(body).chars().count();
    if body.chars().count() <= room {
        return format!("{body}{}", mark(body));
    }
    let cut: String = body.chars().take(room).collect();
    let cut = cut.rsplit_once('\n').map_or(cut.as_str(), |(whole, _)| whole).trim_end().to_owned();
    format!("{cut}{}", mark(&cut))
}

/// What a text of ours says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    /// Whether title and body are as we wrote them.
    pub(super) is_whole: bool,
    offer: Option<String>,
    base: Option<String>,
}

impl Mark {
    /// The mark of a pull request; `None` where it is not one of ours.
    pub(super) fn of(found: &Found) -> Option<Self> {
        let body = found.body.replace("\r\n", "\n");
        let (before, after) = body.rsplit_once(BEGIN)?;
        let (said, rest) = after.split_once(END)?;
        let mut said = said.split(' ');
        let is_whole =
            said.next() == Some(&text_digest(&found.title, before.trim_end())) && rest.trim().is_empty();
        Some(Self { is_whole, offer: said.next().map(str::to_owned), base: said.next().map(str::to_owned) })
    }

    /// Whether it offered this; `None` where it does not say what it offered.
    pub(super) fn offers(&self, offer: &str) -> Option<bool> {
        self.offer.as_ref().map(|said| *said == digest("offer", &[offer]))
    }

    /// Whether we have set this base; an earlier mark does not say, and is believed where the text is whole.
    pub(super) fn has_set(&self, base: &str) -> bool {
        self.base.as_ref().map_or(self.is_whole, |said| *said == digest("base", &[base]))
    }
}

fn text_digest(title: &str, body: &str) -> String {
    digest("text", &[title.trim(), body])
}

fn digest(what: &str, lines: &[&str]) -> String {
    let text = format!("flux-upgrade/{what}/v1\n{}", lines.join("\n"));
    Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposal(body: &str) -> Proposal {
        Proposal {
            title: "Title".to_owned(),
            body: body.to_owned(),
            base: "main".to_owned(),
            offer: "podinfo 6.9.1".to_owned(),
            ..Proposal::default()
        }
    }

    fn is_whole(title: &str, body: &str) -> Option<bool> {
        let found = Found { title: title.to_owned(), body: body.to_owned(), ..Found::default() };
        Mark::of(&found).map(|mark| mark.is_whole)
    }

    #[test]
    fn a_text_is_known_again_until_somebody_changes_it() {
        let body = marked(&proposal("One\n\nTwo\n"));
        assert_eq!(is_whole("Title", &body), Some(true));
        assert_eq!(is_whole("Title", &body.replace('\n', "\r\n")), Some(true), "as a web page sends it");
        assert_eq!(is_whole("Title", body.trim_end()), Some(true), "as a forge may trim it");
        assert_eq!(is_whole("Other", &body), Some(false));
        assert_eq!(is_whole("Title", &body.replace("One", "1")), Some(false));
        assert_eq!(is_whole("Title", &format!("{body}And this.")), Some(false));
        assert_eq!(is_whole("Title", "One"), None);
    }

    #[test]
    fn it_says_what_is_offered_and_where_to() {
        let of =
            |body: String| Mark::of(&Found { title: "Title".to_owned(), body, ..Found::default() }).unwrap();
        let mark = of(marked(&proposal("One")));
        assert_eq!((mark.offers("podinfo 6.9.1"), mark.offers("podinfo 6.9.2")), (Some(true), Some(false)));
        assert!(mark.has_set("main") && !mark.has_set("release"));
        let earlier = of(format!("One\n\n{BEGIN}{}{END}\n", text_digest("Title", "One")));
        assert_eq!(
            (earlier.is_whole, earlier.offers("podinfo 6.9.1"), earlier.has_set("main")),
            (true, None, true)
        );
    }

    #[test]
    fn a_long_body_is_cut_at_a_line() {
        let body = marked(&proposal(&"äöü line\n".repeat(20_000)));
        assert!(body.chars().count() <= MOST);
        assert_eq!(is_whole("Title", &body), Some(true));
        assert!(body.contains("line\n\n<!-- flux-upgrade: "));
    }
}
