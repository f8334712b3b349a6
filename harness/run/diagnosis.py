"""What helps to understand a broken expectation, collected before anything is undone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from harness.kube.client import Kube, KubeError
from harness.kube.objects import JsonObject, ObjectRef, workload
from harness.mesh.metrics import DEPLOYMENT_LABEL, PROXY_CONTAINER, Snapshot, increase, meshed_pods, scrape
from harness.mesh.route_proof import ROUTE_COUNTER
from harness.run.events import Piece
from harness.run.senders import Sender
from harness.scenario.model import Authorizations, Logs, ProxyPolicy, Scenario

EVENTS_SHOWN = 5
NOTHING = Snapshot(0.0, {})
AUTHORIZATION_COUNTERS = (
    ("allowed", "inbound_http_authz_allow_total", ("srv_name", "route_name", "authz_name", "client_id")),
    ("denied", "inbound_http_authz_deny_total", ("srv_name", "route_name", "client_id")),
    ("found no route", "inbound_http_route_not_found_total", ("srv_name", "client_id")),
)
LOG_LINES_SHOWN = 10


LOG_LINES_KEPT = 40
PODS_KEPT = 6


def logs_of_involved(kube: Kube, senders: Sequence[Sender], workloads: Sequence[str]) -> Iterator[Piece]:
    """The ends of the logs of the senders and of who answered them, apps and proxies alike.

    workloads  Deployments by name, as the senders' proxies told them
    """
    pods = [(s.pod.namespace, s.pod.name) for s in senders if s.pod is not None]
    for name in workloads:
        pods += [
            (pod["metadata"]["namespace"], pod["metadata"]["name"])
            for pod in kube.objects("v1", "Pod", None, f"{DEPLOYMENT_LABEL}={name}")
        ]
    for namespace, name in pods[:PODS_KEPT]:
        pod = kube.get(ObjectRef("v1", "Pod", namespace, name))
        for container in pod["spec"]["containers"] if pod else ():
            title = f"the last lines of {container['name']} in {namespace}/{name}"
            yield Piece(title, "\n".join(_log(kube, namespace, name, container["name"])) or "nothing was logged")


def _log(kube: Kube, namespace: str, pod: str, container: str) -> list[str]:
    try:
        return kube.logs(namespace, pod, tail=LOG_LINES_KEPT, container=container)
    except KubeError as error:
        return [f"no log: {error.message}"]


def diagnose(kube: Kube, scenario: Scenario, senders: Mapping[str, Sender]) -> Iterator[str]:
    """Lines for a person: the routes with their conditions, the last warnings, and what the scenario asks for."""
    for namespace in sorted(_namespaces(kube)):
        yield from _routes(kube, namespace)
        yield from _warnings(kube, namespace)
    for wanted in scenario.spec.diagnose:
        if wanted.logs is not None:
            yield from _logs(kube, wanted.logs)
        if wanted.proxy_policy is not None:
            yield from _proxy_policy(kube, wanted.proxy_policy, senders[wanted.proxy_policy.from_])
        if wanted.authorizations is not None:
            yield from _authorizations(kube, wanted.authorizations)


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


def _proxy_policy(kube: Kube, wanted: ProxyPolicy, sender: Sender) -> Iterator[str]:
    """Which routes a sender's proxy has used for a Service, and where they led."""
    if sender.pod is None or not sender.meshed:
        yield f"sender {sender.name} has no proxy to ask about {wanted.to}"
        return
    now = scrape(kube, [sender.pod])
    name, port = wanted.to.host.partition(".")[0], str(wanted.to.port)
    used = increase(
        NOTHING,
        now,
        ROUTE_COUNTER,
        by=("route_kind", "route_name", "backend_name"),
        where=lambda labels: (labels.get("parent_name"), labels.get("parent_port")) == (name, port),
    )
    for (kind, route, backend), count in used.most_common():
        yield f"proxy of {sender.pod.name} for {wanted.to}: {kind}/{route} -> {backend or 'no backend'} x {count}"
    if not used:
        yield f"proxy of {sender.pod.name} has sent nothing to {wanted.to}"


def _authorizations(kube: Kube, wanted: Authorizations) -> Iterator[str]:
    """Who was let in where, and who was not, as the proxies of a workload counted since they started."""
    now = scrape(kube, meshed_pods(kube, wanted.workload.namespace, wanted.workload.name))
    for word, counter, by in AUTHORIZATION_COUNTERS:
        for labels, count in increase(NOTHING, now, counter, by=by).most_common():
            said = ", ".join(f"{label} {value}" for label, value in zip(by, labels, strict=True) if value)
            yield f"{wanted.workload} {word}: {said} x {count}"
