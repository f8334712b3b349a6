"""Where connections go: directly, by TLS, to a proxy."""

import asyncio
import datetime
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from harness.tests.traffic.servers import carry_out, plan
from harness.traffic.dialling import Dialler, proxy_for

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


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


def test_requests_by_tls_have_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://127.20.0.5:4140")
    assert proxy_for("https://books:7002/") is None
