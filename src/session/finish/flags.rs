//! What an examiner should know of a session, as far as its own records and its boot tell.

use super::Finisher;
use super::ending::Ending;
use crate::event::{Action, Event};
use crate::session::address::is_local;
use crate::session::boot::Boot;
use crate::session::draft::Draft;
use crate::session::{Flag, Kind, RecordRef};
use crate::spoof::suspicion;
use crate::time::{TICKS_PER_SECOND, Ticks, Time};

/// How long before somebody left the request to stop lies at most.
pub const STOP_REQUEST_BEFORE: Ticks = 120 * TICKS_PER_SECOND;
/// How long after somebody left the request to stop is written at most.
pub const STOP_REQUEST_AFTER: Ticks = 5 * TICKS_PER_SECOND;

impl Finisher {
    pub(super) fn flags(
        &self,
        draft: &Draft,
        boot: Option<&Boot>,
        ending: &Ending,
        records: &[RecordRef],
    ) -> Vec<Flag> {
        let logon = draft.logon().and_then(|logon| self.event(logon));
        let mut flags = draft.flags;
        let is_network =
            logon.is_some_and(|logon| logon.logon_type.is_some_and(|logon_type| logon_type.0 == 3));
        if is_network
            && !draft.standing
            && draft
                .account
                .sid
                .as_ref()
                .is_some_and(|sid| sid.as_str() == "S-1-5-18")
        {
            flags.insert(Flag::OwnMachine);
        }
        if draft
            .user_logoff()
            .and_then(|left| self.time(left))
            .is_some_and(|left| self.stop_was_asked_for(left, boot))
        {
            flags.insert(Flag::AtShutdown);
        }
        if self.was_moved(draft) {
            flags.insert(Flag::Moved);
        }
        // From the first to the last event that it can have lived through.
        let boot = boot.map_or(0..0, |boot| boot.events.clone());
        let begins = if draft.logon().is_some() && self.audited.contains(&draft.first()) {
            draft.first()
        } else {
            boot.start
        };
        let ends = ending.audited;
        let cleared = self.marked.clears.partition_point(|&clear| clear < begins);
        if self
            .marked
            .clears
            .get(cleared)
            .is_some_and(|&clear| clear < ends.max(begins + 1))
        {
            flags.insert(Flag::SpansClear);
        }
        if self.marked.clock.stepped(begins, ends) {
            flags.insert(Flag::ClockChanged);
        }
        if let Some(first) = self.event(begins) {
            let after = if ending.record.is_some() {
                self.event(ends)
            } else {
                self.event(boot.end)
            };
            if self.gaps.between_events(first, after) {
                flags.insert(Flag::SpansGap);
            }
        }
        if self.has_suspicious_name(draft, logon) {
            flags.insert(Flag::SuspiciousName);
        }
        if self.machine.same_name {
            flags.insert(Flag::SameName);
        }
        let recovered = &self.machine.recovered;
        if records.iter().any(|record| recovered.holds(record.log)) {
            flags.insert(Flag::Recovered);
        }
        flags.iter().collect()
    }

    /// Whether a name of the session is made to be taken for another, or to hide something.
    fn has_suspicious_name(&self, draft: &Draft, logon: Option<&Event>) -> bool {
        let logon = logon.filter(|_| !draft.standing);
        let names = [
            draft.account.name.as_ref(),
            draft.account.domain.as_ref(),
            logon.and_then(|logon| logon.workstation.as_ref()),
            logon.and_then(|logon| logon.outbound.name.as_ref()),
            Some(&self.machine.host),
        ];
        names
            .into_iter()
            .flatten()
            .any(|name| suspicion(name).is_some())
    }

    /// Whether a stop of Windows was asked for about the time that somebody left.
    fn stop_was_asked_for(&self, left: Time, boot: Option<&Boot>) -> bool {
        let began = boot.and_then(|boot| boot.start);
        let near = left.plus(-STOP_REQUEST_BEFORE)..=left.plus(STOP_REQUEST_AFTER);
        let from = self
            .marked
            .stop_requests
            .partition_point(|time| time < near.start());
        let asked = self
            .marked
            .stop_requests
            .iter()
            .skip(from)
            .take_while(|time| near.contains(time));
        // A request of the boot before is no reason to leave this one.
        asked
            .into_iter()
            .any(|time| began.is_none_or(|began| began <= *time))
    }

    /// Whether a desktop session was taken up again at another place than it began at.
    fn was_moved(&self, draft: &Draft) -> bool {
        let began_remote = match draft.kind {
            Kind::Rdp | Kind::RdpCached => true,
            Kind::Console | Kind::ConsoleCached => false,
            _ => return false,
        };
        let returns = draft
            .intervals()
            .iter()
            .filter_map(|interval| self.event(interval.to?));
        returns.into_iter().any(|event| {
            let console = match event.action {
                Action::Reconnect => event
                    .session_name
                    .as_deref()
                    .map(|name| name.eq_ignore_ascii_case("Console")),
                Action::TsReconnect => event.source_address.as_deref().map(is_local),
                _ => None,
            };
            console == Some(began_remote)
        })
    }
}
