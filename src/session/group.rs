//! Which parts of logs are of one machine: those that a name and something else connect, and that do not contradict each
//! other.

use super::machine::{Member, RENAME_RECORDS, first_label, is_of_a_start};
use crate::event::{Event, Span, Text};
use crate::time::{TICKS_PER_SECOND, Ticks, Time};
use ahash::RandomState;
use std::collections::{BTreeMap, HashMap, HashSet};

/// How far times must contradict the order of record numbers to speak of two machines: a clock is set by less, and the first
/// records of a boot are by another clock than its start.
pub(super) const ORDER: Ticks = 24 * 3600 * TICKS_PER_SECOND;

/// Puts the parts of each machine together. The order of `members` does not matter.
pub(super) fn group(members: Vec<Member>) -> Vec<Vec<Member>> {
    let mut connected = Connected::new(members.len());
    connect_by_folder(&members, &mut connected);
    connect_by_numbers(&members, &mut connected);
    connect_by_records(&members, &mut connected);
    let mut parts: BTreeMap<usize, Vec<Member>> = BTreeMap::new();
    for (at, member) in members.into_iter().enumerate() {
        parts.entry(connected.root(at)).or_default().push(member);
    }
    parts
        .into_values()
        .flat_map(without_contradiction)
        .collect()
}

/// Parts of the same folder are of one machine if the latest name of one is a name of the other.
fn connect_by_folder(members: &[Member], connected: &mut Connected) {
    #[derive(Default)]
    struct Known {
        latest: Option<usize>,
        earlier: Vec<usize>,
    }
    let mut names: HashMap<(String, usize), Known> = HashMap::new();
    for (at, member) in members.iter().enumerate() {
        let latest = member.latest();
        for label in member.labels() {
            let is_latest = latest.as_ref() == Some(&label);
            let known = names.entry((label, member.folder)).or_default();
            if let Some(other) = known.latest {
                connected.join(at, other);
            }
            if is_latest {
                known
                    .earlier
                    .drain(..)
                    .for_each(|other| connected.join(at, other));
                known.latest = Some(at);
            } else if known.latest.is_none() {
                known.earlier.push(at);
            }
        }
    }
}

/// Parts of the same folder are of one machine, renamed in between, if the record numbers of a channel go on from one to the
/// other and Windows started there.
fn connect_by_numbers(members: &[Member], connected: &mut Connected) {
    let own = || {
        let members = members.iter().enumerate();
        members.filter(|(_, member)| !member.is_collected)
    };
    let mut by_last: HashMap<(usize, &Text, u64), usize> = HashMap::new();
    for (at, member) in own() {
        for (channel, _, part) in channels(&member.spans) {
            by_last.insert((member.folder, channel, part.last), at);
        }
    }
    for (at, member) in own() {
        for (channel, first, _) in channels(&member.spans) {
            let before = first
                .checked_sub(1)
                .and_then(|last| by_last.get(&(member.folder, channel, last)));
            let near = |member: &Member| {
                let around =
                    first.saturating_sub(RENAME_RECORDS)..=first.saturating_add(RENAME_RECORDS);
                let from = member.events.partition_point(|event| {
                    (&event.channel, event.record_id()) < (channel, *around.start())
                });
                let near = member.events.iter().skip(from);
                near.take_while(|event| {
                    event.channel == *channel && around.contains(&event.record_id())
                })
                .any(is_of_a_start)
            };
            let Some((before, other)) =
                before.and_then(|&before| Some((before, members.get(before)?)))
            else {
                continue;
            };
            if near(member) || near(other) {
                connected.join(at, before);
            }
        }
    }
}

