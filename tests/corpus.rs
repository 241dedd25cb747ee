//! Real logs, where they are there: `WINSESSIONS_CORPUS`, else `../shared/corpus`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use winsessions::analysis::{Analysis, Options, analyse};
use winsessions::session::{EndReason, Kind, Session};

/// The corpus, or `None` with a visible line.
fn corpus() -> Option<PathBuf> {
    let named = std::env::var_os("WINSESSIONS_CORPUS").map(PathBuf::from);
    let path =
        named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"));
    if !path.is_dir() {
        eprintln!("SKIPPED: no corpus of real logs at {}", path.display());
        return None;
    }
    Some(path)
}

fn analysed(path: &Path) -> Analysis {
    analyse(&[path.to_owned()], &Options::default()).unwrap()
}

/// The logon-related events of the Security channel.
const EVENTS: [u64; 18] = [
    1100, 1102, 4608, 4609, 4616, 4624, 4625, 4634, 4647, 4648, 4672, 4778, 4779, 4800, 4801, 4802,
    4803, 4964,
];

/// How many records of each event a log holds, counted by the `evtx` crate's own reader, as `evtx_dump` does.
fn counted_by_evtx(path: &Path) -> BTreeMap<u64, u64> {
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
        if let Some(id) = id.filter(|id| system["Channel"] == "Security" && EVENTS.contains(id)) {
            *counts.entry(id).or_default() += 1;
        }
    }
    counts
}

#[test]
fn every_log_holds_as_many_records_of_each_event_as_evtx_finds() {
    let Some(corpus) = corpus() else { return };
    let logs = winsessions::evidence::find(&[corpus]).logs;
    assert!(logs.len() >= 100, "{} logs", logs.len());
    for log in logs {
        let analysis = analysed(&log);
        let mut counts = BTreeMap::new();
        for event in &analysis.events {
            *counts.entry(u64::from(event.event.event_id)).or_default() += 1;
        }
        assert_eq!(counts, counted_by_evtx(&log), "{}", log.display());
    }
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
fn threads_and_the_order_of_arguments_do_not_change_the_result() {
    let Some(corpus) = corpus() else { return };
    let mut parts: Vec<PathBuf> = std::fs::read_dir(&corpus)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    parts.sort();
    let forward = analyse(&parts, &Options { threads: Some(1) }).unwrap();
    parts.reverse();
    let backward = analyse(&parts, &Options { threads: Some(3) }).unwrap();
    assert!(forward == backward);
}
