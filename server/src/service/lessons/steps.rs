//! The steps of a lesson's life.

use protocol::id::LessonId;
use protocol::signal::{self, LessonState};
use time::OffsetDateTime;

use super::Lessons;
use crate::domain::event::{About, EventKind};
use crate::domain::lesson::{Step, transition};
use crate::service::access;
use crate::service::tokens::JoinClaims;
use crate::service::{Error, Result};

impl Lessons {
    /// Classrooms may join. Idempotent, like every step; `false` when nothing changed.
    ///
    /// # Errors
    ///
    /// [`Error::Step`] when the lesson's state does not allow it.
    pub async fn open(&self, id: LessonId, now: OffsetDateTime) -> Result<bool> {
        self.step(id, Step::Open, About::default(), now).await
    }

    /// The lesson is live from `now`.
    ///
    /// # Errors
    ///
    /// As [`Lessons::open`].
    pub async fn start(&self, id: LessonId, now: OffsetDateTime) -> Result<bool> {
        self.step(id, Step::Start, About::default(), now).await
    }

    /// The lesson is over; the rooms are told.
    ///
    /// # Errors
    ///
    /// As [`Lessons::open`].
    pub async fn end(&self, id: LessonId, now: OffsetDateTime) -> Result<bool> {
        self.step(id, Step::End, About::default(), now).await
    }

    /// The lesson's teacher ends it.
    ///
    /// # Errors
    ///
    /// As [`Lessons::open`], and when it is not this person's.
    pub async fn end_by(
        &self,
        person: &crate::store::UserRow,
        id: LessonId,
        now: OffsetDateTime,
    ) -> Result<()> {
        let row = self.get(id).await?;
        access::may_end(person, &row)?;
        self.step(id, Step::End, person.id.into(), now).await?;
        Ok(())
    }

    /// The bearer of a token ends the lesson: a teacher's token of that lesson.
    ///
    /// # Errors
    ///
    /// As [`Lessons::open`], and when the token is not for that.
    pub async fn end_by_token(&self, claims: &JoinClaims, id: LessonId, now: OffsetDateTime) -> Result<()> {
        if claims.lesson != id || claims.role != signal::Role::Teacher {
            return Err(Error::Forbidden("only a teacher's token of this lesson ends it"));
        }
        self.end(id, now).await?;
        Ok(())
    }

    /// Its recording is closed whole, or it has none.
    ///
    /// # Errors
    ///
    /// As [`Lessons::open`].
    pub async fn archive(&self, id: LessonId, now: OffsetDateTime) -> Result<bool> {
        self.step(id, Step::Archive, About::default(), now).await
    }

    /// The lesson will not take place; the rooms are told.
    ///
    /// # Errors
    ///
    /// As [`Lessons::open`].
    pub async fn cancel(&self, id: LessonId, now: OffsetDateTime) -> Result<bool> {
        self.step(id, Step::Cancel, About::default(), now).await
    }

    async fn step(&self, id: LessonId, step: Step, about: About, now: OffsetDateTime) -> Result<bool> {
        loop {
            let from = self.get(id).await?.state;
            let Some(to) = transition(from, step)? else {
                return Ok(false);
            };
            if !self.store.move_lesson(id, from, to, now).await? {
                // Somebody else moved it in between: look again.
                continue;
            }
            let kind = match step {
                Step::Open => EventKind::LessonOpened,
                Step::Start => EventKind::LessonLive,
                Step::End => EventKind::LessonEnded,
                Step::Archive => EventKind::LessonArchived,
                Step::Cancel => EventKind::LessonCancelled,
            };
            self.events.log(kind, Some(id), about, now).await?;
            tracing::info!(lesson = %id, state = crate::domain::lesson::state_word(to), "lesson moved on");
            self.moved(id, to, now).await?;
            return Ok(true);
        }
    }

    /// What follows from a lesson's new state.
    async fn moved(&self, id: LessonId, state: LessonState, now: OffsetDateTime) -> Result<()> {
        if let Some(demo) = self.demo.get() {
            demo.moved(id, state, now).await?;
        }
        if matches!(state, LessonState::Ended | LessonState::Cancelled)
            && let Some(rooms) = self.rooms()
        {
            rooms.end_lesson(id);
        }
        self.announce(id);
        Ok(())
    }
}
