//! H264 profiles as `profile-level-id` names them (RFC 6184 §8.1, table 5).

/// A profile the engine forwards, best for weak terminals first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Profile {
    /// Decoded by every terminal's hardware.
    ConstrainedBaseline,
    /// What Chromium calls 4200xx.
    Baseline,
    /// 4d00xx.
    Main,
    /// 640cxx.
    ConstrainedHigh,
    /// 6400xx.
    High,
}

/// Of an H264 format without `profile-level-id` (RFC 6184 §8.1): Baseline, level 1.
pub(super) const DEFAULT_PROFILE_LEVEL_ID: u32 = 0x42_000a;

/// The profile of a `profile-level-id`; `None` for one that is not forwarded.
pub(super) fn profile(profile_level_id: u32) -> Option<Profile> {
    let [_, idc, constraints, _level] = profile_level_id.to_be_bytes();
    let (set0, set1) = (constraints & 0x80 != 0, constraints & 0x40 != 0);
    match idc {
        0x42 if set1 => Some(Profile::ConstrainedBaseline),
        0x42 => Some(Profile::Baseline),
        0x4d if set0 => Some(Profile::ConstrainedBaseline),
        0x4d => Some(Profile::Main),
        0x58 if set0 && set1 => Some(Profile::ConstrainedBaseline),
        0x58 if set0 => Some(Profile::Baseline),
        0x64 if constraints & 0x0c == 0x0c => Some(Profile::ConstrainedHigh),
        0x64 => Some(Profile::High),
        _ => None,
    }
}
