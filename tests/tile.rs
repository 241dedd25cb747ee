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
            let chunk = &mut bytes[4096..];
            let end = u32::from_le_bytes(chunk[48..52].try_into().unwrap()) as usize;
            let records = crc32fast::hash(&chunk[512..end]);
            chunk[52..56].copy_from_slice(&records.to_le_bytes());
            let mut header = crc32fast::Hasher::new();
            header.update(&chunk[..120]);
            header.update(&chunk[128..512]);
            chunk[124..128].copy_from_slice(&header.finalize().to_le_bytes());
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
