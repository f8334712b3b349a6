"""The authors service (§8.2)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.tests.apps.bookshelf import Bookshelf, on_bookshelf

AUTHORS = "/authors.json"
SEEDED = ["Munro", "Mitchell", "Murakami", "Baldwin", "Atwood", "Chabon", "Jemisin", "Gaiman", "James", "K. Le Guin"]


@pytest.mark.parametrize(
    ("query", "last_names"),
    [
        ("", SEEDED),
        ("?order=lower(last_name)", sorted(SEEDED, key=str.lower)),
        ("?order=LOWER(last_name)%20desc", sorted(SEEDED, key=str.lower, reverse=True)),
        ("?order=first_name,id", SEEDED),
        ("?last_name=Munro", ["Munro"]),
        ("?last_name=munro", []),
        ("?last_name=James&first_name=P.D.", ["James"]),
        ("?last_name=Cline", []),
        ("?id=3", ["Murakami"]),
        ("?id=", []),
        ("?id=99999999999999999999", []),
        ("?unknown=Munro", SEEDED),
    ],
)
def test_list_filters_by_columns_and_orders(query: str, last_names: list[str]) -> None:
    async def body(shelf: Bookshelf) -> None:
        reply = await shelf.ask("GET", AUTHORS + query, at="authors")
        assert reply.status == 200
        assert reply.headers["Content-Type"] == "application/json"
        assert [author["last_name"] for author in reply.json] == last_names

    on_bookshelf(body)


@pytest.mark.parametrize("order", ["nope", "last_name;DROP TABLE authors", "randomblob(9)", "(SELECT 1)", "1", ","])
def test_unsafe_order_is_a_crash(order: str) -> None:
    async def body(shelf: Bookshelf) -> None:
        assert (await shelf.ask("GET", AUTHORS, at="authors", params={"order": order})).status == 500
        assert len((await shelf.ask("GET", AUTHORS, at="authors")).json) == len(SEEDED)

    on_bookshelf(body)


def test_one_author_has_these_fields() -> None:
    async def body(shelf: Bookshelf) -> None:
        reply = await shelf.ask("GET", "/authors/10.json", at="authors")
        assert list(reply.json) == ["id", "first_name", "last_name", "created_at", "updated_at"]
        assert (reply.json["id"], reply.json["first_name"], reply.json["last_name"]) == (10, "Ursula", "K. Le Guin")

    on_bookshelf(body)


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("GET", "/ping", 200, b"pong"),
        ("HEAD", "/ping", 200, b""),
        ("HEAD", AUTHORS, 200, b""),
        ("HEAD", "/authors/1.json", 200, b""),
        ("GET", "/authors/99.json", 404, b""),
        ("HEAD", "/authors/99.json", 404, b""),
        ("GET", "/authors/abc.json", 404, b""),
        ("PUT", "/authors/99.json", 404, b""),
        ("DELETE", "/authors/99.json", 404, b""),
        ("GET", "/nowhere", 404, b"<h1>Not Found</h1>"),
        ("PATCH", "/authors/1.json", 404, b"<h1>Not Found</h1>"),
    ],
)
def test_statuses_of_plain_requests(method: str, path: str, status: int, body: bytes) -> None:
    async def check(shelf: Bookshelf) -> None:
        reply = await shelf.ask(method, path, at="authors")
        assert (reply.status, reply.body) == (status, body)

    on_bookshelf(check)


def test_created_author_gets_a_new_id_that_is_never_reused() -> None:
    async def body(shelf: Bookshelf) -> None:
        cline = {"first_name": "Ernest", "last_name": "Cline"}
        for author_id in (11, 12):
            reply = await shelf.ask("POST", AUTHORS, at="authors", json=cline)
            assert (reply.status, reply.location) == (201, f"/authors/{author_id}.json")
            assert reply.headers["Content-Type"].startswith("text/html")
            assert reply.json["id"] == author_id
            assert reply.json["created_at"][10] == "T"
            assert reply.json["created_at"][-5:][0] == "."
            assert reply.json["created_at"].endswith("Z")
            assert (await shelf.ask("DELETE", f"/authors/{author_id}.json", at="authors")).status == 204

    on_bookshelf(body)


BLANK = ["can't be blank"]
TAKEN = ["and last name are not unique"]


@pytest.mark.parametrize(
    ("sent", "errors"),
    [
        ({}, {"first_name": BLANK, "last_name": BLANK}),
        ({"first_name": " ", "last_name": "Cline"}, {"first_name": BLANK}),
        ({"first_name": None, "last_name": "Cline"}, {"first_name": BLANK}),
        ({"first_name": "Alice", "last_name": "Munro"}, {"first_name": TAKEN}),
    ],
)
def test_author_must_be_named_and_unique(sent: dict[str, Any], errors: dict[str, list[str]]) -> None:
    async def body(shelf: Bookshelf) -> None:
        reply = await shelf.ask("POST", AUTHORS, at="authors", json=sent)
        assert (reply.status, reply.json) == (422, errors)
        assert reply.headers["Content-Type"].startswith("text/html")

    on_bookshelf(body)


@pytest.mark.parametrize(("first_name", "last_name"), [("Alice", "Cline"), ("alice", "Munro"), ("P. D.", "James")])
def test_uniqueness_needs_both_names_alike(first_name: str, last_name: str) -> None:
    async def body(shelf: Bookshelf) -> None:
        sent = {"first_name": first_name, "last_name": last_name}
        assert (await shelf.ask("POST", AUTHORS, at="authors", json=sent)).status == 201

    on_bookshelf(body)


@pytest.mark.parametrize("sent", ["", "{", "[]", "null", json.dumps({"first_name": "A", "last_name": "B", "age": 3})])
@pytest.mark.parametrize("method", ["POST"])
def test_body_that_makes_no_author_is_a_crash(method: str, sent: str) -> None:
    async def body(shelf: Bookshelf) -> None:
        reply = await shelf.ask(method, AUTHORS, at="authors", data=sent)
        assert (reply.status, reply.body) == (500, b"<h1>Internal Server Error</h1>")

    on_bookshelf(body)


def test_update_changes_names_only() -> None:
    async def body(shelf: Bookshelf) -> None:
        before = (await shelf.ask("GET", "/authors/1.json", at="authors")).json
        sent = {**before, "id": 77, "last_name": "Laidlaw", "age": 3}
        reply = await shelf.ask("PUT", "/authors/1.json", at="authors", json=sent)
        assert (reply.status, reply.location) == (200, "/authors/1.json")
        after = (await shelf.ask("GET", "/authors/1.json", at="authors")).json
        assert reply.json == after == {**before, "last_name": "Laidlaw", "updated_at": after["updated_at"]}
        assert after["updated_at"] > before["updated_at"]

    on_bookshelf(body)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"first_name": "Alice", "last_name": "Munro"}, 200),
        ({}, 200),
        ({"last_name": ""}, 422),
        ({"first_name": "David", "last_name": "Mitchell"}, 422),
    ],
)
def test_update_obeys_the_same_rules(sent: dict[str, str], status: int) -> None:
    async def body(shelf: Bookshelf) -> None:
        assert (await shelf.ask("PUT", "/authors/1.json", at="authors", json=sent)).status == status
        assert (await shelf.ask("GET", "/authors/1.json", at="authors")).json["last_name"] == "Munro"

    on_bookshelf(body)


def test_deleting_an_author_deletes_the_books_first() -> None:
    async def body(shelf: Bookshelf) -> None:
        assert (await shelf.ask("DELETE", "/authors/3.json", at="authors")).status == 204
        assert shelf.calls == [
            ("authors", "DELETE", "/authors/3.json"),
            ("books", "GET", "/books.json?author_id=3"),
            ("books", "DELETE", "/books/3.json"),
            ("books", "DELETE", "/books/4.json"),
        ]
        assert (await shelf.ask("GET", "/authors/3.json", at="authors")).status == 404
        assert len((await shelf.ask("GET", "/books.json", at="books")).json) == 13

    on_bookshelf(body)


@pytest.mark.parametrize("status", [404, 403, 500, 503])
def test_author_survives_if_books_fails(status: int) -> None:
    async def body(shelf: Bookshelf) -> None:
        shelf.fail("books", status)
        assert (await shelf.ask("DELETE", "/authors/3.json", at="authors")).status == 500
        assert (await shelf.ask("GET", "/authors/3.json", at="authors")).status == 200

    on_bookshelf(body)


@pytest.mark.parametrize(("rate", "statuses"), [("1", {503}), ("0.0", {200}), ("", {200}), ("0.5", {200, 503})])
def test_failure_rate_fails_heads_only(rate: str, statuses: set[int]) -> None:
    async def body(shelf: Bookshelf) -> None:
        heads = {(await shelf.ask("HEAD", "/authors/1.json", at="authors")).status for _ in range(60)}
        gets = {(await shelf.ask("GET", "/authors/1.json", at="authors")).status for _ in range(20)}
        assert (heads, gets) == (statuses, {200})

    on_bookshelf(body, {"authors": {"FAILURE_RATE": rate}})
