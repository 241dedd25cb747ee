//! What `--recover` adds: records that live reading leaves out, and nothing that is not in the evidence.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use winsessions::damage::DamageKind;
use winsessions::evidence::Content;
use winsessions::log::{self, Account, Reader};

const HEADER: usize = 4096;
const CHUNK: usize = 65536;
const MEBIBYTE: usize = 1 << 20;

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A log of one chunk.
fn fixture() -> Vec<u8> {
    let log = fs::read(repository(
        "fixtures/server/evidence/SRV-BIRCH/Security.evtx",
    ))
    .unwrap();
    log[..HEADER + CHUNK].to_vec()
}

/// Another one, with room behind its records.
fn roomy() -> Vec<u8> {
    fs::read(repository(
        "fixtures/two-hosts/evidence/WS-ASH/Security.evtx",
    ))
    .unwrap()
}

/// All that a record says: its number first.
type Told = (u64, String);

fn account(account: Account, records: &[Told]) -> Account {
    assert_eq!(
        account.claimed + account.unclaimed,
        account.read + account.damaged
    );
    assert_eq!(account.read, records.len() as u64);
    account
}

fn told(record: &log::Record<'_>) -> Told {
    let fields = record.fields();
    let fields = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", value.text()));
    let (channel, id) = (record.channel(), record.event_id);
    let all = format!(
        "{channel} {id} {} {:?}",
        record.time,
        fields.collect::<Vec<_>>()
    );
    (record.number, all)
}

fn live(bytes: &[u8]) -> (Account, Vec<Told>) {
    let content = Content::Memory(bytes.to_vec());
    let (mut sum, mut records, mut reader) = (Account::default(), Vec::new(), Reader::default());
    for block in log::blocks(content.size()) {
        sum.add(reader.read(&content, block, &mut |record| records.push(told(record))));
    }
    (account(sum, &records), records)
}

fn recovered(bytes: &[u8]) -> (Account, Vec<Told>) {
    recovered_of(bytes, true)
}

fn recovered_of(bytes: &[u8], is_numbered: bool) -> (Account, Vec<Told>) {
    let content = Content::Memory(bytes.to_vec());
    let (mut sum, mut records, mut reader) = (Account::default(), Vec::new(), Reader::default());
    for part in log::recoveries(&content, is_numbered) {
        sum.add(reader.recover(&content, part, &mut |record| records.push(told(record))));
    }
    (account(sum, &records), records)
}

