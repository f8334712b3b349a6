"""What webapp makes of failing services (§8.2, §8.2.1): which pages survive, and where the visitor ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from aiohttp import web

from harness.tests.apps.bookshelf import Bookshelf, on_bookshelf

CLINE = {"first_name": "Ernest", "last_name": "Cline"}
NOVEL = {"title": "Ready Player One", "author_id": "1", "pages": "345"}

# Request -> (answer if authors answers 404 to everything, answer if it answers 403 or 5xx); "" is no Location.
AUTHORS_BROKEN: list[tuple[str, str, Mapping[str, str] | None, tuple[int, str], tuple[int, str]]] = [
    ("GET", "/", None, (500, ""), (500, "")),
    ("GET", "/authors/1", None, (302, "/"), (500, "")),
    ("POST", "/authors", CLINE, (500, ""), (500, "")),
    ("GET", "/authors/1/edit", None, (302, "/"), (500, "")),
    ("POST", "/authors/1/edit", CLINE, (303, "/"), (500, "")),
    ("POST", "/authors/1/delete", None, (303, "/"), (500, "")),
    ("GET", "/books/1", None, (302, "/"), (500, "")),
    ("POST", "/books", NOVEL, (303, "/"), (500, "")),
    ("GET", "/books/1/edit", None, (500, ""), (500, "")),
    ("POST", "/books/1/edit", NOVEL, (303, "/books/1"), (500, "")),
    ("POST", "/books/1/delete", None, (303, "/"), (303, "/")),
    ("GET", "/reset", None, (500, ""), (500, "")),
    ("GET", "/ping", None, (200, ""), (200, "")),
]

BOOKS_BROKEN: list[tuple[str, str, Mapping[str, str] | None, tuple[int, str], tuple[int, str]]] = [
    ("GET", "/", None, (500, ""), (500, "")),
    ("GET", "/authors/1", None, (500, ""), (500, "")),
    ("POST", "/authors", CLINE, (303, "/authors/11"), (303, "/authors/11")),
    ("GET", "/authors/1/edit", None, (200, ""), (200, "")),
    ("POST", "/authors/1/edit", CLINE, (303, "/authors/1"), (303, "/authors/1")),
    ("POST", "/authors/1/delete", None, (500, ""), (500, "")),
    ("GET", "/books/1", None, (302, "/"), (500, "")),
    ("POST", "/books", NOVEL, (500, ""), (500, "")),
    ("GET", "/books/1/edit", None, (302, "/"), (500, "")),
    ("POST", "/books/1/edit", NOVEL, (303, "/"), (500, "")),
    ("POST", "/books/1/delete", None, (303, "/"), (500, "")),
    ("GET", "/reset", None, (500, ""), (500, "")),  # the author created above cannot go without its books
    ("GET", "/ping", None, (200, ""), (200, "")),
]


@pytest.mark.parametrize("status", [404, 403, 500, 503, 504])
@pytest.mark.parametrize(("broken", "table"), [("authors", AUTHORS_BROKEN), ("books", BOOKS_BROKEN)])
def test_matrix(broken: str, table: list[Any], status: int) -> None:
    async def body(shelf: Bookshelf) -> None:
        shelf.fail(broken, status)
        for method, path, form, if_missing, otherwise in table:
            reply = await shelf.page(method, path, form)
            wanted_status, location = if_missing if status == 404 else otherwise
            absolute = shelf.sites["webapp"] + location if location else ""
            assert (path, reply.status, reply.location) == (path, wanted_status, absolute)

    on_bookshelf(body)


def test_crash_page_says_so() -> None:
    async def body(shelf: Bookshelf) -> None:
        shelf.fail("books", 500)
        reply = await shelf.page("GET", "/")
        assert (reply.status, reply.headers["Content-Type"]) == (500, "text/html;charset=utf-8")
        assert "<h1>Internal Server Error</h1>" in reply.text

    on_bookshelf(body)


def test_index_asks_for_books_first_and_stops_there() -> None:
    async def body(shelf: Bookshelf) -> None:
        for status in (404, 500):
            shelf.fail("books", status)
            await shelf.page("GET", "/")
            assert shelf.counts() == {"books": 1}

    on_bookshelf(body)


@pytest.mark.parametrize("refused", [404, 403, 500])
def test_update_refused_by_the_second_call(refused: int) -> None:
    async def body(shelf: Bookshelf) -> None:
        shelf.faults["books"] = lambda request: web.Response(status=refused) if request.method == "PUT" else None
        reply = await shelf.page("POST", "/books/1/edit", NOVEL)
        assert reply.status == (303 if refused == 404 else 500)
        assert reply.location == (shelf.sites["webapp"] + "/" if refused == 404 else "")

    on_bookshelf(body)


@pytest.mark.parametrize("answer", [b"", b"ok", b"{}", b"null", b'[{"id": 1}]', b"[3]"])
def test_an_answer_without_sense_is_a_crash(answer: bytes) -> None:
    async def body(shelf: Bookshelf) -> None:
        shelf.faults["books"] = lambda _request: web.Response(status=200, body=answer)
        for path in ("/", "/books/1", "/authors/1"):
            assert (await shelf.page("GET", path)).status == 500

    on_bookshelf(body)


@pytest.mark.parametrize("status", [301, 302, 303, 307])
def test_redirects_from_upstream_are_errors(status: int) -> None:
    async def body(shelf: Bookshelf) -> None:
        shelf.faults["books"] = lambda _request: web.Response(status=status, headers={"Location": "/ping"})
        assert (await shelf.page("GET", "/books/1")).status == 500
        assert shelf.counts() == {"books": 1}

    on_bookshelf(body)


def test_a_service_that_is_away_is_a_crash() -> None:
    async def body(shelf: Bookshelf) -> None:
        assert (await shelf.page("GET", "/authors/1")).status == 500
        assert (await shelf.page("POST", "/books/1/delete")).status == 303

    on_bookshelf(body, {"webapp": {"AUTHORS_SITE": "http://127.0.0.1:1"}})


@pytest.mark.parametrize("rate", ["1", None])
def test_failure_rate_reaches_a_page_only_through_a_save(rate: str | None) -> None:
    async def body(shelf: Bookshelf) -> None:
        assert (await shelf.page("GET", "/")).status == 200
        assert (await shelf.page("GET", "/books/1")).status == 200
        assert (await shelf.page("POST", "/books", NOVEL)).status == (303 if rate is None else 500)
        assert (await shelf.page("POST", "/books/1/edit", NOVEL)).status == (303 if rate is None else 500)

    on_bookshelf(body, {} if rate is None else {"authors": {"FAILURE_RATE": rate}})
