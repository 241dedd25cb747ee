//! Remote command lines: what OpenSSH's server and Windows Remote Management say, tied to the logons that they made.
//!
//! An SSH connection has a process of its own, which asks for its logons and writes its lines: 6 of 6 lines about refused
//! passwords had the process ID of their 4625, and came 0.1 ms after it. The audit records name no address; the lines do.
//! WinRM's record of a shell tells who opened it, and when.

use super::actions::Actions;
use super::draft::Draft;
use super::link::{Link, LinkRule, Score};
use super::machine::Machine;
use super::moments::folded_name;
use super::place::{Place, Places};
use super::{Flag, Kind, Role};
use crate::event::{Action, Event, Text};
use crate::sid::Sid;
use crate::time::{TICKS_PER_SECOND, Ticks, Time};
use ahash::RandomState;
use std::borrow::Cow;
use std::collections::HashMap;

/// How long before its first line a connection's process asks for a logon at most: the server waits two minutes for
/// credentials (LoginGraceTime), and a logon to look the account up was seen 4.3 s before the first line.
const BEFORE_LINE: Ticks = 120 * TICKS_PER_SECOND;
/// How far apart a logon and the line that says so lie, where the process IDs do not tell.
const ACCEPTED: Ticks = 5 * TICKS_PER_SECOND;
/// How long after its logon a remote shell is opened at most; no evidence at hand holds both.
const SHELL: Ticks = 5 * TICKS_PER_SECOND;
/// How many logons are looked at for one record: a bound for logs in which all have one time.
const NEAR_LOGONS: usize = 16;

/// Ties the lines of SSH connections and the remote shells to sessions.
pub(super) fn tie(machine: &Machine, actions: &Actions, drafts: &mut [Draft], places: &mut Places) {
    if actions.has(Action::SshMessage) {
        tie_ssh(machine, actions, drafts, places);
    }
    if actions.has(Action::RemoteShell) {
        tie_shells(machine, actions, drafts, places);
    }
}

/// A logon: when it came, and which session it began.
type Logon = (Time, usize);

/// The logons of sessions of a kind, by what `key` tells of them and in order of time.
fn logons<K: std::hash::Hash + Eq>(
    machine: &Machine,
    drafts: &[Draft],
    kind: Kind,
    key: impl Fn(&Event) -> Option<K>,
) -> HashMap<K, Vec<Logon>, RandomState> {
    let mut known: HashMap<K, Vec<Logon>, RandomState> = HashMap::default();
    let own = drafts.iter().enumerate();
    for (number, draft) in own.filter(|(_, draft)| draft.kind == kind) {
        let logon = draft.logon().and_then(|logon| machine.events.get(logon));
        if let Some((logon, key)) = logon.and_then(|logon| Some((logon, key(logon)?))) {
            known.entry(key).or_default().push((logon.time, number));
        }
    }
    known.values_mut().for_each(|own| own.sort_unstable());
    known
}

/// The logons from a time to another, few of them: the latest.
fn between(logons: &[Logon], from: Time, to: Time) -> &[Logon] {
    let first = logons.partition_point(|(time, _)| *time < from);
    let last = logons.partition_point(|(time, _)| *time <= to);
    let first = first.max(last.saturating_sub(NEAR_LOGONS));
    logons.get(first..last).unwrap_or_default()
}

/// What an SSH server's line says of its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// The credentials were accepted.
    Accepted,
    /// A shell was started on a terminal.
    Terminal,
    /// The connection ended.
    Closed {
        /// Before anybody was accepted.
        early: bool,
    },
    Other,
}

impl Line {
    fn of(event: &Event) -> Line {
        let line = event.details().message.as_deref().unwrap_or_default();
        let starts = |words: &[&str]| words.iter().any(|words| line.starts_with(words));
        if starts(&["Accepted "]) {
            Line::Accepted
        } else if starts(&["Starting session: shell on "]) {
            // Without a terminal it is `shell for`.
            Line::Terminal
        } else if starts(&[
            "Disconnected from ",
            "Disconnecting ",
            "Connection closed ",
            "Connection reset ",
        ]) {
            Line::Closed {
                early: line.trim_end().ends_with("[preauth]"),
            }
        } else {
            Line::Other
        }
    }
}

/// The lines about one connection, in order.
fn connections(actions: &Actions) -> Vec<Vec<(usize, Line)>> {
    let mut connections: Vec<Vec<(usize, Line)>> = Vec::new();
    let mut open: HashMap<(&Text, u16), usize, RandomState> = HashMap::default();
    for (index, event) in actions.all(Action::SshMessage) {
        let Some(endpoint) = event.source_address.as_ref().zip(event.source_port()) else {
            continue;
        };
        let line = Line::of(event);
        let at = *open.entry(endpoint).or_insert(connections.len());
        if at == connections.len() {
            connections.push(Vec::new());
        }
        if let Some(connection) = connections.get_mut(at) {
            connection.push((index, line));
        }
        if matches!(line, Line::Closed { .. }) {
            open.remove(&endpoint);
        }
    }
    connections
}

