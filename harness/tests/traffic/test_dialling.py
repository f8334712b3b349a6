"""Where connections go: directly, by TLS, to a proxy."""

import asyncio
import datetime
import ipaddress
import socket
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from harness.errors import EnvironmentFailed
from harness.tests.traffic.servers import Behaviour, Call, carry_out, plan, serving
from harness.traffic.dialling import Dialler, proxy_for
from harness.traffic.exchange import exchange_for
from harness.traffic.http1 import HttpExchange

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Key and certificate of 127.0.0.1 in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file = tmp_path / "both.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, *form) + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


@asynccontextmanager
async def serving_tls(certificate: Path) -> AsyncIterator[int]:
    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline():
            while (await reader.readline()).strip():
                pass  # the rest of the head
            writer.write(ANSWER)
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = await asyncio.start_server(connection, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


def sent_by_tls(certificate: Path) -> set[str]:
    async def run() -> set[str]:
        async with serving_tls(certificate) as port:
            return (await carry_out(plan(f"https://127.0.0.1:{port}/", rate_per_second=100, limit=5))).results()

    return asyncio.run(run())


def test_a_server_with_a_known_authority_is_believed(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert sent_by_tls(certificate) == {"200"}


def test_a_server_with_an_unknown_authority_is_not(certificate: Path) -> None:
    assert sent_by_tls(certificate) == {"tls"}


async def resets(call: Call) -> None:
    call.reset()


async def hangs_up(call: Call) -> None:
    call.hang_up()


@pytest.mark.parametrize("behave", [resets, hangs_up])
def test_a_server_that_ends_the_connection_while_tls_is_agreed_on_is_not_called_unreachable(behave: Behaviour) -> None:
    async def run() -> set[str]:
        async with serving(behave, of_http=False) as server:
            return (await carry_out(plan(f"https://127.0.0.1:{server.port}/", limit=3))).results()

    assert asyncio.run(run()) == {"tls"}


class Resolver:
    """Looks names up slowly: each as 127.0.0.1, or none at all."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, knows: bool) -> None:
        self.asked = 0
        self._knows = knows
        self._real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self._look_up)

    def _look_up(self, host: str, *arguments: object, **options: object) -> object:
        self.asked += 1
        time.sleep(0.3)
        if not self._knows:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return self._real("127.0.0.1", *arguments, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("protocol", ["http/1.1", "h2c"])
def test_requests_that_wait_for_a_name_without_address_hear_of_it_together(
    protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver = Resolver(monkeypatch, knows=False)

    async def run() -> Counter[str]:
        async with exchange_for(plan("http://books.example/", protocol=protocol)) as exchange:
            return Counter(str(answer.error) for answer in await asyncio.gather(*(exchange.send() for _ in range(100))))

    assert asyncio.run(run()) == {"dns": 100}
    assert resolver.asked == 1


def test_requests_that_wait_for_an_address_wait_for_one_look_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def answers(call: Call) -> None:
        call.answer()

    async def run() -> Counter[str]:
        async with serving(answers) as server:
            resolver = Resolver(monkeypatch, knows=True)
            wanted = plan(f"http://books.example:{server.port}/")
            async with HttpExchange(wanted) as exchange:
                told = await asyncio.gather(*(exchange.send() for _ in range(100)))
            assert resolver.asked == 1
            return Counter(str(answer.error or answer.status) for answer in told)

    assert asyncio.run(run()) == {"200": 100}


def test_who_gives_up_waiting_for_an_address_does_not_end_the_look_up_of_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run() -> None:
        async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0) as server:
            resolver = Resolver(monkeypatch, knows=True)
            dialler = Dialler(f"http://books.example:{server.sockets[0].getsockname()[1]}/")
            first, second = (asyncio.create_task(dialler.open(asyncio.Protocol)) for _ in range(2))
            await asyncio.sleep(0)
            first.cancel()
            await second
            assert resolver.asked == 1

    asyncio.run(run())


def test_no_look_up_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        Resolver(monkeypatch, knows=True)
        async with HttpExchange(plan("http://books.example/", timeout_seconds=0.05)) as exchange:
            assert str((await exchange.send()).error) == "timeout"
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(run())


@pytest.mark.parametrize("host", ["a..b", "a" * 64 + ".example"])
@pytest.mark.parametrize("protocol", ["http/1.1", "h2c"])
def test_a_name_that_cannot_be_asked_for_has_no_address(host: str, protocol: str) -> None:
    sent = asyncio.run(carry_out(plan(f"http://{host}/", limit=2, protocol=protocol)))
    assert sent.results() == {"dns"}


def test_port_0_is_no_other_port(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def unknown(host: str, port: int, *arguments: object, **options: object) -> None:
        asked.append(port)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    asyncio.run(carry_out(plan("http://books:0/", limit=1)))
    assert asked == [0]


def test_addresses_of_a_name_are_asked_for_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = socket.getaddrinfo

    def counting(host: str, *arguments: object, **options: object) -> object:
        asked.append(host)
        return real(host, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", counting)

    async def run() -> None:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        async with server:
            dialler = Dialler(f"http://localhost:{server.sockets[0].getsockname()[1]}/")
            for _ in range(5):
                await dialler.open(asyncio.Protocol)

    asyncio.run(run())
    assert asked == ["localhost"]


def test_the_next_address_is_tried_where_one_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def two(host: str, port: int, *arguments: object, **options: object) -> object:
        kind = socket.AF_INET, socket.SOCK_STREAM, 6, ""
        return [(*kind, ("127.0.0.9", port)), (*kind, ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", two)

    async def run() -> None:
        async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0) as server:
            await Dialler(f"http://books:{server.sockets[0].getsockname()[1]}/").open(asyncio.Protocol)

    asyncio.run(run())


def test_hosts_named_in_no_proxy_are_called_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.20.0.5:4140")
    monkeypatch.setenv("no_proxy", "localhost,127.0.0.1,127.20.128.5")
    assert proxy_for("http://books:7002/") == "http://127.20.0.5:4140"
    assert proxy_for("http://127.20.128.5:7002/") is None


@pytest.mark.parametrize(
    ("hosts", "url", "direct"),
    [
        ("books:7002", "http://books:7002/", True),
        ("books:7002", "http://books:7003/", False),
        ("books", "http://books:7002/", True),
        ("::1", "http://[::1]:7002/", True),
        ("[::1]", "http://[::1]:7002/", True),
        (".example", "http://books.example/", True),
    ],
)
def test_no_proxy_may_name_a_port(hosts: str, url: str, direct: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.20.0.5:4140")
    monkeypatch.setenv("no_proxy", hosts)
    assert (proxy_for(url) is None) is direct


@pytest.mark.parametrize("named", ["127.20.0.5:3128", "localhost:3128"])
def test_a_proxy_without_a_scheme_is_spoken_to_by_http(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", named)
    assert proxy_for("http://books:7002/") == f"http://{named}"


@pytest.mark.parametrize("named", ["https://127.20.0.5:3128", "socks5://127.20.0.5:1080"])
def test_a_proxy_of_another_kind_is_refused(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", named)
    with pytest.raises(EnvironmentFailed, match=f"http_proxy is {named}"):
        HttpExchange(plan("http://books:7002/"))


def test_requests_by_tls_have_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://127.20.0.5:4140")
    assert proxy_for("https://books:7002/") is None
