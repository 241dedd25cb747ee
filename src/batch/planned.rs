//! A plan as a document: made once, and read by each of many jobs, so that none has to search the evidence again.
//!
//! A path that is no Unicode stands there a second time, exactly, if it is one of a source.

use super::manifest::Tool;
use super::plan::{Plan, Source, Unit};
use super::{Failure, name};
use crate::evidence::{Item, Skipped};
use crate::export::path_text;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
#[cfg(unix)]
use std::os::unix::ffi::{OsStrExt, OsStringExt};
#[cfg(windows)]
use std::os::windows::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

const SCHEMA: &str = "winsessions/plan/1";

#[derive(Serialize, Deserialize)]
struct Document<'a> {
    schema: Cow<'a, str>,
    tool: Tool,
    paths: Vec<Cow<'a, str>>,
    units: Vec<Listed<'a>>,
    skipped: Vec<Left<'a>>,
    other_files: u64,
}

#[derive(Serialize, Deserialize)]
struct Listed<'a> {
    id: Cow<'a, str>,
    host: Option<Cow<'a, str>>,
    folder: Cow<'a, str>,
    paths: Vec<Cow<'a, str>>,
    bytes: u64,
    sources: Vec<File<'a>>,
    skipped: Vec<Left<'a>>,
}

#[derive(Serialize, Deserialize)]
struct File<'a> {
    path: Cow<'a, str>,
    bytes: u64,
    format: Cow<'a, str>,
    named: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path_units: Option<Vec<u16>>,
}

#[derive(Serialize, Deserialize)]
struct Left<'a> {
    path: Cow<'a, str>,
    reason: Cow<'a, str>,
}

impl Plan {
    /// Writes it as a JSON document.
    ///
    /// # Errors
    /// What the writer says.
    pub fn write_json(&self, to: &mut impl Write) -> io::Result<()> {
        let document = Document {
            schema: SCHEMA.into(),
            tool: Tool::this(),
            paths: self.paths.iter().map(|path| path_text(path)).collect(),
            units: self.units.iter().map(Listed::from).collect(),
            skipped: self.skipped.iter().map(Left::from).collect(),
            other_files: self.other_files,
        };
        serde_json::to_writer_pretty(&mut *to, &document)?;
        writeln!(to)
    }

    /// Reads one that [`Plan::write_json`] wrote.
    ///
    /// # Errors
    /// [`Failure::Io`]; [`Failure::NoPlan`] if it is something else.
    pub fn read_json(path: &Path) -> Result<Plan, Failure> {
        let no_plan = |reason: String| Failure::NoPlan {
            path: path.to_owned(),
            reason,
        };
        let bytes = fs::read(path).map_err(Failure::io(path))?;
        let document: Document<'_> = serde_json::from_slice(&bytes).map_err(|error| {
            no_plan(format!(
                "no plan of `winsessions batch plan --json`: {error}"
            ))
        })?;
        if document.schema != SCHEMA {
            return Err(no_plan(format!("not a plan of {SCHEMA}")));
        }
        if document.tool != Tool::this() {
            let reason = "a plan of another version of the program, which may part the evidence in another way";
            return Err(no_plan(reason.to_owned()));
        }
        let units = document.units.into_iter().map(|unit| {
            let (id, folder) = (unit.id.clone(), unit.folder.clone());
            Unit::try_from(unit).map_err(|()| no_plan(format!("no unit of a plan: {id}, {folder}")))
        });
        Ok(Plan {
            paths: document.paths.iter().map(|path| path_of(path)).collect(),
            units: units.collect::<Result<_, _>>()?,
            skipped: document.skipped.into_iter().map(Skipped::from).collect(),
            other_files: document.other_files,
        })
    }
}

fn path_of(text: &str) -> PathBuf {
    PathBuf::from(text)
}

/// What a path that is no Unicode is made of: bytes.
#[cfg(unix)]
fn units_of(path: &Path) -> Option<Vec<u16>> {
    let bytes = path.as_os_str().as_bytes().iter();
    path.to_str()
        .is_none()
        .then(|| bytes.map(|&byte| byte.into()).collect())
}

#[cfg(unix)]
fn path_of_units(units: &[u16]) -> Option<PathBuf> {
    let bytes = units.iter().map(|&unit| u8::try_from(unit).ok());
    Some(OsString::from_vec(bytes.collect::<Option<_>>()?).into())
}

/// The same on Windows: units of UTF-16.
#[cfg(windows)]
fn units_of(path: &Path) -> Option<Vec<u16>> {
    let units = path.as_os_str().encode_wide();
    path.to_str().is_none().then(|| units.collect())
}

#[cfg(windows)]
fn path_of_units(units: &[u16]) -> Option<PathBuf> {
    Some(OsString::from_wide(units).into())
}

impl<'a> From<&'a Unit> for Listed<'a> {
    fn from(unit: &'a Unit) -> Self {
        let sources = unit.sources.iter();
        let sources = sources.map(|source| File {
            path: path_text(&source.item.path),
            bytes: source.bytes,
            format: source.item.format().into(),
            named: source.item.is_named(),
            path_units: units_of(&source.item.path),
        });
        Listed {
            id: Cow::from(&unit.id),
            host: unit.host.as_deref().map(Cow::from),
            folder: Cow::from(&unit.folder),
            paths: unit.paths.iter().map(|path| path_text(path)).collect(),
            bytes: unit.bytes(),
            sources: sources.collect(),
            skipped: unit.skipped.iter().map(Left::from).collect(),
        }
    }
}

impl TryFrom<Listed<'_>> for Unit {
    /// Its id or its folder is none, or it has a file of a format that is not known.
    type Error = ();

    fn try_from(listed: Listed<'_>) -> Result<Self, ()> {
        let is_id = listed.id.len() == 16 && listed.id.bytes().all(|b| b.is_ascii_hexdigit());
        let is_folder =
            listed.folder.starts_with(name::PREFIX) && !listed.folder.contains(['/', '\\']);
        if !is_id || !is_folder {
            return Err(());
        }
        let sources = listed.sources.into_iter().map(|file| {
            let path = match &file.path_units {
                Some(units) => path_of_units(units).ok_or(())?,
                None => path_of(&file.path),
            };
            let item = Item::known(path, &file.format, file.named);
            let bytes = file.bytes;
            item.map(|item| Source { item, bytes }).ok_or(())
        });
        Ok(Unit {
            id: listed.id.into_owned(),
            host: listed.host.map(Cow::into_owned),
            folder: listed.folder.into_owned(),
            paths: listed.paths.iter().map(|path| path_of(path)).collect(),
            sources: sources.collect::<Result<_, _>>()?,
            skipped: listed.skipped.into_iter().map(Skipped::from).collect(),
        })
    }
}

impl<'a> From<&'a Skipped> for Left<'a> {
    fn from(skipped: &'a Skipped) -> Self {
        Left {
            path: path_text(&skipped.path),
            reason: Cow::from(&skipped.reason),
        }
    }
}

impl From<Left<'_>> for Skipped {
    fn from(left: Left<'_>) -> Self {
        Skipped {
            path: path_of(&left.path),
            reason: left.reason.into_owned(),
        }
    }
}
