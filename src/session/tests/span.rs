//! Spans of records, for tests that make events themselves; the fuzz targets have this file, too.

use super::{Event, Span};

/// The stretch that one record is.
pub fn span(event: &Event) -> Span {
    Span {
        log: event.log,
        channel: event.channel.clone(),
        computer: event.computer.clone(),
        first_id: event.record_id(),
        last_id: event.record_id(),
        records: 1,
        first_time: event.time,
        last_time: event.time,
        earliest: event.time,
        latest: event.time,
        live: true,
    }
}
