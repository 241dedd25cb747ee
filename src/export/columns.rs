//! The columns: name, meaning and value of each, in the order that every format writes them.
//!
//! In: a row of the result. Out: its cells. A column is added here and nowhere else; `docs/columns.md` is
//! held to these tables by a test.

use super::Format;
use super::cell::{Cell, Type};
use super::json::Member;
use super::point::{Point, of_event, of_session};
use crate::analysis::{Analysis, TimelineEvent};
use crate::damage::{Damage, DamageKind};
use crate::event::{Action, LogIndex, LogonType, Text};
use crate::evidence::Skipped;
use crate::filter::{Filter, Fit, StateAt, event_class, state_at};
use crate::log::LogAccount;
use crate::overlap::Overlap;
use crate::session::{
    AuditLoss, Clear, ClockChange, Conflict, Coverage, CoveredBoot, EndReason, EndSource, Flag,
    Gap, GapCause, Holding, Interactivity, Interval, Kind, LinkRule, OffsetMark, Origin, Part,
    PartReason, RecordRef, Role, Session, StartSource, State,
};
use crate::sid::{AccountClass, Sid};
use crate::summary::{Reason, Summary};
use crate::time::{LocalTime, Time};
use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

/// What rows are seen against: the whole result, and what was asked.
#[derive(Debug)]
pub struct View<'a> {
    analysis: &'a Analysis,
    at: Option<Time>,
    asked: Option<&'a Filter>,
    across: bool,
    chosen: Option<&'a [String]>,
    by_id: HashMap<&'a str, &'a Session>,
    files: Vec<Cow<'a, str>>,
}

impl<'a> View<'a> {
    /// A view of `analysis`; with `at`, session rows say in which state they were then.
    pub fn new(analysis: &'a Analysis, at: Option<Time>) -> Self {
        // Only events ask whose they are.
        let sessions = analysis
            .sessions
            .iter()
            .filter(|_| !analysis.events.is_empty());
        let by_id = sessions.map(|s| (&*s.id, s)).collect();
        let files = analysis.logs.iter().map(|log| match log.recovered {
            false => path_text(&log.path),
            true => format!("{}{RECOVERED}", path_text(&log.path)).into(),
        });
        View {
            analysis,
            at,
            asked: None,
            across: false,
            chosen: None,
            by_id,
            files: files.collect(),
        }
    }

    /// The same; session rows say how they fit what `filter` asks.
    pub fn asking(mut self, filter: &'a Filter) -> Self {
        self.asked = Some(filter).filter(|filter| filter.asks());
        self
    }

    /// The same, where CSV and tables have only columns of these names, in this order; nothing else has fewer.
    pub fn choosing(mut self, names: Option<&'a [String]>) -> Self {
        self.chosen = names;
        self
    }

    /// The names of the columns that CSV and tables are to have, if not all.
    pub(super) fn chosen(&self) -> Option<&'a [String]> {
        self.chosen
    }

    /// The same, of rows in an order that goes across machines: a table names the machine in each row.
    pub fn across_machines(mut self) -> Self {
        self.across = true;
        self
    }

    /// Whether rows go across machines.
    pub(super) fn is_across_machines(&self) -> bool {
        self.across
    }

    /// The whole result.
    pub fn analysis(&self) -> &'a Analysis {
        self.analysis
    }

    /// The time that was asked about.
    pub fn at(&self) -> Option<Time> {
        self.at
    }

    /// How sure it is that a session fits what was asked; empty if nothing was.
    pub(super) fn fit(&self, session: &Session) -> Cell<'static> {
        let fit = self.asked.and_then(|filter| filter.fit(session));
        fit.map(|fit| fit.name()).into()
    }

    /// When a session first was outside of the hours that were asked about.
    pub(super) fn outside(&self, session: &Session) -> Option<LocalTime> {
        let outside = self.asked?.outside.as_ref()?;
        outside.first(session)
    }

    /// Whether hours were asked about.
    fn asks_hours(&self) -> bool {
        self.asked.is_some_and(|filter| filter.outside.is_some())
    }

    /// Whether what a log holds was recovered.
    pub(super) fn is_recovered(&self, log: LogIndex) -> bool {
        self.log(log).is_some_and(|log| log.recovered)
    }

    /// The session that an event belongs to.
    pub fn session_of(&self, event: &TimelineEvent) -> Option<&'a Session> {
        self.by_id.get(event.session.as_deref()?).copied()
    }

    pub(super) fn file(&self, log: LogIndex) -> Option<&str> {
        self.files.get(log.0 as usize).map(|file| &**file)
    }

    /// What became of a log.
    pub(super) fn log(&self, log: LogIndex) -> Option<&'a LogAccount> {
        self.analysis.logs.get(log.0 as usize)
    }

    fn record<'c>(&'c self, session: &'c Session, index: Option<usize>) -> Cell<'c> {
        let Some(record) = index.and_then(|index| session.records.get(index)) else {
            return Cell::Empty;
        };
        Cell::Record {
            file: self.file(record.log).unwrap_or_default(),
            channel: &record.channel,
            number: record.record_id,
        }
    }
}

/// What stands behind the path of a file where records were recovered from it.
const RECOVERED: &str = "#recovered";

/// A path as it was given or found, with forward slashes; what is no Unicode is replaced.
pub fn path_text(path: &Path) -> Cow<'_, str> {
    let text = path.to_string_lossy();
    match std::path::MAIN_SEPARATOR {
        '/' => text,
        separator => Cow::Owned(text.replace(separator, "/")),
    }
}

/// The value of a column in a row.
pub type Value<T> = for<'a> fn(&'a View<'_>, &'a T) -> Cell<'a>;

/// A column of a table of `T`.
#[derive(Debug)]
pub struct Column<T: 'static> {
    /// The name, the same in every format.
    pub name: &'static str,
    /// What its values are.
    pub kind: Type,
    /// What it says.
    pub about: &'static str,
    /// Its value in a row.
    pub value: Value<T>,
    /// Its name in JSON.
    pub(super) member: Member,
}

const fn column<T>(
    name: &'static str,
    kind: Type,
    about: &'static str,
    value: Value<T>,
) -> Column<T> {
    Column {
        name,
        kind,
        about,
        value,
        member: Member::of(name),
    }
}

/// The column that CSV ends with.
pub(super) fn schema<R: Row>() -> &'static Column<R> {
    const {
        &column::<R>("schema", Type::Text, "The schema of the row.", |_, _| {
            Cell::Text(R::SCHEMA)
        })
    }
}

/// What takes the values of a row of `R`.
pub trait Cells<R: 'static> {
    /// Takes the value of the next column.
    fn take(&mut self, column: &'static Column<R>, cell: Cell<'_>);
}

/// What stands in one row of an output.
pub trait Row: Sized + 'static {
    /// Which columns and meanings a reader may count on.
    const SCHEMA: &'static str;
    /// The name of the list of rows in a JSON document.
    const LIST: &'static str;

    /// The columns of a row, in order.
    fn columns(view: &View<'_>) -> impl Iterator<Item = &'static Column<Self>> + Clone;

    /// Gives the values of a row to `cells`, in order.
    fn give(&self, view: &View<'_>, cells: &mut impl Cells<Self>) {
        for column in Self::columns(view) {
            cells.take(column, (column.value)(view, self));
        }
    }

    /// Gives `lists` the lists that a row carries beside the columns; without a row they are empty.
    fn lists(row: Option<&Self>, lists: &mut impl Lists);

    /// The points in time that formats of timelines write of a row.
    fn points<'a>(&'a self, _: &'a View<'_>) -> Vec<Point<'a>> {
        Vec::new()
    }

    /// Whether rows of this sort can be written so.
    fn takes(format: Format) -> bool {
        !format.is_timeline() && !format.is_graph()
    }
}

