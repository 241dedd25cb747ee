//! The events that Windows writes around logons: one row each, the Security channel's here, those
//! of the others in the modules below.
//!
//! A row holds what the manifest fixes: provider, task, keywords, level, and the fields with
//! their types in order. Versions of an event are rows of their own. Layouts were read off real
//! logs and Microsoft's event pages.

pub(super) mod remote;
pub(super) mod system;
pub(super) mod terminal;

use super::value::Kind::{self, *};

/// The provider of audit events.
pub(super) const AUDITING: &str = "Microsoft-Windows-Security-Auditing";
const AUDITING_GUID: &str = "{54849625-5478-4994-a5ba-3e3b0328c30d}";
/// The event log service, which writes about itself.
pub(super) const EVENTLOG: &str = "Microsoft-Windows-Eventlog";
const EVENTLOG_GUID: &str = "{fc65ddd8-d6ef-4962-83d5-6e5cfe9ce148}";

/// What the manifest says of one event version.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    pub(super) event_id: u16,
    pub(super) version: u8,
    pub(super) task: u16,
    pub(super) level: u8,
    pub(super) keywords: u64,
    pub(super) provider: &'static str,
    pub(super) provider_guid: &'static str,
    /// The name of the provider before it had a manifest.
    pub(super) source_name: Option<&'static str>,
    pub(super) channel: &'static str,
    pub(super) opcode: u8,
    pub(super) qualifiers: Option<u16>,
    pub(super) writer: Writer,
    /// The account in `System/Security`.
    pub(super) user: Option<&'static [u32]>,
    pub(super) shape: Shape,
    pub(super) fields: &'static [(&'static str, Kind)],
}

/// The process whose number stands in `Execution`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writer {
    Lsass,
    Kernel,
    EventLog,
    /// The local session manager's service host.
    Sessions,
    /// The Remote Desktop service's host.
    RemoteDesktop,
    /// The profile service's host.
    Profiles,
    /// The process that the story names.
    Own,
    Wininit,
    Winlogon,
    Services,
    /// Nobody: a classic event.
    Nobody,
}

/// What follows `System`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    EventData,
    /// Strings without names, and perhaps `Binary`.
    Classic,
    /// `ProcessingErrorData`.
    ProcessingError,
    /// An element and its namespace under `UserData`.
    UserData(&'static str, &'static str),
}

/// The Security channel.
pub(super) const SECURITY: &str = "Security";

/// The namespace of the event log service's `UserData`.
pub(super) const EVENTLOG_NAMESPACE: &str =
    "http://manifests.microsoft.com/win/2004/08/windows/eventlog";

const SUCCESS: u64 = 0x8020_0000_0000_0000;
const FAILURE: u64 = 0x8010_0000_0000_0000;

const fn audit(
    event_id: u16,
    version: u8,
    task: u16,
    fields: &'static [(&'static str, Kind)],
) -> Layout {
    Layout {
        event_id,
        version,
        task,
        level: 0,
        keywords: SUCCESS,
        provider: AUDITING,
        provider_guid: AUDITING_GUID,
        source_name: None,
        channel: SECURITY,
        opcode: 0,
        qualifiers: None,
        writer: Writer::Lsass,
        user: None,
        shape: Shape::EventData,
        fields,
    }
}

const fn by_kernel(layout: Layout) -> Layout {
    Layout {
        writer: Writer::Kernel,
        ..layout
    }
}

const fn failure(layout: Layout) -> Layout {
    Layout {
        keywords: FAILURE,
        ..layout
    }
}

const fn service(
    event_id: u16,
    version: u8,
    task: u16,
    level: u8,
    element: &'static str,
    fields: &'static [(&'static str, Kind)],
) -> Layout {
    Layout {
        event_id,
        version,
        task,
        level,
        keywords: 0x4020_0000_0000_0000,
        provider: EVENTLOG,
        provider_guid: EVENTLOG_GUID,
        source_name: None,
        channel: SECURITY,
        opcode: 0,
        qualifiers: None,
        writer: Writer::EventLog,
        user: None,
        shape: Shape::UserData(element, EVENTLOG_NAMESPACE),
        fields,
    }
}

