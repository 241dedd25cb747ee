//! Rows as events of the Open Cybersecurity Schema Framework 1.8, a JSON object a line.
//!
//! What is about an account's authentication is Authentication (3002): the two points of a session, logons, failures, logoffs,
//! tickets, locks, connections. All else on the timeline (boots, clears, clock changes) is Base Event (0). Every column of the row
//! stands exactly under `unmapped`, so nothing is lost, and with `point_source` whether the point was recorded or inferred. What is
//! inferred has no status but Unknown: no record tells of a logon or logoff.
//!
//! The schema: <https://schema.ocsf.io/1.8.0/classes/authentication>.

use super::cell::Cell;
use super::columns::{Row, View};
use super::object::{Object, line};
use super::point::{Point, What, since_1970};
use crate::event::{Account, Action, LogonType};
use crate::session::EndReason;
use crate::sid::AccountClass;
use crate::time::Time;
use std::borrow::Cow;

const VERSION: &str = "1.8.0";

/// A class of events, with its category.
struct Class {
    uid: u64,
    name: &'static str,
    category: u64,
    category_name: &'static str,
}

const BASE: Class = Class {
    uid: 0,
    name: "Base Event",
    category: 0,
    category_name: "Uncategorized",
};

const AUTHENTICATION: Class = Class {
    uid: 3002,
    name: "Authentication",
    category: 3,
    category_name: "Identity & Access Management",
};

/// Appends the lines of a row.
pub(super) fn lines<R: Row>(view: &View<'_>, row: &R, bytes: &mut Vec<u8>) {
    for point in row.points(view) {
        line(bytes, |event| {
            members(&point, event);
            event.within("unmapped", |unmapped| {
                unmapped.put("point", point.what.word());
                unmapped.put("point_source", point.source);
                if let Some((start, end)) = point.span() {
                    let length = milliseconds(end).saturating_sub(milliseconds(start));
                    unmapped.put("session_duration_ms", Cell::Digits(&length.to_string()));
                }
                row.give(view, unmapped);
            });
        });
    }
}

