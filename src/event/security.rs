//! The Security channel: which records tell of logons, and what their fields mean.
//!
//! Field names are those of the providers' manifests; Microsoft documents each event under
//! "Advanced security audit policy settings".

use super::Action;
use super::fields::{Entry, Slot, Table};
use Slot::*;

/// The provider of audit records about logons.
pub(super) const AUDITING: &str = "Microsoft-Windows-Security-Auditing";
const EVENT_LOG: &str = "Microsoft-Windows-Eventlog";

/// The channel of audit records.
pub(super) const CHANNEL: &str = "Security";

/// Who asked.
const SUBJECT: &[(&str, Slot)] = &[
    ("SubjectUserSid", SubjectSid),
    ("SubjectUserName", SubjectName),
    ("SubjectDomainName", SubjectDomain),
    ("SubjectLogonId", SubjectLogonId),
];

/// Who it happened to.
const TARGET: &[(&str, Slot)] = &[
    ("TargetUserSid", AccountSid),
    ("TargetUserName", AccountName),
    ("TargetDomainName", AccountDomain),
    ("TargetLogonId", LogonId),
    ("LogonType", LogonType),
];

/// How a logon was made: 4624 in all its versions, and 4625.
const LOGON: &[(&str, Slot)] = &[
    ("LogonProcessName", LogonProcess),
    ("AuthenticationPackageName", AuthenticationPackage),
    ("WorkstationName", Workstation),
    ("LogonGuid", LogonGuid),
    ("LmPackageName", LmPackage),
    ("ProcessId", ProcessId),
    ("ProcessName", ProcessName),
    ("IpAddress", SourceAddress),
    ("IpPort", SourcePort),
    ("TargetOutboundUserName", OutboundName),
    ("TargetOutboundDomainName", OutboundDomain),
    ("TargetLinkedLogonId", LinkedLogonId),
    ("ElevatedToken", Elevated),
    ("Status", Status),
    ("SubStatus", SubStatus),
];

/// Whose credentials were used, by which process, for which server.
const EXPLICIT: &[(&str, Slot)] = &[
    ("TargetUserName", AccountName),
    ("TargetDomainName", AccountDomain),
    ("TargetServerName", TargetServer),
    ("ProcessId", ProcessId),
    ("ProcessName", ProcessName),
    ("IpAddress", SourceAddress),
    ("IpPort", SourcePort),
];

/// 4672 names the new logon session as its subject.
const PRIVILEGES: &[(&str, Slot)] = &[
    ("SubjectUserSid", AccountSid),
    ("SubjectUserName", AccountName),
    ("SubjectDomainName", AccountDomain),
    ("SubjectLogonId", LogonId),
    ("PrivilegeList", Privileges),
];

const GROUPS: &[(&str, Slot)] = &[("SidList", Privileges), ("GroupMembership", Privileges)];

/// A tried change of an account.
const CHANGED: &[(&str, Slot)] = &[
    ("TargetSid", AccountSid),
    ("TargetUserName", AccountName),
    ("TargetDomainName", AccountDomain),
];

/// What a domain controller says of a ticket. The account's SID is not in 4769 and 4770.
const TICKET: &[(&str, Slot)] = &[
    ("TargetSid", AccountSid),
    ("TargetUserName", AccountName),
    ("TargetDomainName", AccountDomain),
    ("ServiceName", Object),
    ("Status", Status),
    ("IpAddress", SourceAddress),
    ("IpPort", SourcePort),
    ("LogonGuid", LogonGuid),
];

const NTLM: &[(&str, Slot)] = &[
    ("PackageName", AuthenticationPackage),
    ("TargetUserName", AccountName),
    ("Workstation", Workstation),
    ("Status", Status),
];

/// 4825 has the layout of a window station's change, without a session.
const DENIED: &[(&str, Slot)] = &[
    ("AccountName", AccountName),
    ("AccountDomain", AccountDomain),
    ("LogonID", LogonId),
    ("ClientAddress", SourceAddress),
];

/// A service that was installed, and as whom it runs.
const SERVICE: &[(&str, Slot)] = &[
    ("ServiceName", Object),
    ("ServiceFileName", Command),
    ("ServiceAccount", AccountPath),
];

const TASK: &[(&str, Slot)] = &[("TaskName", Object)];

/// The event that could not be written counts only with its provider. In the other layout the code is an attribute, which is not
/// read.
const LOST: &[(&str, Slot)] = &[
    ("EventID", LostEventId),
    ("PublisherID", Object),
    ("ErrorCode", Reason),
];

