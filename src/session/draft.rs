//! A session in the making: what the events said of it so far, by their positions in the machine's record order.

use super::{EndSource, Flag, Kind, PartReason, Role, State};
use crate::event::{Account, Action, Event, LogonId, Text};
use std::collections::BTreeSet;

/// A session in the making. Positions are indexes into the machine's events.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    /// The first event that names it.
    pub first: usize,
    /// The last event that names it.
    pub last_use: usize,
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
    pub parent: Option<usize>,
    pub parts: Vec<DraftPart>,
    pub proofs: Vec<(usize, Role)>,
    /// The last logon that unlocked or reconnected it.
    pub last_attached: Option<usize>,
    pub user_logoff: Option<usize>,
    /// Its parent's end, which is its own at the latest.
    pub parents_end: Option<usize>,
    pub intervals: Vec<DraftInterval>,
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
}

impl DraftPart {
    pub(super) fn new(id: LogonId, logon: Option<usize>, reason: PartReason) -> Self {
        DraftPart { id, logon, closed: None, reason, is_paired: false }
    }

    /// Whether the session lives at least as long as this part.
    fn carries(&self) -> bool {
        matches!(self.reason, PartReason::Logon | PartReason::UacTwin)
    }
}

impl Draft {
    /// A session first named by the event at `first`.
    pub(super) fn new(first: usize, id: Option<LogonId>) -> Self {
        Draft {
            first,
            last_use: first,
            id,
            elevated_id: None,
            elevated: None,
            logon: None,
            kind: Kind::Unknown,
            account: Account::default(),
            standing: false,
            is_desktop: false,
            logons: 0,
            parent: None,
            parts: id.map(|id| DraftPart::new(id, None, PartReason::Logon)).into_iter().collect(),
            proofs: Vec::new(),
            last_attached: None,
            user_logoff: None,
            parents_end: None,
            intervals: Vec::new(),
            flags: BTreeSet::new(),
            privileges: None,
        }
    }

    pub(super) fn prove(&mut self, record: usize, role: Role) {
        self.proofs.push((record, role));
    }

    pub(super) fn used(&mut self, index: usize) {
        self.last_use = self.last_use.max(index);
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

    pub(super) fn part(&mut self, id: LogonId) -> Option<&mut DraftPart> {
        self.parts.iter_mut().find(|part| part.id == id)
    }

    pub(super) fn holds(&self, id: LogonId) -> bool {
        self.parts.iter().any(|part| part.id == id)
    }

    /// When the last token of the session closed: the latest end of its parts, once all that carry it are closed.
    pub(super) fn closed(&self) -> Option<usize> {
        let mut carriers = self.parts.iter().filter(|part| part.carries()).map(|part| part.closed).peekable();
        carriers.peek()?;
        carriers.collect::<Option<Vec<usize>>>()?.into_iter().max()
    }

    /// Whether nothing has ended it so far.
    pub(super) fn is_open(&self) -> bool {
        self.standing || (self.user_logoff.is_none() && self.parents_end.is_none() && self.closed().is_none())
    }

    pub(super) fn is_in(&self, state: State) -> bool {
        self.intervals.iter().any(|interval| interval.state == state && interval.to.is_none())
    }

    /// Whether nobody is at it now.
    pub(super) fn is_away(&self) -> bool {
        self.is_in(State::Locked) || self.is_in(State::Disconnected)
    }
}

impl DraftInterval {
    pub(super) fn source(&self) -> EndSource {
        if self.from.is_some() && self.to.is_some() { EndSource::Recorded } else { EndSource::Inferred }
    }
}
