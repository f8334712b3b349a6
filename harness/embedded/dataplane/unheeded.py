"""Annotations that people rely on and that this data plane does not follow: it says so instead of keeping quiet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from harness.dialect import Dialect
from harness.resources.annotations import parse_http_retry, parse_timeout_annotations
from harness.resources.circuit_breaking import parse_failure_accrual

_NEVER: Final = (
    "balancer.alpha.linkerd.io/",
    "retry.linkerd.io/grpc",
)
_LIMITS: Final = ("retry.linkerd.io/", "timeout.linkerd.io/")
REASON: Final = "AnnotationHasNoEffect"


def unheeded(obj: dict[str, Any], dialect: Dialect) -> str:
    """A sentence about the annotations of a route or Service that have no effect; "" if there are none."""
    annotations = obj["metadata"].get("annotations") or {}
    return "; ".join(_notices(annotations, dialect))


def _notices(annotations: Mapping[str, str], dialect: Dialect) -> Iterator[str]:
    if names := _beginning(annotations, _NEVER):
        yield f"the embedded mesh does not follow {names} yet"
    yield from map(str, parse_failure_accrual(annotations)[1])  # §4.3
    if dialect.route_annotations:
        yield from map(str, parse_timeout_annotations(annotations)[1])  # §2.7
        yield from map(str, parse_http_retry(annotations)[1])
    elif names := _beginning(annotations, _LIMITS):
        yield f"{dialect.name} does not know {names}"


def _beginning(annotations: Iterable[str], prefixes: tuple[str, ...]) -> str:
    return ", ".join(sorted(name for name in annotations if name.startswith(prefixes)))
