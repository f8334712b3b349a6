"""Redirects as answers of the proxy (§1.57).

A redirect to where the request goes already is none: `leads_back` says of which requests that is true, so that an entry
for them can stand before. A port that is the scheme's own is written where it replaces another and the host stays:
Linkerd leaves it out, which means the same.
"""

from __future__ import annotations

import re
from typing import Final

from harness.embedded.dataplane.compile.local_replies import ERROR_HEADER, closing, explained
from harness.embedded.dataplane.compile.matching import Tier
from harness.embedded.dataplane.compile.names import Config
from harness.resources.filters import PathRewrite, RequestRedirect
from harness.resources.matches import PathMatch

_CODES: Final = {
    301: "MOVED_PERMANENTLY",
    302: "FOUND",
    303: "SEE_OTHER",
    307: "TEMPORARY_REDIRECT",
    308: "PERMANENT_REDIRECT",
}
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def can_redirect(item: RequestRedirect) -> bool:
    """True if the proxy has an answer of that status."""
    return item.status_code in _CODES


def redirect(item: RequestRedirect, port: int, path: PathMatch, tier: Tier, *, explains: bool = True) -> Config:
    """What an entry answers: a `redirect`, or 500 if a prefix is to be replaced where none was matched.

    port        that clients dial: a new hostname keeps it, unless it is left out as the scheme's own
    path, tier  by which the entry was found
    explains    whether a 500 tells its reason to the client
    """
    rewrite = item.path
    if rewrite is not None and rewrite.type == "ReplacePrefixMatch" and path.type != "PathPrefix":
        why = explained(ERROR_HEADER, "unexpected error") if explains else []
        return {"direct_response": {"status": 500}, "response_headers_to_add": [*why, closing()]}
    answer: Config = {"response_code": _CODES[item.status_code]}
    if item.scheme is not None:
        answer["scheme_redirect"] = item.scheme
    if item.hostname is not None:
        answer["host_redirect"] = item.hostname
    found = _port(item, port)
    if found is not None:
        answer["port_redirect"] = found
    return {"redirect": {**answer, **(_path(rewrite, path, tier) if rewrite else {})}}


def leads_back(item: RequestRedirect, path: PathMatch, tier: Tier) -> list[Config] | None:
    """What is true of requests that the redirect would lead to where they go already; None if of none.

    path, tier  by which the entry was found
    """
    same_path = _same_path(item.path, path, tier)
    if item.scheme not in (None, "http") or same_path is None:
        return None
    return [*_same_authority(item), *same_path]


def _same_authority(item: RequestRedirect) -> list[Config]:
    if item.hostname is not None and item.port is not None:
        return [_of(":authority", {"exact": f"{item.hostname}:{item.port}"})]
    if item.hostname is not None:  # the port stays, unless it is written and need not be
        pattern = rf"{re.escape(item.hostname)}(:[0-9]+)?"
        return [_of(":authority", {"safe_regex": {"regex": pattern}}), _without_port_80()]
    if item.port == _DEFAULT_PORTS["http"]:
        return [_of(":authority", {"safe_regex": {"regex": "[^:]*"}})]
    return [] if item.port is None else [_of(":authority", {"suffix": f":{item.port}"})]


def _without_port_80() -> Config:
    return {**_of(":authority", {"suffix": ":80"}), "invert_match": True}


def _same_path(rewrite: PathRewrite | None, path: PathMatch, tier: Tier) -> list[Config] | None:
    if rewrite is None:
        return []
    if rewrite.type == "ReplaceFullPath":
        return [_of(":path", {"exact": rewrite.value})]
    prefix = path.value if path.value == "/" else path.value.rstrip("/")
    if path.type != "PathPrefix" or rewrite.value != prefix:
        return None
    if path.value != "/" or tier is Tier.WHOLE:
        return []
    return [_of(":path", {"safe_regex": {"regex": "/([/?].*)?"}})]  # of others the first slash would be doubled


def _of(header: str, wanted: Config) -> Config:
    return {"name": header, "string_match": wanted}


def _port(item: RequestRedirect, dialled: int) -> int | None:
    """The port to write; a host that is written together with it has it in any case."""
    own = _DEFAULT_PORTS.get(item.scheme or "http")
    if item.hostname is not None:
        if item.port is not None:
            return item.port
        return None if dialled in (own, _DEFAULT_PORTS["http"]) else dialled  # clients leave out 80
    return None if item.port == own == dialled else item.port


def _path(rewrite: PathRewrite, path: PathMatch, tier: Tier) -> Config:
    if rewrite.type == "ReplaceFullPath":
        return {"path_redirect": rewrite.value, "strip_query": True}
    if tier is Tier.WHOLE:
        return {"path_redirect": rewrite.value}
    if path.value == "/":  # the proxy would swallow the slash behind it
        substitution = rewrite.value.replace("\\", r"\\") + r"/\1"
        return {"regex_rewrite": {"pattern": {"regex": "^//?(.*)$"}, "substitution": substitution}}
    return {"prefix_rewrite": rewrite.value}
