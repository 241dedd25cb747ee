//! The desktop sessions that LocalSessionManager tells of, joined to the audited ones; those that the audit records do not
//! show are sessions of their own.
//!
//! A session number is no Logon ID and is given anew. What it is joined by: the account's name or SID, and a time that
//! the two records of one change lie apart in real logs. Each join is a [`Link`] that says which and how sure it is.

use super::boot::{Boot, BootEnd};
use super::draft::Draft;
use super::gaps::Gaps;
use super::link::{Link, LinkRule, Score};
use super::machine::Machine;
use super::{Flag, Kind, Role, State};
use crate::event::{Account, Action, Event, Text};
use crate::sid::Sid;
use crate::time::{TICKS_PER_SECOND, Ticks, Time};
use std::collections::HashMap;

/// The channel of desktop sessions.
pub(super) const CHANNEL: &str =
    "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational";

/// How long after its 4624 a 41 lies at most: seen 0 to 0.21 s.
pub(super) const ARBITRATION: Ticks = TICKS_PER_SECOND;
/// How long after its 4624 a 21 lies at most: seen 0.05 to 3.7 s.
const LOGON: Ticks = 5 * TICKS_PER_SECOND;
/// How far a 23 and its 4647 lie apart at most: seen to 0.17 s, once 15 s.
const LOGOFF: Ticks = 20 * TICKS_PER_SECOND;
/// How far a 25 and its 4778 or logon lie apart at most: seen 0.7 to 3.2 s.
const RECONNECT: Ticks = 10 * TICKS_PER_SECOND;
/// How far a 24 and its 4779, or the end of its pre-authentication, lie apart at most: seen to 0.45 s.
pub(super) const DISCONNECT: Ticks = 2 * TICKS_PER_SECOND;
/// How far a 21 and the record that bridges its session number to a SID lie apart at most.
const BRIDGE: Ticks = 5 * TICKS_PER_SECOND;
/// How far a 32 and the start of its boot lie apart at most.
const START: Ticks = 120 * TICKS_PER_SECOND;
/// How long after its logoff a session number can still be named.
pub(super) const AFTERMATH: Ticks = 30 * TICKS_PER_SECOND;

/// A desktop session as LocalSessionManager shows it. Positions are indexes into the machine's events.
#[derive(Debug, Default)]
struct Desktop {
    account: Account,
    address: Option<Text>,
    number: u32,
    first: usize,
    last: usize,
    /// The last, unless all are of a client that leaves: that can be the aftermath of a logoff.
    last_alive: Option<usize>,
    /// Its 41: the account was let in, and its desktop is looked for.
    arbitration: Option<usize>,
    /// Its 21.
    logon: Option<usize>,
    /// Its 23.
    logoff: Option<usize>,
    /// Where its client left (`true`) or came back.
    changes: Vec<(usize, bool)>,
    /// All its records.
    records: Vec<usize>,
}

impl Desktop {
    fn is_at_console(&self) -> bool {
        self.address.as_deref().is_some_and(is_local)
    }
}

/// Joins the desktop sessions of LocalSessionManager to `drafts`, and adds those that none of them is. `boot_of` is extended
/// for these: the number of their boot, or one that no boot has.
pub(super) fn join(
    machine: &Machine,
    boots: &[Boot],
    gaps: &Gaps,
    drafts: &mut Vec<Draft>,
    boot_of: &mut Vec<usize>,
    places: &mut [Option<usize>],
) {
    let desktops = read(machine, gaps);
    let starts = starts(machine);
    let mut audited = Audited::new(machine, drafts);
    for desktop in desktops {
        let found = audited.find(machine, drafts, &desktop);
        let number = match found {
            Some((number, ..)) => number,
            None => {
                boot_of.push(boot_at(machine, boots, gaps, &starts, desktop.first));
                drafts.push(draft_of(machine, &desktop));
                drafts.len() - 1
            }
        };
        if let Some(draft) = drafts.get_mut(number) {
            let joined = found.map(|(_, record, link)| (record, link));
            add(machine, draft, &desktop, joined, gaps);
        }
        for &record in &desktop.records {
            if let Some(place) = places.get_mut(record) {
                *place = Some(number);
            }
        }
    }
}

