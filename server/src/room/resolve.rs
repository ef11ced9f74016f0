//! Who may see and hear what, and what of it a peer wants: pure functions from roles, stage and wish to tracks.

use protocol::id::{PeerId, TrackId};
use protocol::media::{MediaKind, Source};
use protocol::signal::{LessonState, Role, WatchRule, Who};
use sfu::WatchTrack;

/// A published track with what decides who may have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its id.
    pub track: TrackId,
    /// Whose it is, as others see it.
    pub owner: PeerId,
    /// The owner's role.
    pub role: Role,
    /// What it is.
    pub source: Source,
    /// The owner is on stage.
    pub on_stage: bool,
    /// The teacher silenced the owner.
    pub silenced: bool,
}

/// Who watches.
#[derive(Clone, Copy, Debug)]
pub struct Viewer {
    /// The peer; its own tracks are not sent back to it.
    pub peer: PeerId,
    /// Its role.
    pub role: Role,
    /// State of the lesson: before it is live nobody sees the teacher prepare.
    pub lesson: LessonState,
}

/// Most tracks one peer gets; what is beyond is given up, least wanted first.
pub const WATCH_MAX: usize = 96;

/// Whether a viewer may have a track at all.
#[must_use]
pub fn may_see(viewer: &Viewer, track: &Published) -> bool {
    if viewer.peer == track.owner {
        return false;
    }
    let going_on = match viewer.role {
        Role::Teacher => matches!(viewer.lesson, LessonState::Open | LessonState::Live),
        Role::Classroom | Role::Observer => viewer.lesson == LessonState::Live,
    };
    let reached = match (track.role, viewer.role) {
        (Role::Teacher, _) | (Role::Classroom, Role::Teacher | Role::Observer) => true,
        (Role::Classroom, Role::Classroom) => track.on_stage,
        (Role::Observer, _) => false,
    };
    going_on && reached && (track.source.kind() == MediaKind::Video || may_be_heard(track))
}

/// Whether the sound of a track goes out at all.
#[must_use]
pub fn may_be_heard(track: &Published) -> bool {
    track.role == Role::Teacher || (track.on_stage && !track.silenced)
}

fn selects(rule: &WatchRule, track: &Published) -> bool {
    let whose = match rule.who {
        Who::Teacher => track.role == Role::Teacher,
        Who::Stage => track.role == Role::Classroom && track.on_stage,
        Who::Classrooms => track.role == Role::Classroom,
        Who::Peer(peer) => track.owner == peer,
    };
    whose && (rule.sources.is_empty() || rule.sources.contains(&track.source))
}

