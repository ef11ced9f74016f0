//! What is known of recordings.

use protocol::id::LessonId;
use protocol::signal::{Recording, RecordingState};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, Set};

use super::entity::recording;
use super::{Result, Store, of_word, word_of};

/// A recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordingRow {
    /// Of which lesson.
    pub lesson: LessonId,
    /// Class time zero, Unix time in µs.
    pub epoch_us: u64,
    /// State, length and size.
    pub recording: Recording,
}

impl TryFrom<recording::Model> for RecordingRow {
    type Error = super::StoreError;

    fn try_from(row: recording::Model) -> Result<Self> {
        Ok(Self {
            lesson: LessonId(row.lesson_id),
            epoch_us: row.epoch_us.unsigned_abs(),
            recording: Recording {
                state: of_word::<RecordingState>("recording.state", row.state)?,
                bytes: row.bytes.unsigned_abs(),
                duration_ms: row.duration_ms.unsigned_abs(),
            },
        })
    }
}

/// SQL has no unsigned numbers; nothing here comes near the bound.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

impl Store {
    /// Keeps what is known of a recording.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn set_recording(&self, row: &RecordingRow) -> Result<()> {
        use recording::Column::{Bytes, DurationMs, EpochUs, LessonId, State};
        let row = recording::ActiveModel {
            lesson_id: Set(row.lesson.0),
            state: Set(word_of(row.recording.state)),
            epoch_us: Set(signed(row.epoch_us)),
            duration_ms: Set(signed(row.recording.duration_ms)),
            bytes: Set(signed(row.recording.bytes)),
        };
        recording::Entity::insert(row)
            .on_conflict(
                OnConflict::column(LessonId)
                    .update_columns([State, EpochUs, DurationMs, Bytes])
                    .to_owned(),
            )
            .exec_without_returning(&self.db)
            .await?;
        Ok(())
    }

    /// The recording of a lesson.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn recording(&self, lesson: LessonId) -> Result<Option<RecordingRow>> {
        let row = recording::Entity::find_by_id(lesson.0).one(&self.db).await?;
        row.map(TryInto::try_into).transpose()
    }

    /// The recordings of these lessons, or every one.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn recordings(&self, lessons: Option<&[LessonId]>) -> Result<Vec<RecordingRow>> {
        let mut query = recording::Entity::find();
        if let Some(lessons) = lessons {
            query = query.filter(recording::Column::LessonId.is_in(lessons.iter().map(|id| id.0)));
        }
        query
            .all(&self.db)
            .await?
            .into_iter()
            .map(TryInto::try_into)
            .collect()
    }
}
