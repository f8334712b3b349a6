"""Tiny programs that run in pods of these tests."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


def sleeper(argv: list[str]) -> int:
    """Say that it runs, then wait for a signal; default SIGTERM ends it."""
    print("sleeping", *argv[1:])
    while True:
        signal.pause()


def stubborn(argv: list[str]) -> int:
    """Survive SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: os.write(1, b"no\n"))  # print cannot interrupt another print
    return sleeper(argv)


def graceful(argv: list[str]) -> int:
    """End with code 0 on SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    return sleeper(argv)


def exiting(argv: list[str]) -> int:
    """End at once with the code in the last argument."""
    print(f"ending with {argv[-1]}")
    return int(argv[-1])


def raising(argv: list[str]) -> int:
    raise RuntimeError("out of ideas")


def crash_once(argv: list[str]) -> int:
    """Fail in the first run and stay in the second, told apart by a file on a shared volume."""
    mark = Path(os.environ["SIGNALBOX_ROOT"], "state", "seen")
    if mark.exists():
        return sleeper(["", "second run"])
    mark.touch()
    print("first run fails")
    return 3


def report(argv: list[str]) -> int:
    """Print arguments, environment, working directory and a random number as JSON."""
    print(json.dumps({"argv": argv, "env": dict(os.environ), "cwd": os.getcwd(), "random": random.random()}))
    return 0


def print_file(argv: list[str]) -> int:
    """Print the file named by the last argument whenever it changes."""
    path = Path(os.environ["SIGNALBOX_ROOT"] + argv[-1])
    seen = None
    while True:
        text = path.read_text()
        if text != seen:
            print(text)
            seen = text
        time.sleep(0.01)


def daughter(argv: list[str]) -> int:
    """Start a process in a session of its own, as daemons do, and wait with it."""
    if os.fork() == 0:
        os.setsid()
    return sleeper(argv)


def web(argv: list[str]) -> int:
    """Answer /healthy with 200 while the file `ill` is not on its volume, and tell who asked."""
    ill = Path(os.environ["SIGNALBOX_ROOT"], "state", "ill")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status = 503 if ill.exists() else 200
            self.send_response(status if self.path == "/healthy" else 404)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            print(f"{self.path} from {self.client_address[0]}")

    server = HTTPServer((os.environ["SIGNALBOX_BIND"], int(argv[-1])), Handler)
    print("serving")
    server.serve_forever()
    return 0
