//! What video and audio tracks of a recording have in common.

use crate::depay::Frame;
use crate::error::Error;

/// A track that should be flowing is filled so long after its last frame: longer than any delay of the network that is
/// worth waiting for, and a late frame finds its place taken.
pub(crate) const FILL_AFTER_US: u64 = 3_000_000;
/// The same for a track that is down: nothing is on its way any more.
pub(crate) const FILL_AFTER_DOWN_US: u64 = 1_000_000;
/// Longest gap that is filled.
pub(crate) const MAX_FILL_US: u64 = 6 * 3_600 * 1_000_000;
/// A track whose first picture comes this soon after the beginning needs no slate: the picture is shown from the beginning.
pub(crate) const START_SLACK_US: u64 = 1_000_000;

/// A recorded track. Errors mean that the track cannot go on as it is; [`Lane::reset`] mends it.
pub(crate) trait Lane: Send {
    /// Takes a frame of the publisher.
    fn frame(&mut self, frame: Frame) -> Result<(), Error>;
    /// Class time goes on: fills what is missing for too long.
    fn tick(&mut self, now_us: u64, flowing: bool) -> Result<(), Error>;
    /// Another stream begins: it refers to nothing of the one before.
    fn begin(&mut self);
    /// Closes the track at `end_us`.
    fn finish(&mut self, end_us: u64) -> Result<(), Error>;
    /// Closes what is open where it is, without filling.
    fn suspend(&mut self) -> Result<(), Error>;
    /// Goes on behind `end_us`, where what is on disk ends.
    fn reset(&mut self, end_us: u64);
    /// Whether the publisher should send a keyframe; says so once.
    fn wants_keyframe(&mut self) -> bool;
}
