//! Which logs are of one machine, as far as can be told by looking at a record or two of each.
//!
//! In: paths. Out: [`Unit`]s, such that the logs of one machine are in one unit. A unit may hold several machines, which the
//! analysis tells apart; what it must not do is part a machine.
//!
//! - A package is never parted.
//! - Logs of one folder go together: a machine may have been renamed between them. But a folder in which two logs of a channel
//!   hold records of the same numbers, and have no name in common, is one of several machines: there each log goes by itself.
//! - What so goes together has the names of its logs' first and last records, and a latest one: that of the latest record of
//!   Security, else of System, else of any log. It is joined with all that has this name, present or earlier (first label,
//!   whatever the case), wherever that lies. An earlier name alone joins nothing: machines of one image share it.
//! - The name that a collection gives its machine (its layout) is a name like those, and that of the unit where no record can be
//!   read. What has neither goes by its folder.
//!
//! What that misses are names that stand in the midst of logs only, as in those of collectors: if the machine has logs of its own
//! in other folders too, it is in two units; and, in a folder of several machines, a machine that was renamed between two logs.
//! A record that both units hold is then told twice, and neither knows that the other has the same name.

use super::name;
use crate::analysis::{Options, in_parallel};
use crate::error::Error;
use crate::evidence::{self, Item, Log, NoPlace, Skipped, Unpacking};
use crate::log::{self, Block, Reader, Record};
use crate::progress::Progress;
use crate::session::first_label;
use crate::time::Time;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// What there is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What was named.
    pub paths: Vec<PathBuf>,
    /// Sorted by folder, each with a folder of its own, whatever the case of letters.
    pub units: Vec<Unit>,
    /// What should have been a log, is not, and lies beside the logs of no one unit.
    pub skipped: Vec<Skipped>,
    /// How many files are no logs, but for those in packages of units.
    pub other_files: u64,
}

/// The evidence of one machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// 16 hex digits: the same for the same host with the same files below the paths that were named, wherever those lie.
    pub id: String,
    /// Its latest name; `None` if no record tells it.
    pub host: Option<String>,
    /// What its folder is called.
    pub folder: String,
    /// The paths that were named and that its files are or lie below, sorted.
    pub paths: Vec<PathBuf>,
    /// What holds its logs, sorted by path.
    pub sources: Vec<Source>,
    /// What should have been a log and is not, in its packages and the folders of its logs.
    pub skipped: Vec<Skipped>,
}

/// A file of the evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What it holds.
    pub item: Item,
    /// Its size.
    pub bytes: u64,
}

/// One of so many equal parts of all units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    /// Which part, counted from 1.
    number: u64,
    /// How many there are.
    parts: u64,
}

impl FromStr for Partition {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers = text.strip_prefix("hash:").and_then(|n| n.split_once('/'));
        let numbers = numbers.and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        match numbers {
            Some((number, parts)) if (1..=parts).contains(&number) => {
                Ok(Partition { number, parts })
            }
            _ => Err("a part is hash:I/N, with I from 1 to N"),
        }
    }
}

impl Partition {
    /// Whether a unit is in this part; it is in exactly one of all.
    pub fn holds(self, unit: &Unit) -> bool {
        let hash = u64::from_str_radix(&unit.id, 16).unwrap_or_default();
        hash % self.parts == self.number - 1
    }
}

