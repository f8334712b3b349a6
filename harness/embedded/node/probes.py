"""Startup, liveness and readiness probes: what to ask, one attempt, and when the next one is due."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from harness.embedded.node.timing import Timing

Obj = dict[str, Any]
Kind = Literal["startup", "liveness", "readiness"]
_BODY_BYTES = 10 * 1024  # a kubelet reads no more of an answer
_HEAD_START = 1.0  # a first liveness probe right after the start would only find a program that is still loading


@dataclass(frozen=True, slots=True)
class HttpGet:
    """GET; any status from 200 to 399 is success."""

    host: str
    port: int
    path: str
    tls: bool = False
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class TcpSocket:
    """A connection that is accepted is success."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Exec:
    """A command in the container's environment; exit code 0 is success."""

    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sleep:
    """Nothing for a while (only as a lifecycle hook)."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Unsupported:
    """An action that the embedded cluster does not offer; always fails and says so."""

    what: str


Action = HttpGet | TcpSocket | Exec | Sleep | Unsupported


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One probe of one container; durations in seconds of the manifest."""

    kind: Kind
    action: Action
    initial_delay: float = 0
    period: float = 10
    timeout: float = 1
    success_threshold: int = 1
    failure_threshold: int = 3
    grace: float | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """The outcome of one attempt.

    counted  it was due by the probe's period; an eager one in between counts only if it succeeds
    """

    ok: bool
    message: str = ""
    counted: bool = True


@dataclass(frozen=True, slots=True)
class Prober:
    """Where attempts come from and how commands are run.

    node_ip  source address, so that the data plane sees the node as the client
    execute  runs a command in the container -> exit code and output
    """

    node_ip: str
    execute: Callable[[Sequence[str]], Awaitable[tuple[int, str]]]

    async def attempt(self, action: Action, timeout: float) -> Attempt:
        """Ask once; every failure, also `timeout` seconds without an answer, is an outcome and not an error."""
        try:
            async with asyncio.timeout(timeout):
                if isinstance(action, HttpGet):
                    return await http_get(action, self.node_ip)
                if isinstance(action, TcpSocket):
                    return await tcp_socket(action, self.node_ip)
                if isinstance(action, Exec):
                    code, output = await self.execute(action.command)
                    return Attempt(code == 0, output or f"command exited with {code}")
                if isinstance(action, Sleep):
                    return Attempt(await asyncio.sleep(action.seconds, True))
                return Attempt(False, f"{action.what} is not offered by the embedded cluster")
        except TimeoutError:
            return Attempt(False, f"{describe(action)}: no answer within {timeout:g} s")
        except (OSError, ValueError) as error:
            return Attempt(False, f"{describe(action)}: {error}")


def parse_probes(container: Obj, pod_ip: str) -> dict[Kind, Probe]:
    """The probes of a container by kind; named ports are those of the container itself (§3.3)."""
    kinds: tuple[Kind, ...] = ("startup", "liveness", "readiness")
    found: dict[Kind, Probe] = {}
    for kind in kinds:
        spec = container.get(f"{kind}Probe")
        if spec:
            found[kind] = Probe(
                kind=kind,
                action=parse_action(spec, container, pod_ip),
                initial_delay=spec.get("initialDelaySeconds") or 0,
                period=spec.get("periodSeconds") or 10,
                timeout=spec.get("timeoutSeconds") or 1,
                success_threshold=spec.get("successThreshold") or 1,
                failure_threshold=spec.get("failureThreshold") or 3,
                grace=spec.get("terminationGracePeriodSeconds"),
            )
    return found


