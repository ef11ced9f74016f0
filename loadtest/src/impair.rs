//! A bad line: loss in bursts, delay, jitter, overtaking, a narrow place with a queue, cuts; scripted over time, and the same
//! every time for the same seed.
//!
//! [`script`] says what a line is like when, [`loss`] which packets it loses, [`queue`] is the model of one direction, without
//! sockets or clock; [`relay`] puts it between two real UDP ends, [`through`] leads a session's media over it.

pub mod loss;
pub mod queue;
pub mod relay;
pub mod script;
pub mod through;
