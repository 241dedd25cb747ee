//! What the logs of a machine can speak of: which records they hold, what is missing, and what makes their times unsure.
//!
//! In: one machine's part of the evidence. Out: a [`Coverage`] per channel. Nothing here is a judgement: a gap in an
//! exported log is a filter and is not listed, a gap in a live one is.

use super::machine::{Conflict, Machine, Sources};
use crate::event::{Account, Action, Event, LogIndex, Span, Text};
use crate::named::named;
use crate::time::{TICKS_PER_SECOND, Ticks, Time};
use std::collections::BTreeMap;
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
    /// Whether the oldest records are not there: the numbers do not begin at 1, and no clear says why. They were
    /// overwritten, as a rule; else archived or lost.
    pub wrapped: bool,
    /// The logs that hold it, in the order of the evidence.
    pub logs: Vec<Holding>,
    /// Numbers that are in none of the machine's own logs though they lie between such as are.
    pub gaps: Vec<Gap>,
    /// When it was cleared, and by whom.
    pub clears: Vec<Clear>,
    /// Every change of the clock that it records.
    pub clock_changes: Vec<ClockChange>,
    /// Every boot that it records.
    pub boots: Vec<Mark>,
    /// Audit records that Windows says it could not write.
    pub audit_losses: Vec<Mark>,
    /// Records that two logs hold with different contents.
    pub conflicts: Vec<Conflict>,
}

impl Coverage {
    /// How many records its gaps hide.
    pub fn missing(&self) -> u64 {
        let counts = self.gaps.iter().map(|gap| gap.records());
        counts.fold(0, u64::saturating_add)
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

/// A clearing of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Clear {
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
}

impl ClockChange {
    /// How far the clock went forward; negative if back, `None` if the record does not tell.
    pub fn step(&self) -> Option<Ticks> {
        Some(self.new?.since(self.previous?))
    }
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
    fn of(event: &Event) -> Self {
        Mark {
            record_id: event.record_id,
            event_id: event.event_id,
            time: event.time,
        }
    }
}

/// What the logs hold of each channel of a machine, sorted by channel.
pub fn coverage(machine: &Machine) -> Vec<Coverage> {
    let mut channels: BTreeMap<&Text, Vec<&Span>> = BTreeMap::new();
    for span in &machine.log_spans {
        channels.entry(&span.channel).or_default().push(span);
    }
    let covered = channels
        .into_iter()
        .filter_map(|(channel, spans)| of_channel(machine, channel, spans));
    covered.collect()
}

fn of_channel(machine: &Machine, channel: &Text, mut spans: Vec<&Span>) -> Option<Coverage> {
    spans.sort_by_key(|span| (span.first_id, span.last_id, span.log));
    let first = spans.first()?;
    let last = spans
        .iter()
        .max_by_key(|span| (span.last_id, std::cmp::Reverse(span.log)))?;
    // Events are sorted by channel.
    let from = machine
        .events
        .partition_point(|event| event.channel < *channel);
    let upto = machine
        .events
        .partition_point(|event| event.channel <= *channel);
    let events = machine.events.get(from..upto).unwrap_or_default();
    let sources = machine.sources.get(from..upto).unwrap_or_default();
    let of = |action: Action| events.iter().filter(move |event| event.action == action);

    let clears: Vec<Clear> = of(Action::LogCleared)
        .map(|event| Clear {
            record: Mark::of(event),
            by: event.subject.clone(),
        })
        .collect();
    let read = spans
        .iter()
        .fold(0, |sum: u64, span| sum.saturating_add(span.records));
    let duplicates = copies(&spans, sources).min(read.saturating_sub(1));
    let origin = match (
        spans.iter().any(|span| span.live),
        spans.iter().any(|span| !span.live),
    ) {
        (true, true) => Origin::Both,
        (true, false) => Origin::Live,
        (false, _) => Origin::Exported,
    };
    let logs = holdings(&spans);
    let left_out = logs.iter().filter(|held| !held.live).map(|held| {
        let numbers = held.last.0.saturating_sub(held.first.0).saturating_add(1);
        numbers.saturating_sub(held.records)
    });
    Some(Coverage {
        host: machine.host.clone(),
        host_aliases: machine.aliases.clone(),
        channel: channel.clone(),
        origin,
        first: (first.first_id, first.first_time),
        last: (last.last_id, last.last_time),
        records: read - duplicates,
        duplicates,
        left_out: left_out.fold(0, u64::saturating_add),
        wrapped: first.live && first.first_id > 1 && !is_cleared(&clears, first.first_id),
        logs,
        gaps: gaps(&spans, &clears),
        clears,
        clock_changes: of(Action::ClockChange).map(clock_change).collect(),
        boots: of(Action::Boot).map(Mark::of).collect(),
        audit_losses: events
            .iter()
            .filter(|event| matches!(event.event_id, 1101 | 1108) && **channel == *"Security")
            .map(Mark::of)
            .collect(),
        conflicts: machine
            .conflicts
            .iter()
            .filter(|conflict| conflict.channel == *channel)
            .cloned()
            .collect(),
    })
}

fn clock_change(event: &Event) -> ClockChange {
    ClockChange {
        record: Mark::of(event),
        previous: event.previous_time,
        new: event.new_time,
        by: event.subject.clone(),
        process: event.process_name.clone(),
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

/// Whether the log was cleared where its records begin anew at `first`.
fn is_cleared(clears: &[Clear], first: u64) -> bool {
    let near = first..=first.saturating_add(CLEAR_RECORDS);
    clears
        .iter()
        .any(|clear| near.contains(&clear.record.record_id))
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

/// How many copies of records there are beside the first. `spans` are sorted by first number.
fn copies(spans: &[&Span], sources: &[Sources]) -> u64 {
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
    let of_events = sources.iter().map(|logs| logs.len().saturating_sub(1));
    known.max(of_events.sum::<usize>() as u64)
}

/// The numbers between records of live logs that no log has. `spans` are sorted by first number.
fn gaps(spans: &[&Span], clears: &[Clear]) -> Vec<Gap> {
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
                cause: match is_cleared(clears, span.first_id) {
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
    use crate::session::{Source, machines};

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
        Event {
            log: LogIndex(log),
            record_id,
            event_id,
            time: Time::from_filetime(record_id * DAY),
            channel: "Security".into(),
            computer: "WS01".into(),
            ..Event::of(action)
        }
    }

    fn covered(spans: &[Span], events: &[Event]) -> Coverage {
        let mut sources = vec![Source::default(); 4];
        for span in spans {
            sources[span.log.0 as usize].spans.push(span.clone());
        }
        for event in events {
            sources[event.log.0 as usize].events.push(event.clone());
        }
        let machines = machines(sources);
        assert_eq!(machines.len(), 1);
        coverage(&machines[0]).remove(0)
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
        let found: Vec<Coverage> = machines.iter().flat_map(coverage).collect();
        assert_eq!(found.len(), 1);
        assert!(found[0].wrapped && !machines[0].same_name);
    }
}
