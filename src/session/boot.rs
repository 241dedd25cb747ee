//! Splits the audit records of a machine into boots, in record order, and tells how each began and ended.

use super::EndReason;
use super::actions::Actions;
use super::gaps::Gaps;
use super::machine::{Machine, SECURITY};
use super::system::{self, SystemBoot};
use crate::event::{Action, Event, LogonId, Span};
use crate::time::{TICKS_PER_SECOND, Ticks, Time};
use ahash::RandomState;
use std::collections::HashMap;
use std::ops::Range;

/// A Logon ID lower than the highest of its boot by more than this was given by another boot. Within a boot
/// the largest step back seen is 3,251.
const LOGON_ID_STEP_BACK: u64 = 0x4000;

/// How many records before its 4624 a Logon ID can be named, unless within [`HELD_TIME`].
const HELD_RECORDS: u64 = 10;

/// How long before its 4624 a Logon ID can be named, unless within [`HELD_RECORDS`].
pub(super) const HELD_TIME: Ticks = TICKS_PER_SECOND;

/// How many records after its 4608 the type 0 logon of a boot lies at most: it is the next, unless something else is
/// written at that moment.
const SYSTEM_LOGON_RECORDS: u64 = 10;

/// How many boots of the System channel are looked at for what comes after one of Security: a bound for logs of nothing but boots.
const NEAR_BOOTS: usize = 4096;

/// How long the first records of a boot take at most, up to its type 0 logon: seconds in real logs.
const OPENING: Ticks = 120 * TICKS_PER_SECOND;

/// How long after the event log service stopped the stragglers of that stop may still be written.
const STOP_TAIL: Ticks = 120 * TICKS_PER_SECOND;

/// One run of Windows from start to stop, as far as the evidence shows it. Positions are indexes into the machine's
/// events.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Boot {
    /// Which of the machine's boots it is, counted from 0.
    pub number: usize,
    /// Its audit records.
    pub events: Range<usize>,
    /// When it began: by Kernel-General 12, else the time of its 4608, else of its type 0 logon; `None` if none of them was
    /// recorded.
    pub start: Option<Time>,
    /// Whether its audit records go back to its beginning.
    pub begins_here: bool,
    /// How it ended.
    pub end: BootEnd,
    /// Where it went into a Fast Startup's power-off: desktop sessions end there, the boot goes on.
    pub fast_stops: Vec<usize>,
    /// The first records after each gap that nothing bridges: a boot that left no other trace may lie in it.
    pub breaks: Vec<usize>,
}

impl Boot {
    /// The first gap that nothing bridges in the boot up to a position.
    pub(super) fn first_break(&self, upto: usize) -> Option<usize> {
        self.breaks.first().copied().filter(|&first| first <= upto)
    }

    /// The first such gap behind a position.
    pub(super) fn break_after(&self, position: usize) -> Option<usize> {
        let next = self.breaks.partition_point(|&at| at <= position);
        self.breaks.get(next).copied()
    }
}

/// How a boot ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum BootEnd {
    /// Cleanly, at this record.
    Stopped(usize),
    /// Cleanly, at this record of the System channel; but the audit records end before it.
    StoppedUnaudited(usize),
    /// The next boot began without a clean stop before it.
    Broken {
        reason: EndReason,
        /// When it was last known to run.
        min: Option<Time>,
        /// When the next boot was there.
        max: Option<Time>,
        /// The record that tells.
        witness: usize,
    },
    /// It was running at the last record, which has this time.
    Running(Option<Time>),
}

