//! Records of other channels that are written only when a desktop session begins, and not when somebody returns to one:
//! they tell a new logon from an unlock or a reconnect.

use crate::event::{Action, Event};
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
            let known = match event.action {
                Action::WinlogonLogon => &mut *winlogon,
                Action::ProfileLoad => &mut *profiles,
                _ => continue,
            };
            if let Some(sid) = event.account.sid.clone() {
                known.entry(sid).or_default().push(Mark {
                    time: event.time,
                    is_free: true,
                });
            }
        }
        for marks in marks.by_channel.iter_mut().flat_map(HashMap::values_mut) {
            marks.sort_by_key(|mark| mark.time);
        }
        marks
    }

    /// Whether a session of the account began with its logon at `time`. What says so serves no other logon.
    pub(super) fn serve(&mut self, sid: &Sid, time: Time) -> bool {
        let mut began = false;
        for marks in self
            .by_channel
            .iter_mut()
            .filter_map(|known| known.get_mut(sid))
        {
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
