//! The fixtures: each log is what its scenario makes, each timeline what must come out, byte for byte.
//!
//! `WINSESSIONS_BLESS=1` remakes logs, timelines and the README's output instead; read the difference before it is kept.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use winsessions::synth;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn is_blessed() -> bool {
    std::env::var_os("WINSESSIONS_BLESS").is_some()
}

/// The folders below one that hold a scenario.
fn stories(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap();
    let mut folders: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("scenario.toml").exists())
        .collect();
    folders.sort();
    assert!(folders.len() >= 5, "{folders:?}");
    folders
}

/// Holds the logs of a story against what its scenario makes.
fn hold_logs(folder: &Path) {
    let scenario = folder.join("scenario.toml");
    let made = synth::render(&fs::read_to_string(&scenario).unwrap()).unwrap();
    if is_blessed() {
        let _ = fs::remove_dir_all(folder.join("evidence"));
    }
    for (path, bytes) in &made {
        hold(&folder.join("evidence").join(path), bytes);
    }
    assert_eq!(
        files_under(&folder.join("evidence")),
        made.len(),
        "{}",
        folder.display()
    );
    assert!(
        folder.join("README.md").exists(),
        "{} has no README.md",
        folder.display()
    );
}

fn winsessions(folder: &Path, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(env!("CARGO_BIN_EXE_winsessions"))
        .args(arguments)
        .env("COLUMNS", "100")
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// Compares with what is kept, or keeps it.
fn hold(kept: &Path, made: &[u8]) {
    if is_blessed() {
        fs::create_dir_all(kept.parent().unwrap()).unwrap();
        fs::write(kept, made).unwrap();
    }
    let expected = fs::read(kept).unwrap_or_default();
    let differs = expected
        .iter()
        .zip(made)
        .position(|(a, b)| a != b)
        .unwrap_or(expected.len().min(made.len()));
    let around = |bytes: &[u8]| {
        String::from_utf8_lossy(
            &bytes[differs.saturating_sub(80).min(bytes.len())..(differs + 80).min(bytes.len())],
        )
        .into_owned()
    };
    assert!(
        expected == made,
        "{}: expected …{}… but made …{}…",
        kept.display(),
        around(&expected),
        around(made)
    );
}

fn files_under(folder: &Path) -> usize {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .map(|path| if path.is_dir() { files_under(&path) } else { 1 })
        .sum()
}

/// Held while fixtures are remade or read.
static FIXTURES: Mutex<()> = Mutex::new(());

// One test, so that timelines are remade after the logs that they come from.
#[test]
fn logs_are_what_their_scenarios_make_and_timelines_what_they_must_show() {
    let _held = FIXTURES.lock();
    for folder in stories("fixtures") {
        hold_logs(&folder);
        for command in ["sessions", "events"] {
            for format in ["csv", "jsonl"] {
                let rows = winsessions(&folder, &[command, "--format", format, "evidence"]);
                hold(&folder.join(format!("expected/{command}.{format}")), &rows);
            }
        }
    }
}

#[test]
fn the_logs_of_the_traps_are_what_their_scenarios_make() {
    let _held = FIXTURES.lock();
    for folder in stories("fixtures/traps") {
        hold_logs(&folder);
    }
}

#[test]
fn hostile_names_are_harmless_on_terminals_and_in_spreadsheets_and_exact_elsewhere() {
    let _held = FIXTURES.lock();
    let folder = root().join("fixtures/hostile/names");
    hold_logs(&folder);
    let kept = |name: &str, arguments: &[&str]| {
        let made = winsessions(&folder, &[arguments, &["evidence"]].concat());
        hold(&folder.join("expected").join(name), &made);
        String::from_utf8(made).unwrap()
    };
    let mut shown = Vec::new();
    for command in ["sessions", "events"] {
        shown.push(kept(
            &format!("{command}.txt"),
            &[command, "--format", "table"],
        ));
        let csv = [command, "--format", "csv"];
        kept(&format!("{command}.csv"), &csv);
        kept(
            &format!("{command}.raw.csv"),
            &[&csv[..], &["--csv-raw"]].concat(),
        );
        kept(&format!("{command}.jsonl"), &[command, "--format", "jsonl"]);
    }
    let rows = winsessions(&folder, &["sessions", "--format", "jsonl", "evidence"]);
    let rows = String::from_utf8(rows).unwrap();
    let mut flagged = 0;
    for row in rows.lines() {
        let row: serde_json::Value = serde_json::from_str(row).unwrap();
        let id = row["session_id"].as_str().unwrap();
        let flags = row["flags"].as_array().unwrap();
        let story = winsessions(&folder, &["explain", id, "evidence"]);
        if flags.iter().any(|flag| flag == "suspicious-name") {
            flagged += 1;
            shown.push(String::from_utf8(story).unwrap());
        }
    }
    assert_eq!(flagged, 8);
    for text in shown {
        let acts = |character: char| character.is_control() && character != '\n';
        assert!(!text.contains(acts), "{text:?}");
        assert!(!text.contains(['\u{202e}', '\u{200b}', '\u{2066}', '\u{2028}', '\u{34f}']));
    }
}

/// What a shell makes of an argument with a star for each story.
fn expanded(argument: &str) -> Vec<String> {
    let Some((before, after)) = argument.split_once("/*/") else {
        return vec![argument.to_owned()];
    };
    let names = stories(before).into_iter();
    let names = names.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned());
    names
        .map(|name| format!("{before}/{name}/{after}"))
        .collect()
}

#[test]
fn the_readme_shows_what_the_program_prints() {
    let _held = FIXTURES.lock();
    let path = root().join("README.md");
    let mut readme = fs::read_to_string(&path).unwrap();
    let (marker, end) = ("<!-- output: ", " -->\n```text\n");
    let start = readme.find(marker).unwrap();
    let arguments_end = start + readme[start..].find(end).unwrap();
    let arguments: Vec<String> = readme[start + marker.len()..arguments_end]
        .split(' ')
        .flat_map(expanded)
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let shown = arguments_end + end.len();
    let shown_end = shown + readme[shown..].find("```").unwrap();
    let made = String::from_utf8(winsessions(root(), &arguments)).unwrap();
    readme.replace_range(shown..shown_end, &made);
    hold(&path, readme.as_bytes());

    let rows = String::from_utf8(winsessions(
        root(),
        &["sessions", "--format", "csv", "fixtures/workday"],
    ))
    .unwrap();
    let proofs: Vec<&str> = readme
        .split('`')
        .filter(|code| code.contains("#Security/"))
        .collect();
    assert_eq!(proofs.len(), 2);
    let proven = rows.lines().filter(|row| {
        proofs
            .iter()
            .all(|proof| row.contains(&format!("{proof},")))
    });
    assert_eq!(proven.count(), 1, "{proofs:?}");
}
