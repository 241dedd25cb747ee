//! From drafts to sessions: the finished rows.
//!
//! In: the drafts of a machine with its boots and gaps. Out: a [`Session`] of each, when it is asked for; nothing is paired or
//! tied here any more.

mod ending;
mod flags;
mod presence;

pub use flags::{STOP_REQUEST_AFTER, STOP_REQUEST_BEFORE};

use super::actions::Actions;
use super::boot::{self, Boot};
use super::clock::Clock;
use super::desktop;
use super::draft::Draft;
use super::gaps::Gaps;
use super::link::Link;
use super::machine::{Machine, SECURITY};
use super::{
    EndReason, Interactivity, Kind, LocalClock, Part, RecordRef, Role, Session, Start, StartSource,
    State,
};
use crate::digits;
use crate::event::{Action, Event, LogonId, Text};
use crate::sid::AccountClass;
use crate::time::{Ticks, Time};
use sha2::{Digest, Sha256};
use std::ops::Range;

/// A machine, its drafts, and what is needed to finish them.
pub(super) struct Finisher {
    pub machine: Machine,
    boots: Vec<Boot>,
    pub drafts: Vec<Draft>,
    /// The positions of the audit records.
    audited: Range<usize>,
    gaps: Gaps,
    pub marked: Marked,
}

/// What a machine's events tell that may concern any of its sessions.
pub(super) struct Marked {
    clock: Clock,
    /// Where somebody logged off.
    leavers: Vec<usize>,
    clears: Vec<usize>,
    /// Where LocalSessionManager tells of the start of a boot.
    ts_starts: Vec<usize>,
    /// When somebody or something asked Windows to stop, and when its sessions were told; in order of time.
    stop_requests: Vec<Time>,
    pub(super) local: LocalClock,
}

impl Marked {
    pub(super) fn of(machine: &Machine, actions: &Actions, boots: &[Boot]) -> Self {
        let audited = machine.channel(SECURITY);
        let of = |action| {
            let own = actions.within(action, audited.clone());
            own.map(|(index, _)| index).collect::<Vec<usize>>()
        };
        let stop_requests = [Action::StopRequest, Action::TsStop];
        let stop_requests = stop_requests
            .into_iter()
            .flat_map(|action| actions.all(action));
        let mut stop_requests: Vec<Time> = stop_requests.map(|(_, event)| event.time).collect();
        stop_requests.sort_unstable();
        Marked {
            clock: Clock::of(&machine.events, &of(Action::ClockChange), boots),
            leavers: of(Action::UserLogoff),
            clears: of(Action::LogCleared),
            ts_starts: desktop::starts(machine),
            stop_requests,
            local: LocalClock::of(machine),
        }
    }
}

impl Finisher {
    pub(super) fn new(
        machine: Machine,
        marked: Marked,
        boots: Vec<Boot>,
        drafts: Vec<Draft>,
        gaps: Gaps,
    ) -> Self {
        Finisher {
            audited: machine.channel(SECURITY),
            machine,
            boots,
            drafts,
            gaps,
            marked,
        }
    }

    fn event(&self, index: usize) -> Option<&Event> {
        self.machine.events.get(index)
    }

    fn time(&self, index: usize) -> Option<Time> {
        self.event(index).map(|event| event.time)
    }

