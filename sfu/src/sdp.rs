//! Between SDP text and the words of [`crate::negotiated`]: pure functions, no state, no clock.
//!
//! Two ways lead through here. The engine offers to browsers of the signalling ([`offer`], then [`read_answer`]); WHIP and WHEP
//! clients offer to the engine ([`read_offer`], [`agree()`] for each section, then [`answer`]), and may restart ICE with a
//! fragment ([`read_fragment`], [`fragment()`]).
//!
//! The engine is ICE-lite with host candidates only, bundles every section on one transport with RTCP on the same port, and is
//! always DTLS server. What a client sends is bounded and never panics: it is read whole or refused with an `SdpError`.

mod agree;
mod catalogue;
mod error;
mod extensions;
mod formats;
mod fragment;
mod h264;
mod media;
mod offer_answer;
mod text;
mod transport;
mod write;

#[cfg(test)]
mod tests;

pub(crate) use agree::agree;
pub(crate) use catalogue::offered_extensions;
#[cfg(test)]
pub(crate) use catalogue::offered_payloads;
pub(crate) use fragment::{fragment, read_fragment};
pub(crate) use offer_answer::{RemoteOffer, read_answer, read_offer};
pub(crate) use write::{SessionIds, answer, offer};
