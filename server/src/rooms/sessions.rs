//! WHIP and WHEP sessions by the secret of their address.

use std::collections::HashMap;
use std::sync::Mutex;

use protocol::id::{LessonId, PeerId};
use rand::Rng;

use super::lock;

/// Which protocol a session speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Publishes.
    Whip,
    /// Watches.
    Whep,
}

impl Kind {
    /// The word in addresses and metrics.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Whip => "whip",
            Self::Whep => "whep",
        }
    }
}

/// A session.
#[derive(Clone, Debug)]
pub struct Session {
    /// Which protocol.
    pub kind: Kind,
    /// Which lesson.
    pub lesson: LessonId,
    /// The engine's peer.
    pub peer: PeerId,
    /// ICE session of the server's side: the ETag.
    pub ice_session: String,
    /// The client's `a=ice-ufrag`: a fragment with another is an ICE restart.
    pub client_ufrag: String,
}

/// All sessions. As many as rooms let in.
#[derive(Debug, Default)]
pub struct Sessions {
    by_secret: Mutex<HashMap<String, Session>>,
}

impl Sessions {
    /// Keeps a session; returns the secret of its address, 128 bits that nobody guesses.
    pub fn add(&self, session: Session) -> String {
        let secret = format!("{:032x}", rand::rng().random::<u128>());
        lock(&self.by_secret).insert(secret.clone(), session);
        secret
    }

    /// The session of a secret, if it is of this kind.
    #[must_use]
    pub fn get(&self, kind: Kind, secret: &str) -> Option<Session> {
        lock(&self.by_secret)
            .get(secret)
            .filter(|session| session.kind == kind)
            .cloned()
    }

    /// Its ICE was restarted.
    pub fn restarted(&self, secret: &str, ice_session: String, client_ufrag: String) {
        if let Some(session) = lock(&self.by_secret).get_mut(secret) {
            session.ice_session = ice_session;
            session.client_ufrag = client_ufrag;
        }
    }

    /// Forgets the session of an engine peer.
    pub fn forget(&self, peer: PeerId) {
        lock(&self.by_secret).retain(|_, session| session.peer != peer);
    }

    /// Forgets the sessions of a lesson.
    pub fn forget_lesson(&self, lesson: LessonId) {
        lock(&self.by_secret).retain(|_, session| session.lesson != lesson);
    }

    /// How many there are of a kind.
    #[must_use]
    pub fn count(&self, kind: Kind) -> i64 {
        let count = lock(&self.by_secret)
            .values()
            .filter(|session| session.kind == kind)
            .count();
        i64::try_from(count).unwrap_or(i64::MAX)
    }
}
