//! What an examiner should know of a session, and what happened that says so.

use super::page::Page;
use super::{LOCAL_SESSION_MANAGER, Story, TOLD, more, sentence, short};
use crate::event::Text;
use crate::export::said::said;
use crate::export::table::{account, step_of};
use crate::session::{Coverage, Flag, STOP_REQUEST_AFTER, STOP_REQUEST_BEFORE};
use crate::spoof::suspicion;
use crate::time::Time;
use std::collections::HashSet;

impl<'s, 'a> Story<'s, 'a> {
    pub(super) fn flags(&self, page: &mut Page) {
        let mut lines = Vec::new();
        for flag in &self.session.flags {
            lines.push(format!("{flag}: {}", sentence(flag.meaning())));
            match flag {
                Flag::ClockChanged => self.clock_changes(&mut lines),
                Flag::SpansClear => self.clears(&mut lines),
                Flag::SpansGap => self.gaps(&mut lines),
                Flag::Conflict => self.conflicts(&mut lines),
                Flag::SuspiciousName => self.names(&mut lines),
                Flag::AtShutdown => self.stop_requests(&mut lines),
                _ => {}
            }
        }
        page.list("What an examiner should know", &lines);
    }

    /// Whether a record of a channel lies inside the session, by its number where records of the session bound that, else by
    /// its time; so one without a number of its own.
    fn is_inside(&self, channel: &Text, record: Option<u64>, time: Time) -> bool {
        let s = self.session;
        let own = |index: Option<usize>| self.record(index).filter(|own| own.channel == *channel);
        // Before the first record that shows it, everything can touch it.
        let begins = match (own(s.start_record).zip(record), s.start.time) {
            (Some((start, record)), _) => start.record_id <= record,
            (None, Some(start)) => start <= time,
            (None, None) => true,
        };
        let boot = self.boots.get(&**channel).copied();
        let ends = match (own(s.end_record).or(boot).zip(record), s.end.max) {
            (Some((end, record)), _) => record <= end.record_id,
            (None, Some(end)) => time <= end,
            (None, None) => true,
        };
        begins && ends
    }

    /// Whether what happened to a channel concerns the session.
    pub(super) fn rests_on(&self, channel: &str) -> bool {
        let is_desktop = self.session.kind.is_desktop() && short(channel) == LOCAL_SESSION_MANAGER;
        is_desktop
            || self
                .session
                .records
                .iter()
                .any(|record| *record.channel == *channel)
    }

    /// Tells what happened inside the session to the channels that it rests on.
    fn within<T>(
        &self,
        lines: &mut Vec<String>,
        list: impl Fn(&'a Coverage) -> Vec<(Option<u64>, Time, T)>,
        told: impl Fn(&T) -> String,
    ) {
        for coverage in self
            .machine
            .coverage
            .iter()
            .filter(|c| self.rests_on(&c.channel))
        {
            let listed = list(coverage).into_iter();
            let mut inside = listed
                .filter(|(record, time, _)| self.is_inside(&coverage.channel, *record, *time));
            let first = inside.by_ref().take(TOLD);
            let channel = short(&coverage.channel);
            lines.extend(first.map(|(.., one)| format!("  {channel}: {}", told(&one))));
            more(lines, inside.count());
        }
    }

    fn clock_changes(&self, lines: &mut Vec<String>) {
        // Security and System tell of the same changes: one is enough.
        for channel in ["Security", "System"] {
            let rows = self
                .machine
                .coverage
                .iter()
                .filter(|c| *c.channel == *channel);
            let mut steps = rows.flat_map(|c| c.clock_steps()).filter(|step| {
                let mark = &step.record;
                self.is_inside(&channel.into(), Some(mark.record_id), mark.time)
            });
            let told = steps.by_ref().take(TOLD).map(|change| {
                let step = step_of(change);
                let mark = &change.record;
                format!(
                    "  {channel}: set {step} at record {}, {}",
                    mark.record_id, mark.time
                )
            });
            let told: Vec<String> = told.collect();
            if !told.is_empty() {
                lines.extend(told);
                more(lines, steps.count());
                return;
            }
        }
    }

    fn clears(&self, lines: &mut Vec<String>) {
        let list = |c: &'a Coverage| {
            let own = c.clears.iter().filter(|clear| clear.cleared == c.channel);
            let told = own.map(|clear| {
                let number = Some(clear.record.record_id).filter(|_| clear.channel == c.channel);
                (number, clear.record.time, clear)
            });
            told.collect()
        };
        self.within(lines, list, |clear| {
            let by = Some(account(&clear.by)).filter(|by| !by.is_empty());
            let by = by.map(|by| format!(" by {by}")).unwrap_or_default();
            format!(
                "cleared{by} at record {} of {}, {}",
                clear.record.record_id,
                short(&clear.channel),
                clear.record.time
            )
        });
    }

