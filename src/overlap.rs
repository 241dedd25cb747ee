//! Sessions of two parties that were on at the same time.
//!
//! In: sessions, each of the first party, the second, or both. Out: an [`Overlap`] for each pair that was, or may have been, on
//! at one moment. Clocks of different machines are taken as they are.

use crate::filter::{Fit, Presence};
use crate::session::Session;
use crate::time::Time;
use std::cmp::Reverse;
use std::sync::Arc;

/// Two sessions that were, or may have been, on at the same time.
#[derive(Debug, Clone, PartialEq)]
pub struct Overlap {
    /// One of the first party.
    pub first: Arc<Session>,
    /// One of the second party.
    pub second: Arc<Session>,
    /// From when to when both can have been on; an absent bound is not known.
    pub possible: (Option<Time>, Option<Time>),
    /// From when to when both were on.
    pub sure: Option<(Time, Time)>,
}

impl Overlap {
    /// Whether both surely were on at one moment.
    pub fn fit(&self) -> Fit {
        match self.sure {
            Some(_) => Fit::Sure,
            None => Fit::Possible,
        }
    }

    /// The overlap of two sessions of which the one can have been on when the other began.
    fn of(first: &Party, second: &Party) -> Self {
        let (one, other) = (first.presence, second.presence);
        let sure = certain(one).zip(certain(other)).and_then(|(one, other)| {
            let (from, to) = (one.0.max(other.0), one.1.min(other.1));
            let at_once =
                from == to && first.presence.certain(from) && second.presence.certain(from);
            (from < to || at_once).then_some((from, to))
        });
        let ends = [one.possible.1, other.possible.1].into_iter().flatten();
        Overlap {
            first: Arc::clone(&first.session),
            second: Arc::clone(&second.session),
            possible: (one.possible.0.max(other.possible.0), ends.min()),
            sure,
        }
    }
}

/// From when to when a session surely was on.
fn certain(presence: Presence) -> Option<(Time, Time)> {
    let (first, last) = presence.certain;
    let first = first?;
    Some((first, last.filter(|last| *last >= first).unwrap_or(first)))
}

/// A session of the first party, the second, or both.
#[derive(Debug, Clone)]
pub struct Party {
    session: Arc<Session>,
    presence: Presence,
    is_first: bool,
    is_second: bool,
}

impl Party {
    /// A session, and whose it is.
    pub fn new(session: Session, is_first: bool, is_second: bool) -> Self {
        Party {
            presence: Presence::of(&session),
            session: Arc::new(session),
            is_first,
            is_second,
        }
    }

    /// Whether it can still have been on at a moment: it was on at its start, however short it is.
    fn can_be_on(&self, at: Option<Time>) -> bool {
        let (first, last) = self.presence.possible;
        last.zip(at)
            .is_none_or(|(last, at)| at < last || first == Some(at))
    }
}

/// How many pairs are looked at, if no more are asked for.
const LOOKED_AT: usize = 1_000_000;

/// The overlaps of the sessions of two parties, `most` at most, and whether there are more; each pair once, those that are sure
/// first, then by time. Of more than a million those of the first million by time.
pub fn overlaps(all: Vec<Party>, most: usize) -> (Vec<Overlap>, bool) {
    let (found, mut more) = first_found(all, most.max(LOOKED_AT));
    let mut found = sorted(found);
    more |= found.len() > most;
    found.truncate(most);
    (found, more)
}

/// The first overlaps by time, and whether there are more.
fn first_found(mut all: Vec<Party>, most: usize) -> (Vec<Overlap>, bool) {
    all.sort_by_key(|party| party.presence.possible.0);
    let mut found = Vec::new();
    let mut open: [Vec<&Party>; 2] = Default::default();
    for now in &all {
        let began = now.presence.possible.0;
        let [first, second] = &mut open;
        if now.is_first {
            second.retain(|party| party.can_be_on(began));
            for other in second.iter() {
                if found.len() == most {
                    return (found, true);
                }
                found.push(Overlap::of(now, other));
            }
        }
        if now.is_second {
            first.retain(|party| party.can_be_on(began));
            // A pair of two that are of both parties is found above.
            for other in first
                .iter()
                .filter(|other| !(now.is_first && other.is_second))
            {
                if found.len() == most {
                    return (found, true);
                }
                found.push(Overlap::of(other, now));
            }
        }
        if now.is_first {
            first.push(now);
        }
        if now.is_second {
            second.push(now);
        }
    }
    (found, false)
}

