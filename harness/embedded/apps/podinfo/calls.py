"""podinfo's gRPC server: its nine services, the health check and reflection, on --grpc-port.

As 6.9.3 has it (pkg/api/grpc), but for what the library keeps to itself: HeaderService tells the metadata and the
user agent, not `:authority` and `content-type`; a method that nobody has is UNIMPLEMENTED in other words.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NoReturn

from google.protobuf.message import DecodeError
from grpclib.const import Cardinality, Handler, Status
from grpclib.exceptions import GRPCError
from grpclib.health.v1.health_grpc import HealthBase
from grpclib.health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpclib.reflection.service import ServerReflection
from grpclib.server import Server, Stream

from harness.embedded.apps.podinfo.endpoints import Pause, facts
from harness.embedded.apps.podinfo.log import Log
from harness.embedded.apps.podinfo.messages import SERVICES, Method
from harness.embedded.apps.podinfo.options import REVISION, VERSION, Options
from harness.embedded.apps.podinfo.tokens import InvalidToken, Tokens
from harness.embedded.apps.serving import DRAIN_SECONDS

Metadata = Sequence[tuple[str, str]]
Answer = Callable[[Any, Metadata], Awaitable[Mapping[str, object]]]
"""From a request and its metadata to the fields of the answer; raises GRPCError."""

_PANIC: Final = 225
_CODES: Final = {
    **{"".join(word.title() for word in status.name.split("_")): status for status in Status if status.value > 1},
    "Ok": Status.OK,
    "Canceled": Status.CANCELLED,
}
_NO_SUCH_CODE: Final = (
    "Unknown status code for more information check "
    "https://chromium.googlesource.com/external/github.com/grpc/grpc/+/refs/tags/v1.21.4-pre1/doc/statuscodes.md"
)
_RESPONSE: Final = {
    True: HealthCheckResponse(status=HealthCheckResponse.SERVING),
    False: HealthCheckResponse(status=HealthCheckResponse.SERVICE_UNKNOWN),
}


class CallServer:
    """Serves calls until it is stopped.

    pause  waits for a number of seconds
    leave  ends the process with an exit code at once
    """

    def __init__(
        self,
        options: Options,
        log: Log,
        *,
        pause: Pause = asyncio.sleep,
        leave: Callable[[int], NoReturn] = os._exit,
    ) -> None:
        self._under_way = _UnderWay()
        answers = _Answers(options, log, pause=pause, leave=leave).by_path()
        services = [
            _Service({method: answers[method.path] for method in methods}, self._under_way) for methods in SERVICES
        ]
        health = _Health(options.grpc_service_name)
        self._listening = False
        self._server = Server(ServerReflection.extend([*services, health]))

    async def start(self, host: str, port: int) -> None:
        """Listen; raises OSError if that cannot be."""
        await self._server.start(host, port)
        self._listening = True

    async def stop(self) -> None:
        """Let calls under way finish, not for ever; nothing listens any more.

        Connections are left to the end of the process: waiting for those that clients keep would take as long as these.
        """
        await self._under_way.ended(DRAIN_SECONDS)
        if self._listening:
            self._server.close()


class _UnderWay:
    """How many calls are being answered."""

    def __init__(self) -> None:
        self._count = 0
        self._none = asyncio.Event()
        self._none.set()

    def __enter__(self) -> None:
        self._count += 1
        self._none.clear()

    def __exit__(self, *_: object) -> None:
        self._count -= 1
        if not self._count:
            self._none.set()

    async def ended(self, seconds: float) -> bool:
        """Whether none is left, waiting for this long at most."""
        try:
            await asyncio.wait_for(self._none.wait(), seconds)
        except TimeoutError:
            return False
        return True


class _Service:
    """One of podinfo's services, as the library takes them."""

    def __init__(self, answers: Mapping[Method, Answer], under_way: _UnderWay) -> None:
        self._answers = answers
        self._under_way = under_way

    def __mapping__(self) -> dict[str, Handler]:
        return {
            method.path: Handler(self._handler(method, answer), Cardinality.UNARY_UNARY, method.takes, method.gives)
            for method, answer in self._answers.items()
        }

    def _handler(self, method: Method, answer: Answer) -> Callable[[Stream[Any, Any]], Awaitable[None]]:
        async def handle(stream: Stream[Any, Any]) -> None:
            with self._under_way:
                request = await _request(stream)
                await stream.send_message(method.gives(**await answer(request, _metadata(stream))))

        return handle


async def _request(stream: Stream[Any, Any]) -> Any:
    try:
        return await stream.recv_message()
    except DecodeError as error:
        raise GRPCError(Status.INTERNAL, f"grpc: error unmarshalling request: {error}") from None


