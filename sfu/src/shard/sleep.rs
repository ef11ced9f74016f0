//! Layers nobody takes are paused at their publisher, and wake when somebody's line would carry them.
//!
//! A layer that sleeps is still offered to allocation, by what it took before. Choosing it wakes it; until it flows the viewer gets the
//! best one below. The least layer never sleeps, so that a line that falls finds it at once.

use std::time::{Duration, Instant};

use protocol::id::TrackId;

use super::track::Track;
use super::{Outlet, Relay, Shard};
use crate::allocation::{Offered, Wanted};
use crate::api::Event;
use crate::packet::MAX_LAYERS;

/// A layer that nobody takes for so long is paused: waking it costs a keyframe of every layer.
const UNUSED: Duration = Duration::from_secs(12);
/// It is looked for such layers this often.
const LOOK: Duration = Duration::from_millis(500);
/// A layer that woke is taken to need what it needed before for so long: its first frames are not a rate yet.
const REMEMBERED: Duration = Duration::from_secs(2);

/// What the layers that sleep would take.
pub(crate) type Asleep = [Option<Offered>; MAX_LAYERS];

/// Which layers of a track sleep.
#[derive(Debug, Default)]
pub(super) struct Sleep {
    asleep: Asleep,
    /// When each woke, and what it took before.
    woken: [Option<(Instant, u64)>; MAX_LAYERS],
    /// Home only: since when nobody takes them.
    unused: [Option<Instant>; MAX_LAYERS],
    /// Home only: what other shards take, bit n is layer n.
    taken: Vec<(usize, u8)>,
    /// What was said last: by the home what sleeps, by another shard what it takes.
    told: Option<u8>,
}

impl Sleep {
    /// Another publisher sends all its layers.
    pub(super) fn restart(&mut self) {
        let taken = std::mem::take(&mut self.taken);
        *self = Self {
            taken,
            ..Self::default()
        };
    }

    /// A layer as allocation sees it: one that flows, or sleeps.
    pub(super) fn offered(&self, now: Instant, layer: usize, flowing: Option<Offered>) -> Option<Offered> {
        // One that ends looks cheaper with every frame that does not come.
        let asleep = self.asleep.get(layer).copied().flatten();
        let Some(flowing) = flowing.filter(|_| asleep.is_none()) else {
            return asleep;
        };
        let remembered = self.woken.get(layer).copied().flatten();
        let before = remembered.filter(|(at, _)| now.saturating_duration_since(*at) < REMEMBERED);
        Some(Offered {
            rate: before.map_or(flowing.rate, |(_, rate)| flowing.rate.max(rate)),
            ..flowing
        })
    }

    /// Another shard says which layers it takes.
    fn taken(&mut self, shard: usize, layers: u8) {
        self.taken.retain(|(known, _)| *known != shard);
        self.taken.push((shard, layers));
    }

    /// Another shard gets its packets from now on.
    pub(super) fn joins(&mut self, shard: usize) {
        self.taken.retain(|(known, _)| *known != shard);
    }

    /// What the layers that sleep would take.
    pub(super) fn asleep(&self) -> Asleep {
        self.asleep
    }

    /// What other shards take. One that has not said so yet takes all.
    fn taken_by(&self, shards: &[usize]) -> u8 {
        let of = |shard: &usize| self.taken.iter().find(|(known, _)| known == shard);
        shards.iter().fold(0, |all, shard| {
            all | of(shard).map_or(u8::MAX, |(_, layers)| *layers)
        })
    }

    /// The home says what sleeps.
    fn follow(&mut self, now: Instant, asleep: Asleep) {
        for (layer, sleeps) in asleep.iter().enumerate() {
            if sleeps.is_none() {
                self.wake(now, layer);
            }
        }
        self.asleep = asleep;
    }

    fn wake(&mut self, now: Instant, layer: usize) {
        if let Some(before) = self.asleep[layer].take() {
            self.woken[layer] = Some((now, before.rate));
        }
    }

