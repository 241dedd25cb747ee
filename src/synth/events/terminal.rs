//! Remote Desktop and profiles: LocalSessionManager, RemoteConnectionManager, RdpCoreTS, User
//! Profile Service.

use super::{Layout, Shape, Writer};
use crate::synth::value::Kind::{self, *};

pub(in crate::synth) const SESSIONS: &str =
    "Microsoft-Windows-TerminalServices-LocalSessionManager";
pub(in crate::synth) const SESSIONS_LOG: &str =
    "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational";
pub(in crate::synth) const CONNECTIONS: &str =
    "Microsoft-Windows-TerminalServices-RemoteConnectionManager";
pub(in crate::synth) const CONNECTIONS_LOG: &str =
    "Microsoft-Windows-TerminalServices-RemoteConnectionManager/Operational";
pub(in crate::synth) const RDP: &str = "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS";
pub(in crate::synth) const RDP_LOG: &str =
    "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational";
pub(in crate::synth) const PROFILES: &str = "Microsoft-Windows-User Profiles Service";
pub(in crate::synth) const PROFILES_LOG: &str =
    "Microsoft-Windows-User Profile Service/Operational";

/// The data of the session managers' records.
const EVENT_XML: Shape = Shape::UserData("EventXML", "Event_NS");

const fn of_sessions(event_id: u16, fields: &'static [(&'static str, Kind)]) -> Layout {
    Layout {
        event_id,
        version: 0,
        task: 0,
        level: 4,
        keywords: 0x1000_0000_0000_0000,
        provider: SESSIONS,
        provider_guid: "{5d896912-022d-40aa-a3a8-4fa5515c76d7}",
        source_name: None,
        channel: SESSIONS_LOG,
        opcode: 0,
        qualifiers: None,
        writer: Writer::Sessions,
        user: Some(&[18]),
        shape: EVENT_XML,
        fields,
    }
}

const fn of_connections(event_id: u16, fields: &'static [(&'static str, Kind)]) -> Layout {
    Layout {
        provider: CONNECTIONS,
        provider_guid: "{c76baa63-ae81-421c-b425-340b4b24157f}",
        channel: CONNECTIONS_LOG,
        writer: Writer::RemoteDesktop,
        user: Some(&[20]),
        ..of_sessions(event_id, fields)
    }
}

const fn of_rdp(
    event_id: u16,
    opcode: u8,
    level: u8,
    fields: &'static [(&'static str, Kind)],
) -> Layout {
    Layout {
        provider: RDP,
        provider_guid: "{1139c61b-b549-4251-8ed3-27250a1edec8}",
        channel: RDP_LOG,
        task: 4,
        opcode,
        level,
        keywords: 0x4000_0000_0000_0000,
        writer: Writer::RemoteDesktop,
        user: Some(&[20]),
        shape: Shape::EventData,
        ..of_sessions(event_id, fields)
    }
}

const fn of_profiles(event_id: u16, fields: &'static [(&'static str, Kind)]) -> Layout {
    Layout {
        provider: PROFILES,
        provider_guid: "{89b1e9f0-5aff-44a6-9b44-0a07a7ce5845}",
        channel: PROFILES_LOG,
        keywords: 0x4000_0000_0000_0000,
        writer: Writer::Profiles,
        shape: Shape::EventData,
        ..of_sessions(event_id, fields)
    }
}

/// All rows.
#[rustfmt::skip]
pub(in crate::synth) static LAYOUTS: &[Layout] = &[
    of_sessions(21, &[("User", Text), ("SessionID", U32), ("Address", Text)]),
    of_sessions(22, &[("User", Text), ("SessionID", U32), ("Address", Text)]),
    of_sessions(23, &[("User", Text), ("SessionID", U32)]),
    of_sessions(24, &[("User", Text), ("SessionID", U32), ("Address", Text)]),
    of_sessions(25, &[("User", Text), ("SessionID", U32), ("Address", Text)]),
    of_sessions(32, &[("messageName", Text)]),
    Layout { shape: Shape::EventData, ..of_sessions(34, &[]) },
    Layout { shape: Shape::EventData, level: 2, ..of_sessions(36, &[
        ("SessionId", U32), ("State", U32), ("StateName", Text), ("Event", U32), ("EventName", Text), ("ErrorCode", Hex32),
    ]) },
    of_sessions(39, &[("TargetSession", U32), ("Source", U32)]),
    of_sessions(40, &[("Session", U32), ("Reason", U32)]),
    of_sessions(41, &[("User", Text), ("SessionID", U32)]),
    of_sessions(42, &[("User", Text), ("SessionID", U32)]),
    Layout { shape: Shape::EventData, ..of_sessions(54, &[]) },
    of_connections(261, &[("listenerName", Text)]),
    of_connections(1149, &[("Param1", Text), ("Param2", Text), ("Param3", Text)]),
    of_rdp(98, 15, 4, &[]),
    of_rdp(103, 17, 4, &[("ReasonCode", U32)]),
    of_rdp(131, 15, 4, &[("ConnType", Text), ("ClientIP", Text)]),
    of_rdp(140, 0, 3, &[("IPString", Text)]),
    of_profiles(1, &[("Session", U32)]),
    of_profiles(2, &[("Session", U32)]),
    of_profiles(3, &[("Session", U32)]),
    of_profiles(4, &[("Session", U32)]),
    of_profiles(67, &[("LogonType", Text), ("LocalPath", Text), ("ProfileType", Text)]),
];
