//! What the evidence does not tell of a session and why, and what the logs of its machine cover.

use super::{LOCAL_SESSION_MANAGER, Story, short};
use crate::session::{Coverage, EndReason, Kind, State};
use crate::sid::AccountClass;

/// Channels that tell of sessions, by their short names.
const TELLING: &[&str] = &["Security", "System", LOCAL_SESSION_MANAGER];

impl<'s, 'a> Story<'s, 'a> {
    /// Why its start has no local time.
    fn unknown_local_time(&self) -> String {
        let offsets = self
            .machine
            .coverage
            .iter()
            .flat_map(|coverage| &coverage.offsets);
        let zone = offsets.clone().rev().find(|mark| mark.offset.is_none());
        let why = match zone {
            _ if offsets.clone().any(|mark| mark.offset.is_some()) => {
                "the records that tell its offset from UTC do not cover that moment".to_owned()
            }
            Some(mark) => format!(
                "its zone is {}, UTC{} without daylight saving, but no record tells whether that was on",
                mark.zone.as_deref().unwrap_or("not named"),
                mark.standard
                    .map(|offset| offset.to_string())
                    .unwrap_or_default()
            ),
            None => "no record of it tells its offset from UTC".to_owned(),
        };
        format!("The local time of the machine: {why}.")
    }

    /// What is in the logs of the machine that tell of sessions.
    pub(super) fn covered(&self) -> Vec<String> {
        let told = |coverage: &&&Coverage| {
            TELLING.contains(&short(&coverage.channel)) || self.rests_on(&coverage.channel)
        };
        let rows = self.machine.coverage.iter().filter(told);
        let mut lines: Vec<String> = rows.map(|coverage| cover(coverage)).collect();
        for channel in TELLING {
            if !self
                .machine
                .coverage
                .iter()
                .any(|coverage| short(&coverage.channel) == *channel)
            {
                lines.push(format!("{channel}: not in the evidence"));
            }
        }
        lines
    }

    /// What the evidence does not tell, and why.
    pub(super) fn unknown(&self) -> Vec<String> {
        let s = self.session;
        let mut lines: Vec<String> = Vec::new();
        let mut tell = |text: &str| lines.push(text.to_owned());
        if s.start.time.is_none() {
            tell("When it began, how and from where: its logon is not in the evidence.");
        }
        if s.start.time.is_some() && s.start_local.is_none() {
            tell(&self.unknown_local_time());
        }
        if s.end.time().is_none() {
            tell(match s.end.reason {
                EndReason::LogEnds => "Whether and when it ended: the evidence ends before that.",
                EndReason::LostBoot | EndReason::Unclean | EndReason::Crash => {
                    "When exactly it ended: nothing was written then."
                }
                _ => "When exactly it ended: no record of its own tells.",
            });
        }
        if s.duration.is_none() && s.start.time.is_some() && s.end.time().is_some() {
            tell(
                "How long it lasted: changes of the clock leave no sure difference, or its beginning is inferred.",
            );
        }
        let is_remote = matches!(
            s.kind,
            Kind::Rdp | Kind::RdpCached | Kind::Network | Kind::NetworkCleartext | Kind::Ssh
        );
        if is_remote && s.source_address.is_none() && s.start.time.is_some() {
            tell("From which address it came: its logon names none.");
        }
        if s.kind.is_desktop() {
            let was = |state| s.intervals.iter().any(|interval| interval.state == state);
            if !was(State::Locked) && !self.machine.writes_locks {
                tell(
                    "When it was locked: this machine's evidence holds no 4800 or 4801, which Windows writes only where that is audited.",
                );
            }
            if !was(State::Disconnected) && !self.machine.writes_disconnects {
                tell(
                    "When it was disconnected: this machine's evidence holds no 4778 or 4779, which Windows writes only where that is audited.",
                );
            }
        }
        if s.intervals.iter().any(|interval| interval.from.is_none()) {
            tell(
                "When a state began of which only the end is recorded: it is not taken off the time in use, which was no more than told.",
            );
        }
        if s.class == AccountClass::Unknown {
            tell(match s.account.sid {
                Some(_) => {
                    "What kind of account it is: nothing tells a local from a domain account."
                }
                None => "What kind of account it is: no record names its SID.",
            });
        }
        let asked = s.subject_logon_id.filter(|id| !id.is_standing());
        if let Some(asked) = asked.filter(|_| s.parent.is_none()) {
            tell(&format!(
                "The session that asked for it, Logon ID {asked}: no session of this boot has it."
            ));
        }
        lines
    }
}

/// What a channel's logs hold, in a line.
fn cover(coverage: &Coverage) -> String {
    let (first, last) = (coverage.first, coverage.last);
    let mut line = format!(
        "{}: records {} to {}, {} to {}",
        short(&coverage.channel),
        first.0,
        last.0,
        first.1,
        last.1
    );
    let missing = Some(coverage.missing()).filter(|&count| count > 0);
    let left_out = Some(coverage.left_out).filter(|&count| count > 0);
    let clears = Some(coverage.own_clears()).filter(|&count| count > 0);
    let steps = Some(coverage.clock_steps().count()).filter(|&count| count > 0);
    let facts = [
        coverage
            .wrapped
            .then(|| "older ones are not there".to_owned()),
        missing.map(|count| format!("{count} missing")),
        left_out.map(|count| format!("{count} left out by an export")),
        clears.map(|count| format!("cleared {}", times(count))),
        steps.map(|count| format!("the clock set {}", times(count as u64))),
    ];
    for fact in facts.into_iter().flatten() {
        line.push_str(&format!("; {fact}"));
    }
    line
}

/// `once`, `3 times`
fn times(count: u64) -> String {
    match count {
        1 => "once".to_owned(),
        count => format!("{count} times"),
    }
}
