//! What a room writes to the store, in order and beside it: a slow disk must not hold up a lesson.

use protocol::id::LessonId;
use protocol::signal::Recording;
use time::OffsetDateTime;
use tokio::sync::mpsc;

use crate::domain::event::{About, EventKind};
use crate::service::Services;

/// Writes that wait.
pub(super) const QUEUE: usize = 1_024;
/// A lesson that could not be archived is tried again after this.
const AGAIN: std::time::Duration = std::time::Duration::from_secs(5);

/// Something to write.
pub(super) enum Write {
    Event(EventKind, About, OffsetDateTime),
    Note { epoch_us: u64, recording: Recording },
    Archive,
}

/// Writes until the room is gone and everything is written.
pub(super) async fn run(services: Services, lesson: LessonId, mut queue: mpsc::Receiver<Write>) {
    while let Some(write) = queue.recv().await {
        let result = match write {
            Write::Event(kind, about, at) => services
                .events
                .log(kind, Some(lesson), about, at)
                .await
                .map(|_| ()),
            Write::Note { epoch_us, recording } => services.library.note(lesson, epoch_us, recording).await,
            Write::Archive => archive(&services, lesson).await,
        };
        if let Err(error) = result {
            tracing::error!(%lesson, %error, "the room could not write to the store");
        }
    }
}

async fn archive(services: &Services, lesson: LessonId) -> crate::service::Result<()> {
    for _ in 0..10 {
        match services.lessons.archive(lesson, services.clock.now()).await {
            Err(crate::service::Error::Store(error)) => {
                tracing::error!(%lesson, %error, "the lesson could not be archived; trying again");
                tokio::time::sleep(AGAIN).await;
            }
            other => return other.map(|_| ()),
        }
    }
    Ok(())
}
