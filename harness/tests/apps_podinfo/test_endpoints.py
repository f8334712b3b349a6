"""Every endpoint of podinfo, the router around them, and the form of their answers (§8.4)."""

from __future__ import annotations

import asyncio
import io
import json

import aiohttp
import pytest
from multidict import CIMultiDict

from harness.embedded.apps.podinfo.answers import go_json
from harness.embedded.apps.podinfo.options import REVISION, VERSION
from harness.embedded.apps.podinfo.routes import clean_path
from harness.tests.apps_podinfo.pods import Pod, on_pod

OK = {"status": "OK"}
OFFLINE = {"code": 400, "message": "cache server is offline"}
UNREADABLE = {"code": 500, "message": "reading file failed"}
MISSING = b"404 page not found\n"
TOO_BIG = {"code": 400, "message": 'strconv.Atoi: parsing "9223372036854775808": value out of range'}

# Request -> status, and the body: JSON if it is no bytes.
ANSWERS: list[tuple[str, str, int, object]] = [
    ("GET", "/version", 200, {"commit": REVISION, "version": VERSION}),
    ("GET", "/healthz", 200, OK),
    ("GET", "/readyz", 200, OK),
    ("POST", "/readyz/enable", 202, b""),
    ("GET", "/status/200", 200, {"status": 200}),
    ("POST", "/status/503", 503, {"status": 503}),
    ("PUT", "/status/404", 404, {"status": 404}),
    ("GET", "/status/0418", 418, {"status": 418}),
    ("GET", "/status/204", 204, b""),
    ("GET", "/status/304", 304, b""),
    ("GET", "/status/102", 200, {"status": 102}),
    ("GET", "/status/9223372036854775808", 200, TOO_BIG),
    ("GET", "/delay/0", 200, {"delay": 0}),
    ("GET", "/delay/12", 200, {"delay": 12}),
    ("GET", "/delay/9223372036854775808", 200, TOO_BIG),
    ("GET", "/delay/" + "0" * 5000 + "3", 200, {"delay": 3}),
    ("GET", "/chunked/2", 200, {"delay": 2}),
    ("DELETE", "/chunked/0", 200, {"delay": 0}),
    ("GET", "/cache/a", 200, OFFLINE),
    ("POST", "/cache/a", 200, OFFLINE),
    ("PUT", "/cache/a", 200, OFFLINE),
    ("DELETE", "/cache/a", 200, OFFLINE),
    ("GET", "/store/none", 200, UNREADABLE),
    ("GET", "/store/%00", 200, UNREADABLE),
    ("GET", "/configs", 200, {}),
    ("GET", "/api/%69nfo?x=1", 200, None),
    # known paths, other methods
    ("HEAD", "/healthz", 405, b""),
    ("POST", "/", 405, b""),
    ("POST", "/delay/1", 405, b""),
    ("DELETE", "/status/200", 405, b""),
    ("GET", "/readyz/disable", 405, b""),
    ("DELETE", "/headers", 405, b""),
    ("PUT", "/env", 405, b""),
    ("GET", "/store", 405, b""),
    ("PATCH", "/cache/a", 405, b""),
    ("GET", "/token", 405, b""),
    ("POST", "/token/validate", 405, b""),
    # paths that are not known
    ("GET", "/authors/1.json", 404, MISSING),
    ("GET", "/version/", 404, MISSING),
    ("GET", "/delay/-1", 404, MISSING),
    ("GET", "/delay/one", 404, MISSING),
    ("GET", "/status/", 404, MISSING),
    ("GET", "/cache/a/b", 404, MISSING),
    ("GET", "/store/a%2Fb", 404, MISSING),
    ("GET", "/echoes", 404, MISSING),
]


