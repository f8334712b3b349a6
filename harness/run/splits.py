"""A split that responses show themselves, by a text in their body or by a header, counted one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from harness.scenario.split import Split
from harness.traffic.outcome import Outcome
from harness.verdict.claims import ErrorBounds
from harness.verdict.independence import Clusters
from harness.verdict.judgement import Cause, Judgement, Verdict
from harness.verdict.share import ShareJudge
from harness.verdict.split import SplitJudge

NO_PART = "something else"
SEVERAL_PARTS = "several parts at once"


class SplitCounting:
    """A split that responses show themselves, counted one by one."""

    counts_lost = False

    def __init__(self, claim: Split, bounds: ErrorBounds, *, drawn_once: bool = False) -> None:
        self._claim = claim
        self._clusters = {name: Clusters(drawn_once=drawn_once) for name in claim.shares}
        asked = {name: clusters.design_effect for name, clusters in self._clusters.items()}
        self._judge = SplitJudge(claim.shares, claim.resolution, bounds, clustering=asked)
        self.limit = self._judge.max_n

    @property
    def verdict(self) -> Verdict | None:
        return self._judge.verdict

    @property
    def alpha(self) -> float:
        return self._judge.alpha

    def feed(self, outcomes: Sequence[Outcome]) -> None:
        parts = [self._part(outcome) for outcome in outcomes]
        for outcome, part in zip(outcomes, parts, strict=True):
            for name, clusters in self._clusters.items():
                clusters.add(part == name, outcome.connection)
        self._judge.add(Counter(parts))

    def finish(self, cause: Cause) -> None:
        self._judge.finish(cause)

    def judgement(self, requests: int) -> Judgement:
        return self._judge.judgement(f"responses by {_told_by(self._claim)}", requests=requests)

    def progress(self) -> str:
        return self._judge.progress()

    def warning(self) -> str | None:
        return next(filter(None, (clusters.warning() for clusters in self._clusters.values())), None)

    def decisive(self) -> ShareJudge:
        return self._judge.decisive()

    def _part(self, outcome: Outcome) -> str:
        """The part a response belongs to; one that fits two is as wrong as one that fits none."""
        if (name := self._claim.header_name) is not None:
            value = {key.lower(): text for key, text in outcome.headers.items()}.get(name.lower())
            return value if value is not None else f"no {name}"
        fitting = [text for text in self._claim.shares if text in outcome.body_start]
        if len(fitting) > 1:
            return SEVERAL_PARTS
        return fitting[0] if fitting else NO_PART


def _told_by(claim: Split) -> str:
    return f"header {claim.header_name}" if claim.header_name else "what their body has"