/// The tracks a viewer gets, in a stable order: sound first, then the teacher's, the stage's, others.
#[must_use]
pub fn resolve(viewer: &Viewer, rules: &[WatchRule], published: &[Published]) -> Vec<WatchTrack> {
    let mut chosen: Vec<_> = published
        .iter()
        .filter(|track| may_see(viewer, track))
        .filter_map(|track| Some((track, rules.iter().find(|rule| selects(rule, track))?)))
        .collect();
    chosen.sort_by_key(|(track, rule)| {
        let near = match (track.role, track.on_stage) {
            (Role::Teacher, _) => 0,
            (_, true) => 1,
            (_, false) => 2,
        };
        (track.source.kind(), near, u8::MAX - rule.priority, track.track)
    });
    chosen.truncate(WATCH_MAX);
    chosen
        .into_iter()
        .map(|(track, rule)| WatchTrack {
            track: track.track,
            kind: track.source.kind(),
            height: rule.height,
            priority: rule.priority,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(role: Role, source: Source, on_stage: bool, silenced: bool) -> Published {
        Published {
            track: TrackId::new(),
            owner: PeerId::new(),
            role,
            source,
            on_stage,
            silenced,
        }
    }

    fn all() -> Vec<WatchRule> {
        [Who::Teacher, Who::Stage, Who::Classrooms]
            .map(|who| WatchRule {
                who,
                sources: Vec::new(),
                height: 360,
                priority: 9,
            })
            .to_vec()
    }

    #[test]
    fn each_role_gets_what_it_may() {
        use LessonState::{Ended, Live, Open};
        use Role::{Classroom, Observer, Teacher};
        use Source::{Camera, Microphone};
        // viewer, lesson, owner, source, on stage, silenced, gets it
        let table = [
            (Classroom, Live, Teacher, Camera, false, false, true),
            (Classroom, Live, Teacher, Microphone, false, false, true),
            (Classroom, Open, Teacher, Camera, false, false, false),
            (Classroom, Live, Classroom, Camera, false, false, false),
            (Classroom, Live, Classroom, Camera, true, false, true),
            (Classroom, Live, Classroom, Microphone, true, false, true),
            (Classroom, Live, Classroom, Microphone, true, true, false),
            (Classroom, Live, Classroom, Camera, true, true, true),
            (Teacher, Open, Classroom, Camera, false, false, true),
            (Teacher, Live, Classroom, Microphone, false, false, false),
            (Teacher, Live, Classroom, Microphone, true, false, true),
            (Teacher, Ended, Classroom, Camera, true, false, false),
            (Observer, Live, Classroom, Camera, false, false, true),
            (Observer, Live, Classroom, Microphone, false, false, false),
            (Observer, Open, Teacher, Camera, false, false, false),
            (Observer, Live, Teacher, Microphone, false, false, true),
        ];
        for (role, lesson, owner, source, on_stage, silenced, expected) in table {
            let viewer = Viewer {
                peer: PeerId::new(),
                role,
                lesson,
            };
            let got = resolve(&viewer, &all(), &[track(owner, source, on_stage, silenced)]);
            assert_eq!(
                got.len(),
                usize::from(expected),
                "{role:?} {lesson:?} {owner:?} {source:?} {on_stage} {silenced}"
            );
        }
    }

    #[test]
    fn one_does_not_get_ones_own_tracks() {
        let own = track(Role::Classroom, Source::Camera, true, false);
        let viewer = Viewer {
            peer: own.owner,
            role: Role::Classroom,
            lesson: LessonState::Live,
        };
        assert_eq!(resolve(&viewer, &all(), &[own]), []);
    }

    #[test]
    fn the_first_rule_that_matches_counts_and_sound_comes_first() {
        let camera = track(Role::Teacher, Source::Camera, false, false);
        let sound = track(Role::Teacher, Source::Microphone, false, false);
        let rules = [
            WatchRule {
                who: Who::Teacher,
                sources: vec![Source::Camera],
                height: 720,
                priority: 1,
            },
            WatchRule {
                who: Who::Peer(camera.owner),
                sources: Vec::new(),
                height: 90,
                priority: 200,
            },
            WatchRule {
                who: Who::Teacher,
                sources: Vec::new(),
                height: 0,
                priority: 255,
            },
        ];
        let viewer = Viewer {
            peer: PeerId::new(),
            role: Role::Observer,
            lesson: LessonState::Live,
        };
        let got = resolve(&viewer, &rules, &[camera, sound]);
        assert_eq!(
            got.iter().map(|track| track.track).collect::<Vec<_>>(),
            [sound.track, camera.track]
        );
        assert_eq!((got[1].height, got[1].priority), (720, 1));
    }

    #[test]
    fn more_than_the_bound_is_given_up_least_wanted_first() {
        let tracks: Vec<_> = (0..WATCH_MAX + 5)
            .map(|_| track(Role::Classroom, Source::Camera, false, false))
            .collect();
        let last = tracks[WATCH_MAX + 4];
        let rules = [
            WatchRule {
                who: Who::Peer(last.owner),
                sources: Vec::new(),
                height: 0,
                priority: 9,
            },
            WatchRule {
                who: Who::Classrooms,
                sources: Vec::new(),
                height: 0,
                priority: 0,
            },
        ];
        let viewer = Viewer {
            peer: PeerId::new(),
            role: Role::Teacher,
            lesson: LessonState::Live,
        };
        let got = resolve(&viewer, &rules, &tracks);
        assert_eq!(got.len(), WATCH_MAX);
        assert!(got.iter().any(|track| track.track == last.track));
    }
}
