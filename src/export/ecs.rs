//! Rows as documents of the Elastic Common Schema, with the names that Winlogbeat gives records of Windows, a JSON object a line.
//!
//! `user` is the account that it happened to and `winlog.logon.id` its Logon ID, not those of the subject, which stand in
//! `winlog.event_data`. Every column of the row stands exactly under `winsessions`, with `winsessions.point_source` for whether the point
//! was recorded or inferred; the outcome of what is inferred is unknown. Documents of sessions have no `event.code`: rules would count them beside the records.

use super::cell::Cell;
use super::columns::{Row, View};
use super::object::{Object, line};
use super::point::{Point, What};
use crate::event::{Account, Action, LogonType, status_text};

const VERSION: &str = "9.4.0";

/// Appends the lines of a row.
pub(super) fn lines<R: Row>(view: &View<'_>, row: &R, bytes: &mut Vec<u8>) {
    for point in row.points(view) {
        line(bytes, |document| {
            members(&point, document);
            document.within("winsessions", |own| {
                own.put("point", point.what.word());
                own.put("point_source", point.source);
                row.give(view, own);
            });
        });
    }
}

fn members(point: &Point<'_>, document: &mut Object<'_>) {
    document.put("@timestamp", point.time);
    document.put("message", &*point.message());
    document.within("ecs", |ecs| ecs.put("version", VERSION));
    event(point, document);
    document.within("host", |host| {
        host.put("name", point.host);
        host.put("hostname", point.host);
        host.within("os", |os| {
            os.put("type", "windows");
            os.put("family", "windows");
        });
    });
    // With explicit credentials the subject acts, as somebody else.
    let is_switch = point.what == What::Record(Action::ExplicitCredentials);
    document.within("user", |user| match is_switch {
        true => {
            put_account(point.subject, user);
            user.within("effective", |user| put_account(point.account, user));
        }
        false => put_account(point.account, user),
    });
    let ip = point.ip().map(|ip| ip.to_string());
    document.within("source", |source| {
        source.put("ip", ip.as_deref());
        source.put("address", point.address);
        source.put("port", point.port);
        source.put("domain", point.caller());
    });
    document.within("process", |process| {
        process.put("pid", point.process_id.filter(|id| is_long(*id)));
        process.put("executable", point.process_name);
        let name = point.process_name.and_then(|path| path.rsplit('\\').next());
        process.put("name", name);
    });
    document.within("related", |related| {
        let names = [point.account, point.subject, point.outbound]
            .map(|account| account.name.as_deref().unwrap_or_default());
        related.texts("user", names);
        related.texts("ip", ip.as_deref());
        related.texts(
            "hosts",
            [Some(point.host), Some(point.computer), point.workstation]
                .into_iter()
                .flatten(),
        );
    });
    document.within("log", |log| {
        log.within("file", |file| {
            file.put("path", point.origin.map(|origin| origin.file))
        });
    });
    winlog(point, document);
}

/// Whether the store's number can hold it.
fn is_long(number: u64) -> bool {
    i64::try_from(number).is_ok()
}

fn event(point: &Point<'_>, document: &mut Object<'_>) {
    let Named {
        categories,
        types,
        action,
    } = named(point.what);
    document.within("event", |event| {
        event.put("kind", "event");
        event.texts("category", categories.iter().copied());
        event.texts("type", types.iter().copied());
        event.put("action", action);
        event.put(
            "outcome",
            match point.succeeded() {
                Some(true) => "success",
                Some(false) => "failure",
                None => "unknown",
            },
        );
        event.put("module", "winsessions");
        event.put(
            "dataset",
            if point.session.is_some() {
                "winsessions.sessions"
            } else {
                "winsessions.events"
            },
        );
        if let Some(origin) = point.origin.filter(|_| point.session.is_none()) {
            event.put("code", &*origin.event_id.to_string());
            event.put(
                "sequence",
                Some(origin.number).filter(|number| is_long(*number)),
            );
        }
        event.put("provider", point.provider);
        event.put("reason", point.status_text());
        if let Some(session) = point.session {
            event.put("start", session.start.time);
            if point.what == What::End {
                event.put("end", point.time);
                let nanoseconds = session.duration.and_then(|ticks| ticks.checked_mul(100));
                let nanoseconds = nanoseconds
                    .filter(|length| *length >= 0)
                    .map(|length| length.to_string());
                event.put(
                    "duration",
                    nanoseconds.as_deref().map_or(Cell::Empty, Cell::Digits),
                );
            }
        }
    });
}

/// The words of the schema for what happened.
struct Named {
    categories: &'static [&'static str],
    types: &'static [&'static str],
    action: &'static str,
}

