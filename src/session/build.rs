//! Pairs the events of one boot: which logon is a session, which only touches one, what ended it.

use super::boot::Boot;
use super::connection::Clients;
use super::draft::{Draft, DraftPart};
use super::gaps::Gaps;
use super::kind;
use super::marks::Marks;
use super::{Flag, Kind, PartReason, Role, State};
use crate::event::{Account, Action, Event, LogonId, LogonType, Text};
use crate::sid::Sid;
use crate::time::{TICKS_PER_SECOND, Ticks};
use std::collections::{BTreeSet, HashMap, HashSet};

/// How far apart the two records of a logon that User Account Control split can be, where no link says so:
/// 119 of 119 pairs with a link were that near.
const TWIN_RECORDS: u64 = 2;
/// The same in time.
pub(super) const TWIN_TIME: Ticks = TICKS_PER_SECOND / 1000;
/// The first 4624 version that links the two.
const FIRST_VERSION_WITH_LINK: u8 = 2;
/// How long after a logon LSA validates it anew.
const REFRESH: Ticks = TICKS_PER_SECOND / 2;
/// How long before and after a logon at the logon screen the records of a reconnect lie.
const RECONNECT: Ticks = 10 * TICKS_PER_SECOND;
/// How near two Logon IDs that precede the log must be to be one logon, split.
const TWIN_DISTANCE: u64 = 0x100;
/// How many events around a logon are looked at for what belongs to it: a bound for logs in which all have one time.
const NEAR_EVENTS: usize = 2000;
/// How many records before a `runas` logon its 4648 lies at most.
const CREDENTIALS_RECORDS: u64 = 2;
/// The same in time.
const CREDENTIALS_TIME: Ticks = TICKS_PER_SECOND / 50;

/// How long an unlock's or a return's own Logon ID lives at most: seconds in real logs.
const PART_LIFE: Ticks = 60 * TICKS_PER_SECOND;
/// The event ID of the record that somebody left.
const USER_LOGOFF: u16 = 4647;

/// The sessions of one boot in the making.
pub(super) struct Builder<'a> {
    events: &'a [Event],
    boot: &'a Boot,
    gaps: &'a Gaps,
    marks: &'a mut Marks,
    clients: &'a Clients,
    /// The drafts of all boots so far; those of this boot start at `first_draft`.
    pub drafts: &'a mut Vec<Draft>,
    first_draft: usize,
    /// The draft that each event of the machine belongs to.
    pub places: &'a mut [Option<usize>],
    /// Its desktop sessions that are open; those that have ended since are taken out when they are met.
    desktops: BTreeSet<usize>,
    /// The same by account.
    desktops_of: HashMap<Sid, BTreeSet<usize>>,
    /// Its prompts that were answered with credentials, by the session they were shown in.
    elevations: HashMap<usize, Vec<usize>>,
    /// The draft of each Logon ID of this boot.
    by_id: HashMap<LogonId, usize>,
    /// The 4624 of each Logon ID of this boot.
    logons: HashMap<LogonId, usize>,
    /// What is known of the Logon IDs of this boot that have no 4624.
    unlogged: HashMap<LogonId, Unlogged>,
    /// The same by account, where they may be desktop sessions.
    unlogged_of: HashMap<Sid, Vec<LogonId>>,
    /// The Logon IDs that a 4647 names.
    left: HashSet<LogonId>,
    /// The last 4647 of each account so far.
    left_by: HashMap<Sid, usize>,
    /// The last event that names each Logon ID, other than the closing of its token.
    last_alive: HashMap<LogonId, usize>,
    /// Where its token closed last.
    closed: HashMap<LogonId, usize>,
    /// The draft and the Logon ID of the first half of a split logon, by the Logon ID of the second.
    awaited: HashMap<LogonId, (usize, LogonId)>,
    /// Records that name a Logon ID before its 4624 does.
    held: HashMap<LogonId, Vec<usize>>,
}

/// A Logon ID whose 4624 is not in the evidence.
#[derive(Debug, Clone, Default)]
struct Unlogged {
    account: Account,
    /// It logged off by itself, was locked, unlocked, connected or disconnected.
    had_desktop: bool,
    /// The type that its 4634 names.
    logoff_type: Option<LogonType>,
    /// The first event that names it.
    first: Option<usize>,
}

/// What a logon at the logon screen is.
enum Visit {
    /// A new session.
    New,
    /// A return to a session, or its unlock.
    To(usize, PartReason),
    /// One of both: records are missing that would tell.
    Unclear,
}

/// Whether an account has an open desktop session.
enum Open {
    Surely(usize),
    /// One was, and records are missing since.
    Perhaps,
    No,
}

impl<'a> Builder<'a> {
    pub(super) fn new(
        events: &'a [Event],
        boot: &'a Boot,
        gaps: &'a Gaps,
        marks: &'a mut Marks,
        clients: &'a Clients,
        drafts: &'a mut Vec<Draft>,
        places: &'a mut [Option<usize>],
    ) -> Self {
        let mut builder = Builder {
            events,
            boot,
            gaps,
            marks,
            clients,
            first_draft: drafts.len(),
            drafts,
            places,
            desktops: BTreeSet::new(),
            desktops_of: HashMap::new(),
            elevations: HashMap::new(),
            by_id: HashMap::new(),
            logons: HashMap::new(),
            unlogged: HashMap::new(),
            unlogged_of: HashMap::new(),
            left: HashSet::new(),
            left_by: HashMap::new(),
            last_alive: HashMap::new(),
            closed: HashMap::new(),
            awaited: HashMap::new(),
            held: HashMap::new(),
        };
        builder.look_ahead();
        builder
    }

