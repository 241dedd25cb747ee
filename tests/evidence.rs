//! Evidence is read and nothing else: whatever is asked for, it is the same before and after.

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File, FileTimes};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};
use winsessions::analysis::{Options, pair};
use winsessions::damage::DamageKind;
use winsessions::error::Error;
use winsessions::progress::Progress;

fn winsessions(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_winsessions"))
        .args(arguments)
        .output()
        .unwrap()
}

fn log() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/workday/evidence/WS-ALDER/Security.evtx")
}

/// What is known of a file or folder without opening it.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    size: u64,
    read_only: bool,
    modified: SystemTime,
    /// Of files alone: to list a folder is an access.
    accessed: Option<SystemTime>,
}

/// Everything below a folder.
fn seen(folder: &Path, found: &mut BTreeMap<PathBuf, Seen>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let meta = fs::symlink_metadata(&path).unwrap();
        let seen_here = Seen {
            size: meta.len(),
            read_only: meta.permissions().readonly(),
            modified: meta.modified().unwrap(),
            accessed: meta.accessed().ok().filter(|_| meta.is_file()),
        };
        found.insert(path.clone(), seen_here);
        if meta.is_dir() {
            seen(&path, found);
        }
    }
}

/// Every file with what it holds.
fn hashes(seen: &BTreeMap<PathBuf, Seen>) -> Vec<(PathBuf, Vec<u8>)> {
    let files = seen.iter().filter(|(_, seen)| seen.accessed.is_some());
    let hashes = files.map(|(path, _)| {
        let bytes = fs::read(path).unwrap();
        (path.clone(), Sha256::digest(bytes).to_vec())
    });
    hashes.collect()
}

fn set_read_only(folder: &Path, read_only: bool) {
    let mut found = BTreeMap::new();
    seen(folder, &mut found);
    let root = std::iter::once(folder);
    for path in root.chain(found.keys().map(PathBuf::as_path)) {
        let mut permissions = fs::metadata(path).unwrap().permissions();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = if path.is_dir() { 0o555 } else { 0o444 };
            permissions.set_mode(if read_only { mode } else { mode | 0o200 });
        }
        #[cfg(not(unix))]
        permissions.set_readonly(read_only);
        fs::set_permissions(path, permissions).unwrap();
    }
}

#[test]
fn no_command_changes_anything_in_a_tree_that_may_only_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let (case, out) = (folder.path().join("case"), folder.path().join("out"));
    fs::create_dir_all(case.join("deep")).unwrap();
    fs::create_dir(&out).unwrap();
    let logs = [case.join("Security.evtx"), case.join("deep/copy.evtx")];
    for target in &logs {
        fs::copy(log(), target).unwrap();
    }
    let mut torn = fs::read(log()).unwrap();
    torn.truncate(100_000);
    fs::write(case.join("torn.evtx"), torn).unwrap();
    fs::write(case.join("notes.txt"), "notes").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(&case, folder.path().join("link")).unwrap();

    let mut before = BTreeMap::new();
    seen(&case, &mut before);
    let hashed = hashes(&before);
    // An access long ago is one that the next access would change on any file system that keeps it.
    let past = SystemTime::now() - Duration::from_secs(100 * 86_400);
    for (path, _) in &hashed {
        let file = File::options().append(true).open(path).unwrap();
        let times = FileTimes::new().set_accessed(past).set_modified(past);
        file.set_times(times).unwrap();
    }
    set_read_only(&case, true);
    before.clear();
    seen(&case, &mut before);

    let case_text = case.to_str().unwrap();
    let first = winsessions(&["sessions", "-q", "--format", "csv", case_text]);
    let rows = String::from_utf8(first.stdout).unwrap();
    let mut lines = rows.lines().map(|line| line.split(','));
    let place = lines.next().unwrap().position(|name| name == "session_id");
    let id = lines.next().unwrap().nth(place.unwrap()).unwrap();
    let mut runs = vec![vec!["explain", id], vec!["explain", "--format", "json", id]];
    for command in ["sessions", "events", "summary", "coverage"] {
        runs.extend(
            ["csv", "json", "jsonl", "table"].map(|format| vec![command, "--format", format]),
        );
    }
    let outside = out.join("rows");
    for run in &runs {
        for end in [
            &[case_text][..],
            &[case_text, "--decoder", "evtx"],
            &[case_text, "-o", outside.to_str().unwrap()],
        ] {
            let output = winsessions(&[run, end].concat());
            assert_eq!(output.status.code(), Some(3), "{run:?} {end:?}");
        }
    }
    let units = out.join("units");
    for batch in [
        &["batch", "plan", case_text][..],
        &["batch", "run", case_text, "-o", units.to_str().unwrap()],
        &["batch", "run", case_text, "-o", units.to_str().unwrap()],
    ] {
        let status = winsessions(batch).status.code();
        let expected = if batch[1] == "plan" { 0 } else { 3 };
        assert_eq!(status, Some(expected), "{batch:?}");
    }
    let mut inside = vec![
        case.join("out.csv"),
        case.join("deep/out.csv"),
        case.join("deep/../out.csv"),
        out.join("../case/./out.csv"),
        logs[0].clone(),
    ];
    #[cfg(unix)]
    inside.extend([
        folder.path().join("link/out.csv"),
        folder.path().join("link/deep/../out.csv"),
        folder.path().join("link/Security.evtx"),
    ]);
    for target in inside {
        let output = winsessions(&["sessions", case_text, "-o", target.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(2), "{}", target.display());
    }

    let mut after = BTreeMap::new();
    seen(&case, &mut after);
    #[cfg(not(target_os = "linux"))]
    for seen in before.values_mut().chain(after.values_mut()) {
        seen.accessed = None;
    }
    assert_eq!(before, after);
    assert_eq!(hashed, hashes(&after));
    set_read_only(&case, false);
}

