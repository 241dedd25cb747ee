//! Hours of the day, on days of the week, by some clock: whether a session began, or somebody came back to it, outside them.
//!
//! A moment has one local time in every zone, also where daylight saving begins or ends: no hour has to be guessed.

use super::{Fit, misses_records};
use crate::session::{Interval, PartReason, Session};
use crate::time::{LocalTime, TICKS_PER_SECOND, Ticks, Time, UtcOffset};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::fmt;
use std::str::FromStr;

const MINUTES_PER_DAY: u64 = 24 * 60;
const TICKS_PER_MINUTE: u64 = 60 * TICKS_PER_SECOND as u64;

/// From the first day of the week, which was the first of FILETIME too.
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Where a session has one offset at its start and at its end, it has it in between if no zone can have left it and come back
/// meanwhile: none keeps or leaves daylight saving for less.
const STEADY: Ticks = 28 * 86_400 * TICKS_PER_SECOND;

/// Hours of some days of the week: `Mon-Fri 08:00-18:00`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    /// The days on which they begin, from Monday on.
    days: [bool; 7],
    /// Minutes of the day; where `to` is not behind `from`, the next day's.
    from: u64,
    to: u64,
}

/// A text that names no hours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` names no hours: write 08:00-18:00, `Mon-Fri 08:00-18:00`, `Mon,Wed,Sat 22:00-06:00`"
)]
pub struct NotHours(String);

impl FromStr for Hours {
    type Err = NotHours;

    /// Days, if not all, as `Mon-Fri` or `Mon,Wed`, a blank, and the hours; the last minute named is not in them.
    fn from_str(text: &str) -> Result<Self, NotHours> {
        let parsed = || {
            let (days, hours) = match text.trim().rsplit_once(' ') {
                Some((days, hours)) => (days_of(days.trim())?, hours),
                None => ([true; 7], text.trim()),
            };
            let (from, to) = hours.split_once('-')?;
            let (from, to) = (minute_of(from)?, minute_of(to)?);
            (from != to && from < MINUTES_PER_DAY).then_some(Hours { days, from, to })
        };
        parsed().ok_or_else(|| NotHours(text.to_owned()))
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.days != [true; 7] {
            let days = DAYS.into_iter().zip(self.days).filter(|(_, on)| *on);
            let days: Vec<&str> = days.map(|(day, _)| day).collect();
            write!(f, "{} ", days.join(","))?;
        }
        let [from, to] = [self.from, self.to].map(|at| (at / 60, at % 60));
        write!(f, "{:02}:{:02}-{:02}:{:02}", from.0, from.1, to.0, to.1)
    }
}

fn days_of(text: &str) -> Option<[bool; 7]> {
    let day = |name: &str| {
        let name = name.trim().to_lowercase();
        DAYS.iter().position(|known| *known == name)
    };
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (mut at, last) = (day(first)?, day(last)?);
        loop {
            *days.get_mut(at)? = true;
            if at == last {
                break;
            }
            at = (at + 1) % 7;
        }
    }
    Some(days)
}

fn minute_of(text: &str) -> Option<u64> {
    let (hour, minute) = text.trim().split_once(':')?;
    let is_number = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(hour) || !is_number(minute) {
        return None;
    }
    let (hour, minute): (u64, u64) = (hour.parse().ok()?, minute.parse().ok()?);
    (minute < 60 && hour * 60 + minute <= MINUTES_PER_DAY).then_some(hour * 60 + minute)
}

impl Hours {
    /// Whether a local time lies in them.
    fn hold(&self, local: LocalTime) -> bool {
        let ticks = local.time.plus(local.offset.ticks()).filetime();
        let minute = ticks / TICKS_PER_MINUTE % MINUTES_PER_DAY;
        let day = (ticks / (TICKS_PER_MINUTE * MINUTES_PER_DAY)) as usize % 7;
        let is_named = |day: usize| self.days.get(day % 7).copied().unwrap_or(false);
        if self.from < self.to {
            return is_named(day) && (self.from..self.to).contains(&minute);
        }
        is_named(day) && minute >= self.from || is_named(day + 6) && minute < self.to
    }
}

/// A clock to read times by.
#[derive(Debug, Clone, PartialEq)]
pub enum Zone {
    /// One that is always as far from UTC.
    Fixed(UtcOffset),
    /// A zone with its daylight saving, by the rules that this program was built with.
    Named(TimeZone),
    /// The clock of each machine, where its log proves it.
    Host,
}

/// A text that names no zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no zone: write one as Europe/Berlin, an offset as +02:00, UTC, or `local`, each machine's own"
)]
pub struct NotAZone(String);

impl FromStr for Zone {
    type Err = NotAZone;

