//! Which offset from UTC a machine's local time had, and when.
//!
//! In: the System channel of a machine. Out: [`LocalClock`], which gives the offset at a moment where the records prove it, and
//! the [`OffsetMark`]s that do. Three records tell of it:
//!
//! - Kernel-General 24 (since Windows 10 2004): the offset with daylight saving, at each start and at each change of the zone or
//!   the clock. Real logs hold 240 in late October where 6013 of the same minute has 300.
//! - EventLog 6013: the zone's name and its offset without daylight saving, which alone proves no local time. It is written at
//!   starts and resumes, and each day at noon by local time: then the hour tells whether daylight saving was on. The zone UTC has
//!   none.
//!
//! RdpCoreTS 104 is no witness: it tells the zone of the client.
//!
//! An offset holds between two records that agree, and from a 24 on as long as no record of the channel is missing, up to the
//! start of the next boot or the channel's last record: Windows would have written another 24. The first 24 of a boot holds back
//! to its start, no further: before the first witness the zone may have been another one (images come in Pacific time). Where
//! the clock was set back and a moment came twice under two offsets, neither is claimed.

use super::EndSource;
use super::coverage::Mark;
use super::machine::Machine;
use super::system::SYSTEM;
use crate::event::{Action, Event, Text};
use crate::time::{LocalTime, TICKS_PER_SECOND, Ticks, Time, UtcOffset};
use std::collections::BTreeMap;

/// How far apart two records that agree can be, where nothing between them would tell of a change: no zone keeps or leaves
/// daylight saving for less (Morocco does for the month of Ramadan).
const AGREE: Ticks = 28 * DAY;

/// How long after noon the daily 6013 is written at most: 41 of 41 were within 2 s.
const NOON: Ticks = 5 * TICKS_PER_SECOND;

/// The zone that has no daylight saving by definition, in English: that of most servers. Other such zones can have had it once.
const UTC: &str = "Coordinated Universal Time";

/// A 6013 is the daily one if Windows has run for so many seconds: that of a start is written within the first two minutes.
const RUNNING: u64 = 600;

/// How many records that a change of the clock brings can be written before it.
const BROUGHT: usize = 4;

const HOUR: Ticks = 3600 * TICKS_PER_SECOND;
const DAY: Ticks = 24 * HOUR;

/// A record that tells something new about a machine's local time.
#[derive(Debug, Clone, PartialEq)]
pub struct OffsetMark {
    /// The record.
    pub record: Mark,
    /// The offset from then on; `None` where the record does not tell whether daylight saving was on.
    pub offset: Option<UtcOffset>,
    /// How the offset is known.
    pub source: EndSource,
    /// The zone's offset without daylight saving, if the record tells it.
    pub standard: Option<UtcOffset>,
    /// The zone's name, in the machine's language.
    pub zone: Option<Text>,
}

impl OffsetMark {
    fn of(event: &Event) -> Option<Self> {
        let minutes = |minutes: Option<i32>| minutes.and_then(UtcOffset::from_minutes);
        let more = event.details();
        let mut mark = OffsetMark {
            record: Mark::of(event),
            offset: None,
            source: EndSource::Unknown,
            standard: None,
            zone: None,
        };
        match event.action {
            Action::TimeZone => {
                mark.offset = minutes(more.utc_offset_minutes);
                mark.source = EndSource::Recorded;
            }
            Action::Uptime => {
                mark.standard = minutes(more.standard_offset_minutes);
                mark.zone.clone_from(&more.object);
                mark.offset = match is_utc(event) {
                    true => mark.standard,
                    false => mark.standard.and_then(|standard| at_noon(event, standard)),
                };
                if mark.offset.is_some() {
                    mark.source = EndSource::Inferred;
                }
            }
            _ => return None,
        }
        (mark.offset.is_some() || mark.standard.is_some()).then_some(mark)
    }