    /// Decides which layers sleep, by those that are taken and those that flow. Returns which, if it has to be said.
    fn decide(&mut self, now: Instant, taken: u8, flowing: &Asleep) -> Option<u8> {
        let all = Wanted {
            layers: std::array::from_fn(|at| flowing[at].or(self.asleep[at])),
            ..Wanted::default()
        };
        let least = all.least()?;
        for (at, flows) in flowing.iter().enumerate() {
            if taken >> at & 1 == 1 || usize::from(least) == at {
                self.unused[at] = None;
                self.wake(now, at);
            } else if let (Some(offered), None) = (flows, self.asleep[at]) {
                let since = *self.unused[at].get_or_insert(now);
                if now.saturating_duration_since(since) >= UNUSED {
                    self.asleep[at] = Some(Offered {
                        asleep: true,
                        ..*offered
                    });
                }
            } else if self.asleep[at].is_none() {
                self.unused[at] = None;
            }
        }
        let asleep = self.mask();
        (self.told.replace(asleep) != Some(asleep)).then_some(asleep)
    }

    fn mask(&self) -> u8 {
        let bits = self.asleep.iter().enumerate();
        bits.fold(0, |all, (at, asleep)| all | u8::from(asleep.is_some()) << at)
    }
}

impl Track {
    /// Layers that are taken here: by viewers, or because one wakes for them, and by recorders.
    fn taken(&self, offered: &Asleep) -> u8 {
        let viewers = self.subscribers.iter();
        let taken = viewers.fold(0, |all, viewer| all | viewer.layers | viewer.wakes);
        if self.taps.is_empty() {
            return taken;
        }
        let all = Wanted {
            layers: *offered,
            ..Wanted::default()
        };
        let best = all.best().map_or(0, |best| 1 << best);
        taken | best | 1 << self.tapped()
    }

    /// The layers that flow.
    fn flowing(&self, now: Instant) -> Asleep {
        std::array::from_fn(|at| {
            let layer = &self.layers[at];
            layer.flows(now).then(|| Offered {
                rate: layer.rate.bits_per_second(now),
                height: layer.height,
                asleep: false,
            })
        })
    }

    /// The layers that flow or sleep.
    pub(super) fn offered(&self, now: Instant) -> Asleep {
        let flowing = self.flowing(now);
        std::array::from_fn(|at| self.sleep.offered(now, at, flowing[at]))
    }
}

impl Shard {
    /// A layer that sleeps was chosen for a viewer, or another is now.
    pub(super) fn wakes(&mut self, now: Instant, id: TrackId, connection: usize, ssrc: u32, layers: u8) {
        let Some(track) = self.by_track.get(&id).and_then(|at| self.tracks.get_mut(*at)) else {
            return;
        };
        let mut viewers = track.subscribers.iter_mut();
        let Some(viewer) = viewers.find(|viewer| viewer.is(connection, ssrc)) else {
            return;
        };
        let before = std::mem::replace(&mut viewer.wakes, layers);
        if layers & !before != 0 {
            self.rest_at = None;
            self.schedule(now);
        }
    }

    /// Looks at what is taken of each track, and tells its publisher, or its home.
    pub(super) fn rest(&mut self, now: Instant, out: &mut dyn Outlet) {
        if self.rest_at.is_some_and(|due| due > now) {
            return;
        }
        self.rest_at = Some(now + LOOK);
        for at in 0..self.tracks.capacity() {
            self.rest_track(now, at, out);
        }
    }

    fn rest_track(&mut self, now: Instant, at: usize, out: &mut dyn Outlet) {
        let Some(track) = self.tracks.get_mut(at) else {
            return;
        };
        let taken = track.taken(&track.offered(now));
        let (id, own) = (track.id, self.config.id);
        match (track.publisher, track.home) {
            (Some((peer, index)), _) => {
                let Some(connection) = self.connections.get(index) else {
                    return;
                };
                let mut sections = connection.incoming.iter();
                let names = sections.find(|incoming| incoming.track == id);
                let Some(names) = names.map(|incoming| &incoming.rids).filter(|rids| rids.len() > 1) else {
                    return;
                };
                let taken = taken | track.sleep.taken_by(&track.remote);
                let flowing = track.flowing(now);
                let before = track.sleep.mask();
                let Some(asleep) = track.sleep.decide(now, taken, &flowing) else {
                    return;
                };
                let metrics = &self.config.metrics;
                metrics
                    .layers_paused
                    .add((asleep & !before).count_ones() as usize);
                metrics
                    .layers_resumed
                    .add((before & !asleep).count_ones() as usize);
                let paused = names.iter().enumerate();
                let paused = paused.filter(|(layer, _)| *layer < MAX_LAYERS && asleep >> layer & 1 == 1);
                out.event(Event::LayersPaused {
                    peer,
                    track: id,
                    paused: paused.map(|(_, name)| name.clone()).collect(),
                });
                for shard in &track.remote {
                    out.relay(*shard, Relay::Asleep(id, track.sleep.asleep));
                }
            }
            (None, Some(home)) if home != own && track.sleep.told != Some(taken) => {
                track.sleep.told = Some(taken);
                out.relay(home, Relay::Taken(id, own, taken));
            }
            _ => {}
        }
    }

