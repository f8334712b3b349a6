"""What the API server asks the node for while a client waits: streams from running containers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol


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