    /// Whether a change of the offset would have brought another such record.
    fn announces(&self) -> bool {
        self.source == EndSource::Recorded
    }
}

/// The offset at a daily 6013, which is written at noon: the standard one, or an hour more.
fn at_noon(event: &Event, standard: UtcOffset) -> Option<UtcOffset> {
    let since_midnight = |offset: UtcOffset| {
        let ticks = event.time.plus(offset.ticks()).filetime();
        Ticks::try_from(ticks).map_or(0, |ticks| ticks % DAY)
    };
    let summer = UtcOffset::from_minutes(standard.minutes() + 60);
    let mut candidates = [Some(standard), summer].into_iter().flatten();
    let is_noon =
        |offset: &UtcOffset| (12 * HOUR..=12 * HOUR + NOON).contains(&since_midnight(*offset));
    candidates.find(is_noon).filter(|_| is_running(event))
}

/// The records that tell something new about a machine's local time, in record order.
pub(super) fn marks(machine: &Machine) -> Vec<OffsetMark> {
    let mut known = (None, None, None);
    let mut told = Vec::new();
    for event in machine
        .events
        .get(machine.channel(SYSTEM))
        .unwrap_or_default()
    {
        let Some(mark) = OffsetMark::of(event) else {
            continue;
        };
        let now = (
            mark.offset.or(known.0),
            mark.standard.or(known.1),
            mark.zone.clone().or(known.2.clone()),
        );
        if now != known {
            known = now;
            told.push(mark);
        }
    }
    told
}

/// The offsets of a machine's local time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LocalClock {
    /// From a moment to before another, in order of time, none over another.
    stretches: Vec<(Time, Time, UtcOffset)>,
}

impl LocalClock {
    /// The offsets that the records of a machine prove.
    pub fn of(machine: &Machine) -> Self {
        let events = machine
            .events
            .get(machine.channel(SYSTEM))
            .unwrap_or_default();
        let events: Vec<&Event> = events.iter().filter(|event| is_in_order(event)).collect();
        let mut pieces = Pieces::new(machine, &events);
        let witnesses: Vec<(usize, OffsetMark)> = events
            .iter()
            .enumerate()
            .filter_map(|(at, event)| Some((at, OffsetMark::of(event)?)))
            .filter(|(_, mark)| mark.offset.is_some())
            .collect();
        if let Some((at, mark)) = witnesses.first()
            && mark.announces()
        {
            pieces.hold_back(0, *at, mark.offset);
        }
        for pair in witnesses.windows(2) {
            let [(from, before), (to, after)] = pair else {
                continue;
            };
            let near = before.record.time.within(after.record.time, AGREE);
            if before.offset == after.offset && near {
                pieces.hold(*from, *to, before.offset);
                continue;
            }
            if before.announces() {
                pieces.hold(*from, pieces.covered(*from, *to), before.offset);
            }
            if after.announces() {
                pieces.hold_back(*from, *to, after.offset);
            }
        }
        if let Some((at, mark)) = witnesses.last()
            && mark.announces()
        {
            pieces.hold(*at, pieces.covered(*at, events.len()), mark.offset);
        }
        LocalClock {
            stretches: disjoint(pieces.held()),
        }
    }

    /// Each proven offset: from a moment to before another, in order of time, none over another.
    pub fn stretches(&self) -> &[(Time, Time, UtcOffset)] {
        &self.stretches
    }

    /// The moment as the machine's local time, where its offset then is proven.
    pub fn at(&self, time: Time) -> Option<LocalTime> {
        let after = self.stretches.partition_point(|(from, ..)| *from <= time);
        let (_, to, offset) = self.stretches.get(after.checked_sub(1)?)?;
        (time < *to).then_some(LocalTime {
            time,
            offset: *offset,
        })
    }
}

