//! The JSON Schemas in `docs/schema/`: they are what the program's own columns make, and all that it writes for programs fits
//! them, by another's validator (`jsonschema-rs` of Python, which `tests/run` installs).
//!
//! `WINSESSIONS_BLESS=1` remakes them. Real logs are where `WINSESSIONS_CORPUS` says.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use winsessions::schema::{NAMES, schema};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_schemas_that_are_kept_are_those_of_the_columns() {
    let folder = root().join("docs/schema");
    for name in NAMES {
        let made = schema(name).unwrap();
        let kept = folder.join(format!("{name}.json"));
        if std::env::var_os("WINSESSIONS_BLESS").is_some() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&kept, &made).unwrap();
        }
        let kept = fs::read_to_string(&kept).unwrap_or_default();
        assert!(
            kept == made,
            "docs/schema/{name}.json is not what the columns make"
        );
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), NAMES.len());
    assert_eq!(schema("nothing"), None);
}

fn winsessions(arguments: &[&str], to: &Path) {
    let status = Command::new(env!("CARGO_BIN_EXE_winsessions"))
        .args(arguments)
        .arg("-q")
        .stdout(File::create(to).unwrap())
        .status()
        .unwrap();
    assert!(
        matches!(status.code(), Some(0 | 3)),
        "{arguments:?}: {status}"
    );
}

/// What a run tells programs on standard error, whatever becomes of it.
fn tell(arguments: &[&str], to: &Path) {
    let status = Command::new(env!("CARGO_BIN_EXE_winsessions"))
        .args(arguments)
        .args(["--log-format", "json"])
        .stdout(Stdio::null())
        .stderr(File::create(to).unwrap())
        .status()
        .unwrap();
    assert!(status.code().is_some(), "{arguments:?}: {status}");
}

/// The folders of evidence below one.
fn evidence(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let below = entries.filter(|path| path.is_dir()).flat_map(|path| {
        match path.file_name().is_some_and(|name| name == "evidence") {
            true => vec![path],
            false => evidence(&path),
        }
    });
    below.collect()
}

/// All that is written for programs of some evidence, into a folder.
fn write_all(evidence: &[&str], to: &Path) {
    fs::create_dir_all(to).unwrap();
    let write = |name: &str, arguments: &[&str]| {
        winsessions(&[arguments, evidence].concat(), &to.join(name));
    };
    for command in ["sessions", "events", "summary", "coverage"] {
        for format in ["json", "jsonl"] {
            write(
                &format!("{command}.{format}"),
                &[command, "--format", format],
            );
        }
    }
    let questions = [
        "--at",
        "2024-03-04T12:00",
        "--remote",
        "--outside",
        "08:00-18:00",
        "--first-seen",
    ];
    write(
        "asked.json",
        &[&["sessions", "--format", "json"], &questions[..]].concat(),
    );
    write(
        "overlaps.json",
        &["overlap", "*", "*", "--limit", "1000", "--format", "json"],
    );
    write("plan.json", &["batch", "plan", "--json"]);
    let rows = fs::read_to_string(to.join("sessions.jsonl")).unwrap();
    let first = rows
        .lines()
        .next()
        .and_then(|row| row.split("\"session_id\":\"").nth(1));
    if let Some(id) = first.and_then(|rest| rest.get(..16)) {
        write("explain.json", &["explain", id, "--format", "json"]);
    }
    let (units, merged) = (to.join("units"), to.join("merged"));
    let (units, merged) = (units.to_str().unwrap(), merged.to_str().unwrap());
    write(
        "run.txt",
        &["batch", "run", "--formats", "csv,jsonl,json", "-o", units],
    );
    winsessions(
        &["batch", "merge", units, "-o", merged],
        &to.join("merge.txt"),
    );
}

