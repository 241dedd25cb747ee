//! The commands over one body of evidence: it is analysed, and the rows that were asked for are written.

use crate::bar::{self, Bar};
use crate::cli::{Rows, Run, Sort};
use crate::destination::Destination;
use crate::failure::{Completeness, Failure, failed, usage};
use crate::nearest::nearest;
use crate::signals::Signals;
use crate::unmatched::Unmatched;
use std::borrow::Borrow;
use std::cell::Cell;
use std::cmp::Reverse;
use std::io::{self, IsTerminal};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use winsessions::analysis::{Analysis, Options, Paired, TimelineEvent, pair};
use winsessions::error::Error;
use winsessions::event::Action;
use winsessions::export::messages::{Level, Message, Topic};
use winsessions::export::{self, Format, Row, View, messages};
use winsessions::filter::{By, Filter, First, Fit, Glob, Presence, Zone, is_of};
use winsessions::overlap::{Overlap, Party, overlaps};
use winsessions::progress::{Progress, Stop};
use winsessions::report::Report;
use winsessions::session::{Coverage, Session};
use winsessions::summary::{Summary, summarize};
use winsessions::time::Time;

/// The session timeline.
pub fn sessions(
    run: &Run,
    rows: &Rows,
    at: Option<Time>,
    first_seen: Option<By>,
    sort: Option<Sort>,
    limit: Option<u32>,
) -> Result<Completeness, Failure> {
    let mut filter = rows.filter(at).map_err(usage)?;
    filter.first = first_seen.map(First::new);
    let nothing = Analysis::default();
    check_columns::<Session>(run, &View::new(&nothing, at).asking(&filter))?;
    export::<Session>(run, |found, to| {
        if filter.learns() {
            let all = (0..found.sessions()).filter_map(|place| found.session(place));
            all.for_each(|session| filter.learn(&session));
        }
        let (unknown, any) = (AtomicUsize::new(0), AtomicBool::new(false));
        let kept = |place: &usize| {
            let session = found.session(*place)?;
            if filter.leaves_out_as_unknown(&session) {
                unknown.fetch_add(1, Ordering::Relaxed);
            }
            let is_kept = filter.keeps_session(&session);
            // Workers that wrote it each time would wait for each other.
            if is_kept && !any.load(Ordering::Relaxed) {
                any.store(true, Ordering::Relaxed);
            }
            is_kept.then_some(session)
        };
        let view = View::new(found.analysis(), at)
            .asking(&filter)
            .choosing(run.columns.as_deref());
        let all = 0..found.sessions();
        let mut remarks = Remarks::new();
        if sort.is_none() && limit.is_none() {
            to.write::<Session, _, _>(&view, all, kept)?;
        } else {
            let view = match sort {
                Some(_) => view.across_machines(),
                None => view,
            };
            let (places, more) = in_order(all, kept, sort, limit);
            to.write::<Session, _, _>(&view, places, |place| found.session(*place))?;
            remarks.extend(more.remark(sort));
        }
        remarks.extend(left_out(unknown.into_inner(), |count| {
            format!("{count} more may be interactive: the evidence does not tell")
        }));
        let all = (0..found.sessions()).filter_map(|place| found.session(place));
        remarks.extend(unmatched((&filter, &[]), any.into_inner(), all, []));
        Ok(remarks)
    })
}

/// Pairs of sessions that overlap.
pub fn overlap(
    first: &Glob,
    second: &Glob,
    run: &Run,
    rows: &Rows,
    limit: u32,
) -> Result<Completeness, Failure> {
    let mut filter = rows.filter(None).map_err(usage)?;
    check_columns::<Overlap>(run, &View::new(&Analysis::default(), None))?;
    export::<Overlap>(run, |found, to| {
        let all = || (0..found.sessions()).filter_map(|place| found.session(place));
        if filter.learns() {
            all().for_each(|session| filter.learn(&session));
        }
        let parties = all().filter(|session| filter.keeps_session(session));
        let parties = parties.filter_map(|session| {
            let of = [first, second].map(|glob| is_of(glob, &session));
            let fit = filter.fit(&session).unwrap_or(Fit::Sure);
            (of != [false; 2]).then(|| Party::new(session, fit, of[0], of[1]))
        });
        let (pairs, more) = overlaps(parties.collect(), limit as usize);
        let view = View::new(found.analysis(), None)
            .across_machines()
            .choosing(run.columns.as_deref());
        to.write_all(&view, &pairs)?;
        let more = left_out(usize::from(more), |_| {
            "more pairs overlap than --limit lets through".to_owned()
        });
        let asked = (&filter, &[first, second][..]);
        let unmatched = unmatched(asked, !pairs.is_empty(), all(), []);
        Ok(more.into_iter().chain(unmatched).collect())
    })
}

