"""What a verdict costs besides requests, and how its guard against dependent responses does with little to go by.

    uv run python benchmarks/verdict.py [--runs 100]

First the processor time of one look at a share's evidence, and of the look for clusters before a decision: a run looks
every 50 ms (harness/traffic/dispatch.py), so a look should stay far below that.

Then a backend that is chosen per *connection*, 90 to 10, under a claim of 10% +- 5pp with few kept connections: how
often each verdict comes out. The claim is true of connections, so every «broken» is a false alarm, and every «holds» is
luck. Where all connections have drawn the same backend nothing in the responses tells this from a route that is not in
force: «same» says how often that was. The guard must be told that backends are drawn so (`drawn_once`); it is where
the sender is outside the mesh.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from collections.abc import Callable

from harness.verdict.claims import ErrorBounds, Share
from harness.verdict.independence import Clusters
from harness.verdict.judgement import Verdict
from harness.verdict.share import ShareJudge

CLAIM = Share(target=0.10, resolution=0.05)
BATCH = 25
"""Responses between two looks: 500 a second, a look every 50 ms."""
CONNECTIONS = (2, 4, 8, 16, 32, 64, 128)


def micros(call: Callable[[], object], times: int) -> float:
    """Processor time of one call in microseconds."""
    begin = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - begin) / times * 1e6


def looks() -> None:
    """What a look costs, by how many responses there are."""
    print(f"{'responses':>9} {'a look, µs':>11} {'interval and forecast, µs':>26} {'clusters, µs':>13}")
    chance = random.Random(1)
    for total in (100, 1_000, 10_000):
        judge, clusters = ShareJudge(CLAIM, max_n=10**9), Clusters()
        hits = [chance.random() < 0.1 for _ in range(total)]
        for number, hit in enumerate(hits):
            clusters.add(hit, number % 16)
        judge.hits, judge.total = sum(hits), total
        look = micros(lambda judge=judge: judge.evidence, 200)  # type: ignore[misc]
        told = micros(lambda judge=judge: (judge.interval(), judge.forecast()), 100)  # type: ignore[misc]
        guard = micros(clusters.design_effect, 5)
        print(f"{total:9d} {look:11.0f} {told:26.0f} {guard:13.0f}")


def run(connections: int, chance: random.Random, *, told: bool) -> tuple[Verdict, bool]:
    """The verdict on one run, and whether all connections had drawn the same backend."""
    drawn = [chance.random() < 0.1 for _ in range(connections)]
    clusters = Clusters(drawn_once=told)
    judge = ShareJudge(CLAIM, ErrorBounds(), clustering=clusters.design_effect)
    while judge.verdict is None:
        batch = [chance.randrange(connections) for _ in range(BATCH)]
        for connection in batch:
            clusters.add(drawn[connection], connection)
        judge.add(sum(drawn[connection] for connection in batch), BATCH)
    return judge.verdict, len(set(drawn)) == 1


def per_connection(runs: int, *, told: bool) -> None:
    """How often each verdict comes out, by the number of connections."""
    print(f"\nthe guard {'is told' if told else 'is not told'} that a backend is drawn once for each connection")
    print(f"{'connections':>11} " + " ".join(f"{verdict.value:>12}" for verdict in Verdict) + f" {'same':>8}")
    for connections in CONNECTIONS:
        chance = random.Random(connections)
        seen = [run(connections, chance, told=told) for _ in range(runs)]
        counts = Counter(verdict for verdict, _ in seen)
        shares = " ".join(f"{counts[verdict] / runs:12.1%}" for verdict in Verdict)
        print(f"{connections:11d} {shares} {sum(same for _, same in seen) / runs:8.1%}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=100)
    runs = parser.parse_args().runs
    looks()
    for told in (False, True):
        per_connection(runs, told=told)


if __name__ == "__main__":
    main()
