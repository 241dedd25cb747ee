//! Splits the audit records of a machine into boots, in record order, and tells how each began and ended.

use super::EndReason;
use super::machine::{Machine, SECURITY};
use super::system::{self, SystemBoot};
use crate::event::{Action, Event, LogonId, Span};
use crate::time::{TICKS_PER_SECOND, Ticks, Time};
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// A Logon ID lower than the highest of its boot by more than this was given by another boot. Within a boot
/// the largest step back seen is 3,251.
const LOGON_ID_STEP_BACK: u64 = 0x4000;

/// How many records before its 4624 a Logon ID can be named, unless within [`HELD_TIME`].
const HELD_RECORDS: u64 = 10;

/// How long before its 4624 a Logon ID can be named, unless within [`HELD_RECORDS`].
pub(super) const HELD_TIME: Ticks = TICKS_PER_SECOND;

/// How long after the event log service stopped the stragglers of that stop may still be written.
const STOP_TAIL: Ticks = 120 * TICKS_PER_SECOND;

/// One run of Windows from start to stop, as far as the evidence shows it. Positions are indexes into the machine's
/// events.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Boot {
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

/// Splits the audit records of a machine into boots, each record to exactly one, and asks the System channel when they
/// began and how they ended.
pub(super) fn boots(machine: &Machine) -> Vec<Boot> {
    let range = machine.channel(SECURITY);
    let events = &machine.events;
    let audited = split(events, range, &machine.spans);
    let system = system::boots(machine);
    let first_time = |boot: &Audited| events.get(boot.events.start).map(|event| event.time);
    let starts: Vec<_> = audited
        .iter()
        .map(|boot| (boot.start, first_time(boot)))
        .collect();
    let aligned = system::align(&starts, &system);
    let of = |at: usize| aligned.get(at).copied().flatten();
    let mut boots = Vec::new();
    let mut latest = None;
    for (at, boot) in audited.iter().enumerate() {
        // A lost boot left no start of its own in the System channel either: its records stand with those of the boot before.
        latest = of(at).or(latest);
        let next = audited.get(at + 1);
        let is_followed_by_lost = next.is_some() && of(at + 1).is_none();
        let number = latest.filter(|_| of(at).is_some() || boot.is_lost);
        let begun = of(at).and_then(|number| system.get(number));
        let own = number
            .filter(|_| !is_followed_by_lost)
            .and_then(|number| system.get(number));
        // What comes next in either channel: the same boot, or one that only the System channel shows.
        let next_number = number
            .filter(|_| !is_followed_by_lost)
            .map(|number| number + 1)
            .filter(|number| *number < system.len());
        let next_system = match (next_number, of(at + 1)) {
            (Some(number), _) => system.get(number),
            (None, number) => number.and_then(|number| system.get(number)),
        };
        let only_system = next_number.is_some() && (next.is_none() || next_number != of(at + 1));
        let end = match (boot.stop, own.and_then(|own| own.stop), next) {
            (Some(stop), ..) => BootEnd::Stopped(stop),
            (None, Some(stop), Some(_)) => BootEnd::Stopped(stop),
            (None, Some(stop), None) => BootEnd::StoppedUnaudited(stop),
            (None, None, _) => broken(boot, own, next.filter(|_| !only_system), next_system),
        };
        boots.push(Boot {
            events: boot.events.clone(),
            start: begun.and_then(|begun| begun.start).or(boot.start),
            begins_here: boot.start.is_some(),
            end,
            fast_stops: own.map(|own| own.fast_stops.clone()).unwrap_or_default(),
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
    // Where no record says that a boot began, the records just before may be that boot's.
    let last = if is_lost { boot.last_event } else { boot.last };
    let alive = next_system.and_then(|next| next.alive_before);
    let bounds = [
        next_system.and_then(|next| next.start),
        next.and_then(|next| next.earliest),
    ];
    BootEnd::Broken {
        reason,
        min: last.max(system_last).max(alive),
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
    /// The time of its last audit record that tells of a logon.
    last_event: Option<Time>,
    /// The time of its last audit record of any kind.
    last: Option<Time>,
}

/// Splits the audit records at `range`, which are in record order, into boots.
fn split(events: &[Event], range: Range<usize>, spans: &[Span]) -> Vec<Audited> {
    if range.is_empty() {
        return Vec::new();
    }
    let mut boots = Vec::new();
    let mut current = Opening {
        first: range.start,
        boot_record: None,
        system_logon: None,
        is_lost: false,
    };
    let mut seen = Seen::default();
    let mut run = None;
    for (index, event) in range
        .clone()
        .filter_map(|index| Some((index, events.get(index)?)))
    {
        let next = if matches!(event.action, Action::StartingUp | Action::AuditDropped) {
            run.get_or_insert(index);
            continue;
        } else if event.action == Action::Used {
            seen.add(event);
            continue;
        } else if event.action == Action::Boot {
            Some(Opening {
                first: run.unwrap_or(index),
                boot_record: Some(index),
                system_logon: None,
                is_lost: false,
            })
        } else if is_system_logon(event) {
            if current.boot_record.is_some() && current.system_logon.is_none() {
                // The record after 4608.
                current.system_logon = Some(index);
                None
            } else {
                Some(Opening {
                    first: run.unwrap_or(index),
                    boot_record: None,
                    system_logon: Some(index),
                    is_lost: false,
                })
            }
        } else if seen.is_of_another_boot(event) {
            Some(Opening {
                first: run.unwrap_or(index),
                boot_record: None,
                system_logon: None,
                is_lost: true,
            })
        } else {
            None
        };
        run = None;
        if let Some(next) = next {
            seen = Seen::default();
            if next.first > range.start {
                boots.push(current.close(next.first, events));
            }
            current = next;
        }
        seen.add(event);
    }
    boots.push(current.close(range.end, events));
    let firsts: Vec<_> = boots
        .iter()
        .skip(1)
        .map(|boot| events.get(boot.events.start))
        .collect();
    for (boot, next) in boots.iter_mut().zip(firsts.into_iter().chain([None])) {
        boot.last = last_time(boot, next, events, spans);
    }
    boots
}

fn is_system_logon(event: &Event) -> bool {
    event.action == Action::Logon && event.logon_type.is_some_and(|logon_type| logon_type.0 == 0)
}

/// The beginning of a boot.
struct Opening {
    first: usize,
    boot_record: Option<usize>,
    system_logon: Option<usize>,
    is_lost: bool,
}

impl Opening {
    fn close(self, end: usize, events: &[Event]) -> Audited {
        let range = self.first..end;
        let own = events.get(range.clone()).unwrap_or_default();
        let marked = self.boot_record.or(self.system_logon);
        let opening = events
            .get(self.first..=marked.unwrap_or(self.first))
            .unwrap_or_default();
        let begins_here = marked.is_some() || self.is_lost;
        let last = own.last().map(|event| event.time);
        let stop = own
            .iter()
            .rposition(|event| matches!(event.action, Action::LogServiceStop | Action::Shutdown))
            .filter(|&stop| {
                let stopped = own.get(stop).map(|event| event.time);
                // The service can also be stopped while Windows runs on.
                last.zip(stopped)
                    .is_some_and(|(last, stopped)| last.since(stopped) <= STOP_TAIL)
            });
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
            stop: stop.map(|stop| stop + self.first),
            last_event: last,
            last,
            events: range,
        }
    }
}

/// What tells one boot's records from another's.
#[derive(Default)]
struct Seen {
    lsass: Option<u32>,
    given: HashSet<LogonId>,
    /// Logon IDs that records named, with the first record and its time.
    named: HashMap<LogonId, (u64, Time)>,
    highest: u64,
}

impl Seen {
    /// Whether `event` cannot belong to the boot seen so far, though no record says that it ended.
    fn is_of_another_boot(&self, event: &Event) -> bool {
        let lsass = Self::lsass(event);
        if lsass.is_some() && self.lsass.is_some() && lsass != self.lsass {
            return true;
        }
        Self::given(event).is_some_and(|id| {
            // Special privileges are written just before their logon; what is older was another logon.
            let was_used = self.named.get(&id).is_some_and(|&(record, time)| {
                event.record_id.saturating_sub(record) > HELD_RECORDS
                    && !event.time.within(time, HELD_TIME)
            });
            was_used
                || self.given.contains(&id)
                || id.0.saturating_add(LOGON_ID_STEP_BACK) < self.highest
        })
    }

    fn add(&mut self, event: &Event) {
        self.lsass = self.lsass.or(Self::lsass(event));
        if let Some(id) = Self::given(event) {
            self.given.insert(id);
            self.highest = self.highest.max(id.0);
        }
        let own = event.logon_id.filter(|_| event.action != Action::Logon);
        for id in [own, event.subject_logon_id].into_iter().flatten() {
            self.named
                .entry(id)
                .or_insert((event.record_id, event.time));
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
            .logon_id
            .filter(|&id| event.action == Action::Logon && super::kind::standing(id).is_none())
    }
}

/// The time of the last record before `next`, the first event of the next boot, or of all.
fn last_time(
    boot: &Audited,
    next: Option<&Event>,
    events: &[Event],
    spans: &[Span],
) -> Option<Time> {
    let last_event = boot
        .events
        .end
        .checked_sub(1)
        .and_then(|index| events.get(index))?;
    if let Some(previous) = next.and_then(|next| next.previous) {
        return Some(previous);
    }
    // Spans are sorted by channel and first record.
    let limit = next.map_or(u64::MAX, |next| next.record_id);
    let upto = spans
        .partition_point(|span| (&*span.channel, span.first_id) < (&*last_event.channel, limit));
    let last_span = upto
        .checked_sub(1)
        .and_then(|at| spans.get(at))
        .filter(|span| {
            span.channel == last_event.channel
                && span.last_id > last_event.record_id
                && span.last_id < limit
        });
    Some(last_span.map_or(last_event.time, |span| span.last_time))
}
