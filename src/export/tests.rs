use super::*;
use crate::analysis::{Analysis, TimelineEvent};
use crate::damage::DamageKind;
use crate::event::Action;
use crate::export::messages::{Level, LogFormat, Topic};
use crate::filter::{Fit, StateAt};
use crate::overlap::Overlap;
use crate::session::{
    Coverage, EndReason, EndSource, Flag, GapCause, Interactivity, Kind, LinkRule, Origin,
    PartReason, Role, Session, StartSource, State,
};
use crate::sid::AccountClass;
use crate::summary::{Summary, summarize};
use crate::time::Time;

/// Holds `found` against a file that people review. `WINSESSIONS_BLESS=1` writes the file anew.
fn golden(name: &str, found: &[u8]) {
    let path = format!("{}/src/export/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("WINSESSIONS_BLESS").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    let expected = std::fs::read(&path).unwrap();
    assert!(
        found == expected,
        "{path} differs; found:\n{}",
        String::from_utf8_lossy(found)
    );
}

fn writer(format: Format, width: usize) -> Writer {
    Writer {
        format,
        width,
        threads: Some(1),
        colours: false,
        csv_raw: false,
    }
}

fn written<R: Row + Tabular + Sync>(
    analysis: &Analysis,
    rows: &[R],
    format: Format,
    width: usize,
) -> Vec<u8> {
    let mut out = Vec::new();
    let view = View::new(analysis, None);
    writer(format, width)
        .write_all(&view, rows, &mut out)
        .unwrap();
    out
}

fn sessions(analysis: &Analysis, format: Format, width: usize) -> Vec<u8> {
    written(analysis, &analysis.sessions, format, width)
}

fn events(analysis: &Analysis, format: Format, width: usize) -> Vec<u8> {
    written(analysis, &analysis.events, format, width)
}

fn coverage(analysis: &Analysis, format: Format, width: usize) -> Vec<u8> {
    written(analysis, &analysis.coverage, format, width)
}

fn summary(analysis: &Analysis, format: Format, width: usize) -> Vec<u8> {
    let rows = summarize(&analysis.sessions, &analysis.events);
    written(analysis, &rows, format, width)
}

fn stories(analysis: &Analysis, width: usize) -> Vec<u8> {
    let view = View::new(analysis, None);
    let mut out = Vec::new();
    for session in &analysis.sessions {
        explain(&view, session, width, &mut out).unwrap();
        out.extend(b"\n");
    }
    out
}

#[test]
fn every_format_gives_the_bytes_that_were_reviewed() {
    let analysis = sample::analysis();
    golden("sessions.csv", &sessions(&analysis, Format::Csv, 0));
    golden("sessions.json", &sessions(&analysis, Format::Json, 0));
    golden("sessions.jsonl", &sessions(&analysis, Format::Jsonl, 0));
    golden("sessions-100.txt", &sessions(&analysis, Format::Table, 100));
    golden("sessions-200.txt", &sessions(&analysis, Format::Table, 200));
    golden("events.csv", &events(&analysis, Format::Csv, 0));
    golden("events.json", &events(&analysis, Format::Json, 0));
    golden("events-100.txt", &events(&analysis, Format::Table, 100));
    golden("events-160.txt", &events(&analysis, Format::Table, 160));
    golden("coverage.csv", &coverage(&analysis, Format::Csv, 0));
    golden("coverage.json", &coverage(&analysis, Format::Json, 0));
    golden("coverage-100.txt", &coverage(&analysis, Format::Table, 100));
    golden("coverage-160.txt", &coverage(&analysis, Format::Table, 160));
    golden("summary.csv", &summary(&analysis, Format::Csv, 0));
    golden("summary.json", &summary(&analysis, Format::Json, 0));
    golden("summary-100.txt", &summary(&analysis, Format::Table, 100));
    golden("summary-160.txt", &summary(&analysis, Format::Table, 160));
    golden("explain-100.txt", &stories(&analysis, 100));
    for (format, extension) in [
        (Format::Timesketch, "jsonl"),
        (Format::TimesketchCsv, "csv"),
        (Format::Ocsf, "jsonl"),
        (Format::Ecs, "jsonl"),
        (Format::L2tcsv, "csv"),
        (Format::Graphml, "xml"),
        (Format::Edges, "csv"),
    ] {
        let name = |rows: &str| format!("{rows}-{format}.{extension}");
        golden(&name("sessions"), &sessions(&analysis, format, 0));
        golden(&name("events"), &events(&analysis, format, 0));
    }
    let mut told = Vec::new();
    messages::write(&analysis, LogFormat::Text, &mut told).unwrap();
    golden("messages.txt", &told);
    let mut told = Vec::new();
    messages::write(&analysis, LogFormat::Json, &mut told).unwrap();
    golden("messages.jsonl", &told);
}

#[test]
fn the_columns_have_the_names_and_the_order_of_the_interface() {
    const SESSIONS: &str = "start end duration_seconds host account_name account_domain kind source_address \
        workstation end_reason flags failures_before interactivity account_class account_sid \
        session_id host_aliases logon_type logon_type_name logon_id linked_logon_id elevated \
        start_max start_source end_min end_max end_source active_seconds disconnected_seconds \
        locked_seconds source_port logon_process authentication_package lm_package process_name \
        process_id outbound_account outbound_domain logon_guid parent_session_id subject_name \
        subject_domain subject_sid subject_logon_id boot privileges logons start_record \
        end_record token_closed source_record link start_local end_local";
    const EVENTS: &str = "time host computer channel event_id record_id event kind account_name account_domain \
        account_sid account_class subject_name subject_domain subject_sid subject_logon_id source_address \
        source_port workstation logon_type logon_type_name logon_id linked_logon_id elevated logon_process \
        authentication_package lm_package process_name process_id outbound_account outbound_domain logon_guid \
        privileges status sub_status status_text session_name session_number session_id file sources \
        target_server previous_time new_time provider activity other_session_number reason reason_text start_time stop_time \
        stop_type last_boot_id last_boot_good last_shutdown_good boot_type target_state uptime_seconds utc_offset_minutes \
        standard_offset_minutes client_bias_hours lost_event_id object command message recovered";
    const COVERAGE: &str = "host host_aliases channel origin first_record first_time last_record last_time records \
        duplicates log_count gap_count missing_records left_out_records wrapped clear_count clock_change_count \
        clock_step_count boot_count audit_loss_count conflict_count records_damaged checksum_failures logs_cut \
        trailing_bytes lost_boot_count lost_logoff_count utc_offset records_by_evtx recovered_records recovered_contradictions";
    const SUMMARY: &str = "host account_name account_domain account_sid account_class interactivity kind sessions \
        standing_sessions logons failures failure_reasons first_seen last_seen total_seconds unknown_durations \
        active_seconds";
    let names =
        |columns: &mut dyn Iterator<Item = &'static str>| columns.collect::<Vec<_>>().join(" ");
    assert_eq!(
        names(&mut columns::SESSIONS.iter().map(|c| c.name)),
        SESSIONS
    );
    assert_eq!(names(&mut columns::EVENTS.iter().map(|c| c.name)), EVENTS);
    assert_eq!(
        names(&mut columns::COVERAGE.iter().map(|c| c.name)),
        COVERAGE
    );
    assert_eq!(names(&mut columns::SUMMARY.iter().map(|c| c.name)), SUMMARY);
}

#[test]
fn csv_ends_each_row_with_the_schema_and_every_row_has_every_column() {
    let out = sessions(&sample::analysis(), Format::Csv, 0);
    let mut reader = ::csv::Reader::from_reader(&out[..]);
    let header = reader.headers().unwrap().clone();
    assert_eq!(header.len(), columns::SESSIONS.len() + 1);
    assert_eq!(header.iter().next_back(), Some("schema"));
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 6);
    for row in &rows {
        assert_eq!(row.iter().next_back(), Some("winsessions/sessions/1"));
    }
}

