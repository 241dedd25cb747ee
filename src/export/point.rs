//! Rows as points in time: what formats of timelines, which know no spans, write of sessions and events.
//!
//! In: a session or an event. Out: two points of a session, when it began, or was first seen, and when it ended, or was last
//! seen; one point of an event. A point says whether a record tells it or it was inferred.

use super::columns::View;
use super::said::{caller, meaning, said};
use super::table::account as account_text;
use crate::analysis::TimelineEvent;
use crate::event::{Account, Action, LogonId, LogonType, Text};
use crate::filter::event_class;
use crate::guid::Guid;
use crate::session::{EndReason, Flag, Kind, RecordRef, Session, StartSource, network_address};
use crate::sid::AccountClass;
use crate::time::Time;
use std::borrow::Cow;
use std::net::IpAddr;

/// What happened at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// What a record says.
    Record(Action),
    /// A session began.
    Start,
    /// A session that had begun before is seen for the first time.
    FirstSeen,
    /// A session ended.
    End,
    /// A session is seen for the last time; when it ended is not exactly known.
    LastSeen,
}

impl What {
    /// A word for it.
    pub(super) fn word(self) -> &'static str {
        match self {
            What::Record(action) => action.name(),
            What::Start => "session-start",
            What::FirstSeen => "session-first-seen",
            What::End => "session-end",
            What::LastSeen => "session-last-seen",
        }
    }

    /// What its time is, as timelines put it.
    pub(super) fn description(self) -> &'static str {
        match self {
            What::Record(_) => "Creation Time",
            What::Start => "Logon",
            What::FirstSeen => "Session First Seen",
            What::End => "Logoff",
            What::LastSeen => "Session Last Seen",
        }
    }

    /// Whether it went well by a record that tells it, where it is something that can fail and its outcome is told.
    fn succeeded(self, status: Option<u32>) -> Option<bool> {
        use Action::*;
        match self {
            What::Start | What::End => Some(true),
            What::FirstSeen | What::LastSeen => None,
            What::Record(LogonFailed | KerberosFailed | RdpRefused | RdpDenied) => Some(false),
            What::Record(
                KerberosTicket | ServiceTicket | ServiceTicketRenewed | NtlmAuthentication,
            ) => Some(status.is_none()),
            What::Record(
                Logon | Logoff | UserLogoff | Reconnect | Disconnect | Lock | Unlock
                | SpecialPrivileges | SpecialGroups | GroupMembership | TsLogon | TsShell
                | TsLogoff | TsDisconnect | TsReconnect | WinlogonLogon | WinlogonLogoff | RdpAuth,
            ) => Some(true),
            What::Record(_) => None,
        }
    }
}

/// The record that tells a point.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    pub(super) file: &'a str,
    pub(super) channel: &'a str,
    pub(super) number: u64,
    pub(super) event_id: u16,
}

/// A point in time, with what is known of it.
#[derive(Debug, Clone)]
pub struct Point<'a> {
    pub(super) time: Time,
    pub(super) what: What,
    /// How it is known: `recorded`, `inferred`, `before-log` or `unknown`.
    pub(super) source: &'static str,
    pub(super) host: &'a str,
    /// The machine's name in the record.
    pub(super) computer: &'a str,
    pub(super) origin: Option<Origin<'a>>,
    pub(super) provider: Option<&'static str>,
    pub(super) account: &'a Account,
    pub(super) class: Option<AccountClass>,
    pub(super) subject: &'a Account,
    pub(super) outbound: &'a Account,
    pub(super) logon_id: Option<LogonId>,
    pub(super) linked_logon_id: Option<LogonId>,
    pub(super) subject_logon_id: Option<LogonId>,
    pub(super) logon_guid: Option<Guid>,
    pub(super) logon_type: Option<LogonType>,
    pub(super) kind: Option<Kind>,
    pub(super) address: Option<&'a str>,
    pub(super) port: Option<u16>,
    pub(super) workstation: Option<&'a str>,
    pub(super) logon_process: Option<&'a str>,
    pub(super) package: Option<&'a str>,
    pub(super) lm_package: Option<&'a str>,
    pub(super) process_name: Option<&'a str>,
    pub(super) process_id: Option<u64>,
    pub(super) target_server: Option<&'a str>,
    pub(super) privileges: Option<&'a str>,
    pub(super) status: Option<u32>,
    pub(super) sub_status: Option<u32>,
    pub(super) session_id: Option<&'a str>,
    /// The session, if the point is one of its bounds.
    pub(super) session: Option<&'a Session>,
    event: Option<&'a TimelineEvent>,
}

