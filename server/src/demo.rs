//! `--demo`: a district with people, classrooms and lessons, and one lesson that is always on.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

use protocol::id::{CourseId, LessonId};
use protocol::signal::LessonState;
use time::{Duration, OffsetDateTime};

use crate::domain::event::{About, EventKind};
use crate::domain::lesson::over;
use crate::service::{Result, Services};
use crate::store::{LessonFilter, NewLesson, Store, us};

mod seed;

pub use seed::{ACCOUNTS, Seeded};

/// How long a demo lesson is in the timetable.
const LENGTH: Duration = Duration::hours(2);
const COURSE: &str = "demo_course";
const CURRENT: &str = "demo_lesson";

/// The lessons `demo` stands for.
#[derive(Debug)]
pub struct DemoLessons {
    store: Store,
    ids: RwLock<Ids>,
}

#[derive(Debug)]
struct Ids {
    /// Open or live now.
    current: LessonId,
    /// The last one that went live.
    taught: LessonId,
    all: HashSet<LessonId>,
}

impl DemoLessons {
    /// Those in the store; `None` when it has no demo.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn read(store: Store) -> Result<Option<Self>> {
        let Some(course) = store
            .setting(COURSE)
            .await?
            .and_then(|id| id.parse::<CourseId>().ok())
        else {
            return Ok(None);
        };
        let Some(current) = store.setting(CURRENT).await?.and_then(|id| id.parse().ok()) else {
            return Ok(None);
        };
        let rows = store
            .lessons(&LessonFilter {
                course: Some(course),
                ..LessonFilter::default()
            })
            .await?;
        let taught = rows
            .iter()
            .filter(|row| row.live_since.is_some())
            .max_by_key(|row| row.live_since)
            .map_or(current, |row| row.id);
        let all = rows.iter().map(|row| row.id).collect();
        Ok(Some(Self {
            store,
            ids: RwLock::new(Ids { current, taught, all }),
        }))
    }

    /// The one that is on.
    #[must_use]
    pub fn current(&self) -> LessonId {
        self.ids.read().unwrap_or_else(PoisonError::into_inner).current
    }

    /// The last one that went live, which is what there is to replay.
    #[must_use]
    pub fn taught(&self) -> LessonId {
        self.ids.read().unwrap_or_else(PoisonError::into_inner).taught
    }

    /// Whether a lesson is, or was, the demo lesson.
    #[must_use]
    pub fn has(&self, lesson: LessonId) -> bool {
        self.ids
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .all
            .contains(&lesson)
    }

    /// A lesson moved on: when it was the demo lesson and is over, there is a next one at once.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn moved(&self, lesson: LessonId, state: LessonState, now: OffsetDateTime) -> Result<()> {
        if state == LessonState::Live && self.has(lesson) {
            self.ids.write().unwrap_or_else(PoisonError::into_inner).taught = lesson;
        }
        if lesson != self.current() || !over(state) {
            return Ok(());
        }
        let Some(before) = self.store.lesson(lesson).await? else {
            return Ok(());
        };
        let next = add_on_now(
            &self.store,
            &NewLesson {
                course: before.course,
                teacher: before.teacher,
                title: before.title,
                starts_at: now,
                ends_at: now + LENGTH,
                classrooms: before.classrooms,
            },
            now,
        )
        .await?;
        let mut ids = self.ids.write().unwrap_or_else(PoisonError::into_inner);
        ids.all.insert(next);
        ids.current = next;
        Ok(())
    }
}

/// Adds a demo lesson that is open.
async fn add_on_now(store: &Store, new: &NewLesson, now: OffsetDateTime) -> Result<LessonId> {
    let id = store.add_lesson(new).await?;
    store
        .move_lesson(id, LessonState::Scheduled, LessonState::Open, now)
        .await?;
    store
        .log_event(us(now), EventKind::LessonOpened, Some(id), About::default())
        .await?;
    store.set_setting(CURRENT, &id.to_string()).await?;
    Ok(id)
}

/// Makes what is missing of the demo and lets `demo` stand for its lesson.
///
/// # Errors
///
/// When the store fails.
pub async fn start(services: &Services) -> Result<Seeded> {
    let now = services.clock.now();
    seed::district(services, now).await?;
    seed::timetable(services, now).await?;
    let demo = DemoLessons::read(services.store.clone())
        .await?
        .ok_or(crate::service::Error::Internal("the demo was not made"))?;
    let demo = Arc::new(demo);
    services.tokens.attach_demo(demo.clone());
    services.lessons.attach_demo(demo.clone());
    let row = services.lessons.get(demo.current()).await?;
    if over(row.state) {
        demo.moved(row.id, row.state, now).await?;
    } else if row.state != LessonState::Live && row.ends_at <= now {
        services.lessons.end(row.id, now).await?;
    }
    let codes = seed::pairing_codes(services, demo.current(), now).await?;
    Ok(Seeded {
        lesson: demo.current(),
        codes,
    })
}
