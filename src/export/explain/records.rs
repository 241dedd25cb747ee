//! Which records a session rests on, which Logon IDs it was joined from, and by which rules.

use super::page::Page;
use super::{Story, sentence, short, type_text};
use crate::analysis::TimelineEvent;
use crate::event::{Action, LogIndex, Text};
use crate::export::said::{meaning, said};
use crate::export::table::spoken;
use crate::session::{Interval, LinkRule, Part, PartReason, RecordRef, Role, State};
use crate::time::{TICKS_PER_SECOND, Ticks, Time};
use std::collections::VecDeque;

/// Events of the Security channel that only mark where a boot begins.
const STARTING_UP: [u16; 5] = [1101, 4688, 4696, 4826, 6417];

impl<'s, 'a> Story<'s, 'a> {
    pub(super) fn records(&self, page: &mut Page) {
        let s = self.session;
        page.heading(&format!("The records it rests on: {}", s.records.len()));
        let common = self.sources();
        for index in self.in_time() {
            let Some(record) = s.records.get(index) else {
                continue;
            };
            let event = self.event(record);
            page.line(
                1,
                &format!(
                    "{}  {} {}  record {}{}  {}",
                    record.time,
                    short(&record.channel),
                    record.event_id,
                    record.record_id,
                    if self.view.is_recovered(record.log) {
                        " (recovered)"
                    } else {
                        ""
                    },
                    self.what(index, record, event)
                ),
            );
            let copies = self.copies(record);
            match copies.is_empty() {
                _ if event.is_none() => {}
                _ if common.contains(&(&record.channel, record.log, copies.clone())) => {}
                true => page.line(2, "in no other log"),
                false => page.line(2, &format!("also in {}", copies.join(", "))),
            }
        }
        for (channel, log, copies) in common {
            let file = self.view.file(log).unwrap_or_default();
            let copies = match copies.is_empty() {
                true => String::new(),
                false => format!("; its records are also in {}", copies.join(", ")),
            };
            page.line(
                1,
                &format!("{} is read from {file}{copies}", short(channel)),
            );
        }
    }

    /// The channels and logs of the records, each with the other logs that hold its first record.
    fn sources(&self) -> Vec<(&'a Text, LogIndex, Vec<&'s str>)> {
        let mut sources: Vec<(&'a Text, LogIndex, Vec<&'s str>)> = Vec::new();
        for record in &self.session.records {
            let known = |source: &(&Text, LogIndex, Vec<&str>)| {
                *source.0 == record.channel && source.1 == record.log
            };
            if !sources.iter().any(known) {
                sources.push((&record.channel, record.log, self.copies(record)));
            }
        }
        sources
    }

