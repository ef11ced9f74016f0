//! By which of its addresses a peer is reached.

use std::cmp::Ordering;
use std::time::{Duration, Instant};

use protocol::media::Transport;

use super::connection::{CONSENT, Connection, MAX_PATHS};
use super::{Path, Shard};
use crate::turn::RELAYED_FROM;

/// A selected path that was silent for so long gives way to another one that passes checks.
const PATIENCE: Duration = Duration::from_secs(2);
/// UDP gives way to a TCP path nobody asked for only after this: a viewer that is quiet otherwise checks every 2.5 s.
const UDP_PATIENCE: Duration = Duration::from_secs(6);

/// A path that passed a check.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) path: Path,
    /// When it did last.
    checked: Instant,
}

/// Where we send to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Selection {
    transport: Transport,
    /// When something valid came by it last.
    heard: Instant,
    /// When the peer nominated it last.
    nominated: Option<Instant>,
}

impl Selection {
    /// Whether another path, of which a check just came, takes its place. The peer decides by nominating; where it does not, or
    /// nominates all, UDP wins over TCP and TCP over the relay while both work.
    fn yields(&self, now: Instant, to: Transport, nominated: bool) -> bool {
        let since = |at: Instant| now.saturating_duration_since(at);
        match rank(to).cmp(&rank(self.transport)) {
            Ordering::Greater => {
                let insisted = self.nominated.is_some_and(|at| since(at) < PATIENCE);
                let patience = if self.transport == Transport::Udp {
                    UDP_PATIENCE
                } else {
                    PATIENCE
                };
                since(self.heard) >= patience || nominated && !insisted
            }
            Ordering::Less => nominated || self.nominated.is_none() || since(self.heard) >= PATIENCE,
            Ordering::Equal => nominated || since(self.heard) >= PATIENCE,
        }
    }
}

/// The lower the better.
fn rank(transport: Transport) -> u8 {
    match transport {
        Transport::Udp => 0,
        Transport::Tcp => 1,
        Transport::Tls => 2,
    }
}

impl Path {
    /// What the line to the peer is: a datagram of the relay came to it by TLS.
    fn way(self) -> Transport {
        match self.transport() {
            Transport::Udp if self.remote.ip() == RELAYED_FROM => Transport::Tls,
            other => other,
        }
    }
}

impl Connection {
    /// A check came by a path.
    fn checked(&mut self, now: Instant, path: Path, nominated: bool) {
        match (self.selected, &mut self.selection) {
            (Some(selected), Some(selection)) if selected.same(path) => {
                self.selected = Some(path);
                selection.heard = now;
                if nominated {
                    selection.nominated = Some(now);
                }
            }
            (Some(_), Some(selection)) if !selection.yields(now, path.way(), nominated) => {}
            _ => self.select(path, now, nominated.then_some(now)),
        }
    }

    fn select(&mut self, path: Path, heard: Instant, nominated: Option<Instant>) {
        self.cut_at = None;
        self.selected = Some(path);
        self.selection = Some(Selection {
            transport: path.way(),
            heard,
            nominated,
        });
    }

    /// Something valid came by a path.
    pub(super) fn heard(&mut self, now: Instant, path: Path) {
        self.last_valid = now;
        match (self.selected, &mut self.selection) {
            (Some(selected), Some(selection)) if selected.same(path) => selection.heard = now,
            (Some(_), Some(_)) => {}
            // The one that was used closed; this one works.
            _ => self.select(path, now, None),
        }
    }
}

impl Shard {
    /// Whether a path is a peer's.
    pub(crate) fn knows(&self, path: Path) -> bool {
        self.by_path.contains_key(&path.key())
    }

    /// A check of a path passed: it is the peer's.
    pub(super) fn path_checked(&mut self, now: Instant, index: usize, path: Path, nominated: bool) {
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        connection.paths.retain(|known| !known.path.same(path));
        connection.paths.push(Known { path, checked: now });
        connection.checked(now, path, nominated);
        if connection.paths.len() > MAX_PATHS {
            let selected = connection.selected;
            let in_use = |known: &Known| selected.is_some_and(|selected| selected.same(known.path));
            let oldest = connection.paths.iter().position(|known| !in_use(known));
            let gone = oldest.map(|at| connection.paths.remove(at));
            if let Some(gone) = gone
                && self.by_path.get(&gone.path.key()) == Some(&index)
            {
                self.by_path.remove(&gone.path.key());
            }
        }
        self.by_path.insert(path.key(), index);
    }

