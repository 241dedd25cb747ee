//! Network addresses as records write them.

use std::net::IpAddr;

/// An address by its value: `::ffff:10.0.0.1` is 10.0.0.1, and an interface after `%` is no part of it.
pub(crate) fn network_address(address: &str) -> Option<IpAddr> {
    let address = address.split('%').next().unwrap_or(address).trim();
    let parsed: IpAddr = address.parse().ok()?;
    Some(parsed.to_canonical())
}

/// Whether an address says who it is only on one link: two machines that see it can see two others.
pub(crate) fn is_link_local(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// Whether an address is the machine's own loopback.
pub(crate) fn is_loopback(address: &str) -> bool {
    network_address(address).is_some_and(|address| address.is_loopback())
}

/// Whether what stands for an address in a record of LocalSessionManager, or a 4778, is the console: no address.
pub(super) fn is_local(address: &str) -> bool {
    address.eq_ignore_ascii_case("LOCAL")
}

/// Whether two addresses are one, however they are written.
pub(super) fn same_address(a: &str, b: &str) -> bool {
    match (network_address(a), network_address(b)) {
        (Some(a), Some(b)) => a == b,
        _ => a.eq_ignore_ascii_case(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_the_same_however_it_is_written() {
        assert!(same_address("::ffff:10.0.0.1", "10.0.0.1"));
        assert!(same_address("fe80::1%10", "FE80:0::1"));
        assert!(!same_address("10.0.0.1", "10.0.0.2"));
        assert!(same_address("Client", "CLIENT"));
        assert!(is_loopback("127.8.0.1") && is_loopback("::1") && is_loopback("::ffff:127.0.0.1"));
        assert!(!is_loopback("10.0.0.1") && !is_loopback("") && !is_loopback("LOCAL"));
    }
}
