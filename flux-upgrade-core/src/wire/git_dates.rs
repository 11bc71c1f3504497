//! When tags and commits of git were made: protocol v2 `fetch` of the objects themselves, without what they point at.
//!
//! Source: git `Documentation/gitprotocol-v2.txt` (fetch), `gitformat-pack.txt`.

use std::collections::BTreeMap;

use flate2::{Decompress, FlushDecompress, Status};
use sha2::Digest as _;

use super::git_refs::refused;
use super::pkt_line::{self, Packet, malformed, packets};
use crate::plan::Failure;
use crate::time::Timestamp;

/// Bytes that the objects of one answer may have, unpacked.
const LARGEST: usize = 64 << 20;

/// The bytes that ask for some objects in protocol v2, one commit deep; `filters` is whether the server can leave out trees and files.
#[must_use]
pub fn fetch_request<'o>(
    object_format: &str,
    filters: bool,
    objects: impl IntoIterator<Item = &'o String>,
) -> Vec<u8> {
    let mut out = Vec::new();
    pkt_line::line(&mut out, "command=fetch");
    pkt_line::line(&mut out, &format!("agent=flux-upgrade/{}", env!("CARGO_PKG_VERSION")));
    if object_format != "sha1" {
        pkt_line::line(&mut out, &format!("object-format={object_format}"));
    }
    out.extend_from_slice(b"0001");
    pkt_line::line(&mut out, "no-progress");
    for object in objects.into_iter().collect::<std::collections::BTreeSet<_>>() {
        pkt_line::line(&mut out, &format!("want {object}"));
    }
    pkt_line::line(&mut out, "deepen 1");
    if filters {
        pkt_line::line(&mut out, "filter tree:0");
    }
    pkt_line::line(&mut out, "done");
    out.extend_from_slice(b"0000");
    out
}

/// Reads the answer to [`fetch_request`]: the time of each ref's tag or commit, by the ref's name.
///
/// # Errors
///
/// [`Failure::Malformed`], [`Failure::TooLarge`], and what the server says where it says no.
pub fn dated(
    bytes: &[u8],
    refs: &BTreeMap<String, String>,
    object_format: &str,
) -> Result<BTreeMap<String, Timestamp>, Failure> {
    let mut pack = Vec::new();
    let mut is_pack = false;
    for packet in packets(bytes) {
        let Packet::Line(line) = packet? else { continue };
        match (is_pack, line.split_first()) {
            (false, _) if line == b"packfile" => is_pack = true,
            (false, _) => refused(line)?,
            // What a line end was to the reader of packets is a byte of the pack: it is read again without it.
            (true, Some((1, _))) => pack.extend_from_slice(whole(bytes, line).get(1..).unwrap_or_default()),
            (true, Some((3, why))) => {
                let why = [b"ERR ".as_slice(), why].concat();
                refused(&why)?;
            }
            (true, _) => {}
        }
    }
    let known = times(&pack, object_format, refs.values().collect())?;
    let date = |(name, object): (&String, &String)| Some((name.clone(), *known.get(object)?));
    Ok(refs.iter().filter_map(date).collect())
}

/// A packet's content with the line end that was cut off, if there was one.
fn whole<'b>(bytes: &'b [u8], line: &[u8]) -> &'b [u8] {
    let start = line.as_ptr() as usize - bytes.as_ptr() as usize;
    let length = bytes
        .get(start - 4..start)
        .and_then(|head| usize::from_str_radix(std::str::from_utf8(head).ok()?, 16).ok());
    bytes.get(start..start + length.unwrap_or(line.len() + 4) - 4).unwrap_or_default()
}

