"""The generator against the real services: how many calls a page makes decides what a fault further down costs."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

from aiohttp import web

from harness.embedded.apps.traffic import Options, Visitor
from harness.tests.apps.bookshelf import Bookshelf, on_bookshelf


async def no_pause(_seconds: float) -> None:
    """Pauses are not what these tests are about."""


def visitor(shelf: Bookshelf) -> Visitor:
    return Visitor(shelf.session, Options(shelf.sites["webapp"].removeprefix("http://")), pause=no_pause)


def test_calls_of_one_healthy_cycle() -> None:
    """§8.3.4."""

    async def body(shelf: Bookshelf) -> None:
        await visitor(shelf).cycle()
        assert shelf.counts() == {"webapp": 10, "authors": 9, "books": 9 + 2}
        assert Counter(method for service, method, _ in shelf.calls if service == "authors") == {
            "GET": 4,
            "POST": 1,
            "HEAD": 3,
            "DELETE": 1,
        }
        assert Counter(method for service, method, _ in shelf.calls if service == "books") == {
            "GET": 2 + 3 + 1,
            "POST": 2,
            "PUT": 1,
            "DELETE": 1 + 1,
        }

    on_bookshelf(body)


def test_a_cycle_leaves_the_shelf_as_it_was() -> None:
    async def body(shelf: Bookshelf) -> None:
        async def records() -> list[object]:
            return [(await shelf.ask("GET", f"/{name}.json", at=name)).json for name in ("authors", "books")]

        before = await records()
        for _ in range(3):
            await visitor(shelf).cycle()
        assert await records() == before

    on_bookshelf(body)


def test_two_visitors_are_in_each_others_way() -> None:
    """§8.3.3: why the manifest runs one replica."""

    async def body(shelf: Bookshelf) -> None:
        async def visit() -> None:
            await visitor(shelf).reset()
            while True:
                await visitor(shelf).cycle()

        first, second = asyncio.create_task(visit()), asyncio.create_task(visit())
        done, pending = await asyncio.wait({first, second}, timeout=60, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        assert [str(task.exception()) for task in done][:1] == [
            'Delete author "Ernest Cline" before running this script'
        ]

    on_bookshelf(body)


def test_one_books_call_in_ten_failing_costs_one_page_in_nine() -> None:
    """§7.1.4, §7.1.5: 10.80 pages a cycle of which 88.9% succeed, and 96.1% at authors; within 4.5 standard errors."""
    cycles = 25

    async def body(shelf: Bookshelf) -> None:
        draw = random.Random(7).random
        shelf.faults["books"] = lambda _request: web.Response(status=500) if draw() < 0.1 else None
        visit = visitor(shelf)
        for _ in range(cycles):
            await visit.cycle()
        for service, success in (("webapp", 0.889), ("authors", 0.961)):
            count = shelf.counts()[service]
            assert abs(shelf.success(service) - success) < 4.5 * (success * (1 - success) / count) ** 0.5
        assert 10.0 < shelf.counts()["webapp"] / cycles < 11.6

    on_bookshelf(body)


def test_failure_rate_doubles_the_saves_and_spares_the_gets() -> None:
    """§7.0.4: each save of a book needs two tries on average, nothing else fails."""

    async def body(shelf: Bookshelf) -> None:
        for _ in range(10):
            await visitor(shelf).cycle()
        heads = sum(call[:2] == ("authors", "HEAD") for call in shelf.calls)
        assert heads > 30  # three saves a cycle; that all 30 pass at once has probability 2**-30
        assert sum(call[:2] == ("webapp", "GET") for call in shelf.calls) == 40

    on_bookshelf(body, {"authors": {"FAILURE_RATE": "0.5"}})
