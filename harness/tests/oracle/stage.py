"""The fixed cast, twice: as manifests for the oracle, and as pods behind a real proxy."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import yaml

from harness.dialect import Dialect
from harness.embedded.controllers.routes import route_parents
from harness.embedded.dataplane.compile import compile_snapshot
from harness.embedded.dataplane.snapshot import Pod
from harness.embedded.dataplane.world import ROUTES, SERVICES, SLICES, World
from harness.oracle import Objects, Outcome, Prediction, Request, Sender, predict
from harness.resources.admission import review
from harness.resources.gateway_rules import gateway_rule_problems
from harness.resources.networks import whole_networks
from harness.resources.policy_set import CLUSTER_NETWORKS, InstallSettings
from harness.resources.routes import GATEWAY_GROUP, parse_http_route
from harness.resources.services import Service, parse_service
from harness.tests.dataplane.live import Answer, LiveMesh
from harness.tests.oracle.cluster import Obj, deployment, namespace, service
from harness.tests.oracle.drawn import AWAY, HOME, PORT, SECOND, Asked

_SETTINGS = InstallSettings(cluster_networks=(*CLUSTER_NETWORKS, *whole_networks(("127.0.0.0/8",))))
_NOW = "2026-01-02T00:00:00Z"
_PROBED = {"readinessProbe": {"httpGet": {"path": "/ping", "port": PORT}}}
_PLURALS = {"Server": "servers", "AuthorizationPolicy": "authorizationpolicies"}
_PLURALS |= {"MeshTLSAuthentication": "meshtlsauthentications", "NetworkAuthentication": "networkauthentications"}


def _deployment(name: str, **more: Any) -> Obj:
    made = deployment(name, ns=HOME, port=PORT, **more)
    made["spec"]["template"]["spec"]["containers"][0]["ports"][0]["name"] = "service"
    return made


def _service(name: str) -> Obj:
    made = service(name, ns=HOME, port=PORT, target="service")
    made["spec"]["ports"].append({"name": "second", "port": SECOND, "targetPort": PORT})
    return made


def _unmeshed(made: Obj) -> Obj:
    made["spec"]["template"]["metadata"]["annotations"] = {"linkerd.io/inject": "disabled"}
    return made


SERVED = ("books", "other", "legacy", "gone")
CAST: list[Obj] = [
    namespace(HOME),
    namespace(AWAY),
    _deployment("books", **_PROBED),
    _deployment("other"),
    _unmeshed(_deployment("legacy")),
    _deployment("gone", replicas=0),
    *map(_service, SERVED),
]


@dataclass(frozen=True)
class _Referents:
    """What routes refer to here."""

    services: dict[tuple[str, str], Service]
    servers: frozenset[tuple[str, str]]

    def service(self, namespace: str, name: str) -> Service | None:
        return self.services.get((namespace, name))

    def has_server(self, namespace: str, name: str) -> bool:
        return (namespace, name) in self.servers

    def has_egress_network(self, namespace: str, name: str) -> bool:
        return False


@dataclass
class Stage:
    """A real proxy with the cast behind and in front of it."""

    mesh: LiveMesh
    pods: dict[str, Pod]
    dialect: Dialect

    @classmethod
    async def set_up(cls, mesh: LiveMesh) -> Stage:
        """Start the applications, and pods that only call."""
        probes = {PORT: ("/ping",)}
        pods = {"books": await mesh.app("books", probes=probes), "other": await mesh.app("other")}
        pods["legacy"] = await mesh.app("legacy", meshed=False)
        pods["webapp"] = await mesh.app("webapp", listening=False)
        pods["guest"] = await mesh.app("guest", listening=False, namespace=AWAY)
        pods["stranger"] = await mesh.app("stranger", listening=False, namespace="outside", meshed=False)
        return cls(mesh, pods, mesh.dialect)

    async def apply(self, manifests: list[Obj]) -> None:
        """Put these in force, beside the cast."""
        world = World(self.dialect, lambda *_: None)
        services = {name: _stored(_service(name), number) for number, name in enumerate(SERVED)}
        for name, obj in services.items():
            world.put(SERVICES, obj)
            world.put(SLICES, self._slice(name))
        for pod in self.pods.values():
            world.add_pod(pod)
        admitted = [obj for obj in manifests if _is_admitted(obj, self.dialect)]
        servers = frozenset((HOME, obj["metadata"]["name"]) for obj in admitted if obj["kind"] == "Server")
        referents = _Referents({(HOME, name): parse_service(obj) for name, obj in services.items()}, servers)
        for obj in admitted:
            if obj["kind"] == "HTTPRoute":
                parents = route_parents(parse_http_route(obj), referents, self.dialect, now=_NOW)
                world.put(ROUTES[obj["apiVersion"].startswith("gateway")], {**obj, "status": {"parents": parents}})
            else:
                world.put(f"{_PLURALS[obj['kind']]}.policy.linkerd.io", obj)
        self.mesh.compile(*self.pods.values())  # certificates
        await self.mesh.ads.push(compile_snapshot(world.snapshot(), self.mesh.identities.directory))

    async def ask(self, asked: Asked) -> Answer:
        """What the sender gets."""
        headers = {name.replace("-", "_"): value for name, value in asked.headers}
        return await self.mesh.get(self.pods[asked.sender], asked.url, method=asked.method, **headers)

    def expected(self, objects: Objects, asked: Asked) -> Prediction:
        """What the oracle says of it."""
        endpoint = self.pods[asked.sender].endpoint
        account = endpoint.service_account
        sender = Sender(endpoint.namespace, account, endpoint.meshed, ip_address(endpoint.pod_ip))
        return predict(objects, sender, Request.of(asked.method, asked.url, asked.headers))

    def objects(self, manifests: list[Obj]) -> Objects:
        """The cast and these, read by the oracle."""
        return Objects.read([*CAST, *manifests], self.dialect, _SETTINGS)

    def _slice(self, name: str) -> Obj:
        ips = [self.pods[name].endpoint.pod_ip] if name in self.pods else []
        return {
            "metadata": {"name": name, "namespace": HOME, "labels": {"kubernetes.io/service-name": name}},
            "ports": [{"name": port, "port": PORT, "protocol": "TCP"} for port in ("http", "second")],
            "endpoints": [{"addresses": [ip], "conditions": {"ready": True}} for ip in ips],
        }


def _is_admitted(obj: Obj, dialect: Dialect) -> bool:
    """By the API server's rules across fields, and by the webhook."""
    is_gateway = obj["apiVersion"].startswith(GATEWAY_GROUP)
    return not (is_gateway and gateway_rule_problems(obj)) and not review(obj, dialect).denials


