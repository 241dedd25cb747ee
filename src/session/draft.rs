//! A session in the making: what the events said of it so far, by their positions in the machine's record order.

use super::link::Link;
use super::place::Place;
use super::{Flag, Kind, PartReason, Role, State};
use crate::event::{Account, Action, Event, LogonId, LogonType, Text};
use crate::time::Time;
use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::LazyLock;

/// A session in the making. There are as many of them as rows, so what few sessions have stands apart, in [`More`], and reads
/// as empty where there is none.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    first: Place,
    last_use: Place,
    last_alive: Place,
    logon: Option<Place>,
    parent: Option<Place>,
    boot: Option<Place>,
    /// The record that names its privileges.
    privileges: Option<Place>,
    pub logons: u32,
    /// Its Logon ID; under User Account Control that of the filtered half.
    pub id: Option<LogonId>,
    pub account: Account,
    /// Its Logon ID, as long as it has no other.
    part: Option<DraftPart>,
    /// The first of its proofs.
    proofs: [Option<Place>; MOST_OWN_PROOFS],
    roles: [Role; MOST_OWN_PROOFS],
    pub flags: Flags,
    pub kind: Kind,
    /// Whether it holds an elevated token.
    pub elevated: Option<bool>,
    /// It has a standing Logon ID and lives as long as its boot.
    pub standing: bool,
    /// It is somebody's presence at a desktop.
    pub is_desktop: bool,
    /// Its Logon ID may be that of an unlock or a return: the end of that is not its own.
    pub is_part: bool,
    /// It holds a terminal, by its SSH server's word.
    pub has_terminal: bool,
    more: Option<Box<More>>,
}

/// Proofs of a session that take no space of their own: most have a start, an end and privileges.
const MOST_OWN_PROOFS: usize = 3;

/// Parts among which one is looked for one by one: most are the two halves of a logon.
const FEW_PARTS: usize = 8;

/// What few sessions have. Positions are indexes into the machine's events.
#[derive(Debug, Clone, Default)]
pub(super) struct More {
    /// The Logon ID of the elevated half.
    pub elevated_id: Option<LogonId>,
    /// The type of a logon of it, where that is not known to be its first.
    pub logon_type: Option<LogonType>,
    /// How many refused logons of the account it ended.
    pub failures: Option<u32>,
    /// Its Logon IDs, if they are several.
    parts: Vec<DraftPart>,
    /// The last part of each Logon ID, if they are more than [`FEW_PARTS`].
    part_of: BTreeMap<LogonId, usize>,
    /// The Logon IDs that it lives at least as long as, and how many of them are closed.
    carriers: (Vec<LogonId>, u32),
    /// The last event that closed a part that carries it.
    last_closed: Option<Place>,
    /// Its proofs beyond the first.
    proofs: Vec<(Place, Role)>,
    /// What joined those of its proofs that name no Logon ID.
    links: BTreeMap<usize, Link>,
    /// The record that tells where it came from, where its own logon does not tell all.
    pub source: Option<Place>,
    /// Its session number, where LocalSessionManager tells it.
    pub number: Option<u32>,
    /// When another channel showed it last, and the record.
    pub seen: Option<(Time, Place)>,
    pub user_logoff: Option<Place>,
    /// The record that its 4647 could not be written.
    pub lost_logoff: Option<Place>,
    /// Its logon as LocalSessionManager tells it.
    pub ts_logon: Option<Place>,
    /// Its logoff as LocalSessionManager, else the User Profile Service or Winlogon, tells it.
    pub ts_logoff: Option<Place>,
    /// The last record in which LocalSessionManager names it.
    pub ts_last: Option<Place>,
    /// The end of its parent, or of what is probably its other half: its own at the latest.
    pub parents_end: Option<Place>,
    /// The record of a Fast Startup's power-off that it was open at, and the audit record before it.
    pub fast_stop: Option<(Place, Place)>,
    intervals: Vec<DraftInterval>,
    /// The last interval of each state.
    last_of_state: [Option<Place>; State::ALL.len()],
}

impl Deref for Draft {
    type Target = More;

    fn deref(&self) -> &More {
        static NONE: LazyLock<More> = LazyLock::new(More::default);
        self.more.as_deref().unwrap_or(&NONE)
    }
}

impl DerefMut for Draft {
    fn deref_mut(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }
}

/// A set of flags.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Flags(u32);

impl Flags {
    fn bit(flag: Flag) -> u32 {
        1 << flag as u32
    }

    pub(super) fn insert(&mut self, flag: Flag) {
        self.0 |= Self::bit(flag);
    }

    pub(super) fn remove(&mut self, flag: Flag) {
        self.0 &= !Self::bit(flag);
    }

    pub(super) fn contains(self, flag: Flag) -> bool {
        self.0 & Self::bit(flag) != 0
    }

