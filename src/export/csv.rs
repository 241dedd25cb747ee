//! CSV: a header, then a line a row (RFC 4180 quoting, line feeds). The last column is the schema, where no columns are chosen.
//!
//! A spreadsheet runs a cell that begins with `=`, `+`, `-` or `@`. Text from evidence must not do that: unless exact bytes
//! are asked for, it gets an apostrophe in front. Numbers and times are this program's own and stay as they are.

use super::cell::Cell;
use super::columns::{Cells, Column, Row, View};

/// The columns of a sheet: all and the schema, or chosen ones.
pub(super) type Chosen<'c, R> = Option<&'c [&'static Column<R>]>;

/// Appends the header.
pub(super) fn header<R: Row>(view: &View<'_>, chosen: Chosen<'_, R>, bytes: &mut Vec<u8>) {
    let mut name = |column: &Column<R>| {
        bytes.extend_from_slice(column.name.as_bytes());
        bytes.push(b',');
    };
    match chosen {
        None => R::columns(view).for_each(&mut name),
        Some(chosen) => chosen.iter().for_each(|column| name(column)),
    }
    end(chosen, "schema", bytes);
}

/// Ends a line of fields that each have a comma behind them.
fn end<R>(chosen: Chosen<'_, R>, schema: &str, bytes: &mut Vec<u8>) {
    match chosen {
        None => bytes.extend_from_slice(schema.as_bytes()),
        Some(_) => bytes.truncate(bytes.len() - 1),
    }
    bytes.push(b'\n');
}

/// Gives the values of a row.
#[inline(always)]
fn give<R: Row>(row: &R, view: &View<'_>, chosen: Chosen<'_, R>, cells: &mut impl Cells<R>) {
    match chosen {
        None => row.give(view, cells),
        Some(chosen) => {
            for column in chosen {
                cells.take(column, (column.value)(view, row));
            }
        }
    }
}

/// Appends the line of a row; `raw` with every text exactly as it is.
pub(super) fn line<R: Row>(
    view: &View<'_>,
    row: &R,
    chosen: Chosen<'_, R>,
    raw: bool,
    bytes: &mut Vec<u8>,
) {
    let start = bytes.len();
    let mut line = Plain {
        bytes,
        fields: 0,
        may_run: false,
    };
    give(row, view, chosen, &mut line);
    let (fields, may_run) = (line.fields, line.may_run && !raw);
    // Hardly any row has a field to change, so all fields are looked through at once.
    if may_run || !is_plain(bytes.get(start..).unwrap_or_default(), fields) {
        bytes.truncate(start);
        give(row, view, chosen, &mut Careful { bytes, raw });
    }
    // A line of nothing is none to readers.
    if chosen.is_some() && bytes.len() == start + 1 {
        bytes.truncate(start);
        bytes.extend_from_slice(b"\"\",");
    }
    end(chosen, R::SCHEMA, bytes);
}

/// Fields as they are, each with a comma behind it.
struct Plain<'b> {
    bytes: &'b mut Vec<u8>,
    fields: usize,
    /// Whether a text begins as one that a spreadsheet runs may begin.
    may_run: bool,
}

impl<R: 'static> Cells<R> for Plain<'_> {
    #[inline(always)]
    fn take(&mut self, _: &'static Column<R>, cell: Cell<'_>) {
        let start = self.bytes.len();
        cell.write(self.bytes);
        if cell.is_text() {
            let first = self.bytes.get(start);
            self.may_run |= first.is_some_and(|&first| may_begin(first));
        }
        self.bytes.push(b',');
        self.fields += 1;
    }
}

/// Whether a byte can be the first of what a spreadsheet runs, or of a blank or quote before it.
#[inline(always)]
fn may_begin(byte: u8) -> bool {
    // Of the characters of several bytes those from U+0080 to U+00BF, U+1000 to U+3FFF and U+F000 to U+FFFF.
    matches!(byte, 0..=b' ' | b'"' | b'\'' | b'=' | b'+' | b'-' | b'@' | 0x7f | 0xc2 | 0xe1..=0xe3 | 0xef)
}

