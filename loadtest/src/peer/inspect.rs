//! A place in the `webrtc` crate's chain from which packets are looked at: what is common to all who look.

use std::collections::VecDeque;
use std::time::Instant;

use rtc::interceptor::{AttributedPacket, Interceptor, Packet, StreamInfo, TaggedPacket};
use rtc::sansio::Protocol;
use rtc::shared::TransportContext;
use rtc::shared::error::Error;

/// The place behind the last one of the crate's own, on the application's side.
pub const LAST: usize = 14_000;

/// Who looks.
pub trait Inspect: Send + Sync {
    /// A packet came from the wire; what is returned goes on to the application. Packets put into `out` go to the wire with
    /// the next that leave.
    fn came(&mut self, message: TaggedPacket, _out: &mut Outbox) -> Option<TaggedPacket> {
        Some(message)
    }

    /// A packet is on its way to the wire.
    fn leaves(&mut self, _packet: &mut Packet) {}

    /// A stream of ours begins.
    fn sends(&mut self, _info: &StreamInfo) {}

    /// A stream of the other end's begins.
    fn begins(&mut self, _info: &StreamInfo) {}

    /// A stream of the other end's is over.
    fn ends(&mut self, _info: &StreamInfo) {}
}

/// Packets of one's own that are to leave.
#[derive(Default)]
pub struct Outbox(VecDeque<TaggedPacket>);

impl Outbox {
    /// Sends an RTCP packet.
    pub fn rtcp(&mut self, now: Instant, packet: Box<dyn rtc::rtcp::Packet>) {
        self.0.push_back(TaggedPacket {
            now,
            transport: TransportContext::default(),
            message: AttributedPacket::new(Packet::Rtcp(vec![packet])),
        });
    }
}

/// An [`Inspect`] in a chain.
pub struct Inspector<I> {
    inspect: I,
    own: Outbox,
    read: VecDeque<TaggedPacket>,
    written: VecDeque<TaggedPacket>,
}

impl<I> Inspector<I> {
    /// Puts `inspect` into a chain.
    #[must_use]
    pub fn new(inspect: I) -> Self {
        Self {
            inspect,
            own: Outbox::default(),
            read: VecDeque::new(),
            written: VecDeque::new(),
        }
    }
}

impl<I: Inspect> Protocol<TaggedPacket, TaggedPacket, ()> for Inspector<I> {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, message: TaggedPacket) -> Result<(), Error> {
        self.read.extend(self.inspect.came(message, &mut self.own));
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.read.pop_front()
    }

    fn handle_write(&mut self, mut message: TaggedPacket) -> Result<(), Error> {
        self.inspect.leaves(&mut message.message.packet);
        self.written.push_back(message);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.own.0.pop_front().or_else(|| self.written.pop_front())
    }
}

impl<I: Inspect> Interceptor for Inspector<I> {
    fn bind_local_stream(&mut self, info: &StreamInfo) {
        self.inspect.sends(info);
    }

    fn unbind_local_stream(&mut self, _: &StreamInfo) {}

    fn bind_remote_stream(&mut self, info: &StreamInfo) {
        self.inspect.begins(info);
    }

    fn unbind_remote_stream(&mut self, info: &StreamInfo) {
        self.inspect.ends(info);
    }
}
