"""podinfo's gRPC server, asked by another library's client."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NoReturn

import grpc
import psutil
import pytest
from grpclib.health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpclib.reflection.v1.reflection_pb2 import ServerReflectionRequest, ServerReflectionResponse

from harness.embedded.apps.podinfo.calls import CallServer
from harness.embedded.apps.podinfo.log import Log
from harness.embedded.apps.podinfo.messages import SERVICES
from harness.embedded.apps.podinfo.options import REVISION, VERSION, parse_options
from harness.embedded.apps.podinfo.tokens import LIFETIME_SECONDS, Tokens

METHODS = {method.path: method for methods in SERVICES for method in methods}
HEALTH = "/grpc.health.v1.Health/"
Told = tuple[str, str]
"""The name of a status, and what is said about it."""


class Left(Exception):
    """In place of the end of the process."""


class Caller:
    def __init__(self, channel: Any, pauses: list[float], left: list[int]) -> None:
        self.channel = channel
        self.pauses = pauses
        self.left = left

    async def call(self, path: str, metadata: tuple[Told, ...] = (), **request: Any) -> Mapping[str, Any] | Told:
        """The fields of the answer, or what was told instead."""
        method = METHODS[path]
        told = await self.raw(path, method.takes(**request).SerializeToString(), metadata)
        if isinstance(told, tuple):
            return told
        answer = method.gives.FromString(told)
        return {field.name: value for field, value in answer.ListFields()}

    async def raw(self, path: str, message: bytes = b"", metadata: tuple[Told, ...] = ()) -> bytes | Told:
        try:
            answer: bytes = await self.channel.unary_unary(path)(message, metadata=metadata, timeout=20)
            return answer
        except grpc.aio.AioRpcError as error:
            return error.code().name, error.details()

    async def health(self, service: str) -> str | Told:
        told = await self.raw(HEALTH + "Check", HealthCheckRequest(service=service).SerializeToString())
        return _named(told) if isinstance(told, bytes) else told


def _named(response: bytes) -> str:
    return str(HealthCheckResponse.ServingStatus.Name(HealthCheckResponse.FromString(response).status))


Pause = Callable[[float], Awaitable[None]]


@asynccontextmanager
async def _served(
    *argv: str, environ: Mapping[str, str] | None = None, pause: Pause | None = None
) -> AsyncIterator[tuple[Caller, CallServer]]:
    """A server and its client; without `pause` it waits for nothing and only notes how long it would have."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    pauses: list[float] = []
    left: list[int] = []

    async def note(seconds: float) -> None:
        pauses.append(seconds)

    def leave(code: int) -> NoReturn:
        left.append(code)
        raise Left

    options = parse_options(argv, {"HOSTNAME": "pod-1", **(environ or {})})
    served = CallServer(options, Log("error"), pause=pause or note, leave=leave)
    await served.start("127.0.0.1", port)
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield Caller(channel, pauses, left), served
    finally:
        await served.stop()
        await _hung_up(port)


async def _hung_up(port: int) -> None:
    """The client closes its connection in a thread of its own; the server has it until it sees that."""
    while any(
        connection.laddr[1] == port and connection.raddr for connection in psutil.Process().net_connections("tcp4")
    ):
        await asyncio.sleep(0.01)


def on_server(body: Callable[[Caller], Awaitable[None]], *argv: str, environ: Mapping[str, str] | None = None) -> None:
    async def run() -> None:
        async with _served(*argv, environ=environ) as (caller, _):
            await body(caller)

    asyncio.run(run())


def test_the_server_and_its_named_service_are_well() -> None:
    async def body(caller: Caller) -> None:
        assert await caller.health("") == "SERVING"
        assert await caller.health("shop") == "SERVING"
        assert await caller.health("podinfo") == ("NOT_FOUND", "unknown service")

    on_server(body, "--grpc-service-name=shop", "--unhealthy", "--unready")


@pytest.mark.parametrize(("service", "first"), [("podinfo", "SERVING"), ("other", "SERVICE_UNKNOWN")])
def test_health_is_watched(service: str, first: str) -> None:
    async def body(caller: Caller) -> None:
        asked = HealthCheckRequest(service=service).SerializeToString()
        watch = caller.channel.unary_stream(HEALTH + "Watch")(asked)
        assert _named(await watch.read()) == first
        watch.cancel()

    on_server(body)


def test_what_podinfo_answers() -> None:
    async def body(caller: Caller) -> None:
        assert await caller.call("/echo.EchoService/Echo", body="héllo") == {"body": "héllo"}
        assert await caller.call("/version.VersionService/Version") == {"version": VERSION, "commit": REVISION}
        info = await caller.call("/info.InfoService/Info")
        assert isinstance(info, Mapping)
        assert (info["hostname"], info["message"], info["color"]) == ("pod-1", "A backend", "#34577c")
        assert info["numcpu"].isdecimal()
        assert await caller.call("/delay.DelayService/Delay", seconds=7) == {"message": 7}
        assert caller.pauses == [7]

    on_server(body, "--ui-message=A backend")


