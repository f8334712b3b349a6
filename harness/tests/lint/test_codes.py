"""Every code: one set of objects that has the finding, and the same set mended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.dialect import GATEWAY_API, LINKERD_2_14, LINKERD_EDGE, Dialect
from harness.forecast.checks import check_manifests
from harness.lint.codes import CODES
from harness.lint.lint import lint_objects
from harness.scenario.manifests import read_manifests
from harness.tests.oracle.cluster import Obj, booksapp, deployment, manifests, namespace, route, service, to
from harness.tests.oracle.test_rules import guarded

BASE = [namespace(), deployment("web"), deployment("other"), service("web"), service("other")]
ALL: Obj = {}
"""A rule that matches everything."""
OPEN = {"networks": [{"cidr": "0.0.0.0/0"}]}


def matching(value: str, kind: str = "PathPrefix", **more: Any) -> Obj:
    return {"matches": [{"path": {"type": kind, "value": value}, **more}]}


def on(name: str = "web", **more: Any) -> Obj:
    return {"group": "core", "kind": "Service", "name": name} | more


def filtering(kind: str, key: str, value: Obj) -> Obj:
    return {"type": kind, key: value}


def of_calls(annotation: str, value: str) -> Obj:
    spec = {"parentRefs": [on()], "rules": [ALL]}
    metadata = {"name": "calls", "namespace": "shop", "annotations": {annotation: value}}
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GRPCRoute", "metadata": metadata, "spec": spec}


def versioned(obj: Obj, version: str) -> Obj:
    return {**obj, "apiVersion": f"{obj['apiVersion'].partition('/')[0]}/{version}"}


def without(objects: list[Obj], kind: str) -> list[Obj]:
    return [obj for obj in objects if obj["kind"] != kind]


SERVER_PARENT = {"group": "policy.linkerd.io", "kind": "Server", "name": "s"}
PROBED = deployment("web", readinessProbe={"httpGet": {"path": "/ping", "port": "http"}})
GUARD = guarded(OPEN)
RENAMED = {**GUARD[0], "metadata": {"name": "t", "namespace": "shop"}}
GATEWAY = "gateway.networking.k8s.io/v1"
REWRITE = filtering("URLRewrite", "urlRewrite", {"hostname": "x"})
PREFIX = {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/x"}}
MOVED = filtering("RequestRedirect", "requestRedirect", PREFIX)
RATE = {
    "apiVersion": "policy.linkerd.io/v1alpha1",
    "kind": "HTTPLocalRateLimitPolicy",
    "metadata": {"name": "l", "namespace": "shop"},
    "spec": {"targetRef": SERVER_PARENT, "total": {"requestsPerSecond": 5}},
}
EGRESS = {
    "apiVersion": "policy.linkerd.io/v1alpha1",
    "kind": "EgressNetwork",
    "metadata": {"name": "out", "namespace": "shop"},
}


def profile(*routes: Obj, ns: str = "shop") -> Obj:
    metadata = {"name": "web.shop.svc.cluster.local", "namespace": ns}
    return {
        "apiVersion": "linkerd.io/v1alpha2",
        "kind": "ServiceProfile",
        "metadata": metadata,
        "spec": {"routes": list(routes)},
    }


BREAKS = {"balancer.linkerd.io/failure-accrual": "consecutive"}
BREAKS_AT = "balancer.linkerd.io/failure-accrual-consecutive-"
OVERRIDE = "l5d-dst-override: webapp.booksapp.svc.cluster.local:7000"


def ingress(headers: str) -> Obj:
    """As the tutorial's repository has it (§4.11)."""
    annotations = {"ingress.kubernetes.io/custom-request-headers": headers}
    metadata = {"name": "webapp", "namespace": "shop", "annotations": annotations}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": {}}


PROFILED = {"name": "all", "condition": {"pathRegex": "/.*"}}

