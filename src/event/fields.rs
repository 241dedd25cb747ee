//! From a record to an event: looks the record up in its channel's table and fills the event's fields.

use super::texts::Texts;
use super::{
    Account, Action, Content, Details, Event, LogIndex, LogonId, LogonType, Text,
    disconnect_reason_text, remote_desktop, remote_shell, security, system, user_profile,
};
use crate::guid::Guid;
use crate::log::{Record, Value};
use crate::time::{TICKS_PER_SECOND, Time};

/// One line of a channel's table.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) provider: &'static str,
    event_id: u16,
    pub(super) action: Action,
    fields: &'static [&'static [(&'static str, Slot)]],
    unnamed: &'static [(usize, Slot)],
    pub(super) subject_unnamed: bool,
}

/// A channel and its records that are looked at, sorted by event ID.
pub(super) type Table = (&'static str, &'static [Entry]);

/// Every channel that is looked at.
pub(super) const TABLES: [Table; 10] = [
    security::TABLE,
    system::TABLE,
    remote_desktop::LOCAL_SESSION_MANAGER,
    remote_desktop::REMOTE_CONNECTION_MANAGER,
    remote_desktop::RDP_CORE_TS,
    remote_desktop::RDP_CLIENT,
    remote_desktop::GATEWAY,
    user_profile::TABLE,
    remote_shell::OPEN_SSH,
    remote_shell::WIN_RM,
];

/// Stands for System/Security's UserID among the fields of a table.
pub(super) const USER_ID: &str = "System/UserID";

/// Stands for System/Correlation's ActivityID among the fields of a table.
pub(super) const ACTIVITY_ID: &str = "System/ActivityID";

impl Entry {
    pub(super) const fn new(
        provider: &'static str,
        event_id: u16,
        action: Action,
        fields: &'static [&'static [(&'static str, Slot)]],
    ) -> Self {
        Entry {
            provider,
            event_id,
            action,
            fields,
            unnamed: &[],
            subject_unnamed: false,
        }
    }

    /// Takes values that have no names by their places, counted from 0: the records of classic providers.
    pub(super) const fn with_unnamed(mut self, unnamed: &'static [(usize, Slot)]) -> Self {
        self.unnamed = unnamed;
        self
    }

    /// Takes the record only if its subject has no name: it was written before anybody was logged on.
    pub(super) const fn if_subject_unnamed(mut self) -> Self {
        self.subject_unnamed = true;
        self
    }

    pub(super) fn slot(&self, name: &str) -> Option<Slot> {
        self.fields
            .iter()
            .flat_map(|group| group.iter())
            .find(|(field, _)| *field == name)
            .map(|(_, slot)| *slot)
    }

    /// Provider and event ID.
    #[cfg(test)]
    pub(super) fn identity(&self) -> (&'static str, u16) {
        (self.provider, self.event_id)
    }

    pub(super) fn unnamed_slot(&self, place: usize) -> Option<Slot> {
        let found = self.unnamed.iter().find(|(known, _)| *known == place);
        found.map(|(_, slot)| *slot)
    }
}

/// Where in an [`Event`] a field goes, and how it is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    AccountSid,
    AccountName,
    AccountDomain,
    /// `DOMAIN\name`
    AccountPath,
    LogonId,
    LinkedLogonId,
    SubjectSid,
    SubjectName,
    SubjectDomain,
    /// `DOMAIN\name`
    SubjectPath,
    SubjectLogonId,
    LogonType,
    LogonProcess,
    AuthenticationPackage,
    LmPackage,
    Workstation,
    ProcessName,
    /// A path and, in parentheses, the machine that it runs on.
    ProcessAndHost,
    ProcessId,
    SourceAddress,
    SourcePort,
    /// An address, a colon and a port, or an address alone.
    SourceEndpoint,
    LogonGuid,
    OutboundName,
    OutboundDomain,
    Elevated,
    Privileges,
    Status,
    SubStatus,
    SessionName,
    SessionNumber,
    TargetServer,
    PreviousTime,
    NewTime,
    Activity,
    OtherSessionNumber,
    Reason,
    ReasonText,
    /// A code of [`disconnect_reason_text`].
    DisconnectReason,
    StartTime,
    StopTime,
    LastBootId,
    LastBootGood,
    LastShutdownGood,
    BootType,
    TargetState,
    UptimeSeconds,
    /// Minutes that local time is behind UTC.
    Bias,
    /// The same without daylight saving, followed by the zone's name.
    StandardBias,
    ClientBias,
    StopType,
    /// A POWER_ACTION.
    PowerAction,
    /// Two SYSTEMTIMEs in hex: the last time known, local and UTC.
    LastAlive,
    LostEventId,
    Object,
    /// UTF-16 in hex.
    ObjectUtf16,
    Command,
    Message,
    /// What the SSH server says, and about whom.
    SshLine,
}

impl Texts {
    /// Puts a value where its slot says.
    pub(super) fn fill(&mut self, event: &mut Event, slot: Slot, value: &Value<'_>) {
        let number = || value.number().filter(|&number| number != 0);
        let small = || value.number().and_then(|number| u32::try_from(number).ok());
        let logon_id = || value.number().and_then(LogonId::new);
        let time = || value.time();
        match slot {
            Slot::AccountPath => {
                (event.account.domain, event.account.name) = self.account_path(value);
            }
            Slot::SubjectPath => {
                (event.subject.domain, event.subject.name) = self.account_path(value);
            }
            Slot::ProcessAndHost => {
                let text = self.present(value);
                event.process_name = text.map(|text| match text.strip_suffix(')') {
                    Some(rest) => self.text(rest.rsplit_once(" (").map_or(&text, |(path, _)| path)),
                    None => text,
                });
            }
            Slot::SourceEndpoint => {
                let (address, port) = self.present(value).map(|text| endpoint(&text)).unzip();
                event.source_address = address.map(|address| self.text(&address));
                event.set_source_port(port.flatten());
            }
            Slot::AccountSid => event.account.sid = self.sid(value),
            Slot::AccountName => event.account.name = self.present(value),
            Slot::AccountDomain => event.account.domain = self.present(value),
            Slot::LogonId => event.set_logon_id(logon_id()),
            Slot::LinkedLogonId => event.linked_logon_id = logon_id(),
            Slot::SubjectSid => event.subject.sid = self.sid(value),
            Slot::SubjectName => event.subject.name = self.present(value),
            Slot::SubjectDomain => event.subject.domain = self.present(value),
            Slot::SubjectLogonId => event.subject_logon_id = logon_id(),
            Slot::LogonType => {
                event.stored_as_text = !value.is_number();
                event.logon_type = small().map(LogonType);
            }
            Slot::LogonProcess => event.logon_process = self.trimmed(value),
            Slot::AuthenticationPackage => event.authentication_package = self.present(value),
            Slot::LmPackage => event.lm_package = self.present(value),
            Slot::Workstation => event.workstation = self.present(value),
            Slot::ProcessName => event.process_name = self.present(value),
            Slot::ProcessId => event.process_id = number(),
            Slot::SourceAddress => event.source_address = self.present(value),
            Slot::SourcePort => {
                event.set_source_port(number().and_then(|port| u16::try_from(port).ok()));
            }
            Slot::LogonGuid => event.set_logon_guid(guid(value)),
            Slot::OutboundName => event.outbound.name = self.present(value),
            Slot::OutboundDomain => event.outbound.domain = self.present(value),
            Slot::Elevated => event.elevated = yes_or_no(value),
            Slot::Privileges => event.privileges = self.list(value),
            Slot::Status => event.status = small().filter(|&status| status != 0),
            Slot::SubStatus => event.sub_status = small().filter(|&status| status != 0),
            Slot::SessionName => event.session_name = self.present(value),
            Slot::SessionNumber => event.session_number = small(),
            Slot::TargetServer => event.target_server = self.present(value),
            Slot::PreviousTime => event.previous_time = time(),
            Slot::NewTime => event.new_time = time(),
            _ => self.fill_details(event, slot, value),
        }
    }

    /// Fills what only some events tell.
    fn fill_details(&mut self, event: &mut Event, slot: Slot, value: &Value<'_>) {
        let number = || value.number().filter(|&number| number != 0);
        let small = || value.number().and_then(|number| u32::try_from(number).ok());
        let time = || value.time();
        let mut more = event.more.take().unwrap_or_default();
        match slot {
            Slot::Activity => more.activity = self.guid(value),
            Slot::OtherSessionNumber => more.other_session_number = small(),
            Slot::Reason => more.reason = small(),
            Slot::ReasonText => more.reason_text = self.trimmed(value),
            Slot::DisconnectReason => {
                more.reason = small();
                let text = more.reason.and_then(disconnect_reason_text);
                more.reason_text = text.map(|text| self.text(text));
            }
            Slot::StartTime => more.start_time = time(),
            Slot::StopTime => more.stop_time = time(),
            Slot::LastBootId => more.last_boot_id = small(),
            Slot::LastBootGood => more.last_boot_good = truth(value),
            Slot::LastShutdownGood => more.last_shutdown_good = truth(value),
            Slot::BootType => more.boot_type = small(),
            Slot::TargetState => more.target_state = small(),
            Slot::UptimeSeconds => more.uptime_seconds = value.number(),
            Slot::Bias => more.utc_offset_minutes = offset(value),
            Slot::StandardBias => {
                more.standard_offset_minutes = offset(value);
                let text = value.text();
                let zone = text.trim().split_once(' ').map(|(_, zone)| zone.trim());
                more.object = zone.map(|zone| self.text(zone));
            }
            Slot::ClientBias => {
                more.client_bias_hours = signed(value).filter(|hours| hours.abs() <= 24);
            }
            Slot::StopType => more.stop_type = self.trimmed(value),
            Slot::PowerAction => {
                let action = small().and_then(power_action);
                more.stop_type = action.map(|action| self.text(action));
            }
            Slot::LastAlive => {
                let (local, utc) = last_alive(value).unzip();
                let offset = local.flatten().zip(utc);
                more.stop_time = utc;
                more.utc_offset_minutes =
                    offset.and_then(|(local, utc)| minutes_between(local, utc));
            }
            Slot::LostEventId => {
                let id = number().and_then(|id| u16::try_from(id).ok());
                more.lost_event_id = id;
            }
            Slot::Object => more.object = self.present(value),
            Slot::ObjectUtf16 => {
                let text = bytes_of(value).map(|bytes| utf16(&bytes));
                more.object = text.filter(|text| !text.is_empty()).map(|t| self.text(&t));
            }
            Slot::Command => more.command = self.present(value),
            Slot::Message => more.message = self.trimmed(value),
            Slot::SshLine => {
                more.message = self.trimmed(value);
                if let Some((name, address, port)) = more.message.as_deref().and_then(ssh_client) {
                    event.account.name = Some(self.text(name));
                    event.source_address = Some(self.text(address));
                    event.set_source_port(Some(port));
                }
            }
            _ => {}
        }
        event.more = (*more != Details::default()).then_some(more);
    }
}

/// A GUID; `None` where it is all zero, or none.
fn guid(value: &Value<'_>) -> Option<Guid> {
    let guid = match value {
        Value::Guid(bytes) => Guid::stored(*bytes),
        _ => Guid::parse(&value.text())?,
    };
    (!guid.is_zero()).then_some(guid)
}

/// The table's line for a record, if it is looked at.
pub(super) fn entry(record: &Record<'_>) -> Option<&'static Entry> {
    let (_, table) = TABLES
        .iter()
        .find(|(channel, _)| *channel == record.channel())?;
    let first = table.partition_point(|entry| entry.event_id < record.event_id);
    let mut same = table
        .iter()
        .skip(first)
        .take_while(|entry| entry.event_id == record.event_id);
    same.find(|entry| entry.provider.eq_ignore_ascii_case(record.provider()))
}

/// An address and its port: `10.0.0.1:3389`, `[fe80::1]:3389`, or an address alone.
fn endpoint(text: &str) -> (String, Option<u16>) {
    let (address, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) => (address, rest.strip_prefix(':')),
        None => match text.split_once(':') {
            Some((address, port)) if !port.contains(':') => (address, Some(port)),
            _ => (text, None),
        },
    };
    (address.to_owned(), port.and_then(|port| port.parse().ok()))
}

/// A number that may be negative, also one that is followed by words, in brackets, or stored without its sign.
fn signed(value: &Value<'_>) -> Option<i32> {
    match value {
        Value::Number(number) => u32::try_from(*number).ok().map(u32::cast_signed),
        _ => {
            let text = value.text();
            let text = text.trim().trim_matches(['[', ']']);
            let number: i64 = text.split_whitespace().next()?.parse().ok()?;
            let stored = u32::try_from(number).ok().map(u32::cast_signed);
            stored.or_else(|| i32::try_from(number).ok())
        }
    }
}

/// Minutes that local time is ahead of UTC, from the minutes that it is behind.
fn offset(value: &Value<'_>) -> Option<i32> {
    let bias = signed(value)?;
    (bias.unsigned_abs() <= DAY_MINUTES).then_some(-bias)
}

/// The offset of `local` from `utc`; clocks differ by whole quarters of an hour.
fn minutes_between(local: Time, utc: Time) -> Option<i32> {
    let minutes = i32::try_from(local.since(utc) / (60 * TICKS_PER_SECOND)).ok()?;
    (minutes.unsigned_abs() <= DAY_MINUTES).then_some(minutes)
}

/// No time zone is further from UTC.
const DAY_MINUTES: u32 = 24 * 60;

fn truth(value: &Value<'_>) -> Option<bool> {
    match &*value.text() {
        text if text.eq_ignore_ascii_case("true") => Some(true),
        text if text.eq_ignore_ascii_case("false") => Some(false),
        _ => value.number().map(|number| number != 0),
    }
}

/// POWER_ACTION of wdm.h: those that stop Windows.
fn power_action(action: u32) -> Option<&'static str> {
    Some(match action {
        3 => "hibernate",
        4 => "shutdown",
        5 => "restart",
        6 => "power off",
        _ => return None,
    })
}

/// The bytes of a value that is written in hex.
fn bytes_of(value: &Value<'_>) -> Option<Vec<u8>> {
    if value.is_number() {
        return None;
    }
    let text = value.text();
    let digits = text.trim().as_bytes().chunks(2);
    let bytes = digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    bytes.collect()
}

fn utf16(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).map(|pair| match pair {
        [low, high] => u16::from_le_bytes([*low, *high]),
        _ => 0,
    });
    let units: Vec<u16> = units.take_while(|&unit| unit != 0).collect();
    String::from_utf16_lossy(&units)
}

