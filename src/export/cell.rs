//! One value of a row, with its type: what CSV writes as text and JSON as text, number, boolean, list or null.

use crate::event::{Guid, LogonId};
use crate::session::Score;
use crate::time::{LocalTime, TICKS_PER_SECOND, Ticks, Time};
use serde::ser::{Error as _, Serialize, Serializer};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// One value of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell<'a> {
    /// Absent: nothing in CSV, `null` in JSON.
    Empty,
    /// Text, exactly as recorded.
    Text(Cow<'a, str>),
    /// A count or number.
    Integer(u64),
    /// A number that may be negative.
    Signed(i32),
    /// `true` or `false`.
    Bool(bool),
    /// A moment: ISO 8601, UTC, seven fractional digits.
    Time(Time),
    /// A span, written in seconds with up to seven decimals.
    Seconds(Ticks),
    /// How sure something is, from 0 to 1.
    Score(Score),
    /// Several texts: an array in JSON, joined in CSV.
    List {
        /// The texts in order.
        items: Vec<Cow<'a, str>>,
        /// What joins them in CSV.
        separator: &'static str,
    },
}

impl<'a> Cell<'a> {
    /// A list that CSV joins with `separator`.
    pub fn list(items: impl IntoIterator<Item = &'a str>, separator: &'static str) -> Self {
        Cell::List {
            items: items.into_iter().map(Cow::Borrowed).collect(),
            separator,
        }
    }

    /// An NTSTATUS: hex, eight digits.
    pub fn status(code: Option<u32>) -> Self {
        code.map(|code| format!("{code:#010x}")).into()
    }

    /// The value as text, without quotes.
    pub fn to_text(&self) -> Cow<'_, str> {
        match self {
            Cell::Empty => Cow::Borrowed(""),
            Cell::Text(text) => Cow::Borrowed(text),
            Cell::Integer(number) => Cow::Owned(number.to_string()),
            Cell::Signed(number) => Cow::Owned(number.to_string()),
            Cell::Bool(yes) => Cow::Borrowed(if *yes { "true" } else { "false" }),
            Cell::Time(time) => Cow::Owned(time.to_string()),
            Cell::Seconds(ticks) => Cow::Owned(seconds(*ticks)),
            Cell::Score(score) => Cow::Owned(score.to_string()),
            Cell::List { items, separator } => Cow::Owned(items.join(separator)),
        }
    }
}

impl Serialize for Cell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Cell::Empty => serializer.serialize_unit(),
            Cell::Text(text) => serializer.serialize_str(text),
            Cell::Integer(number) => serializer.serialize_u64(*number),
            Cell::Signed(number) => serializer.serialize_i32(*number),
            Cell::Bool(yes) => serializer.serialize_bool(*yes),
            Cell::Time(time) => serializer.collect_str(time),
            // A decimal number has no exact binary fraction: its digits are written as they are.
            Cell::Seconds(_) | Cell::Score(_) => RawValue::from_string(self.to_text().into())
                .map_err(S::Error::custom)?
                .serialize(serializer),
            Cell::List { items, .. } => serializer.collect_seq(items),
        }
    }
}

/// Ticks in seconds: as many decimals as needed, seven at most.
fn seconds(ticks: Ticks) -> String {
    let per_second = TICKS_PER_SECOND.unsigned_abs();
    let (whole, fraction) = (
        ticks.unsigned_abs() / per_second,
        ticks.unsigned_abs() % per_second,
    );
    let sign = if ticks < 0 { "-" } else { "" };
    match fraction {
        0 => format!("{sign}{whole}"),
        _ => format!("{sign}{whole}.{fraction:07}")
            .trim_end_matches('0')
            .to_owned(),
    }
}

impl From<Guid> for Cell<'_> {
    fn from(guid: Guid) -> Self {
        guid.to_string().into()
    }
}

impl<'a, T: Into<Cell<'a>>> From<Option<T>> for Cell<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Cell::Empty, Into::into)
    }
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Cell::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Cell<'_> {
    fn from(text: String) -> Self {
        Cell::Text(Cow::Owned(text))
    }
}

impl<'a> From<Cow<'a, str>> for Cell<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Cell::Text(text)
    }
}

impl From<bool> for Cell<'_> {
    fn from(yes: bool) -> Self {
        Cell::Bool(yes)
    }
}

impl From<Time> for Cell<'_> {
    fn from(time: Time) -> Self {
        Cell::Time(time)
    }
}

impl From<LocalTime> for Cell<'_> {
    fn from(time: LocalTime) -> Self {
        Cell::Text(Cow::Owned(time.to_string()))
    }
}

impl From<LogonId> for Cell<'_> {
    fn from(id: LogonId) -> Self {
        Cell::Text(Cow::Owned(id.to_string()))
    }
}

impl From<Score> for Cell<'_> {
    fn from(score: Score) -> Self {
        Cell::Score(score)
    }
}

impl From<u64> for Cell<'_> {
    fn from(number: u64) -> Self {
        Cell::Integer(number)
    }
}

impl From<u32> for Cell<'_> {
    fn from(number: u32) -> Self {
        Cell::Integer(number.into())
    }
}

impl From<i32> for Cell<'_> {
    fn from(number: i32) -> Self {
        Cell::Signed(number)
    }
}

impl From<u16> for Cell<'_> {
    fn from(number: u16) -> Self {
        Cell::Integer(number.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(cell: Cell<'_>) -> String {
        serde_json::to_string(&cell).unwrap()
    }

    #[test]
    fn seconds_are_exact_and_carry_no_needless_zero() {
        assert_eq!(seconds(36_000_000_000), "3600");
        assert_eq!(seconds(150_000), "0.015");
        assert_eq!(seconds(1), "0.0000001");
        assert_eq!(seconds(0), "0");
        assert_eq!(seconds(-15_000_000), "-1.5");
        assert_eq!(seconds(100_000_000), "10");
        assert_eq!(seconds(i64::MIN), "-922337203685.4775808");
        assert_eq!(
            json(Cell::Seconds(i64::MAX)),
            "922337203685.4775807",
            "no rounding to a float on the way"
        );
    }

    #[test]
    fn each_type_has_its_json_form() {
        assert_eq!(json(Cell::Empty), "null");
        assert_eq!(json(Cell::from(None::<&str>)), "null");
        assert_eq!(
            json("a\"b\u{0}\u{202e}".into()),
            "\"a\\\"b\\u0000\u{202e}\""
        );
        assert_eq!(json(true.into()), "true");
        assert_eq!(json(LogonId::new(0x3e7).unwrap().into()), "\"0x3e7\"");
        assert_eq!(json(Cell::status(Some(0xc000_006d))), "\"0xc000006d\"");
        assert_eq!(json(Score::NAMED.into()), "0.8");
        assert_eq!(json(Cell::list(["a", "b"], ";")), "[\"a\",\"b\"]");
        assert_eq!(json(Cell::list([], ";")), "[]");
    }

    #[test]
    fn a_list_is_joined_in_text() {
        assert_eq!(Cell::list(["nla", "twin"], ";").to_text(), "nla;twin");
        assert_eq!(Cell::list([], ";").to_text(), "");
    }
}