CASES: list[tuple[str, Dialect, list[Obj], list[Obj]]] = [
    ("invalid-object", LINKERD_EDGE, [route("r", matching("a"), ALL)], [route("r", matching("/a"), ALL)]),
    ("invalid-object", LINKERD_EDGE, [{"kind": "Service"}], []),
    ("not-looked-at", LINKERD_EDGE, [EGRESS], []),
    ("grpcroute-hides-route", LINKERD_EDGE, [*BASE, route("r", ALL), of_calls("x", "")], [*BASE, of_calls("x", "")]),
    ("profile-hides-route", LINKERD_2_14, [route("r", ALL), profile(PROFILED)], [route("r", ALL), profile()]),
    ("profile-hides-route", LINKERD_EDGE, [route("r", ALL), profile(PROFILED, ns="tools")], [profile(PROFILED)]),
    ("regex-matches-nothing", LINKERD_2_14, [route("r", matching('/a"', "RegularExpression"), ALL)],
     [route("r", matching("/a'", "RegularExpression"), ALL)]),
    ("regex-matches-nothing", LINKERD_2_14, [route("r", matching("a/.*", "RegularExpression"), ALL)],
     [route("r", matching("(a)?/.*", "RegularExpression"), ALL)]),
    ("regex-first-branch-wins", LINKERD_2_14, [route("r", matching("/a|/ab", "RegularExpression"), ALL)],
     [route("r", matching("/ab|/a", "RegularExpression"), ALL)]),
    ("shadowed-rule", LINKERD_2_14, [route("r", matching("/a"), matching("/a/"), ALL)],
     [route("r", matching("/a"), matching("/a/", method="GET"), matching("/", method="HEAD"), ALL)]),
    ("no-catch-all", LINKERD_2_14, [route("r", matching("/a"))], [route("r", matching("/a"), ALL)]),
    ("parent-without-group", LINKERD_2_14, [route("r", ALL, parent={"kind": "Service", "name": "web"})],
     [route("r", ALL)]),
    ("parent-not-found", LINKERD_2_14, [route("r", ALL, parent=on("wep"))], [route("r", ALL)]),
    ("parent-not-found", LINKERD_2_14, [*GUARD, route("r", ALL, parent={**SERVER_PARENT, "name": "t"})],
     [*GUARD, route("r", ALL, parent=SERVER_PARENT)]),
    ("parent-has-no-address", LINKERD_2_14, [service("web", clusterIP="None"), route("r", ALL)], [route("r", ALL)]),
    ("parent-port-unknown", LINKERD_2_14, [route("r", ALL, parent=on(port=8080))],
     [route("r", ALL, parent=on(port=80))]),
    ("parent-by-port-or-section", LINKERD_2_14, [*GUARD, route("r", ALL, parent={**SERVER_PARENT, "port": 80})],
     [*GUARD, route("r", ALL, parent=SERVER_PARENT)]),
    ("backend-not-found", LINKERD_2_14, [route("r", {"backendRefs": [to("gone")]})],
     [route("r", {"backendRefs": [to("other")]})]),
    ("backend-without-port", LINKERD_2_14, [route("r", {"backendRefs": [to("other", port=None)]})],
     [route("r", {"backendRefs": [to("other")]})]),
    ("backend-port-unknown", LINKERD_2_14, [route("r", {"backendRefs": [to("other", port=8080)]})],
     [route("r", {"backendRefs": [to("other")]})]),
    ("backend-kind-unknown", LINKERD_2_14, [route("r", {"backendRefs": [to("other", kind="Deployment")]})],
     [route("r", {"backendRefs": [to("other")]})]),
    ("consumer-backend-namespace", LINKERD_2_14,
     [route("r", {"backendRefs": [to("other")]}, ns="guests", parent=on(namespace="shop"))],
     [route("r", {"backendRefs": [to("other", namespace="shop")]}, ns="guests", parent=on(namespace="shop"))]),
    ("weights-all-zero", LINKERD_2_14, [route("r", {"backendRefs": [to("other", 0)]})],
     [route("r", {"backendRefs": [to("other", 0), to("web")]})]),
    ("weights-all-zero", LINKERD_EDGE, [route("r", {"backendRefs": [to("other", 0), to("web", 0)]})],
     [route("r", {"backendRefs": [to("other", 0)]})]),
    ("filter-unmakes-route", LINKERD_EDGE, [route("r", {"filters": [REWRITE]}, group="gateway")],
     [route("r", ALL, group="gateway")]),
    ("filter-fails-backend", LINKERD_EDGE,
     [route("r", {"backendRefs": [to("other", filters=[REWRITE])]}, group="gateway")],
     [route("r", {"backendRefs": [to("other")]}, group="gateway")]),
    ("prefix-not-matched", LINKERD_2_14, [route("r", {**matching("/a", "Exact"), "filters": [MOVED]}, ALL)],
     [route("r", {**matching("/a"), "filters": [MOVED]}, ALL)]),
    ("head-not-covered", LINKERD_2_14, [route("r", matching("/a", method="GET"))],
     [route("r", matching("/a", method="GET"), matching("/a/", method="HEAD"))]),
    ("backend-request-not-read", LINKERD_EDGE, [route("r", {"timeouts": {"request": "2s", "backendRequest": "1s"}})],
     [route("r", {"timeouts": {"request": "2s"}})]),
    ("timeouts-not-read", LINKERD_EDGE, [versioned(route("r", {"timeouts": {"request": "2s"}}), "v1beta2")],
     [route("r", {"timeouts": {"request": "2s"}})]),
    ("timeouts-not-read", LINKERD_2_14, [route("r", {"timeouts": {"request": "2s"}}, group="gateway")], []),
    ("field-dropped-by-version", LINKERD_EDGE, [versioned(route("r", {"backendRefs": [to("other")]}), "v1beta1")],
     [versioned(route("r", {"backendRefs": [to("other")]}), "v1beta2")]),
    ("field-dropped-by-version", LINKERD_EDGE, guarded(OPEN, accessPolicy="audit"), GUARD),
    ("kind-unknown-to-mesh", LINKERD_2_14, [*GUARD, RATE], GUARD),
    ("version-not-shipped", LINKERD_2_14, [route("r", ALL, group="gateway")],
     [versioned(route("r", ALL, group="gateway"), "v1beta1")]),
    ("bad-annotation", LINKERD_EDGE, [service("web", annotations={"retry.linkerd.io/http": "5xx, 404"})],
     [service("web")]),
    ("backends-omitted", GATEWAY_API, [route("r", ALL, parent=on(group=""), group="gateway")],
     [route("r", {"backendRefs": [to("web")]}, parent=on(group=""), group="gateway")]),
    ("parent-without-group", GATEWAY_API, [route("r", ALL, parent=on(), group="gateway")],
     [route("r", ALL, parent=on(group=""), group="gateway")]),
    ("kind-unknown-to-mesh", GATEWAY_API, [route("r", ALL)], [route("r", ALL, group="gateway")]),
    ("filter-unmakes-route", LINKERD_EDGE, [route("r", {"filters": [REWRITE]}, group="gateway")], []),
    ("bad-annotation", LINKERD_2_14, [namespace(inject="yes")], [namespace()]),
    ("bad-annotation", LINKERD_2_14, [service("web", annotations=BREAKS | {f"{BREAKS_AT}max-failures": "few"})],
     [service("web", annotations=BREAKS | {f"{BREAKS_AT}max-failures": "3"})]),
    ("bad-annotation", LINKERD_EDGE, [service("web", annotations=BREAKS | {f"{BREAKS_AT}max-penalty": "1ms"})],
     [service("web", annotations={f"{BREAKS_AT}max-penalty": "1ms"})]),
    ("annotation-not-read", LINKERD_2_14, [ingress(OVERRIDE)], [ingress("x-by: me")]),
    ("bad-annotation", LINKERD_EDGE, [*BASE, of_calls("retry.linkerd.io/grpc", "sometimes")],
     [*BASE, of_calls("retry.linkerd.io/grpc", "unavailable")]),
    ("annotation-not-read", LINKERD_EDGE, [*BASE, of_calls("retry.linkerd.io/http", "5xx")],
     [*BASE, of_calls("retry.linkerd.io/grpc", "internal")]),
    ("annotation-not-read", LINKERD_2_14,
     [service("web", annotations={"timeout.linkerd.io/request": "1s"})],
     [service("web")]),
    ("server-selects-nothing", LINKERD_2_14, guarded(OPEN, port="htpt"), GUARD),
    ("server-selects-nothing", LINKERD_2_14, guarded(OPEN, podSelector={"matchLabels": {"app": "wep"}}), GUARD),
    ("target-not-found", LINKERD_2_14, [*without(GUARD, "Server"), RENAMED], GUARD),
    ("authentication-not-found", LINKERD_2_14, without(GUARD, "NetworkAuthentication"), GUARD),
    ("route-lets-nobody-in", LINKERD_2_14,
     [*without(GUARD, "AuthorizationPolicy"), route("r", ALL, parent=SERVER_PARENT)],
     [*GUARD, route("r", ALL, parent=SERVER_PARENT)]),
    ("probe-locked-out", LINKERD_2_14, [PROBED, *GUARD, route("r", matching("/a"), parent=SERVER_PARENT)],
     [PROBED, *GUARD, route("r", ALL, parent=SERVER_PARENT)]),
]  # fmt: skip

