//! A client whose address changes (another network, a NAT that forgot) goes on without a new negotiation.

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use common::Lesson;
use sfu::Event;

#[test]
fn media_follows_a_client_to_its_new_address() {
    let mut lesson = Lesson::new(8, 1);
    let (_, camera, microphone) = lesson.teacher();
    let classroom = lesson.classroom(camera, microphone);
    lesson.all_connected();
    lesson.run(Duration::from_secs(2));
    lesson.forget();

    // As a NAT does it: the client notices nothing, its packets come from elsewhere.
    let peer = lesson.clients[classroom].peer;
    lesson.clients[classroom].nat = Some(SocketAddr::from(([203, 0, 113, 7], 61_000)));
    lesson.run(Duration::from_secs(8));
    let moved = lesson.now;
    lesson.run(Duration::from_secs(2));
    let pictures = lesson.pictures(classroom);
    let after = pictures.iter().filter(|frame| frame.at > moved).count();
    assert!(after > 40, "{after} pictures after the move");
    assert_eq!(lesson.count(&Event::PeerLost { peer }), 0);
}
