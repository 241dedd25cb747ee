//! How the evidence is laid out in files does not matter: stories of the fixtures, varied at random, give the same sessions
//! in any order of the files, with any of them twice, and with their records split into any files.

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{RngSeed, TestCaseError};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use toml::{Table, Value};
use winsessions::analysis::{Options, analyse};
use winsessions::event::LogIndex;
use winsessions::session::Session;
use winsessions::synth;

/// How many stories each claim is tried with.
const CASES: u32 = 32;

/// The stories of all fixtures, but those of damage, and of logs that lost their oldest records: a copy of a
/// part would hold more than the whole.
fn stories() -> Vec<Table> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut folders = Vec::new();
    for parent in [root.join("traps"), root] {
        let entries = fs::read_dir(parent).unwrap();
        folders.extend(entries.map(|entry| entry.unwrap().path()));
    }
    folders.sort();
    let stories = folders
        .iter()
        .filter_map(|folder| fs::read_to_string(folder.join("scenario.toml")).ok())
        .filter(|text| !text.contains("[[damage]]") && !text.contains("max_chunks"))
        .map(|text| toml::from_str(&text).unwrap());
    stories.collect()
}

static STORIES: LazyLock<Vec<Table>> = LazyLock::new(stories);

/// What is changed in a story.
#[derive(Debug, Clone)]
struct Variation {
    story: Index,
    /// The machine whose steps change.
    machine: Index,
    /// Steps that are added before others.
    added: Vec<(Index, Added)>,
    /// Where the story breaks off, if it does.
    end: Option<Index>,
}

#[derive(Debug, Clone)]
enum Added {
    /// Records are missing.
    Lose(u32),
    /// Time goes by.
    Wait(u32),
    /// The clock is set to so many minutes of the story's first day.
    Clock(u32),
}

fn variation() -> impl Strategy<Value = Variation> {
    let added = prop_oneof![
        (1..20_u32).prop_map(Added::Lose),
        (1..7200_u32).prop_map(Added::Wait),
        (0..1440_u32).prop_map(Added::Clock),
    ];
    (
        any::<Index>(),
        any::<Index>(),
        prop::collection::vec((any::<Index>(), added), 0..3),
        prop::option::of(any::<Index>()),
    )
        .prop_map(|(story, machine, added, end)| Variation {
            story,
            machine,
            added,
            end,
        })
}

/// The story with its changes that are possible; a step of a machine that is off, say, is not.
fn varied(variation: &Variation) -> Table {
    let mut story = variation.story.get(&STORIES).clone();
    let mut attempt = |change: &dyn Fn(&mut Vec<Value>)| {
        let mut changed = story.clone();
        let machines = changed["machine"].as_array_mut().unwrap();
        let machine = variation.machine.index(machines.len());
        change(machines[machine]["step"].as_array_mut().unwrap());
        if synth::render(&changed.to_string()).is_ok() {
            story = changed;
        }
    };
    if let Some(end) = variation.end {
        attempt(&|steps| steps.truncate(1 + end.index(steps.len())));
    }
    for (place, added) in &variation.added {
        attempt(&|steps| {
            let (name, key, value): (_, _, Value) = match added {
                Added::Lose(records) => ("lose", "records", i64::from(*records).into()),
                Added::Wait(seconds) => ("wait", "after", format!("{seconds}s").into()),
                Added::Clock(minutes) => {
                    let first = steps[0]
                        .get("at")
                        .and_then(Value::as_str)
                        .unwrap_or_default();
                    let day = first.get(..10).unwrap_or_default();
                    let time = format!("{day}T{:02}:{:02}:00Z", minutes / 60, minutes % 60);
                    ("clock", "to", time.into())
                }
            };
            let mut step = Table::new();
            step.insert("do".into(), name.into());
            step.insert("after".into(), "1s".into());
            step.insert(key.into(), value);
            steps.insert(1 + place.index(steps.len()), step.into());
        });
    }
    story
}

/// A file by its path, with its contents.
type Files = Vec<(PathBuf, Vec<u8>)>;

fn files(story: &Table) -> Files {
    synth::render(&story.to_string()).unwrap()
}

/// The sessions in these files, whichever file each record was read from.
fn sessions(files: &[(PathBuf, Vec<u8>)]) -> Vec<Session> {
    let folder = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    for (path, bytes) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        paths.push(path);
    }
    let mut sessions = analyse(&paths, Options::default()).unwrap().sessions;
    for session in &mut sessions {
        for record in &mut session.records {
            record.log = LogIndex(0);
        }
    }
    sessions
}

fn same(whole: &[Session], other: &[Session]) -> Result<(), TestCaseError> {
    let by_id = |sessions: &[Session]| -> BTreeMap<String, Session> {
        let named = sessions.iter().map(|s| (s.id.to_string(), s.clone()));
        named.collect()
    };
    let (known, found) = (by_id(whole), by_id(other));
    for (id, session) in &known {
        let found = found.get(id);
        prop_assert!(found == Some(session), "{session:#?}\nis now {found:#?}");
    }
    for (id, session) in &found {
        prop_assert!(known.contains_key(id), "{:?} comes out of nothing", session);
    }
    prop_assert!(whole == other, "another order of sessions");
    Ok(())
}

/// Gives each file another name in its folder, so that they are read in another order.
fn shuffled(files: &Files, order: &[u32]) -> Files {
    let order = order.iter().cycle();
    let named = files.iter().zip(order).map(|((path, bytes), place)| {
        let name = path.file_name().unwrap().to_str().unwrap();
        let path = path.with_file_name(format!("{place:010}-{name}"));
        (path, bytes.clone())
    });
    named.collect()
}

