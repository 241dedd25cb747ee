//! A result made by hand for tests: hostile names, uncertain times, damage.

use crate::analysis::{Analysis, TimelineEvent};
use crate::damage::{Damage, DamageKind, Location};
use crate::event::{Account, Action, Event, LogIndex, LogonId, LogonType};
use crate::evidence::Skipped;
use crate::guid::Guid;
use crate::log::LogAccount;
use crate::session::*;
use crate::sid::{AccountClass, Sid};
use crate::time::{LocalTime, Time, UtcOffset};

pub fn time(text: &str) -> Time {
    text.parse().unwrap()
}

pub fn account(name: &str, domain: &str, sid: &str) -> Account {
    let some = |text: &str| (!text.is_empty()).then(|| text.into());
    Account {
        name: some(name),
        domain: some(domain),
        sid: Sid::parse(sid),
    }
}

/// A console session of a local user that somebody logged off from.
pub fn session(start: &str, end: &str) -> Session {
    let record = |record_id, event_id, at: &str, role| RecordRef {
        log: LogIndex(0),
        channel: "Security".into(),
        record_id,
        event_id,
        time: time(at),
        role,
        link: None,
    };
    Session {
        id: "0123456789abcdef".into(),
        machine: 1,
        host: "WS01".into(),
        host_aliases: [].into(),
        account: account("ann", "WS01", "S-1-5-21-1-2-3-1001"),
        class: AccountClass::LocalUser,
        kind: Kind::Console,
        interactivity: Interactivity::Interactive,
        logon_type: Some(LogonType(2)),
        logon_id: LogonId::new(0x1_2345),
        linked_logon_id: None,
        elevated: Some(false),
        start: Start {
            time: Some(time(start)),
            max: None,
            source: StartSource::Recorded,
        },
        end: End {
            min: Some(time(end)),
            max: Some(time(end)),
            reason: EndReason::UserLogoff,
            source: EndSource::Recorded,
        },
        token_closed: None,
        start_local: None,
        end_local: None,
        duration: Some(time(end).since(time(start))),
        active: Some(time(end).since(time(start))),
        disconnected: Some(0),
        locked: Some(0),
        source_address: Some("127.0.0.1".into()),
        source_port: Some(0),
        workstation: Some("WS01".into()),
        logon_process: Some("User32".into()),
        authentication_package: Some("Negotiate".into()),
        lm_package: None,
        process_name: Some(r"C:\Windows\System32\winlogon.exe".into()),
        process_id: Some(0x2d8),
        outbound: Account::default(),
        logon_guid: None,
        parent: None,
        subject: account("WS01$", "WORKGROUP", "S-1-5-18"),
        subject_logon_id: LogonId::new(0x3e7),
        boot: None,
        privileges: None,
        logons: 1,
        failures_before: None,
        flags: vec![],
        intervals: vec![],
        parts: vec![Part {
            logon_id: LogonId::new(0x1_2345).unwrap(),
            start: Some(time(start)),
            end: None,
            logon_type: Some(LogonType(2)),
            reason: PartReason::Logon,
        }],
        records: vec![
            record(100, 4624, start, Role::Start),
            record(200, 4647, end, Role::End),
        ],
        start_record: Some(0),
        end_record: Some(1),
        source_record: None,
    }
}

/// A failed logon.
pub fn event(at: &str, action: Action, event_id: u16) -> TimelineEvent {
    let mut event = Event::of(action);
    event.time = time(at);
    event.set_record_id(99);
    (event.computer, event.channel) = ("WS01".into(), "Security".into());
    event.provider = "Microsoft-Windows-Security-Auditing";
    event.event_id = event_id;
    event.writer = Some(600);
    event.account = account("ann", "WS01", "S-1-0-0");
    event.logon_type = Some(LogonType(3));
    event.logon_process = Some("NtLmSsp".into());
    event.authentication_package = Some("NTLM".into());
    event.workstation = Some("KALI".into());
    event.source_address = Some("10.0.0.66".into());
    event.set_source_port(Some(50_123));
    (event.status, event.sub_status) = (Some(0xc000_006d), Some(0xc000_006a));
    TimelineEvent {
        event,
        machine: 1,
        host: "WS01".into(),
        kind: None,
        session: None,
        sources: vec![LogIndex(0)].into(),
    }
}

