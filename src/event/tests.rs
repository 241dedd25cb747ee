//! A row for every event of every table: a record as it is stored, and what it means. Values are those of real logs.

use super::fields::TABLES;
use super::*;
use crate::log::with_record;
use std::collections::HashSet;

const GENERAL: &str = "Microsoft-Windows-Kernel-General";
const KERNEL_BOOT: &str = "Microsoft-Windows-Kernel-Boot";
const POWER: &str = "Microsoft-Windows-Kernel-Power";
const TROUBLE: &str = "Microsoft-Windows-Power-Troubleshooter";
const AUDIT: &str = "Microsoft-Windows-Security-Auditing";
const LOG: &str = "Microsoft-Windows-Eventlog";
const LSM: &str = "Microsoft-Windows-TerminalServices-LocalSessionManager";
const RCM: &str = "Microsoft-Windows-TerminalServices-RemoteConnectionManager";
const CORE: &str = "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS";
const CLIENT: &str = "Microsoft-Windows-TerminalServices-ClientActiveXCore";
const RDP_CLIENT: &str = "Microsoft-Windows-TerminalServices-RDPClient/Operational";
const GATEWAY: &str = "Microsoft-Windows-TerminalServices-Gateway";
const PROFILES: &str = "Microsoft-Windows-User Profiles Service";
const PROFILE_LOG: &str = "Microsoft-Windows-User Profile Service/Operational";
const WINRM: &str = "Microsoft-Windows-WinRM";
const ALICE: &str = "S-1-5-21-1-2-3-1001";

/// Channel, provider, event ID, the part of the record after System, what it must mean.
type Row = (
    &'static str,
    &'static str,
    u16,
    &'static str,
    &'static [(&'static str, &'static str)],
);

fn operational(provider: &str) -> String {
    format!("{provider}/Operational")
}

fn json(channel: &str, provider: &str, id: &str, rest: &str) -> String {
    let channel = match channel {
        "" => operational(provider),
        named => named.to_owned(),
    };
    let rest = if rest.is_empty() {
        String::new()
    } else {
        format!(",{rest}")
    };
    format!(
        r##"{{"Event":{{"System":{{"Provider":{{"#attributes":{{"Name":"{provider}"}}}},"EventID":{id},"Channel":"{channel}",
        "Computer":"pc","Security":{{"#attributes":{{"UserID":"{ALICE}"}}}},
        "Correlation":{{"#attributes":{{"ActivityID":"{{F4209C33-EFF1-4FBF-91ED-8699B5430000}}"}}}}}}{rest}}}}}"##
    )
}

/// Hundreds of thousands are held at once.
#[test]
fn an_event_takes_little_space() {
    assert!(size_of::<Event>() <= 32);
}

/// There is one for each logon.
#[test]
fn what_only_one_event_says_takes_little_space() {
    assert!(size_of::<Own>() <= 24);
}

#[test]
fn wide_numbers_and_what_is_an_events_own_are_kept() {
    let mut event = Event::of(Action::Logon);
    let plain = event.clone();
    let (caller, time) = (Some(50_123), Some(Time::from_filetime(7)));
    for number in [u64::MAX, 1 << 32, u64::from(u32::MAX), 5, 0] {
        event.set_record_id(number);
        event.set_logon_id(LogonId::new(number));
        assert_eq!(event.record_id(), number);
        assert_eq!(event.logon_id(), LogonId::new(number));
    }
    let guid = Guid::parse("{500826fc-0d33-fc69-5cb3-de2713bdc56a}");
    event.set_source_port(caller);
    event.set_previous(time);
    event.set_logon_guid(guid);
    let own = |event: &Event| (event.source_port(), event.previous(), event.logon_guid());
    assert_eq!(own(&event), (caller, time, guid));
    event.set_source_port(None);
    event.set_logon_guid(None);
    assert_eq!(own(&event), (None, time, None));
    event.set_previous(None);
    assert_eq!(event, plain, "nothing is left of what was taken back");
}

#[test]
fn the_time_before_is_known_where_a_boot_may_begin() {
    let mut collector = Collector::new(LogIndex(0));
    for (id, number) in [
        (5379, 1),
        (4634, 2),
        (4634, 3),
        (4826, 4),
        (4608, 5),
        (4634, 6),
        (5379, 1),
        (4634, 2),
        (4634, 3),
    ] {
        let json = format!(
            r##"{{"Event":{{"System":{{"Provider":{{"#attributes":{{"Name":"{AUDIT}"}}}},"EventID":{id},"EventRecordID":{number},
            "TimeCreated":{{"#attributes":{{"SystemTime":"2021-01-01T00:00:{number:02}Z"}}}},"Channel":"Security","Computer":"pc"}}}}}}"##
        );
        with_record(&json, |record| collector.add(record));
    }
    let second = |number: u64| format!("2021-01-01T00:00:{number:02}Z").parse().ok();
    let known = collector
        .events
        .iter()
        .map(|event| (event.record_id(), event.previous()));
    let none = |number| (number, None);
    assert_eq!(
        known.collect::<Vec<(u64, Option<Time>)>>(),
        [
            (2, second(1)),
            none(3),
            (4, second(3)),
            none(5),
            none(6),
            (2, second(1)),
            none(3)
        ]
    );
}

fn event(json: &str) -> Option<Event> {
    let mut collector = Collector::new(LogIndex(0));
    with_record(json, |record| collector.add(record));
    collector.events.pop()
}

