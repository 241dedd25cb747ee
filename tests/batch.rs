//! Whole batches: what runs leave on the disk, whatever becomes of them, and that joined results are those of one run.
//!
//! `WINSESSIONS_HOSTS` says of how many machines the evidence of the last test is (200 if not given; 2000 take some minutes), and
//! `--nocapture` shows what memory that takes. `WINSESSIONS_CORPUS` names a folder of real logs to join too.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;
use winsessions::synth;

const TABLES: [&str; 4] = ["sessions", "events", "coverage", "summary"];

fn winsessions() -> Command {
    Command::new(env!("CARGO_BIN_EXE_winsessions"))
}

fn run(arguments: &[&str]) -> Output {
    winsessions().args(arguments).output().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn batch(evidence: &Path, out: &Path, more: &[&str]) -> Output {
    let mut arguments = vec!["batch", "run", text(evidence), "-o", text(out)];
    arguments.extend(more);
    run(&arguments)
}

/// A story of one machine, a day with a few logons.
fn story(number: usize) -> String {
    format!(
        r#"
        [account.ann]
        rid = 1001

        [[machine]]
        name = "WS-{number:04}"
        os = "windows-10"
        sid = "S-1-5-21-{number}-12-13"

        [[machine.step]]
        at = "2024-05-06T07:55:00Z"
        do = "boot"

        [[machine.step]]
        at = "08:{:02}:{:02}"
        do = "logon"
        kind = "console"
        account = "ann"

        [[machine.step]]
        at = "17:00:00"
        do = "stop"
    "#,
        number / 60 % 60,
        number % 60
    )
}

/// Writes the logs of machines, a folder each.
fn write_hosts(folder: &Path, numbers: std::ops::Range<usize>) {
    for number in numbers {
        for (path, bytes) in synth::render(&story(number)).unwrap() {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }
}

/// Evidence of so many machines, and a place for results.
fn hosts(count: usize) -> (TempDir, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let evidence = place.path().join("evidence");
    write_hosts(&evidence, 0..count);
    (place, evidence)
}

/// All files below a folder, with their contents.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_owned();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// The folders and hidden files in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names = names.filter(|name| name != "skipped.json");
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

fn json(bytes: &[u8]) -> serde_json::Value {
    serde_json::from_slice(bytes).unwrap()
}

fn plan(evidence: &Path) -> Vec<serde_json::Value> {
    let output = run(&["batch", "plan", "--json", text(evidence)]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    units(&output)
}

/// The units of a plan, as a document tells them.
fn units(output: &Output) -> Vec<serde_json::Value> {
    json(&output.stdout)["units"].as_array().unwrap().clone()
}

/// Fails where tables of a merge are not the bytes of one run.
fn assert_merged(evidence: &Path, merged: &Path, formats: &[&str]) {
    for format in formats {
        for table in TABLES {
            let one = run(&[table, "-q", "--format", format, text(evidence)]);
            let name = format!("{table}.{format}");
            let joined = fs::read(merged.join(&name)).unwrap();
            assert!(one.stdout == joined, "{name} is not that of one run");
        }
    }
}

/// The logs of all fixtures but one: in a log of T15 another machine stands in the midst, where a plan does not look.
fn fixtures(place: &Path) -> PathBuf {
    let evidence = place.join("evidence");
    let all = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures"));
    for (name, bytes) in all {
        if name.components().any(|part| part.as_os_str() == "evidence")
            && !name.starts_with("traps/T15-by-content")
        {
            let path = evidence.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }
    evidence
}

#[test]
fn units_of_all_fixtures_joined_are_the_bytes_of_one_run() {
    let place = tempfile::tempdir().unwrap();
    let evidence = fixtures(place.path());
    let (out, merged) = (place.path().join("out"), place.path().join("all"));
    let formats = ["--formats", "csv,jsonl,json"];
    let done = batch(&evidence, &out, &formats);
    let joined = run(&["batch", "merge", text(&out), "-o", text(&merged)]);
    // Some traps are damaged logs.
    assert_eq!(done.status.code(), Some(3), "{}", told(&done));
    assert_eq!(joined.status.code(), Some(3), "{}", told(&joined));
    assert!(names(&out).len() > 10, "{:?}", names(&out));
    assert_merged(&evidence, &merged, &["csv", "jsonl", "json"]);
    // Again, with one thread: the same bytes.
    let again = place.path().join("again");
    batch(
        &evidence,
        &again,
        &[&formats[..], &["--threads", "1"]].concat(),
    );
    assert!(files(&out) == files(&again));
}

#[test]
fn parquet_of_units_is_written_and_left_where_it_is_by_a_merge_which_says_so() {
    let (place, evidence) = hosts(3);
    let (out, merged) = (place.path().join("out"), place.path().join("all"));
    batch(&evidence, &out, &["--formats", "parquet"]);
    let unit = out.join("host=WS-0001");
    let manifest = json(&fs::read(unit.join("manifest.json")).unwrap());
    let of = |name: &str| {
        let outputs = manifest["outputs"].as_array().unwrap();
        outputs
            .iter()
            .find(|one| one["name"] == name)
            .unwrap()
            .clone()
    };
    for table in TABLES {
        let name = format!("{table}.parquet");
        let bytes = fs::read(unit.join(&name)).unwrap();
        assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
        assert_eq!(of(&name)["bytes"], bytes.len());
        assert!(of(&name)["rows"].as_u64().unwrap() > 0);
    }
    let refused = run(&["batch", "merge", text(&out), "-o", text(&merged)]);
    assert_eq!(refused.status.code(), Some(2), "{}", told(&refused));
    assert!(told(&refused).contains("not joined") && !merged.exists());

    batch(&evidence, &out, &["--formats", "parquet,csv"]);
    let joined = run(&["batch", "merge", text(&out), "-o", text(&merged)]);
    assert_eq!(joined.status.code(), Some(0), "{}", told(&joined));
    assert!(told(&joined).contains("12 parquet files are not joined"));
    assert!(!names(&merged).iter().any(|name| name.ends_with("parquet")));
    assert_merged(&evidence, &merged, &["csv"]);
}

#[test]
fn json_documents_are_joined_with_the_accounts_of_all_logs() {
    let (place, evidence) = hosts(5);
    fs::write(evidence.join("WS-0003/broken.evtx"), "MZ").unwrap();
    let (out, merged) = (place.path().join("out"), place.path().join("all"));
    batch(&evidence, &out, &["--formats", "json"]);
    let joined = run(&["batch", "merge", text(&out), "-o", text(&merged)]);
    assert_eq!(joined.status.code(), Some(3), "a file was skipped");
    assert_merged(&evidence, &merged, &["json"]);
    let document = json(&fs::read(merged.join("sessions.json")).unwrap());
    assert_eq!(document["evidence"]["logs"].as_array().unwrap().len(), 5);
    assert_eq!(document["evidence"]["skipped"].as_array().unwrap().len(), 1);
}

#[test]
fn what_is_in_no_unit_is_in_a_merge_once_however_many_parts_a_run_had() {
    let (place, evidence) = hosts(5);
    fs::write(evidence.join("broken.evtx"), "MZ").unwrap();
    fs::write(evidence.join("notes.txt"), "x").unwrap();
    fs::write(evidence.join("WS-0003/notes.txt"), "x").unwrap();
    let outs = ["one", "two"].map(|name| place.path().join(name));
    for (out, part) in outs.iter().zip(["hash:1/2", "hash:2/2"]) {
        let done = batch(&evidence, out, &["--formats", "json", "--partition", part]);
        assert_eq!(done.status.code(), Some(3), "{}", told(&done));
    }
    let merged = place.path().join("all");
    let [one, two] = &outs;
    let join = || run(&["batch", "merge", text(one), text(two), "-o", text(&merged)]);
    let joined = join();
    assert_eq!(joined.status.code(), Some(3), "{}", told(&joined));
    assert!(
        told(&joined).contains("1 skipped file"),
        "{}",
        told(&joined)
    );
    assert_merged(&evidence, &merged, &["json"]);
    let manifest = json(&fs::read(merged.join("manifest.json")).unwrap());
    assert_eq!(manifest["skipped"].as_array().unwrap().len(), 1);
    assert_eq!(manifest["exit_status"], 3);
    // Where it is gone nobody knows.
    outs.iter()
        .for_each(|out| fs::remove_file(out.join("skipped.json")).unwrap());
    let joined = join();
    assert_eq!(joined.status.code(), Some(3), "{}", told(&joined));
    assert!(told(&joined).contains("not known"), "{}", told(&joined));
}

#[test]
fn a_folder_to_join_that_is_not_there_is_what_evidence_that_is_not_there_is() {
    let (place, evidence) = hosts(1);
    let (out, merged) = (place.path().join("out"), place.path().join("all"));
    let missing = place.path().join("missing");
    batch(&evidence, &out, &[]);
    let nothing = run(&["batch", "merge", text(&missing), "-o", text(&merged)]);
    assert_eq!(nothing.status.code(), Some(4), "{}", told(&nothing));
    assert!(told(&nothing).contains("missing"), "{}", told(&nothing));
    assert!(!merged.exists());
    let some = run(&[
        "batch",
        "merge",
        text(&missing),
        text(&out),
        "-o",
        text(&merged),
    ]);
    assert_eq!(some.status.code(), Some(3), "{}", told(&some));
    assert_merged(&evidence, &merged, &["csv"]);
    assert!(told(&some).contains("1 unit joined"), "{}", told(&some));
    fs::remove_dir_all(&merged).unwrap();
    // Nor is there a result of units none of which is what its manifest says.
    fs::write(out.join("host=WS-0000/sessions.csv"), "x").unwrap();
    let refused = run(&["batch", "merge", text(&out), "-o", text(&merged)]);
    assert_eq!(refused.status.code(), Some(4), "{}", told(&refused));
    assert!(!merged.exists());
}

#[test]
fn units_of_real_logs_joined_are_the_rows_of_one_run() {
    let Some(corpus) = std::env::var_os("WINSESSIONS_CORPUS").map(PathBuf::from) else {
        eprintln!("not run: WINSESSIONS_CORPUS names no folder of real logs");
        return;
    };
    let place = tempfile::tempdir().unwrap();
    let museum = corpus.join("DFIRArtifactMuseum");
    let (out, merged) = (place.path().join("out"), place.path().join("all"));
    batch(&museum, &out, &["--formats", "csv,jsonl,json"]);
    run(&["batch", "merge", text(&out), "-o", text(&merged)]);
    assert_merged(&museum, &merged, &["csv", "jsonl", "json"]);
}

#[test]
fn a_finished_folder_says_what_it_was_made_of_and_its_checksums_are_right() {
    let (place, evidence) = hosts(2);
    let out = place.path().join("out");
    assert_eq!(batch(&evidence, &out, &[]).status.code(), Some(0));
    assert_eq!(names(&out), ["host=WS-0000", "host=WS-0001"]);
    let folder = out.join("host=WS-0000");
    let expected = [
        "SHA256SUMS",
        "coverage.csv",
        "events.csv",
        "manifest.json",
        "sessions.csv",
        "summary.csv",
    ];
    assert_eq!(names(&folder), expected);
    if cfg!(unix) {
        let mut check = Command::new("sha256sum");
        check
            .args(["--strict", "-c", "SHA256SUMS"])
            .current_dir(&folder);
        assert!(check.output().unwrap().status.success());
    }
    let manifest = json(&fs::read(folder.join("manifest.json")).unwrap());
    let log = evidence.join("WS-0000/Security.evtx");
    let [input] = &manifest["inputs"].as_array().unwrap()[..] else {
        panic!("{manifest}")
    };
    assert_eq!(input["path"], text(&log));
    assert_eq!(input["bytes"], fs::metadata(&log).unwrap().len());
    assert_eq!(input["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(manifest["unit"]["host"], "WS-0000");
    assert_eq!(manifest["exit_status"], 0);
    let account = &manifest["evidence"]["logs"][0];
    assert_eq!(account["records_claimed"], account["records_read"]);
    assert!(account["first"].is_string() && account["records_damaged"] == 0);
    assert_eq!(manifest["coverage"][0]["records"], account["records_read"]);
    for output in manifest["outputs"].as_array().unwrap() {
        let bytes = fs::read(folder.join(output["name"].as_str().unwrap())).unwrap();
        assert_eq!(output["bytes"], bytes.len());
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(output["rows"], lines - 1);
    }
}

#[test]
fn what_is_finished_is_done_again_only_if_something_is_not_the_same() {
    let (place, evidence) = hosts(2);
    let out = place.path().join("out");
    let before = |output: Output| {
        assert_eq!(output.status.code(), Some(0), "{}", told(&output));
        told(&output).matches(": is finished\n").count()
    };
    assert_eq!(before(batch(&evidence, &out, &[])), 0);
    let first = files(&out);
    assert_eq!(before(batch(&evidence, &out, &[])), 2);
    assert_eq!(before(batch(&evidence, &out, &["--threads", "1"])), 2);
    assert_eq!(before(batch(&evidence, &out, &["--force"])), 0);
    assert!(files(&out) == first);
    assert_eq!(
        before(batch(&evidence, &out, &["--formats", "csv,jsonl"])),
        0
    );
    assert_eq!(before(batch(&evidence, &out, &[])), 0);
    assert!(files(&out) == first, "nothing of other arguments is left");
    // A table that was cut, one that is missing, a log with another byte.
    fs::write(out.join("host=WS-0000/sessions.csv"), "x").unwrap();
    fs::remove_file(out.join("host=WS-0001/events.csv")).unwrap();
    assert_eq!(before(batch(&evidence, &out, &[])), 0);
    assert!(files(&out) == first);
    let log = evidence.join("WS-0000/Security.evtx");
    let mut bytes = fs::read(&log).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&log, bytes).unwrap();
    assert_eq!(before(batch(&evidence, &out, &[])), 1);
    assert_eq!(names(&out), ["host=WS-0000", "host=WS-0001"]);
}

#[test]
fn parts_and_ids_choose_units_and_all_parts_are_the_whole() {
    let (place, evidence) = hosts(12);
    let whole = place.path().join("whole");
    batch(&evidence, &whole, &[]);
    let parted = place.path().join("parted");
    let mut done = 0;
    for part in ["hash:1/3", "hash:2/3", "hash:3/3"] {
        assert_eq!(
            batch(&evidence, &parted, &["--partition", part])
                .status
                .code(),
            Some(0)
        );
        let now = names(&parted).len();
        assert!(now > done, "the parts are about equal");
        done = now;
    }
    assert!(files(&whole) == files(&parted));

    let units = plan(&evidence);
    let id = units[7]["id"].as_str().unwrap();
    let one = place.path().join("one");
    assert_eq!(
        batch(&evidence, &one, &["--unit", id]).status.code(),
        Some(0)
    );
    assert_eq!(names(&one), [units[7]["folder"].as_str().unwrap()]);
    // The same evidence elsewhere has the same units.
    let moved = place.path().join("moved");
    fs::rename(&evidence, &moved).unwrap();
    let ids =
        |units: &[serde_json::Value]| -> Vec<_> { units.iter().map(|u| u["id"].clone()).collect() };
    assert_eq!(ids(&plan(&moved)), ids(&units));
}

#[test]
fn jobs_that_read_one_plan_give_the_bytes_of_a_run_over_the_evidence_also_in_packages() {
    let place = tempfile::tempdir().unwrap();
    let evidence = fixtures(place.path());
    let package = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/packages/DFIR-ORC_WorkStation_WS-ALDER.corp.example_Little.7z");
    fs::copy(package, evidence.join("orc.7z")).unwrap();
    fs::write(
        evidence.join("two-hosts/evidence/WS-ASH/Torn.evtx"),
        "ElfFile",
    )
    .unwrap();
    let whole = place.path().join("whole");
    assert_eq!(batch(&evidence, &whole, &["-q"]).status.code(), Some(3));

    let listed = run(&["batch", "plan", "--json", "-q", text(&evidence)]);
    let file = place.path().join("plan.json");
    fs::write(&file, &listed.stdout).unwrap();
    // What the plan says holds; nothing is looked for.
    write_hosts(&evidence, 0..1);
    let parts = place.path().join("parts");
    for part in ["hash:1/3", "hash:2/3", "hash:3/3"] {
        let done = batch(&file, &parts, &["--planned", "--partition", part, "-q"]);
        assert!(matches!(done.status.code(), Some(0 | 3)), "{}", told(&done));
    }
    assert!(files(&whole) == files(&parts));

    let inside = batch(&file, &evidence.join("out"), &["--planned"]);
    assert_eq!(inside.status.code(), Some(2), "{}", told(&inside));
}

#[cfg(target_os = "linux")]
#[test]
fn a_plan_keeps_paths_that_are_no_unicode() {
    use std::os::unix::ffi::OsStrExt;
    let (place, evidence) = hosts(2);
    let name = std::ffi::OsStr::from_bytes(b"Pr\xe4fektur\x82\xa0");
    fs::rename(evidence.join("WS-0001"), evidence.join(name)).unwrap();
    let listed = run(&["batch", "plan", "--json", "-q", text(&evidence)]).stdout;
    let file = place.path().join("plan.json");
    fs::write(&file, &listed).unwrap();
    let [direct, planned] = ["direct", "planned"].map(|name| place.path().join(name));
    let done = batch(&evidence, &direct, &[]);
    assert_eq!(done.status.code(), Some(0), "{}", told(&done));
    let done = batch(&file, &planned, &["--planned"]);
    assert_eq!(done.status.code(), Some(0), "{}", told(&done));
    assert!(files(&direct) == files(&planned));
}

#[test]
fn a_unit_of_which_a_file_cannot_be_opened_fails_and_leaves_the_result_that_is_there() {
    let (place, evidence) = hosts(2);
    let listed = run(&["batch", "plan", "--json", "-q", text(&evidence)]).stdout;
    let file = place.path().join("plan.json");
    fs::write(&file, &listed).unwrap();
    let out = place.path().join("out");
    let again = || batch(&file, &out, &["--planned"]);
    assert_eq!(again().status.code(), Some(0));
    let whole = files(&out);

    // One log, as it may be gone; and all, as where a disk is missing.
    let plan = json(&listed);
    let gone = PathBuf::from(plan["units"][1]["sources"][0]["path"].as_str().unwrap());
    fs::remove_file(&gone).unwrap();
    let done = again();
    assert_eq!(done.status.code(), Some(1), "{}", told(&done));
    assert!(told(&done).contains(text(&gone)), "{}", told(&done));
    assert!(files(&out) == whole);
    fs::rename(&evidence, place.path().join("elsewhere")).unwrap();
    assert_eq!(again().status.code(), Some(1));
    assert!(files(&out) == whole);
}

#[test]
fn what_is_no_plan_is_wrong_usage_and_so_is_a_plan_whose_folder_lies_elsewhere() {
    let (place, evidence) = hosts(1);
    let listed = run(&["batch", "plan", "--json", text(&evidence)]).stdout;
    let listed = String::from_utf8(listed).unwrap();
    let out = place.path().join("out");
    let moved = listed.replace("host=WS-0000", "host=/../../elsewhere");
    assert_ne!(moved, listed);
    let version = format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION"));
    let other = listed.replace(&version, "\"version\": \"0.0.0\"");
    assert_ne!(other, listed);
    for wrong in [
        "",
        "{}",
        &listed.replace("plan/1", "plan/0"),
        &moved,
        &other,
    ] {
        let file = place.path().join("plan.json");
        fs::write(&file, wrong).unwrap();
        let done = batch(&file, &out, &["--planned"]);
        assert_eq!(done.status.code(), Some(2), "{}", told(&done));
        assert!(!out.exists());
    }
    let both = run(&["batch", "run", "--planned", "-o", text(&out), "a", "b"]);
    assert_eq!(both.status.code(), Some(2), "{}", told(&both));
}

#[test]
fn wrong_usage_no_evidence_and_an_output_in_the_evidence_change_nothing() {
    let (place, evidence) = hosts(1);
    let out = place.path().join("out");
    for more in [
        &["--unit", "0123"][..],
        &["--partition", "hash:3/2"],
        &["--formats", "table"],
        &["--unit", "0", "--partition", "hash:1/2"],
    ] {
        assert_eq!(
            batch(&evidence, &out, more).status.code(),
            Some(2),
            "{more:?}"
        );
    }
    let inside = batch(&evidence, &evidence.join("out"), &[]);
    assert_eq!(inside.status.code(), Some(2));
    assert!(told(&inside).contains("evidence is never altered"));
    let empty = place.path().join("empty");
    fs::create_dir(&empty).unwrap();
    assert_eq!(batch(&empty, &out, &[]).status.code(), Some(4));
    let merged = place.path().join("all");
    let nothing = run(&["batch", "merge", text(&empty), "-o", text(&merged)]);
    assert_eq!(nothing.status.code(), Some(4));
    assert_eq!(names(place.path()), ["empty", "evidence"]);
    assert_eq!(names(&evidence), ["WS-0000"]);
}

#[test]
fn one_unit_that_fails_stops_no_other_and_is_told() {
    let (place, evidence) = hosts(3);
    let out = place.path().join("out");
    // Something else has the name of its folder.
    fs::create_dir_all(out.join("host=WS-0001")).unwrap();
    fs::write(out.join("host=WS-0001/notes.txt"), "mine").unwrap();
    let failed = batch(&evidence, &out, &["-q"]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(
        told(&failed).contains("host=WS-0001: failed: "),
        "{}",
        told(&failed)
    );
    assert_eq!(names(&out).len(), 3);
    assert!(out.join("host=WS-0002/manifest.json").is_file());
    assert_eq!(names(&out.join("host=WS-0001")), ["notes.txt"]);
}

#[test]
fn a_damaged_log_makes_its_unit_partial_and_so_the_run_also_when_it_was_done_before() {
    let (place, evidence) = hosts(2);
    let log = evidence.join("WS-0001/Security.evtx");
    let bytes = fs::read(&log).unwrap();
    fs::write(&log, &bytes[..bytes.len() - 100]).unwrap();
    let out = place.path().join("out");
    let first = batch(&evidence, &out, &[]);
    assert_eq!(first.status.code(), Some(3), "{}", told(&first));
    assert_eq!(batch(&evidence, &out, &[]).status.code(), Some(3));
    let manifest = json(&fs::read(out.join("host=WS-0001/manifest.json")).unwrap());
    assert_eq!(manifest["exit_status"], 3);
    assert!(!manifest["warnings"].as_array().unwrap().is_empty());
    let sound = json(&fs::read(out.join("host=WS-0000/manifest.json")).unwrap());
    assert_eq!(sound["exit_status"], 0);
}

#[test]
fn a_unit_that_is_not_what_its_manifest_says_is_named_and_the_rest_is_joined() {
    let (place, evidence) = hosts(4);
    let (out, merged) = (place.path().join("out"), place.path().join("all"));
    batch(&evidence, &out, &[]);
    fs::remove_file(out.join("host=WS-0000/manifest.json")).unwrap();
    let changed = out.join("host=WS-0002/events.csv");
    let mut bytes = fs::read(&changed).unwrap();
    let last = bytes.len() - 2;
    bytes[last] ^= 1;
    fs::write(&changed, bytes).unwrap();
    let joined = run(&["batch", "merge", text(&out), "-o", text(&merged)]);
    assert_eq!(joined.status.code(), Some(3));
    for named in ["host=WS-0000/manifest.json", "host=WS-0002/events.csv"] {
        assert!(told(&joined).contains(named), "{}", told(&joined));
    }
    for left_out in ["WS-0000", "WS-0002"] {
        fs::remove_dir_all(evidence.join(left_out)).unwrap();
    }
    assert_merged(&evidence, &merged, &["csv"]);
    // A second merge replaces the first; what is no merge is left alone.
    let again = run(&["batch", "merge", text(&out), "-o", text(&merged), "-q"]);
    assert_eq!(again.status.code(), Some(3));
    for target in [
        &evidence,
        &out.join("host=WS-0001"),
        &out.join("host=WS-0001/all"),
    ] {
        let before = files(&out);
        let refused = run(&["batch", "merge", text(&out), "-o", text(target)]);
        assert_eq!(refused.status.code(), Some(2), "{}", told(&refused));
        assert!(files(&out) == before);
    }
    assert_eq!(names(&evidence), ["WS-0001", "WS-0003"]);
    assert_eq!(names(place.path()), ["all", "evidence", "out"]);
}

#[test]
fn runs_at_the_same_time_over_the_same_units_do_each_other_no_harm() {
    let (place, evidence) = hosts(12);
    let alone = place.path().join("alone");
    batch(&evidence, &alone, &[]);
    for force in [&[][..], &["--force"]] {
        for count in [2, 4] {
            let out = place.path().join(format!("out{count}{}", force.len()));
            let start = || {
                let mut command = winsessions();
                command.args(["batch", "run", text(&evidence), "-o", text(&out), "-q"]);
                command.args(force).spawn().unwrap()
            };
            let runs: Vec<Child> = (0..count).map(|_| start()).collect();
            for mut run in runs {
                assert_eq!(run.wait().unwrap().code(), Some(0));
            }
            assert!(files(&out) == files(&alone), "{count} runs, {force:?}");
            assert_eq!(names(&out).len(), 12, "no working folder is left");
        }
    }
}

/// Numbers that look random and are the same each time (xorshift).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

/// Fails if anything in a folder of results looks finished and is not the same as in `expected`.
fn assert_nothing_half_finished(out: &Path, expected: &Path) {
    if !out.is_dir() {
        return;
    }
    for name in names(out) {
        if name.starts_with("host=") {
            assert!(
                files(&out.join(&name)) == files(&expected.join(&name)),
                "{name}"
            );
        } else {
            assert!(name.starts_with(".winsessions-"), "{name}");
        }
    }
}

#[test]
fn a_unit_whose_results_were_altered_is_done_again_and_not_joined() {
    let (place, evidence) = hosts(1);
    let (out, merged) = (place.path().join("out"), place.path().join("all"));
    batch(&evidence, &out, &[]);
    let before = files(&out);
    let unit = out.join("host=WS-0000");
    for name in names(&unit) {
        let file = unit.join(&name);
        let altered = match &*name {
            // What nothing else depends on.
            "manifest.json" => {
                let text = fs::read_to_string(&file).unwrap();
                text.replacen("\"duplicates\": 0", "\"duplicates\": 9", 1)
            }
            _ => {
                let text = fs::read_to_string(&file).unwrap();
                let last = text.chars().last().unwrap();
                text.trim_end().to_owned() + if last == '\n' { " " } else { "\n" }
            }
        };
        fs::write(&file, altered).unwrap();
        assert!(files(&out) != before, "{name}");
        let joined = run(&["batch", "merge", text(&out), "-o", text(&merged)]);
        assert_ne!(joined.status.code(), Some(0), "{name}");
        assert!(told(&joined).contains("run the unit again"), "{name}");
        assert_eq!(batch(&evidence, &out, &[]).status.code(), Some(0));
        assert!(files(&out) == before, "{name}");
    }
    let joined = run(&["batch", "merge", text(&out), "-o", text(&merged)]);
    assert_eq!(joined.status.code(), Some(0));
}

#[cfg(unix)]
#[test]
fn a_run_killed_at_any_moment_leaves_nothing_that_looks_finished_and_the_next_ends_with_the_same_bytes()
 {
    let (place, evidence) = hosts(16);
    let alone = place.path().join("alone");
    let started = std::time::Instant::now();
    batch(&evidence, &alone, &["--formats", "csv,jsonl"]);
    let takes = started.elapsed().as_micros() as u64 + 1;
    let out = place.path().join("out");
    let mut numbers = Numbers(0x2545_f491_4f6c_dd1d);
    let mut killed = 0;
    for round in 0..30 {
        if round % 6 == 0 {
            // From the beginning; else from where the run before was killed.
            let _ = fs::remove_dir_all(&out);
        }
        // Every other round does all again, so that results are replaced too.
        let force: &[&str] = if round % 2 == 1 { &["--force"] } else { &[] };
        let mut child = winsessions()
            .args(["batch", "run", text(&evidence), "-o", text(&out), "-q"])
            .args(["--formats", "csv,jsonl"])
            .args(force)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_micros(numbers.next(takes)));
        // On Unix this is SIGKILL.
        child.kill().unwrap();
        killed += usize::from(child.wait().unwrap().code().is_none());
        assert_nothing_half_finished(&out, &alone);
    }
    eprintln!("{killed} of 30 runs were killed before they ended");
    assert!(killed >= 10, "only {killed} were killed before they ended");
    assert_eq!(
        batch(&evidence, &out, &["--formats", "csv,jsonl"])
            .status
            .code(),
        Some(0)
    );
    assert!(files(&out) == files(&alone));
    assert_eq!(names(&out), names(&alone), "no working folder is left");
}

/// Sends SIGINT to a run as soon as it watches for that.
#[cfg(target_os = "linux")]
fn interrupt(child: &Child) {
    // It watches for SIGTERM, number 15, which comes after SIGINT.
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let watches = || {
        let told = fs::read_to_string(&status).unwrap();
        let caught = told.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let caught = caught.map(|mask| u64::from_str_radix(mask.trim(), 16).unwrap());
        caught.is_none_or(|mask| mask & (1 << 14) != 0)
    };
    while !watches() {
        thread::yield_now();
    }
    let mut kill = Command::new("kill");
    let sent = kill.args(["-INT", &child.id().to_string()]).status();
    assert!(sent.unwrap().success());
}

#[cfg(target_os = "linux")]
#[test]
fn a_signal_stops_a_plan_and_a_merge_too_and_leaves_nothing() {
    let (place, evidence) = hosts(2);
    let (out, merged) = (place.path().join("out"), place.path().join("all"));
    batch(&evidence, &out, &[]);
    let stopped = |child: Child| {
        let ended = child.wait_with_output().unwrap();
        let told = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(130), "{told}");
        assert!(told.contains("no result was written"), "{told}");
        assert_eq!(ended.stdout, b"");
    };
    let start = |arguments: &[&str]| {
        let mut command = winsessions();
        command.args(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    // What a merge waits for.
    let table = out.join("host=WS-0000/events.csv");
    fs::remove_file(&table).unwrap();
    let made = Command::new("mkfifo").arg(&table).status();
    assert!(made.unwrap().success());
    let mut child = start(&["batch", "merge", text(&out), "-o", text(&merged)]);
    interrupt(&child);
    while child.try_wait().unwrap().is_none() {
        let mut pipe = fs::File::options();
        drop(pipe.read(true).write(true).open(&table).unwrap());
        thread::sleep(Duration::from_millis(5));
    }
    stopped(child);
    assert_eq!(names(place.path()), ["evidence", "out"]);

    // Packages that take a plan some seconds.
    let package = evidence.join("0.evtx");
    let mut bytes = fs::read(evidence.join("WS-0000/Security.evtx")).unwrap();
    bytes.resize(60 << 20, 0);
    fs::write(&package, bytes).unwrap();
    let gzip = Command::new("gzip").arg(&package).status();
    assert!(gzip.unwrap().success());
    for number in 1..40 {
        let copy = evidence.join(format!("{number}.evtx.gz"));
        fs::copy(evidence.join("0.evtx.gz"), copy).unwrap();
    }
    let before = files(&out.join("host=WS-0001"));
    for arguments in [
        &["batch", "plan", text(&evidence)][..],
        &["batch", "run", text(&evidence), "-o", text(&out)],
    ] {
        let child = start(arguments);
        interrupt(&child);
        stopped(child);
    }
    assert!(files(&out.join("host=WS-0001")) == before);
}

#[cfg(target_os = "linux")]
#[test]
fn a_signal_ends_a_run_after_whole_units_and_the_next_goes_on() {
    let (place, evidence) = hosts(40);
    let (alone, out) = (place.path().join("alone"), place.path().join("out"));
    batch(&evidence, &alone, &[]);
    let child = winsessions()
        .args(["batch", "run", text(&evidence), "-o", text(&out)])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Not while it plans.
    while !out.is_dir() || !names(&out).iter().any(|name| name.starts_with("host=")) {
        thread::yield_now();
    }
    interrupt(&child);
    let ended = child.wait_with_output().unwrap();
    let told = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(130), "{told}");
    assert!(
        told.contains(" of 40 units are finished; the same command goes on with the rest"),
        "{told}"
    );
    assert_nothing_half_finished(&out, &alone);
    assert!(names(&out).len() < names(&alone).len());
    assert_eq!(batch(&evidence, &out, &[]).status.code(), Some(0));
    assert!(files(&out) == files(&alone));
}

/// A package is in the unit of the machine whose logs are in it.
#[test]
fn a_package_gives_what_its_logs_give() {
    let (place, evidence) = hosts(3);
    let (plain, packed) = (place.path().join("plain"), place.path().join("packed"));
    batch(&evidence, &plain, &[]);
    for folder in fs::read_dir(&evidence).unwrap() {
        let folder = folder.unwrap().path();
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let tar = evidence.join(format!("{name}.tar.gz"));
        let made = Command::new("tar")
            .args(["-czf", text(&tar), "-C", text(&folder), "."])
            .status();
        assert!(made.unwrap().success());
        fs::remove_dir_all(&folder).unwrap();
    }
    let ended = batch(&evidence, &packed, &[]);
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(names(&plain), names(&packed));
    let rows = |out: &Path, name: &str| -> Vec<String> {
        let text = fs::read_to_string(out.join(name).join("sessions.csv")).unwrap();
        // Where its records lie differs.
        let rows = text.lines().map(|row| row.split("Security.evtx").next());
        rows.map(|row| row.unwrap().split('/').next().unwrap().to_owned())
            .collect()
    };
    for name in names(&plain) {
        assert!(rows(&plain, &name).len() > 1);
        assert_eq!(rows(&plain, &name), rows(&packed, &name));
    }
}

#[test]
fn raw_rows_are_never_joined_with_those_that_a_spreadsheet_does_not_run() {
    let (place, evidence) = hosts(2);
    let [raw, safe, merged] = ["raw", "safe", "all"].map(|name| place.path().join(name));
    batch(&evidence.join("WS-0000"), &raw, &["--csv-raw"]);
    batch(&evidence.join("WS-0001"), &safe, &[]);
    let join = |outs: &[&Path]| {
        let mut arguments = vec!["batch", "merge", "-o", text(&merged)];
        arguments.extend(outs.iter().map(|out| text(out)));
        let joined = run(&arguments);
        let manifest = json(&fs::read(merged.join("manifest.json")).unwrap());
        let units = manifest["units"].as_array().unwrap().iter();
        let hosts: Vec<_> = units.map(|unit| unit["host"].clone()).collect();
        (joined.status.code(), hosts, told(&joined))
    };
    let (status, hosts, told) = join(&[&raw, &safe]);
    assert_eq!((status, hosts), (Some(3), vec!["WS-0001".into()]), "{told}");
    assert!(told.contains("host=WS-0000: its CSV is raw"), "{told}");
    let (status, hosts, _) = join(&[&raw]);
    assert_eq!((status, hosts), (Some(0), vec!["WS-0000".into()]));
    // Text in JSON is as it is, whatever is asked for.
    for (out, more) in [(&raw, "--csv-raw"), (&safe, "-q")] {
        batch(&evidence, out, &["--formats", "jsonl", more]);
    }
    let host = |out: &Path, host: &str| fs::remove_dir_all(out.join(host)).unwrap();
    host(&raw, "host=WS-0001");
    host(&safe, "host=WS-0000");
    assert_eq!(join(&[&raw, &safe]).0, Some(0));
}

#[test]
fn what_is_skipped_in_a_package_is_of_its_unit_and_told_once() {
    let (place, evidence) = hosts(2);
    let folder = evidence.join("WS-0000");
    fs::write(folder.join("broken.evtx"), "MZ").unwrap();
    let tar = evidence.join("one.tar");
    let mut command = Command::new("tar");
    command.args(["-cf", text(&tar), "-C", text(&folder), "."]);
    assert!(command.status().unwrap().success());
    fs::remove_dir_all(&folder).unwrap();
    let (out, merged) = (place.path().join("out"), place.path().join("all"));
    let formats = ["--formats", "json"];
    for output in [
        batch(&evidence, &out, &formats),
        run(&["batch", "plan", text(&evidence)]),
    ] {
        assert_eq!(output.status.code(), Some(3));
        let told = told(&output);
        assert_eq!(told.matches("broken.evtx").count(), 1, "{told}");
    }
    let manifest = |host: &str| json(&fs::read(out.join(host).join("manifest.json")).unwrap());
    let skipped = manifest("host=WS-0000")["skipped"].clone();
    let path = skipped[0]["path"].as_str().unwrap();
    assert_eq!(path, format!("{}/broken.evtx", text(&tar)));
    assert_eq!(skipped.as_array().unwrap().len(), 1);
    assert_eq!(manifest("host=WS-0001")["skipped"], serde_json::json!([]));
    let joined = run(&["batch", "merge", text(&out), "-o", text(&merged)]);
    assert_eq!(joined.status.code(), Some(3));
    assert_merged(&evidence, &merged, &["json"]);
}

#[test]
fn messages_for_programs_tell_unit_file_place_counts_and_status() {
    let (place, evidence) = hosts(2);
    let folder = evidence.join("WS-0000");
    let log = folder.join("Security.evtx");
    let bytes = fs::read(&log).unwrap();
    fs::write(&log, &bytes[..bytes.len() - 100]).unwrap();
    fs::write(folder.join("none.evtx"), "MZ").unwrap();
    let out = place.path().join("out");
    let objects = |more: &[&str]| -> Vec<serde_json::Value> {
        let more = [more, &["--log-format", "json"]].concat();
        let told = told(&batch(&evidence, &out, &more));
        told.lines().map(|line| json(line.as_bytes())).collect()
    };
    let planned = run(&["batch", "plan", "--json", text(&evidence)]);
    let units = units(&planned);
    let of_unit = |object: &serde_json::Value, at: usize| {
        object["unit"] == units[at]["id"] && object["folder"] == units[at]["folder"]
    };
    let told = objects(&[]);
    let topics: Vec<_> = told.iter().map(|o| o["topic"].as_str().unwrap()).collect();
    assert_eq!(topics, ["skipped", "damage", "summary", "summary", "unit"]);
    assert!(
        told[..3].iter().all(|object| of_unit(object, 0)),
        "{told:?}"
    );
    assert!(of_unit(&told[3], 1), "{told:?}");
    assert_eq!(told[0]["file"], text(&folder.join("none.evtx")));
    assert_eq!(told[1]["file"], text(&log));
    assert!(told[1]["chunk"].is_u64() && told[1]["level"] == "warning");
    assert_eq!(
        (&told[2]["logs"], &told[2]["exit_status"]),
        (&1.into(), &3.into())
    );
    assert_eq!(told[3]["exit_status"], 0);
    assert_eq!(
        (&told[4]["units"], &told[4]["before"]),
        (&2.into(), &0.into())
    );
    let told = objects(&[]);
    let again = |object: &serde_json::Value, at, status: u64| {
        of_unit(object, at) && object["topic"] == "unit" && object["exit_status"] == status
    };
    assert!(again(&told[0], 0, 3) && again(&told[1], 1, 0), "{told:?}");
    fs::write(out.join("host=WS-0001/notes.txt"), "mine").unwrap();
    let told = objects(&["--force"]);
    let failed = told
        .iter()
        .find(|object| object["level"] == "error")
        .unwrap();
    assert!(again(failed, 1, 1), "{failed}");
}

#[test]
fn a_merge_is_never_written_into_evidence_nor_under_the_name_of_a_unit() {
    let (place, evidence) = hosts(2);
    let out = place.path().join("out");
    let log = evidence.join("WS-0000/Security.evtx");
    batch(&evidence, &out, &[]);
    let before = files(place.path());
    let join = |target: &Path| run(&["batch", "merge", text(&out), "-o", text(target)]);
    let merged = evidence.join("WS-0001/all");
    for (target, why) in [
        (&merged, "evidence is never altered"),
        (&evidence.join("all"), "evidence is never altered"),
        (
            &out.join("host=x"),
            "would be taken for the folder of a unit",
        ),
    ] {
        let refused = join(target);
        assert_eq!(refused.status.code(), Some(2), "{}", told(&refused));
        assert!(told(&refused).contains(why), "{}", told(&refused));
    }
    assert!(files(place.path()) == before);
    // A log was named, not its folder.
    fs::remove_dir_all(&out).unwrap();
    batch(&log, &out, &[]);
    let beside = join(&merged);
    assert_eq!(beside.status.code(), Some(0), "{}", told(&beside));
}

#[test]
fn what_lies_beside_a_log_and_tells_more_of_it_is_an_input() {
    let (place, evidence) = hosts(1);
    let out = place.path().join("out");
    let folder = evidence.join("WS-0000");
    let size = fs::metadata(folder.join("Security.evtx")).unwrap().len();
    let index = |size: u64| format!(r#"{{"ranges":[{{"file_length":{size},"length":{size}}}]}}"#);
    // Whether it was finished before, and the inputs and warnings.
    let run = || {
        let done = batch(&evidence, &out, &[]);
        let manifest = json(&fs::read(out.join("host=WS-0000/manifest.json")).unwrap());
        let before = told(&done).contains(": is finished");
        let inputs = manifest["inputs"].as_array().unwrap().len();
        (before, inputs, manifest["warnings"].to_string())
    };
    let none = || "[]".to_owned();
    assert_eq!(run(), (false, 1, none()));
    fs::write(folder.join("Security.evtx.idx"), index(size)).unwrap();
    assert_eq!(run(), (false, 2, none()));
    assert_eq!(run(), (true, 2, none()));
    fs::write(folder.join("client_info.json"), r#"{"hostname":"OTHER"}"#).unwrap();
    let (before, inputs, warnings) = run();
    assert_eq!((before, inputs), (false, 3));
    assert!(warnings.contains("said to be of OTHER"), "{warnings}");
    fs::remove_file(folder.join("client_info.json")).unwrap();
    assert_eq!(run(), (false, 2, none()));
    assert_eq!(run(), (true, 2, none()));
}

/// A log of over 32 MiB in a package is unpacked to a file, which needs a place.
#[cfg(unix)]
#[test]
fn want_of_temporary_space_is_a_failure_and_never_a_partial_result() {
    let (place, evidence) = hosts(1);
    let log = evidence.join("WS-0000/Security.evtx");
    let mut bytes = fs::read(&log).unwrap();
    bytes.resize(33 << 20, 0);
    fs::write(&log, bytes).unwrap();
    let mut gzip = Command::new("gzip");
    assert!(gzip.arg(&log).status().unwrap().success());
    let out = place.path().join("out");
    let without = |arguments: &[&str]| {
        let nowhere = place.path().join("none");
        let mut command = winsessions();
        command.args(arguments).env("TMPDIR", nowhere);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let told = told(&output);
        assert!(told.contains("there is no place to unpack"), "{told}");
        assert!(output.stdout.is_empty());
    };
    without(&["sessions", text(&evidence)]);
    without(&["batch", "plan", text(&evidence)]);
    without(&["batch", "run", text(&evidence), "-o", text(&out)]);
    assert!(!out.exists() || names(&out).is_empty());
    let done = batch(&evidence, &out, &[]);
    assert_eq!(names(&out), ["host=WS-0000"], "{}", told(&done));
}

/// The most memory that a process ever had, in kB.
#[cfg(target_os = "linux")]
fn peak(child: &mut Child) -> u64 {
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with("VmHWM:"));
        let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
        peak = peak.max(number.unwrap_or(0));
        thread::sleep(Duration::from_millis(1));
    }
    peak
}

#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_with_the_number_of_machines_nor_results_depend_on_a_kill() {
    let most: usize = std::env::var("WINSESSIONS_HOSTS").map_or(200, |n| n.parse().unwrap());
    let place = tempfile::tempdir().unwrap();
    let evidence = place.path().join("evidence");
    let mut peaks = Vec::new();
    let mut written = 0;
    for count in [most / 20, most / 4, most] {
        write_hosts(&evidence, written..count);
        written = count;
        let out = place.path().join(format!("out{count}"));
        let start = || {
            let mut command = winsessions();
            command.args(["batch", "run", text(&evidence), "-o", text(&out), "-q"]);
            command.args(["--threads", "2"]);
            command.spawn().unwrap()
        };
        let mut run = start();
        let kb = peak(&mut run);
        assert_eq!(run.wait().unwrap().code(), Some(0));
        assert_eq!(names(&out).len(), count);
        eprintln!("{count} machines: at most {kb} kB");
        peaks.push(kb);
    }
    // The list of files is the only thing that grows. Kept, the results of the others would take 50 kB each.
    let allowed = peaks[1] + 4096 + 2 * most as u64;
    assert!(peaks[2] <= allowed, "{peaks:?} kB");

    let out = place.path().join("killed");
    let alone = place.path().join(format!("out{most}"));
    for part in 1..=3 {
        let mut child = winsessions()
            .args(["batch", "run", text(&evidence), "-o", text(&out), "-q"])
            .spawn()
            .unwrap();
        while child.try_wait().unwrap().is_none() {
            let done = fs::read_dir(&out).map_or(0, Iterator::count);
            if done >= part * most / 4 {
                child.kill().unwrap();
            }
            thread::sleep(Duration::from_millis(1));
        }
        assert_nothing_half_finished(&out, &alone);
    }
    assert_eq!(batch(&evidence, &out, &["-q"]).status.code(), Some(0));
    assert!(files(&out) == files(&alone));

    let merged = place.path().join("all");
    let mut merge = winsessions()
        .args(["batch", "merge", text(&out), "-o", text(&merged), "-q"])
        .spawn()
        .unwrap();
    let kb = peak(&mut merge);
    eprintln!("joining {most}: at most {kb} kB");
    assert_eq!(merge.wait().unwrap().code(), Some(0));
    // What manifests say of their tables is held, and no rows.
    assert!(kb <= peaks[0] + 4 * most as u64, "{kb} kB, {peaks:?} kB");
    assert_merged(&evidence, &merged, &["csv"]);
}
