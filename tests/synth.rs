//! Logs written by `synth`, read back by three readers that know nothing of it.
//!
//! 1. the readers: every value of every record, against what the scenario says was written
//! 2. the fixtures: the committed logs are what their scenarios make
//! 3. the file: checksums, alignment, chunks, wrap-around
//! 4. the scenario: versions, overrides, error messages

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;
use winsessions::synth::{self, ExpectedRecord, ExpectedValue};

// ---- 1. the readers ----

/// A record as a reader shows it.
#[derive(Debug, Deserialize)]
struct Found {
    system: BTreeMap<String, String>,
    user_data: Option<String>,
    fields: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    EvtxCrate,
    Libevtx,
    PythonEvtx,
}

impl Reader {
    /// What this reader shows for a value, where it differs from Windows.
    fn shows(self, value: &ExpectedValue) -> String {
        let text = value.text.as_str();
        match (self, value.kind) {
            // Control characters become `_`; a NUL ends the text.
            (Reader::EvtxCrate, "string" | "strings") => {
                let text = text.split('\0').next().unwrap_or_default();
                text.replace(|c: char| c.is_control() && !"\t\n\r".contains(c), "_")
            }
            // Control characters but NUL vanish.
            (Reader::PythonEvtx, "string") => {
                text.replace(|c: char| c.is_control() && !"\0\t\n\r".contains(c), "")
            }
            // 64-bit numbers are padded to sixteen digits, 32-bit ones to eight.
            (Reader::Libevtx | Reader::PythonEvtx, "hex64" | "pointer") => padded(text, 16),
            (Reader::Libevtx | Reader::PythonEvtx, "hex32") => padded(text, 8),
            // Nine digits, the last two always 0.
            (Reader::Libevtx, "time") => text.replace('Z', "00Z"),
            (Reader::PythonEvtx, "bool") => capital(text),
            (Reader::PythonEvtx, "binary") => base64(text),
            _ => text.to_string(),
        }
    }

    fn agrees(self, value: &ExpectedValue, found: &str) -> bool {
        match (self, value.kind) {
            // A time of 0 becomes Python's first.
            (Reader::PythonEvtx, "time") if value.text == "1601-01-01T00:00:00.0000000Z" => {
                found == "0001-01-01 00:00:00"
            }
            // Python's floats lose the last digits: `2024-03-04 08:00:00.123455+00:00`.
            (Reader::PythonEvtx, "time") => {
                let seconds = |text: &str| {
                    let text = text
                        .trim_end_matches("+00:00")
                        .trim_end_matches('Z')
                        .replace(' ', "T");
                    chrono::NaiveDateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M:%S%.f").ok()
                };
                match (seconds(&value.text), seconds(found)) {
                    (Some(a), Some(b)) => (a - b).num_microseconds().is_some_and(|n| n.abs() <= 5),
                    _ => false,
                }
            }
            // Capitals, but for those that a template holds as text.
            (Reader::Libevtx, "guid") => value.text.eq_ignore_ascii_case(found),
            _ => self.shows(value) == found,
        }
    }

    /// Whether this reader shows the value at all: libevtx leaves out a null with its element; python-evtx
    /// errs with several strings of which the first are empty, so that `read.py` leaves them out.
    fn sees(self, value: &ExpectedValue) -> bool {
        match self {
            Reader::EvtxCrate => true,
            Reader::Libevtx => value.kind != "null",
            Reader::PythonEvtx => value.kind != "strings",
        }
    }

    /// Whether this reader knows the records of an event collector, which have no templates:
    /// libevtx (2018) and python-evtx refuse real ones too.
    fn reads_forwarded(self) -> bool {
        self == Reader::EvtxCrate
    }

    /// Whether this reader's output can be read: libevtx breaks off its XML at a NUL.
    fn writes_xml_of(self, records: &[ExpectedRecord]) -> bool {
        let mut values = records.iter().flat_map(|record| &record.fields);
        self != Reader::Libevtx || !values.any(|value| value.text.contains('\0'))
    }

    fn read(self, log: &Path, bytes: &[u8]) -> Vec<Found> {
        let (arguments, input) = match self {
            Reader::EvtxCrate => (vec!["xml".into()], xml_of_the_evtx_crate(bytes)),
            Reader::Libevtx => {
                require("evtxexport", &["-V"], "apt-get install libevtx-utils");
                (
                    vec!["libevtx".into(), log.display().to_string()],
                    String::new(),
                )
            }
            Reader::PythonEvtx => {
                require(
                    "python3",
                    &["-c", "import Evtx.Evtx"],
                    "pip install python-evtx",
                );
                (
                    vec!["python-evtx".into(), log.display().to_string()],
                    String::new(),
                )
            }
        };
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/readers/read.py");
        let mut child = Command::new("python3")
            .arg(script)
            .args(&arguments)
            .env("PYTHONIOENCODING", "utf-8")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("python3 is missing: apt-get install python3");
        let mut stdin = child.stdin.take().unwrap();
        let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap().unwrap();
        assert!(
            output.status.success(),
            "{self:?} cannot read {}: {}",
            log.display(),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

fn require(program: &str, arguments: &[&str], install: &str) {
    let done = Command::new(program).args(arguments).output();
    assert!(
        done.is_ok_and(|done| done.status.success()),
        "a reader is missing: {install}"
    );
}

fn padded(text: &str, digits: usize) -> String {
    format!("0x{:0>digits$}", text.trim_start_matches("0x"))
}

fn capital(text: &str) -> String {
    text[..1].to_uppercase() + &text[1..]
}

fn base64(hex: &str) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes: Vec<u32> = (0..hex.len())
        .step_by(2)
        .map(|i| u32::from_str_radix(&hex[i..i + 2], 16).unwrap())
        .collect();
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0, |bits, byte| bits << 8 | byte) << (8 * (3 - three.len()));
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place) & 63) as usize] as char;
            text.push(if place <= three.len() { digit } else { '=' });
        }
    }
    text
}

fn xml_of_the_evtx_crate(bytes: &[u8]) -> String {
    let settings = evtx::ParserSettings::default().validate_checksums(true);
    let parser = evtx::EvtxParser::from_buffer(bytes.to_vec()).unwrap();
    let mut parser = parser.with_configuration(settings);
    parser
        .records()
        .map(|record| record.unwrap().data)
        .collect()
}

/// Whether the oldest chunk is not the first.
fn is_circular(bytes: &[u8]) -> bool {
    u64_at(bytes, 0x08) != 0
}

/// Readers go by chunks in file order; a wrapped log begins in the middle of it.
fn in_order_of_writing(mut records: Vec<Found>) -> Vec<Found> {
    let number = |record: &Found| record.system["EventRecordID"].parse::<u64>().unwrap();
    let turn = records
        .windows(2)
        .position(|pair| number(&pair[1]) < number(&pair[0]));
    if let Some(before) = turn {
        records.rotate_left(before + 1);
    }
    records
}

