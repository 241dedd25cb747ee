//! Which rows are asked for.
//!
//! In: a session or event. Out: whether it is kept, and how sure it is that it fits. What is uncertain is never left out: a
//! session that may have been on in a span of time is kept.

mod first;
mod hours;
mod remote;

pub use first::{By, First};
pub use hours::{Hours, Outside, Zone};
pub use remote::Remote;

use crate::analysis::TimelineEvent;
use crate::event::{Account, Text};
use crate::named::named;
use crate::session::{Coverage, Flag, Interactivity, Interval, Kind, PartReason, Session, State};
use crate::sid::{AccountClass, OwnNames};
use crate::time::{Ticks, Time};

/// A pattern with `*` (any text) and `?` (any one character), compared without case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    typed: String,
    folded: Vec<char>,
}

impl Glob {
    /// The pattern that `text` writes; every text is one.
    pub fn new(text: &str) -> Self {
        Glob {
            typed: text.to_owned(),
            folded: text.chars().map(fold).collect(),
        }
    }

    /// Whether the whole of `text` fits. Takes time in proportion to pattern times text at the worst.
    pub fn matches(&self, text: &str) -> bool {
        let pattern = self.folded.as_slice();
        let mut rest = text.chars();
        let mut at = 0;
        // Where to go on after the last star if what follows it does not fit: one character later.
        let mut retry: Option<(usize, std::str::Chars<'_>)> = None;
        loop {
            let before = rest.clone();
            match (pattern.get(at), rest.next()) {
                (None, None) => return true,
                (Some('*'), _) => {
                    at += 1;
                    rest = before.clone();
                    retry = Some((at, before));
                }
                (Some('?'), Some(_)) => at += 1,
                (Some(&wanted), Some(found)) if wanted == fold(found) => at += 1,
                _ => {
                    let Some((after_star, mut from)) = retry.take() else {
                        return false;
                    };
                    if from.next().is_none() {
                        return false;
                    }
                    at = after_star;
                    rest = from.clone();
                    retry = Some((after_star, from));
                }
            }
        }
    }
}

impl Glob {
    /// Whether it fits only what it is itself.
    pub fn is_name(&self) -> bool {
        !self.typed.contains(['*', '?'])
    }
}

impl std::fmt::Display for Glob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.typed)
    }
}

/// The lower case of a character that has exactly one.
fn fold(character: char) -> char {
    let mut lower = character.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(lower), None) => lower,
        _ => character,
    }
}

/// What to keep. Lists hold alternatives, an empty one keeps all; the fields all have to agree.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    /// Names of machines: whole or first label, present or earlier.
    pub host: Vec<Glob>,
    /// Names, `DOMAIN\name` or SIDs of accounts.
    pub account: Vec<Glob>,
    /// Kinds of logon.
    pub kind: Vec<Glob>,
    /// Classes of account.
    pub class: Vec<Glob>,
    /// Network addresses or workstation names that something came from.
    pub address: Vec<Glob>,
    /// What was going on at or after this time.
    pub from: Option<Time>,
    /// What was going on before this time.
    pub to: Option<Time>,
    /// Sessions that were on, or may have been, at this time.
    pub at: Option<Time>,
    /// Only what came, or may have come, from outside of the machine.
    pub remote: Option<Remote>,
    /// Only what began, or may have begun, outside of hours.
    pub outside: Option<Outside>,
    /// Only sessions that are the first ones, or may be, of all that agree with the rest of the filter but for times; then those
    /// times are about when they began.
    pub first: Option<First>,
    /// Only what is known to be interactive.
    pub interactive: bool,
    /// Nothing that is known to be non-interactive.
    pub no_service: bool,
}

impl Filter {
    /// Whether everything is asked for.
    fn keeps_all(&self) -> bool {
        *self == Filter::default()
    }

    /// Whether it asks what only all sessions together tell: then it has to [`learn`](Self::learn) each of them first.
    pub fn learns(&self) -> bool {
        self.remote.is_some() || self.first.is_some()
    }

    /// Takes note of a session.
    pub fn learn(&mut self, session: &Session) {
        if let Some(remote) = &mut self.remote {
            remote.learn(session);
        }
        let Some(mut first) = self.first.take() else {
            return;
        };
        if self.is_meant(session) && self.keeps_interactivity(session.interactivity) {
            first.learn(session);
        }
        self.first = Some(first);
    }

    /// Whether it asks something that a session can fit for sure, or possibly.
    pub fn asks(&self) -> bool {
        self.remote.is_some() || self.outside.is_some() || self.first.is_some()
    }

