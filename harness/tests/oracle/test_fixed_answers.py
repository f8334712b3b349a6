"""Applications that are known to answer everything alike, and the many that are not."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from harness.dialect import LINKERD_2_14, LINKERD_EDGE, Dialect
from harness.oracle import Objects, Request, predict
from harness.oracle.fixed_answers import fixed_statuses, mounted_configs, returned, with_fixed
from harness.tests.oracle.cluster import BOOKSAPP, WEBAPP, booksapp, manifests

BOOKS = Request.of("GET", "http://books:7002/books.json")
INJECTOR = ("booksapp", "error-injector")


def config(inside: str) -> str:
    return f"events {{}}\nhttp {{\n  server {{\n    listen 8080;\n    {inside}\n  }}\n}}\n"


@pytest.mark.parametrize(
    ("inside", "status"),
    [
        ("location / { return 500; }", 500),
        ("return 204;", 204),
        ('location / { return 200 "a; b } c"; } # proxy_pass http://elsewhere;', 200),
        ("location / { return 301 https://elsewhere/; }", 301),
        ("access_log off; location / { return 503; }", 503),
        ("location / { return 500; } location /ok { return 200; }", None),
        ("location / { return 500; } location / { return 200; }", None),
        ("location = / { return 500; }", None),
        ("location / { proxy_pass http://books; }", None),
        ("if ($uri = /x) { return 200; } return 500;", None),
        ("error_page 500 = /fine; location / { return 500; }", None),
        ("include more.conf; return 500;", None),
        ("return https://elsewhere/;", None),
        ("return 444;", None),
        ("return ²00;", None),
        ("return 500; } server { listen 8081;", None),
        ("return 500; } server { listen 8081; return 500;", 500),
        ("listen 8082 proxy_protocol; return 500;", None),
        ("root /srv;", None),
    ],
)
def test_what_a_configuration_returns(inside: str, status: int | None) -> None:
    assert returned(config(inside)) == status


def test_the_tutorials_error_injector_is_known() -> None:
    assert fixed_statuses(manifests(*BOOKSAPP, "booksapp/error-injector")) == {INJECTOR: 500}


def test_without_its_configuration_nothing_is_known() -> None:
    without = [one for one in copy.deepcopy(manifests("booksapp/error-injector")) if one["kind"] != "ConfigMap"]
    assert fixed_statuses(without) == {}


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("image",), "ghcr.io/somebody/mynginx:1"),
        (("command",), ["nginx", "-c", "/other"]),
        (("args",), ["-g", "daemon off;"]),
        (("volumeMounts",), []),
        (("volumeMounts", 0, "mountPath"), "/etc/nginx/conf.d/a.conf"),
        (("volumeMounts", 0, "subPath"), "other.conf"),
    ],
)
def test_another_container_may_answer_anything(place: tuple[Any, ...], value: object) -> None:
    changed = copy.deepcopy(manifests("booksapp/error-injector"))
    (deployment,) = (one for one in changed if one["kind"] == "Deployment")
    at = deployment["spec"]["template"]["spec"]["containers"][0]
    for step in place[:-1]:
        at = at[step]
    at[place[-1]] = value
    assert fixed_statuses(changed) == {}


def test_the_configuration_that_counts_is_named() -> None:
    assert list(mounted_configs(manifests(*BOOKSAPP, "booksapp/error-injector"))) == [INJECTOR]
    assert list(mounted_configs([None, {"kind": "Deployment", "metadata": {}, "spec": None}])) == []


@pytest.mark.parametrize("pod", [None, [], {"containers": None}, {"containers": ["x"]}, {"containers": [{}, {}]}])
def test_whatever_a_pod_is_it_is_no_error(pod: object) -> None:
    obj = {"kind": "Deployment", "metadata": {"name": "x"}, "spec": {"template": {"spec": pod}}}
    assert fixed_statuses([obj, None, {"kind": "ConfigMap", "metadata": {"name": "x"}, "data": None}]) == {}


def test_an_outcome_carries_the_status_it_is_known_to_have() -> None:
    prediction = predict(booksapp("error-injector", "error-split-httproute"), WEBAPP, BOOKS)
    found = {outcome.workload: outcome.status for outcome in with_fixed(prediction, {INJECTOR: 500}).outcomes}
    assert found == {("booksapp", "books"): None, INJECTOR: 500}


@pytest.mark.parametrize(("dialect", "status"), [(LINKERD_EDGE, None), (LINKERD_2_14, 500)])
def test_what_is_tried_again_stays_unknown(dialect: Dialect, status: int | None) -> None:
    """§2.9: the second answer may be another workload's; 2.14 does not read the annotation."""
    found = copy.deepcopy(manifests(*BOOKSAPP, "booksapp/error-injector", "booksapp/error-split-httproute"))
    for route in (one for one in found if one["kind"] == "HTTPRoute"):
        route["metadata"]["annotations"] = {"retry.linkerd.io/http": "5xx"}
    prediction = predict(Objects.read(found, dialect), WEBAPP, BOOKS)
    assert {one.workload: one.status for one in with_fixed(prediction, {INJECTOR: 500}).outcomes}[INJECTOR] == status
