"""What the nginx stand-in answers, byte for byte where clients can see it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from harness.embedded.apps.nginx import runner
from harness.embedded.apps.nginx.configure import load_site
from harness.embedded.apps.nginx.respond import normal_path
from harness.tests.apps.test_nginx_config import MAIN, mount

INTERNAL_SERVER_ERROR = (
    b"<html>\r\n<head><title>500 Internal Server Error</title></head>\r\n<body>\r\n"
    b"<center><h1>500 Internal Server Error</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes


def ask(
    root: Path,
    server: str,
    path: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    files: Mapping[str, str] | None = None,
    http: str = "",
) -> Reply:
    """One request to a server with this text in its block; files are mounted beside its configuration."""
    text = f"http {{ {http} server {{ listen 8080; server_name first.example; {server} }} }}"
    mounted = mount(root, {MAIN: text, **(files or {})})
    site = load_site(MAIN, mounted)

    async def run() -> Reply:
        served = runner(site, 8080, mounted)
        await served.setup()
        await web.TCPSite(served, "127.0.0.1", 0).start()
        url = URL(f"http://127.0.0.1:{served.addresses[0][1]}{path}", encoded=True)
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.request(method, url, headers=headers, allow_redirects=False) as answer,
            ):
                return Reply(answer.status, answer.reason or "", answer.headers, await answer.read())
        finally:
            await served.cleanup()

    return asyncio.run(run())


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "HEAD"])
def test_return_500_looks_like_nginx(tmp_path: Path, method: str) -> None:
    reply = ask(tmp_path, "location / { return 500; }", "/books.json?x=1", method=method)
    assert (reply.status, reply.reason) == (500, "Internal Server Error")
    assert reply.body == (b"" if method == "HEAD" else INTERNAL_SERVER_ERROR)
    assert reply.headers["Content-Length"] == str(len(INTERNAL_SERVER_ERROR))
    assert reply.headers["Server"] == "nginx"
    assert reply.headers["Content-Type"] == "text/html"
    assert reply.headers["Connection"] == "close"


@pytest.mark.parametrize(
    ("returned", "status", "reason", "content_type", "body", "location"),
    [
        ("200", 200, "OK", "text/plain", b"", None),
        ("200 ok", 200, "OK", "text/plain", b"ok", None),
        ('200 "a\nb"', 200, "OK", "text/plain", b"a\nb", None),
        ("404 gone", 404, "Not Found", "text/plain", b"gone", None),
        ("503", 503, "Service Temporarily Unavailable", "text/html", None, None),
        ("599", 599, "", "text/html", b"", None),
        ("301 /new", 301, "Moved Permanently", "text/html", None, "http://first.example:8080/new"),
        ("302 https://x/$uri", 302, "Moved Temporarily", "text/html", None, "https://x//path"),
        ("https://x/", 302, "Moved Temporarily", "text/html", None, "https://x/"),
        ("308 /new", 308, "Permanent Redirect", "text/html", None, "http://first.example:8080/new"),
    ],
)
def test_return(
    tmp_path: Path,
    returned: str,
    status: int,
    reason: str,
    content_type: str,
    body: bytes | None,
    location: str | None,
) -> None:
    reply = ask(tmp_path, f"return {returned};", "/path", headers={"Host": "first.example"})
    assert (reply.status, reply.reason, reply.headers["Content-Type"]) == (status, reason, content_type)
    assert reply.headers.get("Location") == location
    if body is None:
        assert b"<hr><center>nginx</center>\r\n" in reply.body
    else:
        assert reply.body == body


def test_return_204_has_no_body(tmp_path: Path) -> None:
    reply = ask(tmp_path, "return 204;", "/")
    assert (reply.status, reply.body) == (204, b"")


def test_return_444_hangs_up(tmp_path: Path) -> None:
    with pytest.raises(aiohttp.ClientError):
        ask(tmp_path, "return 444;", "/")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$host", "first.example"),
        ("$request_method $uri", "GET /a b"),
        ("$request_uri", "/a%20b?x=1%202&y=3"),
        ("$args", "x=1%202&y=3"),
        ("$arg_x|$arg_z", "1%202|"),
        ("$http_user_agent", "probe"),
        ("$remote_addr", "127.0.0.1"),
        ("${scheme}s:$server_port", "https:8080"),
        ("$server_name", "first.example"),
        ("$request", "GET /a%20b?x=1%202&y=3 HTTP/1.1"),
        ("5 dollars", "5 dollars"),
    ],
)
def test_variables(tmp_path: Path, text: str, value: str) -> None:
    headers = {"Host": "FIRST.example:99", "User-Agent": "probe"}
    reply = ask(tmp_path, f'return 200 "{text}";', "/a%20b?x=1%202&y=3", headers=headers)
    assert reply.body.decode() == value


def test_return_of_the_server_comes_before_locations(tmp_path: Path) -> None:
    assert ask(tmp_path, "return 200 server; location / { return 200 location; }", "/").body == b"server"


def test_content_type_follows_the_path(tmp_path: Path) -> None:
    http = "types { application/json json; } default_type application/octet-stream;"
    for path, content_type in (("/a.json", "application/json"), ("/a", "application/octet-stream")):
        reply = ask(tmp_path, "return 200 x;", path, http=http)
        assert reply.headers["Content-Type"] == content_type


@pytest.mark.parametrize(
    ("status", "added"),
    [(200, ["a", "b"]), (204, ["a", "b"]), (301, ["a", "b"]), (202, ["b"]), (404, ["b"]), (500, ["b"])],
)
def test_added_headers(tmp_path: Path, status: int, added: list[str]) -> None:
    server = f"add_header X-One a; add_header X-Two b always; add_header X-Empty $http_nope always; return {status} /;"
    reply = ask(tmp_path, server, "/")
    assert [reply.headers[name] for name in ("X-One", "X-Two", "X-Empty") if name in reply.headers] == added


PAGES = {"/srv/index.html": "home", "/srv/a.css": "a", "/srv/sub/x.txt": "x", "/srv/50x.html": "sorry"}
ROOT = "root /srv;"


@pytest.mark.parametrize(
    ("method", "path", "status", "content_type", "body"),
    [
        ("GET", "/", 200, "text/html", b"home"),
        ("HEAD", "/", 200, "text/html", b""),
        ("GET", "/index.html?x", 200, "text/html", b"home"),
        ("GET", "/a.css", 200, "text/css", b"a"),
        ("GET", "/sub/../a%2Ecss", 200, "text/css", b"a"),
        ("GET", "//sub///x.txt", 200, "text/plain", b"x"),
        ("GET", "/sub", 301, "text/html", None),
        ("GET", "/sub/", 403, "text/html", None),
        ("GET", "/nope", 404, "text/html", None),
        ("GET", "/a.css/", 404, "text/html", None),
        ("POST", "/a.css", 405, "text/html", None),
        ("GET", "/../etc/nginx/nginx.conf", 400, "text/html", None),
        ("GET", "/..%2fetc/nginx/nginx.conf", 400, "text/html", None),
        ("GET", "/a%00b", 400, "text/html", None),
    ],
)
def test_files(tmp_path: Path, method: str, path: str, status: int, content_type: str, body: bytes | None) -> None:
    reply = ask(tmp_path, ROOT, path, method=method, files=PAGES, http="include mime.types;")
    assert (reply.status, reply.headers["Content-Type"]) == (status, content_type)
    assert reply.headers["Server"] == "nginx"
    assert body is None or reply.body == body


def test_directory_without_slash_is_sent_to_the_one_with(tmp_path: Path) -> None:
    reply = ask(tmp_path, ROOT, "/sub", headers={"Host": "first.example"}, files=PAGES)
    assert reply.headers["Location"] == "http://first.example:8080/sub/"


def test_part_of_a_file(tmp_path: Path) -> None:
    reply = ask(tmp_path, ROOT, "/50x.html", headers={"Range": "bytes=1-2"}, files=PAGES)
    assert (reply.status, reply.body) == (206, b"or")


@pytest.mark.parametrize(
    ("page", "path", "status", "body"),
    [
        ("error_page 500 502 /50x.html;", "/broken", 500, b"sorry"),
        ("error_page 500 =200 /50x.html;", "/broken", 200, b"sorry"),
        ("error_page 500 = /teapot;", "/broken", 418, b"tea"),
        ("error_page 500 /teapot;", "/broken", 500, b"tea"),
        ("error_page 500 /nope;", "/broken", 404, None),
        ("error_page 500 /broken;", "/broken", 500, None),
        ("error_page 404 /50x.html;", "/nope", 404, b"sorry"),
        ("error_page 502 /50x.html;", "/broken", 500, None),
        ("error_page 418 /50x.html;", "/teapot", 418, b"tea"),
    ],
)
def test_error_pages(tmp_path: Path, page: str, path: str, status: int, body: bytes | None) -> None:
    locations = "location = /broken { return 500; } location = /teapot { return 418 tea; }"
    reply = ask(tmp_path, f"{ROOT} {page} {locations}", path, files=PAGES)
    assert reply.status == status
    assert (b"<center>nginx</center>" in reply.body) if body is None else reply.body == body


def test_servers_are_told_apart_by_host(tmp_path: Path) -> None:
    http = "server { listen 8080; server_name second.example; return 200 second; }"
    for host, body in (("second.example", b"second"), ("SECOND.example:80", b"second"), ("third.example", b"second")):
        assert ask(tmp_path, "return 200 first;", "/", headers={"Host": host}, http=http).body == body
    assert ask(tmp_path, "return 200 first;", "/", headers={"Host": "first.example"}, http=http).body == b"first"


def test_access_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    headers = {"User-Agent": 'x"\\é'}
    ask(tmp_path, "return 500;", "/a?b", headers=headers)
    ask(tmp_path, "access_log off; return 500;", "/off")
    ask(
        tmp_path, ROOT + "access_log /dev/stdout short;", "/a.css", files=PAGES, http="log_format short '$status $uri';"
    )
    combined, short = capsys.readouterr().out.splitlines()
    assert combined.startswith("127.0.0.1 - - [")
    length = len(INTERNAL_SERVER_ERROR)
    assert combined.endswith(f'] "GET /a?b HTTP/1.1" 500 {length} "-" "x\\x22\\x5C\\xC3\\xA9"')
    assert short == "200 /a.css"


def test_keepalive_timeout_0_closes_every_connection(tmp_path: Path) -> None:
    assert ask(tmp_path, "return 200;", "/", http="keepalive_timeout 0;").headers["Connection"] == "close"
    assert "Connection" not in ask(tmp_path, "return 200;", "/").headers


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ("/", "/"),
        ("/a/./b//c/", "/a/b/c/"),
        ("/a/../b", "/b"),
        ("/a/..", "/"),
        ("/a/b/..", "/a/"),
        ("/%61", "/a"),
        ("/..", None),
        ("*", None),
        ("/%00", None),
    ],
)
def test_normal_path(raw: str, path: str | None) -> None:
    assert normal_path(raw) == path
