from __future__ import annotations

import json
import pickle
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.resources.matches import HeaderMatch, QueryParamMatch
from harness.resources.routes import (
    BackendRef,
    Header,
    HTTPRoute,
    Match,
    ParentRef,
    PathMatch,
    PathRewrite,
    Problem,
    RequestHeaderModifier,
    RequestRedirect,
    ResourceInvalid,
    ResponseHeaderModifier,
    Rule,
    Timeouts,
    UnsupportedFilter,
    parse_http_route,
)
from harness.tests.resources.documents import GATEWAY, POLICY, Obj, backend, books_parent, matching, route


def problems(obj: Any) -> dict[str, str]:
    with pytest.raises(ResourceInvalid) as caught:
        parse_http_route(obj)
    return {problem.path: problem.message for problem in caught.value.problems}


def test_the_tutorials_split_is_read_whole() -> None:
    split = route({"backendRefs": [backend(weight=90), backend("error-injector", 8080, weight=10)]})
    split["metadata"] |= {"creationTimestamp": "2024-01-01T00:00:00Z", "generation": 3}
    split["status"] = {"parents": []}
    parsed = parse_http_route(split)
    assert parsed == HTTPRoute(
        group="policy.linkerd.io",
        namespace="booksapp",
        name="split",
        parent_refs=(ParentRef("core", "Service", "booksapp", "books"),),
        rules=(
            Rule(
                backend_refs=(
                    BackendRef("books", port=7002, weight=90),
                    BackendRef("error-injector", port=8080, weight=10),
                )
            ),
        ),
        creation_timestamp="2024-01-01T00:00:00Z",
        generation=3,
    )
    assert parsed.key == ("policy.linkerd.io", "HTTPRoute", "booksapp", "split")
    assert parsed.status == {"parents": []}


@pytest.mark.parametrize("group", ["policy.linkerd.io", "gateway.networking.k8s.io"])
def test_a_bare_kind_service_gets_the_groups_own_group_1_2(group: str) -> None:
    version = POLICY if group == "policy.linkerd.io" else GATEWAY
    (parent,) = parse_http_route(route(api_version=version, parents=[{"kind": "Service", "name": "books"}])).parent_refs
    assert (parent.group, parent.kind) == (group, "Service")


def test_a_bare_parent_is_a_gateway_1_2() -> None:
    (parent,) = parse_http_route(route(parents=[{"name": "books", "namespace": "shop"}])).parent_refs
    assert parent == ParentRef("policy.linkerd.io", "Gateway", "shop", "books")


def test_port_and_section_of_a_parent_1_3() -> None:
    parent = books_parent(port=7002, sectionName="main", namespace=None)
    assert parse_http_route(route(parents=[parent])).parent_refs == (
        ParentRef("core", "Service", "booksapp", "books", "main", 7002),
    )


def test_no_rules_written_is_one_rule_for_everything_1_21() -> None:
    assert parse_http_route(route()).rules == (Rule(matches=(Match(PathMatch("PathPrefix", "/")),)),)


def test_an_empty_list_of_rules_stays_empty_1_21() -> None:
    assert parse_http_route(route(rules=[])).rules == ()


@pytest.mark.parametrize("rule", [{}, {"matches": []}, {"matches": [{}]}, {"matches": [{"path": {}}]}])
def test_no_match_written_is_prefix_slash_1_22(rule: Obj) -> None:
    assert parse_http_route(route(rule)).rules[0].matches == (Match(PathMatch("PathPrefix", "/")),)


def test_path_type_defaults_to_prefix_1_41() -> None:
    rule = matching(path={"value": "/authors.json"})
    assert parse_http_route(route(rule)).rules[0].matches[0].path == PathMatch("PathPrefix", "/authors.json")


def test_all_parts_of_a_match() -> None:
    rule = matching(
        path={"type": "RegularExpression", "value": "/a.*"},
        headers=[{"name": "X-Who", "value": "me"}, {"name": "x", "value": ".", "type": "RegularExpression"}],
        queryParams=[{"name": "q", "value": "1"}],
        method="GET",
    )
    (match,) = parse_http_route(route(rule)).rules[0].matches
    assert match == Match(
        PathMatch("RegularExpression", "/a.*"),
        (HeaderMatch("X-Who", "me"), HeaderMatch("x", ".", "RegularExpression")),
        (QueryParamMatch("q", "1"),),
        "GET",
    )


def test_filters_in_their_order_1_54_to_1_57() -> None:
    filters = [
        {"type": "RequestHeaderModifier", "requestHeaderModifier": {"add": [{"name": "a", "value": "1"}]}},
        {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"remove": ["b"]}},
        {"type": "RequestRedirect", "requestRedirect": {"path": {"type": "ReplaceFullPath", "replaceFullPath": "/x"}}},
        {
            "type": "RequestRedirect",
            "requestRedirect": {"scheme": "https", "hostname": "h", "port": 1, "statusCode": 301},
        },
        {"type": "URLRewrite", "urlRewrite": {}},
    ]
    rule = {"filters": filters, "backendRefs": [backend(filters=filters[:1])]}
    parsed = parse_http_route(route(rule, api_version=GATEWAY)).rules[0]
    assert parsed.filters == (
        RequestHeaderModifier(add=(Header("a", "1"),)),
        ResponseHeaderModifier(remove=("b",)),
        RequestRedirect(path=PathRewrite("ReplaceFullPath", "/x")),
        RequestRedirect("https", "h", None, 1, 301),
        UnsupportedFilter("URLRewrite", json.dumps(filters[-1], sort_keys=True)),
    )
    assert parsed.backend_refs[0].filters == parsed.filters[:1]