fn compare(reader: Reader, log: &Path, expected: &[ExpectedRecord], found: &[Found]) {
    for (expected, found) in expected.iter().zip(found) {
        let place = || {
            format!(
                "{reader:?}, {}, record {}",
                log.display(),
                expected.record_id
            )
        };
        let mut system = found.system.clone();
        for value in &expected.system {
            let found = system.remove(&value.name).unwrap_or_default();
            assert!(
                reader.agrees(value, &found),
                "{}: {value:?}, found {found:?}",
                place()
            );
        }
        assert!(system.is_empty(), "{}: more in System: {system:?}", place());
        assert_eq!(found.user_data, expected.user_data, "{}", place());
        let fields: Vec<_> = expected
            .fields
            .iter()
            .filter(|value| reader.sees(value))
            .collect();
        for (value, (name, found)) in fields.iter().zip(&found.fields) {
            assert_eq!(&value.name, name, "{}", place());
            assert!(
                reader.agrees(value, found),
                "{}: {value:?}, found {found:?}",
                place()
            );
        }
        assert_eq!(
            fields.len(),
            found.fields.len(),
            "{}: {:?}",
            place(),
            found.fields
        );
    }
    assert_eq!(expected.len(), found.len(), "{reader:?}, {}", log.display());
}

/// All scenarios: the fixtures, the traps, and those that only try the writer.
fn scenarios() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut scenarios: Vec<PathBuf> = std::fs::read_dir(root.join("tests/scenarios"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    for folder in ["fixtures", "fixtures/traps"] {
        scenarios.extend(fixtures(&root.join(folder)));
    }
    scenarios.sort();
    scenarios
}

fn fixtures(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries
        .map(|entry| entry.unwrap().path().join("scenario.toml"))
        .filter(|path| path.exists())
        .collect()
}

fn every_log_is_read_value_for_value_by(reader: Reader) {
    let folder = tempfile::tempdir().unwrap();
    // A program run for each log takes its time: of the traps only the one with hostile names.
    let is_small = |path: &PathBuf| {
        let path = path.to_str().unwrap();
        !path.contains("traps") || path.contains("T18")
    };
    for scenario in scenarios().into_iter().filter(is_small) {
        let text = std::fs::read_to_string(&scenario).unwrap();
        let expected: BTreeMap<_, _> = synth::expected(&text).unwrap().into_iter().collect();
        for (path, bytes) in synth::render(&text).unwrap() {
            if path.ends_with("ForwardedEvents.evtx") && !reader.reads_forwarded() {
                continue;
            }
            // Without: a log that the scenario damages.
            let Some(expected) = expected.get(&path) else {
                continue;
            };
            if !reader.writes_xml_of(expected) {
                continue;
            }
            let log = folder.path().join(&path);
            std::fs::create_dir_all(log.parent().unwrap()).unwrap();
            std::fs::write(&log, &bytes).unwrap();
            let mut found = reader.read(&log, &bytes);
            if path.ends_with("Security.evtx") && is_circular(&bytes) {
                found = in_order_of_writing(found);
            }
            compare(reader, &log, expected, &found);
        }
    }
}

#[test]
fn the_evtx_crate_reads_every_value() {
    every_log_is_read_value_for_value_by(Reader::EvtxCrate);
}

#[test]
fn libevtx_reads_every_value() {
    every_log_is_read_value_for_value_by(Reader::Libevtx);
}

#[test]
fn python_evtx_reads_every_value() {
    every_log_is_read_value_for_value_by(Reader::PythonEvtx);
}

#[test]
fn the_record_headers_hold_number_and_time() {
    for scenario in scenarios() {
        let text = std::fs::read_to_string(&scenario).unwrap();
        let expected: BTreeMap<_, _> = synth::expected(&text).unwrap().into_iter().collect();
        for (path, bytes) in synth::render(&text).unwrap() {
            let Some(expected) = expected.get(&path) else {
                continue;
            };
            let mut found: Vec<(u64, String)> = Vec::new();
            let mut parser = evtx::EvtxParser::from_buffer(bytes).unwrap();
            for record in parser.records().map(Result::unwrap) {
                let time = record.timestamp.to_string();
                found.push((record.event_record_id, time[..19].replace(' ', "T")));
            }
            found.sort();
            let expected: Vec<(u64, String)> = expected
                .iter()
                .map(|r| (r.record_id, r.written[..19].into()))
                .collect();
            assert_eq!(found, expected, "{}", path.display());
        }
    }
}

// ---- 2. the file ----

const WRAPPED: &str = include_str!("scenarios/wrapped.toml");
const GENERATIONS: &str = include_str!("scenarios/generations.toml");

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

/// Offset and number of every record of a chunk, by the sizes in the records' headers.
fn walk(chunk: &[u8]) -> Vec<(usize, u64)> {
    let (mut at, mut records) = (512, Vec::new());
    while at < u32_at(chunk, 0x30) as usize {
        assert_eq!(&chunk[at..at + 4], b"**\0\0");
        let size = u32_at(chunk, at + 4) as usize;
        assert_eq!(size % 8, 0, "a record is not a multiple of eight bytes");
        assert_eq!(
            u32_at(chunk, at + size - 4) as usize,
            size,
            "the size at a record's end"
        );
        records.push((at, u64_at(chunk, at + 8)));
        at += size;
    }
    assert_eq!(at, u32_at(chunk, 0x30) as usize);
    records
}

#[test]
fn headers_and_checksums_hold_for_every_log() {
    for scenario in scenarios() {
        let text = std::fs::read_to_string(&scenario).unwrap();
        let whole: BTreeMap<_, _> = synth::expected(&text).unwrap().into_iter().collect();
        let logs = synth::render(&text).unwrap().into_iter();
        for (path, bytes) in logs.filter(|(path, _)| whole.contains_key(path)) {
            let place = path.display();
            assert_eq!(&bytes[..8], b"ElfFile\0", "{place}");
            assert_eq!(
                u32_at(&bytes, 0x7c),
                crc32fast::hash(&bytes[..0x78]),
                "{place}"
            );
            let chunks: Vec<&[u8]> = bytes[4096..].chunks(0x1_0000).collect();
            assert_eq!(
                u16::from_le_bytes([bytes[0x2a], bytes[0x2b]]) as usize,
                chunks.len()
            );
            let mut last = 0;
            for chunk in chunks {
                assert_eq!(chunk.len(), 0x1_0000, "{place}: a chunk is cut");
                let records = walk(chunk);
                let header = [&chunk[..0x78], &chunk[0x80..0x200]].concat();
                assert_eq!(u32_at(chunk, 0x7c), crc32fast::hash(&header), "{place}");
                let end = u32_at(chunk, 0x30) as usize;
                assert_eq!(
                    u32_at(chunk, 0x34),
                    crc32fast::hash(&chunk[512..end]),
                    "{place}"
                );
                let (first, newest) = (records[0], records[records.len() - 1]);
                assert_eq!(
                    (u64_at(chunk, 0x08), u64_at(chunk, 0x10)),
                    (first.1, newest.1)
                );
                assert_eq!(
                    (u64_at(chunk, 0x18), u64_at(chunk, 0x20)),
                    (first.1, newest.1)
                );
                assert_eq!(u32_at(chunk, 0x2c) as usize, newest.0);
                last = last.max(newest.1);
            }
            assert_eq!(
                u64_at(&bytes, 0x18),
                last + 1,
                "{place}: the next record's number"
            );
        }
    }
}

/// Chains of the name and template tables end, and every entry lies in the bucket of its hash.
#[test]
fn the_tables_of_a_chunk_find_every_entry() {
    let hash = |units: &[u8]| {
        units.chunks(2).fold(0u32, |hash, unit| {
            hash.wrapping_mul(65599)
                .wrapping_add(u32::from(u16::from_le_bytes([unit[0], unit[1]])))
        })
    };
    for (_, bytes) in synth::render(GENERATIONS).unwrap() {
        for chunk in bytes[4096..].chunks(0x1_0000) {
            let (mut names, mut templates) = (0, 0);
            for bucket in 0..64 {
                let mut at = u32_at(chunk, 0x80 + 4 * bucket) as usize;
                while at != 0 {
                    let length =
                        2 * usize::from(u16::from_le_bytes([chunk[at + 6], chunk[at + 7]]));
                    let hash = hash(&chunk[at + 8..at + 8 + length]);
                    assert_eq!(hash as usize % 64, bucket);
                    assert_eq!(
                        hash as u16,
                        u16::from_le_bytes([chunk[at + 4], chunk[at + 5]])
                    );
                    assert!(
                        (u32_at(chunk, at) as usize) < at,
                        "a chain goes from newer to older"
                    );
                    at = u32_at(chunk, at) as usize;
                    names += 1;
                }
            }
            for bucket in 0..32 {
                let mut at = u32_at(chunk, 0x180 + 4 * bucket) as usize;
                while at != 0 {
                    assert_eq!(hash(&chunk[at + 4..at + 20]) as usize % 32, bucket);
                    at = u32_at(chunk, at) as usize;
                    templates += 1;
                }
            }
            assert!(
                names >= 20 && templates >= 2,
                "{names} names, {templates} templates"
            );
        }
    }
}

#[test]
fn a_chunk_is_filled_before_the_next_begins() {
    let logons = 600;
    let scenario = WRAPPED
        .replace("count = 36", &format!("count = {logons}"))
        .replace(", chunk_records = 10, max_chunks = 4", "");
    let (_, bytes) = synth::render(&scenario).unwrap().remove(0);
    let chunks: Vec<&[u8]> = bytes[4096..].chunks(0x1_0000).collect();
    assert!(chunks.len() > 3);
    for pair in chunks.windows(2) {
        let free = 0x1_0000 - u32_at(pair[0], 0x30) as usize;
        // Records here take well under 6000 bytes, even the first with its definitions.
        assert!(free < 6000, "{free} bytes are free in a full chunk");
        let (before, after) = (walk(pair[0]), walk(pair[1]));
        assert_eq!(before[before.len() - 1].1 + 1, after[0].1);
    }
    assert_eq!(
        synth::expected(&scenario).unwrap()[0].1.len(),
        chunks.iter().map(|c| walk(c).len()).sum::<usize>()
    );
}

#[test]
fn a_circular_log_overwrites_its_oldest_chunks_in_place() {
    let (_, bytes) = synth::render(WRAPPED).unwrap().remove(0);
    let chunks: Vec<&[u8]> = bytes[4096..].chunks(0x1_0000).collect();
    assert_eq!(chunks.len(), 4);
    let firsts: Vec<u64> = chunks.iter().map(|chunk| u64_at(chunk, 0x08)).collect();
    let (oldest, newest) = (u64_at(&bytes, 0x08) as usize, u64_at(&bytes, 0x10) as usize);
    assert!(
        newest < oldest,
        "the newest chunk {newest} lies before the oldest {oldest}"
    );
    assert_eq!((newest + 1) % 4, oldest);
    assert_eq!(firsts[oldest], *firsts.iter().min().unwrap());
    assert_eq!(firsts[newest], *firsts.iter().max().unwrap());
    let expected = &synth::expected(WRAPPED).unwrap()[0].1;
    assert_eq!(expected[0].record_id, firsts[oldest]);
    assert!(firsts[oldest] > 7, "the first records are gone");
}

#[test]
fn the_same_scenario_makes_the_same_bytes() {
    assert!(synth::render(GENERATIONS).unwrap() == synth::render(GENERATIONS).unwrap());
}

#[test]
fn options_of_a_log_reach_its_header() {
    let logs: BTreeMap<_, _> = synth::render(GENERATIONS).unwrap().into_iter().collect();
    let seven = &logs[Path::new("W7/Security.evtx")];
    let eleven = &logs[Path::new("W11/Security.evtx")];
    assert_eq!((seven[0x24], seven[0x78]), (1, 0));
    assert_eq!((eleven[0x24], eleven[0x78]), (2, 1));
    assert_eq!(u64_at(eleven, 4096 + 8), 1001);
}

/// A mistake common to reader and writer could hide: so they share nothing.
#[test]
fn synth_imports_nothing_but_itself() {
    fn sources(folder: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        entries
            .flat_map(|path| {
                if path.is_dir() {
                    sources(&path)
                } else {
                    vec![path]
                }
            })
            .collect()
    }
    let sources = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/synth"));
    assert!(sources.len() > 8);
    for path in sources {
        let text = std::fs::read_to_string(&path).unwrap();
        for line in text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
        {
            let outside = line.replace("crate::synth", "").contains("crate::");
            assert!(
                !outside && !line.contains("evtx::"),
                "{}: {line}",
                path.display()
            );
        }
    }
}

// ---- 3. the scenario ----

fn expected_of(scenario: &str) -> Vec<ExpectedRecord> {
    synth::expected(scenario).unwrap().remove(0).1
}

fn system<'a>(record: &'a ExpectedRecord, name: &str) -> &'a str {
    record
        .system
        .iter()
        .find(|value| value.name == name)
        .map_or("", |value| &value.text)
}

