"""Whether one running container has started, is ready and is alive, from the outcomes of its probes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass

from harness.embedded.node.probes import Attempt, Kind, Probe, Prober, attempts
from harness.embedded.node.timing import Timing


@dataclass(slots=True)
class Threshold:
    """Turns outcomes into a standing: it changes after enough outcomes of one kind in a row."""

    success: int
    failure: int
    holds: bool
    _run: int = 0
    _last: bool | None = None

    def feed(self, attempt: Attempt) -> bool:
        """The standing after one more outcome; a failure that was not due leaves everything as it is."""
        if not attempt.ok and not attempt.counted:
            return self.holds
        self._run = self._run + 1 if attempt.ok == self._last else 1
        self._last = attempt.ok
        if self._run >= (self.success if attempt.ok else self.failure):
            self.holds = attempt.ok
        return self.holds


class Health:
    """The standing of one run of a container; `run` keeps it current.

    changed    called when `started` or `ready` changed
    unhealthy  called with the probe and the message for each failure that counts
    """

    def __init__(
        self,
        probes: Mapping[Kind, Probe],
        prober: Prober,
        timing: Timing,
        *,
        changed: Callable[[], None],
        unhealthy: Callable[[Probe, str], None],
    ) -> None:
        self.started = "startup" not in probes
        self.ready = self.started and "readiness" not in probes
        self._probes = probes
        self._prober = prober
        self._timing = timing
        self._changed = changed
        self._unhealthy = unhealthy

    async def run(self) -> Probe:
        """Return the startup or liveness probe that has failed for good; never returns while the container lives.

        The other probes begin once the startup probe has succeeded.
        """
        startup = self._probes.get("startup")
        if startup:
            if not await self._has_started(startup):
                return startup
            self.started = True
            self.ready = "readiness" not in self._probes
            self._changed()
        async with asyncio.TaskGroup() as both:
            readiness = both.create_task(self._follow_readiness())
            dead = await self._follow_liveness()
            readiness.cancel()
        return dead

    async def _has_started(self, probe: Probe) -> bool:
        threshold = Threshold(probe.success_threshold, probe.failure_threshold, holds=False)
        failures = 0
        async with aclosing(attempts(probe, self._prober, self._timing, lambda: True)) as outcomes:
            async for attempt in outcomes:
                self._report(probe, attempt)
                if threshold.feed(attempt):
                    return True
                failures = failures + 1 if attempt.counted else failures
                if failures >= probe.failure_threshold:
                    return False
        raise AssertionError("attempts are endless")

    async def _follow_readiness(self) -> None:
        probe = self._probes.get("readiness")
        if not probe:
            return
        threshold = Threshold(probe.success_threshold, probe.failure_threshold, holds=False)
        never_ready = True
        async with aclosing(attempts(probe, self._prober, self._timing, lambda: never_ready)) as outcomes:
            async for attempt in outcomes:
                self._report(probe, attempt)
                if threshold.feed(attempt) != self.ready:
                    self.ready = threshold.holds
                    never_ready = False
                    self._changed()

    async def _follow_liveness(self) -> Probe:
        probe = self._probes.get("liveness")
        if not probe:
            never: asyncio.Future[Probe] = asyncio.get_running_loop().create_future()
            return await never  # only the end of the container ends this
        threshold = Threshold(probe.success_threshold, probe.failure_threshold, holds=True)
        async with aclosing(attempts(probe, self._prober, self._timing, lambda: False)) as outcomes:
            async for attempt in outcomes:
                self._report(probe, attempt)
                if not threshold.feed(attempt):
                    return probe
        raise AssertionError("attempts are endless")

    def _report(self, probe: Probe, attempt: Attempt) -> None:
        if not attempt.ok and attempt.counted:
            self._unhealthy(probe, attempt.message)