/// The point of an event.
pub fn of_event<'a>(view: &'a View<'_>, row: &'a TimelineEvent) -> Point<'a> {
    let event = &row.event;
    let class = event.account.sid.as_ref();
    Point {
        time: event.time,
        what: What::Record(event.action),
        source: "recorded",
        host: &row.host,
        computer: &event.computer,
        origin: Some(Origin {
            file: view.file(event.log).unwrap_or_default(),
            channel: &event.channel,
            number: event.record_id(),
            event_id: event.event_id,
        }),
        provider: Some(event.provider),
        account: &event.account,
        class: class.map(|_| event_class(row, view.session_of(row))),
        subject: &event.subject,
        outbound: &event.outbound,
        logon_id: event.logon_id(),
        linked_logon_id: event.linked_logon_id,
        subject_logon_id: event.subject_logon_id,
        logon_guid: event.logon_guid(),
        logon_type: event.logon_type,
        kind: row.kind,
        address: event.source_address.as_deref(),
        port: event.source_port(),
        workstation: event.workstation.as_deref(),
        logon_process: event.logon_process.as_deref(),
        package: event.authentication_package.as_deref(),
        lm_package: event.lm_package.as_deref(),
        process_name: event.process_name.as_deref(),
        process_id: event.process_id,
        target_server: event.target_server.as_deref(),
        privileges: event.privileges.as_deref(),
        status: event.status,
        sub_status: event.sub_status,
        session_id: row.session.as_deref(),
        session: None,
        event: Some(row),
    }
}

/// The two points of a session.
pub fn of_session<'a>(view: &'a View<'_>, session: &'a Session) -> Vec<Point<'a>> {
    let origin = |place: Option<usize>| {
        let record: &RecordRef = session.records.get(place?)?;
        Some(Origin {
            file: view.file(record.log).unwrap_or_default(),
            channel: &record.channel,
            number: record.record_id,
            event_id: record.event_id,
        })
    };
    let (start, end) = (&session.start, &session.end);
    let first = start.time.or(start.max);
    // Nobody was seen at the latest possible time.
    let last = end.min;
    let records = || session.records.iter().map(|record| record.time);
    // What no bound tells, a record does; a session without either is none.
    let first = first
        .or_else(|| records().min())
        .or(last)
        .unwrap_or(Time::from_filetime(0));
    let last = last.or_else(|| records().max()).unwrap_or(first);
    let began = Point {
        time: first,
        what: if start.time.is_some() {
            What::Start
        } else {
            What::FirstSeen
        },
        source: start.source.name(),
        host: &session.host,
        computer: &session.host,
        origin: origin(session.start_record),
        provider: None,
        account: &session.account,
        class: Some(session.class),
        subject: &session.subject,
        outbound: &session.outbound,
        logon_id: session.logon_id,
        linked_logon_id: session.linked_logon_id,
        subject_logon_id: session.subject_logon_id,
        logon_guid: session.logon_guid,
        logon_type: session.logon_type,
        kind: Some(session.kind),
        address: session.source_address.as_deref(),
        port: session.source_port,
        workstation: session.workstation.as_deref(),
        logon_process: session.logon_process.as_deref(),
        package: session.authentication_package.as_deref(),
        lm_package: session.lm_package.as_deref(),
        process_name: session.process_name.as_deref(),
        process_id: session.process_id,
        target_server: None,
        privileges: session.privileges.as_deref(),
        status: None,
        sub_status: None,
        session_id: Some(&session.id),
        session: Some(session),
        event: None,
    };
    let is_exact = end.time().is_some() && end.reason != EndReason::LogEnds;
    let ended = Point {
        time: last,
        what: if is_exact { What::End } else { What::LastSeen },
        source: end.source.name(),
        origin: origin(session.end_record),
        ..began.clone()
    };
    vec![began, ended]
}

impl Point<'_> {
    /// What happened, in a sentence.
    pub(super) fn message(&self) -> String {
        if let Some(event) = self.event {
            let who = account_text(&event.event.account);
            let who = if who.is_empty() {
                who
            } else {
                format!("{who}: ")
            };
            return format!("{who}{}", said(event));
        }
        let said = match self.what {
            What::Start => "session began",
            What::FirstSeen => "session is seen first, which began earlier",
            What::End => "session ended",
            What::LastSeen => "session is seen last",
            What::Record(action) => return meaning(action),
        };
        let mut facts = vec![self.source.to_owned()];
        if let Some(session) = self.session
            && matches!(self.what, What::End | What::LastSeen)
        {
            facts.push(session.end.reason.name().to_owned());
        }
        facts.extend(self.address.map(|address| format!("from {address}")));
        facts.extend(self.caller().map(|name| format!("workstation {name}")));
        let kind = self.kind.map_or("", Kind::name);
        format!(
            "{}: {kind} {said} ({})",
            account_text(self.account),
            facts.join(", ")
        )
    }

    /// When the session began and ended, where both are exactly known.
    pub(super) fn span(&self) -> Option<(Time, Time)> {
        let session = self.session?;
        Some((session.start.time?, session.end.time()?))
    }

    /// The network address that it came from, in its shortest form; `None` for what is no address, as `LOCAL`.
    pub(super) fn ip(&self) -> Option<IpAddr> {
        network_address(self.address?)
    }

    /// The name that the caller gave of the machine it came from.
    pub(super) fn caller(&self) -> Option<&str> {
        let aliases = self
            .session
            .map_or(&[][..], |session| &session.host_aliases);
        let own = aliases.iter().map(|name| &**name);
        caller(self.workstation, own.chain([self.host, self.computer]))
    }

    /// Whether it went well; `None` where no record tells, as of all that is inferred.
    pub(super) fn succeeded(&self) -> Option<bool> {
        match self.is_inferred() {
            true => None,
            false => self.what.succeeded(self.status),
        }
    }

    fn is_inferred(&self) -> bool {
        self.source == StartSource::Inferred.name()
    }

    /// Why it failed, or why its outcome is not known, in words.
    pub(super) fn status_text(&self) -> Option<&'static str> {
        match self.event {
            Some(event) => event.failure_text(),
            None => self.is_inferred().then_some(INFERRED),
        }
    }

    /// The finer code of a failure, else the other.
    pub(super) fn code(&self) -> Option<u32> {
        self.sub_status.or(self.status)
    }

    /// Whether its logon came from another machine; `None` where that is not known.
    pub(super) fn is_remote(&self) -> Option<bool> {
        let has = |flag| self.session.is_some_and(|s| s.flags.contains(&flag));
        match self.logon_type?.0 {
            3 | 8 | 10 | 12 if has(Flag::OwnMachine) => Some(false),
            3 | 8 | 10 | 12 => match self.ip() {
                Some(ip) if ip.is_unspecified() => None,
                // A tunnel ends at the machine itself, whoever is at its other end.
                Some(ip) if ip.is_loopback() && self.session.is_some() => {
                    (!has(Flag::Tunnel)).then_some(false)
                }
                Some(ip) if ip.is_loopback() => None,
                Some(_) => Some(true),
                None => None,
            },
            0 | 2 | 4 | 5 | 9 | 11 | 13 => Some(false),
            _ => None,
        }
    }
}

