//! Which machine wrote what: names are resolved per log first, then logs are put together.
//!
//! A log is one machine's, renamed or not, or a collector's, in which each name is a machine of its own. Logs are
//! put together only if their names agree and something else does: the same folder, or records that
//! both hold. Same-named machines that have nothing else in common stay apart, flagged.

use crate::event::{Action, Event, LogIndex, Span, Text};
use crate::sid::OwnNames;
use crate::time::Time;
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

/// How many records before and after a change of name the boot that brought it may lie: the first 11 to 15 records of
/// a boot precede its 4608.
const RENAME_RECORDS: u64 = 64;

/// One log's part of the evidence.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// Its events, in file order.
    pub events: Vec<Event>,
    /// Where all its records lie, in file order.
    pub spans: Vec<Span>,
    /// A number that logs of the same folder share.
    pub folder: usize,
}

/// One machine's part of the evidence.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Its latest name.
    pub host: Text,
    /// Its earlier names, oldest first.
    pub aliases: Vec<Text>,
    /// Whether another machine of the evidence has the same name.
    pub same_name: bool,
    /// Its events, each once, in record order.
    pub events: Vec<Event>,
    /// For each event every log that holds it.
    pub sources: Vec<Vec<LogIndex>>,
    /// Where all its records lie, by channel and record ID.
    pub spans: Vec<Span>,
    /// The same in each log by itself, copies included.
    pub log_spans: Vec<Span>,
    /// What tells its own accounts from a domain's.
    pub(super) own: OwnNames,
    /// Records that stand in two logs with different contents; the first log's is used.
    pub conflicts: Vec<Conflict>,
}

/// A record that two logs hold with different contents.
#[derive(Debug, Clone, PartialEq)]
pub struct Conflict {
    /// Its channel.
    pub channel: Text,
    /// Its EventRecordID.
    pub record_id: u64,
    /// Its time.
    pub time: Time,
    /// The log whose contents are used.
    pub used: LogIndex,
    /// The log that says something else.
    pub other: LogIndex,
}

