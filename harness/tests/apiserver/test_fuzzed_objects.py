"""Nearly right objects of every kind: each is taken or refused with a Status, and nobody inside the server trips.

SIGNALBOX_FUZZ says how many seeds to try.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from harness.dialect import LINKERD_EDGE
from harness.embedded.apiserver.api import Api
from harness.embedded.apiserver.crds import CRD_KEY, serve_custom_kinds
from harness.embedded.apiserver.httpd import Request, Response, Stream
from harness.embedded.apiserver.server import Frontend
from harness.embedded.apiserver.tokens import ServiceAccountTokens
from harness.embedded.controllers.loop import ControllerLoop
from harness.embedded.controllers.startup import create_first_namespaces, standard_controllers
from harness.embedded.crds import definitions
from harness.tests.apiserver.fuzzing import Fuzzer
from harness.tests.apiserver.support import new_api

SEEDS = range(int(os.environ.get("SIGNALBOX_FUZZ", "1")))
REQUESTS = 250
DEFINITIONS = 10


async def ask(front: Frontend, request: Request) -> int:
    """The status of an answer that must be one of ours; a watch is read once and dropped."""
    answer = await front.answer(request)
    if isinstance(answer, Stream):
        chunks: Any = answer.chunks
        async for _ in chunks:
            break
        await chunks.aclose()
        return answer.status
    assert isinstance(answer, Response)
    body = orjson.loads(answer.body)
    assert answer.status < 500 or "--cluster kind|k3d" in body["message"], (request, body)
    assert answer.status < 400 or (body["kind"], body["code"]) == ("Status", answer.status)
    return answer.status


def played(requests: Any) -> Counter[int]:
    """How often each status was answered to what `requests` makes of an API."""

    async def run() -> Counter[int]:
        api: Api = new_api()
        serve_custom_kinds(api)
        for definition in definitions(LINKERD_EDGE):
            api.create(CRD_KEY, definition)
        loop = ControllerLoop(api.store, standard_controllers(api))
        loop.start()
        create_first_namespaces(api, "authority")
        front = Frontend(api, None, ServiceAccountTokens(api))  # type: ignore[arg-type]  # no request gets to the node
        try:
            seen: Counter[int] = Counter()
            for request in requests(api):
                seen[await ask(front, request)] += 1
                await asyncio.sleep(0)  # the controllers have their say
            return seen
        finally:
            loop.close()

    return asyncio.run(run())


@pytest.mark.parametrize("seed", SEEDS)
def test_nearly_right_objects_of_every_kind(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    fuzzer = Fuzzer(seed)

    def requests(api: Api) -> Iterator[Request]:
        for _ in range(REQUESTS):
            yield fuzzer.request(api)

    seen = played(requests)
    assert {200, 201, 400, 404, 422} <= set(seen), "the objects are neither too good nor too bad"
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("seed", SEEDS)
def test_definitions_with_nearly_right_schemas(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    fuzzer = Fuzzer(seed)

    def requests(_api: Api) -> Iterator[Request]:
        for _ in range(DEFINITIONS):
            yield from fuzzer.widgets()

    seen = played(requests)
    assert {200, 201, 400} <= set(seen)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
