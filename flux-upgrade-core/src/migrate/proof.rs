//! The proof of a migrated file: what it means is what its old meaning becomes, and no comment is lost.
//!
//! Bytes outside the edits are copied. Inside them, the text is judged by a second way to the same end: the steps are
//! carried out on the values of the old documents, and the result is compared with what the new text says.

use super::draft::Piece;
use super::meaning::{Tasks, as_written, migrated};
use super::read::{Read, block_documents, documents, parts, without_tags};
use crate::text::Span;

/// What was planned for the documents of one part of a file.
pub(super) struct PartPlan<'t> {
    pub(super) part: Span,
    pub(super) reads: Vec<Read<'t>>,
    pub(super) tasks: Vec<Tasks>,
}

/// Why a text is not what was planned; `Ok` where it is.
///
/// `pieces` and `dropped`, the comments that go, are in order.
pub(super) fn check(
    view: &str,
    after: &str,
    plans: &[PartPlan<'_>],
    pieces: &[Piece],
    dropped: &[Span],
) -> Result<(), &'static str> {
    let new_view = without_tags(after);
    let (old, new) = (parts(view), parts(&new_view));
    if old.len() != new.len() {
        return Err("the edits change where documents begin");
    }
    for plan in plans.iter().filter(|plan| plan.tasks.iter().any(|tasks| !tasks.is_empty())) {
        let at = old.iter().position(|part| *part == plan.part).ok_or("a part of the file is gone")?;
        let (found, broken) = documents(&new_view, new[at]);
        if broken.is_some() || found.len() != plan.reads.len() {
            return Err("a document can no longer be read after the edits");
        }
        for ((read, tasks), found) in plan.reads.iter().zip(&plan.tasks).zip(&found) {
            let wanted = migrated(read, tasks);
            let said = as_written(found);
            let same = match (&wanted, &said) {
                (Some(wanted), Some(said)) => wanted.is_said_by(said),
                (None, None) => true,
                _ => false,
            };
            if !same {
                return Err("a document says something else than was planned");
            }
            if let Some(_again) = found.document.duplicate_keys().first() {
                return Err("a key stands twice after the edits");
            }
        }
    }
    let mut wanted = Vec::new();
    for part in &old {
        comments(view, *part, &mut |span| {
            if dropped.binary_search(&span).is_ok() {
                return;
            }
            let first = pieces.partition_point(|piece| piece.span.start < span.start);
            let edited = pieces.get(first).filter(|piece| piece.span.end <= span.end);
            wanted.push(match edited {
                Some(piece) => format!(
                    "{}{}{}",
                    &view[span.start..piece.span.start],
                    piece.text,
                    &view[piece.span.end..span.end]
                ),
                None => span.of(view).to_owned(),
            });
        });
    }
    let mut found = Vec::new();
    for part in &new {
        comments(&new_view, *part, &mut |span| found.push(span.of(&new_view).to_owned()));
    }
    wanted.sort();
    found.sort();
    if wanted == found { Ok(()) } else { Err("a comment is lost or stands twice") }
}

/// Every comment of a part, those inside block scalars that are YAML too.
fn comments(view: &str, part: Span, take: &mut impl FnMut(Span)) {
    let (reads, _) = documents(view, part);
    for read in &reads {
        of_document(view, read, take);
    }
}

fn of_document(view: &str, read: &Read<'_>, take: &mut dyn FnMut(Span)) {
    for comment in read.document.comments() {
        take(comment.span);
    }
    for node in read.document.nodes() {
        let Some(block) = node.block().filter(|block| block.of(view).contains('#')) else { continue };
        for inside in block_documents(view, block).iter().flatten() {
            of_document(view, inside, take);
        }
    }
}
