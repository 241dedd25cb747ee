//! One session as a story in plain English: what it is, which records say so, and what they do not say.
//!
//! In: a session of the result. Out: text for people, wrapped to the terminal. Nothing is derived anew here: the story
//! tells what [`session`](crate::session) found, by the roles of the records, the reasons of the parts and the sources
//! of the bounds.

use super::columns::View;
use super::said::{meaning, said};
use super::table::{account, spoken};
use super::text::{visible, width};
use crate::analysis::TimelineEvent;
use crate::event::{Action, LogIndex, LogonType, Text};
use crate::session::{
    Coverage, EndReason, EndSource, Flag, Interactivity, Interval, Kind, LinkRule, Part,
    PartReason, RecordRef, Role, STOP_REQUEST_AFTER, STOP_REQUEST_BEFORE, Session, StartSource,
    State,
};
use crate::sid::AccountClass;
use crate::time::{LocalTime, TICKS_PER_SECOND, Ticks, Time};
use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::io::{self, Write};

/// Stories are never wrapped narrower.
const MIN_WIDTH: usize = 60;

/// Events of the Security channel that only mark where a boot begins.
const STARTING_UP: [u16; 5] = [1101, 4688, 4696, 4826, 6417];

/// How many sessions, gaps or changes of one sort are told one by one; JSON and `coverage` hold all.
const TOLD: usize = 20;

/// Writes the story of `session`, wrapped to `columns`.
///
/// # Errors
/// Those of `out`.
pub fn explain<'a>(
    view: &View<'a>,
    session: &'a Session,
    columns: usize,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut page = Page {
        columns: columns.max(MIN_WIDTH),
        text: String::new(),
    };
    let story = Story::new(view, session);
    story.header(&mut page);
    page.heading("Start");
    page.line(1, &story.start());
    page.heading("End");
    story.end().iter().for_each(|line| page.line(1, line));
    story.records(&mut page);
    story.parts(&mut page);
    story.links(&mut page);
    story.intervals(&mut page);
    story.relatives(&mut page);
    story.flags(&mut page);
    page.list("What is not known", &story.unknown());
    page.list("What the logs cover", &story.covered());
    out.write_all(page.text.as_bytes())
}

/// Text in lines of a width.
struct Page {
    columns: usize,
    text: String,
}

impl Page {
    fn heading(&mut self, title: &str) {
        self.text.push('\n');
        self.line(0, title);
    }

    fn list(&mut self, title: &str, items: &[String]) {
        if !items.is_empty() {
            self.heading(title);
            items.iter().for_each(|item| self.line(1, item));
        }
    }

    /// Writes `text`, which may hold anything, `depth` steps in; what goes on in another line stands a step further in.
    fn line(&mut self, depth: usize, text: &str) {
        let text = visible(text);
        let mut used = 2 * depth;
        let mut indent = used;
        self.text.extend(std::iter::repeat_n(' ', used));
        let mut is_first = true;
        for word in text.split(' ') {
            let needed = width(word) + usize::from(!is_first);
            if !is_first && used + needed > self.columns {
                indent = 2 * depth + 2;
                self.break_line(indent);
                used = indent;
            } else if !is_first {
                self.text.push(' ');
                used += 1;
            }
            // A word longer than a line, as a path can be, goes on in the next: nothing is cut.
            for character in word.chars() {
                let step = width(character.encode_utf8(&mut [0; 4]));
                if used + step > self.columns && used > indent {
                    indent = 2 * depth + 2;
                    self.break_line(indent);
                    used = indent;
                }
                self.text.push(character);
                used += step;
            }
            is_first = false;
        }
        self.end_line();
    }

    fn break_line(&mut self, indent: usize) {
        self.end_line();
        self.text.extend(std::iter::repeat_n(' ', indent));
    }

    fn end_line(&mut self) {
        let length = self.text.trim_end_matches(' ').len();
        self.text.truncate(length);
        self.text.push('\n');
    }
}

