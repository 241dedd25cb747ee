//! The channels of Remote Desktop: desktop sessions and their numbers, who knocked, who was let in, why they left.
//!
//! A session number is no Logon ID and is given anew. Records of one connection share an ActivityID in all of these channels.

use super::Action;
use super::fields::{ACTIVITY_ID, Entry, Slot, Table, USER_ID};
use Slot::*;

const SESSIONS: &str = "Microsoft-Windows-TerminalServices-LocalSessionManager";
const CONNECTIONS: &str = "Microsoft-Windows-TerminalServices-RemoteConnectionManager";
const CORE: &str = "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS";
const CLIENT: &str = "Microsoft-Windows-TerminalServices-ClientActiveXCore";
const GATEWAYS: &str = "Microsoft-Windows-TerminalServices-Gateway";

const ACTIVITY: &[(&str, Slot)] = &[(ACTIVITY_ID, Activity)];

/// `Address` is `LOCAL` at the console.
const SESSION: &[(&str, Slot)] = &[
    ("User", AccountPath),
    ("SessionID", SessionNumber),
    ("Address", SourceAddress),
];

/// The desktop sessions of this machine, at its console too.
pub(super) const LOCAL_SESSION_MANAGER: Table = (
    "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational",
    &[
        Entry::new(SESSIONS, 21, Action::TsLogon, &[SESSION, ACTIVITY]),
        Entry::new(SESSIONS, 22, Action::TsShell, &[SESSION, ACTIVITY]),
        Entry::new(SESSIONS, 23, Action::TsLogoff, &[SESSION, ACTIVITY]),
        Entry::new(SESSIONS, 24, Action::TsDisconnect, &[SESSION, ACTIVITY]),
        Entry::new(SESSIONS, 25, Action::TsReconnect, &[SESSION, ACTIVITY]),
        Entry::new(SESSIONS, 32, Action::TsStart, &[&[("messageName", Object)]]),
        Entry::new(
            SESSIONS,
            36,
            Action::TsError,
            &[
                &[
                    ("SessionId", SessionNumber),
                    ("ErrorCode", Reason),
                    ("EventName", Message),
                ],
                ACTIVITY,
            ],
        ),
        Entry::new(
            SESSIONS,
            39,
            Action::TsDisconnectedBy,
            &[
                &[
                    ("TargetSession", SessionNumber),
                    ("Source", OtherSessionNumber),
                ],
                ACTIVITY,
            ],
        ),
        Entry::new(
            SESSIONS,
            40,
            Action::TsReason,
            &[
                &[("Session", SessionNumber), ("Reason", DisconnectReason)],
                ACTIVITY,
            ],
        ),
        Entry::new(SESSIONS, 41, Action::TsArbitration, &[SESSION, ACTIVITY]),
        Entry::new(SESSIONS, 42, Action::TsArbitrated, &[SESSION, ACTIVITY]),
        Entry::new(SESSIONS, 54, Action::TsStop, &[]),
    ],
);

/// Credentials accepted before a session is shown. The domain is missing more often than not.
const AUTHENTICATION: &[(&str, Slot)] = &[
    ("Param1", AccountName),
    ("Param2", AccountDomain),
    ("Param3", SourceAddress),
];

/// The listener.
pub(super) const REMOTE_CONNECTION_MANAGER: Table = (
    "Microsoft-Windows-TerminalServices-RemoteConnectionManager/Operational",
    &[
        Entry::new(
            CONNECTIONS,
            261,
            Action::RdpConnection,
            &[&[("listenerName", SessionName)], ACTIVITY],
        ),
        Entry::new(
            CONNECTIONS,
            1149,
            Action::RdpAuth,
            &[AUTHENTICATION, ACTIVITY],
        ),
    ],
);

/// The protocol: connections, before anybody is known.
pub(super) const RDP_CORE_TS: Table = (
    "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational",
    &[
        Entry::new(CORE, 98, Action::RdpConnected, &[ACTIVITY]),
        Entry::new(
            CORE,
            103,
            Action::RdpDisconnected,
            &[&[("ReasonCode", DisconnectReason)], ACTIVITY],
        ),
        Entry::new(
            CORE,
            104,
            Action::RdpTimeZone,
            &[&[("TimezoneBiasHour", ClientBias)], ACTIVITY],
        ),
        Entry::new(
            CORE,
            131,
            Action::RdpConnection,
            &[&[("ClientIP", SourceEndpoint)], ACTIVITY],
        ),
        Entry::new(
            CORE,
            140,
            Action::RdpRefused,
            &[&[("IPString", SourceEndpoint)], ACTIVITY],
        ),
    ],
);

/// Whoever started the client asked.
const ASKED: &[(&str, Slot)] = &[(USER_ID, SubjectSid)];

/// Connections from this machine to others.
pub(super) const RDP_CLIENT: Table = (
    "Microsoft-Windows-TerminalServices-RDPClient/Operational",
    &[
        Entry::new(
            CLIENT,
            1024,
            Action::RdpOutbound,
            &[&[("Value", TargetServer)], ASKED, ACTIVITY],
        ),
        Entry::new(
            CLIENT,
            1029,
            Action::RdpOutboundAccount,
            &[&[("TraceMessage", Message)], ASKED, ACTIVITY],
        ),
        Entry::new(
            CLIENT,
            1102,
            Action::RdpOutboundAddress,
            &[&[("Value", TargetServer)], ASKED, ACTIVITY],
        ),
    ],
);

const THROUGH: &[(&str, Slot)] = &[
    ("Username", AccountPath),
    ("IpAddress", SourceEndpoint),
    ("AuthType", AuthenticationPackage),
    ("Resource", TargetServer),
    ("ErrorCode", Reason),
];

/// Connections through a gateway to machines behind it.
pub(super) const GATEWAY: Table = (
    "Microsoft-Windows-TerminalServices-Gateway/Operational",
    &[
        Entry::new(
            GATEWAYS,
            200,
            Action::GatewayAuthorized,
            &[THROUGH, ACTIVITY],
        ),
        Entry::new(GATEWAYS, 302, Action::GatewayConnect, &[THROUGH, ACTIVITY]),
        Entry::new(
            GATEWAYS,
            303,
            Action::GatewayDisconnect,
            &[THROUGH, ACTIVITY],
        ),
    ],
);