fn members(point: &Point<'_>, event: &mut Object<'_>) {
    let (activity, activity_name) = activity(point.what);
    let is_known = point.account.name.is_some() || point.account.sid.is_some();
    let class = match is_about_accounts(point.what) && is_known {
        true => AUTHENTICATION,
        false => BASE,
    };
    // The base class knows no activity but that it is another.
    let activity = if class.uid == 0 { 99 } else { activity };
    let activity_name = if class.uid == 0 {
        point.what.word()
    } else {
        activity_name
    };
    event.put("class_uid", class.uid);
    event.put("class_name", class.name);
    event.put("category_uid", class.category);
    event.put("category_name", class.category_name);
    event.put("activity_id", activity);
    event.put("activity_name", activity_name);
    event.put("type_uid", class.uid * 100 + activity);
    event.put("type_name", &*format!("{}: {activity_name}", class.name));
    event.put("severity_id", 1u64);
    event.put("severity", "Informational");
    event.put("time", Cell::Digits(&milliseconds(point.time).to_string()));
    event.put("message", &*point.message());
    let (status, status_name) = match point.succeeded() {
        Some(true) => (1u64, "Success"),
        Some(false) => (2, "Failure"),
        None => (0, "Unknown"),
    };
    event.put("status_id", status);
    event.put("status", status_name);
    event.put("status_code", point.code().map(code).as_deref());
    event.put("status_detail", detail(point));
    metadata(point, class.uid, event);
    if class.uid == 0 {
        event.within("device", |device| {
            device.put("hostname", point.host);
            device.put("type_id", 0u64);
        });
        return;
    }
    event.within("user", |user| {
        put_account(point.account, user);
        if let Some((id, name)) = point.class.map(user_type) {
            user.put("type_id", id);
            user.put("type", name);
        }
    });
    event.within("actor", |actor| {
        actor.within("user", |user| put_account(point.subject, user));
        actor.within("session", |session| {
            session.put("uid", point.subject_logon_id);
        });
    });
    event.within("session", |session| {
        session.put("uid", point.logon_id);
        session.put("uuid", point.logon_guid);
        if let Some(start) = point.session.and_then(|session| session.start.time) {
            session.put(
                "created_time",
                Cell::Digits(&milliseconds(start).to_string()),
            );
        }
        session.put("is_remote", point.is_remote());
    });
    event.within("src_endpoint", |source| {
        source.put("ip", point.ip().map(|ip| ip.to_string()).as_deref());
        source.put("port", point.port);
        source.put("hostname", point.caller());
    });
    event.within("dst_endpoint", |target| {
        target.put("hostname", point.host);
    });
    event.within("service", |service| {
        service.put("name", point.target_server);
    });
    if let Some(logon_type) = point.logon_type {
        let (id, name) = logon_kind(logon_type);
        event.put("logon_type_id", id);
        event.put("logon_type", &*name);
    }
    let package = match point.what {
        What::Record(
            Action::KerberosTicket
            | Action::ServiceTicket
            | Action::ServiceTicketRenewed
            | Action::KerberosFailed,
        ) => Some("Kerberos"),
        What::Record(Action::NtlmAuthentication) => Some("NTLM"),
        _ => point.package,
    };
    if let Some(package) = package {
        let id: u64 = match package {
            "NTLM" => 1,
            "Kerberos" => 2,
            "Digest" | "WDigest" => 3,
            _ => 99,
        };
        event.put("auth_protocol_id", id);
        event.put("auth_protocol", package);
    }
    event.within("logon_process", |process| {
        process.put("name", point.logon_process);
    });
    event.put("is_remote", point.is_remote());
    event.put(
        "is_cleartext",
        point.logon_type.filter(|t| t.0 == 8).map(|_| true),
    );
    if activity == 7 {
        event.put("account_switch_type_id", 2u64);
        event.put("account_switch_type", "Impersonate");
    }
}

fn metadata(point: &Point<'_>, class: u64, event: &mut Object<'_>) {
    event.within("metadata", |metadata| {
        metadata.put("version", VERSION);
        metadata.within("product", |product| {
            product.put("name", env!("CARGO_PKG_NAME"));
            product.put("vendor_name", env!("CARGO_PKG_NAME"));
            product.put("version", env!("CARGO_PKG_VERSION"));
        });
        if class == 0 {
            metadata.texts("profiles", ["host"]);
        }
        metadata.put("correlation_uid", point.session_id);
        metadata.put("original_time", point.time);
        if let Some(origin) = point.origin {
            metadata.put("event_code", &*origin.event_id.to_string());
            metadata.put("original_event_uid", &*origin.number.to_string());
            metadata.put("log_name", origin.channel);
            metadata.put("log_provider", point.provider);
            metadata.put("log_source", origin.file);
        }
        let flags = point.session.map_or(&[][..], |session| &session.flags);
        metadata.texts("labels", flags.iter().map(|flag| flag.name()));
    });
}

fn milliseconds(time: Time) -> i64 {
    since_1970(time, 1_000_000)
}

/// The class's number and name of an activity.
fn activity(what: What) -> (u64, &'static str) {
    use Action::*;
    match what {
        What::Start | What::Record(Logon | LogonFailed) => (1, "Logon"),
        What::End | What::Record(Logoff | UserLogoff) => (2, "Logoff"),
        What::Record(KerberosTicket) => (3, "Authentication Ticket"),
        What::Record(ServiceTicket) => (4, "Service Ticket Request"),
        What::Record(ServiceTicketRenewed) => (5, "Service Ticket Renew"),
        What::Record(KerberosFailed) => (6, "Preauth"),
        What::Record(ExplicitCredentials) => (7, "Account Switch"),
        _ => (99, what.word()),
    }
}