    /// How sure it is that a session fits what is asked of where it came from, of hours and of firsts; `None` if it does not.
    pub fn fit(&self, session: &Session) -> Option<Fit> {
        let remote = self.remote.as_ref().map(|remote| remote.fit(session));
        let outside = self.outside.as_ref().map(|outside| outside.fit(session));
        let first = self.first.as_ref().map(|first| first.fit(session));
        let mut asked = [remote, outside, first].into_iter().flatten();
        // Of nothing, all is sure.
        asked.try_fold(Fit::Sure, |all, one| Some(all.min(one?)))
    }

    /// Whether a session is asked for.
    pub fn keeps_session(&self, session: &Session) -> bool {
        self.keeps_all() || self.fits(session) && self.keeps_interactivity(session.interactivity)
    }

    /// Whether what a machine's logs can speak of is asked for.
    pub fn keeps_machine(&self, coverage: &Coverage) -> bool {
        any_host(
            &self.host,
            std::iter::once(&coverage.host).chain(&*coverage.host_aliases),
        )
    }

    /// The options that this is, as they are typed.
    pub fn options(&self) -> Vec<String> {
        let Filter {
            host,
            account,
            kind,
            class,
            address,
            from,
            to,
            at,
            remote,
            outside,
            first,
            interactive,
            no_service,
        } = self;
        let globs = [
            ("host", host),
            ("account", account),
            ("kind", kind),
            ("class", class),
            ("address", address),
        ];
        let globs = globs
            .into_iter()
            .flat_map(|(name, globs)| globs.iter().map(move |glob| format!("--{name} {glob}")));
        let times = [("from", from), ("to", to), ("at", at)].into_iter();
        let times = times.filter_map(|(name, time)| Some(format!("--{name} {}", (*time)?)));
        let switches = [("interactive", interactive), ("no-service", no_service)];
        let switches = switches.into_iter().filter(|(_, on)| **on);
        let remote = remote.as_ref().map(|own| match own.to_string().as_str() {
            "" => "--remote".to_owned(),
            own => format!("--remote={own}"),
        });
        let outside = outside
            .as_ref()
            .map(|Outside { hours, zone }| format!("--outside '{hours}' --tz {zone}"));
        let first = first
            .as_ref()
            .map(|first| format!("--first-seen {}", first.by()));
        globs
            .chain(times)
            .chain([remote, outside, first].into_iter().flatten())
            .chain(switches.map(|(name, _)| format!("--{name}")))
            .collect()
    }

    /// A filter for each option, and each of its alternatives, alone; but not for firsts, which are of what the others leave.
    pub fn parts(&self) -> Vec<Filter> {
        let mut parts = Vec::new();
        let mut add = |set: &dyn Fn(&mut Filter)| {
            let mut part = Filter::default();
            set(&mut part);
            if !part.keeps_all() {
                parts.push(part);
            }
        };
        let lists: [fn(&mut Filter) -> &mut Vec<Glob>; 5] = [
            |part| &mut part.host,
            |part| &mut part.account,
            |part| &mut part.kind,
            |part| &mut part.class,
            |part| &mut part.address,
        ];
        for list in lists {
            for glob in list(&mut self.clone()) {
                add(&|part| list(part).push(glob.clone()));
            }
        }
        add(&|part| part.from = self.from);
        add(&|part| part.to = self.to);
        add(&|part| part.at = self.at);
        add(&|part| part.remote = self.remote.clone());
        add(&|part| part.outside = self.outside.clone());
        add(&|part| part.interactive = self.interactive);
        add(&|part| part.no_service = self.no_service);
        parts
    }

    /// Whether an option has several alternatives.
    pub fn has_alternatives(&self) -> bool {
        let lists = [
            &self.host,
            &self.account,
            &self.kind,
            &self.class,
            &self.address,
        ];
        lists.iter().any(|globs| globs.len() > 1)
    }

    /// Whether a session is asked for, whether it is interactive or not.
    fn fits(&self, session: &Session) -> bool {
        let may_be_in_time = match &self.first {
            Some(_) => first::may_begin(session, self.from, self.to),
            None => Presence::of(session).may_overlap(self.from, self.to),
        };
        self.is_meant(session)
            && may_be_in_time
            && self.at.is_none_or(|at| state_at(session, at).is_some())
            && self.fit(session).is_some()
    }

    /// Whether a session is one of those that times are asked of.
    fn is_meant(&self, session: &Session) -> bool {
        let hosts = std::iter::once(&session.host).chain(&*session.host_aliases);
        any_host(&self.host, hosts)
            && any_account(&self.account, &session.account)
            && any(&self.kind, kinds(session).map(Kind::name))
            && any(&self.class, [session.class.name()])
            && any_place(&self.address, came_from(session))
            && self
                .remote
                .as_ref()
                .is_none_or(|remote| remote.fit(session).is_some())
    }

