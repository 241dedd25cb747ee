//! The seeds of the fuzz targets, through the same functions as the fuzzers.
//!
//! `WINSESSIONS_BLESS=1 cargo test --test seeds` makes those anew that come from fixtures: the beginnings of one log of each
//! channel, and scenarios. The others are what fuzzers found to reach something new, and inputs that once failed.

#[path = "fuzz/src/lib.rs"]
#[allow(dead_code, unused_imports)]
mod targets;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(self::files(&path)),
            false => files.push(path),
        }
    }
    files.sort();
    files
}

/// Runs all seeds of a target.
fn replay(name: &str, target: fn(&[u8])) {
    replay_all(&root().join("tests/fuzz/seeds").join(name), target);
}

fn replay_all(folder: &Path, target: fn(&[u8])) {
    let seeds = files(folder);
    assert!(
        seeds.len() >= 5,
        "{}: {} seeds",
        folder.display(),
        seeds.len()
    );
    for seed in seeds {
        let bytes = fs::read(&seed).unwrap();
        let outcome = std::panic::catch_unwind(|| target(&bytes));
        assert!(outcome.is_ok(), "{}", seed.display());
    }
}

#[test]
fn every_seed_of_a_log_holds() {
    replay("log", targets::log);
}

#[test]
fn every_seed_of_a_chunk_holds() {
    replay("chunk", targets::chunk);
}

#[test]
fn every_package_of_the_tests_holds_as_a_seed() {
    replay_all(&root().join("tests/packages"), targets::package);
}

#[test]
fn every_seed_of_a_template_holds() {
    replay("plan", targets::plan);
}

#[test]
fn every_seed_of_a_scenario_holds() {
    replay("scenario", targets::scenario);
}

#[test]
fn every_seed_of_sessions_holds() {
    replay("sessions", targets::sessions);
}

/// The whole records of a log's first chunk that take so many bytes at most.
fn records(log: &[u8], most: usize) -> &[u8] {
    let records = &log[4096 + 512..];
    let mut end = 0;
    while records[end..].starts_with(b"**\0\0") {
        let size = u32::from_le_bytes(*records[end + 4..].first_chunk().unwrap()) as usize;
        if end + size > most {
            break;
        }
        end += size;
    }
    &records[..end]
}

/// The seeds that are made of fixtures.
fn of_fixtures() -> BTreeMap<PathBuf, Vec<u8>> {
    let mut seeds = BTreeMap::new();
    let fixtures = files(&root().join("fixtures"));
    for path in fixtures
        .iter()
        .filter(|path| path.ends_with("scenario.toml"))
    {
        let text = fs::read(path).unwrap();
        let name = path.parent().unwrap().file_name().unwrap();
        if text.len() < 1_500 {
            seeds.insert(Path::new("scenario").join(name), text);
        }
    }
    let mut channels = BTreeMap::new();
    for path in fixtures
        .iter()
        .filter(|path| path.extension().is_some_and(|e| e == "evtx"))
    {
        channels.entry(path.file_stem().unwrap()).or_insert(path);
    }
    for (name, path) in channels {
        let log = fs::read(path).unwrap();
        let some = records(&log, 6_000);
        seeds.insert(Path::new("chunk").join(name), some.to_vec());
        seeds.insert(
            Path::new("log").join(name),
            log[..4096 + 512 + some.len()].to_vec(),
        );
    }
    seeds
}

#[test]
fn seeds_of_fixtures_are_what_the_fixtures_make() {
    let folder = root().join("tests/fuzz/seeds");
    let seeds = of_fixtures();
    assert!(seeds.len() > 30, "{} seeds", seeds.len());
    for (name, bytes) in seeds {
        let path = folder.join(&name);
        if std::env::var_os("WINSESSIONS_BLESS").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &bytes).unwrap();
        }
        assert!(
            fs::read(&path).unwrap_or_default() == bytes,
            "{} is not what its fixture makes",
            name.display()
        );
    }
}

#[test]
fn all_seeds_take_a_megabyte_at_most() {
    let seeds = files(&root().join("tests/fuzz/seeds"));
    let bytes: u64 = seeds
        .iter()
        .map(|seed| fs::metadata(seed).unwrap().len())
        .sum();
    assert!(bytes < 1 << 20, "{bytes} bytes");
}
