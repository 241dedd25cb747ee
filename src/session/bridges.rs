//! What tells whose a session number is: of the records of other channels than Security, few hold both it and a SID.

use super::machine::Machine;
use crate::event::{Action, Event};
use crate::sid::Sid;
use crate::time::{TICKS_PER_SECOND, Ticks, Time};

/// How far a 21 and the record that bridges its session number to a SID lie apart at most.
pub(super) const BRIDGE: Ticks = 5 * TICKS_PER_SECOND;

/// Session numbers with their accounts' SIDs, in order of time: Winlogon 7001 and User Profile Service 1.
pub(super) struct Bridges(Vec<(Time, u32, Sid)>);

impl Bridges {
    pub(super) fn of(machine: &Machine) -> Self {
        let is_bridge =
            |event: &&Event| matches!(event.action, Action::WinlogonLogon | Action::ProfileLoad);
        let bridges = machine.events.iter().filter(is_bridge);
        let mut bridges: Vec<_> = bridges
            .filter_map(|event| {
                Some((
                    event.time,
                    event.session_number?,
                    event.account.sid.clone()?,
                ))
            })
            .collect();
        bridges.sort();
        Bridges(bridges)
    }

    /// Whose desktop a session number begins to be about the time of an event.
    pub(super) fn sid(&self, session: u32, event: &Event) -> Option<&Sid> {
        let Bridges(bridges) = self;
        let from = bridges.partition_point(|(time, ..)| *time < event.time.plus(-BRIDGE));
        let near = bridges
            .iter()
            .skip(from)
            .take_while(|(time, ..)| *time <= event.time.plus(BRIDGE));
        near.filter(|(_, number, _)| *number == session)
            .min_by_key(|(time, ..)| time.since(event.time).unsigned_abs())
            .map(|(.., sid)| sid)
    }
}
