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
    """

    def __init__(self, url: str) -> None:
        target = urlsplit(url)
        proxy = proxy_for(url)
        self.proxied = proxy is not None
        place = urlsplit(proxy) if proxy else target
        self._host = place.hostname or ""  # a plan has one
        self._port = place.port or PORTS[place.scheme]
        self._tls = ssl.create_default_context() if target.scheme == "https" else None
        self._addresses: list[AddrInfoType] = []
        self._believed_until = 0.0

    async def open(self, protocol: Callable[[], P]) -> P:
        """A connection whose data the protocol gets.

        raises  socket.gaierror if the host has no address; ssl.SSLError if TLS could not be agreed on;
                OSError if nobody answers
        """
        loop = asyncio.get_running_loop()
        sock = await start_connection(await self._resolved(), happy_eyeballs_delay=_NEXT_ADDRESS_SECONDS)
        name = self._host if self._tls else None
        _, made = await loop.create_connection(protocol, sock=sock, ssl=self._tls, server_hostname=name)
        return made

    async def _resolved(self) -> list[AddrInfoType]:
        loop = asyncio.get_running_loop()
        if loop.time() >= self._believed_until:
            self._addresses = list(await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM))
            self._believed_until = loop.time() + ADDRESSES_SECONDS
        return self._addresses


def proxy_for(url: str) -> str | None:
    """The environment's proxy for this URL (`http_proxy`, `no_proxy`), or None.

    Requests by TLS have none: what is measured there is the way to the host, not a tunnel's.
    """
    parts = urlsplit(url)
    if parts.scheme != "http" or proxy_bypass(parts.hostname or ""):
        return None
    return getproxies_environment().get("http")
