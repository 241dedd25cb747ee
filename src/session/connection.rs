//! Connections of Remote Desktop clients: who knocked, from where, whose credentials were accepted. Each is tied to the
//! session that it reached, and tells that one where it came from.
//!
//! A connection starts no session: a client whose credentials were accepted may never come to a desktop.
//!
//! The records of a connection share an ActivityID in all channels of Remote Desktop, where Windows writes one (not before
//! Windows 8). Of 2,093 such IDs in real logs each had at most one record of each event, one address and one machine; the
//! console's is made of constants, the same on every machine, and joins nothing.

use super::actions::Actions;
use super::address::{is_local, same_address};
use super::bridges::Bridges;
use super::build::TWIN_TIME;
use super::desktop::{ARBITRATION, RECONNECT};
use super::draft::Draft;
use super::link::{Link, LinkRule, Score};
use super::machine::Machine;
use super::moments::{Moments, folded_name};
use super::place::{Place, Places};
use super::{Flag, Role};
use crate::event::{Account, Action, Text};
use crate::time::{TICKS_PER_SECOND, Ticks, Time};
use ahash::RandomState;
use std::collections::{HashMap, HashSet};

/// The channel of the listener.
pub(super) const LISTENER: &str =
    "Microsoft-Windows-TerminalServices-RemoteConnectionManager/Operational";
/// The channel of the protocol.
pub(super) const PROTOCOL: &str = "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational";

/// How long before its logon a client's credentials were accepted (1149) or its connection stood (98), at most: seen 0.2 to
/// 2.6 s, and 0.2 to 1.6 s.
const BEFORE_LOGON: Ticks = 10 * TICKS_PER_SECOND;
/// How many logons after a connection are looked at: a bound for logs in which all have one time. Each is kept as a pair.
const NEAR_LOGONS: usize = 64;

/// When clients were let in (1149), and when one came back to a desktop (LocalSessionManager 25).
#[derive(Debug)]
pub(super) struct Clients {
    accepted: Moments<String>,
    returned: Moments<String>,
}

impl Clients {
    pub(super) fn of(actions: &Actions) -> Self {
        let of = |action| Moments::by_name(actions.all(action).map(|(_, event)| event));
        Clients {
            accepted: of(Action::RdpAuth),
            returned: of(Action::TsReconnect),
        }
    }

    /// Whether a client was let in as the account right before a logon at `time`.
    pub(super) fn were_accepted(&self, account: &Account, time: Time) -> bool {
        let from = time.plus(-BEFORE_LOGON);
        self.accepted.any_named(account, from, time)
    }

    /// Whether a client comes back to a desktop of the account right after a logon at `time`.
    pub(super) fn return_soon(&self, account: &Account, time: Time) -> bool {
        let to = time.plus(RECONNECT);
        self.returned.any_named(account, time, to)
    }
}

/// The records of one connection, by their positions.
#[derive(Debug)]
struct Connection {
    records: Vec<usize>,
}

impl Connection {
    /// Its record of an event.
    fn find(&self, machine: &Machine, action: Action) -> Option<usize> {
        let is = |index: &usize| {
            machine
                .events
                .get(*index)
                .is_some_and(|event| event.action == action)
        };
        self.records.iter().copied().find(is)
    }
}

/// The connections of a machine, in the order of their first records.
fn read(actions: &Actions) -> Vec<Connection> {
    let mut connections: Vec<Connection> = Vec::new();
    let mut known: HashMap<Text, usize, RandomState> = HashMap::default();
    let mut is_remote: HashSet<usize, RandomState> = HashSet::default();
    let mut is_console: HashSet<usize, RandomState> = HashSet::default();
    for (index, event) in actions.any_of(&[PROTOCOLS, SESSION_MANAGERS].concat()) {
        let is_of_protocol = PROTOCOLS.contains(&event.action);
        let at = match event.details().activity.clone() {
            Some(activity) => *known.entry(activity).or_insert(connections.len()),
            None if event.action == Action::RdpAuth => connections.len(),
            None => continue,
        };
        if at == connections.len() {
            connections.push(Connection {
                records: Vec::new(),
            });
        }
        if let Some(connection) = connections.get_mut(at) {
            connection.records.push(index);
        }
        let address = event.source_address.as_deref();
        if address.is_some_and(is_local) {
            is_console.insert(at);
        } else if is_of_protocol || address.is_some() {
            is_remote.insert(at);
        }
    }
    let numbered = connections.into_iter().enumerate();
    numbered
        .filter(|(at, _)| is_remote.contains(at) && !is_console.contains(at))
        .map(|(_, connection)| connection)
        .collect()
}

