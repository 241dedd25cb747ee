//! What the page draws, as one JSON document: texts once, sessions by columns, times in milliseconds since 1970 (of sessions
//! since the one before on the same machine), which is as exact as a drawing needs; stories hold the ticks.
//!
//! In: the report. Out: the document. `page.js` takes the columns apart.

use super::markup::Embedded;
use super::{Report, shown, stories};
use crate::analysis::TimelineEvent;
use crate::event::{Account, LogonId, Text};
use crate::export::{account, spoken, step_of, why_failed};
use crate::named::named;
use crate::session::{
    Coverage, EndReason, EndSource, Flag, GapCause, Interactivity, Interval, Kind, Mark,
    StartSource, State,
};
use crate::sid::AccountClass;
use crate::spoof::suspicion;
use crate::time::{TICKS_PER_SECOND, Ticks, Time};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};

/// How far refused logons of one burst lie apart at most.
const BURST: Ticks = 600 * TICKS_PER_SECOND;

/// How many accounts, addresses and reasons of a burst are told; the rest is counted.
const TOLD: usize = 8;

#[derive(Serialize)]
struct Document {
    version: &'static str,
    texts: Vec<String>,
    /// Why a text is a suspicious name, by their places among the texts.
    suspicious: BTreeMap<usize, usize>,
    kinds: Vec<(&'static str, &'static str)>,
    classes: Vec<(&'static str, &'static str)>,
    interactivities: Vec<(&'static str, &'static str)>,
    reasons: Vec<(&'static str, &'static str)>,
    flags: Vec<(&'static str, &'static str)>,
    states: Vec<(&'static str, &'static str)>,
    marks: Vec<(&'static str, &'static str)>,
    /// Label, SID or nothing, class.
    accounts: Vec<(usize, Option<usize>, usize)>,
    machines: Vec<Machine>,
    sessions: Columns,
    stories: Stories,
}

/// Where stories stand.
#[derive(Serialize)]
struct Stories {
    together: usize,
    /// The steps between the places of sessions that have one; nothing if all have.
    of: Option<Vec<usize>>,
}

#[derive(Serialize)]
struct Machine {
    host: usize,
    aliases: Vec<usize>,
    /// How many of the sessions, which are in the order of machines, are its.
    sessions: usize,
    /// From, to before, minutes ahead of UTC: where its local time is proven.
    offsets: Vec<(i64, i64, i32)>,
    channels: Vec<Channel>,
    /// From, to, or nothing if it still ran when the evidence ends.
    boots: Vec<(i64, Option<i64>)>,
    marks: Vec<Drawn>,
}

#[derive(Serialize)]
struct Channel {
    name: usize,
    first: i64,
    last: i64,
}

named! {
    /// What a mark tells of.
    pub enum MarkKind {
        /// Windows started.
        Boot = "boot",
        /// Windows stopped cleanly.
        Stop = "stop",
        /// Windows stopped without a clean stop, or nobody knows how.
        Crash = "crash",
        /// A log was cleared.
        Clear = "clear",
        /// Records are missing.
        Gap = "gap",
        /// Logons were refused, one soon after the other.
        Refused = "refused",
        /// The clock was changed by a second or more.
        Clock = "clock",
        /// Windows says that it lost audit events.
        Loss = "loss",
    }
}

/// A mark: its kind, when, to when if it lasts, how many it stands for, and what it tells, in lines.
#[derive(Serialize)]
struct Drawn {
    kind: &'static str,
    at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<i64>,
    count: u64,
    said: Vec<usize>,
}

/// A part not in use: state, from, to, whether both bounds were recorded, address of the client that came back.
type Part = (usize, Option<i64>, Option<i64>, bool, Option<usize>);

/// The sessions, a column each. A session's times but its beginning are counted from that.
#[derive(Serialize, Default)]
struct Columns {
    /// All ids, one behind the other.
    ids: String,
    account: Vec<usize>,
    kind: Vec<usize>,
    interactivity: Vec<usize>,
    /// When it is first known to be there, since the same of the session before.
    begin: Vec<i64>,
    /// How that is known: 0 recorded, 1 inferred, 2 it was there by then and began before, 3 not at all.
    start: Vec<u8>,
    /// The earliest moment it can have ended.
    end: Vec<Option<i64>>,
    /// 0 recorded, 1 inferred, 2 between `end` and `latest`, 3 not before `end` and nothing else is known, 4 by `latest`, 5 nothing
    /// is known.
    ending: Vec<u8>,
    reason: Vec<usize>,
    address: Vec<Option<usize>>,
    workstation: Vec<Option<usize>>,
    flags: Vec<u32>,
    /// A number, or text where it is too big for one.
    logon_id: Vec<Option<serde_json::Value>>,
    /// The latest moment it can have ended, where that is not `end`.
    latest: BTreeMap<usize, i64>,
    /// Its duration in milliseconds, or nothing if that is not known, where it is not `end`.
    duration: BTreeMap<usize, Option<i64>>,
    intervals: BTreeMap<usize, Vec<Part>>,
    failures_before: BTreeMap<usize, u32>,
}

