//! What Winlogon (7001, 7002) and the User Profile Service (1 to 4) tell of desktop sessions: somebody's desktop with a
//! session number began, and was torn down. Each such run is tied to the session at whose logon it begins.
//!
//! Where the audit records and LocalSessionManager tell no logoff, theirs is the session's end.

use super::actions::Actions;
use super::boot::Boot;
use super::bridges::BRIDGE;
use super::draft::Draft;
use super::gaps::Gaps;
use super::link::{Link, LinkRule, Score};
use super::machine::Machine;
use super::place::{Place, Places};
use super::{Flag, Role, State, desktop, system};
use crate::event::{Action, Event};
use crate::sid::Sid;
use crate::time::{TICKS_PER_SECOND, Ticks, Time};
use ahash::RandomState;
use std::collections::{HashMap, HashSet};

/// How long before the first record of a run its audited logon lies at most, and how long after it.
const BEFORE: Ticks = 5 * TICKS_PER_SECOND;
const AFTER: Ticks = TICKS_PER_SECOND / 2;
/// How many sessions near a run are looked at: a bound for logs in which all have one time.
const NEAR_SESSIONS: usize = 64;

/// The records of one channel about one desktop, the first of which says that it begins.
#[derive(Debug)]
struct Run {
    sid: Sid,
    number: u32,
    records: Vec<usize>,
}

/// The runs of a machine, in record order.
fn read(actions: &Actions) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut by_winlogon: HashMap<(Sid, u32), usize, RandomState> = HashMap::default();
    let mut by_profiles: HashMap<(Sid, u32), usize, RandomState> = HashMap::default();
    let told = [
        Action::WinlogonLogon,
        Action::WinlogonLogoff,
        Action::ProfileLoad,
        Action::ProfileLoaded,
        Action::ProfileUnload,
        Action::ProfileUnloaded,
        Action::Boot,
    ];
    for (index, event) in actions.any_of(&told) {
        let open = match event.action {
            Action::WinlogonLogon | Action::WinlogonLogoff => &mut by_winlogon,
            Action::ProfileLoad
            | Action::ProfileLoaded
            | Action::ProfileUnload
            | Action::ProfileUnloaded => &mut by_profiles,
            // Winlogon writes to the channel that tells of boots.
            Action::Boot if *event.channel == *system::SYSTEM => {
                by_winlogon.clear();
                continue;
            }
            _ => continue,
        };
        let (Some(sid), Some(number)) = (event.account.sid.clone(), event.session_number) else {
            continue;
        };
        let key = (sid.clone(), number);
        if matches!(event.action, Action::WinlogonLogon | Action::ProfileLoad) {
            open.insert(key, runs.len());
            runs.push(Run {
                sid,
                number,
                records: vec![index],
            });
            continue;
        }
        if let Some(run) = open.get(&key).and_then(|&run| runs.get_mut(run)) {
            run.records.push(index);
        }
        if matches!(
            event.action,
            Action::WinlogonLogoff | Action::ProfileUnloaded
        ) {
            open.remove(&key);
        }
    }
    runs
}

/// Ties each run to the session that began with it.
pub(super) fn tie(
    machine: &Machine,
    actions: &Actions,
    boots: &[Boot],
    gaps: &Gaps,
    drafts: &mut [Draft],
    places: &mut Places,
) {
    let runs = read(actions);
    if runs.is_empty() {
        return;
    }
    let began = begun(machine, drafts);
    let mut is_tied: HashSet<(Action, usize), RandomState> = HashSet::default();
    for mut run in runs {
        let first = run
            .records
            .first()
            .and_then(|&first| machine.events.get(first));
        let Some(first) = first else { continue };
        let is_free = |number: usize| {
            let known = drafts.get(number).and_then(|draft| draft.number);
            known.is_none_or(|known| known == run.number)
                && !is_tied.contains(&(first.action, number))
        };
        let own = began.get(&run.sid).map(Vec::as_slice).unwrap_or_default();
        let Some((number, is_only)) = nearest(own, first.time, is_free) else {
            continue;
        };
        is_tied.insert((first.action, number));
        // The User Profile Service tells of no boots: what comes after the next one began is of another desktop.
        let boot = drafts.get(number).and_then(Draft::boot);
        let next = boot.and_then(|boot| boots.get(boot.checked_add(1)?));
        if let Some(next) = next.and_then(|next| next.start) {
            let is_before = |record: &usize| {
                machine
                    .events
                    .get(*record)
                    .is_some_and(|event| event.time < next)
            };
            run.records.retain(is_before);
        }
        if let Some(draft) = drafts.get_mut(number) {
            let score = match (is_only, draft.number) {
                (false, _) => Score::NEAREST,
                (true, Some(_)) => Score::EXACT,
                (true, None) => Score::BESIDE,
            };
            add(machine, draft, &run, first, score, gaps);
        }
        for &record in &run.records {
            places.put_new(record, number);
        }
    }
}

