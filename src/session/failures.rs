//! Refused logons in bursts, each tied to the logon that ended it.
//!
//! In: the audit records and the drafts that they belong to. Out: the same drafts, with the count of each burst and its first and
//! last record. A burst that no logon ended belongs to no session.

use super::actions::Actions;
use super::draft::Draft;
use super::machine::Machine;
use super::moments::folded_name;
use super::place::Places;
use super::{Flag, Role};
use crate::event::{Action, Event};
use crate::time::{TICKS_PER_SECOND, Ticks};
use ahash::RandomState;
use std::collections::HashMap;
use std::ops::Range;

/// How far the refused logons of one burst, and the logon that ends it, lie apart at most.
const BURST: Ticks = 600 * TICKS_PER_SECOND;

/// Refused logons of one account, one soon after the other.
struct Burst {
    count: u32,
    first: usize,
    last: usize,
}

/// Counts the refused logons before each logon of the audit records at `range`. They are those of the account's name: a
/// refused logon has no SID. A pre-authentication's are its Remote Desktop session's as well.
pub(super) fn tie(
    machine: &Machine,
    actions: &Actions,
    range: Range<usize>,
    places: &Places,
    drafts: &mut [Draft],
) {
    if !actions.has(Action::LogonFailed) {
        return;
    }
    let mut bursts: HashMap<String, Burst, RandomState> = HashMap::default();
    let events = machine.events.get(range.clone()).unwrap_or_default();
    let told = |event: &Event| matches!(event.action, Action::LogonFailed | Action::Logon);
    for (index, event) in range.zip(events).filter(|(_, event)| told(event)) {
        if bursts.is_empty() && event.action == Action::Logon {
            continue;
        }
        let Some(name) = folded_name(&event.account) else {
            continue;
        };
        let near = |burst: &Burst| {
            let last = machine.events.get(burst.last);
            last.is_some_and(|last| event.time.within(last.time, BURST))
        };
        match event.action {
            Action::LogonFailed => {
                let burst = bursts.remove(&*name).filter(near);
                let (count, first) = burst.map_or((1, index), |burst| {
                    (burst.count.saturating_add(1), burst.first)
                });
                bursts.insert(
                    name.into_owned(),
                    Burst {
                        count,
                        first,
                        last: index,
                    },
                );
            }
            Action::Logon => {
                let begins = |draft: &&Draft| draft.logon() == Some(index) && !draft.standing;
                let number = places.get(index);
                let begun =
                    number.filter(|&number| drafts.get(number).as_ref().is_some_and(begins));
                let (Some(number), Some(burst)) = (
                    begun,
                    begun.and_then(|_| bursts.remove(&*name)).filter(near),
                ) else {
                    continue;
                };
                let parent = drafts
                    .get(number)
                    .and_then(|draft| draft.parent().filter(|_| draft.flags.contains(Flag::Nla)));
                for number in [Some(number), parent].into_iter().flatten() {
                    if let Some(draft) = drafts.get_mut(number) {
                        draft.failures = Some(burst.count);
                        draft.prove(burst.first, Role::Failure);
                        draft.prove(burst.last, Role::Failure);
                    }
                }
            }
            _ => {}
        }
    }
}