/// Splits the audit records of a machine into boots, each record to exactly one, and asks those of the System channel when
/// they began and how they ended.
pub(super) fn boots(
    machine: &Machine,
    actions: &Actions,
    gaps: &Gaps,
    system: &[SystemBoot],
) -> Vec<Boot> {
    let range = machine.channel(SECURITY);
    let events = &machine.events;
    let witness = system::Witness::of(machine, gaps, system);
    let audited = split(machine, actions, range, gaps, &witness);
    let first_time = |boot: &Audited| events.get(boot.events.start).map(|event| event.time);
    let starts: Vec<_> = audited
        .iter()
        .map(|boot| (boot.start, first_time(boot)))
        .collect();
    let aligned = system::align(&starts, system);
    let of = |at: usize| aligned.get(at).copied().flatten();
    // What tells of the boot before the next one then tells of another.
    let may_hide_boot = |boot: &Audited, next: &Audited| {
        let last = boot.events.end.checked_sub(1);
        let last = last.and_then(|last| events.get(last));
        let first = events.get(next.events.start);
        last.zip(first).is_some_and(|(last, first)| {
            gaps.may_hide_boot(last, first) && witness.may_hide_boot(last.time, first.time)
        })
    };
    let mut boots = Vec::new();
    let mut latest = None;
    for (at, boot) in audited.iter().enumerate() {
        // A lost boot left no start of its own in the System channel either: its records stand with those of the boot before.
        latest = of(at).or(latest);
        let next = audited.get(at + 1);
        let is_followed_by_lost = next.is_some() && of(at + 1).is_none();
        let number = latest.filter(|_| of(at).is_some() || boot.is_lost);
        let begun = of(at).and_then(|number| system.get(number));
        let is_own = |stop: &usize| {
            let stop = events.get(*stop).map(|event| event.time);
            of(at).is_some() || first_time(boot) <= stop
        };
        let own = number
            .filter(|_| !is_followed_by_lost)
            .and_then(|number| system.get(number));
        // What comes next in either channel: the same boot, or one that only the System channel shows.
        let next_number = number.filter(|_| !is_followed_by_lost).and_then(|number| {
            let is_later = |next: &usize| {
                let seen = system.get(*next).and_then(|next| next.seen);
                of(at).is_some() || seen.is_none_or(|seen| first_time(boot) < Some(seen))
            };
            (number + 1..system.len()).take(NEAR_BOOTS).find(is_later)
        });
        let next_system = match (next_number, of(at + 1)) {
            (Some(number), _) => system.get(number),
            (None, number) => number.and_then(|number| system.get(number)),
        };
        let only_system = next_number.is_some() && (next.is_none() || next_number != of(at + 1));
        let stopped = own.and_then(|own| own.stop).filter(is_own);
        let end = match (boot.stop, stopped, next) {
            (Some(stop), ..) => BootEnd::Stopped(stop),
            (None, Some(stop), Some(_)) => BootEnd::Stopped(stop),
            (None, Some(stop), None) => BootEnd::StoppedUnaudited(stop),
            (None, None, Some(next)) if may_hide_boot(boot, next) => BootEnd::Broken {
                reason: EndReason::Unclean,
                min: boot.last,
                max: next.earliest,
                witness: next.events.start,
            },
            (None, None, _) => broken(boot, own, next.filter(|_| !only_system), next_system),
        };
        boots.push(Boot {
            number: boots.len(),
            events: boot.events.clone(),
            start: begun.and_then(|begun| begun.start).or(boot.start),
            begins_here: boot.start.is_some(),
            end,
            fast_stops: own.map(|own| own.fast_stops.clone()).unwrap_or_default(),
            breaks: boot.breaks.clone(),
        });
    }
    boots
}

/// The end of a boot that did not stop cleanly, or is running still.
fn broken(
    boot: &Audited,
    own: Option<&SystemBoot>,
    next: Option<&Audited>,
    next_system: Option<&SystemBoot>,
) -> BootEnd {
    let system_last = own.and_then(|own| own.last);
    let witness = next_system
        .and_then(|next| next.crash_before.or(next.began))
        .or(next.map(|next| next.events.start));
    let Some(witness) = witness else {
        return BootEnd::Running(boot.last.max(system_last));
    };
    let crashed = next_system.is_some_and(|next| next.crash_before.is_some())
        || next.is_some_and(|next| next.audit_was_lost);
    let is_lost = next_system.is_none() && next.is_some_and(|next| next.is_lost);
    let reason = match (crashed, is_lost) {
        (true, _) => EndReason::Crash,
        (false, true) => EndReason::LostBoot,
        (false, false) => EndReason::Unclean,
    };
    let alive = next_system.and_then(|next| next.alive_before);
    let bounds = [
        next_system.and_then(|next| next.seen),
        next.and_then(|next| next.earliest),
    ];
    BootEnd::Broken {
        reason,
        min: boot.last.max(system_last).max(alive),
        max: bounds.into_iter().flatten().min(),
        witness,
    }
}

/// One run of Windows as its audit records show it.
#[derive(Debug, Clone, PartialEq)]
struct Audited {
    events: Range<usize>,
    /// The time of its 4608, else of its type 0 logon.
    start: Option<Time>,
    /// The earliest time among its first records: the boot before has ended by then.
    earliest: Option<Time>,
    /// Whether its first records say that audit events were lost when the boot before ended.
    audit_was_lost: bool,
    /// Whether no record says that it began; only its Logon IDs or lsass's process ID do.
    is_lost: bool,
    /// The record of its clean stop.
    stop: Option<usize>,
    /// When it was last known to run: the time of its last audit record. Where no record says that the next boot began, the
    /// records just before may be that boot's: then that of its last event.
    last: Option<Time>,
    /// The first records after each gap that nothing bridges.
    breaks: Vec<usize>,
}

