//! Receiving a publisher's streams: what is missing, what to report, when to ask for a keyframe.

pub(crate) mod arrivals;
pub(crate) mod keyframes;
pub(crate) mod missing;
pub(crate) mod rate;
pub(crate) mod statistics;
