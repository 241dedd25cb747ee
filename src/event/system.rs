//! The System channel: when the machine started, stopped, slept, changed its clock, and who was at its desktop.
//!
//! Many providers share this channel and some share event IDs: 1, 12, 13, 20, 24, 27, 41 and 42 mean these things only
//! from these providers. Classic providers (EventLog, User32) store values without names; their order is that of the
//! insertion strings of their messages.

use super::Action;
use super::fields::{Entry, Slot, Table, USER_ID};
use Slot::*;

const GENERAL: &str = "Microsoft-Windows-Kernel-General";
const KERNEL_BOOT: &str = "Microsoft-Windows-Kernel-Boot";
const KERNEL_POWER: &str = "Microsoft-Windows-Kernel-Power";
const POWER_TROUBLESHOOTER: &str = "Microsoft-Windows-Power-Troubleshooter";
const EVENT_LOG: &str = "EventLog";
const EVENT_LOG_MANIFEST: &str = "Microsoft-Windows-Eventlog";
const USER32: &str = "User32";
const WINLOGON: &str = "Microsoft-Windows-Winlogon";
const SERVICES: &str = "Service Control Manager";

/// The account whose process wrote the record asked for what it says.
const ASKED: &[(&str, Slot)] = &[(USER_ID, SubjectSid)];

const CLOCK: &[(&str, Slot)] = &[
    ("OldTime", PreviousTime),
    ("NewTime", NewTime),
    ("Reason", Reason),
    ("ProcessName", ProcessName),
    ("ProcessID", ProcessId),
];

const SLEPT: &[(&str, Slot)] = &[
    ("SleepTime", StopTime),
    ("WakeTime", StartTime),
    ("TargetState", TargetState),
];

const BOOT_STATUS: &[(&str, Slot)] = &[
    ("LastBootId", LastBootId),
    ("LastBootGood", LastBootGood),
    ("LastShutdownGood", LastShutdownGood),
];

const SLEEP: &[(&str, Slot)] = &[("TargetState", TargetState), ("Reason", Reason)];

const STOPPING: &[(&str, Slot)] = &[
    ("ShutdownActionType", PowerAction),
    ("ShutdownReason", Reason),
];

/// 1074: process, computer, reason, its code, type of stop, comment, account. Named since Windows 8.
const STOP_REQUEST: &[(&str, Slot)] = &[
    ("param1", ProcessAndHost),
    ("param3", ReasonText),
    ("param4", Reason),
    ("param5", StopType),
    ("param6", Message),
    ("param7", SubjectPath),
];
const STOP_REQUEST_UNNAMED: &[(usize, Slot)] = &[
    (0, ProcessAndHost),
    (2, ReasonText),
    (3, Reason),
    (4, StopType),
    (5, Message),
    (6, SubjectPath),
];

const CLEARED: &[(&str, Slot)] = &[
    ("SubjectUserName", SubjectName),
    ("SubjectDomainName", SubjectDomain),
    ("Channel", Object),
];

const DESKTOP: &[(&str, Slot)] = &[("TSId", SessionNumber), ("UserSid", AccountSid)];

/// `AccountName` is the account that the service runs as.
const SERVICE: &[(&str, Slot)] = &[
    ("ServiceName", Object),
    ("ImagePath", Command),
    ("AccountName", AccountPath),
];

/// The texts of 6008 are local and localised; its binary data holds the same time in UTC.
const LAST_ALIVE: &[(&str, Slot)] = &[("Binary", LastAlive)];

/// Every record of this channel that is looked at.
pub(super) const TABLE: Table = (
    "System",
    &[
        Entry::new(GENERAL, 1, Action::ClockChange, &[CLOCK, ASKED]),
        Entry::new(POWER_TROUBLESHOOTER, 1, Action::Wake, &[SLEPT]),
        Entry::new(GENERAL, 12, Action::Boot, &[&[("StartTime", StartTime)]]),
        Entry::new(GENERAL, 13, Action::Shutdown, &[&[("StopTime", StopTime)]]),
        Entry::new(KERNEL_BOOT, 20, Action::BootStatus, &[BOOT_STATUS]),
        Entry::new(GENERAL, 24, Action::TimeZone, &[&[("CurrentBias", Bias)]]),
        Entry::new(
            KERNEL_BOOT,
            27,
            Action::BootType,
            &[&[("BootType", BootType)]],
        ),
        Entry::new(
            KERNEL_POWER,
            41,
            Action::Crash,
            &[&[("BugcheckCode", Reason)]],
        ),
        Entry::new(KERNEL_POWER, 42, Action::Sleep, &[SLEEP]),
        Entry::new(
            EVENT_LOG_MANIFEST,
            104,
            Action::LogCleared,
            &[CLEARED, ASKED],
        ),
        Entry::new(
            KERNEL_POWER,
            107,
            Action::Wake,
            &[&[("TargetState", TargetState)]],
        ),
        Entry::new(KERNEL_POWER, 109, Action::ShutdownStarted, &[STOPPING]),
        Entry::new(USER32, 1074, Action::StopRequest, &[STOP_REQUEST, ASKED])
            .with_unnamed(STOP_REQUEST_UNNAMED),
        Entry::new(EVENT_LOG, 6005, Action::LogServiceStart, &[]),
        Entry::new(EVENT_LOG, 6006, Action::LogServiceStop, &[]),
        Entry::new(EVENT_LOG, 6008, Action::Crash, &[LAST_ALIVE]),
        Entry::new(EVENT_LOG, 6009, Action::WindowsVersion, &[]).with_unnamed(&[(1, Object)]),
        Entry::new(EVENT_LOG, 6013, Action::Uptime, &[])
            .with_unnamed(&[(4, UptimeSeconds), (6, StandardBias)]),
        Entry::new(WINLOGON, 7001, Action::WinlogonLogon, &[DESKTOP]),
        Entry::new(WINLOGON, 7002, Action::WinlogonLogoff, &[DESKTOP]),
        Entry::new(SERVICES, 7045, Action::ServiceInstalled, &[SERVICE, ASKED]),
    ],
);
