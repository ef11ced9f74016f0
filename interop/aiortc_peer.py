"""aiortc as WHIP publisher (`publish ADDRESS TOKEN`, until stdin closes) and WHEP player (`play ADDRESS TOKEN`)."""

import asyncio
import fractions
import json
import sys
from array import array

from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription, VideoStreamTrack
from av import AudioFrame, VideoFrame

import content
import whip

SECONDS_TO_WATCH = 60
SAMPLES = content.RATE // 50


class Picture(VideoStreamTrack):
    """Numbered pictures, 30 in a second."""

    number = 0

    async def recv(self):
        frame = VideoFrame(content.WIDTH, content.HEIGHT, "yuv420p")
        frame.pts, frame.time_base = await self.next_timestamp()
        gray = bytes([128]) * (content.WIDTH * content.HEIGHT // 4)
        for plane, dots in zip(frame.planes, (content.picture(self.number), gray, gray)):
            padding = bytes(plane.line_size - plane.width)
            rows = (dots[start : start + plane.width] + padding for start in range(0, len(dots), plane.width))
            plane.update(b"".join(rows))
        self.number += 1
        return frame


class Tone(MediaStreamTrack):
    """The tone, in frames of 20 ms."""

    kind = "audio"

    def __init__(self):
        super().__init__()
        self._sent = 0
        self._start = None

    async def recv(self):
        now = asyncio.get_running_loop().time()
        self._start = self._start or now
        await asyncio.sleep(max(0.0, self._start + self._sent / content.RATE - now))
        frame = AudioFrame(format="s16", layout="mono", samples=SAMPLES)
        frame.planes[0].update(content.tone(self._sent, SAMPLES))
        frame.sample_rate, frame.time_base = content.RATE, fractions.Fraction(1, content.RATE)
        frame.pts = self._sent
        self._sent += SAMPLES
        return frame


def say(**words):
    print(json.dumps(words), flush=True)


async def join(peer, address, token):
    await peer.setLocalDescription(await peer.createOffer())
    session = await asyncio.to_thread(whip.Session, address, token, peer.localDescription.sdp)
    await peer.setRemoteDescription(RTCSessionDescription(session.answer, "answer"))
    return session


async def publish(address, token):
    peer = RTCPeerConnection()
    connected = asyncio.Event()

    @peer.on("connectionstatechange")
    def changed():
        if peer.connectionState == "connected":
            connected.set()

    peer.addTransceiver(Tone(), "sendonly")
    peer.addTransceiver(Picture(), "sendonly")
    session = await join(peer, address, token)
    await asyncio.wait_for(connected.wait(), SECONDS_TO_WATCH)
    say(event="connected")
    await asyncio.to_thread(sys.stdin.read)
    await asyncio.to_thread(session.end)
    await peer.close()
    say(event="ended")


async def watch(track, judge):
    while True:
        frame = await track.recv()
        if track.kind == "video":
            luma = frame.planes[0]
            judge.see(bytes(luma), luma.line_size, frame.width, frame.height)
        else:
            samples = array("h", bytes(frame.planes[0])[: frame.samples * 2 * len(frame.layout.channels)])
            judge.hear(samples[:: len(frame.layout.channels)])


async def enough(judge):
    while not judge.satisfied():
        await asyncio.sleep(0.1)


async def play(address, token):
    peer, judge, watchers = RTCPeerConnection(), content.Judge(), []

    @peer.on("track")
    def came(track):
        watchers.append(asyncio.ensure_future(watch(track, judge)))

    peer.addTransceiver("audio", "recvonly")
    peer.addTransceiver("video", "recvonly")
    session = await join(peer, address, token)
    try:
        await asyncio.wait_for(enough(judge), SECONDS_TO_WATCH)
    except asyncio.TimeoutError:
        pass
    for watcher in watchers:
        watcher.cancel()
    await asyncio.to_thread(session.end)
    await peer.close()
    say(event="played", satisfied=judge.satisfied(), **judge.verdict())


if __name__ == "__main__":
    what, *where = sys.argv[1:]
    asyncio.run({"publish": publish, "play": play}[what](*where))