/// The time from each event of the System channel to the next, in record order.
struct Pieces<'a> {
    events: &'a [&'a Event],
    /// Where each piece ends; one for each event.
    ends: Vec<Time>,
    /// Whether records are missing inside each piece.
    gaps: Vec<bool>,
    offsets: Vec<Option<UtcOffset>>,
}

impl<'a> Pieces<'a> {
    fn new(machine: &Machine, events: &'a [&'a Event]) -> Self {
        // Runs of records without a gap, by their first numbers; an export has one, whatever it leaves out.
        let runs: Vec<(u64, u64, Time, bool)> = machine
            .spans
            .iter()
            .filter(|span| *span.channel == *SYSTEM)
            .map(|span| (span.first_id, span.last_id, span.last_time, span.live))
            .collect();
        let run_of = |event: &Event| {
            let upto = runs.partition_point(|run| run.0 <= event.record_id());
            upto.checked_sub(1)
        };
        let gaps = events.iter().enumerate().map(|(at, event)| {
            let own = run_of(event).and_then(|run| runs.get(run));
            let next = events.get(at + 1);
            !own.is_some_and(|run| run.3 && next.is_none_or(|next| next.record_id() <= run.1))
        });
        let mut ends = Vec::with_capacity(events.len());
        let last = events.last().map(|event| (event.time, run_of(event)));
        ends.extend(last.map(|(time, run)| {
            let run = run.and_then(|run| runs.get(run));
            run.map_or(time, |run| run.2.max(time))
        }));
        let mut change: Option<(Time, Time, usize)> = None;
        for pair in events.windows(2).rev() {
            let [event, next] = pair else { continue };
            change = next
                .previous_time
                .map(|previous| (previous, next.time, 0))
                .or(change);
            let since = |time: Time| time.since(event.time).unsigned_abs();
            ends.push(match change {
                // What a change of the clock brings is often written before it, by the new clock.
                Some((previous, new, count)) if since(new) < since(previous) && count < BROUGHT => {
                    change = Some((previous, new, count + 1));
                    begins(next)
                }
                Some((previous, _, count)) if count < BROUGHT => {
                    change = None;
                    previous
                }
                _ => begins(next),
            });
        }
        ends.reverse();
        let gaps = gaps.collect();
        Pieces {
            events,
            ends,
            gaps,
            offsets: vec![None; events.len()],
        }
    }

    fn is_boot(&self, at: usize) -> bool {
        self.events
            .get(at)
            .is_some_and(|event| event.action == Action::Boot)
    }

    fn is_gap(&self, at: usize) -> bool {
        self.gaps.get(at).copied().unwrap_or(true)
    }

    /// How far from the event at `from`, at most to `to`, no record is missing and no boot begins.
    fn covered(&self, from: usize, to: usize) -> usize {
        let stop = (from..to).find(|&at| self.is_gap(at) || self.is_boot(at + 1));
        match stop {
            // From the last record of a boot to the next boot the machine is off.
            Some(at) if !self.is_gap(at) => at + 1,
            Some(at) => at,
            None => to,
        }
    }

    /// Gives the pieces from `from` to `to` an offset.
    fn hold(&mut self, from: usize, to: usize, offset: Option<UtcOffset>) {
        for piece in self.offsets.get_mut(from..to).into_iter().flatten() {
            *piece = offset;
        }
    }

    /// Gives the pieces from the start of the boot that the event at `to` is of an offset, but none before `from` and none
    /// before a gap.
    fn hold_back(&mut self, from: usize, to: usize, offset: Option<UtcOffset>) {
        let boot = (from..to).rev().find(|&at| self.is_boot(at));
        if let Some(boot) = boot
            && !(boot..to).any(|at| self.is_gap(at))
        {
            self.hold(boot, to, offset);
        }
    }

    /// What is known: from, to before, offset; without what the clock went back over.
    fn held(&self) -> Vec<(Time, Time, UtcOffset)> {
        let mut held = Vec::new();
        for (at, (event, &end)) in self.events.iter().zip(&self.ends).enumerate() {
            let (from, offset) = (begins(event), self.offsets.get(at).copied().flatten());
            // The moment of the next event is the next piece's.
            let goes_on = self.offsets.get(at + 1).is_some_and(Option::is_some)
                && self
                    .events
                    .get(at + 1)
                    .is_some_and(|next| begins(next) == end);
            let to = if goes_on { end } else { end.plus(1) };
            held.extend(
                offset
                    .filter(|_| from < to)
                    .map(|offset| (from, to, offset)),
            );
        }
        held
    }
}

