//! Giving each viewer the layers its line carries.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use protocol::id::{PeerId, TrackId};
use protocol::media::MediaKind;
use slab::Slab;

use super::connection::{Connection, Phase};
use super::track::Track;
use super::{Shard, line};
use crate::allocation::{self, Wanted, decoding};
use crate::api::WatchTrack;
use crate::bandwidth::INITIAL;

/// Videos of a viewer that are weighed against each other; those beyond are sent at their first layer.
const MAX_VIDEOS: usize = 64;
/// What a viewer without a wish for a track gets.
const PRIORITY: u8 = 100;
/// A narrower line gets sound once, not twice (RED): there its room is for the picture.
const TWICE: u64 = 250_000;
/// A line that loses so much by nature gets sound more often than its publisher says it, until it loses clearly less; a narrow one has no
/// room, and what a full queue loses would be more for it.
const LOSSY: (f64, f64) = (0.03, 0.015);
const OFTEN: u64 = 400_000;
/// Without any feedback for so long a viewer is taken for one that gives none.
const PATIENCE: Duration = Duration::from_secs(2);
/// Videos are sent at this share of the estimate, and of what was decided on: a pacer is for keyframes, it does not choose layers.
const PACE_PERCENT: u64 = 150;
const SENT_PERCENT: u64 = 125;
/// And at this share of the estimate behind a queue: nothing comes later for it while there is one, and a full one loses packets.
const DRAIN_PERCENT: u64 = 80;
/// Room beyond what is wanted that is still worth looking for.
const APPETITE_PERCENT: u64 = 130;
/// See [`keep_pictures`].
const STARVING: Duration = Duration::from_secs(2);

impl Shard {
    /// States how a peer wants to see what it gets.
    pub(super) fn wish(&mut self, now: Instant, peer: PeerId, watch: Vec<WatchTrack>, decodes: u16) {
        let Some(&index) = self.by_peer.get(&peer) else {
            return;
        };
        if let Some(connection) = self.connections.get_mut(index) {
            connection.wishes = watch;
            connection.decodes = decodes;
        }
        self.allocate(now, index);
    }

    /// Looks for what a peer's line carries, up to a rate.
    pub(super) fn measure(&mut self, now: Instant, peer: PeerId, up_to: u64) {
        let Some(&index) = self.by_peer.get(&peer) else {
            return;
        };
        if let Some(connection) = self.connections.get_mut(index) {
            connection.measure = up_to;
        }
        self.allocate(now, index);
    }