#[test]
fn hostile_names_come_back_exactly_from_raw_csv_and_json_and_cannot_run_in_a_spreadsheet() {
    let analysis = sample::analysis();
    let (host, account) = (&analysis.sessions[0].host, &analysis.sessions[0].account);
    let name = account.name.as_deref().unwrap();
    for (csv_raw, host) in [(true, host.to_string()), (false, format!("'{host}"))] {
        let mut out = Vec::new();
        Writer {
            csv_raw,
            ..writer(Format::Csv, 0)
        }
        .write_all(&View::new(&analysis, None), &analysis.sessions, &mut out)
        .unwrap();
        let mut reader = ::csv::Reader::from_reader(&out[..]);
        let row = reader.records().next().unwrap().unwrap();
        assert_eq!((&row[3], &row[4]), (&*host, name));
    }
    for (format, start) in [(Format::Json, "/sessions/0"), (Format::Jsonl, "")] {
        let out = sessions(&analysis, format, 0);
        let mut values = serde_json::Deserializer::from_slice(&out).into_iter();
        let value: serde_json::Value = values.next().unwrap().unwrap();
        let found = value.pointer(&format!("{start}/account_name")).unwrap();
        assert_eq!(found.as_str(), Some(name));
    }
}

#[test]
fn json_lines_and_the_rows_of_a_document_are_the_same_but_for_the_schema() {
    let analysis = sample::analysis();
    let document: serde_json::Value =
        serde_json::from_slice(&sessions(&analysis, Format::Json, 0)).unwrap();
    let lines = String::from_utf8(sessions(&analysis, Format::Jsonl, 0)).unwrap();
    let rows = document["sessions"].as_array().unwrap();
    assert_eq!(lines.lines().count(), rows.len());
    for (line, row) in lines.lines().zip(rows) {
        assert!(line.starts_with("{\"schema\":\"winsessions/sessions/1\","));
        let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
        line.as_object_mut().unwrap().remove("schema");
        assert_eq!(&line, row);
    }
}