    /// Whether a session would be shown if it were known to be interactive: the evidence does not tell.
    pub fn leaves_out_as_unknown(&self, session: &Session) -> bool {
        self.interactive && session.interactivity == Interactivity::Unknown && self.fits(session)
    }

    /// Whether an event is asked for; `session` is the one it belongs to.
    pub fn keeps_event(&self, event: &TimelineEvent, session: Option<&Session>) -> bool {
        let record = &event.event;
        let interactivity = session.map_or(Interactivity::Unknown, |s| s.interactivity);
        let came_from = [&record.source_address, &record.workstation];
        self.keeps_all()
            || any_host(&self.host, [&event.host, &record.computer])
                && any_account(&self.account, &record.account)
                && any(&self.kind, event.kind.map(Kind::name))
                && any(&self.class, [event_class(event, session).name()])
                && any_place(&self.address, came_from)
                && self.keeps_interactivity(interactivity)
                && self.from.is_none_or(|from| record.time >= from)
                && self.to.is_none_or(|to| record.time < to)
                && self
                    .outside
                    .as_ref()
                    .is_none_or(|outside| outside.is_outside(record.time) != Some(false))
                && self.remote.as_ref().is_none_or(|remote| {
                    match (&record.source_address, session) {
                        (Some(place), Some(session)) => {
                            remote.of(event.machine, place).is_some()
                                || remote.is_through_tunnel(session, place)
                        }
                        (Some(place), None) => remote.of(event.machine, place).is_some(),
                        (None, Some(session)) => remote.fit(session).is_some(),
                        (None, None) => event.kind.is_some_and(remote::may_be_over_the_network),
                    }
                })
    }

    fn keeps_interactivity(&self, interactivity: Interactivity) -> bool {
        (!self.interactive || interactivity == Interactivity::Interactive)
            && (!self.no_service || interactivity != Interactivity::NonInteractive)
    }
}

/// Whether a session is of an account, or came from an address or workstation, that a pattern fits.
pub fn is_of(glob: &Glob, session: &Session) -> bool {
    let glob = std::slice::from_ref(glob);
    any_account(glob, &session.account) || any_place(glob, came_from(session))
}

/// Where a session came from, and somebody came back to it from.
pub fn came_from(session: &Session) -> impl Iterator<Item = &Option<Text>> {
    [&session.source_address, &session.workstation]
        .into_iter()
        .chain(session.intervals.iter().map(|interval| &interval.address))
}

fn any<'a>(globs: &[Glob], texts: impl IntoIterator<Item = &'a str>) -> bool {
    globs.is_empty()
        || texts
            .into_iter()
            .any(|text| globs.iter().any(|glob| glob.matches(text)))
}

fn any_host<'a>(globs: &[Glob], names: impl IntoIterator<Item = &'a Text>) -> bool {
    let labels = |name: &'a Text| [&**name, name.split('.').next().unwrap_or_default()];
    any(globs, names.into_iter().flat_map(labels))
}

fn any_account(globs: &[Glob], account: &Account) -> bool {
    if globs.is_empty() {
        return true;
    }
    let name = account.name.as_deref();
    let sid = account.sid.as_ref().map(|sid| sid.as_str());
    let qualified = match (account.domain.as_deref(), name) {
        (Some(domain), Some(name)) => Some(format!("{domain}\\{name}")),
        _ => None,
    };
    any(
        globs,
        name.into_iter().chain(sid).chain(qualified.as_deref()),
    )
}

/// Addresses and workstation names; `::ffff:10.0.0.1` is 10.0.0.1 too.
fn any_place<'a>(globs: &[Glob], places: impl IntoIterator<Item = &'a Option<Text>>) -> bool {
    let mapped = |place: &'a str| {
        let (head, rest) = place.split_at_checked("::ffff:".len())?;
        (head.eq_ignore_ascii_case("::ffff:") && rest.contains('.')).then_some(rest)
    };
    let places = places.into_iter().filter_map(|place| place.as_deref());
    any(
        globs,
        places.flat_map(|place| [place, mapped(place).unwrap_or(place)]),
    )
}

/// What a session began as, and what it became when somebody came back to it.
fn kinds(session: &Session) -> impl Iterator<Item = Kind> {
    let later = session.parts.iter().filter_map(|part| match part.reason {
        PartReason::Unlock => Some(Kind::Unlock),
        PartReason::RdpReconnect => Some(Kind::RdpReconnect),
        _ => None,
    });
    std::iter::once(session.kind).chain(later)
}

