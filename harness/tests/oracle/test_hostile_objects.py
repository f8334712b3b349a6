"""Whatever an object is, it is either used or told; nothing crashes."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.dialect import GATEWAY_API, LINKERD_2_14, LINKERD_EDGE
from harness.oracle import Objects, Request, locked_out, predict
from harness.tests.oracle.cluster import CLIENT, Obj, deployment, manifests, namespace, route, service, shop, to
from harness.tests.oracle.test_rules import guarded

JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 99999)
    | st.floats(allow_nan=False)
    | st.sampled_from(["", "web", "/", "(", "*"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["name", "kind", "spec", "x"]), inner),
    max_leaves=4,
)
_SPLIT = {"matches": [{"path": {"value": "/a"}}], "backendRefs": [to("other")], "timeouts": {"request": "1s"}}
_ANNOTATIONS = {
    "retry.linkerd.io/http": "5xx",
    "retry.linkerd.io/limit": "2",
    "timeout.linkerd.io/response": "1s",
    "balancer.linkerd.io/failure-accrual": "consecutive",
    "balancer.linkerd.io/failure-accrual-consecutive-max-failures": "3",
}
_WHOLE: list[Obj] = [
    namespace(),
    deployment("web", readinessProbe={"httpGet": {"path": "/ping", "port": "http"}}),
    service("web", annotations=_ANNOTATIONS),
    route("r", _SPLIT),
    deployment("other"),
    service("other"),
    {
        "apiVersion": "linkerd.io/v1alpha2",
        "kind": "ServiceProfile",
        "metadata": {"name": "other.shop.svc.cluster.local", "namespace": "shop"},
        "spec": {
            "routes": [
                {
                    "name": "a",
                    "condition": {"all": [{"not": {"method": "PUT"}}, {"any": [{"pathRegex": "/a"}]}]},
                    "isRetryable": True,
                    "timeout": "1s",
                }
            ],
            "dstOverrides": [{"authority": "web.shop.svc.cluster.local:80", "weight": "500m"}],
        },
    },
    {
        "apiVersion": "policy.linkerd.io/v1alpha1",
        "kind": "HTTPLocalRateLimitPolicy",
        "metadata": {"name": "l", "namespace": "shop"},
        "spec": {
            "targetRef": {"group": "policy.linkerd.io", "kind": "Server", "name": "s"},
            "total": {"requestsPerSecond": 5},
            "overrides": [{"requestsPerSecond": 9, "clientRefs": [{"kind": "ServiceAccount", "name": "client"}]}],
        },
    },
    *guarded({"networks": [{"cidr": "10.0.0.0/8", "except": []}]}, {"identities": ["*"]}),
]


def _places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for key, item in inner for place in _places(item, (*at, key)))]


PLACES = _places(_WHOLE)[1:]


def with_junk(place: tuple[Any, ...], junk: object) -> list[Any]:
    whole: Any = deepcopy(_WHOLE)
    owner = whole
    for key in place[:-1]:
        owner = owner[key]
    owner[place[-1]] = junk
    return list(whole)


def _look_at(objects: Objects) -> None:
    locked_out(objects)
    for url in ("http://web/", "http://web/a", "http://other/a", "http://localhost:8080/"):
        prediction = predict(objects, CLIENT, Request.of("GET", url))
        assert sum(outcome.probability for outcome in prediction.outcomes) == 1


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(PLACES), JUNK, st.sampled_from([LINKERD_2_14, LINKERD_EDGE, GATEWAY_API]))
def test_one_wrong_value_anywhere(place: tuple[Any, ...], junk: object, dialect: Any) -> None:
    _look_at(Objects.read(with_junk(place, junk), dialect))


@settings(max_examples=100, deadline=None)
@given(st.lists(JUNK, max_size=3))
def test_documents_that_are_no_objects(documents: list[Any]) -> None:
    objects = Objects.read(documents, LINKERD_EDGE)
    told = {one.index for one in objects.unread}
    assert told == set(range(len(documents)))
    _look_at(objects)


@pytest.mark.parametrize("missing", ["apiVersion", "kind", "metadata", "spec"])
def test_a_missing_field_is_told(missing: str) -> None:
    broken = {key: value for key, value in route("r", _SPLIT).items() if key != missing}
    objects = shop(broken)
    if missing == "spec":  # a route without a spec has one rule and no parent: legal, and idle
        assert not objects.unread
    else:
        assert objects.unread
    assert objects.routes == () or missing == "spec"


def test_kinds_that_are_not_looked_at_are_told_and_foreign_ones_are_not() -> None:
    egress = {"apiVersion": "policy.linkerd.io/v1alpha1", "kind": "EgressNetwork", "metadata": {"name": "out"}}
    typo = {"apiVersion": "policy.linkerd.io/v1beta3", "kind": "HttpRoute", "metadata": {"name": "r"}}
    foreign = {"apiVersion": "cert-manager.io/v1", "kind": "Issuer", "metadata": {"name": "i"}}
    told = shop(egress, typo, foreign).unread
    assert [one.kind for one in told] == ["EgressNetwork", "HttpRoute"]


def test_every_manifest_of_this_repository_is_read() -> None:
    for name in ("booksapp/authors-server", "booksapp/gateway/timeouts-httproute", "podinfo/canary-90-10-httproute"):
        assert not Objects.read(manifests(name), LINKERD_EDGE).unread
