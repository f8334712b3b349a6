"""The fixed cast, twice: as manifests for the oracle, and as pods behind a real proxy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from ipaddress import ip_address

import yaml

from harness.dialect import Dialect
from harness.embedded.controllers.rate_limits import rate_limit_status
from harness.embedded.controllers.routes import route_parents
from harness.embedded.dataplane.compile import compile_snapshot
from harness.embedded.dataplane.snapshot import Pod
from harness.embedded.dataplane.world import ROUTES, SERVICES, SLICES, World
from harness.oracle import Objects, Outcome, Prediction, Request, Sender, predict
from harness.resources.admission import review
from harness.resources.filters import RequestHeaderModifier, ResponseHeaderModifier
from harness.resources.gateway_rules import gateway_rule_problems
from harness.resources.networks import whole_networks
from harness.resources.pods import parse_pod
from harness.resources.policy_set import CLUSTER_NETWORKS, InstallSettings
from harness.resources.rate_limits import parse_rate_limit_policy
from harness.resources.routes import GATEWAY_GROUP, ParentRef, parse_http_route
from harness.resources.services import Service, parse_service
from harness.tests.dataplane.live import Answer, LiveMesh
from harness.tests.oracle.breakers import GIVEN_UP
from harness.tests.oracle.cast import AWAY, CAST, HOME, PORT, SERVED, cast_service
from harness.tests.oracle.cluster import Obj
from harness.tests.oracle.drawn import Asked

_SETTINGS = InstallSettings(cluster_networks=(*CLUSTER_NETWORKS, *whole_networks(("127.0.0.0/8",))))
_NOW = "2026-01-02T00:00:00Z"
_PLURALS = {"Server": "servers", "AuthorizationPolicy": "authorizationpolicies"}
_PLURALS |= {"MeshTLSAuthentication": "meshtlsauthentications", "NetworkAuthentication": "networkauthentications"}
_PLURALS |= {"HTTPLocalRateLimitPolicy": "httplocalratelimitpolicies"}
_SLOW = timedelta(seconds=0.5)
"""How long applications take for /slow."""
_QUESTION = "x-question"
_CHANGED = ("x-by", "x-too")
"""The headers that filters change here."""


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

    def has_grpc_route(self, parent: ParentRef) -> bool:
        return False


@dataclass
class Applications:
    """What all applications say now, and how often they were asked for it.

    question  which of the client's requests it is about: one that was given up may still arrive during the next
    """

    status: int = 200
    asked: int = 0
    question: int = 0

    def answer(self, headers: Mapping[str, str]) -> int:
        self.asked += headers.get(_QUESTION) == str(self.question)
        return self.status


@dataclass
class Stage:
    """A real proxy with the cast behind and in front of it.

    unread  True if connections of some port are not read as HTTP now
    """

    mesh: LiveMesh
    pods: dict[str, Pod]
    dialect: Dialect
    applications: Applications
    unread: bool = False

    @classmethod
    async def set_up(cls, mesh: LiveMesh) -> Stage:
        """Start the applications, and pods that only call."""
        applications = Applications()
        probes, answers = {PORT: ("/ping",)}, applications.answer
        pods = {"books": await mesh.app("books", probes=probes, answers=answers)}
        pods["other"] = await mesh.app("other", answers=answers)
        pods["legacy"] = await mesh.app("legacy", meshed=False, answers=answers)
        pods["webapp"] = await mesh.app("webapp", listening=False)
        pods["guest"] = await mesh.app("guest", listening=False, namespace=AWAY)
        pods["stranger"] = await mesh.app("stranger", listening=False, namespace="outside", meshed=False)
        return cls(mesh, pods, mesh.dialect, applications)

    async def apply(self, manifests: list[Obj]) -> None:
        """Put these in force, beside the cast; buckets of rate limits are full then, and no circuit is broken."""
        if manifests and any(word in str(manifests) for word in ("HTTPLocalRateLimitPolicy", "failure-accrual")):
            await self.apply([])  # what does not change keeps its tokens, and whom it has given up
        world = World(self.dialect, lambda *_: None)
        unread = "opaque" in str(manifests)
        if unread or self.unread:
            await self.mesh.end_connections()  # how they are read, and by whom, is decided when they begin
        self.unread = unread
        written = {(obj["kind"], obj["metadata"]["name"]): obj for obj in manifests}
        services = {
            name: _stored(written.get(("Service", name), cast_service(name)), number)
            for number, name in enumerate(SERVED)
        }
        for name, obj in services.items():
            world.put(SERVICES, obj)
            world.put(SLICES, self._slice(name))
        for name, pod in self.pods.items():
            world.add_pod(_annotated(pod, written.get(("Deployment", name)), self.dialect))
        policies = [obj for obj in manifests if obj["kind"] not in ("Deployment", "Service")]
        admitted = [obj for obj in policies if is_admitted(obj, self.dialect)]
        servers = frozenset((HOME, obj["metadata"]["name"]) for obj in admitted if obj["kind"] == "Server")
        referents = _Referents({(HOME, name): parse_service(obj) for name, obj in services.items()}, servers)
        for obj in admitted:
            if obj["kind"] == "HTTPRoute":
                parents = route_parents(parse_http_route(obj), referents, self.dialect, now=_NOW)
                world.put(ROUTES[obj["apiVersion"].startswith("gateway")], {**obj, "status": {"parents": parents}})
            elif obj["kind"] == "HTTPLocalRateLimitPolicy":
                limits = [parse_rate_limit_policy(one) for one in admitted if one["kind"] == obj["kind"]]
                found = (HOME, "s") in servers
                status = rate_limit_status(parse_rate_limit_policy(obj), limits, {}, has_server=found, now=_NOW)
                world.put(f"{_PLURALS[obj['kind']]}.policy.linkerd.io", {**obj, "status": status})
            else:
                world.put(f"{_PLURALS[obj['kind']]}.policy.linkerd.io", obj)
        self.mesh.compile(*self.pods.values())  # certificates
        await self.mesh.ads.push(compile_snapshot(world.snapshot(), self.mesh.identities.directory))
        # The proxy's one worker may hear of it after the push is acknowledged, but not after it has served a request.
        await self.mesh.get(self.pods["webapp"], "http://nobody:1/")

    async def ask(self, asked: Asked) -> Answer:
        """What the sender gets."""
        self.applications.status, self.applications.asked = asked.app_status, 0
        self.applications.question += 1
        headers = (*asked.headers, (_QUESTION, str(self.applications.question)))
        return await self.mesh.ask(self.pods[asked.sender], asked.method, asked.url, headers)

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


def is_admitted(obj: Obj, dialect: Dialect) -> bool:
    """Whether it is stored: by the API server's rules across fields, and by the webhook.

    Without rate limits their kind is not there.
    """
    is_gateway = obj["apiVersion"].startswith(GATEWAY_GROUP)
    if obj["kind"] == "HTTPLocalRateLimitPolicy" and not dialect.rate_limits:
        return False
    return not (is_gateway and gateway_rule_problems(obj)) and not review(obj, dialect).denials


def _annotated(pod: Pod, workload: Obj | None, dialect: Dialect) -> Pod:
    """The pod with what the annotations of its template make of it."""
    if workload is None:
        return pod
    template = workload["spec"]["template"]
    metadata = {**template["metadata"], "name": pod.endpoint.name, "namespace": pod.endpoint.namespace}
    said = parse_pod({**template, "metadata": metadata}, dialect)
    words = {"default_policy": said.default_policy, "identity_ports": said.identity_ports}
    return replace(pod, facts=replace(pod.facts, opaque_ports=said.opaque_ports, **words))  # type: ignore[arg-type]


def _stored(obj: Obj, number: int) -> Obj:
    return {**obj, "spec": {**obj["spec"], "clusterIP": f"127.77.1.{number + 1}"}}


def is_seen_as(outcome: Outcome, answer: Answer, asked: Asked) -> bool:
    """True if an answer of the embedded mesh can be this outcome.

    What it does in its own way, and says so: a client asks through a proxy and always gets an answer in HTTP, so a
    connection that is refused is 502 or 504 there, and one that is closed for want of weights 503; and nobody waits
    for pods that are not there. Where the client's proxy does not look into a connection it hides no reason (§0.8).
    """
    by_app = answer.headers.get("x-app", "")
    if outcome.by != "app" and _is_given_up(outcome, answer):
        return True
    match outcome.by:
        case "app":
            return _is_the_apps(outcome, answer, asked) if by_app else _is_cut_off(outcome, answer)
        case "network":
            return not by_app and answer.status in (502, 504)
        case "client's proxy":
            status = 503 if outcome.status is None else outcome.status
            signed = answer.error is not None or bool(outcome.location)
            return not by_app and answer.status == status and signed and _leads(outcome, answer)
        case _:
            told = bool(answer.error) and outcome.looked_into
            return not by_app and answer.status == outcome.status and not told and _leads(outcome, answer)


def retried_where_nobody_is(promised: Prediction, answer: Answer, asked: Asked) -> bool:
    """A documented limit of the embedded mesh: a retry goes to a backend not tried yet, though it be no valid one."""
    invalid = any(outcome.backend is None and outcome.status == 500 for outcome in promised.outcomes)
    failing = any(outcome.backend is not None and _is_tried_again(outcome, asked) for outcome in promised.outcomes)
    return invalid and failing and (answer.status, answer.error) == (504, "service in fail-fast")


def _is_tried_again(outcome: Outcome, asked: Asked) -> bool:
    """Whether an answer is tried again; the 504 of a timeout for the whole request is none of them (§2.10)."""
    retry, status = outcome.limits.retry, outcome.status or asked.app_status
    seen = (status, *(one for one in outcome.also if outcome.by != "app" or one != 504))
    return retry is not None and any(low <= one <= high for one in seen for low, high in retry.statuses)


def _is_the_apps(outcome: Outcome, answer: Answer, asked: Asked) -> bool:
    limit = outcome.limits.answer_within
    in_time = limit is None or limit > _SLOW or asked.path != "/slow"
    is_it = answer.headers["x-app"] == _name(outcome) and answer.status == asked.app_status
    return in_time and is_it and _changed(outcome, answer, asked)


def _is_cut_off(outcome: Outcome, answer: Answer) -> bool:
    """By a timeout (§2.2) or a breaker (§4.4) of the client's proxy, or a rate limit (§3.29) of the server's."""
    if answer.status not in outcome.also:
        return False
    if answer.status == 504:
        return _is_given_up(outcome, answer) or (answer.error or "").startswith("HTTP response timeout")
    return (answer.error is None) is outcome.looked_into


def _is_given_up(outcome: Outcome, answer: Answer) -> bool:
    return outcome.breaking is not None and answer.status == 504 and answer.error == GIVEN_UP


def _name(outcome: Outcome) -> str:
    return outcome.workload[1] if outcome.workload else ""


def _changed(outcome: Outcome, answer: Answer, asked: Asked) -> bool:
    """§1.36, §1.56: the headers that the application, and the client, should see; for HEAD nobody tells the former."""
    back = applied((), (item for item in outcome.filters if isinstance(item, ResponseHeaderModifier)))
    there = applied(asked.headers, (item for item in outcome.filters if isinstance(item, RequestHeaderModifier)))
    seen = [tuple(line) for line in answer.seen.get("all", ())]
    return _of(answer.lines) == back and (asked.method == "HEAD" or _of(seen) == there)


def applied(
    lines: Iterable[tuple[str, str]], filters: Iterable[RequestHeaderModifier | ResponseHeaderModifier]
) -> list[tuple[str, str]]:
    """What filters make of headers, one after the other: within each adds, then sets, then removals (§1.56)."""
    found = [(name.lower(), value) for name, value in lines]
    for item in filters:
        found += [(header.name.lower(), header.value) for header in item.add]
        for header in item.set:
            name = header.name.lower()
            found = [*(line for line in found if line[0] != name), (name, header.value)]
        gone = {name.lower() for name in item.remove}
        found = [line for line in found if line[0] not in gone]
    return _of(found)


def _of(lines: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return sorted((line for line in lines if line[0] in _CHANGED), key=lambda line: line[0])


def attempts(promised: Prediction, asked: Asked) -> int | None:
    """How often an application is asked (§2.9, §2.10); None if that depends on what is drawn, or on time."""
    outcome = promised.certain
    if outcome is None or outcome.by != "app" or 429 in outcome.also or outcome.breaking is not None:
        return None
    retry, slow = outcome.limits.retry, asked.path == "/slow"
    if slow and outcome.limits.answer_within is not None:
        return None
    if retry is None or not outcome.looked_into:
        return 1
    late = slow and retry.timeout is not None and retry.timeout < _SLOW
    return 1 + retry.limit if late or _is_tried_again(outcome, asked) else 1


def _leads(outcome: Outcome, answer: Answer) -> bool:
    """The place itself, or, a documented limit of the embedded mesh, the same with the scheme's own port as well."""
    where = answer.headers.get("location", "")
    return outcome.location in (where, _without_own_port(where))


def _without_own_port(location: str) -> str:
    scheme, separator, rest = location.partition("://")
    host, slash, path = rest.partition("/")
    return scheme + separator + host.removesuffix(":443" if scheme == "https" else ":80") + slash + path


def told(manifests: list[Obj], asked: Asked, prediction: Prediction, answer: Answer) -> str:
    """What a person needs to decide who is wrong."""
    promised = "\n".join(
        f"  {outcome.probability} {outcome.by} {outcome.status} {outcome.workload or ''} {outcome.location}\n"
        + "\n".join(f"    {reason}" for reason in outcome.reasons)
        for outcome in prediction.outcomes
    )
    by, where = answer.headers.get("x-app", "a proxy"), answer.headers.get("location", "")
    changed = f"{_of(answer.lines)}, the application saw {_of(map(tuple, answer.seen.get('all', ())))}"
    seen = f"{answer.status} by {by}: {answer.error} {where} {changed}"
    text = yaml.safe_dump_all(manifests, sort_keys=False)
    question = f"{asked.sender}: {asked.method} {asked.url} {list(asked.headers)}, answered {asked.app_status}"
    return f"\n{text}\n{question}\noracle:\n{promised}\nmesh:\n  {seen}"
