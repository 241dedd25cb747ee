//! What records say, each content once: a record whose values are the same bytes says the same.

use super::{Content, Event, LogIndex};
use crate::log::Record;
use ahash::RandomState;
use std::collections::HashMap;
use std::sync::Arc;

/// Bytes of contents and their keys that are kept to be shared; beyond, all are forgotten. Those of a busy month take some 2 MiB.
const MOST_KEPT: usize = 16 << 20;

/// Contents so far, by the bytes that they were read from.
#[derive(Debug, Default)]
pub(super) struct Contents {
    known: HashMap<Box<[u8]>, Arc<Content>, RandomState>,
    kept: usize,
    key: Vec<u8>,
}

impl Contents {
    /// Forgets what takes too much space.
    pub(super) fn limit(&mut self) {
        if self.kept > MOST_KEPT {
            *self = Contents::default();
        }
    }

    /// An event with the content of a record, which `read` reads if no record before had it. The values that it rests on stand at
    /// `places`; `meaning` is the number of what they mean.
    pub(super) fn event(
        &mut self,
        record: &Record<'_>,
        log: LogIndex,
        computer: u32,
        meaning: u32,
        places: impl Iterator<Item = usize>,
        read: impl FnOnce() -> Event,
    ) -> Event {
        let key = &mut self.key;
        key.clear();
        key.extend_from_slice(&log.0.to_le_bytes());
        key.extend_from_slice(&meaning.to_le_bytes());
        key.extend_from_slice(&computer.to_le_bytes());
        let writer = record.writer.map_or(0, |id| u64::from(id) + 1);
        key.extend_from_slice(&writer.to_le_bytes());
        key.push(record.version);
        for place in places {
            let (kind, bytes) = match record.raw_at(place) {
                Some(raw) => (raw.kind, raw.bytes),
                None => (NO_VALUE, &[][..]),
            };
            key.push(kind);
            key.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
            key.extend_from_slice(bytes);
        }
        if let Some(content) = self.known.get(key.as_slice()) {
            return Event::new(Arc::clone(content));
        }
        let event = read();
        self.kept += key.len() + size_of::<Content>();
        self.known
            .insert(key.as_slice().into(), Arc::clone(&event.content));
        event
    }
}

/// Stands for the type of a value that is not there; no type has it.
const NO_VALUE: u8 = 0xff;