#[test]
fn many_rows_have_the_same_bytes_whoever_makes_them_and_come_one_by_one_if_need_be() {
    let analysis = sample::analysis();
    let view = View::new(&analysis, None);
    for format in [Format::Csv, Format::Json, Format::Jsonl] {
        for count in [0, 1, 255, 256, 257, 5000] {
            let row = |number: &usize| {
                let session = analysis.sessions.iter().cycle().nth(*number)?;
                Some(Session {
                    logons: *number as u32,
                    ..session.clone()
                })
            };
            let by = |threads| {
                let mut out = Vec::new();
                Writer {
                    format,
                    width: 0,
                    threads,
                    colours: false,
                    csv_raw: true,
                }
                .write::<Session, _, _>(&view, 0..count, row, &mut out)
                .unwrap();
                out
            };
            let one = by(Some(1));
            assert!(one == by(Some(2)) && one == by(Some(7)) && one == by(None));
            let told = String::from_utf8(one).unwrap();
            let numbers = told.lines().filter_map(|line| {
                let number = line.split_once("\"logons\":")?.1.split(',').next()?;
                number.parse::<usize>().ok()
            });
            if format != Format::Csv {
                assert!(numbers.eq(0..count), "{format} {count}");
            }
        }
    }
}

#[test]
fn what_cannot_be_written_ends_the_writing() {
    struct Full(usize);
    impl std::io::Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 = self
                .0
                .checked_sub(1)
                .ok_or(std::io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let analysis = sample::analysis();
    let view = View::new(&analysis, None);
    for threads in [1, 2] {
        // There is no end of rows.
        let rows = analysis.sessions.iter().cycle();
        let writer = Writer {
            threads: Some(threads),
            ..writer(Format::Csv, 0)
        };
        let failed = writer.write_all::<Session>(&view, rows, &mut Full(5));
        assert_eq!(failed.unwrap_err().kind(), std::io::ErrorKind::StorageFull);
    }
}

#[test]
fn an_empty_result_is_a_header_an_empty_list_or_nothing() {
    let empty = Analysis::default();
    let text = |format| String::from_utf8(sessions(&empty, format, 100)).unwrap();
    assert_eq!(text(Format::Csv).lines().count(), 1);
    assert_eq!(text(Format::Jsonl), "");
    assert_eq!(text(Format::Table), "");
    let document: serde_json::Value = serde_json::from_str(&text(Format::Json)).unwrap();
    assert_eq!(document["sessions"], serde_json::json!([]));
    assert_eq!(document["evidence"]["logs"], serde_json::json!([]));
}

#[test]
fn a_time_asked_about_adds_the_state_as_the_last_column_before_the_schema() {
    let analysis = sample::analysis();
    let rows = &analysis.sessions;
    let view = View::new(&analysis, Some(sample::time("2020-09-19T09:10")));
    let mut out = Vec::new();
    writer(Format::Csv, 0)
        .write_all::<Session>(&view, rows, &mut out)
        .unwrap();
    let mut reader = ::csv::Reader::from_reader(&out[..]);
    let header = reader.headers().unwrap().clone();
    assert_eq!(header.iter().nth_back(1), Some("state_at"));
    let states: Vec<String> = reader
        .records()
        .map(|row| row.unwrap().iter().nth_back(1).unwrap().to_owned())
        .collect();
    assert_eq!(states, ["", "", "maybe", "locked", "maybe", ""]);

    let mut out = Vec::new();
    writer(Format::Table, 100)
        .write_all::<Session>(&view, rows, &mut out)
        .unwrap();
    let table = String::from_utf8(out).unwrap();
    assert!(table.contains(" STATE ") && table.contains(" locked "));
    assert!(
        !String::from_utf8(sessions(&analysis, Format::Table, 300))
            .unwrap()
            .contains("STATE")
    );
}

#[test]
fn parquet_keeps_a_time_that_no_timestamp_holds_beside_its_column() {
    use ::parquet::file::reader::{FileReader, SerializedFileReader};
    let mut analysis = sample::analysis();
    let (early, late) = (Time::from_filetime(0), Time::from_filetime(u64::MAX));
    analysis.sessions[0].start.time = Some(early);
    analysis.sessions[0].records[0].time = late;
    let mut file = tempfile::tempfile().unwrap();
    let bytes = sessions(&analysis, Format::Parquet, 0);
    std::io::Write::write_all(&mut file, &bytes).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    let rows: Vec<String> = rows.map(|row| row.unwrap().to_string()).collect();
    assert_eq!(rows.len(), analysis.sessions.len());
    let beyond = [format!("start={early}"), format!("records[0].time={late}")];
    let [first, second] = [&rows[0], &rows[1]];
    assert!(first.contains("start: null,"), "{first}");
    assert!(beyond.iter().all(|told| first.contains(told)), "{first}");
    assert!(second.ends_with("times_beyond_timestamps: []}"), "{second}");
}

#[test]
fn parquet_of_many_rows_has_many_groups_and_all_rows() {
    use ::parquet::file::reader::{FileReader, SerializedFileReader};
    let analysis = sample::analysis();
    let view = View::new(&analysis, None);
    let many = std::iter::repeat_n(&analysis.sessions[0], 70_000);
    let mut bytes = Vec::new();
    writer(Format::Parquet, 0)
        .write_all::<Session>(&view, many, &mut bytes)
        .unwrap();
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, &bytes).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let groups = reader.metadata().row_groups().iter();
    let groups: Vec<i64> = groups.map(|group| group.num_rows()).collect();
    assert!(groups.len() > 2 && groups.iter().all(|rows| *rows <= 32_768));
    assert_eq!(groups.iter().sum::<i64>(), 70_000);
}

