//! A classroom that takes part: it sends its camera and microphone as well, over a peer of the `webrtc` crate.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use webrtc::peer_connection::RTCPeerConnectionState as State;

use crate::attend::receive::Meters;
use crate::media::clip::Clip;
use crate::peer::setup::Setup;
use crate::peer::{Peer, up};
use crate::signal::sections::Sections;
use crate::teach::feedback;
use crate::teach::publish::{Publication, Sent};
use crate::teach::schedule::Schedule;

/// See the module.
pub(super) struct Part {
    peer: Peer,
    sections: Sections,
    playing: JoinHandle<()>,
}

impl Drop for Part {
    fn drop(&mut self) {
        self.playing.abort();
    }
}

impl Part {
    /// One that sends `clip` as soon as it is connected, and counts into `meters` and `sent`.
    pub(super) async fn new(
        setup: &Setup,
        meters: &Meters,
        clip: &Clip,
        sent: &Arc<Sent>,
    ) -> anyhow::Result<Self> {
        let (registry, mut requests) = feedback::beside(meters.chain(), Arc::default());
        let peer = setup.peer(registry).await?;
        let schedule = Schedule::new(std::slice::from_ref(clip), true, Duration::ZERO);
        let mut publication = Publication::new(schedule, Arc::clone(sent));
        for track in publication.tracks() {
            peer.send(track).await?;
        }
        let mut state = peer.state();
        let playing = tokio::spawn(async move {
            if up(&mut state).await.is_ok() {
                // Until the connection is gone.
                let _ = publication.play(&mut requests).await;
            }
        });
        Ok(Self {
            peer,
            sections: Sections::default(),
            playing,
        })
    }

    /// Carries an offer out.
    pub(super) async fn answer(&mut self, offer: &str) -> anyhow::Result<String> {
        let answer = self.peer.answer(self.sections.offer(offer)).await?;
        Ok(self.sections.answer(&answer))
    }

    pub(super) fn state(&self) -> watch::Receiver<State> {
        self.peer.state()
    }

    pub(super) async fn close(&self) {
        self.peer.close().await;
    }
}
