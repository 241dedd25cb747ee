//! Recovered records among live ones: where they go, and which of them are needed.
//!
//! In: the machines that live logs tell of, and what was recovered. Out: with each machine what fits into its logs by number and
//! time; the rest by itself. What was recovered tells what happened, but never that something did not: records can be missing around
//! each. It never outranks what a live log holds.

use super::group::{self, ORDER};
use super::machine::{Member, joined};
use crate::event::{Event, LogIndex, Span, Text};
use crate::time::Time;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Of one machine recovered records that contradict each other are told of by themselves, this often at most.
const MOST_APART: usize = 8;

/// What was recovered of a machine.
#[derive(Debug, Clone, Default)]
pub(super) struct Recovered {
    /// The first log of those that hold recovered records: all behind it do.
    pub from: Option<LogIndex>,
    /// Where the records lie, by channel and record ID.
    pub spans: Vec<Span>,
    /// How many of a channel's events contradict what is used under their numbers.
    pub contradicting: HashMap<Text, u64>,
    /// The positions of events whose times are not between those of the live ones around them: they move no bound that live
    /// events give.
    disordered: Vec<usize>,
}

impl Recovered {
    /// What the members of a group that were recovered tell.
    pub(super) fn of(members: &[Member]) -> Self {
        let own = members.iter().filter(|member| member.is_recovered);
        let mut recovered = Recovered::default();
        for member in own {
            let logs = member.spans.iter().map(|span| span.log);
            recovered.from = logs.chain(recovered.from).min();
            recovered.spans.extend(member.spans.iter().cloned());
            for (channel, count) in &member.contradicting {
                *recovered.contradicting.entry(channel.clone()).or_default() += count;
            }
        }
        let order = |span: &Span| (span.channel.clone(), span.first_id, span.last_id, span.log);
        recovered.spans.sort_by_key(order);
        recovered
    }

    /// Whether a log holds recovered records.
    pub(super) fn holds(&self, log: LogIndex) -> bool {
        self.from.is_some_and(|from| from <= log)
    }

    /// Whether the event at a position tells a time that the live ones around it contradict.
    pub(super) fn is_disordered(&self, index: usize) -> bool {
        self.disordered.binary_search(&index).is_ok()
    }

    /// Looks through the `events` of the machine, which are in record order, for those whose times live ones contradict.
    pub(super) fn note_order(&mut self, events: &[Event]) {
        if self.from.is_none() {
            return;
        }
        let mut index = 0;
        for channel in events.chunk_by(|a, b| a.channel == b.channel) {
            let first = index;
            index += channel.len();
            let numbered = || (first..index).zip(channel);
            let mut live: Option<Time> = None;
            for (at, event) in numbered() {
                match self.holds(event.log) {
                    true if live.is_some_and(|live| event.time < live) => self.disordered.push(at),
                    true => {}
                    false => live = Some(event.time),
                }
            }
            live = None;
            for (at, event) in numbered().rev() {
                match self.holds(event.log) {
                    true if live.is_some_and(|live| live < event.time) => self.disordered.push(at),
                    true => {}
                    // Where it sets the clock, up to then it showed another time.
                    false => live = Some(event.time.max(event.previous_time.unwrap_or(event.time))),
                }
            }
        }
        self.disordered.sort_unstable();
        self.disordered.dedup();
    }

    /// Leaves out of `events`, which are in record order, what live logs hold, the same or not. `live` are the live runs.
    pub(super) fn retain_needed(&mut self, events: &mut Vec<Event>, live: &[Span]) {
        if self.from.is_none() {
            return;
        }
        let known = Known::of(live);
        let mut last: Option<Event> = None;
        events.retain(|event| {
            if !self.holds(event.log) {
                last = Some(event.clone());
                return true;
            }
            let is_same_record = |live: &&Event| {
                live.channel == event.channel
                    && (live.record_id(), live.time) == (event.record_id(), event.time)
            };
            let live = last.as_ref().filter(is_same_record);
            let place = known.place(&event.channel, event.record_id(), event.time);
            if live.is_none() && place != Place::Held {
                return true;
            }
            if live.is_none_or(|live| !live.says_the_same(event)) {
                *self.contradicting.entry(event.channel.clone()).or_default() += 1;
            }
            false
        });
    }
}

/// Where a record belongs by its number and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Beside live records, in their order.
    Beside,
    /// Where a live log has a record of that number.
    Held,
    /// Nowhere: before what came later, or the other way round.
    Contrary,
}

/// Which numbers live logs hold, and when.
struct Known {
    /// Of each channel its runs, by number.
    runs: HashMap<Text, Vec<Span>>,
}

impl Known {
    fn of(live: &[Span]) -> Self {
        let mut runs: HashMap<Text, Vec<Span>> = HashMap::new();
        for run in joined(live.to_vec()) {
            runs.entry(run.channel.clone()).or_default().push(run);
        }
        Known { runs }
    }

    fn place(&self, channel: &Text, record_id: u64, time: Time) -> Place {
        let runs = self
            .runs
            .get(channel)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let next = runs.partition_point(|run| run.first_id <= record_id);
        let before = next.checked_sub(1).and_then(|before| runs.get(before));
        let after = runs.get(next);
        // Inside a run both bounds are its own.
        let inside = before.filter(|run| record_id <= run.last_id);
        let after = inside.or(after);
        let is_contrary = before.is_some_and(|run| run.earliest > time.plus(ORDER))
            || after.is_some_and(|run| time > run.latest.plus(ORDER));
        match inside {
            _ if is_contrary => Place::Contrary,
            Some(run) if run.live => Place::Held,
            _ => Place::Beside,
        }
    }

