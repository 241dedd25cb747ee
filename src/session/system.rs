//! The boots that the System channel tells of: when each began, whether and when it stopped cleanly.

use super::gaps::Gaps;
use super::machine::{Machine, of_channel};
use crate::event::{Action, Event};
use crate::time::{TICKS_PER_SECOND, Ticks, Time};
use std::ops::Range;

/// The channel of system records.
pub(super) const SYSTEM: &str = "System";

/// How many records before Kernel-General 12 the first records of its boot can lie.
const EARLY_RECORDS: u64 = 60;

/// How long after its 4608 and before it the start of a boot lies at most.
const START_AFTER: Ticks = 60 * TICKS_PER_SECOND;
const START_BEFORE: Ticks = 120 * TICKS_PER_SECOND;

/// How many boots about the start of one are looked at, and how many in all for those whose start was not audited: bounds for
/// logs of nothing but boots.
const NEAR_BOOTS: usize = 2000;
const MOST_LOOKS: usize = 20_000_000;

/// One run of Windows as the System channel shows it. Positions are indexes into the machine's events.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SystemBoot {
    /// Kernel-General 12; `None` for what was running when the log begins.
    pub began: Option<usize>,
    /// When Windows started, by its own account.
    pub start: Option<Time>,
    /// About when that was: the same, or the time of its first record where Kernel-General 12 is not in the log.
    pub seen: Option<Time>,
    /// Kernel-General 13, else EventLog 6006: a clean stop.
    pub stop: Option<usize>,
    /// The record that says that the boot before ended without a clean stop: 6008, else a 41 that is not explained by
    /// boots that left no other trace.
    pub crash_before: Option<usize>,
    /// How many boots between the boot before and this one left no record, by Windows' own count.
    pub untold_before: u32,
    /// When the boot before was last known to run, by 6008.
    pub alive_before: Option<Time>,
    /// Where it went into a Fast Startup's power-off, and came back without a boot.
    pub fast_stops: Vec<usize>,
    /// The time of its last record.
    pub last: Option<Time>,
}

/// Reads the boots of a machine's System channel; none if there is no such channel.
pub(super) fn boots(machine: &Machine) -> Vec<SystemBoot> {
    let range = machine.channel(SYSTEM);
    let at = |index: usize| machine.events.get(index);
    let mut starts: Vec<usize> = range
        .clone()
        .filter(|&index| at(index).is_some_and(is_start))
        .collect();
    let cut = cut_start(range.clone(), &starts, machine);
    starts.extend(cut);
    if range.is_empty() {
        return Vec::new();
    }
    let mut boots: Vec<SystemBoot> = vec![SystemBoot::new(None, None)];
    boots.extend(starts.iter().map(|&start| match cut == Some(start) {
        true => SystemBoot::new(None, None),
        false => SystemBoot::new(Some(start), at(start)),
    }));
    let mut counters = vec![None; boots.len()];
    let mut power_41 = vec![None; boots.len()];
    for index in range.clone() {
        let Some(event) = at(index) else { continue };
        let number = boot_of(index, event, &starts, machine);
        let Some(boot) = boots.get_mut(number) else {
            continue;
        };
        match (event.action, event.event_id) {
            (Action::Shutdown, _) => boot.stop = Some(index),
            (Action::LogServiceStop, _) => boot.stop = boot.stop.or(Some(index)),
            (Action::Crash, 6008) => {
                boot.crash_before = Some(index);
                boot.alive_before = event.details().stop_time;
            }
            (Action::Crash, _) => {
                if let Some(known) = power_41.get_mut(number) {
                    *known = Some(index);
                }
            }
            (Action::BootStatus, _) => {
                if let Some(known) = counters.get_mut(number) {
                    *known = event.details().last_boot_id;
                }
            }
            // Off, and a start that is none: Logon IDs go on.
            (Action::Sleep, _) if event.details().target_state == Some(POWER_OFF) => {
                boot.fast_stops.push(index)
            }
            _ => {}
        }
    }
    for (number, boot) in boots.iter_mut().enumerate() {
        let next = starts.get(number).copied().unwrap_or(range.end);
        let own = boot.began.unwrap_or(range.start)..next;
        // Back from the last of its power-offs.
        let is_resumed = |event: &Event| {
            event.action == Action::BootType && event.details().boot_type == Some(FAST_STARTUP)
        };
        let resumed = boot.fast_stops.first().and_then(|&first| {
            let later = machine.events.get(first..own.end)?;
            later.iter().rposition(is_resumed).map(|at| first + at)
        });
        boot.fast_stops.retain(|stop| Some(*stop) <= resumed);
        // A 41 after boots that left no other trace belongs to one of those.
        let before = number
            .checked_sub(1)
            .and_then(|before| counters.get(before).copied().flatten());
        boot.untold_before = before
            .zip(counters.get(number).copied().flatten())
            .map_or(0, |(before, own)| {
                own.saturating_sub(before.saturating_add(1))
            });
        let power_41 = power_41.get(number).copied().flatten();
        let unexplained = power_41.filter(|_| boot.untold_before == 0);
        boot.crash_before = boot.crash_before.or(unexplained);
        // From the first early record of the next boot on, records may be that boot's.
        let is_of_next = |&index: &usize| {
            at(index).is_some_and(|event| boot_of(index, event, &starts, machine) > number)
        };
        let first_of_next = own.clone().find(is_of_next);
        boot.last = last_before(machine, first_of_next.unwrap_or(next), range.end);
    }
    // Nothing was running before the first start, if the log begins with it or with its early records.
    let ran_before =
        |index: usize| at(index).is_some_and(|event| boot_of(index, event, &starts, machine) == 0);
    if !range.clone().any(ran_before) {
        boots.remove(0);
    }
    boots
}

