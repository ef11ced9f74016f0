//! What is to be sent when: plays clips in step, over and over, and answers requests for keyframes as well as a file can.
//!
//! All times are since the start of the publication.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;

use crate::media::clip::{Audio, Clip, Video};

/// A keyframe that is due so soon anyway is waited for: to jump to it would make the picture stand, and a recorder asks
/// every few seconds. Footage with a keyframe every half second never jumps.
const NEAR: Duration = Duration::from_millis(500);
/// Keyframes that are asked for are so far apart, as an encoder's are.
const APART: Duration = Duration::from_millis(250);
/// Later than this, what should have been sent is skipped: the machine slept.
const TOO_LATE: Duration = Duration::from_secs(2);

/// One stream of the publication.
#[derive(Clone, Debug)]
pub enum Track {
    /// Pictures.
    Video(Video),
    /// Sound.
    Audio(Audio),
}

impl Track {
    fn len(&self) -> usize {
        match self {
            Self::Video(video) => video.frames.len(),
            Self::Audio(audio) => audio.packets.len(),
        }
    }

    fn at(&self, index: usize) -> Duration {
        match self {
            Self::Video(video) => video.frames[index].at,
            Self::Audio(audio) => audio.packets[index].at,
        }
    }

    fn is_key(&self, index: usize) -> bool {
        match self {
            Self::Video(video) => video.frames[index].key,
            Self::Audio(_) => true,
        }
    }
}

/// Something to send now.
#[derive(Clone, Debug)]
pub struct Due {
    /// Which track, by its place in [`Schedule::tracks`].
    pub track: usize,
    /// The time it belongs to: what its RTP time says.
    pub at: Duration,
    /// The NAL units of a picture, or the one packet of sound.
    pub parts: Vec<Bytes>,
}

/// Where a track is.
#[derive(Clone, Debug, Default)]
struct Cursor {
    /// The next one to send.
    index: usize,
    /// How often the clip was played whole.
    round: u32,
    /// A keyframe to send at once.
    urgent: Option<usize>,
    /// One was asked for too soon after the last: it is answered then.
    wanted_at: Option<Duration>,
    /// The keyframe that was sent ahead of its time, and its followers are still waiting for theirs.
    ahead: Option<usize>,
    /// When the last keyframe went out.
    last_key: Option<Duration>,
}

/// Plays tracks in step.
#[derive(Clone, Debug)]
pub struct Schedule {
    tracks: Vec<Track>,
    /// The tracks of each media section: the layers of a picture are in one, largest first.
    sections: Vec<Range<usize>>,
    cursors: Vec<Cursor>,
    length: Duration,
    looping: bool,
    /// Of the clip, at the start of the publication.
    offset: Duration,
}

impl Schedule {
    /// The tracks of some clips, which begin together: first sound, then pictures, in the order of the clips. The layers of a picture
    /// are tracks of their own.
    ///
    /// `from` is where in the clip to begin; a looping schedule never ends.
    #[must_use]
    pub fn new(clips: &[Clip], looping: bool, from: Duration) -> Self {
        let sounds = clips
            .iter()
            .filter_map(|clip| clip.audio.clone())
            .map(|sound| vec![Track::Audio(sound)]);
        let pictures = clips.iter().map(|clip| {
            let layers = clip.video.iter().chain(&clip.smaller);
            layers.cloned().map(Track::Video).collect::<Vec<Track>>()
        });
        let (mut tracks, mut sections) = (Vec::new(), Vec::new());
        for mut section in sounds.chain(pictures) {
            section.retain(|track| track.len() > 0);
            let begin = tracks.len();
            tracks.append(&mut section);
            if tracks.len() > begin {
                sections.push(begin..tracks.len());
            }
        }
        let length = clips
            .iter()
            .map(Clip::end)
            .max()
            .unwrap_or_default()
            .max(Duration::from_millis(1));
        let offset = if looping {
            Duration::from_nanos(u64::try_from(from.as_nanos() % length.as_nanos()).unwrap_or(0))
        } else {
            from
        };
        let mut schedule = Self {
            cursors: vec![Cursor::default(); tracks.len()],
            tracks,
            sections,
            length,
            looping,
            offset,
        };
        (0..schedule.tracks.len()).for_each(|track| schedule.seek(track, Duration::ZERO));
        schedule
    }

    /// The tracks, in the order of their media sections.
    #[must_use]
    pub fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    /// Which tracks are in each media section: one, or the layers of a picture from the largest on.
    #[must_use]
    pub fn sections(&self) -> &[Range<usize>] {
        &self.sections
    }

    /// When something is to be sent next; `None` when all is sent.
    #[must_use]
    pub fn next_due(&self) -> Option<Duration> {
        (0..self.tracks.len())
            .filter_map(|track| {
                let cursor = &self.cursors[track];
                if cursor.urgent.is_some() {
                    return Some(Duration::ZERO);
                }
                self.due_of(track).into_iter().chain(cursor.wanted_at).min()
            })
            .min()
    }