/// Tells the machines of all logs apart. The order of the result follows the names, that of the logs does not matter
/// but for which of two conflicting records is used.
pub fn machines(sources: Vec<Source>) -> Vec<Machine> {
    let mut groups: Vec<Vec<Member>> = Vec::new();
    let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
    let mut without_events: Vec<Member> = Vec::new();
    for member in sources
        .into_iter()
        .flat_map(members)
        .map(Member::with_times)
    {
        if member.events.is_empty() {
            without_events.push(member);
            continue;
        }
        let mut candidates: Vec<usize> = member
            .labels()
            .flat_map(|label| by_name.get(&label).cloned().unwrap_or_default())
            .collect();
        candidates.sort_unstable();
        candidates.dedup();
        let home = candidates
            .into_iter()
            .find(|&at| groups.get(at).is_some_and(|group| belongs(&member, group)));
        let home = home.unwrap_or_else(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        for label in member.labels() {
            let known = by_name.entry(label).or_default();
            if !known.contains(&home) {
                known.push(home);
            }
        }
        if let Some(group) = groups.get_mut(home) {
            group.push(member);
        }
    }
    // A log without logon records still tells how long its machine ran; one whose machine has no other log, or of which
    // nothing tells whose it is, is told of by itself.
    let mut alone: BTreeMap<(usize, Option<String>), Vec<Member>> = BTreeMap::new();
    for member in without_events {
        let candidates = member
            .labels()
            .flat_map(|label| by_name.get(&label).cloned().unwrap_or_default());
        let mut homes: Vec<usize> = candidates
            .filter(|&at| {
                groups
                    .get(at)
                    .is_some_and(|group| group.iter().any(|m| m.folder == member.folder))
            })
            .collect();
        homes.sort_unstable();
        homes.dedup();
        if let [home] = homes.as_slice()
            && let Some(group) = groups.get_mut(*home)
        {
            group.push(member);
        } else if !member.spans.is_empty() {
            let key = (member.folder, member.latest());
            alone.entry(key).or_default().push(member);
        }
    }
    groups.extend(alone.into_values());
    let mut machines: Vec<Machine> = groups.into_iter().map(merge).collect();
    let mut names: BTreeMap<String, u32> = BTreeMap::new();
    for machine in machines.iter().filter(|machine| !machine.events.is_empty()) {
        *names.entry(first_label(&machine.host)).or_default() += 1;
    }
    for machine in &mut machines {
        machine.same_name = names
            .get(&first_label(&machine.host))
            .is_some_and(|&count| count > 1);
    }
    machines.sort_by(|a, b| a.host.cmp(&b.host).then_with(|| place(a).cmp(&place(b))));
    machines
}

/// What orders machines of one name: their first record.
fn place(machine: &Machine) -> Option<(Time, u64)> {
    machine
        .events
        .first()
        .map(|event| (event.time, event.record_id))
}

/// The lower-case first label of a host name.
fn first_label(name: &str) -> String {
    name.split('.').next().unwrap_or(name).to_lowercase()
}

/// The part of one log that one machine wrote.
#[derive(Debug, Default)]
struct Member {
    /// Its names in this log, oldest first.
    names: Vec<Text>,
    events: Vec<Event>,
    spans: Vec<Span>,
    folder: usize,
    /// The earliest and the latest time of its events.
    times: Option<(Time, Time)>,
}

impl Member {
    fn with_times(mut self) -> Self {
        let times = || self.events.iter().map(|event| event.time);
        self.times = times().min().zip(times().max());
        self
    }

    fn labels(&self) -> impl Iterator<Item = String> + '_ {
        self.names.iter().map(|name| first_label(name))
    }

    fn latest(&self) -> Option<String> {
        self.names.last().map(|name| first_label(name))
    }
}

/// Splits a log into the parts of the machines that wrote it.
fn members(source: Source) -> Vec<Member> {
    let Source {
        mut events,
        mut spans,
        folder,
    } = source;
    events.sort_by(record_order);
    spans.sort_by(|a, b| (&a.channel, a.first_id).cmp(&(&b.channel, b.first_id)));
    if let Some(names) = one_machine(&events, &spans) {
        return vec![Member {
            names,
            events,
            spans,
            folder,
            times: None,
        }];
    }
    let mut parts: BTreeMap<Text, Member> = BTreeMap::new();
    let part =
        |parts: &mut BTreeMap<Text, Member>, name: &Text, take: &mut dyn FnMut(&mut Member)| {
            take(parts.entry(name.clone()).or_insert_with(|| Member {
                names: vec![name.clone()],
                folder,
                ..Member::default()
            }));
        };
    for event in events {
        let name = event.computer.clone();
        let mut event = Some(event);
        part(&mut parts, &name, &mut |member| {
            member.events.extend(event.take())
        });
    }
    for span in spans {
        let name = span.computer.clone();
        let mut span = Some(span);
        part(&mut parts, &name, &mut |member| {
            member.spans.extend(span.take())
        });
    }
    parts.into_values().collect()
}

/// The names of the one machine that wrote the log, oldest first; `None` if it is a collector's log.
fn one_machine(events: &[Event], spans: &[Span]) -> Option<Vec<Text>> {
    let mut names: Vec<Text> = Vec::new();
    let mut channels: Vec<&[Span]> = Vec::new();
    let mut rest = spans;
    while let Some(first) = rest.first() {
        let (channel, next) =
            rest.split_at(rest.partition_point(|span| span.channel <= first.channel));
        channels.push(channel);
        rest = next;
    }
    for channel in channels {
        for pair in channel.windows(2) {
            if let [before, after] = pair
                && !before.computer.eq_ignore_ascii_case(&after.computer)
                && !(before.last_id < after.first_id && boots_between(events, before, after))
            {
                return None;
            }
        }
        let mut runs: Vec<Text> = channel.iter().map(|span| span.computer.clone()).collect();
        runs.dedup_by(|a, b| a.eq_ignore_ascii_case(b));
        // A name that comes back is no rename.
        let mut folded: Vec<String> = runs.iter().map(|name| name.to_lowercase()).collect();
        folded.sort_unstable();
        if folded.windows(2).any(|pair| pair.first() == pair.last()) {
            return None;
        }
        if runs.len() > names.len() {
            names = runs;
        }
    }
    if events.iter().any(|event| event.stored_as_text) && names.len() > 1 {
        return None;
    }
    Some(names)
}

