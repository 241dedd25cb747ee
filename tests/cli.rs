//! The program as it is called: arguments, exit status, what goes where.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
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
        &["summary", "x", "--kind", "remote"],
        &["coverage", "x", "--kind", "rdp"],
        &["explain", "abc", "x"],
        &["explain", "not-an-id", "x"],
        &["explain", "0123456789abcdef"],
        &["explain", "0123456789abcdef", "x", "--format", "csv"],
        &["explain", "0123456789abcdef", "x", "--columns", "start"],
        &["sessions", "x", "--remote=10/8"],
        &["sessions", "x", "--outside", "9-5"],
        &[
            "sessions",
            "x",
            "--outside",
            "08:00-18:00",
            "--tz",
            "Berlin",
        ],
        &["sessions", "x", "--tz", "UTC"],
        &["events", "x", "--outside", "08:00-18:00", "--tz", "local"],
        &["summary", "x", "--outside", "08:00-18:00", "--tz", "local"],
        &["sessions", "x", "--first-seen=kind"],
        &["sessions", "x", "--sort", "name"],
        &["sessions", "x", "--limit", "0"],
        &["events", "x", "--first-seen"],
        &["coverage", "x", "--remote"],
        &["overlap", "ann", "x", "--format", "csv"],
        &["sessions", "x", "--columns", "starts"],
        &["sessions", "x", "--columns", "start,start"],
        &["sessions", "x", "--columns", "state_at"],
        &["sessions", "x", "--columns", "start", "--format", "jsonl"],
        &["sessions", "x", "--bom", "--format", "json"],
        &["completions", "tcsh"],
        &["schema", "session"],
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
fn no_argument_that_is_repeated_can_act_on_the_terminal() {
    let hostile = "x\u{1b}]0;title\u{7}\u{9b}2J\u{202e}y.evtx";
    for arguments in [
        &["sessions", hostile][..],
        &["sessions", hostile, "--from", hostile],
        &["sessions", hostile, "--kind", hostile],
        &["sessions", hostile, "--format", hostile],
        &["explain", hostile, hostile],
        &["explain", "0000000000000000", hostile],
        &["synth", hostile, hostile],
        &["sessions", hostile, "-o", hostile],
        &[hostile],
        &["sessions", "x", &format!("--{hostile}")],
    ] {
        let told = stderr(&winsessions(arguments));
        let acts = |character: char| character.is_control() && character != '\n';
        assert!(
            !told.contains(acts) && !told.contains('\u{202e}'),
            "{told:?}"
        );
        assert!(told.contains("\\u{9b}"), "{told:?}");
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
    assert!(output.stdout.starts_with(b"start,end,"));
    assert!(output.stdout.iter().filter(|&&byte| byte == b'\n').count() > 1);
    assert!(stderr(&output).starts_with("winsessions: read "));
    let quiet = winsessions(&["sessions", "-q", path(evidence.path())]);
    assert_eq!(quiet.stdout, output.stdout);
    assert!(quiet.stderr.is_empty());
}

#[test]
fn without_messages_there_is_still_a_line_that_says_why_there_is_no_result() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("Security.evtx"), "MZ").unwrap();
    for command in [&["sessions"][..], &["batch", "plan"]] {
        let run = |more: &[&str]| winsessions(&[command, more, &[path(folder.path())]].concat());
        let (told, quiet) = (run(&[]), run(&["-q"]));
        let lines = |output: &std::process::Output| stderr(output).lines().count();
        assert_eq!((told.status.code(), lines(&told)), (Some(4), 2));
        assert_eq!((quiet.status.code(), lines(&quiet)), (Some(4), 1));
        assert!(
            stderr(&quiet).contains("no event log"),
            "{}",
            stderr(&quiet)
        );
    }
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
    let every = ["sessions", "summary", "coverage"];
    let every =
        every.map(|command| ["csv", "json", "jsonl", "table"].map(|format| (command, format)));
    for (command, format) in every.into_iter().flatten() {
        let start = [command, "--format", format, "--threads"];
        let one = winsessions(&[&start[..], &["1"], &forward].concat());
        forward.reverse();
        let four = winsessions(&[&start[..], &["4"], &forward].concat());
        assert!(!one.stdout.is_empty());
        assert_eq!(one.stdout, four.stdout, "{command} {format}");
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

#[test]
fn columns_that_are_chosen_come_alone_and_in_that_order() {
    let log = fixture("workday");
    let chosen = |arguments: &[&str]| {
        let all = [&["sessions", &log, "-q", "--interactive"], arguments].concat();
        String::from_utf8(winsessions(&all).stdout).unwrap()
    };
    let rows = chosen(&[
        "--columns",
        "account_name, SCHEMA ,start",
        "--format",
        "csv",
    ]);
    let mut rows = rows.lines();
    assert_eq!(rows.next(), Some("account_name,schema,start"));
    let first = "alice.berg,winsessions/sessions/1,2024-03-04T08:02:30.6151870Z";
    let found = rows.next().unwrap();
    assert_eq!(
        found.split(',').take(2).collect::<Vec<_>>(),
        first.split(',').take(2).collect::<Vec<_>>()
    );
    let asked = [
        "--at",
        "2024-03-04T12:30",
        "--columns",
        "state_at",
        "--format",
        "csv",
    ];
    assert_eq!(chosen(&asked), "state_at\nlocked\non\n");
    let empty = chosen(&[
        "--columns",
        "outbound_account",
        "--kind",
        "console",
        "--format",
        "csv",
    ]);
    assert_eq!(
        empty.lines().count(),
        csv::Reader::from_reader(empty.as_bytes()).records().count() + 1
    );
    let table = chosen(&["--columns", "kind,source_address", "--format", "table"]);
    let mut lines = table.lines();
    assert_eq!(lines.next(), Some("kind           source_address"));
    assert_eq!(lines.next(), Some("console        127.0.0.1"));
}

#[test]
fn a_column_that_does_not_exist_is_answered_with_near_ones_and_all_that_do() {
    let told = stderr(&winsessions(&["sessions", "x", "--columns", "acount_name"]));
    assert!(
        told.contains("near it are: account_name; known are:"),
        "{told}"
    );
    let told = stderr(&winsessions(&["sessions", "x", "--columns", "address"]));
    assert!(
        told.contains("near it are: source_address; known are:"),
        "{told}"
    );
    let told = stderr(&winsessions(&["sessions", "x", "--columns", "foo"]));
    assert!(
        told.contains("no column is called `foo`; known are:"),
        "{told}"
    );
    let told = stderr(&winsessions(&["summary", "x", "--columns", "first_sen"]));
    assert!(
        told.contains("near it are: first_seen; known are: host, "),
        "{told}"
    );
}

#[test]
fn what_fits_nothing_is_told_by_name_with_what_is_near_it_and_the_status_stays() {
    let log = fixture("workday");
    let told = |arguments: &[&str]| {
        let output = winsessions(&[arguments, &[&log]].concat());
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        let lines = stderr(&output);
        let lines: Vec<&str> = lines.lines().collect();
        let [read, remarks @ ..] = lines.as_slice() else {
            panic!("nothing is told");
        };
        assert!(read.contains("read 161 records"), "{read}");
        assert!(remarks.len() < 2, "{remarks:?}");
        remarks.concat()
    };
    let near = "winsessions: nothing fits --account bop.kern (near it: CORP\\bob.kern)";
    let page = tempfile::tempdir().unwrap();
    let page = page.path().join("page.html");
    for command in [
        &["sessions"][..],
        &["events"],
        &["summary"],
        &["report", "-o", path(&page)],
    ] {
        let asked = [command, &["--account", "bop.kern"]].concat();
        assert_eq!(told(&asked), near);
        // One of several is told, too; what fits is not.
        let others = ["--account", "alice.berg", "--account", "bop.kern"];
        assert_eq!(told(&[command, &others].concat()), near);
        assert_eq!(told(&[command, &others[..2]].concat()), "");
    }
    assert_eq!(
        told(&["sessions", "--kind", "ssh", "--host", "ws-adler"]),
        "winsessions: nothing fits --host ws-adler (near it: WS-ALDER), nor --kind ssh"
    );
    assert_eq!(
        told(&["sessions", "--account", "bob.kern", "--kind", "runas"]),
        "winsessions: each of these fits something, but nothing fits all of them: --account bob.kern, --kind runas"
    );
    assert_eq!(
        told(&["overlap", "bob.kern", "192.0.2.45"]),
        "winsessions: nothing fits 192.0.2.45 (near it: 192.0.2.44)"
    );
    assert_eq!(
        told(&[
            "overlap",
            "adm-carol",
            "bob.kern",
            "--to",
            "2024-03-04T12:00"
        ]),
        "winsessions: no two of these were on at the same time: adm-carol, bob.kern, --to 2024-03-04T12:00:00.0000000Z"
    );
    let quiet = winsessions(&["sessions", "-q", "--account", "bop.kern", &log]);
    assert_eq!(stderr(&quiet), "");
}

#[test]
fn wrong_usage_that_shows_late_is_told_with_the_usage_of_its_command() {
    for (command, arguments) in [
        ("sessions", &["--csv-raw", "--format", "json"][..]),
        ("events", &["--columns", "nothing"]),
        ("batch plan", &["--password-file", "no-such-file"]),
    ] {
        let called: Vec<&str> = command.split(' ').collect();
        let output = winsessions(&[&called, arguments, &["x"]].concat());
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        let usage = format!("Usage: winsessions {command} [OPTIONS] <PATH>...");
        assert!(stderr(&output).contains(&usage), "{}", stderr(&output));
    }
}

#[test]
fn the_synopsis_of_a_man_page_names_the_values_of_options() {
    let folder = tempfile::tempdir().unwrap();
    let output = winsessions(&["man", path(folder.path())]);
    assert_eq!(output.status.code(), Some(0));
    for (command, parts) in [
        (
            "sessions",
            &[
                "[-o|--output <FILE>]",
                "[--remote[=<NETWORKS>]]",
                "<PATH>...",
            ][..],
        ),
        ("batch-run", &["-o|--output <OUT>", "[-q|--quiet]"]),
        ("overlap", &["<FIRST> <SECOND> <PATH>..."]),
        ("synth", &["--tile <COPIES> <LOG> <TO>"]),
    ] {
        let page = folder.path().join(format!("winsessions-{command}.1"));
        let page = fs::read_to_string(page).unwrap().replace("\\-", "-");
        let (_, rest) = page.split_once(".SH SYNOPSIS\n").unwrap();
        let (synopsis, _) = rest.split_once("\n.SH").unwrap();
        for part in parts {
            assert!(synopsis.contains(part), "{part}: {synopsis}");
        }
    }
}

/// What a run writes to a terminal, as `script` of util-linux makes one; nothing if that is not here, which is told.
#[cfg(target_os = "linux")]
fn on_a_terminal(arguments: &[&str], environment: &[(&str, &str)]) -> Option<String> {
    let program = [&[env!("CARGO_BIN_EXE_winsessions")], arguments].concat();
    let quoted: Vec<String> = program.iter().map(|word| format!("'{word}'")).collect();
    let mut script = Command::new("script");
    script.args(["-qec", &quoted.join(" "), "/dev/null"]);
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI"] {
        script.env_remove(name);
    }
    script.env("TERM", "xterm").env("COLUMNS", "160");
    script.envs(environment.iter().copied());
    let Ok(output) = script.stdin(Stdio::null()).output() else {
        eprintln!("NOT CHECKED: colours on a terminal (script is not installed)");
        return None;
    };
    assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    Some(
        String::from_utf8(output.stdout)
            .unwrap()
            .replace("\r\n", "\n"),
    )
}