    /// Pairs all events of the boot.
    pub(super) fn run(mut self) {
        let mut fast_stops = self.boot.fast_stops.iter().copied().peekable();
        for index in self.boot.events.clone() {
            let Some(event) = self.events.get(index) else {
                continue;
            };
            let is_over = |stop: &usize| {
                self.events
                    .get(*stop)
                    .is_some_and(|stop| stop.time < event.time)
            };
            while let Some(stop) = fast_stops.next_if(is_over) {
                self.stop_desktops(stop, index.saturating_sub(1).max(self.boot.events.start));
            }
            self.take(index, event);
        }
        fast_stops
            .for_each(|stop| self.stop_desktops(stop, self.boot.events.end.saturating_sub(1)));
    }

    /// Ends the open desktop sessions at the record of a Fast Startup's power-off.
    fn stop_desktops(&mut self, stop: usize, before: usize) {
        for number in std::mem::take(&mut self.desktops) {
            if let Some(draft) = self.drafts.get_mut(number).filter(|draft| draft.is_open()) {
                draft.fast_stop = Some((stop, before));
                draft.prove(stop, Role::End);
            }
        }
    }

    /// Notes which Logon IDs have a 4624 in this boot, and what there is of the others.
    fn look_ahead(&mut self) {
        let own = || {
            self.boot
                .events
                .clone()
                .filter_map(|index| Some((index, self.events.get(index)?)))
                .filter(|(_, event)| is_paired(event.action))
        };
        for (index, event) in own().filter(|(_, event)| event.action == Action::Logon) {
            if let Some(id) = event.logon_id {
                self.logons.entry(id).or_insert(index);
            }
        }
        let mut unlogged: HashMap<LogonId, Unlogged> = HashMap::new();
        for (index, event) in own().filter(|(_, event)| event.action != Action::Logon) {
            if let Some(id) = event.logon_id.filter(|id| !self.logons.contains_key(id)) {
                let known = unlogged.entry(id).or_default();
                known.first = known.first.or(Some(index));
                known.had_desktop |= is_of_a_desktop(event.action);
                known.account.fill_from(&event.account);
                if event.action == Action::Logoff {
                    known.logoff_type = known.logoff_type.or(event.logon_type);
                }
            }
        }
        for (index, event) in own() {
            if let Some(id) = event
                .subject_logon_id
                .filter(|id| !self.logons.contains_key(id))
            {
                let known = unlogged.entry(id).or_default();
                known.account.fill_from(&event.subject);
                known.first = known
                    .first
                    .map_or(Some(index), |first| Some(first.min(index)));
            }
        }
        let (mut last_alive, mut closed) = (HashMap::new(), HashMap::new());
        for (index, event) in own() {
            let is_closed = event.action == Action::Logoff;
            let own = if is_closed {
                &mut closed
            } else {
                &mut last_alive
            };
            own.extend(event.logon_id.map(|id| (id, index)));
            last_alive.extend(event.subject_logon_id.map(|id| (id, index)));
        }
        for (&id, known) in &unlogged {
            let may_be_desktop = known.had_desktop
                || known
                    .logoff_type
                    .is_none_or(|logon_type| matches!(logon_type.0, 2 | 10..=12));
            if let Some(sid) = known
                .account
                .sid
                .clone()
                .filter(|_| may_be_desktop && kind::standing(id).is_none())
            {
                self.unlogged_of.entry(sid).or_default().push(id);
            }
        }
        self.unlogged_of
            .values_mut()
            .for_each(|ids| ids.sort_unstable());
        self.left = own()
            .filter(|(_, event)| event.action == Action::UserLogoff)
            .filter_map(|(_, event)| event.logon_id)
            .collect();
        self.unlogged = unlogged;
        self.last_alive = last_alive;
        self.closed = closed;
    }

    fn take(&mut self, index: usize, event: &Event) {
        if !is_paired(event.action) {
            return;
        }
        let subject = event
            .subject_logon_id
            .and_then(|id| self.used_by(id, index));
        let own = match event.action {
            Action::Logon => self.logon(index, event),
            Action::Logoff => self.logoff(index, event),
            Action::UserLogoff => self.user_logoff(index, event),
            Action::AuditLost if event.lost_audit_event() == Some(USER_LOGOFF) => {
                self.lost_logoff(index)
            }
            Action::SpecialPrivileges | Action::SpecialGroups => self.privileges(index, event),
            Action::Reconnect => self.change(index, event, State::Disconnected, false),
            Action::Disconnect => self.change(index, event, State::Disconnected, true),
            Action::Lock => self.change(index, event, State::Locked, true),
            Action::Unlock => self.change(index, event, State::Locked, false),
            Action::ScreensaverOn => self.change(index, event, State::ScreenSaver, true),
            Action::ScreensaverOff => self.change(index, event, State::ScreenSaver, false),
            Action::Used => event.logon_id.and_then(|id| self.used_by(id, index)),
            _ => None,
        };
        if let Some(place) = self.places.get_mut(index) {
            *place = place.or(own).or(subject);
        }
    }