/// What takes the lists of a row.
pub trait Lists {
    /// Takes the next list: its name, its rows and their columns.
    fn add<T>(&mut self, name: &'static str, rows: &[T], columns: &'static [Column<T>]);
}

impl Row for Session {
    const SCHEMA: &'static str = "winsessions/sessions/1";
    const LIST: &'static str = "sessions";

    fn columns(view: &View<'_>) -> impl Iterator<Item = &'static Column<Self>> + Clone {
        SESSIONS.iter().chain(answers(view))
    }

    fn give(&self, view: &View<'_>, cells: &mut impl Cells<Self>) {
        give_session(view, self, cells);
        for column in answers(view) {
            cells.take(column, (column.value)(view, self));
        }
    }

    fn lists(row: Option<&Self>, lists: &mut impl Lists) {
        lists.add(
            "intervals",
            row.map_or(&[], |row| &row.intervals),
            INTERVALS,
        );
        lists.add("parts", row.map_or(&[], |row| &row.parts), PARTS);
        lists.add("records", row.map_or(&[], |row| &row.records), RECORDS);
    }

    fn points<'a>(&'a self, view: &'a View<'_>) -> Vec<Point<'a>> {
        of_session(view, self)
    }

    fn takes(_: Format) -> bool {
        true
    }
}

impl Row for TimelineEvent {
    const SCHEMA: &'static str = "winsessions/events/1";
    const LIST: &'static str = "events";

    fn columns(_: &View<'_>) -> impl Iterator<Item = &'static Column<Self>> + Clone {
        EVENTS.iter()
    }

    fn give(&self, view: &View<'_>, cells: &mut impl Cells<Self>) {
        give_event(view, self, cells);
    }

    fn lists(row: Option<&Self>, lists: &mut impl Lists) {
        let others = row.and_then(|row| row.sources.get(1..));
        lists.add("also_in", others.unwrap_or_default(), FILES);
    }

    fn points<'a>(&'a self, view: &'a View<'_>) -> Vec<Point<'a>> {
        vec![of_event(view, self)]
    }

    fn takes(_: Format) -> bool {
        true
    }
}

impl Row for Coverage {
    const SCHEMA: &'static str = "winsessions/coverage/1";
    const LIST: &'static str = "coverage";

    fn columns(_: &View<'_>) -> impl Iterator<Item = &'static Column<Self>> + Clone {
        COVERAGE.iter()
    }

    fn lists(row: Option<&Self>, lists: &mut impl Lists) {
        lists.add("logs", row.map_or(&[], |row| &row.logs), HOLDINGS);
        lists.add("gaps", row.map_or(&[], |row| &row.gaps), GAPS);
        lists.add("clears", row.map_or(&[], |row| &row.clears), CLEARS);
        lists.add(
            "clock_changes",
            row.map_or(&[], |row| &row.clock_changes),
            CLOCK_CHANGES,
        );
        lists.add("boots", row.map_or(&[], |row| &row.boots), BOOTS);
        lists.add(
            "audit_losses",
            row.map_or(&[], |row| &row.audit_losses),
            AUDIT_LOSSES,
        );
        lists.add(
            "utc_offsets",
            row.map_or(&[], |row| &row.offsets),
            UTC_OFFSETS,
        );
        lists.add(
            "conflicts",
            row.map_or(&[], |row| &row.conflicts),
            CONFLICTS,
        );
    }
}

impl Row for Summary {
    const SCHEMA: &'static str = "winsessions/summary/1";
    const LIST: &'static str = "summary";

    fn columns(_: &View<'_>) -> impl Iterator<Item = &'static Column<Self>> + Clone {
        SUMMARY.iter()
    }

    fn lists(row: Option<&Self>, lists: &mut impl Lists) {
        lists.add("reasons", row.map_or(&[], |row| &row.reasons), REASONS);
    }
}

/// The columns that answer what was asked.
fn answers(view: &View<'_>) -> impl Iterator<Item = &'static Column<Session>> + Clone {
    let state = view.at.map(|_| &STATE_AT);
    let fits = view.asked.map(|_| &FITS);
    let outside = view.asks_hours().then_some(&OUTSIDE_AT);
    state.into_iter().chain(fits).chain(outside)
}

impl Row for Overlap {
    const SCHEMA: &'static str = "winsessions/overlaps/1";
    const LIST: &'static str = "overlaps";

    fn columns(_: &View<'_>) -> impl Iterator<Item = &'static Column<Self>> + Clone {
        OVERLAPS.iter()
    }

    fn lists(_: Option<&Self>, _: &mut impl Lists) {}
}

fn text(value: &Option<Text>) -> Cell<'_> {
    value.as_deref().into()
}

fn sid(value: &Option<Sid>) -> Cell<'_> {
    value.as_ref().map(Sid::as_str).into()
}

fn logon_type_name(value: Option<LogonType>) -> Cell<'static> {
    value.and_then(LogonType::name).into()
}

fn words(value: &Option<Text>) -> Cell<'_> {
    value.as_deref().map_or(Cell::Empty, Cell::Words)
}