#[test]
fn a_record_is_named_by_file_channel_and_number_and_a_missing_one_by_nothing() {
    let analysis = sample::analysis();
    let view = View::new(&analysis, None);
    let value = |name: &str, row: usize| {
        let column = columns::SESSIONS.iter().find(|c| c.name == name).unwrap();
        let mut text = Vec::new();
        (column.value)(&view, &analysis.sessions[row]).write(&mut text);
        String::from_utf8(text).unwrap()
    };
    assert_eq!(
        value("start_record", 3),
        "case/Security, \"live\".evtx#Security/100"
    );
    assert_eq!(value("start_record", 1), "");
    assert_eq!(value("end_record", 4), "", "an index that leads nowhere");
}

#[test]
fn no_line_of_a_table_is_wider_than_the_terminal_nor_holds_what_a_terminal_acts_on() {
    let mut analysis = sample::analysis();
    for row in &mut analysis.sessions {
        row.host_aliases = ["長い名前".repeat(60).into()].into();
    }
    for columns in [100, 101, 113, 120, 137, 160, 200, 300] {
        for table in [
            sessions(&analysis, Format::Table, columns),
            events(&analysis, Format::Table, columns),
            coverage(&analysis, Format::Table, columns),
            summary(&analysis, Format::Table, columns),
        ] {
            for line in String::from_utf8(table).unwrap().lines() {
                assert!(text::width(line) <= columns, "{columns}: {line}");
                assert_eq!(visible(line), line);
                assert_eq!(line.trim_end(), line);
            }
        }
    }
}

