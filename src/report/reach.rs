//! From when to when logs reach, by the clock that they are written by.
//!
//! In: the report. Out: the earliest and the latest time of each channel. The lowest and highest record are not those where the
//! clock was set back; what else the result holds of a channel's own records widens them, and so does a change of the clock that it
//! records.

use super::Report;
use crate::session::Coverage;
use crate::time::Time;
use std::collections::HashMap;

/// The reach of each channel, in the order of the report's coverage.
pub(super) fn of(report: &Report<'_>) -> Vec<(Time, Time)> {
    let analysis = report.view.analysis();
    let mut reaches: Vec<(Time, Time)> = report.coverage.iter().map(|c| by_itself(c)).collect();
    let keys = report.coverage.iter().map(|c| (c.machine, &*c.channel));
    let places: HashMap<(usize, &str), usize> = keys.zip(0..).collect();
    for row in &analysis.events {
        // What was recovered is no part of what a log reaches over.
        let log = analysis.logs.get(row.event.log.0 as usize);
        if log.is_none_or(|log| log.recovered) {
            continue;
        }
        let place = places.get(&(row.machine, &*row.event.channel));
        if let Some(reach) = place.and_then(|&place| reaches.get_mut(place)) {
            *reach = (reach.0.min(row.event.time), reach.1.max(row.event.time));
        }
    }
    reaches
}

/// The reach of a channel by its first and last records, and by the changes of the clock: it ran up to each, and on from there.
fn by_itself(c: &Coverage) -> (Time, Time) {
    let changes = c.clock_changes.iter();
    let times = changes.flat_map(|change| {
        // Before its first record it did not run.
        let previous = change
            .previous
            .filter(|_| change.record.record_id > c.first.0);
        [previous, change.new].into_iter().flatten()
    });
    let (first, last) = (c.first.1, c.last.1);
    times.fold((first.min(last), first.max(last)), |(from, to), time| {
        (from.min(time), to.max(time))
    })
}

/// The reach of all together.
pub(super) fn whole(reaches: &[(Time, Time)]) -> Option<(Time, Time)> {
    let first = reaches.iter().map(|reach| reach.0).min();
    first.zip(reaches.iter().map(|reach| reach.1).max())
}
