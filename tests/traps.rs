//! The cases that tools get wrong, each a fixture under `fixtures/traps` with the rows that must come out.
//!
//! `rows.toml` says only what its trap is about; `fixtures/README.md` explains its words. The rows come from the
//! scenario, never from the program.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use toml::{Table, Value as Wanted};
use winsessions::analysis::{Analysis, Options, TimelineEvent, analyse};
use winsessions::export::{self, Format, View, Writer};
use winsessions::session::Session;

/// Traps that the program still walks into. One that it has learnt to avoid must leave this list.
const NOT_YET: &[&str] = &[];

fn folder(trap: &str) -> PathBuf {
    let traps = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/traps");
    let mut found = fs::read_dir(traps)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.starts_with(&format!("{trap}-"))
        });
    found.next().unwrap_or_else(|| panic!("no fixture {trap}"))
}

/// Holds a trap against its rows: they come out, unless the trap is one of those that still catch the program.
fn trap(name: &str) {
    let folder = folder(name);
    let outcome = check(&folder);
    match (outcome, NOT_YET.contains(&name)) {
        (Ok(()), false) | (Err(_), true) => {}
        (Err(what), false) => panic!("{}: {what}", folder.display()),
        (Ok(()), true) => {
            panic!("{name} comes out right: take it from the list of those that do not")
        }
    }
}

fn check(folder: &Path) -> Result<(), String> {
    let text = fs::read_to_string(folder.join("rows.toml")).unwrap();
    let wanted: Table = toml::from_str(&text).unwrap();
    check_keys(&wanted);
    let analysis = analyse(&[folder.join("evidence")], Options::default())
        .map_err(|error| error.to_string())?;
    let sessions = rows(&analysis.sessions, &analysis);
    let counted: Vec<&Value> = sessions
        .iter()
        .filter(|row| flag(&wanted, "all") == Some(true) || !is_systems_own(row))
        .collect();
    let shown = || -> String {
        let row = |row: &&Value| {
            let keys = [
                "host",
                "account_name",
                "kind",
                "logon_id",
                "start",
                "end",
                "end_min",
                "end_max",
                "end_reason",
                "end_source",
                "flags",
                "parts",
                "intervals",
            ];
            let shown = keys.map(|key| format!("{key} {}", row[key]));
            format!("\n  {}", shown.join(", "))
        };
        counted.iter().map(row).collect()
    };

    if let Some(number) = wanted.get("sessions").and_then(Wanted::as_integer)
        && counted.len() as i64 != number
    {
        return Err(format!(
            "{number} sessions must come out, not {}:{}",
            counted.len(),
            shown()
        ));
    }
    let mut taken = vec![false; counted.len()];
    for row in list(&wanted, "session") {
        let fits = |&(at, found): &(usize, &&Value)| {
            !taken[at]
                && row
                    .iter()
                    .all(|(key, value)| agrees(key, value, found, &sessions))
        };
        match counted.iter().enumerate().find(fits) {
            Some((at, _)) => taken[at] = true,
            None => return Err(format!("nothing is {row:?}; there are{}", shown())),
        }
    }
    for count in list(&wanted, "count") {
        let place = count["where"].as_table().unwrap();
        let number = counted
            .iter()
            .filter(|found| {
                let mut place = place.iter();
                place.all(|(key, value)| agrees(key, value, found, &sessions))
            })
            .count() as i64;
        if Some(number) != count["sessions"].as_integer() {
            return Err(format!(
                "{number} sessions are {count:?}; there are{}",
                shown()
            ));
        }
    }
    check_run(&wanted, folder, &analysis, &sessions)
}