/// Defines columns, and a function that gives their values. A result has millions of them: so they are made where they are
/// taken, and what takes them knows the types that a column can have.
macro_rules! columns {
    (
        $give:ident;
        $(#[$meta:meta])*
        pub static $columns:ident: &[Column<$row:ty>] = &[$(column($name:literal, $type:expr, $about:literal, $value:expr),)*];
    ) => {
        $(#[$meta])*
        pub static $columns: &[Column<$row>] = &[$(column($name, $type, $about, $value),)*];

        fn $give(view: &View<'_>, row: &$row, cells: &mut impl Cells<$row>) {
            $(cells.take(const { &column::<$row>($name, $type, $about, $value) }, made(view, row, $value));)*
        }
    };
}

/// The value that `make` makes.
fn made<'a, T>(
    view: &'a View<'_>,
    row: &'a T,
    make: impl FnOnce(&'a View<'_>, &'a T) -> Cell<'a>,
) -> Cell<'a> {
    make(view, row)
}

columns! { give_session;
/// A row a session.
pub static SESSIONS: &[Column<Session>] = &[
    column("start", Type::Time, "When it began; empty if that is not known.", |_, s| s.start.time.into()),
    column("end", Type::Time, "When it ended, if that is exactly known.", |_, s| s.end.time().into()),
    column("duration_seconds", Type::Seconds, "End less start, corrected for changes of the clock; empty if either is not known.", |_, s| s.duration.map(Cell::Seconds).into()),
    column("host", Type::Text, "The machine's latest name.", |_, s| (&*s.host).into()),
    column("account_name", Type::Text, "Whose session it is, exactly as recorded.", |_, s| text(&s.account.name)),
    column("account_domain", Type::Text, "The domain or computer that the name belongs to.", |_, s| text(&s.account.domain)),
    column("kind", Type::Word(Kind::NAMES), "What the logon really was; the logon type alone misleads.", |_, s| s.kind.name().into()),
    column("source_address", Type::Text, "The network address that it came from, as recorded.", |_, s| text(&s.source_address)),
    column("workstation", Type::Text, "The workstation name in the logon: the one that the caller gave, with Remote Desktop, SSH and others the machine's own.", |_, s| text(&s.workstation)),
    column("end_reason", Type::Word(EndReason::NAMES), "Why it ended.", |_, s| s.end.reason.name().into()),
    column("flags", Type::Words(Flag::NAMES), "What an examiner should know; joined with `;` in CSV.", |_, s| Cell::Flags(&s.flags)),
    column("failures_before", Type::Integer, "How many logons of the account were refused just before it, one soon after the other; empty if none was, or none was audited.", |_, s| s.failures_before.into()),
    column("interactivity", Type::Word(Interactivity::NAMES), "`interactive`, `non-interactive`, `network` or `unknown`.", |_, s| s.interactivity.name().into()),
    column("account_class", Type::Word(AccountClass::NAMES), "What kind of account the SID denotes.", |_, s| s.class.name().into()),
    column("account_sid", Type::Text, "The account's security identifier: what accounts are joined by.", |_, s| sid(&s.account.sid)),
    column("session_id", Type::Text, "Names the session: 16 hex digits, the same in every run over any evidence that holds its start.", |_, s| (&*s.id).into()),
    column("host_aliases", Type::Texts, "Its earlier names, oldest first; joined with `;` in CSV.", |_, s| Cell::Texts(&s.host_aliases)),
    column("logon_type", Type::Integer, "The logon type as a number.", |_, s| s.logon_type.map(|t| t.0).into()),
    column("logon_type_name", Type::Text, "The system's name of the logon type; empty for a number without one.", |_, s| logon_type_name(s.logon_type)),
    column("logon_id", Type::LogonId, "The Logon ID, lower-case hex; under User Account Control the filtered one; empty if no record tells it. Unique on one machine in one boot.", |_, s| s.logon_id.into()),
    column("linked_logon_id", Type::LogonId, "The elevated Logon ID of a logon that User Account Control split.", |_, s| s.linked_logon_id.into()),
    column("elevated", Type::Bool, "Whether the session holds an elevated token.", |_, s| s.elevated.into()),
    column("start_max", Type::Time, "The latest moment that it can have begun, where `start` is empty.", |_, s| s.start.max.filter(|_| s.start.time.is_none()).into()),
    column("start_source", Type::Word(StartSource::NAMES), "`recorded`, `inferred` or `before-log`.", |_, s| s.start.source.name().into()),
    column("end_min", Type::Time, "The earliest moment that it can have ended: its last sign of life.", |_, s| s.end.min.into()),
    column("end_max", Type::Time, "The latest moment that it can have ended; empty if nothing bounds it.", |_, s| s.end.max.into()),
    column("end_source", Type::Word(EndSource::NAMES), "`recorded`, `inferred` or `unknown`.", |_, s| s.end.source.name().into()),
    column("active_seconds", Type::Seconds, "Duration less the disconnected and locked time that is recorded: it was in use no longer than that. Desktop kinds only.", |_, s| s.active.map(Cell::Seconds).into()),
    column("disconnected_seconds", Type::Seconds, "Time without a client, of the intervals whose beginning is recorded; desktop kinds only.", |_, s| s.disconnected.map(Cell::Seconds).into()),
    column("locked_seconds", Type::Seconds, "Time locked, of the intervals whose beginning is recorded; desktop kinds only.", |_, s| s.locked.map(Cell::Seconds).into()),
    column("source_port", Type::Integer, "The port that it came from.", |_, s| s.source_port.into()),
    column("logon_process", Type::Text, "The logon process, without padding.", |_, s| text(&s.logon_process)),
    column("authentication_package", Type::Text, "The authentication package.", |_, s| text(&s.authentication_package)),
    column("lm_package", Type::Text, "The NTLM version, where NTLM was used.", |_, s| text(&s.lm_package)),
    column("process_name", Type::Text, "The path of the process that asked for the logon.", |_, s| text(&s.process_name)),
    column("process_id", Type::Integer, "The ID of the process that asked for the logon.", |_, s| s.process_id.into()),
    column("outbound_account", Type::Text, "The account whose credentials go out on the network (`runas /netonly`).", |_, s| text(&s.outbound.name)),
    column("outbound_domain", Type::Text, "Its domain.", |_, s| text(&s.outbound.domain)),
    column("logon_guid", Type::Guid, "Joins the logon to its Kerberos records on the domain controller.", |_, s| s.logon_guid.into()),
    column("parent_session_id", Type::Text, "The session that this one was started from.", |_, s| text(&s.parent)),
    column("subject_name", Type::Text, "The account that asked for the logon.", |_, s| text(&s.subject.name)),
    column("subject_domain", Type::Text, "Its domain.", |_, s| text(&s.subject.domain)),
    column("subject_sid", Type::Text, "Its security identifier.", |_, s| sid(&s.subject.sid)),
    column("subject_logon_id", Type::LogonId, "The Logon ID of the session that asked.", |_, s| s.subject_logon_id.into()),
    column("boot", Type::Time, "When the boot that it belongs to began; empty if no record says so.", |_, s| s.boot.into()),
    column("privileges", Type::Texts, "The administrative privileges given at logon; separated by blanks in CSV.", |_, s| words(&s.privileges)),
    column("logons", Type::Integer, "How many logons it holds.", |_, s| s.logons.into()),
    column("start_record", Type::Record, "The record that proves the start, `file#channel/record`, or `file#recovered#channel/record`; empty if none does.", |view, s| view.record(s, s.start_record)),
    column("end_record", Type::Record, "The record that proves the end; empty if none does.", |view, s| view.record(s, s.end_record)),
    column("token_closed", Type::Time, "When the last token closed, where the person left earlier.", |_, s| s.token_closed.into()),
    column("source_record", Type::Record, "The record that `source_address` and `source_port` are from, where that is not the start's: another channel tells them, and the logon does not.", |view, s| view.record(s, s.source_record)),
    column("link", Type::Score, "How sure it is that what other channels tell belongs to this session, 1 at most: the lowest score among its records; empty if no record had to be joined.", |_, s| s.link().into()),
    column("start_local", Type::LocalTime, "`start` by the machine's local time, with its offset; empty where the offset then is not known.", |_, s| s.start_local.into()),
    column("end_local", Type::LocalTime, "`end` by the machine's local time, with its offset; empty where the offset then is not known.", |_, s| s.end_local.into()),
];
}

/// Only where a time was asked about.
#[rustfmt::skip]
pub static STATE_AT: Column<Session> = column(
    "state_at",
    Type::Word(StateAt::NAMES),
    "Only with `--at`: `in-use`, `disconnected`, `locked` or `screen-saver`; `on` if it was on and has no desktop, or its state is not known; `maybe` if it may have been on.",
    |view, s| {
        let state = view.at.and_then(|at| state_at(s, at));
        state.map(|state| state.name()).into()
    },
);

/// Only where something was asked that a session can fit for sure, or possibly.
#[rustfmt::skip]
pub static FITS: Column<Session> = column(
    "fits",
    Type::Word(Fit::NAMES),
    "Only with `--remote`, `--outside` and `--first-seen`: `sure` if the row is what was asked for, `possible` if the evidence does not tell.",
    |view, s| view.fit(s),
);

/// Only where hours were asked about.
#[rustfmt::skip]
pub static OUTSIDE_AT: Column<Session> = column(
    "outside_at",
    Type::LocalTime,
    "Only with `--outside`: when it first began, or somebody first came back to it, outside those hours, by the clock of `--tz`; empty if it only may have.",
    |view, s| view.outside(s).into(),
);

columns! { give_event;
/// A row a logon-related record.
pub static EVENTS: &[Column<TimelineEvent>] = &[
    column("time", Type::Time, "When the record was written, by the machine's clock.", |_, e| e.event.time.into()),
    column("host", Type::Text, "The machine's latest name.", |_, e| (&*e.host).into()),
    column("computer", Type::Text, "The machine's name in this record.", |_, e| (&*e.event.computer).into()),
    column("channel", Type::Text, "The channel it was written to.", |_, e| (&*e.event.channel).into()),
    column("event_id", Type::Integer, "The event ID.", |_, e| e.event.event_id.into()),
    column("record_id", Type::Integer, "The EventRecordID: the order of writing within one machine and channel.", |_, e| e.event.record_id().into()),
    column("event", Type::Word(Action::NAMES), "What happened.", |_, e| e.event.action.name().into()),
    column("kind", Type::Word(Kind::NAMES), "What kind of logon it belongs to, if known.", |_, e| e.kind.map(|kind| kind.name()).into()),
    column("account_name", Type::Text, "The account it happened to, exactly as recorded.", |_, e| text(&e.event.account.name)),
    column("account_domain", Type::Text, "The domain or computer that the name belongs to.", |_, e| text(&e.event.account.domain)),
    column("account_sid", Type::Text, "The account's security identifier.", |_, e| sid(&e.event.account.sid)),
    column("account_class", Type::Word(AccountClass::NAMES), "What kind of account the SID denotes; empty without a SID.", |view, e| {
        e.event.account.sid.as_ref().map(|_| event_class(e, view.session_of(e)).name()).into()
    }),
    column("subject_name", Type::Text, "The account that asked for it.", |_, e| text(&e.event.subject.name)),
    column("subject_domain", Type::Text, "Its domain.", |_, e| text(&e.event.subject.domain)),
    column("subject_sid", Type::Text, "Its security identifier.", |_, e| sid(&e.event.subject.sid)),
    column("subject_logon_id", Type::LogonId, "The Logon ID of the session that asked.", |_, e| e.event.subject_logon_id.into()),
    column("source_address", Type::Text, "The network address that the caller came from, as recorded.", |_, e| text(&e.event.source_address)),
    column("source_port", Type::Integer, "The port that the caller came from.", |_, e| e.event.source_port().into()),
    column("workstation", Type::Text, "The workstation or client name in the record: the one that the caller gave, or the machine's own, as with Remote Desktop.", |_, e| text(&e.event.workstation)),
    column("logon_type", Type::Integer, "The logon type as a number.", |_, e| e.event.logon_type.map(|t| t.0).into()),
    column("logon_type_name", Type::Text, "The system's name of the logon type; empty for a number without one.", |_, e| logon_type_name(e.event.logon_type)),
    column("logon_id", Type::LogonId, "The Logon ID it happened to, lower-case hex.", |_, e| e.event.logon_id().into()),
    column("linked_logon_id", Type::LogonId, "The other half of a logon that User Account Control split.", |_, e| e.event.linked_logon_id.into()),
    column("elevated", Type::Bool, "Whether the token is an elevated one.", |_, e| e.event.elevated.into()),
    column("logon_process", Type::Text, "The logon process, without padding.", |_, e| text(&e.event.logon_process)),
    column("authentication_package", Type::Text, "The authentication package.", |_, e| text(&e.event.authentication_package)),
    column("lm_package", Type::Text, "The NTLM version, where NTLM was used.", |_, e| text(&e.event.lm_package)),
    column("process_name", Type::Text, "The path of the process that asked.", |_, e| text(&e.event.process_name)),
    column("process_id", Type::Integer, "The ID of the process that asked.", |_, e| e.event.process_id.into()),
    column("outbound_account", Type::Text, "The account whose credentials go out on the network.", |_, e| text(&e.event.outbound.name)),
    column("outbound_domain", Type::Text, "Its domain.", |_, e| text(&e.event.outbound.domain)),
    column("logon_guid", Type::Guid, "Joins the logon to its Kerberos records on the domain controller.", |_, e| e.event.logon_guid().into()),
    column("privileges", Type::Texts, "The privileges, or the SIDs of the groups; separated by blanks in CSV.", |_, e| words(&e.event.privileges)),
    column("status", Type::Status, "NTSTATUS of a failure, or the error of a Kerberos record, hex.", |_, e| e.event.status.map(Cell::Status).into()),
    column("sub_status", Type::Status, "The finer NTSTATUS of a failure, hex.", |_, e| e.event.sub_status.map(Cell::Status).into()),
    column("status_text", Type::Text, "Why it failed, in words: what the finer of the two means, else the other; empty for a code without an entry.", |_, e| e.failure_text().into()),
    column("session_name", Type::Text, "The window station's session name.", |_, e| text(&e.event.session_name)),
    column("session_number", Type::Integer, "The window station's session number.", |_, e| e.event.session_number.into()),
    column("session_id", Type::Text, "The session that it belongs to, if any.", |_, e| text(&e.session)),
    column("file", Type::Text, "The log that it was read from; `#recovered` behind it says that the record was recovered.", |view, e| view.file(e.event.log).into()),
    column("sources", Type::Integer, "In how many logs the record was found.", |_, e| (e.sources.len() as u64).into()),
    column("target_server", Type::Text, "The server that explicit credentials were meant for.", |_, e| text(&e.event.target_server)),
    column("previous_time", Type::Time, "The clock before it was changed.", |_, e| e.event.previous_time.into()),
    column("new_time", Type::Time, "The clock after it was changed.", |_, e| e.event.new_time.into()),
    column("provider", Type::Text, "Who wrote the record: with `channel` and `event_id` it names what the record is.", |_, e| e.event.provider.into()),
    column("activity", Type::Text, "The same in all records of one Remote Desktop connection.", |_, e| text(&e.event.details().activity)),
    column("other_session_number", Type::Integer, "The session number that disconnected this one.", |_, e| e.event.details().other_session_number.into()),
    column("reason", Type::Integer, "Why, as a code: of a disconnect, a stop, a clock change, going to sleep; the stop code of a crash; an error.", |_, e| e.event.details().reason.into()),
    column("reason_text", Type::Text, "Why, in words: of a disconnect's code, or as recorded with a stop.", |_, e| text(&e.event.details().reason_text)),
    column("start_time", Type::Time, "When Windows started or woke, by its own account.", |_, e| e.event.details().start_time.into()),
    column("stop_time", Type::Time, "When Windows stopped, fell asleep or was last known to run, by its own account.", |_, e| e.event.details().stop_time.into()),
    column("stop_type", Type::Text, "Restart, shutdown or power off; from 1074 in the machine's language.", |_, e| text(&e.event.details().stop_type)),
    column("last_boot_id", Type::Integer, "The number of the boot before.", |_, e| e.event.details().last_boot_id.into()),
    column("last_boot_good", Type::Bool, "Whether the boot before went well.", |_, e| e.event.details().last_boot_good.into()),
    column("last_shutdown_good", Type::Bool, "Whether the stop before was clean.", |_, e| e.event.details().last_shutdown_good.into()),
    column("boot_type", Type::Integer, "0 cold, 1 Fast Startup, 2 from hibernation.", |_, e| e.event.details().boot_type.into()),
    column("target_state", Type::Integer, "The state it sleeps in or wakes from: 2 to 4 sleep, 5 hibernation, 6 off.", |_, e| e.event.details().target_state.into()),
    column("uptime_seconds", Type::Integer, "Seconds since the start.", |_, e| e.event.details().uptime_seconds.into()),
    column("utc_offset_minutes", Type::Signed, "Local time less UTC at the machine, then.", |_, e| e.event.details().utc_offset_minutes.into()),
    column("standard_offset_minutes", Type::Signed, "The same without daylight saving.", |_, e| e.event.details().standard_offset_minutes.into()),
    column("client_bias_hours", Type::Signed, "Hours between UTC and the client's time, as recorded.", |_, e| e.event.details().client_bias_hours.into()),
    column("lost_event_id", Type::Integer, "The event that could not be written.", |_, e| e.event.details().lost_event_id.into()),
    column("object", Type::Text, "What it is about: a service, a task, a cleared log, a profile's folder, a time zone, the provider of a lost event.", |_, e| text(&e.event.details().object)),
    column("command", Type::Text, "What a new service runs.", |_, e| text(&e.event.details().command)),
    column("message", Type::Text, "What the writer says in its own words.", |_, e| text(&e.event.details().message)),
    column("recovered", Type::Bool, "Whether the record was recovered (`--recover`): it lay where a log no longer has one, behind damage, or in no log.", |view, e| view.is_recovered(e.event.log).into()),
];
}

/// The other logs that hold the record.
#[rustfmt::skip]
pub static FILES: &[Column<LogIndex>] = &[
    column("file", Type::Text, "The log.", |view, log| view.file(*log).into()),
];

/// States of a session other than in use, in order.
#[rustfmt::skip]
pub static INTERVALS: &[Column<Interval>] = &[
    column("state", Type::Word(State::NAMES), "`disconnected`, `locked` or `screen-saver`.", |_, i| i.state.name().into()),
    column("from", Type::Time, "When it began; null if not recorded.", |_, i| i.from.into()),
    column("to", Type::Time, "When it ended; null if it lasted to the session's end or is not recorded.", |_, i| i.to.into()),
    column("source", Type::Word(EndSource::NAMES), "`recorded`, `inferred` or `unknown`.", |_, i| i.source.name().into()),
    column("address", Type::Text, "The address of the client that came back.", |_, i| text(&i.address)),
];

/// The Logon IDs that a session was joined from.
#[rustfmt::skip]
pub static PARTS: &[Column<Part>] = &[
    column("logon_id", Type::LogonId, "The Logon ID.", |_, p| p.logon_id.into()),
    column("start", Type::Time, "When it began, if recorded.", |_, p| p.start.into()),
    column("end", Type::Time, "When its token closed, if recorded.", |_, p| p.end.into()),
    column("logon_type", Type::Integer, "The logon type it came with, if recorded.", |_, p| p.logon_type.map(|t| t.0).into()),
    column("reason", Type::Word(PartReason::NAMES), "Why it belongs to the session.", |_, p| p.reason.name().into()),
];

/// Every record that a session rests on, in record order.
#[rustfmt::skip]
pub static RECORDS: &[Column<RecordRef>] = &[
    column("file", Type::Text, "The log it was read from; `#recovered` behind it says that the record was recovered.", |view, r| view.file(r.log).into()),
    column("channel", Type::Text, "Its channel.", |_, r| (&*r.channel).into()),
    column("record_id", Type::Integer, "Its EventRecordID.", |_, r| r.record_id.into()),
    column("event_id", Type::Integer, "Its event ID.", |_, r| r.event_id.into()),
    column("time", Type::Time, "Its time.", |_, r| r.time.into()),
    column("role", Type::Word(Role::NAMES), "What it proves about the session.", |_, r| r.role.name().into()),
    column("rule", Type::Word(LinkRule::NAMES), "What joins it to the session, where it does not name its Logon ID.", |_, r| r.link.map(|link| link.rule.name()).into()),
    column("link", Type::Score, "How sure that is: 1 by an identifier that is given once, or by SID and session number; 0.9 by name or SID at the moment of a change that is audited too; 0.8 by a name that only one session fits; 0.4 where several fit and the nearest in time was taken.", |_, r| r.link.map(|link| link.score).into()),
];

/// A row a channel of a machine.
#[rustfmt::skip]
pub static COVERAGE: &[Column<Coverage>] = &[
    column("host", Type::Text, "The machine's latest name.", |_, c| (&*c.host).into()),
    column("host_aliases", Type::Texts, "Its earlier names, oldest first; joined with `;` in CSV.", |_, c| Cell::Texts(&c.host_aliases)),
    column("channel", Type::Text, "The channel.", |_, c| (&*c.channel).into()),
    column("origin", Type::Word(Origin::NAMES), "`live`, `exported` or `both`: whether a missing number is a missing record; `recovered` where no log holds the channel.", |_, c| c.origin.name().into()),
    column("first_record", Type::Integer, "The lowest record number.", |_, c| c.first.0.into()),
    column("first_time", Type::Time, "The time of that record.", |_, c| c.first.1.into()),
    column("last_record", Type::Integer, "The highest record number.", |_, c| c.last.0.into()),
    column("last_time", Type::Time, "The time of that record; earlier than `first_time` where the clock was set back.", |_, c| c.last.1.into()),
    column("records", Type::Integer, "Records that were read, each once.", |_, c| c.records.into()),
    column("duplicates", Type::Integer, "Further copies of them, in other logs or places; of a log that leaves out records only logon-related ones can be told.", |_, c| c.duplicates.into()),
    column("log_count", Type::Integer, "How many logs hold it.", |_, c| count(&c.logs)),
    column("gap_count", Type::Integer, "Runs of missing numbers between records of the machine's own logs.", |_, c| count(&c.gaps)),
    column("missing_records", Type::Integer, "How many records those gaps hide.", |_, c| c.missing().into()),
    column("left_out_records", Type::Integer, "Numbers that exported or forwarded logs leave out between their first and last records: a filter, no loss.", |_, c| c.left_out.into()),
    column("wrapped", Type::Bool, "Whether the oldest records are not there (overwritten, as a rule): the numbers do not begin at 1 and no clear says why.", |_, c| c.wrapped.into()),
    column("clear_count", Type::Integer, "How often the log was cleared, as far as records of any channel say so.", |_, c| c.own_clears().into()),
    column("clock_change_count", Type::Integer, "Changes of the clock that it records.", |_, c| count(&c.clock_changes)),
    column("clock_step_count", Type::Integer, "Those by a second or more.", |_, c| (c.clock_steps().count() as u64).into()),
    column("boot_count", Type::Integer, "Boots that it records.", |_, c| c.recorded_boots().into()),
    column("audit_loss_count", Type::Integer, "Records in which Windows says that audit events were lost (1101, 1108).", |_, c| count(&c.audit_losses)),
    column("conflict_count", Type::Integer, "Records that two logs hold with different contents, as far as those are read; the first log's was used.", |_, c| count(&c.conflicts)),
    column("records_damaged", Type::Integer, "Records of its logs that could not be decoded, of whichever channel they were.", |view, c| of_logs(view, c, |l| l.account.damaged).into()),
    column("checksum_failures", Type::Integer, "Checksums of its logs that do not match.", |view, c| of_logs(view, c, |l| l.account.bad_checksums).into()),
    column("logs_cut", Type::Integer, "How many of its logs were cut off: they end inside a chunk, or before the last that the file header claims.", |view, c| of_logs(view, c, |l| is_cut(l).into()).into()),
    column("trailing_bytes", Type::Integer, "Bytes of its logs after the last whole chunk.", |view, c| of_logs(view, c, |l| l.account.trailing_bytes).into()),
    column("lost_boot_count", Type::Integer, "Boots that left no record of their beginning: Logon IDs or the process ID of LSA show them (Security), or Windows' own count does (System).", |_, c| c.lost_boots().into()),
    column("lost_logoff_count", Type::Integer, "Logoffs (4634, 4647) that Windows says it could not write (1108).", |_, c| c.lost_logoffs().into()),
    column("utc_offset", Type::Offset, "Local time less UTC at the machine, `-08:00`, by the last record of the channel that tells; System only.", |_, c| c.utc_offset().into()),
    column("records_by_evtx", Type::Integer, "Records of its logs that the evtx crate decoded instead of this program's own decoder: it has no plan for them, or damage lies around them.", |view, c| of_logs(view, c, |l| l.account.read_by_evtx).into()),
    column("recovered_records", Type::Integer, "Records that were recovered beside those (`--recover`), each once; what live logs hold under their numbers is a duplicate.", |_, c| c.recovered.into()),
    column("recovered_contradictions", Type::Integer, "Recovered logon-related records that contradict others: a live log's of the same number is used, or none.", |_, c| c.contradicting.into()),
];

fn count<T>(list: &[T]) -> Cell<'static> {
    (list.len() as u64).into()
}