/// The class's number and name of a logon type. The numbers are those of Windows, but for that of the system, which stands for
/// unknown there.
fn logon_kind(logon_type: LogonType) -> (u64, Cow<'static, str>) {
    let (id, name) = match logon_type.0 {
        0 => (1, "System"),
        2 => (2, "Interactive"),
        3 => (3, "Network"),
        4 => (4, "Batch"),
        5 => (5, "OS Service"),
        7 => (7, "Unlock"),
        8 => (8, "Network Cleartext"),
        9 => (9, "New Credentials"),
        10 => (10, "Remote Interactive"),
        11 => (11, "Cached Interactive"),
        12 => (12, "Cached Remote Interactive"),
        13 => (13, "Cached Unlock"),
        6 => (99, "Proxy"),
        other => return (99, format!("type {other}").into()),
    };
    (id, name.into())
}

/// Whether it is about an account that logs on, is logged on, or logs off.
fn is_about_accounts(what: What) -> bool {
    use Action::*;
    match what {
        What::Record(action) => matches!(
            action,
            Logon
                | LogonFailed
                | Logoff
                | UserLogoff
                | ExplicitCredentials
                | SpecialPrivileges
                | SpecialGroups
                | Reconnect
                | Disconnect
                | Lock
                | Unlock
                | ScreensaverOn
                | ScreensaverOff
                | WinlogonLogon
                | WinlogonLogoff
                | GroupMembership
                | KerberosTicket
                | ServiceTicket
                | ServiceTicketRenewed
                | KerberosFailed
                | NtlmAuthentication
                | RdpDenied
                | TsLogon
                | TsShell
                | TsLogoff
                | TsDisconnect
                | TsReconnect
                | RdpAuth
                | RdpRefused
        ),
        _ => true,
    }
}

/// A code as Windows writes it: NTSTATUS with eight digits, errors of Kerberos with as many as they need.
fn code(code: u32) -> String {
    format!("0x{code:X}")
}

/// Why, in the words that the class suggests where they fit.
fn detail(point: &Point<'_>) -> Option<&'static str> {
    if point.status_text().is_some() && point.session.is_some() {
        return point.status_text();
    }
    if let Some(session) = point.session {
        return matches!(point.what, What::End).then_some(match session.end.reason {
            EndReason::UserLogoff => "LOGOFF_USER_INITIATED",
            _ => "LOGOFF_OTHER",
        });
    }
    match (point.what, point.code()) {
        (What::Record(Action::UserLogoff), _) => Some("LOGOFF_USER_INITIATED"),
        (What::Record(Action::Logoff), _) => Some("LOGOFF_OTHER"),
        (_, Some(0xc000_0064 | 0x6)) => Some("USER_DOES_NOT_EXIST"),
        (_, Some(0xc000_006a | 0xc000_006d | 0x18)) => Some("INVALID_CREDENTIALS"),
        (_, Some(0xc000_0072)) => Some("ACCOUNT_DISABLED"),
        (_, Some(0xc000_0234)) => Some("ACCOUNT_LOCKED_OUT"),
        (_, Some(0xc000_0071 | 0x17)) => Some("PASSWORD_EXPIRED"),
        _ => point.status_text(),
    }
}

fn put_account(account: &Account, user: &mut Object<'_>) {
    user.put("name", account.name.as_deref());
    user.put("domain", account.domain.as_deref());
    user.put("uid", account.sid.as_ref().map(|sid| sid.as_str()));
}

fn user_type(class: AccountClass) -> (u64, &'static str) {
    use AccountClass::*;
    match class {
        LocalUser | DomainUser | EntraUser => (1, "User"),
        LocalSystem | Computer => (3, "System"),
        LocalService | NetworkService | VirtualService | AppPool | VirtualMachine
        | WindowManager | WinRm | FontDriver | OpenSsh => (4, "Service"),
        Anonymous | Iusr | Null | Unknown => (0, "Unknown"),
    }
}