/// The layout of an event of another channel than Security.
pub(super) fn layout_of(provider: &str, event_id: u16, version: u8) -> Option<&'static Layout> {
    let tables = system::LAYOUTS
        .iter()
        .chain(terminal::LAYOUTS)
        .chain(remote::LAYOUTS);
    tables
        .filter(|layout| layout.provider == provider && layout.event_id == event_id)
        .filter(|layout| layout.version <= version)
        .max_by_key(|layout| layout.version)
}

/// The layout of a Security event in the highest version that is not above `version`.
pub(super) fn layout(event_id: u16, version: u8) -> Option<&'static Layout> {
    LAYOUTS
        .iter()
        .filter(|layout| layout.event_id == event_id && layout.version <= version)
        .max_by_key(|layout| layout.version)
}

/// All rows, by event and version.
#[rustfmt::skip]
static LAYOUTS: &[Layout] = &[
    service(1100, 0, 103, 4, "ServiceShutdown", &[]),
    service(1101, 0, 101, 2, "AuditEventsDropped", &[("Reason", U32)]),
    service(1102, 0, 104, 4, "LogFileCleared", &[
        ("SubjectUserSid", Sid), ("SubjectUserName", Text), ("SubjectDomainName", Text), ("SubjectLogonId", Hex64),
    ]),
    service(1102, 1, 104, 4, "LogFileCleared", &[
        ("SubjectUserSid", Sid), ("SubjectUserName", Text), ("SubjectDomainName", Text), ("SubjectLogonId", Hex64),
        ("ClientProcessId", U32), ("ClientProcessStartKey", U64),
    ]),
    service(1108, 0, 101, 2, "EventProcessingFailure", &[
        ("ErrorCode", U32), ("EventID", U16), ("PublisherID", Text),
    ]),
    audit(4608, 0, 12288, &[]),
    by_kernel(audit(4616, 1, 12288, &[
        ("SubjectUserSid", Sid), ("SubjectUserName", Text), ("SubjectDomainName", Text), ("SubjectLogonId", Hex64),
        ("PreviousTime", Time), ("NewTime", Time), ("ProcessId", Pointer), ("ProcessName", Text),
    ])),
    audit(4624, 0, 12544, &[
        ("SubjectUserSid", Sid), ("SubjectUserName", Text), ("SubjectDomainName", Text), ("SubjectLogonId", Hex64),
        ("TargetUserSid", Sid), ("TargetUserName", Text), ("TargetDomainName", Text), ("TargetLogonId", Hex64),
        ("LogonType", U32), ("LogonProcessName", Text), ("AuthenticationPackageName", Text), ("WorkstationName", Text),
        ("LogonGuid", Guid), ("TransmittedServices", Text), ("LmPackageName", Text), ("KeyLength", U32),
        ("ProcessId", Pointer), ("ProcessName", Text), ("IpAddress", Text), ("IpPort", Text),
    ]),
    audit(4624, 1, 12544, &[
        ("SubjectUserSid", Sid), ("SubjectUserName", Text), ("SubjectDomainName", Text), ("SubjectLogonId", Hex64),
        ("TargetUserSid", Sid), ("TargetUserName", Text), ("TargetDomainName", Text), ("TargetLogonId", Hex64),
        ("LogonType", U32), ("LogonProcessName", Text), ("AuthenticationPackageName", Text), ("WorkstationName", Text),
        ("LogonGuid", Guid), ("TransmittedServices", Text), ("LmPackageName", Text), ("KeyLength", U32),
        ("ProcessId", Pointer), ("ProcessName", Text), ("IpAddress", Text), ("IpPort", Text),
        ("ImpersonationLevel", Text),
    ]),
    audit(4624, 2, 12544, &[
        ("SubjectUserSid", Sid), ("SubjectUserName", Text), ("SubjectDomainName", Text), ("SubjectLogonId", Hex64),
        ("TargetUserSid", Sid), ("TargetUserName", Text), ("TargetDomainName", Text), ("TargetLogonId", Hex64),
        ("LogonType", U32), ("LogonProcessName", Text), ("AuthenticationPackageName", Text), ("WorkstationName", Text),
        ("LogonGuid", Guid), ("TransmittedServices", Text), ("LmPackageName", Text), ("KeyLength", U32),
        ("ProcessId", Pointer), ("ProcessName", Text), ("IpAddress", Text), ("IpPort", Text),
        ("ImpersonationLevel", Text), ("RestrictedAdminMode", Text),
        ("TargetOutboundUserName", Text), ("TargetOutboundDomainName", Text), ("VirtualAccount", Text),
        ("TargetLinkedLogonId", Hex64), ("ElevatedToken", Text),
    ]),
    audit(4624, 3, 12544, &[
        ("SubjectUserSid", Sid), ("SubjectUserName", Text), ("SubjectDomainName", Text), ("SubjectLogonId", Hex64),
        ("TargetUserSid", Sid), ("TargetUserName", Text), ("TargetDomainName", Text), ("TargetLogonId", Hex64),
        ("LogonType", U32), ("LogonProcessName", Text), ("AuthenticationPackageName", Text), ("WorkstationName", Text),
        ("LogonGuid", Guid), ("TransmittedServices", Text), ("LmPackageName", Text), ("KeyLength", U32),
        ("ProcessId", Pointer), ("ProcessName", Text), ("IpAddress", Text), ("IpPort", Text),
        ("ImpersonationLevel", Text), ("RestrictedAdminMode", Text), ("RemoteCredentialGuard", Text),
        ("TargetOutboundUserName", Text), ("TargetOutboundDomainName", Text), ("VirtualAccount", Text),
        ("TargetLinkedLogonId", Hex64), ("ElevatedToken", Text),
    ]),
    failure(audit(4625, 0, 12544, &[
        ("SubjectUserSid", Sid), ("SubjectUserName", Text), ("SubjectDomainName", Text), ("SubjectLogonId", Hex64),
        ("TargetUserSid", Sid), ("TargetUserName", Text), ("TargetDomainName", Text),
        ("Status", Hex32), ("FailureReason", Text), ("SubStatus", Hex32),
        ("LogonType", U32), ("LogonProcessName", Text), ("AuthenticationPackageName", Text), ("WorkstationName", Text),
        ("TransmittedServices", Text), ("LmPackageName", Text), ("KeyLength", U32),
        ("ProcessId", Pointer), ("ProcessName", Text), ("IpAddress", Text), ("IpPort", Text),
    ])),
    audit(4627, 0, 12554, &[
        ("SubjectUserSid", Sid), ("SubjectUserName", Text), ("SubjectDomainName", Text), ("SubjectLogonId", Hex64),
        ("TargetUserSid", Sid), ("TargetUserName", Text), ("TargetDomainName", Text), ("TargetLogonId", Hex64),
        ("LogonType", U32), ("EventIdx", U32), ("EventCountTotal", U32), ("GroupMembership", Text),
    ]),
    audit(4634, 0, 12545, &[
        ("TargetUserSid", Sid), ("TargetUserName", Text), ("TargetDomainName", Text), ("TargetLogonId", Hex64),
        ("LogonType", U32),
    ]),
    audit(4647, 0, 12545, &[
        ("TargetUserSid", Sid), ("TargetUserName", Text), ("TargetDomainName", Text), ("TargetLogonId", Hex64),
    ]),
    audit(4648, 0, 12544, &[
        ("SubjectUserSid", Sid), ("SubjectUserName", Text), ("SubjectDomainName", Text), ("SubjectLogonId", Hex64),
        ("LogonGuid", Guid), ("TargetUserName", Text), ("TargetDomainName", Text), ("TargetLogonGuid", Guid),
        ("TargetServerName", Text), ("TargetInfo", Text), ("ProcessId", Pointer), ("ProcessName", Text),
        ("IpAddress", Text), ("IpPort", Text),
    ]),
    audit(4672, 0, 12548, &[
        ("SubjectUserSid", Sid), ("SubjectUserName", Text), ("SubjectDomainName", Text), ("SubjectLogonId", Hex64),
        ("PrivilegeList", Text),
    ]),
    by_kernel(audit(4688, 1, 13312, &[
        ("SubjectUserSid", Sid), ("SubjectUserName", Text), ("SubjectDomainName", Text), ("SubjectLogonId", Hex64),
        ("NewProcessId", Pointer), ("NewProcessName", Text), ("TokenElevationType", Text), ("ProcessId", Pointer),
        ("CommandLine", Text),
    ])),
    by_kernel(audit(4688, 2, 13312, &[
        ("SubjectUserSid", Sid), ("SubjectUserName", Text), ("SubjectDomainName", Text), ("SubjectLogonId", Hex64),
        ("NewProcessId", Pointer), ("NewProcessName", Text), ("TokenElevationType", Text), ("ProcessId", Pointer),
        ("CommandLine", Text), ("TargetUserSid", Sid), ("TargetUserName", Text), ("TargetDomainName", Text),
        ("TargetLogonId", Hex64), ("ParentProcessName", Text), ("MandatoryLabel", Sid),
    ])),
    by_kernel(audit(4696, 0, 13312, &[
        ("SubjectUserSid", Sid), ("SubjectUserName", Text), ("SubjectDomainName", Text), ("SubjectLogonId", Hex64),
        ("TargetUserSid", Sid), ("TargetUserName", Text), ("TargetDomainName", Text), ("TargetLogonId", Hex64),
        ("TargetProcessId", Pointer), ("TargetProcessName", Text), ("ProcessId", Pointer), ("ProcessName", Text),
    ])),
    audit(4778, 0, 12551, &[
        ("AccountName", Text), ("AccountDomain", Text), ("LogonID", Hex64), ("SessionName", Text),
        ("ClientName", Text), ("ClientAddress", Text),
    ]),
    audit(4779, 0, 12551, &[
        ("AccountName", Text), ("AccountDomain", Text), ("LogonID", Hex64), ("SessionName", Text),
        ("ClientName", Text), ("ClientAddress", Text),
    ]),
    audit(4800, 0, 12551, &[
        ("TargetUserSid", Sid), ("TargetUserName", Text), ("TargetDomainName", Text), ("TargetLogonId", Hex64),
        ("SessionId", U32),
    ]),
    audit(4801, 0, 12551, &[
        ("TargetUserSid", Sid), ("TargetUserName", Text), ("TargetDomainName", Text), ("TargetLogonId", Hex64),
        ("SessionId", U32),
    ]),
    audit(4802, 0, 12551, &[
        ("TargetUserSid", Sid), ("TargetUserName", Text), ("TargetDomainName", Text), ("TargetLogonId", Hex64),
        ("SessionId", U32),
    ]),
    audit(4803, 0, 12551, &[
        ("TargetUserSid", Sid), ("TargetUserName", Text), ("TargetDomainName", Text), ("TargetLogonId", Hex64),
        ("SessionId", U32),
    ]),
    by_kernel(audit(4826, 0, 13573, &[
        ("SubjectUserSid", Sid), ("SubjectUserName", Text), ("SubjectDomainName", Text), ("SubjectLogonId", Hex64),
        ("LoadOptions", Text), ("AdvancedOptions", Text), ("ConfigAccessPolicy", Text), ("RemoteEventLogging", Text),
        ("KernelDebug", Text), ("VsmLaunchType", Text), ("TestSigning", Text), ("FlightSigning", Text),
        ("DisableIntegrityChecks", Text), ("HypervisorLoadOptions", Text), ("HypervisorLaunchType", Text),
        ("HypervisorDebug", Text),
    ])),
    audit(4902, 0, 13568, &[("PuaCount", U32), ("PuaPolicyId", Hex64)]),
    audit(4964, 0, 12548, &[
        ("SubjectUserSid", Sid), ("SubjectUserName", Text), ("SubjectDomainName", Text), ("SubjectLogonId", Hex64),
        ("LogonGuid", Guid), ("TargetUserSid", Sid), ("TargetUserName", Text), ("TargetDomainName", Text),
        ("TargetLogonId", Hex64), ("TargetLogonGuid", Guid), ("SidList", Text),
    ]),
    audit(5024, 0, 12292, &[]),
    by_kernel(audit(5033, 0, 12292, &[])),
];
