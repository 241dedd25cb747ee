//! Tar: a header of 512 bytes before each member, read as a stream. POSIX (pax) and GNU names and sizes are known.

use super::limits::Spent;
use super::package::Kind;
use std::io::{self, Read};

/// Headers and members fill blocks of so many bytes.
const BLOCK: u64 = 512;

/// The longest header that tells of the next member.
const LONGEST: u64 = 1 << 20;

/// What a header tells of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub name: String,
    pub size: u64,
    pub kind: Kind,
}

/// What pax and GNU headers say of the next member.
#[derive(Default)]
struct Ahead {
    name: Option<String>,
    size: Option<u64>,
    sparse: bool,
}

/// Hands each member and its bytes to `each`, until that says that it is enough.
///
/// # Errors
/// Why there is no more to read, in words.
pub(super) fn members(
    stream: &mut dyn Read,
    spent: &Spent,
    mut each: impl FnMut(Member, &mut dyn Read) -> bool,
) -> Result<(), String> {
    let mut ahead = Ahead::default();
    // A tar ends with two blocks of zeros; another may follow.
    let (mut zeros, mut has_ended) = (false, false);
    loop {
        let mut header = [0; BLOCK as usize];
        match fill(stream, &mut header).map_err(|error| error.to_string())? {
            0 if zeros || has_ended => return Ok(()),
            0 => return Err("it has no mark at its end, as if it were cut off".to_owned()),
            length if length < header.len() && !has_ended => {
                return Err("it ends within a header".to_owned());
            }
            _ => {}
        }
        if header.iter().all(|&byte| byte == 0) {
            has_ended |= zeros;
            zeros = true;
            continue;
        }
        if !is_header(&header) {
            let reason = match has_ended {
                true => "behind its end is something else",
                false => "the checksum of a header is wrong",
            };
            return Err(reason.to_owned());
        }
        (zeros, has_ended) = (false, false);
        let field =
            |from: usize, length: usize| header.get(from..from + length).unwrap_or_default();
        let size = number(field(124, 12)).ok_or("the size of a member is no number")?;
        match header.get(156).copied().unwrap_or_default() {
            flag @ (b'x' | b'g' | b'L' | b'K') => {
                if size > LONGEST {
                    return Err(format!("a header of {size} bytes"));
                }
                let mut text = Vec::new();
                let read = stream.take(size).read_to_end(&mut text);
                read.map_err(|error| error.to_string())?;
                skip(stream, padding(size))?;
                match flag {
                    b'x' => ahead.add_pax(&text),
                    b'L' => ahead.name = Some(text_of(&text)),
                    _ => {}
                }
            }
            flag => {
                if !spent.add_members(1) {
                    return Ok(());
                }
                let Ahead {
                    name,
                    size: long,
                    sparse,
                } = std::mem::take(&mut ahead);
                let size = long.unwrap_or(size);
                let name = name.unwrap_or_else(|| match field(257, 8) {
                    b"ustar\x0000" => match text_of(field(345, 155)) {
                        prefix if !prefix.is_empty() => {
                            format!("{prefix}/{}", text_of(field(0, 100)))
                        }
                        _ => text_of(field(0, 100)),
                    },
                    _ => text_of(field(0, 100)),
                });
                let kind = match flag {
                    b'S' => Kind::Sparse,
                    b'0' | b'7' | 0 if sparse => Kind::Sparse,
                    b'0' | b'7' | 0 if size == 0 && name.ends_with('/') => Kind::Folder,
                    b'0' | b'7' | 0 => Kind::File,
                    b'5' => Kind::Folder,
                    _ => Kind::Other,
                };
                // The places of its parts that do not fit the header follow it, in blocks that each say whether there is one more.
                let mut is_more = flag == b'S' && field(482, 1) != [0];
                while is_more {
                    let mut places = [0; BLOCK as usize];
                    let read = fill(stream, &mut places).map_err(|error| error.to_string())?;
                    if read < places.len() {
                        return Err("it ends within a header".to_owned());
                    }
                    is_more = places.get(504) != Some(&0);
                }
                // A link has a size in some old files, and no bytes in any.
                let size = if matches!(flag, b'1'..=b'6') { 0 } else { size };
                let mut bytes = stream.take(size);
                if !each(Member { name, size, kind }, &mut bytes) {
                    return Ok(());
                }
                let left = bytes.limit();
                skip(stream, left)?;
                skip(stream, padding(size))?;
            }
        }
    }
}

