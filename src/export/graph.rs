//! Who came from where to which machine: a graph of logons, as GraphML and as a list of its edges in CSV.
//!
//! In: sessions, or the logons and failed logons among events. Out: nodes for sources (a network address, else the workstation name
//! that the caller gave) and for machines; an edge for each source, machine and account, with how often, first and last time, and
//! kinds. Edges are sorted, so the same rows give the same bytes. Loopback, and a machine's own name, is no source; a
//! link-local address is one of each machine that saw it.
//! A row without a source is on no edge: machines count those.
//!
//! What is kept of the rows is one entry for each edge.

use super::cell::Cell;
use super::csv::Careful;
use super::point::{Point, What};
use crate::event::{Account, Action};
use crate::session::is_link_local;
use crate::time::Time;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::net::IpAddr;

/// Where a logon came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum From {
    Address(String),
    Workstation(String),
    Nowhere,
}

impl From {
    fn kind(&self) -> &'static str {
        match self {
            From::Address(_) => "address",
            From::Workstation(_) => "workstation",
            From::Nowhere => "",
        }
    }

    fn name(&self) -> &str {
        match self {
            From::Address(name) | From::Workstation(name) => name,
            From::Nowhere => "",
        }
    }
}

/// What an edge is of.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    from: From,
    to: String,
    domain: String,
    account: String,
    sid: String,
}

/// What is known of an edge.
#[derive(Debug, Default)]
struct Edge {
    logons: u64,
    failures: u64,
    first: Option<Time>,
    last: Option<Time>,
    kinds: BTreeSet<&'static str>,
    workstations: BTreeSet<String>,
    inferred: u64,
}

/// How many workstation names an edge tells.
const TOLD: usize = 16;

/// A graph that grows row by row.
#[derive(Debug, Default)]
pub(super) struct Graph {
    edges: BTreeMap<Key, Edge>,
}

