//! Times as Windows records them: FILETIME ticks, UTC.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use std::cell::Cell;
use std::fmt;
use std::str::FromStr;

/// Ticks (100 ns) in a second.
pub const TICKS_PER_SECOND: i64 = 10_000_000;

/// Seconds from 1601-01-01 to 1970-01-01.
const UNIX_EPOCH_SECONDS: i64 = 11_644_473_600;

/// A moment in UTC: 100 ns ticks since 1601-01-01, as in a FILETIME ([MS-DTYP] 2.3.3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

/// A span in ticks of 100 ns; negative where a clock went back.
pub type Ticks = i64;

impl Time {
    /// The moment of a FILETIME.
    pub const fn from_filetime(ticks: u64) -> Self {
        Time(ticks)
    }

    /// The moment `nanoseconds` after 1970-01-01; what a FILETIME cannot hold becomes its nearest bound.
    pub fn from_unix_nanoseconds(nanoseconds: i128) -> Self {
        let ticks = nanoseconds.div_euclid(100) + i128::from(UNIX_EPOCH_SECONDS * TICKS_PER_SECOND);
        Time(u64::try_from(ticks).unwrap_or(if ticks < 0 { 0 } else { u64::MAX }))
    }

    /// Nanoseconds since 1970-01-01.
    pub fn unix_nanoseconds(self) -> i128 {
        (i128::from(self.0) - i128::from(UNIX_EPOCH_SECONDS * TICKS_PER_SECOND)) * 100
    }

    /// Ticks of 100 ns since 1601-01-01.
    pub const fn filetime(self) -> u64 {
        self.0
    }

    /// `self - earlier` in ticks; saturates.
    pub fn since(self, earlier: Time) -> Ticks {
        let difference = i128::from(self.0) - i128::from(earlier.0);
        i64::try_from(difference).unwrap_or(if difference < 0 { i64::MIN } else { i64::MAX })
    }

    /// The moment `ticks` later (earlier if negative); saturates.
    pub fn plus(self, ticks: Ticks) -> Time {
        Time(self.0.saturating_add_signed(ticks))
    }

    /// Whether `self` and `other` are at most `ticks` apart.
    pub fn within(self, other: Time, ticks: Ticks) -> bool {
        self.since(other).unsigned_abs() <= ticks.unsigned_abs()
    }

    /// Whole seconds since 1970-01-01.
    pub fn unix_seconds(self) -> i64 {
        // Fewer than 2^41 seconds are in all ticks.
        (self.0 / TICKS_PER_SECOND as u64) as i64 - UNIX_EPOCH_SECONDS
    }

    fn to_chrono(self) -> Option<DateTime<Utc>> {
        let nanos = (self.0 % TICKS_PER_SECOND as u64) as u32 * 100;
        DateTime::from_timestamp(self.unix_seconds(), nanos)
    }

    fn from_chrono(moment: DateTime<Utc>) -> Option<Self> {
        let seconds = u64::try_from(moment.timestamp().checked_add(UNIX_EPOCH_SECONDS)?).ok()?;
        let ticks = seconds.checked_mul(TICKS_PER_SECOND as u64)?;
        Some(Time(ticks.checked_add(u64::from(
            moment.timestamp_subsec_nanos() / 100,
        ))?))
    }
}

/// Ticks in a day.
const TICKS_PER_DAY: u64 = 86_400 * TICKS_PER_SECOND as u64;

impl Time {
    /// The text of a time before the year 10000: ISO 8601 in UTC with the seven fractional digits of a FILETIME.
    pub(crate) fn text(self) -> Option<[u8; 28]> {
        let date = date_text(u32::try_from(self.0 / TICKS_PER_DAY).ok()?)?;
        let ticks = self.0 % TICKS_PER_DAY;
        let seconds = (ticks / TICKS_PER_SECOND as u64) as u32;
        let fraction = (ticks % TICKS_PER_SECOND as u64) as u32;
        let mut text = *b"0000-00-00T00:00:00.0000000Z";
        text[..date.len()].copy_from_slice(&date);
        let mut put = |place: usize, number: u32| {
            [text[place], text[place + 1]] = two_digits(number);
        };
        put(11, seconds / 3600);
        put(14, seconds / 60 % 60);
        put(17, seconds % 60);
        put(20, fraction / 100_000);
        put(22, fraction / 1000 % 100);
        put(24, fraction / 10 % 100);
        text[26] = b'0' + (fraction % 10) as u8;
        Some(text)
    }
}

