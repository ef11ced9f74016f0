"""The server under test and the peers, as processes that are always ended."""

import json
import os
import queue
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
from pathlib import Path

import whip

HERE = Path(__file__).parent
DEADLINE_SECONDS = 90


class Failed(Exception):
    """A condition that did not come true."""


def wait_for(what, condition, seconds=DEADLINE_SECONDS):
    """The first true value of `condition`, asked again and again."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(f"{what}: not within {seconds} s")
        time.sleep(0.1)


class Program:
    """A process; ended with the block it is used in."""

    def __init__(self, command, log, environment=None):
        self._log = open(log, "wb")
        self.log = Path(log)
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True, env=environment
        )
        self._lines = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def event(self, name, seconds=DEADLINE_SECONDS):
        """The next line of its output that is JSON with this event."""
        end = time.monotonic() + seconds
        while True:
            try:
                line = self._lines.get(timeout=max(0.1, end - time.monotonic()))
            except queue.Empty:
                raise Failed(f"no {name!r} within {seconds} s") from None
            if line is None:
                raise Failed(f"ended before {name!r}: {self.last_words()}")
            if line.startswith("{") and (words := json.loads(line)).get("event") == name:
                return words

    def last_words(self, lines=3):
        self._log.flush()
        return " / ".join(self.log.read_text(errors="replace").strip().splitlines()[-lines:])

    def finish(self, seconds=DEADLINE_SECONDS):
        """Closes its input and waits for its end by itself."""
        self.process.stdin.close()
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"did not end within {seconds} s") from None
        if status != 0:
            raise Failed(f"exit status {status}: {self.last_words()}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._reader.join()
        if not self.process.stdin.closed:
            self.process.stdin.close()
        self.process.stdout.close()
        self._log.close()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server(Program):
    """`tongke serve --demo` on a fresh data directory and free ports."""

    def __init__(self):
        self._directory = tempfile.TemporaryDirectory(prefix="tongke-interop-")
        self.data = Path(self._directory.name) / "data"
        port = free_port()
        self.address = f"http://127.0.0.1:{port}"
        self._binary = os.environ["TONGKE_BIN"]
        # A developer's own settings are not the ones under test.
        kept = {key: value for key, value in os.environ.items() if not key.startswith("TONGKE_")}
        kept["TONGKE_RECORDER"] = os.environ["TONGKE_RECORDER"]
        self._environment = kept
        command = [self._binary, "serve", "--demo", "--data", str(self.data), "--listen", f"127.0.0.1:{port}", "--media-port", "0"]
        super().__init__(command, Path(self._directory.name) / "server.log", kept)

    def ready(self):
        def answers():
            if self.process.poll() is not None:
                raise Failed(f"the server ended: {self.last_words()}")
            try:
                return whip.request("GET", f"{self.address}/readyz")[0] == 200
            except (whip.Refused, OSError, urllib.error.URLError):
                return False

        wait_for("the server is ready", answers)

    def token(self, role):
        command = [self._binary, "token", "--data", str(self.data), "--lesson", "demo", "--role", role]
        made = subprocess.run(command, capture_output=True, text=True, env=self._environment, timeout=30, check=False)
        if made.returncode != 0:
            raise Failed(f"token: {made.stderr.strip()}")
        return made.stdout.strip().splitlines()[-1]

    def peer(self, program, what, token):
        """aiortc or gstreamer, to publish or to play."""
        way = "whip" if what == "publish" else "whep"
        command = [sys.executable, str(HERE / f"{program}_peer.py"), what, f"{self.address}/{way}/demo", token]
        return Program(command, Path(self._directory.name) / f"{program}-{what}.log")

    def __exit__(self, *details):
        super().__exit__(*details)
        self._directory.cleanup()
