//! A bad line: loss, delay and cuts, the same every time for the same seed.
//!
//! [`queue`] is the model of one direction, without sockets or clock; [`relay`] puts it between two real UDP ends.

pub mod queue;
pub mod relay;
pub mod through;
