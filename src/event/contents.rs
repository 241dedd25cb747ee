//! What records say, each content once: a record whose values are the same bytes says the same.

use super::{Content, Event, LogIndex, Upper};
use crate::log::{Record, Run};
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

    /// An event with the content of a record, which `read` reads if no record before had it. What it says rests on the values in
    /// `runs`; `meaning` is the number of what they mean.
    pub(super) fn event(
        &mut self,
        record: &Record<'_>,
        log: LogIndex,
        meaning: u32,
        upper: Upper,
        runs: &[Run],
        read: impl FnOnce() -> Event,
    ) -> Event {
        if self.key_of(record, log, meaning, upper, runs).is_none() {
            return read();
        }
        let key = self.key.as_slice();
        if let Some(content) = self.known.get(key) {
            return Event::new(Arc::clone(content));
        }
        let event = read();
        self.kept += key.len() + size_of::<Content>();
        self.known.insert(key.into(), Arc::clone(&event.content));
        event
    }

    /// Puts together all that the content of a record rests on; `None` if some of it is not known.
    fn key_of(
        &mut self,
        record: &Record<'_>,
        log: LogIndex,
        meaning: u32,
        upper: Upper,
        runs: &[Run],
    ) -> Option<()> {
        let writer = record.writer().map_or(0, |id| u64::from(id) + 1);
        let pair = |one: u32, other: u32| u64::from(one) << 32 | u64::from(other);
        let head = [
            pair(log.0, meaning),
            pair(record.computer_id()?, u32::from(record.version())),
            writer,
            pair(upper.record_id, upper.logon_id),
        ];
        let key = &mut self.key;
        key.clear();
        key.extend_from_slice(head.map(u64::to_le_bytes).as_flattened());
        for run in runs {
            // The sizes come first: they tell where each value ends.
            for bytes in record.run(*run)? {
                key.extend_from_slice(bytes);
            }
        }
        Some(())
    }
}
