"""Tokens that clients ask for: `kubectl create token`, and what is done with them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import jwt
import pytest

from harness.embedded.apiserver.errors import ELSEWHERE
from harness.embedded.apiserver.objects import Obj
from harness.embedded.apiserver.tokens import ISSUER
from harness.tests.apiserver.support import Answer, Box


def ask(box: Box, namespace: str, spec: Any = None, account: str = "default") -> Answer:
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
    return box.request("POST", path, {} if spec is None else {"spec": spec})


def whoami(box: Box, token: str) -> Answer:
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    return box.request("POST", path, {}, anonymous=True, Authorization=f"Bearer {token}")


def test_a_token_of_an_account_is_that_accounts_way_in(box: Box, namespace: str) -> None:
    made = ask(box, namespace)
    assert (made.status, made.json["kind"]) == (201, "TokenRequest")
    who = whoami(box, made.json["status"]["token"]).json["status"]["userInfo"]["username"]
    assert who == f"system:serviceaccount:{namespace}:default"


def test_an_empty_status_is_no_obstacle(box: Box, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/default/token"
    body = {"spec": {"audiences": None}, "status": {"token": "", "expirationTimestamp": None}}
    assert box.request("POST", path, body).status == 201


def test_it_lasts_as_long_as_asked(box: Box, namespace: str) -> None:
    status = ask(box, namespace, {"expirationSeconds": 1200}).json["status"]
    end = datetime.fromisoformat(status["expirationTimestamp"])
    assert 1100 < (end - datetime.now(UTC)).total_seconds() <= 1200
    claims = jwt.decode(status["token"], options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 1200


def test_a_token_for_somebody_else_is_none_here(box: Box, namespace: str) -> None:
    made = ask(box, namespace, {"audiences": ["vault"]}).json
    assert made["spec"]["audiences"] == ["vault"]
    assert whoami(box, made["status"]["token"]).status == 401
    mixed = ask(box, namespace, {"audiences": ["vault", ISSUER]}).json
    assert whoami(box, mixed["status"]["token"]).status == 201


def test_it_ends_with_its_account(box: Box, core: Any, namespace: str) -> None:
    core.create_namespaced_service_account(namespace, {"metadata": {"name": "short"}})
    token = ask(box, namespace, account="short").json["status"]["token"]
    assert whoami(box, token).status == 201
    core.delete_namespaced_service_account("short", namespace)
    assert whoami(box, token).status == 401


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"expirationSeconds": 5}, "spec.expirationSeconds"),
        ({"expirationSeconds": 10**9}, "spec.expirationSeconds"),
        ({"expirationSeconds": "1h"}, "spec.expirationSeconds"),
        ({"audiences": "vault"}, "spec.audiences"),
        ({"audiences": [1]}, "spec.audiences[0]"),
        ("now", "spec"),
    ],
)
def test_requests_that_make_no_sense_are_refused_by_field(box: Box, namespace: str, spec: Any, field: str) -> None:
    answer = ask(box, namespace, spec)
    assert answer.status == 422, answer.content
    assert answer.json["details"]["causes"][0]["field"] == field


def test_bound_tokens_are_refused_with_a_way_out(box: Box, namespace: str) -> None:
    bound: Obj = {"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "one"}}
    answer = ask(box, namespace, bound)
    assert (answer.status, ELSEWHERE in answer.json["message"]) == (422, True)


def test_an_account_that_is_not_there_has_no_token(box: Box, namespace: str) -> None:
    assert ask(box, namespace, account="nobody").status == 404
    assert box.request("GET", f"/api/v1/namespaces/{namespace}/serviceaccounts/default/token").status == 405
