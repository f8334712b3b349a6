"""exec and attach, as the official Python client speaks them, and as nobody should."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from kubernetes.stream import stream

from harness.tests.apiserver.raw_websocket import HANDSHAKE, RawWebSocket, refused
from harness.tests.apiserver.support import Box, official, official_config, pod

WAIT = 60


@pytest.fixture
def running(box: Box, core: Any, namespace: str) -> str:
    """The namespace of a pod `one` whose container is there."""
    core.create_namespaced_pod(namespace, pod())
    wait_for(lambda: core.read_namespaced_pod("one", namespace).status.phase == "Running")
    return namespace


@pytest.fixture
def streaming_core(box: Box) -> Iterator[Any]:
    """A client of its own: `stream` changes the one it is given."""
    made = official_config.new_client_from_config(config_file=str(box.kubeconfig))
    yield official.CoreV1Api(made)
    made.close()


def execute(core: Any, namespace: str, *command: str, **options: Any) -> Any:
    wanted = {"stdin": False, "stdout": True, "stderr": True, "tty": False, "_preload_content": False, **options}
    return stream(core.connect_get_namespaced_pod_exec, "one", namespace, command=list(command), **wanted)


def finished(session: Any) -> tuple[str, str, int]:
    session.run_forever(timeout=WAIT)
    try:
        return session.read_stdout(timeout=0), session.read_stderr(timeout=0), session.returncode
    finally:
        session.sock.shutdown()  # the client itself leaves it open once the server has said goodbye


def test_output_errors_and_exit_code_come_apart(streaming_core: Any, running: str) -> None:
    session = execute(streaming_core, running, "sh", "-c", 'echo "from $POD"; echo err >&2; exit 3')
    assert finished(session) == ("from one\n", "err\n", 3)


def test_success_is_zero(streaming_core: Any, running: str) -> None:
    assert finished(execute(streaming_core, running, "true")) == ("", "", 0)


def test_a_program_that_is_not_there_is_127(streaming_core: Any, running: str) -> None:
    _, errors, code = finished(execute(streaming_core, running, "no-such-program"))
    assert (errors, code) == ("exec: no-such-program: not found\n", 127)


def test_input_arrives(streaming_core: Any, running: str) -> None:
    session = execute(streaming_core, running, "sh", "-c", "read line; echo got $line; exit 5", stdin=True)
    session.write_stdin("hello\n")
    assert finished(session) == ("got hello\n", "", 5)


def test_without_stdin_the_command_reads_nothing(streaming_core: Any, running: str) -> None:
    assert finished(execute(streaming_core, running, "cat")) == ("", "", 0)


def test_a_terminal_is_one_and_takes_its_size(box: Box, running: str) -> None:
    path = exec_path(running, "sh", "-c", "read go; tty; stty size", stdin=True, tty=True)
    with RawWebSocket(box, path, "v5.channel.k8s.io") as socket:
        socket.send(4, b'{"Width":91,"Height":17}')
        socket.send(0, b"go\n")
        output, status = socket.until_status()
    assert b"/dev/pts/" in output[1]
    assert b"17 91" in output[1]
    assert b'"Success"' in status


def test_closing_stdin_ends_what_reads_it(box: Box, running: str) -> None:
    sent = bytes(range(256)) * 8192
    with RawWebSocket(box, exec_path(running, "cat", stdin=True), "v5.channel.k8s.io") as socket:
        for start in range(0, len(sent), 100_000):
            socket.send(0, sent[start : start + 100_000])
        socket.send(255, b"\x00")
        output, status = socket.until_status()
    assert output[1] == sent
    assert b'"Success"' in status


def test_a_client_that_leaves_takes_its_command_along(box: Box, running: str) -> None:
    marker = box.directory / f"alive-{running}"
    script = f"trap '' HUP TERM; while :; do date +%s%N > {marker}; sleep 0.05; done"
    with RawWebSocket(box, exec_path(running, "sh", "-c", script), "v5.channel.k8s.io"):
        wait_for(lambda: marker.exists() and marker.read_text())

    def is_still() -> bool:
        before = marker.read_text()
        time.sleep(0.3)
        return marker.read_text() == before

    wait_for(is_still)


def test_many_commands_leave_nothing_open(box: Box, streaming_core: Any, running: str) -> None:
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    finished(execute(streaming_core, running, "true"))
    before = descriptors()
    for _ in range(10):
        session = execute(streaming_core, running, "true", stdin=True)
        assert finished(session)[2] == 0
    wait_for(lambda: descriptors() <= before + 2)


def test_attach_shows_what_comes_from_now_on(streaming_core: Any, running: str) -> None:
    session = stream(
        streaming_core.connect_get_namespaced_pod_attach, "one", running, _preload_content=False, stdout=True
    )
    seen = ""
    deadline = time.monotonic() + WAIT
    while "more\nmore\n" not in seen and time.monotonic() < deadline:
        session.update(timeout=1)
        seen += session.read_stdout(timeout=0)
    session.sock.shutdown()
    assert "more\nmore\n" in seen


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("pods/two/exec?command=true", 404, "not found"),
        ("pods/one/exec", 400, "at least one command"),
        ("pods/one/exec?command=true&container=nope", 400, "nope is not valid"),
    ],
)
def test_what_cannot_run_is_refused_before_the_upgrade(
    box: Box, running: str, path: str, status: int, said: str
) -> None:
    answer = refused(box, f"/api/v1/namespaces/{running}/{path}")
    assert answer.status == status
    assert said in answer.json["message"]


def test_a_completed_pod_takes_no_commands(box: Box, core: Any, running: str) -> None:
    core.patch_namespaced_pod_status("one", running, {"status": {"phase": "Succeeded"}})
    answer = refused(box, exec_path(running, "true"))
    assert (answer.status, "completed pod" in answer.json["message"]) == (400, True)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Upgrade": "SPDY/3.1", "Connection": "Upgrade"},
        {**HANDSHAKE, "Sec_WebSocket_Protocol": "v1.channel.k8s.io"},
    ],
)
def test_clients_that_speak_something_else_are_told(box: Box, running: str, headers: dict[str, str]) -> None:
    marker = box.directory / f"ran-{running}"
    answer = refused(box, exec_path(running, "touch", str(marker)), headers)
    assert answer.status == 400
    assert "WebSocket" in answer.json["message"] or "subprotocols" in answer.json["message"]
    assert not marker.exists()


def test_a_container_without_process_is_told_so_to_every_client(box: Box, core: Any, namespace: str) -> None:
    """kubectl asks again without a WebSocket, and shows what it is told then."""
    wanted = pod()
    wanted["spec"]["containers"].append({"name": "proxy", "image": "proxy:1"})
    core.create_namespaced_pod(namespace, wanted)
    for headers in (HANDSHAKE, {"Upgrade": "SPDY/3.1", "Connection": "Upgrade"}):
        answer = refused(box, f"{exec_path(namespace, 'true')}&container=proxy", headers)
        assert (answer.status, answer.json["message"]) == (400, "container proxy has no process of its own")
    answer = refused(box, f"{exec_path(namespace, 'true')}&container=app", {"Upgrade": "SPDY/3.1"})
    assert "WebSocket" in answer.json["message"]


@pytest.mark.parametrize("garbage", [b"\xff" * 64, b"\x82\xff" + b"\xff" * 12, b"\x88\x81abcd\x00", b""])
def test_broken_frames_end_the_connection_and_the_command(box: Box, running: str, garbage: bytes) -> None:
    with RawWebSocket(box, exec_path(running, "sleep", "60"), "v5.channel.k8s.io") as socket:
        socket.raw(garbage)
        socket.half_close()
        socket.drain()


def exec_path(namespace: str, *command: str, **flags: bool) -> str:
    query = [*(("command", word) for word in command), *((name, "true") for name in flags), ("stdout", "true")]
    return f"/api/v1/namespaces/{namespace}/pods/one/exec?{urlencode(query)}"


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.02)
