"""The CustomResourceDefinitions that the embedded cluster starts with, as plain apiextensions v1 documents.

They are built rather than stored because versions and groups share most of their fields, and because a cluster then
parses no YAML at boot.
"""

from __future__ import annotations

from typing import Any

from harness.dialect import LINKERD_EDGE, Dialect
from harness.embedded.crds.grpc_routes import gateway_grpc_route
from harness.embedded.crds.http_routes import gateway_http_route, policy_http_route
from harness.embedded.crds.policy_kinds import policy_kinds


def definitions(dialect: Dialect = LINKERD_EDGE) -> list[dict[str, Any]]:
    """All definitions, built anew; versions share parts, so copy before you change one."""
    of_calls = [gateway_grpc_route()] if dialect.grpc_routes else []
    return [policy_http_route(), gateway_http_route(), *of_calls, *policy_kinds(dialect)]
