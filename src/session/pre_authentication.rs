//! What the network logons by which Remote Desktop checks credentials beforehand tell of their connections, where nothing
//! else tells it: when a client left a desktop, and when one came back to it. All of it is inferred.
//!
//! The last of them that is open when its desktop logon comes lives as long as the connection: of six in real logs (Windows 7,
//! Server 2012 R2 and 2016) four closed within 20 ms of the record that tells their connection's end (RdpCoreTS 103,
//! LocalSessionManager 24), one was open still, and one had closed before its desktop logon came, 0.7 s after its own. So only
//! the end of one that outlived the desktop logon well is a disconnection.

use super::actions::Actions;
use super::address::same_address;
use super::boot::{Boot, BootEnd};
use super::connection::{LISTENER, PROTOCOL};
use super::draft::{Draft, DraftInterval};
use super::gaps::Gaps;
use super::machine::Machine;
use super::moments::Moments;
use super::{Flag, Kind, PartReason, Role, State, desktop, kind};
use crate::event::{Action, Event};
use crate::sid::Sid;
use crate::time::{TICKS_PER_SECOND, Ticks, Time};
use ahash::RandomState;
use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap, HashSet};

/// How long after its desktop logon a network logon closes at least to have lived as long as the connection, and how long it
/// lives at least to be a return.
const OUTLIVES: Ticks = 10 * TICKS_PER_SECOND;
/// How long before its desktop logon a network logon lies at most.
pub(super) const BEFORE_LOGON: Ticks = 10 * TICKS_PER_SECOND;
/// How long before a network logon its credentials can be said to be accepted (1149), and how long after: seen 0.01 to 0.9 s
/// after it.
const ACCEPTED_BEFORE: Ticks = TICKS_PER_SECOND;
const ACCEPTED_AFTER: Ticks = 10 * TICKS_PER_SECOND;
/// Of a session with more changes of state than this nothing is inferred: where none of them is audited, those of a real one are
/// few.
const MOST_INTERVALS: usize = 1000;

/// Infers from the network logons of connections when desktop sessions were disconnected and taken up again.
pub(super) fn infer(
    machine: &Machine,
    actions: &Actions,
    boots: &[Boot],
    gaps: &Gaps,
    drafts: &mut [Draft],
) {
    let story = Story::new(machine, actions, boots, gaps);
    for (desktop, left) in story.leaves(drafts) {
        if let Some(draft) = drafts.get_mut(desktop) {
            story.leave(draft, left);
        }
    }
    for (network, desktop) in story.returns(drafts) {
        let pair = drafts.get_disjoint_mut([network, desktop]);
        if let Ok([network, draft]) = pair
            && story.come_back(draft, network)
        {
            network.flags.insert(Flag::Nla);
            network.set_parent(Some(desktop));
        }
    }
}

struct Story<'a> {
    machine: &'a Machine,
    actions: &'a Actions<'a>,
    boots: &'a [Boot],
    gaps: &'a Gaps,
    /// The boots in which 4778 and 4779 are audited.
    audited: HashSet<usize, RandomState>,
    /// When somebody logged on at the logon screen.
    screen: OnceCell<Moments<&'a Sid>>,
    /// When credentials were accepted (1149).
    accepted: Moments<String>,
}

impl<'a> Story<'a> {
    fn new(
        machine: &'a Machine,
        actions: &'a Actions<'a>,
        boots: &'a [Boot],
        gaps: &'a Gaps,
    ) -> Self {
        let has =
            |boot: &Boot, action| actions.within(action, boot.events.clone()).next().is_some();
        let is_audited =
            |boot: &Boot| has(boot, Action::Reconnect) || has(boot, Action::Disconnect);
        let numbered = boots.iter().enumerate();
        let audited = numbered.filter(|(_, boot)| is_audited(boot));
        Story {
            machine,
            actions,
            boots,
            gaps,
            audited: audited.map(|(number, _)| number).collect(),
            screen: OnceCell::new(),
            accepted: Moments::by_name(actions.all(Action::RdpAuth).map(|(_, event)| event)),
        }
    }