def _metadata(stream: Stream[Any, Any]) -> Metadata:
    own = [(name, value) for name, value in (stream.metadata or {}).items() if isinstance(value, str)]
    return [*own, *([("user-agent", stream.user_agent)] if stream.user_agent else [])]


class _Answers:
    """One method per method of podinfo's services."""

    def __init__(self, options: Options, log: Log, *, pause: Pause, leave: Callable[[int], NoReturn]) -> None:
        self._options = options
        self._log = log
        self._pause = pause
        self._leave = leave
        self._tokens = Tokens(options.jwt_secret)

    def by_path(self) -> Mapping[str, Answer]:
        return {
            "/echo.EchoService/Echo": self._echo,
            "/version.VersionService/Version": self._version,
            "/panic.PanicService/Panic": self._panic,
            "/delay.DelayService/Delay": self._delay,
            "/header.HeaderService/Header": self._header,
            "/info.InfoService/Info": self._info,
            "/status.StatusService/Status": self._status,
            "/token.TokenService/TokenGenerate": self._generate,
            "/token.TokenService/TokenValidate": self._validate,
            "/env.EnvService/Env": self._env,
        }

    async def _echo(self, request: Any, _metadata: Metadata) -> Mapping[str, object]:
        self._log.info("Received message body from client:", **{"input body": request.body})
        return {"body": request.body}

    async def _version(self, _request: Any, _metadata: Metadata) -> Mapping[str, object]:
        return {"version": VERSION, "commit": REVISION}

    async def _panic(self, _request: Any, _metadata: Metadata) -> Mapping[str, object]:
        self._log.info("Panic command received")
        self._leave(_PANIC)

    async def _delay(self, request: Any, _metadata: Metadata) -> Mapping[str, object]:
        await self._pause(max(request.seconds, 0))
        return {"message": request.seconds}

    async def _header(self, _request: Any, metadata: Metadata) -> Mapping[str, object]:
        values: dict[str, list[str]] = {}
        for name, value in metadata:
            values.setdefault(name, []).append(value)
        return {"headers": [f"{name}={','.join(each)}" for name, each in values.items()]}

    async def _info(self, _request: Any, _metadata: Metadata) -> Mapping[str, object]:
        return {name.replace("num_", "num"): value for name, value in facts(self._options).items()}

    async def _status(self, request: Any, _metadata: Metadata) -> Mapping[str, object]:
        """The status whose name is asked for, as Go spells it: `NotFound`."""
        code = _CODES.get(request.code)
        if code is None:
            raise GRPCError(Status.UNKNOWN, _NO_SUCH_CODE)
        if code is not Status.OK:
            raise GRPCError(code, "")
        return {"status": request.code}

    async def _generate(self, _request: Any, _metadata: Metadata) -> Mapping[str, object]:
        token, expires = self._tokens.issued("anonymous")
        return {"token": token, "expiresAt": _moment(expires), "message": "Token generated successfully"}

    async def _validate(self, _request: Any, metadata: Metadata) -> Mapping[str, object]:
        given = next((value for name, value in metadata if name == "authorization"), None)
        if given is None:
            raise GRPCError(Status.UNAUTHENTICATED, "Authorization token not found in metadata")
        try:
            claims = self._tokens.claims(given.removeprefix("Bearer").strip())
        except InvalidToken as error:
            if "token is expired" in str(error) or "signature is invalid" in str(error):
                return {"message": str(error)}
            raise GRPCError(Status.UNAUTHENTICATED, "Unable to parse token") from None
        return {"token": claims.get("name", ""), "expiresAt": _moment(int(claims.get("exp", 0)))}

    async def _env(self, _request: Any, _metadata: Metadata) -> Mapping[str, object]:
        return {"envVars": [f"{name}={value}" for name, value in os.environ.items()]}


class _Health(HealthBase):
    """grpc.health.v1: the server as a whole and the service called --grpc-service-name serve, as long as they run.

    --unhealthy and --unready are about HTTP alone.
    """

    def __init__(self, service: str) -> None:
        self._known = frozenset({"", service})

    async def Check(self, stream: Stream[HealthCheckRequest, HealthCheckResponse]) -> None:
        asked = await _request(stream)
        if asked.service not in self._known:
            raise GRPCError(Status.NOT_FOUND, "unknown service")
        await stream.send_message(_RESPONSE[True])

    async def Watch(self, stream: Stream[HealthCheckRequest, HealthCheckResponse]) -> None:
        asked = await _request(stream)
        await stream.send_message(_RESPONSE[asked.service in self._known])
        await asyncio.Event().wait()  # nothing ever changes


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S +0000 UTC")