def test_environment_and_metadata_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODINFO_UI_MESSAGE", "B backend")

    async def body(caller: Caller) -> None:
        environment = await caller.call("/env.EnvService/Env")
        assert isinstance(environment, Mapping)
        assert "PODINFO_UI_MESSAGE=B backend" in environment["envVars"]
        seen = await caller.call("/header.HeaderService/Header", (("x-a", "1"), ("x-b", "2"), ("x-a", "3")))
        assert isinstance(seen, Mapping)
        assert list(seen["headers"][:2]) == ["x-a=1,3", "x-b=2"]
        assert seen["headers"][2].startswith("user-agent=grpc-python")

    on_server(body)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("Ok", {"status": "Ok"}),
        ("NotFound", ("NOT_FOUND", "")),
        ("Canceled", ("CANCELLED", "")),
        ("DeadlineExceeded", ("DEADLINE_EXCEEDED", "")),
        ("Unavailable", ("UNAVAILABLE", "")),
    ],
)
def test_a_status_to_order(code: str, told: object) -> None:
    async def body(caller: Caller) -> None:
        assert await caller.call("/status.StatusService/Status", code=code) == told

    on_server(body)


def test_what_cannot_be_answered() -> None:
    async def body(caller: Caller) -> None:
        told = await caller.call("/status.StatusService/Status", code="NOT_FOUND")
        assert isinstance(told, tuple)
        assert told[0] == "UNKNOWN"
        assert told[1].startswith("Unknown status code")
        for path in ("/echo.EchoService/Shout", "/shop.Books/Get"):
            assert await caller.raw(path) == ("UNIMPLEMENTED", "Method not found")
        broken = await caller.raw("/echo.EchoService/Echo", b"\xff\xff")
        assert isinstance(broken, tuple)
        assert broken[0] == "INTERNAL"
        assert broken[1].startswith("grpc: error unmarshalling request: ")

    on_server(body)


def test_tokens() -> None:
    async def body(caller: Caller) -> None:
        made = await caller.call("/token.TokenService/TokenGenerate")
        assert isinstance(made, Mapping)

        async def validate(*metadata: Told) -> object:
            return await caller.call("/token.TokenService/TokenValidate", metadata)

        seen = await validate(("authorization", f"Bearer {made['token']}"))
        assert seen == {"token": "anonymous", "expiresAt": made["expiresAt"]}
        assert await validate() == ("UNAUTHENTICATED", "Authorization token not found in metadata")
        assert await validate(("authorization", "Bearer x")) == ("UNAUTHENTICATED", "Unable to parse token")
        forged = made["token"].rpartition(".")[0] + ".AAAA"
        assert await validate(("authorization", f"Bearer {forged}")) == {"message": "signature is invalid"}
        old, _ = Tokens("secret", now=lambda: time.time() - LIFETIME_SECONDS - 5).issued("anonymous")
        late = await validate(("authorization", f"Bearer {old}"))
        assert isinstance(late, Mapping)
        assert late["message"].startswith("token is expired by ")

    on_server(body, environ={"PODINFO_JWT_SECRET": "secret"})


def test_panic_ends_the_process() -> None:
    async def body(caller: Caller) -> None:
        assert isinstance(await caller.call("/panic.PanicService/Panic"), tuple)
        assert caller.left == [225]

    on_server(body)


def test_reflection_names_the_services_and_describes_them() -> None:
    async def body(caller: Caller) -> None:
        for version in ("v1", "v1alpha"):
            ask = caller.channel.stream_stream(f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo")()

            async def told(wanted: ServerReflectionRequest, ask: Any = ask) -> Any:
                await ask.write(wanted.SerializeToString())
                return ServerReflectionResponse.FromString(await ask.read())

            listed = (await told(ServerReflectionRequest(list_services=""))).list_services_response
            named = {path.split("/")[1] for path in METHODS} | {"grpc.health.v1.Health"}
            assert {each.name for each in listed.service} == named
            file = await told(ServerReflectionRequest(file_containing_symbol="echo.EchoService"))
            assert b"EchoService" in file.file_descriptor_response.file_descriptor_proto[0]
            ask.cancel()

    on_server(body)


def test_a_call_under_way_is_answered_before_the_end() -> None:
    async def run() -> None:
        begun, gate = asyncio.Event(), asyncio.Event()

        async def pause(_: float) -> None:
            begun.set()
            await gate.wait()

        async with _served(pause=pause) as (caller, served):
            call = asyncio.create_task(caller.call("/delay.DelayService/Delay", seconds=1))
            await begun.wait()
            stop = asyncio.create_task(served.stop())
            await asyncio.sleep(0)
            at_once = stop.done()
            gate.set()
            assert await call == {"message": 1}
            assert not at_once
            await stop

    asyncio.run(run())
