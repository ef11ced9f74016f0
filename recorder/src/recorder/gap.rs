//! When nothing can be recorded: the disk is full, or the recorder was gone.

use protocol::journal::{Cause, Interruption};
use protocol::tap::{Disk, Status};

use super::{PROGRESS_US, Recorder};
use crate::disk::judge;
use crate::error::Error;
use crate::writer::Job;

impl Recorder {
    pub(super) fn writing(&self) -> bool {
        self.disk != Disk::Full && self.gap.is_none()
    }

    /// Ends the gap when there is nothing against it.
    pub(super) fn go_on(&mut self) -> Result<(), Error> {
        let Some((from_us, cause)) = self.gap else {
            return Ok(());
        };
        if self.disk == Disk::Full || (cause == Cause::Restart && self.feeds.is_empty()) {
            return Ok(());
        }
        self.gap = None;
        if cause == Cause::DiskFull {
            let ends = self.writer.barrier(true)?;
            for (track, end_us) in self.tracks.iter_mut().zip(ends) {
                track.lane.reset(end_us);
            }
        }
        let interruption = Interruption {
            from_us,
            to_us: self.now_us.max(from_us),
            cause,
        };
        self.writer.send(Job::Interrupted(interruption))
    }

    pub(super) fn watch_disk(&mut self) -> Result<(), Error> {
        let failed = self.writer.failed() && self.disk != Disk::Full;
        let due = self
            .progress_us
            .is_none_or(|said_us| self.now_us >= said_us + PROGRESS_US);
        if !(due || failed) {
            return Ok(());
        }
        self.progress_us = Some(self.now_us);
        let free = (self.options.free_space)(&self.dir);
        let mut disk = judge(free.unwrap_or(u64::MAX), self.options.reserve_bytes, self.disk);
        if failed {
            disk = Disk::Full;
        }
        if disk == Disk::Full && self.disk != Disk::Full {
            self.suspend()?;
        }
        self.disk = disk;
        self.progress(free);
        Ok(())
    }

    pub(super) fn suspend(&mut self) -> Result<(), Error> {
        self.warn("the disk is full: nothing is recorded until there is space".to_owned());
        for track in &mut self.tracks {
            if let Err(error) = track.lane.suspend() {
                tracing::warn!(%error, track = track.key.slug(), "the end of a track was lost");
            }
        }
        self.writer.barrier(false)?;
        self.gap = Some((self.writer.end_us(), Cause::DiskFull));
        Ok(())
    }

    pub(super) fn progress(&mut self, free: Option<u64>) {
        let free_bytes = match free {
            Some(free) => free,
            None => (self.options.free_space)(&self.dir).unwrap_or(u64::MAX),
        };
        self.statuses.push_back(Status::Progress {
            bytes: self.writer.bytes(),
            duration_ms: self.writer.end_us() / 1_000,
            free_bytes,
            disk: self.disk,
        });
    }
}
