//! From drafts to sessions: what ended each, how long it was in use, what an examiner should know.

use super::boot::{self, Boot, BootEnd};
use super::build::{self, Builder};
use super::desktop;
use super::draft::{Draft, DraftInterval};
use super::machine::{Machine, SECURITY};
use super::starts::StartMarks;
use super::{CLOCK_STEP, LocalClock, failures, takeover, touches};
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
    let boots = boot::boots(machine);
    let mut starts = StartMarks::of(events);
    let mut drafts = Vec::new();
    let mut places = vec![None; events.len()];
    let mut boot_of = Vec::new();
    for (number, boot) in boots.iter().enumerate() {
        let first = drafts.len();
        Builder::new(events, boot, &mut starts, &mut drafts, &mut places).run();
        build::mark_probable_twins(drafts.get_mut(first..).unwrap_or_default());
        boot_of.resize(drafts.len(), number);
    }
    desktop::join(machine, &boots, &mut drafts, &mut boot_of, &mut places);
    let audited = machine.channel(SECURITY);
    failures::tie(events, audited.clone(), &places, &mut drafts);
    takeover::mark(
        machine,
        audited.clone(),
        &places,
        &mut drafts,
        &gaps(machine),
    );
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
        clock: Clock::new(events, audited.clone()),
        gaps: gaps(machine),
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

/// Where records of the machine's channels are missing, in order: the channel and the number before the gap. An audit event that
/// Windows could not write (1108) is missing too, if it may have been about a logon.
fn gaps(machine: &Machine) -> Vec<(Text, u64)> {
    let neighbours = machine.spans.windows(2).filter_map(|pair| match pair {
        [before, after] if before.channel == after.channel && before.live && after.live => {
            Some((before.channel.clone(), before.last_id))
        }
        _ => None,
    });
    let lost = machine.events.iter().filter(|event| {
        event.action == Action::AuditLost
            && matches!(
                event.details().lost_event_id,
                None | Some(4624 | 4634 | 4647)
            )
    });
    let lost = lost.map(|event| (event.channel.clone(), event.record_id));
    let mut gaps: Vec<_> = neighbours.chain(lost).collect();
    gaps.sort();
    gaps
}

/// The clock changes of a machine, by their positions, summed up.
struct Clock {
    /// Position, sum of all changes so far, how many were of unknown size, how many were worth a flag.
    changes: Vec<(usize, i128, u32, u32)>,
}

impl Clock {
    fn new(events: &[Event], range: Range<usize>) -> Self {
        let (mut sum, mut unknown, mut steps) = (0, 0, 0);
        let changes = positions(events, range, Action::ClockChange);
        let changes = changes
            .into_iter()
            .filter_map(|index| Some((index, events.get(index)?)));
        let changes = changes.map(|(index, event)| {
            let step = event
                .new_time
                .zip(event.previous_time)
                .map(|(new, previous)| new.since(previous));
            match step {
                Some(step) if step.saturating_abs() <= ABSURD_STEP => {
                    sum += i128::from(step);
                    steps += u32::from(step.saturating_abs() >= CLOCK_STEP);
                }
                _ => {
                    unknown += 1;
                    steps += 1;
                }
            }
            (index, sum, unknown, steps)
        });
        Clock {
            changes: changes.collect(),
        }
    }

    /// Sums up to and with the event at `index`.
    fn until(&self, index: usize) -> (i128, u32, u32) {
        let count = self.changes.partition_point(|change| change.0 <= index);
        count
            .checked_sub(1)
            .and_then(|last| self.changes.get(last))
            .map_or((0, 0, 0), |change| (change.1, change.2, change.3))
    }

    /// The time that really passed between an audit record and `to`, a record of any channel that was written after the audit
    /// record at `audited`; `None` if a clock change in between makes it unknown.
    fn elapsed(&self, events: &[Event], from: usize, to: usize, audited: usize) -> Option<Ticks> {
        let (start, end) = (events.get(from)?, events.get(to)?);
        let ((before, unknown_before, _), (after, unknown_after, _)) =
            (self.until(from), self.until(audited));
        let elapsed = i128::from(end.time.since(start.time)) - (after - before);
        (unknown_before == unknown_after && elapsed >= 0).then(|| Ticks::try_from(elapsed).ok())?
    }

    fn stepped(&self, from: usize, to: usize) -> bool {
        self.until(from).2 != self.until(to).2
    }
}

