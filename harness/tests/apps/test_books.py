"""The books service (§8.2)."""

from __future__ import annotations

from typing import Any

import pytest

from harness.tests.apps.bookshelf import Bookshelf, on_bookshelf

BOOKS = "/books.json"
NEW = {"title": "Ready Player One", "author_id": 1, "pages": 345}
BLANK = "can't be blank"


def test_seeds_are_the_originals() -> None:
    async def body(shelf: Bookshelf) -> None:
        books = (await shelf.ask("GET", BOOKS, at="books")).json
        assert list(books[0]) == ["id", "title", "pages", "author_id", "created_at", "updated_at"]
        assert [book["id"] for book in books] == list(range(1, 16))
        assert {(book["title"], book["pages"], book["author_id"]) for book in books} >= {
            ("Dear Life", 319, 1),
            ("Fire Next Time, The", 141, 4),
            ("Dispossessed, The", 401, 10),
        }

    on_bookshelf(body)


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("?author_id=7", [9, 10, 11]),
        ("?author_id=7&order=pages%20desc", [9, 11, 10]),
        ("?author_id=5", []),
        ("?author_id=7th", [9, 10, 11]),
        ("?author_id=11&order=lower(title)", []),
        ("?order=length(title)&pages=176", [5]),
    ],
)
def test_list_filters_and_orders(query: str, ids: list[int]) -> None:
    async def body(shelf: Bookshelf) -> None:
        reply = await shelf.ask("GET", BOOKS + query, at="books")
        assert [book["id"] for book in reply.json] == ids

    on_bookshelf(body)


def test_saving_asks_authors_once_and_deleting_and_reading_ask_nobody() -> None:
    async def body(shelf: Bookshelf) -> None:
        created = await shelf.ask("POST", BOOKS, at="books", json=NEW)
        assert (created.status, created.location, created.json["id"]) == (201, "/books/16.json", 16)
        assert (await shelf.ask("PUT", "/books/16.json", at="books", json={"pages": 346})).json["pages"] == 346
        assert [call for call in shelf.calls if call[0] == "authors"] == [("authors", "HEAD", "/authors/1.json")] * 2
        shelf.fail("authors", 500)
        for method, path, status in (
            ("GET", BOOKS, 200),
            ("GET", "/books/16.json", 200),
            ("HEAD", "/books/16.json", 200),
            ("DELETE", "/books/16.json", 204),
            ("DELETE", "/books/16.json", 404),
            ("GET", "/ping", 200),
        ):
            assert (await shelf.ask(method, path, at="books")).status == status

    on_bookshelf(body)


NO_AUTHOR = {"author_id": ["does not exist"]}


@pytest.mark.parametrize(
    ("change", "errors", "heads"),
    [
        ({"title": "  "}, {"title": [BLANK]}, 1),
        ({"pages": None}, {"pages": [BLANK, "is not a number"]}, 1),
        ({"pages": ""}, {"pages": [BLANK, "is not a number"]}, 1),
        ({"pages": "many"}, {"pages": ["is not a number"]}, 1),
        ({"pages": "12 or so"}, {"pages": ["is not a number"]}, 1),
        ({"pages": "nan"}, {"pages": ["is not a number"]}, 1),
        ({"pages": 0}, {"pages": ["must be greater than 0"]}, 1),
        ({"pages": "-5"}, {"pages": ["must be greater than 0"]}, 1),
        ({"author_id": 99}, NO_AUTHOR, 1),
        ({"author_id": "nobody"}, NO_AUTHOR, 1),
        ({"author_id": None}, NO_AUTHOR, 0),
        ({"author_id": ""}, NO_AUTHOR, 0),
        ({"title": None, "author_id": 99}, {"title": [BLANK], **NO_AUTHOR}, 1),
    ],
)
def test_book_rules(change: dict[str, Any], errors: dict[str, list[str]], heads: int) -> None:
    async def body(shelf: Bookshelf) -> None:
        for method, path in (("POST", BOOKS), ("PUT", "/books/1.json")):
            shelf.calls.clear()
            reply = await shelf.ask(method, path, at="books", json={**NEW, **change})
            assert (reply.status, reply.json) == (422, errors)
            assert shelf.counts()["authors"] == heads

    on_bookshelf(body)


@pytest.mark.parametrize("pages", [345, "345", " 345 ", 345.9])
def test_pages_may_be_any_number(pages: Any) -> None:
    async def body(shelf: Bookshelf) -> None:
        assert (await shelf.ask("POST", BOOKS, at="books", json={**NEW, "pages": pages})).json["pages"] == 345

    on_bookshelf(body)


@pytest.mark.parametrize(
    ("authors_answer", "status"),
    [(404, 422), (410, 422), (403, 500), (401, 500), (302, 500), (500, 500), (503, 500), (504, 500)],
)
def test_saving_depends_on_what_authors_answers(authors_answer: int, status: int) -> None:
    async def body(shelf: Bookshelf) -> None:
        shelf.fail("authors", authors_answer)
        assert (await shelf.ask("POST", BOOKS, at="books", json=NEW)).status == status
        assert (await shelf.ask("PUT", "/books/1.json", at="books", json={})).status == status

    on_bookshelf(body)


def test_update_ignores_all_but_title_author_and_pages() -> None:
    async def body(shelf: Bookshelf) -> None:
        sent = {"id": 5, "created_at": "x", "shelf": "top", "title": "Dear Life!", "author_id": 2, "pages": 320}
        reply = await shelf.ask("PUT", "/books/1.json", at="books", json=sent)
        assert (reply.status, reply.location) == (200, "/books/1.json")
        assert (reply.json["id"], reply.json["title"], reply.json["author_id"]) == (1, "Dear Life!", 2)
        assert "shelf" not in reply.json

    on_bookshelf(body)