/// The text of the date so many days after 1601-01-01, if it is before the year 10000.
fn date_text(days: u32) -> Option<[u8; 10]> {
    thread_local! {
        /// Days that were asked for, each in its place: one row has times of hardly more than two.
        static KNOWN: Cell<[(u32, [u8; 10]); 4]> = const { Cell::new([(0, *b"1601-01-01"); 4]) };
    }
    let place = days as usize % 4;
    let mut known = KNOWN.get();
    if known[place].0 == days {
        return Some(known[place].1);
    }
    let (year, month, day) = date(days);
    if year >= 10_000 {
        return None;
    }
    let mut text = *b"0000-00-00";
    [text[0], text[1]] = two_digits(year / 100);
    [text[2], text[3]] = two_digits(year % 100);
    [text[5], text[6]] = two_digits(month);
    [text[8], text[9]] = two_digits(day);
    known[place] = (days, text);
    KNOWN.set(known);
    Some(text)
}

/// The digits of a number below 100.
pub(crate) const fn two_digits(number: u32) -> [u8; 2] {
    /// As many as a number has lowest bits.
    const ALL: [[u8; 2]; 128] = {
        let mut all = [[0; 2]; 128];
        let mut number = 0;
        while number < 100 {
            all[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
            number += 1;
        }
        all
    };
    ALL[number as usize % ALL.len()]
}

/// Year, month and day of the Gregorian calendar, so many days after 1601-01-01.
fn date(days: u32) -> (u32, u32, u32) {
    /// From 1600-03-01: years that begin in March have their leap day last, and 400 of them are of one length.
    const BEFORE: u32 = 306;
    const DAYS_OF_400_YEARS: u32 = 146_097;
    let days = days.saturating_add(BEFORE);
    let day = days % DAYS_OF_400_YEARS;
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // Five months from March on, and from August on, have 153 days.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let year = 1600 + days / DAYS_OF_400_YEARS * 400 + year;
    match month {
        0..10 => (year, month + 3, day),
        _ => (year + 1, month - 9, day),
    }
}

/// How far local time is ahead of UTC (behind, if negative): whole minutes, less than a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UtcOffset(i32);

impl UtcOffset {
    /// UTC itself.
    pub const ZERO: UtcOffset = UtcOffset(0);

    /// The offset of so many minutes; `None` if that is a day or more.
    pub fn from_minutes(minutes: i32) -> Option<Self> {
        (minutes.unsigned_abs() < 24 * 60).then_some(UtcOffset(minutes))
    }

    /// The offset in minutes.
    pub fn minutes(self) -> i32 {
        self.0
    }

    /// The offset in ticks.
    pub fn ticks(self) -> Ticks {
        Ticks::from(self.0) * 60 * TICKS_PER_SECOND
    }
}

impl fmt::Display for UtcOffset {
    /// ISO 8601: `+02:00`, `-08:00`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { '-' } else { '+' };
        let minutes = self.0.unsigned_abs();
        write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

/// A moment as a clock that is set to an offset shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalTime {
    /// The moment.
    pub time: Time,
    /// The offset.
    pub offset: UtcOffset,
}

impl fmt::Display for LocalTime {
    /// ISO 8601 with seven fractional digits and the offset: `2020-09-18T20:21:46.3856181-07:00`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.time.plus(self.offset.ticks()).to_string();
        match shown.strip_suffix('Z') {
            Some(shown) => write!(f, "{shown}{}", self.offset),
            None => fmt::Display::fmt(&self.time, f),
        }
    }
}

