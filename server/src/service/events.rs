//! The event log: one ordered, replayable row per outward event.

use protocol::api::Chapter;
use protocol::id::LessonId;
use time::OffsetDateTime;

use super::Result;
use crate::domain::event::{About, EventKind};
use crate::store::{LoggedEvent, Store, us};

/// Writes and reads the log; cloning it is cheap.
#[derive(Clone, Debug)]
pub struct Events {
    store: Store,
}

impl Events {
    /// Over the store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Adds to the log; returns the event's number.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn log(
        &self,
        kind: EventKind,
        lesson: Option<LessonId>,
        about: impl Into<About>,
        now: OffsetDateTime,
    ) -> Result<i64> {
        Ok(self.store.log_event(us(now), kind, lesson, about.into()).await?)
    }

    /// What happened in a lesson, in order.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn of_lesson(&self, lesson: LessonId) -> Result<Vec<LoggedEvent>> {
        Ok(self.store.events_of(lesson).await?)
    }

    /// The chapters of a replay whose class time begins at `epoch_us` (Unix time in µs). What happened before the first
    /// recorded picture is at its start.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn chapters(&self, lesson: LessonId, epoch_us: u64) -> Result<Vec<Chapter>> {
        let events = self.store.events_of(lesson).await?;
        let places = self.store.places().await?;
        let mut chapters: Vec<Chapter> = events
            .into_iter()
            .filter_map(|event| {
                let since = u64::try_from(event.at_us).unwrap_or(0).saturating_sub(epoch_us);
                Some(Chapter {
                    at_ms: since / 1_000,
                    kind: event.kind.chapter()?,
                    classroom: event
                        .about
                        .classroom
                        .and_then(|id| places.classroom_body(id))
                        .map(|classroom| format!("{} {}", classroom.name, classroom.school.name)),
                })
            })
            .collect();
        chapters.sort_by_key(|chapter| chapter.at_ms);
        Ok(chapters)
    }
}
