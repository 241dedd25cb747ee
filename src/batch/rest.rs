//! What of the evidence is in no unit: what should have been a log and lies beside the logs of no one unit, and how many files are
//! no logs.
//!
//! A run puts a file of it beside its units before the first of them, the same in each part of a run; a merge takes it up, so that
//! nothing is dropped without being told.

use super::manifest::{Omitted, Tool};
use super::work::Work;
use super::{Failure, digest, tables};
use crate::analysis::Analysis;
use crate::batch::Plan;
use crate::export::{View, evidence};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// The file's name.
pub const REST: &str = "skipped.json";

const SCHEMA: &str = "winsessions/skipped/1";

/// What is in no unit.
#[derive(Debug, Serialize, Deserialize)]
pub struct Rest {
    schema: String,
    tool: Tool,
    /// The same for parts of one run: SHA-256 of the ids of all units.
    pub units: String,
    /// An account as in JSON documents, of no logs.
    pub evidence: Box<RawValue>,
}

/// What the account tells.
#[derive(Debug, Deserialize)]
pub struct Told {
    /// What should have been a log and is not.
    pub skipped: Vec<Omitted>,
}

impl Rest {
    /// The rest of a plan.
    fn of(plan: &Plan) -> serde_json::Result<Self> {
        let ids: Vec<&str> = plan.units.iter().map(|unit| unit.id.as_str()).collect();
        let analysis = Analysis {
            skipped: plan.skipped.clone(),
            other_files: plan.other_files,
            ..Analysis::default()
        };
        Ok(Rest {
            schema: SCHEMA.to_owned(),
            tool: Tool::this(),
            units: digest::of_bytes(ids.join("\n").as_bytes()),
            evidence: RawValue::from_string(evidence(&View::new(&analysis, None)))?,
        })
    }

    /// Puts the rest of a plan into the folder of its results.
    ///
    /// # Errors
    /// [`Failure::Io`].
    pub fn put(plan: &Plan, work: &Work, out: &Path) -> Result<(), Failure> {
        let made = work.folder("rest")?.join(REST);
        let rest = Rest::of(plan).map_err(|error| Failure::io(&made)(error.into()))?;
        tables::create(&made, |to| {
            serde_json::to_writer(&mut *to, &rest)?;
            to.write_all(b"\n")
        })?;
        let target = out.join(REST);
        fs::File::open(&made)
            .and_then(|file| file.sync_all())
            .and_then(|()| fs::rename(&made, &target))
            .map_err(Failure::io(&target))
    }

    /// The rest in a folder of results, and what it tells.
    pub fn read(out: &Path) -> io::Result<(Self, Told)> {
        let text = fs::read_to_string(out.join(REST))?;
        let rest: Rest = serde_json::from_str(&text)?;
        if rest.schema != SCHEMA || rest.tool != Tool::this() {
            let made = "another version made it: run it again";
            return Err(io::Error::new(io::ErrorKind::InvalidData, made));
        }
        let told = serde_json::from_str(rest.evidence.get())?;
        Ok((rest, told))
    }
}
