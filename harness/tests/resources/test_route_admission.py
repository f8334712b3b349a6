from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.dialect import LINKERD_2_14, LINKERD_EDGE, Dialect
from harness.resources.admission import review
from harness.tests.resources.documents import GATEWAY, POLICY, Obj, backend, books_parent, filtering, matching, route

NEW = LINKERD_EDGE
OLD = LINKERD_2_14


def header(name: str = "x", value: str = "1", **more: str) -> Obj:
    return matching(headers=[{"name": name, "value": value, **more}])


def modifier(kind: str = "RequestHeaderModifier", **change: Any) -> Obj:
    return filtering(kind, **change)


def redirect(kind: str, path: str) -> Obj:
    member = kind[0].lower() + kind[1:]
    return filtering("RequestRedirect", path={"type": kind, member: path})


REFUSED_IN_BOTH_GROUPS = {
    "relative prefix 1.42": (
        matching(path={"value": "authors"}),
        "matches[0].path.value: 'authors' is not an absolute",
    ),
    "relative exact 1.42": (matching(path={"type": "Exact", "value": "a"}), "matches[0].path.value: 'a' is not"),
    "path regex": (matching(path={"type": "RegularExpression", "value": "/(?=a)"}), "'/(?=a)' is not a regular"),
    "header regex": (header(value="(", type="RegularExpression"), "matches[0].headers[0].value: '('"),
    "query regex": (
        matching(queryParams=[{"name": "q", "value": r"\1", "type": "RegularExpression"}]),
        "matches[0].queryParams[0].value: '\\1'",
    ),
    "header name": (header("a b"), "matches[0].headers[0].name: 'a b' is not a header name"),
    "header value": (header(value="caf\u00e9"), "headers[0].value: 'caf\u00e9' is not a header value"),
    "added name": (modifier(add=[{"name": "a:", "value": "1"}]), "requestHeaderModifier.add[0].name: 'a:'"),
    "set value": (modifier(set=[{"name": "a", "value": "\n"}]), "requestHeaderModifier.set[0].value: '\\n'"),
    "removed name": (modifier(remove=["ok", ""]), "requestHeaderModifier.remove[1]: ''"),
    "relative full path": (redirect("ReplaceFullPath", "x"), "filters[0].requestRedirect.path: 'x' is not an absolute"),
    "relative prefix path": (redirect("ReplacePrefixMatch", "x"), "requestRedirect.path: 'x' is not"),
}
ADMITTED_IN_BOTH_GROUPS = {
    "regex need not be absolute 1.42": matching(path={"type": "RegularExpression", "value": "a.*"}),
    "stray characters 1.72": matching(path={"type": "RegularExpression", "value": "/a /b"}),
    "missing backend 1.72": {"backendRefs": [backend("nobody")]},
    "all weights zero 1.72": {"backendRefs": [backend(weight=0), backend("b", weight=0)]},
    "unsupported on a backend 1.54": {"backendRefs": [backend(filters=[{"type": "URLRewrite", "urlRewrite": {}}])]},
    "bad header on a backend": {"backendRefs": [backend(filters=modifier(remove=["a b"])["filters"])]},
}
POLICY_TIMEOUTS = {
    "negative request": ({"request": "-1s"}, "spec.rules[0].timeouts.request: '-1s' is negative"),
    "negative backend": ({"backendRequest": "-0"}, "spec.rules[0].timeouts.backendRequest: '-0' is negative"),
    "greater backend": (
        {"request": "300ms", "backendRequest": "0.6s"},
        "spec.rules[0].timeouts: backendRequest timeout (0.6s) must not be greater than request timeout (300ms)",
    ),
    "request zero": ({"request": "0s", "backendRequest": "1s"}, "backendRequest timeout (1s) must not be greater"),
    "unreadable": ({"request": "soon"}, "spec.rules[0].timeouts.request: 'soon' is not a duration"),
}


@pytest.mark.parametrize("version", [POLICY, GATEWAY])
@pytest.mark.parametrize("case", REFUSED_IN_BOTH_GROUPS)
def test_refused_in_both_groups_1_71(case: str, version: str) -> None:
    rule, said = REFUSED_IN_BOTH_GROUPS[case]
    (denial,) = review(route({}, rule, api_version=version), NEW).denials
    assert denial.startswith("spec.rules[1].")
    assert said in denial


@pytest.mark.parametrize("version", [POLICY, GATEWAY])
@pytest.mark.parametrize("case", ADMITTED_IN_BOTH_GROUPS)
def test_admitted_in_both_groups_1_72(case: str, version: str) -> None:
    assert review(route(ADMITTED_IN_BOTH_GROUPS[case], api_version=version), NEW) == ((), ())


@pytest.mark.parametrize("kind", ["RequestMirror", "URLRewrite", "ExtensionRef"])
def test_filters_that_linkerd_lacks_are_admitted_1_54(kind: str) -> None:
    assert review(route(filtering(kind), api_version=GATEWAY), NEW).denials == ()