fn of_logs(view: &View<'_>, coverage: &Coverage, value: fn(&LogAccount) -> u64) -> u64 {
    let logs = coverage.logs.iter().filter_map(|held| view.log(held.log));
    let logs = logs.filter(|log| !log.recovered);
    logs.map(value).fold(0, u64::saturating_add)
}

/// Whether a log was cut off.
pub(super) fn is_cut(log: &LogAccount) -> bool {
    let mut kinds = log.account.damage.iter().map(|damage| damage.kind);
    kinds.any(|kind| matches!(kind, DamageKind::CutChunk | DamageKind::MissingChunks))
}

/// The logs that hold a channel, with what became of each.
#[rustfmt::skip]
pub static HOLDINGS: &[Column<Holding>] = &[
    column("file", Type::Text, "The log.", |view, h| view.file(h.log).into()),
    column("origin", Type::Word(Origin::NAMES), "`live` or `exported`: whether a missing number is a missing record; `recovered` of what was recovered from the file.", |view, h| {
        match (view.is_recovered(h.log), h.live) {
            (true, _) => "recovered",
            (false, true) => "live",
            (false, false) => "exported",
        }.into()
    }),
    column("records", Type::Integer, "Records of the channel that it holds.", |_, h| h.records.into()),
    column("first_record", Type::Integer, "The lowest record number.", |_, h| h.first.0.into()),
    column("first_time", Type::Time, "The time of that record.", |_, h| h.first.1.into()),
    column("last_record", Type::Integer, "The highest record number.", |_, h| h.last.0.into()),
    column("last_time", Type::Time, "The time of that record.", |_, h| h.last.1.into()),
    column("records_damaged", Type::Integer, "Records of the log that could not be decoded.", |view, h| view.log(h.log).map(|l| l.account.damaged).into()),
    column("checksum_failures", Type::Integer, "Header and data checksums that do not match.", |view, h| view.log(h.log).map(|l| l.account.bad_checksums).into()),
    column("cut", Type::Bool, "Whether it was cut off: it ends inside a chunk, or before the last that the file header claims.", |view, h| view.log(h.log).map(is_cut).into()),
    column("trailing_bytes", Type::Integer, "Bytes after the last whole chunk.", |view, h| view.log(h.log).map(|l| l.account.trailing_bytes).into()),
    column("records_by_evtx", Type::Integer, "Records of the log that the evtx crate decoded.", |view, h| view.log(h.log).map(|l| l.account.read_by_evtx).into()),
];

