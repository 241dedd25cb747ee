//! Runs the stages over all evidence in parallel and merges in a fixed order: the only file that mentions rayon.

use crate::damage::{Damage, DamageKind, Location};
use crate::error::Error;
use crate::event::{Action, Collector, Event, LogIndex, Text, status_text};
use crate::evidence::{self, Evidence, Item, Log, NoPlace, Skipped, Unpacked, Unpacking};
use crate::log::{self, Account, Block, Decoding, LogAccount, Reader, Record, Recovery};
use crate::progress::Progress;
use crate::session::{self, Coverage, Kind, LocalClock, Session, Source, Sources, Timeline};
use rayon::prelude::*;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::SystemTime;

/// An event in its place on the timeline.
#[derive(Debug, Clone, PartialEq)]
pub struct TimelineEvent {
    /// The event.
    pub event: Event,
    /// Which of the machines of the result wrote it, counted from 0.
    pub machine: usize,
    /// The machine's latest name.
    pub host: Text,
    /// What kind of logon it belongs to, if known.
    pub kind: Option<Kind>,
    /// The session it belongs to, if any.
    pub session: Option<Text>,
    /// Every log that holds the record; the first is `event.log`.
    pub sources: Sources,
}

impl TimelineEvent {
    /// Why a logon failed, in words: by the finer code if that says something, else by the other; `None` where
    /// neither does.
    pub fn failure_text(&self) -> Option<&'static str> {
        let codes = [self.event.sub_status, self.event.status];
        codes.into_iter().flatten().find_map(status_text)
    }
}

/// The whole result of a run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Analysis {
    /// Sorted by host, machine, start (else its latest bound), Logon ID; none before [`Paired::finish`].
    pub sessions: Vec<Session>,
    /// Sorted by host, machine, time, channel, record; none before [`Paired::finish`].
    pub events: Vec<TimelineEvent>,
    /// What the logs can speak of, by machine and channel; sorted by host, channel.
    pub coverage: Vec<Coverage>,
    /// The proven offsets of each machine's local time.
    pub local_clocks: Vec<LocalClock>,
    /// What became of each log, sorted by path; behind them what was recovered, in the same order.
    pub logs: Vec<LogAccount>,
    /// What should have been a log and is not.
    pub skipped: Vec<Skipped>,
    /// How many files are no logs.
    pub other_files: u64,
    /// How many members of packages are no logs and were not searched for records, though other files were.
    pub members_not_searched: u64,
    /// How many records stand in two logs with different contents; the first log's was used.
    pub conflicts: u64,
}

impl Analysis {
    /// The path of a log.
    pub fn path(&self, log: LogIndex) -> Option<&PathBuf> {
        self.logs.get(log.0 as usize).map(|log| &log.path)
    }

    /// Whether some evidence was damaged or unreadable (a dirty flag alone is no damage, nor is it that of something deleted not all is
    /// left).
    pub fn is_partial(&self) -> bool {
        let is_harmed = |log: &LogAccount| {
            let mut damage = log.account.damage.iter();
            damage.any(|damage| !log.recovered || damage.kind != DamageKind::Record)
        };
        !self.skipped.is_empty() || self.conflicts > 0 || self.logs.iter().any(is_harmed)
    }
}

/// Options of a run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'a> {
    /// Worker threads; `None`, and 0, mean one per core.
    pub threads: Option<usize>,
    /// What decodes records.
    pub decoding: Decoding,
    /// How packages are opened, if not by default.
    pub unpacking: Option<&'a Unpacking>,
    /// Whether records are added that live reading leaves out.
    pub recover: bool,
    /// Who is told how far it is, and can stop it.
    pub progress: Option<&'a Progress>,
}

/// A result whose sessions and events are still to be made: they take several times the space of what they are made from, and
/// not everybody needs all of them at once.
pub struct Paired {
    /// All but its sessions and events.
    analysis: Analysis,
    timelines: Vec<Timeline>,
    /// The numbers of the sessions of each timeline, in their order.
    order: Vec<Vec<u32>>,
    /// How many sessions there are up to the end of each timeline.
    upto: Vec<usize>,
    pool: rayon::ThreadPool,
}

/// Reads all evidence below `paths` and builds the timelines of all machines in it.
///
/// # Errors
/// [`Error::NoLog`] if there is no log, [`Error::Threads`] if the workers cannot be started, [`Error::NoPlace`] if a package
/// cannot be unpacked anywhere, [`Error::Stopped`] if that was asked for.
pub fn analyse(paths: &[PathBuf], options: Options<'_>) -> Result<Analysis, Error> {
    let mut paired = pair(paths, options)?;
    paired.finish();
    Ok(paired.analysis)
}