    /// In the order of their declaration.
    pub(super) fn iter(self) -> impl Iterator<Item = Flag> {
        let all = Flag::ALL.iter().copied();
        all.filter(move |&flag| self.contains(flag))
    }
}

/// A Logon ID of a session.
#[derive(Debug, Clone)]
pub(super) struct DraftPart {
    pub id: LogonId,
    logon: Option<Place>,
    closed: Option<Place>,
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
            logon: logon.map(Place::of),
            closed: None,
            reason,
            is_paired: false,
        }
    }

    /// The same as one of two halves of a logon.
    pub(super) fn paired(mut self) -> Self {
        self.is_paired = true;
        self
    }

    /// Its 4624.
    pub(super) fn logon(&self) -> Option<usize> {
        self.logon.map(Place::index)
    }

    pub(super) fn set_logon(&mut self, index: usize) {
        self.logon = Some(Place::of(index));
    }

    /// Where its token closed.
    pub(super) fn closed(&self) -> Option<usize> {
        self.closed.map(Place::index)
    }

    /// Whether the session lives at least as long as this part.
    pub(super) fn carries(&self) -> bool {
        matches!(self.reason, PartReason::Logon | PartReason::UacTwin)
    }
}

impl Draft {
    /// A session first named by the event at `first`.
    pub(super) fn new(first: usize, id: Option<LogonId>) -> Self {
        let first = Place::of(first);
        Draft {
            first,
            last_use: first,
            last_alive: first,
            logon: None,
            parent: None,
            boot: None,
            privileges: None,
            logons: 0,
            id,
            account: Account::default(),
            part: id.map(|id| DraftPart::new(id, None, PartReason::Logon)),
            proofs: [None; MOST_OWN_PROOFS],
            roles: [Role::Start; MOST_OWN_PROOFS],
            flags: Flags::default(),
            kind: Kind::Unknown,
            elevated: None,
            standing: false,
            is_desktop: false,
            is_part: false,
            has_terminal: false,
            more: None,
        }
    }

    /// The first event that names it.
    pub(super) fn first(&self) -> usize {
        self.first.index()
    }

    /// Has it begin with the event at `index`; what was known of it before shows it in use.
    pub(super) fn begin_anew(&mut self, index: usize) {
        self.first = Place::of(index);
        self.logon = None;
        self.roles
            .iter_mut()
            .filter(|role| **role == Role::Start)
            .for_each(|role| *role = Role::Use);
        self.prove(index, Role::Use);
    }

    /// The last event that names it.
    pub(super) fn last_use(&self) -> usize {
        self.last_use.index()
    }

    pub(super) fn set_last_use(&mut self, index: usize) {
        self.last_use = Place::of(index);
    }

    /// The last event that shows it alive: a token of it can close after its end.
    pub(super) fn last_alive(&self) -> usize {
        self.last_alive.index()
    }

    /// Its 4624; of two halves the first.
    pub(super) fn logon(&self) -> Option<usize> {
        self.logon.map(Place::index)
    }

    pub(super) fn set_logon(&mut self, index: usize) {
        self.logon = Some(Place::of(index));
    }

    /// The number of the draft that it was started from.
    pub(super) fn parent(&self) -> Option<usize> {
        self.parent.map(Place::index)
    }

    pub(super) fn set_parent(&mut self, number: Option<usize>) {
        self.parent = number.map(Place::of);
    }

    /// The number of its boot, if that is known.
    pub(super) fn boot(&self) -> Option<usize> {
        self.boot.map(Place::index)
    }

    pub(super) fn set_boot(&mut self, number: Option<usize>) {
        self.boot = number.map(Place::of);
    }

    /// The record that names its privileges.
    pub(super) fn privileges(&self) -> Option<usize> {
        self.privileges.map(Place::index)
    }

    pub(super) fn source(&self) -> Option<usize> {
        self.source.map(Place::index)
    }

    pub(super) fn user_logoff(&self) -> Option<usize> {
        self.user_logoff.map(Place::index)
    }

    pub(super) fn lost_logoff(&self) -> Option<usize> {
        self.lost_logoff.map(Place::index)
    }

    pub(super) fn ts_logon(&self) -> Option<usize> {
        self.ts_logon.map(Place::index)
    }

    pub(super) fn ts_logoff(&self) -> Option<usize> {
        self.ts_logoff.map(Place::index)
    }

    pub(super) fn ts_last(&self) -> Option<usize> {
        self.ts_last.map(Place::index)
    }

    pub(super) fn parents_end(&self) -> Option<usize> {
        self.parents_end.map(Place::index)
    }

    pub(super) fn fast_stop(&self) -> Option<(usize, usize)> {
        self.fast_stop
            .map(|(stop, before)| (stop.index(), before.index()))
    }

