//! Accounts by machine and kind of logon: how often, from when to when, for how long, and what was refused.
//!
//! In: the sessions and failed logons that were asked for. Out: a [`Summary`] per machine, account and kind. Accounts are
//! joined by SID, never by name; a failed logon that names no SID stands under the name that was tried.

use crate::analysis::TimelineEvent;
use crate::event::{Account, Action, Text};
use crate::filter::event_class;
use crate::session::{Interactivity, Kind, Session};
use crate::sid::{AccountClass, Sid};
use crate::time::{Ticks, Time};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

/// What one account did on one machine by one kind of logon.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Which of the machines of the result it is on, counted from 0.
    pub machine: usize,
    /// The machine's latest name.
    pub host: Text,
    /// The account, by the name that it had last.
    pub account: Account,
    /// What kind of account that is.
    pub class: AccountClass,
    /// Whether somebody gave credentials.
    pub interactivity: Interactivity,
    /// The kind of logon; of a failed one what it would have been.
    pub kind: Option<Kind>,
    /// How many sessions.
    pub sessions: u64,
    /// How many of them stand from boot to stop: one per boot.
    pub standing: u64,
    /// How many logons those sessions hold.
    pub logons: u64,
    /// How many logons failed.
    pub failures: u64,
    /// Why they failed, the most frequent reason first.
    pub reasons: Vec<Reason>,
    /// The first sign of it.
    pub first_seen: Option<Time>,
    /// The last sign of it.
    pub last_seen: Option<Time>,
    /// The sum of the durations that are known; sessions at the same time count each.
    pub total: Ticks,
    /// How many sessions have a duration that is not known.
    pub of_unknown_duration: u64,
    /// The sum of the times in use; `None` if no session has a desktop whose use is known.
    pub active: Option<Ticks>,
}

/// Why logons failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// In words; the code in hex where there are none.
    pub text: Text,
    /// How many.
    pub count: u64,
}

/// A machine: its name, and its number, since names can be the same.
type Host = (Text, usize);

/// What accounts are joined by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Who {
    Sid(Sid),
    /// Domain and name in lower case, where no record tells the SID.
    Name(String, String),
}

impl Who {
    fn of(account: &Account) -> Self {
        // A refused logon names nobody's SID.
        match &account.sid {
            Some(sid) if sid.as_str() != "S-1-0-0" => Who::Sid(sid.clone()),
            _ => {
                let folded = |text: &Option<Text>| text.as_deref().unwrap_or("").to_lowercase();
                Who::Name(folded(&account.domain), folded(&account.name))
            }
        }
    }
}

/// Sums up sessions and failed logons; other events say nothing here. What an analyst looks for first comes first: on each
/// machine people before computers before services, those who were there before those who were refused.
pub fn summarize<'a>(
    sessions: impl IntoIterator<Item = &'a Session>,
    failures: impl IntoIterator<Item = &'a TimelineEvent>,
) -> Vec<Summary> {
    let mut rows: BTreeMap<(Host, Who, Interactivity, Option<Kind>), Row> = BTreeMap::new();
    let mut names: HashMap<(Host, Who), Name> = HashMap::new();
    let mut note = |host: &Host, account: &Account, class, seen| {
        let who = Who::of(account);
        let name = names.entry((host.clone(), who.clone())).or_default();
        let class = match who {
            Who::Sid(_) => class,
            Who::Name(..) => AccountClass::Unknown,
        };
        name.note(account, class, seen);
        who
    };
    for session in sessions {
        let time = session.start.time.or(session.start.max);
        // SYSTEM goes by the computer's name elsewhere on the network.
        let seen = (session.is_standing(), time);
        let host = (session.host.clone(), session.machine);
        let who = note(&host, &session.account, session.class, seen);
        let key = (host, who, session.interactivity, Some(session.kind));
        rows.entry(key).or_default().add_session(session);
    }
    let failures = failures.into_iter();
    for failed in failures.filter(|row| row.event.action == Action::LogonFailed) {
        let event = &failed.event;
        let class = event_class(failed, None);
        let host = (failed.host.clone(), failed.machine);
        let who = note(&host, &event.account, class, (false, Some(event.time)));
        let interactivity = failed.kind.and_then(Kind::interactivity);
        let interactivity = interactivity.unwrap_or(Interactivity::Unknown);
        let key = (host, who, interactivity, failed.kind);
        rows.entry(key).or_default().add_failure(failed);
    }
    let mut ranks: HashMap<(Host, Who), u8> = HashMap::new();
    for ((host, who, ..), row) in &rows {
        let key = (host.clone(), who.clone());
        let class = names.get(&key).map_or(AccountClass::Unknown, |n| n.class);
        let rank = ranks.entry(key).or_insert(u8::MAX);
        *rank = (*rank).min(rank_of(class, row.sessions > 0));
    }
    let ranked = rows
        .into_iter()
        .map(|((host, who, interactivity, kind), row)| {
            let key = (host, who);
            let name = names.get(&key).cloned().unwrap_or_default();
            let rank = ranks.get(&key).copied().unwrap_or(u8::MAX);
            let folded = |text: &Option<Text>| text.as_deref().unwrap_or("").to_lowercase();
            let shown = (folded(&name.account.name), folded(&name.account.domain));
            let (host, who) = key;
            let summary = row.summary(host.clone(), name, interactivity, kind);
            let is_desktop = kind.is_some_and(Kind::is_desktop);
            let order = (interactivity, !is_desktop, kind);
            ((host, rank, shown, who, order), summary)
        });
    let mut ranked: Vec<_> = ranked.collect();
    ranked.sort_by(|(a, _), (b, _)| a.cmp(b));
    ranked.into_iter().map(|(_, summary)| summary).collect()
}

