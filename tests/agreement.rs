//! Two decoders, one answer: every record decoded by plans and by the `evtx` crate alone, field by field.

#[path = "agreement/compare.rs"]
mod compare;
#[path = "shared/corpus.rs"]
mod shared;

use compare::{CHUNK, Counts, HEADER, Said, compare, repair, said};
use shared::corpus;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use winsessions::analysis::{Options, analyse};
use winsessions::evidence::Content;
use winsessions::log::{Decoding, Reader, Record, blocks};

/// The size and type of the value of one field, and the value, as they stand in the log.
fn raw_at<'a>(record: &Record<'a>, place: usize) -> Option<[&'a [u8]; 2]> {
    match record.runs(std::iter::once(place))?.as_slice() {
        [run] => record.run(*run),
        _ => None,
    }
}

/// What equal bytes and equal numbers of names have said, of which they say the same wherever they stand.
#[derive(Debug, Default)]
struct Equals {
    raw: HashMap<[Vec<u8>; 2], Option<Said>>,
    names: HashMap<u32, String>,
}

impl Equals {
    fn add(&mut self, record: &Record<'_>) {
        let names = [
            (record.channel_id(), record.channel()),
            (record.computer_id(), record.computer()),
        ];
        for (id, text) in names {
            assert_eq!(id.is_some(), record.shape().is_some());
            if let Some(id) = id {
                assert_eq!(
                    self.names.entry(id).or_insert_with(|| text.to_string()),
                    text
                );
            }
        }
        for place in 0..record.names().count() {
            let value = record.value_at(place);
            let number = value.as_ref().and_then(|value| value.number());
            assert_eq!(record.number_at(place), number);
            let said = value.map(|value| said(&value));
            // An empty value of a list is told, of others it is not.
            let said = said.filter(|said| !said.text.is_empty());
            if let Some(raw) = raw_at(record, place) {
                let known = self.raw.entry(raw.map(<[u8]>::to_vec));
                assert_eq!(known.or_insert_with(|| said.clone()), &said);
            }
        }
    }
}

fn logs(below: &[PathBuf]) -> Vec<PathBuf> {
    let items = winsessions::evidence::find(below).items;
    let logs = items.into_iter().filter(|item| !item.is_package());
    logs.map(|item| item.path).collect()
}

fn fixtures() -> Vec<PathBuf> {
    logs(&[Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")])
}

/// The corpus, or nothing with a visible line.
fn real() -> Vec<PathBuf> {
    corpus().map_or_else(Vec::new, |folder| logs(&[folder]))
}

/// xorshift64: the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

/// Damages a log.
fn mutate(log: &mut Vec<u8>, random: &mut Random) -> String {
    let chunks = (log.len() - HEADER) / CHUNK;
    match random.below(8) {
        0 => {
            let at = HEADER + random.below(log.len() - HEADER);
            log.truncate(at);
            format!("cut at {at}")
        }
        1 if chunks > 1 => {
            let (one, other) = (random.below(chunks), random.below(chunks));
            for at in 0..CHUNK {
                log.swap(HEADER + one * CHUNK + at, HEADER + other * CHUNK + at);
            }
            format!("chunks {one} and {other} swapped")
        }
        2 => {
            // A part of one place at another: what a torn write leaves.
            let length = 1 + random.below(600);
            let from = HEADER + random.below(log.len() - HEADER - length);
            let to = HEADER + random.below(log.len() - HEADER - length);
            log.copy_within(from..from + length, to);
            format!("{length} bytes at {from} written to {to}")
        }
        3 => {
            let length = 1 + random.below(5000);
            let at = HEADER + random.below(log.len() - HEADER - length.min(log.len() - HEADER - 1));
            let end = (at + length).min(log.len());
            log[at..end].fill(0);
            format!("zeros from {at} to {end}")
        }
        _ => {
            let count = 1 + random.below(12);
            let places: Vec<usize> = (0..count)
                .map(|_| {
                    let at = HEADER + random.below(log.len() - HEADER);
                    log[at] = match random.below(3) {
                        0 => log[at] ^ (1 << random.below(8)),
                        1 => random.next() as u8,
                        _ => [0, 1, 0xff, 0x21, 0x81, 0x0e][random.below(6)],
                    };
                    at
                })
                .collect();
            format!("bytes at {places:?}")
        }
    }
}

/// Compares damaged copies of logs: every other one with checksums that match all the same.
fn compare_mutated(logs: &[PathBuf], copies: usize, seed: u64) -> Counts {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.evtx");
    let mut random = Random(seed);
    let mut counts = Counts::default();
    let mut reader = Reader::default();
    for log in logs {
        let sound = fs::read(log).unwrap();
        if sound.len() < HEADER + CHUNK {
            continue;
        }
        for copy in 0..copies {
            let mut bytes = sound.clone();
            let mut what = mutate(&mut bytes, &mut random);
            if copy % 2 == 1 {
                repair(&mut bytes);
                what += ", checksums repaired";
            }
            fs::write(&path, &bytes).unwrap();
            let what = format!("{}: {what}", log.display());
            counts.add(compare(&Content::File(path.clone()), &mut reader, &what));
        }
    }
    counts
}

#[test]
fn both_decoders_read_the_same_in_every_fixture() {
    let mut counts = Counts::default();
    let mut reader = Reader::default();
    for log in fixtures() {
        counts.add(compare(
            &Content::File(log.clone()),
            &mut reader,
            &log.display().to_string(),
        ));
    }
    eprintln!("fixtures: {counts:?}");
    // T18 has names with a NUL.
    assert!(counts.records > 3_000 && counts.with_nul > 0, "{counts:?}");
    // What is left has no template, or lies in a damaged chunk.
    assert!(counts.by_evtx * 40 < counts.records, "{counts:?}");
}

/// Where in a log a text's type stands in an array of sizes and types, as far as its neighbours tell.
fn types_of_texts(log: &[u8]) -> Vec<usize> {
    let is_word = |word: &[u8]| matches!(word, [_, 0..4, 0x00..=0x15 | 0x21 | 0x81, 0]);
    let words = log.windows(12).enumerate().skip(HEADER);
    let found =
        words.filter(|(_, words)| words[6] == 0x01 && words[4] > 0 && words.chunks(4).all(is_word));
    found.map(|(at, _)| at + 6).collect()
}

#[test]
fn both_decoders_read_the_same_whatever_the_types_of_values() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.evtx");
    let mut random = Random(0x000d_dba1_10dd_ba11);
    let mut reader = Reader::default();
    let (mut counts, mut ansi) = (Counts::default(), 0);
    for log in fixtures() {
        let sound = fs::read(&log).unwrap();
        let places = types_of_texts(&sound);
        for _ in 0..places.len().min(6) {
            let mut bytes = sound.clone();
            for _ in 0..8 {
                let at = places[random.below(places.len())];
                bytes[at] = [0x02, 0x81, 0x0b, 0x0c, 0x0e, 0x82, 0x88][random.below(7)];
            }
            repair(&mut bytes);
            fs::write(&path, &bytes).unwrap();
            counts.add(compare(
                &Content::File(path.clone()),
                &mut reader,
                &log.display().to_string(),
            ));
            let mut count = |record: &Record<'_>| {
                let places = 0..record.names().count();
                let types = places.filter_map(|place| raw_at(record, place)?[0].get(2));
                ansi += types.filter(|kind| **kind == 0x02).count();
            };
            for block in blocks(sound.len() as u64) {
                reader.read(&Content::File(path.clone()), block, &mut count);
            }
        }
    }
    eprintln!("other types: {counts:?}, {ansi} ANSI strings");
    assert!(ansi > 100, "{counts:?}, {ansi} ANSI strings");
}

