"""What helps to understand a broken expectation, collected before anything is undone."""

from __future__ import annotations

from collections.abc import Iterator

from harness.kube.client import Kube
from harness.kube.objects import JsonObject, workload
from harness.mesh.metrics import PROXY_CONTAINER
from harness.scenario.model import Logs, Scenario

EVENTS_SHOWN = 5
LOG_LINES_SHOWN = 10


def diagnose(kube: Kube, scenario: Scenario) -> Iterator[str]:
    """Lines for a person: the routes with their conditions, the last warnings, and the logs the scenario asks for."""
    for namespace in sorted(_namespaces(kube)):
        yield from _routes(kube, namespace)
        yield from _warnings(kube, namespace)
    for wanted in scenario.spec.diagnose:
        if wanted.logs is not None:
            yield from _logs(kube, wanted.logs)


def _namespaces(kube: Kube) -> set[str]:
    names = {namespace["metadata"]["name"] for namespace in kube.objects("v1", "Namespace")}
    return {name for name in names if not name.startswith(("kube-", "linkerd"))}


def _routes(kube: Kube, namespace: str) -> Iterator[str]:
    for api_version in ("policy.linkerd.io/v1beta3", "gateway.networking.k8s.io/v1"):
        for route in kube.objects_if_served(api_version, "HTTPRoute", namespace):
            yield f"HTTPRoute/{route['metadata']['name']} in {namespace}: {_conditions(route) or 'no status'}"


def _conditions(route: JsonObject) -> str:
    parts = []
    for parent in (route.get("status") or {}).get("parents") or []:
        ref = parent["parentRef"]
        said = ", ".join(f"{c['type']}={c['status']} ({c.get('reason', '')})" for c in parent.get("conditions") or [])
        parts.append(f"{ref.get('kind', '')} {ref['name']}:{ref.get('port', 'all ports')} {said}")
    return "; ".join(parts)


def _warnings(kube: Kube, namespace: str) -> Iterator[str]:
    events = [event for event in kube.objects("v1", "Event", namespace) if event.get("type") == "Warning"]
    for event in events[-EVENTS_SHOWN:]:
        about = event.get("involvedObject", {})
        what = f"{about.get('kind', '')}/{about.get('name', '')}"
        yield f"event {what} in {namespace}: {event.get('reason', '')} {event.get('message', '')}"


def _logs(kube: Kube, wanted: Logs) -> Iterator[str]:
    namespace = wanted.deployment.namespace
    deployment = kube.get(workload("Deployment", str(wanted.deployment)))
    if deployment is None:
        yield f"no logs of {wanted.deployment}: it does not exist"
        return
    labels = ",".join(f"{k}={v}" for k, v in deployment["spec"]["selector"].get("matchLabels", {}).items())
    for pod in kube.objects("v1", "Pod", namespace, labels):
        container = wanted.container or _first_container(pod)
        lines = kube.logs(namespace, pod["metadata"]["name"], tail=wanted.tail, container=container)
        yield from (f"log {pod['metadata']['name']}: {line}" for line in lines[-LOG_LINES_SHOWN:])


def _first_container(pod: JsonObject) -> str:
    """The application's container: a log without a name is refused where there are several."""
    names: list[str] = [container["name"] for container in pod["spec"]["containers"]]
    return next((name for name in names if name != PROXY_CONTAINER), names[0])
