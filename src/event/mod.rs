//! Logon-related records as typed events.
//!
//! In: a [`Record`](crate::log::Record) of any channel. Out: an [`Event`] if its provider and event ID stand in
//! a channel's table, else nothing; the [`Span`]s in which all records lie; and the [`Use`]s of Logon IDs that all audit
//! records show. What the recording means (`%%` codes, hex, `-` for absent, padding) is decoded here, once; what it
//! adds up to is [`session`](crate::session)'s business.
//!
//! A new event is one line in its channel's table (`security`, `system`, `remote_desktop`, `user_profile`,
//! `remote_shell`) and one row in `tests`.

mod collect;
mod contents;
mod fields;
mod remote_desktop;
mod remote_shell;
mod security;
mod status;
mod system;
#[cfg(test)]
mod tests;
mod texts;
mod user_profile;
mod uses;

pub use crate::text::Text;
pub use collect::Collector;
pub use status::{disconnect_reason_text, status_text};
pub(crate) use uses::UsedContents;
pub use uses::{Seen, Use};

use crate::guid::Guid;
use crate::named::named;
use crate::sid::Sid;
use crate::time::Time;
use std::fmt;
use std::num::NonZeroU64;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, LazyLock};

/// A log by its position in [`Analysis::logs`](crate::analysis::Analysis::logs).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogIndex(pub u32);

/// A Logon ID: the LUID of a logon session, unique on one machine until it restarts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogonId(NonZeroU64);

impl LogonId {
    /// A Logon ID by its number; `None` for 0, which stands for none.
    pub const fn new(number: u64) -> Option<Self> {
        match NonZeroU64::new(number) {
            Some(number) => Some(LogonId(number)),
            None => None,
        }
    }

    /// Its number.
    pub const fn get(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for LogonId {
    /// Lower-case hex, `0x3e7`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:#x}", self.0))
    }
}

impl fmt::Debug for LogonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// The operating system's logon type (SECURITY_LOGON_TYPE).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogonType(pub u32);

impl LogonType {
    /// The system's name for it; `None` for a number that has none.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0 => "System",
            2 => "Interactive",
            3 => "Network",
            4 => "Batch",
            5 => "Service",
            6 => "Proxy",
            7 => "Unlock",
            8 => "NetworkCleartext",
            9 => "NewCredentials",
            10 => "RemoteInteractive",
            11 => "CachedInteractive",
            12 => "CachedRemoteInteractive",
            13 => "CachedUnlock",
            _ => return None,
        })
    }
}

/// An account as a record shows it. Each part may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Account {
    /// The name, exactly as recorded.
    pub name: Option<Text>,
    /// The domain or computer that the name belongs to.
    pub domain: Option<Text>,
    /// The security identifier.
    pub sid: Option<Sid>,
}

impl Account {
    /// Takes over what is not known yet.
    pub fn fill_from(&mut self, other: &Account) {
        self.name = self.name.take().or_else(|| other.name.clone());
        self.domain = self.domain.take().or_else(|| other.domain.clone());
        self.sid = self.sid.take().or_else(|| other.sid.clone());
    }

    /// Whether both have the same name, without case; for records that hold no SID.
    pub fn same_name(&self, other: &Account) -> bool {
        let folded = |account: &Account| account.name.as_deref().map(str::to_lowercase);
        self.name.is_some() && folded(self) == folded(other)
    }
}

