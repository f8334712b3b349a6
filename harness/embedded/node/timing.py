"""How long the node waits for what: a kubelet's numbers, and a few quicker ones where Kubernetes leaves the choice."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """All durations in seconds.

    second        the length of one second of a manifest (period, initial delay, grace); tests shorten it
    backoff       wait before the second restart in a row; the first comes at once; doubles up to `backoff_max`
    backoff_reset a container that ran this long starts from the beginning (a kubelet: twice the maximum)
    eager_*       a container that was never ready is probed more often than its period says, as Kubernetes allows:
                  every `eager_first` seconds until its age is `eager_first_until`, then every `eager_then` seconds
                  until `eager_then_until`
    shutdown      grace of pods when the whole cluster ends
    forced        grace of a pod that was deleted with grace 0
    """

    second: float = 1.0
    backoff: float = 10.0
    backoff_max: float = 300.0
    backoff_reset: float = 600.0
    eager_first: float = 0.05
    eager_first_until: float = 2.0
    eager_then: float = 0.25
    eager_then_until: float = 60.0
    shutdown: float = 1.0
    forced: float = 1.0

    def eager_interval(self, age: float) -> float:
        """Seconds to the next attempt for a container of this age that was never ready; inf: only its period counts."""
        if age < self.eager_first_until:
            return self.eager_first
        return self.eager_then if age < self.eager_then_until else float("inf")


class Backoff:
    """Waits between the restarts of one container, or between the pulls of one image."""

    def __init__(self, timing: Timing, *, first_at_once: bool = True) -> None:
        self._timing = timing
        self._first_at_once = first_at_once
        self._failures = 0

    def failed(self, ran_seconds: float = 0.0) -> float:
        """Seconds to wait after one more failure of something that ran this long."""
        if ran_seconds >= self._timing.backoff_reset:
            self._failures = 0
        doublings = self._failures - (1 if self._first_at_once else 0)
        self._failures += 1
        if doublings < 0:
            return 0.0
        # 2**20 is far beyond any maximum; the bound keeps the number small after weeks of failing
        return float(min(self._timing.backoff * 2 ** min(doublings, 20), self._timing.backoff_max))
