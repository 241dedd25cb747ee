//! Zip: a directory at the end says where each member is. Read at any place, never as a stream.
//!
//! Known are members that are stored, deflated (64 too) or packed by Zstandard, zip64, and both kinds of encryption.
//!
//! The directory is read here, since the `zip` crate keeps the last only of several members of one name, refuses all members for
//! one damaged entry, and holds the whole directory before its members can be limited.

mod decrypt;

use super::bytes::Fields;
use super::checked::Checked;
use super::content::Opened;
use super::limits::DIRECTORY;
use super::package::{Closed, Kind, Unreadable};
use super::streams::Zstandard;
use decrypt::{Aes, Traditional};
use flate2::bufread::DeflateDecoder;
use std::io::{BufReader, Read};

/// What the record at the end of a directory begins with, and its size without a comment.
const END_MAGIC: &[u8] = b"PK\x05\x06";
pub(super) const END_SIZE: usize = 22;

/// A link, among the kinds of files of Unix.
const LINK: u32 = 0xa000;

/// How many places are tried that look like the end of a directory.
const MOST_ENDS: usize = 16;

/// The size of what tells where the record of a zip64 is, and of that record.
const LOCATOR_SIZE: u64 = 20;
const END64_SIZE: u64 = 56;

/// What a member's header begins with, and what its entry in the directory does.
const HEADER_MAGIC: &[u8] = b"PK\x03\x04";
const ENTRY_MAGIC: &[u8] = b"PK\x01\x02";

/// The size of a member's header without its name and extra fields.
const HEADER_SIZE: u64 = 30;

/// What the directory tells of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub name: String,
    pub kind: Kind,
    flags: u16,
    method: u16,
    time: u16,
    crc: u32,
    packed: u64,
    /// Not known where it was to follow the member, and does not.
    size: Option<u64>,
    /// Where its header is.
    header: u64,
    /// Bytes of its name, which the header has too.
    name_length: u64,
    aes: Option<AesField>,
}

/// How a member is encrypted by AES.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct AesField {
    version: u16,
    strength: u8,
}

impl Member {
    /// Whether its bytes are encrypted.
    pub(super) fn is_encrypted(&self) -> bool {
        self.flags & 1 != 0
    }
}

/// A directory.
#[derive(Debug)]
pub(super) struct Directory {
    pub members: Vec<Member>,
    /// What is wrong with it, though it can be read.
    pub complaints: Vec<String>,
}

/// Reads the directory of a zip of `size` bytes, of `most` members at most.
pub(super) fn directory(
    source: &Opened<'_>,
    size: u64,
    most: u64,
) -> Result<Directory, Unreadable> {
    let end = End::find(source, size)?;
    let claimed = end.members;
    if end.size > DIRECTORY {
        return Err(Unreadable::Refused(format!(
            "its directory has {} bytes",
            end.size
        )));
    }
    // What stands before the first member, as in a program that unpacks itself, shifts everything.
    let shift = end
        .at
        .checked_sub(end.size)
        .and_then(|start| start.checked_sub(end.offset))
        .ok_or_else(|| broken("its directory is not whole"))?;
    let bytes = read(source, end.at - end.size, end.size)?;
    let mut fields = Fields(&bytes);
    let mut members = Vec::new();
    while let Some(member) = Member::next(&mut fields, shift) {
        if members.len() as u64 == most {
            return Err(Unreadable::TooMany);
        }
        members.push(member);
    }
    // Old writers count up to 65,535 and begin anew.
    let found = members.len() as u64;
    let mut complaints = Vec::new();
    if found != claimed && found % 0x1_0000 != claimed {
        complaints.push(format!(
            "its directory names {found} of {claimed} members: the others are not read"
        ));
    }
    overlap(&members, size)?;
    let begins_like_one = read(source, 0, 4).is_ok_and(|start| start == HEADER_MAGIC);
    if members.is_empty() && begins_like_one {
        return Err(broken("its directory is empty, and it is not"));
    }
    if shift > 0 && begins_like_one {
        complaints.push(format!(
            "{shift} bytes in front of what its directory tells of are not read, as if two zips were joined"
        ));
    }
    let behind = read(source, size - end.behind.min(size), end.behind)?;
    if behind.iter().any(|&byte| byte != 0) {
        complaints.push(format!("{} bytes behind its end are not read", end.behind));
    }
    Ok(Directory {
        members,
        complaints,
    })
}

