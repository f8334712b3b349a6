"""Regular expressions of routes, which Linkerd reads in its own way (§0.3, §1.40), for the proxy's engine."""

from __future__ import annotations

from functools import lru_cache

from harness.embedded.dataplane.compile.regex.automaton import is_nullable, spanning
from harness.embedded.dataplane.compile.regex.render import encoded_pattern, raw_pattern
from harness.embedded.dataplane.compile.regex.syntax import RegexRefused, Tree, literal, parse

__all__ = ["RegexRefused", "query_pattern", "translate"]


@lru_cache(maxsize=1024)
def translate(pattern: str) -> str:
    """The pattern whose full match in the proxy is Linkerd's match of this one; raises RegexRefused."""
    return raw_pattern(spanning(parse(pattern)))


@lru_cache(maxsize=1024)
def query_pattern(name: str, value: str, *, is_regex: bool) -> str:
    """A pattern for a whole request target that has this query parameter, in any place and encoding (§1.44).

    value   compared after form decoding: exactly, or as a regular expression; `?name` has the value ""
    raises  RegexRefused
    """
    wanted: Tree = spanning(parse(value)) if is_regex else literal(value)
    key = encoded_pattern(literal(name))
    bare = f"|{key}" if is_nullable(wanted) else ""
    return rf"[^?]*\?(?:.*&)?(?:{key}=(?:{encoded_pattern(wanted)}){bare})(?:&.*)?"
