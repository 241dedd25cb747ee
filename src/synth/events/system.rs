//! The System channel: boots, stops, sleep, clock, services.
//!
//! Several providers write the same event numbers: a row is found by provider and number.

use super::{EVENTLOG, EVENTLOG_GUID, EVENTLOG_NAMESPACE, Layout, Shape, Writer};
use crate::synth::value::Kind::{self, *};

/// The channel.
pub(in crate::synth) const SYSTEM: &str = "System";

pub(in crate::synth) const KERNEL_GENERAL: &str = "Microsoft-Windows-Kernel-General";
pub(in crate::synth) const KERNEL_BOOT: &str = "Microsoft-Windows-Kernel-Boot";
pub(in crate::synth) const KERNEL_POWER: &str = "Microsoft-Windows-Kernel-Power";
pub(in crate::synth) const POWER_TROUBLESHOOTER: &str = "Microsoft-Windows-Power-Troubleshooter";
pub(in crate::synth) const WINLOGON: &str = "Microsoft-Windows-Winlogon";
pub(in crate::synth) const SERVICE_CONTROL: &str = "Service Control Manager";
/// Since Windows 8; before, it is a classic provider of the name in capitals.
pub(in crate::synth) const USER32: &str = "User32";
pub(in crate::synth) const USER32_CLASSIC: &str = "USER32";
/// The event log service's classic name.
pub(in crate::synth) const EVENTLOG_CLASSIC: &str = "EventLog";

/// What most rows have: information, written by the kernel.
const BLANK: Layout = Layout {
    event_id: 0,
    version: 0,
    task: 0,
    level: 4,
    keywords: 0x8000_0000_0000_0000,
    provider: "",
    provider_guid: "",
    source_name: None,
    channel: SYSTEM,
    opcode: 0,
    qualifiers: None,
    writer: Writer::Kernel,
    user: None,
    shape: Shape::EventData,
    fields: &[],
};

const BY_SYSTEM: Option<&[u32]> = Some(&[18]);

const GENERAL: Layout = Layout {
    provider: KERNEL_GENERAL,
    provider_guid: "{a68ca8b7-004f-d7b6-a698-07e2de0f1f5d}",
    ..BLANK
};
const BOOT: Layout = Layout {
    provider: KERNEL_BOOT,
    provider_guid: "{15ca44ff-4d7a-4baa-bba5-0998955e531e}",
    ..BLANK
};
const POWER: Layout = Layout {
    provider: KERNEL_POWER,
    provider_guid: "{331c3b3a-2005-44c2-ac5e-77220c37d6b4}",
    ..BLANK
};

const fn kernel(of: Layout, event_id: u16, version: u8) -> Layout {
    Layout {
        event_id,
        version,
        ..of
    }
}

const fn classic(event_id: u16, level: u8, fields: &'static [(&'static str, Kind)]) -> Layout {
    Layout {
        provider: EVENTLOG_CLASSIC,
        event_id,
        level,
        keywords: 0x0080_0000_0000_0000,
        qualifiers: Some(0x8000),
        writer: Writer::Nobody,
        shape: Shape::Classic,
        fields,
        ..BLANK
    }
}

const fn winlogon(event_id: u16, task: u16) -> Layout {
    Layout {
        provider: WINLOGON,
        provider_guid: "{dbe9b383-7cf3-4331-91cc-a3cb16a3b538}",
        event_id,
        task,
        keywords: 0x2000_2000_0000_0000,
        writer: Writer::Winlogon,
        user: BY_SYSTEM,
        fields: &[("TSId", U32), ("UserSid", Sid)],
        ..BLANK
    }
}

