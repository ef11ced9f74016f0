//! The media sections of a peer's session: each keeps its place and mid for as long as the session lasts.

use protocol::id::TrackId;
use protocol::media::MediaKind;

use crate::api::{PublishTrack, WatchTrack};
use crate::negotiated::{Flow, Section, SsrcPair};
use crate::packet::MAX_LAYERS;

/// Names of the layers a publisher is asked for, best first.
const RIDS: [&str; MAX_LAYERS] = ["f", "h", "q"];

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Slots {
    sections: Vec<Section>,
    /// What each section was used for last; it is used again for the same only.
    uses: Vec<Flow>,
    /// Refused by the client, or not ours to offer again.
    refused: Vec<bool>,
}

impl Slots {
    /// No sections.
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Sections of a client's offer, as we answered them.
    pub(super) fn answering(sections: Vec<Section>) -> Self {
        let uses = sections.iter().map(|section| section.flow).collect();
        let refused = vec![false; sections.len()];
        Self {
            sections,
            uses,
            refused,
        }
    }

    /// As they are offered.
    pub(super) fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// For changing what answered sections carry.
    pub(super) fn sections_mut(&mut self) -> &mut [Section] {
        &mut self.sections
    }

    /// Makes the sections say what is wished. Returns whether anything has to be negotiated.
    pub(super) fn state(&mut self, publish: &[PublishTrack], watch: &[(WatchTrack, String)]) -> bool {
        let mut changed = false;
        for section in &mut self.sections {
            let wanted = match section.flow {
                Flow::FromPeer => publish.iter().any(|wish| Some(wish.track) == section.track),
                Flow::ToPeer => watch.iter().any(|(wish, _)| Some(wish.track) == section.track),
                Flow::Inactive => true,
            };
            if !wanted {
                section.flow = Flow::Inactive;
                section.track = None;
                section.stream = None;
                section.ssrcs.clear();
                changed = true;
            }
        }
        for wish in publish {
            if !self.carries(Flow::FromPeer, wish.track) {
                let at = self.begin(Flow::FromPeer, wish.source.kind(), wish.track, None);
                if wish.simulcast && wish.source.kind() == MediaKind::Video {
                    self.sections[at].rids = RIDS.map(str::to_owned).to_vec();
                }
                changed = true;
            }
        }
        for (wish, stream) in watch {
            if !self.carries(Flow::ToPeer, wish.track) {
                self.begin(Flow::ToPeer, wish.kind, wish.track, Some(stream.clone()));
                changed = true;
            }
        }
        changed
    }

    fn carries(&self, flow: Flow, track: TrackId) -> bool {
        self.sections
            .iter()
            .any(|section| section.flow == flow && section.track == Some(track))
    }

    /// Makes a section for a track; where it is.
    fn begin(&mut self, flow: Flow, kind: MediaKind, track: TrackId, stream: Option<String>) -> usize {
        let free = (0..self.sections.len()).find(|&at| {
            let section = &self.sections[at];
            section.flow == Flow::Inactive
                && section.kind == kind
                && self.uses[at] == flow
                && !self.refused[at]
        });
        let at = free.unwrap_or_else(|| {
            let mid = self.sections.len().to_string();
            self.sections.push(Section::offered(mid, kind, flow));
            self.uses.push(flow);
            self.refused.push(false);
            self.sections.len() - 1
        });
        let ssrcs = match flow {
            // New ones each time: numbers of a stream are never used twice under one key.
            Flow::ToPeer => vec![self.fresh_ssrcs(kind)],
            _ => Vec::new(),
        };
        let section = &mut self.sections[at];
        section.flow = flow;
        section.track = Some(track);
        section.stream = stream;
        section.ssrcs = ssrcs;
        section.rids.clear();
        at
    }

    fn fresh_ssrcs(&self, kind: MediaKind) -> SsrcPair {
        let used = |ssrc: u32| {
            self.sections
                .iter()
                .flat_map(|section| &section.ssrcs)
                .any(|pair| pair.media == ssrc || pair.rtx == Some(ssrc))
        };
        fresh_ssrcs(kind, used)
    }

    /// The client answered: what it refused stays refused.
    pub(super) fn answered(&mut self, agreed: &[Section]) {
        for (at, section) in agreed.iter().enumerate() {
            if section.payloads.is_empty()
                && let (Some(ours), Some(refused)) = (self.sections.get_mut(at), self.refused.get_mut(at))
            {
                ours.payloads.clear();
                *refused = true;
            }
        }
    }
}

/// SSRCs for a stream of ours that are not in use.
pub(super) fn fresh_ssrcs(kind: MediaKind, used: impl Fn(u32) -> bool) -> SsrcPair {
    let fresh = |other: Option<u32>| loop {
        let ssrc: u32 = rand::random();
        // Small numbers are those of reports that belong to no stream.
        if ssrc > 0xffff && Some(ssrc) != other && !used(ssrc) {
            return ssrc;
        }
    };
    let media = fresh(None);
    SsrcPair {
        media,
        rtx: (kind == MediaKind::Video).then(|| fresh(Some(media))),
    }
}
