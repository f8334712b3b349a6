"""How many decisions the oracle makes in a second, against matching the same request in a single regular expression.

The baseline is what no way of deciding can avoid: one compiled pattern held against the path of the request. The ratio
says how many such matches one decision with all its reasons costs.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from harness.dialect import DIALECTS
from harness.oracle import Objects, Request, Sender, predict

ROOT = Path(__file__).parents[1]
MANIFESTS = ("namespace", "booksapp", "error-injector", "error-split-httproute", "timeouts-httproute", "authors-server")
MANIFESTS += ("authors-get-route", "authors-get-policy", "authors-probe-route-policy")
SECONDS = 2.0


def per_second(decide: Callable[[], object]) -> float:
    """How often it is done in a second, over `SECONDS`."""
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < SECONDS:
        for _ in range(20):
            decide()
        done += 20
    return done / (time.perf_counter() - began)


def main() -> None:
    """Print decisions a second by dialect, and the ratio to the baseline."""
    documents = [
        obj
        for name in MANIFESTS
        for obj in yaml.safe_load_all((ROOT / f"manifests/booksapp/{name}.yaml").read_text())
        if obj
    ]
    sender = Sender("booksapp", "webapp")
    split = Request.of("GET", "http://books:7002/books.json")
    guarded = Request.of("GET", "http://authors:7001/authors/1.json")
    pattern = re.compile(r"/authors/[^/]*\.json")
    baseline = per_second(lambda: pattern.fullmatch(guarded.path))
    print(f"one pattern against one path   {baseline:12,.0f} a second   (baseline)")
    for dialect in DIALECTS.values():
        began = time.perf_counter()
        objects = Objects.read(documents, dialect)
        read = time.perf_counter() - began
        for what, request in (("a weighted split", split), ("a route and policies", guarded)):
            rate = per_second(lambda objects=objects, request=request: predict(objects, sender, request))  # type: ignore[misc]
            print(f"{dialect.name:<13} {what:<22} {rate:8,.0f} decisions a second   1 : {baseline / rate:,.0f}")
        print(f"{dialect.name:<13} {len(documents)} objects read in {read * 1000:.1f} ms")


if __name__ == "__main__":
    main()
