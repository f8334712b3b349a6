"""One HTTP request and its answer, without any kindness of the client: no redirects, no retries, no cookies.

Kindness would hide what is measured. The one exception is a kept connection that the server closed while it was idle:
a request that finds it dead was never sent, so it goes out on another one.
"""

from __future__ import annotations

import errno
import select
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass
from weakref import WeakKeyDictionary

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from yarl import URL

from harness.traffic.outcome import ALWAYS_KEPT, Failure
from harness.traffic.plan import ALL_HEADERS, HTTP_1, Plan

if TYPE_CHECKING:
    from harness.traffic.multiplexed import Http2Exchange

USER_AGENT = "signalbox"
_NO_ROUNDING_SECONDS = 1e9
"""aiohttp rounds timeouts above this up to whole seconds; ours are part of a verdict."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, or why there is none.

    connection  the number of the connection that the request went out on, from 0; None if there was none
    """

    status: int | None = None
    error: Failure | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body_start: str = ""
    connection: int | None = None


class Exchange(Protocol):
    """Sends the request of a plan; every call is one request.

    resent  requests that were sent again because their connection was closed before them
    """

    resent: int

    async def send(self) -> Answer:
        """Send the request once and wait for the whole response."""


class HttpExchange:
    """HTTP/1.1 over aiohttp, through the environment's `http_proxy` if there is one.

    plan  its request, timeout, connections and what to keep of responses
    Use it as an asynchronous context manager; leaving it closes all connections.
    """

    def __init__(self, plan: Plan) -> None:
        self.resent = 0
        self._plan = plan
        self._url = URL(plan.request.url, encoded=True)
        self._proxy = proxy_for(plan.request.url)
        self._kept = tuple(dict.fromkeys((*ALWAYS_KEPT, *plan.keep_headers)))

    async def __aenter__(self) -> Self:
        plan = self._plan
        self._session = aiohttp.ClientSession(
            connector=_Connector(limit=0, force_close=plan.fresh_connections),
            timeout=aiohttp.ClientTimeout(total=plan.timeout_seconds, ceil_threshold=_NO_ROUNDING_SECONDS),
            headers=_headers(plan),
            skip_auto_headers=("Accept-Encoding", "Content-Type"),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )
        # aiohttp repeats idempotent requests after any lost connection, which would hide resets from the count.
        self._session._retry_connection = False
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def send(self) -> Answer:
        """Send the request once and wait for the whole response."""
        attempt = _Attempt()
        _ATTEMPT.set(attempt)
        try:
            return await self._send(attempt)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            if not (attempt.on_kept_connection and _refused_before_read(error)):
                return Answer(error=failure_of(error), connection=attempt.number)
        attempt.must_be_new = True
        self.resent += 1
        try:
            return await self._send(attempt)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return Answer(error=failure_of(error), connection=attempt.number)

    async def _send(self, attempt: _Attempt) -> Answer:
        request, wanted = self._plan.request, self._plan.body_start_bytes
        async with self._session.request(
            request.method, self._url, data=request.body or None, proxy=self._proxy, allow_redirects=False
        ) as response:
            start = b""
            async for chunk in response.content.iter_any():
                if len(start) < wanted:
                    start += chunk[: wanted - len(start)]
            found = response.headers
            kept = dict.fromkeys(name.lower() for name in found) if ALL_HEADERS in self._kept else self._kept
            headers = {name: ", ".join(found.getall(name)) for name in kept if name in found}
            return Answer(response.status, None, headers, start.decode(errors="replace"), attempt.number)


def exchange_for(plan: Plan) -> HttpExchange | Http2Exchange:
    """What sends the requests of a plan in its protocol."""
    if plan.protocol == HTTP_1:
        return HttpExchange(plan)
    from harness.traffic.multiplexed import Http2Exchange  # most senders never need its library

    return Http2Exchange(plan)


def proxy_for(url: str) -> str | None:
    """The environment's proxy for this URL (`http_proxy`, `https_proxy`, `no_proxy`), or None.

    aiohttp's own `trust_env` gives the same, but asks again for every request and reads ~/.netrc for passwords.
    """
    proxies = getproxies_environment()
    parts = urlsplit(url)
    if proxy_bypass(parts.hostname or ""):
        return None
    return proxies.get(parts.scheme)


def failure_of(error: Exception) -> Failure:
    """The word for an exception of the client."""
    if isinstance(error, TimeoutError):
        return Failure.TIMEOUT
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return Failure.DNS
    if isinstance(error, aiohttp.ClientSSLError):
        return Failure.TLS
    if isinstance(error, aiohttp.ClientConnectorError):
        return Failure.CONNECT
    if isinstance(error, aiohttp.ClientPayloadError):
        return Failure.TRUNCATED
    if isinstance(error, aiohttp.ServerDisconnectedError | OSError):
        return Failure.RESET
    return Failure.PROTOCOL


@dataclass(slots=True)
class _Attempt:
    """What the connector and the request that asks it for a connection tell each other."""

    number: int | None = None
    on_kept_connection: bool = False
    must_be_new: bool = False


_ATTEMPT: ContextVar[_Attempt] = ContextVar("attempt")


class _Connector(aiohttp.TCPConnector):
    """Hands out no kept connection that the server has closed, even where the event loop has not noticed yet."""

    def __init__(self, *, limit: int, force_close: bool) -> None:
        super().__init__(limit=limit, force_close=force_close)
        self._numbers: WeakKeyDictionary[ResponseHandler, int] = WeakKeyDictionary()
        self._made = 0

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        attempt = _ATTEMPT.get()
        while True:
            connection = await super().connect(req, traces, timeout)
            protocol = connection.protocol
            assert protocol is not None  # it was not released yet
            attempt.on_kept_connection = protocol in self._numbers
            if not attempt.on_kept_connection:
                self._numbers[protocol] = self._made
                self._made += 1
            attempt.number = self._numbers[protocol]
            if not attempt.on_kept_connection:
                return connection
            if not attempt.must_be_new and not _has_input(protocol):
                return connection
            connection.close()


def _has_input(protocol: ResponseHandler) -> bool:
    """Whether an idle connection has something to read: its end, or bytes nobody asked for. Both make it useless."""
    transport = protocol.transport
    if transport is None or (sock := transport.get_extra_info("socket")) is None:
        return True
    poll = select.poll()
    poll.register(sock.fileno(), select.POLLIN | select.POLLRDHUP)
    return bool(poll.poll(0))


def _refused_before_read(error: Exception) -> bool:
    """Whether the other end's kernel, not its program, rejected the request.

    A program that closes a connection after it has read a request ends it in order; that is an answer of sorts and
    counts. A reset or a broken pipe comes from a socket that was closed before it read what was sent.
    """
    return isinstance(error, ConnectionResetError) or (
        isinstance(error, aiohttp.ClientOSError) and error.errno in (errno.ECONNRESET, errno.EPIPE)
    )


def _headers(plan: Plan) -> list[tuple[str, str]]:
    own = list(plan.request.headers)
    if not any(name.lower() == "user-agent" for name, _ in own):
        own.append(("User-Agent", USER_AGENT))
    return own
