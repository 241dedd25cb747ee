//! The desktop sessions that LocalSessionManager tells of, joined to the audited ones; those that the audit records do not
//! show are sessions of their own.
//!
//! A session number is no Logon ID and is given anew. What it is joined by: the account's name or SID, and a time that
//! the two records of one change lie apart in real logs. Each join is a [`Link`] that says which and how sure it is.

mod audited;
mod read;

use self::audited::Audited;
use self::read::{Desktop, read};
use super::actions::Actions;
use super::address::is_local;
use super::boot::{Boot, BootEnd};
use super::bridges::Bridges;
use super::draft::{Draft, DraftInterval};
use super::gaps::Gaps;
use super::link::{Link, LinkRule, Score};
use super::machine::Machine;
use super::place::{Place, Places};
use super::{Flag, Kind, Role, State};
use crate::event::{Action, Text};
use crate::time::{TICKS_PER_SECOND, Ticks, Time};

/// The channel of desktop sessions.
pub(super) const CHANNEL: &str =
    "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational";

/// How long after its 4624 a 41 lies at most: seen 0 to 0.21 s.
pub(super) const ARBITRATION: Ticks = TICKS_PER_SECOND;
/// How far a 25 and its 4778 or logon lie apart at most: seen 0.7 to 3.2 s.
pub(super) const RECONNECT: Ticks = 10 * TICKS_PER_SECOND;
/// How far a 24 and its 4779, or the end of its pre-authentication, lie apart at most: seen to 0.45 s.
const DISCONNECT: Ticks = 2 * TICKS_PER_SECOND;
/// How far a 32 and the start of its boot lie apart at most.
const START: Ticks = 120 * TICKS_PER_SECOND;
/// How long after its logoff a session number can still be named.
pub(super) const AFTERMATH: Ticks = 30 * TICKS_PER_SECOND;

/// Joins the desktop sessions of LocalSessionManager to `drafts`, and adds those that none of them is.
pub(super) fn join(
    machine: &Machine,
    bridges: &Bridges,
    boots: &[Boot],
    gaps: &Gaps,
    drafts: &mut Vec<Draft>,
    places: &mut Places,
) {
    let desktops = read(machine, bridges, gaps);
    if desktops.is_empty() {
        return;
    }
    let starts = starts(machine);
    let time = |index: usize| machine.events.get(index).map(|event| event.time);
    let mut began = Began::of(
        boots
            .iter()
            .map(|boot| boot.start.or_else(|| time(boot.events.start))),
    );
    // Positions are in the order of numbers: with recovered records among them, times are not.
    let broken = |boot: &Boot| boot.breaks.iter().filter_map(|&at| time(at)).min();
    began.broken = boots.iter().map(broken).collect();
    let mut audited = Audited::new(machine, drafts);
    for desktop in desktops {
        let found = audited.find(machine, drafts, &desktop);
        let number = match found {
            Some((number, ..)) => number,
            None => {
                let boot = boot_at(machine, boots, &began, gaps, &starts, desktop.first);
                let mut draft = draft_of(machine, &desktop);
                draft.set_boot(boot);
                drafts.push(draft);
                drafts.len() - 1
            }
        };
        if let Some(draft) = drafts.get_mut(number) {
            let joined = found.map(|(_, record, link)| (record, link));
            add(machine, draft, &desktop, joined, gaps);
        }
        for &record in &desktop.records {
            places.put(record, number);
        }
    }
}

/// A session that only LocalSessionManager shows.
fn draft_of(machine: &Machine, desktop: &Desktop) -> Draft {
    let mut draft = Draft::new(desktop.first, None);
    if let Some(logon) = desktop.logon {
        draft.set_logon(logon);
    }
    draft.set_last_use(desktop.last);
    draft.account = desktop.account.clone();
    draft.is_desktop = true;
    draft.logons = u32::from(desktop.logon.is_some());
    draft.kind = match (desktop.logon, desktop.is_at_console()) {
        (None, _) => Kind::Unknown,
        (Some(_), true) => Kind::Console,
        (Some(_), false) => Kind::Rdp,
    };
    if machine.events.get(desktop.first).is_some() && desktop.logon.is_none() {
        draft.prove(desktop.first, Role::Use);
    }
    draft
}

