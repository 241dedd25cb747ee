//! A session in the making: what the events said of it so far, by their positions in the machine's record order.

use super::link::Link;
use super::{Flag, Kind, PartReason, Role, State};
use crate::event::{Account, Action, Event, LogonId, LogonType, Text};
use crate::time::Time;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A session in the making. Positions are indexes into the machine's events.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    /// The first event that names it.
    pub first: usize,
    /// The last event that names it.
    pub last_use: usize,
    /// The last event that shows it alive: a token of it can close after its end.
    pub last_alive: usize,
    /// Its Logon ID; under User Account Control that of the filtered half.
    pub id: Option<LogonId>,
    /// The Logon ID of the elevated half.
    pub elevated_id: Option<LogonId>,
    /// Whether it holds an elevated token.
    pub elevated: Option<bool>,
    /// Its 4624; of two halves the first.
    pub logon: Option<usize>,
    pub kind: Kind,
    pub account: Account,
    /// It has a standing Logon ID and lives as long as its boot.
    pub standing: bool,
    /// It is somebody's presence at a desktop.
    pub is_desktop: bool,
    pub logons: u32,
    /// The type of a logon of it, where that is not known to be its first.
    pub logon_type: Option<LogonType>,
    /// Its Logon ID may be that of an unlock or a return: the end of that is not its own.
    pub is_part: bool,
    /// How many refused logons of the account it ended.
    pub failures: Option<u32>,
    pub parent: Option<usize>,
    parts: Vec<DraftPart>,
    /// The last part of each Logon ID.
    part_of: HashMap<LogonId, usize>,
    /// The Logon IDs that it lives at least as long as, and how many of them are closed.
    carriers: (Vec<LogonId>, usize),
    /// The last event that closed a part that carries it.
    last_closed: Option<usize>,
    pub proofs: Vec<(usize, Role)>,
    /// What joined those of its proofs that name no Logon ID.
    pub links: BTreeMap<usize, Link>,
    /// The record that tells where it came from, where its own logon does not tell all.
    pub source: Option<usize>,
    /// It holds a terminal, by its SSH server's word.
    pub has_terminal: bool,
    /// Its session number, where LocalSessionManager tells it.
    pub number: Option<u32>,
    /// When another channel showed it last, and the record.
    pub seen: Option<(Time, usize)>,
    /// The last logon that unlocked or reconnected it.
    pub last_attached: Option<usize>,
    pub user_logoff: Option<usize>,
    /// The record that its 4647 could not be written.
    pub lost_logoff: Option<usize>,
    /// Its logon as LocalSessionManager tells it.
    pub ts_logon: Option<usize>,
    /// Its logoff as LocalSessionManager, else the User Profile Service or Winlogon, tells it.
    pub ts_logoff: Option<usize>,
    /// The last record in which LocalSessionManager names it.
    pub ts_last: Option<usize>,
    /// The end of its parent, or of what is probably its other half: its own at the latest.
    pub parents_end: Option<usize>,
    /// The record of a Fast Startup's power-off that it was open at, and the audit record before it.
    pub fast_stop: Option<(usize, usize)>,
    intervals: Vec<DraftInterval>,
    /// The last interval of each state.
    last_of_state: [Option<usize>; State::ALL.len()],
    pub flags: BTreeSet<Flag>,
    pub privileges: Option<Text>,
}

/// A Logon ID of a session.
#[derive(Debug, Clone)]
pub(super) struct DraftPart {
    pub id: LogonId,
    pub logon: Option<usize>,
    pub closed: Option<usize>,
    pub reason: PartReason,
    /// Whether it is one of two halves of a logon, and both were found.
    pub is_paired: bool,
}

/// A state of a session.
#[derive(Debug, Clone)]
pub(super) struct DraftInterval {
    pub state: State,
    pub from: Option<usize>,
    pub to: Option<usize>,
    pub address: Option<Text>,
    /// Whether a bound of it follows from something else.
    pub is_inferred: bool,
}

