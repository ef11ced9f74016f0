//! The engine's process: takes questions on its input, answers on its output.

use std::io::{BufRead, Write};
use std::time::Duration;

use protocol::id::{LessonId, PeerId, TrackId};
use protocol::media::{MediaKind, Source};
use sfu::{EngineConfig, MediaWish, PublishTrack, WatchTrack};

use crate::floor;
use crate::usage::Usage;
use crate::wire::{Ask, Tell};

/// Makes this program the engine's process.
pub const ARGUMENT: &str = "--engine-process";

struct Served {
    engine: sfu::Engine,
    room: LessonId,
    camera: TrackId,
    microphone: TrackId,
    peers: Vec<(PeerId, u32)>,
}

/// Until the input ends.
pub fn run() {
    let threads = std::env::var("THREADS")
        .ok()
        .and_then(|threads| threads.parse().ok());
    let config = EngineConfig {
        bind: vec![[127, 0, 0, 1].into()],
        threads: threads.unwrap_or(1),
        ..EngineConfig::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let (engine, mut events) = sfu::Engine::start(config).expect("the engine starts");
    let mut served = Served {
        engine,
        room: LessonId::new(),
        camera: TrackId::new(),
        microphone: TrackId::new(),
        peers: Vec::new(),
    };
    std::thread::spawn(move || {
        let events_runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        events_runtime.block_on(async { while events.next().await.is_some() {} });
    });
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("the input can be read");
        let ask = serde_json::from_str(&line).expect("a question is JSON");
        let tell = runtime.block_on(served.take(ask));
        let mut line = serde_json::to_string(&tell).expect("an answer is JSON");
        line.push('\n');
        let mut output = std::io::stdout().lock();
        if output
            .write_all(line.as_bytes())
            .and_then(|()| output.flush())
            .is_err()
        {
            return;
        }
    }
}

impl Served {
    async fn take(&mut self, ask: Ask) -> Tell {
        match ask {
            Ask::Offer { teacher } => {
                let peer = PeerId::new();
                let offer = self
                    .engine
                    .negotiate(self.room, peer, self.wish(teacher), true)
                    .await
                    .expect("an offer")
                    .expect("something to negotiate");
                self.peers.push((peer, offer.negotiation));
                Tell::Offer {
                    peer: self.peers.len() - 1,
                    sdp: offer.sdp,
                }
            }
            Ask::Answer { peer, sdp } => {
                let (peer, negotiation) = self.peers[peer];
                self.engine
                    .answer(peer, negotiation, sdp)
                    .await
                    .expect("the answer is taken");
                Tell::Done
            }
            Ask::Usage => Tell::Usage(self.usage()),
            Ask::Floor { targets, ms } => Tell::Usage(floor::run(targets, Duration::from_millis(ms))),
        }
    }

    fn usage(&self) -> Usage {
        let metrics = self.engine.metrics_text();
        let sum = |name: &str| {
            metrics
                .lines()
                .filter(|line| line.starts_with(name))
                .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
                .sum::<f64>() as u64
        };
        Usage {
            packets: sum("tongke_sfu_rtp_forwarded_total"),
            sends: sum("tongke_sfu_sends_total"),
            ..Usage::of("sfu-")
        }
    }

    fn wish(&self, teacher: bool) -> MediaWish {
        let (camera, microphone) = (self.camera, self.microphone);
        if teacher {
            let publish = |track, source| PublishTrack {
                track,
                source,
                simulcast: false,
            };
            return MediaWish {
                decodes: 0,
                publish: vec![
                    publish(camera, Source::Camera),
                    publish(microphone, Source::Microphone),
                ],
                watch: Vec::new(),
            };
        }
        let watch = |track, kind| WatchTrack {
            track,
            kind,
            height: 720,
            priority: 100,
        };
        MediaWish {
            decodes: 0,
            publish: Vec::new(),
            watch: vec![
                watch(camera, MediaKind::Video),
                watch(microphone, MediaKind::Audio),
            ],
        }
    }
}