ELSEWHERE = {
    "contradicts-rules",
    "share-unlike-weights",
    "invalid-scenario",
    "allowed-without-reason",
    "allowed-for-nothing",
}
"""Codes about scenarios and comments, which have tests of their own."""


def codes(objects: list[Obj], dialect: Dialect) -> set[str]:
    return {problem.code for problem in lint_objects([*BASE, *objects], dialect)}


@pytest.mark.parametrize(
    ("code", "dialect", "wrong", "mended"), CASES, ids=[f"{n}-{case[0]}" for n, case in enumerate(CASES)]
)
def test_each_code(code: str, dialect: Dialect, wrong: list[Obj], mended: list[Obj]) -> None:
    assert code in codes(wrong, dialect)
    assert code not in codes(mended, dialect)


def test_what_the_gateway_api_has_is_no_finding_in_its_dialect() -> None:
    """E49, E30, E64: rewrites, alternatives of regular expressions, backends beside the route."""
    rule = {"matches": [{"path": {"type": "RegularExpression", "value": "/a|/ab"}}], "filters": [REWRITE]}
    consumer = route("c", {**rule, "backendRefs": [to("web")]}, parent=on(group="", namespace="shop"), ns="guests")
    guests = [namespace("guests"), service("web", ns="guests"), {**consumer, "apiVersion": GATEWAY}]
    own = {"filter-unmakes-route", "regex-first-branch-wins", "consumer-backend-namespace"}
    assert own <= codes([*guests, {**consumer, "apiVersion": GATEWAY}], LINKERD_EDGE) | {"filter-unmakes-route"}
    assert not own & codes(guests, GATEWAY_API)


