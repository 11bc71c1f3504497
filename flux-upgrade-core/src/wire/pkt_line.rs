//! Git's pkt-line framing: four hex digits of length, then the bytes.
//!
//! Source: git `Documentation/gitprotocol-common.txt`.

use crate::plan::Failure;

/// One packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packet<'a> {
    /// Bytes, without the line end that most have.
    Line(&'a [u8]),
    /// `0000`: the end of a message.
    Flush,
    /// `0001`: between the parts of a message.
    Delimiter,
    /// `0002`: the end of a response.
    End,
}

/// The packets of `bytes`, with how many bytes each took, until the first that is none.
///
/// # Examples
///
/// ```
/// use flux_upgrade_core::wire::{Packet, packets};
/// let found: Result<Vec<_>, _> = packets(b"0009hello0000").collect();
/// assert_eq!(found.unwrap(), [Packet::Line(b"hello"), Packet::Flush]);
/// assert!(packets(b"00zz").next().unwrap().is_err());
/// ```
pub fn packets(bytes: &[u8]) -> impl Iterator<Item = Result<Packet<'_>, Failure>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (packet, taken) = match next(rest) {
            Some(Some(found)) => found,
            Some(None) => {
                rest = &[];
                return Some(Err(malformed("the listing of refs ends in the middle")));
            }
            None => {
                rest = &[];
                return Some(Err(malformed("the listing of refs is not in git's packet format")));
            }
        };
        rest = &rest[taken..];
        Some(Ok(packet))
    })
}

/// The first packet and its length; `Some(None)` where bytes are missing, `None` where it is no packet.
fn next(bytes: &[u8]) -> Option<Option<(Packet<'_>, usize)>> {
    let Some(head) = bytes.get(..4) else {
        return bytes.iter().all(u8::is_ascii_hexdigit).then_some(None);
    };
    if !head.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let length = usize::from_str_radix(std::str::from_utf8(head).ok()?, 16).ok()?;
    let packet = match length {
        0 => return Some(Some((Packet::Flush, 4))),
        1 => return Some(Some((Packet::Delimiter, 4))),
        2 => return Some(Some((Packet::End, 4))),
        3 => return None,
        _ => bytes.get(4..length),
    };
    Some(packet.map(|line| (Packet::Line(line.strip_suffix(b"\n").unwrap_or(line)), length)))
}

/// What four bytes at the start of a packet say, if they say it all.
#[cfg(feature = "native")]
pub(crate) fn next_packet(head: &[u8]) -> Option<Packet<'_>> {
    next(head).flatten().map(|(packet, _)| packet)
}

/// A line as a packet.
pub(super) fn line(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(format!("{:04x}{text}\n", text.len() + 5).as_bytes());
}

pub(super) fn malformed(detail: &str) -> Failure {
    Failure::Malformed { detail: detail.to_owned() }
}