    /// The session that a draft becomes.
    pub(super) fn session(&self, number: usize) -> Option<Session> {
        let machine = &self.machine;
        let draft = self.drafts.get(number)?;
        let boot = self.boot(draft);
        let logon = draft.logon().and_then(|logon| self.event(logon));
        let mut ending = self.ending(draft, boot);
        self.was_seen(draft, boot, &mut ending);
        let mut proofs: Vec<(usize, Role)> = draft.proofs().collect();
        if draft.logon().is_none() && ending.record.is_none() && proofs.is_empty() {
            proofs.push((draft.first(), Role::Use));
        }
        proofs.extend(ending.record.map(|record| (record, Role::End)));
        proofs.extend(ending.witness.map(|record| (record, Role::Boot)));
        if ending.end.reason == EndReason::LogEnds && !draft.standing {
            proofs.push((draft.last_use(), Role::Use));
        }
        proofs.sort_by_key(|&(record, role)| (record, role));
        proofs.dedup_by_key(|(record, _)| *record);
        let mut records = Vec::with_capacity(proofs.len());
        records.extend(proofs.iter().filter_map(|&(record, role)| {
            let link = draft.link(record);
            Some(record_ref(self.event(record)?, role, link))
        }));
        let at =
            |record: Option<usize>| proofs.iter().position(|(proof, _)| Some(*proof) == record);

        let boot_events = boot.map_or(0..0, |boot| boot.events.clone());
        let away = |states: &[State]| self.away(draft, &ending, states, &boot_events);
        let duration = draft
            .logon()
            .zip(ending.record)
            .and_then(|(from, to)| self.elapsed(from, to, ending.audited, &boot_events));
        let is_desktop =
            draft.kind.is_desktop() || (draft.is_desktop && draft.kind == Kind::Unknown);
        let desktop = |ticks: Option<Ticks>| ticks.filter(|_| is_desktop);
        let unused = away(&[State::Disconnected, State::Locked]);
        let account = draft.account.clone();
        let source = logon.filter(|_| !draft.standing);
        let from = draft.source().and_then(|from| self.event(from)).or(source);
        let start = self.start(draft, boot);
        let parent = draft.parent().and_then(|parent| self.drafts.get(parent));
        let privileges = draft.privileges().and_then(|named| self.event(named));
        Some(Session {
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
            start_local: start.time.and_then(|time| self.marked.local.at(time)),
            end_local: ending
                .end
                .time()
                .and_then(|time| self.marked.local.at(time)),
            duration,
            active: desktop(
                duration
                    .zip(unused)
                    .map(|(all, unused)| (all - unused).max(0)),
            ),
            disconnected: desktop(away(&[State::Disconnected])),
            locked: desktop(away(&[State::Locked])),
            source_address: from.and_then(|from| from.source_address.clone()),
            source_port: from.and_then(|from| from.source_port()),
            workstation: source.and_then(|logon| logon.workstation.clone()),
            logon_process: source.and_then(|logon| logon.logon_process.clone()),
            authentication_package: source.and_then(|logon| logon.authentication_package.clone()),
            lm_package: source.and_then(|logon| logon.lm_package.clone()),
            process_name: source.and_then(|logon| logon.process_name.clone()),
            process_id: source.and_then(|logon| logon.process_id),
            outbound: source
                .map(|logon| logon.outbound.clone())
                .unwrap_or_default(),
            logon_guid: source.and_then(|logon| logon.logon_guid()),
            parent: parent.map(|parent| self.session_id(parent)),
            subject: source
                .map(|logon| logon.subject.clone())
                .unwrap_or_default(),
            subject_logon_id: source.and_then(|logon| logon.subject_logon_id),
            boot: boot
                .filter(|boot| boot.first_break(draft.first()).is_none())
                .and_then(|boot| boot.start),
            privileges: privileges.and_then(|named| named.privileges.clone()),
            logons: draft.logons,
            failures_before: draft.failures,
            flags: self.flags(draft, boot, &ending, &records),
            intervals: draft
                .intervals()
                .iter()
                .map(|interval| self.interval(interval))
                .collect(),
            parts: draft
                .parts()
                .iter()
                .map(|part| {
                    let logon = part.logon().and_then(|logon| self.event(logon));
                    Part {
                        logon_id: part.id,
                        start: logon.map(|logon| logon.time),
                        end: part.closed().and_then(|closed| self.time(closed)),
                        logon_type: logon.and_then(|logon| logon.logon_type),
                        reason: part.reason,
                    }
                })
                .collect(),
            start_record: draft.logon().and_then(|logon| at(Some(logon))),
            end_record: ending.record.and_then(|record| at(Some(record))),
            source_record: draft.source().and_then(|from| at(Some(from))),
            records,
        })
    }

