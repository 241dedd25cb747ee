//! The program as it is called: arguments, exit status, what goes where.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

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