/// What is said of a point that no record tells.
const INFERRED: &str = "inferred from other records: none tells it";

/// Time in other units since 1970, as far as 64 bits reach.
pub(super) fn since_1970(time: Time, nanoseconds: i128) -> i64 {
    let since = time.unix_nanoseconds().div_euclid(nanoseconds);
    i64::try_from(since).unwrap_or(if since < 0 { i64::MIN } else { i64::MAX })
}

/// A moment with its offset written out, and microseconds: what a reader that knows no seventh digit takes.
pub(super) fn microseconds_text(time: Time) -> String {
    let text = time.to_string();
    match text
        .strip_suffix('Z')
        .and_then(|text| text.split_at_checked(26))
    {
        Some((text, _)) if text.len() == 26 => format!("{text}+00:00"),
        _ => text,
    }
}

/// A name that may be missing.
pub(super) fn text(name: &Option<Text>) -> Cow<'_, str> {
    name.as_deref().unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::sample;

    fn logon(kind: u32, address: Option<&str>, flags: &[Flag]) -> Session {
        let mut session = sample::session("2024-03-04", "2024-03-05");
        session.host = "DC01.corp.example".into();
        session.logon_type = Some(LogonType(kind));
        session.source_address = address.map(Text::from);
        session.flags = flags.to_vec();
        session
    }

    fn is_remote(kind: u32, address: Option<&str>, flags: &[Flag]) -> Option<bool> {
        let (analysis, session) = (Default::default(), logon(kind, address, flags));
        of_session(&View::new(&analysis, None), &session)[0].is_remote()
    }

    #[test]
    fn a_logon_is_remote_only_where_it_is_known_to_come_from_another_machine() {
        assert_eq!(is_remote(10, Some("203.0.113.5"), &[]), Some(true));
        assert_eq!(is_remote(3, None, &[]), None);
        assert_eq!(is_remote(3, Some("0.0.0.0"), &[]), None);
        assert_eq!(is_remote(3, Some("::1"), &[]), Some(false));
        assert_eq!(is_remote(10, Some("127.0.0.1"), &[Flag::Tunnel]), None);
        let own = [Flag::OwnMachine];
        assert_eq!(is_remote(3, Some("fe80::1"), &own), Some(false));
        assert_eq!(is_remote(2, None, &[]), Some(false));
        assert_eq!(is_remote(7, None, &[]), None);
    }

    #[test]
    fn what_is_inferred_has_no_outcome() {
        use crate::session::EndSource;
        let (analysis, mut session) = (Default::default(), logon(2, None, &[]));
        let view = View::new(&analysis, None);
        let told = |session: &Session| {
            let points = of_session(&view, session);
            [&points[0], &points[1]].map(|point| (point.succeeded(), point.status_text()))
        };
        assert_eq!(told(&session), [(Some(true), None); 2]);
        session.start.source = StartSource::Inferred;
        session.end.source = EndSource::Inferred;
        assert_eq!(told(&session), [(None, Some(INFERRED)); 2]);
    }

    #[test]
    fn the_machines_own_name_is_not_that_of_who_came() {
        let analysis = Default::default();
        let view = View::new(&analysis, None);
        let mut session = logon(10, Some("203.0.113.5"), &[]);
        for (name, caller) in [("dc01", None), ("KALI", Some("KALI"))] {
            session.workstation = Some(name.into());
            let points = of_session(&view, &session);
            assert_eq!(points[0].caller(), caller);
            assert_eq!(points[0].message().contains(name), caller.is_some());
        }
    }
}
