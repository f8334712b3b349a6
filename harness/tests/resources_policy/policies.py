"""Policy sets from documents, and clients to try them with."""

from __future__ import annotations

from ipaddress import ip_address

from harness.dialect import LINKERD_EDGE, Dialect
from harness.resources.inbound import Client, InboundPolicy
from harness.resources.pods import parse_pod
from harness.resources.policy_objects import parse_policy_object
from harness.resources.policy_set import PolicySet
from harness.tests.resources_policy.documents import Obj, identity, pod

PORT = 7001


def inbound(*objects: Obj, of: Obj | None = None, port: int = PORT, dialect: Dialect = LINKERD_EDGE) -> InboundPolicy:
    """What holds for a port (7001) of a pod (authors) with these objects in the cluster."""
    policies = PolicySet.of(map(parse_policy_object, objects), dialect)
    return policies.inbound_policy(parse_pod(of or pod(), dialect), port)


def meshed(account: str = "webapp", address: str = "10.0.0.9", namespace: str = "booksapp") -> Client:
    """A client with an identity."""
    return Client(ip_address(address), identity(account, namespace), mesh_tls=True)


def unmeshed(address: str = "10.0.0.9") -> Client:
    """A client without one, such as the kubelet."""
    return Client(ip_address(address))


def let_in(policy: InboundPolicy, client: Client, route: str = "default") -> str:
    """The authorization by which a client may use the route of that name; "" for none.

    raises  KeyError if the policy has no such route
    """
    found = {known.ref.name: known for known in policy.routes}[route].authorization_for(client)
    return str(found.ref) if found else ""
