"""The tutorial's six states on real traffic, and what denied requests look like (3B to 3D, 7.4)."""

from __future__ import annotations

import pytest

from harness.dialect import DIALECTS, Dialect
from harness.resources.inbound import Client
from harness.tests.dataplane_inbound.live import Guarded, guarded
from harness.tests.resources_policy.documents import server
from harness.tests.resources_policy.test_tutorial_states import BOOKS, KUBELET, REQUESTS, STATES, TRAFFIC, WEBAPP

pytestmark = pytest.mark.cluster

SENDERS: dict[Client, str] = {WEBAPP: "webapp", BOOKS: "books", TRAFFIC: "traffic"}


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
def test_the_states_of_the_tutorial(dialect: Dialect) -> None:
    """§7.4.0 to §7.4.6: every request of the matrix, in every state."""

    async def test(world: Guarded) -> None:
        pods = {client: await world.client(name) for client, name in SENDERS.items()}
        outsider = await world.client("outsider", meshed=False)
        in_force = []
        for state, step in enumerate(STATES):
            in_force += step
            await world.enforce(*in_force)
            for name, client, method, path, expected in REQUESTS:
                senders = [pods[client]] if client in pods else [outsider, None]
                for sender in senders:
                    answer = await world.ask(sender, path, method)
                    assert answer.status == expected[state], (state, name, sender)
        assert not world.mesh.deaths

    assert KUBELET not in SENDERS
    guarded(test, dialect)


def test_a_denial_has_no_body_and_its_reason_stays_in_the_mesh() -> None:
    """§3.24, §0.8."""

    async def test(world: Guarded) -> None:
        senders = [await world.client("webapp"), await world.client("outsider", meshed=False), None]
        await world.enforce(server())
        for sender in senders:
            answer = await world.ask(sender, "/authors.json")
            assert (answer.status, answer.body, answer.headers["content-length"]) == (403, "", "0")
            assert not [name for name in answer.headers if name.startswith(("l5d-", "x-envoy", "signalbox"))]
            assert "connection" not in answer.headers
        denied = await world.counted("inbound_http_authz_deny_total", srv_name="authors-server", route_name="default")
        assert denied == 3
        assert await world.counted("response_total", direction="inbound") == 0

    guarded(test)
