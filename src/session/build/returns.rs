//! Whether a logon at the logon screen begins a session, or returns to one that is open, or unlocks it: the records look alike.

use super::{Builder, Known, NEAR_EVENTS};
use crate::event::{Action, Event, LogonId};
use crate::session::PartReason;
use crate::session::draft::Draft;
use crate::sid::Sid;
use crate::time::{TICKS_PER_SECOND, Ticks};

/// How long an unlock's or a return's own Logon ID lives at most: seconds in real logs.
const PART_LIFE: Ticks = 60 * TICKS_PER_SECOND;

/// What a logon at the logon screen is.
pub(super) enum Visit {
    /// A new session.
    New,
    /// A return to a session, or its unlock.
    To(usize, PartReason),
    /// One of both: records are missing that would tell.
    Unclear,
}

/// Whether an account has an open desktop session.
enum Open {
    Surely(usize),
    /// One was, and records are missing since.
    Perhaps,
    No,
}

impl Builder<'_> {
    /// For a logon at the logon screen: the open session that it returns to, if it is not a new one.
    pub(super) fn returned_to(&mut self, index: usize, event: &Event) -> Visit {
        let reconnected = self.events_after(index).find(|after| {
            after.action == Action::Reconnect && after.account.same_name(&event.account)
        });
        let reconnected_id = reconnected.and_then(|after| after.logon_id());
        let comes_back =
            reconnected.is_some() || self.clients.return_soon(&event.account, event.time);
        let is_new = self.marks.serve(&event.account, event.time);
        if is_new || self.is_left_by_somebody(index, event) {
            return Visit::New;
        }
        let sid = event.account.sid.as_ref();
        let returns = event
            .logon_type
            .is_some_and(|logon_type| matches!(logon_type.0, 7 | 13))
            || comes_back;
        let open = self.open_desktop_of(index, event, reconnected_id);
        let number = match open {
            Open::Surely(number) => number,
            _ if returns => {
                let id = reconnected_id.or_else(|| self.desktop_before_log(index, event, sid));
                match id.and_then(|id| self.draft_of(id)) {
                    Some(number) => number,
                    None => {
                        let number = self.unlogged_session(id, index);
                        self.is_at_desktop(number, &event.account);
                        number
                    }
                }
            }
            Open::No if self.is_known_to_have_left(event) => return Visit::New,
            _ if self.lives_on(index, event) => return Visit::New,
            _ => return Visit::Unclear,
        };
        let remote = event
            .logon_type
            .is_some_and(|logon_type| matches!(logon_type.0, 10 | 12))
            || comes_back
            || self.clients.were_accepted(&event.account, event.time)
            || !self.pre_authentications(event).is_empty();
        let reason = match remote {
            true => PartReason::RdpReconnect,
            false => PartReason::Unlock,
        };
        Visit::To(number, reason)
    }

    /// Whether an account has no desktop session of which the records do not tell: none is missing since it last left one, or
    /// since the boot began.
    fn is_known_to_have_left(&self, event: &Event) -> bool {
        let left = event
            .account
            .sid
            .as_ref()
            .and_then(|sid| self.left_by.get(sid));
        let left = left.and_then(|&left| self.events.get(left));
        match left {
            Some(left) => !self.gaps.between_events(left, Some(event)),
            None => !self.is_gap_before(event),
        }
    }

    /// Whether records are missing between the beginning of the boot and an event.
    pub(super) fn is_gap_before(&self, event: &Event) -> bool {
        let first = self.events.get(self.boot.events.start);
        first.is_some_and(|first| self.gaps.between_events(first, Some(event)))
    }

    /// Whether the Logon ID of a logon is seen alive for longer than that of an unlock or a return is.
    fn lives_on(&self, index: usize, event: &Event) -> bool {
        let known = event.logon_id().and_then(|id| self.ids.get(&id));
        let named = known.map(|known| [known.last_alive(), known.closed()]);
        named
            .into_iter()
            .flatten()
            .flatten()
            .filter(|&last| last > index)
            .filter_map(|last| self.events.get(last))
            .any(|last| !last.time.within(event.time, PART_LIFE))
    }

    /// The desktop session of an account that is open at its logon; the one with Logon ID `preferred` if there are several,
    /// else one that is locked or disconnected, else the latest.
    fn open_desktop_of(&mut self, index: usize, event: &Event, preferred: Option<LogonId>) -> Open {
        let sid = event.account.sid.as_ref();
        if let Some(own) = sid.and_then(|sid| self.desktops_of.get_mut(sid)) {
            own.retain(|&number| self.drafts.get(number).is_some_and(Draft::is_open));
        }
        let Some(own) = sid.and_then(|sid| self.desktops_of.get(sid)) else {
            return Open::No;
        };
        if own.len() == 1
            && !self.was_clock_set
            && own.first().is_some_and(|&only| self.was_left(only, event))
        {
            return Open::No;
        }
        let is = |wanted: &dyn Fn(&Draft) -> bool| {
            own.iter()
                .copied()
                .find(|&number| self.drafts.get(number).is_some_and(wanted))
        };
        let is_sure = |draft: &Draft| self.is_surely_open(draft, index, event);
        is(&|draft| preferred.is_some_and(|id| draft.part(id).is_some()))
            .or_else(|| is(&|draft| draft.is_away() && is_sure(draft)))
            .or_else(|| {
                let mut own = own.iter().rev().copied();
                own.find(|&number| self.drafts.get(number).is_some_and(is_sure))
            })
            .map_or(
                if own.is_empty() {
                    Open::No
                } else {
                    Open::Perhaps
                },
                Open::Surely,
            )
    }

    /// Whether LocalSessionManager tells that an account's only open desktop session was logged off.
    fn was_left(&self, number: usize, event: &Event) -> bool {
        let draft = self.drafts.get(number);
        let seen = draft.and_then(|draft| self.events.get(draft.last_alive()));
        draft
            .zip(seen)
            .is_some_and(|(draft, seen)| self.marks.was_left(&draft.account, seen.time, event.time))
    }

    /// Whether an open session is still there at an event: no records are missing since it was last seen, or it is seen again.
    fn is_surely_open(&self, draft: &Draft, index: usize, event: &Event) -> bool {
        let seen = self.events.get(draft.last_alive());
        seen.is_some_and(|seen| !self.gaps.between_events(seen, Some(event)))
            || draft.carriers().any(|id| {
                let last = self.ids.get(&id).and_then(Known::last_alive);
                last.is_some_and(|last| last > index)
            })
    }

    /// The Logon ID of a desktop session of the account that began before the log; of two that are probably halves of one
    /// logon, the larger.
    fn desktop_before_log(
        &self,
        index: usize,
        event: &Event,
        sid: Option<&Sid>,
    ) -> Option<LogonId> {
        let ids = self.unlogged_of.get(sid?)?.iter().rev().copied();
        let open = |id: &LogonId| {
            let draft = self.draft_of(*id);
            let draft = draft.and_then(|number| self.drafts.get(number));
            match draft {
                Some(draft) => draft.is_open() && self.is_surely_open(draft, index, event),
                None => {
                    let first = self.unlogged.get(id).and_then(|known| known.first);
                    first
                        .and_then(|first| self.events.get(first))
                        .is_some_and(|first| !self.gaps.between_events(event, Some(first)))
                }
            }
        };
        ids.take(NEAR_EVENTS).filter(open).max_by_key(|id| {
            (
                self.unlogged.get(id).is_some_and(|known| known.had_desktop),
                *id,
            )
        })
    }

    /// The one desktop session that is open at an event, where the records go back to the beginning of the boot and none is
    /// missing that may tell of another.
    pub(super) fn only_open_desktop(&mut self, event: &Event) -> Option<usize> {
        if !self.boot.begins_here || self.is_gap_before(event) {
            return None;
        }
        let (mut open, mut ended) = (Vec::new(), Vec::new());
        for &number in &self.desktops {
            let is_open = self.drafts.get(number).is_some_and(Draft::is_open);
            let was_left = is_open && self.was_left(number, event);
            if was_left && self.was_clock_set {
                // The times of two channels cannot be compared: nothing tells whether it is still there.
                return None;
            }
            match is_open && !was_left {
                true => open.push(number),
                false => ended.push(number),
            }
            if open.len() > 1 {
                break;
            }
        }
        for number in ended {
            self.desktops.remove(&number);
        }
        match open.as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    }
}
