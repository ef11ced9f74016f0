//! What people do in a lesson, by role.

use super::*;
use protocol::signal::Report;

fn full() -> (Stage, SocketId, Vec<SocketId>) {
    let mut stage = Stage::new(LessonState::Live, 3);
    let desk = stage.join(teacher(UserId::new()));
    let rooms = stage
        .classrooms
        .clone()
        .into_iter()
        .map(|id| stage.join(classroom(id)))
        .collect();
    stage.answer(desk);
    stage.flush();
    (stage, desk, rooms)
}

fn seat(stage: &Stage, index: usize) -> Seat {
    Seat::Classroom(stage.classrooms[index])
}

#[test]
fn a_classroom_on_stage_is_seen_and_heard_by_all_and_recorded() {
    let (mut stage, desk, rooms) = full();
    assert!(
        stage.sees(rooms[1], &seat(&stage, 0)).is_none(),
        "classrooms do not see each other"
    );
    let before = stage.recorded.len();
    let peer = stage.peer(&seat(&stage, 0));
    stage.act(desk, Action::Stage { peer, on: true }).expect("done");
    stage.flush();
    assert!(
        stage
            .sees(rooms[1], &seat(&stage, 0))
            .is_some_and(|peer| peer.on_stage)
    );
    assert_eq!(
        stage.last_wish(&seat(&stage, 1)).watch.len(),
        4,
        "teacher and stage, picture and sound"
    );
    assert_eq!(stage.recorded.len(), before + 2);
    assert!(
        stage
            .recorded
            .iter()
            .any(|recorded| recorded.key.who.starts_with("classroom-"))
    );
    stage.answer(desk);
    for room in &rooms {
        stage.answer(*room);
    }
    stage.act(desk, Action::Silence { peer, on: true }).expect("done");
    stage.flush();
    assert_eq!(
        stage.last_wish(&seat(&stage, 1)).watch.len(),
        3,
        "seen, not heard"
    );
    assert_eq!(stage.recorded.len(), before + 1);
    stage.act(desk, Action::Stage { peer, on: false }).expect("done");
    stage.flush();
    assert!(stage.sees(rooms[1], &seat(&stage, 0)).is_none());
    assert_eq!(stage.recorded.len(), before);
    let kinds: Vec<_> = stage
        .logged
        .iter()
        .filter(|kind| {
            matches!(
                kind,
                EventKind::OnStage | EventKind::Silenced | EventKind::OffStage
            )
        })
        .collect();
    assert_eq!(
        kinds,
        [&EventKind::OnStage, &EventKind::Silenced, &EventKind::OffStage]
    );
}

#[test]
fn hands_are_in_the_order_they_were_raised() {
    let (mut stage, desk, rooms) = full();
    for index in [2, 0, 1] {
        stage
            .act(rooms[index], Action::Hand { up: true, peer: None })
            .expect("done");
    }
    stage.flush();
    let places = |stage: &Stage| {
        (0..3)
            .map(|index| stage.sees(desk, &seat(stage, index)).and_then(|peer| peer.hand))
            .collect::<Vec<_>>()
    };
    assert_eq!(places(&stage), [Some(2), Some(3), Some(1)]);
    let peer = stage.peer(&seat(&stage, 2));
    stage
        .act(
            desk,
            Action::Hand {
                up: false,
                peer: Some(peer),
            },
        )
        .expect("done");
    stage.flush();
    assert_eq!(places(&stage), [Some(1), Some(2), None]);
    let peer = stage.peer(&seat(&stage, 0));
    stage.act(desk, Action::Stage { peer, on: true }).expect("done");
    stage.flush();
    assert_eq!(places(&stage), [None, Some(1), None], "on stage the hand is down");
}

#[test]
fn each_role_does_what_is_its_own_to_do() {
    let (mut stage, desk, rooms) = full();
    let eye = stage.join(observer(UserId::new()));
    let other = stage.peer(&seat(&stage, 1));
    let text = || "请大声一点".to_owned();
    let nobody = PeerId::new();
    let table = [
        (rooms[0], Action::Start {}, Err(ErrorCode::Forbidden)),
        (rooms[0], Action::End {}, Err(ErrorCode::Forbidden)),
        (
            rooms[0],
            Action::Stage {
                peer: other,
                on: true,
            },
            Err(ErrorCode::Forbidden),
        ),
        (
            rooms[0],
            Action::Hand {
                up: true,
                peer: Some(other),
            },
            Err(ErrorCode::Forbidden),
        ),
        (
            rooms[0],
            Action::Message {
                peer: None,
                text: text(),
            },
            Err(ErrorCode::Forbidden),
        ),
        (rooms[0], Action::Help { wanted: true }, Ok(())),
        (
            eye,
            Action::Hand { up: true, peer: None },
            Err(ErrorCode::Forbidden),
        ),
        (eye, Action::Help { wanted: true }, Err(ErrorCode::Forbidden)),
        (desk, Action::Start {}, Ok(())),
        (desk, Action::Help { wanted: true }, Err(ErrorCode::Forbidden)),
        (
            desk,
            Action::Hand {
                up: true,
                peer: Some(other),
            },
            Err(ErrorCode::Forbidden),
        ),
        (
            desk,
            Action::Stage {
                peer: nobody,
                on: true,
            },
            Err(ErrorCode::NotFound),
        ),
        (
            desk,
            Action::Silence {
                peer: other,
                on: true,
            },
            Err(ErrorCode::NotFound),
        ),
        (
            desk,
            Action::Message {
                peer: Some(nobody),
                text: text(),
            },
            Err(ErrorCode::NotFound),
        ),
        (
            desk,
            Action::Message {
                peer: None,
                text: "  ".to_owned(),
            },
            Err(ErrorCode::Malformed),
        ),
        (
            desk,
            Action::Message {
                peer: None,
                text: "长".repeat(201),
            },
            Err(ErrorCode::Malformed),
        ),
        (
            desk,
            Action::Message {
                peer: None,
                text: "长".repeat(200),
            },
            Ok(()),
        ),
        (
            desk,
            Action::Message {
                peer: Some(other),
                text: text(),
            },
            Ok(()),
        ),
    ];
    for (who, action, expected) in table {
        assert_eq!(stage.act(who, action.clone()), expected, "{action:?}");
    }
    assert!(stage.inbox[&rooms[1]].contains(&ServerMessage::Message { text: text() }));
    assert!(!stage.inbox[&rooms[0]].contains(&ServerMessage::Message { text: text() }));
}

