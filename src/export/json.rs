//! JSON: one document, or one object a line.
//!
//! Rows are written one by one as they come, one on a line, so a document of any size needs no memory and
//! line tools can still see its rows.
//!
//! Every member and item is written with a comma before it; the first comma becomes the opening bracket.

use super::cell::{Cell, reason};
use super::columns::{Cells, Column, DAMAGE, LOGS, Lists, Row, SKIPPED, View, path_text};
use crate::digits::decimal;
use std::io::{self, Write};

/// Appends what stands before the rows of a document: schema, generator, the account of the evidence.
pub(super) fn opening<R: Row>(view: &View<'_>, bytes: &mut Vec<u8>) {
    // Writing to memory does not fail.
    let _ = write!(
        bytes,
        "{{\"schema\":\"{}\",\n\"generator\":{{\"name\":\"{}\",\"version\":\"{}\"}},\n\"evidence\":",
        R::SCHEMA,
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_VERSION"),
    );
    evidence(view, bytes);
    let _ = write!(bytes, ",\n\"{}\":", R::LIST);
}

/// Appends the account of the evidence.
pub(super) fn evidence(view: &View<'_>, bytes: &mut Vec<u8>) {
    let analysis = view.analysis();
    bytes.extend_from_slice(b"{\"logs\":");
    enclosed(*b"[]", bytes, |bytes| {
        for log in &analysis.logs {
            bytes.extend_from_slice(b",\n");
            enclosed(*b"{}", bytes, |bytes| {
                cells(view, log, LOGS, bytes);
                Arrays { view, bytes }.add("damage", &log.account.damage, DAMAGE);
            });
        }
        end_lines(!analysis.logs.is_empty(), bytes);
    });
    bytes.extend_from_slice(b",\n\"skipped\":");
    enclosed(*b"[]", bytes, |bytes| {
        for skipped in &analysis.skipped {
            bytes.extend_from_slice(b",\n");
            object(view, skipped, SKIPPED, bytes);
        }
        end_lines(!analysis.skipped.is_empty(), bytes);
    });
    let _ = write!(
        bytes,
        ",\n\"other_files\":{},\"conflicting_records\":{}}}",
        analysis.other_files, analysis.conflicts,
    );
}

/// Appends a row of a document, on a line of its own and with a comma before it.
pub(super) fn row<R: Row>(view: &View<'_>, row: &R, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(b",\n");
    enclosed(*b"{}", bytes, |bytes| members(view, row, bytes));
}

/// Writes some rows, as [`row`] made them; `any` tells whether there were some before.
pub(super) fn write_rows(rows: &mut [u8], any: &mut bool, out: &mut impl Write) -> io::Result<()> {
    if let Some(comma) = rows.first_mut().filter(|_| !*any) {
        *comma = b'[';
        *any = true;
    }
    out.write_all(rows)
}

/// What stands behind the rows; `any` tells whether there are some.
pub(super) fn closing(any: bool) -> &'static [u8] {
    if any { b"\n]}\n" } else { b"[]}\n" }
}

/// Appends a row as an object with its schema, and a line break.
pub(super) fn line<R: Row>(view: &View<'_>, row: &R, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(b"{\"schema\":");
    string(R::SCHEMA, bytes);
    members(view, row, bytes);
    bytes.extend_from_slice(b"}\n");
}

/// Where items stand on lines of their own, the closing bracket does too.
fn end_lines(items: bool, bytes: &mut Vec<u8>) {
    if items {
        bytes.push(b'\n');
    }
}

/// Appends what `write` appends, whose first comma becomes the first bracket, and the second bracket.
pub(super) fn enclosed(
    [open, close]: [u8; 2],
    bytes: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>),
) {
    let start = bytes.len();
    write(bytes);
    match bytes.get_mut(start) {
        Some(comma) => *comma = open,
        None => bytes.push(open),
    }
    bytes.push(close);
}

/// The members of a row of the result: its columns and its lists.
fn members<R: Row>(view: &View<'_>, row: &R, bytes: &mut Vec<u8>) {
    row.give(view, &mut Members { bytes });
    R::lists(Some(row), &mut Arrays { view, bytes });
}

/// Members of an object.
struct Members<'b> {
    bytes: &'b mut Vec<u8>,
}

