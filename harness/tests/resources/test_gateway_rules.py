from __future__ import annotations

import pytest

from harness.resources.gateway_rules import gateway_rule_problems
from harness.tests.resources.documents import GATEWAY, Obj, backend, books_parent, filtering, matching, route

PREFIX_REDIRECT: Obj = {
    "type": "RequestRedirect",
    "requestRedirect": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/x"}},
}


def mirror(**more: object) -> Obj:
    return filtering("RequestMirror", backendRef=backend(), **more)


def repeated(kind: str) -> Obj:
    return {"filters": filtering(kind)["filters"] * 2}


def path(value: str, kind: str = "PathPrefix") -> Obj:
    return matching(path={"type": kind, "value": value})


BROKEN = {
    "relative path": (path("a"), "matches[0].path.value", "absolute"),
    "double slash": (path("/a//b"), "matches[0].path.value", "'//'"),
    "dot segment": (path("/a/./b"), "matches[0].path.value", "'/./'"),
    "dots segment": (path("/a/../b", "Exact"), "matches[0].path.value", "'/../'"),
    "escaped slash": (path("/a%2Fb"), "matches[0].path.value", "'%2F'"),
    "last segment": (path("/a/.."), "matches[0].path.value", "dot segment"),
    "space": (path("/a b"), "matches[0].path.value", "character"),
    "fragment": (path("/a#b"), "matches[0].path.value", "character"),
    "two request modifiers": (repeated("RequestHeaderModifier"), "filters", "RequestHeaderModifier is there 2 times"),
    "member missing": ({"filters": [{"type": "RequestRedirect"}]}, "filters[0].requestRedirect", "is required by"),
    "other member": (
        {"filters": [{"type": "ExtensionRef", "extensionRef": {}, "requestRedirect": {}}]},
        "filters[0].requestRedirect",
        "when the type is ExtensionRef",
    ),
    "redirect and rewrite": (
        {"filters": [{"type": "RequestRedirect", "requestRedirect": {}}, {"type": "URLRewrite", "urlRewrite": {}}]},
        "filters",
        "together",
    ),
    "redirect and backends": (
        filtering("RequestRedirect", port=1) | {"backendRefs": [backend()]},
        "filters",
        "together with backendRefs",
    ),
    "path without value": (
        filtering("RequestRedirect", path={"type": "ReplaceFullPath"}),
        "filters[0].requestRedirect.path.replaceFullPath",
        "ReplaceFullPath",
    ),
    "prefix replaced under an exact match": (
        path("/a", "Exact") | {"filters": [PREFIX_REDIRECT]},
        "matches",
        "exactly one match",
    ),
    "prefix replaced under two matches": (
        {"matches": [{"path": {"value": "/a"}}, {"path": {"value": "/b"}}], "filters": [PREFIX_REDIRECT]},
        "matches",
        "exactly one match",
    ),
    "portless backend": ({"backendRefs": [backend("books", None)]}, "backendRefs[0].port", "Service 'books'"),
    "portless mirror": (
        filtering("RequestMirror", backendRef={"name": "m"}),
        "filters[0].requestMirror.backendRef.port",
        "Service 'm'",
    ),
    "mirror shares": (mirror(percent=1, fraction={"numerator": 1}), "filters[0].requestMirror", "both"),
    "mirror fraction": (mirror(fraction={"numerator": 101}), "filters[0].requestMirror.fraction", "greater"),
    "cors": (
        {"filters": [{"type": "CORS", "cors": {"allowMethods": ["*", "GET"]}}]},
        "filters[0].cors.allowMethods",
        "alone",
    ),
    "timeouts": ({"timeouts": {"request": "1s", "backendRequest": "1m1s"}}, "timeouts", "(1m1s) cannot be longer"),
}
KEPT: dict[str, Obj] = {
    "any regex": path("a//b c", "RegularExpression"),
    "escapes": path("/a%20b/~x;v=1"),
    "one prefix replaced": path("/a") | {"filters": [PREFIX_REDIRECT]},
    "two mirrors": {"filters": mirror()["filters"] * 2},
    "no limit for the request": {"timeouts": {"request": "0s", "backendRequest": "1s"}},
    "portless import": {"backendRefs": [backend("b", None, group="multicluster.x-k8s.io", kind="ServiceImport")]},
    "redirect without backends": filtering("RequestRedirect", port=1) | {"backendRefs": []},
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_rules_are_named_with_their_path(case: str) -> None:
    rule, place, said = BROKEN[case]
    (problem,) = gateway_rule_problems(route({}, rule, api_version=GATEWAY))
    assert problem.path == f"spec.rules[1].{place}"
    assert said in problem.message


@pytest.mark.parametrize("case", KEPT)
def test_kept_rules_have_no_problem(case: str) -> None:
    assert gateway_rule_problems(route(KEPT[case], api_version=GATEWAY)) == ()


@pytest.mark.parametrize(
    ("parents", "count"),
    [
        ([books_parent(), books_parent()], 1),
        ([books_parent(port=7002), books_parent(port=7002)], 1),
        ([books_parent(), books_parent(port=7002)], 1),
        ([books_parent(port=7002), books_parent(port=7003)], 0),
        ([books_parent(sectionName="a"), books_parent(sectionName="b")], 0),
        ([books_parent(), books_parent(namespace="shop")], 0),
    ],
)
def test_one_parent_twice_must_name_different_parts(parents: list[Obj], count: int) -> None:
    assert len(gateway_rule_problems(route(parents=parents, api_version=GATEWAY))) == count


@pytest.mark.parametrize(("rules", "count"), [(2, 0), (3, 1)])
def test_all_rules_together_have_at_most_128_matches(rules: int, count: int) -> None:
    rule = {"matches": [{"path": {"value": "/a"}}] * 64}
    assert len(gateway_rule_problems(route(*[rule] * rules, api_version=GATEWAY))) == count
