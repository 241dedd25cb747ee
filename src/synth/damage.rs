//! Damage done to a finished log, as a scenario asks for it.
//!
//! In: the bytes of a valid log and a [`Damage`]. Out: the bytes as a crash, a bad disk or a
//! malicious hand leaves them. Where a record is damaged the checksums are made anew, so that
//! nothing but the record itself tells.

use super::binxml::RECORDS_START;
use super::file::{CHUNK, FILE_HEADER, HEADER_CHECKSUM, RECORDS_END, seal, u32_at, u64_at};
use super::scenario::{Damage, Harm};

/// Damages a log; says why not where there is nothing of the kind to damage.
pub(super) fn apply(bytes: &mut Vec<u8>, damage: &Damage) -> Result<(), String> {
    let harm = damage.what;
    let at_record = matches!(harm, Harm::ZeroSize | Harm::Substitutions | Harm::Slack);
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
            // Fragment header, template token, version, identifier, then the definition's offset.
            let instance = at + 24 + 4;
            let definition = u32_at(chunk, instance + 6)? as usize;
            let after = instance + 10;
            let count = match definition == after {
                // Next, GUID, size, then the definition itself.
                true => after + 24 + u32_at(chunk, after + 20)? as usize,
                false => after,
            };
            put(chunk, count, u32::MAX)?;
        }
        _ => {
            let free = u32_at(chunk, RECORDS_END)? as usize;
            let record = chunk.get(at..at + size)?.to_vec();
            chunk.get_mut(free..free + size)?.copy_from_slice(&record);
        }
    }
    seal(chunk)
}

fn put(bytes: &mut [u8], at: usize, value: u32) -> Option<()> {
    bytes
        .get_mut(at..at + 4)?
        .copy_from_slice(&value.to_le_bytes());
    Some(())
}