impl<R: 'static> Cells<R> for Members<'_> {
    #[inline(always)]
    fn take(&mut self, column: &'static Column<R>, cell: Cell<'_>) {
        debug_assert!(column.kind.holds(&cell), "{}: {cell:?}", column.name);
        column.member.write(self.bytes);
        value(cell, self.bytes);
    }
}

fn object<T>(view: &View<'_>, row: &T, columns: &'static [Column<T>], bytes: &mut Vec<u8>) {
    enclosed(*b"{}", bytes, |bytes| cells(view, row, columns, bytes));
}

fn cells<T>(view: &View<'_>, row: &T, columns: &'static [Column<T>], bytes: &mut Vec<u8>) {
    let mut members = Members { bytes };
    for column in columns {
        members.take(column, (column.value)(view, row));
    }
}

/// What stands before the value of a member: `,"name":`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    text: [u8; Self::MOST],
    length: usize,
}

impl Member {
    const MOST: usize = 32;

    /// The member of a name of this program's, in which there is nothing to escape.
    pub(super) const fn of(name: &str) -> Self {
        let mut text = [0; Self::MOST];
        let (name, length) = (name.as_bytes(), name.len());
        [text[0], text[1]] = *b",\"";
        let mut place = 0;
        while place < length {
            text[2 + place] = name[place];
            place += 1;
        }
        [text[2 + length], text[3 + length]] = *b"\":";
        Member {
            text,
            length: 4 + length,
        }
    }

    /// As many bytes for every name are copied faster than only those of it.
    fn write(&self, bytes: &mut Vec<u8>) {
        let end = bytes.len() + self.length;
        bytes.extend_from_slice(&self.text);
        bytes.truncate(end);
    }
}

/// The lists of a row, on their way into its object.
struct Arrays<'v, 'a, 'b> {
    view: &'v View<'a>,
    bytes: &'b mut Vec<u8>,
}

impl Lists for Arrays<'_, '_, '_> {
    /// Appends `rows` as an array of objects with `columns`.
    fn add<T>(&mut self, name: &'static str, rows: &[T], columns: &'static [Column<T>]) {
        Member::of(name).write(self.bytes);
        enclosed(*b"[]", self.bytes, |bytes| {
            for row in rows {
                bytes.push(b',');
                object(self.view, row, columns, bytes);
            }
        });
    }
}

#[inline(always)]
pub(super) fn value(cell: Cell<'_>, bytes: &mut Vec<u8>) {
    match cell {
        Cell::Empty => bytes.extend_from_slice(b"null"),
        Cell::Text(text) => string(text, bytes),
        Cell::Path(path) => string(&path_text(path), bytes),
        Cell::Record {
            file,
            channel,
            number,
        } => {
            bytes.push(b'"');
            escaped(file.as_bytes(), bytes);
            bytes.push(b'#');
            escaped(channel.as_bytes(), bytes);
            bytes.push(b'/');
            decimal(number, bytes);
            bytes.push(b'"');
        }
        // A decimal number has no exact binary fraction: its digits are written as they are.
        Cell::Integer(_)
        | Cell::Signed(_)
        | Cell::Digits(_)
        | Cell::Bool(_)
        | Cell::Seconds(_)
        | Cell::Score(_) => {
            cell.write(bytes);
        }
        Cell::LogonId(_)
        | Cell::Guid(_)
        | Cell::Status(_)
        | Cell::Time(_)
        | Cell::LocalTime(_)
        | Cell::Offset(_) => {
            bytes.push(b'"');
            cell.write(bytes);
            bytes.push(b'"');
        }
        Cell::Texts(texts) => strings(texts.iter().map(|text| &**text), bytes),
        Cell::Words(words) => strings(words.split_ascii_whitespace(), bytes),
        Cell::Flags(flags) => strings(flags.iter().map(|flag| flag.name()), bytes),
        Cell::Reasons(reasons) => {
            let told = reasons.iter().map(|told| {
                let mut text = Vec::new();
                reason(told, &mut text);
                text
            });
            strings(told, bytes);
        }
    }
}

fn strings<T: AsRef<[u8]>>(texts: impl Iterator<Item = T>, bytes: &mut Vec<u8>) {
    enclosed(*b"[]", bytes, |bytes| {
        for text in texts {
            bytes.extend_from_slice(b",\"");
            escaped(text.as_ref(), bytes);
            bytes.push(b'"');
        }
    });
}

fn string(text: &str, bytes: &mut Vec<u8>) {
    bytes.push(b'"');
    escaped(text.as_bytes(), bytes);
    bytes.push(b'"');
}

