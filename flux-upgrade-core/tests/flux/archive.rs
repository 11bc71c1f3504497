//! Archives that are no release change nothing and say why.

use flux_upgrade_core::flux::{ArchiveError, Release};

use crate::release::{archive, files, gzipped};

#[track_caller]
fn refused(bytes: &[u8], code: &str, message: &str) {
    let error: ArchiveError = Release::read("v2.8.1", bytes).expect_err(message);
    assert_eq!((error.code(), error.to_string().contains(message)), (code, true), "{error}");
}

fn with(change: impl Fn(&mut Vec<(String, String)>)) -> Vec<u8> {
    let mut files = files();
    change(&mut files);
    archive(&files)
}

#[test]
fn a_release_is_read_with_and_without_dots_and_v() {
    for prefix in ["", "./"] {
        let files: Vec<_> =
            files().into_iter().map(|(name, text)| (format!("{prefix}{name}"), text)).collect();
        let release = Release::read("2.8.1", &archive(&files)).expect("a release");
        assert_eq!((release.version().text(), release.names().count()), ("v2.8.1", 9));
    }
}

#[test]
fn versions_are_whole() {
    for text in ["", "v", "2.9", "v2.9", "latest", "vv2.9.0", "2.9.x"] {
        assert_eq!(Release::read(text, &[]).expect_err(text).code(), "archive.version", "{text}");
    }
}

#[test]
fn damaged_and_cut_short() {
    let whole = archive(&files());
    refused(b"", "archive.unreadable", "damaged or cut short");
    refused(b"PK\x03\x04 a zip file", "archive.unreadable", "damaged or cut short");
    refused(&gzipped(&[7; 2000]), "archive.unreadable", "damaged or cut short");
    for cut in 0..whole.len() {
        assert!(Release::read("v2.8.1", &whole[..cut]).is_err(), "cut at {cut} of {}", whole.len());
    }
    for at in (0..whole.len()).step_by(7) {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        // The header of gzip has bytes without meaning; all others are covered by its checksum.
        if let Ok(release) = Release::read("v2.8.1", &flipped) {
            assert_eq!(release, Release::read("v2.8.1", &whole).expect("a release"), "byte {at}");
        }
    }
}

#[test]
fn entries_that_no_release_has() {
    let named = |name: &'static str| with(move |files| files.push((name.to_owned(), "x".to_owned())));
    for name in ["../rbac.yaml", "a/../../rbac.yaml", "/etc/passwd", "..\\rbac.yaml", "a/.."] {
        refused(&named(name), "archive.entry", "leads out of the archive");
    }
    for name in ["install.yaml", "flux-controller.yaml", "manifests/rbac.yaml", "README"] {
        refused(&named(name), "archive.entry", "is no file of a Flux release");
    }
    refused(&named("rbac.yaml"), "archive.entry", "stands twice");
}

#[test]
fn links_and_folders() {
    for kind in
        [tar::EntryType::Symlink, tar::EntryType::Link, tar::EntryType::Directory, tar::EntryType::Fifo]
    {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        header.set_path("rbac.yaml").expect("a name");
        if kind == tar::EntryType::Symlink || kind == tar::EntryType::Link {
            header.set_link_name("/etc/passwd").expect("a name");
        }
        header.set_cksum();
        tar.append(&header, std::io::empty()).expect("an entry");
        refused(&gzipped(&tar.into_inner().expect("a tar")), "archive.entry", "is no plain file");
    }
}

#[test]
fn every_file_is_wanted() {
    for (number, (name, _)) in files().iter().enumerate() {
        let bytes = with(|files| {
            files.remove(number);
        });
        refused(&bytes, "archive.missing", &format!("`{name}` is missing"));
    }
}

#[test]
fn no_bombs() {
    let bomb = with(|files| files[0].1 = "#".repeat(40 << 20));
    assert!(bomb.len() < 1 << 20);
    refused(&bomb, "archive.too-large", "more than 32 MiB");
}

#[test]
fn texts_are_utf8() {
    let mut bytes = Vec::new();
    let mut tar = tar::Builder::new(&mut bytes);
    let mut header = tar::Header::new_gnu();
    header.set_path("rbac.yaml").expect("a name");
    header.set_size(2);
    header.set_cksum();
    tar.append(&header, &b"\xff\xfe"[..]).expect("an entry");
    tar.finish().expect("a tar");
    drop(tar);
    refused(&gzipped(&bytes), "archive.entry", "is not UTF-8");
}