    /// The session of a Logon ID that the event at `index` uses. A Logon ID that was never given in this boot is a
    /// session of unknown start; one that is given later in it is held for its 4624.
    fn used_by(&mut self, id: LogonId, index: usize) -> Option<usize> {
        let event = self.events.get(index)?;
        if let Some(&draft) = self.by_id.get(&id) {
            self.drafts.get_mut(draft)?.used(index, event);
            return Some(draft);
        }
        if kind::standing(id).is_none() && self.logons.contains_key(&id) {
            self.held.entry(id).or_default().push(index);
            return None;
        }
        let awaited = self.awaited.get(&id).copied();
        if let Some((number, first)) = awaited.or_else(|| self.lost_half(id)) {
            // The other half of a split logon, whose own 4624 is missing.
            let draft = self.drafts.get_mut(number)?;
            let half = draft.part_mut(first)?;
            half.is_paired = true;
            let reason = match half.reason {
                PartReason::Logon => PartReason::UacTwin,
                attached => attached,
            };
            draft.add_part(DraftPart {
                is_paired: true,
                ..DraftPart::new(id, None, reason)
            });
            draft.used(index, event);
            self.by_id.insert(id, number);
            return Some(number);
        }
        Some(self.unlogged_session(Some(id), index))
    }

    /// The session whose other half, in a version that does not link the two, a Logon ID without a 4624 is: the records just
    /// after the first half's are missing, and the account's next Logon ID but few is this.
    fn lost_half(&self, id: LogonId) -> Option<(usize, LogonId)> {
        let sid = self.unlogged.get(&id)?.account.sid.as_ref()?;
        let own = self.desktops_of.get(sid)?.iter().rev().copied();
        own.take(NEAR_EVENTS).find_map(|number| {
            let draft = self.drafts.get(number)?;
            let logon = self.events.get(draft.logon?)?;
            let first = logon.logon_id?;
            let last_half = logon.record_id.saturating_add(TWIN_RECORDS);
            let is_lost = draft.part(first).is_some_and(|part| !part.is_paired)
                && logon.version < FIRST_VERSION_WITH_LINK
                && (1..TWIN_DISTANCE).contains(&id.0.saturating_sub(first.0))
                && self
                    .gaps
                    .between(&logon.channel, logon.record_id, last_half);
            is_lost.then_some((number, first))
        })
    }

    /// A session whose logon is not in the evidence, first seen at `index`.
    fn unlogged_session(&mut self, id: Option<LogonId>, index: usize) -> usize {
        let known = id
            .and_then(|id| self.unlogged.get(&id))
            .cloned()
            .unwrap_or_default();
        let mut draft = Draft::new(index, id);
        draft.account = known.account;
        match id.and_then(|id| Some((id, kind::standing(id)?))) {
            Some((id, sid)) => {
                draft.kind = kind::standing_kind(id);
                draft.standing = true;
                draft.account.sid = Some(sid);
            }
            None => {
                let sid = draft.account.sid.as_ref();
                draft.kind = kind::without_logon(sid, known.logoff_type, known.had_desktop);
                draft.is_desktop = known.had_desktop;
                draft.logon_type = known.logoff_type;
                draft.is_part =
                    !known.had_desktop && known.logoff_type.is_some_and(kind::may_return);
            }
        }
        draft.prove(index, Role::Use);
        self.add(draft, id)
    }

    fn add(&mut self, draft: Draft, id: Option<LogonId>) -> usize {
        let number = self.drafts.len();
        let (is_desktop, sid) = (draft.is_desktop, draft.account.sid.clone());
        if let Some(parent) = draft.parent.filter(|_| draft.kind == Kind::Elevation) {
            self.elevations.entry(parent).or_default().push(number);
        }
        self.drafts.push(draft);
        if let Some(id) = id {
            self.by_id.insert(id, number);
        }
        if is_desktop {
            self.note_desktop(number, sid);
        }
        number
    }

    fn note_desktop(&mut self, number: usize, sid: Option<Sid>) {
        self.desktops.insert(number);
        if let Some(sid) = sid {
            self.desktops_of.entry(sid).or_default().insert(number);
        }
    }

    fn logon(&mut self, index: usize, event: &Event) -> Option<usize> {
        let id = event.logon_id;
        if let Some(id) = id.filter(|&id| kind::standing(id).is_some()) {
            return self.standing_logon(id, index, event);
        }
        if let Some(draft) = self.places.get(index).copied().flatten() {
            // A logon that LSA validated anew before it was written.
            return Some(draft);
        }
        if let Some((draft, first)) = self.other_half(index, event) {
            return self.join_half(draft, first, index, event);
        }
        let kind = kind::of_logon(event);
        if kind == Kind::LsaRefresh
            && let Some(draft) = self.refreshed(index, event)
        {
            return self.attach(draft, index, event, PartReason::LsaRefresh);
        }
        if kind::is_at_logon_screen(event) {
            match self.returned_to(index, event) {
                Visit::New => {}
                Visit::To(draft, reason) => return self.attach(draft, index, event, reason),
                Visit::Unclear => return Some(self.unclear_session(index, event)),
            }
        }
        let mut draft = Draft::new(index, id);
        draft.logon = Some(index);
        draft.kind = kind;
        draft.is_desktop = kind.is_desktop();
        draft.account = event.account.clone();
        draft.logons = 1;
        let subject = event
            .subject_logon_id
            .filter(|&subject| kind::standing(subject).is_none());
        draft.parent = subject.and_then(|subject| self.by_id.get(&subject).copied());
        if kind == Kind::Elevation {
            draft.parent = self.only_open_desktop(event);
        }
        draft.elevated = event.elevated;
        if let Some(part) = id.and_then(|id| draft.part_mut(id)) {
            part.logon = Some(index);
        }
        draft.prove(index, Role::Start);
        if matches!(kind, Kind::Runas | Kind::RunasNetonly)
            && let Some(credentials) = self.credentials_for(index, event)
        {
            draft.prove(credentials, Role::Credentials);
        }
        let number = self.add(draft, id);
        if matches!(kind, Kind::Rdp | Kind::RdpCached) {
            self.claim_pre_authentication(event, number);
        }
        self.settle(number, index, event);
        Some(number)
    }

