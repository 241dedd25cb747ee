//! Rows for Timesketch: JSON Lines and CSV, as its importers read them.
//!
//! A row has `message`, `datetime`, `timestamp_desc` and `timestamp` (microseconds since 1970), as the importers demand; the names that
//! its analysers of Windows logons ask for (`source_name`, `event_identifier`, `logon_type`, ...), which are Plaso's; and every column
//! of the row, exactly, under its name behind `winsessions_`. Sessions carry no `event_identifier`: they would be counted beside the
//! records that they are made of.

use super::cell::Cell;
use super::columns::{Cells, Column, Row, View};
use super::csv::Careful;
use super::object::{Object, line};
use super::point::{Point, microseconds_text, since_1970};
use super::text::visible;
use crate::session::Flag;

/// What stands before the names of this program's columns.
const OWN: &str = "winsessions_";

/// The members of a row that are not columns, in the order of CSV.
const NAMES: [&str; 35] = [
    "message",
    "datetime",
    "timestamp_desc",
    "timestamp",
    "event_time_100ns",
    "data_type",
    "source_name",
    "event_identifier",
    "record_number",
    "event_log",
    "computer_name",
    "hostname",
    "username",
    "domain",
    "user_sid",
    "logon_type",
    "logon_id",
    "logon_guid",
    "linked_logon_id",
    "ip_address",
    "port",
    "workstation_name",
    "process_id",
    "process_name",
    "logon_process_name",
    "authentication_package_name",
    "lm_package_name",
    "subject_user_sid",
    "subject_user_name",
    "subject_domain_name",
    "subject_logon_id",
    "session_uid",
    "tag",
    "winsessions_point",
    "winsessions_point_source",
];

/// Gives the members of a point, in the order of [`NAMES`].
fn members(point: &Point<'_>, put: &mut impl FnMut(&'static str, Cell<'_>)) {
    let message = visible(&point.message()).into_owned();
    let datetime = microseconds_text(point.time);
    let microseconds = since_1970(point.time, 1000).to_string();
    let origin = point.origin.filter(|_| point.session.is_none());
    let guid = point.logon_guid;
    let ip = point.ip().map(|ip| ip.to_string());
    put("message", (&*message).into());
    put("datetime", (&*datetime).into());
    put("timestamp_desc", point.what.description().into());
    put("timestamp", Cell::Digits(&microseconds));
    put("event_time_100ns", point.time.into());
    put(
        "data_type",
        if point.session.is_some() {
            "winsessions:session"
        } else {
            "winsessions:event"
        }
        .into(),
    );
    put("source_name", point.provider.into());
    put("event_identifier", origin.map(|o| o.event_id).into());
    put("record_number", origin.map(|o| o.number).into());
    put("event_log", origin.map(|o| o.channel).into());
    put("computer_name", point.computer.into());
    put("hostname", point.host.into());
    put("username", point.account.name.as_deref().into());
    put("domain", point.account.domain.as_deref().into());
    put(
        "user_sid",
        point.account.sid.as_ref().map(|sid| sid.as_str()).into(),
    );
    put("logon_type", point.logon_type.map(|t| t.0).into());
    put("logon_id", point.logon_id.into());
    put("logon_guid", guid.into());
    put("linked_logon_id", point.linked_logon_id.into());
    put("ip_address", ip.as_deref().into());
    put("port", point.port.into());
    put("workstation_name", point.workstation.into());
    put("process_id", point.process_id.into());
    put("process_name", point.process_name.into());
    put("logon_process_name", point.logon_process.into());
    put("authentication_package_name", point.package.into());
    put("lm_package_name", point.lm_package.into());
    put(
        "subject_user_sid",
        point.subject.sid.as_ref().map(|sid| sid.as_str()).into(),
    );
    put("subject_user_name", point.subject.name.as_deref().into());
    put(
        "subject_domain_name",
        point.subject.domain.as_deref().into(),
    );
    put("subject_logon_id", point.subject_logon_id.into());
    put("session_uid", point.session_id.into());
    let flags: &[Flag] = point.session.map_or(&[], |session| &session.flags);
    put(
        "tag",
        if flags.is_empty() {
            Cell::Empty
        } else {
            Cell::Flags(flags)
        },
    );
    put("winsessions_point", point.what.word().into());
    put("winsessions_point_source", point.source.into());
}

/// Appends the lines of a row.
pub(super) fn lines<R: Row>(view: &View<'_>, row: &R, bytes: &mut Vec<u8>) {
    for point in row.points(view) {
        line(bytes, |object| {
            members(&point, &mut |name, cell| object.put(name, cell));
            row.give(view, &mut Own { object });
        });
    }
}

/// Members under the names of columns.
struct Own<'o, 'b> {
    object: &'o mut Object<'b>,
}

impl<R: 'static> Cells<R> for Own<'_, '_> {
    fn take(&mut self, column: &'static Column<R>, cell: Cell<'_>) {
        if !matches!(cell, Cell::Empty) {
            self.object.put(&format!("{OWN}{}", column.name), cell);
        }
    }
}

/// Appends the header of CSV.
pub(super) fn header<R: Row>(view: &View<'_>, bytes: &mut Vec<u8>) {
    let own = R::columns(view).map(|column| format!("{OWN}{}", column.name));
    let names: Vec<String> = NAMES.map(str::to_owned).into_iter().chain(own).collect();
    bytes.extend_from_slice(names.join(",").as_bytes());
    bytes.push(b'\n');
}

/// Appends the lines of a row as CSV; `RAW` with every text exactly as it is.
pub(super) fn csv_lines<R: Row, const RAW: bool>(view: &View<'_>, row: &R, bytes: &mut Vec<u8>) {
    for point in row.points(view) {
        let mut fields = Careful { bytes, raw: RAW };
        members(&point, &mut |name, cell| match (name, cell) {
            // A list of JSON.
            ("tag", Cell::Flags(flags)) => {
                let names: Vec<String> = flags.iter().map(|flag| format!("\"{flag}\"")).collect();
                fields.field(Cell::Digits(&format!("[{}]", names.join(","))));
            }
            (_, cell) => fields.field(cell),
        });
        row.give(view, &mut fields);
        bytes.pop();
        bytes.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::sample;

    #[test]
    fn the_header_names_what_a_row_has_in_its_order() {
        let analysis = sample::analysis();
        let view = View::new(&analysis, None);
        for point in analysis.sessions[0].points(&view) {
            let mut names = Vec::new();
            members(&point, &mut |name, _| names.push(name));
            assert_eq!(names, NAMES);
        }
    }
}
