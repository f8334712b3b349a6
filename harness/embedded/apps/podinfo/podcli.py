"""podcli, with which podinfo's probes ask podinfo itself; `localhost` is the pod's own address.

    podcli check http [--method GET] [--body TEXT] [--retry 0] [--delay 1s] [--timeout 5s] ADDRESS
    podcli check tcp [--retry 0] [--delay 1s] [--timeout 5s] HOST:PORT
    podcli version

The original also pauses for --delay before its first attempt. That only makes probes slower, so here it does not.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import SplitResult, urlsplit

from harness.embedded.apps.podinfo.flags import Flags, duration, number, read_flags, text
from harness.embedded.apps.podinfo.options import VERSION
from harness.embedded.apps.serving import bind_address
from harness.embedded.apps.traffic import UsageError

_PATIENCE: Flags = {"retry": (number, 0), "delay": (duration, 1.0), "timeout": (duration, 5.0)}
_REQUEST: Flags = {"method": (text, "GET"), "body": (text, "")}
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})
_NOT_OFFERED = "only `check http`, `check tcp` and `version` are offered by this stand-in of podcli"


def main(argv: list[str]) -> int:
    """0 if the check succeeds, 1 if it fails or cannot be made."""
    try:
        return _run(argv[1:])
    except UsageError as error:
        print(f"Error: {error}" if error.exit_code else error, flush=True)
        return min(error.exit_code, 1)


def _run(words: list[str]) -> int:
    if words[:1] == ["version"]:
        print(VERSION, flush=True)
        return 0
    command, words = words[:2], words[2:]
    if command == ["check", "http"]:
        return _check(check_http, words, {**_PATIENCE, **_REQUEST}, "check http https://example.org")
    if command == ["check", "tcp"]:
        return _check(check_tcp, words, _PATIENCE, "check tcp example.org:80")
    raise UsageError(_NOT_OFFERED, 1)


def _check(
    check: Callable[[str, Mapping[str, Any]], Mapping[str, object]],
    words: list[str],
    flags: Flags,
    example: str,
) -> int:
    given, rest = read_flags(words, {name: reader for name, (reader, _) in flags.items()})
    settings = {name: default for name, (_, default) in flags.items()} | given
    if not rest:
        raise UsageError(f"address is required! example: {example}", 1)
    for attempt in range(settings["retry"] + 1):
        if attempt:
            time.sleep(settings["delay"])
        try:
            _tell("check succeed", address=rest[0], **check(rest[0], settings))
        except (OSError, http.client.HTTPException, ValueError) as error:
            _tell("check failed", address=rest[0], error=str(error))
        else:
            return 0
    return 1


def check_http(address: str, settings: Mapping[str, Any]) -> Mapping[str, object]:
    """What was answered; raises OSError, HTTPException or ValueError unless the status is 2xx or 3xx."""
    url = urlsplit(address if address.startswith(("http://", "https://")) else f"http://{address}")
    here = url.hostname in _HERE
    request = urllib.request.Request(
        _with_own_address(url).geturl() if here else url.geturl(),
        data=settings["body"].encode() or None,
        headers={"Host": url.netloc, "User-Agent": "Go-http-client/1.1"},
        method=settings["method"],
    )
    direct = (urllib.request.ProxyHandler({}),) if here else ()
    try:
        with urllib.request.build_opener(*direct).open(request, timeout=settings["timeout"]) as answer:
            return {"status code": answer.status}
    except urllib.error.HTTPError as error:
        with error:
            if error.code < 400:
                return {"status code": error.code}
            raise ValueError(f"status code {error.code}") from None


def check_tcp(address: str, settings: Mapping[str, Any]) -> Mapping[str, object]:
    """Nothing; raises OSError or ValueError unless HOST:PORT accepts a connection."""
    url = urlsplit(f"tcp://{address}")
    if url.hostname is None or url.port is None:
        raise ValueError(f"{address!r} is not HOST:PORT")
    host = bind_address(url.port, os.environ) if url.hostname in _HERE else url.hostname
    socket.create_connection((host, url.port), timeout=settings["timeout"]).close()
    return {}


def _with_own_address(url: SplitResult) -> SplitResult:
    """The URL with the address that the pod's processes listen on."""
    port = url.port or (443 if url.scheme == "https" else 80)
    return url._replace(netloc=f"{bind_address(port, os.environ)}:{port}")


def _tell(message: str, **fields: object) -> None:
    moment = datetime.now().astimezone().isoformat(timespec="milliseconds")
    print(f"{moment}\tINFO\t{message}\t{json.dumps(fields)}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
