"""The statuses of gRPC, and calls as requests are written."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from contextlib import suppress
from enum import IntEnum
from typing import Annotated, Any, Final

from harness.errors import nearest
from harness.scenario.request_lines import Request
from harness.scenario.spelled import Spelled, refused, shown, text_like

_CALL: Final = re.compile(r"http://[^/?#]+/[^/?#]+/[^/?#]+")


class GrpcStatus(IntEnum):
    """A status of gRPC by its number; written by name or number."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16

    def __str__(self) -> str:
        return self.name


def parse_grpc_status(value: Any) -> GrpcStatus:
    """The status that `NOT_FOUND` or 5 names."""
    if isinstance(value, int) and not isinstance(value, bool) and value in set(GrpcStatus):
        return GrpcStatus(value)
    if isinstance(value, str) and value in GrpcStatus.__members__:
        return GrpcStatus[value]
    names = tuple(GrpcStatus.__members__)
    hint = nearest(value, names) if isinstance(value, str) else ""
    raise refused(f"{shown(value)} is no status of gRPC{hint or '; write a name like NOT_FOUND, or a number up to 16'}")


def parse_message(value: Any) -> bytes:
    """The message of a call, written as base64."""
    if isinstance(value, str):
        with suppress(ValueError):
            return b64decode(value, validate=True)
    raise refused(f"{shown(value)} is not base64, as which the bytes of a message are written")


def is_call(request: Request) -> bool:
    """Whether a request is one that clients of gRPC send."""
    return request.method == "POST" and _CALL.fullmatch(request.url) is not None


Message = Annotated[
    bytes,
    Spelled(parse_message, lambda message: b64encode(message).decode(), text_like("[A-Za-z0-9+/]*=*", "CAE="), bytes),
]
GrpcCode = Annotated[
    GrpcStatus,
    Spelled(
        parse_grpc_status,
        str,
        {"anyOf": [{"enum": list(GrpcStatus.__members__)}, {"type": "integer", "minimum": 0, "maximum": 16}]},
        GrpcStatus,
    ),
]
