"""Who asks, and for what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from harness.resources.identities import service_account_identity
from harness.resources.networks import IPAddress

_DEFAULT_PORT: Final = 80


@dataclass(frozen=True, slots=True)
class Sender:
    """A client.

    meshed   False also for the kubelet and for an ingress that is not injected (§4.14)
    address  where its connections come from; None if nobody knows before it runs: somewhere in 10.0.0.0/8
    """

    namespace: str
    service_account: str = "default"
    meshed: bool = True
    address: IPAddress | None = None

    @property
    def identity(self) -> str | None:
        """What other proxies know it by; None without a proxy of its own (§3.22, §3.23)."""
        return service_account_identity(self.namespace, self.service_account) if self.meshed else None

    def __str__(self) -> str:
        return f"{self.namespace}/{self.service_account}" + ("" if self.meshed else " (not meshed)")


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request as its client writes it.

    host, port  what the client dials
    target      raw path with the query, as sent
    headers     names in any case; a name may come again
    authority   the Host it names; "" for the host and port that it dials
    """

    host: str
    port: int = _DEFAULT_PORT
    target: str = "/"
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    authority: str = ""

    @classmethod
    def of(
        cls, method: str, url: str, headers: Mapping[str, str] | Iterable[tuple[str, str]] = (), *, authority: str = ""
    ) -> Request:
        """The request for an absolute http URL.

        raises  ValueError if the URL names no host, or is of another scheme
        """
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"'{url}' is no URL such as http://authors:7001/authors.json")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        return cls(parts.hostname, parts.port or _DEFAULT_PORT, target, method, tuple(pairs), authority)

    @property
    def path(self) -> str:
        """The raw path, without the query (§1.38)."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> tuple[tuple[str, str], ...]:
        """Names and form-decoded values of the query parameters (§1.44)."""
        return tuple(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    @property
    def named_authority(self) -> str:
        """The Host that the request carries; a default port is left out."""
        return self.authority or (self.host if self.port == _DEFAULT_PORT else f"{self.host}:{self.port}")

    def values(self, name: str) -> tuple[str, ...]:
        """All values of a header (§1.43)."""
        return tuple(value for key, value in self.headers if key.lower() == name.lower())

    def __str__(self) -> str:
        return f"{self.method} http://{self.host}:{self.port}{self.target}"
