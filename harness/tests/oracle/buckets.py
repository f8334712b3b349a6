"""How many requests rate limits let pass (§3.28), as far as nobody's clock can be blamed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator

from harness.oracle import Outcome
from harness.tests.dataplane.live import Answer
from harness.tests.oracle.cast import AWAY, HOME
from harness.tests.oracle.cluster import Obj
from harness.tests.oracle.drawn import Asked

_Bucket = tuple[object, ...]
_ACCOUNTS = {(HOME, "webapp"): "webapp", (AWAY, "guest"): "guest"}


class Buckets:
    """The tokens of the limits of a set of manifests, from the moment it is in force.

    Bounds only, because buckets fill up while tests wait for the processor: no answer may be 429 before a bucket has
    been asked for all that it holds, and none may pass that would need more than two full ones and what came since.
    """

    def __init__(self, manifests: list[Obj], now: Callable[[], float] = time.monotonic) -> None:
        limits = [obj for obj in manifests if obj["kind"] == "HTTPLocalRateLimitPolicy"]
        age = lambda obj: (obj["metadata"]["creationTimestamp"], obj["metadata"]["name"])  # noqa: E731
        self._limit = min(limits, key=age, default=None)  # §3.27
        self._now = now
        self._began = now()
        self._asked: Counter[_Bucket] = Counter()
        self._passed: Counter[_Bucket] = Counter()

    def wrong(self, outcome: Outcome, answer: Answer, asked: Asked, reached: int) -> str:
        """Why this answer cannot be right, "" if it can; `reached` is how often the application was asked for it."""
        if outcome.by != "app" or 429 not in outcome.also or self._limit is None:
            return ""
        elapsed, buckets = self._now() - self._began, list(self._buckets(outcome, asked))
        if answer.status == 504:  # cut off somewhere: with its token or without
            self._count(buckets, reached, reached + 1)
            return ""
        if answer.status == 429:
            before = {bucket: self._asked[bucket] + reached for bucket, _ in buckets}
            early = all(before[bucket] < size for bucket, size in buckets)
            self._count(buckets, reached, reached + 1)
            return f"429 after {before} requests" if early else ""
        self._count(buckets, reached, reached)
        full = [bucket for bucket, size in buckets if self._passed[bucket] > size * (2 + elapsed)]
        return f"passed although {full} must be empty" if full else ""

    def _count(self, buckets: list[tuple[_Bucket, int]], passed: int, asked: int) -> None:
        for bucket, _ in buckets:
            self._passed[bucket] += passed
            self._asked[bucket] += asked

    def _buckets(self, outcome: Outcome, asked: Asked) -> Iterator[tuple[_Bucket, int]]:
        """The total first, then an override that the client shares with others, or its own."""
        assert self._limit is not None
        spec, place = self._limit["spec"], (outcome.workload,)
        if "total" in spec:
            yield (*place, "total"), spec["total"]["requestsPerSecond"]
        for number, override in enumerate(spec.get("overrides", ())):
            if asked.sender in {_ACCOUNTS[ref.get("namespace", HOME), ref["name"]] for ref in override["clientRefs"]}:
                yield (*place, "override", number), override["requestsPerSecond"]
                return
        if "identity" in spec:
            yield (*place, asked.sender), spec["identity"]["requestsPerSecond"]
