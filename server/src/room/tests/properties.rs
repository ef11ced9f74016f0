//! Whatever happens in whatever order, a client that applies changes has what a fresh snapshot would say.

use super::*;
use proptest::prelude::*;
use protocol::media::Codec;
use protocol::signal::Report;
use sfu::Event;

const CLASSROOMS: usize = 4;

#[derive(Clone, Copy, Debug)]
enum Step {
    Join(usize),
    Close(usize, bool),
    Stage(usize, bool),
    Hand(usize, bool),
    Silence(usize, bool),
    Help(usize, bool),
    Report(usize, u8),
    Mute(usize, bool),
    Restart(usize),
    Answer(usize),
    Flow(usize, bool),
    Line(usize, u8),
    Start,
    Whip(bool),
    Prompt(bool),
    Wait(u32),
}

fn step() -> impl Strategy<Value = Step> {
    let seat = 0..CLASSROOMS + 2;
    prop_oneof![
        4 => seat.clone().prop_map(Step::Join),
        2 => (seat.clone(), any::<bool>()).prop_map(|(seat, clean)| Step::Close(seat, clean)),
        2 => (seat.clone(), any::<bool>()).prop_map(|(seat, on)| Step::Stage(seat, on)),
        2 => (seat.clone(), any::<bool>()).prop_map(|(seat, on)| Step::Hand(seat, on)),
        1 => (seat.clone(), any::<bool>()).prop_map(|(seat, on)| Step::Silence(seat, on)),
        1 => (seat.clone(), any::<bool>()).prop_map(|(seat, on)| Step::Help(seat, on)),
        1 => (seat.clone(), any::<u8>()).prop_map(|(seat, level)| Step::Report(seat, level)),
        1 => (seat.clone(), any::<bool>()).prop_map(|(seat, on)| Step::Mute(seat, on)),
        1 => seat.clone().prop_map(Step::Restart),
        3 => seat.clone().prop_map(Step::Answer),
        1 => (seat.clone(), any::<bool>()).prop_map(|(seat, on)| Step::Flow(seat, on)),
        1 => (seat, 0..3_u8).prop_map(|(seat, what)| Step::Line(seat, what)),
        1 => Just(Step::Start),
        1 => any::<bool>().prop_map(Step::Whip),
        1 => any::<bool>().prop_map(Step::Prompt),
        3 => (0..40_000_u32).prop_map(Step::Wait),
    ]
}

struct Play {
    stage: Stage,
    user: UserId,
    eye: UserId,
    sockets: HashMap<usize, SocketId>,
    whip: Option<PeerId>,
}

impl Play {
    fn who(&self, seat: usize) -> Candidate {
        match seat {
            0 => teacher(self.user),
            1 => observer(self.eye),
            n => classroom(self.stage.classrooms[n - 2]),
        }
    }

    fn act(&mut self, by: usize, action: Action) {
        if let Some(socket) = self.sockets.get(&by).copied() {
            self.stage.say(socket, ClientMessage::Act { id: 1, action });
        }
    }

    fn take(&mut self, step: Step) {
        let peer = |play: &Self, seat| play.stage.peer(&play.who(seat).seat);
        match step {
            Step::Join(seat) => {
                let socket = self.stage.try_join(self.who(seat), "a", true).expect("a seat");
                self.sockets.insert(seat, socket);
            }
            Step::Close(seat, clean) => {
                if let Some(socket) = self.sockets.remove(&seat) {
                    self.stage.room.closed(self.stage.now, socket, clean);
                }
            }
            Step::Stage(seat, on) => self.act(
                0,
                Action::Stage {
                    peer: peer(self, seat),
                    on,
                },
            ),
            Step::Hand(seat, up) => self.act(seat, Action::Hand { up, peer: None }),
            Step::Silence(seat, on) => self.act(
                0,
                Action::Silence {
                    peer: peer(self, seat),
                    on,
                },
            ),
            Step::Help(seat, wanted) => self.act(seat, Action::Help { wanted }),
            Step::Report(seat, level) => {
                let report = Report {
                    microphone_level: level,
                    ..Report::default()
                };
                self.say(seat, ClientMessage::Report { report });
            }
            Step::Mute(seat, muted) => {
                let mut wish = wish(self.who(seat).role);
                wish.publish.iter_mut().for_each(|publish| publish.muted = muted);
                self.say(seat, ClientMessage::Wish { wish });
            }
            Step::Restart(seat) => self.say(seat, ClientMessage::Restart {}),
            Step::Answer(seat) => {
                if let Some(socket) = self.sockets.get(&seat).copied() {
                    self.stage.answer(socket);
                }
            }
            Step::Flow(seat, on) => {
                let peer = peer(self, seat);
                let track = crate::room::ids::track_id(peer, Source::Camera);
                let event = if on {
                    Event::TrackFlowing {
                        peer,
                        track,
                        codec: Codec::H264,
                    }
                } else {
                    Event::TrackStalled { peer, track }
                };
                self.stage.room.event(self.stage.now, &event);
            }
            Step::Line(seat, what) => {
                let peer = peer(self, seat);
                let event = match what {
                    0 => Event::PeerConnected { peer },
                    1 => Event::PeerLost { peer },
                    _ => Event::PeerClosed {
                        peer,
                        reason: String::new(),
                    },
                };
                self.stage.room.event(self.stage.now, &event);
            }
            Step::Start => self.act(0, Action::Start {}),
            Step::Whip(on) => self.whip(on),
            Step::Prompt(prompt) => self.prompt(prompt),
            Step::Wait(ms) => self.stage.wait(time::Duration::milliseconds(i64::from(ms))),
        }
        self.stage.run();
    }

