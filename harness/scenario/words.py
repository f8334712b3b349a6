"""Values with a shape: statuses, names of objects, pods, conditions, Services, paths of manifests."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Final

from harness.errors import nearest
from harness.scenario.spelled import Spelled, refused, shown, text_like

_SLUG: Final = re.compile(r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*")
_DNS: Final = r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?"
_REFERENCE: Final = re.compile(f"({_DNS})/({_DNS})")
_SELECTOR: Final = re.compile(f"({_DNS})/([A-Za-z0-9][A-Za-z0-9./_-]*)=([A-Za-z0-9][A-Za-z0-9._-]*)")
_DESTINATION: Final = re.compile(f"({_DNS}):([1-9][0-9]{{0,4}})")
_PATH: Final = re.compile(r"[^\0]*\.(?:ya?ml|json)")
_CLASSES: Final = ("1xx", "2xx", "3xx", "4xx", "5xx")
_POD_CONDITIONS: Final = ("Ready", "ContainersReady", "Initialized", "PodScheduled")
_DEPLOYMENT_CONDITIONS: Final = ("Available", "Progressing", "ReplicaFailure")
_CONDITIONS: Final = (*_POD_CONDITIONS, *_DEPLOYMENT_CONDITIONS)


@dataclass(frozen=True, slots=True)
class Statuses:
    """HTTP statuses: codes such as 500 and classes such as `5xx`, in the order written."""

    values: tuple[int | str, ...]

    def __contains__(self, code: int) -> bool:
        return code in self.values or f"{code // 100}xx" in self.values

    def __str__(self) -> str:
        return " or ".join(str(value) for value in self.values)


def parse_statuses(value: Any) -> Statuses:
    """The statuses that `200`, `5xx` or a list of such writes."""
    items = tuple(value) if isinstance(value, list) else (value,)
    if not items:
        raise refused("an empty list of statuses is never met")
    for item in items:
        is_code = isinstance(item, int) and not isinstance(item, bool) and 100 <= item <= 599
        if not is_code and not (isinstance(item, str) and item in _CLASSES):
            raise refused(_no_status(item))
    return Statuses(items)


def _no_status(item: object) -> str:
    if isinstance(item, str) and item.lower() in _CLASSES:
        return f"{shown(item)} is not a status; did you mean '{item.lower()}'?"
    if isinstance(item, str) and re.fullmatch("[1-5][0-9]{2}", item):
        return f"{shown(item)} is text; write {item} without quotes"
    return f"{shown(item)} is not a status; write a code such as 200, a class such as 5xx, or a list of them"


def _format_statuses(statuses: Statuses) -> Any:
    return statuses.values[0] if len(statuses.values) == 1 else list(statuses.values)


@dataclass(frozen=True, slots=True, order=True)
class ObjectName:
    """A namespaced object, written `namespace/name`."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def parse_object_name(value: Any) -> ObjectName:
    """The object that `booksapp/authors` names."""
    match = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise refused(f"{shown(value)} does not say which namespace; write namespace/name, like booksapp/authors")
    return ObjectName(match[1], match[2])


@dataclass(frozen=True, slots=True)
class PodSelector:
    """The pods of a namespace that carry a label, written `namespace/label=value`."""

    namespace: str
    label: str
    value: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.label}={self.value}"


def parse_selector(value: Any) -> PodSelector:
    """The pods that `booksapp/app=authors` selects."""
    match = _SELECTOR.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise refused(f"{shown(value)} selects no pods; write namespace/label=value, like booksapp/app=authors")
    return PodSelector(match[1], match[2], match[3])


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition of a Kubernetes object and whether it is wanted True; written `Ready` or `not Ready`."""

    name: str
    met: bool

    def __str__(self) -> str:
        return self.name if self.met else f"not {self.name}"

    @property
    def of_pods(self) -> bool:
        """Whether pods have it; Deployments have the others."""
        return self.name in _POD_CONDITIONS


def parse_condition(value: Any) -> Condition:
    """The condition that `Ready` or `not Ready` asks for."""
    name = value.removeprefix("not ") if isinstance(value, str) else ""
    if name not in _CONDITIONS:
        raise refused(f"{shown(value)} is not a condition of pods or Deployments{nearest(name, _CONDITIONS)}")
    return Condition(name, met=value == name)


@dataclass(frozen=True, slots=True)
class Destination:
    """A Service as a client dials it, written `host:port`."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def parse_destination(value: Any) -> Destination:
    """The Service and port that `books:7002` names."""
    match = _DESTINATION.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match[2]) > 65535:
        raise refused(f"{shown(value)} is not a Service with its port; write one like books:7002")
    return Destination(match[1], int(match[2]))


def parse_slug(value: Any) -> str:
    """A name that reads as one word: letters and digits, joined by dashes."""
    if not isinstance(value, str) or not _SLUG.fullmatch(value):
        raise refused(f"{shown(value)} is not a name; join letters and digits with dashes, like books-recovers")
    return value


def parse_kubernetes_name(value: Any) -> str:
    """A Kubernetes name: lower-case letters, digits, dashes and dots."""
    if not isinstance(value, str) or not re.fullmatch(_DNS, value):
        raise refused(f"{shown(value)} is not a Kubernetes name; use lower-case letters, digits and dashes")
    return value


def parse_paths(value: Any) -> tuple[str, ...]:
    """One path of a manifest, or a list of them; relative to the folder that holds fixtures/."""
    items = value if isinstance(value, list) else [value]
    if not items:
        raise refused("an empty list of manifests changes nothing")
    for item in items:
        if not isinstance(item, str) or not _PATH.fullmatch(item):
            raise refused(f"{shown(item)} is not a manifest; write the path of a .yaml file")
    return tuple(items)


def _format_paths(paths: tuple[str, ...]) -> Any:
    return paths[0] if len(paths) == 1 else list(paths)


def _one_or_more(*kinds: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [*kinds, {"type": "array", "items": {"anyOf": list(kinds)}, "minItems": 1}]}


StatusSet = Annotated[
    Statuses,
    Spelled(
        parse_statuses,
        _format_statuses,
        _one_or_more({"type": "integer", "minimum": 100, "maximum": 599}, {"enum": list(_CLASSES)}),
        Statuses,
    ),
]
Named = Annotated[
    ObjectName, Spelled(parse_object_name, str, text_like(_REFERENCE.pattern, "booksapp/authors"), ObjectName)
]
Pods = Annotated[
    PodSelector, Spelled(parse_selector, str, text_like(_SELECTOR.pattern, "booksapp/app=authors"), PodSelector)
]
Wanted = Annotated[
    Condition,
    Spelled(parse_condition, str, {"enum": [not_ + name for name in _CONDITIONS for not_ in ("", "not ")]}, Condition),
]
ServicePort = Annotated[
    Destination, Spelled(parse_destination, str, text_like(_DESTINATION.pattern, "books:7002"), Destination)
]
Slug = Annotated[str, Spelled(parse_slug, str, text_like(_SLUG.pattern, "books-recovers"))]
KubernetesName = Annotated[str, Spelled(parse_kubernetes_name, str, text_like(_DNS, "booksapp"))]
ManifestPaths = Annotated[
    tuple[str, ...],
    Spelled(
        parse_paths, _format_paths, _one_or_more(text_like(r".*\.(ya?ml|json)", "manifests/booksapp/x.yaml")), tuple
    ),
]
