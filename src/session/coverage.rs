//! What the logs of a machine can speak of: which records they hold, what is missing, and what makes their times unsure.
//!
//! In: one machine's part of the evidence, and its boots. Out: a [`Coverage`] per channel. Nothing here is a judgement: a gap in an
//! exported log is a filter and is not listed, a gap in a live one is.

use super::actions::Actions;
use super::boot::{Boot, BootEnd};
use super::local_time::{self, OffsetMark};
use super::machine::{Conflict, Machine, SECURITY, joined};
use super::system::{SYSTEM, SystemBoot};
use super::{EndReason, StartSource};
use crate::event::{Account, Action, Event, LogIndex, LogonType, Span, Text};
use crate::named::named;
use crate::time::{TICKS_PER_SECOND, Ticks, Time, UtcOffset};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// A change of the clock by less than this is the time service at work.
pub const CLOCK_STEP: Ticks = TICKS_PER_SECOND;

/// How many records may precede the one that says that the log was cleared, written while it was.
const CLEAR_RECORDS: u64 = 2;

named! {
    /// How the records of a channel came into the evidence.
    pub enum Origin {
        /// The machine's own logs, or archives of them: a number that is missing is a record that is missing.
        Live = "live",
        /// Exported or forwarded: numbers that are missing may have been left out on purpose.
        Exported = "exported",
        /// Both.
        Both = "both",
        /// No log holds it: all its records were recovered.
        Recovered = "recovered",
    }
}

named! {
    /// Why numbers are missing.
    pub enum GapCause {
        /// The log was cleared there.
        Cleared = "cleared",
        /// They are in none of the logs, and no record says why: overwritten between copies, damaged or taken out.
        Missing = "missing",
    }
}

/// What the logs hold of one channel of one machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Coverage {
    /// Which of the machines of the result it is, counted from 0.
    pub machine: usize,
    /// The machine's latest name.
    pub host: Text,
    /// Its earlier names, oldest first.
    pub host_aliases: Arc<[Text]>,
    /// The channel.
    pub channel: Text,
    /// How its records came into the evidence.
    pub origin: Origin,
    /// The lowest record number and its time.
    pub first: (u64, Time),
    /// The highest record number and its time.
    pub last: (u64, Time),
    /// How many records were read, each once.
    pub records: u64,
    /// How many more copies of them were found. Of a log that leaves out records only logon-related ones can be told.
    pub duplicates: u64,
    /// How many numbers exported logs leave out between their first and last records.
    pub left_out: u64,
    /// How many records were recovered beside them, each once; others lie around them.
    pub recovered: u64,
    /// How many recovered events contradict what is used under their numbers; of what was recovered only these can be told.
    pub contradicting: u64,
    /// Whether the oldest records are not there: the numbers do not begin at 1, and no clear says why. They were
    /// overwritten, as a rule; else archived or lost.
    pub wrapped: bool,
    /// The logs that hold it, in the order of the evidence.
    pub logs: Vec<Holding>,
    /// Numbers that are in none of the machine's own logs though they lie between such as are.
    pub gaps: Vec<Gap>,
    /// When it was cleared, and by whom, whichever channel tells; System also lists the clears that it records of channels
    /// that are not in the evidence.
    pub clears: Vec<Clear>,
    /// Every change of the clock that it records.
    pub clock_changes: Vec<ClockChange>,
    /// Every boot that it shows, and how each ended; but not the one that all of it lies in.
    pub boots: Vec<CoveredBoot>,
    /// Where Windows says that it lost audit events.
    pub audit_losses: Vec<AuditLoss>,
    /// What it tells of the machine's local time.
    pub offsets: Vec<OffsetMark>,
    /// Records that two logs hold with different contents.
    pub conflicts: Vec<Conflict>,
}

impl Coverage {
    /// How many records its gaps hide.
    pub fn missing(&self) -> u64 {
        let counts = self.gaps.iter().map(|gap| gap.records());
        counts.fold(0, u64::saturating_add)
    }

    /// How often it was cleared.
    pub fn own_clears(&self) -> u64 {
        let own = self
            .clears
            .iter()
            .filter(|clear| clear.cleared == self.channel);
        own.count() as u64
    }

    /// How many boots it records.
    pub fn recorded_boots(&self) -> u64 {
        let recorded = |boot: &&CoveredBoot| {
            boot.record.is_some() && boot.start_source == StartSource::Recorded
        };
        self.boots.iter().filter(recorded).count() as u64
    }