/// A window station's change of client.
const WINDOW_STATION: &[(&str, Slot)] = &[
    ("AccountName", AccountName),
    ("AccountDomain", AccountDomain),
    ("LogonID", LogonId),
    ("SessionName", SessionName),
    ("ClientName", Workstation),
    ("ClientAddress", SourceAddress),
];

const SESSION_NUMBER: &[(&str, Slot)] = &[("SessionId", SessionNumber)];

const CLOCK: &[(&str, Slot)] = &[
    ("PreviousTime", PreviousTime),
    ("NewTime", NewTime),
    ("ProcessId", ProcessId),
    ("ProcessName", ProcessName),
];

/// Every record of this channel that is looked at. A new one is one line here and one fixture.
pub(super) const TABLE: Table = (CHANNEL, ENTRIES);

const ENTRIES: &[Entry] = &[
    Entry::new(EVENT_LOG, 1100, Action::LogServiceStop, &[]),
    Entry::new(EVENT_LOG, 1101, Action::AuditDropped, &[]),
    Entry::new(EVENT_LOG, 1102, Action::LogCleared, &[SUBJECT]),
    Entry::new(EVENT_LOG, 1108, Action::AuditLost, &[LOST]),
    Entry::new(AUDITING, 4608, Action::Boot, &[]),
    Entry::new(AUDITING, 4609, Action::Shutdown, &[]),
    Entry::new(AUDITING, 4616, Action::ClockChange, &[SUBJECT, CLOCK]),
    Entry::new(AUDITING, 4624, Action::Logon, &[SUBJECT, TARGET, LOGON]),
    Entry::new(
        AUDITING,
        4625,
        Action::LogonFailed,
        &[SUBJECT, TARGET, LOGON],
    ),
    Entry::new(
        AUDITING,
        4627,
        Action::GroupMembership,
        &[SUBJECT, TARGET, GROUPS],
    ),
    Entry::new(AUDITING, 4634, Action::Logoff, &[TARGET]),
    Entry::new(AUDITING, 4647, Action::UserLogoff, &[TARGET]),
    Entry::new(
        AUDITING,
        4648,
        Action::ExplicitCredentials,
        &[SUBJECT, EXPLICIT],
    ),
    Entry::new(AUDITING, 4672, Action::SpecialPrivileges, &[PRIVILEGES]),
    Entry::new(
        AUDITING,
        4675,
        Action::SidsFiltered,
        &[SUBJECT, TARGET, GROUPS],
    ),
    Entry::new(AUDITING, 4688, Action::StartingUp, &[SUBJECT]).if_subject_unnamed(),
    Entry::new(AUDITING, 4696, Action::StartingUp, &[SUBJECT]),
    Entry::new(
        AUDITING,
        4697,
        Action::ServiceInstalled,
        &[SUBJECT, SERVICE],
    ),
    Entry::new(AUDITING, 4698, Action::TaskCreated, &[SUBJECT, TASK]),
    Entry::new(AUDITING, 4723, Action::PasswordChange, &[SUBJECT, CHANGED]),
    Entry::new(AUDITING, 4768, Action::KerberosTicket, &[TICKET]),
    Entry::new(AUDITING, 4769, Action::ServiceTicket, &[TICKET]),
    Entry::new(AUDITING, 4770, Action::ServiceTicketRenewed, &[TICKET]),
    Entry::new(AUDITING, 4771, Action::KerberosFailed, &[TICKET]),
    Entry::new(AUDITING, 4776, Action::NtlmAuthentication, &[NTLM]),
    Entry::new(AUDITING, 4778, Action::Reconnect, &[WINDOW_STATION]),
    Entry::new(AUDITING, 4779, Action::Disconnect, &[WINDOW_STATION]),
    Entry::new(AUDITING, 4800, Action::Lock, &[TARGET, SESSION_NUMBER]),
    Entry::new(AUDITING, 4801, Action::Unlock, &[TARGET, SESSION_NUMBER]),
    Entry::new(
        AUDITING,
        4802,
        Action::ScreensaverOn,
        &[TARGET, SESSION_NUMBER],
    ),
    Entry::new(
        AUDITING,
        4803,
        Action::ScreensaverOff,
        &[TARGET, SESSION_NUMBER],
    ),
    Entry::new(AUDITING, 4825, Action::RdpDenied, &[DENIED]),
    Entry::new(AUDITING, 4826, Action::StartingUp, &[SUBJECT]),
    Entry::new(
        AUDITING,
        4964,
        Action::SpecialGroups,
        &[SUBJECT, TARGET, GROUPS],
    ),
    Entry::new(AUDITING, 6417, Action::StartingUp, &[SUBJECT]),
];