fn field<'a>(record: &'a ExpectedRecord, name: &str) -> &'a str {
    record
        .fields
        .iter()
        .find(|value| value.name == name)
        .map_or("", |value| &value.text)
}

#[test]
fn each_generation_has_its_version_of_4624() {
    let logs: BTreeMap<_, _> = synth::expected(GENERATIONS).unwrap().into_iter().collect();
    for (host, version, fields) in [
        ("W7", "0", 20),
        ("S12", "1", 21),
        ("S16", "2", 27),
        ("W10", "2", 27),
        ("S25", "3", 28),
    ] {
        let log = &logs[&Path::new(host).join("Security.evtx")];
        for record in log
            .iter()
            .filter(|record| system(record, "EventID") == "4624")
        {
            assert_eq!(
                (system(record, "Version"), record.fields.len()),
                (version, fields),
                "{host}"
            );
        }
    }
}

#[test]
fn an_administrator_logs_on_twice_and_the_elevated_twin_has_the_privileges() {
    let logs: BTreeMap<_, _> = synth::expected(GENERATIONS).unwrap().into_iter().collect();
    let log = &logs[Path::new("W10/Security.evtx")];
    let at = log
        .iter()
        .position(|r| field(r, "TargetUserName") == "alice" && system(r, "EventID") == "4624")
        .unwrap();
    let (first, second, privileges) = (&log[at], &log[at + 1], &log[at + 2]);
    assert_eq!(
        field(first, "TargetLinkedLogonId"),
        field(second, "TargetLogonId")
    );
    assert_eq!(
        field(second, "TargetLinkedLogonId"),
        field(first, "TargetLogonId")
    );
    assert_eq!(
        (
            field(first, "ElevatedToken"),
            field(second, "ElevatedToken")
        ),
        ("%%1842", "%%1843")
    );
    assert_eq!(system(privileges, "EventID"), "4672");
    assert_eq!(
        field(privileges, "SubjectLogonId"),
        field(first, "TargetLogonId")
    );
    let logoff = log.iter().find(|r| system(r, "EventID") == "4647").unwrap();
    assert!(field(logoff, "TargetLogonId") != field(first, "TargetLogonId"));
}

