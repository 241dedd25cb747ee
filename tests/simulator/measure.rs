//! What the program says of a history, held against its truth.

use crate::history::{self, History, PROFILES, Random, SECURITY, SESSIONS, SYSTEM, Truth};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use winsessions::event::{Collector, LogIndex};
use winsessions::evidence::Content;
use winsessions::log::{self, Reader};
use winsessions::session::{
    self, EndReason, EndSource, Kind, Role, Session, Source, StartSource, State,
};
use winsessions::time::Time;

/// How evidence is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Damage {
    /// Single records are missing.
    Scattered,
    /// Runs of records are missing.
    Runs,
    /// Each log begins late and ends early.
    CutEnds,
    /// A whole channel is missing.
    NoChannel,
    /// Records of logoffs are missing.
    NoLogoffs,
    /// Chunks are torn.
    Torn,
    /// What came before the last clear is gone.
    Cleared,
}

impl Damage {
    pub const ALL: [Damage; 7] = [
        Damage::Scattered,
        Damage::Runs,
        Damage::CutEnds,
        Damage::NoChannel,
        Damage::NoLogoffs,
        Damage::Torn,
        Damage::Cleared,
    ];
}

/// What is said wrongly of a session.
#[derive(Debug, Clone)]
pub struct Fault {
    /// What kind of mistake it is.
    pub what: String,
    /// Which session, what is claimed and what is true.
    pub story: String,
}

/// Analyses the logs of a history as far as `keep` lets it, by channel, record number and event ID.
fn analysed(logs: &[(String, Vec<u8>)], keep: &dyn Fn(&str, u64, u16) -> bool) -> Vec<Session> {
    let mut sources = Vec::new();
    for (at, (_, bytes)) in logs.iter().enumerate() {
        let content = Content::Memory(bytes.clone());
        let mut source = Source::default();
        let mut reader = Reader::default();
        for block in log::blocks(bytes.len() as u64) {
            let mut collector = Collector::new(LogIndex(at as u32));
            reader.read(&content, block, &mut |record| {
                if keep(record.channel(), record.record_id, record.event_id) {
                    collector.add(record);
                }
            });
            source.uses.extend(collector.take_uses());
            source.events.extend(collector.events);
            source.spans.extend(collector.spans);
        }
        sources.push(source);
    }
    let machines = session::machines(sources);
    let timelines = machines.into_iter().map(session::timeline);
    timelines
        .flat_map(|timeline| timeline.sessions().collect::<Vec<_>>())
        .collect()
}

fn all_logs(history: &History) -> Vec<(String, Vec<u8>)> {
    let name = |path: &std::path::Path| path.file_name().unwrap().to_string_lossy().into_owned();
    history
        .logs
        .iter()
        .map(|(path, bytes)| (name(path), bytes.clone()))
        .collect()
}

/// The sessions of the complete evidence.
pub fn complete(history: &History) -> Vec<Session> {
    analysed(&all_logs(history), &|_, _, _| true)
}

