//! The timetable and the life of lessons.

mod steps;

use std::sync::{Arc, OnceLock, Weak};

use protocol::api;
use protocol::id::{LessonId, TerminalId};
use protocol::signal::{self, LessonState};
use time::{Duration, OffsetDateTime};
use tokio::sync::broadcast;

use super::access::{self, Actor};
use super::events::Events;
use super::tokens::{JoinClaims, Seat, Tokens};
use super::{Error, Result, Rooms};
use crate::config::Config;
use crate::demo::DemoLessons;
use crate::store::{LessonFilter, LessonRow, Places, Store};

/// The word that stands for the demo lesson's id.
pub const DEMO: &str = "demo";
/// How many changes a slow reader may be behind before it has to look at everything anew.
const CHANGES: usize = 1_024;
/// Join tokens are used at once.
const JOIN_TOKEN: Duration = Duration::minutes(10);
/// Most lessons of one list.
const LIST_LIMIT: u64 = 1_000;

/// Use cases of lessons.
#[derive(Debug)]
pub struct Lessons {
    store: Store,
    events: Events,
    changes: broadcast::Sender<LessonId>,
    rooms: OnceLock<Weak<dyn Rooms>>,
    demo: OnceLock<Arc<DemoLessons>>,
    pub(super) open_before: Duration,
    pub(super) end_after: Duration,
}

impl std::fmt::Debug for dyn Rooms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rooms")
    }
}

impl Lessons {
    /// Over the store.
    #[must_use]
    pub fn new(config: &Config, store: Store, events: Events) -> Self {
        Self {
            store,
            events,
            changes: broadcast::Sender::new(CHANGES),
            rooms: OnceLock::new(),
            demo: OnceLock::new(),
            open_before: Duration::minutes(i64::from(config.open_before_minutes)),
            end_after: Duration::minutes(i64::from(config.end_after_minutes)),
        }
    }

    /// Tells the live rooms from now when a lesson ends. The rooms hold these use cases, so they are held weakly here.
    pub fn attach_rooms(&self, rooms: &Arc<dyn Rooms>) {
        // Attached once, at start.
        let _ = self.rooms.set(Arc::downgrade(rooms));
    }

    /// `demo` stands for one of these lessons from now.
    pub(crate) fn attach_demo(&self, demo: Arc<DemoLessons>) {
        // Attached once, at start.
        let _ = self.demo.set(demo);
    }

    /// The live rooms.
    pub(super) fn rooms(&self) -> Option<Arc<dyn Rooms>> {
        self.rooms.get().and_then(Weak::upgrade)
    }

    /// Whether the server runs with `--demo`.
    #[must_use]
    pub fn is_demo(&self) -> bool {
        self.demo.get().is_some()
    }

    /// From when classrooms may join a lesson that starts at `starts_at`.
    #[must_use]
    pub fn opens_at(&self, starts_at: OffsetDateTime) -> OffsetDateTime {
        starts_at - self.open_before
    }

    /// Ids of lessons that changed, from now on. Whoever lags looks at everything anew.
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<LessonId> {
        self.changes.subscribe()
    }

    /// One lesson.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], or when the store fails.
    pub async fn get(&self, id: LessonId) -> Result<LessonRow> {
        self.store.lesson(id).await?.ok_or(Error::NotFound("lesson"))
    }

    /// The lesson an address names: an id, or `demo`.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when the text names none. That the id is of a lesson is found out by whoever reads it.
    pub fn resolve(&self, text: &str) -> Result<LessonId> {
        match self.demo.get() {
            Some(demo) if text == DEMO => Ok(demo.current()),
            _ => text.parse().map_err(|_| Error::NotFound("lesson")),
        }
    }

    /// The lesson whose replay an address names: an id, or `demo` for the last demo lesson that went live.
    ///
    /// # Errors
    ///
    /// As [`Lessons::resolve`].
    pub fn resolve_replay(&self, text: &str) -> Result<LessonId> {
        match self.demo.get() {
            Some(demo) if text == DEMO => Ok(demo.taught()),
            _ => self.resolve(text),
        }
    }

    /// The lesson an address names that is to end: an id, or `demo` for the demo lesson that is live, or else the one that
    /// was, so that ending twice ends once.
    ///
    /// # Errors
    ///
    /// As [`Lessons::resolve`], or when the store fails.
    pub async fn resolve_end(&self, text: &str) -> Result<LessonId> {
        let id = self.resolve(text)?;
        match self.demo.get() {
            Some(demo) if text == DEMO && self.get(id).await?.state != LessonState::Live => Ok(demo.taught()),
            _ => Ok(id),
        }
    }

