"""`/echo`: without backends the body comes back, with backends it is posted to each of them (§8.4.3)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import aiohttp
from aiohttp import web
from yarl import URL

from harness.embedded.apps.podinfo.answers import bytes_answer, json_answer
from harness.embedded.apps.podinfo.log import Log
from harness.embedded.apps.podinfo.options import REVISION, VERSION, Options
from harness.embedded.apps.podinfo.routes import Variables
from harness.embedded.apps.serving import proxy_for

# No other header of a request ever reaches a backend (§7.3.4).
FORWARDED = (
    "X-Request-Id",
    "X-B3-Traceid",
    "X-B3-Spanid",
    "X-B3-Parentspanid",
    "X-B3-Sampled",
    "X-B3-Flags",
    "X-Ot-Span-Context",
)
_OWN = {
    "X-Api-Version": VERSION,
    "X-Api-Revision": REVISION,
    "User-Agent": "Go-http-client/1.1",
    "Accept-Encoding": "gzip",
}


class Echo:
    """The handler of `/echo` and its kin. Its own status tells nothing about the backends': that is in the body."""

    def __init__(self, session: aiohttp.ClientSession, options: Options, log: Log) -> None:
        self._session = session
        self._log = log
        self._color = {"X-Color": options.ui_color}
        self._timeout = aiohttp.ClientTimeout(total=options.http_client_timeout)
        self._backends: Sequence[tuple[str, URL | None]] = [(url, _proxy(url)) for url in options.backend_url]

    async def __call__(self, request: web.Request, _variables: Variables) -> web.Response:
        body = await request.read()
        if not self._backends:
            return bytes_answer(body, 202, self._color)
        headers = {**_forwarded(request), **_OWN}
        calls = (self._call(url, proxy, body, headers) for url, proxy in self._backends)
        return json_answer(list(await asyncio.gather(*calls)), headers=self._color)

    async def _call(self, url: str, proxy: URL | None, body: bytes, headers: Mapping[str, str]) -> str:
        """What a backend says, or in its place what went wrong."""
        try:
            async with self._session.post(
                url,
                data=body,
                headers=headers,
                skip_auto_headers=("Accept", "Content-Type"),
                proxy=proxy,
                timeout=self._timeout,
            ) as answer:
                if answer.status < 400:
                    return (await answer.read()).decode(errors="replace")
        except (aiohttp.ClientError, OSError) as error:
            # A timeout is an OSError too, one that says nothing.
            reason = f'Post "{url}": {str(error) or "context deadline exceeded"}'
            self._log.error("backend call failed", error=reason, url=url)
            return f"backend {url} call failed {reason}"
        self._log.error("backend call failed", status=answer.status, url=url)
        return f"backend {url} response status code {answer.status}"


def _forwarded(request: web.Request) -> dict[str, str]:
    """The first value of each header that is passed on; an empty one is none."""
    return {name: value for name in FORWARDED if (value := request.headers.get(name))}


def _proxy(url: str) -> URL | None:
    try:
        return proxy_for(url)
    except ValueError:  # calling such a URL will fail, and every answer says so
        return None
