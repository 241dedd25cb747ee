//! Real logs, where they are there: `WINSESSIONS_CORPUS`, else `../shared/corpus`.

#[path = "shared/corpus.rs"]
mod shared;

use shared::corpus;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use winsessions::analysis::{Analysis, Options, analyse};
use winsessions::session::{EndReason, Kind, Session};

fn analysed(path: &Path) -> Analysis {
    analyse(&[path.to_owned()], Options::default()).unwrap()
}

/// The events that are looked at: channel (without `/Operational`), provider, event IDs.
#[rustfmt::skip]
const EVENTS: &[(&str, &str, &[u64])] = &[
    ("Security", "Microsoft-Windows-Eventlog", &[1100, 1101, 1102, 1108]),
    ("Security", "Microsoft-Windows-Security-Auditing", &[
        4608, 4609, 4616, 4624, 4625, 4627, 4634, 4647, 4648, 4672, 4675, 4697, 4698, 4723, 4768, 4769, 4770, 4771, 4776,
        4778, 4779, 4800, 4801, 4802, 4803, 4825, 4964,
    ]),
    ("System", "Microsoft-Windows-Kernel-General", &[1, 12, 13, 24]),
    ("System", "Microsoft-Windows-Kernel-Boot", &[20, 27]),
    ("System", "Microsoft-Windows-Kernel-Power", &[41, 42, 107, 109]),
    ("System", "Microsoft-Windows-Power-Troubleshooter", &[1]),
    ("System", "Microsoft-Windows-Eventlog", &[104]),
    ("System", "User32", &[1074]),
    ("System", "EventLog", &[6005, 6006, 6008, 6009, 6013]),
    ("System", "Microsoft-Windows-Winlogon", &[7001, 7002]),
    ("System", "Service Control Manager", &[7045]),
    ("Microsoft-Windows-TerminalServices-LocalSessionManager", "Microsoft-Windows-TerminalServices-LocalSessionManager",
        &[21, 22, 23, 24, 25, 32, 36, 39, 40, 41, 42, 54]),
    ("Microsoft-Windows-TerminalServices-RemoteConnectionManager", "Microsoft-Windows-TerminalServices-RemoteConnectionManager", &[261, 1149]),
    ("Microsoft-Windows-RemoteDesktopServices-RdpCoreTS", "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS", &[98, 103, 104, 131, 140]),
    ("Microsoft-Windows-TerminalServices-RDPClient", "Microsoft-Windows-TerminalServices-ClientActiveXCore", &[1024, 1029, 1102]),
    ("Microsoft-Windows-TerminalServices-Gateway", "Microsoft-Windows-TerminalServices-Gateway", &[200, 302, 303]),
    ("Microsoft-Windows-User Profile Service", "Microsoft-Windows-User Profiles Service", &[1, 2, 3, 4, 67]),
    ("OpenSSH", "OpenSSH", &[4]),
    ("Microsoft-Windows-WinRM", "Microsoft-Windows-WinRM", &[91]),
];

/// How many records of each event of each channel a log holds.
type Counts = BTreeMap<(String, u64), u64>;

/// Counts by the `evtx` crate's own reader, as `evtx_dump` does.
fn counted_by_evtx(path: &Path) -> Counts {
    let mut counts = BTreeMap::new();
    let Ok(mut parser) = evtx::EvtxParser::from_path(path) else {
        return counts;
    };
    for record in parser.records_json_value().flatten() {
        let system = &record.data["Event"]["System"];
        let id = match &system["EventID"] {
            serde_json::Value::Object(element) => &element["#text"],
            plain => plain,
        };
        let id = id.as_u64().or_else(|| id.as_str()?.parse().ok());
        let channel = system["Channel"].as_str().unwrap_or_default();
        let provider = &system["Provider"]["#attributes"]["Name"];
        let provider = provider.as_str().unwrap_or_default();
        let name = channel.strip_suffix("/Operational").unwrap_or(channel);
        let is_looked_at = |id: &u64| {
            EVENTS.iter().any(|(known, by, ids)| {
                *known == name && by.eq_ignore_ascii_case(provider) && ids.contains(id)
            })
        };
        if let Some(id) = id.filter(is_looked_at) {
            *counts.entry((channel.to_owned(), id)).or_default() += 1;
        }
    }
    counts
}

#[test]
fn every_log_holds_as_many_records_of_each_event_as_evtx_finds() {
    let Some(corpus) = corpus() else { return };
    let logs = winsessions::evidence::find(&[corpus]).items;
    assert!(logs.len() >= 100, "{} logs", logs.len());
    let mut channels = BTreeMap::new();
    for log in logs.into_iter().filter(|item| !item.is_package()) {
        let log = log.path;
        let analysis = analysed(&log);
        let mut counts = Counts::new();
        for row in &analysis.events {
            let key = (row.event.channel.to_string(), row.event.event_id.into());
            *counts.entry(key).or_default() += 1;
        }
        for ((channel, _), count) in &counts {
            *channels.entry(channel.clone()).or_insert(0) += count;
        }
        assert_eq!(counts, counted_by_evtx(&log), "{}", log.display());
    }
    assert!(channels.len() >= 8, "{channels:?}");
}

