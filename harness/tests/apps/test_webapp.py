"""webapp's pages over healthy services: statuses, upstream calls in order, messages (§8.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping

import aiohttp
import pytest
from aiohttp import web

from harness.tests.apps.bookshelf import Bookshelf, on_bookshelf

ALL_BOOKS = ("books", "GET", "/books.json?order=lower%28title%29")
ALL_AUTHORS = ("authors", "GET", "/authors.json?order=lower%28last_name%29")
AUTHOR_1 = ("authors", "GET", "/authors/1.json")
BOOK_1 = ("books", "GET", "/books/1.json")
HEAD_1 = ("authors", "HEAD", "/authors/1.json")
CLINE = {"first_name": "Ernest", "last_name": "Cline"}
NOVEL = {"title": "Ready Player One", "author_id": "1", "pages": "345"}
Call = tuple[str, str, str]


@pytest.mark.parametrize(
    ("method", "path", "form", "status", "location", "calls"),
    [
        ("GET", "/", None, 200, "", [ALL_BOOKS, ALL_AUTHORS]),
        ("HEAD", "/", None, 200, "", [ALL_BOOKS, ALL_AUTHORS]),
        (
            "GET",
            "/authors/1",
            None,
            200,
            "",
            [AUTHOR_1, ("books", "GET", "/books.json?author_id=1&order=lower%28title%29")],
        ),
        ("POST", "/authors", CLINE, 303, "/authors/11", [("authors", "POST", "/authors.json")]),
        ("POST", "/authors", {}, 303, "/", [("authors", "POST", "/authors.json")]),
        ("GET", "/authors/1/edit", None, 200, "", [AUTHOR_1]),
        ("POST", "/authors/1/edit", CLINE, 303, "/authors/1", [AUTHOR_1, ("authors", "PUT", "/authors/1.json")]),
        (
            "POST",
            "/authors/1/edit",
            {"last_name": ""},
            303,
            "/authors/1",
            [AUTHOR_1, ("authors", "PUT", "/authors/1.json")],
        ),
        (
            "POST",
            "/authors/5/delete",
            None,
            303,
            "/",
            [("authors", "DELETE", "/authors/5.json"), ("books", "GET", "/books.json?author_id=5")],
        ),
        ("GET", "/books/1", None, 200, "", [BOOK_1, AUTHOR_1]),
        ("POST", "/books", NOVEL, 303, "/books/16", [("books", "POST", "/books.json"), HEAD_1]),
        ("POST", "/books", {**NOVEL, "pages": "0"}, 303, "/", [("books", "POST", "/books.json"), HEAD_1]),
        ("GET", "/books/1/edit", None, 200, "", [BOOK_1, ALL_AUTHORS]),
        ("POST", "/books/1/edit", NOVEL, 303, "/books/1", [BOOK_1, ("books", "PUT", "/books/1.json"), HEAD_1]),
        ("POST", "/books/1/delete", None, 303, "/", [("books", "DELETE", "/books/1.json")]),
        ("GET", "/reset", None, 204, "", [("authors", "GET", "/authors.json?last_name=Cline")]),
        ("GET", "/ping", None, 200, "", []),
        ("GET", "/authors/99", None, 302, "/", [("authors", "GET", "/authors/99.json")]),
        ("HEAD", "/authors/99", None, 303, "/", [("authors", "GET", "/authors/99.json")]),
        ("GET", "/authors/99/edit", None, 302, "/", [("authors", "GET", "/authors/99.json")]),
        ("POST", "/authors/99/edit", CLINE, 303, "/", [("authors", "GET", "/authors/99.json")]),
        ("POST", "/authors/99/delete", None, 303, "/", [("authors", "DELETE", "/authors/99.json")]),
        ("GET", "/books/99", None, 302, "/", [("books", "GET", "/books/99.json")]),
        ("GET", "/books/99/edit", None, 302, "/", [("books", "GET", "/books/99.json")]),
        ("POST", "/books/99/edit", NOVEL, 303, "/", [("books", "GET", "/books/99.json")]),
        ("POST", "/books/99/delete", None, 303, "/", [("books", "DELETE", "/books/99.json")]),
        ("GET", "/authors/a%2Fb", None, 302, "/", [("authors", "GET", "/authors/a%2Fb.json")]),
        ("GET", "/nowhere", None, 404, "", []),
        ("POST", "/", None, 404, "", []),
        ("GET", "/books", None, 404, "", []),
    ],
)
def test_page(
    method: str, path: str, form: Mapping[str, str] | None, status: int, location: str, calls: list[Call]
) -> None:
    async def body(shelf: Bookshelf) -> None:
        reply = await shelf.page(method, path, form)
        absolute = shelf.sites["webapp"] + location if location else ""
        assert (reply.status, reply.location, shelf.calls) == (status, absolute, calls)

    on_bookshelf(body)


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/", ["Dear Life", "Haruki Murakami", "1184", 'action="/books"', 'action="/authors"', "<style>"]),
        ("/authors/4", ["James Baldwin", "Giovanni&#39;s Room", "Fire Next Time, The", 'href="/authors/4/edit"']),
        ("/books/2", ["Cloud Atlas", "David Mitchell", "529", 'action="/books/2/delete"']),
        ("/authors/4/edit", ['value="James"', 'value="Baldwin"', 'action="/authors/4/edit"']),
        ("/books/2/edit", ['value="Cloud Atlas"', '<option value="2" selected>', 'value="529"']),
        ("/nowhere", ["<h1>Not Found</h1>"]),
    ],
)
def test_what_pages_show(path: str, shown: list[str]) -> None:
    async def body(shelf: Bookshelf) -> None:
        reply = await shelf.page("GET", path)
        assert reply.headers["Content-Type"] == "text/html;charset=utf-8"
        assert [text for text in shown if text not in reply.text] == []

    on_bookshelf(body)


def test_books_whose_author_is_unknown_are_left_out() -> None:
    async def body(shelf: Bookshelf) -> None:
        munro = {"id": 1, "first_name": "Alice", "last_name": "Munro"}
        shelf.faults["authors"] = lambda _request: web.json_response([munro])
        page = (await shelf.page("GET", "/")).text
        assert "Dear Life" in page
        assert "Cloud Atlas" not in page

    on_bookshelf(body)


@pytest.mark.parametrize(
    ("path", "form", "message"),
    [
        ("/authors", CLINE, 'Author "Ernest Cline" created'),
        ("/authors", {"first_name": "X"}, "Author create failed: Last name can't be blank"),
        (
            "/authors",
            {"first_name": "Alice", "last_name": "Munro"},
            "Author create failed: First name and last name are not unique",
        ),
        ("/authors/1/edit", CLINE, 'Author "Ernest Cline" updated'),
        ("/authors/1/edit", {"first_name": ""}, "Author update failed: First name can't be blank"),
        ("/authors/5/delete", None, "Author deleted"),
        ("/authors/99/delete", None, "Not found"),
        ("/books", NOVEL, 'Book "Ready Player One" created'),
        ("/books", {**NOVEL, "author_id": "99"}, "Book create failed: Author does not exist"),
        (
            "/books",
            {"author_id": "1", "pages": "x"},
            "Book create failed: Title can't be blank; Pages is not a number",
        ),
        ("/books/1/edit", NOVEL, 'Book "Ready Player One" updated'),
        ("/books/1/edit", {"pages": "0"}, "Book update failed: Pages must be greater than 0"),
        ("/books/1/delete", None, "Book deleted"),
    ],
)
def test_message_is_shown_once_on_the_next_page(path: str, form: Mapping[str, str] | None, message: str) -> None:
    async def body(shelf: Bookshelf) -> None:
        jar = aiohttp.CookieJar(unsafe=True)  # unsafe: for hosts that are IP addresses
        async with aiohttp.ClientSession(cookie_jar=jar) as browser:
            async with browser.post(shelf.sites["webapp"] + path, data=form) as page:
                first = await page.text()
                assert page.status == 200
            async with browser.get(page.url) as page:
                second = await page.text()
        assert _flash(first) == message
        assert _flash(second) == ""

    on_bookshelf(body)


def test_what_people_type_is_escaped_everywhere() -> None:
    async def body(shelf: Bookshelf) -> None:
        evil = "<script>alert('&\"')</script>"
        await shelf.page("POST", "/authors", {"first_name": evil, "last_name": evil})
        reply = await shelf.page("POST", "/books", {"title": evil, "author_id": "11", "pages": "1"})
        cookie = {"Cookie": reply.headers["Set-Cookie"].partition(";")[0]}
        for path in ("/", "/authors/11", "/books/16", "/authors/11/edit", "/books/16/edit"):
            page = await shelf.ask("GET", path, headers=cookie)
            assert page.status == 200
            assert "<script" not in page.text
            assert "&lt;script&gt;" in page.text

    on_bookshelf(body)


@pytest.mark.parametrize("cookie", ["?", "AAAA", "W10", "eyJhIjoxfQ", "WyJ4IiwieSJd", "ÿ"])
def test_a_broken_cookie_is_no_message(cookie: str) -> None:
    async def body(shelf: Bookshelf) -> None:
        reply = await shelf.ask("GET", "/", headers={"Cookie": f"booksapp_flash={cookie}"})
        assert (reply.status, _flash(reply.text)) == (200, "")

    on_bookshelf(body)


def test_redirects_name_the_host_that_was_asked_for() -> None:
    async def body(shelf: Bookshelf) -> None:
        reply = await shelf.ask("GET", "/authors/99", headers={"Host": "booksapp.local:54321"})
        assert reply.location == "http://booksapp.local:54321/"

    on_bookshelf(body)


def test_reset_removes_the_generators_author_and_books() -> None:
    async def body(shelf: Bookshelf) -> None:
        await shelf.page("POST", "/authors", CLINE)
        await shelf.page("POST", "/books", {**NOVEL, "author_id": "11"})
        assert (await shelf.page("GET", "/reset")).status == 204
        assert shelf.calls == [
            ("authors", "GET", "/authors.json?last_name=Cline"),
            ("authors", "DELETE", "/authors/11.json"),
            ("books", "GET", "/books.json?author_id=11"),
            ("books", "DELETE", "/books/16.json"),
        ]

    on_bookshelf(body)


def _flash(page: str) -> str:
    found = re.search(r'<p class="flash \w+" role="status">(.*?)</p>', page)
    return found[1].replace("&#34;", '"').replace("&#39;", "'") if found else ""
