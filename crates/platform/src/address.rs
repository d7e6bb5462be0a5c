//! The address guard: which IP addresses an outgoing call may reach.
//!
//! It judges addresses only. Which hosts a credential may go to is the egress policy's word, in `domain`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where an address leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The public internet.
    Public,
    /// This machine or a network around it; only for policies that allow private addresses.
    Private,
    /// Nowhere a request belongs: multicast, broadcast, documentation, reserved.
    Nowhere,
}

/// Where `address` leads, by the registries of IANA (RFC 6890 and its updates). Addresses that embed an IPv4 address
/// (mapped, NAT64, 6to4) are judged by what they embed.
#[must_use]
pub(crate) fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(v4) => reach_v4(v4),
        IpAddr::V6(v6) => reach_v6(v6),
    }
}

/// Whether a request may go to `address` under a policy that does, or does not, allow private addresses.
#[must_use]
pub(crate) fn is_allowed(address: IpAddr, private: bool) -> bool {
    match reach(address) {
        Reach::Public => true,
        Reach::Private => private,
        Reach::Nowhere => false,
    }
}

fn reach_v4(address: Ipv4Addr) -> Reach {
    match address.octets() {
        [127, ..] | [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Reach::Private,
        // Link-local (RFC 3927) with the metadata services of clouds, and the shared space of carriers (RFC 6598).
        [169, 254, ..] | [100, 64..=127, ..] => Reach::Private,
        // This network, protocol assignments, the former 6to4 relays, benchmarking, documentation.
        [0, ..] | [192, 0, 0, _] | [192, 88, 99, _] | [198, 18..=19, ..] => Reach::Nowhere,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Reach::Nowhere,
        // Multicast, reserved, broadcast.
        [224..=255, ..] => Reach::Nowhere,
        _ => Reach::Public,
    }
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    if let Some(v4) = address.to_ipv4_mapped() {
        return reach_v4(v4);
    }
    let embedded = |high: u16, low: u16| reach_v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Reach::Private,
        // Unique local, link-local, the former site-local.
        [0xfc00..=0xfdff, ..] | [0xfe80..=0xfeff, ..] => Reach::Private,
        // NAT64: the well-known prefix (RFC 6052), and the one for local use (RFC 8215).
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        [0x64, 0xff9b, 1, ..] => Reach::Private,
        // 6to4 (RFC 3056).
        [0x2002, high, low, ..] => embedded(high, low),
        // Protocol assignments with Teredo, documentation.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Reach::Nowhere,
        // Global unicast is allocated from here only.
        [0x2000..=0x3fff, ..] => Reach::Public,
        _ => Reach::Nowhere,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lead_where_the_registries_say() {
        for (reach_expected, addresses) in [
            (
                Reach::Public,
                "1.1.1.1 140.82.121.6 172.15.255.255 172.32.0.1 100.63.255.255 100.128.0.1 169.253.0.1 192.167.1.1 \
                 223.255.255.255 2606:4700::1111 2a00:1450:4001::1 ::ffff:1.1.1.1 64:ff9b::101:101 2002:101:101::1",
            ),
            (
                Reach::Private,
                "127.0.0.1 127.255.255.254 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 100.64.0.1 \
                 100.127.255.255 ::1 fc00::1 fd12:3456::1 fe80::1 febf::1 fec0::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 \
                 ::ffff:169.254.169.254 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::a00:1 2002:7f00:1::1 2002:a00:1::",
            ),
            (
                Reach::Nowhere,
                "0.0.0.0 0.1.2.3 192.0.0.8 192.0.2.1 198.51.100.7 203.0.113.9 198.18.0.1 224.0.0.1 239.255.255.250 \
                 240.0.0.1 255.255.255.255 :: ::7f00:1 ff02::1 2001:db8::1 2001::1 3fff::1 100::1 5f00::1 ::ffff:0.0.0.0 \
                 64:ff9b::",
            ),
        ] {
            for address in addresses.split_whitespace() {
                assert_eq!(reach(address.parse().unwrap()), reach_expected, "{address}");
            }
        }
    }

    #[test]
    fn private_addresses_need_a_policy_that_allows_them() {
        for (address, public, private) in [
            ("1.1.1.1", true, true),
            ("127.0.0.1", false, true),
            ("169.254.169.254", false, true),
            ("224.0.0.1", false, false),
        ] {
            let address = address.parse().unwrap();
            assert_eq!(is_allowed(address, false), public, "{address}");
            assert_eq!(is_allowed(address, true), private, "{address}");
        }
    }
}
