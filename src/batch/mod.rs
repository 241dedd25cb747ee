//! The unit of work: one machine's evidence, analysed by itself.
//!
//! In: paths. Out: a [`Plan`] of [`Unit`]s; of each unit a folder with its results, checksums and a manifest; of many
//! such folders one result. Sessions never cross machines, so units need nothing of each other: they can be run in any order,
//! at the same time and on different computers, and what comes out depends on their evidence alone.
//!
//! ```text
//! plan      which logs are of one machine, and what the unit is called      (name: its folder; planned: as a document)
//! unit      analyses a unit and writes its folder                           (tables, digest, manifest)
//! work      where that is written, until it is complete and gets its place
//! rest      what is in no unit
//! merge     joins the folders of units into one
//! ```
//!
//! A folder in its place is always complete. What a killed run leaves behind lies in a working folder that a later run removes.

mod digest;
mod manifest;
mod merge;
mod name;
mod plan;
mod planned;
mod rest;
mod tables;
mod unit;
mod work;

pub use merge::{Merged, Refused, merge};
pub use plan::{Partition, Plan, Source, Unit, plan};
pub use tables::FORMATS;
pub use unit::{Done, Job, Units};

use crate::error::Error;
use std::io;
use std::path::{Path, PathBuf};

/// Why a unit, or a merge, has no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// What the analysis says.
    #[error(transparent)]
    Analysis(#[from] Error),
    /// Something could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file is no plan.
    #[error("{}: {reason}", path.display())]
    NoPlan {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A log is not what it was when the unit was begun.
    #[error("{} changed while it was read", path.display())]
    Changed {
        /// The log.
        path: PathBuf,
    },
    /// The folder of a merge has the name of a unit's.
    #[error("{} would be taken for the folder of a unit: name another", path.display())]
    UnitName {
        /// The folder.
        path: PathBuf,
    },
    /// The folder of a merge lies in evidence that a unit was made of.
    #[error("{} lies in the evidence ({}); evidence is never altered: name a place outside it", path.display(), evidence.display())]
    InEvidence {
        /// The folder.
        path: PathBuf,
        /// The evidence as it was named.
        evidence: PathBuf,
    },
    /// Units hold nothing that a merge joins.
    #[error(
        "the units hold only parquet, which is not joined: engines read the files of all units as one table (host=*/sessions.parquet)"
    )]
    Apart,
    /// A folder that would be replaced holds something else.
    #[error("{} is in the way: it would be replaced, and is not what a run or a merge of this kind put there", path.display())]
    Foreign {
        /// What is in the way.
        path: PathBuf,
    },
}

impl Failure {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Failure::Io {
            path: path.to_owned(),
            source,
        }
    }
}
