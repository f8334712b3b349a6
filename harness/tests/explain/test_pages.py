"""booksapp's pages foretold by its call graph, in `explain` and `lint`; nothing where that cannot be known."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli import cli
from harness.tests.oracle.cluster import ROOT

INJECTION = ROOT / "scenarios/tutorial/fault-injection.yaml"
PAGES = "the-page-fails-as-the-call-graph-says"
AUTHORS = "- expect: authors-calls-are-not-split"
UNSET = "- unset-env: {deployment: booksapp/authors, variable: FAILURE_RATE}"
VISITOR = "- scale: {deployment: booksapp/traffic, replicas: 1}"


def foretold(
    tmp_path: Path,
    *changes: tuple[str, str],
    injector: tuple[str, str] = ("", ""),
    manifest: tuple[str, str, str] = ("", "", ""),
) -> float | None:
    """The share of pages that succeed, as explain has it for the scenario with these texts exchanged.

    injector  a text of the error injector's manifest, and another
    manifest  a file of booksapp, a text of it ("" for its end), and another
    """
    (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
    shutil.copytree(ROOT / "manifests", tmp_path / "manifests")
    for name, old, new in (("error-injector", *injector), manifest):
        path = tmp_path / f"manifests/booksapp/{name}.yaml"
        if name and (old or new):
            path.write_text(path.read_text().replace(old, new) if old else path.read_text() + new)
    text = INJECTION.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    (tmp_path / "changed.yaml").write_text(text)
    told = CliRunner().invoke(cli, ["explain", "--json", str(tmp_path / "changed.yaml")])
    (scenario,) = json.loads(told.stdout)
    found = [one for step in scenario["steps"] for one in step["expectations"] if one["expect"] == PAGES]
    (pages,) = (one["pages"] for one in found)
    return None if pages is None else float(pages)


def test_the_share_is_the_articles(tmp_path: Path) -> None:
    """§7.1.4: 9.6 of 10.8025."""
    assert foretold(tmp_path) == pytest.approx(0.88868, abs=1e-5)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (UNSET, "- set-env: {deployment: booksapp/authors, variable: FAILURE_RATE, value: '0.2'}"),
        (UNSET, "- unset-env: {deployment: booksapp/authors, variable: BOOKS_SITE}"),
        (VISITOR, "- scale: {deployment: booksapp/traffic, replicas: 0}"),
        (", during: 2m, without: probes", ", during: 2m"),
        ("direction: inbound", "direction: outbound"),
        ("proxy: booksapp/webapp", "proxy: booksapp/books"),
        ("of: {class: success}", "of: {status: 2xx}"),
        (AUTHORS, "- expect: pages-too\n          send: {from: webapp, request: GET http://webapp:7000/}\n"
         "          every: {status: 200}\n\n        " + AUTHORS),
    ],
)  # fmt: skip
def test_what_is_not_known_is_not_foretold(tmp_path: Path, old: str, new: str) -> None:
    assert foretold(tmp_path, (old, new)) is None


TIMEOUT = "timeouts: {request: %s}\n      backendRefs:"


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("booksapp", "          env:", "          envFrom: [{configMapRef: {name: x}}]\n          env:"),
        ("error-split-httproute", "backendRefs:", TIMEOUT % "1ms"),
    ],
)
def test_what_may_end_otherwise_makes_the_pages_unknown(tmp_path: Path, file: str, old: str, new: str) -> None:
    assert foretold(tmp_path, manifest=(file, old, new)) is None


def test_a_timeout_that_nobody_meets_changes_nothing(tmp_path: Path) -> None:
    assert foretold(tmp_path, manifest=("error-split-httproute", "backendRefs:", TIMEOUT % "2s")) is not None


def test_a_visitor_that_is_not_let_in_sees_no_page(tmp_path: Path) -> None:
    server = """
---
apiVersion: policy.linkerd.io/v1beta3
kind: Server
metadata: {name: closed, namespace: booksapp}
spec: {podSelector: {matchLabels: {app: webapp}}, port: 7000}
"""
    assert foretold(tmp_path, manifest=("error-split-httproute", "", server)) is None


def test_somebody_else_who_asks_for_pages_all_the_time_makes_them_unknown(tmp_path: Path) -> None:
    always = "  always:\n    - expect: pages\n      send: {from: webapp, request: GET http://webapp:7000/}\n"
    assert foretold(tmp_path, ("  steps:\n", f"{always}      every: {{status: 200}}\n  steps:\n")) is None


def test_an_app_that_was_patched_may_answer_anything(tmp_path: Path) -> None:
    patch = "- patch: {deployment: booksapp/authors, type: merge, patch: {spec: {minReadySeconds: 0}}}"
    assert foretold(tmp_path, (UNSET, f"{UNSET}\n        {patch}")) is None


def test_an_app_that_is_applied_again_stays_scaled_to_nothing(tmp_path: Path) -> None:
    """What is applied without a number of replicas leaves it as it is; a backend without a pod loses its share."""
    wait = "- wait: {rollout: booksapp/error-injector, within: 2m}"
    none = f"- scale: {{deployment: booksapp/error-injector, replicas: 0}}\n        {wait}"
    again = f"{none}\n        - apply: manifests/booksapp/error-injector.yaml"
    assert foretold(tmp_path, (wait, again), injector=("  replicas: 1\n", "")) == 1


def test_an_app_that_may_answer_anything_makes_the_pages_unknown(tmp_path: Path) -> None:
    assert foretold(tmp_path, injector=("return 500;", "proxy_pass http://books:7002;")) is None


def test_the_status_that_an_app_always_answers_counts(tmp_path: Path) -> None:
    assert foretold(tmp_path, injector=("return 500;", "return 200;")) == 1


def test_it_is_told_in_words() -> None:
    told = CliRunner().invoke(cli, ["explain", str(INJECTION)]).output
    assert "booksapp's call graph: of 10.80 pages a round of the visitor 9.60 succeed: 88.87% (§8.2, §8.3)" in told
