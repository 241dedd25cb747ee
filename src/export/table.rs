//! Tables for people on a terminal: the columns that matter first, more of them where there is room.
//!
//! Rows stand in the order given, under a heading per machine. Text from evidence is shown with escapes for
//! what a terminal would act on, and cut with `…` where it is too long. Where colours are asked for, what is not recorded is
//! faint, and what an examiner looks for stands out; no colour says what no text says.

use super::cell::Cell;
use super::columns::{Column, Row, View, is_cut};
use super::messages::counted;
use super::said::{caller, why_failed};
use super::text::{cut, visible, width};
use crate::analysis::TimelineEvent;
use crate::event::{Account, Action, Text};
use crate::filter::{Presence, state_at};
use crate::overlap::Overlap;
use crate::session::{
    ClockChange, Coverage, CoveredBoot, EndReason, EndSource, Flag, GapCause, Kind, Mark,
    OffsetMark, Session, StartSource,
};
use crate::summary::Summary;
use crate::time::{LocalTime, TICKS_PER_SECOND, Ticks, Time};
use std::borrow::Cow;
use std::io::{self, Write};

/// Tables are never narrower: what matters first needs this much.
pub const MIN_WIDTH: usize = 100;

/// What stands before a detail of a row.
const INDENT: &str = "    ";

/// How many details of one sort are told one by one; JSON holds all.
const TOLD: usize = 20;

/// What marks a row that rests on recovered records.
const MARK: char = '*';

/// Blanks between columns.
const GAP: usize = 2;

/// A column of a table.
#[derive(Debug)]
pub struct TableColumn<R: 'static> {
    /// Its heading.
    title: &'static str,
    /// Columns of rank 0 are always there; others are taken in the order of rank while there is room.
    rank: u8,
    /// How wide it is at least (if its texts are), is where it reads well, and at most.
    widths: [usize; 3],
    /// Its text in a row; may hold anything, is made visible later.
    text: Shown<R>,
    /// How it is cut.
    cut: for<'a> fn(&'a str, usize) -> Cow<'a, str>,
    /// How it is coloured in a row.
    tone: fn(&R) -> Tone,
}

/// How a text is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tone {
    Plain,
    /// What is not known exactly, or not recorded.
    Faint,
    /// What is worth a look.
    Notable,
    /// What went wrong, or was refused.
    Bad,
    /// A heading.
    Strong,
}

impl Tone {
    /// `text` between the sequences that a terminal takes for the colour.
    fn on(self, text: &str) -> Cow<'_, str> {
        let code = match self {
            Tone::Plain => return text.into(),
            Tone::Faint => 2,
            Tone::Notable => 33,
            Tone::Bad => 31,
            Tone::Strong => 1,
        };
        match text.trim_start() {
            "" => text.into(),
            shown => {
                let blanks = &text[..text.len() - shown.len()];
                format!("{blanks}\u{1b}[{code}m{shown}\u{1b}[0m").into()
            }
        }
    }

    /// The one tone if something is so, else none.
    const fn if_so(self, is_so: bool) -> Self {
        match is_so {
            true => self,
            false => Tone::Plain,
        }
    }
}

/// A row's text for a column.
type Shown<R> = for<'a> fn(&View<'a>, &'a R) -> String;

const fn column<R>(
    title: &'static str,
    rank: u8,
    widths: [usize; 3],
    text: Shown<R>,
) -> TableColumn<R> {
    TableColumn {
        title,
        rank,
        widths,
        text,
        cut,
        tone: |_| Tone::Plain,
    }
}

/// Colours what is in a column.
const fn toned<R>(tone: fn(&R) -> Tone, mut column: TableColumn<R>) -> TableColumn<R> {
    column.tone = tone;
    column
}

/// Cuts the domain of an account rather than its name.
const fn keeping_the_name<R>(mut column: TableColumn<R>) -> TableColumn<R> {
    column.cut = cut_domain;
    column
}

/// `account` in at most `columns` columns: the domain is cut first, it says less.
fn cut_domain(account: &str, columns: usize) -> Cow<'_, str> {
    if width(account) <= columns {
        return cut(account, columns);
    }
    let shorter = account.split_once('\\').and_then(|(domain, name)| {
        let room = columns
            .checked_sub(width(name) + 1)
            .filter(|&room| room > 1)?;
        Some(format!("{}\\{name}", cut(domain, room)))
    });
    match shorter {
        Some(shorter) => Cow::Owned(cut(&shorter, columns).into_owned()),
        None => cut(account, columns),
    }
}

/// Rows that have a table.
pub trait Tabular: Row {
    /// The columns, in the order they are shown.
    const TABLE: &'static [TableColumn<Self>];

    /// What the marks in it mean; a line under the table.
    const LEGEND: &'static str = "";

    /// Whether it is marked as resting on recovered records.
    fn is_recovered(&self, view: &View<'_>) -> bool {
        let _ = view;
        false
    }

    /// The machine that a row stands under: its number, its name and its earlier names.
    fn host(&self) -> (usize, &Text, &[Text]);

