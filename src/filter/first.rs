//! Which sessions are the first of their kind in the evidence: of an account, on a machine, from an address.
//!
//! A session whose start is not known can be the first wherever no other surely began before it: so several can, and none is
//! surely the first.

use super::Fit;
use crate::event::Account;
use crate::session::{Session, network_address};
use crate::sid::Sid;
use crate::time::Time;
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

/// What sessions have to have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct By {
    account: bool,
    host: bool,
    address: bool,
}

/// A text that names nothing that sessions can have in common.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is nothing that sessions are told apart by: write some of account,host,address")]
pub struct NotBy(String);

impl FromStr for By {
    type Err = NotBy;

    fn from_str(text: &str) -> Result<Self, NotBy> {
        let mut by = By {
            account: false,
            host: false,
            address: false,
        };
        for part in text.split(',') {
            match part.trim() {
                "account" => by.account = true,
                "host" => by.host = true,
                "address" => by.address = true,
                _ => return Err(NotBy(text.to_owned())),
            }
        }
        Ok(by)
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            ("account", self.account),
            ("host", self.host),
            ("address", self.address),
        ];
        let names = parts.into_iter().filter(|(_, on)| *on);
        let names: Vec<&str> = names.map(|(name, _)| name).collect();
        f.write_str(&names.join(","))
    }
}

/// What sessions have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    account: Option<String>,
    machine: Option<usize>,
    address: Option<String>,
}

/// What is known of the starts of some sessions.
#[derive(Debug, Clone, PartialEq)]
struct Starts {
    /// By this moment one of them had begun.
    begun: Option<Time>,
    /// The two earliest moments that they can have begun at.
    earliest: [Option<Time>; 2],
}

/// The first sessions.
#[derive(Debug, Clone, PartialEq)]
pub struct First {
    by: By,
    known: HashMap<Key, Starts>,
}

impl First {
    /// The first of those that agree in `by`, of which none is known yet.
    pub fn new(by: By) -> Self {
        First {
            by,
            known: HashMap::new(),
        }
    }

    /// What they have in common.
    pub fn by(&self) -> By {
        self.by
    }

    fn key(&self, session: &Session) -> Key {
        let By {
            account,
            host,
            address,
        } = self.by;
        Key {
            account: account.then(|| who(&session.account)),
            machine: host.then_some(session.machine),
            address: address.then(|| place(session)),
        }
    }

    /// Learns of a session.
    pub fn learn(&mut self, session: &Session) {
        let (earliest, begun) = start(session);
        let starts = self.known.entry(self.key(session)).or_insert(Starts {
            begun: None,
            earliest: [None; 2],
        });
        starts.begun = [starts.begun, begun].into_iter().flatten().min();
        let [first, second] = starts.earliest;
        let mut all = [first, second, Some(earliest)];
        all.sort_by_key(|time| time.unwrap_or(LATEST));
        starts.earliest = [all[0], all[1]];
    }

    /// Whether a session is a first one.
    pub fn fit(&self, session: &Session) -> Option<Fit> {
        let starts = self.known.get(&self.key(session))?;
        let (earliest, begun) = start(session);
        if starts.begun.is_some_and(|begun| begun < earliest) {
            return None;
        }
        let [first, second] = starts.earliest;
        let other = if first == Some(earliest) {
            second
        } else {
            first
        };
        let is_sure = begun.is_some_and(|begun| other.is_none_or(|other| begun < other));
        Some(if is_sure { Fit::Sure } else { Fit::Possible })
    }
}

const EARLIEST: Time = Time::from_filetime(0);
const LATEST: Time = Time::from_filetime(u64::MAX);

/// The earliest moment that a session can have begun, and the latest if there is one.
fn start(session: &Session) -> (Time, Option<Time>) {
    let start = session.start;
    (start.time.unwrap_or(EARLIEST), start.time.or(start.max))
}