named! {
    /// What a record says happened.
    pub enum Action {
        /// 4624: a logon session began.
        Logon = "logon",
        /// 4625: credentials were refused.
        LogonFailed = "logon-failed",
        /// 4634: a logon session's last token closed.
        Logoff = "logoff",
        /// 4647: somebody asked to log off.
        UserLogoff = "user-logoff",
        /// 4648: a process used explicit credentials.
        ExplicitCredentials = "explicit-credentials",
        /// 4672: a new logon holds administrative privileges.
        SpecialPrivileges = "special-privileges",
        /// 4964: a new logon belongs to a watched group.
        SpecialGroups = "special-groups",
        /// 4778: a window station was reconnected.
        Reconnect = "reconnect",
        /// 4779: a window station was disconnected.
        Disconnect = "disconnect",
        /// 4800: the workstation was locked.
        Lock = "lock",
        /// 4801: the workstation was unlocked.
        Unlock = "unlock",
        /// 4802: the screen saver started.
        ScreensaverOn = "screensaver-on",
        /// 4803: the screen saver ended.
        ScreensaverOff = "screensaver-off",
        /// Any other audit record that a logon session asked for: it was there.
        Used = "used",
        /// 4688, 4696, 4826, 6417: written while Windows starts, before 4608.
        StartingUp = "starting-up",
        /// 4608, Kernel-General 12: Windows is starting up.
        Boot = "boot",
        /// 4609, Kernel-General 13: Windows is shutting down.
        Shutdown = "shutdown",
        /// EventLog 6008, Kernel-Power 41: Windows had stopped without a clean stop.
        Crash = "crash",
        /// User32 1074: somebody or something asked for a restart or a stop.
        StopRequest = "stop-request",
        /// Kernel-Power 109: the kernel begins to stop.
        ShutdownStarted = "shutdown-started",
        /// Kernel-Boot 20: how the boot and the stop before went.
        BootStatus = "boot-status",
        /// Kernel-Boot 27: what kind of start it is: cold, Fast Startup or from hibernation.
        BootType = "boot-type",
        /// Kernel-Power 42: the machine goes to sleep, or stops for a Fast Startup.
        Sleep = "sleep",
        /// Kernel-Power 107, Power-Troubleshooter 1: the machine woke.
        Wake = "wake",
        /// 1102, 104: a log was cleared.
        LogCleared = "log-cleared",
        /// EventLog 6005: the event log service started.
        LogServiceStart = "log-service-start",
        /// 1100, EventLog 6006: the event log service stopped: the clean end of a boot.
        LogServiceStop = "log-service-stop",
        /// EventLog 6009: which Windows started.
        WindowsVersion = "windows-version",
        /// EventLog 6013: how long the machine has been up.
        Uptime = "uptime",
        /// 1101: audit events were lost when Windows stopped.
        AuditDropped = "audit-dropped",
        /// 1108: an audit event could not be written.
        AuditLost = "audit-lost",
        /// 4616, Kernel-General 1: the clock was changed.
        ClockChange = "clock-change",
        /// Kernel-General 24: the time zone's offset was read anew.
        TimeZone = "time-zone",
        /// Winlogon 7001: somebody logged on to a desktop.
        WinlogonLogon = "winlogon-logon",
        /// Winlogon 7002: somebody logged off from a desktop.
        WinlogonLogoff = "winlogon-logoff",
        /// 4697, Service Control Manager 7045: a service was installed.
        ServiceInstalled = "service-installed",
        /// 4698: a scheduled task was created.
        TaskCreated = "task-created",
        /// 4627: the groups of a new logon.
        GroupMembership = "group-membership",
        /// 4675: SIDs were filtered out of a logon from another domain.
        SidsFiltered = "sids-filtered",
        /// 4723: somebody tried to change a password.
        PasswordChange = "password-change",
        /// 4768: a ticket-granting ticket was asked for: a domain logon, seen by the domain controller.
        KerberosTicket = "kerberos-ticket",
        /// 4769: a service ticket was asked for.
        ServiceTicket = "service-ticket",
        /// 4770: a service ticket was renewed.
        ServiceTicketRenewed = "service-ticket-renewed",
        /// 4771: Kerberos pre-authentication failed.
        KerberosFailed = "kerberos-failed",
        /// 4776: credentials were validated by NTLM.
        NtlmAuthentication = "ntlm-authentication",
        /// 4825: Remote Desktop refused somebody who may not log on there.
        RdpDenied = "rdp-denied",
        /// LocalSessionManager 21: a desktop session began.
        TsLogon = "ts-logon",
        /// LocalSessionManager 22: its shell started.
        TsShell = "ts-shell",
        /// LocalSessionManager 23: it was logged off.
        TsLogoff = "ts-logoff",
        /// LocalSessionManager 24: its client left.
        TsDisconnect = "ts-disconnect",
        /// LocalSessionManager 25: a client came back to it.
        TsReconnect = "ts-reconnect",
        /// LocalSessionManager 32: the session manager started, at boot.
        TsStart = "ts-start",
        /// LocalSessionManager 36: a desktop session failed to change its state.
        TsError = "ts-error",
        /// LocalSessionManager 39: one desktop session disconnected another, or itself.
        TsDisconnectedBy = "ts-disconnected-by",
        /// LocalSessionManager 40: why a desktop session was disconnected.
        TsReason = "ts-reason",
        /// LocalSessionManager 41: the session manager begins to look whether somebody's session exists already.
        TsArbitration = "ts-arbitration",
        /// LocalSessionManager 42: it has decided.
        TsArbitrated = "ts-arbitrated",
        /// LocalSessionManager 54: the session manager stops, with Windows.
        TsStop = "ts-stop",
        /// RemoteConnectionManager 1149: credentials were accepted before a session is shown; no logon.
        RdpAuth = "rdp-auth",
        /// RemoteConnectionManager 261, RdpCoreTS 131: a client knocked.
        RdpConnection = "rdp-connection",
        /// RdpCoreTS 98: a client's connection stands.
        RdpConnected = "rdp-connected",
        /// RdpCoreTS 103: a client's connection ended.
        RdpDisconnected = "rdp-disconnected",
        /// RdpCoreTS 104: the client's time zone.
        RdpTimeZone = "rdp-time-zone",
        /// RdpCoreTS 140: a client gave a wrong name or password.
        RdpRefused = "rdp-refused",
        /// RDPClient 1024: somebody connects from here to another machine.
        RdpOutbound = "rdp-outbound",
        /// RDPClient 1102: the address of that machine.
        RdpOutboundAddress = "rdp-outbound-address",
        /// RDPClient 1029: a hash of the name given there.
        RdpOutboundAccount = "rdp-outbound-account",
        /// Gateway 200: a client may use the gateway.
        GatewayAuthorized = "gateway-authorized",
        /// Gateway 302: a client was connected to a machine behind it.
        GatewayConnect = "gateway-connect",
        /// Gateway 303: that connection ended.
        GatewayDisconnect = "gateway-disconnect",
        /// User Profile Service 1: somebody's profile is about to be loaded.
        ProfileLoad = "profile-load",
        /// User Profile Service 2: it is loaded.
        ProfileLoaded = "profile-loaded",
        /// User Profile Service 3: it is about to be unloaded.
        ProfileUnload = "profile-unload",
        /// User Profile Service 4: it is unloaded.
        ProfileUnloaded = "profile-unloaded",
        /// User Profile Service 67: where the profile lies.
        ProfilePath = "profile-path",
        /// OpenSSH 4: what the SSH server says.
        SshMessage = "ssh-message",
        /// WinRM 91: a remote shell was opened on this machine.
        RemoteShell = "remote-shell",
    }
}