/// Each text once.
#[derive(Default)]
struct Texts {
    places: HashMap<String, usize>,
    texts: Vec<String>,
    suspicious: BTreeMap<usize, usize>,
}

impl Texts {
    fn place(&mut self, text: &str) -> usize {
        let text = shown(text);
        if let Some(place) = self.places.get(&text) {
            return *place;
        }
        let place = self.texts.len();
        self.texts.push(text.clone());
        self.places.insert(text, place);
        place
    }

    fn maybe(&mut self, text: Option<&Text>) -> Option<usize> {
        text.map(|text| self.place(text))
    }

    /// The place of a name, which may be suspicious.
    fn name(&mut self, name: &str, why: Option<&'static str>) -> usize {
        let place = self.place(name);
        if let Some(why) = why {
            let why = self.place(why);
            self.suspicious.insert(place, why);
        }
        place
    }
}

/// Why an account's name, or that of its domain, is suspicious.
pub(super) fn suspicion_of(account: &Account) -> Option<&'static str> {
    let names = [&account.name, &account.domain].into_iter().flatten();
    names.into_iter().find_map(|name| suspicion(name))
}

/// The milliseconds of a FILETIME at the beginning of 1970.
const UNIX_EPOCH: i64 = 11_644_473_600_000;

/// Milliseconds since 1970.
pub(super) fn milliseconds(time: Time) -> i64 {
    (time.filetime() / 10_000) as i64 - UNIX_EPOCH
}

/// The time so many milliseconds after the beginning of 1970.
pub(super) fn time_of(milliseconds: i64) -> Time {
    let since = milliseconds.saturating_add(UNIX_EPOCH).max(0) as u64;
    Time::from_filetime(since.saturating_mul(10_000))
}

pub(super) fn write(
    report: &Report<'_>,
    told: &[usize],
    reaches: &[(Time, Time)],
    out: &mut impl Write,
) -> io::Result<()> {
    let mut texts = Texts::default();
    let (accounts, sessions) = columns(report, &mut texts);
    let machines = machines(report, reaches, &mut texts);
    let document = Document {
        version: env!("CARGO_PKG_VERSION"),
        kinds: words(Kind::ALL, Kind::name, Kind::meaning),
        classes: words(AccountClass::ALL, AccountClass::name, AccountClass::meaning),
        interactivities: words(
            Interactivity::ALL,
            Interactivity::name,
            Interactivity::meaning,
        ),
        reasons: words(EndReason::ALL, EndReason::name, EndReason::meaning),
        flags: words(Flag::ALL, Flag::name, Flag::meaning),
        states: words(State::ALL, State::name, State::meaning),
        marks: words(MarkKind::ALL, MarkKind::name, MarkKind::meaning),
        accounts,
        machines,
        sessions,
        stories: Stories {
            together: stories::TOGETHER,
            of: (told.len() < report.sessions.len()).then(|| steps(told)),
        },
        suspicious: texts.suspicious,
        texts: texts.texts,
    };
    serde_json::to_writer(Embedded(out), &document).map_err(io::Error::from)
}

fn words<T: Copy>(
    all: &[T],
    name: impl Fn(T) -> &'static str,
    meaning: impl Fn(T) -> &'static str,
) -> Vec<(&'static str, &'static str)> {
    all.iter().map(|&one| (name(one), meaning(one))).collect()
}

fn place_in<T: PartialEq>(all: &[T], one: T) -> usize {
    all.iter().position(|known| *known == one).unwrap_or(0)
}

fn steps(places: &[usize]) -> Vec<usize> {
    let mut before = 0;
    let step = |place: &usize| place - std::mem::replace(&mut before, *place);
    places.iter().map(step).collect()
}

type Accounts = Vec<(usize, Option<usize>, usize)>;

