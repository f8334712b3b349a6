"""The server's end of SPDY/3.1 (draft 3.1, sections 2.2 and 2.6), as far as port-forwarding clients speak it.

kubectl since 1.31 sends these frames inside WebSocket messages. Its SPDY library keeps no flow-control windows, so
none are kept here: a stream whose reader is slow holds up the connection.
"""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

from harness.embedded.apiserver.errors import ApiError, bad_request

_WORDS = (
    *("options", "head", "post", "put", "delete", "trace", "accept", "accept-charset", "accept-encoding"),
    *("accept-language", "accept-ranges", "age", "allow", "authorization", "cache-control", "connection"),
    *("content-base", "content-encoding", "content-language", "content-length", "content-location", "content-md5"),
    *("content-range", "content-type", "date", "etag", "expect", "expires", "from", "host", "if-match"),
    *("if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "last-modified", "location"),
    *("max-forwards", "pragma", "proxy-authenticate", "proxy-authorization", "range", "referer", "retry-after"),
    *("server", "te", "trailer", "transfer-encoding", "upgrade", "user-agent", "vary", "via", "warning"),
    *("www-authenticate", "method", "get", "status", "200 OK", "version", "HTTP/1.1", "url", "public", "set-cookie"),
    *("keep-alive", "origin"),
)
_TAIL = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized"
    "403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable"
    "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT"
    "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,"
    "text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)
DICTIONARY = b"".join(struct.pack(">I", len(word)) + word.encode() for word in _WORDS) + _TAIL.encode()
"""What header blocks are compressed against (section 2.6.10.1)."""

_SYN_STREAM, _SYN_REPLY, _RST_STREAM, _PING, _GOAWAY = 1, 2, 3, 6, 7
_CONTROL, _FIN = 0x80000000, 1
_REFUSED_STREAM = 3
_FRAME = 16 * 1024
_MAX_HEADERS = 64 * 1024
_MAX_FRAME = 1024 * 1024
_MAX_STREAMS = 1024
_QUEUED = 32

Write = Callable[[bytes], Awaitable[None]]


class SpdyStream:
    """One stream that the client opened; `headers` have lower-case names."""

    def __init__(self, number: int, headers: Mapping[str, str], connection: SpdyConnection) -> None:
        self.number = number
        self.headers = headers
        self._connection = connection
        self._arrived: asyncio.Queue[bytes] = asyncio.Queue(_QUEUED)
        self._unwanted = False
        self._closed = False

    async def chunks(self) -> AsyncIterator[bytes]:
        """What the client sends until it closes its half."""
        while data := await self._arrived.get():
            yield data

    async def send(self, data: bytes) -> None:
        """Write; nothing once the stream is closed."""
        for start in range(0, len(data), _FRAME):
            if not self._closed:
                await self._connection.send_data(self.number, data[start : start + _FRAME])

    async def close(self) -> None:
        """Close our half, and read no more."""
        self.discard()
        if not self._closed:
            self._closed = True
            await self._connection.send_data(self.number, b"", last=True)

    def discard(self) -> None:
        """What still arrives is not wanted."""
        self._unwanted = True
        while not self._arrived.empty():
            self._arrived.get_nowait()

    async def take(self, data: bytes) -> None:
        """For the connection only; b"" is the end."""
        if not self._unwanted:
            await self._arrived.put(data)


class SpdyConnection:
    """Frames over any byte stream.

    write    sends bytes to the client
    opened   told of every new stream; must not wait
    """

    def __init__(self, write: Write, opened: Callable[[SpdyStream], None]) -> None:
        self._write = write
        self._opened = opened
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)
        self._deflate = zlib.compressobj(zdict=DICTIONARY)
        self._streams: dict[int, SpdyStream] = {}
        self._buffer = bytearray()

    async def receive(self, data: bytes) -> bool:
        """Take bytes as they come, in pieces of any size; False if the client is done.

        raises  ApiError 400 if they are no SPDY
        """
        self._buffer += data
        while len(self._buffer) >= 8:
            first, second = struct.unpack_from(">II", self._buffer)
            size = second & 0xFFFFFF
            if size > _MAX_FRAME:
                raise bad_request(f"a SPDY frame of {size} bytes")
            if len(self._buffer) < 8 + size:
                break
            body = bytes(self._buffer[8 : 8 + size])
            del self._buffer[: 8 + size]
            if not first & _CONTROL:
                await self._take_data(first, second >> 24, body)
            elif not await self._take_control(first & 0xFFFF, second >> 24, body):
                return False
        return True

    def forget(self, stream: SpdyStream) -> None:
        """Nothing more will come or go on this stream."""
        self._streams.pop(stream.number, None)

    async def send_data(self, number: int, data: bytes, *, last: bool = False) -> None:
        """For streams only."""
        await self._write(struct.pack(">II", number, last << 24 | len(data)) + data)

    async def _take_data(self, number: int, flags: int, data: bytes) -> None:
        stream = self._streams.get(number)
        if stream is None:
            return
        if data:
            await stream.take(data)
        if flags & _FIN:
            await stream.take(b"")

    async def _take_control(self, kind: int, flags: int, body: bytes) -> bool:
        if kind == _SYN_STREAM:
            await self._open(flags, body)
        elif kind == _RST_STREAM and len(body) >= 4:
            if (stream := self._streams.pop(_number(body), None)) is not None:
                await stream.take(b"")
        elif kind == _PING:
            await self._control(_PING, body)
        return kind != _GOAWAY

    async def _open(self, flags: int, body: bytes) -> None:
        if len(body) < 10:
            raise bad_request("a SPDY stream without headers")
        number = _number(body)
        stream = SpdyStream(number, self._headers(body[10:]), self)
        if number in self._streams or len(self._streams) >= _MAX_STREAMS:
            await self._control(_RST_STREAM, struct.pack(">II", number, _REFUSED_STREAM))
            return
        self._streams[number] = stream
        none = self._deflate.compress(struct.pack(">I", 0)) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        await self._control(_SYN_REPLY, struct.pack(">I", number) + none)
        if flags & _FIN:
            await stream.take(b"")
        self._opened(stream)

    async def _control(self, kind: int, body: bytes) -> None:
        await self._write(struct.pack(">HHI", 0x8003, kind, len(body)) + body)

    def _headers(self, block: bytes) -> dict[str, str]:
        try:
            plain = self._inflate.decompress(block, _MAX_HEADERS)
            if self._inflate.unconsumed_tail:
                raise bad_request(f"SPDY headers of more than {_MAX_HEADERS} bytes")
            (count,), place = struct.unpack_from(">I", plain), 4
            texts = []
            for _ in range(2 * count):
                (size,) = struct.unpack_from(">I", plain, place)
                texts.append(plain[place + 4 : place + 4 + size].decode("latin-1"))
                place += 4 + size
        except (zlib.error, struct.error) as error:
            raise _nonsense(error) from None
        return {name.lower(): value for name, value in zip(texts[::2], texts[1::2], strict=True)}


def _number(body: bytes) -> int:
    return int(struct.unpack_from(">I", body)[0] & 0x7FFFFFFF)


def _nonsense(error: Exception) -> ApiError:
    return bad_request(f"SPDY headers that cannot be read: {error}")