/// What a session's story is told from.
struct Story<'v, 'a> {
    view: &'v View<'a>,
    session: &'a Session,
    /// The events that its records are.
    events: HashMap<(LogIndex, &'a str, u64), &'a TimelineEvent>,
    /// What the logs of its machine can speak of.
    coverage: Vec<&'a Coverage>,
}

fn key(record: &RecordRef) -> (LogIndex, &str, u64) {
    (record.log, &record.channel, record.record_id)
}

impl<'v, 'a> Story<'v, 'a> {
    fn new(view: &'v View<'a>, session: &'a Session) -> Self {
        let analysis = view.analysis();
        let wanted: HashMap<_, ()> = session.records.iter().map(|r| (key(r), ())).collect();
        let events = analysis.events.iter().filter_map(|row| {
            let key = (row.event.log, &*row.event.channel, row.event.record_id);
            wanted.contains_key(&key).then_some((key, row))
        });
        let of_machine = |coverage: &&Coverage| coverage.machine == session.machine;
        Story {
            view,
            session,
            events: events.collect(),
            coverage: analysis.coverage.iter().filter(of_machine).collect(),
        }
    }

    fn event(&self, record: &RecordRef) -> Option<&'a TimelineEvent> {
        self.events.get(&key(record)).copied()
    }