fn columns(report: &Report<'_>, texts: &mut Texts) -> (Accounts, Columns) {
    let mut accounts = Vec::new();
    let mut places: HashMap<(&Account, AccountClass), usize> = HashMap::new();
    let mut columns = Columns::default();
    let mut before = (usize::MAX, 0);
    for (place, s) in report.sessions.iter().enumerate() {
        columns.ids.push_str(&s.id);
        let account = *places.entry((&s.account, s.class)).or_insert_with(|| {
            let mut label = account(&s.account);
            if label.is_empty() {
                label = "(no record names the account)".to_owned();
            }
            let sid = s.account.sid.as_ref().map(|sid| texts.place(sid.as_str()));
            accounts.push((
                texts.name(&label, suspicion_of(&s.account)),
                sid,
                place_in(AccountClass::ALL, s.class),
            ));
            accounts.len() - 1
        });
        columns.account.push(account);
        columns.kind.push(place_in(Kind::ALL, s.kind));
        let interactivity = place_in(Interactivity::ALL, s.interactivity);
        columns.interactivity.push(interactivity);
        let begin = s.start.time.or(s.start.max).or(s.end.min).or(s.end.max);
        let begin = begin.map_or(0, milliseconds);
        if before.0 != s.machine {
            before = (s.machine, 0);
        }
        columns.begin.push(begin - before.1);
        before.1 = begin;
        columns
            .start
            .push(match (s.start.time, s.start.max, s.start.source) {
                (Some(_), _, StartSource::Recorded) => 0,
                (Some(_), ..) => 1,
                (None, Some(_), _) => 2,
                (None, None, _) => 3,
            });
        let since = |time: Time| milliseconds(time) - begin;
        let end = s.end;
        columns.end.push(end.min.map(since));
        columns.ending.push(match (end.time(), end.min, end.max) {
            (Some(_), ..) if end.source == EndSource::Recorded => 0,
            (Some(_), ..) => 1,
            (None, Some(_), Some(_)) => 2,
            (None, Some(_), None) => 3,
            (None, None, Some(_)) => 4,
            (None, None, None) => 5,
        });
        if end.time().is_none() {
            columns
                .latest
                .extend(end.max.map(|max| (place, since(max))));
        }
        let duration = s.duration.map(|ticks| ticks / 10_000);
        if duration != end.time().map(since) {
            columns.duration.insert(place, duration);
        }
        columns.reason.push(place_in(EndReason::ALL, s.end.reason));
        columns.address.push(texts.maybe(s.source_address.as_ref()));
        let workstation = s.workstation.as_ref();
        columns
            .workstation
            .push(workstation.map(|name| texts.name(name, suspicion(name))));
        let flags = s.flags.iter().map(|&flag| 1 << place_in(Flag::ALL, flag));
        columns.flags.push(flags.sum());
        columns.logon_id.push(s.logon_id.map(logon_id));
        if !s.intervals.is_empty() {
            let interval = |interval: &Interval| {
                (
                    place_in(State::ALL, interval.state),
                    interval.from.map(since),
                    interval.to.map(since),
                    interval.source == EndSource::Recorded,
                    texts.maybe(interval.address.as_ref()),
                )
            };
            let intervals = s.intervals.iter().map(interval).collect();
            columns.intervals.insert(place, intervals);
        }
        columns
            .failures_before
            .extend(s.failures_before.map(|count| (place, count)));
    }
    (accounts, columns)
}

fn logon_id(id: LogonId) -> serde_json::Value {
    /// Every whole number up to this one is a number of JavaScript.
    const EXACT: u64 = 1 << 53;
    match id.get() {
        id if id < EXACT => id.into(),
        _ => id.to_string().into(),
    }
}

