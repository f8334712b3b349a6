"""Proof that the proxies of servers know a changed policy: what they count a request of the step as.

Policies have no condition that says when proxies have learned of them. But a server's proxy counts every request
under the Server, the route and the authorization it found for it (§5.6, §5.7), or as denied or not found. So each pod
whose policy the step has changed is asked, by a sender of the step and past all Services, and what its proxy counts
must fit the policies as they are now. It is a proof if it would not have fitted them as they were before. Where no
harmless request of the step can tell the two apart, that is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final

from harness.dialect import Dialect
from harness.errors import ClusterLost, EnvironmentFailed
from harness.kube.client import Kube
from harness.kube.objects import ObjectRef
from harness.mesh.changes import Change, NotYet, Witness
from harness.mesh.metrics import Labels, MeshedPod, ScrapeDenied, Snapshot, increase, scrape
from harness.mesh.policy_state import MeshedServer, Place, changed_places
from harness.resources.identities import service_account_identity
from harness.resources.inbound import Authorization, Client, InboundPolicy, PolicyRef
from harness.resources.policy_set import CLUSTER_NETWORKS
from harness.resources.services import Service, parse_service

ALLOWED: Final = "inbound_http_authz_allow_total"
DENIED: Final = "inbound_http_authz_deny_total"
NOT_FOUND: Final = "inbound_http_route_not_found_total"
MOST_WITNESSES: Final = 6
"""How many requests are tried on one port until one tells the new policy from the old."""

_SERVER: Final = ("srv_kind", "srv_name")
_ROUTE: Final = (*_SERVER, "route_kind", "route_name")
_AUTHORIZATION: Final = (*_ROUTE, "authz_kind", "authz_name")


@dataclass(frozen=True, slots=True, order=True)
class Outcome:
    """What a proxy counts a request as, in words that are the same on every cluster.

    route          "" if none matched
    authorization  "" if none let the client in
    """

    server: str
    route: str = ""
    authorization: str = ""

    def __str__(self) -> str:
        if not self.route:
            return f"not found on {self.server}"
        if not self.authorization:
            return f"denied by {self.server}, {self.route}"
        return f"let in by {self.authorization} on {self.server}, {self.route}"


@dataclass(slots=True)
class PolicyProof:
    """Proves policy changes; keeps what is proved from one attempt to the next.

    witnesses  requests of the step
    """

    kube: Kube
    dialect: Dialect
    changes: Sequence[Change]
    witnesses: Sequence[Witness]
    _told: dict[tuple[str, int], str] = field(default_factory=dict)
    _services: dict[tuple[str, str], Service | None] = field(default_factory=dict)
    _clients: dict[MeshedPod, Client] = field(default_factory=dict)

    def attempt(self) -> tuple[str, ...]:
        """One sentence for each port with a changed policy; raises NotYet if a proxy does not show it."""
        places = changed_places(self.kube, self.dialect, self.changes)
        for place in places:
            if place.key not in self._told:
                self._told[place.key] = self._prove(place)
        if not places:
            names = ", ".join(str(change.ref) for change in self.changes)
            return (f"{names}: no policy of a running meshed pod is changed by that, so no proxy was asked",)
        return tuple(dict.fromkeys(self._told[place.key] for place in places))

    def _prove(self, place: Place) -> str:
        try:
            return self._prove_by_counters(place)
        except ScrapeDenied as denied:
            return f"{place} is not proved: {denied.message}"
        except ClusterLost:
            raise
        except EnvironmentFailed as failed:  # pods come and go; who is there is looked up anew each time
            raise NotYet(failed.message) from failed

    def _prove_by_counters(self, place: Place) -> str:
        if not place.new.is_http:
            return f"{place} is not read as HTTP any more, which no counter of requests shows"
        asked = [one for one in self.witnesses if self._reaches(one, place)]
        if not asked:
            return f"no harmless request of this step goes to {place}, so its proxy was not asked"
        telling = [one for one in asked if self._could_tell(one, place)]
        said = ""
        for witness in _varied(telling)[:MOST_WITNESSES] or asked[:1]:
            seen = self._ask(witness, place)
            said = f"{place} counts {witness.method} {witness.path} of {witness.pod.name} as {_words(seen)}"
            if not seen or not seen <= _possible(place.new, self._client(witness)):
                raise NotYet(f"{said}, which is not what the policies say now")
            if not seen & _possible(place.old, self._client(witness)):
                return said
        if place.old.rate_limit != place.new.rate_limit:
            return f"{said}, as before: a limit shows only where it is reached"
        return f"{said}, as before: no harmless request of this step tells the two apart"

    def _could_tell(self, witness: Witness, place: Place) -> bool:
        client = self._client(witness)
        return _possible(place.old, client) != _possible(place.new, client)

    def _ask(self, witness: Witness, place: Place) -> frozenset[Outcome]:
        """Past all Services, so that every pod is reached, ready or not."""
        pods = [place.server.pod]
        before = scrape(self.kube, pods)
        host = f"[{place.server.ip}]" if ":" in place.server.ip else place.server.ip
        witness.send(f"http://{host}:{place.port}{witness.path}", 1)
        return counted(before, scrape(self.kube, pods), place.port, self._client(witness).identity)

    def _reaches(self, witness: Witness, place: Place) -> bool:
        """True if the request goes to a Service that leads to this port."""
        namespace, name, number = witness.destination
        service = self._service(namespace, name)
        port = service.port(number) if service else None
        if service is None or port is None or namespace != place.server.pod.namespace:
            return False
        return _selects(service, place.server) and place.port in place.server.facts.selected_ports(port.target_port)

    def _service(self, namespace: str, name: str) -> Service | None:
        if (namespace, name) not in self._services:
            found = self.kube.get(ObjectRef("v1", "Service", namespace, name))
            self._services[namespace, name] = parse_service(found) if found else None
        return self._services[namespace, name]

    def _client(self, witness: Witness) -> Client:
        if witness.pod not in self._clients:
            pod = self.kube.get(ObjectRef("v1", "Pod", witness.pod.namespace, witness.pod.name)) or {}
            account = pod.get("spec", {}).get("serviceAccountName") or "default"
            identity = service_account_identity(witness.pod.namespace, account) if witness.meshed else None
            address = ip_address(pod.get("status", {}).get("podIP") or "0.0.0.0")
            self._clients[witness.pod] = Client(address, identity, mesh_tls=witness.meshed)
        return self._clients[witness.pod]


def counted(before: Snapshot, after: Snapshot, port: int, identity: str | None) -> frozenset[Outcome]:
    """What requests of one identity (None: of clients without any) to one port were counted as in between."""

    def is_ours(labels: Labels) -> bool:
        at = str(port) in (labels.get("target_port"), labels.get("srv_port"))
        named = labels.get("client_id")
        # A series may say no more of its clients than that they speak the mesh's TLS.
        return at and (named == identity if named else (labels.get("tls") == "true") == (identity is not None))

    def grown(name: str, by: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        yield from (key for key, count in increase(before, after, name, by=by, where=is_ours).items() if count)

    allowed = (
        Outcome(_name(s, sn), _name(r, rn, keep=True), _name(a, an))
        for s, sn, r, rn, a, an in grown(ALLOWED, _AUTHORIZATION)
    )
    denied = (Outcome(_name(s, sn), _name(r, rn, keep=True)) for s, sn, r, rn in grown(DENIED, _ROUTE))
    missed = (Outcome(_name(s, sn)) for s, sn in grown(NOT_FOUND, _SERVER))
    return frozenset((*allowed, *denied, *missed))


def _possible(policy: InboundPolicy, client: Client) -> frozenset[Outcome]:
    """Everything that some request of this client can be counted as under a policy.

    Which of several authorizations that let it in is counted is up to the proxy.
    """
    server = _of(policy.server)
    found = {
        outcome
        for route in policy.routes
        for outcome in _on_route(server, _of(route.ref, keep=True), route.authorizations, client)
    }
    if not any(route.ref.is_default for route in policy.routes):
        found.add(Outcome(server))
    return frozenset(found)


def _on_route(server: str, route: str, authorizations: Iterable[Authorization], client: Client) -> Iterator[Outcome]:
    sure = False
    for authorization in authorizations:
        permitted = authorization.permits(client)
        if _depends_on_install(authorization):
            yield Outcome(server, route, _of(authorization.ref))
        elif permitted:
            sure = True
            yield Outcome(server, route, _of(authorization.ref))
    if not sure:
        yield Outcome(server, route)


def _depends_on_install(authorization: Authorization) -> bool:
    """True if it means the cluster's networks, which are chosen when the mesh is installed (§3.1, §3.21)."""
    return authorization.networks == CLUSTER_NETWORKS


def _of(ref: PolicyRef, *, keep: bool = False) -> str:
    return _name(ref.kind, ref.name, keep=keep)


def _name(kind: str, name: str, *, keep: bool = False) -> str:
    """What the mesh makes up itself is called after the install's choices; only its routes have fixed names (§5.7)."""
    if kind.lower() == "default":
        return f"default {name}" if keep else "default"
    return f"{kind.lower()}/{name}"


def _selects(service: Service, server: MeshedServer) -> bool:
    selector: Mapping[str, str] = service.selector
    return bool(selector) and selector.items() <= dict(server.labels).items()


def _varied(witnesses: Sequence[Witness]) -> list[Witness]:
    """Different requests only, and one of each sender before the second of any."""
    different = {(one.pod, one.method, one.path): one for one in reversed(witnesses)}
    turns: dict[MeshedPod, int] = {}
    placed = []
    for witness in reversed(different.values()):
        turns[witness.pod] = turns.get(witness.pod, 0) + 1
        placed.append((turns[witness.pod], witness))
    return [witness for _, witness in sorted(placed, key=lambda item: item[0])]


def _words(seen: Iterable[Outcome]) -> str:
    return " and ".join(map(str, sorted(seen))) or "nothing"
