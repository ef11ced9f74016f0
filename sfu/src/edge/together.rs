//! Several sends by one call of the kernel. The way into it and back is saved, and what it and we need for a send is found in near
//! caches by the next one.

use std::io::IoSlice;
use std::os::fd::AsFd;

use nix::sys::socket::{setsockopt, sockopt};
use rustix::net::addr::SocketAddrArg as _;
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, sendmmsg};

use crate::metrics::Metrics;
use crate::shard::Parcel;

/// Sends by one call.
const MOST: usize = 16;

/// Sends the first of `parcels`, which are all cut into the same length or not cut at all. Returns how many the kernel took: fewer
/// than there are where it has no room, or refuses the next.
pub(super) fn send(socket: &impl AsFd, bytes: &[u8], parcels: &[Parcel], metrics: &Metrics) -> usize {
    let parcels = &parcels[..parcels.len().min(MOST)];
    let [first, _, ..] = parcels else {
        return 0;
    };
    // What a socket cuts into it cuts whatever is sent by it, so not for longer than this call.
    let length = (first.range.len() > first.segment).then_some(first.segment);
    let cut = |length: usize| {
        let length = i32::try_from(length).unwrap_or(0);
        setsockopt(socket, sockopt::UdpGsoSegment, &length).is_ok()
    };
    if !length.is_none_or(cut) {
        return 0;
    }
    let sent = call(socket, bytes, parcels);
    metrics.sends.inc();
    if length.is_some() && !cut(0) {
        tracing::error!("a socket cannot be kept from cutting datagrams");
    }
    sent
}

fn call(socket: &impl AsFd, bytes: &[u8], parcels: &[Parcel]) -> usize {
    // Those beyond the last are there for their type only.
    let of = |at: usize| parcels.get(at).unwrap_or(&parcels[0]);
    let addresses: [_; MOST] = std::array::from_fn(|at| of(at).path.remote.as_any());
    let contents: [_; MOST] = std::array::from_fn(|at| [IoSlice::new(&bytes[of(at).range.clone()])]);
    let mut controls: [_; MOST] = std::array::from_fn(|_| SendAncillaryBuffer::default());
    let mut controls = controls.iter_mut();
    let mut messages: [_; MOST] = std::array::from_fn(|at| {
        let control = controls.next().expect("there are as many");
        MMsgHdr::new_with_addr(&addresses[at], &contents[at], control)
    });
    sendmmsg(socket, &mut messages[..parcels.len()], SendFlags::empty()).unwrap_or(0)
}
