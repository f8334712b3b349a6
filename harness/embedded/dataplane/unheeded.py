"""Annotations that people rely on and that this data plane does not follow: it says so instead of keeping quiet."""

from __future__ import annotations

from typing import Any, Final

_PREFIXES: Final = (
    "balancer.linkerd.io/",
    "balancer.alpha.linkerd.io/",
    "retry.linkerd.io/",
    "timeout.linkerd.io/",
    "config.linkerd.io/opaque-ports",
)
REASON: Final = "AnnotationHasNoEffect"


def unheeded(obj: dict[str, Any]) -> str:
    """A sentence about the annotations of a route or Service that have no effect; "" if there are none."""
    annotations = obj["metadata"].get("annotations") or {}
    names = sorted(name for name in annotations if name.startswith(_PREFIXES))
    return f"the embedded mesh does not follow {', '.join(names)} yet" if names else ""
