"""One question to the oracle."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from harness.oracle.asking import Request, Sender
from harness.oracle.objects import Objects
from harness.oracle.outcome import Key


@dataclass(frozen=True, slots=True)
class Case:
    """A request of a sender in a state of the cluster.

    unready  workloads whose pods take no requests now
    """

    objects: Objects
    sender: Sender
    request: Request
    unready: Set[Key] = frozenset()
