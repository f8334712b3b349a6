"""Rules that changed under a route's old name are proved by where a request of the step goes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from harness.kube.client import Kube
from harness.kube.objects import JsonObject, ObjectRef
from harness.mesh.changes import Change, NotYet, Witness
from harness.mesh.route_proof import ROUTE_COUNTER
from harness.mesh.rule_proof import backends_for, prove_rules, telling
from harness.tests.mesh.fake_mesh import FakeMesh, pod, policy, series, witness

URL = "http://books:7002/a"


def to(*names: str, **rule: Any) -> JsonObject:
    return {"backendRefs": [{"name": name, "port": 7002} for name in names], **rule}


def under(path: str, **more: Any) -> dict[str, Any]:
    return {"matches": [{"path": {"value": path}, **more}]}


def route(*rules: JsonObject) -> JsonObject:
    parents = [{"group": "core", "kind": "Service", "name": "books", "port": 7002}]
    return policy("HTTPRoute", "split", {"parentRefs": parents, "rules": list(rules)})


def change(old: JsonObject, new: JsonObject) -> Change:
    return Change(ObjectRef.of(new), old, new)


def asking(url: str = URL, **headers: str) -> Witness:
    return replace(witness("sender", lambda url, times: None, url=url), headers=headers)


def sent(changed: Change, *backends: str, name: str = "split", space: str = "booksapp", port: str = "7002") -> str:
    """What is said of a proxy that counts a request as sent to these."""
    fake = FakeMesh([pod("sender", "10.0.0.5")])

    def send(url: str, times: int) -> None:
        for backend in backends:
            labels = {"route_namespace": "booksapp", "route_name": name, "backend_namespace": space}
            fake.count("sender", series(ROUTE_COUNTER, **labels, backend_name=backend, backend_port=port), times)

    told = telling(changed, [witness("sender", send, url=URL)])
    assert told is not None
    return prove_rules(cast(Kube, fake), changed, *told)


CHANGES = [
    change(route(to("books")), route(to("other"))),
    change(route(to("books"), to("other", **under("/b"))), route(to("books"), to("other", **under("/a")))),
    change(route(to("books", **under("/a"))), route(to("other", **under("/a", method="GET")))),
]


@pytest.mark.parametrize("changed", CHANGES)
def test_where_only_the_new_rules_lead_is_a_proof(changed: Change) -> None:
    assert "sends GET http://books:7002/a to other (books before)" in sent(changed, "other")


@pytest.mark.parametrize("changed", CHANGES)
def test_where_only_the_old_rules_lead_is_none(changed: Change) -> None:
    with pytest.raises(NotYet, match="still follows the old rules of HTTPRoute/split"):
        sent(changed, "books")


def test_a_rule_that_is_gone_counts_nothing_any_more() -> None:
    changed = change(route(to("books", **under("/a"))), route(to("books", **under("/b"))))
    assert "to nobody else (books before)" in sent(changed)
    with pytest.raises(NotYet):
        sent(changed, "books")


def test_a_rule_without_backends_is_seen_to_lead_to_the_service_itself() -> None:
    changed = change(route(to("other")), route({}))
    assert "to the Service itself (other before)" in sent(changed, "service", space="", port="")


def test_what_neither_explains_is_said_and_not_waited_for() -> None:
    assert "neither the old nor the new" in sent(CHANGES[0], "third")
    assert "neither the old nor the new" in sent(CHANGES[0], "books", name="elsewhere")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (to("books"), to("books", "other")),  # either may draw books
        (to("books"), {**to("books"), "timeouts": {"request": "1s"}}),
        (to("books", **under("/b")), to("other", **under("/b"))),  # no request of the step comes to it
    ],
)
def test_a_request_that_goes_the_same_way_tells_nothing(old: JsonObject, new: JsonObject) -> None:
    assert telling(change(route(old), route(new)), [asking()]) is None


def test_created_and_deleted_routes_are_proved_by_name() -> None:
    for changed in (Change(CHANGES[0].ref, None, route()), Change(CHANGES[0].ref, route(), None)):
        assert telling(changed, [asking()]) is None


def test_headers_of_the_request_decide_too() -> None:
    by_header = route(to("other", **under("/", headers=[{"name": "X-Id", "value": "1"}])), to("books"))
    assert backends_for(by_header, asking(**{"x-id": "1"})) == {("booksapp", "other", "7002")}
    assert backends_for(by_header, asking()) == {("booksapp", "books", "7002")}


def test_a_rule_without_backends_leads_to_the_parent_and_a_redirect_nowhere() -> None:
    assert ("booksapp", "books", "7002") in backends_for(route({}), asking())
    moved = {"filters": [{"type": "RequestRedirect", "requestRedirect": {"hostname": "x"}}]}
    assert backends_for(route(moved), asking()) == frozenset()