    /// The id of the session that a draft becomes.
    pub(super) fn id(&self, number: usize) -> Option<Text> {
        self.drafts.get(number).map(|draft| self.session_id(draft))
    }

    /// When the session that a draft becomes began.
    pub(super) fn start_of(&self, number: usize) -> Option<Start> {
        let draft = self.drafts.get(number)?;
        Some(self.start(draft, self.boot(draft)))
    }

    /// The Logon ID of the session that a draft becomes.
    pub(super) fn logon_id(&self, number: usize) -> Option<LogonId> {
        self.drafts.get(number)?.id
    }

    /// The boot of a draft, if there is one.
    fn boot(&self, draft: &Draft) -> Option<&Boot> {
        self.boots.get(draft.boot()?)
    }

    fn start(&self, draft: &Draft, boot: Option<&Boot>) -> Start {
        let logon = draft.logon().and_then(|logon| self.event(logon));
        let begins = logon.map(|logon| logon.time);
        if begins.is_some() && !draft.standing {
            return Start {
                time: begins,
                max: None,
                source: StartSource::Recorded,
            };
        }
        let boot_start = boot.and_then(|boot| boot.start);
        // Up to what shows it.
        let covers_start = boot.is_some_and(|boot| {
            let first = self.event(boot.events.start);
            let shown = self.event(draft.logon().unwrap_or(draft.first()));
            boot.begins_here
                && first.is_some_and(|first| {
                    shown.is_some_and(|shown| !self.gaps.between_events(first, Some(shown)))
                })
        });
        let is_boot_logon =
            logon.is_some_and(|logon| logon.logon_type.is_some_and(|logon_type| logon_type.0 == 0));
        let (time, source) = match (draft.standing, begins) {
            (true, Some(time)) if is_boot_logon => (Some(time), StartSource::Recorded),
            // The first service shows it, unless the log begins in mid boot.
            (true, Some(time)) if covers_start => (Some(time), StartSource::Inferred),
            (true, None) if draft.kind == Kind::System && covers_start => {
                (boot_start, StartSource::Inferred)
            }
            _ => (None, StartSource::BeforeLog),
        };
        // Special privileges and groups are written just before the logon that they belong to.
        let first = time.is_none().then_some(draft.first());
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
            Some(max.max(self.marked.clock.latest(begins, index).unwrap_or(max)))
        });
        Start { time, max, source }
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
                None => match draft.parent().and_then(|parent| self.drafts.get(parent)) {
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
        let logon = draft.logon().and_then(|logon| self.event(logon));
        logon
            .and_then(|logon| logon.subject_logon_id)
            .is_some_and(|id| id.is_standing())
    }

    /// A name that depends on nothing but the record that is the session's start (else the first that shows it).
    fn session_id(&self, draft: &Draft) -> Text {
        let mut text = Vec::with_capacity(128);
        if let Some(event) = self.event(draft.logon().unwrap_or(draft.first())) {
            // A standing session may be named first by the same record as another.
            let id = if draft.logon().is_some() {
                event.logon_id()
            } else {
                draft.id
            };
            if event.computer.is_ascii() {
                text.extend_from_slice(event.computer.as_bytes());
                text.make_ascii_lowercase();
            } else {
                text.extend_from_slice(event.computer.to_lowercase().as_bytes());
            }
            text.push(0);
            text.extend_from_slice(event.channel.as_bytes());
            let id = id.map_or(0, |id| id.get());
            for number in [event.record_id(), event.time.filetime(), id] {
                text.push(0);
                digits::decimal(number, &mut text);
            }
        }
        let digest = Sha256::digest(&text);
        let first = digest.iter().take(8);
        let name = first.fold(0, |name: u64, byte| name << 8 | u64::from(*byte));
        digits::sixteen(name).into()
    }
}

fn record_ref(event: &Event, role: Role, link: Option<Link>) -> RecordRef {
    RecordRef {
        log: event.log,
        channel: event.channel.clone(),
        record_id: event.record_id(),
        event_id: event.event_id,
        time: event.time,
        role,
        link,
    }
}