/// Numbers that are missing, in order.
#[rustfmt::skip]
pub static GAPS: &[Column<Gap>] = &[
    column("first_record", Type::Integer, "The first missing number.", |_, g| g.first.into()),
    column("last_record", Type::Integer, "The last missing number.", |_, g| g.last.into()),
    column("records", Type::Integer, "How many are missing.", |_, g| g.records().into()),
    column("before", Type::Time, "The time of the record before.", |_, g| g.before.into()),
    column("after", Type::Time, "The time of the record after; between the two the log cannot speak.", |_, g| g.after.into()),
    column("cause", Type::Word(GapCause::NAMES), "`cleared` if the log was cleared there, else `missing`.", |_, g| g.cause.name().into()),
];

/// When a log was cleared, in order.
#[rustfmt::skip]
pub static CLEARS: &[Column<Clear>] = &[
    column("cleared", Type::Text, "The channel that was cleared. Clears that System records of channels without a row stand with System, and are not in its `clear_count`.", |_, c| (&*c.cleared).into()),
    column("time", Type::Time, "When it was cleared.", |_, c| c.record.time.into()),
    column("channel", Type::Text, "The channel of the record that says so.", |_, c| (&*c.channel).into()),
    column("event_id", Type::Integer, "The event ID of the record that says so.", |_, c| c.record.event_id.into()),
    column("record_id", Type::Integer, "Its EventRecordID.", |_, c| c.record.record_id.into()),
    column("by_name", Type::Text, "The account that did it.", |_, c| text(&c.by.name)),
    column("by_domain", Type::Text, "Its domain.", |_, c| text(&c.by.domain)),
    column("by_sid", Type::Text, "Its security identifier.", |_, c| sid(&c.by.sid)),
];