    /// The other logs that hold a record.
    fn copies(&self, record: &RecordRef) -> Vec<&'s str> {
        let sources = self.event(record).map(|event| event.sources.iter());
        let others = sources
            .into_iter()
            .flatten()
            .filter(|log| **log != record.log);
        others.filter_map(|log| self.view.file(*log)).collect()
    }

    /// The records in order of time; those of one channel in their own order, whatever the clock says.
    fn in_time(&self) -> Vec<usize> {
        let records = &self.session.records;
        let mut channels: Vec<VecDeque<usize>> = Vec::new();
        for (index, record) in records.iter().enumerate() {
            let before = index.checked_sub(1).and_then(|before| records.get(before));
            match channels.last_mut() {
                Some(channel) if before.is_some_and(|b| b.channel == record.channel) => {
                    channel.push_back(index)
                }
                _ => channels.push([index].into()),
            }
        }
        let mut ordered = Vec::with_capacity(records.len());
        let next = |channel: &VecDeque<usize>| {
            let index = channel.front()?;
            Some((records.get(*index)?.time, *index))
        };
        while let Some(first) = channels
            .iter_mut()
            .filter(|channel| !channel.is_empty())
            .min_by_key(|channel| next(channel))
        {
            ordered.extend(first.pop_front());
        }
        ordered
    }

    /// What a record says and what that changed.
    fn what(&self, index: usize, record: &RecordRef, event: Option<&TimelineEvent>) -> String {
        let s = self.session;
        // What is written while Windows starts is not on the timeline.
        let is_starting = record.role == Role::Boot && STARTING_UP.contains(&record.event_id);
        let told = match event {
            Some(row) => said(row),
            None if is_starting => format!("{}.", meaning(Action::StartingUp)),
            None => String::new(),
        };
        let id = event.and_then(|row| row.event.logon_id());
        let part = id.and_then(|id| self.parts.get(&id));
        let named = id.map(|id| format!("Logon ID {id}"));
        let named = named.as_deref();
        let changed = match record.role {
            Role::Start if s.start_record == Some(index) => match named {
                Some(id) => format!("This starts the session, {id}."),
                None => "This starts the session.".to_owned(),
            },
            Role::Start => format!("The same start{}.", self.apart(s.start_record, record)),
            Role::Part => {
                let reason = part.map(|part| format!(": {}", part.reason));
                let id = named.unwrap_or("Another Logon ID");
                format!(
                    "{id} is a part of the session{}.",
                    reason.unwrap_or_default()
                )
            }
            Role::End | Role::Boot if s.end_record == Some(index) => {
                "This ends the session.".to_owned()
            }
            Role::End => match (part.map(|part| part.reason), named) {
                (Some(PartReason::Logon) | None, Some(id)) => format!("{id} closes."),
                (Some(reason), Some(id)) => format!("The part with {id} ({reason}) closes."),
                (_, None) => match self.apart(s.end_record, record) {
                    apart if apart.is_empty() => "A part of it closes.".to_owned(),
                    apart => format!("The same end{apart}."),
                },
            },
            Role::State => self.state_changed(record.time),
            Role::Privileges => {
                format!("It tells what {} may do.", named.unwrap_or("the session"))
            }
            Role::Use => "It shows the session in use.".to_owned(),
            Role::Credentials => "The credentials of this session were given here.".to_owned(),
            Role::Connection => {
                "It is of the connection by which the session was reached.".to_owned()
            }
            Role::Failure => self.refused(index),
            Role::Boot => "It tells how the boot that the session belongs to ended.".to_owned(),
        };
        let touches = part.is_none_or(|part| part.reason != PartReason::UacTwin);
        let event = event.map(|row| &row.event);
        let event = event.filter(|_| record.role == Role::Part && touches);
        let from = event
            .and_then(|event| Some((event.source_address.as_deref()?, event.source_port())))
            .map(|(address, port)| match port.filter(|&port| port > 0) {
                Some(port) => format!(" From {address}, port {port}."),
                None => format!(" From {address}."),
            })
            .unwrap_or_default();
        let joined = record
            .link
            .map(|link| format!(" Joined by {}, {}.", link.rule, link.score))
            .unwrap_or_default();
        format!("{told} {changed}{from}{joined}")
            .trim_start()
            .to_owned()
    }

    /// How long before or after one of the session's records another channel told the same.
    fn apart(&self, own: Option<usize>, record: &RecordRef) -> String {
        let own = self.record(own).filter(|own| own.channel != record.channel);
        let Some(apart) = own.map(|own| record.time.since(own.time)) else {
            return String::new();
        };
        let order = if apart < 0 { "before" } else { "after" };
        format!(
            ", told by another channel {} {order} it",
            seconds(apart.saturating_abs())
        )
    }

    /// Which of the refused logons before it a record is.
    fn refused(&self, index: usize) -> String {
        let count = self.session.failures_before.unwrap_or(1);
        let mut refused = self.session.records.iter();
        let is_first = refused.position(|record| record.role == Role::Failure) == Some(index);
        match (count, is_first) {
            (1, _) => "The only refused logon of the account just before it.".to_owned(),
            (_, true) => {
                format!("The first of {count} refused logons of the account just before it.")
            }
            (_, false) => {
                format!("The last of {count} refused logons of the account just before it.")
            }
        }
    }

    /// What state begins or ends at a moment.
    fn state_changed(&self, time: Time) -> String {
        let mut told = Vec::new();
        for interval in &self.session.intervals {
            if interval.to == Some(time) {
                let lasted = interval
                    .from
                    .map(|from| time.since(from))
                    .filter(|&ticks| ticks >= 0);
                let lasted = lasted.map_or_else(
                    || ", which began nobody knows when".to_owned(),
                    |ticks| format!(" after {}", spoken(ticks)),
                );
                told.push(format!("No longer {}{lasted}.", state(interval.state)));
            }
            if interval.from == Some(time) {
                told.push(format!("From here on {}.", state(interval.state)));
            }
        }
        match told.is_empty() {
            true => "Another record tells of the same change.".to_owned(),
            false => told.join(" "),
        }
    }

    pub(super) fn parts(&self, page: &mut Page) {
        let lines: Vec<String> = self
            .session
            .parts
            .iter()
            .map(|part| self.part(part))
            .collect();
        if lines.len() > 1
            || self
                .session
                .parts
                .iter()
                .any(|part| part.reason != PartReason::Logon)
        {
            page.list("The Logon IDs that were joined, and by which rule", &lines);
        }
    }

    fn part(&self, part: &Part) -> String {
        let known = [
            part.logon_type.map(type_text),
            part.start.map(|start| format!("from {start}")),
            part.end.map(|end| format!("closed {end}")),
        ];
        let known: Vec<String> = known.into_iter().flatten().collect();
        let known = match known.is_empty() {
            true => ", its own logon not in the evidence".to_owned(),
            false => format!(" ({})", known.join(", ")),
        };
        format!(
            "{} {}{known}: {}",
            part.logon_id,
            part.reason,
            self.rule(part)
        )
    }

    /// Which rule made a Logon ID a part.
    fn rule(&self, part: &Part) -> String {
        let logon = |id| self.logons.get(&id).copied();
        match part.reason {
            PartReason::UacTwin => {
                let own = logon(part.logon_id).and_then(|event| event.linked_logon_id);
                let others = self.session.parts.iter().filter_map(|other| logon(other.logon_id));
                let named = others.clone().any(|other| other.linked_logon_id == Some(part.logon_id));
                let link = own.is_some_and(|id| self.parts.contains_key(&id));
                match (link, named) {
                    (true, true) => "User Account Control split the logon; the two records name each other as linked.".to_owned(),
                    (true, false) | (false, true) => {
                        "User Account Control split the logon; one of the two names the other as linked.".to_owned()
                    }
                    (false, false) => "User Account Control split the logon: no link is recorded, but account, type, process and logon process are the same, and the records follow each other within a millisecond.".to_owned(),
                }
            }
            PartReason::Unlock => "a logon at the logon screen while this desktop of the same account was open, and no sign of Remote Desktop around it.".to_owned(),
            PartReason::RdpReconnect => "a logon at the logon screen while this desktop of the same account was open, by its type or by what lies around it over Remote Desktop.".to_owned(),
            PartReason::LsaRefresh => "LSA (lsass.exe, type 7) validated the logon anew within half a second of it.".to_owned(),
            other => sentence(other.meaning()),
        }
    }

    /// The rules by which records that name no Logon ID were joined.
    pub(super) fn links(&self, page: &mut Page) {
        let links = self.session.records.iter().filter_map(|record| record.link);
        let mut rules: Vec<LinkRule> = links.map(|link| link.rule).collect();
        rules.sort_unstable();
        rules.dedup();
        let mut lines: Vec<String> = rules
            .into_iter()
            .map(|rule| format!("{rule}: {}", sentence(rule.meaning())))
            .collect();
        if let Some(score) = self.session.link() {
            lines.push(format!(
                "The least sure of them scores {score}; 1 is an identifier that is given once, 0.4 the nearest of several."
            ));
        }
        page.list("How records of other channels were joined", &lines);
    }

    pub(super) fn intervals(&self, page: &mut Page) {
        let lines: Vec<String> = self.session.intervals.iter().map(interval).collect();
        page.list("When it was not in use", &lines);
    }
}