/// The class of an event's account: its session's where it is the same account, else what the SID alone tells.
pub fn event_class(event: &TimelineEvent, session: Option<&Session>) -> AccountClass {
    let account = &event.event.account;
    match session {
        Some(session) if session.account.sid == account.sid => session.class,
        _ if account
            .sid
            .as_ref()
            .is_some_and(|sid| sid.is_under("S-1-5-21")) =>
        {
            AccountClass::Unknown
        }
        _ => AccountClass::of(account.sid.as_ref(), None, None, &OwnNames::default()),
    }
}

named! {
    /// How sure it is that a row is what was asked for.
    pub enum Fit {
        /// It may be: the evidence does not tell.
        Possible = "possible",
        /// It is, as far as the row's own columns are right.
        Sure = "sure",
    }
}

named! {
    /// What a session was doing at a moment.
    pub enum StateAt {
        /// A desktop that was connected and not locked.
        InUse = "in-use",
        /// A desktop without a client.
        Disconnected = "disconnected",
        /// A locked desktop.
        Locked = "locked",
        /// A desktop under its screen saver.
        ScreenSaver = "screen-saver",
        /// It was on, and has no desktop, or what its desktop was doing is not known.
        On = "on",
        /// It may have been on: the moment lies where its start or end is uncertain, or the clock was set meanwhile.
        Maybe = "maybe",
    }
}

/// Whether records of a session's time are missing.
fn misses_records(session: &Session) -> bool {
    let gaps = [Flag::SpansGap, Flag::SpansClear];
    gaps.iter().any(|gap| session.flags.contains(gap))
}

/// What `session` was doing at a moment; `None` if it was not on.
pub fn state_at(session: &Session, at: Time) -> Option<StateAt> {
    let presence = Presence::of(session);
    if !presence.possible(at) {
        return None;
    }
    if !presence.certain(at) {
        return Some(StateAt::Maybe);
    }
    // Where records are missing, what seems to last to the end may have ended before.
    let misses = misses_records(session);
    let is_over = |interval: &Interval| interval.to.is_some_and(|to| to <= at);
    let began = |interval: &Interval| interval.from.is_some_and(|from| from <= at);
    let during = |interval: &&Interval| {
        began(interval) && !is_over(interval) && (interval.to.is_some() || !misses)
    };
    let state = session
        .intervals
        .iter()
        .filter(during)
        .map(|i| i.state)
        .min();
    // A lock whose beginning was not recorded may have begun before the moment.
    let vague = |interval: &Interval| {
        let may_be_over = interval.to.is_none() && misses && began(interval);
        !is_over(interval) && (interval.from.is_none() || may_be_over)
    };
    let desktop = matches!(
        session.kind,
        Kind::Console | Kind::ConsoleCached | Kind::Rdp | Kind::RdpCached
    );
    Some(match state {
        Some(State::Disconnected) => StateAt::Disconnected,
        Some(State::Locked) => StateAt::Locked,
        Some(State::ScreenSaver) => StateAt::ScreenSaver,
        None if desktop && !session.intervals.iter().any(vague) => StateAt::InUse,
        None => StateAt::On,
    })
}

/// When a session was on, as far as is known. Absent bounds are unknown ones.
#[derive(Debug, Clone, Copy)]
pub struct Presence {
    /// The earliest and latest moments it can have been on.
    pub possible: (Option<Time>, Option<Time>),
    /// Between these it was on.
    pub certain: (Option<Time>, Option<Time>),
}

impl Presence {
    /// When `session` was on.
    pub fn of(session: &Session) -> Self {
        let start = session.start;
        let began = start.time.or(start.max);
        let end = session.end;
        let by_clock = Presence {
            possible: (start.time, end.max),
            certain: (began, end.min),
        };
        if !session.flags.contains(&Flag::ClockChanged) {
            return by_clock;
        }
        // The clock was set in mid-session. Forward, it was on at no moment in between; back, it was on for its duration after the
        // start by the old clock and before the end by the new one. Only the change itself tells how far each goes.
        let at_start = Presence {
            certain: (began, began),
            ..by_clock
        };
        let (Some(start), Some(last)) = (start.time, end.max) else {
            return at_start;
        };
        let bounds = session.duration;
        match bounds.map(|ticks| (last.plus(-ticks), start.plus(ticks))) {
            bounds if last < start => Presence {
                possible: (
                    bounds.map(|(earliest, _)| earliest.min(start)),
                    bounds.map(|(_, latest)| latest.max(last)),
                ),
                ..at_start
            },
            Some((earliest, latest)) if latest >= last => Presence {
                possible: (Some(earliest.min(start)), Some(latest)),
                ..by_clock
            },
            _ => at_start,
        }
    }