/// The last time that Windows was known to run, local and UTC: the first two SYSTEMTIMEs in the binary data of 6008.
fn last_alive(value: &Value<'_>) -> Option<(Option<Time>, Time)> {
    let bytes = bytes_of(value)?;
    let at = |from: usize| system_time(bytes.get(from..from + 16)?);
    Some((at(0), at(16)?))
}

/// A SYSTEMTIME ([MS-DTYP] 2.3.13).
fn system_time(bytes: &[u8]) -> Option<Time> {
    let mut fields = bytes.chunks_exact(2).map(|pair| match pair {
        [low, high] => u16::from_le_bytes([*low, *high]),
        _ => 0,
    });
    let mut next = || fields.next();
    let (year, month, _weekday, day) = (next()?, next()?, next()?, next()?);
    let (hour, minute, second, millisecond) = (next()?, next()?, next()?, next()?);
    let text = format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z"
    );
    text.parse().ok()
}

/// Whom a line of the SSH server is about: `... for NAME from ADDRESS port N ...`, `... user NAME ADDRESS port N ...`. A name
/// may hold anything, so the last address counts.
fn ssh_client(line: &str) -> Option<(&str, &str, u16)> {
    let (before, after) = line.rsplit_once(" port ")?;
    let port = after.split([' ', ':']).next()?.parse().ok()?;
    let (before, address) = before.rsplit_once(' ')?;
    address.parse::<std::net::IpAddr>().ok()?;
    let before = before.strip_suffix(" from").unwrap_or(before);
    let about = [" for invalid user ", " for ", " user ", "Invalid user "];
    let name = about
        .iter()
        .find_map(|words| before.split_once(words).map(|(_, name)| name))?;
    (!name.is_empty()).then_some((name, address, port))
}

