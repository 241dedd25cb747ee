//! What of each channel the evidence does not hold: where records are missing, and which times it covers.

use super::machine::Machine;
use crate::event::{Event, Text};
use crate::time::Time;
use std::collections::HashMap;

/// Where records of a machine's channels are missing, and where none are.
#[derive(Debug, Default)]
pub(super) struct Missing {
    /// The channel and the number before the gap, sorted.
    pub gaps: Vec<(Text, u64)>,
    /// By channel the earliest time of each run of records without a gap, sorted, with the latest time of all runs so far.
    runs: HashMap<Text, Vec<(Time, Time)>>,
}

impl Missing {
    pub(super) fn of(machine: &Machine) -> Self {
        let neighbours = machine.spans.windows(2).filter_map(|pair| match pair {
            [before, after] if before.channel == after.channel && before.live && after.live => {
                Some((before.channel.clone(), before.last_id))
            }
            _ => None,
        });
        let mut runs: HashMap<Text, Vec<(Time, Time)>> = HashMap::new();
        for span in &machine.spans {
            let own = runs.entry(span.channel.clone()).or_default();
            own.push((span.earliest, span.latest));
        }
        for own in runs.values_mut() {
            own.sort_unstable();
            let mut until = None;
            for (_, latest) in own {
                *latest = until.map_or(*latest, |until| (*latest).max(until));
                until = Some(*latest);
            }
        }
        Missing {
            gaps: neighbours.collect(),
            runs,
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

    /// Whether one run of a channel's records, with none missing in it, goes from before a time until after another.
    pub(super) fn covers(&self, channel: &str, from: Time, to: Time) -> bool {
        let own = self
            .runs
            .get(channel)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let begun = own.partition_point(|(earliest, _)| *earliest <= from);
        let last = begun.checked_sub(1).and_then(|last| own.get(last));
        last.is_some_and(|(_, latest)| to <= *latest)
    }

    /// Whether a channel goes back to a time: what it does not tell of later did not happen, or is lost.
    pub(super) fn goes_back_to(&self, channel: &str, time: Time) -> bool {
        let own = self.runs.get(channel).and_then(|own| own.first());
        own.is_some_and(|(earliest, _)| *earliest <= time)
    }
}