/// The sessions of damaged evidence, and in words what was done to it; `None` where the history has nothing to damage so.
pub fn damaged(
    history: &History,
    damage: Damage,
    random: &mut Random,
) -> Option<(Vec<Session>, String)> {
    let mut logs = all_logs(history);
    if history.was_cleared {
        let gone = if damage == Damage::Cleared {
            "Security-whole.evtx"
        } else {
            "Security.evtx"
        };
        logs.retain(|(name, _)| name != gone);
    }
    let salt = random.next();
    // The same record falls in every turn.
    let dice = move |channel: &str, number: u64| {
        let name = channel.bytes().fold(salt, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(u64::from(byte))
        });
        Random::new(name ^ number.wrapping_mul(0x1_0001)).below(1000)
    };
    let bounds: BTreeMap<String, (u64, u64)> = history
        .records
        .iter()
        .map(|(channel, list)| {
            (
                channel.clone(),
                (list[0].record_id, list[list.len() - 1].record_id),
            )
        })
        .collect();
    Some(match damage {
        Damage::Scattered => {
            let part = *random.pick(&[5, 20, 100, 300]);
            (
                analysed(&logs, &|channel, number, _| dice(channel, number) >= part),
                format!("{part} records of a thousand are missing"),
            )
        }
        Damage::Runs => {
            let length = *random.pick(&[5, 20, 100]);
            (
                analysed(&logs, &|channel, number, _| {
                    dice(channel, number / length) >= 100
                }),
                format!("a tenth of the records is missing in runs of {length}"),
            )
        }
        Damage::CutEnds => {
            let mut kept: BTreeMap<String, (u64, u64)> = BTreeMap::new();
            for (channel, (first, last)) in &bounds {
                let part = (last - first) / 3 + 1;
                kept.insert(
                    channel.clone(),
                    (first + random.below(part), last - random.below(part)),
                );
            }
            let sessions = analysed(&logs, &|channel, number, _| {
                kept.get(channel)
                    .is_some_and(|(first, last)| (*first..=*last).contains(&number))
            });
            (sessions, format!("kept: {kept:?}"))
        }
        Damage::NoChannel => {
            let missing = *random.pick(&[SECURITY, SYSTEM, SESSIONS, PROFILES]);
            if !history.is_full {
                return None;
            }
            (
                analysed(&logs, &|channel, _, _| channel != missing),
                format!("without {missing}"),
            )
        }
        Damage::NoLogoffs => {
            let part = *random.pick(&[100, 500, 1000]);
            let sessions = analysed(&logs, &|channel, number, event| {
                !(channel == SECURITY && matches!(event, 4634 | 4647))
                    || dice(channel, number) >= part
            });
            (
                sessions,
                format!("{part} of a thousand 4634 and 4647 are missing"),
            )
        }
        Damage::Torn => {
            let mut torn = Vec::new();
            for (name, bytes) in &mut logs {
                let chunks = (bytes.len() - 4096) / 65536;
                for chunk in 0..chunks {
                    if !random.chance(20) {
                        continue;
                    }
                    let from = 4096 + chunk * 65536;
                    let half = from + 512 + random.below(60_000) as usize;
                    bytes[half..from + 65536].fill(0);
                    torn.push(format!("{name}#{chunk}"));
                }
            }
            (
                analysed(&logs, &|_, _, _| true),
                format!("torn: {}", torn.join(" ")),
            )
        }
        Damage::Cleared => {
            if !history.was_cleared {
                return None;
            }
            (analysed(&logs, &|_, _, _| true), "cleared".into())
        }
    })
}

/// Which true sessions the records of each channel tell of.
pub struct Witness<'a> {
    history: &'a History,
    /// By account the desktop sessions of LocalSessionManager's records.
    desktops: BTreeMap<u64, (String, usize, u64)>,
}

impl<'a> Witness<'a> {
    pub fn new(history: &'a History) -> Self {
        let mut boot = 0;
        let mut desktops = BTreeMap::new();
        let records = history.records.get(SESSIONS).into_iter().flatten();
        let mut boots = 0;
        for record in records {
            if history::event_id(record) == 32 {
                boots += 1;
                boot = boots - 1;
            }
            if let Some(user) = history::value(record, "User") {
                let name = user.rsplit('\\').next().unwrap_or(user).to_owned();
                desktops.insert(record.record_id, (name, boot, history::written(record)));
            }
        }
        Witness { history, desktops }
    }

    fn boot_of(&self, record_id: u64) -> usize {
        let boots = &self.history.boots;
        boots
            .partition_point(|boot| boot.first_record <= record_id)
            .saturating_sub(1)
    }

