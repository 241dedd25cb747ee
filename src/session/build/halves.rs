//! The two halves of a logon that User Account Control split: linked by their records, or recognised by what they have in
//! common.

use super::super::place::Place;
use super::{Builder, NEAR_EVENTS};
use crate::event::{Action, Event, LogonId};
use crate::session::draft::{Draft, DraftPart};
use crate::session::{Flag, Kind, PartReason, Role};
use crate::sid::Sid;
use crate::time::{TICKS_PER_SECOND, Ticks};

/// How far apart the two records of a logon that User Account Control split can be, where no link says so:
/// 119 of 119 pairs with a link were that near.
const TWIN_RECORDS: u64 = 2;
/// The same in time.
pub(in crate::session) const TWIN_TIME: Ticks = TICKS_PER_SECOND / 1000;
/// The first 4624 version that links the two.
const FIRST_VERSION_WITH_LINK: u8 = 2;
/// How near two Logon IDs that precede the log must be to be one logon, split.
const TWIN_DISTANCE: u64 = 0x100;

impl<'a> Builder<'a> {
    /// The session whose other half, split off by User Account Control, this logon is, and that half's Logon ID.
    pub(super) fn other_half(&self, index: usize, event: &Event) -> Option<(usize, LogonId)> {
        let id = event.logon_id()?;
        let linked = event
            .linked_logon_id
            .filter(|&linked| self.draft_of(linked).is_some());
        let (number, first) = match linked {
            Some(linked) => (self.draft_of(linked)?, linked),
            None => match self.awaited.get(&id) {
                Some(&awaited) => awaited,
                None => {
                    let first = self.unlinked_half(index, event)?.logon_id()?;
                    (self.draft_of(first)?, first)
                }
            },
        };
        let draft = self.drafts.get(number)?;
        let part = draft.part(first)?;
        // A split logon has two halves, never three, of one account.
        (!part.is_paired && draft.account.sid == event.account.sid).then_some((number, first))
    }

    /// The first half of a split logon of a version that does not link the two.
    fn unlinked_half(&self, index: usize, event: &Event) -> Option<&'a Event> {
        let earlier = self.events.get(self.boot.events.start..index)?;
        let near = earlier.iter().rev().take(NEAR_EVENTS).take_while(|first| {
            event.record_id().saturating_sub(first.record_id()) <= TWIN_RECORDS
        });
        near.into_iter()
            .find(|first| are_unlinked_halves(first, event))
    }

    /// Makes the logon at `index` the second half of the logon with Logon ID `first`.
    pub(super) fn join_half(
        &mut self,
        number: usize,
        first: LogonId,
        index: usize,
        event: &Event,
    ) -> Option<usize> {
        let draft = self.drafts.get_mut(number)?;
        let half = draft.part_mut(first)?;
        half.is_paired = true;
        let reason = half.reason;
        draft.logons += 1;
        draft.prove(index, Role::Part);
        if reason == PartReason::Logon {
            // The first is the elevated one, unless the records themselves say otherwise.
            let swapped = event.elevated == Some(true) && draft.elevated == Some(false);
            let (filtered, elevated) = if swapped {
                (Some(first), event.logon_id())
            } else {
                (event.logon_id(), Some(first))
            };
            draft.id = filtered;
            draft.elevated_id = elevated;
            draft.elevated = Some(true);
            if let Some(id) = event.logon_id() {
                draft.add_part(DraftPart::new(id, Some(index), PartReason::UacTwin).paired());
            }
        } else {
            // The other half of an unlock unlocks as well.
            if let Some(id) = event.logon_id() {
                draft.add_part(DraftPart::new(id, Some(index), reason).paired());
            }
        }
        if let Some(id) = event.logon_id() {
            self.name(id, number);
        }
        self.settle(number, index, event);
        Some(number)
    }

    /// The session whose other half, in a version that does not link the two, a Logon ID without a 4624 is: the records just
    /// after the first half's are missing, and the account's next Logon ID but few is this.
    pub(super) fn lost_half(&self, id: LogonId) -> Option<(usize, LogonId)> {
        let sid = self.unlogged.get(&id)?.account.sid.as_ref()?;
        let own = self.desktops_of.get(sid)?.iter().rev().copied();
        own.take(NEAR_EVENTS).find_map(|number| {
            let draft = self.drafts.get(number)?;
            let logon = self.events.get(draft.logon()?)?;
            let first = logon.logon_id()?;
            let last_half = logon.record_id().saturating_add(TWIN_RECORDS);
            let is_lost = draft.part(first).is_some_and(|part| !part.is_paired)
                && logon.version < FIRST_VERSION_WITH_LINK
                && (1..TWIN_DISTANCE).contains(&id.get().saturating_sub(first.get()))
                && self
                    .gaps
                    .between(&logon.channel, logon.record_id(), last_half);
            is_lost.then_some((number, first))
        })
    }

    /// Whether a 4647 names this logon or its other half: somebody logged off from it, so that it was a session.
    pub(super) fn is_left_by_somebody(&self, index: usize, event: &Event) -> bool {
        let later = self
            .events
            .get(index + 1..self.boot.events.end)
            .unwrap_or_default();
        let near = later.iter().take(NEAR_EVENTS).take_while(|second| {
            second.record_id().saturating_sub(event.record_id()) <= TWIN_RECORDS
        });
        let second = near
            .into_iter()
            .find(|second| are_unlinked_halves(event, second))
            .and_then(|second| second.logon_id());
        [event.logon_id(), event.linked_logon_id, second]
            .into_iter()
            .flatten()
            .any(|id| self.ids.get(&id).is_some_and(|known| known.is_left))
    }
}

