//! Clients that offer: a WHIP publisher, a WHEP player, its change of tracks, and their ICE restart.

mod common;

use std::time::Duration;

use common::{Lesson, watching};
use protocol::id::TrackId;
use protocol::media::{MediaKind, Source};
use sfu::{EngineError, PublishTrack, WatchTrack};
use str0m::change::SdpAnswer;
use str0m::media::{Direction, Mid};

fn camera_and_microphone() -> (TrackId, TrackId, Vec<PublishTrack>) {
    let (camera, microphone) = (TrackId::new(), TrackId::new());
    let tracks = vec![
        PublishTrack {
            track: camera,
            source: Source::Camera,
            simulcast: false,
        },
        PublishTrack {
            track: microphone,
            source: Source::Microphone,
            simulcast: false,
        },
    ];
    (camera, microphone, tracks)
}

/// A client that offers sound and picture, and how to take the answer.
fn offering(
    lesson: &mut Lesson,
    direction: Direction,
) -> (usize, [Mid; 2], String, str0m::change::SdpPendingOffer) {
    let client = lesson.client();
    let mut api = lesson.clients[client].rtc.sdp_api();
    let audio = api.add_media(str0m::media::MediaKind::Audio, direction, None, None, None);
    let video = api.add_media(str0m::media::MediaKind::Video, direction, None, None, None);
    let (offer, pending) = api.apply().expect("an offer");
    (client, [audio, video], offer.to_sdp_string(), pending)
}

fn take(lesson: &mut Lesson, client: usize, pending: str0m::change::SdpPendingOffer, answer: &str) {
    let answer = SdpAnswer::from_sdp_string(answer).expect("an answer");
    let rtc = &mut lesson.clients[client].rtc;
    rtc.sdp_api()
        .accept_answer(pending, answer)
        .expect("the answer is taken");
}

fn publisher(lesson: &mut Lesson) -> (usize, TrackId, TrackId) {
    let (client, [audio, video], offer, pending) = offering(lesson, Direction::SendOnly);
    let (camera, microphone, tracks) = camera_and_microphone();
    let (now, room, peer) = (lesson.now, lesson.room, lesson.clients[client].peer);
    let answer = lesson
        .core
        .publish(now, room, peer, &tracks, &offer)
        .expect("an answer");
    assert_eq!(answer.tracks.len(), 2);
    take(lesson, client, pending, &answer.sdp);
    lesson.clients[client].sends = [(microphone, audio), (camera, video)].into();
    lesson.teaching.push(client);
    (client, camera, microphone)
}

fn watch(camera: TrackId, microphone: TrackId) -> Vec<WatchTrack> {
    watching(camera, microphone).watch
}

#[test]
fn a_player_sees_what_a_publisher_sends_and_then_another_one() {
    let mut lesson = Lesson::new(20, 2);
    let (_, camera, microphone) = publisher(&mut lesson);
    let (player, _, offer, pending) = offering(&mut lesson, Direction::RecvOnly);
    let (now, room, peer) = (lesson.now, lesson.room, lesson.clients[player].peer);
    let answer = lesson
        .core
        .watch(now, room, peer, &watch(camera, microphone), &offer)
        .expect("an answer");
    take(&mut lesson, player, pending, &answer.sdp);
    lesson.all_connected();
    lesson.run(Duration::from_secs(3));
    assert!(lesson.pictures(player).len() > 50);
    assert!(lesson.sounds(player).len() > 100);

    let (_, other_camera, other_microphone) = publisher(&mut lesson);
    lesson.all_connected();
    lesson.run(Duration::from_secs(1));
    let before = lesson.pictures(player).len();
    let now = lesson.now;
    lesson
        .core
        .rewire(now, peer, &watch(other_camera, other_microphone))
        .expect("rewired");
    lesson.run(Duration::from_secs(3));
    let pictures = lesson.pictures(player);
    assert!(pictures.len() > before + 50, "{} after {before}", pictures.len());
    assert!(pictures[before].keyframe, "the other one begins with a keyframe");
    assert!(pictures.iter().all(|frame| frame.whole && frame.contiguous));
}