/// All that an event says, as text.
fn said(event: &Event) -> Vec<(&'static str, String)> {
    let more = event.details();
    let text = |text: &Option<Text>| text.as_deref().map(str::to_owned);
    let sid = |sid: &Option<Sid>| sid.as_ref().map(Sid::to_string);
    let all = [
        ("action", Some(event.action.name().to_owned())),
        ("account.sid", sid(&event.account.sid)),
        ("account.name", text(&event.account.name)),
        ("account.domain", text(&event.account.domain)),
        ("subject.sid", sid(&event.subject.sid)),
        ("subject.name", text(&event.subject.name)),
        ("subject.domain", text(&event.subject.domain)),
        (
            "subject_logon_id",
            event.subject_logon_id.map(|id| id.to_string()),
        ),
        ("logon_id", event.logon_id().map(|id| id.to_string())),
        ("logon_type", event.logon_type.map(|t| t.0.to_string())),
        ("package", text(&event.authentication_package)),
        ("workstation", text(&event.workstation)),
        ("process", text(&event.process_name)),
        ("process_id", event.process_id.map(|id| id.to_string())),
        ("address", text(&event.source_address)),
        ("port", event.source_port().map(|port| port.to_string())),
        (
            "logon_guid",
            event.logon_guid().map(|guid| guid.to_string()),
        ),
        ("privileges", text(&event.privileges)),
        ("status", event.status.map(|status| format!("{status:#x}"))),
        ("session_name", text(&event.session_name)),
        ("session", event.session_number.map(|n| n.to_string())),
        ("server", text(&event.target_server)),
        ("previous_time", event.previous_time.map(|t| t.to_string())),
        ("new_time", event.new_time.map(|t| t.to_string())),
        (
            "other_session",
            more.other_session_number.map(|n| n.to_string()),
        ),
        ("reason", more.reason.map(|n| n.to_string())),
        ("reason_text", text(&more.reason_text)),
        ("start_time", more.start_time.map(|t| t.to_string())),
        ("stop_time", more.stop_time.map(|t| t.to_string())),
        ("last_boot_id", more.last_boot_id.map(|n| n.to_string())),
        ("last_boot_good", more.last_boot_good.map(|b| b.to_string())),
        (
            "last_shutdown_good",
            more.last_shutdown_good.map(|b| b.to_string()),
        ),
        ("boot_type", more.boot_type.map(|n| n.to_string())),
        ("target_state", more.target_state.map(|n| n.to_string())),
        ("uptime", more.uptime_seconds.map(|n| n.to_string())),
        ("offset", more.utc_offset_minutes.map(|n| n.to_string())),
        (
            "standard_offset",
            more.standard_offset_minutes.map(|n| n.to_string()),
        ),
        ("client_bias", more.client_bias_hours.map(|n| n.to_string())),
        ("stop_type", text(&more.stop_type)),
        ("lost", more.lost_event_id.map(|n| n.to_string())),
        ("object", text(&more.object)),
        ("command", text(&more.command)),
        ("message", text(&more.message)),
    ];
    all.into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("Security", LOG, 1100, r#""UserData":{"ServiceShutdown":{}}"#, &[("action", "log-service-stop")]),
    ("Security", LOG, 1101, r#""UserData":{"AuditEventsDropped":{"Reason":0}}"#, &[("action", "audit-dropped")]),
    ("Security", LOG, 1102, r##""UserData":{"LogFileCleared":{"#attributes":{"xmlns":"x"},"SubjectUserSid":"S-1-5-21-1-2-3-500","SubjectUserName":"Administrator","SubjectDomainName":"EXAMPLE","SubjectLogonId":"0x35312"}}"##,
        &[("action", "log-cleared"), ("subject.sid", "S-1-5-21-1-2-3-500"), ("subject.name", "Administrator"), ("subject.domain", "EXAMPLE"), ("subject_logon_id", "0x35312")]),
    ("Security", LOG, 1108, r#""UserData":{"EventProcessingFailure":{"ErrorCode":15005,"EventID":4634,"PublisherID":"Microsoft-Windows-Security-Auditing"}}"#,
        &[("action", "audit-lost"), ("reason", "15005"), ("lost", "4634"), ("object", AUDIT)]),
    ("Security", LOG, 1108, r##""UserData":{"EventProcessingFailure":{"#attributes":{"xmlns":"http://a"},"Error":{"#attributes":{"Code":"15005"}},"EventID":4647,"PublisherID":"Microsoft-Windows-Security-Auditing"}}"##,
        &[("action", "audit-lost"), ("lost", "4647"), ("object", AUDIT)]),
    ("Security", LOG, 1108, r#""UserData":{"EventProcessingFailure":{"ErrorCode":15005,"EventID":0,"PublisherID":"Microsoft-Windows-Security-Auditing"}}"#,
        &[("action", "audit-lost"), ("reason", "15005"), ("object", AUDIT)]),
    ("Security", AUDIT, 4608, r#""EventData":null"#, &[("action", "boot")]),
    ("Security", AUDIT, 4609, r#""EventData":null"#, &[("action", "shutdown")]),
    ("Security", AUDIT, 4616, r#""EventData":{"SubjectUserSid":"S-1-5-19","SubjectUserName":"LOCAL SERVICE","SubjectDomainName":"NT AUTHORITY","SubjectLogonId":"0x3e5","PreviousTime":"2022-02-05T22:18:52.6643575Z","NewTime":"2022-02-05T19:18:52.3852448Z","ProcessId":"0x608","ProcessName":"C:\\svchost.exe"}"#,
        &[("action", "clock-change"), ("subject.sid", "S-1-5-19"), ("subject.name", "LOCAL SERVICE"), ("subject.domain", "NT AUTHORITY"), ("subject_logon_id", "0x3e5"), ("process", "C:\\svchost.exe"), ("process_id", "1544"), ("previous_time", "2022-02-05T22:18:52.6643575Z"), ("new_time", "2022-02-05T19:18:52.3852448Z")]),
    ("Security", AUDIT, 4624, r#""EventData":{"SubjectUserSid":"S-1-5-18","TargetUserName":"bob","TargetLogonId":"0x5000","LogonType":10,"IpAddress":"10.0.0.1","IpPort":"0"}"#,
        &[("action", "logon"), ("account.name", "bob"), ("subject.sid", "S-1-5-18"), ("logon_id", "0x5000"), ("logon_type", "10"), ("address", "10.0.0.1")]),
    ("Security", AUDIT, 4625, r#""EventData":{"TargetUserName":"bob","Status":"0xc000006d","SubStatus":"0xc000006a","LogonType":3}"#,
        &[("action", "logon-failed"), ("account.name", "bob"), ("logon_type", "3"), ("status", "0xc000006d")]),
    ("Security", AUDIT, 4627, r#""EventData":{"SubjectUserSid":"S-1-0-0","SubjectUserName":"-","SubjectLogonId":"0x0","TargetUserSid":"S-1-5-18","TargetUserName":"DC$","TargetDomainName":"W.LOCAL","TargetLogonId":"0xc50f8","LogonType":3,"EventIdx":1,"EventCountTotal":1,"GroupMembership":"\r\n\t\t%{S-1-5-32-544}\r\n\t\t%{S-1-1-0}"}"#,
        &[("action", "group-membership"), ("account.sid", "S-1-5-18"), ("account.name", "DC$"), ("account.domain", "W.LOCAL"), ("subject.sid", "S-1-0-0"), ("logon_id", "0xc50f8"), ("logon_type", "3"), ("privileges", "S-1-5-32-544 S-1-1-0")]),
    ("Security", AUDIT, 4634, r#""EventData":{"TargetLogonId":"0x5000","LogonType":3}"#, &[("action", "logoff"), ("logon_id", "0x5000"), ("logon_type", "3")]),
    ("Security", AUDIT, 4647, r#""EventData":{"TargetUserName":"bob","TargetLogonId":"0x5000"}"#, &[("action", "user-logoff"), ("account.name", "bob"), ("logon_id", "0x5000")]),
    ("Security", AUDIT, 4648, r#""EventData":{"SubjectLogonId":"0x5000","TargetUserName":"bob","TargetServerName":"srv"}"#,
        &[("action", "explicit-credentials"), ("account.name", "bob"), ("subject_logon_id", "0x5000"), ("server", "srv")]),
    ("Security", AUDIT, 4672, r#""EventData":{"SubjectUserName":"bob","SubjectLogonId":"0x5000","PrivilegeList":"SeA\n\t\tSeB"}"#,
        &[("action", "special-privileges"), ("account.name", "bob"), ("logon_id", "0x5000"), ("privileges", "SeA SeB")]),
    ("Security", AUDIT, 4675, r#""EventData":{"SubjectUserSid":"S-1-0-0","TargetUserSid":"S-1-5-21-1-2-3-1001","TargetUserName":"bob","TargetDomainName":"B","TdoSid":"S-1-5-21-7-8-9","SidList":"%{S-1-5-21-7-8-9-512}"}"#,
        &[("action", "sids-filtered"), ("account.sid", ALICE), ("account.name", "bob"), ("account.domain", "B"), ("subject.sid", "S-1-0-0"), ("privileges", "S-1-5-21-7-8-9-512")]),
    ("Security", AUDIT, 4688, r#""EventData":{"SubjectUserSid":"S-1-5-18","SubjectUserName":"-","SubjectDomainName":"-","SubjectLogonId":"0x3e7","NewProcessName":"C:\\Windows\\System32\\smss.exe"}"#,
        &[("action", "starting-up"), ("subject.sid", "S-1-5-18"), ("subject_logon_id", "0x3e7")]),
    ("Security", AUDIT, 4696, r#""EventData":{"SubjectUserSid":"S-1-5-18","SubjectUserName":"-","SubjectLogonId":"0x3e7","TargetLogonId":"0x3e7","TargetProcessName":"Registry"}"#,
        &[("action", "starting-up"), ("subject.sid", "S-1-5-18"), ("subject_logon_id", "0x3e7")]),
    ("Security", AUDIT, 4697, r#""EventData":{"SubjectUserSid":"S-1-5-18","SubjectUserName":"DC$","SubjectDomainName":"W","SubjectLogonId":"0x3e7","ServiceName":"Wpn_58984","ServiceFileName":"C:\\svchost.exe -k U","ServiceType":"0xe0","ServiceStartType":3,"ServiceAccount":"LocalSystem"}"#,
        &[("action", "service-installed"), ("account.name", "LocalSystem"), ("subject.sid", "S-1-5-18"), ("subject.name", "DC$"), ("subject.domain", "W"), ("subject_logon_id", "0x3e7"), ("object", "Wpn_58984"), ("command", "C:\\svchost.exe -k U")]),
    ("Security", AUDIT, 4698, r#""EventData":{"SubjectUserName":"bob","SubjectLogonId":"0x17e2d2","TaskName":"\\CYAlyNSS","TaskContent":"<Task/>"}"#,
        &[("action", "task-created"), ("subject.name", "bob"), ("subject_logon_id", "0x17e2d2"), ("object", "\\CYAlyNSS")]),
    ("Security", AUDIT, 4723, r#""EventData":{"TargetUserName":"fsir","TargetDomainName":"WIN","TargetSid":"S-1-5-21-1-2-3-1001","SubjectUserName":"fsir","SubjectDomainName":"WIN","SubjectLogonId":"0x1cde9","PrivilegeList":"-"}"#,
        &[("action", "password-change"), ("account.sid", ALICE), ("account.name", "fsir"), ("account.domain", "WIN"), ("subject.name", "fsir"), ("subject.domain", "WIN"), ("subject_logon_id", "0x1cde9")]),
    ("Security", AUDIT, 4768, r#""EventData":{"TargetUserName":"lgrove","TargetDomainName":"t.com","TargetSid":"S-1-5-21-1-2-3-1001","ServiceName":"krbtgt","ServiceSid":"S-1-5-21-1-2-3-502","TicketOptions":"0x40810010","Status":"0x0","PreAuthType":"2","IpAddress":"::ffff:172.16.66.19","IpPort":"50611"}"#,
        &[("action", "kerberos-ticket"), ("account.sid", ALICE), ("account.name", "lgrove"), ("account.domain", "t.com"), ("address", "::ffff:172.16.66.19"), ("port", "50611"), ("object", "krbtgt")]),
    ("Security", AUDIT, 4769, r#""EventData":{"TargetUserName":"lgrove@T.COM","TargetDomainName":"T.COM","ServiceName":"SRV$","ServiceSid":"S-1-5-21-1-2-3-35103","IpAddress":"::1","IpPort":"0","Status":"0x0","LogonGuid":"{58ADC6C7-668E-A999-C52A-384B1CB8E553}"}"#,
        &[("action", "service-ticket"), ("account.name", "lgrove@T.COM"), ("account.domain", "T.COM"), ("address", "::1"), ("logon_guid", "{58adc6c7-668e-a999-c52a-384b1cb8e553}"), ("object", "SRV$")]),
    ("Security", AUDIT, 4770, r#""EventData":{"TargetUserName":"SRV$@T.COM","TargetDomainName":"T.COM","ServiceName":"krbtgt","IpAddress":"::1"}"#,
        &[("action", "service-ticket-renewed"), ("account.name", "SRV$@T.COM"), ("account.domain", "T.COM"), ("address", "::1"), ("object", "krbtgt")]),
    ("Security", AUDIT, 4771, r#""EventData":{"TargetUserName":"bob","TargetSid":"S-1-5-21-1-2-3-1001","ServiceName":"krbtgt/O.LAN","Status":"0x18","IpAddress":"::ffff:10.23.123.11","IpPort":"47506"}"#,
        &[("action", "kerberos-failed"), ("account.sid", ALICE), ("account.name", "bob"), ("address", "::ffff:10.23.123.11"), ("port", "47506"), ("status", "0x18"), ("object", "krbtgt/O.LAN")]),
    ("Security", AUDIT, 4776, r#""EventData":{"PackageName":"MICROSOFT_AUTHENTICATION_PACKAGE_V1_0","TargetUserName":"helpdesk","Workstation":"evil","Status":"0xc000006a"}"#,
        &[("action", "ntlm-authentication"), ("account.name", "helpdesk"), ("package", "MICROSOFT_AUTHENTICATION_PACKAGE_V1_0"), ("workstation", "evil"), ("status", "0xc000006a")]),
    ("Security", AUDIT, 4778, r#""EventData":{"AccountName":"bob","AccountDomain":"W","LogonID":"0x5000","SessionName":"RDP-Tcp#0","ClientName":"lap","ClientAddress":"10.0.0.1"}"#,
        &[("action", "reconnect"), ("account.name", "bob"), ("account.domain", "W"), ("logon_id", "0x5000"), ("workstation", "lap"), ("address", "10.0.0.1"), ("session_name", "RDP-Tcp#0")]),
    ("Security", AUDIT, 4779, r#""EventData":{"AccountName":"bob","LogonID":"0x5000","SessionName":"Console"}"#, &[("action", "disconnect"), ("account.name", "bob"), ("logon_id", "0x5000"), ("session_name", "Console")]),
    ("Security", AUDIT, 4800, r#""EventData":{"TargetUserName":"bob","TargetLogonId":"0x5000","SessionId":1}"#, &[("action", "lock"), ("account.name", "bob"), ("logon_id", "0x5000"), ("session", "1")]),
    ("Security", AUDIT, 4801, r#""EventData":{"TargetLogonId":"0x5000","SessionId":1}"#, &[("action", "unlock"), ("logon_id", "0x5000"), ("session", "1")]),
    ("Security", AUDIT, 4802, r#""EventData":{"TargetLogonId":"0x5000","SessionId":1}"#, &[("action", "screensaver-on"), ("logon_id", "0x5000"), ("session", "1")]),
    ("Security", AUDIT, 4803, r#""EventData":{"TargetLogonId":"0x5000","SessionId":1}"#, &[("action", "screensaver-off"), ("logon_id", "0x5000"), ("session", "1")]),
    ("Security", AUDIT, 4825, r#""EventData":{"AccountName":"bob","AccountDomain":"W","LogonID":"0x5000","ClientAddress":"10.0.0.1"}"#,
        &[("action", "rdp-denied"), ("account.name", "bob"), ("account.domain", "W"), ("logon_id", "0x5000"), ("address", "10.0.0.1")]),
    ("Security", AUDIT, 4826, r#""EventData":{"SubjectUserSid":"S-1-5-18","SubjectUserName":"-","SubjectLogonId":"0x3e7","LoadOptions":"-","KernelDebug":"%%1843"}"#,
        &[("action", "starting-up"), ("subject.sid", "S-1-5-18"), ("subject_logon_id", "0x3e7")]),
    ("Security", AUDIT, 4964, r#""EventData":{"SubjectUserSid":"S-1-0-0","TargetUserName":"bob","TargetLogonId":"0x5000","SidList":"%{S-1-5-113}"}"#,
        &[("action", "special-groups"), ("account.name", "bob"), ("subject.sid", "S-1-0-0"), ("logon_id", "0x5000"), ("privileges", "S-1-5-113")]),
    ("Security", AUDIT, 6417, r#""EventData":{"ProcessId":"0x390","ProcessName":"C:\\Windows\\System32\\lsass.exe"}"#, &[("action", "starting-up")]),

    ("System", GENERAL, 1, r#""EventData":{"NewTime":"2022-03-10T16:33:50.0890000Z","OldTime":"2022-03-10T19:33:50.0894010Z","Reason":1,"ProcessName":"C:\\rundll32.exe","ProcessID":1348}"#,
        &[("action", "clock-change"), ("subject.sid", ALICE), ("process", "C:\\rundll32.exe"), ("process_id", "1348"), ("previous_time", "2022-03-10T19:33:50.0894010Z"), ("new_time", "2022-03-10T16:33:50.0890000Z"), ("reason", "1")]),
    ("System", TROUBLE, 1, r#""EventData":{"SleepTime":"2017-07-20T16:22:15.0373130Z","WakeTime":"2017-07-23T07:16:52.0265999Z","SleepDuration":1469,"TargetState":2,"EffectiveState":2,"WakeSourceText":""}"#,
        &[("action", "wake"), ("start_time", "2017-07-23T07:16:52.0265999Z"), ("stop_time", "2017-07-20T16:22:15.0373130Z"), ("target_state", "2")]),
    ("System", GENERAL, 12, r#""EventData":{"MajorVersion":10,"MinorVersion":0,"BuildVersion":19041,"BootMode":0,"StartTime":"2022-03-10T19:32:21.5000000Z"}"#,
        &[("action", "boot"), ("start_time", "2022-03-10T19:32:21.5000000Z")]),
    ("System", GENERAL, 13, r#""EventData":{"StopTime":"2022-03-10T16:35:02.3237101Z"}"#, &[("action", "shutdown"), ("stop_time", "2022-03-10T16:35:02.3237101Z")]),
    ("System", KERNEL_BOOT, 20, r#""EventData":{"LastShutdownGood":true,"LastBootGood":false,"LastBootId":2,"BootStatusPolicy":2}"#,
        &[("action", "boot-status"), ("last_boot_id", "2"), ("last_boot_good", "false"), ("last_shutdown_good", "true")]),
    ("System", GENERAL, 24, r#""EventData":{"ExitReason":0,"CurrentBias":240,"CurrentTimeZoneID":2,"TimeZoneInfoCacheUpdated":0,"FirstRefresh":0}"#, &[("action", "time-zone"), ("offset", "-240")]),
    ("System", GENERAL, 24, r#""EventData":{"CurrentBias":-60}"#, &[("action", "time-zone"), ("offset", "60")]),
    ("System", GENERAL, 24, r#""EventData":{"CurrentBias":4294967236}"#, &[("action", "time-zone"), ("offset", "60")]),
    ("System", KERNEL_BOOT, 27, r#""EventData":{"BootType":1,"LoadOptions":" NOEXECUTE=OPTIN"}"#, &[("action", "boot-type"), ("boot_type", "1")]),
    ("System", POWER, 41, r#""EventData":{"BugcheckCode":159,"BugcheckParameter1":"0x3","SleepInProgress":false,"PowerButtonTimestamp":0}"#, &[("action", "crash"), ("reason", "159")]),
    ("System", POWER, 42, r#""EventData":{"TargetState":6,"EffectiveState":6,"Reason":7,"Flags":0,"TransitionsToOn":1}"#, &[("action", "sleep"), ("reason", "7"), ("target_state", "6")]),
    ("System", LOG, 104, r##""UserData":{"LogFileCleared":{"#attributes":{"xmlns":"x"},"SubjectUserName":"IEUser","SubjectDomainName":"IE10WIN7","Channel":"Setup","BackupPath":null}}"##,
        &[("action", "log-cleared"), ("subject.sid", ALICE), ("subject.name", "IEUser"), ("subject.domain", "IE10WIN7"), ("object", "Setup")]),
    ("System", POWER, 107, r#""EventData":{"TargetState":2,"EffectiveState":2,"WakeFromState":2,"ProgrammedWakeTimeAc":"1601-01-01T00:00:00.0000000Z"}"#, &[("action", "wake"), ("target_state", "2")]),
    ("System", POWER, 109, r#""EventData":{"ShutdownActionType":5,"ShutdownEventCode":0,"ShutdownReason":5}"#, &[("action", "shutdown-started"), ("reason", "5"), ("stop_type", "restart")]),
    ("System", "User32", 1074, r#""EventData":{"param1":"C:\\Windows\\Explorer.EXE (CITADEL-DC01)","param2":"CITADEL-DC01","param3":"Other (Planned)","param4":"0x85000000","param5":"power off","param6":"","param7":"C137\\Administrator"}"#,
        &[("action", "stop-request"), ("subject.sid", ALICE), ("subject.name", "Administrator"), ("subject.domain", "C137"), ("process", "C:\\Windows\\Explorer.EXE"), ("reason", "2231369728"), ("reason_text", "Other (Planned)"), ("stop_type", "power off")]),
    ("System", "USER32", 1074, r##""EventData":{"Data":{"#text":["C:\\Windows\\system32\\winlogon.exe (DC1)","DC1","No title","0x500ff","restart","","NT AUTHORITY\\SYSTEM"]},"Binary":"FF000500"}"##,
        &[("action", "stop-request"), ("subject.sid", ALICE), ("subject.name", "SYSTEM"), ("subject.domain", "NT AUTHORITY"), ("process", "C:\\Windows\\system32\\winlogon.exe"), ("reason", "327935"), ("reason_text", "No title"), ("stop_type", "restart")]),
    ("System", "EventLog", 6005, r#""EventData":{"Binary":"E607030004000A00130020002500E5010000000000000000"}"#, &[("action", "log-service-start")]),
    ("System", "EventLog", 6006, r#""EventData":{"Binary":"0100000000000000"}"#, &[("action", "log-service-stop")]),
    ("System", "EventLog", 6008, r##""EventData":{"Data":{"#text":["5:50:02 PM","\u200e1/\u200e17/\u200e2025","","","2706","",""]},"Binary":"E907010005001100110032000200A302E907010005001100090032000200A302600900003C000000"}"##,
        &[("action", "crash"), ("stop_time", "2025-01-17T09:50:02.6750000Z"), ("offset", "480")]),
    ("System", "EventLog", 6008, r##""EventData":{"Data":{"#text":["17:50:02","17.01.2025"]}}"##, &[("action", "crash")]),
    ("System", "EventLog", 6009, r##""EventData":{"Data":{"#text":["10.00.","19044","","Multiprocessor Free","0"]}}"##, &[("action", "windows-version"), ("object", "19044")]),
    ("System", "EventLog", 6013, r##""EventData":{"Data":{"#text":["","","","","141843","60","300 Eastern Standard Time"]},"Binary":"31002E003100"}"##, &[("action", "uptime"), ("uptime", "141843"), ("standard_offset", "-300"), ("object", "Eastern Standard Time")]),
    ("System", "EventLog", 6013, r##""EventData":{"Data":{"#text":["","","","","9","60","-60 Mitteleurop\u00e4ische Zeit"]}}"##, &[("action", "uptime"), ("uptime", "9"), ("standard_offset", "60"), ("object", "Mitteleurop\u{e4}ische Zeit")]),
    ("System", "Microsoft-Windows-Winlogon", 7001, r#""EventData":{"TSId":1,"UserSid":"S-1-5-21-1-2-3-1001"}"#, &[("action", "winlogon-logon"), ("account.sid", ALICE), ("session", "1")]),
    ("System", "Microsoft-Windows-Winlogon", 7002, r#""EventData":{"TSId":"2","UserSid":"S-1-5-21-1-2-3-1001"}"#, &[("action", "winlogon-logoff"), ("account.sid", ALICE), ("session", "2")]),
    ("System", "Service Control Manager", 7045, r#""EventData":{"ServiceName":"WinPwnage","ImagePath":"%COMSPEC% /c ping","ServiceType":"user mode service","StartType":"demand start","AccountName":"NT AUTHORITY\\LocalService"}"#,
        &[("action", "service-installed"), ("account.name", "LocalService"), ("account.domain", "NT AUTHORITY"), ("subject.sid", ALICE), ("object", "WinPwnage"), ("command", "%COMSPEC% /c ping")]),

    ("", LSM, 21, r##""UserData":{"EventXML":{"#attributes":{"xmlns":"Event_NS"},"User":"DESKTOP-TMKU40H\\TestUser","SessionID":1,"Address":"LOCAL"}}"##,
        &[("action", "ts-logon"), ("account.name", "TestUser"), ("account.domain", "DESKTOP-TMKU40H"), ("address", "LOCAL"), ("session", "1")]),
    ("", LSM, 22, r#""UserData":{"EventXML":{"User":"W\\bob","SessionID":"2","Address":"10.0.0.1"}}"#, &[("action", "ts-shell"), ("account.name", "bob"), ("account.domain", "W"), ("address", "10.0.0.1"), ("session", "2")]),
    ("", LSM, 23, r#""UserData":{"EventXML":{"User":"W\\bob","SessionID":2}}"#, &[("action", "ts-logoff"), ("account.name", "bob"), ("account.domain", "W"), ("session", "2")]),
    ("", LSM, 24, r#""UserData":{"EventXML":{"User":"W\\bob","SessionID":2,"Address":"10.0.0.1"}}"#, &[("action", "ts-disconnect"), ("account.name", "bob"), ("account.domain", "W"), ("address", "10.0.0.1"), ("session", "2")]),
    ("", LSM, 25, r#""UserData":{"EventXML":{"User":"WINDOMAIN\\vagrant","SessionID":1,"Address":"192.168.38.1"}}"#, &[("action", "ts-reconnect"), ("account.name", "vagrant"), ("account.domain", "WINDOMAIN"), ("address", "192.168.38.1"), ("session", "1")]),
    ("", LSM, 32, r##""UserData":{"EventXML":{"#attributes":{"xmlns":"Event_NS"},"messageName":"RDSAppXPlugin"}}"##, &[("action", "ts-start"), ("object", "RDSAppXPlugin")]),
    ("", LSM, 36, r#""EventData":{"SessionId":2,"State":2,"StateName":"Connected","Event":5,"EventName":"EvLogon","ErrorCode":"0x80004005"}"#, &[("action", "ts-error"), ("session", "2"), ("reason", "2147500037"), ("message", "EvLogon")]),
    ("", LSM, 39, r#""UserData":{"EventXML":{"TargetSession":1,"Source":2}}"#, &[("action", "ts-disconnected-by"), ("session", "1"), ("other_session", "2")]),
    ("", LSM, 40, r#""UserData":{"EventXML":{"Session":2,"Reason":5}}"#, &[("action", "ts-reason"), ("session", "2"), ("reason", "5"), ("reason_text", "replaced by another connection")]),
    ("", LSM, 40, r#""UserData":{"EventXML":{"Session":2,"Reason":4498}}"#, &[("action", "ts-reason"), ("session", "2"), ("reason", "4498")]),
    ("", LSM, 41, r#""UserData":{"EventXML":{"User":"W\\bob","SessionID":2}}"#, &[("action", "ts-arbitration"), ("account.name", "bob"), ("account.domain", "W"), ("session", "2")]),
    ("", LSM, 42, r#""UserData":{"EventXML":{"User":"bob","SessionID":2}}"#, &[("action", "ts-arbitrated"), ("account.name", "bob"), ("session", "2")]),
    ("", LSM, 54, r#""EventData":null"#, &[("action", "ts-stop")]),
    ("", RCM, 261, r#""UserData":{"EventXML":{"listenerName":"RDP-Tcp"}}"#, &[("action", "rdp-connection"), ("session_name", "RDP-Tcp")]),
    ("", RCM, 1149, r#""UserData":{"EventXML":{"Param1":"Administrator","Param2":null,"Param3":"194.61.24.102"}}"#, &[("action", "rdp-auth"), ("account.name", "Administrator"), ("address", "194.61.24.102")]),
    ("", CORE, 98, r#""EventData":null"#, &[("action", "rdp-connected")]),
    ("", CORE, 103, r#""EventData":{"ReasonCode":12}"#, &[("action", "rdp-disconnected"), ("reason", "12"), ("reason_text", "logged off by the person")]),
    ("", CORE, 104, r#""EventData":{"TimezoneBiasHour":"[-8]"}"#, &[("action", "rdp-time-zone"), ("client_bias", "-8")]),
    ("", CORE, 131, r#""EventData":{"ConnType":"TCP","ClientIP":"194.61.24.102:39550"}"#, &[("action", "rdp-connection"), ("address", "194.61.24.102"), ("port", "39550")]),
    ("", CORE, 131, r#""EventData":{"ConnType":"UDP","ClientIP":"[fe80::1%4]:39550"}"#, &[("action", "rdp-connection"), ("address", "fe80::1%4"), ("port", "39550")]),
    ("", CORE, 140, r#""EventData":{"IPString":"fe80::1"}"#, &[("action", "rdp-refused"), ("address", "fe80::1")]),
    (RDP_CLIENT, CLIENT, 1024, r#""EventData":{"Name":"Server Name","Value":"DESKTOP-SDN1RPT","CustomLevel":"Info"}"#, &[("action", "rdp-outbound"), ("subject.sid", ALICE), ("server", "DESKTOP-SDN1RPT")]),
    (RDP_CLIENT, CLIENT, 1029, r#""EventData":{"TraceMessage":"Fzr3XPlLZ81S2mb0LIhulrNE7MQ=-"}"#, &[("action", "rdp-outbound-account"), ("subject.sid", ALICE), ("message", "Fzr3XPlLZ81S2mb0LIhulrNE7MQ=-")]),
    (RDP_CLIENT, CLIENT, 1102, r#""EventData":{"Name":"ServerAddress","Value":"10.42.85.115","CustomLevel":"Info"}"#, &[("action", "rdp-outbound-address"), ("subject.sid", ALICE), ("server", "10.42.85.115")]),
    ("", GATEWAY, 200, r#""UserData":{"EventInfo":{"Username":"EC2\\Administrator","IpAddress":"219.100.37.243","AuthType":"NTLM","Resource":null,"ConnectionProtocol":"HTTP","ErrorCode":0}}"#,
        &[("action", "gateway-authorized"), ("account.name", "Administrator"), ("account.domain", "EC2"), ("package", "NTLM"), ("address", "219.100.37.243"), ("reason", "0")]),
    ("", GATEWAY, 302, r#""UserData":{"EventInfo":{"Username":"EC2\\Administrator","IpAddress":"219.100.37.243","AuthType":null,"Resource":"srv.internal","ConnectionProtocol":"HTTP","ErrorCode":0}}"#,
        &[("action", "gateway-connect"), ("account.name", "Administrator"), ("account.domain", "EC2"), ("address", "219.100.37.243"), ("server", "srv.internal"), ("reason", "0")]),
    ("", GATEWAY, 303, r#""UserData":{"EventInfo":{"Username":"EC2\\Administrator","IpAddress":"219.100.37.243:63913","Resource":"srv.internal","BytesReceived":810679,"SessionDuration":122,"ErrorCode":1226}}"#,
        &[("action", "gateway-disconnect"), ("account.name", "Administrator"), ("account.domain", "EC2"), ("address", "219.100.37.243"), ("port", "63913"), ("server", "srv.internal"), ("reason", "1226")]),
    (PROFILE_LOG, PROFILES, 1, r#""EventData":{"Session":1}"#, &[("action", "profile-load"), ("account.sid", ALICE), ("session", "1")]),
    (PROFILE_LOG, PROFILES, 2, r#""EventData":{"Session":1}"#, &[("action", "profile-loaded"), ("account.sid", ALICE), ("session", "1")]),
    (PROFILE_LOG, PROFILES, 3, r#""EventData":{"Session":1}"#, &[("action", "profile-unload"), ("account.sid", ALICE), ("session", "1")]),
    (PROFILE_LOG, PROFILES, 4, r#""EventData":{"Session":0}"#, &[("action", "profile-unloaded"), ("account.sid", ALICE), ("session", "0")]),
    (PROFILE_LOG, PROFILES, 67, r#""EventData":{"LogonType":"Regular","LocalPath":"C:\\Users\\TestUser","ProfileType":"Regular"}"#, &[("action", "profile-path"), ("object", "C:\\Users\\TestUser")]),
    ("", "OpenSSH", 4, r#""EventData":{"process":"sshd","payload":"Failed password for admmig from 10.23.23.9 port 56605 ssh2"}"#,
        &[("action", "ssh-message"), ("account.name", "admmig"), ("process", "sshd"), ("address", "10.23.23.9"), ("port", "56605"), ("message", "Failed password for admmig from 10.23.23.9 port 56605 ssh2")]),
    ("", WINRM, 91, r#""ProcessingErrorData":{"ErrorCode":15005,"DataItemName":"shellId","EventPayload":"68007400740070003A002F002F0078000000"}"#, &[("action", "remote-shell"), ("account.sid", ALICE), ("object", "http://x")]),
    ("", WINRM, 91, r#""EventData":{"resourceUri":"http://x/cmd","shellId":"7"}"#, &[("action", "remote-shell"), ("account.sid", ALICE), ("object", "http://x/cmd")]),
];

#[test]
fn every_event_of_every_table_means_what_its_row_says() {
    for (channel, provider, id, rest, meaning) in ROWS {
        let json = json(channel, provider, &id.to_string(), rest);
        let event = event(&json).unwrap_or_else(|| panic!("{provider} {id} is no event"));
        let expected: Vec<_> = meaning
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        assert_eq!(said(&event), expected, "{provider} {id}");
        assert_eq!(
            (event.event_id, event.provider.to_lowercase()),
            (*id, provider.to_lowercase())
        );
    }
}

#[test]
fn no_event_of_a_table_lacks_a_row() {
    let with_row: HashSet<(String, String, u16)> = ROWS
        .iter()
        .map(|(channel, provider, id, ..)| {
            let channel = if channel.is_empty() {
                operational(provider)
            } else {
                (*channel).to_owned()
            };
            (channel, provider.to_lowercase(), *id)
        })
        .collect();
    for (channel, table) in TABLES {
        for (provider, id) in table.iter().map(|entry| entry.identity()) {
            let row = (channel.to_owned(), provider.to_lowercase(), id);
            assert!(with_row.contains(&row), "{row:?}");
        }
    }
}

#[test]
fn forwarded_records_hold_text_and_mean_the_same() {
    for (channel, provider, id, rest, _) in ROWS {
        let typed = json(channel, provider, &id.to_string(), rest);
        // A collector stores every value as text.
        let mut document: serde_json::Value = serde_json::from_str(&typed).unwrap();
        to_text(&mut document);
        let (typed, text) = (
            event(&typed).unwrap(),
            event(&document.to_string()).unwrap(),
        );
        assert_eq!(said(&text), said(&typed), "{provider} {id}");
    }
}

fn to_text(value: &mut serde_json::Value) {
    use serde_json::Value::*;
    match value {
        Number(number) => *value = String(number.to_string()),
        Bool(truth) => *value = String(truth.to_string()),
        Array(items) => items.iter_mut().for_each(to_text),
        Object(members) => members.values_mut().for_each(to_text),
        Null | String(_) => {}
    }
}

#[test]
fn another_provider_or_channel_makes_it_another_event() {
    for (channel, provider, id, rest, _) in ROWS {
        let right = json(channel, provider, &id.to_string(), rest);
        let name = format!(r#""Name":"{provider}""#);
        assert!(event(&right.replace(&name, r#""Name":"Microsoft-Windows-Wininit""#)).is_none());
        let other = json("Application", provider, &id.to_string(), rest);
        assert!(event(&other).is_none(), "{provider} {id}");
    }
}

#[test]
fn malformed_values_are_absent() {
    let odd = [
        "null",
        "\"\"",
        "\"-\"",
        "\"x\"",
        "-1",
        "99999999999999999999",
        "1.5",
        "true",
        "[]",
        "[1,\"\",null,{}]",
        "{}",
        r##"{"#text":["a"]}"##,
        "\"E9070100050011001100\"",
        "\"[\"",
        "\"0x\"",
        "\"Failed password for x from port 1\"",
        "\"\\\\\"",
        "\"FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF\"",
        "\"a\u{e9}\u{e9}\"",
    ];
    let names = ROWS
        .iter()
        .flat_map(|(_, _, _, rest, _)| rest.split('"').skip(1).step_by(2));
    let names: HashSet<&str> = names
        .filter(|name| name.chars().all(char::is_alphanumeric))
        .collect();
    for (channel, provider, id, ..) in ROWS {
        for value in odd {
            let data: Vec<String> = names
                .iter()
                .map(|name| format!(r#""{name}":{value}"#))
                .collect();
            let rest = format!(r#""EventData":{{{}}}"#, data.join(","));
            let found = event(&json(channel, provider, &id.to_string(), &rest));
            for (name, value) in found.iter().flat_map(said) {
                let is_typed = name.ends_with("_time")
                    || name.contains("offset")
                    || name.ends_with(".sid")
                    || name.contains("boot");
                let may_be =
                    ["1", "true", "false", ALICE, "0"].contains(&&*value) || name == "new_time";
                assert!(!is_typed || may_be, "{provider} {id}: {name} is {value}");
            }
        }
    }
}

#[test]
fn what_the_ssh_server_says_is_read_from_the_right() {
    let about = |line: &str| {
        let data = format!(r#""EventData":{{"process":"sshd","payload":"{line}"}}"#);
        let event = event(&json("", "OpenSSH", "4", &data)).unwrap();
        let account = event.account.name.as_deref().map(str::to_owned);
        account.zip(event.source_address.as_deref().map(str::to_owned))
    };
    let found = |name: &str, address: &str| Some((name.to_owned(), address.to_owned()));
    assert_eq!(
        about("Accepted publickey for ann from 10.0.0.5 port 5022 ssh2: RSA SHA256:x"),
        found("ann", "10.0.0.5")
    );
    assert_eq!(
        about("Invalid user ann from fe80::1 port 5022"),
        found("ann", "fe80::1")
    );
    assert_eq!(
        about("Failed password for invalid user a b from 10.0.0.5 port 5 ssh2"),
        found("a b", "10.0.0.5")
    );
    assert_eq!(
        about("Connection closed by authenticating user ann 10.0.0.5 port 56589 [preauth]"),
        found("ann", "10.0.0.5")
    );
    assert_eq!(
        about("Disconnecting authenticating user ann 10.0.0.5 port 56605: Too many [preauth]"),
        found("ann", "10.0.0.5")
    );
    assert_eq!(
        about("Failed password for x from 1.1.1.1 port 1 ssh2 from 10.0.0.5 port 5 ssh2"),
        found("x from 1.1.1.1 port 1 ssh2", "10.0.0.5")
    );
    assert_eq!(about("Server listening on 0.0.0.0 port 22."), None);
}

#[test]
fn records_of_one_connection_share_their_activity() {
    for (provider, id) in [(LSM, "41"), (RCM, "261"), (CORE, "131")] {
        let event = event(&json("", provider, id, r#""EventData":null"#)).unwrap();
        let activity = event.details().activity.as_deref();
        assert_eq!(activity, Some("{f4209c33-eff1-4fbf-91ed-8699b5430000}"));
    }
}

/// The uses that audit records show: event ID, EventRecordID, computer and EventData of each.
fn uses(records: &[(u16, u64, &str, &str)]) -> Vec<(u64, u64, u64)> {
    let mut collector = Collector::new(LogIndex(0));
    for (id, number, computer, data) in records {
        let json = json(
            "Security",
            AUDIT,
            &id.to_string(),
            &format!(r#""EventData":{{{data}}}"#),
        )
        .replace(
            r#""Computer":"pc""#,
            &format!(r#""EventRecordID":{number},"Computer":"{computer}""#),
        );
        with_record(&json, |record| collector.add(record));
    }
    let uses = collector.take_uses();
    uses.iter()
        .map(|one| (one.logon_id.get(), one.first.record_id, one.last.record_id))
        .collect()
}

#[test]
fn any_audit_record_shows_that_its_subject_is_there() {
    let subject = r#""SubjectUserSid":"S-1-5-21-1-2-3-1001","SubjectUserName":"ann","SubjectLogonId":"0x5000""#;
    let found = uses(&[
        (5379, 1, "pc", subject),
        (4907, 2, "pc", subject),
        (4648, 3, "pc", subject),
        (4634, 4, "pc", ""),
        (4798, 5, "pc", subject),
    ]);
    assert_eq!(found, [(0x5000, 1, 5)]);
    let started = r#""SubjectUserName":"W$","SubjectLogonId":"0x3e4","TargetUserSid":"S-1-0-0","TargetUserName":"ann","TargetLogonId":"0x822"#;
    assert_eq!(
        uses(&[(4688, 1, "pc", &format!("{started}\""))]),
        [(0x3e4, 1, 1), (0x822, 1, 1)]
    );
    assert_eq!(
        uses(&[(
            4688,
            1,
            "pc",
            r#""SubjectUserName":"W$","SubjectLogonId":"0x0","TargetLogonId":"0x0""#
        )]),
        []
    );
    assert_eq!(
        uses(&[(4672, 1, "pc", subject)]),
        [],
        "4672 comes before its logon"
    );
}

#[test]
fn no_run_of_uses_spans_a_boot_a_gap_or_a_step_back() {
    let subject = r#""SubjectLogonId":"0x5000""#;
    let before_and_after = |between: (u16, &str)| {
        uses(&[
            (5379, 1, "pc", subject),
            (between.0, 2, "pc", between.1),
            (5379, 3, "pc", subject),
        ])
    };
    for boot in [
        (4608, ""),
        (4826, r#""SubjectLogonId":"0x3e7""#),
        (4624, r#""LogonType":0"#),
    ] {
        assert_eq!(
            before_and_after(boot),
            [(0x5000, 1, 1), (0x5000, 3, 3)],
            "{boot:?}"
        );
    }
    assert_eq!(
        before_and_after((4624, r#""LogonType":3"#)),
        [(0x5000, 1, 3)]
    );
    assert_eq!(
        uses(&[(5379, 9, "pc", subject), (5379, 1, "pc", subject)]),
        [(0x5000, 9, 9), (0x5000, 1, 1)]
    );
    let other = uses(&[
        (5379, 1, "a", subject),
        (4608, 1, "b", ""),
        (5379, 1, "b", subject),
        (5379, 2, "a", subject),
    ]);
    assert_eq!(
        other,
        [(0x5000, 1, 2), (0x5000, 1, 1)],
        "another machine's boot is none"
    );
}

#[test]
fn a_run_of_uses_names_its_account_by_its_first_record() {
    let mut collector = Collector::new(LogIndex(7));
    let data = r#""EventData":{"SubjectUserSid":"S-1-5-21-1-2-3-1001","SubjectUserName":"ann","SubjectDomainName":"-","SubjectLogonId":"0x5000"}"#;
    with_record(&json("Security", AUDIT, "5379", data), |record| {
        collector.add(record)
    });
    let uses = collector.take_uses();
    let account = Account {
        name: Some("ann".into()),
        domain: None,
        sid: Sid::parse(ALICE),
    };
    assert_eq!(
        (&uses[0].account, uses[0].log, uses[0].first.event_id),
        (&account, LogIndex(7), 5379)
    );
}