struct Finisher<'a> {
    machine: &'a Machine,
    boots: &'a [Boot],
    drafts: &'a [Draft],
    /// The positions of the audit records.
    audited: Range<usize>,
    clock: Clock,
    gaps: Vec<(Text, u64)>,
    clears: Vec<usize>,
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
            self.event(index)
                .is_some_and(|event| *event.channel == *desktop::CHANNEL)
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
        let ending = self.ending(draft, boot_number);
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
            .filter_map(|&(record, role)| Some(record_ref(self.event(record)?, role)))
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
            logon_type: logon.and_then(|logon| logon.logon_type),
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
            source_address: source.and_then(|logon| logon.source_address.clone()),
            source_port: source.and_then(|logon| logon.source_port),
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
            boot: boot.and_then(|boot| boot.start),
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
            records,
        }
    }

    fn start(&self, draft: &Draft, boot: Option<&Boot>) -> Start {
        let boot_start = boot.and_then(|boot| boot.start);
        let covers_start = boot.is_some_and(|boot| boot.begins_here);
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
        let first = self.event(draft.first).filter(|_| time.is_none());
        let max = first.map(|first| match first.action {
            Action::SpecialPrivileges | Action::SpecialGroups => first.time.plus(boot::HELD_TIME),
            _ => first.time,
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
            return exact(logoff, boot_end, EndReason::TsLogoff, EndSource::Recorded);
        }
        if let Some(end) = draft.parents_end {
            return exact(end, end, EndReason::UserLogoff, EndSource::Inferred);
        }
        let last_use = self.time(draft.last_use);
        // Where records are missing after its last use, its logoff may be among them.
        let may_have_ended = !draft.standing && self.is_gap_after(draft, boot_end);
        match boot.map(|boot| &boot.end) {
            Some(&BootEnd::Stopped(stop)) if may_have_ended => {
                // Times before and after the clock was set back cannot be compared.
                let until = self
                    .time(stop)
                    .filter(|stop| last_use.is_none_or(|last| last <= *stop));
                between(
                    last_use.filter(|_| until.is_some()),
                    until,
                    EndReason::Shutdown,
                    Some(stop),
                )
            }
            Some(&BootEnd::Broken {
                reason,
                max,
                witness,
                ..
            }) if may_have_ended => between(last_use, max, reason, Some(witness)),
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
            Some(&BootEnd::Running(last)) => self.still_open(draft, last, boot_end),
            None => self.still_open(draft, None, boot_end),
        }
    }

    /// Whether audit records are missing between a session's last use and the end of its boot, whose last audit event is
    /// at `audited`.
    fn is_gap_after(&self, draft: &Draft, audited: usize) -> bool {
        let last = Some(draft.last_use)
            .filter(|last| self.audited.contains(last))
            .and_then(|last| self.event(last));
        let Some(last) = last else { return false };
        let next_boot = Some(audited + 1)
            .filter(|next| self.audited.contains(next))
            .and_then(|next| self.event(next));
        let limit = next_boot.map_or(u64::MAX, |next| next.record_id);
        let at = self
            .gaps
            .partition_point(|(channel, id)| (channel, *id) < (&last.channel, last.record_id));
        self.gaps
            .get(at)
            .is_some_and(|(channel, id)| *channel == last.channel && *id < limit)
    }

    fn still_open(&self, draft: &Draft, last: Option<Time>, audited: usize) -> Ending {
        let min = if draft.standing {
            last
        } else {
            self.time(draft.last_use)
        };
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
            source: interval.source(),
            address: interval.address.clone(),
        }
    }

    fn interactivity(&self, draft: &Draft) -> Interactivity {
        let mut draft = draft;
        // A parent comes before its children; the bound is for records that say otherwise.
        for _ in 0..16 {
            match draft.kind.interactivity() {
                _ if draft.standing => return Interactivity::NonInteractive,
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
        let remote_logon = logon.filter(|logon| {
            logon
                .logon_type
                .is_some_and(|logon_type| matches!(logon_type.0, 10 | 12))
        });
        let addresses = remote_logon
            .and_then(|logon| logon.source_address.as_deref())
            .into_iter();
        let mut addresses = addresses.chain(
            draft
                .intervals()
                .iter()
                .filter_map(|interval| interval.address.as_deref()),
        );
        if addresses.any(is_loopback) {
            flags.insert(Flag::Tunnel);
        }
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
            let after = after.filter(|after| after.channel == first.channel);
            let limit = after.map_or(u64::MAX, |after| after.record_id);
            let inside = self.gaps.partition_point(|(channel, id)| {
                (channel, *id) < (&first.channel, first.record_id)
            });
            if self
                .gaps
                .get(inside)
                .is_some_and(|(channel, id)| *channel == first.channel && *id < limit)
            {
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

fn record_ref(event: &Event, role: Role) -> RecordRef {
    RecordRef {
        log: event.log,
        channel: event.channel.clone(),
        record_id: event.record_id,
        event_id: event.event_id,
        time: event.time,
        role,
    }
}

/// Whether an address is the machine's own loopback: 127.0.0.0/8, ::1, or the former written as IPv6.
fn is_loopback(address: &str) -> bool {
    match address.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V6(v6)) => v6
            .to_ipv4_mapped()
            .map_or(v6.is_loopback(), |v4| v4.is_loopback()),
        Ok(std::net::IpAddr::V4(v4)) => v4.is_loopback(),
        Err(_) => false,
    }
}
