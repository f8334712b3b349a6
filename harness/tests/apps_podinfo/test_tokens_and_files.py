"""`/token`, `/store` and `/configs`."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request

from harness.embedded.apps.podinfo.tokens import Tokens
from harness.tests.apps_podinfo.pods import Pod, on_pod


def signed(claims: object, *, algorithm: str = "HS256", secret: bytes = b"s") -> str:
    parts = [json.dumps(part).encode() for part in ({"alg": algorithm}, claims)]
    head = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    digest = {"HS512": hashlib.sha512}.get(algorithm, hashlib.sha256)
    signature = base64.urlsafe_b64encode(hmac.new(secret, head, digest).digest()).rstrip(b"=")
    return (head + b"." + signature).decode()


def validated(authorization: str | None) -> Any:
    headers = {} if authorization is None else {"Authorization": authorization}
    request = make_mocked_request("GET", "/token/validate", headers=headers)
    answer = asyncio.run(Tokens("s", now=lambda: 1000.0).validate(request, {}))
    assert answer.status == 200
    assert isinstance(answer.body, bytes)
    return json.loads(answer.body)


@pytest.mark.parametrize(("sent", "name"), [(b"", "anonymous"), (b"test", "test")])
def test_a_token_is_good_for_who_made_it(sent: bytes, name: str) -> None:
    async def ask(pod: Pod) -> None:
        made = (await pod.ask("POST", "/token", data=sent)).json
        assert list(made) == ["token", "expires_at"]
        header = json.loads(base64.urlsafe_b64decode(made["token"].split(".")[0] + "=="))
        assert header == {"alg": "HS256", "typ": "JWT"}
        reply = await pod.ask("GET", "/token/validate", headers={"authorization": f"bearer {made['token']}"})
        assert reply.json == {"token_name": name, "expires_at": made["expires_at"]}

    on_pod(ask)


@pytest.mark.parametrize("algorithm", ["HS256", "HS512"])
def test_a_token_made_elsewhere_with_the_same_secret(algorithm: str) -> None:
    token = signed({"name": "n", "exp": 1001, "iss": "podinfo"}, algorithm=algorithm)
    assert validated(f"Bearer {token}") == {"token_name": "n", "expires_at": "1970-01-01T00:16:41Z"}


@pytest.mark.parametrize(
    ("authorization", "message"),
    [
        (None, "authorization bearer header required"),
        ("Bearer", "authorization bearer header required"),
        ("Bearer a b", "authorization bearer header required"),
        ("Basic abc", "authorization bearer header required"),
        ("Bearer abc", "token contains an invalid number of segments"),
        ("Bearer a.b.c", "token is malformed"),
        ("Bearer " + signed([]), "token is malformed"),
        ("Bearer " + signed({}, algorithm="none"), "invalid signing method"),
        ("Bearer " + signed({"iss": "podinfo"}, secret=b"other"), "signature is invalid"),
        ("Bearer " + signed({"exp": 998, "iss": "podinfo"}), "token is expired by 2s"),
        ("Bearer " + signed({"exp": 1001, "iss": "me"}), "invalid issuer"),
    ],
)
def test_a_token_that_is_refused(authorization: str | None, message: str) -> None:
    refused = validated(authorization)
    assert refused["code"] == 401
    assert refused["message"].startswith(message)


def test_store_keeps_bodies_by_their_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALBOX_ROOT", str(tmp_path))
    (tmp_path / "data").mkdir()
    (tmp_path / "secret").write_text("not in the store")

    async def ask(pod: Pod) -> None:
        for method in ("POST", "PUT"):
            written = await pod.ask(method, "/store", data=b"kept\n")
            assert (written.status, written.json) == (202, {"hash": hashlib.sha1(b"kept\n").hexdigest()})
        read = await pod.ask("GET", f"/store/{written.json['hash']}")
        assert (read.status, read.body) == (202, b"kept\n")
        for path in ("/store/..%2Fsecret", "/store/%2e%2e%2fsecret", "/store/../secret"):
            assert b"not in the store" not in (await pod.ask("GET", path)).body

    on_pod(ask)
    assert [path.name for path in (tmp_path / "data").iterdir()] == [hashlib.sha1(b"kept\n").hexdigest()]


def test_store_without_a_volume_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALBOX_ROOT", str(tmp_path))

    async def ask(pod: Pod) -> None:
        reply = await pod.ask("POST", "/store", data=b"lost")
        assert (reply.status, reply.json) == (200, {"code": 500, "message": "writing file failed"})

    on_pod(ask)


def test_configs_shows_the_files_of_a_mounted_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALBOX_ROOT", str(tmp_path))
    mounted = tmp_path / "config"
    (mounted / "below").mkdir(parents=True)
    (mounted / "b.txt").write_text("2")
    (mounted / "a.txt").write_text("1")
    (mounted / "..data").write_text("hidden")

    async def ask(pod: Pod) -> None:
        assert (await pod.ask("GET", "/configs")).body == b'{\n  "a.txt": "1",\n  "b.txt": "2"\n}'
        (mounted / "b.txt").unlink()
        assert (await pod.ask("GET", "/configs")).json == {"a.txt": "1"}

    on_pod(ask, "--config-path=/config")
