//! Rows as log2timeline's CSV: its 17 columns, which many viewers of timelines read.
//!
//! Times have whole seconds, as the format has; the exact time and every other column of the row stand in `extra`. Fields hold
//! no commas, line breaks or other controls, since readers of this format split lines without looking at quotes.

use super::cell::Cell;
use super::columns::{Cells, Column, Row, View};
use super::point::{What, text};
use super::text::visible;

/// Appends the header.
pub(super) fn header(bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(
        b"date,time,timezone,MACB,source,sourcetype,type,user,host,short,desc,version,filename,inode,notes,format,extra\n",
    );
}

/// Appends the lines of a row.
pub(super) fn lines<R: Row>(view: &View<'_>, row: &R, bytes: &mut Vec<u8>) {
    for point in row.points(view) {
        let moment = point.time.to_string();
        let part = |from: usize, to: usize| moment.get(from..to).unwrap_or_default();
        // What the format has no date for stands in `extra`.
        let (date, clock) = match point.time.text() {
            Some(_) => {
                let date = format!("{}/{}/{}", part(5, 7), part(8, 10), part(0, 4));
                (date, part(11, 19))
            }
            None => ("00/00/0000".to_owned(), "--:--:--"),
        };
        let user = match (text(&point.account.domain), text(&point.account.name)) {
            (domain, name) if domain.is_empty() => name.into_owned(),
            (domain, name) => format!("{domain}\\{name}"),
        };
        let message = point.message();
        let short: String = message.chars().take(80).collect();
        let (file, number) = point
            .origin
            .map_or(("", String::new()), |o| (o.file, o.number.to_string()));
        let notes = match point.source {
            "recorded" => String::new(),
            source => source.to_owned(),
        };
        let mut extra = Extra {
            text: String::new(),
        };
        row.give(view, &mut extra);
        let fields = [
            &*date,
            clock,
            "UTC",
            match point.what {
                What::Record(_) => "M...",
                What::Start | What::FirstSeen => "...B",
                What::End | What::LastSeen => "M...",
            },
            "EVT",
            if point.session.is_some() {
                "Windows logon session"
            } else {
                "WinEVTX"
            },
            point.what.description(),
            &user,
            point.host,
            &short,
            &message,
            "2",
            file,
            &number,
            &notes,
            "winsessions",
            &extra.text,
        ];
        for field in fields {
            bytes.extend_from_slice(plain(field).as_bytes());
            bytes.push(b',');
        }
        bytes.pop();
        bytes.push(b'\n');
    }
}

/// A field without what separates fields or lines, and without what a terminal acts on. What a spreadsheet would run gets an
/// apostrophe in front.
fn plain(field: &str) -> String {
    let field = visible(field).replace(',', " ").replace('"', "'");
    String::from_utf8_lossy(&super::csv::inert(field.as_bytes())).into_owned()
}

/// `name: value; ` of each column that is not empty. No value holds what ends one.
struct Extra {
    text: String,
}

impl<R: 'static> Cells<R> for Extra {
    fn take(&mut self, column: &'static Column<R>, cell: Cell<'_>) {
        let mut value = Vec::new();
        cell.write(&mut value);
        if value.is_empty() {
            return;
        }
        if !self.text.is_empty() {
            self.text.push_str("; ");
        }
        self.text.push_str(column.name);
        self.text.push_str(": ");
        let value = String::from_utf8_lossy(&value);
        let parts: Vec<&str> = value.split(';').map(str::trim_start).collect();
        self.text.push_str(&parts.join(";"));
    }
}
