"""The directives that set what `http`, `server` and `location` hand down, one function each.

A function takes the directive, what its block has set so far, the settings of the enclosing block and the log formats;
it returns the new settings or raises Refused. Where one level has several directives of a kind, they add up; the level
above then counts no more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from harness.embedded.apps.nginx.site import ErrorPage, Header, Return, Settings
from harness.embedded.apps.nginx.statements import Statement
from harness.embedded.apps.nginx.values import Value, log_value, text_value

COMBINED = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"'
)

# The image links its two log files to the container's output, so writing there is printing.
ACCESS_LOGS_SHOWN = frozenset({"/dev/stdout", "/var/log/nginx/access.log"})
LOGS_DROPPED = frozenset({"off", "/dev/null"})
# This stand-in writes nothing to the error log once it runs; only a real file would be missed.
ERROR_LOGS = LOGS_DROPPED | {"stderr", "/dev/stderr", "/dev/stdout", "/var/log/nginx/error.log"}

LogFormats = Mapping[str, Value]


class Refused(ValueError):
    """A directive is known but asks for what this stand-in cannot do; the message says what."""


Directive = Callable[[Statement, Settings, Settings, LogFormats], Settings]


def _root(statement: Statement, now: Settings, _above: Settings, _formats: LogFormats) -> Settings:
    path = statement.args[0]
    if not path.startswith("/") or "$" in path:
        raise Refused(f"'root' must be an absolute path without variables, not {path!r}")
    return replace(now, root=path.rstrip("/"))


def _index(statement: Statement, now: Settings, _above: Settings, _formats: LogFormats) -> Settings:
    for name in statement.args:
        if "/" in name or "$" in name:
            raise Refused(f"'index' must be file names without variables, not {name!r}")
    return replace(now, index=statement.args)


def _default_type(statement: Statement, now: Settings, _above: Settings, _formats: LogFormats) -> Settings:
    return replace(now, default_type=statement.args[0])


def _types(statement: Statement, now: Settings, _above: Settings, _formats: LogFormats) -> Settings:
    rows = statement.block or ()
    return replace(now, types={name.lower(): row.name for row in rows for name in row.args})


def _add_header(statement: Statement, now: Settings, above: Settings, _formats: LogFormats) -> Settings:
    name, value, *mode = statement.args
    if mode not in ([], ["always"]):
        raise Refused(f"'add_header' takes 'always' or nothing after the value, not {mode[0]!r}")
    here = () if now.headers is above.headers else now.headers
    return replace(now, headers=(*here, Header(name, text_value(value), always=bool(mode))))


def _error_page(statement: Statement, now: Settings, above: Settings, _formats: LogFormats) -> Settings:
    *codes, uri = statement.args
    status: int | None = None
    if codes[-1].startswith("="):
        code = codes.pop().removeprefix("=")
        status = _status(statement, code) if code else 0
    if not codes:
        raise Refused("'error_page' needs a status to act on")
    if not uri.startswith("/") or set(uri) & set("$?"):
        raise Refused(f"'error_page' must lead to a plain path of the same server, not {uri!r}")
    here = {} if now.error_pages is above.error_pages else now.error_pages
    return replace(now, error_pages={**here, **{_status(statement, code): ErrorPage(uri, status) for code in codes}})


def _access_log(statement: Statement, now: Settings, above: Settings, formats: LogFormats) -> Settings:
    path, *options = statement.args
    if path in LOGS_DROPPED:
        return replace(now, access_logs=())
    if path not in ACCESS_LOGS_SHOWN:
        raise Refused(f"'access_log' must be off or /dev/stdout, not {path!r}")
    if len(options) > 1 or "=" in "".join(options):
        raise Refused("'access_log' takes a format and nothing more")
    name = options[0] if options else "combined"
    if name not in formats:
        raise Refused(f"'access_log' uses the log_format {name!r}, which nothing defines")
    here = () if now.access_logs is above.access_logs else now.access_logs
    return replace(now, access_logs=(*here, formats[name]))


def _error_log(statement: Statement, now: Settings, _above: Settings, _formats: LogFormats) -> Settings:
    check_error_log(statement)
    return now


def _server_tokens(statement: Statement, now: Settings, _above: Settings, _formats: LogFormats) -> Settings:
    if statement.args != ("off",):
        raise Refused("'server_tokens' must be off: this stand-in has no version to show")
    return now


def _off_only(statement: Statement, now: Settings, _above: Settings, _formats: LogFormats) -> Settings:
    if statement.args != ("off",):
        raise Refused(f"'{statement.name}' must be off for this stand-in of nginx")
    return now


SETTINGS: Mapping[str, Directive] = {
    "root": _root,
    "index": _index,
    "default_type": _default_type,
    "types": _types,
    "add_header": _add_header,
    "error_page": _error_page,
    "access_log": _access_log,
    "error_log": _error_log,
    "server_tokens": _server_tokens,
    "gzip": _off_only,
    "autoindex": _off_only,
}

REPEATABLE = frozenset({"add_header", "error_page", "access_log", "error_log"})


def check_error_log(statement: Statement) -> None:
    """Nothing, if errors go to the container's output or nowhere.

    raises  Refused
    """
    if statement.args[0] not in ERROR_LOGS:
        raise Refused(f"'error_log' must be off or /dev/stderr, not {statement.args[0]!r}")


def keepalive_seconds(statement: Statement) -> float:
    """How long an idle connection is kept.

    raises  Refused
    """
    amount = re.fullmatch(r"(\d+)(ms|s|m|h)?", statement.args[0])
    if amount is None or len(statement.args) > 1:
        raise Refused(f"'keepalive_timeout' takes one time such as 65s, not {' '.join(statement.args)!r}")
    return float(amount[1]) * {None: 1, "ms": 0.001, "s": 1, "m": 60, "h": 3600}[amount[2]]


def returned(statement: Statement) -> Return:
    """What a `return` gives.

    raises  Refused
    """
    first, *text = statement.args
    if not text and re.match(r"https?://|\$scheme", first):
        return Return(302, text_value(first))
    return Return(_status(statement, first), text_value(text[0]) if text else None)


def log_format(statement: Statement) -> tuple[str, Value]:
    """Name and format of a `log_format`.

    raises  Refused
    """
    name, *parts = statement.args
    if parts[0].startswith("escape="):
        raise Refused(f"'log_format' with {parts[0]!r} is not known to this stand-in of nginx")
    return name, log_value("".join(parts))


def _status(statement: Statement, text: str) -> int:
    if not re.fullmatch(r"[2-9]\d\d", text):
        raise Refused(f"'{statement.name}' needs a status from 200 to 999, not {text!r}")
    return int(text)