#[cfg(unix)]
#[test]
fn an_output_is_refused_by_what_its_links_lead_to() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let case = folder.path().join("case");
    fs::create_dir(&case).unwrap();
    fs::copy(log(), case.join("Security.evtx")).unwrap();
    // A name outside that leads inside: to a log, and to what is not there yet.
    symlink(case.join("Security.evtx"), folder.path().join("log")).unwrap();
    symlink(case.join("new.csv"), folder.path().join("new")).unwrap();
    let case_text = case.to_str().unwrap();
    for name in ["log", "new"] {
        let target = folder.path().join(name);
        let output = winsessions(&["sessions", case_text, "-o", target.to_str().unwrap()]);
        let left: Vec<_> = fs::read_dir(&case)
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        assert_eq!(left, ["Security.evtx"], "{name}");
        if name == "log" {
            assert_eq!(output.status.code(), Some(2));
        }
    }
    assert_eq!(
        fs::read(case.join("Security.evtx")).unwrap(),
        fs::read(log()).unwrap()
    );
    // Beside a log that was named itself is a fine place.
    let named = case.join("Security.evtx");
    let beside = case.join("out.csv");
    let output = winsessions(&[
        "sessions",
        named.to_str().unwrap(),
        "-o",
        beside.to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_log_that_is_written_to_while_it_is_read_is_told_and_partial() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("Security.evtx");
    fs::copy(log(), &path).unwrap();
    let changes = |analysis: &winsessions::analysis::Analysis| {
        let damage = analysis.logs.iter().flat_map(|log| &log.account.damage);
        let changes = damage.filter(|damage| damage.kind == DamageKind::Changed);
        changes
            .map(|damage| damage.message.clone())
            .collect::<Vec<_>>()
    };
    let named = [path.clone()];
    let still = pair(&named, Options::default()).unwrap();
    assert_eq!(
        (changes(still.analysis()), still.analysis().is_partial()),
        (vec![], false)
    );

    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let file = File::options().append(true).open(&path).unwrap();
            let mut time = SystemTime::UNIX_EPOCH;
            while !done.load(Ordering::Relaxed) {
                time += Duration::from_secs(1);
                file.set_times(FileTimes::new().set_modified(time)).unwrap();
            }
        });
        // The other thread may not come to write in between.
        let found = (0..1000).find_map(|_| {
            let found = pair(&named, Options::default()).unwrap();
            let told = changes(found.analysis());
            let partial = found.analysis().is_partial();
            (!told.is_empty()).then_some((told, partial))
        });
        done.store(true, Ordering::Relaxed);
        let told = "changed while it was read: it was written to".to_owned();
        assert_eq!(found, Some((vec![told], true)));
    });
}

#[test]
fn a_run_counts_the_bytes_it_reads_and_stops_when_it_is_asked_to() {
    let path = log();
    let size = fs::metadata(&path).unwrap().len();
    let progress = Progress::default();
    let options = Options {
        progress: Some(&progress),
        ..Options::default()
    };
    pair(std::slice::from_ref(&path), options).unwrap();
    // All but the header of the file, which is read with the first chunk.
    assert_eq!(progress.bytes(), (size - 4096, size - 4096));
    assert_eq!(progress.current(), path);
    progress.stop().request();
    let stopped = pair(&[path], options);
    assert!(matches!(stopped.err(), Some(Error::Stopped)));
    assert_eq!(progress.bytes().0, size - 4096, "nothing more is read");
}
