//! What ended a session: itself, its parent, its boot, or nothing that the evidence shows.

use super::Finisher;
use crate::session::boot::{Boot, BootEnd};
use crate::session::draft::Draft;
use crate::session::link::Score;
use crate::session::{End, EndReason, EndSource, Kind};
use crate::time::Time;

/// The end of a session and where it shows.
pub(super) struct Ending {
    pub end: End,
    /// The event that is the end.
    pub record: Option<usize>,
    /// The last audit event that the session can have lived through.
    pub audited: usize,
    /// The event that proves it otherwise.
    pub witness: Option<usize>,
    pub token_closed: Option<Time>,
}

impl Finisher {
    /// What ended the session: itself, its parent, its boot, or nothing that the evidence shows.
    pub(super) fn ending(&self, draft: &Draft, boot: Option<&Boot>) -> Ending {
        let boot_end = boot.map_or(draft.last_use(), |boot| boot.events.end.saturating_sub(1));
        self.own_ending(draft, boot_end)
            .or_else(|| self.ending_with_parent(draft, boot_end))
            .unwrap_or_else(|| self.ending_with_boot(draft, boot, boot_end))
    }

    /// The end that records of the session itself tell; `boot_end` is the last audit event of its boot.
    fn own_ending(&self, draft: &Draft, boot_end: usize) -> Option<Ending> {
        let closed = draft.closed().filter(|_| !draft.standing);
        let token_closed = closed.and_then(|closed| self.time(closed));
        let left = |ending: Ending| Ending {
            token_closed,
            ..ending
        };
        use EndReason::{Logoff, Shutdown, TsLogoff, UserLogoff};
        use EndSource::{Inferred, Recorded};
        if let Some(record) = draft.user_logoff() {
            return Some(left(self.at(record, record, UserLogoff, Recorded)));
        }
        if let Some((stop, before)) = draft.fast_stop() {
            return Some(left(self.at(stop, before, Shutdown, Inferred)));
        }
        if let Some(lost) = draft.lost_logoff().filter(|_| draft.ts_logoff().is_none()) {
            return Some(left(self.at(lost, lost, UserLogoff, Inferred)));
        }
        if let Some(closed) = closed {
            return Some(self.at(closed, closed, Logoff, Recorded));
        }
        let logoff = draft.ts_logoff()?;
        let link = draft.link(logoff);
        let source = match link.is_some_and(|link| link.score == Score::NEAREST) {
            true => Inferred,
            false => Recorded,
        };
        Some(self.at(logoff, boot_end, TsLogoff, source))
    }

    /// The end of what it cannot outlive.
    fn ending_with_parent(&self, draft: &Draft, boot_end: usize) -> Option<Ending> {
        let end = draft.parents_end()?;
        // Where records are missing, its own logoff may be among them.
        let last = self.event(draft.last_alive());
        let is_cut = last.is_some_and(|last| self.gaps.between_events(last, self.event(end)));
        if !is_cut {
            return Some(self.at(end, end, EndReason::UserLogoff, EndSource::Inferred));
        }
        let bounds = (self.time(draft.last_use()), self.time(end));
        let bounds = self.marked.clock.widened(draft.last_alive(), end, bounds);
        Some(between(boot_end, bounds, EndReason::UserLogoff, end))
    }