@pytest.mark.parametrize("dialect", [OLD, NEW], ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("case", POLICY_TIMEOUTS)
def test_timeouts_refused_in_the_policy_group_1_71(case: str, dialect: Dialect) -> None:
    timeouts, said = POLICY_TIMEOUTS[case]
    (denial,) = review(route({"timeouts": timeouts}), dialect).denials
    assert said in denial


@pytest.mark.parametrize("timeouts", [{"request": "1s", "backendRequest": "1s"}, {"backendRequest": "9h"}])
def test_timeouts_admitted_in_the_policy_group_1_71(timeouts: Obj) -> None:
    assert review(route({"timeouts": timeouts}), NEW) == ((), ())


def test_timeouts_that_an_older_version_drops_are_not_reviewed_1_67() -> None:
    rule = {"timeouts": {"request": "-1s"}}
    assert review(route(rule, api_version="policy.linkerd.io/v1beta2"), NEW) == ((), ())


def test_gateway_timeouts_are_only_warned_about_2_4() -> None:
    rule = {"timeouts": {"request": "1s", "backendRequest": "1h30m"}}
    denials, (warning,) = review(route(rule, api_version=GATEWAY), NEW)
    assert denials == ()
    assert warning.startswith("spec.rules[0].timeouts.backendRequest: '1h30m' is not a whole number")


def test_a_service_backend_without_port_is_refused_in_the_gateway_group_only_1_25() -> None:
    rule = {"backendRefs": [backend(), backend("authors", None)]}
    assert review(route(rule, api_version=GATEWAY), NEW).denials == (
        "spec.rules[0].backendRefs[1].port: cannot reference Service 'authors' without a port",
    )
    assert review(route(rule), NEW).denials == ()


def test_2_14_does_not_review_gateway_routes_1_71() -> None:
    rule = matching(path={"value": "relative"})
    assert review(route(rule, api_version=GATEWAY), OLD) == ((), ())
    assert review(route(rule), OLD).denials


def test_what_cannot_be_read_is_refused_or_admitted_with_a_warning_1_71() -> None:
    wrong = {"backendRefs": [{"port": "http"}]}
    said = (
        "spec.rules[0].backendRefs[0].name: is required",
        "spec.rules[0].backendRefs[0].port: is a string, not an integer",
    )
    assert review(route(wrong), NEW) == (said, ())
    assert review(route(wrong, api_version=GATEWAY), NEW) == ((), said)


@pytest.mark.parametrize("version", [POLICY, GATEWAY])
def test_an_egress_network_parent_needs_a_port_1_71(version: str) -> None:
    out = {"group": "policy.linkerd.io", "kind": "EgressNetwork", "name": "out"}
    document = route(parents=[books_parent(), out], api_version=version)
    assert review(document, NEW).denials == (
        "spec.parentRefs[1].port: cannot target EgressNetwork 'out' without specifying a port",
    )
    assert review(document, replace(NEW, egress_networks=False)).denials == ()
    assert review(route(parents=[out | {"port": 443}], api_version=version), NEW).denials == ()


@pytest.mark.parametrize("version", [POLICY, GATEWAY])
def test_wrong_annotations_are_refused_where_they_are_read_2_7(version: str) -> None:
    wrong = {"retry.linkerd.io/http": "5xx, 429", "timeout.linkerd.io/request": "1.5s"}
    denials = review(route(annotations=wrong, api_version=version), NEW).denials
    assert [denial.partition(": ")[0] for denial in denials] == [
        "metadata.annotations.retry.linkerd.io/http",
        "metadata.annotations.timeout.linkerd.io/request",
    ]
    assert review(route(annotations=wrong), OLD).denials == ()
    server = {"group": "policy.linkerd.io", "kind": "Server", "name": "s"}
    assert review(route(annotations=wrong, parents=[server]), NEW).denials == ()


def test_all_objections_are_listed_not_only_the_first() -> None:
    rules = [matching(path={"value": "a"}), matching(path={"value": "b"}), {"timeouts": {"request": "-1s"}}]
    assert len(review(route(*rules), NEW).denials) == 3


def test_other_kinds_are_not_its_business() -> None:
    assert review({"apiVersion": "v1", "kind": "Pod"}, NEW) == ((), ())
    assert review({"apiVersion": "example.com/v1", "kind": "HTTPRoute"}, NEW) == ((), ())


@given(st.dictionaries(st.sampled_from(["parentRefs", "rules", "hostnames"]), st.lists(st.text() | st.none())))
def test_a_review_never_crashes(spec: dict[str, Any]) -> None:
    for version in (POLICY, GATEWAY):
        answer = review({"apiVersion": version, "kind": "HTTPRoute", "metadata": {"name": "x"}, "spec": spec}, NEW)
        assert all(isinstance(sentence, str) for sentence in (*answer.denials, *answer.warnings))