    /// Another shard says which layers of a track it takes.
    pub(super) fn taken(&mut self, now: Instant, id: TrackId, shard: usize, layers: u8) {
        if let Some(track) = self.by_track.get(&id).and_then(|at| self.tracks.get_mut(*at)) {
            track.sleep.taken(shard, layers);
            self.rest_at = None;
            self.schedule(now);
        }
    }

    /// The home of a track says which of its layers sleep.
    pub(super) fn asleep(&mut self, now: Instant, id: TrackId, asleep: Asleep) {
        if let Some(track) = self.by_track.get(&id).and_then(|at| self.tracks.get_mut(*at)) {
            track.sleep.follow(now, asleep);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAMERA: Asleep = [layer(1_500, 720), layer(500, 360), layer(150, 180)];

    const fn layer(kbps: u64, height: u16) -> Option<Offered> {
        Some(Offered {
            rate: kbps * 1_000,
            height,
            asleep: false,
        })
    }

    #[test]
    fn what_nobody_takes_sleeps_after_a_while_but_for_the_least() {
        let start = Instant::now();
        let mut sleep = Sleep::default();
        assert_eq!(
            sleep.decide(start, 0, &Asleep::default()),
            None,
            "nothing flows yet"
        );
        assert_eq!(
            sleep.decide(start, 0b111, &CAMERA),
            Some(0),
            "it is said once that all are wanted"
        );
        let later = start + UNUSED;
        assert_eq!(sleep.decide(later, 0b001, &CAMERA), None);
        let asleep = later + UNUSED;
        assert_eq!(sleep.decide(asleep - LOOK, 0b001, &CAMERA), None);
        assert_eq!(sleep.decide(asleep, 0b001, &CAMERA), Some(0b010));
        assert_eq!(sleep.decide(asleep + UNUSED, 0b001, &CAMERA), None);
        let [best, _, least] = CAMERA;
        let flowing = [best, None, least];
        // Its last frames are on the way, or nothing comes any more.
        for flowing in [layer(90, 360), None] {
            let offered = sleep.offered(asleep + UNUSED, 1, flowing).unwrap();
            assert_eq!(
                (offered.rate, offered.height, offered.asleep),
                (500_000, 360, true)
            );
        }
        // Chosen: awake at once, and as large as it was until it is measured.
        let woken = asleep + UNUSED;
        assert_eq!(sleep.decide(woken, 0b011, &flowing), Some(0));
        assert_eq!(sleep.offered(woken, 1, None), None);
        let soon = sleep.offered(woken + LOOK, 1, layer(20, 360)).unwrap();
        assert_eq!((soon.rate, soon.asleep), (500_000, false));
        assert_eq!(
            sleep.offered(woken + REMEMBERED, 1, layer(480, 360)),
            layer(480, 360)
        );
    }

    #[test]
    fn what_is_taken_now_and_then_stays_awake() {
        let start = Instant::now();
        let mut sleep = Sleep::default();
        assert_eq!(sleep.decide(start, 0b111, &CAMERA), Some(0));
        for round in 1..20 {
            let taken = if round % 4 == 0 { 0b111 } else { 0b001 };
            assert_eq!(sleep.decide(start + UNUSED / 4 * round, taken, &CAMERA), None);
        }
    }

    #[test]
    fn a_shard_that_has_not_said_what_it_takes_takes_all() {
        let mut sleep = Sleep::default();
        sleep.taken(1, 0b001);
        assert_eq!(sleep.taken_by(&[1]), 0b001);
        assert_eq!(sleep.taken_by(&[1, 2]), u8::MAX);
        assert_eq!(sleep.taken_by(&[]), 0);
        sleep.taken(1, 0b010);
        sleep.restart();
        assert_eq!(sleep.taken_by(&[1]), 0b010);
    }
}
