//! What a peer says.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use super::wish::Wish;
#[cfg(doc)]
use super::{ErrorCode, Offer, VERSION};
use crate::id::PeerId;
use crate::media::Transport;

/// A message from a peer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
#[ts(export)]
pub enum ClientMessage {
    /// The first message of a socket.
    Hello {
        /// [`VERSION`].
        version: u32,
        /// Join token of `POST /api/v1/lessons/{lesson}/join` or `tongke token`.
        token: String,
        /// One tab or program: made once when the page loads and kept over reconnects. Another instance in the same seat
        /// takes the seat over.
        instance: String,
        /// Take the seat even when another instance holds it and is alive. A page sets it at load and clears it after it
        /// was told [`ErrorCode::SeatTaken`], so that two tabs do not fight.
        #[serde(default)]
        take_over: bool,
        /// The last revision this instance saw, for the log; 0 at first.
        #[serde(default)]
        revision: u64,
        /// What the peer wants.
        wish: Wish,
    },
    /// What the peer wants now, whole. Answered by an `offer` when media changes.
    Wish {
        /// The wish.
        wish: Wish,
    },
    /// Answer to the offer with the same number. Answers to older offers are ignored.
    Answer {
        /// [`Offer::negotiation`].
        negotiation: u32,
        /// SDP.
        sdp: String,
    },
    /// Something a person did. Answered by `done` or `error` with the same `id`.
    Act {
        /// Chosen by the client.
        id: u32,
        /// What was done.
        action: Action,
    },
    /// How it is at the peer, about every 2 s and at once on a change.
    Report {
        /// The report.
        report: Report,
    },
    /// The media connection failed and a fresh one is wanted. Answered by an `offer` with `fresh`.
    Restart {},
    /// Asks for a `pong`.
    Ping {
        /// Returned as it is.
        id: u32,
    },
}

/// Something a person did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "do", rename_all = "snake_case")]
#[ts(export)]
pub enum Action {
    /// Teacher: the lesson is live from now.
    Start {},
    /// Teacher: the lesson is over.
    End {},
    /// Teacher: bring a classroom on stage or take it off.
    Stage {
        /// The classroom's peer.
        peer: PeerId,
        /// On or off.
        on: bool,
    },
    /// Classroom: raise or lower the hand. Teacher: lower a classroom's hand (`peer`).
    Hand {
        /// Up or down.
        up: bool,
        /// Whose, when it is not one's own.
        #[serde(default)]
        #[ts(optional)]
        peer: Option<PeerId>,
    },
    /// Teacher: silence a classroom on stage, or lift it.
    Silence {
        /// The classroom's peer.
        peer: PeerId,
        /// Silenced or not.
        on: bool,
    },
    /// Classroom: call for help, or say that it is solved.
    Help {
        /// Wanted or solved.
        wanted: bool,
    },
    /// Teacher: show a short text on a classroom's screen, or on all.
    Message {
        /// To whom; all when absent.
        #[serde(default)]
        #[ts(optional)]
        peer: Option<PeerId>,
        /// At most 200 characters.
        text: String,
    },
}

/// How it is at a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[ts(export)]
pub struct Report {
    /// Sound of the teacher is being played; absent when there is none to play.
    pub hears: Option<bool>,
    /// Pictures of the teacher are being decoded; absent when there is none to show.
    pub sees: Option<bool>,
    /// Loss of the last seconds in 1/1000.
    pub loss_permille: u16,
    /// Round trip time in ms.
    pub rtt_ms: u16,
    /// Total time of frozen picture since the join in ms.
    pub frozen_ms: u32,
    /// Level of the peer's own microphone, 0 to 100, also while it is muted.
    pub microphone_level: u8,
    /// The camera gives pictures; absent when there is no camera.
    pub camera_works: Option<bool>,
    /// The microphone gives sound; absent when there is no microphone.
    pub microphone_works: Option<bool>,
    /// What its media runs over; absent when it does not say.
    pub transport: Option<Transport>,
    /// How far behind it plays the lesson by HLS, because its network lets no media through, in ms; absent when it does not.
    pub delayed_ms: Option<u32>,
}
