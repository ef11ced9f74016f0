//! What a client does with a change.

use protocol::signal::{Change, Room as Snapshot};

/// Applies a change to a snapshot, as a client does.
pub(super) fn apply(room: &mut Snapshot, revision: u64, change: Change) {
    room.revision = revision;
    if let Some(lesson) = change.lesson {
        room.lesson = lesson;
    }
    if let Some(recording) = change.recording {
        room.recording = recording;
    }
    if let Some(observers) = change.observers {
        room.observers = observers;
    }
    room.peers.retain(|peer| !change.gone.contains(&peer.id));
    for peer in change.peers {
        match room.peers.iter_mut().find(|other| other.id == peer.id) {
            Some(other) => *other = peer,
            None => room.peers.push(peer),
        }
    }
    room.peers.sort_by_key(|peer| peer.id);
}
