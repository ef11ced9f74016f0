//! Media of the control plane: the tap of a room, written to a recorder process that is watched and restarted.
//!
//! - [`lamp`]: what the recording lamp shows, from what the recorder says and does.
//! - [`pump`]: a tap's events as frames for the recorder, in a bounded buffer.
//! - [`recorder`]: the process and its restarts.

pub mod lamp;
pub mod pump;
pub mod recorder;
