"""The JSON interface that authors and books share (§8.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import orjson
from aiohttp import web

from harness.embedded.apps.booksapp.failures import HTML, ping
from harness.embedded.apps.booksapp.table import Record, Table

Errors = dict[str, list[str]]

BLANK = "can't be blank"


class Rules(Protocol):
    """What differs between the two services."""

    async def errors(self, candidate: Mapping[str, Any], sent: Mapping[str, Any]) -> Errors:
        """What is wrong with a record about to be saved, by column; empty if nothing is.

        candidate  the record as its columns would hold it; has an id if it is stored already
        sent       what the client sent, before it was made to fit the columns
        """

    async def before_delete(self, record: Record) -> None:
        """Whatever must succeed before a record may go."""


class RestResource:
    """Handlers for the five verbs over one table."""

    def __init__(self, table: Table, rules: Rules) -> None:
        self._table = table
        self._rules = rules
        self._element = f"/{table.name}/{{id}}.json"

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Serve the collection, its elements and `/ping`; GET routes answer HEAD too (§8.1.2)."""
        collection = f"/{self._table.name}.json"
        router.add_get(collection, self.list)
        router.add_post(collection, self.create)
        router.add_get(self._element, self.show)
        router.add_put(self._element, self.update)
        router.add_delete(self._element, self.delete)
        router.add_get("/ping", ping)

    async def list(self, request: web.Request) -> web.Response:
        query = request.query
        return _json(self._table.select(query, query.get("order", "")))

    async def show(self, request: web.Request) -> web.Response:
        record = self._table.find(request.match_info["id"])
        return _empty(404) if record is None else _json(record)

    async def create(self, request: web.Request) -> web.Response:
        sent = await _json_object(request)
        attributes = self._table.cast(sent)
        if errors := await self._rules.errors(attributes, sent):
            return _invalid(errors)
        return self._saved(201, self._table.insert(attributes))

    async def update(self, request: web.Request) -> web.Response:
        record = self._table.find(request.match_info["id"])
        if record is None:
            return _empty(404)
        sent = {name: value for name, value in (await _json_object(request)).items() if name in self._table.columns}
        changes = self._table.cast(sent)
        if errors := await self._rules.errors({**record, **changes}, {**record, **sent}):
            return _invalid(errors)
        return self._saved(200, self._table.update(record["id"], changes))

    async def delete(self, request: web.Request) -> web.Response:
        record = self._table.find(request.match_info["id"])
        if record is None:
            return _empty(404)
        await self._rules.before_delete(record)
        self._table.delete(record["id"])
        return web.Response(status=204)

    def _saved(self, status: int, record: Record) -> web.Response:
        location = self._element.format(id=record["id"])
        return web.Response(
            status=status, body=orjson.dumps(record), headers={"Content-Type": HTML, "Location": location}
        )


async def _json_object(request: web.Request) -> dict[str, Any]:
    sent = orjson.loads(await request.read())
    if not isinstance(sent, dict):
        raise TypeError("the body is JSON, but not an object")
    return sent


def _json(value: object) -> web.Response:
    return web.Response(body=orjson.dumps(value), headers={"Content-Type": "application/json"})


def _invalid(errors: Errors) -> web.Response:
    return web.Response(status=422, body=orjson.dumps(errors), headers={"Content-Type": HTML})


def _empty(status: int) -> web.Response:
    return web.Response(status=status, headers={"Content-Type": HTML})