    /// What stands in lines of their own below a row; may hold anything, is made visible and cut later.
    fn details(&self, view: &View<'_>) -> Vec<String> {
        let _ = view;
        Vec::new()
    }
}

impl Tabular for Session {
    const LEGEND: &'static str = "~ inferred   < no later than   > no earlier than, at least";

    #[rustfmt::skip]
    const TABLE: &'static [TableColumn<Self>] = &[
        toned(
            |s| Tone::Faint.if_so(s.start.source != StartSource::Recorded),
            column(" START (UTC)", 0, [20, 20, 20], |_, s| start(s)),
        ),
        toned(
            |s| Tone::Faint.if_so(s.duration.is_none()),
            column("DURATION", 0, [8, 10, 12], |_, s| duration(s)),
        ),
        column("OUTSIDE AT", 1, [22, 22, 22], |v, s| {
            v.outside(s).map(|local| format!("{} {}", weekday(local), local_minute(local))).unwrap_or_default()
        }),
        toned(
            |s| Tone::Faint.if_so(s.end.source != EndSource::Recorded),
            column(" END (UTC)", 1, [20, 25, 25], |_, s| end_time(s)),
        ),
        toned(tone_of_end, column("ENDED", 0, [10, 13, 20], |_, s| ended(s))),
        column("STATE", 0, [12, 12, 12], |v, s| {
            v.at().and_then(|at| state_at(s, at)).map(|state| state.to_string()).unwrap_or_default()
        }),
        keeping_the_name(column("ACCOUNT", 0, [14, 20, 48], |_, s| account(&s.account))),
        column("KIND", 0, [12, 17, 20], |v, s| marked(s.kind.to_string(), s.is_recovered(v))),
        column("FROM", 0, [10, 15, 40], |_, s| came_from(s)),
        column("FITS", 0, [8, 8, 8], |v, s| text_of(v.fit(s))),
        column("HOST", 0, [8, 12, 30], |v, s| match v.is_across_machines() {
            true => s.host.to_string(),
            false => String::new(),
        }),
        toned(|_| Tone::Notable, column("FLAGS", 2, [13, 13, 40], |_, s| {
            s.flags.iter().map(|flag| flag.name()).collect::<Vec<_>>().join(" ")
        })),
        column("LOGON ID", 4, [10, 10, 18], |_, s| {
            s.logon_id.map(|id| id.to_string()).unwrap_or_default()
        }),
        column("SESSION", 5, [16, 16, 16], |_, s| s.id.to_string()),
        column("START (LOCAL)", 6, [26, 26, 26], |_, s| {
            s.start_local.map(local_time).unwrap_or_default()
        }),
    ];

    fn host(&self) -> (usize, &Text, &[Text]) {
        (self.machine, &self.host, &self.host_aliases)
    }

    fn is_recovered(&self, _: &View<'_>) -> bool {
        self.flags.contains(&Flag::Recovered)
    }
}

impl Tabular for TimelineEvent {
    #[rustfmt::skip]
    const TABLE: &'static [TableColumn<Self>] = &[
        column("TIME (UTC)", 0, [19, 19, 19], |_, e| day_and_time(e.event.time)),
        toned(
            |e| tone_of_action(e.event.action),
            column("EVENT", 0, [14, 20, 24], |v, e| marked(e.event.action.to_string(), e.is_recovered(v))),
        ),
        keeping_the_name(column("ACCOUNT", 0, [14, 20, 48], |_, e| account(&e.event.account))),
        column("KIND", 0, [12, 17, 20], |_, e| {
            e.kind.map(|kind| kind.to_string()).unwrap_or_default()
        }),
        column("FROM", 0, [10, 15, 40], |_, e| {
            place(e.event.source_address.as_deref(), e.event.workstation.as_deref(), [&e.host, &e.event.computer])
        }),
        column("DETAIL", 1, [16, 16, 60], |_, e| detail(e)),
        column("LOGON ID", 3, [10, 10, 18], |_, e| {
            e.event.logon_id().map(|id| id.to_string()).unwrap_or_default()
        }),
        column("RECORD", 2, [11, 11, 24], |_, e| {
            format!("{}/{}", e.event.event_id, e.event.record_id())
        }),
        column("SESSION", 4, [16, 16, 16], |_, e| {
            e.session.as_deref().unwrap_or_default().to_owned()
        }),
    ];

    fn host(&self) -> (usize, &Text, &[Text]) {
        (self.machine, &self.host, &[])
    }

    fn is_recovered(&self, view: &View<'_>) -> bool {
        view.is_recovered(self.event.log)
    }
}