/// The desktop sessions, in the order of their first records.
fn read(machine: &Machine, gaps: &Gaps) -> Vec<Desktop> {
    let mut desktops: Vec<Desktop> = Vec::new();
    let mut open: HashMap<u32, usize> = HashMap::new();
    let mut ended: HashMap<u32, Time> = HashMap::new();
    // The 41 and 42 of somebody whose desktop is not there yet.
    let mut arriving: HashMap<u32, Vec<usize>> = HashMap::new();
    let bridges = Bridges::of(machine);
    for index in machine.channel(CHANNEL) {
        let Some(event) = machine.events.get(index) else {
            continue;
        };
        if event.action == Action::TsStart {
            open.clear();
            ended.clear();
            arriving.clear();
        }
        let Some(session) = event.session_number else {
            continue;
        };
        // A number that somebody else has now was given anew; and where records are missing, it may have been.
        let is_cut_off = |&at: &usize| {
            let known = desktops.get(at);
            let last = known.and_then(|known| machine.events.get(known.last));
            last.is_some_and(|last| gaps.between_events(last, Some(event)))
                || known.is_some_and(|known| is_another(&known.account, &event.account))
        };
        if open.get(&session).is_some_and(is_cut_off) {
            open.remove(&session);
        }
        let known = open.get(&session).copied();
        let is_aftermath = || {
            ended
                .get(&session)
                .is_some_and(|&end| event.time.within(end, AFTERMATH))
        };
        let (leaves, opens) = match event.action {
            Action::TsArbitration => {
                arriving.insert(session, vec![index]);
                continue;
            }
            Action::TsArbitrated => {
                if let Some(arrival) = arriving.get_mut(&session) {
                    arrival.push(index);
                }
                continue;
            }
            Action::TsLogon => (None, true),
            Action::TsShell | Action::TsLogoff => (None, known.is_none() && !is_aftermath()),
            Action::TsReconnect => (Some(false), known.is_none()),
            Action::TsDisconnect => (Some(true), known.is_none() && !is_aftermath()),
            // They do not say whose session it is.
            Action::TsReason | Action::TsDisconnectedBy => (Some(true), false),
            _ => continue,
        };
        if opens {
            open.insert(session, desktops.len());
            // A number without a 21 or 22 after it was that of a client who was given the desktop of another.
            let is_arrival = |arrival: &Vec<usize>| {
                let arrived = arrival.first().and_then(|&first| machine.events.get(first));
                matches!(event.action, Action::TsLogon | Action::TsShell)
                    && arrived.is_some_and(|arrived| {
                        arrived.account.same_name(&event.account)
                            && !gaps.between_events(arrived, Some(event))
                    })
            };
            let arrival = arriving.remove(&session).filter(is_arrival);
            let arrival = arrival.unwrap_or_default();
            desktops.push(Desktop {
                number: session,
                arbitration: arrival.first().copied(),
                records: arrival,
                account: Account {
                    sid: bridges.sid(session, event).cloned(),
                    ..event.account.clone()
                },
                address: event
                    .source_address
                    .clone()
                    .filter(|_| event.action == Action::TsLogon),
                first: index,
                last: index,
                ..Desktop::default()
            });
        }
        let Some(desktop) = open.get(&session).and_then(|&at| desktops.get_mut(at)) else {
            continue;
        };
        desktop.last = index;
        if leaves != Some(true) || desktop.last_alive.is_some() {
            desktop.last_alive = Some(index);
        }
        desktop.records.push(index);
        desktop.changes.extend(leaves.map(|leaves| (index, leaves)));
        match event.action {
            Action::TsLogon => desktop.logon = Some(index),
            Action::TsLogoff => {
                desktop.logoff = Some(index);
                ended.insert(session, event.time);
                open.remove(&session);
            }
            _ => {}
        }
    }
    desktops
}