/// Looks for logs below `paths` and puts those of each machine together.
///
/// # Errors
/// [`Error::NoLog`] if there is no log, [`Error::Threads`] if the workers cannot be started, [`Error::NoPlace`] if a package
/// cannot be unpacked anywhere, [`Error::Stopped`] if that was asked for.
pub fn plan(paths: &[PathBuf], options: Options<'_>) -> Result<Plan, Error> {
    let mut found = evidence::find(paths);
    let default = Unpacking::default();
    let unpacking = options.unpacking.unwrap_or(&default);
    let unseen = Progress::default();
    let progress = options.progress.unwrap_or(&unseen);
    progress.expect(found.items.iter().map(size).sum());
    let samples = in_parallel(options.threads, &found.items, |item| {
        if progress.stop().is_requested() {
            return Ok(Sample::default());
        }
        progress.begin(&item.path);
        let sample = sample(item, unpacking);
        progress.advance(size(item));
        sample
    })?;
    if progress.stop().is_requested() {
        return Err(Error::Stopped);
    }
    let mut samples: Vec<Sample> = samples.into_iter().collect::<Result<_, _>>()?;
    for sample in &mut samples {
        found.skipped.append(&mut sample.skipped);
        if !sample.has_logs {
            found.other_files += sample.other_files;
        }
    }
    let known = found.items.into_iter().zip(samples);
    let (items, samples): (Vec<Item>, Vec<Sample>) =
        known.filter(|(_, sample)| sample.has_logs).unzip();
    if items.is_empty() {
        return Err(Error::NoLog {
            paths: paths.to_vec(),
            skipped: found.skipped,
            members_not_searched: 0,
        });
    }
    let mut units = put_together(items, samples);
    for unit in &mut units {
        unit.name(paths);
    }
    tell_apart(&mut units);
    units.sort_by(|a, b| a.folder.cmp(&b.folder));
    let skipped = give_skipped(found.skipped, &mut units);
    Ok(Plan {
        paths: paths.to_vec(),
        units,
        skipped,
        other_files: found.other_files,
    })
}

/// What a log says by its first record or its last.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mark {
    computer: String,
    channel: String,
    number: u64,
    time: Time,
}

impl Mark {
    fn of(record: &Record<'_>) -> Option<Self> {
        (!record.computer().is_empty()).then(|| Mark {
            computer: record.computer().to_owned(),
            channel: record.channel().to_owned(),
            number: record.record_id,
            time: record.time,
        })
    }

    /// What it tells of the machine's name.
    fn label(&self) -> String {
        first_label(&self.computer)
    }

    /// What says more about the name that the machine has now is greater.
    fn weight(&self) -> (u8, Time, u64, &str) {
        let channel = match self.channel.as_str() {
            "Security" => 2,
            "System" => 1,
            _ => 0,
        };
        (channel, self.time, self.number, &self.computer)
    }
}

/// What is known of an item.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Sample {
    /// Its size.
    bytes: u64,
    /// Where it lies; a package lies in itself.
    folder: PathBuf,
    has_logs: bool,
    /// The first and last record of each of its logs.
    logs: Vec<(Mark, Mark)>,
    /// The machines that collections say its logs are of.
    hosts: Vec<String>,
    /// What should have been a log in it and is not.
    skipped: Vec<Skipped>,
    /// How many of its members are no logs; itself, if it is none.
    other_files: u64,
}

fn size(item: &Item) -> u64 {
    fs::metadata(&item.path).map_or(0, |meta| meta.len())
}

fn sample(item: &Item, unpacking: &Unpacking) -> Result<Sample, NoPlace> {
    let unpacked = item.open(unpacking)?;
    let logs = &unpacked.logs;
    let folder = match logs.first() {
        Some(log) if !item.is_package() => &log.folder,
        _ => &item.path,
    };
    Ok(Sample {
        bytes: size(item),
        folder: folder.clone(),
        has_logs: !logs.is_empty(),
        logs: logs.iter().filter_map(ends).collect(),
        hosts: logs.iter().filter_map(|log| log.host.clone()).collect(),
        skipped: unpacked.skipped,
        other_files: unpacked.other_files,
    })
}

/// The first record of a log and the last, in the order of the file.
fn ends(log: &Log) -> Option<(Mark, Mark)> {
    let mut reader = Reader::default();
    let mut read = |block: Block, is_enough: fn(&Option<Mark>) -> bool| {
        let mut mark = None;
        reader.read(&log.content, block, &mut |record| {
            if !is_enough(&mark) {
                mark = Mark::of(record).or(mark.take());
            }
        });
        mark
    };
    let size = log.content.size();
    let first = log::chunks(size).find_map(|block| read(block, Option::is_some))?;
    let last = log::chunks(size)
        .rev()
        .find_map(|block| read(block, |_| false))?;
    Some((first, last))
}

/// Logs that are not parted.
struct Group {
    sources: Vec<Source>,
    names: BTreeSet<String>,
    /// What tells its latest name.
    latest: Option<Mark>,
    /// The name that its collection gives it.
    collected: Option<String>,
}