/// Splits the audit records at `range`, which are in record order, into boots.
fn split(
    machine: &Machine,
    actions: &Actions,
    range: Range<usize>,
    gaps: &Gaps,
    witness: &system::Witness,
) -> Vec<Audited> {
    let events = &machine.events;
    let mut boots: Vec<Audited> = Vec::new();
    let mut openings = openings(events, range.clone(), gaps).into_iter().peekable();
    while let Some(mut opening) = openings.next() {
        let limit = |next: Option<&Opening>| next.map_or(range.end, |next| next.first);
        let mut end = limit(openings.peek());
        let mut found = breaks(events, opening.first..end, gaps, witness);
        // The System channel shows what the records after the gap contradict.
        if found.iter().any(|(_, is_boot)| *is_boot)
            && openings.next_if(|next| next.is_lost).is_some()
        {
            end = limit(openings.peek());
            found = breaks(events, opening.first..end, gaps, witness);
        }
        let mut open = Vec::new();
        for (at, is_boot) in found {
            if is_boot {
                // A boot that the System channel shows there has lost its beginning.
                boots.push(opening.close(at, machine, actions, std::mem::take(&mut open)));
                opening = Opening::at(at);
            } else {
                open.push(at);
            }
        }
        boots.push(opening.close(end, machine, actions, open));
    }
    let firsts: Vec<_> = boots
        .iter()
        .skip(1)
        .map(|boot| (events.get(boot.events.start), boot.is_lost))
        .collect();
    let none = (None, false);
    for (boot, (next, is_lost)) in boots.iter_mut().zip(firsts.into_iter().chain([none])) {
        if !is_lost {
            boot.last = last_time(boot, next, machine);
        }
    }
    boots
}

/// The first events after each gap in a boot that may hide another one, and whether the System channel shows one there. A
/// Logon ID that is named on both sides bridges a gap, and so does the System channel where it tells of no start.
fn breaks(
    events: &[Event],
    boot: Range<usize>,
    gaps: &Gaps,
    witness: &system::Witness,
) -> Vec<(usize, bool)> {
    let after_gaps = gaps.after_gaps(events.get(boot.clone()).unwrap_or_default());
    if after_gaps.is_empty() {
        return Vec::new();
    }
    let own = || {
        boot.clone()
            .filter_map(|index| Some((index, events.get(index)?)))
    };
    let named = |event: &Event| {
        let ids = [event.logon_id(), event.subject_logon_id];
        ids.into_iter().flatten().filter(|&id| !id.is_standing())
    };
    let mut last_named: HashMap<LogonId, usize, RandomState> = HashMap::default();
    for (index, event) in own() {
        last_named.extend(named(event).map(|id| (id, index)));
    }
    let began = events.get(boot.start).map(|event| event.time);
    let (mut bridged, mut rest) = (boot.start, own().peekable());
    let mut breaks = Vec::new();
    for index in after_gaps.into_iter().map(|after| boot.start + after) {
        let before = index.checked_sub(1).and_then(|before| events.get(before));
        let Some((before, after)) = before.zip(events.get(index)) else {
            continue;
        };
        while let Some((_, event)) = rest.next_if(|(at, _)| *at < index) {
            let reach = named(event).filter_map(|id| last_named.get(&id)).max();
            bridged = bridged.max(reach.copied().unwrap_or(bridged));
        }
        let is_bridged = bridged >= index;
        match witness.shows_boot(began, before.time, after.time) {
            Some(false) => {}
            shown if !is_bridged => breaks.push((index, shown.is_some())),
            _ => {}
        }
    }
    breaks
}