    /// How many boots left no record of their beginning: other records or Windows' own count show them.
    pub fn lost_boots(&self) -> u64 {
        let lost = |boot: &CoveredBoot| {
            u64::from(boot.start_source == StartSource::Inferred) + u64::from(boot.untold_before)
        };
        self.boots.iter().map(lost).fold(0, u64::saturating_add)
    }

    /// How many logoffs Windows says it could not write.
    pub fn lost_logoffs(&self) -> u64 {
        let logoffs = self.audit_losses.iter().filter(|loss| loss.is_logoff);
        logoffs.count() as u64
    }

    /// The machine's offset from UTC by the last record that tells it.
    pub fn utc_offset(&self) -> Option<UtcOffset> {
        self.offsets.iter().rev().find_map(|mark| mark.offset)
    }

    /// The changes of the clock by a second or more, or by an unknown amount.
    pub fn clock_steps(&self) -> impl Iterator<Item = &ClockChange> {
        self.clock_changes.iter().filter(|change| {
            change
                .step()
                .is_none_or(|step| step.unsigned_abs() >= CLOCK_STEP.unsigned_abs())
        })
    }
}

/// What one log holds of a channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Holding {
    /// The log.
    pub log: LogIndex,
    /// How many records.
    pub records: u64,
    /// The lowest record number and its time.
    pub first: (u64, Time),
    /// The highest record number and its time.
    pub last: (u64, Time),
    /// Whether it is the machine's own log, where a missing number is a missing record.
    pub live: bool,
}

/// A run of record numbers that are missing.
#[derive(Debug, Clone, PartialEq)]
pub struct Gap {
    /// The first missing number.
    pub first: u64,
    /// The last missing number.
    pub last: u64,
    /// The time of the record before it.
    pub before: Time,
    /// The time of the record after it.
    pub after: Time,
    /// Why they are missing.
    pub cause: GapCause,
}

impl Gap {
    /// How many records are missing.
    pub fn records(&self) -> u64 {
        self.last.saturating_sub(self.first).saturating_add(1)
    }
}

/// A clearing of a log.
#[derive(Debug, Clone, PartialEq)]
pub struct Clear {
    /// The channel that was cleared.
    pub cleared: Text,
    /// The channel of the record that says so.
    pub channel: Text,
    /// The record that says so.
    pub record: Mark,
    /// The account that did it.
    pub by: Account,
}

/// A change of the clock.
#[derive(Debug, Clone, PartialEq)]
pub struct ClockChange {
    /// The record that says so.
    pub record: Mark,
    /// The clock before.
    pub previous: Option<Time>,
    /// The clock after.
    pub new: Option<Time>,
    /// The account that did it.
    pub by: Account,
    /// The path of the process that did it.
    pub process: Option<Text>,
    /// Why, by Kernel-General 1: 1 somebody set it, 2 [`Self::FROM_HARDWARE`], 3 the time zone was set.
    pub reason: Option<u32>,
}

impl ClockChange {
    /// It was read anew from the hardware clock, as after sleep.
    pub const FROM_HARDWARE: u32 = 2;

    /// How far the clock went forward; negative if back, `None` if the record does not tell.
    pub fn step(&self) -> Option<Ticks> {
        Some(self.new?.since(self.previous?))
    }
}

/// A run of Windows.
#[derive(Debug, Clone, PartialEq)]
pub struct CoveredBoot {
    /// When it began, by either channel; `None` if no record says so.
    pub start: Option<Time>,
    /// Whether its beginning is recorded, follows from Logon IDs or the process ID of LSA, or lies before the evidence.
    pub start_source: StartSource,
    /// The record of the channel that says that it began; of an inferred one the first that is of it.
    pub record: Option<Mark>,
    /// How many boots just before it left no record, by Windows' own count (Kernel-Boot 20).
    pub untold_before: u32,
    /// How it ended: `shutdown`, `crash`, `unclean`, `lost-boot`, or not by the end of the evidence: `log-ends`.
    pub end_reason: EndReason,
    /// The record that tells how it ended, with its channel.
    pub end_record: Option<(Text, Mark)>,
}

/// A record in which Windows says that it lost audit events.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditLoss {
    /// The record.
    pub record: Mark,
    /// The event that was lost, if it is named.
    pub event_id: Option<u16>,
    /// Whether that was a logoff.
    pub is_logoff: bool,
}

