//! The desktop sessions that LocalSessionManager tells of, joined to the audited ones; those that the audit records do not
//! show are sessions of their own.
//!
//! A session number is no Logon ID and is given anew. What it is joined by: the account's name or SID, and a time that
//! the two records of one change lie apart in real logs. Each join is a [`Link`] that says which and how sure it is.

use super::boot::{Boot, BootEnd};
use super::draft::{Draft, DraftInterval};
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

/// How many sessions are looked at for one desktop: a bound for logs in which all have one time.
const NEAR_SESSIONS: usize = 2000;

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

/// The audited desktop sessions that are not joined yet, by their changes.
struct Audited {
    /// When which session changed so, by the account's name and SID, in order of time.
    changes: HashMap<(LinkRule, Owner), Vec<(Time, usize)>>,
    is_joined: Vec<bool>,
}

/// What a record calls an account: by its name without case, or by its SID.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Owner {
    Name(String),
    Sid(Sid),
}

impl Audited {
    fn new(machine: &Machine, drafts: &[Draft]) -> Self {
        let mut audited = Audited {
            changes: HashMap::new(),
            is_joined: vec![false; drafts.len()],
        };
        let time = |position: usize| machine.events.get(position).map(|event| event.time);
        // When the network logons of a session's connections ended.
        let mut connections_end: HashMap<usize, Vec<Time>> = HashMap::new();
        let own = drafts.iter();
        for draft in own.filter(|draft| draft.flags.contains(&Flag::Nla)) {
            if let Some((parent, closed)) = draft.parent.zip(draft.closed().and_then(time)) {
                connections_end.entry(parent).or_default().push(closed);
            }
        }
        for (number, draft) in drafts.iter().enumerate() {
            if !draft.is_desktop {
                continue;
            }
            let owners = owners(machine, draft);
            let mut note = |rule: LinkRule, time: Option<Time>| {
                let Some(time) = time else { return };
                for owner in &owners {
                    let known = audited.changes.entry((rule, owner.clone())).or_default();
                    known.push((time, number));
                }
            };
            let at = |position: Option<usize>| position.and_then(time);
            note(LinkRule::Logon, at(draft.logon));
            note(LinkRule::Logoff, at(draft.user_logoff.or(draft.closed())));
            for interval in draft.intervals() {
                note(LinkRule::Leave, at(interval.from));
                note(LinkRule::Return, at(interval.to));
            }
            for part in draft.parts() {
                note(LinkRule::Return, at(part.logon));
            }
            for &closed in connections_end.get(&number).into_iter().flatten() {
                note(LinkRule::Leave, Some(closed));
            }
        }
        let lists = audited.changes.values_mut();
        lists.for_each(|list| list.sort_unstable());
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
        let change = |leaves: bool| {
            let mut changes = desktop.changes.iter();
            let first = changes.find(|change| change.1 == leaves);
            first.map(|change| change.0)
        };
        let sure = match desktop.account.sid {
            Some(_) => Score::EXACT,
            None => Score::NAMED,
        };
        use LinkRule::*;
        let rules: [(LinkRule, Option<usize>, Ticks, Ticks, Score); 5] = [
            (Logon, desktop.arbitration, ARBITRATION, 0, sure),
            (Logon, desktop.logon, LOGON, 0, sure),
            (Logoff, desktop.logoff, LOGOFF, LOGOFF, Score::BESIDE),
            (Return, change(false), RECONNECT, RECONNECT, sure),
            (Leave, change(true), DISCONNECT, DISCONNECT, Score::BESIDE),
        ];
        let found = rules
            .into_iter()
            .find_map(|(rule, record, before, after, score)| {
                let record = record?;
                let at = machine.events.get(record)?.time;
                let near = self.near(rule, desktop, at.plus(-before), at.plus(after));
                let fits = |number: usize| {
                    let sid = drafts
                        .get(number)
                        .and_then(|draft| draft.account.sid.as_ref());
                    let own = desktop.account.sid.as_ref();
                    own.zip(sid).is_none_or(|(own, sid)| own == sid)
                };
                let mut near: Vec<(u64, usize)> = near
                    .filter(|(_, number)| fits(*number))
                    .map(|(time, number)| (time.since(at).unsigned_abs(), number))
                    .collect();
                near.sort_unstable();
                let &(_, number) = near.first()?;
                let is_only = near.iter().all(|(_, other)| *other == number);
                let score = if is_only { score } else { Score::NEAREST };
                Some((number, record, Link::new(rule, score)))
            })?;
        if let Some(joined) = self.is_joined.get_mut(found.0) {
            *joined = true;
        }
        Some(found)
    }

    /// The sessions of a desktop's account, not joined yet, that changed so from a time to another. One whose beginning is
    /// missing can be the rest of one that is.
    fn near(
        &self,
        rule: LinkRule,
        desktop: &Desktop,
        from: Time,
        to: Time,
    ) -> impl Iterator<Item = (Time, usize)> {
        let (account, is_rest) = (&desktop.account, desktop.logon.is_none());
        let name = account.name.as_deref().map(str::to_lowercase);
        let owners = [name.map(Owner::Name), account.sid.clone().map(Owner::Sid)];
        let lists = owners
            .into_iter()
            .flatten()
            .filter_map(move |owner| self.changes.get(&(rule, owner)));
        lists.flat_map(move |list| {
            let first = list.partition_point(|(time, _)| *time < from);
            let near = list.iter().skip(first).take(NEAR_SESSIONS);
            let near = near.take_while(move |(time, _)| *time <= to);
            let is_free = move |(_, number): &&(Time, usize)| {
                is_rest || self.is_joined.get(*number) == Some(&false)
            };
            near.filter(is_free).copied()
        })
    }
}

/// What the records of a session call its account. It is often shown by another name when it ends: that of a Microsoft account.
fn owners(machine: &Machine, draft: &Draft) -> Vec<Owner> {
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
    let mut owners: Vec<Owner> = names.into_iter().map(Owner::Name).collect();
    owners.extend(draft.account.sid.clone().map(Owner::Sid));
    owners
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

/// Takes back what a logon at the logon screen alone said of a return, where the session manager saw nobody return: the
/// logon met an open session and was turned away. On a real controller one lived 7 s beside a client that stayed.
pub(super) fn withdraw_returns(machine: &Machine, gaps: &Gaps, drafts: &mut [Draft]) {
    let returns = machine.events.iter();
    let returns = returns.filter(|event| event.action == Action::TsReconnect);
    let mut returns: Vec<Time> = returns.map(|event| event.time).collect();
    returns.sort_unstable();
    let is_seen = |time: Time| {
        let first = returns.partition_point(|other| *other < time);
        let next = returns.get(first);
        next.is_some_and(|next| *next <= time.plus(RECONNECT))
    };
    let is_no_return = |interval: &DraftInterval| {
        let to = interval.to.and_then(|to| machine.events.get(to));
        let logon = to.filter(|to| to.action == Action::Logon);
        interval.state == State::Disconnected
            && interval.from.is_none()
            && logon.is_some_and(|logon| {
                gaps.covers(CHANNEL, logon.time, logon.time.plus(RECONNECT)) && !is_seen(logon.time)
            })
    };
    for draft in drafts {
        draft
            .intervals_mut()
            .retain(|interval| !is_no_return(interval));
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