/// Where boots begin, in order; the first is what was running when the records begin.
fn openings(events: &[Event], range: Range<usize>, gaps: &Gaps) -> Vec<Opening> {
    if range.is_empty() {
        return Vec::new();
    }
    let mut openings: Vec<Opening> = Vec::new();
    let mut current = Opening::at(range.start);
    let mut seen = Seen::default();
    let mut run: Option<usize> = None;
    for (index, event) in range
        .clone()
        .filter_map(|index| Some((index, events.get(index)?)))
    {
        // The first records of a start whose 4608 is missing.
        let started = run.filter(|&run| {
            events.get(run).is_some_and(|first| {
                gaps.between_events(first, Some(event)) && !event.time.within(first.time, OPENING)
            })
        });
        if let Some(started) = started {
            run = None;
            seen = Seen::default();
            if started > range.start {
                openings.push(std::mem::replace(&mut current, Opening::at(started)));
            }
        }
        let next = if matches!(event.action, Action::StartingUp | Action::AuditDropped) {
            run.get_or_insert(index);
            continue;
        } else if event.action == Action::Used {
            seen.add(index, event);
            continue;
        } else if event.action == Action::Boot {
            Some(Opening {
                boot_record: Some(index),
                ..Opening::at(run.unwrap_or(index))
            })
        } else if is_system_logon(event) {
            let started = current.boot_record.and_then(|record| events.get(record));
            let is_next = |started: &Event| {
                event.record_id().saturating_sub(started.record_id()) <= SYSTEM_LOGON_RECORDS
            };
            if started.is_some_and(is_next) && current.system_logon.is_none() {
                current.system_logon = Some(index);
                None
            } else {
                Some(Opening {
                    system_logon: Some(index),
                    ..Opening::at(run.unwrap_or(index))
                })
            }
        } else if seen.is_of_another_boot(event) {
            Some(Opening::lost(
                run.unwrap_or_else(|| seen.first_of_lost(events, index)),
            ))
        } else {
            None
        };
        run = None;
        if let Some(next) = next {
            seen = Seen::default();
            if next.first > range.start {
                openings.push(current);
            }
            if next.is_lost {
                let before = events.get(next.first..index).unwrap_or_default();
                (next.first..)
                    .zip(before)
                    .for_each(|(at, event)| seen.add(at, event));
            }
            current = next;
        }
        seen.add(index, event);
    }
    openings.push(current);
    // The records end before the 4608 of a start.
    openings.extend(run.filter(|&run| run > range.start).map(Opening::at));
    openings
}

fn is_system_logon(event: &Event) -> bool {
    event.action == Action::Logon && event.logon_type.is_some_and(|logon_type| logon_type.0 == 0)
}

/// The beginning of a boot.
struct Opening {
    first: usize,
    boot_record: Option<usize>,
    system_logon: Option<usize>,
    /// Only Logon IDs or lsass's process ID show it.
    is_lost: bool,
}

impl Opening {
    fn at(first: usize) -> Self {
        Opening {
            first,
            boot_record: None,
            system_logon: None,
            is_lost: false,
        }
    }

    fn lost(first: usize) -> Self {
        Opening {
            is_lost: true,
            ..Opening::at(first)
        }
    }

    fn close(
        self,
        end: usize,
        machine: &Machine,
        actions: &Actions,
        breaks: Vec<usize>,
    ) -> Audited {
        let events = &machine.events;
        let range = self.first..end;
        let marked = self.boot_record.or(self.system_logon);
        let opening = events
            .get(self.first..=marked.unwrap_or(self.first))
            .unwrap_or_default();
        let is_start = opening
            .first()
            .is_some_and(|event| matches!(event.action, Action::StartingUp | Action::AuditDropped));
        let begins_here = marked.is_some() || self.is_lost || is_start;
        let last = last_event(machine, range.clone()).map(|event| event.time);
        let stops = [Action::LogServiceStop, Action::Shutdown];
        let stops = stops.into_iter();
        let stop = stops
            .filter_map(|action| actions.within(action, range.clone()).next_back())
            .max_by_key(|(stop, _)| *stop)
            // The service can also be stopped while Windows runs on.
            .filter(|(_, stop)| last.is_some_and(|last| last.since(stop.time) <= STOP_TAIL));
        Audited {
            start: marked
                .and_then(|index| events.get(index))
                .map(|event| event.time),
            earliest: opening
                .iter()
                .map(|event| event.time)
                .min()
                .filter(|_| begins_here),
            audit_was_lost: opening
                .iter()
                .any(|event| event.action == Action::AuditDropped),
            is_lost: self.is_lost,
            stop: stop.map(|(stop, _)| stop),
            last,
            breaks,
            events: range,
        }
    }
}

/// What tells one boot's records from another's.
#[derive(Default)]
struct Seen {
    lsass: Option<u32>,
    /// The Logon IDs, but for the standing ones.
    ids: HashMap<LogonId, SeenId, RandomState>,
    highest: u64,
    /// The last event that lsass wrote or that names a Logon ID of the boot: it is surely of it.
    last_sure: Option<usize>,
}

