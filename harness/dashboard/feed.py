"""Readings for whoever watches: one reader for all of them, and none while nobody does."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from harness.dashboard.reading import Reading
from harness.dashboard.rows import View
from harness.dashboard.window import Window
from harness.errors import EnvironmentFailed, SignalboxError
from harness.kube.client import KubeError

Read = Callable[[], Reading]
Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Frame:
    """What a watcher is told at one moment.

    view     the newest one; None as long as the first window has no two readings
    problem  why there is no newer one, "" if nothing is wrong
    """

    view: View | None = None
    problem: str = ""


class Feed:
    """Reads while somebody watches.

    window   seconds that a view covers; it begins anew after a time in which nobody watched
    period   seconds between two readings
    silence  seconds after which a reading that does not come is said to be missing
    """

    def __init__(
        self, read: Read, *, period: float, window: float, silence: float = 5.0, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._read = read
        self._period = period
        self._silence = silence
        self._sleep = sleep
        self._seconds = window
        self._window = Window(window)
        self._watchers: set[asyncio.Queue[Frame]] = set()
        self._frame = Frame()
        self._task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[AsyncIterator[Frame]]:
        """Frames as they come, the newest only for who is slow; reading ends with the last watcher's block."""
        queue: asyncio.Queue[Frame] = asyncio.Queue(1)
        self._watchers.add(queue)
        if self._task is None:
            self._frame, self._window = Frame(), Window(self._seconds)
            self._task = asyncio.create_task(self._run())
        else:
            queue.put_nowait(self._frame)
        try:
            yield _frames(queue)
        finally:
            self._watchers.discard(queue)
            if not self._watchers:
                await self.close()

    async def close(self) -> None:
        """Stop reading; a reading under way is not waited for."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            self._publish(await self._next())
            await self._sleep(self._period)

    async def _next(self) -> Frame:
        """The next frame; while it does not come, watchers are told so."""
        reading = asyncio.create_task(asyncio.to_thread(self._read))
        done, _ = await asyncio.wait({reading}, timeout=self._silence)
        if not done:
            self._publish(replace(self._frame, problem=f"the API server has not answered for {self._silence:g} s"))
        try:
            return Frame(self._window.add(await reading) or self._frame.view)
        except SignalboxError as error:
            return replace(self._frame, problem=_sentence(error))
        except Exception as error:  # a bug of ours must reach who watches, not end the feed in silence
            traceback.print_exc()
            return replace(self._frame, problem=f"the dashboard failed: {error!r}")
        finally:
            reading.cancel()

    def _publish(self, frame: Frame) -> None:
        self._frame = frame
        for queue in self._watchers:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(frame)


async def _frames(queue: asyncio.Queue[Frame]) -> AsyncIterator[Frame]:
    while True:
        yield await queue.get()


def _sentence(error: SignalboxError) -> str:
    if isinstance(error, KubeError):
        return f"the API server refuses to be read (HTTP {error.status}): {error.message}"
    return error.message if isinstance(error, EnvironmentFailed) else str(error)
