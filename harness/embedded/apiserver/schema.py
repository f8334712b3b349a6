"""One walk over an object along its schema: drop what is unknown, fill in defaults, find duplicates in list-maps.

A schema is compiled once into `Node`s, from a built-in definition (`definitions.py`) or from the structural schema of
a CustomResourceDefinition; nothing below this module knows which. Types, enums, patterns and the like are checked by
`validation.py` afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from harness.embedded.apiserver.errors import Cause
from harness.embedded.apiserver.objects import Obj

Derive = Callable[[Obj], None]
Resolve = Callable[[str], "Node"]


@dataclass(slots=True, eq=False)
class Node:
    """What the walk and the patches must know about one place of an object.

    type       the Python type a value must have, None if several will do
    values     the node of every value of a map (additionalProperties)
    keeps      unknown fields stay (x-kubernetes-preserve-unknown-fields, or nothing is said about the fields)
    defaults   values of properties that are missing
    derive     fills in what depends on other fields, after the defaults
    identity   server-side apply: fields that tell list items apart; () means a set, None means the list is atomic
    atomic     server-side apply: the object is managed as a whole
    unique     fields that tell list items apart; () means the whole item; None means repetition is allowed
    rules      x-kubernetes-validations of this place; `has_rules` says whether there are any here or below
    merge_key  strategic merge: the field that tells list items apart, "" for lists of scalars
    strategy   strategic merge: any of merge, replace, retainKeys; empty means replace for lists, merge for maps
    """

    type: type | None = None
    properties: dict[str, Node] = field(default_factory=dict)
    values: Node | None = None
    items: Node | None = None
    keeps: bool = False
    nullable: bool = False
    defaults: dict[str, Any] = field(default_factory=dict)
    derive: Derive | None = None
    unique: tuple[str, ...] | None = None
    identity: tuple[str, ...] | None = None
    atomic: bool = False
    rules: tuple[Mapping[str, Any], ...] = ()
    has_rules: bool = False
    merge_key: str = ""
    strategy: frozenset[str] = frozenset()

    def child(self, name: str) -> Node | None:
        """The node of a field or map value, None where the schema says nothing."""
        return self.properties.get(name) or self.values


ANYTHING = Node(keeps=True)
IDENTITY = "x-identity"
"""Our word for what tells list items apart where repetition is not refused: the map keys of built-in lists."""
_TYPES = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}


def compile_node(schema: Mapping[str, Any], resolve: Resolve | None = None) -> Node:
    """The node of a schema and everything below it.

    resolve  answers `$ref`s; only built-in definitions have them
    """
    if resolve is not None and isinstance(schema.get("$ref"), str):
        return resolve(schema["$ref"])
    properties = schema.get("properties") or {}
    values = schema.get("additionalProperties")
    items = schema.get("items")
    node = Node(
        type=_TYPES.get(str(schema.get("type"))),
        properties={name: compile_node(child, resolve) for name, child in properties.items()},
        values=compile_node(values, resolve) if isinstance(values, Mapping) else None,
        items=compile_node(items, resolve) if isinstance(items, Mapping) else None,
        keeps=bool(schema.get("x-kubernetes-preserve-unknown-fields")) or values is True,
        nullable=bool(schema.get("nullable")),
        defaults={name: child["default"] for name, child in properties.items() if "default" in child},
        unique=_unique(schema),
        identity=tuple(schema[IDENTITY]) if IDENTITY in schema else _unique(schema),
        atomic=schema.get("x-kubernetes-map-type") == "atomic",
        merge_key=schema.get("x-kubernetes-patch-merge-key", ""),
        strategy=frozenset(filter(None, schema.get("x-kubernetes-patch-strategy", "").split(","))),
        rules=tuple(schema.get("x-kubernetes-validations") or ()),
    )
    below = (*node.properties.values(), *filter(None, (node.values, node.items)))
    node.has_rules = bool(node.rules) or any(child.has_rules for child in below)
    return node


def _unique(schema: Mapping[str, Any]) -> tuple[str, ...] | None:
    match schema.get("x-kubernetes-list-type"):
        case "map":
            return tuple(schema.get("x-kubernetes-list-map-keys") or ())
        case "set":
            return ()
    return None


@dataclass(slots=True)
class Shaping:
    """What the walk found: paths of unknown fields (already removed) and duplicated list items."""

    unknown: list[str] = field(default_factory=list)
    causes: list[Cause] = field(default_factory=list)


def shape(node: Node, obj: Obj) -> Shaping:
    """Bring `obj` into the shape its schema promises, in place.

    Unknown fields and nulls of fields that are not nullable go; then defaults come. Values of the wrong type are left
    for the validation to report.
    """
    found = Shaping()
    _shape(node, obj, "", found)
    return found


def _shape(node: Node, value: Any, path: str, found: Shaping) -> None:
    if isinstance(value, dict):
        _shape_object(node, value, path, found)
    elif isinstance(value, list) and node.items is not None:
        for index, item in enumerate(value):
            _shape(node.items, item, f"{path}[{index}]", found)
        if node.unique is not None:
            found.causes.extend(_duplicates(value, node.unique, path))


def _shape_object(node: Node, value: Obj, path: str, found: Shaping) -> None:
    prefix = f"{path}." if path else ""
    for name in list(value):
        child = node.child(name)
        if child is None:
            if not node.keeps:
                del value[name]
                found.unknown.append(prefix + name)
        elif value[name] is None and not child.nullable:
            del value[name]
    for name, default in node.defaults.items():
        if name not in value:
            value[name] = orjson.loads(orjson.dumps(default)) if isinstance(default, dict | list) else default
    if node.derive is not None and _is_sound(node, value):
        node.derive(value)
    for name, item in value.items():
        if isinstance(item, dict | list) and (child := node.child(name)) is not None:
            _shape(child, item, prefix + name, found)


def _is_sound(node: Node, value: Obj) -> bool:
    # What derives fields may rely on the types of the fields next to them; validation comes only afterwards.
    for name, item in value.items():
        child = node.child(name)
        if child is not None and child.type is not None and not isinstance(item, child.type):
            return False
    return True


def _duplicates(items: Sequence[Any], keys: tuple[str, ...], path: str) -> list[Cause]:
    causes = []
    seen: set[bytes] = set()
    for index, item in enumerate(items):
        identity = {key: item.get(key) for key in keys} if keys and isinstance(item, dict) else item
        encoded = orjson.dumps(identity, option=orjson.OPT_SORT_KEYS)
        if encoded in seen:
            causes.append(Cause("FieldValueDuplicate", f"Duplicate value: {encoded.decode()}", f"{path}[{index}]"))
        seen.add(encoded)
    return causes