/// Whether two records of one session number tell of two accounts.
fn is_another(known: &Account, account: &Account) -> bool {
    known.name.is_some() && account.name.is_some() && !known.same_name(account)
}

/// Session numbers with their accounts' SIDs, in order of time: Winlogon 7001 and User Profile Service 1.
pub(super) struct Bridges(Vec<(Time, u32, Sid)>);

impl Bridges {
    pub(super) fn of(machine: &Machine) -> Self {
        let is_bridge =
            |event: &&Event| matches!(event.action, Action::WinlogonLogon | Action::ProfileLoad);
        let bridges = machine.events.iter().filter(is_bridge);
        let mut bridges: Vec<_> = bridges
            .filter_map(|event| {
                Some((
                    event.time,
                    event.session_number?,
                    event.account.sid.clone()?,
                ))
            })
            .collect();
        bridges.sort();
        Bridges(bridges)
    }

    /// Whose desktop a session number begins to be about the time of an event.
    pub(super) fn sid(&self, session: u32, event: &Event) -> Option<&Sid> {
        let Bridges(bridges) = self;
        let from = bridges.partition_point(|(time, ..)| *time < event.time.plus(-BRIDGE));
        let near = bridges
            .iter()
            .skip(from)
            .take_while(|(time, ..)| *time <= event.time.plus(BRIDGE));
        near.filter(|(_, number, _)| *number == session)
            .min_by_key(|(time, ..)| time.since(event.time).unsigned_abs())
            .map(|(.., sid)| sid)
    }
}

/// Whether an address of LocalSessionManager or a 4778 is that of the console.
pub(super) fn is_local(address: &str) -> bool {
    address.eq_ignore_ascii_case("LOCAL")
}

/// The audited desktop sessions that are not joined yet, by account.
struct Audited {
    by_name: HashMap<String, Vec<usize>>,
    by_sid: HashMap<Sid, Vec<usize>>,
    /// When the network logons of a session's connections ended.
    connections_end: HashMap<usize, Vec<Time>>,
    is_joined: Vec<bool>,
}

impl Audited {
    fn new(machine: &Machine, drafts: &[Draft]) -> Self {
        let mut audited = Audited {
            by_name: HashMap::new(),
            by_sid: HashMap::new(),
            connections_end: HashMap::new(),
            is_joined: vec![false; drafts.len()],
        };
        for (number, draft) in drafts
            .iter()
            .enumerate()
            .filter(|(_, draft)| draft.is_desktop)
        {
            // A session is often shown by another name when it ends: that of a Microsoft account.
            let named = draft
                .proofs
                .iter()
                .filter_map(|&(record, _)| machine.events.get(record))
                .filter(|event| event.logon_id.is_some());
            let mut names: Vec<String> = named
                .filter_map(|event| event.account.name.as_deref())
                .map(str::to_lowercase)
                .collect();
            names.sort_unstable();
            names.dedup();
            for name in names {
                audited.by_name.entry(name).or_default().push(number);
            }
            if let Some(sid) = draft.account.sid.clone() {
                audited.by_sid.entry(sid).or_default().push(number);
            }
        }
        for draft in drafts
            .iter()
            .filter(|draft| draft.flags.contains(&Flag::Nla))
        {
            let closed = draft.closed().and_then(|closed| machine.events.get(closed));
            if let Some((parent, closed)) = draft.parent.zip(closed) {
                let ends = audited.connections_end.entry(parent).or_default();
                ends.push(closed.time);
            }
        }
        audited
    }

