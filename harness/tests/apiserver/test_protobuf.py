"""Protobuf bodies: what kubectl 1.33 sends is what kubectl 1.31 sends as JSON, and garbage is refused.

`protobuf_requests.json` holds both, as recorded on the wire; empty parts are left out of the JSON.
"""

from __future__ import annotations

import random
from base64 import b64decode
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest

from harness.embedded.apiserver.errors import ApiError
from harness.embedded.apiserver.protobuf import MEDIA_TYPE, decode_protobuf
from harness.tests.apiserver.support import Box

RECORDED: list[dict[str, Any]] = orjson.loads(Path(__file__).with_name("protobuf_requests.json").read_bytes())


def without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        shown = {key: without_empty(child) for key, child in value.items()}
        return {key: child for key, child in shown.items() if child not in (None, {}, [])}
    return [without_empty(child) for child in value] if isinstance(value, list) else value


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda recorded: recorded["request"])
def test_it_says_the_same_as_json(recorded: dict[str, Any]) -> None:
    assert without_empty(decode_protobuf(b64decode(recorded["protobuf"]))) == recorded["json"]


def test_an_object_is_created_from_it(box: Box, namespace: str) -> None:
    body = next(b64decode(one["protobuf"]) for one in RECORDED if one["json"]["kind"] == "ConfigMap")
    moved = body.replace(b"\x1a\x07default", b"\x1a\x00")  # the namespace of the recording
    assert len(moved) < len(body)
    answer = box.request("POST", "/api/v1/namespaces/default/configmaps", body, Content_Type=MEDIA_TYPE)
    assert (answer.status, answer.json["data"]) == (201, {"a": "b", "empty": ""})
    options = b"k8s\x00\n\x13\n\x02v1\x12\rDeleteOptions\x12\x02\x08\x00"
    gone = box.request("DELETE", "/api/v1/namespaces/default/configmaps/c", options, Content_Type=MEDIA_TYPE)
    assert gone.status == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"k8s\x00",
        b'{"kind": "ConfigMap"}',
        b"k8s\x00\n\x0b\n\x02v1\x12\x05Hovel\x12\x00",
        b"k8s\x00\n\x0f\n\x02v1\x12\tConfigMap\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    ],
)
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(ApiError) as refused:
        decode_protobuf(body)
    assert refused.value.code == 400


def test_damaged_bodies_end_in_an_object_or_a_refusal() -> None:
    chance = random.Random(7)
    for recorded in RECORDED:
        whole = b64decode(recorded["protobuf"])
        for _ in range(200):
            body = bytearray(whole[: chance.randrange(8, len(whole) + 1)])
            for _ in range(chance.randrange(3)):
                body[chance.randrange(4, len(body))] = chance.randrange(256)
            with suppress(ApiError):  # anything else is a bug
                assert isinstance(decode_protobuf(bytes(body)), dict)
