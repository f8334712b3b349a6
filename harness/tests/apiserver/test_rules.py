"""Rules of custom kinds: what a definition says in CEL holds for its objects."""

from __future__ import annotations

from typing import Any

import pytest

from harness.embedded.apiserver.errors import ApiError
from harness.embedded.apiserver.rules import rule_findings, syntax_findings
from harness.embedded.apiserver.schema import compile_node

TEXT = {"type": "string"}


def broken(schema: dict[str, Any], obj: Any, old: Any = None) -> list[tuple[str, str]]:
    return [(cause.field, cause.message) for cause in rule_findings(compile_node(schema), obj, old)]


def ruled(rule: str, **more: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"a": TEXT, "b": TEXT}}
    return {"type": "object", "properties": {"spec": {**schema, "x-kubernetes-validations": [{"rule": rule, **more}]}}}


@pytest.mark.parametrize(
    ("rule", "spec", "holds"),
    [
        ("has(self.a) || has(self.b)", {"a": "x"}, True),
        ("has(self.a) || has(self.b)", {}, False),
        ("self.a.matches('^x+$')", {"a": "xx"}, True),
        ("self.a.matches('^x+$')", {"a": "xy"}, False),
        ("self.a.split('/').size() == 2", {"a": "x/y"}, True),
        ("self.a.split('/').size() == 2", {"a": "xy"}, False),
        ("isIP(self.a)", {"a": "10.0.0.1"}, True),
        ("isIP(self.a)", {"a": "10.0.0"}, False),
        ("duration(self.a) > duration('1s')", {"a": "2s"}, True),
        ("self.a == 'x'", {}, False),  # evaluating it fails, which is no success
    ],
)
def test_a_rule_holds_or_is_named_with_its_field(rule: str, spec: dict[str, Any], holds: bool) -> None:
    found = broken(ruled(rule), {"spec": spec})
    assert bool(found) is not holds
    assert all(field == "spec" and rule in said for field, said in found)


def test_messages_and_fields_are_the_definitions_own() -> None:
    rule = ruled("false", message="never", fieldPath=".a", reason="FieldValueForbidden")
    [cause] = rule_findings(compile_node(rule), {"spec": {}}, None)
    assert (cause.field, cause.message, cause.reason) == ("spec.a", "Invalid value: never", "FieldValueForbidden")
    assert broken(ruled("false", messageExpression="'a is ' + self.a"), {"spec": {"a": "x"}}) == [
        ("spec", "Invalid value: a is x")
    ]


def test_rules_about_before_count_on_updates_only() -> None:
    schema = ruled("self.a == oldSelf.a", message="a is final")
    assert broken(schema, {"spec": {"a": "x"}}) == []
    assert broken(schema, {"spec": {"a": "x"}}, {}) == []
    assert broken(schema, {"spec": {"a": "x"}}, {"spec": {"a": "x"}}) == []
    assert broken(schema, {"spec": {"a": "y"}}, {"spec": {"a": "x"}}) == [("spec", "Invalid value: a is final")]


def test_items_are_compared_by_their_keys() -> None:
    item: dict[str, Any] = {"type": "object", "properties": {"name": TEXT, "a": TEXT}}
    item["x-kubernetes-validations"] = [{"rule": "self.a == oldSelf.a"}]
    listed = {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"], "items": item}
    schema = {"type": "object", "properties": {"parts": listed}}
    one, two = {"name": "one", "a": "1"}, {"name": "two", "a": "2"}
    assert broken(schema, {"parts": [two, one]}, {"parts": [one]}) == []
    [(field, _)] = broken(schema, {"parts": [two, {**one, "a": "3"}]}, {"parts": [one]})
    assert field == "parts[1]"


def test_what_cannot_be_evaluated_is_refused_with_a_way_out() -> None:
    with pytest.raises(ApiError, match="--cluster kind") as refused:
        broken(ruled("quantity(self.a).isGreaterThan(quantity('1'))"), {"spec": {"a": "2"}})
    assert (refused.value.code, "spec" in refused.value.message) == (501, True)


def test_a_rule_that_is_none_is_found_in_the_definition() -> None:
    [cause] = syntax_findings(ruled("self.a =="), "schema")
    assert cause.field == "schema.properties.spec.x-kubernetes-validations[0].rule"
    assert not list(syntax_findings(ruled("self.a == ''"), "schema"))
