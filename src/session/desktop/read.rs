//! The desktop sessions of LocalSessionManager, each with its records.
//!
//! In: the records of its channel. Out: a [`Desktop`] for each run of them that one session number names without a break.

use super::{AFTERMATH, CHANNEL};
use crate::event::{Account, Action, Text};
use crate::session::address::is_local;
use crate::session::bridges::Bridges;
use crate::session::gaps::Gaps;
use crate::session::machine::Machine;
use crate::time::Time;
use ahash::RandomState;
use std::collections::HashMap;

/// A desktop session as LocalSessionManager shows it. Positions are indexes into the machine's events.
#[derive(Debug, Default)]
pub(super) struct Desktop {
    pub account: Account,
    pub address: Option<Text>,
    pub number: u32,
    pub first: usize,
    pub last: usize,
    /// The last, unless all are of a client that leaves: that can be the aftermath of a logoff.
    pub last_alive: Option<usize>,
    /// Its 41: the account was let in, and its desktop is looked for.
    pub arbitration: Option<usize>,
    /// Its 21.
    pub logon: Option<usize>,
    /// Its 23.
    pub logoff: Option<usize>,
    /// Where its client left (`true`) or came back.
    pub changes: Vec<(usize, bool)>,
    /// All its records.
    pub records: Vec<usize>,
}

impl Desktop {
    pub(super) fn is_at_console(&self) -> bool {
        self.address.as_deref().is_some_and(is_local)
    }
}

/// The desktop sessions, in the order of their first records.
pub(super) fn read(machine: &Machine, bridges: &Bridges, gaps: &Gaps) -> Vec<Desktop> {
    let mut desktops: Vec<Desktop> = Vec::new();
    let mut open: HashMap<u32, usize, RandomState> = HashMap::default();
    let mut ended: HashMap<u32, Time, RandomState> = HashMap::default();
    // The 41 and 42 of somebody whose desktop is not there yet.
    let mut arriving: HashMap<u32, Vec<usize>, RandomState> = HashMap::default();
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
