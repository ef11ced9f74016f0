//! Ids and messages shared by the programs of Tongke. No I/O, no clock, no policy.
//!
//! - [`id`]: one newtype per noun.
//! - [`signal`]: what a peer and the server say to each other on `/signal`.
//! - [`tap`]: what the server streams to a recorder process, and what the recorder answers.
//! - [`journal`]: what the recorder writes beside the media, and the server builds playlists from.
//! - [`api`]: bodies of the REST API.
//! - [`media`]: words for tracks and codecs.

pub mod api;
pub mod id;
pub mod journal;
pub mod media;
pub mod signal;
pub mod tap;