    fn event(&self, index: usize) -> Option<&'a Event> {
        self.machine.events.get(index)
    }

    fn time(&self, index: usize) -> Option<Time> {
        self.event(index).map(|event| event.time)
    }

    /// Whether other records would tell of a change of the session's connection.
    fn is_told(&self, desktop: &Draft, time: Time) -> bool {
        let boot = desktop.boot();
        boot.is_some_and(|boot| self.audited.contains(&boot))
            || self.gaps.goes_back_to(desktop::CHANNEL, time)
    }

    /// Whether a session goes on after a time: what comes with its end is no change of its state.
    fn goes_on(&self, draft: &Draft, time: Time) -> bool {
        let boot = draft.boot().and_then(|boot| self.boots.get(boot));
        let stop = match boot.map(|boot| &boot.end) {
            Some(BootEnd::Stopped(stop) | BootEnd::StoppedUnaudited(stop)) => Some(*stop),
            _ => None,
        };
        let ends = [
            draft.user_logoff(),
            draft.closed(),
            draft.ts_logoff(),
            draft.fast_stop().map(|(stop, _)| stop),
            stop,
        ];
        let first = ends
            .into_iter()
            .flatten()
            .filter_map(|end| self.time(end))
            .min();
        first.is_none_or(|end| time.plus(desktop::AFTERMATH) < end)
    }

    /// When the desktop sessions were left: each with the record that closed the network logon of its connection.
    fn leaves(&self, drafts: &[Draft]) -> BTreeSet<(usize, usize)> {
        // The last network logon of each desktop logon, and when it closed.
        let mut last: HashMap<(usize, Time), (Time, Option<usize>), RandomState> =
            HashMap::default();
        let mut connected: HashMap<usize, Vec<Time>, RandomState> = HashMap::default();
        let own = drafts
            .iter()
            .filter(|draft| draft.flags.contains(Flag::Nla));
        for draft in own {
            let Some((desktop, began)) = draft
                .parent()
                .zip(draft.logon().and_then(|logon| self.time(logon)))
            else {
                continue;
            };
            let Some(parent) = drafts.get(desktop) else {
                continue;
            };
            let times = connected
                .entry(desktop)
                .or_insert_with(|| self.connections(parent));
            let from = times.partition_point(|time| *time < began);
            let Some(&logon) = times
                .get(from)
                .filter(|logon| **logon <= began.plus(BEFORE_LOGON))
            else {
                continue;
            };
            let closed = draft.closed();
            if closed
                .and_then(|closed| self.time(closed))
                .is_some_and(|closed| closed < logon)
            {
                continue;
            }
            let known = last.entry((desktop, logon)).or_insert((began, closed));
            if known.0 <= began {
                *known = (began, closed);
            }
        }
        let mut leaves = BTreeSet::new();
        for ((desktop, logon), (_, closed)) in last {
            let Some((closed, time)) = closed.and_then(|closed| Some((closed, self.time(closed)?)))
            else {
                continue;
            };
            let times = connected
                .get(&desktop)
                .map(Vec::as_slice)
                .unwrap_or_default();
            let next = times.partition_point(|other| *other <= logon);
            // Another client took the session over, and this one was sent away.
            let is_replaced = times.get(next).is_some_and(|next| *next <= time);
            let is_left = |draft: &Draft| self.goes_on(draft, time) && !self.is_told(draft, time);
            if time >= logon.plus(OUTLIVES)
                && !is_replaced
                && drafts.get(desktop).is_some_and(is_left)
            {
                leaves.insert((desktop, closed));
            }
        }
        leaves
    }

    /// When clients came to a desktop session: its own logon and those that returned to it, in order, the halves of one once.
    fn connections(&self, draft: &Draft) -> Vec<Time> {
        let parts = draft.parts().iter().filter(|part| {
            matches!(
                part.reason,
                PartReason::Logon | PartReason::UacTwin | PartReason::RdpReconnect
            )
        });
        let mut times: Vec<Time> = parts.filter_map(|part| self.time(part.logon()?)).collect();
        times.sort_unstable();
        times.dedup_by(|later, first| later.within(*first, super::build::TWIN_TIME));
        times
    }

    /// Makes the record that closed the network logon of a session's connection the beginning of a disconnection, unless
    /// one is known already.
    fn leave(&self, draft: &mut Draft, left: usize) {
        let Some(time) = self.time(left) else { return };
        if draft.intervals().len() > MOST_INTERVALS {
            return;
        }
        let intervals = draft.intervals_mut();
        let is_over = |interval: &DraftInterval| {
            interval
                .to
                .and_then(|to| self.time(to))
                .is_some_and(|to| to <= time)
        };
        let next = intervals
            .iter()
            .position(|one| one.state == State::Disconnected && !is_over(one));
        match next.and_then(|next| intervals.get_mut(next)) {
            Some(interval) if interval.from.is_none() => {
                interval.from = Some(left);
                interval.is_inferred = true;
            }
            // It is told otherwise, or a return in between is not known.
            Some(_) => return,
            None => intervals.push(DraftInterval {
                state: State::Disconnected,
                from: Some(left),
                to: None,
                address: None,
                is_inferred: true,
            }),
        }
        draft.prove(left, Role::State);
    }

    /// The network logons that took a disconnected session up again, each with that session.
    fn returns(&self, drafts: &[Draft]) -> Vec<(usize, usize)> {
        let is_left = |draft: &Draft| {
            let mut intervals = draft.intervals().iter();
            intervals.any(|one| one.state == State::Disconnected && one.from.is_some())
        };
        if !drafts.iter().any(is_left) {
            return Vec::new();
        }
        let mut desktops: HashMap<(usize, &Sid), Vec<(Time, usize)>, RandomState> =
            HashMap::default();
        for (number, draft) in drafts
            .iter()
            .enumerate()
            .filter(|(_, draft)| draft.is_desktop)
        {
            let sid = draft.account.sid.as_ref();
            if let (Some(boot), Some(sid), Some(first)) =
                (draft.boot(), sid, self.time(draft.first()))
            {
                desktops
                    .entry((boot, sid))
                    .or_default()
                    .push((first, number));
            }
        }
        desktops.values_mut().for_each(|own| own.sort_unstable());
        // The network logons that each session's connections were prepared by.
        let mut prepared: HashMap<usize, &Event, RandomState> = HashMap::default();
        for draft in drafts
            .iter()
            .filter(|draft| draft.flags.contains(Flag::Nla))
        {
            let logon = draft.logon().and_then(|logon| self.event(logon));
            if let Some((parent, logon)) = draft.parent().zip(logon) {
                prepared.insert(parent, logon);
            }
        }
        let mut returns = Vec::new();
        for (number, draft) in drafts.iter().enumerate() {
            let logon = draft.logon().and_then(|logon| self.event(logon));
            let Some(logon) = logon.filter(|logon| is_like_one(draft, logon)) else {
                continue;
            };
            let time = logon.time;
            let lived = draft
                .closed()
                .and_then(|closed| self.time(closed))
                .is_none_or(|closed| closed.since(time) > OUTLIVES);
            let key = draft.boot().zip(logon.account.sid.as_ref());
            let own = key.and_then(|key| desktops.get(&key));
            let desktop = own.and_then(|own| {
                let begun = own.partition_point(|(first, _)| *first <= time);
                own.get(begun.checked_sub(1)?).map(|(_, number)| *number)
            });
            let Some((number_of, desktop)) =
                desktop.and_then(|number| Some((number, drafts.get(number)?)))
            else {
                continue;
            };
            if lived
                && self.away(desktop, time).is_some()
                && self.goes_on(desktop, time)
                && !self.is_told(desktop, time)
                && !self.is_at_screen(logon)
                && self.is_remote_desktops(logon, prepared.get(&number_of).copied())
            {
                returns.push((number, number_of));
            }
        }
        returns
    }

    /// The place of the disconnection that a session was in at a time.
    fn away(&self, draft: &Draft, time: Time) -> Option<usize> {
        let is_then = |interval: &DraftInterval| {
            let from = interval.from.and_then(|from| self.time(from));
            let to = interval.to.and_then(|to| self.time(to));
            interval.state == State::Disconnected
                && from.is_some_and(|from| from < time)
                && to.is_none_or(|to| time < to)
        };
        let intervals = draft.intervals();
        let few = Some(intervals).filter(|all| all.len() <= MOST_INTERVALS);
        few?.iter().position(is_then)
    }

    /// Whether somebody of the account logged on at the logon screen right after a network logon.
    fn is_at_screen(&self, logon: &Event) -> bool {
        let (from, to) = (logon.time, logon.time.plus(BEFORE_LOGON));
        let screen = self.screen.get_or_init(|| {
            let logons = self.actions.all(Action::Logon).map(|(_, event)| event);
            Moments::by_sid(logons.filter(|event| kind::is_at_logon_screen(event)))
        });
        screen.any_of(&logon.account, from, to)
    }

    /// Whether a network logon was a Remote Desktop client's: its credentials are said to be accepted; where no channel would say
    /// so, it is like the one that an earlier connection of the session was prepared by.
    fn is_remote_desktops(&self, logon: &Event, earlier: Option<&Event>) -> bool {
        let is_accepted = self.accepted.any_named(
            &logon.account,
            logon.time.plus(-ACCEPTED_BEFORE),
            logon.time.plus(ACCEPTED_AFTER),
        );
        let would_be_told = [LISTENER, PROTOCOL]
            .into_iter()
            .any(|channel| self.gaps.goes_back_to(channel, logon.time));
        is_accepted || (!would_be_told && earlier.is_some_and(|earlier| are_alike(logon, earlier)))
    }

    /// Ends the disconnection of a session, if it is in one, with the network logon that took it up again; with the end of that
    /// logon the next begins.
    fn come_back(&self, draft: &mut Draft, network: &Draft) -> bool {
        let Some((logon, event)) = network.logon().and_then(|at| Some((at, self.event(at)?)))
        else {
            return false;
        };
        let Some(at) = self.away(draft, event.time) else {
            return false;
        };
        let address = event.source_address.clone();
        let is_left = |closed: &usize| {
            self.time(*closed)
                .is_some_and(|time| self.goes_on(draft, time))
        };
        let left = network.closed().filter(is_left);
        let intervals = draft.intervals_mut();
        let Some(interval) = intervals.get_mut(at) else {
            return false;
        };
        let until = interval.to.replace(logon);
        let by = std::mem::replace(&mut interval.address, address);
        interval.is_inferred = true;
        if left.is_some() || until.is_some() {
            let next = DraftInterval {
                state: State::Disconnected,
                from: left,
                to: until,
                address: by,
                is_inferred: true,
            };
            intervals.insert(at + 1, next);
        }
        draft.prove(logon, Role::State);
        if let Some(left) = left {
            draft.prove(left, Role::State);
        }
        true
    }
}

/// Whether a network logon looks like those of Remote Desktop: nobody of the machine asked for it, and no port is named.
fn is_like_one(draft: &Draft, logon: &Event) -> bool {
    draft.kind == Kind::Network
        && !draft.flags.contains(Flag::Nla)
        && is_asked_for_by_nobody(logon)
        && logon.source_port().is_none_or(|port| port == 0)
}

/// Whether nobody of the machine asked for a logon: it came over the network.
pub(super) fn is_asked_for_by_nobody(logon: &Event) -> bool {
    logon.subject.sid.as_ref().map(Sid::as_str) == Some("S-1-0-0")
}

/// Whether two network logons came from the same client, as far as they tell.
fn are_alike(a: &Event, b: &Event) -> bool {
    let same_place = match (&a.source_address, &b.source_address) {
        (Some(a), Some(b)) => same_address(a, b),
        (None, None) => true,
        _ => false,
    };
    same_place
        && a.workstation == b.workstation
        && a.authentication_package == b.authentication_package
        && a.logon_process == b.logon_process
}
