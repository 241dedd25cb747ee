//! Big logs made of small ones: `synth --tile`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use winsessions::analysis::{Analysis, Options, analyse};
use winsessions::log::Decoding;
use winsessions::synth::{self, TileError, Tiled};

const COPIES: u32 = 5;

/// Two boots that are whole, in several chunks.
const STORY: &str = r#"
    [account.ann]
    rid = 1001
    admin = true

    [account.bob]
    rid = 1002

    [[machine]]
    name = "SRV-OAK"
    os = "server-2019"
    sid = "S-1-5-21-11-12-13"
    log = [{ channel = "Security", first_record = 701, chunk_records = 20 }]

    [[machine.step]]
    at = "2024-05-06T07:55:00Z"
    do = "boot"

    [[machine.step]]
    at = "08:00:00.1234567"
    do = "logon"
    kind = "console"
    account = "ann"
    as = "ann"

    [[machine.step]]
    at = "08:30:00"
    do = "logon"
    kind = "network"
    account = "bob"
    address = "192.0.2.9"
    count = 30
    every = "20s"
    ends_after = "5s"

    [[machine.step]]
    at = "17:00:00"
    do = "stop"

    [[machine.step]]
    at = "2024-05-07T07:55:00Z"
    do = "boot"

    [[machine.step]]
    at = "08:00:00"
    do = "logon"
    kind = "rdp"
    account = "ann"
    address = "192.0.2.7"

    [[machine.step]]
    at = "09:00:00"
    do = "stop"
"#;

struct Logs {
    folder: tempfile::TempDir,
    source: PathBuf,
}

impl Logs {
    /// The first log that a scenario makes, as it is or changed.
    fn of(scenario: &str, change: impl FnOnce(&mut Vec<u8>)) -> Logs {
        let (_, mut bytes) = synth::render(scenario).unwrap().remove(0);
        change(&mut bytes);
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("source.evtx");
        std::fs::write(&source, bytes).unwrap();
        Logs { folder, source }
    }

    fn tile(&self, copies: u32) -> (PathBuf, Tiled) {
        let target = self.folder.path().join("tiled.evtx");
        let mut file = std::fs::File::create(&target).unwrap();
        let tiled = synth::tile(&self.source, copies, &mut file).unwrap();
        (target, tiled)
    }
}

fn analysed(log: &Path, decoding: Decoding) -> Analysis {
    let options = Options {
        decoding,
        ..Options::default()
    };
    analyse(&[log.to_owned()], options).unwrap()
}

/// What the evtx crate reads: number and written time of each record's header, EventRecordID, TimeCreated.
fn read_by_evtx(log: &Path) -> Vec<(u64, i128, u64, String)> {
    let settings = evtx::ParserSettings::default().validate_checksums(true);
    let parser = evtx::EvtxParser::from_path(log).unwrap();
    let mut parser = parser.with_configuration(settings);
    let records = parser.records_json_value().map(|record| {
        let record = record.unwrap();
        let system = &record.data["Event"]["System"];
        let time = &system["TimeCreated"]["#attributes"]["SystemTime"];
        (
            record.event_record_id,
            record.timestamp.as_nanosecond(),
            system["EventRecordID"].as_u64().unwrap(),
            time.as_str().unwrap().to_owned(),
        )
    });
    records.collect()
}

/// Makes the checksums of a chunk match what it holds.
fn seal(chunk: &mut [u8]) {
    let end = u32::from_le_bytes(chunk[48..52].try_into().unwrap()) as usize;
    let records = crc32fast::hash(&chunk[512..end]);
    chunk[52..56].copy_from_slice(&records.to_le_bytes());
    let mut header = crc32fast::Hasher::new();
    header.update(&chunk[..120]);
    header.update(&chunk[128..512]);
    chunk[124..128].copy_from_slice(&header.finalize().to_le_bytes());
}