#[test]
fn the_line_of_a_player_is_measured_where_nothing_is_shown() {
    const UP_TO: u64 = 3_000_000;
    const PATIENCE: Duration = Duration::from_secs(8);
    let mut lesson = Lesson::new(22, 1);
    let (player, _, offer, pending) = offering(&mut lesson, Direction::RecvOnly);
    let (now, room, peer) = (lesson.now, lesson.room, lesson.clients[player].peer);
    let nothing = watch(TrackId::new(), TrackId::new());
    let answer = lesson
        .core
        .watch(now, room, peer, &nothing, &offer)
        .expect("an answer");
    take(&mut lesson, player, pending, &answer.sdp);
    lesson.core.measure(now, peer, UP_TO);
    lesson.all_connected();
    lesson.run(PATIENCE);
    let now = lesson.now;
    let (_, stats) = lesson.core.stats(now, room)[0];
    assert!(
        stats.carries.is_some_and(|carries| carries >= UP_TO * 9 / 10),
        "{stats:?}"
    );
    // It looks for the rate in moments; it is no flood.
    assert!(stats.bytes_sent < UP_TO / 8 * PATIENCE.as_secs(), "{stats:?}");
}

#[test]
fn an_offer_without_a_codec_is_the_clients_fault() {
    let mut lesson = Lesson::new(21, 1);
    let (client, _, offer, _) = offering(&mut lesson, Direction::RecvOnly);
    let (_, _, tracks) = camera_and_microphone();
    let (now, room, peer) = (lesson.now, lesson.room, lesson.clients[client].peer);
    let refused = lesson.core.publish(now, room, peer, &tracks, &offer);
    assert!(matches!(refused, Err(EngineError::Unusable(_))), "{refused:?}");
    let broken = lesson.core.publish(now, room, peer, &tracks, "v=0\r\nnonsense");
    assert!(matches!(broken, Err(EngineError::Sdp(_))), "{broken:?}");
    let sound_only = [WatchTrack {
        track: TrackId::new(),
        kind: MediaKind::Audio,
        height: 0,
        priority: 0,
    }];
    let partly = lesson
        .core
        .watch(now, room, peer, &sound_only, &offer)
        .expect("an answer");
    assert_eq!(partly.tracks.len(), 1);
    assert!(
        partly.sdp.contains("m=video 0 "),
        "what there is no track for is refused"
    );
}

#[test]
fn an_ice_restart_changes_credentials_and_media_goes_on() {
    let mut lesson = Lesson::new(22, 1);
    let (teacher, camera, microphone) = publisher(&mut lesson);
    let classroom = lesson.classroom(camera, microphone);
    lesson.all_connected();
    lesson.run(Duration::from_secs(2));
    let mut api = lesson.clients[teacher].rtc.sdp_api();
    api.ice_restart(true);
    let (offer, pending) = api.apply().expect("an offer");
    let offer = offer.to_sdp_string();
    let lines: Vec<&str> = offer
        .lines()
        .filter(|line| line.starts_with("a=ice-ufrag") || line.starts_with("a=ice-pwd"))
        .take(2)
        .collect();
    let fragment = format!(
        "{}\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n",
        lines.join("\r\n")
    );
    let (now, peer) = (lesson.now, lesson.clients[teacher].peer);
    let (answer, session) = lesson.core.restart_ice(now, peer, &fragment).expect("a fragment");
    assert!(answer.contains(&format!("a=ice-ufrag:{session}")));
    drop(pending);
    lesson.forget();
    // The client's old checks are not answered any more; its media still comes through.
    lesson.run(Duration::from_secs(2));
    assert!(lesson.pictures(classroom).len() > 40);
}
