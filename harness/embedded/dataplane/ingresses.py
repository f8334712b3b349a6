"""Ingresses as the way in reads them: class `traefik` or none, by host and path to a Service. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

Obj = dict[str, Any]

_CLASS: Final = "traefik"
_CLASS_ANNOTATION: Final = "kubernetes.io/ingress.class"


@dataclass(frozen=True, slots=True)
class IngressPath:
    """One path of one host, and the Service behind it.

    host      "" for all, `*.a.b` for what ends so; in lower case
    path      "" for what no other path takes
    is_exact  else the path and all below it
    port      of the Service, by number or name
    """

    namespace: str
    host: str
    path: str
    is_exact: bool
    service: str
    port: int | str


@dataclass(frozen=True, slots=True)
class Ingress:
    """The way in from outside the cluster.

    port    on 127.0.0.1; 0 for any free one
    source  the address that it calls pods from: it is no pod of the mesh, nor localhost to their policies
    paths   those that win first
    """

    port: int
    source: str
    paths: tuple[IngressPath, ...] = ()


def ingress_paths(objects: Iterable[Obj]) -> tuple[IngressPath, ...]:
    """The paths of all Ingresses that are meant for this way in, the one that wins first.

    An exact path comes before a prefix, a longer one before a shorter one, then the older Ingress.
    """
    older_first = sorted(filter(_is_meant, objects), key=_age)
    found = [path for obj in older_first for path in _paths(obj)]
    return tuple(sorted(found, key=lambda path: (not path.is_exact, -len(path.path))))


def _is_meant(obj: Obj) -> bool:
    annotations = obj["metadata"].get("annotations") or {}
    wanted = (obj.get("spec") or {}).get("ingressClassName") or annotations.get(_CLASS_ANNOTATION)
    return wanted in (None, "", _CLASS)


def _age(obj: Obj) -> tuple[str, str, str]:
    metadata = obj["metadata"]
    return (metadata.get("creationTimestamp") or "", metadata["namespace"], metadata["name"])


def _paths(obj: Obj) -> Iterator[IngressPath]:
    spec, namespace = obj.get("spec") or {}, obj["metadata"]["namespace"]
    for rule in spec.get("rules") or ():
        for path in (rule.get("http") or {}).get("paths") or ():
            is_exact = path.get("pathType") == "Exact"
            yield from _path(namespace, rule.get("host") or "", path.get("path") or "/", is_exact, path.get("backend"))
    yield from _path(namespace, "", "", False, spec.get("defaultBackend"))


def _path(namespace: str, host: str, path: str, is_exact: bool, backend: Obj | None) -> Iterator[IngressPath]:
    """Nothing for a backend that is no Service."""
    service = (backend or {}).get("service")
    if service:
        port = service.get("port") or {}
        wanted = port.get("number") or port.get("name") or 0
        yield IngressPath(namespace, host.lower(), path, is_exact, service["name"], wanted)
