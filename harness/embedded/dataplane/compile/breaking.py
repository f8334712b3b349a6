"""Circuit breaking: endpoints that fail several times in a row are left out for a while (§4.3 to §4.5).

Whether it is on is said by the Service that was asked, and holds for every endpoint its routes lead to (§4.5). So its
clients have clusters of their own for what they reach through it: an endpoint that one Service has given up still
gets traffic through others, and through those that break nothing.

The proxy does the rest in its own way. An endpoint comes back with full traffic, where Linkerd lets one request try
it first; each further penalty is longer by the shortest, where Linkerd's double. A backend of a split whose
endpoints are all out keeps its share, and is answered 504 (§1.31).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from harness.embedded.dataplane.compile.names import Client, Config, service_assignment
from harness.embedded.dataplane.compile.view import View, backend_namespace, dialled_ports
from harness.embedded.dataplane.snapshot import RouteInForce, ServiceKey
from harness.resources.circuit_breaking import FailureAccrual, parse_failure_accrual
from harness.resources.parents import is_service_backend

_LOOKS_EVERY: Final = timedelta(milliseconds=100)
_SHORTEST: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Reached:
    """A Service port as it is reached through a parent that breaks circuits."""

    parent: ServiceKey
    parent_port: int
    service: ServiceKey
    port: int
    accrual: FailureAccrual

    def cluster(self, client: Client) -> str:
        return breaking_cluster(client, self.parent, self.parent_port, self.service, self.port)


def breaking_cluster(client: Client, parent: ServiceKey, parent_port: int, service: ServiceKey, port: int) -> str:
    """The name of a client's cluster over a Service port that it reaches through a parent that breaks circuits."""
    return f"{client.cluster(service_assignment(service, port))}/through/{'/'.join(parent)}/{parent_port}"


def accrual_of(view: View, parent: ServiceKey) -> FailureAccrual | None:
    """How a Service breaks circuits, None if it does not: 0 failures are never reached."""
    state = view.snapshot.services.get(parent)
    if state is None or not state.service.can_be_parent:
        return None
    accrual, _ = parse_failure_accrual(state.service.annotations)
    return accrual if accrual is not None and accrual.max_failures else None


def reached_through_breakers(view: View) -> Iterator[Reached]:
    """Everything that route tables can lead to through Services that break circuits."""
    for key, state in view.snapshot.services.items():
        accrual = accrual_of(view, key)
        if accrual is not None:
            for port in dialled_ports(state):
                for service, number in dict.fromkeys([(key, port), *_backends(view, key, port)]):
                    yield Reached(key, port, service, number, accrual)


def outlier_detection(accrual: FailureAccrual) -> Config:
    """The fields of a cluster that break circuits."""
    penalty = max(accrual.min_penalty, _SHORTEST)
    return {
        "outlier_detection": {
            "consecutive_5xx": accrual.max_failures,
            "enforcing_consecutive_5xx": 100,
            "enforcing_consecutive_gateway_failure": 0,
            "enforcing_success_rate": 0,
            "enforcing_failure_percentage": 0,
            "interval": _seconds(min(penalty, _LOOKS_EVERY)),
            "base_ejection_time": _seconds(penalty),
            "max_ejection_time": _seconds(max(accrual.max_penalty, penalty)),
            "max_ejection_time_jitter": _seconds(penalty * accrual.jitter_ratio),
            "max_ejection_percent": 100,
        }
    }


def _backends(view: View, parent: ServiceKey, port: int) -> Iterator[tuple[ServiceKey, int]]:
    for in_force in view.snapshot.routes:
        if _is_attached(in_force, parent, port):
            for ref in (ref for rule in in_force.route.rules for ref in rule.backend_refs):
                if ref.port is not None and is_service_backend(ref):
                    yield (backend_namespace(ref, parent), ref.name), ref.port


def _is_attached(in_force: RouteInForce, parent: ServiceKey, port: int) -> bool:
    return any((one.namespace, one.name) == parent and one.port in (None, port) for one in in_force.parents)


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():.6f}s"
