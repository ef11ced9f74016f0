//! A teacher's sound and picture reach every classroom, whichever thread it is on.

mod common;

use std::time::Duration;

use common::Lesson;
use sfu::Event;

#[test]
fn every_classroom_gets_every_frame_once_and_in_order() {
    let mut lesson = Lesson::new(1, 2);
    let (teacher, camera, microphone) = lesson.teacher();
    let classrooms: Vec<usize> = (0..5).map(|_| lesson.classroom(camera, microphone)).collect();
    lesson.all_connected();
    lesson.run(Duration::from_secs(4));
    for classroom in classrooms {
        let pictures = lesson.pictures(classroom);
        assert!(pictures.len() > 70, "{} pictures", pictures.len());
        assert!(pictures[0].keyframe);
        assert!(pictures.iter().all(|frame| frame.whole && frame.contiguous));
        assert!(
            pictures
                .windows(2)
                .all(|pair| pair[1].number == pair[0].number + 1)
        );
        let sounds = lesson.sounds(classroom);
        assert!(sounds.len() > 150, "{} sounds", sounds.len());
        assert!(sounds.windows(2).all(|pair| pair[1].number == pair[0].number + 1));
    }
    let peer = lesson.clients[teacher].peer;
    assert_eq!(lesson.count(&Event::PeerConnected { peer }), 1);
}

#[test]
fn the_cipher_is_gcm_where_the_client_offers_it() {
    let mut lesson = Lesson::new(2, 1);
    let (_, camera, microphone) = lesson.teacher();
    lesson.classroom(camera, microphone);
    lesson.all_connected();
    lesson.run(Duration::from_millis(200));
    let (now, room) = (lesson.now, lesson.room);
    let stats = lesson.core.stats(now, room);
    assert_eq!(stats.len(), 2);
    assert!(stats.iter().all(|(_, stats)| stats.gcm));
    assert_eq!(
        lesson.core.metric(r#"tongke_sfu_handshakes_total{result="gcm"}"#),
        2
    );
}
