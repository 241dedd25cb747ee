//! Where records of a machine are missing. What follows from there being no record does not hold across such a place.
//!
//! A number that is left out of an exported log is a filter, not a loss, and is no gap.

use super::machine::Machine;
use crate::event::{Event, Text};
use crate::time::Time;

/// The gaps of a machine's channels.
#[derive(Debug)]
pub(super) struct Gaps {
    /// The channel and the number of the last record before each gap, in order.
    before: Vec<(Text, u64)>,
}

impl Gaps {
    pub(super) fn of(machine: &Machine) -> Self {
        let neighbours = machine.spans.windows(2).filter_map(|pair| match pair {
            [before, after] if before.channel == after.channel && before.live && after.live => {
                Some((before.channel.clone(), before.last_id))
            }
            _ => None,
        });
        Gaps {
            before: neighbours.collect(),
        }
    }

    /// Whether records of a channel are missing somewhere from the record `from` up to the record `to`.
    pub(super) fn between(&self, channel: &str, from: u64, to: u64) -> bool {
        let at = self
            .before
            .partition_point(|(gap, id)| (&**gap, *id) < (channel, from));
        self.before
            .get(at)
            .is_some_and(|(gap, id)| **gap == *channel && *id < to)
    }

    /// Whether records are missing between two events of one channel, or after the first if there is no other of it.
    pub(super) fn between_events(&self, from: &Event, to: Option<&Event>) -> bool {
        let to = to.filter(|to| to.channel == from.channel);
        self.between(
            &from.channel,
            from.record_id,
            to.map_or(u64::MAX, |to| to.record_id),
        )
    }
}

/// Whether one run of a channel's records, with none missing in it, goes from before a time until after another.
pub(super) fn covers(machine: &Machine, channel: &str, from: Time, to: Time) -> bool {
    let own = machine
        .spans
        .iter()
        .filter(|span| *span.channel == *channel);
    own.into_iter()
        .any(|span| span.earliest <= from && to <= span.latest)
}
