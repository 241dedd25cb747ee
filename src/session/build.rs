//! Pairs the events of one boot: which logon is a session, which only touches one, what ended it.
//!
//! In: the audit records of a boot, in record order. Out: a [`Draft`] of each session, and the draft that each event belongs to.
//! Records of other channels only tell a new logon from a return; they are tied to the drafts afterwards.

mod ahead;
mod halves;
mod returns;

pub(super) use halves::{TWIN_TIME, mark_probable_twins};

use self::ahead::{Known, Unlogged};
use self::returns::Visit;
use super::address::is_local;
use super::boot::Boot;
use super::connection::Clients;
use super::draft::{Draft, DraftPart};
use super::gaps::Gaps;
use super::kind;
use super::machine::Machine;
use super::marks::Marks;
use super::place::{Place, Places};
use super::pre_authentication::{BEFORE_LOGON, is_asked_for_by_nobody};
use super::recovered::Recovered;
use super::{Flag, Kind, PartReason, Role, State};
use crate::event::{Account, Action, Event, LogonId, Text};
use crate::sid::Sid;
use crate::time::{TICKS_PER_SECOND, Ticks};
use ahash::RandomState;
use std::collections::{BTreeSet, HashMap};

/// How long after a logon LSA validates it anew.
const REFRESH: Ticks = TICKS_PER_SECOND / 2;
/// How long before and after a logon at the logon screen the records of a reconnect lie.
const RECONNECT: Ticks = 10 * TICKS_PER_SECOND;
/// How many events around a logon are looked at for what belongs to it: a bound for logs in which all have one time.
const NEAR_EVENTS: usize = 2000;
/// How many desktop sessions of one account are looked at: those of one person on a real machine are few.
const MOST_DESKTOPS: usize = 200;
/// How many records before a `runas` logon its 4648 lies at most.
const CREDENTIALS_RECORDS: u64 = 2;
/// The same in time.
const CREDENTIALS_TIME: Ticks = TICKS_PER_SECOND / 50;

/// The event ID of the record that somebody left.
const USER_LOGOFF: u16 = 4647;

