//! Teachers and classrooms against a WHIP, WHEP and signalling server of the same off-the-shelf peer connections.

mod attend;
mod attendance;
mod server;
mod signal;
mod signal_server;
mod teach;