#[test]
fn observers_are_counted_and_never_shown() {
    let (mut stage, desk, rooms) = full();
    let eye = stage.join(observer(UserId::new()));
    assert_eq!(stage.snapshots[&desk].observers, 1);
    assert_eq!(stage.snapshots[&rooms[0]].observers, 0);
    assert!(
        stage.snapshots[&desk]
            .peers
            .iter()
            .all(|peer| peer.role != Role::Observer)
    );
    stage.room.closed(stage.now, eye, true);
    stage.flush();
    assert_eq!(stage.snapshots[&desk].observers, 0);
}

#[test]
fn reports_reach_the_teacher_and_not_the_other_classrooms() {
    let (mut stage, desk, rooms) = full();
    let before = stage.inbox[&rooms[1]].len();
    let report = Report {
        hears: Some(false),
        microphone_level: 255,
        loss_permille: 9_999,
        ..Report::default()
    };
    stage.say(rooms[0], ClientMessage::Report { report });
    stage.flush();
    let seen = stage.sees(desk, &seat(&stage, 0)).expect("there").report;
    assert_eq!(
        (seen.hears, seen.microphone_level, seen.loss_permille),
        (Some(false), 100, 1_000)
    );
    assert_eq!(stage.inbox[&rooms[1]].len(), before);
}

#[test]
fn nothing_of_the_teacher_is_seen_before_the_lesson_is_live_and_nothing_after_its_end() {
    let mut stage = Stage::new(LessonState::Open, 1);
    let desk = stage.join(teacher(UserId::new()));
    let room = stage.join(classroom(stage.classrooms[0]));
    assert_eq!(stage.last_wish(&seat(&stage, 0)).watch, []);
    stage.answer(desk);
    stage.flush();
    assert_eq!(
        stage.last_wish(&Seat::Teacher).watch.len(),
        1,
        "the teacher sees who is here"
    );
    assert!(stage.recorded.is_empty());
    stage.answer(desk);
    stage.act(desk, Action::Start {}).expect("live");
    stage.flush();
    assert_eq!(stage.last_wish(&seat(&stage, 0)).watch.len(), 2);
    assert!(!stage.recorded.is_empty());
    stage.answer(room);
    stage.act(desk, Action::End {}).expect("over");
    stage.flush();
    assert_eq!(stage.snapshots[&room].lesson.state, LessonState::Ended);
    assert!(stage.recorded.is_empty());
    let asked = stage.asked.len();
    stage.say(room, ClientMessage::Restart {});
    stage.flush();
    assert_eq!(stage.asked.len(), asked, "no media any more");
    let late = stage.try_join(classroom(stage.classrooms[0]), "b", true);
    assert_eq!(late.map_err(|refusal| refusal.code), Err(ErrorCode::Ended));
}

#[test]
fn the_stage_has_a_bound_and_outlives_a_lost_line_but_not_a_left_seat() {
    let mut stage = Stage::new(LessonState::Live, super::super::STAGE_MAX + 1);
    let desk = stage.join(teacher(UserId::new()));
    let mut sockets = Vec::new();
    for id in stage.classrooms.clone() {
        sockets.push(stage.join(classroom(id)));
        let peer = stage.peer(&Seat::Classroom(id));
        let result = stage.act(desk, Action::Stage { peer, on: true });
        assert_eq!(result.is_err(), sockets.len() > super::super::STAGE_MAX);
    }
    stage.room.closed(stage.now, sockets[0], false);
    stage.room.closed(stage.now, sockets[1], true);
    stage.wait(time::Duration::seconds(10));
    assert!(
        stage
            .sees(desk, &seat(&stage, 1))
            .is_some_and(|peer| peer.on_stage),
        "a reload of the page"
    );
    stage.wait(time::Duration::seconds(30));
    assert!(
        stage
            .sees(desk, &seat(&stage, 0))
            .is_some_and(|peer| peer.on_stage)
    );
    assert!(
        stage
            .sees(desk, &seat(&stage, 1))
            .is_some_and(|peer| !peer.on_stage)
    );
}

#[test]
fn a_classroom_that_sees_the_lesson_late_cannot_come_on_stage_until_it_sees_it_live() {
    let (mut stage, desk, rooms) = full();
    let peer = stage.peer(&seat(&stage, 0));
    let report = |delayed_ms| ClientMessage::Report {
        report: Report {
            delayed_ms,
            ..Report::default()
        },
    };
    stage.say(rooms[0], report(Some(4_000)));
    let refused = stage.act(desk, Action::Stage { peer, on: true });
    assert_eq!(refused, Err(ErrorCode::Delayed));
    stage.say(rooms[0], report(None));
    stage.act(desk, Action::Stage { peer, on: true }).expect("done");
    // It is late again: it can be taken off.
    stage.say(rooms[0], report(Some(4_000)));
    stage.act(desk, Action::Stage { peer, on: false }).expect("done");
}