/// A record that marks something.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// Its EventRecordID.
    pub record_id: u64,
    /// Its event ID.
    pub event_id: u16,
    /// Its time.
    pub time: Time,
}

impl Mark {
    pub(super) fn of(event: &Event) -> Self {
        Mark {
            record_id: event.record_id(),
            event_id: event.event_id,
            time: event.time,
        }
    }
}

/// What the logs hold of each channel of a machine, sorted by channel.
pub(super) fn coverage(
    machine: &Machine,
    actions: &Actions,
    audited: &[Boot],
    system: &[SystemBoot],
) -> Vec<Coverage> {
    let mut channels: BTreeMap<&Text, Vec<&Span>> = BTreeMap::new();
    for span in &machine.log_spans {
        channels.entry(&span.channel).or_default().push(span);
    }
    let mut recovered: BTreeMap<&Text, Vec<&Span>> = BTreeMap::new();
    for span in &machine.recovered.spans {
        channels.entry(&span.channel).or_default();
        recovered.entry(&span.channel).or_default().push(span);
    }
    let mut clears = clears(actions, channels.keys().copied());
    let covered = channels.into_iter().filter_map(|(channel, spans)| {
        let clears = clears.remove(channel).unwrap_or_default();
        let boots = match &**channel {
            SECURITY => audited_boots(machine, audited),
            SYSTEM => system_boots(machine, audited, system),
            _ => Vec::new(),
        };
        let recovered = recovered.remove(channel).unwrap_or_default();
        of_channel(machine, actions, channel, [spans, recovered], clears, boots)
    });
    covered.collect()
}

/// The clears of each channel; those of a channel that is not in the evidence stand with the channel that records them.
fn clears<'a>(
    actions: &Actions,
    channels: impl Iterator<Item = &'a Text>,
) -> HashMap<Text, Vec<Clear>> {
    let known: HashMap<String, &Text> = channels
        .map(|channel| (channel.to_lowercase(), channel))
        .collect();
    let mut clears: HashMap<Text, Vec<Clear>> = HashMap::new();
    for (_, event) in actions.all(Action::LogCleared) {
        // 104 names the channel; 1102 is of its own.
        let named = event.details().object.as_ref().unwrap_or(&event.channel);
        let own = known.get(&named.to_lowercase()).copied();
        let row = own.unwrap_or(&event.channel).clone();
        clears.entry(row).or_default().push(Clear {
            cleared: own.unwrap_or(named).clone(),
            channel: event.channel.clone(),
            record: Mark::of(event),
            by: event.subject.clone(),
        });
    }
    clears
}

fn of_channel(
    machine: &Machine,
    actions: &Actions,
    channel: &Text,
    [mut spans, recovered]: [Vec<&Span>; 2],
    clears: Vec<Clear>,
    boots: Vec<CoveredBoot>,
) -> Option<Coverage> {
    spans.sort_by_key(|span| (span.first_id, span.last_id, span.log));
    // What was recovered tells the bounds only where there is nothing else.
    let told = if spans.is_empty() { &recovered } else { &spans };
    let first = told.first()?;
    let last = told
        .iter()
        .max_by_key(|span| (span.last_id, std::cmp::Reverse(span.log)))?;
    let range = machine.channel(channel);
    let before = |end| machine.copies.partition_point(|(place, _)| *place < end);
    let copied = machine.copies.get(before(range.start)..before(range.end));
    let copied = copied.unwrap_or_default().iter();
    let copied = copied.map(|(_, logs)| logs.len().saturating_sub(1)).sum();
    let losses = [Action::AuditDropped, Action::AuditLost];
    let losses = actions.any_within(&losses, range.clone());
    let changes = actions.within(Action::ClockChange, range.clone());
    let read = spans
        .iter()
        .fold(0, |sum: u64, span| sum.saturating_add(span.records));
    let duplicates = copies(&spans, copied).min(read.saturating_sub(1));
    let origin = match (
        spans.iter().any(|span| span.live),
        spans.iter().any(|span| !span.live),
    ) {
        (true, true) => Origin::Both,
        (true, false) => Origin::Live,
        (false, true) => Origin::Exported,
        (false, false) => Origin::Recovered,
    };
    let dense = spans.iter().filter(is_dense).map(|span| (*span).clone());
    let dense = joined(dense.collect());
    let held = recovered.iter().map(|span| held_by(&dense, span));
    let held = held.fold(0, u64::saturating_add);
    let found = recovered.iter().map(|span| span.records);
    let found = found.fold(0, u64::saturating_add);
    let contradicting = machine.recovered.contradicting.get(channel);
    let contradicting = contradicting.copied().unwrap_or_default();
    let copies_of_recovered = copies(&recovered, 0);
    let live_logs = holdings(&spans);
    let left_out = live_logs.iter().filter(|held| !held.live).map(|held| {
        let numbers = held.last.0.saturating_sub(held.first.0).saturating_add(1);
        numbers.saturating_sub(held.records)
    });
    let own_clears = Clears {
        channel,
        clears: &clears,
    };
    Some(Coverage {
        machine: machine.number,
        host: machine.host.clone(),
        host_aliases: machine.aliases.clone(),
        channel: channel.clone(),
        origin,
        first: (first.first_id, first.first_time),
        last: (last.last_id, last.last_time),
        records: read - duplicates,
        duplicates: duplicates
            .saturating_add(held.saturating_sub(contradicting))
            .saturating_add(copies_of_recovered),
        recovered: found
            .saturating_sub(held)
            .saturating_sub(copies_of_recovered),
        contradicting,
        left_out: left_out.fold(0, u64::saturating_add),
        wrapped: !spans.is_empty()
            && first.live
            && first.first_id > 1
            && !own_clears.explain(first.first_id, None, first.first_time),
        logs: live_logs.into_iter().chain(holdings(&recovered)).collect(),
        gaps: gaps(&spans, &own_clears),
        clock_changes: changes.map(|(_, event)| clock_change(event)).collect(),
        boots,
        audit_losses: losses.iter().map(|(_, event)| audit_loss(event)).collect(),
        offsets: match &**channel {
            SYSTEM => local_time::marks(machine),
            _ => Vec::new(),
        },
        conflicts: machine
            .conflicts
            .iter()
            .filter(|conflict| conflict.channel == *channel)
            .cloned()
            .collect(),
        clears,
    })
}