#[test]
fn every_message_for_programs_fits_its_schema_which_leaves_nothing_out() {
    if !has_validator() {
        return;
    }
    let made = tempfile::tempdir().unwrap();
    let evidence = made.path().join("evidence");
    fs::create_dir(&evidence).unwrap();
    let log = root().join("fixtures/workday/evidence/WS-ALDER/Security.evtx");
    let mut bytes = fs::read(&log).unwrap();
    bytes[70_000] ^= 0xff;
    fs::write(evidence.join("Security.evtx"), bytes).unwrap();
    fs::write(evidence.join("none.evtx"), "no log").unwrap();
    let (evidence, units) = (evidence.to_str().unwrap(), made.path().join("units"));
    let (units, merged) = (units.to_str().unwrap(), made.path().join("merged"));
    let workday = root().join("fixtures/workday/evidence");
    let workday = workday.to_str().unwrap();
    let batch = ["batch", "run", evidence, workday, "-o", units];
    for (number, arguments) in [
        &["sessions", evidence, "--recover"][..],
        &["sessions", workday, "--interactive", "--limit", "1"],
        &["sessions", workday, "--account", "nobody"],
        &["sessions", workday, "--columns", "nothing"],
        &["sessions", "no-such-evidence"],
        &batch,
        &batch,
        &["batch", "merge", units, "-o", merged.to_str().unwrap()],
    ]
    .iter()
    .enumerate()
    {
        tell(arguments, &made.path().join(format!("{number}.jsonl")));
    }
    let told: String = documents(made.path())
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    for topic in [
        "skipped", "damage", "left-out", "no-match", "summary", "unit", "failed",
    ] {
        assert!(told.contains(&format!("\"topic\":\"{topic}\"")), "{topic}");
    }
    let messages = told.matches("winsessions/messages/1").count();
    assert!(messages >= 15, "{told}");
    assert!(validate(made.path()) >= messages);
}

/// Every file below a folder that holds JSON.
fn documents(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let below = entries.flat_map(|path| match path.is_dir() {
        true => documents(&path),
        false => vec![path],
    });
    let is_json = |path: &PathBuf| {
        path.extension()
            .is_some_and(|end| end == "json" || end == "jsonl")
    };
    below.filter(is_json).collect()
}

/// Whether the other validator is here; if not, that is told.
fn has_validator() -> bool {
    let found = Command::new("python3")
        .args(["-c", "import jsonschema_rs"])
        .stderr(Stdio::null())
        .status();
    let found = found.is_ok_and(|status| status.success());
    if !found {
        eprintln!(
            "NOT CHECKED: documents against their schemas (tests/run installs jsonschema-rs)"
        );
    }
    found
}

/// Holds all documents below a folder to their schemas; how many there were.
fn validate(folder: &Path) -> usize {
    let output = Command::new("python3")
        .arg(root().join("tests/readers/schema.py"))
        .arg(root().join("docs/schema"))
        .args(documents(folder))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .unwrap()
}

#[test]
fn every_document_of_the_fixtures_fits_its_schema_which_leaves_nothing_out() {
    if !has_validator() {
        return;
    }
    let made = tempfile::tempdir().unwrap();
    let folders = evidence(&root().join("fixtures"));
    assert!(folders.len() > 20, "{folders:?}");
    let folders: Vec<&str> = folders.iter().map(|path| path.to_str().unwrap()).collect();
    write_all(&folders, &made.path().join("all"));
    // Machines by themselves, where those of one name are not told apart.
    for (number, folder) in folders.iter().enumerate().step_by(4) {
        write_all(&[folder], &made.path().join(number.to_string()));
    }
    assert!(validate(made.path()) > 3000);
}

#[test]
fn a_document_that_differs_from_its_schema_is_found() {
    if !has_validator() {
        return;
    }
    let made = tempfile::tempdir().unwrap();
    let log = root().join("fixtures/workday/evidence");
    let file = made.path().join("sessions.jsonl");
    winsessions(
        &["sessions", "--format", "jsonl", log.to_str().unwrap()],
        &file,
    );
    let rows = fs::read_to_string(&file).unwrap();
    for (part, other) in [
        ("\"kind\":\"console\"", "\"kind\":\"keyboard\""),
        ("\"start\":\"2024", "\"start\":\"24"),
        ("\"logons\":", "\"logon_count\":"),
        ("\"elevated\":true", "\"elevated\":1"),
        ("\"role\":\"start\"", "\"role\":\"start\",\"more\":null"),
    ] {
        assert!(rows.contains(part), "{part}");
        fs::write(&file, rows.replacen(part, other, 1)).unwrap();
        let checked = std::panic::catch_unwind(|| validate(made.path()));
        assert!(checked.is_err(), "{other} was not found");
    }
}

#[test]
fn every_document_of_real_logs_fits_its_schema() {
    let Some(corpus) = std::env::var_os("WINSESSIONS_CORPUS").map(PathBuf::from) else {
        eprintln!(
            "NOT CHECKED: documents of real logs against their schemas (WINSESSIONS_CORPUS is not set)"
        );
        return;
    };
    if !has_validator() {
        return;
    }
    let made = tempfile::tempdir().unwrap();
    write_all(&[corpus.to_str().unwrap()], made.path());
    assert!(validate(made.path()) > 1000);
}