/// The actions of connections that nothing but a connection writes.
const PROTOCOLS: &[Action] = &[
    Action::RdpAuth,
    Action::RdpConnection,
    Action::RdpConnected,
    Action::RdpDisconnected,
    Action::RdpTimeZone,
    Action::RdpRefused,
];

/// Those that the session manager writes of the console as well.
const SESSION_MANAGERS: &[Action] = &[
    Action::TsLogon,
    Action::TsShell,
    Action::TsLogoff,
    Action::TsDisconnect,
    Action::TsReconnect,
    Action::TsError,
    Action::TsDisconnectedBy,
    Action::TsReason,
    Action::TsArbitration,
    Action::TsArbitrated,
];

/// A logon at the logon screen that a client can have made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Logon {
    time: Time,
    record: usize,
    draft: usize,
    /// Whether its session began with it.
    begins: bool,
}

/// The logons that clients can have made, in order of time.
struct Logons {
    by_name: HashMap<String, Vec<Logon>, RandomState>,
    all: Vec<Logon>,
}

impl Logons {
    fn of(machine: &Machine, drafts: &[Draft]) -> Self {
        let mut logons = Logons {
            by_name: HashMap::default(),
            all: Vec::new(),
        };
        let desktops = drafts.iter().enumerate();
        for (draft, desktop) in desktops.filter(|(_, draft)| draft.is_desktop) {
            for part in desktop.parts() {
                let Some((record, event)) = part
                    .logon()
                    .and_then(|logon| Some((logon, machine.events.get(logon)?)))
                else {
                    continue;
                };
                let is_remote = |logon_type: u32| matches!(logon_type, 7 | 10 | 12 | 13);
                if event.logon_type.is_none_or(|known| !is_remote(known.0)) {
                    continue;
                }
                let time = event.time;
                let begins = part.carries();
                let logon = Logon {
                    time,
                    record,
                    draft,
                    begins,
                };
                logons.all.push(logon);
                if let Some(name) = folded_name(&event.account) {
                    let own = logons.by_name.entry(name.into_owned());
                    own.or_default().push(logon);
                }
            }
        }
        let lists = logons.by_name.values_mut().chain([&mut logons.all]);
        for list in lists {
            list.sort_unstable();
            // The two halves of one.
            list.dedup_by(|later, first| {
                later.draft == first.draft && later.time.within(first.time, TWIN_TIME)
            });
        }
        logons
    }

    fn named(&self, account: &Account) -> &[Logon] {
        let own = folded_name(account).and_then(|name| self.by_name.get(&*name));
        own.map(Vec::as_slice).unwrap_or_default()
    }

    /// Those of `logons` from a time to another, if there are not too many.
    fn between(logons: &[Logon], from: Time, to: Time) -> impl Iterator<Item = Logon> + Clone {
        let first = logons.partition_point(|logon| logon.time < from);
        let near = logons.iter().skip(first).take(NEAR_LOGONS);
        near.take_while(move |logon| logon.time <= to).copied()
    }
}