    /// Notes what a new Logon ID of a session brings: the half still to come, and the records that named it before.
    fn settle(&mut self, number: usize, index: usize, event: &Event) {
        if let (Some(linked), Some(id)) = (event.linked_logon_id, event.logon_id) {
            self.awaited.insert(linked, (number, id));
        }
        let held = event
            .logon_id
            .and_then(|id| self.held.remove(&id))
            .unwrap_or_default();
        for earlier in held {
            if let Some(event) = self.events.get(earlier) {
                self.take(earlier, event);
            }
        }
        if let Some(draft) = self.drafts.get_mut(number) {
            draft.used(index, event);
        }
    }

    /// A logon with a standing Logon ID: something started inside a session that exists since boot.
    fn standing_logon(&mut self, id: LogonId, index: usize, event: &Event) -> Option<usize> {
        let number = match self.by_id.get(&id) {
            Some(&number) => number,
            None => self.unlogged_session(Some(id), index),
        };
        let draft = self.drafts.get_mut(number)?;
        let is_boot_logon = event.logon_type.is_some_and(|logon_type| logon_type.0 == 0);
        if draft.logon.is_none() && (is_boot_logon || id != kind::SYSTEM) {
            draft.logon = Some(index);
            draft.prove(index, Role::Start);
        }
        draft.account.fill_from(&event.account);
        draft.logons += 1;
        draft.used(index, event);
        Some(number)
    }

    /// Makes the logon at `index` the second half of the logon with Logon ID `first`.
    fn join_half(
        &mut self,
        number: usize,
        first: LogonId,
        index: usize,
        event: &Event,
    ) -> Option<usize> {
        let draft = self.drafts.get_mut(number)?;
        let half = draft.part_mut(first)?;
        half.is_paired = true;
        let reason = half.reason;
        draft.logons += 1;
        draft.prove(index, Role::Part);
        if reason == PartReason::Logon {
            // The first is the elevated one, unless the records themselves say otherwise.
            let swapped = event.elevated == Some(true) && draft.elevated == Some(false);
            let (filtered, elevated) = if swapped {
                (Some(first), event.logon_id)
            } else {
                (event.logon_id, Some(first))
            };
            draft.id = filtered;
            draft.elevated_id = elevated;
            draft.elevated = Some(true);
            if let Some(id) = event.logon_id {
                draft.add_part(DraftPart {
                    is_paired: true,
                    ..DraftPart::new(id, Some(index), PartReason::UacTwin)
                });
            }
        } else {
            // The other half of an unlock unlocks as well.
            if let Some(id) = event.logon_id {
                draft.add_part(DraftPart {
                    is_paired: true,
                    ..DraftPart::new(id, Some(index), reason)
                });
            }
        }
        if let Some(id) = event.logon_id {
            self.by_id.insert(id, number);
        }
        self.settle(number, index, event);
        Some(number)
    }

    /// Makes the logon at `index` a part of a session that goes on under its own Logon ID.
    fn attach(
        &mut self,
        number: usize,
        index: usize,
        event: &Event,
        reason: PartReason,
    ) -> Option<usize> {
        let draft = self.drafts.get_mut(number)?;
        draft.logons += 1;
        if let Some(id) = event.logon_id {
            draft.add_part(DraftPart::new(id, Some(index), reason));
        }
        draft.prove(index, Role::Part);
        draft.last_attached = Some(index);
        if let Some(id) = event.logon_id {
            self.by_id.insert(id, number);
        }
        if reason == PartReason::RdpReconnect {
            self.claim_pre_authentication(event, number);
        }
        match reason {
            PartReason::Unlock if !self.follows(index, event, Action::Unlock) => {
                self.back_in_use(number, index, State::Locked, None)
            }
            PartReason::RdpReconnect if !self.follows(index, event, Action::Reconnect) => {
                self.back_in_use(
                    number,
                    index,
                    State::Disconnected,
                    event.source_address.clone(),
                );
            }
            _ => {}
        }
        self.settle(number, index, event);
        Some(number)
    }

    /// The session whose other half, split off by User Account Control, this logon is, and that half's Logon ID.
    fn other_half(&self, index: usize, event: &Event) -> Option<(usize, LogonId)> {
        let id = event.logon_id?;
        let linked = event
            .linked_logon_id
            .filter(|linked| self.by_id.contains_key(linked));
        let (number, first) = match linked {
            Some(linked) => (*self.by_id.get(&linked)?, linked),
            None => match self.awaited.get(&id) {
                Some(&awaited) => awaited,
                None => {
                    let first = self.unlinked_half(index, event)?.logon_id?;
                    (*self.by_id.get(&first)?, first)
                }
            },
        };
        let draft = self.drafts.get(number)?;
        let part = draft.part(first)?;
        // A split logon has two halves, never three, of one account.
        (!part.is_paired && draft.account.sid == event.account.sid).then_some((number, first))
    }

