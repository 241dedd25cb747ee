//! 7z: a header at the end, mostly packed itself, says which blocks there are and which members lie in each. A block is unpacked
//! from its beginning: what lies behind a damaged place in it is lost.
//!
//! Known are blocks that are stored, packed by LZMA, LZMA2, Deflate or Zstandard, filtered by Delta or for x86 and ARM programs,
//! and encrypted by AES.

mod decrypt;
mod header;

use super::content::Opened;
use super::limits::{DIRECTORY, Spent, WINDOW};
use super::package::{Closed, Unreadable};
use super::streams::Zstandard;
use decrypt::{Aes, Keys};
use flate2::bufread::DeflateDecoder;
pub(super) use header::{Block, Member};
use header::{Coder, Header, Streams};
use lzma_rust2::filter::bcj::BcjReader;
use lzma_rust2::filter::delta::DeltaReader;
use lzma_rust2::{Lzma2Reader, LzmaReader};
use std::cell::Cell;
use std::io::{BufReader, Read};

/// Bytes before everything else: magic, version, where the header is.
const START_SIZE: u64 = 32;

/// A 7z whose header was read.
pub(super) struct Archive<'a> {
    source: &'a Opened<'a>,
    keys: Keys<'a>,
    spent: &'a Spent,
    /// Bytes of all windows so far.
    windows: Cell<u64>,
    pub blocks: Vec<Block>,
    /// Members without bytes.
    pub empty: Vec<Member>,
}

impl<'a> Archive<'a> {
    /// Reads the header of a 7z of `size` bytes.
    pub(super) fn read(
        source: &'a Opened<'a>,
        size: u64,
        password: Option<&'a [u8]>,
        spent: &'a Spent,
    ) -> Result<Self, Unreadable> {
        let mut archive = Archive {
            source,
            keys: Keys::new(password),
            spent,
            windows: Cell::new(0),
            blocks: Vec::new(),
            empty: Vec::new(),
        };
        let start = header::Start::read(&bytes(source, 0, START_SIZE, None)?)?;
        let Some(start) = start else {
            return Ok(archive);
        };
        let at = START_SIZE.saturating_add(start.offset);
        if at.checked_add(start.size).is_none_or(|end| end > size) {
            return Err(Unreadable::Broken(
                "its directory lies beyond its end: it was cut off".to_owned(),
            ));
        }
        let mut header = bytes(source, at, start.size, Some(start.crc))?;
        let most = spent.members_left();
        // A packed header may be packed again; nobody does it more than once.
        for _ in 0..2 {
            match Header::read(&header, most)? {
                Header::Members { blocks, empty } => {
                    archive.blocks = blocks;
                    archive.empty = empty;
                    return Ok(archive);
                }
                Header::Packed(streams) => header = archive.unpacked(&streams)?,
            }
        }
        Err(Unreadable::Broken(
            "its directory is packed again and again".to_owned(),
        ))
    }

    /// A header that was packed.
    fn unpacked(&self, streams: &Streams) -> Result<Vec<u8>, Unreadable> {
        let broken = |reason: String| Unreadable::Broken(format!("its directory: {reason}"));
        let Some(block) = streams.blocks.first() else {
            return Err(broken("it has no block".to_owned()));
        };
        if block.size > DIRECTORY {
            return Err(Unreadable::Refused(format!(
                "its directory has {} bytes",
                block.size
            )));
        }
        let locked = |closed| match closed {
            Closed::Locked => Unreadable::Locked,
            Closed::WrongPassword => Unreadable::WrongPassword,
            Closed::Unknown(reason) | Closed::Damaged(reason) => broken(reason),
        };
        let unpacked = self.open(block).map_err(locked)?;
        let mut unpacked =
            super::checked::Checked::new(unpacked.take(block.size), block.size, block.crc);
        let mut header = Vec::new();
        match self.spent.many(&mut unpacked).read_to_end(&mut header) {
            Ok(_) => Ok(header),
            Err(_) if block.is_encrypted() => Err(Unreadable::WrongPassword),
            Err(error) => Err(broken(error.to_string())),
        }
    }

