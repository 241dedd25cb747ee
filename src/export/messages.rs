//! What a run tells on standard error: what was read, skipped and damaged, and what else happened; for people a line of words,
//! for programs an object of JSON a line.

use super::columns::path_text;
use super::text::visible;
use crate::analysis::Analysis;
use crate::damage::{Damage, DamageKind, Location};
use crate::evidence::Skipped;
use crate::log::LogAccount;
use crate::named::named;
use crate::session::Coverage;
use crate::spoof::acts_or_hides;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;

/// How many damaged places of one log are told one by one.
const TOLD_PER_LOG: usize = 20;

named! {
    /// How messages are written.
    pub enum LogFormat {
        /// For people: a line of words.
        Text = "text",
        /// For programs: an object of JSON a line.
        Json = "json",
    }
}

named! {
    /// How much a message matters.
    pub enum Level {
        /// It is as it should be.
        Info = "info",
        /// Some evidence was not read as it should.
        Warning = "warning",
        /// There is no result.
        Error = "error",
    }
}

named! {
    /// What a message is about.
    pub enum Topic {
        /// How far the run is: `bytes_read` of `bytes_total`.
        Progress = "progress",
        /// A file or folder (`file`) that was not read.
        Skipped = "skipped",
        /// A place in a log (`file`, `offset`, `chunk`, `record`, as far as they are known) that could not be read as it should.
        Damage = "damage",
        /// A collection (`file`, its first log) is named after a machine that no record names.
        OtherHost = "other-host",
        /// Rows that a filter left out, though they may fit.
        LeftOut = "left-out",
        /// Options, or names, that nothing in the evidence fits.
        NoMatch = "no-match",
        /// What was read in all, with its counts; the last message of a run that has a result, and of each unit of a batch.
        Summary = "summary",
        /// What became of a unit of a batch (`unit`, its id, `folder`, `exit_status`), or of all.
        Unit = "unit",
        /// Why there is no result; the last message of such a run.
        Failed = "failed",
        /// The run was stopped: `bytes_read` of `bytes_total`; the last message of such a run.
        Stopped = "stopped",
    }
}

/// The schema of messages for programs.
pub const SCHEMA: &str = "winsessions/messages/1";

/// The numbers of messages that are not those of a summary, with what each is.
const NUMBERS: [(&str, &str); 11] = [
    ("bytes_read", "Of the evidence, so far."),
    ("bytes_total", "Of the evidence."),
    (
        "more",
        "Damaged places of the log that are not told one by one.",
    ),
    ("sessions", "Rows that were left out."),
    ("exit_status", "Of the unit."),
    ("units", "Of the batch, or those that were joined."),
    ("finished", "Units that are finished now."),
    ("before", "Units that had been finished before."),
    (
        "partial",
        "Units whose evidence was damaged or unreadable in part.",
    ),
    (
        "skipped",
        "Files that were not read, or units that were left out.",
    ),
    (
        "not_joined",
        "Machines that were not joined, being in several units.",
    ),
];

/// The names of all numbers that a message can have, each with what it is.
pub fn numbers() -> impl Iterator<Item = (&'static str, String)> {
    let named = NUMBERS.map(|(name, about)| (name, about.to_owned()));
    let others = COUNTS
        .iter()
        .filter(|(name, ..)| NUMBERS.iter().all(|(known, _)| known != name))
        .map(|(name, noun, what, _)| (*name, format!("In all: {noun}s{what}.")));
    named.into_iter().chain(others)
}

/// Something to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// How much it matters.
    pub level: Level,
    /// What it is about.
    pub topic: Topic,
    /// The unit of a batch that it is about.
    pub unit: Option<OfUnit>,
    /// The file that it is about.
    pub file: Option<PathBuf>,
    /// The place in that file.
    pub place: Location,
    /// In words; may hold anything.
    pub message: String,
    /// Numbers by name, for programs.
    pub counts: Vec<(&'static str, u64)>,
}

/// A unit of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfUnit {
    /// Its id.
    pub id: String,
    /// What its folder is called.
    pub folder: String,
}

impl Message {
    /// A message about no file.
    pub fn new(level: Level, topic: Topic, message: impl ToString) -> Self {
        Message {
            level,
            topic,
            unit: None,
            file: None,
            place: Location::default(),
            message: message.to_string(),
            counts: Vec::new(),
        }
    }

