"""Where the time of the main job goes, what it costs in memory, and how many requests a verdict needs.

    uv run python benchmarks/time_to_verdict.py [--runs N] [SCENARIO]

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
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from harness.run import events as ev
from harness.run.runner import run_paths
from harness.scenario.loading import load_all
from harness.verdict.claims import ErrorBounds, Share
from harness.verdict.fixed import fixed_size

DEFAULT = Path("scenarios/tutorial/fault-injection.yaml")
SAMPLE_SECONDS = 0.5


@dataclass
class Measured:
    """Figures of one run."""

    phases: dict[str, float] = field(default_factory=dict)
    requests: dict[str, int] = field(default_factory=dict)
    total_seconds: float = 0.0
    peak_mb: float = 0.0
    peak_processes: int = 0

    def __call__(self, event: ev.Event) -> None:
        """Take what an event says about time and requests."""
        match event:
            case ev.ClusterReady(_, seconds):
                self.phases["cluster up"] = seconds
            case ev.AppReady(name, seconds):
                self.phases[f"{name} ready"] = seconds
            case ev.StepSettled(seconds, _):
                self.phases[f"settle {sum(p.startswith('settle') for p in self.phases) + 1}"] = seconds
            case ev.ExpectationJudged(result):
                self.phases[f"verdict {result.name}"] = result.seconds
                self.requests[result.name] = result.requests
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


def measure(path: Path) -> Measured:
    """One whole run."""
    measured = Measured()
    sampler = Sampler(measured)
    sampler.start()
    try:
        code = run_paths([path], "embedded", measured)
    finally:
        sampler.done.set()
        sampler.join()
    if code:
        raise SystemExit(f"the scenario did not hold (exit code {code}); its times would mean nothing")
    return measured


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenario", nargs="?", type=Path, default=DEFAULT)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    begin = time.perf_counter()
    runs = [measure(arguments.scenario) for _ in range(arguments.runs)]
    _print_times(runs)
    _print_requests(runs, arguments.scenario)
    print(f"\n{arguments.runs} runs in {time.perf_counter() - begin:.1f} s")


def _print_times(runs: list[Measured]) -> None:
    phases: dict[str, list[float]] = defaultdict(list)
    for run in runs:
        for name, seconds in run.phases.items():
            phases[name].append(seconds)
    print(f"{'phase':<60} {'min':>8} {'median':>8} {'max':>8}   seconds")
    for name, seconds in phases.items():
        print(f"{name:<60} {min(seconds):8.2f} {statistics.median(seconds):8.2f} {max(seconds):8.2f}")
    totals = [run.total_seconds for run in runs]
    print(f"{'all':<60} {min(totals):8.2f} {statistics.median(totals):8.2f} {max(totals):8.2f}")
    print(
        f"\npeak memory {max(run.peak_mb for run in runs):.0f} MB (PSS), "
        f"{max(run.peak_processes for run in runs)} processes"
    )


def _print_requests(runs: list[Measured], path: Path) -> None:
    (loaded,) = load_all([path])
    print(f"\n{'requests until the verdict':<50} {'used':>8} {'fixed-size exact test':>22} {'ratio':>7}")
    for _, expectation in loaded.scenario.expectations():
        claim = loaded.scenario.claim_of(expectation)
        if not hasattr(claim, "resolution") or expectation.metrics is not None or expectation.about is not None:
            continue
        share = Share(target=claim.is_, at_most=claim.at_most, at_least=claim.at_least, resolution=claim.resolution)
        fixed = fixed_size(share, ErrorBounds())
        used = statistics.median(run.requests[expectation.expect] for run in runs)
        print(f"{expectation.expect:<50} {used:8.0f} {fixed:22d} {used / fixed:7.2f}")


if __name__ == "__main__":
    main()
