//! Writes valid event logs from a scenario: fixtures with a known truth.
//!
//! **In**: a scenario (TOML), a story of machines, accounts and steps such as `boot`, `logon`,
//! `lock`; `fixtures/README.md` lists them. **Out**: one EVTX file a machine and channel
//! (`HOST/Security.evtx`), with the records that Windows would write around each step.
//!
//! **Promises**: the same scenario gives the same bytes; every file is a valid log for any reader
//! of the format; [`expected`] lists what a reader must find. **Does not**: share any code with
//! the reader in `log`, so that a mistake common to both cannot hide; nor write damaged logs but where the
//! scenario asks for damage.
//!
//! The layers, each knowing only the ones before it: `value` typed values, `events` what the
//! manifests say, `record` one record, `scenario` the file that a person writes, `host` and
//! `story` what Windows makes of it, `binxml` and `file` the format. Beside them `damage` spoils a finished log, and `tile`
//! makes a big log of a small one.
//!
//! ```
//! let scenario = r#"
//!     [account.ann]
//!     rid = 1001
//!
//!     [[machine]]
//!     name = "WS-ELM"
//!     os = "windows-10"
//!     sid = "S-1-5-21-1111-2222-3333"
//!
//!     [[machine.step]]
//!     at = "2024-03-04T08:00:00Z"
//!     do = "boot"
//!
//!     [[machine.step]]
//!     after = "2m"
//!     do = "logon"
//!     account = "ann"
//! "#;
//! let logs = winsessions::synth::render(scenario)?;
//! assert_eq!(logs[0].0, std::path::Path::new("WS-ELM/Security.evtx"));
//!
//! let records = &winsessions::synth::expected(scenario)?[0].1;
//! let logon = records.last().expect("the logon is the last record");
//! assert!(logon.fields.iter().any(|field| field.name == "TargetUserName" && field.text == "ann"));
//! # Ok::<(), winsessions::synth::ScenarioError>(())
//! ```

mod binxml;
mod damage;
mod events;
mod file;
mod host;
mod record;
mod scenario;
mod story;
mod tile;
mod time;
mod value;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

pub use record::{ExpectedRecord, ExpectedValue};
pub use scenario::ScenarioError;
pub use tile::{TileError, Tiled, tile};

use host::Entry;
use record::Record;
use scenario::{Machine, Os, Scenario};

