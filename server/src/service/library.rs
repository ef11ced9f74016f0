//! Recordings: what is known of them, who finds which.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use protocol::api;
use protocol::id::LessonId;
use protocol::signal::{Recording, RecordingState};

use super::access::{self, Actor};
use super::events::Events;
use super::lessons::Lessons;
use super::{Error, Result};
use crate::store::{LessonFilter, RecordingRow, Store, UserRow};

/// Recordings on a page.
pub const PAGE_SIZE: u32 = 24;
/// Longest search text in characters.
const LONGEST_SEARCH: usize = 100;

/// How a list is sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// Latest first.
    #[default]
    Newest,
    /// Earliest first.
    Oldest,
    /// Longest first.
    Longest,
    /// By title.
    Title,
}

/// Which recordings are wanted.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Every word is in title, subject, grade, teacher or school.
    pub search: String,
    /// This subject.
    pub subject: Option<String>,
    /// This grade.
    pub grade: Option<String>,
    /// This teacher's.
    pub teacher: Option<String>,
    /// Of this school.
    pub school: Option<String>,
    /// Order.
    pub sort: Sort,
    /// From 1.
    pub page: u32,
}

/// Use cases of the library.
#[derive(Debug)]
pub struct Library {
    store: Store,
    events: Events,
    lessons: Arc<Lessons>,
}

impl Library {
    /// Over the store.
    #[must_use]
    pub fn new(store: Store, events: Events, lessons: Arc<Lessons>) -> Self {
        Self {
            store,
            events,
            lessons,
        }
    }

    /// Keeps what the recorder said of a lesson's recording; `epoch_us` is class time zero as Unix time in µs. Called when
    /// the state changes, and now and then while it is written.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn note(&self, lesson: LessonId, epoch_us: u64, recording: Recording) -> Result<()> {
        let before = self.store.recording(lesson).await?;
        self.store
            .set_recording(&RecordingRow {
                lesson,
                epoch_us,
                recording,
            })
            .await?;
        if before.is_none_or(|before| before.recording.state != recording.state) {
            self.lessons.announce(lesson);
        }
        Ok(())
    }

    /// What is known of a lesson's recording.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn get(&self, lesson: LessonId) -> Result<Option<RecordingRow>> {
        Ok(self.store.recording(lesson).await?)
    }

    /// One page of the recordings a person may see.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn list(&self, person: &UserRow, wanted: &Wanted) -> Result<api::Recordings> {
        if wanted.search.chars().count() > LONGEST_SEARCH {
            return Err(Error::Invalid {
                what: "search",
                allowed: "at most 100 characters",
            });
        }
        let seen = self.seen_by(&Actor::Person(person.clone())).await?;
        let facets = facets(&seen);
        let mut matching: Vec<_> = seen
            .into_iter()
            .filter(|summary| matches(summary, wanted))
            .collect();
        sort(&mut matching, wanted.sort);
        let total = matching.len() as u64;
        let page = wanted.page.max(1);
        let skip = usize::try_from(u64::from(page - 1) * u64::from(PAGE_SIZE)).unwrap_or(usize::MAX);
        let recordings = matching.into_iter().skip(skip).take(PAGE_SIZE as usize).collect();
        Ok(api::Recordings {
            recordings,
            total,
            page,
            page_size: PAGE_SIZE,
            facets,
        })
    }

    /// Every recording somebody may see that has something to show.
    async fn seen_by(&self, actor: &Actor) -> Result<Vec<api::RecordingSummary>> {
        let rows: HashMap<_, _> = self
            .store
            .recordings(None)
            .await?
            .into_iter()
            .map(|row| (row.lesson, self.current(row)))
            .filter(|(_, recording)| recording.bytes > 0)
            .collect();
        let places = self.store.places().await?;
        let ids = rows.keys().copied().collect();
        let mut lessons = self
            .lessons
            .list(&LessonFilter {
                ids: Some(ids),
                ..LessonFilter::default()
            })
            .await?;
        lessons.retain(|row| access::may_see(actor, row, &places));
        let lessons = self.lessons.bodies(lessons, &places).await?;
        Ok(lessons
            .into_iter()
            .filter_map(|lesson| rows.get(&lesson.id).map(|recording| summary(lesson, *recording)))
            .collect())
    }

    /// What the room knows goes before what was last written down. What was being written when the server died and is
    /// written no more counts as finished: what is there plays.
    fn current(&self, row: RecordingRow) -> Recording {
        self.lessons
            .rooms()
            .and_then(|rooms| rooms.live_recording(row.lesson))
            .unwrap_or(row.recording)
    }

    /// A recording somebody may see, with its class time zero.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when there is none, or not for these eyes.
    pub async fn find(&self, actor: &Actor, lesson: LessonId) -> Result<(api::RecordingSummary, u64)> {
        let body = self.lessons.get_for(actor, lesson).await?;
        let row = self
            .store
            .recording(lesson)
            .await?
            .ok_or(Error::NotFound("recording"))?;
        Ok((summary(body, self.current(row)), row.epoch_us))
    }

    /// What happened in a lesson, by class time.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn chapters(&self, lesson: LessonId, epoch_us: u64) -> Result<Vec<api::Chapter>> {
        self.events.chapters(lesson, epoch_us).await
    }
}

fn summary(lesson: api::Lesson, recording: Recording) -> api::RecordingSummary {
    let over = matches!(lesson.state, protocol::signal::LessonState::Archived);
    let state = if over && recording.state == RecordingState::Recording {
        RecordingState::Finished
    } else {
        recording.state
    };
    api::RecordingSummary {
        lesson,
        state,
        duration_ms: recording.duration_ms,
        bytes: recording.bytes,
        poster_url: None,
    }
}

fn facets(seen: &[api::RecordingSummary]) -> api::Facets {
    let values = |of: fn(&api::Lesson) -> &String| {
        seen.iter()
            .map(|summary| of(&summary.lesson).clone())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
    };
    api::Facets {
        subjects: values(|lesson| &lesson.subject),
        grades: values(|lesson| &lesson.grade),
        teachers: values(|lesson| &lesson.teacher),
        schools: values(|lesson| &lesson.school.name),
    }
}

fn matches(summary: &api::RecordingSummary, wanted: &Wanted) -> bool {
    let lesson = &summary.lesson;
    let is = |wanted: &Option<String>, value: &String| wanted.as_ref().is_none_or(|wanted| wanted == value);
    let text = [
        &lesson.title,
        &lesson.subject,
        &lesson.grade,
        &lesson.teacher,
        &lesson.school.name,
    ]
    .map(|part| part.to_lowercase())
    .join("\n");
    is(&wanted.subject, &lesson.subject)
        && is(&wanted.grade, &lesson.grade)
        && is(&wanted.teacher, &lesson.teacher)
        && is(&wanted.school, &lesson.school.name)
        && wanted
            .search
            .to_lowercase()
            .split_whitespace()
            .all(|word| text.contains(word))
}

fn sort(summaries: &mut [api::RecordingSummary], by: Sort) {
    match by {
        Sort::Newest => summaries.sort_by_key(|one| std::cmp::Reverse(one.lesson.starts_at)),
        Sort::Oldest => summaries.sort_by_key(|one| one.lesson.starts_at),
        Sort::Longest => summaries.sort_by_key(|one| std::cmp::Reverse(one.duration_ms)),
        Sort::Title => summaries.sort_by(|a, b| a.lesson.title.cmp(&b.lesson.title)),
    }
}
