"""ffprobe and ffmpeg on HLS, with a bearer token."""

import json
import subprocess
import urllib.parse
from array import array

import content
import whip
from programs import Failed

SECONDS = 120


def _run(command):
    done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
    if done.returncode != 0:
        raise Failed(f"{command[0]}: {done.stderr.decode(errors='replace').strip()[-300:]}")
    return done.stdout


def _input(address, token):
    return ["-headers", f"Authorization: Bearer {token}\r\n", "-i", address]


def playlists(address, token):
    """The master playlist and those it names, or None as long as there are none."""
    try:
        _, _, master = whip.request("GET", address, token)
    except whip.Refused as refused:
        if refused.status in (404, 409, 425, 503):
            return None
        raise
    names = [line for line in master.splitlines() if line and not line.startswith("#")]
    for line in master.splitlines():
        if line.startswith("#EXT-X-MEDIA") and 'URI="' in line:
            names.append(line.split('URI="')[1].split('"')[0])
    try:
        return [whip.request("GET", urllib.parse.urljoin(address, name), token)[2] for name in names]
    except whip.Refused:
        return None


def codecs(address, token):
    """The codecs ffprobe finds, sorted."""
    found = _run(["ffprobe", "-v", "error", "-show_streams", "-of", "json", *_input(address, token)])
    return sorted({stream["codec_name"] for stream in json.loads(found)["streams"] if "codec_name" in stream})


def duration(address, token):
    """Seconds of the whole."""
    found = _run(["ffprobe", "-v", "error", "-show_format", "-of", "json", *_input(address, token)])
    return float(json.loads(found)["format"]["duration"])


def judge(address, token):
    """What is seen and heard from the beginning to the end."""
    judged = content.Judge()
    width, height = content.WIDTH, content.HEIGHT
    seen = _run(
        ["ffmpeg", "-v", "error", *_input(address, token), "-map", "0:v:0", "-vf", f"scale={width}:{height}",
         "-fps_mode", "passthrough", "-pix_fmt", "gray", "-f", "rawvideo", "-"]
    )  # fmt: skip
    size = width * height
    for start in range(0, len(seen) - size + 1, size):
        judged.see(seen[start : start + size], width, width, height)
    heard = _run(
        ["ffmpeg", "-v", "error", *_input(address, token), "-map", "0:a:0", "-ac", "1", "-ar", str(content.RATE),
         "-f", "s16le", "-"]
    )  # fmt: skip
    judged.hear(array("h", heard[: len(heard) & ~1]))
    return judged
