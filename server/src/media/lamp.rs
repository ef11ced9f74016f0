//! What the recording lamp shows, from what the recorder says and does. Pure.

use protocol::signal::{Recording, RecordingState};
use protocol::tap::{Disk, Status};
use time::OffsetDateTime;

use crate::domain::event::EventKind;

/// Bytes have to grow at least this often for the lamp to say that more are coming.
const GROWS: time::Duration = time::Duration::seconds(10);
/// So many deaths in [`WINDOW`] are a failure, not an accident.
const DEATHS: usize = 3;
const WINDOW: time::Duration = time::Duration::minutes(1);

/// The lamp.
#[derive(Debug)]
pub struct Lamp {
    shown: Recording,
    /// Bytes of recorders before this one are on disk.
    begun: bool,
    grew_at: OffsetDateTime,
    deaths: Vec<OffsetDateTime>,
}

/// What happened to a recorder process.
#[derive(Clone, Debug)]
pub enum Happened {
    /// It was started.
    Spawned,
    /// It said something.
    Said(Status),
    /// It is gone, and not because it was done.
    Died,
    /// It closed the recording whole.
    Finished,
    /// Nothing; time went on.
    Tick,
}

impl Lamp {
    /// Before the first recorder.
    #[must_use]
    pub fn new(now: OffsetDateTime) -> Self {
        let shown = Recording {
            state: RecordingState::Idle,
            bytes: 0,
            duration_ms: 0,
        };
        Self {
            shown,
            begun: false,
            grew_at: now,
            deaths: Vec::new(),
        }
    }

    /// What it shows.
    #[must_use]
    pub fn shown(&self) -> Recording {
        self.shown
    }

    /// Takes what happened; returns what belongs in the event log.
    pub fn take(&mut self, now: OffsetDateTime, happened: &Happened) -> Option<EventKind> {
        match happened {
            Happened::Spawned => {
                if self.shown.state != RecordingState::Failed {
                    self.shown.state = RecordingState::Starting;
                }
                self.grew_at = now;
                None
            }
            Happened::Said(Status::Progress {
                bytes,
                duration_ms,
                disk,
                ..
            }) => self.progress(now, *bytes, *duration_ms, *disk),
            Happened::Said(Status::Finished { bytes, duration_ms }) => {
                (self.shown.bytes, self.shown.duration_ms) = (*bytes, *duration_ms);
                None
            }
            Happened::Said(_) => None,
            Happened::Died => {
                self.deaths.retain(|at| now - *at < WINDOW);
                self.deaths.push(now);
                let failed = self.deaths.len() >= DEATHS;
                self.shown.state = if failed {
                    RecordingState::Failed
                } else {
                    RecordingState::Starting
                };
                self.begun.then_some(EventKind::RecordingInterrupted)
            }
            Happened::Finished => {
                self.shown.state = RecordingState::Finished;
                Some(EventKind::RecordingFinished)
            }
            Happened::Tick => {
                if self.shown.state == RecordingState::Recording && now - self.grew_at >= GROWS {
                    self.shown.state = RecordingState::Starting;
                }
                None
            }
        }
    }

    fn progress(
        &mut self,
        now: OffsetDateTime,
        bytes: u64,
        duration_ms: u64,
        disk: Disk,
    ) -> Option<EventKind> {
        let was = self.shown.state;
        let grew = bytes > self.shown.bytes;
        if grew {
            self.grew_at = now;
            self.deaths.retain(|at| now - *at < WINDOW);
        }
        let fresh = now - self.grew_at < GROWS;
        (self.shown.bytes, self.shown.duration_ms) = (bytes, duration_ms);
        self.shown.state = match disk {
            Disk::Full => RecordingState::DiskFull,
            _ if bytes == 0 || !(grew || (fresh && writes(was))) => match was {
                RecordingState::Failed => RecordingState::Failed,
                _ => RecordingState::Starting,
            },
            Disk::Low => RecordingState::DiskLow,
            Disk::Ok => RecordingState::Recording,
        };
        let resumed = self.begun;
        self.begun |= bytes > 0;
        match (was, self.shown.state) {
            (was, now) if was == now => None,
            (RecordingState::DiskLow, RecordingState::DiskFull) => None,
            (_, RecordingState::DiskLow | RecordingState::DiskFull) => Some(EventKind::DiskShort),
            (was, RecordingState::Recording) if !writes(was) => Some(if resumed {
                EventKind::RecordingResumed
            } else {
                EventKind::RecordingStarted
            }),
            _ => None,
        }
    }

