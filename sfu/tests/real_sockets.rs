//! The engine with its threads and sockets: a teacher and a classroom over loopback.

mod sockets;

use std::time::Instant;

use protocol::id::{LessonId, PeerId, TrackId};
use sfu::{Engine, EngineConfig, Event, MediaWish};
use sockets::{Client, FRAME, PATIENCE, join, publishes, watches};

#[tokio::test]
async fn a_picture_goes_through_threads_and_sockets() {
    let config = EngineConfig {
        bind: vec![[127, 0, 0, 1].into()],
        threads: 2,
        ..EngineConfig::default()
    };
    let (engine, mut events) = Engine::start(config).expect("the engine starts");
    assert_eq!(engine.media_addresses().len(), 2);
    let address = engine.media_addresses()[0];
    let (room, camera) = (LessonId::new(), TrackId::new());
    let (mut teacher, mut classroom) = (
        Client::new(address, true, false),
        Client::new(address, true, false),
    );
    let peer = join(&engine, room, &mut teacher, publishes(camera)).await;
    join(&engine, room, &mut classroom, watches(camera)).await;

    let begin = Instant::now();
    while classroom.frames.len() < 50 {
        assert!(begin.elapsed() < PATIENCE, "{} frames", classroom.frames.len());
        teacher.turn();
        classroom.turn();
        if classroom.connected {
            teacher.show();
        }
    }
    assert!(classroom.frames.iter().all(|len| *len == FRAME));
    assert_eq!(events.next().await, Some(Event::PeerConnected { peer }));
    let stats = engine.stats(room).await;
    assert_eq!(stats.len(), 2);
    assert!(stats.iter().all(|(_, stats)| stats.gcm));
    assert!(engine.metrics_text().contains("tongke_sfu_rtp_forwarded_total"));
    engine.stop().await;
    assert!(
        engine
            .negotiate(room, PeerId::new(), MediaWish::default(), true)
            .await
            .is_err()
    );
}