/// Refuses members that share bytes: that is how a small zip unpacks to very much.
fn overlap(members: &[Member], size: u64) -> Result<(), Unreadable> {
    let mut places: Vec<(u64, u64, &Member)> = members
        .iter()
        .map(|member| {
            let own = HEADER_SIZE.saturating_add(member.name_length);
            let end = member
                .header
                .saturating_add(own.saturating_add(member.packed));
            (member.header, end, member)
        })
        .collect();
    places.sort_unstable_by_key(|(start, end, _)| (*start, *end));
    for ((_, end, member), (start, _, next)) in places.iter().zip(places.iter().skip(1)) {
        if end > start {
            return Err(Unreadable::Refused(format!(
                "its members {} and {} overlap",
                member.name, next.name
            )));
        }
    }
    match places.last() {
        Some((start, ..)) if *start >= size => Err(broken("its members lie beyond its end")),
        _ => Ok(()),
    }
}

/// Reads what the headers of members tell, one behind the other from the beginning on, up to what is none: of a zip whose
/// directory is not there.
pub(super) fn by_headers(
    source: &Opened<'_>,
    size: u64,
    most: u64,
) -> Result<Vec<Member>, Unreadable> {
    let (mut members, mut at) = (Vec::new(), 0);
    while let Some((member, next)) = Member::by_header(source, size, at) {
        if members.len() as u64 == most {
            return Err(Unreadable::TooMany);
        }
        members.push(member);
        at = next;
    }
    Ok(members)
}

/// What follows a member whose sizes were not known before it was packed.
struct Descriptor {
    crc: u32,
    size: u64,
    /// Where it begins and ends.
    at: u64,
    end: u64,
}

impl Descriptor {
    const MAGIC: &'static [u8] = b"PK\x07\x08";

    /// The first behind `start` that says that the member began there.
    fn find(source: &Opened<'_>, start: u64, file_size: u64) -> Option<Descriptor> {
        const PIECE: u64 = 1 << 16;
        let overlap = Self::MAGIC.len() as u64 - 1;
        let mut from = start;
        while from < file_size {
            let length = (PIECE + overlap).min(file_size - from);
            let piece = read(source, from, length).ok()?;
            let mut places = memchr::memmem::find_iter(&piece, Self::MAGIC);
            let found = places.find_map(|at| Self::at(source, start, from + at as u64));
            if found.is_some() {
                return found;
            }
            from += PIECE;
        }
        None
    }

    /// The one at a place, of a member that began at `start`.
    fn at(source: &Opened<'_>, start: u64, at: u64) -> Option<Descriptor> {
        let packed = at - start;
        let mut bytes = Vec::new();
        let mut stream = source.range(at, at + 26);
        stream.read_to_end(&mut bytes).ok()?;
        let mut fields = Fields(bytes.get(Self::MAGIC.len()..)?);
        let crc = fields.u32()?;
        let short =
            |mut fields: Fields<'_>| Some((u64::from(fields.u32()?), u64::from(fields.u32()?), 16));
        // Of a zip64 both sizes are longer.
        let long = |mut fields: Fields<'_>| Some((fields.u64()?, fields.u64()?, 24));
        let mut known = [short(fields), long(fields)].into_iter().flatten();
        // Behind it the next member begins, or the directory.
        let is_right = |&(own, _, length): &(u64, u64, usize)| {
            let next = bytes.get(length..length + 2);
            own == packed && next.is_none_or(|next| next == b"PK")
        };
        let (_, size, length) = known.find(is_right)?;
        let end = at + length as u64;
        Some(Descriptor { crc, size, at, end })
    }
}

/// Stands where the rest of a member should be.
struct Missing;

impl Read for Missing {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::Error::new(
            std::io::ErrorKind::UnexpectedEof,
            "its end is missing, and how long it was",
        ))
    }
}