def _stored(obj: Obj, number: int) -> Obj:
    return {**obj, "spec": {**obj["spec"], "clusterIP": f"127.77.1.{number + 1}"}}


def is_seen_as(outcome: Outcome, answer: Answer, method: str) -> bool:
    """True if an answer of the embedded mesh can be this outcome.

    What it does in its own way, and says so: a client asks through a proxy and always gets an answer in HTTP, so a
    connection that is refused is 502 or 504 there, and one that is closed for want of weights 503; and nobody waits
    for pods that are not there.
    """
    by_app = answer.headers.get("x-app", "")
    match outcome.by:
        case "app":
            return by_app == _name(outcome) and answer.status == 200 and (method == "HEAD" or _changed(outcome, answer))
        case "network":
            return not by_app and answer.status in (502, 504)
        case "client's proxy":
            status = 503 if outcome.status is None else outcome.status
            signed = answer.error is not None or bool(outcome.location)
            return not by_app and answer.status == status and signed and _leads(outcome, answer)
        case _:
            return not by_app and answer.status == outcome.status and not answer.error and _leads(outcome, answer)


def _name(outcome: Outcome) -> str:
    return outcome.workload[1] if outcome.workload else ""


def _changed(outcome: Outcome, answer: Answer) -> bool:
    return ("x-by" in answer.seen.get("headers", {})) == bool(outcome.filters)


def _leads(outcome: Outcome, answer: Answer) -> bool:
    return answer.headers.get("location", "") == outcome.location


def told(manifests: list[Obj], asked: Asked, prediction: Prediction, answer: Answer) -> str:
    """What a person needs to decide who is wrong."""
    promised = "\n".join(
        f"  {outcome.probability} {outcome.by} {outcome.status} {outcome.workload or ''} {outcome.location}\n"
        + "\n".join(f"    {reason}" for reason in outcome.reasons)
        for outcome in prediction.outcomes
    )
    by, where = answer.headers.get("x-app", "a proxy"), answer.headers.get("location", "")
    seen = f"{answer.status} by {by}: {answer.error} {where}"
    text = yaml.safe_dump_all(manifests, sort_keys=False)
    question = f"{asked.sender}: {asked.method} {asked.url} {dict(asked.headers)}"
    return f"\n{text}\n{question}\noracle:\n{promised}\nmesh:\n  {seen}"
