"""What the API server passes through from pods: logs and proxied requests."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.client import HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from harness.tests.apiserver.support import Box, pod
from harness.tests.apiserver.test_deleting import until
from harness.tests.apiserver.test_writing import refusal


class Backend(BaseHTTPRequestHandler):
    """A program in a pod: echoes, streams until told to stop, or breaks off."""

    protocol_version = "HTTP/1.1"
    gone = threading.Event()

    def log_message(self, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        seen = f"{self.command} {self.path} {self.headers.get('X-Mine')} {self.headers.get('Authorization')}".encode()
        self.send_response(418)
        self.send_header("X-Theirs", "yes")
        self.send_header("Content-Length", str(len(seen + b"|" + body)))
        self.end_headers()
        self.wfile.write(seen + b"|" + body)

    do_PATCH = do_POST

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Content-Type", "application/x-ndjson")
        self.end_headers()
        try:
            for number in range(10_000):
                line = b'{"n":%d}\n' % number
                self.wfile.write(b"%x\r\n%b\r\n" % (len(line), line))
                self.wfile.flush()
                if self.path == "/broken" and number == 2:
                    break
                time.sleep(0.01)
        except OSError:
            self.gone.set()
        self.close_connection = True


@pytest.fixture
def backend() -> Iterator[tuple[str, int]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Backend)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield "127.0.0.1", server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def behind(box: Box, core: Any, namespace: str, backend: tuple[str, int]) -> str:
    """The path prefix of a namespace whose pod `one` and service `svc` lead to the backend."""
    address, port = backend
    body = pod(labels={"app": "one"}, annotations={"test/never-ready": "true"})
    body["spec"]["containers"][0]["ports"] = [{"name": "http", "containerPort": port}]
    core.create_namespaced_pod(namespace, body)
    ready = {"type": "Ready", "status": "True"}
    core.patch_namespaced_pod_status(
        "one", namespace, {"status": {"podIP": address, "phase": "Running", "conditions": [ready]}}
    )
    ports = [{"name": "web", "port": 80, "targetPort": "http"}]
    core.create_namespaced_service(
        namespace, {"metadata": {"name": "svc"}, "spec": {"selector": {"app": "one"}, "ports": ports}}
    )
    until(lambda: core.read_namespaced_endpoints("svc", namespace).subsets, "endpoints")
    return f"/api/v1/namespaces/{namespace}"


@pytest.mark.parametrize(
    "name", ["pods/one", "pods/one:http", "pods/http:one:http", "services/svc", "services/svc:80", "services/svc:web"]
)
def test_a_request_goes_through_with_all_it_carries(box: Box, behind: str, name: str) -> None:
    answer = box.request(
        "PATCH", f"{behind}/{name}/proxy/a%20b/c?x=1&y", b"body", X_Mine="7", Authorization="Bearer secret"
    )
    assert answer.status == 418
    assert answer.content == b"PATCH /a%20b/c?x=1&y 7 None|body"
    assert answer.headers["X-Theirs"] == "yes"


def test_the_official_client_proxies(core: Any, behind: str, namespace: str, backend: tuple[str, int]) -> None:
    answer = core.connect_post_namespaced_pod_proxy_with_path_with_http_info
    with pytest.raises(Exception, match="POST /send") as refused:
        answer(f"one:{backend[1]}", namespace, "send")
    assert getattr(refused.value, "status", None) == 418


def test_a_stream_is_passed_on_line_by_line_and_ends_with_its_reader(box: Box, behind: str) -> None:
    Backend.gone.clear()
    connection = HTTPSConnection("127.0.0.1", box.server.port, context=box.ssl_context(), timeout=60)
    connection.request("GET", f"{behind}/pods/one/proxy/stream")
    answer = connection.getresponse()
    assert [answer.readline() for _ in range(3)] == [b'{"n":0}\n', b'{"n":1}\n', b'{"n":2}\n']
    answer.close()
    connection.close()
    assert Backend.gone.wait(60), "the pod never learned that nobody reads any more"


def test_a_broken_stream_is_not_passed_off_as_whole(box: Box, behind: str) -> None:
    with pytest.raises(Exception, match="IncompleteRead"):
        box.request("GET", f"{behind}/pods/one/proxy/broken")


def test_head_has_no_body(box: Box, behind: str) -> None:
    answer = box.request("HEAD", f"{behind}/pods/one/proxy/x")
    assert (answer.status, answer.content) == (501, b"")


def test_nothing_listening_is_unavailable_and_says_where(box: Box, behind: str) -> None:
    answer = box.request("GET", f"{behind}/pods/one:1/proxy/")
    assert (answer.status, answer.json["reason"]) == (503, "ServiceUnavailable")
    assert "127.0.0.1:1" in answer.json["message"]


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("pods/two", 404),
        ("pods/one:nope", 400),
        ("pods/https:one:1", 400),
        ("services/svc:81", 404),
        ("services/none", 404),
    ],
)
def test_proxying_to_what_is_not_there(box: Box, behind: str, name: str, status: int) -> None:
    assert box.request("GET", f"{behind}/{name}/proxy/").status == status


def test_a_service_without_ready_pods_is_unavailable(box: Box, core: Any, behind: str, namespace: str) -> None:
    core.delete_namespaced_pod("one", namespace, grace_period_seconds=0)
    until(lambda: not core.read_namespaced_endpoints("svc", namespace).subsets, "no endpoints")
    assert box.request("GET", f"{behind}/services/svc/proxy/").status == 503


def test_logs_whole_and_their_tail(core: Any, namespace: str) -> None:
    core.create_namespaced_pod(namespace, pod())
    assert core.read_namespaced_pod_log("one", namespace) == "first\nsecond\n"
    assert core.read_namespaced_pod_log("one", namespace, container="app", tail_lines=1) == "second\n"


def test_logs_are_followed_until_the_reader_leaves(core: Any, namespace: str) -> None:
    core.create_namespaced_pod(namespace, pod())
    answer = core.read_namespaced_pod_log("one", namespace, follow=True, _preload_content=False)
    seen = b""
    for chunk in answer.stream():
        seen += chunk
        if seen.count(b"more\n") >= 2:
            break
    answer.close()
    assert seen.startswith(b"first\nsecond\nmore\n")


@pytest.mark.parametrize(
    ("name", "query", "status"),
    [
        ("two", {}, 404),
        ("one", {"container": "nope"}, 400),
        ("one", {"previous": True}, 400),
    ],
)
def test_logs_that_do_not_exist(core: Any, namespace: str, name: str, query: dict[str, Any], status: int) -> None:
    core.create_namespaced_pod(namespace, pod())
    assert refusal(core.read_namespaced_pod_log, name, namespace, **query)[0] == status


def test_a_container_must_be_named_if_there_are_several(core: Any, namespace: str) -> None:
    body = pod()
    body["spec"]["containers"].append({"name": "side", "image": "side:1"})
    core.create_namespaced_pod(namespace, body)
    code, status = refusal(core.read_namespaced_pod_log, "one", namespace)
    assert code == 400
    assert "choose one of: [app side]" in status["message"]
