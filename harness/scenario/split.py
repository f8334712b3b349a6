"""The claim `split`: how responses divide over several backends, all parts at once.

Parts are told apart by one property of a response; what has none of the values named belongs to no part, and a split
leaves nothing over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, ClassVar, Final

from pydantic import Field

from harness.scenario.actions import Text
from harness.scenario.claims import Criteria
from harness.scenario.part import Part, Problem
from harness.scenario.sendable import is_token
from harness.scenario.spelled import shown
from harness.scenario.units import Percent, Points, format_percent, format_points
from harness.scenario.words import KubernetesName

_ROUNDING: Final = 1e-9

_Shares = Annotated[Mapping[Text, Percent], Field(min_length=1)]


class Split(Part):
    """Parts that together are all responses, each with its share, told apart by one property."""

    said: ClassVar[str] = "'split'"
    reasons: ClassVar[Mapping[str, str]] = {"resolution": "say what must be told apart, like resolution: 5pp"}
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "exactly one property to tell the parts by": ("answered-by", "body-has", "header")
    }
    answered_by: Annotated[Mapping[KubernetesName, Percent], Field(min_length=1)] | None = None
    """Shares by the Deployment whose pod answered, as the sender's proxy counts. Only a meshed sender can tell."""
    body_has: _Shares | None = None
    """Shares by a text in the body."""
    header: Annotated[Mapping[Text, _Shares], Field(min_length=1)] | None = None
    """Shares by the value of one response header; its name in any case."""
    resolution: Points
    """Shares this far from the claimed ones must be told apart from them, in every part."""

    @property
    def shares(self) -> Mapping[str, float]:
        """The claimed shares as fractions of 1, by the value that tells the part."""
        if self.header is not None:
            return next(iter(self.header.values()))
        shares = self.answered_by or self.body_has
        assert shares is not None, "key_problems lets no split without a property through"
        return shares

    @property
    def header_name(self) -> str | None:
        """The header that tells the parts apart; None if something else does."""
        return next(iter(self.header)) if self.header is not None else None

    @property
    def looked_at(self) -> Criteria:
        """What must be known of each response, with values of no meaning."""
        name = self.header_name
        return Criteria.model_construct(
            header=None if name is None else {name: ""}, body_has=next(iter(self.body_has)) if self.body_has else None
        )

    def value_problems(self) -> Iterable[Problem]:
        if self.header is not None and len(self.header) > 1:
            yield "header", f"the parts are told by one header, not by {len(self.header)}"
            return
        if self.header_name is not None and not is_token(self.header_name):
            yield ("header", self.header_name), f"{shown(self.header_name)} is not the name of a header"
        key = "answered-by" if self.answered_by else "header" if self.header else "body-has"
        if len(self.shares) == 1:
            yield key, "a split has two parts or more; for one write a share"
            return
        if abs((whole := sum(self.shares.values())) - 1) > _ROUNDING:
            yield key, f"the parts add up to {format_percent(whole)}, not to 100%; a split leaves nothing over"
        smallest = min(min(share, 1 - share) for share in self.shares.values())
        if smallest <= _ROUNDING:
            yield key, "a part of 0% or 100% is no part; leave it out, for nothing else is let through"
        elif self.resolution > smallest + _ROUNDING:
            reach = f"{format_points(self.resolution)} around {format_percent(smallest)} lead out of 0%..100%"
            yield "resolution", f"{reach}; the largest resolution here is {format_points(smallest)}"
