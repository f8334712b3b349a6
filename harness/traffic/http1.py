"""Requests over HTTP/1.1, one at a time on each connection.

A request is the same bytes each time, and a response is read by llhttp (httptools): a general client spends four times
as much on each, which is what one core can send (benchmarks/traffic.py).
"""

from __future__ import annotations

import asyncio
import select
import ssl
from collections.abc import Iterator
from socket import gaierror
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

import httptools

from harness.traffic.dialling import PORTS, Dialler
from harness.traffic.exchange import USER_AGENT, Answer
from harness.traffic.outcome import ALWAYS_KEPT, Failure
from harness.traffic.plan import ALL_HEADERS, Plan

_WITHOUT_BODY: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""RFC 9110 §8.6: other methods say a length of 0."""
_SIZED: Final = frozenset({"content-length", "transfer-encoding"})
_INFORMATIONAL: Final = range(100, 200)


class HttpExchange:
    """HTTP/1.1, with TLS for https, to the environment's `http_proxy` if there is one.

    plan  its request, timeout, connections and what to keep of responses
    Use it as an asynchronous context manager; leaving it closes all connections.
    """

    def __init__(self, plan: Plan) -> None:
        self.resent = 0
        self._plan = plan
        self._dialler = Dialler(plan.request.url)
        self._request = _written(plan, proxied=self._dialler.proxied)
        self._kept = None if ALL_HEADERS in plan.keep_headers else frozenset((*ALWAYS_KEPT, *plan.keep_headers))
        self._links: set[_Link] = set()
        self._idle: list[_Link] = []
        self._made = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for link in self._links:
            link.close()
        while self._links:
            await next(iter(self._links)).ended.wait()

    async def send(self) -> Answer:
        """Send the request once and wait for the whole response."""
        reply = await self._attempt(self._idle_link())
        if reply.unread:
            self.resent += 1
            reply = await self._attempt(None)
        if reply.error is not None:
            return Answer(error=reply.error, connection=reply.connection)
        return Answer(reply.status, None, reply.headers, reply.body_start.decode(errors="replace"), reply.connection)

    async def _attempt(self, link: _Link | None) -> _Reply:
        """The whole reply, or one that tells why there is none; on a new connection if none is given."""
        reply = _Reply(self._plan, self._kept)
        try:
            async with asyncio.timeout(self._plan.timeout_seconds) as timeout:
                if link is None:
                    link = await self._dial()
                link.send(self._request, reply)
                await reply.done
        except (OSError, TimeoutError) as error:
            reply.error = Failure.TIMEOUT if timeout.expired() else _why_no_connection(error)
        finally:
            if link is not None:
                self._take_back(link, reply)
        return reply

    async def _dial(self) -> _Link:
        link = await self._dialler.open(lambda: _Link(self._links))
        link.number, self._made = self._made, self._made + 1
        return link

    def _idle_link(self) -> _Link | None:
        """A kept connection that the server has not closed, even where the event loop has not noticed yet."""
        while self._idle:
            link = self._idle.pop()
            if link.usable:
                return link
            link.close()
        return None

    def _take_back(self, link: _Link, reply: _Reply) -> None:
        if reply.whole and link.reusable and not self._plan.fresh_connections:
            self._idle.append(link)
        else:
            link.close()


class _Reply:
    """What comes back for one request.

    done      set when nothing more will come
    whole     all of it has come
    unread    the other end had closed the connection before it read the request
    """

    def __init__(self, plan: Plan, kept: frozenset[str] | None) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.headers: dict[str, str] = {}
        self.body_start = b""
        self.status: int | None = None
        self.error: Failure | None = None
        self.connection: int | None = None
        self.whole = False
        self.unread = False
        self.to_head = plan.request.method == "HEAD"
        self._kept = kept
        self._wanted = plan.body_start_bytes
        self._sized = False

    @property
    def ends_with_connection(self) -> bool:
        """Whether nothing but the connection's end marks the end of its body (RFC 9112 §6.3)."""
        return self.status is not None and not self._sized

    def add_header(self, name: str, value: bytes) -> None:
        if self.status is not None:
            return  # a trailer
        self._sized |= name in _SIZED
        if self._kept is None or name in self._kept:
            text = value.decode("utf-8", "surrogateescape")
            self.headers[name] = f"{self.headers[name]}, {text}" if name in self.headers else text

    def begin(self, status: int) -> None:
        """The head has come; one that only informs is forgotten."""
        if status in _INFORMATIONAL:
            self.headers.clear()
            self._sized = False
        else:
            self.status = status

    def add_body(self, data: bytes) -> None:
        if len(self.body_start) < self._wanted:
            self.body_start += data[: self._wanted - len(self.body_start)]

    def complete(self) -> None:
        self.whole = True
        self._finish()

    def break_off(self, failure: Failure) -> None:
        """No more will come; a connection that ends is another failure once there was a status."""
        self.error = Failure.TRUNCATED if failure is Failure.RESET and self.status is not None else failure
        self._finish()

    def _finish(self) -> None:
        if not self.done.done():  # nobody may wait any more
            self.done.set_result(None)