/// Reads the extra fields of a member: those of its sizes and places that did not fit their own, in their order; and by which
/// method it is packed, where it is encrypted by AES.
fn read_extra(mut extra: Fields<'_>, sizes: &mut [u64], method: &mut u16) -> Option<AesField> {
    let mut aes = None;
    while let (Some(id), Some(length)) = (extra.u16(), extra.u16()) {
        let Some(field) = extra.take(length.into()) else {
            break;
        };
        let mut field = Fields(field);
        match id {
            0x0001 => {
                let short = |size: &&mut u64| **size == u64::from(u32::MAX);
                for size in sizes.iter_mut().filter(short) {
                    *size = field.u64().unwrap_or(*size);
                }
            }
            0x9901 => {
                let version = field.u16();
                let _vendor = field.u16();
                let strength = field.u8();
                if let (Some(version), Some(strength), Some(inner)) =
                    (version, strength, field.u16())
                {
                    aes = Some(AesField { version, strength });
                    *method = inner;
                }
            }
            _ => {}
        }
    }
    aes
}

/// What the end of a directory tells.
struct End {
    /// Where the directory ends.
    at: u64,
    /// Where it begins, as written.
    offset: u64,
    size: u64,
    members: u64,
    /// Bytes behind its end.
    behind: u64,
}

impl End {
    fn find(source: &Opened<'_>, size: u64) -> Result<End, Unreadable> {
        let most = END_SIZE as u64 + u64::from(u16::MAX);
        let start = size.saturating_sub(most);
        let tail = read(source, start, size - start)?;
        let mut ends = (0..tail.len()).rev().filter_map(|at| {
            let mut fields = Fields(tail.get(at..)?);
            (fields.take(4)? == END_MAGIC).then_some(())?;
            let _disks = fields.take(6)?;
            let members = fields.u16()?.into();
            let (size, offset) = (fields.u32()?.into(), fields.u32()?.into());
            let comment = fields.u16()?;
            fields.take(comment.into())?;
            Some(End {
                at: start + at as u64,
                offset,
                size,
                members,
                behind: fields.0.len() as u64,
            })
        });
        let last = ends.next().ok_or_else(|| {
            broken("it has no directory at its end: it was cut off, or is no zip")
        })?;
        let last = last.or_zip64(source);
        if last.is_right(source) {
            return Ok(last);
        }
        // What stands in its comment may look like an end too.
        let mut earlier = ends.take(MOST_ENDS).map(|end| end.or_zip64(source));
        Ok(earlier.find(|end| end.is_right(source)).unwrap_or(last))
    }

    /// Whether there is a directory in front of it; of no members, only where there is none.
    fn is_right(&self, source: &Opened<'_>) -> bool {
        let begins = |at, magic: &[u8]| read(source, at, 4).is_ok_and(|start| start == magic);
        match self.size {
            0 => !begins(0, HEADER_MAGIC),
            size => {
                let start = self.at.checked_sub(size);
                start.is_some_and(|start| begins(start, ENTRY_MAGIC))
            }
        }
    }

    /// What a zip64 says in its place, if this is one.
    fn or_zip64(self, source: &Opened<'_>) -> End {
        let may_be_zip64 =
            self.members == 0xffff || self.size == 0xffff_ffff || self.offset == 0xffff_ffff;
        let zip64 = may_be_zip64.then(|| self.zip64(source)).flatten();
        zip64.unwrap_or(self)
    }

    /// The same of a zip64, if this is one.
    fn zip64(&self, source: &Opened<'_>) -> Option<End> {
        let locator_at = self.at.checked_sub(LOCATOR_SIZE)?;
        let locator = read(source, locator_at, LOCATOR_SIZE).ok()?;
        let mut fields = Fields(&locator);
        (fields.take(4)? == b"PK\x06\x07").then_some(())?;
        let _disk = fields.u32()?;
        // Where it says, or right before, where something stands before the zip.
        let written = fields.u64()?;
        [Some(written), locator_at.checked_sub(END64_SIZE)]
            .into_iter()
            .flatten()
            .find_map(|at| {
                let record = read(source, at, END64_SIZE).ok()?;
                let mut fields = Fields(&record);
                (fields.take(4)? == b"PK\x06\x06").then_some(())?;
                let _size_versions_disks = fields.take(8 + 4 + 8 + 8)?;
                let members = fields.u64()?;
                let (size, offset) = (fields.u64()?, fields.u64()?);
                Some(End {
                    at,
                    offset,
                    size,
                    members,
                    behind: self.behind,
                })
            })
    }
}