    /// The next thing that is due by `now`.
    pub fn take(&mut self, now: Duration) -> Option<Due> {
        for track in 0..self.tracks.len() {
            if self.cursors[track].wanted_at.take_if(|at| *at <= now).is_some() {
                self.keyframe_wanted(track, now);
            }
            if let Some(index) = self.cursors[track].urgent.take() {
                self.cursors[track].last_key = Some(now);
                return Some(self.make(track, index, now));
            }
            if self.due_of(track).is_some_and(|due| due + TOO_LATE < now) {
                self.seek(track, now);
            }
        }
        let (due, track) = (0..self.tracks.len())
            .filter_map(|track| Some((self.due_of(track)?, track)))
            .min()?;
        if due > now {
            return None;
        }
        let index = self.cursors[track].index;
        let key = self.tracks[track].is_key(index);
        self.advance(track, index);
        let cursor = &mut self.cursors[track];
        cursor.ahead = None;
        if key {
            cursor.last_key = Some(due);
            cursor.wanted_at = None;
        }
        Some(self.make(track, index, due))
    }

    /// A receiver asks for a keyframe. A file cannot make one, so the next one is sent ahead of its time, and its picture
    /// stands until the time of the frame after it comes. Nothing is done where one is near anyway.
    pub fn keyframe_wanted(&mut self, track: usize, now: Duration) {
        let Some(Track::Video(video)) = self.tracks.get(track) else {
            return;
        };
        let cursor = &self.cursors[track];
        if cursor.urgent.is_some() {
            return;
        }
        if let Some(sent) = cursor.last_key
            && now < sent + APART
        {
            self.cursors[track].wanted_at = Some(sent + APART);
            return;
        }
        if let Some(index) = cursor.ahead {
            self.cursors[track].urgent = Some(index);
            return;
        }
        let frames = &video.frames;
        let within = frames[cursor.index..].iter().position(|frame| frame.key);
        let (index, round) = match within {
            Some(steps) => (cursor.index + steps, cursor.round),
            None if self.looping => (0, cursor.round + 1),
            None => return,
        };
        if self
            .time(track, index, round)
            .is_some_and(|due| due <= now + NEAR)
        {
            return;
        }
        self.cursors[track].round = round;
        self.advance(track, index);
        let cursor = &mut self.cursors[track];
        cursor.urgent = Some(index);
        cursor.ahead = Some(index);
    }

    fn make(&self, track: usize, index: usize, at: Duration) -> Due {
        let parts = match &self.tracks[track] {
            Track::Video(video) => video.frames[index].nals.clone(),
            Track::Audio(audio) => vec![audio.packets[index].data.clone()],
        };
        Due { track, at, parts }
    }

    /// Sets the cursor behind `index` of its round.
    fn advance(&mut self, track: usize, index: usize) {
        let cursor = &mut self.cursors[track];
        cursor.index = index + 1;
        if cursor.index >= self.tracks[track].len() && self.looping {
            cursor.index = 0;
            cursor.round += 1;
        }
    }

    fn due_of(&self, track: usize) -> Option<Duration> {
        let cursor = &self.cursors[track];
        self.time(track, cursor.index, cursor.round)
    }

    /// When a frame is due; what lies before the start is due at it. `None` when there is no such frame.
    fn time(&self, track: usize, index: usize, round: u32) -> Option<Duration> {
        if index >= self.tracks[track].len() {
            return None;
        }
        let at = self.length * round + self.tracks[track].at(index);
        Some(at.saturating_sub(self.offset))
    }

