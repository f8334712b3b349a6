"""What every provider of clusters gives, and what it is asked for.

A provider is a module with the functions `create`, `check` and `delete`; the modules have the same function names,
so reading two side by side is a review. Nothing above this package knows which one is at work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from harness.dialect import Dialect

SENDER_IMAGE = "signalbox/sender:dev"
"""The image that holds `harness.traffic.sender`; every provider makes it runnable on its cluster."""


@dataclass(frozen=True, slots=True)
class Request:
    """A cluster that somebody wants.

    name     shows in messages and labels
    dialect  the mesh rules that the cluster must follow
    """

    name: str
    dialect: Dialect


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running cluster: a kubeconfig and, where it has one, an ingress address.

    ingress  "host:port", or None if the cluster has no ingress
    handle   what the provider needs to check and delete it; opaque to everyone else
    """

    name: str
    kubeconfig: Path
    dialect: Dialect
    ingress: str | None = None
    handle: Any = field(default=None, compare=False, repr=False)


class Provider(Protocol):
    """The functions of a provider module."""

    def create(self, request: Request, *, progress: Callable[[str], None]) -> Cluster:
        """A serving cluster; raises EnvironmentFailed and leaves nothing if it cannot be had."""

    def check(self, cluster: Cluster) -> None:
        """Return if every part of the cluster is alive, else raise ClusterLost with the reason."""

    def delete(self, cluster: Cluster) -> None:
        """Take the cluster away with all it had; deleting twice is fine."""

    def processes(self, cluster: Cluster) -> Sequence[int]:
        """The local processes that belong to the cluster, for benchmarks; empty if it has none here."""