    /// The true sessions that a row speaks of.
    pub fn truths(&self, row: &Session) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let audited = row
            .records
            .iter()
            .filter(|record| &*record.channel == SECURITY);
        // What ends with its parent shows its parent's logoff.
        let inherited = row
            .end_record
            .and_then(|end| row.records.get(end))
            .filter(|end| row.end.source == EndSource::Inferred && end.event_id == 4647)
            .map(|end| end.record_id);
        let audited = audited.filter(|record| Some(record.record_id) != inherited);
        let own = audited.clone().filter(|record| {
            record.role != Role::Boot && !matches!(record.event_id, 1100 | 4608 | 1101)
        });
        let boots: BTreeSet<usize> = own.map(|record| self.boot_of(record.record_id)).collect();
        let ids: BTreeSet<u64> = row
            .parts
            .iter()
            .map(|part| part.logon_id)
            .chain(row.logon_id)
            .map(|id| id.get())
            .collect();
        for &boot in boots.iter().take(1) {
            found.extend(
                ids.iter()
                    .filter_map(|&id| self.history.by_id.get(&(boot, id)).copied()),
            );
        }
        for record in audited.filter(|record| {
            matches!(
                record.role,
                Role::Start | Role::Part | Role::End | Role::State
            ) && matches!(
                record.event_id,
                4624 | 4634 | 4647 | 4778 | 4779 | 4800..=4803
            )
            // The end of a pre-authentication is that of a session of its own.
            && (record.role, record.event_id) != (Role::State, 4634)
        }) {
            let list = &self.history.records[SECURITY];
            let Ok(at) = list.binary_search_by_key(&record.record_id, |record| record.record_id)
            else {
                continue;
            };
            let id = history::number(&list[at], "TargetLogonId")
                .or_else(|| history::number(&list[at], "LogonID"));
            let key = id.map(|id| (self.boot_of(record.record_id), id));
            found.extend(key.and_then(|key| self.history.by_id.get(&key)).copied());
        }
        if found.is_empty() {
            for record in row
                .records
                .iter()
                .filter(|record| &*record.channel == SESSIONS)
            {
                let Some((name, boot, time)) = self.desktops.get(&record.record_id) else {
                    continue;
                };
                let fits = self.history.truths.iter().enumerate().filter(|(_, truth)| {
                    let (first, last) = (truth.start.min(truth.end), truth.start.max(truth.end));
                    truth.desktop
                        && truth.account == *name
                        && truth.boot == *boot
                        && first <= time + 50_000_000
                        && *time <= last + 600_000_000
                });
                let nearest = fits.min_by_key(|(_, truth)| {
                    let told = [truth.told.0, truth.told.1].contains(&Some(*time));
                    (!told, truth.start > *time, truth.start.abs_diff(*time))
                });
                found.extend(nearest.map(|(at, _)| at));
            }
        }
        found
    }
}