#[test]
fn equal_bytes_say_the_same_in_every_record() {
    let mut equals = Equals::default();
    let mut reader = Reader::default();
    for log in fixtures() {
        let content = Content::File(log);
        for block in blocks(content.size()) {
            reader.read(&content, block, &mut |record| equals.add(record));
        }
    }
    let texts = equals.raw.values().flatten().count();
    assert!(texts > 500 && equals.names.len() > 10, "{texts} texts");
}

#[test]
fn both_decoders_read_the_same_in_every_real_log() {
    let mut counts = Counts::default();
    let mut reader = Reader::default();
    for log in real() {
        counts.add(compare(
            &Content::File(log.clone()),
            &mut reader,
            &log.display().to_string(),
        ));
    }
    eprintln!("corpus: {counts:?}");
    assert!(counts.by_evtx * 20 <= counts.records, "{counts:?}");
}

#[test]
fn both_decoders_read_the_same_in_damaged_fixtures() {
    let counts = compare_mutated(&fixtures(), 12, 0x1234_5678_9abc_def1);
    eprintln!("damaged fixtures: {counts:?}");
    assert!(
        counts.damaged > 1_000 && counts.records > 30_000,
        "{counts:?}"
    );
}

#[test]
fn both_decoders_read_the_same_in_damaged_real_logs() {
    let small = |log: &PathBuf| fs::metadata(log).is_ok_and(|meta| meta.len() < 4 << 20);
    let logs: Vec<PathBuf> = real().into_iter().filter(small).collect();
    let counts = compare_mutated(&logs, 4, 0xfeed_f00d_dead_beef);
    eprintln!("damaged real logs: {counts:?}");
}

/// What is made of records, shared between those that say the same, is what each by itself says.
#[test]
fn both_decoders_give_the_same_sessions_and_events() {
    let of = |logs: &[PathBuf], decoding| {
        let options = Options {
            decoding,
            ..Options::default()
        };
        analyse(logs, options).unwrap()
    };
    for mut logs in [fixtures(), real()] {
        // An account there has a NUL in its name, which the evtx crate cuts off.
        logs.retain(|log| !log.to_string_lossy().contains("T18-hostile-names"));
        if logs.is_empty() {
            continue;
        }
        let [plans, evtx] = [Decoding::Plans, Decoding::Evtx].map(|decoding| of(&logs, decoding));
        assert!(plans.events.len() > 300 && plans.sessions.len() > 50);
        assert!(plans.sessions == evtx.sessions);
        for (ours, theirs) in plans.events.iter().zip(&evtx.events) {
            assert_eq!(ours, theirs);
        }
        assert_eq!(plans.events.len(), evtx.events.len());
    }
}
