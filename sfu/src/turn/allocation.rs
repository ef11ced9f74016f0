//! What a client was given: an address of ours, peers it may speak to, channels to them.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// A permission lasts (RFC 8656 §9).
const PERMISSION: Duration = Duration::from_secs(300);
/// A channel lasts (RFC 8656 §12).
const CHANNEL: Duration = Duration::from_secs(600);
/// Peers of one allocation: the candidates of one thread of the engine, and of those before a reconnection.
const MAX_ROUTES: usize = 32;

/// A peer the client speaks to.
#[derive(Clone, Copy, Debug)]
struct Route {
    /// As the client knows it.
    told: SocketAddr,
    /// Where it is reached here. Several may be the same socket of the engine.
    local: SocketAddr,
    channel: Option<(u16, Instant)>,
    /// Rises with what the client sends.
    used: u64,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Allocation {
    pub(super) username: String,
    pub(super) until: Instant,
    /// When the client sent a datagram last.
    pub(super) spoke: Instant,
    permissions: Vec<(IpAddr, Instant)>,
    routes: Vec<Route>,
    sent: u64,
}

/// Why a channel was not bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unbound {
    /// The number or the peer has another channel.
    Taken,
    Full,
}

impl Allocation {
    pub(super) fn new(username: String, now: Instant, until: Instant) -> Self {
        Self {
            username,
            until,
            spoke: now,
            permissions: Vec::new(),
            routes: Vec::new(),
            sent: 0,
        }
    }

    /// The client may speak to an address; the caller has seen that it is the engine's.
    pub(super) fn permit(&mut self, now: Instant, ip: IpAddr) {
        // Those of the engine are few, so these are.
        self.permissions
            .retain(|(other, until)| *other != ip && *until > now);
        self.permissions.push((ip, now + PERMISSION));
    }

    fn permitted(&self, now: Instant, ip: IpAddr) -> bool {
        self.permissions
            .iter()
            .any(|(other, until)| *other == ip && *until > now)
    }

    /// Binds a channel or makes it last again.
    pub(super) fn bind(
        &mut self,
        now: Instant,
        number: u16,
        told: SocketAddr,
        local: SocketAddr,
    ) -> Result<(), Unbound> {
        let taken = self.routes.iter().any(|route| {
            let channel = route.channel.filter(|(_, until)| *until > now);
            channel.is_some_and(|(other, _)| (other == number) != (route.told == told))
        });
        if taken {
            return Err(Unbound::Taken);
        }
        let at = self.route(told, local).ok_or(Unbound::Full)?;
        for route in &mut self.routes {
            // One that lapsed gives its number up.
            route.channel = route.channel.filter(|(other, _)| *other != number);
        }
        self.routes[at].channel = Some((number, now + CHANNEL));
        self.permit(now, told.ip());
        Ok(())
    }

    fn route(&mut self, told: SocketAddr, local: SocketAddr) -> Option<usize> {
        let known = self.routes.iter().position(|route| route.told == told);
        if known.is_some() || self.routes.len() >= MAX_ROUTES {
            return known;
        }
        self.routes.push(Route {
            told,
            local,
            channel: None,
            used: 0,
        });
        Some(self.routes.len() - 1)
    }

    /// Where data of a channel goes; `None` when it goes nowhere.
    pub(super) fn by_channel(&mut self, now: Instant, number: u16) -> Option<SocketAddr> {
        let bound =
            |route: &Route| matches!(route.channel, Some((other, until)) if other == number && until > now);
        let at = self.routes.iter().position(bound)?;
        self.sends(now, at)
    }

    /// Where data of an indication goes; `None` when it goes nowhere.
    pub(super) fn by_address(
        &mut self,
        now: Instant,
        told: SocketAddr,
        local: SocketAddr,
    ) -> Option<SocketAddr> {
        let at = self.route(told, local)?;
        self.sends(now, at)
    }

