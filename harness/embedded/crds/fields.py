"""Words for structural schemas: each function answers a fresh schema of one field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

Schema = dict[str, Any]

_LABEL: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN: Final = rf"{_LABEL}(\.{_LABEL})*"
_TOKEN: Final = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"


def text(low: int = 0, high: int = 0, pattern: str = "", default: str | None = None) -> Schema:
    """A string; 0 and "" leave a limit out."""
    limits = {"minLength": low, "maxLength": high, "pattern": pattern}
    return {"type": "string"} | {word: limit for word, limit in limits.items() if limit} | _default(default)


def choice(*words: str, default: str | None = None) -> Schema:
    """One of the words."""
    return {"type": "string", "enum": list(words)} | _default(default)


def integer(low: int, high: int | None = None, *, bits: int = 32, default: int | None = None) -> Schema:
    """An integer of a closed range."""
    upper = {} if high is None else {"maximum": high}
    return {"type": "integer", "format": f"int{bits}", "minimum": low} | upper | _default(default)


def array(items: Schema, high: int, *, low: int = 0, default: list[Any] | None = None) -> Schema:
    """A list that is replaced as a whole."""
    lower = {"minItems": low} if low else {}
    return {"type": "array", "maxItems": high, "items": items} | lower | _default(default)


def keyed(key: str, items: Schema, high: int, *, low: int = 0) -> Schema:
    """A list in which no two items have the same `key`."""
    marks = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}
    return array(items, high, low=low) | marks


def distinct(items: Schema, high: int) -> Schema:
    """A list of scalars without repetition."""
    return array(items, high) | {"x-kubernetes-list-type": "set"}


def obj(fields: dict[str, Schema], required: Sequence[str] = (), default: Any = None) -> Schema:
    """An object with just these fields."""
    needed = {"required": list(required)} if required else {}
    return {"type": "object", "properties": fields} | needed | _default(default)


def group(default: str | None = None) -> Schema:
    """An API group; "" is the core group."""
    return text(high=253, pattern=f"^$|^{_SUBDOMAIN}$", default=default)


def kind(default: str | None = None) -> Schema:
    """A kind of object."""
    return text(1, 63, "^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$", default)


def name() -> Schema:
    """The name of an object."""
    return text(1, 253)


def namespace() -> Schema:
    """The name of a namespace."""
    return text(1, 63, f"^{_LABEL}$")


def section_name() -> Schema:
    """The name of a part of an object."""
    return text(1, 253, f"^{_SUBDOMAIN}$")


def port() -> Schema:
    """A port number."""
    return integer(1, 65535)


def hostname(*, wildcard: bool) -> Schema:
    """A DNS name in lower case, with `*.` in front if that is allowed."""
    return text(1, 253, rf"^(\*\.)?{_SUBDOMAIN}$" if wildcard else f"^{_SUBDOMAIN}$")


def header_name() -> Schema:
    """A header name, an RFC 9110 token."""
    return text(1, 256, _TOKEN)


def header_value() -> Schema:
    """A header value, never empty."""
    return text(1, 4096)


def condition() -> Schema:
    """metav1.Condition."""
    return obj(
        {
            "type": text(high=316, pattern=rf"^({_SUBDOMAIN}/)?([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$"),
            "status": choice("True", "False", "Unknown"),
            "reason": text(1, 1024, "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"),
            "message": text(high=32768),
            "observedGeneration": integer(0, bits=64),
            "lastTransitionTime": {"type": "string", "format": "date-time"},
        },
        required=("lastTransitionTime", "message", "reason", "status", "type"),
    )


def controller_name() -> Schema:
    """A domain and a path, such as linkerd.io/policy-controller."""
    return text(1, 253, rf"^{_SUBDOMAIN}/[-A-Za-z0-9/._~%!$&'()*+,;=:]+$")


def _default(value: Any) -> Schema:
    return {} if value is None else {"default": value}