#[test]
fn every_account_adds_up_and_says_where_records_are_missing() {
    let Some(corpus) = corpus() else { return };
    for log in analysed(&corpus).logs {
        let account = &log.account;
        let path = log.path.display();
        assert_eq!(
            account.claimed + account.unclaimed,
            account.read + account.damaged,
            "{path}"
        );
        assert!(
            account.damaged == 0 || !account.damage.is_empty(),
            "{path}: damage without a place"
        );
    }
}

#[test]
fn the_domain_controller_of_the_szechuan_case_shows_the_brute_force_and_the_logons_after_it() {
    let Some(corpus) = corpus() else { return };
    let folder = corpus.join("DFIRArtifactMuseum/Win2012R2/StolenSzechuan");
    if !folder.is_dir() {
        return eprintln!("SKIPPED: no {}", folder.display());
    }
    let analysis = analysed(&folder);
    let from = "194.61.24.102";
    let remote: Vec<&Session> = analysis
        .sessions
        .iter()
        .filter(|session| {
            session.kind == Kind::Rdp && session.source_address.as_deref() == Some(from)
        })
        .collect();
    let told: Vec<_> = remote
        .iter()
        .map(|session| {
            (
                session.start.time.unwrap().to_string(),
                session.end.time().unwrap().to_string(),
                session.end.reason,
                session.logons,
            )
        })
        .collect();
    let row = |start: &str, end: &str, logons| {
        (
            start.to_owned(),
            end.to_owned(),
            EndReason::UserLogoff,
            logons,
        )
    };
    // The second of three logons within 50 s met an open session and belongs to the first.
    assert_eq!(
        told,
        [
            row(
                "2020-09-19T03:21:48.8910879Z",
                "2020-09-19T03:22:20.3451748Z",
                2
            ),
            row(
                "2020-09-19T03:22:37.4224721Z",
                "2020-09-19T03:52:46.3378292Z",
                1
            ),
            row(
                "2020-09-19T03:56:04.3223652Z",
                "2020-09-19T03:57:40.7293967Z",
                1
            ),
        ]
    );
    assert!(
        remote
            .iter()
            .all(|session| &*session.host == "CITADEL-DC01.C137.local"
                && session.account.name.as_deref() == Some("Administrator"))
    );
    let failures: Vec<_> = analysis
        .events
        .iter()
        .map(|row| &row.event)
        .filter(|event| event.event_id == 4625 && event.workstation.as_deref() == Some("kali"))
        .collect();
    assert_eq!(failures.len(), 95);
    assert!(
        failures
            .iter()
            .all(|event| event.sub_status == Some(0xC000_006A))
    );
    let span = (failures[0].time.to_string(), failures[94].time.to_string());
    assert_eq!(
        span,
        (
            "2020-09-19T03:21:25.7352591Z".into(),
            "2020-09-19T03:21:46.5653915Z".into()
        )
    );
}

#[test]
fn the_local_time_of_a_machine_follows_its_zone_and_its_daylight_saving() {
    let Some(corpus) = corpus() else { return };
    let local = |folder: &str, sort: Kind| -> Vec<(String, String)> {
        let analysis = analysed(&corpus.join(folder));
        let sessions = analysis
            .sessions
            .iter()
            .filter(|session| session.kind == sort);
        let shown = |time: Option<winsessions::time::LocalTime>| {
            time.map(|time| time.to_string()).unwrap_or_default()
        };
        let times = sessions.map(|s| (shown(s.start_local), shown(s.end_local)));
        times.collect()
    };
    let pair = |start: &str, end: &str| (start.to_owned(), end.to_owned());
    // Pacific time until record 280 of System, at 19:31:35.57 UTC; in between the clock was set back by three hours.
    assert_eq!(
        local("DFIRArtifactMuseum/Win10/RathbunVM", Kind::Console),
        [
            pair(
                "2022-02-05T11:18:55.2304973-08:00",
                "2022-02-05T11:30:26.9460198-08:00"
            ),
            pair(
                "2022-02-05T11:30:45.5546906-08:00",
                "2022-02-05T11:31:33.5531963-08:00"
            ),
            pair(
                "2022-02-05T11:31:33.8118796-08:00",
                "2022-02-07T00:19:03.1836086-05:00"
            ),
            pair("2022-02-07T00:20:31.6571330-05:00", ""),
        ]
    );
    // Daylight saving was on, though 6013 tells the standard offset of five hours.
    let console = local(
        "artemis/forensics/tests/test_data/windows/eventlogs",
        Kind::System,
    );
    assert!(
        console.iter().all(|(start, _)| start.ends_with("-04:00")),
        "{console:?}"
    );
    assert_eq!(console.len(), 2);
    // Only the zone is recorded, at starts: daylight saving was on in September, but no record says so.
    let server = local("DFIRArtifactMuseum/Win2012R2/StolenSzechuan", Kind::Console);
    assert!(!server.is_empty() && server.iter().all(|times| *times == pair("", "")));
}

#[test]
fn threads_and_the_order_of_arguments_do_not_change_the_result() {
    let Some(corpus) = corpus() else { return };
    let mut parts: Vec<PathBuf> = std::fs::read_dir(&corpus)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    parts.sort();
    let forward = analyse(
        &parts,
        Options {
            threads: Some(1),
            ..Options::default()
        },
    )
    .unwrap();
    parts.reverse();
    let backward = analyse(
        &parts,
        Options {
            threads: Some(3),
            ..Options::default()
        },
    )
    .unwrap();
    assert!(forward == backward);
}