    /// The first half of a split logon of a version that does not link the two.
    fn unlinked_half(&self, index: usize, event: &Event) -> Option<&'a Event> {
        let earlier = self.events.get(self.boot.events.start..index)?;
        let near = earlier
            .iter()
            .rev()
            .take_while(|first| event.record_id.saturating_sub(first.record_id) <= TWIN_RECORDS);
        near.into_iter()
            .find(|first| are_unlinked_halves(first, event))
    }

    /// Whether a 4647 names this logon or its other half: somebody logged off from it, so that it was a session.
    fn is_left_by_somebody(&self, index: usize, event: &Event) -> bool {
        let later = self
            .events
            .get(index + 1..self.boot.events.end)
            .unwrap_or_default();
        let near = later
            .iter()
            .take_while(|second| second.record_id.saturating_sub(event.record_id) <= TWIN_RECORDS);
        let second = near
            .into_iter()
            .find(|second| are_unlinked_halves(event, second))
            .and_then(|second| second.logon_id);
        [event.logon_id, event.linked_logon_id, second]
            .into_iter()
            .flatten()
            .any(|id| self.left.contains(&id))
    }

    /// The session of the account that LSA has just made, or returned to, and validates anew.
    fn refreshed(&mut self, index: usize, event: &Event) -> Option<usize> {
        let is_refreshed = |logon: &Event| {
            logon.action == Action::Logon
                && logon.account.sid == event.account.sid
                && logon.account.sid.is_some()
                && kind::of_logon(logon) != Kind::LsaRefresh
        };
        let near = |logon: &Event| event.time.within(logon.time, REFRESH);
        let earlier = (self.boot.events.start..index)
            .rev()
            .take(NEAR_EVENTS)
            .map_while(|index| Some((index, self.events.get(index)?)));
        if let Some((logon, _)) = earlier
            .take_while(|(_, logon)| near(logon))
            .find(|(_, logon)| is_refreshed(logon))
        {
            return *self.places.get(logon)?;
        }
        // The logon itself is often written just after.
        let later = (index + 1..self.boot.events.end)
            .take(NEAR_EVENTS)
            .map_while(|index| Some((index, self.events.get(index)?)));
        let (logon, event) = later
            .take_while(|(_, logon)| near(logon))
            .find(|(_, logon)| is_refreshed(logon))?;
        self.take(logon, event);
        *self.places.get(logon)?
    }

    /// For a logon at the logon screen: the open session that it returns to, if it is not a new one.
    fn returned_to(&mut self, index: usize, event: &Event) -> Visit {
        let reconnected = self.events_after(index).find(|after| {
            after.action == Action::Reconnect && after.account.same_name(&event.account)
        });
        let reconnected_id = reconnected.and_then(|after| after.logon_id);
        let comes_back =
            reconnected.is_some() || self.clients.return_soon(&event.account, event.time);
        let is_new = self.marks.serve(&event.account, event.time);
        if is_new || self.is_left_by_somebody(index, event) {
            return Visit::New;
        }
        let sid = event.account.sid.as_ref();
        let returns = event
            .logon_type
            .is_some_and(|logon_type| matches!(logon_type.0, 7 | 13))
            || comes_back;
        let open = self.open_desktop_of(index, event, reconnected_id);
        let number = match open {
            Open::Surely(number) => number,
            _ if returns => {
                let id = reconnected_id.or_else(|| self.desktop_before_log(index, event, sid));
                match id.and_then(|id| self.by_id.get(&id)) {
                    Some(&number) => number,
                    None => {
                        let number = self.unlogged_session(id, index);
                        self.is_at_desktop(number, &event.account);
                        number
                    }
                }
            }
            Open::No if self.is_known_to_have_left(event) => return Visit::New,
            _ if self.lives_on(index, event) => return Visit::New,
            _ => return Visit::Unclear,
        };
        let remote = event
            .logon_type
            .is_some_and(|logon_type| matches!(logon_type.0, 10 | 12))
            || comes_back
            || self.clients.were_accepted(&event.account, event.time)
            || !self.pre_authentications(event).is_empty();
        let reason = match remote {
            true => PartReason::RdpReconnect,
            false => PartReason::Unlock,
        };
        Visit::To(number, reason)
    }

    /// Whether an account has no desktop session of which the records do not tell: none is missing since it last left one, or
    /// since the boot began.
    fn is_known_to_have_left(&self, event: &Event) -> bool {
        let left = event
            .account
            .sid
            .as_ref()
            .and_then(|sid| self.left_by.get(sid));
        let left = left.and_then(|&left| self.events.get(left));
        match left {
            Some(left) => !self.gaps.between_events(left, Some(event)),
            None => !self.is_gap_before(event),
        }
    }

    /// Whether records are missing between the beginning of the boot and an event.
    fn is_gap_before(&self, event: &Event) -> bool {
        let first = self.events.get(self.boot.events.start);
        first.is_some_and(|first| self.gaps.between_events(first, Some(event)))
    }

    /// Whether the Logon ID of a logon is seen alive for longer than that of an unlock or a return is.
    fn lives_on(&self, index: usize, event: &Event) -> bool {
        let named = [&self.last_alive, &self.closed];
        named
            .into_iter()
            .filter_map(|last| last.get(&event.logon_id?).copied())
            .filter(|&last| last > index)
            .filter_map(|last| self.events.get(last))
            .any(|last| !last.time.within(event.time, PART_LIFE))
    }

    /// A session of which a logon is known, but not whether that began it or returned to it.
    fn unclear_session(&mut self, index: usize, event: &Event) -> usize {
        let mut draft = Draft::new(index, event.logon_id);
        draft.account = event.account.clone();
        draft.logon_type = event.logon_type;
        draft.is_desktop = true;
        draft.is_part = true;
        draft.logons = 1;
        draft.prove(index, Role::Use);
        let number = self.add(draft, event.logon_id);
        self.settle(number, index, event);
        number
    }

    /// Notes that a session has shown a desktop, and whose.
    fn is_at_desktop(&mut self, number: usize, account: &Account) {
        let Some(draft) = self.drafts.get_mut(number) else {
            return;
        };
        draft.account.fill_from(account);
        draft.is_desktop = true;
        let sid = draft.account.sid.clone();
        self.note_desktop(number, sid);
    }

    /// The desktop session of an account that is open at its logon; the one with Logon ID `preferred` if there are several,
    /// else one that is locked or disconnected, else the latest.
    fn open_desktop_of(&mut self, index: usize, event: &Event, preferred: Option<LogonId>) -> Open {
        let sid = event.account.sid.as_ref();
        if let Some(own) = sid.and_then(|sid| self.desktops_of.get_mut(sid)) {
            own.retain(|&number| self.drafts.get(number).is_some_and(Draft::is_open));
        }
        let Some(own) = sid.and_then(|sid| self.desktops_of.get(sid)) else {
            return Open::No;
        };
        if own.len() == 1 && own.first().is_some_and(|&only| self.was_left(only, event)) {
            return Open::No;
        }
        let is = |wanted: &dyn Fn(&Draft) -> bool| {
            own.iter()
                .copied()
                .find(|&number| self.drafts.get(number).is_some_and(wanted))
        };
        let is_sure = |draft: &Draft| self.is_surely_open(draft, index, event);
        is(&|draft| preferred.is_some_and(|id| draft.part(id).is_some()))
            .or_else(|| is(&|draft| draft.is_away() && is_sure(draft)))
            .or_else(|| {
                let mut own = own.iter().rev().copied();
                own.find(|&number| self.drafts.get(number).is_some_and(is_sure))
            })
            .map_or(
                if own.is_empty() {
                    Open::No
                } else {
                    Open::Perhaps
                },
                Open::Surely,
            )
    }

    /// Whether LocalSessionManager tells that an account's only open desktop session was logged off.
    fn was_left(&self, number: usize, event: &Event) -> bool {
        let draft = self.drafts.get(number);
        let seen = draft.and_then(|draft| self.events.get(draft.last_alive));
        draft
            .zip(seen)
            .is_some_and(|(draft, seen)| self.marks.was_left(&draft.account, seen.time, event.time))
    }

    /// Whether an open session is still there at an event: no records are missing since it was last seen, or it is seen again.
    fn is_surely_open(&self, draft: &Draft, index: usize, event: &Event) -> bool {
        let seen = self.events.get(draft.last_alive);
        seen.is_some_and(|seen| !self.gaps.between_events(seen, Some(event)))
            || draft.carriers().any(|part| {
                let last = self.last_alive.get(&part.id);
                last.is_some_and(|&last| last > index)
            })
    }

    /// The Logon ID of a desktop session of the account that began before the log; of two that are probably halves of one
    /// logon, the larger.
    fn desktop_before_log(
        &self,
        index: usize,
        event: &Event,
        sid: Option<&Sid>,
    ) -> Option<LogonId> {
        let ids = self.unlogged_of.get(sid?)?.iter().copied();
        let open = |id: &LogonId| {
            let draft = self
                .by_id
                .get(id)
                .and_then(|&number| self.drafts.get(number));
            match draft {
                Some(draft) => draft.is_open() && self.is_surely_open(draft, index, event),
                None => {
                    let first = self.unlogged.get(id).and_then(|known| known.first);
                    first
                        .and_then(|first| self.events.get(first))
                        .is_some_and(|first| !self.gaps.between_events(event, Some(first)))
                }
            }
        };
        ids.filter(open).max_by_key(|id| {
            (
                self.unlogged.get(id).is_some_and(|known| known.had_desktop),
                *id,
            )
        })
    }

    /// The one desktop session that is open at an event, where the records go back to the beginning of the boot and none is
    /// missing that may tell of another.
    fn only_open_desktop(&mut self, event: &Event) -> Option<usize> {
        if !self.boot.begins_here || self.is_gap_before(event) {
            return None;
        }
        let (mut open, mut ended) = (Vec::new(), Vec::new());
        for &number in &self.desktops {
            let is_open = self.drafts.get(number).is_some_and(Draft::is_open);
            match is_open && !self.was_left(number, event) {
                true => open.push(number),
                false => ended.push(number),
            }
            if open.len() > 1 {
                break;
            }
        }
        for number in ended {
            self.desktops.remove(&number);
        }
        match open.as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    }

    /// The later events of this boot that are near enough to belong to a reconnect.
    fn events_after(&self, index: usize) -> impl Iterator<Item = &'a Event> {
        let at = self.events.get(index).map(|event| event.time);
        let later = self
            .events
            .get(index + 1..self.boot.events.end)
            .unwrap_or_default();
        later
            .iter()
            .take(NEAR_EVENTS)
            .take_while(move |after| at.is_some_and(|at| after.time.within(at, RECONNECT)))
    }

    /// Whether a record of its own says soon what this logon brings.
    fn follows(&self, index: usize, event: &Event, action: Action) -> bool {
        self.events_after(index)
            .any(|after| after.action == action && after.account.same_name(&event.account))
    }

    /// Network logons just before a Remote Desktop logon that were its pre-authentication.
    fn pre_authentications(&self, event: &Event) -> Vec<usize> {
        let own = self.drafts.iter().enumerate().skip(self.first_draft).rev();
        own.take(NEAR_EVENTS)
            .filter_map(|(number, draft)| Some((number, draft, self.events.get(draft.logon?)?)))
            .take_while(|(_, _, logon)| event.time.since(logon.time) <= RECONNECT)
            // What seems to come later was written before the clock went back.
            .filter(|(_, draft, logon)| {
                let before = logon.time <= event.time;
                let nobody = logon
                    .subject
                    .sid
                    .as_ref()
                    .is_some_and(|sid| sid.as_str() == "S-1-0-0");
                let address_fits =
                    logon.source_address.is_none() || logon.source_address == event.source_address;
                before
                    && draft.kind == Kind::Network
                    && nobody
                    && address_fits
                    && logon.account.sid == event.account.sid
                    && logon.account.sid.is_some()
            })
            .map(|(number, _, _)| number)
            .collect()
    }

    fn claim_pre_authentication(&mut self, event: &Event, parent: usize) {
        for number in self.pre_authentications(event) {
            if let Some(draft) = self.drafts.get_mut(number) {
                draft.flags.insert(Flag::Nla);
                draft.parent = Some(parent);
            }
        }
    }

    /// The record of the credentials that were given to `runas`.
    fn credentials_for(&self, index: usize, event: &Event) -> Option<usize> {
        let earlier = (self.boot.events.start..index)
            .rev()
            .map_while(|index| Some((index, self.events.get(index)?)));
        let near = earlier.take_while(|(_, credentials)| {
            event.record_id.saturating_sub(credentials.record_id) <= CREDENTIALS_RECORDS
                && event.time.within(credentials.time, CREDENTIALS_TIME)
        });
        let fits = |credentials: &Event| {
            credentials.action == Action::ExplicitCredentials
                && credentials.subject_logon_id == event.subject_logon_id
                && credentials.process_id == event.process_id
        };
        near.into_iter()
            .find(|(_, credentials)| fits(credentials))
            .map(|(index, _)| index)
    }

    fn privileges(&mut self, index: usize, event: &Event) -> Option<usize> {
        let number = self.used_by(event.logon_id?, index)?;
        self.drafts.get_mut(number)?.privileged(index, event);
        Some(number)
    }

    fn logoff(&mut self, index: usize, event: &Event) -> Option<usize> {
        let id = event.logon_id?;
        let number = self.used_by(id, index)?;
        let draft = self.drafts.get_mut(number)?;
        if draft.standing {
            // No logoff ends what lives as long as its boot.
            return Some(number);
        }
        draft.account.fill_from(&event.account);
        draft.close_part(id, index);
        draft.prove(index, Role::End);
        Some(number)
    }

    fn user_logoff(&mut self, index: usize, event: &Event) -> Option<usize> {
        if let Some(sid) = event.account.sid.clone() {
            self.left_by.insert(sid, index);
        }
        let number = self.used_by(event.logon_id?, index)?;
        let draft = self.drafts.get_mut(number)?;
        draft.account.fill_from(&event.account);
        if draft.user_logoff.is_none() && !draft.standing {
            draft.user_logoff = Some(index);
            draft.prove(index, Role::End);
            let is_half = event
                .logon_id
                .and_then(|id| draft.part(id))
                .is_some_and(|part| part.reason == PartReason::UacTwin);
            if draft.elevated_id.is_none() && is_half {
                // It names the filtered half, whose 4624 is missing.
                draft.elevated_id = draft.id;
                draft.id = event.logon_id;
            }
            self.end_elevations(number, index);
        }
        Some(number)
    }

    /// Somebody left, and the 4647 could not be written: the one desktop session that is open, if there is no other that it can
    /// have been. A lost 4634 may be any logon session's: it ends none.
    fn lost_logoff(&mut self, index: usize) -> Option<usize> {
        let may_be_of_another = !self.unlogged_of.is_empty();
        // Up to here no other record may be missing.
        let before = index
            .checked_sub(1)
            .filter(|before| self.boot.events.contains(before));
        let only = self.only_open_desktop(self.events.get(before?)?);
        let number = only.filter(|_| !may_be_of_another)?;
        let draft = self.drafts.get_mut(number)?;
        draft.lost_logoff = Some(index);
        draft.prove(index, Role::End);
        self.left_by
            .extend(draft.account.sid.clone().map(|sid| (sid, index)));
        self.end_elevations(number, index);
        Some(number)
    }

    /// A prompt that was answered in a session ends with it at the latest.
    fn end_elevations(&mut self, parent: usize, index: usize) {
        for number in self.elevations.remove(&parent).unwrap_or_default() {
            if let Some(draft) = self.drafts.get_mut(number).filter(|draft| draft.is_open()) {
                draft.parents_end = Some(index);
            }
        }
    }

    /// A session changes its state; the Logon ID names it.
    fn change(&mut self, index: usize, event: &Event, state: State, begins: bool) -> Option<usize> {
        let number = self.used_by(event.logon_id?, index)?;
        self.is_at_desktop(number, &event.account);
        let draft = self.drafts.get_mut(number)?;
        draft.prove(index, Role::State);
        // It goes on: somebody else left.
        draft.lost_logoff = None;
        // What comes after somebody left is the session being torn down.
        if draft.user_logoff.is_none() {
            if begins {
                draft.leave(state, index);
            } else {
                // The address of a local client is `LOCAL`: no address.
                let address = event
                    .source_address
                    .clone()
                    .filter(|address| !address.eq_ignore_ascii_case("LOCAL"));
                self.back_in_use(number, index, state, address);
            }
        }
        Some(number)
    }

    /// Ends a state. A 4801 soon after an unlocking logon is the same unlock.
    fn back_in_use(&mut self, number: usize, index: usize, state: State, address: Option<Text>) {
        let (Some(draft), Some(event)) = (self.drafts.get_mut(number), self.events.get(index))
        else {
            return;
        };
        let events = self.events;
        draft.come_back(state, index, address, |ended| {
            events
                .get(ended)
                .is_some_and(|ended| event.time.within(ended.time, RECONNECT))
        });
    }
}