/// Parts that hold the same record are of one machine, wherever they lie.
fn connect_by_records(members: &[Member], connected: &mut Connected) {
    let mut holders: HashMap<String, u32> = HashMap::new();
    for label in members
        .iter()
        .flat_map(|member| member.labels().collect::<HashSet<_>>())
    {
        *holders.entry(label).or_default() += 1;
    }
    let overlapping = overlapping(members);
    let mut first_holder: HashMap<(&Text, &Text, u64, Time), usize, RandomState> =
        HashMap::default();
    for (at, member) in members.iter().enumerate() {
        let mut labels = member.labels();
        let is_shared = labels.any(|label| holders.get(&label).is_some_and(|&count| count > 1));
        if !is_shared || !overlapping.contains(&at) {
            continue;
        }
        for event in &member.events {
            let key = (
                &event.computer,
                &event.channel,
                event.record_id(),
                event.time,
            );
            let holder = *first_holder.entry(key).or_insert(at);
            connected.join(at, holder);
        }
    }
}

/// The parts that may have numbers of records in common with others, by their positions.
fn overlapping(members: &[Member]) -> HashSet<usize> {
    let runs = members.iter().enumerate().flat_map(|(at, member)| {
        let spans = member.spans.iter();
        spans.map(move |span| (&span.channel, span.first_id, span.last_id, at))
    });
    let mut runs: Vec<(&Text, u64, u64, usize)> = runs.collect();
    runs.sort_unstable();
    let mut found = HashSet::new();
    let mut runs = runs.into_iter().peekable();
    while let Some((channel, _, mut last, at)) = runs.next() {
        let mut holders = vec![at];
        while let Some((_, _, upto, at)) =
            runs.next_if(|(other, first, ..)| *other == channel && *first <= last)
        {
            last = last.max(upto);
            holders.push(at);
        }
        if holders.iter().any(|other| *other != at) {
            found.extend(holders);
        }
    }
    found
}

