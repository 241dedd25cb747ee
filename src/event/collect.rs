//! Collects what a log's records mean: events, where all its records lie, which Logon IDs they show in use.

use super::fields::{ACTIVITY_ID, Entry, Slot, USER_ID, entry};
use super::texts::Texts;
use super::uses::{Use, Uses};
use super::{Account, Event, LogIndex, LogonId, Span, Text, security};
use crate::log::{Record, Shape, Value};
use crate::time::Time;
use ahash::RandomState;
use std::collections::HashMap;

/// Collects the events of a log, in file order, and where its records lie.
#[derive(Debug)]
pub struct Collector {
    log: LogIndex,
    texts: Texts,
    /// What records of each shape mean.
    meanings: HashMap<Shape, Meaning, RandomState>,
    /// The events so far.
    pub events: Vec<Event>,
    /// Runs of all records so far, wanted or not.
    pub spans: Vec<Span>,
    uses: Uses,
}

/// What is looked at in records of one kind.
#[derive(Debug, Default)]
struct Meaning {
    entry: Option<&'static Entry>,
    is_audit: bool,
    /// Places of fields, and where in an event they go.
    slots: Vec<(usize, Slot)>,
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
            meanings: HashMap::default(),
            events: Vec::new(),
            spans: Vec::new(),
            uses: Uses::default(),
        }
    }

    /// Begins anew with another log or part of one. What was learnt of texts and shapes stays.
    pub fn begin(&mut self, log: LogIndex) {
        self.log = log;
        (self.events, self.spans) = (Vec::new(), Vec::new());
        self.uses = Uses::default();
        self.texts.limit();
        if self.meanings.len() > MOST_MEANINGS {
            self.meanings.clear();
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
            events,
            spans,
            uses,
        } = self;
        let Some(span) = spans.get(span) else { return };
        let unknown;
        let meaning = match record.shape() {
            Some(shape) => meanings.entry(shape).or_insert_with(|| Meaning::of(record)),
            None => {
                unknown = Meaning::of(record);
                &unknown
            }
        };
        let mut is_event = false;
        if let Some(entry) = meaning.entry {
            events.push(Event {
                log: *log,
                record_id: record.record_id,
                number: record.number,
                time: record.time,
                provider: entry.provider,
                event_id: record.event_id,
                version: record.version,
                writer: record.writer,
                previous,
                ..Event::in_channel(entry.action, span.computer.clone(), span.channel.clone())
            });
            if let Some(event) = events.last_mut() {
                meaning.fill(texts, event, record);
                is_event = !(entry.subject_unnamed && event.subject.name.is_some());
            }
            if !is_event {
                events.pop();
            }
        }
        if meaning.is_audit {
            let event = events.last().filter(|_| is_event);
            let mut noted = Noted {
                log: *log,
                texts,
                uses,
                computer: &span.computer,
            };
            noted.note(record, meaning, event, previous.is_none());
        }
    }

    /// Adds the record to the last run of its machine and channel, or starts a new run. Returns the run and the time of
    /// the record before it in the run.
    fn extend_span(&mut self, record: &Record<'_>) -> (usize, Option<Time>) {
        let (id, time) = (record.record_id, record.time);
        // In an exported or forwarded log the numbers in between were left out on purpose.
        let live = record.number == id;
        let of_same = |(_, span): &(usize, &mut Span)| {
            *span.channel == *record.channel && *span.computer == *record.computer
        };
        let mut latest = self.spans.iter_mut().enumerate().rev().take(RUNS_AT_ONCE);
        match latest.find(of_same) {
            Some((at, span))
                if id > span.last_id && (!(live && span.live) || id == span.last_id + 1) =>
            {
                let previous = span.last_time;
                span.last_id = id;
                span.records += 1;
                span.last_time = time;
                span.latest = span.latest.max(time);
                span.earliest = span.earliest.min(time);
                span.live &= live;
                (at, Some(previous))
            }
            _ => {
                self.spans.push(Span {
                    log: self.log,
                    channel: self.texts.text(&record.channel),
                    computer: self.texts.text(&record.computer),
                    first_id: id,
                    last_id: id,
                    records: 1,
                    first_time: time,
                    last_time: time,
                    earliest: time,
                    latest: time,
                    live,
                });
                (self.spans.len() - 1, None)
            }
        }
    }
}

impl Meaning {
    fn of(record: &Record<'_>) -> Self {
        let entry = entry(record);
        let mut meaning = Meaning {
            entry,
            is_audit: *record.channel == *security::CHANNEL,
            user_sid: entry.and_then(|entry| entry.slot(USER_ID)),
            activity: entry.and_then(|entry| entry.slot(ACTIVITY_ID)),
            ..Meaning::default()
        };
        let mut slots = Slots::of(entry);
        for (place, (name, is_plain)) in record.names().enumerate() {
            let slot = slots.next(name);
            meaning.slots.extend(slot.map(|slot| (place, slot)));
            match name {
                "SubjectLogonId" if is_plain => meaning.subject = Some(place),
                "TargetLogonId" if is_plain && record.event_id == PROCESS_CREATED => {
                    meaning.target = Some(place);
                }
                _ => {}
            }
        }
        meaning
    }

    /// Fills an event from its record.
    fn fill(&self, texts: &mut Texts, event: &mut Event, record: &Record<'_>) {
        if record.shape().is_some() {
            for (place, slot) in &self.slots {
                if let Some(value) = record.value_at(*place) {
                    texts.fill(event, *slot, &value);
                }
            }
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
            let value: Option<Value<'_>> = match record.shape() {
                Some(_) => record.value_at(place?),
                None => record.field(name),
            };
            let id = value.and_then(|value| value.number());
            id.filter(|&id| id != 0).map(LogonId)
        };
        let subject = match event {
            Some(event) => event.subject_logon_id,
            None => id_of(meaning.subject, "SubjectLogonId"),
        };
        if let Some(id) = subject {
            let names = ["SubjectUserSid", "SubjectUserName", "SubjectDomainName"];
            self.used(record, id, names);
        }
        if record.event_id == PROCESS_CREATED
            && let Some(id) = id_of(meaning.target, "TargetLogonId")
        {
            let names = ["TargetUserSid", "TargetUserName", "TargetDomainName"];
            self.used(record, id, names);
        }
    }

    /// Notes that a record shows a Logon ID in use, and whose it is by the fields that `names` are.
    fn used(&mut self, record: &Record<'_>, id: LogonId, names: [&str; 3]) {
        if let Some(new) = self.uses.add(self.log, record, self.computer, id) {
            let [sid, name, domain] = names.map(|name| record.field(name));
            let account = Account {
                // A process started for a logon session does not always name its account's SID.
                sid: sid
                    .and_then(|sid| self.texts.sid(&sid))
                    .filter(|sid| sid.as_str() != "S-1-0-0"),
                name: name.and_then(|name| self.texts.present(&name)),
                domain: domain.and_then(|domain| self.texts.present(&domain)),
            };
            self.uses.set_account(new, account);
        }
    }
}
