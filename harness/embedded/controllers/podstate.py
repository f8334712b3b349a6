"""What controllers read from a pod: active, ready, available."""

from __future__ import annotations

from datetime import datetime

from harness.embedded.apiserver.objects import Obj, condition, dig, is_condition_true, is_deleting


def is_active(pod: Obj) -> bool:
    """The pod counts as a replica: neither ended nor about to."""
    return dig(pod, "status", "phase") not in ("Succeeded", "Failed") and not is_deleting(pod)


def is_ready(pod: Obj) -> bool:
    """The pod's Ready condition is True."""
    return is_condition_true(pod, "Ready")


def seconds_until_available(pod: Obj, min_ready_seconds: int, now: datetime) -> float | None:
    """0 if a ready pod has been ready for long enough, else the seconds to go; None if it is not ready."""
    if not is_ready(pod):
        return None
    since = (condition(pod, "Ready") or {}).get("lastTransitionTime")
    if not min_ready_seconds or not since:
        return 0.0
    return max(min_ready_seconds - (now - datetime.fromisoformat(since)).total_seconds(), 0.0)