/// SYSTEM_POWER_STATE: off.
const POWER_OFF: u32 = 6;

/// Kernel-Boot 27: the start after a Fast Startup's power-off.
const FAST_STARTUP: u32 = 1;

impl SystemBoot {
    fn new(began: Option<usize>, event: Option<&Event>) -> Self {
        let start = event.map(|event| event.details().start_time.unwrap_or(event.time));
        SystemBoot {
            began,
            start,
            seen: start,
            stop: None,
            crash_before: None,
            untold_before: 0,
            alive_before: None,
            fast_stops: Vec::new(),
            last: None,
        }
    }
}

fn is_start(event: &Event) -> bool {
    event.action == Action::Boot
}

/// Where the channel ends in a boot whose Kernel-General 12 it does not hold: at the first 6008 or 6009 after the 6009 of the
/// last boot that it does.
fn cut_start(range: Range<usize>, starts: &[usize], machine: &Machine) -> Option<usize> {
    let last = starts.len().checked_sub(1)?;
    let from = last.checked_sub(1).and_then(|before| starts.get(before));
    let own = (*from.unwrap_or(&range.start)..range.end).filter_map(|index| {
        let event = machine.events.get(index)?;
        let is_of_last = || boot_of(index, event, starts, machine) == last + 1;
        (matches!(event.action, Action::Crash | Action::WindowsVersion)
            && matches!(event.event_id, 6008 | 6009)
            && is_of_last())
        .then_some((index, event.event_id))
    });
    let mut after_own = own.skip_while(|(_, id)| *id != 6009).skip(1);
    after_own.next().map(|(index, _)| index)
}

/// The number of the boot that a record belongs to: that of the last start before it; but 6005, 6008 and 6009 are often
/// written before their own start.
fn boot_of(index: usize, event: &Event, starts: &[usize], machine: &Machine) -> usize {
    let next = starts.partition_point(|&start| start <= index);
    let distance = |number: usize| {
        let start = machine.events.get(*starts.get(number)?)?;
        Some(start.record_id().abs_diff(event.record_id()))
    };
    let is_early = matches!(event.event_id, 6005 | 6008 | 6009)
        && distance(next).is_some_and(|ahead| {
            ahead <= EARLY_RECORDS
                && next
                    .checked_sub(1)
                    .and_then(distance)
                    .is_none_or(|behind| ahead <= behind)
        });
    next + usize::from(is_early)
}

/// The time of the last record before the event at `next`, or of all.
fn last_before(machine: &Machine, next: usize, end: usize) -> Option<Time> {
    if next < end {
        let next_event = machine.events.get(next)?;
        return next_event.previous().or_else(|| {
            machine
                .events
                .get(next.checked_sub(1)?)
                .map(|event| event.time)
        });
    }
    let spans = machine.spans.iter().filter(|span| *span.channel == *SYSTEM);
    spans
        .max_by_key(|span| span.last_id)
        .map(|span| span.last_time)
}

/// What the System channel tells of the times in which other records are missing.
pub(super) struct Witness {
    /// The times of its events; empty where the clock went back.
    times: Vec<Time>,
    /// Whether records are missing after each of them.
    gaps_after: Vec<bool>,
    /// When its boots began, in order.
    starts: Vec<Time>,
}

