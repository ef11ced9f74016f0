//! What is written to the ordered event log, and what of it becomes a chapter of the replay.

use protocol::api::ChapterKind;
use protocol::id::{ClassroomId, UserId};
use serde::{Deserialize, Serialize};

/// What happened. The word in the store is the `kind`; it never changes its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// Classrooms may join.
    LessonOpened,
    /// The lesson went live.
    LessonLive,
    /// The lesson ended.
    LessonEnded,
    /// Its recording is closed whole (or it has none).
    LessonArchived,
    /// The lesson will not take place.
    LessonCancelled,
    /// The teacher came.
    TeacherJoined,
    /// The teacher's line went.
    TeacherLost,
    /// The teacher left by intent.
    TeacherLeft,
    /// A classroom came, or came back.
    ClassroomJoined,
    /// A classroom left by intent.
    ClassroomLeft,
    /// A classroom's line went.
    ClassroomLost,
    /// An observer came.
    ObserverJoined,
    /// An observer left.
    ObserverLeft,
    /// A hand went up.
    HandRaised,
    /// A hand went down.
    HandLowered,
    /// A classroom came on stage.
    OnStage,
    /// A classroom left the stage.
    OffStage,
    /// The teacher silenced a classroom.
    Silenced,
    /// The silence was lifted.
    Unsilenced,
    /// A classroom calls for help.
    HelpWanted,
    /// The help is no longer wanted.
    HelpSolved,
    /// The screen or the document camera came up.
    MaterialShown,
    /// It went.
    MaterialHidden,
    /// First bytes of the recording are on disk.
    RecordingStarted,
    /// The recorder died or stopped; it is being restarted.
    RecordingInterrupted,
    /// The recorder goes on in the same recording.
    RecordingResumed,
    /// The recording is closed whole.
    RecordingFinished,
    /// The disk is full or near it.
    DiskShort,
    /// A terminal was paired with a classroom.
    TerminalPaired,
    /// A terminal's pairing was revoked.
    TerminalRevoked,
    /// Somebody signed in.
    SignedIn,
}

impl EventKind {
    /// The word in the store.
    #[must_use]
    pub fn word(self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(word)) => word,
            _ => String::new(),
        }
    }

    /// The kind of a word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        serde_json::from_value(serde_json::Value::String(word.to_owned())).ok()
    }

    /// The chapter it makes in the replay.
    #[must_use]
    pub fn chapter(self) -> Option<ChapterKind> {
        Some(match self {
            Self::LessonLive => ChapterKind::Live,
            Self::LessonEnded => ChapterKind::End,
            Self::OnStage => ChapterKind::OnStage,
            Self::OffStage => ChapterKind::OffStage,
            Self::HandRaised => ChapterKind::HandRaised,
            Self::MaterialShown => ChapterKind::MaterialShown,
            Self::RecordingInterrupted => ChapterKind::Interrupted,
            _ => return None,
        })
    }
}

/// About whom an event is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// A classroom.
    pub classroom: Option<ClassroomId>,
    /// A person.
    pub user: Option<UserId>,
}

impl From<ClassroomId> for About {
    fn from(classroom: ClassroomId) -> Self {
        Self {
            classroom: Some(classroom),
            user: None,
        }
    }
}

impl From<UserId> for About {
    fn from(user: UserId) -> Self {
        Self {
            classroom: None,
            user: Some(user),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lead_back_to_their_kinds() {
        for kind in [
            EventKind::LessonLive,
            EventKind::MaterialShown,
            EventKind::RecordingInterrupted,
        ] {
            assert_eq!(EventKind::of(&kind.word()), Some(kind));
        }
        assert_eq!(EventKind::LessonLive.word(), "lesson_live");
        assert_eq!(EventKind::of("nothing"), None);
    }
}
