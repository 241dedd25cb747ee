//! Which machine wrote what: names are resolved per log first, then logs are put together.
//!
//! A log is one machine's, renamed or not, or a collector's, in which each name is a machine of its own. Logs are
//! put together only if their names agree and something else does: the same folder, or records that
//! both hold. Same-named machines that have nothing else in common stay apart, flagged.

use super::group;
use super::recovered::{self, Recovered};
use crate::event::{Action, Content, Event, LogIndex, Span, Text, Use, UsedContents};
use crate::sid::OwnNames;
use crate::time::Time;
use ahash::RandomState;
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::{Deref, Range};
use std::sync::Arc;

/// How many records before and after a change of name the boot that brought it may lie: the first 11 to 15 records of
/// a boot precede its 4608.
pub(super) const RENAME_RECORDS: u64 = 64;

/// More names than this in one log are no renames: real machines had four at most.
const MOST_NAMES: usize = 16;

/// The channel of audit records.
pub(super) const SECURITY: &str = "Security";

/// One log's part of the evidence.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// Its events, in file order.
    pub events: Vec<Event>,
    /// Where all its records lie, in file order.
    pub spans: Vec<Span>,
    /// Which Logon IDs its audit records show in use, in file order.
    pub uses: Vec<Use>,
    /// A number that logs of the same folder share.
    pub folder: usize,
    /// Whether it was recovered. Logs of which that is so come behind all others.
    pub recovered: bool,
    /// Of what was recovered from the file of a log, that log.
    pub beside: Option<LogIndex>,
}

/// One machine's part of the evidence.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Which of the machines it is, counted from 0: two of one name differ in it.
    pub number: usize,
    /// Its latest name.
    pub host: Text,
    /// Its earlier names, oldest first.
    pub aliases: Arc<[Text]>,
    /// Whether another machine of the evidence has the same name.
    pub same_name: bool,
    /// Its events, each once, in record order.
    pub events: Vec<Event>,
    /// Every log that holds an event, for those that several hold; by their places among the events.
    pub copies: Vec<(usize, Sources)>,
    /// Where all its records lie that were read live, by channel and record ID.
    pub spans: Vec<Span>,
    /// The same in each log by itself, copies included.
    pub log_spans: Vec<Span>,
    /// What was recovered beside them.
    pub(super) recovered: Recovered,
    /// What tells its own accounts from a domain's.
    pub(super) own: OwnNames,
    /// Records that stand in two logs with different contents; the first log's is used.
    pub conflicts: Vec<Conflict>,
}

/// Every log that holds a record, which is one as a rule.
#[derive(Debug, Clone)]
pub enum Sources {
    /// A single log.
    One([LogIndex; 1]),
    /// Several.
    Many(Box<[LogIndex]>),
}

impl Sources {
    pub(crate) fn of(log: LogIndex) -> Self {
        Sources::One([log])
    }

    /// Adds a log, unless it is there.
    fn add(&mut self, log: LogIndex) {
        if !self.contains(&log) {
            *self = Sources::Many(self.iter().copied().chain([log]).collect());
        }
    }
}

impl Deref for Sources {
    type Target = [LogIndex];

    fn deref(&self) -> &[LogIndex] {
        match self {
            Sources::One(log) => log,
            Sources::Many(logs) => logs,
        }
    }
}

impl From<Vec<LogIndex>> for Sources {
    fn from(logs: Vec<LogIndex>) -> Self {
        match logs.as_slice() {
            [log] => Sources::of(*log),
            _ => Sources::Many(logs.into()),
        }
    }
}

impl<T: AsRef<[LogIndex]>> PartialEq<T> for Sources {
    fn eq(&self, other: &T) -> bool {
        **self == *other.as_ref()
    }
}