impl Member {
    /// The next member of a directory.
    fn next(fields: &mut Fields<'_>, shift: u64) -> Option<Member> {
        (fields.take(4)? == ENTRY_MAGIC).then_some(())?;
        let made_by = fields.u16()?;
        let _needed = fields.u16()?;
        let (flags, mut method) = (fields.u16()?, fields.u16()?);
        let (time, _date) = (fields.u16()?, fields.u16()?);
        let crc = fields.u32()?;
        let (packed, size) = (fields.u32()?, fields.u32()?);
        let lengths = [fields.u16()?, fields.u16()?, fields.u16()?].map(usize::from);
        let [name_length, extra_length, comment_length] = lengths;
        let _disk_and_inner_attributes = fields.take(4)?;
        let attributes = fields.u32()?;
        let header = fields.u32()?;
        let name = fields.take(name_length)?;
        let extra = Fields(fields.take(extra_length)?);
        let _comment = fields.take(comment_length)?;

        let mut sizes = [size, packed, header].map(u64::from);
        let aes = read_extra(extra, &mut sizes, &mut method);
        let [size, packed, header] = sizes;
        let unix_kind = match made_by >> 8 {
            3 | 19 => attributes >> 16 & 0xf000,
            _ => 0,
        };
        let text = String::from_utf8_lossy(name).into_owned();
        let kind = match unix_kind {
            _ if size == 0 && text.ends_with(['/', '\\']) => Kind::Folder,
            0 | 0x8000 => Kind::File,
            0x4000 if size == 0 => Kind::Folder,
            LINK => Kind::Other,
            // What was packed from a pipe says that it is one.
            _ if size > 0 => Kind::File,
            _ => Kind::Other,
        };
        Some(Member {
            name: text,
            kind,
            flags,
            method,
            time,
            crc,
            packed,
            size: Some(size),
            header: header.saturating_add(shift),
            name_length: name_length as u64,
            aes,
        })
    }

    /// The member whose header is at a place, and where the next may begin.
    fn by_header(source: &Opened<'_>, file_size: u64, header: u64) -> Option<(Member, u64)> {
        let bytes = read(source, header, HEADER_SIZE).ok()?;
        let mut fields = Fields(&bytes);
        (fields.take(4)? == HEADER_MAGIC).then_some(())?;
        let _needed = fields.u16()?;
        let (flags, mut method) = (fields.u16()?, fields.u16()?);
        let (time, _date) = (fields.u16()?, fields.u16()?);
        let crc = fields.u32()?;
        let (packed, size) = (fields.u32()?, fields.u32()?);
        let (name_length, extra_length) = (fields.u16()?, fields.u16()?);
        let name_at = header + HEADER_SIZE;
        let name = read(source, name_at, name_length.into()).ok()?;
        let extra_at = name_at + u64::from(name_length);
        let extra = read(source, extra_at, extra_length.into()).ok()?;
        let start = extra_at + u64::from(extra_length);
        let mut sizes = [size, packed].map(u64::from);
        let aes = read_extra(Fields(&extra), &mut sizes, &mut method);
        let [size, packed] = sizes;
        let mut member = Member {
            kind: Kind::File,
            name: String::from_utf8_lossy(&name).into_owned(),
            flags,
            method,
            time,
            crc,
            packed,
            size: Some(size),
            header,
            name_length: name_length.into(),
            aes,
        };
        let mut next = start.saturating_add(packed);
        // Where they were not known beforehand, they follow.
        if flags & 8 != 0 && packed == 0 {
            match Descriptor::find(source, start, file_size) {
                Some(found) => {
                    member.crc = found.crc;
                    member.packed = found.at - start;
                    member.size = Some(found.size);
                    next = found.end;
                }
                None => {
                    member.packed = file_size.saturating_sub(start);
                    member.size = None;
                    next = file_size;
                }
            }
        }
        if member.size == Some(0) && member.name.ends_with(['/', '\\']) {
            member.kind = Kind::Folder;
        }
        Some((member, next))
    }