/// Whether a boot lies where one run of records ends and the next begins.
fn boots_between(events: &[Event], before: &Span, after: &Span) -> bool {
    let around = before.last_id.saturating_sub(RENAME_RECORDS)
        ..=after.first_id.saturating_add(RENAME_RECORDS);
    let from = events.partition_point(|event| {
        (&event.channel, event.record_id) < (&before.channel, *around.start())
    });
    let near = events
        .iter()
        .skip(from)
        .take_while(|event| event.channel == before.channel && around.contains(&event.record_id));
    near.into_iter().any(|event| {
        matches!(event.action, Action::Boot | Action::StartingUp)
            || event.logon_type.is_some_and(|logon_type| logon_type.0 == 0)
    })
}

/// Whether a part of a log is of the machine that a group of parts is of.
fn belongs(member: &Member, group: &[Member]) -> bool {
    let relations: Vec<Relation> = group.iter().map(|other| relation(member, other)).collect();
    let name_fits = group.iter().any(|other| {
        member.latest() == other.latest()
            || member.labels().any(|label| Some(label) == other.latest())
            || other.labels().any(|label| Some(label) == member.latest())
    });
    let near = group.iter().any(|other| other.folder == member.folder)
        || relations.contains(&Relation::SameRecords);
    name_fits && near && !relations.contains(&Relation::Contradiction)
}

/// What the records of two parts say of each other.
#[derive(Debug, PartialEq, Eq)]
enum Relation {
    /// They hold the same records.
    SameRecords,
    /// They cannot be of one machine: other records under the same numbers, or another order.
    Contradiction,
    /// They hold different records, in an order that fits.
    None,
}

fn relation(a: &Member, b: &Member) -> Relation {
    let key = |event: &Event| (event.channel.clone(), event.record_id);
    let (Some(a_first), Some(b_first), Some(a_last), Some(b_last)) = (
        a.events.first(),
        b.events.first(),
        a.events.last(),
        b.events.last(),
    ) else {
        return Relation::None;
    };
    let start = a.events.partition_point(|event| key(event) < key(b_first));
    let b_start = b.events.partition_point(|event| key(event) < key(a_first));
    let (mut left, mut right) = (
        a.events.iter().skip(start).peekable(),
        b.events.iter().skip(b_start).peekable(),
    );
    let mut found = Relation::None;
    while let (Some(one), Some(other)) = (left.peek(), right.peek()) {
        match key(one).cmp(&key(other)) {
            Ordering::Less => drop(left.next()),
            Ordering::Greater => drop(right.next()),
            Ordering::Equal if one.time != other.time => return Relation::Contradiction,
            Ordering::Equal => {
                found = Relation::SameRecords;
                left.next();
                right.next();
            }
        }
    }
    if found == Relation::None
        && a_first.channel == b_last.channel
        && a_last.channel == b_first.channel
    {
        let (older, newer) = if a_last.record_id < b_first.record_id {
            (a, b)
        } else {
            (b, a)
        };
        let ordered = older
            .events
            .last()
            .zip(newer.events.first())
            .is_some_and(|(end, start)| end.record_id < start.record_id);
        if ordered && older.times.map(|times| times.0) > newer.times.map(|times| times.1) {
            return Relation::Contradiction;
        }
    }
    found
}