impl Group {
    fn new(together: Vec<(Item, Sample)>) -> Self {
        let marks = together.iter().flat_map(|(_, sample)| &sample.logs);
        let marks = marks.flat_map(|(first, last)| [first, last]);
        let hosts = together.iter().flat_map(|(_, sample)| &sample.hosts);
        let labels = hosts.clone().map(|host| first_label(host));
        Group {
            names: marks.clone().map(Mark::label).chain(labels).collect(),
            collected: hosts.min().cloned(),
            latest: marks.max_by_key(|mark| mark.weight()).cloned(),
            sources: together.into_iter().map(Source::from).collect(),
        }
    }
}

impl From<(Item, Sample)> for Source {
    fn from((item, Sample { bytes, .. }): (Item, Sample)) -> Self {
        Source { item, bytes }
    }
}

/// The units, but for what [`Unit::name`] adds.
fn put_together(items: Vec<Item>, samples: Vec<Sample>) -> Vec<Unit> {
    let mut folders: BTreeMap<PathBuf, Vec<(Item, Sample)>> = BTreeMap::new();
    for (item, sample) in items.into_iter().zip(samples) {
        let folder = folders.entry(sample.folder.clone()).or_default();
        folder.push((item, sample));
    }
    let mut groups: Vec<Group> = Vec::new();
    for together in folders.into_values() {
        if is_mixed(together.iter().map(|(_, sample)| sample)) {
            let (named, nameless): (Vec<_>, Vec<_>) = together
                .into_iter()
                .partition(|(_, sample)| !sample.logs.is_empty());
            groups.extend(named.into_iter().map(|one| Group::new(vec![one])));
            if !nameless.is_empty() {
                groups.push(Group::new(nameless));
            }
        } else {
            groups.push(Group::new(together));
        }
    }
    joined(groups).into_iter().map(Unit::new).collect()
}

/// Joins groups by the latest name of one.
fn joined(groups: Vec<Group>) -> Vec<Vec<Group>> {
    let mut holders: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for group in &groups {
        holders.extend(group.latest.iter().map(|mark| (mark.label(), Vec::new())));
    }
    for (at, group) in groups.iter().enumerate() {
        for name in &group.names {
            if let Some(holders) = holders.get_mut(name) {
                holders.push(at);
            }
        }
    }
    let mut left: Vec<Option<Group>> = groups.into_iter().map(Some).collect();
    let mut joined = Vec::new();
    for first in 0..left.len() {
        let mut next = vec![first];
        let mut found = Vec::new();
        while let Some(at) = next.pop() {
            let Some(group) = left.get_mut(at).and_then(Option::take) else {
                continue;
            };
            // Each name is followed once.
            next.extend(
                group
                    .names
                    .iter()
                    .flat_map(|name| holders.remove(name))
                    .flatten(),
            );
            found.push(group);
        }
        if !found.is_empty() {
            joined.push(found);
        }
    }
    joined
}

/// Whether logs are of several machines: a machine gives each number of a channel once, and under one name.
fn is_mixed<'s>(samples: impl ExactSizeIterator<Item = &'s Sample>) -> bool {
    if samples.len() < 2 {
        return false;
    }
    let mut runs: Vec<(&str, u64, u64, [String; 2])> = samples
        .flat_map(|sample| &sample.logs)
        .filter(|(first, last)| first.channel == last.channel)
        .map(|(first, last)| {
            let names = [first.label(), last.label()];
            let (low, high) = (first.number.min(last.number), first.number.max(last.number));
            (&*first.channel, low, high, names)
        })
        .collect();
    runs.sort();
    // Of the runs so far the one that goes on longest.
    let mut longest: Option<&(&str, u64, u64, [String; 2])> = None;
    for run in &runs {
        let (channel, low, high, names) = run;
        let before = longest.filter(|before| before.0 == *channel);
        if before.is_some_and(|(_, _, end, others)| {
            end >= low && !names.iter().any(|name| others.contains(name))
        }) {
            return true;
        }
        if before.is_none_or(|(_, _, end, _)| end < high) {
            longest = Some(run);
        }
    }
    false
}

