"""A collection of records behind HTTP, with the errors the original's client raises (§8.1.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import orjson
from yarl import URL

from harness.embedded.apps.serving import proxy_for

Record = dict[str, Any]

REDIRECTIONS = frozenset({301, 302, 303, 307})


class UpstreamError(Exception):
    """The other service did not do what was asked: a status that is an error, silence, or an answer without sense."""


class NotFound(UpstreamError):
    """404 for one record."""


class Gone(UpstreamError):
    """410 for one record."""


class NoList(UpstreamError):
    """404 for a list. The original gets no list then, not even an empty one, and stumbles over it: never a NotFound."""


class Invalid(UpstreamError):
    """422: the record breaks rules; `sentences` says which, as a person reads them."""

    def __init__(self, message: str, sentences: tuple[str, ...]) -> None:
        super().__init__(message)
        self.sentences = sentences


class Collection:
    """One collection of another service.

    site  base URL, e.g. `http://authors:7001`
    name  "authors" or "books"
    """

    def __init__(self, session: aiohttp.ClientSession, site: str, name: str) -> None:
        self._session = session
        self._base = f"{site.rstrip('/')}/{name}"
        self._proxy = proxy_for(site)

    async def all(self, **params: str | int) -> list[Record]:
        """The records that fit the parameters.

        raises  NoList, UpstreamError
        """
        query = f"?{urlencode(sorted(params.items()))}" if params else ""
        try:
            records = _decoded(await self._ask("GET", f".json{query}"))
        except NotFound as error:
            raise NoList(str(error)) from error
        if not isinstance(records, list):
            raise UpstreamError(f"GET {self._base}.json did not answer a list")
        return records

    async def find(self, record_id: str | int) -> Record:
        """One record.

        raises  NotFound, UpstreamError
        """
        record = _decoded(await self._ask("GET", _element(record_id)))
        if not isinstance(record, dict):
            raise UpstreamError(f"GET {self._base}{_element(record_id)} did not answer a record")
        return record

    async def create(self, attributes: Mapping[str, Any]) -> Record:
        """The new record as the other service stored it.

        raises  Invalid, NotFound, UpstreamError
        """
        return _merged(attributes, await self._ask("POST", ".json", attributes))

    async def update(self, record: Mapping[str, Any]) -> Record:
        """The changed record as the other service stored it.

        raises  Invalid, NotFound, UpstreamError
        """
        return _merged(record, await self._ask("PUT", _element(record["id"]), record))

    async def delete(self, record_id: str | int) -> None:
        """Remove one record.

        raises  NotFound, UpstreamError
        """
        await self._ask("DELETE", _element(record_id))

    async def exists(self, record_id: int) -> bool:
        """Whether there is such a record.

        raises  UpstreamError for any answer but success, 404 and 410
        """
        try:
            await self._ask("HEAD", _element(record_id))
        except (NotFound, Gone):
            return False
        return True

    async def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> bytes:
        url = self._base + path
        data = None if body is None else orjson.dumps(body)
        headers = None if body is None else {"Content-Type": "application/json"}
        try:
            async with self._session.request(
                method, URL(url, encoded=True), data=data, headers=headers, proxy=self._proxy, allow_redirects=False
            ) as response:
                answer = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UpstreamError(f"{method} {url} failed: {type(error).__name__} {error}") from error
        _raise_for(response.status, f"{method} {url} answered {response.status}", answer)
        return answer


def _element(record_id: str | int) -> str:
    return f"/{quote(str(record_id), safe='')}.json"


def _raise_for(status: int, message: str, body: bytes) -> None:
    if status == 404:
        raise NotFound(message)
    if status == 410:
        raise Gone(message)
    if status == 422:
        raise Invalid(message, _sentences(body))
    if not 200 <= status < 400 or status in REDIRECTIONS:
        raise UpstreamError(message)


def _decoded(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UpstreamError(f"an answer is not JSON: {error}") from error


def _merged(attributes: Mapping[str, Any], body: bytes) -> Record:
    """What was sent, overridden by what came back, if anything did."""
    stored = _decoded(body) if body.strip() else {}
    if not isinstance(stored, dict):
        raise UpstreamError("a stored record was not answered as one")
    return {**attributes, **stored}


def _sentences(body: bytes) -> tuple[str, ...]:
    """`{"first_name": ["can't be blank"]}` as `("First name can't be blank",)`; nothing if it cannot be read."""
    try:
        errors = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ()
    if not isinstance(errors, dict):
        return ()
    return tuple(
        f"{_human(field)} {message}"
        for field, messages in errors.items()
        if isinstance(messages, list)
        for message in messages
    )


def _human(field: str) -> str:
    return field.removesuffix("_id").replace("_", " ").capitalize()
