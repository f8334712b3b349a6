"""The authors service (§8.2): its own table, and a cascade over books when an author is deleted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp
from aiohttp import web

from harness.embedded.apps.booksapp.failures import closing, failing
from harness.embedded.apps.booksapp.rest import BLANK, Errors, RestResource
from harness.embedded.apps.booksapp.seeds import AUTHORS
from harness.embedded.apps.booksapp.table import Record, Table, as_text
from harness.embedded.apps.booksapp.upstream import Collection

NOT_UNIQUE = "and last name are not unique"


class AuthorRules:
    """Names are present and unique together; an author's books go first."""

    def __init__(self, table: Table, books: Collection) -> None:
        self._table = table
        self._books = books

    async def errors(self, candidate: Mapping[str, Any], sent: Mapping[str, Any]) -> Errors:
        errors: Errors = {}
        for name in ("first_name", "last_name"):
            if not str(candidate.get(name) or "").strip():
                errors.setdefault(name, []).append(BLANK)
        names = {name: candidate.get(name) for name in ("first_name", "last_name")}
        if any(other["id"] != candidate.get("id") for other in self._table.select(names)):
            errors.setdefault("first_name", []).append(NOT_UNIQUE)
        return errors

    async def before_delete(self, record: Record) -> None:
        for book in await self._books.all(author_id=record["id"]):
            await self._books.delete(book["id"])


def authors_app(session: aiohttp.ClientSession, environ: Mapping[str, str]) -> web.Application:
    """The application that listens on 7001; reaches books at BOOKS_SITE."""
    table = Table("authors", {"first_name": as_text, "last_name": as_text}, AUTHORS)
    books = Collection(session, environ.get("BOOKS_SITE", "http://localhost:7002"), "books")
    app = web.Application(middlewares=[failing(environ)])
    RestResource(table, AuthorRules(table, books)).add_to(app.router)
    app.on_cleanup.append(closing(table.close))
    return app