    /// Moves the cursor to the first frame at or after `now` that decoding can begin with.
    fn seek(&mut self, track: usize, now: Duration) {
        let target = self.offset + now;
        let round = if self.looping {
            u32::try_from(target.as_nanos() / self.length.as_nanos()).unwrap_or(0)
        } else {
            0
        };
        let within = target.saturating_sub(self.length * round);
        let stream = &self.tracks[track];
        let found = (0..stream.len()).find(|&index| stream.at(index) >= within && stream.is_key(index));
        let (index, round) = match found {
            Some(index) => (index, round),
            None if self.looping => (0, round + 1),
            None => (stream.len(), round),
        };
        self.cursors[track] = Cursor {
            index,
            round,
            ..Cursor::default()
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::clip::{AudioPacket, Frame};

    const MS: Duration = Duration::from_millis(1);

    /// Two seconds: 25 pictures and 50 packets of sound a second, a keyframe each second. Parts name their index.
    fn clip() -> Clip {
        let name = |index: u32| Bytes::copy_from_slice(&index.to_be_bytes());
        Clip {
            video: Some(Video {
                frames: (0..50)
                    .map(|index| Frame {
                        at: 40 * MS * index,
                        key: index.is_multiple_of(25),
                        nals: vec![name(index)],
                    })
                    .collect(),
                profile_level_id: [66, 192, 31],
                width: 1_280,
                height: 720,
                end: 2_000 * MS,
            }),
            smaller: Vec::new(),
            audio: Some(Audio {
                packets: (0..100)
                    .map(|index| AudioPacket {
                        at: 20 * MS * index,
                        data: name(index),
                    })
                    .collect(),
                end: 2_000 * MS,
            }),
        }
    }

    fn index(due: &Due) -> u32 {
        u32::from_be_bytes(due.parts[0][..].try_into().expect("four bytes"))
    }

    /// Plays to `end` in steps of a millisecond; video frames as (index, at in ms).
    fn video_until(schedule: &mut Schedule, from: u32, end: u32) -> Vec<(u32, u128)> {
        let mut sent = Vec::new();
        for ms in from..end {
            while let Some(due) = schedule.take(MS * ms) {
                if due.track == 1 {
                    sent.push((index(&due), due.at.as_millis()));
                }
            }
        }
        sent
    }

    #[test]
    fn sound_and_picture_play_in_step_round_after_round() {
        let mut schedule = Schedule::new(&[clip()], true, Duration::ZERO);
        let sent = video_until(&mut schedule, 0, 6_000);
        assert_eq!(sent.len(), 150);
        assert!(
            sent.iter()
                .zip(0_u32..)
                .all(|(&(index, at), n)| index == n % 50 && at == u128::from(n) * 40)
        );
        assert_eq!(schedule.next_due(), Some(6_000 * MS));
    }

    #[test]
    fn layers_of_a_picture_play_in_step_and_answer_for_themselves() {
        let mut clip = clip();
        clip.smaller = vec![clip.video.clone().expect("pictures")];
        let mut schedule = Schedule::new(&[clip], true, Duration::ZERO);
        assert_eq!(schedule.sections(), [0..1, 1..3]);
        let mut sent = [0; 3];
        while let Some(due) = schedule.take(399 * MS) {
            sent[due.track] += 1;
        }
        assert_eq!(sent, [20, 10, 10]);
        schedule.keyframe_wanted(2, 400 * MS);
        let due = schedule.take(400 * MS).expect("a keyframe");
        assert_eq!((due.track, index(&due)), (2, 25));
        let due = std::iter::from_fn(|| schedule.take(400 * MS));
        let large: Vec<u32> = due.filter(|due| due.track == 1).map(|due| index(&due)).collect();
        assert_eq!(large, [10], "the other layer goes on");
    }

    #[test]
    fn without_a_loop_it_ends() {
        let mut schedule = Schedule::new(&[clip()], false, Duration::ZERO);
        assert_eq!(video_until(&mut schedule, 0, 2_000).len(), 50);
        assert_eq!(schedule.next_due(), None);
    }

    #[test]
    fn a_wanted_keyframe_comes_at_once_and_its_picture_stands_until_its_time() {
        let mut schedule = Schedule::new(&[clip()], true, Duration::ZERO);
        video_until(&mut schedule, 0, 400);
        schedule.keyframe_wanted(1, 400 * MS);
        assert_eq!(schedule.next_due(), Some(Duration::ZERO));
        let sent = video_until(&mut schedule, 400, 1_200);
        assert_eq!(sent[0], (25, 400));
        assert_eq!(sent[1], (26, 1_040), "what follows it keeps its time");
    }

    #[test]
    fn while_the_picture_stands_the_keyframe_is_repeated_but_not_too_often() {
        let mut schedule = Schedule::new(&[clip()], true, Duration::ZERO);
        video_until(&mut schedule, 0, 401);
        let mut sent = Vec::new();
        for ms in 401..1_041 {
            if [401, 410, 500, 600].contains(&ms) {
                schedule.keyframe_wanted(1, MS * ms);
            }
            sent.extend(video_until(&mut schedule, ms, ms + 1));
        }
        assert_eq!(sent, [(25, 401), (25, 651), (26, 1_040)]);
    }

    #[test]
    fn the_keyframe_of_the_next_round_serves_too() {
        let mut schedule = Schedule::new(&[clip()], true, Duration::ZERO);
        video_until(&mut schedule, 0, 1_400);
        schedule.keyframe_wanted(1, 1_400 * MS);
        let sent = video_until(&mut schedule, 1_400, 2_100);
        assert_eq!(&sent[..2], &[(0, 1_400), (1, 2_040)]);
    }

    #[test]
    fn a_keyframe_that_is_near_is_waited_for() {
        let mut schedule = Schedule::new(&[clip()], true, Duration::ZERO);
        video_until(&mut schedule, 0, 920);
        schedule.keyframe_wanted(1, 920 * MS);
        assert_eq!(schedule.next_due(), Some(920 * MS));
        let sent = video_until(&mut schedule, 920, 1_001);
        assert_eq!(sent.last(), Some(&(25, 1_000)));
    }

    #[test]
    fn after_a_break_it_goes_on_with_a_keyframe_at_the_right_place() {
        let mut schedule = Schedule::new(&[clip()], true, Duration::from_millis(4_500));
        assert_eq!(video_until(&mut schedule, 0, 600)[0], (25, 500));
        let sent = video_until(&mut schedule, 9_900, 11_000);
        assert_eq!(sent[0], (25, 10_500), "what the machine slept through is skipped");
    }
}