    /// How long a session lasted at least.
    pub fn least(session: &Session) -> Option<Ticks> {
        let Presence { certain, .. } = Presence::of(session);
        let certain = certain.0.zip(certain.1);
        session
            .duration
            .or(certain.map(|(first, last)| last.since(first)))
    }

    /// Whether it can have been on at a moment. It was on at its start, however short it is.
    fn possible(&self, at: Time) -> bool {
        let (first, last) = self.possible;
        first.is_none_or(|first| first <= at)
            && last.is_none_or(|last| at < last || first == Some(at))
    }

    /// Whether it was on at a moment.
    pub fn certain(&self, at: Time) -> bool {
        let (Some(first), Some(last)) = self.certain else {
            return self.certain.0 == Some(at);
        };
        first == at || (first < at && at < last)
    }

    /// Whether it can have been on at some moment of `[from, to)`.
    fn may_overlap(&self, from: Option<Time>, to: Option<Time>) -> bool {
        let (first, last) = self.possible;
        let ended_before = from
            .zip(last)
            .is_some_and(|(from, last)| last <= from && first != Some(from));
        let began_after = to.zip(first).is_some_and(|(to, first)| first >= to);
        !ended_before && !began_after
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Action;
    use crate::export::sample::{account, analysis, event, session, time};
    use crate::session::{End, EndReason, EndSource, Part, Start, StartSource};

    fn fits(pattern: &str, text: &str) -> bool {
        Glob::new(pattern).matches(text)
    }

    #[test]
    fn a_filter_is_told_in_options_that_are_read_as_it_is() {
        for text in ["Mon-Fri 08:00-18:00", "22:30-06:00"] {
            let hours: Hours = text.parse().unwrap();
            assert_eq!(hours.to_string().parse(), Ok(hours));
        }
        for text in ["Europe/Berlin", "-03:30", "local"] {
            assert_eq!(text.parse::<Zone>().unwrap().to_string(), text);
        }
        let by: By = "host,account".parse().unwrap();
        let filter = Filter {
            host: vec![Glob::new("SRV*")],
            remote: Some("10.0.0.0/8,fd00::/8".parse().unwrap()),
            outside: Some(Outside {
                hours: "Sat,Sun 00:00-24:00".parse().unwrap(),
                zone: Zone::UTC,
            }),
            first: Some(First::new(by)),
            no_service: true,
            ..Filter::default()
        };
        assert_eq!(
            filter.options().join(" "),
            "--host SRV* --remote=10.0.0.0/8,fd00::/8 --outside 'sat,sun 00:00-24:00' --tz +00:00 \
             --first-seen account,host --no-service"
        );
    }

    #[test]
    fn a_pattern_fits_the_whole_text_and_no_less() {
        assert!(fits("", ""));
        assert!(!fits("", "a"));
        assert!(!fits("a", ""));
        assert!(fits("ann", "ann"));
        assert!(!fits("ann", "anna"));
        assert!(!fits("ann", "joann"));
    }

    #[test]
    fn a_star_is_any_text_and_a_question_mark_one_character() {
        assert!(fits("*", ""));
        assert!(fits("**", "anything"));
        assert!(fits("a*", "a"));
        assert!(fits("a*c*e", "abcde"));
        assert!(fits("*ab*ab*", "xabyabz"));
        assert!(!fits("*ab*ab*", "xaby"));
        assert!(fits("*aab", "aaaab"));
        assert!(!fits("?", ""));
        assert!(fits("?", "é"));
        assert!(fits("?*?", "管理"));
        assert!(!fits("?*?", "管"));
        assert!(fits("10.0.?.*", "10.0.0.66"));
        assert!(fits("a*", "a*"));
        assert!(fits("*?", "a?"));
    }

    #[test]
    fn case_does_not_matter_in_any_script() {
        assert!(fits("corp\\ANN", "CORP\\ann"));
        assert!(fits("*réseau", "SERVICE RÉSEAU"));
        assert!(fits("ΟΔΟΣ", "οδοσ"));
        assert!(fits("?stanbul", "İstanbul"));
    }

    #[test]
    fn a_pattern_made_to_be_slow_is_not() {
        let text = "a".repeat(200_000);
        assert!(!fits("*a*a*a*a*a*a*a*a*b", &text));
        assert!(!fits(&format!("*{}b", "a".repeat(50)), &text));
    }

    fn filter(set: impl FnOnce(&mut Filter)) -> Filter {
        let mut filter = Filter::default();
        set(&mut filter);
        filter
    }

    fn globs(texts: &[&str]) -> Vec<Glob> {
        texts.iter().map(|text| Glob::new(text)).collect()
    }

    #[test]
    fn an_account_is_found_by_name_by_domain_and_name_and_by_sid() {
        let ann = session("2020-01-01", "2020-01-02");
        let keeps = |text: &str| filter(|f| f.account = globs(&[text])).keeps_session(&ann);
        assert!(keeps("ANN"));
        assert!(keeps("ws01\\a*"));
        assert!(keeps("s-1-5-21-*-1001"));
        assert!(!keeps("ws01"));
        assert!(!keeps("corp\\ann"));
    }

    #[test]
    fn alternatives_of_one_filter_are_joined_by_or_and_filters_by_and() {
        let ann = session("2020-01-01", "2020-01-02");
        assert!(filter(|f| f.account = globs(&["bob", "ann"])).keeps_session(&ann));
        let both = filter(|f| {
            f.account = globs(&["ann"]);
            f.kind = globs(&["rdp*"]);
        });
        assert!(!both.keeps_session(&ann));
    }

    #[test]
    fn a_machine_is_found_by_its_first_label_and_by_its_earlier_names() {
        let mut ann = session("2020-01-01", "2020-01-02");
        ann.host = "DC01.corp.example".into();
        ann.host_aliases = ["WIN-03DLIIOFRRA".into()].into();
        let keeps = |text: &str| filter(|f| f.host = globs(&[text])).keeps_session(&ann);
        assert!(keeps("dc01"));
        assert!(keeps("dc01.corp.*"));
        assert!(keeps("win-*"));
        assert!(!keeps("corp"));
    }

    #[test]
    fn a_session_is_found_by_what_it_became_later() {
        let mut moved = session("2020-01-01", "2020-01-02");
        moved.parts.push(Part {
            reason: PartReason::RdpReconnect,
            ..moved.parts[0].clone()
        });
        moved.intervals.push(Interval {
            state: State::Disconnected,
            from: None,
            to: None,
            source: EndSource::Recorded,
            address: Some("10.9.8.7".into()),
        });
        assert!(filter(|f| f.kind = globs(&["rdp*"])).keeps_session(&moved));
        assert!(filter(|f| f.address = globs(&["10.9.*"])).keeps_session(&moved));
    }

    #[test]
    fn an_ipv4_address_is_found_where_it_is_written_as_ipv6() {
        let mut ann = session("2020-01-01", "2020-01-02");
        let keeps = |ann: &Session| filter(|f| f.address = globs(&["10.0.0.1"])).keeps_session(ann);
        ann.source_address = Some("::FFFF:10.0.0.1".into());
        assert!(keeps(&ann));
        ann.source_address = Some("fe80::10.0.0.1".into());
        assert!(!keeps(&ann));
        ann.source_address = Some("ééééé".into());
        assert!(!keeps(&ann));
    }

    #[test]
    fn interactive_keeps_what_is_known_to_be_and_no_service_what_is_not_known_to_be_a_service() {
        let kept = |filter: Filter| {
            let analysis = analysis();
            let kept = analysis.sessions.iter().filter(|s| filter.keeps_session(s));
            kept.map(|s| s.interactivity).collect::<Vec<_>>()
        };
        use Interactivity::*;
        let all = kept(filter(|f| f.interactive = true));
        assert!(!all.is_empty() && all.iter().all(|i| *i == Interactive));
        let all = kept(filter(|f| f.no_service = true));
        assert!(all.contains(&Unknown) && all.contains(&Network));
        assert!(!all.contains(&NonInteractive));
    }

    fn overlaps(session: &Session, from: &str, to: &str) -> bool {
        let bound = |text: &str| (!text.is_empty()).then(|| time(text));
        filter(|f| (f.from, f.to) = (bound(from), bound(to))).keeps_session(session)
    }

    #[test]
    fn a_span_of_time_keeps_the_sessions_that_touch_it_and_leaves_out_its_last_moment() {
        let day = session("2020-01-02", "2020-01-03");
        assert!(overlaps(&day, "2020-01-02T12:00", "2020-01-02T13:00"));
        assert!(overlaps(&day, "2020-01-01", "2020-01-02T00:00:00.0000001"));
        assert!(overlaps(&day, "2020-01-02T23:59:59.9999999", ""));
        assert!(!overlaps(&day, "2020-01-01", "2020-01-02"));
        assert!(!overlaps(&day, "2020-01-03", ""));
        let moment = session("2020-01-02", "2020-01-02");
        assert!(overlaps(&moment, "2020-01-02", "2020-01-03"));
        assert!(!overlaps(&moment, "2020-01-01", "2020-01-02"));
    }

    /// Known to be on from 10 to 12 o'clock; began no one knows when, ended by 14 o'clock.
    fn uncertain() -> Session {
        Session {
            start: Start {
                time: None,
                max: Some(time("2020-01-02T10:00")),
                source: StartSource::BeforeLog,
            },
            end: End {
                min: Some(time("2020-01-02T12:00")),
                max: Some(time("2020-01-02T14:00")),
                reason: EndReason::Crash,
                source: EndSource::Inferred,
            },
            ..session("2020-01-02", "2020-01-02")
        }
    }

    #[test]
    fn a_session_that_may_touch_a_span_is_kept() {
        assert!(overlaps(&uncertain(), "", "2020-01-01"));
        assert!(overlaps(&uncertain(), "2020-01-02T13:59", ""));
        assert!(!overlaps(&uncertain(), "2020-01-02T14:00", ""));
        let mut open = uncertain();
        open.end.max = None;
        assert!(overlaps(&open, "2030-01-01", "2030-01-02"));
    }

    fn state(session: &Session, at: &str) -> Option<StateAt> {
        state_at(session, time(at))
    }

    #[test]
    fn a_session_is_on_from_its_start_until_before_its_end() {
        let day = session("2020-01-02", "2020-01-03");
        assert_eq!(state(&day, "2020-01-01T23:59:59.9999999"), None);
        assert_eq!(state(&day, "2020-01-02"), Some(StateAt::InUse));
        assert_eq!(
            state(&day, "2020-01-02T23:59:59.9999999"),
            Some(StateAt::InUse)
        );
        assert_eq!(state(&day, "2020-01-03"), None);
        let moment = session("2020-01-02", "2020-01-02");
        assert_eq!(state(&moment, "2020-01-02"), Some(StateAt::InUse));
    }

    #[test]
    fn where_the_bounds_are_uncertain_a_session_may_have_been_on() {
        let mut some = uncertain();
        assert_eq!(state(&some, "2019-01-01"), Some(StateAt::Maybe));
        assert_eq!(state(&some, "2020-01-02T10:00"), Some(StateAt::InUse));
        assert_eq!(state(&some, "2020-01-02T11:59"), Some(StateAt::InUse));
        assert_eq!(state(&some, "2020-01-02T12:00"), Some(StateAt::Maybe));
        assert_eq!(state(&some, "2020-01-02T14:00"), None);
        some.end.max = None;
        assert_eq!(state(&some, "2030-01-01"), Some(StateAt::Maybe));
        some.end.min = None;
        assert_eq!(state(&some, "2020-01-02T11:00"), Some(StateAt::Maybe));
    }

    #[test]
    fn the_state_is_that_of_the_interval_and_in_use_is_never_guessed() {
        let interval = |state, from: Option<&str>, to: &str| Interval {
            state,
            from: from.map(time),
            to: Some(time(to)),
            source: EndSource::Recorded,
            address: None,
        };
        let mut day = session("2020-01-02", "2020-01-03");
        day.intervals = vec![
            interval(State::Locked, Some("2020-01-02T08:00"), "2020-01-02T10:00"),
            interval(
                State::Disconnected,
                Some("2020-01-02T09:00"),
                "2020-01-02T11:00",
            ),
        ];
        assert_eq!(state(&day, "2020-01-02T07:00"), Some(StateAt::InUse));
        assert_eq!(state(&day, "2020-01-02T08:00"), Some(StateAt::Locked));
        assert_eq!(state(&day, "2020-01-02T09:30"), Some(StateAt::Disconnected));
        assert_eq!(state(&day, "2020-01-02T11:00"), Some(StateAt::InUse));
        day.intervals = vec![interval(State::Locked, None, "2020-01-02T10:00")];
        assert_eq!(
            state(&day, "2020-01-02T09:00"),
            Some(StateAt::On),
            "the lock may have begun by then"
        );
        assert_eq!(state(&day, "2020-01-02T10:00"), Some(StateAt::InUse));
        day.intervals = vec![Interval {
            to: None,
            ..interval(State::Locked, Some("2020-01-02T09:00"), "2020-01-02T10:00")
        }];
        assert_eq!(state(&day, "2020-01-02T11:00"), Some(StateAt::Locked));
        day.flags = vec![Flag::SpansGap];
        assert_eq!(
            state(&day, "2020-01-02T11:00"),
            Some(StateAt::On),
            "the unlock may be among what is missing"
        );
        assert_eq!(state(&day, "2020-01-02T08:00"), Some(StateAt::InUse));
        day.kind = Kind::Network;
        assert_eq!(state(&day, "2020-01-02T11:00"), Some(StateAt::On));
    }

    #[test]
    fn where_the_clock_was_set_in_a_session_it_may_have_been_on_as_far_as_it_lasted() {
        // Ten minutes by the old clock, the clock goes back an hour and a half, twenty minutes more.
        let mut back = session("2020-01-02T10:00", "2020-01-02T09:00");
        back.duration = Some(30 * 60 * 10_000_000);
        back.flags = vec![Flag::ClockChanged];
        assert_eq!(state(&back, "2020-01-02T10:00"), Some(StateAt::InUse));
        assert_eq!(state(&back, "2020-01-02T10:05"), Some(StateAt::Maybe));
        assert_eq!(state(&back, "2020-01-02T08:50"), Some(StateAt::Maybe));
        assert_eq!(state(&back, "2020-01-02T10:31"), None);
        assert!(overlaps(&back, "2020-01-02T08:45", "2020-01-02T08:50"));
        assert!(!overlaps(&back, "2020-01-02T11:00", ""));
        // An hour by the old clock, which goes back by 55 minutes, forty minutes more.
        let mut later = session("2020-01-02T09:00", "2020-01-02T09:45");
        later.duration = Some(100 * 60 * 10_000_000);
        assert_eq!(state(&later, "2020-01-02T09:50"), None);
        later.flags = vec![Flag::ClockChanged];
        assert_eq!(state(&later, "2020-01-02T09:30"), Some(StateAt::InUse));
        assert_eq!(state(&later, "2020-01-02T09:50"), Some(StateAt::Maybe));
        assert_eq!(state(&later, "2020-01-02T10:41"), None);
        assert!(overlaps(&later, "2020-01-02T09:50", "2020-01-02T09:55"));
        // It may have gone back further than to the start.
        assert_eq!(state(&later, "2020-01-02T08:30"), Some(StateAt::Maybe));
        // Forward, it was on at no moment after its end, and not for sure at any between.
        later.duration = Some(10 * 60 * 10_000_000);
        assert_eq!(state(&later, "2020-01-02T09:50"), None);
        assert_eq!(state(&later, "2020-01-02T09:30"), Some(StateAt::Maybe));
        assert_eq!(state(&later, "2020-01-02T09:00"), Some(StateAt::InUse));
        later.duration = None;
        assert_eq!(state(&later, "2020-01-02T09:30"), Some(StateAt::Maybe));
        assert_eq!(Presence::least(&later), Some(0));
    }

    #[test]
    fn events_are_kept_by_their_time_and_their_sessions_interactivity() {
        let failed = event("2020-01-02", Action::LogonFailed, 4625);
        let keeps = |filter: Filter| filter.keeps_event(&failed, None);
        assert!(keeps(filter(|f| f.from = Some(time("2020-01-02")))));
        assert!(!keeps(filter(|f| f.to = Some(time("2020-01-02")))));
        assert!(keeps(filter(|f| f.address = globs(&["kali"]))));
        assert!(keeps(filter(|f| f.class = globs(&["null"]))));
        assert!(keeps(filter(|f| f.no_service = true)));
        assert!(!keeps(filter(|f| f.interactive = true)));
        assert!(!keeps(filter(|f| f.kind = globs(&["*"]))));
    }

    #[test]
    fn a_record_of_a_session_through_a_tunnel_may_be_remote_as_the_session_is() {
        let mut row = event("2020-01-01", Action::Logon, 4624);
        row.event.source_address = Some("127.0.0.1".into());
        let remote = filter(|f| f.remote = Some(Remote::default()));
        let mut ann = session("2020-01-01", "2020-01-02");
        ann.source_address = row.event.source_address.clone();
        assert!(!remote.keeps_event(&row, Some(&ann)));
        ann.flags.push(Flag::Tunnel);
        assert!(remote.keeps_event(&row, Some(&ann)));
        assert!(!remote.keeps_event(&row, None));
    }

    #[test]
    fn the_class_of_an_events_account_is_its_sessions_or_what_the_sid_alone_tells() {
        let ann = session("2020-01-01", "2020-01-02");
        let mut row = event("2020-01-01", Action::Logon, 4624);
        let class = |row: &TimelineEvent| event_class(row, Some(&ann));
        row.event.account = ann.account.clone();
        assert_eq!(class(&row), AccountClass::LocalUser);
        row.event.account = account("bob", "CORP", "S-1-5-21-9-9-9-1002");
        assert_eq!(class(&row), AccountClass::Unknown);
        row.event.account = account("SERVICE LOCAL", "AUTORITE NT", "S-1-5-19");
        assert_eq!(class(&row), AccountClass::LocalService);
    }
}
