"""Runs controllers: a queue of what changed, one reconcile at a time, retries with back-off.

A controller never hears what changed, only where to look again; so it may miss any number of events but the last.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence

from harness.embedded.apiserver.api import ApiError
from harness.embedded.apiserver.objects import name_of, namespace_of
from harness.embedded.apiserver.store import Event, Store

Place = tuple[str, str]
"""Namespace and name of what a controller looks after."""
_Item = tuple["Controller", str, str]

_FIRST_RETRY_SECONDS = 0.005
_LAST_RETRY_SECONDS = 30.0
_SLICE_SECONDS = 0.005
"""How long reconciles may keep the event loop before requests get their turn."""

_log = logging.getLogger(__name__)


class Controller(ABC):
    """Brings one kind of thing nearer to what its spec says.

    keys  the kinds whose changes matter; None means all
    """

    keys: tuple[str, ...] | None = ()

    def targets(self, event: Event) -> Iterable[Place]:
        """What has to be looked at again after `event`; by default the object itself."""
        return ((namespace_of(event.obj), name_of(event.obj)),)

    @abstractmethod
    def reconcile(self, namespace: str, name: str) -> float | None:
        """Look at everything anew and do what is missing; returns seconds until the next look, if time matters.

        Must not wait. An ApiError 409 (somebody was quicker) just brings it back.
        """


class ControllerLoop:
    """Feeds controllers from the store's events, on the event loop that `start` is called on."""

    def __init__(self, store: Store, controllers: Sequence[Controller]) -> None:
        self._store = store
        self._controllers = tuple(controllers)
        self._queue: dict[_Item, None] = {}
        self._failures: dict[_Item, int] = {}
        self._timers: dict[_Item, asyncio.TimerHandle] = {}
        self._wakeup: asyncio.Handle | None = None
        self._ways_out: list[Callable[[], None]] = []

    def start(self) -> None:
        """Follow changes from now on."""
        self._loop = asyncio.get_running_loop()
        for controller in self._controllers:
            self._ways_out.append(self._store.subscribe(controller.keys, self._enqueuer(controller)))

    def close(self) -> None:
        """Stop following; nothing runs afterwards."""
        for unsubscribe in self._ways_out:
            unsubscribe()
        for timer in self._timers.values():
            timer.cancel()
        if self._wakeup is not None:
            self._wakeup.cancel()
        self._queue.clear()
        self._timers.clear()

    def _enqueuer(self, controller: Controller) -> Callable[[Event], None]:
        def enqueue(event: Event) -> None:
            for namespace, name in controller.targets(event):
                self._enqueue((controller, namespace, name))

        return enqueue

    def _enqueue(self, item: _Item) -> None:
        self._queue[item] = None
        if (timer := self._timers.pop(item, None)) is not None:
            timer.cancel()
        if self._wakeup is None:
            self._wakeup = self._loop.call_soon(self._work)

    def _work(self) -> None:
        self._wakeup = None
        end = self._loop.time() + _SLICE_SECONDS
        while self._queue and self._loop.time() < end:
            item = next(iter(self._queue))
            del self._queue[item]
            self._reconcile(item)
        if self._queue and self._wakeup is None:
            self._wakeup = self._loop.call_soon(self._work)

    def _reconcile(self, item: _Item) -> None:
        controller, namespace, name = item
        try:
            again = controller.reconcile(namespace, name)
        except ApiError as error:
            if error.code != 409:
                _log.warning("%s %s/%s: %s", type(controller).__name__, namespace, name, error)
            self._retry(item)
        except Exception:
            _log.exception("%s failed on %s/%s", type(controller).__name__, namespace, name)
            self._retry(item)
        else:
            self._failures.pop(item, None)
            if again is not None and item not in self._queue:
                self._later(item, again)

    def _retry(self, item: _Item) -> None:
        failures = self._failures[item] = self._failures.get(item, 0) + 1
        if item not in self._queue:
            self._later(item, min(_FIRST_RETRY_SECONDS * 2.0 ** min(failures, 20), _LAST_RETRY_SECONDS))

    def _later(self, item: _Item, seconds: float) -> None:
        self._timers[item] = self._loop.call_later(seconds, self._enqueue, item)