impl fmt::Display for Time {
    /// ISO 8601 in UTC with the seven fractional digits of a FILETIME.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.text();
        if let Some(text) = text.as_ref().and_then(|text| str::from_utf8(text).ok()) {
            return f.write_str(text);
        }
        match self.to_chrono() {
            Some(moment) => {
                let fraction = self.0 % TICKS_PER_SECOND as u64;
                write!(f, "{}.{fraction:07}Z", moment.format("%Y-%m-%dT%H:%M:%S"))
            }
            None => write!(f, "filetime:{}", self.0),
        }
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no time: write 2020-09-19, 2020-09-19T03:21, 2020-09-19T03:21:46.1234567Z or with an offset, +02:00"
)]
pub struct NotATime(String);

impl FromStr for Time {
    type Err = NotATime;

    /// ISO 8601: a date, or date and time (`T` or blank between) with an optional fraction and an
    /// optional `Z` or offset; UTC without one. Digits beyond the seventh of the fraction are cut.
    fn from_str(text: &str) -> Result<Self, NotATime> {
        let trimmed = text.trim();
        let parsed = DateTime::parse_from_rfc3339(trimmed)
            .map(|moment| moment.to_utc())
            .ok()
            .or_else(|| {
                let (local, offset) = split_offset(trimmed)?;
                let naive = [
                    "%Y-%m-%dT%H:%M:%S%.f",
                    "%Y-%m-%d %H:%M:%S%.f",
                    "%Y-%m-%dT%H:%M",
                    "%Y-%m-%d %H:%M",
                ]
                .iter()
                .find_map(|format| NaiveDateTime::parse_from_str(local, format).ok())
                .or_else(|| {
                    let date = NaiveDate::parse_from_str(local, "%Y-%m-%d").ok()?;
                    Some(date.and_time(NaiveTime::MIN))
                })?;
                naive
                    .and_utc()
                    .checked_sub_signed(chrono::TimeDelta::try_seconds(offset)?)
            });
        parsed
            .and_then(Time::from_chrono)
            .ok_or_else(|| NotATime(text.to_owned()))
    }
}

