//! Every signalling message as it is on the wire. docs/PROTOCOL.md shows the same; a change here is a change of the protocol.

use protocol::id::{ClassroomId, LessonId, PeerId, TrackId};
use protocol::media::{MediaKind, Source};
use protocol::signal::{
    Action, Change, ClientMessage, ErrorCode, IceServer, Lesson, LessonState, Offer, Peer, Presence,
    PublishWish, Recording, RecordingState, Report, Role, Room, Section, SectionUse, ServerMessage, Track,
    VERSION, WatchRule, Who, Wish,
};
use time::OffsetDateTime;
use uuid::Uuid;

fn uuid(last: u128) -> Uuid {
    Uuid::from_u128(0x0190_b6a5_5c00_7000_8000_0000_0000_0000 + last)
}

fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_790_000_000 + seconds).expect("a time")
}

fn teacher() -> PeerId {
    PeerId(uuid(1))
}

fn pupil() -> PeerId {
    PeerId(uuid(2))
}

fn wish() -> Wish {
    Wish {
        decodes: 720,
        publish: vec![
            PublishWish {
                source: Source::Camera,
                muted: false,
            },
            PublishWish {
                source: Source::Microphone,
                muted: true,
            },
        ],
        watch: vec![
            WatchRule {
                who: Who::Teacher,
                sources: vec![Source::Screen, Source::Document],
                height: 1080,
                priority: 200,
            },
            WatchRule {
                who: Who::Teacher,
                sources: Vec::new(),
                height: 360,
                priority: 150,
            },
            WatchRule {
                who: Who::Stage,
                sources: Vec::new(),
                height: 360,
                priority: 100,
            },
            WatchRule {
                who: Who::Peer(teacher()),
                sources: Vec::new(),
                height: 0,
                priority: 0,
            },
        ],
    }
}

fn lesson() -> Lesson {
    Lesson {
        id: LessonId(uuid(10)),
        state: LessonState::Live,
        title: "分数的初步认识".to_owned(),
        subject: "数学".to_owned(),
        grade: "三年级".to_owned(),
        teacher: "王老师".to_owned(),
        school: "实验小学".to_owned(),
        starts_at: at(0),
        ends_at: at(2_400),
        live_since: Some(at(12)),
    }
}

fn peer() -> Peer {
    Peer {
        id: pupil(),
        role: Role::Classroom,
        name: "三年级(2)班".to_owned(),
        school: "天山第六小学".to_owned(),
        classroom: Some(ClassroomId(uuid(20))),
        presence: Presence::Present,
        since: Some(at(30)),
        on_stage: true,
        silenced: false,
        hand: Some(1),
        help: false,
        report: report(),
        tracks: vec![Track {
            id: TrackId(uuid(30)),
            source: Source::Camera,
            muted: false,
            flowing: true,
        }],
    }
}

fn report() -> Report {
    Report {
        hears: Some(true),
        sees: Some(true),
        loss_permille: 4,
        rtt_ms: 38,
        frozen_ms: 120,
        microphone_level: 42,
        camera_works: Some(true),
        microphone_works: None,
        transport: Some(protocol::media::Transport::Udp),
        delayed_ms: None,
    }
}

fn offer() -> Offer {
    let receive = SectionUse::Receive {
        track: TrackId(uuid(30)),
        peer: pupil(),
        source: Source::Camera,
    };
    Offer {
        negotiation: 7,
        fresh: true,
        sdp: "v=0\r\n…".to_owned(),
        sections: vec![
            Section {
                mid: "0".to_owned(),
                kind: MediaKind::Audio,
                use_: SectionUse::Send {
                    source: Source::Microphone,
                },
            },
            Section {
                mid: "1".to_owned(),
                kind: MediaKind::Video,
                use_: receive,
            },
        ],
    }
}

fn recording() -> Recording {
    Recording {
        state: RecordingState::Recording,
        bytes: 1_048_576,
        duration_ms: 9_000,
    }
}

fn actions() -> Vec<(&'static str, Action)> {
    vec![
        ("start", Action::Start {}),
        ("end", Action::End {}),
        (
            "stage",
            Action::Stage {
                peer: pupil(),
                on: true,
            },
        ),
        ("hand", Action::Hand { up: true, peer: None }),
        (
            "hand_of_another",
            Action::Hand {
                up: false,
                peer: Some(pupil()),
            },
        ),
        (
            "silence",
            Action::Silence {
                peer: pupil(),
                on: true,
            },
        ),
        ("help", Action::Help { wanted: true }),
        (
            "message",
            Action::Message {
                peer: None,
                text: "请大声一点".to_owned(),
            },
        ),
    ]
}

