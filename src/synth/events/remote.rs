//! What goes out, goes through, and comes in as a command line: RDPClient, Gateway, OpenSSH, WinRM.

use super::{Layout, Shape, Writer};
use crate::synth::value::Kind::{self, *};

pub(in crate::synth) const CLIENT: &str = "Microsoft-Windows-TerminalServices-ClientActiveXCore";
pub(in crate::synth) const CLIENT_LOG: &str =
    "Microsoft-Windows-TerminalServices-RDPClient/Operational";
pub(in crate::synth) const GATEWAY: &str = "Microsoft-Windows-TerminalServices-Gateway";
pub(in crate::synth) const GATEWAY_LOG: &str =
    "Microsoft-Windows-TerminalServices-Gateway/Operational";
pub(in crate::synth) const SSH: &str = "OpenSSH";
pub(in crate::synth) const SSH_LOG: &str = "OpenSSH/Operational";
pub(in crate::synth) const WINRM: &str = "Microsoft-Windows-WinRM";
pub(in crate::synth) const WINRM_LOG: &str = "Microsoft-Windows-WinRM/Operational";

const fn of_client(event_id: u16, fields: &'static [(&'static str, Kind)]) -> Layout {
    Layout {
        event_id,
        version: 0,
        task: 101,
        level: 4,
        keywords: 0x4000_0000_0000_0000,
        provider: CLIENT,
        provider_guid: "{28aa95bb-d444-4719-a36f-40462168127e}",
        source_name: None,
        channel: CLIENT_LOG,
        opcode: 10,
        qualifiers: None,
        writer: Writer::Own,
        user: None,
        shape: Shape::EventData,
        fields,
    }
}

const fn of_gateway(
    event_id: u16,
    task: u16,
    opcode: u8,
    keywords: u64,
    fields: &'static [(&'static str, Kind)],
) -> Layout {
    Layout {
        provider: GATEWAY,
        provider_guid: "{4d5ae6a1-c7c8-4e6d-b840-4d8080b42e1b}",
        channel: GATEWAY_LOG,
        task,
        opcode,
        keywords,
        writer: Writer::RemoteDesktop,
        user: Some(&[20]),
        shape: Shape::UserData("EventInfo", "aag"),
        ..of_client(event_id, fields)
    }
}

/// All rows.
#[rustfmt::skip]
pub(in crate::synth) static LAYOUTS: &[Layout] = &[
    of_client(1024, &[("Name", Text), ("Value", Text), ("CustomLevel", Text)]),
    of_client(1029, &[("TraceMessage", Text)]),
    of_client(1102, &[("Name", Text), ("Value", Text), ("CustomLevel", Text)]),
    of_gateway(200, 2, 30, 0x4020_0000_0100_0000, &[
        ("Username", Text), ("IpAddress", Text), ("AuthType", Text), ("Resource", Text), ("ConnectionProtocol", Text), ("ErrorCode", U32),
    ]),
    of_gateway(302, 3, 30, 0x4000_0000_0100_0000, &[
        ("Username", Text), ("IpAddress", Text), ("AuthType", Text), ("Resource", Text), ("ConnectionProtocol", Text), ("ErrorCode", U32),
    ]),
    of_gateway(303, 3, 44, 0x4000_0000_0100_0000, &[
        ("Username", Text), ("IpAddress", Text), ("AuthType", Text), ("Resource", Text), ("BytesReceived", U64),
        ("BytesTransfered", U64), ("SessionDuration", U32), ("ConnectionProtocol", Text), ("ErrorCode", U32),
    ]),
    Layout {
        provider: SSH,
        provider_guid: "{c4b57d35-0636-4bc3-a262-370f249f9802}",
        channel: SSH_LOG,
        task: 0,
        opcode: 0,
        user: Some(&[18]),
        ..of_client(4, &[("process", Text), ("payload", Text)])
    },
    // Windows can never write this one out: a field is missing.
    Layout {
        provider: WINRM,
        provider_guid: "{a7975c8f-ac13-49f1-87da-5a984a4ab417}",
        channel: WINRM_LOG,
        task: 9,
        opcode: 0,
        keywords: 0x4000_0000_0000_0004,
        shape: Shape::ProcessingError,
        ..of_client(91, &[("ErrorCode", U32), ("DataItemName", Text), ("EventPayload", Binary)])
    },
];
