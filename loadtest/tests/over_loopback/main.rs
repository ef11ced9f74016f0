//! Teachers and classrooms against a WHIP and WHEP server of the same off-the-shelf peer connections.

mod attend;
mod server;
mod teach;