impl AsRef<[LogIndex]> for Sources {
    fn as_ref(&self) -> &[LogIndex] {
        self
    }
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
    let (recovered, members): (Vec<Member>, Vec<Member>) = sources
        .into_iter()
        .flat_map(members)
        .partition(|member| member.is_recovered);
    let (with_events, without): (Vec<Member>, Vec<Member>) = members
        .into_iter()
        .partition(|member| !member.events.is_empty());
    let mut groups = group::group(with_events);
    // A log without logon records still tells how long its machine ran; one whose machine has no other log, or of which
    // nothing tells whose it is, is told of by itself.
    let names = group::by_name(&groups);
    let mut alone: BTreeMap<(usize, Option<String>), Vec<Member>> = BTreeMap::new();
    for member in without {
        let home = group::only_home(&member, &groups, &names);
        if let Some(group) = home.and_then(|home| groups.get_mut(home)) {
            group.push(member);
        } else if !member.spans.is_empty() {
            let key = (member.folder, member.latest());
            alone.entry(key).or_default().push(member);
        }
    }
    groups.extend(alone.into_values());
    recovered::add(&mut groups, recovered);
    let mut machines: Vec<Machine> = groups.into_iter().map(merge).collect();
    let mut names: BTreeMap<String, u32> = BTreeMap::new();
    let is_live = |machine: &Machine| machine.recovered.from.is_none() || !machine.spans.is_empty();
    for machine in machines.iter().filter(|machine| !machine.events.is_empty()) {
        // What was recovered takes no name away from a live log.
        *names.entry(first_label(&machine.host)).or_default() += u32::from(is_live(machine));
    }
    for machine in &mut machines {
        let most = u32::from(is_live(machine));
        machine.same_name = names
            .get(&first_label(&machine.host))
            .is_some_and(|&count| count > most);
    }
    machines.sort_by(|a, b| a.host.cmp(&b.host).then_with(|| place(a).cmp(&place(b))));
    for (number, machine) in machines.iter_mut().enumerate() {
        machine.number = number;
    }
    machines
}

/// What orders machines of one name: their first record.
fn place(machine: &Machine) -> Option<(Time, u64)> {
    machine
        .events
        .first()
        .map(|event| (event.time, event.record_id()))
}

/// The lower-case first label of a host name: what the names of one machine agree in.
pub(crate) fn first_label(name: &str) -> String {
    name.split('.').next().unwrap_or(name).to_lowercase()
}

/// The part of one log that one machine wrote.
#[derive(Debug, Default)]
pub(super) struct Member {
    /// Its names in this log, oldest first.
    pub names: Vec<Text>,
    pub events: Vec<Event>,
    pub spans: Vec<Span>,
    pub uses: Vec<Use>,
    pub folder: usize,
    /// Whether it is of a collector's log.
    pub is_collected: bool,
    pub is_recovered: bool,
    /// Of what was recovered from the file of a log, that log.
    pub beside: Option<LogIndex>,
    /// Events of each channel that contradict others of it and were left out.
    pub contradicting: HashMap<Text, u64>,
}

impl Member {
    pub(super) fn labels(&self) -> impl Iterator<Item = String> + '_ {
        self.names.iter().map(|name| first_label(name))
    }

    /// Which parts are put together first.
    pub(super) fn rank(&self) -> usize {
        let ranks = self.spans.iter().map(|span| rank(&span.channel));
        ranks.min().unwrap_or(usize::MAX)
    }

    pub(super) fn latest(&self) -> Option<String> {
        self.names.last().map(|name| first_label(name))
    }
}

/// Splits a log into the parts of the machines that wrote it.
fn members(source: Source) -> Vec<Member> {
    let Source {
        mut events,
        mut spans,
        uses,
        folder,
        recovered,
        beside,
    } = source;
    sort(&mut events);
    spans.sort_by(|a, b| (&a.channel, a.first_id).cmp(&(&b.channel, b.first_id)));
    // What lies about can be of any.
    let names = one_machine(&events, &spans).filter(|_| !recovered);
    if let Some(names) = names {
        return vec![Member {
            names,
            events,
            spans,
            uses,
            folder,
            ..Member::default()
        }];
    }
    let mut parts: BTreeMap<Text, Member> = BTreeMap::new();
    while let Some(last) = events.last() {
        let name = last.computer.clone();
        let part = &mut part(&mut parts, &name, folder).events;
        while let Some(event) = events.pop_if(|event| event.computer == name) {
            part.push(event);
        }
        // What was taken out takes no space for long.
        if events.len() < events.capacity() / 8 * 7 {
            events.shrink_to_fit();
        }
    }
    parts.values_mut().for_each(|part| part.events.reverse());
    for span in spans {
        let name = span.computer.clone();
        part(&mut parts, &name, folder).spans.push(span);
    }
    for one in uses {
        let name = one.computer.clone();
        part(&mut parts, &name, folder).uses.push(one);
    }
    let parts = parts.into_values().map(|member| Member {
        is_recovered: recovered,
        beside,
        ..member
    });
    parts.collect()
}