/// The record numbers of each log of a story that one machine wrote, with those that a clear or a full log has taken from it.
fn numbers(story: &Table) -> Vec<(PathBuf, Vec<u64>)> {
    let mut all = story.clone();
    let mut copies = Vec::new();
    let written = synth::expected(&story.to_string()).unwrap();
    for (log, _) in &written {
        let name = log.to_str().unwrap();
        let mut with = all.clone();
        let mut copy = Table::new();
        copy.insert("log".into(), name.into());
        copy.insert(
            "file".into(),
            format!("all/{}", name.replace('/', "-")).into(),
        );
        let list = with
            .entry("copy")
            .or_insert_with(|| Value::Array(Vec::new()));
        list.as_array_mut().unwrap().push(copy.into());
        // Copies and a collector's log have no copies.
        if synth::render(&with.to_string()).is_ok() {
            all = with;
            copies.push(log.clone());
        }
    }
    let expected: BTreeMap<PathBuf, Vec<u64>> = synth::expected(&all.to_string())
        .unwrap()
        .into_iter()
        .map(|(path, records)| {
            (
                path,
                records.iter().map(|record| record.record_id).collect(),
            )
        })
        .collect();
    let numbered = copies.into_iter().map(|log| {
        let name = log.to_str().unwrap().replace('/', "-");
        let numbers = expected[&Path::new("all").join(name)].clone();
        (log, numbers)
    });
    numbered
        .filter(|(_, numbers)| !numbers.is_empty())
        .collect()
}

/// The first and the last record of each part of a log, by the log and the numbers of its records.
type Cut<'a> = dyn Fn(&Path, &[u64]) -> Vec<(u64, u64)> + 'a;

/// Each log in one file and each in several: cut at `cuts`, the parts overlapping by so many records.
fn split(story: &Table, cuts: &[Index], overlap: u64) -> (Files, Files) {
    let logs = numbers(story);
    let copies = |parts: &Cut<'_>| -> Files {
        let mut with = story.clone();
        let mut wanted = Vec::new();
        let list = with
            .entry("copy")
            .or_insert_with(|| Value::Array(Vec::new()))
            .as_array_mut()
            .unwrap();
        for (log, numbers) in &logs {
            let (folder, name) = (log.parent().unwrap(), log.file_name().unwrap());
            for (number, (from, to)) in parts(log, numbers).into_iter().enumerate() {
                let file = folder.join(format!("part-{number}-{}", name.to_str().unwrap()));
                let mut copy = Table::new();
                copy.insert("log".into(), log.to_str().unwrap().into());
                copy.insert("file".into(), file.to_str().unwrap().into());
                copy.insert("from".into(), (from as i64).into());
                copy.insert("to".into(), (to as i64).into());
                list.push(copy.into());
                wanted.push(file);
            }
        }
        let mut files = files(&with);
        files.retain(|(path, _)| wanted.contains(path));
        files
    };
    let whole = copies(&|_, numbers| vec![(numbers[0], numbers[numbers.len() - 1])]);
    let parts = copies(&|_, numbers| {
        let mut bounds: Vec<usize> = cuts.iter().map(|cut| cut.index(numbers.len())).collect();
        bounds.extend([0, numbers.len()]);
        bounds.sort_unstable();
        bounds.dedup();
        let pairs = bounds.windows(2);
        pairs
            .map(|pair| (numbers[pair[0]], numbers[pair[1] - 1] + overlap))
            .collect()
    });
    (whole, parts)
}

/// The same stories in every run; `PROPTEST_CASES` asks for so many others.
fn config() -> ProptestConfig {
    let usual = ProptestConfig {
        max_shrink_iters: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_some() {
        return usual;
    }
    ProptestConfig {
        cases: CASES,
        rng_seed: RngSeed::Fixed(1),
        ..usual
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_order_of_files_gives_the_same_sessions(
        variation in variation(),
        order in prop::collection::vec(any::<u32>(), 1..12),
    ) {
        let files = files(&varied(&variation));
        same(&sessions(&files), &sessions(&shuffled(&files, &order)))?;
    }

    #[test]
    fn files_that_are_there_more_than_once_give_the_same_sessions(
        variation in variation(),
        copied in prop::collection::vec((any::<Index>(), 0..3_u32), 1..6),
    ) {
        let files = files(&varied(&variation));
        let mut more = files.clone();
        for (number, (which, place)) in copied.iter().enumerate() {
            let (path, bytes) = which.get(&files);
            let name = format!("{number}-{}", path.file_name().unwrap().to_str().unwrap());
            // Beside it, in a folder of its own, or in one with others.
            let path = match place {
                0 => path.with_file_name(name),
                1 => Path::new(&format!("copy-{number}")).join(name),
                _ => Path::new("copies").join(name),
            };
            more.push((path, bytes.clone()));
        }
        same(&sessions(&files), &sessions(&more))?;
    }

    #[test]
    fn records_split_into_any_files_give_the_same_sessions(
        variation in variation(),
        cuts in prop::collection::vec(any::<Index>(), 1..16),
        overlap in prop_oneof![Just(0), 1..30_u64],
        order in prop::collection::vec(any::<u32>(), 1..12),
    ) {
        let (whole, parts) = split(&varied(&variation), &cuts, overlap);
        prop_assume!(!whole.is_empty());
        same(&sessions(&whole), &sessions(&shuffled(&parts, &order)))?;
    }
}
