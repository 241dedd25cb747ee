//! One value of a row, with its type: what CSV writes as text and JSON as text, number, boolean, list or null.

use super::columns::path_text;
use crate::digits::{decimal, hex, local_time, seconds, shown, time};
use crate::event::{LogonId, Text};
use crate::guid::Guid;
use crate::session::{Flag, Score};
use crate::summary::Reason;
use crate::time::{LocalTime, Ticks, Time, UtcOffset};
use std::path::Path;

/// One value of a row, borrowed from it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// Absent: nothing in CSV, `null` in JSON.
    Empty,
    /// Text, exactly as recorded.
    Text(&'a str),
    /// A path as it was given or found, with forward slashes.
    Path(&'a Path),
    /// Where a record stands: `file#channel/number`.
    Record {
        /// The log.
        file: &'a str,
        /// The channel.
        channel: &'a str,
        /// The EventRecordID.
        number: u64,
    },
    /// A count or number.
    Integer(u64),
    /// A number that may be negative.
    Signed(i32),
    /// What is JSON, and text, as it is: a number beyond 32 bits, a list.
    Digits(&'a str),
    /// `true` or `false`.
    Bool(bool),
    /// A Logon ID: lower-case hex.
    LogonId(LogonId),
    /// A GUID: lower case with braces.
    Guid(Guid),
    /// An NTSTATUS: hex, eight digits.
    Status(u32),
    /// A moment: ISO 8601, UTC, seven fractional digits.
    Time(Time),
    /// A moment by local time, with its offset.
    LocalTime(LocalTime),
    /// An offset from UTC.
    Offset(UtcOffset),
    /// A span, written in seconds with up to seven decimals.
    Seconds(Ticks),
    /// How sure something is, from 0 to 1.
    Score(Score),
    /// Texts: an array in JSON, joined by `;` in CSV.
    Texts(&'a [Text]),
    /// Words with one blank between them: an array in JSON.
    Words(&'a str),
    /// Flags: an array in JSON, joined by `;` in CSV.
    Flags(&'a [Flag]),
    /// Reasons with their counts, `wrong password=12`: an array in JSON, joined by `;` in CSV.
    Reasons(&'a [Reason]),
}

/// What the values of a column are, where they are not absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Any text.
    Text,
    /// Where a record stands.
    Record,
    /// A number that is not negative.
    Integer,
    /// A number that may be.
    Signed,
    /// `true` or `false`.
    Bool,
    /// A Logon ID.
    LogonId,
    /// A GUID.
    Guid,
    /// An NTSTATUS.
    Status,
    /// A moment, UTC.
    Time,
    /// A moment by local time, with its offset.
    LocalTime,
    /// An offset from UTC.
    Offset,
    /// A span in seconds.
    Seconds,
    /// How sure something is, from 0 to 1.
    Score,
    /// A word of a list that can grow.
    Word(&'static [&'static str]),
    /// Texts.
    Texts,
    /// Words of a list that can grow.
    Words(&'static [&'static str]),
}

impl Type {
    /// Whether a value is of this type, or absent.
    pub(super) fn holds(self, cell: &Cell<'_>) -> bool {
        match (self, cell) {
            (Type::Word(words), Cell::Text(text)) => words.contains(text),
            (Type::Words(words), Cell::Flags(flags)) => {
                flags.iter().all(|flag| words.contains(&flag.name()))
            }
            (_, Cell::Empty)
            | (Type::Text, Cell::Text(_) | Cell::Path(_))
            | (Type::Record, Cell::Record { .. })
            | (Type::Integer, Cell::Integer(_))
            | (Type::Signed, Cell::Signed(_))
            | (Type::Bool, Cell::Bool(_))
            | (Type::LogonId, Cell::LogonId(_))
            | (Type::Guid, Cell::Guid(_))
            | (Type::Status, Cell::Status(_))
            | (Type::Time, Cell::Time(_))
            | (Type::LocalTime, Cell::LocalTime(_))
            | (Type::Offset, Cell::Offset(_))
            | (Type::Seconds, Cell::Seconds(_))
            | (Type::Score, Cell::Score(_))
            | (Type::Texts, Cell::Texts(_) | Cell::Words(_) | Cell::Reasons(_)) => true,
            _ => false,
        }
    }
}

impl Cell<'_> {
    /// Whether it holds text from evidence, which can be anything.
    #[inline(always)]
    pub(super) fn is_text(&self) -> bool {
        matches!(
            self,
            Cell::Text(_) | Cell::Path(_) | Cell::Record { .. } | Cell::Texts(_) | Cell::Words(_)
        )
    }

    /// Appends the value as text, without quotes.
    #[inline(always)]
    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        match *self {
            Cell::Empty => {}
            Cell::Text(text) | Cell::Words(text) | Cell::Digits(text) => {
                bytes.extend_from_slice(text.as_bytes())
            }
            Cell::Path(path) => bytes.extend_from_slice(path_text(path).as_bytes()),
            Cell::Record {
                file,
                channel,
                number,
            } => {
                bytes.extend_from_slice(file.as_bytes());
                bytes.push(b'#');
                bytes.extend_from_slice(channel.as_bytes());
                bytes.push(b'/');
                decimal(number, bytes);
            }
            Cell::Integer(number) => decimal(number, bytes),
            Cell::Signed(number) => shown(number, bytes),
            Cell::Bool(true) => bytes.extend_from_slice(b"true"),
            Cell::Bool(false) => bytes.extend_from_slice(b"false"),
            Cell::LogonId(id) => hex(id.get(), 1, bytes),
            Cell::Guid(guid) => bytes.extend_from_slice(&guid.text()),
            Cell::Status(code) => hex(code.into(), 8, bytes),
            Cell::Time(moment) => time(moment, bytes),
            Cell::LocalTime(moment) => local_time(moment, bytes),
            Cell::Offset(offset) => shown(offset, bytes),
            Cell::Seconds(ticks) => seconds(ticks, bytes),
            Cell::Score(score) => shown(score, bytes),
            Cell::Texts(texts) => {
                joined(texts, bytes, |text, bytes| {
                    bytes.extend_from_slice(text.as_bytes())
                });
            }
            Cell::Flags(flags) => {
                joined(flags, bytes, |flag, bytes| {
                    bytes.extend_from_slice(flag.name().as_bytes())
                });
            }
            Cell::Reasons(reasons) => joined(reasons, bytes, reason),
        }
    }
}

/// Appends `items` with a `;` between them.
fn joined<T>(items: &[T], bytes: &mut Vec<u8>, write: impl Fn(&T, &mut Vec<u8>)) {
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            bytes.push(b';');
        }
        write(item, bytes);
    }
}