/// The boots of the Security channel.
fn audited_boots(machine: &Machine, boots: &[Boot]) -> Vec<CoveredBoot> {
    let at = |index: usize| machine.events.get(index);
    let covered = boots.iter().enumerate().map(|(number, boot)| {
        let is_lost = number > 0 && !boot.begins_here;
        let says_so =
            |event: &&Event| event.action == Action::Boot || event.logon_type == Some(LogonType(0));
        let own = machine.events.get(boot.events.clone()).unwrap_or_default();
        let record = match is_lost {
            true => own.first(),
            false => own.iter().find(says_so),
        };
        let (end_reason, end_record) = ending(&boot.end);
        CoveredBoot {
            start: boot.start,
            start_source: match (boot.start, is_lost) {
                (_, true) => StartSource::Inferred,
                (Some(_), false) => StartSource::Recorded,
                (None, false) => StartSource::BeforeLog,
            },
            record: record.map(Mark::of),
            untold_before: 0,
            end_reason,
            end_record: end_record.and_then(at).map(named_mark),
        }
    });
    covered.filter(CoveredBoot::is_told).collect()
}

/// The boots of the System channel. Where it does not tell how one ended, the Security channel may.
fn system_boots(machine: &Machine, audited: &[Boot], boots: &[SystemBoot]) -> Vec<CoveredBoot> {
    let at = |index: usize| machine.events.get(index);
    let joined: HashMap<Time, &Boot> = audited
        .iter()
        .filter_map(|boot| Some((boot.start?, boot)))
        .collect();
    let covered = boots.iter().enumerate().map(|(number, boot)| {
        let next = boots.get(number + 1);
        let audited = boot.start.and_then(|start| joined.get(&start));
        let audited = audited
            .map(|boot| ending(&boot.end))
            .filter(|(reason, _)| *reason != EndReason::LostBoot);
        let (end_reason, end_record) = boot
            .stop
            .map(|stop| (EndReason::Shutdown, Some(stop)))
            .or(audited)
            .unwrap_or_else(|| unstopped(next));
        CoveredBoot {
            start: boot.start,
            start_source: match boot.start {
                Some(_) => StartSource::Recorded,
                None => StartSource::BeforeLog,
            },
            record: boot.began.and_then(at).map(Mark::of),
            untold_before: boot.untold_before,
            end_reason,
            end_record: end_record.and_then(at).map(named_mark),
        }
    });
    covered.filter(CoveredBoot::is_told).collect()
}

