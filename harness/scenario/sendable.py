"""What a sender can send as it is written. The language refuses the rest with a line, and so does the sender itself.

Nothing is imported from here but constants and plain functions: sender pods need this module, and no other of the
language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from math import ceil
from typing import Final

MAX_RATE: Final = 10_000.0
"""Requests per second; beyond twice what one core can send, so a slip of the pen is found."""
MAX_REQUESTS: Final = 1_000_000
"""What one expectation can send; the sender keeps eight bytes for each."""
MAX_TIMEOUT: Final = timedelta(hours=1)
MAX_RAMP: Final = timedelta(hours=1)

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 5.6.2
_HEADER_VALUE: Final = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")  # RFC 9110 5.5: no line break can be smuggled in
_FRAMING: Final = frozenset(
    {"connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)


def is_token(text: str) -> bool:
    """Whether this can be the name of a header, or a method."""
    return _TOKEN.fullmatch(text) is not None


def header_faults(name: str, value: str) -> Iterator[str]:
    """Sentences about a request header that cannot be sent."""
    if not is_token(name):
        yield f"{name!r} is not the name of a header"
    elif name.lower() in _FRAMING:
        yield f"header {name} belongs to the connection, the sender sets it"
    if not _HEADER_VALUE.fullmatch(value):
        yield f"header {name} contains a line break or another control character"


def ramp_requests(first: float, last: float, over: timedelta) -> int:
    """How many requests are due while the rate changes evenly; both rates in requests per second."""
    return ceil(over.total_seconds() * (first + last) / 2)
