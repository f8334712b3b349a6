"""How many replicas each ReplicaSet of a Deployment should have next. Pure arithmetic, no objects."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scaled:
    """One ReplicaSet: what its spec asks for, and how many of its pods are available."""

    name: str
    replicas: int
    available: int


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of a rolling update around `desired` replicas."""

    desired: int
    max_surge: int
    max_unavailable: int

    @property
    def most(self) -> int:
        """Pods of all ReplicaSets together, at most."""
        return self.desired + self.max_surge

    @property
    def fewest_available(self) -> int:
        """Available pods of all ReplicaSets together, at least."""
        return self.desired - self.max_unavailable


def rolling_bounds(desired: int, max_surge: int | str, max_unavailable: int | str) -> Bounds:
    """Bounds from the spec's numbers or percentages: surge is rounded up, unavailability down, never both to 0."""
    surge, unavailable = _share(max_surge, desired, math.ceil), _share(max_unavailable, desired, math.floor)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return Bounds(desired, surge, min(unavailable, desired))


def _share(value: int | str, desired: int, rounded: Callable[[float], int]) -> int:
    return value if isinstance(value, int) else rounded(int(value.removesuffix("%")) * desired / 100)


def rolling_step(bounds: Bounds, new: Scaled, old: Sequence[Scaled]) -> Mapping[str, int]:
    """The ReplicaSets to scale now, by name; empty if there is nothing to do but wait.

    old  oldest first

    The sum of all never exceeds `bounds.most`, and no available pod is given up that `bounds.fewest_available` needs.
    Old pods that are not available are given up first, since they serve nobody.
    """
    changes = _grow_new(bounds, new, old)
    return changes or _shrink_old(bounds, new, old)


def _grow_new(bounds: Bounds, new: Scaled, old: Sequence[Scaled]) -> Mapping[str, int]:
    if new.replicas > bounds.desired:
        return {new.name: bounds.desired}
    room = bounds.most - new.replicas - sum(entry.replicas for entry in old)
    grown = min(bounds.desired, new.replicas + max(room, 0))
    return {new.name: grown} if grown != new.replicas else {}


def _shrink_old(bounds: Bounds, new: Scaled, old: Sequence[Scaled]) -> Mapping[str, int]:
    total = new.replicas + sum(entry.replicas for entry in old)
    spare = total - bounds.fewest_available - (new.replicas - new.available)
    left = {entry.name: entry.replicas for entry in old}
    for entry in old:
        given_up = min(max(entry.replicas - entry.available, 0), max(spare, 0))
        left[entry.name] -= given_up
        spare -= given_up
    for entry in old:  # what can still be spared now is available, as all others are given up already
        given_up = min(left[entry.name], max(spare, 0))
        left[entry.name] -= given_up
        spare -= given_up
    return {entry.name: left[entry.name] for entry in old if left[entry.name] != entry.replicas}


def recreate_step(desired: int, new: Scaled | None, old: Sequence[Scaled], *, old_pods_left: bool) -> Mapping[str, int]:
    """As `rolling_step`, for the strategy that stops everything old before anything new starts."""
    if any(entry.replicas for entry in old):
        return {entry.name: 0 for entry in old if entry.replicas}
    if old_pods_left or new is None or new.replicas == desired:
        return {}
    return {new.name: desired}
