//! FILETIME (100 ns since 1601, UTC) to and from text.

use chrono::{DateTime, Datelike, NaiveDateTime, NaiveTime, Timelike};

/// Ticks of 100 ns in a second.
pub(super) const SECOND: i64 = 10_000_000;
/// Ticks in a day.
pub(super) const DAY: i64 = 86_400 * SECOND;
/// The end of the year 9999.
pub(super) const LATEST: i64 = 2_650_467_744_000_000_000 - 1;
/// The longest span that a scenario may give, 400 years.
const LONGEST: f64 = 146_097.0 * DAY as f64;
/// Seconds from 1601-01-01 to 1970-01-01.
const EPOCH: i64 = 11_644_473_600;

/// Reads `2024-03-04T08:00:00Z`, with a blank for the `T` and up to seven fractional digits if wanted.
pub(super) fn parse(text: &str) -> Option<u64> {
    let text = text.strip_suffix('Z').unwrap_or(text).replacen(' ', "T", 1);
    if text
        .split_once('.')
        .is_some_and(|(_, digits)| digits.len() > 7)
    {
        return None;
    }
    let time = NaiveDateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M:%S%.f")
        .or_else(|_| NaiveDateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M"))
        .ok()?
        .and_utc();
    let ticks =
        (time.timestamp() + EPOCH).checked_mul(SECOND)? + i64::from(time.nanosecond()) / 100;
    u64::try_from(ticks).ok().filter(|_| ticks <= LATEST)
}

/// Reads a time of day, `08:15`, `08:15:30` or `08:15:30.5`, as ticks since midnight.
pub(super) fn parse_time_of_day(text: &str) -> Option<i64> {
    let time = NaiveTime::parse_from_str(text, "%H:%M:%S%.f")
        .or_else(|_| NaiveTime::parse_from_str(text, "%H:%M"))
        .ok()?;
    Some(i64::from(time.num_seconds_from_midnight()) * SECOND + i64::from(time.nanosecond()) / 100)
}

/// Reads a span such as `90s`, `1h30m`, `2d`, `150ms`, `1.5s` or `3us` as ticks.
pub(super) fn parse_span(text: &str) -> Option<i64> {
    let mut rest = text.trim();
    let mut ticks = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let amount: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit_len = rest
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(rest.len());
        ticks += amount
            * match &rest[..unit_len] {
                "us" => 10.0,
                "ms" => 10_000.0,
                "s" => 1e7,
                "m" => 6e8,
                "h" => 3.6e10,
                "d" => 8.64e11,
                _ => return None,
            };
        rest = rest[unit_len..].trim_start();
    }
    (ticks <= LONGEST).then_some(ticks.round() as i64)
}

/// A moment as a SYSTEMTIME has it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Date {
    pub(super) year: u16,
    pub(super) month: u16,
    /// From Sunday, 0.
    pub(super) weekday: u16,
    pub(super) day: u16,
    pub(super) hour: u16,
    pub(super) minute: u16,
    pub(super) second: u16,
    pub(super) millisecond: u16,
}

/// The parts of a moment; all 0 where there is no such date.
pub(super) fn date(ticks: i64) -> Date {
    let Some(time) = DateTime::from_timestamp(ticks.div_euclid(SECOND) - EPOCH, 0) else {
        return Date::default();
    };
    Date {
        year: time.year() as u16,
        month: time.month() as u16,
        weekday: time.weekday().num_days_from_sunday() as u16,
        day: time.day() as u16,
        hour: time.hour() as u16,
        minute: time.minute() as u16,
        second: time.second() as u16,
        millisecond: (ticks.rem_euclid(SECOND) / 10_000) as u16,
    }
}

/// `2024-03-04T08:00:00.0000000Z`, all seven digits of a FILETIME.
pub(super) fn format(ticks: u64) -> String {
    digits(ticks).map_or_else(|| ticks.to_string(), |text| text + "Z")
}

/// Nine digits, as the event collector writes them.
pub(super) fn format_nine(ticks: u64) -> String {
    digits(ticks).map_or_else(|| ticks.to_string(), |text| text + "00Z")
}

fn digits(ticks: u64) -> Option<String> {
    let ticks = i64::try_from(ticks).ok()?;
    let time = DateTime::from_timestamp(ticks / SECOND - EPOCH, 0)?;
    Some(format!(
        "{}.{:07}",
        time.format("%Y-%m-%dT%H:%M:%S"),
        ticks % SECOND
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_keep_all_seven_digits() {
        assert_eq!(parse("1601-01-01T00:00:00.0000001Z"), Some(1));
        assert_eq!(parse("1970-01-01 00:00"), Some(116_444_736_000_000_000));
        let text = "2024-03-04T08:00:00.1234567Z";
        assert_eq!(format(parse(text).unwrap()), text);
        assert_eq!(parse("2024-03-04T08:00:00.12345678Z"), None);
        assert_eq!(parse("yesterday"), None);
        assert_eq!(parse("1600-12-31T23:59:59Z"), None);
        assert!(parse("9999-12-31T23:59:59.9999999Z").is_some());
        assert_eq!(parse("+10000-01-01T00:00:00Z"), None);
    }

    #[test]
    fn spans_add_up() {
        assert_eq!(parse_span("1h30m"), Some(5400 * SECOND));
        assert_eq!(parse_span("150ms"), Some(1_500_000));
        assert_eq!(parse_span("5 minutes"), None);
        assert_eq!(parse_span(""), None);
        assert_eq!(parse_span("99999999999d"), None);
    }
}
