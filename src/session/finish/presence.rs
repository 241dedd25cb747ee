//! How long a session was in use: what really passed between two records, and what of it nobody was there.

use super::Finisher;
use super::ending::Ending;
use crate::event::{Action, Event};
use crate::session::draft::{Draft, DraftInterval};
use crate::session::{EndSource, Interval, State, desktop};
use crate::time::Ticks;
use std::ops::Range;

impl Finisher {
    /// The time that really passed between two records, of which `to` was written after the audit record at `audited`; `None`
    /// if a change of the clock makes it unknown.
    pub(super) fn elapsed(
        &self,
        from: usize,
        to: usize,
        audited: usize,
        boot: &Range<usize>,
    ) -> Option<Ticks> {
        let events = &self.machine.events;
        let is_told_by_desktop = |index| {
            self.event(index).is_some_and(|event| {
                *event.channel == *desktop::CHANNEL
                    || matches!(event.action, Action::ProfileUnload | Action::WinlogonLogoff)
            })
        };
        if !is_told_by_desktop(from) && !is_told_by_desktop(to) {
            let audited = if self.audited.contains(&to) {
                to
            } else {
                audited
            };
            return self.marked.clock.elapsed(events, from, to, audited);
        }
        // Where the clock was set, nothing tells whether before or after a record of another channel.
        let elapsed = events.get(to)?.time.since(events.get(from)?.time);
        (elapsed >= 0 && !self.marked.clock.stepped(boot.start, boot.end)).then_some(elapsed)
    }

    /// How long the session was in one of `states`, overlaps counted once; `None` if that is not known.
    pub(super) fn away(
        &self,
        draft: &Draft,
        ending: &Ending,
        states: &[State],
        boot: &Range<usize>,
    ) -> Option<Ticks> {
        let of_states = draft
            .intervals()
            .iter()
            .filter(|interval| states.contains(&interval.state));
        let known = of_states.filter_map(|interval| Some((interval.from?, interval.to)));
        let spans: Option<Vec<(usize, usize)>> = known
            .map(|(from, to)| Some((from, to.or(ending.record)?)))
            .collect();
        let mut spans = spans?;
        // Records of one channel are in the order of their positions, whatever the clock says; others only by their times.
        let one_channel = spans.iter().all(|(from, to)| {
            self.audited.contains(from) && (self.audited.contains(to) || Some(*to) == ending.record)
        });
        let place = |index: usize| (self.time(index).filter(|_| !one_channel), index);
        spans.sort_by_key(|span| place(span.0));
        let mut total: Ticks = 0;
        let mut reached: Option<usize> = None;
        for (from, to) in spans {
            let from = reached
                .filter(|&reached| place(reached) > place(from))
                .unwrap_or(from);
            if place(from) < place(to) {
                total = total.saturating_add(self.elapsed(from, to, ending.audited, boot)?);
                reached = Some(to);
            }
        }
        Some(total)
    }

    pub(super) fn interval(&self, interval: &DraftInterval) -> Interval {
        Interval {
            state: interval.state,
            from: interval.from.and_then(|from| self.time(from)),
            to: interval.to.and_then(|to| self.time(to)),
            source: self.interval_source(interval),
            address: interval.address.clone(),
        }
    }

    /// Where records are missing in between, one that seems to go on may have ended and begun anew.
    fn interval_source(&self, interval: &DraftInterval) -> EndSource {
        let bounds = interval.from.zip(interval.to);
        let events = bounds.and_then(|(from, to)| self.event(from).zip(self.event(to)));
        let is_whole = |(from, to): (&Event, &Event)| {
            from.channel != to.channel || !self.gaps.between_events(from, Some(to))
        };
        match !interval.is_inferred && events.is_some_and(is_whole) {
            true => EndSource::Recorded,
            false => EndSource::Inferred,
        }
    }
}
