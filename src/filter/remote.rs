//! Whether somebody came from another machine.
//!
//! An address that is the machine's own loopback is not from elsewhere, nor one in the networks that count as its own. What the
//! evidence does not tell is possible: a logon over the network without an address, an address that the machine had itself at
//! some time, loopback through which a tunnel leads.

use super::Fit;
use crate::event::Text;
use crate::session::{Flag, Interval, Kind, Session, State, is_loopback, network_address};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Addresses that are in use in many networks and reach none of them from outside (RFC 1918, 6598, 3927, 4193, 4291).
const PRIVATE: [&str; 7] = [
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "fc00::/7",
    "fe80::/10",
];

/// A network: the addresses that begin as its own does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        // Addresses are compared by their value: those of IPv4 in IPv6 are those of IPv4.
        let network = match (address, address.to_canonical()) {
            (IpAddr::V6(_), address @ IpAddr::V4(_)) if bits >= 96 => Network {
                address,
                bits: bits - 96,
            },
            _ => Network { address, bits },
        };
        (bits <= most).then_some(network)
    }

    fn holds(self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let differ = own.to_bits() ^ other.to_bits();
                differ.leading_zeros() >= self.bits
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let differ = own.to_bits() ^ other.to_bits();
                differ.leading_zeros() >= self.bits
            }
            _ => false,
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// What comes from outside of a machine, and of the networks that count as its own.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Remote {
    own: Vec<Network>,
    /// Of each machine the addresses that it had itself at some time.
    known: HashMap<usize, HashSet<IpAddr>>,
}

/// A text that names no networks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no network: write networks as 10.20.0.0/16,2001:db8::/32, or `private`, or leave them out"
)]
pub struct NotNetworks(String);

impl FromStr for Remote {
    type Err = NotNetworks;

    /// Networks that count as the machines' own, between commas; nothing is none.
    fn from_str(text: &str) -> Result<Self, NotNetworks> {
        let mut own = Vec::new();
        for part in text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            if part == "private" {
                own.extend(PRIVATE.iter().filter_map(|network| Network::parse(network)));
                continue;
            }
            own.push(Network::parse(part).ok_or_else(|| NotNetworks(part.to_owned()))?);
        }
        Ok(Remote {
            own,
            known: HashMap::new(),
        })
    }
}

impl fmt::Display for Remote {
    /// The networks that count as the machines' own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own: Vec<String> = self.own.iter().map(Network::to_string).collect();
        f.write_str(&own.join(","))
    }
}

impl Remote {
    /// Learns which addresses a machine had itself.
    pub fn learn(&mut self, session: &Session) {
        if session.flags.contains(&Flag::OwnMachine)
            && let Some(own) = session.source_address.as_deref().and_then(network_address)
        {
            self.known.entry(session.machine).or_default().insert(own);
        }
    }

    /// Whether a session came from outside, or somebody came back to it from there.
    pub fn fit(&self, session: &Session) -> Option<Fit> {
        if session.flags.contains(&Flag::OwnMachine) {
            return None;
        }
        let back = session.intervals.iter();
        let is_nowhere = |interval: &Interval| {
            let is_return = interval.state == State::Disconnected && interval.to.is_some();
            is_return && interval.address.is_none()
        };
        // Who came, or came back, over the network from where no record tells.
        let is_unknown = may_be_over_the_network(session.kind)
            && (session.source_address.is_none() || back.clone().any(is_nowhere));
        let is_possible = is_unknown || session.flags.contains(&Flag::Tunnel);
        let places = back.map(|interval| &interval.address);
        let places = places.chain([&session.source_address]).flatten();
        let from = places.filter_map(|place| self.of(session.machine, place));
        from.chain(is_possible.then_some(Fit::Possible)).max()
    }

    /// Whether an address is the end of a tunnel that a session may have come through from outside.
    pub fn is_through_tunnel(&self, session: &Session, place: &Text) -> bool {
        let is_tunnel = session.flags.contains(&Flag::Tunnel) && is_loopback(place);
        is_tunnel && self.fit(session).is_some()
    }

    /// Whether an address is outside.
    pub fn of(&self, machine: usize, text: &Text) -> Option<Fit> {
        if text.eq_ignore_ascii_case("LOCAL") {
            return None;
        }
        let Some(address) = network_address(text).filter(|address| !address.is_unspecified())
        else {
            return Some(Fit::Possible);
        };
        if address.is_loopback() || self.own.iter().any(|network| network.holds(address)) {
            return None;
        }
        let known = self.known.get(&machine);
        Some(match known.is_some_and(|own| own.contains(&address)) {
            true => Fit::Possible,
            false => Fit::Sure,
        })
    }
}

