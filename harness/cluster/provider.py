"""What every provider of clusters gives, and what it is asked for.

A provider is a module with the functions `create`, `check` and `delete`; the modules have the same function names,
so reading two side by side is a review. Nothing above this package knows which one is at work.
"""

from __future__ import annotations

from collections.abc import Callable
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
    keep     whether it outlives the process that asks for it
    """

    name: str
    dialect: Dialect
    keep: bool = False


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

    def kept(self) -> list[Cluster]:
        """The clusters that were made to be kept and still run."""
