//! Where records of a machine are missing, and which times its channels cover. What follows from there being no record does not
//! hold across such a place.
//!
//! A number that is left out of an exported log is a filter, not a loss, and is no gap.

use super::actions::Actions;
use super::machine::Machine;
use crate::event::{Action, Event, LogIndex, Span, Text};
use crate::time::Time;
use std::collections::BTreeMap;

/// The gaps of a machine's channels.
#[derive(Debug)]
pub(super) struct Gaps {
    /// Sorted by name.
    channels: Vec<(Text, Channel)>,
}

/// What is missing of one channel, and what is not.
#[derive(Debug, Default)]
struct Channel {
    /// The number of the last record before each gap, in order.
    before: Vec<u64>,
    /// The same of the events about a logon that could not be written.
    lost: Vec<u64>,
    /// The earliest time of each run of records without a gap, sorted, with the latest time of all runs so far.
    runs: Vec<(Time, Time)>,
}

impl Gaps {
    pub(super) fn of(machine: &Machine, actions: &Actions) -> Self {
        let mut channels: BTreeMap<Text, Channel> = BTreeMap::new();
        for spans in machine.spans.chunk_by(|a, b| a.channel == b.channel) {
            let Some(first) = spans.first() else { continue };
            let neighbours = spans.windows(2).filter_map(|pair| match pair {
                [before, after] if before.live && after.live => Some(before.last_id),
                _ => None,
            });
            let mut runs: Vec<(Time, Time)> = spans
                .iter()
                .map(|span| (span.earliest, span.latest))
                .collect();
            runs.sort_unstable();
            let mut until = None;
            for (_, latest) in &mut runs {
                *latest = until.map_or(*latest, |until| (*latest).max(until));
                until = Some(*latest);
            }
            let own = channels.entry(first.channel.clone()).or_default();
            own.before = neighbours.collect();
            own.runs = runs;
        }
        let whole = whole_runs(&machine.recovered.spans);
        for event in &machine.events {
            // Beside what was read live, nobody knows what lay before and after recovered records.
            if machine.recovered.holds(event.log) && !is_covered(&machine.spans, event) {
                let own = channels.entry(event.channel.clone()).or_default();
                let around = [event.record_id().saturating_sub(1), event.record_id()];
                let holds_both = |before: u64| {
                    let of_log = (event.log, &event.channel, before);
                    let upto = whole.partition_point(|run| (run.0, run.1, run.2) <= of_log);
                    let run = upto.checked_sub(1).and_then(|at| whole.get(at));
                    run.is_some_and(|run| {
                        (run.0, run.1) == (event.log, &event.channel) && before < run.3
                    })
                };
                own.before
                    .extend(around.into_iter().filter(|&before| !holds_both(before)));
            }
        }
        channels.values_mut().for_each(|own| {
            own.before.sort_unstable();
            own.before.dedup();
        });
        for (_, event) in actions
            .all(Action::AuditLost)
            .filter(|(_, event)| is_lost(event))
        {
            let own = channels.entry(event.channel.clone()).or_default();
            own.lost.push(event.record_id().saturating_sub(1));
        }
        Gaps {
            channels: channels.into_iter().collect(),
        }
    }

    fn channel(&self, channel: &str) -> Option<&Channel> {
        let at = self
            .channels
            .binary_search_by(|(name, _)| (**name).cmp(channel));
        self.channels.get(at.ok()?).map(|(_, own)| own)
    }

    /// Whether records of a channel are missing somewhere from the record `from` up to the record `to`, or an event about a
    /// logon that could not be written.
    pub(super) fn between(&self, channel: &str, from: u64, to: u64) -> bool {
        self.channel(channel)
            .is_some_and(|own| is_between(&own.before, from, to) || is_between(&own.lost, from, to))
    }

    /// The same between two events of one channel, or after the first if there is no other of it.
    pub(super) fn between_events(&self, from: &Event, to: Option<&Event>) -> bool {
        let to = to.filter(|to| to.channel == from.channel);
        let to = to.map_or(u64::MAX, |to| to.record_id());
        self.between(&from.channel, from.record_id(), to)
    }