    fn sends(&mut self, now: Instant, at: usize) -> Option<SocketAddr> {
        let Route { told, local, .. } = *self.routes.get(at)?;
        if !self.permitted(now, told.ip()) {
            return None;
        }
        self.sent += 1;
        self.routes[at].used = self.sent;
        self.spoke = now;
        Some(local)
    }

    /// Who a datagram of the engine is from, as the client knows it, and its channel. Where several candidates are one socket, it
    /// is the one the client spoke to last. `None`: the client did not speak to it, or may not any more.
    pub(super) fn sender(&self, now: Instant, local: SocketAddr) -> Option<(SocketAddr, Option<u16>)> {
        let spoken = self
            .routes
            .iter()
            .filter(|route| route.local == local && route.used > 0);
        let route = spoken.max_by_key(|route| route.used)?;
        let channel = route
            .channel
            .filter(|(_, until)| *until > now)
            .map(|(number, _)| number);
        self.permitted(now, route.told.ip())
            .then_some((route.told, channel))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(last: u8, port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, last], port))
    }

    fn fresh(now: Instant) -> Allocation {
        Allocation::new("1:a".to_owned(), now, now + CHANNEL)
    }

    #[test]
    fn a_channel_is_for_one_peer_and_a_peer_has_one() {
        let now = Instant::now();
        let local = SocketAddr::from(([127, 0, 0, 1], 9));
        let mut allocation = fresh(now);
        let mut bind = |when, number, told| allocation.bind(when, number, told, local);
        assert_eq!(bind(now, 0x4000, at(1, 1)), Ok(()));
        assert_eq!(bind(now, 0x4000, at(1, 1)), Ok(()), "again");
        assert_eq!(bind(now, 0x4000, at(2, 1)), Err(Unbound::Taken));
        assert_eq!(bind(now, 0x4001, at(1, 1)), Err(Unbound::Taken));
        assert_eq!(bind(now, 0x4001, at(2, 1)), Ok(()));
        assert_eq!(bind(now + CHANNEL, 0x4000, at(2, 1)), Ok(()), "both lapsed");
    }

    #[test]
    fn nothing_passes_without_a_permission_that_lasts() {
        let now = Instant::now();
        let local = SocketAddr::from(([127, 0, 0, 1], 9));
        let mut allocation = fresh(now);
        assert_eq!(allocation.by_address(now, at(1, 1), local), None);
        assert_eq!(allocation.sender(now, local), None, "it was not spoken to");
        allocation.permit(now, at(1, 1).ip());
        assert_eq!(allocation.by_address(now, at(1, 1), local), Some(local));
        assert_eq!(allocation.sender(now, local), Some((at(1, 1), None)));
        let late = now + PERMISSION;
        assert_eq!(allocation.by_address(late, at(1, 1), local), None);
        assert_eq!(allocation.sender(late, local), None);
    }

    #[test]
    fn answers_go_by_the_candidate_that_was_spoken_to_last() {
        let now = Instant::now();
        let local = SocketAddr::from(([127, 0, 0, 1], 9));
        let mut allocation = fresh(now);
        allocation.bind(now, 0x4000, at(1, 1), local).expect("bound");
        allocation.permit(now, at(2, 1).ip());
        assert_eq!(allocation.by_channel(now, 0x4000), Some(local));
        assert_eq!(allocation.sender(now, local), Some((at(1, 1), Some(0x4000))));
        assert_eq!(allocation.by_address(now, at(2, 1), local), Some(local));
        assert_eq!(allocation.sender(now, local), Some((at(2, 1), None)));
        assert_eq!(allocation.by_channel(now, 0x4001), None);
    }

    #[test]
    fn peers_are_bounded() {
        let now = Instant::now();
        let mut allocation = fresh(now);
        allocation.permit(now, at(1, 1).ip());
        for port in 1..=100 {
            let sent = allocation.by_address(now, at(1, port), at(1, port));
            assert_eq!(sent.is_some(), usize::from(port) <= MAX_ROUTES);
        }
    }
}