    fn fits(&self, channel: &Text, record_id: u64, time: Time) -> bool {
        self.place(channel, record_id, time) != Place::Contrary
    }
}

/// Puts what was recovered with the machines that it is of, or by itself.
pub(super) fn add(groups: &mut Vec<Vec<Member>>, recovered: Vec<Member>) {
    let by_name = group::by_name(groups);
    let mut by_log: HashMap<LogIndex, BTreeSet<usize>> = HashMap::new();
    for (at, group) in groups.iter().enumerate() {
        for span in group.iter().flat_map(|member| &member.spans) {
            by_log.entry(span.log).or_default().insert(at);
        }
    }
    let mut known: HashMap<usize, Known> = HashMap::new();
    let mut apart: BTreeMap<(Option<String>, usize), Vec<Member>> = BTreeMap::new();
    for member in recovered {
        let key = (member.latest(), member.folder);
        let beside = member.beside.and_then(|log| by_log.get(&log));
        let home = group::only_named(&member, &by_name, |at| {
            beside.is_some_and(|groups| groups.contains(&at))
        });
        let home = home
            .or_else(|| group::only_home(&member, groups, &by_name))
            .or_else(|| holder_of_a_record(&member, groups, &by_name));
        let Some((home, group)) = home.and_then(|home| Some((home, groups.get_mut(home)?))) else {
            apart.entry(key).or_default().push(member);
            continue;
        };
        let known = known.entry(home).or_insert_with(|| {
            let spans = group.iter().flat_map(|member| &member.spans);
            Known::of(&spans.cloned().collect::<Vec<Span>>())
        });
        let (fitting, rest) = divided(member, known);
        group.push(fitting);
        if !rest.spans.is_empty() || !rest.events.is_empty() {
            apart.entry(key).or_default().push(rest);
        }
    }
    groups.extend(apart.into_values().flat_map(without_contradiction));
}

/// The only machine of that name that holds one of the records.
fn holder_of_a_record(
    member: &Member,
    groups: &[Vec<Member>],
    by_name: &HashMap<String, Vec<usize>>,
) -> Option<usize> {
    let key = |event: &Event| (event.channel.clone(), event.record_id(), event.time);
    let own: HashSet<_> = member.events.iter().map(key).collect();
    group::only_named(member, by_name, |at| {
        let members = groups.get(at).map(Vec::as_slice).unwrap_or_default();
        let mut events = members.iter().flat_map(|member| &member.events);
        !own.is_empty() && events.any(|event| own.contains(&key(event)))
    })
}

/// What of a member fits, and the rest.
fn divided(member: Member, known: &Known) -> (Member, Member) {
    let is_beside = |channel: &str, seen: &crate::event::Seen| {
        known.place(&channel.into(), seen.record_id, seen.time) == Place::Beside
    };
    let (events, other_events) = member
        .events
        .into_iter()
        .partition(|event| known.fits(&event.channel, event.record_id(), event.time));
    let (spans, other_spans) = member.spans.into_iter().partition(|span| {
        known.fits(&span.channel, span.first_id, span.first_time)
            && known.fits(&span.channel, span.last_id, span.last_time)
    });
    let audited = super::machine::SECURITY;
    let uses = member.uses.into_iter();
    let uses = uses.filter(|one| is_beside(audited, &one.first) && is_beside(audited, &one.last));
    let fitting = Member {
        names: member.names.clone(),
        events,
        spans,
        uses: uses.collect(),
        ..member
    };
    let rest = Member {
        names: member.names,
        events: other_events,
        spans: other_spans,
        is_recovered: true,
        ..Member::default()
    };
    (fitting, rest)
}

/// Divides what was recovered of one name, so that in each part times do not contradict numbers. Of what fits in none the number is
/// kept.
fn without_contradiction(members: Vec<Member>) -> Vec<Vec<Member>> {
    let mut all = Member {
        is_recovered: true,
        ..Member::default()
    };
    for member in members {
        all.names = member.names;
        all.events.extend(member.events);
        all.spans.extend(member.spans);
        all.uses.extend(member.uses);
    }
    let mut events = std::mem::take(&mut all.events);
    super::machine::sort(&mut events);
    let mut parts = vec![(HashMap::new(), all)];
    for event in events {
        let key = (event.record_id(), event.time);
        let fits = |last: &HashMap<Text, (u64, Time)>| {
            last.get(&event.channel)
                .is_none_or(|&last| last == key || (last.0 < key.0 && last.1 <= key.1.plus(ORDER)))
        };
        let mut part = parts.iter().position(|(last, _)| fits(last));
        if part.is_none() && parts.len() < MOST_APART {
            part = Some(parts.len());
            let names = parts.first().map(|(_, all)| all.names.clone());
            let new = Member {
                names: names.unwrap_or_default(),
                is_recovered: true,
                ..Member::default()
            };
            parts.push((HashMap::new(), new));
        }
        match part.and_then(|part| parts.get_mut(part)) {
            Some((last, member)) => {
                last.insert(event.channel.clone(), key);
                member.events.push(event);
            }
            None => {
                if let Some((_, first)) = parts.first_mut() {
                    *first
                        .contradicting
                        .entry(event.channel.clone())
                        .or_default() += 1;
                }
            }
        }
    }
    // Which part a run of uses is of cannot be told.
    if let [_, _, ..] = parts.as_slice()
        && let Some((_, first)) = parts.first_mut()
    {
        first.uses = Vec::new();
    }
    parts.into_iter().map(|(_, member)| vec![member]).collect()
}
