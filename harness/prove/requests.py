"""Mutations of what a scenario sends: another path, method, port, or a header less."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.prove.changes import Change, gone, put
from harness.scenario.expectations import Expectation
from harness.scenario.request_lines import Request, parse_row_request
from harness.scenario.yaml_source import Location

OTHER_METHOD = {"GET": "HEAD"}
"""What is sent instead; never a method that changes something."""


def of_expectation(expectation: Expectation, data: Any, at: Location) -> Iterator[Change]:
    """Everything that can be made wrong in the requests of an expectation, one thing at a time.

    data  the expectation as written, at the location
    """
    if expectation.send is not None:
        yield from _of_line(data["send"], (*at, "send"), expectation.send.request, "the request", expectation.expect)
        yield from _of_headers(data["send"], (*at, "send"), "the request", expectation.expect)
    elif expectation.each is not None:
        for index, (row, case) in enumerate(zip(data["each"]["rows"], expectation.each.cases(), strict=True)):
            place: Location = (*at, "each", "rows", index)
            who = f"row {case.number}"
            written = row.get("request") or data["each"].get("request")
            yield from _of_line(row, place, parse_row_request(written), who, expectation.expect)
            yield from _of_headers(row, place, who, expectation.expect)


def _of_line(data: Any, at: Location, request: Request, who: str, name: str) -> Iterator[Change]:
    method, url = request.method, request.url
    place: Location = (*at, "request")
    other = OTHER_METHOD.get(method, "GET")
    said = f"{who} of {name} sends {other}, not {method}"
    yield put(said, f"{who} of {name} holds for {other} as well as for {method}", place, f"{other} {url}")
    longer = f"{url.rstrip('/')}/other"
    said = f"{who} of {name} asks for {longer}"
    yield put(said, f"{who} of {name} holds for {longer} as well as for {url}", place, f"{method} {longer}")


def _of_headers(data: Any, at: Location, who: str, name: str) -> Iterator[Change]:
    for key, value in (data.get("headers") or {}).items():
        place: Location = (*at, "headers", key)
        hole = f"{who} of {name} holds without {key}: {value} as well"
        yield gone(f"header {key}: {value} in {who} of {name}", hole, place)
        yield put(f"header {key}: {value} → {value}-other in {who} of {name}", hole, place, f"{value}-other")
