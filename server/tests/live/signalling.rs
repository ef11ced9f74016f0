//! What happens on `/signal`.

use protocol::id::{ClassroomId, LessonId, TerminalId, UserId};
use protocol::signal::{Action, ClientMessage, ErrorCode, LessonState, Presence, Role, ServerMessage, Wish};
use server::service::tokens::Seat;

use crate::server_under_test::{Data, Server, publishes};

#[tokio::test]
async fn a_welcome_carries_the_offer_and_changes_follow() {
    let data = Data::new();
    let server = Server::start(&data).await;
    let mut desk = server.socket().await;
    desk.hello(server.teacher(), publishes()).await;
    let Some(ServerMessage::Welcome {
        offer: Some(offer),
        role: Role::Teacher,
        room,
        ..
    }) = desk.next().await
    else {
        panic!("a welcome with an offer");
    };
    assert!(offer.fresh && offer.sdp.contains("a=ice-lite") && offer.sections.len() == 2);
    assert_eq!(room.lesson.state, LessonState::Open);
    assert_eq!(
        room.peers.len(),
        1 + server.classrooms().await.len(),
        "the teacher sees who is expected"
    );
    let classroom = server.classrooms().await[0];
    let pupil = server.join(server.classroom(classroom), Wish::default()).await;
    let joined = |message: &ServerMessage| match message {
        ServerMessage::Change { change, .. } => change
            .peers
            .iter()
            .any(|peer| peer.classroom == Some(classroom) && peer.presence == Presence::Present),
        _ => false,
    };
    desk.until("the classroom", joined).await;
    pupil.close().await;
    let left = |message: &ServerMessage| match message {
        ServerMessage::Change { change, .. } => {
            change.peers.iter().any(|peer| peer.presence == Presence::Left)
        }
        _ => false,
    };
    desk.until("its leaving", left).await;
    server.stop().await;
}

#[tokio::test]
async fn a_welcome_tells_of_the_relay_where_there_is_one() {
    let data = Data::new();
    let server = Server::start(&data).await;
    server.services.relay.open(8443);
    let mut desk = server.socket().await;
    desk.hello(server.teacher(), publishes()).await;
    let Some(ServerMessage::Welcome {
        peer, ice_servers, ..
    }) = desk.next().await
    else {
        panic!("a welcome");
    };
    assert_eq!(ice_servers[0].urls, ["turns:127.0.0.1:8443?transport=tcp"]);
    assert!(ice_servers[0].username.ends_with(&format!(":{peer}")));
    server.stop().await;
}

