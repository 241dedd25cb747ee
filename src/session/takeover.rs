//! Desktop sessions that were taken up again though nobody had logged on as their owner.

use super::Flag;
use super::draft::Draft;
use super::gaps::Gaps;
use super::machine::Machine;
use crate::event::{Action, Event};
use crate::time::{TICKS_PER_SECOND, Ticks};
use std::ops::Range;

/// How long before its return somebody logs on as the owner.
const LOGON: Ticks = 30 * TICKS_PER_SECOND;
/// How long before it the session that was left for it is disconnected.
const LEFT: Ticks = TICKS_PER_SECOND;
/// How many records before a return are looked at.
const NEAR_EVENTS: usize = 2000;

/// Marks the sessions of 4778s without a logon of their account before them, unless records are missing there.
pub(super) fn mark(
    machine: &Machine,
    audited: Range<usize>,
    places: &[Option<usize>],
    drafts: &mut [Draft],
    gaps: &Gaps,
) {
    for index in audited.clone() {
        let Some(event) = machine
            .events
            .get(index)
            .filter(|event| event.action == Action::Reconnect)
        else {
            continue;
        };
        let earlier = machine.events.get(audited.start..index).unwrap_or_default();
        let before = |ticks: Ticks| {
            let near = earlier.iter().rev().take(NEAR_EVENTS);
            near.take_while(move |earlier| event.time.within(earlier.time, ticks))
                .collect::<Vec<_>>()
        };
        let window = before(LOGON);
        let is_logon = |logon: &&Event| {
            logon.action == Action::Logon && logon.account.same_name(&event.account)
        };
        // The window must be covered: by records up to its beginning, and without a gap in it.
        let is_covered = earlier.len() > window.len() && window.len() < NEAR_EVENTS;
        let from = earlier
            .get(earlier.len() - window.len().min(earlier.len()))
            .map_or(0, |first| first.record_id)
            .saturating_sub(1);
        let has_gap = gaps.between(&event.channel, from, event.record_id);
        if !is_covered || has_gap || window.iter().copied().any(|logon| is_logon(&logon)) {
            continue;
        }
        let left = before(LEFT).into_iter().any(|left| {
            left.action == Action::Disconnect
                && left.session_name.is_some()
                && left.session_name == event.session_name
                && !left.account.same_name(&event.account)
        });
        let number = places.get(index).copied().flatten();
        if let Some(draft) = number.and_then(|number| drafts.get_mut(number)) {
            draft.flags.insert(if left {
                Flag::Hijack
            } else {
                Flag::HijackSuspected
            });
        }
    }
}