/// A run of records of one machine and channel: in a live log without a gap between them.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// The log they were read from.
    pub log: LogIndex,
    /// Their channel.
    pub channel: Text,
    /// Their computer.
    pub computer: Text,
    /// The lowest EventRecordID.
    pub first_id: u64,
    /// The highest EventRecordID.
    pub last_id: u64,
    /// How many records there are; in a live log one for each number.
    pub records: u64,
    /// The time of the first record.
    pub first_time: Time,
    /// The time of the last record.
    pub last_time: Time,
    /// The earliest time; not that of the first record where the clock went back.
    pub earliest: Time,
    /// The latest time.
    pub latest: Time,
    /// Whether EventRecordIDs are those of the record headers, so that a number left out is a loss.
    pub live: bool,
}

/// One logon-related record: what is its own, and, reached by dereferencing, what it has in common with others.
///
/// A log says the same over and over: the same accounts, hosts, packages and processes. So an event is a few numbers of its own
/// and a [`Content`] that all events share which say the same; changing it in one event leaves the others as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// System/TimeCreated.
    pub time: Time,
    /// The lower half of its EventRecordID; the upper is in the content.
    record_id_lower: u32,
    /// The lower half of its Logon ID; 0 in both halves stands for none.
    logon_id_lower: u32,
    own: Option<Box<Own>>,
    content: Arc<Content>,
}

