//! The program as it is called: arguments, exit status, what goes where.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn winsessions(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_winsessions"))
        .args(arguments)
        .output()
        .unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn wrong_usage_is_status_2_with_nothing_on_standard_output() {
    for arguments in [
        &["sessions"][..],
        &["nonsense"],
        &["sessions", "x", "--format", "xml"],
        &["sessions", "x", "--from", "yesterday"],
        &[
            "sessions",
            "x",
            "--from",
            "2020-01-02",
            "--to",
            "2020-01-01",
        ],
        &["sessions", "x", "--threads", "0"],
        &["sessions", "x", "--kind", "remote"],
        &["sessions", "x", "--class", "admins"],
        &["events", "x", "--at", "2020-01-01"],
    ] {
        let output = winsessions(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        assert!(stderr(&output).starts_with("error: "), "{arguments:?}");
    }
}

#[test]
fn a_kind_that_does_not_exist_is_answered_with_those_that_do() {
    let told = stderr(&winsessions(&["sessions", "x", "--kind", "remote"]));
    for kind in ["console", "rdp-cached", "runas-netonly"] {
        assert!(told.contains(kind), "{told}");
    }
}

#[test]
fn help_teaches_and_is_status_0() {
    let output = winsessions(&["sessions", "--help"]);
    assert_eq!(output.status.code(), Some(0));
    let told = String::from_utf8(output.stdout).unwrap();
    for word in [
        "NETWORK SERVICE",
        "lsa-refresh",
        "Examples:",
        "Exit status:",
    ] {
        assert!(told.contains(word), "{word}");
    }
}

#[test]
fn an_output_inside_the_evidence_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("Security.evtx");
    fs::write(&log, "evidence").unwrap();
    let inside = folder.path().join("out.csv");
    for (evidence, output) in [(folder.path(), &inside), (&log, &log)] {
        let refused = winsessions(&["sessions", path(evidence), "-o", path(output)]);
        assert_eq!(refused.status.code(), Some(2));
        assert!(stderr(&refused).contains("evidence is never altered"));
    }
    assert_eq!(fs::read(&log).unwrap(), b"evidence");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn an_output_that_cannot_be_opened_is_status_1_before_the_work_starts() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("none/out.csv");
    let failed = winsessions(&["sessions", "no-such-evidence", "-o", path(&output)]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(stderr(&failed).starts_with("winsessions: cannot write "));
}

/// A copy of the logs of all fixtures but the traps, some of which are damaged.
fn evidence() -> tempfile::TempDir {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let folder = tempfile::tempdir().unwrap();
    let mut logs = logs(&fixtures);
    logs.retain(|log| !log.starts_with(fixtures.join("traps")));
    assert!(logs.len() > 2, "{logs:?}");
    for (number, log) in logs.iter().enumerate() {
        fs::copy(log, folder.path().join(format!("{number}.evtx"))).unwrap();
    }
    folder
}

/// Every log below a folder, sorted.
fn logs(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(logs(&path));
        } else if path
            .extension()
            .is_some_and(|extension| extension == "evtx")
        {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn evidence_without_a_log_is_status_4() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("notes.txt"), "no log").unwrap();
    let output = winsessions(&["sessions", path(folder.path())]);
    assert_eq!(output.status.code(), Some(4));
    assert!(output.stdout.is_empty());
    assert!(stderr(&output).starts_with("winsessions: no event log found in "));
}

#[test]
fn what_should_have_been_a_log_is_told_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("Security.evtx");
    fs::write(&log, "no log").unwrap();
    let output = winsessions(&["sessions", path(&log)]);
    assert_eq!(output.status.code(), Some(4));
    let told = stderr(&output);
    assert!(
        told.starts_with(&format!("winsessions: {}: ", path(&log))),
        "{told}"
    );
}

#[test]
fn data_goes_to_standard_output_and_messages_to_standard_error() {
    let evidence = evidence();
    let output = winsessions(&["sessions", path(evidence.path())]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(output.stdout.starts_with(b"session_id,host,"));
    assert!(output.stdout.iter().filter(|&&byte| byte == b'\n').count() > 1);
    assert!(stderr(&output).starts_with("winsessions: read "));
    let quiet = winsessions(&["sessions", "-q", path(evidence.path())]);
    assert_eq!(quiet.stdout, output.stdout);
    assert!(quiet.stderr.is_empty());
}

#[test]
fn a_damaged_log_is_status_3_and_the_place_is_told() {
    let evidence = evidence();
    let log = logs(evidence.path()).remove(0);
    let mut bytes = fs::read(&log).unwrap();
    let torn = bytes.len() - 1000;
    bytes.truncate(torn);
    fs::write(&log, bytes).unwrap();
    let output = winsessions(&["events", path(evidence.path())]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stderr(&output).contains(path(&log)));
    assert_eq!(
        winsessions(&["events", "-q", path(&log)]).status.code(),
        Some(3)
    );
}

#[test]
fn threads_and_the_order_of_arguments_do_not_change_a_byte() {
    let evidence = evidence();
    let logs = logs(evidence.path());
    let mut forward: Vec<&str> = logs.iter().map(|log| path(log)).collect();
    for format in ["csv", "json", "jsonl"] {
        let start = ["sessions", "--format", format, "--threads"];
        let one = winsessions(&[&start[..], &["1"], &forward].concat());
        forward.reverse();
        let four = winsessions(&[&start[..], &["4"], &forward].concat());
        assert!(!one.stdout.is_empty());
        assert_eq!(one.stdout, four.stdout, "{format}");
    }
}

#[test]
fn a_file_holds_what_standard_output_would_and_nothing_is_left_beside_it() {
    let evidence = evidence();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sessions.json");
    let evidence = path(evidence.path());
    let to_file = winsessions(&["sessions", evidence, "-o", path(&file)]);
    assert_eq!(to_file.status.code(), Some(0));
    assert!(to_file.stdout.is_empty());
    let to_stdout = winsessions(&["sessions", evidence, "--format", "json"]);
    assert_eq!(fs::read(&file).unwrap(), to_stdout.stdout);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_reader_that_goes_away_ends_the_run_quietly() {
    let evidence = evidence();
    let mut child = Command::new(env!("CARGO_BIN_EXE_winsessions"))
        .args(["sessions", path(evidence.path())])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stderr(&output), "");
}

#[test]
fn a_filter_leaves_rows_out_and_a_time_adds_the_state() {
    let evidence = evidence();
    let evidence = path(evidence.path());
    let rows = |arguments: &[&str]| {
        let output = winsessions(&[&["sessions", evidence], arguments].concat());
        String::from_utf8(output.stdout).unwrap()
    };
    let all = rows(&[]).lines().count();
    let people = rows(&["--interactive"]).lines().count();
    assert!(1 < people && people < all, "{people} of {all}");
    let none = rows(&["--account", "nobody-of-this-name"]);
    assert_eq!(none.lines().count(), 1);
    let header = rows(&["--at", "2020-01-01"]);
    assert!(header.lines().next().unwrap().ends_with(",state_at,schema"));
}