#[test]
fn a_forwarded_log_is_text_throughout() {
    let text = include_str!("scenarios/forwarded.toml");
    let records = expected_of(text);
    let hosts: Vec<&str> = records
        .iter()
        .map(|record| system(record, "Computer"))
        .collect();
    let changes = hosts.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(changes > 2, "the machines do not interleave");
    assert!(
        records
            .iter()
            .all(|r| r.system.iter().chain(&r.fields).all(|v| v.kind == "string"))
    );
    assert!(system(&records[0], "TimeCreated/SystemTime").ends_with("00Z"));
    assert!(
        records
            .iter()
            .any(|record| system(record, "EventRecordID") != record.record_id.to_string())
    );
}

const CHANNELS: &str = include_str!("scenarios/channels.toml");

/// A log of one machine of [`CHANNELS`].
fn channel(host: &str, log: &str) -> Vec<ExpectedRecord> {
    let logs: BTreeMap<_, _> = synth::expected(CHANNELS).unwrap().into_iter().collect();
    logs[&Path::new(host).join(log)].clone()
}

const SESSIONS_LOG: &str =
    "Microsoft-Windows-TerminalServices-LocalSessionManager%4Operational.evtx";

/// The records of a provider with some of the numbers, by place in the log, number and time.
fn of<'a>(
    log: &'a [ExpectedRecord],
    provider: &str,
    ids: &[&str],
) -> Vec<(usize, &'a str, &'a str)> {
    let wanted = |record: &&ExpectedRecord| {
        system(record, "Provider/Name") == provider && ids.contains(&system(record, "EventID"))
    };
    let places = log.iter().enumerate().filter(|(_, record)| wanted(record));
    places
        .map(|(at, record)| {
            (
                at,
                system(record, "EventID"),
                system(record, "TimeCreated/SystemTime"),
            )
        })
        .collect()
}

#[test]
fn the_kernel_s_records_of_a_stop_come_into_the_log_at_the_next_boot() {
    let log = channel("W10", "System.evtx");
    let stops = of(&log, "Microsoft-Windows-Kernel-General", &["12", "13"]);
    let [.., _, (stop, "13", stopped), (start, "12", started), _] = stops.as_slice() else {
        panic!("{stops:?}")
    };
    let (event_log, service) = ("EventLog", of(&log, "EventLog", &["6005", "6006"]));
    let [.., (ended, "6006", end), (begun, "6005", begin), _] = service.as_slice() else {
        panic!("{event_log}: {service:?}")
    };
    assert!(ended < begun && begun < stop && stop < start);
    assert!(end < stopped && stopped < started && started < begin);
}

#[test]
fn an_unexpected_stop_shows_at_the_next_boot_in_6008_41_and_the_boot_s_own_words() {
    let log = channel("W10", "System.evtx");
    let [(_, _, at)] = of(&log, "EventLog", &["6008"])[..] else {
        panic!()
    };
    assert!(at.starts_with("2024-03-04T17:04:00"));
    let record = log
        .iter()
        .find(|record| system(record, "EventID") == "6008")
        .unwrap();
    // The time in UTC, 2024-03-04 17:02:40, in the second half of the first 32 bytes.
    assert!(field(record, "Binary")[32..].starts_with("E8070300010004001100020028000000"));
    assert_eq!(record.fields[0].text, "12:02:40 PM");
    let boots = log.iter().filter(|record| {
        (system(record, "Provider/Name"), system(record, "EventID"))
            == ("Microsoft-Windows-Kernel-Boot", "20")
    });
    let boots: Vec<(&str, &str)> = boots
        .map(|record| {
            (
                field(record, "LastShutdownGood"),
                field(record, "LastBootId"),
            )
        })
        .collect();
    assert_eq!(boots, [("true", "20"), ("true", "21"), ("false", "22")]);
    assert_eq!(of(&log, "Microsoft-Windows-Kernel-Power", &["41"]).len(), 1);
}

#[test]
fn a_silent_boot_leaves_another_process_of_lsass_and_a_jump_in_the_count() {
    let more = [
        "after = \"1h\"\ndo = \"boot\"\nsilent = true",
        "after = \"1m\"\ndo = \"logon\"\nkind = \"network\"\naccount = \"ann\"\naddress = \"192.0.2.1\"",
        "after = \"1h\"\ndo = \"boot\"",
    ];
    let more: String = more
        .iter()
        .map(|step| format!("\n[[machine.step]]\n{step}\n"))
        .collect();
    let small = SMALL.replace("os =", "channels = [\"all\"]\nos =");
    let logs: BTreeMap<_, _> = synth::expected(&format!("{small}{more}"))
        .unwrap()
        .into_iter()
        .collect();
    let security = &logs[Path::new("HOST/Security.evtx")];
    let logons: Vec<&ExpectedRecord> = security
        .iter()
        .filter(|record| {
            system(record, "EventID") == "4624" && field(record, "TargetUserName") == "ann"
        })
        .collect();
    let [first, second] = logons[..] else {
        panic!()
    };
    let lsass = |record| system(record, "Execution/ProcessID");
    assert!(lsass(first) != lsass(second));
    let starts = security
        .iter()
        .filter(|record| system(record, "EventID") == "4608");
    assert_eq!(starts.count(), 2);
    let log = &logs[Path::new("HOST/System.evtx")];
    let counts: Vec<u32> = log
        .iter()
        .filter(|record| system(record, "EventID") == "20")
        .map(|record| field(record, "LastBootId").parse().unwrap())
        .collect();
    assert_eq!(counts[1] - counts[0], 2);
    assert!(of(log, "EventLog", &["6008"]).is_empty());
}

