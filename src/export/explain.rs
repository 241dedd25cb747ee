//! One session as a story in plain English: what it is, which records say so, and what they do not say.
//!
//! In: a session of the result. Out: text for people, wrapped to the terminal. Nothing is derived anew here: the story
//! tells what [`session`](crate::session) found, by the roles of the records, the reasons of the parts and the sources
//! of the bounds.

mod flags;
mod page;
mod records;
mod unknown;

pub use self::page::Line;
use self::page::{Page, wrapped};
use super::columns::View;
use super::table::{account, spoken};
use crate::analysis::TimelineEvent;
use crate::event::{Action, Event, LogIndex, LogonId, LogonType};
use crate::session::{
    Coverage, EndReason, EndSource, Flag, Interactivity, Kind, Part, RecordRef, Role, Session,
    StartSource,
};
use crate::time::{LocalTime, Time};
use ahash::RandomState;
use std::collections::{HashMap, HashSet};
use std::io::{self, Write};

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
    let lines = Stories::new(view, [session]).tell(session);
    out.write_all(wrapped(&lines, columns).as_bytes())
}

/// What stories are told from: the whole result, and where in it each thing stands.
pub struct Stories<'v, 'a> {
    view: &'v View<'a>,
    /// The events that the records of the sessions are.
    events: HashMap<Key<'a>, &'a TimelineEvent, RandomState>,
    /// The sessions that belong to each, in order.
    children: HashMap<&'a str, Vec<&'a Session>, RandomState>,
    sessions: HashMap<&'a str, &'a Session, RandomState>,
    /// Of each machine what concerns all its sessions.
    machines: Vec<OfMachine<'a>>,
}

type Key<'a> = (LogIndex, &'a str, u64);

/// What concerns all sessions of a machine.
#[derive(Default)]
struct OfMachine<'a> {
    /// What its logs can speak of.
    coverage: Vec<&'a Coverage>,
    /// Whether it writes locks, and disconnects: 4800 and 4801, 4778 and 4779.
    writes_locks: bool,
    writes_disconnects: bool,
    /// Requests that Windows stop, in order.
    stop_requests: Vec<&'a TimelineEvent>,
}

impl<'v, 'a> Stories<'v, 'a> {
    /// What the stories of `sessions`, which are of the result, are told from.
    pub fn new(view: &'v View<'a>, sessions: impl IntoIterator<Item = &'a Session>) -> Self {
        let analysis = view.analysis();
        let wanted: HashSet<Key<'_>, RandomState> = sessions
            .into_iter()
            .flat_map(|session| session.records.iter().map(key))
            .collect();
        let mut stories = Stories {
            view,
            events: HashMap::default(),
            children: HashMap::default(),
            sessions: analysis.sessions.iter().map(|s| (&*s.id, s)).collect(),
            machines: Vec::new(),
        };
        for coverage in &analysis.coverage {
            stories.machine(coverage.machine).coverage.push(coverage);
        }
        for row in &analysis.events {
            let key = (row.event.log, &*row.event.channel, row.event.record_id());
            if wanted.contains(&key) {
                stories.events.insert(key, row);
            }
            let machine = stories.machine(row.machine);
            machine.writes_locks |= matches!(row.event.event_id, 4800 | 4801);
            machine.writes_disconnects |= matches!(row.event.event_id, 4778 | 4779);
            if matches!(row.event.action, Action::StopRequest | Action::TsStop) {
                machine.stop_requests.push(row);
            }
        }
        for session in &analysis.sessions {
            if let Some(parent) = &session.parent {
                stories.children.entry(parent).or_default().push(session);
            }
        }
        stories
    }

    fn machine(&mut self, number: usize) -> &mut OfMachine<'a> {
        if self.machines.len() <= number {
            self.machines.resize_with(number + 1, OfMachine::default);
        }
        &mut self.machines[number]
    }

    /// The story of a session, one of those that this was made for.
    pub fn tell(&self, session: &'a Session) -> Vec<Line> {
        let mut page = Page::default();
        let story = Story::new(self, session);
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
        page.lines
    }
}

