//! A bad line: loss in bursts, delay, jitter, overtaking, a narrow place with a queue, cuts; scripted over time, and the same
//! every time for the same seed.
//!
//! [`script`] says what a line is like when, [`loss`] which packets it loses, [`queue`] is the model of one direction, without
//! sockets or clock; [`relay`] puts it between two real UDP ends, [`stream`] under a stream of bytes, and [`through`] leads a
//! session's media and signalling over both.

pub mod loss;
pub mod queue;
pub mod relay;
pub mod script;
pub mod stream;
pub mod through;