/// What some events have, and each its own; in 24 bytes, for there are as many as logons.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Own {
    Caller(Caller),
    Previous(Time),
    Both(Box<(Caller, Time)>),
}

/// The caller's port, and what joins the logon to its Kerberos records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Caller {
    source_port: Option<u16>,
    logon_guid: Option<Guid>,
}

impl Own {
    fn of(caller: Caller, previous: Option<Time>) -> Option<Box<Self>> {
        let own = match (caller, previous) {
            (caller, None) if caller == Caller::default() => return None,
            (caller, None) => Own::Caller(caller),
            (caller, Some(previous)) if caller == Caller::default() => Own::Previous(previous),
            (caller, Some(previous)) => Own::Both(Box::new((caller, previous))),
        };
        Some(Box::new(own))
    }
}

/// The upper halves of an event's numbers: nearly all events of a log have them in common, and most logs 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Upper {
    record_id: u32,
    logon_id: u32,
}

impl Upper {
    /// Those of these numbers.
    pub(crate) fn of(record_id: u64, logon_id: Option<LogonId>) -> Self {
        Upper {
            record_id: halves(record_id).0,
            logon_id: halves(logon_id.map_or(0, LogonId::get)).0,
        }
    }
}

/// The upper and the lower half of a number.
const fn halves(number: u64) -> (u32, u32) {
    ((number >> 32) as u32, number as u32)
}

/// The number that two halves are.
const fn whole(upper: u32, lower: u32) -> u64 {
    (upper as u64) << 32 | lower as u64
}

/// What a record says that others say as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The log it was read from.
    pub log: LogIndex,
    /// System/Computer, exactly as recorded.
    pub computer: Text,
    /// System/Channel.
    pub channel: Text,
    /// System/Provider: with the event ID it tells what the record is; a channel holds the events of many.
    pub provider: &'static str,
    /// System/EventID.
    pub event_id: u16,
    /// System/Version.
    pub version: u8,
    /// System/Execution/ProcessID: the writer; lsass for audit records.
    pub writer: Option<u32>,
    /// What happened.
    pub action: Action,
    /// Whether the record's values are stored as text: it was forwarded to a collector.
    pub stored_as_text: bool,
    /// The account it happened to: the target of a logon, the owner of the session.
    pub account: Account,
    /// The other half of a logon split by User Account Control.
    pub linked_logon_id: Option<LogonId>,
    /// The account that asked for it.
    pub subject: Account,
    /// The logon session of the account that asked.
    pub subject_logon_id: Option<LogonId>,
    /// The logon type.
    pub logon_type: Option<LogonType>,
    /// The logon process, without its padding.
    pub logon_process: Option<Text>,
    /// The authentication package.
    pub authentication_package: Option<Text>,
    /// The NTLM version, where NTLM was used.
    pub lm_package: Option<Text>,
    /// The workstation or client name that the caller gave.
    pub workstation: Option<Text>,
    /// The path of the process that asked.
    pub process_name: Option<Text>,
    /// The ID of the process that asked.
    pub process_id: Option<u64>,
    /// The address that the caller came from, exactly as recorded.
    pub source_address: Option<Text>,
    /// The account whose credentials go out on the network (`runas /netonly`).
    pub outbound: Account,
    /// Whether the token is an elevated one.
    pub elevated: Option<bool>,
    /// The privileges, or the SIDs of the groups, separated by blanks.
    pub privileges: Option<Text>,
    /// NTSTATUS of a failure.
    pub status: Option<u32>,
    /// The finer NTSTATUS of a failure.
    pub sub_status: Option<u32>,
    /// The window station's session name, `RDP-Tcp#0`.
    pub session_name: Option<Text>,
    /// The window station's session number.
    pub session_number: Option<u32>,
    /// The server that explicit credentials were meant for.
    pub target_server: Option<Text>,
    /// The clock before a change.
    pub previous_time: Option<Time>,
    /// The clock after a change.
    pub new_time: Option<Time>,
    /// What only some events tell; [`Content::details`] reads it.
    pub more: Option<Box<Details>>,
    /// Upper halves of the numbers of the events that have it.
    pub(crate) upper: Upper,
}

