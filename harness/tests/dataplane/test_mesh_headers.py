"""Headers of the mesh itself: what a client may say with them, and what nobody can fake (§4.9 to §4.12)."""

from __future__ import annotations

import pytest

from harness.tests.dataplane.builders import service
from harness.tests.dataplane.live import LiveMesh
from harness.tests.dataplane.test_live_routing import run

pytestmark = pytest.mark.cluster


def test_a_required_identity_is_the_only_one_that_answers() -> None:
    """§4.12: others are refused with 502, those without any among them; the header ends here."""

    async def test(mesh: LiveMesh) -> None:
        webapp = await mesh.app("webapp", listening=False)
        first, second = await mesh.app("first"), await mesh.app("second")
        plain = await mesh.app("plain", meshed=False)
        both = service("books", first.endpoint.pod_ip, second.endpoint.pod_ip)
        await mesh.push(webapp, first, second, plain, both, service("plain", plain.endpoint.pod_ip))

        anyone = {(await mesh.get(webapp, "http://books:7000/")).by for _ in range(40)}
        assert anyone == {"first", "second"}
        asked = [await mesh.get(webapp, "http://books:7000/", l5d_require_id=second.identity) for _ in range(20)]
        assert {answer.by for answer in asked} == {"second"}
        assert all("l5d-require-id" not in answer.seen["headers"] for answer in asked)

        for url in ("http://books:7000/", "http://plain:7000/"):
            refused = await mesh.get(webapp, url, l5d_require_id="nobody.booksapp")
            assert (refused.status, refused.error) == (502, "no endpoint has the required identity")
        assert (await mesh.get(webapp, "http://plain:7000/")).by == "plain"

    run(test)


def test_a_service_without_endpoints_fails_fast_and_not_for_an_identity() -> None:
    async def test(mesh: LiveMesh) -> None:
        webapp = await mesh.app("webapp", listening=False)
        await mesh.push(webapp, service("empty"))
        assert (await mesh.get(webapp, "http://empty:7000/")).status == 504

    run(test)


def test_nobody_outside_the_mesh_obeys_the_header() -> None:
    async def test(mesh: LiveMesh) -> None:
        outsider, books = await mesh.app("outsider", listening=False, meshed=False), await mesh.app("books")
        await mesh.push(outsider, books, service("books", books.endpoint.pod_ip))
        answer = await mesh.get(outsider, "http://books:7000/", l5d_require_id="nobody")
        assert answer.by == "books"
        assert answer.seen["headers"]["l5d-require-id"] == "nobody"

    run(test)


def test_who_calls_is_told_by_the_certificate_alone() -> None:
    """§4.9: whatever a client claims is taken away, from those with an identity and from those without."""

    async def test(mesh: LiveMesh) -> None:
        webapp, books = await mesh.app("webapp", listening=False), await mesh.app("books")
        outsider = await mesh.app("outsider", listening=False, meshed=False)
        await mesh.push(webapp, outsider, books, service("books", books.endpoint.pod_ip))
        claimed = {"l5d_client_id": books.identity}
        assert (await mesh.get(webapp, "http://books:7000/", **claimed)).seen["headers"][
            "l5d-client-id"
        ] == webapp.identity
        assert "l5d-client-id" not in (await mesh.get(outsider, "http://books:7000/", **claimed)).seen["headers"]

    run(test)


def test_headers_of_other_modes_are_passed_on_and_change_nothing() -> None:
    """§4.10, §4.11: no profile and no ingress mode is at work in a sidecar."""

    async def test(mesh: LiveMesh) -> None:
        webapp, books, other = (
            await mesh.app("webapp", listening=False),
            await mesh.app("books"),
            await mesh.app("other"),
        )
        services = (service("books", books.endpoint.pod_ip), service("other", other.endpoint.pod_ip))
        await mesh.push(webapp, books, other, *services)
        said = {"l5d_dst_override": "other.booksapp.svc.cluster.local:7000", "l5d_dst_canonical": "other.booksapp:7000"}
        answer = await mesh.get(webapp, "http://books:7000/", **said)
        assert answer.by == "books"
        sent = {name.replace("_", "-"): value for name, value in said.items()}
        assert {name: answer.seen["headers"].get(name) for name in sent} == sent

    run(test)
