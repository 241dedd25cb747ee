//! Records of other channels that are written only when a desktop session begins, and not when somebody returns to one:
//! they tell a new logon from an unlock or a reconnect.

use super::failures::folded_name;
use crate::event::{Account, Action, Event};
use crate::sid::Sid;
use crate::time::{TICKS_PER_SECOND, Ticks, Time};
use std::collections::HashMap;

/// How long before and after its logon such a record lies at most.
const BEFORE: Ticks = TICKS_PER_SECOND / 2;
const AFTER: Ticks = 5 * TICKS_PER_SECOND;

/// The start marks of a machine. Each serves one logon.
#[derive(Debug, Default)]
pub(super) struct StartMarks {
    /// Those of Winlogon (7001) and of the User Profile Service (1), by account and in order of time.
    by_channel: [HashMap<Sid, Vec<Mark>>; 2],
    /// Those of LocalSessionManager (21), which names no SID, by the account's name and in order of time.
    by_name: HashMap<String, Vec<Mark>>,
}

#[derive(Debug)]
struct Mark {
    time: Time,
    is_free: bool,
}

impl StartMarks {
    pub(super) fn of(events: &[Event]) -> Self {
        let mut marks = StartMarks::default();
        let [winlogon, profiles] = &mut marks.by_channel;
        for event in events {
            let sid = event.account.sid.clone();
            let known = match event.action {
                Action::WinlogonLogon => sid.map(|sid| winlogon.entry(sid).or_default()),
                Action::ProfileLoad => sid.map(|sid| profiles.entry(sid).or_default()),
                Action::TsLogon => {
                    folded_name(&event.account).map(|name| marks.by_name.entry(name).or_default())
                }
                _ => None,
            };
            if let Some(known) = known {
                known.push(Mark {
                    time: event.time,
                    is_free: true,
                });
            }
        }
        let by_sid = marks.by_channel.iter_mut().flat_map(HashMap::values_mut);
        for marks in by_sid.chain(marks.by_name.values_mut()) {
            marks.sort_by_key(|mark| mark.time);
        }
        marks
    }

    /// Whether a session of the account began with its logon at `time`. What says so serves no other logon.
    pub(super) fn serve(&mut self, account: &Account, time: Time) -> bool {
        let mut began = false;
        let by_sid = self.by_channel.iter_mut();
        let by_sid = by_sid.filter_map(|known| known.get_mut(account.sid.as_ref()?));
        let by_name = folded_name(account).and_then(|name| self.by_name.get_mut(&name));
        for marks in by_sid.chain(by_name) {
            let from = marks.partition_point(|mark| mark.time < time.plus(-BEFORE));
            let near = marks
                .iter_mut()
                .skip(from)
                .take_while(|mark| mark.time <= time.plus(AFTER));
            let nearest = near
                .filter(|mark| mark.is_free)
                .min_by_key(|mark| mark.time.since(time).unsigned_abs());
            if let Some(mark) = nearest {
                mark.is_free = false;
                began = true;
            }
        }
        began
    }
}