#[test]
fn a_story_is_wrapped_and_loses_nothing_of_what_it_is_told_of() {
    let mut analysis = sample::analysis();
    analysis.logs[0].path = format!("case/{}.evtx", "long".repeat(50)).into();
    for columns in [60, 77, 100, 300] {
        let told = String::from_utf8(stories(&analysis, columns)).unwrap();
        for line in told.lines() {
            assert!(text::width(line) <= columns, "{columns}: {line}");
            assert_eq!(visible(line), line);
            assert_eq!(line.trim_end(), line);
        }
        let whole: String = told.split_whitespace().collect();
        assert!(whole.contains(&"long".repeat(50)), "a path is not cut");
        for session in &analysis.sessions {
            for record in &session.records {
                assert!(told.contains(&record.time.to_string()));
            }
        }
    }
}

#[test]
fn of_many_gaps_the_first_are_told_and_the_others_counted() {
    let mut analysis = sample::analysis();
    let gaps = &mut analysis.coverage[1].gaps;
    *gaps = vec![gaps[0].clone(); 25];
    let told = String::from_utf8(coverage(&analysis, Format::Table, 100)).unwrap();
    assert_eq!(told.matches("records 301 to 340").count(), 20);
    assert!(told.contains("    and 5 more gaps\n"), "{told}");
}

#[test]
fn a_failed_logon_says_why_by_the_finer_code_that_has_words() {
    let mut row = sample::event("2020-01-01", crate::event::Action::LogonFailed, 4625);
    let text = TimelineEvent::failure_text;
    assert_eq!(text(&row), Some("wrong password"));
    row.event.sub_status = Some(0);
    assert_eq!(text(&row), Some("bad account name or password"));
    row.event.status = Some(0x1234);
    assert_eq!(text(&row), None);
}

#[test]
fn every_machine_has_a_heading_of_its_own() {
    let table = String::from_utf8(sessions(&sample::analysis(), Format::Table, 100)).unwrap();
    assert_eq!(table.matches(" START (UTC)").count(), 3);
    assert!(table.contains("\n\nWS01\n"));
    assert!(table.starts_with("=cmd|'/c calc'!A0,\"x\" (formerly WIN-03DLIIOFRRA, a;b)\n"));
}