impl Witness {
    pub(super) fn of(machine: &Machine, gaps: &Gaps, boots: &[SystemBoot]) -> Self {
        let own = machine
            .events
            .get(machine.channel(SYSTEM))
            .unwrap_or_default();
        let mut starts: Vec<Time> = boots.iter().filter_map(|boot| boot.seen).collect();
        starts.sort_unstable();
        let is_ordered = own.is_sorted_by_key(|event| event.time);
        let ordered = if is_ordered { own } else { &[] };
        Witness {
            times: ordered.iter().map(|event| event.time).collect(),
            gaps_after: ordered
                .windows(2)
                .map(|pair| match pair {
                    [before, after] => gaps.between_events(before, Some(after)),
                    _ => false,
                })
                .collect(),
            starts,
        }
    }

    /// Whether Windows started between two times of a boot that began at `began`; `None` if the channel does not tell.
    pub(super) fn shows_boot(&self, began: Option<Time>, from: Time, to: Time) -> Option<bool> {
        // Its own start can be written a little later.
        let own = began.map_or(from, |began| began.plus(START_AFTER).max(from));
        match self.starts_between(own, to) {
            0 => self.is_whole(from, to).then_some(false),
            _ => Some(true),
        }
    }

    /// Whether Windows can have started more than once between two times.
    pub(super) fn may_hide_boot(&self, from: Time, to: Time) -> bool {
        !self.is_whole(from, to) || self.starts_between(from, to) > 1
    }

    fn starts_between(&self, from: Time, to: Time) -> usize {
        let upto = |time: Time| self.starts.partition_point(|start| *start <= time);
        upto(to).saturating_sub(upto(from))
    }

    /// Whether the channel covers the time between two times, without a gap.
    fn is_whole(&self, from: Time, to: Time) -> bool {
        let first = self
            .times
            .partition_point(|time| *time <= from)
            .checked_sub(1);
        let last = self.times.partition_point(|time| *time < to);
        let between = first.and_then(|first| self.gaps_after.get(first..last));
        between.is_some_and(|between| !between.contains(&true))
    }
}

/// For each audited boot, given by its start (if recorded) and its first time, the boot of the System channel that it is.
/// The start of Windows lies at most a minute after or two before 4608; both are in order.
pub(super) fn align(
    audited: &[(Option<Time>, Option<Time>)],
    boots: &[SystemBoot],
) -> Vec<Option<usize>> {
    let numbered = boots.iter().enumerate();
    let mut seen: Vec<(Time, usize)> = numbered
        .filter_map(|(number, boot)| Some((boot.seen?, number)))
        .collect();
    seen.sort_unstable();
    let mut aligned = vec![None; audited.len()];
    let mut free = 0;
    for ((start, _), place) in audited.iter().zip(aligned.iter_mut()) {
        let Some(start) = *start else { continue };
        let from = seen.partition_point(|(seen, _)| *seen < start.plus(-START_BEFORE));
        let near = seen.iter().skip(from).take(NEAR_BOOTS);
        let near = near.take_while(|(seen, _)| *seen <= start.plus(START_AFTER));
        let nearest = near
            .filter(|(_, number)| *number >= free)
            .map(|(seen, number)| (start.since(*seen).abs(), *number))
            .min();
        if let Some((_, number)) = nearest {
            *place = Some(number);
            free = number + 1;
        }
    }
    // A boot whose start was not audited is the one that was running then, if its neighbours leave that one free.
    let mut limits = vec![boots.len(); audited.len()];
    let mut next = boots.len();
    for (limit, number) in limits.iter_mut().zip(&aligned).rev() {
        *limit = next;
        next = number.unwrap_or(next);
    }
    let (mut from, mut other) = (0, None);
    let mut looks = MOST_LOOKS;
    for (((start, first), to), place) in audited.iter().zip(limits).zip(&mut aligned) {
        if let (None, Some(first)) = (start, first) {
            let runs = |number: &usize| {
                let is_after = boots.get(*number).is_some_and(|boot| {
                    // A boot that was audited from its start has ended all that were before it.
                    boot.seen.is_none_or(|seen| {
                        seen <= *first && other.is_none_or(|other| other <= seen)
                    })
                });
                let is_before = boots
                    .get(number + 1)
                    .is_none_or(|next| next.seen.is_none_or(|next| *first < next));
                is_after && is_before
            };
            *place = (from..to).take(looks).find(runs);
            looks = looks.saturating_sub(place.unwrap_or(to).saturating_sub(from));
        }
        from = place.map_or(from, |number| number + 1);
        other = start.or(other);
    }
    aligned
}

impl Machine {
    /// The positions of a channel's events.
    pub(super) fn channel(&self, channel: &str) -> Range<usize> {
        of_channel(&self.events, channel)
    }
}