fn seconds(time: &str) -> f64 {
    let time = chrono::DateTime::parse_from_rfc3339(time).unwrap();
    time.timestamp_micros() as f64 / 1e6
}

#[test]
fn numbers_and_times_go_on_from_copy_to_copy_in_headers_and_in_system() {
    let logs = Logs::of(STORY, |_| {});
    let one = read_by_evtx(&logs.source);
    let (tiled, account) = logs.tile(COPIES);
    let all = read_by_evtx(&tiled);
    assert_eq!(account.records as usize, one.len());
    assert!(account.chunks > 3, "{account:?}");
    assert_eq!((account.unmoved, account.damaged_chunks), (0, 0));
    assert_eq!(all.len(), COPIES as usize * one.len());
    for ((number, _, record_id, _), wanted) in all.iter().zip(701..) {
        assert_eq!((*number, *record_id), (wanted, wanted));
    }
    // The copies are the source's span and an hour apart, in headers and in System alike.
    let (first, last) = (&one[0], &one[one.len() - 1]);
    let span = seconds(&last.3) - seconds(&first.3) + 3600.0;
    for (copy, records) in all.chunks(one.len()).enumerate() {
        for (record, source) in records.iter().zip(&one) {
            let by = copy as f64 * span;
            assert!((seconds(&record.3) - seconds(&source.3) - by).abs() < 1e-3);
            assert!(((record.1 - source.1) as f64 / 1e9 - by).abs() < 1e-3);
        }
    }
}

#[test]
fn a_log_of_whole_boots_has_as_many_times_the_sessions_and_both_decoders_see_them() {
    let logs = Logs::of(STORY, |_| {});
    let one = analysed(&logs.source, Decoding::Plans);
    let (tiled, _) = logs.tile(COPIES);
    let all = analysed(&tiled, Decoding::Plans);
    let told = |analysis: &Analysis| {
        let mut told: BTreeMap<String, usize> = BTreeMap::new();
        for session in &analysis.sessions {
            let lasted = session
                .start
                .time
                .zip(session.end.time())
                .map(|(start, end)| end.filetime() - start.filetime());
            let what = format!(
                "{:?} {:?} {} {:?} {lasted:?}",
                session.account.name, session.logon_id, session.kind, session.end.reason
            );
            *told.entry(what).or_default() += 1;
        }
        told
    };
    assert!(one.sessions.len() > 30);
    let wanted = told(&one).into_iter();
    let wanted: BTreeMap<_, _> = wanted.map(|(k, n)| (k, n * COPIES as usize)).collect();
    assert_eq!(told(&all), wanted);

    let account = &all.logs[0].account;
    assert_eq!(account.read, one.logs[0].account.read * u64::from(COPIES));
    assert!(!all.is_partial() && !account.dirty);
    let [coverage] = &all.coverage[..] else {
        panic!("one channel of one machine")
    };
    assert_eq!((coverage.duplicates, coverage.gaps.len()), (0, 0));

    let by_evtx = analysed(&tiled, Decoding::Evtx);
    assert_eq!(all.sessions, by_evtx.sessions);
    assert_eq!(all.events, by_evtx.events);
}

#[test]
fn one_copy_of_a_circular_log_is_the_log_in_order() {
    let circular = STORY.replace("chunk_records = 20", "chunk_records = 20, max_chunks = 3");
    let logs = Logs::of(&circular, |_| {});
    let mut records = read_by_evtx(&logs.source);
    let first = |log: &Path| std::fs::read(log).unwrap()[4096 + 8..4096 + 16].to_vec();
    assert_ne!(first(&logs.source), 801_u64.to_le_bytes(), "it has wrapped");
    let (tiled, _) = logs.tile(1);
    records.sort();
    assert_eq!(read_by_evtx(&tiled), records);
    assert_eq!(first(&tiled), 801_u64.to_le_bytes());
}