/// Changes of the clock, in order.
#[rustfmt::skip]
pub static CLOCK_CHANGES: &[Column<ClockChange>] = &[
    column("time", Type::Time, "The time of the record, by one clock or the other.", |_, c| c.record.time.into()),
    column("event_id", Type::Integer, "Its event ID.", |_, c| c.record.event_id.into()),
    column("record_id", Type::Integer, "Its EventRecordID.", |_, c| c.record.record_id.into()),
    column("previous_time", Type::Time, "The clock before.", |_, c| c.previous.into()),
    column("new_time", Type::Time, "The clock after.", |_, c| c.new.into()),
    column("step_seconds", Type::Seconds, "How far the clock went forward; negative if back.", |_, c| c.step().map(Cell::Seconds).unwrap_or(Cell::Empty)),
    column("by_name", Type::Text, "The account that did it.", |_, c| text(&c.by.name)),
    column("by_domain", Type::Text, "Its domain.", |_, c| text(&c.by.domain)),
    column("by_sid", Type::Text, "Its security identifier.", |_, c| sid(&c.by.sid)),
    column("process_name", Type::Text, "The path of the process that did it.", |_, c| text(&c.process)),
    column("reason", Type::Integer, "Why, by Kernel-General 1: 1 somebody set it, 2 it was read anew from the hardware, as after sleep, 3 the time zone was set; null in 4616.", |_, c| c.reason.into()),
];

