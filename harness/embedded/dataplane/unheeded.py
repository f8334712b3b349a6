"""Annotations that people rely on and that this data plane does not follow: it says so instead of keeping quiet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from harness.dialect import Dialect
from harness.resources.annotations import parse_grpc_retry, parse_http_retry, parse_timeout_annotations
from harness.resources.circuit_breaking import parse_failure_accrual
from harness.resources.grpc_routes import KIND as GRPC_ROUTE

_NEVER: Final = ("balancer.alpha.linkerd.io/",)
_LIMITS: Final = ("retry.linkerd.io/", "timeout.linkerd.io/")
REASON: Final = "AnnotationHasNoEffect"


def unheeded(obj: dict[str, Any], dialect: Dialect) -> str:
    """A sentence about the annotations of a route or Service that have no effect; "" if there are none."""
    annotations = obj["metadata"].get("annotations") or {}
    return "; ".join(dict.fromkeys(_notices(str(obj.get("kind")), annotations, dialect)))


def _notices(kind: str, annotations: Mapping[str, str], dialect: Dialect) -> Iterator[str]:
    if names := _beginning(annotations, _NEVER):
        yield f"the embedded mesh does not follow {names} yet"
    yield from map(str, parse_failure_accrual(annotations)[1])  # §4.3
    if dialect.route_annotations:
        yield from map(str, parse_timeout_annotations(annotations)[1])  # §2.7
        if kind != GRPC_ROUTE:
            yield from map(str, parse_http_retry(annotations)[1])
        if kind != "HTTPRoute":
            yield from map(str, parse_grpc_retry(annotations)[1])
        elif "retry.linkerd.io/grpc" in annotations:
            yield "retry.linkerd.io/grpc is read on GRPCRoutes and Services alone"
    elif names := _beginning(annotations, _LIMITS):
        yield f"{dialect.name} does not know {names}"


def _beginning(annotations: Iterable[str], prefixes: tuple[str, ...]) -> str:
    return ", ".join(sorted(name for name in annotations if name.startswith(prefixes)))