/// Whether a session can have begun at or after `from` and before `to`.
pub(super) fn may_begin(session: &Session, from: Option<Time>, to: Option<Time>) -> bool {
    let (earliest, begun) = start(session);
    let began_before = from.zip(begun).is_some_and(|(from, begun)| begun < from);
    !began_before && to.is_none_or(|to| earliest < to)
}

/// An account by its SID, else by its name.
fn who(account: &Account) -> String {
    let folded = |text: &Option<_>| text.as_deref().unwrap_or("").to_lowercase();
    let sid = account.sid.as_ref().map(Sid::as_str);
    sid.map_or_else(
        || format!("{}\\{}", folded(&account.domain), folded(&account.name)),
        str::to_owned,
    )
}

/// Where a session came from: the address, else the workstation that the caller named, else nowhere that is known.
fn place(session: &Session) -> String {
    let known = session.source_address.as_deref();
    let by_value = known
        .and_then(network_address)
        .map(|address| address.to_string());
    by_value
        .or_else(|| {
            known
                .or(session.workstation.as_deref())
                .map(str::to_lowercase)
        })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::sample::{session, time};
    use crate::session::StartSource;

    fn fits(by: &str, sessions: &[Session]) -> Vec<Option<Fit>> {
        let mut first = First::new(by.parse().unwrap());
        sessions.iter().for_each(|session| first.learn(session));
        sessions.iter().map(|session| first.fit(session)).collect()
    }

    fn from(address: &str, start: &str) -> Session {
        let mut session = session(start, "2030-01-01");
        session.source_address = Some(address.into());
        session
    }

    #[test]
    fn the_first_of_each_combination_is_kept_and_no_later_one() {
        let sessions = [
            from("10.0.0.5", "2020-01-02"),
            from("10.0.0.5", "2020-01-01"),
            from("::ffff:10.0.0.5", "2020-01-03"),
            from("10.0.0.6", "2020-01-04"),
        ];
        let sure = Some(Fit::Sure);
        assert_eq!(
            fits("account,host,address", &sessions),
            [None, sure, None, sure]
        );
        assert_eq!(fits("account", &sessions), [None, sure, None, None]);
    }

    #[test]
    fn where_a_start_is_not_known_none_is_surely_the_first() {
        let mut unknown = from("10.0.0.5", "2020-01-02");
        unknown.start.time = None;
        unknown.start.max = Some(time("2020-01-03"));
        unknown.start.source = StartSource::BeforeLog;
        let sessions = [
            from("10.0.0.5", "2020-01-02"),
            unknown,
            from("10.0.0.5", "2020-01-04"),
        ];
        let possible = Some(Fit::Possible);
        assert_eq!(fits("address", &sessions), [possible, possible, None]);
    }

    #[test]
    fn of_two_in_one_instant_neither_is_surely_the_first() {
        let sessions = [
            from("10.0.0.5", "2020-01-02"),
            from("10.0.0.5", "2020-01-02"),
        ];
        assert_eq!(fits("address", &sessions), [Some(Fit::Possible); 2]);
    }

    #[test]
    fn a_first_session_is_in_a_span_if_it_can_have_begun_there() {
        let day = from("10.0.0.5", "2020-01-02");
        let may = |session: &Session, from: &str, to: &str| {
            may_begin(session, Some(time(from)), Some(time(to)))
        };
        assert!(may(&day, "2020-01-02", "2020-01-03"));
        assert!(!may(&day, "2020-01-03", "2020-01-04"));
        assert!(!may(&day, "2020-01-01", "2020-01-02"));
        let mut unknown = day.clone();
        (unknown.start.time, unknown.start.max) = (None, Some(time("2020-01-02")));
        assert!(may(&unknown, "2020-01-01", "2020-01-02"));
        assert!(!may(&unknown, "2020-01-03", "2020-01-04"));
    }

    #[test]
    fn what_sessions_are_not_told_apart_by_is_refused() {
        for text in ["", "kind", "account,", "Account"] {
            assert!(text.parse::<By>().is_err(), "{text}");
        }
    }
}
