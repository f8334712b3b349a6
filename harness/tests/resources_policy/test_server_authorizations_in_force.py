"""What ServerAuthorizations let in (§3.21)."""

from __future__ import annotations

import pytest

from harness.tests.resources_policy.documents import (
    Obj,
    server,
    server_authorization,
)
from harness.tests.resources_policy.policies import inbound, let_in, meshed, unmeshed
from harness.tests.resources_policy.test_policy_set import NAMED

SERVER_AUTHORIZATIONS: dict[str, tuple[Obj, tuple[bool, bool, bool]]] = {
    # (webapp inside, unmeshed inside, unmeshed outside of the cluster's networks)
    "unauthenticated 3.21": (server_authorization("s", NAMED, unauthenticated=True), (True, True, False)),
    "networks 3.21": (
        server_authorization("s", NAMED, unauthenticated=True, networks=[{"cidr": "0.0.0.0/0"}]),
        (True, True, True),
    ),
    "empty networks": (server_authorization("s", NAMED, unauthenticated=True, networks=[]), (True, True, False)),
    "any TLS": (server_authorization("s", NAMED, meshTLS={"unauthenticatedTLS": True}), (True, False, False)),
    "identities": (server_authorization("s", NAMED, meshTLS={"identities": ["*"]}), (True, False, False)),
    "accounts": (
        server_authorization("s", NAMED, meshTLS={"serviceAccounts": [{"name": "webapp"}]}),
        (True, False, False),
    ),
    "account elsewhere": (
        server_authorization("s", NAMED, meshTLS={"serviceAccounts": [{"name": "webapp", "namespace": "shop"}]}),
        (False, False, False),
    ),
    "nobody": (server_authorization("s", NAMED, meshTLS={}), (False, False, False)),
    "no client": (server_authorization("s", NAMED), (False, False, False)),
    "by label 3.21": (
        server_authorization("s", {"selector": {"matchLabels": {"team": "a"}}}, unauthenticated=True),
        (True, True, False),
    ),
    "by other labels": (
        server_authorization("s", {"selector": {"matchLabels": {"team": "b"}}}, unauthenticated=True),
        (False, False, False),
    ),
    "other name": (server_authorization("s", {"name": "books-server"}, unauthenticated=True), (False, False, False)),
}


@pytest.mark.parametrize("case", SERVER_AUTHORIZATIONS)
def test_server_authorizations(case: str) -> None:
    written, expected = SERVER_AUTHORIZATIONS[case]
    policy = inbound(server(labels={"team": "a"}), written)
    clients = (meshed(), unmeshed(), unmeshed("198.51.100.1"))
    assert tuple(let_in(policy, client) == "serverauthorization/s" for client in clients) == expected


# Routes
