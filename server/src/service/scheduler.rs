//! Opens lessons before they start and ends those a teacher forgot, by deadlines.

use protocol::signal::LessonState;
use time::OffsetDateTime;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::lessons::Lessons;
use super::{Result, Services};
use crate::store::{LessonFilter, LessonRow};

/// How long to wait before trying again when the store failed.
const AFTER_A_FAILURE: time::Duration = time::Duration::seconds(5);

/// What is due for a lesson, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Open,
    End,
}

/// The next thing the clock does to a lesson. Pure.
fn next_step(row: &LessonRow, lessons: &Lessons) -> Option<(OffsetDateTime, Due)> {
    match row.state {
        LessonState::Scheduled => Some((row.starts_at - lessons.open_before, Due::Open)),
        LessonState::Open | LessonState::Live => Some((row.ends_at + lessons.end_after, Due::End)),
        LessonState::Ended | LessonState::Archived | LessonState::Cancelled => None,
    }
}

/// Does what is due and returns when to look again, if ever by the timetable as it is.
///
/// # Errors
///
/// When the store fails.
pub async fn tick(lessons: &Lessons, now: OffsetDateTime) -> Result<Option<OffsetDateTime>> {
    let states = vec![LessonState::Scheduled, LessonState::Open, LessonState::Live];
    loop {
        let rows = lessons
            .list(&LessonFilter {
                states: Some(states.clone()),
                ..LessonFilter::default()
            })
            .await?;
        let mut next = None;
        let mut acted = false;
        for row in rows {
            let Some((at, due)) = next_step(&row, lessons) else {
                continue;
            };
            if at > now {
                next = Some(next.map_or(at, |next: OffsetDateTime| next.min(at)));
                continue;
            }
            acted |= match due {
                Due::Open => lessons.open(row.id, now).await?,
                Due::End => lessons.end(row.id, now).await?,
            };
        }
        if !acted {
            return Ok(next);
        }
    }
}

/// Keeps the timetable until `stop`.
pub async fn run(services: Services, stop: CancellationToken) {
    let mut changes = services.lessons.changes();
    loop {
        let now = services.clock.now();
        let next = match tick(&services.lessons, now).await {
            Ok(next) => next,
            Err(error) => {
                tracing::error!(%error, "the timetable could not be kept; trying again");
                Some(now + AFTER_A_FAILURE)
            }
        };
        let due = async {
            match next {
                Some(at) => services.clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = due => {}
            change = changes.recv() => {
                if matches!(change, Err(RecvError::Closed)) {
                    return;
                }
                // One look serves all that changed so far.
                changes = changes.resubscribe();
            }
        }
    }
}
