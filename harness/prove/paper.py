"""A tale told on paper: which objects exist in each step, without a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.dialect import Dialect
from harness.oracle import Objects
from harness.prove.mutant import Tale
from harness.scenario.manifests import Manifest

Existing = dict[tuple[str, str, str, str], dict[str, Any]]
"""Objects by apiVersion, kind, namespace and name."""


def states(tale: Tale, dialect: Dialect) -> list[Objects]:
    """What exists when each step is judged: its apps, and what has been applied and not deleted by then.

    raises  InputError if an app or a manifest cannot be read
    """
    return [Objects.read(objects, dialect) for objects in _told(tale)]


def last_difference(tale: Tale, mutated: Tale) -> int | None:
    """The last step in which something exists in one of them and not in the other; None if that is not known.

    raises  InputError if an app or a manifest cannot be read
    """
    if does_more_than_apply(tale, mutated) or tale.scenario.spec.senders != mutated.scenario.spec.senders:
        return None
    pairs = enumerate(zip(_told(tale), _told(mutated), strict=True))
    return max((index for index, (one, other) in pairs if one != other), default=None)


def _told(tale: Tale) -> Iterator[list[dict[str, Any]]]:
    """The objects of each step."""
    existing: Existing = {}
    for app in tale.scenario.spec.apps:
        for written in tale.project.app(app).spec.manifests:
            _apply(tale.project.manifests(written), existing)
    for step in tale.scenario.spec.steps:
        for action in step.actions():
            for written in action.apply or ():
                _apply(tale.project.manifests(written), existing)
            for written in action.delete or ():
                for manifest in tale.project.manifests(written):
                    existing.pop(_key(manifest), None)
        yield list(existing.values())


def _apply(manifests: tuple[Manifest, ...], existing: Existing) -> None:
    for manifest in manifests:
        existing[_key(manifest)] = manifest.obj


def _key(manifest: Manifest) -> tuple[str, str, str, str]:
    return (str(manifest.obj["apiVersion"]), manifest.kind, manifest.name.namespace, manifest.name.name)


def does_more_than_apply(tale: Tale, other: Tale) -> bool:
    """Whether two tales differ in actions that paper does not know: patches, environments, scales."""
    return list(_other_actions(tale)) != list(_other_actions(other))


def _other_actions(tale: Tale) -> Iterator[object]:
    for step in tale.scenario.spec.steps:
        yield [action for action in step.actions() if action.apply is None and action.delete is None]
