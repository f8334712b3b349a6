"""Scenarios many times in a row, each time on a new cluster; one that is not green is shown and does not end it.

    uv run python benchmarks/soak.py [--runs N] [--cluster PROFILE] [PATH...]

Prints a line per run, and in the end the minimum, median and maximum, and each scenario's median beside its part of
the whole. Ends with 1 if a run was not green.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from harness.errors import Exit, SignalboxError
from harness.run import events as ev
from harness.run.runner import run_paths
from harness.verdict.judgement import Verdict

DEFAULT = (Path("scenarios/tutorial"),)


@dataclass
class Soaked:
    """One run: seconds by scenario, and what was not as promised."""

    seconds: dict[str, float] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    total: float = 0.0

    def __call__(self, event: ev.Event) -> None:
        """Take what an event says about time and verdicts."""
        match event:
            case ev.ClusterReady(_, seconds):
                self.seconds["(cluster up)"] = seconds
            case ev.AppReady(_, seconds):
                self.seconds["(apps ready)"] = self.seconds.get("(apps ready)", 0.0) + seconds
            case ev.ExpectationJudged(result) if result.verdict is not Verdict.HOLDS:
                told = f"{result.verdict.value} {result.name}: {result.judgement.seen}"
                self.wrong.append(f"{told} [{result.answered}] {' '.join(result.notes)}")
            case ev.ScenarioFinished(report):
                self.seconds[report.name] = report.seconds
                self.wrong += report.failures
            case ev.RunFinished(_, seconds, _, phases):
                self.total = seconds
                self.seconds["(teardown)"] = dict(phases)["teardown"]


def soak(paths: Sequence[Path], profile: str) -> Soaked:
    """One run; an environment that fails is among what was wrong, and an interruption ends all."""
    soaked, begin = Soaked(), time.monotonic()
    try:
        code = run_paths(paths, profile, soaked)
        if code is not Exit.HELD and not soaked.wrong:
            soaked.wrong.append(f"exit code {code}")
    except SignalboxError as error:
        soaked.wrong.append(f"exit code {error.exit_code}: {error}")
    soaked.total = soaked.total or time.monotonic() - begin
    return soaked


def main() -> int:
    """Run and print one line per run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("paths", nargs="*", type=Path, default=DEFAULT, metavar="PATH")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--cluster", default="embedded", metavar="PROFILE")
    arguments = parser.parse_args()
    runs = list[Soaked]()
    for number in range(1, arguments.runs + 1):
        load = psutil.getloadavg()[0]
        runs.append(soak(arguments.paths, arguments.cluster))
        word = "not green" if runs[-1].wrong else "green"
        print(f"run {number:3d}: {word}, {runs[-1].total:.1f} s, load before {load:.1f}", flush=True)
        for line in runs[-1].wrong:
            print(f"         {line}", flush=True)
    return _sum_up(runs)


def _sum_up(runs: Sequence[Soaked]) -> int:
    parts: dict[str, list[float]] = defaultdict(list)
    for run in runs:
        for name, seconds in run.seconds.items():
            parts[name].append(seconds)
    for name, took in parts.items():
        print(f"  {name:<34} {min(took):7.1f} {statistics.median(took):7.1f} {max(took):7.1f}   seconds")
    totals = [run.total for run in runs]
    spread = f"min {min(totals):.1f}, median {statistics.median(totals):.1f}, max {max(totals):.1f} s"
    red = sum(bool(run.wrong) for run in runs)
    print(f"{len(runs)} runs, {red or 'none'} not green: {spread}")
    return 1 if red else 0


if __name__ == "__main__":
    sys.exit(main())
