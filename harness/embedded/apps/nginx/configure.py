"""Turns statements into a site, or into the list of all directives that this stand-in cannot obey."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from harness.embedded.apps.nginx import unseen
from harness.embedded.apps.nginx.directives import (
    COMBINED,
    REPEATABLE,
    SETTINGS,
    check_error_log,
    keepalive_seconds,
    log_format,
    returned,
)
from harness.embedded.apps.nginx.files import ContainerFiles
from harness.embedded.apps.nginx.listen import DEFAULT_PORT, parse_listen, parse_location, parse_names
from harness.embedded.apps.nginx.site import Location, Locations, Return, Server, Settings, Site
from harness.embedded.apps.nginx.statements import Statement, read_statements
from harness.embedded.apps.nginx.values import Value, log_value
from harness.errors import Finding, InputError, nearest

TYPES_WITHOUT_DIRECTIVE = {"html": "text/html", "gif": "image/gif", "jpg": "image/jpeg"}

Result = TypeVar("Result")


def load_site(path: str, files: ContainerFiles) -> Site:
    """The site that a configuration file of the container describes.

    raises  InputError with all directives that cannot be obeyed, each at its file and line
    """
    builder = _SiteBuilder()
    builder.main(read_statements(path, files, builder.findings.append))
    if not builder.ports and not builder.findings:
        builder.findings.append(Finding(path, 0, "no server listens, so there is nothing to serve"))
    if builder.findings:
        raise InputError(sorted(set(builder.findings)))
    return Site({port: listeners.in_order() for port, listeners in builder.ports.items()})


@dataclass(slots=True)
class _Listeners:
    """The servers of one port."""

    servers: list[Server] = field(default_factory=list)
    default: Server | None = None

    def in_order(self) -> tuple[Server, ...]:
        """The default server first, the others as in the file."""
        first = self.servers[0] if self.default is None else self.default
        return (first, *(server for server in self.servers if server is not first))


class _SiteBuilder:
    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.ports: dict[int, _Listeners] = {}
        self._formats: dict[str, Value] = {}

    def main(self, statements: Iterable[Statement]) -> None:
        """Take everything outside of `http`, and the `http` blocks."""
        for statement in statements:
            if statement.name == "http":
                self._http(statement.block or ())
            elif statement.name == "error_log":
                self._obeyed(statement, check_error_log)
            elif statement.name not in unseen.IN_MAIN:
                self._refuse(statement, ("http", "error_log"))

    def _http(self, block: tuple[Statement, ...]) -> None:
        formats = [self._obeyed(statement, log_format) for statement in block if statement.name == "log_format"]
        self._formats = {"combined": log_value(COMBINED), **dict(filter(None, formats))}
        settings = Settings(access_logs=(self._formats["combined"],), types=TYPES_WITHOUT_DIRECTIVE)
        for statement in block:
            if statement.name == "keepalive_timeout":
                seconds = self._obeyed(statement, keepalive_seconds)
                settings = replace(settings, keepalive_seconds=seconds or 0.0)
        settings = self._settings(block, settings, ("server", "log_format", "keepalive_timeout"))
        for statement in block:
            if statement.name == "server":
                self._server(statement.block or (), settings)

    def _server(self, block: tuple[Statement, ...], above: Settings) -> None:
        settings = self._settings(block, above, ("listen", "server_name", "location", "return"))
        names = [self._obeyed(statement, parse_names) for statement in block if statement.name == "server_name"]
        server = Server(
            names=tuple(name for group in names if group for name in group) or ("",),
            settings=settings,
            returned=self._return(block),
            locations=self._locations(block, settings),
        )
        self._listen(block, server)

    def _listen(self, block: tuple[Statement, ...], server: Server) -> None:
        statements = [statement for statement in block if statement.name == "listen"]
        if not statements:
            self.ports.setdefault(DEFAULT_PORT, _Listeners()).servers.append(server)
        for statement in statements:
            listen = self._obeyed(statement, parse_listen)
            if listen is None:
                continue
            listeners = self.ports.setdefault(listen.port, _Listeners())
            if server not in listeners.servers:  # `listen 80` beside `listen [::]:80` is one port here.
                listeners.servers.append(server)
            if listen.default and listeners.default not in (None, server):
                self._report(statement, f"port {listen.port} has two default servers")
            elif listen.default:
                listeners.default = server

    def _locations(self, block: tuple[Statement, ...], above: Settings) -> Locations:
        exact: dict[str, Location] = {}
        prefixes: dict[str, tuple[Location, bool]] = {}
        patterns: list[tuple[re.Pattern[str], Location]] = []
        for statement in (statement for statement in block if statement.name == "location"):
            inner = statement.block or ()
            location = Location(self._settings(inner, above, ("return",)), self._return(inner))
            head = self._obeyed(statement, parse_location)
            if head is None:
                continue
            modifier, path = head
            if isinstance(path, re.Pattern):
                patterns.append((path, location))
            elif path in (exact if modifier == "=" else prefixes):
                self._report(statement, f"'location' {path} is given twice")
            elif modifier == "=":
                exact[path] = location
            else:
                prefixes[path] = (location, modifier == "^~")
        return Locations(exact, prefixes, tuple(patterns))

    def _return(self, block: tuple[Statement, ...]) -> Return | None:
        """What the first `return` of a block gives; nginx never comes to a second one."""
        answers = [self._obeyed(statement, returned) for statement in block if statement.name == "return"]
        return answers[0] if answers else None

    def _settings(self, block: tuple[Statement, ...], above: Settings, others: tuple[str, ...]) -> Settings:
        """What a block sets on top of the level above; `others` are the directives its caller takes itself."""
        settings = above
        seen: set[str] = set()
        for statement in block:
            name = statement.name
            directive = SETTINGS.get(name)
            if directive is not None:
                if name in seen and name not in REPEATABLE:
                    self._report(statement, f"'{name}' is given twice")
                seen.add(name)
                settings = self._obeyed(statement, directive, settings, above, self._formats) or settings
            elif name not in others and name not in unseen.IN_HTTP:
                self._refuse(statement, (*others, *SETTINGS))
        return settings

    def _obeyed(self, statement: Statement, read: Callable[..., Result], *more: object) -> Result | None:
        """What `read` makes of a directive; None and a finding if it refuses."""
        try:
            return read(statement, *more)
        except ValueError as error:
            self._report(statement, str(error))
            return None

    def _refuse(self, statement: Statement, known: tuple[str, ...]) -> None:
        self._report(
            statement,
            f"'{statement.name}' is not obeyed here by this stand-in of nginx{nearest(statement.name, known)}",
        )

    def _report(self, statement: Statement, message: str) -> None:
        self.findings.append(Finding(statement.file, statement.line, message))