/// The sessions of one boot in the making.
pub(super) struct Builder<'a> {
    events: &'a [Event],
    recovered: &'a Recovered,
    boot: &'a Boot,
    gaps: &'a Gaps,
    marks: &'a mut Marks,
    clients: &'a Clients,
    /// The drafts of all boots so far; those of this boot start at `first_draft`.
    drafts: &'a mut Vec<Draft>,
    first_draft: usize,
    /// The draft that each event of the machine belongs to.
    places: &'a mut Places,
    /// Its desktop sessions that are open; those that have ended since are taken out when they are met.
    desktops: BTreeSet<usize>,
    /// The same by account.
    desktops_of: HashMap<Sid, BTreeSet<usize>, RandomState>,
    /// Its prompts that were answered with credentials, by the session they were shown in.
    elevations: HashMap<usize, Vec<usize>, RandomState>,
    /// The Logon IDs of this boot.
    ids: HashMap<LogonId, Known, RandomState>,
    /// What is known of those that have no 4624.
    unlogged: HashMap<LogonId, Unlogged, RandomState>,
    /// The same by account, where they may be desktop sessions.
    unlogged_of: HashMap<Sid, Vec<LogonId>, RandomState>,
    /// The last 4647 of each account so far.
    left_by: HashMap<Sid, usize, RandomState>,
    /// The clock was set in this boot.
    was_clock_set: bool,
    /// The draft and the Logon ID of the first half of a split logon, by the Logon ID of the second.
    awaited: HashMap<LogonId, (usize, LogonId), RandomState>,
    /// Records that name a Logon ID before its 4624 does.
    held: HashMap<LogonId, Vec<usize>, RandomState>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(
        machine: &'a Machine,
        boot: &'a Boot,
        gaps: &'a Gaps,
        marks: &'a mut Marks,
        clients: &'a Clients,
        drafts: &'a mut Vec<Draft>,
        places: &'a mut Places,
    ) -> Self {
        let mut builder = Builder {
            events: &machine.events,
            recovered: &machine.recovered,
            boot,
            gaps,
            marks,
            clients,
            first_draft: drafts.len(),
            drafts,
            places,
            desktops: BTreeSet::new(),
            desktops_of: HashMap::default(),
            elevations: HashMap::default(),
            ids: HashMap::default(),
            unlogged: HashMap::default(),
            unlogged_of: HashMap::default(),
            left_by: HashMap::default(),
            was_clock_set: false,
            awaited: HashMap::default(),
            held: HashMap::default(),
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
                draft.fast_stop = Some((Place::of(stop), Place::of(before)));
                draft.prove(stop, Role::End);
            }
        }
    }

    fn take(&mut self, index: usize, event: &Event) {
        let subject = asked_by(event).and_then(|id| self.used_by(id, index));
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
            Action::Used | Action::GroupMembership => {
                event.logon_id().and_then(|id| self.used_by(id, index))
            }
            _ => None,
        };
        if let Some(draft) = own.or(subject) {
            self.places.put_new(index, draft);
        }
    }

    /// The session of a Logon ID that the event at `index` uses. A Logon ID that was never given in this boot is a
    /// session of unknown start; one that is given later in it is held for its 4624.
    fn used_by(&mut self, id: LogonId, index: usize) -> Option<usize> {
        let event = self.events.get(index)?;
        let known = self.ids.get(&id);
        if let Some(draft) = known.and_then(Known::draft) {
            self.begin_live(draft, index, event);
            self.note_use(draft, index, event);
            return Some(draft);
        }
        if !id.is_standing() && known.is_some_and(|known| known.is_given) {
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
            draft.add_part(DraftPart::new(id, None, reason).paired());
            self.note_use(number, index, event);
            self.name(id, number);
            return Some(number);
        }
        Some(self.unlogged_session(Some(id), index))
    }

    /// Has a session begin with the first live event that names it, where the recovered ones before it do not show it earlier: a
    /// standing one where nothing ties that to them, since a boot may have begun in between; one without a logon where live
    /// events contradict their time.
    fn begin_live(&mut self, number: usize, index: usize, event: &Event) {
        let Some(draft) = self.drafts.get_mut(number) else {
            return;
        };
        let first = draft.logon().unwrap_or(draft.first());
        let is_recovered = |event: &Event| self.recovered.holds(event.log);
        if !self.events.get(first).is_some_and(is_recovered) || is_recovered(event) {
            return;
        }
        let is_untied = match draft.standing {
            true => self.boot.break_after(first).is_some_and(|at| at <= index),
            false => draft.logon().is_none() && self.recovered.is_disordered(first),
        };
        if is_untied {
            draft.begin_anew(index);
        }
    }

    /// The draft of a Logon ID of this boot.
    fn draft_of(&self, id: LogonId) -> Option<usize> {
        self.ids.get(&id).and_then(Known::draft)
    }

    /// Makes a Logon ID that of a draft.
    fn name(&mut self, id: LogonId, number: usize) {
        self.ids.entry(id).or_default().set_draft(number);
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
                if known.logoff_type.is_some() {
                    draft.logon_type = known.logoff_type;
                }
                draft.is_part =
                    !known.had_desktop && known.logoff_type.is_some_and(kind::may_return);
            }
        }
        draft.prove(index, Role::Use);
        self.add(draft, id)
    }

    fn add(&mut self, mut draft: Draft, id: Option<LogonId>) -> usize {
        draft.set_boot(Some(self.boot.number));
        let number = self.drafts.len();
        let (is_desktop, sid) = (draft.is_desktop, draft.account.sid.clone());
        if let Some(parent) = draft.parent().filter(|_| draft.kind == Kind::Elevation) {
            self.elevations.entry(parent).or_default().push(number);
        }
        self.drafts.push(draft);
        if let Some(id) = id {
            self.name(id, number);
        }
        if is_desktop {
            self.note_desktop(number, sid);
        }
        number
    }

    fn note_desktop(&mut self, number: usize, sid: Option<Sid>) {
        self.desktops.insert(number);
        if let Some(sid) = sid {
            let own = self.desktops_of.entry(sid).or_default();
            own.insert(number);
            if own.len() > MOST_DESKTOPS {
                own.pop_first();
            }
        }
    }

    fn logon(&mut self, index: usize, event: &Event) -> Option<usize> {
        let id = event.logon_id();
        if let Some(id) = id.filter(|&id| id.is_standing()) {
            return self.standing_logon(id, index, event);
        }
        if let Some(draft) = self.places.get(index) {
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
        draft.set_logon(index);
        draft.kind = kind;
        draft.is_desktop = kind.is_desktop();
        draft.account = event.account.clone();
        draft.logons = 1;
        let subject = asked_by(event).filter(|subject| !subject.is_standing());
        let parent = match kind {
            Kind::Elevation => self.only_open_desktop(event),
            _ => subject.and_then(|subject| self.draft_of(subject)),
        };
        draft.set_parent(parent);
        draft.elevated = event.elevated;
        if let Some(part) = id.and_then(|id| draft.part_mut(id)) {
            part.set_logon(index);
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
        if let (Some(linked), Some(id)) = (event.linked_logon_id, event.logon_id()) {
            self.awaited.insert(linked, (number, id));
        }
        let held = event
            .logon_id()
            .and_then(|id| self.held.remove(&id))
            .unwrap_or_default();
        for earlier in held {
            if let Some(event) = self.events.get(earlier) {
                self.take(earlier, event);
            }
        }
        self.note_use(number, index, event);
    }

    /// Notes that a session was in use. A recovered event whose time live ones contradict tells of nothing later than they do.
    fn note_use(&mut self, number: usize, index: usize, event: &Event) {
        if let Some(draft) = self.drafts.get_mut(number)
            && !self.recovered.is_disordered(index)
        {
            draft.used(index, event);
        }
    }

    /// A logon with a standing Logon ID: something started inside a session that exists since boot.
    fn standing_logon(&mut self, id: LogonId, index: usize, event: &Event) -> Option<usize> {
        let number = match self.draft_of(id) {
            Some(number) => number,
            None => self.unlogged_session(Some(id), index),
        };
        self.begin_live(number, index, event);
        let draft = self.drafts.get_mut(number)?;
        let is_boot_logon = event.logon_type.is_some_and(|logon_type| logon_type.0 == 0);
        if draft.logon().is_none() && (is_boot_logon || id != kind::SYSTEM) {
            draft.set_logon(index);
            draft.prove(index, Role::Start);
        }
        draft.account.fill_from(&event.account);
        draft.logons += 1;
        self.note_use(number, index, event);
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
        if let Some(id) = event.logon_id() {
            draft.add_part(DraftPart::new(id, Some(index), reason));
        }
        draft.prove(index, Role::Part);
        if let Some(id) = event.logon_id() {
            self.name(id, number);
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
            return self.places.get(logon);
        }
        // The logon itself is often written just after.
        let later = (index + 1..self.boot.events.end)
            .take(NEAR_EVENTS)
            .map_while(|index| Some((index, self.events.get(index)?)));
        let (logon, event) = later
            .take_while(|(_, logon)| near(logon))
            .find(|(_, logon)| is_refreshed(logon))?;
        self.take(logon, event);
        self.places.get(logon)
    }

    /// A session of which a logon is known, but not whether that began it or returned to it.
    fn unclear_session(&mut self, index: usize, event: &Event) -> usize {
        let mut draft = Draft::new(index, event.logon_id());
        draft.account = event.account.clone();
        draft.logon_type = event.logon_type;
        draft.is_desktop = true;
        draft.is_part = true;
        draft.logons = 1;
        draft.prove(index, Role::Use);
        let number = self.add(draft, event.logon_id());
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
            .filter_map(|(number, draft)| Some((number, draft, self.events.get(draft.logon()?)?)))
            .take_while(|(_, _, logon)| event.time.since(logon.time) <= BEFORE_LOGON)
            // What seems to come later was written before the clock went back.
            .filter(|(_, draft, logon)| {
                let before = logon.time <= event.time;
                let address_fits =
                    logon.source_address.is_none() || logon.source_address == event.source_address;
                before
                    && draft.kind == Kind::Network
                    && is_asked_for_by_nobody(logon)
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
                draft.set_parent(Some(parent));
            }
        }
    }

    /// The record of the credentials that were given to `runas`.
    fn credentials_for(&self, index: usize, event: &Event) -> Option<usize> {
        let earlier = (self.boot.events.start..index)
            .rev()
            .take(NEAR_EVENTS)
            .map_while(|index| Some((index, self.events.get(index)?)));
        let near = earlier.take_while(|(_, credentials)| {
            event.record_id().saturating_sub(credentials.record_id()) <= CREDENTIALS_RECORDS
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
        let number = self.used_by(event.logon_id()?, index)?;
        self.drafts.get_mut(number)?.privileged(index, event);
        Some(number)
    }

    fn logoff(&mut self, index: usize, event: &Event) -> Option<usize> {
        let id = event.logon_id()?;
        let number = self.used_by(id, index)?;
        let is_ordered = !self.recovered.is_disordered(index);
        let draft = self.drafts.get_mut(number)?;
        if draft.standing {
            // No logoff ends what lives as long as its boot.
            return Some(number);
        }
        draft.account.fill_from(&event.account);
        draft.close_part(id, index, is_ordered);
        draft.prove(index, Role::End);
        Some(number)
    }

    fn user_logoff(&mut self, index: usize, event: &Event) -> Option<usize> {
        if let Some(sid) = event.account.sid.clone() {
            self.left_by.insert(sid, index);
        }
        let number = self.used_by(event.logon_id()?, index)?;
        let draft = self.drafts.get_mut(number)?;
        draft.account.fill_from(&event.account);
        if draft.user_logoff().is_none() && !draft.standing {
            draft.user_logoff = Some(Place::of(index));
            draft.prove(index, Role::End);
            let is_half = event
                .logon_id()
                .and_then(|id| draft.part(id))
                .is_some_and(|part| part.reason == PartReason::UacTwin);
            if draft.elevated_id.is_none() && is_half {
                // It names the filtered half, whose 4624 is missing.
                draft.elevated_id = draft.id;
                draft.id = event.logon_id();
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
        draft.lost_logoff = Some(Place::of(index));
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
                draft.parents_end = Some(Place::of(index));
            }
        }
    }

    /// A session changes its state; the Logon ID names it.
    fn change(&mut self, index: usize, event: &Event, state: State, begins: bool) -> Option<usize> {
        let number = self.used_by(event.logon_id()?, index)?;
        self.is_at_desktop(number, &event.account);
        let draft = self.drafts.get_mut(number)?;
        draft.prove(index, Role::State);
        // It goes on: somebody else left.
        if draft.lost_logoff().is_some() {
            draft.lost_logoff = None;
        }
        // What comes after somebody left is the session being torn down.
        if draft.user_logoff().is_none() {
            if begins {
                draft.leave(state, index);
            } else {
                // The address of a local client is `LOCAL`: no address.
                let address = event
                    .source_address
                    .clone()
                    .filter(|address| !is_local(address));
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

/// The Logon ID that asked for what an event tells; no logon asks for itself, whatever its record says.
fn asked_by(event: &Event) -> Option<LogonId> {
    let is_own = |id: &LogonId| event.action == Action::Logon && event.logon_id() == Some(*id);
    event.subject_logon_id.filter(|id| !is_own(id))
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