#[test]
fn messages_tell_twenty_places_of_a_log_and_count_the_rest() {
    let mut analysis = sample::analysis();
    let account = &mut analysis.logs[0].account;
    let place = account.damage[0].clone();
    account.damage = vec![place; 25];
    account.more_damage = 7;
    let mut out = Vec::new();
    messages::write(&analysis, LogFormat::Text, &mut out).unwrap();
    let told = String::from_utf8(out).unwrap();
    assert_eq!(told.matches("offset 0x11000").count(), 20);
    assert!(told.contains("live\".evtx: and 12 more\n"), "{told}");
}

#[test]
fn the_documentation_lists_every_column() {
    let mut page = String::from(COLUMNS_PAGE);
    section(
        &mut page,
        "sessions",
        Session::SCHEMA,
        columns::SESSIONS
            .iter()
            .chain([&columns::STATE_AT, &columns::FITS, &columns::OUTSIDE_AT]),
    );
    let nested = "in each session of JSON";
    section(&mut page, "intervals", nested, columns::INTERVALS);
    section(&mut page, "parts", nested, columns::PARTS);
    section(&mut page, "records", nested, columns::RECORDS);
    section(&mut page, "events", TimelineEvent::SCHEMA, columns::EVENTS);
    let nested = "in each event of JSON";
    section(&mut page, "also_in", nested, columns::FILES);
    section(&mut page, "overlaps", Overlap::SCHEMA, columns::OVERLAPS);
    section(&mut page, "summary", Summary::SCHEMA, columns::SUMMARY);
    section(
        &mut page,
        "reasons",
        "in each row of JSON",
        columns::REASONS,
    );
    section(&mut page, "coverage", Coverage::SCHEMA, columns::COVERAGE);
    let nested = "in each row of JSON";
    section(&mut page, "logs of coverage", nested, columns::HOLDINGS);
    section(&mut page, "gaps", nested, columns::GAPS);
    section(&mut page, "clears", nested, columns::CLEARS);
    section(&mut page, "clock_changes", nested, columns::CLOCK_CHANGES);
    section(&mut page, "boots", nested, columns::BOOTS);
    section(&mut page, "audit_losses", nested, columns::AUDIT_LOSSES);
    section(&mut page, "utc_offsets", nested, columns::UTC_OFFSETS);
    section(&mut page, "conflicts", nested, columns::CONFLICTS);
    section(&mut page, "logs", "in `evidence` of JSON", columns::LOGS);
    section(&mut page, "damage", "in each log of JSON", columns::DAMAGE);
    section(
        &mut page,
        "skipped",
        "in `evidence` of JSON",
        columns::SKIPPED,
    );
    macro_rules! words {
        ($title:literal, $enum:ident) => {
            page.push_str(concat!(
                "\n### ",
                $title,
                "\n\n| word | meaning |\n|---|---|\n"
            ));
            for word in $enum::ALL {
                page.push_str(&format!("| `{}` | {} |\n", word.name(), word.meaning()));
            }
        };
    }
    page.push_str("\n## Words\n");
    words!("kind", Kind);
    words!("interactivity", Interactivity);
    words!("account_class", AccountClass);
    words!("start_source", StartSource);
    words!("end_reason", EndReason);
    words!("end_source", EndSource);
    words!("flags", Flag);
    words!("fits", Fit);
    words!("state_at", StateAt);
    words!("state, in intervals", State);
    words!("reason, in parts", PartReason);
    words!("role, in records", Role);
    words!("rule, in records", LinkRule);
    words!("event", Action);
    words!("origin, in coverage", Origin);
    words!("cause, in gaps", GapCause);
    words!("kind, in damage", DamageKind);
    page.push_str(MESSAGES_PAGE);
    words!("topic, in messages", Topic);
    words!("level, in messages", Level);
    golden("../../../docs/columns.md", page.as_bytes());
}

