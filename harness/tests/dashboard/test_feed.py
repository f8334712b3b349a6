"""The stream behind the page: the window slides, trouble is told and goes, nobody is read for nobody."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from harness.dashboard.feed import Feed, Frame
from harness.dashboard.reading import Reading
from harness.dashboard.web import application
from harness.dashboard.window import Window
from harness.dashboard.wire import encode
from harness.errors import ClusterLost, EnvironmentFailed
from harness.kube.client import KubeError
from harness.tests.dashboard.readings import BOOKS, WEBAPP, from_webapp, nothing, reading, to_books


def growing() -> Iterator[Reading]:
    """A reading every 2 s in which webapp sends ten requests more, one of them in vain."""
    for step in range(1_000_000):
        yield reading(
            2.0 * step,
            {
                BOOKS: (*from_webapp("success", 9.0 * step), *from_webapp("failure", 1.0 * step, status_code="500")),
                WEBAPP: to_books("success", 10.0 * step),
            },
        )


def test_a_window_slides_and_forgets() -> None:
    readings = growing()
    window = Window(10)
    lengths = [None if (shown := window.add(next(readings))) is None else shown.seconds for _ in range(8)]
    assert lengths == [None, 2, 4, 6, 8, 10, 10, 10]


def test_a_window_is_longer_where_readings_are_far_apart() -> None:
    window = Window(10)
    window.add(nothing(0))
    lengths = [shown.seconds for at in (30, 60, 62, 70) if (shown := window.add(nothing(at)))]
    assert lengths == [30, 30, 32, 10]


def test_numbers_are_rounded_as_stat_does() -> None:
    readings = growing()
    window = Window(10)
    window.add(next(readings))
    shown = json.loads(encode(Frame(window.add(next(readings)))))["view"]
    assert shown["seconds"] == 2.0
    books = next(row for row in shown["workloads"] if row["name"] == "books")
    expected = {"meshed": "1/1", "success": "90.00%", "rps": "5.0rps", "p50": "2ms", "requests": 10, "health": "fair"}
    assert {key: books[key] for key in expected} == expected
    (edge,) = shown["edges"]
    assert (edge["client"], edge["server"], edge["secured"]) == ("webapp.booksapp", "books.booksapp", "mTLS")
    assert edge["full"]["client"].startswith("webapp.booksapp.serviceaccount.identity.")


class Source:
    """Readings whose troubles can be ordered; counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.trouble: Exception | None = None
        self.hold: threading.Event | None = None
        self._readings = growing()

    def read(self) -> Reading:
        self.asked += 1
        if self.hold is not None:
            self.hold.wait(10)
        if self.trouble is not None:
            raise self.trouble
        return next(self._readings)


async def _until(frames: AsyncIterator[Frame], holds: Callable[[Frame], bool]) -> Frame:
    async with asyncio.timeout(10):
        async for frame in frames:
            if holds(frame):
                return frame
    raise AssertionError("the feed ended")


def test_trouble_is_told_with_the_last_view_and_goes_when_it_is_over() -> None:
    async def story() -> None:
        source = Source()
        async with Feed(source.read, period=0.001, window=10).watch() as frames:
            await _until(frames, lambda frame: frame.view is not None)
            for trouble, words in (
                (ClusterLost("the API server does not answer"), "the API server does not answer"),
                (EnvironmentFailed("no", "do this"), "no"),
                (KubeError(403, "Forbidden", "pods is forbidden"), "HTTP 403"),
                (RuntimeError("a bug"), "the dashboard failed: RuntimeError('a bug')"),
            ):
                source.trouble = trouble
                told = await _until(frames, lambda frame: bool(frame.problem))
                assert words in told.problem
                assert told.view is not None
                source.trouble = None
                assert (await _until(frames, lambda frame: not frame.problem)).view is not None

    asyncio.run(story())


def test_a_silent_api_server_is_told_while_it_is_silent() -> None:
    async def story() -> None:
        source = Source()
        source.hold = threading.Event()
        async with Feed(source.read, period=0.001, window=10, silence=0.01).watch() as frames:
            told = await _until(frames, lambda frame: bool(frame.problem))
            assert told == Frame(None, "the API server has not answered for 0.01 s")
            held, source.hold = source.hold, None
            held.set()
            await _until(frames, lambda frame: not frame.problem)

    asyncio.run(story())


def test_one_reader_for_all_watchers_and_none_without() -> None:
    async def story() -> None:
        source = Source()
        turns = asyncio.Queue[None]()

        async def turn(_: float) -> None:
            await turns.get()

        feed = Feed(source.read, period=2, window=10, sleep=turn)
        assert source.asked == 0
        async with feed.watch() as first:
            await anext(first)
            async with feed.watch() as second:
                assert await anext(second) == Frame(None)  # what the first was told last
                turns.put_nowait(None)
                assert (await anext(first)).view == (await anext(second)).view is not None
            turns.put_nowait(None)
            await anext(first)
        assert source.asked == 3
        turns.put_nowait(None)
        for _ in range(100):  # as many turns of the loop as anybody needs who still waits for one
            await asyncio.sleep(0)
        assert turns.qsize() == 1
        assert source.asked == 3

    asyncio.run(story())


@asynccontextmanager
async def _served(source: Source) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    server = TestServer(application(Feed(source.read, period=0.01, window=10)))
    async with TestClient(server) as client:
        yield client


def test_the_page_loads_nothing_from_elsewhere() -> None:
    async def story() -> None:
        async with _served(Source()) as client:
            for path, media in (
                ("/", "text/html"),
                ("/dashboard.js", "text/javascript"),
                ("/dashboard.css", "text/css"),
            ):
                async with client.get(path) as answer:
                    assert (answer.status, answer.content_type) == (200, media)
                    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
                    text = await answer.text()
                    assert "://" not in text
                    assert "style=" not in text, "the policy forbids it"
            async with client.get("/healthz") as answer:
                assert answer.status == 200

    asyncio.run(story())


def test_events_come_one_by_one_in_json() -> None:
    async def story() -> None:
        async with _served(Source()) as client, client.get("/events") as answer:
            assert answer.content_type == "text/event-stream"
            frames = [frame async for frame in _events(answer, 3)]
            assert [frame["problem"] for frame in frames] == ["", "", ""]
            assert frames[0]["view"] is None
            assert frames[2]["view"]["seconds"] > 0

    asyncio.run(story())


async def _events(answer: aiohttp.ClientResponse, wanted: int) -> AsyncIterator[dict[str, Any]]:
    async with asyncio.timeout(10):
        while wanted:
            line = (await answer.content.readline()).decode()
            if line.startswith("data: "):
                wanted -= 1
                yield json.loads(line.removeprefix("data: "))