/// Whether a line has a comma behind each of so many fields and no other, no quotes, no line breaks or other controls, and no
/// `;` before anything but a letter or digit.
fn is_plain(line: &[u8], fields: usize) -> bool {
    let (mut special, mut semicolons, mut commas) = (0, 0, 0);
    // Fewer bytes than a byte can count, and no way out of the loop: compilers make this look at many bytes at once.
    for part in line.chunks(224) {
        let mut here = 0;
        for &byte in part {
            special |= u8::from(byte < b' ') | u8::from(byte == b'"');
            semicolons |= u8::from(byte == b';');
            here += u8::from(byte == b',');
        }
        commas += usize::from(here);
    }
    let is_open = |pair: &[u8]| matches!(pair, [b';', next] if !next.is_ascii_alphanumeric());
    if semicolons > 0 && line.windows(2).any(is_open) {
        return false;
    }
    special == 0 && commas == fields
}

/// Fields, in quotes where they need them, each with a comma behind it.
pub(super) struct Careful<'b> {
    pub(super) bytes: &'b mut Vec<u8>,
    pub(super) raw: bool,
}

impl<R: 'static> Cells<R> for Careful<'_> {
    fn take(&mut self, _: &'static Column<R>, cell: Cell<'_>) {
        self.field(cell);
    }
}

impl Careful<'_> {
    pub(super) fn field(&mut self, cell: Cell<'_>) {
        let mut text = Vec::new();
        cell.write(&mut text);
        if cell.is_text() && !self.raw {
            text = inert(&text);
        }
        let is_special = |byte: &u8| matches!(byte, b',' | b'"' | b'\n' | b'\r');
        if text.iter().any(is_special) {
            self.bytes.push(b'"');
            for (place, part) in text.split(|&byte| byte == b'"').enumerate() {
                if place > 0 {
                    self.bytes.extend_from_slice(b"\"\"");
                }
                self.bytes.extend_from_slice(part);
            }
            self.bytes.push(b'"');
        } else {
            self.bytes.extend_from_slice(&text);
        }
        self.bytes.push(b',');
    }
}

/// What spreadsheets split lines at besides the comma, where they are told to or by their language. They see no quotes around
/// a field that does not follow such a separator, so each part of it can be a cell of its own.
const SEPARATORS: [u8; 4] = [b';', b'\t', b'\r', b'\n'];

/// `text` with an apostrophe before each part that a spreadsheet would run as a cell of its own.
///
/// A part is what separators leave. It runs if it begins with `=`, `+`, `-` or `@`, also by their full-width forms, and also
/// behind blanks, quotes, controls and characters without width; the whole text moreover if it begins with a tab or line break (spreadsheets leave those out).
/// Apostrophes count as quotes, so what was put in can be told from what was there: taking one from each part that runs
/// behind it gives the text back.
pub(super) fn inert(text: &[u8]) -> Vec<u8> {
    let mut made = Vec::with_capacity(text.len() + 2);
    let first = text.iter().find(|&&byte| byte != b'\'');
    if matches!(first, Some(b'\t' | b'\r' | b'\n')) {
        made.push(b'\'');
    }
    for part in text.split_inclusive(|byte| SEPARATORS.contains(byte)) {
        if runs(part) {
            made.push(b'\'');
        }
        made.extend_from_slice(part);
    }
    made
}