/// What was seen of a Logon ID.
#[derive(Default)]
struct SeenId {
    /// It was given to a logon.
    is_given: bool,
    /// The first record that named it otherwise, and its time.
    named: Option<(u64, Time)>,
}

impl Seen {
    /// Whether `event` cannot belong to the boot seen so far, though no record says that it ended.
    fn is_of_another_boot(&self, event: &Event) -> bool {
        let lsass = Self::lsass(event);
        if lsass.is_some() && self.lsass.is_some() && lsass != self.lsass {
            return true;
        }
        Self::given(event).is_some_and(|id| {
            let seen = self.ids.get(&id);
            // Special privileges are written just before their logon; what is older was another logon.
            let was_used = seen
                .and_then(|seen| seen.named)
                .is_some_and(|(record, time)| {
                    event.record_id().saturating_sub(record) > HELD_RECORDS
                        && !event.time.within(time, HELD_TIME)
                });
            was_used
                || seen.is_some_and(|seen| seen.is_given)
                || id.get().saturating_add(LOGON_ID_STEP_BACK) < self.highest
        })
    }

    /// The first event of a lost boot, of which the event at `index` tells. What it wrote when it began is missing, so it
    /// began where the most records are: a 1102 of the event log service can stand before the first that tells
    /// (DeepBlueCLI's `metasploit-psexec-pwshpayload.evtx`).
    fn first_of_lost(&self, events: &[Event], index: usize) -> usize {
        let number = |at: usize| events.get(at).map_or(0, |event| event.record_id());
        let unsure = self.last_sure.map_or(index, |sure| sure + 1)..=index;
        unsure
            .max_by_key(|&at| number(at).saturating_sub(number(at.saturating_sub(1))))
            .unwrap_or(index)
    }

    fn add(&mut self, index: usize, event: &Event) {
        let ids = [event.logon_id(), event.subject_logon_id];
        let lsass = Self::lsass(event);
        if self.last_sure.is_none()
            || lsass.is_some()
            || ids.iter().flatten().any(|id| self.ids.contains_key(id))
        {
            self.last_sure = Some(index);
        }
        self.lsass = self.lsass.or(lsass);
        if let Some(id) = Self::given(event) {
            self.ids.entry(id).or_default().is_given = true;
            self.highest = self.highest.max(id.get());
        }
        let own = event.logon_id().filter(|_| event.action != Action::Logon);
        for id in [own, event.subject_logon_id].into_iter().flatten() {
            if !id.is_standing() {
                let seen = self.ids.entry(id).or_default();
                seen.named = seen.named.or(Some((event.record_id(), event.time)));
            }
        }
    }

    /// The process ID of lsass, which writes these records and lives as long as its boot.
    fn lsass(event: &Event) -> Option<u32> {
        event
            .writer
            .filter(|_| matches!(event.event_id, 4624 | 4625 | 4634 | 4647 | 4648 | 4672))
    }

    /// The Logon ID that a logon was given.
    fn given(event: &Event) -> Option<LogonId> {
        event
            .logon_id()
            .filter(|&id| event.action == Action::Logon && !id.is_standing())
    }
}

/// The last event of a boot, but for recovered ones whose time live ones contradict.
fn last_event(machine: &Machine, mut boot: Range<usize>) -> Option<&Event> {
    let last = boot.rfind(|&index| !machine.recovered.is_disordered(index))?;
    machine.events.get(last)
}

/// The time of the last record before `next`, the first event of the next boot, or of all.
fn last_time(boot: &Audited, next: Option<&Event>, machine: &Machine) -> Option<Time> {
    let spans: &[Span] = &machine.spans;
    let last_event = last_event(machine, boot.events.clone())?;
    if let Some(previous) = next.and_then(Event::previous) {
        return Some(previous);
    }
    // Spans are sorted by channel and first record.
    let limit = next.map_or(u64::MAX, |next| next.record_id());
    let upto = spans
        .partition_point(|span| (&*span.channel, span.first_id) < (&*last_event.channel, limit));
    let last_span = upto
        .checked_sub(1)
        .and_then(|at| spans.get(at))
        .filter(|span| {
            span.channel == last_event.channel
                && span.last_id > last_event.record_id()
                && span.last_id < limit
        });
    Some(last_span.map_or(last_event.time, |span| span.last_time))
}
