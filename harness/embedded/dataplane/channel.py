"""One type of resources on its way to the proxy: one response at a time, each answered by an ACK or a NACK."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.embedded.dataplane.compile.names import Config
from harness.embedded.dataplane.protos import Kind, pack, response


@dataclass(slots=True)
class Delivery:
    """A response that waits for its turn, is sent, or is answered.

    names   what it is about: changed, or asked for
    answer  done with None at an ACK, with the proxy's text at a NACK
    sent    set once it is on its way (or never will be: then the answer is an error)
    """

    names: frozenset[str]
    answer: asyncio.Future[str | None]
    sent: asyncio.Event = field(default_factory=asyncio.Event)
    nonce: str = ""


class Channel:
    """What the proxy is told about one type, and what it has taken.

    A second response is sent only when the first is answered: the proxy may else answer both at once, and a NACK
    could not be told from the ACK behind it. All methods belong to the event loop's thread.
    """

    def __init__(self, kind: Kind, nonces: Callable[[], str]) -> None:
        self.kind = kind
        self._nonces = nonces
        self._send: Callable[[Any], None] | None = None
        self._version = 0
        self._asked: dict[str, Config] = {}
        self._packed: dict[str, Any] = {}
        self._good: dict[str, Any] = {}
        self._refused: set[str] = set()
        self._subscribed: set[str] = set()
        self._live: set[str] = set()
        self._queue: deque[Delivery] = deque()
        self._sent: Delivery | None = None
        self._open = False
        self._answered = False
        self._failure: Exception | None = None
        self._waiting: list[tuple[frozenset[str], asyncio.Future[None]]] = []

    @property
    def is_answered(self) -> bool:
        """True once the proxy has taken anything of this type, even nothing at all."""
        return self._answered

    # what should be

    def changes(self, wanted: Mapping[str, Config]) -> frozenset[str]:
        """Names whose content differs from what was last asked for, new ones included."""
        return frozenset(name for name, config in wanted.items() if self._asked.get(name) != config)

    def gone(self, wanted: Mapping[str, Config]) -> frozenset[str]:
        """Names that are no longer wanted."""
        return frozenset(self._asked.keys() - wanted.keys())

    def accepted(self, wanted: Mapping[str, Config]) -> list[Config]:
        """What of this the proxy has not refused."""
        return [config for name, config in wanted.items() if name not in self._refused]

    def put(self, configs: Mapping[str, Config]) -> None:
        """Take new content; nothing is sent yet. Raises DataplaneError for what is no valid message."""
        packed = {name: pack(self.kind, name, config) for name, config in configs.items()}
        self._packed |= packed
        self._asked |= configs
        self._refused -= configs.keys()

    def drop(self, names: Iterable[str]) -> None:
        """Forget resources; nothing is sent yet."""
        for name in names:
            self._asked.pop(name, None)
            self._packed.pop(name, None)
            self._good.pop(name, None)
            self._refused.discard(name)

    def revert(self, name: str) -> None:
        """Go back to the content that the proxy took before, or to none; the refused one is not tried again."""
        self._refused.add(name)
        if name in self._good:
            self._packed[name] = self._good[name]
        else:
            self._packed.pop(name, None)
        self._wake()

    # sending

    def deliver(self, names: Collection[str]) -> Delivery:
        """Send these resources (or all, for a type that is sent whole) when it is their turn.

        Names that the proxy has not subscribed to are left out: it will ask.
        """
        delivery = Delivery(frozenset(names), asyncio.get_running_loop().create_future())
        self._queue.append(delivery)
        if self._failure is not None:
            self.fail(self._failure)
        self._pump()
        return delivery

    async def when_live(self, names: Collection[str]) -> None:
        """Return when the proxy has taken, or refused, every one of these."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((frozenset(names), done))
        self._wake()
        if self._failure is not None:
            self.fail(self._failure)
        await done

    def connect(self, send: Callable[[Any], None] | None) -> None:
        """Use a new stream, or none: what the last one left unanswered is sent again."""
        self._send = send
        self._open = send is not None and not self.kind.is_whole  # types sent whole wait for the first request
        self._subscribed.clear()
        self._live.clear()
        if self._sent is not None:
            self._queue.appendleft(self._sent)
            self._sent = None
        self._pump()

    def receive(self, request: Any) -> frozenset[str] | None:
        """Take a request; answers the names that the proxy asks for anew, None if it asks for nothing.

        For a type that is sent whole this is the first request of a stream, and no names.
        """
        self._settle(request)
        if self.kind.is_whole:
            first = not self._open
            self._open = True
            self._pump()
            return frozenset() if first and self._sent is None else None
        names = set(request.resource_names)
        asked = frozenset(names - self._subscribed)
        self._subscribed = names
        self._live &= names
        self._pump()
        return asked & self._packed.keys() or None

    def fail(self, error: Exception) -> None:
        """Nobody will answer any more: everyone who waits, or will, gets the error."""
        self._failure = error
        deliveries = [*self._queue, *([self._sent] if self._sent else [])]
        futures: list[asyncio.Future[Any]] = [delivery.answer for delivery in deliveries]
        futures += [done for _, done in self._waiting]
        self._queue.clear()
        self._waiting.clear()
        self._sent = None
        for future in futures:
            if not future.done():
                future.set_exception(error)
        for delivery in deliveries:
            delivery.sent.set()

    def _pump(self) -> None:
        while self._send is not None and self._open and self._sent is None and self._queue:
            delivery = self._queue.popleft()
            delivery.sent.set()
            if delivery.answer.done():  # whoever waited has given up
                continue
            names = (
                self._packed.keys() if self.kind.is_whole else delivery.names & self._packed.keys() & self._subscribed
            )
            if not names and not self.kind.is_whole:
                delivery.answer.set_result(None)
                continue
            self._version += 1
            delivery.nonce = self._nonces()
            self._sent = delivery
            self._send(response(self.kind, self._version, delivery.nonce, [self._packed[name] for name in names]))

    def _settle(self, request: Any) -> None:
        delivery = self._sent
        if delivery is None or request.response_nonce != delivery.nonce:
            return
        self._sent = None
        refused = request.error_detail.message if request.HasField("error_detail") else None
        if refused is None:
            self._take(self._packed.keys() if self.kind.is_whole else delivery.names)
        if not delivery.answer.done():
            delivery.answer.set_result(refused)

    def _take(self, names: Collection[str]) -> None:
        self._answered = True
        for name in names & self._packed.keys():
            self._good[name] = self._packed[name]
            self._live.add(name)
        self._wake()

    def _wake(self) -> None:
        settled = self._live | self._refused
        for names, done in self._waiting:
            if names <= settled and not done.done():
                done.set_result(None)
        self._waiting = [(names, done) for names, done in self._waiting if not done.done()]