/// Where an account stands among those of a machine.
fn rank_of(class: AccountClass, was_there: bool) -> u8 {
    use AccountClass::*;
    match class {
        LocalUser | DomainUser | EntraUser if was_there => 0,
        Unknown | Null if was_there => 1,
        LocalUser | DomainUser | EntraUser | Unknown | Null => 2,
        Computer => 3,
        Anonymous | Iusr | OpenSsh | WinRm => 4,
        VirtualMachine | AppPool | VirtualService => 5,
        LocalSystem | LocalService | NetworkService => 6,
        WindowManager | FontDriver => 7,
    }
}

/// The latest name of an account, and its class.
#[derive(Debug, Clone)]
struct Name {
    account: Account,
    class: AccountClass,
    /// Of each part of the account, whether a standing session has it, and when it was recorded.
    latest: [(bool, Option<Time>); 2],
}

impl Default for Name {
    fn default() -> Self {
        Name {
            account: Account::default(),
            class: AccountClass::Unknown,
            latest: [(false, None); 2],
        }
    }
}

impl Name {
    fn note(&mut self, account: &Account, class: AccountClass, seen: (bool, Option<Time>)) {
        let Name { account: known, .. } = self;
        if let Who::Sid(sid) = Who::of(account) {
            known.sid = Some(sid);
        }
        let parts = [
            (&mut known.domain, &account.domain),
            (&mut known.name, &account.name),
        ];
        for ((kept, found), latest) in parts.into_iter().zip(&mut self.latest) {
            // Of two names of one moment one has to be chosen, whatever the order.
            if found.is_some() && (kept.is_none() || (seen, found) > (*latest, &*kept)) {
                kept.clone_from(found);
                *latest = seen;
            }
        }
        if class != AccountClass::Unknown {
            // A promotion of the machine can change it: the order of the classes decides, not that of the rows.
            let is_first = self.class == AccountClass::Unknown;
            self.class = if is_first {
                class
            } else {
                self.class.min(class)
            };
        }
    }
}

/// A row in the making.
#[derive(Debug, Default)]
struct Row {
    sessions: u64,
    standing: u64,
    logons: u64,
    reasons: BTreeMap<Text, u64>,
    first: Option<Time>,
    last: Option<Time>,
    total: Ticks,
    of_unknown_duration: u64,
    active: Option<Ticks>,
}

impl Row {
    fn seen(&mut self, time: Option<Time>) {
        let Some(time) = time else { return };
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        self.last = self.last.max(Some(time));
    }

    fn add_session(&mut self, session: &Session) {
        self.sessions += 1;
        self.standing += u64::from(session.is_standing());
        self.logons = self.logons.saturating_add(session.logons.into());
        self.seen(session.start.time.or(session.start.max));
        self.seen(session.end.min);
        match session.duration {
            Some(duration) => self.total = self.total.saturating_add(duration),
            None => self.of_unknown_duration += 1,
        }
        if let Some(active) = session.active {
            self.active = Some(self.active.unwrap_or(0).saturating_add(active));
        }
    }