/// Splits parts that contradict each other: same-named machines, or states of one that was set back. A log without audit
/// records goes with the only group that it fits; it stays alone if there are several.
fn without_contradiction(mut members: Vec<Member>) -> Vec<Vec<Member>> {
    if members.len() == 1 {
        return vec![members];
    }
    let start = |member: &Member| {
        member.events.first().map(|first| {
            (
                first.time,
                first.record_id(),
                member.events.len(),
                first.log,
            )
        })
    };
    members.sort_by_key(|member| (member.rank(), start(member)));
    let overlapping = overlapping(&members);
    let mut groups: Vec<(Known, Vec<Member>)> = Vec::new();
    for (at, member) in members.into_iter().enumerate() {
        let overlaps = overlapping.contains(&at);
        let mut homes = (0..groups.len()).filter(|&at| {
            groups
                .get(at)
                .is_some_and(|(known, _)| !known.contradicts(&member, overlaps))
        });
        let home = homes.next();
        let home = home.filter(|_| member.rank() == 0 || homes.next().is_none());
        match home.and_then(|home| groups.get_mut(home)) {
            Some((known, group)) => {
                known.add(&member, overlaps);
                group.push(member);
            }
            None => {
                let mut known = Known::default();
                known.add(&member, overlaps);
                groups.push((known, vec![member]));
            }
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// A run of a channel's records in one log.
#[derive(Debug, Clone, Copy)]
struct Part {
    /// The highest number.
    last: u64,
    earliest: Time,
    latest: Time,
}

/// What a group holds, by record number.
#[derive(Default)]
struct Known {
    times: HashMap<(Text, u64), Time, RandomState>,
    /// By channel and first number.
    parts: BTreeMap<(Text, u64), Part>,
}

impl Known {
    /// Adds a part; `overlaps` tells whether it may have numbers in common with others.
    fn add(&mut self, member: &Member, overlaps: bool) {
        for event in member.events.iter().filter(|_| overlaps) {
            self.times
                .entry((event.channel.clone(), event.record_id()))
                .or_insert(event.time);
        }
        for (channel, first, part) in channels(&member.spans) {
            self.parts.entry((channel.clone(), first)).or_insert(part);
        }
    }

    /// Whether a part cannot be of this machine: another record under the same number, or another order, unless the numbers go
    /// on where the clock was set back.
    fn contradicts(&self, member: &Member, overlaps: bool) -> bool {
        let other_record = |event: &Event| {
            let known = self.times.get(&(event.channel.clone(), event.record_id()));
            known.is_some_and(|&time| time != event.time)
        };
        (overlaps && member.events.iter().any(other_record))
            || channels(&member.spans).any(|(channel, first, part)| {
                let before = self.parts.range(..(channel.clone(), first)).next_back();
                let after = self
                    .parts
                    .range((channel.clone(), part.last.saturating_add(1))..)
                    .next();
                let of_channel = |other: &(&(Text, u64), &Part)| other.0.0 == *channel;
                before.filter(of_channel).is_some_and(|(_, before)| {
                    before.last.saturating_add(1) < first
                        && before.earliest > part.latest.plus(ORDER)
                }) || after.filter(of_channel).is_some_and(|((_, next), after)| {
                    part.last.saturating_add(1) < *next && part.earliest > after.latest.plus(ORDER)
                })
            })
    }
}

/// For each channel of sorted runs of records: its name, the first number, and the rest.
fn channels(spans: &[Span]) -> impl Iterator<Item = (&Text, u64, Part)> {
    spans
        .chunk_by(|a, b| a.channel == b.channel)
        .filter_map(|spans| {
            let part = Part {
                last: spans.iter().map(|span| span.last_id).max()?,
                earliest: spans.iter().map(|span| span.earliest).min()?,
                latest: spans.iter().map(|span| span.latest).max()?,
            };
            let first = spans.first()?;
            Some((&first.channel, first.first_id, part))
        })
}

/// Disjoint sets of parts.
struct Connected {
    parents: Vec<usize>,
}

impl Connected {
    fn new(count: usize) -> Self {
        Connected {
            parents: (0..count).collect(),
        }
    }

    fn root(&mut self, at: usize) -> usize {
        let mut root = at;
        while let Some(&parent) = self.parents.get(root).filter(|&&parent| parent != root) {
            root = parent;
        }
        let mut next = at;
        while let Some(parent) = self.parents.get_mut(next).filter(|parent| **parent != root) {
            next = std::mem::replace(parent, root);
        }
        root
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        // The lower number is the root, so that sets keep the order of their first parts.
        if let Some(parent) = self.parents.get_mut(a.max(b)) {
            *parent = a.min(b);
        }
    }
}

/// The group, among those with one of `member`'s names, that lies in its folder; `None` if there are several.
pub(super) fn only_home(
    member: &Member,
    groups: &[Vec<Member>],
    by_name: &HashMap<String, Vec<usize>>,
) -> Option<usize> {
    only_named(member, by_name, |at| {
        groups
            .get(at)
            .is_some_and(|group| group.iter().any(|other| other.folder == member.folder))
    })
}

/// The only group with one of `member`'s names that `is_home`.
pub(super) fn only_named(
    member: &Member,
    by_name: &HashMap<String, Vec<usize>>,
    is_home: impl Fn(usize) -> bool,
) -> Option<usize> {
    let mut homes: Vec<usize> = member
        .labels()
        .flat_map(|label| by_name.get(&label).cloned().unwrap_or_default())
        .collect();
    homes.sort_unstable();
    homes.dedup();
    homes.retain(|&at| is_home(at));
    match homes.as_slice() {
        [home] => Some(*home),
        _ => None,
    }
}

/// Where in `groups` each name occurs.
pub(super) fn by_name(groups: &[Vec<Member>]) -> HashMap<String, Vec<usize>> {
    let mut names: HashMap<String, Vec<usize>> = HashMap::new();
    for (at, group) in groups.iter().enumerate() {
        let labels: HashSet<String> = group
            .iter()
            .flat_map(|member| member.names.iter().map(|name| first_label(name)))
            .collect();
        for label in labels {
            names.entry(label).or_default().push(at);
        }
    }
    names
}