def parse_action(spec: Obj, container: Obj, pod_ip: str) -> Action:
    """What a probe or a lifecycle hook does."""
    if "httpGet" in spec:
        get = spec["httpGet"]
        return HttpGet(
            host=get.get("host") or pod_ip,
            port=port_number(get["port"], container),
            path="/" + (get.get("path") or "/").removeprefix("/"),
            tls=get.get("scheme") == "HTTPS",
            headers=tuple((header["name"], header["value"]) for header in get.get("httpHeaders") or ()),
        )
    if "tcpSocket" in spec:
        return TcpSocket(spec["tcpSocket"].get("host") or pod_ip, port_number(spec["tcpSocket"]["port"], container))
    if "exec" in spec:
        return Exec(tuple(spec["exec"].get("command") or ()))
    if "sleep" in spec:
        return Sleep(spec["sleep"]["seconds"])
    return Unsupported("a grpc probe" if "grpc" in spec else "a probe without an action")


def port_number(port: int | str, container: Obj) -> int:
    """A port by number or by name among the container's own; 0, which refuses connections, for an unknown name."""
    if isinstance(port, int) or port.isdecimal():
        return int(port)
    named: Mapping[str, int] = {p.get("name", ""): p["containerPort"] for p in container.get("ports") or ()}
    return named.get(port, 0)


def describe(action: Action) -> str:
    """The action as people write it."""
    if isinstance(action, HttpGet):
        return f'Get "{"https" if action.tls else "http"}://{action.host}:{action.port}{action.path}"'
    if isinstance(action, TcpSocket):
        return f"dial tcp {action.host}:{action.port}"
    if isinstance(action, Exec):
        return f"command {list(action.command)}"
    return f"sleep {action.seconds:g}" if isinstance(action, Sleep) else action.what


async def http_get(get: HttpGet, node_ip: str) -> Attempt:
    """One GET over a connection of its own; raises OSError or ValueError if there is no HTTP answer."""
    reader, writer = await _connect(get.host, get.port, node_ip, tls=get.tls)
    try:
        writer.write(_request(get))
        words = (await reader.readline()).split(None, 2)
        if len(words) < 2 or not words[0].startswith(b"HTTP/"):
            raise ValueError("the answer is not HTTP")
        status = int(words[1])
        body = 0
        while body < _BODY_BYTES and (part := await reader.read(_BODY_BYTES)):  # or the server sees a broken client
            body += len(part)
    finally:
        await _close(writer)
    return Attempt(200 <= status < 400, f"HTTP probe failed with statuscode: {status}")


async def tcp_socket(tcp: TcpSocket, node_ip: str) -> Attempt:
    """Connect and hang up; raises OSError."""
    _, writer = await _connect(tcp.host, tcp.port, node_ip)
    await _close(writer)
    return Attempt(True)


async def attempts(
    probe: Probe, prober: Prober, timing: Timing, eager: Callable[[], bool]
) -> AsyncGenerator[Attempt, None]:
    """Endless outcomes: one per period, and more while `eager()` as `timing` says."""
    clock = asyncio.get_running_loop().time
    period = probe.period * timing.second
    await asyncio.sleep(probe.initial_delay * timing.second)
    begun = clock()
    due = begun + (min(period, _HEAD_START * timing.second) if probe.kind == "liveness" else period)
    while True:
        if eager() or clock() >= due:
            counted = clock() >= due
            outcome = await prober.attempt(probe.action, probe.timeout * timing.second)
            yield Attempt(outcome.ok, outcome.message, counted)
            if counted:
                due = max(due + period, clock())
        wait = due - clock()
        if eager():
            wait = min(wait, timing.eager_interval(clock() - begun))
        await asyncio.sleep(max(wait, 0))


async def _connect(
    host: str, port: int, node_ip: str, *, tls: bool = False
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    context = None
    if tls:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # a kubelet verifies nothing either
    source = (node_ip, 0) if host.startswith("127.") else None
    return await asyncio.open_connection(host, port, ssl=context, local_addr=source)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):  # the other side was quicker
        await writer.wait_closed()


def _request(get: HttpGet) -> bytes:
    headers = {"Host": f"{get.host}:{get.port}", "User-Agent": "kube-probe/1.32", "Accept": "*/*", **dict(get.headers)}
    lines = [f"GET {get.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "Connection: close"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
