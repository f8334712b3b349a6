"""Signalbox: proves what a service mesh does with traffic.

from harness import Mesh

def test_one_call_in_ten_fails(mesh: Mesh) -> None: ...      # docs/python.md
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.plain.asking import NoResponse, Requests, Response, Sender
    from harness.plain.claims import Answers, Broken, NotShown
    from harness.plain.mesh import Mesh

_HOMES = {
    "Answers": "harness.plain.claims",
    "Broken": "harness.plain.claims",
    "Mesh": "harness.plain.mesh",
    "NoResponse": "harness.plain.asking",
    "NotShown": "harness.plain.claims",
    "Requests": "harness.plain.asking",
    "Response": "harness.plain.asking",
    "Sender": "harness.plain.asking",
}

__all__ = ["Answers", "Broken", "Mesh", "NoResponse", "NotShown", "Requests", "Response", "Sender"]


def __getattr__(name: str) -> Any:
    """What a test imports, loaded when it does: sender pods import this package too, and need none of it."""
    if name not in _HOMES:
        raise AttributeError(f"module 'harness' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)