fn machines(report: &Report<'_>, reaches: &[(Time, Time)], texts: &mut Texts) -> Vec<Machine> {
    let mut machines: BTreeMap<usize, Machine> = BTreeMap::new();
    fn known<'m>(
        machines: &'m mut BTreeMap<usize, Machine>,
        texts: &mut Texts,
        report: &Report<'_>,
        number: usize,
        (host, aliases): (&Text, &[Text]),
    ) -> &'m mut Machine {
        machines.entry(number).or_insert_with(|| {
            let clock = report.view.analysis().local_clocks.get(number);
            let stretches = clock.map(|clock| clock.stretches()).unwrap_or_default();
            let stretches = stretches.iter().map(|(from, to, offset)| {
                (milliseconds(*from), milliseconds(*to), offset.minutes())
            });
            Machine {
                host: texts.name(host, suspicion(host)),
                aliases: aliases
                    .iter()
                    .map(|alias| texts.name(alias, suspicion(alias)))
                    .collect(),
                sessions: 0,
                offsets: stretches.collect(),
                channels: Vec::new(),
                boots: Vec::new(),
                marks: Vec::new(),
            }
        })
    }
    let mut best: HashMap<usize, (&Coverage, &Coverage)> = HashMap::new();
    for c in &report.coverage {
        let (boots, clock) = best.entry(c.machine).or_insert((c, c));
        if c.boots.len() > boots.boots.len() {
            *boots = c;
        }
        if c.clock_steps().count() > clock.clock_steps().count() {
            *clock = c;
        }
    }
    for (c, reach) in report.coverage.iter().zip(reaches) {
        let name = (&c.host, &*c.host_aliases);
        let machine = known(&mut machines, texts, report, c.machine, name);
        machine.channels.push(Channel {
            name: texts.place(&c.channel),
            first: milliseconds(reach.0),
            last: milliseconds(reach.1),
        });
        of_channel(c, texts, machine);
        // Security and System tell of the same boots and changes of the clock.
        let is_best = |best: Option<&Coverage>| best.is_some_and(|best| best.channel == c.channel);
        let best = best.get(&c.machine);
        if is_best(best.map(|best| best.0)) {
            boots(c, texts, machine);
        }
        if is_best(best.map(|best| best.1)) {
            clock_steps(c, texts, machine);
        }
    }
    for s in &report.sessions {
        let name = (&s.host, &*s.host_aliases);
        known(&mut machines, texts, report, s.machine, name).sessions += 1;
    }
    for burst in bursts(&report.failures) {
        let Some(first) = burst.first() else { continue };
        let name = (&first.host, &[][..]);
        let drawn = refused(burst, texts);
        known(&mut machines, texts, report, first.machine, name)
            .marks
            .push(drawn);
    }
    let mut machines: Vec<Machine> = machines.into_values().collect();
    for machine in &mut machines {
        machine.marks.sort_by_key(|mark| mark.at);
        machine.boots.sort_unstable();
    }
    machines
}

impl Drawn {
    fn new(kind: MarkKind, at: Time, said: &str, texts: &mut Texts) -> Self {
        Drawn {
            kind: kind.name(),
            at: milliseconds(at),
            to: None,
            count: 1,
            said: vec![texts.place(said)],
        }
    }
}

/// `event 1102, record 1 of Security, 2020-09-18T20:21:46.3856181Z`
fn named(mark: &Mark, channel: &str) -> String {
    let (event, record, time) = (mark.event_id, mark.record_id, mark.time);
    format!("event {event}, record {record} of {channel}, {time}")
}

/// ` by CORP\\ann`, or nothing.
fn by(whom: &Account) -> String {
    match account(whom) {
        name if name.is_empty() => String::new(),
        name => format!(" by {name}"),
    }
}

/// Adds what a channel lacks.
fn of_channel(c: &Coverage, texts: &mut Texts, machine: &mut Machine) {
    let channel = &c.channel;
    for gap in &c.gaps {
        let why = match gap.cause {
            GapCause::Cleared => "the log was cleared there",
            GapCause::Missing => "they are in none of the logs, and no record says why",
        };
        let (from, to) = (gap.before.min(gap.after), gap.before.max(gap.after));
        let said = format!(
            "{channel}: {} records are missing, {} to {}, between {} and {}: {why}.",
            gap.records(),
            gap.first,
            gap.last,
            gap.before,
            gap.after
        );
        machine.marks.push(Drawn {
            to: Some(milliseconds(to)),
            count: gap.records(),
            ..Drawn::new(MarkKind::Gap, from, &said, texts)
        });
    }
    for clear in &c.clears {
        let said = format!(
            "{} was cleared{}: {}.",
            clear.cleared,
            by(&clear.by),
            named(&clear.record, &clear.channel)
        );
        let mark = Drawn::new(MarkKind::Clear, clear.record.time, &said, texts);
        machine.marks.push(mark);
    }
    for loss in &c.audit_losses {
        let what = loss
            .event_id
            .map_or_else(|| "audit events".to_owned(), |id| format!("an event {id}"));
        let record = named(&loss.record, channel);
        let said = format!("Windows could not write {what}: {record}.");
        let mark = Drawn::new(MarkKind::Loss, loss.record.time, &said, texts);
        machine.marks.push(mark);
    }
}

fn clock_steps(c: &Coverage, texts: &mut Texts, machine: &mut Machine) {
    for change in c.clock_steps() {
        let said = format!(
            "The clock was set {}{}: {}.",
            step_of(change),
            by(&change.by),
            named(&change.record, &c.channel)
        );
        let mark = Drawn::new(MarkKind::Clock, change.record.time, &said, texts);
        machine.marks.push(mark);
    }
}