#[test]
fn logon_ids_go_on_through_fast_startup() {
    let log = channel("W10", "Security.evtx");
    let from = log
        .iter()
        .position(|record| system(record, "EventID") == "4608")
        .unwrap();
    let mut boots = log[from + 1..].split(|record| system(record, "EventID") == "4608");
    let ids: Vec<u64> = boots
        .next()
        .unwrap()
        .iter()
        .filter(|record| {
            system(record, "EventID") == "4624" && field(record, "TargetUserName") == "alice"
        })
        .map(|record| u64::from_str_radix(&field(record, "TargetLogonId")[2..], 16).unwrap())
        .collect();
    assert!(
        ids.len() > 4 && ids.windows(2).all(|pair| pair[0] < pair[1]),
        "{ids:x?}"
    );
    let system = channel("W10", "System.evtx");
    let power = of(&system, "Microsoft-Windows-Kernel-Power", &["42", "107"]);
    assert_eq!(power.len(), 6, "{power:?}");
}

#[test]
fn the_session_manager_tells_a_logoff_before_its_disconnection_and_gives_numbers_out_again() {
    let log = channel("W10", SESSIONS_LOG);
    let provider = "Microsoft-Windows-TerminalServices-LocalSessionManager";
    let told: Vec<String> = of(&log, provider, &["21", "23", "24", "25"])
        .into_iter()
        .map(|(at, id, _)| format!("{id}:{}", field(&log[at], "SessionID")))
        .collect();
    let expected = [
        "21:1", "21:2", "24:2", "25:2", "24:1", "25:1", "23:2", "24:2", "23:1", "21:2", "23:2",
        "24:2", "21:1",
    ];
    assert_eq!(told, expected);
}

/// The ActivityIDs of a log's records, by event.
fn activities(log: &[ExpectedRecord]) -> Vec<(&str, &str)> {
    let of_record = log.iter().map(|record| {
        let activity = system(record, "Correlation/ActivityID");
        (system(record, "EventID"), activity)
    });
    of_record
        .filter(|(_, activity)| !activity.is_empty())
        .collect()
}

#[test]
fn a_connection_has_one_activity_in_every_channel_and_no_two_have_the_same() {
    let log = |name| {
        channel(
            "W11",
            &format!("Microsoft-Windows-{name}%4Operational.evtx"),
        )
    };
    let protocol = log("RemoteDesktopServices-RdpCoreTS");
    let listener = log("TerminalServices-RemoteConnectionManager");
    let sessions = log("TerminalServices-LocalSessionManager");
    let of_event = |log, event: &str| -> Vec<String> {
        let known = activities(log).into_iter();
        known
            .filter(|(id, _)| *id == event)
            .map(|(_, activity)| activity.to_owned())
            .collect()
    };
    let knocks = of_event(&protocol, "131");
    let different: BTreeSet<&String> = knocks.iter().collect();
    assert!(
        knocks.len() > 2 && different.len() == knocks.len(),
        "{knocks:?}"
    );
    // The listener's log was cleared in mid story.
    let accepted = of_event(&listener, "1149");
    assert!(!accepted.is_empty() && accepted.iter().all(|one| knocks.contains(one)));
    let console = "{61a55000-55e5-1017-0000-000000000000}";
    let remote: Vec<String> = of_event(&sessions, "21")
        .into_iter()
        .filter(|activity| activity != console)
        .collect();
    assert!(!remote.is_empty() && remote.iter().all(|one| knocks.contains(one)));
}

#[test]
fn a_takeover_hands_the_client_of_one_session_to_another() {
    let log = channel("W11", "Security.evtx");
    let changes: Vec<&ExpectedRecord> = log
        .iter()
        .filter(|record| matches!(system(record, "EventID"), "4778" | "4779"))
        .collect();
    let [.., left, back] = changes.as_slice() else {
        panic!("{changes:?}")
    };
    assert_eq!(
        (system(left, "EventID"), system(back, "EventID")),
        ("4779", "4778")
    );
    for shared in ["SessionName", "ClientName", "ClientAddress"] {
        assert_eq!(field(left, shared), field(back, shared));
    }
    assert_ne!(field(left, "AccountName"), field(back, "AccountName"));
}

#[test]
fn the_process_of_an_ssh_connection_writes_its_lines() {
    let lines = channel("W11", "OpenSSH%4Operational.evtx");
    let said: Vec<&str> = lines.iter().map(|line| field(line, "payload")).collect();
    assert_eq!(
        said,
        [
            "Accepted password for bob from 203.0.113.45 port 50201 ssh2",
            "Starting session: shell on windows-pty for bob from 203.0.113.45 port 50201 id 0",
            "Failed password for root from 203.0.113.46 port 56605 ssh2",
            "Received disconnect from 203.0.113.45 port 50201:11: disconnected by user",
            "Disconnected from user bob 203.0.113.45 port 50201",
        ]
    );
    let security = channel("W11", "Security.evtx");
    let logon = security
        .iter()
        .find(|record| system(record, "EventID") == "4624" && field(record, "LogonType") == "8");
    let process = u64::from_str_radix(&field(logon.unwrap(), "ProcessId")[2..], 16);
    assert_eq!(system(&lines[0], "Execution/ProcessID").parse(), process);
}

#[test]
fn what_goes_out_and_through_is_told_as_windows_tells_it() {
    let ids = |log: &str| -> Vec<String> {
        let log = channel("W11", log);
        log.iter()
            .map(|record| system(record, "EventID").to_owned())
            .collect()
    };
    let outbound = "Microsoft-Windows-TerminalServices-RDPClient%4Operational.evtx";
    assert_eq!(ids(outbound), ["1024", "1029", "1102"]);
    let gateway = "Microsoft-Windows-TerminalServices-Gateway%4Operational.evtx";
    assert_eq!(ids(gateway), ["200", "302", "303"]);
    let shells = channel("W11", "Microsoft-Windows-WinRM%4Operational.evtx");
    assert_eq!(field(&shells[0], "DataItemName"), "shellId");
    assert!(system(&shells[0], "Security/UserID").starts_with("S-1-5-21-"));
}

