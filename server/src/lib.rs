//! The server of Tongke: identity, timetable, signalling, rooms, library, API and pages.
//!
//! Dependencies point one way: [`domain`] (pure rules) ← [`service`] (use cases and authorisation) ← edges ([`http`],
//! [`store`], signalling and media). [`app`] wires them together.

pub mod app;
pub mod clock;
pub mod config;
pub mod demo;
pub mod domain;
pub mod http;
pub mod live;
pub mod media;
pub mod metrics;
pub mod output;
pub mod probes;
pub mod redact;
pub mod replay;
pub mod room;
pub mod rooms;
pub mod service;
pub mod signal;
pub mod store;
pub mod tls;
pub mod turn;
