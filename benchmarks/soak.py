"""The main job many times in a row; ends at the first run that is not green.

uv run python benchmarks/soak.py [RUNS]
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time


def main() -> int:
    """Run and print one line per run."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    times = []
    for number in range(1, runs + 1):
        begin = time.perf_counter()
        done = subprocess.run(["just", "test-fault-injection"], capture_output=True, text=True, check=False)
        times.append(time.perf_counter() - begin)
        print(f"run {number:3d}: exit code {done.returncode}, {times[-1]:.1f} s", flush=True)
        if done.returncode:
            print(done.stdout, done.stderr)
            return done.returncode
    print(f"{runs} runs, none red: min {min(times):.1f}, median {statistics.median(times):.1f}, max {max(times):.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
