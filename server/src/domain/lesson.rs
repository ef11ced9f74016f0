//! The life of a lesson: one enum ([`LessonState`], shared with clients) and one transition function.

use protocol::signal::LessonState;

/// What moves a lesson on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Classrooms may join.
    Open,
    /// The teacher starts.
    Start,
    /// The teacher, or the clock, ends it.
    End,
    /// Its recording is closed whole.
    Archive,
    /// It will not take place.
    Cancel,
}

/// Why a step was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a lesson that is {from:?} cannot take the step {step:?}")]
pub struct Refused {
    /// Where the lesson stands.
    pub from: LessonState,
    /// What was wanted.
    pub step: Step,
}

/// The state after `step`. `Ok(None)` when the step was taken before and nothing changes.
///
/// # Errors
///
/// When the step does not lead on from `from`.
pub fn transition(from: LessonState, step: Step) -> Result<Option<LessonState>, Refused> {
    use LessonState::{Archived, Cancelled, Ended, Live, Open, Scheduled};
    let to = match (from, step) {
        (Scheduled, Step::Open) => Open,
        (Scheduled | Open, Step::Start) => Live,
        (Open | Live, Step::End) => Ended,
        (Ended, Step::Archive) => Archived,
        (Scheduled | Open, Step::Cancel) => Cancelled,
        (Open | Live, Step::Open)
        | (Live, Step::Start)
        | (Ended | Archived, Step::End)
        | (Archived, Step::Archive)
        | (Cancelled, Step::Cancel) => return Ok(None),
        _ => return Err(Refused { from, step }),
    };
    Ok(Some(to))
}

/// Whether peers may be in its room.
#[must_use]
pub fn joinable(state: LessonState) -> bool {
    matches!(state, LessonState::Open | LessonState::Live)
}

/// Whether it is over or will not be.
#[must_use]
pub fn over(state: LessonState) -> bool {
    matches!(
        state,
        LessonState::Ended | LessonState::Archived | LessonState::Cancelled
    )
}

/// The word kept in the store and shown in metrics.
#[must_use]
pub fn state_word(state: LessonState) -> &'static str {
    match state {
        LessonState::Scheduled => "scheduled",
        LessonState::Open => "open",
        LessonState::Live => "live",
        LessonState::Ended => "ended",
        LessonState::Archived => "archived",
        LessonState::Cancelled => "cancelled",
    }
}

/// Every state.
pub const STATES: [LessonState; 6] = [
    LessonState::Scheduled,
    LessonState::Open,
    LessonState::Live,
    LessonState::Ended,
    LessonState::Archived,
    LessonState::Cancelled,
];

/// The state of a [`state_word`].
#[must_use]
pub fn state_of(word: &str) -> Option<LessonState> {
    STATES.into_iter().find(|state| state_word(*state) == word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use LessonState::{Archived, Cancelled, Ended, Live, Open, Scheduled};

    const STEPS: [Step; 5] = [Step::Open, Step::Start, Step::End, Step::Archive, Step::Cancel];

    #[test]
    fn the_straight_way_leads_from_scheduled_to_archived() {
        let mut state = Scheduled;
        for (step, expected) in [
            (Step::Open, Open),
            (Step::Start, Live),
            (Step::End, Ended),
            (Step::Archive, Archived),
        ] {
            state = transition(state, step).expect("allowed").expect("a change");
            assert_eq!(state, expected);
        }
    }

    #[test]
    fn every_step_taken_twice_changes_nothing_the_second_time() {
        for from in STATES {
            for step in STEPS {
                if let Ok(Some(to)) = transition(from, step) {
                    assert_eq!(transition(to, step), Ok(None), "{from:?} {step:?}");
                }
            }
        }
    }

    #[test]
    fn a_lesson_that_is_over_never_comes_back() {
        for from in [Ended, Archived, Cancelled] {
            for step in STEPS {
                if let Ok(Some(to)) = transition(from, step) {
                    assert!(over(to), "{from:?} {step:?} led to {to:?}");
                }
            }
        }
        assert!(transition(Live, Step::Cancel).is_err());
    }

    #[test]
    fn words_and_states_are_one_to_one() {
        for state in STATES {
            assert_eq!(state_of(state_word(state)), Some(state));
        }
        assert_eq!(state_of("asleep"), None);
    }
}
