//! Packets that mean harm, at a rate and for a time, at the media ports of a server: what strangers can send, and what somebody can
//! who was let into the lesson.

pub mod packets;
pub mod pour;
pub mod run;
