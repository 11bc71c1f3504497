//! Facts that a rule requires before a site moves.
//!
//! Source: cosign's storage of signatures as tags (`sha256-HEX.sig`); Helm's `chartutil.IsCompatibleRange` for `kubeVersion`; `spec.verify`
//! of OCIRepository, GitRepository and HelmChart.

use super::Reason;
use super::decide::{Context, Stop, digest_of};
use super::offer::Offer;
use crate::locate::{Consumer, SourceKey};
use crate::version::Range;

/// The rule that keeps an offer out, with words for people; what cannot be known holds the site.
pub(super) fn refusal(
    context: &Context<'_>,
    offer: &Offer<'_>,
) -> Result<Option<(&'static str, String)>, Stop> {
    let Some(requires) = context.settings.requires else { return Ok(None) };
    let is_chart = matches!(
        context.site.consumer,
        Consumer::HelmIndex | Consumer::HelmOci | Consumer::Oci { chart: true, .. }
    );
    if let Some(kube) = requires.kube_version.as_ref().filter(|_| is_chart) {
        match &offer.candidate.kube_version {
            Some(wanted) if !Range::parse(wanted).is_ok_and(|range| range.matches(&kube.version)) => {
                let why = format!("its chart wants Kubernetes {wanted}, and the cluster has {}", kube.text);
                return Ok(Some(("kubeVersion", why)));
            }
            None if context.site.consumer != Consumer::HelmIndex => {
                return Err(held(format!(
                    "the `kubeVersion` of {}, which a registry's list of tags does not tell",
                    offer.text
                )));
            }
            _ => {}
        }
    }
    if requires.signature && !context.site.is_verified {
        return signature(context, offer);
    }
    Ok(None)
}

/// Whether the registry has cosign's signature of an offer.
fn signature(context: &Context<'_>, offer: &Offer<'_>) -> Result<Option<(&'static str, String)>, Stop> {
    let is_oci = matches!(context.site.source, Ok(SourceKey::Oci { .. }));
    if !is_oci {
        return Err(held(
            "`verify` at the object: its source has no signatures beside what it publishes".to_owned(),
        ));
    }
    let digest = digest_of(context, offer)?;
    let tag = format!("{}.sig", digest.replacen(':', "-", 1));
    if context.list.iter().any(|candidate| candidate.text == tag) {
        return Ok(None);
    }
    Ok(Some((
        "signature",
        format!("the registry has no signature of it, `{tag}`, and the object has no `verify`"),
    )))
}

/// That the current tag still is what the file says, where a rule requires it.
pub(super) fn unchanged(context: &Context<'_>, present: Option<&Offer<'_>>) -> Result<(), Stop> {
    if !context.settings.requires.is_some_and(|requires| requires.unchanged_tag) {
        return Ok(());
    }
    let Some(old) = context.site.pinned_digest() else {
        return Err(held("a digest beside the tag, to compare with the registry's".to_owned()));
    };
    let Some(present) = present else {
        return Err(held("an unchanged tag, and the current one is no longer published".to_owned()));
    };
    let now = digest_of(context, present)?;
    if now == old {
        return Ok(());
    }
    Err(held(format!("an unchanged tag: {} is {now} by now, and the file has {old}", present.text)))
}

fn held(detail: String) -> Stop {
    Stop::Held(Reason::Requires { detail })
}
