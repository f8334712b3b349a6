"""The oracle and a real proxy, given the same manifests and requests, say the same.

They are two implementations of one set of rules that share nothing but parsed objects. `just agree` asks ten thousand
times and more; here it is a few hundred.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from harness.dialect import DIALECTS, Dialect
from harness.oracle import Outcome
from harness.tests.dataplane.live import live_mesh
from harness.tests.oracle.breakers import Breakers
from harness.tests.oracle.buckets import Buckets
from harness.tests.oracle.cluster import Obj
from harness.tests.oracle.drawn import REQUESTS, Asked, manifests
from harness.tests.oracle.stage import Stage, attempts, is_admitted, is_seen_as, retried_where_nobody_is, told
from harness.verdict.binomial import at_least, at_most

pytestmark = pytest.mark.cluster

CASES = int(os.environ.get("SIGNALBOX_AGREE_CASES", "400"))
"""Requests that are compared, in all dialects together."""
_PER_SET = 8
_DRAWS = 120
_BARE = 200
_CHANCE = 1e-9
"""That a right share is taken for a wrong one, each time a share is looked at."""

_GET = Asked("webapp", "books.booksapp", 7000, "/", "GET", ())
_ENTRANCE: Obj = {
    "apiVersion": "policy.linkerd.io/v1beta3",
    "kind": "Server",
    "metadata": {"name": "s", "namespace": "booksapp", "creationTimestamp": "2026-01-01T00:00:00Z"},
    "spec": {
        "podSelector": {"matchLabels": {"app": "books"}},
        "port": "service",
        "accessPolicy": "all-authenticated",
    },
}


def _limit(name: str, **per_second: int) -> Obj:
    limits = {key: {"requestsPerSecond": number} for key, number in per_second.items()}
    return {
        "apiVersion": "policy.linkerd.io/v1alpha1",
        "kind": "HTTPLocalRateLimitPolicy",
        "metadata": {"name": name, "namespace": "booksapp", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"targetRef": {"group": "policy.linkerd.io", "kind": "Server", "name": "s"}, **limits},
    }


_LIMIT = _limit("l", total=1)
_LAX = _limit("l", identity=100_000)
_REFUSED = _limit("k", total=1, identity=100_000)
"""It would be the first by name, and is not stored: an identity may not have more than all together (§1.71)."""


def _books(**annotations: str) -> Obj:
    ports = [
        {"name": "http", "port": 7000, "targetPort": "service"},
        {"name": "second", "port": 7001, "targetPort": 7000},
    ]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "books", "namespace": "booksapp", "annotations": annotations},
        "spec": {"ports": ports, "selector": {"app": "books"}},
    }


_OPAQUE_TO_CLIENTS = _books(**{"config.linkerd.io/opaque-ports": "7000"})
"""The client's proxy does not look into connections and does not hide that the server's proxy said 429 (§1.61)."""

_IN_TIME: Obj = _books(**{"timeout.linkerd.io/request": "100ms", "retry.linkerd.io/http": "5xx"})
"""A timeout of the whole request that never comes is nothing to try again for (§2.10)."""

_SECOND = Asked("webapp", "books.booksapp", 7001, "/", "GET", ())
_MOVED: Obj = {
    "apiVersion": "policy.linkerd.io/v1beta3",
    "kind": "HTTPRoute",
    "metadata": {"name": "in-one", "namespace": "booksapp", "creationTimestamp": "2026-01-01T00:00:00Z"},
    "spec": {
        "parentRefs": [{"group": "policy.linkerd.io", "kind": "Server", "name": "s"}],
        "rules": [{"filters": [{"type": "RequestRedirect", "requestRedirect": {"hostname": "new.example"}}]}],
    },
}
"""In front of the application the port that was dialled is kept, not the one that it led to (§1.57)."""

_BREAKING = _books(
    **{
        "balancer.linkerd.io/failure-accrual": "consecutive",
        "balancer.linkerd.io/failure-accrual-consecutive-max-failures": "1",
    }
)
_CLOSED: Obj = {
    **_ENTRANCE,
    "spec": {"podSelector": {"matchLabels": {"app": "books"}}, "port": "service", "proxyProtocol": "opaque"},
}
"""A connection that is closed without an answer is a failure, too (§4.3)."""

_RETRIED = _books(**{"retry.linkerd.io/http": "5xx"})
_HALF_TO_NO_SERVICE: Obj = {
    "apiVersion": "policy.linkerd.io/v1beta3",
    "kind": "HTTPRoute",
    "metadata": {"name": "out-0", "namespace": "booksapp", "creationTimestamp": "2026-01-01T00:00:00Z"},
    "spec": {
        "parentRefs": [{"group": "core", "kind": "Service", "name": "books"}],
        "rules": [{"backendRefs": [{"kind": "Secret", "name": "books", "port": 7000}, {"name": "books", "port": 9}]}],
    },
}

_relaxed = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))


@contextmanager
def staged(dialect: Dialect) -> Iterator[tuple[asyncio.Runner, Stage]]:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        mesh = runner.run(stack.enter_async_context(live_mesh(dialect)))
        try:
            yield runner, runner.run(Stage.set_up(mesh))
        finally:
            runner.run(stack.aclose())


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
def test_every_answer_is_one_that_was_promised(dialect: Dialect, capsys: pytest.CaptureFixture[str]) -> None:
    """Status, answerer, redirects and changed headers."""
    compared = 0
    with staged(dialect) as (runner, stage):

        async def compare(found: list[Obj], requests: list[Asked]) -> None:
            nonlocal compared
            await stage.apply(found)
            objects, breakers = stage.objects(found), Breakers()
            buckets = Buckets([obj for obj in found if is_admitted(obj, dialect)])
            for asked in requests:
                promised, answer = stage.expected(objects, asked), await stage.ask(asked)
                if retried_where_nobody_is(promised, answer, asked):
                    for outcome in promised.outcomes:  # whichever it was, it may have taken its tokens
                        buckets.wrong(outcome, answer, asked, stage.applications.asked)
                    continue
                fitting = [outcome for outcome in promised.outcomes if is_seen_as(outcome, answer, asked)]
                assert fitting, told(found, asked, promised, answer)
                often = attempts(promised, asked)
                if often is not None and "x-app" in answer.headers:
                    assert stage.applications.asked == often, told(found, asked, promised, answer)
                reached = stage.applications.asked
                why = buckets.wrong(fitting[0], answer, asked, reached)
                why = why or breakers.wrong(fitting[0], answer, asked, reached)
                assert not why, f"{why}: {told(found, asked, promised, answer)}"
                compared += 1

        @settings(_relaxed, max_examples=max(1, CASES // len(DIALECTS) // _PER_SET))
        @example([_ENTRANCE, _LIMIT, _OPAQUE_TO_CLIENTS], [_GET] * _PER_SET)
        @example([_ENTRANCE, _LAX, _REFUSED], [_GET] * _PER_SET)
        @example([_HALF_TO_NO_SERVICE, _RETRIED], [_GET] * _PER_SET)
        @example([_ENTRANCE, _MOVED], [_GET, _SECOND] * (_PER_SET // 2))
        @example([_CLOSED, _BREAKING], [_GET] * _PER_SET)
        @example([_IN_TIME], [_GET] * _PER_SET)
        @given(manifests(), st.lists(REQUESTS, min_size=_PER_SET, max_size=_PER_SET))
        def check(found: list[Obj], requests: list[Asked]) -> None:
            runner.run(compare(found, requests))

        began = time.perf_counter()
        check()
        rate = compared / (time.perf_counter() - began)
        bare = runner.run(_bare_rate(stage))
    with capsys.disabled():
        beside = f"{bare:.0f} requests a second to one unchanging mesh, 1 : {bare / rate:.0f}"
        print(f"\n{dialect.name}: {compared} cases, {rate:.0f} a second; baseline {beside}")


async def _bare_rate(stage: Stage) -> float:
    """Requests a second without an oracle, and without any other manifests: what no comparison can do without."""
    await stage.apply([])
    began = time.perf_counter()
    for _ in range(_BARE):
        await stage.ask(_GET)
    return _BARE / (time.perf_counter() - began)


def test_shares_are_as_promised() -> None:
    """Weights: many requests, and exact binomial bounds."""
    with staged(DIALECTS["linkerd-2.14"]) as (runner, stage):

        async def compare(found: list[Obj], asked: Asked) -> None:
            promised = stage.expected(stage.objects(found), asked)
            assume(len(promised.outcomes) > 1)
            await stage.apply(found)
            seen: Counter[int] = Counter()
            for _ in range(_DRAWS):
                answer = await stage.ask(asked)
                fitting = [n for n, one in enumerate(promised.outcomes) if is_seen_as(one, answer, asked)]
                assert fitting, told(found, asked, promised, answer)
                seen[fitting[0]] += 1
            for number, share in enumerate(map(probability, promised.outcomes)):
                chance = min(at_most(seen[number], _DRAWS, share), at_least(seen[number], _DRAWS, share))
                assert chance > _CHANCE, (
                    f"{seen[number]} of {_DRAWS}, not {share}: {told(found, asked, promised, answer)}"
                )

        @settings(_relaxed, max_examples=max(4, CASES // 60))
        @given(st.lists(SPLITS, min_size=2, max_size=3, unique_by=lambda ref: ref["name"]))
        def check(backends: list[Obj]) -> None:
            runner.run(compare([split(backends)], Asked("webapp", "books.booksapp", 7000, "/", "GET", ())))

        check()


def probability(outcome: Outcome) -> float:
    return float(outcome.probability)


SPLITS = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["books", "other", "legacy", "gone", "nowhere"]),
        "port": st.just(7000),
        "weight": st.sampled_from([1, 1, 2, 9]),
    }
)


def split(backends: list[Obj]) -> Obj:
    parent = {"group": "core", "kind": "Service", "name": "books"}
    return {
        "apiVersion": "policy.linkerd.io/v1beta3",
        "kind": "HTTPRoute",
        "metadata": {"name": "split", "namespace": "booksapp", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"parentRefs": [parent], "rules": [{"backendRefs": backends}]},
    }
