//! Collects what a log's records mean: events, where all its records lie, which Logon IDs they show in use.

use super::contents::Contents;
use super::fields::{ACTIVITY_ID, Entry, Slot, USER_ID, entry};
use super::texts::Texts;
use super::uses::{Use, Uses};
use super::{Account, Action, Content, Event, LogIndex, LogonId, Span, Text, Upper, security};
use crate::log::{Record, Run, Shape};
use crate::time::Time;
use ahash::RandomState;
use std::collections::HashMap;
use std::sync::Arc;

/// Collects the events of a log, in file order, and where its records lie.
#[derive(Debug)]
pub struct Collector {
    log: LogIndex,
    texts: Texts,
    meanings: Meanings,
    contents: Contents,
    /// The run that the last record belongs to, by the numbers of its channel and computer.
    latest: Option<((u32, u32), usize)>,
    /// The events so far.
    pub events: Vec<Event>,
    /// Runs of all records so far, wanted or not.
    pub spans: Vec<Span>,
    /// What the last event of each run so far says.
    told: Vec<Option<Action>>,
    uses: Uses,
}

/// What records of each shape mean.
#[derive(Debug, Default)]
struct Meanings {
    all: Vec<Meaning>,
    by_shape: HashMap<Shape, usize, RandomState>,
    /// The shapes that were asked for last, by their event IDs.
    latest: [Option<(Shape, usize)>; LATEST],
}

/// How many shapes are known at first sight.
const LATEST: usize = 32;

impl Meanings {
    /// What a record of a shape means.
    fn of(&mut self, record: &Record<'_>, shape: Shape) -> Option<&Meaning> {
        let latest = &mut self.latest[usize::from(record.event_id) % LATEST];
        let at = match latest {
            Some((known, at)) if *known == shape => *at,
            _ => {
                let all = &mut self.all;
                let at = *self.by_shape.entry(shape).or_insert_with(|| {
                    all.push(Meaning::of(record, all.len() as u32));
                    all.len() - 1
                });
                *latest = Some((shape, at));
                at
            }
        };
        self.all.get(at)
    }
}

/// What is looked at in records of one kind.
#[derive(Debug, Default)]
struct Meaning {
    entry: Option<&'static Entry>,
    is_audit: bool,
    /// Tells it from the other meanings that are kept.
    number: u32,
    /// Places of fields, and where in an event's content they go.
    slots: Vec<(usize, Slot)>,
    /// The same of those that go to the event itself.
    own: Vec<(usize, Slot)>,
    /// The place of the field that names its Logon ID.
    logon_id: Option<usize>,
    /// The values that `slots` take, if the content rests on nothing else.
    runs: Option<Vec<Run>>,
    user_sid: Option<Slot>,
    activity: Option<Slot>,
    /// The place of the field that names the Logon ID that acts, and of the one that something is done for.
    subject: Option<usize>,
    target: Option<usize>,
}

/// How many machines and channels may take turns in a log before a run is cut for it.
const RUNS_AT_ONCE: usize = 64;

/// Shapes whose meanings are kept; beyond, all are forgotten. Those of a whole Windows are some 3,000.
const MOST_MEANINGS: usize = 1 << 16;

/// The name of values that have none.
const UNNAMED: &str = "Data";

/// A process was created.
const PROCESS_CREATED: u16 = 4688;

impl Collector {
    /// An empty collection of events of `log`.
    pub fn new(log: LogIndex) -> Self {
        Collector {
            log,
            texts: Texts::default(),
            meanings: Meanings::default(),
            contents: Contents::default(),
            latest: None,
            events: Vec::new(),
            spans: Vec::new(),
            told: Vec::new(),
            uses: Uses::default(),
        }
    }

    /// Begins anew with another log or part of one. What was learnt of texts and shapes stays.
    pub fn begin(&mut self, log: LogIndex) {
        self.log = log;
        (self.events, self.spans) = (Vec::new(), Vec::new());
        self.told.clear();
        self.uses = Uses::default();
        self.latest = None;
        self.texts.limit();
        self.contents.limit();
        if self.meanings.all.len() > MOST_MEANINGS {
            self.meanings = Meanings::default();
            // They are known by the numbers of their meanings.
            self.contents = Contents::default();
        }
    }

    /// Takes out the uses of Logon IDs that all audit records so far show.
    pub fn take_uses(&mut self) -> Vec<Use> {
        std::mem::take(&mut self.uses).all
    }