/// The logon timeline.
pub fn events(run: &Run, rows: &Rows) -> Result<Completeness, Failure> {
    answer::<TimelineEvent>(run, rows, None, |filter, view, to| {
        let any = Cell::new(false);
        let events = view.analysis().events.iter();
        let events = events.map(|e| (e, view.session_of(e)));
        let kept = events
            .clone()
            .filter(|(event, session)| filter.keeps_event(event, *session));
        let kept = kept.inspect(|_| any.set(true)).map(|(event, _)| event);
        to.write_all(view, kept)?;
        let none: [&Session; 0] = [];
        Ok(Vec::from_iter(unmatched(
            (filter, &[]),
            any.get(),
            none,
            events,
        )))
    })
}

/// Accounts by machine and kind.
pub fn summary(run: &Run, rows: &Rows) -> Result<Completeness, Failure> {
    answer::<Summary>(run, rows, None, |filter, view, to| {
        let analysis = view.analysis();
        let sessions = analysis.sessions.iter().filter(|s| filter.keeps_session(s));
        let events = analysis.events.iter();
        let failures = events.filter(|e| filter.keeps_event(e, view.session_of(e)));
        let rows = summarize(sessions, failures);
        to.write_all(view, &rows)?;
        Ok(unmatched_of_all(filter, view, !rows.is_empty()))
    })
}

/// One session as a story.
pub fn explain(id: &str, run: &Run) -> Result<Completeness, Failure> {
    if run.columns.is_some() {
        return Err(usage("--columns is about rows, and explain tells a story"));
    }
    let format = run.format(true);
    if !matches!(
        format,
        Format::Table | Format::Csv | Format::Json | Format::Jsonl
    ) {
        return Err(usage(format!(
            "a story is text or JSON, not {format}: name another FILE, or --format text"
        )));
    }
    export_all::<Session>(run, |analysis, to| {
        let session = find(analysis, id)?;
        to.tell(&View::new(analysis, None), session)?;
        Ok(Remarks::new())
    })
}

/// The page of sessions.
pub fn report(run: &Run, rows: &Rows, at: Option<Time>) -> Result<Completeness, Failure> {
    if run.columns.is_some() {
        return Err(usage("--columns is about rows, and a report is a page"));
    }
    if run.csv_raw {
        return Err(usage("--csv-raw is about CSV, and a report is a page"));
    }
    if run.file().is_none() && io::stdout().is_terminal() {
        return Err(usage(
            "a report is a page for a browser: name a file with -o page.html",
        ));
    }
    answer::<Session>(run, rows, at, |filter, view, to| {
        let analysis = view.analysis();
        let sessions = analysis.sessions.iter().filter(|s| filter.keeps_session(s));
        let failures = analysis.events.iter().filter(|e| is_refused(e));
        let failures = failures.filter(|e| filter.keeps_event(e, view.session_of(e)));
        let coverage = analysis.coverage.iter().filter(|c| filter.keeps_machine(c));
        let report = Report {
            view,
            sessions: sessions.collect(),
            failures: failures.collect(),
            coverage: coverage.collect(),
            chosen_by: filter.options(),
            threads: run.reading.threads.map(usize::from),
        };
        to.page(&report)?;
        let any = !(report.sessions.is_empty() && report.failures.is_empty());
        Ok(unmatched_of_all(filter, view, any))
    })
}

/// What the logs can speak of.
pub fn coverage(run: &Run) -> Result<Completeness, Failure> {
    check_columns::<Coverage>(run, &View::new(&Analysis::default(), None))?;
    export::<Coverage>(run, |found, to| {
        let analysis = found.analysis();
        let view = View::new(analysis, None).choosing(run.columns.as_deref());
        to.write_all(&view, &analysis.coverage)?;
        Ok(Remarks::new())
    })
}

