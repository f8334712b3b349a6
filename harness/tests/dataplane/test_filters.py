"""Header modifiers: adds, then sets, then removals; a route's before its backend's (§1.36, §1.56)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.embedded.dataplane.compile.filters import request_changes, response_changes
from harness.embedded.dataplane.compile.names import Config
from harness.embedded.dataplane.compile.refusal import refusal
from harness.resources.filters import (
    Filter,
    Header,
    RequestHeaderModifier,
    RequestRedirect,
    ResponseHeaderModifier,
    UnsupportedFilter,
)
from harness.resources.matches import HeaderMatch, Match, PathMatch
from harness.resources.routes import Rule
from harness.tests.dataplane.builders import route, to

Headers = dict[str, list[str]]

_HEADER = st.builds(Header, st.sampled_from(["X-A", "x-b"]), st.sampled_from(["1", "2"]))
_MODIFIERS = st.lists(
    st.builds(
        RequestHeaderModifier,
        add=st.lists(_HEADER, max_size=2).map(tuple),
        set=st.lists(_HEADER, max_size=2).map(tuple),
        remove=st.lists(st.sampled_from(["x-A", "X-b"]), max_size=1).map(tuple),
    ),
    max_size=3,
)


def as_linkerd(headers: Headers, modifiers: list[RequestHeaderModifier]) -> Headers:
    seen = {name: list(values) for name, values in headers.items()}
    for modifier in modifiers:
        for header in modifier.add:
            seen.setdefault(header.name.lower(), []).append(header.value)
        for header in modifier.set:
            seen[header.name.lower()] = [header.value]
        for name in modifier.remove:
            seen.pop(name.lower(), None)
    return seen


def as_proxy(headers: Headers, fields: Config) -> Headers:
    """Removals first, then the additions in their order."""
    seen = {name: list(values) for name, values in headers.items()}
    for name in fields.get("request_headers_to_remove", ()):
        seen.pop(name, None)
    for entry in fields.get("request_headers_to_add", ()):
        name, value = entry["header"]["key"], entry["header"]["value"]
        if entry["append_action"].startswith("OVERWRITE"):
            seen[name] = []
        seen.setdefault(name, []).append(value)
    return seen


@given(_MODIFIERS, st.dictionaries(st.sampled_from(["x-a", "x-b", "x-c"]), st.just(["0"])))
def test_the_proxy_ends_with_the_same_headers(modifiers: list[RequestHeaderModifier], headers: Headers) -> None:
    assert as_proxy(headers, request_changes(modifiers)) == as_linkerd(headers, modifiers)


def test_values_are_no_variables_of_the_proxy() -> None:
    fields = request_changes([RequestHeaderModifier(set=(Header("x", "100%REQ(y)%"),))])
    assert fields["request_headers_to_add"][0]["header"]["value"] == "100%%REQ(y)%%"


def test_headers_of_other_proxies_go_unless_a_filter_writes_them() -> None:
    setter = ResponseHeaderModifier(set=(Header("L5D-Proxy-Error", "mine"),))
    fields = response_changes([setter, RequestHeaderModifier(remove=("a",))], always_removed=("l5d-proxy-error", "x"))
    assert fields["response_headers_to_remove"] == ["x"]
    assert fields["response_headers_to_add"][0]["header"] == {"key": "l5d-proxy-error", "value": "mine"}


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (Rule(), None),
        (Rule(filters=(RequestHeaderModifier(set=(Header("x-a", "1"),)),)), None),
        (Rule(backend_refs=(to("books", filters=(UnsupportedFilter("URLRewrite"),)),)), None),
        (Rule(filters=(UnsupportedFilter("RequestMirror"),)), "RequestMirror is not supported"),
        (Rule(filters=(RequestRedirect(),)), None),
        (Rule(filters=(RequestRedirect(status_code=300),)), "300 is no status of a redirect"),
        (Rule(filters=(RequestHeaderModifier(set=(Header("Host", "a"),)),)), "cannot change header 'Host'"),
        (Rule(filters=(RequestHeaderModifier(remove=("a b",)),)), "'a b' is no header name"),
        (Rule(matches=(Match(path=PathMatch("RegularExpression", "(?=a)")),)), "look-around"),
        (Rule(matches=(Match(headers=(HeaderMatch("a", "*", "RegularExpression"),)),)), "nothing to repeat"),
        (Rule(matches=(Match(headers=(HeaderMatch("a:b", "1"),)),)), "'a:b' is no header name"),
    ],
)
def test_a_route_that_cannot_be_expressed_is_refused_as_a_whole(rule: Rule, why: str | None) -> None:
    """§1.15, §1.54; filters of backends only spoil their backend."""
    seen = refusal(route("r", Rule(), rule).route)
    assert seen is None if why is None else (seen is not None and why in seen and "rules[1]" in seen)


def test_other_filters_change_no_headers() -> None:
    others: list[Filter] = [RequestRedirect(), UnsupportedFilter("x")]
    assert request_changes(others) == response_changes(others) == {}