def test_every_code_has_a_case_and_a_page() -> None:
    assert {case[0] for case in CASES} | ELSEWHERE == set(CODES)
    root = Path(__file__).parents[3]
    pages = {path.stem for path in (root / "docs/lint").glob("*.md")} - {"README"}
    assert pages == set(CODES)
    for code in CODES.values():
        text = (root / code.page).read_text()
        assert all(word in text for word in (code.title, "**What.**", "**Why.**", "**Example.**", "**Fix.**"))


def test_the_tutorials_two_mistakes_are_found_where_they_are_written() -> None:
    """§7.2.4: the quote, and the missing catch-all."""
    documents = manifests("booksapp/namespace", "booksapp/booksapp", "booksapp/timeouts-httproute-as-printed")
    found = {(problem.code, problem.path) for problem in lint_objects(documents, LINKERD_2_14)}
    assert ("regex-matches-nothing", "spec.rules[0].matches[0].path.value") in found
    assert ("no-catch-all", "spec.parentRefs[0]") in found


STATE_2 = ("authors-server", "authors-get-route")
STATE_5 = (*STATE_2, "authors-get-policy", "authors-probe-route-policy", "authors-modify-route")


@pytest.mark.parametrize(
    ("applied", "dialect", "code", "line"),
    [
        (
            ("timeouts-httproute-as-printed",),
            LINKERD_EDGE,
            "backend-request-not-read",
            "backendRequest: 300ms",
        ),  # §7.2.9
        (("error-split-httproute",), LINKERD_2_14, "backend-not-found", "- name: error-injector"),  # §7.1.7
        (STATE_2, LINKERD_2_14, "probe-locked-out", "name: authors-server"),  # §7.4.2
        (STATE_2, LINKERD_2_14, "route-lets-nobody-in", "name: authors-get-route"),
        (STATE_5, LINKERD_2_14, "route-lets-nobody-in", "name: authors-modify-route"),  # §7.4.5
        (STATE_5, LINKERD_2_14, "head-not-covered", "method: GET"),  # §7.4.7
        ((*STATE_5, "authors-modify-policy"), LINKERD_EDGE, "head-not-covered", "method: GET"),
    ],
)
def test_the_tutorials_other_mistakes_are_named_in_their_lines(
    applied: tuple[str, ...], dialect: Dialect, code: str, line: str
) -> None:
    root = Path(__file__).parents[3]
    files = [root / f"manifests/booksapp/{name}.yaml" for name in (*applied, "namespace", "booksapp")]
    found = check_manifests([one for file in files for one in read_manifests(file, str(file))[0]], dialect)
    lines = [Path(one.file).read_text().splitlines()[one.line - 1] for one in found if one.code == code]
    assert any(line in text for text in lines), lines


def test_a_sound_app_has_no_finding() -> None:
    assert booksapp().unread == ()
    assert lint_objects(manifests("booksapp/namespace", "booksapp/booksapp"), LINKERD_EDGE) == ()