/// Ties each connection to the session that it reached.
pub(super) fn tie(
    machine: &Machine,
    actions: &Actions,
    bridges: &Bridges,
    drafts: &mut [Draft],
    places: &mut Places,
) {
    let connections = read(actions);
    if connections.is_empty() {
        return;
    }
    let logons = Logons::of(machine, drafts);
    let mut found = vec![None; connections.len()];
    // What the session manager says is exact; a time is not, and each logon came over one connection: the nearest.
    let mut pairs: Vec<(u64, usize, usize, Candidate)> = Vec::new();
    let mut is_taken: HashSet<usize, RandomState> = HashSet::default();
    for (at, (connection, found)) in connections.iter().zip(&mut found).enumerate() {
        *found = by_session_manager(machine, connection, drafts, places)
            .or_else(|| by_arbitration(machine, connection, &logons, bridges));
        match found {
            Some(candidate) => {
                let first = connection.records.iter().copied();
                let times = first.filter_map(|record| Some(machine.events.get(record)?.time));
                if let Some(first) = times.min() {
                    let near = Logons::between(&logons.all, first, first.plus(BEFORE_LOGON));
                    let own = near.filter(|logon| logon.draft == candidate.draft);
                    is_taken.extend(own.map(|logon| logon.record));
                }
            }
            None => pairs.extend(
                by_time(machine, connection, &logons)
                    .into_iter()
                    .map(|(distance, logon, candidate)| (distance, at, logon, candidate)),
            ),
        }
    }
    pairs.sort_unstable_by_key(|(distance, at, logon, _)| (*distance, *at, *logon));
    for (_, at, logon, candidate) in pairs {
        if let Some(found @ None) = found.get_mut(at)
            && is_taken.insert(logon)
        {
            *found = Some(candidate);
        }
    }
    for (connection, found) in connections.iter().zip(found) {
        if let Some(candidate) = found
            && let Some(draft) = drafts.get_mut(candidate.draft)
        {
            add(machine, draft, connection, &candidate, places);
        }
    }
}

/// The session that a connection may have reached.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    draft: usize,
    /// Whether the session began over it.
    begins: bool,
    /// The record of the connection that tells.
    by: usize,
    link: Link,
}

/// The session to which the session manager joined a record of the connection.
fn by_session_manager(
    machine: &Machine,
    connection: &Connection,
    drafts: &[Draft],
    places: &Places,
) -> Option<Candidate> {
    let joined = connection.records.iter().copied().filter_map(|record| {
        let action = machine.events.get(record)?.action;
        Some((record, action, places.get(record)?))
    });
    // The number of a desktop that a client left can be that of another by the time its connection ends.
    let (by, _, number) = joined
        .min_by_key(|(_, action, _)| !matches!(action, Action::TsLogon | Action::TsReconnect))?;
    let draft = drafts.get(number)?;
    let score = draft.link(by).map_or(Score::EXACT, |link| link.score);
    Some(Candidate {
        draft: number,
        begins: draft.ts_logon() == Some(by),
        by,
        link: Link::new(LinkRule::Activity, score),
    })
}

/// The session whose logon the session manager saw before it looked for the account's desktop, and found none or failed.
fn by_arbitration(
    machine: &Machine,
    connection: &Connection,
    logons: &Logons,
    bridges: &Bridges,
) -> Option<Candidate> {
    let by = connection.find(machine, Action::TsArbitration)?;
    let arbitration = machine.events.get(by)?;
    let near = Logons::between(
        logons.named(&arbitration.account),
        arbitration.time.plus(-ARBITRATION),
        arbitration.time,
    );
    let nearest = near.clone().max()?;
    let is_only = near.into_iter().all(|other| other.draft == nearest.draft);
    let number = arbitration.session_number;
    let bridged = number.and_then(|number| bridges.sid(number, arbitration));
    let own = &machine.events.get(nearest.record)?.account.sid;
    let score = match is_only {
        true if bridged.is_some() && bridged == own.as_ref() => Score::EXACT,
        true => Score::NAMED,
        false => Score::NEAREST,
    };
    Some(Candidate {
        draft: nearest.draft,
        begins: nearest.begins,
        by,
        link: Link::new(LinkRule::Logon, score),
    })
}

