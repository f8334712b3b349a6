"""What the node tells the data plane about a pod, and what it expects back.

The node owns processes and addresses, the data plane owns listeners; this module is all they share.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Protocol

PROXY_CONTAINER = "linkerd-proxy"
"""The container that stands for a meshed pod's listeners; it has no process of its own."""
ADMIN_PORT = 4191
"""§4.8: served by the pod's own proxy, never by the application."""
OUTBOUND_PORT = 4140
"""Where a pod's applications reach the mesh: `http_proxy=http://<pod_ip>:4140`."""


@dataclass(frozen=True, slots=True)
class ContainerPort:
    """One port a pod listens on.

    name      "" if the manifest gives none (also for a port that only a probe mentions)
    protocol  "TCP", "UDP" or "SCTP"
    """

    name: str
    number: int
    protocol: str = "TCP"


@dataclass(frozen=True, slots=True)
class PodEndpoint:
    """One pod as the data plane sees it; fixed for the pod's life.

    pod_ip        what others dial; the inbound listeners of a meshed pod own it
    app_ip        where a meshed pod's processes listen; nobody else dials it
    ports         declared ports of all real containers and the ports of their probes, without the proxy's own
    skip_inbound  ports that the application binds on pod_ip itself, so no inbound listener may
    deployment    name of the owning Deployment, None if there is none; `replicaset` likewise
    """

    namespace: str
    name: str
    uid: str
    service_account: str
    pod_ip: str
    app_ip: str
    meshed: bool
    ports: tuple[ContainerPort, ...]
    skip_inbound: frozenset[int]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    deployment: str | None
    replicaset: str | None


class DataplaneError(Exception):
    """The proxy refused a pod's listeners; carries the proxy's own text."""


class Dataplane(Protocol):
    """The listeners of pods, as far as the node drives them."""

    def add_pod(self, pod: PodEndpoint) -> Awaitable[None]:
        """Return once the pod's listeners accept connections; raises DataplaneError with the proxy's text."""

    def remove_pod(self, namespace: str, name: str) -> Awaitable[None]:
        """Return once the pod's listeners are gone; a pod that was never added is no error."""