/// Marks, among the sessions of a boot whose logons precede the log, those that are probably halves of one logon: two
/// of one account with neighbouring Logon IDs, one of which was seen with a desktop.
pub(super) fn mark_probable_twins(drafts: &mut [Draft]) {
    let mut unlogged: Vec<(Sid, LogonId, usize, bool)> = drafts
        .iter()
        .enumerate()
        .filter(|(_, draft)| {
            draft.logon.is_none() && !draft.standing && draft.kind != Kind::Network
        })
        .filter_map(|(number, draft)| {
            Some((
                draft.account.sid.clone()?,
                draft.id?,
                number,
                draft.is_desktop,
            ))
        })
        .collect();
    unlogged.sort();
    let near = |a: &(Sid, LogonId, usize, bool), b: &(Sid, LogonId, usize, bool)| {
        a.0 == b.0 && b.1.0.abs_diff(a.1.0) < TWIN_DISTANCE
    };
    for (at, desktop) in unlogged.iter().enumerate().filter(|(_, one)| one.3) {
        let neighbours = [at.checked_sub(1), at.checked_add(1)]
            .into_iter()
            .flatten()
            .filter_map(|at| unlogged.get(at));
        let nearest = neighbours
            .filter(|other| near(desktop, other))
            .min_by_key(|other| desktop.1.0.abs_diff(other.1.0));
        let Some(other) = nearest.map(|other| other.2) else {
            continue;
        };
        let left = drafts.get(desktop.2).and_then(|draft| draft.user_logoff);
        for number in [desktop.2, other] {
            if let Some(draft) = drafts.get_mut(number) {
                draft.flags.insert(Flag::Twin);
            }
        }
        // 4647 names one half; whoever left it left both.
        if let Some(twin) = drafts.get_mut(other).filter(|twin| twin.is_open()) {
            twin.parents_end = left.filter(|&left| twin.last_use <= left);
        }
    }
}