fn u32_at(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

/// Where each record of a chunk starts.
fn offsets(log: &[u8], chunk: usize) -> Vec<usize> {
    let mut at = HEADER + chunk * CHUNK + 512;
    let mut offsets = Vec::new();
    while log.get(at..at + 4) == Some(b"**\0\0") {
        offsets.push(at);
        at += u32_at(log, at + 4);
    }
    offsets
}

/// Makes the checksums of a chunk anew.
fn seal(chunk: &mut [u8]) {
    let free = u32_at(chunk, 48);
    let records = crc32fast::hash(&chunk[512..free]);
    chunk[52..56].copy_from_slice(&records.to_le_bytes());
    let header = [&chunk[..120], &chunk[128..512]].concat();
    let header = crc32fast::hash(&header);
    chunk[124..128].copy_from_slice(&header.to_le_bytes());
}

/// Has the chunk of a log end before its last records: they stay where they are.
fn leave(log: &mut [u8], chunk: usize, records: usize) {
    let offsets = offsets(log, chunk);
    let kept = offsets.len() - records;
    let start = HEADER + chunk * CHUNK;
    let number = |at: usize| u64::from_le_bytes(log[at + 8..at + 16].try_into().unwrap());
    let last = number(offsets[kept - 1]).to_le_bytes();
    let (last_at, free) = (offsets[kept - 1] - start, offsets[kept] - start);
    let chunk = &mut log[start..start + CHUNK];
    chunk[16..24].copy_from_slice(&last);
    chunk[32..40].copy_from_slice(&last);
    chunk[44..48].copy_from_slice(&(last_at as u32).to_le_bytes());
    chunk[48..52].copy_from_slice(&(free as u32).to_le_bytes());
    seal(chunk);
}

#[test]
fn records_beyond_the_end_of_a_chunk_come_back_as_they_were() {
    let (_, all) = live(&fixture());
    let mut log = fixture();
    leave(&mut log, 0, 10);
    let kept = all.len() - 10;
    assert_eq!(live(&log).1, all[..kept]);
    let (account, found) = recovered(&log);
    assert_eq!(found, all[kept..]);
    assert_eq!(
        (account.unclaimed, account.damaged, account.chunks),
        (10, 0, 0)
    );
}

#[test]
fn a_record_left_behind_whose_number_is_written_over_is_damaged() {
    let whole = fixture();
    let mut log = whole.clone();
    leave(&mut log, 0, 10);
    let last = *offsets(&whole, 0).last().unwrap();
    let number = log[last + 8..last + 16].to_vec();
    let own = last + 24..last + u32_at(&log, last + 4);
    let found = log[own.clone()]
        .windows(8)
        .position(|bytes| bytes == number);
    let id = own.start + found.expect("its EventRecordID");
    let both = |log: &[u8]| {
        [true, false].map(|is_numbered| {
            let (account, _) = recovered_of(log, is_numbered);
            (account.read, account.damaged)
        })
    };
    assert_eq!(both(&log), [(10, 0), (10, 0)]);
    log[id] ^= 1;
    assert_eq!(both(&log), [(9, 1), (10, 0)], "an export has other numbers");
    log[id + 6] = 0xdc;
    assert_eq!(both(&log), [(9, 1), (9, 1)], "no log comes to so many");
}

#[test]
fn nothing_is_recovered_of_a_sound_log() {
    let (account, found) = recovered(&fixture());
    assert_eq!(
        (found.len(), account.damaged, account.damage.len()),
        (0, 0, 0)
    );
}

#[test]
fn a_chunk_comes_back_that_has_lost_its_header() {
    let (_, all) = live(&fixture());
    let mut log = fixture();
    log[HEADER..HEADER + 512].fill(0xee);
    assert_eq!(live(&log).1, []);
    assert_eq!(recovered(&log).1, all);
    // One whose header ends its records before they begin.
    let mut log = fixture();
    log[HEADER + 48..HEADER + 52].copy_from_slice(&512_u32.to_le_bytes());
    assert_eq!(live(&log).1, []);
    assert_eq!(recovered(&log).1, all);
    // The rest of one beyond the last whole chunk.
    let mut log = fixture();
    log[HEADER..HEADER + 512].fill(0);
    let cut = HEADER + CHUNK - 1;
    log[HEADER + 100] = 1;
    assert_eq!(live(&log[..cut]).1, []);
    assert_eq!(recovered(&log[..cut]).1, all);
}

#[test]
fn records_behind_a_torn_one_come_back_once() {
    let (_, all) = live(&fixture());
    let starts = offsets(&fixture(), 0);
    for torn in [0, 20, starts.len() - 2] {
        let mut log = fixture();
        // As long as the rest of the chunk.
        let left = (HEADER + CHUNK - starts[torn]) as u32;
        log[starts[torn] + 4..starts[torn] + 8].copy_from_slice(&left.to_le_bytes());
        let (_, read) = live(&log);
        let (_, found) = recovered(&log);
        let mut both = [read, found].concat();
        both.sort();
        let mut rest = all.clone();
        rest.remove(torn);
        assert_eq!(both, rest, "{torn}");
    }
}

/// Bytes in which nothing is found.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x1234_5678_9abc_def1_u64;
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

#[test]
fn chunks_are_found_in_any_file_wherever_they_lie() {
    let (_, all) = live(&fixture());
    let chunk = fixture()[HEADER..].to_vec();
    let mut spoilt = chunk.clone();
    // The checksums do not match.
    spoilt[124] ^= 1;
    for chunk in [chunk, spoilt] {
        for at in [
            0,
            1,
            12_345,
            MEBIBYTE - CHUNK - 1,
            MEBIBYTE - CHUNK + 1,
            MEBIBYTE - 513,
            MEBIBYTE - 7,
            MEBIBYTE - 1,
            MEBIBYTE,
            MEBIBYTE + 1,
            3 * MEBIBYTE - CHUNK,
        ] {
            let mut bytes = noise(3 * MEBIBYTE);
            bytes[at..at + CHUNK].copy_from_slice(&chunk);
            let (account, found) = recovered(&bytes);
            assert_eq!(found, all, "at {at}");
            assert_eq!((account.chunks, account.damaged), (1, 0), "at {at}");
            assert_eq!(account.bytes, bytes.len() as u64);
        }
    }
}

#[test]
fn chunks_of_a_log_are_found_where_bytes_were_lost_or_came_between() {
    let (_, all) = live(&fixture());
    let chunk = &fixture()[HEADER..];
    for header in [HEADER - 1, HEADER + 100] {
        let mut log = fixture()[..HEADER].to_vec();
        log.resize(header, 0);
        for _ in 0..40 {
            log.extend_from_slice(chunk);
        }
        assert_eq!(live(&log).1, []);
        let (account, found) = recovered(&log);
        assert_eq!(account.chunks, 40);
        assert_eq!(found.len(), 40 * all.len());
    }
}

#[test]
fn the_beginning_of_a_chunk_that_is_written_over_comes_back() {
    let (_, all) = live(&fixture());
    let starts = offsets(&fixture(), 0);
    let chunk = &fixture()[HEADER..];
    // Another chunk begins behind the tenth record.
    let cut = starts[10] - HEADER;
    let mut bytes = noise(1000);
    bytes.extend_from_slice(&chunk[..cut]);
    bytes.extend_from_slice(chunk);
    let (account, found) = recovered(&bytes);
    assert_eq!(account.chunks, 2);
    assert_eq!(found, [&all[..10], &all].concat());
}

/// Where the definition of a record's template is, and its size.
fn definition(log: &[u8], record: usize) -> (usize, usize) {
    assert_eq!(log[record + 28], 0x0c);
    let at = HEADER + u32_at(log, record + 34);
    (at, 24 + u32_at(log, at + 20))
}

#[test]
fn what_is_left_of_a_record_is_not_guessed_where_its_template_is_written_over() {
    let sound = roomy();
    let starts = offsets(&sound, 0);
    let (at, size) = definition(&sound, starts[0]);
    let users = starts
        .iter()
        .filter(|&&start| definition(&sound, start).0 == at);
    let users = users.count() as u64;
    assert!(users > 1 && (users as usize) < starts.len());
    let name: Vec<u8> = "EventRecordID"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let named = sound[at..at + size].windows(name.len());
    let named = at + named.clone().position(|bytes| bytes == name).unwrap();
    // The identifier; a letter of a name, which would still be one; a token; the size.
    for (changed, what) in [(at + 4, 1), (named, 1), (at + 28, 0x20), (at + 20, 1)] {
        let mut log = sound.clone();
        log[HEADER..HEADER + 8].fill(0);
        log[changed] ^= what;
        let (account, found) = recovered(&log);
        assert!(account.damaged >= users, "{what} at {changed}: {account:?}");
        assert_eq!(found.len() as u64 + account.damaged, starts.len() as u64);
        assert!(
            account
                .damage
                .iter()
                .all(|damage| damage.kind == DamageKind::Record)
        );
        assert_eq!(account.damage[0].location.offset, Some(starts[0] as u64));
        let (_, all) = live(&sound);
        assert!(found.iter().all(|record| all.contains(record)));
    }
}

#[test]
fn frames_that_hold_nothing_are_counted_once_each() {
    // Frames in frames, each as long as the rest, and nothing but magic.
    let mut frames = fixture();
    let slack = offsets(&frames, 0).last().copied().unwrap();
    let slack = slack + u32_at(&frames, slack + 4);
    let end = HEADER + CHUNK;
    let mut at = slack;
    while at + 64 < end {
        let size = (end - at) as u32;
        frames[at..at + 4].copy_from_slice(b"**\0\0");
        frames[at + 4..at + 8].copy_from_slice(&size.to_le_bytes());
        frames[at + 16..at + 24].copy_from_slice(&133_000_000_000_000_000_u64.to_le_bytes());
        frames[end - 4..].copy_from_slice(&((end - slack) as u32).to_le_bytes());
        at += 28;
    }
    let (account, found) = recovered(&frames);
    assert_eq!((found.len(), account.damaged), (0, 1));
    let mut magic = fixture();
    for place in magic[slack..end].chunks_exact_mut(4) {
        place.copy_from_slice(b"**\0\0");
    }
    let (account, found) = recovered(&magic);
    assert_eq!((found.len(), account.damaged), (0, 0));
}

#[test]
fn whatever_bytes_change_no_record_comes_twice_and_the_account_adds_up() {
    let mut sound = fixture();
    leave(&mut sound, 0, 15);
    let (_, all) = live(&fixture());
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for _ in 0..300 {
        let mut log = sound.clone();
        for _ in 0..1 + next() % 16 {
            let at = HEADER + (next() as usize) % CHUNK;
            log[at] = next() as u8;
        }
        if next() % 4 == 0 {
            log.truncate(HEADER + (next() as usize) % CHUNK);
        }
        let (_, read) = live(&log);
        let (_, found) = recovered(&log);
        // Bytes of values may have changed, and numbers; no record is told of twice.
        assert!(read.len() + found.len() <= all.len());
        let mut numbers: Vec<u64> = read
            .iter()
            .chain(&found)
            .map(|(number, _)| *number)
            .collect();
        let count = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), count);
    }
}

