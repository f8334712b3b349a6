"""Which meshes are meant: `linkerd >= edge-24.7.5`, where the mesh is a family of dialects or one dialect by name.

Linkerd has two rows of releases. Edge releases follow one another; a stable release is an edge release with fixes
picked later, so it stands right behind the edge release that its series was made from and before the next one.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from harness.dialect import DIALECTS, Dialect
from harness.errors import nearest
from harness.scenario.spelled import Spelled, refused, shown, text_like

_Order = tuple[int, ...]

_FAMILIES: Final = ("linkerd", "gateway-api")
_RANGE: Final = re.compile(r"([a-z0-9.-]+)(?: (>=|>|<=|<|==) ([a-z0-9.-]+))?")
_EDGE: Final = re.compile(r"edge-([0-9]{2})\.([0-9]{1,2})\.([0-9]{1,2})")
_STABLE: Final = re.compile(r"stable-(2\.[0-9]{1,2})(?:\.([0-9]{1,2}))?")
_COMPARED: Final[Mapping[str, Callable[[_Order, _Order], bool]]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
    "==": operator.eq,
}
_SERIES_FROM: Final[Mapping[str, _Order]] = {
    "2.13": (23, 4, 1),
    "2.14": (23, 8, 3),
    "2.15": (24, 2, 4),
    "2.16": (24, 8, 2),
    "2.17": (24, 11, 8),
    "2.18": (25, 4, 4),
    "2.19": (25, 10, 7),
    "2.20": (26, 6, 3),
}
"""The edge release that each stable series was made from: tags version-2.15 to version-2.20 of linkerd/linkerd2; for
2.13 and 2.14 the last edge release before their branches left main."""


@dataclass(frozen=True, slots=True)
class MeshRange:
    """Versions of one mesh; written `linkerd`, `linkerd-edge` or `linkerd >= edge-24.7.5`.

    name      a family of dialects, or one dialect
    operator  "" for every version
    """

    name: str
    operator: str = ""
    version: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.name, self.operator, self.version)))

    def covers(self, dialect: Dialect) -> bool:
        """Whether the mesh whose rules these are is one of those meant."""
        if self.name not in (dialect.name, dialect.family):
            return False
        if not self.operator:
            return True
        return _COMPARED[self.operator](release_order(dialect.version), release_order(self.version))


def release_order(version: str) -> _Order:
    """A key that sorts releases of Linkerd of both rows; raises ValueError."""
    if match := _EDGE.fullmatch(version):
        return (*map(int, match.groups()), -1)
    match = _STABLE.fullmatch(version)
    if match is None:
        raise refused(f"{shown(version)} is no release; write one like edge-24.7.5 or stable-2.14.10")
    if match[1] not in _SERIES_FROM:
        known = f"{next(iter(_SERIES_FROM))} to {list(_SERIES_FROM)[-1]}"
        raise refused(f"{shown(version)} cannot be put in order with edge releases; known series are {known}")
    return (*_SERIES_FROM[match[1]], int(match[2] or 0))


def parse_mesh_range(value: Any) -> MeshRange:
    """The versions that `linkerd >= edge-24.7.5` means."""
    match = _RANGE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise refused(f"{shown(value)} names no meshes; write linkerd, or linkerd >= edge-24.7.5")
    name, compared, version = match.group(1), match.group(2) or "", match.group(3) or ""
    known = [*_FAMILIES, *DIALECTS]
    if name not in known:
        raise refused(f"no mesh is called {shown(name)}{nearest(name, known)}")
    if compared:
        release_order(version)
    return MeshRange(name, compared, version)


def gap_is_open(text: str, dialect: Dialect) -> bool:
    """Whether a `known-gap` applies to this mesh, so that its promise must fail there; raises ValueError."""
    return parse_mesh_range(text).covers(dialect)


Meshes = Annotated[
    MeshRange,
    Spelled(parse_mesh_range, str, text_like(_RANGE.pattern, "linkerd >= edge-24.7.5", "linkerd-2.14"), MeshRange),
]