/// A text without the sequences that a terminal takes for colours.
#[cfg(target_os = "linux")]
fn without_colours(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    let behind = parts.map(|part| part.split_once('m').unwrap().1);
    first + &behind.collect::<String>()
}

#[cfg(target_os = "linux")]
#[test]
fn tables_have_colours_on_a_terminal_alone_and_only_where_they_are_wanted() {
    let crash = fixture("crash");
    for (command, coloured) in [
        (
            "sessions",
            &["\u{1b}[31m~crashed\u{1b}[0m", "\u{1b}[1mWS-OAK\u{1b}[0m"][..],
        ),
        ("events", &["\u{1b}[33maudit-dropped\u{1b}[0m"]),
        ("coverage", &["\u{1b}[1m"]),
        ("summary", &["\u{1b}[1m"]),
    ] {
        let asked = [command, "-q", &crash];
        let plain = Command::new(env!("CARGO_BIN_EXE_winsessions"))
            .args([&asked[..], &["--format", "table"]].concat())
            .envs([("COLUMNS", "160"), ("CLICOLOR_FORCE", "1")])
            .output()
            .unwrap();
        let plain = String::from_utf8(plain.stdout).unwrap();
        assert!(!plain.contains('\u{1b}'), "a pipe: {plain:?}");
        let Some(shown) = on_a_terminal(&asked, &[]) else {
            return;
        };
        for part in coloured {
            assert!(shown.contains(part), "{part:?}: {shown:?}");
        }
        assert_eq!(without_colours(&shown), plain);
        for off in [("NO_COLOR", "1"), ("CLICOLOR", "0"), ("TERM", "dumb")] {
            assert_eq!(
                on_a_terminal(&asked, &[off]),
                Some(plain.clone()),
                "{off:?}"
            );
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("table");
        let to_file = [&asked[..], &["--format", "table", "-o", path(&file)]].concat();
        assert_eq!(on_a_terminal(&to_file, &[]).as_deref(), Some(""));
        assert_eq!(fs::read_to_string(&file).unwrap(), plain);
    }
}

#[test]
fn csv_begins_with_a_byte_order_mark_where_it_is_asked_for() {
    let log = fixture("workday");
    let plain = winsessions(&["coverage", &log, "--format", "csv"]).stdout;
    let marked = winsessions(&["coverage", &log, "--format", "csv", "--bom"]).stdout;
    assert_eq!(marked, [b"\xef\xbb\xbf", &plain[..]].concat());
    let nothing = winsessions(&["coverage", "no-such-evidence", "--format", "csv", "--bom"]);
    assert!(nothing.stdout.is_empty());
}

#[test]
fn a_question_keeps_what_may_fit_and_says_how_sure_that_is() {
    let log = fixture("remote");
    let asked = |arguments: &[&str]| csv(&[&["sessions", &log], arguments].concat());
    let remote = asked(&["--remote=private", "--account", "frank"]);
    let fits: Vec<_> = remote
        .iter()
        .map(|row| (&*row["source_address"], &*row["fits"]))
        .collect();
    let (sure, possible) = ("sure", "possible");
    let expected = [
        ("127.0.0.1", possible),
        ("0.0.0.0", possible),
        ("203.0.113.80", sure),
        ("203.0.113.80", sure),
    ];
    assert_eq!(fits, expected);
    let late = asked(&[
        "--interactive",
        "--outside",
        "08:00-15:00",
        "--tz",
        "Europe/Berlin",
    ]);
    assert_eq!(late.len(), 2, "after one o'clock by UTC in summer");
    assert!(late[0]["outside_at"].ends_with("+02:00"), "{:?}", late[0]);
    let first = asked(&[
        "--interactive",
        "--first-seen=account",
        "--from",
        "2024-04-10T09:15",
    ]);
    let names: Vec<_> = first.iter().map(|row| &*row["account_name"]).collect();
    assert_eq!(names, ["adm-dave", "frank"], "adm-carol came before");
    assert!(!asked(&[])[0].contains_key("fits"));
}

#[test]
fn the_longest_sessions_come_first_and_what_is_left_out_is_counted() {
    let log = fixture("crash");
    let output = winsessions(&[
        "sessions",
        &log,
        "--interactive",
        "--sort",
        "duration",
        "--limit",
        "2",
        "--format",
        "csv",
    ]);
    let told = stderr(&output);
    let expected = "1 more rows fit than --limit lets through, of which 1 may have lasted longer";
    assert!(told.contains(expected), "{told}");
    let rows = csv(&["sessions", &log, "--interactive", "--sort", "duration"]);
    let starts: Vec<_> = rows.iter().map(|row| &row["start"][11..16]).collect();
    assert_eq!(
        starts,
        ["14:33", "08:03", "13:24"],
        "of two the least that is certain counts"
    );
    let log = [fixture("server"), fixture("workday")];
    let rows = csv(&["sessions", &log[0], &log[1], "--sort", "start"]);
    let began = |row: &BTreeMap<String, String>| match &*row["start"] {
        "" => row["start_max"].clone(),
        start => start.to_owned(),
    };
    assert!(rows.is_sorted_by_key(began));
    assert!(!rows.is_sorted_by_key(|row| row["host"].clone()));
}

#[test]
fn two_parties_that_were_on_at_once_are_a_row_with_the_time_they_share() {
    let rows = csv(&[
        "overlap",
        "adm-carol",
        "10.30.0.6",
        &fixture("remote"),
        "--kind",
        "rdp",
    ]);
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!(
        (&*row["first_account_name"], &*row["second_account_name"]),
        ("adm-carol", "adm-dave")
    );
    assert_eq!(
        (&*row["fits"], &row["sure_start"]),
        ("sure", &row["second_start"])
    );
    assert_eq!(row["sure_end"], row["second_end"]);
    let limited = winsessions(&[
        "overlap",
        "*",
        "*",
        &fixture("remote"),
        "--limit",
        "3",
        "--format",
        "csv",
    ]);
    assert_eq!(String::from_utf8_lossy(&limited.stdout).lines().count(), 4);
    assert!(stderr(&limited).contains("more pairs overlap than --limit lets through"));
}

#[test]
fn every_shell_is_completed_and_every_command_has_a_page() {
    let commands = [
        "sessions", "events", "summary", "explain", "coverage", "overlap", "batch", "synth",
        "schema",
    ];
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = winsessions(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0));
        let script = String::from_utf8(output.stdout).unwrap();
        for word in commands.iter().chain(&["first-seen", "jsonl"]) {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    let first = String::from_utf8(winsessions(&["man"]).stdout).unwrap();
    assert!(first.contains(".TH winsessions 1"), "{first}");
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    assert_eq!(winsessions(&["man", path(&pages)]).status.code(), Some(0));
    for command in commands {
        let page = fs::read_to_string(pages.join(format!("winsessions-{command}.1"))).unwrap();
        assert!(page.contains("SYNOPSIS"), "{command}");
    }
    let sessions = fs::read_to_string(pages.join("winsessions-sessions.1")).unwrap();
    assert!(sessions.contains("NETWORK SERVICE") && sessions.contains("Examples:"));
}

#[test]
fn a_reader_that_takes_some_lines_is_left_alone_whatever_is_written() {
    let evidence = evidence();
    let evidence = path(evidence.path());
    for arguments in [
        &["sessions", evidence, "--format", "csv"][..],
        &["events", evidence, "--format", "jsonl"],
        &["events", evidence, "--format", "json"],
        &["sessions", evidence, "--format", "table"],
        &["overlap", "*", "*", evidence, "--format", "csv"],
        &["completions", "bash"],
        &["schema", "sessions"],
        &["man"],
    ] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_winsessions"))
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.next().unwrap().is_ok());
        drop(lines);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        let told = stderr(&output);
        // What fits into the pipe is written before anybody leaves.
        assert!(
            told.lines()
                .all(|line| line.starts_with("winsessions: read ")),
            "{told}"
        );
    }
}

