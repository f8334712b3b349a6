"""One context out of a user's kubeconfig, and which versions of Linkerd keep which rules."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import yaml

from harness.cluster.kubeconfig import only_context, write_private
from harness.cluster.linkerd_health import follows
from harness.cluster.rights import Right, in_words
from harness.dialect import LINKERD_2_14, LINKERD_EDGE, RULES
from harness.errors import InputError

CONFIG = """\
apiVersion: v1
kind: Config
current-context: other
clusters:
  - {name: one, cluster: {server: https://one, certificate-authority: ca.crt}}
  - {name: two, cluster: {server: https://two}}
users:
  - {name: me, user: {client-certificate: certs/me.crt, client-key: /abs/me.key}}
  - {name: you, user: {token: secret}}
contexts:
  - {name: mine, context: {cluster: one, user: me, namespace: x}}
  - {name: other, context: {cluster: two, user: you}}
  - {name: broken, context: {cluster: three, user: them}}
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "config"
    path.write_text(CONFIG, encoding="utf-8")
    return path


def test_only_what_the_context_needs_is_taken(source: Path) -> None:
    text = only_context(source, "mine")
    document = yaml.safe_load(text)
    assert document["current-context"] == "mine"
    assert [c["name"] for c in document["contexts"]] == ["mine"]
    assert "secret" not in text
    assert "https://two" not in text


def test_paths_are_found_from_anywhere(source: Path) -> None:
    document = yaml.safe_load(only_context(source, "mine"))
    assert document["clusters"][0]["cluster"]["certificate-authority"] == str(source.parent / "ca.crt")
    user = document["users"][0]["user"]
    assert user == {"client-certificate": str(source.parent / "certs/me.crt"), "client-key": "/abs/me.key"}


@pytest.mark.parametrize(
    ("name", "said"),
    [("mien", "did you mean 'mine'?"), ("broken", "names cluster 'three', which is not there")],
    ids=["unknown", "dangling"],
)
def test_a_context_that_cannot_be_used(source: Path, name: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        only_context(source, name)
    assert said in str(caught.value)


@pytest.mark.parametrize("text", ["[]", "a: [", "contexts: 3"], ids=["list", "no-yaml", "no-contexts"])
def test_what_is_no_kubeconfig(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="is no kubeconfig"):
        only_context(path, "mine")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        only_context(tmp_path / "none", "mine")


def test_credentials_are_for_their_owner_alone(tmp_path: Path) -> None:
    path = write_private("x", tmp_path / "k")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("version", "dialects"),
    [
        ("stable-2.14.10", [LINKERD_2_14]),
        ("stable-2.14.0", [LINKERD_2_14]),
        ("stable-2.13.7", []),
        ("edge-26.8.3", [LINKERD_EDGE]),
        ("enterprise-2.17.1", [LINKERD_EDGE]),
        ("enterprise-2.15.0", []),
        ("", []),
    ],
)
def test_which_rules_a_version_keeps(version: str, dialects: list[object]) -> None:
    assert [d for d in RULES.values() if follows(version, d)] == dialects


def test_rights_in_words() -> None:
    rights = [Right("", "pods", "get"), Right("", "pods", "list"), Right("apps", "deployments", "patch", "x")]
    assert in_words(rights) == "get,list pods; patch deployments.apps in x"
