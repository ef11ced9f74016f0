//! What clients wish.

use protocol::id::TrackId;
use protocol::media::{MediaKind, Source};
use sfu::{MediaWish, PublishTrack, WatchTrack};

/// A wish to send a camera and a microphone.
pub fn publishing(camera: TrackId, microphone: TrackId) -> MediaWish {
    MediaWish {
        decodes: 0,
        publish: vec![
            PublishTrack {
                track: camera,
                source: Source::Camera,
                simulcast: false,
            },
            PublishTrack {
                track: microphone,
                source: Source::Microphone,
                simulcast: false,
            },
        ],
        watch: Vec::new(),
    }
}

/// A wish to get a camera and a microphone.
pub fn watching(camera: TrackId, microphone: TrackId) -> MediaWish {
    MediaWish {
        decodes: 0,
        publish: Vec::new(),
        watch: [(camera, MediaKind::Video), (microphone, MediaKind::Audio)]
            .into_iter()
            .map(|(track, kind)| WatchTrack {
                track,
                kind,
                height: 0,
                priority: 100,
            })
            .collect(),
    }
}