const MESSAGES_PAGE: &str = "
## Messages

`--log-format json` writes each message to standard error as an object of JSON on a line ([its schema](schema/messages.json)): `level`, `topic`, `message` (in words),
and, as far as they apply, `file`, `offset`, `chunk`, `record` and the numbers that the topic names; in a batch
`unit` (its id) and `folder`. Progress comes every ten seconds. The summary has `records`, `chunks`, `logs`, `records_damaged`, `checksum_failures`, `conflicting_records`, `skipped`,
`other_files`; by `--recover` also `records_recovered` (each once), `records_found_again` (that a log holds, or twice),
`records_contradicting`, `records_left_behind` and `members_not_searched` (of packages). A damaged log
tells its first 20 places, then how many `more`; the result's JSON has up to 100 of each log.
";

const COLUMNS_PAGE: &str = "\
# Columns

The names are the same in every format. Absent is empty in CSV and `null` in JSON. Times are UTC (`start_local` and
`end_local` excepted, which carry their offset), ISO 8601, with the seven fractional digits of a FILETIME; spans are decimal seconds. Names are exactly as recorded. Lists of
words can grow: readers must expect new ones. A schema's number changes when a column changes its meaning or
goes; new columns may come under the same number, so read columns by name.

Times are the machine's own clock. Where it was set back inside a session, `end` can lie before `start`, and a session
before its own `boot`: records are ordered by their numbers, durations leave the change out, and the session is flagged
`clock-changed`.

- **CSV**: a header, then a line a row; the last column, `schema`, holds the schema of the row. Text that a spreadsheet would run
  has an apostrophe in front, unless `--csv-raw` is given. `--columns` gives only the columns it names, in its order.
- **JSON**: one object: `schema`, `generator` (`name`, `version`), `evidence` (`logs`, `skipped`, `other_files`,
  `conflicting_records`: how many records two logs hold with different contents; the first log's was used), the rows under the command's name, one on a line.
- **JSON lines**: one object a line, `schema` first.

[docs/schema](schema) has a JSON Schema (2020-12) of each document, which `winsessions schema NAME` writes too: made from the same
columns as this page, and every document of the tests is validated against it. It allows members and words to come.

This page is held to the program by a test.

## In Excel and Timeline Explorer

Both open the CSV; its first columns are what is looked for first. What they make of it:

- Accents and other scripts: Excel takes a file for UTF-8 only if it begins with a byte order mark: `--bom`.
- Times have a `T`, seven digits and a `Z`, so Excel leaves them as text, which sorts by time and loses nothing; to reckon with
  them, `=DATEVALUE(LEFT(A2,10))+TIMEVALUE(MID(A2,12,8))`. Timeline Explorer has no layout of its own for these files: every column is text there too.
- SIDs, Logon IDs (`0x3e7`), GUIDs and status codes are no numbers to either.
- A `session_id` is 16 hex digits. One in 770 looks like a number (all digits, or digits around one `e`), and Excel rounds it to
  15 digits or to an exponent when it opens the file; a name of digits (`00123`) loses its zeros, and one like `1-2` becomes a date.
  Where they matter, load the file by *Data > From Text/CSV* with the type *Text*, or *Do not detect data types*.
- Seconds have a decimal point: where Excel is set to a decimal comma, load them the same way, with an English locale.
- Numbers are below 2^53 in all but made-up logs.
";

fn section<T: 'static>(
    page: &mut String,
    title: &str,
    place: &str,
    columns: impl IntoIterator<Item = &'static columns::Column<T>>,
) {
    use std::fmt::Write as _;
    write!(
        page,
        "\n## {title}\n\n{place}\n\n| name | meaning |\n|---|---|\n"
    )
    .unwrap();
    for column in columns {
        writeln!(page, "| `{}` | {} |", column.name, column.about).unwrap();
    }
}