/// What the rows say of the run as a whole.
fn check_run(
    wanted: &Table,
    folder: &Path,
    analysis: &Analysis,
    sessions: &[Value],
) -> Result<(), String> {
    if let Some(number) = wanted.get("machines").and_then(Wanted::as_integer) {
        let hosts: BTreeSet<&str> = sessions
            .iter()
            .filter_map(|row| row["host"].as_str())
            .collect();
        if hosts.len() as i64 != number {
            return Err(format!("{number} machines must come out, not {hosts:?}"));
        }
    }
    if let Some(partial) = flag(wanted, "partial")
        && partial != analysis.is_partial()
    {
        return Err(format!("the result must be partial: {partial}"));
    }
    let events = rows(&analysis.events, analysis);
    if let Some(counts) = wanted.get("events").and_then(Wanted::as_table) {
        for (name, number) in counts {
            let found = events
                .iter()
                .filter(|event| event["event"] == name.as_str());
            let found = found.count() as i64;
            if Some(found) != number.as_integer() {
                return Err(format!("{found} events are {name}, which must be {number}"));
            }
        }
    }
    if flag(wanted, "unique") == Some(true) {
        let mut seen = BTreeSet::new();
        for event in &events {
            let place = ["host", "channel", "record_id"].map(|key| event[key].to_string());
            if !seen.insert(place.clone()) {
                return Err(format!("record {place:?} comes out twice"));
            }
        }
    }
    if flag(wanted, "same_bytes") == Some(true) {
        let mut files = files_under(&folder.join("evidence"));
        files.sort();
        let forward = bytes(&files, 1);
        files.reverse();
        for threads in [1, 2, 7] {
            if bytes(&files, threads) != forward {
                return Err(format!(
                    "other bytes in another order, with {threads} threads"
                ));
            }
        }
    }
    Ok(())
}