/// Whether two logons of a version that does not link them are halves of one.
fn are_unlinked_halves(first: &Event, second: &Event) -> bool {
    let unsplit = second
        .logon_type
        .is_none_or(|logon_type| matches!(logon_type.0, 0 | 3 | 5 | 8));
    second.version < FIRST_VERSION_WITH_LINK
        && !unsplit
        && first.action == Action::Logon
        && second.action == Action::Logon
        && second.time.within(first.time, TWIN_TIME)
        && first.account.sid == second.account.sid
        && first.logon_type == second.logon_type
        && first.process_id == second.process_id
        && first.logon_process == second.logon_process
}

/// What a logon was that is only a part of a session.
pub(super) fn attached_kind(reason: PartReason) -> Option<Kind> {
    match reason {
        PartReason::Unlock => Some(Kind::Unlock),
        PartReason::RdpReconnect => Some(Kind::RdpReconnect),
        PartReason::LsaRefresh => Some(Kind::LsaRefresh),
        PartReason::Logon | PartReason::UacTwin => None,
    }
}

/// Whether events of this kind are looked at here.
fn is_paired(action: Action) -> bool {
    use Action::*;
    is_of_a_desktop(action)
        || matches!(
            action,
            Logon
                | Logoff
                | LogonFailed
                | ExplicitCredentials
                | SpecialPrivileges
                | SpecialGroups
                | AuditLost
                | LogCleared
                | ClockChange
                | StartingUp
                | Used
        )
}

fn is_of_a_desktop(action: Action) -> bool {
    use Action::*;
    matches!(
        action,
        UserLogoff | Reconnect | Disconnect | Lock | Unlock | ScreensaverOn | ScreensaverOff
    )
}
