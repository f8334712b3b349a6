"""Label and field selectors, as query strings and as metav1.LabelSelector objects."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from harness.embedded.apiserver.errors import bad_request
from harness.embedded.apiserver.kinds import Kind
from harness.embedded.apiserver.objects import Obj, dig

Match = Callable[[Obj], bool]
Labels = Mapping[str, str]
_Requirement = Callable[[Labels], bool]

_KEY = r"[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?"
_VALUE = r"[A-Za-z0-9._-]*"
_SET = re.compile(rf"^(?P<key>{_KEY})\s+(?P<op>in|notin)\s*\((?P<values>[^()]*)\)$")
_EQUAL = re.compile(rf"^(?P<key>{_KEY})\s*(?P<op>==|!=|=)\s*(?P<value>{_VALUE})$")
_EXISTS = re.compile(rf"^(?P<not>!?)\s*(?P<key>{_KEY})$")
_FIELD = re.compile(r"^(?P<path>[^!=]+)(?P<op>==|!=|=)(?P<value>.*)$")
_COMMA = re.compile(r",(?![^(]*\))")


def object_matcher(kind: Kind, labels: str, fields: str) -> Match | None:
    """A test for objects of `kind` from the two query parameters; None if both are empty.

    raises  ApiError 400 for a selector that cannot be parsed or a field this kind cannot be selected by
    """
    if not labels and not fields:
        return None
    by_label = parse_labels(labels)
    by_field = parse_fields(kind, fields)
    if not labels:
        return by_field
    return lambda obj: by_label(obj["metadata"].get("labels") or {}) and by_field(obj)


def parse_labels(text: str) -> Callable[[Labels], bool]:
    """A test for label maps from `a=b,c!=d,e in (f,g),h,!i`."""
    requirements = [_requirement(part.strip(), text) for part in _COMMA.split(text) if part.strip()]
    return lambda labels: all(holds(labels) for holds in requirements)


def _requirement(part: str, text: str) -> _Requirement:
    if found := _SET.match(part):
        values = frozenset(value.strip() for value in found["values"].split(","))
        return _is_in(found["key"], values, wanted=found["op"] == "in")
    if found := _EQUAL.match(part):
        return _is_in(found["key"], frozenset([found["value"]]), wanted=found["op"] != "!=")
    if found := _EXISTS.match(part):
        return _exists(found["key"], wanted=not found["not"])
    raise bad_request(f"unable to parse requirement: {part!r} in label selector {text!r}")


def _is_in(key: str, values: frozenset[str], *, wanted: bool) -> _Requirement:
    # `!=` and `notin` also match objects that lack the label.
    return lambda labels: (key in labels and labels[key] in values) == wanted


def _exists(key: str, *, wanted: bool) -> _Requirement:
    return lambda labels: (key in labels) == wanted


def parse_fields(kind: Kind, text: str) -> Match:
    """A test for objects from `metadata.name=x,status.phase!=Running`."""
    requirements = [_field_requirement(kind, part) for part in text.split(",") if part]
    return lambda obj: all(holds(obj) for holds in requirements)


def _field_requirement(kind: Kind, part: str) -> Match:
    found = _FIELD.match(part)
    if found is None:
        raise bad_request(f"invalid field selector: {part!r}; use field=value or field!=value")
    path = found["path"].strip()
    if path not in ("metadata.name", "metadata.namespace", *kind.fields):
        raise bad_request(f'field label not supported: "{path}"')
    steps, wanted, value = path.split("."), found["op"] != "!=", found["value"]
    return lambda obj: (_text(dig(obj, *steps)) == value) == wanted


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def matches_selector(selector: Mapping[str, Any] | None, labels: Labels) -> bool:
    """A metav1.LabelSelector matches these labels; an empty one matches all, None matches nothing."""
    if selector is None:
        return False
    wanted: Mapping[str, str] = selector.get("matchLabels") or {}
    expressions: Iterable[Mapping[str, Any]] = selector.get("matchExpressions") or ()
    return matches_labels(wanted, labels) and all(_matches_expression(entry, labels) for entry in expressions)


def matches_labels(wanted: Labels, labels: Labels) -> bool:
    """All of `wanted` are among `labels`."""
    return all(labels.get(key) == value for key, value in wanted.items())


def _matches_expression(entry: Mapping[str, Any], labels: Labels) -> bool:
    key, values = entry["key"], frozenset(entry.get("values") or ())
    match entry["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
    return key not in labels


def selector_text(selector: Mapping[str, Any] | None) -> str:
    """A metav1.LabelSelector in the notation of query parameters, as the scale subresource shows it."""
    if not selector:
        return ""
    parts = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for entry in selector.get("matchExpressions") or ():
        values = ",".join(sorted(entry.get("values") or ()))
        forms = {"In": f"{entry['key']} in ({values})", "NotIn": f"{entry['key']} notin ({values})"}
        forms |= {"Exists": entry["key"], "DoesNotExist": f"!{entry['key']}"}
        parts.append(forms[entry["operator"]])
    return ",".join(parts)