/// The named paths that a file is or lies below.
fn roots<'n>(path: &Path, named: &'n [PathBuf]) -> impl Iterator<Item = &'n PathBuf> {
    named.iter().filter(move |root| path.starts_with(root))
}

/// A file by its path below the path that was named, so that it does not matter where that lies.
fn inside(path: &Path, named: &[PathBuf]) -> String {
    let roots = roots(path, named);
    let inside = roots.filter_map(|root| path.strip_prefix(root).ok());
    let inside = inside.max_by_key(|inside| inside.components().count());
    let inside = inside.filter(|inside| *inside != Path::new(""));
    let name = || path.file_name().map(Path::new);
    let inside = inside.or_else(name).unwrap_or(path);
    let parts = inside.components();
    let parts: Vec<_> = parts
        .map(|part| part.as_os_str().to_string_lossy())
        .collect();
    parts.join("/")
}

impl Unit {
    fn new(groups: Vec<Group>) -> Self {
        let latest = groups.iter().filter_map(|group| group.latest.as_ref());
        let latest = latest.max_by_key(|mark| mark.weight());
        let host = latest.map(|mark| mark.computer.clone());
        let collected = groups.iter().filter_map(|group| group.collected.clone());
        let host = host.or_else(|| collected.min());
        let sources = groups.into_iter().flat_map(|group| group.sources);
        let mut sources: Vec<Source> = sources.collect();
        sources.sort_by(|a, b| a.item.path.cmp(&b.item.path));
        Unit {
            id: String::new(),
            host,
            folder: String::new(),
            paths: Vec::new(),
            sources,
            skipped: Vec::new(),
        }
    }

    /// How many bytes its files have.
    pub fn bytes(&self) -> u64 {
        self.sources.iter().map(|source| source.bytes).sum()
    }

    /// Adds id and folder.
    fn name(&mut self, named: &[PathBuf]) {
        let files = self.sources.iter();
        let files = files.map(|file| (inside(&file.item.path, named), file.bytes));
        let mut files: Vec<(String, u64)> = files.collect();
        files.sort();
        let mut digest = Sha256::new();
        let mut field = |text: &str| {
            digest.update((text.len() as u64).to_le_bytes());
            digest.update(text);
        };
        let label = self.host.as_deref().map(first_label);
        field(label.as_deref().unwrap_or_default());
        for (path, bytes) in files {
            field(&path);
            field(&bytes.to_string());
        }
        self.id = hex(digest);
        self.folder = name::folder(self.host.as_deref());
        let files = self.sources.iter();
        let paths = files.flat_map(|file| roots(&file.item.path, named));
        let paths: BTreeSet<&PathBuf> = paths.collect();
        self.paths = paths.into_iter().cloned().collect();
    }
}