    /// Writes it, in a line.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, format: LogFormat, out: &mut impl Write) -> io::Result<()> {
        match format {
            LogFormat::Text => writeln!(out, "winsessions: {self}"),
            LogFormat::Json => {
                let file = self.file.as_deref().map(path_text);
                let unit = self.unit.as_ref();
                let texts = [
                    ("schema", Some(SCHEMA)),
                    ("level", Some(self.level.name())),
                    ("topic", Some(self.topic.name())),
                    ("message", Some(&*self.message)),
                    ("unit", unit.map(|unit| &*unit.id)),
                    ("folder", unit.map(|unit| &*unit.folder)),
                    ("file", file.as_deref()),
                ];
                let place = [
                    ("offset", self.place.offset),
                    ("chunk", self.place.chunk),
                    ("record", self.place.record),
                ];
                let mut line = String::new();
                for (name, text) in texts {
                    if let Some(text) = text {
                        line.push_str(&format!(",\"{name}\":{}", quoted(text)));
                    }
                }
                let known = place.into_iter().filter_map(|(name, at)| Some((name, at?)));
                for (name, number) in known.chain(self.counts.iter().copied()) {
                    line.push_str(&format!(",\"{name}\":{number}"));
                }
                writeln!(out, "{{{}}}", line.trim_start_matches(','))
            }
        }
    }
}

/// For people, in words.
impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(unit) = &self.unit {
            write!(f, "{}: ", visible(&unit.folder))?;
        }
        if let Some(file) = &self.file {
            write!(f, "{}: ", visible(&path_text(file)))?;
        }
        if self.place != Location::default() {
            write!(f, "{}: ", self.place)?;
        }
        write!(f, "{}", visible(&self.message))
    }
}

/// `text` as a string of JSON. Standard error can be a terminal: what it would act on or not show is escaped too.
fn quoted(text: &str) -> String {
    let mut made = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => made.extend(['\\', character]),
            _ if acts_or_hides(character) => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    made.push_str(&format!("\\u{unit:04x}"));
                }
            }
            _ => made.push(character),
        }
    }
    made.push('"');
    made
}

/// Tells every skipped file and damaged place, then what was read in a line.
///
/// # Errors
/// Those of `out`.
pub fn write(analysis: &Analysis, format: LogFormat, out: &mut impl Write) -> io::Result<()> {
    let all = of(analysis);
    all.iter()
        .try_for_each(|message| message.write(format, out))
}

/// The same as messages; the last is what was read.
pub fn of(analysis: &Analysis) -> Vec<Message> {
    let mut all: Vec<Message> = of_skipped(&analysis.skipped).collect();
    for log in &analysis.logs {
        damage(log, &mut all);
    }
    other_hosts(&analysis.logs, &mut all);
    let counts = COUNTS
        .iter()
        .map(|(name, _, _, count)| (*name, count(analysis)));
    all.push(Message {
        counts: counts.collect(),
        ..Message::new(Level::Info, Topic::Summary, Summary(analysis))
    });
    all
}

/// Tells what should have been a log and is not, and why.
///
/// # Errors
/// Those of `out`.
pub fn skipped(skipped: &[Skipped], format: LogFormat, out: &mut impl Write) -> io::Result<()> {
    of_skipped(skipped).try_for_each(|message| message.write(format, out))
}

fn of_skipped(skipped: &[Skipped]) -> impl Iterator<Item = Message> {
    skipped.iter().map(|Skipped { path, reason }| Message {
        file: Some(path.clone()),
        ..Message::new(Level::Warning, Topic::Skipped, reason)
    })
}

/// Tells of collections that say they are of a machine that their logs do not name, once of each machine.
fn other_hosts(logs: &[LogAccount], all: &mut Vec<Message>) {
    let mut of_host: BTreeMap<&str, (&LogAccount, u64)> = BTreeMap::new();
    for log in logs {
        if let Some(host) = &log.other_host {
            of_host.entry(host).or_insert((log, 0)).1 += 1;
        }
    }
    for (host, (first, count)) in of_host {
        let logs = match count {
            1 => String::new(),
            more => format!(", like {}", counted(more - 1, "other log")),
        };
        let text = format!("said to be of {host}{logs}, which no record names; the records count");
        all.push(Message {
            file: Some(first.path.clone()),
            ..Message::new(Level::Info, Topic::OtherHost, text)
        });
    }
}