impl Tabular for Coverage {
    #[rustfmt::skip]
    const TABLE: &'static [TableColumn<Self>] = &[
        column("CHANNEL", 0, [12, 20, 60], |_, c| {
            // What nearly all channels begin with says nothing.
            c.channel.strip_prefix("Microsoft-Windows-").unwrap_or(&c.channel).to_owned()
        }),
        column("FIRST (UTC)", 0, [16, 16, 19], |_, c| minute(c.first.1)),
        column("LAST (UTC)", 0, [16, 16, 19], |_, c| minute(c.last.1)),
        column("RECORDS", 0, [7, 7, 12], |_, c| c.records.to_string()),
        column("NUMBERS", 3, [9, 15, 24], |_, c| format!("{}-{}", c.first.0, c.last.0)),
        toned(|_| Tone::Notable, column("MISSING", 0, [7, 7, 12], |_, c| not_zero(c.missing()))),
        toned(|_| Tone::Bad, column("CLEARED", 0, [7, 7, 7], |_, c| not_zero(c.own_clears()))),
        toned(|_| Tone::Notable, column("CLOCK", 0, [5, 5, 8], |_, c| not_zero(c.clock_steps().count() as u64))),
        column("BOOTS", 0, [5, 5, 8], |_, c| not_zero(c.recorded_boots() + c.lost_boots())),
        column("COPIES", 1, [6, 6, 12], |_, c| not_zero(c.duplicates)),
        column("ORIGIN", 2, [8, 8, 8], |_, c| c.origin.to_string()),
    ];

    fn host(&self) -> (usize, &Text, &[Text]) {
        (self.machine, &self.host, &self.host_aliases)
    }

    fn details(&self, view: &View<'_>) -> Vec<String> {
        let mut lines = Vec::new();
        if self.wrapped {
            lines.push(format!(
                "begins at record {}: older ones were overwritten, archived or lost",
                self.first.0
            ));
        }
        let gaps = self.gaps.iter().map(|gap| {
            let cause = match gap.cause {
                GapCause::Cleared => "were cleared",
                GapCause::Missing => "are missing",
            };
            let (before, after) = (day_and_time(gap.before), day_and_time(gap.after));
            format!(
                "records {} to {} {cause} ({}), {before} to {after}",
                gap.first,
                gap.last,
                gap.records()
            )
        });
        few(&mut lines, gaps, "gaps");
        let clears = self.clears.iter().map(|clear| {
            let time = day_and_time(clear.record.time);
            let what = match clear.cleared == self.channel {
                true => String::new(),
                false => format!("{}, which is not in the evidence, ", clear.cleared),
            };
            let told = match clear.channel == self.channel {
                true => String::new(),
                false => format!(" ({} tells)", clear.channel),
            };
            format!("{what}cleared {time}{}{told}", by(&clear.by))
        });
        few(&mut lines, clears, "clears");
        let steps = self.clock_steps().map(|change| {
            let time = day_and_time(change.record.time);
            let step = step_of(change);
            let why = match change.reason {
                Some(ClockChange::FROM_HARDWARE) => ", read from the hardware",
                _ => "",
            };
            format!("clock set {step} at {time}{}{why}", by(&change.by))
        });
        few(&mut lines, steps, "changes of the clock");
        let boots = self.boots.iter().flat_map(|boot| {
            let untold = Some(boot.untold_before).filter(|&count| count > 0);
            let untold = untold.map(|count| {
                let before = boot.start.map(day_and_time).unwrap_or_default();
                format!(
                    "{} without a record before {before}",
                    counted(count.into(), "boot")
                )
            });
            [untold, broken_boot(boot)].into_iter().flatten()
        });
        few(&mut lines, boots, "boots that ended without a clean stop");
        let losses = self.audit_losses.iter().map(|loss| {
            let time = day_and_time(loss.record.time);
            let what = match (loss.event_id, loss.record.event_id) {
                (Some(lost), _) => format!("an event {lost} could not be written"),
                (None, 1108) => "an audit event could not be written".to_owned(),
                (None, _) => "audit events were lost".to_owned(),
            };
            format!("{what}: {} at {time}", loss.record.event_id)
        });
        few(&mut lines, losses, "losses of audit events");
        few(
            &mut lines,
            self.offsets.iter().map(offset),
            "records about local time",
        );
        if self.recovered > 0 {
            let recovered = counted(self.recovered, "record");
            lines.push(format!(
                "{recovered} recovered beside these; others can be missing around each"
            ));
        }
        if self.contradicting > 0 {
            let records = counted(self.contradicting, "recovered record");
            lines.push(format!(
                "{records} left out: others of the same number or time contradict"
            ));
        }
        if self.left_out > 0 {
            let left_out = counted(self.left_out, "number");
            lines.push(format!("{left_out} left out by an export or a collector"));
        }
        if !self.conflicts.is_empty() {
            let conflicts = counted(self.conflicts.len() as u64, "record");
            lines.push(format!("{conflicts} with other contents in another log"));
        }
        lines.extend(self.logs.iter().filter_map(|held| {
            let (log, file) = (view.log(held.log)?, view.file(held.log)?);
            let account = &log.account;
            let found = [
                (account.damaged, "record", " damaged"),
                (account.bad_checksums, "bad checksum", ""),
                (account.trailing_bytes, "trailing byte", ""),
            ];
            let found = found.iter().filter(|(count, ..)| *count > 0);
            let mut found: Vec<String> = found
                .map(|(count, noun, what)| format!("{}{what}", counted(*count, noun)))
                .collect();
            if is_cut(log) {
                found.push("cut off".to_owned());
            }
            (!found.is_empty()).then(|| format!("{file}: {}", found.join(", ")))
        }));
        lines
    }
}