fn record_order(a: &Event, b: &Event) -> Ordering {
    (&a.channel, a.record_id, a.time, a.log).cmp(&(&b.channel, b.record_id, b.time, b.log))
}

/// Puts the parts of one machine together; each record once.
fn merge(group: Vec<Member>) -> Machine {
    let mut names: Vec<(u64, Text)> = Vec::new();
    let mut all = Vec::new();
    let mut spans = Vec::new();
    for member in group {
        for name in &member.names {
            let last = member
                .spans
                .iter()
                .filter(|span| span.computer.eq_ignore_ascii_case(name))
                .map(|span| span.last_id)
                .max();
            names.push((
                if member.events.is_empty() {
                    0
                } else {
                    last.unwrap_or(0)
                },
                name.clone(),
            ));
        }
        all.extend(member.events);
        spans.extend(member.spans);
    }
    // The latest name is the one with the highest record number.
    names.sort();
    let mut aliases: Vec<Text> = Vec::new();
    for (_, name) in names {
        aliases.retain(|known| !known.eq_ignore_ascii_case(&name));
        aliases.push(name);
    }
    let host = aliases.pop().unwrap_or_else(|| Text::from(""));

    all.sort_by(record_order);
    let mut own = OwnNames::default();
    aliases
        .iter()
        .chain([&host])
        .for_each(|name| own.add_computer(name));
    let (mut events, mut sources, mut conflicts) = (
        Vec::<Event>::with_capacity(all.len()),
        Vec::<Vec<LogIndex>>::new(),
        Vec::new(),
    );
    for event in all {
        for account in [&event.account, &event.subject] {
            if let (Some(sid), Some(domain)) = (&account.sid, &account.domain) {
                own.learn(sid, domain);
            }
        }
        match events.last().zip(sources.last_mut()) {
            Some((kept, logs))
                if kept.channel == event.channel
                    && kept.record_id == event.record_id
                    && kept.time == event.time =>
            {
                if !logs.contains(&event.log) {
                    logs.push(event.log);
                }
                if !same_payload(kept, &event) {
                    conflicts.push(Conflict {
                        channel: kept.channel.clone(),
                        record_id: kept.record_id,
                        time: kept.time,
                        used: kept.log,
                        other: event.log,
                    });
                }
            }
            _ => {
                sources.push(vec![event.log]);
                events.push(event);
            }
        }
    }
    let log_spans = spans.clone();
    let spans = joined(spans);
    Machine {
        host,
        aliases,
        same_name: false,
        events,
        sources,
        spans,
        log_spans,
        own,
        conflicts,
    }
}

/// Runs of records by channel and record ID; those that overlap or touch are one.
fn joined(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_by(|a, b| {
        (&a.channel, a.first_id, a.last_id, a.log).cmp(&(&b.channel, b.first_id, b.last_id, b.log))
    });
    let mut runs: Vec<Span> = Vec::new();
    for span in spans {
        match runs.last_mut() {
            Some(run)
                if run.channel == span.channel
                    && span.first_id <= run.last_id.saturating_add(1) =>
            {
                // Copies count each.
                run.records = run.records.saturating_add(span.records);
                if span.last_id > run.last_id {
                    (run.last_id, run.last_time) = (span.last_id, span.last_time);
                }
                run.earliest = run.earliest.min(span.earliest);
                run.latest = run.latest.max(span.latest);
                run.live &= span.live;
            }
            _ => runs.push(span),
        }
    }
    runs
}

/// Whether two records say the same, wherever they were found.
fn same_payload(a: &Event, b: &Event) -> bool {
    let b = Event {
        log: a.log,
        number: a.number,
        previous: a.previous,
        stored_as_text: a.stored_as_text,
        ..b.clone()
    };
    // Two logs may hold their own copies of the same record.
    *a == b
}
