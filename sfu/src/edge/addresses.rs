//! Which addresses peers are told.

use std::net::{IpAddr, SocketAddr};

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
