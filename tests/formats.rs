//! The formats that other programs read, as those programs read them.
//!
//! `tests/run` installs the readers; each that is missing is told on standard error as `NOT CHECKED`.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

const TIMELINES: [&str; 5] = ["timesketch", "timesketch-csv", "ocsf", "ecs", "l2tcsv"];

const GRAPHS: [&str; 2] = ["graphml", "edges"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn winsessions(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_winsessions"));
    command
        .current_dir(root())
        .args(arguments)
        .output()
        .unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What a command writes of all fixtures.
fn written(command: &str, format: &str, more: &[&str]) -> Vec<u8> {
    let arguments = [command, "-q", "--format", format, "fixtures"];
    let output = winsessions(&[&arguments[..], more].concat());
    let status = output.status.code();
    assert!(matches!(status, Some(0 | 3)), "{format}: {}", told(&output));
    assert!(!output.stdout.is_empty());
    output.stdout
}

/// The same in a file.
fn file(folder: &TempDir, command: &str, format: &str) -> PathBuf {
    let path = folder.path().join(format!("{command}.{format}"));
    fs::write(&path, written(command, format, &[])).unwrap();
    path
}

/// Has a reader hold a file to the rows of JSON Lines.
fn assert_read(reader: &str, path: &Path, rows: &Path) {
    let script = root().join("tests/readers/formats.py");
    let mut command = Command::new("python3");
    command.arg(script).arg(reader).arg(path).arg(rows);
    let Ok(output) = command.output() else {
        // Not by the macro, whose words are kept back where a test passes.
        let _ = writeln!(
            std::io::stderr(),
            "NOT CHECKED: {reader} (python3 is not installed)"
        );
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{reader} of {}: {said}{}",
        path.display(),
        told(&output)
    );
    match said.lines().find(|line| line.starts_with("NOT CHECKED")) {
        Some(line) => {
            let _ = writeln!(std::io::stderr(), "{line}: {reader}");
        }
        None => assert!(!said.is_empty()),
    }
}

#[test]
fn parquet_read_by_duckdb_and_pyarrow_has_the_counts_types_and_values_of_json() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["sessions", "events", "coverage", "summary"] {
        let rows = file(&folder, command, "jsonl");
        let path = file(&folder, command, "parquet");
        for reader in ["pyarrow", "duckdb"] {
            assert_read(reader, &path, &rows);
        }
    }
}

#[test]
fn timelines_are_what_their_readers_take_and_no_row_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["sessions", "events"] {
        let rows = file(&folder, command, "jsonl");
        for format in TIMELINES {
            assert_read(format, &file(&folder, command, format), &rows);
        }
    }
}

#[test]
fn a_graph_counts_every_logon_and_is_read_by_networkx() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["sessions", "events"] {
        let rows = file(&folder, command, "jsonl");
        for format in GRAPHS {
            assert_read(format, &file(&folder, command, format), &rows);
        }
    }
}

#[test]
fn the_same_rows_give_the_same_bytes_on_any_number_of_threads() {
    for format in TIMELINES.iter().chain(&GRAPHS).chain(&["parquet"]) {
        for command in ["sessions", "events"] {
            let one = written(command, format, &["--threads", "1"]);
            let many = written(command, format, &["--threads", "5"]);
            assert!(one == many, "{command} as {format}");
        }
    }
}

#[test]
fn a_file_gets_the_format_of_its_extension_where_only_one_has_it() {
    let folder = tempfile::tempdir().unwrap();
    for (name, format) in [("x.parquet", "parquet"), ("X.GRAPHML", "graphml")] {
        let path = folder.path().join(name);
        let evidence = ["sessions", "-q", "fixtures/workday/evidence", "-o"];
        let output = winsessions(&[&evidence[..], &[path.to_str().unwrap()]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", told(&output));
        let named = winsessions(&[&evidence[..3], &["--format", format]].concat());
        assert!(fs::read(&path).unwrap() == named.stdout, "{name}");
    }
}

#[test]
fn a_format_that_cannot_hold_the_rows_is_refused_before_anything_is_read() {
    let mut refused = Vec::new();
    for format in TIMELINES.iter().chain(&GRAPHS) {
        for command in ["coverage", "summary"] {
            refused.push(vec![command, "none", "--format", format]);
        }
    }
    refused.push(vec!["coverage", "none", "-o", "x.graphml"]);
    refused.push(vec!["explain", "0123", "none", "-o", "x.parquet"]);
    refused.push(vec!["sessions", "none", "--format", "ocsf", "--csv-raw"]);
    refused.push(vec!["batch", "run", "none", "-o", "x", "--formats", "ocsf"]);
    for arguments in refused {
        let output = winsessions(&arguments);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{arguments:?}: {}",
            told(&output)
        );
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn an_empty_result_is_a_valid_file_without_rows() {
    let folder = tempfile::tempdir().unwrap();
    let nothing = ["--account", "nobody-of-this-name"];
    let rows = folder.path().join("rows.jsonl");
    fs::write(&rows, "").unwrap();
    let path = folder.path().join("none.parquet");
    fs::write(&path, written("sessions", "parquet", &nothing)).unwrap();
    for reader in ["pyarrow", "duckdb"] {
        assert_read(reader, &path, &rows);
    }
    let path = folder.path().join("none.graphml");
    fs::write(&path, written("sessions", "graphml", &nothing)).unwrap();
    assert_read("graphml", &path, &rows);
}