/// What of `truth` the row does not tell exactly, with complete evidence.
fn inexact(
    history: &History,
    row: &Session,
    truth: &Truth,
    parent: Option<usize>,
) -> Vec<&'static str> {
    let mut wrong = Vec::new();
    let mut check = |what, right: bool| {
        if !right {
            wrong.push(what);
        }
    };
    let is =
        |time: Option<Time>, filetime: u64| time.is_some_and(|time| time.filetime() == filetime);
    check(
        "account",
        row.account
            .sid
            .as_ref()
            .is_some_and(|sid| sid.as_str() == truth.sid),
    );
    check("kind", row.kind == truth.kind);
    check("start", is(row.start.time, truth.start));
    let recorded = truth.standing && truth.kind != Kind::System;
    check(
        "start source",
        row.start.source
            == if recorded {
                StartSource::Inferred
            } else {
                StartSource::Recorded
            },
    );
    let is_orphan = truth.is_orphan && truth.reason != EndReason::Logoff;
    check("reason", row.end.reason == truth.reason);
    let in_range = row.end.min.is_none_or(|min| min.filetime() <= truth.end)
        && row.end.max.is_none_or(|max| truth.end <= max.filetime());
    check(
        "end",
        match truth.reason {
            EndReason::LogEnds => row.end.max.is_none() && row.end.source == EndSource::Unknown,
            // Somebody may have left the session that it was shown in.
            _ if is_orphan && row.end.source == EndSource::Inferred => in_range,
            EndReason::Crash | EndReason::Unclean => {
                in_range && row.end.source == EndSource::Inferred && row.end.max.is_some()
            }
            _ => is(row.end.time(), truth.end),
        },
    );
    check("parent", parent == truth.parent);
    check("boot", is(row.boot, history.boots[truth.boot].shown));
    let spans: Vec<_> = row
        .intervals
        .iter()
        .map(|span| {
            (
                span.state,
                span.from.map(Time::filetime),
                span.to.map(Time::filetime),
            )
        })
        .collect();
    let mut wanted: Vec<_> = truth
        .spans
        .iter()
        .map(|span| (span.state, Some(span.from), span.to))
        .collect();
    let mut spans = spans;
    let key = |span: &(State, Option<u64>, Option<u64>)| (span.0, span.1);
    spans.sort_by_key(key);
    wanted.sort_by_key(key);
    check("intervals", spans == wanted);
    let exact = !matches!(
        truth.reason,
        EndReason::Crash | EndReason::Unclean | EndReason::LogEnds
    );
    if exact
        && truth.error.0 != i64::MIN
        && truth.error.1 != i64::MIN
        && let Some(duration) = row.duration
    {
        let shown = truth.end as i64 - truth.start as i64;
        check(
            "duration",
            duration == shown - (truth.error.1 - truth.error.0),
        );
    }
    wrong
}

/// Of which sessions of the truth each row tells.
struct Truths<'a> {
    truths: Vec<BTreeSet<usize>>,
    by_id: HashMap<&'a str, usize>,
}

impl<'a> Truths<'a> {
    fn of(history: &History, rows: &'a [Session]) -> Self {
        let witness = Witness::new(history);
        let numbered = rows.iter().enumerate();
        Truths {
            truths: rows.iter().map(|row| witness.truths(row)).collect(),
            by_id: numbered.map(|(at, row)| (&*row.id, at)).collect(),
        }
    }

    /// The session of the truth that the parent of a row is.
    fn parent(&self, row: &Session) -> Option<usize> {
        let parent = self.by_id.get(row.parent.as_deref()?)?;
        self.truths[*parent].first().copied()
    }
}

/// Holds the rows of complete evidence against the truth: how many sessions were told exactly, and what was told otherwise.
pub fn hold_exact(history: &History, rows: &[Session]) -> (usize, Vec<Fault>) {
    let told_of = Truths::of(history, rows);
    let mut faults = Vec::new();
    let mut told = vec![0; history.truths.len()];
    let mut exact = 0;
    for (row, truths) in rows.iter().zip(&told_of.truths) {
        let fault = |what: String, truth: Option<usize>| Fault {
            what,
            story: story(history, row, truth),
        };
        let mut truths_iter = truths.iter();
        let (Some(&truth), None) = (truths_iter.next(), truths_iter.next()) else {
            faults.push(fault(
                format!("a row of {} sessions", truths.len()),
                truths.first().copied(),
            ));
            continue;
        };
        told[truth] += 1;
        let parent = told_of.parent(row);
        let wrong = inexact(history, row, &history.truths[truth], parent);
        if wrong.is_empty() && told[truth] == 1 {
            exact += 1;
        } else {
            faults.push(fault(
                format!(
                    "{}: {}{}",
                    history.truths[truth].kind,
                    wrong.join(", "),
                    if told[truth] > 1 { " (twice)" } else { "" }
                ),
                Some(truth),
            ));
        }
    }
    for (at, _) in told.iter().enumerate().filter(|(_, told)| **told == 0) {
        let truth = &history.truths[at];
        faults.push(Fault {
            what: format!("{}: not found", truth.kind),
            story: format!("{truth:?}"),
        });
    }
    (exact, faults)
}

