//! What the page says and shows without scripts: the summary on top, and a still picture with the first sessions.
//!
//! In: the report. Out: markup. Lists are cut to a length and say by how much.

use super::data::{milliseconds, suspicion_of, time_of};
use super::markup::{breakable, escaped};
use super::{Report, reach, shown};
use crate::event::{Account, Text};
use crate::export::{account, caller, path_text, spoken};
use crate::session::{
    EndSource, Flag, Interactivity, Kind, Session, StartSource, is_link_local, network_address,
};
use crate::sid::AccountClass;
use crate::spoof::suspicion;
use crate::time::{Ticks, Time};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, Write};

/// How many rows a table of the summary has.
const ROWS: usize = 30;

/// How many sessions are listed without scripts.
const LISTED: usize = 200;

/// How many lanes the still picture has, and into how many columns it parts the time.
const LANES: usize = 60;
const COLUMNS: i64 = 400;

/// Where the first of these begins, and how wide each is.
const LEFT: i64 = 250;
const WIDE: i64 = 2;

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// How many dates the still picture tells at most.
const DATES: i64 = 7;

pub(super) fn title(report: &Report<'_>) -> String {
    let coverage = report.coverage.iter();
    let hosts: BTreeMap<usize, &Text> = coverage.map(|c| (c.machine, &c.host)).collect();
    match hosts.len() {
        0 => "No sessions".to_owned(),
        1..4 => {
            let hosts: Vec<String> = hosts.values().map(|host| shown(host)).collect();
            format!("Sessions: {}", hosts.join(", "))
        }
        count => format!("Sessions of {count} machines"),
    }
}

pub(super) fn write(
    report: &Report<'_>,
    told: usize,
    reaches: &[(Time, Time)],
    out: &mut impl Write,
) -> io::Result<()> {
    let mut page = String::new();
    let span = reach::whole(reaches);
    header(report, span, &mut page);
    page.push_str("<section id=\"summary\" aria-label=\"Summary\">\n");
    uncertain(report, told, &mut page);
    machines(report, reaches, &mut page);
    accounts(report, &mut page);
    sources(report, &mut page);
    page.push_str("</section>\n<noscript>\n");
    picture(report, span, &mut page);
    list(report, &mut page);
    page.push_str("</noscript>\n");
    out.write_all(page.as_bytes())
}

fn header(report: &Report<'_>, span: Option<(Time, Time)>, page: &mut String) {
    let all = report.view.analysis().sessions.len();
    let count = report.sessions.len();
    page.push_str("<header class=\"top\"><div><h1>");
    page.push_str(&escaped(&title(report)));
    page.push_str("</h1>\n<p>");
    page.push_str(&many(count, "logon session", "logon sessions"));
    if let Some((first, last)) = span {
        let told = format!(
            "; the logs reach from {} to {} UTC",
            minute(first),
            minute(last)
        );
        page.push_str(&told);
    }
    page.push_str(".</p>\n");
    if count < all || !report.chosen_by.is_empty() {
        let by: Vec<String> = report
            .chosen_by
            .iter()
            .map(|option| shown(option))
            .collect();
        let told = format!(
            "<p class=\"warn\">Chosen by <code>{}</code>: {} of the {all} sessions of this evidence are not in this page.</p>\n",
            escaped(&by.join(" ")),
            all - count
        );
        page.push_str(&told);
    }
    page.push_str("</div><div id=\"tools\" hidden></div></header>\n");
}

/// A time to the minute, as people read it.
fn minute(time: Time) -> String {
    let text = time.to_string();
    text.get(..16).unwrap_or(&text).replace('T', " ")
}

fn second(time: Time) -> String {
    let text = time.to_string();
    text.get(..19).unwrap_or(&text).replace('T', " ")
}

fn many(count: usize, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}

/// The title of a column of the summary, and what it holds, which decides how it is laid out: `name`, `word`, `number` or `time`.
type Heading = (&'static str, &'static str);