impl DraftPart {
    pub(super) fn new(id: LogonId, logon: Option<usize>, reason: PartReason) -> Self {
        DraftPart {
            id,
            logon,
            closed: None,
            reason,
            is_paired: false,
        }
    }

    /// Whether the session lives at least as long as this part.
    pub(super) fn carries(&self) -> bool {
        matches!(self.reason, PartReason::Logon | PartReason::UacTwin)
    }
}

impl Draft {
    /// A session first named by the event at `first`.
    pub(super) fn new(first: usize, id: Option<LogonId>) -> Self {
        let mut draft = Draft {
            first,
            last_use: first,
            last_alive: first,
            id,
            elevated_id: None,
            elevated: None,
            logon: None,
            kind: Kind::Unknown,
            account: Account::default(),
            standing: false,
            is_desktop: false,
            logons: 0,
            logon_type: None,
            is_part: false,
            failures: None,
            parent: None,
            parts: Vec::new(),
            part_of: HashMap::new(),
            carriers: (Vec::new(), 0),
            last_closed: None,
            proofs: Vec::new(),
            links: BTreeMap::new(),
            source: None,
            has_terminal: false,
            number: None,
            seen: None,
            last_attached: None,
            user_logoff: None,
            ts_logon: None,
            lost_logoff: None,
            ts_logoff: None,
            ts_last: None,
            parents_end: None,
            fast_stop: None,
            intervals: Vec::new(),
            last_of_state: Default::default(),
            flags: BTreeSet::new(),
            privileges: None,
        };
        if let Some(id) = id {
            draft.add_part(DraftPart::new(id, None, PartReason::Logon));
        }
        draft
    }

    pub(super) fn add_part(&mut self, part: DraftPart) {
        if part.carries() {
            self.carriers.0.push(part.id);
        }
        self.part_of.insert(part.id, self.parts.len());
        self.parts.push(part);
    }

    /// Notes that the token of a part closed at `index`.
    pub(super) fn close_part(&mut self, id: LogonId, index: usize) {
        let Some(part) = self.part_mut(id).filter(|part| part.closed.is_none()) else {
            return;
        };
        part.closed = Some(index);
        if part.carries() {
            self.carriers.1 += 1;
            self.last_closed = self.last_closed.max(Some(index));
        }
    }

    /// Begins a state, unless the session is in it already.
    pub(super) fn leave(&mut self, state: State, index: usize) {
        if !self.is_in(state) {
            self.add_interval(DraftInterval {
                state,
                from: Some(index),
                to: None,
                address: None,
                is_inferred: false,
            });
        }
    }

    fn add_interval(&mut self, interval: DraftInterval) {
        if let Some(last) = self.last_of_state.get_mut(interval.state as usize) {
            *last = Some(self.intervals.len());
        }
        self.intervals.push(interval);
    }

    /// Ends a state; one whose beginning was not recorded is kept with an open beginning, unless `is_repeated` says
    /// of the event that ended the last one that this is the same.
    pub(super) fn come_back(
        &mut self,
        state: State,
        index: usize,
        address: Option<Text>,
        is_repeated: impl Fn(usize) -> bool,
    ) {
        let last = self.last_of_state.get(state as usize).copied().flatten();
        match last.and_then(|last| self.intervals.get_mut(last)) {
            Some(open) if open.to.is_none() => {
                open.to = Some(index);
                open.address = address;
            }
            Some(ended) if ended.to.is_some_and(is_repeated) => {}
            _ => self.add_interval(DraftInterval {
                state,
                from: None,
                to: Some(index),
                address,
                is_inferred: false,
            }),
        }
    }

    /// Forgets when the session was in a state, so that it can be told anew.
    pub(super) fn forget(&mut self, state: State) {
        self.intervals.retain(|interval| interval.state != state);
        self.last_of_state = Default::default();
        for (at, interval) in self.intervals.iter().enumerate() {
            if let Some(last) = self.last_of_state.get_mut(interval.state as usize) {
                *last = Some(at);
            }
        }
    }

