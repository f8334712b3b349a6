"""The page for browsers: what it shows, that nothing in it can act, and that it asks no other site for anything."""

from __future__ import annotations

import re

import pytest

from harness.tests.apps_podinfo.pods import Pod, on_pod

BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"}


def page(*argv: str, hostname: str = "frontend-podinfo-5d9c-x7k2p") -> str:
    pages: list[str] = []

    async def ask(pod: Pod) -> None:
        reply = await pod.ask("GET", "/", headers=BROWSER)
        assert (reply.status, reply.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        pages.append(reply.text)

    on_pod(ask, *argv, environ={"HOSTNAME": hostname})
    return pages[0]


def test_it_shows_message_hostname_and_colour() -> None:
    shown = page("--ui-message=A backend", "--ui-color=#123456")
    assert "<title>frontend-podinfo-5d9c-x7k2p</title>" in shown
    assert '<h1 id="message">A backend</h1>' in shown
    assert '<b id="hostname">frontend-podinfo-5d9c-x7k2p</b>' in shown
    assert '<body style="background-color: #123456">' in shown
    assert re.search(r'<button id="ping"[^>]*>Ping', shown)


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "a & b"])
def test_what_it_shows_is_text(text: str) -> None:
    shown = page(f"--ui-message={text}", f"--ui-color={text}", hostname=text)
    assert text not in shown
    assert shown.count("<script>") == 1
    assert "background-color: #34577c" in shown


@pytest.mark.parametrize(
    ("color", "shown"),
    [
        ("red", "red"),
        ("rgb(1, 2, 3)", "rgb(1, 2, 3)"),
        ("#fff", "#fff"),
        ("red; background-image: url(//example.org)", "#34577c"),
        ("url(//example.org/x)", "#34577c"),
        ("red}", "#34577c"),
        ("red\n", "#34577c"),
        ("", "#34577c"),
    ],
)
def test_a_colour_is_nothing_but_a_colour(color: str, shown: str) -> None:
    assert f'style="background-color: {shown}"' in page(f"--ui-color={color}")


def test_it_needs_no_other_site() -> None:
    shown = page("--ui-logo=https://example.org/logo.png")
    assert "//" not in re.sub(r"<!doctype html>|^\s*//.*$", "", shown, flags=re.MULTILINE)
    assert not re.search(r"""(?:src|href|action)=["'](?!data:)""", shown)
    assert {"api/echo", "api/info"} == set(re.findall(r'fetch\("([^"]*)"', shown))


@pytest.mark.parametrize("agent", ["curl/8.5.0", "kube-probe/1.32", "", "Go-http-client (Mozilla)"])
def test_everybody_else_gets_json(agent: str) -> None:
    async def ask(pod: Pod) -> None:
        reply = await pod.ask("GET", "/", headers={"User-Agent": agent})
        assert reply.headers["Content-Type"] == "application/json; charset=utf-8"

    on_pod(ask)
