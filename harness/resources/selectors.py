"""Label selectors as Linkerd's policies read them (§3.6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from harness.resources.document import Node

_OPERATORS: Final = ("In", "NotIn", "Exists", "DoesNotExist")


@dataclass(frozen=True, slots=True)
class LabelExpression:
    """One entry of `matchExpressions`.

    values  None if not written
    """

    key: str
    operator: str
    values: frozenset[str] | None = None

    def matches(self, labels: Mapping[str, str]) -> bool:
        """True if the labels satisfy it; `NotIn` is also satisfied by labels without the key.

        `In` and `NotIn` without values, and the other two with values, match nothing: Linkerd's schema admits what
        Kubernetes would refuse.
        """
        match self.operator:
            case "In":
                return self.values is not None and labels.get(self.key) in self.values
            case "NotIn":
                return self.values is not None and labels.get(self.key) not in self.values
            case "Exists":
                return self.values is None and self.key in labels
            case _:
                return self.values is None and self.key not in labels


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """All labels and all expressions must fit; an empty selector fits everything."""

    match_labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    expressions: tuple[LabelExpression, ...] = ()

    @property
    def selects_all(self) -> bool:
        """True if nothing is asked for."""
        return not self.match_labels and not self.expressions

    def matches(self, labels: Mapping[str, str]) -> bool:
        """True if an object with these labels is selected."""
        has_labels = all(labels.get(key) == value for key, value in self.match_labels.items())
        return has_labels and all(expression.matches(labels) for expression in self.expressions)


def parse_label_selector(node: Node) -> LabelSelector:
    """The selector that this object is."""
    return LabelSelector(
        match_labels=node.child("matchLabels").text_map(),
        expressions=tuple(_parse_expression(item) for item in node.items("matchExpressions")),
    )


def _parse_expression(node: Node) -> LabelExpression:
    return LabelExpression(
        key=node.text("key", required=True),
        operator=node.choice("operator", _OPERATORS, "", required=True),
        values=frozenset(node.texts("values")) if node.has("values") else None,
    )