/// Adds what LocalSessionManager tells of a session: its records, and when its client was away. `joined` is the record that
/// joins it to an audited session, and how.
fn add(
    machine: &Machine,
    draft: &mut Draft,
    desktop: &Desktop,
    joined: Option<(usize, Link)>,
    gaps: &Gaps,
) {
    draft.ts_logon = desktop.logon.map(Place::of).or(draft.ts_logon);
    draft.ts_logoff = desktop.logoff.map(Place::of).or(draft.ts_logoff);
    let last = desktop.last_alive.map(Place::of);
    let is_disordered = |last: &Place| machine.recovered.is_disordered(last.index());
    draft.ts_last = match draft.ts_last {
        Some(known) => last.filter(|last| !is_disordered(last)).or(Some(known)),
        None => last,
    };
    draft.number = Some(desktop.number);
    let is_doubtful = joined.is_some_and(|(_, link)| link.score == Score::NEAREST);
    let begins = draft.logon().and_then(|logon| machine.events.get(logon));
    let is_needed = begins.is_some_and(|logon| logon.source_address.is_none());
    if is_needed && !is_doubtful && desktop.address.is_some() && !desktop.is_at_console() {
        draft.source = desktop.logon.map(Place::of);
    }
    let first = machine.events.get(desktop.first);
    for &record in &desktop.records {
        let Some(event) = machine.events.get(record) else {
            continue;
        };
        let role = match event.action {
            _ if Some(record) == desktop.logon => Role::Start,
            Action::TsLogoff => Role::End,
            Action::TsReconnect
            | Action::TsDisconnect
            | Action::TsReason
            | Action::TsDisconnectedBy => Role::State,
            _ => Role::Use,
        };
        let link = joined.map(|(by, link)| match by == record {
            true => link,
            false => Link::new(LinkRule::SessionNumber, link.score),
        });
        draft.prove_by(record, role, link);
        // With records missing before it, it can be of another session with this number.
        let is_sure = first.is_some_and(|first| !gaps.between_events(first, Some(event)));
        if is_sure && role != Role::End && desktop.last_alive.is_some() {
            draft.show(record, event.time);
        }
    }
    tell_changes(machine, draft, desktop);
    if is_doubtful {
        draft.flags.insert(Flag::UncertainLink);
        draft.doubt(State::Disconnected);
    }
}

/// Tells anew when the client of a session was away, by the records of LocalSessionManager and the audit records together.
fn tell_changes(machine: &Machine, draft: &mut Draft, desktop: &Desktop) {
    let time = |position: usize| machine.events.get(position).map(|event| event.time);
    // What comes with the end is the session being torn down.
    let over = [
        draft.user_logoff().and_then(time),
        desktop.logoff.and_then(time),
    ]
    .into_iter()
    .flatten()
    .min();
    let told = desktop
        .changes
        .iter()
        .filter_map(|&(record, leaves)| Some((time(record)?, record, leaves, None)));
    let mut changes: Vec<(Time, usize, bool, Option<Text>)> = told.collect();
    for interval in draft
        .intervals()
        .iter()
        .filter(|interval| interval.state == State::Disconnected)
    {
        changes.extend(
            interval
                .from
                .and_then(|from| Some((time(from)?, from, true, None))),
        );
        changes.extend(
            interval
                .to
                .and_then(|to| Some((time(to)?, to, false, interval.address.clone()))),
        );
    }
    changes.retain(|change| over.is_none_or(|over| change.0 < over));
    changes.sort();
    draft.forget(State::Disconnected);
    for (_, record, leaves, address) in changes {
        if leaves {
            draft.leave(State::Disconnected, record);
        } else {
            let event = machine.events.get(record);
            let address = address.or_else(|| {
                event?
                    .source_address
                    .clone()
                    .filter(|address| !is_local(address))
            });
            let near = |ended: usize| {
                event
                    .zip(machine.events.get(ended))
                    .is_some_and(|(event, ended)| event.time.within(ended.time, RECONNECT))
            };
            // The logon itself only where no record of the return follows.
            let is_logon = |ended: usize| {
                machine
                    .events
                    .get(ended)
                    .is_some_and(|ended| ended.action == Action::Logon)
            };
            if !draft.replace_return(State::Disconnected, record, address.clone(), |ended| {
                near(ended) && is_logon(ended)
            }) {
                draft.come_back(State::Disconnected, record, address, near);
            }
        }
    }
}

/// Takes back what a logon at the logon screen alone said of a return, where the session manager saw nobody return: the
/// logon met an open session and was turned away. On a real controller one lived 7 s beside a client that stayed.
pub(super) fn withdraw_returns(
    machine: &Machine,
    actions: &Actions,
    gaps: &Gaps,
    drafts: &mut [Draft],
) {
    let returns = actions.all(Action::TsReconnect);
    let mut returns: Vec<Time> = returns.map(|(_, event)| event.time).collect();
    returns.sort_unstable();
    let is_seen = |time: Time| {
        let first = returns.partition_point(|other| *other < time);
        let next = returns.get(first);
        next.is_some_and(|next| *next <= time.plus(RECONNECT))
    };
    let is_no_return = |interval: &DraftInterval| {
        let to = interval.to.and_then(|to| machine.events.get(to));
        let logon = to.filter(|to| to.action == Action::Logon);
        interval.state == State::Disconnected
            && interval.from.is_none()
            && logon.is_some_and(|logon| {
                gaps.covers(CHANNEL, logon.time, logon.time.plus(RECONNECT)) && !is_seen(logon.time)
            })
    };
    for draft in drafts
        .iter_mut()
        .filter(|draft| !draft.intervals().is_empty())
    {
        draft
            .intervals_mut()
            .retain(|interval| !is_no_return(interval));
    }
}