/// Why no logs were written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The scenario file cannot be read.
    #[error("cannot read the scenario {}: {source}", path.display())]
    Read {
        /// The scenario file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The scenario says something that makes no sense.
    #[error("{}: {source}", path.display())]
    Scenario {
        /// The scenario file.
        path: PathBuf,
        /// What, and where.
        source: ScenarioError,
    },
    /// A log cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The log, or its folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Writes the logs of a scenario under a folder; returns their paths, sorted.
///
/// Each file is written beside its place and renamed when complete.
pub fn run(scenario_path: &Path, out_dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let text = std::fs::read_to_string(scenario_path).map_err(|source| Error::Read {
        path: scenario_path.into(),
        source,
    })?;
    let logs = render(&text).map_err(|source| Error::Scenario {
        path: scenario_path.into(),
        source,
    })?;
    let mut paths = Vec::new();
    for (relative, bytes) in logs {
        let path = out_dir.join(relative);
        place(&path, &bytes).map_err(|source| Error::Write {
            path: path.clone(),
            source,
        })?;
        paths.push(path);
    }
    Ok(paths)
}

fn place(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    // Like any file that a program writes, not for the owner alone.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut beside = builder.tempfile_in(folder)?;
    beside.write_all(bytes)?;
    beside.persist(path)?;
    Ok(())
}

/// The logs of a scenario: paths relative to the output folder, sorted, and contents.
pub fn render(scenario_text: &str) -> Result<Vec<(PathBuf, Vec<u8>)>, ScenarioError> {
    Ok(logs(scenario_text)?
        .into_iter()
        .map(|log| (log.path, log.bytes))
        .collect())
}

/// What a reader must find in each log that [`render`] makes and no `damage` touches, record by record.
pub fn expected(scenario_text: &str) -> Result<Vec<(PathBuf, Vec<ExpectedRecord>)>, ScenarioError> {
    let describe = |log: Log| {
        let records = log
            .records
            .iter()
            .map(|(number, record)| record.expected(*number))
            .collect();
        (log.path, records)
    };
    let whole = logs(scenario_text)?.into_iter().filter(|log| !log.damaged);
    Ok(whole.map(describe).collect())
}

/// A finished log with the records that are still in it.
struct Log {
    path: PathBuf,
    bytes: Vec<u8>,
    records: Vec<(u64, Record)>,
    damaged: bool,
}

fn logs(scenario_text: &str) -> Result<Vec<Log>, ScenarioError> {
    let scenario = Scenario::parse(scenario_text)?;
    let mut logs: BTreeMap<PathBuf, Log> = BTreeMap::new();
    let mut keep = |folder: &str, name: &str, records: Vec<(u64, Record)>, shape| {
        let path = Path::new(folder).join(name);
        let fault = |what: String| ScenarioError {
            line: 1,
            place: format!("{}: ", path.display()),
            what,
        };
        let mut records = records;
        let file = file::write(&records, shape).map_err(|too_large| {
            let number = records
                .get(too_large.index)
                .map_or(0, |(number, _)| *number);
            fault(format!("record {number} is larger than a chunk of 64 KiB"))
        })?;
        records.drain(..file.first_kept);
        let log = Log {
            path: path.clone(),
            bytes: file.bytes,
            records,
            damaged: false,
        };
        match logs.insert(path.clone(), log) {
            Some(_) => Err(fault("two logs of this name".into())),
            None => Ok(()),
        }
    };
    let mut collected: BTreeMap<&str, Vec<(u64, Record)>> = BTreeMap::new();
    // Every record of each log that a machine keeps, with those that are gone from it.
    let mut written: BTreeMap<PathBuf, (Vec<(u64, Record)>, file::Shape)> = BTreeMap::new();
    for machine in &scenario.machines {
        for (channel, entries) in story::tell(&scenario, machine)? {
            let Numbered {
                records,
                cleared,
                archives,
            } = number(machine, &channel, entries);
            for (name, range) in archives {
                let records = records.get(range).unwrap_or_default().to_vec();
                if machine.keep {
                    keep(&machine.name, &name, records, shape(machine, &channel))?;
                }
            }
            if machine.keep {
                let options = machine.options(&channel);
                let name = options
                    .and_then(|options| options.file.clone())
                    .unwrap_or_else(|| format!("{}.evtx", channel.replace('/', "%4")));
                written.insert(
                    Path::new(&machine.name).join(&name),
                    (records.clone(), shape(machine, &channel)),
                );
                keep(
                    &machine.name,
                    &name,
                    records.get(cleared..).unwrap_or_default().to_vec(),
                    shape(machine, &channel),
                )?;
            }
            collected.entry(&machine.name).or_default().extend(records);
        }
    }
    for collector in &scenario.collectors {
        let mut records: Vec<Record> = Vec::new();
        for (order, name) in collector.from.iter().enumerate() {
            for (number, mut record) in collected.get(name.as_str()).cloned().unwrap_or_default() {
                record.forwarded = true;
                record.source_number = Some(number);
                // Machines deliver in batches of their own rhythm, so that their records interleave.
                let rhythm = (5 + 4 * order as u64) * 10_000_000;
                record.collected =
                    Some(record.time.div_ceil(rhythm) * rhythm + number % 10_000_000);
                records.push(record);
            }
        }
        records.sort_by_key(Record::written);
        let first = collector.first_record.unwrap_or(1);
        let numbered = (first..).zip(records).collect();
        let shape = file::Shape {
            minor_version: 1,
            dirty: false,
            chunk_records: collector.chunk_records,
            max_chunks: None,
        };
        keep(&collector.name, "ForwardedEvents.evtx", numbered, shape)?;
    }
    for copy in &scenario.copies {
        let place = format!("copy of {}", copy.what.log);
        let Some((records, shape)) = written.get(Path::new(&copy.what.log)) else {
            return Err(copy.fault(&place, "no machine keeps a log of this path"));
        };
        let (folder, name) = copy
            .what
            .file
            .rsplit_once('/')
            .unwrap_or(("", &copy.what.file));
        for part in copy.what.file.split('/') {
            scenario::check_folder_name(part).map_err(|what| copy.fault(&place, what))?;
        }
        let (from, to) = (
            copy.what.from.unwrap_or(0),
            copy.what.to.unwrap_or(u64::MAX),
        );
        let wanted = records
            .iter()
            .filter(|(number, _)| (from..=to).contains(number));
        keep(folder, name, wanted.cloned().collect(), *shape)?;
    }
    for damage in &scenario.damages {
        let place = format!("damage of {}", damage.what.log);
        let Some(log) = logs.get_mut(Path::new(&damage.what.log)) else {
            return Err(damage.fault(&place, "the scenario writes no log of this path"));
        };
        damage::apply(&mut log.bytes, &damage.what).map_err(|what| damage.fault(&place, what))?;
        log.damaged = true;
    }
    Ok(logs.into_values().collect())
}

/// A channel's records with their numbers.
struct Numbered {
    records: Vec<(u64, Record)>,
    /// How many of them the log has lost to a clear or an archive.
    cleared: usize,
    /// Files that the log became when it was full, with their part of `records`.
    archives: Vec<(String, std::ops::Range<usize>)>,
}

/// Gives a channel's records their numbers.
fn number(machine: &Machine, channel: &str, entries: Vec<Entry>) -> Numbered {
    let mut next = machine
        .options(channel)
        .and_then(|options| options.first_record)
        .unwrap_or(1);
    let (mut records, mut cleared, mut archives) = (Vec::new(), 0, Vec::new());
    for entry in entries {
        match entry {
            Entry::Record(record) => {
                records.push((next, *record));
                next = next.saturating_add(1);
            }
            Entry::Lose(count) => next = next.saturating_add(count),
            Entry::Clear => cleared = records.len(),
            Entry::Archive(name) => {
                archives.push((name, cleared..records.len()));
                cleared = records.len();
            }
        }
    }
    Numbered {
        records,
        cleared,
        archives,
    }
}

fn shape(machine: &Machine, channel: &str) -> file::Shape {
    let options = machine.options(channel);
    let usual = if machine.os >= Os::Ten { 2 } else { 1 };
    file::Shape {
        minor_version: options
            .and_then(|options| options.minor_version)
            .unwrap_or(usual),
        dirty: options.is_some_and(|options| options.dirty),
        chunk_records: options.and_then(|options| options.chunk_records),
        max_chunks: options.and_then(|options| options.max_chunks),
    }
}