    fn whip(&mut self, on: bool) {
        if on {
            let sections = crate::room::tools::Sections { audio: 1, video: 1 };
            if let Ok(plan) = self.stage.room.whip_begin(self.stage.now, sections) {
                self.whip = Some(plan.peer);
            }
        } else if let Some(peer) = self.whip.take() {
            self.stage.room.tool_ended(self.stage.now, peer);
        }
    }

    /// An engine that was slow answers all it was asked.
    fn prompt(&mut self, prompt: bool) {
        self.stage.prompt = prompt;
        if prompt {
            for (peer, ..) in std::mem::take(&mut self.stage.asked) {
                self.stage.room.negotiated(self.stage.now, peer, Ok(None));
                self.stage.run();
            }
        }
    }

    fn say(&mut self, seat: usize, message: ClientMessage) {
        if let Some(socket) = self.sockets.get(&seat).copied() {
            self.stage.say(socket, message);
        }
    }

    fn check(&mut self) {
        self.prompt(true);
        // A restart that was asked for twice is held back a moment.
        self.stage.wait(time::Duration::seconds(3));
        // Each answers what it is offered, and what is offered after that.
        for _ in 0..20 {
            for socket in self.sockets.values() {
                self.stage.answer(*socket);
            }
            let second = time::Duration::seconds(1);
            self.stage.wait(second);
            // A tool may be given up at this very moment: what follows from it is still to come.
            let room = &self.stage.room;
            let due = room
                .next_deadline()
                .is_some_and(|at| at <= self.stage.now + second);
            if !due && room.members.values().all(|member| member.media.offered.is_none()) {
                break;
            }
        }
        for (seat, socket) in &self.sockets {
            let peer = self.stage.peer(&self.who(*seat).seat);
            let fresh = self.stage.room.snapshot(peer).expect("a member");
            assert_eq!(self.stage.snapshots.get(socket), Some(&fresh), "seat {seat}");
            if !crate::domain::lesson::over(fresh.lesson.state) {
                let wish = self.stage.room.desired(peer);
                let media = &self.stage.room.members[&peer].media;
                assert_eq!(
                    media.stated, wish,
                    "seat {seat}: what was agreed is what is wished"
                );
                assert!(media.op.is_none() && media.offered.is_none(), "seat {seat}");
            }
            let hands: std::collections::BTreeSet<_> =
                fresh.peers.iter().filter_map(|peer| peer.hand).collect();
            assert_eq!(
                hands.len(),
                fresh.peers.iter().filter(|peer| peer.hand.is_some()).count()
            );
            if self.who(*seat).role == Role::Classroom {
                let strangers = fresh
                    .peers
                    .iter()
                    .filter(|other| other.id != peer && other.role == Role::Classroom && !other.on_stage);
                assert_eq!(
                    strangers.count(),
                    0,
                    "a classroom sees no classroom that is not on stage"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changes_lead_to_what_a_snapshot_says(steps in proptest::collection::vec(step(), 1..80)) {
        let stage = Stage::new(LessonState::Open, CLASSROOMS);
        let mut play = Play { stage, user: UserId::new(), eye: UserId::new(), sockets: HashMap::new(), whip: None };
        for step in steps {
            play.take(step);
        }
        play.check();
    }
}