impl Deref for Event {
    type Target = Content;

    fn deref(&self) -> &Content {
        &self.content
    }
}

impl DerefMut for Event {
    fn deref_mut(&mut self) -> &mut Content {
        Arc::make_mut(&mut self.content)
    }
}

impl Event {
    /// An event with this content, of which nothing else is known.
    pub(crate) fn new(content: Arc<Content>) -> Self {
        Event {
            time: Time::from_filetime(0),
            record_id_lower: 0,
            logon_id_lower: 0,
            own: None,
            content,
        }
    }

    /// System/EventRecordID: the order of writing within one machine and channel.
    pub fn record_id(&self) -> u64 {
        whole(self.content.upper.record_id, self.record_id_lower)
    }

    /// Sets the EventRecordID.
    pub fn set_record_id(&mut self, record_id: u64) {
        let (upper, lower) = halves(record_id);
        self.record_id_lower = lower;
        if upper != self.content.upper.record_id {
            self.upper.record_id = upper;
        }
    }

    /// The logon session it happened to.
    pub fn logon_id(&self) -> Option<LogonId> {
        LogonId::new(whole(self.content.upper.logon_id, self.logon_id_lower))
    }

    /// Sets the logon session it happened to.
    pub fn set_logon_id(&mut self, logon_id: Option<LogonId>) {
        let (upper, lower) = halves(logon_id.map_or(0, LogonId::get));
        self.logon_id_lower = lower;
        if upper != self.content.upper.logon_id {
            self.upper.logon_id = upper;
        }
    }

    /// The port that the caller came from.
    pub fn source_port(&self) -> Option<u16> {
        self.caller().source_port
    }

    /// Sets the port that the caller came from.
    pub fn set_source_port(&mut self, source_port: Option<u16>) {
        let caller = Caller {
            source_port,
            ..self.caller()
        };
        self.set_own(caller, self.previous());
    }

    /// The logon GUID; absent when all zero.
    pub fn logon_guid(&self) -> Option<Guid> {
        self.caller().logon_guid
    }

    /// Sets the logon GUID.
    pub(crate) fn set_logon_guid(&mut self, logon_guid: Option<Guid>) {
        let caller = Caller {
            logon_guid,
            ..self.caller()
        };
        self.set_own(caller, self.previous());
    }

    /// The time of the record before it in the file, of the same machine and channel. Known only where a boot may begin: of the
    /// first records of a start, and of the first event after records that are missing; `None` also if that record is not next to it.
    pub fn previous(&self) -> Option<Time> {
        match self.own.as_deref()? {
            Own::Caller(_) => None,
            Own::Previous(previous) => Some(*previous),
            Own::Both(both) => Some(both.1),
        }
    }

    /// Sets the time of the record before it.
    pub(crate) fn set_previous(&mut self, previous: Option<Time>) {
        self.set_own(self.caller(), previous);
    }

    fn caller(&self) -> Caller {
        match self.own.as_deref() {
            Some(Own::Caller(caller)) => *caller,
            Some(Own::Both(both)) => both.0,
            Some(Own::Previous(_)) | None => Caller::default(),
        }
    }

    fn set_own(&mut self, caller: Caller, previous: Option<Time>) {
        match self.own.as_deref_mut() {
            Some(Own::Caller(known)) if previous.is_none() && caller != Caller::default() => {
                *known = caller;
            }
            _ => self.own = Own::of(caller, previous),
        }
    }