/// Splits `Z` or `+hh:mm` off the end of a time of day: the rest and the offset in seconds.
fn split_offset(text: &str) -> Option<(&str, i64)> {
    if let Some(rest) = text.strip_suffix(['Z', 'z']) {
        return Some((rest, 0));
    }
    let Some(at) = text.rfind(['+', '-']).filter(|&at| at > 10) else {
        return Some((text, 0));
    };
    let (rest, offset) = text.split_at(at);
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    let two_digits = |text: &str, below: i64| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse()
            .ok()
            .filter(|&number: &i64| digits && number < below)
    };
    let seconds = two_digits(hours, 24)? * 3600 + two_digits(minutes, 60)? * 60;
    Some((
        rest,
        if offset.starts_with('-') {
            -seconds
        } else {
            seconds
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::Datelike;

    #[test]
    fn a_time_keeps_all_seven_digits_through_text() {
        let text = "2022-02-05T19:18:52.3856181Z";
        assert_eq!(text.parse::<Time>().unwrap().to_string(), text);
    }

    #[test]
    fn people_may_leave_out_what_is_zero_and_give_an_offset() {
        let time = |text: &str| text.parse::<Time>().unwrap().to_string();
        assert_eq!(time("2020-09-19"), "2020-09-19T00:00:00.0000000Z");
        assert_eq!(time("2020-09-19T03:30"), "2020-09-19T03:30:00.0000000Z");
        assert_eq!(
            time("2020-09-19 03:30:01.5"),
            "2020-09-19T03:30:01.5000000Z"
        );
        assert_eq!(
            time("2020-09-19T03:30+02:00"),
            "2020-09-19T01:30:00.0000000Z"
        );
        assert_eq!(
            time("2020-09-19T03:30:00-01:30"),
            "2020-09-19T05:00:00.0000000Z"
        );
        assert_eq!(
            time("2021-05-03T08:58:25.921033600Z"),
            "2021-05-03T08:58:25.9210336Z"
        );
    }

    #[test]
    fn a_local_time_is_the_same_moment_with_its_offset() {
        let time: Time = "2020-09-19T03:21:46.0000007Z".parse().unwrap();
        let local = |minutes| {
            let offset = UtcOffset::from_minutes(minutes).unwrap();
            LocalTime { time, offset }.to_string()
        };
        assert_eq!(local(-420), "2020-09-18T20:21:46.0000007-07:00");
        assert_eq!(local(345), "2020-09-19T09:06:46.0000007+05:45");
        assert_eq!(local(-30), "2020-09-19T02:51:46.0000007-00:30");
        assert_eq!(local(0), "2020-09-19T03:21:46.0000007+00:00");
        assert_eq!(local(-420).parse::<Time>(), Ok(time));
        assert_eq!(UtcOffset::from_minutes(1440), None);
        assert_eq!(UtcOffset::from_minutes(i32::MIN), None);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "yesterday",
            "2020-13-01",
            "2020-09-19T25:00",
            "1500-01-01",
            "2020-09-19T03:30+0x:00",
            "2020-09-19T03:30+2300000000000:00",
            "2020-09-19T03:30+9223372036854775807:00",
            "2020-09-19T03:30+24:00",
            "1601-01-01T00:00+00:01",
        ] {
            assert!(text.parse::<Time>().is_err(), "{text}");
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic() {
        let pieces = [
            "2020-09-19",
            "T",
            " ",
            "03:30",
            ":",
            "+",
            "-",
            "23:59",
            "99",
            "262143-12-31",
            ".",
            "1",
            "Z",
            "é",
            "-262144-01-01",
        ];
        for a in pieces {
            for b in pieces {
                for c in pieces {
                    for d in pieces {
                        let _ = format!("{a}{b}{c}{d}").parse::<Time>();
                    }
                }
            }
        }
    }

    #[test]
    fn every_day_has_the_date_that_chrono_gives_it() {
        let mut day = NaiveDate::from_ymd_opt(1601, 1, 1).unwrap();
        for days in 0.. {
            let expected = (day.year() as u32, day.month(), day.day());
            assert_eq!(date(days), expected);
            let start = Time::from_filetime(u64::from(days) * TICKS_PER_DAY);
            assert_eq!(start.text().is_some(), day.year() < 10_000);
            if day.year() > 10_400 {
                break;
            }
            day = day.succ_opt().unwrap();
        }
        let last = Time::from_filetime(u64::MAX);
        assert!(last.to_string().starts_with("+60056-05-28T05:36:10."));
    }

    #[test]
    fn a_time_prints_as_chrono_would_print_it() {
        // A prime number of ticks, some three years, so that every part of a date moves.
        let days = [
            0, 58, 59, 60, 1154, 1155, 145_731, 145_732, 3_067_670, 3_067_671, 3_067_672,
        ];
        let starts = days.map(|day| day * 86_400 * TICKS_PER_SECOND as u64);
        for ticks in (0..4_000_000_000_000_000_000)
            .step_by(1_000_000_000_000_037)
            .chain(starts)
            .chain(starts.map(|start| start.saturating_sub(1)))
        {
            let time = Time::from_filetime(ticks);
            let moment = time.to_chrono().unwrap();
            let fraction = ticks % TICKS_PER_SECOND as u64;
            let expected = format!("{}.{fraction:07}Z", moment.format("%Y-%m-%dT%H:%M:%S"));
            assert_eq!(time.to_string(), expected);
        }
    }

    #[test]
    fn the_whole_range_of_a_filetime_prints_without_panic() {
        assert_eq!(
            Time::from_filetime(0).to_string(),
            "1601-01-01T00:00:00.0000000Z"
        );
        let _ = Time::from_filetime(u64::MAX).to_string();
        assert_eq!(
            Time::from_filetime(0).since(Time::from_filetime(u64::MAX)),
            i64::MIN
        );
    }
}