#[test]
fn what_is_behind_the_records_is_not_copied() {
    let slack = format!(
        "{STORY}\n[[damage]]\nlog = \"SRV-OAK/Security.evtx\"\nwhat = \"slack\"\nrecord = 701\n"
    );
    let count = |bytes: &[u8]| bytes.windows(4).filter(|four| four == b"**\0\0").count();
    let logs = Logs::of(&slack, |_| {});
    let (tiled, account) = logs.tile(1);
    let records = account.records as usize;
    assert_eq!(count(&std::fs::read(&logs.source).unwrap()), records + 1);
    assert_eq!(count(&std::fs::read(tiled).unwrap()), records);
}

#[test]
fn records_without_templates_are_counted_as_not_moved() {
    let collected =
        format!("{STORY}\n[[collector]]\nname = \"A-COLLECTOR\"\nfrom = [\"SRV-OAK\"]\n");
    let logs = Logs::of(&collected, |_| {});
    let (_, account) = logs.tile(2);
    assert!(account.records > 50);
    assert_eq!(account.unmoved, account.records);
    let target = logs.folder.path().join("big.evtx");
    let [source, target] = [&logs.source, &target].map(|path| path.to_str().unwrap());
    let output = winsessions(&["synth", "--tile", "2", source, target]);
    assert_eq!(output.status.code(), Some(3));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("taken as a duplicate"), "{told}");
    let coverage = &analysed(Path::new(target), Decoding::Plans).coverage[0];
    assert_eq!(coverage.records, account.records);
    assert_eq!(coverage.duplicates, account.records);
}

#[test]
fn damaged_chunks_are_left_out_and_counted_and_unused_ones_are_nothing() {
    let logs = Logs::of(STORY, |bytes| {
        bytes[4096 + 65536 + 600] ^= 1;
        bytes.resize(bytes.len() + 65536, 0);
        bytes.extend([7; 100]);
    });
    let whole = Logs::of(STORY, |_| {}).tile(1).1;
    let (tiled, account) = logs.tile(2);
    assert_eq!(account.chunks, whole.chunks - 1);
    assert_eq!(account.records, whole.records - 20);
    assert_eq!(account.damaged_chunks, 2, "the changed one and the rest");
    assert_eq!(read_by_evtx(&tiled).len() as u64, 2 * account.records);
}

#[test]
fn a_chunk_that_says_it_has_no_checksums_is_copied() {
    let without_checksums = |flags: u8| {
        Logs::of(STORY, |bytes| {
            let chunk = &mut bytes[4096..4096 + 65536];
            chunk[120] = flags;
            chunk[52..56].fill(0);
            chunk[124..128].fill(0);
        })
    };
    let whole = Logs::of(STORY, |_| {}).tile(2).1;
    let logs = without_checksums(5);
    let (tiled, account) = logs.tile(2);
    assert_eq!(account, whole);
    assert_eq!(read_by_evtx(&tiled).len() as u64, 2 * whole.records);
    let (_, account) = without_checksums(1).tile(2);
    assert_eq!(
        (account.chunks, account.damaged_chunks),
        (whole.chunks - 1, 1)
    );
}

/// The first record's time is changed in its header, then in System.
#[test]
fn a_time_that_no_event_can_have_stays_and_does_not_drive_the_copies_apart() {
    let number =
        |bytes: &[u8], at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let written = |log: &[u8]| -> Vec<u64> {
        let headers = log.windows(4).enumerate().filter(|(_, w)| w == b"**\0\0");
        headers.map(|(at, _)| number(log, at + 16)).collect()
    };
    let whole = std::fs::read(Logs::of(STORY, |_| {}).tile(2).0).unwrap();
    let one = (whole.len() - 4096) / 2;
    let header = 4096 + 512 + 16;
    let own = number(&whole, header).to_le_bytes();
    let behind = whole[header + 8..].windows(8).position(|w| w == own);
    let in_system = header + 8 + behind.unwrap();
    for time in [0, 2_650_467_744_000_000_000, u64::MAX] {
        for at in [header, in_system] {
            let logs = Logs::of(STORY, |bytes| {
                bytes[at..at + 8].copy_from_slice(&time.to_le_bytes());
                seal(&mut bytes[4096..4096 + 65536]);
            });
            let (tiled, account) = logs.tile(2);
            let tiled = std::fs::read(tiled).unwrap();
            assert_eq!(account.unmoved, 1, "{time}");
            assert_eq!([at, at + one].map(|at| number(&tiled, at)), [time, time]);
            let mut wanted = whole.clone();
            for at in [at, at + one] {
                wanted[at..at + 8].copy_from_slice(&time.to_le_bytes());
            }
            assert_eq!(written(&tiled), written(&wanted), "{time} at {at}");
        }
    }
}