    fn from_str(text: &str) -> Result<Self, NotAZone> {
        if text.eq_ignore_ascii_case("local") {
            return Ok(Zone::Host);
        }
        let fixed = |text: &str| {
            let (sign, rest) = text.split_at_checked(1)?;
            let minutes = i32::try_from(minute_of(rest)?).ok()?;
            let minutes = match sign {
                "+" => minutes,
                "-" => -minutes,
                _ => return None,
            };
            UtcOffset::from_minutes(minutes).map(Zone::Fixed)
        };
        if text.eq_ignore_ascii_case("z") {
            return Ok(Zone::UTC);
        }
        let named = |text| TimeZone::get(text).ok().filter(|zone| !zone.is_unknown());
        fixed(text)
            .or_else(|| named(text).map(Zone::Named))
            .ok_or_else(|| NotAZone(text.to_owned()))
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Zone::Fixed(offset) => write!(f, "{offset}"),
            Zone::Named(zone) => f.write_str(zone.iana_name().unwrap_or("unnamed")),
            Zone::Host => f.write_str("local"),
        }
    }
}

impl Zone {
    /// UTC.
    pub const UTC: Zone = Zone::Fixed(UtcOffset::ZERO);

    /// The local time of a moment; `None` where that is not known.
    fn at(&self, time: Time, host: Option<UtcOffset>) -> Option<LocalTime> {
        let offset = match self {
            Zone::Fixed(offset) => *offset,
            Zone::Host => host?,
            Zone::Named(zone) => {
                let second = time.unix_seconds();
                let moment = Timestamp::from_second(second).ok()?;
                UtcOffset::from_minutes(zone.to_offset(moment).seconds() / 60)?
            }
        };
        Some(LocalTime { time, offset })
    }
}

/// What lies outside of hours.
#[derive(Debug, Clone, PartialEq)]
pub struct Outside {
    /// The hours.
    pub hours: Hours,
    /// By which clock.
    pub zone: Zone,
}

impl Outside {
    /// Whether a moment lies outside; `None` where its local time is not known.
    pub fn is_outside(&self, time: Time) -> Option<bool> {
        Some(!self.hours.hold(self.zone.at(time, None)?))
    }

    /// Whether a session began, or somebody came back to it, outside.
    pub fn fit(&self, session: &Session) -> Option<Fit> {
        if self.first(session).is_some() {
            return Some(Fit::Sure);
        }
        let offset = steady_offset(session);
        let is_unknown = |time: Time| self.zone.at(time, offset(time)).is_none();
        let is_open = |interval: &Interval| interval.to.is_none();
        // Somebody may have come back in what is missing.
        let may_be_back = misses_records(session) && session.intervals.iter().any(is_open);
        let may = session.start.time.is_none() || may_be_back || arrivals(session).any(is_unknown);
        may.then_some(Fit::Possible)
    }

    /// When a session first began, or somebody first came back to it, outside.
    pub fn first(&self, session: &Session) -> Option<LocalTime> {
        let offset = steady_offset(session);
        arrivals(session)
            .filter_map(|time| self.zone.at(time, offset(time)))
            .filter(|local| !self.hours.hold(*local))
            .min_by_key(|local| local.time)
    }
}

/// When somebody came: the start, unlocks and returns.
fn arrivals(session: &Session) -> impl Iterator<Item = Time> {
    let parts = session
        .parts
        .iter()
        .filter(|part| matches!(part.reason, PartReason::Unlock | PartReason::RdpReconnect));
    let returns = session.intervals.iter().filter_map(|interval| interval.to);
    let later = parts.filter_map(|part| part.start).chain(returns);
    session.start.time.into_iter().chain(later)
}