fn winsessions(arguments: &[&str], paths: &[&Path]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_winsessions"))
        .args(arguments)
        .args(paths)
        .output()
        .unwrap();
    assert!(
        matches!(output.status.code(), Some(0 | 3 | 4)),
        "{output:?}"
    );
    output
}

fn rows(output: &Output) -> Vec<std::collections::HashMap<String, String>> {
    let mut reader = csv::Reader::from_reader(output.stdout.as_slice());
    reader.deserialize().map(Result::unwrap).collect()
}

#[test]
fn over_sound_logs_nothing_changes() {
    let evidence: Vec<PathBuf> = ["workday", "server", "remote", "renamed"]
        .map(|name| repository(&format!("fixtures/{name}/evidence")))
        .into();
    let paths: Vec<&Path> = evidence.iter().map(PathBuf::as_path).collect();
    for command in ["sessions", "events", "summary", "coverage"] {
        for format in ["csv", "json", "table"] {
            let arguments = [command, "--format", format];
            let plain = winsessions(&arguments, &paths);
            let with = winsessions(&[&arguments[..], &["--recover"]].concat(), &paths);
            assert!(plain == with, "{command} {format}");
        }
    }
}

#[test]
fn members_of_packages_that_were_not_searched_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let dump = folder.path().join("memory.raw.gz");
    let file = fs::File::create(&dump).unwrap();
    let mut packed = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, &[7; 2000]).unwrap();
    packed.finish().unwrap();
    let run = |arguments: &[&str], paths: &[&Path]| {
        let output = winsessions(&[&["sessions"], arguments].concat(), paths);
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let log = repository("fixtures/workday/evidence");
    let both: [&Path; 2] = [folder.path(), &log];
    let (status, told) = run(&["--recover"], &both);
    assert_eq!(status, Some(0), "{told}");
    assert!(told.contains("1 member of packages not searched"), "{told}");
    assert!(!run(&[], &both).1.contains("not searched"));
    let (status, told) = run(&["--recover"], &[&dump]);
    assert_eq!(status, Some(4));
    assert!(
        told.contains("a member of a package was not searched"),
        "{told}"
    );
    assert!(!told.contains("broken"), "{told}");
}

