//! Logon-related records as typed events.
//!
//! In: a [`Record`](crate::log::Record) of any channel. Out: an [`Event`] if its provider and event ID stand in
//! a channel's table, else nothing; and the [`Span`]s in which all records lie. What the recording means (`%%` codes, hex, `-` for absent,
//! padding) is decoded here, once; what it adds up to is [`session`](crate::session)'s business.

mod fields;
mod security;
mod status;

pub use fields::Collector;
pub use status::status_text;

use crate::named::named;
use crate::sid::Sid;
use crate::time::Time;
use std::fmt;
use std::sync::Arc;

/// Text that came from a record: shared, never changed.
pub type Text = Arc<str>;

/// A log by its position in [`Analysis::logs`](crate::analysis::Analysis::logs).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogIndex(pub u32);

/// A Logon ID: the LUID of a logon session, unique on one machine until it restarts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogonId(pub u64);

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
        /// 1101, 4688, 4696, 4826, 6417: written while Windows starts, before 4608.
        StartingUp = "starting-up",
        /// 4608: Windows is starting up.
        Boot = "boot",
        /// 4609: Windows is shutting down.
        Shutdown = "shutdown",
        /// 1102: the log was cleared.
        LogCleared = "log-cleared",
        /// 1100: the event log service stopped: the clean end of a boot.
        LogServiceStop = "log-service-stop",
        /// 4616: the clock was changed.
        ClockChange = "clock-change",
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

/// One logon-related record.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The log it was read from.
    pub log: LogIndex,
    /// System/EventRecordID: the order of writing within one machine and channel.
    pub record_id: u64,
    /// The record header's identifier; differs from `record_id` in exported logs.
    pub number: u64,
    /// System/TimeCreated.
    pub time: Time,
    /// System/Computer, exactly as recorded.
    pub computer: Text,
    /// System/Channel.
    pub channel: Text,
    /// System/EventID.
    pub event_id: u16,
    /// System/Version.
    pub version: u8,
    /// System/Execution/ProcessID: the writer; lsass for audit records.
    pub writer: Option<u32>,
    /// The time of the record before it in the file, of the same machine and channel; `None` if that is not next to it.
    pub previous: Option<Time>,
    /// What happened.
    pub action: Action,
    /// Whether the record's values are stored as text: it was forwarded to a collector.
    pub stored_as_text: bool,
    /// The account it happened to: the target of a logon, the owner of the session.
    pub account: Account,
    /// The logon session it happened to.
    pub logon_id: Option<LogonId>,
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
    /// The port that the caller came from.
    pub source_port: Option<u16>,
    /// The logon GUID, lower case with braces; absent when all zero.
    pub logon_guid: Option<Text>,
    /// The account whose credentials go out on the network (`runas /netonly`).
    pub outbound: Account,
    /// Whether the token is an elevated one.
    pub elevated: Option<bool>,
    /// Whether the account is a virtual one.
    pub virtual_account: Option<bool>,
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
}