/// Each record of the second kind names another definition of 48 KB, which all lie over each other.
#[test]
fn of_definitions_that_overlap_a_few_are_looked_at() {
    const RECORDS: usize = 100;
    let name = |at: usize, name: &str| {
        let units = name.encode_utf16().flat_map(u16::to_le_bytes);
        let mut bytes = (at as u32).to_le_bytes().to_vec();
        bytes.extend([0; 6]);
        bytes.extend((name.len() as u16).to_le_bytes());
        bytes.extend(units);
        bytes.extend([0; 2]);
        bytes
    };
    let record = |number: u64, content: &[u8]| {
        let size = (content.len() as u32 + 28).to_le_bytes();
        let time = 133_000_000_000_000_000_u64.to_le_bytes();
        [
            b"**\0\0",
            &size[..],
            &number.to_le_bytes(),
            &time,
            content,
            &size,
        ]
        .concat()
    };
    let mut chunk = [&b"ElfChnk\0"[..], &[0; 504]].concat();
    // Wherever a definition begins among these, its size is 0xc00f, and fragments follow.
    let first = chunk.len() + 24;
    let mut over = [0x0f, 0xc0, 0, 0].repeat(RECORDS + 6);
    for (element, value) in [
        ("Event", None),
        ("System", None),
        ("EventRecordID", Some(0)),
        ("TimeCreated", None),
    ] {
        over.extend([0x01, 0, 0, 0, 0, 0, 0]);
        over.extend(name(first + over.len() + 4, element));
        match value {
            Some(value) => over.extend([0x02, 0x0d, value, 0, 0x0a, 0x04]),
            None if element == "TimeCreated" => {
                over.push(0x06);
                over.extend(name(first + over.len() + 4, "SystemTime"));
                over.extend([0x0d, 1, 0, 0x11, 0x03]);
            }
            None => over.push(0x02),
        }
    }
    over.extend([0x04, 0x04, 0]);
    chunk.extend(record(1, &over));
    for number in 0..RECORDS {
        let definition = (first + 4 * number) as u32;
        let mut content = vec![0x0f, 1, 1, 0, 0x0c, 1, 0, 0, 0, 0];
        content.extend(definition.to_le_bytes());
        content.extend([2, 0, 0, 0, 8, 0, 0x0a, 0, 8, 0, 0x11, 0]);
        content.extend((number as u64 + 2).to_le_bytes());
        content.extend(133_000_000_000_000_000_u64.to_le_bytes());
        chunk.extend(record(number as u64 + 2, &content));
    }
    let end = (chunk.len() as u32).to_le_bytes();
    chunk[48..52].copy_from_slice(&end);
    chunk.resize(65536, 0);
    seal(&mut chunk);
    let logs = Logs::of(STORY, |bytes| {
        bytes.truncate(4096);
        bytes.extend(chunk);
    });
    let (_, account) = logs.tile(2);
    let moved = account.records - account.unmoved;
    assert_eq!((account.chunks, account.records), (1, RECORDS as u64 + 1));
    assert_eq!(moved, 4 * 65536 / 0xc00f, "{account:?}");
}

