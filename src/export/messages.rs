//! What a run tells people on standard error: what was read, skipped and damaged.

use super::columns::path_text;
use super::text::visible;
use crate::analysis::Analysis;
use crate::damage::{Damage, DamageKind, Location};
use crate::evidence::Skipped;
use crate::log::LogAccount;
use std::fmt;
use std::io::{self, Write};

/// How many damaged places of one log are told one by one.
const TOLD_PER_LOG: usize = 20;

/// Tells every skipped file and damaged place, then what was read in a line.
///
/// # Errors
/// Those of `out`.
pub fn write(analysis: &Analysis, out: &mut impl Write) -> io::Result<()> {
    skipped(&analysis.skipped, out)?;
    for log in &analysis.logs {
        damage(log, out)?;
    }
    writeln!(out, "winsessions: {}", Summary(analysis))
}

/// Tells what should have been a log and is not, and why.
///
/// # Errors
/// Those of `out`.
pub fn skipped(skipped: &[Skipped], out: &mut impl Write) -> io::Result<()> {
    for Skipped { path, reason } in skipped {
        let path = path_text(path);
        writeln!(out, "winsessions: {}: {}", visible(&path), visible(reason))?;
    }
    Ok(())
}

fn damage(log: &LogAccount, out: &mut impl Write) -> io::Result<()> {
    let path = path_text(&log.path);
    let path = visible(&path);
    if log.recovered {
        // Of what was deleted not all is left, which is no damage.
        let mut damage = log.account.damage.iter();
        let unreadable = damage.find(|damage| damage.kind == DamageKind::Unreadable);
        return match unreadable {
            Some(damage) => writeln!(out, "winsessions: {path}: {}", visible(&told(damage))),
            None => Ok(()),
        };
    }
    for damage in log.account.damage.iter().take(TOLD_PER_LOG) {
        writeln!(out, "winsessions: {path}: {}", visible(&told(damage)))?;
    }
    let more = log.account.damage.len().saturating_sub(TOLD_PER_LOG) as u64;
    match more.saturating_add(log.account.more_damage) {
        0 => Ok(()),
        more => writeln!(out, "winsessions: {path}: and {more} more"),
    }
}

fn told(damage: &Damage) -> String {
    if damage.location == Location::default() {
        damage.message.clone()
    } else {
        damage.to_string()
    }
}

/// `read 8574 records in 98 chunks of 1 log; 3 records damaged; 2 files skipped`
struct Summary<'a>(&'a Analysis);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (recovered, logs): (Vec<&LogAccount>, Vec<&LogAccount>) =
            self.0.logs.iter().partition(|log| log.recovered);
        let of = |logs: &[&LogAccount], count: fn(&LogAccount) -> u64| {
            logs.iter()
                .map(|log| count(log))
                .fold(0, u64::saturating_add)
        };
        let sum = |count| of(&logs, count);
        write!(
            f,
            "read {} in {} of {}",
            counted(sum(|log| log.account.read), "record"),
            counted(sum(|log| log.account.chunks), "chunk"),
            counted(logs.len() as u64, "log"),
        )?;
        let others = [
            (sum(|log| log.account.damaged), "record", " damaged"),
            (sum(|log| log.account.bad_checksums), "bad checksum", ""),
            (
                self.0.conflicts,
                "record",
                " with other contents in another log",
            ),
            (self.0.skipped.len() as u64, "file", " skipped"),
            (self.0.other_files, "other file", ""),
        ];
        for (count, noun, what) in others.into_iter().filter(|(count, ..)| *count > 0) {
            write!(f, "; {}{what}", counted(count, noun))?;
        }
        if !recovered.is_empty() {
            let found = counted(of(&recovered, |log| log.account.read), "record");
            let files = counted(recovered.len() as u64, "file");
            write!(f, "; recovered {found} from {files}")?;
            let lost = of(&recovered, |log| log.account.damaged);
            if lost > 0 {
                let lost = counted(lost, "record");
                write!(f, ", {lost} left behind could not be read")?;
            }
        }
        Ok(())
    }
}

/// `1 record`, `2 records`
pub(super) fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