/// What a session's story is told from.
struct Story<'s, 'a> {
    view: &'s View<'a>,
    session: &'a Session,
    stories: &'s Stories<'s, 'a>,
    /// Its logons among the events that its records are, by their Logon IDs.
    logons: HashMap<LogonId, &'a Event>,
    /// Its parts by their Logon IDs.
    parts: HashMap<LogonId, &'a Part>,
    /// The first record of each channel that ends its boot.
    boots: HashMap<&'a str, &'a RecordRef>,
    /// What concerns all sessions of its machine.
    machine: &'s OfMachine<'a>,
}

fn key(record: &RecordRef) -> Key<'_> {
    (record.log, &record.channel, record.record_id)
}

impl<'s, 'a> Story<'s, 'a> {
    fn new(stories: &'s Stories<'s, 'a>, session: &'a Session) -> Self {
        const UNKNOWN: &OfMachine<'_> = &OfMachine {
            coverage: Vec::new(),
            writes_locks: false,
            writes_disconnects: false,
            stop_requests: Vec::new(),
        };
        let mut logons = HashMap::new();
        for record in &session.records {
            let event = stories.events.get(&key(record)).map(|row| &row.event);
            let logon = event.filter(|event| event.action == Action::Logon);
            if let Some((id, logon)) = logon.and_then(|logon| Some((logon.logon_id()?, logon))) {
                logons.entry(id).or_insert(logon);
            }
        }
        let mut parts = HashMap::new();
        for part in &session.parts {
            parts.entry(part.logon_id).or_insert(part);
        }
        let mut boots: HashMap<&str, &RecordRef> = HashMap::new();
        let records = session.records.iter();
        for record in records.filter(|record| record.role == Role::Boot) {
            boots.entry(&record.channel).or_insert(record);
        }
        Story {
            view: stories.view,
            session,
            stories,
            logons,
            parts,
            boots,
            machine: stories.machines.get(session.machine).unwrap_or(UNKNOWN),
        }
    }

    fn event(&self, record: &RecordRef) -> Option<&'a TimelineEvent> {
        self.stories.events.get(&key(record)).copied()
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
        page.facts("From", from);
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
        page.facts("Logon by", logon);
        let asked = Some(account(&s.subject)).filter(|name| !name.is_empty() && name != "S-1-0-0");
        let session = s.subject_logon_id.map(|id| format!("Logon ID {id}"));
        page.facts("Asked for by", [asked, session]);
        let outbound = Some(account(&s.outbound)).filter(|name| !name.is_empty());
        page.facts("On the network as", [outbound]);
        page.facts("Boot began", [s.boot.map(|boot| boot.to_string())]);
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
        let found = self
            .machine
            .coverage
            .iter()
            .find(|c| Some(&c.channel) == channel);
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
            let last = self
                .machine
                .coverage
                .iter()
                .max_by_key(|coverage| coverage.last.1);
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

    fn relatives(&self, page: &mut Page) {
        let s = self.session;
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
            let found = self.stories.sessions.get(&**parent).copied();
            let parent = found.map_or_else(|| parent.to_string(), told);
            page.list("It was started from, or belongs to", &[parent]);
        }
        let children = self.stories.children.get(&*s.id);
        let mut children = children.into_iter().flatten().copied();
        let mut lines: Vec<String> = children.by_ref().take(TOLD).map(told).collect();
        more(&mut lines, children.count());
        page.list("Started from it, or belonging to it", &lines);
    }
}

const LOCAL_SESSION_MANAGER: &str = "TerminalServices-LocalSessionManager";

/// A channel's name without what most begin and end with.
fn short(channel: &str) -> &str {
    let name = channel
        .strip_prefix("Microsoft-Windows-")
        .unwrap_or(channel);
    name.strip_suffix("/Operational").unwrap_or(name)
}

/// ` (local time 2020-09-18T20:21:46-07:00)`, or nothing.
fn by_local_time(local: Option<LocalTime>) -> String {
    local
        .map(|local| format!(" (local time {local})"))
        .unwrap_or_default()
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

fn more(lines: &mut Vec<String>, count: usize) {
    if count > 0 {
        lines.push(format!("and {count} more"));
    }
}

/// `text` with one full stop at its end.
fn sentence(text: &str) -> String {
    format!("{}.", text.trim_end_matches('.'))
}
