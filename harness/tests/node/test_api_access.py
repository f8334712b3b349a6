"""What a pod's processes find of the API server, and that the API server knows them by it."""

from __future__ import annotations

from typing import Any

import pytest

from harness.embedded.apiserver.api import Api
from harness.embedded.apiserver.tokens import LIFETIME_SECONDS, ServiceAccountTokens
from harness.embedded.node.api_access import ApiAccess, service_account_files

Obj = dict[str, Any]


@pytest.fixture
def api() -> Api:
    api = Api(lambda: "127.0.0.9")
    api.create("namespaces", {"metadata": {"name": "a"}})
    api.create("serviceaccounts", {"metadata": {"name": "reader"}}, namespace="a")
    return api


def test_a_token_names_its_service_account(api: Api) -> None:
    tokens = ServiceAccountTokens(api)
    token = tokens.issue("a", "reader")
    assert tokens.user(f"Bearer {token}") == "system:serviceaccount:a:reader"
    assert tokens.user(f"bearer  {token} ") == "system:serviceaccount:a:reader"


def test_whoever_is_not_proved_is_nobody(api: Api) -> None:
    tokens = ServiceAccountTokens(api)
    token = tokens.issue("a", "reader")
    head, claims, signature = token.split(".")
    others = ServiceAccountTokens(api).issue("a", "reader")
    unsigned = f"eyJhbGciOiJub25lIn0.{claims}."
    bad = (token, f"Basic {token}", "Bearer", "Bearer x.y.z", f"Bearer {head}.{claims}.{signature[:-4]}AAAA")
    for header in (*bad, f"Bearer {others}", f"Bearer {unsigned}", f"Bearer {tokens.issue('a', 'nobody')}", ""):
        assert tokens.user(header) == "", header


def test_a_token_ends_with_its_account_and_with_its_time(api: Api) -> None:
    moment = [0.0]
    tokens = ServiceAccountTokens(api, now=lambda: moment[0])
    assert tokens.user(f"Bearer {tokens.issue('a', 'reader')}") == "", "made in 1970, it is too old"
    tokens = ServiceAccountTokens(api)
    token = tokens.issue("a", "reader")
    api.delete("serviceaccounts", "a", "reader")
    api.create("serviceaccounts", {"metadata": {"name": "reader"}}, namespace="a")
    assert tokens.user(f"Bearer {token}") == ""
    assert LIFETIME_SECONDS > 24 * 3600


@pytest.mark.parametrize(
    ("spec", "account", "mounted"),
    [
        ({}, {}, True),
        ({}, None, True),
        ({"automountServiceAccountToken": False}, {}, False),
        ({}, {"automountServiceAccountToken": False}, False),
        ({"automountServiceAccountToken": True}, {"automountServiceAccountToken": False}, True),
    ],
)
def test_a_pod_or_its_account_may_decline(spec: Obj, account: Obj | None, mounted: bool) -> None:
    pod = {"metadata": {"namespace": "a"}, "spec": {"serviceAccountName": "reader", **spec}}
    access = ApiAccess("127.0.0.1", 1, b"PEM", lambda namespace, name: f"{namespace}/{name}")
    files = {"namespace": b"a", "token": b"a/reader", "ca.crt": b"PEM"}
    assert service_account_files(pod, account, access) == (files if mounted else {})