/// The logons right after a connection that can have come over it, each after its distance: those of the account whose
/// credentials were accepted, else those from the client's address.
fn by_time(
    machine: &Machine,
    connection: &Connection,
    logons: &Logons,
) -> Vec<(u64, usize, Candidate)> {
    let endpoint = connection
        .find(machine, Action::RdpConnection)
        .and_then(|knock| machine.events.get(knock)?.source_address.as_deref());
    let accepted = connection.find(machine, Action::RdpAuth);
    let stands = connection.find(machine, Action::RdpConnected);
    let (by, own, rule) = match (accepted, stands.filter(|_| endpoint.is_some())) {
        (Some(accepted), _) => {
            let account = machine.events.get(accepted).map(|event| &event.account);
            let own = account
                .map(|account| logons.named(account))
                .unwrap_or_default();
            (accepted, own, LinkRule::Authentication)
        }
        (None, Some(stands)) => (stands, &*logons.all, LinkRule::Address),
        (None, None) => return Vec::new(),
    };
    let Some(event) = machine.events.get(by) else {
        return Vec::new();
    };
    let address = event.source_address.as_deref().or(endpoint);
    let fits = |logon: &Logon| {
        let from = machine.events.get(logon.record);
        let from = from.and_then(|logon| logon.source_address.as_deref());
        match (address, from) {
            (Some(address), Some(from)) => same_address(address, from),
            _ => rule == LinkRule::Authentication,
        }
    };
    let near: Vec<Logon> = Logons::between(own, event.time, event.time.plus(BEFORE_LOGON))
        .filter(fits)
        .collect();
    let mut sessions: Vec<usize> = near.iter().map(|logon| logon.draft).collect();
    sessions.dedup();
    let score = match sessions.len() {
        1 => Score::NAMED,
        _ => Score::NEAREST,
    };
    let candidates = near.into_iter().map(|logon| {
        let candidate = Candidate {
            draft: logon.draft,
            begins: logon.begins,
            by,
            link: Link::new(rule, score),
        };
        let distance = logon.time.since(event.time).unsigned_abs();
        (distance, logon.record, candidate)
    });
    candidates.collect()
}

/// Adds the records of a connection to the session that it reached.
fn add(
    machine: &Machine,
    draft: &mut Draft,
    connection: &Connection,
    candidate: &Candidate,
    places: &mut Places,
) {
    let link = candidate.link;
    for &record in &connection.records {
        if !places.put_new(record, candidate.draft) {
            continue;
        }
        let is_authentication = machine
            .events
            .get(record)
            .is_some_and(|event| event.action == Action::RdpAuth);
        let role = match is_authentication {
            true => Role::Credentials,
            false => Role::Connection,
        };
        let link = match record == candidate.by {
            true => link,
            false => Link::new(LinkRule::Activity, link.score),
        };
        draft.prove_by(record, role, Some(link));
    }
    if link.score == Score::NEAREST {
        draft.flags.insert(Flag::UncertainLink);
    } else if candidate.begins {
        draft.source = source(machine, draft, connection).map(Place::of);
    }
}

/// The record of the connection by which a session began that tells more of where it came from than its logon does.
fn source(machine: &Machine, draft: &Draft, connection: &Connection) -> Option<usize> {
    let logon = machine.events.get(draft.logon()?)?;
    let own = logon.source_address.as_deref();
    let knock = connection.find(machine, Action::RdpConnection);
    let fits = |record: &usize| {
        let address = machine
            .events
            .get(*record)
            .and_then(|event| event.source_address.as_deref());
        address.is_some_and(|address| own.is_none_or(|own| same_address(own, address)))
    };
    let is_needed = own.is_none() || logon.source_port().is_none();
    let knock = knock.filter(fits).filter(|_| is_needed);
    let accepted = connection.find(machine, Action::RdpAuth);
    knock
        .or_else(|| accepted.filter(fits).filter(|_| own.is_none()))
        .or(draft.source())
}
