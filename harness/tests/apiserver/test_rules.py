"""Rules of custom kinds: what a definition says in CEL holds for its objects."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from harness.embedded.apiserver.costs import BUDGET, LONGEST_RULE, size_of, steps
from harness.embedded.apiserver.errors import ELSEWHERE, ApiError
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
        ("1 / size(self.a) == 1", {"a": ""}, False),
        ("self.a.split('/')[1] == 'y'", {"a": "x"}, False),
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
    with pytest.raises(ApiError, match=re.escape(ELSEWHERE)) as refused:
        broken(ruled("quantity(self.a).isGreaterThan(quantity('1'))"), {"spec": {"a": "2"}})
    assert (refused.value.code, "spec" in refused.value.message) == (501, True)


THREE_LOOPS = "self.parts.all(x, self.parts.all(y, self.parts.all(z, x + y + z != '')))"


def listed(rule: str) -> dict[str, Any]:
    parts = {"type": "array", "items": TEXT}
    spec = {"type": "object", "properties": {"parts": parts}, "x-kubernetes-validations": [{"rule": rule}]}
    return {"type": "object", "properties": {"spec": spec}}


def test_a_rule_that_may_take_too_long_is_refused_before_it_is_evaluated() -> None:
    assert broken(listed(THREE_LOOPS), {"spec": {"parts": ["a"] * 30}}) == []
    [(field, said)] = broken(listed(THREE_LOOPS), {"spec": {"parts": ["a"] * 3000}})
    assert field == "spec"
    assert said.startswith(f"Forbidden: the rules may take more than {BUDGET} steps on this object")
    assert THREE_LOOPS in said


def test_all_rules_of_an_object_share_one_budget() -> None:
    each = listed("self.parts.all(x, self.parts.exists(y, y == x))")["properties"]["spec"]
    schema = {"type": "object", "properties": {"many": {"type": "array", "items": each}}}
    parts = {"parts": ["a"] * 300}
    assert broken(schema, {"many": [parts] * 5}) == []
    assert [field for field, _ in broken(schema, {"many": [parts] * 50})] == ["many[9]"]


def test_messages_are_made_within_the_same_budget_and_plain_beyond_it() -> None:
    each = listed("false")["properties"]["spec"]
    made = "self.parts.all(x, self.parts.exists(y, y == x)) ? 'made' : ''"
    each["x-kubernetes-validations"] = [{"rule": "false", "messageExpression": made, "message": "plain"}]
    schema = {"type": "object", "properties": {"many": {"type": "array", "items": each}}}
    said = [message for _, message in broken(schema, {"many": [{"parts": ["a"] * 300}] * 50})]
    assert said == ["Invalid value: made"] * 9 + ["Invalid value: plain"] * 41


@pytest.mark.parametrize(
    ("expression", "of_ten"),
    [
        ("self.size() < 5", 1),
        ("self.all(x, x > 0)", 11),
        ("self.all(x, x > 0) && self.exists(y, y == 1)", 21),
        ("self . all (x, self.exists_one(y, y == (x)))", 11 + 100),
        ("self.all(x, ')))' == '' || self.exists(y, x == y))", 11 + 100),
        ("self.all(x, // isn't it\n self.exists(y, x == y))", 11 + 100),
        ("self.all(x, r'\\' == '' || self.exists(y, x == y && x != 'z'))", 11 + 100),
        ('self.all(x, r"""a"b""" == x || self.exists(y, y == "z"))', 11 + 100),
        ("self.all(x, R'''\\'b''' == x || self.exists(y, y == 'z'))", 11 + 100),
        ("'a.all(x, y)' == self", 1),
    ],
)
def test_macros_within_macros_multiply(expression: str, of_ten: int) -> None:
    assert steps(expression, size_of(list(range(10)))) == of_ten


def within(times: int, what: str) -> str:
    expression = "self"
    for _ in range(times):
        expression = f"[{expression}].map(x, {what})[0]"
    return expression


@pytest.mark.parametrize("value", [["a"], "aaaaaaaaaa"])
@pytest.mark.parametrize("what", ["x + x", "[x, x]", "{'a': x, 'b': x}"])
def test_what_grows_within_what_grew_is_larger_by_both(what: str, value: Any) -> None:
    size = size_of(value)
    assert steps(" + ".join(["self"] * 50), size) < 1000
    assert steps(within(30, what), size) > 2**30


@pytest.mark.parametrize("expression", ["self.map(x, self)", "self.all(x, self.all(y, self == self))"])
def test_what_is_copied_or_compared_for_each_element_counts_as_often(expression: str) -> None:
    assert steps(expression, size_of(list(range(1000)))) > 30 * BUDGET


@pytest.mark.parametrize("expression", ["self.filter(x, true)", "self.map(x, x)"])
def test_gathering_copies_what_was_gathered(expression: str) -> None:
    assert 400_000 < steps(expression, size_of(list(range(1000)))) < 600_000


@pytest.mark.parametrize("expression", ['"""' + "\\" * 4000, "'''" + "\\a" * 2000, '"' * 4000, "(" * 4000, "[" * 4000])
def test_what_is_no_expression_is_read_in_no_time(expression: str) -> None:
    before = time.process_time()
    steps(expression, size_of([1]))
    assert time.process_time() - before < 1


def test_long_texts_count() -> None:
    words = size_of({"a": "x" * 100_000, "b": ["y"] * 10})
    assert steps("self.b.all(x, self.a.contains(x))", words) > 10 * steps("self.b.all(x, true)", words) / 2
    assert steps("self.a.split('').all(x, x == 'x')", size_of({"a": "x" * 5000})) > 5000
    assert steps("self.a.matches('^(a|b)*$')", words) > 10_000


@pytest.mark.parametrize(("word", "other"), [("rule", {}), ("messageExpression", {"rule": "true"})])
def test_expressions_of_endless_length_are_refused_with_their_definition(word: str, other: dict[str, str]) -> None:
    chain = "1" + "+1" * 100_000  # the engine follows it by recursion, and takes the process down
    schema = {"type": "object", "x-kubernetes-validations": [{**other, word: chain}]}
    [cause] = syntax_findings(schema, "schema")
    assert cause.field == f"schema.x-kubernetes-validations[0].{word}"
    assert len(cause.message) < 500
    assert f"longer than {LONGEST_RULE} characters" in cause.message


@pytest.mark.parametrize("expression", ["self.nothing", "1", "''", "['a'].map(x, ['b'].map(y, y))"])
def test_a_message_that_cannot_be_made_gives_way_to_the_plain_one(expression: str) -> None:
    assert broken(ruled("false", messageExpression=expression, message="plain"), {"spec": {}}) == [
        ("spec", "Invalid value: plain")
    ]


def test_a_rule_that_is_none_is_found_in_the_definition() -> None:
    [cause] = syntax_findings(ruled("self.a =="), "schema")
    assert cause.field == "schema.properties.spec.x-kubernetes-validations[0].rule"
    assert not list(syntax_findings(ruled("self.a == ''"), "schema"))