impl Tabular for Summary {
    const LEGEND: &'static str = "> at least: sessions of unknown duration are not in it";

    #[rustfmt::skip]
    const TABLE: &'static [TableColumn<Self>] = &[
        keeping_the_name(column("ACCOUNT", 0, [14, 28, 48], |_, s| account(&s.account))),
        column("KIND", 0, [12, 17, 20], |_, s| {
            s.kind.map(|kind| kind.to_string()).unwrap_or_default()
        }),
        column("SESSIONS", 0, [8, 8, 12], |_, s| not_zero(s.sessions)),
        toned(|_| Tone::Bad, column("FAILED", 0, [6, 6, 12], |_, s| not_zero(s.failures))),
        column("FIRST (UTC)", 0, [10, 16, 19], |_, s| s.first_seen.map(minute).unwrap_or_default()),
        column("LAST (UTC)", 0, [10, 16, 19], |_, s| s.last_seen.map(minute).unwrap_or_default()),
        column("TOTAL", 1, [9, 9, 12], |_, s| total(s)),
        column("ACTIVE", 2, [9, 9, 12], |_, s| s.active.filter(|&active| active > 0).map(spoken).unwrap_or_default()),
        column("WHY FAILED", 3, [16, 16, 80], |_, s| {
            let reasons = s.reasons.iter().map(|reason| format!("{} {}", reason.count, reason.text));
            reasons.collect::<Vec<_>>().join(", ")
        }),
        column("LOGONS", 4, [6, 6, 12], |_, s| not_zero(s.logons)),
        column("CLASS", 5, [12, 15, 20], |_, s| s.class.to_string()),
        column("SID", 6, [46, 46, 46], |_, s| {
            s.account.sid.as_ref().map(|sid| sid.to_string()).unwrap_or_default()
        }),
    ];

    fn host(&self) -> (usize, &Text, &[Text]) {
        (self.machine, &self.host, &[])
    }
}

impl Tabular for Overlap {
    const LEGEND: &'static str =
        "? possible: the evidence does not tell whether both were on at one moment";

    #[rustfmt::skip]
    const TABLE: &'static [TableColumn<Self>] = &[
        toned(|o| Tone::Faint.if_so(o.sure.is_none()), column(" BOTH ON (UTC)", 0, [20, 20, 20], |_, o| {
            match (o.sure, o.possible.0) {
                (Some((from, _)), _) => format!(" {}", day_and_time(from)),
                (None, Some(from)) => format!("?{}", day_and_time(from)),
                (None, None) => "?unknown".to_owned(),
            }
        })),
        column("FOR", 0, [7, 8, 12], |_, o| o.sure.map(|(from, to)| spoken(to.since(from))).unwrap_or_default()),
        keeping_the_name(column("FIRST", 0, [12, 20, 48], |_, o| account(&o.first.account))),
        column("ON", 0, [8, 10, 30], |_, o| o.first.host.to_string()),
        column("FROM", 0, [8, 15, 40], |_, o| came_from(&o.first)),
        keeping_the_name(column("SECOND", 0, [12, 20, 48], |_, o| account(&o.second.account))),
        column("ON", 0, [8, 10, 30], |_, o| o.second.host.to_string()),
        column("FROM", 0, [8, 15, 40], |_, o| came_from(&o.second)),
        column("KINDS", 1, [12, 17, 36], |_, o| format!("{}/{}", o.first.kind, o.second.kind)),
        column("SESSIONS", 2, [33, 33, 33], |_, o| format!("{}/{}", o.first.id, o.second.id)),
    ];

    fn host(&self) -> (usize, &Text, &[Text]) {
        (self.first.machine, &self.first.host, &[])
    }

    fn is_recovered(&self, view: &View<'_>) -> bool {
        self.first.is_recovered(view) || self.second.is_recovered(view)
    }
}

/// How the end of a session is coloured: by its reason, else by how it is known.
fn tone_of_end(session: &Session) -> Tone {
    use EndReason::*;
    match (session.end.reason, session.end.source) {
        (Crash | Unclean | LostBoot, _) => Tone::Bad,
        (_, EndSource::Recorded) => Tone::Plain,
        _ => Tone::Faint,
    }
}

/// How an event is coloured: what was refused or broke, and what hides something.
fn tone_of_action(action: Action) -> Tone {
    use Action::*;
    match action {
        LogonFailed | KerberosFailed | RdpDenied | RdpRefused | Crash => Tone::Bad,
        LogCleared | ClockChange | AuditLost | AuditDropped => Tone::Notable,
        _ => Tone::Plain,
    }
}

