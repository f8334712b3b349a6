"""Clients that are nobody, or mean harm: they are told so, and everybody else is served on."""

from __future__ import annotations

import gc
import socket
import ssl
import stat
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.embedded.apiserver.certs import Authority, write_kubeconfig
from harness.embedded.apiserver.httpd import MAX_BODY, MAX_HEAD, Request, Stream
from harness.embedded.apiserver.server import Clients, Frontend
from harness.embedded.apiserver.tokens import ServiceAccountTokens
from harness.tests.apiserver.support import Box, configmap


@pytest.mark.parametrize("path", ["/version", "/api/v1/namespaces", "/nowhere", "/healthz"])
def test_without_a_client_certificate_there_is_only_401(box: Box, path: str) -> None:
    answer = box.request("GET", path, anonymous=True, Authorization="Bearer admin")
    assert (answer.status, answer.json["reason"]) == (401, "Unauthorized")


def test_a_certificate_of_another_authority_is_no_way_in(box: Box, tmp_path: Path) -> None:
    forged = Authority().client("kubernetes-admin", "system:masters")
    (tmp_path / "forged.pem").write_bytes(forged.certificate + forged.key)
    context = box.ssl_context(anonymous=True)
    context.load_cert_chain(tmp_path / "forged.pem")
    assert _exchange(box, b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n", context) == b""


def test_the_kubeconfig_is_nobody_elses_business(box: Box, tmp_path: Path) -> None:
    assert stat.S_IMODE(box.kubeconfig.stat().st_mode) == 0o600
    path = tmp_path / "config"
    path.write_text("open to all")
    path.chmod(0o644)
    authority = Authority()
    write_kubeconfig(path, "https://127.0.0.1:1", authority.certificate, authority.client("me", "us"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not (box.directory / "apiserver.pem").exists()


def _connected(box: Box, context: ssl.SSLContext | None = None) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", box.server.port), timeout=5)
    return (context or box.ssl_context()).wrap_socket(plain, server_hostname="127.0.0.1")


def _exchange(box: Box, data: bytes, context: ssl.SSLContext | None = None) -> bytes:
    """All a server says to these bytes until it closes or falls silent."""
    with _connected(box, context) as connection:
        answer = b""
        try:
            connection.sendall(data)
            connection.settimeout(0.3)
            while received := connection.recv(65536):
                answer += received
        except (TimeoutError, OSError):
            pass  # silence and resets are both ends
        return answer


def test_a_body_beyond_the_limit_is_413_however_it_comes(box: Box, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps".encode()
    head = b"POST %b HTTP/1.1\r\nHost: x\r\n" % path
    declared = _exchange(box, head + b"Content-Length: 104857600\r\n\r\n")
    assert declared.startswith(b"HTTP/1.1 413 ")
    assert b'"reason":"RequestEntityTooLarge"' in declared
    chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    assert _exchange(box, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 4).startswith(b"HTTP/1.1 413 ")


def test_a_client_that_sends_100_mb_before_it_listens_hears_that_it_is_too_much(box: Box) -> None:
    answer = box.request("POST", WATCHED, bytes(100 * 1024 * 1024))
    assert (answer.status, answer.json["reason"]) == (413, "RequestEntityTooLarge")
    assert answer.headers["Connection"] == "close"


def test_a_body_just_below_the_limit_is_taken(box: Box, namespace: str) -> None:
    body = configmap("big", key="x" * (MAX_BODY - 1000))
    assert box.request("POST", f"/api/v1/namespaces/{namespace}/configmaps", body).status == 201


def test_headers_beyond_the_limit_are_431(box: Box) -> None:
    answer = _exchange(box, b"GET /version HTTP/1.1\r\nX: " + b"x" * (MAX_HEAD + 10) + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x01\x02\x03\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /version HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"POST /version HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        b"POST /version HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /version HTTP/1.1\r\nBad Header: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_bytes_that_are_no_request_get_400_and_the_door(box: Box, data: bytes) -> None:
    answer = _exchange(box, data)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1


WATCHED = "/api/v1/namespaces/default/configmaps"
NAMES = ("api", "apis", "v1", "apps", "namespaces", "default", "pods", "status", "log", "proxy", "scale")
SEGMENTS = ("", "x", "%2e%2e", "%00", "a:b:c:d", *NAMES)
QUERIES = (
    "",
    "?watch=1&timeoutSeconds=1&resourceVersion=-1",
    "?limit=x",
    "?fieldSelector==&labelSelector=((",
    "?%ff=%00",
    "?dryRun=x",
    "?continue=%00",
)
BODIES = (b"", b"{}", b"[[[[", b"\xff", b'{"metadata":{"name":[{}]},"spec":1}', b"a: &a [*a]", b'{"a":' * 2000)
MERGE = "application/merge-patch+json"
JSON, YAML, PROTOBUF = "application/json", "application/yaml", "application/vnd.kubernetes.protobuf"


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"]),
    st.lists(st.sampled_from(SEGMENTS), max_size=7),
    st.sampled_from(QUERIES),
    st.sampled_from(BODIES),
    st.sampled_from([JSON, YAML, PROTOBUF, "application/json-patch+json", "x"]),
)
def test_any_mixture_of_pieces_is_answered_with_a_status(
    box: Box, method: str, segments: list[str], query: str, body: bytes, content_type: str
) -> None:
    path = "/" + "/".join(segments) + query
    answer = box.request(method, path, body, Content_Type=content_type)
    assert answer.status < 500 or answer.status == 503, (answer.status, answer.content)
    assert b"Traceback" not in answer.content


@pytest.mark.parametrize("depth", [200, 260, 990, 5000])
@pytest.mark.parametrize(("method", "name", "content_type"), [("POST", "", JSON), ("PATCH", "/deep", MERGE)])
def test_bottomless_bodies_are_refused(
    box: Box, core: Any, namespace: str, depth: int, method: str, name: str, content_type: str
) -> None:
    if name:
        core.create_namespaced_config_map(namespace, configmap("deep"))
    body = b'{"metadata":{"name":"deep"},"data":' + b'{"a":' * depth + b'""' + b"}" * depth + b"}"
    path = f"/api/v1/namespaces/{namespace}/configmaps{name}"
    assert box.request(method, path, body, Content_Type=content_type).status == 400


def test_yaml_that_unfolds_without_end_is_refused(box: Box, namespace: str) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    answer = box.request("POST", path, "\n".join(lines).encode(), Content_Type=YAML)
    assert answer.status == 400
    assert "stands for more than" in answer.json["message"]


def test_yaml_bodies_are_taken(box: Box, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    answer = box.request("POST", path, b"metadata: {name: y}\ndata: {a: b}\n", Content_Type=YAML)
    assert (answer.status, answer.json["data"]) == (201, {"a": "b"})


def test_a_bug_is_a_500_that_tells_nothing(
    box: Box, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: Any) -> None:
        raise RuntimeError("the secret is 42")

    monkeypatch.setattr(box.api.store, "list", broken)
    answer = box.request("GET", "/api/v1/pods")
    assert (answer.status, answer.json["reason"]) == (500, "InternalError")
    assert b"42" not in answer.content
    assert "the secret is 42" in caplog.text


def test_requests_in_a_pipeline_are_answered_in_order(box: Box) -> None:
    answer = _exchange(
        box, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 3 + b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"
    )
    assert [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"200", b"200", b"200", b"404"]


def test_clients_that_hang_and_clients_that_leave_disturb_nobody(box: Box, core: Any, namespace: str) -> None:
    half_open = [_connected(box) for _ in range(10)]
    for connection in half_open:
        connection.sendall(b"POST /api/v1/namespaces HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
    watchers = [_connected(box) for _ in range(20)]
    for connection in watchers:
        connection.sendall(b"GET /api/v1/configmaps?watch=1 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(10)
    before = box.call(lambda: box.api.store.subscribers)
    writing = threading.Thread(target=lambda: core.create_namespaced_config_map(namespace, configmap("one")))
    writing.start()
    writing.join(5)
    assert not writing.is_alive()
    for connection in (*half_open, *watchers):
        connection.close()
    core.create_namespaced_config_map(namespace, configmap("two"))
    for _ in range(100):
        if box.call(lambda: box.api.store.subscribers) <= before - 20:
            break
    else:
        raise AssertionError("watchers that left are still subscribed")


def test_a_continue_is_answered_before_the_body_comes(box: Box, namespace: str) -> None:
    with _connected(box) as connection:
        body = b'{"metadata":{"name":"c"}}'
        path = f"/api/v1/namespaces/{namespace}/configmaps"
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode())
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert connection.recv(1000).startswith(b"HTTP/1.1 201 ")


def test_ten_thousand_watchers_come_and_go_and_leave_nothing(box: Box) -> None:
    """Without their sockets, which `benchmarks/hostile.py` adds: what they cost the server itself."""

    async def come_and_go() -> tuple[int, int]:
        front = Frontend(box.api, box.node, ServiceAccountTokens(box.api))
        request = partial(Request, "GET", WATCHED, WATCHED, "watch=1", {}, b"", "nobody")
        before = box.api.store.subscribers
        watches: list[Any] = []
        for _ in range(10_000):
            answer = await front.answer(request())
            assert isinstance(answer, Stream)
            await anext(answer.chunks)
            watches.append(answer.chunks)
        assert box.api.store.subscribers == before + 10_000
        size = len(gc.get_objects())
        for watch in watches:
            await watch.aclose()
        watches.clear()
        return box.api.store.subscribers - before, len(gc.get_objects()) - size

    left, objects = box.run(come_and_go)
    assert left == 0
    assert objects < -50_000


@pytest.mark.parametrize(("crowd", "times"), [(100, 0), (600, 1), (1200, 2)])
def test_memory_goes_back_when_a_crowd_has_left_and_not_for_everybody(crowd: int, times: int) -> None:
    trimmed: list[int] = []
    clients: Any = Clients(lambda: trimmed.append(1))
    for number in range(crowd):
        clients.add(number)
    for number in range(crowd):
        clients.discard(number)
    assert (len(clients), len(trimmed)) == (0, times)
