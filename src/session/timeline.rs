//! From the events of a machine to its sessions, one step after the other: each takes what the ones before it found.

use super::boot;
use super::build::{self, Builder};
use super::connection::{self, Clients};
use super::desktop;
use super::draft::Draft;
use super::finish::Finisher;
use super::gaps::Gaps;
use super::kind;
use super::machine::{Machine, SECURITY};
use super::marks::Marks;
use super::{Kind, Session};
use super::{arrival, failures, pre_authentication, shell, takeover, touches, winlogon};
use crate::event::{Action, Event, Text};

/// The sessions of a machine, and what each of its events belongs to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Timeline {
    /// The sessions, in the order of their first records.
    pub sessions: Vec<Session>,
    /// For each event of the machine the index of its session.
    pub session_of: Vec<Option<usize>>,
    /// For each event of the machine the kind of logon it belongs to, if known.
    pub kind_of: Vec<Option<Kind>>,
}

/// Builds the timeline of one machine.
pub fn timeline(machine: &Machine) -> Timeline {
    let events = &machine.events;
    let gaps = Gaps::of(machine);
    let boots = boot::boots(machine, &gaps);
    let mut marks = Marks::of(events);
    let clients = Clients::of(events);
    let mut drafts = Vec::new();
    let mut places = vec![None; events.len()];
    let mut boot_of = Vec::new();
    for (number, boot) in boots.iter().enumerate() {
        let first = drafts.len();
        Builder::new(
            events,
            boot,
            &gaps,
            &mut marks,
            &clients,
            &mut drafts,
            &mut places,
        )
        .run();
        build::mark_probable_twins(drafts.get_mut(first..).unwrap_or_default());
        boot_of.resize(drafts.len(), number);
    }
    desktop::join(
        machine,
        &boots,
        &gaps,
        &mut drafts,
        &mut boot_of,
        &mut places,
    );
    desktop::withdraw_returns(machine, &gaps, &mut drafts);
    winlogon::tie(machine, &boots, &boot_of, &gaps, &mut drafts, &mut places);
    connection::tie(machine, &mut drafts, &mut places);
    shell::tie(machine, &mut drafts, &mut places);
    pre_authentication::infer(machine, &boots, &boot_of, &gaps, &mut drafts);
    let audited = machine.channel(SECURITY);
    failures::tie(events, audited.clone(), &places, &mut drafts);
    takeover::mark(machine, audited, &places, &mut drafts, &gaps);
    arrival::mark(machine, &gaps, &mut drafts);
    let finisher = Finisher::new(machine, &boots, &drafts, gaps);
    let mut sessions: Vec<Session> = drafts
        .iter()
        .zip(&boot_of)
        .map(|(draft, &boot)| finisher.session(draft, boot))
        .collect();
    let ids: Vec<Text> = sessions.iter().map(|session| session.id.clone()).collect();
    for (session, draft) in sessions.iter_mut().zip(&drafts) {
        session.parent = draft.parent.and_then(|parent| ids.get(parent)).cloned();
    }
    touches::mark(machine, &mut sessions);
    let kind_of = places
        .iter()
        .zip(events)
        .map(|(&place, event)| kind_of(place, event, &drafts))
        .collect();
    Timeline {
        sessions,
        session_of: places,
        kind_of,
    }
}

/// What kind of logon an event belongs to: its session's, but a failed logon has its own, and so has a logon that only
/// touches a session.
fn kind_of(place: Option<usize>, event: &Event, drafts: &[Draft]) -> Option<Kind> {
    if event.action == Action::LogonFailed {
        let returns = kind::is_at_logon_screen(event) && matches!(event.logon_type?.0, 7 | 13);
        return Some(if returns {
            Kind::Unlock
        } else {
            kind::of_logon(event)
        });
    }
    let draft = drafts.get(place?)?;
    let part = event.logon_id.and_then(|id| draft.part(id));
    part.and_then(|part| build::attached_kind(part.reason))
        .or(Some(draft.kind))
}
