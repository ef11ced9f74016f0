//! What the use cases ask of the rooms.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering;

use protocol::id::{LessonId, TerminalId};
use protocol::signal::Recording;
use tokio::time::Instant;

use super::{Command, Rooms, lock, sessions};

impl crate::service::Rooms for Rooms {
    fn end_lesson(&self, lesson: LessonId) {
        self.tell_soon(lesson, Command::Reload);
    }

    fn live_recording(&self, lesson: LessonId) -> Option<Recording> {
        *lock(&self.find(lesson)?.recording)
    }

    fn terminal_revoked(&self, terminal: TerminalId) {
        let lessons: Vec<_> = lock(&self.inner.rooms).keys().copied().collect();
        for lesson in lessons {
            self.tell_soon(lesson, Command::Revoked(terminal));
        }
    }

    fn shutdown(&self, deadline: Instant) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            self.inner.stopping.store(true, Ordering::Relaxed);
            let handles: Vec<_> = lock(&self.inner.rooms).values().cloned().collect();
            for handle in handles {
                let _ = handle.commands.send(Command::Shutdown).await;
            }
            self.inner.tasks.close();
            if tokio::time::timeout_at(deadline, self.inner.tasks.wait())
                .await
                .is_err()
            {
                tracing::warn!("rooms did not stop in time");
            }
            let _ = tokio::time::timeout_at(deadline, self.inner.engine.stop()).await;
        })
    }

    fn metrics_text(&self) -> String {
        for kind in [sessions::Kind::Whip, sessions::Kind::Whep] {
            self.inner
                .metrics
                .tools
                .with_label_values(&[kind.word()])
                .set(self.inner.sessions.count(kind));
        }
        let mut text = self.inner.metrics.text();
        text.push_str(&self.inner.engine.metrics_text());
        text
    }

    fn ready(&self) -> bool {
        !self.is_stopping()
    }
}