/// `%%1842` and `%%1843` of the auditing provider's messages.
fn yes_or_no(value: &Value<'_>) -> Option<bool> {
    [("%%1842", true), ("%%1843", false)]
        .into_iter()
        .find_map(|(code, yes)| value.is(code).then_some(yes))
}

impl Content {
    /// A content that says only what happened.
    pub(super) fn of(action: Action) -> Self {
        let nothing = Text::default();
        Content {
            log: LogIndex(0),
            computer: nothing.clone(),
            channel: nothing,
            provider: "",
            event_id: 0,
            version: 0,
            writer: None,
            action,
            stored_as_text: false,
            account: Account::default(),
            linked_logon_id: None,
            subject: Account::default(),
            subject_logon_id: None,
            logon_type: None,
            logon_process: None,
            authentication_package: None,
            lm_package: None,
            workstation: None,
            process_name: None,
            process_id: None,
            source_address: None,
            outbound: Account::default(),
            elevated: None,
            privileges: None,
            status: None,
            sub_status: None,
            session_name: None,
            session_number: None,
            target_server: None,
            previous_time: None,
            new_time: None,
            more: None,
            upper: super::Upper::default(),
        }
    }
}

impl Slot {
    /// Whether what it takes goes to the event alone, and not to the content that events share.
    pub(super) fn is_own(self) -> bool {
        matches!(self, Slot::LogonId | Slot::SourcePort | Slot::LogonGuid)
    }