/// A cell of the summary.
struct Cell {
    text: String,
    /// Why it is a suspicious name.
    why: Option<&'static str>,
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Cell { text, why: None }
    }
}

impl From<usize> for Cell {
    fn from(count: usize) -> Self {
        count.to_string().into()
    }
}

impl From<u64> for Cell {
    fn from(count: u64) -> Self {
        count.to_string().into()
    }
}

/// From when to when, to the minute, in two lines.
fn stretch(span: Option<(Time, Time)>) -> Cell {
    match span {
        None => String::new(),
        Some((first, last)) if minute(first) == minute(last) => minute(first),
        Some((first, last)) => format!("{}\n{}", minute(first), minute(last)),
    }
    .into()
}

/// A table of the summary; what `rows` has beyond its length is counted.
fn table(title: &str, columns: &[Heading], rows: &[Vec<Cell>], page: &mut String) {
    if rows.is_empty() {
        return;
    }
    page.push_str(&format!(
        "<div class=\"card\"><h2>{title}</h2><table><thead><tr>"
    ));
    for (column, class) in columns {
        page.push_str(&format!(
            "<th scope=\"col\" class=\"{class}\">{column}</th>"
        ));
    }
    page.push_str("</tr></thead><tbody>\n");
    for row in rows.iter().take(ROWS) {
        page.push_str("<tr>");
        for ((_, class), cell) in columns.iter().zip(row) {
            let text = match *class {
                "name" => breakable(&cell.text),
                _ => escaped(&cell.text).into_owned(),
            };
            page.push_str(&format!("<td class=\"{class}\">{text}"));
            if let Some(why) = cell.why {
                page.push_str(&format!(
                    " <span class=\"suspicious\" title=\"{}\">suspicious name</span>",
                    escaped(why)
                ));
            }
            page.push_str("</td>");
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody></table>");
    if rows.len() > ROWS {
        page.push_str(&format!(
            "<p class=\"more\">and {} more</p>",
            rows.len() - ROWS
        ));
    }
    page.push_str("</div>\n");
}

#[derive(Default)]
struct OfMachine<'a> {
    name: String,
    why: Option<&'static str>,
    span: Option<(Time, Time)>,
    channels: Vec<&'a Text>,
    sessions: usize,
    people: usize,
    refused: usize,
    boots: u64,
    clears: u64,
    missing: u64,
}

fn machines(report: &Report<'_>, reaches: &[(Time, Time)], page: &mut String) {
    let mut machines: BTreeMap<usize, OfMachine<'_>> = BTreeMap::new();
    for (c, reach) in report.coverage.iter().zip(reaches) {
        let machine = machines.entry(c.machine).or_default();
        machine.name = shown(&c.host);
        let names = std::iter::once(&c.host).chain(&*c.host_aliases);
        machine.why = names.into_iter().find_map(|name| suspicion(name));
        if !c.host_aliases.is_empty() {
            let latest = c.host_aliases.iter().rev().take(2);
            let latest: Vec<String> = latest.map(|name| shown(name)).collect();
            let more = match c.host_aliases.len() - latest.len() {
                0 => String::new(),
                more => format!(" and {more} more names"),
            };
            let told = format!(" (formerly {}{more})", latest.join(", "));
            machine.name.push_str(&told);
        }
        let (first, last) = machine.span.unwrap_or(*reach);
        machine.span = Some((first.min(reach.0), last.max(reach.1)));
        machine.channels.push(&c.channel);
        machine.boots = machine.boots.max(c.recorded_boots());
        machine.clears += c.own_clears();
        machine.missing = machine.missing.saturating_add(c.missing());
    }
    for session in &report.sessions {
        let machine = machines.entry(session.machine).or_default();
        machine.sessions += 1;
        machine.people += usize::from(session.interactivity == Interactivity::Interactive);
    }
    for row in &report.failures {
        machines.entry(row.machine).or_default().refused += 1;
    }
    let rows = machines.into_values().map(|machine| {
        let name = Cell {
            text: machine.name,
            why: machine.why,
        };
        vec![
            name,
            stretch(machine.span),
            machine.people.into(),
            machine.sessions.into(),
            machine.refused.into(),
            machine.boots.into(),
            machine.clears.into(),
            machine.missing.into(),
        ]
    });
    table(
        "Machines: sessions, and what their logs lack",
        &[
            ("machine", "name"),
            ("logs reach (UTC)", "time"),
            ("inter&shy;active", "number"),
            ("all", "number"),
            ("re&shy;fused", "number"),
            ("boots", "number"),
            ("clears", "number"),
            ("records missing", "number"),
        ],
        &rows.collect::<Vec<_>>(),
        page,
    );
}

/// What accounts are joined by: the SID, else the name without case.
fn who(account: &Account) -> String {
    match &account.sid {
        Some(sid) if sid.as_str() != "S-1-0-0" => sid.to_string(),
        _ => self::account(account).to_lowercase(),
    }
}

#[derive(Default)]
struct OfAccount {
    label: String,
    /// A suspicious one of its names, and why it is.
    suspicious: Option<(String, &'static str)>,
    class: Option<AccountClass>,
    machines: BTreeSet<usize>,
    interactive: usize,
    sessions: usize,
    refused: usize,
    total: Ticks,
    of_unknown_duration: usize,
    last: Option<Time>,
}

impl OfAccount {
    fn suspect(&mut self, name: &Account) {
        if self.suspicious.is_none() {
            let why = suspicion_of(name);
            self.suspicious = why.map(|why| (shown(&account(name)), why));
        }
    }
}

fn accounts(report: &Report<'_>, page: &mut String) {
    let mut accounts: HashMap<String, OfAccount> = HashMap::new();
    for session in &report.sessions {
        let row = accounts.entry(who(&session.account)).or_default();
        row.label = shown(&account(&session.account));
        row.suspect(&session.account);
        row.class = Some(session.class);
        row.machines.insert(session.machine);
        row.sessions += 1;
        row.interactive += usize::from(session.interactivity == Interactivity::Interactive);
        match session.duration {
            Some(duration) => row.total = row.total.saturating_add(duration.max(0)),
            None => row.of_unknown_duration += 1,
        }
        row.last = row.last.max(session.end.min.or(session.start.time));
    }
    // A refused logon names no SID; it counts with the account of that name, if there is one.
    let mut by_name: HashMap<String, String> = HashMap::new();
    for session in &report.sessions {
        let name = account(&session.account).to_lowercase();
        by_name.insert(name, who(&session.account));
    }
    for failed in &report.failures {
        let tried = &failed.event.account;
        let name = account(tried).to_lowercase();
        let key = by_name.get(&name).cloned().unwrap_or_else(|| who(tried));
        let row = accounts.entry(key).or_default();
        if row.label.is_empty() {
            row.label = shown(&account(tried));
        }
        row.suspect(tried);
        row.machines.insert(failed.machine);
        row.refused += 1;
        row.last = row.last.max(Some(failed.event.time));
    }
    let mut rows: Vec<OfAccount> = accounts.into_values().collect();
    rows.sort_by(|a, b| {
        let place = |row: &OfAccount| {
            let most = (
                row.interactive,
                row.sessions.min(1),
                row.refused,
                row.sessions,
            );
            (row.class.is_none_or(is_machinery), Reverse(most))
        };
        place(a).cmp(&place(b)).then_with(|| a.label.cmp(&b.label))
    });
    let rows = rows.into_iter().map(|row| {
        let name = Cell {
            text: match &row.suspicious {
                Some((name, _)) if *name != row.label => format!("{}, also {name}", row.label),
                _ if row.label.is_empty() => "(no name recorded)".to_owned(),
                _ => row.label,
            },
            why: row.suspicious.map(|(_, why)| why),
        };
        let class = row.class.map_or("only refused", AccountClass::name);
        let durations = match (row.sessions, row.of_unknown_duration) {
            (all, unknown) if all == unknown => String::new(),
            (_, 0) => spoken(row.total),
            _ => format!("> {}", spoken(row.total)),
        };
        vec![
            name,
            class.to_owned().into(),
            row.machines.len().into(),
            row.interactive.into(),
            row.sessions.into(),
            row.refused.into(),
            durations.into(),
            row.last.map(minute).unwrap_or_default().into(),
        ]
    });
    table(
        "Accounts: sessions, people first",
        &[
            ("account", "name"),
            ("class", "word"),
            ("ma&shy;chines", "number"),
            ("inter&shy;active", "number"),
            ("all", "number"),
            ("re&shy;fused", "number"),
            ("durations, summed", "number"),
            ("last seen (UTC)", "time"),
        ],
        &rows.collect::<Vec<_>>(),
        page,
    );
}

/// Whether an account is no person's.
fn is_machinery(class: AccountClass) -> bool {
    use AccountClass::*;
    !matches!(class, LocalUser | DomainUser | EntraUser | Unknown | Null)
}

#[derive(Default)]
struct OfSource<'a> {
    machines: BTreeSet<usize>,
    accounts: BTreeSet<String>,
    kinds: BTreeSet<Kind>,
    names: BTreeSet<&'a str>,
    sessions: usize,
    refused: usize,
    span: Option<(Time, Time)>,
}

impl OfSource<'_> {
    fn saw(&mut self, time: Time) {
        let (first, last) = self.span.unwrap_or((time, time));
        self.span = Some((first.min(time), last.max(time)));
    }
}