/// Those that Elastic gives the records of Windows; of others this program's own word.
fn named(what: What) -> Named {
    use Action::*;
    let named = |categories, types, action| Named {
        categories,
        types,
        action,
    };
    const AUTHENTICATION: &[&str] = &["authentication"];
    const BOTH: &[&str] = &["authentication", "session"];
    match what {
        What::Start => named(BOTH, &["start"], "logged-in"),
        What::End => named(BOTH, &["end"], "logged-out"),
        What::FirstSeen | What::LastSeen => named(&["session"], &["info"], what.word()),
        What::Record(Logon) => named(AUTHENTICATION, &["start"], "logged-in"),
        What::Record(LogonFailed) => named(AUTHENTICATION, &["start"], "logon-failed"),
        What::Record(Logoff | UserLogoff) => named(AUTHENTICATION, &["end"], "logged-out"),
        What::Record(ExplicitCredentials) => {
            named(AUTHENTICATION, &["start"], "logged-in-explicit")
        }
        What::Record(SpecialPrivileges) => named(&["iam"], &["admin"], "logged-in-special"),
        What::Record(KerberosTicket) => named(
            AUTHENTICATION,
            &["start"],
            "kerberos-authentication-ticket-requested",
        ),
        What::Record(ServiceTicket) => named(
            AUTHENTICATION,
            &["start"],
            "kerberos-service-ticket-requested",
        ),
        What::Record(ServiceTicketRenewed) => named(
            AUTHENTICATION,
            &["start"],
            "kerberos-service-ticket-renewed",
        ),
        What::Record(KerberosFailed) => {
            named(AUTHENTICATION, &["start"], "kerberos-preauth-failed")
        }
        What::Record(NtlmAuthentication) => {
            named(AUTHENTICATION, &["start"], "credential-validated")
        }
        What::Record(Reconnect) => named(BOTH, &["start"], "session-reconnected"),
        What::Record(Disconnect) => named(BOTH, &["end"], "session-disconnected"),
        What::Record(LogCleared) => named(&["iam"], &["admin", "change"], "audit-log-cleared"),
        What::Record(
            Lock | Unlock | ScreensaverOn | ScreensaverOff | TsLogon | TsShell | TsLogoff
            | TsDisconnect | TsReconnect | TsDisconnectedBy | TsReason | WinlogonLogon
            | WinlogonLogoff,
        ) => named(&["session"], &["info"], what.word()),
        What::Record(
            Boot | Shutdown | Crash | StopRequest | ShutdownStarted | ClockChange | TimeZone
            | Sleep | Wake,
        ) => named(&["host"], &["info"], what.word()),
        What::Record(_) => named(&[], &["info"], what.word()),
    }
}

fn winlog(point: &Point<'_>, document: &mut Object<'_>) {
    document.within("winlog", |winlog| {
        winlog.put("computer_name", point.computer);
        if let Some(origin) = point.origin.filter(|_| point.session.is_none()) {
            winlog.put("channel", origin.channel);
            winlog.put("event_id", &*origin.event_id.to_string());
            winlog.put("record_id", &*origin.number.to_string());
            winlog.put("provider_name", point.provider);
        }
        winlog.within("logon", |logon| {
            logon.put("id", point.logon_id);
            logon.put("type", point.logon_type.and_then(LogonType::name));
            logon.within("failure", |failure| {
                failure.put("reason", point.status_text());
                failure.put("status", point.status.and_then(status_text));
                failure.put("sub_status", point.sub_status.and_then(status_text));
            });
        });
        if point.session.is_none() {
            winlog.within("event_data", |data| event_data(point, data));
        }
    });
}

/// The fields of a record by the names of Windows.
fn event_data(point: &Point<'_>, data: &mut Object<'_>) {
    for (prefix, account, logon_id) in [
        ("Target", point.account, point.logon_id),
        ("Subject", point.subject, point.subject_logon_id),
    ] {
        data.put(&format!("{prefix}UserName"), account.name.as_deref());
        data.put(&format!("{prefix}DomainName"), account.domain.as_deref());
        data.put(
            &format!("{prefix}UserSid"),
            account.sid.as_ref().map(|sid| sid.as_str()),
        );
        data.put(&format!("{prefix}LogonId"), logon_id);
    }
    data.put("TargetLinkedLogonId", point.linked_logon_id);
    data.put("TargetOutboundUserName", point.outbound.name.as_deref());
    data.put("TargetOutboundDomainName", point.outbound.domain.as_deref());
    data.put("TargetServerName", point.target_server);
    data.put(
        "LogonType",
        point.logon_type.map(|t| t.0.to_string()).as_deref(),
    );
    data.put("LogonGuid", point.logon_guid);
    data.put("IpAddress", point.address);
    data.put("IpPort", point.port.map(|port| port.to_string()).as_deref());
    data.put("WorkstationName", point.workstation);
    data.put("LogonProcessName", point.logon_process);
    data.put("AuthenticationPackageName", point.package);
    data.put("LmPackageName", point.lm_package);
    data.put("ProcessName", point.process_name);
    data.put("PrivilegeList", point.privileges);
    data.put("Status", point.status.map_or(Cell::Empty, Cell::Status));
    data.put(
        "SubStatus",
        point.sub_status.map_or(Cell::Empty, Cell::Status),
    );
}

fn put_account(account: &Account, user: &mut Object<'_>) {
    user.put("name", account.name.as_deref());
    user.put("domain", account.domain.as_deref());
    user.put("id", account.sid.as_ref().map(|sid| sid.as_str()));
}
