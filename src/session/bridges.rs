//! What tells whose a session number is: of the records of other channels than Security, few hold both it and a SID.

use super::actions::Actions;
use crate::event::{Action, Event};
use crate::sid::Sid;
use crate::time::{TICKS_PER_SECOND, Ticks, Time};
use ahash::RandomState;
use std::collections::HashMap;

/// How far a 21 and the record that bridges its session number to a SID lie apart at most.
pub(super) const BRIDGE: Ticks = 5 * TICKS_PER_SECOND;
/// How many records about one session number are looked at: a bound for logs in which all have one time.
const NEAR_BRIDGES: usize = 2000;

/// Session numbers with their accounts' SIDs, in order of time: Winlogon 7001 and User Profile Service 1.
pub(super) struct Bridges {
    by_number: HashMap<u32, Vec<(Time, Sid)>, RandomState>,
}

impl Bridges {
    pub(super) fn of(actions: &Actions) -> Self {
        let mut by_number: HashMap<u32, Vec<(Time, Sid)>, RandomState> = HashMap::default();
        let bridges = [Action::WinlogonLogon, Action::ProfileLoad];
        for (_, event) in bridges.into_iter().flat_map(|action| actions.all(action)) {
            if let Some((number, sid)) = event.session_number.zip(event.account.sid.clone()) {
                by_number.entry(number).or_default().push((event.time, sid));
            }
        }
        by_number
            .values_mut()
            .for_each(|bridges| bridges.sort_unstable());
        Bridges { by_number }
    }

    /// Whose desktop a session number begins to be about the time of an event.
    pub(super) fn sid(&self, session: u32, event: &Event) -> Option<&Sid> {
        let bridges = self.by_number.get(&session)?;
        let from = bridges.partition_point(|(time, _)| *time < event.time.plus(-BRIDGE));
        let near = bridges
            .iter()
            .skip(from)
            .take(NEAR_BRIDGES)
            .take_while(|(time, _)| *time <= event.time.plus(BRIDGE));
        near.min_by_key(|(time, _)| time.since(event.time).unsigned_abs())
            .map(|(_, sid)| sid)
    }
}