/// Whether a logon of a kind can have come over the network, where no record tells from where.
pub(super) fn may_be_over_the_network(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Rdp
            | Kind::RdpCached
            | Kind::RdpReconnect
            | Kind::Ssh
            | Kind::Network
            | Kind::NetworkCleartext
            | Kind::Anonymous
            | Kind::Unknown
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::sample::session;

    fn from(place: &str) -> Session {
        let mut session = session("2024-03-04", "2024-03-05");
        (session.kind, session.source_address) = (Kind::Network, Some(place.into()));
        session
    }

    fn fit(own: &str, place: &str) -> Option<Fit> {
        own.parse::<Remote>().unwrap().fit(&from(place))
    }

    #[test]
    fn an_address_of_another_machine_is_outside_unless_its_network_is_ones_own() {
        assert_eq!(fit("", "10.0.0.5"), Some(Fit::Sure));
        assert_eq!(fit("10.0.0.0/24", "10.0.0.5"), None);
        assert_eq!(fit("10.0.0.0/24", "::ffff:10.0.0.5"), None);
        assert_eq!(fit("10.0.0.0/24", "10.0.1.5"), Some(Fit::Sure));
        assert_eq!(fit("::ffff:10.0.0.0/120", "10.0.0.5"), None);
        assert_eq!(fit("::ffff:10.0.0.0/120", "10.0.1.5"), Some(Fit::Sure));
        assert_eq!(fit("private", "172.31.255.255"), None);
        assert_eq!(fit("private", "172.32.0.0"), Some(Fit::Sure));
        assert_eq!(fit("private", "fe80::1%10"), None);
        assert_eq!(fit("private,203.0.113.7", "203.0.113.7"), None);
        assert_eq!(fit("0.0.0.0/0", "203.0.113.7"), None);
        assert_eq!(fit("0.0.0.0/0", "2001:db8::1"), Some(Fit::Sure));
        assert_eq!(fit("2001:db8::/32", "2001:db8::1"), None);
    }

    #[test]
    fn where_one_of_several_places_is_not_known_it_may_be_outside() {
        let back = |address: Option<&str>| Interval {
            state: State::Disconnected,
            from: None,
            to: Some(crate::export::sample::time("2024-03-04T12:00")),
            source: crate::session::EndSource::Recorded,
            address: address.map(Into::into),
        };
        let own: Remote = "private".parse().unwrap();
        let mut session = from("10.0.0.5");
        session.kind = Kind::Rdp;
        session.intervals = vec![back(Some("10.0.0.6"))];
        assert_eq!(own.fit(&session), None);
        session.intervals.push(back(None));
        assert_eq!(own.fit(&session), Some(Fit::Possible));
        session.intervals.pop();
        session.source_address = None;
        assert_eq!(own.fit(&session), Some(Fit::Possible));
        session.kind = Kind::Console;
        assert_eq!(own.fit(&session), None);
    }

    #[test]
    fn loopback_is_the_machine_itself_but_what_comes_through_a_tunnel_may_be_from_elsewhere() {
        assert_eq!(fit("", "127.0.0.1"), None);
        assert_eq!(fit("", "::1"), None);
        let mut tunnel = from("127.0.0.1");
        tunnel.flags.push(Flag::Tunnel);
        assert_eq!(Remote::default().fit(&tunnel), Some(Fit::Possible));
    }

    #[test]
    fn what_names_no_address_may_be_from_elsewhere_if_it_came_over_the_network() {
        assert_eq!(fit("", "0.0.0.0"), Some(Fit::Possible));
        assert_eq!(fit("private", "kali"), Some(Fit::Possible));
        assert_eq!(fit("", "LOCAL"), None);
        let mut nowhere = from("");
        nowhere.source_address = None;
        assert_eq!(Remote::default().fit(&nowhere), Some(Fit::Possible));
        nowhere.kind = Kind::Console;
        assert_eq!(Remote::default().fit(&nowhere), None);
    }

    #[test]
    fn an_address_that_the_machine_had_itself_is_not_surely_anothers() {
        let mut own = from("10.0.0.5");
        own.flags.push(Flag::OwnMachine);
        let mut remote = Remote::default();
        remote.learn(&own);
        assert_eq!(remote.fit(&own), None);
        assert_eq!(remote.fit(&from("10.0.0.5")), Some(Fit::Possible));
        let mut elsewhere = from("10.0.0.5");
        elsewhere.machine += 1;
        assert_eq!(remote.fit(&elsewhere), Some(Fit::Sure));
    }

    #[test]
    fn what_names_no_network_is_refused() {
        for text in [
            "10.0.0.0/33",
            "10.0.0",
            "Private ",
            "fe80::/129",
            "10.0.0.0/-1",
        ] {
            assert!(text.parse::<Remote>().is_err(), "{text}");
        }
    }
}
