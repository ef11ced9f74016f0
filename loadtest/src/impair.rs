//! A bad line: loss in bursts, delay, jitter, overtaking, a narrow place with a queue, cuts; scripted over time, and the same
//! every time for the same seed.
//!
//! [`script`] says what a line is like when, [`loss`] which packets it loses, [`passage`] draws what befalls what is sent over one
//! direction, without sockets or clock. [`queue`] is the model for packets, which [`relay`] puts between two real UDP ends;
//! [`stream`] is the one for bytes, and [`tcp`] puts it between two ends of TCP. [`through`] leads a session's media and signalling
//! over both.

pub mod loss;
pub mod passage;
pub mod queue;
pub mod relay;
pub mod script;
pub mod stream;
pub mod tcp;
pub mod through;
