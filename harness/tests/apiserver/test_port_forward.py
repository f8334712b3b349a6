"""Port-forward in both of its dresses, and what breaks it."""

from __future__ import annotations

import socket
import struct
import zlib
from typing import Any

import pytest

from harness.embedded.apiserver.spdy import DICTIONARY
from harness.tests.apiserver.forwarding import forwarded
from harness.tests.apiserver.raw_websocket import RawWebSocket, SpdyClient, refused
from harness.tests.apiserver.support import Box, pod
from harness.tests.apiserver.test_deleting import until

TUNNEL = "SPDY/3.1+portforward.k8s.io"


@pytest.fixture
def closed() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture
def path(core: Any, namespace: str) -> str:
    core.create_namespaced_pod(namespace, pod())
    until(lambda: core.read_namespaced_pod("one", namespace).status.phase == "Running", "running")
    return f"/api/v1/namespaces/{namespace}/pods/one/portforward"


def test_the_dictionary_is_the_one_of_the_draft() -> None:
    assert (len(DICTIONARY), zlib.adler32(DICTIONARY)) == (1423, 0xE3C6A7C2)


def test_the_official_client_forwards(box: Box, path: str, namespace: str, echo: int) -> None:
    with forwarded(box.kubeconfig, namespace, "one", echo) as connection:
        connection.sendall(b"hello")
        assert connection.recv(5) == b"hello"


def test_a_port_without_listener_is_told_on_its_error_channel(box: Box, path: str, closed: int) -> None:
    with RawWebSocket(box, f"{path}?ports={closed}") as socket_:
        seen = []
        while (message := socket_.receive()) is not None:
            seen.append(message)
    port = struct.pack("<H", closed)
    assert seen[:2] == [b"\x00" + port, b"\x01" + port]
    assert seen[2][0] == 1
    assert f"error forwarding port {closed}".encode() in seen[2]


def test_several_ports_share_a_connection(box: Box, path: str, echo: int, closed: int) -> None:
    with RawWebSocket(box, f"{path}?ports={closed}&ports={echo}", "v4.channel.k8s.io") as socket_:
        assert "Sec-WebSocket-Protocol: v4.channel.k8s.io" in socket_.head
        socket_.send(2, b"over here")
        data = b""
        while data != struct.pack("<H", echo) + b"over here":
            message = socket_.receive()
            assert message is not None
            data += message[1:] if message[0] == 2 else b""


def test_spdy_streams_carry_connections_side_by_side(box: Box, path: str, echo: int) -> None:
    big = bytes(range(256)) * 2048
    with RawWebSocket(box, path, TUNNEL) as socket_:
        assert f"Sec-WebSocket-Protocol: {TUNNEL}" in socket_.head
        spdy = SpdyClient(socket_)
        spdy.forward(1, echo)
        spdy.forward(5, echo)
        for start in range(0, len(big), 16384):
            spdy.send(3, big[start : start + 16384])
        spdy.send(7, b"small", last=True)
        spdy.send(3, b"", last=True)
        spdy.until_ended(1, 3, 5, 7)
    assert spdy.replied == {1, 3, 5, 7}
    assert (spdy.data[3], spdy.data[7]) == (big + b"bye", b"smallbye")
    assert (spdy.data[1], spdy.data[5]) == (b"", b"")


def test_spdy_tells_of_a_port_without_listener_and_goes_on(box: Box, path: str, echo: int, closed: int) -> None:
    with RawWebSocket(box, path, TUNNEL) as socket_:
        spdy = SpdyClient(socket_)
        spdy.forward(1, closed)
        spdy.until_ended(1, 3)
        assert f"error forwarding port {closed} to pod".encode() in spdy.data[1]
        spdy.forward(5, echo)
        spdy.send(7, b"still", last=True)
        spdy.until_ended(7)
        assert spdy.data[7] == b"stillbye"
        spdy.control(6, b"\x00\x00\x00\x09")
        spdy.until_ping()


def test_a_reset_stream_closes_the_connection_in_the_pod(box: Box, path: str, echo: int) -> None:
    with RawWebSocket(box, path, TUNNEL) as socket_:
        spdy = SpdyClient(socket_)
        spdy.forward(1, echo)
        spdy.send(3, b"x")
        spdy.control(3, struct.pack(">II", 3, 5))
        spdy.until_ended(3)
        assert spdy.data[3].endswith(b"bye")


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x80\x03\x00\x01\x00\xff\xff\xff",  # a frame of 16 MB
        b"\x80\x03\x00\x01\x00\x00\x00\x02ab",  # a stream without headers
        b"\x80\x03\x00\x01\x00\x00\x00\x0e" + bytes(10) + b"abcd",  # headers that are not compressed
    ],
)
def test_what_is_no_spdy_ends_the_connection(box: Box, path: str, garbage: bytes) -> None:
    with RawWebSocket(box, path, TUNNEL) as socket_:
        socket_.message(garbage)
        assert socket_.receive() is None
        assert socket_.closed


def test_a_header_bomb_is_not_unpacked(box: Box, path: str) -> None:
    with RawWebSocket(box, path, TUNNEL) as socket_:
        SpdyClient(socket_).open(1, {"streamtype": "x" * 10_000_000})
        assert socket_.receive() is None


def test_streams_are_bounded(box: Box, path: str) -> None:
    with RawWebSocket(box, path, TUNNEL) as socket_:
        spdy = SpdyClient(socket_)
        for number in range(1, 2103, 2):
            spdy.open(number, {"streamtype": "error", "requestid": str(number)})
        spdy.control(6, b"\x00\x00\x00\x01")
        spdy.until_ping()
    assert (len(spdy.replied), len(spdy.refused)) == (1024, 27)


@pytest.mark.parametrize("ports", ["0", "70000", "http", "1,,2", ",".join(["1"] * 65)])
def test_ports_are_numbers(box: Box, path: str, ports: str) -> None:
    answer = refused(box, f"{path}?ports={ports}")
    assert answer.status == 400
    assert "port" in answer.json["message"]


def test_a_pod_that_does_not_run_takes_no_connection(box: Box, core: Any, path: str, namespace: str) -> None:
    core.patch_namespaced_pod_status("one", namespace, {"status": {"phase": "Failed"}})
    answer = refused(box, path)
    assert (answer.status, "not running" in answer.json["message"]) == (400, True)