    /// Takes the next record of the log.
    pub fn add(&mut self, record: &Record<'_>) {
        let (span, previous) = self.extend_span(record);
        let Collector {
            log,
            texts,
            meanings,
            contents,
            events,
            spans,
            told,
            uses,
            ..
        } = self;
        let at = span;
        let Some(span) = spans.get(at) else { return };
        let unknown;
        let known = record.shape().and_then(|shape| meanings.of(record, shape));
        let meaning = match known {
            Some(meaning) => meaning,
            None => {
                unknown = Meaning::of(record, 0);
                &unknown
            }
        };
        let before = events.len();
        if let Some(entry) = meaning.entry {
            let id_at = |place| record.number_at(place).and_then(LogonId::new);
            let logon_id = meaning.logon_id.and_then(id_at);
            let upper = Upper::of(record.record_id, logon_id);
            let content = || {
                Event::new(Arc::new(Content {
                    upper,
                    log: *log,
                    computer: span.computer.clone(),
                    channel: span.channel.clone(),
                    provider: entry.provider,
                    event_id: record.event_id,
                    version: record.version(),
                    writer: record.writer(),
                    ..Content::of(entry.action)
                }))
            };
            let mut new = match &meaning.runs {
                Some(runs) => {
                    let read = || {
                        let mut new = content();
                        fill(&meaning.slots, texts, &mut new, record);
                        new
                    };
                    contents.event(record, *log, meaning.number, upper, runs, read)
                }
                None => {
                    let mut new = content();
                    meaning.fill(texts, &mut new, record);
                    new
                }
            };
            new.time = record.time;
            new.set_record_id(record.record_id);
            if meaning.logon_id.is_some() {
                new.set_logon_id(logon_id);
            }
            fill(&meaning.own, texts, &mut new, record);
            if !(entry.subject_unnamed && new.subject.name.is_some()) {
                events.push(new);
            }
        }
        if meaning.is_audit {
            let mut noted = Noted {
                log: *log,
                texts,
                uses,
                computer: &span.computer,
            };
            noted.note(record, meaning, events.get(before), previous.is_none());
        }
        if let Some(event) = events.get_mut(before) {
            let last = told.get_mut(at).and_then(|last| last.replace(event.action));
            // A boot begins with the first of the records of its start.
            let begins = match last {
                None => true,
                Some(Action::StartingUp | Action::AuditDropped) => false,
                Some(_) => event.is_of_start(),
            };
            if begins {
                event.set_previous(previous);
            }
        }
    }

    /// Adds the record to the last run of its machine and channel, or starts a new run. Returns the run and the time of
    /// the record before it in the run.
    fn extend_span(&mut self, record: &Record<'_>) -> (usize, Option<Time>) {
        let (id, time) = (record.record_id, record.time);
        // In an exported or forwarded log the numbers in between were left out on purpose.
        let live = record.number == id;
        let ids = record.channel_id().zip(record.computer_id());
        let same = match self.latest {
            Some((latest, at)) if Some(latest) == ids => Some(at),
            _ => self.run_of(record),
        };
        match same.and_then(|at| self.spans.get_mut(at)) {
            Some(span) if id > span.last_id && (!(live && span.live) || id == span.last_id + 1) => {
                let previous = span.last_time;
                span.last_id = id;
                span.records += 1;
                span.last_time = time;
                span.latest = span.latest.max(time);
                span.earliest = span.earliest.min(time);
                span.live &= live;
                let at = same.unwrap_or_default();
                self.latest = ids.map(|ids| (ids, at));
                (at, Some(previous))
            }
            _ => {
                let at = self.spans.len();
                self.told.push(None);
                self.spans.push(Span {
                    log: self.log,
                    channel: self.texts.text(record.channel()),
                    computer: self.texts.text(record.computer()),
                    first_id: id,
                    last_id: id,
                    records: 1,
                    first_time: time,
                    last_time: time,
                    earliest: time,
                    latest: time,
                    live,
                });
                self.latest = ids.map(|ids| (ids, at));
                (at, None)
            }
        }
    }

    /// The last run of a record's machine and channel.
    fn run_of(&self, record: &Record<'_>) -> Option<usize> {
        let mut latest = self.spans.iter().enumerate().rev().take(RUNS_AT_ONCE);
        let of_same = |(_, span): &(usize, &Span)| {
            *span.channel == *record.channel() && *span.computer == *record.computer()
        };
        latest.find(of_same).map(|(at, _)| at)
    }
}