#[test]
fn copies_of_what_a_log_holds_vanish_and_contradictions_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("Security.evtx");
    let mut log = roomy();
    let starts = offsets(&log, 0);
    let end = starts.last().unwrap() + u32_at(&log, starts.last().unwrap() + 4);
    // Records that need no definition of their own.
    let short: Vec<usize> = starts
        .iter()
        .copied()
        .filter(|&start| definition(&log, start).0 < start)
        .collect();
    let mut free = end;
    for &start in short.iter().rev().take(6) {
        let record = log[start..start + u32_at(&log, start + 4)].to_vec();
        log[free..free + record.len()].copy_from_slice(&record);
        free += record.len();
    }
    fs::write(&path, &log).unwrap();
    assert_eq!(recovered(&log).1.len(), 6);
    for command in ["sessions", "events"] {
        let arguments = [command, "--format", "csv"];
        let plain = winsessions(&arguments, &[&path]);
        let with = winsessions(&[&arguments[..], &["--recover"]].concat(), &[&path]);
        assert!(plain.stdout == with.stdout, "{command}");
    }
    let coverage = |log: &[u8]| {
        fs::write(&path, log).unwrap();
        let arguments = ["coverage", "--recover", "--format", "csv"];
        let row = rows(&winsessions(&arguments, &[&path])).remove(0);
        [
            "duplicates",
            "recovered_records",
            "recovered_contradictions",
        ]
        .map(|name| row[name].clone())
    };
    assert_eq!(coverage(&log), ["6", "0", "0"]);
    let said = |arguments: &[&str]| {
        let output = winsessions(arguments, &[&path]);
        String::from_utf8(output.stderr).unwrap()
    };
    let with = said(&["sessions", "--recover"]);
    assert!(with.contains("; 6 records found again"), "{with}");
    assert!(!with.contains(" recovered"), "{with}");
    // The last copy says something else: a letter of its text.
    let is_text = |bytes: &[u8]| {
        bytes
            .chunks(2)
            .all(|unit| unit[0].is_ascii_lowercase() && unit[1] == 0)
    };
    let value = log[end..free].windows(8).rposition(is_text);
    let value = end + value.expect("a text");
    log[value] ^= 1;
    assert_eq!(coverage(&log), ["5", "0", "1"]);
    let with = said(&["sessions", "--recover"]);
    assert!(with.contains("; 5 records found again"), "{with}");
    assert!(with.contains("; 1 record found that contradicts"), "{with}");
    let with = winsessions(&["sessions", "--format", "csv", "--recover"], &[&path]);
    fs::write(&path, roomy()).unwrap();
    let plain = winsessions(&["sessions", "--format", "csv"], &[&path]);
    assert!(plain.stdout == with.stdout);
}