/// The places of the sessions that are kept, in the order that is asked for, as many as are asked for; and what is left out.
fn in_order(
    all: Range<usize>,
    kept: impl Fn(&usize) -> Option<Session>,
    sort: Option<Sort>,
    limit: Option<u32>,
) -> (Vec<usize>, More) {
    let begun = |session: &Session| session.start.time.or(session.start.max);
    let keyed = all.filter_map(|place| {
        let session = kept(&place)?;
        let (longest, time) = match sort {
            Some(Sort::Duration) => (Presence::least(&session), None),
            Some(Sort::Start) => (None, begun(&session)),
            None => (None, None),
        };
        Some((Reverse(longest), time, place, session.duration.is_none()))
    });
    let mut keyed: Vec<_> = keyed.collect();
    keyed.sort_unstable();
    let most = limit.map_or(usize::MAX, |limit| limit as usize);
    let more = keyed.split_off(most.min(keyed.len()));
    let more = More {
        rows: more.len(),
        of_unknown_duration: more.iter().filter(|(.., is_unknown)| *is_unknown).count(),
    };
    let places = keyed.into_iter().map(|(_, _, place, _)| place);
    (places.collect(), more)
}

/// What fits and is not written.
struct More {
    rows: usize,
    of_unknown_duration: usize,
}

impl More {
    fn remark(&self, sort: Option<Sort>) -> Option<Message> {
        left_out(self.rows, |count| {
            let unknown = match (sort, self.of_unknown_duration) {
                (Some(Sort::Duration), 1..) => format!(
                    ", of which {} may have lasted longer: their bounds are not known",
                    self.of_unknown_duration
                ),
                _ => String::new(),
            };
            format!("{count} more rows fit than --limit lets through{unknown}")
        })
    }
}

/// How many rows are not there that could be, if there are such.
fn left_out(count: usize, words: impl Fn(usize) -> String) -> Option<Message> {
    (count > 0).then(|| Message {
        counts: vec![("sessions", count as u64)],
        ..Message::new(Level::Info, Topic::LeftOut, words(count))
    })
}

/// Whether a logon was refused.
fn is_refused(event: &TimelineEvent) -> bool {
    event.event.action == Action::LogonFailed
}

/// Which options and names fit nothing, if there is no row or one of several alternatives may be at fault.
fn unmatched<'e>(
    (filter, parties): (&Filter, &[&Glob]),
    any: bool,
    sessions: impl IntoIterator<Item = impl Borrow<Session>>,
    events: impl IntoIterator<Item = (&'e TimelineEvent, Option<&'e Session>)>,
) -> Option<Message> {
    if any && !filter.has_alternatives() {
        return None;
    }
    let mut unmatched = Unmatched::new(filter, parties);
    for session in sessions {
        unmatched.see_session(session.borrow());
        if unmatched.is_done() {
            break;
        }
    }
    for (event, session) in events {
        if unmatched.is_done() {
            break;
        }
        unmatched.see_event(event, session);
    }
    unmatched.message(any)
}

/// The same of all sessions and refused logons.
fn unmatched_of_all(filter: &Filter, view: &View<'_>, any: bool) -> Remarks {
    let analysis = view.analysis();
    let refused = analysis.events.iter().filter(|e| is_refused(e));
    let refused = refused.map(|e| (e, view.session_of(e)));
    Vec::from_iter(unmatched((filter, &[]), any, &analysis.sessions, refused))
}

/// Whether hours are by a clock that is known of every row: a machine's own is known of sessions alone.
fn check_zone(filter: &Filter) -> Result<(), Failure> {
    match &filter.outside {
        Some(outside) if outside.zone == Zone::Host => Err(usage(
            "--tz local is about sessions: events have no local time; name a zone or an offset",
        )),
        _ => Ok(()),
    }
}

/// Whether rows have the columns that were chosen; those that they have are named where not.
fn check_columns<R: Row>(run: &Run, view: &View<'_>) -> Result<(), Failure> {
    let Some(chosen) = &run.columns else {
        return Ok(());
    };
    let known: Vec<&str> = export::column_names::<R>(view).collect();
    for (place, name) in chosen.iter().enumerate() {
        if chosen.iter().take(place).any(|before| before == name) {
            return Err(usage(format!("--columns names {name} twice")));
        }
        if !known.contains(&name.as_str()) {
            let near = nearest(name, known.iter().copied());
            let near = match near.is_empty() {
                true => String::new(),
                false => format!("; near it are: {}", near.join(", ")),
            };
            let known = known.join(", ");
            return Err(usage(format!(
                "no column is called `{name}`{near}; known are: {known}"
            )));
        }
    }
    Ok(())
}

