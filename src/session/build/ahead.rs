//! What the later records of a boot tell of a Logon ID, before its events are paired in order.

use super::super::CLOCK_STEP;
use super::super::place::Place;
use super::Builder;
use crate::event::{Account, Action, Event, LogonId, LogonType};
use ahash::RandomState;
use std::collections::HashMap;

/// What is known of a Logon ID in its boot.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Its draft, once there is one.
    draft: Option<Place>,
    /// The last event that names it, other than the closing of its token.
    last_alive: Option<Place>,
    /// Where its token closed last.
    closed: Option<Place>,
    /// It has a 4624.
    pub is_given: bool,
    /// A 4647 names it.
    pub is_left: bool,
    /// An event told all of its account before its 4624.
    is_told: bool,
}

impl Known {
    pub(super) fn draft(&self) -> Option<usize> {
        self.draft.map(Place::index)
    }

    pub(super) fn set_draft(&mut self, number: usize) {
        self.draft = Some(Place::of(number));
    }

    pub(super) fn last_alive(&self) -> Option<usize> {
        self.last_alive.map(Place::index)
    }

    pub(super) fn closed(&self) -> Option<usize> {
        self.closed.map(Place::index)
    }
}

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
        // The events that name a Logon ID, or one as the one that acts, to which no 4624 gave it before.
        let (mut named, mut acting) = (Vec::new(), Vec::new());
        for index in self.boot.events.clone() {
            let Some(event) = self.events.get(index) else {
                continue;
            };
            let place = Some(Place::of(index));
            if let Some(id) = event.logon_id() {
                let known = self.ids.entry(id).or_default();
                known.is_given |= event.action == Action::Logon;
                known.is_left |= event.action == Action::UserLogoff;
                match event.action {
                    Action::Logoff => known.closed = place,
                    _ => known.last_alive = place,
                }
                if !known.is_given {
                    named.extend(place);
                }
            }
            if let Some(id) = event.subject_logon_id {
                let known = self.ids.entry(id).or_default();
                known.last_alive = place;
                if !known.is_given && !known.is_told {
                    acting.extend(place);
                    known.is_told = is_complete(&event.subject);
                }
            }
            self.was_clock_set |= event.action == Action::ClockChange && is_set(event);
        }
        let of = |place: Place| Some((place.index(), self.events.get(place.index())?));
        let is_unlogged = |id: &LogonId| self.ids.get(id).is_none_or(|known| !known.is_given);
        let mut unlogged: HashMap<LogonId, Unlogged, RandomState> = HashMap::default();
        for (index, event) in named.into_iter().filter_map(of) {
            if let Some(id) = event.logon_id().filter(is_unlogged) {
                let known = unlogged.entry(id).or_default();
                known.first = known.first.or(Some(index));
                known.had_desktop |= is_of_a_desktop(event.action);
                known.account.fill_from(&event.account);
                if event.action == Action::Logoff {
                    known.logoff_type = known.logoff_type.or(event.logon_type);
                }
            }
        }
        for (index, event) in acting.into_iter().filter_map(of) {
            if let Some(id) = event.subject_logon_id.filter(is_unlogged) {
                let known = unlogged.entry(id).or_default();
                known.account.fill_from(&event.subject);
                known.first = known
                    .first
                    .map_or(Some(index), |first| Some(first.min(index)));
            }
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
        self.unlogged = unlogged;
    }
}

/// Whether nothing can be added to an account.
fn is_complete(account: &Account) -> bool {
    account.name.is_some() && account.domain.is_some() && account.sid.is_some()
}

/// Whether a change of the clock is one by a second or more, or of unknown size.
fn is_set(event: &Event) -> bool {
    let times = event.new_time.zip(event.previous_time);
    let step = times.map(|(new, previous)| new.since(previous));
    step.is_none_or(|step| step.saturating_abs() >= CLOCK_STEP)
}

fn is_of_a_desktop(action: Action) -> bool {
    use Action::*;
    matches!(
        action,
        UserLogoff | Reconnect | Disconnect | Lock | Unlock | ScreensaverOn | ScreensaverOff
    )
}