    /// Whether both say the same, wherever and in whatever form they were found.
    pub(crate) fn says_the_same(&self, other: &Event) -> bool {
        let of_own = |event: &Event| {
            (
                event.time,
                event.record_id(),
                event.logon_id(),
                event.source_port(),
                event.logon_guid(),
            )
        };
        let is_same_content = || {
            let mut other = other.clone();
            (other.log, other.stored_as_text) = (self.log, self.stored_as_text);
            self.content == other.content
        };
        of_own(self) == of_own(other)
            && (Arc::ptr_eq(&self.content, &other.content) || is_same_content())
    }
}

impl Content {
    /// What only some events tell; all empty for the others.
    pub fn details(&self) -> &Details {
        static NONE: LazyLock<Details> = LazyLock::new(Details::default);
        self.more.as_deref().unwrap_or(&NONE)
    }

    /// The event about logons that could not be written (1108); `None` if the record names none, or one of another provider.
    pub fn lost_audit_event(&self) -> Option<u16> {
        let details = self.details();
        let of_auditing = details.object.as_deref() == Some(security::AUDITING);
        details.lost_event_id.filter(|_| of_auditing)
    }
}

/// What only some events tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// System/Correlation's ActivityID, lower case: the same in all records of one connection, in all Remote Desktop
    /// channels. The console's is made of its session number and comes again after every logon and boot.
    pub activity: Option<Text>,
    /// 39: the session number that disconnected `session_number`.
    pub other_session_number: Option<u32>,
    /// The reason as a code: of a disconnect (40, 103; see [`disconnect_reason_text`]), of a clock change
    /// (Kernel-General 1), of a stop (109, 1074), of going to sleep (42), the stop code of a crash (41), the error of 36, 303 and 1108.
    pub reason: Option<u32>,
    /// The reason in words: the meaning of a disconnect's code, or as recorded (1074).
    pub reason_text: Option<Text>,
    /// When Windows started (Kernel-General 12) or woke (Power-Troubleshooter 1), by its own account.
    pub start_time: Option<Time>,
    /// When Windows stopped (Kernel-General 13), fell asleep (Power-Troubleshooter 1) or was last known to run (6008).
    pub stop_time: Option<Time>,
    /// Kernel-Boot 20: the number of the boot before; more than one higher than last time where boots left no trace.
    pub last_boot_id: Option<u32>,
    /// Kernel-Boot 20: whether the boot before went well.
    pub last_boot_good: Option<bool>,
    /// Kernel-Boot 20: whether the stop before was clean.
    pub last_shutdown_good: Option<bool>,
    /// Kernel-Boot 27: 0 cold, 1 Fast Startup, 2 from hibernation.
    pub boot_type: Option<u32>,
    /// Kernel-Power 42, 107, Power-Troubleshooter 1: the state it goes to or comes from (SYSTEM_POWER_STATE: 2 to 4
    /// sleep, 5 hibernation, 6 off).
    pub target_state: Option<u32>,
    /// 6013: seconds since the start.
    pub uptime_seconds: Option<u64>,
    /// Local time less UTC at the machine, then (Kernel-General 24, 6008).
    pub utc_offset_minutes: Option<i32>,
    /// 6013: the same without daylight saving: real logs have 300 west of UTC in a November when Kernel-General 24 has 240.
    pub standard_offset_minutes: Option<i32>,
    /// RdpCoreTS 104: hours between UTC and the client's time, as recorded; which is subtracted from which is not documented.
    pub client_bias_hours: Option<i32>,
    /// 1074, 109: restart, shutdown or power off; of 1074 as recorded, in the machine's language.
    pub stop_type: Option<Text>,
    /// 1108: the event that could not be written.
    pub lost_event_id: Option<u16>,
    /// What it is about: a service, a task, a cleared log, a machine behind a gateway, a profile's folder, a time zone
    /// (6013, in the machine's language), the provider whose event could not be written (1108).
    pub object: Option<Text>,
    /// What a new service runs.
    pub command: Option<Text>,
    /// What the writer says in its own words: a comment (1074), the SSH server's line.
    pub message: Option<Text>,
}