    /// Lessons that match, by start.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn list(&self, filter: &LessonFilter) -> Result<Vec<LessonRow>> {
        Ok(self.store.lessons(filter).await?)
    }

    /// Classrooms that are expected.
    ///
    /// # Errors
    ///
    /// As [`Lessons::get`].
    pub async fn attendees(&self, id: LessonId) -> Result<Vec<api::Classroom>> {
        let row = self.get(id).await?;
        let places = self.store.places().await?;
        Ok(row
            .classrooms
            .iter()
            .filter_map(|id| places.classroom_body(*id))
            .collect())
    }

    /// The lesson as peers of its room see it.
    ///
    /// # Errors
    ///
    /// As [`Lessons::get`].
    pub async fn for_room(&self, id: LessonId) -> Result<signal::Lesson> {
        let row = self.get(id).await?;
        let school = self.store.places().await?.school_body(row.school).name;
        Ok(signal::Lesson {
            id: row.id,
            state: row.state,
            title: row.title,
            subject: row.subject,
            grade: row.grade,
            teacher: row.teacher_name,
            school,
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            live_since: row.live_since,
        })
    }

    /// A person's own lessons (a researcher's or administrator's: all of the region) between two times.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn list_for(
        &self,
        person: &crate::store::UserRow,
        from: Option<OffsetDateTime>,
        to: Option<OffsetDateTime>,
    ) -> Result<Vec<api::Lesson>> {
        let teacher_only = person.roles == [api::UserRole::Teacher];
        let filter = LessonFilter {
            from,
            to,
            teacher: teacher_only.then_some(person.id),
            limit: Some(LIST_LIMIT),
            ..LessonFilter::default()
        };
        let places = self.store.places().await?;
        let actor = Actor::Person(person.clone());
        let mut rows = self.store.lessons(&filter).await?;
        rows.retain(|row| access::may_see(&actor, row, &places));
        self.bodies(rows, &places).await
    }

    /// One lesson, for who may know of it.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] also when it is not for these eyes.
    pub async fn get_for(&self, actor: &Actor, id: LessonId) -> Result<api::Lesson> {
        let row = self.get(id).await?;
        let places = self.store.places().await?;
        if !access::may_see(actor, &row, &places) {
            return Err(Error::NotFound("lesson"));
        }
        self.body(row, &places).await
    }

    /// Lessons as clients see them.
    pub(super) async fn bodies(&self, rows: Vec<LessonRow>, places: &Places) -> Result<Vec<api::Lesson>> {
        let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
        let recordings = self.store.recordings(Some(&ids)).await?;
        let replayable: std::collections::HashSet<_> = recordings
            .iter()
            .filter(|row| row.recording.bytes > 0)
            .map(|row| row.lesson)
            .collect();
        Ok(rows
            .into_iter()
            .map(|row| api::Lesson {
                id: row.id,
                title: row.title,
                subject: row.subject,
                grade: row.grade,
                teacher: row.teacher_name,
                school: places.school_body(row.school),
                state: row.state,
                starts_at: row.starts_at,
                ends_at: row.ends_at,
                live_since: row.live_since,
                ended_at: row.ended_at,
                classrooms: row
                    .classrooms
                    .iter()
                    .filter_map(|id| places.classroom_body(*id))
                    .collect(),
                replayable: replayable.contains(&row.id),
            })
            .collect())
    }

    pub(super) async fn body(&self, row: LessonRow, places: &Places) -> Result<api::Lesson> {
        self.bodies(vec![row], places)
            .await?
            .pop()
            .ok_or(Error::NotFound("lesson"))
    }

    /// A token for the room of a lesson that is open or live.
    ///
    /// # Errors
    ///
    /// When the actor may not join or the lesson is not open, over or cancelled.
    pub async fn join(
        &self,
        tokens: &Tokens,
        actor: &Actor,
        id: LessonId,
        now: OffsetDateTime,
    ) -> Result<api::JoinGrant> {
        let row = self.get(id).await?;
        let places = self.store.places().await?;
        let role = access::join_role(actor, &row, &places)?;
        // Its teacher may prepare a lesson before the others may come.
        if row.state == LessonState::Scheduled && role == signal::Role::Teacher {
            self.open(id, now).await?;
        }
        let row = self.get(id).await?;
        joinable(row.state)?;
        let (seat, name, school) = match actor {
            Actor::Person(person) => (
                Seat::User(person.id),
                person.name.reveal().to_owned(),
                person
                    .school
                    .map(|id| places.school_body(id).name)
                    .unwrap_or_default(),
            ),
            Actor::Terminal(terminal) => {
                let room = places
                    .classroom_body(terminal.classroom)
                    .ok_or(Error::NotPaired)?;
                let seat = Seat::Terminal {
                    terminal: terminal.id,
                    classroom: room.id,
                };
                (seat, room.name, room.school.name)
            }
        };
        let expires_at = now + JOIN_TOKEN;
        let token = tokens.issue(&JoinClaims {
            lesson: id,
            role,
            seat,
            name,
            school,
            expires_at,
        })?;
        Ok(api::JoinGrant {
            token,
            role,
            expires_at,
            lesson: self.body(row, &places).await?,
        })
    }

    /// Says that something about a lesson changed that clients see. Nobody may be listening.
    pub fn announce(&self, id: LessonId) {
        let _ = self.changes.send(id);
    }

    /// A terminal was revoked: the rooms are told.
    pub(super) fn terminal_revoked(&self, terminal: TerminalId) {
        if let Some(rooms) = self.rooms() {
            rooms.terminal_revoked(terminal);
        }
    }
}

/// That peers may be in the room of a lesson in this state.
///
/// # Errors
///
/// Which says why not.
pub fn joinable(state: LessonState) -> Result<()> {
    match state {
        LessonState::Open | LessonState::Live => Ok(()),
        LessonState::Scheduled => Err(Error::NotOpen),
        LessonState::Ended | LessonState::Archived => Err(Error::LessonOver),
        LessonState::Cancelled => Err(Error::LessonCancelled),
    }
}
