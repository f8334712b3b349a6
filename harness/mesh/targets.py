"""What a person asks the counters about: `deploy/books`, `po`, `svc books`, `ns`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from harness.errors import Finding, InputError, nearest
from harness.mesh.metrics import Labels, MeshedPod


@dataclass(frozen=True, slots=True)
class TargetKind:
    """A kind of object that the proxies' counters can be grouped by.

    name   also the label of series and pods; outbound series say `dst_<name>`
    short  the prefix of names when a table mixes kinds
    """

    name: str
    short: str
    plural: str


DEPLOYMENT: Final = TargetKind("deployment", "deploy", "deployments")
NAMESPACE: Final = TargetKind("namespace", "ns", "namespaces")
POD: Final = TargetKind("pod", "po", "pods")
SERVICE: Final = TargetKind("service", "svc", "services")
KINDS: Final = (DEPLOYMENT, NAMESPACE, POD, SERVICE)
"""In the order of their tables."""


@dataclass(frozen=True, slots=True)
class Target:
    """One object, or all objects of a kind.

    namespace  "" for every namespace, and always for namespaces themselves
    name       "" for every name
    """

    kind: TargetKind
    namespace: str
    name: str

    def holds(self, pod: MeshedPod) -> bool:
        """Whether the counters of this pod are the target's own; services have no counters of their own (§6.3)."""
        if self.namespace not in ("", pod.namespace) or self.kind == SERVICE:
            return False
        own = {DEPLOYMENT: pod.deployment, NAMESPACE: pod.namespace, POD: pod.name}
        return self.name in ("", own[self.kind])

    def is_destination(self, labels: Labels) -> bool:
        """Whether an outbound series counts what went to the target; without a name every series does (§6.3)."""
        if not self.name:
            return True
        return labels.get(f"dst_{self.kind.name}") == self.name and (
            self.namespace in ("", labels.get("dst_namespace"))
        )


def parse_targets(words: Sequence[str], namespace: str) -> tuple[Target, ...]:
    """What `deploy`, `deploy books authors`, `deploy/books` or `po/a deploy/b` ask for.

    namespace  "" for all; given with the kind `ns` and no name, it is the namespace meant
    raises     InputError
    """
    if "/" in words[0]:
        return tuple(_parse_one(word, namespace) for word in words)
    kind = _kind(words[0])
    return tuple(_target(kind, namespace, name) for name in (words[1:] or ("",)))


def _parse_one(word: str, namespace: str) -> Target:
    kind, slash, name = word.partition("/")
    if slash and not name:
        raise InputError([Finding("", 0, f"'{word}' has no name behind the slash")])
    return _target(_kind(kind), namespace, name)


def _target(kind: TargetKind, namespace: str, name: str) -> Target:
    if "/" in name:
        raise InputError([Finding("", 0, f"'{name}' is not a name; write the kind once, or kind/name every time")])
    if kind == NAMESPACE:
        return Target(kind, "", name or namespace)
    return Target(kind, namespace, name)


def _kind(word: str) -> TargetKind:
    spellings = {spelling: kind for kind in KINDS for spelling in (kind.short, kind.name, kind.plural)}
    if word not in spellings:
        raise InputError([Finding("", 0, f"'{word}' is no kind of resource here{nearest(word, list(spellings))}")])
    return spellings[word]
