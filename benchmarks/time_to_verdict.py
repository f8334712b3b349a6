"""Where the time of scenarios goes, what they cost in memory, and how many requests a verdict needs.

    uv run python benchmarks/time_to_verdict.py [--runs N] [--cluster PROFILE] [PATH...]

Without a path it is the main job; of a folder all scenarios share one cluster, as in `just tutorial`.

Prints the median of each phase over the runs, the peak memory (proportional set size, so shared pages count once) and
number of processes, and for each share claim the requests used against those that a fixed-size exact binomial test
with the same error bounds needs: that test is the named baseline, computed in the same run.
"""

from __future__ import annotations

import argparse
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from harness.run import events as ev
from harness.run.counting import share_of
from harness.run.runner import run_paths
from harness.scenario.claims import Share
from harness.scenario.expectations import Metrics
from harness.scenario.loading import load_all
from harness.verdict.claims import ErrorBounds
from harness.verdict.fixed import fixed_size

DEFAULT = (Path("scenarios/tutorial/fault-injection.yaml"),)
SAMPLE_SECONDS = 0.5


@dataclass
class Measured:
    """Figures of one run.

    phases    seconds by phase, in order
    requests  by scenario and expectation
    """

    phases: dict[str, float] = field(default_factory=dict)
    requests: dict[tuple[str, str], int] = field(default_factory=dict)
    total_seconds: float = 0.0
    peak_mb: float = 0.0
    peak_processes: int = 0
    _scenario: str = ""
    _settled: int = 0

    def __call__(self, event: ev.Event) -> None:
        """Take what an event says about time and requests."""
        match event:
            case ev.ClusterReady(_, seconds):
                self.phases["cluster up"] = seconds
            case ev.AppReady(name, seconds):
                self.phases[f"{name} ready"] = seconds
            case ev.ScenarioStarted(name):
                self._scenario, self._settled = name, 0
            case ev.StepSettled(seconds, _):
                self._settled += 1
                self.phases[f"{self._scenario}: settle {self._settled}"] = seconds
            case ev.ExpectationJudged(result):
                self.phases[f"{self._scenario}: {result.name}"] = result.seconds
                self.requests[self._scenario, result.name] = result.requests
            case ev.ScenarioFinished(report):
                self.phases[f"{report.name}: in all"] = report.seconds
            case ev.RunFinished(_, seconds, _, phases):
                self.total_seconds = seconds
                self.phases["teardown"] = dict(phases)["teardown"]


class Sampler(threading.Thread):
    """Watches memory and number of this process and all its descendants."""

    def __init__(self, measured: Measured) -> None:
        super().__init__(daemon=True)
        self._measured = measured
        self.done = threading.Event()

    def run(self) -> None:
        """Sample until done."""
        while not self.done.wait(SAMPLE_SECONDS):
            me = psutil.Process()
            memory, count = 0, 0
            for process in [me, *me.children(recursive=True)]:
                try:
                    memory += process.memory_full_info().pss
                    count += 1
                except psutil.NoSuchProcess:
                    continue
            self._measured.peak_mb = max(self._measured.peak_mb, memory / 1e6)
            self._measured.peak_processes = max(self._measured.peak_processes, count)


def measure(paths: Sequence[Path], profile: str) -> Measured:
    """One whole run."""
    measured = Measured()
    sampler = Sampler(measured)
    sampler.start()
    try:
        code = run_paths(paths, profile, measured)
    finally:
        sampler.done.set()
        sampler.join()
    if code:
        raise SystemExit(f"not everything held (exit code {code}); the times would mean nothing")
    return measured


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("paths", nargs="*", type=Path, default=DEFAULT, metavar="PATH")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--cluster", default="embedded", metavar="PROFILE")
    arguments = parser.parse_args()
    begin = time.perf_counter()
    runs = [measure(arguments.paths, arguments.cluster) for _ in range(arguments.runs)]
    _print_times(runs)
    _print_requests(runs, arguments.paths)
    print(f"\n{arguments.runs} runs in {time.perf_counter() - begin:.1f} s")


def _print_times(runs: list[Measured]) -> None:
    phases: dict[str, list[float]] = defaultdict(list)
    for run in runs:
        for name, seconds in run.phases.items():
            phases[name].append(seconds)
    print(f"{'phase':<70} {'min':>8} {'median':>8} {'max':>8}   seconds")
    for name, took in phases.items():
        print(f"{name:<70} {min(took):8.2f} {statistics.median(took):8.2f} {max(took):8.2f}")
    totals = [run.total_seconds for run in runs]
    print(f"{'all':<70} {min(totals):8.2f} {statistics.median(totals):8.2f} {max(totals):8.2f}")
    print(
        f"\npeak memory {max(run.peak_mb for run in runs):.0f} MB (PSS), "
        f"{max(run.peak_processes for run in runs)} processes"
    )


def _print_requests(runs: list[Measured], paths: Sequence[Path]) -> None:
    print(f"\n{'requests until the verdict':<70} {'used':>8} {'fixed-size exact test':>22} {'ratio':>7}")
    for scenario in (loaded.scenario for loaded in load_all(paths)):
        for _, expectation in scenario.expectations():
            claim, key = scenario.claim_of(expectation), (scenario.name, expectation.expect)
            of_responses = not isinstance(scenario.source_of(expectation), Metrics) and expectation.about is None
            if not isinstance(claim, Share) or not of_responses or key not in runs[0].requests:
                continue
            fixed = fixed_size(share_of(claim), ErrorBounds())
            used = statistics.median(run.requests[key] for run in runs)
            print(f"{': '.join(key):<70} {used:8.0f} {fixed:22d} {used / fixed:7.2f}")


if __name__ == "__main__":
    main()
