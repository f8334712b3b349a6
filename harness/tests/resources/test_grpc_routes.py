"""GRPCRoutes as they are written: defaults, what the API server and the webhook refuse, what is not foretold."""

from __future__ import annotations

from typing import Any

import pytest

from harness.dialect import GATEWAY_API, LINKERD_2_14, LINKERD_EDGE
from harness.oracle import Objects
from harness.resources.admission import review
from harness.resources.annotations import HttpRetry, parse_grpc_retry
from harness.resources.document import ResourceInvalid
from harness.resources.gateway_rules import gateway_rule_problems
from harness.resources.grpc_routes import parse_grpc_route, parse_route, unforeseen
from harness.resources.matches import HeaderMatch, Match, RpcMatch
from harness.resources.routes import BackendRef, ParentRef

PARENT = {"group": "core", "kind": "Service", "name": "books", "port": 7000}


def written(*rules: dict[str, Any], **annotations: str) -> dict[str, Any]:
    named = {f"retry.linkerd.io/{name}": value for name, value in annotations.items()}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GRPCRoute",
        "metadata": {"name": "r", "namespace": "shop", "annotations": named},
        "spec": {"parentRefs": [PARENT], "rules": list(rules)},
    }


def asking(**method: str) -> dict[str, Any]:
    return {"matches": [{"method": method}]}


def test_shape_and_defaults() -> None:
    rule = {
        "matches": [{"method": {"service": "shop.Books", "method": "Get"}, "headers": [{"name": "x", "value": "1"}]}],
        "backendRefs": [{"name": "books-v2", "port": 7000}],
    }
    route = parse_route(written(rule, {}))
    assert route.key == ("gateway.networking.k8s.io", "GRPCRoute", "shop", "r")
    assert route.parent_refs == (ParentRef("core", "Service", "shop", "books", port=7000),)
    first, second = route.rules
    assert first.matches == (Match(headers=(HeaderMatch("x", "1"),), method="POST", rpc=RpcMatch("shop.Books", "Get")),)
    assert first.backend_refs == (BackendRef("books-v2", port=7000),)
    assert second.matches == (Match(rpc=RpcMatch()),)
    assert parse_grpc_route({**written(), "spec": {}}).rules == ()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"apiVersion": "gateway.networking.k8s.io/v1alpha2"}, "has no GRPCRoute; known are"),
        ({"apiVersion": "policy.linkerd.io/v1beta3"}, "has no GRPCRoute; known are"),
        ({"kind": "HTTPRoutes"}, "kind"),
    ],
)
def test_what_is_no_grpc_route(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(ResourceInvalid, match=problem):
        parse_grpc_route({**written(), **change})


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ({"matches": [{"method": {"type": "Exact"}}]}, "one or both of 'service' or 'method'"),
        (asking(service="shop/Books"), "is no full name of a service"),
        (asking(service="shop.Books", method="Get-It"), "is no name of a method"),
        ({"backendRefs": [{"group": "", "kind": "Service", "name": "x"}]}, "port"),
        ({"filters": [{"type": "RequestHeaderModifier", "requestHeaderModifier": {}}] * 2}, "cannot be repeated"),
    ],
)
def test_what_the_definition_refuses(rule: dict[str, Any], problem: str) -> None:
    (found,) = gateway_rule_problems(written(rule))
    assert problem in str(found)
    assert gateway_rule_problems(written(asking(service="shop.Books"), asking(method="Get"), {})) == ()


@pytest.mark.parametrize(
    ("obj", "denial"),
    [
        (written(asking(method=".*", type="RegularExpression")), "unsupported GRPCRoute method match type"),
        (written({"backendRefs": [{"name": "x"}]}), "cannot reference Service 'x' without a port"),
        (written(grpc="sometimes"), "'sometimes' in 'sometimes' is none of cancelled"),
        (written(grpc="internal, unavailable"), "' unavailable'"),
        (written(limit="many"), "'many' is not a count"),
    ],
)
def test_what_the_webhook_refuses(obj: dict[str, Any], denial: str) -> None:
    (found,) = review(obj, LINKERD_EDGE).denials
    assert denial in found


def test_what_it_admits() -> None:
    assert (
        review(written(asking(service="a.B"), grpc="Unavailable,internal", http="not read"), LINKERD_EDGE).denials == ()
    )


@pytest.mark.parametrize(
    ("annotations", "retry"),
    [
        ({}, None),
        ({"limit": "0"}, None),
        ({"limit": "3"}, HttpRetry(3)),
        ({"grpc": "unavailable,Internal,unavailable"}, HttpRetry(1, conditions=("unavailable", "internal"))),
    ],
)
def test_retries(annotations: dict[str, str], retry: HttpRetry | None) -> None:
    route = parse_grpc_route(written(**annotations))
    assert parse_grpc_retry(route.annotations) == (retry, ())


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ({"matches": [{"headers": [{"name": "x", "value": "1"}]}]}, "a match without a method makes proxies refuse"),
        (
            {"filters": [{"type": "ResponseHeaderModifier", "responseHeaderModifier": {"remove": ["x"]}}]},
            "a ResponseHeaderModifier in a GRPCRoute makes proxies refuse",
        ),
    ],
)
def test_what_is_told_and_not_foretold(rule: dict[str, Any], why: str) -> None:
    assert why in unforeseen(parse_grpc_route(written(rule)))
    (unread,) = Objects.read([written(rule)], LINKERD_EDGE).unread
    assert why in unread.problem
    assert unforeseen(parse_grpc_route(written({}, asking(service="a.B")))) == ""


def test_who_reads_them() -> None:
    assert [route.name for route in Objects.read([written()], LINKERD_EDGE).routes] == ["r"]
    (old,) = Objects.read([written()], LINKERD_2_14).unread
    assert old.problem == "stable-2.14.10 does not look at GRPCRoutes"
    (by_text,) = Objects.read([written()], GATEWAY_API).unread
    assert by_text.problem == "the oracle does not look at GRPCRoutes"