/// The part of the machine that has a name.
fn part<'p>(parts: &'p mut BTreeMap<Text, Member>, name: &Text, folder: usize) -> &'p mut Member {
    parts.entry(name.clone()).or_insert_with(|| Member {
        names: vec![name.clone()],
        folder,
        is_collected: true,
        ..Member::default()
    })
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
                && !is_same_name(&before.computer, &after.computer)
                && !(before.last_id < after.first_id && boots_between(events, before, after))
            {
                return None;
            }
        }
        let mut runs: Vec<Text> = channel.iter().map(|span| span.computer.clone()).collect();
        runs.dedup_by(|next, kept| {
            let is_same = is_same_name(next, kept);
            if is_same && next.len() > kept.len() {
                *kept = next.clone();
            }
            is_same
        });
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
    let is_forwarded = names.len() > 1 && events.iter().any(|event| event.stored_as_text);
    if is_forwarded || names.len() > MOST_NAMES {
        return None;
    }
    Some(names)
}

/// Whether two names are the same, or one is the other without its domain: a provider can write the short one in the midst of
/// records with the long one (record 1045 of plaso's `System.evtx`).
fn is_same_name(one: &str, other: &str) -> bool {
    let is_short =
        |short: &str, long: &str| !short.contains('.') && first_label(long) == short.to_lowercase();
    one.eq_ignore_ascii_case(other) || is_short(one, other) || is_short(other, one)
}

/// Whether a boot lies where one run of records ends and the next begins.
fn boots_between(events: &[Event], before: &Span, after: &Span) -> bool {
    let around = before.last_id.saturating_sub(RENAME_RECORDS)
        ..=after.first_id.saturating_add(RENAME_RECORDS);
    let from = events.partition_point(|event| {
        (&event.channel, event.record_id()) < (&before.channel, *around.start())
    });
    let near = events
        .iter()
        .skip(from)
        .take_while(|event| event.channel == before.channel && around.contains(&event.record_id()));
    near.into_iter().any(is_of_a_start)
}

/// Whether a record is written only while Windows starts.
pub(super) fn is_of_a_start(event: &Event) -> bool {
    matches!(
        event.action,
        Action::Boot | Action::StartingUp | Action::AuditDropped | Action::TsStart
    ) || event.logon_type.is_some_and(|logon_type| logon_type.0 == 0)
}

pub(super) fn sort(events: &mut [Event]) {
    // The sort takes half their space before it sees that they are in order, as they are as a rule.
    if !events.is_sorted_by(|a, b| record_order(a, b).is_le()) {
        events.sort_by(record_order);
    }
}

fn record_order(a: &Event, b: &Event) -> Ordering {
    (&a.channel, a.record_id(), a.time, a.log).cmp(&(&b.channel, b.record_id(), b.time, b.log))
}

/// The channel that tells which of a machine's names is the latest: Security, else System, else the first of all.
fn reference_channel(group: &[Member]) -> Option<Text> {
    let with_events = group.iter().filter(|member| !member.events.is_empty());
    let channels = with_events.flat_map(|member| member.spans.iter().map(|span| &span.channel));
    channels
        .min_by_key(|channel| (rank(channel), *channel))
        .cloned()
}

/// How much a channel tells about its machine's names: those that record boots come first.
fn rank(channel: &str) -> usize {
    let known = [SECURITY, "System"];
    let place = known.iter().position(|name| *name == channel);
    place.unwrap_or(known.len())
}

