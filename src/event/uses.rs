//! Who was still there: Logon IDs that audit records name as acting, folded into first and last use.
//!
//! In: each audit record, logon-related or not. Out: runs of uses. A run ends where Windows starts, where records are
//! missing, where record numbers go back and where a new block of the log begins, so it spans no boot that the records
//! show. A boot that left no record of its own may still lie in it.

use super::{Account, Action, Content, Event, LogIndex, LogonId, Text, Upper};
use crate::log::Record;
use crate::time::Time;
use ahash::RandomState;
use std::collections::HashMap;
use std::sync::Arc;

/// A record that shows a Logon ID in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    /// Its EventRecordID.
    pub record_id: u64,
    /// Its event ID.
    pub event_id: u16,
    /// Its time.
    pub time: Time,
}

/// A run of audit records in which a Logon ID acts (SubjectLogonId), or a process is started for it (TargetLogonId of 4688).
/// 4672 is no use: it names a new logon session, before its 4624.
#[derive(Debug, Clone, PartialEq)]
pub struct Use {
    /// The log they were read from.
    pub log: LogIndex,
    /// Their computer.
    pub computer: Text,
    /// The Logon ID, a standing one too.
    pub logon_id: LogonId,
    /// Whose it is, by the first record.
    pub account: Account,
    /// The first record.
    pub first: Seen,
    /// The last record.
    pub last: Seen,
}

/// What the records of uses say: hardly any says something new.
#[derive(Debug)]
pub(crate) struct UsedContents {
    channel: Text,
    known: HashMap<(LogIndex, Text, u16, Account, Upper), Arc<Content>, RandomState>,
}

impl UsedContents {
    /// Those of a channel's records.
    pub(crate) fn new(channel: &str) -> Self {
        UsedContents {
            channel: channel.into(),
            known: HashMap::default(),
        }
    }

    /// The event that one of the records of a run is.
    pub(crate) fn event(&mut self, used: &Use, seen: Seen) -> Event {
        let (computer, account) = (used.computer.clone(), used.account.clone());
        let upper = Upper::of(seen.record_id, Some(used.logon_id));
        let key = (used.log, computer, seen.event_id, account, upper);
        let content = self.known.entry(key).or_insert_with_key(|key| {
            let (log, computer, event_id, account, upper) = key.clone();
            Arc::new(Content {
                log,
                computer,
                channel: self.channel.clone(),
                event_id,
                account,
                upper,
                ..Content::of(Action::Used)
            })
        });
        let mut event = Event::new(Arc::clone(content));
        event.time = seen.time;
        event.set_record_id(seen.record_id);
        event.set_logon_id(Some(used.logon_id));
        event
    }
}

/// The uses of a log's block so far.
#[derive(Debug, Default)]
pub(super) struct Uses {
    pub(super) all: Vec<Use>,
    computers: Computers,
}

/// The runs that the next uses of Logon IDs belong to.
#[derive(Debug, Default)]
struct Open {
    all: HashMap<LogonId, usize, RandomState>,
    /// The Logon IDs that were asked for last, by their lowest bits.
    latest: [Option<(LogonId, usize)>; LATEST],
}

/// How many Logon IDs are known at first sight.
const LATEST: usize = 16;

impl Open {
    fn get(&mut self, id: LogonId) -> Option<usize> {
        match self.latest.get(Self::place(id)) {
            Some(&Some((known, run))) if known == id => Some(run),
            _ => {
                let run = *self.all.get(&id)?;
                self.remember(id, run);
                Some(run)
            }
        }
    }

    fn insert(&mut self, id: LogonId, run: usize) {
        self.all.insert(id, run);
        self.remember(id, run);
    }

    fn remember(&mut self, id: LogonId, run: usize) {
        if let Some(latest) = self.latest.get_mut(Self::place(id)) {
            *latest = Some((id, run));
        }
    }

    fn place(id: LogonId) -> usize {
        id.get() as usize % LATEST
    }
}

/// The open runs of each computer.
#[derive(Debug, Default)]
struct Computers {
    open: Vec<Open>,
    places: HashMap<Text, usize, RandomState>,
    /// The computer that was asked for last: that of the whole log, as a rule.
    latest: Option<(Text, usize)>,
}

impl Computers {
    fn of(&mut self, computer: &Text) -> &mut Open {
        let latest = self.latest.as_ref().filter(|(name, _)| name == computer);
        let place = match latest {
            Some((_, place)) => *place,
            None => self.other(computer),
        };
        &mut self.open[place]
    }

    #[inline(never)]
    fn other(&mut self, computer: &Text) -> usize {
        let next = self.open.len();
        let place = *self.places.entry(computer.clone()).or_insert(next);
        if place == next {
            self.open.push(Open::default());
        }
        self.latest = Some((computer.clone(), place));
        place
    }
}

impl Uses {
    /// Ends all runs of a computer.
    pub(super) fn cut(&mut self, computer: &Text) {
        *self.computers.of(computer) = Open::default();
    }

    /// Adds a use to its run. The position of a new run, whose account is not known yet, if it starts one.
    pub(super) fn add(
        &mut self,
        log: LogIndex,
        record: &Record<'_>,
        computer: &Text,
        logon_id: LogonId,
    ) -> Option<usize> {
        let seen = Seen {
            record_id: record.record_id,
            event_id: record.event_id,
            time: record.time,
        };
        let open = self.computers.of(computer);
        let run = open.get(logon_id).and_then(|at| self.all.get_mut(at));
        if let Some(run) = run.filter(|run| run.last.record_id <= seen.record_id) {
            run.last = seen;
            return None;
        }
        let new = self.all.len();
        self.all.push(Use {
            log,
            computer: computer.clone(),
            logon_id,
            account: Account::default(),
            first: seen,
            last: seen,
        });
        open.insert(logon_id, new);
        Some(new)
    }

    pub(super) fn set_account(&mut self, run: usize, account: Account) {
        if let Some(run) = self.all.get_mut(run) {
            run.account = account;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logon_ids_of_the_same_lowest_bits_have_runs_of_their_own() {
        let id = |number| LogonId::new(number).unwrap();
        let (one, other, third) = (id(0x3e7), id(0x3f7), id(0x407));
        let mut open = Open::default();
        open.insert(one, 0);
        open.insert(other, 1);
        let runs = [one, other, one, third].map(|id| open.get(id));
        assert_eq!(runs, [Some(0), Some(1), Some(0), None]);
        open.insert(one, 2);
        assert_eq!([one, other].map(|id| open.get(id)), [Some(2), Some(1)]);
    }
}