#[test]
fn other_channels_change_nothing_in_security() {
    let numbers = |text: &str| {
        let records = synth::expected(text).unwrap();
        let log = records
            .into_iter()
            .find(|(path, _)| path.ends_with("Security.evtx"));
        log.unwrap().1
    };
    let all = SMALL.replace("os =", "channels = [\"all\"]\nos =");
    let stop = "\n[[machine.step]]\nafter = \"1h\"\ndo = \"stop\"\n";
    assert_eq!(
        numbers(&format!("{SMALL}{stop}")),
        numbers(&format!("{all}{stop}"))
    );
}

const SMALL: &str = r#"
[account.ann]
rid = 1001

[[machine]]
name = "HOST"
os = "windows-10"
sid = "S-1-5-21-1-2-3"

[[machine.step]]
at = "2024-03-04T08:00:00Z"
do = "boot"

[[machine.step]]
after = "1m"
do = "logon"
account = "ann"
as = "ann"
"#;

#[test]
fn a_step_can_set_fields_and_drop_records() {
    let staged = format!(
        "{SMALL}fields = {{ IpPort = \"-\", 4624 = {{ IpAddress = \"0.0.0.0\" }} }}\nnull = [\"LmPackageName\"]\n"
    );
    let records = expected_of(&staged);
    let (explicit, logon) = (&records[records.len() - 2], &records[records.len() - 1]);
    assert_eq!(
        (field(explicit, "IpPort"), field(explicit, "IpAddress")),
        ("-", "127.0.0.1")
    );
    assert_eq!(
        (field(logon, "IpPort"), field(logon, "IpAddress")),
        ("-", "0.0.0.0")
    );
    assert!(
        logon
            .fields
            .iter()
            .any(|value| value.name == "LmPackageName" && value.kind == "null")
    );
    let without = expected_of(&format!("{SMALL}without = [4648]\n"));
    assert_eq!(without.len() + 1, records.len());
}

#[test]
fn a_step_starts_at_its_time() {
    let records = expected_of(&SMALL.replace("08:00:00Z", "08:00:00.0000001Z"));
    let logon = &records[records.len() - 1];
    assert_eq!(
        system(logon, "TimeCreated/SystemTime"),
        "2024-03-04T08:01:00.0000001Z"
    );
}

#[test]
fn a_late_logoff_is_written_after_the_stop_with_the_earlier_time() {
    let records = expected_of(&format!(
        "{SMALL}\n[[machine.step]]\nafter = \"1h\"\ndo = \"stop\"\nlate_logoff = true\n"
    ));
    let (stop, logoff) = (&records[records.len() - 2], &records[records.len() - 1]);
    assert_eq!(
        (system(stop, "EventID"), system(logoff, "EventID")),
        ("1100", "4647")
    );
    assert!(logoff.written < stop.written);
}

/// The small scenario with more steps.
fn story(steps: &[&str]) -> Vec<ExpectedRecord> {
    let more: String = steps
        .iter()
        .map(|step| format!("\n[[machine.step]]\n{step}\n"))
        .collect();
    expected_of(&format!("{SMALL}{more}"))
}

fn events(records: &[ExpectedRecord]) -> Vec<&str> {
    records
        .iter()
        .map(|record| system(record, "EventID"))
        .collect()
}

/// What the steps after the logon of [`SMALL`] wrote.
fn after_the_logon(records: &[ExpectedRecord]) -> &[ExpectedRecord] {
    let at = records
        .iter()
        .rposition(|r| field(r, "TargetUserName") == "ann" && system(r, "EventID") == "4624");
    &records[at.unwrap() + 1..]
}

