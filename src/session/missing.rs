//! What of a channel the evidence does not hold: where records are missing, and which times it covers.

use super::machine::Machine;
use crate::event::{Event, Text};
use crate::time::Time;

/// Where records of a machine's channels are missing.
#[derive(Debug, Default)]
pub(super) struct Missing {
    /// The channel and the number before the gap, sorted.
    pub gaps: Vec<(Text, u64)>,
}

impl Missing {
    pub(super) fn of(machine: &Machine) -> Self {
        let neighbours = machine.spans.windows(2).filter_map(|pair| match pair {
            [before, after] if before.channel == after.channel && before.live && after.live => {
                Some((before.channel.clone(), before.last_id))
            }
            _ => None,
        });
        Missing {
            gaps: neighbours.collect(),
        }
    }

    /// Whether records are missing between two of one channel, the first of them lower.
    pub(super) fn is_between(&self, first: &Event, last: &Event) -> bool {
        self.is_from(first.record_id, last)
    }

    /// Whether records are missing from a number on until one of the same channel.
    pub(super) fn is_from(&self, first_id: u64, last: &Event) -> bool {
        let from = self
            .gaps
            .partition_point(|(channel, id)| (channel, *id) < (&last.channel, first_id));
        self.gaps
            .get(from)
            .is_some_and(|(channel, id)| *channel == last.channel && *id < last.record_id)
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
