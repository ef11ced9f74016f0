//! Frames on their way from the streams of the tap to the recorded tracks.

use protocol::tap::Status;

use super::Recorder;
use crate::error::Error;
use crate::feed::Feed;

/// A track that fails more often than this ends the recorder; its supervisor starts another.
const MAX_FAILURES: u32 = 20;

impl Recorder {
    pub(super) fn advance(&mut self, number: u32) -> Result<(), Error> {
        let Some(mut feed) = self.feeds.remove(&number) else {
            return Ok(());
        };
        if let Err(error) = feed.advance(&mut self.publishers, self.now_us) {
            self.warn(format!("track {number} is not recorded any more: {error}"));
            return Ok(());
        }
        let result = self.drain(number, &mut feed);
        self.feeds.insert(number, feed);
        result
    }

    /// Hands the frames of a stream to its track.
    pub(super) fn drain(&mut self, number: u32, feed: &mut Feed) -> Result<(), Error> {
        let writing = self.writing();
        let track = &mut self.tracks[feed.lane];
        let ours = track.feed == Some(number);
        while let Some(frame) = feed.pop() {
            if !writing || !ours {
                continue;
            }
            if let Err(error) = track.lane.frame(frame) {
                let index = feed.lane;
                return self.mend(index, &error);
            }
        }
        if track.lane.wants_keyframe() && ours {
            feed.want_keyframe();
        }
        if feed.asks_keyframe(self.now_us) && ours {
            self.statuses.push_back(Status::KeyframeWanted { number });
        }
        Ok(())
    }

    pub(super) fn tick_tracks(&mut self) -> Result<(), Error> {
        if !self.writing() {
            return Ok(());
        }
        for index in 0..self.tracks.len() {
            let track = &mut self.tracks[index];
            if let Err(error) = track.lane.tick(self.now_us, track.feed.is_some()) {
                self.mend(index, &error)?;
            }
        }
        Ok(())
    }

    /// A track failed: it goes on behind what is on disk.
    pub(super) fn mend(&mut self, index: usize, error: &Error) -> Result<(), Error> {
        let slug = self.tracks[index].key.slug();
        self.warn(format!("track {slug} failed and goes on: {error}"));
        let ends = self.writer.barrier(false)?;
        let track = &mut self.tracks[index];
        track.failures += 1;
        if track.failures > MAX_FAILURES {
            return Err(Error::Pipeline(format!("track {slug} fails again and again")));
        }
        track.lane.reset(ends.get(index).copied().unwrap_or(0));
        Ok(())
    }
}