fn interval(interval: &Interval) -> String {
    let from = interval
        .from
        .map_or_else(|| "an unknown time".to_owned(), |from| from.to_string());
    let to = interval.to.map_or_else(
        || "the end, or an unknown time".to_owned(),
        |to| to.to_string(),
    );
    let lasted = interval
        .from
        .zip(interval.to)
        .map(|(from, to)| to.since(from));
    let lasted = lasted.filter(|&ticks| ticks >= TICKS_PER_SECOND);
    let lasted = lasted
        .map(|ticks| format!(" ({})", spoken(ticks)))
        .unwrap_or_default();
    let back = interval
        .address
        .as_deref()
        .map(|address| format!("; the client that came back: {address}"));
    format!(
        "{} from {from} to {to}{lasted}, {}{}",
        state(interval.state),
        interval.source,
        back.unwrap_or_default()
    )
}

fn state(state: State) -> &'static str {
    match state {
        State::Disconnected => "disconnected",
        State::Locked => "locked",
        State::ScreenSaver => "under its screen saver",
    }
}

/// `0.05 s`
fn seconds(ticks: Ticks) -> String {
    let hundredths = ticks / (TICKS_PER_SECOND / 100);
    format!("{}.{:02} s", hundredths / 100, hundredths % 100)
}