fn tie_ssh(machine: &Machine, actions: &Actions, drafts: &mut [Draft], places: &mut Places) {
    let by_process = logons(machine, drafts, Kind::Ssh, |logon| logon.process_id);
    let by_name = logons(machine, drafts, Kind::Ssh, |logon| {
        folded_name(&logon.account).map(Cow::into_owned)
    });
    for lines in connections(actions) {
        let event = |index: usize| machine.events.get(index);
        let accepted = lines.iter().find(|(_, line)| *line == Line::Accepted);
        let accepted = accepted.map(|(index, _)| *index);
        // Of the lines the first whose process asked for logons; that which says that somebody was accepted before all others.
        let told = accepted
            .into_iter()
            .chain(lines.iter().map(|(index, _)| *index));
        let of_process = told.filter_map(|index| {
            let line = event(index)?;
            let own = by_process.get(&u64::from(line.writer?))?;
            // Where a key was accepted, the logon may come after the line.
            let until = match accepted == Some(index) {
                true => line.time.plus(ACCEPTED),
                false => line.time,
            };
            let own = between(own, line.time.plus(-BEFORE_LINE), until);
            let distance = |logon: &&Logon| logon.0.since(line.time).unsigned_abs();
            Some((index, own.iter().min_by_key(distance)?.1, own))
        });
        let found = of_process.into_iter().next();
        let (by, session, others, link) = match (found, accepted) {
            (Some((index, session, own)), _) => (
                index,
                session,
                own,
                Link::new(LinkRule::Process, Score::EXACT),
            ),
            (None, Some(index)) => {
                let Some(line) = event(index) else { continue };
                let own = folded_name(&line.account).and_then(|name| by_name.get(&*name));
                let own = own.map(Vec::as_slice).unwrap_or_default();
                let own = between(own, line.time.plus(-ACCEPTED), line.time.plus(ACCEPTED));
                let distance = |logon: &&Logon| logon.0.since(line.time).unsigned_abs();
                let Some(&(_, session)) = own.iter().min_by_key(distance) else {
                    continue;
                };
                let score = match own {
                    [_] => Score::NAMED,
                    _ => Score::NEAREST,
                };
                let none: &[Logon] = &[];
                (index, session, none, Link::new(LinkRule::Account, score))
            }
            (None, None) => continue,
        };
        let was_refused = accepted.is_none()
            && lines
                .iter()
                .any(|(_, line)| *line == Line::Closed { early: true });
        for &(index, line) in &lines {
            let Some((draft, event)) = drafts.get_mut(session).zip(event(index)) else {
                continue;
            };
            let role = match line {
                Line::Accepted => Role::Credentials,
                Line::Terminal => Role::Use,
                _ => Role::Connection,
            };
            let link = match index == by {
                true => link,
                false => Link::new(LinkRule::Endpoint, link.score),
            };
            draft.prove_by(index, role, Some(link));
            if line == Line::Terminal && link.score != Score::NEAREST {
                draft.has_terminal = true;
                draft.show(index, event.time);
            }
            places.put_new(index, session);
        }
        // Before it asks for the logon that counts, the server's process looks the account up with a logon of its own.
        let all = others.iter().map(|(_, other)| *other).chain([session]);
        for number in all {
            let Some(draft) = drafts.get_mut(number) else {
                continue;
            };
            if link.score == Score::NEAREST {
                draft.flags.insert(Flag::UncertainLink);
                continue;
            }
            draft.source = Some(Place::of(by));
            if number != session {
                draft.prove_by(by, Role::Connection, Some(link));
            }
            if was_refused {
                draft.flags.insert(Flag::Refused);
            }
        }
    }
}

/// Ties each remote shell to the network logon of its account that it follows.
fn tie_shells(machine: &Machine, actions: &Actions, drafts: &mut [Draft], places: &mut Places) {
    let by_sid: HashMap<Sid, Vec<Logon>, RandomState> =
        logons(machine, drafts, Kind::Network, |logon| {
            logon.account.sid.clone()
        });
    for (index, shell) in actions.all(Action::RemoteShell) {
        let own = shell.account.sid.as_ref().and_then(|sid| by_sid.get(sid));
        let own = own.map(Vec::as_slice).unwrap_or_default();
        let is_open = |&&(_, number): &&Logon| {
            let closed = drafts.get(number).and_then(Draft::closed);
            let closed = closed.and_then(|closed| machine.events.get(closed));
            closed.is_none_or(|closed| shell.time <= closed.time)
        };
        let near: Vec<usize> = between(own, shell.time.plus(-SHELL), shell.time)
            .iter()
            .filter(is_open)
            .map(|(_, number)| *number)
            .collect();
        let score = match near.len() {
            1 => Score::NAMED,
            _ => Score::NEAREST,
        };
        let Some((number, draft)) = near
            .last()
            .and_then(|&number| Some((number, drafts.get_mut(number)?)))
        else {
            continue;
        };
        let link = Link::new(LinkRule::Account, score);
        draft.prove_by(index, Role::Use, Some(link));
        if score == Score::NEAREST {
            draft.flags.insert(Flag::UncertainLink);
        }
        places.put_new(index, number);
    }
}
