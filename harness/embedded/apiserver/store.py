"""The objects of the cluster in memory, one revision counter, and enough history for watches.

Single-threaded and free of I/O: it lives on the event loop's thread, and a commit is finished when `put` returns.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Literal

from harness.embedded.apiserver.errors import expired
from harness.embedded.apiserver.kinds import Kind
from harness.embedded.apiserver.objects import Obj, name_of, namespace_of, same

EventType = Literal["ADDED", "MODIFIED", "DELETED"]
HISTORY = 4096
"""Events kept per kind: minutes of a busy rollout, and a few MB at most."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Event:
    """One commit.

    obj       the object after the commit; for DELETED its last state with the revision of the deletion
    old       the object before the commit, None for ADDED
    revision  the cluster-wide counter that also is the object's resourceVersion
    encoded   cache of the bytes watchers are sent, by apiVersion, so that a thousand watchers cost one encoding
    """

    type: EventType
    kind: Kind
    obj: Obj
    old: Obj | None
    revision: int = 0
    encoded: dict[str, bytes] = field(default_factory=dict, compare=False, repr=False)


Callback = Callable[[Event], None]


class Store:
    """All objects by kind, namespace and name.

    history  events kept per kind; older ones answer 410
    """

    def __init__(self, history: int = HISTORY) -> None:
        self.revision = 1
        self._objects: dict[str, dict[str, dict[str, Obj]]] = {}
        self._limit = history
        self._history: dict[str, deque[Event]] = {}
        self._forgotten: dict[str, int] = {}
        self._subscribers: dict[str | None, dict[object, Callback]] = {}
        self._undelivered: deque[Event] = deque()
        self._delivering = False

    def get(self, key: str, namespace: str, name: str) -> Obj | None:
        """The object, or None; namespace is "" for cluster-scoped kinds."""
        return self._objects.get(key, {}).get(namespace, {}).get(name)

    def list(self, key: str, namespace: str | None = None) -> list[Obj]:
        """All objects of a kind ordered by namespace and name; of one namespace if given."""
        spaces = self._objects.get(key, {})
        wanted = sorted(spaces) if namespace is None else [namespace]
        return [spaces[space][name] for space in wanted if space in spaces for name in sorted(spaces[space])]

    def put(self, kind: Kind, obj: Obj) -> Obj:
        """Commit `obj` (which the store owns from now on) as the next revision, and return it."""
        namespace, name = namespace_of(obj), name_of(obj)
        old = self.get(kind.key, namespace, name)
        if old is not None:
            # What stayed the same is held once: history would keep a copy of a whole definition for each new status.
            obj.update(
                {part: old[part] for part in obj.keys() & old.keys() - {"metadata"} if same(obj[part], old[part])}
            )
        self._stamp(obj)
        self._objects.setdefault(kind.key, {}).setdefault(namespace, {})[name] = obj
        self._commit(Event("MODIFIED" if old else "ADDED", kind, obj, old, self.revision))
        return obj

    def remove(self, kind: Kind, namespace: str, name: str, last_state: Obj | None = None) -> Obj:
        """Commit the removal of an object that exists; returns its last state (default: as it was stored)."""
        spaces = self._objects[kind.key]
        old = spaces[namespace].pop(name)
        if not spaces[namespace]:
            del spaces[namespace]
        last = {**(last_state or old), "metadata": dict((last_state or old)["metadata"])}
        self._stamp(last)
        self._commit(Event("DELETED", kind, last, old, self.revision))
        return last

    def subscribe(self, keys: Iterable[str] | None, callback: Callback) -> Callable[[], None]:
        """Call `callback` after each commit to these kinds (None: to all), in commit order; returns the way out.

        A commit made by a callback is delivered after the one that caused it, to every subscriber in that order.
        """
        mark = object()
        wanted = (None,) if keys is None else tuple(keys)
        for key in wanted:
            self._subscribers.setdefault(key, {})[mark] = callback

        def unsubscribe() -> None:
            for key in wanted:
                self._subscribers[key].pop(mark, None)

        return unsubscribe

    @property
    def subscribers(self) -> int:
        """How many subscriptions there are, each counted for every kind it names."""
        return sum(map(len, self._subscribers.values()))

    def since(self, key: str, revision: int) -> Sequence[Event]:
        """The events of a kind after `revision`, oldest first; ApiError 410 if history does not reach back."""
        oldest = self._forgotten.get(key, 0)
        if revision < oldest:
            raise expired(revision, oldest)
        return tuple(self._newer(key, revision))[::-1]

    def snapshot(self, key: str, namespace: str | None, revision: int) -> Sequence[Obj]:
        """What `list` answered at `revision`; ApiError 410 if history does not reach back."""
        state = {(namespace_of(obj), name_of(obj)): obj for obj in self.list(key, namespace)}
        for event in reversed(self.since(key, revision)):
            place = (namespace_of(event.obj), name_of(event.obj))
            if namespace is not None and place[0] != namespace:
                continue
            if event.old is None:
                state.pop(place, None)
            else:
                state[place] = event.old
        return [state[place] for place in sorted(state)]

    def _newer(self, key: str, revision: int) -> Iterator[Event]:
        return takewhile(lambda event: event.revision > revision, reversed(self._history.get(key, ())))

    def _stamp(self, obj: Obj) -> None:
        self.revision += 1
        obj["metadata"]["resourceVersion"] = str(self.revision)

    def _commit(self, event: Event) -> None:
        history = self._history.setdefault(event.kind.key, deque())
        history.append(event)
        if len(history) > self._limit:
            self._forgotten[event.kind.key] = history.popleft().revision
        self._undelivered.append(event)
        if not self._delivering:
            self._deliver()

    def _deliver(self) -> None:
        self._delivering = True
        try:
            while self._undelivered:
                event = self._undelivered.popleft()
                for key in (None, event.kind.key):
                    for callback in tuple(self._subscribers.get(key, {}).values()):
                        _call(callback, event)
        finally:
            self._delivering = False


def _call(callback: Callback, event: Event) -> None:
    # The commit has happened; a subscriber that fails must neither undo it nor hide it from the others.
    try:
        callback(event)
    except Exception:
        _log.exception("a subscriber failed on %s of %s", event.type, event.kind.key)
