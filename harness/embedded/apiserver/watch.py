"""Watches: a stream of what changed, without gaps, from a resourceVersion on."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import orjson

from harness.embedded.apiserver.errors import ApiError, Cause, bad_request, invalid
from harness.embedded.apiserver.httpd import Stream
from harness.embedded.apiserver.objects import Obj, namespace_of
from harness.embedded.apiserver.selectors import Match, object_matcher
from harness.embedded.apiserver.store import Event, Store
from harness.embedded.apiserver.targets import Target
from harness.embedded.apiserver.views import View

BOOKMARK_SECONDS = 30.0
_LONGEST = 1800.0
"""Seconds a watch lasts at least if the client names no end, as on a real API server."""
_MAX_PENDING = 16 * 1024 * 1024
"""Bytes waiting for one slow client before it is cut off and has to list again."""
_EARLY = 0.001
"""Seconds that a timer may fire too early."""
_TRUE = ("1", "true", "True")


@dataclass(frozen=True, slots=True)
class WatchRequest:
    """What a client wants to see.

    since     send what came after this revision; None means from now on
    initial   first send everything there is as ADDED
    mark_end  tell by a bookmark when that is done
    """

    target: Target
    match: Match | None
    since: int | None
    initial: bool
    mark_end: bool
    bookmarks: bool
    seconds: float


def is_watch(query: Mapping[str, str]) -> bool:
    """The query asks for a watch instead of a list."""
    return query.get("watch") in _TRUE


def parse_watch(store: Store, target: Target, query: Mapping[str, str]) -> WatchRequest:
    """The request in a query.

    raises  ApiError 400, 422 (sendInitialEvents without its companions), 504 (resourceVersion of the future)
    """
    asked, match_rule = query.get("resourceVersion", ""), query.get("resourceVersionMatch", "")
    send_initial = query.get("sendInitialEvents", "")
    if send_initial and match_rule != "NotOlderThan":
        said = "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        raise invalid(target.kind, "", [Cause("FieldValueForbidden", said, "resourceVersionMatch")])
    if match_rule and not send_initial:
        said = "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
        raise invalid(target.kind, "", [Cause("FieldValueForbidden", said, "resourceVersionMatch")])
    revision = parse_revision(store, asked)
    initial = send_initial in _TRUE or (not send_initial and not revision)
    fields = query.get("fieldSelector", "")
    if target.name:
        fields = ",".join(filter(None, [fields, f"metadata.name={target.name}"]))
    return WatchRequest(
        target=target,
        match=object_matcher(target.kind, query.get("labelSelector", ""), fields),
        since=None if initial or not revision else revision,
        initial=initial,
        mark_end=send_initial in _TRUE and query.get("allowWatchBookmarks") in _TRUE,
        bookmarks=query.get("allowWatchBookmarks") in _TRUE,
        seconds=_seconds(query.get("timeoutSeconds", "")),
    )


def parse_revision(store: Store, text: str) -> int:
    """A resourceVersion as a number, 0 for none; ApiError 400 or 504 if it lies ahead."""
    if text in ("", "0"):
        return 0
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise bad_request(f'resourceVersion: Invalid value: "{text[:40]}": must be a number given out by this server')
    if int(text) > store.revision:
        cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
        details = {"causes": [cause], "retryAfterSeconds": 1}
        raise ApiError(504, "Timeout", f"Too large resource version: {text}, current: {store.revision}", details)
    return int(text)


def watch_stream(store: Store, request: WatchRequest, view: View) -> Stream:
    """The answer to a watch."""
    return Stream(_Watcher(store, request, view).lines())


class _Watcher:
    """One watch: collects encoded events while the connection is busy."""

    def __init__(self, store: Store, request: WatchRequest, view: View) -> None:
        self._store = store
        self._view = view
        self._columns_told = False
        self._request = request
        self._kind = request.target.kind
        self._version = request.target.version
        self._pending: list[bytes] = []
        self._pending_size = 0
        self._news = asyncio.Event()

    async def lines(self) -> AsyncIterator[bytes]:
        """Newline-ended JSON events, several to a chunk; ends by itself when the time is over."""
        loop = asyncio.get_running_loop()
        unsubscribe = self._store.subscribe([self._kind.key], self._take)
        end = loop.time() + self._request.seconds
        due = min(end, loop.time() + BOOKMARK_SECONDS)
        alarm = loop.call_at(due, self._news.set)
        try:
            if (start := self._start()) is None:
                yield self._error_line
                return
            yield start
            while self._pending_size <= _MAX_PENDING:
                await self._news.wait()
                now = loop.time()
                # A server that was held up may come here late: the last thing a client hears is still how far it came.
                over = end - now < _EARLY
                if over or due - now < _EARLY:
                    self._add(self._bookmark() if self._request.bookmarks else b"")
                    due = min(end, now + BOOKMARK_SECONDS)
                    alarm = loop.call_at(due, self._news.set)
                yield self._take_pending()
                if over:
                    return
        finally:
            alarm.cancel()
            unsubscribe()

    def _start(self) -> bytes | None:
        """What the client gets first; None if history does not reach back (`_error_line` says so)."""
        request = self._request
        if request.initial:
            found = self._store.list(self._kind.key, request.target.space)
            lines = [self._line("ADDED", obj) for obj in found if request.match is None or request.match(obj)]
            return b"".join(lines) + (self._bookmark(ends_initial=True) if request.mark_end else b"")
        if request.since is None:
            return b""
        try:
            events = self._store.since(self._kind.key, request.since)
        except ApiError as error:
            # A watch that has begun answers 200 and tells in the stream.
            self._error_line = b'{"type":"ERROR","object":%b}\n' % orjson.dumps(error.status())
            return None
        return b"".join(map(self._encode, events))

    def _take(self, event: Event) -> None:
        self._add(self._encode(event))

    def _add(self, line: bytes) -> None:
        if line and self._pending_size <= _MAX_PENDING:
            self._pending.append(line)
            self._pending_size += len(line)
            self._news.set()

    def _take_pending(self) -> bytes:
        lines = b"".join(self._pending)
        if self._pending_size <= _MAX_PENDING:
            self._pending_size = 0
        self._pending.clear()
        self._news.clear()
        return lines

    def _encode(self, event: Event) -> bytes:
        """The event as this client sees it, b"" if it does not see it."""
        space = self._request.target.space
        if space is not None and namespace_of(event.obj) != space:
            return b""
        match = self._request.match
        if match is None:
            return self._shared_line(event)
        was = event.old is not None and match(event.old)
        now = event.type != "DELETED" and match(event.obj)
        if was and not now and event.type != "DELETED" and event.old is not None:
            # It left the selection: the client is told DELETED with the state it knew, at this revision.
            metadata = {**event.old["metadata"], "resourceVersion": str(event.revision)}
            return self._line("DELETED", {**event.old, "metadata": metadata})
        if now and not was:
            return self._line("ADDED", event.obj)
        return self._shared_line(event) if was else b""

    def _shared_line(self, event: Event) -> bytes:
        if self._view.form != "Object":
            return self._line(event.type, event.obj)
        line = event.encoded.get(self._version)
        if line is None:
            line = event.encoded[self._version] = self._line(event.type, event.obj)
        return line

    def _line(self, event_type: str, obj: Obj) -> bytes:
        seen = self._view.one(obj, with_columns=not self._columns_told)
        self._columns_told = True
        return b'{"type":"%b","object":%b}\n' % (event_type.encode(), orjson.dumps(seen))

    def _bookmark(self, *, ends_initial: bool = False) -> bytes:
        metadata: Obj = {"resourceVersion": str(self._store.revision), "creationTimestamp": None}
        if ends_initial:
            metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
        obj = {"kind": self._kind.kind, "apiVersion": self._kind.api_version(self._version), "metadata": metadata}
        return b'{"type":"BOOKMARK","object":%b}\n' % orjson.dumps(self._view.bookmark(obj))


def _seconds(text: str) -> float:
    if not text or text == "0":
        return _LONGEST * (1 + random.random())  # so that clients started together do not return together
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise bad_request(f'timeoutSeconds: Invalid value: "{text[:40]}": must be a whole number')
    return float(text)
