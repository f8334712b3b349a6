"""Requests over HTTP/1.1, one at a time on each connection.

A request is the same bytes each time, and a response is read by llhttp (httptools): a general client spends nearly
twice as much on each, which decides what one core can send (benchmarks/traffic.py).
"""

from __future__ import annotations

import asyncio
import select
import ssl
import sys
from socket import IPPROTO_TCP, TCP_INFO, gaierror
from types import TracebackType
from typing import Final, Self

import httptools

from harness.traffic.dialling import Dialler
from harness.traffic.exchange import Answer, header_text
from harness.traffic.outcome import ALWAYS_KEPT, Failure
from harness.traffic.plan import ALL_HEADERS, Plan
from harness.traffic.written import written

_FRAMING: Final = frozenset({"connection", "content-length", "transfer-encoding"})
_INFORMATIONAL: Final = range(100, 200)
_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
"""RFC 9110 §9.2.2."""
_BYTES_ACKED: Final = 120
"""Where Linux has `tcpi_bytes_acked`, eight bytes, in its tcp_info."""


class HttpExchange:
    """HTTP/1.1, with TLS for https, to the environment's `http_proxy` if there is one.

    plan  its request, timeout, connections and what to keep of responses
    Use it as an asynchronous context manager; leaving it closes all connections.
    """

    def __init__(self, plan: Plan) -> None:
        self.resent = 0
        self._plan = plan
        self._dialler = Dialler(plan.request.url)
        self._request = written(plan, proxied=self._dialler.proxied)
        self._kept = None if ALL_HEADERS in plan.keep_headers else frozenset((*ALWAYS_KEPT, *plan.keep_headers))
        self._links: set[_Link] = set()
        self._idle: dict[_Link, None] = {}
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
        await self._dialler.close()

    async def send(self) -> Answer:
        """Send the request once and wait for the whole response."""
        deadline = asyncio.get_running_loop().time() + self._plan.timeout_seconds
        reply = await self._attempt(self._idle_link(), deadline)
        if reply.unread:
            self.resent += 1
            reply = await self._attempt(None, deadline)
        if reply.error is not None:
            return Answer(error=reply.error, connection=reply.connection)
        return Answer(reply.status, None, reply.headers, reply.body_start.decode(errors="replace"), reply.connection)

    async def _attempt(self, link: _Link | None, deadline: float) -> _Reply:
        """The whole reply, or one that tells why there is none; on a new connection if none is given."""
        reply = _Reply(self._plan, self._kept)
        try:
            async with asyncio.timeout_at(deadline) as timeout:
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
        link = await self._dialler.open(lambda: _Link(self._links, self._idle))
        link.number, self._made = self._made, self._made + 1
        return link

    def _idle_link(self) -> _Link | None:
        """A kept connection that the server has not closed, even where the event loop has not noticed yet."""
        while self._idle:
            link, _ = self._idle.popitem()
            if link.usable:
                return link
            link.close()
        return None

    def _take_back(self, link: _Link, reply: _Reply) -> None:
        if reply.whole and link.reusable and not self._plan.fresh_connections:
            self._idle[link] = None
        else:
            link.close()


class _Reply:
    """What comes back for one request.

    done      set when nothing more will come
    begun     some of it has come, besides what only informs
    whole     all of it has come
    keeps     whether the head lets the connection stay open; None if that goes by the version
    unread    the other end had closed the connection before it read the request
    """

    def __init__(self, plan: Plan, kept: frozenset[str] | None) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.headers: dict[str, str] = {}
        self.body_start = b""
        self.status: int | None = None
        self.error: Failure | None = None
        self.connection: int | None = None
        self.begun = False
        self.whole = False
        self.keeps: bool | None = None
        self.unread = False
        self.to_head = plan.request.method == "HEAD"
        self.idempotent = plan.request.method in _IDEMPOTENT
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
        if name in _FRAMING:
            self._frame(name, value.lower())
        if self._kept is None or name in self._kept:
            text = header_text(value)
            self.headers[name] = f"{self.headers[name]}, {text}" if name in self.headers else text

    def begin(self, status: int) -> None:
        """The head has come; one that only informs is forgotten. Raises ValueError for a status that is none."""
        if status < _INFORMATIONAL.start:
            raise ValueError(f"{status} is no status")
        if status in _INFORMATIONAL:
            self.headers.clear()
            self.begun, self.keeps, self._sized = False, None, False
        else:
            self.status = status

    def add_body(self, data: bytes) -> None:
        if len(self.body_start) < self._wanted:
            self.body_start += data[: self._wanted - len(self.body_start)]

    def complete(self) -> None:
        self.whole = True
        self._finish()

    def break_off(self, failure: Failure) -> None:
        """No more will come; a connection that ends is another failure once a response has begun."""
        self.error = Failure.TRUNCATED if failure is Failure.RESET and self.begun else failure
        self._finish()

    def _frame(self, name: str, value: bytes) -> None:
        words = [word.strip() for word in value.split(b",")]
        if name == "connection":
            self.keeps = False if b"close" in words else b"keep-alive" in words or self.keeps
        else:  # RFC 9112 §6.3: of the encodings, only chunks have an end of their own
            self._sized |= name == "content-length" or words[-1] == b"chunked"

    def _finish(self) -> None:
        if not self.done.done():  # nobody may wait any more
            self.done.set_result(None)


