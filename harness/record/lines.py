"""Events as JSON objects, and back. The names of events are those of `harness.run.events`, in lower case."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from dataclasses import replace
from functools import cache
from typing import Any, get_args

from pydantic import TypeAdapter

from harness.record.outcomes import Packed, pack, unpack
from harness.run import events as ev

FORMAT = "signalbox-record"
VERSION = 1


def name_of(kind: type[Any]) -> str:
    """«requests-made» for RequestsMade."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__).lower()


_KINDS: dict[str, type[Any]] = {name_of(kind): kind for kind in get_args(ev.Event)}


def document_of(event: ev.Event, zero: float, individually: int) -> dict[str, Any]:
    """The event as a JSON object.

    zero          moment of the monotonic clock that times in a record count from
    individually  how many outcomes may be written one by one; the rest is counted together
    """
    name = name_of(type(event))
    if not isinstance(event, ev.RequestsMade):
        plain: dict[str, Any] = _adapters()[name].dump_python(event, mode="json")
        return {"event": name} | plain
    packed = pack(event.outcomes, event.buckets, individually)
    plain = _adapters()[name].dump_python(
        replace(event, outcomes=(), buckets=()),
        mode="json",
        exclude={"outcomes": True, "buckets": True, "request": {"body"}},
    )
    plain["request"]["body_base64"] = b64encode(event.request.body).decode()
    return {"event": name} | plain | {"began": round(event.began - zero, 6)} | packed.document()


def event_of(document: dict[str, Any]) -> ev.Event:
    """The event that a line tells; raises ValueError if it tells none."""
    told = {key: value for key, value in document.items() if key not in ("event", "at")}
    name = str(document.get("event"))
    if name not in _KINDS:
        raise ValueError(f"'{name}' is no event of this version")
    if _KINDS[name] is not ev.RequestsMade:
        event: ev.Event = _adapters()[name].validate_python(told)
        return event
    outcomes, buckets = unpack(Packed.of(told))
    request = told["request"]
    request["body"] = b64decode(request.pop("body_base64"))
    made: ev.RequestsMade = _adapters()[name].validate_python(told | {"outcomes": (), "buckets": ()})
    return replace(made, outcomes=outcomes, buckets=buckets)


@cache
def _adapters() -> dict[str, TypeAdapter[Any]]:
    return {name: TypeAdapter(kind) for name, kind in _KINDS.items()}
