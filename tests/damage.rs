//! What damaged and hostile logs do: each kind has its own message, the rest is read, and the account adds up.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use winsessions::damage::DamageKind;
use winsessions::evidence::Content;
use winsessions::log::{self, Account, Decoding, Reader};

const HEADER: usize = 4096;
const CHUNK: usize = 65536;

fn fixture() -> Vec<u8> {
    fs::read(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fixtures/server/evidence/SRV-BIRCH/Security.evtx"),
    )
    .unwrap()
}

/// A log of 40 chunks, more than one block.
fn long_log() -> Vec<u8> {
    let log = fixture();
    let (header, chunks) = log.split_at(HEADER);
    let chunk = &chunks[..CHUNK];
    header
        .iter()
        .chain(chunk.iter().cycle().take(40 * CHUNK))
        .copied()
        .collect()
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

/// Reads a log: its account, and the record numbers in it.
fn read(bytes: &[u8]) -> (Account, Vec<u64>) {
    read_by(Decoding::default(), bytes)
}

fn read_by(decoding: Decoding, bytes: &[u8]) -> (Account, Vec<u64>) {
    let content = Content::Memory(bytes.to_vec());
    let (mut account, mut records) = (Account::default(), Vec::new());
    let mut reader = Reader::new(decoding);
    for block in log::blocks(bytes.len() as u64) {
        account.add(reader.read(&content, block, &mut |record| records.push(record.number)));
    }
    assert_eq!(
        account.claimed + account.unclaimed,
        account.read + account.damaged
    );
    assert_eq!(account.read, records.len() as u64);
    assert!(
        account.damaged == 0 || !account.damage.is_empty(),
        "damage without a place"
    );
    (account, records)
}

fn kinds(account: &Account) -> Vec<DamageKind> {
    account.damage.iter().map(|damage| damage.kind).collect()
}

/// Where each record of a chunk starts.
fn record_offsets(log: &[u8], chunk: usize) -> Vec<usize> {
    let start = HEADER + chunk * CHUNK;
    let mut offsets = Vec::new();
    let mut at = start + 512;
    while log[at..].starts_with(b"**\0\0") {
        offsets.push(at);
        at += u32::from_le_bytes(log[at + 4..at + 8].try_into().unwrap()) as usize;
    }
    offsets
}

#[test]
fn a_sound_log_has_no_damage_however_many_blocks_it_takes() {
    let (account, records) = read(&fixture());
    assert!(account.damage.is_empty() && account.damaged == 0 && !records.is_empty());
    let (long, long_records) = read(&long_log());
    let in_chunk = record_offsets(&fixture(), 0).len();
    assert_eq!((long.chunks, long_records.len()), (40, 40 * in_chunk));
    assert!(long.damage.is_empty());
}

#[test]
fn a_log_cut_anywhere_loses_only_what_lies_behind_the_cut() {
    let log = fixture();
    let offsets = record_offsets(&log, 0);
    for cut in (0..HEADER + CHUNK).step_by(977) {
        let (account, records) = read(&log[..cut]);
        // Each record ends where the next begins.
        let whole = offsets.iter().skip(1).filter(|&&end| end <= cut).count();
        assert!(
            records.len() >= whole,
            "cut at {cut}: {} of {whole} records",
            records.len()
        );
        let expected = if cut < HEADER {
            DamageKind::FileHeader
        } else if cut == HEADER {
            DamageKind::MissingChunks
        } else if cut < HEADER + 8 {
            DamageKind::TrailingBytes
        } else {
            DamageKind::CutChunk
        };
        assert!(
            kinds(&account).contains(&expected),
            "cut at {cut}: {:?}",
            account.damage
        );
    }
}

#[test]
fn chunks_that_the_file_header_claims_and_that_are_not_there_are_told() {
    let claiming = |chunks: u16| {
        let mut log = long_log();
        log[42..44].copy_from_slice(&chunks.to_le_bytes());
        let sum = crc32fast::hash(&log[..120]).to_le_bytes();
        log[124..128].copy_from_slice(&sum);
        log
    };
    let all = read(&claiming(40));
    assert!(all.0.damage.is_empty());
    // Of a log that is still written to, the header may say less.
    assert_eq!(read(&claiming(39)), all);
    let cut = &claiming(40)[..HEADER + 30 * CHUNK];
    let (account, records) = read(cut);
    assert_eq!(kinds(&account), [DamageKind::MissingChunks]);
    let damage = account.damage[0].to_string();
    let expected = format!(
        "offset {:#x}: the file header claims 40 chunks, 30 are there",
        cut.len()
    );
    assert_eq!(damage, expected);
    assert_eq!(records, all.1[..records.len()]);
    assert_eq!(account.chunks, 30);
    // A claim that no checksum supports is not believed.
    let mut wrong = claiming(41);
    wrong[124] ^= 1;
    assert_eq!(kinds(&read(&wrong).0), [DamageKind::FileHeader]);
}

#[test]
fn a_bad_chunk_magic_costs_that_chunk_and_says_where_it_is() {
    let mut log = long_log();
    log[HEADER + 3 * CHUNK] = b'X';
    let (account, records) = read(&log);
    assert_eq!(
        (account.chunks, records.len()),
        (39, 39 * record_offsets(&fixture(), 0).len())
    );
    assert_eq!(kinds(&account), [DamageKind::ChunkMagic]);
    assert_eq!(account.damage[0].location.chunk, Some(3));
    assert_eq!(
        account.damage[0].location.offset,
        Some((HEADER + 3 * CHUNK) as u64)
    );
}

#[test]
fn a_bad_checksum_is_reported_and_what_parses_is_read() {
    let sound = read(&fixture()).1;
    // Unused bytes of the chunk header; the stored checksum over the records; the file header's checksum.
    for (offset, kind) in [
        (HEADER + 60, DamageKind::ChunkHeader),
        (HEADER + 52, DamageKind::ChunkData),
        (100, DamageKind::FileHeader),
    ] {
        let mut log = fixture();
        log[offset] ^= 0x55;
        let (account, records) = read(&log);
        assert!(
            kinds(&account).contains(&kind),
            "offset {offset}: {:?}",
            account.damage
        );
        assert_eq!(records, sound, "offset {offset}");
        assert!(account.bad_checksums >= 1 && account.damaged == 0);
    }
}

#[test]
fn a_record_that_does_not_parse_costs_itself_alone() {
    let sound = read(&fixture()).1;
    let offsets = record_offsets(&fixture(), 0);
    // Its magic; the first token of its content.
    for at in [0, 24] {
        let mut log = fixture();
        log[offsets[20] + at] = 0xEE;
        let (account, records) = read(&log);
        assert_eq!(account.damaged, 1, "{:?}", account.damage);
        let lost: Vec<u64> = sound
            .iter()
            .filter(|record| !records.contains(record))
            .copied()
            .collect();
        assert_eq!(lost, [sound[20]]);
        let damage = account
            .damage
            .iter()
            .find(|damage| damage.kind == DamageKind::Record)
            .unwrap();
        assert_eq!(damage.location.chunk, Some(0));
        assert!(damage.location.offset.is_some());
    }
}

#[test]
fn a_record_whose_two_sizes_disagree_is_torn_and_not_believed() {
    let sound = read(&fixture()).1;
    let offsets = record_offsets(&fixture(), 0);
    for decoding in [Decoding::Plans, Decoding::Evtx] {
        let mut log = fixture();
        // What a write that was cut short leaves: the end is what was there before.
        log[offsets[21] - 4..offsets[21]].fill(0);
        let (account, records) = read_by(decoding, &log);
        assert_eq!(account.damaged, 1, "{:?}", account.damage);
        assert!(!records.contains(&sound[20]) && records.len() + 1 == sound.len());
        let torn = account.damage.iter().find(|d| d.message.contains("torn"));
        let at = torn.unwrap().location;
        assert_eq!(
            (at.offset, at.record),
            (Some(offsets[20] as u64), Some(sound[20]))
        );
    }
}

#[test]
fn claims_that_no_chunk_can_hold_are_not_believed() {
    for last in [u64::MAX - 1, 1 << 40, 0] {
        let mut log = fixture();
        log[HEADER + 16..HEADER + 24].copy_from_slice(&last.to_le_bytes());
        let (account, records) = read(&log);
        assert!(
            !records.is_empty() && account.claimed < 10_000,
            "last {last}: {account:?}"
        );
        assert!(kinds(&account).contains(&DamageKind::ChunkHeader));
    }
}

#[test]
fn whatever_bytes_change_nothing_panics_and_the_account_adds_up() {
    let sound = fixture();
    let mut state = 0x1234_5678_9abc_def1_u64;
    let mut next = || {
        // xorshift64: the same bytes in every run.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let most = read(&sound).1.len();
    for _ in 0..400 {
        let mut log = sound.clone();
        for _ in 0..1 + next() % 16 {
            let at = HEADER + (next() as usize) % (log.len() - HEADER);
            log[at] = next() as u8;
        }
        let (_, records) = read(&log);
        assert!(records.len() <= most + 1, "damage made records");
    }
}

#[test]
fn a_log_that_cannot_be_read_is_damage_and_no_panic() {
    let gone = Content::File("/nowhere/Security.evtx".into());
    let account = Reader::default().read(&gone, log::blocks(70_000).next().unwrap(), &mut |_| {
        panic!("no record")
    });
    assert_eq!(kinds(&account), [DamageKind::Unreadable]);
    let short = Content::Memory(fixture()[..HEADER + 1000].to_vec());
    let account = Reader::default().read(
        &short,
        log::blocks((HEADER + 2 * CHUNK) as u64).next().unwrap(),
        &mut |_| (),
    );
    assert!(
        kinds(&account).contains(&DamageKind::Unreadable),
        "it became shorter while it was read: {:?}",
        account.damage
    );
}

#[test]
fn each_kind_of_bad_input_has_its_own_message_and_the_rest_is_done() {
    let folder = Folder::new();
    folder.write("good.evtx", &fixture());
    let mut bad_magic = fixture();
    bad_magic[HEADER] = b'X';
    let mut bad_checksum = fixture();
    bad_checksum[HEADER + 52] ^= 1;
    let mut bad_record = fixture();
    bad_record[record_offsets(&fixture(), 0)[3]] = b'X';
    let cases: [(&str, &[u8], &str); 6] = [
        ("empty.evtx", b"", "the file is empty"),
        (
            "photo.evtx",
            b"\x89PNG\r\n",
            "not an event log: it starts with",
        ),
        (
            "cut.evtx",
            &fixture()[..HEADER + CHUNK / 2],
            "chunk 0, offset 0x1000: the file ends 32768 bytes into the chunk",
        ),
        (
            "magic.evtx",
            &bad_magic,
            "chunk 0, offset 0x1000: the chunk starts with \"XlfChnk",
        ),
        (
            "checksum.evtx",
            &bad_checksum,
            "chunk 0, offset 0x1000: the checksum over the chunk's records does not match",
        ),
        (
            "record.evtx",
            &bad_record,
            "Invalid EVTX record header magic",
        ),
    ];
    for (name, bytes, message) in cases {
        let bad = folder.write(name, bytes);
        let output = Command::new(env!("CARGO_BIN_EXE_winsessions"))
            .args(["sessions", "--format", "csv"])
            .args([&bad, &folder.0.path().join("good.evtx")])
            .output()
            .unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        let line = told
            .lines()
            .find(|line| line.contains(message))
            .unwrap_or_else(|| panic!("{name}: {told}"));
        assert!(line.contains(name), "{line}");
        assert_eq!(
            output.status.code(),
            Some(3),
            "{name}: complete but partial"
        );
        let rows = String::from_utf8(output.stdout).unwrap();
        assert!(
            rows.lines().count() > 10,
            "{name}: the good log's sessions are there"
        );
        fs::remove_file(bad).unwrap();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_cannot_be_read_is_told_by_name() {
    // Reading the first page of one's own memory is an I/O error, also for root.
    let output = Command::new(env!("CARGO_BIN_EXE_winsessions"))
        .args(["sessions", "/proc/self/mem"])
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.contains("/proc/self/mem: Input/output error"),
        "{told}"
    );
    assert_eq!(output.status.code(), Some(4));
}