#[test]
fn what_is_no_log_or_would_not_fit_is_refused() {
    let logs = Logs::of(STORY, |_| {});
    let tile = |bytes: &[u8], copies| {
        let log = logs.folder.path().join("other.evtx");
        std::fs::write(&log, bytes).unwrap();
        let mut out = Vec::new();
        let refused = synth::tile(&log, copies, &mut out).unwrap_err();
        assert!(out.is_empty());
        refused
    };
    let log = std::fs::read(&logs.source).unwrap();
    for bytes in [&b""[..], b"ElfFile\0", &[1; 70_000], &log[..4096]] {
        assert!(matches!(tile(bytes, 1), TileError::Nothing { .. }));
    }
    assert!(matches!(
        tile(&log, u32::MAX),
        TileError::TooMany {
            copies: u32::MAX,
            ..
        }
    ));
}

/// Checksums that match prove nothing: whatever a record says of itself, it is copied or counted.
#[test]
fn no_number_in_a_chunk_makes_it_panic() {
    let log = Logs::of(STORY, |bytes| bytes.truncate(4096 + 65536));
    let sound = std::fs::read(&log.source).unwrap();
    let used = 4096 + 512..4096 + 512 + 6000;
    for at in used.step_by(7) {
        for number in [0, 0xfff0, u32::MAX] {
            let mut bytes = sound.clone();
            bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
            seal(&mut bytes[4096..]);
            std::fs::write(&log.source, &bytes).unwrap();
            let mut out = Vec::new();
            match synth::tile(&log.source, 2, &mut out) {
                Ok(tiled) => assert_eq!((tiled.chunks, out.len()), (1, 4096 + 2 * 65536)),
                Err(error) => assert!(
                    matches!(error, TileError::Nothing { .. } | TileError::TooMany { .. }),
                    "{at}: {error}"
                ),
            }
        }
    }
}

#[test]
fn the_help_says_how_to_call_it_both_ways_and_what_its_statuses_mean() {
    let help = String::from_utf8(winsessions(&["synth", "--help"]).stdout).unwrap();
    assert!(help.contains("synth <SCENARIO> <FOLDER>\n"), "{help}");
    assert!(
        help.contains("synth --tile <COPIES> <LOG> <TO>\n"),
        "{help}"
    );
    let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("Exit status 3 of --tile"), "{help}");
}

fn winsessions(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_winsessions"))
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn the_program_writes_the_log_whole_or_not_at_all_and_never_over_its_source() {
    let logs = Logs::of(STORY, |_| {});
    let (expected, _) = logs.tile(COPIES);
    let source = logs.source.to_str().unwrap();
    let target = logs.folder.path().join("big.evtx");
    let target = target.to_str().unwrap();
    let copies = COPIES.to_string();
    let status = |arguments: &[&str]| winsessions(arguments).status.code();
    let tile = |source, target| status(&["synth", "--tile", &copies, source, target]);

    assert_eq!(tile("Cargo.toml", target), Some(4));
    let too_many = ["synth", "--tile", "4000000000", source, target];
    assert_eq!(status(&too_many), Some(2));
    assert_eq!(status(&["synth", "--tile", "0", source, target]), Some(2));
    assert!(!Path::new(target).exists());

    let before = std::fs::read(source).unwrap();
    assert_eq!(tile(source, source), Some(2));
    assert_eq!(std::fs::read(source).unwrap(), before);

    assert_eq!(tile(source, target), Some(0));
    assert!(std::fs::read(target).unwrap() == std::fs::read(&expected).unwrap());

    std::fs::write(source, [&before[..], &[7; 100]].concat()).unwrap();
    let partial = winsessions(&["synth", "--tile", &copies, source, target]);
    assert_eq!(partial.status.code(), Some(3));
    let told = String::from_utf8(partial.stderr).unwrap();
    assert!(told.contains(" 8 of 9 chunks"), "{told}");
}
