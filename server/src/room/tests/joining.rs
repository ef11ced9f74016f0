//! Seats: who gets one, who loses one, and what a lost line means.

use super::*;
use protocol::signal::Presence;

#[test]
fn the_state_of_the_lesson_decides_who_gets_in() {
    let table = [
        (LessonState::Scheduled, Some(ErrorCode::NotOpen)),
        (LessonState::Open, None),
        (LessonState::Live, None),
        (LessonState::Ended, Some(ErrorCode::Ended)),
        (LessonState::Archived, Some(ErrorCode::Ended)),
        (LessonState::Cancelled, Some(ErrorCode::Cancelled)),
    ];
    for (state, expected) in table {
        let mut stage = Stage::new(state, 1);
        let result = stage.try_join(classroom(stage.classrooms[0]), "a", true);
        assert_eq!(
            result.as_ref().err().map(|refusal| refusal.code),
            expected,
            "{state:?}"
        );
        if let (LessonState::Scheduled, Err(refusal)) = (state, result) {
            let opens = stage
                .room
                .opens_at
                .format(&time::format_description::well_known::Rfc3339)
                .expect("a time");
            assert!(
                refusal.message.contains(&opens),
                "it says when: {}",
                refusal.message
            );
        }
    }
}

#[test]
fn the_newest_tab_takes_the_seat_if_it_asks_to() {
    let mut stage = Stage::new(LessonState::Live, 1);
    let who = classroom(stage.classrooms[0]);
    let first = stage.join(who.clone());
    let shy = stage.try_join(who.clone(), "b", false);
    assert_eq!(shy.map_err(|refusal| refusal.code), Err(ErrorCode::SeatTaken));
    let second = stage.try_join(who.clone(), "b", true).expect("the seat");
    assert_eq!(stage.last_error(first), Some((ErrorCode::SeatTaken, true)));
    assert!(stage.closed.contains(&first));
    // The late end of the older socket takes nothing from the newer.
    stage.room.closed(stage.now, first, true);
    stage.run();
    assert_eq!(stage.room.socket_of(stage.peer(&who.seat)), Some(second));
}

#[test]
fn the_same_instance_comes_back_without_being_told_off() {
    let mut stage = Stage::new(LessonState::Live, 1);
    let who = classroom(stage.classrooms[0]);
    let first = stage.join(who.clone());
    let again = stage.try_join(who.clone(), "a", false).expect("its own seat");
    assert_eq!(stage.last_error(first), None);
    assert!(stage.closed.contains(&first));
    let Some(ServerMessage::Welcome {
        epoch, offer, peer, ..
    }) = stage.inbox[&again].first()
    else {
        panic!("a welcome");
    };
    assert_eq!((*epoch, *peer), (2, stage.peer(&who.seat)));
    assert!(offer.as_ref().is_some_and(|offer| offer.fresh));
}

#[test]
fn another_teacher_waits_until_the_first_is_away_for_good() {
    let mut stage = Stage::new(LessonState::Live, 0);
    let (first, second) = (UserId::new(), UserId::new());
    let socket = stage.join(teacher(first));
    let refused = |stage: &mut Stage| {
        stage
            .try_join(teacher(second), "b", true)
            .map_err(|refusal| refusal.code)
    };
    assert_eq!(refused(&mut stage), Err(ErrorCode::TeacherPresent));
    stage.room.closed(stage.now, socket, false);
    stage.flush();
    assert_eq!(refused(&mut stage), Err(ErrorCode::TeacherPresent));
    assert!(
        stage.try_join(teacher(first), "c", true).is_ok(),
        "the same person on another machine"
    );
    let socket = stage
        .room
        .socket_of(stage.peer(&Seat::Teacher))
        .expect("the first teacher");
    stage.room.closed(stage.now, socket, false);
    stage.wait(time::Duration::seconds(31));
    assert!(refused(&mut stage).is_ok());
    assert_eq!(stage.room.lesson().state, LessonState::Live);
}

#[test]
fn a_lost_line_keeps_the_seat_and_a_closed_tab_leaves_it() {
    let mut stage = Stage::new(LessonState::Live, 2);
    let desk = stage.join(teacher(UserId::new()));
    for (index, clean, presence) in [(0, false, Presence::Lost), (1, true, Presence::Left)] {
        let who = classroom(stage.classrooms[index]);
        let socket = stage.join(who.clone());
        stage.room.closed(stage.now, socket, clean);
        let since = stage.now;
        stage.flush();
        let peer = stage.sees(desk, &who.seat).expect("still listed");
        assert_eq!(peer.presence, presence);
        assert!(peer.since.is_some_and(|at| at >= since && at <= stage.now));
        assert_eq!(stage.removed.contains(&peer.id), clean);
        assert_eq!(peer.tracks.is_empty(), clean);
    }
}

#[test]
fn a_revoked_terminal_is_put_out_at_once() {
    let mut stage = Stage::new(LessonState::Live, 1);
    let desk = stage.join(teacher(UserId::new()));
    let who = classroom(stage.classrooms[0]);
    let socket = stage.join(who.clone());
    let peer = stage.peer(&who.seat);
    stage
        .act(desk, Action::Stage { peer, on: true })
        .expect("on stage");
    stage.room.revoke(stage.now, TerminalId(stage.classrooms[0].0));
    stage.run();
    assert_eq!(stage.last_error(socket), Some((ErrorCode::Revoked, true)));
    assert!(stage.closed.contains(&socket) && stage.removed.contains(&peer));
    stage.flush();
    assert!(stage.sees(desk, &who.seat).is_some_and(|peer| !peer.on_stage));
}

