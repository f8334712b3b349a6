"""What the rules make of the requests behind a broken expectation."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from harness.dialect import LINKERD_2_14
from harness.kube.client import Kube, KubeError
from harness.run.bursts import Burst
from harness.run.events import Foretold
from harness.run.foretold import foretold
from harness.run.offenders import Sent
from harness.scenario.loading import load
from harness.tests.oracle.cluster import BOOKSAPP, ROOT, manifests
from harness.tests.run.test_judging import HEAD, outcome
from harness.tests.run.test_offenders import EVERY, NoPods
from harness.traffic.outcome import Failure, Outcome
from harness.traffic.plan import GRPC, HTTP_1, Plan, Request

BOOKS = """
apiVersion: v1
kind: Service
metadata: {name: books, namespace: booksapp}
spec: {selector: {app: books}, ports: [{port: 7002, targetPort: 7002}]}
---
apiVersion: v1
kind: Service
metadata: {name: error-injector, namespace: booksapp}
spec: {selector: {app: error-injector}, ports: [{port: 8080, targetPort: 8080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: books, namespace: booksapp}
spec:
  replicas: 1
  selector: {matchLabels: {app: books}}
  template:
    metadata: {labels: {app: books}, annotations: {linkerd.io/inject: enabled}}
    spec: {containers: [{name: app, image: x, ports: [{containerPort: 7002}]}]}
status: {readyReplicas: 1}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: error-injector, namespace: booksapp}
spec:
  replicas: 1
  selector: {matchLabels: {app: error-injector}}
  template:
    metadata: {labels: {app: error-injector}, annotations: {linkerd.io/inject: enabled}}
    spec: {containers: [{name: app, image: x, ports: [{containerPort: 8080}]}]}
status: {readyReplicas: 1}
---
apiVersion: policy.linkerd.io/v1beta3
kind: HTTPRoute
metadata: {name: split, namespace: booksapp}
spec:
  parentRefs: [{group: core, kind: Service, name: books, port: 7002}]
  rules:
    - backendRefs:
        - {name: books, port: 7002, weight: 75}
        - {name: error-injector, port: 8080, weight: 25}
"""


SCENARIO = HEAD.replace(", meshed: false}", "}\n    ingress: {via: ingress, host: x.local}") + EVERY


def objects(*changed: tuple[str, str]) -> list[dict[str, Any]]:
    """The manifests above, with words in them exchanged."""
    text = BOOKS
    for old, new in changed:
        assert old in text
        text = text.replace(old, new)
    return list(yaml.safe_load_all(text))


def told(
    tmp_path: Path,
    *outcomes: Outcome,
    sender: str = "webapp",
    cluster: NoPods | None = None,
    protocol: str = HTTP_1,
) -> tuple[Foretold, ...]:
    """What is foretold of a request to books that ended in these ways."""
    request = Request(method="POST" if protocol == GRPC else "GET", url="http://books:7002/x")
    wanted = Plan(request=request, rate_per_second=1, limit=10, protocol=protocol)
    sent = Sent(Burst(plan=wanted, outcomes=list(outcomes)), sender)
    path = tmp_path / "made-up.yaml"
    path.write_text(SCENARIO, encoding="utf-8")
    kube = cast(Kube, cluster or NoPods(objects()))
    scenario = load(path).scenario
    _, promise = next(scenario.expectations())
    return foretold(promise, [(sent, outcomes)], kube, scenario, LINKERD_2_14)


def heads(found: tuple[Foretold, ...]) -> list[str]:
    (one,) = found
    return [line.partition(": ")[0] for line in one.lines]


def test_the_weights_on_the_cluster_are_told(tmp_path: Path) -> None:
    found = told(tmp_path, outcome(0, 200), outcome(1, 500))
    assert heads(found) == [
        "75% what the app of books answers",
        "25% what the app of error-injector answers",
    ]
    assert (found[0].sender, found[0].request) == ("webapp", "GET http://books:7002/x")


def test_what_no_rule_allows_is_named(tmp_path: Path) -> None:
    by_proxy = outcome(3, 404, headers={"l5d-proxy-error": "no route found for request"})
    found = told(tmp_path, outcome(0, 200), by_proxy, outcome(4, None, Failure.TIMEOUT))
    assert heads(found)[2] == "#3 cannot be by these rules"


def test_what_the_rules_allow_is_not_blamed_on_the_mesh(tmp_path: Path) -> None:
    by_proxy = outcome(3, 404, headers={"l5d-proxy-error": "no route found for request"})
    never = ("    - backendRefs:", "    - matches: [{path: {type: Exact, value: /other}}]\n      backendRefs:")
    found = told(tmp_path, by_proxy, cluster=NoPods(objects(never)))
    assert heads(found) == ["100% 404 by the client's own proxy"]


def test_what_becomes_of_a_call_is_told_by_its_own_status(tmp_path: Path) -> None:
    refused = outcome(3, 200, headers={"grpc-status": "5"})
    never = ("    - backendRefs:", "    - matches: [{path: {type: Exact, value: /other}}]\n      backendRefs:")
    found = told(tmp_path, refused, cluster=NoPods(objects(never)), protocol=GRPC)
    assert heads(found) == ["100% NOT_FOUND by the client's own proxy"]


TIMEOUT = ("    - backendRefs:", "    - timeouts: {request: 500ms}\n      backendRefs:")
SIGNED = {"l5d-proxy-error": "a reason"}


@pytest.mark.parametrize(
    ("seen", "changes"),
    [
        (outcome(3, 504, headers=SIGNED), (TIMEOUT,)),  # the 504 of a timeout is told beside what the app answers
        (outcome(3, 502, headers=SIGNED), ()),  # an app that refuses the connection
        (outcome(3, 504, headers=SIGNED), (("readyReplicas: 1", "replicas: 1"),)),
    ],
)
def test_what_can_be_is_not_blamed(tmp_path: Path, seen: Outcome, changes: tuple[tuple[str, str], ...]) -> None:
    found = told(tmp_path, seen, cluster=NoPods(objects(*changes)))
    assert not any("cannot be" in line for line in heads(found))


def test_objects_that_say_little_are_no_error(tmp_path: Path) -> None:
    specs: list[dict[str, Any]] = [{}, {"spec": None, "status": None}, {"spec": {}}]
    odd = [
        {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "x", "namespace": "y"}, **more}
        for kind in ("Deployment", "StatefulSet")
        for more in specs
    ]
    assert told(tmp_path, outcome(0, 200), cluster=NoPods([*objects(), *odd]))


def test_a_workload_without_a_ready_pod_answers_nothing(tmp_path: Path) -> None:
    found = told(tmp_path, cluster=NoPods(objects(("readyReplicas: 1", "replicas: 1"))))
    assert not any("the app of" in line for line in heads(found))


def test_nothing_is_foretold_through_the_ingress(tmp_path: Path) -> None:
    assert told(tmp_path, outcome(0, 500), sender="ingress") == ()


def test_a_cluster_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    class Closed(NoPods):
        def objects_if_served(self, *arguments: object) -> list[dict[str, Any]]:
            raise KubeError(403, "Forbidden", "services is forbidden")

    (found,) = told(tmp_path, cluster=Closed())
    assert found.lines == ("not known, as the objects cannot be read: services is forbidden",)


class Booksapp(NoPods):
    """The tutorial's fault, on a cluster where everything is ready."""

    def __init__(self) -> None:
        names = ("booksapp/error-injector", "booksapp/error-split-httproute")
        found = copy.deepcopy(manifests(*BOOKSAPP, *names))
        for one in (one for one in found if one["kind"] == "Deployment"):
            one["status"] = {"readyReplicas": 1}
            for container in one["spec"]["template"]["spec"]["containers"]:
                container["env"] = [it for it in container.get("env", ()) if it["name"] != "FAILURE_RATE"]
        super().__init__(found)

    def get(self, ref: object) -> Any:
        (config,) = (one for one in self._objects if one["kind"] == "ConfigMap")
        return config


@pytest.mark.parametrize(
    ("expectation", "lines"),
    [
        (
            "the-page-fails-as-the-call-graph-says",
            ["of 10.80 pages a round of the visitor 9.60 succeed: 88.87% (§8.2, §8.3)"],
        ),
        ("books-never-fails", []),
    ],
)
def test_pages_are_foretold_by_the_call_graph(expectation: str, lines: list[str]) -> None:
    scenario = load(ROOT / "scenarios/tutorial/fault-injection.yaml").scenario
    found = foretold(scenario.expectation(expectation), [], cast(Kube, Booksapp()), scenario, LINKERD_2_14)
    assert [line for one in found for line in one.lines] == lines