    /// Whether so many records can be missing between two events of one channel that a boot is among them.
    pub(super) fn may_hide_boot(&self, from: &Event, to: &Event) -> bool {
        let own = self.channel(&from.channel);
        own.is_some_and(|own| is_between(&own.before, from.record_id(), to.record_id()))
    }

    /// The first of `events`, which are of one channel and in record order, after each gap that so many records can be missing
    /// in: their positions.
    pub(super) fn after_gaps(&self, events: &[Event]) -> Vec<usize> {
        let Some(first) = events.first() else {
            return Vec::new();
        };
        let own = self.channel(&first.channel);
        let own = own.map(|own| own.before.as_slice()).unwrap_or_default();
        let from = own.partition_point(|gap| *gap < first.record_id());
        let mut after: Vec<usize> = Vec::new();
        for gap in own.get(from..).unwrap_or_default() {
            let next = events.partition_point(|event| event.record_id() <= *gap);
            if next == events.len() {
                break;
            }
            if after.last() != Some(&next) {
                after.push(next);
            }
        }
        after
    }

    /// Whether one run of a channel's records, with none missing in it, goes from before a time until after another.
    pub(super) fn covers(&self, channel: &str, from: Time, to: Time) -> bool {
        let own = self.channel(channel);
        let own = own.map(|own| own.runs.as_slice()).unwrap_or_default();
        let begun = own.partition_point(|(earliest, _)| *earliest <= from);
        let last = begun.checked_sub(1).and_then(|last| own.get(last));
        last.is_some_and(|(_, latest)| to <= *latest)
    }

    /// Whether a channel goes back to a time: what it does not tell of later did not happen, or is lost.
    pub(super) fn goes_back_to(&self, channel: &str, time: Time) -> bool {
        let own = self.channel(channel).and_then(|own| own.runs.first());
        own.is_some_and(|(earliest, _)| *earliest <= time)
    }
}

/// A run of recovered records without a hole in their numbers: the log, the channel, the first number and the last.
type Whole<'s> = (LogIndex, &'s Text, u64, u64);

/// The runs of recovered records, each of one log, in order.
fn whole_runs(spans: &[Span]) -> Vec<Whole<'_>> {
    let of_span = |span: &'_ Span| span.live && span.last_id - span.first_id < span.records;
    let dense = spans.iter().filter(|span| of_span(span));
    let dense = dense.map(|span| (span.log, &span.channel, span.first_id, span.last_id));
    let mut dense: Vec<Whole<'_>> = dense.collect();
    dense.sort_unstable();
    let mut whole: Vec<Whole<'_>> = Vec::new();
    for run in dense {
        match whole.last_mut() {
            Some(last)
                if (last.0, last.1) == (run.0, run.1) && run.2 <= last.3.saturating_add(1) =>
            {
                last.3 = last.3.max(run.3);
            }
            _ => whole.push(run),
        }
    }
    whole
}

/// Whether one of the runs, which are in order, goes over the number of an event.
fn is_covered(runs: &[Span], event: &Event) -> bool {
    let place = (&event.channel, event.record_id());
    let upto = runs.partition_point(|run| (&run.channel, run.first_id) <= place);
    let run = upto.checked_sub(1).and_then(|at| runs.get(at));
    run.is_some_and(|run| run.channel == event.channel && event.record_id() <= run.last_id)
}

/// Whether one of `gaps` lies from a record up to another.
fn is_between(gaps: &[u64], from: u64, to: u64) -> bool {
    let at = gaps.partition_point(|gap| *gap < from);
    gaps.get(at).is_some_and(|gap| *gap < to)
}

/// Whether an event is missing that Windows could not write (1108), and may have been about a logon.
fn is_lost(event: &Event) -> bool {
    matches!(
        event.details().lost_event_id,
        None | Some(4624 | 4634 | 4647)
    )
}
