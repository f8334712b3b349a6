"""ServiceProfiles: where they decide HTTPRoutes do not (§1.10)."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest

from harness.dialect import GATEWAY_API, LINKERD_2_14
from harness.oracle import Objects, Request, Sender, predict
from harness.resources.document import ResourceInvalid
from harness.resources.service_profiles import parse_service_profile
from harness.tests.oracle.cluster import CLIENT, Obj, ask, namespace, only, route, rules_of, shop, to

ELSEWHERE = route("r", {"backendRefs": [to("other")]})


def profile(*routes: Obj, ns: str = "shop", **spec: Any) -> Obj:
    metadata = {"name": "web.shop.svc.cluster.local", "namespace": ns}
    whole = {"routes": list(routes), **spec}
    return {"apiVersion": "linkerd.io/v1alpha2", "kind": "ServiceProfile", "metadata": metadata, "spec": whole}


def when(name: str = "r", /, timeout: str = "", **condition: Any) -> Obj:
    return {"name": name, "condition": condition, **({"timeout": timeout} if timeout else {})}


def timeout_of(objects: Objects, path: str = "/", method: str = "GET") -> timedelta | None:
    return only(ask(objects, path, method)).limits.request


@pytest.mark.parametrize(("routes", "answers"), [((), "other"), ((when(pathRegex="/never"),), "web")])
def test_a_profile_with_routes_wins_over_http_routes(routes: tuple[Obj, ...], answers: str) -> None:
    """An empty one does not."""
    outcome = only(ask(shop(ELSEWHERE, profile(*routes))))
    assert outcome.workload == ("shop", answers)
    assert ("§1.10" in rules_of(outcome)) is bool(routes)


def test_a_request_that_fits_no_route_of_a_profile_is_no_404() -> None:
    assert only(ask(shop(profile(when(method="PUT", timeout="1s"))))).by == "app"
    assert timeout_of(shop(profile(when(method="PUT", timeout="1s")))) is None


def test_the_first_route_that_fits_is_taken() -> None:
    objects = shop(profile(when("a", "1s", pathRegex="/a.*"), when("b", "2s", pathRegex="/a/b")))
    assert timeout_of(objects, "/a/b") == timedelta(seconds=1)
    outcome = only(ask(objects, "/a/b"))
    assert (outcome.also, outcome.timing) == ((504,), "application")


@pytest.mark.parametrize(
    ("condition", "fitting", "not_fitting"),
    [
        ({"pathRegex": "/a"}, [("GET", "/a")], [("GET", "/ab"), ("GET", "/x/a")]),
        # Anchors are written around the whole: each branch of an alternation has one of them alone.
        ({"pathRegex": "/a|/b"}, [("GET", "/abc"), ("GET", "/x/b")], [("GET", "/x/a")]),
        ({"pathRegex": " ^/a$ "}, [("GET", "/a?q")], [("GET", "/ab")]),
        ({"method": "get"}, [("GET", "/")], [("HEAD", "/")]),
        ({"method": "GET", "pathRegex": "/a"}, [("GET", "/a")], [("PUT", "/a"), ("GET", "/b")]),
        ({"any": [{"method": "PUT"}, {"pathRegex": "/a"}]}, [("PUT", "/"), ("GET", "/a")], [("GET", "/")]),
        ({"all": [{"method": "PUT"}, {"not": {"pathRegex": "/a"}}]}, [("PUT", "/b")], [("PUT", "/a")]),
        ({"pathRegex": "("}, [], [("GET", "/")]),
    ],
)
def test_conditions(condition: Obj, fitting: list[tuple[str, str]], not_fitting: list[tuple[str, str]]) -> None:
    objects = shop(profile(when("r", "1s", **condition)))
    assert all(timeout_of(objects, path, method) for method, path in fitting)
    assert not any(timeout_of(objects, path, method) for method, path in not_fitting)


def test_clients_have_a_profile_of_their_own_if_there_is_one() -> None:
    """Of their namespace, even if it is empty; others go by that of the Service's namespace."""
    of_service, own = profile(when("a", "1s", method="GET")), profile(when("b", "2s", method="GET"), ns="tools")
    guest, request = Sender("tools"), Request.of("GET", "http://web.shop/")
    objects = shop(of_service, own, namespace("tools"))
    limits = [only(predict(objects, sender, request)).limits.request for sender in (guest, CLIENT)]
    assert limits == [timedelta(seconds=2), timedelta(seconds=1)]
    empty = shop(of_service, profile(ns="tools"), namespace("tools"))
    assert only(predict(empty, guest, request)).limits.request is None


def test_other_destinations_are_drawn_by_weight() -> None:
    there = [{"authority": "web.shop.svc.cluster.local:80", "weight": 1}]
    there += [{"authority": "other.shop.svc.cluster.local.:80", "weight": "500m"}]
    there += [{"authority": "other.shop.svc.cluster.local:80", "weight": 0}, {"authority": "web", "weight": "2"}]
    found = ask(shop(ELSEWHERE, profile(dstOverrides=there)))
    assert found.share(workload=("shop", "other")) == Fraction(1, 3)
    nobody = [{"authority": "nowhere.shop.svc.cluster.local:80", "weight": 1}]
    lost = only(ask(shop(profile(dstOverrides=nobody))))
    assert (lost.by, lost.status) == ("client's proxy", 504)
    assert ask(shop(profile(dstOverrides=[*nobody, there[0]]))).share(workload=("shop", "web")) == 1


def test_clients_without_a_proxy_have_no_profiles() -> None:
    objects = shop(profile(when("r", "1s", method="GET")))
    assert only(ask(objects, sender=Sender("shop", meshed=False))).limits.request is None


@pytest.mark.parametrize(
    ("route", "problem"),
    [
        ({"name": "r"}, "spec.routes[0].condition: is required"),
        ({"name": "r", "condition": {}}, "spec.routes[0].condition: needs one of all, any, method, not, pathRegex"),
        ({"condition": {"method": "GET"}}, "spec.routes[0].name: is required"),
        (when(timeout="soon", method="GET"), "spec.routes[0].timeout: 'soon' is not a duration such as"),
        ({**when(method="GET"), "isRetryable": 1}, "spec.routes[0].isRetryable: is not a boolean"),
    ],
)
def test_what_cannot_be_read_is_told(route: Obj, problem: str) -> None:
    with pytest.raises(ResourceInvalid) as told:
        parse_service_profile(profile(route))
    assert str(told.value).startswith(problem)
    (unread,) = Objects.read([profile(route)], LINKERD_2_14).unread
    assert unread.problem.startswith(problem)


def test_the_gateway_api_knows_no_profiles() -> None:
    assert [one.kind for one in Objects.read([profile()], GATEWAY_API).unread] == ["ServiceProfile"]