    /// A TCP connection closed: its path is no more. The peer goes on by another one that worked lately, else it is lost
    /// unless it connects again soon.
    pub(crate) fn path_closed(&mut self, now: Instant, path: Path) {
        let Some(index) = self.by_path.remove(&path.key()) else {
            return;
        };
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        connection.paths.retain(|known| !known.path.same(path));
        if !connection.selected.is_some_and(|selected| selected.same(path)) {
            return;
        }
        let works = |known: &&Known| now.saturating_duration_since(known.checked) < CONSENT;
        let other = connection.paths.iter().rev().find(works).copied();
        match other {
            Some(known) => connection.select(known.path, known.checked, None),
            None => {
                connection.selected = None;
                connection.selection = None;
                connection.cut_at = Some(now);
                self.schedule_connection(index);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yields(from: Transport, silent: f32, nominated: Option<f32>, to: Transport, nominates: bool) -> bool {
        let start = Instant::now();
        let now = start + Duration::from_secs(60);
        let ago = |seconds: f32| now - Duration::from_secs_f32(seconds);
        let selection = Selection {
            transport: from,
            heard: ago(silent),
            nominated: nominated.map(ago),
        };
        selection.yields(now, to, nominates)
    }

    #[test]
    fn a_path_of_the_relay_is_known_by_its_address() {
        let path = |ip: std::net::IpAddr| Path {
            socket: 0,
            remote: (ip, 40_000).into(),
            local: None,
        };
        assert_eq!(path(RELAYED_FROM).way(), Transport::Tls);
        assert_eq!(path([127, 0, 0, 1].into()).way(), Transport::Udp);
        let tcp = Path::tcp(1, 1, (RELAYED_FROM, 40_000).into());
        assert_eq!(tcp.way(), Transport::Tcp);
    }

    #[test]
    fn the_peer_decides_and_udp_wins_while_both_work() {
        use Transport::{Tcp, Tls, Udp};
        // (selected, silent for, nominated so long ago, the other, nominates it) → the other is taken
        let cases = [
            (Udp, 0.1, Some(0.1), Tcp, false, false),
            (Udp, 0.1, None, Tcp, false, false),
            (Udp, 2.6, None, Tcp, false, false),
            (Udp, 7.0, Some(7.0), Tcp, false, true),
            (Udp, 0.1, Some(3.0), Tcp, true, true),
            (Udp, 3.0, Some(3.0), Tcp, true, true),
            // It nominates all.
            (Udp, 0.1, Some(0.1), Tcp, true, false),
            (Tcp, 0.1, Some(0.1), Udp, true, true),
            // It nominated TCP, and UDP is only checked.
            (Tcp, 0.1, Some(0.1), Udp, false, false),
            (Tcp, 2.0, Some(2.0), Udp, false, true),
            (Tcp, 0.1, None, Udp, false, true),
            // Among equals as ever.
            (Udp, 0.1, Some(0.1), Udp, true, true),
            (Udp, 0.1, None, Udp, false, false),
            (Udp, 2.0, None, Udp, false, true),
            (Tcp, 0.1, None, Tcp, false, false),
            (Tcp, 2.0, None, Tcp, false, true),
            // The relay is the last.
            (Udp, 0.1, Some(0.1), Tls, true, false),
            (Udp, 7.0, None, Tls, false, true),
            (Tcp, 0.1, None, Tls, false, false),
            (Tcp, 0.1, Some(3.0), Tls, true, true),
            (Tcp, 3.0, None, Tls, false, true),
            (Tls, 0.1, None, Tcp, false, true),
            (Tls, 0.1, Some(0.1), Udp, true, true),
            (Tls, 0.1, Some(0.1), Udp, false, false),
        ];
        for (at, (from, silent, nominated, to, nominates, expected)) in cases.into_iter().enumerate() {
            assert_eq!(
                yields(from, silent, nominated, to, nominates),
                expected,
                "case {at}"
            );
        }
    }
}
