//! The live side over real sockets: signalling, WHIP, WHEP and recorders, on free ports over a directory of their own.

#[path = "live/documents.rs"]
mod documents;
#[path = "live/recording.rs"]
mod recording;
#[path = "live/server.rs"]
mod server_under_test;
#[path = "live/signalling.rs"]
mod signalling;
#[path = "live/tools.rs"]
mod tools;
