//! Which addresses of this machine media is sent from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// An address that is never on a local network (RFC 5737, RFC 3849): routing to it shows the machine's own address.
const FAR: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 9),
    SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)), 9),
];

/// Addresses to bind for a server reached at `server`, ports left to the system.
///
/// That is the address the machine reaches the server from; and where that is the machine itself, its outer address too,
/// because the server may announce only that one.
#[must_use]
pub fn local_addresses(server: SocketAddr) -> Vec<SocketAddr> {
    let mut addresses = Vec::new();
    let towards = route(server).unwrap_or(match server {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    });
    addresses.push(towards);
    if towards.is_loopback() {
        addresses.push(IpAddr::V4(Ipv4Addr::LOCALHOST));
        addresses.extend(FAR.into_iter().filter_map(route));
    }
    addresses.dedup();
    addresses.into_iter().map(|ip| SocketAddr::new(ip, 0)).collect()
}

/// The address packets to `target` leave from. Nothing is sent.
fn route(target: SocketAddr) -> Option<IpAddr> {
    let any: SocketAddr = match target {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(target).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_this_machine_is_reached_over_loopback_first() {
        let addresses = local_addresses(SocketAddr::from(([127, 0, 0, 1], 8080)));
        assert_eq!(addresses[0], SocketAddr::from(([127, 0, 0, 1], 0)));
        assert!(addresses.iter().skip(1).all(|address| address.port() == 0));
    }
}