fn sources(report: &Report<'_>, page: &mut String) {
    let mut sources: HashMap<String, OfSource<'_>> = HashMap::new();
    for session in &report.sessions {
        let back = session
            .intervals
            .iter()
            .filter_map(|i| i.address.as_deref());
        let places = back.chain(session.source_address.as_deref());
        let places = places.filter_map(|address| place(address, &session.host));
        for place in places.collect::<BTreeSet<String>>() {
            let row = sources.entry(place).or_default();
            row.sessions += 1;
            row.machines.insert(session.machine);
            row.accounts.insert(who(&session.account));
            row.kinds.insert(session.kind);
            let own = std::iter::once(&session.host).chain(&*session.host_aliases);
            let own = own.map(|name| &**name);
            row.names
                .extend(caller(session.workstation.as_deref(), own));
            if let Some(time) = session.start.time.or(session.start.max) {
                row.saw(time);
            }
        }
    }
    for failed in &report.failures {
        let event = &failed.event;
        let caller = caller(
            event.workstation.as_deref(),
            [&*failed.host, &event.computer],
        );
        let address = event.source_address.as_deref();
        let place = address.and_then(|address| place(address, &failed.host));
        // What gives no address may give a name.
        let place = place.or_else(|| Some(format!("{} (no address)", shown(caller?))));
        if let Some(place) = place {
            let row = sources.entry(place).or_default();
            row.refused += 1;
            row.machines.insert(failed.machine);
            row.names.extend(caller);
            row.saw(event.time);
        }
    }
    let mut rows: Vec<(String, OfSource<'_>)> = sources.into_iter().collect();
    let is_desktop = |row: &OfSource<'_>| row.kinds.iter().any(|kind| kind.is_desktop());
    rows.sort_by(|a, b| {
        let most = |row: &OfSource<'_>| Reverse((is_desktop(row), row.sessions + row.refused));
        most(&a.1).cmp(&most(&b.1)).then_with(|| a.0.cmp(&b.0))
    });
    let rows = rows.into_iter().map(|(place, row)| {
        let names: Vec<String> = row.names.iter().take(3).map(|name| shown(name)).collect();
        let more = if row.names.len() > 3 { ", …" } else { "" };
        let kinds: Vec<&str> = row.kinds.iter().map(|kind| kind.name()).collect();
        let names_given = Cell {
            text: format!("{}{more}", names.join(", ")),
            why: row.names.iter().find_map(|name| suspicion(name)),
        };
        vec![
            place.into(),
            names_given,
            kinds.join(", ").into(),
            row.accounts.len().into(),
            row.machines.len().into(),
            row.sessions.into(),
            row.refused.into(),
            stretch(row.span),
        ]
    });
    table(
        "Where they came from, Remote Desktop first",
        &[
            ("address", "name"),
            ("names given", "name"),
            ("kinds", "word"),
            ("ac&shy;counts", "number"),
            ("ma&shy;chines", "number"),
            ("ses&shy;sions", "number"),
            ("re&shy;fused", "number"),
            ("first, last (UTC)", "time"),
        ],
        &rows.collect::<Vec<_>>(),
        page,
    );
}

/// What an address that `host` saw is called; `None` of the machine's own. One that means something on its link alone is another
/// on each machine.
fn place(address: &str, host: &str) -> Option<String> {
    match network_address(address) {
        Some(ip) if ip.is_loopback() || ip.is_unspecified() => None,
        Some(ip) if is_link_local(&ip) => Some(format!("{} (at {})", shown(address), shown(host))),
        None if ["", "-", "LOCAL"]
            .iter()
            .any(|own| address.eq_ignore_ascii_case(own)) =>
        {
            None
        }
        _ => Some(shown(address)),
    }
}

/// What this page does not know, or does not hold.
fn uncertain(report: &Report<'_>, told: usize, page: &mut String) {
    let analysis = report.view.analysis();
    let all = report.sessions.len();
    let count = |fits: &dyn Fn(&Session) -> bool| {
        report
            .sessions
            .iter()
            .filter(|session| fits(session))
            .count()
    };
    let flagged = |flag: Flag| count(&move |s| s.flags.contains(&flag));
    let of = |count: usize, what: &str| {
        (count > 0).then(|| format!("{count} of {all} sessions {what}."))
    };
    let lines = [
        of(
            count(&|s| s.start.time.is_none()),
            "began before the evidence, nobody knows when",
        ),
        of(
            count(&|s| s.start.source == StartSource::Inferred),
            "have a beginning that is inferred, not recorded",
        ),
        of(
            count(&|s| s.end.source == EndSource::Inferred && s.end.time().is_some()),
            "have an end that is inferred, not recorded",
        ),
        of(
            count(&|s| s.end.time().is_none() && s.end.max.is_some()),
            "ended at some time in a range",
        ),
        of(
            count(&|s| s.end.max.is_none()),
            "have no end in the evidence: they may have gone on",
        ),
        of(
            count(&|s| s.kind == Kind::Unknown),
            "are of an unknown kind: their logon is not in the evidence",
        ),
        of(
            count(&|s| s.intervals.iter().any(|i| i.from.is_none())),
            "were locked or disconnected from a time that is not known",
        ),
        of(
            flagged(Flag::SpansGap),
            "lie across missing records: their end may be among them",
        ),
        of(
            flagged(Flag::SpansClear),
            "lie across the clearing of a log",
        ),
        of(flagged(Flag::ClockChanged), "saw the clock changed"),
        of(
            flagged(Flag::UncertainLink),
            "rest on records that fit other sessions as well",
        ),
        of(flagged(Flag::Recovered), "rest on recovered records"),
        of(
            flagged(Flag::Conflict),
            "rest on records that another log holds with other contents",
        ),
        of(
            flagged(Flag::SuspiciousName),
            "have a name that is perhaps made to be taken for another",
        ),
    ];
    let mut lines: Vec<String> = lines.into_iter().flatten().collect();
    lines.extend(unwritten(report));
    let damaged: Vec<String> = analysis
        .logs
        .iter()
        .filter(|log| !log.account.damage.is_empty())
        .map(|log| shown(&path_text(&log.path)))
        .collect();
    if let Some(first) = damaged.first() {
        let more = match damaged.len() {
            1 => String::new(),
            count => format!(" and {} more", count - 1),
        };
        lines.push(format!(
            "Damaged logs, read as far as they go: {first}{more}."
        ));
    }
    if let Some(first) = analysis.skipped.first() {
        let more = match analysis.skipped.len() {
            1 => String::new(),
            count => format!(" and {} more", count - 1),
        };
        let path = shown(&path_text(&first.path));
        let reason = shown(&first.reason);
        lines.push(format!(
            "Could not be read at all: {path} ({reason}){more}."
        ));
    }
    if analysis.conflicts > 0 {
        let count = analysis.conflicts;
        lines.push(format!(
            "{count} records stand in two logs with different contents; the first log's was used."
        ));
    }
    if told < all {
        lines.push(format!(
            "This page holds the stories of {told} sessions, those of people first, and not of the {} others: \
             winsessions explain tells them.",
            all - told
        ));
    }
    page.push_str("<div class=\"card\"><h2>What is uncertain</h2>");
    match lines.is_empty() {
        true if all == 0 => page.push_str("<p>There are no sessions in this page.</p>"),
        true => page.push_str("<p>Nothing of what is counted here: every bound is recorded.</p>"),
        false => {
            page.push_str("<ul>\n");
            for line in lines {
                page.push_str(&format!("<li>{}</li>\n", escaped(&line)));
            }
            page.push_str("</ul>");
        }
    }
    page.push_str("</div>\n");
}

/// What Windows did not write, by machine: nothing in a drawing shows it.
fn unwritten(report: &Report<'_>) -> Vec<String> {
    let mut channels: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
    for c in &report.coverage {
        channels.entry(c.machine).or_default().insert(&c.channel);
    }
    let mut lines = Vec::new();
    for channel in ["Security", "System"] {
        let without = channels.values().filter(|held| !held.contains(channel));
        let without = without.count();
        if without > 0 {
            lines.push(format!(
                "{} without a {channel} log in the evidence{}.",
                many(without, "machine is", "machines are"),
                match channel {
                    "Security" => ": most sessions of theirs cannot be seen",
                    _ => ": how their boots ended is known from Security alone, and no local time is proven",
                }
            ));
        }
    }
    lines
}

/// A lane of the still picture: what is in which column.
struct Lane<'a> {
    rank: (usize, bool, &'a str),
    host: &'a str,
    label: String,
    spans: BTreeMap<&'static str, Vec<(i64, i64)>>,
}

/// Which colour a kind has, by the name of a class of the style.
fn shade(kind: Kind) -> &'static str {
    match kind {
        Kind::Console | Kind::ConsoleCached | Kind::Unlock => "console",
        Kind::Rdp | Kind::RdpCached | Kind::RdpReconnect => "rdp",
        Kind::Network | Kind::Anonymous | Kind::NetworkCleartext | Kind::Ssh => "network",
        Kind::Unknown | Kind::Other => "unknown",
        Kind::Runas
        | Kind::RunasNetonly
        | Kind::NewCredentials
        | Kind::Elevation
        | Kind::PasswordChange
        | Kind::Program => "runas",
        _ => "service",
    }
}

