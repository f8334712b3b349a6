"""Rules of custom kinds (x-kubernetes-validations), in the Common Expression Language.

The engine is loaded when the first rule is evaluated: most clusters have none.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from ipaddress import ip_address
from typing import Any

from harness.embedded.apiserver.costs import BUDGET, LONGEST_RULE, Size, handing_over, size_of, steps
from harness.embedded.apiserver.errors import ELSEWHERE, ApiError, Cause
from harness.embedded.apiserver.fieldsets import item_step
from harness.embedded.apiserver.schema import Node
from harness.embedded.apiserver.validation import is_cidr

_ABSENT = object()
_FAILURES = (RuntimeError, LookupError, ArithmeticError, TypeError, ValueError)
"""What the engine raises for a rule that does not fit its object."""


@dataclass(frozen=True, slots=True)
class Place:
    """A value that has rules, what it was before, and where it is."""

    node: Node
    value: Any
    old: Any
    path: str


def syntax_findings(schema: Any, path: str) -> Iterator[Cause]:
    """What is wrong with the rules of a structural schema itself."""
    if isinstance(schema, list):
        for index, child in enumerate(schema):
            yield from syntax_findings(child, f"{path}[{index}]")
    elif isinstance(schema, Mapping):
        rules = schema.get("x-kubernetes-validations")  # or a property of that name, which is no list
        for index, rule in enumerate(rules if isinstance(rules, list) else ()):
            yield from _expression_findings(rule, f"{path}.x-kubernetes-validations[{index}]")
        for name, child in schema.items():
            yield from syntax_findings(child, f"{path}.{name}" if path else str(name))


def _expression_findings(rule: Mapping[str, Any], path: str) -> Iterator[Cause]:
    for word in ("rule", "messageExpression"):
        expression = str(rule.get(word) or "")
        if word == "rule" or expression:
            try:
                _program(expression)
            except ValueError as error:
                said = f"Invalid value: {expression[:200]!r}: compilation failed: {error}"
                yield Cause("FieldValueInvalid", said, f"{path}.{word}")


def rule_findings(node: Node, obj: Any, old: Any) -> list[Cause]:
    """Every rule that an object breaks; rules about `oldSelf` only count where there was something before.

    raises  ApiError 501 for a rule that uses what the engine here does not know
    """
    causes: list[Cause] = []
    purse = _Purse()
    for place in _places(node, obj, old, ""):
        size = size_of(place.value, place.old)
        rule = place.node.rules[0]
        try:
            purse.pay(handing_over(size))
            evaluation = _Evaluation(_context(place), size, purse)
            for rule in place.node.rules:
                causes += _broken(place, rule, evaluation)
        except _TooMuchWork:
            return [*causes, _too_much_work(place, rule)]
    return causes


class _TooMuchWork(Exception):
    """What is to be evaluated may cost more than the budget has left."""


@dataclass(slots=True)
class _Purse:
    """What is left of the budget of one write."""

    left: int = BUDGET

    def pay(self, steps: int) -> None:
        if steps > self.left:
            raise _TooMuchWork
        self.left -= steps


@dataclass(frozen=True, slots=True)
class _Evaluation:
    """Evaluates expressions on one place; all of them are paid for."""

    context: Any
    size: Size
    purse: _Purse

    def value(self, expression: str) -> Any:
        """What the expression says of the place; raises _TooMuchWork before it begins, and what the engine raises."""
        self.purse.pay(steps(expression, self.size))
        return _program(expression).execute(self.context)


def _places(node: Node, value: Any, old: Any, path: str) -> Iterator[Place]:
    if not node.has_rules or value is None:
        return
    if node.rules:
        yield Place(node, value, old, path)
    if isinstance(value, dict):
        fields = old if isinstance(old, dict) else {}
        for name, child in value.items():
            if (below := node.child(name)) is not None:
                yield from _places(below, child, fields.get(name, _ABSENT), f"{path}.{name}" if path else name)
    elif isinstance(value, list) and node.items is not None:
        # Items of a list-map are the same ones by their keys; those of other lists have no before.
        earlier = old if isinstance(old, list) and node.identity else []
        known = {item_step(node, item): item for item in earlier}
        for index, item in enumerate(value):
            before = known.get(item_step(node, item), _ABSENT) if known else _ABSENT
            yield from _places(node.items, item, before, f"{path}[{index}]")


def _broken(place: Place, rule: Mapping[str, Any], evaluation: _Evaluation) -> Iterator[Cause]:
    expression = str(rule["rule"])
    if "oldSelf" in _program(expression).variables() and place.old is _ABSENT:
        return
    try:
        why = "" if evaluation.value(expression) is True else _message(rule, evaluation)
    except _FAILURES as error:
        if isinstance(error, RuntimeError) and "ndefined" in str(error):
            raise _not_evaluated(place.path, expression, error) from None
        why = f"rule evaluation error: {error}: evaluating rule: {expression}"
    if why:
        field = place.path + str(rule.get("fieldPath") or "")
        yield Cause(str(rule.get("reason") or "FieldValueInvalid"), f"Invalid value: {why}", field.lstrip("."))


def _message(rule: Mapping[str, Any], evaluation: _Evaluation) -> str:
    said: object = None
    expression = str(rule.get("messageExpression") or "")
    if expression:
        with suppress(_TooMuchWork, *_FAILURES):  # the rule's plain message is there for this
            said = evaluation.value(expression)
    return said if isinstance(said, str) and said else str(rule.get("message") or f"failed rule: {rule['rule']}")


def _too_much_work(place: Place, rule: Mapping[str, Any]) -> Cause:
    said = (
        f"Forbidden: the rules may take more than {BUDGET} steps on this object, no further ones are evaluated; "
        f"shorten its lists, or bound them by maxItems: evaluating rule: {rule['rule']}"
    )
    return Cause("FieldValueForbidden", said, place.path)


def _not_evaluated(path: str, expression: str, error: Exception) -> ApiError:
    said = f"{path}: the embedded cluster cannot evaluate the rule {expression!r} ({error})"
    return ApiError(501, "NotImplemented", f"{said}; {ELSEWHERE}")


@cache
def _engine() -> Any:
    """The extension module alone: its package brings a command line along, for 20 MB."""
    name = "cel.cel"
    if name not in sys.modules:
        package = find_spec("cel")
        spec = PathFinder.find_spec(name, package.submodule_search_locations) if package else None
        if spec is None or spec.loader is None:
            raise RuntimeError("common-expression-language is not installed: pip install 'signalbox[embedded]'")
        sys.modules[name] = module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@cache
def _program(expression: str) -> Any:
    if len(expression) > LONGEST_RULE:
        raise ValueError(f"longer than {LONGEST_RULE} characters")
    return _engine().compile(expression)


def _context(place: Place) -> Any:
    variables = {"self": place.value} | ({} if place.old is _ABSENT else {"oldSelf": place.old})
    context = _engine().Context(variables)
    for name, function in _FUNCTIONS.items():
        context.add_function(name, function)
    return context


def _is_ip(text: str) -> bool:
    try:
        return bool(ip_address(text))
    except ValueError:
        return False


def _split(text: str, separator: str) -> Sequence[str]:
    return text.split(separator) if separator else list(text)


def _substring(text: str, start: int, end: int | None = None) -> str:
    return text[start:end]


# What Kubernetes adds to the language and published definitions use.
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "split": _split,
    "substring": _substring,
    "isIP": _is_ip,
    "isCIDR": is_cidr,
    "lowerAscii": str.lower,
    "trim": str.strip,
}
