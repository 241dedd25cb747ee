//! The audited desktop sessions, asked which of them a desktop session of LocalSessionManager is.

use super::read::Desktop;
use super::{ARBITRATION, DISCONNECT, RECONNECT};
use crate::session::Flag;
use crate::session::draft::Draft;
use crate::session::link::{Link, LinkRule, Score};
use crate::session::machine::Machine;
use crate::sid::Sid;
use crate::time::{TICKS_PER_SECOND, Ticks, Time};
use ahash::RandomState;
use std::collections::HashMap;

/// How long after its 4624 a 21 lies at most: seen 0.05 to 3.7 s.
const LOGON: Ticks = 5 * TICKS_PER_SECOND;
/// How far a 23 and its 4647 lie apart at most: seen to 0.17 s, once 15 s.
const LOGOFF: Ticks = 20 * TICKS_PER_SECOND;
/// How many sessions are looked at for one desktop: a bound for logs in which all have one time.
const NEAR_SESSIONS: usize = 2000;
/// How many desktops one session is joined to at most: the rests of one that was cut by gaps.
const MOST_RESTS: usize = 200;
/// How many names of one account count: a bound for logs in which each record gives another one.
const MOST_NAMES: usize = 16;

/// The audited desktop sessions that are not joined yet, by their changes.
pub(super) struct Audited {
    /// When which session changed so, by the account's name and SID, in order of time.
    changes: HashMap<(LinkRule, Owner), Vec<(Time, usize)>, RandomState>,
    /// How many desktops of LocalSessionManager each is joined to.
    joined: Vec<usize>,
}

/// What a record calls an account: by its name without case, or by its SID.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Owner {
    Name(String),
    Sid(Sid),
}

impl Audited {
    pub(super) fn new(machine: &Machine, drafts: &[Draft]) -> Self {
        let mut audited = Audited {
            changes: HashMap::default(),
            joined: vec![0; drafts.len()],
        };
        let time = |position: usize| machine.events.get(position).map(|event| event.time);
        // When the network logons of a session's connections ended.
        let mut connections_end: HashMap<usize, Vec<Time>, RandomState> = HashMap::default();
        let own = drafts.iter();
        for draft in own.filter(|draft| draft.flags.contains(Flag::Nla)) {
            if let Some((parent, closed)) = draft.parent().zip(draft.closed().and_then(time)) {
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
            note(LinkRule::Logon, at(draft.logon()));
            note(LinkRule::Logoff, at(draft.user_logoff().or(draft.closed())));
            for interval in draft.intervals() {
                note(LinkRule::Leave, at(interval.from));
                note(LinkRule::Return, at(interval.to));
            }
            for part in draft.parts() {
                note(LinkRule::Return, at(part.logon()));
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
    pub(super) fn find(
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
        if let Some(joined) = self.joined.get_mut(found.0) {
            *joined += 1;
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
                let joined = self.joined.get(*number).copied();
                joined.is_some_and(|joined| joined == 0 || is_rest && joined < MOST_RESTS)
            };
            near.filter(is_free).copied()
        })
    }
}

/// What the records of a session call its account. It is often shown by another name when it ends: that of a Microsoft account.
fn owners(machine: &Machine, draft: &Draft) -> Vec<Owner> {
    let named = draft
        .proofs()
        .filter_map(|(record, _)| machine.events.get(record))
        .filter(|event| event.logon_id().is_some());
    let mut names: Vec<String> = named
        .filter_map(|event| event.account.name.as_deref())
        .map(str::to_lowercase)
        .collect();
    names.sort_unstable();
    names.dedup();
    names.truncate(MOST_NAMES);
    let mut owners: Vec<Owner> = names.into_iter().map(Owner::Name).collect();
    owners.extend(draft.account.sid.clone().map(Owner::Sid));
    owners
}