/// The same, but for the sessions and events.
///
/// # Errors
/// Those of [`analyse`].
pub fn pair(paths: &[PathBuf], options: Options<'_>) -> Result<Paired, Error> {
    pair_found(evidence::find(paths), paths, options)
}

/// The same of evidence that was found below `paths`.
///
/// # Errors
/// Those of [`analyse`].
pub fn pair_found(
    mut found: Evidence,
    paths: &[PathBuf],
    options: Options<'_>,
) -> Result<Paired, Error> {
    let pool = workers(options.threads)?;
    let unseen = Progress::default();
    let progress = options.progress.unwrap_or(&unseen);
    let Logs {
        mut accounts,
        sources,
        hosts,
        members_not_searched,
        ..
    } = pool.install(|| read(&mut found, &options, progress))?;
    if progress.stop().is_requested() {
        return Err(Error::Stopped);
    }
    if accounts.is_empty() {
        return Err(Error::NoLog {
            paths: paths.to_vec(),
            skipped: found.skipped,
            members_not_searched,
        });
    }
    let machines = pool.install(|| session::machines(sources));
    let conflicts = machines.iter().map(|m| m.conflicts.len() as u64).sum();
    let mut timelines: Vec<Timeline> =
        pool.install(|| machines.into_par_iter().map(session::timeline).collect());
    let coverage = timelines
        .iter_mut()
        .flat_map(|t| std::mem::take(&mut t.coverage));
    let coverage: Vec<Coverage> = coverage.collect();
    check_hosts(&hosts, &coverage, &mut accounts);
    // Machines are in the order of their hosts.
    let order: Vec<Vec<u32>> = pool.install(|| timelines.par_iter().map(Timeline::order).collect());
    let upto = order.iter().scan(0, |sessions, own| {
        *sessions += own.len();
        Some(*sessions)
    });
    Ok(Paired {
        analysis: Analysis {
            sessions: Vec::new(),
            events: Vec::new(),
            coverage,
            local_clocks: timelines.iter().map(|t| t.local_clock().clone()).collect(),
            logs: accounts,
            skipped: found.skipped,
            other_files: found.other_files,
            members_not_searched,
            conflicts,
        },
        upto: upto.collect(),
        order,
        timelines,
        pool,
    })
}

impl Paired {
    /// The result, as far as it is made.
    pub fn analysis(&self) -> &Analysis {
        &self.analysis
    }

    /// How many sessions there are to be made; none after [`Paired::finish`].
    pub fn sessions(&self) -> usize {
        self.upto.last().copied().unwrap_or(0)
    }

    /// Makes a session by its place among all.
    pub fn session(&self, place: usize) -> Option<Session> {
        let timeline = self.upto.partition_point(|upto| *upto <= place);
        let before = timeline.checked_sub(1).and_then(|at| self.upto.get(at));
        let own = self.order.get(timeline)?;
        let number = *own.get(place - before.copied().unwrap_or(0))?;
        self.timelines.get(timeline)?.session(number)
    }

    /// Makes all sessions and events that are still to be made.
    pub fn finish(&mut self) {
        let timelines = std::mem::take(&mut self.timelines);
        let order = std::mem::take(&mut self.order);
        self.upto.clear();
        let analysis = &mut self.analysis;
        self.pool.install(|| {
            let made = timelines.par_iter().zip(order).flat_map(|(timeline, own)| {
                let own = own.into_par_iter();
                own.filter_map(|number| timeline.session(number))
            });
            analysis.sessions = made.collect();
            analysis.events = timelines.into_iter().flat_map(on_timeline).collect();
            analysis.events.par_sort_by(|a, b| {
                let place = |e: &TimelineEvent| (e.machine, e.event.time);
                place(a).cmp(&place(b)).then_with(|| {
                    let (a, b) = (&a.event, &b.event);
                    (&a.channel, a.record_id(), a.log).cmp(&(&b.channel, b.record_id(), b.log))
                })
            });
        });
    }
}

/// What `make` makes of each of `items`, many at a time; in their order.
///
/// # Errors
/// [`Error::Threads`] if the workers cannot be started.
pub fn in_parallel<T: Sync, R: Send>(
    threads: Option<usize>,
    items: &[T],
    make: impl Fn(&T) -> R + Send + Sync,
) -> Result<Vec<R>, Error> {
    Ok(workers(threads)?.install(|| items.par_iter().map(make).collect()))
}

fn workers(threads: Option<usize>) -> Result<rayon::ThreadPool, Error> {
    let threads = threads.unwrap_or(0);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    pool.build().map_err(|error| Error::Threads {
        threads,
        message: error.to_string(),
    })
}