@pytest.mark.parametrize(("method", "path", "status", "body"), ANSWERS)
def test_answer(method: str, path: str, status: int, body: object) -> None:
    async def ask(pod: Pod) -> None:
        reply = await pod.ask(method, path)
        assert reply.status == status
        if isinstance(body, bytes):
            assert reply.body == body
        elif body is not None:
            assert reply.body == json.dumps(body, indent=2).encode()

    on_pod(ask, environ={"PODINFO_DATA_PATH": "/nowhere"})


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/version", {"Content-Type": "application/json; charset=utf-8", "X-Content-Type-Options": "nosniff"}),
        ("/status/500", {"Content-Type": "application/json; charset=utf-8", "X-Content-Type-Options": "nosniff"}),
        ("/cache/a", {"Content-Type": "application/json; charset=utf-8", "X-Content-Type-Options": "nosniff"}),
        ("/none", {"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"}),
        ("/metrics", {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}),
        ("/chunked/0", {"X-Content-Type-Options": "nosniff", "Transfer-Encoding": "chunked"}),
    ],
)
def test_headers_of_answers(path: str, headers: dict[str, str]) -> None:
    async def ask(pod: Pod) -> None:
        seen = dict((await pod.ask("GET", path)).headers)
        for unrelated in ("Date", "Content-Length", "Connection"):
            seen.pop(unrelated, None)
        assert seen == headers

    on_pod(ask)


@pytest.mark.parametrize("path", ["/", "/api/info"])
def test_info(path: str) -> None:
    async def ask(pod: Pod) -> None:
        info = (await pod.ask("GET", path, headers={"User-Agent": "curl/8 Mozilla"})).json
        assert ",".join(info) == (
            "hostname,version,revision,color,logo,message,goos,goarch,runtime,num_goroutine,num_cpu"
        )
        assert all(isinstance(value, str) for value in info.values())
        assert (info["hostname"], info["version"], info["color"]) == ("pod-1", "6.9.3", "#fff")
        assert info["message"] == "greetings from podinfo v6.9.3"
        assert int(info["num_goroutine"]) > 0

    on_pod(ask, "--ui-color=#fff", environ={"HOSTNAME": "pod-1"})


@pytest.mark.parametrize("path", ["/echo", "/echo/", "/echo/any/where", "/api/echo", "/api/echo/x"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_echo_without_backends_gives_the_body_back(path: str, method: str) -> None:
    async def ask(pod: Pod) -> None:
        sent = bytes(range(256)) * 8000  # more than servers usually take
        reply = await pod.ask(method, path, data=io.BytesIO(sent))
        assert (reply.status, reply.body, reply.headers["X-Color"]) == (202, sent, "#34577c")

    on_pod(ask)


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        (b"", None),
        (b'{"a": 1}', "text/plain; charset=utf-8"),
        (b"<p>x", "text/html; charset=utf-8"),
        (b"<pre>x", "text/plain; charset=utf-8"),
        (b"\x00", "application/octet-stream"),
        (b" <HTML >", "text/html; charset=utf-8"),
    ],
)
def test_echo_guesses_the_type(sent: bytes, kind: str | None) -> None:
    async def ask(pod: Pod) -> None:
        reply = await pod.ask("POST", "/echo", data=sent)
        assert reply.headers.get("Content-Type") == kind

    on_pod(ask)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_env_is_a_list_of_assignments(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODINFO_UI_MESSAGE", "A backend")

    async def ask(pod: Pod) -> None:
        reply = await pod.ask(method, "/env")
        assert reply.status == 200
        assert "PODINFO_UI_MESSAGE=A backend" in reply.json
        assert b'\n  "PODINFO_UI_MESSAGE=A backend"' in reply.body

    on_pod(ask)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_headers_shows_what_arrived(method: str) -> None:
    async def ask(pod: Pod) -> None:
        sent = [
            ("l5d-client-id", "webapp.booksapp"),
            ("X-REQUEST-ID", "1"),
            ("X-REQUEST-ID", "2"),
            ("x-api-version", "mine"),
            ("User-Agent", "curl"),
        ]
        headers = (await pod.ask(method, "/headers", headers=CIMultiDict(sent))).json
        assert headers["L5d-Client-Id"] == ["webapp.booksapp"]
        assert headers["X-Request-Id"] == ["1", "2"]
        assert headers["X-Api-Version"] == [VERSION]
        assert headers["X-Api-Revision"] == [REVISION]
        assert "Host" not in headers
        assert list(headers) == sorted(headers)

    on_pod(ask)


def test_readiness_can_be_switched_and_health_cannot() -> None:
    async def ask(pod: Pod) -> None:
        assert (await pod.ask("POST", "/readyz/disable")).status == 202
        down = await pod.ask("GET", "/readyz")
        assert (down.status, down.body) == (503, b"")
        assert (await pod.ask("GET", "/healthz")).status == 200
        assert (await pod.ask("POST", "/readyz/enable")).status == 202
        assert (await pod.ask("GET", "/readyz")).json == OK

    on_pod(ask)


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("//echo", "/echo"),
        ("/echo/../env", "/env"),
        ("/store/%2e%2e", "/"),
        ("/echo//a/./?q=%20", "/echo/a/?q=%20"),
        ("/echo//a%20b%3F", "/echo/a%20b%3F"),
        ("/..//..", "/"),
    ],
)
def test_unclean_paths_are_redirected(path: str, location: str) -> None:
    async def ask(pod: Pod) -> None:
        reply = await pod.ask("GET", path)
        assert (reply.status, reply.headers["Location"]) == (301, location)

    on_pod(ask)