/// The offset of the machine's clock at moments of a session, where it is known.
fn steady_offset(session: &Session) -> impl Fn(Time) -> Option<UtcOffset> {
    let (start, end) = (session.start_local, session.end_local);
    move |time| {
        let known = [start, end].into_iter().flatten();
        let exact = known.clone().find(|local| local.time == time);
        let both = start.zip(end).filter(|(start, end)| {
            start.offset == end.offset && start.time.within(end.time, STEADY)
        });
        exact.or(both.map(|(start, _)| start)).map(|l| l.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::sample::{session, time};
    use crate::session::{EndSource, Interval, State};

    fn outside(hours: &str, zone: &str) -> Outside {
        Outside {
            hours: hours.parse().unwrap(),
            zone: zone.parse().unwrap(),
        }
    }

    fn is_outside(hours: &str, zone: &str, at: &str) -> bool {
        outside(hours, zone).is_outside(time(at)).unwrap()
    }

    #[test]
    fn hours_end_before_their_last_minute_and_may_go_past_midnight() {
        assert!(is_outside(
            "08:00-18:00",
            "UTC",
            "2024-03-04T07:59:59.9999999"
        ));
        assert!(!is_outside("08:00-18:00", "UTC", "2024-03-04T08:00"));
        assert!(is_outside("08:00-18:00", "UTC", "2024-03-04T18:00"));
        assert!(!is_outside("00:00-24:00", "UTC", "2024-03-04T23:59:59"));
        assert!(!is_outside("22:00-06:00", "UTC", "2024-03-04T23:00"));
        assert!(!is_outside("22:00-06:00", "UTC", "2024-03-05T05:59"));
        assert!(is_outside("22:00-06:00", "UTC", "2024-03-05T06:00"));
    }

    #[test]
    fn a_day_that_is_not_named_is_outside_as_a_whole_and_a_night_is_of_the_day_it_begins_on() {
        // 2024-03-01 was a Friday.
        let work = "Mon-Fri 08:00-18:00";
        assert!(!is_outside(work, "UTC", "2024-03-01T12:00"));
        assert!(is_outside(work, "UTC", "2024-03-02T12:00"));
        assert!(is_outside(work, "UTC", "2024-03-03T12:00"));
        assert!(!is_outside(work, "UTC", "2024-03-04T12:00"));
        let night = "Fri 22:00-06:00";
        assert!(!is_outside(night, "UTC", "2024-03-02T05:00"));
        assert!(is_outside(night, "UTC", "2024-03-01T05:00"));
        assert!(!is_outside(
            "sat-mon 08:00-18:00",
            "UTC",
            "2024-03-03T12:00"
        ));
        assert!(is_outside("Mon,Wed 08:00-18:00", "UTC", "2024-03-05T12:00"));
    }

    #[test]
    fn daylight_saving_is_in_the_hours_of_a_zone() {
        let work = "08:00-18:00";
        assert!(is_outside(work, "Europe/Berlin", "2024-03-30T06:30"));
        assert!(!is_outside(work, "Europe/Berlin", "2024-03-31T06:30"));
        assert!(is_outside(work, "Europe/Berlin", "2024-10-27T06:30"));
        assert!(!is_outside(work, "+02:00", "2024-10-27T06:30"));
        assert!(!is_outside(work, "-07:00", "2024-10-27T15:00"));
    }

    #[test]
    fn what_names_no_hours_or_zone_is_refused() {
        for text in [
            "",
            "8-18",
            "08:00",
            "08:00-08:00",
            "25:00-26:00",
            "Mo 08:00-18:00",
            "24:00-08:00",
            "+8:00-18:00",
            "08:60-18:00",
        ] {
            assert!(text.parse::<Hours>().is_err(), "{text}");
        }
        assert_eq!("Z".parse(), Ok(Zone::UTC));
        for text in [
            "Etc/Unknown",
            "",
            "Berlin",
            "+25:00",
            "CEST",
            "../etc/passwd",
        ] {
            assert!(text.parse::<Zone>().is_err(), "{text}");
        }
    }

    #[test]
    fn coming_back_counts_as_coming() {
        let work = outside("08:00-18:00", "UTC");
        let mut day = session("2024-03-04T09:00", "2024-03-05T09:00");
        assert_eq!(work.fit(&day), None);
        day.intervals.push(Interval {
            state: State::Locked,
            from: Some(time("2024-03-04T17:00")),
            to: Some(time("2024-03-04T23:00")),
            source: EndSource::Recorded,
            address: None,
        });
        assert_eq!(work.fit(&day), Some(Fit::Sure));
        assert_eq!(work.first(&day).unwrap().time, time("2024-03-04T23:00"));
    }

    #[test]
    fn where_the_start_or_its_local_time_is_not_known_it_may_be_outside() {
        let mut day = session("2024-03-04T09:00", "2024-03-05T09:00");
        let local = outside("08:00-18:00", "local");
        assert_eq!(local.fit(&day), Some(Fit::Possible));
        let offset = UtcOffset::from_minutes(60).unwrap();
        day.start_local = Some(LocalTime {
            time: time("2024-03-04T09:00"),
            offset,
        });
        assert_eq!(local.fit(&day), None);
        let utc = outside("08:00-18:00", "UTC");
        day.start.time = None;
        assert_eq!(utc.fit(&day), Some(Fit::Possible));
    }

    #[test]
    fn a_time_beyond_the_calendar_has_no_local_time() {
        let berlin = outside("08:00-18:00", "Europe/Berlin");
        assert_eq!(berlin.is_outside(Time::from_filetime(u64::MAX)), None);
    }
}