    /// Whether it goes to both.
    pub(super) fn is_mixed(self) -> bool {
        matches!(self, Slot::SourceEndpoint | Slot::SshLine)
    }
}

impl Event {
    /// Whether it is written while Windows starts, up to the first logon session, or tells that it did.
    pub(super) fn is_of_start(&self) -> bool {
        use Action::*;
        self.is_of_boot_start() || matches!(self.action, Crash | LogServiceStart | WindowsVersion)
    }

    /// Whether it is written while Windows starts, up to the first logon session.
    pub(super) fn is_of_boot_start(&self) -> bool {
        match self.action {
            Action::Boot | Action::StartingUp | Action::AuditDropped => true,
            Action::Logon => self.logon_type == Some(LogonType(0)),
            _ => false,
        }
    }

    /// An event of which nothing is known but what happened.
    #[cfg(test)]
    pub(crate) fn of(action: Action) -> Self {
        Event::new(std::sync::Arc::new(Content::of(action)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Collector, LogIndex};

    #[test]
    fn each_table_is_sorted_by_event_id() {
        for (channel, table) in TABLES {
            assert!(table.is_sorted_by_key(|entry| entry.event_id), "{channel}");
        }
    }

    fn record(json: &str) -> Option<Event> {
        let mut collector = Collector::new(LogIndex(0));
        crate::log::with_record(json, |record| collector.add(record));
        collector.events.pop()
    }

    fn auditing(id: &str, data: &str) -> String {
        format!(
            r##"{{"Event":{{"System":{{"Provider":{{"#attributes":{{"Name":"Microsoft-Windows-Security-Auditing"}}}},"EventID":{id},
            "Channel":"Security","Computer":"pc"}},"EventData":{data}}}}}"##
        )
    }

    #[test]
    fn what_windows_writes_for_absent_is_absent() {
        let event = record(&auditing(
            "4624",
            r#"{"SubjectUserName":"-","SubjectLogonId":"0x0","TargetLogonId":"0x3E7","LogonType":5,"LogonProcessName":"Advapi  ",
            "LogonGuid":"{00000000-0000-0000-0000-000000000000}","IpAddress":"-","IpPort":"0","TargetLinkedLogonId":"0x0","ElevatedToken":"%%1842","VirtualAccount":"%%1843"}"#,
        ))
        .unwrap();
        assert_eq!(
            (
                event.subject.name.as_deref(),
                event.subject_logon_id,
                event.logon_id()
            ),
            (None, None, LogonId::new(0x3e7))
        );
        assert_eq!(
            (event.logon_type, event.logon_process.as_deref()),
            (Some(LogonType(5)), Some("Advapi"))
        );
        assert_eq!(
            (
                event.logon_guid(),
                event.source_address.as_deref(),
                event.source_port(),
                event.linked_logon_id
            ),
            (None, None, None, None)
        );
        assert_eq!((event.elevated, event.stored_as_text), (Some(true), false));
    }

    #[test]
    fn a_forwarded_record_means_the_same_and_is_known_as_forwarded() {
        let event = record(&auditing(
            "\"4624\"",
            r#"{"TargetUserSid":"S-1-5-18","TargetLogonId":"0x88f313a8","LogonType":"3","LogonGuid":"{500826FC-0D33-FC69-5CB3-DE2713BDC56A}","IpPort":"62173"}"#,
        ))
        .unwrap();
        assert_eq!(
            (event.logon_type, event.logon_id(), event.source_port()),
            (Some(LogonType(3)), LogonId::new(0x88f3_13a8), Some(62173))
        );
        assert_eq!(
            event.logon_guid(),
            Guid::parse("{500826fc-0d33-fc69-5cb3-de2713bdc56a}")
        );
        assert!(event.stored_as_text);
    }

    #[test]
    fn special_privileges_belong_to_the_logon_that_they_name_as_subject() {
        let data = r#"{"SubjectUserSid":"S-1-5-18","SubjectUserName":"SYSTEM","SubjectLogonId":"0x3e7","PrivilegeList":"SeA\n\t\t\tSeB"}"#;
        let event = record(&auditing("4672", data)).unwrap();
        assert_eq!(
            (event.logon_id(), event.subject_logon_id),
            (LogonId::new(0x3e7), None)
        );
        assert_eq!(event.privileges.as_deref(), Some("SeA SeB"));
    }

    #[test]
    fn an_event_id_counts_only_with_its_provider_and_channel() {
        let right = auditing("4634", "{}");
        assert!(record(&right).is_some());
        assert!(record(&right.replace("Security-Auditing", "Other")).is_none());
        assert!(
            record(&right.replace(r#""Channel":"Security""#, r#""Channel":"System""#)).is_none()
        );
        assert!(record(&auditing("4688", r#"{"SubjectUserName":"alice"}"#)).is_none());
        assert!(record(&auditing("4688", r#"{"SubjectUserName":"-"}"#)).is_some());
    }
}
