//! What cannot be saved: AES-128-GCM over each packet for each receiver, and one GSO send per frame.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use quinn_udp::{Transmit, UdpSockRef, UdpSocketState};

use crate::publisher::{AUDIO_BYTES, AUDIO_EVERY, FRAME_BYTES, FRAME_EVERY, PACKET_BYTES};
use crate::usage::Usage;

const HEADER: usize = 12;
const TAG: usize = 16;
const THREAD: &str = "floor";

struct Receiver {
    address: SocketAddr,
    key: LessSafeKey,
    sent: u64,
}

struct Floor {
    socket: UdpSocket,
    state: UdpSocketState,
    receivers: Vec<Receiver>,
    buffer: Vec<u8>,
    packets: u64,
    sends: u64,
}

/// Sends frames and sound to `targets` for so long; what that used.
pub fn run(targets: Vec<SocketAddr>, duration: Duration) -> Usage {
    std::thread::Builder::new()
        .name(THREAD.to_owned())
        .spawn(move || {
            let mut floor = Floor::new(targets);
            let before = Usage::of(THREAD);
            floor.send_for(duration);
            let used = Usage::of(THREAD).since(&before);
            Usage {
                packets: floor.packets,
                sends: floor.sends,
                ..used
            }
        })
        .expect("a thread")
        .join()
        .expect("the floor ends")
}

impl Floor {
    fn new(targets: Vec<SocketAddr>) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let state = UdpSocketState::new(UdpSockRef::from(&socket)).expect("a socket state");
        let receivers = targets
            .into_iter()
            .enumerate()
            .map(|(at, address)| Receiver {
                address,
                key: key(at),
                sent: 0,
            })
            .collect();
        Self {
            socket,
            state,
            receivers,
            buffer: Vec::with_capacity(64 * 1024),
            packets: 0,
            sends: 0,
        }
    }

    fn send_for(&mut self, duration: Duration) {
        let begin = Instant::now();
        // As the teacher does.
        let (mut frame_at, mut sound_at) = (begin, begin + AUDIO_EVERY / 2);
        while begin.elapsed() < duration {
            let next = frame_at.min(sound_at);
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
            if frame_at <= Instant::now() {
                frame_at += FRAME_EVERY;
                self.send_all(FRAME_BYTES, PACKET_BYTES);
            }
            if sound_at <= Instant::now() {
                sound_at += AUDIO_EVERY;
                self.send_all(AUDIO_BYTES, AUDIO_BYTES);
            }
        }
    }

    fn send_all(&mut self, bytes: usize, largest: usize) {
        let plain = [0x55; PACKET_BYTES];
        for at in 0..self.receivers.len() {
            let receiver = &mut self.receivers[at];
            self.buffer.clear();
            let mut left = bytes;
            while left > 0 {
                let payload = left.min(largest);
                left -= payload;
                seal(receiver, &mut self.buffer, &plain[..payload]);
                self.packets += 1;
            }
            let segment = HEADER + largest + TAG;
            self.sends += 1;
            let transmit = Transmit {
                destination: receiver.address,
                ecn: None,
                contents: &self.buffer,
                segment_size: (self.buffer.len() > segment).then_some(segment),
                src_ip: None,
            };
            // A full queue is the receivers' fault and shows as their loss.
            let _ = self.state.try_send(UdpSockRef::from(&self.socket), &transmit);
        }
    }
}

fn key(seed: usize) -> LessSafeKey {
    let mut bytes = [7; 16];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &bytes).expect("16 bytes"))
}

fn seal(receiver: &mut Receiver, buffer: &mut Vec<u8>, payload: &[u8]) {
    let mut header = [0; HEADER];
    header[0] = 0x80;
    header[2..4].copy_from_slice(&(receiver.sent as u16).to_be_bytes());
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&receiver.sent.to_be_bytes());
    receiver.sent += 1;
    buffer.extend_from_slice(&header);
    let start = buffer.len();
    buffer.extend_from_slice(payload);
    let tag = receiver
        .key
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(header),
            &mut buffer[start..],
        )
        .expect("a packet is small");
    buffer.extend_from_slice(tag.as_ref());
}