    /// What a block unpacks to: its members, one behind the other.
    pub(super) fn open(&self, block: &Block) -> Result<Box<dyn Read + 'a>, Closed> {
        let start = START_SIZE.saturating_add(block.start);
        let packed = self.source.range(start, start.saturating_add(block.packed));
        let mut bytes: Box<dyn Read + 'a> = Box::new(packed);
        for (coder, size) in &block.coders {
            bytes = match self.decoder(coder, *size, bytes) {
                // What a wrong password gives is no beginning of anything.
                Err(Closed::Damaged(_)) if block.is_encrypted() => {
                    return Err(Closed::WrongPassword);
                }
                decoder => decoder?,
            };
        }
        Ok(bytes)
    }

    fn decoder(
        &self,
        coder: &Coder,
        size: u64,
        input: Box<dyn Read + 'a>,
    ) -> Result<Box<dyn Read + 'a>, Closed> {
        let properties = coder.properties.as_slice();
        let damaged =
            || Closed::Damaged("its directory has wrong properties of a method".to_owned());
        let window = |claimed: u64| {
            // A window larger than all that there is would be for nothing.
            let needed = claimed.min(size);
            if needed > WINDOW {
                return Err(Closed::Unknown(format!(
                    "it needs a dictionary of {needed} bytes, more than is allowed ({WINDOW})"
                )));
            }
            // So all of them are no larger than all that comes out, but for what the directory only claims.
            let windows = self.windows.get() + needed;
            if windows > self.spent.bytes() + 4 * WINDOW {
                return Err(damaged());
            }
            self.windows.set(windows);
            Ok(needed.max(4096) as u32)
        };
        Ok(match coder.id.as_slice() {
            [0x00] => input,
            [0x21] => {
                let claimed = match properties.first() {
                    Some(&bits @ 0..40) => (2 | u64::from(bits) & 1) << (u32::from(bits) / 2 + 11),
                    Some(40) => u64::from(u32::MAX),
                    _ => return Err(damaged()),
                };
                Box::new(Lzma2Reader::new(
                    BufReader::new(input),
                    window(claimed)?,
                    None,
                ))
            }
            [0x03, 0x01, 0x01] => {
                let Some((&first, Ok(claimed))) = properties
                    .split_first()
                    .map(|(first, rest)| (first, rest.try_into()))
                else {
                    return Err(damaged());
                };
                let window = window(u32::from_le_bytes(claimed).into())?;
                let input = BufReader::new(input);
                let reader = LzmaReader::new_with_props(input, size, first, window, None);
                Box::new(reader.map_err(|error| Closed::Damaged(error.to_string()))?)
            }
            [0x03] => {
                let distance = properties.first().map_or(1, |&byte| usize::from(byte) + 1);
                Box::new(DeltaReader::new(input, distance))
            }
            [0x04] | [0x03, 0x03, 0x01, 0x03] => Box::new(BcjReader::new_x86(input, 0)),
            [0x07] | [0x03, 0x03, 0x05, 0x01] => Box::new(BcjReader::new_arm(input, 0)),
            [0x0a] => Box::new(BcjReader::new_arm64(input, 0)),
            [0x04, 0x01, 0x08] => Box::new(DeflateDecoder::new(BufReader::new(input))),
            [0x04, 0xf7, 0x11, 0x01] => Box::new(Zstandard::new(input)),
            header::AES => Box::new(Aes::new(BufReader::new(input), properties, &self.keys)?),
            id => {
                let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
                let name = match id.as_str() {
                    "0303011b" => " (BCJ2)",
                    "030401" => " (PPMd)",
                    "040202" => " (bzip2)",
                    _ => "",
                };
                return Err(Closed::Unknown(format!(
                    "it is packed by method {id}{name}, which is not read"
                )));
            }
        })
    }
}

fn bytes(
    source: &Opened<'_>,
    start: u64,
    size: u64,
    crc: Option<u32>,
) -> Result<Vec<u8>, Unreadable> {
    if size > DIRECTORY {
        return Err(Unreadable::Refused(format!(
            "its directory has {size} bytes"
        )));
    }
    let mut bytes = Vec::new();
    let span = source.range(start, start.saturating_add(size));
    super::checked::Checked::new(span, size, crc)
        .read_to_end(&mut bytes)
        .map_err(|error| Unreadable::Broken(format!("its directory: {error}")))?;
    Ok(bytes)
}
