"""Texts with variables, as `return`, `add_header` and `log_format` take them."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp import web

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_FOR_LOGS = re.compile(r"[^ !#-\[\]-~]")


@dataclass(slots=True)
class Exchange:
    """One request and, once it is known, what became of it."""

    request: web.BaseRequest
    server_name: str
    port: int
    uri: str
    moment: datetime
    status: int = 0
    body_bytes: int = 0

    @property
    def host(self) -> str:
        """The host asked for, in lower case and without port; the server's name if the client named none."""
        named = self.request.headers.get("Host", "").lower()
        return re.sub(r":\d*$", "", named) or self.server_name


Value = Callable[[Exchange], str]

_VARIABLES: Mapping[str, Value] = {
    "args": lambda x: x.request.rel_url.raw_query_string,
    "body_bytes_sent": lambda x: str(x.body_bytes),
    "document_uri": lambda x: x.uri,
    "host": lambda x: x.host,
    "hostname": lambda _x: socket.gethostname(),
    "is_args": lambda x: "?" if x.request.rel_url.raw_query_string else "",
    "msec": lambda x: f"{x.moment.timestamp():.3f}",
    "query_string": lambda x: x.request.rel_url.raw_query_string,
    "remote_addr": lambda x: x.request.remote or "",
    "remote_user": lambda _x: "",
    "request": lambda x: f"{x.request.method} {x.request.raw_path} {_protocol(x)}",
    "request_method": lambda x: x.request.method,
    "request_uri": lambda x: x.request.raw_path,
    "scheme": lambda _x: "http",
    "server_name": lambda x: x.server_name,
    "server_port": lambda x: str(x.port),
    "server_protocol": lambda x: _protocol(x),
    "status": lambda x: str(x.status),
    "time_iso8601": lambda x: x.moment.astimezone(UTC).isoformat(timespec="seconds"),
    "time_local": lambda x: x.moment.astimezone(UTC).strftime("%d/%b/%Y:%H:%M:%S %z"),
    "uri": lambda x: x.uri,
}


def text_value(text: str) -> Value:
    """The text with its variables filled in for each request.

    raises  ValueError that names a variable this stand-in does not have
    """
    return _compiled(text, lambda value: value)


def log_value(text: str) -> Value:
    """Like `text_value`, for a line of a log: what clients sent is escaped, and what is empty is a dash.

    raises  ValueError
    """
    return _compiled(text, lambda value: _FOR_LOGS.sub(_escaped, value) or "-")


def _compiled(text: str, shown: Callable[[str], str]) -> Value:
    literals: list[str] = []
    values: list[Value] = []
    end = 0
    for match in _VARIABLE.finditer(text):
        literals.append(text[end : match.start()])
        values.append(_variable(match[1] or match[2]))
        end = match.end()
    tail = text[end:]
    if not values:
        return lambda _exchange: tail
    pairs = tuple(zip(literals, values, strict=True))
    return lambda exchange: "".join(literal + shown(value(exchange)) for literal, value in pairs) + tail


def _variable(name: str) -> Value:
    if name in _VARIABLES:
        return _VARIABLES[name]
    if name.startswith("http_"):
        header = name.removeprefix("http_").replace("_", "-")
        return lambda exchange: exchange.request.headers.get(header, "")
    if name.startswith("arg_"):
        return lambda exchange: _argument(exchange, name.removeprefix("arg_"))
    raise ValueError(f"variable '${name}' is not known to this stand-in of nginx")


def _argument(exchange: Exchange, name: str) -> str:
    """One argument of the query as it was sent, escapes and all."""
    for part in exchange.request.rel_url.raw_query_string.split("&"):
        key, _, value = part.partition("=")
        if key.lower() == name.lower():
            return value
    return ""


def _protocol(exchange: Exchange) -> str:
    version = exchange.request.version
    return f"HTTP/{version.major}.{version.minor}"


def _escaped(match: re.Match[str]) -> str:
    return "".join(f"\\x{byte:02X}" for byte in match[0].encode(errors="surrogateescape"))