fn picture(report: &Report<'_>, span: Option<(Time, Time)>, page: &mut String) {
    page.push_str(
        "<p class=\"warn\">Scripts are off: this is a still picture. With scripts it can be zoomed, searched and asked.</p>\n",
    );
    let Some(span) = span else {
        return;
    };
    let (first, last) = (milliseconds(span.0), milliseconds(span.1));
    let length = last.saturating_sub(first).max(1);
    let column = |time: Time| {
        let since = i128::from(milliseconds(time)) - i128::from(first);
        (since * i128::from(COLUMNS) / i128::from(length)).clamp(0, i128::from(COLUMNS)) as i64
    };
    let mut lanes: HashMap<(usize, String), Lane<'_>> = HashMap::new();
    for session in &report.sessions {
        let lane = lanes
            .entry((session.machine, who(&session.account)))
            .or_insert_with(|| Lane {
                rank: (
                    session.machine,
                    is_machinery(session.class),
                    session.account.name.as_deref().unwrap_or_default(),
                ),
                host: &session.host,
                label: shown(&account(&session.account)),
                spans: BTreeMap::new(),
            });
        let begin = session.start.time.or(session.start.max).or(session.end.min);
        let end = session.end.min.or(begin);
        let (Some(begin), Some(end)) = (begin, end) else {
            continue;
        };
        let (from, to) = (column(begin), column(end));
        let spans = lane.spans.entry(shade(session.kind)).or_default();
        match spans.last_mut() {
            Some((_, until)) if from <= *until => *until = to.max(*until),
            _ => spans.push((from, to.max(from))),
        }
    }
    let mut lanes: Vec<Lane<'_>> = lanes.into_values().collect();
    lanes.sort_by(|a, b| (a.rank, &a.label).cmp(&(b.rank, &b.label)));
    let left_out = lanes.len().saturating_sub(LANES);
    lanes.truncate(LANES);
    const HEIGHT: usize = 16;
    let mut body = String::new();
    let mut y = 4 + HEIGHT;
    let mut host = None;
    for lane in &lanes {
        if host != Some(lane.rank.0) {
            host = Some(lane.rank.0);
            body.push_str(&format!(
                "<text class=\"host\" x=\"0\" y=\"{}\">{}</text>\n",
                y + 12,
                escaped(&shown(lane.host))
            ));
            y += HEIGHT;
        }
        let label: String = lane.label.chars().take(34).collect();
        body.push_str(&format!(
            "<text x=\"8\" y=\"{}\">{}</text>\n",
            y + 12,
            escaped(&label)
        ));
        // What is on at the same time stands below each other.
        let height = 12.0 / lane.spans.len().max(1) as f64;
        for (slot, (shade, spans)) in lane.spans.iter().enumerate() {
            for (from, to) in spans {
                body.push_str(&format!(
                    "<rect class=\"{shade}\" x=\"{}\" y=\"{:.1}\" width=\"{}\" height=\"{height:.1}\"/>",
                    LEFT + from * WIDE,
                    y as f64 + 2.0 + height * slot as f64,
                    ((to - from) * WIDE).max(WIDE)
                ));
            }
        }
        body.push('\n');
        y += HEIGHT;
    }
    let mut axis = String::new();
    for tick in ticks(first, last) {
        let text = match tick % DAY {
            0 => second(time_of(tick)).chars().take(10).collect(),
            _ => minute(time_of(tick)),
        };
        let x = LEFT + column(time_of(tick)) * WIDE;
        // A text that would be cut at an edge ends, or begins, at its line.
        let anchor = match x {
            ..300 => "start",
            1010.. => "end",
            _ => "middle",
        };
        axis.push_str(&format!(
            "<line class=\"tick\" x1=\"{x}\" y1=\"14\" x2=\"{x}\" y2=\"{y}\"/>\
             <text class=\"tick\" x=\"{x}\" y=\"10\" text-anchor=\"{anchor}\">{text}</text>\n"
        ));
    }
    page.push_str(&format!(
        "<figure><svg role=\"img\" aria-label=\"Sessions by machine and account over time\" viewBox=\"0 0 1060 {y}\" \
         xmlns=\"http://www.w3.org/2000/svg\">\n{axis}{body}</svg>\n<figcaption>{} to {} UTC. No bar is narrower than {} of the \
         time, however short its session was; ends that are not known are drawn at the last sign of life. Blue: console, orange: Remote Desktop, green: network \
         and SSH, violet: other credentials, grey: services and the system, pale: unknown.{}</figcaption></figure>\n",
        minute(span.0),
        minute(span.1),
        spoken(Ticks::from(length / COLUMNS).saturating_mul(10_000).max(10_000_000)),
        match left_out {
            0 => String::new(),
            count => format!(" {count} lanes more are not drawn."),
        }
    ));
}