/// What is to be said of an answer.
type Remarks = Vec<Message>;

/// Lets `write` answer what is asked of all sessions and events.
fn answer<R: Row>(
    run: &Run,
    rows: &Rows,
    at: Option<Time>,
    write: impl FnOnce(&Filter, &View<'_>, &mut Destination) -> Result<Remarks, Failure>,
) -> Result<Completeness, Failure> {
    let mut filter = rows.filter(at).map_err(usage)?;
    check_zone(&filter)?;
    check_columns::<R>(run, &View::new(&Analysis::default(), at))?;
    export_all::<R>(run, |analysis, to| {
        analysis.sessions.iter().for_each(|s| filter.learn(s));
        let view = View::new(analysis, at).choosing(run.columns.as_deref());
        write(&filter, &view, to)
    })
}

/// The same as [`export`], of all sessions and events.
fn export_all<R: Row>(
    run: &Run,
    write: impl FnOnce(&Analysis, &mut Destination) -> Result<Remarks, Failure>,
) -> Result<Completeness, Failure> {
    export::<R>(run, |found, to| {
        found.finish();
        write(found.analysis(), to)
    })
}

/// Opens the output, analyses the evidence, lets `write` write rows of `R`, tells what became of the evidence and what `write` remarks.
fn export<R: Row>(
    run: &Run,
    write: impl FnOnce(&mut Paired, &mut Destination) -> Result<Remarks, Failure>,
) -> Result<Completeness, Failure> {
    let stop = Stop::default();
    let mut to = Destination::open::<R>(run, &stop)?;
    // Where signals cannot be watched they end the process, as they do without.
    let signals = Signals::watch(&stop).ok();
    let progress = Arc::new(Progress::new(stop));
    let bar = (!run.reading.quiet)
        .then(|| Bar::start(Arc::clone(&progress), bar::ANALYSIS, run.reading.log_format));
    let unpacking = run.reading.unpacking().map_err(usage)?;
    let options = Options {
        recover: run.recover,
        progress: Some(&progress),
        ..run.reading.options(&unpacking)
    };
    let found = pair(&run.reading.paths, options);
    drop(bar);
    let found = found.map_err(|error| failed(error, &run.reading));
    let written = found.and_then(|mut found| {
        let remarks = write(&mut found, &mut to)?;
        Ok((found, remarks))
    });
    if let Some(status) = signals.and_then(|signals| signals.status()) {
        let while_reading = matches!(written, Err(Failure::Error(Error::Stopped)));
        return Err(Failure::Stopped {
            status,
            read: progress.bytes(),
            any: !while_reading && run.file().is_none(),
        });
    }
    let (found, remarks) = written?;
    to.finish()?;
    if !run.reading.quiet {
        // Last, so that a long table does not push it away. Where standard error is gone, nobody hears it.
        let (format, mut stderr) = (run.reading.log_format, io::stderr().lock());
        let _ = messages::write(found.analysis(), format, &mut stderr);
        for remark in remarks {
            let _ = remark.write(format, &mut stderr);
        }
    }
    let completeness = match found.analysis().is_partial() {
        true => Completeness::Partial,
        false => Completeness::Whole,
    };
    // The process ends here: taking millions of parts asunder would be for nothing.
    std::mem::forget(found);
    Ok(completeness)
}

/// How many sessions are named where an id fits several.
const CANDIDATES: usize = 10;

/// The one session whose id begins with `id`.
fn find<'a>(analysis: &'a Analysis, id: &str) -> Result<&'a Session, Failure> {
    let all = &analysis.sessions;
    let fits: Vec<&Session> = all.iter().filter(|s| s.id.starts_with(id)).collect();
    match fits.as_slice() {
        [one] => Ok(one),
        [] => Err(usage(format!(
            "none of the {} sessions in this evidence has an id that begins with {id}; \
             `winsessions sessions` lists them",
            all.len()
        ))),
        several => {
            let count = several.len();
            let ids: Vec<&str> = several.iter().take(CANDIDATES).map(|s| &*s.id).collect();
            let ids = ids.join(", ");
            let more = if count > CANDIDATES { ", ..." } else { "" };
            Err(usage(format!(
                "{count} sessions have an id that begins with {id}: {ids}{more}"
            )))
        }
    }
}
