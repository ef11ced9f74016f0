//! The recording of a room's lesson: what its recorder says, and when it is started.

use protocol::signal::Recording;

use super::Actor;
use crate::domain::event::About;
use crate::media::recorder::{Job, News, Order, Recorder, epoch_us};
use crate::rooms::lock;
use crate::rooms::writer::Write;

/// What is known of a recording is stored at least so often while it grows.
const NOTE: time::Duration = time::Duration::seconds(15);

impl Actor {
    pub(super) fn hear(&mut self, news: News) {
        let now = self.now();
        match news {
            News::Lamp(recording) => {
                let state = self.recording.map(|before| before.state);
                self.show_lamp(Some(recording));
                self.room.recording_is(now, recording);
                if state != Some(recording.state) || now - self.noted_at >= NOTE {
                    self.note(recording);
                }
            }
            News::Log(kind) => self.write(Write::Event(kind, About::default(), now)),
            News::Over => {
                self.recorder = None;
                self.closed = !self.stopping;
                *lock(&self.handle.recording) = None;
            }
        }
    }

    fn note(&mut self, recording: Recording) {
        self.noted_at = self.now();
        if let Some(live_since) = self.room.lesson().live_since {
            self.write(Write::Note {
                epoch_us: epoch_us(live_since),
                recording,
            });
        }
    }

    pub(super) fn show_lamp(&mut self, recording: Option<Recording>) {
        let gauge = &self.rooms.metrics().recordings;
        let word = |recording: Recording| format!("{:?}", recording.state).to_lowercase();
        if let Some(before) = self.recording {
            gauge.with_label_values(&[&word(before)]).dec();
        }
        if let Some(after) = recording {
            gauge.with_label_values(&[&word(after)]).inc();
        }
        self.recording = recording;
        *lock(&self.handle.recording) = recording;
    }

    /// Starts the recorder if it does not run. After the end only what was begun before is closed.
    pub(super) fn record(&mut self, order: Order) {
        if self.recorder.is_some() {
            return;
        }
        let settings = self.rooms.inner().recorders.clone();
        let directory = settings.recordings.join(self.lesson.to_string());
        let begun = directory.join(protocol::journal::FILE).exists();
        let Some(live_since) = self
            .room
            .lesson()
            .live_since
            .filter(|_| order == Order::Run || begun)
        else {
            self.closed = true;
            return;
        };
        let job = Job {
            lesson: self.lesson,
            epoch_us: epoch_us(live_since),
            settings,
            engine: self.rooms.engine().clone(),
            clock: self.rooms.services().clock.clone(),
            metrics: self.rooms.metrics().clone(),
        };
        let recorder = Recorder::start(job, self.recorded.clone(), self.news.0.clone());
        recorder.order(order);
        self.recorder = Some(recorder);
    }
}