#[test]
fn a_session_is_told_again_whose_end_was_left_behind_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("Security.evtx");
    let log = roomy();
    fs::write(&path, &log).unwrap();
    let sessions = |arguments: &[&str]| {
        let all = [&["sessions", "--interactive", "--format", "csv"], arguments].concat();
        rows(&winsessions(&all, &[&path]))
    };
    let whole = sessions(&[]);
    let last = whole.last().unwrap();
    assert_eq!(last["end_source"], "recorded");
    let mut cut = log.clone();
    let count = offsets(&log, 0).len();
    let number: usize = last["end_record"]
        .rsplit('/')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    leave(&mut cut, 0, count - (number - 1));
    fs::write(&path, &cut).unwrap();
    let open = sessions(&[]);
    assert_eq!(open.last().unwrap()["end_reason"], "log-ends");
    let told = sessions(&["--recover"]);
    assert_eq!(told.len(), whole.len());
    let found = told.last().unwrap();
    for column in [
        "session_id",
        "start",
        "end",
        "end_reason",
        "account_name",
        "kind",
    ] {
        assert_eq!(found[column], last[column], "{column}");
    }
    assert!(found["flags"].contains("recovered"), "{}", found["flags"]);
    let reference = format!("{}#recovered#Security/{number}", path.display());
    assert_eq!(found["end_record"], reference);
    // The others are as the log tells them.
    assert_eq!(told[..told.len() - 1], open[..open.len() - 1]);
    let events = winsessions(&["events", "--recover", "--format", "csv"], &[&path]);
    let marked = rows(&events)
        .iter()
        .filter(|row| row["recovered"] == "true")
        .count();
    assert!(marked > 0);
    let table = winsessions(&["sessions", "--recover", "--format", "table"], &[&path]);
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(
        table.contains("console*") && table.contains("* rests on recovered records"),
        "{table}"
    );
    let id = &found["session_id"];
    let story = winsessions(&["explain", id, "--recover"], &[&path]);
    let story = String::from_utf8(story.stdout).unwrap();
    let record = format!("record {number} (recovered)");
    assert!(story.contains(&record), "{story}");
}