    fn gaps(&self, lines: &mut Vec<String>) {
        let list = |c: &'a Coverage| {
            let gaps = c.gaps.iter().map(|gap| (Some(gap.first), gap.before, gap));
            gaps.collect()
        };
        self.within(lines, list, |gap| {
            format!(
                "records {} to {} are missing, {} to {}",
                gap.first, gap.last, gap.before, gap.after
            )
        });
        let list = |c: &'a Coverage| {
            let lost = c
                .audit_losses
                .iter()
                .filter(|loss| loss.record.event_id == 1108);
            lost.map(|loss| (Some(loss.record.record_id), loss.record.time, loss))
                .collect()
        };
        self.within(lines, list, |loss| {
            let what = loss.event_id.map_or_else(
                || "an audit event".to_owned(),
                |lost| format!("an event {lost}"),
            );
            format!(
                "{what} could not be written: record {}, {}",
                loss.record.record_id, loss.record.time
            )
        });
    }

    /// The records it rests on that another log holds with other contents.
    fn conflicts(&self, lines: &mut Vec<String>) {
        for coverage in &self.machine.coverage {
            let records = self.session.records.iter();
            let own: HashSet<u64> = records
                .filter(|record| record.channel == coverage.channel)
                .map(|record| record.record_id)
                .collect();
            let conflicts = coverage
                .conflicts
                .iter()
                .filter(|conflict| own.contains(&conflict.record_id));
            lines.extend(conflicts.map(|conflict| {
                format!(
                    "  record {} of {}: {} says what is told here, {} something else",
                    conflict.record_id,
                    coverage.channel,
                    self.view.file(conflict.used).unwrap_or_default(),
                    self.view.file(conflict.other).unwrap_or_default()
                )
            }));
        }
    }

    /// The names that are perhaps made to be taken for others, and why each is thought so.
    fn names(&self, lines: &mut Vec<String>) {
        let s = self.session;
        let names = [
            ("account", s.account.name.as_ref()),
            ("domain", s.account.domain.as_ref()),
            ("workstation", s.workstation.as_ref()),
            ("account on the network", s.outbound.name.as_ref()),
            ("machine", Some(&s.host)),
        ];
        let suspicious = names.into_iter().filter_map(|(what, name)| {
            let why = suspicion(name?)?;
            Some(format!("  {what} \"{}\": {why}", name?))
        });
        lines.extend(suspicious);
    }

    /// Who asked Windows to stop about the time that the person left.
    fn stop_requests(&self, lines: &mut Vec<String>) {
        let Some(left) = self.session.end.time() else {
            return;
        };
        let near = left.plus(-STOP_REQUEST_BEFORE)..=left.plus(STOP_REQUEST_AFTER);
        let asked = self.machine.stop_requests.iter();
        let asked = asked.filter(|row| near.contains(&row.event.time));
        lines.extend(asked.take(TOLD).map(|row| {
            let event = &row.event;
            let channel = short(&event.channel);
            format!(
                "  {}  {channel} {}  record {}  {}",
                event.time,
                event.event_id,
                event.record_id(),
                said(row)
            )
        }));
    }
}
