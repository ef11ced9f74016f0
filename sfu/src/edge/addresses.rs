//! Which addresses peers are told.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::api::{EngineConfig, StartError};

/// Most addresses in candidates: each costs every peer checks.
const MAX_ADDRESSES: usize = 8;

/// The addresses to announce: those of the configuration, else those of the interfaces, else loopback.
pub(super) fn announced(config: &EngineConfig) -> Result<Vec<IpAddr>, StartError> {
    if !config.announce.is_empty() {
        return Ok(config.announce.clone());
    }
    let specific: Vec<IpAddr> = config
        .bind
        .iter()
        .filter(|ip| !ip.is_unspecified())
        .copied()
        .collect();
    if specific.len() == config.bind.len() {
        return Ok(specific);
    }
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let mut found: Vec<IpAddr> = specific;
    for interface in interfaces.iter().filter(|interface| interface.is_oper_up()) {
        let ip = interface.ip();
        let usable = !ip.is_loopback() && !link_local(ip);
        if usable && !found.contains(&ip) {
            found.push(ip);
        }
    }
    // IPv4 first: it is what school networks route.
    found.sort_by_key(IpAddr::is_ipv6);
    found.truncate(MAX_ADDRESSES);
    if found.is_empty() {
        // A machine without network serves itself.
        found.extend(
            interfaces
                .iter()
                .map(if_addrs::Interface::ip)
                .filter(IpAddr::is_loopback),
        );
    }
    if found.is_empty() {
        return Err(StartError::NoAddress);
    }
    Ok(found)
}

fn link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// Candidates of a thread with these sockets.
pub(super) fn candidates(bound: &[SocketAddr], announce: &[IpAddr]) -> Vec<SocketAddr> {
    let mut candidates = Vec::new();
    for ip in announce {
        // The socket that is bound to it; else one that is bound to all, or (behind NAT) any of its family.
        let exact = bound.iter().find(|local| local.ip() == *ip);
        let open = || {
            bound
                .iter()
                .find(|local| local.ip().is_unspecified() && local.is_ipv4() == ip.is_ipv4())
        };
        let family = || bound.iter().find(|local| local.is_ipv4() == ip.is_ipv4());
        if let Some(local) = exact.or_else(open).or_else(family) {
            candidates.push(SocketAddr::new(*ip, local.port()));
        }
    }
    candidates
}

/// Each candidate of a thread, and where this machine itself reaches its socket: what is announced may be an address of the NAT.
pub(crate) fn reached_at(candidates: &[SocketAddr], bound: &[SocketAddr]) -> Vec<(SocketAddr, SocketAddr)> {
    let here = |told: &SocketAddr| {
        let of_family =
            |local: &&SocketAddr| local.is_ipv4() == told.is_ipv4() && local.port() == told.port();
        let exact = bound.iter().find(|local| *local == told);
        let local = exact.or_else(|| bound.iter().find(of_family))?;
        let ip = match local.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        Some((*told, SocketAddr::new(ip, local.port())))
    };
    candidates.iter().filter_map(here).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(texts: &[&str]) -> Vec<SocketAddr> {
        texts
            .iter()
            .map(|text| text.parse().expect("an address"))
            .collect()
    }

    #[test]
    fn a_candidate_is_reached_where_its_socket_is_bound() {
        let cases: [(&[&str], &[&str], &[&str]); 4] = [
            // Bound to all, behind NAT.
            (&["203.0.113.7:10000"], &["0.0.0.0:10000"], &["127.0.0.1:10000"]),
            (
                &["192.0.2.1:7", "192.0.2.2:7"],
                &["192.0.2.1:7", "192.0.2.2:7"],
                &["192.0.2.1:7", "192.0.2.2:7"],
            ),
            (&["203.0.113.7:7"], &["192.0.2.1:7"], &["192.0.2.1:7"]),
            (
                &["[2001:db8::1]:7", "192.0.2.1:7"],
                &["0.0.0.0:7", "[::]:7"],
                &["[::1]:7", "127.0.0.1:7"],
            ),
        ];
        for (candidates, bound, expected) in cases {
            let candidates = all(candidates);
            let found = reached_at(&candidates, &all(bound));
            let expected: Vec<_> = candidates.into_iter().zip(all(expected)).collect();
            assert_eq!(found, expected);
        }
    }
}
