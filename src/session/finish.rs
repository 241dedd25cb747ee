//! From drafts to sessions: what ended each, how long it was in use, what an examiner should know.

use super::boot::{self, Boot, BootEnd};
use super::build::{self, Builder};
use super::connection::{self, Clients};
use super::desktop;
use super::draft::{Draft, DraftInterval};
use super::gaps::Gaps;
use super::link::{Link, Score};
use super::machine::{Machine, SECURITY};
use super::marks::Marks;
use super::{
    CLOCK_STEP, LocalClock, arrival, failures, pre_authentication, shell, takeover, touches,
    winlogon,
};
use super::{
    End, EndReason, EndSource, Flag, Interactivity, Interval, Kind, Part, RecordRef, Role, Session,
    Start, StartSource, State,
};
use crate::event::{Action, Event, Text};
use crate::sid::AccountClass;
use crate::time::{TICKS_PER_SECOND, Ticks, Time};
use sha2::{Digest, Sha256};
use std::ops::Range;

/// How long before somebody left the request to stop lies at most.
pub const STOP_REQUEST_BEFORE: Ticks = 120 * TICKS_PER_SECOND;
/// How long after somebody left the request to stop is written at most.
pub const STOP_REQUEST_AFTER: Ticks = 5 * TICKS_PER_SECOND;

/// A change of the clock by more than this is a broken record: one had a previous time of 2296.
const ABSURD_STEP: Ticks = 10 * 366 * 24 * 3600 * TICKS_PER_SECOND;

/// The sessions of a machine, and what each of its events belongs to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Timeline {
    /// The sessions, in the order of their first records.
    pub sessions: Vec<Session>,
    /// For each event of the machine the index of its session.
    pub session_of: Vec<Option<usize>>,
    /// For each event of the machine the kind of logon it belongs to, if known.
    pub kind_of: Vec<Option<Kind>>,
}

/// Builds the timeline of one machine.
pub fn timeline(machine: &Machine) -> Timeline {
    let events = &machine.events;
    let gaps = Gaps::of(machine);
    let boots = boot::boots(machine, &gaps);
    let mut marks = Marks::of(events);
    let clients = Clients::of(events);
    let mut drafts = Vec::new();
    let mut places = vec![None; events.len()];
    let mut boot_of = Vec::new();
    for (number, boot) in boots.iter().enumerate() {
        let first = drafts.len();
        Builder::new(
            events,
            boot,
            &gaps,
            &mut marks,
            &clients,
            &mut drafts,
            &mut places,
        )
        .run();
        build::mark_probable_twins(drafts.get_mut(first..).unwrap_or_default());
        boot_of.resize(drafts.len(), number);
    }
    desktop::join(
        machine,
        &boots,
        &gaps,
        &mut drafts,
        &mut boot_of,
        &mut places,
    );
    desktop::withdraw_returns(machine, &gaps, &mut drafts);
    winlogon::tie(machine, &boots, &boot_of, &gaps, &mut drafts, &mut places);
    connection::tie(machine, &mut drafts, &mut places);
    shell::tie(machine, &mut drafts, &mut places);
    pre_authentication::infer(machine, &boots, &boot_of, &gaps, &mut drafts);
    let audited = machine.channel(SECURITY);
    failures::tie(events, audited.clone(), &places, &mut drafts);
    takeover::mark(machine, audited.clone(), &places, &mut drafts, &gaps);
    arrival::mark(machine, &gaps, &mut drafts);
    let is_stop_request =
        |event: &&Event| matches!(event.action, Action::StopRequest | Action::TsStop);
    let mut stop_requests: Vec<Time> = events
        .iter()
        .filter(is_stop_request)
        .map(|event| event.time)
        .collect();
    stop_requests.sort_unstable();
    let finisher = Finisher {
        stop_requests,
        machine,
        boots: &boots,
        drafts: &drafts,
        audited: audited.clone(),
        clock: Clock::new(events, audited.clone(), &boots),
        gaps,
        leavers: positions(events, audited.clone(), Action::UserLogoff),
        ts_starts: desktop::starts(machine),
        clears: positions(events, audited, Action::LogCleared),
        local: LocalClock::of(machine),
    };
    let mut sessions: Vec<Session> = drafts
        .iter()
        .zip(&boot_of)
        .map(|(draft, &boot)| finisher.session(draft, boot))
        .collect();
    let ids: Vec<Text> = sessions.iter().map(|session| session.id.clone()).collect();
    for (session, draft) in sessions.iter_mut().zip(&drafts) {
        session.parent = draft.parent.and_then(|parent| ids.get(parent)).cloned();
    }
    touches::mark(machine, &mut sessions);
    let kind_of = places
        .iter()
        .zip(events)
        .map(|(&place, event)| kind_of(place, event, &drafts))
        .collect();
    Timeline {
        sessions,
        session_of: places,
        kind_of,
    }
}