impl Meaning {
    fn of(record: &Record<'_>, number: u32) -> Self {
        let entry = entry(record);
        let mut meaning = Meaning {
            entry,
            number,
            is_audit: record.channel() == security::CHANNEL,
            user_sid: entry.and_then(|entry| entry.slot(USER_ID)),
            activity: entry.and_then(|entry| entry.slot(ACTIVITY_ID)),
            ..Meaning::default()
        };
        let mut slots = Slots::of(entry);
        for (place, (name, is_plain)) in record.names().enumerate() {
            if let Some(slot) = slots.next(name) {
                match slot {
                    Slot::LogonId => meaning.logon_id = Some(place),
                    _ if slot.is_own() => meaning.own.push((place, slot)),
                    _ => meaning.slots.push((place, slot)),
                }
            }
            match name {
                "SubjectLogonId" if is_plain => meaning.subject = Some(place),
                "TargetLogonId" if is_plain && record.event_id == PROCESS_CREATED => {
                    meaning.target = Some(place);
                }
                _ => {}
            }
        }
        let is_mixed = meaning.slots.iter().any(|(_, slot)| slot.is_mixed());
        if !is_mixed && meaning.user_sid.is_none() && meaning.activity.is_none() {
            meaning.runs = record.runs(meaning.slots.iter().map(|(place, _)| *place));
        }
        meaning
    }

    /// Fills an event from its record, but for what is its own in records that have a shape.
    fn fill(&self, texts: &mut Texts, event: &mut Event, record: &Record<'_>) {
        if record.shape().is_some() {
            fill(&self.slots, texts, event, record);
        } else {
            let mut slots = Slots::of(self.entry);
            for (name, value) in record.fields() {
                if let Some(slot) = slots.next(&name) {
                    texts.fill(event, slot, &value);
                }
            }
        }
        if let Some((slot, sid)) = self.user_sid.zip(record.user_sid()) {
            texts.fill(event, slot, &sid);
        }
        if let Some((slot, activity)) = self.activity.zip(record.activity()) {
            texts.fill(event, slot, &activity);
        }
    }
}

/// Puts values that stand at places of a record where their slots say.
fn fill(slots: &[(usize, Slot)], texts: &mut Texts, event: &mut Event, record: &Record<'_>) {
    for (place, slot) in slots {
        if let Some(value) = record.value_at(*place) {
            texts.fill(event, *slot, &value);
        }
    }
}

/// Where the fields of a record go, one after the other.
struct Slots {
    entry: Option<&'static Entry>,
    unnamed: usize,
}

impl Slots {
    fn of(entry: Option<&'static Entry>) -> Self {
        Slots { entry, unnamed: 0 }
    }

    fn next(&mut self, name: &str) -> Option<Slot> {
        let entry = self.entry?;
        if name != UNNAMED {
            return entry.slot(name);
        }
        self.unnamed += 1;
        entry.unnamed_slot(self.unnamed - 1)
    }
}

/// The fields that name an account: its SID, name and domain.
const SUBJECT: [&str; 3] = ["SubjectUserSid", "SubjectUserName", "SubjectDomainName"];
const TARGET: [&str; 3] = ["TargetUserSid", "TargetUserName", "TargetDomainName"];

/// Where the uses that an audit record shows are noted.
struct Noted<'c> {
    log: LogIndex,
    texts: &'c mut Texts,
    uses: &'c mut Uses,
    computer: &'c Text,
}

impl Noted<'_> {
    /// Notes which Logon IDs an audit record shows in use.
    fn note(
        &mut self,
        record: &Record<'_>,
        meaning: &Meaning,
        event: Option<&Event>,
        after_gap: bool,
    ) {
        let starts = event.is_some_and(Event::is_of_boot_start);
        if starts || after_gap {
            self.uses.cut(self.computer);
        }
        if starts {
            return;
        }
        let id_of = |place: Option<usize>, name: &str| {
            let id = match record.shape() {
                Some(_) => record.number_at(place?),
                None => record.field(name)?.number(),
            };
            id.and_then(LogonId::new)
        };
        let subject = match event {
            Some(event) => event.subject_logon_id,
            None => id_of(meaning.subject, "SubjectLogonId"),
        };
        if let Some(id) = subject {
            self.used(record, id, &SUBJECT);
        }
        if record.event_id == PROCESS_CREATED
            && let Some(id) = id_of(meaning.target, "TargetLogonId")
        {
            self.used(record, id, &TARGET);
        }
    }

    /// Notes that a record shows a Logon ID in use, and whose it is by the fields that `names` are.
    fn used(&mut self, record: &Record<'_>, id: LogonId, names: &[&str; 3]) {
        if let Some(new) = self.uses.add(self.log, record, self.computer, id) {
            self.tell_account(new, record, names);
        }
    }

    #[inline(never)]
    fn tell_account(&mut self, run: usize, record: &Record<'_>, names: &[&str; 3]) {
        let [sid, name, domain] = names.map(|name| record.field(name));
        let account = Account {
            // A process started for a logon session does not always name its account's SID.
            sid: sid
                .and_then(|sid| self.texts.sid(&sid))
                .filter(|sid| sid.as_str() != "S-1-0-0"),
            name: name.and_then(|name| self.texts.present(&name)),
            domain: domain.and_then(|domain| self.texts.present(&domain)),
        };
        self.uses.set_account(run, account);
    }
}