/// Where dates are told between two times, in milliseconds since 1970: at round times, or where months or years begin.
pub(super) fn ticks(first: i64, last: i64) -> Vec<i64> {
    const MINUTES: [i64; 14] = [
        1, 2, 5, 10, 20, 30, 60, 120, 180, 360, 720, 1440, 2880, 7200,
    ];
    const MONTHS: [i64; 11] = [1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200];
    let length = last.saturating_sub(first);
    let fits = |step: &i64| length / step < DATES;
    let even = MINUTES
        .map(|minutes| minutes * 60_000)
        .into_iter()
        .find(fits);
    match even {
        Some(step) => {
            let begin = first.div_euclid(step).saturating_add(1);
            let times = (begin..).map(|number| number.saturating_mul(step));
            times.take_while(|tick| *tick <= last).collect()
        }
        None => {
            let months = MONTHS.into_iter().find(|months| fits(&(months * 30 * DAY)));
            let months = months.unwrap_or(12_000);
            let begin = year_of(first) * 12 / months * months + months;
            let dates = (0..).map(|number| begin + number * months);
            let times = dates.map_while(|date| {
                let text = format!("{:04}-{:02}-01", date / 12, date % 12 + 1);
                text.parse().ok().map(milliseconds)
            });
            let times = times.take_while(|tick| *tick <= last);
            times.filter(|tick| *tick > first).collect()
        }
    }
}