/// Whether a spreadsheet would run what begins so.
fn runs(part: &[u8]) -> bool {
    let text = match std::str::from_utf8(part) {
        Ok(text) => text,
        Err(error) => {
            let (valid, _) = part.split_at(error.valid_up_to());
            std::str::from_utf8(valid).unwrap_or_default()
        }
    };
    let is_passed_over = |character: &char| {
        character.is_whitespace()
            || character.is_control()
            || matches!(character, '"' | '\'' | '\u{feff}')
            || matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
    };
    let first = text.chars().find(|character| !is_passed_over(character));
    matches!(
        first,
        Some('=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠')
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_is_plain_only_if_no_field_holds_what_separates_fields_or_lines() {
        for length in 0..100 {
            let line = format!("{}a,", "x".repeat(length));
            assert!(is_plain(line.as_bytes(), 1), "{length}");
            for special in [",", "\"", "\n", "\r"] {
                for place in [0, length / 2, length] {
                    let mut line = line.clone();
                    line.insert_str(place, special);
                    assert!(!is_plain(line.as_bytes(), 1), "{line:?}");
                }
            }
        }
        let commas = ",".repeat(1000);
        assert!(is_plain(commas.as_bytes(), 1000));
        assert!(!is_plain(commas.as_bytes(), 999));
    }

    #[test]
    fn a_semicolon_is_plain_only_before_a_letter_or_digit() {
        assert!(is_plain(b"nla;tunnel,", 1));
        for line in ["a;=b,", "a; =b,", "a;;-b,", "a;＝b,", "a;'=b,"] {
            assert!(!is_plain(line.as_bytes(), 1), "{line}");
        }
    }

    fn inert_text(text: &str) -> String {
        String::from_utf8(inert(text.as_bytes())).unwrap()
    }

    #[test]
    fn what_a_spreadsheet_would_run_gets_an_apostrophe() {
        for (text, made) in [
            ("=cmd|'/c calc'!A0", "'=cmd|'/c calc'!A0"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("＝1", "'＝1"),
            ("＋1", "'＋1"),
            ("－1", "'－1"),
            ("＠1", "'＠1"),
            ("  =1", "'  =1"),
            ("\u{a0}\u{3000}=1", "'\u{a0}\u{3000}=1"),
            ("\u{feff}\u{200b}\0=1", "'\u{feff}\u{200b}\0=1"),
            ("\"=1", "'\"=1"),
            ("'=1", "''=1"),
            ("\t=1", "'\t'=1"),
            ("\ta", "'\ta"),
            ("\r\n", "'\r\n"),
            ("a;=1", "a;'=1"),
            ("a; \"=1;b", "a;' \"=1;b"),
            ("a\t-1", "a\t'-1"),
            ("a\n@1\r+2", "a\n'@1\r'+2"),
        ] {
            assert_eq!(inert_text(text), made, "{text:?}");
        }
    }

    #[test]
    fn other_text_stays_as_it_is() {
        for text in [
            "",
            "a",
            "a=1",
            "1-2",
            "'a",
            " a ",
            "a;b",
            "DOMAIN\\x",
            "C:\\a -b",
            "管理者",
            "\"a\"",
        ] {
            assert_eq!(inert_text(text), text);
        }
    }

    proptest! {
        #[test]
        fn no_part_runs_any_more_and_the_text_can_be_had_back(text in "[a=+@;\t\r\n \"'＝\u{200b}é-]{0,12}") {
            let made = inert_text(&text);
            let mut back = String::new();
            for part in made.split_inclusive([';', '\t', '\r', '\n']) {
                let bare = part.strip_prefix('\'');
                prop_assert!(!runs(part.as_bytes()) || bare.is_some());
                let was_put_in = |bare: &&str| runs(bare.as_bytes());
                back.push_str(bare.filter(was_put_in).unwrap_or(part));
            }
            let begins = made.trim_start_matches('\'');
            let begins = begins.starts_with(['\t', '\r', '\n']);
            let back = if begins { back.split_off(1) } else { back };
            prop_assert_eq!(back, text.clone());
        }

        #[test]
        fn what_runs_begins_with_a_byte_that_is_looked_at(text in "[ \\t\"'\u{0}\u{85}\u{a0}\u{1680}\u{200b}\u{202e}\u{2060}\u{3000}\u{feff}é]{0,3}[=+@＝＋－＠-]", wild: String) {
            for text in [text, wild] {
                if runs(text.as_bytes()) {
                    prop_assert!(may_begin(text.as_bytes()[0]), "{:?}", text);
                }
            }
        }
    }
}