#[test]
fn a_power_loss_swallows_what_was_still_to_come() {
    let logoff = "after = \"1m\"\ndo = \"logoff\"\nsession = \"ann\"\ntoken_after = \"2h\"";
    let whole = story(&[logoff, "after = \"3h\"\ndo = \"stop\""]);
    let cut = story(&[logoff, "after = \"1h\"\ndo = \"power-loss\""]);
    let of_ann = |records: &[ExpectedRecord]| {
        let records = records
            .iter()
            .filter(|record| field(record, "TargetUserName") == "ann");
        records
            .map(|record| system(record, "EventID").to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(of_ann(after_the_logon(&whole)), ["4647", "4634"]);
    assert_eq!(of_ann(after_the_logon(&cut)), ["4647"]);
}

#[test]
fn a_changed_clock_shows_in_the_times_and_not_in_the_order() {
    let records = story(&[
        "after = \"1m\"\ndo = \"clock\"\nto = \"2024-03-04T07:00:00Z\"",
        "after = \"10s\"\ndo = \"lock\"\nsession = \"ann\"",
    ]);
    let [change, lock] = after_the_logon(&records) else {
        panic!("{:?}", events(&records))
    };
    assert_eq!(
        field(change, "PreviousTime"),
        "2024-03-04T08:02:00.0000000Z"
    );
    assert_eq!(field(change, "NewTime"), "2024-03-04T07:00:00.0000000Z");
    assert_eq!(
        system(lock, "TimeCreated/SystemTime"),
        "2024-03-04T07:00:10.0000000Z"
    );
    assert!(change.record_id < lock.record_id);
}

#[test]
fn a_cleared_log_begins_with_1102_and_its_numbers_go_on() {
    let records = story(&["after = \"1m\"\ndo = \"clear-log\"\nby = \"ann\""]);
    assert_eq!(events(&records), ["1102"]);
    assert!(records[0].record_id > 10);
    assert_eq!(records[0].user_data.as_deref(), Some("LogFileCleared"));
}

#[test]
fn lost_records_leave_a_gap_in_the_numbers() {
    let records = story(&[
        "after = \"1m\"\ndo = \"lose\"\nrecords = 25",
        "after = \"1m\"\ndo = \"lock\"\nsession = \"ann\"",
    ]);
    let [.., before, after] = records.as_slice() else {
        panic!()
    };
    assert_eq!(after.record_id - before.record_id, 26);
}

#[test]
fn a_logoff_can_be_told_by_two_records_one_or_none() {
    let told = |how: &str| {
        let records = story(&[&format!(
            "after = \"1m\"\ndo = \"logoff\"\nsession = \"ann\"\n{how}"
        )]);
        let of_ann = after_the_logon(&records)
            .iter()
            .filter(|r| field(r, "TargetUserName") == "ann");
        of_ann
            .map(|record| system(record, "EventID").to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(told(""), ["4647", "4634"]);
    assert_eq!(told("ended = \"token\""), ["4634"]);
    assert_eq!(told("ended = \"silent\""), [""; 0]);
}

#[test]
fn a_reconnection_is_a_logon_of_its_own_and_4778_names_the_old_one() {
    let records = story(&[
        "after = \"1m\"\ndo = \"logon\"\nkind = \"rdp\"\naccount = \"ann\"\nas = \"rdp\"\naddress = \"192.0.2.1\"",
        "after = \"1m\"\ndo = \"disconnect\"\nsession = \"rdp\"",
        "after = \"1m\"\ndo = \"reconnect\"\nsession = \"rdp\"\naddress = \"192.0.2.2\"",
    ]);
    let find = |id: &str, logon_type: &str| {
        let found = records
            .iter()
            .filter(|r| system(r, "EventID") == id && field(r, "LogonType") == logon_type);
        found
            .filter(|r| field(r, "TargetUserName") == "ann")
            .collect::<Vec<_>>()
    };
    let (rdp, unlock, closed) = (find("4624", "10"), find("4624", "7"), find("4634", "7"));
    let back = records
        .iter()
        .find(|record| system(record, "EventID") == "4778")
        .unwrap();
    assert_eq!((rdp.len(), unlock.len()), (1, 1));
    assert_eq!(field(back, "LogonID"), field(rdp[0], "TargetLogonId"));
    assert_eq!(field(back, "ClientAddress"), "192.0.2.2");
    assert_eq!(
        field(closed[0], "TargetLogonId"),
        field(unlock[0], "TargetLogonId")
    );
    // Each connection begins with a network logon, whose 4634 comes with the disconnection.
    assert_eq!((find("4624", "3").len(), find("4634", "3").len()), (2, 1));
}

#[test]
fn a_microsoft_account_has_its_mail_address_at_logon_and_its_own_name_at_logoff() {
    let logs: BTreeMap<_, _> = synth::expected(GENERATIONS).unwrap().into_iter().collect();
    let log = &logs[Path::new("W11/Security.evtx")];
    let named = |id: &str, name: &str| {
        let record = log
            .iter()
            .find(|r| system(r, "EventID") == id && field(r, "TargetUserName") == name);
        let record = record.unwrap_or_else(|| panic!("no {id} of {name}"));
        (
            field(record, "TargetDomainName").to_string(),
            field(record, "TargetUserSid").to_string(),
        )
    };
    let (logon, logoff) = (named("4624", "mia@mail.example"), named("4647", "mia"));
    assert_eq!(
        (logon.0.as_str(), logoff.0.as_str()),
        ("MicrosoftAccount", "W11")
    );
    assert_eq!(logon.1, logoff.1);
}

#[test]
fn a_renamed_machine_keeps_the_sids_of_its_accounts() {
    let text = include_str!("../fixtures/renamed/scenario.toml");
    let records = expected_of(text);
    let mut names: Vec<&str> = records
        .iter()
        .map(|record| system(record, "Computer"))
        .collect();
    names.dedup();
    assert_eq!(
        names,
        [
            "MINT91-7F3A-04",
            "WIN-7Q2KFRTB0LE",
            "DESKTOP-LND4N",
            "PC-LINDEN.corp.example"
        ]
    );
    let of_hana = records
        .iter()
        .filter(|record| field(record, "TargetUserName") == "hana");
    let of_hana = of_hana.filter(|record| field(record, "TargetUserSid").ends_with("-1001"));
    let domains: std::collections::BTreeSet<&str> =
        of_hana.map(|r| field(r, "TargetDomainName")).collect();
    assert_eq!(
        domains.into_iter().collect::<Vec<_>>(),
        ["DESKTOP-LND4N", "PC-LINDEN"]
    );
}

#[test]
fn the_kernel_writes_before_4608_only_from_windows_10_on() {
    let logs: BTreeMap<_, _> = synth::expected(GENERATIONS).unwrap().into_iter().collect();
    for (host, before) in [("W7", 0), ("S12", 0), ("S16", 13), ("W10", 13), ("S25", 13)] {
        let log = &logs[&Path::new(host).join("Security.evtx")];
        let at = log
            .iter()
            .position(|record| system(record, "EventID") == "4608")
            .unwrap();
        assert_eq!(at, before, "{host}");
        assert!(
            log[..at]
                .iter()
                .all(|record| field(record, "SubjectUserName") == "-")
        );
    }
}

#[test]
fn privileges_come_before_a_network_logon_and_after_any_other() {
    let logs: BTreeMap<_, _> = synth::expected(GENERATIONS).unwrap().into_iter().collect();
    for log in logs.values() {
        for (at, record) in log
            .iter()
            .enumerate()
            .filter(|(_, r)| system(r, "EventID") == "4624")
        {
            let id = field(record, "TargetLogonId");
            let place = log
                .iter()
                .position(|r| system(r, "EventID") == "4672" && field(r, "SubjectLogonId") == id);
            if let (Some(place), true) = (place, id.len() > 5) {
                let network = field(record, "LogonType") == "3";
                assert_eq!(place < at, network, "{record:?}");
            }
        }
    }
}

#[test]
fn logon_ids_grow_within_a_boot() {
    let logs: BTreeMap<_, _> = synth::expected(GENERATIONS).unwrap().into_iter().collect();
    let log = &logs[Path::new("S16/Security.evtx")];
    let end = log
        .iter()
        .position(|record| system(record, "EventID") == "1100")
        .unwrap();
    let ids: Vec<u64> = log[..end]
        .iter()
        .filter(|record| system(record, "EventID") == "4624")
        .map(|record| u64::from_str_radix(&field(record, "TargetLogonId")[2..], 16).unwrap())
        .filter(|id| *id > 0x1000)
        .collect();
    // A reconnection's pre-authentication takes its Logon ID before the desktop's.
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:x?}");
}

#[test]
fn a_wrong_scenario_is_told_where_and_what() {
    let step = |text: &str| format!("{SMALL}\n[[machine.step]]\n{text}\n");
    let cases = [
        ("".to_string(), 1, "no [[machine]]"),
        (
            SMALL.replace("windows-10", "windows-95"),
            5,
            "unknown os `windows-95`",
        ),
        (
            SMALL.replace("S-1-5-21-1-2-3", "S-1-5-x"),
            5,
            "is not a SID",
        ),
        (
            SMALL.replace("\"HOST\"", "\"../HOST\""),
            5,
            "cannot be the name of a folder",
        ),
        (SMALL.replace("rid = 1001", ""), 2, "either `sid` or `rid`"),
        (
            SMALL.replace("account = \"ann\"", "account = \"bob\""),
            14,
            "no account `bob`",
        ),
        (
            SMALL.replace("account = \"ann\"", "acount = \"ann\""),
            14,
            "unknown key `acount`",
        ),
        (
            SMALL.replace("do = \"logon\"", "do = \"login\""),
            14,
            "unknown step `login`",
        ),
        (
            SMALL.replace("do = \"boot\"", "do = \"wait\""),
            14,
            "the machine is not running",
        ),
        (
            step("do = \"lock\"\nsession = \"ann\""),
            20,
            "neither `at` nor `after`",
        ),
        (
            step("at = \"07:00\"\ndo = \"lock\"\nsession = \"ann\""),
            20,
            "goes back in time",
        ),
        (
            step("at = \"soon\"\ndo = \"lock\"\nsession = \"ann\""),
            20,
            "is no time",
        ),
        (
            step("after = \"soon\"\ndo = \"lock\"\nsession = \"ann\""),
            20,
            "is no span",
        ),
        (
            step("after = \"1s\"\ndo = \"lock\"\nsession = \"bob\""),
            20,
            "no session `bob`",
        ),
        (
            step("after = \"1s\"\ndo = \"lock\"\nsession = \"ann\"\nwithout = [4624]"),
            20,
            "writes no 4624",
        ),
        (
            step("after = \"1s\"\ndo = \"lock\"\nsession = \"ann\"\nfields = { X = 1 }"),
            20,
            "has a field `X`",
        ),
        (
            step(
                "after = \"1s\"\ndo = \"lock\"\nsession = \"ann\"\nfields = { SessionId = \"x\" }",
            ),
            20,
            "`x` is not a 32-bit number",
        ),
        (
            step("after = \"1s\"\ndo = \"record\"\nevent = 9999"),
            20,
            "give provider and data",
        ),
        (
            step(
                "after = \"1s\"\ndo = \"stop\"\n\n[[machine.step]]\nafter = \"1s\"\ndo = \"lock\"\nsession = \"ann\"",
            ),
            24,
            "no session `ann` in this boot",
        ),
        ("title = \n".to_string(), 1, ""),
        (
            SMALL.replace("os =", "channels = [\"Sysmon\"]\nos ="),
            5,
            "unknown channel `Sysmon`",
        ),
        (
            SMALL.replace("os =", "time_zone = \"CET\"\nos ="),
            5,
            "is not written like",
        ),
        (step("after = \"1s\"\ndo = \"wake\""), 20, "does not sleep"),
        (
            step("after = \"1s\"\ndo = \"stop\"\naction = \"explode\""),
            20,
            "action is restart",
        ),
        (
            format!("{SMALL}\n[[damage]]\nlog = \"HOST/Security.evtx\"\nwhat = \"slack\"\n"),
            20,
            "`record` is missing",
        ),
        (
            format!("{SMALL}\n[[damage]]\nlog = \"HOST/System.evtx\"\nwhat = \"torn\"\n"),
            20,
            "writes no log of this path",
        ),
        (
            format!(
                "{SMALL}\n[[damage]]\nlog = \"HOST/Security.evtx\"\nwhat = \"torn\"\nchunk = 9\n"
            ),
            20,
            "has no chunk 9",
        ),
        (
            format!("{SMALL}\n[[copy]]\nlog = \"HOST/Security.evtx\"\nfile = \"../x.evtx\"\n"),
            20,
            "cannot be the name",
        ),
    ];
    for (scenario, line, what) in cases {
        let fault = synth::render(&scenario).expect_err(what);
        assert!(
            fault.to_string().contains(what),
            "{fault} does not say: {what}"
        );
        assert_eq!(fault.line, line, "{fault}");
    }
}

#[test]
fn a_record_larger_than_a_chunk_is_refused() {
    let long = "x".repeat(40_000);
    let scenario = SMALL.replace(
        "as = \"ann\"",
        &format!("as = \"ann\"\nfields = {{ WorkstationName = \"{long}\" }}"),
    );
    assert!(
        synth::render(&scenario)
            .unwrap_err()
            .to_string()
            .contains("larger than a chunk")
    );
}

#[test]
fn names_at_the_limits_are_written_as_they_are() {
    let long = "n".repeat(12_000);
    for name in [
        "",
        " ",
        "a\\u0000b",
        "\\u202Eevil",
        "=1+1",
        "🦉",
        long.as_str(),
    ] {
        let scenario = SMALL.replace("rid = 1001", &format!("rid = 1001\nname = \"{name}\""));
        let records = expected_of(&scenario);
        let (_, bytes) = synth::render(&scenario).unwrap().remove(0);
        let name = name.replace("\\u0000", "\0").replace("\\u202E", "\u{202E}");
        assert_eq!(field(&records[records.len() - 1], "TargetUserName"), name);
        let stored: Vec<u8> = name
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .chain([0, 0])
            .collect();
        assert!(bytes.windows(stored.len()).any(|window| window == stored));
    }
}

#[test]
fn a_log_that_was_cleared_of_everything_is_still_a_log() {
    let scenario = SMALL.replace("do = \"boot\"", "do = \"clear-log\"\nchannel = \"System\"");
    let scenario = scenario.split("[[machine.step]]\nafter").next().unwrap();
    let (path, bytes) = synth::render(scenario).unwrap().remove(0);
    assert_eq!(
        (path.as_path(), bytes.len()),
        (Path::new("HOST/System.evtx"), 4096 + 0x1_0000)
    );
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("System.evtx");
    std::fs::write(&log, &bytes).unwrap();
    for reader in [Reader::EvtxCrate, Reader::Libevtx, Reader::PythonEvtx] {
        assert!(reader.read(&log, &bytes).is_empty());
    }
}

#[test]
fn extreme_numbers_are_refused_or_written_but_never_overflow() {
    let logon = |text: &str| SMALL.replace("as = \"ann\"", text);
    for text in [
        "count = 1000001",
        "count = 3\nevery = \"400d\"\nlinked_id = 1",
        "port = -1",
    ] {
        let scenario =
            logon(text).replace("account = \"ann\"", "kind = \"network\"\naccount = \"ann\"");
        assert!(synth::render(&scenario).is_err(), "{text}");
    }
    for text in ["logon_id = \"0xffffffffffffffff\"", "session = 4294967295"] {
        let more = "\n[[machine.step]]\nafter = \"1s\"\ndo = \"logon\"\naccount = \"ann\"\n";
        synth::render(&(logon(text) + more)).unwrap();
    }
    let later = "\n[[machine.step]]\nafter = \"146000d\"\ndo = \"wait\"\n".repeat(22);
    let fault = synth::render(&(SMALL.to_string() + &later)).unwrap_err();
    assert!(fault.what.contains("9999"), "{fault}");
    let lsass = SMALL.replace(
        "do = \"boot\"",
        "do = \"boot\"\nlsass = 4294967295\nlogon_ids_from = \"0xffffffffffffffff\"",
    );
    synth::render(&lsass).unwrap();
}

#[test]
fn files_are_written_under_the_folder_and_replace_older_ones() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("scenario.toml");
    std::fs::write(&scenario, SMALL).unwrap();
    let out = folder.path().join("out");
    for _ in 0..2 {
        let paths = synth::run(&scenario, &out).unwrap();
        assert_eq!(paths, [out.join("HOST/Security.evtx")]);
        assert_eq!(
            std::fs::read(&paths[0]).unwrap(),
            synth::render(SMALL).unwrap()[0].1
        );
    }
    let missing = synth::run(&folder.path().join("none.toml"), &out).unwrap_err();
    assert!(missing.to_string().contains("none.toml"));
}