    /// What the member unpacks to.
    pub(super) fn open<'a>(
        &self,
        source: &'a Opened<'a>,
        password: Option<&[u8]>,
    ) -> Result<Box<dyn Read + 'a>, Closed> {
        let damaged = || Closed::Damaged("its header is damaged".to_owned());
        let header = read(source, self.header, HEADER_SIZE).map_err(|_| damaged())?;
        let mut fields = Fields(&header);
        if fields.take(4) != Some(HEADER_MAGIC) {
            return Err(damaged());
        }
        let _versions_to_sizes = fields.take(22);
        let (Some(name), Some(extra)) = (fields.u16(), fields.u16()) else {
            return Err(damaged());
        };
        let start = self
            .header
            .saturating_add(HEADER_SIZE + u64::from(name) + u64::from(extra));
        let span = source.range(start, start.saturating_add(self.packed));
        let packed: Box<dyn Read + 'a> = match self.aes {
            _ if !self.is_encrypted() => Box::new(span),
            _ if self.flags & 0x40 != 0 => {
                return Err(Closed::Unknown(
                    "it is encrypted in a way that is not known".to_owned(),
                ));
            }
            aes => {
                let password = password.ok_or(Closed::Locked)?;
                match aes {
                    Some(aes) => Box::new(Aes::new(span, self.packed, aes.strength, password)?),
                    None => {
                        // Where the checksum was not known beforehand, the time stands for it.
                        let check = match self.flags & 8 {
                            0 => (self.crc >> 24) as u8,
                            _ => (self.time >> 8) as u8,
                        };
                        Box::new(Traditional::new(span, check, password)?)
                    }
                }
            }
        };
        let unpacked: Box<dyn Read + 'a> = match self.method {
            0 => packed,
            8 => Box::new(DeflateDecoder::new(BufReader::new(packed))),
            9 => Box::new(deflate64::Deflate64Decoder::new(packed)),
            20 | 93 => Box::new(Zstandard::new(packed)),
            method => {
                let name = match method {
                    12 => " (bzip2)",
                    14 => " (LZMA)",
                    95 => " (XZ)",
                    98 => " (PPMd)",
                    _ => "",
                };
                return Err(Closed::Unknown(format!(
                    "it is packed by method {method}{name}, which is not read"
                )));
            }
        };
        // The second version of AES leaves the checksum out, and has a code of its own.
        let crc = match self.aes {
            Some(AesField { version: 2, .. }) => None,
            _ => Some(self.crc),
        };
        Ok(match self.size {
            Some(size) => Box::new(Checked::new(unpacked, size, crc)),
            None => Box::new(unpacked.chain(Missing)),
        })
    }
}

/// Whether a zip without a comment ends so.
pub(super) fn is_end(end: &[u8]) -> bool {
    end.len() == END_SIZE && end.starts_with(END_MAGIC) && end.ends_with(&[0, 0])
}

/// What the first member is called, if `start` is the header of one.
pub(super) fn first_name(start: &[u8]) -> Option<&[u8]> {
    let mut fields = Fields(start);
    (fields.take(4)? == HEADER_MAGIC).then_some(())?;
    // In tenths; the upper byte is a system.
    let needed = fields.u16()? & 0xff;
    let _flags = fields.u16()?;
    let method = fields.u16()?;
    let _time_to_sizes = fields.take(16)?;
    let (name_length, _extra_length) = (fields.u16()?, fields.u16()?);
    // A long name may go on beyond what is at hand.
    let length = usize::from(name_length).min(fields.0.len());
    let name = fields.take(length)?;
    let is_sane = needed <= 63
        && matches!(method, 0..=20 | 93..=99)
        && !name.is_empty()
        && !name.iter().any(u8::is_ascii_control);
    is_sane.then_some(name)
}

fn broken(reason: &str) -> Unreadable {
    Unreadable::Broken(reason.to_owned())
}

/// So many bytes from `start` on, all of them.
fn read(source: &Opened<'_>, start: u64, length: u64) -> Result<Vec<u8>, Unreadable> {
    let mut bytes = Vec::new();
    let read = source
        .range(start, start.saturating_add(length))
        .read_to_end(&mut bytes);
    match read {
        Ok(read) if read as u64 == length => Ok(bytes),
        Ok(_) => Err(broken("it ends too soon")),
        Err(error) => Err(Unreadable::Broken(error.to_string())),
    }
}