/// Runs of Windows, in order.
#[rustfmt::skip]
pub static BOOTS: &[Column<CoveredBoot>] = &[
    column("start", Type::Time, "When it began, by whichever channel tells; null if none does.", |_, b| b.start.into()),
    column("start_source", Type::Word(StartSource::NAMES), "`recorded`, `inferred` if only other records show it, or `before-log` if it ran already when the channel begins.", |_, b| b.start_source.name().into()),
    column("time", Type::Time, "The time of the channel's record that says so; of an inferred one the first record that is of it.", |_, b| b.record.as_ref().map(|m| m.time).into()),
    column("event_id", Type::Integer, "Its event ID.", |_, b| b.record.as_ref().map(|m| m.event_id).into()),
    column("record_id", Type::Integer, "Its EventRecordID.", |_, b| b.record.as_ref().map(|m| m.record_id).into()),
    column("untold_before", Type::Integer, "How many boots just before it left no record, by Windows' own count (Kernel-Boot 20).", |_, b| b.untold_before.into()),
    column("end_reason", Type::Word(EndReason::NAMES), "How it ended: `shutdown`, `crash`, `unclean`, `lost-boot`; `log-ends` if it had not.", |_, b| b.end_reason.name().into()),
    column("end_channel", Type::Text, "The channel of the record that tells.", |_, b| b.end_record.as_ref().map(|(channel, _)| &**channel).into()),
    column("end_time", Type::Time, "Its time: of a clean stop the end; else a later boot's.", |_, b| b.end_record.as_ref().map(|(_, m)| m.time).into()),
    column("end_event_id", Type::Integer, "Its event ID.", |_, b| b.end_record.as_ref().map(|(_, m)| m.event_id).into()),
    column("end_record_id", Type::Integer, "Its EventRecordID.", |_, b| b.end_record.as_ref().map(|(_, m)| m.record_id).into()),
];

/// Where Windows says that it lost audit events, in order.
#[rustfmt::skip]
pub static AUDIT_LOSSES: &[Column<AuditLoss>] = &[
    column("time", Type::Time, "The time of the record.", |_, l| l.record.time.into()),
    column("event_id", Type::Integer, "Its event ID: 1101 when Windows stopped, 1108 of one event.", |_, l| l.record.event_id.into()),
    column("record_id", Type::Integer, "Its EventRecordID.", |_, l| l.record.record_id.into()),
    column("lost_event_id", Type::Integer, "The audit event about logons that was lost; null if not named.", |_, l| l.event_id.into()),
];

/// The records that tell something new about the machine's local time, in order; System only.
#[rustfmt::skip]
pub static UTC_OFFSETS: &[Column<OffsetMark>] = &[
    column("time", Type::Time, "The time of the record.", |_, o| o.record.time.into()),
    column("event_id", Type::Integer, "Its event ID: 24 of Kernel-General, 6013 of EventLog.", |_, o| o.record.event_id.into()),
    column("record_id", Type::Integer, "Its EventRecordID.", |_, o| o.record.record_id.into()),
    column("utc_offset", Type::Offset, "Local time less UTC, `-07:00`; null where the record does not tell whether daylight saving was on.", |_, o| o.offset.into()),
    column("source", Type::Word(EndSource::NAMES), "`recorded`; `inferred` from the hour of a daily 6013, which is written at noon, or from the zone UTC, which has no daylight saving; `unknown`.", |_, o| o.source.name().into()),
    column("standard_offset", Type::Offset, "The same without daylight saving, if told.", |_, o| o.standard.into()),
    column("zone", Type::Text, "The zone's name, in the machine's language.", |_, o| text(&o.zone)),
];

/// Records that two logs hold with different contents, as far as those are read, in order.
#[rustfmt::skip]
pub static CONFLICTS: &[Column<Conflict>] = &[
    column("record_id", Type::Integer, "Its EventRecordID.", |_, c| c.record_id.into()),
    column("time", Type::Time, "Its time.", |_, c| c.time.into()),
    column("file", Type::Text, "The log whose contents are used.", |view, c| view.file(c.used).into()),
    column("other_file", Type::Text, "The log that says something else.", |view, c| view.file(c.other).into()),
];

/// A row a pair of sessions that were on at the same time.
#[rustfmt::skip]
pub static OVERLAPS: &[Column<Overlap>] = &[
    column("fits", Type::Word(Fit::NAMES), "`sure` if both were on at one moment and fit what else was asked, `possible` if that can be.", |_, o| o.fit().name().into()),
    column("sure_start", Type::Time, "From then on both were on; empty if that is not sure of any moment.", |_, o| o.sure.map(|(from, _)| from).into()),
    column("sure_end", Type::Time, "Until then.", |_, o| o.sure.map(|(_, to)| to).into()),
    column("sure_seconds", Type::Seconds, "How long that is by the clocks; two machines' clocks can differ.", |_, o| o.sure.map(|(from, to)| Cell::Seconds(to.since(from))).into()),
    column("possible_start", Type::Time, "The earliest moment that both can have been on; empty if nothing bounds it.", |_, o| o.possible.0.into()),
    column("possible_end", Type::Time, "Until when both can have been on; empty if nothing bounds it.", |_, o| o.possible.1.into()),
    column("first_session_id", Type::Text, "The session of the first party.", |_, o| (&*o.first.id).into()),
    column("first_host", Type::Text, "Its machine.", |_, o| (&*o.first.host).into()),
    column("first_account_name", Type::Text, "Its account.", |_, o| text(&o.first.account.name)),
    column("first_account_domain", Type::Text, "The account's domain or computer.", |_, o| text(&o.first.account.domain)),
    column("first_account_sid", Type::Text, "The account's security identifier.", |_, o| sid(&o.first.account.sid)),
    column("first_kind", Type::Word(Kind::NAMES), "What the logon really was.", |_, o| o.first.kind.name().into()),
    column("first_source_address", Type::Text, "The network address that it came from, as recorded.", |_, o| text(&o.first.source_address)),
    column("first_workstation", Type::Text, "The workstation name in the logon, as for sessions.", |_, o| text(&o.first.workstation)),
    column("first_start", Type::Time, "When it began; empty if that is not known.", |_, o| o.first.start.time.into()),
    column("first_end", Type::Time, "When it ended, if that is exactly known.", |_, o| o.first.end.time().into()),
    column("first_end_reason", Type::Word(EndReason::NAMES), "Why it ended.", |_, o| o.first.end.reason.name().into()),
    column("second_session_id", Type::Text, "The session of the second party.", |_, o| (&*o.second.id).into()),
    column("second_host", Type::Text, "Its machine.", |_, o| (&*o.second.host).into()),
    column("second_account_name", Type::Text, "Its account.", |_, o| text(&o.second.account.name)),
    column("second_account_domain", Type::Text, "The account's domain or computer.", |_, o| text(&o.second.account.domain)),
    column("second_account_sid", Type::Text, "The account's security identifier.", |_, o| sid(&o.second.account.sid)),
    column("second_kind", Type::Word(Kind::NAMES), "What the logon really was.", |_, o| o.second.kind.name().into()),
    column("second_source_address", Type::Text, "The network address that it came from, as recorded.", |_, o| text(&o.second.source_address)),
    column("second_workstation", Type::Text, "The workstation name in the logon, as for sessions.", |_, o| text(&o.second.workstation)),
    column("second_start", Type::Time, "When it began; empty if that is not known.", |_, o| o.second.start.time.into()),
    column("second_end", Type::Time, "When it ended, if that is exactly known.", |_, o| o.second.end.time().into()),
    column("second_end_reason", Type::Word(EndReason::NAMES), "Why it ended.", |_, o| o.second.end.reason.name().into()),
];