def test_a_backends_namespace_stays_unwritten_1_12() -> None:
    assert parse_http_route(route({"backendRefs": [backend()]})).rules[0].backend_refs[0].namespace is None


@pytest.mark.parametrize("version", ["v1alpha1", "v1beta1"])
def test_old_versions_know_no_weight_kind_or_group_and_default_the_namespace_1_67(version: str) -> None:
    written = backend(weight=0, kind="Secret", group="x")
    parsed = parse_http_route(route({"backendRefs": [written]}, api_version=f"policy.linkerd.io/{version}"))
    assert parsed.rules[0].backend_refs == (BackendRef("books", namespace="default", port=7002),)


@pytest.mark.parametrize(
    ("version", "request_limit"),
    [("policy.linkerd.io/v1beta2", None), (POLICY, 600), (GATEWAY, 600), ("gateway.networking.k8s.io/v1beta1", 600)],
)
def test_timeouts_are_in_some_versions_only_1_67(version: str, request_limit: int | None) -> None:
    parsed = parse_http_route(route({"timeouts": {"request": "600ms"}}, api_version=version))
    expected = None if request_limit is None else timedelta(milliseconds=request_limit)
    assert parsed.rules[0].timeouts == Timeouts(request=expected)


@pytest.mark.parametrize("version", [POLICY, GATEWAY])
def test_a_timeout_of_zero_is_none_2_4(version: str) -> None:
    parsed = parse_http_route(route({"timeouts": {"request": "0s", "backendRequest": "1s"}}, api_version=version))
    assert parsed.rules[0].timeouts == Timeouts(None, timedelta(seconds=1))


def test_an_unreadable_timeout_is_ignored_in_the_gateway_group_alone_2_4() -> None:
    rule = {"timeouts": {"request": "1h30m5", "backendRequest": "1h30m"}}
    assert parse_http_route(route(rule, api_version=GATEWAY)).rules[0].timeouts == Timeouts()
    assert list(problems(route(rule))) == ["spec.rules[0].timeouts.request"]


def test_every_problem_is_reported_with_its_path() -> None:
    found = problems(
        {
            "apiVersion": POLICY,
            "kind": "HTTPRoute",
            "metadata": {"namespace": "booksapp"},
            "spec": {
                "parentRefs": [{"port": 0}, 4],
                "rules": [
                    {"matches": [{"path": {"type": "Glob"}, "headers": [{"name": "x"}]}]},
                    {"backendRefs": [{"name": "books", "port": "7002", "weight": -1}]},
                    {"filters": [{"type": "RequestRedirect"}]},
                ],
            },
        }
    )
    assert found == {
        "metadata.name": "is required",
        "spec.parentRefs[0].name": "is required",
        "spec.parentRefs[0].port": "0 is not in 1..65535",
        "spec.parentRefs[1]": "is an integer, not an object",
        "spec.rules[0].matches[0].headers[0].value": "is required",
        "spec.rules[0].matches[0].path.type": "'Glob' is not one of Exact, PathPrefix, RegularExpression",
        "spec.rules[1].backendRefs[0].port": "is a string, not an integer",
        "spec.rules[1].backendRefs[0].weight": "-1 is not in 0..1000000",
        "spec.rules[2].filters[0].requestRedirect": "is required by type RequestRedirect",
    }


def test_an_unknown_version_is_a_problem() -> None:
    found = problems(route(api_version="policy.linkerd.io/v1beta9"))
    assert "'policy.linkerd.io/v1beta9' has no HTTPRoute; known are" in found["apiVersion"]


def test_status_is_no_part_of_what_a_route_is() -> None:
    plain = parse_http_route(route())
    assert plain == replace(plain, status={"parents": [1]})
    assert hash(plain) == hash(replace(plain, annotations={"a": "b"}))
    assert pickle.loads(pickle.dumps(plain)) == plain


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
_KEYS = (
    "apiVersion kind metadata spec status name parentRefs rules matches path type value headers queryParams filters "
    "backendRefs timeouts request hostnames annotations requestRedirect requestHeaderModifier add remove port weight"
)
_keys = st.sampled_from(_KEYS.split())
_texts = st.sampled_from([POLICY, GATEWAY, "HTTPRoute", "RequestRedirect", "RequestHeaderModifier", "1s", "x"])
_route_like = st.recursive(
    _texts | _json,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=4),
    max_leaves=25,
)


def parsed_or_reported(obj: Any) -> HTTPRoute | tuple[Problem, ...]:
    try:
        return parse_http_route(obj)
    except ResourceInvalid as invalid:
        return invalid.problems


@given(_json | _route_like)
def test_parsing_anything_answers_or_reports_and_never_crashes(document: Any) -> None:
    for obj in (document, {"apiVersion": POLICY, "kind": "HTTPRoute", "metadata": {"name": "x"}, "spec": document}):
        reported = parsed_or_reported(obj)
        assert isinstance(reported, HTTPRoute) or len(set(reported)) == len(reported) > 0