@pytest.mark.parametrize("path", ["", "/", "/a", "/a/", "/a/b.c/", "/...", "/a/..b"])
def test_clean_paths_stay(path: str) -> None:
    assert clean_path(path) == (path or "/")


@pytest.mark.parametrize("path", ["/status/99", "/status/1000", "/status/42", "/chunked"])
def test_where_the_original_breaks_there_is_no_answer(path: str) -> None:
    async def ask(pod: Pod) -> None:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await pod.ask("GET", path)

    on_pod(ask)


def test_delay_waits_and_chunked_sends_its_headers_first() -> None:
    may_go_on = asyncio.Event()

    async def wait(seconds: float) -> None:
        assert seconds == 7
        await may_go_on.wait()

    async def ask(pod: Pod) -> None:
        async with pod.session.get(f"{pod.site}/chunked/7") as answer:
            assert answer.status == 200
            late = asyncio.create_task(pod.ask("GET", "/delay/7"))
            done, _ = await asyncio.wait([late], timeout=0.05)
            assert not done
            may_go_on.set()
            assert await answer.json(content_type=None) == {"delay": 7}
            assert (await late).json == {"delay": 7}

    on_pod(ask, pause=wait)


@pytest.mark.parametrize("path", ["/ws/echo", "/swagger/", "/swagger.json", "/debug/pprof/heap"])
def test_what_is_not_offered_says_so(path: str) -> None:
    async def ask(pod: Pod) -> None:
        reply = await pod.ask("GET", path)
        assert reply.status == 501
        assert path in reply.text

    on_pod(ask)


def test_metrics_count_answers_of_routes_by_their_template() -> None:
    async def ask(pod: Pod) -> None:
        for path in ("/status/500", "/status/500", "/version", "/", "/nowhere", "/delay/1", "/echo/a/b", "//"):
            await pod.ask("GET", path)
        lines = (await pod.ask("GET", "/metrics")).text.splitlines()
        assert [line for line in lines if line.startswith("http_requests_total")] == [
            'http_requests_total{status="200"} 3',
            'http_requests_total{status="202"} 1',
            'http_requests_total{status="500"} 2',
        ]
        name = "http_request_duration_seconds"
        assert f'{name}_count{{method="GET",path="status",status="500"}} 2' in lines
        assert f'{name}_bucket{{method="GET",path="status",status="500",le="+Inf"}} 2' in lines
        counted = {line.split('path="')[1].split('"')[0] for line in lines if line.startswith(f"{name}_count")}
        assert counted == {"status", "version", "root", "delay", "echo"}

    on_pod(ask)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({}, b"{}"),
        ([], b"[]"),
        (["<a&b>", "\u2028"], b'[\n  "\\u003ca\\u0026b\\u003e",\n  "\\u2028"\n]'),
        (["日本語"], '[\n  "日本語"\n]'.encode()),
        (["\udcff"], '[\n  "\N{REPLACEMENT CHARACTER}"\n]'.encode()),
        ({"a": [1]}, b'{\n  "a": [\n    1\n  ]\n}'),
    ],
)
def test_json_as_go_writes_it(value: object, written: bytes) -> None:
    assert go_json(value) == written


def test_a_path_may_be_any_bytes() -> None:
    async def ask(pod: Pod) -> None:
        reply = await pod.ask("GET", "/echo/%ff%00")
        assert reply.status == 202
        assert (await pod.ask("GET", "/%ff//a")).headers["Location"] == "/%FF/a"

    on_pod(ask, "--level=debug")
