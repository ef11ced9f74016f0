//! WHIP publishers and WHEP players.

use super::*;
use crate::room::ids::{track_id, whip_peer};
use crate::room::tools::Sections;
use protocol::media::Codec;
use protocol::signal::Presence;
use sfu::Event;

const BOTH: Sections = Sections { audio: 1, video: 1 };

fn flows(stage: &mut Stage, peer: PeerId, source: Source, on: bool) {
    let track = track_id(whip_peer(stage.room.id()), source);
    let event = if on {
        Event::TrackFlowing {
            peer,
            track,
            codec: Codec::H264,
        }
    } else {
        Event::TrackStalled { peer, track }
    };
    stage.room.event(stage.now, &event);
    stage.flush();
}

#[test]
fn a_whip_publisher_puts_an_open_lesson_live_and_is_the_teachers() {
    let mut stage = Stage::new(LessonState::Open, 1);
    let room = stage.join(classroom(stage.classrooms[0]));
    let plan = stage
        .room
        .whip_begin(stage.now, Sections { audio: 1, video: 2 })
        .expect("a plan");
    stage.run();
    assert_eq!(stage.room.lesson().state, LessonState::Live);
    let sources: Vec<_> = plan.tracks.iter().map(|track| track.source).collect();
    assert_eq!(sources, [Source::Camera, Source::Screen, Source::Microphone]);
    let tracks: Vec<_> = plan.tracks.iter().map(|track| track.track).collect();
    stage.room.whip_ready(stage.now, plan.peer, &tracks[..2]);
    stage.flush();
    stage.answer(room);
    stage.flush();
    assert_eq!(
        stage.last_wish(&Seat::Classroom(stage.classrooms[0])).watch.len(),
        2
    );
    stage
        .room
        .event(stage.now, &Event::PeerConnected { peer: plan.peer });
    flows(&mut stage, plan.peer, Source::Screen, true);
    let teacher = stage.sees(room, &Seat::Teacher).expect("the teacher");
    assert_eq!(teacher.presence, Presence::Present);
    assert!(
        teacher
            .tracks
            .iter()
            .any(|track| track.source == Source::Screen && track.flowing)
    );
    assert!(stage.logged.contains(&EventKind::MaterialShown));
    assert!(stage.room.tool_ended(stage.now, plan.peer));
    stage.flush();
    assert!(
        stage
            .sees(room, &Seat::Teacher)
            .is_some_and(|teacher| teacher.tracks.is_empty())
    );
    assert_eq!(stage.room.lesson().state, LessonState::Live, "the lesson goes on");
}

#[test]
fn a_second_publisher_waits_until_the_media_of_the_first_is_gone() {
    let mut stage = Stage::new(LessonState::Live, 0);
    let first = stage.room.whip_begin(stage.now, BOTH).expect("a plan");
    let begin = |stage: &mut Stage| {
        stage
            .room
            .whip_begin(stage.now, BOTH)
            .map_err(|refusal| refusal.code)
    };
    assert_eq!(begin(&mut stage).err(), Some(ErrorCode::TeacherPresent));
    stage
        .room
        .event(stage.now, &Event::PeerConnected { peer: first.peer });
    flows(&mut stage, first.peer, Source::Camera, true);
    stage.wait(time::Duration::seconds(60));
    assert_eq!(begin(&mut stage).err(), Some(ErrorCode::TeacherPresent));
}

#[test]
fn a_publisher_without_media_is_replaced() {
    let mut stage = Stage::new(LessonState::Live, 0);
    let first = stage.room.whip_begin(stage.now, BOTH).expect("a plan");
    stage
        .room
        .event(stage.now, &Event::PeerConnected { peer: first.peer });
    flows(&mut stage, first.peer, Source::Camera, true);
    flows(&mut stage, first.peer, Source::Camera, false);
    let second = stage.room.whip_begin(stage.now, BOTH).expect("its place");
    assert_eq!(second.replaces, Some(first.peer));
    assert_eq!(second.tracks, first.tracks, "the same tracks for those who watch");
    stage.room.event(
        stage.now,
        &Event::PeerClosed {
            peer: first.peer,
            reason: String::new(),
        },
    );
    assert!(
        stage.room.has_tool(second.peer),
        "the end of the first is not the end of the second"
    );
}

#[test]
fn page_and_publisher_share_the_desk_but_no_source() {
    let mut stage = Stage::new(LessonState::Live, 0);
    let desk = stage.join(teacher(UserId::new()));
    let peer = stage.peer(&Seat::Teacher);
    let track = track_id(peer, Source::Microphone);
    stage.room.event(
        stage.now,
        &Event::TrackFlowing {
            peer,
            track,
            codec: Codec::Opus,
        },
    );
    let refused = stage
        .room
        .whip_begin(stage.now, BOTH)
        .expect_err("the microphone is taken");
    assert!(refused.message.contains("microphone"));
    let plan = stage
        .room
        .whip_begin(stage.now, Sections { audio: 0, video: 1 })
        .expect("the camera is free");
    stage.flush();
    stage.answer(desk);
    stage.flush();
    let sources: Vec<_> = stage
        .last_wish(&Seat::Teacher)
        .publish
        .iter()
        .map(|track| track.source)
        .collect();
    assert_eq!(
        sources,
        [Source::Microphone],
        "the page is not asked for what the publisher sends"
    );
    stage.answer(desk);
    stage.room.tool_ended(stage.now, plan.peer);
    stage.flush();
    assert_eq!(stage.last_wish(&Seat::Teacher).publish.len(), 2);
}

#[test]
fn a_player_gets_picture_and_voice_and_other_tracks_when_they_change() {
    let mut stage = Stage::new(LessonState::Open, 0);
    let desk = stage.join(teacher(UserId::new()));
    let plan = stage.room.whep_begin(stage.now, Role::Observer).expect("a plan");
    let peer = stage.peer(&Seat::Teacher);
    let camera = track_id(peer, Source::Camera);
    assert_eq!(plan.watch.len(), 4);
    assert!(
        plan.watch.iter().all(|track| track.track != camera),
        "not before the lesson is live"
    );
    stage.act(desk, Action::Start {}).expect("live");
    stage.flush();
    let (_, watch) = stage.rewired.last().cloned().expect("rewired");
    assert_eq!(
        (watch[0].track, watch[2].track),
        (camera, track_id(peer, Source::Microphone))
    );
    stage
        .room
        .event(stage.now, &Event::PeerConnected { peer: plan.peer });
    stage.flush();
    assert_eq!(stage.snapshots[&desk].observers, 1);
    stage.room.event(stage.now, &Event::PeerLost { peer: plan.peer });
    stage.wait(time::Duration::seconds(31));
    assert!(stage.removed.contains(&plan.peer) && !stage.room.has_tool(plan.peer));
}

#[test]
fn tools_keep_to_the_life_of_the_lesson() {
    for (state, code) in [
        (LessonState::Scheduled, ErrorCode::NotOpen),
        (LessonState::Ended, ErrorCode::Ended),
        (LessonState::Cancelled, ErrorCode::Cancelled),
    ] {
        let mut stage = Stage::new(state, 0);
        assert_eq!(
            stage
                .room
                .whip_begin(stage.now, BOTH)
                .map_err(|refusal| refusal.code)
                .err(),
            Some(code)
        );
        assert_eq!(
            stage
                .room
                .whep_begin(stage.now, Role::Classroom)
                .map_err(|refusal| refusal.code)
                .err(),
            Some(code)
        );
    }
}
