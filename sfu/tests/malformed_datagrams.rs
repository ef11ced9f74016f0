//! What nobody asked for is dropped and counted by its reason, and hurts no running lesson.

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use common::Lesson;
use rand::{Rng as _, RngCore as _};
use sfu::testing::Datagram;

const ENGINE: ([u8; 4], u16) = ([10, 0, 0, 1], 5000);

fn dropped(lesson: &Lesson, reason: &str) -> i64 {
    lesson.core.metric(&format!(
        "tongke_sfu_datagrams_dropped_total{{reason=\"{reason}\"}}"
    ))
}

#[test]
fn each_is_counted_by_its_reason() {
    let mut lesson = Lesson::new(10, 1);
    let (teacher, camera, microphone) = lesson.teacher();
    let classroom = lesson.classroom(camera, microphone);
    lesson.all_connected();
    lesson.run(Duration::from_secs(1));
    let known = lesson.clients[teacher].address;
    let stranger = SocketAddr::from(([198, 51, 100, 1], 9));
    let rtp = [&[0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9][..], &[0; 40]].concat();
    let rtcp = [&[0x80, 200, 0, 6, 0, 0, 0, 9][..], &[0; 40]].concat();
    let cases: [(SocketAddr, &[u8], &str); 8] = [
        (stranger, &rtp, "unknown_address"),
        (stranger, &[22, 254, 253, 0, 0], "unknown_address"),
        (stranger, &[0, 1, 0, 0, 1, 2, 3], "malformed_stun"),
        (known, &[22, 254, 253, 0, 0, 0, 0], "malformed_dtls"),
        (known, &[0x80, 96, 0], "malformed_rtp"),
        (known, &rtp, "rtp_not_authentic"),
        (known, &rtcp, "rtcp_not_authentic"),
        (known, &[250, 1, 2, 3], "unknown_protocol"),
    ];
    for (from, contents, reason) in cases {
        let before = dropped(&lesson, reason);
        let datagram = Datagram {
            from,
            to: SocketAddr::from(ENGINE),
            contents: contents.to_vec(),
        };
        lesson.core.receive(lesson.now, &datagram);
        assert_eq!(dropped(&lesson, reason), before + 1, "{reason}");
    }
    lesson.forget();
    lesson.run(Duration::from_secs(1));
    assert!(lesson.pictures(classroom).len() > 20);
}

#[test]
fn noise_from_known_and_unknown_addresses_does_not_stop_the_lesson() {
    let mut lesson = Lesson::new(11, 1);
    let (teacher, camera, microphone) = lesson.teacher();
    let classroom = lesson.classroom(camera, microphone);
    lesson.all_connected();
    lesson.run(Duration::from_secs(1));
    lesson.forget();
    let from = [
        lesson.clients[teacher].address,
        lesson.clients[classroom].address,
        SocketAddr::from(([198, 51, 100, 1], 9)),
    ];
    for round in 0..100 {
        for at in 0..200 {
            let mut contents = vec![0; lesson.rng.random_range(0..200)];
            lesson.rng.fill_bytes(&mut contents);
            if let Some(first) = contents.first_mut() {
                // Half of it looks like something.
                *first = [0, 1, 22, 23, 0x80, 0x90, 0xb0, *first][at % 8];
            }
            let datagram = Datagram {
                from: from[(round + at) % 3],
                to: SocketAddr::from(ENGINE),
                contents,
            };
            lesson.core.receive(lesson.now, &datagram);
        }
        lesson.run(Duration::from_millis(40));
    }
    let pictures = lesson.pictures(classroom);
    assert!(pictures.len() > 90, "{}", pictures.len());
    assert!(pictures.iter().all(|frame| frame.whole && frame.contiguous));
}

/// Whole records of handshakes that nobody waits for, as fast as they come, from somebody who is let in.
#[test]
fn handshakes_that_are_begun_over_and_over_are_counted_and_not_looked_at() {
    let mut lesson = Lesson::new(12, 1);
    let (_, camera, microphone) = lesson.teacher();
    let classroom = lesson.classroom(camera, microphone);
    lesson.all_connected();
    lesson.run(Duration::from_secs(1));
    lesson.forget();
    let from = lesson.clients[classroom].address;
    let sent = 2_000;
    for number in 0..sent {
        let mut contents = vec![0; 13 + 64];
        lesson.rng.fill_bytes(&mut contents);
        // A ClientHello in epoch 0 (RFC 6347 §4.1).
        contents[..13].copy_from_slice(&[22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 64]);
        contents[13] = 1;
        let datagram = Datagram {
            from,
            to: SocketAddr::from(ENGINE),
            contents,
        };
        lesson.core.receive(lesson.now, &datagram);
        if number % 20 == 0 {
            lesson.run(Duration::from_millis(40));
        }
    }
    // 4 s, in each of which 20 are looked at.
    assert!(dropped(&lesson, "dtls_too_many") >= sent - 6 * 20);
    let pictures = lesson.pictures(classroom);
    assert!(pictures.len() > 90, "{}", pictures.len());
    assert!(pictures.iter().all(|frame| frame.whole && frame.contiguous));
}