impl Graph {
    /// Adds a row by its points; of an event that is no logon nothing.
    pub(super) fn add(&mut self, points: &[Point<'_>]) {
        let (Some(first), Some(last)) = (points.first(), points.last()) else {
            return;
        };
        let is_failure = match first.what {
            What::Record(Action::Logon) | What::Start | What::FirstSeen => false,
            What::Record(Action::LogonFailed) => true,
            _ => return,
        };
        let known = |text: Option<&str>| {
            let text = text.map(str::trim).filter(|text| !text.is_empty());
            text.map(str::to_owned)
        };
        // Every machine has these addresses: they would join machines that have nothing in common.
        let is_of_one = |ip: &IpAddr| !ip.is_loopback() && !ip.is_unspecified();
        let address = first.ip().filter(is_of_one);
        let address = address.map(|ip| match is_link_local(&ip) {
            true => format!("{ip}%{}", first.host),
            false => ip.to_string(),
        });
        let workstation = known(first.caller());
        let from = match (address, &workstation) {
            (Some(address), _) => From::Address(address),
            (None, Some(name)) => From::Workstation(name.clone()),
            (None, None) => From::Nowhere,
        };
        let Account { name, domain, sid } = first.account;
        let owned = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let key = Key {
            from,
            to: first.host.to_owned(),
            domain: owned(domain.as_deref()),
            account: owned(name.as_deref()),
            sid: owned(sid.as_ref().map(|sid| sid.as_str())),
        };
        let edge = self.edges.entry(key).or_default();
        match is_failure {
            true => edge.failures += 1,
            false => edge.logons += 1,
        }
        edge.first = Some(edge.first.map_or(first.time, |time| time.min(first.time)));
        edge.last = Some(edge.last.map_or(last.time, |time| time.max(last.time)));
        edge.kinds.extend(first.kind.map(|kind| kind.name()));
        edge.inferred += u64::from(first.source != "recorded");
        if edge.workstations.len() < TOLD {
            edge.workstations.extend(workstation);
        }
    }

    /// Writes the header and a line an edge; `raw` with every text exactly as it is.
    pub(super) fn write_edges(&self, raw: bool, out: &mut impl Write) -> io::Result<()> {
        out.write_all(b"source,target,source_kind,account_domain,account_name,account_sid,logons,failures,inferred,first_seen,last_seen,kinds,workstations\n")?;
        for (key, edge) in &self.edges {
            let mut bytes = Vec::new();
            let mut line = Careful {
                bytes: &mut bytes,
                raw,
            };
            let (kinds, workstations) = (
                joined(edge.kinds.iter().copied()),
                joined(edge.workstations.iter().map(String::as_str)),
            );
            for text in [
                key.from.name(),
                &key.to,
                key.from.kind(),
                &key.domain,
                &key.account,
                &key.sid,
            ] {
                line.field(Cell::Text(text));
            }
            line.field(edge.logons.into());
            line.field(edge.failures.into());
            line.field(edge.inferred.into());
            line.field(edge.first.into());
            line.field(edge.last.into());
            line.field(Cell::Text(&kinds));
            line.field(Cell::Text(&workstations));
            bytes.pop();
            bytes.push(b'\n');
            out.write_all(&bytes)?;
        }
        Ok(())
    }

    /// Writes the graph as GraphML.
    pub(super) fn write_graphml(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(
            br#"<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
"#,
        )?;
        for (of, name, kind) in KEYS {
            writeln!(
                out,
                r#"<key id="{of}-{name}" for="{of}" attr.name="{name}" attr.type="{kind}"/>"#
            )?;
        }
        out.write_all(b"<graph id=\"logons\" edgedefault=\"directed\">\n")?;
        let mut nodes: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        for (key, edge) in &self.edges {
            let machine = nodes.entry(("machine", &key.to)).or_default();
            match key.from {
                From::Nowhere => *machine += edge.logons + edge.failures,
                _ => {
                    nodes.entry((key.from.kind(), key.from.name())).or_default();
                }
            }
        }
        for ((kind, name), without_source) in nodes {
            write!(out, r#"<node id="{}">"#, id(kind, name))?;
            data(out, "node", "label", name)?;
            data(out, "node", "kind", kind)?;
            if kind == "machine" {
                data(out, "node", "without_source", &without_source.to_string())?;
            }
            writeln!(out, "</node>")?;
        }
        let drawn = self
            .edges
            .iter()
            .filter(|(key, _)| key.from != From::Nowhere);
        for (number, (key, edge)) in drawn.enumerate() {
            let source = id(key.from.kind(), key.from.name());
            write!(
                out,
                r#"<edge id="e{number}" source="{source}" target="{}">"#,
                id("machine", &key.to)
            )?;
            let label = match key.domain.is_empty() {
                true => key.account.clone(),
                false => format!("{}\\{}", key.domain, key.account),
            };
            data(out, "edge", "label", &label)?;
            data(out, "edge", "account_domain", &key.domain)?;
            data(out, "edge", "account_name", &key.account)?;
            data(out, "edge", "account_sid", &key.sid)?;
            data(
                out,
                "edge",
                "weight",
                &(edge.logons + edge.failures).to_string(),
            )?;
            data(out, "edge", "logons", &edge.logons.to_string())?;
            data(out, "edge", "failures", &edge.failures.to_string())?;
            data(out, "edge", "inferred", &edge.inferred.to_string())?;
            let told = |time: Option<Time>| time.map(|time| time.to_string()).unwrap_or_default();
            data(out, "edge", "first_seen", &told(edge.first))?;
            data(out, "edge", "last_seen", &told(edge.last))?;
            data(out, "edge", "kinds", &joined(edge.kinds.iter().copied()))?;
            data(
                out,
                "edge",
                "workstations",
                &joined(edge.workstations.iter().map(String::as_str)),
            )?;
            writeln!(out, "</edge>")?;
        }
        out.write_all(b"</graph>\n</graphml>\n")
    }
}

/// What nodes and edges can tell.
const KEYS: [(&str, &str, &str); 15] = [
    ("node", "label", "string"),
    ("node", "kind", "string"),
    ("node", "without_source", "long"),
    ("edge", "label", "string"),
    ("edge", "account_domain", "string"),
    ("edge", "account_name", "string"),
    ("edge", "account_sid", "string"),
    ("edge", "weight", "long"),
    ("edge", "logons", "long"),
    ("edge", "failures", "long"),
    ("edge", "inferred", "long"),
    ("edge", "first_seen", "string"),
    ("edge", "last_seen", "string"),
    ("edge", "kinds", "string"),
    ("edge", "workstations", "string"),
];

fn data(out: &mut impl Write, of: &str, name: &str, text: &str) -> io::Result<()> {
    match text.is_empty() {
        true => Ok(()),
        false => write!(out, r#"<data key="{of}-{name}">{}</data>"#, escaped(text)),
    }
}

/// The identifier of a node: another for every name, also where two are written alike.
fn id(kind: &str, name: &str) -> String {
    escaped(&format!("{kind}:{}", name.replace('\\', r"\\")))
}

fn joined<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    texts.collect::<Vec<_>>().join(";")
}

/// Text as XML 1.0 can hold it: markup as references, and what no document may hold, not even as a reference, as `\u{1b}`.
/// So are line breaks and tabs, which readers change to blanks in attributes.
fn escaped(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => made.push_str("&lt;"),
            '>' => made.push_str("&gt;"),
            '&' => made.push_str("&amp;"),
            '"' => made.push_str("&quot;"),
            '\'' => made.push_str("&apos;"),
            '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => {
                made.extend(character.escape_unicode());
            }
            other => made.push(other),
        }
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Text;
    use crate::export::View;
    use crate::export::point::of_session;
    use crate::export::sample;

    #[test]
    fn a_link_local_address_joins_no_two_machines() {
        let analysis = Default::default();
        let view = View::new(&analysis, None);
        for (address, nodes) in [
            ("fe80::1%4", ["fe80::1%ONE", "fe80::1%TWO"]),
            ("169.254.7.7", ["169.254.7.7%ONE", "169.254.7.7%TWO"]),
            ("2001:db8::1", ["2001:db8::1"; 2]),
        ] {
            let mut graph = Graph::default();
            for host in ["ONE", "TWO"] {
                let mut session = sample::session("2024-03-04", "2024-03-05");
                session.host = host.into();
                session.source_address = Some(Text::from(address));
                graph.add(&of_session(&view, &session));
            }
            let found: Vec<&str> = graph.edges.keys().map(|key| key.from.name()).collect();
            assert_eq!(found, nodes);
        }
    }
}
