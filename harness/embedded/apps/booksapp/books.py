"""The books service (§8.2): its own table; every save asks authors whether the author exists."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import aiohttp
from aiohttp import web

from harness.embedded.apps.booksapp.failures import closing, failing
from harness.embedded.apps.booksapp.rest import BLANK, Errors, RestResource
from harness.embedded.apps.booksapp.seeds import BOOKS
from harness.embedded.apps.booksapp.table import Record, Table, as_integer, as_text
from harness.embedded.apps.booksapp.upstream import Collection


class BookRules:
    """Title and pages are present, pages are a number above 0, and the author exists."""

    def __init__(self, authors: Collection) -> None:
        self._authors = authors

    async def errors(self, candidate: Mapping[str, Any], sent: Mapping[str, Any]) -> Errors:
        errors: Errors = {}
        if not str(candidate.get("title") or "").strip():
            errors["title"] = [BLANK]
        if pages := _page_errors(candidate.get("pages"), sent.get("pages")):
            errors["pages"] = pages
        if not await self._author_exists(candidate.get("author_id")):
            errors["author_id"] = ["does not exist"]
        return errors

    async def _author_exists(self, author_id: int | None) -> bool:
        """One HEAD on every save, also when another rule is broken already, but none without an id."""
        return author_id is not None and await self._authors.exists(author_id)

    async def before_delete(self, record: Record) -> None:
        """Nothing: deleting a book calls nobody."""


def _page_errors(pages: int | None, sent: Any) -> list[str]:
    errors = [BLANK] if pages is None else []
    number = _number(sent)
    if number is None:
        errors.append("is not a number")
    elif number <= 0:
        errors.append("must be greater than 0")
    return errors


def _number(sent: Any) -> float | None:
    try:
        number = float(sent)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def books_app(session: aiohttp.ClientSession, environ: Mapping[str, str]) -> web.Application:
    """The application that listens on 7002; reaches authors at AUTHORS_SITE."""
    columns = {"title": as_text, "pages": as_integer, "author_id": as_integer}
    table = Table("books", columns, BOOKS)
    authors = Collection(session, environ.get("AUTHORS_SITE", "http://localhost:7001"), "authors")
    app = web.Application(middlewares=[failing(environ)])
    RestResource(table, BookRules(authors)).add_to(app.router)
    app.on_cleanup.append(closing(table.close))
    return app