fn boots(c: &Coverage, texts: &mut Texts, machine: &mut Machine) {
    for boot in &c.boots {
        let begun = boot
            .start
            .or(boot.record.as_ref().map(|record| record.time));
        if let (Some(begun), true) = (begun, boot.start_source != StartSource::BeforeLog) {
            let how = match boot.start_source {
                StartSource::Recorded => "recorded",
                _ => "inferred, no record tells of it",
            };
            let record = boot.record.as_ref().map(|record| named(record, &c.channel));
            let untold = match boot.untold_before {
                0 => String::new(),
                count => format!(" By Windows' own count {count} boots before it left no record."),
            };
            let record = record.unwrap_or_default();
            let said = format!("Windows started, {how}: {record}.{untold}");
            let mark = Drawn::new(MarkKind::Boot, begun, &said, texts);
            machine.marks.push(mark);
        }
        let clean = boot.end_reason == EndReason::Shutdown;
        let end = boot.end_record.as_ref();
        if let Some((told_by, end)) = end {
            let record = named(end, told_by);
            let (kind, said) = match clean {
                true => (
                    MarkKind::Stop,
                    format!("Windows stopped cleanly: {record}."),
                ),
                false => (
                    MarkKind::Crash,
                    format!(
                        "{} ({}). That is known by {record}; the stop itself lies before it.",
                        boot.end_reason.meaning().trim_end_matches('.'),
                        boot.end_reason
                    ),
                ),
            };
            machine.marks.push(Drawn::new(kind, end.time, &said, texts));
        }
        let from = begun.unwrap_or(c.first.1);
        let to = end.filter(|_| clean).map(|(_, end)| milliseconds(end.time));
        machine.boots.push((milliseconds(from), to));
    }
}

/// Refused logons of a machine, one soon after the other, whoever it was.
fn bursts<'r, 'a>(
    failures: &'r [&'a TimelineEvent],
) -> impl Iterator<Item = &'r [&'a TimelineEvent]> {
    failures.chunk_by(|one, next| {
        one.machine == next.machine && next.event.time.since(one.event.time) <= BURST
    })
}

fn refused(burst: &[&TimelineEvent], texts: &mut Texts) -> Drawn {
    let (first, last) = (burst[0], burst[burst.len() - 1]);
    let count = burst.len();
    let named = |row: &TimelineEvent| {
        let event = &row.event;
        let record = Mark {
            record_id: event.record_id(),
            event_id: event.event_id,
            time: event.time,
        };
        named(&record, &event.channel)
    };
    let mut said = Vec::new();
    match count {
        1 => said.push(format!("A logon was refused: {}.", named(first))),
        _ => {
            let lasted = spoken(last.event.time.since(first.event.time));
            said.push(format!("{count} logons were refused within {lasted}."));
            said.push(format!("First: {}.", named(first)));
            said.push(format!("Last: {}.", named(last)));
        }
    }
    let of = |what: &str, value: &dyn Fn(&TimelineEvent) -> String| {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for row in burst {
            *counts.entry(value(row)).or_default() += 1;
        }
        let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
        counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let others = counts.len().saturating_sub(TOLD);
        let told = counts.iter().take(TOLD).map(|(value, times)| match count {
            1 => value.clone(),
            _ => format!("{value} ({times})"),
        });
        let told: Vec<String> = told.collect();
        let more = match others {
            0 => String::new(),
            more => format!(", and {more} others"),
        };
        format!("{what}: {}{more}.", told.join(", "))
    };
    let or = |text: String, none: &str| match text.is_empty() {
        true => none.to_owned(),
        false => text,
    };
    said.push(of("Accounts that were tried", &|row| {
        or(account(&row.event.account), "none named")
    }));
    said.push(of("From", &|row| {
        let event = &row.event;
        let from = event
            .source_address
            .as_deref()
            .or(event.workstation.as_deref());
        or(from.unwrap_or_default().to_owned(), "not recorded")
    }));
    said.push(of("Why", &|row| {
        why_failed(row).unwrap_or_else(|| "not recorded".to_owned())
    }));
    Drawn {
        kind: MarkKind::Refused.name(),
        at: milliseconds(first.event.time),
        to: (count > 1).then(|| milliseconds(last.event.time)),
        count: count as u64,
        said: said.iter().map(|line| texts.place(line)).collect(),
    }
}