/// What kind of logon an event belongs to: its session's, but a failed logon has its own, and so has a logon that only
/// touches a session.
fn kind_of(place: Option<usize>, event: &Event, drafts: &[Draft]) -> Option<Kind> {
    if event.action == Action::LogonFailed {
        let returns =
            super::kind::is_at_logon_screen(event) && matches!(event.logon_type?.0, 7 | 13);
        return Some(if returns {
            Kind::Unlock
        } else {
            super::kind::of_logon(event)
        });
    }
    let draft = drafts.get(place?)?;
    let part = draft
        .parts()
        .iter()
        .find(|part| Some(part.id) == event.logon_id);
    part.and_then(|part| build::attached_kind(part.reason))
        .or(Some(draft.kind))
}

fn positions(events: &[Event], range: Range<usize>, action: Action) -> Vec<usize> {
    range
        .filter(|&index| {
            events
                .get(index)
                .is_some_and(|event| event.action == action)
        })
        .collect()
}

/// The clock changes of a machine, by their positions, summed up.
struct Clock {
    changes: Vec<ClockSum>,
}

/// What the clock changes came to, up to and with one of them.
#[derive(Debug, Clone, Copy, Default)]
struct ClockSum {
    position: usize,
    ticks: i128,
    /// How many were of unknown size.
    unknown: u32,
    /// How many were worth a flag.
    steps: u32,
    /// What this one set the clock from, and to.
    set: Option<(Time, Time)>,
    /// The latest time that the clock was set from in this boot.
    latest: Option<Time>,
}

impl Clock {
    fn new(events: &[Event], range: Range<usize>, boots: &[Boot]) -> Self {
        let mut boots = boots.iter().map(|boot| boot.events.start).peekable();
        let mut sum = ClockSum::default();
        let changes = positions(events, range, Action::ClockChange);
        let changes = changes
            .into_iter()
            .filter_map(|index| Some((index, events.get(index)?)));
        let changes = changes.map(|(index, event)| {
            while boots.next_if(|&start| start <= index).is_some() {
                sum.latest = None;
            }
            let step = event
                .new_time
                .zip(event.previous_time)
                .map(|(new, previous)| new.since(previous));
            match step {
                Some(step) if step.saturating_abs() <= ABSURD_STEP => {
                    let is_step = step.saturating_abs() >= CLOCK_STEP;
                    sum.ticks += i128::from(step);
                    sum.steps += u32::from(is_step);
                    sum.latest = sum.latest.max(event.previous_time);
                    sum.set = event.previous_time.zip(event.new_time).filter(|_| is_step);
                }
                _ => {
                    sum.set = None;
                    sum.unknown += 1;
                    sum.steps += 1;
                }
            }
            sum.position = index;
            sum
        });
        Clock {
            changes: changes.collect(),
        }
    }

    /// Bounds of something that happened after the audit event at `from` and up to the one at `to`, whichever way the clock was
    /// set in between.
    fn widened(
        &self,
        from: usize,
        to: usize,
        min: Option<Time>,
        max: Option<Time>,
    ) -> (Option<Time>, Option<Time>) {
        let first = self.changes.partition_point(|sum| sum.position < from);
        let last = self.changes.partition_point(|sum| sum.position <= to);
        let Some(changes) = self.changes.get(first..last) else {
            return (min, max);
        };
        if changes.len() > MOST_CHANGES {
            return (None, None);
        }
        let set = changes.iter().filter_map(|sum| sum.set);
        (
            min.map(|min| set.clone().fold(min, |min, (_, new)| min.min(new))),
            max.map(|max| set.fold(max, |max, (previous, _)| max.max(previous))),
        )
    }

    /// The latest time that the clock was set from between the beginning of a boot and a position in it.
    fn latest(&self, boot: usize, index: usize) -> Option<Time> {
        Some(self.until(index))
            .filter(|sum| sum.position >= boot)
            .and_then(|sum| sum.latest)
    }

    /// Sums up to and with the event at `index`.
    fn until(&self, index: usize) -> ClockSum {
        let count = self.changes.partition_point(|sum| sum.position <= index);
        let last = count.checked_sub(1).and_then(|last| self.changes.get(last));
        last.copied().unwrap_or_default()
    }

