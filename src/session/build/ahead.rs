//! What the later records of a boot tell of a Logon ID, before its events are paired in order.

use super::super::CLOCK_STEP;
use super::Builder;
use crate::event::{Account, Action, LogonId, LogonType};
use std::collections::HashMap;

/// A Logon ID whose 4624 is not in the evidence.
#[derive(Debug, Clone, Default)]
pub(super) struct Unlogged {
    pub account: Account,
    /// It logged off by itself, was locked, unlocked, connected or disconnected.
    pub had_desktop: bool,
    /// The type that its 4634 names.
    pub logoff_type: Option<LogonType>,
    /// The first event that names it.
    pub first: Option<usize>,
}

impl Builder<'_> {
    /// Notes which Logon IDs have a 4624 in this boot, and what there is of the others.
    pub(super) fn look_ahead(&mut self) {
        let own = || {
            self.boot
                .events
                .clone()
                .filter_map(|index| Some((index, self.events.get(index)?)))
                .filter(|(_, event)| is_paired(event.action))
        };
        for (index, event) in own().filter(|(_, event)| event.action == Action::Logon) {
            if let Some(id) = event.logon_id {
                self.logons.entry(id).or_insert(index);
            }
        }
        let mut unlogged: HashMap<LogonId, Unlogged> = HashMap::new();
        for (index, event) in own().filter(|(_, event)| event.action != Action::Logon) {
            if let Some(id) = event.logon_id.filter(|id| !self.logons.contains_key(id)) {
                let known = unlogged.entry(id).or_default();
                known.first = known.first.or(Some(index));
                known.had_desktop |= is_of_a_desktop(event.action);
                known.account.fill_from(&event.account);
                if event.action == Action::Logoff {
                    known.logoff_type = known.logoff_type.or(event.logon_type);
                }
            }
        }
        for (index, event) in own() {
            if let Some(id) = event
                .subject_logon_id
                .filter(|id| !self.logons.contains_key(id))
            {
                let known = unlogged.entry(id).or_default();
                known.account.fill_from(&event.subject);
                known.first = known
                    .first
                    .map_or(Some(index), |first| Some(first.min(index)));
            }
        }
        let (mut last_alive, mut closed) = (HashMap::new(), HashMap::new());
        for (index, event) in own() {
            let is_closed = event.action == Action::Logoff;
            let own = if is_closed {
                &mut closed
            } else {
                &mut last_alive
            };
            own.extend(event.logon_id.map(|id| (id, index)));
            last_alive.extend(event.subject_logon_id.map(|id| (id, index)));
        }
        for (&id, known) in &unlogged {
            let may_be_desktop = known.had_desktop
                || known
                    .logoff_type
                    .is_none_or(|logon_type| matches!(logon_type.0, 2 | 10..=12));
            if let Some(sid) = known
                .account
                .sid
                .clone()
                .filter(|_| may_be_desktop && !id.is_standing())
            {
                self.unlogged_of.entry(sid).or_default().push(id);
            }
        }
        self.unlogged_of
            .values_mut()
            .for_each(|ids| ids.sort_unstable());
        self.left = own()
            .filter(|(_, event)| event.action == Action::UserLogoff)
            .filter_map(|(_, event)| event.logon_id)
            .collect();
        self.unlogged = unlogged;
        self.was_clock_set = own().any(|(_, event)| {
            let times = event.new_time.zip(event.previous_time);
            let step = times.map(|(new, previous)| new.since(previous));
            event.action == Action::ClockChange
                && step.is_none_or(|step| step.saturating_abs() >= CLOCK_STEP)
        });
        self.last_alive = last_alive;
        self.closed = closed;
    }
}

/// Whether events of this kind are looked at here.
pub(super) fn is_paired(action: Action) -> bool {
    use Action::*;
    is_of_a_desktop(action)
        || matches!(
            action,
            Logon
                | Logoff
                | LogonFailed
                | ExplicitCredentials
                | SpecialPrivileges
                | SpecialGroups
                | AuditLost
                | LogCleared
                | ClockChange
                | StartingUp
                | Used
        )
}

fn is_of_a_desktop(action: Action) -> bool {
    use Action::*;
    matches!(
        action,
        UserLogoff | Reconnect | Disconnect | Lock | Unlock | ScreensaverOn | ScreensaverOff
    )
}