class _Link(asyncio.Protocol):
    """One connection, which is in `open_links` as long as anything of it is left, and no longer in `idle_links`.

    A request is excused, and may go out again, if the connection was closed before it. A program's kernel acknowledges
    what it takes in for the program: with the end of the stream if not before, else within 200 ms. So a kept connection
    that *ends in order* with nothing of the request acknowledged was closed before the request came. A *reset* tells
    less, because the kernel here drops the acknowledgement on it: either nobody was there any more, or a program has
    read the request and reset the connection at once. It excuses a request that may be repeated (RFC 9110 §9.2.2),
    and none where something was acknowledged: there a program has worked on it first, or read a part.

    number    counted from 0
    reusable  the last response left it open
    ended     nothing of it is left
    """

    def __init__(self, open_links: set[_Link], idle_links: dict[_Link, None]) -> None:
        self.number = 0
        self.reusable = False
        self.ended = asyncio.Event()
        self._open_links = open_links
        self._idle_links = idle_links
        self._parser = httptools.HttpResponseParser(self)
        self._reply: _Reply | None = None
        self._used = False
        self._heard = False
        self._acked = 0
        self._passed_over = False

    @property
    def usable(self) -> bool:
        """Whether a request may go out: an idle connection with something to read has ended, or is out of step."""
        return self.reusable and not self._transport.is_closing() and not self._poll.poll(0)

    def send(self, request: bytes, reply: _Reply) -> None:
        """Send a request; the reply is told what becomes of it."""
        reply.connection = self.number
        self._reply, self.reusable, self._heard = reply, False, False
        if self._used:
            self._acked = self._acknowledged()
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
        self._socket = transport.get_extra_info("socket")
        self._poll = select.poll()
        self._poll.register(self._socket.fileno(), select.POLLIN | select.POLLRDHUP)
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

    def eof_received(self) -> None:
        self._passed_over = self._took_nothing()
        self._transport.abort()  # nothing more will come, so the rest of a request is for nobody

    def connection_lost(self, error: Exception | None) -> None:
        self._open_links.discard(self)
        self._idle_links.pop(self, None)
        self.reusable = False
        reply = self._reply
        if reply is not None and reply.ends_with_connection and error is None:
            reply.complete()
        elif reply is not None:
            reset = isinstance(error, ConnectionResetError | BrokenPipeError)
            reply.unread = self._passed_over or (reset and reply.idempotent and self._took_nothing())
            reply.break_off(Failure.RESET)
        self._reply = None
        self.ended.set()

    # httptools

    def on_message_begin(self) -> None:
        if self._reply is None:
            self.close()
        else:
            self._reply.begun = True

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._reply is not None:
            self._reply.add_header(name.decode("latin-1").lower(), value)

    def on_headers_complete(self) -> None:
        if self._reply is None:
            return
        self._reply.begin(self._parser.get_status_code())
        if self._reply.to_head and self._reply.status is not None:
            keeps = self._reply.keeps
            if keeps is None:
                keeps = self._parser.get_http_version() == "1.1"
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
        # Of an answer that came early, the rest of the request would be taken for the next one.
        self.reusable, self._used = reusable and not self._transport.get_write_buffer_size(), True
        reply.complete()

    def _took_nothing(self) -> bool:
        """Whether a kept connection that ends now took nothing of the request; by TLS, a reset leaves no trace."""
        unheard = self._used and not self._heard and self._socket.fileno() >= 0
        return unheard and self._acknowledged() == self._acked

    def _acknowledged(self) -> int:
        """How many bytes the other end's kernel has taken."""
        told = self._socket.getsockopt(IPPROTO_TCP, TCP_INFO, _BYTES_ACKED + 8)
        return int.from_bytes(told[_BYTES_ACKED:], sys.byteorder)

    def _break_off(self, failure: Failure) -> None:
        if self._reply is not None:
            self._reply.break_off(failure)


def _why_no_connection(error: OSError) -> Failure:
    if isinstance(error, gaierror):
        return Failure.DNS
    return Failure.TLS if isinstance(error, ssl.SSLError) else Failure.CONNECT