#[cfg(target_os = "linux")]
#[test]
fn help_has_colours_on_a_terminal_that_wants_them() {
    let help = ["sessions", "-h"];
    let Some(coloured) = on_a_terminal(&help, &[]) else {
        return;
    };
    assert!(coloured.contains("\u{1b}["), "{coloured}");
    let plain = on_a_terminal(&help, &[("NO_COLOR", "1")]).unwrap();
    assert!(!plain.contains("\u{1b}["));
    assert!(!winsessions(&help).stdout.contains(&0x1b));
}

/// The rows of a command's CSV by the names of their columns.
fn csv(arguments: &[&str]) -> Vec<BTreeMap<String, String>> {
    let output = winsessions(&[arguments, &["--format", "csv", "-q"]].concat());
    let mut reader = csv::Reader::from_reader(&output.stdout[..]);
    reader.deserialize().map(Result::unwrap).collect()
}

fn fixture(name: &str) -> String {
    format!("{}/fixtures/{name}/evidence", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn coverage_tells_of_every_machine_and_channel_from_when_to_when() {
    let rows = csv(&["coverage", &fixture("workday")]);
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    for (column, value) in [
        ("host", "WS-ALDER.corp.example"),
        ("channel", "Security"),
        ("origin", "live"),
        ("first_record", "1"),
        ("last_record", "161"),
        ("records", "161"),
        ("duplicates", "0"),
        ("gap_count", "0"),
        ("wrapped", "false"),
        ("boot_count", "2"),
        ("schema", "winsessions/coverage/1"),
    ] {
        assert_eq!(row[column], value, "{column}");
    }
}

#[test]
fn coverage_of_a_log_and_its_copy_counts_each_record_once() {
    let folder = tempfile::tempdir().unwrap();
    let log = format!("{}/WS-ALDER/Security.evtx", fixture("workday"));
    for name in ["a.evtx", "b.evtx"] {
        fs::copy(&log, folder.path().join(name)).unwrap();
    }
    let rows = csv(&["coverage", path(folder.path())]);
    assert_eq!(rows.len(), 1);
    let counts = ["records", "duplicates", "log_count", "conflict_count"];
    assert_eq!(
        counts.map(|column| &*rows[0][column]),
        ["161", "161", "2", "0"]
    );
}

#[test]
fn the_other_decoder_gives_the_same_rows_and_coverage_tells_which_it_was() {
    let evidence = evidence();
    let logs = path(evidence.path());
    for command in ["sessions", "events", "summary"] {
        let own = winsessions(&[command, "--format", "csv", logs]);
        let other = winsessions(&[command, "--format", "csv", "--decoder", "evtx", logs]);
        assert!(own.stdout.len() > 1000 && own.stdout == other.stdout);
    }
    let by_evtx = |arguments: &[&str]| -> (u64, u64) {
        let rows = csv(&[&["coverage", logs], arguments].concat());
        let sum = |name: &str| {
            rows.iter()
                .map(|row| row[name].parse::<u64>().unwrap())
                .sum()
        };
        (sum("records_by_evtx"), sum("records"))
    };
    let (own, records) = by_evtx(&[]);
    assert!(own * 10 < records, "{own} of {records}");
    assert_eq!(by_evtx(&["--decoder", "evtx"]), (records, records));
}

#[test]
fn coverage_names_the_records_that_damage_hides() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = fs::read(format!("{}/WS-ALDER/Security.evtx", fixture("workday"))).unwrap();
    // The tenth record of the first chunk loses its magic.
    let starts = (4096..65536).filter(|&at| bytes[at..].starts_with(b"\x2a\x2a\0\0"));
    let tenth = starts.collect::<Vec<_>>()[9];
    bytes[tenth] = 0;
    let log = folder.path().join("Security.evtx");
    fs::write(&log, bytes).unwrap();
    let output = winsessions(&["coverage", "--format", "json", path(&log)]);
    assert_eq!(output.status.code(), Some(3));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["schema"], "winsessions/coverage/1");
    let row = &document["coverage"][0];
    let gaps = row["gaps"].as_array().unwrap();
    assert_eq!(gaps.len(), 1, "{row}");
    assert_eq!(gaps[0]["records"], row["missing_records"]);
    assert!(gaps[0]["before"].as_str() < gaps[0]["after"].as_str());
    assert_eq!(row["logs"][0]["file"], path(&log));
    assert_eq!(row["records_damaged"], row["logs"][0]["records_damaged"]);
}

