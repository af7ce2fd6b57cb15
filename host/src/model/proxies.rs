//! The proxies whose word counts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// The peers whose `X-Forwarded-*` headers count. By default those of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustedProxies {
    all: bool,
    networks: Vec<IpNet>,
}

/// What is not an address, a network or `*`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is neither an IP address nor a network; expected a list such as \"10.0.0.7,192.168.0.0/16,::1\", or \"*\" for all"
)]
pub struct ProxyError(String);

impl TrustedProxies {
    /// Whether the peer at this address is one of them.
    pub fn contains(&self, peer: IpAddr) -> bool {
        // An IPv6 socket has IPv4 peers in a range of their own.
        let peer = peer.to_canonical();
        self.all || self.networks.iter().any(|network| network.contains(&peer))
    }
}

impl Default for TrustedProxies {
    fn default() -> Self {
        let this_machine = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        TrustedProxies {
            all: false,
            networks: this_machine.into_iter().map(IpNet::from).collect(),
        }
    }
}

impl FromStr for TrustedProxies {
    type Err = ProxyError;

    /// Parses a list, separated by commas; the empty list is nobody.
    fn from_str(text: &str) -> Result<Self, ProxyError> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let (all, others): (Vec<&str>, Vec<&str>) = entries.partition(|entry| *entry == "*");
        let network = |entry: &str| {
            let address = entry.parse::<IpAddr>().map(IpNet::from);
            address
                .or_else(|_| entry.parse::<IpNet>())
                .map_err(|_| ProxyError(entry.to_owned()))
        };
        Ok(TrustedProxies {
            all: !all.is_empty(),
            networks: others.into_iter().map(network).collect::<Result<_, _>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_addresses_and_networks() {
        let cases: [(&str, &[&str], &[&str]); 5] = [
            ("", &[], &["127.0.0.1"]),
            ("*", &["10.1.2.3", "2001:db8::1"], &[]),
            (
                "10.0.0.7, 192.168.0.0/16",
                &["10.0.0.7", "192.168.9.9", "::ffff:10.0.0.7"],
                &["10.0.0.8", "127.0.0.1", "::1"],
            ),
            (
                "2001:db8::/32,::1",
                &["2001:db8:1::9", "::1"],
                &["2001:db9::1", "127.0.0.1"],
            ),
            (
                "127.0.0.1,::1",
                &["127.0.0.1", "::1", "::ffff:127.0.0.1"],
                &["127.0.0.2"],
            ),
        ];
        for (list, trusted, others) in cases {
            let proxies: TrustedProxies = list.parse().expect(list);
            let contains = |address: &&str| proxies.contains(address.parse().expect("an address"));
            assert!(trusted.iter().all(contains), "{list}");
            assert!(!others.iter().any(contains), "{list}");
        }
        assert_eq!("127.0.0.1,::1".parse(), Ok(TrustedProxies::default()));
        for list in ["localhost", "10.0.0.0/33", "10.0.0.1/x", "10.0.0.1 10.0.0.2"] {
            list.parse::<TrustedProxies>().expect_err(list);
        }
    }
}
