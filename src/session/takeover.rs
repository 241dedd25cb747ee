//! Desktop sessions that were taken up again though nobody had logged on as their owner.

use super::Flag;
use super::address::same_address;
use super::draft::Draft;
use super::failures::folded_name;
use super::gaps::Gaps;
use super::machine::{Machine, SECURITY};
use crate::event::{Action, Event};
use crate::sid::Sid;
use crate::time::{TICKS_PER_SECOND, Ticks, Time};
use std::collections::HashMap;
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
    audited: Range<usize>,
    places: &[Option<usize>],
    drafts: &mut [Draft],
    gaps: &Gaps,
) {
    let mut suspects = by_audit(machine, audited.clone(), places, drafts, gaps);
    suspects.extend(by_session_manager(machine, audited, places, drafts, gaps));
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
        .filter(|draft| draft.flags.contains(&Flag::Hijack))
    {
        draft.flags.remove(&Flag::HijackSuspected);
    }
}

/// The sessions of 4778s, and whether it is sure.
fn by_audit(
    machine: &Machine,
    audited: Range<usize>,
    places: &[Option<usize>],
    drafts: &[Draft],
    gaps: &Gaps,
) -> Vec<(usize, bool)> {
    let mut suspects = Vec::new();
    for index in audited.clone() {
        let Some(event) = machine
            .events
            .get(index)
            .filter(|event| event.action == Action::Reconnect)
        else {
            continue;
        };
        let number = places.get(index).copied().flatten();
        let Some((number, draft)) = number.and_then(|number| Some((number, drafts.get(number)?)))
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
            logon.action == Action::Logon
                && (logon.account.same_name(&event.account)
                    || is_of(logon.account.sid.as_ref(), draft))
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
        suspects.push((number, left));
    }
    suspects
}

fn is_of(sid: Option<&Sid>, draft: &Draft) -> bool {
    sid.is_some() && sid == draft.account.sid.as_ref()
}

/// The sessions of LocalSessionManager's 25s, and whether it is sure.
fn by_session_manager(
    machine: &Machine,
    audited: Range<usize>,
    places: &[Option<usize>],
    drafts: &[Draft],
    gaps: &Gaps,
) -> Vec<(usize, bool)> {
    let mut by_name: HashMap<String, Vec<Time>> = HashMap::new();
    let mut by_sid: HashMap<&Sid, Vec<Time>> = HashMap::new();
    let logons = machine.events.get(audited).unwrap_or_default();
    let accepted = machine
        .events
        .iter()
        .filter(|event| event.action == Action::RdpAuth);
    let logons = logons.iter().filter(|event| event.action == Action::Logon);
    for event in logons.chain(accepted) {
        if let Some(name) = folded_name(&event.account) {
            by_name.entry(name).or_default().push(event.time);
        }
        if let Some(sid) = &event.account.sid {
            by_sid.entry(sid).or_default().push(event.time);
        }
    }
    by_name.values_mut().for_each(|own| own.sort_unstable());
    by_sid.values_mut().for_each(|own| own.sort_unstable());
    let has = |times: Option<&Vec<Time>>, from: Time, to: Time| {
        times.is_some_and(|times| {
            let first = times.partition_point(|time| *time < from);
            times.get(first).is_some_and(|time| *time <= to)
        })
    };
    let mut suspects = Vec::new();
    let mut left: Option<&Event> = None;
    for (index, event) in machine.events.iter().enumerate() {
        if event.action == Action::TsDisconnect {
            left = Some(event);
        }
        if event.action != Action::TsReconnect {
            continue;
        }
        let Some(number) = places.get(index).copied().flatten() else {
            continue;
        };
        let Some(draft) = drafts.get(number) else {
            continue;
        };
        let from = event.time.plus(-LOGON);
        let named = folded_name(&event.account).and_then(|name| by_name.get(&name));
        let identified = draft.account.sid.as_ref().and_then(|sid| by_sid.get(sid));
        if !gaps.covers(SECURITY, from, event.time)
            || has(named, from, event.time)
            || has(identified, from, event.time)
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