#[test]
fn the_summary_counts_every_session_once_and_takes_the_filters_of_sessions() {
    for name in ["workday", "server", "crash", "renamed", "two-hosts"] {
        let evidence = fixture(name);
        for filter in [&[][..], &["--interactive"], &["--no-service"]] {
            let sessions = csv(&[&["sessions", &evidence][..], filter].concat());
            let summary = csv(&[&["summary", &evidence][..], filter].concat());
            let sum: usize = summary
                .iter()
                .map(|r| r["sessions"].parse::<usize>().unwrap())
                .sum();
            assert_eq!(sum, sessions.len(), "{name} {filter:?}");
        }
        let refused = csv(&["events", &evidence]);
        let refused = refused
            .iter()
            .filter(|row| row["event"] == "logon-failed")
            .count();
        let summary = csv(&["summary", &evidence]);
        let sum: usize = summary
            .iter()
            .map(|r| r["failures"].parse::<usize>().unwrap())
            .sum();
        assert_eq!(sum, refused, "{name}");
    }
}

#[test]
fn a_session_is_explained_by_any_beginning_of_its_id_that_names_no_other() {
    let evidence = fixture("workday");
    let sessions = csv(&["sessions", &evidence]);
    let row = sessions.iter().find(|row| row["kind"] == "rdp").unwrap();
    let id = &row["session_id"];
    let whole = winsessions(&["explain", "-q", id, &evidence]);
    assert_eq!(whole.status.code(), Some(0));
    let told = String::from_utf8(whole.stdout.clone()).unwrap();
    assert!(told.starts_with(&format!("Session {id}\n")), "{told}");
    for word in [
        "bob.kern",
        "rdp-reconnect",
        "event 4647",
        &row["end"],
        "disconnected",
    ] {
        assert!(told.contains(word), "{word}: {told}");
    }
    let upper = id[..6].to_uppercase();
    let part = winsessions(&["explain", "-q", &upper, &evidence]);
    assert_eq!(part.stdout, whole.stdout);
    let json = winsessions(&["explain", "-q", id, &evidence, "--format", "json"]);
    let document: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(document["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(document["sessions"][0]["session_id"], **id);
}

#[test]
fn an_id_that_no_session_has_is_status_2_and_says_so() {
    let output = winsessions(&["explain", "0000000000000000", &fixture("workday")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    assert!(
        stderr(&output).contains("0000000000000000"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn every_session_of_the_fixtures_has_a_story_that_names_all_its_records() {
    let evidence = fixture("server");
    let output = winsessions(&["sessions", "-q", "--format", "jsonl", &evidence]);
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let session: serde_json::Value = serde_json::from_str(line).unwrap();
        let id = session["session_id"].as_str().unwrap();
        let story = winsessions(&["explain", "-q", id, &evidence]);
        assert_eq!(story.status.code(), Some(0), "{id}");
        let story = String::from_utf8(story.stdout).unwrap();
        for record in session["records"].as_array().unwrap() {
            let named = format!("record {}", record["record_id"]);
            assert!(story.contains(&named), "{id} {named}");
        }
    }
}

#[test]
fn a_story_says_why_a_session_can_begin_after_the_record_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("scenario.toml");
    std::fs::write(
        &scenario,
        r#"
            title = "Privileges without their logon"
            [account.alice]
            rid = 1001
            admin = true
            [[machine]]
            name = "SRV-OAK"
            os = "server-2019"
            sid = "S-1-5-21-11-12-13"
            [[machine.step]]
            at = "2024-05-06T07:55:00Z"
            do = "boot"
            [[machine.step]]
            at = "08:00:00"
            do = "logon"
            kind = "network"
            account = "alice"
            without = [4624]
        "#,
    )
    .unwrap();
    let logs = folder.path().join("logs");
    let made = winsessions(&["synth", path(&scenario), path(&logs)]);
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    let rows = csv(&["sessions", path(&logs)]);
    let row = rows.iter().find(|row| row["account_name"] == "alice");
    let row = row.expect("the session of alice");
    let story = winsessions(&["explain", "-q", &row["session_id"], path(&logs)]).stdout;
    let story = String::from_utf8(story).unwrap();
    let words: Vec<&str> = story.split_whitespace().collect();
    let said = format!("It was there by {}: event 4672, record", row["start_max"]);
    let words = words.join(" ");
    assert!(words.contains(&said), "{story}");
    assert!(
        words.contains("can be written just before the logon"),
        "{story}"
    );
}

#[test]
fn a_password_comes_from_the_first_line_of_a_file_that_must_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/packages/aes.zip");
    let run = |arguments: &[&str]| {
        let all = [&["sessions", path(&package)], arguments].concat();
        winsessions(&all)
    };
    for text in ["secret", "secret\r\nmore", "secret\n", "\u{feff}secret\n"] {
        fs::write(&password, text).unwrap();
        let output = run(&["--password-file", path(&password)]);
        assert_eq!(output.status.code(), Some(0), "{text:?}");
    }
    assert_eq!(run(&[]).status.code(), Some(4));
    let missing = run(&["--password-file", path(&folder.path().join("none"))]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(stderr(&missing).starts_with("error: --password-file "));
    assert_eq!(run(&["--unpack-limit", "0"]).status.code(), Some(2));
}

#[test]
fn a_very_long_name_is_cut_in_a_table_told_in_a_story_and_whole_in_csv() {
    let name = format!("=x{}", "y\u{202e}".repeat(14_000));
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("scenario.toml");
    let story = format!(
        r#"
            title = "A very long name"
            [account.long]
            rid = 1001
            name = "{name}"
            [[machine]]
            name = "SRV-OAK"
            os = "server-2019"
            sid = "S-1-5-21-11-12-13"
            [[machine.step]]
            at = "2024-05-06T07:55:00Z"
            do = "boot"
            [[machine.step]]
            at = "08:00:00"
            do = "logon"
            kind = "network"
            account = "long"
        "#
    );
    fs::write(&scenario, story).unwrap();
    let logs = folder.path().join("logs");
    let made = winsessions(&["synth", path(&scenario), path(&logs)]);
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    let rows = csv(&["sessions", path(&logs), "--csv-raw"]);
    let row = rows.iter().find(|row| row["account_name"] == name).unwrap();
    assert_eq!(row["flags"], "suspicious-name");
    let rows = csv(&["sessions", path(&logs)]);
    assert!(
        rows.iter()
            .any(|row| row["account_name"] == format!("'{name}"))
    );
    let table = winsessions(&["sessions", "-q", "--format", "table", path(&logs)]);
    for line in String::from_utf8(table.stdout).unwrap().lines() {
        assert!(line.chars().count() <= 120, "{}", line.len());
    }
    let story = winsessions(&["explain", "-q", &row["session_id"], path(&logs)]);
    let story = String::from_utf8(story.stdout).unwrap();
    assert!(story.contains("suspicious-name: ") && !story.contains('\u{202e}'));
}

/// The objects that a run tells on standard error.
fn told(arguments: &[&str]) -> (Option<i32>, Vec<serde_json::Value>) {
    let output = winsessions(&[arguments, &["--log-format", "json"]].concat());
    let lines = stderr(&output);
    let objects = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    (output.status.code(), objects.collect())
}

#[test]
fn messages_for_programs_are_objects_a_line_with_the_place_and_the_counts() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("Sec\u{202e}\u{9b}urity.evtx");
    let mut bytes = fs::read(format!("{}/WS-ALDER/Security.evtx", fixture("workday"))).unwrap();
    bytes[70_000] ^= 0xff;
    fs::write(&log, bytes).unwrap();
    fs::write(folder.path().join("none.evtx"), "no log").unwrap();
    let (status, objects) = told(&["sessions", path(folder.path())]);
    assert_eq!(status, Some(3));
    let topics: Vec<_> = objects
        .iter()
        .map(|o| o["topic"].as_str().unwrap())
        .collect();
    assert_eq!(topics.first(), Some(&"skipped"));
    assert_eq!(topics.last(), Some(&"summary"));
    let damage = objects.iter().find(|o| o["topic"] == "damage").unwrap();
    assert_eq!(damage["file"], path(&log));
    assert_eq!(
        (&damage["level"], &damage["chunk"]),
        (&"warning".into(), &1.into())
    );
    let summary = objects.last().unwrap();
    assert_eq!(
        (&summary["logs"], &summary["skipped"]),
        (&1.into(), &1.into())
    );
    assert!(summary["records"].as_u64() > Some(100));
    let output = winsessions(&["sessions", "--log-format=json", path(folder.path())]);
    assert!(!stderr(&output).contains(['\u{202e}', '\u{9b}']));
}

#[test]
fn failures_for_programs_are_objects_too_and_a_short_run_shows_no_progress() {
    for (arguments, expected) in [
        (&["sessions", "no-such-evidence"][..], 4),
        (&["sessions", "x", "--from", "yesterday"], 2),
        (&["sessions", "x", "--csv-raw", "--format", "json"], 2),
        (&["sessions", "x", "-o", "no-such-folder/x.csv"], 1),
    ] {
        let (status, objects) = told(arguments);
        assert_eq!(status, Some(expected), "{arguments:?}");
        let last = objects.last().unwrap();
        assert_eq!(
            (&last["level"], &last["topic"]),
            (&"error".into(), &"failed".into())
        );
    }
    let evidence = fixture("workday");
    for format in ["text", "json"] {
        let output = winsessions(&["events", &evidence, "--log-format", format]);
        assert_eq!(stderr(&output).lines().count(), 1, "the summary alone");
    }
}

/// Evidence that takes a while to read.
#[cfg(target_os = "linux")]
fn much_evidence() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let log = format!("{}/WS-ALDER/Security.evtx", fixture("workday"));
    for number in 0..400 {
        fs::copy(&log, folder.path().join(format!("{number}.evtx"))).unwrap();
    }
    folder
}

/// Starts a run and waits until it watches for signals.
#[cfg(target_os = "linux")]
fn started(arguments: &[&str]) -> std::process::Child {
    let child = Command::new(env!("CARGO_BIN_EXE_winsessions"))
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while !watches(child.id()) {
        std::thread::yield_now();
    }
    child
}

/// Whether a process watches for SIGTERM, number 15, which it does last, or is over.
#[cfg(target_os = "linux")]
fn watches(process: u32) -> bool {
    let told = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let caught = told.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = caught.map(|mask| u64::from_str_radix(mask.trim(), 16).unwrap());
    caught.is_none_or(|mask| mask & (1 << 14) != 0)
}

#[cfg(target_os = "linux")]
fn send(signal: &str, child: &std::process::Child) {
    let mut kill = Command::new("kill");
    let sent = kill.args([signal, &child.id().to_string()]).status();
    assert!(sent.unwrap().success());
}

#[cfg(target_os = "linux")]
#[test]
fn a_signal_while_logs_are_read_leaves_no_file_and_says_how_far_it_was() {
    let evidence = much_evidence();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out.csv");
    fs::write(&file, "old").unwrap();
    for (signal, status) in [("-INT", 130), ("-TERM", 143)] {
        let child = started(&["sessions", path(evidence.path()), "-o", path(&file)]);
        send(signal, &child);
        let output = child.wait_with_output().unwrap();
        let told = stderr(&output);
        assert_eq!(output.status.code(), Some(status), "{told}");
        assert!(told.starts_with("winsessions: stopped: "), "{told}");
        assert!(
            told.ends_with(" were read, no result was written\n"),
            "{told}"
        );
        assert_eq!(fs::read(&file).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_signal_while_rows_are_written_ends_the_rows() {
    use std::io::Read;
    let evidence = evidence();
    let whole = winsessions(&["events", "--format", "json", path(evidence.path())]).stdout;
    let mut child = started(&["events", "--format", "json", path(evidence.path())]);
    let mut rows = child.stdout.take().unwrap();
    // Until somebody reads them, no more rows than a pipe holds are written.
    let mut first = [0];
    rows.read_exact(&mut first).unwrap();
    send("-INT", &child);
    let mut rest = Vec::new();
    rows.read_to_end(&mut rest).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert!(rest.len() + 1 < whole.len());
    assert!(stderr(&output).contains("the result is not complete"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_second_signal_ends_the_run_at_once() {
    use std::io::Read;
    let evidence = evidence();
    let mut child = started(&["events", "--format", "json", path(evidence.path())]);
    let mut rows = child.stdout.take().unwrap();
    rows.read_exact(&mut [0]).unwrap();
    // Nobody reads the other rows: it waits for that and would wait forever.
    send("-INT", &child);
    send("-TERM", &child);
    assert!(matches!(child.wait().unwrap().code(), Some(130 | 143)));
    drop(rows);
}
