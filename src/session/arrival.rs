//! What an examiner should know of how a client came to a Remote Desktop session: through a tunnel, from a virtual machine's
//! host, or not at all.

use super::address::{is_local, is_loopback};
use super::draft::Draft;
use super::gaps::Gaps;
use super::machine::Machine;
use super::{Flag, Kind, desktop, system};
use crate::event::{Action, Event};
use crate::time::{TICKS_PER_SECOND, Ticks, Time};

/// How soon a logon closes that was refused a desktop: one that met an open session closed after 7 s.
const REFUSED: Ticks = 10 * TICKS_PER_SECOND;
/// How long after a logon its desktop begins at the latest, by the records of other channels.
const BEGINS: Ticks = 5 * TICKS_PER_SECOND;
/// The channel of profiles.
const PROFILES: &str = "Microsoft-Windows-User Profile Service/Operational";
/// The address that Hyper-V's client has.
const NOWHERE: &str = "0.0.0.0";

/// Flags the desktop sessions of `drafts`.
pub(super) fn mark(machine: &Machine, gaps: &Gaps, drafts: &mut [Draft]) {
    for draft in drafts.iter_mut().filter(|draft| draft.is_desktop) {
        let proofs = || {
            draft
                .proofs()
                .filter_map(|(record, _)| machine.events.get(record))
        };
        let addresses = || {
            proofs()
                .filter(|event| is_arrival(event))
                .filter_map(address)
        };
        let is_tunnel = addresses().any(is_loopback);
        let is_from_host = addresses().any(|address| address == NOWHERE)
            && addresses().all(|address| address == NOWHERE || is_local(address));
        let begins = proofs().any(|event| {
            matches!(
                event.action,
                Action::TsLogon | Action::WinlogonLogon | Action::ProfileLoad
            )
        });
        let is_refused = !begins && was_closed_at_once(machine, gaps, draft);
        let flags = [
            (Flag::Tunnel, is_tunnel),
            (Flag::Vmconnect, is_from_host),
            (Flag::Refused, is_refused),
        ];
        let flags = flags.into_iter().filter(|(_, is_so)| *is_so);
        flags.for_each(|(flag, _)| draft.flags.insert(flag));
    }
}

/// Whether a record tells of a client of Remote Desktop.
fn is_arrival(event: &Event) -> bool {
    match event.action {
        Action::Logon => event
            .logon_type
            .is_some_and(|logon_type| matches!(logon_type.0, 10 | 12)),
        Action::Reconnect
        | Action::TsLogon
        | Action::TsReconnect
        | Action::RdpAuth
        | Action::RdpConnection => true,
        _ => false,
    }
}

fn address(event: &Event) -> Option<&str> {
    event.source_address.as_deref()
}

/// Whether a Remote Desktop logon closed at once, by its token alone, where a channel that tells when desktops begin covers
/// that time.
fn was_closed_at_once(machine: &Machine, gaps: &Gaps, draft: &Draft) -> bool {
    let time = |record: usize| machine.events.get(record).map(|event| event.time);
    let Some(logon) = draft.logon().and_then(time) else {
        return false;
    };
    let is_covered = |channel: &str| gaps.covers(channel, logon, logon.plus(BEGINS));
    matches!(draft.kind, Kind::Rdp | Kind::RdpCached)
        && draft.user_logoff().is_none()
        && draft
            .closed()
            .and_then(time)
            .is_some_and(|closed: Time| closed.within(logon, REFUSED))
        && [desktop::CHANNEL, system::SYSTEM, PROFILES]
            .into_iter()
            .any(is_covered)
}
