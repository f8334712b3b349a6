"""What a configuration promises, ready to be served: servers, locations and the settings in force at each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.embedded.apps.nginx.values import Value


@dataclass(frozen=True, slots=True)
class Return:
    """What `return` gives.

    status  444 stands for closing the connection without an answer
    text    body, or URL if the status is a redirect; None if the directive gave only a status
    """

    status: int
    text: Value | None = None


@dataclass(frozen=True, slots=True)
class Header:
    """A response header of `add_header`; `always` adds it to errors too."""

    name: str
    value: Value
    always: bool = False


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """Where an error is sent inside the server; status None keeps the error's, 0 takes the page's own."""

    uri: str
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """What `http`, `server` and `location` hand down to each other."""

    root: str = "/etc/nginx/html"
    index: tuple[str, ...] = ("index.html",)
    default_type: str = "text/plain"
    types: Mapping[str, str] = field(default_factory=dict)
    headers: tuple[Header, ...] = ()
    error_pages: Mapping[int, ErrorPage] = field(default_factory=dict)
    access_logs: tuple[Value, ...] = ()
    keepalive_seconds: float = 75.0


@dataclass(frozen=True, slots=True)
class Location:
    """One `location`: its settings, and what it returns; without `returned` it serves files."""

    settings: Settings
    returned: Return | None = None


@dataclass(frozen=True, slots=True)
class Locations:
    """The `location` blocks of a server.

    exact     location = /path
    prefixes  location /path, and True if it is `^~` and so forbids looking at expressions
    patterns  location ~ expression, in order of the file
    """

    exact: Mapping[str, Location] = field(default_factory=dict)
    prefixes: Mapping[str, tuple[Location, bool]] = field(default_factory=dict)
    patterns: tuple[tuple[re.Pattern[str], Location], ...] = ()

    def find(self, uri: str) -> Location | None:
        """The location that answers a path: exact, else the longest prefix unless an expression fits."""
        if uri in self.exact:
            return self.exact[uri]
        longest = max((prefix for prefix in self.prefixes if uri.startswith(prefix)), key=len, default=None)
        location, final = (None, False) if longest is None else self.prefixes[longest]
        if not final:
            for pattern, candidate in self.patterns:
                if pattern.search(uri):
                    return candidate
        return location


@dataclass(frozen=True, slots=True)
class Server:
    """One `server` block.

    names     exact names, and wildcards as `*.example.org` or `www.example.*`; the first one is its name
    returned  answers every path before any location is looked at
    """

    names: tuple[str, ...]
    settings: Settings
    returned: Return | None
    locations: Locations

    def locate(self, uri: str) -> Location:
        """What answers a path: a location, or the server itself."""
        if self.returned is not None:
            return Location(self.settings, self.returned)
        return self.locations.find(uri) or Location(self.settings)

    def name_rank(self, host: str) -> tuple[int, int]:
        """How well a name of this server fits: exact, then longest `*.x`, then longest `x.*`; (0, 0) if none does."""
        return max((_rank(name, host) for name in self.names), default=(0, 0))


@dataclass(frozen=True, slots=True)
class Site:
    """All servers by the port they listen on; the first one of a port answers hosts that nobody names."""

    ports: Mapping[int, tuple[Server, ...]]

    def server(self, port: int, host: str) -> Server:
        """The server for a request that came in on `port` and asks for `host`."""
        servers = self.ports[port]
        best = max(servers, key=lambda server: server.name_rank(host))
        return best if best.name_rank(host) > (0, 0) else servers[0]


def _rank(name: str, host: str) -> tuple[int, int]:
    if name == host:
        return 3, len(name)
    if name.startswith("*.") and host.endswith(name[1:]):
        return 2, len(name)
    if name.endswith(".*") and host.startswith(name[:-1]):
        return 1, len(name)
    return 0, 0
