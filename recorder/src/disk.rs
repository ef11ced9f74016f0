//! Watches the free space of the recording's disk.

use std::path::Path;

use protocol::tap::Disk;

/// Free space above the reserve, as a part of the reserve, below which the alarm is raised.
const LOW_ABOVE: u64 = 1;
/// Free space above the reserve, as a fraction of it, at which writing goes on again.
const AGAIN_ABOVE: u64 = 4;
/// As much is enough for any reserve: an hour of a lesson.
const AGAIN_AT_MOST: u64 = 1 << 30;

/// Says how many bytes are free where a path is; `None` when that cannot be known.
pub type FreeSpace = Box<dyn FnMut(&Path) -> Option<u64> + Send>;

/// Free space by `statvfs`, for one who is not root.
#[must_use]
pub fn free_space() -> FreeSpace {
    Box::new(|path| {
        let stat = rustix::fs::statvfs(path).ok()?;
        Some(stat.f_bavail.saturating_mul(stat.f_frsize))
    })
}

/// The state that follows from `free` bytes when `reserve` have to stay, and the state before.
pub(crate) fn judge(free: u64, reserve: u64, before: Disk) -> Disk {
    let full_below = match before {
        Disk::Full => reserve.saturating_add((reserve / AGAIN_ABOVE).min(AGAIN_AT_MOST)),
        Disk::Ok | Disk::Low => reserve,
    };
    if free < full_below {
        Disk::Full
    } else if free < reserve.saturating_add(reserve.saturating_mul(LOW_ABOVE)) {
        Disk::Low
    } else {
        Disk::Ok
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alarm_comes_before_the_end_and_the_end_does_not_flutter() {
        assert_eq!(judge(250, 100, Disk::Ok), Disk::Ok);
        assert_eq!(judge(150, 100, Disk::Ok), Disk::Low);
        assert_eq!(judge(99, 100, Disk::Low), Disk::Full);
        assert_eq!(judge(110, 100, Disk::Full), Disk::Full);
        assert_eq!(judge(125, 100, Disk::Full), Disk::Low);
        assert_eq!(judge(0, 0, Disk::Ok), Disk::Ok);
        let large = 100 << 30;
        assert_eq!(judge(large + AGAIN_AT_MOST, large, Disk::Full), Disk::Low);
    }
}