    /// The time that really passed between an audit record and `to`, a record of any channel that was written after the audit
    /// record at `audited`; `None` if a clock change in between makes it unknown.
    fn elapsed(&self, events: &[Event], from: usize, to: usize, audited: usize) -> Option<Ticks> {
        let (start, end) = (events.get(from)?, events.get(to)?);
        let (before, after) = (self.until(from), self.until(audited));
        let elapsed = i128::from(end.time.since(start.time)) - (after.ticks - before.ticks);
        (before.unknown == after.unknown && elapsed >= 0).then(|| Ticks::try_from(elapsed).ok())?
    }

    fn stepped(&self, from: usize, to: usize) -> bool {
        self.until(from).steps != self.until(to).steps
    }
}

/// More clock changes than this leave nothing to say of a bound: a month of hourly ones is less.
const MOST_CHANGES: usize = 1000;

struct Finisher<'a> {
    machine: &'a Machine,
    boots: &'a [Boot],
    drafts: &'a [Draft],
    /// The positions of the audit records.
    audited: Range<usize>,
    clock: Clock,
    gaps: Gaps,
    /// Where somebody logged off.
    leavers: Vec<usize>,
    clears: Vec<usize>,
    /// Where LocalSessionManager tells of the start of a boot.
    ts_starts: Vec<usize>,
    /// When somebody or something asked Windows to stop, and when its sessions were told; in order of time.
    stop_requests: Vec<Time>,
    local: LocalClock,
}

/// The end of a session and where it shows.
struct Ending {
    end: End,
    /// The event that is the end.
    record: Option<usize>,
    /// The last audit event that the session can have lived through.
    audited: usize,
    /// The event that proves it otherwise.
    witness: Option<usize>,
    token_closed: Option<Time>,
}