/// Three machines, seven sessions, five events, a damaged log and a skipped file.
pub fn analysis() -> Analysis {
    let plain = Session {
        privileges: Some("SeSecurityPrivilege SeBackupPrivilege".into()),
        boot: Some(time("2020-09-19T03:00:01.25")),
        token_closed: Some(time("2020-09-19T11:27:00")),
        linked_logon_id: LogonId::new(0x1_2300),
        elevated: Some(true),
        active: Some(27_000 * 10_000_000),
        locked: Some(1_920 * 10_000_000 + 150_000),
        intervals: vec![Interval {
            state: State::Locked,
            from: Some(time("2020-09-19T09:00")),
            to: Some(time("2020-09-19T09:32:00.015")),
            source: EndSource::Recorded,
            address: None,
        }],
        ..session("2020-09-19T03:21:46.0325647", "2020-09-19T11:26:50.5")
    };
    let system = Session {
        id: "00000000000003e7".into(),
        account: account("SYSTEM", "NT AUTHORITY", "S-1-5-18"),
        class: AccountClass::LocalSystem,
        kind: Kind::System,
        interactivity: Interactivity::NonInteractive,
        logon_type: Some(LogonType(0)),
        logon_id: LogonId::new(0x3e7),
        elevated: None,
        start: Start {
            time: Some(time("2020-09-19T03:00:02")),
            max: None,
            source: StartSource::Inferred,
        },
        end: End {
            min: Some(time("2020-09-19T22:10")),
            max: Some(time("2020-09-20T07:45:00.0000001")),
            reason: EndReason::Crash,
            source: EndSource::Recorded,
        },
        duration: None,
        active: None,
        disconnected: None,
        locked: None,
        logons: 41,
        failures_before: None,
        end_record: None,
        source_address: None,
        workstation: None,
        flags: vec![Flag::SpansClear, Flag::ClockChanged],
        ..session("2020-09-19T03:00:02", "2020-09-20T07:45")
    };
    let plainest = session("2021-01-01", "2021-01-01T00:00:00.0150000");
    let authentication = RecordRef {
        channel: "Microsoft-Windows-TerminalServices-RemoteConnectionManager/Operational".into(),
        record_id: 7,
        event_id: 1149,
        time: time("2020-12-31T23:59:59"),
        role: Role::Credentials,
        link: Some(Link {
            rule: LinkRule::Authentication,
            score: Score::NAMED,
        }),
        ..plainest.records[0].clone()
    };
    let hostile = Session {
        id: "aaaaaaaaaaaaaaaa".into(),
        host: "=cmd|'/c calc'!A0,\"x\"".into(),
        host_aliases: ["WIN-03DLIIOFRRA".into(), "a;b".into()].into(),
        account: account(
            "\u{202e}nimdA\0\u{1b}[2J\r\n,\";'",
            "\u{200b}Ünï",
            "S-1-5-21-9-8-7-500",
        ),
        kind: Kind::Rdp,
        logon_type: Some(LogonType(10)),
        source_address: Some("10.0.0.5".into()),
        source_port: Some(65_535),
        workstation: Some("very-long-".repeat(40).into()),
        flags: vec![Flag::Nla, Flag::Tunnel, Flag::SuspiciousName],
        intervals: vec![Interval {
            state: State::Disconnected,
            from: None,
            to: Some(time("2021-01-01T00:30")),
            source: EndSource::Unknown,
            address: Some("10.0.0.7".into()),
        }],
        records: [&[authentication][..], &plainest.records].concat(),
        start_record: Some(1),
        end_record: Some(2),
        source_record: Some(0),
        ..plainest
    };
    let before = Session {
        id: "bbbbbbbbbbbbbbbb".into(),
        start: Start {
            time: None,
            max: Some(time("2020-09-18T23:59:59.9999999")),
            source: StartSource::BeforeLog,
        },
        start_record: None,
        duration: None,
        active: None,
        kind: Kind::Unknown,
        interactivity: Interactivity::Unknown,
        logon_type: Some(LogonType(77)),
        elevated: None,
        process_id: Some(u64::MAX),
        end: End {
            min: Some(time("2020-09-19T03:00")),
            max: Some(time("2020-09-19T03:00")),
            reason: EndReason::Shutdown,
            source: EndSource::Inferred,
        },
        ..session("2020-09-18", "2020-09-19T03:00")
    };
    let open = Session {
        id: "cccccccccccccccc".into(),
        host: "srv.例え.example".into(),
        account: account(
            "管理者管理者管理者管理者管理者",
            "会社",
            "S-1-5-21-4-4-4-1105",
        ),
        class: AccountClass::DomainUser,
        kind: Kind::NetworkCleartext,
        interactivity: Interactivity::Network,
        logon_type: Some(LogonType(8)),
        end: End {
            min: Some(time("2022-02-05T21:18:52")),
            max: None,
            reason: EndReason::LogEnds,
            source: EndSource::Unknown,
        },
        end_record: None,
        duration: None,
        active: None,
        source_address: Some("fe80::1ff:fe23:4567:890a".into()),
        ..session("2022-02-05T19:18:52.3856181", "2022-02-05T21:18:52")
    };
    let runas = Session {
        id: "dddddddddddddddd".into(),
        account: account("bob", "", ""),
        class: AccountClass::Unknown,
        kind: Kind::RunasNetonly,
        logon_type: Some(LogonType(9)),
        parent: Some("0123456789abcdef".into()),
        outbound: account("svc", "CORP", ""),
        logon_guid: Guid::parse("{00000000-1111-2222-3333-444444444444}"),
        lm_package: Some("NTLM V2".into()),
        start_local: UtcOffset::from_minutes(-420).map(|offset| LocalTime {
            time: time("2020-09-19T04:00"),
            offset,
        }),
        end: End {
            min: None,
            max: Some(time("2020-09-20T07:45")),
            reason: EndReason::LostBoot,
            source: EndSource::Inferred,
        },
        end_record: Some(17),
        duration: None,
        active: None,
        ..session("2020-09-19T04:00", "2020-09-19T04:00")
    };

    let mut events = vec![
        event("2020-09-19T03:20:00", Action::LogonFailed, 4625),
        event("2020-09-19T03:21:46.0325647", Action::Logon, 4624),
        event("2020-09-19T04:00:00", Action::ExplicitCredentials, 4648),
        event("2020-09-19T05:00:00", Action::ClockChange, 4616),
        event("2020-09-19T06:00:00", Action::LogCleared, 1102),
    ];
    let [_, logon, explicit, clock, cleared] = &mut events[..] else {
        unreachable!()
    };
    logon.session = Some("0123456789abcdef".into());
    logon.kind = Some(Kind::Console);
    logon.event.account = plain.account.clone();
    logon.event.set_logon_id(plain.logon_id);
    logon.event.linked_logon_id = plain.linked_logon_id;
    logon.event.logon_type = Some(LogonType(2));
    logon.event.elevated = Some(false);
    (logon.event.status, logon.event.sub_status) = (None, None);
    logon.event.set_record_id(100);
    logon.sources = vec![LogIndex(0), LogIndex(1)].into();
    explicit.event.subject = plain.account.clone();
    explicit.event.target_server = Some("SRV\u{202e}02,\"x\"".into());
    clock.event.previous_time = Some(time("2020-09-19T06:00"));
    clock.event.new_time = Some(time("2020-09-19T05:00"));
    cleared.event.subject = account("ev\nil", "WS01", "S-1-5-21-1-2-3-1002");
    for row in [explicit, clock, cleared] {
        row.event.account = Account::default();
        row.event.logon_type = None;
        (row.event.status, row.event.sub_status) = (None, None);
        (row.event.source_address, row.event.workstation) = (None, None);
    }

    let mut logs = vec![
        LogAccount {
            path: "case/Security, \"live\".evtx".into(),
            recovered: false,
            account: crate::log::Account {
                bytes: 1_118_208,
                chunks: 2,
                claimed: 10,
                read: 8,
                read_by_evtx: 1,
                damaged: 2,
                bad_checksums: 1,
                dirty: true,
                ..Default::default()
            },
            span: Some((time("2020-09-18T23:59"), time("2022-02-05T21:18:52"))),
            other_host: Some("WS\u{202e}02".into()),
        },
        LogAccount {
            path: "case/empty\u{1b}.evtx".into(),
            recovered: false,
            account: crate::log::Account::default(),
            span: None,
            other_host: None,
        },
    ];
    let place = |chunk, record, offset| Location {
        chunk,
        record,
        offset,
    };
    logs[0].account.damage = vec![
        Damage {
            location: place(Some(1), None, Some(0x11000)),
            kind: DamageKind::ChunkData,
            message: "checksum is 0x1, should be 0x2".into(),
        },
        Damage {
            location: place(Some(1), Some(9), None),
            kind: DamageKind::Record,
            message: "bad token \u{1b}[31m".into(),
        },
    ];
    Analysis {
        sessions: vec![hostile, before, system, plain, runas, open],
        events,
        coverage: coverage(),
        logs,
        skipped: vec![Skipped {
            path: "case/Sys\u{202e}tem.evtx".into(),
            reason: "permission denied".into(),
        }],
        other_files: 12,
        members_not_searched: 2,
        local_clocks: Vec::new(),
        conflicts: 1,
    }
}