fn year_of(milliseconds: i64) -> i64 {
    let text = time_of(milliseconds).to_string();
    let year = text.split('-').next().and_then(|year| year.parse().ok());
    year.unwrap_or(1601)
}

fn list(report: &Report<'_>, page: &mut String) {
    let people = |session: &&&Session| session.interactivity != Interactivity::NonInteractive;
    let rows: Vec<&&Session> = report.sessions.iter().filter(people).collect();
    page.push_str(
        "<h2>Sessions, without services</h2><table><thead><tr><th>start (UTC)</th><th>end, not before</th><th>ended</th>\
         <th>account</th><th>machine</th><th>kind</th><th>from</th></tr></thead><tbody>\n",
    );
    for session in rows.iter().take(LISTED) {
        let start = match (session.start.time, session.start.max) {
            (Some(time), _) => second(time),
            (None, Some(max)) => format!("before {}", second(max)),
            (None, None) => "not known".to_owned(),
        };
        let end = session.end.min.map_or("not known".to_owned(), second);
        let ended = format!("{}, {}", session.end.reason, session.end.source);
        let cells = [
            start,
            end,
            ended,
            shown(&account(&session.account)),
            shown(&session.host),
            session.kind.to_string(),
            shown(session.source_address.as_deref().unwrap_or_default()),
        ];
        page.push_str("<tr>");
        for cell in cells {
            page.push_str(&format!("<td>{}</td>", escaped(&cell)));
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody></table>\n");
    let others = rows.len().saturating_sub(LISTED);
    if others > 0 {
        page.push_str(&format!(
            "<p class=\"more\">and {others} more: they are in this page, and its scripts show them.</p>\n"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_means_something_on_its_link_alone_is_another_on_each_machine() {
        let of = |address, host| place(address, host);
        assert_eq!(of("10.0.0.5", "one"), of("10.0.0.5", "two"));
        assert_ne!(of("fe80::1%4", "one"), of("fe80::1%4", "two"));
        for own in ["::1", "::ffff:127.0.0.1", "0.0.0.0", "LOCAL", "-", ""] {
            assert_eq!(of(own, "one"), None, "{own}");
        }
    }
}
