"""When a cluster stays, and what is told of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cluster.provider import Cluster
from harness.dialect import DIALECTS
from harness.errors import ClusterLost, Exit, InputError, exit_code_of, worst
from harness.run.keep import Keep, entering, way_in
from harness.run_commands import _wait_for_enter

BAD = (Exit.BROKEN, Exit.INPUT, Exit.INCONCLUSIVE, Exit.ENVIRONMENT)


@pytest.mark.parametrize("keep", Keep)
def test_what_stays_after_what(keep: Keep) -> None:
    stays = {code for code in Exit if keep.stays_after(code)}
    expected = {Keep.NEVER: set(), Keep.ON_FAILURE: set(BAD), Keep.ALWAYS: set(Exit)}
    assert stays == expected[keep]
    assert {code for code in Exit if keep.leaves(code)} == stays - {Exit.HELD}


def test_a_whole_ends_in_the_worst_of_its_parts() -> None:
    assert worst([]) is Exit.HELD
    assert worst([Exit.HELD, Exit.INCONCLUSIVE, Exit.ENVIRONMENT]) is Exit.ENVIRONMENT
    assert worst([Exit.ENVIRONMENT, Exit.INPUT, Exit.BROKEN]) is Exit.BROKEN
    assert worst(Exit) is Exit.INTERRUPTED


def test_an_interruption_shows_nothing() -> None:
    assert exit_code_of(KeyboardInterrupt()) is Exit.INTERRUPTED
    assert exit_code_of(InputError([])) is Exit.INPUT
    assert exit_code_of(ClusterLost("gone")) is Exit.ENVIRONMENT
    assert exit_code_of(ValueError("a bug")) is Exit.ENVIRONMENT


def test_ways_in_say_how_it_goes_again() -> None:
    own = Cluster("box", Path("/a b/kubeconfig"), DIALECTS["linkerd-2.14"], ingress="127.0.0.1:1")
    text = "\n".join(way_in(own, "ab12"))
    assert "export KUBECONFIG='/a b/kubeconfig'" in text
    assert "signalbox down box" in text
    shared = Cluster("theirs", Path("/k"), DIALECTS["linkerd-2.14"], shared=True)
    text = "\n".join(way_in(shared, "ab12"))
    assert "signalbox.dev/run=ab12" in text
    assert "signalbox down" not in text
    guest = Cluster("existing/theirs", Path("/k"), DIALECTS["linkerd-2.14"], shared=True, guest="ab12")
    assert "what the run left there stays until: signalbox down existing/theirs" in way_in(guest, "ab12")[-1]


def test_a_pause_says_how_to_enter_as_the_end_of_a_run_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster = Cluster("box", Path("/a b/kubeconfig"), DIALECTS["linkerd-2.14"], ingress="127.0.0.1:1")
    monkeypatch.setattr("click.prompt", lambda *_, **more: "")
    _wait_for_enter(cluster, "it-answers")
    assert capsys.readouterr().out.splitlines()[-2:] == [f"  {line}" for line in entering(cluster)]
    assert entering(cluster)[0] == "export KUBECONFIG='/a b/kubeconfig'"
