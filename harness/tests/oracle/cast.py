"""The fixed cast of the agreement tests, as manifests: who is there whatever routes and policies are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from harness.tests.oracle.cluster import Obj, deployment, namespace, service

HOME, AWAY = "booksapp", "tools"
PORT, SECOND = 7000, 7001
SERVED: Final = ("books", "other", "legacy", "gone")
_PROBED: dict[str, Any] = {"readinessProbe": {"httpGet": {"path": "/ping", "port": PORT}}}


def cast_deployment(name: str, annotations: Mapping[str, str] | None = None) -> Obj:
    """A workload of the cast, whose pods are annotated like this."""
    more: dict[str, Any] = {"books": _PROBED, "gone": {"replicas": 0}}.get(name, {})
    made = deployment(name, ns=HOME, port=PORT, **more)
    template = made["spec"]["template"]
    template["spec"]["containers"][0]["ports"][0]["name"] = "service"
    outside = {"linkerd.io/inject": "disabled"} if name == "legacy" else {}
    template["metadata"]["annotations"] = {**(annotations or {}), **outside}
    return made


def cast_service(name: str, annotations: Mapping[str, str] | None = None, app_protocol: str = "") -> Obj:
    """A Service of the cast: two ports that lead to one."""
    made = service(name, ns=HOME, port=PORT, target="service", annotations=dict(annotations or {}))
    made["spec"]["ports"].append({"name": "second", "port": SECOND, "targetPort": PORT})
    if app_protocol:
        made["spec"]["ports"][0]["appProtocol"] = app_protocol
    return made


CAST: Final[list[Obj]] = [
    namespace(HOME),
    namespace(AWAY),
    *map(cast_deployment, SERVED),
    *map(cast_service, SERVED),
]