#[test]
fn files_that_are_no_logs_are_searched_only_where_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let dump = folder.path().join("memory.dmp");
    let mut bytes = noise(200_000);
    bytes[77_777..77_777 + CHUNK].copy_from_slice(&fixture()[HEADER..]);
    fs::write(&dump, &bytes).unwrap();
    fs::write(folder.path().join("notes.txt"), b"nothing").unwrap();
    let sessions = ["sessions", "--format", "csv"];
    let with = [&sessions[..], &["--recover"]].concat();
    for path in [dump.as_path(), folder.path()] {
        assert_eq!(winsessions(&sessions, &[path]).status.code(), Some(4));
        let output = winsessions(&with, &[path]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let told = rows(&output);
        assert!(!told.is_empty() && told.iter().all(|row| row["flags"].contains("recovered")));
    }
    // Beside the log that holds the same, it adds nothing.
    let log = folder.path().join("Security.evtx");
    fs::write(&log, fixture()).unwrap();
    let alone = winsessions(&sessions, &[&log]);
    let both = winsessions(&with, &[folder.path()]);
    assert_eq!(
        String::from_utf8(alone.stdout).unwrap(),
        String::from_utf8(both.stdout).unwrap()
    );
}

#[test]
fn a_package_that_cannot_be_read_is_searched_like_any_file_and_stays_told() {
    // The directory of the one lies beyond its end, the other is of a format that is not read.
    let mut bytes = b"7z\xbc\xaf\x27\x1c\0\x04\0\0\0\0".to_vec();
    let start = [1 << 40, 100, 0_u64].map(u64::to_le_bytes).concat();
    let start = &start[..20];
    bytes[8..12].copy_from_slice(&crc32fast::hash(start).to_le_bytes());
    bytes.extend(start);
    for (start, reason) in [
        (&bytes[..], "a broken package: "),
        (
            &b"Rar!\x1a\x07\0"[..],
            "a package of a format that is not read (RAR)",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let package = folder.path().join("package");
        fs::write(&package, [start, &fixture()].concat()).unwrap();
        let sessions = ["sessions", "--format", "csv"];
        assert_eq!(winsessions(&sessions, &[&package]).status.code(), Some(4));
        let with = [&sessions[..], &["--recover"]].concat();
        for path in [package.as_path(), folder.path()] {
            let output = winsessions(&with, &[path]);
            assert_eq!(output.status.code(), Some(3), "{output:?}");
            let told = rows(&output);
            assert!(!told.is_empty() && told.iter().all(|row| row["flags"].contains("recovered")));
            let errors = String::from_utf8(output.stderr).unwrap();
            assert!(errors.contains(reason), "{errors}");
            assert!(!errors.contains("not searched"), "{errors}");
        }
    }
}
