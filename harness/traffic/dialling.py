"""Connections to where the requests of a plan go: the environment's proxy if there is one, else the URL's host."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Final, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from aiohappyeyeballs import AddrInfoType, start_connection

from harness.errors import EnvironmentFailed

ADDRESSES_SECONDS: Final = 10.0
"""How long the addresses of a name are believed: asking for each connection would measure the cluster's DNS."""
_NEXT_ADDRESS_SECONDS: Final = 0.25
"""RFC 8305 §5: how long one address is waited for before the next is tried beside it."""
P = TypeVar("P", bound=asyncio.Protocol)
PORTS: Final = {"http": 80, "https": 443}
"""What a URL without a port means."""


class Dialler:
    """Opens connections for the requests to one URL.

    proxied  whether they lead to a proxy that is told the whole URL
    raises   EnvironmentFailed if the environment names a proxy of another kind
    """

    def __init__(self, url: str) -> None:
        target = urlsplit(url)
        proxy = proxy_for(url)
        self.proxied = proxy is not None
        place = urlsplit(proxy) if proxy else target
        self._host = place.hostname or ""  # a plan has one
        self._port = PORTS[place.scheme] if place.port is None else place.port
        self._tls = ssl.create_default_context() if target.scheme == "https" else None
        self._lookup: asyncio.Task[list[AddrInfoType]] | None = None
        self._believed_until = 0.0

    async def open(self, protocol: Callable[[], P]) -> P:
        """A connection whose data the protocol gets.

        raises  socket.gaierror if the host has no address; ssl.SSLError if TLS could not be agreed on;
                OSError if nobody answers
        """
        loop = asyncio.get_running_loop()
        sock = await start_connection(await self.resolved(), happy_eyeballs_delay=_NEXT_ADDRESS_SECONDS)
        name = self._host if self._tls else None
        try:
            _, made = await loop.create_connection(protocol, sock=sock, ssl=self._tls, server_hostname=name)
        except OSError as error:
            if self._tls is None or isinstance(error, ssl.SSLError):
                raise
            raise ssl.SSLError(f"the connection ended before TLS was agreed on: {error}") from error
        return made

    async def close(self) -> None:
        """Give up the look-up that is under way; returns when nothing is left of it."""
        if self._lookup is not None:
            self._lookup.cancel()
            await asyncio.wait([self._lookup])

    async def resolved(self) -> list[AddrInfoType]:
        """The addresses, asked for by one look-up at a time: each takes a thread, and all who wait want the same.

        raises  socket.gaierror if there are none
        """
        lookup = self._lookup
        if lookup is None or (lookup.done() and asyncio.get_running_loop().time() >= self._believed_until):
            lookup = self._lookup = asyncio.create_task(self._look_up())
        return await asyncio.shield(lookup)  # whoever gives up waits no more, the others do

    async def _look_up(self) -> list[AddrInfoType]:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except UnicodeError as error:  # an empty or overlong label has no form that could be asked for
            raise socket.gaierror(socket.EAI_NONAME, str(error)) from error
        self._believed_until = loop.time() + ADDRESSES_SECONDS
        return list(found)


def proxy_for(url: str) -> str | None:
    """The environment's proxy for this URL (`http_proxy`, `no_proxy`), or None.

    Requests by TLS have none: what is measured there is the way to the host, not a tunnel's.

    raises  EnvironmentFailed if it is not spoken to by plain HTTP
    """
    parts = urlsplit(url)
    if parts.scheme != "http" or any(proxy_bypass(name) for name in (parts.hostname or "", parts.netloc)):
        return None
    proxy = getproxies_environment().get("http")
    if proxy is None:
        return None
    place = proxy if "://" in proxy else f"http://{proxy}"
    if not place.lower().startswith("http://"):
        raise EnvironmentFailed(f"http_proxy is {proxy}, and a sender speaks plain HTTP to its proxy: http://HOST:PORT")
    return place