    /// Puts a better record in the place of the one that ended a state, if `is_worse` says so of that one.
    pub(super) fn replace_return(
        &mut self,
        state: State,
        index: usize,
        address: Option<Text>,
        is_worse: impl Fn(usize) -> bool,
    ) -> bool {
        let last = self.last_of_state.get(state as usize).copied().flatten();
        match last.and_then(|last| self.intervals.get_mut(last)) {
            Some(interval) if interval.to.is_some_and(is_worse) => {
                interval.to = Some(index);
                interval.address = address.or_else(|| interval.address.take());
                true
            }
            _ => false,
        }
    }

    /// For what is inferred of them once all of the boot's events are in: no state can begin or end after it.
    pub(super) fn intervals_mut(&mut self) -> &mut Vec<DraftInterval> {
        &mut self.intervals
    }

    pub(super) fn intervals(&self) -> &[DraftInterval] {
        &self.intervals
    }

    /// The Logon IDs that the session lives at least as long as.
    pub(super) fn carriers(&self) -> &[LogonId] {
        &self.carriers.0
    }

    pub(super) fn parts(&self) -> &[DraftPart] {
        &self.parts
    }

    pub(super) fn prove(&mut self, record: usize, role: Role) {
        self.proofs.push((record, role));
    }

    /// Adds a record that `link` joins to the session.
    pub(super) fn prove_by(&mut self, record: usize, role: Role, link: Option<Link>) {
        self.prove(record, role);
        if let Some(link) = link {
            self.links.insert(record, link);
        }
    }

    /// Notes that a record of another channel shows it at `time`.
    pub(super) fn show(&mut self, record: usize, time: Time) {
        self.seen = self.seen.max(Some((time, record)));
    }

    /// Notes that nothing is sure about when the session was in a state.
    pub(super) fn doubt(&mut self, state: State) {
        let own = self.intervals.iter_mut();
        own.filter(|interval| interval.state == state)
            .for_each(|interval| interval.is_inferred = true);
    }

    pub(super) fn used(&mut self, index: usize, event: &Event) {
        self.last_use = self.last_use.max(index);
        if event.action != Action::Logoff {
            self.last_alive = self.last_alive.max(index);
        }
    }

    /// Adds the privileges or groups that the event at `index` names.
    pub(super) fn privileged(&mut self, index: usize, event: &Event) {
        // Each service logon brings the same again.
        if self.standing && self.privileges.is_some() {
            return;
        }
        match event.action {
            Action::SpecialPrivileges => {
                self.privileges = self.privileges.take().or_else(|| event.privileges.clone());
                self.prove(index, Role::Privileges);
            }
            Action::SpecialGroups => self.prove(index, Role::Privileges),
            _ => self.prove(index, Role::Use),
        }
    }

    pub(super) fn part(&self, id: LogonId) -> Option<&DraftPart> {
        self.parts.get(*self.part_of.get(&id)?)
    }

    pub(super) fn part_mut(&mut self, id: LogonId) -> Option<&mut DraftPart> {
        self.parts.get_mut(*self.part_of.get(&id)?)
    }

    /// When the last token of the session closed: the latest end of its parts, once all that carry it are closed.
    pub(super) fn closed(&self) -> Option<usize> {
        let (carriers, closed) = &self.carriers;
        self.last_closed
            .filter(|_| carriers.len() == *closed && !self.is_part)
    }

    /// Whether nothing has ended it so far.
    pub(super) fn is_open(&self) -> bool {
        self.standing
            || (self.user_logoff.is_none()
                && self.lost_logoff.is_none()
                && self.parents_end.is_none()
                && self.fast_stop.is_none()
                && self.closed().is_none())
    }

    fn is_in(&self, state: State) -> bool {
        let last = self.last_of_state.get(state as usize).copied().flatten();
        last.and_then(|last| self.intervals.get(last))
            .is_some_and(|interval| interval.to.is_none())
    }

    /// Whether nobody is at it now.
    pub(super) fn is_away(&self) -> bool {
        self.is_in(State::Locked) || self.is_in(State::Disconnected)
    }
}
