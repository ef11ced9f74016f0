//! Headless teachers and classrooms that talk to a server as strangers would: by WHIP, WHEP and signalling, over the
//! off-the-shelf `webrtc` crate. Nothing of the engine is used, so that nothing of its mistakes is shared.
//!
//! - [`teach`]: publishes footage in real time.
//! - [`attend`]: receives as many classrooms and reports.
//! - [`scenario`]: attendances of named cases, judged.
//! - [`page`]: a report as a page.
//! - [`footage`]: makes the footage.
//! - [`impair`]: a bad line.
//! - [`flood`]: packets that mean harm.
//! - [`server`], [`signal`], [`whip`], [`peer`], [`receiver`], [`media`]: what they are built of.

pub mod attend;
pub mod cli;
pub mod cpu;
pub mod flood;
pub mod footage;
pub mod impair;
pub mod media;
pub mod page;
pub mod peer;
pub mod progress;
pub mod receiver;
pub mod scenario;
pub mod server;
pub mod signal;
pub mod teach;
pub mod whip;