fn files_under(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                files_under(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

/// All that a run over these files writes.
fn bytes(files: &[PathBuf], threads: usize) -> Vec<u8> {
    let options = Options {
        threads: Some(threads),
        ..Options::default()
    };
    let analysis = analyse(files, options).unwrap();
    let view = View::new(&analysis, None);
    let mut out = Vec::new();
    for format in [Format::Csv, Format::Json] {
        let writer = Writer {
            format,
            width: 200,
            threads: Some(threads),
            colours: false,
            csv_raw: true,
        };
        let rows = &analysis.sessions;
        writer.write_all::<Session>(&view, rows, &mut out).unwrap();
        let rows = &analysis.events;
        writer
            .write_all::<TimelineEvent>(&view, rows, &mut out)
            .unwrap();
    }
    out
}

/// The rows as the program exports them.
fn rows<R: export::Row + export::Tabular + Sync>(rows: &[R], analysis: &Analysis) -> Vec<Value> {
    let writer = Writer {
        format: Format::Jsonl,
        width: 200,
        threads: None,
        colours: false,
        csv_raw: true,
    };
    let mut out = Vec::new();
    writer
        .write_all::<R>(&View::new(analysis, None), rows, &mut out)
        .unwrap();
    let lines = String::from_utf8(out).unwrap();
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Sessions that every machine has, whoever works on it.
fn is_systems_own(row: &Value) -> bool {
    let classes = [
        "local-system",
        "local-service",
        "network-service",
        "window-manager",
        "font-driver",
    ];
    classes.iter().any(|class| row["account_class"] == *class)
}

fn flag(wanted: &Table, key: &str) -> Option<bool> {
    wanted.get(key)?.as_bool()
}

fn list<'a>(wanted: &'a Table, key: &str) -> Vec<&'a Table> {
    let list = wanted.get(key).and_then(Wanted::as_array);
    list.into_iter()
        .flatten()
        .map(|row| row.as_table().unwrap())
        .collect()
}

/// A misspelt word would be a check that checks nothing.
fn check_keys(wanted: &Table) {
    let known = [
        "all",
        "sessions",
        "machines",
        "partial",
        "unique",
        "same_bytes",
        "events",
        "count",
        "session",
    ];
    for key in wanted.keys() {
        assert!(
            known.contains(&key.as_str()),
            "rows.toml: unknown key `{key}`"
        );
    }
}

/// Whether a column of a row is what is wanted of it.
fn agrees(key: &str, wanted: &Wanted, row: &Value, sessions: &[Value]) -> bool {
    match key {
        "account" => same(wanted, &row["account_name"]),
        "parent" => {
            let parent = sessions
                .iter()
                .find(|other| other["session_id"] == row["parent_session_id"]);
            let named = parent.map_or(String::new(), |parent| {
                let word = |key: &str| parent[key].as_str().unwrap_or_default().to_owned();
                format!("{}/{}", word("account_name"), word("kind"))
            });
            wanted.as_str() == Some(&named)
        }
        "flags" | "no_flags" => {
            let flags = row["flags"].as_array().unwrap();
            let mut named = wanted.as_array().unwrap().iter();
            named.all(|flag| {
                flags.iter().any(|found| found.as_str() == flag.as_str()) == (key == "flags")
            })
        }
        "parts" => {
            let mut found: Vec<&str> = row["parts"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(|part| part["reason"].as_str())
                .collect();
            let mut named: Vec<&str> = wanted
                .as_array()
                .unwrap()
                .iter()
                .filter_map(Wanted::as_str)
                .collect();
            found.sort_unstable();
            named.sort_unstable();
            found == named
        }
        "intervals" => {
            let (found, named) = (
                row["intervals"].as_array().unwrap(),
                wanted.as_array().unwrap(),
            );
            found.len() == named.len()
                && found.iter().zip(named).all(|(found, named)| {
                    let mut named = named.as_table().unwrap().iter();
                    named.all(|(key, value)| same(value, &found[key]))
                })
        }
        "host_aliases" => {
            let named: Vec<Value> = wanted
                .as_array()
                .unwrap()
                .iter()
                .map(|name| name.as_str().unwrap().into())
                .collect();
            row[key].as_array() == Some(&named)
        }
        _ => {
            assert!(row.get(key).is_some(), "rows.toml: no column `{key}`");
            same(wanted, &row[key])
        }
    }
}

/// A value; two values in brackets are the least and the greatest that will do.
fn same(wanted: &Wanted, found: &Value) -> bool {
    match wanted {
        Wanted::String(text) if text.is_empty() => found.is_null(),
        Wanted::String(text) => found.as_str() == Some(&full(text)),
        Wanted::Boolean(is) => found.as_bool() == Some(*is),
        Wanted::Integer(_) | Wanted::Float(_) => number(wanted)
            .zip(found.as_f64())
            .is_some_and(|(a, b)| (a - b).abs() < 1e-6),
        Wanted::Array(range) => match (range.as_slice(), found) {
            ([Wanted::String(from), Wanted::String(to)], Value::String(time)) => {
                (full(from)..=full(to)).contains(time)
            }
            ([from, to], Value::Number(found)) => {
                let found = found.as_f64();
                number(from) <= found && found <= number(to)
            }
            _ => false,
        },
        _ => false,
    }
}

fn number(wanted: &Wanted) -> Option<f64> {
    wanted
        .as_float()
        .or_else(|| wanted.as_integer().map(|n| n as f64))
}

/// A time with all its seven digits; anything else as it is.
fn full(text: &str) -> String {
    let is_time = text.len() >= 20 && text.starts_with("20") && text.ends_with('Z');
    match text.trim_end_matches('Z').split_once('.') {
        _ if !is_time => text.to_owned(),
        None => text.replace('Z', ".0000000Z"),
        Some((seconds, digits)) => format!("{seconds}.{digits:0<7}Z"),
    }
}

macro_rules! traps {
    ($($claim:ident: $trap:literal,)*) => {
        $(
            #[test]
            fn $claim() {
                trap($trap);
            }
        )*

        const TRAPS: &[(&str, &str)] = &[$(($trap, stringify!($claim)),)*];
    };
}

traps! {
    t01_the_same_logon_id_on_two_computers_is_two_sessions: "T01",
    t02_the_same_logon_id_after_a_reboot_is_another_session_and_the_first_ends_with_its_boot: "T02",
    t03_a_power_loss_is_a_crash_within_a_range: "T03",
    t04_a_user_logoff_ends_the_session_at_4647_whenever_the_token_closes: "T04",
    t05_an_administrator_under_uac_has_one_session_with_two_logon_ids: "T05",
    t06_an_rdp_session_that_was_left_and_taken_up_again_is_one_with_a_disconnected_interval: "T06",
    t07_an_unlock_by_type_7_is_part_of_the_session_that_was_locked: "T07",
    t08_runas_makes_child_sessions_and_explicit_credentials_are_no_logon: "T08",
    t09_the_class_of_an_account_comes_from_its_sid_in_any_language: "T09",
    t10_a_standing_account_has_one_session_a_boot: "T10",
    t11_a_record_in_log_archive_shadow_copy_and_slack_counts_once: "T11",
    t12_a_terminal_services_logon_from_local_is_the_console: "T12",
    t13_an_authentication_without_a_logon_is_an_attempt_and_no_session: "T13",
    t14_damage_is_reported_and_the_rest_is_read: "T14",
    t15_a_log_is_what_its_records_say_whatever_its_name: "T15",
    t16_a_clock_set_back_makes_no_negative_duration_and_is_noted: "T16",
    t17_records_of_a_circular_log_count_in_the_order_of_their_numbers: "T17",
    t18_hostile_names_come_out_exactly_and_a_renamed_machine_is_one: "T18",
    t19_sessions_of_days_and_months_have_their_durations: "T19",
    t20_what_lies_outside_the_log_is_said_to_be_unknown: "T20",
    t21_sessions_with_a_number_that_was_given_out_again_stay_apart: "T21",
    t22_the_same_evidence_gives_the_same_bytes_in_any_order_with_any_threads: "T22",
    t23_fast_startup_ends_desktops_and_not_the_boot: "T23",
    t24_a_logoff_written_after_1100_ends_the_session_of_the_old_boot: "T24",
    t25_the_window_manager_of_windows_8_is_no_person: "T25",
    t26_a_consent_prompt_with_type_11_is_an_elevation_and_a_child: "T26",
    t27_an_unlock_that_comes_as_type_2_is_an_unlock: "T27",
    t28_type_7_with_an_address_and_no_new_connection_is_an_unlock_inside_rdp: "T28",
    t29_privileges_before_their_logon_belong_to_it: "T29",
    t30_a_boot_that_nothing_else_shows_is_a_lost_boot_and_41_after_a_clean_stop_no_crash: "T30",
    t31_a_microsoft_account_is_joined_by_sid: "T31",
    t32_a_crash_is_not_before_the_later_of_6008_and_the_last_record: "T32",
}

#[test]
fn each_trap_has_its_test_its_evidence_and_its_story_and_the_list_names_only_traps() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/traps");
    let tests: BTreeMap<&str, &str> = TRAPS.iter().copied().collect();
    assert_eq!(tests.len(), TRAPS.len(), "a trap is tested twice");
    let mut folders = BTreeSet::new();
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap()[..3].to_owned();
        let claim = tests
            .get(name.as_str())
            .unwrap_or_else(|| panic!("{name} has no test"));
        assert!(
            claim.starts_with(&name.to_lowercase()),
            "{claim} tests {name}"
        );
        for file in ["scenario.toml", "rows.toml", "README.md", "evidence"] {
            assert!(path.join(file).exists(), "{}: no {file}", path.display());
        }
        folders.insert(name);
    }
    assert_eq!(folders.len(), tests.len());
    assert_eq!(folders.len(), 32);
    for name in NOT_YET {
        assert!(folders.contains(*name), "{name} is no trap");
    }
}
