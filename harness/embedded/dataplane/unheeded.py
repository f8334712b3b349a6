"""Annotations that people rely on and that this data plane does not follow: it says so instead of keeping quiet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from harness.dialect import Dialect
from harness.resources.annotations import parse_http_retry, parse_timeout_annotations

_NEVER: Final = (
    "balancer.linkerd.io/",
    "balancer.alpha.linkerd.io/",
    "retry.linkerd.io/grpc",
    "config.linkerd.io/opaque-ports",
)
_LIMITS: Final = ("retry.linkerd.io/", "timeout.linkerd.io/")
REASON: Final = "AnnotationHasNoEffect"


def unheeded(obj: dict[str, Any], dialect: Dialect) -> str:
    """A sentence about the annotations of a route or Service that have no effect; "" if there are none."""
    annotations = obj["metadata"].get("annotations") or {}
    if names := _beginning(annotations, _NEVER):
        return f"the embedded mesh does not follow {names} yet"
    if not dialect.route_annotations:
        names = _beginning(annotations, _LIMITS)
        return f"{dialect.name} does not know {names}" if names else ""
    wrong = (*parse_timeout_annotations(annotations)[1], *parse_http_retry(annotations)[1])
    return "; ".join(map(str, wrong))  # §2.7


def _beginning(annotations: Iterable[str], prefixes: tuple[str, ...]) -> str:
    return ", ".join(sorted(name for name in annotations if name.startswith(prefixes)))