#[test]
fn messages_of_a_peer() {
    let hello = ClientMessage::Hello {
        version: VERSION,
        token: "eyJ…".to_owned(),
        instance: "5f2d".to_owned(),
        take_over: true,
        revision: 0,
        wish: wish(),
    };
    let messages = [
        ("hello", hello),
        ("wish", ClientMessage::Wish { wish: wish() }),
        (
            "answer",
            ClientMessage::Answer {
                negotiation: 7,
                sdp: "v=0\r\n…".to_owned(),
            },
        ),
        ("report", ClientMessage::Report { report: report() }),
        ("restart", ClientMessage::Restart {}),
        ("ping", ClientMessage::Ping { id: 3 }),
    ];
    let acts = actions()
        .into_iter()
        .map(|(name, action)| (name, ClientMessage::Act { id: 5, action }));
    for (name, message) in messages.into_iter().chain(acts) {
        insta::assert_json_snapshot!(format!("client_{name}"), message);
        let text = serde_json::to_string(&message).expect("JSON");
        assert_eq!(
            serde_json::from_str::<ClientMessage>(&text).expect("read back"),
            message
        );
    }
}

#[test]
fn messages_of_the_server() {
    let room = Room {
        revision: 4,
        lesson: lesson(),
        recording: recording(),
        peers: vec![peer()],
        observers: 2,
    };
    let welcome = ServerMessage::Welcome {
        epoch: 2,
        peer: teacher(),
        role: Role::Teacher,
        now: at(60),
        room,
        offer: Some(offer()),
        ice_servers: vec![IceServer {
            urls: vec!["turns:lessons.example.cn:443?transport=tcp".to_owned()],
            username: "1790000000:7f2c0e3a-8d0b-4f7e-9b43-3a4f1c2d5e6f".to_owned(),
            credential: "9c1185a5c5e9fc54612808977ee8f548".to_owned(),
        }],
    };
    let change = Change {
        lesson: Some(lesson()),
        recording: Some(recording()),
        peers: vec![peer()],
        gone: vec![teacher()],
        observers: Some(3),
    };
    let refused = ServerMessage::Error {
        id: Some(5),
        code: ErrorCode::Forbidden,
        message: "this role may not do that".to_owned(),
        fatal: false,
    };
    let fatal = ServerMessage::Error {
        id: None,
        code: ErrorCode::SeatTaken,
        message: "this seat was taken by another tab or program".to_owned(),
        fatal: true,
    };
    let messages = [
        ("welcome", welcome),
        ("change", ServerMessage::Change { revision: 5, change }),
        (
            "small_change",
            ServerMessage::Change {
                revision: 6,
                change: Change {
                    observers: Some(4),
                    ..Change::default()
                },
            },
        ),
        ("offer", ServerMessage::Offer { offer: offer() }),
        ("done", ServerMessage::Done { id: 5 }),
        ("refused", refused),
        ("fatal", fatal),
        ("line", ServerMessage::Line { sound_only: true }),
        (
            "layers",
            ServerMessage::Layers {
                source: Source::Camera,
                paused: vec!["h".to_owned()],
            },
        ),
        (
            "message",
            ServerMessage::Message {
                text: "请大声一点".to_owned(),
            },
        ),
        (
            "closing",
            ServerMessage::Closing {
                retry_after_ms: 1_000,
            },
        ),
        ("pong", ServerMessage::Pong { id: 3 }),
    ];
    for (name, message) in messages {
        insta::assert_json_snapshot!(format!("server_{name}"), message);
        let text = serde_json::to_string(&message).expect("JSON");
        assert_eq!(
            serde_json::from_str::<ServerMessage>(&text).expect("read back"),
            message
        );
    }
}

#[test]
fn what_a_client_may_leave_out_has_a_default() {
    let text = r#"{"type":"hello","version":1,"token":"t","instance":"i","wish":{"publish":[{"source":"camera"}],"watch":[{"who":"teacher"}]}}"#;
    let ClientMessage::Hello {
        take_over: false,
        revision: 0,
        wish,
        ..
    } = serde_json::from_str(text).expect("a hello")
    else {
        panic!("a hello");
    };
    assert!(!wish.publish[0].muted);
    assert_eq!(
        (
            wish.watch[0].height,
            wish.watch[0].priority,
            wish.watch[0].sources.len()
        ),
        (0, 0, 0)
    );
}
