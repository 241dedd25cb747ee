//! From the events of a machine to its sessions, one step after the other: each takes what the ones before it found.

use super::actions::Actions;
use super::boot;
use super::bridges::Bridges;
use super::build::{self, Builder};
use super::connection::{self, Clients};
use super::coverage::coverage;
use super::desktop;
use super::finish::{Finisher, Marked};
use super::gaps::Gaps;
use super::kind;
use super::machine::{Machine, SECURITY};
use super::marks::Marks;
use super::place::Places;
use super::touches::Touches;
use super::{Coverage, Kind, LocalClock, Session};
use super::{arrival, failures, pre_authentication, shell, system, takeover, winlogon};
use crate::event::{Action, Text};

/// A machine, and what its events add up to: its sessions, what each event belongs to, what its logs can speak of.
///
/// A [`Session`] takes several times the space of what it is made from, so each is made when it is asked for.
pub struct Timeline {
    /// What the logs hold of each channel, sorted by channel.
    pub coverage: Vec<Coverage>,
    finisher: Finisher,
    touches: Touches,
    /// For each event of the machine the number of its session.
    places: Places,
}

/// Builds the timeline of one machine.
pub fn timeline(machine: Machine) -> Timeline {
    let events = &machine.events;
    let actions = Actions::of(events);
    let gaps = Gaps::of(&machine, &actions);
    let system = system::boots(&machine);
    let boots = boot::boots(&machine, &actions, &gaps, &system);
    let coverage = coverage(&machine, &actions, &boots, &system);
    let touches = Touches::of(&machine, &coverage);
    let mut marks = Marks::of(&actions);
    let clients = Clients::of(&actions);
    let bridges = Bridges::of(&actions);
    let mut drafts = Vec::new();
    let mut places = Places::new(events.len());
    for boot in &boots {
        let first = drafts.len();
        Builder::new(
            &machine,
            boot,
            &gaps,
            &mut marks,
            &clients,
            &mut drafts,
            &mut places,
        )
        .run();
        build::mark_probable_twins(drafts.get_mut(first..).unwrap_or_default());
    }
    desktop::join(&machine, &bridges, &boots, &gaps, &mut drafts, &mut places);
    desktop::withdraw_returns(&machine, &actions, &gaps, &mut drafts);
    winlogon::tie(&machine, &actions, &boots, &gaps, &mut drafts, &mut places);
    connection::tie(&machine, &actions, &bridges, &mut drafts, &mut places);
    shell::tie(&machine, &actions, &mut drafts, &mut places);
    pre_authentication::infer(&machine, &actions, &boots, &gaps, &mut drafts);
    let audited = machine.channel(SECURITY);
    failures::tie(&machine, &actions, audited.clone(), &places, &mut drafts);
    takeover::mark(&machine, &actions, audited, &places, &mut drafts, &gaps);
    arrival::mark(&machine, &gaps, &mut drafts);
    let marked = Marked::of(&machine, &actions, &boots);
    Timeline {
        coverage,
        finisher: Finisher::new(machine, marked, boots, drafts, gaps),
        touches,
        places,
    }
}

impl Timeline {
    /// The machine.
    pub fn machine(&self) -> &Machine {
        &self.finisher.machine
    }

    /// The offsets of its local time.
    pub fn local_clock(&self) -> &LocalClock {
        &self.finisher.marked.local
    }

    /// Gives the machine back.
    pub fn into_machine(self) -> Machine {
        self.finisher.machine
    }

    /// How many sessions there are.
    pub fn count(&self) -> usize {
        self.finisher.drafts.len()
    }

    /// The numbers of the sessions by start (else its latest bound), Logon ID, id.
    pub fn order(&self) -> Vec<u32> {
        let numbers = 0..u32::try_from(self.count()).unwrap_or(u32::MAX);
        let start = |number| {
            let start = self.finisher.start_of(number as usize)?;
            start.time.or(start.max)
        };
        let mut order: Vec<u32> = numbers.collect();
        // They are nearly in order already: nothing but their numbers is kept to sort them by.
        order.sort_by(|&one, &other| {
            let logon_id = |number| self.finisher.logon_id(number as usize);
            let id = |number| self.finisher.id(number as usize);
            let ids = || logon_id(one).cmp(&logon_id(other));
            let starts = start(one).cmp(&start(other));
            starts.then_with(ids).then_with(|| id(one).cmp(&id(other)))
        });
        order
    }

    /// A session by its number; they are in the order of their first records.
    pub fn session(&self, number: u32) -> Option<Session> {
        let mut session = self.finisher.session(number as usize)?;
        self.touches.mark(&mut session);
        Some(session)
    }

    /// All sessions.
    pub fn sessions(&self) -> impl Iterator<Item = Session> {
        (0..).map_while(|number| self.session(number))
    }

    /// The ids of all sessions.
    pub fn ids(&self) -> impl Iterator<Item = Text> {
        (0..).map_while(|number| self.finisher.id(number))
    }

    /// The number of the session that an event of the machine belongs to.
    pub fn session_of(&self, event: usize) -> Option<usize> {
        self.places.get(event)
    }

    /// What kind of logon an event of the machine belongs to, if known: its session's, but a failed logon has its own, and so
    /// has a logon that only touches a session.
    pub fn kind_of(&self, event: usize) -> Option<Kind> {
        let place = self.session_of(event);
        let event = self.machine().events.get(event)?;
        if event.action == Action::LogonFailed {
            let returns = kind::is_at_logon_screen(event) && matches!(event.logon_type?.0, 7 | 13);
            return Some(if returns {
                Kind::Unlock
            } else {
                kind::of_logon(event)
            });
        }
        let draft = self.finisher.drafts.get(place?)?;
        let part = event.logon_id().and_then(|id| draft.part(id));
        part.and_then(|part| build::attached_kind(part.reason))
            .or(Some(draft.kind))
    }
}
