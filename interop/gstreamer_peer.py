"""GStreamer's webrtcbin as WHIP publisher (`publish ADDRESS TOKEN`, until stdin closes) and WHEP player (`play …`)."""

import json
import sys
import threading
from array import array

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

import content  # noqa: E402
import whip  # noqa: E402

SECONDS_TO_WATCH = 60
SEND = f"""
webrtcbin name=webrtc bundle-policy=max-bundle
appsrc name=pictures is-live=true do-timestamp=true format=time
  caps=video/x-raw,format=I420,width={content.WIDTH},height={content.HEIGHT},framerate={content.FRAMES_PER_SECOND}/1
  ! queue ! x264enc tune=zerolatency speed-preset=ultrafast bitrate=500 key-int-max=60
  ! video/x-h264,profile=constrained-baseline
  ! rtph264pay aggregate-mode=zero-latency config-interval=-1
  ! application/x-rtp,media=video,encoding-name=H264,payload=96 ! webrtc.
audiotestsrc is-live=true wave=sine freq={content.TONE_HZ} volume=0.4
  ! audio/x-raw,rate={content.RATE},channels=2 ! opusenc
  ! rtpopuspay ! application/x-rtp,media=audio,encoding-name=OPUS,payload=97 ! webrtc.
"""
WATCHED = {
    "H264": "rtph264depay ! h264parse ! avdec_h264 ! videoconvert ! video/x-raw,format=I420",
    "OPUS": "rtpopusdepay ! opusdec ! audioconvert ! audioresample"
    f" ! audio/x-raw,format=S16LE,channels=1,rate={content.RATE}",
}
OFFERED = (
    "application/x-rtp,media=audio,encoding-name=OPUS,payload=97,clock-rate=48000,encoding-params=(string)2",
    "application/x-rtp,media=video,encoding-name=H264,payload=96,clock-rate=90000,packetization-mode=(string)1,"
    "profile-level-id=(string)42e01f",
)


def say(**words):
    print(json.dumps(words), flush=True)


class Peer:
    """A webrtcbin that offers once its candidates are gathered."""

    def __init__(self, pipeline, address, token):
        self.pipeline, self.webrtc = pipeline, pipeline.get_by_name("webrtc")
        self.loop, self.failed, self.session = GLib.MainLoop(), None, None
        self._where = address, token
        self._offered = False
        self.webrtc.connect("notify::ice-gathering-state", lambda *_: GLib.idle_add(self._post))
        bus = pipeline.get_bus()
        bus.add_signal_watch()
        # Without it the sender reports of webrtcbin, which makes its sinks late, run at the wrong speed.
        bus.connect("message::latency", lambda *_: pipeline.recalculate_latency())
        bus.connect("message::error", lambda _, message: self.fail(message.parse_error()[0].message))

    def fail(self, reason):
        self.failed = self.failed or reason
        self.loop.quit()

    def offer(self):
        self.webrtc.emit("create-offer", None, Gst.Promise.new_with_change_func(self._describe))

    def _describe(self, promise):
        # The description lives as long as the reply.
        reply = promise.get_reply()
        self.webrtc.emit("set-local-description", reply.get_value("offer"), Gst.Promise.new())

    def _post(self):
        gathered = self.webrtc.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE
        if self._offered or not gathered:
            return
        self._offered = True
        local = self.webrtc.get_property("local-description")
        try:
            self.session = whip.Session(*self._where, local.sdp.as_text())
        except (whip.Refused, OSError) as error:
            self.fail(str(error))
            return
        _, message = GstSdp.SDPMessage.new_from_text(self.session.answer)
        answer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message)
        self.webrtc.emit("set-remote-description", answer, Gst.Promise.new())

    def run(self):
        self.pipeline.set_state(Gst.State.PLAYING)
        self.loop.run()
        if self.session:
            self.session.end()
        self.pipeline.set_state(Gst.State.NULL)
        if self.failed:
            sys.exit(f"gstreamer: {self.failed}")


def publish(address, token):
    pipeline = Gst.parse_launch(SEND)
    peer, pictures = Peer(pipeline, address, token), pipeline.get_by_name("pictures")
    number = 0

    def push():
        nonlocal number
        chroma = bytes([128]) * (content.WIDTH * content.HEIGHT // 2)
        pictures.emit("push-buffer", Gst.Buffer.new_wrapped(content.picture(number) + chroma))
        number += 1
        return True

    def changed(*_):
        if peer.webrtc.get_property("connection-state") == GstWebRTC.WebRTCPeerConnectionState.CONNECTED:
            GLib.idle_add(pipeline.recalculate_latency)
            say(event="connected")

    def wait_for_end():
        sys.stdin.read()
        GLib.idle_add(peer.loop.quit)

    def wanted(webrtc):
        for index in range(2):
            transceiver = webrtc.emit("get-transceiver", index)
            transceiver.set_property("direction", GstWebRTC.WebRTCRTPTransceiverDirection.SENDONLY)
        peer.offer()

    peer.webrtc.connect("notify::connection-state", changed)
    peer.webrtc.connect("on-negotiation-needed", wanted)
    GLib.timeout_add(1000 // content.FRAMES_PER_SECOND, push)
    threading.Thread(target=wait_for_end, daemon=True).start()
    peer.run()
    say(event="ended")


def play(address, token):
    # parse_launch of one element would give the element and no pipeline.
    pipeline = Gst.Pipeline.new("player")
    pipeline.add(Gst.ElementFactory.make("webrtcbin", "webrtc"))
    peer, judge = Peer(pipeline, address, token), content.Judge()
    peer.webrtc.set_property("bundle-policy", GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)

    def came(_, pad):
        if pad.get_direction() != Gst.PadDirection.SRC:
            return
        name = pad.get_current_caps().get_structure(0).get_string("encoding-name")
        sink = Gst.parse_bin_from_description(f"queue ! {WATCHED[name]} ! appsink name=sink sync=false emit-signals=true", True)
        sink.get_by_name("sink").connect("new-sample", judged, name)
        pipeline.add(sink)
        sink.sync_state_with_parent()
        pad.link(sink.get_static_pad("sink"))

    def judged(sink, name):
        sample = sink.emit("pull-sample")
        buffer = sample.get_buffer()
        data = buffer.extract_dup(0, buffer.get_size())
        GLib.idle_add(take, name, data, sample.get_caps().get_structure(0))
        return Gst.FlowReturn.OK

    def take(name, data, shape):
        if name == "H264":
            width, height = shape.get_int("width").value, shape.get_int("height").value
            judge.see(data, (width + 3) & ~3, width, height)
        else:
            judge.hear(array("h", data))
        if judge.satisfied():
            peer.loop.quit()

    peer.webrtc.connect("pad-added", came)
    for caps in OFFERED:
        peer.webrtc.emit("add-transceiver", GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY, Gst.Caps.from_string(caps))
    GLib.timeout_add_seconds(SECONDS_TO_WATCH, peer.loop.quit)
    GLib.idle_add(peer.offer)
    peer.run()
    say(event="played", satisfied=judge.satisfied(), **judge.verdict())


if __name__ == "__main__":
    Gst.init(None)
    what, *where = sys.argv[1:]
    {"publish": publish, "play": play}[what](*where)
