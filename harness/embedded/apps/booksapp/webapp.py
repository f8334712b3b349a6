"""The webapp (§8.2): HTML pages and forms over authors and books.

Which calls a page makes, in which order, and what becomes of each answer decides how a fault further down shows up
here (§8.2.1). So handlers are written one call after the other, with nothing cached and nothing in parallel.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps

import aiohttp
from aiohttp import web
from aiohttp.http import HttpVersion11

from harness.embedded.apps.booksapp.failures import HTML, failing, ping
from harness.embedded.apps.booksapp.flash import Flash, flash, forget_flash, waiting_flash
from harness.embedded.apps.booksapp.pages import page
from harness.embedded.apps.booksapp.upstream import Collection, Invalid, NotFound, Record

BY_TITLE = "lower(title)"
BY_LAST_NAME = "lower(last_name)"

Handle = Callable[["Webapp", web.Request], Awaitable[web.Response]]


def home_if_not_found(handle: Handle) -> Handle:
    """A record that is not there sends the visitor to `/` with a message; any other error stays one."""

    @wraps(handle)
    async def handle_or_home(self: Webapp, request: web.Request) -> web.Response:
        try:
            return await handle(self, request)
        except NotFound:
            return _redirect(request, "/", Flash("error", "Not found"))

    return handle_or_home


class Webapp:
    """The handlers of all pages."""

    def __init__(self, authors: Collection, books: Collection) -> None:
        self._authors = authors
        self._books = books

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Serve all pages; GET routes answer HEAD too (§8.1.2)."""
        router.add_get("/", self.index)
        router.add_post("/authors", self.create_author)
        router.add_get("/authors/{id}", self.show_author)
        router.add_get("/authors/{id}/edit", self.edit_author)
        router.add_post("/authors/{id}/edit", self.update_author)
        router.add_post("/authors/{id}/delete", self.delete_author)
        router.add_post("/books", self.create_book)
        router.add_get("/books/{id}", self.show_book)
        router.add_get("/books/{id}/edit", self.edit_book)
        router.add_post("/books/{id}/edit", self.update_book)
        router.add_post("/books/{id}/delete", self.delete_book)
        router.add_get("/reset", self.reset)
        router.add_get("/ping", ping)

    async def index(self, request: web.Request) -> web.Response:
        books = await self._books.all(order=BY_TITLE)
        authors = await self._authors.all(order=BY_LAST_NAME)
        return _page(
            request,
            "index",
            books=books,
            book_counts=Counter(book["author_id"] for book in books),
            authors=authors,
            authors_by_id={author["id"]: author for author in authors},
        )

    @home_if_not_found
    async def show_author(self, request: web.Request) -> web.Response:
        author = await self._authors.find(request.match_info["id"])
        books = await self._books.all(author_id=author["id"], order=BY_TITLE)
        return _page(request, "author", author=author, books=books)

    async def create_author(self, request: web.Request) -> web.Response:
        try:
            author = await self._authors.create(await _form(request))
        except Invalid as error:
            return _redirect(request, "/", _failed("Author create", error))
        return _redirect(request, f"/authors/{author['id']}", Flash("notice", f'Author "{_name(author)}" created'))

    @home_if_not_found
    async def edit_author(self, request: web.Request) -> web.Response:
        return _page(request, "edit_author", author=await self._authors.find(request.match_info["id"]))

    @home_if_not_found
    async def update_author(self, request: web.Request) -> web.Response:
        author = await self._authors.find(request.match_info["id"])
        author |= await _form(request, "first_name", "last_name")
        try:
            author = await self._authors.update(author)
            message = Flash("notice", f'Author "{_name(author)}" updated')
        except Invalid as error:
            message = _failed("Author update", error)
        return _redirect(request, f"/authors/{author['id']}", message)

    @home_if_not_found
    async def delete_author(self, request: web.Request) -> web.Response:
        await self._authors.delete(request.match_info["id"])
        return _redirect(request, "/", Flash("notice", "Author deleted"))

    @home_if_not_found
    async def show_book(self, request: web.Request) -> web.Response:
        book = await self._books.find(request.match_info["id"])
        author = await self._authors.find(book["author_id"])
        return _page(request, "book", book=book, author=author)

    async def create_book(self, request: web.Request) -> web.Response:
        try:
            book = await self._books.create(await _form(request))
        except Invalid as error:
            return _redirect(request, "/", _failed("Book create", error))
        return _redirect(request, f"/books/{book['id']}", Flash("notice", f'Book "{book["title"]}" created'))

    @home_if_not_found
    async def edit_book(self, request: web.Request) -> web.Response:
        book = await self._books.find(request.match_info["id"])
        authors = await self._authors.all(order=BY_LAST_NAME)
        return _page(request, "edit_book", book=book, authors=authors)

    @home_if_not_found
    async def update_book(self, request: web.Request) -> web.Response:
        book = await self._books.find(request.match_info["id"])
        book |= await _form(request, "title", "author_id", "pages")
        try:
            book = await self._books.update(book)
            message = Flash("notice", f'Book "{book["title"]}" updated')
        except Invalid as error:
            message = _failed("Book update", error)
        return _redirect(request, f"/books/{book['id']}", message)

    @home_if_not_found
    async def delete_book(self, request: web.Request) -> web.Response:
        await self._books.delete(request.match_info["id"])
        return _redirect(request, "/", Flash("notice", "Book deleted"))

    async def reset(self, _request: web.Request) -> web.Response:
        """Remove what an interrupted traffic generator left: its author, and with it the author's books."""
        for author in await self._authors.all(last_name="Cline"):
            await self._authors.delete(author["id"])
        return web.Response(status=204)


def webapp_app(session: aiohttp.ClientSession, environ: Mapping[str, str]) -> web.Application:
    """The application that listens on 7000; reaches the others at AUTHORS_SITE and BOOKS_SITE."""
    authors = Collection(session, environ.get("AUTHORS_SITE", "http://localhost:7001"), "authors")
    books = Collection(session, environ.get("BOOKS_SITE", "http://localhost:7002"), "books")
    app = web.Application(middlewares=[failing(environ, crash_page=page("crash"), missing_page=page("missing"))])
    Webapp(authors, books).add_to(app.router)
    return app


async def _form(request: web.Request, *only: str) -> dict[str, str]:
    """The fields of a form, the last one of a name counting; with names given, no others."""
    fields = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
    return {name: value for name, value in fields.items() if name in only} if only else fields


def _page(request: web.Request, name: str, **values: object) -> web.Response:
    message = waiting_flash(request)
    response = web.Response(body=page(name, message, **values), headers={"Content-Type": HTML})
    if message is not None:
        forget_flash(response)
    return response


def _redirect(request: web.Request, path: str, message: Flash) -> web.Response:
    """An absolute redirect: 302 for a GET, 303 for anything else that speaks HTTP/1.1 (§8.1.3)."""
    see_other = request.method != "GET" and request.version >= HttpVersion11
    response = web.Response(
        status=303 if see_other else 302, headers={"Location": f"{request.scheme}://{request.host}{path}"}
    )
    flash(response, message)
    return response


def _failed(what: str, error: Invalid) -> Flash:
    return Flash("error", f"{what} failed: {'; '.join(error.sentences)}")


def _name(author: Record) -> str:
    return f"{author['first_name']} {author['last_name']}"