    fn record(&self, index: Option<usize>) -> Option<&'a RecordRef> {
        self.session.records.get(index?)
    }

    /// The last record of a time; ` (event 4624, record 90)`.
    fn seen_at(&self, time: Time) -> String {
        let mut records = self.session.records.iter().rev();
        let found = records.find(|record| record.time == time);
        found
            .map(|record| format!(" ({})", named(record)))
            .unwrap_or_default()
    }

    fn header(&self, page: &mut Page) {
        let s = self.session;
        page.line(0, &format!("Session {}", s.id));
        let mut whose = account(&s.account);
        if whose.is_empty() {
            whose = "An account that no record names".to_owned();
        }
        let mut machine = s.host.to_string();
        if !s.host_aliases.is_empty() {
            machine.push_str(&format!(" (formerly {})", s.host_aliases.join(", ")));
        }
        page.line(1, &format!("{whose} on {machine}"));
        let sid = s
            .account
            .sid
            .as_ref()
            .map_or("no SID recorded", |sid| sid.as_str());
        page.line(
            1,
            &format!("Account: {sid}, {}: {}", s.class, s.class.meaning()),
        );
        page.line(
            1,
            &format!(
                "Kind: {} ({}). {}",
                s.kind,
                s.interactivity,
                sentence(s.kind.meaning())
            ),
        );
        page.line(1, &format!("Why that kind: {}.", self.why_kind()));
        if let Some(id) = s.logon_id {
            let linked = s.linked_logon_id.map(|linked| {
                format!(", the filtered half of a split logon; the elevated one is {linked}")
            });
            page.line(1, &format!("Logon ID: {id}{}", linked.unwrap_or_default()));
        }
        let port = s.source_port.filter(|&port| port > 0);
        let from = [
            s.source_address
                .as_deref()
                .map(|address| format!("address {address}")),
            port.map(|port| format!("port {port}")),
            s.workstation
                .as_deref()
                .map(|name| format!("workstation {name}")),
            self.record(s.source_record)
                .map(|record| format!("as {} tells", named(record))),
        ];
        line_of(page, "From", from);
        let process = s
            .process_name
            .as_deref()
            .map(|path| format!("process {path}"));
        let id = s.process_id.map(|id| format!("its ID {id}"));
        let logon = [
            s.logon_process
                .as_deref()
                .map(|name| format!("logon process {name}")),
            s.authentication_package
                .as_deref()
                .map(|name| format!("package {name}")),
            s.lm_package
                .as_deref()
                .map(|name| format!("version {name}")),
            id.filter(|_| process.is_some())
                .zip(process)
                .map(|(id, process)| format!("{process} ({id})")),
        ];
        line_of(page, "Logon by", logon);
        let asked = Some(account(&s.subject)).filter(|name| !name.is_empty() && name != "S-1-0-0");
        let session = s.subject_logon_id.map(|id| format!("Logon ID {id}"));
        line_of(page, "Asked for by", [asked, session]);
        let outbound = Some(account(&s.outbound)).filter(|name| !name.is_empty());
        line_of(page, "On the network as", [outbound]);
        line_of(page, "Boot began", [s.boot.map(|boot| boot.to_string())]);
    }

    /// What decided the kind.
    fn why_kind(&self) -> String {
        let s = self.session;
        let sid = s.account.sid.as_ref().map(|sid| format!("SID {sid}"));
        if s.is_standing() {
            let id = s.logon_id.map(|id| id.to_string()).unwrap_or_default();
            return format!(
                "Logon ID {id} is a standing one: it belongs to {} in every boot",
                s.class
            );
        }
        let Some(logon_type) = s.logon_type else {
            return match s.kind {
                Kind::Unknown if s.interactivity == Interactivity::Interactive => "the logon itself is not in the evidence; a later record tells that somebody was at its desktop, but not where".to_owned(),
                Kind::Unknown => "the logon itself is not in the evidence, and nothing else tells".to_owned(),
                _ => "the logon itself is not in the evidence; what came later tells: the SID, the type in its logoff, or that it had a desktop".to_owned(),
            };
        };
        let logon_type = type_text(logon_type);
        let logon_process = s
            .logon_process
            .as_deref()
            .map(|name| format!("logon process {name}"));
        let process = s
            .process_name
            .as_deref()
            .map(|path| format!("process {path}"));
        let facts: [Option<String>; 3] = match s.kind {
            Kind::WindowManager | Kind::FontDriver => [sid, None, None],
            Kind::Anonymous => [Some(logon_type), sid, None],
            Kind::Runas | Kind::RunasNetonly | Kind::NewCredentials => {
                [Some(logon_type), logon_process, None]
            }
            Kind::PasswordChange | Kind::LsaRefresh => [Some(logon_type), process, None],
            Kind::Console | Kind::ConsoleCached | Kind::Elevation | Kind::Ssh => {
                [Some(logon_type), logon_process, process]
            }
            Kind::Program => [
                Some(logon_type),
                process,
                Some("no other rule takes it".to_owned()),
            ],
            Kind::Network => [
                Some(logon_type),
                Some("no process of this machine is named".to_owned()),
                None,
            ],
            Kind::Other | Kind::Unknown => {
                [Some(logon_type), Some("no rule takes it".to_owned()), None]
            }
            _ => [Some(logon_type), None, None],
        };
        facts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    fn start(&self) -> String {
        let s = self.session;
        let record = self.record(s.start_record).map(named);
        let local = by_local_time(s.start_local);
        match (s.start.time, s.start.source) {
            (Some(time), StartSource::Recorded) => {
                format!("{time}{local}, recorded: {}.", record.unwrap_or_default())
            }
            (Some(time), _) if s.is_standing() => format!(
                "{time}{local}, inferred: it exists from the beginning of its boot; this is {}.",
                record.map_or_else(
                    || "when that began".to_owned(),
                    |record| format!("the first logon that shows it, {record}")
                )
            ),
            (Some(time), _) => format!("{time}{local}, inferred{}.", self.seen_at(time)),
            (None, _) => {
                let max = s.start.max.map_or_else(String::new, |max| {
                    let shown = match s.records.first() {
                        // The privileges and groups of a logon are written before it, too.
                        Some(first)
                            if first.time < max && matches!(first.event_id, 4672 | 4964) =>
                        {
                            format!("{} can be written just before the logon", named(first))
                        }
                        _ => format!("the first record shows it then{}", self.seen_at(max)),
                    };
                    format!(" It was there by {max}: {shown}.")
                });
                format!(
                    "Not known: its logon is not in the evidence.{max}{}",
                    self.evidence_begins()
                )
            }
        }
    }

    /// Where the logs that its records are in begin.
    fn evidence_begins(&self) -> String {
        let first = self.session.records.first();
        let channel = first.map(|record| &record.channel);
        let found = self.coverage.iter().find(|c| Some(&c.channel) == channel);
        found.map_or_else(String::new, |coverage| {
            let (record, time) = coverage.first;
            format!(
                " The evidence of {} begins with record {record}, {time}.",
                coverage.channel
            )
        })
    }

    fn end(&self) -> Vec<String> {
        let s = self.session;
        let end = s.end;
        let how = match end.source {
            EndSource::Recorded => "recorded",
            EndSource::Inferred => "inferred",
            EndSource::Unknown => "not known",
        };
        let record = self.record(s.end_record);
        let mut lines = Vec::new();
        lines.push(match (end.time(), end.min, end.max) {
            (Some(time), ..) => {
                let record = record.map(|record| format!(": {}", named(record)));
                let local = by_local_time(s.end_local);
                format!("{time}{local}, {how}{}.", record.unwrap_or_default())
            }
            (None, Some(min), Some(max)) => format!("Between {min} and {max}, {how}."),
            (None, None, Some(max)) => format!("By {max}, {how}."),
            (None, _, None) => "Not known.".to_owned(),
        });
        lines.push(format!("Why: {}: {}", end.reason, self.why_end()));
        if end.time().is_none() {
            lines.extend([self.why_not_before(), self.why_not_after()]);
        }
        if let Some(closed) = s.token_closed {
            lines.push(format!(
                "The last token closed at {closed}{}: the session was left before that.",
                self.seen_at(closed)
            ));
        } else if end.reason == EndReason::UserLogoff && end.source == EndSource::Recorded {
            lines.push("No record tells when its last token closed.".to_owned());
        }
        if let Some(duration) = s.duration {
            let at_most = match s.intervals.iter().any(|interval| interval.from.is_none()) {
                true => "at most ",
                false => "",
            };
            let parts = [
                s.active
                    .map(|ticks| format!("in use {at_most}{}", spoken(ticks))),
                s.disconnected
                    .filter(|&ticks| ticks > 0)
                    .map(|ticks| format!("disconnected {}", spoken(ticks))),
                s.locked
                    .filter(|&ticks| ticks > 0)
                    .map(|ticks| format!("locked {}", spoken(ticks))),
            ];
            let parts: Vec<String> = parts.into_iter().flatten().collect();
            let parts = match parts.is_empty() {
                true => String::new(),
                false => format!(" ({})", parts.join(", ")),
            };
            let corrected = match s.flags.contains(&Flag::ClockChanged) {
                true => ", corrected for changes of the clock",
                false => "",
            };
            lines.push(format!("It lasted {}{parts}{corrected}.", spoken(duration)));
        }
        lines
    }

    /// What proves that it did not end earlier.
    fn why_not_before(&self) -> String {
        let s = self.session;
        let Some(min) = s.end.min else {
            return "Nothing bounds it from below: the clock was set back in between.".to_owned();
        };
        let own = self.seen_at(min);
        let why = match s.end.reason {
            _ if !own.is_empty() => format!("its last sign of life{own}"),
            EndReason::LogEnds => "the last record of its machine".to_owned(),
            EndReason::Crash | EndReason::Unclean | EndReason::LostBoot => {
                "the last that is known of its boot: a record of any channel, or the time that Windows noted (6008)".to_owned()
            }
            _ => "the last that is known of it".to_owned(),
        };
        let lost = match s.flags.contains(&Flag::SpansGap) && !own.is_empty() {
            true => "; records after that are missing, and its end may be among them",
            false => "",
        };
        format!("Not before {min}: {why}{lost}.")
    }

    /// What proves that it did not end later.
    fn why_not_after(&self) -> String {
        let s = self.session;
        let Some(max) = s.end.max else {
            let last = self.coverage.iter().max_by_key(|coverage| coverage.last.1);
            let last = last.map(|coverage| {
                let (record, time) = coverage.last;
                format!(
                    ": the evidence of its machine ends with record {record} of {}, {time}",
                    coverage.channel
                )
            });
            return format!("Nothing tells that it ended{}.", last.unwrap_or_default());
        };
        let why = match s.end.reason {
            EndReason::Shutdown => "by then Windows had stopped",
            EndReason::LostBoot => "by then the records are those of another boot",
            _ => {
                "by then Windows had started again, by the earliest of its first records or its own account"
            }
        };
        format!("Not after {max}: {why}{}.", self.seen_at(max))
    }

    fn why_end(&self) -> String {
        let s = self.session;
        let is_inferred = s.end.source == EndSource::Inferred;
        let witness = s
            .records
            .iter()
            .rev()
            .find(|record| record.role == Role::Boot);
        let witness = witness
            .map(|record| format!(" ({})", named(record)))
            .unwrap_or_default();
        match s.end.reason {
            EndReason::UserLogoff if is_inferred => {
                let ended = self.record(s.end_record).map(|record| record.event_id);
                match ended {
                    Some(1108) => "a logoff that somebody asked for happened then and could not be written; this was the only desktop session open.",
                    _ if s.flags.contains(&Flag::Twin) => "the person logged off from what is probably the other half of this logon.",
                    _ => "the person at the desktop that it belongs to logged off, and what was asked for there does not outlive that.",
                }.to_owned()
            }
            EndReason::UserLogoff => "the person asked to log off.".to_owned(),
            EndReason::Logoff => "the last token closed; no record tells that a person asked for it.".to_owned(),
            EndReason::Shutdown if is_inferred => {
                format!("Windows stopped cleanly, and no record tells an end of its own{witness}.")
            }
            EndReason::Shutdown => {
                "Windows stopped cleanly at that record, and no record tells an end of its own before.".to_owned()
            }
            EndReason::Crash => {
                format!("Windows stopped without a clean stop and said so at its next start{witness}.")
            }
            EndReason::Unclean => format!(
                "Windows started again{witness} and no clean stop is recorded before: a crash, a restart by setup, or a stop whose record is lost."
            ),
            EndReason::LostBoot => format!(
                "the Logon IDs or the process ID of LSA in the records that follow{witness} are those of another boot, though no record tells of its beginning."
            ),
            other => sentence(other.meaning()),
        }
    }

    fn records(&self, page: &mut Page) {
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
                    "{}  {} {}  record {}  {}",
                    record.time,
                    short(&record.channel),
                    record.event_id,
                    record.record_id,
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
    fn sources(&self) -> Vec<(&'a Text, LogIndex, Vec<Cow<'a, str>>)> {
        let mut sources: Vec<(&'a Text, LogIndex, Vec<Cow<'a, str>>)> = Vec::new();
        for record in &self.session.records {
            let known = |source: &(&Text, LogIndex, Vec<Cow<'_, str>>)| {
                *source.0 == record.channel && source.1 == record.log
            };
            if !sources.iter().any(known) {
                sources.push((&record.channel, record.log, self.copies(record)));
            }
        }
        sources
    }

    /// The other logs that hold a record.
    fn copies(&self, record: &RecordRef) -> Vec<Cow<'a, str>> {
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
        let id = event.and_then(|row| row.event.logon_id);
        let part = id.and_then(|id| s.parts.iter().find(|part| part.logon_id == id));
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
            .and_then(|event| Some((event.source_address.as_deref()?, event.source_port)))
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

    fn parts(&self, page: &mut Page) {
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
        let logon = |id| {
            let rows = self.events.values();
            let mut logons = rows.filter(|row| row.event.action == Action::Logon);
            logons
                .find(|row| row.event.logon_id == Some(id))
                .map(|row| &row.event)
        };
        match part.reason {
            PartReason::UacTwin => {
                let own = logon(part.logon_id).and_then(|event| event.linked_logon_id);
                let others = self.session.parts.iter().filter_map(|other| logon(other.logon_id));
                let named = others.clone().any(|other| other.linked_logon_id == Some(part.logon_id));
                let link = own.is_some_and(|id| self.session.parts.iter().any(|other| other.logon_id == id));
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
    fn links(&self, page: &mut Page) {
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

    fn intervals(&self, page: &mut Page) {
        let lines: Vec<String> = self.session.intervals.iter().map(interval).collect();
        page.list("When it was not in use", &lines);
    }

    fn relatives(&self, page: &mut Page) {
        let s = self.session;
        let sessions = &self.view.analysis().sessions;
        let told = |session: &Session| {
            let start = match (session.start.time, session.start.max) {
                (Some(time), _) => format!("from {time}"),
                (None, Some(max)) => format!("there by {max}"),
                (None, None) => "from an unknown time".to_owned(),
            };
            let nla = match session.flags.contains(&Flag::Nla) {
                true => ", the pre-authentication of a Remote Desktop logon",
                false => "",
            };
            format!(
                "{} {} {}, {start}{nla}",
                session.id,
                session.kind,
                account(&session.account)
            )
        };
        if let Some(parent) = &s.parent {
            let found = sessions.iter().find(|session| session.id == *parent);
            let parent = found.map_or_else(|| parent.to_string(), told);
            page.list("It was started from, or belongs to", &[parent]);
        }
        let mut children = sessions
            .iter()
            .filter(|child| child.parent.as_ref() == Some(&s.id));
        let mut lines: Vec<String> = children.by_ref().take(TOLD).map(told).collect();
        more(&mut lines, children.count());
        page.list("Started from it, or belonging to it", &lines);
    }

    fn flags(&self, page: &mut Page) {
        let mut lines = Vec::new();
        for flag in &self.session.flags {
            lines.push(format!("{flag}: {}", sentence(flag.meaning())));
            match flag {
                Flag::ClockChanged => self.clock_changes(&mut lines),
                Flag::SpansClear => self.clears(&mut lines),
                Flag::SpansGap => self.gaps(&mut lines),
                Flag::Conflict => self.conflicts(&mut lines),
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
        let boot = s
            .records
            .iter()
            .find(|r| r.role == Role::Boot && r.channel == *channel);
        let ends = match (own(s.end_record).or(boot).zip(record), s.end.max) {
            (Some((end, record)), _) => record <= end.record_id,
            (None, Some(end)) => time <= end,
            (None, None) => true,
        };
        begins && ends
    }

    /// Whether what happened to a channel concerns the session.
    fn rests_on(&self, channel: &str) -> bool {
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
        for coverage in self.coverage.iter().filter(|c| self.rests_on(&c.channel)) {
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
            let rows = self.coverage.iter().filter(|c| *c.channel == *channel);
            let mut steps = rows.flat_map(|c| c.clock_steps()).filter(|step| {
                let mark = &step.record;
                self.is_inside(&channel.into(), Some(mark.record_id), mark.time)
            });
            let told = steps.by_ref().take(TOLD).map(|change| {
                let step = match change.step() {
                    Some(step) if step < 0 => format!("back by {}", spoken(step.saturating_neg())),
                    Some(step) => format!("forward by {}", spoken(step)),
                    None => "by an unknown amount".to_owned(),
                };
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
        for coverage in &self.coverage {
            let own = |record_id| {
                let mut records = self.session.records.iter();
                records.any(|r| r.channel == coverage.channel && r.record_id == record_id)
            };
            let conflicts = coverage
                .conflicts
                .iter()
                .filter(|conflict| own(conflict.record_id));
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

    /// Who asked Windows to stop about the time that the person left.
    fn stop_requests(&self, lines: &mut Vec<String>) {
        let Some(left) = self.session.end.time() else {
            return;
        };
        let near = left.plus(-STOP_REQUEST_BEFORE)..=left.plus(STOP_REQUEST_AFTER);
        let asked = self.view.analysis().events.iter().filter(|row| {
            let is_request = matches!(row.event.action, Action::StopRequest | Action::TsStop);
            is_request && row.machine == self.session.machine && near.contains(&row.event.time)
        });
        lines.extend(asked.take(TOLD).map(|row| {
            let event = &row.event;
            let channel = short(&event.channel);
            format!(
                "  {}  {channel} {}  record {}  {}",
                event.time,
                event.event_id,
                event.record_id,
                said(row)
            )
        }));
    }

    /// Why its start has no local time.
    fn unknown_local_time(&self) -> String {
        let offsets = self.coverage.iter().flat_map(|coverage| &coverage.offsets);
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
    fn covered(&self) -> Vec<String> {
        let told = |coverage: &&&Coverage| {
            TELLING.contains(&short(&coverage.channel)) || self.rests_on(&coverage.channel)
        };
        let rows = self.coverage.iter().filter(told);
        let mut lines: Vec<String> = rows.map(|coverage| cover(coverage)).collect();
        for channel in TELLING {
            if !self
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
    fn unknown(&self) -> Vec<String> {
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
            let mut events = self
                .view
                .analysis()
                .events
                .iter()
                .filter(|row| row.machine == s.machine);
            let writes = |wanted: &'static [u16]| {
                move |row: &TimelineEvent| wanted.contains(&row.event.event_id)
            };
            let was = |state| s.intervals.iter().any(|interval| interval.state == state);
            if !was(State::Locked) && !events.clone().any(writes(&[4800, 4801])) {
                tell(
                    "When it was locked: this machine's evidence holds no 4800 or 4801, which Windows writes only where that is audited.",
                );
            }
            if !was(State::Disconnected) && !events.any(writes(&[4778, 4779])) {
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
        let asked = s
            .subject_logon_id
            .filter(|id| !(0x3e3..=0x3e7).contains(&id.0));
        if let Some(asked) = asked.filter(|_| s.parent.is_none()) {
            tell(&format!(
                "The session that asked for it, Logon ID {asked}: no session of this boot has it."
            ));
        }
        lines
    }
}

/// Channels that tell of sessions, by their short names.
const TELLING: &[&str] = &["Security", "System", LOCAL_SESSION_MANAGER];

const LOCAL_SESSION_MANAGER: &str = "TerminalServices-LocalSessionManager";

/// A channel's name without what most begin and end with.
fn short(channel: &str) -> &str {
    let name = channel
        .strip_prefix("Microsoft-Windows-")
        .unwrap_or(channel);
    name.strip_suffix("/Operational").unwrap_or(name)
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

/// ` (local time 2020-09-18T20:21:46-07:00)`, or nothing.
fn by_local_time(local: Option<LocalTime>) -> String {
    local
        .map(|local| format!(" (local time {local})"))
        .unwrap_or_default()
}

/// `0.05 s`
fn seconds(ticks: Ticks) -> String {
    let hundredths = ticks / (TICKS_PER_SECOND / 100);
    format!("{}.{:02} s", hundredths / 100, hundredths % 100)
}

/// `event 4624, record 90 of Security`
fn named(record: &RecordRef) -> String {
    format!(
        "event {}, record {} of {}",
        record.event_id, record.record_id, record.channel
    )
}

/// `logon type 10 (RemoteInteractive)`
fn type_text(logon_type: LogonType) -> String {
    match logon_type.name() {
        Some(name) => format!("logon type {} ({name})", logon_type.0),
        None => format!("logon type {}", logon_type.0),
    }
}

fn state(state: State) -> &'static str {
    match state {
        State::Disconnected => "disconnected",
        State::Locked => "locked",
        State::ScreenSaver => "under its screen saver",
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

/// A line that names what is known of something; none if nothing is.
fn line_of(page: &mut Page, title: &str, known: impl IntoIterator<Item = Option<String>>) {
    let known: Vec<String> = known.into_iter().flatten().collect();
    if !known.is_empty() {
        page.line(1, &format!("{title}: {}", known.join(", ")));
    }
}

fn more(lines: &mut Vec<String>, count: usize) {
    if count > 0 {
        lines.push(format!("and {count} more"));
    }
}

/// `text` with one full stop at its end.
fn sentence(text: &str) -> String {
    format!("{}.", text.trim_end_matches('.'))
}