/// Holds the rows of damaged evidence against the truth: what is claimed must be so.
pub fn hold_sound(history: &History, rows: &[Session]) -> Vec<Fault> {
    let told_of = Truths::of(history, rows);
    let mut faults = Vec::new();
    let mut started: BTreeMap<usize, usize> = BTreeMap::new();
    for (row, truths) in rows.iter().zip(&told_of.truths) {
        let mut fault = |what: &str, truth: Option<usize>| {
            faults.push(Fault {
                what: what.to_owned(),
                story: story(history, row, truth),
            })
        };
        let Some(&only) = truths.first() else {
            fault("invented", None);
            continue;
        };
        if truths.len() > 1 {
            fault("several sessions in one row", Some(only));
            continue;
        }
        let truth = &history.truths[only];
        let at = Some(only);
        if row.start.time.is_some() {
            let count = started.entry(only).or_default();
            *count += 1;
            if *count > 1 {
                fault("one session in two rows with a start", at);
            }
        }
        if row
            .account
            .sid
            .as_ref()
            .is_some_and(|sid| sid.as_str() != truth.sid)
        {
            fault("another account", at);
        }
        // The boot of the machine's own session is told by more than one record.
        let is_boot = |time: u64| truth.kind == Kind::System && history.is_boot(truth.boot, time);
        let begins = row.start.time.map(Time::filetime);
        let starts_so = begins.is_some_and(|time| {
            near(time, truth.start) || Some(time) == truth.told.0 || is_boot(time)
        });
        match row.start.source {
            StartSource::Recorded if !starts_so => fault("start recorded", at),
            StartSource::Inferred if !starts_so => fault("start inferred", at),
            StartSource::BeforeLog
                if row.start.max.is_some_and(|max| {
                    let really = |start: i64| {
                        let mut latest = history.true_times(max.filetime());
                        latest.any(|max| start <= max)
                    };
                    max.filetime() < truth.start && !history.true_times(truth.start).any(really)
                }) =>
            {
                fault("start later than its latest", at)
            }
            _ => {}
        }
        // LocalSessionManager alone, which names no logon type, does not tell cached credentials from others.
        let uncached = match truth.kind {
            Kind::ConsoleCached if row.logon_type.is_none() => Kind::Console,
            Kind::RdpCached if row.logon_type.is_none() => Kind::Rdp,
            kind => kind,
        };
        // Attached logons of sessions that are not in the evidence say what they are themselves.
        if !matches!(row.kind, Kind::Unknown)
            && row.kind != truth.kind
            && row.kind != uncached
            && !(row.start.time.is_none() && matches!(row.kind, Kind::Unlock | Kind::RdpReconnect))
        {
            fault(&format!("kind {} of {}", row.kind, truth.kind), at);
        }
        // The person leaves, the token closes, and LocalSessionManager tells of the end: each is an end of its own name.
        let reason = row.end.reason;
        let (left, closed) = (truth.end, truth.closed.unwrap_or(truth.end));
        if row.end.source == EndSource::Recorded {
            let stops = history.boots[truth.boot].stops();
            let told = told_logoff(truth.told.1.unwrap_or(left));
            let right: &[u64] = match reason {
                EndReason::Logoff => &[closed],
                EndReason::TsLogoff => &told,
                EndReason::Shutdown if truth.reason == reason => &stops,
                _ => &[left],
            };
            let claimed = row.end.time().map(Time::filetime);
            if !claimed.is_some_and(|end| right.iter().any(|right| near(end, *right))) {
                fault(&format!("end recorded: {reason} of {}", truth.reason), at);
            }
        } else if !(truth.reason == EndReason::LogEnds && row.end.max.is_none()) {
            let within = |end: u64| {
                let by_clock = row.end.min.is_none_or(|min| min.filetime() <= end)
                    && row.end.max.is_none_or(|max| end <= max.filetime());
                // Where the change of a clock is not in the evidence, what counts is the order of things.
                let really = |end: i64| {
                    let any = |bound: Option<Time>, fits: &dyn Fn(i64) -> bool| {
                        bound.is_none_or(|bound| history.true_times(bound.filetime()).any(fits))
                    };
                    any(row.end.min, &|min| min <= end) && any(row.end.max, &|max| end <= max)
                };
                by_clock || history.true_times(end).any(really)
            };
            if ![Some(left), Some(closed), truth.told.1]
                .into_iter()
                .flatten()
                .any(within)
            {
                fault(
                    &format!("end {}: {reason} of {}", row.end.source, truth.reason),
                    at,
                );
            }
        }
        let parent = told_of.parent(row);
        if row.parent.is_some() && parent != truth.parent {
            fault(&format!("parent of {}", row.kind), at);
        }
        if row
            .boot
            .is_some_and(|boot| !history.is_boot(truth.boot, boot.filetime()))
        {
            fault("boot", at);
        }
        for span in row
            .intervals
            .iter()
            .filter(|span| span.source == EndSource::Recorded)
        {
            let (from, to) = (span.from.map(Time::filetime), span.to.map(Time::filetime));
            let known = truth.spans.iter().any(|real| {
                let near = |a: Option<u64>, b: Option<u64>| {
                    a.zip(b).is_some_and(|(a, b)| a.abs_diff(b) <= 25_000_000)
                };
                real.state == span.state && near(from, Some(real.from)) && near(to, real.to)
            });
            if !known {
                fault(&format!("interval {}", span.state), at);
            }
        }
    }
    faults
}

