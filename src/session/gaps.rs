//! Where records of a machine are missing, and which times its channels cover. What follows from there being no record does not
//! hold across such a place.
//!
//! A number that is left out of an exported log is a filter, not a loss, and is no gap.

use super::machine::Machine;
use crate::event::{Action, Event, Text};
use crate::time::Time;
use std::collections::HashMap;

/// The gaps of a machine's channels.
#[derive(Debug)]
pub(super) struct Gaps {
    /// The channel and the number of the last record before each gap, in order.
    before: Vec<(Text, u64)>,
    /// The same of the events about a logon that could not be written.
    lost: Vec<(Text, u64)>,
    /// By channel the earliest time of each run of records without a gap, sorted, with the latest time of all runs so far.
    runs: HashMap<Text, Vec<(Time, Time)>>,
}

impl Gaps {
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
        Gaps {
            before: neighbours.collect(),
            lost: lost(machine),
            runs,
        }
    }

    /// Whether records of a channel are missing somewhere from the record `from` up to the record `to`, or an event about a
    /// logon that could not be written.
    pub(super) fn between(&self, channel: &str, from: u64, to: u64) -> bool {
        is_between(&self.before, channel, from, to) || is_between(&self.lost, channel, from, to)
    }

    /// The same between two events of one channel, or after the first if there is no other of it.
    pub(super) fn between_events(&self, from: &Event, to: Option<&Event>) -> bool {
        let to = to.filter(|to| to.channel == from.channel);
        let to = to.map_or(u64::MAX, |to| to.record_id);
        self.between(&from.channel, from.record_id, to)
    }

    /// Whether so many records can be missing between two events of one channel that a boot is among them.
    pub(super) fn may_hide_boot(&self, from: &Event, to: &Event) -> bool {
        is_between(&self.before, &from.channel, from.record_id, to.record_id)
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

/// Whether one of `gaps` lies from the record `from` of a channel up to the record `to`.
fn is_between(gaps: &[(Text, u64)], channel: &str, from: u64, to: u64) -> bool {
    let at = gaps.partition_point(|(gap, id)| (&**gap, *id) < (channel, from));
    gaps.get(at)
        .is_some_and(|(gap, id)| **gap == *channel && *id < to)
}

/// Before which records an event is missing that Windows could not write (1108), if it may have been about a logon.
fn lost(machine: &Machine) -> Vec<(Text, u64)> {
    let lost = machine.events.iter().filter(|event| {
        event.action == Action::AuditLost
            && matches!(
                event.details().lost_event_id,
                None | Some(4624 | 4634 | 4647)
            )
    });
    lost.map(|event| (event.channel.clone(), event.record_id.saturating_sub(1)))
        .collect()
}