/// How many items are made at once.
const ITEMS: usize = 256;

/// Has `make` append bytes of each of `items`, many in parallel, and `sink` take them in the order of the items, those of
/// many at once. With one thread, or few items, all is done where it was called.
///
/// # Errors
/// Those of `sink`, or that the workers cannot be started.
pub fn in_order<T: Send + Sync>(
    threads: Option<usize>,
    mut items: impl Iterator<Item = T>,
    make: impl Fn(&T, &mut Vec<u8>) + Sync,
    mut sink: impl FnMut(&mut [u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut next = || items.by_ref().take(ITEMS).collect::<Vec<T>>();
    let make = |items: &[T], bytes: &mut Vec<u8>| {
        bytes.clear();
        items.iter().for_each(|item| make(item, bytes));
    };
    let mut some = next();
    let cores = || thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.filter(|&threads| threads > 0).unwrap_or_else(cores);
    if threads == 1 || some.len() < ITEMS {
        let mut bytes = Vec::new();
        while !some.is_empty() {
            make(&some, &mut bytes);
            sink(&mut bytes)?;
            some = next();
        }
        return Ok(());
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    let pool = pool.build().map_err(io::Error::other)?;
    let (mut made, mut making): (Vec<Vec<u8>>, Vec<_>) = Default::default();
    while !some.is_empty() || !made.is_empty() {
        let mut batch = Vec::new();
        while !some.is_empty() && batch.len() < 4 * threads {
            batch.push(std::mem::replace(&mut some, next()));
        }
        making.resize_with(batch.len(), Vec::new);
        // While the workers make the next, this thread hands over what they made before.
        pool.in_place_scope(|scope| {
            for (items, bytes) in batch.iter().zip(&mut making) {
                scope.spawn(|_| make(items, bytes));
            }
            made.iter_mut().try_for_each(|bytes| sink(bytes))
        })?;
        std::mem::swap(&mut made, &mut making);
    }
    Ok(())
}

/// What was read of the logs so far: of each all blocks up to one.
#[derive(Default)]
struct Logs {
    accounts: Vec<LogAccount>,
    sources: Vec<Source>,
    /// The numbers of what the logs lie in.
    folders: HashMap<PathBuf, usize>,
    /// The machines that collections say their logs are of.
    hosts: Vec<(LogIndex, String)>,
    /// What searching for records left out.
    members_not_searched: u64,
    /// How many blocks that is in all.
    blocks: usize,
    /// Blocks behind one that is still being read.
    ahead: BTreeMap<usize, (LogIndex, Account, Source)>,
}

impl Logs {
    /// Adds a log of which nothing has been read.
    fn begin(&mut self, log: &Log) -> LogIndex {
        let index = LogIndex(self.accounts.len() as u32);
        let host = log.host.iter().map(|host| (index, host.clone()));
        self.hosts.extend(host);
        let next = self.folders.len();
        self.sources.push(Source {
            folder: *self.folders.entry(log.folder.clone()).or_insert(next),
            ..Source::default()
        });
        self.accounts.push(LogAccount {
            path: log.path.clone(),
            recovered: false,
            account: Account {
                damage: log.damage.clone(),
                ..Account::default()
            },
            span: None,
            other_host: None,
        });
        index
    }

    /// Takes what was read of a block, one of all blocks.
    fn add(&mut self, block: usize, log: LogIndex, account: Account, part: Source) {
        self.ahead.insert(block, (log, account, part));
        while let Some((log, account, part)) = self.ahead.remove(&self.blocks) {
            self.blocks += 1;
            let log = log.0 as usize;
            let (Some(kept), Some(source)) =
                (self.accounts.get_mut(log), self.sources.get_mut(log))
            else {
                continue;
            };
            kept.account.add(account);
            for span in &part.spans {
                let (first, last) = kept.span.unwrap_or((span.earliest, span.latest));
                kept.span = Some((first.min(span.earliest), last.max(span.latest)));
            }
            source.uses.extend(part.uses);
            source.events.extend(part.events);
            source.spans.extend(part.spans);
        }
    }
}

/// Reads all logs of all items, and adds to what was found what packages hold besides; then, if that is asked for, what reading
/// leaves out: the logs of live records come first.
fn read(found: &mut Evidence, options: &Options<'_>, progress: &Progress) -> Result<Logs, NoPlace> {
    let default = Unpacking::default();
    let unpacking = options.unpacking.unwrap_or(&default);
    let mut read = Logs::default();
    let items = std::mem::take(&mut found.items);
    open_each(&items, unpacking, progress, |unpacked| {
        found.skipped.extend(unpacked.skipped);
        found.other_files += unpacked.other_files;
        if options.recover {
            read.members_not_searched += unpacked.other_members;
        }
        read_blocks(&mut read, &unpacked.logs, options.decoding, progress);
    })?;
    found.sort_skipped();
    if options.recover {
        let mut live = 0..read.accounts.len() as u32;
        open_each(&items, unpacking, progress, |unpacked| {
            for log in &unpacked.logs {
                let beside = live.next().map(LogIndex);
                recover(&mut read, log, beside, options.decoding, progress);
            }
            for package in &unpacked.unread {
                recover(&mut read, package, None, options.decoding, progress);
            }
        })?;
        // What something was recovered from was not skipped, if there is no more to it.
        let mut recovered = HashSet::new();
        for file in found.others() {
            if recover(&mut read, &file, None, options.decoding, progress) {
                recovered.insert(file.path);
            }
        }
        let is_left = |skipped: &Skipped| !recovered.contains(&skipped.path);
        found.skipped.retain(is_left);
    }
    Ok(read)
}

/// Opens items, as many at once as takes no more packages than there are threads, and hands over what is in them, in their order.
fn open_each(
    mut items: &[Item],
    unpacking: &Unpacking,
    progress: &Progress,
    mut each: impl FnMut(Unpacked),
) -> Result<(), NoPlace> {
    while !items.is_empty() {
        // Packages take memory and space while they are open.
        let mut packages = 0;
        let opened_at_once = items.iter().take_while(|item| {
            packages += usize::from(item.is_package());
            packages <= rayon::current_num_threads()
        });
        let (now, later) = items.split_at(opened_at_once.count());
        items = later;
        let open = |item: &Item| match progress.stop().is_requested() {
            true => Ok(Unpacked::default()),
            false => item.open(unpacking),
        };
        let opened: Result<Vec<Unpacked>, NoPlace> =
            now.par_iter().with_max_len(1).map(open).collect();
        let mut all = Unpacked::default();
        for unpacked in opened? {
            all.logs.extend(unpacked.logs);
            all.skipped.extend(unpacked.skipped);
            all.other_files += unpacked.other_files;
            all.other_members += unpacked.other_members;
            all.unread.extend(unpacked.unread);
        }
        each(all);
    }
    Ok(())
}

/// Reads all blocks of logs.
fn read_blocks(read: &mut Logs, logs: &[Log], decoding: Decoding, progress: &Progress) {
    let (mut begun, mut blocks) = (Vec::new(), Vec::new());
    for log in logs {
        let index = read.begin(log);
        begun.push((index, log));
        let own = log::blocks(log.content.size());
        blocks.extend(own.map(|block| (index, log, Part::Live(block))));
    }
    read_parts(read, &begun, &blocks, decoding, progress);
}

/// Recovers what reading a file leaves out, which is a log of its own, `beside` the one that the file is; whether there is any.
/// Of a file without any there is no account.
fn recover(
    read: &mut Logs,
    log: &Log,
    beside: Option<LogIndex>,
    decoding: Decoding,
    progress: &Progress,
) -> bool {
    // An export has given its records new numbers.
    let of_log = beside.and_then(|LogIndex(log)| read.sources.get(log as usize));
    let is_numbered =
        of_log.is_some_and(|log| !log.spans.is_empty() && log.spans.iter().all(|span| span.live));
    let index = read.begin(log);
    if let (Some(account), Some(source)) = (read.accounts.last_mut(), read.sources.last_mut()) {
        (account.recovered, source.recovered, source.beside) = (true, true, beside);
    }
    let parts = log::recoveries(&log.content, is_numbered);
    let parts: Vec<_> = parts.map(|part| (index, log, Part::Left(part))).collect();
    read_parts(read, &[(index, log)], &parts, decoding, progress);
    let is_empty = |log: &mut LogAccount| {
        let account = &log.account;
        account.chunks + account.read + account.damaged == 0 && account.damage.is_empty()
    };
    let is_nothing = read.accounts.pop_if(is_empty).is_some();
    if is_nothing {
        read.sources.pop();
    }
    !is_nothing
}

/// A part of a log that one thread reads.
#[derive(Clone, Copy)]
enum Part {
    Live(Block),
    Left(Recovery),
}

impl Part {
    fn is_first(self) -> bool {
        match self {
            Part::Live(block) => block.is_first(),
            Part::Left(part) => part.is_first(),
        }
    }

    fn size(self) -> u64 {
        match self {
            Part::Live(block) => block.size(),
            Part::Left(part) => part.size(),
        }
    }
}

/// Reads all parts of logs, one after the other, each on whichever thread is free; ends early if that is asked for.
fn read_parts(
    read: &mut Logs,
    logs: &[(LogIndex, &Log)],
    parts: &[(LogIndex, &Log, Part)],
    decoding: Decoding,
    progress: &Progress,
) {
    let first = read.blocks;
    progress.expect(parts.iter().map(|(.., part)| part.size()).sum());
    let stamps = logs.iter().map(|(_, log)| log.content.stamp());
    let stamps: Vec<_> = stamps.collect();
    let next = AtomicUsize::new(0);
    let shared = Mutex::new(&mut *read);
    let work = || {
        let mut reader = Reader::new(decoding);
        let mut collector = Collector::new(LogIndex(0));
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(&(index, log, part)) = parts.get(number) else {
                return;
            };
            if progress.stop().is_requested() {
                return;
            }
            if part.is_first() {
                progress.begin(&log.path);
            }
            collector.begin(index);
            let mut each = |record: &Record<'_>| collector.add(record);
            let account = match part {
                Part::Live(block) => reader.read(&log.content, block, &mut each),
                Part::Left(part) => reader.recover(&log.content, part, &mut each),
            };
            let found = Source {
                events: std::mem::take(&mut collector.events),
                spans: std::mem::take(&mut collector.spans),
                uses: collector.take_uses(),
                ..Source::default()
            };
            let mut read = shared.lock().unwrap_or_else(PoisonError::into_inner);
            read.add(first + number, index, account, found);
            drop(read);
            progress.advance(part.size());
        }
    };
    rayon::scope(|scope| {
        for _ in 0..rayon::current_num_threads().min(parts.len()) {
            scope.spawn(|_| work());
        }
    });
    for ((index, log), stamp) in logs.iter().zip(stamps) {
        let now = log.content.stamp();
        let account = read.accounts.get_mut(index.0 as usize);
        if let Some(read) = account.filter(|_| now != stamp) {
            read.account.add_damage(Damage {
                location: Location::default(),
                kind: DamageKind::Changed,
                message: changed(stamp, now),
            });
        }
    }
}

/// In words, how a file was changed while it was read.
fn changed(before: Option<(u64, SystemTime)>, now: Option<(u64, SystemTime)>) -> String {
    let how = match (before, now) {
        (Some((before, _)), Some((now, _))) if before != now => {
            format!("it had {before} bytes and has {now}")
        }
        (_, None) => "it is there no more".to_owned(),
        _ => "it was written to".to_owned(),
    };
    format!("changed while it was read: {how}")
}

/// Notes of each log the machine that it should be of, where none of its machines has or had that name: the first label of
/// names counts, and no case.
fn check_hosts(hosts: &[(LogIndex, String)], coverage: &[Coverage], accounts: &mut [LogAccount]) {
    let label = |name: &str| name.split('.').next().unwrap_or_default().to_lowercase();
    let mut known: HashMap<LogIndex, HashSet<String>> = HashMap::new();
    for of_channel in coverage {
        let names = || std::iter::once(&of_channel.host).chain(&*of_channel.host_aliases);
        for log in &of_channel.logs {
            let own = known.entry(log.log).or_default();
            own.extend(names().map(|name| label(name)));
        }
    }
    for (log, host) in hosts {
        let is_other = known
            .get(log)
            .is_some_and(|names| !names.contains(&label(host)));
        if let Some(account) = accounts.get_mut(log.0 as usize).filter(|_| is_other) {
            account.other_host = Some(host.clone());
        }
    }
}

/// The events of a machine that belong on the timeline: all but those that only mark where a boot begins.
fn on_timeline(timeline: Timeline) -> impl Iterator<Item = TimelineEvent> {
    let ids: Vec<Text> = timeline.ids().collect();
    let numbers = 0..timeline.machine().events.len();
    let places = numbers.map(|event| (timeline.session_of(event), timeline.kind_of(event)));
    let places: Vec<(Option<usize>, Option<Kind>)> = places.collect();
    let machine = timeline.into_machine();
    let mut copies = machine.copies.into_iter().peekable();
    let events = machine.events.into_iter().enumerate().zip(places);
    events.filter_map(move |((place, event), (session, kind))| {
        let copied = copies.next_if(|(copied, _)| *copied == place);
        if matches!(event.action, Action::StartingUp | Action::Used) {
            return None;
        }
        Some(TimelineEvent {
            machine: machine.number,
            host: machine.host.clone(),
            kind,
            session: session.and_then(|session| ids.get(session)).cloned(),
            sources: copied.map_or(Sources::of(event.log), |(_, logs)| logs),
            event,
        })
    })
}