/// What is sure first, then by time.
fn sorted(mut found: Vec<Overlap>) -> Vec<Overlap> {
    found.sort_by(|a, b| {
        let place = |overlap: &Overlap| (Reverse(overlap.fit()), overlap.sure, overlap.possible.0);
        let ids = |overlap: &Overlap| (overlap.first.id.clone(), overlap.second.id.clone());
        place(a).cmp(&place(b)).then_with(|| ids(a).cmp(&ids(b)))
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::sample::{session, time};
    use crate::session::StartSource;

    fn on(id: &str, from: &str, to: &str) -> Session {
        let mut session = session(from, to);
        session.id = id.into();
        session
    }

    fn pairs(found: &[Overlap]) -> Vec<String> {
        let pair = |overlap: &Overlap| {
            format!(
                "{}{} {}",
                overlap.first.id,
                overlap.second.id,
                overlap.fit()
            )
        };
        found.iter().map(pair).collect()
    }

    fn between(first: &[Session], second: &[Session]) -> Vec<Overlap> {
        let first = first.iter().map(|one| Party::new(one.clone(), true, false));
        let second = second
            .iter()
            .map(|one| Party::new(one.clone(), false, true));
        let (found, more) = overlaps(first.chain(second).collect(), 100);
        assert!(!more);
        found
    }

    #[test]
    fn two_that_were_on_at_the_same_time_overlap_from_the_later_start_to_the_earlier_end() {
        let a = on("a", "2020-01-01T08:00", "2020-01-01T12:00");
        let b = on("b", "2020-01-01T11:00", "2020-01-01T14:00");
        let c = on("c", "2020-01-01T12:00", "2020-01-01T14:00");
        let found = between(&[a], &[b, c]);
        assert_eq!(pairs(&found), ["ab sure"]);
        let span = (time("2020-01-01T11:00"), time("2020-01-01T12:00"));
        assert_eq!(found[0].sure, Some(span));
        assert_eq!(found[0].possible, (Some(span.0), Some(span.1)));
    }

    #[test]
    fn where_a_bound_is_not_known_the_overlap_is_possible() {
        let a = on("a", "2020-01-01T08:00", "2020-01-01T12:00");
        let mut open = on("b", "2020-01-01T07:00", "2020-01-01T07:30");
        open.end.max = None;
        let mut before = on("c", "2020-01-01T13:00", "2020-01-01T14:00");
        before.start.max = before.start.time.take();
        before.start.source = StartSource::BeforeLog;
        let found = between(&[a], &[open, before]);
        assert_eq!(pairs(&found), ["ab possible", "ac possible"]);
        assert_eq!(
            found[1].possible,
            (
                Some(time("2020-01-01T08:00")),
                Some(time("2020-01-01T12:00"))
            )
        );
        assert_eq!(found[1].sure, None);
    }

    #[test]
    fn a_session_of_no_length_overlaps_what_was_on_at_that_moment() {
        let a = on("a", "2020-01-01T08:00", "2020-01-01T12:00");
        let moment = on("b", "2020-01-01T08:00", "2020-01-01T08:00");
        assert_eq!(
            pairs(&between(std::slice::from_ref(&a), &[moment])),
            ["ab sure"]
        );
        let moment = on("b", "2020-01-01T12:00", "2020-01-01T12:00");
        assert!(between(&[a], &[moment]).is_empty());
    }

    #[test]
    fn of_more_than_are_asked_for_those_that_are_sure_come_first() {
        let mut open = on("a", "2020-01-01T08:00", "2020-01-01T08:30");
        open.end.max = None;
        let sure = [
            on("b", "2020-01-02T08:00", "2020-01-02T12:00"),
            on("c", "2020-01-02T09:00", "2020-01-02T10:00"),
        ];
        let all = sure.into_iter().chain([open]);
        let all = all.map(|one| Party::new(one, true, true));
        let (found, more) = overlaps(all.collect(), 1);
        assert_eq!(pairs(&found), ["cb sure"]);
        assert!(more);
    }

    #[test]
    fn of_one_party_with_itself_each_pair_comes_once_and_none_with_itself() {
        let day = |id: &str| Party::new(on(id, "2020-01-01", "2020-01-02"), true, true);
        let (found, more) = overlaps(vec![day("a"), day("b"), day("c")], 100);
        assert_eq!((found.len(), more), (3, false));
        let (found, more) = overlaps(vec![day("a"), day("b"), day("c")], 2);
        assert_eq!((found.len(), more), (2, true));
    }

    #[test]
    fn every_pair_that_overlaps_is_found_whatever_the_order() {
        let hours = [(0, 5), (1, 2), (2, 9), (3, 3), (4, 8), (8, 9), (9, 11)];
        let of = |(from, to): (i32, i32)| {
            on(
                &format!("{from}"),
                &format!("2020-01-01T{from:02}:00"),
                &format!("2020-01-01T{to:02}:00"),
            )
        };
        let (first, second) = hours.split_at(3);
        let mut wanted = 0;
        for a in first {
            for b in second {
                let on_at_start = |x: &(i32, i32), y: &(i32, i32)| x.0 <= y.0 && y.0 < x.1;
                wanted += usize::from(on_at_start(a, b) || on_at_start(b, a) || a.0 == b.0);
            }
        }
        let first: Vec<Session> = first.iter().map(|hours| of(*hours)).collect();
        let second: Vec<Session> = second.iter().map(|hours| of(*hours)).collect();
        assert_eq!(between(&first, &second).len(), wanted);
        assert_eq!(between(&second, &first).len(), wanted);
    }
}
