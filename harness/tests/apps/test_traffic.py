"""The traffic generator (§8.3): flags, sequence, retries, ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import pytest
from aiohttp import web

from harness.embedded.apps.serving import client_session
from harness.embedded.apps.traffic import Options, Stuck, UsageError, Visitor, go_duration, parse_options

AWAY = Options("127.0.0.1:1")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("20ms", 0.02),
        ("1m30s", 90),
        ("1.5h", 5400),
        (".5s", 0.5),
        ("1m0s", 60),
        ("250us", 0.00025),
        ("1µs", 1e-6),
        ("7ns", 7e-9),
        ("+2s", 2),
        ("-2s", -2),
    ],
)
def test_go_duration(text: str, seconds: float) -> None:
    assert go_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "1", "s", "1d", "1 s", "1s ", "ms1", "1..5s", "."])
def test_go_duration_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="invalid duration"):
        go_duration(text)


@pytest.mark.parametrize(
    ("words", "options"),
    [
        (["webapp:7000"], Options("webapp:7000", 0.1, 60)),
        (["-initial-delay=30s", "webapp:7000"], Options("webapp:7000", 0.1, 30)),
        (["-sleep", "5ms", "--initial-delay=0", "webapp:7000"], Options("webapp:7000", 0.005, 0)),
        (["-sleep=5ms", "--", "webapp:7000"], Options("webapp:7000", 0.005, 60)),
    ],
)
def test_options(words: list[str], options: Options) -> None:
    assert parse_options(words) == options


@pytest.mark.parametrize(
    ("words", "exit_code"),
    [
        ([], 1),
        (["a:1", "b:2"], 1),
        (["webapp:7000", "-sleep=1s"], 1),
        (["-speed=1", "a:1"], 2),
        (["-sleep=fast", "a:1"], 2),
        (["-sleep"], 2),
        (["-h"], 0),
    ],
)
def test_wrong_options(words: list[str], exit_code: int) -> None:
    with pytest.raises(UsageError) as caught:
        parse_options(words)
    assert caught.value.exit_code == exit_code


@dataclass(slots=True)
class FakeWebapp:
    """Answers as webapp would, except where `answer` says otherwise; keeps (method, path, form) of every request."""

    answer: Callable[[str, int], web.Response | None] = lambda _request, _nth: None
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)
    next_book: int = 16

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        form = dict(parse_qsl((await request.read()).decode()))
        nth = sum(seen[:2] == (request.method, request.path) for seen in self.seen)
        self.seen.append((request.method, request.path, form))
        self.hosts.add(request.headers["Host"])
        return self.answer(f"{request.method} {request.path}", nth) or self._healthy(request)

    def _healthy(self, request: web.BaseRequest) -> web.Response:
        if request.method == "GET":
            return web.Response(status=204 if request.path == "/reset" else 200)
        location = "/"
        if request.path == "/authors":
            location = "/authors/11"
        if request.path == "/books":
            location = f"/books/{self.next_book}"
            self.next_book += 1
        return redirect(location, request.headers["Host"])


def redirect(path: str, host: str = "webapp:7000") -> web.Response:
    return web.Response(status=303, headers={"Location": f"http://{host}{path}"})


def visit(webapp: FakeWebapp, *, pauses: list[float] | None = None) -> Options:
    """One reset and one cycle against a fake webapp; returns the visitor's options."""
    waited = [] if pauses is None else pauses

    async def pause(seconds: float) -> None:
        waited.append(seconds)

    async def run() -> Options:
        runner = web.ServerRunner(web.Server(webapp, access_log=None), shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        options = Options(f"127.0.0.1:{runner.addresses[0][1]}", sleep=0.005, initial_delay=2.0)
        try:
            async with client_session() as session:
                visitor = Visitor(session, options, pause=pause)
                await visitor.reset()
                await visitor.cycle()
        finally:
            await runner.cleanup()
        return options

    return asyncio.run(run())


HEALTHY_CYCLE: list[tuple[str, str, dict[str, str]]] = [
    ("GET", "/", {}),
    ("POST", "/authors", {"first_name": "Ernest", "last_name": "Cline"}),
    ("GET", "/authors/11", {}),
    ("POST", "/books", {"title": "Ready Player One", "author_id": "11", "pages": "345"}),
    ("GET", "/books/16", {}),
    ("POST", "/books", {"title": "Ready Player Two", "author_id": "11", "pages": "456"}),
    ("GET", "/books/17", {}),
    ("POST", "/books/17/edit", {"title": "Ready Player Three", "author_id": "11", "pages": "567"}),
    ("POST", "/books/17/delete", {}),
    ("POST", "/authors/11/delete", {}),
]


def test_sequence_of_a_cycle() -> None:
    webapp, pauses = FakeWebapp(), list[float]()
    options = visit(webapp, pauses=pauses)
    assert webapp.seen == [("GET", "/reset", {}), *HEALTHY_CYCLE]
    assert webapp.hosts == {options.target}
    assert pauses == [0.005] * 11


def test_run_waits_first_and_repeats_the_cycle() -> None:
    class Enough(Exception):
        pass

    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise Enough

    async def run() -> None:
        async with client_session() as session:
            await Visitor(session, AWAY, pause=pause).run()

    with pytest.raises(Enough):
        asyncio.run(run())
    assert pauses == [60.0, 0.1, 0.1]


def test_reset_is_asked_for_until_it_is_done() -> None:
    answers = [500, 404, 200, 204]
    webapp = FakeWebapp(lambda request, nth: web.Response(status=answers[nth]) if request == "GET /reset" else None)
    visit(webapp)
    assert webapp.seen == [("GET", "/reset", {})] * 4 + HEALTHY_CYCLE


@pytest.mark.parametrize("status", [500, 404, 403, 200, 302])
def test_posts_repeat_until_303_and_gets_do_not(status: int) -> None:
    def answer(request: str, nth: int) -> web.Response | None:
        wrong = request.startswith("GET") and request != "GET /reset"
        return web.Response(status=status) if wrong or (request.startswith("POST") and nth == 0) else None

    webapp = FakeWebapp(answer)
    visit(webapp)
    expected = [entry for entry in HEALTHY_CYCLE for _ in range(1 + (entry[0] == "POST"))]
    expected.remove(HEALTHY_CYCLE[5])  # the second book is posted to the same path: only its first try was wrong
    assert webapp.seen[1:] == expected


@pytest.mark.parametrize(
    ("path", "nth", "requests"),
    [("/authors", 0, 3), ("/books", 0, 5), ("/books", 1, 7)],
)
def test_redirect_home_after_a_create_ends_the_visit(path: str, nth: int, requests: int) -> None:
    def answer(request: str, count: int) -> web.Response | None:
        return redirect("/") if request == f"POST {path}" and count == nth else None

    webapp = FakeWebapp(answer)
    with pytest.raises(Stuck, match=r'^Delete author "Ernest Cline" before running this script$'):
        visit(webapp)
    assert len(webapp.seen) == requests


def test_redirect_without_location_ends_the_visit() -> None:
    with pytest.raises(Stuck, match="Failed to get location"):
        visit(FakeWebapp(lambda request, _nth: web.Response(status=303) if request == "POST /authors" else None))


def test_post_without_an_answer_ends_the_visit_and_get_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    async def pause(_seconds: float) -> None:
        pass

    async def run() -> None:
        async with client_session() as session:
            await Visitor(session, AWAY, pause=pause).cycle()

    with pytest.raises(Stuck, match=r"^Failed to create author: Client"):
        asyncio.run(run())
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" Client")[0] for line in lines] == [
        "ERR GET http://127.0.0.1:1/",
        "ERR POST http://127.0.0.1:1/authors",
    ]


def test_progress_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    options = visit(FakeWebapp())
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 11
    assert lines[0].startswith(f"204 GET http://{options.target}/reset ")
    assert lines[2].startswith(f"303 POST http://{options.target}/authors ")
