"""What the API server asks the node for while a client waits: streams from and to running containers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Protocol


class Execution(Protocol):
    """A command that runs in a container.

    stdout  with a terminal everything the command writes, stderr too
    """

    stdout: asyncio.StreamReader
    stderr: asyncio.StreamReader

    async def feed(self, data: bytes) -> None:
        """Write to its stdin; waits while it does not read."""

    def end_input(self) -> None:
        """Its stdin has ended."""

    def resize(self, columns: int, rows: int) -> None:
        """Its terminal has another size now."""

    async def wait(self) -> int:
        """Its exit code, once it has ended; 128 + signal if it was killed."""

    def close(self) -> None:
        """Kill it if it still runs, and let go of all it holds."""


class NodeStreams(Protocol):
    """The running containers, as far as the API server passes them on."""

    async def logs(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        follow: bool,
        tail_lines: int | None,
        previous: bool,
        since_seconds: float | None,
        timestamps: bool,
        limit_bytes: int | None,
    ) -> AsyncIterator[bytes]:
        """The log of a container that exists in the pod's spec; ends when the log does, unless `follow`.

        raises  ApiError 400 if the container (or its previous run) has not started
        """

    def check_execution(self, namespace: str, pod: str, container: str) -> None:
        """ApiError 400 for a container that has no process of its own to run a command beside."""

    async def execute(
        self, namespace: str, pod: str, container: str, command: Sequence[str], *, stdin: bool, terminal: bool
    ) -> Execution:
        """Start a command in a container's environment; close what it returns.

        raises  ApiError 400 if the container does not run
        """

    async def connect(self, namespace: str, pod: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection made inside the pod, which no inbound policy sees.

        raises  OSError if nothing listens there
        """