/// A row a machine, account and kind of logon.
#[rustfmt::skip]
pub static SUMMARY: &[Column<Summary>] = &[
    column("host", Type::Text, "The machine's latest name; machines of one name have rows of their own.", |_, s| (&*s.host).into()),
    column("account_name", Type::Text, "The account's latest name, exactly as recorded.", |_, s| text(&s.account.name)),
    column("account_domain", Type::Text, "The domain or computer that the name belongs to.", |_, s| text(&s.account.domain)),
    column("account_sid", Type::Text, "The account's security identifier: what accounts are joined by; where no record tells it, by name and domain.", |_, s| sid(&s.account.sid)),
    column("account_class", Type::Word(AccountClass::NAMES), "What kind of account the SID denotes.", |_, s| s.class.name().into()),
    column("interactivity", Type::Word(Interactivity::NAMES), "`interactive`, `non-interactive`, `network` or `unknown`.", |_, s| s.interactivity.name().into()),
    column("kind", Type::Word(Kind::NAMES), "What the logons really were; of failed ones what they would have been; empty if not known.", |_, s| s.kind.map(|kind| kind.name()).into()),
    column("sessions", Type::Integer, "How many sessions.", |_, s| s.sessions.into()),
    column("standing_sessions", Type::Integer, "How many of them exist from the beginning of a boot to its end, one per boot.", |_, s| s.standing.into()),
    column("logons", Type::Integer, "How many logons those sessions hold: unlocks, reconnects, the starts of services.", |_, s| s.logons.into()),
    column("failures", Type::Integer, "How many logons failed.", |_, s| s.failures.into()),
    column("failure_reasons", Type::Texts, "Why, each with its count, `wrong password=12`; the most frequent first; joined with `;` in CSV.", |_, s| Cell::Reasons(&s.reasons)),
    column("first_seen", Type::Time, "The first sign: a session's start (where that is unknown, its latest bound) or a failed logon.", |_, s| s.first_seen.into()),
    column("last_seen", Type::Time, "The last sign: the earliest moment that its last session can have ended, or a failed logon.", |_, s| s.last_seen.into()),
    column("total_seconds", Type::Seconds, "The sum of the durations that are known; sessions at the same time count each.", |_, s| Cell::Seconds(s.total)),
    column("unknown_durations", Type::Integer, "How many sessions are not in it, since their duration is not known.", |_, s| s.of_unknown_duration.into()),
    column("active_seconds", Type::Seconds, "The sum of their active time; empty if none is known. Desktop kinds only.", |_, s| s.active.map_or(Cell::Empty, Cell::Seconds)),
];

/// Why logons failed, the most frequent reason first.
#[rustfmt::skip]
pub static REASONS: &[Column<Reason>] = &[
    column("reason", Type::Text, "In words; the code in hex where there are none.", |_, r| (&*r.text).into()),
    column("count", Type::Integer, "How many.", |_, r| r.count.into()),
];

/// What became of each log.
#[rustfmt::skip]
pub static LOGS: &[Column<LogAccount>] = &[
    column("path", Type::Text, "The file.", |_, l| l.path.as_path().into()),
    column("bytes", Type::Integer, "Its size.", |_, l| l.account.bytes.into()),
    column("chunks", Type::Integer, "Chunks that hold records.", |_, l| l.account.chunks.into()),
    column("unused_chunks", Type::Integer, "Chunk slots that were never written.", |_, l| l.account.unused_chunks.into()),
    column("records_claimed", Type::Integer, "Records that the chunk headers claim.", |_, l| l.account.claimed.into()),
    column("records_unclaimed", Type::Integer, "Records found beyond what a chunk header claims; claimed + unclaimed = read + damaged.", |_, l| l.account.unclaimed.into()),
    column("records_read", Type::Integer, "Records that were decoded.", |_, l| l.account.read.into()),
    column("records_by_evtx", Type::Integer, "Those of them that the evtx crate decoded instead of this program's own decoder.", |_, l| l.account.read_by_evtx.into()),
    column("records_damaged", Type::Integer, "Records that are claimed or found and could not be decoded.", |_, l| l.account.damaged.into()),
    column("checksum_failures", Type::Integer, "Header and data checksums that do not match.", |_, l| l.account.bad_checksums.into()),
    column("trailing_bytes", Type::Integer, "Bytes after the last whole chunk.", |_, l| l.account.trailing_bytes.into()),
    column("dirty", Type::Bool, "Whether the file header says that the log was not closed; no damage.", |_, l| l.account.dirty.into()),
    column("first", Type::Time, "The earliest time of its records.", |_, l| l.span.map(|(first, _)| first).into()),
    column("last", Type::Time, "The latest time of its records.", |_, l| l.span.map(|(_, last)| last).into()),
    column("other_host", Type::Text, "The machine that the collection it was found in is named after, where no machine in the log has or had that name.", |_, l| l.other_host.as_deref().into()),
    column("more_damage", Type::Integer, "How many more places were damaged than `damage` lists.", |_, l| l.account.more_damage.into()),
    column("recovered", Type::Bool, "Whether it is the account of what was recovered from the file (`--recover`); the one of what is read of it stands by itself.", |_, l| l.recovered.into()),
];

/// The damaged places of a log, in file order.
#[rustfmt::skip]
pub static DAMAGE: &[Column<Damage>] = &[
    column("kind", Type::Word(DamageKind::NAMES), "What is wrong.", |_, d| d.kind.name().into()),
    column("chunk", Type::Integer, "The chunk, counted from 0 in file order.", |_, d| d.location.chunk.into()),
    column("record", Type::Integer, "The record header's identifier.", |_, d| d.location.record.into()),
    column("offset", Type::Integer, "Bytes from the start of the file.", |_, d| d.location.offset.into()),
    column("message", Type::Text, "Details, in words.", |_, d| d.message.as_str().into()),
];

/// What should have been a log and is not.
#[rustfmt::skip]
pub static SKIPPED: &[Column<Skipped>] = &[
    column("path", Type::Text, "The file or folder.", |_, s| s.path.as_path().into()),
    column("reason", Type::Text, "Why it was skipped, in words.", |_, s| s.reason.as_str().into()),
];
