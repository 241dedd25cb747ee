//! What makes a session unsure beside the records of Security that are missing: gaps, clears and changes of the clock that
//! another channel tells of, records that another log holds with other contents.
//!
//! In: finished sessions and what the logs of their machine hold. Out: the same sessions, flagged where one of these lies inside.
//! The records of two channels have no common order, so it is their times that are compared. Security is not looked at for
//! them: there the numbers tell.

use super::coverage::{ClockChange, Coverage, coverage};
use super::machine::{Machine, SECURITY};
use super::system::SYSTEM;
use super::{Flag, Session, desktop};
use crate::time::Time;
use std::collections::{BTreeSet, HashMap, HashSet};

/// Flags the sessions that touch a gap, a clear or a change of the clock that another channel than Security tells of.
///
/// A change of the clock that only System tells of leaves no duration: nothing says on which side of it a record lies.
pub(super) fn mark(machine: &Machine, sessions: &mut [Session]) {
    let covered = coverage(machine);
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
    let steps = Inside::new(unaudited.filter(|step| !audited.contains(step)));
    let others = covered.iter().filter(|row| *row.channel != *SECURITY);
    let others: HashMap<&str, (Inside, Inside)> = others
        .map(|row| {
            let gaps = row.gaps.iter().map(|gap| (gap.before, gap.after));
            let own = row
                .clears
                .iter()
                .filter(|clear| clear.cleared == row.channel);
            let clears = own.map(|clear| (clear.record.time, clear.record.time));
            (&*row.channel, (Inside::new(gaps), Inside::new(clears)))
        })
        .collect();
    let conflicts = machine.conflicts.iter();
    let conflicts: HashSet<(&str, u64)> = conflicts
        .map(|conflict| (&*conflict.channel, conflict.record_id))
        .collect();
    for session in sessions {
        let from = session.start.time.or(session.boot);
        let span = (
            from.unwrap_or(Time::from_filetime(0)),
            session.end.max.unwrap_or(Time::from_filetime(u64::MAX)),
        );
        let is_desktop = session.kind.is_desktop();
        let desktops = is_desktop.then_some(desktop::CHANNEL);
        let rests_on = session.records.iter().map(|record| &*record.channel);
        let rests_on: BTreeSet<&str> = rests_on.chain(desktops).collect();
        let mut found = Vec::new();
        for (gaps, clears) in rests_on.iter().filter_map(|channel| others.get(channel)) {
            found.extend(gaps.any(span).then_some(Flag::SpansGap));
            found.extend(clears.any(span).then_some(Flag::SpansClear));
        }
        let mut records = session.records.iter();
        if records.any(|record| conflicts.contains(&(&*record.channel, record.record_id))) {
            found.push(Flag::Conflict);
        }
        if steps.any(span) && !session.flags.contains(&Flag::ClockChanged) {
            found.push(Flag::ClockChanged);
            session.duration = None;
            session.active = None;
            session.disconnected = None;
            session.locked = None;
        }
        session.flags.extend(found);
        session.flags.sort_unstable();
        session.flags.dedup();
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

    /// Whether one of them reaches into the time between two moments.
    fn any(&self, (from, to): (Time, Time)) -> bool {
        let before = self.bounds.partition_point(|(begin, _)| *begin < to);
        let reach = before.checked_sub(1).and_then(|last| self.bounds.get(last));
        reach.is_some_and(|(_, end)| *end > from)
    }
}