    /// Decides anew which layers a viewer gets, and asks for the keyframes that takes.
    pub(super) fn allocate(&mut self, now: Instant, index: usize) {
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        let mut wanted = [Wanted::default(); MAX_VIDEOS];
        let mut places = [0; MAX_VIDEOS];
        let mut count = 0;
        for (at, (stream, id)) in connection.outgoing.iter().enumerate() {
            if stream.kind != MediaKind::Video || count == MAX_VIDEOS {
                continue;
            }
            let track = self.by_track.get(id).and_then(|at| self.tracks.get(*at));
            let wish = connection.wishes.iter().find(|wish| wish.track == *id);
            wanted[count] = Wanted {
                priority: wish.map_or(PRIORITY, |wish| wish.priority),
                height: wish.map_or(0, |wish| wish.height),
                at_most: 0,
                now: stream.target(),
                layers: track.map_or_else(Default::default, |track| track.offered(now)),
            };
            places[count] = at;
            count += 1;
        }
        decoding::bound(connection.decodes, &mut wanted[..count]);
        let mut chosen = [None; MAX_VIDEOS];
        let (wanted, decided) = (&wanted[..count], &mut chosen[..count]);
        let sound = sound(connection, &self.by_track, &self.tracks, now);
        let appetite = (allocation::appetite(wanted) + sound) * APPETITE_PERCENT / 100;
        connection.bandwidth.want(appetite.max(connection.measure));
        let estimate = connection.bandwidth.estimate();
        let once = estimate.is_some_and(|estimate| estimate < TWICE);
        let (loss, wide) = (
            connection.bandwidth.inherent_loss(),
            estimate.is_none_or(|estimate| estimate >= OFTEN),
        );
        let sounds = connection.outgoing.iter_mut();
        for (stream, _) in sounds.filter(|(stream, _)| stream.kind == MediaKind::Audio) {
            stream.once(once);
            let lossy = if stream.is_often() { LOSSY.1 } else { LOSSY.0 };
            stream.often(wide && loss >= lossy);
        }
        let budget = budget(now, connection).map(|budget| budget.saturating_sub(sound));
        allocation::allocate(budget, wanted, decided);
        keep_pictures(now, connection, wanted, decided);
        let known = estimate.is_some() || budget.is_none();
        let mut settled = known && connection.starved.is_none();
        let sent = allocation::rate(wanted, decided) + sound;
        connection.pace = estimate.map(|estimate| pace(estimate, sent, connection.bandwidth.queued()));
        let up = connection.phase == Phase::Up;
        for ((at, layer), wanted) in places.iter().zip(chosen).zip(wanted) {
            let Some((stream, id)) = self.connections[index].outgoing.get_mut(*at) else {
                continue;
            };
            let sent = wanted.meanwhile(layer);
            let wakes = layer.filter(|_| sent != layer).map_or(0, |layer| 1 << layer);
            let woke = std::mem::replace(&mut stream.wakes, wakes) != wakes;
            let changes = stream.target() != sent;
            let track = self.by_track.get(id).and_then(|at| self.tracks.get(*at));
            stream.divide(track.is_some_and(|track| track.divided.is_some()));
            if changes {
                stream.aim(sent);
            }
            // A layer of a divided stream may need none.
            let waits = stream.waits();
            settled &= wakes == 0 && stream.current() == sent;
            let (id, ssrc, layers) = (*id, stream.ssrc, stream.layers());
            if woke {
                self.wakes(now, id, index, ssrc, wakes);
            }
            if !changes {
                continue;
            }
            if let Some(track) = self.by_track.get(&id).and_then(|at| self.tracks.get_mut(*at)) {
                track.show(index, ssrc, layers);
            }
            if up && waits {
                self.want_keyframe_of(now, index, ssrc);
            }
        }
        if let Some(connection) = self.connections.get_mut(index) {
            let again = self.config.clock.together(line::decide_again(now, settled));
            connection.allocate_at = (count > 0).then_some(again);
        }
    }
}

/// Bits per second that pictures leave at.
fn pace(estimate: u64, sent: u64, queued: bool) -> u64 {
    if queued {
        return estimate * DRAIN_PERCENT / 100;
    }
    (estimate * PACE_PERCENT / 100).max(sent * SENT_PERCENT / 100)
}

/// What a viewer's line is taken to carry; `None` where nothing tells, because the viewer gives no feedback, whatever it agreed on.
fn budget(now: Instant, connection: &mut Connection) -> Option<u64> {
    if let Some(estimate) = connection.bandwidth.estimate() {
        return Some(estimate);
    }
    if !connection.gives_feedback() {
        return None;
    }
    let up = connection.phase == Phase::Up;
    let since = up.then(|| *connection.waiting_since.get_or_insert(now));
    let patient = since.is_none_or(|since| now.saturating_duration_since(since) < PATIENCE);
    patient.then_some(INITIAL)
}

/// A picture is only given up when the line carried not even its least layer for a while: an estimate may be wrong for a moment.
fn keep_pictures(now: Instant, connection: &mut Connection, wanted: &[Wanted], chosen: &mut [Option<u8>]) {
    let starves = |wanted: &Wanted, chosen: &Option<u8>| wanted.now.is_some() && chosen.is_none();
    let all = || wanted.iter().zip(chosen.iter());
    if !all().any(|(wanted, chosen)| starves(wanted, chosen)) {
        connection.starved = None;
        return;
    }
    let since = *connection.starved.get_or_insert(now);
    let known = connection.bandwidth.estimate().is_some();
    if known && now.saturating_duration_since(since) >= STARVING {
        return;
    }
    for (wanted, chosen) in wanted.iter().zip(chosen) {
        if starves(wanted, chosen) {
            *chosen = wanted.least().or(wanted.now);
        }
    }
}

/// Bits per second of sound a viewer gets.
fn sound(
    connection: &Connection,
    by_track: &HashMap<TrackId, usize>,
    tracks: &Slab<Track>,
    now: Instant,
) -> u64 {
    connection
        .outgoing
        .iter()
        .filter(|(stream, _)| stream.kind == MediaKind::Audio)
        .filter_map(|(stream, id)| {
            let comes = tracks.get(*by_track.get(id)?)?.layers[0]
                .rate
                .bits_per_second(now);
            Some(comes * stream.percent() / 100)
        })
        .sum()
}