/// A value as text.
fn text_of(cell: Cell<'_>) -> String {
    let mut bytes = Vec::new();
    cell.write(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The sum of known durations; after a `>` where some are not known.
fn total(summary: &Summary) -> String {
    match (summary.total, summary.of_unknown_duration) {
        (0, _) if summary.sessions == summary.of_unknown_duration => String::new(),
        (total, 0) => spoken(total),
        (total, _) => format!("> {}", spoken(total)),
    }
}

/// The first of `some`, and how many more there are.
fn few(lines: &mut Vec<String>, some: impl Iterator<Item = String>, what: &str) {
    let mut some = some.fuse();
    lines.extend(some.by_ref().take(TOLD));
    match some.count() {
        0 => {}
        more => lines.push(format!("and {more} more {what}")),
    }
}

/// How a boot ended that did not stop cleanly; nothing for one that did.
fn broken_boot(boot: &CoveredBoot) -> Option<String> {
    let how = match boot.end_reason {
        EndReason::Crash => "crashed",
        EndReason::Unclean => "ended without a clean stop that is recorded",
        EndReason::LostBoot => "ended by a boot that no record shows",
        _ => return None,
    };
    let which = match (boot.start, boot.start_source) {
        (Some(start), _) => format!("the boot of {}", day_and_time(start)),
        (None, StartSource::Inferred) => "a boot that no record shows".to_owned(),
        (None, _) => "the boot that ran when the log begins".to_owned(),
    };
    let told = boot
        .end_record
        .as_ref()
        .map(|(_, mark)| format!(": {} at {}", mark.event_id, day_and_time(mark.time)));
    Some(format!("{which} {how}{}", told.unwrap_or_default()))
}

/// What a record tells of local time.
fn offset(mark: &OffsetMark) -> String {
    let zone = mark.zone.as_deref();
    let zone = zone.map(|zone| format!(" ({zone})")).unwrap_or_default();
    let what = match (mark.offset, mark.standard) {
        (Some(offset), _) if mark.source == EndSource::Inferred => {
            format!("local time is UTC{offset}{zone}, inferred")
        }
        (Some(offset), _) => format!("local time is UTC{offset}{zone}"),
        (None, Some(standard)) => {
            format!("standard time is UTC{standard}{zone}, daylight saving not told")
        }
        (None, None) => "local time is not told".to_owned(),
    };
    let Mark { event_id, time, .. } = mark.record;
    format!("{what}: {event_id} at {}", day_and_time(time))
}

/// ` by DOMAIN\name`, or nothing.
fn by(who: &Account) -> String {
    match account(who) {
        who if who.is_empty() => who,
        who => format!(" by {who}"),
    }
}

/// A word, and the mark behind it if it is `recovered`.
fn marked(mut word: String, recovered: bool) -> String {
    if recovered {
        word.push(MARK);
    }
    word
}

/// A count that says nothing where it is zero.
fn not_zero(count: u64) -> String {
    match count {
        0 => String::new(),
        count => count.to_string(),
    }
}

/// `2020-09-19 03:21`
fn minute(time: Time) -> String {
    let text = day_and_time(time);
    text.get(..16).map(str::to_owned).unwrap_or(text)
}

/// `2020-09-18 20:21:46 -07:00`
fn local_time(local: LocalTime) -> String {
    let shown = day_and_time(local.time.plus(local.offset.ticks()));
    format!("{shown} {}", local.offset)
}

/// `Mon`
fn weekday(local: LocalTime) -> &'static str {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let ticks = local.time.plus(local.offset.ticks()).filetime();
    // FILETIME begins on a Monday.
    let day = ticks / (86_400 * TICKS_PER_SECOND as u64);
    DAYS[day as usize % DAYS.len()]
}

/// `09-18 20:21 -07:00`
fn local_minute(local: LocalTime) -> String {
    let shown = day_and_time(local.time.plus(local.offset.ticks()));
    format!("{} {}", shown.get(5..16).unwrap_or(&shown), local.offset)
}

/// Writes `rows` in at most `columns` columns (no less than [`MIN_WIDTH`]), perhaps with colours.
///
/// # Errors
/// Those of `out`.
pub fn write<R: Tabular>(
    view: &View<'_>,
    rows: &[&R],
    columns: usize,
    colours: bool,
    out: &mut impl Write,
) -> io::Result<()> {
    let strong = Tone::Strong.if_so(colours);
    let heads = |column: &TableColumn<R>| (column.title.to_owned(), strong);
    let layout = layout(view, rows, columns.max(MIN_WIDTH));
    let mut machine = None;
    if view.is_across_machines() && !rows.is_empty() {
        line(out, &layout, heads)?;
    }
    for row in rows {
        if machine != Some(row.host()) && !view.is_across_machines() {
            let gap = if machine.is_some() { "\n" } else { "" };
            let heading = heading(row.host());
            let heading = cut(&heading, columns.max(MIN_WIDTH));
            writeln!(out, "{gap}{}", strong.on(&heading))?;
            line(out, &layout, heads)?;
            machine = Some(row.host());
        }
        line(out, &layout, |column| {
            let tone = match colours {
                true => (column.tone)(row),
                false => Tone::Plain,
            };
            (shown(column, view, row), tone)
        })?;
        for detail in row.details(view) {
            let detail = format!("{INDENT}{}", visible(&detail));
            writeln!(out, "{}", cut(&detail, columns.max(MIN_WIDTH)))?;
        }
    }
    if !R::LEGEND.is_empty() && !rows.is_empty() {
        writeln!(out, "\n{}", R::LEGEND)?;
    }
    if rows.iter().any(|row| row.is_recovered(view)) {
        writeln!(out, "\n{MARK} rests on recovered records")?;
    }
    Ok(())
}

/// Narrower than this no chosen column gets.
const NARROWEST: usize = 8;

/// Writes chosen columns of `rows` under their names, in at most `columns` columns (no less than [`MIN_WIDTH`]) where each can
/// still have some: the widest are cut.
///
/// # Errors
/// Those of `out`.
pub fn write_chosen<R: Row>(
    view: &View<'_>,
    rows: &[&R],
    chosen: &[&'static Column<R>],
    columns: usize,
    out: &mut impl Write,
) -> io::Result<()> {
    let shown = |row: &R| -> Vec<String> {
        let text = |column: &&'static Column<R>| text_of((column.value)(view, row));
        chosen
            .iter()
            .map(|c| visible(&text(c)).into_owned())
            .collect()
    };
    let names: Vec<String> = chosen.iter().map(|column| column.name.to_owned()).collect();
    let mut widths: Vec<usize> = names.iter().map(|name| width(name)).collect();
    for row in rows {
        for (widest, text) in widths.iter_mut().zip(shown(row)) {
            *widest = (*widest).max(width(&text));
        }
    }
    let gaps = GAP * widths.len().saturating_sub(1);
    let room = columns.max(MIN_WIDTH).saturating_sub(gaps);
    // The widest give way to the others, all to one width.
    let fits = |most: &usize| {
        widths
            .iter()
            .map(|width| (*width).min(*most))
            .sum::<usize>()
            <= room
    };
    let most = (NARROWEST..=room).rev().find(fits).unwrap_or(NARROWEST);
    let widths: Vec<usize> = widths.iter().map(|width| (*width).min(most)).collect();
    let mut write = |texts: Vec<String>| {
        let mut line = String::new();
        for (text, width_of) in texts.iter().zip(&widths) {
            let text = cut(text, *width_of);
            line.push_str(&text);
            line.extend(std::iter::repeat_n(
                ' ',
                width_of - width(&text).min(*width_of) + GAP,
            ));
        }
        writeln!(out, "{}", line.trim_end())
    };
    write(names)?;
    rows.iter().try_for_each(|row| write(shown(row)))
}

/// The columns that have room, each with its width.
fn layout<R: Tabular>(
    view: &View<'_>,
    rows: &[&R],
    columns: usize,
) -> Vec<(&'static TableColumn<R>, usize)> {
    let widest = |column: &TableColumn<R>| {
        rows.iter()
            .map(|row| width(&shown(column, view, row)))
            .max()
            .filter(|&widest| widest > 0)
            .map(|widest| widest.max(width(column.title)))
    };
    // A column that is empty in every row is left out.
    let mut wanted: Vec<Fitted<R>> = R::TABLE
        .iter()
        .enumerate()
        .filter_map(|(place, column)| {
            let widest = widest(column)?;
            Some(Fitted {
                place,
                column,
                width: 0,
                widths: column.widths.map(|width| width.min(widest)),
            })
        })
        .collect();
    wanted.sort_by_key(|fitted| (fitted.column.rank, fitted.place));
    let optional = wanted.partition_point(|fitted| fitted.column.rank == 0);
    let optional = wanted.split_off(optional);

    let mut taken = wanted;
    let mut room = columns + GAP;
    for fitted in &mut taken {
        fitted.width = fitted.widths[0];
        room = room.saturating_sub(fitted.width + GAP);
    }
    grow(&mut taken, |fitted| fitted.widths[1], &mut room);
    for mut fitted in optional {
        fitted.width = fitted.widths[1];
        if let Some(left) = room.checked_sub(fitted.width + GAP) {
            room = left;
            taken.push(fitted);
        }
    }
    taken.sort_by_key(|fitted| fitted.place);
    grow(&mut taken, |fitted| fitted.widths[2], &mut room);
    taken
        .into_iter()
        .map(|fitted| (fitted.column, fitted.width))
        .collect()
}

/// A column on its way into the layout.
struct Fitted<R: 'static> {
    /// Its position among all columns.
    place: usize,
    column: &'static TableColumn<R>,
    width: usize,
    /// The column's widths, no more than its texts need.
    widths: [usize; 3],
}

/// Deals `room` out, one to each column in turn, until all have their `goal`.
fn grow<R>(columns: &mut [Fitted<R>], goal: impl Fn(&Fitted<R>) -> usize, room: &mut usize) {
    while *room > 0 && columns.iter().any(|fitted| fitted.width < goal(fitted)) {
        for fitted in columns.iter_mut() {
            if *room > 0 && fitted.width < goal(fitted) {
                fitted.width += 1;
                *room -= 1;
            }
        }
    }
}

fn line<R>(
    out: &mut impl Write,
    layout: &[(&'static TableColumn<R>, usize)],
    text: impl Fn(&TableColumn<R>) -> (String, Tone),
) -> io::Result<()> {
    let mut line = String::new();
    let mut owed = 0;
    for (column, columns) in layout {
        let (cell, tone) = text(column);
        let cell = (column.cut)(&cell, *columns);
        if !cell.is_empty() {
            line.extend(std::iter::repeat_n(' ', owed));
            owed = 0;
        }
        line.push_str(&tone.on(&cell));
        owed += columns - width(&cell).min(*columns) + GAP;
    }
    writeln!(out, "{line}")
}

fn shown<'a, R>(column: &TableColumn<R>, view: &View<'a>, row: &'a R) -> String {
    visible(&(column.text)(view, row)).into_owned()
}

/// `WS01 (formerly WIN-03DLIIOFRRA)`
fn heading((_, host, aliases): (usize, &Text, &[Text])) -> String {
    let host = visible(host);
    if aliases.is_empty() {
        return host.into_owned();
    }
    let aliases: Vec<_> = aliases.iter().map(|alias| visible(alias)).collect();
    format!("{host} (formerly {})", aliases.join(", "))
}

/// `DOMAIN\name`, else the SID.
pub fn account(account: &Account) -> String {
    match (&account.domain, &account.name, &account.sid) {
        (Some(domain), Some(name), _) => format!("{domain}\\{name}"),
        (None, Some(name), _) => name.to_string(),
        (_, None, Some(sid)) => sid.to_string(),
        (_, None, None) => String::new(),
    }
}

/// The start after its mark: `~` for an inferred one, `<` where only the latest moment is known.
fn start(session: &Session) -> String {
    let (mark, time) = match (session.start.time, session.start.max) {
        (Some(time), _) if session.start.source == StartSource::Inferred => ('~', time),
        (Some(time), _) => (' ', time),
        (None, Some(max)) => ('<', max),
        (None, None) => return " unknown".to_owned(),
    };
    format!("{mark}{}", day_and_time(time))
}

/// The end after its mark: `~` for an inferred one, `>` where only the earliest moment is known; the range of
/// an uncertain one.
fn end_time(session: &Session) -> String {
    let end = session.end;
    match (end.time(), end.min, end.max) {
        (Some(time), ..) if end.source == EndSource::Inferred => format!("~{}", day_and_time(time)),
        (Some(time), ..) => format!(" {}", day_and_time(time)),
        (None, Some(min), Some(max)) => format!(" {}", range(min, max)),
        (None, Some(min), None) => format!(">{}", day_and_time(min)),
        (None, None, Some(max)) => format!("<{}", day_and_time(max)),
        (None, None, None) => " unknown".to_owned(),
    }
}

/// The duration; after a `>` what is certain of one that is not exactly known.
fn duration(session: &Session) -> String {
    if let Some(duration) = session.duration {
        return spoken(duration);
    }
    match Presence::least(session) {
        Some(least) if least >= TICKS_PER_SECOND => format!("> {}", spoken(least)),
        _ => String::new(),
    }
}

/// Why it ended, in words, after a `~` if that is inferred.
fn ended(session: &Session) -> String {
    let words = match session.end.reason {
        EndReason::UserLogoff | EndReason::TsLogoff => "logged off",
        EndReason::Logoff => "closed",
        EndReason::Shutdown => "shut down",
        EndReason::Crash => "crashed",
        EndReason::Unclean => "unclean stop",
        EndReason::LostBoot => "lost boot",
        EndReason::LogEnds => "log ends",
    };
    match session.end.source {
        EndSource::Inferred => format!("~{words}"),
        _ => words.to_owned(),
    }
}

/// `09-19 22:10..23:05`, in the same minute `09-19 22:10:01..42`, on two days both of them.
fn range(min: Time, max: Time) -> String {
    let (first, last) = (day_and_time(min), day_and_time(max));
    let agree = |end: usize| first.get(..end) == last.get(..end);
    let (end, last_from) = match () {
        () if agree(16) => (19, 17),
        () if agree(10) => (16, 11),
        () => (16, 5),
    };
    let first = first.get(5..end).unwrap_or(&first);
    format!("{first}..{}", last.get(last_from..end).unwrap_or(&last))
}

/// `2020-09-19 03:21:46`
fn day_and_time(time: Time) -> String {
    let text = time.to_string();
    match text
        .split_once('.')
        .and_then(|(whole, _)| whole.split_once('T'))
    {
        Some((day, time)) => format!("{day} {time}"),
        None => text,
    }
}

/// A span as people say it, in its two largest units: `<1s`, `12s`, `3m 12s`, `8h 05m`, `2d 04h`.
pub(crate) fn spoken(ticks: Ticks) -> String {
    let seconds = ticks / TICKS_PER_SECOND;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes, seconds % 60) {
        _ if seconds < 1 => "<1s".to_owned(),
        (0, 0, 0, seconds) => format!("{seconds}s"),
        (0, 0, minutes, seconds) => format!("{minutes}m {seconds:02}s"),
        (0, hours, minutes, _) => format!("{hours}h {minutes:02}m"),
        (days, hours, ..) => format!("{days}d {hours:02}h"),
    }
}

/// How far a change set the clock.
pub(crate) fn step_of(change: &ClockChange) -> String {
    match change.step() {
        Some(step) if step < 0 => format!("back by {}", spoken(step.saturating_neg())),
        Some(step) => format!("forward by {}", spoken(step)),
        None => "by an unknown amount".to_owned(),
    }
}

/// Where a session came from. The loopback address that Windows writes for logons at the console says nothing.
fn came_from(session: &Session) -> String {
    let at_the_machine = matches!(
        session.kind,
        Kind::Console | Kind::ConsoleCached | Kind::Runas | Kind::RunasNetonly | Kind::Elevation
    );
    let address = session
        .source_address
        .as_deref()
        .filter(|address| !(at_the_machine && ["127.0.0.1", "::1"].contains(address)));
    let names = std::iter::once(&session.host).chain(&*session.host_aliases);
    let from = place(address, session.workstation.as_deref(), names);
    // Where somebody took it over later says more than where it began.
    let later = session
        .intervals
        .iter()
        .rev()
        .find_map(|interval| interval.address.as_deref());
    match later.filter(|later| Some(*later) != address) {
        Some(later) => format!("{from}→{later}"),
        None => from,
    }
}

/// An address and the workstation name beside it, if that is none of the machine's own names.
fn place<'a>(
    address: Option<&str>,
    workstation: Option<&str>,
    own: impl IntoIterator<Item = &'a Text>,
) -> String {
    let own = own.into_iter().map(|name| &**name);
    match (address, caller(workstation, own)) {
        (Some(address), Some(workstation)) => format!("{address} {workstation}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => String::new(),
    }
}

/// What else an event says: why it failed, who asked, how far the clock moved.
fn detail(row: &TimelineEvent) -> String {
    let event = &row.event;
    let by = || match account(&event.subject) {
        subject if subject.is_empty() => String::new(),
        subject => format!("by {subject}"),
    };
    match event.action {
        Action::LogonFailed => why_failed(row).unwrap_or_default(),
        Action::ExplicitCredentials => match &event.target_server {
            Some(server) => format!("{} for {server}", by()),
            None => by(),
        },
        Action::ClockChange => match (event.previous_time, event.new_time) {
            (Some(previous), Some(new)) => {
                format!("{} to {}", day_and_time(previous), day_and_time(new))
            }
            _ => by(),
        },
        Action::Reconnect | Action::Disconnect => {
            event.session_name.as_deref().unwrap_or_default().to_owned()
        }
        Action::LogCleared | Action::TaskCreated | Action::PasswordChange => by(),
        Action::StopRequest => {
            let stop = event.details().stop_type.as_deref().unwrap_or_default();
            format!("{stop} {}", by()).trim().to_owned()
        }
        _ => {
            let details = event.details();
            let said = [&details.reason_text, &details.object, &details.message];
            let said = said.into_iter().find_map(Option::as_deref);
            said.or(row.failure_text()).unwrap_or_default().to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_their_two_largest_units() {
        let told = |seconds: i64| spoken(seconds * TICKS_PER_SECOND);
        assert_eq!(spoken(9_999_999), "<1s");
        assert_eq!(told(1), "1s");
        assert_eq!(told(59), "59s");
        assert_eq!(told(192), "3m 12s");
        assert_eq!(told(3600 * 8 + 300), "8h 05m");
        assert_eq!(told(86_400 * 2 + 3600 * 4), "2d 04h");
        assert_eq!(told(86_400 * 120), "120d 00h");
    }

    #[test]
    fn a_range_tells_the_day_once_if_it_is_the_same() {
        let time = |text: &str| text.parse::<Time>().unwrap();
        assert_eq!(
            range(time("2020-09-19T22:10"), time("2020-09-19T23:05")),
            "09-19 22:10..23:05"
        );
        assert_eq!(
            range(time("2020-09-19T22:10"), time("2020-09-20T07:45")),
            "09-19 22:10..09-20 07:45"
        );
        assert_eq!(
            range(time("2020-09-19T22:10:01"), time("2020-09-19T22:10:42.5")),
            "09-19 22:10:01..42"
        );
        assert_eq!(
            range(time("2020-09-19T22:10"), time("2021-09-19T22:11")),
            "09-19 22:10..09-19 22:11",
            "a year apart is not the same day"
        );
    }

    #[test]
    fn of_an_account_the_domain_is_cut_before_the_name() {
        let account = "DESKTOP-GNCCVRK\\AndrewRathbun";
        assert_eq!(cut_domain(account, 29), account);
        assert_eq!(cut_domain(account, 20), "DESKT…\\AndrewRathbun");
        assert_eq!(cut_domain(account, 16), "D…\\AndrewRathbun");
        assert_eq!(cut_domain(account, 14), "DESKTOP-GNCCV…");
        assert_eq!(cut_domain("会社\\管理者", 10), "会…\\管理者");
        assert_eq!(cut_domain("no-domain-at-all", 5), "no-d…");
    }

    #[test]
    fn a_time_beyond_the_calendar_still_prints() {
        assert!(!day_and_time(Time::from_filetime(u64::MAX)).is_empty());
        let last = Time::from_filetime(u64::MAX);
        assert!(!range(Time::from_filetime(0), last).is_empty());
    }
}