    /// The recording was begun before this server's time.
    pub fn resume(&mut self) {
        self.begun = true;
    }
}

/// Whether bytes are being written in this state.
fn writes(state: RecordingState) -> bool {
    matches!(state, RecordingState::Recording | RecordingState::DiskLow)
}

#[cfg(test)]
mod tests {
    use super::*;
    use RecordingState::{DiskFull, DiskLow, Failed, Finished, Idle, Recording as Lit, Starting};

    fn progress(bytes: u64, disk: Disk) -> Happened {
        Happened::Said(Status::Progress {
            bytes,
            duration_ms: bytes,
            free_bytes: 1,
            disk,
        })
    }

    fn run(steps: &[(i64, Happened, RecordingState, Option<EventKind>)]) {
        let start = OffsetDateTime::UNIX_EPOCH;
        let mut lamp = Lamp::new(start);
        assert_eq!(lamp.shown().state, Idle);
        for (number, (at, happened, state, event)) in steps.iter().enumerate() {
            let logged = lamp.take(start + time::Duration::seconds(*at), happened);
            assert_eq!(
                (lamp.shown().state, logged),
                (*state, *event),
                "step {number}: {happened:?}"
            );
        }
    }

    #[test]
    fn it_is_lit_only_when_bytes_are_on_disk_and_more_are_coming() {
        run(&[
            (0, Happened::Spawned, Starting, None),
            (
                1,
                Happened::Said(Status::Ready { resumed: false }),
                Starting,
                None,
            ),
            (2, progress(0, Disk::Ok), Starting, None),
            (3, progress(100, Disk::Ok), Lit, Some(EventKind::RecordingStarted)),
            (4, progress(100, Disk::Ok), Lit, None),
            (12, Happened::Tick, Lit, None),
            (13, Happened::Tick, Starting, None),
            (14, progress(100, Disk::Ok), Starting, None),
            (
                15,
                progress(200, Disk::Ok),
                Lit,
                Some(EventKind::RecordingResumed),
            ),
            (
                16,
                Happened::Finished,
                Finished,
                Some(EventKind::RecordingFinished),
            ),
        ]);
    }

    #[test]
    fn a_death_puts_it_out_until_bytes_grow_again() {
        run(&[
            (0, Happened::Spawned, Starting, None),
            (1, progress(100, Disk::Ok), Lit, Some(EventKind::RecordingStarted)),
            (2, Happened::Died, Starting, Some(EventKind::RecordingInterrupted)),
            (2, Happened::Spawned, Starting, None),
            (3, progress(100, Disk::Ok), Starting, None),
            (4, progress(150, Disk::Ok), Lit, Some(EventKind::RecordingResumed)),
        ]);
    }

    #[test]
    fn deaths_in_a_row_are_a_failure_that_is_still_tried() {
        run(&[
            (0, Happened::Spawned, Starting, None),
            (1, Happened::Died, Starting, None),
            (2, Happened::Died, Starting, None),
            (3, Happened::Died, Failed, None),
            (4, Happened::Spawned, Failed, None),
            (5, progress(0, Disk::Ok), Failed, None),
            (6, progress(9, Disk::Ok), Lit, Some(EventKind::RecordingStarted)),
        ]);
    }

    #[test]
    fn a_short_disk_is_told_once() {
        run(&[
            (0, Happened::Spawned, Starting, None),
            (1, progress(1, Disk::Ok), Lit, Some(EventKind::RecordingStarted)),
            (2, progress(2, Disk::Low), DiskLow, Some(EventKind::DiskShort)),
            (3, progress(3, Disk::Low), DiskLow, None),
            (4, progress(3, Disk::Full), DiskFull, None),
            (5, progress(4, Disk::Ok), Lit, Some(EventKind::RecordingResumed)),
            (6, progress(4, Disk::Full), DiskFull, Some(EventKind::DiskShort)),
        ]);
    }
}
