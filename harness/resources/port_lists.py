"""Lists of ports in pod annotations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

_ENTRY: Final = re.compile(r"\s*\+?([0-9]{1,9})\s*(?:-\s*\+?([0-9]{1,9})\s*)?")


def parse_port_list(text: str) -> frozenset[int]:
    """The ports of a list such as `4190, 8000-8002`.

    raises  ValueError
    """
    return frozenset(port for entry in text.split(",") if entry.strip() for port in _ports(entry))


def annotated_ports(annotations: Mapping[str, str], key: str) -> frozenset[int] | None:
    """The ports that an annotation lists, none of them if it cannot be read; None without the annotation."""
    if key not in annotations:
        return None
    try:
        return parse_port_list(annotations[key])
    except ValueError:
        return frozenset()


def _ports(entry: str) -> Iterator[int]:
    found = _ENTRY.fullmatch(entry)
    low = int(found[1]) if found else 0
    high = int(found[2]) if found and found[2] else low
    if not 1 <= low <= high <= 65535:
        raise ValueError(f"'{entry.strip()}' is neither a port nor a range of ports")
    yield from range(low, high + 1)
