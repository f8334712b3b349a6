"""The small grammars of a `server` block: `listen`, `server_name` and the head of a `location`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.embedded.apps.nginx.directives import Refused
from harness.embedded.apps.nginx.statements import Statement

DEFAULT_PORT = 80

_ADDRESS = re.compile(r"(?:(?:\*|0\.0\.0\.0|\[::\])(?::(?P<after>\d+))?)|(?P<alone>\d+)")
# Sockets are opened by the runtime of this stand-in; these only say how nginx should open its own.
_UNSEEN_OPTIONS = re.compile(r"reuseport|deferred|bind|(?:backlog|rcvbuf|sndbuf|so_keepalive|ipv6only|fastopen)=\S+")
_NAME = re.compile(r"(?:\*\.|\.)?[\w-]+(?:\.[\w-]+)*|[\w-]+(?:\.[\w-]+)*\.\*|")


@dataclass(frozen=True, slots=True)
class Listen:
    """A port, and whether the server answers hosts that nobody names there."""

    port: int
    default: bool


def parse_listen(statement: Statement) -> Listen:
    """The port of a `listen`; the pod's address stands for every wildcard address.

    raises  Refused
    """
    address, *options = statement.args
    parsed = _ADDRESS.fullmatch(address)
    if parsed is None:
        raise Refused(f"'listen' must be a port on all addresses, not {address!r}")
    for option in options:
        if option != "default_server" and not _UNSEEN_OPTIONS.fullmatch(option):
            raise Refused(f"'listen' with {option!r} is not known to this stand-in of nginx")
    port = int(parsed["after"] or parsed["alone"] or DEFAULT_PORT)
    if not 0 < port < 65536:
        raise Refused(f"'listen' needs a port from 1 to 65535, not {port}")
    return Listen(port, "default_server" in options)


def parse_names(statement: Statement) -> tuple[str, ...]:
    """The names of a `server_name`, `.example.org` as the two it stands for.

    raises  Refused
    """
    names: list[str] = []
    for name in (word.lower() for word in statement.args):
        if not _NAME.fullmatch(name):
            raise Refused(f"'server_name' must be names or wildcards at one end, not {name!r}")
        names += (name[1:], f"*{name}") if name.startswith(".") else (name,)
    return tuple(names)


def parse_location(statement: Statement) -> tuple[str, str | re.Pattern[str]]:
    """Modifier ("", "=", "^~", "~" or "~*") and path or expression of a `location`.

    raises  Refused
    """
    words = statement.args
    if len(words) == 1:  # The modifier may stick to the path.
        split = re.fullmatch(r"(=|\^~|~\*|~)?(.*)", words[0], re.DOTALL)
        words = (split[1] or "", split[2]) if split else ("", words[0])
    modifier, path = words
    if modifier not in ("", "=", "^~", "~", "~*"):
        raise Refused(f"'location' has the modifier {modifier!r}; known are =, ^~, ~ and ~*")
    if modifier.startswith("~"):
        return modifier, _expression(modifier, path)
    if not path.startswith("/"):
        raise Refused(f"'location' must be a path or an expression, not {path!r}")
    return modifier, path


def _expression(modifier: str, text: str) -> re.Pattern[str]:
    try:
        return re.compile(text, re.IGNORECASE if modifier == "~*" else 0)
    except re.error as error:
        raise Refused(f"'location' has an expression this stand-in cannot read: {error}") from error