/// Whether a record stands where it was written. Those of the event log service's start come some records early: on one machine
/// its clock had been set back by three hours in between.
fn is_in_order(event: &Event) -> bool {
    match event.action {
        Action::LogServiceStart | Action::WindowsVersion => false,
        Action::Crash => event.event_id != 6008,
        Action::Uptime => is_running(event) || is_utc(event),
        _ => true,
    }
}

fn is_utc(event: &Event) -> bool {
    event.details().object.as_deref() == Some(UTC)
}

/// Whether a 6013 is none of a start.
fn is_running(event: &Event) -> bool {
    event
        .details()
        .uptime_seconds
        .is_some_and(|up| up >= RUNNING)
}

/// When what an event tells of began: a boot before its first record.
fn begins(event: &Event) -> Time {
    match event.action {
        Action::Boot => event
            .details()
            .start_time
            .map_or(event.time, |start| start.min(event.time)),
        _ => event.time,
    }
}

/// Stretches that may lie over each other as such that do not, in order of time; without what is told twice and differently.
fn disjoint(stretches: Vec<(Time, Time, UtcOffset)>) -> Vec<(Time, Time, UtcOffset)> {
    let mut bounds: Vec<(Time, UtcOffset, i32)> = stretches
        .into_iter()
        .flat_map(|(from, to, offset)| [(from, offset, 1), (to, offset, -1)])
        .collect();
    bounds.sort_unstable();
    let mut open: BTreeMap<UtcOffset, i32> = BTreeMap::new();
    let mut told: Vec<(Time, Time, UtcOffset)> = Vec::new();
    let mut since: Option<Time> = None;
    for (time, offset, change) in bounds {
        if let (Some(since), [only]) = (since, open.keys().collect::<Vec<_>>().as_slice())
            && since < time
        {
            match told.last_mut() {
                Some(last) if last.1 == since && last.2 == **only => last.1 = time,
                _ => told.push((since, time, **only)),
            }
        }
        let count = open.entry(offset).or_default();
        *count += change;
        if *count <= 0 {
            open.remove(&offset);
        }
        since = Some(time);
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Details;
    use crate::session::tests::span;
    use crate::session::{Source, machines};

    fn at(text: &str) -> Time {
        format!("2024-{text}").parse().unwrap()
    }

    fn event(event_id: u16, action: Action, time: &str, more: Details) -> Event {
        let mut event = Event::of(action);
        (event.event_id, event.time) = (event_id, at(time));
        (event.channel, event.computer) = (SYSTEM.into(), "WS01".into());
        event.more = Some(Box::new(more));
        event
    }

    fn boot(time: &str) -> Event {
        event(12, Action::Boot, time, Details::default())
    }

    fn stop(time: &str) -> Event {
        event(13, Action::Shutdown, time, Details::default())
    }

    fn zone(time: &str, minutes: i32) -> Event {
        let more = Details {
            utc_offset_minutes: Some(minutes),
            ..Details::default()
        };
        event(24, Action::TimeZone, time, more)
    }

    fn uptime(time: &str, seconds: u64, standard: i32) -> Event {
        let more = Details {
            uptime_seconds: Some(seconds),
            standard_offset_minutes: Some(standard),
            object: Some("Pacific Standard Time".into()),
            ..Details::default()
        };
        event(6013, Action::Uptime, time, more)
    }

    fn clock(previous: &str, new: &str) -> Event {
        let mut event = event(1, Action::ClockChange, new, Details::default());
        (event.previous_time, event.new_time) = (Some(at(previous)), Some(at(new)));
        event
    }

    /// The machine that wrote these records one after the other; `None` stands for one that is missing.
    fn machine(records: Vec<Option<Event>>) -> Machine {
        let numbered = records.into_iter().zip(1..);
        let events = numbered.filter_map(|(event, record_id)| {
            let mut event = event?;
            event.set_record_id(record_id);
            Some(event)
        });
        let events: Vec<Event> = events.collect();
        let source = Source {
            spans: events.iter().map(span).collect(),
            events,
            ..Source::default()
        };
        machines(vec![source]).remove(0)
    }

    fn offsets<const N: usize>(machine: &Machine, times: [&str; N]) -> [Option<i32>; N] {
        let clock = LocalClock::of(machine);
        times.map(|time| Some(clock.at(at(time))?.offset.minutes()))
    }

    #[test]
    fn an_offset_holds_until_the_next_is_told_and_back_to_the_start_of_its_boot() {
        let machine = machine(vec![
            Some(stop("03-01T08:00:00")),
            Some(boot("03-02T08:00:00")),
            Some(zone("03-02T08:00:05", -480)),
            Some(zone("03-02T12:00:00", -300)),
            Some(stop("03-02T17:00:00")),
            Some(boot("05-20T08:00:00")),
            Some(zone("05-20T08:00:05", -240)),
            Some(stop("05-20T17:00:00")),
        ]);
        assert_eq!(
            offsets(
                &machine,
                ["03-01T08:00:00", "03-02T08:00:01", "03-02T11:59:59"]
            ),
            [None, Some(-480), Some(-480)]
        );
        assert_eq!(
            offsets(
                &machine,
                ["03-02T12:00:00", "03-02T17:00:00", "05-20T08:00:00"]
            ),
            [Some(-300), Some(-300), Some(-240)]
        );
        assert_eq!(
            offsets(&machine, ["05-20T17:00:00", "05-20T17:00:01"]),
            [Some(-240), None],
            "beyond the last record nothing is told"
        );
    }

    #[test]
    fn the_zone_in_6013_proves_no_local_time_but_that_of_noon_tells_daylight_saving() {
        let started = machine(vec![
            Some(boot("07-01T08:00:00")),
            Some(uptime("07-01T08:00:20", 20, -480)),
            Some(uptime("07-01T19:30:00", 41_400, -480)),
            Some(stop("07-02T08:00:00")),
        ]);
        assert_eq!(
            offsets(&started, ["07-01T08:00:20", "07-01T19:30:00"]),
            [None, None]
        );
        let told = marks(&started);
        assert_eq!(told.len(), 1, "the second tells nothing new");
        assert_eq!((told[0].offset, told[0].source), (None, EndSource::Unknown));
        assert_eq!(told[0].standard.unwrap().to_string(), "-08:00");
        assert_eq!(told[0].zone.as_deref(), Some("Pacific Standard Time"));

        let server = machine(vec![
            Some(uptime("07-01T19:00:01", 1_000_000, -480)),
            Some(uptime("07-02T19:00:00", 1_086_399, -480)),
            Some(uptime("11-20T20:00:00", 9_000_000, -480)),
            Some(uptime("11-21T20:00:00", 9_086_400, -480)),
        ]);
        assert_eq!(
            offsets(&server, ["07-02T03:00:00", "11-21T03:00:00"]),
            [Some(-420), Some(-480)]
        );
        assert_eq!(
            offsets(&server, ["09-01T00:00:00", "11-22T00:00:00"]),
            [None, None],
            "it tells nothing of what comes after it"
        );
        assert!(
            marks(&server)
                .iter()
                .all(|mark| mark.source == EndSource::Inferred)
        );
        let starts_at_noon = machine(vec![
            Some(uptime("07-01T20:00:02", 30, -480)),
            Some(stop("07-01T20:00:04")),
        ]);
        assert_eq!(offsets(&starts_at_noon, ["07-01T20:00:03"]), [None]);
    }

    #[test]
    fn in_the_zone_utc_every_6013_tells_local_time() {
        let in_utc = |time| {
            let mut event = uptime(time, 20, 0);
            event.more.get_or_insert_default().object = Some(UTC.into());
            Some(event)
        };
        let machine = machine(vec![in_utc("07-01T08:00:20"), in_utc("07-09T08:00:20")]);
        assert_eq!(
            offsets(&machine, ["07-05T00:00:00", "07-09T09:00:00"]),
            [Some(0), None]
        );
    }

    #[test]
    fn where_records_are_missing_an_offset_holds_only_between_two_that_agree() {
        let story = |second: i32, day: &str| {
            machine(vec![
                Some(boot("03-02T08:00:00")),
                Some(zone("03-02T08:00:05", -480)),
                None,
                Some(zone(day, second)),
            ])
        };
        let middle = ["03-05T00:00:00"];
        assert_eq!(
            offsets(&story(-480, "03-20T08:00:00"), middle),
            [Some(-480)]
        );
        assert_eq!(offsets(&story(-480, "09-20T08:00:00"), middle), [None]);
        assert_eq!(offsets(&story(-420, "03-20T08:00:00"), middle), [None]);
    }

    #[test]
    fn what_an_export_holds_tells_nothing_of_what_it_leaves_out() {
        let mut machine = machine(vec![
            Some(boot("03-02T08:00:00")),
            Some(zone("03-02T08:00:05", -480)),
            Some(stop("03-05T08:00:00")),
        ]);
        assert_eq!(offsets(&machine, ["03-04T08:00:00"]), [Some(-480)]);
        machine.spans.iter_mut().for_each(|span| span.live = false);
        assert_eq!(offsets(&machine, ["03-04T08:00:00"]), [None]);
    }

    #[test]
    fn a_moment_that_came_twice_under_two_offsets_has_no_local_time() {
        let machine = machine(vec![
            Some(boot("03-02T08:00:00")),
            Some(zone("03-02T08:00:05", -480)),
            Some(zone("03-02T12:00:00", -300)),
            // Brought by the change that follows it, by the new clock.
            Some(zone("03-02T10:00:00", -300)),
            Some(clock("03-02T13:00:00", "03-02T10:00:00")),
            Some(stop("03-02T14:00:00")),
        ]);
        assert_eq!(
            offsets(
                &machine,
                [
                    "03-02T09:59:59",
                    "03-02T11:00:00",
                    "03-02T12:30:00",
                    "03-02T13:30:00"
                ]
            ),
            [Some(-480), None, Some(-300), Some(-300)]
        );
    }

    #[test]
    fn what_the_clock_leapt_over_has_no_local_time_of_the_time_before() {
        // Windows writes the first records of the event log service early, by whichever clock holds then.
        let start = event(
            6005,
            Action::LogServiceStart,
            "03-02T16:00:00",
            Details::default(),
        );
        let machine = machine(vec![
            Some(boot("03-02T19:00:00")),
            Some(start),
            Some(zone("03-02T19:00:05", -480)),
            Some(zone("03-02T16:00:00", -300)),
            Some(clock("03-02T19:00:10", "03-02T16:00:00")),
            Some(zone("03-02T20:00:00", -300)),
            Some(clock("03-02T16:30:00", "03-02T20:00:00")),
            Some(stop("03-02T21:00:00")),
        ]);
        assert_eq!(
            offsets(
                &machine,
                [
                    "03-02T16:10:00",
                    "03-02T19:00:07",
                    "03-02T18:00:00",
                    "03-02T20:30:00"
                ]
            ),
            [Some(-300), Some(-480), None, Some(-300)]
        );
    }
}