impl Ahead {
    /// `LENGTH KEY=VALUE\n`, again and again.
    fn add_pax(&mut self, mut text: &[u8]) {
        while let Some(space) = text.iter().position(|&byte| byte == b' ') {
            let length = std::str::from_utf8(text.get(..space).unwrap_or_default());
            let length: Option<usize> = length.ok().and_then(|length| length.parse().ok());
            let Some((record, rest)) = length
                .filter(|&length| length > space)
                .and_then(|length| text.split_at_checked(length))
            else {
                return;
            };
            text = rest;
            let record = record.get(space + 1..).unwrap_or_default();
            let record = record.strip_suffix(b"\n").unwrap_or(record);
            let Some(equals) = record.iter().position(|&byte| byte == b'=') else {
                continue;
            };
            let (key, value) = record.split_at(equals);
            let value = String::from_utf8_lossy(value.get(1..).unwrap_or_default());
            match key {
                b"path" => self.name = Some(value.into_owned()),
                b"size" => self.size = value.parse().ok(),
                b"GNU.sparse.name" => {
                    self.sparse = true;
                    self.name = Some(value.into_owned());
                }
                _ if key.starts_with(b"GNU.sparse.") => self.sparse = true,
                _ => {}
            }
        }
    }
}

/// Text up to its first NUL.
fn text_of(field: &[u8]) -> String {
    let end = field.iter().position(|&byte| byte == 0);
    let text = field.get(..end.unwrap_or(field.len())).unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

/// A number: octal digits, or binary where the first bit is set.
fn number(field: &[u8]) -> Option<u64> {
    let (first, rest) = field.split_first()?;
    if first & 0x80 != 0 {
        let start = u64::from(first & 0x7f);
        return rest.iter().try_fold(start, |number, &byte| {
            (number < 1 << 55).then_some(number << 8 | u64::from(byte))
        });
    }
    let digits = text_of(field);
    let digits = digits.trim_matches(' ');
    match digits {
        "" => Some(0),
        _ => u64::from_str_radix(digits, 8).ok(),
    }
}

/// Whether bytes are a header, by its checksum: the sum of its bytes, with blanks where the checksum stands. The oldest tars have
/// no other mark.
pub(super) fn is_header(header: &[u8]) -> bool {
    if header.len() as u64 != BLOCK {
        return false;
    }
    let sum: u64 = (0..)
        .zip(header)
        .map(|(at, &byte)| match at {
            148..156 => u64::from(b' '),
            _ => u64::from(byte),
        })
        .sum();
    header.get(148..156).and_then(number_of_checksum) == Some(sum)
}

/// Written with a NUL before the blank, or after it.
fn number_of_checksum(field: &[u8]) -> Option<u64> {
    let digits: String = field
        .iter()
        .map(|&byte| char::from(byte))
        .skip_while(|&c| c == ' ' || c == '\0')
        .take_while(|c| c.is_digit(8))
        .collect();
    u64::from_str_radix(&digits, 8).ok()
}

fn padding(size: u64) -> u64 {
    (BLOCK - size % BLOCK) % BLOCK
}

fn skip(stream: &mut dyn Read, bytes: u64) -> Result<(), String> {
    let skipped = io::copy(&mut stream.take(bytes), &mut io::sink());
    match skipped.map_err(|error| error.to_string())? {
        skipped if skipped < bytes => Err("it ends within a member".to_owned()),
        _ => Ok(()),
    }
}

/// Reads as much as there is and fits; says how much.
fn fill(stream: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while let Some(rest) = buffer.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match stream.read(rest) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}