class _Link(asyncio.Protocol):
    """One connection, which is in `open_links` as long as anything of it is left.

    number    counted from 0
    reusable  the last response left it open
    ended     nothing of it is left
    """

    def __init__(self, open_links: set[_Link]) -> None:
        self.number = 0
        self.reusable = False
        self.ended = asyncio.Event()
        self._open_links = open_links
        self._parser = httptools.HttpResponseParser(self)
        self._reply: _Reply | None = None
        self._used = False
        self._heard = False

    @property
    def usable(self) -> bool:
        """Whether a request may go out: an idle connection with something to read has ended, or is out of step."""
        return self.reusable and not self._transport.is_closing() and not self._poll.poll(0)

    def send(self, request: bytes, reply: _Reply) -> None:
        """Send a request; the reply is told what becomes of it."""
        reply.connection = self.number
        self._reply, self.reusable, self._heard = reply, False, False
        self._transport.write(request)

    def close(self) -> None:
        """End the connection at once."""
        self._reply = None
        self.reusable = False
        self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._poll = select.poll()
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN | select.POLLRDHUP)
        self._open_links.add(self)

    def data_received(self, data: bytes) -> None:
        if self._reply is None:
            self.close()  # what nobody asked for
            return
        self._heard = True
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._break_off(Failure.PROTOCOL)
            self.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._open_links.discard(self)
        self.reusable = False
        reply = self._reply
        if reply is not None and reply.ends_with_connection and error is None:
            reply.complete()
        elif reply is not None:
            # A program that closes a connection after it has read a request ends it in order; that is an answer of
            # sorts and counts. A reset or a broken pipe comes from a socket that was closed before it was read.
            reply.unread = self._used and not self._heard and isinstance(error, ConnectionResetError | BrokenPipeError)
            reply.break_off(Failure.RESET)
        self._reply = None
        self.ended.set()

    # httptools

    def on_message_begin(self) -> None:
        if self._reply is None:
            self.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._reply is not None:
            self._reply.add_header(name.decode("latin-1").lower(), value)

    def on_headers_complete(self) -> None:
        if self._reply is None:
            return
        self._reply.begin(self._parser.get_status_code())
        if self._reply.to_head and self._reply.status is not None:
            keeps = self._parser.should_keep_alive()
            self._parser = httptools.HttpResponseParser(self)  # this one waits for a body
            self._complete(keeps)

    def on_body(self, data: bytes) -> None:
        if self._reply is None:
            self.close()
        else:
            self._reply.add_body(data)

    def on_message_complete(self) -> None:
        if self._reply is not None and self._reply.status is not None:
            self._complete(self._parser.should_keep_alive())

    def _complete(self, reusable: bool) -> None:
        reply, self._reply = self._reply, None
        assert reply is not None
        self.reusable, self._used = reusable, True
        reply.complete()

    def _break_off(self, failure: Failure) -> None:
        if self._reply is not None:
            self._reply.break_off(failure)


def _why_no_connection(error: OSError) -> Failure:
    if isinstance(error, gaierror):
        return Failure.DNS
    return Failure.TLS if isinstance(error, ssl.SSLError) else Failure.CONNECT


def _written(plan: Plan, *, proxied: bool) -> bytes:
    """The bytes of the plan's request."""
    request = plan.request
    parts = urlsplit(request.url)
    rest = request.url[len(f"{parts.scheme}://{parts.netloc}") :]
    path = rest if rest.startswith("/") else f"/{rest}"
    line = f"{request.method} {request.url if proxied else path} HTTP/1.1"
    lines = (line, *(f"{name}: {value}" for name, value in _headers(plan)))
    return "\r\n".join((*lines, "", "")).encode() + request.body


def _headers(plan: Plan) -> Iterator[tuple[str, str]]:
    parts = urlsplit(plan.request.url)
    own = plan.request.headers
    named = {name.lower() for name, _ in own}
    if "host" not in named:
        yield "Host", parts.netloc.removesuffix(f":{PORTS[parts.scheme]}")
    yield from own
    if "user-agent" not in named:
        yield "User-Agent", USER_AGENT
    if "accept" not in named:
        yield "Accept", "*/*"
    if plan.request.body or plan.request.method not in _WITHOUT_BODY:
        yield "Content-Length", str(len(plan.request.body))