    /// The end of its boot, or one before it that no record tells.
    fn ending_with_boot(&self, draft: &Draft, boot: Option<&Boot>, boot_end: usize) -> Ending {
        let between = |bounds, reason, witness| between(boot_end, bounds, reason, witness);
        // Somewhere after its last use, unseen.
        let unseen = |bounds, reason, witness| {
            let bounds = self
                .marked
                .clock
                .widened(draft.last_alive(), boot_end, bounds);
            between(bounds, reason, witness)
        };
        // A standing session was there up to the first gap behind its start that may hide the end of its boot.
        let begun = draft.logon().unwrap_or(draft.first());
        let broken = boot
            .and_then(|boot| boot.break_after(begun))
            .filter(|&first| first <= boot_end);
        let (last_use, may_have_ended) = match draft.standing {
            true => (
                broken.and_then(|first| self.last_shown(draft, begun, first)),
                broken.is_some(),
            ),
            // A client that leaves may be the aftermath of a logoff.
            false => (
                Some(draft.last_use())
                    .filter(|last| self.audited.contains(last))
                    .or(draft.ts_last())
                    .and_then(|last| self.time(last)),
                self.may_have_ended(draft, boot, boot_end),
            ),
        };
        match boot.map(|boot| &boot.end) {
            Some(&BootEnd::Stopped(stop)) if may_have_ended => {
                unseen((last_use, self.time(stop)), EndReason::Shutdown, stop)
            }
            // It may be of the boot after it.
            Some(BootEnd::Broken {
                reason: EndReason::LostBoot,
                ..
            }) if boot.is_some_and(|boot| boot.first_break(draft.first()).is_some()) => {
                self.still_open(last_use, boot_end)
            }
            Some(&BootEnd::Broken {
                reason,
                max,
                witness,
                ..
            }) if may_have_ended => unseen((last_use, max), reason, witness),
            Some(&BootEnd::Stopped(stop)) => {
                let is_audited = stop < boot_end;
                // It was used after the service that records the stop had stopped.
                if is_audited && stop < draft.last_use() && !draft.standing {
                    let max = self.time(boot_end).max(last_use);
                    between((last_use, max), EndReason::Shutdown, stop)
                } else {
                    let audited = if is_audited { stop } else { boot_end };
                    self.at(stop, audited, EndReason::Shutdown, EndSource::Recorded)
                }
            }
            Some(&BootEnd::StoppedUnaudited(stop)) => {
                // A logoff in between would not show; what stands since boot was there when the audit records end.
                let last = if draft.standing {
                    self.time(boot_end)
                } else {
                    last_use
                };
                between((last, self.time(stop)), EndReason::Shutdown, stop)
            }
            Some(&BootEnd::Broken {
                reason,
                min,
                max,
                witness,
            }) => {
                // Another channel can go on after the last audit record.
                let is_audited = self.audited.contains(&draft.last_use());
                let min = if is_audited { min } else { min.max(last_use) };
                between((min, max), reason, witness)
            }
            Some(&BootEnd::Running(last)) => {
                let is_standing = draft.standing && !may_have_ended;
                self.still_open(if is_standing { last } else { last_use }, boot_end)
            }
            None => self.still_open(last_use, boot_end),
        }
    }

    /// When a standing session, which had begun at `begun`, was there last before the gap in front of the event at `gap`.
    fn last_shown(&self, draft: &Draft, begun: usize, gap: usize) -> Option<Time> {
        let before = gap.checked_sub(1)?;
        let last = self.time(before);
        // Times are not in the order of the numbers everywhere, also where no clock was set.
        if self.marked.clock.stepped(begun, before) {
            return last;
        }
        let own = draft.proofs().map(|(record, _)| record);
        let own =
            own.filter(|record| (begun..gap).contains(record) && self.audited.contains(record));
        let shown = own.chain([begun]).map(|record| self.time(record));
        shown.fold(last, Option::max)
    }

    /// An end that the event at `record` tells exactly.
    fn at(&self, record: usize, audited: usize, reason: EndReason, source: EndSource) -> Ending {
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
    }

    /// Moves the earliest end to when another channel showed the session last, where the clock was not set meanwhile.
    pub(super) fn was_seen(&self, draft: &Draft, boot: Option<&Boot>, ending: &mut Ending) {
        let End { min, max, .. } = ending.end;
        let seen = draft.seen.map(|(time, _)| time);
        let is_range = min != max || min.is_none();
        let is_later = seen > min && max.is_none_or(|max| seen <= Some(max));
        let is_same_clock = boot.is_some_and(|boot| {
            !self
                .marked
                .clock
                .stepped(boot.events.start, boot.events.end)
        });
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
        let last = Some(draft.last_alive()).filter(|last| self.audited.contains(last));
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
        let Some(last) = draft.ts_last() else {
            return false;
        };
        let next = self
            .marked
            .ts_starts
            .partition_point(|&start| start <= last);
        let next = self
            .marked
            .ts_starts
            .get(next)
            .and_then(|&next| self.event(next));
        let last = self.event(last);
        last.zip(next)
            .is_some_and(|(last, next)| !self.gaps.between_events(last, Some(next)))
    }

    /// Whether what ended another session may have ended this one without naming it: a prompt ends with the session that it
    /// was shown in, and a Logon ID of unknown origin may be the other half of one that somebody left.
    fn may_have_ended_with_another(&self, draft: &Draft, audited: usize) -> bool {
        let parent = draft.parent().and_then(|parent| self.drafts.get(parent));
        let is_half = draft.kind == Kind::Unknown && !draft.is_desktop;
        if draft.kind != Kind::Elevation && !is_half {
            return false;
        }
        if let Some(parent) = parent {
            return !parent.is_open() || parent.ts_logoff().is_some();
        }
        let next = self
            .marked
            .leavers
            .partition_point(|&left| left < draft.last_alive());
        self.marked
            .leavers
            .get(next)
            .is_some_and(|&left| left <= audited)
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
}

/// An end that no record of the session tells; a clock that was set back in between leaves no lower bound.
fn between(
    audited: usize,
    (min, max): (Option<Time>, Option<Time>),
    reason: EndReason,
    witness: usize,
) -> Ending {
    let end = End {
        min: min.filter(|min| max.is_none_or(|max| *min <= max)),
        max,
        reason,
        source: EndSource::Inferred,
    };
    Ending {
        end,
        record: None,
        audited,
        witness: Some(witness),
        token_closed: None,
    }
}