/// Puts the parts of one machine together; each record once.
fn merge(group: Vec<Member>) -> Machine {
    // Each name with its highest record number.
    let mut names: BTreeMap<String, (u64, Text)> = BTreeMap::new();
    let mut all = Vec::new();
    let mut spans = Vec::new();
    let mut uses: Vec<Use> = Vec::new();
    let reference = reference_channel(&group);
    let mut recovered = Recovered::of(&group);
    let is_live = group.iter().any(|member| !member.is_recovered);
    for member in group {
        // Live records tell the names.
        let telling = member.spans.iter();
        for span in telling.filter(|_| !(is_live && member.is_recovered)) {
            let last = if Some(&span.channel) == reference.as_ref() {
                span.last_id
            } else {
                0
            };
            let known = names
                .entry(span.computer.to_lowercase())
                .or_insert_with(|| (last, span.computer.clone()));
            *known = known.clone().max((last, span.computer.clone()));
        }
        match all.is_empty() {
            true => all = member.events,
            false => all.extend(member.events),
        }
        if !member.is_recovered {
            spans.extend(member.spans);
        }
        uses.extend(member.uses);
    }
    // The latest name is the one with the highest record number; only those of one channel can be compared.
    let mut aliases: Vec<(u64, Text)> = names.into_values().collect();
    aliases.sort();
    let mut aliases: Vec<Text> = aliases.into_iter().map(|(_, name)| name).collect();
    let host = aliases.pop().unwrap_or_else(|| Text::from(""));

    sort(&mut all);
    recovered.retain_needed(&mut all, &spans);
    let mut own = OwnNames::default();
    aliases
        .iter()
        .chain([&host])
        .for_each(|name| own.add_computer(name));
    let mut shown: HashSet<*const Content, RandomState> = HashSet::default();
    for event in &all {
        // Many events share one content.
        if shown.insert(&raw const **event) {
            for account in [&event.account, &event.subject] {
                if let (Some(sid), Some(domain)) = (&account.sid, &account.domain) {
                    own.learn(sid, domain);
                }
            }
        }
    }
    let mut conflicts = Vec::new();
    let mut copies: Vec<(usize, Sources)> = Vec::new();
    let mut kept_events = usize::from(!all.is_empty());
    all.dedup_by(|event, kept| {
        let is_same = kept.channel == event.channel
            && kept.record_id() == event.record_id()
            && kept.time == event.time;
        if !is_same {
            kept_events += 1;
            return false;
        }
        let place = kept_events - 1;
        match copies.last_mut().filter(|(last, _)| *last == place) {
            Some((_, logs)) => logs.add(event.log),
            None if event.log == kept.log => {}
            None => copies.push((place, vec![kept.log, event.log].into())),
        }
        if !kept.says_the_same(event) {
            conflicts.push(Conflict {
                channel: kept.channel.clone(),
                record_id: kept.record_id(),
                time: kept.time,
                used: kept.log,
                other: event.log,
            });
        }
        true
    });
    let log_spans = spans.clone();
    let spans = joined(spans);
    add_uses(&mut all, &mut copies, uses);
    recovered.note_order(&all);
    Machine {
        number: 0,
        host,
        aliases: aliases.into(),
        same_name: false,
        events: all,
        copies,
        spans,
        log_spans,
        recovered,
        own,
        conflicts,
    }
}

/// Adds the first and the last record of each run in which a Logon ID was used, unless they are events already. `copies` goes on
/// with the places of the events.
fn add_uses(events: &mut Vec<Event>, copies: &mut [(usize, Sources)], uses: Vec<Use>) {
    let audited = of_channel(events, SECURITY);
    let known = |record_id: u64| {
        let audited = events.get(audited.clone()).unwrap_or_default();
        let found = audited.binary_search_by_key(&record_id, |event| event.record_id());
        found.is_ok()
    };
    let mut contents = UsedContents::new(SECURITY);
    let mut seen: Vec<Event> = Vec::new();
    for used in &uses {
        for record in [used.first, used.last] {
            if !known(record.record_id) {
                seen.push(contents.event(used, record));
            }
        }
    }
    drop(uses);
    // A run of one record, and one that two logs hold.
    seen.sort_by_key(|event| (event.record_id(), event.logon_id(), event.log));
    seen.dedup_by_key(|event| (event.record_id(), event.logon_id()));
    seen.sort_by(record_order);
    // Both are in order. From the end on, each goes to its place, and what is moved lies behind what is still to be moved.
    let Some(filler) = seen.last().cloned() else {
        return;
    };
    let mut from = events.len();
    let mut to = from + seen.len();
    events.resize(to, filler);
    let mut copies = copies.iter_mut().rev().peekable();
    while let Some(last) = seen.last() {
        to -= 1;
        let before = from.checked_sub(1).and_then(|before| events.get(before));
        if before.is_some_and(|before| record_order(before, last).is_gt()) {
            from -= 1;
            events.swap(from, to);
            if let Some((place, _)) = copies.next_if(|(place, _)| *place == from) {
                *place = to;
            }
        } else if let Some(event) = events.get_mut(to) {
            *event = last.clone();
            seen.pop();
        }
    }
}

/// The places of a channel's events; `events` are in record order.
pub(super) fn of_channel(events: &[Event], channel: &str) -> Range<usize> {
    let from = events.partition_point(|event| *event.channel < *channel);
    let upto = events.partition_point(|event| *event.channel <= *channel);
    from..upto
}

/// Runs of records by channel and record ID; those that overlap or touch are one.
pub(super) fn joined(mut spans: Vec<Span>) -> Vec<Span> {
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