/// Whether two logons of a version that does not link them are halves of one.
fn are_unlinked_halves(first: &Event, second: &Event) -> bool {
    let unsplit = second
        .logon_type
        .is_none_or(|logon_type| matches!(logon_type.0, 0 | 3 | 5 | 8));
    second.version < FIRST_VERSION_WITH_LINK
        && !unsplit
        && first.action == Action::Logon
        && second.action == Action::Logon
        && second.time.within(first.time, TWIN_TIME)
        && first.account.sid == second.account.sid
        && first.logon_type == second.logon_type
        && first.process_id == second.process_id
        && first.logon_process == second.logon_process
}

/// Marks, among the sessions of a boot whose logons precede the log, those that are probably halves of one logon: two
/// of one account with neighbouring Logon IDs, one of which was seen with a desktop.
pub(in crate::session) fn mark_probable_twins(drafts: &mut [Draft]) {
    let mut unlogged: Vec<(Sid, LogonId, usize, bool)> = drafts
        .iter()
        .enumerate()
        .filter(|(_, draft)| {
            draft.logon().is_none() && !draft.standing && draft.kind != Kind::Network
        })
        .filter_map(|(number, draft)| {
            Some((
                draft.account.sid.clone()?,
                draft.id?,
                number,
                draft.is_desktop,
            ))
        })
        .collect();
    unlogged.sort();
    let near = |a: &(Sid, LogonId, usize, bool), b: &(Sid, LogonId, usize, bool)| {
        a.0 == b.0 && b.1.get().abs_diff(a.1.get()) < TWIN_DISTANCE
    };
    for (at, desktop) in unlogged.iter().enumerate().filter(|(_, one)| one.3) {
        let neighbours = [at.checked_sub(1), at.checked_add(1)]
            .into_iter()
            .flatten()
            .filter_map(|at| unlogged.get(at));
        let nearest = neighbours
            .filter(|other| near(desktop, other))
            .min_by_key(|other| desktop.1.get().abs_diff(other.1.get()));
        let Some(other) = nearest.map(|other| other.2) else {
            continue;
        };
        let left = drafts.get(desktop.2).and_then(|draft| draft.user_logoff());
        for number in [desktop.2, other] {
            if let Some(draft) = drafts.get_mut(number) {
                draft.flags.insert(Flag::Twin);
            }
        }
        // 4647 names one half; whoever left it left both.
        if let Some(twin) = drafts.get_mut(other).filter(|twin| twin.is_open()) {
            let left = left.filter(|&left| twin.last_use() <= left);
            twin.parents_end = left.map(Place::of);
        }
    }
}