/// A Security log with everything that can be said of one, and an exported one of a hostile name.
fn coverage() -> Vec<Coverage> {
    let mark = |record_id, event_id, at: &str| Mark {
        record_id,
        event_id,
        time: time(at),
    };
    let first = (100, time("2020-09-18T23:59"));
    let last = (900, time("2020-09-19T22:10"));
    let security = Coverage {
        machine: 1,
        host: "WS01".into(),
        host_aliases: [].into(),
        channel: "Security".into(),
        origin: Origin::Both,
        first,
        last,
        records: 701,
        duplicates: 12,
        left_out: 3,
        recovered: 0,
        contradicting: 0,
        wrapped: true,
        logs: vec![
            Holding {
                log: LogIndex(0),
                records: 701,
                first,
                last,
                live: true,
            },
            Holding {
                log: LogIndex(1),
                records: 12,
                first: (200, time("2020-09-19T03:20")),
                last: (214, time("2020-09-19T06:00")),
                live: false,
            },
        ],
        gaps: vec![
            Gap {
                first: 301,
                last: 340,
                before: time("2020-09-19T03:30"),
                after: time("2020-09-19T03:41:15.5"),
                cause: GapCause::Missing,
            },
            Gap {
                first: 400,
                last: 459,
                before: time("2020-09-19T05:59"),
                after: time("2020-09-19T06:00"),
                cause: GapCause::Cleared,
            },
        ],
        clears: vec![
            Clear {
                cleared: "Security".into(),
                channel: "Security".into(),
                record: mark(460, 1102, "2020-09-19T06:00"),
                by: account("ev\nil", "WS01", "S-1-5-21-1-2-3-1002"),
            },
            Clear {
                cleared: "Set\u{202e}up".into(),
                channel: "System".into(),
                record: mark(77, 104, "2020-09-19T06:01"),
                by: account("", "", "S-1-5-18"),
            },
        ],
        clock_changes: vec![
            ClockChange {
                record: mark(350, 4616, "2020-09-19T05:00"),
                previous: Some(time("2020-09-19T06:00")),
                new: Some(time("2020-09-19T05:00")),
                by: account("ann", "WS01", "S-1-5-21-1-2-3-1001"),
                process: Some(r"C:\Windows\System32\rundll32.exe".into()),
                reason: None,
            },
            ClockChange {
                record: mark(351, 4616, "2020-09-19T05:00:01"),
                previous: Some(time("2020-09-19T05:00:01")),
                new: Some(time("2020-09-19T05:00:01.05")),
                by: account("LOCAL SERVICE", "NT AUTHORITY", "S-1-5-19"),
                process: None,
                reason: Some(2),
            },
        ],
        boots: vec![
            CoveredBoot {
                start: None,
                start_source: StartSource::BeforeLog,
                record: None,
                untold_before: 0,
                end_reason: EndReason::Crash,
                end_record: Some(("System".into(), mark(70, 6008, "2020-09-19T03:00:03"))),
            },
            CoveredBoot {
                start: Some(time("2020-09-19T03:00:00.5")),
                start_source: StartSource::Recorded,
                record: Some(mark(101, 4608, "2020-09-19T03:00:01.25")),
                untold_before: 2,
                end_reason: EndReason::LogEnds,
                end_record: None,
            },
        ],
        audit_losses: vec![
            AuditLoss {
                record: mark(100, 1101, "2020-09-18T23:59"),
                event_id: None,
                is_logoff: false,
            },
            AuditLoss {
                record: mark(470, 1108, "2020-09-19T06:30"),
                event_id: Some(4647),
                is_logoff: true,
            },
        ],
        offsets: vec![
            OffsetMark {
                record: mark(71, 6013, "2020-09-19T03:00:04"),
                offset: None,
                source: EndSource::Unknown,
                standard: UtcOffset::from_minutes(-480),
                zone: Some("Pacific \u{1b}Time".into()),
            },
            OffsetMark {
                record: mark(72, 24, "2020-09-19T03:00:05"),
                offset: UtcOffset::from_minutes(-420),
                source: EndSource::Recorded,
                standard: None,
                zone: None,
            },
        ],
        conflicts: vec![Conflict {
            channel: "Security".into(),
            record_id: 205,
            time: time("2020-09-19T03:25"),
            used: LogIndex(0),
            other: LogIndex(1),
        }],
    };
    let exported = Coverage {
        host: "=cmd|'/c calc'!A0,\"x\"".into(),
        host_aliases: ["WIN-03DLIIOFRRA".into(), "a;b".into()].into(),
        channel: "Microsoft-Windows-\u{202e}Terminal\u{1b}[2J".into(),
        origin: Origin::Exported,
        records: 1,
        duplicates: 0,
        left_out: 0,
        recovered: 0,
        contradicting: 0,
        wrapped: false,
        logs: vec![],
        gaps: vec![],
        clears: vec![],
        clock_changes: vec![],
        boots: vec![],
        audit_losses: vec![],
        offsets: vec![],
        conflicts: vec![],
        ..security.clone()
    };
    vec![exported, security]
}