    fn add_failure(&mut self, failed: &TimelineEvent) {
        let event = &failed.event;
        self.seen(Some(event.time));
        let code = event.sub_status.filter(|&code| code != 0).or(event.status);
        let text = match (failed.failure_text(), code) {
            (Some(text), _) => text.into(),
            (None, Some(code)) => format!("{code:#010x}").into(),
            (None, None) => "no reason recorded".into(),
        };
        *self.reasons.entry(text).or_default() += 1;
    }

    fn summary(
        self,
        (host, machine): Host,
        name: Name,
        interactivity: Interactivity,
        kind: Option<Kind>,
    ) -> Summary {
        let reasons = self.reasons.into_iter();
        let mut reasons: Vec<Reason> = reasons
            .map(|(text, count)| Reason { text, count })
            .collect();
        reasons.sort_by_key(|reason| Reverse(reason.count));
        Summary {
            machine,
            host,
            account: name.account,
            class: name.class,
            interactivity,
            kind,
            sessions: self.sessions,
            standing: self.standing,
            logons: self.logons,
            failures: reasons.iter().map(|reason| reason.count).sum(),
            reasons,
            first_seen: self.first,
            last_seen: self.last,
            total: self.total,
            of_unknown_duration: self.of_unknown_duration,
            active: self.active,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::sample::{account, event, session, time};

    fn sum(sessions: &[Session], failures: &[TimelineEvent]) -> Vec<Summary> {
        summarize(sessions, failures)
    }

    #[test]
    fn one_sid_is_one_account_under_its_latest_name_and_one_name_with_two_sids_is_two() {
        let early = session("2020-01-01", "2020-01-02");
        let mut renamed = session("2020-02-01", "2020-02-03");
        renamed.account.name = Some("ann.smith".into());
        let mut other = session("2020-03-01", "2020-03-02");
        other.account.sid = Sid::parse("S-1-5-21-1-2-3-1009");
        for sessions in [
            [early.clone(), renamed.clone(), other.clone()],
            [other.clone(), renamed.clone(), early.clone()],
        ] {
            let rows = sum(&sessions, &[]);
            let found: Vec<_> = rows
                .iter()
                .map(|row| (row.account.name.as_deref(), row.sessions, row.total))
                .collect();
            let day = 86_400 * 10_000_000;
            assert_eq!(
                found,
                [(Some("ann"), 1, day), (Some("ann.smith"), 2, 3 * day)]
            );
        }
    }

    #[test]
    fn a_refused_logon_is_counted_by_reason_under_the_name_that_was_tried() {
        let failed = event("2020-01-05", Action::LogonFailed, 4625);
        let mut unknown = event("2020-01-06", Action::LogonFailed, 4625);
        unknown.event.account = account("ANN", "ws01", "");
        (unknown.event.status, unknown.event.sub_status) = (Some(0xc012_3456), Some(0));
        let rows = sum(
            &[session("2020-01-01", "2020-01-02")],
            &[failed.clone(), unknown, failed],
        );
        assert_eq!(rows.len(), 2, "the SID is not known to be that of the name");
        assert_eq!((rows[0].sessions, rows[0].failures), (1, 0));
        assert_eq!((rows[1].sessions, rows[1].failures), (0, 3));
        let reasons: Vec<_> = rows[1]
            .reasons
            .iter()
            .map(|r| (&*r.text, r.count))
            .collect();
        assert_eq!(reasons, [("wrong password", 2), ("0xc0123456", 1)]);
        assert_eq!(rows[1].last_seen, Some(time("2020-01-06")));
    }

    #[test]
    fn people_come_before_services_and_a_standing_session_of_each_boot_is_in_one_row() {
        let mut system = session("2020-01-01", "2020-01-02");
        system.account = account("SYSTEM", "NT AUTHORITY", "S-1-5-18");
        system.class = AccountClass::LocalSystem;
        system.kind = Kind::System;
        system.interactivity = Interactivity::NonInteractive;
        system.logon_id = crate::event::LogonId::new(0x3e7);
        system.logons = 40;
        system.duration = None;
        let rows = sum(
            &[system.clone(), system, session("2020-01-01", "2020-01-02")],
            &[],
        );
        let names: Vec<_> = rows.iter().map(|row| row.account.name.as_deref()).collect();
        assert_eq!(names, [Some("ann"), Some("SYSTEM")]);
        let folded = &rows[1];
        assert_eq!(
            (folded.sessions, folded.standing, folded.logons),
            (2, 2, 80)
        );
        assert_eq!((folded.total, folded.of_unknown_duration), (0, 2));
    }
}
