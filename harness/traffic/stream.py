"""The lines a sender answers with: newline-delimited JSON, one line at least every second.

    {"start": {"version": 1, "unix_time": 1795430000.123}}
    {"from": 0, "outcomes": [{"at": 0.0, "lag": 0.0004, "latency": 0.0021, "service": 0.0017, "status": 200,
                              "headers": {"server": "nginx"}, "body": "{}"},
                             {"at": 0.01, "lag": 0.0002, "latency": 0.4, "service": 0.3998, "error": "reset"}]}
    {"from": 2, "outcomes": []}
    {"summary": {"requests": 2, "not_sent": 0, "resent": 0, "lag_p99": 0.0004, "achieved_rate": 100.0,
                 "seconds": 0.41, "cpu_seconds": 0.001}}

`from` is the index of the first outcome of its line; indexes follow each other without a gap, in issue order. A line
without outcomes says that the sender is alive. Times are in seconds, rounded to a microsecond. `headers` and `body`
are left out when empty, `connection` (its number, from 0) when there was none. A stream without a summary was cut off.
{"error": "sentence"} ends a stream that failed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from harness.traffic.outcome import Failure, Outcome

VERSION = 1


@dataclass(frozen=True, slots=True)
class Start:
    """Sending begins: `scheduled` of every outcome counts from `unix_time`."""

    unix_time: float
    version: int = VERSION


@dataclass(frozen=True, slots=True)
class Batch:
    """Outcomes in issue order; `first` is the index of the first of them, or of the next to come."""

    first: int
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """How well the sender kept its schedule.

    requests        requests of the plan that were due, sent or not
    not_sent        of these, those held back because too many were open
    resent          requests sent again on a new connection because the server had closed the kept one before them
    lag_p99         seconds by which the latest hundredth was late
    achieved_rate   requests per second that really left, from the first to the last
    seconds         from the beginning to the last outcome
    cpu_seconds     processor time of the sender process over these seconds
    """

    requests: int
    not_sent: int
    resent: int
    lag_p99: float
    achieved_rate: float
    seconds: float
    cpu_seconds: float

    @property
    def saturated(self) -> bool:
        """Whether requests were held back: server or sender could not follow the schedule."""
        return self.not_sent > 0


@dataclass(frozen=True, slots=True)
class Trouble:
    """The sender gave up; `sentence` says why."""

    sentence: str


Line = Start | Batch | Summary | Trouble


def encode(line: Line) -> bytes:
    """One line with its line break."""
    match line:
        case Start():
            document: dict[str, Any] = {"start": asdict(line)}
        case Batch():
            document = {"from": line.first, "outcomes": [_outcome_document(outcome) for outcome in line.outcomes]}
        case Summary():
            document = {"summary": {key: _rounded(value) for key, value in asdict(line).items()}}
        case Trouble():
            document = {"error": line.sentence}
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def decode(text: bytes) -> Line:
    """What one line says; raises ValueError if it is none of the known lines."""
    document = json.loads(text)
    try:
        match document:
            case {"start": {"version": int(version), "unix_time": float() | int() as unix_time}}:
                return _known_version(Start(float(unix_time), version))
            case {"from": int(first), "outcomes": list(outcomes)}:
                return Batch(first, tuple(_outcome(first + place, fields) for place, fields in enumerate(outcomes)))
            case {"summary": dict(figures)}:
                return Summary(**figures)
            case {"error": str(sentence)}:
                return Trouble(sentence)
    except (KeyError, TypeError) as error:
        raise ValueError(f"malformed line ({error!r})") from error
    raise ValueError("unknown line")


def _known_version(start: Start) -> Start:
    if start.version != VERSION:
        raise ValueError(f"the sender speaks version {start.version}, this harness version {VERSION}")
    return start


def _outcome_document(outcome: Outcome) -> dict[str, Any]:
    document: dict[str, Any] = {
        "at": _rounded(outcome.scheduled),
        "lag": _rounded(outcome.lag),
        "latency": _rounded(outcome.latency),
        "service": _rounded(outcome.service_time),
    }
    if outcome.error is None:
        document["status"] = outcome.status
    else:
        document["error"] = outcome.error
    if outcome.headers:
        document["headers"] = dict(outcome.headers)
    if outcome.body_start:
        document["body"] = outcome.body_start
    if outcome.connection is not None:
        document["connection"] = outcome.connection
    return document


def _outcome(index: int, fields: Mapping[str, Any]) -> Outcome:
    error = fields.get("error")
    return Outcome(
        index=index,
        scheduled=fields["at"],
        lag=fields["lag"],
        latency=fields["latency"],
        service_time=fields["service"],
        status=fields.get("status"),
        error=None if error is None else Failure(error),
        headers=fields.get("headers", {}),
        body_start=fields.get("body", ""),
        connection=fields.get("connection"),
    )


def _rounded(value: float) -> float:
    return round(value, 6)