/// How a boot without a clean stop ended, by the next.
fn unstopped(next: Option<&SystemBoot>) -> (EndReason, Option<usize>) {
    match next {
        Some(next) if next.crash_before.is_some() => (EndReason::Crash, next.crash_before),
        Some(next) => (EndReason::Unclean, next.began),
        None => (EndReason::LogEnds, None),
    }
}

fn ending(end: &BootEnd) -> (EndReason, Option<usize>) {
    match *end {
        BootEnd::Stopped(stop) | BootEnd::StoppedUnaudited(stop) => {
            (EndReason::Shutdown, Some(stop))
        }
        BootEnd::Broken {
            reason, witness, ..
        } => (reason, Some(witness)),
        BootEnd::Running(_) => (EndReason::LogEnds, None),
    }
}

fn named_mark(event: &Event) -> (Text, Mark) {
    (event.channel.clone(), Mark::of(event))
}

impl CoveredBoot {
    /// Whether something is known of it but that the evidence lies in it.
    fn is_told(&self) -> bool {
        self.start.is_some() || self.record.is_some() || self.end_record.is_some()
    }
}

fn audit_loss(event: &Event) -> AuditLoss {
    let lost = event.lost_audit_event();
    AuditLoss {
        record: Mark::of(event),
        event_id: lost,
        is_logoff: matches!(lost, Some(4634 | 4647)),
    }
}

fn clock_change(event: &Event) -> ClockChange {
    ClockChange {
        record: Mark::of(event),
        previous: event.previous_time,
        new: event.new_time,
        by: event.subject.clone(),
        process: event.process_name.clone(),
        reason: event.details().reason,
    }
}

/// How many numbers a span reaches over.
fn numbers(span: &Span) -> u64 {
    span.last_id.saturating_sub(span.first_id).saturating_add(1)
}

/// Whether a span holds a record of every number that it reaches over.
fn is_dense(span: &&&Span) -> bool {
    numbers(span) == span.records
}

/// The clears of a channel, and of others that it records.
struct Clears<'a> {
    channel: &'a Text,
    clears: &'a [Clear],
}

impl Clears<'_> {
    /// Whether one of them is why the records begin anew at the number `first` and the time `after`, the last one before at `before`.
    fn explain(&self, first: u64, before: Option<Time>, after: Time) -> bool {
        let near = first..=first.saturating_add(CLEAR_RECORDS);
        self.clears.iter().any(|clear| {
            let time = clear.record.time;
            match clear.channel == *self.channel {
                true => clear.cleared == *self.channel && near.contains(&clear.record.record_id),
                // Another channel tells: its numbers say nothing here.
                false => before.is_none_or(|before| before <= time) && time <= after,
            }
        })
    }
}

/// What each log holds, in the order of the evidence.
fn holdings(spans: &[&Span]) -> Vec<Holding> {
    let mut logs: BTreeMap<LogIndex, Holding> = BTreeMap::new();
    for span in spans {
        let (first, last) = (
            (span.first_id, span.first_time),
            (span.last_id, span.last_time),
        );
        let holding = logs.entry(span.log).or_insert(Holding {
            log: span.log,
            records: 0,
            first,
            last,
            live: true,
        });
        holding.records = holding.records.saturating_add(span.records);
        if first.0 < holding.first.0 {
            holding.first = first;
        }
        if last.0 > holding.last.0 {
            holding.last = last;
        }
        holding.live &= span.live;
    }
    logs.into_values().collect()
}

/// How many of the records of a recovered run live logs hold too, by their numbers. `live` are runs in their order.
fn held_by(live: &[Span], recovered: &Span) -> u64 {
    let from = live.partition_point(|run| run.last_id < recovered.first_id);
    let runs = live.iter().skip(from);
    let overlaps = runs
        .take_while(|run| run.first_id <= recovered.last_id)
        .map(|run| {
            let last = run.last_id.min(recovered.last_id);
            last - run.first_id.max(recovered.first_id) + 1
        });
    overlaps.fold(0, u64::saturating_add).min(recovered.records)
}

/// How many copies of records there are beside the first; `copied` of them are known as events. `spans` are sorted by first
/// number.
fn copies(spans: &[&Span], copied: usize) -> u64 {
    let (mut known, mut reached): (u64, Option<u64>) = (0, None);
    for span in spans.iter().filter(is_dense) {
        let overlap = match reached {
            Some(reached) if span.first_id <= reached => {
                numbers(span).min(reached.saturating_sub(span.first_id).saturating_add(1))
            }
            _ => 0,
        };
        known = known.saturating_add(overlap);
        reached = reached.max(Some(span.last_id));
    }
    if spans.iter().all(|span| is_dense(&span)) {
        return known;
    }
    known.max(copied as u64)
}

