//! Records of other channels that are written only when a desktop session begins or ends, and not when somebody leaves it
//! or returns to it: they tell a new logon from an unlock or a reconnect.

use super::actions::Actions;
use super::moments::{Moments, folded_name};
use crate::event::{Account, Action};
use crate::sid::Sid;
use crate::time::{TICKS_PER_SECOND, Ticks, Time};
use ahash::RandomState;
use std::collections::HashMap;

/// How long before and after its logon the mark of a start lies at most.
const BEFORE: Ticks = TICKS_PER_SECOND / 2;
const AFTER: Ticks = 5 * TICKS_PER_SECOND;
/// How many marks around a logon are looked at: a bound for logs in which all have one time.
const NEAR_STARTS: usize = 2000;

/// The marks of a machine.
#[derive(Debug)]
pub(super) struct Marks {
    /// The starts that Winlogon (7001) and the User Profile Service (1) tell, by account and in order of time.
    starts: [HashMap<Sid, Vec<Start>, RandomState>; 2],
    /// Those that LocalSessionManager (21) tells, by the account's name.
    named_starts: HashMap<String, Vec<Start>, RandomState>,
    /// The logoffs that LocalSessionManager (23) tells, by the account's name.
    logoffs: Moments<String>,
}

/// A start serves one logon.
#[derive(Debug)]
struct Start {
    time: Time,
    is_free: bool,
}

impl Marks {
    pub(super) fn of(actions: &Actions) -> Self {
        let logoffs = actions.all(Action::TsLogoff).map(|(_, event)| event);
        let mut marks = Marks {
            starts: Default::default(),
            named_starts: HashMap::default(),
            logoffs: Moments::by_name(logoffs),
        };
        let start = |time: Time| Start {
            time,
            is_free: true,
        };
        let by_sid = [Action::WinlogonLogon, Action::ProfileLoad];
        for (action, known) in by_sid.into_iter().zip(&mut marks.starts) {
            for (_, event) in actions.all(action) {
                if let Some(sid) = event.account.sid.clone() {
                    known.entry(sid).or_default().push(start(event.time));
                }
            }
        }
        for (_, event) in actions.all(Action::TsLogon) {
            if let Some(name) = folded_name(&event.account) {
                let known = marks.named_starts.entry(name.into_owned());
                known.or_default().push(start(event.time));
            }
        }
        let by_sid = marks.starts.iter_mut().flat_map(HashMap::values_mut);
        by_sid
            .chain(marks.named_starts.values_mut())
            .for_each(|starts| starts.sort_by_key(|start| start.time));
        marks
    }

    /// Whether a session of the account began with its logon at `time`. What says so serves no other logon.
    pub(super) fn serve(&mut self, account: &Account, time: Time) -> bool {
        let by_sid = self.starts.iter_mut();
        let by_sid = by_sid.filter_map(|known| known.get_mut(account.sid.as_ref()?));
        let by_name = folded_name(account).and_then(|name| self.named_starts.get_mut(&*name));
        let mut began = false;
        for starts in by_sid.chain(by_name) {
            let from = starts.partition_point(|start| start.time < time.plus(-BEFORE));
            let near = starts
                .iter_mut()
                .skip(from)
                .take(NEAR_STARTS)
                .take_while(|start| start.time <= time.plus(AFTER));
            let nearest = near
                .filter(|start| start.is_free)
                .min_by_key(|start| start.time.since(time).unsigned_abs());
            if let Some(start) = nearest {
                start.is_free = false;
                began = true;
            }
        }
        began
    }

    /// Whether a session of the account was logged off after one time and up to another.
    pub(super) fn was_left(&self, account: &Account, after: Time, upto: Time) -> bool {
        self.logoffs.any_named(account, after.plus(1), upto)
    }
}
