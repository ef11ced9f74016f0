//! Selective-forwarding media engine.
//!
//! The control plane holds an [`Engine`]: a cheap handle to one thread per core. Everything it asks is answered by one of
//! those threads; everything that happens by itself comes out of [`Events`].

mod allocation;
mod api;
mod bandwidth;
mod directory;
mod divided;
mod dtls;
mod edge;
mod engine;
mod framing;
mod history;
mod ice;
mod metrics;
mod negotiated;
mod outgoing;
mod pacing;
mod packet;
mod receive;
mod rtcp;
mod rtp;
mod sdp;
mod shard;
mod spare;
mod srtp;
#[doc(hidden)]
pub mod testing;
pub mod turn;

pub use api::{
    Answer, EngineConfig, EngineError, Event, Events, MediaWish, NegotiatedTrack, PeerStats, PublishTrack,
    SectionPlan, SessionOffer, StartError, Tap, TapEvent, WatchTrack,
};
pub use engine::Engine;