    pub(super) fn add_part(&mut self, part: DraftPart) {
        if self.parts.is_empty() {
            let Some(first) = self.part.take() else {
                self.part = Some(part);
                return;
            };
            self.share_part(first);
        }
        self.share_part(part);
    }

    /// Adds a part where there are several.
    fn share_part(&mut self, part: DraftPart) {
        let more: &mut More = self;
        if more.parts.is_empty() {
            more.parts.reserve_exact(2);
            more.carriers.0.reserve_exact(2);
        }
        if part.carries() {
            more.carriers.0.push(part.id);
            more.carriers.1 += u32::from(part.closed.is_some());
            more.last_closed = more.last_closed.max(part.closed);
        }
        more.parts.push(part);
        let count = more.parts.len();
        if count > FEW_PARTS {
            let known = match more.part_of.is_empty() {
                true => 0,
                false => count - 1,
            };
            let new = more.parts.iter().enumerate().skip(known);
            more.part_of.extend(new.map(|(at, part)| (part.id, at)));
        }
    }

    /// Notes that the token of a part closed at `index`; whether the event there is later than those that closed others shows by
    /// its position if `is_ordered`, else it is not taken for later.
    pub(super) fn close_part(&mut self, id: LogonId, index: usize, is_ordered: bool) {
        let Some(part) = self.part_mut(id).filter(|part| part.closed.is_none()) else {
            return;
        };
        part.closed = Some(Place::of(index));
        if part.carries() && self.part.is_none() {
            self.carriers.1 += 1;
            if is_ordered || self.last_closed.is_none() {
                self.last_closed = self.last_closed.max(Some(Place::of(index)));
            }
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
        let more: &mut More = self;
        if let Some(last) = more.last_of_state.get_mut(interval.state as usize) {
            *last = Some(Place::of(more.intervals.len()));
        }
        more.intervals.push(interval);
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
        let last = self.last_of(state);
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
        if self.intervals.is_empty() {
            return;
        }
        let more: &mut More = self;
        more.intervals.retain(|interval| interval.state != state);
        more.last_of_state = Default::default();
        for (at, interval) in more.intervals.iter().enumerate() {
            if let Some(last) = more.last_of_state.get_mut(interval.state as usize) {
                *last = Some(Place::of(at));
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
        let last = self.last_of(state);
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
    pub(super) fn carriers(&self) -> impl Iterator<Item = LogonId> {
        let only = self.part.iter().filter(|part| part.carries());
        let several = self.carriers.0.iter().copied();
        only.map(|part| part.id).chain(several)
    }

    pub(super) fn parts(&self) -> &[DraftPart] {
        match &self.part {
            Some(only) => std::slice::from_ref(only),
            None => &self.parts,
        }
    }

    pub(super) fn prove(&mut self, record: usize, role: Role) {
        let record = Place::of(record);
        let mut own = self.proofs.iter_mut().zip(&mut self.roles);
        match own.find(|(own, _)| own.is_none()) {
            Some(own) => (*own.0, *own.1) = (Some(record), role),
            None => {
                let more: &mut More = self;
                more.proofs.push((record, role));
            }
        }
    }

    /// The records that it rests on so far, and what each proves.
    pub(super) fn proofs(&self) -> impl Iterator<Item = (usize, Role)> + Clone {
        let more: &More = self;
        let own = self.proofs.iter().zip(&self.roles);
        let own = own.filter_map(|(record, role)| Some(((*record)?, *role)));
        let all = own.chain(more.proofs.iter().copied());
        all.map(|(record, role)| (record.index(), role))
    }

    /// Adds a record that `link` joins to the session.
    pub(super) fn prove_by(&mut self, record: usize, role: Role, link: Option<Link>) {
        self.prove(record, role);
        if let Some(link) = link {
            self.links.insert(record, link);
        }
    }

    /// What joins a record to the session that names no Logon ID.
    pub(super) fn link(&self, record: usize) -> Option<Link> {
        self.links.get(&record).copied()
    }

    /// Notes that a record of another channel shows it at `time`.
    pub(super) fn show(&mut self, record: usize, time: Time) {
        self.seen = self.seen.max(Some((time, Place::of(record))));
    }

    /// Notes that nothing is sure about when the session was in a state.
    pub(super) fn doubt(&mut self, state: State) {
        if self.intervals.is_empty() {
            return;
        }
        let own = self.intervals.iter_mut();
        own.filter(|interval| interval.state == state)
            .for_each(|interval| interval.is_inferred = true);
    }

    pub(super) fn used(&mut self, index: usize, event: &Event) {
        let index = Place::of(index);
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
                if self.privileges.is_none() && event.privileges.is_some() {
                    self.privileges = Some(Place::of(index));
                }
                self.prove(index, Role::Privileges);
            }
            Action::SpecialGroups => self.prove(index, Role::Privileges),
            _ => self.prove(index, Role::Use),
        }
    }

    pub(super) fn part(&self, id: LogonId) -> Option<&DraftPart> {
        match &self.part {
            Some(only) => Some(only).filter(|only| only.id == id),
            None => self.parts.get(self.place_of(id)?),
        }
    }

    pub(super) fn part_mut(&mut self, id: LogonId) -> Option<&mut DraftPart> {
        if self.part.is_some() {
            return self.part.as_mut().filter(|only| only.id == id);
        }
        let at = self.place_of(id)?;
        self.parts.get_mut(at)
    }

    /// The place of the last part of a Logon ID among several.
    fn place_of(&self, id: LogonId) -> Option<usize> {
        match self.part_of.is_empty() {
            true => self.parts.iter().rposition(|part| part.id == id),
            false => self.part_of.get(&id).copied(),
        }
    }

    /// When the last token of the session closed: the latest end of its parts, once all that carry it are closed.
    pub(super) fn closed(&self) -> Option<usize> {
        let last = match &self.part {
            Some(only) => only.closed().filter(|_| only.carries()),
            None => {
                let (carriers, closed) = &self.carriers;
                let last = self
                    .last_closed
                    .filter(|_| carriers.len() == *closed as usize);
                last.map(Place::index)
            }
        };
        last.filter(|_| !self.is_part)
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

    /// The place of the last interval of a state.
    fn last_of(&self, state: State) -> Option<usize> {
        let last = self.last_of_state.get(state as usize).copied().flatten();
        last.map(Place::index)
    }

    fn is_in(&self, state: State) -> bool {
        let last = self.last_of(state);
        last.and_then(|last| self.intervals.get(last))
            .is_some_and(|interval| interval.to.is_none())
    }

    /// Whether nobody is at it now.
    pub(super) fn is_away(&self) -> bool {
        self.is_in(State::Locked) || self.is_in(State::Disconnected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A logon, its privileges and its logoff.
    fn ordinary() -> Draft {
        let id = LogonId::new(0x5000).unwrap();
        let mut draft = Draft::new(7, Some(id));
        draft.set_logon(7);
        draft.prove(7, Role::Start);
        draft.privileged(6, &Event::of(Action::SpecialGroups));
        draft.close_part(id, 9, true);
        draft.prove(9, Role::End);
        draft
    }

    #[test]
    fn an_ordinary_session_in_the_making_is_small_and_in_one_piece() {
        let draft = ordinary();
        assert!(draft.more.is_none());
        assert_eq!(draft.closed(), Some(9));
        assert!(size_of::<Draft>() <= 128, "{}", size_of::<Draft>());
    }

    #[test]
    fn what_a_second_logon_id_and_a_fourth_proof_add_loses_nothing_of_the_first() {
        let (first, second) = (LogonId::new(0x5000).unwrap(), LogonId::new(0x6000).unwrap());
        let mut draft = ordinary();
        draft.add_part(DraftPart::new(second, Some(8), PartReason::UacTwin));
        assert_eq!(draft.closed(), None, "the second is open");
        draft.prove(8, Role::Part);
        draft.close_part(first, 12, true);
        draft.close_part(second, 10, true);
        assert_eq!(draft.closed(), Some(10), "a token closes once");
        assert!(draft.carriers().eq([first, second]));
        assert_eq!(draft.part(first).and_then(DraftPart::closed), Some(9));
        let proofs = draft.proofs().map(|(record, _)| record);
        assert!(proofs.eq([7, 6, 9, 8]));
    }

    #[test]
    fn what_few_sessions_have_is_small_as_well() {
        assert!(size_of::<More>() <= 272, "{}", size_of::<More>());
    }

    #[test]
    fn of_many_parts_the_last_of_a_logon_id_is_found() {
        let mut draft = ordinary();
        let id = |number: usize| LogonId::new(0x6000 + number as u64).unwrap();
        for number in 0..3 * FEW_PARTS {
            for at in [10 + number, 1000 + number] {
                let part = DraftPart::new(id(number), Some(at), PartReason::Unlock);
                draft.add_part(part);
            }
            let logon = |number| draft.part(id(number)).and_then(DraftPart::logon);
            assert!((0..=number).all(|earlier| logon(earlier) == Some(1000 + earlier)));
            assert_eq!(logon(number + 1), None);
        }
    }

    #[test]
    fn flags_come_in_the_order_of_their_declaration() {
        let mut flags = Flags::default();
        for flag in [Flag::SameName, Flag::Nla, Flag::Twin, Flag::Hijack] {
            flags.insert(flag);
        }
        flags.remove(Flag::Hijack);
        assert!(flags.iter().eq([Flag::Nla, Flag::Twin, Flag::SameName]));
    }
}
