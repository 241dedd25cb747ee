//! What the changes of a machine's clock do to times and spans.
//!
//! In: its audited clock changes. Out: [`Clock`], which corrects spans for them and widens bounds by them.

use super::CLOCK_STEP;
use super::boot::Boot;
use crate::event::Event;
use crate::time::{TICKS_PER_SECOND, Ticks, Time};

/// A change of the clock by more than this is a broken record: one had a previous time of 2296.
const ABSURD_STEP: Ticks = 10 * 366 * 24 * 3600 * TICKS_PER_SECOND;

/// More clock changes than this leave nothing to say of a bound: a month of hourly ones is less.
const MOST_CHANGES: usize = 1000;

/// The clock changes of a machine, by their positions, summed up.
pub(super) struct Clock {
    changes: Vec<ClockSum>,
}

/// What the clock changes came to, up to and with one of them.
#[derive(Debug, Clone, Copy, Default)]
struct ClockSum {
    position: usize,
    ticks: i128,
    /// How many were of unknown size.
    unknown: u32,
    /// How many were worth a flag.
    steps: u32,
    /// What this one set the clock from, and to.
    set: Option<(Time, Time)>,
    /// The latest time that the clock was set from in this boot.
    latest: Option<Time>,
}

impl Clock {
    pub(super) fn of(events: &[Event], changes: &[usize], boots: &[Boot]) -> Self {
        let mut boots = boots.iter().map(|boot| boot.events.start).peekable();
        let mut sum = ClockSum::default();
        let changes = changes
            .iter()
            .filter_map(|&index| Some((index, events.get(index)?)));
        let changes = changes.map(|(index, event)| {
            while boots.next_if(|&start| start <= index).is_some() {
                sum.latest = None;
            }
            let step = event
                .new_time
                .zip(event.previous_time)
                .map(|(new, previous)| new.since(previous));
            match step {
                Some(step) if step.saturating_abs() <= ABSURD_STEP => {
                    let is_step = step.saturating_abs() >= CLOCK_STEP;
                    sum.ticks += i128::from(step);
                    sum.steps += u32::from(is_step);
                    sum.latest = sum.latest.max(event.previous_time);
                    sum.set = event.previous_time.zip(event.new_time).filter(|_| is_step);
                }
                _ => {
                    sum.set = None;
                    sum.unknown += 1;
                    sum.steps += 1;
                }
            }
            sum.position = index;
            sum
        });
        Clock {
            changes: changes.collect(),
        }
    }

    /// Bounds of something that happened after the audit event at `from` and up to the one at `to`, whichever way the clock was
    /// set in between.
    pub(super) fn widened(
        &self,
        from: usize,
        to: usize,
        (min, max): (Option<Time>, Option<Time>),
    ) -> (Option<Time>, Option<Time>) {
        let first = self.changes.partition_point(|sum| sum.position < from);
        let last = self.changes.partition_point(|sum| sum.position <= to);
        let Some(changes) = self.changes.get(first..last) else {
            return (min, max);
        };
        if changes.len() > MOST_CHANGES {
            return (None, None);
        }
        let set = changes.iter().filter_map(|sum| sum.set);
        (
            min.map(|min| set.clone().fold(min, |min, (_, new)| min.min(new))),
            max.map(|max| set.fold(max, |max, (previous, _)| max.max(previous))),
        )
    }

    /// The latest time that the clock was set from between the beginning of a boot and a position in it.
    pub(super) fn latest(&self, boot: usize, index: usize) -> Option<Time> {
        Some(self.until(index))
            .filter(|sum| sum.position >= boot)
            .and_then(|sum| sum.latest)
    }

    /// Sums up to and with the event at `index`.
    fn until(&self, index: usize) -> ClockSum {
        let count = self.changes.partition_point(|sum| sum.position <= index);
        let last = count.checked_sub(1).and_then(|last| self.changes.get(last));
        last.copied().unwrap_or_default()
    }

    /// The time that really passed between an audit record and `to`, a record of any channel that was written after the audit
    /// record at `audited`; `None` if a clock change in between makes it unknown.
    pub(super) fn elapsed(
        &self,
        events: &[Event],
        from: usize,
        to: usize,
        audited: usize,
    ) -> Option<Ticks> {
        let (start, end) = (events.get(from)?, events.get(to)?);
        let (before, after) = (self.until(from), self.until(audited));
        let elapsed = i128::from(end.time.since(start.time)) - (after.ticks - before.ticks);
        (before.unknown == after.unknown && elapsed >= 0).then(|| Ticks::try_from(elapsed).ok())?
    }

    pub(super) fn stepped(&self, from: usize, to: usize) -> bool {
        self.until(from).steps != self.until(to).steps
    }
}