    /// The audited session that a desktop session is: the nearest by its logon, else by its logoff, else by a return, else
    /// by a leave. With it comes the record of the desktop that it is joined by.
    fn find(
        &mut self,
        machine: &Machine,
        drafts: &[Draft],
        desktop: &Desktop,
    ) -> Option<(usize, usize, Link)> {
        let name = desktop.account.name.as_deref().map(str::to_lowercase);
        let sid = desktop.account.sid.as_ref();
        let named = name.and_then(|name| self.by_name.get(&name));
        let identified = sid.and_then(|sid| self.by_sid.get(sid));
        let is_somebody_else = |number: usize| {
            let other = drafts
                .get(number)
                .and_then(|draft| draft.account.sid.as_ref());
            sid.zip(other).is_some_and(|(sid, other)| sid != other)
        };
        let mut candidates: Vec<usize> = named
            .into_iter()
            .chain(identified)
            .flatten()
            .copied()
            // One whose beginning is missing can be the rest of another.
            .filter(|&number| desktop.logon.is_none() || self.is_joined.get(number) == Some(&false))
            .filter(|&number| !is_somebody_else(number))
            .collect();
        candidates.sort_unstable();
        candidates.dedup();
        let time = |position: Option<usize>| {
            position
                .and_then(|position| machine.events.get(position))
                .map(|event| event.time)
        };
        let change = |leaves: bool| {
            desktop
                .changes
                .iter()
                .find(|change| change.1 == leaves)
                .map(|change| change.0)
        };
        let starts = |number: usize| {
            let logon = drafts.get(number).and_then(|draft| time(draft.logon));
            logon.into_iter().collect()
        };
        let ends = |number: usize| {
            let draft = drafts.get(number);
            let end = draft.and_then(|draft| time(draft.user_logoff.or(draft.closed())));
            end.into_iter().collect()
        };
        let leaves = |number: usize| {
            let intervals = drafts.get(number).map(Draft::intervals).unwrap_or_default();
            let left = intervals.iter().filter_map(|interval| time(interval.from));
            let closed = self.connections_end.get(&number).into_iter().flatten();
            left.chain(closed.copied()).collect()
        };
        let returns = |number: usize| {
            let draft = drafts.get(number);
            let intervals = draft.map(Draft::intervals).unwrap_or_default();
            let parts = draft.map(Draft::parts).unwrap_or_default();
            let returned = intervals.iter().filter_map(|interval| time(interval.to));
            let logons = parts.iter().filter_map(|part| time(part.logon));
            returned.chain(logons).collect()
        };
        // The nearest of the candidates, and whether it is the only one.
        let nearest = |at: Time, before: Ticks, after: Ticks, of: &dyn Fn(usize) -> Vec<Time>| {
            let distance = |number: usize| {
                of(number)
                    .into_iter()
                    .filter(|time| *time <= at.plus(after) && at.plus(-before) <= *time)
                    .map(|time| time.since(at).unsigned_abs())
                    .min()
            };
            let mut near: Vec<(u64, usize)> = candidates
                .iter()
                .filter_map(|&number| Some((distance(number)?, number)))
                .collect();
            near.sort_unstable();
            let (_, number) = *near.first()?;
            Some((number, near.len() == 1))
        };
        let sure = if sid.is_some() {
            Score::EXACT
        } else {
            Score::NAMED
        };
        type Times<'a> = &'a dyn Fn(usize) -> Vec<Time>;
        let rules: [(LinkRule, Option<usize>, Ticks, Ticks, Times<'_>, Score); 5] = [
            (
                LinkRule::Logon,
                desktop.arbitration,
                ARBITRATION,
                0,
                &starts,
                sure,
            ),
            (LinkRule::Logon, desktop.logon, LOGON, 0, &starts, sure),
            (
                LinkRule::Logoff,
                desktop.logoff,
                LOGOFF,
                LOGOFF,
                &ends,
                Score::BESIDE,
            ),
            (
                LinkRule::Return,
                change(false),
                RECONNECT,
                RECONNECT,
                &returns,
                sure,
            ),
            (
                LinkRule::Leave,
                change(true),
                DISCONNECT,
                DISCONNECT,
                &leaves,
                Score::BESIDE,
            ),
        ];
        let (number, record, link) =
            rules
                .into_iter()
                .find_map(|(rule, record, before, after, times, score)| {
                    let (number, is_only) = nearest(time(record)?, before, after, times)?;
                    let score = if is_only { score } else { Score::NEAREST };
                    Some((number, record?, Link::new(rule, score)))
                })?;
        if let Some(joined) = self.is_joined.get_mut(number) {
            *joined = true;
        }
        Some((number, record, link))
    }
}

/// A session that only LocalSessionManager shows.
fn draft_of(machine: &Machine, desktop: &Desktop) -> Draft {
    let mut draft = Draft::new(desktop.first, None);
    draft.logon = desktop.logon;
    draft.last_use = desktop.last;
    draft.account = desktop.account.clone();
    draft.is_desktop = true;
    draft.logons = u32::from(desktop.logon.is_some());
    draft.kind = match (desktop.logon, desktop.is_at_console()) {
        (None, _) => Kind::Unknown,
        (Some(_), true) => Kind::Console,
        (Some(_), false) => Kind::Rdp,
    };
    if machine.events.get(desktop.first).is_some() && desktop.logon.is_none() {
        draft.prove(desktop.first, Role::Use);
    }
    draft
}

/// Adds what LocalSessionManager tells of a session: its records, and when its client was away. `joined` is the record that
/// joins it to an audited session.
fn add(
    machine: &Machine,
    draft: &mut Draft,
    desktop: &Desktop,
    joined: Option<(usize, Link)>,
    gaps: &Gaps,
) {
    draft.ts_logon = desktop.logon.or(draft.ts_logon);
    draft.ts_logoff = desktop.logoff.or(draft.ts_logoff);
    draft.ts_last = desktop.last_alive.or(draft.ts_last);
    draft.number = Some(desktop.number);
    let is_doubtful = joined.is_some_and(|(_, link)| link.score == Score::NEAREST);
    let begins = draft.logon.and_then(|logon| machine.events.get(logon));
    let is_needed = begins.is_some_and(|logon| logon.source_address.is_none());
    if is_needed && !is_doubtful && desktop.address.is_some() && !desktop.is_at_console() {
        draft.source = desktop.logon;
    }
    let first = machine.events.get(desktop.first);
    for &record in &desktop.records {
        let Some(event) = machine.events.get(record) else {
            continue;
        };
        let role = match event.action {
            _ if Some(record) == desktop.logon => Role::Start,
            Action::TsLogoff => Role::End,
            Action::TsReconnect
            | Action::TsDisconnect
            | Action::TsReason
            | Action::TsDisconnectedBy => Role::State,
            _ => Role::Use,
        };
        let link = joined.map(|(by, link)| match by == record {
            true => link,
            false => Link::new(LinkRule::SessionNumber, link.score),
        });
        draft.prove_by(record, role, link);
        // With records missing before it, it can be of another session with this number.
        let is_sure = first.is_some_and(|first| !gaps.between_events(first, Some(event)));
        if is_sure && role != Role::End && desktop.last_alive.is_some() {
            draft.show(record, event.time);
        }
    }
    if is_doubtful {
        draft.flags.insert(Flag::UncertainLink);
    }
    let time = |position: usize| machine.events.get(position).map(|event| event.time);
    // What comes with the end is the session being torn down.
    let over = [
        draft.user_logoff.and_then(time),
        desktop.logoff.and_then(time),
    ]
    .into_iter()
    .flatten()
    .min();
    let told = desktop
        .changes
        .iter()
        .filter_map(|&(record, leaves)| Some((time(record)?, record, leaves, None)));
    let mut changes: Vec<(Time, usize, bool, Option<Text>)> = told.collect();
    for interval in draft
        .intervals()
        .iter()
        .filter(|interval| interval.state == State::Disconnected)
    {
        changes.extend(
            interval
                .from
                .and_then(|from| Some((time(from)?, from, true, None))),
        );
        changes.extend(
            interval
                .to
                .and_then(|to| Some((time(to)?, to, false, interval.address.clone()))),
        );
    }
    changes.retain(|change| over.is_none_or(|over| change.0 < over));
    changes.sort();
    draft.forget(State::Disconnected);
    for (_, record, leaves, address) in changes {
        if leaves {
            draft.leave(State::Disconnected, record);
        } else {
            let event = machine.events.get(record);
            let address = address.or_else(|| {
                event?
                    .source_address
                    .clone()
                    .filter(|address| !is_local(address))
            });
            let near = |ended: usize| {
                event
                    .zip(machine.events.get(ended))
                    .is_some_and(|(event, ended)| event.time.within(ended.time, RECONNECT))
            };
            // The logon itself only where no record of the return follows.
            let is_logon = |ended: usize| {
                machine
                    .events
                    .get(ended)
                    .is_some_and(|ended| ended.action == Action::Logon)
            };
            if !draft.replace_return(State::Disconnected, record, address.clone(), |ended| {
                near(ended) && is_logon(ended)
            }) {
                draft.come_back(State::Disconnected, record, address, near);
            }
        }
    }
    if is_doubtful {
        draft.doubt(State::Disconnected);
    }
}

/// Where the channel tells of the start of a boot: no session goes on beyond it.
pub(super) fn starts(machine: &Machine) -> Vec<usize> {
    let is_start = |&index: &usize| {
        machine
            .events
            .get(index)
            .is_some_and(|event| event.action == Action::TsStart)
    };
    machine.channel(CHANNEL).filter(is_start).collect()
}

/// The number of the boot that was running at a record of this channel, or one that no boot has: that of the last 32 in
/// `starts` before it, else the one that is known to have run at its time.
fn boot_at(
    machine: &Machine,
    boots: &[Boot],
    gaps: &Gaps,
    starts: &[usize],
    record: usize,
) -> usize {
    let time = |index: usize| machine.events.get(index).map(|event| event.time);
    let began = |boot: &Boot| boot.start.or_else(|| time(boot.events.start));
    let start = starts.partition_point(|&start| start <= record);
    let start = start.checked_sub(1).and_then(|last| starts.get(last));
    let start = start.filter(|&&start| {
        let pair = machine.events.get(start).zip(machine.events.get(record));
        pair.is_some_and(|(start, record)| !gaps.between_events(start, Some(record)))
    });
    if let Some(started) = start.and_then(|&start| time(start)) {
        let distance = |boot: &Boot| {
            let distance = began(boot)?.since(started).saturating_abs();
            (distance <= START).then_some(distance)
        };
        let near = boots.iter().enumerate();
        let near = near.filter_map(|(number, boot)| Some((distance(boot)?, number)));
        return near.min().map_or(usize::MAX, |(_, number)| number);
    }
    let Some(at) = time(record) else {
        return usize::MAX;
    };
    let number = boots
        .iter()
        .rposition(|boot| began(boot).is_some_and(|began| began <= at));
    let runs = |boot: &Boot| {
        let end = match boot.end {
            BootEnd::Stopped(stop) | BootEnd::StoppedUnaudited(stop) => {
                time(stop).map(|stop| stop.plus(AFTERMATH))
            }
            BootEnd::Broken { max, .. } => max,
            BootEnd::Running(last) => last,
        };
        let first_break = boot.breaks.first().and_then(|&first| time(first));
        end.is_some_and(|end| at <= end) && first_break.is_none_or(|first| at < first)
    };
    number
        .filter(|&number| boots.get(number).is_some_and(runs))
        .unwrap_or(usize::MAX)
}
