"""The stories: each publisher teaches a lesson, each player watches it, the lesson ends and is replayed."""

import sys
import time

import replay
import whip
from programs import Failed, Server, wait_for

PEERS = ("aiortc", "gstreamer")
UNUSABLE = "\r\n".join(
    """v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
m=audio 9 UDP/TLS/RTP/SAVPF 9
c=IN IP4 0.0.0.0
a=mid:0
a=sendonly
a=rtcp-mux
a=rtpmap:9 G722/8000
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuvwx
a=fingerprint:sha-256 """.splitlines()
) + ":".join(["AB"] * 32) + "\r\na=setup:actpass\r\n"


class Report:
    """Counts what passed, and says it."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def fail(self, what, error):
        self.failed += 1
        print(f"FAIL  {what}: {error}", flush=True)

    def check(self, what, judged, given=True):
        """Runs `judged`, unless what it needs is not `given`; what it returns is said beside."""
        if not given:
            self.skipped += 1
            print(f"skip  {what}", flush=True)
            return False
        start = time.monotonic()
        try:
            detail = judged() or ""
        except (Failed, whip.Refused, OSError, AssertionError, ValueError, KeyError) as error:
            self.fail(what, error)
            return False
        self.passed += 1
        print(f"ok    {what} ({time.monotonic() - start:.1f} s) {detail}".rstrip(), flush=True)
        return True


def refused(status, *request):
    try:
        whip.request(*request)
    except whip.Refused as error:
        if error.status != status:
            raise Failed(f"{error.status} instead of {status}") from None
        return str(error)
    raise Failed(f"accepted instead of {status}")


def ended(process):
    process.finish()
    process.event("ended")


def watched(server, player, token):
    with server.peer(player, "play", token) as process:
        return satisfied(process)


def satisfied(process):
    seen = process.event("played", 120)
    process.finish()
    if not seen["satisfied"]:
        raise Failed(f"not seen and heard: {seen}")
    return f"{seen['frames']} frames, tone {seen['tone_share']}"


def live(address, token):
    wait_for("a live playlist with segments", lambda: any("#EXTINF" in one for one in replay.playlists(address, token) or []))
    return found(address, token)


def found(address, token):
    codecs = replay.codecs(address, token)
    if "h264" not in codecs or not {"opus", "aac"} & set(codecs):
        raise Failed(f"ffprobe found {codecs}")
    return ", ".join(codecs)


def whole(address, token, least_seconds):
    def closed():
        parts = replay.playlists(address, token)
        return parts and all("#EXT-X-ENDLIST" in one for one in parts)

    wait_for("the replay is whole (EXT-X-ENDLIST)", closed)
    seconds = replay.duration(address, token)
    if seconds < least_seconds:
        raise Failed(f"{seconds:.1f} s are less than the {least_seconds:.1f} s that were published")
    return f"{seconds:.1f} s, {found(address, token)}"


def replayed(address, token):
    judged = replay.judge(address, token)
    # The line is perfect, so nearly every picture that was published is there; a publisher may drop a few while it starts.
    if not judged.satisfied() or judged.skipped() > 0.02 * judged.frames:
        raise Failed(f"not seen and heard whole: {judged.verdict()}")
    return str(judged.verdict())


def lesson(report, publisher):
    with Server() as server:
        server.ready()
        teacher, observer = server.token("teacher"), server.token("observer")
        hls = f"{server.address}/hls/demo/master.m3u8"
        address = f"{server.address}/whip/demo"
        report.check("no token is 401", lambda: refused(401, "POST", address, None, UNUSABLE, "application/sdp"))
        report.check("no usable codec is 406", lambda: refused(406, "POST", address, teacher, UNUSABLE, "application/sdp"))
        before = report.failed
        early = next(player for player in PEERS if player != publisher)
        start = time.monotonic()
        with (
            server.peer(early, "play", observer) as waiting,
            server.peer(publisher, "publish", teacher) as process,
        ):
            given = report.check(f"{publisher} publishes by WHIP", lambda: process.event("connected") and None)
            report.check(f"{early}, there before {publisher}, watches it", lambda: satisfied(waiting), given)
            for player in PEERS:
                report.check(f"{player} watches {publisher} by WHEP", lambda: watched(server, player, observer), given)
            report.check(f"ffprobe reads the live playlist of {publisher}", lambda: live(hls, observer), given)
            seconds = time.monotonic() - start
            report.check(f"{publisher} ends by DELETE", lambda: ended(process), given)
        end = f"{server.address}/api/v1/lessons/demo/end"
        report.check("the teacher ends the lesson", lambda: whip.request("POST", end, teacher) and None, given)
        report.check(f"the replay of {publisher} is whole", lambda: whole(hls, observer, seconds * 0.8 - 5), given)
        report.check(f"ffmpeg sees and hears the replay of {publisher}", lambda: replayed(hls, observer), given)
        if report.failed > before:
            print(f"      last words of the server: {server.last_words(20)}", flush=True)


def main(publishers):
    report = Report()
    for publisher in publishers:
        try:
            lesson(report, publisher)
        except (Failed, whip.Refused, OSError) as error:
            report.fail(f"the lesson of {publisher} runs to its end", error)
    print(f"{report.passed} passed, {report.failed} failed, {report.skipped} skipped")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or PEERS))
