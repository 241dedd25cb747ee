//! Runs units one after the other; of each nothing is kept but what became of it.

use super::manifest::{self, Arguments, Basis, Input};
use super::plan::{Plan, Source, Unit};
use super::rest::Rest;
use super::work::{Put, Work};
use super::{Failure, digest, tables};
use crate::analysis::{Analysis, Options, in_parallel, pair_found};
use crate::evidence::{Evidence, Item, open};
use crate::export::messages::{self, Message, OfUnit};
use crate::export::{Format, path_text};
use crate::progress::Progress;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What is to be made of each unit.
#[derive(Debug, Clone)]
pub struct Job<'a> {
    /// The folder that the folders of units are put in; it is there.
    pub out: PathBuf,
    /// Which formats.
    pub formats: Vec<Format>,
    /// How evidence is read.
    pub options: Options<'a>,
    /// Whether CSV holds text from evidence exactly.
    pub csv_raw: bool,
    /// Whether what is finished is done again.
    pub force: bool,
}

/// A unit that is finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// Whether it was before.
    pub before: bool,
    /// Whether some of its evidence was damaged or unreadable.
    pub partial: bool,
    /// What a run over its evidence alone would tell: what was damaged or skipped; and last, what was read. Nothing if it was finished
    /// before.
    pub messages: Vec<Message>,
}

impl From<&Unit> for OfUnit {
    fn from(unit: &Unit) -> Self {
        OfUnit {
            id: unit.id.clone(),
            folder: unit.folder.clone(),
        }
    }
}

/// The exit status of a unit all of whose evidence was read.
const WHOLE: u8 = 0;

/// The exit status of a unit some of whose evidence is damaged or unreadable.
const PARTIAL: u8 = 3;

/// A run over units.
pub struct Units<'j> {
    job: &'j Job<'j>,
    work: Work,
}

impl<'j> Units<'j> {
    /// Begins a run over units of a plan; removes what killed runs left in the same folder, and says there what is in no unit.
    ///
    /// # Errors
    /// [`Failure::Io`].
    pub fn begin(job: &'j Job<'j>, plan: &Plan) -> Result<Self, Failure> {
        let work = Work::begin(&job.out)?;
        Rest::put(plan, &work, &job.out)?;
        Ok(Units { job, work })
    }

    /// Finishes a unit, unless that is done already; tells `progress` how far it is.
    ///
    /// # Errors
    /// Those of the analysis, of reading and of writing, and [`Failure::Io`] if a file of the unit cannot be opened: where a disk is
    /// missing nothing can be said of what is on it. The unit's folder is then what it was.
    pub fn run(&self, unit: &Unit, progress: &Progress) -> Result<Done, Failure> {
        let job = self.job;
        let before = states(&unit.sources);
        let items = unit.sources.iter().map(|source| source.item.clone());
        let items: Vec<Item> = items.collect();
        let paths: Vec<PathBuf> = items.iter().map(|item| item.path.clone()).collect();
        let files: Vec<(&PathBuf, &State)> = before.iter().collect();
        let inputs = in_parallel(job.options.threads, &files, |(path, state)| {
            let file = open(path).map_err(Failure::io(path))?;
            Ok(Input {
                path: path_text(path).into_owned(),
                bytes: state.map_or(0, |(bytes, _)| bytes),
                sha256: digest::of(file).ok(),
            })
        })?;
        let inputs = inputs.into_iter().collect::<Result<Vec<_>, Failure>>()?;
        let arguments = Arguments::new(&job.formats, &job.options, job.csv_raw);
        let basis = Basis::new(unit, arguments, inputs);
        let target = job.out.join(&unit.folder);
        if !job.force
            && let Some(finished) = manifest::finished(&basis, &target)
        {
            return Ok(Done {
                before: true,
                partial: finished.exit_status != WHOLE,
                messages: Vec::new(),
            });
        }
        let found = Evidence::of(items, unit.skipped.clone());
        let options = Options {
            progress: Some(progress),
            ..job.options
        };
        let mut paired = pair_found(found, &paths, options)?;
        paired.finish();
        let analysis = paired.analysis();
        if let Some(path) = changed(&before, states(&unit.sources)) {
            return Err(Failure::Changed { path });
        }
        let partial = analysis.is_partial() || !basis.is_known();
        let mut messages = messages::of(analysis);
        let made = self.work.folder(&unit.id)?;
        let written = write(&basis, analysis, &messages, partial, job, &made);
        let is_same = || !job.force && manifest::finished(&basis, &target).is_some();
        match written.and_then(|()| self.work.put(&made, &target, is_same)) {
            Ok(put) => {
                for message in &mut messages {
                    message.unit = Some(OfUnit::from(unit));
                }
                let before = put == Put::Already;
                Ok(Done {
                    before,
                    partial,
                    messages,
                })
            }
            Err(failure) => {
                self.work.give_up(&made);
                Err(failure)
            }
        }
    }
}

fn write(
    basis: &Basis,
    analysis: &Analysis,
    messages: &[Message],
    partial: bool,
    job: &Job<'_>,
    folder: &Path,
) -> Result<(), Failure> {
    let tables = tables::write(analysis, job, folder)?;
    let status = if partial { PARTIAL } else { WHOLE };
    // The last is no warning.
    let warnings = messages
        .split_last()
        .map_or(&[][..], |(_, warnings)| warnings);
    let warnings: Vec<String> = warnings.iter().map(Message::to_string).collect();
    manifest::write(basis, analysis, &warnings, &tables, status, folder)
}

/// Size and time of change of a file; `None` where that cannot be told.
type State = Option<(u64, Option<SystemTime>)>;

/// The state of each file that a result is made of, also of those beside logs.
fn states(sources: &[Source]) -> BTreeMap<PathBuf, State> {
    let files = sources.iter().flat_map(|Source { item, .. }| {
        let beside = item.beside().into_iter();
        beside.chain([item.path.clone()])
    });
    let states = files.map(|path| {
        let meta = fs::metadata(&path).ok();
        let state = meta.map(|meta| (meta.len(), meta.modified().ok()));
        (path, state)
    });
    states.collect()
}

/// The first file that is not what it was.
fn changed(before: &BTreeMap<PathBuf, State>, now: BTreeMap<PathBuf, State>) -> Option<PathBuf> {
    let mut paths = before.keys().chain(now.keys());
    let path = paths.find(|&path| before.get(path) != now.get(path));
    path.cloned()
}