impl Finisher<'_> {
    /// The time that really passed between two records, of which `to` was written after the audit record at `audited`; `None`
    /// if a change of the clock makes it unknown.
    fn elapsed(
        &self,
        from: usize,
        to: usize,
        audited: usize,
        boot: &Range<usize>,
    ) -> Option<Ticks> {
        let events = &self.machine.events;
        let is_told_by_desktop = |index| {
            self.event(index).is_some_and(|event| {
                *event.channel == *desktop::CHANNEL
                    || matches!(event.action, Action::ProfileUnload | Action::WinlogonLogoff)
            })
        };
        if !is_told_by_desktop(from) && !is_told_by_desktop(to) {
            let audited = if self.audited.contains(&to) {
                to
            } else {
                audited
            };
            return self.clock.elapsed(events, from, to, audited);
        }
        // Where the clock was set, nothing tells whether before or after a record of another channel.
        let elapsed = events.get(to)?.time.since(events.get(from)?.time);
        (elapsed >= 0 && !self.clock.stepped(boot.start, boot.end)).then_some(elapsed)
    }

    fn event(&self, index: usize) -> Option<&Event> {
        self.machine.events.get(index)
    }

    fn time(&self, index: usize) -> Option<Time> {
        self.event(index).map(|event| event.time)
    }

    fn session(&self, draft: &Draft, boot_number: usize) -> Session {
        let machine = self.machine;
        let boot = self.boots.get(boot_number);
        let logon = draft.logon.and_then(|logon| self.event(logon));
        let mut ending = self.ending(draft, boot_number);
        self.was_seen(draft, boot, &mut ending);
        let mut proofs = draft.proofs.clone();
        if draft.logon.is_none() && ending.record.is_none() && proofs.is_empty() {
            proofs.push((draft.first, Role::Use));
        }
        proofs.extend(ending.record.map(|record| (record, Role::End)));
        proofs.extend(ending.witness.map(|record| (record, Role::Boot)));
        if ending.end.reason == EndReason::LogEnds && !draft.standing {
            proofs.push((draft.last_use, Role::Use));
        }
        proofs.sort_by_key(|&(record, role)| (record, role));
        proofs.dedup_by_key(|(record, _)| *record);
        let records: Vec<RecordRef> = proofs
            .iter()
            .filter_map(|&(record, role)| {
                let link = draft.links.get(&record).copied();
                Some(record_ref(self.event(record)?, role, link))
            })
            .collect();
        let at =
            |record: Option<usize>| proofs.iter().position(|(proof, _)| Some(*proof) == record);

        let boot_events = boot.map_or(0..0, |boot| boot.events.clone());
        let away = |states: &[State]| self.away(draft, &ending, states, &boot_events);
        let duration = draft
            .logon
            .zip(ending.record)
            .and_then(|(from, to)| self.elapsed(from, to, ending.audited, &boot_events));
        let is_desktop =
            draft.kind.is_desktop() || (draft.is_desktop && draft.kind == Kind::Unknown);
        let desktop = |ticks: Option<Ticks>| ticks.filter(|_| is_desktop);
        let unused = away(&[State::Disconnected, State::Locked]);
        let account = draft.account.clone();
        let source = logon.filter(|_| !draft.standing);
        let from = draft.source.and_then(|from| self.event(from)).or(source);
        let start = self.start(draft, boot);
        Session {
            id: self.session_id(draft),
            machine: machine.number,
            host: machine.host.clone(),
            host_aliases: machine.aliases.clone(),
            class: AccountClass::of(
                account.sid.as_ref(),
                account.name.as_deref(),
                account.domain.as_deref(),
                &machine.own,
            ),
            account,
            kind: draft.kind,
            interactivity: self.interactivity(draft),
            logon_type: logon
                .and_then(|logon| logon.logon_type)
                .or(draft.logon_type),
            logon_id: draft.id,
            linked_logon_id: draft
                .elevated_id
                .or_else(|| logon.and_then(|logon| logon.linked_logon_id)),
            elevated: draft.elevated,
            start,
            end: ending.end,
            token_closed: ending.token_closed,
            start_local: start.time.and_then(|time| self.local.at(time)),
            end_local: ending.end.time().and_then(|time| self.local.at(time)),
            duration,
            active: desktop(
                duration
                    .zip(unused)
                    .map(|(all, unused)| (all - unused).max(0)),
            ),
            disconnected: desktop(away(&[State::Disconnected])),
            locked: desktop(away(&[State::Locked])),
            source_address: from.and_then(|from| from.source_address.clone()),
            source_port: from.and_then(|from| from.source_port),
            workstation: source.and_then(|logon| logon.workstation.clone()),
            logon_process: source.and_then(|logon| logon.logon_process.clone()),
            authentication_package: source.and_then(|logon| logon.authentication_package.clone()),
            lm_package: source.and_then(|logon| logon.lm_package.clone()),
            process_name: source.and_then(|logon| logon.process_name.clone()),
            process_id: source.and_then(|logon| logon.process_id),
            outbound: source
                .map(|logon| logon.outbound.clone())
                .unwrap_or_default(),
            logon_guid: source.and_then(|logon| logon.logon_guid.clone()),
            parent: None,
            subject: source
                .map(|logon| logon.subject.clone())
                .unwrap_or_default(),
            subject_logon_id: source.and_then(|logon| logon.subject_logon_id),
            boot: boot
                .filter(|boot| boot.first_break(draft.first).is_none())
                .and_then(|boot| boot.start),
            privileges: draft.privileges.clone(),
            logons: draft.logons,
            failures_before: draft.failures,
            flags: self.flags(draft, boot_number, &ending),
            intervals: draft
                .intervals()
                .iter()
                .map(|interval| self.interval(interval))
                .collect(),
            parts: draft
                .parts()
                .iter()
                .map(|part| {
                    let logon = part.logon.and_then(|logon| self.event(logon));
                    Part {
                        logon_id: part.id,
                        start: logon.map(|logon| logon.time),
                        end: part.closed.and_then(|closed| self.time(closed)),
                        logon_type: logon.and_then(|logon| logon.logon_type),
                        reason: part.reason,
                    }
                })
                .collect(),
            start_record: draft.logon.and_then(|logon| at(Some(logon))),
            end_record: ending.record.and_then(|record| at(Some(record))),
            source_record: draft.source.and_then(|from| at(Some(from))),
            records,
        }
    }

    fn start(&self, draft: &Draft, boot: Option<&Boot>) -> Start {
        let boot_start = boot.and_then(|boot| boot.start);
        // Up to what shows it.
        let covers_start = boot.is_some_and(|boot| {
            let first = self.event(boot.events.start);
            let shown = self.event(draft.logon.unwrap_or(draft.first));
            boot.begins_here
                && first.is_some_and(|first| {
                    shown.is_some_and(|shown| !self.gaps.between_events(first, Some(shown)))
                })
        });
        let logon = draft.logon.and_then(|logon| self.event(logon));
        let begins = logon.map(|logon| logon.time);
        let is_boot_logon =
            logon.is_some_and(|logon| logon.logon_type.is_some_and(|logon_type| logon_type.0 == 0));
        let (time, source) = match (draft.standing, begins) {
            (false, Some(time)) => (Some(time), StartSource::Recorded),
            (true, Some(time)) if is_boot_logon => (Some(time), StartSource::Recorded),
            // The first service shows it, unless the log begins in mid boot.
            (true, Some(time)) if covers_start => (Some(time), StartSource::Inferred),
            (true, None) if draft.kind == Kind::System && covers_start => {
                (boot_start, StartSource::Inferred)
            }
            _ => (None, StartSource::BeforeLog),
        };
        // Special privileges and groups are written just before the logon that they belong to.
        let first = time.is_none().then_some(draft.first);
        // What is named before 4608 by the records of a start has begun by the first record after it.
        let is_starting = |index: &usize| {
            self.event(*index).is_some_and(|event| {
                matches!(
                    event.action,
                    Action::StartingUp | Action::AuditDropped | Action::Boot
                )
            })
        };
        let first = first.and_then(|first| {
            let end = boot.map_or(first + 1, |boot| boot.events.end);
            (first..end).find(|index| !draft.standing || !is_starting(index))
        });
        let max = first.and_then(|index| {
            let first = self.event(index)?;
            let max = match first.action {
                Action::SpecialPrivileges | Action::SpecialGroups => {
                    first.time.plus(boot::HELD_TIME)
                }
                _ => first.time,
            };
            // Where the clock was set back, what came before it shows later times.
            let begins = boot.map_or(index, |boot| boot.events.start);
            Some(max.max(self.clock.latest(begins, index).unwrap_or(max)))
        });
        Start { time, max, source }
    }

    /// What ended the session: itself, its parent, its boot, or nothing that the evidence shows.
    fn ending(&self, draft: &Draft, boot_number: usize) -> Ending {
        let boot = self.boots.get(boot_number);
        let boot_end = boot.map_or(draft.last_use, |boot| boot.events.end.saturating_sub(1));
        let exact = |record: usize, audited, reason, source| {
            let time = self.time(record);
            let end = End {
                min: time,
                max: time,
                reason,
                source,
            };
            Ending {
                end,
                record: Some(record),
                audited,
                witness: None,
                token_closed: None,
            }
        };
        let between = |min: Option<Time>, max: Option<Time>, reason, witness| {
            // A clock that was set back in between leaves no lower bound.
            let min = min.filter(|min| max.is_none_or(|max| *min <= max));
            let end = End {
                min,
                max,
                reason,
                source: EndSource::Inferred,
            };
            Ending {
                end,
                record: None,
                audited: boot_end,
                witness,
                token_closed: None,
            }
        };
        // Somewhere after its last use, unseen.
        let unseen = |upto, min, max, reason, witness| {
            let (min, max) = self.clock.widened(draft.last_alive, upto, min, max);
            between(min, max, reason, Some(witness))
        };
        let closed = draft.closed().filter(|_| !draft.standing);
        let token_closed = closed.and_then(|closed| self.time(closed));
        if let Some(left) = draft.user_logoff {
            return Ending {
                token_closed,
                ..exact(left, left, EndReason::UserLogoff, EndSource::Recorded)
            };
        }
        if let Some((stop, before)) = draft.fast_stop {
            return Ending {
                token_closed,
                ..exact(stop, before, EndReason::Shutdown, EndSource::Inferred)
            };
        }
        if let Some(lost) = draft.lost_logoff.filter(|_| draft.ts_logoff.is_none()) {
            return Ending {
                token_closed,
                ..exact(lost, lost, EndReason::UserLogoff, EndSource::Inferred)
            };
        }
        if let Some(closed) = closed {
            return exact(closed, closed, EndReason::Logoff, EndSource::Recorded);
        }
        if let Some(logoff) = draft.ts_logoff {
            let link = draft.links.get(&logoff);
            let source = match link.is_some_and(|link| link.score == Score::NEAREST) {
                true => EndSource::Inferred,
                false => EndSource::Recorded,
            };
            return exact(logoff, boot_end, EndReason::TsLogoff, source);
        }
        if let Some(end) = draft.parents_end {
            // Where records are missing, its own logoff may be among them.
            let last = self.event(draft.last_alive);
            return match last.is_some_and(|last| self.gaps.between_events(last, self.event(end))) {
                true => unseen(
                    end,
                    self.time(draft.last_use),
                    self.time(end),
                    EndReason::UserLogoff,
                    end,
                ),
                false => exact(end, end, EndReason::UserLogoff, EndSource::Inferred),
            };
        }
        // A standing session was there up to the first gap that may hide the end of its boot.
        let broken = boot
            .and_then(|boot| boot.first_break(boot_end))
            .filter(|&first| draft.first < first);
        let (last_use, may_have_ended) = match draft.standing {
            true => (
                broken.and_then(|first| self.time(first.checked_sub(1)?)),
                broken.is_some(),
            ),
            // A client that leaves may be the aftermath of a logoff.
            false => (
                Some(draft.last_use)
                    .filter(|last| self.audited.contains(last))
                    .or(draft.ts_last)
                    .and_then(|last| self.time(last)),
                self.may_have_ended(draft, boot, boot_end),
            ),
        };
        match boot.map(|boot| &boot.end) {
            Some(&BootEnd::Stopped(stop)) if may_have_ended => unseen(
                boot_end,
                last_use,
                self.time(stop),
                EndReason::Shutdown,
                stop,
            ),
            // It may be of the boot after it.
            Some(BootEnd::Broken {
                reason: EndReason::LostBoot,
                ..
            }) if boot.is_some_and(|boot| boot.first_break(draft.first).is_some()) => {
                self.still_open(last_use, boot_end)
            }
            Some(&BootEnd::Broken {
                reason,
                max,
                witness,
                ..
            }) if may_have_ended => unseen(boot_end, last_use, max, reason, witness),
            Some(&BootEnd::Stopped(stop)) => {
                let is_audited = stop < boot_end;
                // It was used after the service that records the stop had stopped.
                if is_audited && stop < draft.last_use && !draft.standing {
                    let max = self.time(boot_end).max(last_use);
                    between(last_use, max, EndReason::Shutdown, Some(stop))
                } else {
                    exact(
                        stop,
                        if is_audited { stop } else { boot_end },
                        EndReason::Shutdown,
                        EndSource::Recorded,
                    )
                }
            }
            Some(&BootEnd::StoppedUnaudited(stop)) => {
                // A logoff in between would not show; what stands since boot was there when the audit records end.
                let last = if draft.standing {
                    self.time(boot_end)
                } else {
                    last_use
                };
                between(last, self.time(stop), EndReason::Shutdown, Some(stop))
            }
            Some(&BootEnd::Broken {
                reason,
                min,
                max,
                witness,
            }) => {
                // Another channel can go on after the last audit record.
                let is_audited = self.audited.contains(&draft.last_use);
                let min = if is_audited { min } else { min.max(last_use) };
                between(min, max, reason, Some(witness))
            }
            Some(&BootEnd::Running(last)) => {
                let is_standing = draft.standing && !may_have_ended;
                self.still_open(if is_standing { last } else { last_use }, boot_end)
            }
            None => self.still_open(last_use, boot_end),
        }
    }

    /// Moves the earliest end to when another channel showed the session last, where the clock was not set meanwhile.
    fn was_seen(&self, draft: &Draft, boot: Option<&Boot>, ending: &mut Ending) {
        let End { min, max, .. } = ending.end;
        let seen = draft.seen.map(|(time, _)| time);
        let is_range = min != max || min.is_none();
        let is_later = seen > min && max.is_none_or(|max| seen <= Some(max));
        let is_same_clock =
            boot.is_some_and(|boot| !self.clock.stepped(boot.events.start, boot.events.end));
        if is_range && is_later && is_same_clock {
            ending.end.min = seen;
        }
    }

    /// Whether a session may have ended unseen before its boot did, whose last audit event is at `audited`.
    fn may_have_ended(&self, draft: &Draft, boot: Option<&Boot>, audited: usize) -> bool {
        if draft.is_part {
            return true;
        }
        let logoff_would_show =
            self.is_audited_until(draft, boot, audited) || self.is_told_until_boot(draft);
        !logoff_would_show || self.may_have_ended_with_another(draft, audited)
    }

    /// Whether no audit records are missing since a session was last seen in them.
    fn is_audited_until(&self, draft: &Draft, boot: Option<&Boot>, audited: usize) -> bool {
        let last = Some(draft.last_alive).filter(|last| self.audited.contains(last));
        let Some(last) = last.and_then(|last| self.event(last)) else {
            return false;
        };
        let next_boot = Some(audited + 1).filter(|next| self.audited.contains(next));
        let next_boot = next_boot.and_then(|next| self.event(next));
        let ends_unaudited = next_boot.is_none()
            && boot.is_some_and(|boot| matches!(boot.end, BootEnd::Broken { .. }));
        !ends_unaudited && !self.gaps.between_events(last, next_boot)
    }

    /// Whether LocalSessionManager, which knows the session, tells of the next boot and of no logoff before it.
    fn is_told_until_boot(&self, draft: &Draft) -> bool {
        let Some(last) = draft.ts_last else {
            return false;
        };
        let next = self.ts_starts.partition_point(|&start| start <= last);
        let next = self.ts_starts.get(next).and_then(|&next| self.event(next));
        let last = self.event(last);
        last.zip(next)
            .is_some_and(|(last, next)| !self.gaps.between_events(last, Some(next)))
    }

    /// Whether what ended another session may have ended this one without naming it: a prompt ends with the session that it
    /// was shown in, and a Logon ID of unknown origin may be the other half of one that somebody left.
    fn may_have_ended_with_another(&self, draft: &Draft, audited: usize) -> bool {
        let parent = draft.parent.and_then(|parent| self.drafts.get(parent));
        let is_half = draft.kind == Kind::Unknown && !draft.is_desktop;
        if draft.kind != Kind::Elevation && !is_half {
            return false;
        }
        if let Some(parent) = parent {
            return !parent.is_open() || parent.ts_logoff.is_some();
        }
        let next = self
            .leavers
            .partition_point(|&left| left < draft.last_alive);
        self.leavers.get(next).is_some_and(|&left| left <= audited)
    }

    fn still_open(&self, min: Option<Time>, audited: usize) -> Ending {
        let end = End {
            min,
            max: None,
            reason: EndReason::LogEnds,
            source: EndSource::Unknown,
        };
        Ending {
            end,
            record: None,
            audited,
            witness: None,
            token_closed: None,
        }
    }

    /// How long the session was in one of `states`, overlaps counted once; `None` if that is not known.
    fn away(
        &self,
        draft: &Draft,
        ending: &Ending,
        states: &[State],
        boot: &Range<usize>,
    ) -> Option<Ticks> {
        let of_states = draft
            .intervals()
            .iter()
            .filter(|interval| states.contains(&interval.state));
        let known = of_states.filter_map(|interval| Some((interval.from?, interval.to)));
        let spans: Option<Vec<(usize, usize)>> = known
            .map(|(from, to)| Some((from, to.or(ending.record)?)))
            .collect();
        let mut spans = spans?;
        // Records of one channel are in the order of their positions, whatever the clock says; others only by their times.
        let one_channel = spans.iter().all(|(from, to)| {
            self.audited.contains(from) && (self.audited.contains(to) || Some(*to) == ending.record)
        });
        let place = |index: usize| (self.time(index).filter(|_| !one_channel), index);
        spans.sort_by_key(|span| place(span.0));
        let mut total: Ticks = 0;
        let mut reached: Option<usize> = None;
        for (from, to) in spans {
            let from = reached
                .filter(|&reached| place(reached) > place(from))
                .unwrap_or(from);
            if place(from) < place(to) {
                total = total.saturating_add(self.elapsed(from, to, ending.audited, boot)?);
                reached = Some(to);
            }
        }
        Some(total)
    }

    fn interval(&self, interval: &DraftInterval) -> Interval {
        Interval {
            state: interval.state,
            from: interval.from.and_then(|from| self.time(from)),
            to: interval.to.and_then(|to| self.time(to)),
            source: self.interval_source(interval),
            address: interval.address.clone(),
        }
    }

    /// Where records are missing in between, one that seems to go on may have ended and begun anew.
    fn interval_source(&self, interval: &DraftInterval) -> EndSource {
        let bounds = interval.from.zip(interval.to);
        let events = bounds.and_then(|(from, to)| self.event(from).zip(self.event(to)));
        let is_whole = |(from, to): (&Event, &Event)| {
            from.channel != to.channel || !self.gaps.between_events(from, Some(to))
        };
        match !interval.is_inferred && events.is_some_and(is_whole) {
            true => EndSource::Recorded,
            false => EndSource::Inferred,
        }
    }

    fn interactivity(&self, draft: &Draft) -> Interactivity {
        let mut draft = draft;
        // A parent comes before its children; the bound is for records that say otherwise.
        for _ in 0..16 {
            match draft.kind.interactivity() {
                _ if draft.standing => return Interactivity::NonInteractive,
                _ if draft.has_terminal => return Interactivity::Interactive,
                Some(Interactivity::Unknown) if draft.is_desktop => {
                    return Interactivity::Interactive;
                }
                Some(interactivity) => return interactivity,
                None => match draft.parent.and_then(|parent| self.drafts.get(parent)) {
                    Some(parent) => draft = parent,
                    None if self.is_of_a_standing_session(draft) => {
                        return Interactivity::NonInteractive;
                    }
                    None => return Interactivity::Unknown,
                },
            }
        }
        Interactivity::Unknown
    }

    /// Whether a standing session asked for the logon.
    fn is_of_a_standing_session(&self, draft: &Draft) -> bool {
        let logon = draft.logon.and_then(|logon| self.event(logon));
        logon
            .and_then(|logon| logon.subject_logon_id)
            .is_some_and(|id| super::kind::standing(id).is_some())
    }

    fn flags(&self, draft: &Draft, boot_number: usize, ending: &Ending) -> Vec<Flag> {
        let logon = draft.logon.and_then(|logon| self.event(logon));
        let mut flags = draft.flags.clone();
        let is_network =
            logon.is_some_and(|logon| logon.logon_type.is_some_and(|logon_type| logon_type.0 == 3));
        if is_network
            && !draft.standing
            && draft
                .account
                .sid
                .as_ref()
                .is_some_and(|sid| sid.as_str() == "S-1-5-18")
        {
            flags.insert(Flag::OwnMachine);
        }
        if draft
            .user_logoff
            .and_then(|left| self.time(left))
            .is_some_and(|left| self.stop_was_asked_for(left, self.boots.get(boot_number)))
        {
            flags.insert(Flag::AtShutdown);
        }
        if self.was_moved(draft) {
            flags.insert(Flag::Moved);
        }
        // From the first to the last event that it can have lived through.
        let boot = self
            .boots
            .get(boot_number)
            .map_or(0..0, |boot| boot.events.clone());
        let begins = if draft.logon.is_some() && self.audited.contains(&draft.first) {
            draft.first
        } else {
            boot.start
        };
        let ends = ending.audited;
        let cleared = self.clears.partition_point(|&clear| clear < begins);
        if self
            .clears
            .get(cleared)
            .is_some_and(|&clear| clear < ends.max(begins + 1))
        {
            flags.insert(Flag::SpansClear);
        }
        if self.clock.stepped(begins, ends) {
            flags.insert(Flag::ClockChanged);
        }
        if let Some(first) = self.event(begins) {
            let after = if ending.record.is_some() {
                self.event(ends)
            } else {
                self.event(boot.end)
            };
            if self.gaps.between_events(first, after) {
                flags.insert(Flag::SpansGap);
            }
        }
        if self.machine.same_name {
            flags.insert(Flag::SameName);
        }
        flags.into_iter().collect()
    }

    /// Whether a stop of Windows was asked for about the time that somebody left.
    fn stop_was_asked_for(&self, left: Time, boot: Option<&Boot>) -> bool {
        let began = boot.and_then(|boot| boot.start);
        let near = left.plus(-STOP_REQUEST_BEFORE)..=left.plus(STOP_REQUEST_AFTER);
        let from = self
            .stop_requests
            .partition_point(|time| time < near.start());
        let asked = self
            .stop_requests
            .iter()
            .skip(from)
            .take_while(|time| near.contains(time));
        // A request of the boot before is no reason to leave this one.
        asked
            .into_iter()
            .any(|time| began.is_none_or(|began| began <= *time))
    }

    /// Whether a desktop session was taken up again at another place than it began at.
    fn was_moved(&self, draft: &Draft) -> bool {
        let began_remote = match draft.kind {
            Kind::Rdp | Kind::RdpCached => true,
            Kind::Console | Kind::ConsoleCached => false,
            _ => return false,
        };
        let returns = draft
            .intervals()
            .iter()
            .filter_map(|interval| self.event(interval.to?));
        returns.into_iter().any(|event| {
            let console = match event.action {
                Action::Reconnect => event
                    .session_name
                    .as_deref()
                    .map(|name| name.eq_ignore_ascii_case("Console")),
                Action::TsReconnect => event
                    .source_address
                    .as_deref()
                    .map(|address| address.eq_ignore_ascii_case("LOCAL")),
                _ => None,
            };
            console == Some(began_remote)
        })
    }

    /// A name that depends on nothing but the record that is the session's start (else the first that shows it).
    fn session_id(&self, draft: &Draft) -> Text {
        let mut hash = Sha256::new();
        if let Some(event) = self.event(draft.logon.unwrap_or(draft.first)) {
            // A standing session may be named first by the same record as another.
            let id = if draft.logon.is_some() {
                event.logon_id
            } else {
                draft.id
            };
            let text = format!(
                "{}\0{}\0{}\0{}\0{}",
                event.computer.to_lowercase(),
                event.channel,
                event.record_id,
                event.time.filetime(),
                id.map_or(0, |id| id.0)
            );
            hash.update(text.as_bytes());
        }
        let digest = hash.finalize();
        digest
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
            .into()
    }
}

fn record_ref(event: &Event, role: Role, link: Option<Link>) -> RecordRef {
    RecordRef {
        log: event.log,
        channel: event.channel.clone(),
        record_id: event.record_id,
        event_id: event.event_id,
        time: event.time,
        role,
        link,
    }
}
