//! Media files and RTP, without any network.

pub mod clip;
pub mod h264;
pub mod rtp_clock;
