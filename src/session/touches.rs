//! What makes a session unsure beside the records of Security that are missing: gaps, clears and changes of the clock that
//! another channel tells of, records that another log holds with other contents.
//!
//! In: what the logs of a machine hold. Out: [`Touches`], which flags a session where one of these lies inside.
//! The records of two channels have no common order, so it is their times that are compared. Security is not looked at for
//! them: there the numbers tell.

use super::coverage::{ClockChange, Coverage};
use super::machine::{Machine, SECURITY};
use super::system::SYSTEM;
use super::{Flag, Session, desktop};
use crate::event::Text;
use crate::time::Time;
use std::collections::HashSet;

/// What can lie inside the sessions of a machine.
pub(super) struct Touches {
    /// The changes of the clock that only System tells of.
    steps: Inside,
    /// The gaps and the clears of each channel that has some, but of Security; in order.
    channels: Vec<(Text, Inside, Inside)>,
    /// The channels and numbers of the records that another log holds with other contents, in order.
    conflicts: Vec<(Text, u64)>,
}

impl Touches {
    pub(super) fn of(machine: &Machine, covered: &[Coverage]) -> Self {
        let steps_of = |channel: &'static str| {
            let row = covered.iter().find(move |row| *row.channel == *channel);
            row.into_iter().flat_map(Coverage::clock_steps)
        };
        // Both channels write the same two times, to the tick: 18 of 18.
        let both = |step: &ClockChange| Some((step.new?, step.previous?));
        let audited: HashSet<(Time, Time)> = steps_of(SECURITY).filter_map(both).collect();
        let unaudited = steps_of(SYSTEM)
            .filter(|step| !is_wake(step))
            .filter_map(both);
        let others = covered.iter().filter(|row| *row.channel != *SECURITY);
        let mut channels: Vec<(Text, Inside, Inside)> = others
            .map(|row| {
                let gaps = row.gaps.iter().map(|gap| (gap.before, gap.after));
                let own = row
                    .clears
                    .iter()
                    .filter(|clear| clear.cleared == row.channel);
                let clears = own.map(|clear| (clear.record.time, clear.record.time));
                (row.channel.clone(), Inside::new(gaps), Inside::new(clears))
            })
            .filter(|(_, gaps, clears)| !gaps.is_empty() || !clears.is_empty())
            .collect();
        channels.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let conflicts = machine.conflicts.iter();
        let mut conflicts: Vec<(Text, u64)> = conflicts
            .map(|conflict| (conflict.channel.clone(), conflict.record_id))
            .collect();
        conflicts.sort_unstable();
        Touches {
            steps: Inside::new(unaudited.filter(|step| !audited.contains(step))),
            channels,
            conflicts,
        }
    }

    /// Flags a session that touches a gap, a clear or a change of the clock that another channel than Security tells of.
    ///
    /// A change of the clock that only System tells of leaves no duration: nothing says on which side of it a record lies.
    pub(super) fn mark(&self, session: &mut Session) {
        let from = session.start.time.or(session.boot);
        let span = (
            from.unwrap_or(Time::from_filetime(0)),
            session.end.max.unwrap_or(Time::from_filetime(u64::MAX)),
        );
        let known = session.flags.len();
        if !self.channels.is_empty() {
            // Records of one channel stand together.
            let rests_on = session.records.chunk_by(|a, b| a.channel == b.channel);
            let rests_on = rests_on.filter_map(|records| Some(&*records.first()?.channel));
            let desktops = session.kind.is_desktop().then_some(desktop::CHANNEL);
            for channel in rests_on.chain(desktops) {
                let own = self
                    .channels
                    .binary_search_by(|(known, ..)| (**known).cmp(channel));
                let Some((_, gaps, clears)) = own.ok().and_then(|own| self.channels.get(own))
                else {
                    continue;
                };
                session
                    .flags
                    .extend(gaps.any(span).then_some(Flag::SpansGap));
                session
                    .flags
                    .extend(clears.any(span).then_some(Flag::SpansClear));
            }
        }
        let is_conflict = |channel: &str, record_id: u64| {
            let place = |known: &(Text, u64)| (&*known.0, known.1).cmp(&(channel, record_id));
            self.conflicts.binary_search_by(place).is_ok()
        };
        let mut records = session.records.iter();
        if !self.conflicts.is_empty()
            && records.any(|record| is_conflict(&record.channel, record.record_id))
        {
            session.flags.push(Flag::Conflict);
        }
        if self.steps.any(span) && !session.flags.contains(&Flag::ClockChanged) {
            session.flags.push(Flag::ClockChanged);
            session.duration = None;
            session.active = None;
            session.disconnected = None;
            session.locked = None;
        }
        if session.flags.len() > known {
            session.flags.sort_unstable();
            session.flags.dedup();
        }
    }
}

/// Whether the clock was only read anew from the hardware, as after sleep: the time in between has passed.
fn is_wake(change: &ClockChange) -> bool {
    change.reason == Some(ClockChange::FROM_HARDWARE)
}

/// Stretches of time, to be asked whether one lies in another.
struct Inside {
    /// Where each begins, in order, with the latest end of all up to it.
    bounds: Vec<(Time, Time)>,
}

impl Inside {
    fn new(stretches: impl Iterator<Item = (Time, Time)>) -> Self {
        let mut bounds: Vec<(Time, Time)> = stretches.collect();
        bounds.sort_unstable();
        let mut latest = Time::from_filetime(0);
        for (_, end) in &mut bounds {
            latest = latest.max(*end);
            *end = latest;
        }
        Inside { bounds }
    }

    fn is_empty(&self) -> bool {
        self.bounds.is_empty()
    }

    /// Whether one of them reaches into the time between two moments.
    fn any(&self, (from, to): (Time, Time)) -> bool {
        let before = self.bounds.partition_point(|(begin, _)| *begin < to);
        let reach = before.checked_sub(1).and_then(|last| self.bounds.get(last));
        reach.is_some_and(|(_, end)| *end > from)
    }
}
