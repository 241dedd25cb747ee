//! Damage done to a finished log, as a scenario asks for it.
//!
//! In: the bytes of a valid log and a [`Damage`]. Out: the bytes as a crash, a bad disk or a
//! malicious hand leaves them. Where a record is damaged the checksums are made anew, so that
//! nothing but the record itself tells.

use super::binxml::{CLOSE_START, EOF, OPEN_START, RECORDS_START, TEMPLATE};
use super::file::{CHUNK, FILE_HEADER, HEADER_CHECKSUM, RECORDS_END, seal, u32_at, u64_at};
use super::scenario::{Damage, Harm};

/// Damages a log; says why not where there is nothing of the kind to damage.
pub(super) fn apply(bytes: &mut Vec<u8>, damage: &Damage) -> Result<(), String> {
    let harm = damage.what;
    let at_record = matches!(
        harm,
        Harm::ZeroSize
            | Harm::Substitutions
            | Harm::SelfReference
            | Harm::Nesting
            | Harm::NameLength
            | Harm::Slack
    );
    if at_record != damage.record.is_some() {
        return Err(match at_record {
            true => "`record` is missing: which record is damaged".into(),
            false => "`record` makes no sense for damage of a chunk".into(),
        });
    }
    if harm == Harm::Stray {
        bytes.resize(bytes.len() + 4096, 0xa5);
        return Ok(());
    }
    if let Some(number) = damage.record {
        let chunks = bytes.get_mut(FILE_HEADER..).unwrap_or_default();
        for chunk in chunks.chunks_exact_mut(CHUNK) {
            if let Some((at, size)) = find(chunk, number) {
                return match hurt(chunk, at, size, harm) {
                    Some(()) => Ok(()),
                    None => Err(format!("record {number} has no room for it")),
                };
            }
        }
        return Err(format!("no record {number} in the log"));
    }
    let start = FILE_HEADER + damage.chunk * CHUNK;
    let half = start + CHUNK / 2;
    let Some(chunk) = bytes.get_mut(start..start + CHUNK) else {
        return Err(format!("the log has no chunk {}", damage.chunk));
    };
    match harm {
        Harm::Torn => chunk[CHUNK / 2..].fill(0),
        Harm::Signature => chunk[..8].copy_from_slice(b"ElfJunk\0"),
        Harm::Checksum => chunk[HEADER_CHECKSUM] ^= 0xff,
        _ => bytes.truncate(half),
    }
    Ok(())
}

/// Offset and size of a record in a chunk.
fn find(chunk: &[u8], number: u64) -> Option<(usize, usize)> {
    let mut at = RECORDS_START;
    loop {
        let head = chunk.get(at..at + 16)?;
        if &head[..4] != b"**\0\0" {
            return None;
        }
        let size = u32_at(chunk, at + 4)? as usize;
        let found = u64_at(chunk, at + 8)?;
        match found == number {
            true => return Some((at, size)),
            false if size < 24 => return None,
            false => at += size,
        }
    }
}

fn hurt(chunk: &mut [u8], at: usize, size: usize, harm: Harm) -> Option<()> {
    match harm {
        Harm::ZeroSize => put(chunk, at + 4, 0)?,
        Harm::Substitutions => {
            let definition = definition(chunk, at)?;
            let after = at + INSTANCE + 10;
            let count = match definition == after {
                // Next, GUID, size, then the definition itself.
                true => after + 24 + u32_at(chunk, after + 20)? as usize,
                false => after,
            };
            put(chunk, count, u32::MAX)?;
        }
        Harm::SelfReference => {
            let own = definition(chunk, at)?;
            let identifier = chunk.get(own + 4..own + 8)?.to_vec();
            let instance = [&[TEMPLATE, 1], &*identifier, &(own as u32).to_le_bytes()].concat();
            let no_values = [0; 4];
            let body = [&*instance, &no_values, &[EOF]].concat();
            let place = own + DEFINITION_BODY;
            chunk
                .get_mut(place..place + body.len())?
                .copy_from_slice(&body);
        }
        Harm::Nesting => {
            // The name has to stand elsewhere.
            let name = first_name(chunk, at).filter(|name| !(at..at + size).contains(name))?;
            let open = [
                &[OPEN_START][..],
                &[0; 4],
                &(name as u32).to_le_bytes(),
                &[CLOSE_START],
            ];
            let levels = open.concat().into_iter().cycle();
            let content = chunk.get_mut(at + INSTANCE..at + size - 4)?;
            content
                .iter_mut()
                .zip(levels)
                .for_each(|(old, new)| *old = new);
        }
        Harm::NameLength => {
            // Behind the next name's offset and a hash.
            let length = first_name(chunk, at)? + 6;
            chunk.get_mut(length..length + 2)?.fill(0xff);
        }
        _ => {
            let free = u32_at(chunk, RECORDS_END)? as usize;
            let record = chunk.get(at..at + size)?.to_vec();
            chunk.get_mut(free..free + size)?.copy_from_slice(&record);
        }
    }
    seal(chunk)
}

/// Where a record's instance stands: behind its header and that of a fragment.
const INSTANCE: usize = 24 + 4;

/// Where the first element of a definition stands: behind what comes next, GUID, size and the header of a fragment.
const DEFINITION_BODY: usize = 24 + 4;

/// Where the definition of a record is: behind template token, version and identifier its offset stands.
fn definition(chunk: &[u8], at: usize) -> Option<usize> {
    Some(u32_at(chunk, at + INSTANCE + 6)? as usize)
}

/// Where the name of the first element in a record's definition is: its offset stands behind token, dependency and size.
fn first_name(chunk: &[u8], at: usize) -> Option<usize> {
    Some(u32_at(chunk, definition(chunk, at)? + DEFINITION_BODY + 7)? as usize)
}

fn put(bytes: &mut [u8], at: usize, value: u32) -> Option<()> {
    bytes
        .get_mut(at..at + 4)?
        .copy_from_slice(&value.to_le_bytes());
    Some(())
}
