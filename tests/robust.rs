//! Every real log, cut, changed, its chunks swapped and repeated: nothing panics or hangs, the account adds up, and damage
//! makes no rows.
//!
//! A sample of it, unless `WINSESSIONS_ROBUST=all` asks for every log, each cut at 100 places and changed in 200 ways (in
//! a release build some minutes).

#[path = "shared/corpus.rs"]
mod shared;
#[path = "fuzz/src/lib.rs"]
#[allow(dead_code, unused_imports)]
mod targets;

use shared::corpus;
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use winsessions::event::{Collector, LogIndex};
use winsessions::evidence::{Content, find};
use winsessions::log::{Account, Decoding, MAX_DAMAGE, Reader, blocks};
use winsessions::session::{self, Source};

const HEADER: usize = 4096;
const CHUNK: usize = 65536;

/// What one reading may take: no mebibyte takes a thousandth of it. Nothing but a hang gets there.
const HANGS: Duration = Duration::from_secs(300);

/// More records than this no chunk can hold.
const MOST_IN_CHUNK: u64 = (CHUNK as u64 - 512) / 28;

/// How much is tried.
#[derive(Clone, Copy)]
struct Effort {
    /// One log of so many.
    every: usize,
    cuts: usize,
    changes: usize,
    swaps: usize,
}

fn effort() -> Effort {
    match std::env::var_os("WINSESSIONS_ROBUST") {
        Some(_) => Effort {
            every: 1,
            cuts: 100,
            changes: 200,
            swaps: 8,
        },
        None => Effort {
            every: 2,
            cuts: 12,
            changes: 24,
            swaps: 2,
        },
    }
}

/// The corpus, or nothing with a visible line.
fn real() -> Vec<PathBuf> {
    let items = corpus().map(|folder| find(&[folder]).items);
    items.into_iter().flatten().map(|item| item.path).collect()
}

/// xorshift64: the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }
}

/// What tells a record from others.
type Key = (u64, u64, u64, u16, String);

struct Read {
    account: Account,
    records: HashSet<Key>,
    /// How many records were told, those that are told again among them.
    told: u64,
    events: usize,
}

/// Since when something is being read, in milliseconds, and 0 while nothing is.
static SINCE: AtomicU64 = AtomicU64::new(0);

/// Ends the process, as nothing else ends a thread that hangs.
fn watch(start: Instant) {
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_secs(1));
            let since = SINCE.load(Ordering::Relaxed);
            let now = start.elapsed().as_millis() as u64;
            if since > 0 && now.saturating_sub(since) > HANGS.as_millis() as u64 {
                eprintln!("one reading takes more than {HANGS:?}");
                std::process::abort();
            }
        }
    });
}

/// Reads a log and all that comes of it.
fn read(bytes: Vec<u8>, start: Instant, what: &dyn Fn() -> String) -> Read {
    SINCE.store(1 + start.elapsed().as_millis() as u64, Ordering::Relaxed);
    let size = bytes.len() as u64;
    let content = Content::Memory(bytes);
    let mut reader = Reader::new(Decoding::Plans);
    let mut collector = Collector::new(LogIndex(0));
    let (mut account, mut source) = (Account::default(), Source::default());
    let (mut records, mut told) = (HashSet::new(), 0);
    for block in blocks(size) {
        collector.begin(LogIndex(0));
        account.add(reader.read(&content, block, &mut |record| {
            told += 1;
            let computer = record.computer().to_owned();
            let (time, id) = (record.time.filetime(), record.event_id);
            records.insert((record.number, record.record_id, time, id, computer));
            collector.add(record);
        }));
        source.events.append(&mut collector.events);
        source.spans.append(&mut collector.spans);
        source.uses.extend(collector.take_uses());
    }
    let unexpected = |damage: &winsessions::damage::Damage| damage.message.contains("unexpectedly");
    assert!(
        !account.damage.iter().any(unexpected),
        "{}: a panic",
        what()
    );
    assert_eq!(
        account.claimed + account.unclaimed,
        account.read + account.damaged,
        "{}",
        what()
    );
    assert_eq!(account.read, told, "{}", what());
    // What is held for a record is bounded.
    let held = (source.events.len(), source.spans.len(), source.uses.len());
    let most = told as usize;
    assert!(
        held.0 <= most && held.1 <= most && held.2 <= 2 * most,
        "{}",
        what()
    );
    assert!(account.damage.len() <= MAX_DAMAGE, "{}", what());
    let events = source.events.len();
    targets::check(session::machines(vec![source]));
    SINCE.store(0, Ordering::Relaxed);
    Read {
        account,
        records,
        told,
        events,
    }
}

/// A part of a log: its header and some of its chunks.
fn part(log: &[u8], first: usize, chunks: usize) -> Vec<u8> {
    let from = HEADER + first * CHUNK;
    let upto = (from + chunks * CHUNK).min(log.len());
    [&log[..HEADER], &log[from.min(upto)..upto]].concat()
}