/// All rows.
#[rustfmt::skip]
pub(in crate::synth) static LAYOUTS: &[Layout] = &[
    Layout { task: 5, keywords: 0x8000_0000_0000_0010, fields: &[("NewTime", Time), ("OldTime", Time)], ..kernel(GENERAL, 1, 0) },
    Layout { task: 5, keywords: 0x8000_0000_0000_0010,
        fields: &[("NewTime", Time), ("OldTime", Time), ("Reason", U32)], ..kernel(GENERAL, 1, 1) },
    Layout { task: 5, keywords: 0x8000_0000_0000_0010,
        fields: &[("NewTime", Time), ("OldTime", Time), ("Reason", U32), ("ProcessName", Text), ("ProcessID", U32)],
        ..kernel(GENERAL, 1, 2) },
    Layout { task: 1, keywords: 0x8000_0000_0000_0080, user: BY_SYSTEM,
        fields: &[("MajorVersion", U32), ("MinorVersion", U32), ("BuildVersion", U32), ("QfeVersion", U32),
            ("ServiceVersion", U32), ("BootMode", U32), ("StartTime", Time)],
        ..kernel(GENERAL, 12, 0) },
    Layout { task: 2, keywords: 0x8000_0000_0000_0080, fields: &[("StopTime", Time)], ..kernel(GENERAL, 13, 0) },
    Layout { task: 11, keywords: 0x8000_0000_0000_0010,
        fields: &[("ExitReason", U32), ("CurrentBias", U32), ("CurrentTimeZoneID", U32),
            ("TimeZoneInfoCacheUpdated", U32), ("FirstRefresh", U32)],
        ..kernel(GENERAL, 24, 0) },
    Layout { task: 31, user: BY_SYSTEM, fields: &[("LastShutdownGood", Bool), ("LastBootGood", Bool)], ..kernel(BOOT, 20, 0) },
    Layout { task: 31, user: BY_SYSTEM,
        fields: &[("LastShutdownGood", Bool), ("LastBootGood", Bool), ("LastBootId", U32), ("BootStatusPolicy", U32)],
        ..kernel(BOOT, 20, 1) },
    Layout { task: 33, user: BY_SYSTEM, fields: &[("BootType", U32)], ..kernel(BOOT, 27, 0) },
    Layout { task: 33, user: BY_SYSTEM, fields: &[("BootType", U32), ("LoadOptions", Text)], ..kernel(BOOT, 27, 1) },
    Layout { task: 63, level: 1, keywords: 0x8000_0000_0000_0002, user: BY_SYSTEM,
        fields: &[("BugcheckCode", U32), ("BugcheckParameter1", Hex64), ("BugcheckParameter2", Hex64),
            ("BugcheckParameter3", Hex64), ("BugcheckParameter4", Hex64), ("SleepInProgress", Bool),
            ("PowerButtonTimestamp", U64)],
        ..kernel(POWER, 41, 2) },
    Layout { task: 63, level: 1, keywords: 0x8000_4000_0000_0002, user: BY_SYSTEM,
        fields: &[("BugcheckCode", U32), ("BugcheckParameter1", Hex64), ("BugcheckParameter2", Hex64),
            ("BugcheckParameter3", Hex64), ("BugcheckParameter4", Hex64), ("SleepInProgress", U32),
            ("PowerButtonTimestamp", U64), ("BootAppStatus", U32), ("Checkpoint", U8),
            ("ConnectedStandbyInProgress", Bool), ("SystemSleepTransitionsToOn", U32),
            ("CsEntryScenarioInstanceId", U8), ("BugcheckInfoFromEFI", Bool), ("CheckpointStatus", U8)],
        ..kernel(POWER, 41, 6) },
    Layout { task: 64, keywords: 0x8000_0000_0000_0404,
        fields: &[("TargetState", U32), ("EffectiveState", U32), ("Reason", U32), ("Flags", U32), ("TransitionsToOn", U32)],
        ..kernel(POWER, 42, 3) },
    Layout { task: 102, keywords: 0x8000_0000_0000_0444,
        fields: &[("TargetState", U32), ("EffectiveState", U32), ("WakeFromState", U32),
            ("ProgrammedWakeTimeAc", Time), ("ProgrammedWakeTimeDc", Time),
            ("WakeRequesterTypeAc", U32), ("WakeRequesterTypeDc", U32)],
        ..kernel(POWER, 107, 1) },
    Layout { task: 103, keywords: 0x8000_4000_0000_0404, writer: Writer::Wininit,
        fields: &[("ShutdownActionType", U32), ("ShutdownEventCode", U32), ("ShutdownReason", U32)],
        ..kernel(POWER, 109, 0) },
    Layout { provider: POWER_TROUBLESHOOTER, provider_guid: "{cdc05e28-c449-49c6-b9d2-88cf761644df}", event_id: 1,
        version: 3, user: Some(&[19]), writer: Writer::Profiles,
        fields: &[("SleepTime", Time), ("WakeTime", Time), ("SleepDuration", U32), ("WakeDuration", U32),
            ("DriverInitDuration", U32), ("BiosInitDuration", U32), ("HiberWriteDuration", U32),
            ("HiberReadDuration", U32), ("HiberPagesWritten", U32), ("Attributes", U32), ("TargetState", U32),
            ("EffectiveState", U32), ("WakeSourceType", U32), ("WakeSourceTextLength", U32), ("WakeSourceText", Text),
            ("WakeTimerOwnerLength", U32), ("WakeTimerContextLength", U32), ("NoMultiStageResumeReason", U32),
            ("WakeTimerOwner", Text), ("WakeTimerContext", Text), ("CheckpointDuration", U32)],
        ..BLANK },
    winlogon(7001, 1101),
    winlogon(7002, 1102),
    Layout { provider: SERVICE_CONTROL, provider_guid: "{555908d1-a6d7-4695-8e1e-26931d2012f4}",
        source_name: Some(SERVICE_CONTROL), event_id: 7045, keywords: 0x8080_0000_0000_0000, qualifiers: Some(0x4000),
        writer: Writer::Services, user: BY_SYSTEM,
        fields: &[("ServiceName", Text), ("ImagePath", Text), ("ServiceType", Text), ("StartType", Text), ("AccountName", Text)],
        ..BLANK },
    Layout { provider: USER32, provider_guid: "{b0aa8734-56f7-41cc-b2f4-de228e98b946}", source_name: Some(USER32),
        event_id: 1074, keywords: 0x8080_0000_0000_0000, qualifiers: Some(0x8000), writer: Writer::Wininit,
        fields: &[("param1", Text), ("param2", Text), ("param3", Text), ("param4", Text), ("param5", Text),
            ("param6", Text), ("param7", Text)],
        ..BLANK },
    Layout { provider: USER32_CLASSIC, ..classic(1074, 4, &[("", Texts), ("Binary", Binary)]) },
    classic(6005, 4, &[("Binary", Binary)]),
    classic(6006, 4, &[("Binary", Binary)]),
    classic(6008, 2, &[("", Texts), ("Binary", Binary)]),
    classic(6009, 4, &[("", Texts)]),
    classic(6013, 4, &[("", Texts), ("Binary", Binary)]),
    Layout { provider: EVENTLOG, provider_guid: EVENTLOG_GUID, event_id: 104, task: 104, writer: Writer::EventLog,
        shape: Shape::UserData("LogFileCleared", EVENTLOG_NAMESPACE),
        fields: &[("SubjectUserName", Text), ("SubjectDomainName", Text), ("Channel", Text), ("BackupPath", Text)],
        ..BLANK },
];
