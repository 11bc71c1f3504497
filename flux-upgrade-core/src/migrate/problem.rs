//! Why something is left as it is, in words.

use super::steps::steps;
use crate::diagnostic::Severity;
use crate::text::Span;
use crate::version::FluxMinor;

/// A finding about bytes of the file at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) at: Span,
    pub(super) code: &'static str,
    pub(super) severity: Severity,
    pub(super) message: String,
    pub(super) help: String,
}

impl Problem {
    fn error(at: Span, code: &'static str, message: String, help: impl Into<String>) -> Self {
        Self { at, code, severity: Severity::Error, message, help: help.into() }
    }

    pub(super) fn unknown_version(at: Span, api: &str, kind: &str, known: &[&str]) -> Self {
        let message = format!("`{api}` is no version of {kind} that Flux has served");
        Self::error(at, "migrate.unknown-version", message, format!("known versions: {}", known.join(", ")))
    }

    pub(super) fn not_served(
        at: Span,
        api: &str,
        kind: &str,
        to: FluxMinor,
        first: Option<FluxMinor>,
    ) -> Self {
        let since = first.map(|first| format!("; Flux {first} is the first that does")).unwrap_or_default();
        let message = format!("Flux {to} does not serve {kind} as `{api}`{since}");
        let help =
            "manifests are never moved backwards; migrate for a newer Flux, or write the older form by hand";
        Self::error(at, "migrate.newer", message, help)
    }

    pub(super) fn no_overlap(at: Span, api: &str, kind: &str, from: FluxMinor, to: FluxMinor) -> Self {
        let message =
            format!("no version of {kind} is served by both Flux {from} and {to}, and this is `{api}`");
        let way = steps(from, to).unwrap_or_default();
        let way: Vec<String> = way.iter().map(|step| step.to.to_string()).collect();
        let help = format!("take one step after the other: {from} → {}", way.join(" → "));
        Self::error(at, "migrate.no-overlap", message, help)
    }

    pub(super) fn aliased(at: Span, field: &str) -> Self {
        let message =
            format!("`{field}` has an anchor, an alias, a merged key or a tag, which other places share");
        let help = "write the value out in this object, then migrate again";
        Self::error(at, "migrate.aliased", message, help)
    }

    pub(super) fn partial(at: Span, field: &str) -> Self {
        let message =
            format!("`{field}` stands in a patch: as a list it would replace the list of the patched object");
        let help = "move the field into the object itself, or write the whole new list here; if this is no patch, \
                    write what its kind requires, such as `spec.interval`";
        Self::error(at, "migrate.partial", message, help)
    }

    pub(super) fn layout(at: Span, what: &str) -> Self {
        let message = format!("{what}, which cannot be rewritten without touching its layout");
        let help = "write it in block style, one key on a line, then migrate again";
        Self::error(at, "migrate.layout", message, help)
    }

    pub(super) fn encrypted(at: Span, api: &str) -> Self {
        let message =
            format!("`{api}` stands in a document that SOPS guards: a changed value breaks its checksum");
        let help = "change it with `sops edit`, or encrypt with `mac_only_encrypted: true`";
        Self::error(at, "migrate.encrypted", message, help)
    }

    pub(super) fn template(at: Span, field: &str) -> Self {
        let message =
            format!("`{field}` is gone from Flux 2.7 on, and a template with it stops the automation");
        let help = "list what changed with `{{ range .Changed.Changes }}{{ .OldValue }} -> {{ .NewValue }}{{ end }}`";
        Self::error(at, "migrate.template", message, help)
    }

    pub(super) fn mention(at: Span, api: &str, to: FluxMinor) -> Self {
        let message =
            format!("`{api}` is not served by Flux {to}, and stands where its object cannot be told");
        Self::error(
            at,
            "migrate.mention",
            message,
            "look at what reads it, and write the new version by hand",
        )
    }

    pub(super) fn unreadable(at: Span, api: &str, to: FluxMinor, why: &str) -> Self {
        let message = format!("`{api}` is not served by Flux {to}, and its document cannot be read: {why}");
        Self::error(
            at,
            "migrate.unreadable",
            message,
            "correct the document, or write the new version by hand",
        )
    }

    pub(super) fn dropped(at: Span, field: &str, comment: &str) -> Self {
        let message = format!("the comment on `{field}` goes with it: {comment}");
        let help = "keep the comment elsewhere if it is still of use".to_owned();
        Self { at, code: "migrate.comment", severity: Severity::Note, message, help }
    }

    pub(super) fn unproven(at: Span, why: &str) -> Self {
        let message = format!("the migrated text could not be proven: {why}");
        Self::error(at, "migrate.unproven", message, "the file is left as it is; please report this")
    }

    pub(super) fn lossy(at: Span, object: &str) -> Self {
        let message =
            format!("{object} cannot be rewritten without losing a comment or changing what it says");
        let help = "move the comments that stand between its fields above them, then migrate again";
        Self::error(at, "migrate.layout", message, help)
    }

    pub(super) fn doubled(at: Span, key: &str) -> Self {
        let message = format!("the key `{key}` stands twice in one mapping");
        let help = "Flux refuses such a document; remove one of the two, then migrate again";
        Self::error(at, "yaml.duplicate-key", message, help)
    }
}
