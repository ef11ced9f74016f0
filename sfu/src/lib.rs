//! Selective-forwarding media engine.
//!
//! The control plane holds an [`Engine`]: a cheap handle to one thread per core. Everything it asks is answered by one of
//! those threads; everything that happens by itself comes out of [`Events`].

mod api;
mod engine;
#[allow(dead_code, reason = "read by the engine, which lands next")]
mod negotiated;
#[allow(dead_code, unused_imports, reason = "called by the engine, which lands next")]
mod sdp;

pub use api::{
    Answer, EngineConfig, EngineError, Event, Events, MediaWish, NegotiatedTrack, PeerStats, PublishTrack,
    SectionPlan, SessionOffer, StartError, Tap, TapEvent, WatchTrack,
};
pub use engine::Engine;