#[test]
fn forty_who_join_at_once_are_a_handful_of_messages_to_each() {
    let mut stage = Stage::new(LessonState::Live, 40);
    let desk = stage.join(teacher(UserId::new()));
    let sockets: Vec<_> = stage
        .classrooms
        .clone()
        .into_iter()
        .map(|id| stage.try_join(classroom(id), "a", true).expect("a seat"))
        .collect();
    stage.flush();
    assert!(
        stage.inbox[&desk].len() < 10,
        "the teacher got {}",
        stage.inbox[&desk].len()
    );
    for socket in sockets {
        assert!(
            stage.inbox[&socket].len() <= 3,
            "a classroom got {}",
            stage.inbox[&socket].len()
        );
    }
    let present = stage.snapshots[&desk]
        .peers
        .iter()
        .filter(|peer| peer.presence != Presence::Expected)
        .count();
    assert_eq!(present, 41);
    assert_eq!(
        stage.last_wish(&Seat::Teacher).watch.len(),
        40,
        "all their cameras in one offer"
    );
}

#[test]
fn names_go_through_as_they_are_and_ids_outlive_the_server() {
    let mut stage = Stage::new(LessonState::Live, 1);
    let desk = stage.join(teacher(UserId::new()));
    let who = classroom(stage.classrooms[0]);
    stage.join(who.clone());
    assert_eq!(
        stage.sees(desk, &who.seat).map(|peer| peer.name.as_str()),
        Some("三年级(2)班 🏔️")
    );
    let before = stage.sees(desk, &who.seat).cloned().expect("there");
    let lesson = stage.room.lesson().clone();
    let mut again = Stage::new(LessonState::Live, 0);
    again.room = Room::new(Facts {
        lesson,
        opens_at: again.now,
        expected: Vec::new(),
    });
    again.run();
    let desk = again.join(teacher(UserId::new()));
    again.join(who.clone());
    let after = again.sees(desk, &who.seat).expect("there");
    assert_eq!(after.id, before.id);
    assert_eq!(
        after.tracks.iter().map(|track| track.id).collect::<Vec<_>>(),
        before.tracks.iter().map(|track| track.id).collect::<Vec<_>>()
    );
}

#[test]
fn what_changes_while_an_offer_is_out_is_stated_after_its_answer() {
    let mut stage = Stage::new(LessonState::Live, 1);
    let desk = stage.try_join(teacher(UserId::new()), "a", true).expect("a seat");
    stage.join(classroom(stage.classrooms[0]));
    let before = stage.asked.len();
    stage.wait(time::Duration::seconds(1));
    assert_eq!(stage.asked.len(), before, "one offer at a time");
    stage.answer(desk);
    assert_eq!(
        stage.last_wish(&Seat::Teacher).watch.len(),
        1,
        "the classroom's camera"
    );
    assert_eq!(stage.asked.last().map(|(_, _, fresh)| *fresh), Some(false));
}

#[test]
fn an_offer_that_is_never_answered_is_made_afresh() {
    let mut stage = Stage::new(LessonState::Live, 0);
    let desk = stage.try_join(teacher(UserId::new()), "a", true).expect("a seat");
    stage.wait(time::Duration::seconds(16));
    assert!(matches!(stage.inbox[&desk].last(), Some(ServerMessage::Offer { offer }) if offer.fresh));
}

#[test]
fn a_restart_or_a_dead_line_is_answered_by_a_fresh_offer() {
    let mut stage = Stage::new(LessonState::Live, 0);
    let desk = stage.join(teacher(UserId::new()));
    stage.say(desk, ClientMessage::Restart {});
    assert!(matches!(stage.inbox[&desk].last(), Some(ServerMessage::Offer { offer }) if offer.fresh));
    stage.answer(desk);
    let peer = stage.peer(&Seat::Teacher);
    let offers = stage.asked.len();
    stage.room.event(
        stage.now,
        &sfu::Event::PeerClosed {
            peer,
            reason: "goodbye".to_owned(),
        },
    );
    stage.wait(time::Duration::seconds(1));
    assert_eq!(stage.asked.len(), offers + 1);
    assert!(stage.asked.last().is_some_and(|(_, _, fresh)| *fresh));
}

#[test]
fn a_seat_that_changes_hands_while_the_engine_thinks_gets_an_offer_of_its_own() {
    let mut stage = Stage::new(LessonState::Live, 0);
    stage.prompt = false;
    let user = UserId::new();
    let first = stage.try_join(teacher(user), "a", true).expect("a seat");
    let second = stage.try_join(teacher(user), "b", true).expect("the seat");
    stage.engine_offers();
    stage.run();
    assert!(
        !stage
            .inbox
            .get(&first)
            .into_iter()
            .flatten()
            .any(|message| matches!(message, ServerMessage::Welcome { .. }))
    );
    assert!(
        !stage.inbox.contains_key(&second),
        "not the offer of another line"
    );
    stage.engine_offers();
    stage.run();
    assert!(matches!(
        stage.inbox[&second].first(),
        Some(ServerMessage::Welcome { offer: Some(_), .. })
    ));
}