/// The numbers between records of live logs that no log has. `spans` are sorted by first number.
fn gaps(spans: &[&Span], clears: &Clears<'_>) -> Vec<Gap> {
    let live = || spans.iter().filter(|span| span.live);
    let (Some(lowest), Some(highest)) = (
        live().map(|span| span.first_id).min(),
        live().map(|span| span.last_id).max(),
    ) else {
        return Vec::new();
    };
    let mut gaps = Vec::new();
    let mut reached: Option<(u64, Time)> = None;
    for span in spans.iter().filter(is_dense) {
        if let Some((last, before)) = reached
            && span.first_id > last.saturating_add(1)
            && lowest <= last
            && span.first_id <= highest
        {
            gaps.push(Gap {
                first: last.saturating_add(1),
                last: span.first_id - 1,
                before,
                after: span.first_time,
                cause: match clears.explain(span.first_id, Some(before), span.first_time) {
                    true => GapCause::Cleared,
                    false => GapCause::Missing,
                },
            });
        }
        if reached.is_none_or(|(last, _)| span.last_id > last) {
            reached = Some((span.last_id, span.last_time));
        }
    }
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Machine, Source, machines, timeline};

    const DAY: u64 = 864_000_000_000;

    /// A run of records, one a day.
    fn span(log: u32, first_id: u64, last_id: u64, live: bool) -> Span {
        let time = |id: u64| Time::from_filetime(id * DAY);
        Span {
            log: LogIndex(log),
            channel: "Security".into(),
            computer: "WS01".into(),
            first_id,
            last_id,
            records: last_id - first_id + 1,
            first_time: time(first_id),
            last_time: time(last_id),
            earliest: time(first_id),
            latest: time(last_id),
            live,
        }
    }

    fn event(log: u32, record_id: u64, event_id: u16, action: Action) -> Event {
        let mut event = Event::of(action);
        event.log = LogIndex(log);
        event.set_record_id(record_id);
        event.time = Time::from_filetime(record_id * DAY);
        event.event_id = event_id;
        (event.channel, event.computer) = ("Security".into(), "WS01".into());
        event
    }

    fn coverage(mut machines: Vec<Machine>) -> Vec<Coverage> {
        assert_eq!(machines.len(), 1);
        timeline(machines.remove(0)).coverage
    }

    fn covered(spans: &[Span], events: &[Event]) -> Coverage {
        let mut sources = vec![Source::default(); 4];
        for span in spans {
            sources[span.log.0 as usize].spans.push(span.clone());
        }
        for event in events {
            sources[event.log.0 as usize].events.push(event.clone());
        }
        coverage(machines(sources)).remove(0)
    }

    fn holes(coverage: &Coverage) -> Vec<(u64, u64, GapCause)> {
        let gaps = coverage.gaps.iter();
        gaps.map(|gap| (gap.first, gap.last, gap.cause)).collect()
    }

    #[test]
    fn a_number_that_no_live_log_has_is_missing_and_the_times_around_it_are_told() {
        let found = covered(
            &[
                span(0, 1, 10, true),
                span(0, 15, 20, true),
                span(1, 12, 13, true),
            ],
            &[event(0, 2, 4624, Action::Logon)],
        );
        use GapCause::Missing;
        assert_eq!(holes(&found), [(11, 11, Missing), (14, 14, Missing)]);
        assert_eq!(found.missing(), 2);
        assert_eq!(found.gaps[1].before, Time::from_filetime(13 * DAY));
        assert_eq!(found.gaps[1].after, Time::from_filetime(15 * DAY));
        assert_eq!(
            (found.records, found.duplicates, found.wrapped),
            (18, 0, false)
        );
    }

    #[test]
    fn what_an_exported_log_leaves_out_is_no_gap_and_what_it_holds_fills_one() {
        let mut filtered = span(2, 30, 60, false);
        filtered.records = 5;
        let found = covered(
            &[
                span(0, 1, 10, true),
                span(0, 15, 20, true),
                span(1, 11, 14, false),
                filtered,
            ],
            &[event(0, 2, 4624, Action::Logon)],
        );
        assert_eq!(holes(&found), []);
        assert_eq!((found.origin, found.left_out), (Origin::Both, 26));
        assert_eq!(found.last.0, 60);
    }

    #[test]
    fn a_clear_explains_what_is_missing_before_it_and_why_the_log_does_not_begin_at_1() {
        let clear = event(0, 40, 1102, Action::LogCleared);
        let found = covered(&[span(0, 40, 50, true)], std::slice::from_ref(&clear));
        assert!(!found.wrapped);
        let archived = covered(&[span(0, 40, 50, true), span(1, 5, 30, true)], &[clear]);
        assert_eq!(holes(&archived), [(31, 39, GapCause::Cleared)]);
        assert!(archived.wrapped, "the older log begins at 5");
        assert_eq!(archived.clears[0].record.record_id, 40);
    }

    /// The System record that the log of `channel` was cleared.
    fn cleared(log: u32, record_id: u64, channel: &str) -> Event {
        let mut event = event(log, record_id, 104, Action::LogCleared);
        event.channel = SYSTEM.into();
        let more = crate::event::Details {
            object: Some(channel.into()),
            ..Default::default()
        };
        event.more = Some(Box::new(more));
        event
    }

    fn in_channel(channel: &str, span: Span) -> Span {
        Span {
            channel: channel.into(),
            ..span
        }
    }

    #[test]
    fn a_clear_belongs_to_the_channel_that_it_names_and_to_the_one_that_tells_where_that_has_no_log()
     {
        let ts = "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational";
        let sources = vec![Source {
            spans: vec![
                in_channel(SYSTEM, span(0, 1, 60, true)),
                in_channel(ts, span(0, 20, 25, true)),
                in_channel(ts, span(0, 51, 60, true)),
                in_channel("Application", span(0, 8, 9, true)),
            ],
            events: vec![
                cleared(0, 30, &ts.to_uppercase()),
                cleared(0, 40, SYSTEM),
                cleared(0, 41, "Setup"),
                cleared(0, 5, "Application"),
            ],
            ..Source::default()
        }];
        let rows: BTreeMap<String, Coverage> = coverage(machines(sources))
            .into_iter()
            .map(|row| (row.channel.to_string(), row))
            .collect();
        let told = |row: &Coverage| -> Vec<(u64, String)> {
            let clears = row.clears.iter();
            clears
                .map(|clear| (clear.record.record_id, clear.cleared.to_string()))
                .collect()
        };
        let row = &rows[ts];
        assert_eq!(told(row), [(30, ts.to_owned())]);
        assert_eq!(&*row.clears[0].channel, SYSTEM);
        assert_eq!(
            holes(row),
            [(26, 50, GapCause::Cleared)],
            "by its time: the numbers of System say nothing of this channel"
        );
        assert!(row.wrapped, "the clear came after its first record");
        assert_eq!(row.own_clears(), 1);
        let row = &rows[SYSTEM];
        assert_eq!(
            told(row),
            [(40, SYSTEM.to_owned()), (41, "Setup".to_owned())]
        );
        assert_eq!(row.own_clears(), 1);
        let row = &rows["Application"];
        assert_eq!(told(row).len(), 1);
        assert!(!row.wrapped, "it was cleared before its first record");
    }

    #[test]
    fn a_lost_logoff_counts_only_if_the_auditing_provider_wrote_it() {
        let lost = |record_id, event_id, provider: &str| {
            let mut event = event(0, record_id, 1108, Action::AuditLost);
            event.more = Some(Box::new(crate::event::Details {
                lost_event_id: event_id,
                object: Some(provider.into()),
                ..Default::default()
            }));
            event
        };
        let auditing = "Microsoft-Windows-Security-Auditing";
        let found = covered(
            &[span(0, 1, 10, true)],
            &[
                lost(2, Some(4634), auditing),
                lost(3, Some(4634), "Another"),
                lost(4, None, auditing),
                event(0, 5, 1101, Action::AuditDropped),
                lost(6, Some(4647), auditing),
                lost(7, Some(4703), auditing),
            ],
        );
        let losses = found.audit_losses.iter();
        let told: Vec<_> = losses.map(|loss| (loss.event_id, loss.is_logoff)).collect();
        assert_eq!(
            told,
            [
                (Some(4634), true),
                (None, false),
                (None, false),
                (None, false),
                (Some(4647), true),
                (Some(4703), false)
            ]
        );
        assert_eq!(found.lost_logoffs(), 2);
    }

    #[test]
    fn every_boot_is_told_with_its_end_by_whichever_channel_knows_it() {
        let system = |record_id, event_id, action, boot_id: Option<u32>| {
            let mut event = event(0, record_id, event_id, action);
            event.channel = SYSTEM.into();
            event.more = boot_id.map(|id| {
                Box::new(crate::event::Details {
                    last_boot_id: Some(id),
                    ..Default::default()
                })
            });
            event
        };
        let logon = |record_id, logon_id| {
            let mut event = event(0, record_id, 4624, Action::Logon);
            event.set_logon_id(crate::event::LogonId::new(logon_id));
            event
        };
        let own = |id, event_id, action| event(0, id, event_id, action);
        let sources = vec![Source {
            spans: vec![
                span(0, 1, 90, true),
                in_channel(SYSTEM, span(0, 1, 90, true)),
            ],
            events: vec![
                logon(2, 0x9_0000),
                own(10, 4608, Action::Boot),
                logon(12, 0x9_0000),
                // A boot that nothing but its Logon IDs shows.
                logon(20, 0x5000),
                own(30, 4608, Action::Boot),
                own(38, 1100, Action::LogServiceStop),
                own(50, 4608, Action::Boot),
                system(10, 12, Action::Boot, None),
                system(11, 20, Action::BootStatus, Some(7)),
                system(30, 12, Action::Boot, None),
                system(31, 20, Action::BootStatus, Some(9)),
                system(50, 12, Action::Boot, None),
                system(51, 20, Action::BootStatus, Some(10)),
                system(60, 12, Action::Boot, None),
                system(61, 6008, Action::Crash, None),
            ],
            ..Source::default()
        }];
        let rows = coverage(machines(sources));
        let row = |channel: &str| rows.iter().find(|row| &*row.channel == channel).unwrap();
        type Told = (
            Option<u64>,
            StartSource,
            u32,
            EndReason,
            Option<(String, u64)>,
        );
        let told = |channel| -> Vec<Told> {
            let boots = row(channel).boots.iter();
            boots
                .map(|boot| {
                    let record = boot.record.as_ref().map(|mark| mark.record_id);
                    let end = boot.end_record.as_ref();
                    let end = end.map(|(channel, mark)| (channel.to_string(), mark.record_id));
                    (
                        record,
                        boot.start_source,
                        boot.untold_before,
                        boot.end_reason,
                        end,
                    )
                })
                .collect()
        };
        let by = |channel: &str, record: u64| Some((channel.to_owned(), record));
        use StartSource::{BeforeLog, Inferred, Recorded};
        assert_eq!(
            told(SECURITY),
            [
                (None, BeforeLog, 0, EndReason::Unclean, by(SYSTEM, 10)),
                (Some(10), Recorded, 0, EndReason::LostBoot, by(SECURITY, 20)),
                (Some(20), Inferred, 0, EndReason::Unclean, by(SYSTEM, 30)),
                (Some(30), Recorded, 0, EndReason::Shutdown, by(SECURITY, 38)),
                (Some(50), Recorded, 0, EndReason::Crash, by(SYSTEM, 61)),
            ]
        );
        assert_eq!(
            told(SYSTEM),
            [
                (Some(10), Recorded, 0, EndReason::Unclean, by(SYSTEM, 30)),
                (Some(30), Recorded, 1, EndReason::Shutdown, by(SECURITY, 38)),
                (Some(50), Recorded, 0, EndReason::Crash, by(SYSTEM, 61)),
                (Some(60), Recorded, 0, EndReason::LogEnds, None),
            ]
        );
        assert_eq!(
            (row(SECURITY).recorded_boots(), row(SECURITY).lost_boots()),
            (3, 1)
        );
        assert_eq!(
            (row(SYSTEM).recorded_boots(), row(SYSTEM).lost_boots()),
            (4, 1)
        );
    }

    #[test]
    fn copies_count_beside_the_first_however_they_overlap() {
        let found = covered(
            &[
                span(0, 1, 10, true),
                span(1, 5, 15, true),
                span(2, 1, 15, true),
            ],
            &[event(0, 2, 4624, Action::Logon)],
        );
        assert_eq!((found.records, found.duplicates), (15, 21));
        assert_eq!(found.logs.len(), 3);
        assert_eq!(holes(&found), []);
    }

    #[test]
    fn a_log_without_logon_records_is_told_of_too() {
        let machines = machines(vec![Source {
            spans: vec![span(0, 7, 9, true)],
            ..Source::default()
        }]);
        assert!(!machines[0].same_name);
        let found = coverage(machines);
        assert_eq!(found.len(), 1);
        assert!(found[0].wrapped);
    }
}
