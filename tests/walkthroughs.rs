//! Sessions of real logs, checked by hand against the records: `docs/walkthroughs.md` tells what proves them,
//! `tests/walkthroughs/` holds the rows. The logs are where `WINSESSIONS_CORPUS` says, else in `../shared/corpus`.

#[path = "shared/corpus.rs"]
mod shared;

use serde_json::Value;
use shared::corpus;
use std::path::PathBuf;
use toml::{Table, Value as Wanted};
use winsessions::analysis::{Options, analyse};
use winsessions::export::{Format, View, Writer};
use winsessions::session::Session;

/// The columns that are held; one that a row does not name must be empty.
const COLUMNS: &[&str] = &[
    "account_name",
    "account_domain",
    "account_sid",
    "account_class",
    "interactivity",
    "kind",
    "logon_type",
    "logon_id",
    "linked_logon_id",
    "elevated",
    "start",
    "start_max",
    "start_source",
    "end_min",
    "end_max",
    "end_reason",
    "end_source",
    "token_closed",
    "duration_seconds",
    "active_seconds",
    "disconnected_seconds",
    "locked_seconds",
    "source_address",
    "source_port",
    "workstation",
    "logon_process",
    "authentication_package",
    "lm_package",
    "process_name",
    "process_id",
    "logon_guid",
    "subject_name",
    "subject_domain",
    "subject_sid",
    "subject_logon_id",
    "boot",
    "logons",
    "link",
];

/// What a row holds besides its columns.
const LISTS: &[&str] = &[
    "start_record",
    "end_record",
    "source_record",
    "parent",
    "flags",
    "intervals",
    "parts",
    "records",
];

/// The logs of one machine, or `None` with a visible line.
fn logs(paths: &[&str]) -> Option<Vec<PathBuf>> {
    let corpus = corpus()?;
    let paths: Vec<PathBuf> = paths.iter().map(|path| corpus.join(path)).collect();
    match paths.iter().find(|path| !path.exists()) {
        Some(missing) => {
            eprintln!("SKIPPED: no real logs at {}", missing.display());
            None
        }
        None => Some(paths),
    }
}

/// Holds the rows of a machine's logs against those that were checked by hand.
fn walk(rows: &str, paths: &[&str]) {
    let Some(paths) = logs(paths) else { return };
    let wanted: Table = toml::from_str(rows).unwrap();
    let analysis = analyse(&paths, Options::default()).unwrap();
    let writer = Writer {
        format: Format::Jsonl,
        width: 200,
        threads: None,
        colours: false,
        csv_raw: true,
    };
    let mut lines = Vec::new();
    let view = View::new(&analysis, None);
    let rows = &analysis.sessions;
    writer
        .write_all::<Session>(&view, rows, &mut lines)
        .unwrap();
    let found: Vec<Value> = String::from_utf8(lines)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let sessions = wanted["session"].as_array().unwrap();
    assert!(sessions.len() >= 10);
    for session in sessions {
        let session = session.as_table().unwrap();
        let unknown = session
            .keys()
            .find(|key| !COLUMNS.contains(&key.as_str()) && !LISTS.contains(&key.as_str()));
        assert_eq!(unknown, None);
        let record = |key: &str| session.get(key).and_then(Wanted::as_str);
        let at = (record("start_record"), record("end_record"));
        let mut rows = found.iter().filter(|row| {
            let (start, end) = (place(&row["start_record"]), place(&row["end_record"]));
            (start.as_deref(), end.as_deref()) == at
                && row["logon_id"].as_str() == record("logon_id")
        });
        let row = rows.next().unwrap_or_else(|| panic!("no session {at:?}"));
        assert!(rows.next().is_none(), "two sessions {at:?}");
        for key in ["host", "host_aliases"] {
            assert_eq!(row[key], json(&wanted[key]), "{at:?}: {key}");
        }
        for column in COLUMNS {
            let wanted = session.get(*column).map_or(Value::Null, json);
            assert_eq!(row[column], wanted, "{at:?}: {column}");
        }
        let source = place(&row["source_record"]);
        assert_eq!(source.as_deref(), record("source_record"), "{at:?}");
        hold_lists(session, row, &found, &format!("{at:?}"));
    }
}

fn hold_lists(session: &Table, row: &Value, found: &[Value], at: &str) {
    let list = |key: &str| match session.get(key) {
        Some(list) => json(list).as_array().unwrap().clone(),
        None => Vec::new(),
    };
    assert_eq!(
        row["flags"].as_array().unwrap(),
        &list("flags"),
        "{at}: flags"
    );
    for key in ["intervals", "parts"] {
        let filled = row[key].as_array().unwrap().iter().map(|item| {
            let fields = item.as_object().unwrap().iter();
            let known = fields.filter(|(_, value)| !value.is_null());
            known.map(|(key, value)| (key.clone(), value.clone()))
        });
        let filled: Vec<Value> = filled
            .map(|fields| Value::Object(fields.collect()))
            .collect();
        assert_eq!(filled, list(key), "{at}: {key}");
    }
    let records = row["records"].as_array().unwrap().iter().map(|record| {
        let channel = record["channel"].as_str().unwrap();
        let (id, event) = (&record["record_id"], &record["event_id"]);
        let role = record["role"].as_str().unwrap();
        let joined = match (record["rule"].as_str(), &record["link"]) {
            (Some(rule), link) => format!(" {rule} {link}"),
            (None, _) => String::new(),
        };
        Value::from(format!("{}/{id} {event} {role}{joined}", short(channel)))
    });
    let records: Vec<Value> = records.collect();
    assert_eq!(records, list("records"), "{at}: records");
    let parent = found
        .iter()
        .find(|other| other["session_id"] == row["parent_session_id"])
        .and_then(|parent| place(&parent["start_record"]));
    let wanted = session.get("parent").and_then(Wanted::as_str);
    assert_eq!(parent.as_deref(), wanted, "{at}: parent");
}

/// A record's place without the file.
fn place(record: &Value) -> Option<String> {
    let (_, place) = record.as_str()?.split_once('#')?;
    Some(place.to_owned())
}

/// A channel's name without what most of them share.
fn short(channel: &str) -> &str {
    let name = channel.trim_end_matches("/Operational");
    name.trim_start_matches("Microsoft-Windows-")
        .trim_start_matches("TerminalServices-")
        .trim_start_matches("RemoteDesktopServices-")
}

fn json(value: &Wanted) -> Value {
    serde_json::to_value(value).unwrap()
}

#[test]
fn the_rows_of_the_szechuan_domain_controller_are_what_its_records_say() {
    walk(
        include_str!("walkthroughs/szechuan.toml"),
        &["DFIRArtifactMuseum/Win2012R2/StolenSzechuan"],
    );
}

#[test]
fn the_rows_of_a_console_taken_over_by_remote_desktop_are_what_its_records_say() {
    let log = |name| format!("velociraptor/artifacts/testdata/files/RDPAuth_{name}.evtx");
    let logs = [
        "LocalSessionManager",
        "RemoteConnectionManager",
        "Security",
        "System",
    ]
    .map(log);
    walk(
        include_str!("walkthroughs/rdpauth.toml"),
        &logs.each_ref().map(String::as_str),
    );
}

#[test]
fn the_rows_of_a_windows_7_that_was_set_to_another_time_26_times_are_what_its_records_say() {
    walk(
        include_str!("walkthroughs/windows7.toml"),
        &["evtx/samples/security.evtx"],
    );
}
