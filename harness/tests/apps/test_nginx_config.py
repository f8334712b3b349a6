"""Which configurations the nginx stand-in takes, and how it names what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.embedded.apps.nginx import config_path
from harness.embedded.apps.nginx.configure import load_site
from harness.embedded.apps.nginx.files import ContainerFiles
from harness.embedded.apps.nginx.site import Site
from harness.errors import InputError

MAIN = "/etc/nginx/nginx.conf"
HERE = "is not obeyed here by this stand-in of nginx"


def mount(root: Path, files: dict[str, str]) -> ContainerFiles:
    for path, text in files.items():
        real = root / path.lstrip("/")
        real.parent.mkdir(parents=True, exist_ok=True)
        real.write_text(text)
    return ContainerFiles(root)


def load(root: Path, files: dict[str, str]) -> Site:
    return load_site(MAIN, mount(root, files))


def refusals(root: Path, files: dict[str, str]) -> list[str]:
    with pytest.raises(InputError) as caught:
        load(root, files)
    return [str(finding) for finding in caught.value.findings]


def in_server(text: str) -> dict[str, str]:
    """`text` is line 4 of the configuration."""
    return {MAIN: f"events {{}}\nhttp {{\nserver {{ listen 8080;\n{text}\n}} }}\n"}


def in_http(text: str) -> dict[str, str]:
    """`text` is line 2 of the configuration."""
    return {MAIN: f"http {{ server {{ listen 8080; }}\n{text}\n}}\n"}


def test_without_mounts_the_image_listens_on_80() -> None:
    assert list(load_site(MAIN, ContainerFiles(None)).ports) == [80]


def test_mounted_conf_d_replaces_the_images(tmp_path: Path) -> None:
    site = load(tmp_path, {"/etc/nginx/conf.d/a.conf": "server { listen 8080; }"})
    assert list(site.ports) == [8080]
    assert site.ports[8080][0].settings.types["css"] == "text/css"


def test_a_mounted_file_may_include_the_images_types(tmp_path: Path) -> None:
    site = load(tmp_path, {MAIN: "http { include mime.types; server { listen 8080; } }"})
    assert site.ports[8080][0].settings.types["svg"] == "image/svg+xml"


def test_includes_keep_their_own_file_and_line(tmp_path: Path) -> None:
    files = {
        MAIN: "http {\n  include /etc/nginx/conf.d/*.conf;\n}",
        "/etc/nginx/conf.d/b.conf": "server {\n  listen 8080;\n  proxy_pass http://x;\n}",
        "/etc/nginx/conf.d/a.conf": "sendfile on;\nsub_filter a b;\n",
    }
    assert [refusal.partition("; known are ")[0] for refusal in refusals(tmp_path, files)] == [
        f"/etc/nginx/conf.d/a.conf:2: 'sub_filter' {HERE}",
        f"/etc/nginx/conf.d/b.conf:3: 'proxy_pass' {HERE}",
    ]


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("proxy_pass http://x;", "'proxy_pass' is not obeyed here"),
        ("location / { proxy_pass http://x; }", "'proxy_pass' is not obeyed here"),
        ("location / { try_files $uri =404; }", "'try_files' is not obeyed here"),
        ("location / { alias /srv; }", "'alias' is not obeyed here"),
        ("location / { if ($host = a) { return 403; } }", "'if' is not obeyed here"),
        ("location /a { location /a/b { return 200; } }", "'location' is not obeyed here"),
        ("rewrite ^ /x;", "'rewrite' is not obeyed here"),
        ("set $a b;", "'set' is not obeyed here"),
        ("retrun 500;", "'retrun' is not obeyed here by this stand-in of nginx; did you mean 'return'?"),
        ("http2 on;", "'http2' is not obeyed here"),
        ("listen 443 ssl;", "'listen' with 'ssl' is not known"),
        ("listen 127.0.0.1:81;", "'listen' must be a port on all addresses, not '127.0.0.1:81'"),
        ("listen unix:/run/x.sock;", "'listen' must be a port on all addresses"),
        ("listen 0;", "'listen' needs a port from 1 to 65535, not 0"),
        ("server_name ~^www\\d;", "'server_name' must be names or wildcards at one end"),
        ("location @named { return 200; }", "'location' must be a path or an expression, not '@named'"),
        ("location !~ x { return 200; }", "'location' has the modifier '!~'"),
        ("location ~ ( { return 200; }", "'location' has an expression this stand-in cannot read"),
        ("location /a { } location /a { }", "'location' /a is given twice"),
        ("return abc;", "'return' needs a status from 200 to 999, not 'abc'"),
        ("return 0;", "'return' needs a status from 200 to 999, not '0'"),
        ("return 100;", "'return' needs a status from 200 to 999, not '100'"),
        ("return 200 $request_id;", "variable '$request_id' is not known"),
        ("return 200 ${nope}x;", "variable '$nope' is not known"),
        ("root html;", "'root' must be an absolute path without variables, not 'html'"),
        ("root /srv/$host;", "'root' must be an absolute path without variables"),
        ("root /a; root /b;", "'root' is given twice"),
        ("index /fallback.html;", "'index' must be file names"),
        ("add_header A b often;", "'add_header' takes 'always' or nothing after the value, not 'often'"),
        ("add_header A $nope;", "variable '$nope' is not known"),
        ("error_page 404 @fallback;", "'error_page' must lead to a plain path"),
        ("error_page 404 http://x/;", "'error_page' must lead to a plain path"),
        ("error_page =200 /x;", "'error_page' needs a status to act on"),
        ("access_log /tmp/access.log;", "'access_log' must be off or /dev/stdout, not '/tmp/access.log'"),
        ("access_log /dev/stdout fancy;", "'access_log' uses the log_format 'fancy', which nothing defines"),
        ("access_log /dev/stdout combined buffer=4k;", "'access_log' takes a format and nothing more"),
        ("error_log /tmp/error.log;", "'error_log' must be off or /dev/stderr, not '/tmp/error.log'"),
        ("server_tokens on;", "'server_tokens' must be off"),
        ("gzip on;", "'gzip' must be off"),
        ("autoindex on;", "'autoindex' must be off"),
        ("include /nowhere.conf;", "there is no file /nowhere.conf in the container"),
        ("include nginx.conf;", "/etc/nginx/nginx.conf includes itself"),
        ("return;", 'invalid number of arguments in "return" directive'),
        ("location / return 500;", 'directive "location" has no opening "{"'),
        ("worker_processes 1;", "'worker_processes' is not obeyed here"),
    ],
)
def test_refused_in_a_server(tmp_path: Path, text: str, refusal: str) -> None:
    found = refusals(tmp_path, in_server(text))
    assert len(found) == 1
    assert found[0].startswith(f"{MAIN}:4: {refusal}")


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("upstream x { server y; }", "'upstream' is not obeyed here"),
        ("listen 80;", "'listen' is not obeyed here"),
        ("gzip on;", "'gzip' must be off"),
        ("keepalive_timeout soon;", "'keepalive_timeout' takes one time such as 65s, not 'soon'"),
        ("keepalive_timeout 65 60;", "'keepalive_timeout' takes one time such as 65s, not '65 60'"),
        ("log_format x escape=json $host;", "'log_format' with 'escape=json' is not known"),
        ("log_format x $upstream_addr;", "variable '$upstream_addr' is not known"),
        ("server { listen 8080 default_server; } server { return 404; listen 8080 default_server; }", "port 8080 has"),
    ],
)
def test_refused_in_http(tmp_path: Path, text: str, refusal: str) -> None:
    found = refusals(tmp_path, in_http(text))
    assert len(found) == 1
    assert found[0].startswith(f"{MAIN}:2: {refusal}")


@pytest.mark.parametrize(
    ("text", "line", "refusal"),
    [
        ("stream { }\nhttp { server { } }", 1, "'stream' is not obeyed here"),
        ("load_module x.so;\nhttp { server { } }", 1, "'load_module' is not obeyed here"),
        ("http { server { listen 80 \n} }", 1, 'directive "listen" is not terminated by ";"'),
        ("http { server { }\n", 1, 'unexpected end of file, expecting "}"'),
        ("http { }", 0, "no server listens"),
        ("", 0, "no server listens"),
    ],
)
def test_refused_outside_of_http(tmp_path: Path, text: str, line: int, refusal: str) -> None:
    place = f"{MAIN}:{line}: " if line else f"{MAIN}: "
    assert any(found.startswith(place + refusal) for found in refusals(tmp_path, {MAIN: text}))


def test_all_refusals_come_at_once(tmp_path: Path) -> None:
    found = refusals(tmp_path, in_server("rewrite ^ /x;\nreturn abc;\nlocation / {\nproxy_pass http://x;\ngzip on; }"))
    assert [refusal.split(" ")[0] for refusal in found] == [f"{MAIN}:{line}:" for line in (4, 5, 7, 8)]


def test_tuning_that_no_client_sees_is_fine(tmp_path: Path) -> None:
    text = """
        user nginx; worker_processes auto; pid /run/nginx.pid; error_log /var/log/nginx/error.log notice; daemon off;
        events { worker_connections 1024; multi_accept on; }
        http {
            log_format main '$remote_addr - $remote_user [$time_local] "$request" '
                            '$status $body_bytes_sent "$http_referer" "$http_x_forwarded_for"';
            access_log /var/log/nginx/access.log main; sendfile on; tcp_nopush on; keepalive_timeout 65; gzip off;
            server_tokens off; types_hash_max_size 2048; default_type text/plain;
            server { listen 80 default_server; listen [::]:80 default_server ipv6only=on; server_name _; }
        }"""
    site = load(tmp_path, {MAIN: text})
    assert list(site.ports) == [80]
    assert len(site.ports[80]) == 1
    assert site.ports[80][0].settings.keepalive_seconds == 65


@pytest.mark.parametrize(
    ("listen", "ports"),
    [("", [80]), ("listen 8080;", [8080]), ("listen *:81; listen 0.0.0.0:82; listen *;", [81, 82, 80])],
)
def test_listen(tmp_path: Path, listen: str, ports: list[int]) -> None:
    site = load(tmp_path, {MAIN: f"http {{ server {{ {listen} }} }}"})
    assert list(site.ports) == ports


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("www.example.org", "www.example.org"),
        ("a.example.org", "*.example.org"),
        ("b.a.example.org", "*.a.example.org"),
        ("mail.example.net", "mail.*"),
        ("example.com", "example.com"),
        ("x.example.com", "example.com"),
        ("example.org", "fallback"),
        ("", "fallback"),
    ],
)
def test_server_is_chosen_by_name(tmp_path: Path, host: str, name: str) -> None:
    names = ["www.example.org", "*.example.org", "*.a.example.org", "mail.*", ".example.com"]
    servers = " ".join(f"server {{ listen 80; server_name {name}; }}" for name in names)
    text = f"http {{ {servers} server {{ listen 80 default_server; server_name fallback; }} }}"
    assert load(tmp_path, {MAIN: text}).server(80, host).names[0] == name


@pytest.mark.parametrize(
    ("uri", "chosen"),
    [
        ("/", "/"),
        ("/a", "/"),
        ("/docs/", "/docs/"),
        ("/docs", "/"),
        ("/docs/x", "/docs/"),
        ("/docs/x.php", "~ .php"),
        ("/docs/x.PHP", "~* .php"),
        ("/static/x.php", "^~ /static/"),
        ("/exact", "= /exact"),
        ("/exact/", "/"),
        ("/img/a/b.gif", "~ ^/img"),
    ],
)
def test_location_is_chosen(tmp_path: Path, uri: str, chosen: str) -> None:
    heads = ["/", "/docs/", "^~ /static/", "= /exact", "~ ^/img", "~ [.]php$", "~* [.]php$"]
    locations = " ".join(f'location {head} {{ root "/{number}"; }}' for number, head in enumerate(heads))
    site = load(tmp_path, in_server(locations))
    number = int(site.ports[8080][0].locate(uri).settings.root.removeprefix("/"))
    assert heads[number].replace("[.]php$", ".php") == chosen


def test_settings_are_inherited_and_replaced_as_a_whole(tmp_path: Path) -> None:
    text = """http {
        default_type text/css; index a.html; add_header A http; add_header B http; error_page 404 /http;
        server { listen 8080; root /srv;
            location /inherits { }
            location /replaces { index b.html; add_header C location; error_page 500 501 =503 /location; }
        } }"""
    server = load(tmp_path, {MAIN: text}).ports[8080][0]
    above, below = server.locate("/inherits").settings, server.locate("/replaces").settings
    assert (above.default_type, above.root, above.index) == ("text/css", "/srv", ("a.html",))
    assert [header.name for header in above.headers] == ["A", "B"]
    assert list(above.error_pages) == [404]
    assert (below.default_type, below.root, below.index) == ("text/css", "/srv", ("b.html",))
    assert [header.name for header in below.headers] == ["C"]
    assert {code: (page.uri, page.status) for code, page in below.error_pages.items()} == {
        500: ("/location", 503),
        501: ("/location", 503),
    }


@pytest.mark.parametrize(
    ("argv", "path"),
    [
        (["nginx"], MAIN),
        (["nginx", "-g", "daemon off;"], MAIN),
        (["/docker-entrypoint.sh", "nginx", "-g", "daemon off;"], MAIN),
        (["nginx", "-c", "/srv/site.conf", "-g", "daemon off;"], "/srv/site.conf"),
        (["nginx", "-c", "site.conf"], "/etc/nginx/site.conf"),
    ],
)
def test_command_line(argv: list[str], path: str) -> None:
    assert config_path(argv) == path


@pytest.mark.parametrize("words", [["-t"], ["-p", "/srv"], ["-g", "worker_processes 2;"], ["-c"], ["-s", "reload"]])
def test_refused_command_line(words: list[str]) -> None:
    with pytest.raises(InputError, match="is not obeyed; known are -c FILE"):
        config_path(["nginx", *words])