/// When a logoff is told by LocalSessionManager, the User Profile Service and Winlogon.
fn told_logoff(by_session_manager: u64) -> [u64; 3] {
    [0, 5_000, 134_000].map(|after| by_session_manager + after)
}

/// Whether two times are those of the two halves of one record: under User Account Control a logon and its logoff are written
/// twice, and where only one is left its time is the session's.
fn near(a: u64, b: u64) -> bool {
    a.abs_diff(b) <= 10_000
}

/// Which row, what it claims, what is true.
fn story(history: &History, row: &Session, truth: Option<usize>) -> String {
    let time = |time: Option<Time>| time.map_or("-".to_owned(), |time| time.to_string());
    let mut text = format!(
        "claimed: {} {} {:?} start {} (max {}, {}), end {}..{} {} {}, boot {}, parent {:?}\n",
        row.account.name.as_deref().unwrap_or("-"),
        row.kind,
        row.logon_id,
        time(row.start.time),
        time(row.start.max),
        row.start.source,
        time(row.end.min),
        time(row.end.max),
        row.end.reason,
        row.end.source,
        time(row.boot),
        row.parent
    );
    for span in &row.intervals {
        text += &format!(
            "  {} {}..{} {}\n",
            span.state,
            time(span.from),
            time(span.to),
            span.source
        );
    }
    for record in &row.records {
        text += &format!(
            "  {} {} {} {} {}\n",
            record.channel, record.record_id, record.event_id, record.time, record.role
        );
    }
    if let Some(truth) = truth.map(|at| &history.truths[at]) {
        let time = |filetime: u64| Time::from_filetime(filetime);
        text += &format!(
            "true: {} {} start {}, end {} {}, closed {:?}, boot {}, parent {:?}\n",
            truth.account,
            truth.kind,
            time(truth.start),
            time(truth.end),
            truth.reason,
            truth.closed.map(time),
            time(history.boots[truth.boot].shown),
            truth.parent
        );
        for span in &truth.spans {
            text += &format!(
                "  {} {}..{:?}\n",
                span.state,
                time(span.from),
                span.to.map(time)
            );
        }
    }
    text
}