#[derive(Debug, Default)]
struct Tried {
    logs: u64,
    cuts: u64,
    changes: u64,
    swaps: u64,
    bytes: u64,
    damaged: u64,
    lost: u64,
    revealed: u64,
}

fn try_log(path: &Path, effort: Effort, random: &mut Random, start: Instant, tried: &mut Tried) {
    let log = fs::read(path).unwrap();
    if log.len() <= HEADER {
        return;
    }
    tried.logs += 1;
    let chunks = (log.len() - HEADER).div_ceil(CHUNK);
    // What a chunk says does not depend on the others: a few of them, from any place, stand for a log of any size.
    let window = |random: &mut Random| {
        let first = random.below(chunks);
        (first, part(&log, first, 4))
    };
    for round in 0..effort.cuts {
        let (first, sound) = window(random);
        let cut = HEADER + random.below(sound.len() - HEADER);
        let what = || {
            format!(
                "{}: from chunk {first} on, cut at {cut}, round {round}",
                path.display()
            )
        };
        let whole = read(sound.clone(), start, &what);
        let rest = read(sound[..cut].to_vec(), start, &what);
        tried.bytes += (sound.len() + cut) as u64;
        assert!(rest.records.is_subset(&whole.records), "{}", what());
        assert!(
            rest.told <= whole.told && rest.events <= whole.events,
            "{}",
            what()
        );
        (tried.cuts, tried.lost) = (tried.cuts + 1, tried.lost + (whole.told - rest.told));
    }
    for round in 0..effort.changes {
        let (first, mut bytes) = window(random);
        let whole =
            (round % 4 == 0).then(|| read(bytes.clone(), start, &|| path.display().to_string()));
        let mut places = Vec::new();
        for _ in 0..1 + random.below(12) {
            // The file's own header counts too.
            let at = match random.below(16) {
                0 => random.below(HEADER),
                _ => HEADER + random.below(bytes.len() - HEADER),
            };
            bytes[at] = match random.below(3) {
                0 => bytes[at] ^ (1 << random.below(8)),
                1 => random.below(256) as u8,
                _ => [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
            };
            places.push(at);
        }
        let what = || {
            format!(
                "{}: from chunk {first} on, bytes at {places:?}",
                path.display()
            )
        };
        tried.bytes += bytes.len() as u64;
        let changed = read(bytes, start, &what);
        assert!(
            changed.told <= changed.account.chunks * MOST_IN_CHUNK,
            "{}",
            what()
        );
        if let Some(whole) = whole {
            // Behind the records of a chunk lie those of its former life; to be read one needs a chunk that is told damaged.
            let more = changed.told.saturating_sub(whole.told);
            assert!(
                more == 0 || !changed.account.damage.is_empty(),
                "{}",
                what()
            );
            tried.revealed += more;
        }
        (tried.changes, tried.damaged) =
            (tried.changes + 1, tried.damaged + changed.account.damaged);
    }
    for _ in 0..effort.swaps {
        let (first, sound) = window(random);
        let there = (sound.len() - HEADER) / CHUNK;
        if there == 0 {
            continue;
        }
        let (one, other) = (random.below(there), random.below(there));
        let what = || {
            format!(
                "{}: from chunk {first} on, {one} and {other}",
                path.display()
            )
        };
        let whole = read(sound.clone(), start, &what);
        let mut swapped = sound.clone();
        for at in 0..CHUNK {
            swapped.swap(HEADER + one * CHUNK + at, HEADER + other * CHUNK + at);
        }
        let swapped = read(swapped, start, &what);
        assert!(
            swapped.records == whole.records && swapped.told == whole.told,
            "{}",
            what()
        );
        assert_eq!(swapped.events, whole.events, "{}", what());
        let mut repeated = sound.clone();
        repeated.truncate(HEADER + there * CHUNK);
        repeated.extend_from_within(HEADER + one * CHUNK..HEADER + (one + 1) * CHUNK);
        let repeated = read(repeated, start, &what);
        assert!(repeated.records.is_subset(&whole.records), "{}", what());
        tried.bytes += 3 * sound.len() as u64;
        tried.swaps += 1;
    }
}

#[test]
fn damage_of_any_real_log_is_told_and_makes_no_rows() {
    let effort = effort();
    let start = Instant::now();
    watch(start);
    let mut tried = Tried::default();
    let logs = real();
    for (number, path) in logs.iter().enumerate() {
        if number % effort.every == 0 {
            let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ (number as u64) << 32);
            try_log(path, effort, &mut random, start, &mut tried);
        }
    }
    eprintln!("{} logs: {tried:?} in {:?}", logs.len(), start.elapsed());
    assert!(logs.is_empty() || tried.damaged > 100, "{tried:?}");
}
