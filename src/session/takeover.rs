//! Desktop sessions that were taken up again though nobody had logged on as their owner.
//!
//! In: drafts to which the records of returns are tied. Out: the same, flagged. A return is suspected only where the records
//! before it are whole, so that a logon would show.

use super::Flag;
use super::actions::Actions;
use super::address::same_address;
use super::draft::Draft;
use super::gaps::Gaps;
use super::machine::{Machine, SECURITY};
use super::moments::Moments;
use super::place::Places;
use crate::event::{Action, Event};
use crate::sid::Sid;
use crate::time::{TICKS_PER_SECOND, Ticks};
use std::ops::Range;

/// How long before its return somebody logs on as the owner.
const LOGON: Ticks = 30 * TICKS_PER_SECOND;
/// How long before it the session that was left for it is disconnected.
const LEFT: Ticks = TICKS_PER_SECOND;
/// The same by LocalSessionManager, which tells of a leave up to half a second late, and of a return up to a second.
const TOLD_LEFT: Ticks = 2 * TICKS_PER_SECOND;
/// How many records before a return are looked at.
const NEAR_EVENTS: usize = 2000;

/// Marks the sessions to which somebody returned (4778, LocalSessionManager 25) without a logon of their account before.
pub(super) fn mark(
    machine: &Machine,
    actions: &Actions,
    audited: Range<usize>,
    places: &Places,
    drafts: &mut [Draft],
    gaps: &Gaps,
) {
    let mut suspects = by_audit(machine, actions, audited.clone(), places, drafts, gaps);
    suspects.extend(by_session_manager(actions, audited, places, drafts, gaps));
    for (number, is_sure) in suspects {
        if let Some(draft) = drafts.get_mut(number) {
            draft.flags.insert(match is_sure {
                true => Flag::Hijack,
                false => Flag::HijackSuspected,
            });
        }
    }
    // What is sure is no longer suspected.
    for draft in drafts
        .iter_mut()
        .filter(|draft| draft.flags.contains(Flag::Hijack))
    {
        draft.flags.remove(Flag::HijackSuspected);
    }
}

/// The sessions of 4778s, and whether it is sure.
fn by_audit(
    machine: &Machine,
    actions: &Actions,
    audited: Range<usize>,
    places: &Places,
    drafts: &[Draft],
    gaps: &Gaps,
) -> Vec<(usize, bool)> {
    let mut suspects = Vec::new();
    for (index, event) in actions.within(Action::Reconnect, audited.clone()) {
        let Some((number, draft)) = session_of(index, places, drafts) else {
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
            logon.action == Action::Logon
                && (logon.account.same_name(&event.account)
                    || is_of(logon.account.sid.as_ref(), draft))
        };
        // The window must be covered: by records up to its beginning, and without a gap in it.
        let is_covered = earlier.len() > window.len() && window.len() < NEAR_EVENTS;
        let from = earlier
            .get(earlier.len() - window.len().min(earlier.len()))
            .map_or(0, |first| first.record_id())
            .saturating_sub(1);
        let has_gap = gaps.between(&event.channel, from, event.record_id());
        if !is_covered || has_gap || window.iter().copied().any(|logon| is_logon(&logon)) {
            continue;
        }
        let left = before(LEFT).into_iter().any(|left| {
            left.action == Action::Disconnect
                && left.session_name.is_some()
                && left.session_name == event.session_name
                && !left.account.same_name(&event.account)
        });
        suspects.push((number, left));
    }
    suspects
}

/// The session that the event at `index` belongs to.
fn session_of<'a>(
    index: usize,
    places: &Places,
    drafts: &'a [Draft],
) -> Option<(usize, &'a Draft)> {
    let number = places.get(index)?;
    Some((number, drafts.get(number)?))
}

fn is_of(sid: Option<&Sid>, draft: &Draft) -> bool {
    sid.is_some() && sid == draft.account.sid.as_ref()
}

/// The sessions of LocalSessionManager's 25s, and whether it is sure.
fn by_session_manager(
    actions: &Actions,
    audited: Range<usize>,
    places: &Places,
    drafts: &[Draft],
    gaps: &Gaps,
) -> Vec<(usize, bool)> {
    let mut suspects = Vec::new();
    if !actions.has(Action::TsReconnect) {
        return suspects;
    }
    let logons = actions.within(Action::Logon, audited);
    let arrivals = logons.chain(actions.all(Action::RdpAuth));
    let arrivals = arrivals.map(|(_, event)| event);
    let (by_name, by_sid) = (
        Moments::by_name(arrivals.clone()),
        Moments::by_sid(arrivals),
    );
    let mut left: Option<&Event> = None;
    for (index, event) in actions.any_of(&[Action::TsDisconnect, Action::TsReconnect]) {
        if event.action == Action::TsDisconnect {
            left = Some(event);
            continue;
        }
        let Some((number, draft)) = session_of(index, places, drafts) else {
            continue;
        };
        let (from, to) = (event.time.plus(-LOGON), event.time);
        if !gaps.covers(SECURITY, from, to)
            || by_name.any_named(&event.account, from, to)
            || by_sid.any_of(&draft.account, from, to)
        {
            continue;
        }
        let is_sure = left.is_some_and(|left| {
            let addresses = left
                .source_address
                .as_deref()
                .zip(event.source_address.as_deref());
            left.time <= event.time
                && event.time.within(left.time, TOLD_LEFT)
                && left.account.name.is_some()
                && !left.account.same_name(&event.account)
                && addresses.is_some_and(|(left, event)| same_address(left, event))
        });
        suspects.push((number, is_sure));
    }
    suspects
}