/// Text with escapes for what may not stand in a string (RFC 8259, 7): quotes, backslashes and controls.
pub(super) fn escaped(text: &[u8], bytes: &mut Vec<u8>) {
    let mut rest = text;
    if !has_special(rest) {
        return bytes.extend_from_slice(rest);
    }
    let is_special = |byte: &u8| matches!(byte, 0..0x20 | b'"' | b'\\');
    while let Some(place) = rest.iter().position(is_special) {
        let (plain, from) = rest.split_at(place);
        bytes.extend_from_slice(plain);
        let [found, after @ ..] = from else { break };
        match found {
            b'"' => bytes.extend_from_slice(b"\\\""),
            b'\\' => bytes.extend_from_slice(b"\\\\"),
            b'\n' => bytes.extend_from_slice(b"\\n"),
            b'\r' => bytes.extend_from_slice(b"\\r"),
            b'\t' => bytes.extend_from_slice(b"\\t"),
            0x08 => bytes.extend_from_slice(b"\\b"),
            0x0c => bytes.extend_from_slice(b"\\f"),
            control => {
                let _ = write!(bytes, "\\u{control:04x}");
            }
        }
        rest = after;
    }
    bytes.extend_from_slice(rest);
}

/// Whether anything in a text has to be escaped. Eight bytes are looked at as one number.
fn has_special(text: &[u8]) -> bool {
    const EACH: u64 = u64::from_ne_bytes([1; 8]);
    // The high bit of some byte is set if, and only if, some byte is below the limit, which is 0x80 at most.
    let below = |limit: u64, eight: u64| eight.wrapping_sub(limit * EACH) & !eight;
    let special = |eight: [u8; 8]| {
        let eight = u64::from_ne_bytes(eight);
        let equal = |byte: u8| below(1, eight ^ (u64::from(byte) * EACH));
        (below(0x20, eight) | equal(b'"') | equal(b'\\')) & (0x80 * EACH)
    };
    let mut last = [b' '; 8];
    match text.last_chunk() {
        Some(chunk) => last = *chunk,
        None => last.iter_mut().zip(text).for_each(|(to, from)| *to = *from),
    }
    let (chunks, _) = text.as_chunks();
    let found = chunks
        .iter()
        .fold(special(last), |found, chunk| found | special(*chunk));
    found != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::LogonId;
    use crate::session::{Flag, Score};
    use crate::summary::Reason;
    use proptest::prelude::*;

    fn json(cell: Cell<'_>) -> String {
        let mut bytes = Vec::new();
        value(cell, &mut bytes);
        String::from_utf8(bytes).unwrap()
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
        assert_eq!(json((-5).into()), "-5");
        assert_eq!(json(LogonId::new(0x3e7).unwrap().into()), "\"0x3e7\"");
        assert_eq!(json(Cell::Status(0xc000_006d)), "\"0xc000006d\"");
        assert_eq!(json(Score::NAMED.into()), "0.8");
        assert_eq!(
            json(Cell::Seconds(i64::MAX)),
            "922337203685.4775807",
            "no rounding to a float on the way"
        );
        assert_eq!(
            json(Cell::Record {
                file: "a\\b",
                channel: "\"",
                number: 7
            }),
            "\"a\\\\b#\\\"/7\""
        );
        assert_eq!(
            json(Cell::Texts(&["a;".into(), "\n".into()])),
            "[\"a;\",\"\\n\"]"
        );
        assert_eq!(json(Cell::Texts(&[])), "[]");
        assert_eq!(json(Cell::Words("SeA SeB")), "[\"SeA\",\"SeB\"]");
        assert_eq!(
            json(Cell::Flags(&[Flag::Nla, Flag::Twin])),
            "[\"nla\",\"twin\"]"
        );
        let reasons = [Reason {
            text: "\"x".into(),
            count: 12,
        }];
        assert_eq!(json(Cell::Reasons(&reasons)), "[\"\\\"x=12\"]");
    }

    proptest! {
        #[test]
        fn a_text_is_escaped_as_serde_json_does_it(text: String, head in "\\PC{0,40}", low in "[\\x00-\\x7f]{0,80}") {
            for text in [&text, &head, &low, &format!("{head}{low}")] {
                prop_assert_eq!(json(text.as_str().into()), serde_json::to_string(text).unwrap());
            }
        }
    }
}
