"""What a change costs the embedded mesh's compiler on a big cluster, against compiling everything for everyone anew.

    uv run python benchmarks/mesh_compile.py [pods] [services]

Baseline: the same compiler with nothing remembered and a table worked out for each pod. CPU seconds of this process,
the best of five; the proxy has no part in it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

from harness.dialect import LINKERD_2_14
from harness.embedded.dataplane.compile import Resources, clusters, compile_snapshot, inbound, listeners, outbound
from harness.embedded.dataplane.compile.names import Config
from harness.embedded.dataplane.compile.view import View
from harness.embedded.dataplane.snapshot import Address, Pod, RouteInForce, ServiceState, Snapshot
from harness.embedded.pods import ContainerPort, PodEndpoint
from harness.resources.matches import Match, PathMatch
from harness.resources.pods import PodFacts, PodPort
from harness.resources.routes import POLICY_GROUP, BackendRef, HTTPRoute, ParentRef, Rule
from harness.resources.services import Service, ServicePort

NAMESPACE = "shop"
PORT = 7000
ACCOUNTS = 10
RUNS = 5
REMEMBERING = (
    listeners.outbound,
    listeners._inbound,
    clusters._local,
    clusters.client_cluster,
    clusters._direct_cluster,
    inbound._table,
)


def pod(number: int) -> Pod:
    name, ip, account = (
        f"pod-{number}",
        f"127.77.{64 + number // 200}.{number % 200 + 1}",
        f"account-{number % ACCOUNTS}",
    )
    endpoint = PodEndpoint(
        namespace=NAMESPACE,
        name=name,
        uid=name,
        service_account=account,
        pod_ip=ip,
        app_ip=ip.replace("127.77.", "127.78."),
        meshed=True,
        ports=(ContainerPort("http", PORT),),
        skip_inbound=frozenset(),
        labels={},
        annotations={},
        deployment=None,
        replicaset=None,
    )
    return Pod(endpoint, PodFacts(NAMESPACE, name, account, {}, (PodPort("http", PORT),)))


def service(number: int, pods: list[Pod]) -> ServiceState:
    made = Service(NAMESPACE, f"service-{number}", cluster_ip=f"127.77.1.{number + 1}", ports=(ServicePort(PORT),))
    return ServiceState(made, {PORT: ((PORT, tuple(Address(one.endpoint.pod_ip) for one in pods)),)})


def route(number: int, services: int, weight: int) -> RouteInForce:
    parent = ParentRef("core", "Service", NAMESPACE, f"service-{number}")
    backends = tuple(
        BackendRef(f"service-{(number + step) % services}", port=PORT, weight=share)
        for step, share in enumerate((weight, 1))
    )
    matches = (Match(PathMatch("PathPrefix", "/a")), Match(PathMatch("RegularExpression", "/b/[0-9]+")))
    rules = (Rule(matches=matches, backend_refs=backends),)
    return RouteInForce(HTTPRoute(POLICY_GROUP, NAMESPACE, f"route-{number}", (parent,), rules=rules), (parent,))


def moment(pods: int, services: int, weight: int) -> Snapshot:
    """A cluster; the weight of its routes tells one moment from another."""
    made = [pod(number) for number in range(pods)]
    states = [service(number, made[number::services]) for number in range(services)]
    routes = tuple(route(number, services, weight) for number in range(services))
    return Snapshot(LINKERD_2_14, tuple(made), {state.key: state for state in states}, routes)


def forget() -> None:
    for function in REMEMBERING:
        function.cache_clear()


def one_by_one(view: View) -> Iterator[Config]:
    return (outbound.outbound_table(view, client) for client in view.clients)


def baseline(snapshot: Snapshot) -> Resources:
    forget()
    with mock.patch("harness.embedded.dataplane.compile.outbound_tables", one_by_one):
        return compile_snapshot(snapshot, Path("/run"))


def seconds(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def main() -> None:
    pods, services = (int(word) for word in (*sys.argv[1:], "100", "10")[:2])
    old, new = moment(pods, services, 9), moment(pods, services, 5)
    assert baseline(new) == compile_snapshot(new, Path("/run")), "what is remembered must change nothing"
    everything = min(seconds(lambda: baseline(new)) for _ in range(RUNS))

    def first() -> float:
        forget()
        return seconds(lambda: compile_snapshot(new, Path("/run")))

    def change() -> float:
        compile_snapshot(old, Path("/run"))
        return seconds(lambda: compile_snapshot(new, Path("/run")))

    print(f"{pods} pods of {ACCOUNTS} ServiceAccounts, {services} Services with a route each; CPU seconds")
    print(f"  everything for everyone   {everything:.3f}")
    for name, took in (("the first time", min(first() for _ in range(RUNS))),
                       ("after routes changed", min(change() for _ in range(RUNS)))):  # fmt: skip
        print(f"  {name:24}  {took:.3f}  ({took / everything:.2f} of the baseline)")


if __name__ == "__main__":
    main()
