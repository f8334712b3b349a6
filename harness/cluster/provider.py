"""What every provider of clusters gives, and what it is asked for.

A provider is a module with the functions of `Provider`; the modules have the same function names, so reading two side
by side is a review. Nothing above this package knows which one is at work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from harness.cluster.preflight import Check
from harness.dialect import Dialect

SENDER_IMAGE = "signalbox/sender:dev"
"""The image that holds `harness.traffic.sender`; every provider makes it runnable on its cluster."""

DASHBOARD_IMAGE = "signalbox/dashboard:dev"
"""The image that holds `harness.dashboard`, likewise."""

INGRESS_PORT = 54321
"""The tutorial's."""


@dataclass(frozen=True, slots=True)
class Request:
    """A cluster that somebody wants.

    name          shows in messages and labels
    dialect       the mesh rules that the cluster must follow
    keep          whether it outlives the process that asks for it
    node_image    what its nodes run, for providers that make nodes
    ingress_port  where its ingress listens on 127.0.0.1, for providers that make one
    linkerd       the version that is to be installed on it; "" if the profile names none
    """

    name: str
    dialect: Dialect
    keep: bool = False
    node_image: str = ""
    ingress_port: int = INGRESS_PORT
    linkerd: str = ""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running cluster: a kubeconfig and, where it has one, an ingress address.

    ingress  "host:port", or None if the cluster has no ingress
    shared   others live in it or come after us: only namespaces that carry our label may be changed, and what a run
             installs is taken away again
    turn     what scenarios of several processes take turns on; "" where each process has a cluster of its own
    guest    on a cluster that is not ours, the value of our label on what we put there; "" on clusters of ours
    handle   what the provider needs to check and delete it; opaque to everyone else
    """

    name: str
    kubeconfig: Path
    dialect: Dialect
    ingress: str | None = None
    shared: bool = False
    turn: str = ""
    guest: str = ""
    handle: Any = field(default=None, compare=False, repr=False)


Progress = Callable[[str], None]
Furnish = Callable[[Cluster], None]
"""Puts into a new, bare cluster what nobody can do without: images and the mesh."""


class Provider(Protocol):
    """The functions of a provider module."""

    def preflight(self, request: Request) -> list[Check]:
        """Everything that must be so before a cluster can be had, looked at without changing anything."""

    def create(self, request: Request, *, progress: Progress, furnish: Furnish) -> Cluster:
        """A serving cluster, perhaps one that is there already; raises EnvironmentFailed and leaves nothing behind.

        furnish  called by providers whose clusters are born without a mesh; if it fails the cluster goes
        """

    def load_images(self, cluster: Cluster, images: Sequence[str]) -> None:
        """Make images of this machine's Docker runnable on the cluster's nodes."""

    def check(self, cluster: Cluster) -> None:
        """Return if every part of the cluster is alive, else raise ClusterLost with the reason."""

    def diagnostics(self, cluster: Cluster) -> list[str]:
        """What the provider knows beyond the API: one line each, for a person who looks for a cause."""

    def keep(self, cluster: Cluster) -> Cluster:
        """The cluster as `kept` finds it from now on, though it was not to outlive this process."""

    def release(self, cluster: Cluster) -> None:
        """The caller needs it no more: it goes, unless it is to be kept or others use it."""

    def delete(self, cluster: Cluster) -> None:
        """Take the cluster away with all it had; deleting twice is fine."""

    def kept(self) -> list[Cluster]:
        """The clusters that were made to be kept and still run."""