fn hex(digest: Sha256) -> String {
    let digest = digest.finalize();
    let bytes = digest.iter().take(8);
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

/// Gives units of which a file system could take one for the other folders of their own, and ids where those are the same.
fn tell_apart(units: &mut [Unit]) {
    let mut ids: BTreeMap<String, u64> = BTreeMap::new();
    for unit in &mut *units {
        let before = ids.entry(unit.id.clone()).or_default();
        if *before > 0 {
            unit.id = hex(Sha256::new().chain_update(format!("{} {before}", unit.id)));
        }
        *before += 1;
    }
    let mut folders: HashMap<String, u32> = HashMap::new();
    for unit in &*units {
        *folders.entry(unit.folder.to_lowercase()).or_default() += 1;
    }
    for unit in units {
        let is_shared = folders.get(&unit.folder.to_lowercase()) != Some(&1);
        if is_shared || unit.host.is_none() {
            unit.folder = name::told_apart(&unit.folder, &unit.id);
        }
    }
}

/// Gives what was skipped to the unit in whose package or only folder it lies; the rest is returned.
fn give_skipped(skipped: Vec<Skipped>, units: &mut [Unit]) -> Vec<Skipped> {
    let mut packages: HashMap<PathBuf, usize> = HashMap::new();
    let mut homes: HashMap<PathBuf, BTreeSet<usize>> = HashMap::new();
    for (at, unit) in units.iter().enumerate() {
        for Source { item, .. } in &unit.sources {
            let folder = item.path.parent().unwrap_or(&item.path).to_owned();
            homes.entry(folder).or_default().insert(at);
            if item.is_package() {
                packages.insert(item.path.clone(), at);
            }
        }
    }
    let mut rest = Vec::new();
    for one in skipped {
        let package = one.path.ancestors().find_map(|path| packages.get(path));
        let folder = one.path.parent().and_then(|folder| homes.get(folder));
        let folder = folder.filter(|units| units.len() == 1);
        let home = package.or_else(|| folder?.first());
        match home.and_then(|&at| units.get_mut(at)) {
            Some(unit) => unit.skipped.push(one),
            None => rest.push(one),
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log of a channel whose first and last records have these names and numbers.
    fn log(path: &str, channel: &str, names: [&str; 2], numbers: [u64; 2]) -> (Item, Sample) {
        let mark = |at: usize| Mark {
            computer: names[at].to_owned(),
            channel: channel.to_owned(),
            number: numbers[at],
            time: Time::from_filetime(numbers[at]),
        };
        let path = PathBuf::from(path);
        let sample = Sample {
            folder: path.parent().unwrap().to_owned(),
            has_logs: true,
            logs: vec![(mark(0), mark(1))],
            ..Sample::default()
        };
        (Item::log(path), sample)
    }

    fn units(logs: Vec<(Item, Sample)>) -> Vec<(String, Vec<String>)> {
        let (items, samples) = logs.into_iter().unzip();
        let units = put_together(items, samples).into_iter();
        units
            .map(|unit| {
                let paths = unit.sources.iter().map(|source| &source.item.path);
                let paths = paths
                    .map(|path| path.to_str().unwrap().to_owned())
                    .collect();
                (unit.host.unwrap_or_default(), paths)
            })
            .collect()
    }

    fn paths(paths: &[&str]) -> Vec<String> {
        paths.iter().map(|path| (*path).to_owned()).collect()
    }

    #[test]
    fn logs_of_one_name_are_one_unit_wherever_they_lie() {
        let found = units(vec![
            log("a/s.evtx", "Security", ["WS1", "WS1"], [1, 9]),
            log("b/s.evtx", "Security", ["ws1.corp", "ws1.corp"], [5, 20]),
            log("c/s.evtx", "Security", ["WS2", "WS2"], [1, 9]),
        ]);
        assert_eq!(
            found,
            [
                ("ws1.corp".into(), paths(&["a/s.evtx", "b/s.evtx"])),
                ("WS2".into(), paths(&["c/s.evtx"]))
            ]
        );
    }

    #[test]
    fn a_folder_goes_by_its_present_name_whatever_names_its_machine_had() {
        // Setup writes logs under a name that all machines of an image share.
        let machine = |folder: &str, name: &str| {
            vec![
                log(
                    &format!("{folder}/setup"),
                    "Setup",
                    ["MINWINPC"; 2],
                    [1, 900],
                ),
                log(
                    &format!("{folder}/sys"),
                    "System",
                    ["MINWINPC", name],
                    [1, 90],
                ),
                log(&format!("{folder}/sec"), "Security", [name; 2], [10, 20]),
            ]
        };
        let found = units([machine("a", "WS1"), machine("b", "WS2")].concat());
        assert_eq!(
            found,
            [
                ("WS1".into(), paths(&["a/sec", "a/setup", "a/sys"])),
                ("WS2".into(), paths(&["b/sec", "b/setup", "b/sys"]))
            ]
        );
        // An archive from before a rename: its numbers end where those of the log begin.
        let renamed = units(vec![
            log("a/archive", "Security", ["OLD", "OLD"], [1, 50]),
            log("a/live", "Security", ["NEW", "NEW"], [51, 70]),
        ]);
        assert_eq!(renamed, [("NEW".into(), paths(&["a/archive", "a/live"]))]);
    }

    #[test]
    fn a_folder_of_several_machines_is_parted_by_name() {
        let found = units(vec![
            log("all/1", "Security", ["WS1", "WS1"], [100, 200]),
            log("all/2", "Security", ["WS2", "WS2"], [150, 160]),
            log("all/3", "System", ["WS1", "WS1"], [1, 9]),
            log("all/4", "System", ["OLD", "WS2"], [300, 900]),
        ]);
        assert_eq!(
            found,
            [
                ("WS1".into(), paths(&["all/1", "all/3"])),
                ("WS2".into(), paths(&["all/2", "all/4"]))
            ]
        );
        // A copy from before a rename holds numbers of the log, and a name of it.
        let copied = units(vec![
            log("all/copy", "Security", ["OLD", "OLD"], [1, 50]),
            log("all/live", "Security", ["OLD", "NEW"], [20, 70]),
        ]);
        assert_eq!(copied.len(), 1);
    }

    #[test]
    fn a_machine_that_was_renamed_is_one_unit_where_its_present_logs_show_the_earlier_name() {
        let found = units(vec![
            log("2023/sec", "Security", ["OLD", "OLD"], [1, 50]),
            log("2024/sec", "Security", ["OLD", "NEW"], [40, 90]),
            log("2025/sec", "Security", ["NEW", "NEW"], [200, 300]),
            log("other/sec", "Security", ["OTHER", "OTHER"], [1, 50]),
        ]);
        let names: Vec<_> = found
            .iter()
            .map(|(name, logs)| (&**name, logs.len()))
            .collect();
        assert_eq!(names, [("NEW", 3), ("OTHER", 1)]);
    }

    #[test]
    fn logs_without_records_go_by_their_folder() {
        let nameless = |path: &str| {
            let (item, mut sample) = log(path, "", ["", ""], [0, 0]);
            sample.logs.clear();
            (item, sample)
        };
        let found = units(vec![
            nameless("a/1"),
            nameless("a/2"),
            nameless("b/1"),
            nameless("c/1"),
            log("c/2", "System", ["WS1"; 2], [1, 9]),
        ]);
        assert_eq!(
            found,
            [
                (String::new(), paths(&["a/1", "a/2"])),
                (String::new(), paths(&["b/1"])),
                ("WS1".into(), paths(&["c/1", "c/2"]))
            ]
        );
    }

    #[test]
    fn a_source_is_named_from_the_path_that_was_given() {
        let named = ["/case/a", "/case/a/b", "/x/1.evtx"].map(PathBuf::from);
        assert_eq!(inside(Path::new("/case/a/b/c.evtx"), &named), "b/c.evtx");
        assert_eq!(inside(Path::new("/x/1.evtx"), &named), "1.evtx");
    }

    fn unit(id: &str, host: Option<&str>) -> Unit {
        Unit {
            id: id.to_owned(),
            host: host.map(str::to_owned),
            folder: name::folder(host),
            paths: Vec::new(),
            sources: Vec::new(),
            skipped: Vec::new(),
        }
    }

    #[test]
    fn no_two_units_have_one_folder_on_any_file_system_nor_one_id() {
        let mut units = [
            unit("a", Some("É")),
            unit("b", Some("x")),
            unit("c", Some("X")),
            unit("d", None),
            unit("d", None),
        ];
        tell_apart(&mut units);
        let folders: Vec<_> = units.iter().map(|unit| unit.folder.as_str()).collect();
        assert_eq!(
            folders[..4],
            ["host=%C3%89", "host=x~b", "host=X~c", "host=unknown~d"]
        );
        assert_ne!(units[3].id, units[4].id);
        assert_ne!(units[3].folder, units[4].folder);
    }

    #[test]
    fn every_unit_is_in_exactly_one_part() {
        let units: Vec<Unit> = (0..200_u64)
            .map(|n| {
                unit(
                    &format!("{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
                    None,
                )
            })
            .collect();
        for parts in [1, 2, 7, 300] {
            for unit in &units {
                let holders = (1..=parts)
                    .map(|number| format!("hash:{number}/{parts}").parse().unwrap())
                    .filter(|part: &Partition| part.holds(unit));
                assert_eq!(holders.count(), 1);
            }
        }
        for wrong in [
            "",
            "1/2",
            "hash:0/2",
            "hash:3/2",
            "hash:1/0",
            "hash:1",
            "hash:-1/2",
        ] {
            assert!(wrong.parse::<Partition>().is_err(), "{wrong}");
        }
    }
}