#[tokio::test]
async fn what_is_no_good_hello_is_refused_with_a_code() {
    let data = Data::new();
    let server = Server::start(&data).await;
    let classroom = ClassroomId::new();
    let seat = || Seat::Terminal {
        terminal: TerminalId(classroom.0),
        classroom,
    };
    let hello = |version: u32, token: &str| {
        format!(
            r#"{{"type":"hello","version":{version},"token":"{token}","instance":"a","wish":{{"publish":[],"watch":[]}}}}"#
        )
    };
    let minutes = time::Duration::minutes;
    let expired = server.token_for(server.lesson, Role::Classroom, seat(), minutes(-1));
    let nowhere = server.token_for(LessonId::new(), Role::Classroom, seat(), minutes(1));
    let good = server.token(Role::Classroom, seat());
    let table = [
        ("💥".to_owned(), ErrorCode::Malformed),
        (r#"{"type":"ping","id":1}"#.to_owned(), ErrorCode::Malformed),
        (
            r#"{"type":"hello","version":2,"something":"else"}"#.to_owned(),
            ErrorCode::Version,
        ),
        (hello(2, &good), ErrorCode::Version),
        (hello(1, "a.b.c"), ErrorCode::TokenInvalid),
        (hello(1, &expired), ErrorCode::TokenExpired),
        (hello(1, &nowhere), ErrorCode::NoLesson),
        (
            hello(1, &good).replace(r#""instance":"a""#, r#""instance":"""#),
            ErrorCode::Malformed,
        ),
    ];
    for (text, expected) in table {
        let mut client = server.socket().await;
        client.say_text(&text).await;
        assert_eq!(client.refused().await, Some(expected), "{text}");
    }
    server.services.tokens.set_revoked([TerminalId(classroom.0)]);
    let mut client = server.socket().await;
    client.say_text(&hello(1, &good)).await;
    assert_eq!(client.refused().await, Some(ErrorCode::Revoked));
    server.stop().await;
}

#[tokio::test]
async fn trouble_is_told_and_a_flood_is_closed() {
    let data = Data::new();
    let server = Server::start(&data).await;
    let mut desk = server.join(server.teacher(), publishes()).await;
    desk.say_text("{").await;
    let malformed = |message: &ServerMessage| {
        matches!(
            message,
            ServerMessage::Error {
                code: ErrorCode::Malformed,
                fatal: false,
                ..
            }
        )
    };
    desk.until("an error", malformed).await;
    desk.say(&ClientMessage::Ping { id: 3 }).await;
    desk.until("a pong", |message| *message == ServerMessage::Pong { id: 3 })
        .await;
    let Some(negotiation) = desk.room.as_ref().map(|_| 1) else {
        panic!("welcomed")
    };
    desk.say(&ClientMessage::Answer {
        negotiation,
        sdp: "not an answer".to_owned(),
    })
    .await;
    desk.until("an error", |message| {
        matches!(
            message,
            ServerMessage::Error {
                code: ErrorCode::Sdp,
                ..
            }
        )
    })
    .await;
    for id in 0..400 {
        desk.say(&ClientMessage::Ping { id }).await;
    }
    assert_eq!(desk.refused().await, Some(ErrorCode::TooFast));
    server.stop().await;
}

#[tokio::test]
async fn a_second_tab_takes_the_seat_and_another_teacher_does_not() {
    let data = Data::new();
    let server = Server::start(&data).await;
    let mut first = server.join(server.teacher(), publishes()).await;
    let other = server.token(Role::Teacher, Seat::User(UserId::new()));
    let mut stranger = server.socket().await;
    stranger.hello(other, publishes()).await;
    assert_eq!(stranger.refused().await, Some(ErrorCode::TeacherPresent));
    let mut second = server.socket().await;
    let hello = ClientMessage::Hello {
        version: 1,
        token: server.teacher(),
        instance: "another tab".to_owned(),
        take_over: true,
        revision: 0,
        wish: publishes(),
    };
    second.say(&hello).await;
    second
        .until("a welcome", |message| {
            matches!(message, ServerMessage::Welcome { epoch: 2, .. })
        })
        .await;
    assert_eq!(first.refused().await, Some(ErrorCode::SeatTaken));
    server.stop().await;
}

#[tokio::test]
async fn forty_join_at_once() {
    let data = Data::new();
    let server = Server::start(&data).await;
    let mut desk = server.join(server.teacher(), publishes()).await;
    let mut pupils = Vec::new();
    for _ in 0..40 {
        // A program's token: each instance of it has a seat of its own.
        let tool = Seat::Tool(uuid::Uuid::now_v7().to_string());
        let mut pupil = server.socket().await;
        pupil
            .hello(server.token(Role::Classroom, tool), publishes())
            .await;
        pupils.push(pupil);
    }
    for pupil in &mut pupils {
        pupil
            .until("a welcome", |message| {
                matches!(message, ServerMessage::Welcome { .. })
            })
            .await;
    }
    let here = |desk: &crate::server_under_test::Client| {
        let peers = &desk.room.as_ref().expect("welcomed").peers;
        peers
            .iter()
            .filter(|peer| peer.role == Role::Classroom && peer.presence != Presence::Expected)
            .count()
    };
    while here(&desk) < 40 {
        desk.next().await.expect("they come");
    }
    assert!(desk.act(Action::End {}).await.is_ok());
    for pupil in &mut pupils {
        let ended = |message: &ServerMessage| match message {
            ServerMessage::Change { change, .. } => change
                .lesson
                .as_ref()
                .is_some_and(|lesson| lesson.state != LessonState::Open),
            _ => false,
        };
        pupil.until("the end", ended).await;
    }
    server.stop().await;
}

/// What comes of a line of events: the next event's name and data.
async fn event(response: &mut reqwest::Response, buffer: &mut String) -> (String, String) {
    loop {
        if let Some((block, rest)) = buffer.split_once("\n\n") {
            let field = |name: &str| {
                let of = |line: &str| line.strip_prefix(name).map(|value| value.trim().to_owned());
                block.lines().find_map(of).unwrap_or_default()
            };
            let found = (field("event:"), field("data:"));
            *buffer = rest.to_owned();
            if !found.1.is_empty() {
                return found;
            }
            continue;
        }
        let chunk = response
            .chunk()
            .await
            .expect("an answer")
            .expect("the line goes on");
        buffer.push_str(std::str::from_utf8(&chunk).expect("text"));
    }
}

#[tokio::test]
async fn where_no_websocket_passes_the_same_is_said_by_plain_requests() {
    let data = Data::new();
    let server = Server::start(&data).await;
    let mut desk = server.join(server.teacher(), publishes()).await;
    let classroom = server.classrooms().await[0];
    let http = reqwest::Client::new();
    let mut heard = http
        .get(server.url("/signal/events"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(heard.headers()["content-type"], "text/event-stream");
    let mut buffer = String::new();
    let (name, id) = event(&mut heard, &mut buffer).await;
    assert_eq!(name, "line");
    let line = server.url(&format!("/signal/events/{id}"));
    let hello = ClientMessage::Hello {
        version: protocol::signal::VERSION,
        token: server.classroom(classroom),
        instance: "tab".to_owned(),
        take_over: true,
        revision: 0,
        wish: Wish::default(),
    };
    let hand = ClientMessage::Act {
        id: 7,
        action: Action::Hand { up: true, peer: None },
    };
    let body = [&hello, &hand].map(|message| serde_json::to_string(message).expect("JSON"));
    let said = http
        .post(&line)
        .body(body.join("\n"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(said.status(), 204);
    let mut messages = Vec::new();
    while !messages
        .iter()
        .any(|message| matches!(message, ServerMessage::Done { id: 7 }))
    {
        let (_, text) = event(&mut heard, &mut buffer).await;
        messages.push(serde_json::from_str::<ServerMessage>(&text).expect("a message of the server"));
    }
    assert!(matches!(
        messages[0],
        ServerMessage::Welcome {
            role: Role::Classroom,
            ..
        }
    ));
    let raised = |message: &ServerMessage| match message {
        ServerMessage::Change { change, .. } => change
            .peers
            .iter()
            .any(|peer| peer.classroom == Some(classroom) && peer.hand == Some(1)),
        _ => false,
    };
    desk.until("the hand", raised).await;
    assert_eq!(http.delete(&line).send().await.expect("an answer").status(), 204);
    let left = |message: &ServerMessage| match message {
        ServerMessage::Change { change, .. } => {
            change.peers.iter().any(|peer| peer.presence == Presence::Left)
        }
        _ => false,
    };
    desk.until("its leaving", left).await;
    while heard.chunk().await.expect("an answer").is_some() {}
    let after = http.post(&line).body("{}").send().await.expect("an answer");
    assert_eq!(after.status(), 404, "the line is over");
    // A line whose hearing end breaks off is lost, not left.
    let heard = http.get(server.url("/signal/events")).send().await;
    drop(heard.expect("an answer"));
    server.stop().await;
}