fn damage(log: &LogAccount, all: &mut Vec<Message>) {
    let of_log = |place, message: &dyn fmt::Display, counts| Message {
        file: Some(log.path.clone()),
        place,
        counts,
        ..Message::new(Level::Warning, Topic::Damage, message)
    };
    // Of what was deleted not all is left, which is no damage.
    let is_told = |damage: &&Damage| !log.recovered || damage.kind != DamageKind::Record;
    let told = log.account.damage.iter().filter(is_told);
    for Damage {
        location, message, ..
    } in told.clone().take(TOLD_PER_LOG)
    {
        all.push(of_log(*location, message, Vec::new()));
    }
    let more = told.count().saturating_sub(TOLD_PER_LOG) as u64;
    let unlisted = log.account.more_damage;
    match more.saturating_add(if log.recovered { 0 } else { unlisted }) {
        0 => {}
        more => {
            let words = format!("and {more} more");
            all.push(of_log(Location::default(), &words, vec![("more", more)]));
        }
    }
}

/// A number of a run: its name for programs, its noun, what follows that, and how many there are.
type Count = (
    &'static str,
    &'static str,
    &'static str,
    fn(&Analysis) -> u64,
);

/// The numbers of a run, in the order of the words.
const COUNTS: [Count; 13] = [
    ("records", "record", "", |a| sum(a, |log| log.account.read)),
    ("chunks", "chunk", "", |a| sum(a, |log| log.account.chunks)),
    ("logs", "log", "", |a| sum(a, |_| 1)),
    ("records_damaged", "record", " damaged", |a| {
        sum(a, |log| log.account.damaged)
    }),
    ("checksum_failures", "bad checksum", "", |a| {
        sum(a, |log| log.account.bad_checksums)
    }),
    (
        "conflicting_records",
        "record",
        " with other contents in another log",
        |a| a.conflicts,
    ),
    ("skipped", "file", " skipped", |a| a.skipped.len() as u64),
    ("other_files", "other file", "", |a| a.other_files),
    ("records_recovered", "record", " recovered", |a| {
        of_channels(a, |channel| channel.recovered)
    }),
    (
        "records_found_again",
        "record",
        " found again that a log holds, or twice",
        |a| {
            let told = of_channels(a, |c| c.recovered.saturating_add(c.contradicting));
            sum_of(a, true, |log| log.account.read).saturating_sub(told)
        },
    ),
    (
        "records_contradicting",
        "record",
        " found that contradicts another",
        |a| of_channels(a, |channel| channel.contradicting),
    ),
    (
        "records_left_behind",
        "record",
        " left behind of which too little is left",
        |a| sum_of(a, true, |log| log.account.damaged),
    ),
    (
        "members_not_searched",
        "member",
        " of packages not searched for records (unpack first)",
        |a| a.members_not_searched,
    ),
];

fn sum(analysis: &Analysis, count: fn(&LogAccount) -> u64) -> u64 {
    sum_of(analysis, false, count)
}

/// Of all channels of all machines.
fn of_channels(analysis: &Analysis, count: fn(&Coverage) -> u64) -> u64 {
    let counts = analysis.coverage.iter().map(count);
    counts.fold(0, u64::saturating_add)
}

/// Of the logs, or of what was recovered.
fn sum_of(analysis: &Analysis, recovered: bool, count: fn(&LogAccount) -> u64) -> u64 {
    let logs = analysis.logs.iter();
    let logs = logs.filter(|log| log.recovered == recovered).map(count);
    logs.fold(0, u64::saturating_add)
}

/// `read 8574 records in 98 chunks of 1 log; 3 records damaged; 2 files skipped`
struct Summary<'a>(&'a Analysis);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = COUNTS.iter().map(|(_, noun, what, count)| {
            let count = count(self.0);
            (count, format!("{}{what}", counted(count, noun)))
        });
        let mut before = ["read ", " in ", " of "].into_iter();
        for (count, words) in told {
            match before.next() {
                Some(before) => write!(f, "{before}{words}")?,
                None if count > 0 => write!(f, "; {words}")?,
                None => {}
            }
        }
        Ok(())
    }
}

/// `1 record`, `2 records`
pub(super) fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
