"""Where redirects lead (§1.57): what is compiled, and the Location that clients of a real proxy get."""

from __future__ import annotations

import asyncio

import pytest

from harness.embedded.dataplane.compile.matching import Tier
from harness.embedded.dataplane.compile.redirects import can_redirect, redirect
from harness.resources.filters import PathRewrite, RequestRedirect
from harness.resources.matches import Match, PathMatch
from harness.resources.routes import Rule
from harness.tests.dataplane.builders import route, service
from harness.tests.dataplane.live import live_mesh

# the filter, and the Location for GET http://books:7000/old/x?q=1 under prefix /old
CASES = [
    (RequestRedirect(hostname="example.org"), "http://example.org:7000/old/x?q=1"),
    (RequestRedirect(hostname="example.org", port=8080), "http://example.org:8080/old/x?q=1"),
    (RequestRedirect(hostname="example.org", port=80), "http://example.org:80/old/x?q=1"),
    (RequestRedirect(scheme="https", hostname="example.org", port=443), "https://example.org:443/old/x?q=1"),
    (RequestRedirect(scheme="https", port=443), "https://books:443/old/x?q=1"),
    (RequestRedirect(port=9000, status_code=301), "http://books:9000/old/x?q=1"),
    (RequestRedirect(path=PathRewrite("ReplaceFullPath", "/new")), "http://books:7000/new"),
    (RequestRedirect(path=PathRewrite("ReplacePrefixMatch", "/new")), "http://books:7000/new/x?q=1"),
    (RequestRedirect(path=PathRewrite("ReplacePrefixMatch", "/")), "http://books:7000//x?q=1"),
]


@pytest.mark.cluster
def test_locations() -> None:
    async def main() -> None:
        async with live_mesh() as mesh:
            webapp, books = await mesh.app("webapp", listening=False), await mesh.app("books")
            for item, location in CASES:
                rule = Rule(matches=(Match(PathMatch("PathPrefix", "/old")),), filters=(item,))
                await mesh.push(webapp, books, service("books", books.endpoint.pod_ip), route("r", rule))
                answer = await mesh.get(webapp, "http://books:7000/old/x?q=1")
                assert (answer.status, answer.headers["location"]) == (item.status_code, location), item
                assert (answer.body, answer.error) == ("", None)
            everything = Rule(filters=(RequestRedirect(path=PathRewrite("ReplacePrefixMatch", "/new")),))
            await mesh.push(webapp, books, service("books", books.endpoint.pod_ip), route("r", everything))
            answers = [await mesh.get(webapp, f"http://books:7000{path}") for path in ("/", "/a?q=1", "//a")]
            found = [answer.headers["location"] for answer in answers]
            assert found == [f"http://books:7000/new{rest}" for rest in ("", "/a?q=1", "/a")]

    asyncio.run(main())


# the filter, the prefix it is behind, and requests to books:7000 that it would lead to where they go already, and not
TO_ITSELF = [
    (RequestRedirect(hostname="books"), "/old", "/old/x?q=1", ""),
    (RequestRedirect(hostname="books", port=7000, scheme="http"), "/old", "/old", ""),
    (RequestRedirect(port=7000), "/old", "/old", ""),
    (RequestRedirect(path=PathRewrite("ReplaceFullPath", "/old/new")), "/old", "/old/new", "/old/new?q"),
    (RequestRedirect(path=PathRewrite("ReplacePrefixMatch", "/old")), "/old/", "/old/x?q=1", ""),
    (RequestRedirect(path=PathRewrite("ReplacePrefixMatch", "/")), "/", "/?q", "/x"),
]
ELSEWHERE = [
    RequestRedirect(scheme="https"),
    RequestRedirect(hostname="other"),
    RequestRedirect(hostname="books", port=80),
    RequestRedirect(hostname="book."),
    RequestRedirect(path=PathRewrite("ReplacePrefixMatch", "/old/")),
]


@pytest.mark.cluster
def test_a_redirect_to_where_a_request_goes_already_is_none() -> None:
    """In front of the client, by its own filter, and of the application."""

    async def main() -> None:
        async with live_mesh() as mesh:
            webapp, books = await mesh.app("webapp", listening=False), await mesh.app("books")

            async def status(item: RequestRedirect, prefix: str, target: str) -> int:
                rule = Rule(matches=(Match(PathMatch("PathPrefix", prefix)),), filters=(item,))
                await mesh.push(webapp, books, service("books", books.endpoint.pod_ip), route("r", rule))
                return (await mesh.get(webapp, f"http://books:7000{target}")).status

            for item, prefix, here, there in TO_ITSELF:
                assert await status(item, prefix, here) == 200, item
                assert not there or await status(item, prefix, there) == 302, item
            for item in ELSEWHERE:
                assert await status(item, "/old", "/old/x") == 302, item

    asyncio.run(main())


def test_a_new_hostname_keeps_the_port_unless_it_is_the_scheme_s_own() -> None:
    answers = [
        redirect(RequestRedirect(hostname="a.b"), port, PathMatch(), Tier.PREFIX)["redirect"] for port in (7000, 80)
    ]
    assert [answer.get("port_redirect") for answer in answers] == [7000, None]


def test_only_real_redirects_can_be_answered() -> None:
    assert [code for code in range(300, 310) if can_redirect(RequestRedirect(status_code=code))] == [
        301, 302, 303, 307, 308
    ]  # fmt: skip
