//! A classroom comes on stage, goes off and comes on again: it is heard each time, in whatever order its microphone is negotiated,
//! begins to sound, and is subscribed to and answered by the teacher.

mod common;

use std::time::{Duration, Instant};

use common::{Client, Lesson, publishing};
use protocol::id::TrackId;
use protocol::media::{MediaKind, Source};
use rand::Rng as _;
use sfu::{MediaWish, PublishTrack, SessionOffer, WatchTrack};

/// How the control plane states wishes: one offer at a time, and what changed meanwhile after its answer.
struct Line {
    client: usize,
    wish: MediaWish,
    stated: MediaWish,
    fresh: bool,
    /// An offer on its way, answered at this time.
    offered: Option<(Instant, SessionOffer)>,
}

impl Line {
    fn new(lesson: &mut Lesson, wish: MediaWish) -> Self {
        Self {
            client: lesson.client(),
            wish,
            stated: MediaWish::default(),
            fresh: true,
            offered: None,
        }
    }

    fn drive(&mut self, lesson: &mut Lesson) {
        let (now, peer) = (lesson.now, lesson.clients[self.client].peer);
        if let Some((_, offer)) = self.offered.take_if(|(at, _)| *at <= now) {
            let answer = lesson.accept(self.client, &offer);
            lesson
                .core
                .answer(now, peer, offer.negotiation, &answer)
                .expect("the answer fits");
        }
        if self.offered.is_none() && (self.fresh || self.wish != self.stated) {
            let offer = lesson
                .core
                .negotiate(now, lesson.room, peer, &self.wish, self.fresh)
                .expect("an offer");
            (self.fresh, self.stated) = (false, self.wish.clone());
            let delay = Duration::from_millis(lesson.rng.random_range(1..700));
            self.offered = offer.map(|offer| (now + delay, offer));
        }
    }
}

fn watch(track: TrackId, kind: MediaKind) -> WatchTrack {
    WatchTrack {
        track,
        kind,
        height: 0,
        priority: 100,
    }
}

/// Lets so many random milliseconds pass.
fn pass(lesson: &mut Lesson, lines: &mut [Line], most_ms: u64) {
    let end = lesson.now + Duration::from_millis(lesson.rng.random_range(0..most_ms));
    while lesson.now < end {
        for line in &mut *lines {
            line.drive(lesson);
        }
        lesson.run(Duration::from_millis(5));
    }
}

/// What happens when a classroom comes on stage; the order is drawn.
#[derive(Clone, Copy)]
enum Step {
    /// The classroom has its microphone.
    Publish,
    /// The microphone is opened.
    Sound,
    /// The teacher wants to hear it.
    Subscribe,
}

fn stage(seed: u64, threads: usize) {
    let mut lesson = Lesson::new(seed, threads);
    let (camera, microphone) = (TrackId::new(), TrackId::new());
    let (guest_camera, guest_microphone) = (TrackId::new(), TrackId::new());
    let mut teaches = publishing(camera, microphone);
    teaches.watch = vec![watch(guest_camera, MediaKind::Video)];
    let without = MediaWish {
        decodes: 0,
        publish: vec![PublishTrack {
            track: guest_camera,
            source: Source::Camera,
            simulcast: false,
        }],
        watch: vec![
            watch(microphone, MediaKind::Audio),
            watch(camera, MediaKind::Video),
        ],
    };
    let mut with = publishing(guest_camera, guest_microphone);
    with.watch.clone_from(&without.watch);
    let mut lines = [
        Line::new(&mut lesson, teaches.clone()),
        Line::new(&mut lesson, without),
    ];
    let (teacher, guest) = (lines[0].client, lines[1].client);
    lesson.teaching = vec![teacher, guest];
    lesson.silent = vec![guest];

    let mut steps = vec![Step::Publish, Step::Sound, Step::Subscribe];
    for round in 0..3 {
        lesson.clients[teacher].line.loss_down = 20;
        lesson.clients[guest].line.loss_up = 20;
        while !steps.is_empty() {
            pass(&mut lesson, &mut lines, 900);
            match steps.remove(lesson.rng.random_range(0..steps.len())) {
                Step::Publish => lines[1].wish.clone_from(&with),
                Step::Sound => lesson.silent.clear(),
                Step::Subscribe => lines[0]
                    .wish
                    .watch
                    .push(watch(guest_microphone, MediaKind::Audio)),
            }
        }
        // Answers come within 0.7 s each, and two may be waiting.
        let settled = lesson.now + Duration::from_secs(3);
        while lesson.now < settled {
            pass(&mut lesson, &mut lines, 100);
        }
        lesson.clients[teacher].line.loss_down = 0;
        lesson.clients[guest].line.loss_up = 0;
        lesson.run(Duration::from_millis(500));
        lesson.forget();
        lesson.run(Duration::from_secs(1));
        let Client { heard, announced, .. } = &lesson.clients[teacher];
        assert!(
            heard.len() >= 45,
            "seed {seed}, {threads} threads, round {round}: {} packets of sound",
            heard.len()
        );
        assert!(heard.iter().all(|(ssrc, _)| announced.contains(ssrc)));
        assert!(heard.windows(2).all(|pair| pair[0].1 < pair[1].1));
        // Off the stage: both ends at once, or one after the other.
        lines[0].wish = teaches.clone();
        pass(&mut lesson, &mut lines, 1_500);
        lesson.silent = vec![guest];
        pass(&mut lesson, &mut lines, 4_000);
        steps = vec![Step::Sound, Step::Subscribe];
    }
}

#[test]
fn a_classroom_on_stage_is_heard_in_whatever_order_it_comes_about() {
    for seed in 0..24 {
        stage(seed, 1 + usize::try_from(seed % 3).expect("small"));
    }
}