/// An object: its kind's name and its bytes.
type Object = (&'static str, Vec<u8>);

/// The time of each wanted object that a pack has.
fn times(
    pack: &[u8],
    object_format: &str,
    wanted: Vec<&String>,
) -> Result<BTreeMap<String, Timestamp>, Failure> {
    let broken = || malformed("the commits are not in git's pack format");
    let head = pack.get(..12).filter(|head| head.starts_with(b"PACK\0\0\0")).ok_or_else(broken)?;
    let count = u32::from_be_bytes(head[8..12].try_into().map_err(|_| broken())?);
    let mut rest = &pack[12..];
    let mut total = 0;
    let mut objects: BTreeMap<String, Object> = BTreeMap::new();
    for _ in 0..count {
        let (kind, size, used) = header(rest).ok_or_else(broken)?;
        rest = &rest[used..];
        let base = match kind {
            7 => {
                let length = if object_format == "sha256" { 32 } else { 20 };
                let (name, after) = rest.split_at_checked(length).ok_or_else(broken)?;
                rest = after;
                Some(hex(name))
            }
            6 => return Err(malformed("the commits are packed in a way that was not asked for")),
            _ => None,
        };
        total += size;
        if total > LARGEST {
            return Err(Failure::TooLarge { limit_bytes: LARGEST as u64 });
        }
        let (content, used) = inflated(rest, size).ok_or_else(broken)?;
        rest = &rest[used..];
        let object: Option<Object> = match (kind, base) {
            (1, _) => Some(("commit", content)),
            (4, _) => Some(("tag", content)),
            (_, Some(base)) => match objects.get(&base) {
                Some((name, base)) => Some((name, changed(base, &content).ok_or_else(broken)?)),
                None => None,
            },
            _ => None,
        };
        if let Some((name, content)) = object {
            total += content.len();
            objects.insert(id(name, &content, object_format), (name, content));
        }
        // Trees and files come last where a server sends them all the same.
        if wanted.iter().all(|object| time(object, &objects).is_some()) {
            break;
        }
    }
    Ok(wanted.into_iter().filter_map(|object| Some((object.clone(), time(object, &objects)?))).collect())
}

/// When an object was made; a tag that nobody signed with a time has its commit's.
fn time(object: &str, objects: &BTreeMap<String, Object>) -> Option<Timestamp> {
    let mut object = object.to_owned();
    // Tags may point at tags, and not for long.
    for _ in 0..8 {
        let (kind, content) = objects.get(&object)?;
        let text = String::from_utf8_lossy(content);
        let head = text.split("\n\n").next().unwrap_or_default();
        let line = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
        let signed = line(if *kind == "tag" { "tagger " } else { "committer " });
        if let Some(signed) = signed {
            let seconds = signed.rsplit_once("> ")?.1.split(' ').next()?.parse::<i64>().ok()?;
            return (seconds > 0).then(|| Timestamp::from_seconds(seconds));
        }
        object = line("object ")?.to_owned();
    }
    None
}

/// Kind, size and length of the header of a packed object.
fn header(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let first = *bytes.first()?;
    let (mut size, mut shift, mut used) = (usize::from(first & 15), 4, 1);
    let mut byte = first;
    while byte & 0x80 != 0 {
        byte = *bytes.get(used)?;
        size = size.checked_add(usize::from(byte & 0x7f).checked_shl(shift)?)?;
        (shift, used) = (shift + 7, used + 1);
        if shift > 32 {
            return None;
        }
    }
    Some((first >> 4 & 7, size, used))
}

/// The content of a packed object, and how many bytes it took.
fn inflated(bytes: &[u8], size: usize) -> Option<(Vec<u8>, usize)> {
    let mut out = Vec::with_capacity((size + 1).min(1 << 20));
    let mut reader = Decompress::new(true);
    loop {
        let (read, written) = (reader.total_in(), out.len());
        out.reserve(4096);
        let input = bytes.get(usize::try_from(read).ok()?..)?;
        let status = reader.decompress_vec(input, &mut out, FlushDecompress::None).ok()?;
        if status == Status::StreamEnd {
            return (out.len() == size).then_some((out, usize::try_from(reader.total_in()).ok()?));
        }
        if out.len() > size || (reader.total_in() == read && out.len() == written) {
            return None;
        }
    }
}

/// What a delta makes of its base.
fn changed(base: &[u8], delta: &[u8]) -> Option<Vec<u8>> {
    let mut at = 0;
    let mut number = || {
        let (mut value, mut shift) = (0_usize, 0);
        loop {
            let byte = *delta.get(at)?;
            at += 1;
            value |= usize::from(byte & 0x7f).checked_shl(shift).filter(|_| shift < 32)?;
            shift += 7;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
    };
    let (from, to) = (number()?, number()?);
    if from != base.len() || to > LARGEST {
        return None;
    }
    let mut out = Vec::new();
    while at < delta.len() {
        let op = delta[at];
        at += 1;
        if op & 0x80 == 0 {
            let length = usize::from(op);
            out.extend_from_slice(delta.get(at..at + length).filter(|_| length > 0)?);
            at += length;
            continue;
        }
        let mut field = |bits: std::ops::Range<u8>| {
            let mut value = 0_usize;
            for (place, bit) in bits.enumerate() {
                if op & 1 << bit != 0 {
                    value |= usize::from(*delta.get(at)?) << (8 * place);
                    at += 1;
                }
            }
            Some(value)
        };
        let (offset, length) = (field(0..4)?, field(4..7)?);
        let length = if length == 0 { 0x10000 } else { length };
        out.extend_from_slice(base.get(offset..offset.checked_add(length)?)?);
        if out.len() > to {
            return None;
        }
    }
    (out.len() == to).then_some(out)
}

/// The name of an object: the hash of its kind, its size and its bytes.
fn id(kind: &str, content: &[u8], object_format: &str) -> String {
    let head = format!("{kind} {}\0", content.len());
    if object_format == "sha256" {
        hex(&sha2::Sha256::new().chain_update(head).chain_update(content).finalize())
    } else {
        hex(&sha1::Sha1::new().chain_update(head).chain_update(content).finalize())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn packed(kind: u8, content: &[u8], base: &[u8]) -> Vec<u8> {
        let mut size = content.len();
        let mut out = vec![kind << 4 | (size & 15) as u8];
        size >>= 4;
        while size > 0 {
            *out.last_mut().unwrap() |= 0x80;
            out.push((size & 0x7f) as u8);
            size >>= 7;
        }
        out.extend_from_slice(base);
        let mut pack = flate2::write::ZlibEncoder::new(out, flate2::Compression::default());
        pack.write_all(content).unwrap();
        pack.finish().unwrap()
    }

    fn answer(objects: &[Vec<u8>]) -> Vec<u8> {
        let mut pack = b"PACK\0\0\0\x02\0\0\0".to_vec();
        pack.push(objects.len() as u8);
        pack.extend(objects.concat());
        let mut out = Vec::new();
        pkt_line::line(&mut out, "shallow-info");
        out.extend_from_slice(b"0001");
        pkt_line::line(&mut out, "packfile");
        // In pieces of seven bytes, some of which end in a line end.
        for part in pack.chunks(7) {
            out.extend_from_slice(format!("{:04x}\x01", part.len() + 5).as_bytes());
            out.extend_from_slice(part);
        }
        out.extend_from_slice(b"0000");
        out
    }

    const COMMIT: &str = "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor A <a@b> 1700000000 +0000\n\
        committer C <c@d> 1700000100 +0200\n\ncommitter X <x@y> 1 +0000\n";

    fn tag(object: &str, tagger: &str) -> String {
        format!("object {object}\ntype commit\ntag v1\n{tagger}\nv1\n")
    }

    fn seconds(bytes: &[u8], objects: &[&str]) -> Result<Vec<Option<i64>>, String> {
        let refs: BTreeMap<String, String> =
            objects.iter().enumerate().map(|(n, object)| (format!("r{n}"), (*object).to_owned())).collect();
        let dates = dated(bytes, &refs, "sha1").map_err(|failure| failure.to_string())?;
        Ok(refs.keys().map(|name| dates.get(name).map(|time| time.seconds())).collect())
    }

    #[test]
    fn tags_count_before_their_commits() {
        let commit = id("commit", COMMIT.as_bytes(), "sha1");
        let signed = tag(&commit, "tagger T <t@u> 1800000000 +0000\n");
        let bare = tag(&commit, "");
        let ids = [id("tag", signed.as_bytes(), "sha1"), id("tag", bare.as_bytes(), "sha1")];
        // The second commit is told by what differs from the first.
        let second = COMMIT.replace("1700000100", "1700000200");
        let at = COMMIT.find("1700000100").unwrap() + 7;
        let tail = &second.as_bytes()[at..];
        let mut delta = vec![COMMIT.len() as u8 | 0x80, (COMMIT.len() >> 7) as u8];
        delta.extend([second.len() as u8 | 0x80, (second.len() >> 7) as u8, 0x80 | 0x10, at as u8]);
        delta.push(tail.len() as u8);
        delta.extend(tail);
        let base: Vec<u8> =
            (0..20).map(|n| u8::from_str_radix(&commit[2 * n..2 * n + 2], 16).unwrap()).collect();
        let bytes = answer(&[
            packed(4, signed.as_bytes(), b""),
            packed(4, bare.as_bytes(), b""),
            packed(1, COMMIT.as_bytes(), b""),
            packed(7, &delta, &base),
        ]);
        let second = id("commit", second.as_bytes(), "sha1");
        let none = "f".repeat(40);
        let found = seconds(&bytes, &[&ids[0], &ids[1], &commit, &second, &none]);
        let expected =
            [Some(1_800_000_000), Some(1_700_000_100), Some(1_700_000_100), Some(1_700_000_200), None];
        assert_eq!(found, Ok(expected.to_vec()));
    }

    #[test]
    fn what_is_no_pack() {
        let commit = id("commit", COMMIT.as_bytes(), "sha1");
        let fine = answer(&[packed(1, COMMIT.as_bytes(), b"")]);
        for end in 0..fine.len() {
            let _ = seconds(&fine[..end], &[&commit]);
        }
        let why = |bytes: &[u8]| seconds(bytes, &[&commit]).unwrap_err();
        assert_eq!(why(b"0000"), "the answer cannot be read: the commits are not in git's pack format");
        let mut refused = Vec::new();
        pkt_line::line(&mut refused, "ERR upload-pack: not our ref");
        assert_eq!(why(&refused), "the answer cannot be read: the server says: upload-pack: not our ref");
        let wrong = answer(&[packed(6, b"x", b"")]);
        assert!(why(&wrong).contains("not asked for"));
        // A size that is not the content's.
        let mut short = packed(1, b"0123456789", b"");
        short[0] = 1 << 4 | 3;
        assert!(why(&answer(&[short])).contains("pack format"));
    }
}