/// Appends a reason with its count.
pub(super) fn reason(reason: &Reason, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(reason.text.as_bytes());
    bytes.push(b'=');
    decimal(reason.count, bytes);
}

impl<'a, T: Into<Cell<'a>>> From<Option<T>> for Cell<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Cell::Empty, Into::into)
    }
}

macro_rules! from {
    ($($type:ty => $cell:expr,)*) => {
        $(impl<'a> From<$type> for Cell<'a> {
            fn from(value: $type) -> Self {
                $cell(value)
            }
        })*
    };
}

from! {
    &'a str => Cell::Text,
    &'a Path => Cell::Path,
    u64 => Cell::Integer,
    u32 => |number| Cell::Integer(u64::from(number)),
    u16 => |number| Cell::Integer(u64::from(number)),
    i32 => Cell::Signed,
    bool => Cell::Bool,
    LogonId => Cell::LogonId,
    Guid => Cell::Guid,
    Time => Cell::Time,
    LocalTime => Cell::LocalTime,
    UtcOffset => Cell::Offset,
    Score => Cell::Score,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(cell: Cell<'_>) -> String {
        let mut bytes = Vec::new();
        cell.write(&mut bytes);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn each_type_has_its_text() {
        assert_eq!(text(Cell::from(None::<&str>)), "");
        assert_eq!(text("a\"b,c".into()), "a\"b,c");
        assert_eq!(text(Path::new("a/b").into()), "a/b");
        assert_eq!(text(LogonId::new(0x3e7).unwrap().into()), "0x3e7");
        assert_eq!(text(Cell::Status(0x6d)), "0x0000006d");
        assert_eq!(text((-5).into()), "-5");
        assert_eq!(text(UtcOffset::from_minutes(-90).into()), "-01:30");
        assert_eq!(text(Score::NAMED.into()), "0.8");
    }

    #[test]
    fn a_list_is_joined_in_text() {
        assert_eq!(text(Cell::Flags(&[Flag::Nla, Flag::Twin])), "nla;twin");
        assert_eq!(text(Cell::Flags(&[])), "");
        assert_eq!(text(Cell::Texts(&["a".into(), "b;c".into()])), "a;b;c");
        let reason = |text: &str, count| Reason {
            text: text.into(),
            count,
        };
        let reasons = [reason("wrong password", 12), reason("expired", 1)];
        assert_eq!(text(Cell::Reasons(&reasons)), "wrong password=12;expired=1");
    }
}