/// Where the channel tells of the start of a boot: no session goes on beyond it.
pub(super) fn starts(machine: &Machine) -> Vec<usize> {
    let is_start = |&index: &usize| {
        machine
            .events
            .get(index)
            .is_some_and(|event| event.action == Action::TsStart)
    };
    machine.channel(CHANNEL).filter(is_start).collect()
}

/// When boots began.
struct Began {
    /// The times in order, each with the number of its boot.
    times: Vec<(Time, usize)>,
    /// For each boot the earliest time at which it or one after it began.
    earliest: Vec<Option<Time>>,
    /// For each boot the earliest time behind a gap in it that may hide another one.
    broken: Vec<Option<Time>>,
}

impl Began {
    fn of(began: impl Iterator<Item = Option<Time>>) -> Self {
        let mut earliest: Vec<Option<Time>> = began.collect();
        let numbered = earliest.iter().enumerate();
        let mut times: Vec<(Time, usize)> = numbered
            .filter_map(|(number, began)| Some(((*began)?, number)))
            .collect();
        times.sort_unstable();
        let mut next = None;
        for began in earliest.iter_mut().rev() {
            let both = [*began, next];
            next = both.into_iter().flatten().min();
            *began = next;
        }
        Began {
            times,
            earliest,
            broken: Vec::new(),
        }
    }

    /// The boot that began nearest to a time, at most so far from it.
    fn nearest(&self, time: Time, most: Ticks) -> Option<usize> {
        let after = self.times.partition_point(|(began, _)| *began < time);
        let before = after.checked_sub(1).and_then(|last| self.times.get(last));
        // Of several at one time the first.
        let before = before.and_then(|(last, _)| {
            let first = self.times.partition_point(|(began, _)| began < last);
            self.times.get(first)
        });
        let near = [before, self.times.get(after)].into_iter().flatten();
        let near = near.map(|(began, number)| (began.since(time).saturating_abs(), *number));
        let nearest = near.min().filter(|(distance, _)| *distance <= most);
        nearest.map(|(_, number)| number)
    }

    /// The last boot that had begun at a time.
    fn last(&self, time: Time) -> Option<usize> {
        let later = self
            .earliest
            .partition_point(|began| began.is_some_and(|began| began <= time));
        later.checked_sub(1)
    }
}

/// The number of the boot that was running at a record of this channel, if that is known: that of the last 32 in
/// `starts` before it, else the one that is known to have run at its time.
fn boot_at(
    machine: &Machine,
    boots: &[Boot],
    began: &Began,
    gaps: &Gaps,
    starts: &[usize],
    record: usize,
) -> Option<usize> {
    let time = |index: usize| machine.events.get(index).map(|event| event.time);
    let start = starts.partition_point(|&start| start <= record);
    let start = start.checked_sub(1).and_then(|last| starts.get(last));
    let start = start.filter(|&&start| {
        let pair = machine.events.get(start).zip(machine.events.get(record));
        pair.is_some_and(|(start, record)| !gaps.between_events(start, Some(record)))
    });
    if let Some(started) = start.and_then(|&start| time(start)) {
        return began.nearest(started, START);
    }
    let at = time(record)?;
    let runs = |boot: &Boot| {
        let end = match boot.end {
            BootEnd::Stopped(stop) | BootEnd::StoppedUnaudited(stop) => {
                time(stop).map(|stop| stop.plus(AFTERMATH))
            }
            BootEnd::Broken { max, .. } => max,
            BootEnd::Running(last) => last,
        };
        end.is_some_and(|end| at <= end)
    };
    let is_whole = |&number: &usize| {
        let broken = began.broken.get(number).copied().flatten();
        broken.is_none_or(|broken| at < broken)
    };
    began
        .last(at)
        .filter(is_whole)
        .filter(|&number| boots.get(number).is_some_and(runs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boots_that_a_time_finds_are_those_that_a_look_at_all_finds() {
        let mut state = 1_u64;
        let mut next = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 40) % below
        };
        for count in [0, 1, 2, 7, 40] {
            // Few times, so that many are one; some are not known, and the clock goes back.
            let time = |ticks: u64| Some(Time::from_filetime(ticks)).filter(|_| ticks > 2);
            let all: Vec<Option<Time>> = (0..count).map(|_| time(next(30))).collect();
            let began = Began::of(all.iter().copied());
            for at in (0..33).map(Time::from_filetime) {
                let distance = |(number, began): (usize, &Option<Time>)| {
                    let distance = (*began)?.since(at).abs();
                    (distance <= 5).then_some((distance, number))
                };
                let nearest = all.iter().enumerate().filter_map(distance).min();
                assert_eq!(began.nearest(at, 5), nearest.map(|(_, number)| number));
                let last = all
                    .iter()
                    .rposition(|began| began.is_some_and(|began| began <= at));
                assert_eq!(began.last(at), last);
            }
        }
    }
}