/// When a desktop session began, whether its logon was audited, and which it is.
type Begun = (Time, bool, usize);

/// The desktop sessions that have a start, by account and in order of time.
fn begun(machine: &Machine, drafts: &[Draft]) -> HashMap<Sid, Vec<Begun>, RandomState> {
    let mut began: HashMap<Sid, Vec<Begun>, RandomState> = HashMap::default();
    let desktops = drafts.iter().enumerate();
    for (number, draft) in desktops.filter(|(_, draft)| draft.is_desktop) {
        let logon = draft.logon().and_then(|logon| machine.events.get(logon));
        if let Some((logon, sid)) = logon.zip(draft.account.sid.clone()) {
            let is_audited = *logon.channel != *desktop::CHANNEL;
            let own = began.entry(sid).or_default();
            own.push((logon.time, is_audited, number));
        }
    }
    began.values_mut().for_each(|own| own.sort_unstable());
    began
}

/// The session of `began` that is nearest to a run that begins at `time`, and whether no other fits.
fn nearest(began: &[Begun], time: Time, is_free: impl Fn(usize) -> bool) -> Option<(usize, bool)> {
    let from = began.partition_point(|(start, ..)| *start < time.plus(-BEFORE.max(BRIDGE)));
    let near = began
        .iter()
        .skip(from)
        .take(NEAR_SESSIONS)
        .take_while(|(start, ..)| *start <= time.plus(AFTER.max(BRIDGE)));
    let fits = |&&(start, is_audited, number): &&Begun| {
        let (before, after) = if is_audited {
            (BEFORE, AFTER)
        } else {
            (BRIDGE, BRIDGE)
        };
        time.plus(-before) <= start && start <= time.plus(after) && is_free(number)
    };
    let near: Vec<&Begun> = near.filter(fits).collect();
    let nearest = near
        .iter()
        .min_by_key(|(start, ..)| start.since(time).unsigned_abs())?;
    Some((nearest.2, near.len() == 1))
}

/// Adds a run to the session that began with it.
fn add(machine: &Machine, draft: &mut Draft, run: &Run, first: &Event, score: Score, gaps: &Gaps) {
    for (at, &record) in run.records.iter().enumerate() {
        let Some(event) = machine.events.get(record) else {
            continue;
        };
        let is_end = matches!(
            event.action,
            Action::WinlogonLogoff | Action::ProfileUnload | Action::ProfileUnloaded
        );
        let role = if is_end { Role::End } else { Role::Use };
        let rule = match at {
            0 => LinkRule::Logon,
            _ => LinkRule::SessionNumber,
        };
        draft.prove_by(record, role, Some(Link::new(rule, score)));
        // With records missing before it, it can be of another desktop that was given the same number.
        if gaps.between_events(first, Some(event)) || score == Score::NEAREST {
            continue;
        }
        match event.action {
            // The runs of the User Profile Service come before those of Winlogon: its word counts first.
            Action::ProfileUnload | Action::WinlogonLogoff if draft.ts_logoff().is_none() => {
                draft.ts_logoff = Some(Place::of(record));
                // What the session manager tells of it from then on is the session being torn down.
                let is_before = |index: usize| {
                    let other = machine.events.get(index);
                    other.is_some_and(|other| other.time < event.time)
                };
                draft.intervals_mut().retain(|interval| {
                    interval.state != State::Disconnected || interval.from.is_none_or(is_before)
                });
            }
            _ if !is_end => draft.show(record, event.time),
            _ => {}
        }
    }
    if score == Score::NEAREST {
        draft.flags.insert(Flag::UncertainLink);
    }
}
