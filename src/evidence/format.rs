//! What a file or member is, by what it begins with; never by its name.

use super::{tar, zip};
use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::Path;

/// How much of the beginning tells what something is: a tar begins with a header of as many.
pub(super) const START: usize = 512;

/// What logs and packages begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// An event log.
    Log,
    Zip,
    SevenZip,
    Tar,
    Gzip,
    Zstandard,
    /// A package that is not read, and what it is.
    Unread(&'static str),
}

impl Format {
    /// The name of each.
    const NAMES: [(Format, &'static str); 6] = [
        (Format::Log, "evtx"),
        (Format::Zip, "zip"),
        (Format::SevenZip, "7z"),
        (Format::Tar, "tar"),
        (Format::Gzip, "gzip"),
        (Format::Zstandard, "zstd"),
    ];

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        let named = Self::NAMES.iter().find(|(format, _)| *format == self);
        named.map_or("", |(_, name)| name)
    }

    /// What is called so.
    pub(super) fn named(name: &str) -> Option<Format> {
        let named = Self::NAMES.iter().find(|(_, known)| *known == name);
        named.map(|(format, _)| *format)
    }

    /// What begins so, if anything that is known.
    pub(super) fn of(start: &[u8]) -> Option<Format> {
        let magics: [(&[u8], Format); 10] = [
            (b"ElfFile\0", Format::Log),
            (b"PK\x03\x04", Format::Zip),
            // Without members.
            (b"PK\x05\x06", Format::Zip),
            (b"7z\xbc\xaf\x27\x1c", Format::SevenZip),
            (b"\x1f\x8b\x08", Format::Gzip),
            (b"\x28\xb5\x2f\xfd", Format::Zstandard),
            (b"\xfd7zXZ\0", Format::Unread("xz")),
            (b"Rar!\x1a\x07\0", Format::Unread("RAR")),
            (b"Rar!\x1a\x07\x01\0", Format::Unread("RAR")),
            (b"\x04\x22\x4d\x18", Format::Unread("LZ4")),
        ];
        let known = magics.iter().find(|(magic, _)| start.starts_with(magic));
        let tar = || start.get(257..262) == Some(b"ustar") || tar::is_header(start);
        // Behind the level stands what the first block begins with, or the end.
        let block = start.get(4..10);
        let is_bzip2 =
            start.starts_with(b"BZh") && matches!(block, Some(b"1AY&SY" | b"\x17rE8P\x90"));
        known
            .map(|(_, format)| *format)
            .or(is_bzip2.then_some(Format::Unread("bzip2")))
            .or_else(|| tar().then_some(Format::Tar))
    }
}

/// Reads the beginning of `stream`, as far as it goes; and what stopped it, if that was not its end.
pub(super) fn start_of(stream: &mut (impl Read + ?Sized)) -> (Vec<u8>, Option<io::Error>) {
    let mut start = Vec::with_capacity(START);
    let error = stream.take(START as u64).read_to_end(&mut start).err();
    (start, error)
}

/// Whether a name says that this is a log.
pub(super) fn is_named_like_a_log(path: &Path) -> bool {
    extension(path).is_some_and(|name| name.eq_ignore_ascii_case("evtx"))
}

/// Whether a name says that this is a package.
pub(super) fn is_named_like_a_package(path: &Path) -> bool {
    let names = ["zip", "7z", "tar", "tgz", "tzst", "gz", "zst"];
    extension(path).is_some_and(|name| names.iter().any(|known| name.eq_ignore_ascii_case(known)))
}

/// Whether a package begins so, by more than its magic, that is not seen to be a document or a program.
pub(super) fn is_start_of_package(start: &[u8]) -> bool {
    match Format::of(start) {
        Some(Format::Zip) => {
            zip::first_name(start).is_some_and(|name| !is_of_document_or_program(name))
        }
        // Version 0, the only one.
        Some(Format::SevenZip) => start.get(6) == Some(&0),
        // No unknown flags; packed at a known level, by a known system.
        Some(Format::Gzip) => matches!(
            start,
            [_, _, _, 0..0x20, _, _, _, _, 0 | 2 | 4, 0..=13 | 255, ..]
        ),
        // The reserved bit is not set.
        Some(Format::Zstandard) => start.get(4).is_some_and(|flags| flags & 8 == 0),
        Some(Format::Tar | Format::Unread(_)) => true,
        Some(Format::Log) | None => false,
    }
}

/// Whether a zip whose first member is called so is a document of an office, a book, or a program.
fn is_of_document_or_program(name: &[u8]) -> bool {
    let names: [&[u8]; 3] = [b"[Content_Types].xml", b"mimetype", b"AndroidManifest.xml"];
    let folders: [&[u8]; 8] = [
        b"_rels/",
        b"docProps/",
        b"customXml/",
        b"word/",
        b"xl/",
        b"ppt/",
        b"visio/",
        b"META-INF/",
    ];
    names.contains(&name) || folders.iter().any(|folder| name.starts_with(folder))
}

fn extension(path: &Path) -> Option<&OsStr> {
    path.extension()
}

/// Why something that is named like a package is none.
pub(super) const NO_PACKAGE: &str = "a broken package: it does not begin like one";

/// Why something that was expected to be a log is none.
pub(super) fn no_log(start: &[u8]) -> String {
    match start {
        [] => "the file is empty".to_owned(),
        _ => {
            let start = start.get(..8).unwrap_or(start).escape_ascii();
            format!("not an event log: it starts with \"{start}\", not with \"ElfFile\\x00\"")
        }
    }
}
